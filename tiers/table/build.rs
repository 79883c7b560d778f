//! Where the library tilecache is: in `TILECACHE_LIB`, or where pkg-config finds it, or in `target/release` of the
//! checkout. The libraries of the tiers get the folder as `DEP_TILECACHE_FOLDER`.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=TILECACHE_LIB");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-lib=dylib=tilecache");
    let told = env::var_os("TILECACHE_LIB").map(PathBuf::from);
    if told.is_none() && found_by_pkg_config() {
        return;
    }
    let folder = told.unwrap_or_else(|| PathBuf::from("../../target/release"));
    let Ok(folder) = fs::canonicalize(&folder) else {
        println!(
            "cargo::error={} does not exist; TILECACHE_LIB says where the library is",
            folder.display()
        );
        return;
    };
    println!("cargo::rustc-link-search=native={}", folder.display());
    println!("cargo::metadata=FOLDER={}", folder.display());
}

fn found_by_pkg_config() -> bool {
    let Ok(told) = Command::new("pkg-config")
        .args(["--libs-only-L", "--silence-errors", "tilecache"])
        .output()
    else {
        return false;
    };
    for folder in String::from_utf8_lossy(&told.stdout).split_whitespace() {
        println!(
            "cargo::rustc-link-search=native={}",
            folder.trim_start_matches("-L")
        );
    }
    told.status.success()
}
