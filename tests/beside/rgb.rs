//! Inks and L*a*b* as red, green and blue, compared with what GDAL shows: files that GDAL wrote, and those of other encoders
//! in `rgb/`.

use super::gdal;
use super::support::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tilecache::bytes::MemoryBytes;
use tilecache::error::Kind;
use tilecache::image::{Bands, Block, Colour};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file::{self, Choice};

const RGB: [Colour; 3] = [Colour::Red, Colour::Green, Colour::Blue];

fn as_rgb() -> Choice<'static> {
    Choice {
        rgb: true,
        ..Choice::default()
    }
}

fn open_rgb(path: &Path) -> Arc<dyn Provider> {
    file::open_choice(path, &as_rgb()).unwrap_or_else(|error| panic!("{error}"))
}

fn colours(provider: &dyn Provider) -> Vec<Colour> {
    let bands = provider.image().bands.iter();
    bands.map(|band| band.colour).collect()
}

/// The files of other encoders than GDAL.
fn of_others() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/beside/rgb");
    let entries = std::fs::read_dir(folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "tif"))
        .collect()
}

#[test]
fn what_gdal_converts_is_converted_to_the_bit() {
    let mut compared = 0;
    for line in manifest() {
        let fields: Vec<&str> = line.iter().map(String::as_str).collect();
        let [name, "rgb", number, width, height, raw] = fields[..] else {
            continue;
        };
        let provider = open_rgb(&made().join(name));
        let what = format!("{name} level {number}");
        let number = number.parse().expect("a level");
        let size = [width, height].map(|side| side.parse().expect("a side"));
        let [width, height] = size;
        let image = provider.image();
        assert_eq!(
            image.levels.get(number as usize),
            Some(&(width, height)),
            "{what}"
        );
        assert_eq!(colours(&*provider), RGB, "{what}");
        let space = &image.metadata[&(None, "SOURCE_COLOR_SPACE".into())];
        let expects = if name.starts_with("inks") {
            "CMYK"
        } else {
            "CIELAB"
        };
        assert_eq!(space, expects, "{what}");
        assert!(provider.key().contains(":rgb:"), "{}", provider.key());
        assert!(warnings(&*provider).is_empty(), "{what}");
        check_level(&provider, number, &expected(raw), &what);
        compared += 1;
    }
    assert!(compared >= 16, "{compared} levels");
}

#[test]
fn what_other_encoders_write_is_shown_as_gdal_shows_it() {
    let files = of_others();
    assert!(files.len() >= 8, "{files:?}");
    for path in files {
        let provider = open_rgb(&path);
        let what = path.display().to_string();
        for number in 0..provider.image().levels.len() as u32 {
            let shown = gdal::pixels(&path, number);
            let (colours, opacity) = shown.split_at(shown.len() / 4 * 3);
            assert!(opacity.iter().all(|sample| *sample == 255), "{what}");
            check_level(&provider, number, colours, &what);
        }
        let stored = file::open(&path, 0, None).expect("a file");
        assert_ne!(stored.key(), provider.key());
        assert!(read(&*stored, 0) != read(&*provider, 0), "{what}");
        if what.ends_with("-levels.tif") {
            assert_eq!(provider.image().levels.len(), 2);
        }
    }
}

#[test]
fn what_gdal_shows_as_it_is_stored_stays_so() {
    let mut compared = 0;
    for line in manifest() {
        let fields: Vec<&str> = line.iter().map(String::as_str).collect();
        let [name, "stored", raw] = fields[..] else {
            continue;
        };
        let path = made().join(name);
        let [shown, stored] = [open_rgb(&path), file::open(&path, 0, None).expect(name)];
        assert_eq!(shown.key(), stored.key(), "{name}");
        assert_eq!(shown.image(), stored.image(), "{name}");
        assert!(read(&*shown, 0) == expected(raw), "{name}");
        compared += 1;
    }
    assert!(compared >= 7, "{compared} files");
}

/// Without the option inks are inks, and an overview that GDAL made of what it shows is none of theirs.
#[test]
fn overviews_in_other_colours_are_left_out() {
    let strict = Choice {
        strict: true,
        ..Choice::default()
    };
    for name in ["inks-levels.tif", "lab-levels.tif", "lab-three.tif"] {
        let stored = file::open_choice(&made().join(name), &strict).expect("nothing is damaged");
        assert_ne!(colours(&*stored)[0], Colour::Red, "{name}");
        assert_eq!(stored.image().levels.len(), 1, "{name}");
        let alone = open_alone(name);
        assert!(read(&*stored, 0) == read(&*alone, 0), "{name}");
    }
}

