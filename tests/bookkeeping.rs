//! What an entry, a key and the index of a file cost beside the pixels, measured: never more than is charged.

#[path = "support/long_tiff.rs"]
mod long_tiff;
#[path = "support/scale.rs"]
mod scale;

use scale::scaled;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tilecache::cache::{Cache, Options, invalidate};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Bands, Block, Image};
use tilecache::layout::Shape;
use tilecache::memory::{Canvas, Memory, PixelsMut};
use tilecache::operator::{RetileOptions, cached, retiled};
use tilecache::provider::get_block;
use tilecache::source::tiff::TiffFile;
use tilecache::source::{Decoder, Source, index};
use tilecache::tile::Tile;

/// Counts what is allocated, with what an allocator adds to each block.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
const ALLOCATOR_HEADER: usize = 8;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() + ALLOCATOR_HEADER, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() + ALLOCATOR_HEADER, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Held by the test that measures.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn an_entry_costs_no_more_than_it_is_charged() {
    let _alone = ALONE.lock();
    const SIZE: usize = 64;
    let shape = Shape {
        width: SIZE,
        height: 1,
        bands: 1,
    };
    let layout = tilecache::layout::Layout::packed(shape, DType::U8).unwrap();
    let cache = Cache::new(1 << 30, Options::default()).unwrap();
    let mut worst = 0;
    // The threads of the other tests, which wait, are there before anything is counted.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let before = LIVE.load(Ordering::Relaxed);
    for entries in 1..=200_000 {
        let tile = Tile::from_canvas(Canvas::new(Memory::zeroed(SIZE).unwrap(), layout));
        cache
            .put(
                "k",
                Block::new(0, entries, 0),
                &Bands::ALL,
                tile.pixels().clone(),
            )
            .unwrap();
        drop(tile);
        if entries >= 1000 {
            let live = LIVE.load(Ordering::Relaxed) - before;
            worst = worst.max(live / entries as usize - SIZE);
        }
    }
    println!("bookkeeping of an entry: at most {worst} bytes");
    // What each thread notes of its own hits is charged from the beginning.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for entry in 1..=200_000 {
                    let at = Block::new(0, entry, 0);
                    let tile = cache.get("k", at, &Bands::ALL).unwrap();
                    assert!(tile.is_some());
                }
            });
        }
    });
    let hit = LIVE.load(Ordering::Relaxed) - before;
    let hit = hit / 200_000 - SIZE;
    println!("after hits of eight threads: {hit} bytes");
    worst = worst.max(hit);
    let charged = cache.statistics().idle / 200_000 - SIZE as u64;
    assert!(
        worst as u64 <= charged,
        "{worst} bytes an entry, charged {charged}"
    );
}

#[test]
fn what_is_remembered_of_evicted_tiles_is_charged_with_those_that_are_there() {
    let _alone = ALONE.lock();
    const ENTRIES: u64 = 100_000;
    const SIZE: usize = 64;
    let shape = Shape {
        width: SIZE,
        height: 1,
        bands: 1,
    };
    let layout = tilecache::layout::Layout::packed(shape, DType::U8).unwrap();
    let options = Options {
        frequency: true,
        ..Options::default()
    };
    let before = LIVE.load(Ordering::Relaxed);
    let cache = Cache::new(ENTRIES * (SIZE as u64 + 256), options).unwrap();
    for entry in 0..3 * ENTRIES {
        let tile = Tile::from_canvas(Canvas::new(Memory::zeroed(SIZE).unwrap(), layout));
        let at = Block::new(0, entry, 0);
        let pixels = tile.pixels().clone();
        cache.put("k", at, &Bands::ALL, pixels).unwrap();
    }
    let (live, now) = (LIVE.load(Ordering::Relaxed) - before, cache.statistics());
    assert!(now.counters.evictions > ENTRIES);
    println!(
        "bookkeeping of an entry: {} bytes",
        live / now.entries as usize - SIZE
    );
    assert!(
        live as u64 <= now.idle + now.reusable,
        "{live} bytes of {now:?}"
    );
}

/// A tile of pixels with a form of its own for each of some sizes.
fn put(cache: &Cache, key: u64) {
    let shape = Shape {
        width: 32,
        height: 1 + key as usize % 50,
        bands: 1,
    };
    let layout = tilecache::layout::Layout::packed(shape, DType::U8).unwrap();
    let canvas = Canvas::new(Memory::zeroed(layout.span()).unwrap(), layout);
    let (name, at) = (format!("key {key}"), Block::new(0, 0, 0));
    let pixels = Tile::from_canvas(canvas).pixels().clone();
    cache.put(&name, at, &Bands::ALL, pixels).unwrap();
}

struct Nothing;

impl Decoder for Nothing {
    fn read_block(&self, _: Block, _: &[u32], _: &mut PixelsMut<'_>) -> Result<()> {
        Ok(())
    }
}

