//! What an entry costs beside its pixels, measured: never more than it is charged.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::image::{Bands, Block};
use tilecache::layout::Shape;
use tilecache::memory::{Canvas, Memory};
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

#[test]
fn an_entry_costs_no_more_than_it_is_charged() {
    const SIZE: usize = 64;
    let shape = Shape {
        width: SIZE,
        height: 1,
        bands: 1,
    };
    let layout = tilecache::layout::Layout::packed(shape, DType::U8).unwrap();
    let cache = Cache::new(1 << 30, Options::default()).unwrap();
    let mut worst = 0;
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
