//! Maps: what the function is told, what becomes of absent blocks, and masks, which are maps too.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{image, source};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::{DType, Sample};
use tilecache::error::{Error, Kind, Result};
use tilecache::image::{Bands, Block, Image};
use tilecache::layout::Shape;
use tilecache::memory::{PixelsMut, Target};
use tilecache::operator::{
    Map, MapOptions, ReaderOptions, RetileOptions, cached, level, mapped, mask, pyramid, reader,
    retiled,
};
use tilecache::provider::{Provider, get_block, has_block, peek_block};
use tilecache::source::{Decoder, Source};
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

#[test]
fn a_map_that_keeps_its_output_and_one_that_is_cached_share_a_key() {
    let source = overviews();
    let cache = cache();
    let named = |cache| map_of(source.clone(), Position, cache);
    let keeps = named(Some(&cache));
    // Both say what the cache keeps under the key; a level with a grid of its own has another key.
    let is_cached = cached(named(None), &cache).unwrap();
    let stitched = tiles(named(None), 48, false, Some(&cache));
    assert_eq!(keeps.key(), is_cached.key());
    for made in [keeps, is_cached, stitched] {
        (0..3).for_each(|of| assert_positions(&made, of, &source, of));
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

// ---- absent blocks ----

/// Writes 200 less the sample, and counts the blocks that it gets.
#[derive(Default)]
struct Inverse(AtomicUsize);

impl Map for Inverse {
    fn map(&self, _at: Block, input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let Shape { height, bands, .. } = input.shape();
        for band in 0..bands {
            for y in 0..height {
                let pairs = output.row_mut(band, y).iter_mut().zip(input.row(band, y));
                pairs.for_each(|(out, sample)| *out = 200 - sample);
            }
        }
        Ok(())
    }
}

/// A pad that no pixel of `support` is.
const PAD: u8 = 150;

/// 60 x 60 pixels in blocks of 16, of which every second one is absent.
fn sparse(bands: u32) -> Arc<dyn Provider> {
    let mut image = image((60, 60), (16, 16), bands);
    image.sparse = true;
    image.pad.0[0] = PAD;
    let cells = (0..4).flat_map(|row| (0..4).map(move |col| Block::new(0, row, col)));
    let behaviour = support::Behaviour {
        absent: cells.filter(|at| (at.row + at.col) % 2 == 1).collect(),
        ..Default::default()
    };
    source(image, Arc::new(behaviour))
}

fn is_absent(x: u64, y: u64) -> bool {
    (x / 16 + y / 16) % 2 == 1
}

/// Every pixel, by block and by window, is that of the source through `through`.
fn assert_pixels(made: &Arc<dyn Provider>, through: impl Fn(u8) -> u8) {
    let right = |x: u64, y: u64| match is_absent(x, y) {
        true => through(PAD),
        false => through(support::value(0, x, y, 0) as u8),
    };
    let grid = made.image().grid(0);
    for (row, col) in (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col))) {
        let rect = grid.rect(row, col);
        let tile = get_block(&**made, Block::new(0, row, col), &Bands::ALL).unwrap();
        for y in 0..rect.height {
            for x in 0..rect.width {
                let found = tile.row(0, y as usize)[x as usize];
                assert_eq!(
                    found,
                    right(rect.x + x, rect.y + y),
                    "({x}, {y}) of {row}, {col}"
                );
            }
        }
    }
    for (index, found) in (0..).zip(window(made, 0, (0, 0), (60, 60))) {
        assert_eq!(found, right(index % 60, index / 60), "of a window");
    }
}

#[test]
fn absent_blocks_are_pad_that_went_through_the_map_by_every_call() {
    let map = Arc::new(Inverse::default());
    let of = |source, cache| mapped(source, &MapOptions::default(), map.clone(), cache).unwrap();
    let cache = cache();
    let over = of(sparse(1), Some(&cache));
    assert_eq!(map.0.load(Ordering::Relaxed), 1, "for one pixel of pad");
    assert!(over.image().sparse);
    assert_eq!(over.image().pad.0[0], 200 - PAD);
    assert_pixels(&over, |sample| 200 - sample);
    assert_pixels(&tiles(over.clone(), 10, false, None), |sample| 200 - sample);
    assert_pixels(&tiles(over.clone(), 30, true, Some(&cache)), |sample| {
        200 - sample
    });
    assert_pixels(&cached(over.clone(), &self::cache()).unwrap(), |sample| {
        200 - sample
    });
    assert_pixels(&of(over.clone(), None), |sample| sample);
    assert_eq!(window(&over, 0, (60, 0), (1, 1)), [200 - PAD], "outside");
    let before = map.0.load(Ordering::Relaxed);
    let absent = get_block(&*over, Block::new(0, 0, 1), &Bands::ALL).unwrap();
    assert!(absent.is_absent() && !has_block(&*over, Block::new(0, 0, 1)).unwrap());
    assert_eq!(map.0.load(Ordering::Relaxed), before);
}

/// Writes the sample and the number of its band, or fails.
struct ByBand {
    fails: AtomicBool,
}

