//! Full pyramids: every level of anything, native ones first, and what making them costs.

use crate::picture::Picture;
use crate::random::{self, Random, Validity};
use crate::reference::halved;
use crate::support::{self, Behaviour, value};
use crate::{Way, compare, read};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tilecache::cache::{Cache, Options, invalidate};
use tilecache::dtype::{DType, Sample};
use tilecache::georef::{Affine, Georef, Located};
use tilecache::image::{Bands, Block, Image};
use tilecache::operator::{
    LevelOptions, RetileOptions, Size, downsampled, full_pyramid, georeferenced, level, mask,
    retiled,
};
use tilecache::provider::{Provider, get_block};
use tilecache::resample::Filter;

fn options(filter: Filter, tile: u64) -> LevelOptions {
    LevelOptions {
        filter: Some(filter),
        tile: (tile, tile),
        ..LevelOptions::default()
    }
}

fn cache(budget: u64) -> Cache {
    Cache::new(budget, Options::default()).unwrap()
}

#[test]
fn a_pyramid_has_all_levels_down_to_one_tile_however_they_are_read() {
    let mut random = Random::new(4);
    for (filter, validity) in [
        (Filter::Average, Validity::Everything),
        (Filter::Cubic, Validity::Mask),
        (Filter::Sips, Validity::All),
        (Filter::Median, Validity::Nodata),
        (Filter::Nearest, Validity::Mask),
    ] {
        let picture = random::picture(DType::U8, (205, 131), 2, validity, &mut random);
        let mut right = vec![picture.clone()];
        for at in 0..4 {
            right.push(halved(&right[at], filter));
        }
        for _ in 0..6 {
            let way = Way::any(&mut random);
            let cache = way.cache();
            let (source, _) = picture.provider(way.block);
            let tile = 16;
            let made = full_pyramid(source, &options(filter, tile), cache.as_ref()).unwrap();
            let sizes: Vec<_> = right
                .iter()
                .map(|it| (it.width as u64, it.height as u64))
                .collect();
            assert_eq!(made.image().levels, sizes);
            let native = made
                .image()
                .metadata
                .get(&(None, "TC:NATIVE_LEVELS".into()));
            assert_eq!(native.map(String::as_str), Some("1"));
            let tiles = RetileOptions {
                tile: (50, 50),
                pad_edges: false,
            };
            let tiles = retiled(made.clone(), &tiles, cache.as_ref()).unwrap();
            let mask = mask(made.clone()).unwrap();
            for _ in 0..8 {
                let of = random.below(5) as u32;
                let what = format!("{} level {of} {way:?}", filter.name());
                let wanted = &right[of as usize];
                let alone = level(made.clone(), of).unwrap();
                if of > 0 {
                    assert_eq!(alone.image().block, (tile, tile));
                }
                let (provider, of) = random.one_of(&[(&made, of), (&tiles, of), (&alone, 0)]);
                compare(&read(provider, of, way.threads, &mut random), wanted, &what);
                if let Some(data) = &wanted.mask {
                    let data: Vec<u8> = data.iter().map(|data| u8::from(*data) * 255).collect();
                    let of = right
                        .iter()
                        .position(|it| it.width == wanted.width)
                        .unwrap();
                    let found = read(&mask, of as u32, 1, &mut random);
                    assert!(found == data, "the mask of {what}");
                }
            }
        }
    }
}

/// The pixels of a level of the synthetic source.
fn synthetic(of: u32, size: (u64, u64)) -> Picture {
    let mut picture = Picture::new(DType::U8, size.0 as i64, size.1 as i64, 1);
    for y in 0..size.1 {
        for x in 0..size.0 {
            let value = picture.whole(value(of, x, y, 0) as i64);
            picture.set(0, x as i64, y as i64, [value; 2]);
        }
    }
    picture
}

