//! Hits of many threads beside evictions, invalidations and changes of the budget.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Behaviour, image, source, value};
use tilecache::cache::{Cache, Options, invalidate};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Bands, Block};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, PixelsMut};
use tilecache::operator::{RetileOptions, cached, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::{Decoder, Source};
use tilecache::tile::Tile;

const SIDE: u64 = 640;
const TILE: u64 = 64;
const GRID: u64 = SIDE / TILE;
const TILE_BYTES: u64 = TILE * TILE + 256;

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit
    }
}

fn check(tile: &Tile, at: Block) {
    for (x, y) in [(0, 0), (TILE - 1, 0), (17, 40), (TILE - 1, TILE - 1)] {
        let expected = value(0, at.col * TILE + x, at.row * TILE + y, 0) as u8;
        assert_eq!(tile.row(0, y as usize)[x as usize], expected, "{at:?}");
    }
}

fn retiled_in(cache: &Cache, strips: bool) -> Arc<dyn Provider> {
    let block = if strips { (SIDE, 16) } else { (TILE, TILE) };
    let source = source(
        image((SIDE, SIDE), block, 1),
        Arc::new(Behaviour::default()),
    );
    let options = RetileOptions {
        tile: (TILE, TILE),
        ..RetileOptions::default()
    };
    retiled(source, &options, Some(cache)).unwrap()
}

#[test]
fn hits_beside_all_that_moves_tiles_yield_the_right_pixels_within_the_budget() {
    let cache = Cache::new(60 * TILE_BYTES, Options::default()).unwrap();
    let providers = [retiled_in(&cache, false), retiled_in(&cache, true)];
    let (over, samples) = (AtomicBool::new(false), AtomicU64::new(0));
    let gets = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let (providers, over, gets) = (&providers, &over, &gets);
            scope.spawn(move || {
                let mut random = Random(0x9e37_79b9 * (thread + 1));
                let mut held = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    // Most gets go to a few tiles, which several threads hold at the same time.
                    let near = if random.below(4) == 0 { GRID } else { 2 };
                    let at = Block::new(0, random.below(near), random.below(near));
                    let provider = &providers[random.below(2) as usize];
                    let tile = get_block(&**provider, at, &Bands::ALL).unwrap();
                    gets.fetch_add(1, Ordering::Relaxed);
                    check(&tile, at);
                    held.push((tile, at));
                    if held.len() > random.below(12) as usize {
                        let (tile, at) = held.swap_remove(random.below(held.len() as u64) as usize);
                        check(&tile, at);
                    }
                }
                held.iter().for_each(|(tile, at)| check(tile, *at));
            });
        }
        scope.spawn(|| {
            let mut random = Random(77);
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_secs(2) {
                match random.below(4) {
                    0 => invalidate(providers[random.below(2) as usize].key()),
                    1 => cache.set_budget((20 + random.below(60)) * TILE_BYTES),
                    2 => {
                        let at = Block::new(0, random.below(2), random.below(2));
                        cache.remove(providers[0].key(), at, &Bands::ALL);
                    }
                    _ => cache.clear(),
                }
                std::thread::sleep(Duration::from_millis(3));
            }
            over.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| {
            let mut hits = 0;
            while !over.load(Ordering::Relaxed) {
                let now = cache.statistics();
                assert!(now.idle + now.held + now.reusable <= now.budget, "{now:?}");
                assert!(now.counters.hits >= hits, "hits go back");
                hits = now.counters.hits;
                samples.fetch_add(1, Ordering::Relaxed);
            }
        });
    });
    let now = cache.statistics();
    assert_eq!((now.held, now.over_budget, now.in_flight), (0, 0, 0));
    assert_eq!(
        now.counters.hits + now.counters.misses,
        gets.load(Ordering::Relaxed)
    );
    let of_keys: u64 = providers.iter().map(|p| p.counters().hits).sum();
    assert_eq!(now.counters.hits, of_keys);
    println!("{} samples, {now:?}", samples.load(Ordering::Relaxed));
}

