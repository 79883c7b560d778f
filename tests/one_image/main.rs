//! One key, one image: whatever is asked for, and however it comes about, a pixel has one value.
//!
//! Files of every format are read by block, by window, by level and retiled, without a cache and with
//! ones of a tight and a wide budget, in random order, by one thread and by several. Everything is
//! compared with one reading of the whole, and that with another reader.

#[path = "../support/gdal.rs"]
mod gdal;
mod random;
mod ways;

use gdal::worst_difference;
use random::Random;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tilecache::dtype::DType;
use tilecache::geometry::Rect;
use tilecache::provider::Provider;
use tilecache::source::file;
use ways::{Whole, window};

/// The files, made once by the script beside this test; removed by the next run.
fn made() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| gdal::make("tests/one_image/make.py"))
}

/// One level as another reader has it.
struct Level {
    size: (u64, u64),
    bands: u32,
    dtype: String,
    tolerance: f64,
    raw: PathBuf,
}

/// The levels of each image of each file, from the full one on.
fn subjects() -> BTreeMap<(String, u32), Vec<Level>> {
    let mut subjects = BTreeMap::<_, Vec<Level>>::new();
    for line in gdal::manifest(made()) {
        let [
            file,
            image,
            kind,
            level,
            width,
            height,
            bands,
            dtype,
            tolerance,
            raw,
        ] = &line[..]
        else {
            panic!("{line:?}");
        };
        if kind != "pixels" {
            continue;
        }
        let number = |text: &String| text.parse::<u64>().expect("a number");
        let levels = subjects.entry((file.clone(), number(image) as u32));
        let levels = levels.or_default();
        assert_eq!(number(level), levels.len() as u64, "{line:?}");
        levels.push(Level {
            size: (number(width), number(height)),
            bands: number(bands) as u32,
            dtype: dtype.clone(),
            tolerance: tolerance.parse().expect("a number"),
            raw: made().join(raw),
        });
    }
    subjects
}

/// The whole image by one window of each level, after a comparison with the other reader.
fn whole(name: &str, source: &Arc<dyn Provider>, levels: &[Level]) -> Whole {
    let image = source.image();
    assert_eq!(image.levels.len(), levels.len(), "{name}: levels");
    let all: Vec<u32> = (0..image.band_count()).collect();
    let pixels = (0..).zip(levels).map(|(number, level)| {
        let what = format!("{name}, level {number}");
        assert_eq!(image.levels[number as usize], level.size, "{what}");
        assert_eq!(image.band_count(), level.bands, "{what}");
        assert_eq!(image.dtype.name(), level.dtype, "{what}");
        let (width, height) = level.size;
        let got = window(source, number, Rect::new(0, 0, width, height), &all);
        let expected = std::fs::read(&level.raw).expect("the expected samples");
        let difference = difference(image.dtype, &got, &expected);
        assert!(
            difference <= level.tolerance,
            "{what} differs by {difference}"
        );
        got
    });
    Whole::new(name, image, pixels.collect())
}

/// The largest difference, of either part of complex samples.
fn difference(dtype: DType, a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    worst_difference(dtype.part(), a, b)
}

/// Reads the files of some formats in every way.
fn check(formats: &[&str]) {
    let mut count = 0;
    for ((file, index), levels) in subjects() {
        if !formats.iter().any(|format| file.ends_with(format)) {
            continue;
        }
        let name = format!("{file} image {index}");
        let source = file::open(&made().join(&file), index, None);
        let source = source.unwrap_or_else(|error| panic!("{name}: {error}"));
        let whole = whole(&name, &source, &levels);
        ways::all(&source, &whole, &mut Random::of(&name));
        count += 1;
    }
    assert!(count >= 8, "only {count} images");
}

#[test]
fn tiff_is_one_image() {
    check(&[".tif"]);
}

#[test]
fn pictures_are_one_image() {
    check(&[".png", ".jpg"]);
}

#[test]
fn jpeg_2000_is_one_image() {
    check(&[".j2k", ".jp2", ".j2c"]);
}

#[test]
fn nitf_is_one_image() {
    check(&[".ntf"]);
}
