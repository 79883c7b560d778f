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
