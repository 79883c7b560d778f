//! The part in C, and how the shared library is linked. Nothing is generated and nothing is looked up:
//! a plain `cargo build` is all that a packager needs.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.toml");
    compile_jpeg();
    let abi = abi_number(&fs::read_to_string("Cargo.toml").expect("Cargo.toml"));
    if env::var_os("CARGO_CFG_UNIX").is_none() {
        return;
    }
    if env::var("CARGO_CFG_TARGET_VENDOR").as_deref() == Ok("apple") {
        link_arg(&format!(
            "-Wl,-install_name,@rpath/libtilecache.{abi}.dylib"
        ));
        return;
    }
    let soname = format!("libtilecache.so.{abi}");
    link_arg(&format!("-Wl,-soname,{soname}"));
    // Hosts load plugins and unload them; our threads and thread-locals must not lose their code.
    link_arg("-Wl,-z,nodelete");
    // Two copies in one process keep to themselves.
    link_arg("-Wl,-Bsymbolic-functions");
    link_beside(&soname);
}

/// The calls of libjpeg-turbo, against the headers of the copy that `turbojpeg-sys` has built.
fn compile_jpeg() {
    const SOURCE: &str = "src/source/jpeg/libjpeg.c";
    println!("cargo::rerun-if-changed={SOURCE}");
    let headers = env::var("DEP_TURBOJPEG_INCLUDE").expect("the place of libjpeg-turbo's headers");
    cc::Build::new()
        .file(SOURCE)
        .includes(headers.split(','))
        .std("c99")
        .extra_warnings(true)
        .compile("tilecache_jpeg");
    // The library of the sanitizers takes this copy, see tests/support/sanitized.rs.
    println!("cargo::rustc-env=TILECACHE_LIBJPEG_TURBO_HEADERS={headers}");
}

fn link_arg(arg: &str) {
    println!("cargo::rustc-cdylib-link-arg={arg}");
}

/// The first part of the library's version in `[package.metadata.capi.library]`: the one place
/// where the ABI has its number; cmake/CMakeLists.txt and cargo-c read it there too.
fn abi_number(manifest: &str) -> u32 {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[package.metadata.capi.library]")
        .find_map(|line| line.strip_prefix("version = \"")?.split('.').next())
        .and_then(|major| major.parse().ok())
        .expect("a version in [package.metadata.capi.library]")
}

/// A program linked to `target/<profile>/libtilecache.so` asks for the SONAME when it starts. So
/// that it runs uninstalled, a link of that name stands beside the library, there and in `deps/`
/// (where `cargo test` leaves it). It points at nothing until the library is linked.
///
/// Only a convenience of the usual layout of `target/`: where that differs, nothing is made.
fn link_beside(soname: &str) {
    let Some(profile) = profile_directory() else {
        return;
    };
    for directory in [profile.join("deps"), profile] {
        let link = directory.join(soname);
        if directory.is_dir() && fs::symlink_metadata(&link).is_err() {
            symlink(Path::new("libtilecache.so"), &link);
        }
    }
}

/// `target/<profile>`, from `OUT_DIR`, which is a few steps below its `build/`.
fn profile_directory() -> Option<PathBuf> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    let mut above = out.ancestors().take(4);
    let build =
        above.find(|directory| directory.file_name().is_some_and(|name| name == "build"))?;
    build.parent().map(Path::to_path_buf)
}

#[cfg(unix)]
fn symlink(to: &Path, link: &Path) {
    let _ = std::os::unix::fs::symlink(to, link);
}

#[cfg(not(unix))]
fn symlink(_to: &Path, _link: &Path) {}
