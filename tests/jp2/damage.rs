//! Truncated, corrupt and hostile files.

use super::damaged::{damage, peak_memory};
use super::support::*;
use std::sync::Arc;
use tilecache::bytes::MemoryBytes;
use tilecache::error::{Kind, Result};
use tilecache::image::Block;
use tilecache::source::Decoder;
use tilecache::source::jp2::Jp2File;

/// Reads what a file claims to have, at its full and at its last level; what fails must fail as an
/// error.
fn exhaust(bytes: Vec<u8>) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    let Ok(file) = Jp2File::open(Arc::new(MemoryBytes::new(bytes))) else {
        return (0, 1);
    };
    let decoder = file.into_decoder();
    let said = decoder.image();
    let bands: Vec<u32> = (0..said.band_count().min(4)).collect();
    for level in [0, said.levels.len() as u32 - 1] {
        for (at, rect) in blocks(said, level).take(16) {
            // A caller bounds what it asks for; the decoder must bound everything else.
            if rect.width.saturating_mul(rect.height) > 1 << 20 {
                continue;
            }
            let read = pixels(shape(&rect, bands.len()), said.dtype, |into| {
                decoder.read_block(at, &bands, into)
            });
            match read {
                Ok(_) => good += 1,
                Err(error) => {
                    assert_ne!(error.kind(), Kind::Internal, "{error}");
                    assert!(error.message().starts_with("codestream tile"), "{error}");
                    bad += 1;
                }
            }
        }
    }
    (good, bad)
}

#[test]
fn damaged_files_give_errors_and_nothing_worse() {
    let names = [
        "resolutions-3.j2k",
        "type-3-8u-exact-1.j2k",
        "type-2-12s-lossy-0.j2k",
        "steps-tiles.j2k",
        "offset-within.j2k",
        "layout-tlm-parts.j2k",
        "layout-pcrl.j2k",
        "layout-modes.j2k",
        "packed-parts.j2k",
        "palette.jp2",
        "gdal-alpha.jp2",
    ];
    let (mut good, mut bad) = (0, 0);
    for name in names {
        let whole = std::fs::read(made().join(name)).expect(name);
        let (all, none) = exhaust(whole.clone());
        assert!(all > 0 && none == 0, "{name} before the damage");
        let (read, failed) = damage(&whole, 12, 60, &[0..300, 0..whole.len()], exhaust);
        (good, bad) = (good + read, bad + failed);
    }
    assert!(good > 500 && bad > 300, "{good} blocks read, {bad} refused");
    let peak = peak_memory();
    assert!(peak < 3 << 30, "{peak} bytes of memory at the peak");
}

/// A codestream of one tile with these numbers and no data.
fn crafted(side: u32, tile: u32, components: u16, layers: u16, block: u8, precinct: u8) -> Vec<u8> {
    let mut file = vec![0xff, 0x4f, 0xff, 0x51];
    file.extend((38 + 3 * components).to_be_bytes());
    file.extend([0, 0]);
    for number in [side, side, 0, 0, tile, tile, 0, 0] {
        file.extend(number.to_be_bytes());
    }
    file.extend(components.to_be_bytes());
    (0..components).for_each(|_| file.extend([7, 1, 1]));
    file.extend([0xff, 0x52, 0, 14, 1, 0]);
    file.extend(layers.to_be_bytes());
    file.extend([0, 1, block, block, 0, 1, precinct, precinct]);
    file.extend([0xff, 0x5c, 0, 7, 0x40, 0x40, 0x48, 0x48, 0x50]);
    file.extend([0xff, 0x90, 0, 10, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x93]);
    file.extend([0; 40]);
    file
}

