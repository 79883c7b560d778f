//! Files with the levels of an image: the same pixels as the image's full pyramid, by this library and by GDAL.

mod ended;
mod files;
mod gdal;
#[allow(dead_code)]
#[path = "../levels/picture.rs"]
mod picture;
#[allow(dead_code)]
#[path = "../levels/random.rs"]
mod random;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/gdal.rs"]
mod support_gdal;
mod threads;
mod ways;

use files::{Folder, levels_of, open};
use random::{Random, Validity};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tilecache::build::{Compression, Layout, Options, build_pyramid};
use tilecache::cache::Cache;
use tilecache::dtype::DType;
use tilecache::operator::{LevelOptions, RetileOptions, full_pyramid, georeferenced, retiled};
use tilecache::provider::Provider;
use tilecache::resample::Filter;
use ways::{Way, options};

/// The levels that a source has by the rules.
fn pyramid(source: &Arc<dyn Provider>, options: &Options) -> Arc<dyn Provider> {
    let options = LevelOptions {
        filter: options.filter,
        tile: options.tile(),
        levels: options.levels,
        recomputes: options.recomputes,
    };
    full_pyramid(source.clone(), &options, None).unwrap()
}

/// Compares a file's levels, pixels and masks, with those of a provider from some level on.
fn compare(made: &Arc<dyn Provider>, right: &Arc<dyn Provider>, from: usize, what: &str) {
    let (made_levels, right_levels) = (levels_of(made), levels_of(right));
    assert_eq!(
        made.image().levels[..],
        right.image().levels[from..],
        "{what}"
    );
    for (level, (made, right)) in made_levels.iter().zip(&right_levels[from..]).enumerate() {
        assert_eq!(made.len(), right.len(), "{what}");
        let differs = made.iter().zip(right).position(|(a, b)| a != b);
        assert_eq!(differs, None, "{what}: the first byte of level {level}");
    }
    match (made.mask(), right.mask()) {
        (Some(made), Some(right)) => {
            let (made, right) = (levels_of(&made), levels_of(&right));
            assert!(made == right[from..], "{what}: the mask");
        }
        (None, None) => (),
        (made, _) => panic!("{what}: a mask {}", made.is_some()),
    }
}

#[test]
fn every_level_of_a_file_is_that_of_the_full_pyramid() {
    let folder = Folder::new("levels");
    let mut random = Random::new(1);
    let filters = [
        None,
        Some(Filter::Cubic),
        Some(Filter::Lanczos),
        Some(Filter::Sips),
        Some(Filter::Mode),
        Some(Filter::Max),
    ];
    for dtype in DType::ALL {
        for validity in Validity::ALL {
            for _ in 0..2 {
                let compression = random.one_of(&Way::COMPRESSIONS);
                let sides = [1, 15, 16, 17, 40, 77, 131];
                let size = (random.one_of(&sides), random.one_of(&sides));
                let bands = random.one_of(&[1, 2, 3, 4, 6]);
                let mut picture = random::picture(*dtype, size, bands, validity, &mut random);
                // A file has one nodata value for all bands.
                let nodata = picture.nodata[0].map(|[value, _]| match dtype.is_complex() {
                    true => [value, picture.zero()],
                    false => [value; 2],
                });
                picture.nodata.fill(nodata);
                let options = Options {
                    layout: random.one_of(&[Layout::Tiled, Layout::Cog]),
                    filter: random.one_of(match dtype.is_complex() {
                        true => &filters[..4],
                        false => &filters,
                    }),
                    ..options(compression, *dtype, &mut random)
                };
                let way = Way::any(&mut random);
                let (source, decodes) = picture.provider(way.block);
                let cache = way.cache();
                let path = folder.file("made.tif");
                let options = way.with(options);
                let what = format!(
                    "{} {size:?} of {bands} {validity:?} {options:?} {way:?}",
                    dtype.name()
                );
                build_pyramid(source.clone(), &path, &options, cache.as_ref(), &mut |_| {
                    true
                })
                .unwrap_or_else(|error| panic!("{what}: {error}"));
                let grid = source.image().grid(0);
                let blocks = grid.rows() * grid.cols();
                assert_eq!(decodes.load(Ordering::Relaxed), blocks, "{what}");
                compare(&open(&path), &pyramid(&source, &options), 0, &what);
                assert_eq!(folder.names(), ["made.tif"]);
                if let Some(cache) = cache {
                    assert_eq!(cache.statistics().in_flight, 0, "{what}");
                }
            }
        }
    }
}

