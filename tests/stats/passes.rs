//! How pixels are passed through: the same bits from every stack, each block once, nothing displaced, and ended when
//! the caller says so.

use crate::picture::{Picture, Random};
use std::sync::{Arc, OnceLock, Weak};
use tilecache::cache::{Cache, Options as CacheOptions};
use tilecache::chain::Chain;
use tilecache::dtype::{DType, Sample};
use tilecache::error::{Kind, Result};
use tilecache::image::{Bands, Block, Image};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, PixelsMut, Target};
use tilecache::operator::{
    LevelOptions, RetileOptions, Size, cached, display, downsampled, full_pyramid, level, pyramid,
    reader, retiled,
};
use tilecache::provider::{Provider, get_block, peek_block};
use tilecache::source::{Decoder, Source};
use tilecache::stats::{BandStats, Options, PERCENTS, PixelStats};
use tilecache::tile::Tile;
use tilecache::window::read_window;

fn cache(budget: u64) -> Cache {
    Cache::new(budget, CacheOptions::default()).unwrap()
}

fn tiles(source: Arc<dyn Provider>, side: u64, cache: Option<&Cache>) -> Arc<dyn Provider> {
    let options = RetileOptions {
        tile: (side, side + 3),
        pad_edges: side.is_multiple_of(2),
    };
    retiled(source, &options, cache).unwrap()
}

/// All that can be asked, bit by bit.
fn bits(stats: &PixelStats) -> Vec<u64> {
    let of_band = |band: u32| {
        let BandStats {
            count,
            valid,
            nan,
            infinite,
            minimum,
            maximum,
            mean,
            deviation,
        } = *stats.band(band).unwrap();
        let mut all = vec![count, valid, nan, infinite];
        all.extend([minimum, maximum, mean, deviation].map(f64::to_bits));
        for percent in PERCENTS.into_iter().chain([33.3]) {
            let answer = stats.percentile(band, percent).unwrap();
            all.extend([answer.value, answer.low, answer.high].map(f64::to_bits));
        }
        all.extend(stats.histogram(band, 100).unwrap().counts);
        all
    };
    (0..stats.band_count()).flat_map(of_band).collect()
}

/// A picture with all that pixels can be.
fn mixed(dtype: DType) -> Picture {
    let mut picture = Picture::random(dtype, (83, 59), 3, 77);
    let mut random = Random(3);
    picture.nodata[1] = Some(Sample::from_f64(dtype, 7.0));
    let mask = (0..picture.pixels()).map(|_| if random.below(5) == 0 { 0 } else { 255 });
    picture.mask = Some(mask.collect());
    if dtype == DType::F32 {
        // Of every size, from the smallest on.
        for at in (0..picture.pixels()).step_by(3) {
            let bits = (random.bits() as u32).to_ne_bytes();
            picture.set(2, at, &bits);
        }
    }
    picture
}

#[test]
fn the_same_bits_come_out_of_every_stack_and_number_of_threads() {
    for dtype in [DType::U16, DType::I32, DType::F32, DType::CI16] {
        let picture = mixed(dtype);
        for is_exact in [false, true] {
            let mut options = Options {
                is_exact,
                ..Options::default()
            };
            let whole = PixelStats::of(picture.provider((83, 59)).0, &options).unwrap();
            let right = bits(&whole);
            let mut random = Random(11);
            for case in 0..24 {
                let block = (1 + random.below(90), 1 + random.below(70));
                let budget = [3000, 40_000, 1 << 24][random.below(3) as usize];
                let cache = cache(budget);
                let mut provider = picture.provider(block).0;
                if random.below(2) == 0 {
                    provider = cached(provider, &cache).unwrap();
                }
                let side = 1 + random.below(64);
                provider = match random.below(4) {
                    0 => provider,
                    1 => tiles(provider, side, None),
                    2 => tiles(provider, side, Some(&cache)),
                    _ => tiles(tiles(provider, 9, Some(&cache)), side, Some(&cache)),
                };
                if random.below(3) == 0 {
                    // Some tiles are there already.
                    let grid = provider.image().grid(0);
                    for _ in 0..5 {
                        let (row, col) = (random.below(grid.rows()), random.below(grid.cols()));
                        get_block(&*provider, Block::new(0, row, col), &Bands::ALL).unwrap();
                    }
                }
                options.threads = 1 + random.below(4) as u32;
                let stats = PixelStats::of(provider, &options).unwrap();
                assert!(
                    bits(&stats) == right,
                    "{dtype:?} {case} {block:?} {side} {options:?}"
                );
            }
        }
    }
}

