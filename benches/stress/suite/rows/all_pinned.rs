//! Row 5: callers hold twice the budget, and still nothing hangs or slows down.

use crate::suite::Run;
use crate::suite::orders::Random;
use crate::suite::report::{Bytes, Ratio, Report};
use crate::suite::setup::{KEYS, cache, column, cost, in_threads, usage};
use crate::suite::source::Synthetic;
use crate::suite::watch::watched;
use std::time::Instant;
use tilecache::image::Block;
use tilecache::operator::cached;
use tilecache::provider::Provider;

const TILE: u64 = 512;
const SMALL: u64 = 64;
const THREADS: u64 = 16;

pub fn run(run: &Run, report: &mut Report) {
    pin_and_unpin(run, report);
    cost_of_a_miss(run, report);
}

fn pin_and_unpin(run: &Run, report: &mut Report) {
    let source = Synthetic::new(column(256, (TILE, TILE)), run.seed);
    let cache = cache(64 * cost(TILE * TILE) + KEYS);
    let view = cached(source.provider(None), &cache).expect("a cached layer");
    let (gets, samples) = watched(&cache, || {
        let held: Vec<_> = (0..128)
            .map(|row| source.read(&*view, Block::new(0, row, 0)))
            .collect();
        let until = Instant::now() + run.time(60);
        let gets = in_threads(THREADS, |thread| {
            let mut random = Random::new(run.seed ^ thread);
            let mut own = Vec::new();
            let mut gets = 0u64;
            while Instant::now() < until || gets < 100 {
                if random.below(2) == 0 && own.len() < 8 {
                    own.push(source.read(&*view, Block::new(0, random.below(256), 0)));
                    gets += 1;
                } else if !own.is_empty() {
                    own.swap_remove(random.below(own.len() as u64) as usize);
                }
            }
            gets
        });
        drop(held);
        gets
    });
    let fewest = gets.iter().min().copied().unwrap_or(0);
    report.at_least(
        "fewest gets of a thread, with 128 tiles held of 64",
        fewest,
        100,
    );
    let now = cache.statistics();
    report.at_most(
        "usage after the release",
        Bytes(usage(&now)),
        Bytes(now.budget),
    );
    report.exactly(
        "held after the release",
        Bytes(now.held + now.over_budget),
        Bytes(0),
    );
    report.budget_kept(&samples);
    report.pixels(&source);
}

/// A miss with so many tiles held costs what it costs with none.
fn cost_of_a_miss(run: &Run, report: &mut Report) {
    let pinned = run.count(100_000);
    let misses = run.count(100_000);
    let source = Synthetic::new(column(pinned + misses, (SMALL, SMALL)), run.seed);
    // Held tiles fill most of the budget, so that each miss has to look for a victim among them.
    let room = pinned + 1000;
    let mut best = [f64::INFINITY; 2];
    for _ in 0..3 {
        for (held, best) in [0, pinned].into_iter().zip(&mut best) {
            let cache = cache(room * cost(SMALL * SMALL) + KEYS);
            let view = cached(source.provider(None), &cache).expect("a cached layer");
            let read = |row| source.read(&*view as &dyn Provider, Block::new(0, row, 0));
            let tiles: Vec<_> = (0..held).map(read).collect();
            // Until the budget is full, with as many tiles as are held in the other case.
            (held..room).for_each(|row| drop(read(row % (pinned + misses))));
            let begin = Instant::now();
            for row in 0..misses {
                drop(read((pinned + 1000 + row) % (pinned + misses)));
            }
            *best = best.min(begin.elapsed().as_secs_f64() / misses as f64 * 1e6);
            drop(tiles);
        }
    }
    report.note("microseconds a miss with none held", Ratio(best[0]));
    report.note(
        format!("microseconds a miss with {pinned} held"),
        Ratio(best[1]),
    );
    report.timed(run, "  as a multiple", Ratio(best[1] / best[0]), Ratio(2.0));
    report.pixels(&source);
}
