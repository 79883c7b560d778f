//! Row 7: decodes of distinct tiles run at once.

use crate::suite::Run;
use crate::suite::report::{Report, Time};
use crate::suite::setup::{MIB, cache, column, in_threads};
use crate::suite::source::Synthetic;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tilecache::image::Block;
use tilecache::operator::cached;

const TILES: u64 = 1600;
const THREADS: u64 = 16;
const DECODE: Duration = Duration::from_millis(10);

pub fn run(run: &Run, report: &mut Report) {
    all_inside_at_once(run, report);
    let tiles = run.count(TILES);
    let source = Synthetic::with_hook(column(tiles, (64, 64)), run.seed, |_| {
        std::thread::sleep(DECODE);
        Ok(())
    });
    let cache = cache(64 * MIB);
    let view = cached(source.provider(None), &cache).expect("a cached layer");
    let begin = Instant::now();
    in_threads(THREADS, |thread| {
        for row in (thread..tiles).step_by(THREADS as usize) {
            source.read(&*view, Block::new(0, row, 0));
        }
    });
    let time = begin.elapsed();
    report.exactly("decodes", source.decodes(), tiles);
    report.timed(
        run,
        "time",
        Time(time),
        Time(DECODE * (tiles / THREADS) as u32 * 115 / 100),
    );
    report.pixels(&source);
}

/// As many decodes as threads meet inside the source; if a lock kept one out, they would wait in vain.
fn all_inside_at_once(run: &Run, report: &mut Report) {
    let meeting = Arc::new((Mutex::new(0), Condvar::new()));
    let source = Synthetic::with_hook(column(THREADS, (64, 64)), run.seed, move |_| {
        let (arrived, changed) = &*meeting;
        let mut arrived = arrived.lock().expect("the meeting");
        *arrived += 1;
        changed.notify_all();
        let enough = changed.wait_timeout_while(arrived, Duration::from_secs(20), |n| *n < THREADS);
        drop(enough.expect("the meeting"));
        Ok(())
    });
    let cache = cache(64 * MIB);
    let view = cached(source.provider(None), &cache).expect("a cached layer");
    in_threads(THREADS, |thread| {
        source.read(&*view, Block::new(0, thread, 0));
    });
    report.exactly(
        "decodes of 16 threads that run at once",
        source.most_inside(),
        THREADS,
    );
}
