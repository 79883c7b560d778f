//! Which lines of the processor's caches hits, releases and misses of different threads write, by valgrind's look at each
//! access to memory: more threads than a machine has cores slow each other down by these alone.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "../support/programs.rs"]
mod programs;

use programs::{release, run, scratch};
use std::collections::BTreeSet;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const THREADS: usize = 4;

/// Phases of `lines.cpp`: the first thread that does it.
const SAME: usize = 10;
const OTHER: usize = 30;
const MISS: usize = 50;

/// What is behind a get that is its release.
const RELEASE: usize = 10;

/// So many lines at most does a hit write, and a release; all of them are the thread's own.
const OF_HIT: usize = 3;
const OF_RELEASE: usize = 1;

/// So many lines does a miss write at most beside its pixels, and so many of these another thread's miss, too.
const OF_MISS: usize = 130;
const SHARED_BY_MISSES: usize = 60;

/// So many of the lines that a hit looks at does a miss of another thread write, which the hit fetches anew then.
const DISTURBED_BY_MISS: usize = 8;

/// Lines of 64 bytes, by their addresses.
type Lines = BTreeSet<u64>;

/// What an act of a thread accesses beside its stack, its own variables and pixels that it has made.
struct Accesses {
    stored: Lines,
    loaded: Lines,
}

/// The accesses of each phase.
struct Phases(String);

impl Phases {
    fn of(&self, phase: usize) -> Accesses {
        let (_, behind) = self
            .0
            .split_once(&format!("\"{phase}\":{{"))
            .expect("a phase");
        let lines = |name: &str| {
            let (_, behind) = behind.split_once(&format!("\"{name}\":[")).expect("a list");
            let (list, _) = behind.split_once(']').expect("its end");
            let addresses = list.split(',').filter(|address| !address.is_empty());
            addresses
                .map(|address| address.parse().expect("an address"))
                .collect()
        };
        Accesses {
            stored: lines("stored"),
            loaded: lines("loaded"),
        }
    }

    /// A get and its release by a thread.
    fn both(&self, get: usize, thread: usize) -> Accesses {
        let [mut got, released] = [0, RELEASE].map(|more| self.of(get + more + thread));
        got.stored.extend(released.stored);
        got.loaded.extend(released.loaded);
        got
    }
}

/// What `lines.cpp` does, over the release build; `None` where valgrind is missing.
fn phases() -> Option<Phases> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return None;
    }
    let library = release();
    let folder = scratch("lines", "all");
    let programs = format!("{ROOT}/benches/peers/cpp");
    let compile = |source: &str, name: &str| {
        let program = folder.join(name);
        run(Command::new("c++")
            .args(["-std=c++17", "-O1", "-Wall", "-Werror", "-I", &programs])
            .arg(format!("-I{ROOT}/include"))
            .arg(source)
            .arg("-o")
            .arg(&program)
            .arg(library.join("libtilecache.so"))
            .arg("-lpthread"));
        program
    };
    let stores = compile(&format!("{programs}/stores.cpp"), "stores");
    let lines = compile(&format!("{ROOT}/tests/lines/lines.cpp"), "lines");
    let mut command = Command::new(stores);
    Some(Phases(run(command
        .arg(lines)
        .env("LD_LIBRARY_PATH", library))))
}

/// How many of two sets of lines are the same.
fn common(one: &Lines, other: &Lines) -> usize {
    one.intersection(other).count()
}

#[test]
fn a_hit_writes_no_line_that_a_hit_of_another_thread_writes_or_reads() {
    let Some(phases) = phases() else { return };
    let pairs = || {
        let all = (0..THREADS).flat_map(|one| (0..THREADS).map(move |other| (one, other)));
        all.filter(|(one, other)| one != other)
    };
    for act in [SAME, OTHER] {
        for thread in 0..THREADS {
            let [got, released] = [0, RELEASE].map(|more| phases.of(act + more + thread).stored);
            println!("thread {thread}: a hit writes {got:x?}, its release {released:x?}");
            assert!(!got.is_empty() && got.len() <= OF_HIT);
            assert!(!released.is_empty() && released.len() <= OF_RELEASE);
        }
    }
    for (one, other) in pairs() {
        for (its_act, others_act) in [(SAME, SAME), (OTHER, OTHER), (SAME, OTHER)] {
            let its = phases.both(its_act, one);
            let others = phases.both(others_act, other);
            assert_eq!(common(&its.stored, &others.stored), 0, "{one} and {other}");
            assert_eq!(common(&its.stored, &others.loaded), 0, "{one} and {other}");
        }
    }
    for (one, other) in pairs() {
        let [its, others] = [one, other].map(|thread| phases.of(MISS + thread).stored);
        let shared = common(&its, &others);
        let disturbed = common(&its, &phases.both(SAME, other).loaded);
        println!(
            "threads {one} and {other}: a miss writes {} lines, {shared} of them the other's too, and {disturbed} that a hit reads",
            its.len()
        );
        assert!((1..=OF_MISS).contains(&its.len()));
        // The order of all tiles is one.
        assert!((1..=SHARED_BY_MISSES).contains(&shared));
        assert!(disturbed <= DISTURBED_BY_MISS);
        let released = |thread| phases.of(MISS + RELEASE + thread).stored;
        assert_eq!(common(&released(one), &released(other)), 0);
    }
}