#[test]
fn native_levels_are_used_whatever_the_filter_unless_all_are_to_be_computed() {
    let mut random = Random::new(5);
    let mut image = support::image((101, 67), (32, 32), 1);
    // Rounded down, as other software does.
    image.levels = vec![(101, 67), (50, 33), (25, 16)];
    let source = support::source(image, Arc::default());
    let made = full_pyramid(source.clone(), &options(Filter::Gauss, 8), None).unwrap();
    let sizes = [(101, 67), (50, 33), (25, 16), (13, 8), (7, 4)];
    assert_eq!(made.image().levels, sizes);
    let mut right = synthetic(2, (25, 16));
    compare(&read(&made, 2, 1, &mut random), &right, "native");
    for of in 3..5 {
        right = halved(&right, Filter::Gauss);
        compare(
            &read(&made, of, 1, &mut random),
            &right,
            "above native ones",
        );
        let alone = downsampled(
            source.clone(),
            Size::Halved(of),
            &options(Filter::Gauss, 8),
            None,
        );
        let alone = alone.unwrap();
        compare(&read(&alone, 0, 1, &mut random), &right, "downsampled");
    }
    // A native level is the source's own, with the levels above it.
    let native = downsampled(
        source.clone(),
        Size::Halved(1),
        &options(Filter::Gauss, 8),
        None,
    );
    let native = native.unwrap();
    assert_eq!(native.image().levels, [(50, 33), (25, 16)]);
    compare(
        &read(&native, 0, 1, &mut random),
        &synthetic(1, (50, 33)),
        "a native level",
    );
    let own = LevelOptions {
        recomputes: true,
        ..options(Filter::Gauss, 8)
    };
    let made = full_pyramid(source.clone(), &own, None).unwrap();
    let mut right = synthetic(0, (101, 67));
    for of in 1..5 {
        right = halved(&right, Filter::Gauss);
        compare(&read(&made, of, 1, &mut random), &right, "all computed");
    }
    // As many as the source has, also where fewer would reach one tile.
    let own = LevelOptions {
        tile: (1024, 1024),
        ..own
    };
    let made = full_pyramid(source.clone(), &own, None).unwrap();
    assert_eq!(made.image().levels, [(101, 67), (51, 34), (26, 17)]);
    let made = downsampled(source, Size::Halved(1), &own, None).unwrap();
    assert_eq!(made.image().levels, [(51, 34), (26, 17)]);
}

/// A source of 16 x 16 blocks, counted.
fn counted(block: (u64, u64)) -> (Arc<dyn Provider>, Arc<Behaviour>) {
    let behaviour = Arc::new(Behaviour::default());
    let image = support::image((1024, 1024), block, 1);
    (support::source(image, behaviour.clone()), behaviour)
}

#[test]
fn a_coarse_tile_decodes_each_block_once_while_the_budget_holds_a_row_of_them() {
    let one = |tile: u64, filter, block: (u64, u64), budget: Option<u64>, at: Block| {
        let (source, behaviour) = counted(block);
        let cache = budget.map(cache);
        let made = full_pyramid(source, &options(filter, tile), cache.as_ref()).unwrap();
        let tile = get_block(
            &*level(made.clone(), at.level).unwrap(),
            Block { level: 0, ..at },
            &Bands::ALL,
        );
        tile.unwrap();
        assert_eq!(made.counters().decodes, behaviour.total());
        let peak = cache.map(|cache| cache.statistics().peak);
        (behaviour.total(), behaviour.most(), peak)
    };
    let top = Block::new(4, 0, 0);
    for filter in [Filter::Average, Filter::Sips, Filter::Mode] {
        for block in [(64, 64), (1024, 8), (32, 256)] {
            let blocks = (1024 / block.0) * (1024 / block.1);
            let row = 1024 * block.1;
            // Beside a row of blocks there are the rows that are read at once, and tiles.
            for budget in [None, Some(2 * row + 100_000), Some(1 << 24)] {
                let (total, most, peak) = one(64, filter, block, budget, top);
                assert_eq!(
                    (total, most),
                    (blocks, 1),
                    "{filter:?} {block:?} {budget:?}"
                );
                if let (Some(peak), Some(budget)) = (peak, budget) {
                    assert!(peak <= budget + 200_000, "{peak} of {budget} {filter:?}");
                }
            }
        }
        // Without a cache a tile over 8 x 8 blocks reads these and those around them.
        let (total, most, _) = one(64, filter, (64, 64), None, Block::new(3, 1, 0));
        assert!(total <= 10 * 9 && most == 1, "{total} {most} {filter:?}");
    }
}

#[test]
fn a_whole_pyramid_decodes_each_block_once() {
    let mut random = Random::new(6);
    for filter in [Filter::Average, Filter::Sips] {
        for upwards in [true, false] {
            let (source, behaviour) = counted((64, 64));
            let cache = cache(1 << 24);
            let made = full_pyramid(source, &options(filter, 64), Some(&cache)).unwrap();
            let levels = made.image().levels.len() as u32;
            for at in 0..levels {
                let at = if upwards { at } else { levels - 1 - at };
                read(&level(made.clone(), at).unwrap(), 0, 2, &mut random);
            }
            assert_eq!((behaviour.total(), behaviour.most()), (256, 1));
        }
    }
}

