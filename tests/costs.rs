//! What hits and misses cost, counted by callgrind in the release build. A hit takes at most 300 instructions
//! for get, pixels and release, two of them locked, and asks for neither memory nor a lock nor a clock, and not for one more
//! where the cache has another tier. A miss takes no more where there are more images or more parts of a mosaic, or after more hits.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "support/programs.rs"]
mod programs;

use programs::{release, run, scratch};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Hits of the two runs that are compared, so that only hits count.
const HITS: [u64; 2] = [2_000, 22_000];

const CALLS: [&str; 3] = ["provider_get_block", "tc_tile_pixels", "tc_tile_release"];

/// A call that is counted beside those.
const MAKING: &str = "provider_mosaic";

/// What is counted.
#[derive(Clone, Copy)]
enum Event {
    Instructions = 1,
    /// Those of them that change memory in one step before all other threads, which cost as much as ten others.
    Locked = 2,
}

/// How many there are of something in each function inside the calls that are counted.
fn counts(event: Event, program: &Path, what: &str, times: u64) -> BTreeMap<String, u64> {
    let counts = program.with_extension(format!("{}-{times}", what.replace(' ', "-")));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet", "--collect-atstart=no"]);
    valgrind.args([
        "--compress-strings=no",
        "--compress-pos=no",
        "--collect-bus=yes",
    ]);
    for call in CALLS.iter().chain([&MAKING]) {
        valgrind.arg(format!("--toggle-collect={call}"));
    }
    valgrind.arg(format!("--callgrind-out-file={}", counts.display()));
    valgrind
        .arg(program)
        .args(what.split(' '))
        .arg(times.to_string());
    valgrind.env("LD_LIBRARY_PATH", release());
    run(&mut valgrind);
    let mut all = BTreeMap::new();
    let (mut function, mut is_of_callee) = (String::new(), false);
    for line in fs::read_to_string(&counts).expect("counts").lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            name.clone_into(&mut function);
        } else if line.starts_with("calls=") {
            is_of_callee = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            let own = line
                .split_whitespace()
                .nth(event as usize)
                .map_or(0, |n| n.parse().expect("a count"));
            if !std::mem::take(&mut is_of_callee) {
                *all.entry(function.clone()).or_default() += own;
            }
        }
    }
    all
}

/// The program of this name in `c_tests/`, over the release build; `None` where valgrind is missing.
fn program(name: &str, directory: &str) -> Option<PathBuf> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return None;
    }
    let program = scratch("costs", directory).join(name);
    run(Command::new("cc")
        .args(["-std=c99", "-O1", "-Wall", "-Werror", "-I"])
        .arg(format!("{ROOT}/include"))
        .arg(format!("{ROOT}/c_tests/{name}.c"))
        .arg("-o")
        .arg(&program)
        .arg(release().join("libtilecache.so")));
    Some(program)
}

/// The instructions of each function for one time, where the program does something so many times.
fn cost(program: &Path, what: &str, times: [u64; 2]) -> Vec<(f64, String)> {
    cost_in(Event::Instructions, program, what, times)
}

/// [`cost`], of something else.
fn cost_in(event: Event, program: &Path, what: &str, times: [u64; 2]) -> Vec<(f64, String)> {
    let [few, many] = times.map(|times| counts(event, program, what, times));
    let more = (times[1] - times[0]) as f64;
    let of_one = |(function, count): (String, u64)| {
        let count = count as f64 - *few.get(&function).unwrap_or(&0) as f64;
        (count / more, function)
    };
    many.into_iter()
        .map(of_one)
        .filter(|(count, _)| *count != 0.0)
        .collect()
}

fn sum(costs: &[(f64, String)]) -> f64 {
    costs.iter().map(|(count, _)| count).sum()
}

/// What a hit may take at most.
const MOST: f64 = 300.0;

/// What it may take where it looks at the clock of another tier.
const STRICT: f64 = 5000.0;

fn check(operator: &str) {
    let Some(program) = program("hit_cost", &operator.replace(' ', "-")) else {
        return;
    };
    let mut of_hit = cost(&program, operator, HITS);
    of_hit.sort_by(|one, other| other.0.total_cmp(&one.0));
    let all = sum(&of_hit);
    println!("{operator}: {all:.1} instructions");
    of_hit
        .iter()
        .for_each(|(count, function)| println!("{count:8.2} {function}"));
    for call in CALLS {
        let is_there = of_hit.iter().any(|(_, function)| function.contains(call));
        assert!(is_there, "no instructions of {call} were counted");
    }
    assert!(all <= MOST, "{all} instructions for a hit");
    for (_, function) in of_hit {
        for asked in ["alloc", "free", "clock", "lock_", "futex", "mutex"] {
            assert!(!function.contains(asked), "a hit calls {function}");
        }
    }
}

