//! Row 4: a held tile whose turn to go has come is still the tile that others find.

use crate::suite::Run;
use crate::suite::report::{Bytes, Report};
use crate::suite::setup::{KEYS, cache, column, cost};
use crate::suite::source::Synthetic;
use tilecache::image::Block;
use tilecache::operator::cached;

const TILE: u64 = 512;

pub fn run(run: &Run, report: &mut Report) {
    let source = Synthetic::new(column(17, (TILE, TILE)), run.seed);
    let cache = cache(8 * cost(TILE * TILE) + KEYS);
    let view = cached(source.provider(None), &cache).expect("a cached layer");
    let a = Block::new(0, 0, 0);
    let held = source.read(&*view, a);
    for row in 1..17 {
        source.read(&*view, Block::new(0, row, 0));
    }
    let again = source.read(&*view, a);
    let same = held.bytes().as_ptr() == again.bytes().as_ptr();
    report.exactly("the tile of the second get is the one held", same, true);
    report.exactly("decodes of the held tile", source.decodes_of(a), 1);
    let now = cache.statistics();
    report.exactly(
        "bytes held, by two handles",
        Bytes(now.held),
        Bytes(cost(TILE * TILE)),
    );
    report.exactly(
        "bytes held outside the budget",
        Bytes(now.over_budget),
        Bytes(0),
    );
    report.pixels(&source);
}