/// An image of several levels, whose blocks and whose tiles are kept under keys of their own; nothing else is.
fn read(cache: &Cache, key: u64) {
    let mut image = Image::new(64 + key % 50, 64, 1, DType::U8);
    image.block = (32, 32);
    image.levels = (0..4)
        .map(|level| (image.levels[0].0 >> level, 64 >> level))
        .collect();
    let name = format!("image {key}");
    let source = Source::provider(Some(&name), image, Box::new(Nothing)).unwrap();
    let options = RetileOptions {
        tile: (48, 48),
        ..RetileOptions::default()
    };
    let tiles = retiled(cached(source, cache).unwrap(), &options, Some(cache)).unwrap();
    for _ in 0..2 {
        get_block(&*tiles, Block::new(1, 0, 0), &Bands::ALL).unwrap();
    }
}

/// Does something to a key of a cache, or to so many.
type Work = fn(&Cache, u64);

/// What stays of an entry at most, for the next one that takes its place.
const LEFT: u64 = 144;

#[test]
fn a_key_costs_no_more_than_it_is_charged_and_goes_with_its_tiles() {
    let _alone = ALONE.lock();
    let ways: [(&str, u32, Work); 2] = [("put", 100_000, put), ("read", 20_000, read)];
    let ends: [(&str, Work); 3] = [
        ("cleared", |cache, _| cache.clear()),
        ("without a budget", |cache, _| cache.set_budget(0)),
        ("invalidated", |_, keys| {
            for key in 0..keys {
                invalidate(&format!("key {key}"));
                invalidate(&format!("image {key}:image:0"));
            }
        }),
    ];
    for (way, keys, enter) in ways {
        let keys = u64::from(scaled(keys));
        for (end, forget) in ends {
            let cache = Cache::new(1 << 30, Options::default()).unwrap();
            // What is made once.
            enter(&cache, 0);
            let before = LIVE.load(Ordering::Relaxed) as u64;
            let used = || (LIVE.load(Ordering::Relaxed) as u64).saturating_sub(before);
            (1..keys).for_each(|key| enter(&cache, key));
            let (full, taken) = (cache.statistics(), used());
            let charged = full.idle + full.reusable;
            println!(
                "{way}: {} bytes a key, charged {}",
                taken / keys,
                charged / keys
            );
            assert!(full.entries >= keys && taken <= charged);
            forget(&cache, keys);
            let (now, left) = (cache.statistics(), used());
            let left = left.saturating_sub(now.reusable) / full.entries;
            println!("{end}: {left} bytes an entry are left");
            assert_eq!((now.entries, now.idle), (0, 0));
            assert!(left <= LEFT, "{way}, {end}: {left} bytes an entry are left");
        }
    }
}

#[test]
fn the_indexes_of_many_small_files_cost_no_more_than_is_counted() {
    let _alone = ALONE.lock();
    let files = scaled(12_000);
    index::set_bound(0);
    index::set_bound(1 << 30);
    let open = |file: u32| {
        let name = format!("file:/data/of/some/length/{file}");
        let file = TiffFile::open(Arc::new(long_tiff::tiles(&[1]).named(&name))).unwrap();
        let image = &file.image(0).unwrap().levels[0];
        assert!(image.has_block(Block::new(0, 0, 0)).unwrap());
    };
    // What is made once.
    open(files);
    let before = LIVE.load(Ordering::Relaxed);
    (0..files).for_each(open);
    let (used, kept) = (LIVE.load(Ordering::Relaxed) - before, index::kept_bytes());
    println!(
        "{} bytes a file, counted {}",
        used / files as usize,
        kept / u64::from(files)
    );
    assert!(used as u64 <= kept && kept > 0);
    index::set_bound(0);
    let left = LIVE.load(Ordering::Relaxed).saturating_sub(before);
    assert!(left <= 4 << 10, "{left} bytes are left");
}

#[test]
fn the_index_of_a_file_costs_no_more_than_is_counted_and_stays_within_its_bound() {
    let _alone = ALONE.lock();
    const SIDE: u64 = 1000;
    const BOUND: u64 = 2 << 20;
    let file = |name| Arc::new(long_tiff::tiles(&[SIDE]).named(name));
    let files = [file("one"), file("other")];
    index::set_bound(BOUND);
    let before = LIVE.load(Ordering::Relaxed);
    let used = || LIVE.load(Ordering::Relaxed) - before;
    let mut images = Vec::new();
    for i in 0..40 {
        let file = TiffFile::open(files[i % 2].clone()).unwrap();
        images.extend(file.image(0).unwrap().levels);
    }
    let opened = used();
    println!("40 openings of a million tiles: {opened} bytes");
    assert!(opened <= 40 * (4 << 10), "{opened} bytes");
    let mut place = 1;
    for (i, image) in (0..40_000).zip(images.iter().cycle()) {
        place = (place * 7919 + 13) % (SIDE * SIDE);
        let at = Block::new(0, place / SIDE, place % SIDE);
        assert!(image.has_block(at).unwrap());
        let kept = index::kept_bytes();
        assert!(kept <= BOUND && kept > if i > 1000 { BOUND / 2 } else { 0 });
        // The reads are noted too.
        for file in &files {
            file.taken();
        }
        let more = (used() - opened) as u64;
        assert!(more <= kept, "{more} bytes more, {kept} counted");
    }
    drop(images);
    index::set_bound(0);
    assert_eq!(index::kept_bytes(), 0);
    let left = used();
    assert!(left <= 4 << 10, "{left} bytes are left");
}