#[test]
fn each_block_is_decoded_once_also_where_the_source_is_shown_in_tiles() {
    let folder = Folder::new("tiles");
    let mut random = Random::new(10);
    for validity in [Validity::All, Validity::Mask] {
        for block in [(200, 1), (200, 150), (64, 64)] {
            let picture = random::picture(DType::U8, (200, 150), 3, validity, &mut random);
            // Too small for two rows of tiles.
            let cache = Cache::new(20_000, Default::default()).unwrap();
            for cache in [None, Some(&cache)] {
                let (source, decodes) = picture.provider(block);
                let tiles = RetileOptions {
                    tile: (50, 50),
                    ..RetileOptions::default()
                };
                let shown = retiled(source.clone(), &tiles, cache).unwrap();
                let placed = georeferenced(shown.clone(), None).unwrap();
                for (nth, provider) in [shown, placed].into_iter().enumerate() {
                    let options = Options {
                        tile: (32, 32),
                        threads: 1 + nth as u32,
                        ..Options::default()
                    };
                    let what = format!("{validity:?} {block:?} {} {nth}", cache.is_some());
                    let path = folder.file("made.tif");
                    let before = decodes.load(Ordering::Relaxed);
                    build_pyramid(provider, &path, &options, cache, &mut |_| true).unwrap();
                    let decoded = decodes.load(Ordering::Relaxed) - before;
                    let grid = source.image().grid(0);
                    assert_eq!(decoded, grid.rows() * grid.cols(), "{what}");
                    compare(&open(&path), &pyramid(&source, &options), 0, &what);
                }
            }
        }
    }
}

#[test]
fn what_a_file_says_of_bands_and_samples_is_what_the_image_says() {
    let folder = Folder::new("descriptions");
    let mut random = Random::new(2);
    for round in 0..60 {
        let dtype = DType::ALL[round % DType::ALL.len()];
        let validity = random.one_of(&[Validity::All, Validity::Alpha, Validity::NanNodata]);
        let mut picture = random::picture(dtype, (40, 30), 3, validity, &mut random);
        let nodata = picture.nodata[0].map(|[value, _]| match dtype.is_complex() {
            true => [value, picture.zero()],
            false => [value; 2],
        });
        picture.nodata.fill(nodata);
        if !picture.is_float() && !dtype.is_complex() && random.below(2) == 0 {
            picture.bits = 1 + random.below(picture.bits.into()) as u32;
        }
        let (source, _) = picture.provider((64, 1));
        let options = options(Compression::Deflate, dtype, &mut random);
        let path = folder.file("made.tif");
        build_pyramid(source.clone(), &path, &options, None, &mut |_| true).unwrap();
        let (made, said) = (open(&path), source.image());
        let found = made.image();
        let nodata = |image: &tilecache::image::Image| -> Vec<_> {
            let bands = image.bands.iter();
            bands
                .map(|band| band.nodata.map(|it| it.to_f64(dtype).to_string()))
                .collect()
        };
        assert_eq!(nodata(found), nodata(said), "{}", dtype.name());
        let colours = |image: &tilecache::image::Image| -> Vec<_> {
            image.bands.iter().map(|band| band.colour).collect()
        };
        assert_eq!(colours(found), colours(said));
        assert_eq!((found.dtype, found.bits), (dtype, said.bits));
    }
}

#[test]
fn the_bytes_of_a_file_are_the_same_whatever_threads_blocks_and_budgets() {
    let folder = Folder::new("bytes");
    let mut random = Random::new(3);
    for round in 0..8 {
        let dtype = random.one_of(&[DType::U8, DType::I16, DType::F32]);
        let validity = random.one_of(&[Validity::All, Validity::Mask, Validity::Alpha]);
        let picture = random::picture(dtype, (301, 283), 3, validity, &mut random);
        let compression = random.one_of(&Way::COMPRESSIONS);
        let base = Options {
            layout: [Layout::Tiled, Layout::Cog, Layout::Overviews][round % 3],
            filter: [None, Some(Filter::Lanczos)][round % 2],
            ..options(compression, dtype, &mut random)
        };
        let mut first = None;
        for _ in 0..6 {
            let way = Way::any(&mut random);
            let (source, _) = picture.provider(way.block);
            let (path, cache) = (folder.file("made.tif"), way.cache());
            let options = way.with(base.clone());
            build_pyramid(source, &path, &options, cache.as_ref(), &mut |_| true).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let right = first.get_or_insert_with(|| bytes.clone());
            assert!(*right == bytes, "{options:?} {way:?}");
        }
    }
}

#[test]
fn overviews_beside_a_file_are_its_levels() {
    let folder = Folder::new("beside");
    let mut random = Random::new(4);
    for validity in [
        Validity::All,
        Validity::Nodata,
        Validity::Mask,
        Validity::Alpha,
    ] {
        for dtype in [DType::U8, DType::U16, DType::F64] {
            let mut picture = random::picture(dtype, (150, 97), 3, validity, &mut random);
            let nodata = picture.nodata[0];
            picture.nodata.fill(nodata);
            let (source, _) = picture.provider((64, 64));
            let plain = Options {
                levels: Some(1),
                ..options(Compression::Lzw, dtype, &mut random)
            };
            let path = folder.file("image.tif");
            build_pyramid(source.clone(), &path, &plain, None, &mut |_| true).unwrap();
            assert_eq!(open(&path).image().levels.len(), 1);
            let options = Options {
                layout: Layout::Overviews,
                levels: None,
                ..plain
            };
            let beside = folder.file("image.tif.ovr");
            let cache = Cache::new(100_000, Default::default()).unwrap();
            let alone = open(&path);
            build_pyramid(alone.clone(), &beside, &options, Some(&cache), &mut |_| {
                true
            })
            .unwrap();
            let what = format!("{validity:?} {}", dtype.name());
            compare(&open(&path), &pyramid(&alone, &options), 0, &what);
            assert_eq!(folder.names(), ["image.tif", "image.tif.ovr"]);
            std::fs::remove_file(beside).unwrap();
        }
    }
}

