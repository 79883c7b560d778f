//! PNG and JPEG files written by GDAL and by an independent writer, compared with what GDAL reads from
//! them, damaged in many ways, and read under difficulties.

mod damage;
#[path = "../support/damage.rs"]
mod damaged;
#[path = "../support/gdal.rs"]
mod gdal;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use tilecache::bytes::{Bytes, MemoryBytes};
use tilecache::cache::{Cache, Options};
use tilecache::error::{Error, Kind, Result};
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file::{self, Choice};

/// The files, made once by the script beside this test.
fn made() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| gdal::make("tests/pictures/make.py"))
}

/// The lines of the manifest with `what` behind the file.
fn manifest(what: &str) -> Vec<(String, Vec<String>)> {
    let lines = gdal::manifest(made()).into_iter();
    let fits = |line: &Vec<String>| line[1] == what;
    let lines: Vec<_> = lines
        .filter(fits)
        .map(|line| (line[0].clone(), line[2..].to_vec()))
        .collect();
    assert!(!lines.is_empty(), "nothing of {what} in the manifest");
    lines
}

fn open(name: &str) -> Arc<dyn Provider> {
    file::open(&made().join(name), 0, None).unwrap_or_else(|error| panic!("{error}"))
}

/// The pixels of the only block, band by band without gaps.
fn pixels(image: &dyn Provider, bands: &Bands) -> Result<Vec<u8>> {
    let said = image.image();
    assert_eq!((said.levels.len(), said.block), (1, said.levels[0]));
    let tile = get_block(image, Block::new(0, 0, 0), bands)?;
    let mut all = Vec::new();
    for band in 0..bands.count(said.band_count()) {
        for y in 0..said.height() as usize {
            all.extend_from_slice(tile.row(band, y));
        }
    }
    Ok(all)
}

