//! Row 8: a tile that is finished wakes those who wait for it, and nobody else.
//!
//! The system counts how often a thread has given up its processor. A thread that waits for another
//! tile must not have done so once more, which it would have to if it had been woken.

use crate::suite::Run;
use crate::suite::report::Report;
use crate::suite::setup::{MIB, cache, image, tiles};
use crate::suite::source::Synthetic;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tilecache::image::Block;
use tilecache::operator::cached;
use tilecache::provider::Provider;

const TILES: u64 = 64;
/// Threads that want each tile: one decodes it.
const WANTED_BY: u64 = 4;
const SIDE: u64 = 64;

/// A gate for each tile, which its decode waits at.
struct Gates {
    open: Mutex<Vec<bool>>,
    changed: Vec<Condvar>,
}

pub fn run(run: &Run, report: &mut Report) {
    let tiles_wanted = run.count(TILES);
    // A cached block is waited for in its flight, a tile of another grid where it is assembled.
    for retiled in [false, true] {
        let gates = Arc::new(Gates {
            open: Mutex::new(vec![false; tiles_wanted as usize]),
            changed: (0..tiles_wanted).map(|_| Condvar::new()).collect(),
        });
        let wait = gates.clone();
        let block = if retiled { 2 * SIDE } else { SIDE };
        let of_blocks = image(block, tiles_wanted * SIDE, (block, SIDE));
        let source = Synthetic::with_hook(of_blocks, run.seed, move |at| {
            let mut open = wait.open.lock().expect("the gates");
            while !open[at.row as usize] {
                open = wait.changed[at.row as usize].wait(open).expect("the gates");
            }
            Ok(())
        });
        let cache = cache(64 * MIB);
        let view = match retiled {
            true => tiles(source.provider(None), SIDE, &cache),
            false => cached(source.provider(None), &cache).expect("a cached layer"),
        };
        let (woken, others) = count(&source, &*view, &gates, tiles_wanted);
        let way = if retiled { "retiled" } else { "cached" };
        report.exactly(
            format!("{way}: threads that got their tile"),
            woken,
            tiles_wanted * WANTED_BY,
        );
        report.exactly(
            format!("{way}: wake-ups of threads that wait for other tiles"),
            others,
            0,
        );
        report.exactly(format!("{way}: decodes"), source.decodes(), tiles_wanted);
        report.pixels(&source);
    }
}

/// Opens one gate after the other; how many threads ended, and how many others were woken meanwhile.
fn count(source: &Synthetic, view: &dyn Provider, gates: &Gates, tiles: u64) -> (u64, u64) {
    let threads = (tiles * WANTED_BY) as usize;
    let ids: Vec<AtomicI32> = (0..threads).map(|_| AtomicI32::new(0)).collect();
    let done: Vec<AtomicU64> = (0..tiles).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for (thread, id) in ids.iter().enumerate() {
            let done = &done;
            scope.spawn(move || {
                // SAFETY: asks for the number of this thread.
                id.store(unsafe { libc::gettid() }, Ordering::SeqCst);
                let row = thread as u64 % tiles;
                source.read(view, Block::new(0, row, 0));
                done[row as usize].fetch_add(1, Ordering::SeqCst);
            });
        }
        let ids = || ids.iter().map(|id| id.load(Ordering::SeqCst));
        settle(|| ids().map(switches).collect());
        let mut others = 0;
        for row in 0..tiles {
            let waiting = || {
                let later = ids().enumerate().filter(|(i, _)| *i as u64 % tiles > row);
                later.map(|(_, id)| switches(id)).collect::<Vec<_>>()
            };
            let before = waiting();
            gates.open.lock().expect("the gates")[row as usize] = true;
            gates.changed[row as usize].notify_all();
            let arrived = || done[row as usize].load(Ordering::SeqCst) == WANTED_BY;
            within(Duration::from_secs(60), arrived);
            let after = settle(waiting);
            others += before
                .iter()
                .zip(&after)
                .map(|(a, b)| b.1 - a.1)
                .sum::<u64>();
        }
        let ended = done.iter().map(|done| done.load(Ordering::SeqCst)).sum();
        (ended, others)
    })
}

/// Whether a thread sleeps, and how often it has given up its processor for that; it must not have
/// ended. Number 0 has yet to begin.
fn switches(thread: i32) -> (bool, u64) {
    if thread == 0 {
        return (false, 0);
    }
    let path = format!("/proc/self/task/{thread}/status");
    let status = std::fs::read_to_string(path).expect("a thread that waits");
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        value.expect("Linux tells of its threads").trim()
    };
    let count = field("voluntary_ctxt_switches:").parse();
    (field("State:").starts_with('S'), count.expect("a number"))
}

/// What `look` sees when all threads sleep and it sees the same twice.
fn settle(look: impl Fn() -> Vec<(bool, u64)>) -> Vec<(bool, u64)> {
    let mut last = look();
    within(Duration::from_secs(60), || {
        std::thread::sleep(Duration::from_millis(2));
        let now = look();
        let same = now == last && now.iter().all(|(sleeps, _)| *sleeps);
        last = now;
        same
    });
    last
}

fn within(time: Duration, done: impl FnMut() -> bool) {
    let mut done = done;
    let until = Instant::now() + time;
    while !done() && Instant::now() < until {
        std::thread::sleep(Duration::from_micros(200));
    }
}
