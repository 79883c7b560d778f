//! What users of other systems suffer with warps, thread by thread: none of it happens here. (gdal: OSGeo/gdal.)

use crate::maps::{self, Function};
use crate::picture::{Picture, Value};
use crate::random::{self, Random, Validity};
use crate::reading::read_in;
use crate::ways::{BLOCKS, is_full, is_wanted, ways_and_bands};
use crate::{Case, FILTERS, levels, options, read, source};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::georef::Affine;
use tilecache::image::Bands;
use tilecache::operator::{LevelOptions, WarpOptions, full_pyramid, pyramid, warped};
use tilecache::resample::Filter;
use tilecache::transform::affine;

fn map(name: &str) -> Function {
    let mut all = maps::all().into_iter();
    all.find(|map| map.name == name).expect("a map")
}

/// A smooth picture, whose values say where they are.
fn ramp(width: i64, height: i64) -> Picture {
    let mut picture = Picture::new(DType::F64, width, height, 2);
    for y in 0..height {
        for x in 0..width {
            picture.set(0, x, y, [Value::F(x as f64 + 0.5); 2]);
            picture.set(1, x, y, [Value::F(y as f64 + 0.5); 2]);
        }
    }
    picture
}

pub fn function(
    name: &'static str,
    way: impl Fn(f64, f64) -> Option<(f64, f64)> + Send + Sync + 'static,
) -> Arc<Function> {
    Arc::new(Function {
        name,
        way: Box::new(way),
    })
}

fn floats(bytes: &[u8]) -> Vec<f64> {
    let chunks = bytes.as_chunks().0.iter();
    chunks.map(|bytes| f64::from_ne_bytes(*bytes)).collect()
}

/// gdal#12106, #13702, #13464, rasterio#3121 and the FAQ: memory, layout, threads and tiling change no pixel. By
/// TILECACHE_FULL_PRODUCT all ways come together, for every filter and type, over a smaller image.
#[test]
fn memory_layout_threads_and_tiling_change_no_pixel() {
    let mut random = Random::new(3);
    let (dtypes, from, size) = match is_full() {
        true => (DType::ALL, (91, 67), (106, 99)),
        false => (&[DType::U16][..], (151, 143), (211, 203)),
    };
    let mut runs = 0;
    for dtype in dtypes {
        let levels = levels(*dtype, from, 2, 3, Validity::Everything, &mut random);
        let sources = BLOCKS.map(|block| (block, source(&levels, block)));
        for (map, filter) in ["waves", "small", "pole", "turned", "jump"]
            .into_iter()
            .cycle()
            .zip(FILTERS)
        {
            if !is_wanted(filter) || filter.chooses() && dtype.is_complex() {
                continue;
            }
            let map = self::map(map);
            let options = WarpOptions {
                size,
                levels: Some(2),
                filter: Some(filter),
                ..WarpOptions::default()
            };
            let whole = warped(sources[0].1.clone(), Case::transform(&map), &options, None);
            let whole = whole.unwrap();
            let right = [0, 1].map(|level| read(&whole, level, 1, &mut random));
            for (nth, (way, bands)) in ways_and_bands().enumerate() {
                let options = WarpOptions {
                    tile: way.tile,
                    ..options.clone()
                };
                let source = sources.iter().find(|(block, _)| *block == way.block);
                let source = source.map(|(_, source)| source.clone()).expect("a source");
                let cache = way.cache();
                let made = warped(source, Case::transform(&map), &options, cache.as_ref()).unwrap();
                // Both levels with each block and each tile.
                let level = (nth / 4 + nth) % 2;
                let of = Bands::of(bands, 2);
                let found = read_in(&made, level as u32, &way, &of, &mut random);
                let right = &right[level];
                let of_band = right.len() / 2;
                for (found, band) in found.chunks_exact(of_band).zip(bands) {
                    let right = &right[*band as usize * of_band..][..of_band];
                    let differs = found.iter().zip(right).position(|(a, b)| a != b);
                    let what = || format!("{} {filter:?} {way:?} {level}", map.name);
                    assert_eq!(
                        differs,
                        None,
                        "{}: byte of band {band} of {bands:?}",
                        what()
                    );
                }
                runs += 1;
            }
            if is_full() {
                println!("{} {}: {runs} runs", filter.name(), dtype.name());
            }
        }
    }
}