/// Within a file they are images of their own, and levels of what is shown.
#[test]
fn overviews_in_other_colours_within_a_file_are_images_of_their_own() {
    for name in ["inks-inside.tif", "lab-inside.tif"] {
        let path = made().join(name);
        let shown = open_rgb(&path);
        assert_eq!(shown.image().levels.len(), 3, "{name}");
        let stored = file::open(&path, 0, None).expect("the samples");
        assert_ne!(colours(&*stored)[0], Colour::Red, "{name}");
        assert_eq!(stored.image().levels.len(), 3, "{name}");
        let missing = get_block(&*stored, Block::new(1, 0, 0), &Bands::ALL);
        let missing = missing.err().expect("an error");
        assert_eq!(missing.kind(), Kind::NotFound, "{missing}");
        assert!(read(&*stored, 2) != read(&*shown, 2), "{name}");
        assert_eq!(file::image_count(&path).expect("a count"), 2, "{name}");
        let apart = file::open(&path, 1, None).expect("the overview");
        assert_eq!(apart.image().levels, [(128, 128)], "{name}");
        let pixels = read(&*apart, 0);
        assert!(pixels[..3 * 128 * 128] == read(&*shown, 1), "{name}");
    }
}

/// GDAL makes them of what it shows, and fails to write them.
#[test]
fn overviews_without_a_block_cost_a_warning() {
    for (name, rgb) in ["inks-empty.tif", "lab-empty.tif"]
        .into_iter()
        .flat_map(|name| [(name, false), (name, true)])
    {
        let path = made().join(name);
        let choice = Choice {
            rgb,
            ..Choice::default()
        };
        let image = file::open_choice(&path, &choice).expect("the image");
        assert_eq!(image.image().levels.len(), 1, "{name}");
        assert_eq!(file::image_count(&path).expect("a count"), 1, "{name}");
        let said = warnings(&*image);
        assert_eq!(said.len(), 2, "{said:?}");
        let expected = "an overview of 128 x 128 pixels has no block";
        assert!(said[0].contains(expected), "{said:?}");
        let strict = Choice {
            strict: true,
            ..choice
        };
        let error = file::open_choice(&path, &strict).err().expect("an error");
        assert!(error.message().contains(expected), "{error}");
    }
}

#[test]
fn what_is_said_of_bands_that_are_gone_goes_with_them() {
    let provider = open_rgb(&made().join("inks-described.tif"));
    let image = provider.image();
    let nodata = image.bands[0]
        .nodata
        .map(|nodata| nodata.to_f64(image.dtype));
    assert_eq!(nodata, Some(1.0));
    let of_bands: Vec<_> = image
        .metadata
        .keys()
        .filter_map(|(band, _)| *band)
        .collect();
    assert!(
        of_bands.contains(&0) && of_bands.iter().all(|band| *band < 3),
        "{of_bands:?}"
    );
}

#[test]
fn blocks_that_are_left_out_are_pad() {
    let provider = open_rgb(&made().join("inks-absent.tif"));
    let stored = |row| provider.has_block(Block::new(0, row, 0)).expect("a block");
    assert_eq!([0, 1, 2].map(stored), [false, true, false]);
    let of_inks = [50, 100, 150].map(|ink| (255 - ink) * (255 - 200) / 255);
    for (band, pixels) in read(&*provider, 0).chunks(64 * 48).enumerate() {
        for (y, row) in pixels.chunks(64).enumerate() {
            let expected = if y / 16 == 1 { of_inks[band] as u8 } else { 9 };
            assert!(
                row.iter().all(|sample| *sample == expected),
                "band {band}, row {y}"
            );
        }
    }
}

#[test]
fn a_white_that_is_none_is_an_error() {
    let path = of_others()
        .into_iter()
        .find(|path| path.ends_with("tifffile-lab-white.tif"));
    let mut file = std::fs::read(path.expect("the file")).expect("its bytes");
    let white: Vec<u8> = [3127u32, 10000, 3290, 10000]
        .iter()
        .flat_map(|part| part.to_le_bytes())
        .collect();
    let at = file
        .windows(16)
        .position(|bytes| bytes == white)
        .expect("the white point");
    file[at + 8..at + 12].fill(0);
    let open =
        |choice: Choice<'_>| file::open_bytes(Arc::new(MemoryBytes::new(file.clone())), &choice);
    let error = open(as_rgb()).err().expect("an error");
    assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    assert!(
        error.message().contains("the white point is 0.3127, 0"),
        "{error}"
    );
    // Nothing that is stored depends on it.
    open(Choice::default()).expect("the samples");
}
