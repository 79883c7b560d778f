//! Levels that an image does not have: the same bits as the rules give over the whole image, however they are read.

mod gdal;
mod picture;
mod pyramids;
mod random;
mod reading;
mod reference;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/gdal.rs"]
mod support_gdal;
mod threads;
mod ways;

use picture::Picture;
use random::{Random, Validity};
use reading::{read, read_in};
use reference::{Side, halved, reduced};
use tilecache::dtype::DType;
use tilecache::image::Bands;
use tilecache::operator::{LevelOptions, Size, downsampled};
use tilecache::resample::Filter;
use ways::{BLOCKS, Way, is_full, is_wanted, ways_and_bands};

/// Names the first sample that is not as it should be.
fn compare(made: &[u8], right: &Picture, what: &str) {
    let bytes = right.bytes();
    assert_eq!(made.len(), bytes.len(), "{what}");
    let size = right.dtype.part().size();
    let pairs = made.chunks_exact(size).zip(bytes.chunks_exact(size));
    for (at, (made, wanted)) in pairs.enumerate() {
        let [found, wanted] = [made, wanted].map(|bytes| {
            let mut sample = tilecache::dtype::Sample::default();
            sample.0[..size].copy_from_slice(bytes);
            (sample.0, sample.to_f64(right.dtype.part()))
        });
        let pixel = at / right.dtype.parts();
        let (width, height) = (right.width as usize, right.height as usize);
        let (x, y, band) = (
            pixel % width,
            pixel / width % height,
            pixel / width / height,
        );
        assert!(
            found.0 == wanted.0,
            "{what}: {} instead of {} at column {x}, row {y} of band {band}",
            found.1,
            wanted.1
        );
    }
}

fn options(way: &Way, filter: Filter) -> LevelOptions {
    LevelOptions {
        filter: Some(filter),
        tile: way.tile,
        ..LevelOptions::default()
    }
}

fn is_possible(filter: Filter, dtype: DType) -> bool {
    use Filter::*;
    !dtype.is_complex() || !matches!(filter, Mode | Min | Max | Median | Rms)
}

/// Whether sums are what the reference makes them: alpha times whole numbers of 64 bits is too large for it.
fn is_exact(dtype: DType, validity: Validity) -> bool {
    let has_alpha = matches!(validity, Validity::Alpha | Validity::Everything);
    dtype.part().size() < 8 || dtype == DType::F64 || !has_alpha
}

/// Halves a picture as often as said by the reference and by the library, in some ways.
fn check(picture: &Picture, filter: Filter, times: u32, ways: usize, random: &mut Random) {
    let mut right = picture.clone();
    for of in 1..=times {
        right = halved(&right, filter);
        for _ in 0..ways {
            let way = Way::any(random);
            let (source, _) = picture.provider(way.block);
            let cache = way.cache();
            let options = options(&way, filter);
            let made = downsampled(source, Size::Halved(of), &options, cache.as_ref()).unwrap();
            let what = format!(
                "{} {} {}x{} level {of}: blocks {:?} tiles {:?} budget {:?}",
                filter.name(),
                picture.dtype.name(),
                picture.width,
                picture.height,
                way.block,
                way.tile,
                way.budget
            );
            let pixels = read(&made, 0, way.threads, random);
            compare(&pixels, &right, &what);
            if let Some(mask) = &right.mask {
                let mask: Vec<u8> = mask.iter().map(|data| u8::from(*data) * 255).collect();
                let of_level = made.mask().expect("a mask");
                assert!(read(&of_level, 0, 1, random) == mask, "the mask of {what}");
            }
        }
    }
}

#[test]
fn every_level_is_what_the_rules_make_of_the_whole_image() {
    let mut random = Random::new(1);
    for filter in Filter::ALL {
        for dtype in DType::ALL {
            if !is_possible(filter, *dtype) {
                continue;
            }
            for validity in Validity::ALL {
                if !is_exact(*dtype, validity) {
                    continue;
                }
                let sides = [1, 2, 3, 5, 12, 31, 46, 61];
                let size = (random.one_of(&sides), random.one_of(&sides));
                let bands = random.one_of(&[1, 2, 3]);
                let picture = random::picture(*dtype, size, bands, validity, &mut random);
                check(&picture, filter, 3, 1, &mut random);
            }
        }
    }
}