#[test]
fn every_file_reads_as_gdal_reads_it() {
    let mut wrong = Vec::new();
    let lines = gdal::manifest(made());
    let full = |line: &&Vec<String>| line.len() == 10 && line[2] == "pixels" && line[3] == "0";
    let lines: Vec<_> = lines.iter().filter(full).collect();
    for line in &lines {
        let [file, _, _, _, width, height, bands, dtype, tolerance, raw] = &line[..] else {
            panic!("{line:?}");
        };
        let image = open(file);
        let said = image.image();
        let (w, h, count) = (said.width(), said.height(), said.band_count());
        let is = format!("{w} {h} {count} {}", said.dtype.name());
        assert_eq!(is, format!("{width} {height} {bands} {dtype}"), "{file}");
        let got = pixels(&*image, &Bands::ALL).unwrap_or_else(|error| panic!("{error}"));
        let expected = std::fs::read(made().join(raw)).expect("the expected samples");
        let difference = gdal::worst_difference(said.dtype, &got, &expected);
        if difference > tolerance.parse().expect("a number") {
            wrong.push(format!("{file} differs by {difference}"));
        }
        let plane = got.len() / count as usize;
        let picked: Vec<u32> = (0..count).rev().step_by(2).chain([0]).collect();
        let some = pixels(&*image, &Bands::of(&picked, count)).expect(file);
        let planes = picked.iter().map(|band| *band as usize * plane);
        let planes: Vec<u8> = planes.flat_map(|at| got[at..at + plane].to_vec()).collect();
        assert!(some == planes, "{file} differs in bands {picked:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lines.len() > 210, "{} files compared", lines.len());
}

#[test]
fn images_are_described() {
    for (file, words) in manifest("describe") {
        let [colours, bits, nodata] = &words[..] else {
            panic!("{words:?}");
        };
        let image = open(&file);
        let said = image.image();
        let shown: Vec<String> = (said.bands.iter())
            .map(|band| format!("{:?}", band.colour))
            .collect();
        assert_eq!(shown.join(","), *colours, "{file}");
        assert_eq!(said.bits.to_string(), *bits, "{file}");
        let values: Vec<String> = (said.bands.iter())
            .filter_map(|band| Some(band.nodata?.to_f64(said.dtype).to_string()))
            .collect();
        let values = values.join(",");
        let has = if values.is_empty() { "none" } else { &values };
        assert_eq!(has, nodata, "{file}");
    }
    for (file, words) in manifest("meta") {
        let image = open(&file);
        let found = image.image().metadata.get(&(None, words[0].clone()));
        let expected = words[1].replace('/', "\n");
        let expected = if words[0] == "PNG_PLTE" {
            &expected
        } else {
            &words[1]
        };
        assert_eq!(found, Some(expected), "{file} {}", words[0]);
    }
    let chunks = open("chunks.png");
    let names = chunks.image().metadata.keys();
    assert!(
        !names.clone().any(|(_, name)| name == "Broken"),
        "{names:?}"
    );
}

#[test]
fn the_only_image_is_the_first() {
    for name in ["gdal-u8-3.png", "gdal-said.jpg"] {
        let path = made().join(name);
        assert_eq!(file::image_count(&path).expect("a count"), 1);
        let error = file::open(&path, 1, None).map(drop).expect_err("an error");
        assert_eq!(error.kind(), Kind::NotFound, "{error}");
        let image = open(name);
        let format = image.image().format.expect("a format");
        let format = format.to_str().expect("text");
        assert!(name.ends_with(if format == "PNG" { "png" } else { "jpg" }));
        let place = format!("{}: {format}: image 1", path.display());
        assert!(error.message().starts_with(&place), "{error}");
    }
}

#[test]
fn all_tiles_of_a_picture_are_one_decode() {
    for name in ["gdal-u16-4.png", "jpeg-3-301-PROGRESSIVEYES.jpg"] {
        let image = open(name);
        let cache = Cache::new(64 << 20, Options::default()).expect("a cache");
        let options = RetileOptions {
            tile: (32, 32),
            pad_edges: false,
        };
        let tiles = retiled(image.clone(), &options, Some(&cache)).expect("tiles");
        let grid = tiles.image().grid(0);
        let whole = get_block(&*image, Block::new(0, 0, 0), &Bands::ALL).expect("pixels");
        for row in 0..grid.rows() {
            for col in 0..grid.cols() {
                let tile =
                    get_block(&*tiles, Block::new(0, row, col), &Bands::ALL).expect("a tile");
                let rect = grid.rect(row, col);
                let size = image.image().dtype.size();
                let from = rect.x as usize * size;
                for y in 0..rect.height as usize {
                    let row = &whole.row(1, rect.y as usize + y)[from..];
                    assert_eq!(tile.row(1, y), &row[..rect.width as usize * size]);
                }
            }
        }
        // One for the tiles, and one for what they are compared with.
        assert_eq!(image.counters().decodes, 2, "{name}");
    }
}

#[test]
fn a_change_under_a_reader_is_seen() {
    for name in ["gdal-u8-3.png", "jpeg-3-301-QUALITY95.jpg"] {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("changing-{name}"));
        std::fs::copy(made().join(name), &path).expect("a copy");
        let image = file::open(&path, 0, None).expect("the file");
        pixels(&*image, &Bands::ALL).expect("pixels");
        let other = std::fs::OpenOptions::new().write(true).open(&path);
        other
            .and_then(|file| file.set_len(500))
            .expect("a truncation");
        let error = pixels(&*image, &Bands::ALL).expect_err("an error");
        assert_eq!(error.kind(), Kind::Changed, "{error}");
    }
}

#[test]
fn many_threads_read_one_picture() {
    for name in ["png-6-16-301-1.png", "jpeg-3-301-PROGRESSIVEYES.jpg"] {
        let image = open(name);
        let expected = pixels(&*image, &Bands::ALL).expect("pixels");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert!(pixels(&*image, &Bands::ALL).expect("pixels") == expected));
            }
        });
    }
}

/// A file of a caller's, of which a read fails when the count has come to 0.
struct Failing(MemoryBytes, AtomicI64);

impl Bytes for Failing {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        match self.1.fetch_sub(1, Ordering::Relaxed) {
            ..=0 => Err(Error::from_source(7, "the line is cut")),
            _ => self.0.read_at(offset, into),
        }
    }

    fn identity(&self) -> Option<String> {
        None
    }
}

#[test]
fn reads_are_few_and_their_failures_come_through() {
    for name in [
        "png-6-8-301-1.png",
        "gdal-u16-4.png",
        "jpeg-3-301-QUALITY95.jpg",
    ] {
        let whole = std::fs::read(made().join(name)).expect(name);
        let read = |reads| {
            let bytes = MemoryBytes::new(whole.clone());
            let bytes = Arc::new(Failing(bytes, AtomicI64::new(reads)));
            let image = file::open_bytes(bytes.clone(), &Choice::default())?;
            pixels(&*image, &Bands::ALL)?;
            Ok(reads - bytes.1.load(Ordering::Relaxed))
        };
        // What the file is, what stands before the pixels, and all the rest.
        let taken = read(1000).unwrap_or_else(|error: Error| panic!("{error}"));
        assert!(taken <= 3, "{name} takes {taken} reads");
        for reads in 0..taken {
            let error = read(reads).expect_err(name);
            assert_eq!((error.kind(), error.source_code()), (Kind::Source, 7));
            assert!(error.message().ends_with("the line is cut"), "{error}");
        }
    }
}
