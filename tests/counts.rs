//! What a tile costs that users feel, counted in the steady state: system calls and the bytes that they read, page
//! faults, and the bytes that instructions store. `benches/peers/` counts them, and other libraries beside this one.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "support/programs.rs"]
mod programs;

use programs::{release, run, scratch};
use std::fs;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What is allowed of a tile: system calls, the bytes that they read and those that are stored beside the stack, both as
/// multiples of the bytes of the tile. There are no page faults, for each case has tiles of one size.
const BOUNDS: [(&str, f64, f64, Option<f64>); 9] = [
    ("a hit", 0.0, 0.0, Some(0.01)),
    // One copy.
    ("a hit, a window that is copied", 0.0, 0.0, Some(1.05)),
    // A read, a look whether the file has changed, and what separates the bands.
    ("a miss: a block", 2.0, 1.0, Some(1.1)),
    ("a miss: a deflated block", 2.0, 0.55, None),
    // Two slices for a row of tiles, each in reads that stay in the processor's cache until they are converted.
    ("a miss: strips of 64 rows", 5.0, 1.0, None),
    // Two strips, of which each tile of a row gets a quarter.
    ("a miss: deflated strips of 64 rows", 4.0, 0.55, None),
    ("a miss: four resident blocks", 0.0, 0.0, Some(1.05)),
    // One look for all of them, and no copy but what separates the bands.
    ("a miss: four blocks", 5.0, 1.0, Some(1.1)),
    ("a miss: four deflated blocks", 8.0, 0.55, None),
];

/// The number behind a name in a line of JSON.
fn number(line: &str, name: &str) -> Option<f64> {
    let (_, behind) = line.split_once(&format!("\"{name}\": "))?;
    let end = behind.find([',', '}'])?;
    behind[..end].parse().ok()
}

/// The sum of the numbers of an object in such a line.
fn sum(line: &str, name: &str) -> f64 {
    let (_, behind) = line
        .split_once(&format!("\"{name}\": {{"))
        .expect("an object");
    let (object, _) = behind.split_once('}').expect("its end");
    let counts = object.split(", ").filter_map(|each| each.split_once(": "));
    counts
        .map(|(_, count)| count.parse::<f64>().expect("a number"))
        .sum()
}

#[test]
fn a_tile_takes_no_more_system_calls_copies_and_page_faults_than_it_must() {
    let library = release();
    let folder = scratch("counts", "all");
    let count = |more: &[&str]| {
        let mut command = Command::new(Path::new(ROOT).join("benches/peers/run"));
        command.args(["counts", "--peers", "ours", "--rounds", "1", "--add"]);
        command.args(["--patience", "0", "--folder"]).arg(&folder);
        println!("{}", run(command.arg("--library").arg(library).args(more)));
    };
    count(&["--fast"]);
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    if has_valgrind {
        for variant in [
            "a hit",
            "a miss: a block",
            "four resident blocks",
            "four blocks",
        ] {
            count(&["--variant", variant]);
        }
    }
    let results = fs::read_to_string(folder.join("results.jsonl")).expect("results");
    for (variant, calls, read, stored) in BOUNDS {
        let is_of = |line: &&str| line.contains(&format!("\"variant\": \"{variant}\""));
        let lines: Vec<&str> = results.lines().filter(is_of).collect();
        assert!(!lines.is_empty(), "{variant} was not counted");
        for line in &lines {
            assert!(!line.contains("\"failed\""), "{line}");
            let its_calls = sum(line, "calls");
            assert!(its_calls <= calls, "{its_calls} system calls: {line}");
            let its_read = number(line, "read").expect("bytes read");
            assert!(its_read <= read, "{its_read} of the tile read: {line}");
            // All that is needed comes in by reads, so that calls of another kind cannot hide it.
            assert_eq!(its_read == 0.0, calls == 0.0, "{line}");
            // Fresh memory of a tile takes 48 or more; the system may take back a page now and then.
            let faults = number(line, "faults").expect("page faults");
            assert!(faults < 1.0, "{faults} page faults: {line}");
        }
        let its_stored = lines.iter().find_map(|line| number(line, "stored"));
        if let Some(most) = stored.filter(|_| has_valgrind) {
            let its_stored = its_stored.expect("bytes stored");
            assert!(its_stored <= most, "{variant}: {its_stored} of the tile");
        }
    }
}