/// The sides of the steps from one size to another.
fn sides(picture: &Picture, (width, height): (i64, i64)) -> Vec<(Side, Side)> {
    let (mut now, mut all) = ((picture.width, picture.height), Vec::new());
    while now != (width, height) {
        let halves = |from: i64, to: i64| (from + 1) / 2 >= to;
        let shrinks = |from: i64, to: i64| halves(from, to) && from > to;
        let is_half = shrinks(now.0, width) || shrinks(now.1, height);
        let side = |from: i64, to: i64| match (is_half, from == to) {
            (true, _) if halves(from, to) => Side::Half,
            (true, _) | (false, true) => Side::Kept,
            (false, false) => Side::Even(to),
        };
        let step = (side(now.0, width), side(now.1, height));
        let length = |side, from: i64, to: i64| match side {
            Side::Kept => from,
            Side::Half => (from + 1) / 2,
            Side::Even(_) => to,
        };
        now = (length(step.0, now.0, width), length(step.1, now.1, height));
        all.push(step);
    }
    all
}

#[test]
fn any_size_is_made_by_halvings_and_one_step_more() {
    let mut random = Random::new(2);
    for filter in Filter::ALL {
        for round in 0..30 {
            let dtype = random.one_of(DType::ALL);
            let validity = Validity::ALL[round % 6];
            if filter == Filter::Sips || !is_possible(filter, dtype) || !is_exact(dtype, validity) {
                continue;
            }
            let (width, height) = (1 + random.below(60) as i64, 1 + random.below(60) as i64);
            let picture = random::picture(dtype, (width, height), 2, validity, &mut random);
            let to = (
                1 + random.below(width as u64) as i64,
                1 + random.below(height as u64) as i64,
            );
            let steps = sides(&picture, to);
            let right = steps
                .iter()
                .fold(picture.clone(), |of, sides| reduced(&of, filter, *sides));
            for _ in 0..2 {
                let way = Way::any(&mut random);
                let cache = way.cache();
                let (source, _) = picture.provider(way.block);
                let size = Size::Pixels(to.0 as u64, to.1 as u64);
                let made =
                    downsampled(source, size, &options(&way, filter), cache.as_ref()).unwrap();
                let pixels = read(&made, 0, way.threads, &mut random);
                let name = (filter.name(), dtype.name());
                let what = format!("{name:?} {width}x{height} to {to:?} by {steps:?}, {way:?}");
                compare(&pixels, &right, &what);
            }
        }
    }
}

/// Of one type for each filter each pair of values of a way comes together. By TILECACHE_FULL_PRODUCT all values come
/// with all others, for every type, over an image of half the sides.
#[test]
fn an_image_of_three_hundred_pixels_is_the_same_in_every_way() {
    let mut random = Random::new(3);
    let mut usual = [DType::U8, DType::F32, DType::U16, DType::I16]
        .into_iter()
        .cycle();
    let mut runs = 0;
    for filter in Filter::ALL {
        let usual = [usual.next().unwrap()];
        if !is_wanted(filter) {
            continue;
        }
        let (dtypes, size) = match is_full() {
            true => (DType::ALL, (151, 143)),
            false => (&usual[..], (301, 283)),
        };
        for dtype in dtypes.iter().filter(|of| is_possible(filter, **of)) {
            let validity = match is_exact(*dtype, Validity::Everything) {
                true => Validity::Everything,
                false => Validity::Mask,
            };
            let picture = random::picture(*dtype, size, 2, validity, &mut random);
            let right = halved(&halved(&picture, filter), filter);
            runs += check_ways(&picture, &right, filter, &mut random);
            if is_full() {
                println!("{} {}: {runs} runs", filter.name(), dtype.name());
            }
        }
    }
}

/// Reads the second halving of a picture in all ways; returns how many there were.
fn check_ways(picture: &Picture, right: &Picture, filter: Filter, random: &mut Random) -> u64 {
    let sources = BLOCKS.map(|block| (block, picture.provider(block).0));
    let bytes = right.bytes();
    let mut runs = 0;
    for (way, bands) in ways_and_bands() {
        let cache = way.cache();
        let source = sources.iter().find(|(block, _)| *block == way.block);
        let source = source.map(|(_, source)| source.clone()).expect("a source");
        let options = options(&way, filter);
        let made = downsampled(source, Size::Halved(2), &options, cache.as_ref()).unwrap();
        let found = read_in(&made, 0, &way, &Bands::of(bands, 2), random);
        let of_band = bytes.len() / 2;
        for (found, band) in found.chunks_exact(of_band).zip(bands) {
            if *found != bytes[*band as usize * of_band..][..of_band] {
                let what = format!("{} {} {way:?}", filter.name(), right.dtype.name());
                compare(&read(&made, 0, 1, random), right, &what);
                panic!("{what}: band {band} of {bands:?}, in this order alone");
            }
        }
        runs += 1;
    }
    runs
}