#[test]
fn tiles_that_are_there_are_not_made_again() {
    let (source, behaviour) = counted((64, 64));
    // Too little for the blocks of the source.
    let cache = cache(1 << 18);
    let made = full_pyramid(source, &options(Filter::Cubic, 64), Some(&cache)).unwrap();
    let [of_two, of_three] = [2, 3].map(|of| level(made.clone(), of).unwrap());
    let places = (0..4).flat_map(|row| (0..4).map(move |col| Block::new(0, row, col)));
    let held: Vec<_> = places
        .map(|at| get_block(&*of_two, at, &Bands::ALL).unwrap())
        .collect();
    let before = behaviour.total();
    get_block(&*of_three, Block::new(0, 1, 1), &Bands::ALL).unwrap();
    assert_eq!(behaviour.total(), before);
    drop(held);
}

#[test]
fn a_large_image_of_small_blocks_has_a_pyramid() {
    let image = support::image((65_536, 65_535), (16, 16), 3);
    let source = support::source(image, Arc::default());
    let made = full_pyramid(source.clone(), &LevelOptions::default(), None).unwrap();
    let levels = &made.image().levels;
    assert_eq!((levels.len(), levels[6]), (7, (1024, 1024)));
    assert_eq!(level(made, 3).unwrap().image().block, (1024, 1024));
    // One level of the source alone, though it has it.
    let own = LevelOptions {
        recomputes: true,
        levels: Some(1),
        ..LevelOptions::default()
    };
    let mut image = support::image((99, 99), (16, 16), 1);
    image.levels = vec![(99, 99), (50, 50)];
    let source = support::source(image, Arc::default());
    let made = downsampled(source, Size::Halved(0), &own, None).unwrap();
    assert_eq!(made.image().levels, [(99, 99)]);
}

