//! The option that what was used at one time only goes before what is used again and again.

use std::sync::Mutex;
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::image::{Bands, Block};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory};
use tilecache::tile::Tile;

const BYTES: usize = 4096;
const CHARGE: u64 = BYTES as u64 + 256;

/// Held by the test that runs, for the misses of all caches count.
static ALONE: Mutex<()> = Mutex::new(());

/// A cache of so many tiles, beside what one or two keys cost.
fn cache(tiles: u64, frequency: bool) -> Cache {
    let options = Options {
        frequency,
        ..Options::default()
    };
    Cache::new(tiles * CHARGE + 3500, options).unwrap()
}

/// Gets a tile, whose bytes follow from its number; says whether it was there.
fn get(cache: &Cache, key: &str, tile: u64) -> bool {
    let at = Block::new(0, tile, 0);
    let value = (tile * 7) as u8;
    if let Some(found) = cache.get(key, at, &Bands::ALL).unwrap() {
        assert!(found.bytes().iter().all(|byte| *byte == value), "{tile}");
        return true;
    }
    let shape = Shape {
        width: BYTES,
        height: 1,
        bands: 1,
    };
    let layout = Layout::packed(shape, DType::U8).unwrap();
    let mut canvas = Canvas::new(Memory::zeroed(BYTES).unwrap(), layout);
    let mut pixels = canvas.pixels_mut();
    pixels.bytes_mut().expect("a row").fill(value);
    let made = Tile::from_canvas(canvas);
    cache
        .put(key, at, &Bands::ALL, made.pixels().clone())
        .unwrap();
    let now = cache.statistics();
    assert!(now.idle + now.held + now.reusable <= now.budget, "{now:?}");
    false
}

fn get_all(cache: &Cache, key: &str, tiles: impl IntoIterator<Item = u64>) {
    for tile in tiles {
        get(cache, key, tile);
    }
}

fn is_there(cache: &Cache, key: &str, tile: u64) -> bool {
    let found = cache.peek(key, Block::new(0, tile, 0), &Bands::ALL);
    found.unwrap().is_some()
}

/// Hits of so many requests in which tile r of 4,000 is asked for about in proportion to 1 / r.
fn hits_of_zipf(cache: &Cache, state: &mut u64, requests: u64) -> u64 {
    let mut hits = 0;
    for _ in 0..requests {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        let uniform = (*state >> 11) as f64 / (1u64 << 53) as f64;
        let tile = 4000f64.powf(uniform) as u64;
        hits += u64::from(get(cache, "hot", tile));
    }
    hits
}

#[test]
fn a_sweep_leaves_what_is_used_again_and_again() {
    let _alone = ALONE.lock();
    const TILES: u64 = 400;
    let kept = |frequency| {
        let cache = cache(TILES, frequency);
        let mut state = 0x9e37_79b9_7f4a_7c15;
        hits_of_zipf(&cache, &mut state, 20 * TILES);
        let before = hits_of_zipf(&cache, &mut state, TILES);
        let sweep = (0..4 * TILES)
            .filter(|tile| get(&cache, "once", *tile))
            .count();
        assert_eq!(sweep, 0);
        let after = hits_of_zipf(&cache, &mut state, TILES);
        println!("frequency {frequency}: of {TILES} requests {before} hits before, {after} after");
        (before, after)
    };
    let (before, after) = kept(true);
    assert!(after * 100 >= before * 95, "{after} hits after {before}");
    let (least_recent, after) = kept(false);
    assert!(
        after * 100 < least_recent * 80,
        "{after} hits after {least_recent}"
    );
    assert!(
        before >= least_recent,
        "{before} hits, {least_recent} by last use alone"
    );
}