/// Blocks in a cache with room for so many of them.
fn row_of(tiles: u64) -> (Cache, Arc<dyn Provider>) {
    let cache = Cache::new(tiles * TILE_BYTES + 2048, Options::default()).unwrap();
    let source = source(
        image((SIDE, SIDE), (TILE, TILE), 1),
        Arc::new(Behaviour::default()),
    );
    let tiles = cached(source, &cache).unwrap();
    (cache, tiles)
}

fn is_resident(tiles: &Arc<dyn Provider>, col: u64) -> bool {
    let at = Block::new(0, 0, col);
    tiles.peek_block(at, &Bands::ALL).is_some()
}

#[test]
fn a_hit_on_another_thread_is_a_use() {
    let (cache, tiles) = row_of(4);
    let get = |col| drop(get_block(&*tiles, Block::new(0, 0, col), &Bands::ALL).unwrap());
    let is_there = |col| is_resident(&tiles, col);
    (0..4).for_each(get);
    std::thread::scope(|scope| {
        scope.spawn(|| get(0));
    });
    get(4);
    assert!(is_there(0) && !is_there(1));
    // Held and got by two threads at the same time, a tile is free again after both.
    let tile = get_block(&*tiles, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..3).for_each(|_| get(0)));
    });
    assert_eq!(cache.statistics().held, TILE_BYTES);
    drop(tile);
    assert_eq!(cache.statistics().held, 0);
    cache.set_budget(0);
    assert_eq!(cache.statistics().entries, 0);
    assert_eq!(cache.statistics().over_budget, 0);
}

#[test]
fn the_order_is_that_of_the_hits_however_late_it_is_looked_at() {
    let (_cache, tiles) = row_of(3);
    let get = |col| drop(get_block(&*tiles, Block::new(0, 0, col), &Bands::ALL).unwrap());
    let is_there = |col| is_resident(&tiles, col);
    (0..3).for_each(get);
    [2, 1, 0, 1].into_iter().for_each(get);
    for (new, gone) in [(3, 2), (4, 0), (5, 1), (6, 3)] {
        get(new);
        assert!(!is_there(gone), "tile {gone} should go for tile {new}");
    }
}

/// The last gets of some tiles are seen by nobody but the thread that has them at its elbow.
#[test]
fn gets_of_one_thread_again_and_again_are_uses() {
    let (_cache, tiles) = row_of(3);
    let get = |col| drop(get_block(&*tiles, Block::new(0, 0, col), &Bands::ALL).unwrap());
    let is_there = |col| is_resident(&tiles, col);
    (0..3).for_each(get);
    for col in [0, 1, 2, 0] {
        (0..5).for_each(|_| get(col));
    }
    get(3);
    assert_eq!([0, 1, 2].map(is_there), [true, false, true]);
}

#[test]
fn a_get_of_all_bands_is_no_use_of_a_tile_with_some() {
    let cache = Cache::new(5 * TILE_BYTES + 2048, Options::default()).unwrap();
    let behaviour = Arc::new(Behaviour::default());
    let source = source(image((SIDE, SIDE), (TILE, TILE), 2), behaviour.clone());
    let tiles = cached(source, &cache).unwrap();
    let (at, first) = (|col| Block::new(0, 0, col), Bands::of(&[0], 2));
    for col in [0, 1, 2, 3, 4, 0, 1, 2, 3, 4] {
        get_block(&*tiles, at(col), &first).unwrap();
    }
    behaviour.fails.store(true, Ordering::Relaxed);
    assert!(get_block(&*tiles, at(0), &Bands::ALL).is_err());
    behaviour.fails.store(false, Ordering::Relaxed);
    get_block(&*tiles, at(5), &first).unwrap();
    let is_there = |col| tiles.peek_block(at(col), &first).is_some();
    assert!(!is_there(0) && is_there(4));
}

