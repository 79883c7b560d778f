//! Compiles the programs of `c_tests/` against the header and runs them: linked to the shared
//! library, linked to the static one, under valgrind, and all built with AddressSanitizer.
//!
//! `cargo test --test c_tests memory_checks` runs a group, `... test_lifetime` one program in all.

#[path = "support/programs.rs"]
mod programs;
#[path = "support/sanitized.rs"]
mod sanitized;

use programs::{libraries, scratch, static_library};
use sanitized::Sanitized;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// What a program that links the static library must name beside it, as
/// `rustc --print native-static-libs` lists it.
const NATIVE_LIBRARIES: [&str; 7] = [
    "-lgcc_s",
    "-lutil",
    "-lrt",
    "-lpthread",
    "-lm",
    "-ldl",
    "-lc",
];

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// No error, and no leak but what `valgrind.supp` excuses and says why.
const VALGRIND: [&str; 7] = [
    "--quiet",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect,possible",
    "--errors-for-leak-kinds=definite,indirect,possible",
    "--error-exitcode=99",
    "--fair-sched=try",
    "--num-callers=30",
];

/// The programs themselves may not rely on undefined behaviour either.
const SANITIZERS: [&str; 3] = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
    "-fno-omit-frame-pointer",
];

#[derive(Clone, Copy)]
enum Way {
    Shared,
    Static,
    Valgrind,
    Sanitized(&'static Sanitized),
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Shared => "shared",
            Way::Static => "static",
            Way::Valgrind => "valgrind",
            Way::Sanitized(_) => "sanitized",
        }
    }

    /// By how much a program shortens its loops where each step is slow.
    fn scale(self) -> u32 {
        match self {
            Way::Shared => 1,
            Way::Valgrind => 40,
            // What it does is seen with the shared library; here, that it is all there.
            Way::Static | Way::Sanitized(_) => 10,
        }
    }

    /// Far more than a program needs: what runs longer has hung.
    fn patience(self) -> Duration {
        Duration::from_secs(if let Way::Valgrind = self { 400 } else { 120 })
    }
}

macro_rules! programs {
    ($($name:ident)*) => {
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
        programs!(@way linked_shared Shared $($name)*);
        programs!(@way linked_static Static $($name)*);
        programs!(@way memory_checks Valgrind $($name)*);
        mod sanitizers {
            $(#[test]
            fn $name() {
                match super::library_with_sanitizer() {
                    Some(library) => super::check(stringify!($name), super::Way::Sanitized(library)),
                    None => println!("skipped: this Rust comes without the runtime of AddressSanitizer"),
                }
            })*
        }
    };
    (@way $module:ident $way:ident $($name:ident)*) => {
        mod $module {
            $(#[test]
            fn $name() {
                super::check(stringify!($name), super::Way::$way);
            })*
        }
    };
}

programs! {
    test_abi
    test_build
    test_chain
    test_chain_auto
    test_compute
    test_defects
    test_descriptors
    test_failures
    test_files
    test_fork
    test_georef
    test_header_c99
    test_header_cxx
    test_header_neighbours
    test_inputs
    test_lent
    test_levels
    test_lifetime
    test_log
    test_mosaic
    test_ndvi
    test_networks
    test_null_args
    test_passes
    test_prefetch
    test_readers
    test_report
    test_stacks
    test_stats
    test_terrain
    test_threads
    test_tier
    test_trim
    test_values_cache
    test_values_operators
    test_values_sources
    test_values_tiles
    test_warp
}

#[test]
fn every_program_is_listed() {
    let mut found: Vec<String> = fs::read_dir(sources())
        .expect("c_tests/")
        .map(|entry| entry.expect("an entry of c_tests/").path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name.starts_with("test_"))
        .collect();
    found.sort();
    assert_eq!(found, PROGRAMS);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> PathBuf {
    root().join("c_tests")
}

/// The static library that users get.
fn installed_archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| static_library("c_tests"))
}

/// The compiler that the `cc` crate finds, for C or C++ of this standard.
fn compiler(cpp: bool, standard: &str) -> Command {
    static HOST: OnceLock<String> = OnceLock::new();
    let host = HOST.get_or_init(|| {
        let about = Command::new(env!("CARGO")).arg("-vV").output().unwrap();
        let about = String::from_utf8(about.stdout).unwrap();
        let host = about.lines().find_map(|line| line.strip_prefix("host: "));
        host.expect("cargo names its host").to_owned()
    });
    let mut command = cc::Build::new()
        .cargo_metadata(false)
        .cpp(cpp)
        .target(host)
        .host(host)
        .opt_level(1)
        .debug(true)
        .try_get_compiler()
        .expect("a C compiler")
        .to_command();
    command.arg(format!("-std={standard}"));
    command
}

/// Fails, and says what to install, where cmocka is missing.
fn require_cmocka() {
    static PRESENT: OnceLock<bool> = OnceLock::new();
    let present = PRESENT.get_or_init(|| {
        let directory = scratch("c_tests", "probe");
        let source = directory.join("probe.c");
        let includes =
            "#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <cmocka.h>\n";
        fs::write(
            &source,
            format!("{includes}int main(void) {{ return 0; }}\n"),
        )
        .unwrap();
        let mut compile = compiler(false, "c99");
        compile.arg(&source).arg("-o").arg(directory.join("probe"));
        compile.arg("-lcmocka").output().unwrap().status.success()
    });
    assert!(
        present,
        "the C tests need cmocka: install the Debian package libcmocka-dev"
    );
}