#[test]
fn a_tile_used_again_soon_is_on_probation_and_later_is_not() {
    let _alone = ALONE.lock();
    const TILES: u64 = 100;
    // As many misses between two uses as count, and less.
    for (misses, stays) in [(2, false), (20, true)] {
        let cache = cache(TILES, true);
        get(&cache, "k", 0);
        get_all(&cache, "k", 1..=misses);
        assert!(get(&cache, "k", 0));
        get_all(&cache, "k", 1000..1000 + 4 * TILES);
        assert_eq!(is_there(&cache, "k", 0), stays, "{misses} misses");
    }
}

#[test]
fn a_tile_that_returns_soon_stays() {
    let _alone = ALONE.lock();
    const TILES: u64 = 100;
    let cache = cache(TILES, true);
    get_all(&cache, "k", 0..TILES + 20);
    // Among those remembered are the latest evicted.
    let gone = |tile: &u64| !is_there(&cache, "k", *tile);
    let latest = (0..TILES).rfind(gone).unwrap();
    assert!(!get(&cache, "k", latest));
    get_all(&cache, "k", 1000..1000 + 4 * TILES);
    assert!(is_there(&cache, "k", latest));
    assert!(!is_there(&cache, "k", latest + 1), "which has not returned");
}

#[test]
fn where_nothing_is_used_again_the_oldest_go() {
    let _alone = ALONE.lock();
    const TILES: u64 = 50;
    let cache = cache(TILES, true);
    get_all(&cache, "k", 0..500);
    let left: Vec<u64> = (0..500)
        .filter(|tile| is_there(&cache, "k", *tile))
        .collect();
    let first = left[0];
    assert!(left.len() as u64 >= TILES);
    assert_eq!(left, (first..500).collect::<Vec<u64>>());
}

#[test]
fn what_was_used_again_goes_once_others_are() {
    let _alone = ALONE.lock();
    const TILES: u64 = 100;
    let cache = cache(TILES, true);
    // Two sets, each of which is used three times; together they do not fit.
    for set in [0, 1000] {
        for _ in 0..3 {
            get_all(&cache, "k", set..set + 60);
        }
    }
    let left = |set: u64| {
        (set..set + 60)
            .filter(|tile| is_there(&cache, "k", *tile))
            .count()
    };
    println!("{} of the old set, {} of the new one", left(0), left(1000));
    assert!(left(1000) > left(0));
}

#[test]
fn a_guarantee_holds_for_what_was_used_once() {
    let _alone = ALONE.lock();
    const TILES: u64 = 100;
    let cache = cache(TILES, true);
    cache.set_share("kept", 0, 20 * CHARGE).unwrap();
    get_all(&cache, "kept", 0..20);
    for _ in 0..5 {
        get_all(&cache, "others", 0..200);
    }
    assert!((0..20).all(|tile| is_there(&cache, "kept", tile)));
}

#[test]
fn what_is_held_while_it_is_on_probation_stays_on_it() {
    let _alone = ALONE.lock();
    const TILES: u64 = 100;
    let cache = cache(TILES, true);
    get(&cache, "k", 0);
    let held = cache
        .peek("k", Block::new(0, 0, 0), &Bands::ALL)
        .unwrap()
        .unwrap();
    get_all(&cache, "k", 1..3 * TILES);
    assert!(is_there(&cache, "k", 0), "held");
    drop(held);
    get_all(&cache, "k", 1000..1000 + TILES);
    assert!(!is_there(&cache, "k", 0));
}

#[test]
fn new_tiles_have_a_tenth_of_the_budget() {
    const TILES: u64 = 100;
    let _alone = ALONE.lock();
    let cache = cache(TILES, true);
    get_all(&cache, "k", 0..94);
    get_all(&cache, "k", 94..100);
    get_all(&cache, "k", 0..94);
    get_all(&cache, "k", 1000..1040);
    let left: Vec<u64> = (1000..1040)
        .filter(|tile| is_there(&cache, "k", *tile))
        .collect();
    assert_eq!(left, (1029..1040).collect::<Vec<u64>>());
    let old = (0..94).filter(|tile| is_there(&cache, "k", *tile)).count();
    assert_eq!(old, 89);
}
