//! Truncated, corrupt and hostile files.

use super::damaged::{damage, peak_memory};
use super::{made, manifest, pixels};
use std::sync::Arc;
use tilecache::bytes::MemoryBytes;
use tilecache::error::{Kind, Result};
use tilecache::image::Bands;
use tilecache::provider::Provider;
use tilecache::source::file::{self, Choice};

fn open(bytes: Vec<u8>) -> Result<Arc<dyn Provider>> {
    file::open_bytes(Arc::new(MemoryBytes::new(bytes)), &Choice::default())
}

/// Reads the picture, unless it claims to be large: a caller bounds what it asks for, and the decoder
/// must bound everything else. What fails must fail as an error.
fn exhaust(bytes: Vec<u8>) -> (usize, usize) {
    let small =
        |image: &Arc<dyn Provider>| image.image().width() * image.image().height() < 1 << 22;
    let read = match open(bytes) {
        Ok(image) if !small(&image) => return (0, 0),
        Ok(image) => pixels(&*image, &Bands::ALL),
        Err(error) => Err(error),
    };
    match read {
        Ok(_) => (1, 0),
        Err(error) => {
            assert_ne!(error.kind(), Kind::Internal, "{error}");
            let format = ["PNG: ", "JPEG: ", "is not TIFF"];
            let told = format.iter().any(|format| error.message().contains(format));
            assert!(told, "{error}");
            (0, 1)
        }
    }
}

/// A PNG file with the sums of its chunks made right, so that damage gets behind them.
fn with_sums(mut file: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(len) = file.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        let end = at + 8 + u32::from_be_bytes(*len) as usize;
        let Some(content) = file.get(at + 4..end) else {
            break;
        };
        let bits = content.iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                sum >> 1 ^ (0xedb8_8320 & 0u32.wrapping_sub(sum & 1))
            })
        });
        let Some(sum) = file.get_mut(end..end + 4) else {
            break;
        };
        sum.copy_from_slice(&(!bits).to_be_bytes());
        at = end + 4;
    }
    file
}

#[test]
fn damaged_files_give_errors_and_nothing_worse() {
    let (mut good, mut bad) = (0, 0);
    for name in [
        "png-0-1-33-0.png",
        "png-2-16-33-1.png",
        "png-3-4-301-0.png",
        "png-6-8-301-1.png",
        "gdal-u16-2.png",
        "chunks.png",
        "index-half.png",
        "jpeg-1-33-QUALITY95.jpg",
        "jpeg-3-301-QUALITY95.jpg",
        "jpeg-3-301-PROGRESSIVEYES.jpg",
        "jpeg-4-33-PROGRESSIVEYES.jpg",
        "space-YCCK.jpg",
        "gdal-said.jpg",
        "junk-first.jpg",
        "lossless-8-3-4-37.jpg",
        "lossless-16-1-3-37.jpg",
        "bits12-3-61.jpg",
    ] {
        let whole = std::fs::read(made().join(name)).expect(name);
        assert_eq!(exhaust(whole.clone()), (1, 0), "{name} before the damage");
        let places = [8..60, 0..700, 0..whole.len()];
        let counts = if name.ends_with("png") {
            assert_eq!(with_sums(whole.clone()), whole);
            let sums = |file: Vec<u8>| exhaust(with_sums(file));
            let (read, failed) = damage(&whole, 0, 300, &places, sums);
            (good, bad) = (good + read, bad + failed);
            damage(&whole, 60, 60, &places, exhaust)
        } else {
            damage(&whole, 60, 300, &places, exhaust)
        };
        (good, bad) = (good + counts.0, bad + counts.1);
    }
    assert!(good > 300 && bad > 1000, "{good} read, {bad} refused");
    let peak = peak_memory();
    assert!(peak < 1 << 30, "{peak} bytes of memory at the peak");
}

#[test]
fn hostile_files_are_refused_by_kind_and_place() {
    let before = peak_memory();
    let mut wrong = Vec::new();
    for (name, words) in manifest("hostile") {
        let whole = std::fs::read(made().join(&name)).expect(&name);
        let result = open(whole).and_then(|image| pixels(&*image, &Bands::ALL));
        let told = result.map_or_else(
            |error| format!("{:?}: {error}", error.kind()),
            |_| "is read".into(),
        );
        if !told.starts_with(&words[0]) || !told.contains(&words[1]) {
            wrong.push(format!("{name}: {told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let peak = peak_memory();
    assert!(peak < before + (256 << 20), "{before} bytes became {peak}");
}
