//! Row 2: many threads on different tiles of one row of tiles, whose strips they all need.

use crate::suite::Run;
use crate::suite::report::{Report, Time};
use crate::suite::setup::{MIB, cache, image, in_threads, tiles};
use crate::suite::source::Synthetic;
use std::time::{Duration, Instant};
use tilecache::image::{Bands, Block};
use tilecache::provider::get_block;

const SIDE: u64 = 40_000;
const STRIP: u64 = 16;
const TILE: u64 = 512;
const BUDGET: u64 = 64 * MIB;
const THREADS: u64 = 16;
const DECODE: Duration = Duration::from_millis(5);
/// Rows of tiles that are read, each through a cache of its own, for the median of their times.
const ROUNDS: u64 = 15;

pub fn run(run: &Run, report: &mut Report) {
    let (side, tile, strip) = (run.side(SIDE), run.side(TILE), run.side(STRIP));
    let strips = tile / strip;
    let mut most = 0;
    let mut least_at_once = THREADS;
    let mut times = Vec::new();
    for row in 0..ROUNDS {
        let source = Synthetic::with_hook(image(side, side, (side, strip)), run.seed, |_| {
            std::thread::sleep(DECODE);
            Ok(())
        });
        let cache = cache(run.budget(BUDGET, TILE, 1));
        let view = tiles(source.provider(None), tile, &cache);
        let ended = in_threads(THREADS, |thread| {
            let begun = Instant::now();
            let at = Block::new(0, row, thread * 4);
            let tile = get_block(&*view, at, &Bands::ALL).expect("a tile");
            let time = begun.elapsed();
            source.check(&tile, 0, &at.rect(view.image()));
            time
        });
        most = most.max(source.decodes());
        least_at_once = least_at_once.min(source.most_inside());
        times.extend(ended.into_iter().max());
        report.pixels(&source);
    }
    times.sort();
    report.exactly("most strip decodes for 16 tiles of a row", most, strips);
    report.at_least("fewest threads that decoded at once", least_at_once, 2);
    report.timed(
        run,
        "time for the 16 tiles, median",
        Time(times[times.len() / 2]),
        Time(DECODE * (strips / THREADS) as u32 * 12 / 10),
    );
}
