//! Programs in C under a sanitizer, over the library built once more with it.
//!
//! The stable compiler has the sanitizers behind a switch. Objects are gcc's and the runtime is Rust's,
//! which knows all that both compilers ask for.

use super::programs::run;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library with a sanitizer in it, and what that needs of a program.
#[derive(Clone)]
pub struct Sanitized {
    /// The directory of the library.
    pub directory: PathBuf,
    runtime: PathBuf,
}

impl Sanitized {
    /// Builds the library with the sanitizer of this name; `None` where this Rust comes without its
    /// runtime, as with some distributions.
    pub fn build(name: &str) -> Option<Self> {
        let (short, flag) = match name {
            "address" => ("asan", "memory_checker"),
            "thread" => ("tsan", "race_detector"),
            _ => panic!("no sanitizer {name}"),
        };
        let about = run(Command::new("rustc").arg("-vV"));
        let host = about
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .expect("a host");
        let root = run(Command::new("rustc").args(["--print", "sysroot"]));
        let libraries = Path::new(root.trim())
            .join("lib/rustlib")
            .join(host)
            .join("lib");
        let runtime = fs::read_dir(libraries)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.to_string_lossy().ends_with(&format!("_rt.{short}.a")))?;
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("sanitized")
            .join(name);
        let headers = Path::new(env!("TILECACHE_LIBJPEG_TURBO_HEADERS"));
        // The programs with threads read none of the files whose codecs would be built here.
        let features: &[&str] = match name {
            "thread" => &["--no-default-features"],
            _ => &[],
        };
        run(Command::new(env!("CARGO"))
            .args([
                "rustc",
                "--quiet",
                "--locked",
                "--lib",
                "--crate-type",
                "cdylib",
            ])
            .args(["--target", host])
            .args(features)
            .arg("--target-dir")
            .arg(&target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "RUSTFLAGS",
                format!("-Zsanitizer={name} -Cunsafe-allow-abi-mismatch=sanitizer --cfg {flag}"),
            )
            .env("CFLAGS", format!("-fsanitize={name}"))
            // As in the profile of the tests.
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
            // libjpeg-turbo takes long to build, and is that of the tests here, without the sanitizer: this
            // sees what our C gives to it and takes from it, and its allocations, but not its own accesses.
            .env("TURBOJPEG_SOURCE", "explicit")
            .env("TURBOJPEG_LIB_DIR", headers.with_file_name("lib"))
            .env("TURBOJPEG_INCLUDE_DIR", headers)
            .env_remove("CARGO_ENCODED_RUSTFLAGS"));
        Some(Self {
            directory: target.join(host).join("debug"),
            runtime,
        })
    }

    /// Makes this command of a C compiler link objects that were compiled with the sanitizer.
    pub fn link(&self, command: &mut Command) {
        command
            .arg("-Wl,--whole-archive")
            .arg(&self.runtime)
            .args(["-Wl,--no-whole-archive", "-Wl,--export-dynamic"])
            .arg(self.directory.join("libtilecache.so"))
            .arg(format!("-Wl,-rpath,{}", self.directory.display()));
    }
}
