//! Band selections and tiles put by callers, where they meet what providers know of an image.

mod support;

use std::sync::Arc;
use support::{Behaviour, image, source, value};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Bands, Block};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, PixelsMut};
use tilecache::operator::{Map, MapOptions, RetileOptions, cached, level, mapped, mask, retiled};
use tilecache::provider::get_block;
use tilecache::source::{Decoder, Source};
use tilecache::tile::{Pixels, Tile};

fn cache() -> Cache {
    Cache::new(1 << 20, Options::default()).unwrap()
}

#[test]
fn a_band_that_does_not_exist_is_not_found_in_a_tile_of_all_bands() {
    let cache = cache();
    let below = cached(source(image((32, 32), (16, 16), 3), Arc::default()), &cache).unwrap();
    let at = Block::new(0, 1, 0);
    get_block(&*below, at, &Bands::ALL).unwrap();
    let beyond = Bands::of(&[3], 0);
    assert!(cache.get(below.key(), at, &beyond).unwrap().is_none());
    assert!(cache.peek(below.key(), at, &beyond).unwrap().is_none());
    let second = cache
        .get(below.key(), at, &Bands::of(&[1], 0))
        .unwrap()
        .unwrap();
    assert_eq!(f64::from(second.row(0, 0)[0]), value(0, 0, 16, 1));
}

#[test]
fn selections_are_served_from_what_is_resident() {
    let cache = cache();
    let behaviour = Arc::new(Behaviour::default());
    let below = cached(
        source(image((16, 16), (16, 16), 4), behaviour.clone()),
        &cache,
    )
    .unwrap();
    let at = Block::new(0, 0, 0);
    let all = get_block(&*below, at, &Bands::ALL).unwrap();
    for list in [&[2u32][..], &[1, 2, 3], &[0, 2], &[3, 0], &[1, 1]] {
        let tile = get_block(&*below, at, &Bands::of(list, 4)).unwrap();
        for (index, band) in list.iter().enumerate() {
            assert_eq!(tile.row(index, 9), all.row(*band as usize, 9), "{list:?}");
        }
    }
    assert_eq!(behaviour.total(), 1);
    // As an array, with the strides of a view of every other band.
    let odd = get_block(&*below, at, &Bands::of(&[1, 3], 4)).unwrap();
    let array = odd.array::<u8>().unwrap();
    assert_eq!(array.shape(), [2, 16, 16]);
    assert_eq!(f64::from(array[[1, 5, 7]]), value(0, 7, 5, 3));
    assert!(odd.array::<u16>().is_none());
}

#[test]
fn a_selection_is_not_taken_for_another_however_often_it_is_asked_for() {
    let cache = cache();
    let below = cached(source(image((16, 16), (16, 16), 3), Arc::default()), &cache).unwrap();
    for list in [&[0u32, 1, 2][..], &[2], &[0, 1], &[2, 0], &[1]] {
        for _ in 0..20 {
            let tile = get_block(&*below, Block::new(0, 0, 0), &Bands::of(list, 3)).unwrap();
            assert_eq!(tile.shape().bands, list.len());
            for (index, band) in list.iter().enumerate() {
                let expected = value(0, 0, 9, *band);
                assert_eq!(f64::from(tile.row(index, 9)[0]), expected, "{list:?}");
            }
        }
    }
}

#[test]
fn a_copy_of_some_bands_of_an_absent_tile_is_absent() {
    let mut image = image((32, 16), (16, 16), 3);
    (image.sparse, image.bands_together) = (true, true);
    let at = Block::new(0, 0, 1);
    let behaviour = Behaviour {
        absent: [at].into(),
        ..Behaviour::default()
    };
    let below = cached(source(image, behaviour.into()), &cache()).unwrap();
    // Bands in this order are no view of the tile of all of them.
    let stored = Block::new(0, 0, 0);
    // The second time it comes out of the cache.
    for (at, absent) in [(stored, false), (stored, false), (at, true), (at, true)] {
        let tile = get_block(&*below, at, &Bands::of(&[2, 0], 3)).unwrap();
        assert_eq!((tile.shape().bands, tile.is_absent()), (2, absent));
    }
}

#[test]
fn an_absent_tile_takes_no_room() {
    let mut image = image((32, 16), (16, 16), 1);
    image.sparse = true;
    let behaviour = Behaviour {
        absent: [Block::new(0, 0, 0), Block::new(0, 0, 1)].into(),
        ..Behaviour::default()
    };
    let cache = cache();
    let below = cached(source(image, behaviour.into()), &cache).unwrap();
    for col in 0..2 {
        let tile = get_block(&*below, Block::new(0, 0, col), &Bands::ALL).unwrap();
        assert!(tile.is_absent());
    }
    assert_eq!(cache.statistics().entries, 0);
}

