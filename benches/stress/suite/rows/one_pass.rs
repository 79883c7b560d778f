//! Row 16: reading everything once through a cache costs what reading it directly costs.

use crate::suite::Run;
use crate::suite::child::{Child, tell};
use crate::suite::report::{Bytes, Ratio, Report};
use crate::suite::setup::{MIB, cache, cost, image};
use crate::suite::source::Synthetic;
use std::time::{Duration, Instant};
use tilecache::image::{Bands, Block};
use tilecache::operator::cached;
use tilecache::provider::{Provider, get_block};

/// 7 GB in tiles of 512 x 512.
const TILES: u64 = 26_703;
const SIDE: u64 = 512;
const BUDGET: u64 = 64 * MIB;
/// Tiles read in turn directly and through the cache, so that both meet the same weather.
const TURN: u64 = 256;

pub const TASK: &str = "one-pass";

pub fn run(run: &Run, report: &mut Report) {
    let mut child = Child::start(run, TASK, &[]);
    child.hear();
    let before = child.resident().now;
    child.go_on();
    let [decodes, peak, wrong] = child.hear_numbers()[..] else {
        panic!("three numbers");
    };
    let resident = child.resident().peak;
    child.go_on();
    let times = child.hear_numbers();
    let tiles = run.count(TILES);
    report.exactly("decodes through the cache", decodes, tiles);
    report.exactly(format!("tiles with a wrong byte, of {tiles}"), wrong, 0);
    let budget = run.count(BUDGET);
    report.at_most(
        "peak by the cache's count",
        Bytes(peak),
        Bytes(budget + cost(SIDE * SIDE)),
    );
    report.at_most(
        "memory of the process, beyond what it had before",
        Bytes(resident.saturating_sub(before)),
        Bytes(budget + cost(SIDE * SIDE) + 2 * MIB),
    );
    let [direct, through] = [times[0], times[1]].map(|nanos| nanos as f64 / 1e9);
    report.note("seconds directly", Ratio(direct));
    report.note("seconds through the cache", Ratio(through));
    report.timed(run, "  as a multiple", Ratio(through / direct), Ratio(1.05));
}

/// In the child: first with every byte looked at, then for time.
pub fn task(run: &Run, _: &[u64]) {
    let tiles = run.count(TILES);
    // In rows of 64, so that a row of pixels is as long as in an image that is as wide as high.
    let in_tiles = image(64 * SIDE, tiles.div_ceil(64) * SIDE, (SIDE, SIDE));
    let source = Synthetic::new(in_tiles, run.seed);
    let place = |tile: u64| Block::new(0, tile / 64, tile % 64);
    let cache = cache(run.count(BUDGET));
    let view = cached(source.provider(None), &cache).expect("a cached layer");
    // The noise is made, and all code was run once.
    source.check(
        &get_block(&*source.provider(None), place(0), &Bands::ALL).expect("a tile"),
        0,
        &place(0).rect(source.image()),
    );
    let warm = source.decodes();
    tell(&[]);
    (0..tiles).for_each(|tile| drop(source.read(&*view, place(tile))));
    let (_, wrong) = source.verdicts();
    tell(&[source.decodes() - warm, cache.statistics().peak, wrong]);
    cache.clear();
    let direct = source.provider(None);
    let mut times = [Duration::ZERO; 2];
    for begin in (0..tiles).step_by(TURN as usize) {
        let ways: [(usize, &dyn Provider); 2] = [(0, &*direct), (1, &*view)];
        for turn in 0..2 {
            let (way, provider) = ways[(turn + (begin / TURN) as usize) % 2];
            let clock = Instant::now();
            for tile in begin..(begin + TURN).min(tiles) {
                let tile = get_block(provider, place(tile), &Bands::ALL).expect("a tile");
                std::hint::black_box(
                    tile.bytes()
                        .iter()
                        .step_by(64)
                        .map(|byte| u64::from(*byte))
                        .sum::<u64>(),
                );
            }
            times[way] += clock.elapsed();
        }
    }
    tell(&times.map(|time| time.as_nanos() as u64));
}