/// gdal#13539: what counts at the seam of two tiles counts in full, in whichever.
#[test]
fn pixels_at_seams_count_in_full() {
    let mut random = Random::new(13);
    let source = ramp(150, 150);
    let options = WarpOptions {
        size: (60, 60),
        tile: (16, 16),
        filter: Some(Filter::Average),
        ..WarpOptions::default()
    };
    let transform = affine(Affine([0.0, 2.5, 0.0, 0.0, 0.0, 2.5])).unwrap();
    let made = warped(source.provider((16, 16)).0, transform, &options, None).unwrap();
    let pixels = floats(&read(&made, 0, 1, &mut random));
    for (at, pixel) in pixels[..60 * 60].iter().enumerate() {
        // Two and a half columns of a ramp, weighed by what of them lies beneath.
        let (left, right) = ((at % 60) as f64 * 2.5, (at % 60 + 1) as f64 * 2.5);
        let columns = (left.floor() as u64..right.ceil() as u64).map(|column| column as f64);
        let part = |column: f64| (column + 1.0).min(right) - column.max(left);
        let sum: f64 = columns.map(|column| (column + 0.5) * part(column)).sum();
        assert!(
            (pixel - sum / 2.5).abs() < 1e-9,
            "{at}: {pixel}, {}",
            sum / 2.5
        );
    }
}

/// A tile may stand on more columns than fit 16 bits, for nothing is held of them but what positions touch.
#[test]
fn a_tile_may_stand_on_any_number_of_columns() {
    let mut random = Random::new(15);
    let mut source = Picture::new(DType::I32, 70_000, 3, 1);
    for x in 0..70_000 {
        (0..3).for_each(|y| source.set(0, x, y, [Value::I(x.into()); 2]));
    }
    let (provider, decodes) = source.provider((64, 3));
    let options = WarpOptions {
        size: (70, 3),
        filter: Some(Filter::Nearest),
        ..WarpOptions::default()
    };
    let far = affine(Affine([0.0, 1000.0, 0.0, 0.0, 0.0, 1.0])).unwrap();
    let made = warped(provider, far, &options, None).unwrap();
    let pixels = read(&made, 0, 1, &mut random);
    for (at, pixel) in pixels.as_chunks().0.iter().enumerate() {
        assert_eq!(i32::from_ne_bytes(*pixel), at as i32 % 70 * 1000 + 500);
    }
    assert_eq!(decodes.load(Ordering::Relaxed), 70);
}

/// Positions are computed once for all tiles and threads that need them.
#[test]
fn positions_are_computed_once() {
    let mut random = Random::new(16);
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let map = function("counted", move |x, y| {
        count.fetch_add(1, Ordering::Relaxed);
        Some((x * 0.9 + libm::sin(y / 50.0), y * 0.9))
    });
    let options = WarpOptions {
        size: (256, 128),
        tile: (32, 32),
        filter: Some(Filter::Cubic),
        ..WarpOptions::default()
    };
    let source = ramp(120, 120).provider((16, 16)).0;
    let made = warped(source, map, &options, None).unwrap();
    let first = read(&made, 0, 4, &mut random);
    let once = asked.load(Ordering::Relaxed);
    assert!(read(&made, 0, 4, &mut random) == first);
    assert_eq!(asked.load(Ordering::Relaxed), once);
}

/// gdal#8917, terra#1327: many bands change no pixel. Here also each pixel stands for so many that they go by in parts.
#[test]
fn more_than_110_bands_are_as_few() {
    let mut random = Random::new(4);
    let holes = levels(DType::F64, (91, 67), 200, 1, Validity::Nodata, &mut random);
    // One hole at the top, which the last rows do not tell of.
    let mut hole = vec![ramp(91, 67)];
    hole[0].set(0, 40, 2, [Value::F(f64::NAN); 2]);
    let bands = [hole[0].bands[0].clone(), hole[0].bands[1].clone()];
    hole[0].bands = bands.into_iter().cycle().take(200).collect();
    hole[0].nodata = vec![None; 200];
    for (filter, levels) in [(Filter::Bilinear, &holes), (Filter::Lanczos, &hole)] {
        let map = map("large");
        let options = WarpOptions {
            size: (3, 2),
            scale: (40.0, 30.0),
            levels: Some(1),
            ..options(filter, &mut random)
        };
        let case = Case {
            levels,
            map: &map,
            options,
        };
        case.check(&[0], (16, 16), None, 1, &mut random);
    }
}

