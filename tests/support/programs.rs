//! Programs that tests build and run, and the directories that they do it in.

#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// An empty directory for a test of `group`; removed by the next run.
pub fn scratch(group: &str, name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(group)
        .join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// Runs a program that must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Where cargo has just put the libraries that this very test depends on: beside it.
pub fn libraries() -> PathBuf {
    let own = std::env::current_exe().expect("the path of this test");
    own.parent().expect("target/<profile>/deps").to_owned()
}

/// The static library as it is installed, made of what cargo built for the tests of `group`.
pub fn static_library(group: &str) -> PathBuf {
    let library = scratch(group, "library").join("libtilecache.a");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/cmake/static-library.sh");
    run(Command::new(script)
        .arg(libraries().join("libtilecache.a"))
        .arg(&library));
    library
}

/// The directory of the release build, made where it is not current.
pub fn release() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .expect("target");
        run(Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--release", "--lib"])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR")));
        target.join("release")
    })
}
