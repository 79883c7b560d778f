//! Programs of the documents, compiled as users would, with every warning an error.

#![allow(dead_code)]

use std::process::Command;

/// The compiler that the `cc` crate finds, with the header in reach.
pub fn compiler(cpp: bool) -> Command {
    let host = Command::new(env!("CARGO"))
        .arg("-vV")
        .output()
        .expect("cargo runs");
    let host = String::from_utf8(host.stdout).expect("cargo writes UTF-8");
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.expect("cargo names its host");
    let mut build = cc::Build::new();
    build
        .cargo_metadata(false)
        .cpp(cpp)
        .target(host)
        .host(host)
        .opt_level(1);
    let mut command = build.try_get_compiler().expect("a compiler").to_command();
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    command.arg(concat!("-I", env!("CARGO_MANIFEST_DIR"), "/include"));
    command
}

pub fn run(command: &mut Command) -> (bool, String) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

pub fn compile(command: &mut Command) {
    let (compiles, said) = run(command);
    assert!(compiles, "{command:?}\n{said}");
}
