//! Windows over tiles that are not there are read of the blocks beneath, where these are far fewer than a tile takes.

mod support;

use std::sync::Arc;
use support::{Behaviour, image, source, value};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::error::Kind;
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::layout::{Layout, Shape};
use tilecache::load::Cancel;
use tilecache::memory::{Canvas, Target};
use tilecache::operator::{
    Order, PassOptions, ReaderOptions, RetileOptions, cached, georeferenced, level, pass, pyramid,
    reader, retiled,
};
use tilecache::provider::{Provider, Request, Retention, get_block};
use tilecache::tile::Tile;
use tilecache::window::read_window;

const SIDE: u64 = 256;
const BLOCK: u64 = 16;
const TILE: u64 = 64;

struct View {
    behaviour: Arc<Behaviour>,
    cache: Cache,
    tiles: Arc<dyn Provider>,
}

/// Tiles of 64 over blocks of this size.
fn view(block: (u64, u64), budget: u64) -> View {
    let behaviour = Arc::new(Behaviour::default());
    let cache = Cache::new(budget, Options::default()).unwrap();
    let options = RetileOptions {
        tile: (TILE, TILE),
        pad_edges: false,
    };
    let blocks = source(image((SIDE, SIDE), block, 1), behaviour.clone());
    let tiles = retiled(blocks, &options, Some(&cache)).unwrap();
    View {
        behaviour,
        cache,
        tiles,
    }
}

impl View {
    /// Reads a window and checks its pixels, which are the source's plus `more`; gives the decodes that it took.
    fn read(&self, (x, y): (u64, u64), (width, height): (u64, u64), more: u8) -> u64 {
        let before = self.behaviour.total();
        let mut pixels = vec![0u8; (width * height) as usize];
        let shape = Shape {
            width: width as usize,
            height: height as usize,
            bands: 1,
        };
        // SAFETY: the memory has just these rows, and outlives the call.
        let target = unsafe {
            let strides = [1, width as isize, pixels.len() as isize];
            Target::new(pixels.as_mut_ptr(), strides, shape, DType::U8)
        };
        read_window(&self.tiles, x as i64, y as i64, 0, &[Some(0)], target).unwrap();
        for (i, got) in pixels.iter().enumerate() {
            let (x, y) = (x + i as u64 % width, y + i as u64 / width);
            let expected = (value(0, x, y, 0) as u8).wrapping_add(more);
            assert!(*got == expected, "({x}, {y}): {got} and not {expected}");
        }
        self.behaviour.total() - before
    }

    fn get(&self, row: u64, col: u64) -> (Tile, u64) {
        let before = self.behaviour.total();
        let tile = get_block(&*self.tiles, Block::new(0, row, col), &Bands::ALL).unwrap();
        (tile, self.behaviour.total() - before)
    }
}

#[test]
fn a_small_window_decodes_the_blocks_it_touches_and_no_more_and_once() {
    let view = view((BLOCK, BLOCK), 1 << 20);
    // Over the corner of four tiles: a block of each.
    assert_eq!(view.read((50, 50), (28, 28), 0), 4);
    assert_eq!(view.read((50, 50), (28, 28), 0), 0);
    assert_eq!(view.read((48, 48), (32, 32), 0), 0);
    // What has been decoded is not decoded again for a tile.
    assert_eq!(view.get(0, 0).1, 15);
    // A window over the tile that is there now takes nothing beneath.
    assert_eq!(view.read((0, 0), (64, 20), 0), 0);
}

/// What shows the same tiles in another way.
type Way = fn(&View) -> Arc<dyn Provider>;

fn by_reader(view: &View, retention: Retention) -> Arc<dyn Provider> {
    let options = ReaderOptions {
        retention,
        load: None,
    };
    reader(view.tiles.clone(), options, Arc::<Cancel>::default())
}

#[test]
fn a_small_window_decodes_no_more_through_what_shows_the_same_tiles() {
    let ways: [(&str, Way); 5] = [
        ("reader", |view| by_reader(view, Retention::Kept)),
        ("stream", |view| by_reader(view, Retention::Streamed)),
        ("place", |view| {
            georeferenced(view.tiles.clone(), None).unwrap()
        }),
        ("other cache", |view| {
            let other = Cache::new(1 << 20, Options::default()).unwrap();
            cached(view.tiles.clone(), &other).unwrap()
        }),
        ("pyramid", |view| {
            pyramid(vec![view.tiles.clone()], None).unwrap()
        }),
    ];
    for (name, way) in ways {
        let mut view = view((BLOCK, BLOCK), 1 << 20);
        view.tiles = way(&view);
        assert_eq!(view.read((50, 50), (28, 28), 0), 4, "{name}");
        assert_eq!(view.read((50, 50), (28, 28), 0), 0, "{name}");
        assert_eq!(view.get(0, 0).1, 15, "{name}");
        assert_eq!(view.read((0, 0), (64, 20), 0), 0, "{name}");
    }
}

