//! Rational polynomials over rasters of heights: every pixel as a formula has it, what is read, and what changes.

use crate::compare;
use crate::picture::{Picture, Value};
use crate::random::{self, Random, Validity};
use crate::reading::read;
use crate::reference::View;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tilecache::cache::{Cache, Options, invalidate};
use tilecache::dtype::DType;
use tilecache::error::{Error, Kind, Result};
use tilecache::georef::{Affine, Georef, Located, Normal, Rpc};
use tilecache::image::{Bands, Block, Image};
use tilecache::layout::Layout;
use tilecache::load::Cancel;
use tilecache::memory::PixelsMut;
use tilecache::operator::{
    HeightOptions, ReaderOptions, WarpOptions, cached, georeferenced, heights, reader, warped,
};
use tilecache::provider::{Provider, Request, get_block};
use tilecache::resample::Filter;
use tilecache::source::{Decoder, Source};
use tilecache::tile::Tile;
use tilecache::transform::{Point, Transform, rpc_over};

/// Columns follow longitudes and heights, rows latitudes from the north; a degree is ten pixels.
fn scene() -> Rpc {
    let normal = |offset, scale| Normal { offset, scale };
    let mut numbers = [0.0; Rpc::NUMBERS];
    numbers[7..12].fill(1.0);
    let mut rpc = Rpc::from_numbers(&numbers).expect("numbers that can be used");
    (rpc.samp, rpc.line) = (normal(-0.5, 10.0), normal(-0.5, 10.0));
    (rpc.long, rpc.lat) = (normal(7.0, 1.0), normal(50.0, 1.0));
    rpc.height = normal(0.0, 100.0);
    (rpc.samp_num[1], rpc.samp_num[3], rpc.samp_num[4]) = (1.0, 0.75, 0.02);
    (rpc.line_num[2], rpc.line_num[3]) = (-1.0, 0.25);
    (rpc.samp_den[0], rpc.line_den[0]) = (1.0, 1.0);
    rpc
}

/// Where the output lies, whose pixels are a tenth of a degree too.
const GROUND: Affine = Affine([6.5, 0.1, 0.0, 50.5, 0.0, -0.1]);

/// Where the raster of heights lies: not all of the output, and in pixels of another size.
const PLACE: Affine = Affine([7.15, 0.23, 0.0, 49.9, 0.0, -0.31]);

/// The rule, pixel by pixel: the height of a place in the unit of the raster.
fn height_at(raster: &Picture, band: usize, (long, lat): (f64, f64)) -> Option<f64> {
    let (x, y) = PLACE.inverse().unwrap().apply(long, lat);
    let (width, height) = (raster.width as f64, raster.height as f64);
    if !(x >= 0.0 && x <= width && y >= 0.0 && y <= height) {
        return None;
    }
    let (left, top) = ((x - 0.5).floor(), (y - 0.5).floor());
    let value = |right: f64, down: f64| {
        let x = (left + right).clamp(0.0, width - 1.0) as i64;
        let y = (top + down).clamp(0.0, height - 1.0) as i64;
        let is_shown = raster
            .mask
            .as_ref()
            .is_none_or(|mask| mask[(y * raster.width + x) as usize]);
        let value = raster.get(band, x, y);
        let is_nodata = raster.nodata[band].is_some_and(|nodata| raster.equals(nodata, value));
        let value = value[0].float();
        (is_shown && !is_nodata && value.is_finite()).then_some(value)
    };
    let (s, t) = (x - 0.5 - left, y - 0.5 - top);
    let above = value(0.0, 0.0)? * (1.0 - s) + value(1.0, 0.0)? * s;
    let below = value(0.0, 1.0)? * (1.0 - s) + value(1.0, 1.0)? * s;
    Some(above * (1.0 - t) + below * t)
}

/// Hills of some metres, with holes of the kind that is asked for.
fn hills(dtype: DType, validity: Validity, random: &mut Random) -> Picture {
    let mut picture = random::picture(dtype, (31, 23), 2, validity, random);
    for at in 0..picture.bands[1].len() {
        let (x, y) = ((at % 31) as f64, (at / 31) as f64);
        let height = (40.0 + 30.0 * (x / 5.0).sin() * (y / 4.0).cos()).round();
        let value = match picture.is_float() {
            true => Value::F(height),
            false => Value::I(height as i128),
        };
        let is_hole =
            picture.nodata[1].is_some_and(|nodata| picture.equals(nodata, picture.bands[1][at]));
        // Of wild heights those stay that are none: others lie beyond all pixels.
        let is_wild = picture.bands[1][at][0].float().is_finite();
        if !is_hole && (is_wild || random.below(60) > 0) {
            picture.bands[1][at] = [value; 2];
        }
    }
    picture
}