impl Map for ByBand {
    fn map(&self, _at: Block, input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(Error::from_source(3, "not yet"));
        }
        for band in 0..input.shape().bands {
            for y in 0..input.shape().height {
                let pairs = output.row_mut(band, y).iter_mut().zip(input.row(band, y));
                pairs.for_each(|(out, sample)| *out = sample + band as u8);
            }
        }
        Ok(())
    }
}

/// One pad value cannot stand for bands that differ, nor for what is not known.
#[test]
fn where_no_pad_value_is_right_no_block_is_absent() {
    for fails in [false, true] {
        let map = Arc::new(ByBand {
            fails: AtomicBool::new(fails),
        });
        let over = mapped(sparse(2), &MapOptions::default(), map.clone(), None).unwrap();
        map.fails.store(false, Ordering::Relaxed);
        assert!(!over.image().sparse);
        assert!(has_block(&*over, Block::new(0, 0, 1)).unwrap());
        let tiles = tiles(over.clone(), 16, true, None);
        for provider in [&over, &tiles] {
            let tile = get_block(&**provider, Block::new(0, 0, 1), &Bands::ALL).unwrap();
            assert!(!tile.is_absent());
            assert_eq!((tile.row(0, 5)[5], tile.row(1, 5)[5]), (PAD, PAD + 1));
        }
    }
}

#[test]
fn a_map_may_say_its_pad_and_its_bits() {
    let map = Arc::new(Inverse::default());
    let mut pad = Sample::default();
    pad.0[0] = 99;
    let options = MapOptions {
        name: Some("inverse".into()),
        pad: Some(pad),
        bits: Some(5),
        ..MapOptions::default()
    };
    let over = mapped(sparse(1), &options, map.clone(), None).unwrap();
    assert_eq!(
        map.0.load(Ordering::Relaxed),
        0,
        "it is not asked for a pad"
    );
    assert_eq!((over.image().pad, over.image().bits), (pad, 5));
    assert!(
        over.key().ends_with(":mapped:inverse:pad:63"),
        "{}",
        over.key()
    );
    assert_pixels(
        &over,
        |sample| if sample == PAD { 99 } else { 200 - sample },
    );
    assert_pixels(&tiles(over, 25, false, None), |sample| {
        if sample == PAD { 99 } else { 200 - sample }
    });
    let bits = |bits| {
        let options = MapOptions {
            bits,
            ..MapOptions::default()
        };
        mapped(sparse(1), &options, map.clone(), None).map(|over| over.image().bits)
    };
    assert_eq!(bits(None).unwrap(), 8);
    let error = bits(Some(9)).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Range, "bits is 9 of 8")
    );
}

// ---- levels of sparse images ----

/// A level whose blocks are not those of the source knows which of them are stored; the others share
/// their pixels.
#[test]
fn a_level_of_a_sparse_image_knows_its_absent_blocks() {
    let overview = {
        let mut image = image((100, 100), (40, 40), 1);
        image.sparse = true;
        let absent = [Block::new(0, 0, 0), Block::new(0, 0, 1)].into();
        let behaviour = support::Behaviour {
            absent,
            ..Default::default()
        };
        source(image, Arc::new(behaviour))
    };
    let mut own = image((200, 200), (64, 64), 1);
    own.sparse = true;
    let own = pyramid(vec![source(own, Arc::default()), overview], None).unwrap();
    let mut halved = image((201, 201), (51, 51), 1);
    halved.levels = vec![(201, 201), (101, 101), (51, 51)];
    halved.sparse = true;
    let rows = (0..4).map(|col| Block::new(0, 0, col)).collect();
    let behaviour = support::Behaviour {
        absent: rows,
        ..Default::default()
    };
    let halved = level(source(halved, Arc::new(behaviour)), 1).unwrap();
    for (provider, of) in [(own, 1), (halved.clone(), 0), (halved, 1)] {
        let kept = cached(provider.clone(), &cache()).unwrap();
        for provider in [provider, kept] {
            let grid = provider.image().grid(of);
            let at = |row, col| Block::new(of, row, col);
            let has = |row, col| has_block(&*provider, at(row, col)).unwrap();
            assert!(!has(0, 0) && !has(0, 1));
            assert!((0..grid.cols()).all(|col| has(grid.rows() - 1, col)));
            for again in 0..2 {
                let tile = get_block(&*provider, at(0, 0), &Bands::ALL).unwrap();
                let rect = grid.rect(0, 0);
                assert!(tile.is_absent(), "time {again}");
                let (width, height) = (rect.width as usize, rect.height as usize);
                assert_eq!(tile.valid(), (width, height));
                assert_eq!((tile.shape().width, tile.shape().height), (width, height));
                assert!((0..height).all(|y| tile.row(0, y).iter().all(|sample| *sample == 0)));
                let last = get_block(&*provider, at(grid.rows() - 1, 0), &Bands::ALL).unwrap();
                assert!(!last.is_absent() && last.row(0, 0)[0] != 0);
            }
        }
    }
}

