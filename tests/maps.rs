//! Maps: what the function is told, what becomes of absent blocks, and masks, which are maps too.

mod support;

use std::sync::Arc;
use support::{image, source};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Bands, Block};
use tilecache::layout::Shape;
use tilecache::memory::{PixelsMut, Target};
use tilecache::operator::{
    Map, MapOptions, ReaderOptions, RetileOptions, cached, level, mapped, pyramid, reader, retiled,
};
use tilecache::provider::{Provider, get_block, peek_block};
use tilecache::tile::Pixels;
use tilecache::window::read_window;

fn cache() -> Cache {
    Cache::new(1 << 24, Options::default()).unwrap()
}

fn tiles(
    source: Arc<dyn Provider>,
    side: u64,
    pad_edges: bool,
    cache: Option<&Cache>,
) -> Arc<dyn Provider> {
    let options = RetileOptions {
        tile: (side, side),
        pad_edges,
    };
    retiled(source, &options, cache).unwrap()
}

fn map_of(
    source: Arc<dyn Provider>,
    map: impl Map + 'static,
    cache: Option<&Cache>,
) -> Arc<dyn Provider> {
    let options = MapOptions {
        name: Some("map".into()),
        ..MapOptions::default()
    };
    mapped(source, &options, Arc::new(map), cache).unwrap()
}

/// The first band of a rectangle of a level as u8, row by row.
fn window(
    provider: &Arc<dyn Provider>,
    level: u32,
    (x, y): (i64, i64),
    (width, height): (usize, usize),
) -> Vec<u8> {
    let mut pixels = vec![0u8; width * height];
    let shape = Shape {
        width,
        height,
        bands: 1,
    };
    // SAFETY: the memory has just these rows, and outlives the call.
    let target = unsafe {
        let strides = [1, width as isize, pixels.len() as isize];
        Target::new(pixels.as_mut_ptr(), strides, shape, DType::U8)
    };
    read_window(provider, x, y, level, &[Some(0)], target).unwrap();
    pixels
}

// ---- what the function is told ----

const SIDE: u64 = 200;

/// Writes the level, the row and the column that it is told.
struct Position;

fn position(at: Block) -> u8 {
    (at.level * 64 + at.row as u32 * 8 + at.col as u32) as u8
}