/// The library with AddressSanitizer, where there is one.
fn library_with_sanitizer() -> Option<&'static Sanitized> {
    static BUILT: OnceLock<Option<Sanitized>> = OnceLock::new();
    BUILT.get_or_init(|| Sanitized::build("address")).as_ref()
}

/// A program linked to the shared library; built once, for it is run in two ways.
fn linked_shared(program: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, Arc<OnceLock<PathBuf>>>> = Mutex::new(BTreeMap::new());
    let built = BUILT.lock().unwrap().entry(program).or_default().clone();
    let build = || {
        let directory = scratch("c_tests", &format!("programs/{program}"));
        build(program, Way::Shared, &directory)
    };
    built.get_or_init(build).clone()
}

fn build(program: &str, way: Way, directory: &Path) -> PathBuf {
    let cpp = program == "test_header_cxx";
    let standard = match program {
        "test_header_cxx" => "c++17",
        "test_abi" => "c11", // for _Static_assert
        _ => "c99",
    };
    let alone = program.starts_with("test_header");
    let mut files = vec![sources().join(program)];
    files[0].set_extension(if cpp { "cpp" } else { "c" });
    if !alone {
        require_cmocka();
        files.push(sources().join("support.c"));
    }
    if let Way::Sanitized(_) = way {
        // Compiled alone: linking too, gcc would add a runtime of its own.
        let mut compile = compiler(cpp, standard);
        compile.args(WARNINGS).arg("-I").arg(root().join("include"));
        compile.args(SANITIZERS).arg("-c").args(&files);
        succeed(compile.current_dir(directory), program, way);
        for file in &mut files {
            let object = Path::new(file.file_name().unwrap()).with_extension("o");
            *file = directory.join(object);
        }
    }
    let binary = directory.join(program);
    let mut command = compiler(cpp, standard);
    command.args(WARNINGS).arg("-I").arg(root().join("include"));
    command.args(files).arg("-o").arg(&binary);
    match way {
        // Writing what debuggers want of the library takes longer than all else.
        Way::Static => _ = command.arg("-Wl,--strip-debug").arg(installed_archive()),
        Way::Sanitized(sanitized) => sanitized.link(&mut command),
        _ => {
            command.arg(libraries().join("libtilecache.so"));
            command.arg(format!("-Wl,-rpath,{}", libraries().display()));
        }
    }
    if !alone {
        command.arg("-lcmocka");
    }
    succeed(command.args(NATIVE_LIBRARIES), program, way);
    binary
}

fn succeed(compile: &mut Command, program: &str, way: Way) {
    let output = compile.output().expect("the compiler runs");
    assert!(
        output.status.success(),
        "{program} does not compile ({}):\n{}",
        way.name(),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Builds a program and runs it in a directory of its own.
fn check(program: &'static str, way: Way) {
    let directory = scratch("c_tests", &format!("{}/{program}", way.name()));
    let binary = match way {
        Way::Shared | Way::Valgrind => linked_shared(program),
        Way::Static | Way::Sanitized(_) => build(program, way, &directory),
    };
    let mut command = if let Way::Valgrind = way {
        let mut command = Command::new("valgrind");
        let excused = sources().join("valgrind.supp");
        command.args(VALGRIND);
        command.arg(format!("--suppressions={}", excused.display()));
        command.arg(&binary);
        command
    } else {
        Command::new(&binary)
    };
    command.env("TILECACHE_TEST_SCALE", way.scale().to_string());
    // cargo names a directory before it where an older library may lie.
    let library = match way {
        Way::Sanitized(sanitized) => &sanitized.directory,
        _ => &libraries(),
    };
    command.env("LD_LIBRARY_PATH", library);
    // Senseless sizes that the allocator is asked for are refused and no defect.
    command.env("ASAN_OPTIONS", "allocator_may_return_null=1:detect_leaks=1");
    let log = directory.join("log");
    let output = File::create(&log).expect("a log");
    command.current_dir(&directory).stdin(Stdio::null());
    command.stdout(output.try_clone().unwrap()).stderr(output);
    let mut child = command.spawn().unwrap_or_else(|error| match way {
        Way::Valgrind => {
            panic!("valgrind does not run ({error}): install the Debian package valgrind")
        }
        _ => panic!("{program} does not run: {error}"),
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().expect("the program can be waited for") {
            Some(status) => break status.to_string(),
            None if started.elapsed() > way.patience() => {
                let _ = child.kill();
                let _ = child.wait();
                break format!("still running after {} s", way.patience().as_secs());
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let said = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    assert!(
        status == "exit status: 0",
        "{program} ({}): {status}\n{said}",
        way.name()
    );
    // A static program is some ten megabytes, and nobody looks at one that passed.
    fs::remove_dir_all(&directory).expect("the program's directory");
}