fn transform(
    raster: Arc<dyn Provider>,
    options: &HeightOptions,
    cache: Option<&Cache>,
) -> Arc<dyn Transform> {
    rpc_over(scene(), GROUND, heights(raster, options, cache).unwrap()).unwrap()
}

fn plain() -> HeightOptions {
    HeightOptions {
        place: Some(PLACE),
        ..HeightOptions::default()
    }
}

fn size(filter: Filter) -> WarpOptions {
    WarpOptions {
        size: (120, 90),
        filter: Some(filter),
        tile: (50, 37),
        levels: Some(3),
        ..WarpOptions::default()
    }
}

#[test]
fn every_pixel_is_what_the_formula_of_the_ground_makes_of_it() {
    let mut random = Random::new(60);
    let filters = [
        Filter::Nearest,
        Filter::Bilinear,
        Filter::Average,
        Filter::Cubic,
    ];
    let missing = [None, Some(12.5)];
    for (nth, (validity, dtype)) in Validity::ALL
        .into_iter()
        .zip([
            DType::F32,
            DType::I16,
            DType::F64,
            DType::U8,
            DType::U16,
            DType::F32,
        ])
        .enumerate()
    {
        let raster = hills(dtype, validity, &mut random);
        let source = random::picture(DType::U8, (91, 67), 1, Validity::Mask, &mut random);
        let options = HeightOptions {
            band: 1,
            scale: 0.5,
            offset: -3.0,
            missing: missing[nth % 2],
            ..plain()
        };
        let exact = nth % 3 == 0;
        let map = |x: f64, y: f64| {
            let (long, lat) = GROUND.apply(x, y);
            let height = height_at(&raster, 1, (long, lat)).or(options.missing)?;
            let at = scene().appears(long, lat, options.offset + height * options.scale);
            Some(at)
        };
        let filter = filters[nth % 4];
        let warp = WarpOptions {
            exact,
            ..size(filter)
        };
        let view = View {
            levels: std::slice::from_ref(&source),
            map: &map,
            filter,
            size: (120, 90),
            exact,
            max_error: 0.125,
            source_level: None,
            scale: (0.0, 0.0),
            period: None,
        };
        let right: Vec<_> = (0..3).map(|level| view.level(level).0).collect();
        for (block, budget, threads) in [
            ((31, 23), None, 1),
            ((8, 8), Some(1 << 22), 4),
            ((31, 1), Some(9000), 2),
            ((5, 7), None, 3),
        ] {
            let cache = budget.map(|budget| Cache::new(budget, Options::default()).unwrap());
            let by = transform(raster.provider(block).0, &options, cache.as_ref());
            let made = warped(source.provider((16, 9)).0, by, &warp, cache.as_ref()).unwrap();
            for (level, right) in right.iter().enumerate() {
                let what =
                    format!("{validity:?} {dtype:?} {filter:?} {block:?} {budget:?} level {level}");
                compare(
                    &read(&made, level as u32, threads, &mut random),
                    right,
                    &what,
                );
            }
        }
    }
}

/// Level ground that rises with time, and what was read of it.
struct Rising {
    height: AtomicI64,
    decodes: AtomicU64,
    size: (u64, u64),
    block: (u64, u64),
    /// What is done in each decode.
    doing: Mutex<Option<Box<dyn Fn() + Send>>>,
    fails: AtomicU64,
}

impl Rising {
    fn new(block: (u64, u64)) -> Arc<Self> {
        Arc::new(Self {
            height: AtomicI64::new(8),
            decodes: AtomicU64::new(0),
            size: (60, 40),
            block,
            doing: Mutex::default(),
            fails: AtomicU64::new(0),
        })
    }

    fn image(&self) -> Image {
        let mut image = Image::new(self.size.0, self.size.1, 1, DType::I16);
        image.block = self.block;
        image
    }

    fn provider(self: &Arc<Self>, name: &str) -> Arc<dyn Provider> {
        let decoder = Box::new(Ground(self.clone()));
        Source::provider(Some(name), self.image(), decoder).unwrap()
    }

    fn decodes(&self) -> u64 {
        self.decodes.load(Ordering::SeqCst)
    }

    fn samples(&self, height: i64, into: &mut PixelsMut<'_>) {
        let rows = into.layout().shape.height;
        for y in 0..rows {
            for sample in into.row_mut(0, y).as_chunks_mut::<2>().0 {
                *sample = (height as i16).to_ne_bytes();
            }
        }
    }
}