#[test]
fn outside_the_budget_nothing_outlives_its_last_handle_however_often_it_was_got() {
    let cache = Cache::new(0, Options::default()).unwrap();
    let behaviour = Arc::new(Behaviour::default());
    let source = source(image((SIDE, SIDE), (TILE, TILE), 1), behaviour.clone());
    let tiles = cached(source, &cache).unwrap();
    let get = || get_block(&*tiles, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    let tile = get();
    (0..9).for_each(|_| drop(get()));
    assert_eq!(behaviour.total(), 1);
    drop(tile);
    drop(get());
    assert_eq!(behaviour.total(), 2);
}

/// A tile all of whose samples are `version`.
fn of_version(version: u32) -> Tile {
    let shape = Shape {
        width: TILE as usize,
        height: TILE as usize,
        bands: 1,
    };
    let layout = Layout::packed(shape, DType::U8).unwrap();
    let mut canvas = Canvas::new(Memory::zeroed(layout.span()).unwrap(), layout);
    for y in 0..TILE as usize {
        canvas.pixels_mut().row_mut(0, y).fill(version as u8);
    }
    Tile::from_canvas(canvas)
}

/// Every block of it is of the version that is told when it is decoded.
struct Versions(Arc<AtomicU32>);

impl Decoder for Versions {
    fn read_block(&self, _: Block, _: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let version = self.0.load(Ordering::SeqCst) as u8;
        (0..TILE as usize).for_each(|y| into.row_mut(0, y).fill(version));
        Ok(())
    }
}

#[test]
fn nobody_gets_what_was_there_before_whatever_took_it_away() {
    const HOT: u64 = 3;
    let (told, put) = (Arc::new(AtomicU32::new(1)), Arc::new(AtomicU32::new(1)));
    let versions = |told: &Arc<AtomicU32>, cache| {
        let image = image((SIDE, SIDE), (TILE, TILE), 1);
        let source = Source::provider(None, image, Box::new(Versions(told.clone()))).unwrap();
        cached(source, cache).unwrap()
    };
    let cache = Cache::new(12 * TILE_BYTES, Options::default()).unwrap();
    // Where tiles are put, nothing goes, lest it be loaded while something else is put.
    let roomy = Cache::new(1 << 20, Options::default()).unwrap();
    let (tiles, puts) = (versions(&told, &cache), versions(&put, &roomy));
    let first = Block::new(0, 0, 0);
    drop(get_block(&*puts, first, &Bands::ALL).unwrap());
    // What a get that begins now must at least see.
    let (least, least_put) = (AtomicU32::new(1), AtomicU32::new(1));
    let over = AtomicBool::new(false);
    let (gets, gets_of_put) = (AtomicU64::new(0), AtomicU64::new(1));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (tiles, puts, over) = (&tiles, &puts, &over);
            let (least, least_put) = (&least, &least_put);
            let (gets, gets_of_put) = (&gets, &gets_of_put);
            scope.spawn(move || {
                let mut random = Random(0x51_7cc1 * (thread + 1));
                let mut held = None;
                while !over.load(Ordering::Relaxed) {
                    // Mostly a few tiles; sometimes one of many, which makes others go.
                    let (provider, least, gets, col) = match random.below(64) {
                        0 => (tiles, least, gets, HOT + random.below(GRID - HOT)),
                        n if n < 32 => (puts, least_put, gets_of_put, 0),
                        n => (tiles, least, gets, n.saturating_sub(60).min(HOT - 1)),
                    };
                    let oldest = least.load(Ordering::SeqCst);
                    let tile = get_block(&**provider, Block::new(0, 0, col), &Bands::ALL).unwrap();
                    let version = tile.row(0, 0)[0];
                    assert_eq!(tile.row(0, TILE as usize - 1)[7], version);
                    assert!(u32::from(version) >= oldest, "{version} after {oldest}");
                    gets.fetch_add(1, Ordering::Relaxed);
                    if random.below(16) == 0 {
                        held = Some(tile);
                    }
                }
                drop(held);
            });
        }
        let mut random = Random(99);
        for version in (3..=u8::MAX.into()).step_by(2) {
            told.store(version, Ordering::SeqCst);
            match random.below(4) {
                0 => {
                    (0..HOT).for_each(|col| {
                        cache.remove(tiles.key(), Block::new(0, 0, col), &Bands::ALL);
                    });
                }
                1 => cache.clear(),
                2 => cache.set_budget((2 + random.below(12)) * TILE_BYTES),
                _ => (),
            }
            // A load that began before may still end: only this keeps others from joining it.
            invalidate(tiles.key());
            least.store(version, Ordering::SeqCst);
            put.store(version - 1, Ordering::SeqCst);
            invalidate(puts.key());
            least_put.store(version - 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(1));
            put.store(version, Ordering::SeqCst);
            let pixels = of_version(version).pixels().clone();
            roomy.put(puts.key(), first, &Bands::ALL, pixels).unwrap();
            least_put.store(version, Ordering::SeqCst);
            let now = cache.statistics();
            assert!(now.idle + now.held + now.reusable <= now.budget, "{now:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
        over.store(true, Ordering::Relaxed);
    });
    for (cache, provider, gets) in [(&cache, &tiles, gets), (&roomy, &puts, gets_of_put)] {
        let now = cache.statistics();
        assert_eq!((now.held, now.over_budget, now.in_flight), (0, 0, 0));
        let counted = now.counters.hits + now.counters.misses;
        assert_eq!(counted, gets.load(Ordering::Relaxed));
        assert_eq!(provider.counters().hits, now.counters.hits);
        cache.clear();
        let now = cache.statistics();
        assert_eq!((now.entries, now.idle), (0, 0));
        println!("{now:?}");
    }
}

