//! JPEG 2000 files written by OpenJPEG, OpenJPH and GDAL, compared pixel by pixel with what these read from
//! them, damaged in many ways, and read under difficulties.

mod by_parts;
mod compare;
mod conformance;
mod damage;
#[path = "../support/damage.rs"]
mod damaged;
#[path = "../support/gdal.rs"]
mod gdal;
mod high_throughput;
mod interest;
mod layers;
mod policy;
mod refined;
mod support;
mod threads;

use std::path::Path;
use std::sync::Arc;
use support::*;
use tilecache::bytes::{Bytes, FileBytes};
use tilecache::error::Kind;
use tilecache::source::jp2::Jp2File;

#[test]
fn a_change_under_a_reader_is_seen() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("changing.j2k");
    std::fs::copy(made().join("tiles-128x128-333.j2k"), &path).expect("a copy");
    let bytes: Arc<dyn Bytes> = Arc::new(FileBytes::open(&path).expect("the file"));
    let decoder = Jp2File::open(bytes).expect("an image").into_decoder();
    read_blocks(&decoder, 0, &[0]).expect("pixels");
    let other = std::fs::OpenOptions::new().write(true).open(&path);
    other
        .and_then(|file| file.set_len(500))
        .expect("a truncation");
    let error = read_blocks(&decoder, 0, &[0]).expect_err("an error");
    assert_eq!(error.kind(), Kind::Changed, "{error}");
}

#[test]
fn many_threads_read_one_decoder() {
    for name in ["gdal-rgb.jp2", "tiles-whole-333.j2k"] {
        let decoder = open(&made().join(name)).expect("an image");
        let bands: Vec<u32> = (0..decoder.image().band_count()).collect();
        let expected: Vec<_> = (0..2)
            .map(|level| read_level(&decoder, level, &bands).expect("pixels"))
            .collect();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (decoder, bands, expected) = (&decoder, &bands, &expected);
                scope.spawn(move || {
                    let level = thread % 2;
                    let got = read_blocks(decoder, level, bands).expect("pixels");
                    assert!(got == expected[level as usize]);
                });
            }
        });
    }
}
