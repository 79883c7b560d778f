//! What a decode takes beside the pixels that it delivers, and an opening, against what docs/formats.md says.

use super::gdal;
use super::peak::peak_of;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tilecache::bytes::{FileBytes, MemoryBytes};
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::provider::{Request, get_block};
use tilecache::source::file::{Choice, open_bytes};

/// What opening may take, and that for each byte of the file, as the page says.
const OPENING: usize = 48 << 20;
const OPENING_PER_BYTE: usize = 64;

/// Pictures differ a little in what the tables and streams of their codecs take.
const ROUNDING: f64 = 0.1;

/// The bytes that the table allows a compression for so many of decoded samples; it is named by its row, and the word behind
/// which its number stands, if that is not the first.
fn allowed(name: &str, samples: f64) -> f64 {
    let (row, word) = name.split_once(": ").unwrap_or((name, ""));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let text = std::fs::read_to_string(path).expect("the page");
    let (_, table) = text
        .split_once("## What a pixel costs")
        .expect("its beginning");
    let cells = table.lines().map(|line| line.split('|').map(str::trim));
    let mut rows = cells.filter(|cells| cells.clone().nth(1) == Some(row));
    let says = rows.find_map(|mut cells| cells.nth(3));
    let says = says.unwrap_or_else(|| panic!("no row {row}"));
    let (_, says) = says
        .split_once(word)
        .unwrap_or_else(|| panic!("no {word} in {says}"));
    let mut words = says.split([' ', ',', ';']).filter(|word| !word.is_empty());
    let number: f64 = words.next().and_then(|word| word.parse().ok()).expect(says);
    match (words.next(), says.contains("and its dictionary")) {
        (Some("MiB"), _) => number * 1024.0 * 1024.0,
        // A dictionary is no larger than what it is for.
        (_, true) => (number + 1.0) * samples,
        _ => number * samples,
    }
}

#[test]
fn of_what_is_not_compressed_only_the_part_that_is_read_takes_memory() {
    let bytes = Arc::new(FileBytes::open(made().join("noise-NONE.tif")).expect("the file"));
    let image = open_bytes(bytes, &Choice::default()).expect("an image");
    let rect = Rect::new(0, 100, image.image().width(), 50);
    let window = || image.get_window(0, rect, &Bands::ALL, &Request::new());
    let (window, peak) = peak_of(|| window().map(|window| window.is_some()));
    assert!(window.expect("pixels"), "no window");
    let samples = (rect.width * rect.height * 3) as f64;
    let most = allowed("none (TIFF, NITF)", samples) + ROUNDING * samples;
    println!("{peak} bytes of at most {most}");
    assert!(peak as f64 <= most, "{peak} bytes, more than {most}");
}

/// The files, made once.
fn made() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| gdal::make("tests/pixel_costs/make.py"))
}

#[test]
fn decodes_take_no_more_memory_than_the_table_says() {
    let made = made();
    let mut wrong = Vec::new();
    for line in gdal::manifest(made) {
        let [name, row] = &line[..] else {
            panic!("{line:?}");
        };
        let bytes = Arc::new(FileBytes::open(made.join(name)).expect("the file"));
        let image = open_bytes(bytes, &Choice::default()).expect("an image");
        let (width, height) = image.image().block;
        assert_eq!(
            (width, height),
            image.image().levels[0],
            "{name}: one block"
        );
        let all = || get_block(&*image, Block::new(0, 0, 0), &Bands::ALL).map(drop);
        let (read, peak) = peak_of(all);
        read.expect("pixels");
        let bits = u64::from(image.image().bits.max(8)) * u64::from(image.image().band_count());
        // Pixels are not of the allocator.
        let samples = (width * height * bits / 8) as f64;
        println!(
            "{name}: {peak} bytes, {:.2} of the samples",
            peak as f64 / samples
        );
        let allowed = allowed(row, samples) + ROUNDING * samples;
        if peak as f64 > allowed {
            wrong.push(format!(
                "{name}: {peak} bytes, more than {allowed} of {row}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_chunks_of_png_unpack_to_takes_memory_by_the_length_of_the_file() {
    for (name, profile) in [
        ("packed-texts.png", None),
        ("packed-profile.png", None),
        ("profile.png", Some("3000000 bytes")),
    ] {
        let file = std::fs::read(made().join(name)).expect("the file");
        let len = file.len();
        let open = || open_bytes(Arc::new(MemoryBytes::new(file)), &Choice::default());
        let (image, peak) = peak_of(open);
        let image = image.expect(name);
        println!("{name}: {len} bytes, {peak} bytes of memory");
        let allowed = OPENING + OPENING_PER_BYTE * len;
        assert!(peak <= allowed, "{name}: {peak} bytes, more than {allowed}");
        let told = image.image().metadata.get(&(None, "PNG_iCCP".to_owned()));
        assert_eq!(told.map(String::as_str), profile, "{name}");
    }
}
