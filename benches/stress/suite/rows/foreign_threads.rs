//! Row 25: what one thread gets any other may release, at any time, without waiting for anything.
//!
//! Goroutines move between threads, and Julia's finalizers run on whatever thread collects.

use crate::suite::Run;
use crate::suite::c_face::{Cache, Provider, Tile, find_lent, lend, run_releases};
use crate::suite::report::Report;
use crate::suite::setup::{KEYS, MIB, column, cost, in_threads};
use crate::suite::source::Synthetic;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use tilecache::image::Block;

const TILES: u64 = 500;
const SIDE: u64 = 64;
/// Short-lived threads, each with a tile.
const HANDLES: u64 = 10_000;
const AT_ONCE: u64 = 100;

pub fn run(run: &Run, report: &mut Report) {
    released_elsewhere(run, report);
    released_during_a_decode(run, report);
    lent_memory(run, report);
}

/// Every handle is got on a thread that ends before another one releases it.
fn released_elsewhere(run: &Run, report: &mut Report) {
    let source = Synthetic::new(column(TILES, (SIDE, SIDE)), run.seed);
    // Room for a part of them, so that others go while handles move.
    let cache = Cache::new(TILES / 4 * cost(SIDE * SIDE) + KEYS);
    let view = Provider::new(&source, &cache);
    let handles = run.count(HANDLES);
    let (right, released) = (AtomicU64::new(0), AtomicU64::new(0));
    for first in (0..handles).step_by(AT_ONCE as usize) {
        let tiles: Vec<(u64, Tile)> = in_threads(AT_ONCE, |thread| {
            let row = (first + thread) * 7 % TILES;
            (row, view.tile(row).expect("a tile"))
        });
        let tiles = Mutex::new(tiles);
        in_threads(AT_ONCE, |_| {
            let (row, tile) = tiles.lock().expect("the tiles").pop().expect("a tile");
            right.fetch_add(u64::from(tile.shows(&source, row)), SeqCst);
            drop(tile);
            released.fetch_add(1, SeqCst);
        });
    }
    let moved = handles.next_multiple_of(AT_ONCE);
    report.exactly(
        "handles released on another thread",
        released.load(SeqCst),
        moved,
    );
    report.exactly("  of them with the right pixels", right.load(SeqCst), moved);
    drop((view, cache));
    report.exactly(
        "references to the source in the end",
        Arc::strong_count(&source),
        1,
    );
}

/// Handles are released while a decode stands still: none of them waits for it.
fn released_during_a_decode(run: &Run, report: &mut Report) {
    let stands = Block::new(0, TILES, 0);
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let wait = gate.clone();
    let source = Synthetic::with_hook(column(TILES + 1, (SIDE, SIDE)), run.seed, move |at| {
        let mut open = wait.0.lock().expect("the gate");
        while at == stands && !*open {
            open = wait.1.wait(open).expect("the gate");
        }
        Ok(())
    });
    let cache = Cache::new(MIB);
    let view = Provider::new(&source, &cache);
    let tiles: Vec<Tile> = (0..TILES)
        .map(|row| view.tile(row).expect("a tile"))
        .collect();
    let (to, from) = mpsc::channel();
    std::thread::scope(|scope| {
        let decode = scope.spawn(|| view.tile(TILES).expect("a tile"));
        while source.decodes_of(stands) == 0 {
            std::thread::yield_now();
        }
        scope.spawn(move || {
            drop(tiles);
            to.send(()).expect("somebody waits");
        });
        let in_time = from
            .recv_timeout(std::time::Duration::from_secs(30))
            .is_ok();
        report.exactly(
            "handles released while a decode stands still",
            in_time,
            true,
        );
        *gate.0.lock().expect("the gate") = true;
        gate.1.notify_all();
        let tile = decode.join().expect("the decode");
        report.exactly(
            "  and the tile of that decode is right",
            tile.shows(&source, TILES),
            true,
        );
    });
}

/// Memory of the caller's comes back once for each tile, where that is asked for not before it may.
fn lent_memory(run: &Run, report: &mut Report) {
    let source = Synthetic::new(column(TILES, (SIDE, SIDE)), run.seed);
    for is_deferred in [false, true] {
        let cache = Cache::new(MIB);
        let returned = Arc::default();
        (0..TILES).for_each(|row| lend(&cache, &source, row, is_deferred, &returned));
        let tiles: Vec<_> = in_threads(AT_ONCE, |thread| {
            let rows = (thread..TILES).step_by(AT_ONCE as usize);
            rows.map(|row| (row, find_lent(&cache, row)))
                .collect::<Vec<_>>()
        });
        drop(cache);
        let right = tiles
            .iter()
            .flatten()
            .filter(|(row, tile)| tile.as_ref().is_some_and(|tile| tile.shows(&source, *row)));
        let way = if is_deferred { "put off" } else { "at once" };
        report.exactly(
            format!("{way}: lent tiles that are found"),
            right.count() as u64,
            TILES,
        );
        let early = returned.load(SeqCst);
        report.exactly(format!("{way}: taken back while in hand"), early, 0);
        let tiles = Mutex::new(tiles);
        in_threads(AT_ONCE, |_| drop(tiles.lock().expect("the tiles").pop()));
        let at_release = if is_deferred { 0 } else { TILES };
        let now = returned.load(SeqCst);
        report.exactly(
            format!("{way}: taken back by the last release"),
            now,
            at_release,
        );
        let later = run_releases();
        report.exactly(
            format!("{way}: taken back later"),
            later,
            TILES - at_release,
        );
        report.exactly(
            format!("{way}: taken back in all"),
            returned.load(SeqCst),
            TILES,
        );
    }
}
