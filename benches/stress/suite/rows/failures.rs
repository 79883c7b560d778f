//! Row 19: a failure is told to all who wait, and not remembered.

use crate::suite::Run;
use crate::suite::c_face::{self, TOLD_TO_FAIL};
use crate::suite::report::Report;
use crate::suite::setup::{MIB, cache, column, image, in_threads, tiles};
use crate::suite::source::Synthetic;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tilecache::cache::Cache;
use tilecache::error::Error;
use tilecache::image::{Bands, Block};
use tilecache::operator::cached;
use tilecache::provider::get_block;

const WAITERS: u64 = 16;
const TILES: u64 = 64;
const SIDE: u64 = 64;

/// How a decode fails.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Error,
    Panic,
}

pub fn run(run: &Run, report: &mut Report) {
    for way in [Way::Error, Way::Panic] {
        for retiled in [false, true] {
            fail_once(run, report, way, retiled);
        }
    }
    callback(run, report);
}

/// A callback that returns a number of its own.
fn callback(run: &Run, report: &mut Report) {
    let failed = Mutex::new(HashSet::new());
    let source = Synthetic::with_hook(
        column(TILES, (SIDE, SIDE)),
        run.seed,
        move |at| match failed.lock().expect("the list").insert(at) {
            true => Err(Error::from_source(TOLD_TO_FAIL, "told to fail")),
            false => Ok(()),
        },
    );
    let cache = c_face::Cache::new(MIB);
    let view = c_face::Provider::new(&source, &cache);
    let code = |row| view.tile(row).err();
    let failures = (0..TILES).filter(|row| code(*row) == Some(TOLD_TO_FAIL));
    report.exactly(
        "callback: gets that failed with its number",
        failures.count() as u64,
        TILES,
    );
    let right =
        (0..TILES).filter(|row| view.tile(*row).is_ok_and(|tile| tile.shows(&source, *row)));
    report.exactly(
        "callback: next gets that succeeded",
        right.count() as u64,
        TILES,
    );
    report.exactly("callback: decodes", source.decodes(), 2 * TILES);
}

fn fail_once(run: &Run, report: &mut Report, way: Way, retiled: bool) {
    let tiles_read = run.count(TILES);
    let cache = cache(16 * MIB);
    let failed = Mutex::new(HashSet::new());
    let waits: Arc<OnceLock<Cache>> = Arc::default();
    waits.set(cache.clone()).ok();
    let block = if retiled { 2 * SIDE } else { SIDE };
    let source = Synthetic::with_hook(
        image(block, tiles_read * SIDE, (block, SIDE)),
        run.seed,
        move |at| {
            if !failed.lock().expect("the list").insert(at) {
                return Ok(());
            }
            // Until the others wait; where none can be counted, long enough for them to come.
            let cache = waits.get().expect("the cache");
            let until = Instant::now() + Duration::from_millis(if retiled { 20 } else { 20_000 });
            let waiting = cache.statistics().counters.waits;
            let all = (waiting / (WAITERS - 1) + 1) * (WAITERS - 1);
            while Instant::now() < until && cache.statistics().counters.waits < all {
                std::thread::sleep(Duration::from_micros(100));
            }
            match way {
                Way::Error => Err(Error::from_source(TOLD_TO_FAIL, "told to fail")),
                Way::Panic => std::panic::resume_unwind(Box::new("told to panic")),
            }
        },
    );
    let view = match retiled {
        true => tiles(source.provider(None), SIDE, &cache),
        false => cached(source.provider(None), &cache).expect("a cached layer"),
    };
    let (mut errors, mut retries) = (0, 0);
    for row in 0..tiles_read {
        let at = Block::new(0, row, 0);
        let get = || catch_unwind(AssertUnwindSafe(|| get_block(&*view, at, &Bands::ALL)));
        errors += in_threads(WAITERS, |_| !matches!(get(), Ok(Ok(_))))
            .into_iter()
            .filter(|e| *e)
            .count() as u64;
        retries += u64::from(
            matches!(get(), Ok(Ok(tile)) if source.check(&tile, 0, &at.rect(view.image()))),
        );
    }
    let name = match (way, retiled) {
        (Way::Error, false) => "error, cached",
        (Way::Error, true) => "error, retiled",
        (Way::Panic, false) => "panic, cached",
        (Way::Panic, true) => "panic, retiled",
    };
    if retiled {
        // Who comes after the failure is served by a new decode.
        report.at_least(format!("{name}: gets that failed"), errors, tiles_read);
    } else {
        report.exactly(
            format!("{name}: gets that failed"),
            errors,
            tiles_read * WAITERS,
        );
    }
    report.exactly(
        format!("{name}: next gets that succeeded"),
        retries,
        tiles_read,
    );
    report.exactly(
        format!("{name}: decodes of a tile"),
        source.decodes(),
        2 * tiles_read,
    );
    report.exactly(
        format!("{name}: bytes in flight in the end"),
        cache.statistics().in_flight,
        0,
    );
    report.pixels(&source);
}
