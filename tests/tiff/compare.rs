//! Pixels and descriptions as GDAL gives them.

use super::gdal::{self, worst_difference};
use super::support::*;
use std::collections::BTreeMap;
use tilecache::dtype::DType;
use tilecache::error::{Kind, Result};
use tilecache::geometry::Rect;
use tilecache::image::{Block, Colour};
use tilecache::source::tiff::{TiffDecoder, TiffImage};
use tilecache::source::{Decoder, file};

fn levels<'a>(image: &'a TiffImage, kind: &str) -> &'a [TiffDecoder] {
    if kind == "mask" {
        &image.masks
    } else {
        &image.levels
    }
}

#[test]
fn every_file_reads_as_gdal_reads_it() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    let mut counts = BTreeMap::new();
    for line in manifest() {
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
            continue;
        };
        let result = (|| -> Result<String> {
            let image = open(&made().join(file))?.image(image.parse().expect("an index"))?;
            let of_kind = levels(&image, kind);
            let key = (file.clone(), kind.clone());
            *counts.entry(key).or_insert(0) = of_kind.len();
            let Some(decoder) = of_kind.get(level.parse::<usize>().expect("a level")) else {
                return Ok(format!("has only {} levels", of_kind.len()));
            };
            let said = decoder.image();
            let is = format!(
                "{} {} {} {}",
                said.width(),
                said.height(),
                said.band_count(),
                said.dtype.name()
            );
            if is != format!("{width} {height} {bands} {dtype}") {
                return Ok(format!("is {is}"));
            }
            let expected = std::fs::read(made().join(raw)).expect("the expected samples");
            let all: Vec<u32> = (0..said.band_count()).collect();
            let got = read_all(decoder, &all)?;
            let difference = worst_difference(said.dtype, &got, &expected);
            if difference > tolerance.parse().expect("a number") {
                return Ok(format!("differs by {difference}"));
            }
            if read_packed(decoder, &all)? != got {
                return Ok("differs when read block by block".into());
            }
            let some: Vec<u32> = all.iter().rev().step_by(2).copied().collect();
            let whole = Rect::new(0, 0, said.width(), said.height());
            if read_packed(decoder, &some)? != cut(&got, decoder, &whole, &some) {
                return Ok(format!("differs in bands {some:?}"));
            }
            let inner = Rect::new(
                said.width() / 4,
                said.height() / 3,
                said.width().div_ceil(2),
                said.height().div_ceil(2),
            );
            for bands in [&all, &some] {
                let window = pixels(shape(&inner, bands.len()), said.dtype, |into| {
                    decoder.read_window(0, inner, bands, into)
                })?;
                if window != cut(&got, decoder, &inner, bands) {
                    return Ok(format!("differs in a window of bands {bands:?}"));
                }
            }
            Ok(String::new())
        })();
        compared += 1;
        let complaint = result.unwrap_or_else(|error| error.message().to_owned());
        if !complaint.is_empty() {
            wrong.push(format!(
                "{file} image {image} {kind} level {level} {complaint}"
            ));
        }
    }
    assert!(compared > 800, "only {compared} sets of pixels");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for ((file, kind), count) in counts {
        let named = manifest()
            .iter()
            .filter(|line| line[0] == file && line[2] == kind)
            .count();
        let several = manifest()
            .iter()
            .any(|line| line[0] == file && line[2] != kind && line.len() == 3);
        assert!(
            several || count <= named,
            "{file} has {count} levels of {kind}, GDAL {named}"
        );
    }
}

