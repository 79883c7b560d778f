//! Hits of many threads beside evictions, invalidations and changes of the budget.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Behaviour, image, source, value};
use tilecache::cache::{Cache, Options, invalidate};
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, cached, retiled};
use tilecache::provider::{Provider, get_block};
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
    assert_eq!((now.held, now.overhang, now.in_flight), (0, 0, 0));
    assert_eq!(
        now.counters.hits + now.counters.misses,
        gets.load(Ordering::Relaxed)
    );
    let of_keys: u64 = providers.iter().map(|p| p.counters().hits).sum();
    assert_eq!(now.counters.hits, of_keys);
    println!("{} samples, {now:?}", samples.load(Ordering::Relaxed));
}

#[test]
fn a_hit_on_another_thread_is_a_use() {
    let cache = Cache::new(4 * TILE_BYTES + 2048, Options::default()).unwrap();
    let source = source(
        image((SIDE, SIDE), (TILE, TILE), 1),
        Arc::new(Behaviour::default()),
    );
    let tiles = cached(source, &cache).unwrap();
    let get = |col| drop(get_block(&*tiles, Block::new(0, 0, col), &Bands::ALL).unwrap());
    let is_there = |col| {
        tiles
            .peek_block(Block::new(0, 0, col), &Bands::ALL)
            .is_some()
    };
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
    assert_eq!(cache.statistics().overhang, 0);
}

#[test]
fn the_order_is_that_of_the_hits_however_late_it_is_looked_at() {
    let cache = Cache::new(3 * TILE_BYTES + 2048, Options::default()).unwrap();
    let source = source(
        image((SIDE, SIDE), (TILE, TILE), 1),
        Arc::new(Behaviour::default()),
    );
    let tiles = cached(source, &cache).unwrap();
    let get = |col| drop(get_block(&*tiles, Block::new(0, 0, col), &Bands::ALL).unwrap());
    let is_there = |col| {
        tiles
            .peek_block(Block::new(0, 0, col), &Bands::ALL)
            .is_some()
    };
    (0..3).for_each(get);
    [2, 1, 0, 1].into_iter().for_each(get);
    for (new, gone) in [(3, 2), (4, 0), (5, 1), (6, 3)] {
        get(new);
        assert!(!is_there(gone), "tile {gone} should go for tile {new}");
    }
}
