//! Row 11: writers that put and invalidate the same keys, ten times the budget, never stop eviction.

use super::size_mix::put;
use crate::suite::Run;
use crate::suite::orders::Random;
use crate::suite::report::{Bytes, Report};
use crate::suite::setup::{KEYS, cache, cost, in_threads, usage};
use crate::suite::watch::watched;
use std::time::Instant;
use tilecache::cache::invalidate;
use tilecache::image::{Bands, Block};

const BYTES: u64 = 16_384;
const KEYS_OF: u64 = 10;
const CELLS: u64 = 100;
const THREADS: u64 = 16;

pub fn run(run: &Run, report: &mut Report) {
    // Room for a tenth of the tiles of all keys.
    let cache = cache(KEYS_OF * CELLS / 10 * cost(BYTES) + KEYS);
    let key = |number: u64| format!("stall-{}-{number}:image:0", run.seed);
    let until = Instant::now() + run.time(60);
    let (operations, samples) = watched(&cache, || {
        in_threads(THREADS, |thread| {
            let mut random = Random::new(run.seed ^ thread);
            let mut operations = 0u64;
            while Instant::now() < until || operations < 1000 {
                let key = key(random.below(KEYS_OF));
                let at = Block::new(0, random.below(CELLS), 0);
                match random.below(64) {
                    0 => invalidate(&key),
                    1..8 => drop(cache.remove(&key, at, &Bands::ALL)),
                    _ => put(&cache, &key, at, BYTES),
                }
                operations += 1;
            }
            operations
        })
    });
    report.note("operations", operations.iter().sum::<u64>());
    report.budget_kept(&samples);
    let now = cache.statistics();
    report.at_most("usage in the end", Bytes(usage(&now)), Bytes(now.budget));
    let found = (0..KEYS_OF).flat_map(|number| {
        let (cache, key) = (&cache, key(number));
        (0..CELLS).filter_map(move |row| {
            let found = cache.peek(&key, Block::new(0, row, 0), &Bands::ALL);
            found
                .expect("a look-up")
                .map(|tile| tile.buffer().size() as u64)
        })
    });
    let live: Vec<u64> = found.collect();
    report.exactly(
        "entries counted, and those found",
        now.entries,
        live.len() as u64,
    );
    // What the keys are charged goes with their last tiles.
    let (empty, keys) = (Bytes(0), |now: &tilecache::cache::Statistics| {
        now.idle - live.iter().map(|bytes| cost(*bytes)).sum::<u64>()
    });
    report.at_most(
        "idle bytes beyond the sum of live tiles",
        keys(&now),
        KEYS_OF * 1024,
    );
    (0..KEYS_OF).for_each(|number| invalidate(&key(number)));
    let now = cache.statistics();
    report.exactly(
        "idle and held when all is invalidated",
        Bytes(now.idle + now.held),
        empty,
    );
    report.exactly("over budget then", Bytes(now.over_budget), empty);
}