#[test]
fn a_tile_got_again_and_again_is_held_only_while_somebody_has_it() {
    let caches = [(); 2].map(|()| Cache::new(2 * TILE_BYTES + 2048, Options::default()).unwrap());
    let source = source(
        image((SIDE, SIDE), (TILE, TILE), 1),
        Arc::new(Behaviour::default()),
    );
    let below = cached(source, &caches[0]).unwrap();
    let get = |col| get_block(&*below, Block::new(0, 0, col), &Bands::ALL).unwrap();
    (0..5).for_each(|_| drop(get(0)));
    assert_eq!(caches[0].statistics().held, 0);
    // The tiles of both caches are the same memory, which the other one has no reason to keep.
    (0..5).for_each(|_| drop(get(0)));
    let above = cached(below.clone(), &caches[1]).unwrap();
    let tile = get_block(&*above, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    assert_eq!(tile.bytes().as_ptr(), get(0).bytes().as_ptr());
    (0..5).for_each(|_| drop(get(0)));
    assert_eq!(caches[1].statistics().held, TILE_BYTES);
    drop(tile);
    assert_eq!(caches[1].statistics().held, 0);
    (0..5).for_each(|_| drop(get(0)));
    assert_eq!(caches[1].statistics().held, 0);
    // Nor does it stay for whom it was taken from.
    for take in [
        (|cache, key| assert!(cache.remove(key, Block::new(0, 0, 0), &Bands::ALL)))
            as fn(&Cache, &str),
        |cache, _| cache.clear(),
        |_, key| invalidate(key),
        |cache, _| {
            cache.set_budget(0);
            cache.set_budget(2 * TILE_BYTES + 2048);
        },
    ] {
        let misses = below.counters().misses;
        take(&caches[0], below.key());
        (0..5).for_each(|_| drop(get(0)));
        assert_eq!(below.counters().misses, misses + 1);
    }
    let at = Block::new(0, 0, 0);
    let pixels = of_version(3).pixels().clone();
    caches[0].put(below.key(), at, &Bands::ALL, pixels).unwrap();
    assert_eq!(get(0).row(0, 0)[0], 3);
    // Outside the budget, a tile lives as long as its last handle.
    let tile = get(0);
    caches[1].clear();
    caches[0].set_budget(0);
    (0..5).for_each(|_| drop(get(0)));
    assert_eq!(caches[0].statistics().over_budget, TILE_BYTES);
    drop(tile);
    let now = caches[0].statistics();
    assert_eq!((now.over_budget, now.entries), (0, 0));
    // What nobody holds any more makes room, however often it was got.
    caches[0].set_budget(2 * TILE_BYTES + 2048);
    for col in 0..6 {
        (0..5).for_each(|_| drop(get(col)));
    }
    let now = caches[0].statistics();
    assert_eq!((now.entries, now.counters.rejected), (2, 0));
}