#[test]
fn hostile_files_are_refused_before_they_take_memory() {
    let ask = |bytes: Vec<u8>| {
        let decoder = Jp2File::open(Arc::new(MemoryBytes::new(bytes)))?.into_decoder();
        let part =
            whole(decoder.image(), 0).intersection(&tilecache::geometry::Rect::new(0, 0, 64, 64));
        window(&decoder, 0, part, &[0])
    };
    for (what, bytes, kind, says) in [
        ("nothing", vec![], Kind::Corrupt, "main header"),
        (
            "text",
            b"hello, world".to_vec(),
            Kind::Corrupt,
            "main header",
        ),
        (
            "no box",
            b"\0\0\0\x0cjP  \r\n\x87\n".to_vec(),
            Kind::Corrupt,
            "jp2c",
        ),
        (
            "many tiles",
            crafted(1 << 20, 16, 1, 1, 4, 0xff),
            Kind::Corrupt,
            "tiles",
        ),
        (
            "tiny code-blocks",
            crafted(1 << 16, 1 << 16, 1, 1, 0, 0xff),
            Kind::Limit,
            "bytes",
        ),
        (
            "tiny precincts",
            crafted(1 << 15, 1 << 15, 1, 1, 4, 0x11),
            Kind::Limit,
            "bytes",
        ),
        (
            "many layers",
            crafted(1 << 12, 1 << 12, 1, 65535, 4, 0x66),
            Kind::Corrupt,
            "packets",
        ),
        (
            "a huge image",
            crafted(1 << 31, 1 << 31, 1, 1, 4, 0xff),
            Kind::Limit,
            "ends at",
        ),
        (
            "many components",
            crafted(2048, 2048, 9000, 1, 4, 0xff),
            Kind::Limit,
            "bytes",
        ),
    ] {
        let error = ask(bytes).map(drop).expect_err(what);
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert!(error.message().contains(says), "{what}: {error}");
    }
}

#[test]
fn a_truncated_file_still_gives_its_whole_tiles() {
    let mut bytes = std::fs::read(made().join("tiles-128x128-333.j2k")).expect("the file");
    bytes.truncate(bytes.len() - 100);
    let (good, bad) = exhaust(bytes);
    assert!(
        good > 0 && (1..=2).contains(&bad),
        "{good} blocks read, {bad} refused"
    );
}

/// What one block reads as.
fn read_one(bytes: Vec<u8>, at: Block) -> Result<Vec<u8>> {
    let decoder = Jp2File::open(Arc::new(MemoryBytes::new(bytes)))?.into_decoder();
    let (said, rect) = (decoder.image(), at.rect(decoder.image()));
    pixels(shape(&rect, 1), said.dtype, |into| {
        decoder.read_block(at, &[0], into)
    })
}

#[test]
fn tiles_behind_lost_bytes_are_errors_and_those_before_are_right() {
    let whole = std::fs::read(made().join("tiles-128x128-333.j2k")).expect("the file");
    let decoder = open(&made().join("tiles-128x128-333.j2k")).expect("an image");
    let places: Vec<Block> = blocks(decoder.image(), 0).map(|(at, _)| at).collect();
    let parts = tile_parts(&whole);
    assert_eq!(parts.len(), places.len(), "a tile-part for each tile");
    for (lost, len) in [(0, 1), (4, 20), (4, 600), (places.len() - 1, 7)] {
        let from = parts[lost].start + 40;
        let mut bytes = whole.clone();
        bytes.drain(from..from + len);
        for (number, at) in places.iter().enumerate() {
            let read = read_one(bytes.clone(), *at);
            if number < lost {
                let right = read_one(whole.clone(), *at).expect("pixels");
                assert!(read.expect("pixels") == right, "{at} before {lost}");
            } else {
                let error = read.map(drop).expect_err("pixels that nobody knows");
                assert_eq!(error.kind(), Kind::Corrupt, "{error}");
            }
        }
    }
}

#[test]
fn a_file_that_is_cut_in_the_head_of_a_tile_part_gives_all_tiles_before() {
    let whole = std::fs::read(made().join("tiles-128x128-333.j2k")).expect("the file");
    let decoder = open(&made().join("tiles-128x128-333.j2k")).expect("an image");
    let places: Vec<Block> = blocks(decoder.image(), 0).map(|(at, _)| at).collect();
    let parts = tile_parts(&whole);
    for kept in 0..12 {
        let bytes = whole[..parts[3].start + kept].to_vec();
        for (number, at) in places.iter().enumerate() {
            assert_eq!(
                read_one(bytes.clone(), *at).is_ok(),
                number < 3,
                "{at}, {kept} bytes"
            );
        }
    }
}