fn put(cache: &Cache, key: &str, width: usize, dtype: DType) -> Result<()> {
    let shape = Shape {
        width,
        height: 16,
        bands: 1,
    };
    let layout = Layout::packed(shape, dtype).unwrap();
    let tile = Tile::from_canvas(Canvas::new(Memory::zeroed(layout.span()).unwrap(), layout));
    let at = Block::new(0, 0, 0);
    cache.put(key, at, &Bands::ALL, tile.pixels().clone())
}

#[test]
fn a_cell_takes_no_tile_of_another_size_or_type() {
    let cache = cache();
    put(&cache, "k", 16, DType::U8).unwrap();
    assert!(put(&cache, "k", 8, DType::U8).is_err());
    assert!(put(&cache, "k", 16, DType::U16).is_err());
    put(&cache, "k", 16, DType::U8).unwrap();
    cache.remove("k", Block::new(0, 0, 0), &Bands::ALL);
    put(&cache, "k", 8, DType::U16).unwrap();
}

#[test]
fn a_key_that_nothing_uses_any_more_may_stand_for_another_image() {
    let cache = cache();
    let named = |side| {
        let decoder = Box::new(Nothing);
        Source::provider(Some("k"), image((side, side), (16, 16), 1), decoder).unwrap()
    };
    let first = cached(named(32), &cache).unwrap();
    get_block(&*first, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    drop(first);
    // Its tiles are of the first image.
    assert!(cached(named(64), &cache).is_err());
    cache.clear();
    cached(named(64), &cache).unwrap();
}

struct Nothing;

impl Decoder for Nothing {
    fn read_block(&self, _: Block, _: &[u32], _: &mut PixelsMut<'_>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_tile_put_before_the_provider_is_made_must_fit_it() {
    let cache = cache();
    let behaviour = Arc::new(Behaviour::default());
    let source = source(image((32, 32), (16, 16), 3), behaviour.clone());
    let put = |col, bands, dtype| {
        let shape = Shape {
            width: 16,
            height: 16,
            bands,
        };
        let layout = Layout::packed(shape, dtype).unwrap();
        let tile = Tile::from_canvas(Canvas::new(Memory::zeroed(layout.span()).unwrap(), layout));
        let at = Block::new(0, 0, col);
        cache
            .put(source.key(), at, &Bands::ALL, tile.pixels().clone())
            .unwrap();
    };
    put(0, 1, DType::U16);
    put(1, 3, DType::U8);
    let below = cached(source.clone(), &cache).unwrap();
    let misfit = get_block(&*below, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    assert_eq!((misfit.dtype(), misfit.shape().bands), (DType::U8, 3));
    let fitting = get_block(&*below, Block::new(0, 0, 1), &Bands::ALL).unwrap();
    assert_eq!(fitting.row(0, 0)[0], 0, "the tile that was put");
    assert_eq!(behaviour.total(), 1);
}

#[test]
fn a_level_keeps_the_mask_of_its_source() {
    let mut image = image((64, 64), (16, 16), 1);
    image.levels.push((32, 32));
    let mut nodata = tilecache::dtype::Sample::default();
    nodata.0[0] = value(1, 3, 2, 0) as u8;
    image.bands[0].nodata = Some(nodata);
    let of_level = level(source(image, Arc::default()), 1).unwrap();
    let mask = mask(of_level).unwrap();
    let tile = get_block(&*mask, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    assert_eq!((tile.row(0, 2)[3], tile.row(0, 2)[4]), (0, 255));
}

struct Same;

impl Map for Same {
    fn map(&self, _: Block, input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()> {
        input.copy_to(output);
        Ok(())
    }
}

#[test]
fn an_absent_tile_of_a_padded_map_tells_what_is_inside_the_image() {
    let mut image = image((20, 16), (16, 16), 1);
    image.sparse = true;
    // Where pad is data, no block of a mask is absent.
    image.bands[0].nodata = Some(image.pad);
    let behaviour = Behaviour {
        absent: [Block::new(0, 0, 1)].into(),
        ..Behaviour::default()
    };
    let options = RetileOptions {
        tile: (16, 16),
        pad_edges: true,
    };
    let padded = retiled(source(image, behaviour.into()), &options, None).unwrap();
    let map = mapped(padded, &MapOptions::default(), Arc::new(Same), None).unwrap();
    let tile = get_block(&*map, Block::new(0, 0, 1), &Bands::ALL).unwrap();
    assert!(tile.is_absent());
    assert_eq!((tile.shape().width, tile.valid()), (16, (4, 16)));
}
