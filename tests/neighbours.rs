//! The static library in one program with the system's libjpeg, OpenJPEG and zlib, whose functions have
//! the names of those that it holds itself.

#![cfg(target_os = "linux")]

#[path = "support/programs.rs"]
mod programs;

use programs::{run, scratch, static_library};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SIDE: usize = 300;

const SHARED: [&str; 3] = ["-ljpeg", "-lopenjp2", "-lz"];

const STATIC: [&str; 3] = ["-l:libjpeg.a", "-l:libopenjp2.a", "-l:libz.a"];

#[test]
fn only_the_functions_of_the_header_are_global() {
    let names = run(Command::new("nm")
        .args(["-g", "--defined-only", "--format=just-symbols"])
        .arg(library()));
    let mut names: Vec<&str> = names
        .lines()
        .filter(|line| !line.is_empty() && !line.ends_with(':'))
        .collect();
    names.sort_unstable();
    let listed: Vec<&str> = include_str!("../include/tilecache.symbols")
        .lines()
        .collect();
    let others: Vec<&&str> = names.iter().filter(|name| !listed.contains(name)).collect();
    assert!(
        names == listed,
        "{} others are global: {:?}",
        others.len(),
        &others[..others.len().min(20)]
    );
}

#[test]
fn codecs_of_the_system_are_used_beside_ours() {
    let built = compile("shared-after", &SHARED, false);
    run(Command::new(built).args(files()).arg("shared"));
    let built = compile("shared-before", &SHARED, true);
    run(Command::new(built).args(files()).arg("shared"));
}

#[test]
fn static_codecs_of_the_system_are_used_beside_ours() {
    for (name, before) in [("static-after", false), ("static-before", true)] {
        run(Command::new(compile(name, &STATIC, before)).args(files()));
    }
}

/// The program, with the system's libraries before ours or after it.
fn compile(name: &str, system: &[&str], before: bool) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = scratch("neighbours", name).join("main");
    let openjpeg = run(Command::new("pkg-config").args(["--cflags", "libopenjp2"]));
    let mut command = Command::new("cc");
    command
        .args(["-Wall", "-Wextra", "-Werror", "-fPIE", "-pie"])
        .arg(root.join("tests/neighbours/main.c"))
        .arg("-I")
        .arg(root.join("include"))
        .args(openjpeg.split_whitespace())
        .arg("-o")
        .arg(&program);
    if before {
        command.args(system);
    }
    command.arg(library());
    if !before {
        command.args(system);
    }
    // What debuggers want is most of the file, and nobody debugs it.
    command.arg("-Wl,--strip-debug");
    run(command.args(["-lm", "-ldl", "-lpthread"]));
    program
}

/// The archive that users get, of what cargo has just built.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| static_library("neighbours"))
}

/// The same picture as JPEG and as a codestream without loss.
fn files() -> [PathBuf; 2] {
    static FILES: OnceLock<[PathBuf; 2]> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let directory = scratch("neighbours", "files");
        let [picture, jpeg, codestream] =
            ["picture.ppm", "picture.jpg", "picture.j2k"].map(|name| directory.join(name));
        let mut pixels = format!("P6\n{SIDE} {SIDE}\n255\n").into_bytes();
        for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
            pixels.extend([x * 3 + y, x * y / 97, y * 5 + x / 2].map(|value| value as u8));
        }
        fs::write(&picture, pixels).expect("a picture");
        run(Command::new("cjpeg")
            .arg("-outfile")
            .arg(&jpeg)
            .arg(&picture));
        run(Command::new("opj_compress")
            .arg("-i")
            .arg(&picture)
            .arg("-o")
            .arg(&codestream));
        [jpeg, codestream]
    });
    files.clone()
}
