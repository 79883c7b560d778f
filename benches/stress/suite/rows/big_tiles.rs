//! Row 12: a few big tiles have the whole budget, not a part of one.

use crate::suite::Run;
use crate::suite::report::Report;
use crate::suite::setup::{MIB, cache, column};
use crate::suite::source::Synthetic;
use tilecache::image::Block;
use tilecache::operator::cached;

const BUDGET: u64 = 64 * MIB;
/// 16 MiB.
const SIDE: u64 = 4096;

pub fn run(run: &Run, report: &mut Report) {
    let side = run.side(SIDE);
    let source = Synthetic::new(column(3, (side, side)), run.seed);
    let cache = cache(run.budget(BUDGET, SIDE, 1));
    let view = cached(source.provider(None), &cache).expect("a cached layer");
    for round in 0..1000 {
        for row in 0..3 {
            let at = Block::new(0, row, 0);
            if round == 0 || round == 999 {
                source.read(&*view, at);
            } else {
                drop(tilecache::provider::get_block(
                    &*view,
                    at,
                    &Default::default(),
                ));
            }
        }
    }
    report.exactly("decodes of 3 tiles, read 1,000 times", source.decodes(), 3);
    report.pixels(&source);
}
