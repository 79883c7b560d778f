//! What is fuzzed: functions over any bytes that panic where a promise is broken. `fuzz/main.rs` feeds
//! them by coverage, `tests/fuzz.rs` with the seeds, with what was found before, and with mutations.

mod allocations;
mod beside;
mod calls;
mod chains;
mod codestreams;
mod files;
mod input;
mod keys;

/// One thing to fuzz.
#[derive(Clone, Copy)]
pub struct Target {
    /// The directory of its inputs in `fuzz/seeds` and `fuzz/regressions`.
    pub name: &'static str,
    pub run: fn(&[u8]),
}

pub const TARGETS: &[Target] = &[
    Target {
        name: "files",
        run: files::run,
    },
    Target {
        name: "beside",
        run: beside::run,
    },
    Target {
        name: "calls",
        run: calls::run,
    },
    Target {
        name: "keys",
        run: keys::run,
    },
    Target {
        name: "chains",
        run: chains::run,
    },
    Target {
        name: "codestreams",
        run: codestreams::run,
    },
];

/// The target with this name.
pub fn by_name(name: &str) -> Option<Target> {
    TARGETS.iter().find(|target| target.name == name).copied()
}
