//! Mosaics against what the whole image would be: every pixel, block and mask of random ones, in every way to read
//! them; what is opened, decoded and kept; and what changes with the parts.

mod files;
#[path = "../support/gdal.rs"]
mod gdal;
#[path = "../support/scale.rs"]
mod scale;
mod world;

use proptest::prelude::*;
use scale::scaled;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tilecache::cache::{Cache, Options, invalidate};
use tilecache::dtype::{DType, Sample};
use tilecache::error::{Error, Kind, Result};
use tilecache::image::{Bands, Block, Image};
use tilecache::layout::Shape;
use tilecache::memory::{PixelsMut, Target};
use tilecache::operator::{
    Map, MapOptions, Mosaic, Opening, Part as MosaicPart, RetileOptions, Source as PartSource,
    cached, level, mapped, mask, mosaic, retiled,
};
use tilecache::provider::{Provider, get_block, has_block};
use tilecache::tile::Pixels;
use tilecache::window::read_window;
use world::{Part, World};

fn cache(budget: u64) -> Cache {
    Cache::new(budget, Options::default()).unwrap()
}

fn image(size: (u64, u64), block: (u64, u64)) -> Image {
    let mut image = Image::new(size.0, size.1, 1, DType::U8);
    image.block = block;
    image
}

fn blocks(image: &Image, level: u32) -> Vec<Block> {
    let grid = image.grid(level);
    let cells = (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col)));
    let blocks = cells.map(|(row, col)| Block::new(level, row, col));
    blocks.filter(|at| !at.rect(image).is_empty()).collect()
}

/// A tile shows what the world has there, of these bands.
fn check_tile(
    world: &World,
    level: usize,
    tile: &Pixels,
    at: (u64, u64),
    bands: &[u32],
    what: &str,
) {
    let (columns, rows) = tile.valid();
    let size = world.image.dtype.size();
    let (width, _) = world.image.levels[level];
    for (place, band) in bands.iter().enumerate() {
        let plane = world.plane(level, *band);
        for y in 0..rows {
            let start = ((at.1 as usize + y) * width as usize + at.0 as usize) * size;
            let expected = &plane[start..start + columns * size];
            let got = &tile.row(place, y)[..columns * size];
            if got == expected {
                continue;
            }
            let x = (0..columns).find(|x| got[x * size..][..size] != expected[x * size..][..size]);
            let (x, y) = (at.0 + x.unwrap_or(0) as u64, at.1 + y as u64);
            panic!("{what}: band {band} of ({x}, {y}) at level {level}: {got:?}, not {expected:?}");
        }
    }
}

/// All blocks of all levels show what the world has, read by so many threads.
fn check(world: &World, made: &Arc<dyn Provider>, threads: usize, what: &str) {
    let image = made.image();
    let all: Vec<u32> = (0..image.band_count()).collect();
    for of in 0..image.levels.len() as u32 {
        let blocks = blocks(image, of);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (blocks, all) = (&blocks, &all);
                scope.spawn(move || {
                    for at in blocks
                        .iter()
                        .skip(thread * blocks.len() / threads)
                        .chain(blocks)
                    {
                        let tile = get_block(&**made, *at, &Bands::ALL).unwrap();
                        let rect = at.rect(image);
                        check_tile(world, of as usize, &tile, (rect.x, rect.y), all, what);
                    }
                });
            }
        });
    }
}

/// Whether blocks are there, and their absence, are exact at a level that is shown as an image.
fn check_absence(world: &World, of_level: &Arc<dyn Provider>, level: usize) {
    let image = of_level.image();
    for at in blocks(image, 0) {
        let expected = world.has_block(image, level, at);
        assert_eq!(
            has_block(&**of_level, at).unwrap(),
            expected,
            "{at} at level {level}"
        );
        let tile = get_block(&**of_level, at, &Bands::ALL).unwrap();
        assert_eq!(tile.is_absent(), !expected, "{at} at level {level}");
    }
}

