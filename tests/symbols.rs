//! The shared library exports the functions of the header and nothing else, not even of dependencies.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

/// The names that the dynamic linker sees, one a line, sorted.
fn exported() -> String {
    let test = std::env::current_exe().expect("a test has a path");
    let library = test.with_file_name("libtilecache.so");
    let output = Command::new("nm")
        .args(["-D", "--defined-only", "--format=just-symbols"])
        .arg(&library)
        .output()
        .expect("nm runs");
    assert!(output.status.success(), "nm {}", library.display());
    let text = String::from_utf8(output.stdout).expect("symbols are ASCII");
    let mut names: Vec<&str> = text.lines().collect();
    names.sort_unstable();
    names.iter().flat_map(|name| [*name, "\n"]).collect()
}

#[test]
fn symbols_are_those_of_the_list() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/tilecache.symbols");
    let exported = exported();
    if std::env::var_os("UPDATE_SYMBOLS").is_some() {
        std::fs::write(&path, &exported).expect("include/ is writable");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == exported,
        "include/tilecache.symbols is not what the library exports, which is\n{exported}\
         If that is meant, refresh it with\nUPDATE_SYMBOLS=1 cargo test --test symbols"
    );
}

/// What a Debian package that needs a function must ask for: the version of the library that brought it.
#[test]
fn the_list_for_debian_says_since_when_there_is_each_symbol() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("debian/libtilecache0.symbols");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let since = |name: &str| {
        let line = committed.lines().find_map(|line| {
            let version = line.strip_prefix(&format!(" {name}@Base "))?;
            Some(version.to_owned())
        });
        line.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
    };
    let mut wanted = String::from(
        "libtilecache.so.0 libtilecache0 #MINVER#\n* Build-Depends-Package: libtilecache-dev\n",
    );
    for name in exported().lines() {
        wanted += &format!(" {name}@Base {}\n", since(name));
    }
    if std::env::var_os("UPDATE_SYMBOLS").is_some() {
        std::fs::write(&path, &wanted).expect("debian/ is writable");
        return;
    }
    assert!(
        committed == wanted,
        "debian/libtilecache0.symbols is not what the library exports; refresh it with\n\
         UPDATE_SYMBOLS=1 cargo test --test symbols"
    );
}

#[test]
fn no_symbol_has_a_version_of_its_own() {
    let test = std::env::current_exe().expect("a test has a path");
    let output = Command::new("readelf")
        .args(["--version-info", "--wide"])
        .arg(test.with_file_name("libtilecache.so"))
        .output()
        .expect("readelf runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains(".gnu.version_r"),
        "{text}"
    );
    assert!(!text.contains(".gnu.version_d"), "{text}");
}

#[test]
fn every_symbol_is_in_the_header() {
    let header = include_str!("../include/tilecache.h");
    for name in exported().lines() {
        assert!(
            header.contains(&format!("{name}(")),
            "{name} is not declared"
        );
        assert!(
            name.starts_with("tc_") || name.starts_with("provider_"),
            "{name}"
        );
    }
}