struct Ground(Arc<Rising>);

impl Decoder for Ground {
    fn read_block(&self, _: Block, _: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.0.decodes.fetch_add(1, Ordering::SeqCst);
        if let Some(doing) = &*self.0.doing.lock().unwrap() {
            doing();
        }
        if self.0.fails.load(Ordering::SeqCst) > 0 {
            return Err(Error::from_source(31, "no ground"));
        }
        self.0.samples(self.0.height.load(Ordering::SeqCst), into);
        Ok(())
    }
}

/// A ramp of which each pixel says its column, seen over the ground.
fn seen(by: Arc<dyn Transform>, cache: Option<&Cache>) -> Arc<dyn Provider> {
    seen_so(by, false, cache)
}

/// The same, perhaps without interpolation of positions.
fn seen_so(by: Arc<dyn Transform>, exact: bool, cache: Option<&Cache>) -> Arc<dyn Provider> {
    let mut ramp = Picture::new(DType::F64, 200, 90, 1);
    for y in 0..90 {
        for x in 0..200 {
            ramp.set(0, x, y, [Value::F(x as f64 + 0.5); 2]);
        }
    }
    let options = WarpOptions {
        levels: Some(1),
        exact,
        ..size(Filter::Bilinear)
    };
    warped(ramp.provider((32, 32)).0, by, &options, cache).unwrap()
}

