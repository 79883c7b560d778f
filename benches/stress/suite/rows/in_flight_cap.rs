//! Row 10: bytes in flight have a cap, loads wait for it in their order, and nested ones never.

use super::reentrant::{above, is_raised};
use crate::suite::Run;
use crate::suite::child::{Child, tell};
use crate::suite::report::{Bytes, Report};
use crate::suite::setup::{KEYS, MIB, column, cost, in_threads};
use crate::suite::source::Synthetic;
use crate::suite::watch::watched;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block};
use tilecache::operator::cached;
use tilecache::provider::get_block;

const BUDGET: u64 = 256 * MIB;
/// 16 MiB.
const SIDE: u64 = 4096;
const THREADS: u64 = 64;
/// What is stated where nothing else is asked for: a quarter of the budget.
const CAP: u64 = BUDGET / 4;

pub const TASK: &str = "in-flight-cap";

pub fn run(run: &Run, report: &mut Report) {
    all_miss(run, report);
    in_order(run, report);
    nested(run, report);
}

fn capped(run: &Run) -> Cache {
    let options = Options {
        max_in_flight: run.count(CAP),
        ..Options::default()
    };
    Cache::new(run.budget(BUDGET, SIDE, 1), options).expect("a cache")
}

/// Threads that all miss, in a process whose memory is looked at.
fn all_miss(run: &Run, report: &mut Report) {
    let mut child = Child::start(run, TASK, &[]);
    child.hear();
    let start = child.resident().now;
    child.go_on();
    let numbers = child.hear_numbers();
    let resident = child.resident().peak;
    let [
        decodes,
        wrong,
        in_flight,
        violations,
        samples,
        peak,
        handles,
    ] = numbers[..]
    else {
        panic!("seven numbers");
    };
    report.exactly("decodes", decodes, 2 * THREADS);
    report.exactly("tiles with a wrong byte", wrong, 0);
    report.at_most(
        "most bytes in flight",
        Bytes(in_flight),
        Bytes(run.count(CAP)),
    );
    report.exactly(
        format!("samples over the budget, of {samples}"),
        violations,
        0,
    );
    // What callers hold at most, all of which may be outside the budget.
    let over_budget = handles * cost(run.side(SIDE).pow(2));
    let allowed = run.budget(BUDGET, SIDE, 1) + over_budget + run.count(CAP);
    report.at_most("peak by the cache's count", Bytes(peak), Bytes(allowed));
    report.at_most(
        "memory of the process, beyond what it had before",
        Bytes(resident.saturating_sub(start)),
        Bytes(peak + 8 * MIB),
    );
}

/// In the child.
pub fn task(run: &Run, _: &[u64]) {
    let side = run.side(SIDE);
    let source = Synthetic::with_hook(column(2 * THREADS, (side, side)), run.seed, |_| {
        std::thread::sleep(Duration::from_millis(2));
        Ok(())
    });
    let cache = capped(run);
    let view = cached(source.provider(None), &cache).expect("a cached layer");
    tell(&[]);
    let handles = AtomicU64::new(0);
    let most = AtomicU64::new(0);
    let (_, samples) = watched(&cache, || {
        in_threads(THREADS, |thread| {
            for row in [thread, thread + THREADS] {
                let at = Block::new(0, row, 0);
                let tile = get_block(&*view, at, &Bands::ALL).expect("a tile");
                most.fetch_max(handles.fetch_add(1, SeqCst) + 1, SeqCst);
                source.check(&tile, 0, &at.rect(view.image()));
                drop(tile);
                handles.fetch_sub(1, SeqCst);
            }
        })
    });
    let now = cache.statistics();
    tell(&[
        source.decodes(),
        source.verdicts().1,
        // What went on because nothing had ended for a second is counted, and no breach.
        samples.in_flight - (now.overdue * side * side).min(samples.in_flight),
        samples.violations,
        samples.count,
        now.peak,
        most.load(SeqCst),
    ]);
}

/// Loads that come one after the other begin to decode in that order, once there is room for them.
fn in_order(run: &Run, report: &mut Report) {
    let side = run.side(SIDE);
    let begun = Arc::new(Mutex::new(Vec::new()));
    let permits = Arc::new((Mutex::new(0u64), Condvar::new()));
    let (log, gate) = (begun.clone(), permits.clone());
    let source = Synthetic::with_hook(column(THREADS, (side, side)), run.seed, move |at| {
        log.lock().expect("the log").push(at.row);
        let mut permits = gate.0.lock().expect("the gate");
        while *permits == 0 {
            permits = gate.1.wait(permits).expect("the gate");
        }
        *permits -= 1;
        Ok(())
    });
    let cache = capped(run);
    let view = cached(source.provider(None), &cache).expect("a cached layer");
    let arrived = || {
        let now = cache.statistics();
        // Those that wait or waited, and those that needed not to.
        (now.queued, begun.lock().expect("the log").len() as u64)
    };
    std::thread::scope(|scope| {
        for row in 0..THREADS {
            let before = arrived();
            let (source, view) = (&source, &view);
            scope.spawn(move || drop(source.read(&**view, Block::new(0, row, 0))));
            while arrived() == before {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        for _ in 0..THREADS {
            let before = begun.lock().expect("the log").len() as u64;
            *permits.0.lock().expect("the gate") += 1;
            permits.1.notify_one();
            while before < THREADS && arrived().1 == before {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
    });
    let begun = begun.lock().expect("the log");
    let early = begun.windows(2).filter(|two| two[1] < two[0]).count();
    report.at_least("loads that had to wait", cache.statistics().queued, 1);
    report.exactly("loads that overtook another", early, 0);
    report.pixels(&source);
}

/// Loads that need tiles of another image in the same cache get on, with room for one load alone.
fn nested(run: &Run, report: &mut Report) {
    let side = 64;
    let a = Synthetic::new(column(THREADS, (side, side)), run.seed);
    let options = Options {
        max_in_flight: cost(side * side),
        ..Options::default()
    };
    let cache = Cache::new(4 * cost(side * side) + KEYS, options).expect("a cache");
    let b = above(
        cached(a.provider(None), &cache).expect("a cached layer"),
        &cache,
    );
    let c = above(b, &cache);
    let right = in_threads(THREADS, |thread| {
        let at = Block::new(0, thread, 0);
        let tile = get_block(&*c, at, &Bands::ALL).expect("a tile");
        u64::from(is_raised(&a, &tile, at, 2))
    });
    report.exactly("tiles over nested loads", right.into_iter().sum(), THREADS);
    report.exactly(
        "loads that went on for want of progress",
        cache.statistics().overdue,
        0,
    );
}
