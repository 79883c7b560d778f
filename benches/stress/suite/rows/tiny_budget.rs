//! Row 21: many threads, each with a tile in its hand, get on with a budget of two tiles.

use crate::suite::Run;
use crate::suite::report::{Bytes, Report};
use crate::suite::setup::{KEYS, cache, cost, image, in_threads, tiles, window};
use crate::suite::source::Synthetic;
use crate::suite::watch::watched;
use tilecache::geometry::Rect;
use tilecache::image::Block;

const THREADS: u64 = 64;
const TILE: u64 = 512;

pub fn run(run: &Run, report: &mut Report) {
    let tile = run.side(TILE);
    // 16 x 16 tiles over blocks of another size.
    let source = Synthetic::new(image(16 * tile, 16 * tile, (16 * tile, tile / 4)), run.seed);
    let cache = cache(2 * cost(tile * tile) + KEYS);
    let view = tiles(source.provider(None), tile, &cache);
    let (done, samples) = watched(&cache, || {
        in_threads(THREADS, |thread| {
            let (row, col) = (thread / 8 * 2, thread % 8 * 2);
            let held = source.read(&*view, Block::new(0, row, col));
            let x = (col * tile).min(13 * tile);
            let y = (row * tile).min(13 * tile);
            let rect = Rect::new(x, y, 3 * tile, 3 * tile);
            let pixels = window(&view, 0, &rect);
            let rows = pixels.chunks_exact(rect.width as usize);
            let right = (y..)
                .zip(rows)
                .all(|(y, row)| source.shows_row(row, 0, (x, y), 0, 0));
            source.count_verdict(right);
            source.check(&held, 0, &Block::new(0, row, col).rect(view.image()));
            1u64
        })
    });
    report.exactly(
        "threads that got their tile and their window",
        done.iter().sum(),
        THREADS,
    );
    report.budget_kept(&samples);
    report.note(
        "held outside the budget at most",
        Bytes(samples.over_budget),
    );
    let now = cache.statistics();
    report.exactly(
        "held and in flight in the end",
        Bytes(now.held + now.over_budget + now.in_flight),
        Bytes(0),
    );
    report.pixels(&source);
}