fn check_mask(world: &World, made: &Arc<dyn Provider>) {
    let mask = mask(made.clone()).unwrap();
    for of in 0..made.image().levels.len() as u32 {
        for at in blocks(mask.image(), of) {
            let (tile, rect) = (
                get_block(&*mask, at, &Bands::ALL).unwrap(),
                at.rect(mask.image()),
            );
            for y in 0..rect.height {
                for x in 0..rect.width {
                    let is_data = world.is_data(of as usize, rect.x + x, rect.y + y);
                    let expected = if is_data { 255 } else { 0 };
                    assert_eq!(
                        tile.row(0, y as usize)[x as usize],
                        expected,
                        "mask at ({x}, {y}) of {at}"
                    );
                }
            }
        }
    }
}

/// A window, with what lies beyond the mosaic.
fn check_window(world: &World, made: &Arc<dyn Provider>, place: (i64, i64), size: (usize, usize)) {
    let sample = world.image.dtype.size();
    let mut pixels = vec![0xaa; size.0 * size.1 * sample];
    let (width, height) = size;
    let shape = Shape {
        width,
        height,
        bands: 1,
    };
    let row = width * sample;
    let strides = [sample, row, row * height].map(|stride| stride as isize);
    // SAFETY: the vector is as large as shape and strides say.
    let target = unsafe { Target::new(pixels.as_mut_ptr(), strides, shape, world.image.dtype) };
    read_window(made, place.0, place.1, 0, &[Some(0)], target).unwrap();
    let (width, height) = world.image.levels[0];
    for (at, got) in pixels.chunks_exact(sample).enumerate() {
        let (x, y) = (
            place.0 + (at % size.0) as i64,
            place.1 + (at / size.0) as i64,
        );
        let is_inside = (0..width as i64).contains(&x) && (0..height as i64).contains(&y);
        let expected = match is_inside {
            true => world.sample(0, x as u64, y as u64, 0),
            false => world.image.pad,
        };
        assert_eq!(
            got,
            expected.bytes(world.image.dtype),
            "window at ({x}, {y})"
        );
    }
}

struct Same;

