//! Row 24: over GDAL, no second copy of the pixels stays in GDAL's own cache, however large it may be.

use crate::suite::Run;
use crate::suite::child::Child;
use crate::suite::report::{Bytes, Report};
use crate::suite::setup::MIB;
use std::path::{Path, PathBuf};
use std::process::Command;

const SIDE: u64 = 16_384;
const TILE: u64 = 512;
const BUDGET: u64 = 64 * MIB;
const SMALL: u64 = 16_000_000;

pub fn run(run: &Run, report: &mut Report) {
    let program = program();
    let side = run.side(SIDE);
    let raster = directory().join(format!("strips-{side}.tif"));
    // In a process of its own, whose memory does not count.
    let made = Command::new(&program)
        .arg(&raster)
        .arg(side.to_string())
        .status();
    assert!(
        made.expect("the program").success(),
        "the raster cannot be made"
    );
    let mut of_sizes = Vec::new();
    for (name, gdal_cache) in [("5 %", memory() / 20), ("16 MB", SMALL)] {
        let arguments = [
            side,
            run.side(TILE),
            run.budget(BUDGET, TILE, 1),
            gdal_cache,
        ];
        let mut child = Child::of(
            Command::new(&program)
                .arg(&raster)
                .args(arguments.map(|number| number.to_string())),
        );
        child.hear();
        let before = child.resident().now;
        child.go_on();
        let [millionths, wrong, left] = child.hear_numbers()[..] else {
            panic!("three numbers");
        };
        let after = child.resident();
        report.exactly(
            format!("GDAL's cache {name}: decodes of a block"),
            millionths,
            1_000_000,
        );
        report.exactly(format!("GDAL's cache {name}: wrong bytes"), wrong, 0);
        report.exactly(
            format!("GDAL's cache {name}: bytes left in it"),
            Bytes(left),
            Bytes(0),
        );
        report.note(
            format!("GDAL's cache {name}: memory beyond the start"),
            Bytes(after.now - before),
        );
        report.note(
            format!("GDAL's cache {name}: at most"),
            Bytes(after.peak - before),
        );
        of_sizes.push(after.peak - before);
    }
    let _removed = std::fs::remove_file(&raster);
    report.at_most(
        "memory that the larger cache of GDAL takes more",
        Bytes(of_sizes[0].saturating_sub(of_sizes[1])),
        Bytes(2 * MIB),
    );
}

/// The memory of the machine.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("Linux tells of its memory");
    let total = text.split_whitespace().nth(1).expect("MemTotal");
    total.parse::<u64>().expect("KiB") * 1024
}

fn directory() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stress");
    std::fs::create_dir_all(&directory).expect("a directory for the raster");
    directory
}

/// The program beside this file, built against the library beside this program.
fn program() -> PathBuf {
    let root = env!("CARGO_MANIFEST_DIR");
    let program = directory().join("double_caching");
    let own = std::env::current_exe().expect("the path of this program");
    let libraries = own.parent().expect("target/<profile>/deps");
    let flags = Command::new("gdal-config").arg("--cflags").output();
    let flags = flags
        .expect("gdal-config, of the Debian package libgdal-dev")
        .stdout;
    let flags = String::from_utf8(flags).expect("text");
    let compiled = Command::new("cc")
        .args(["-std=c99", "-O2"])
        .args(flags.split_whitespace())
        .arg(format!("-I{root}/include"))
        .arg(format!("{root}/benches/stress/suite/rows/double_caching.c"))
        .arg("-o")
        .arg(&program)
        .arg(libraries.join("libtilecache.so"))
        .arg(format!("-Wl,-rpath,{}", libraries.display()))
        .arg("-lgdal")
        .status();
    assert!(
        compiled.expect("cc").success(),
        "the program for GDAL does not compile"
    );
    program
}