/// gdal#6478, #2754, #7019: across the antimeridian nothing is shifted or smeared, and nothing between is read.
#[test]
fn the_antimeridian_is_no_seam() {
    let mut random = Random::new(5);
    let mut world = Picture::new(DType::F64, 360, 64, 1);
    for y in 0..64 {
        for x in 0..360 {
            let angle = (x as f64 + 0.5).to_radians();
            world.set(0, x, y, [Value::F(libm::sin(angle)); 2]);
        }
    }
    // Columns 170 to 190 degrees, whether longitudes begin again or go on.
    let going_on = function("going on", |x, y| Some((350.0 + x * 0.5, y)));
    let again = function("again", |x, y| Some(((350.0 + x * 0.5) % 360.0, y)));
    for filter in [
        Filter::Bilinear,
        Filter::Cubic,
        Filter::Lanczos,
        Filter::Average,
    ] {
        let options = WarpOptions {
            size: (40, 64),
            filter: Some(filter),
            period: 360,
            ..WarpOptions::default()
        };
        let made = [&going_on, &again].map(|map| {
            let (source, decodes) = world.provider((8, 8));
            let made = warped(source, map.clone(), &options, None).unwrap();
            let pixels = floats(&read(&made, 0, 1, &mut random));
            // Blocks of columns 344 to 360 and 0 to 16 at most.
            assert!(decodes.load(Ordering::Relaxed) <= 6 * 8, "{filter:?}");
            pixels
        });
        for (at, pixel) in made[0].iter().enumerate() {
            let angle = (350.0 + ((at % 40) as f64 + 0.5) * 0.5).to_radians();
            let allowed = if filter == Filter::Average {
                0.01
            } else {
                2e-3
            };
            assert!(
                (pixel - libm::sin(angle)).abs() < allowed,
                "{filter:?} {at}: {pixel}"
            );
            assert!((pixel - made[1][at]).abs() < 1e-12, "{filter:?} {at}");
        }
    }
}

/// gdal#6478: without a period the jump of longitudes is a clean edge, from which nothing is smeared over the world.
#[test]
fn a_jump_without_a_period_reads_its_two_sides_only() {
    let mut random = Random::new(6);
    let world = ramp(360, 64);
    let (source, decodes) = world.provider((8, 8));
    let again = function("again", |x, y| Some(((350.0 + x * 0.5) % 360.0, y)));
    let options = WarpOptions {
        size: (40, 64),
        ..WarpOptions::default()
    };
    let made = warped(source, again, &options, None).unwrap();
    let pixels = floats(&read(&made, 0, 1, &mut random));
    for (at, pixel) in pixels[..40 * 64].iter().enumerate() {
        let column = (350.0 + ((at % 40) as f64 + 0.5) * 0.5) % 360.0;
        assert!(
            (pixel - column.clamp(0.5, 359.5)).abs() < 1e-9,
            "{at}: {pixel}"
        );
    }
    assert!(decodes.load(Ordering::Relaxed) <= 5 * 8);
}

/// gdal#9056, #7491: no holes at edges that fall between the points at which chunks are sampled.
#[test]
fn there_are_no_holes_where_an_edge_is_sampled_sparsely() {
    let mut random = Random::new(7);
    let source = ramp(100, 100);
    // Inside a circle that no corner of a cell tells of.
    let inside = |x: f64, y: f64| (x - 200.0).hypot(y - 150.0) < 9.3;
    let map = function("disc", move |x, y| {
        inside(x, y).then_some((x / 4.0, y / 4.0))
    });
    let options = WarpOptions {
        size: (400, 300),
        tile: (90, 70),
        ..WarpOptions::default()
    };
    let made = warped(source.provider((16, 16)).0, map, &options, None).unwrap();
    let pixels = floats(&read(&made, 0, 1, &mut random));
    for (at, pixel) in pixels[..400 * 300].iter().enumerate() {
        let (x, y) = ((at % 400) as f64 + 0.5, (at / 400) as f64 + 0.5);
        assert_eq!(!pixel.is_nan(), inside(x, y), "{x} {y}");
    }
}