#[test]
fn each_block_is_decoded_once_for_each_pass() {
    let picture = Picture::random(DType::F32, (200, 150), 2, 4);
    for threads in [1, 3] {
        for is_exact in [false, true] {
            for tile in [None, Some(32), Some(101)] {
                let cache = cache(40_000);
                // In strips, of which every tile crosses many.
                let (source, decodes) = picture.provider((200, 3));
                let own = cached(source, &cache).unwrap();
                let provider = match tile {
                    None => own,
                    Some(side) => tiles(own, side, Some(&cache)),
                };
                let options = Options {
                    threads,
                    is_exact,
                    ..Options::default()
                };
                PixelStats::of(provider, &options).unwrap();
                let decodes = decodes.lock().unwrap();
                assert_eq!(decodes.len(), 50);
                let most = if is_exact { 2 } else { 1 };
                assert!(
                    decodes.values().all(|times| *times <= most),
                    "{tile:?} {threads}"
                );
            }
        }
    }
}

#[test]
fn what_others_use_stays_and_what_is_there_is_not_decoded_again() {
    let (hot, _) = Picture::random(DType::U8, (256, 256), 1, 1).provider((32, 32));
    let picture = Picture::random(DType::U8, (512, 512), 1, 2);
    let (large, decodes) = picture.provider((32, 32));
    // The hot tiles fill all but little of it.
    let cache = cache(110_000);
    let hot = cached(hot, &cache).unwrap();
    let large = cached(large, &cache).unwrap();
    let places = || (0..64).map(|nth| Block::new(0, nth / 8, nth % 8));
    for at in places() {
        get_block(&*hot, at, &Bands::ALL).unwrap();
    }
    let first = Block::new(0, 0, 0);
    get_block(&*large, first, &Bands::ALL).unwrap();
    PixelStats::of(large.clone(), &Options::default()).unwrap();
    let resident = places().filter(|at| peek_block(&*hot, *at, &Bands::ALL).unwrap().is_some());
    // A tile of the pass needs the room of one of them.
    assert!(resident.count() >= 63);
    assert_eq!(decodes.lock().unwrap()[&first], 1);
}

#[test]
fn pixels_that_a_caller_put_are_those_that_count() {
    let mut picture = Picture::random(DType::U8, (60, 60), 2, 8);
    let cache = cache(1 << 20);
    let source = cached(picture.provider((60, 7)).0, &cache).unwrap();
    let options = RetileOptions {
        tile: (20, 20),
        pad_edges: false,
    };
    let tiles = retiled(source, &options, Some(&cache)).unwrap();
    let at = Block::new(0, 1, 2);
    let shape = tiles.image().block_shape(at, 2).unwrap();
    let layout = Layout::packed(shape, DType::U8).unwrap();
    let mut canvas = Canvas::new(Memory::zeroed(layout.span()).unwrap(), layout);
    let put = Sample::from_f64(DType::U8, 200.0);
    canvas.pixels_mut().fill(&put);
    let tile = Tile::from_canvas(canvas);
    let pixels = tile.pixels().clone();
    cache.put(tiles.key(), at, &Bands::ALL, pixels).unwrap();
    for place in 0..400 {
        let pixel = (20 + place / 20) * 60 + 40 + place % 20;
        (0..2).for_each(|band| picture.set(band, pixel, &[200]));
    }
    let stats = PixelStats::of(tiles, &Options::default()).unwrap();
    picture.check(&stats, false);
}

#[test]
fn progress_runs_from_0_to_1_and_ends_the_work() {
    let picture = Picture::random(DType::F32, (100, 100), 1, 6);
    for threads in [1, 4] {
        for is_exact in [false, true] {
            let options = Options {
                threads,
                is_exact,
                ..Options::default()
            };
            let (provider, _) = picture.provider((10, 10));
            let mut told = Vec::new();
            let here = std::thread::current().id();
            let stats = PixelStats::with_progress(provider, &options, &mut |done| {
                assert_eq!(std::thread::current().id(), here);
                told.push(done);
                true
            });
            picture.check(&stats.unwrap(), is_exact);
            assert_eq!((told.first(), told.last()), (Some(&0.0), Some(&1.0)));
            assert!(told.is_sorted(), "{told:?}");
            // Beside other threads the caller's may be told of the end at once.
            let stops = if threads == 1 { 0..6 } else { 0..2 };
            for stop in stops {
                let (provider, decodes) = picture.provider((10, 10));
                let mut calls = 0;
                let ended = PixelStats::with_progress(provider, &options, &mut |_| {
                    calls += 1;
                    calls <= stop
                });
                assert_eq!(ended.err().unwrap().kind(), Kind::Cancelled);
                assert_eq!(calls, stop + 1);
                if threads == 1 {
                    assert_eq!(decodes.lock().unwrap().len(), stop);
                }
            }
        }
    }
}

