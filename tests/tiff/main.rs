//! TIFF files written by GDAL and libtiff, compared pixel by pixel with what GDAL reads from them,
//! damaged in many ways, and read under difficulties.

mod compare;
mod damage;
mod support;

use std::path::Path;
use std::sync::Arc;
use support::*;
use tilecache::bytes::{Bytes, FileBytes};
use tilecache::error::Kind;
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