/// rio-tiler#56, #104, titiler#662, QGIS#32847: kernels have what lies beyond their tile.
#[test]
fn kernels_have_no_seams_at_tiles() {
    let mut random = Random::new(8);
    let source = ramp(120, 120);
    for filter in [Filter::Bilinear, Filter::Cubic, Filter::Lanczos] {
        let options = WarpOptions {
            size: (100, 100),
            tile: (16, 16),
            filter: Some(filter),
            ..WarpOptions::default()
        };
        let transform = affine(Affine([10.0, 0.98, 0.1, 8.0, -0.05, 1.0])).unwrap();
        let made = warped(
            source.provider((16, 16)).0,
            transform.clone(),
            &options,
            None,
        )
        .unwrap();
        let pixels = floats(&read(&made, 0, 1, &mut random));
        for (at, pixel) in pixels[..100 * 100].iter().enumerate() {
            let (x, y) = ((at % 100) as f64 + 0.5, (at / 100) as f64 + 0.5);
            let column = 10.0 + 0.98 * x + 0.1 * y;
            let allowed = if filter == Filter::Lanczos {
                0.02
            } else {
                1e-9
            };
            assert!(
                (pixel - column).abs() < allowed,
                "{filter:?} {x} {y}: {pixel}"
            );
        }
    }
}

/// gdal#11040, #4932, #15266: a world in one tile reads a level that is as small, and no more blocks of it than the
/// tile touches.
#[test]
fn a_world_in_one_tile_does_not_decode_the_world() {
    let mut random = Random::new(9);
    let mut levels = vec![];
    let mut decodes = vec![];
    for level in 0..5 {
        let picture = ramp(2048 >> level, 1024 >> level);
        let (image, count) = picture.provider((64, 64));
        levels.push(image);
        decodes.push(count);
    }
    let source = pyramid(levels, None).unwrap();
    // As it is, and to a conformal map of 60 degrees to both sides, whose rows are twice as dense at its edges.
    let plain = function("plain", |x, y| Some((x, y)));
    let mercator = function("mercator", |x, y| {
        let latitude = libm::atan(libm::sinh((0.5 - y / 859.0) * 2.6339));
        Some((x, 512.0 - latitude / std::f64::consts::PI * 1024.0))
    });
    let cases = [
        (plain, 1024, [0, 0, 0, 0, 2]),
        (mercator, 859, [0, 0, 16, 8, 2]),
    ];
    for (filter, (map, height, most)) in FILTERS
        .into_iter()
        .flat_map(|filter| cases.clone().map(move |case| (filter, case)))
    {
        let options = WarpOptions {
            size: (2048, height),
            tile: (128, 128),
            filter: Some(filter),
            period: 2048,
            source_level: filter.selects().then_some(4),
            ..WarpOptions::default()
        };
        let made = warped(source.clone(), map.clone(), &options, None).unwrap();
        let last = made.image().levels.len() as u32 - 1;
        assert_eq!(made.image().levels[last as usize].0, 128);
        decodes
            .iter()
            .for_each(|count| count.store(0, Ordering::Relaxed));
        let of_last = made.level_image(last).unwrap();
        let pixels = floats(&read(&of_last, 0, 1, &mut random));
        assert!(pixels.iter().all(|pixel| pixel.is_finite()), "{filter:?}");
        let decodes: Vec<u64> = decodes
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .collect();
        let most = if filter.selects() {
            [0, 0, 0, 0, 2]
        } else {
            most
        };
        for (decodes, most) in decodes.iter().zip(most) {
            assert!(
                *decodes <= most,
                "{} {filter:?}: {decodes} of {most}",
                map.name
            );
        }
        assert!(decodes.iter().sum::<u64>() > 0);
    }
}

/// A tile that stands on twelve computed levels and another warp ends, also where the cache has room for 16 tiles.
#[test]
fn warps_over_warps_over_levels_end_in_little_memory() {
    let mut random = Random::new(12);
    let picture = random::picture(DType::U8, (700, 600), 1, Validity::All, &mut random);
    let tile = (16, 16);
    let first = affine(Affine([3.0, 1.9, 0.3, 5.0, -0.2, 2.1])).unwrap();
    let second = affine(Affine([0.0, 3.0, 0.0, 0.0, 0.0, 3.0])).unwrap();
    let mut right = None;
    for (budget, threads) in [(None, 1), (Some(16 * 700), 8)] {
        let cache = budget.map(|budget| Cache::new(budget, Options::default()).unwrap());
        let options = LevelOptions {
            tile,
            levels: Some(12),
            ..LevelOptions::default()
        };
        let source = picture.provider((64, 64)).0;
        let levels = full_pyramid(source, &options, cache.as_ref()).unwrap();
        let options = WarpOptions {
            size: (360, 300),
            tile,
            filter: Some(Filter::Cubic),
            ..WarpOptions::default()
        };
        let below = warped(levels, first.clone(), &options, cache.as_ref()).unwrap();
        let options = WarpOptions {
            size: (120, 100),
            levels: Some(3),
            ..options
        };
        let made = warped(below, second.clone(), &options, cache.as_ref()).unwrap();
        let pixels = read(&made.level_image(1).unwrap(), 0, threads, &mut random);
        assert!(pixels == *right.get_or_insert(pixels.clone()), "{budget:?}");
    }
}