#[test]
fn a_reader_that_is_cancelled_has_no_statistics() {
    let (provider, decodes) = Picture::random(DType::U8, (9, 9), 1, 6).provider((3, 3));
    let cancel = Arc::<tilecache::load::Cancel>::default();
    let provider = reader(provider, Default::default(), cancel.clone());
    cancel.cancel();
    let ended = PixelStats::of(provider, &Options::default());
    assert_eq!(ended.err().unwrap().kind(), Kind::Cancelled);
    assert!(decodes.lock().unwrap().is_empty());
}

#[test]
fn samples_are_windows_at_fixed_places_and_levels_are_what_is_asked_for() {
    let (width, height) = (2500u64, 2100u64);
    let values: Vec<u16> = (0..width * height)
        .map(|at| (at * 31 % 60_000) as u16)
        .collect();
    let picture = Picture::of(DType::U16, width, &values);
    let options = Options {
        is_sampled: true,
        threads: 2,
        ..Options::default()
    };
    // What lies in the windows, from the rule alone.
    let inside = |at: u64, length: u64| {
        (0..8).any(|nth| {
            let (from, to) = (nth * length / 8, (nth + 1) * length / 8);
            let start = from + (to - from - 256) / 2;
            (start..start + 256).contains(&at)
        })
    };
    let cols: Vec<u64> = (0..width).filter(|x| inside(*x, width)).collect();
    let rows: Vec<u64> = (0..height).filter(|y| inside(*y, height)).collect();
    let (cols, values) = (&cols, &values);
    let of_row = |y: &u64| {
        let row = y * width;
        cols.iter().map(move |x| values[(row + x) as usize])
    };
    let seen: Vec<u16> = rows.iter().flat_map(of_row).collect();
    let seen = Picture::of(DType::U16, 2048, &seen);
    for block in [(2500, 1), (301, 500), (2500, 2100)] {
        let (provider, decodes) = picture.provider(block);
        let stats = PixelStats::of(provider, &options).unwrap();
        assert!(stats.is_sampled() && !stats.is_stored());
        seen.check(&stats, false);
        assert!(decodes.lock().unwrap().values().all(|times| *times == 1));
    }
    // An overview of other values, in blocks of its own.
    let full = Picture::random(DType::U16, (40, 30), 2, 1);
    let half = Picture::random(DType::U16, (20, 15), 2, 2);
    let images = vec![full.provider((16, 16)).0, half.provider((7, 5)).0];
    let both = pyramid(images, None).unwrap();
    for (level, picture) in [(0, full), (1, half)] {
        let options = Options {
            level,
            ..Options::default()
        };
        let stats = PixelStats::of(tiles(both.clone(), 9, None), &options).unwrap();
        assert_eq!(stats.level(), level);
        picture.check(&stats, false);
    }
}

