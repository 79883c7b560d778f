//! Row 3: one huge block, as of JPEG 2000, read as tiles.

use crate::suite::Run;
use crate::suite::orders::{row_major, shuffled};
use crate::suite::report::{Bytes, Report};
use crate::suite::setup::{MIB, cache, cost, image, tiles};
use crate::suite::source::Synthetic;
use std::sync::atomic::{AtomicUsize, Ordering};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::image::{Block, Image};

const SIDE: u64 = 16_384;
const TILE: u64 = 1024;

pub fn run(run: &Run, report: &mut Report) {
    for (mib, threads) in [(1024, 1), (1024, 16), (64, 1), (64, 16)] {
        pass(run, report, mib, threads, false);
        pass(run, report, mib, threads, true);
    }
    windows(run, report);
}

fn huge(run: &Run) -> Image {
    let side = run.side(SIDE);
    let mut image = image(side, side, (side, side));
    image.dtype = DType::U16;
    image.bits = 16;
    image
}

fn pass(run: &Run, report: &mut Report, mib: u64, threads: u64, random: bool) {
    let source = Synthetic::new(huge(run), run.seed);
    let budget = run.budget(mib * MIB, TILE, 2);
    // The cap that such a cache has by itself, scaled like the budget.
    let options = Options {
        max_in_flight: (budget / 4).max(budget * 64 / mib),
        ..Options::default()
    };
    let cache = Cache::new(budget, options).expect("a cache");
    let view = tiles(source.provider(None), run.side(TILE), &cache);
    let grid = view.image().grid(0);
    let order = match random {
        false => row_major(grid.rows(), grid.cols()),
        true => shuffled(grid.rows(), grid.cols(), run.seed),
    };
    let next = AtomicUsize::new(0);
    let largest = crate::suite::setup::in_threads(threads, |_| {
        let mut largest = 0;
        while let Some((row, col)) = order.get(next.fetch_add(1, Ordering::SeqCst)) {
            let tile = source.read(&*view, Block::new(0, *row, *col));
            largest = largest.max(tile.buffer().size());
        }
        largest
    });
    let words = if random { "random order" } else { "row order" };
    let case = format!("{mib} MiB, {words}, threads: {threads}");
    let decodes = source.decodes();
    let bound = match (mib, random) {
        (1024, _) => 1,
        (_, false) => 11,
        (_, true) => 195,
    };
    if threads == 1 || mib == 1024 {
        report.at_most(format!("{case}: decodes"), decodes, bound);
    } else {
        report.note(format!("{case}: decodes"), decodes);
    }
    let tile = cost(run.side(TILE).pow(2) * 2);
    let block = cost(run.side(SIDE).pow(2) * 2);
    report.at_most(
        format!("{case}: peak"),
        Bytes(cache.statistics().peak),
        Bytes(budget + block + threads * tile),
    );
    report.at_most(
        format!("{case}: most that a held tile keeps alive"),
        Bytes(largest.into_iter().max().unwrap_or(0) as u64),
        Bytes(tile),
    );
    report.pixels(&source);
}

/// A source that can read parts of its block is never asked for all of it.
fn windows(run: &Run, report: &mut Report) {
    let mut image = huge(run);
    image.windowed = true;
    let source = Synthetic::new(image, run.seed);
    let cache = cache(run.budget(64 * MIB, TILE, 2));
    let view = tiles(source.provider(None), run.side(TILE), &cache);
    let grid = view.image().grid(0);
    for (row, col) in row_major(grid.rows(), grid.cols()) {
        source.read(&*view, Block::new(0, row, col));
    }
    report.exactly("with windows: full decodes", source.decodes(), 0);
    report.exactly(
        "with windows: windows",
        source.windows(),
        grid.rows() * grid.cols(),
    );
    report.pixels(&source);
}