impl Map for Same {
    fn map(&self, _at: Block, input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()> {
        input.copy_to(output);
        Ok(())
    }
}

/// Reads a mosaic in every way, with caches of several sizes.
fn check_world(world: &World, budget: Option<u64>, threads: usize) {
    let cache = budget.map(cache);
    let made = mosaic(world.mosaic(), cache.as_ref()).unwrap();
    let all = made.image().band_count();
    check(world, &made, threads, "mosaic");
    for of in 0..made.image().levels.len() as u32 {
        check_absence(world, &level(made.clone(), of).unwrap(), of as usize);
    }
    check_mask(world, &made);
    check_window(world, &made, (-5, -3), (40, 31));
    check_window(world, &made, (17, 40), (64, 90));
    for tile in [(48, 27), (300, 300)] {
        let options = RetileOptions {
            tile,
            pad_edges: false,
        };
        let tiles = retiled(made.clone(), &options, cache.as_ref()).unwrap();
        check(world, &tiles, threads, "retiled");
    }
    let options = MapOptions {
        pad: Some(world.image.pad),
        ..MapOptions::default()
    };
    let same = mapped(made.clone(), &options, Arc::new(Same), cache.as_ref()).unwrap();
    check(world, &same, 1, "mapped");
    // The last band and the first one, of every second block.
    let bands: Vec<u32> = (0..all).rev().collect();
    for at in blocks(made.image(), 0).into_iter().step_by(2) {
        let rect = at.rect(made.image());
        for bands in [&bands[..], &bands[..1]] {
            let tile = get_block(&*made, at, &Bands::of(bands, all)).unwrap();
            check_tile(world, 0, &tile, (rect.x, rect.y), bands, "some bands");
        }
    }
    if let Some(cache) = &cache {
        let now = cache.statistics();
        assert!(now.idle + now.held + now.reusable <= now.budget, "{now:?}");
        assert_eq!(
            (now.held, now.over_budget, now.in_flight),
            (0, 0, 0),
            "{now:?}"
        );
    }
    assert!(world.opener.open_now() <= world.max_open);
    drop(made);
}

fn part(levels: usize, dtype: DType, bands: u32) -> impl Strategy<Value = Part> {
    let step = 1i64 << (levels - 1);
    let place =
        (-40..130i64, -40..130i64).prop_map(move |(x, y)| (x / step * step, y / step * step));
    let size = prop_oneof![3 => (1..90u64, 1..90u64), 1 => Just((200, 200))];
    let block = prop::sample::select(vec![(16, 16), (7, 30), (64, 5), (500, 500)]);
    let other = if dtype == DType::F32 { f64::NAN } else { 150.0 };
    let nodata = prop_oneof![3 => Just(None), 1 => Just(Some(75.0)), 1 => Just(Some(other))];
    let nodata = prop::collection::vec(nodata, bands as usize);
    let absent = prop_oneof![2 => Just(0u64), 1 => Just(3), 1 => Just(7)];
    (
        place,
        size,
        block,
        nodata,
        any::<[bool; 3]>(),
        absent,
        any::<u64>(),
    )
        .prop_map(
            move |(place, size, block, nodata, [has_alpha, has_mask, is_late], absent, seed)| {
                Part {
                    name: String::new(),
                    place,
                    size,
                    block,
                    levels,
                    dtype,
                    bands,
                    seed,
                    nodata,
                    has_alpha: has_alpha && bands > 1,
                    has_mask: has_mask && seed % 2 == 0,
                    absent,
                    is_late,
                }
            },
        )
}

fn worlds() -> impl Strategy<Value = World> {
    let kind = (
        1..4usize,
        prop::sample::select(vec![DType::U8, DType::F32]),
        1..4u32,
    );
    let blocks = prop::sample::select(vec![(32, 32), (50, 20), (200, 200)]);
    (kind, blocks, 1..4usize, any::<bool>()).prop_flat_map(
        |((levels, dtype, bands), block, max_open, picks_bands)| {
            let parts = prop::collection::vec(part(levels, dtype, bands), 1..8);
            parts.prop_map(move |mut parts| {
                for (number, part) in parts.iter_mut().enumerate() {
                    part.name = format!("p{number}-{:x}", part.seed);
                }
                let mut image = Image::new(101, 93, bands, dtype);
                image.levels = (0..levels)
                    .map(|level| (101u64.div_ceil(1 << level), 93u64.div_ceil(1 << level)))
                    .collect();
                image.block = block;
                image.pad = Sample::from_f64(dtype, 9.0);
                image.bands_together = bands > 1 && !picks_bands;
                World::new(image, parts, max_open)
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: scaled(60), failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_mosaics_are_what_the_whole_image_would_be(
        world in worlds(),
        budget in prop::sample::select(vec![None, Some(5000), Some(1 << 20)]),
        threads in 1..4usize,
    ) {
        check_world(&world, budget, threads);
    }
}

/// A grid of parts without a gap, each opened when it is touched.
fn many(side: i64, max_open: usize) -> World {
    const PART: u64 = 64;
    let places = (0..side).flat_map(|row| (0..side).map(move |col| (row, col)));
    let parts = places.map(|(row, col)| Part {
        is_late: true,
        ..Part::plain(
            &format!("many{side} {row} {col}"),
            (col * PART as i64, row * PART as i64),
            (PART, PART),
            (row * side + col) as u64,
        )
    });
    let length = side as u64 * PART;
    World::new(
        image((length, length), (128, 128)),
        parts.collect(),
        max_open,
    )
}

#[test]
fn of_a_thousand_parts_those_are_opened_that_a_block_touches_and_few_stay_open() {
    let world = many(33, 5);
    let cache = cache(64 << 20);
    let made = mosaic(world.mosaic(), Some(&cache)).unwrap();
    assert_eq!(world.opener.all_opened(), 0);
    assert!(made.key().len() < 100, "{}", made.key());
    let at = Block::new(0, 3, 4);
    drop(get_block(&*made, at, &Bands::ALL).unwrap());
    assert_eq!(
        (world.opener.all_opened(), world.events.all_decodes()),
        (4, 16)
    );
    check(&world, &made, 3, "a thousand");
    assert!(world.opener.open_now() <= 5);
    assert_eq!(world.events.all_decodes(), 33 * 33 * 4);
    // Once in row order; three threads may come to a part at different times.
    assert!(
        world.opener.all_opened() < 2 * 33 * 33,
        "{}",
        world.opener.all_opened()
    );
    let before = world.opener.all_opened();
    check(&world, &made, 1, "again");
    assert_eq!(world.opener.all_opened(), before);
}

#[test]
fn what_is_hidden_is_neither_opened_nor_read() {
    let late = |name: &str, place, size, seed| Part {
        is_late: true,
        ..Part::plain(name, place, size, seed)
    };
    let parts = vec![
        late("hidden whole", (0, 0), (64, 64), 1),
        late("hidden by two", (10, 10), (50, 50), 2),
        late("half hidden", (0, 0), (128, 64), 3),
        late("left", (0, 0), (40, 64), 4),
        late("right", (40, 0), (24, 64), 5),
    ];
    let world = World::new(image((128, 64), (64, 64)), parts, 8);
    let made = mosaic(world.mosaic(), None).unwrap();
    let first = get_block(&*made, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    check_tile(&world, 0, &first, (0, 0), &[0], "hidden");
    let opened: Vec<u64> = world
        .opener
        .opened
        .iter()
        .map(|it| it.load(SeqCst))
        .collect();
    assert_eq!(opened, [0, 0, 0, 1, 1]);
    let second = get_block(&*made, Block::new(0, 0, 1), &Bands::ALL).unwrap();
    check_tile(&world, 0, &second, (64, 0), &[0], "beside");
    let opened: Vec<u64> = world
        .opener
        .opened
        .iter()
        .map(|it| it.load(SeqCst))
        .collect();
    assert_eq!(opened, [0, 0, 1, 1, 1]);
    // Of what is half hidden the blocks that are not.
    assert_eq!(world.events.decodes_of("half hidden"), 4);
}

#[test]
fn one_opaque_part_over_a_block_is_shown_without_a_copy() {
    let world = World::new(
        image((64, 64), (32, 32)),
        vec![Part::plain("alone", (0, 0), (64, 64), 7)],
        1,
    );
    let cache = cache(1 << 20);
    let mut given = world.mosaic();
    let below = cached(world::provider(&world.parts[0], &world.events), &cache).unwrap();
    given.parts[0].source = PartSource::Given(below.clone());
    let made = mosaic(given, Some(&cache)).unwrap();
    check(&world, &made, 1, "alone");
    let at = Block::new(0, 1, 1);
    let tiles = [&made, &below].map(|provider| get_block(&**provider, at, &Bands::ALL).unwrap());
    assert_eq!(tiles[0].start(), tiles[1].start());
    let now = cache.statistics();
    assert_eq!((now.entries, world.events.all_decodes()), (8, 4));
    assert!(
        now.idle + now.held < 4 * 1024 + 8 * 256 + 3 * 2048,
        "{now:?}"
    );
}

#[test]
fn gaps_cost_nothing() {
    let far = Part {
        is_late: true,
        ..Part::plain("far", (5000, 5000), (10, 10), 1)
    };
    let mut whole = image((1 << 40, 1 << 40), (1024, 1024));
    whole.pad = Sample::from_f64(DType::U8, 3.0);
    let world = World::new(whole, vec![far], 1);
    let cache = cache(1 << 20);
    let made = mosaic(world.mosaic(), Some(&cache)).unwrap();
    for n in 0..200 {
        let at = Block::new(0, 1 << 20, n << 22);
        assert!(!has_block(&*made, at).unwrap());
        let tile = get_block(&*made, at, &Bands::ALL).unwrap();
        assert!(tile.is_absent() && tile.row(0, 1023).iter().all(|sample| *sample == 3));
    }
    let now = cache.statistics();
    assert_eq!(
        (now.entries, now.idle, world.opener.all_opened()),
        (0, 0, 0)
    );
    assert!(has_block(&*made, Block::new(0, 4, 4)).unwrap());
}

#[test]
fn threads_that_want_a_part_open_it_once() {
    let parts = vec![Part {
        is_late: true,
        ..Part::plain("slow to open", (0, 0), (256, 256), 1)
    }];
    let world = World::new(image((256, 256), (32, 32)), parts, 1);
    *world.opener.delay.lock().unwrap() = Duration::from_millis(50);
    let made = mosaic(world.mosaic(), None).unwrap();
    check(&world, &made, 8, "eight threads");
    assert_eq!((world.opener.all_opened(), world.opener.open_now()), (1, 1));
    drop(made);
    assert_eq!(world.opener.open_now(), 0);
}

#[test]
fn a_part_that_cannot_be_opened_or_read_is_named_and_tried_again() {
    let parts = vec![
        Part::plain("below", (0, 0), (64, 64), 1),
        Part {
            is_late: true,
            ..Part::plain("above", (0, 0), (64, 64), 2)
        },
    ];
    let world = World::new(image((64, 64), (64, 64)), parts, 1);
    let made = mosaic(world.mosaic(), None).unwrap();
    world.opener.failures.store(2, SeqCst);
    let at = Block::new(0, 0, 0);
    for _ in 0..2 {
        let error = get_block(&*made, at, &Bands::ALL)
            .err()
            .expect("it is not opened");
        assert_eq!((error.kind(), error.source_code()), (Kind::Source, 5));
        assert!(
            error
                .message()
                .ends_with("part 1 of the mosaic: no such scene"),
            "{error}"
        );
    }
    check(&world, &made, 1, "opened at last");
}

/// A mosaic of parts that are opened as `others` have them.
struct Others(Vec<Arc<dyn Provider>>);

impl Opening for Others {
    fn open(&self, part: usize) -> Result<Arc<dyn Provider>> {
        Ok(self.0[part].clone())
    }
}

fn late(place: (i64, i64), size: (u64, u64), name: &str) -> MosaicPart {
    MosaicPart {
        place,
        size,
        source: PartSource::Later {
            key: format!("{name}:image:0"),
        },
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let events = Arc::default();
    let given = |part: &Part| MosaicPart {
        place: part.place,
        size: part.size,
        source: PartSource::Given(world::provider(part, &events)),
    };
    let fits = Part::plain("fits", (0, 0), (64, 64), 1);
    let make = |bad: MosaicPart, levels: u32| {
        let mut image = image((64, 64), (64, 64));
        image.levels = (0..levels)
            .map(|level| (64 >> level, 64 >> level))
            .collect();
        let mosaic_of = Mosaic {
            image,
            parts: vec![
                given(&Part {
                    levels: levels as usize,
                    ..fits.clone()
                }),
                bad,
            ],
            opening: None,
            max_open: 1,
        };
        mosaic(mosaic_of, None).err().expect("it is refused")
    };
    let floats = Part {
        dtype: DType::F32,
        ..fits.clone()
    };
    let two = Part {
        bands: 2,
        nodata: vec![None; 2],
        ..fits.clone()
    };
    let odd = Part {
        place: (1, 0),
        levels: 2,
        ..fits.clone()
    };
    let mut short = given(&fits);
    short.size.1 = 63;
    let mut far = given(&fits);
    far.place.1 = i64::MIN;
    for (bad, levels, kind, text) in [
        (
            given(&floats),
            1,
            Kind::Argument,
            "parts[1]: 1 bands of f32 in a mosaic of 1 bands of u8",
        ),
        (given(&two), 1, Kind::Argument, "parts[1]: 2 bands of u8"),
        (
            given(&fits),
            2,
            Kind::Argument,
            "parts[1]: the part has 1 levels, the mosaic 2",
        ),
        (
            given(&odd),
            2,
            Kind::Argument,
            "parts[1]: x is 1, which with so many levels must be a multiple of 2",
        ),
        (
            short,
            1,
            Kind::Argument,
            "parts[1]: 64 x 64 pixels where 64 x 63 were said",
        ),
        (far, 1, Kind::Range, "parts[1]: y is -9223372036854775808"),
        (
            late((0, 0), (4, 4), "x"),
            1,
            Kind::Argument,
            "parts[1]: no provider is given",
        ),
        (
            late((0, 0), (0, 4), "x"),
            1,
            Kind::Range,
            "parts[1]: an image of 0 x 4",
        ),
    ] {
        let error = make(bad, levels);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().starts_with(text), "{error}");
    }
    // What turns out to be another image when it is opened.
    let opened = world::provider(&floats, &events);
    let mosaic_of = Mosaic {
        image: image((64, 64), (64, 64)),
        parts: vec![late((0, 0), (64, 64), "x")],
        opening: Some(Arc::new(Others(vec![opened]))),
        max_open: 1,
    };
    let made = mosaic(mosaic_of, None).unwrap();
    let error = get_block(&*made, Block::new(0, 0, 0), &Bands::ALL)
        .err()
        .expect("it does not fit");
    assert_eq!(error.kind(), Kind::Argument);
    assert!(
        error
            .message()
            .ends_with("part 0 of the mosaic: 1 bands of f32 in a mosaic of 1 bands of u8"),
        "{error}"
    );
}

#[test]
fn a_mosaic_of_itself_is_refused_and_does_not_hang() {
    struct Itself(std::sync::Mutex<Option<Arc<dyn Provider>>>, bool);
    impl Opening for Itself {
        fn open(&self, _part: usize) -> Result<Arc<dyn Provider>> {
            let own = self.0.lock().unwrap().clone().expect("the mosaic");
            if self.1 {
                get_block(&*own, Block::new(0, 0, 0), &Bands::ALL)?;
            }
            Ok(own)
        }
    }
    for reads in [false, true] {
        let opening = Arc::new(Itself(Default::default(), reads));
        let mosaic_of = Mosaic {
            image: image((64, 64), (64, 64)),
            parts: vec![late((0, 0), (64, 64), &format!("itself {reads}"))],
            opening: Some(opening.clone()),
            max_open: 1,
        };
        let made = mosaic(mosaic_of, None).unwrap();
        *opening.0.lock().unwrap() = Some(made.clone());
        let error = get_block(&*made, Block::new(0, 0, 0), &Bands::ALL)
            .err()
            .expect("a circle");
        assert_eq!(error.kind(), Kind::Reentrant, "{error}");
        *opening.0.lock().unwrap() = None;
    }
}

#[test]
fn a_mosaic_of_mosaics_shows_what_lies_beneath_their_gaps() {
    // Two halves in each of two mosaics, one over the other, moved by some pixels.
    let of = |name: &str, places: [(i64, i64); 2], size| {
        Part::plain(name, places[0], size, places[1].0 as u64)
    };
    let all = [
        of("m0", [(0, 0), (1, 0)], (50, 60)),
        of("m1", [(70, 30), (2, 0)], (30, 30)),
        of("m2", [(10, 10), (3, 0)], (20, 70)),
        of("m3", [(45, 5), (4, 0)], (40, 40)),
    ];
    let flat = World::new(image((100, 80), (32, 32)), all.to_vec(), 1);
    let cache = cache(1 << 20);
    let inner = |parts: &[Part]| {
        let world = World::new(image((100, 80), (24, 24)), parts.to_vec(), 1);
        mosaic(world.mosaic(), Some(&cache)).unwrap()
    };
    let events = &flat.events;
    let inner = [inner(&all[..2]), inner(&all[2..])];
    let parts = inner.iter().map(|provider| MosaicPart {
        place: (0, 0),
        size: (100, 80),
        source: PartSource::Given(provider.clone()),
    });
    let outer = Mosaic {
        image: flat.image.clone(),
        parts: parts.collect(),
        opening: None,
        max_open: 1,
    };
    let outer = mosaic(outer, Some(&cache)).unwrap();
    check(&flat, &outer, 2, "nested");
    check_mask(&flat, &outer);
    assert_eq!(events.all_decodes(), 0);
}

/// A change of any part shows in the mosaic, in every cache, whether its key names its parts or not.
#[test]
fn a_mosaic_follows_the_change_of_any_part() {
    for count in [3, 60] {
        let part = |n: i64| Part {
            is_late: n % 2 == 0,
            levels: 2,
            ..Part::plain(
                &format!("follow {count} {n}"),
                (n * 16, 0),
                (16, 32),
                n as u64,
            )
        };
        let mut whole = image((count as u64 * 16, 32), (32, 32));
        whole.levels.push((count as u64 * 8, 16));
        let world = World::new(whole, (0..count).map(part).collect(), 2);
        let caches = [cache(1 << 20), cache(1 << 20)];
        let made = caches
            .each_ref()
            .map(|cache| mosaic(world.mosaic(), Some(cache)).unwrap());
        assert_eq!(made[0].key(), made[1].key());
        assert_eq!(
            made[0].key().contains("digest"),
            count > 30,
            "{}",
            made[0].key()
        );
        let options = RetileOptions {
            tile: (40, 40),
            pad_edges: false,
        };
        let tiles = retiled(made[0].clone(), &options, Some(&caches[1])).unwrap();
        let check_all = |what: &str| {
            made.iter().for_each(|made| check(&world, made, 1, what));
            check(&world, &tiles, 1, what);
        };
        for changed in [0, 1, 2] {
            check_all("before");
            let name = &world.parts[changed].name;
            world.events.change(name);
            invalidate(&format!("{name}:image:0"));
            check_all("after");
        }
        // A put into a part.
        let below = cached(world::provider(&world.parts[1], &world.events), &caches[0]).unwrap();
        let at = Block::new(0, 0, 0);
        let tile = get_block(&*below, at, &Bands::ALL).unwrap();
        let before = caches[0].statistics().counters.loads;
        check_all("nothing changed");
        assert_eq!(caches[0].statistics().counters.loads, before);
        let pixels = tile.pixels().clone();
        caches[0].put(below.key(), at, &Bands::ALL, pixels).unwrap();
        check_all("put");
        assert!(caches[0].statistics().counters.loads > before);
    }
}

/// What is kept of a mosaic that is gone follows its parts still, and so does a part with another key than was said.
#[test]
fn what_is_kept_after_a_mosaic_is_gone_is_forgotten_with_its_parts() {
    let parts: Vec<Part> = (0..60)
        .map(|n: i64| Part::plain(&format!("kept {n}"), (n * 16, 0), (16, 16), n as u64))
        .collect();
    let world = World::new(image((960, 16), (64, 16)), parts, 4);
    let cache = cache(1 << 20);
    let make = || {
        let opening = world
            .parts
            .iter()
            .map(|part| world::provider(part, &world.events));
        let parts = world
            .parts
            .iter()
            .map(|part| late(part.place, part.size, &format!("url of {}", part.name)));
        let mosaic_of = Mosaic {
            image: world.image.clone(),
            parts: parts.collect(),
            opening: Some(Arc::new(Others(opening.collect()))),
            max_open: 4,
        };
        mosaic(mosaic_of, Some(&cache)).unwrap()
    };
    let made = make();
    check(&world, &made, 1, "first");
    drop(made);
    let entries = cache.statistics().entries;
    assert!(entries > 0);
    let before = world.events.all_decodes();
    check(&world, &make(), 1, "kept");
    assert_eq!(world.events.all_decodes(), before);
    world.events.change("kept 7");
    invalidate("kept 7:image:0");
    assert_eq!(cache.statistics().entries, 0);
    let made = make();
    check(&world, &made, 1, "changed");
    drop(made);
    world.events.change("kept 8");
    invalidate("url of kept 8:image:0");
    check(&world, &make(), 1, "changed by the key that was said");
}

#[test]
fn mosaics_share_tiles_where_parts_and_places_are_the_same() {
    let parts = |shift: i64| -> Vec<Part> {
        let part = |n: i64| {
            Part::plain(
                &format!("share {n}"),
                (n * 16 + shift, 0),
                (16, 16),
                n as u64,
            )
        };
        (0..4).map(part).collect()
    };
    let world = |shift, pad| {
        let mut image = image((64, 16), (64, 16));
        image.pad = Sample::from_f64(DType::U8, pad);
        World::new(image, parts(shift), 1)
    };
    let cache = cache(1 << 20);
    let mut keys = HashMap::new();
    for (shift, pad, name) in [(0, 0.0, "a"), (0, 0.0, "a"), (1, 0.0, "b"), (0, 1.0, "c")] {
        let world = world(shift, pad);
        let made = mosaic(world.mosaic(), Some(&cache)).unwrap();
        check(&world, &made, 1, name);
        let known = keys.insert(name, made.key().to_owned());
        assert!(known.as_ref().is_none_or(|known| known == made.key()));
        assert_eq!(world.events.all_decodes() == 0, known.is_some());
    }
    assert_eq!(keys.len(), 3);
    assert_eq!(
        keys.values()
            .collect::<std::collections::HashSet<_>>()
            .len(),
        3
    );
    assert_eq!(cache.statistics().entries, 3);
}

/// The error of a part's decoder comes through with the number of the part.
#[test]
fn a_late_part_that_cannot_be_read_is_opened_anew() {
    struct Torn;
    impl tilecache::source::Decoder for Torn {
        fn read_block(&self, _: Block, _: &[u32], _: &mut PixelsMut<'_>) -> Result<()> {
            Err(Error::from_source(9, "torn"))
        }
    }
    struct Opens(std::sync::atomic::AtomicU64);
    impl Opening for Opens {
        fn open(&self, _: usize) -> Result<Arc<dyn Provider>> {
            match self.0.fetch_add(1, SeqCst) {
                0 | 1 => {
                    let torn = Box::new(Torn);
                    tilecache::source::Source::provider(Some("torn"), image((8, 8), (8, 8)), torn)
                }
                _ => Ok(world::provider(
                    &Part::plain("torn", (0, 0), (8, 8), 3),
                    &Arc::default(),
                )),
            }
        }
    }
    let opens = Arc::new(Opens(Default::default()));
    let mosaic_of = Mosaic {
        image: image((8, 8), (8, 8)),
        parts: vec![late((0, 0), (8, 8), "torn")],
        opening: Some(opens.clone()),
        max_open: 1,
    };
    let made = mosaic(mosaic_of, None).unwrap();
    for n in 1..3 {
        let error = get_block(&*made, Block::new(0, 0, 0), &Bands::ALL)
            .err()
            .expect("torn");
        assert_eq!((error.kind(), error.source_code()), (Kind::Source, 9));
        assert!(
            error.message().contains("part 0 of the mosaic: torn"),
            "{error}"
        );
        assert_eq!(opens.0.load(SeqCst), n);
    }
    assert!(get_block(&*made, Block::new(0, 0, 0), &Bands::ALL).is_ok());
}