// ---- masks ----

/// The mask of a padded image is padded like it, with 0: nothing is data beyond the image.
#[test]
fn the_mask_of_a_padded_image_is_padded() {
    let of_data = || {
        let mut image = image((60, 60), (16, 16), 1);
        image.pad.0[0] = 255;
        source(image, Arc::default())
    };
    let with_nodata = || {
        let mut image = image((60, 60), (16, 16), 1);
        image.bands[0].nodata = Some(Sample::from_f64(DType::U8, 8.0));
        image.pad.0[0] = 9;
        source(image, Arc::default())
    };
    let own_mask = |block| {
        let mut all = image((60, 60), (block, block), 1);
        all.pad.0[0] = 0;
        let all = map_of(source(all, Arc::default()), All, None);
        pyramid(vec![of_data()], Some(all)).unwrap()
    };
    for (source, all) in [
        (of_data(), true),
        (with_nodata(), false),
        (own_mask(16), true),
        (own_mask(25), true),
    ] {
        let tiles = tiles(source, 25, true, None);
        let mask = mask(tiles.clone()).unwrap();
        assert!(mask.image().padded && mask.image().block == tiles.image().block);
        for (row, col) in [(0, 0), (0, 2), (2, 1), (2, 2)] {
            let at = Block::new(0, row, col);
            let (image, tile) = (
                get_block(&*tiles, at, &Bands::ALL).unwrap(),
                get_block(&*mask, at, &Bands::ALL).unwrap(),
            );
            assert_eq!((tile.shape(), tile.valid()), (image.shape(), image.valid()));
            for y in 0..25 {
                for x in 0..25 {
                    let is_inside = x < image.valid().0 && y < image.valid().1;
                    let is_data = all || image.row(0, y)[x] != 8;
                    let right = if is_inside && is_data { 255 } else { 0 };
                    assert_eq!(tile.row(0, y)[x], right, "({x}, {y}) of {at:?}");
                }
            }
        }
        assert_eq!(window(&mask, 0, (-1, 30), (1, 1)), [0], "outside");
    }
}

/// Writes 255.
struct All;

impl Map for All {
    fn map(&self, _at: Block, input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()> {
        (0..input.shape().height).for_each(|y| output.row_mut(0, y).fill(255));
        Ok(())
    }
}

/// Absent blocks are data unless the pad is nodata.
#[test]
fn absent_blocks_are_masked_where_pad_is_nodata() {
    for nodata in [None, Some(PAD), Some(8)] {
        let mut image = sparse(1).image().clone();
        image.bands[0].nodata = nodata.map(|value| Sample::from_f64(DType::U8, value.into()));
        let absent = [Block::new(0, 0, 1)].into();
        let behaviour = support::Behaviour {
            absent,
            ..Default::default()
        };
        let mask = mask(source(image, Arc::new(behaviour))).unwrap();
        let right = if nodata == Some(PAD) { 0 } else { 255 };
        for provider in [mask.clone(), tiles(mask, 16, false, Some(&cache()))] {
            let tile = get_block(&*provider, Block::new(0, 0, 1), &Bands::ALL).unwrap();
            assert_eq!(tile.row(0, 3)[3], right);
            assert_eq!(tile.is_absent(), right == 0);
            assert_eq!(window(&provider, 0, (20, 3), (1, 1)), [right]);
            assert_eq!(window(&provider, 0, (60, 3), (1, 1)), [0], "outside");
        }
    }
}

/// Samples of f32 by their bits.
struct Bits(Vec<u32>);

impl Decoder for Bits {
    fn read_block(&self, _at: Block, _bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let samples = into.row_mut(0, 0).chunks_exact_mut(4).zip(&self.0);
        samples.for_each(|(out, bits)| out.copy_from_slice(&bits.to_ne_bytes()));
        Ok(())
    }
}

/// The mask knows NaN of any bits and both zeros, also where the pad is another NaN than nodata.
#[test]
fn the_mask_of_floats_compares_values() {
    let bits = vec![0x7fc0_0000u32, 0xffc0_0001, 0x3f80_0000, 0, 0x8000_0000];
    for (nodata, right) in [
        (f32::NAN, [0, 0, 255, 255, 255]),
        (0.0, [255, 255, 255, 0, 0]),
        (-0.0, [255, 255, 255, 0, 0]),
    ] {
        let mut image = Image::new(5, 1, 1, DType::F32);
        image.sparse = true;
        let mut value = Sample::default();
        value.0[..4].copy_from_slice(&nodata.to_ne_bytes());
        image.bands[0].nodata = Some(value);
        image.pad.0[..4].copy_from_slice(&(-nodata).to_ne_bytes());
        let bits = Box::new(Bits(bits.clone()));
        let mask = mask(Source::provider(None, image, bits).unwrap()).unwrap();
        let tile = get_block(&*mask, Block::new(0, 0, 0), &Bands::ALL).unwrap();
        assert_eq!(tile.row(0, 0), right);
        assert!(mask.image().sparse, "pad is nodata");
    }
}
