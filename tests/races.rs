//! Threads under ThreadSanitizer: eight of them over one GDAL dataset and over our own readers, and the
//! threads of `c_tests/`.
//!
//! Where the sanitizer's runtime is not installed, as with some distributions' Rust, the tests say so
//! and pass.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "support/programs.rs"]
mod programs;
#[path = "support/sanitized.rs"]
mod sanitized;

use programs::{run, scratch};
use sanitized::Sanitized;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn eight_threads_over_one_gdal_dataset_do_not_race() {
    let includes = run(Command::new("gdal-config").arg("--cflags"));
    let includes = includes
        .split_whitespace()
        .filter_map(|flag| flag.strip_prefix("-I"));
    let mut flags = vec![format!("{ROOT}/gdal/tests/threads.c"), "-lgdal".to_owned()];
    flags.extend(includes.flat_map(|path| ["-isystem".to_owned(), path.to_owned()]));
    println!("{}", check("gdal", &flags, &["512"]));
}

#[test]
fn threads_of_c_programs_do_not_race() {
    let sources = ["test_threads.c", "support.c"].map(|name| format!("{ROOT}/c_tests/{name}"));
    let mut flags = sources.to_vec();
    flags.push("-lcmocka".to_owned());
    println!("{}", check("threads", &flags, &[]));
}

/// Builds a program with the sanitizer, and runs it; what it said.
fn check(name: &str, flags: &[String], arguments: &[&str]) -> String {
    static BUILT: OnceLock<Option<Sanitized>> = OnceLock::new();
    let Some(sanitized) = BUILT.get_or_init(|| Sanitized::build("thread")) else {
        return "skipped: this Rust comes without the runtime of ThreadSanitizer".to_owned();
    };
    let directory = scratch("races", name);
    let program = directory.join("program");
    let objects: Vec<PathBuf> = flags
        .iter()
        .filter(|flag| flag.ends_with(".c"))
        .map(|source| {
            let object = directory
                .join(Path::new(source).file_name().expect("a name"))
                .with_extension("o");
            run(Command::new("cc")
                .args([
                    "-fsanitize=thread",
                    "-std=gnu99",
                    "-g",
                    "-O1",
                    "-c",
                    source,
                    "-o",
                ])
                .arg(&object)
                .args([format!("-I{ROOT}/include"), format!("-I{ROOT}/c_tests")])
                .args(
                    flags
                        .iter()
                        .filter(|flag| !flag.ends_with(".c") && !flag.starts_with("-l")),
                ));
            object
        })
        .collect();
    let mut link = Command::new("cc");
    link.args(objects);
    sanitized.link(&mut link);
    run(link
        .args(flags.iter().filter(|flag| flag.starts_with("-l")))
        .args(["-lpthread", "-lm", "-ldl", "-lrt", "-o"])
        .arg(&program));
    let options =
        format!("suppressions={ROOT}/gdal/tests/races.supp exitcode=66 second_deadlock_stack=1");
    run(Command::new(program)
        .args(arguments)
        .current_dir(directory)
        // Cargo points to the library without the sanitizer.
        .env_remove("LD_LIBRARY_PATH")
        .env("TILECACHE_TEST_SCALE", "10")
        .env("TSAN_OPTIONS", options))
}
