//! What most rows begin with: images, caches, views, threads.

use std::sync::{Arc, Barrier};
use tilecache::cache::{Cache, Options, Statistics};
use tilecache::dtype::DType;
use tilecache::geometry::Rect;
use tilecache::image::Image;
use tilecache::layout::Shape;
use tilecache::memory::{Memory, Target};
use tilecache::operator::{RetileOptions, retiled};
use tilecache::provider::Provider;
use tilecache::window::read_window;

pub const KIB: u64 = 1 << 10;
pub const MIB: u64 = 1 << 20;

/// What an entry is charged beside its memory.
pub const ENTRY: u64 = 256;

/// Enough for what the keys of a row are charged.
pub const KEYS: u64 = 4096;

/// What a tile of so many bytes takes from the budget.
pub fn cost(bytes: u64) -> u64 {
    Memory::allocated_size(bytes as usize) as u64 + ENTRY
}

/// An image of one band of u8 in blocks.
pub fn image(width: u64, height: u64, block: (u64, u64)) -> Image {
    let mut image = Image::new(width, height, 1, DType::U8);
    image.block = block;
    image
}

/// An image of so many blocks in one column: block (row, 0) is the tile `row`.
pub fn column(blocks: u64, block: (u64, u64)) -> Image {
    image(block.0, blocks * block.1, block)
}

pub fn cache(budget: u64) -> Cache {
    Cache::new(budget, Options::default()).expect("a cache")
}

/// `source` on a grid of square tiles.
pub fn tiles(source: Arc<dyn Provider>, side: u64, cache: &Cache) -> Arc<dyn Provider> {
    let options = RetileOptions {
        tile: (side, side),
        pad_edges: false,
    };
    retiled(source, &options, Some(cache)).expect("the tiles")
}

/// A rectangle of the first band through a window, in rows without gaps.
pub fn window(view: &Arc<dyn Provider>, level: u32, rect: &Rect) -> Vec<u8> {
    let dtype = view.image().dtype;
    let shape = Shape {
        width: rect.width as usize,
        height: rect.height as usize,
        bands: 1,
    };
    let (pixel, row) = (dtype.size(), shape.width * dtype.size());
    let mut pixels = vec![0; row * shape.height];
    let strides = [pixel as isize, row as isize, pixels.len() as isize];
    // SAFETY: the strides are those of the vector, which is ours alone.
    let target = unsafe { Target::new(pixels.as_mut_ptr(), strides, shape, dtype) };
    let (x, y) = (rect.x as i64, rect.y as i64);
    read_window(view, x, y, level, &[Some(0)], target).expect("a window");
    pixels
}

/// What counts against the budget.
pub fn usage(now: &Statistics) -> u64 {
    now.idle + now.held + now.reusable
}

/// Runs `work` with the numbers from 0 on, each on a thread of its own, all let go at once.
pub fn in_threads<R: Send>(threads: u64, work: impl Fn(u64) -> R + Sync) -> Vec<R> {
    let barrier = Barrier::new(threads as usize);
    std::thread::scope(|scope| {
        let spawned: Vec<_> = (0..threads)
            .map(|thread| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    barrier.wait();
                    work(thread)
                })
            })
            .collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, R>| match handle.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        spawned.into_iter().map(join).collect()
    })
}
