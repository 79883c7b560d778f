//! Row 22: a source and a cache with many tiles go quickly, and the tiles in callers' hands stay.

use crate::suite::Run;
use crate::suite::report::{Bytes, Report, Time};
use crate::suite::setup::{MIB, cache, column, cost};
use crate::suite::source::Synthetic;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tilecache::image::Block;
use tilecache::operator::cached;

const BUDGET: u64 = 2048 * MIB;
/// 64 KiB.
const SIDE: u64 = 256;
const HANDLES: u64 = 100;

pub fn run(run: &Run, report: &mut Report) {
    let tiles = run.count(BUDGET / (SIDE * SIDE)).max(2 * HANDLES);
    let source = Synthetic::new(column(tiles, (SIDE, SIDE)), run.seed);
    let cache = cache(tiles * cost(SIDE * SIDE) + 4096);
    let view = cached(source.provider(None), &cache).expect("a cached layer");
    let step = tiles / HANDLES;
    let mut handles = Vec::new();
    for row in 0..tiles {
        let tile = source.read(&*view, Block::new(0, row, 0));
        if row % step == 0 && (handles.len() as u64) < HANDLES {
            handles.push((row, tile));
        }
    }
    let now = cache.statistics();
    report.at_least(
        "bytes in the cache",
        Bytes(now.idle + now.held),
        Bytes(tiles * SIDE * SIDE),
    );
    let begin = Instant::now();
    drop(view);
    let of_source = begin.elapsed();
    drop(cache);
    let both = begin.elapsed();
    report.note("time to close the source", Time(of_source));
    report.timed(
        run,
        "time to close source and cache",
        Time(both),
        Time(Duration::from_secs(1)),
    );
    let buffers: Vec<_> = handles
        .iter()
        .map(|(_, tile)| Arc::downgrade(tile.buffer()))
        .collect();
    for (row, tile) in &handles {
        source.check(tile, 0, &Block::new(0, *row, 0).rect(source.image()));
    }
    let alive = || {
        buffers
            .iter()
            .filter(|buffer| buffer.strong_count() > 0)
            .count() as u64
    };
    report.exactly("tiles still there", alive(), HANDLES);
    drop(handles);
    report.exactly("tiles there when the last handles are gone", alive(), 0);
    report.pixels(&source);
}