#[test]
fn counts_metadata_and_what_is_not_read() {
    for line in manifest() {
        let fields: Vec<&str> = line.iter().map(String::as_str).collect();
        match fields[..] {
            [file, "count", count] => {
                let file_count = open(&made().join(file)).expect(file).image_count();
                assert_eq!(file_count.to_string(), count, "{file}");
            }
            [file, "meta", band, name, value] => {
                let image = open(&made().join(file))
                    .and_then(|f| f.image(0))
                    .expect(file);
                let metadata = &image.levels[0].image().metadata;
                let found = metadata.get(&(band.parse().ok(), name.to_owned()));
                assert_eq!(found.map(String::as_str), Some(value), "{file} {name}");
            }
            [file, "nodata", value] => {
                let image = open(&made().join(file))
                    .and_then(|f| f.image(0))
                    .expect(file);
                let image = image.levels[0].image();
                let nodata = image.bands[0].nodata;
                let nodata = nodata.map(|sample| sample.to_f64(image.dtype).to_string());
                let value = value.parse::<f64>().ok().map(|value| value.to_string());
                assert_eq!(nodata, value, "{file}");
            }
            [file, "error", _] => {
                let opened = open(&made().join(file)).expect(file);
                let error = opened.image(0).err().expect("an error");
                assert_eq!(error.kind(), Kind::Unsupported, "{file}");
                assert!(
                    error.message().contains("directory 0: compression"),
                    "{error}"
                );
            }
            _ => (),
        }
    }
    let mixed = open(&made().join("mixed.tif")).expect("the file opens");
    let error = mixed.image(1).err().expect("an error");
    assert!(
        error
            .message()
            .starts_with("directory 1: compression 32809"),
        "{error}"
    );
    let error = mixed.image(3).err().expect("an error");
    assert_eq!(error.kind(), Kind::NotFound);
}

#[test]
fn bands_nodata_and_absent_blocks_are_described() {
    let first = |name: &str| {
        let mut image = open(&made().join(name))
            .and_then(|f| f.image(0))
            .expect(name);
        image.levels.remove(0)
    };
    let colours = |name: &str| -> Vec<Colour> {
        first(name)
            .image()
            .bands
            .iter()
            .map(|band| band.colour)
            .collect()
    };
    assert_eq!(colours("palette.tif"), [Colour::Palette]);
    assert_eq!(colours("page0.tif"), [Colour::Gray]);
    let rgb = [Colour::Red, Colour::Green, Colour::Blue];
    assert_eq!(colours("565.tif"), rgb);
    assert_eq!(colours("jpeg-YCBCR-3-BLOCKYSIZE16-1.tif"), rgb);
    assert_eq!(colours("units-22-usual-8-None.tif"), rgb);
    assert!(!first("units-11-usual-37-None.tif").image().windowed);
    let palette = first("palette.tif");
    let text = &palette.image().metadata[&(None, "TIFFTAG_COLORMAP".into())];
    assert_eq!(text.lines().nth(1), Some("65535,0,32896"));

    let described = first("described.tif");
    let nodata = described.image().bands[1].nodata.expect("nodata");
    assert_eq!(nodata.to_f64(DType::I16), -9999.0);
    assert!(!described.image().sparse && described.image().windowed);
    for (name, pad) in [
        ("sparse.tif", 0.0),
        ("sparse-nodata.tif", 77.0),
        ("sparse-band.tif", 77.0),
    ] {
        let decoder = first(name);
        let image = decoder.image();
        assert!(image.sparse && !image.windowed, "{name}");
        assert_eq!(image.pad.to_f64(image.dtype), pad, "{name}");
        assert!(!decoder.has_block(Block::new(0, 0, 0)).expect(name));
        assert!(decoder.has_block(Block::new(0, 1, 3)).expect(name));
    }
    assert_eq!(first("nbits5-BIG-PIXEL.tif").image().bits, 5);
    assert_eq!(first("jpeg-12-1-False.tif").image().bits, 12);
    assert!(first("nbits5-BIG-PIXEL.tif").image().bands_together);
    assert!(first("nbits5-BIG-PIXEL.tif").image().picks_bands);
    assert!(!first("sparse-band.tif").image().bands_together);
}

#[test]
fn a_table_that_cannot_be_right_is_an_error_for_its_block_alone() {
    for (name, said) in [
        ("strip-zero.tif", "a block of 0 bytes at offset"),
        ("strip-nowhere.tif", "bytes at offset 0"),
        ("strip-negative.tif", "the value -5 where"),
        ("strip-short.tif", "100 bytes are stored where 656 belong"),
    ] {
        let image = open(&made().join(name)).and_then(|file| file.image(0));
        let decoder = &image.expect(name).levels[0];
        for row in 0..4 {
            let at = Block::new(0, row, 0);
            let rect = at.rect(decoder.image());
            let read = pixels(shape(&rect, 1), DType::U16, |into| {
                decoder.read_block(at, &[0], into)
            });
            if row != 1 && name != "strip-short.tif" {
                read.expect(name);
                continue;
            }
            let error = read.expect_err(name);
            assert_eq!(error.kind(), Kind::Corrupt, "{error}");
            let place = format!("directory 0, block ({row}, 0)");
            assert!(error.message().contains(&place), "{error}");
            let said = if row == 3 {
                "100 bytes are stored"
            } else {
                said
            };
            assert!(error.message().contains(said), "{error}");
        }
    }
    let image = open(&made().join("tile-left-out.tif")).and_then(|file| file.image(0));
    let decoder = &image.expect("the file").levels[0];
    assert!(decoder.image().sparse);
    let stored = |col| decoder.has_block(Block::new(0, 0, col)).expect("a block");
    assert_eq!([0, 1, 2].map(stored), [true, false, true]);
}

