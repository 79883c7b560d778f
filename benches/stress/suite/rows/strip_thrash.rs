//! Row 1: an image in strips over its full width, read as tiles by one thread in several orders.

use crate::suite::Run;
use crate::suite::orders::{column_major, hilbert, row_major};
use crate::suite::report::{Bytes, Ratio, Report};
use crate::suite::setup::{MIB, cache, image, tiles, usage};
use crate::suite::source::Synthetic;
use tilecache::image::Block;

const SIDE: u64 = 40_000;
const STRIP: u64 = 16;
const TILE: u64 = 512;
const BUDGET: u64 = 64 * MIB;

type Order = fn(u64, u64) -> Vec<(u64, u64)>;

pub fn run(run: &Run, report: &mut Report) {
    let rows = pass(run, report, row_major, 2);
    report.exactly("row order, cold: decodes of a strip", rows[0].0, Ratio(1.0));
    report.exactly("row order, warm: decodes of a strip", rows[1].0, Ratio(1.0));
    let (columns, siblings) = pass(run, report, column_major, 1)[0];
    report.at_most("column order: decodes of a strip", columns, Ratio(50.0));
    report.at_most(
        "column order: siblings copied",
        siblings,
        Bytes(run.count(1024 * MIB)),
    );
    let (curve, _) = pass(run, report, hilbert, 1)[0];
    report.note("along a Hilbert curve: decodes of a strip", curve);
}

/// Decodes of a strip and bytes of siblings in each of some passes over one cache.
fn pass(run: &Run, report: &mut Report, order: Order, passes: u64) -> Vec<(Ratio, Bytes)> {
    let (side, tile) = (run.side(SIDE), run.side(TILE));
    let source = Synthetic::new(image(side, side, (side, run.side(STRIP))), run.seed);
    let cache = cache(run.budget(BUDGET, TILE, 1));
    let view = tiles(source.provider(None), tile, &cache);
    let grid = view.image().grid(0);
    let order = order(grid.rows(), grid.cols());
    let mut over = 0u64;
    let mut figures = Vec::new();
    for _ in 0..passes {
        let (decodes, siblings) = (source.decodes(), view.counters().siblings);
        for (row, col) in &order {
            drop(source.read(&*view, Block::new(0, *row, *col)));
            let now = cache.statistics();
            over += u64::from(usage(&now) > now.budget);
        }
        let siblings = view.counters().siblings - siblings;
        figures.push((
            Ratio((source.decodes() - decodes) as f64 / source.distinct() as f64),
            Bytes(siblings * tile * tile),
        ));
    }
    report.exactly("  tiles after which the budget is exceeded", over, 0);
    report.pixels(&source);
    figures
}