#[test]
fn what_stands_in_the_file_is_taken_only_if_asked_for_and_complete() {
    let picture = Picture::random(DType::U8, (20, 10), 2, 1);
    let mut image = picture.image((20, 10));
    let mut tell = |band: u32, name: &str, text: &str| {
        let name = format!("STATISTICS_{name}");
        image.metadata.insert((Some(band), name), text.into());
    };
    for band in 0..2 {
        for (name, text) in [
            ("MINIMUM", "1"),
            ("MAXIMUM", "250.5"),
            ("MEAN", "1e2"),
            ("STDDEV", "3"),
        ] {
            tell(band, name, text);
        }
    }
    let asked = |is_sampled| Options {
        takes_stored: true,
        is_sampled,
        ..Options::default()
    };
    let of = |image: &tilecache::image::Image, options: &Options| {
        let (provider, decodes) = picture.described(image.clone());
        let stats = PixelStats::of(provider, options).unwrap();
        assert_eq!(stats.is_stored(), decodes.lock().unwrap().is_empty());
        stats
    };
    picture.check(&of(&image, &Options::default()), false);
    let stats = of(&image, &asked(false));
    let band = *stats.band(1).unwrap();
    assert!(stats.is_stored() && !stats.is_sampled() && stats.table_bytes() == 0);
    assert_eq!((band.count, band.valid), (0, 0));
    assert_eq!(
        (band.minimum, band.maximum, band.mean, band.deviation),
        (1.0, 250.5, 100.0, 3.0)
    );
    assert_eq!(stats.percentile(0, 2.0).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(stats.histogram(0, 2).unwrap_err().kind(), Kind::NotFound);
    // Those of the image are not those of a smaller one.
    let mut two = image.clone();
    two.levels = vec![(20, 10), (10, 5)];
    let source = picture.described(two).0;
    let half = downsampled(
        source.clone(),
        Size::Halved(1),
        &LevelOptions::default(),
        None,
    );
    for smaller in [half.unwrap(), level(source, 1).unwrap()] {
        let stats = PixelStats::of(smaller, &asked(false)).unwrap();
        assert_eq!(
            (stats.is_stored(), stats.band(0).unwrap().count),
            (false, 50)
        );
    }
    // Those of an overview are no substitute unless a sample is enough.
    let mut rough = image.clone();
    rough
        .metadata
        .insert((Some(0), "STATISTICS_APPROXIMATE".into()), "YES".into());
    assert!(!of(&rough, &asked(false)).is_stored() && of(&rough, &asked(true)).is_stored());
    for wrong in ["", "x", "nan", "inf", "-3"] {
        let mut image = image.clone();
        image
            .metadata
            .insert((Some(1), "STATISTICS_STDDEV".into()), wrong.into());
        picture.check(&of(&image, &asked(false)), false);
    }
}

/// The picture that a provider shows at a level, with what its mask says.
fn shown(provider: &Arc<dyn Provider>, level: u32) -> Picture {
    let image = provider.image();
    let (width, height) = image.levels[level as usize];
    let read = |of: &Arc<dyn Provider>, dtype: DType, band: u32| {
        let mut bytes = vec![0u8; (width * height) as usize * dtype.size()];
        let shape = Shape {
            width: width as usize,
            height: height as usize,
            bands: 1,
        };
        // SAFETY: the memory has just these rows, and outlives the call.
        let target = unsafe {
            let row = width as usize * dtype.size();
            let strides = [dtype.size(), row, bytes.len()].map(|stride| stride as isize);
            Target::new(bytes.as_mut_ptr(), strides, shape, dtype)
        };
        read_window(of, 0, 0, level, &[Some(band)], target).unwrap();
        bytes
    };
    Picture {
        dtype: image.dtype,
        width,
        height,
        bands: (0..image.band_count())
            .map(|band| read(provider, image.dtype, band))
            .collect(),
        nodata: image.bands.iter().map(|band| band.nodata).collect(),
        mask: provider.mask().map(|mask| read(&mask, DType::U8, 0)),
        alpha: None,
    }
}

#[test]
fn computed_levels_and_displays_have_the_statistics_of_what_they_show() {
    for dtype in [DType::U8, DType::I16] {
        for picture in [Picture::random(dtype, (83, 59), 3, 5), mixed(dtype)] {
            let cache = cache(1 << 16);
            let source = cached(picture.provider((32, 17)).0, &cache).unwrap();
            let options = LevelOptions {
                tile: (16, 16),
                ..LevelOptions::default()
            };
            let levels = full_pyramid(source.clone(), &options, Some(&cache)).unwrap();
            let chain = Chain::parse("stretch=0..200|u8").unwrap();
            let display = display(levels.clone(), &chain, Some(&cache)).unwrap();
            for provider in [levels, display] {
                for level in 0..provider.image().levels.len() as u32 {
                    let options = Options {
                        level,
                        threads: 2,
                        ..Options::default()
                    };
                    let stats = PixelStats::of(provider.clone(), &options).unwrap();
                    shown(&provider, level).check(&stats, false);
                }
            }
        }
    }
}

/// A source that takes the statistics of what is built on it.
struct Circle {
    over: Arc<OnceLock<Weak<dyn Provider>>>,
    threads: u32,
}

impl Decoder for Circle {
    fn read_block(&self, _at: Block, _bands: &[u32], _into: &mut PixelsMut<'_>) -> Result<()> {
        let over = self.over.get().and_then(Weak::upgrade).unwrap();
        let options = Options {
            threads: self.threads,
            ..Options::default()
        };
        PixelStats::of(over, &options).map(drop)
    }
}

#[test]
fn statistics_that_would_wait_for_themselves_are_refused() {
    for threads in [1, 3] {
        let over = Arc::<OnceLock<Weak<dyn Provider>>>::default();
        let circle = Circle {
            over: over.clone(),
            threads,
        };
        let mut image = Image::new(40, 40, 1, DType::U8);
        image.block = (20, 20);
        let source = Source::provider(None, image, Box::new(circle)).unwrap();
        let tiles = tiles(source, 40, Some(&cache(1 << 20)));
        assert!(over.set(Arc::downgrade(&tiles)).is_ok());
        let options = Options {
            threads,
            ..Options::default()
        };
        let refused = PixelStats::of(tiles, &options).err().unwrap();
        assert_eq!(refused.kind(), Kind::Reentrant, "{refused}");
    }
}