#[test]
fn tables_that_are_too_short_give_a_warning() {
    for (name, last, text) in [
        (
            "offsets-short.tif",
            false,
            "only 3 of 4 blocks have an offset",
        ),
        (
            "counts-short-plain.tif",
            true,
            "only 2 of 4 blocks have a byte count",
        ),
        (
            "counts-short-deflate.tif",
            true,
            "only 2 of 4 blocks have a byte count",
        ),
    ] {
        let image = file::open(&made().join(name), 0, None).expect(name);
        let warning = (image.image().metadata).get(&(None, "TC:WARNING:1".into()));
        assert_eq!(warning.map(String::as_str), Some(text), "{name}");
        assert_eq!(image.image().sparse, !last, "{name}");
        let has = image.has_block(Block::new(0, 3, 0)).expect(name);
        assert_eq!(has, last, "{name}");
    }
}

#[test]
fn a_stream_of_other_samples_than_are_said_is_an_error() {
    let image = open(&made().join("jpeg-other-bits.tif")).and_then(|file| file.image(0));
    let error = read_all(&image.expect("the file").levels[0], &[0]).expect_err("an error");
    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    let said = "a JPEG stream of 12 bits in samples of 1 bytes";
    assert!(error.message().contains(said), "{error}");
}

#[test]
fn old_style_jpeg_that_lacks_something_says_what() {
    for (name, kind, said) in [
        ("predicted", Kind::Unsupported, "directory 0: lossless"),
        ("elsewhere", Kind::Corrupt, "offset 1073741824 (tag 513)"),
        ("bare", Kind::Corrupt, "block (0, 0): a scan without tables"),
    ] {
        let image =
            open(&made().join(format!("old-jpeg-{name}.tif"))).and_then(|file| file.image(0));
        let read = image.and_then(|image| read_all(&image.levels[0], &[0]));
        let error = read.expect_err(name);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(said), "{error}");
    }
}

#[test]
fn a_tile_that_ends_within_the_image_is_an_error() {
    is_corrupt(
        "cut-tile-short.tif",
        "block (0, 0): the compressed data end after 6912 of 7104 bytes",
    );
}

#[test]
fn a_stream_that_is_much_longer_than_its_block_is_an_error() {
    is_corrupt(
        "much-longer-stream.tif",
        "block (0, 0): the compressed data exceed the",
    );
}

fn is_corrupt(name: &str, said: &str) {
    let image = open(&made().join(name)).and_then(|file| file.image(0));
    let error = read_all(&image.expect("the file").levels[0], &[0]).expect_err("an error");
    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    assert!(error.message().contains(said), "{error}");
}

#[test]
fn texts_without_a_name_are_left_out() {
    let image = file::open(&made().join("nameless.tif"), 0, None).expect("the file");
    let metadata = &image.image().metadata;
    let names: Vec<&str> = metadata.keys().map(|(_, name)| &name[..]).collect();
    assert!(names.contains(&"C"), "{names:?}");
    let nameless = |name: &&str| name.is_empty() || name.ends_with(':');
    assert!(!names.iter().any(nameless), "{names:?}");
}

/// Files that others wrote, where they lie beside the checkout.
#[test]
fn real_files_read_as_gdal_reads_them() {
    for path in gdal::real_files(&["tif"]) {
        let image = open(&path)
            .and_then(|file| file.image(0))
            .expect("the file opens");
        let decoder = &image.levels[0];
        let all: Vec<u32> = (0..decoder.image().band_count()).collect();
        let got = read_all(decoder, &all).expect("the pixels");
        let expected = gdal::pixels(&path, 0);
        let difference = worst_difference(decoder.image().dtype, &got, &expected);
        assert!(
            difference == 0.0,
            "{} differs by {difference}",
            path.display()
        );
    }
}