#[test]
fn a_tall_pyramid_of_small_tiles_decodes_each_block_once_without_a_cache() {
    let (source, behaviour) = counted((8, 8));
    let made = full_pyramid(source, &options(Filter::Sips, 8), None).unwrap();
    assert_eq!(made.image().levels.len(), 8);
    let top = level(made, 7).unwrap();
    get_block(&*top, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    assert_eq!((behaviour.total(), behaviour.most()), (128 * 128, 1));
}

#[test]
fn a_wide_image_is_made_in_tiles_of_levels_between() {
    let mut random = Random::new(7);
    let size = (40_000, 20);
    let picture = random::picture(DType::U8, size, 1, Validity::Nodata, &mut random);
    let mut right = picture.clone();
    for _ in 0..10 {
        right = halved(&right, Filter::Bilinear);
    }
    for budget in [None, Some(1 << 16), Some(1 << 22)] {
        let cache = budget.map(cache);
        let (source, decodes) = picture.provider((64, 4));
        let options = options(Filter::Bilinear, 16);
        let made = downsampled(source, Size::Halved(10), &options, cache.as_ref()).unwrap();
        compare(&read(&made, 0, 2, &mut random), &right, "a wide image");
        // The second budget holds no row of blocks.
        let (decodes, blocks) = (decodes.load(Ordering::Relaxed), 625 * 5);
        assert!(
            decodes <= blocks * 3 / 2 || budget == Some(1 << 16),
            "{decodes} of {blocks}, {budget:?}"
        );
    }
}

#[test]
fn what_is_absent_is_absent_in_all_levels() {
    let absent = (0..8u64).flat_map(|row| (0..8u64).map(move |col| Block::new(0, row, col)));
    let behaviour = Behaviour {
        absent: absent.filter(|at| at.row + at.col < 9).collect(),
        ..Behaviour::default()
    };
    let behaviour = Arc::new(behaviour);
    let mut image = support::image((128, 128), (16, 16), 1);
    image.sparse = true;
    image.pad = Sample::from_f64(DType::U8, 7.0);
    let source = support::source(image, behaviour.clone());
    let cache = cache(1 << 20);
    let made = full_pyramid(source, &options(Filter::Cubic, 16), Some(&cache)).unwrap();
    for of in 1..3 {
        let alone = level(made.clone(), of).unwrap();
        assert!(alone.image().sparse);
        let first = Block::new(0, 0, 0);
        let last = Block::new(0, (8 >> of) - 1, (8 >> of) - 1);
        assert!(!alone.has_block(first).unwrap() && alone.has_block(last).unwrap());
        let tile = get_block(&*alone, first, &Bands::ALL).unwrap();
        assert!(tile.is_absent() && tile.row(0, 3) == [7; 16]);
    }
    assert_eq!(behaviour.total(), 0);
    // A float that its own mean may miss has no absent blocks, lest they differ from what is computed.
    let mut image = Image::new(64, 64, 1, DType::F64);
    image.sparse = true;
    image.pad = Sample::from_f64(DType::F64, 0.1);
    let source = support::source(image, Arc::default());
    let made = downsampled(source, Size::Halved(1), &options(Filter::Cubic, 16), None).unwrap();
    assert!(!made.image().sparse);
}

#[test]
fn levels_lie_where_their_pixels_lie() {
    let (source, _) = Picture::new(DType::U8, 101, 67, 1).provider((32, 32));
    let georef = Georef {
        transform: Some(Affine([500.0, 0.5, 0.0, 80.0, 0.0, -0.25])),
        ..Georef::default()
    };
    let located = Located::new(georef, &[(101, 67)]);
    let source = georeferenced(source, Some(located)).unwrap();
    let made = full_pyramid(source.clone(), &options(Filter::Average, 8), None).unwrap();
    for of in 0..5u32 {
        let factor = f64::from(1 << of);
        let right = Affine([500.0, 0.5 * factor, 0.0, 80.0, 0.0, -0.25 * factor]);
        let all = made.image().georef.as_ref().expect("a place");
        assert_eq!(all.transform(of), Some(right));
        let alone = level(made.clone(), of).unwrap();
        let alone = alone.image().georef.as_ref().expect("a place");
        assert_eq!(alone.transform(0), Some(right));
    }
    let size = Size::Pixels(40, 67);
    let made = downsampled(source, size, &options(Filter::Average, 8), None).unwrap();
    let located = made.image().georef.as_ref().expect("a place");
    let right = Affine([500.0, 0.5 * 2.0 * 51.0 / 40.0, 0.0, 80.0, 0.0, -0.25]);
    assert_eq!(
        located
            .transform(0)
            .map(|it| it.0.map(|n| (n * 1e9).round())),
        Some(right.0.map(|n| (n * 1e9).round()))
    );
}

#[test]
fn levels_are_forgotten_with_their_source() {
    let (source, behaviour) = counted((64, 64));
    let key = source.key().to_owned();
    let cache = cache(1 << 24);
    let made = full_pyramid(source, &options(Filter::Average, 64), Some(&cache)).unwrap();
    let top = level(made, 4).unwrap();
    let get = || get_block(&*top, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    get();
    get();
    assert_eq!(behaviour.total(), 256);
    invalidate(&key);
    get();
    assert_eq!(behaviour.total(), 512);
}

#[test]
fn keys_tell_apart_all_that_changes_pixels() {
    let (source, _) = counted((64, 64));
    let mut keys = Vec::new();
    for filter in Filter::ALL {
        for tile in [64, 128] {
            let options = options(filter, tile);
            for of in 1..3 {
                let made = downsampled(source.clone(), Size::Halved(of), &options, None);
                keys.push(made.unwrap().key().to_owned());
            }
            let made = full_pyramid(source.clone(), &options, None).unwrap();
            keys.push(made.key().to_owned());
            keys.push(level(made, 2).unwrap().key().to_owned());
        }
    }
    let all = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), all);
}

#[test]
fn what_cannot_be_is_refused_with_the_value() {
    let (source, _) = counted((64, 64));
    let refused = |size, options: &LevelOptions| {
        let made = downsampled(source.clone(), size, options, None);
        made.err().expect("an error").message().to_owned()
    };
    let plain = LevelOptions::default();
    assert_eq!(
        refused(Size::Pixels(1025, 3), &plain),
        "1025 x 3 pixels out of an image of 1024 x 1024"
    );
    assert_eq!(
        refused(Size::Halved(32), &plain),
        "an image halved 32 times; at most 31"
    );
    let sips = options(Filter::Sips, 64);
    assert_eq!(
        refused(Size::Pixels(600, 600), &sips),
        "the filter sips makes halves, and 600 x 600 pixels are none of 1024 x 1024"
    );
    let levels = LevelOptions {
        levels: Some(33),
        ..LevelOptions::default()
    };
    assert_eq!(
        refused(Size::Halved(1), &levels),
        "levels is 33; it must be 1 to 32"
    );
    let made = downsampled(source.clone(), Size::Halved(1), &plain, None).unwrap();
    let band = get_block(&*made, Block::new(0, 0, 0), &Bands::of(&[3], 1));
    assert_eq!(
        band.map(drop).unwrap_err().message(),
        "band 3 of an image with 1 bands"
    );
    let (complex, _) = Picture::new(DType::CF32, 9, 9, 1).provider((9, 9));
    let made = full_pyramid(complex, &options(Filter::Mode, 4), None);
    assert_eq!(
        made.err().expect("an error").message(),
        "the filter mode for complex samples (cf32)"
    );
}
