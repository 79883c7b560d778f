//! Truncated, corrupt and hostile files.

use super::damaged::{damage, peak_memory};
use super::support::*;
use std::sync::Arc;
use tilecache::bytes::MemoryBytes;
use tilecache::error::Kind;
use tilecache::geometry::Rect;
use tilecache::source::Decoder;
use tilecache::source::nitf::NitfFile;

/// Reads everything that a file claims to have; what fails must fail as an error.
fn exhaust(bytes: Vec<u8>) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    let Ok(file) = NitfFile::open(Arc::new(MemoryBytes::new(bytes))) else {
        return (0, 1);
    };
    for index in 0..file.image_count().min(8) {
        let Ok(decoder) = file.image(index) else {
            bad += 1;
            continue;
        };
        let said = decoder.image();
        let bands: Vec<u32> = (0..said.band_count().min(4)).collect();
        // A caller bounds what it asks for; the decoder must bound everything else.
        for (at, rect) in blocks(&decoder).take(64) {
            let corner = Rect::new(rect.x, rect.y, rect.width.min(64), rect.height.min(64));
            let window = pixels(shape(&corner, bands.len()), said.dtype, |into| {
                decoder.read_window(0, corner, &bands, into)
            });
            if rect.width.saturating_mul(rect.height) > 1 << 22 {
                continue;
            }
            let read = pixels(shape(&rect, bands.len()), said.dtype, |into| {
                decoder.has_block(at)?;
                decoder.read_block(at, &bands, into)
            });
            for result in [window, read] {
                match result {
                    Ok(_) => good += 1,
                    Err(error) => {
                        assert_ne!(error.kind(), Kind::Internal, "{error}");
                        assert!(error.message().starts_with("image segment "), "{error}");
                        bad += 1;
                    }
                }
            }
        }
    }
    (good, bad)
}

#[test]
fn damaged_files_give_errors_and_nothing_worse() {
    let names = [
        "INT1-B-NC.ntf",
        "INT8-P-NM.ntf",
        "INT11-S-NM.ntf",
        "INT12-R-NM.ntf",
        "INT16-B-NM.ntf",
        "INT63-P-NC.ntf",
        "SI16-S-NC.ntf",
        "R64-R-NC.ntf",
        "C64-B-NM.ntf",
        "wide.ntf",
        "many-B.ntf",
        "described.ntf",
        "jpeg-B-3-C3.ntf",
        "jpeg-P-3-M3.ntf",
        "jpeg-S-3-M3.ntf",
        "gdal-C3-progressive.ntf",
        "gdal-fields.ntf",
        "bilevel-rings-2DS-1.ntf",
        "bilevel-M1.ntf",
        "M8-11.ntf",
        "streamed.ntf",
    ];
    let (mut good, mut bad) = (0, 0);
    for name in names {
        let whole = std::fs::read(made().join(name)).expect(name);
        let (all, none) = exhaust(whole.clone());
        let refused = usize::from(name == "described.ntf");
        assert!(all > 0 && none == refused, "{name} before the damage");
        // Codestreams take longest, and are damaged in tests of their own.
        let rounds = if name.starts_with("M8") { 12 } else { 60 };
        // The lengths of the segments, and the fields that say how pixels are stored.
        let places = [342..420, 680..1200, 0..1500, 0..whole.len()];
        let (read, failed) = damage(&whole, rounds, 5 * rounds, &places, exhaust);
        (good, bad) = (good + read, bad + failed);
    }
    assert!(
        good > 1000 && bad > 1000,
        "{good} blocks read, {bad} refused"
    );
    let peak = peak_memory();
    assert!(peak < 1 << 30, "{peak} bytes of memory at the peak");
}

#[test]
fn hostile_headers_are_refused_by_kind_and_place() {
    let mut wrong = Vec::new();
    for (file, words) in manifest("hostile") {
        let [kind, says] = &words[..] else {
            panic!("{words:?}");
        };
        let result = open(&file).and_then(|file| {
            let decoder = file.image(0)?;
            let (at, rect) = blocks(&decoder).next().expect("a block");
            let part = Rect::new(0, 0, rect.width.min(16), 1);
            pixels(shape(&part, 1), decoder.image().dtype, |into| {
                decoder.has_block(at)?;
                decoder.read_window(0, part, &[0], into)
            })
        });
        match result {
            Ok(_) => wrong.push(format!("{file} is read")),
            Err(error) => {
                let told = format!("{:?}", error.kind()) == *kind;
                if !told || !error.message().contains(says) {
                    wrong.push(format!("{file}: {:?}: {error}", error.kind()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_truncated_file_still_gives_its_whole_blocks() {
    let bytes = std::fs::read(made().join("INT16-P-NC.ntf")).expect("the file");
    let (all, _) = exhaust(bytes.clone());
    // The text and the graphic that stand behind the image, and most of its last block.
    let (good, bad) = exhaust(bytes[..bytes.len() - 556 - 700].to_vec());
    assert!(
        good + bad == all && (1..=2).contains(&bad),
        "{good} read, {bad} refused"
    );
}
