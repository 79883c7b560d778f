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
    let mut busy = Vec::new();
    for row in 0..ROUNDS {
        let source = Synthetic::with_hook(image(side, side, (side, strip)), run.seed, |_| {
            std::thread::sleep(DECODE);
            Ok(())
        });
        let cache = cache(run.budget(BUDGET, TILE, 1));
        let view = tiles(source.provider(None), tile, &cache);
        let before = processor_time();
        let ended = in_threads(THREADS, |thread| {
            let begun = Instant::now();
            let at = Block::new(0, row, thread * 4);
            let tile = get_block(&*view, at, &Bands::ALL).expect("a tile");
            (begun.elapsed(), at, tile)
        });
        busy.push(processor_time() - before);
        for (_, at, tile) in &ended {
            source.check(tile, 0, &at.rect(view.image()));
        }
        most = most.max(source.decodes());
        least_at_once = least_at_once.min(source.most_inside());
        times.extend(ended.iter().map(|(time, ..)| *time).max());
        report.pixels(&source);
    }
    times.sort();
    busy.sort();
    // The decodes sleep at once, but the copies into a whole row of tiles need processors.
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    let copies = busy[busy.len() / 2] / processors.min(THREADS as usize) as u32;
    let decodes = DECODE * (strips / THREADS) as u32;
    report.note("processor time of a row, on each processor", Time(copies));
    report.exactly("most strip decodes for 16 tiles of a row", most, strips);
    report.at_least("fewest threads that decoded at once", least_at_once, 2);
    report.timed(
        run,
        "time for the 16 tiles, median",
        Time(times[times.len() / 2]),
        Time((decodes + copies) * 12 / 10),
    );
}

/// What this process has taken of all processors so far.
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the clock exists, and the struct is ours.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(status, 0, "the clock of the process");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
