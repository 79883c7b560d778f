//! Row 18: a get that begins after an invalidation never sees the old pixels.

use crate::suite::Run;
use crate::suite::orders::Random;
use crate::suite::report::Report;
use crate::suite::setup::{MIB, cache, image, tiles};
use crate::suite::source::Synthetic;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tilecache::cache::{Cache, invalidate};
use tilecache::image::{Bands, Block};
use tilecache::operator::cached;
use tilecache::provider::{Provider, get_block};
use tilecache::tile::Tile;

const READERS: u64 = 16;
const SIDE: u64 = 256;
const TILE: u64 = 64;
const STRIP: u64 = 16;

pub fn run(run: &Run, report: &mut Report) {
    for with_blocks in [false, true] {
        let in_strips = image(SIDE, SIDE, (SIDE, STRIP));
        let source = Synthetic::with_hook(in_strips, run.seed, |_| {
            std::thread::sleep(Duration::from_millis(5));
            Ok(())
        });
        let cache = cache(MIB);
        let below = match with_blocks {
            true => cached(source.provider(None), &cache).expect("a cached layer"),
            false => source.provider(None),
        };
        let view = tiles(below, TILE, &cache);
        let way = if with_blocks {
            "blocks cached"
        } else {
            "blocks not cached"
        };
        while_it_changes(run, report, &source, &*view, way);
        late_decode(report, &source, &*view, &cache, way);
        report.pixels(&source);
    }
}

/// Readers, and a writer that changes the pixels under them.
fn while_it_changes(
    run: &Run,
    report: &mut Report,
    source: &Synthetic,
    view: &dyn Provider,
    way: &str,
) {
    // The oldest generation that a get which begins now may see.
    let oldest = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let (gets, stale, changed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for reader in 0..READERS {
            let (oldest, done, gets, stale, changed) = (&oldest, &done, &gets, &stale, &changed);
            scope.spawn(move || {
                let mut random = Random::new(run.seed ^ reader);
                // A tile that is held on, and the bytes that it had.
                let mut held: Option<(Tile, Vec<u8>)> = None;
                while !done.load(SeqCst) {
                    let at = Block::new(0, random.below(SIDE / TILE), random.below(SIDE / TILE));
                    let least = oldest.load(SeqCst);
                    let tile = get_block(view, at, &Bands::ALL).expect("a tile");
                    let fresh = source.shows_since(&tile, &at.rect(view.image()), least);
                    gets.fetch_add(1, SeqCst);
                    stale.fetch_add(u64::from(!fresh), SeqCst);
                    if let Some((tile, bytes)) = &held {
                        changed.fetch_add(u64::from(tile.bytes() != bytes), SeqCst);
                    }
                    if random.below(8) == 0 {
                        let bytes = tile.bytes().to_vec();
                        held = Some((tile, bytes));
                    }
                }
            });
        }
        let until = Instant::now() + run.time(60);
        let mut changes = 0u64;
        while Instant::now() < until || changes < 20 {
            std::thread::sleep(Duration::from_millis(10));
            let now = source.change();
            invalidate(view.key());
            oldest.store(now, SeqCst);
            changes += 1;
        }
        done.store(true, SeqCst);
        report.note(format!("{way}: changes"), changes);
    });
    let gets = gets.load(SeqCst);
    report.exactly(
        format!("{way}: old pixels, of {gets} gets"),
        stale.load(SeqCst),
        0,
    );
    report.exactly(
        format!("{way}: held tiles that changed"),
        changed.load(SeqCst),
        0,
    );
}

/// A decode that was under way when the pixels changed gives its tile to nobody who asks later.
fn late_decode(
    report: &mut Report,
    source: &Synthetic,
    view: &dyn Provider,
    cache: &Cache,
    way: &str,
) {
    invalidate(view.key());
    let at = Block::new(0, 1, 1);
    let before = source.decodes();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| get_block(view, at, &Bands::ALL).expect("a tile"));
        while source.decodes() == before {
            std::thread::sleep(Duration::from_micros(100));
        }
        source.change();
        invalidate(view.key());
        load.join().expect("the load");
    });
    let kept = cache.peek(view.key(), at, &Bands::ALL).expect("a look-up");
    report.exactly(
        format!("{way}: a late decode was kept"),
        kept.is_some(),
        false,
    );
    source.read(view, at);
}
