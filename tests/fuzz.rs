//! The fuzz targets without a fuzzer: over their seeds, over all that fuzzing has found before, and
//! over random changes of both, as many as seconds allow. `scripts/fuzz` searches further.

#[path = "support/scale.rs"]
mod scale;
#[path = "../fuzz/targets/mod.rs"]
mod targets;

use scale::scaled;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// Changed inputs for each target.
const MUTATIONS: u32 = 3000;

/// Of so many seeds one is run.
const SEEDS: usize = if cfg!(miri) { 8 } else { 1 };

/// Inputs grow no longer than this.
const LONGEST: usize = 16 << 10;

/// No input takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(120);

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }
}

fn inputs(kind: &str, target: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let Ok(entries) = fs::read_dir(root.join(kind).join(target)) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut inputs: Vec<_> = paths
        .map(|path| {
            (
                path.display().to_string(),
                fs::read(&path).expect("an input"),
            )
        })
        .collect();
    inputs.sort();
    inputs
}

/// Runs inputs of a target. The one that runs is kept in a file, in case it is the last.
struct Runner {
    target: targets::Target,
    kept: PathBuf,
    runs: Arc<AtomicU64>,
}

/// Ends the process where for a long time no run ends.
fn watch(seen: Weak<AtomicU64>, input: PathBuf) {
    thread::spawn(move || {
        let mut last = None;
        while let Some(runs) = seen.upgrade().map(|runs| runs.load(Ordering::Relaxed)) {
            if last.replace(runs) == Some(runs) {
                eprintln!("an input takes for ever: {}", input.display());
                std::process::abort();
            }
            thread::sleep(PATIENCE);
        }
    });
}

impl Runner {
    fn new(target: targets::Target) -> Self {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}", target.name));
        let runs = Arc::new(AtomicU64::new(0));
        // In Miri every input takes for ever, and no thread may be left over.
        if !cfg!(miri) {
            watch(Arc::downgrade(&runs), kept.clone());
        }
        Self { target, kept, runs }
    }

    fn run(&self, name: &str, input: &[u8]) {
        fs::write(&self.kept, input).expect("a file for the input");
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        self.runs.fetch_add(1, Ordering::Relaxed);
        if let Err(panic) = outcome {
            eprintln!("{name} fails; the input is {}", self.kept.display());
            resume_unwind(panic);
        }
    }
}

fn mutated(random: &mut Random, from: &[u8], other: &[u8]) -> Vec<u8> {
    let mut input = from.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(input.len());
        let end = (at + 1 + random.below(16)).min(input.len());
        match random.below(8) {
            0 => input.truncate(at),
            1 => drop(input.splice(at..at, other[random.below(other.len())..].iter().copied())),
            2 => drop(input.drain(at..end)),
            3 => input[at..end].fill([0, 0xff, 0x7f, 0x80][random.below(4)]),
            4 if end - at >= 4 => {
                // A number that is near the end of something, in either byte order.
                let number = [0, 1, u32::MAX, 1 << 31, from.len() as u32, 65536][random.below(6)];
                let bytes = match random.below(2) {
                    0 => number.to_le_bytes(),
                    _ => number.to_be_bytes(),
                };
                input[at..at + 4].copy_from_slice(&bytes);
            }
            _ if !input.is_empty() => input[at] ^= 1 << random.below(8),
            _ => input.push(random.below(256) as u8),
        }
        if input.is_empty() {
            input.push(0);
        }
    }
    input.truncate(LONGEST);
    input
}

fn check(name: &str) {
    let target = targets::by_name(name).expect("a target");
    let runner = Runner::new(target);
    let mut seeds = inputs("seeds", name);
    assert!(!seeds.is_empty(), "no seeds of {name}");
    seeds.extend(inputs("regressions", name));
    for (file, seed) in seeds.iter().step_by(SEEDS) {
        runner.run(file, seed);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for number in 0..scaled(MUTATIONS) {
        let (file, seed) = &seeds[random.below(seeds.len())];
        let (_, other) = &seeds[random.below(seeds.len())];
        let input = mutated(&mut random, seed, other);
        runner.run(&format!("change {number} of {file}"), &input);
    }
    fs::remove_file(&runner.kept).expect("the last input");
}

#[test]
#[cfg_attr(miri, ignore = "decoders in C")]
fn any_bytes_are_a_file_or_an_error() {
    check("files");
}

#[test]
#[cfg_attr(miri, ignore = "decoders in C")]
fn what_lies_beside_a_file_never_spoils_it() {
    check("beside");
}

#[test]
fn any_sequence_of_calls_does_what_the_header_says() {
    check("calls");
}

#[test]
fn any_names_are_told_apart() {
    check("keys");
}

#[test]
fn any_text_is_a_chain_or_refused() {
    check("chains");
}

#[test]
#[cfg_attr(miri, ignore = "decoders in C")]
fn windows_of_any_codestream_are_what_the_codec_makes_of_it() {
    check("codestreams");
}

#[test]
fn every_target_is_tested() {
    let names: Vec<&str> = targets::TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(
        names,
        ["files", "beside", "calls", "keys", "chains", "codestreams"]
    );
}

/// `FUZZ_TARGET=files FUZZ_INPUT=path cargo test --test fuzz -- --ignored`
#[test]
#[ignore = "runs the one input that the environment names"]
fn one_input() {
    let value = |name| std::env::var(name).expect(name);
    let target = targets::by_name(&value("FUZZ_TARGET")).expect("a target");
    (target.run)(&fs::read(value("FUZZ_INPUT")).expect("the input"));
}
