//! TIFF files written by GDAL and libtiff, compared pixel by pixel with what GDAL reads from them,
//! damaged in many ways, and read under difficulties.

#[path = "../support/blocks.rs"]
mod blocks;
mod compare;
mod damage;
#[path = "../support/damage.rs"]
mod damaged;
#[path = "../support/gdal.rs"]
mod gdal;
mod index;
mod levels;
#[path = "../support/long_tiff.rs"]
mod long_tiff;
mod support;

use std::path::Path;
use std::sync::Arc;
use support::*;
use tilecache::bytes::{Bytes, FileBytes, MemoryBytes};
use tilecache::error::Kind;
use tilecache::source::file;
use tilecache::source::tiff::TiffFile;

#[test]
fn a_change_under_a_reader_is_seen() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("changing.tif");
    std::fs::copy(made().join("u8-NONE-1-LITTLE-PIXEL.tif"), &path).expect("a copy");
    let bytes: Arc<dyn Bytes> = Arc::new(FileBytes::open(&path).expect("the file"));
    let file = TiffFile::open(bytes).expect("a TIFF file");
    let image = file.image(0).expect("an image");
    read_all(&image.levels[0], &[0]).expect("pixels");
    let other = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("a writer");
    other.set_len(500).expect("a truncation");
    let error = read_all(&image.levels[0], &[0]).expect_err("an error");
    assert_eq!(error.kind(), Kind::Changed, "{error}");
}

#[test]
fn a_file_says_what_it_is() {
    let mut seen = Vec::new();
    for name in [
        "u8-NONE-1-LITTLE-PIXEL.tif",
        "u8-NONE-1-BIG-PIXEL.tif",
        "u8-LZW-1-BIG-PIXEL.tif",
    ] {
        let path = made().join(name);
        let first = std::fs::read(&path).expect("the file");
        let format = if first[2..4].contains(&43) {
            c"BigTIFF"
        } else {
            c"TIFF"
        };
        let image = file::open(&path, 0, None).expect("the file");
        assert_eq!(image.image().format, Some(format), "{name}");
        seen.push(format);
    }
    assert!(seen.contains(&c"BigTIFF") && seen.contains(&c"TIFF"));
}

#[test]
fn many_threads_read_one_decoder() {
    let image = open(&made().join("overviews-planar.tif"))
        .and_then(|f| f.image(0))
        .expect("an image");
    let decoder = &image.levels[0];
    let expected = read_all(decoder, &[0, 1, 2]).expect("pixels");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(read_packed(decoder, &[0, 1, 2]).expect("pixels") == expected));
        }
    });
}

/// Overviews behind a link of the directory that they belong to, which no encoder at hand writes.
#[test]
fn sub_directories_are_overviews() {
    let pixels = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let tags = |kind: Option<u32>, side: u32, at: u32, link: u32| {
        let mut tags = vec![
            (256, 4, 1, side),
            (257, 4, 1, side),
            (258, 3, 1, 8),
            (262, 3, 1, 1),
            (273, 4, 1, at),
            (279, 4, 1, side * side),
            (330, 4, 1, link),
        ];
        if let Some(kind) = kind {
            tags.insert(0, (254, 4, 1, kind));
        }
        tags
    };
    // Some writers do not say what a sub-directory is.
    for kind in [Some(1), None] {
        let size = |tags: u32| 2 + tags * 12 + 4;
        let second = 8 + size(8);
        let at = second + size(tags(kind, 2, 0, 0).len() as u32);
        let child = damage::crafted(&tags(kind, 2, at + 3, 0), &pixels);
        let file = damage::crafted(&tags(Some(0), 3, at, second), &child[8..]);
        let file = TiffFile::open(Arc::new(MemoryBytes::new(file))).expect("a TIFF file");
        assert_eq!(file.image_count(), 1);
        let image = file.image(0).expect("an image");
        assert_eq!(image.levels.len(), 2);
        assert_eq!(read_all(&image.levels[0], &[0]).expect("pixels"), pixels);
        let level = read_all(&image.levels[1], &[0]).expect("pixels");
        assert_eq!(level, pixels[3..7]);
    }
}