/// gdal#14728, #1455, rasterio#1721: a mask is 0 or 255, alpha is straight, and the one is not the other.
#[test]
fn masks_stay_masks_and_alpha_stays_alpha() {
    let mut random = Random::new(10);
    for validity in [Validity::Mask, Validity::Alpha, Validity::Everything] {
        for filter in FILTERS {
            let levels = levels(DType::U8, (91, 67), 3, 2, validity, &mut random);
            let map = map("turned");
            let options = options(filter, &mut random);
            let tile = source(&levels, (16, 16));
            let made = warped(tile, Case::transform(&map), &options, None).unwrap();
            let has_alpha = levels[0].alpha.is_some();
            assert_eq!(
                made.mask().is_some(),
                levels[0].mask.is_some() || !has_alpha
            );
            let case = Case {
                levels: &levels,
                map: &map,
                options,
            };
            case.check(&[0, 1], (16, 16), None, 1, &mut random);
        }
    }
}

/// gdal#1923: nearest takes pixels of the image itself, at every level.
#[test]
fn nearest_invents_no_values() {
    let mut random = Random::new(11);
    let mut levels = levels(DType::I16, (91, 67), 1, 3, Validity::All, &mut random);
    levels[0].bands[0].fill([Value::I(7); 2]);
    levels[0].pad = [Value::I(7); 2];
    let map = map("small");
    let options = options(Filter::Nearest, &mut random);
    let made = warped(
        source(&levels, (16, 16)),
        Case::transform(&map),
        &options,
        None,
    )
    .unwrap();
    for level in 0..3 {
        let pixels = read(&made, level, 1, &mut random);
        assert!(
            pixels
                .as_chunks()
                .0
                .iter()
                .all(|it| i16::from_ne_bytes(*it) == 7)
        );
    }
}

/// Half of a world may lie between the middle of a cell and its corners, which are then as near the other way round.
#[test]
fn a_small_picture_of_the_world_is_no_mirrored_one() {
    let mut random = Random::new(31);
    let mut world = Picture::new(DType::U16, 720, 360, 1);
    for y in 0..360 {
        for x in 0..720 {
            world.set(0, x, y, [Value::I((x * 7 + y) as i128), Value::I(0)]);
        }
    }
    for width in [128u32, 70, 64, 63, 48, 33, 20, 9, 4, 2] {
        let scale = 720.0 / f64::from(width);
        let height = u64::from(width.div_ceil(2));
        let going_on = function("going on", move |x, y| Some((x * scale + 100.0, y * scale)));
        let again = function("again", move |x, y| {
            Some(((x * scale + 100.0) % 720.0, y * scale))
        });
        for map in [going_on, again] {
            let options = WarpOptions {
                size: (width.into(), height),
                filter: Some(Filter::Nearest),
                period: 720,
                ..WarpOptions::default()
            };
            let (source, _) = world.provider((64, 64));
            let made = warped(source, map.clone(), &options, None).unwrap();
            let pixels = read(&made, 0, 1, &mut random);
            for (at, sample) in pixels.chunks_exact(2).enumerate() {
                let (x, y) = (at % width as usize, at / width as usize);
                let column = (x as f64 + 0.5) * scale + 100.0;
                let row = (y as f64 + 0.5) * scale;
                let sample = u16::from_ne_bytes([sample[0], sample[1]]);
                // Positions are good to an eighth of a pixel, on either side of an edge.
                let near = |at: f64| [at - 0.125, at + 0.125].map(|at| at as i128);
                let is_there = near(column).into_iter().any(|column| {
                    let mut rows = near(row).into_iter();
                    rows.any(|row| {
                        let wanted = if row < 360 { column % 720 * 7 + row } else { 0 };
                        i128::from(sample) == wanted
                    })
                });
                assert!(is_there, "{} {width}: {sample} at {x}, {y}", map.name);
            }
        }
    }
}
