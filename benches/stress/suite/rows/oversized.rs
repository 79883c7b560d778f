//! Row 13: a tile larger than the budget is served and disturbs nothing.

use crate::suite::Run;
use crate::suite::report::{Bytes, Report};
use crate::suite::setup::{MIB, cache, column, cost, usage};
use crate::suite::source::Synthetic;
use tilecache::image::Block;
use tilecache::operator::cached;

const BUDGET: u64 = 64 * MIB;
const HOT: u64 = 40;
/// 1 MiB.
const SIDE: u64 = 1024;

pub fn run(run: &Run, report: &mut Report) {
    let side = run.side(SIDE);
    let hot = Synthetic::new(column(HOT, (side, side)), run.seed);
    let large = Synthetic::new(column(1, (side * 10, side * 10)), run.seed + 1);
    let cache = cache(run.budget(BUDGET, SIDE, 1));
    let views = [&hot, &large].map(|source| cached(source.provider(None), &cache));
    let [of_hot, of_large] = views.map(|view| view.expect("a cached layer"));
    let read_hot = || (0..HOT).for_each(|row| drop(hot.read(&*of_hot, Block::new(0, row, 0))));
    read_hot();
    let before = cache.statistics();
    let at = Block::new(0, 0, 0);
    let held = large.read(&*of_large, at);
    let now = cache.statistics();
    report.at_least(
        "over budget while it is held",
        Bytes(now.over_budget),
        Bytes(cost(side * side * 100)),
    );
    report.exactly(
        "rejected",
        now.counters.rejected - before.counters.rejected,
        1,
    );
    report.exactly("evictions", now.counters.evictions, 0);
    drop(large.read(&*of_large, at));
    report.exactly("decodes while it is held, for two gets", large.decodes(), 1);
    drop(held);
    let now = cache.statistics();
    report.exactly(
        "over budget when it is released",
        Bytes(now.over_budget),
        Bytes(0),
    );
    report.at_most("usage then", Bytes(usage(&now)), Bytes(now.budget));
    let kept = cache
        .peek(of_large.key(), at, &Default::default())
        .expect("a look-up");
    report.exactly("it is retained", kept.is_some(), false);
    read_hot();
    report.exactly("decodes of the hot tiles, read twice", hot.decodes(), HOT);
    report.pixels(&hot);
    report.pixels(&large);
}
