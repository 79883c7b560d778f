//! Where the library is: in `TILECACHE_LIB`, or where pkg-config finds it, or in `target/release` of the checkout.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=TILECACHE_LIB");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-lib=dylib=tilecache");
    #[cfg(feature = "gdal")]
    with_gdal();
    let told = env::var_os("TILECACHE_LIB").map(PathBuf::from);
    if told.is_none() && found_by_pkg_config() {
        return;
    }
    let folder = told.unwrap_or_else(|| PathBuf::from("../../target/release"));
    // Built in a checkout, the program finds the library where it was linked.
    let Ok(folder) = fs::canonicalize(&folder) else {
        println!(
            "cargo::error={} does not exist; TILECACHE_LIB says where the library is",
            folder.display()
        );
        return;
    };
    println!("cargo::rustc-link-search=native={}", folder.display());
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
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

/// Compiles what is written over `tilecache_gdal.h`, and links GDAL.
#[cfg(feature = "gdal")]
fn with_gdal() {
    println!("cargo::rerun-if-changed=src/gdal.c");
    println!("cargo::rerun-if-changed=../../include/tilecache_gdal.h");
    let mut library = cc::Build::new();
    library
        .file("src/gdal.c")
        .include("../../include")
        .flag_if_supported("-Wno-unused-function");
    let Some(flags) = told("gdal-config", "--cflags") else {
        println!("cargo::error=there is no gdal-config; Debian has it in libgdal-dev");
        return;
    };
    for flag in &flags {
        library.flag(flag);
    }
    library.compile("tilecache_tool_gdal");
    for flag in told("gdal-config", "--libs").unwrap_or_default() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo::rustc-link-search=native={folder}");
        } else if let Some(name) = flag.strip_prefix("-l") {
            println!("cargo::rustc-link-lib=dylib={name}");
        }
    }
}

#[cfg(feature = "gdal")]
fn told(program: &str, what: &str) -> Option<Vec<String>> {
    let said = Command::new(program).arg(what).output().ok()?;
    let words = String::from_utf8_lossy(&said.stdout);
    said.status
        .success()
        .then(|| words.split_whitespace().map(str::to_string).collect())
}
