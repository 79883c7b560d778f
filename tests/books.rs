//! The books of a cache, step by step: what is counted where, at the moment when it can be seen.

mod support;

use std::sync::{Arc, Mutex};
use support::{Behaviour, image, named, source};
use tilecache::cache::{Cache, Options, Statistics};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Bands, Block, Image};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, PixelsMut};
use tilecache::operator::{RetileOptions, cached, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::{Decoder, Source};
use tilecache::tile::Tile;

const SIDE: u64 = 64;
const BYTES: u64 = SIDE * SIDE;
const CHARGE: u64 = BYTES + 256;

fn cache(budget: u64) -> Cache {
    Cache::new(budget, Options::default()).unwrap()
}

fn at(col: u64) -> Block {
    Block::new(0, 0, col)
}

fn get(provider: &Arc<dyn Provider>, col: u64) -> Tile {
    get_block(&**provider, at(col), &Bands::ALL).unwrap()
}

fn put(cache: &Cache, col: u64) {
    let shape = Shape {
        width: SIDE as usize,
        height: SIDE as usize,
        bands: 1,
    };
    let layout = Layout::packed(shape, DType::U8).unwrap();
    let tile = Tile::from_canvas(Canvas::new(Memory::zeroed(layout.span()).unwrap(), layout));
    cache
        .put("k", at(col), &Bands::ALL, tile.pixels().clone())
        .unwrap();
}

/// A row of blocks of this width.
fn row(width: u64, blocks: u64) -> Image {
    image((width * blocks, SIDE), (width, SIDE), 1)
}

/// A decoder that looks at the books of a cache in the middle of each block.
struct Looking {
    cache: Cache,
    seen: Arc<Mutex<Vec<u64>>>,
}

impl Decoder for Looking {
    fn read_block(&self, _: Block, _: &[u32], _: &mut PixelsMut<'_>) -> Result<()> {
        self.seen
            .lock()
            .unwrap()
            .push(self.cache.statistics().in_flight);
        Ok(())
    }
}

fn looking(cache: &Cache, image: Image) -> (Arc<dyn Provider>, Arc<Mutex<Vec<u64>>>) {
    let seen = Arc::default();
    let decoder = Looking {
        cache: cache.clone(),
        seen: Arc::clone(&seen),
    };
    let source = Source::provider(None, image, Box::new(decoder)).unwrap();
    (source, seen)
}

fn tiles(source: Arc<dyn Provider>, tile: (u64, u64), cache: &Cache) -> Arc<dyn Provider> {
    let options = RetileOptions {
        tile,
        pad_edges: false,
    };
    retiled(source, &options, Some(cache)).unwrap()
}

/// Both had counted it outside their budgets, for which the last release is the end.
#[test]
fn every_cache_hears_of_the_last_release() {
    let caches = [cache(0), cache(0), cache(0)];
    let mut top = source(row(SIDE, 1), Arc::default());
    for cache in &caches {
        top = cached(top, cache).unwrap();
    }
    let tile = get(&top, 0);
    assert!(
        caches
            .iter()
            .all(|cache| cache.statistics().over_budget == CHARGE)
    );
    drop(tile);
    assert!(
        caches
            .iter()
            .all(|cache| cache.statistics().over_budget == 0)
    );
    assert!(caches.iter().all(|cache| cache.statistics().entries == 0));
}

#[test]
fn what_a_cache_has_forgotten_comes_back_from_another_one_as_new() {
    let (lower, upper) = (cache(1 << 20), cache(1 << 20));
    let behaviour = Arc::new(Behaviour::default());
    let below = cached(source(row(SIDE, 1), behaviour.clone()), &lower).unwrap();
    let above = cached(below, &upper).unwrap();
    drop(get(&above, 0));
    let before = upper.statistics();
    for _ in 0..3 {
        upper.clear();
        assert_eq!(upper.statistics().idle, 0);
        drop(get(&above, 0));
        let now = upper.statistics();
        assert_eq!((now.entries, now.idle), (1, before.idle));
    }
    assert_eq!(behaviour.total(), 1);
}

#[test]
fn freed_memory_is_kept_up_to_a_sixteenth_of_the_budget_and_until_all_is_forgotten() {
    let cache = cache(1 << 20);
    (0..200).for_each(|col| put(&cache, col));
    for col in 0..150 {
        assert!(cache.remove("k", at(col), &Bands::ALL));
    }
    let kept = cache.statistics().reusable;
    assert!(kept > 0 && kept <= (1 << 20) / 16, "{kept}");
    cache.clear();
    assert_eq!(cache.statistics().reusable, 0);
}

/// Blocks of two sizes come and go: what the small ones leave behind waits for the next small ones while large ones take each
/// other's memory.
#[test]
fn memory_of_one_size_waits_while_tiles_of_another_take_turns() {
    let cache = cache(1 << 20);
    let open = |width: u64| {
        let source = source(row(width, 100), Arc::new(Behaviour::default()));
        cached(source, &cache).unwrap()
    };
    let [small, large] = [SIDE, 10 * SIDE].map(open);
    (0..8).for_each(|col| drop(get(&small, col)));
    let is_there = |col| small.peek_block(at(col), &Bands::ALL).is_some();
    let mut columns = (0..).take_while(|_| (0..8).any(is_there));
    let last = columns
        .by_ref()
        .inspect(|col| drop(get(&large, *col)))
        .last();
    let waiting = cache.statistics().reusable;
    assert!(waiting >= BYTES, "{waiting}");
    for more in 1..5 {
        drop(get(&large, last.unwrap() + more));
        assert_eq!(cache.statistics().reusable, waiting);
    }
    drop(get(&small, 50));
    assert_eq!(cache.statistics().reusable, waiting - BYTES);
    let now = cache.statistics();
    assert!(now.idle + now.held + now.reusable <= now.budget);
}

#[test]
fn a_tile_put_anew_takes_the_room_of_the_one_before() {
    let cache = cache(2 * CHARGE + 2048);
    [0, 1, 1].into_iter().for_each(|col| put(&cache, col));
    let now = cache.statistics();
    assert_eq!((now.entries, now.counters.evictions), (2, 0));
}

/// Tiles of two sizes: the memory of victims may not stay beside the tile that they went for.
#[test]
fn the_peak_of_one_thread_stays_within_the_budget_and_counts_what_is_in_flight() {
    let cache = cache(64 * CHARGE);
    let small = cached(source(row(SIDE, 40), Arc::default()), &cache).unwrap();
    let large = cached(source(row(40 * SIDE, 4), Arc::default()), &cache).unwrap();
    for col in 0..4 {
        (0..40).for_each(|small_col| drop(get(&small, small_col)));
        drop(get(&large, col));
        let now = cache.statistics();
        assert!(now.peak <= now.budget, "{now:?}");
    }
    // A load that fails was in flight all the same.
    let cache = self::cache(1 << 20);
    let behaviour = Arc::new(Behaviour::default());
    behaviour
        .fails
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let failing = cached(source(row(SIDE, 1), behaviour), &cache).unwrap();
    assert!(get_block(&*failing, at(0), &Bands::ALL).is_err());
    assert_eq!(
        (cache.statistics().peak, cache.statistics().in_flight),
        (BYTES, 0)
    );
}

/// A tile over three blocks of which the last is also the next tile's: each block serves the memory of the
/// one before, but for those that the cache keeps.
#[test]
fn while_a_tile_is_put_together_it_and_one_block_are_in_flight() {
    let cache = cache(1 << 20);
    let (source, seen) = looking(&cache, row(SIDE, 6));
    let wide = tiles(source, (3 * SIDE, SIDE), &cache);
    drop(get(&wide, 0));
    let tile = Memory::allocated_size(3 * BYTES as usize) as u64;
    assert_eq!(*seen.lock().unwrap(), [tile + BYTES; 3]);
    let cache = self::cache(1 << 20);
    let (source, seen) = looking(&cache, row(SIDE, 6));
    let apart = tiles(source, (3 * SIDE / 2, SIDE), &cache);
    drop(get(&apart, 1));
    // Two blocks, of which the first is kept for the tile before.
    let tile = Memory::allocated_size(3 * BYTES as usize / 2) as u64;
    assert_eq!(*seen.lock().unwrap(), [tile + BYTES; 2]);
}

#[test]
fn a_tile_of_a_block_that_is_too_large_for_a_part_of_it_is_a_copy() {
    let budget = 1 << 20;
    for (block, is_view) in [(4 * SIDE, true), (8 * SIDE, false)] {
        let cache = cache(budget);
        let blocks = image((block, block), (block, block), 1);
        let below = cached(source(blocks, Arc::default()), &cache).unwrap();
        let tile = get(&tiles(below, (SIDE, SIDE), &cache), 0);
        assert_eq!(tile.buffer().size() as u64 == block * block, is_view);
        assert_eq!(tile.buffer().size() as u64 == BYTES, !is_view);
    }
}

/// Idle, held, over_budget, orphaned bytes and entries.
fn sizes(now: &Statistics) -> [u64; 5] {
    [
        now.idle,
        now.held,
        now.over_budget,
        now.orphaned,
        now.entries,
    ]
}

#[test]
fn what_providers_have_adds_up_to_what_the_cache_has() {
    let cache = cache(6 * CHARGE + 3000);
    let blocks = cached(source(row(SIDE, 12), Arc::default()), &cache).unwrap();
    let tiles = tiles(blocks.clone(), (SIDE * 3 / 2, SIDE), &cache);
    let check = || {
        let of = |provider: &Arc<dyn Provider>| provider.usage();
        let sum = of(&blocks).plus(of(&tiles));
        let now = cache.statistics();
        let all = [
            sum.idle,
            sum.held,
            sum.over_budget,
            sum.orphaned,
            sum.entries,
        ];
        assert_eq!(all, sizes(&now));
        assert_eq!((sum.in_flight, now.reusable), (0, now.reusable));
        now
    };
    let mut hands = Vec::new();
    for col in 0..8 {
        hands.push(get(&tiles, col));
        hands.push(get(&blocks, col));
        check();
    }
    assert!(check().over_budget > 0, "not all has room");
    assert!(cache.remove(tiles.key(), at(7), &Bands::ALL));
    assert!(cache.remove(blocks.key(), at(0), &Bands::ALL));
    assert!(check().orphaned > 0);
    while hands.pop().is_some() {
        check();
    }
    assert_eq!(check().held, 0);
    cache.set_budget(2 * CHARGE + 3000);
    check();
    let most = [tiles.usage().peak, blocks.usage().peak];
    assert!(most.iter().all(|peak| *peak >= 2 * CHARGE), "{most:?}");
    cache.clear();
    assert_eq!(sizes(&check()), [0; 5]);
}

#[test]
fn a_provider_counts_the_tiles_that_it_makes_and_not_those_on_the_way() {
    let cache = cache(1 << 20);
    let (source, seen) = looking(&cache, row(SIDE, 4));
    let blocks = cached(source, &cache).unwrap();
    get(&blocks, 0);
    assert_eq!(seen.lock().unwrap()[..], [BYTES]);
    assert_eq!(blocks.usage().peak, CHARGE);
    let tiles = tiles(blocks.clone(), (SIDE * 2, SIDE), &cache);
    get(&tiles, 1);
    assert_eq!(seen.lock().unwrap()[1..], [3 * BYTES; 2]);
    assert_eq!(tiles.usage().peak, 2 * BYTES + 256);
    assert_eq!(blocks.usage().peak, 3 * CHARGE);
    assert_eq!(tiles.usage().in_flight + blocks.usage().in_flight, 0);
}

struct Blank;

impl Decoder for Blank {
    fn read_block(&self, _: Block, _: &[u32], _: &mut PixelsMut<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_key_that_only_views_under_another_key_keep_goes_with_them() {
    for by_image in [false, true] {
        let cache = cache(1 << 20);
        let named = |name| Source::provider(Some(name), row(SIDE, 1), Box::new(Blank)).unwrap();
        let options = RetileOptions {
            tile: (SIDE / 2, SIDE / 2),
            pad_edges: false,
        };
        // The tiles get the number that comes free, which is before that of the blocks.
        let before = cached(named("before"), &cache).unwrap();
        let blocks = cached(named("blocks"), &cache).unwrap();
        drop(before);
        let tiles = retiled(blocks.clone(), &options, Some(&cache)).unwrap();
        let (key, of_tiles) = (blocks.key().to_owned(), tiles.key().to_owned());
        drop(get(&tiles, 0));
        drop((tiles, blocks));
        assert!(cache.remove(&key, at(0), &Bands::ALL));
        assert!(cache.peek(&of_tiles, at(0), &Bands::ALL).unwrap().is_some());
        match by_image {
            true => tilecache::cache::invalidate(&key),
            false => cache.clear(),
        }
        let now = cache.statistics();
        assert_eq!((now.entries, now.idle, now.held), (0, 0, 0));
    }
}

#[test]
fn what_happened_under_a_key_is_known_to_the_next_provider_with_it() {
    let cache = cache(1 << 20);
    let image = image((32, 32), (16, 16), 1);
    for provider in 1..=3 {
        let named = named(Some("again"), image.clone(), Arc::default());
        let blocks = cached(named, &cache).unwrap();
        for _ in 0..2 {
            get(&blocks, 0);
        }
        let (now, all) = (blocks.counters(), cache.statistics().counters);
        assert_eq!((now.hits, now.misses), (2 * provider - 1, 1));
        assert_eq!((all.hits, all.misses), (2 * provider - 1, 1));
    }
}