impl Map for Position {
    fn map(&self, at: Block, _input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()> {
        let height = output.layout().shape.height;
        (0..height).for_each(|y| output.row_mut(0, y).fill(position(at)));
        Ok(())
    }
}

/// An image of three levels, of which those above the first have grids of their own.
fn overviews() -> Arc<dyn Provider> {
    let levels = [(SIDE, 64), (SIDE / 2, 40), (SIDE / 4, 30)];
    let images =
        levels.map(|(side, block)| source(image((side, side), (block, block), 1), Arc::default()));
    pyramid(images.to_vec(), None).unwrap()
}

/// An image of three levels in blocks that are halved.
fn halved() -> Arc<dyn Provider> {
    let mut image = image((SIDE, SIDE), (51, 51), 1);
    image.levels = (0..3).map(|level| (SIDE >> level, SIDE >> level)).collect();
    source(image, Arc::default())
}

/// The block that holds a pixel, in the level's own grid where it has one.
fn block_of(source: &Arc<dyn Provider>, level: u32, x: u64, y: u64) -> Block {
    let grid = match source.level_image(level) {
        Some(own) if level > 0 => own.image().grid(0),
        _ => source.image().grid(level),
    };
    let pixel = tilecache::geometry::Rect::new(x, y, 1, 1);
    let (rows, cols) = grid.blocks_over(&pixel);
    Block::new(level, rows.start, cols.start)
}

/// Every block and some windows of a level show the positions of level `told` of `source`.
fn assert_positions(made: &Arc<dyn Provider>, of: u32, source: &Arc<dyn Provider>, told: u32) {
    let right = |x: u64, y: u64| position(block_of(source, told, x, y));
    let grid = made.image().grid(of);
    for row in 0..grid.rows() {
        for col in 0..grid.cols() {
            let rect = grid.rect(row, col);
            if rect.is_empty() {
                continue;
            }
            let at = Block::new(of, row, col);
            for again in 0..2 {
                let tile = get_block(&**made, at, &Bands::ALL).unwrap();
                let (width, height) = tile.valid();
                assert_eq!((width as u64, height as u64), (rect.width, rect.height));
                for y in 0..rect.height {
                    for x in 0..rect.width {
                        let found = tile.row(0, y as usize)[x as usize];
                        assert_eq!(found, right(rect.x + x, rect.y + y), "{at:?}, time {again}");
                    }
                }
            }
        }
    }
    let (width, height) = made.image().levels[of as usize];
    let whole = window(made, of, (0, 0), (width as usize, height as usize));
    for (index, found) in (0..).zip(&whole) {
        assert_eq!(*found, right(index % width, index / width), "of a window");
    }
    let pixel = window(made, of, (33, 31), (1, 1));
    assert_eq!(pixel, [right(33, 31)], "of a window of one pixel");
}

/// One pixel has one position, that of its block in the image which the map was made over, by whatever
/// call it is read.
#[test]
fn a_map_is_told_one_position_for_a_pixel_by_every_call() {
    for source in [overviews(), halved()] {
        for cache in [None, Some(cache())] {
            let cache = cache.as_ref();
            let below = match cache {
                Some(cache) => cached(source.clone(), cache).unwrap(),
                None => source.clone(),
            };
            let map = map_of(below, Position, cache);
            let kept = self::cache();
            for over in [
                map.clone(),
                cached(map.clone(), &kept).unwrap(),
                reader(map.clone(), ReaderOptions::default(), Arc::default()),
                tiles(map.clone(), 37, false, cache),
                tiles(map.clone(), 37, true, None),
            ] {
                for of in 0..3 {
                    assert_positions(&over, of, &source, of);
                    let as_image = level(over.clone(), of).unwrap();
                    for above in 0..3 - of {
                        assert_positions(&as_image, above, &source, of + above);
                        let tiles = tiles(as_image.clone(), 29, false, cache);
                        assert_positions(&tiles, above, &source, of + above);
                    }
                }
            }
        }
    }
}

/// A map over a level is told of that level as level 0, and does not share its tiles with the same map
/// over the image, which is told of level 1.
#[test]
fn a_map_over_a_level_is_not_the_level_of_a_map() {
    for source in [overviews(), halved()] {
        let cache = cache();
        let first = level(source.clone(), 1).unwrap();
        let over = map_of(first.clone(), Position, Some(&cache));
        let of = level(map_of(source.clone(), Position, Some(&cache)), 1).unwrap();
        for _ in 0..2 {
            assert_positions(&over, 0, &first, 0);
            assert_positions(&of, 0, &source, 1);
        }
    }
}

/// What a level of a map has in the cache can be peeked where it is the very block.
#[test]
fn the_block_of_a_level_is_peeked() {
    let levels = [(SIDE, 64), (SIDE / 2, 32)];
    let images =
        levels.map(|(side, block)| source(image((side, side), (block, block), 1), Arc::default()));
    let map = map_of(
        pyramid(images.to_vec(), None).unwrap(),
        Position,
        Some(&cache()),
    );
    let at = Block::new(1, 2, 1);
    let peek = || peek_block(&*map, at, &Bands::ALL).unwrap();
    assert!(peek().is_none());
    let tile = get_block(&*map, at, &Bands::ALL).unwrap();
    let peeked = peek().expect("it is there");
    assert_eq!(peeked.bytes().as_ptr(), tile.bytes().as_ptr());
}

/// Many levels with grids of their own are made once each, not once for each level beneath.
#[test]
fn a_map_over_many_levels_is_made_in_linear_time() {
    const LEVELS: u32 = 31;
    let images: Vec<_> = (0..LEVELS)
        .map(|level| (1u64 << 40) >> level)
        .map(|side| source(image((side.max(1), 1), (side.max(1), 1), 1), Arc::default()))
        .collect();
    let map = map_of(pyramid(images, None).unwrap(), Position, Some(&cache()));
    let top = level(map, LEVELS - 1).unwrap();
    let tile = get_block(&*top, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    assert_eq!(tile.row(0, 0)[0], position(Block::new(LEVELS - 1, 0, 0)));
}