#[test]
fn a_small_window_of_a_level_decodes_no_more() {
    let behaviour = Arc::new(Behaviour::default());
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let mut halved = image((SIDE, SIDE), (BLOCK, BLOCK), 1);
    halved.levels.push((SIDE / 2, SIDE / 2));
    let tiles = RetileOptions {
        tile: (TILE, TILE),
        pad_edges: false,
    };
    let shown = retiled(source(halved, behaviour.clone()), &tiles, Some(&cache)).unwrap();
    let of_level = level(shown, 1).unwrap();
    // Over the corner of four tiles of 32, which lie over blocks of 8.
    let mut pixels = [0u8; 14 * 14];
    let shape = Shape {
        width: 14,
        height: 14,
        bands: 1,
    };
    // SAFETY: the memory has just these rows, and outlives the call.
    let target = unsafe { Target::new(pixels.as_mut_ptr(), [1, 14, 196], shape, DType::U8) };
    read_window(&of_level, 25, 25, 0, &[Some(0)], target).unwrap();
    for (at, pixel) in pixels.iter().enumerate() {
        let (x, y) = (25 + at as u64 % 14, 25 + at as u64 / 14);
        assert_eq!(f64::from(*pixel), value(1, x, y, 0));
    }
    assert_eq!(behaviour.total(), 4);
}

#[test]
fn a_block_that_another_cache_has_goes_before_what_is_beneath() {
    let mut view = view((BLOCK, BLOCK), 1 << 20);
    let (own, other) = (
        view.cache.clone(),
        Cache::new(1 << 20, Options::default()).unwrap(),
    );
    view.tiles = cached(view.tiles.clone(), &other).unwrap();
    let tile = view.get(1, 1).0;
    drop(tile);
    own.clear();
    assert_eq!(view.read((70, 70), (9, 9), 0), 0);
}

#[test]
fn a_declared_pass_reads_the_tiles_that_it_planned() {
    let mut view = view((BLOCK, BLOCK), 1 << 20);
    let cancel = Arc::<Cancel>::default();
    view.tiles = pass(
        view.tiles.clone(),
        Order::Rows,
        &PassOptions::default(),
        cancel,
    )
    .unwrap();
    assert_eq!(view.read((2, 2), (10, 10), 0), 16);
    assert_eq!(view.get(0, 0).1, 0);
}

#[test]
fn a_cancelled_reader_reads_nothing_beneath() {
    let view = view((BLOCK, BLOCK), 1 << 20);
    let cancel = Arc::<Cancel>::default();
    let read = reader(view.tiles.clone(), ReaderOptions::default(), cancel.clone());
    let (beneath, level) = read
        .beneath_part(Block::new(0, 0, 0), &Rect::new(2, 2, 10, 10), &Bands::ALL)
        .expect("blocks beneath");
    cancel.cancel();
    let block = beneath.get_block(Block::new(level, 0, 0), &Bands::ALL, &Request::new());
    assert_eq!(block.err().map(|error| error.kind()), Some(Kind::Cancelled));
    assert_eq!(view.behaviour.total(), 0);
}

#[test]
fn a_large_window_makes_the_tiles() {
    let view = view((BLOCK, BLOCK), 1 << 20);
    assert_eq!(view.read((0, 0), (50, 60), 0), 16);
    assert_eq!(view.get(0, 0).1, 0);
    // Whole tiles in the middle, parts of others around.
    assert_eq!(view.read((60, 60), (72, 72), 0), 16 + 20 - 1);
    assert_eq!(view.get(1, 1).1, 0);
}

#[test]
fn strips_that_serve_many_tiles_are_not_kept_for_a_window() {
    let view = view((SIDE, 8), 1 << 20);
    assert_eq!(view.read((0, 0), (64, 40), 0), 8);
    assert_eq!(view.get(0, 3).1, 0);
}

#[test]
fn without_room_for_the_blocks_tiles_are_made() {
    let view = view((BLOCK, BLOCK), 600);
    assert_eq!(view.read((20, 20), (20, 20), 0), 16);
    let now = view.cache.statistics();
    assert!(now.idle + now.held + now.reusable <= 600);
}

#[test]
fn a_tile_that_was_put_goes_before_the_blocks() {
    let view = view((BLOCK, BLOCK), 1 << 20);
    assert_eq!(view.read((2, 2), (10, 10), 0), 1);
    let shape = Shape {
        width: TILE as usize,
        height: TILE as usize,
        bands: 1,
    };
    let layout = Layout::packed(shape, DType::U8).unwrap();
    let mut canvas: Canvas = tilecache::provider::Request::new().canvas(layout).unwrap();
    for y in 0..TILE {
        let mut pixels = canvas.pixels_mut();
        for (x, to) in pixels.row_mut(0, y as usize).iter_mut().enumerate() {
            *to = (value(0, x as u64, y, 0) as u8).wrapping_add(9);
        }
    }
    let put = Tile::from_canvas(canvas);
    let (key, at) = (view.tiles.key(), Block::new(0, 0, 0));
    view.cache
        .put(key, at, &Bands::ALL, (*put).clone())
        .unwrap();
    assert_eq!(view.read((2, 2), (10, 10), 9), 0);
    tilecache::cache::invalidate(key);
    view.read((2, 2), (10, 10), 0);
}
