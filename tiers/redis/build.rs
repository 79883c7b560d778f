//! What the library is called, and where it finds the library tilecache while that is not installed.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libtilecache_redis.so.0");
    if let Ok(folder) = std::env::var("DEP_TILECACHE_FOLDER") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