#[test]
fn levels_that_a_source_has_are_written_as_they_are() {
    let folder = Folder::new("native");
    let mut random = Random::new(5);
    let picture = random::picture(DType::U8, (300, 200), 3, Validity::Mask, &mut random);
    let (source, _) = picture.provider((64, 64));
    let options = Options {
        tile: (16, 32),
        filter: Some(Filter::Nearest),
        levels: Some(3),
        ..Options::default()
    };
    let native = folder.file("native.tif");
    build_pyramid(source, &native, &options, None, &mut |_| true).unwrap();
    for recomputes in [false, true] {
        for layout in [Layout::Tiled, Layout::Cog, Layout::Overviews] {
            let source = open(&native);
            let options = Options {
                layout,
                recomputes,
                tile: (16, 16),
                threads: 2,
                ..Options::default()
            };
            let path = folder.file("made.tif");
            let before = source.counters().decodes;
            build_pyramid(source.clone(), &path, &options, None, &mut |_| true).unwrap();
            let blocks = |level: usize| {
                let (width, height) = source.image().levels[level];
                width.div_ceil(16) * height.div_ceil(32)
            };
            let decodes = source.counters().decodes - before;
            let read: u64 = match (recomputes, layout) {
                (true, _) => blocks(0),
                (false, Layout::Overviews) => blocks(1) + blocks(2),
                (false, _) => blocks(0) + blocks(1) + blocks(2),
            };
            assert_eq!(decodes, read, "{layout:?} {recomputes}");
            let right = pyramid(&source, &options);
            let what = format!("{layout:?} {recomputes}");
            if layout != Layout::Overviews {
                compare(&open(&path), &right, 0, &what);
                continue;
            }
            // By itself each directory is an image.
            for (at, pixels) in levels_of(&right)[1..].iter().enumerate() {
                let made = tilecache::source::file::open(&path, 2 * at as u32, None).unwrap();
                assert!(levels_of(&made)[0] == *pixels, "{what}: directory {at}");
            }
        }
    }
}

#[test]
fn names_of_categories_go_along() {
    let folder = Folder::new("categories");
    let key = (Some(1), "CATEGORYNAMES".to_owned());
    let names = "water\nland & <more>\n\n";
    let mut image = support::image((40, 30), (16, 16), 2);
    image.metadata.insert(key.clone(), names.to_owned());
    let source = support::source(image, Default::default());
    let path = folder.file("made.tif");
    build_pyramid(source, &path, &Options::default(), None, &mut |_| true).unwrap();
    let made = open(&path);
    assert_eq!(
        made.image().metadata.get(&key).map(String::as_str),
        Some(names)
    );
}

/// The levels of a file of JPEG 2000 are its own, those above are made of the last one, and of bands whose nodata values
/// differ there are overviews all the same.
#[test]
fn levels_of_a_wavelet_go_into_files_and_overviews_need_no_common_nodata() {
    let folder = Folder::new("wavelet");
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/files");
    let source = open(&std::path::Path::new(seeds).join("codestream-3.jp2"));
    assert!(source.image().levels.len() > 1);
    for recomputes in [false, true] {
        let options = Options {
            recomputes,
            levels: Some(source.image().levels.len() as u32 + 1),
            tile: (16, 16),
            ..Options::default()
        };
        let path = folder.file("made.tif");
        build_pyramid(source.clone(), &path, &options, None, &mut |_| true).unwrap();
        let right = pyramid(&source, &options);
        compare(&open(&path), &right, 0, &format!("{recomputes}"));
        assert!(
            levels_of(&right)
                .iter()
                .all(|level| level.iter().any(|it| *it > 0))
        );
    }
    let mut random = Random::new(13);
    let picture = random::picture(DType::U8, (77, 40), 2, Validity::Nodata, &mut random);
    let options = Options {
        layout: Layout::Overviews,
        tile: (16, 16),
        ..Options::default()
    };
    let (source, path) = (picture.provider((16, 16)).0, folder.file("made.ovr"));
    let bands = &source.image().bands;
    assert_ne!(bands[0].nodata, bands[1].nodata);
    build_pyramid(source.clone(), &path, &options, None, &mut |_| true).unwrap();
    for (at, pixels) in levels_of(&pyramid(&source, &options))[1..]
        .iter()
        .enumerate()
    {
        let made = tilecache::source::file::open(&path, at as u32, None).unwrap();
        assert!(levels_of(&made)[0] == *pixels, "directory {at}");
    }
}