/// The height of the ground beneath a pixel of the output, as its shift tells.
fn height_seen(made: &dyn Provider) -> f64 {
    let tile = get_block(made, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    let (x, y) = (30, 20);
    let found = f64::from_ne_bytes(tile.row(0, y)[x * 8..][..8].try_into().unwrap());
    let (long, lat) = GROUND.apply(x as f64 + 0.5, y as f64 + 0.5);
    let column = |height: f64| scene().appears(long, lat, height).0;
    let height = (found - column(0.0)) / (column(1.0) - column(0.0));
    height.round()
}

fn ground_options() -> HeightOptions {
    HeightOptions {
        place: Some(Affine([6.0, 0.25, 0.0, 51.0, 0.0, -0.25])),
        ..HeightOptions::default()
    }
}

#[test]
fn what_is_warped_over_ground_that_changes_is_warped_anew() {
    for (name, has_cache, has_own) in [
        ("own", true, true),
        ("one", true, false),
        ("none", false, false),
    ] {
        let ground = Rising::new((16, 16));
        let raster = ground.provider(&format!("ground {name}"));
        let new_cache = || Cache::new(1 << 22, Options::default()).unwrap();
        let cache = has_cache.then(new_cache);
        let other = has_own.then(new_cache);
        let of_heights = other.as_ref().or(cache.as_ref());
        let made = seen(
            transform(raster.clone(), &ground_options(), of_heights),
            cache.as_ref(),
        );
        assert!(made.key().contains(raster.key()), "{}", made.key());
        assert_eq!(height_seen(&*made), 8.0, "{name}");
        ground.height.store(20, Ordering::SeqCst);
        if has_cache {
            assert_eq!(height_seen(&*made), 8.0, "{name}: nobody was told");
        }
        invalidate(raster.key());
        assert_eq!(height_seen(&*made), 20.0, "{name}");
        let Some(of_heights) = of_heights else {
            continue;
        };
        // What a caller puts is what everything shows.
        let shape = ground.image().block_shape(Block::new(0, 0, 0), 1).unwrap();
        for row in 0..3 {
            for col in 0..4 {
                let at = Block::new(0, row, col);
                let shape = ground.image().block_shape(at, 1).unwrap_or(shape);
                let layout = Layout::packed(shape, DType::I16).unwrap();
                let mut canvas = Request::new().canvas(layout).unwrap();
                ground.samples(33, &mut canvas.pixels_mut());
                let tile = Tile::from_canvas(canvas);
                of_heights
                    .put(raster.key(), at, &Bands::ALL, (*tile).clone())
                    .unwrap();
            }
        }
        assert_eq!(height_seen(&*made), 33.0, "{name}");
    }
}

#[test]
fn ground_that_changes_while_it_is_read_is_not_kept() {
    let ground = Rising::new((16, 16));
    let raster = ground.provider("ground in between");
    let (key, rising) = (raster.key().to_owned(), Arc::downgrade(&ground));
    // After the first block was read the ground rises, and the others tell so.
    *ground.doing.lock().unwrap() = Some(Box::new(move || {
        let ground = rising.upgrade().expect("the ground");
        if ground.decodes() == 2 {
            ground.height.store(20, Ordering::SeqCst);
            invalidate(&key);
        }
    }));
    let made = seen(transform(raster, &ground_options(), None), None);
    // Whatever this one is.
    height_seen(&*made);
    assert_eq!(height_seen(&*made), 20.0);
}

#[test]
fn blocks_of_heights_are_decoded_once_and_few_are_held() {
    let ground = Rising::new((8, 8));
    let raster = ground.provider("ground that is counted");
    let cache = Cache::new(1 << 22, Options::default()).unwrap();
    let of_heights = Cache::new(1 << 20, Options::default()).unwrap();
    let kept = cached(raster.clone(), &of_heights).unwrap();
    let most = Arc::new(AtomicU64::new(0));
    let (held, watched) = (most.clone(), of_heights.clone());
    *ground.doing.lock().unwrap() = Some(Box::new(move || {
        held.fetch_max(watched.statistics().held, Ordering::SeqCst);
    }));
    let made = seen_so(
        transform(raster, &ground_options(), Some(&of_heights)),
        true,
        Some(&cache),
    );
    let mut random = Random::new(61);
    read(&made, 0, 1, &mut random);
    // Sixty columns of a quarter of a degree from 6 on, of which the output lies over 6.5 to 18.5; rows likewise.
    let touched = |from: f64, until: f64| {
        let first = ((from * 4.0 - 0.5).floor() as u64) / 8;
        let last = ((until * 4.0 - 0.5).floor() as u64 + 1) / 8;
        last + 1 - first
    };
    let blocks = touched(0.5, 12.5) * touched(0.5, 9.5);
    let counted = ground.decodes();
    assert_eq!(counted, blocks);
    let counters = made.counters();
    assert!(counters.decodes > counted, "{counters:?}");
    let tile = get_block(&*kept, Block::new(0, 2, 2), &Bands::ALL).unwrap();
    let one = of_heights.statistics().held;
    drop(tile);
    // Beside the one that is decoded.
    let most = most.load(Ordering::SeqCst);
    assert!(most > 0 && most <= 3 * one, "{most} of {one}");
    let counted = ground.decodes();
    read(&made, 0, 4, &mut random);
    assert_eq!(ground.decodes(), counted);
}

#[test]
fn a_tile_that_nobody_wants_reads_no_more_ground() {
    for has_cache in [false, true] {
        let ground = Rising::new((8, 8));
        let raster = ground.provider("ground for nobody");
        let cancel = Arc::<Cancel>::default();
        let cancelled = cancel.clone();
        *ground.doing.lock().unwrap() = Some(Box::new(move || cancelled.cancel()));
        let cache = has_cache.then(|| Cache::new(1 << 20, Options::default()).unwrap());
        let made = seen(
            transform(raster, &ground_options(), cache.as_ref()),
            cache.as_ref(),
        );
        let wanted = reader(made.clone(), ReaderOptions::default(), cancel);
        let error = get_block(&*wanted, Block::new(0, 0, 0), &Bands::ALL).err();
        assert_eq!(error.map(|error| error.kind()), Some(Kind::Cancelled));
        assert_eq!(ground.decodes(), 1);
        *ground.doing.lock().unwrap() = None;
        assert_eq!(height_seen(&*made), 8.0);
        if let Some(cache) = cache {
            assert_eq!(cache.statistics().in_flight, 0);
        }
    }
}

#[test]
fn ground_that_fails_fails_its_tile_and_the_next_one_is_made() {
    let ground = Rising::new((16, 16));
    let by = transform(
        ground.provider("ground that fails"),
        &ground_options(),
        None,
    );
    let made = seen(by.clone(), None);
    ground.fails.store(1, Ordering::SeqCst);
    let error = get_block(&*made, Block::new(0, 0, 0), &Bands::ALL)
        .err()
        .expect("an error");
    assert_eq!((error.kind(), error.source_code()), (Kind::Source, 31));
    assert!(error.message().contains("no ground"), "{error}");
    let mut points = [Point::new(1.0, 1.0)];
    assert!(by.to_source(&mut points, &Request::new()).is_err());
    ground.fails.store(0, Ordering::SeqCst);
    assert_eq!(height_seen(&*made), 8.0);
}

#[test]
fn longitudes_are_told_once_more_around_the_world() {
    let ground = Rising::new((16, 16));
    let raster = ground.provider("ground around");
    let at = |first: f64, long: f64| {
        let place = Affine([first, 0.5, 0.0, 60.0, 0.0, -0.5]);
        let options = HeightOptions {
            place: Some(place),
            ..HeightOptions::default()
        };
        let map = Affine([long, 0.0, 0.0, 50.0, 0.0, 0.0]);
        let by = rpc_over(
            scene(),
            map,
            heights(raster.clone(), &options, None).unwrap(),
        )
        .unwrap();
        let mut points = [Point::new(0.0, 0.0)];
        by.to_source(&mut points, &Request::new()).unwrap();
        points[0].is_some()
    };
    // Thirty degrees of it, on both sides of the antimeridian.
    for (first, long, is_there) in [
        (170.0, 175.0, true),
        (170.0, -175.0, true),
        (170.0, 545.0, true),
        (170.0, 169.0, false),
        (170.0, -159.0, false),
        (-190.0, 175.0, true),
        (-190.0, -165.0, true),
        (-180.0, 180.0, true),
        (150.0, 180.0, true),
    ] {
        assert_eq!(at(first, long), is_there, "{long} from {first} on");
    }
}

#[test]
fn what_changes_heights_is_in_the_key() {
    let mut random = Random::new(62);
    let picture = hills(DType::I16, Validity::Nodata, &mut random);
    let mut other = picture.clone();
    other.nodata[0] = None;
    let named = |picture: &Picture| {
        let decoder = Box::new(Ground(Rising::new((8, 8))));
        Source::provider(Some("one name"), picture.image((8, 8)), decoder).unwrap()
    };
    let own = named(&picture);
    let of = |raster: &Arc<dyn Provider>, change: fn(&mut HeightOptions)| {
        let mut options = plain();
        change(&mut options);
        transform(raster.clone(), &options, None).key().to_owned()
    };
    let keys = [
        of(&own, |_| ()),
        of(&named(&other), |_| ()),
        of(&own, |options| options.band = 1),
        of(&own, |options| options.scale = 2.0),
        of(&own, |options| options.offset = 2.0),
        of(&own, |options| options.missing = Some(0.0)),
        of(&own, |options| options.missing = Some(1.0)),
        of(&own, |options| options.place = Some(GROUND)),
    ];
    let all: std::collections::BTreeSet<&String> = keys.iter().collect();
    assert_eq!(all.len(), keys.len(), "{keys:?}");
    assert!(
        keys.iter()
            .all(|key| !key.contains(['(', ')', ',', '@', '[', ']']))
    );
}

#[test]
fn heights_that_cannot_be_are_refused_with_what_is_wrong() {
    let ground = Rising::new((8, 8)).provider("ground to refuse");
    let refused = |raster: &Arc<dyn Provider>, options: &HeightOptions| {
        let error = heights(raster.clone(), options, None)
            .err()
            .expect("an error");
        (error.kind(), error.message().to_owned())
    };
    let with = |change: fn(&mut HeightOptions)| {
        let mut options = plain();
        change(&mut options);
        refused(&ground, &options)
    };
    let range = |text: &str| (Kind::Range, text.to_owned());
    assert_eq!(
        with(|options| options.band = 1),
        range("band 1 of an image with 1 bands")
    );
    assert_eq!(
        with(|options| options.scale = f64::INFINITY),
        range("the scale of heights is inf; it must be finite")
    );
    assert_eq!(
        with(|options| options.missing = Some(f64::NAN)),
        range("the missing value of heights is NaN; it must be finite")
    );
    let (kind, message) = with(|options| options.place = Some(Affine([0.0; 6])));
    assert_eq!(kind, Kind::Argument);
    assert!(
        message.contains("puts many pixels in one place"),
        "{message}"
    );
    let (kind, message) = refused(&ground, &HeightOptions::default());
    assert_eq!(kind, Kind::Argument);
    assert!(message.contains("does not say where it lies"), "{message}");
    let located = |epsg: u32| {
        let georef = Georef {
            transform: Some(PLACE),
            epsg: Some(epsg),
            ..Georef::default()
        };
        let sizes = [(60, 40)];
        georeferenced(ground.clone(), Some(Located::new(georef, &sizes))).unwrap()
    };
    assert!(heights(located(4326), &HeightOptions::default(), None).is_ok());
    let (kind, message) = refused(&located(32632), &HeightOptions::default());
    assert_eq!(kind, Kind::Unsupported);
    assert!(
        message.contains("projected system, EPSG:32632"),
        "{message}"
    );
    // Whoever says where it lies in degrees is believed.
    assert!(heights(located(32632), &plain(), None).is_ok());
    let complex = Picture::new(DType::CF32, 4, 4, 1).provider((4, 4)).0;
    let (kind, message) = refused(&complex, &plain());
    assert_eq!(
        (kind, &*message),
        (Kind::Unsupported, "heights of complex samples (cf32)")
    );
}