#[test]
fn a_hit_of_a_cached_provider_costs_next_to_nothing() {
    check("cached");
}

#[test]
fn a_hit_of_a_retiled_provider_costs_next_to_nothing() {
    // A tile that is the first of its pass is noted, too.
    check("retiled");
}

#[test]
fn a_hit_takes_one_locked_instruction_to_pin_and_one_to_unpin() {
    for operator in ["cached", "retiled"] {
        let Some(program) = program("hit_cost", &format!("{operator}-locked")) else {
            return;
        };
        let of_hit = cost_in(Event::Locked, &program, operator, HITS);
        let all = sum(&of_hit);
        println!("{operator}: {all:.3} locked instructions, {of_hit:?}");
        // With one in hundreds of hits an epoch begins.
        assert!((1.9..2.1).contains(&all), "{all} locked instructions");
    }
}

#[test]
fn a_hit_costs_no_more_where_what_is_used_again_stays() {
    check("cached frequency");
    check("retiled frequency");
}

#[test]
fn a_hit_costs_the_same_to_the_instruction_where_there_is_another_tier() {
    for operator in ["cached", "retiled"] {
        let Some(program) = program("hit_cost", &format!("{operator}-tier")) else {
            return;
        };
        let of = |tier: &str| sum(&cost(&program, &format!("{operator} {tier}one"), HITS));
        let [plain, tier, strict] = ["", "tier ", "strict "].map(of);
        println!("{operator}: {plain} instructions, with a tier {tier}, strict {strict}");
        assert!(plain > 0.0, "nothing was counted");
        // What is done once in thousands of hits may fall to one run or the other.
        let more = (tier - plain).abs();
        assert!(more < 0.5, "{operator}: {more} instructions more for a hit");
        assert!(
            strict > plain && strict < STRICT,
            "{operator}: {strict} instructions in the strict grade"
        );
    }
}

#[test]
fn a_miss_costs_no_more_where_there_are_more_images() {
    let Some(program) = program("miss_cost", "misses") else {
        return;
    };
    let of = |images: &str| sum(&cost(&program, images, [20, 220]));
    let (few, many) = (of("images 50"), of("images 1000"));
    println!("{few:.0} instructions for a miss beside 50 images, {many:.0} beside 1,000");
    assert!(
        many < 1.2 * few,
        "{few} instructions beside 50 images, {many} beside 1,000"
    );
}

#[test]
fn a_miss_costs_no_more_after_more_hits() {
    let Some(program) = program("miss_cost", "hits") else {
        return;
    };
    // Both learn of as many as a miss does at most.
    let of = |rows: &str| sum(&cost(&program, rows, [0, 2]));
    let (few, many) = (of("hits 30"), of("hits 90"));
    println!("{few:.0} instructions for a miss after 3,000 hits, {many:.0} after 9,000");
    assert!(
        many < 1.2 * few,
        "{few} instructions after 3,000 hits, {many} after 9,000"
    );
}

#[test]
fn a_miss_of_a_mosaic_costs_no_more_where_it_has_more_parts() {
    let Some(program) = program("miss_cost", "mosaic") else {
        return;
    };
    let of = |parts: &str| sum(&cost(&program, parts, [20, 220]));
    let (few, many) = (of("mosaic 100"), of("mosaic 5000"));
    println!("{few:.0} instructions for a miss of 100 parts, {many:.0} of 5,000");
    assert!(
        many < 1.2 * few,
        "{few} instructions of 100 parts, {many} of 5,000"
    );
}

#[test]
fn a_mosaic_is_made_and_made_anew_in_time_that_grows_with_its_parts() {
    let Some(program) = program("miss_cost", "mosaics") else {
        return;
    };
    for made_before in [0, 1] {
        let of = |parts: &str| sum(&cost(&program, parts, [made_before, made_before + 1]));
        let (few, many) = (of("mosaics 500"), of("mosaics 5000"));
        println!("{few:.0} instructions to make a mosaic of 500 parts, {many:.0} of 5,000");
        assert!(
            many < 20.0 * few,
            "{few} instructions for 500 parts, {many} for 5,000, with {made_before} made before"
        );
    }
}
