//! Truncated, corrupt and hostile files.

use super::damaged::{damage, peak_memory};
use super::support::*;
use std::ops::Range;
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

/// A made file with its last tile-part, whose length is replaced by what streaming encoders write: up to EOC.
fn without_length(name: &str) -> (Vec<u8>, Range<usize>) {
    let mut bytes = std::fs::read(made().join(name)).expect(name);
    let last = tile_parts(&bytes).pop().expect("a tile-part");
    assert_eq!(last.end, bytes.len() - 2);
    bytes[last.start + 6..last.start + 10].fill(0);
    (bytes, last)
}

/// The last block of a file.
fn last_block(bytes: Vec<u8>) -> Result<Vec<u8>> {
    let decoder = Jp2File::open(Arc::new(MemoryBytes::new(bytes.clone())))?.into_decoder();
    let last = blocks(decoder.image(), 0).last().expect("a block");
    read_one(bytes, last.0)
}

/// Checks that each of these files is damaged, or has the pixels all the same; says how many are damaged.
fn refused(name: &str, right: &[u8], files: impl Iterator<Item = (usize, Vec<u8>)>) -> usize {
    let mut refused = 0;
    for (at, bytes) in files {
        match last_block(bytes) {
            Ok(pixels) => assert!(pixels == right, "{name}, {at}: other pixels"),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Corrupt, "{name}, {at}: {error}");
                refused += 1;
            }
        }
    }
    refused
}

#[test]
fn a_file_that_ends_between_packets_is_an_error() {
    for name in [
        "layout-rpcl.j2k",
        "layout-layers.j2k",
        "tiles-128x128-333.j2k",
    ] {
        let (bytes, last) = without_length(name);
        let right = last_block(bytes.clone()).expect("pixels");
        // What follows EOC is no part of the codestream, and EOC itself may be missing.
        let with_more = [&bytes[..], b"and more"].concat();
        assert!(last_block(with_more).is_ok_and(|it| it == right), "{name}");
        let without_end = bytes[..last.end].to_vec();
        assert!(
            last_block(without_end).is_ok_and(|it| it == right),
            "{name}"
        );
        let cuts = (last.end.saturating_sub(500).max(last.start + 14)..last.end).step_by(1);
        let count = cuts.len();
        let cut = |at: usize| (at, bytes[..at].to_vec());
        assert_eq!(refused(name, &right, cuts.map(cut)), count, "{name}");
    }
}

#[test]
fn a_packet_without_the_marker_of_all_others_is_an_error() {
    let name = "layout-pcrl.j2k";
    let (bytes, last) = without_length(name);
    let right = last_block(bytes.clone()).expect("pixels");
    let lost = |len: usize| {
        let places = (last.start + 40..last.end - 40).step_by(61);
        let bytes = &bytes;
        places.map(move |at| (at, [&bytes[..at], &bytes[at + len..]].concat()))
    };
    for len in [1, 7] {
        let count = lost(len).count();
        let refused = refused(name, &right, lost(len));
        assert!(
            refused == count,
            "{refused} of {count} with {len} bytes lost"
        );
    }
    // A packet as a whole is missed by the number of the one behind it.
    let marks = bytes.windows(4).enumerate();
    let marks = marks.filter(|(_, four)| *four == [0xff, 0x91, 0, 4]);
    let marks: Vec<usize> = marks.map(|(at, _)| at).collect();
    let (from, to) = (marks[marks.len() / 2], marks[marks.len() / 2 + 1]);
    let lost = [&bytes[..from], &bytes[to..]].concat();
    let error = last_block(lost).map(drop).expect_err("a lost packet");
    assert!(error.message().contains("SOP"), "{error}");
    // The standard lets SOP be left out, and writers number it in other ways.
    let mut others = bytes.clone();
    marks.iter().for_each(|at| others[at + 4..at + 6].fill(0));
    assert!(last_block(others).is_ok_and(|it| it == right));
    let mut kept = Vec::new();
    let mut from = 0;
    for at in &marks {
        kept.extend_from_slice(&bytes[from..*at]);
        from = at + 6;
    }
    kept.extend_from_slice(&bytes[from..]);
    assert!(last_block(kept).is_ok_and(|it| it == right));
}

#[test]
fn a_length_that_takes_in_the_end_of_the_codestream_tells_of_lost_bytes() {
    for name in [
        "layout-rpcl.j2k",
        "layout-layers.j2k",
        "tiles-128x128-333.j2k",
    ] {
        let bytes = std::fs::read(made().join(name)).expect(name);
        let last = tile_parts(&bytes).pop().expect("a tile-part");
        let right = last_block(bytes.clone()).expect("pixels");
        let places = (last.start + 20..last.end - 2).step_by((last.len() / 60).max(1));
        let count = places.len();
        let lost = places.map(|at| (at, [&bytes[..at], &bytes[at + 2..]].concat()));
        assert_eq!(refused(name, &right, lost), count, "{name}");
        // A writer that counts EOC has lost nothing.
        let mut counted = bytes.clone();
        let len = last.len() as u32 + 2;
        counted[last.start + 6..last.start + 10].copy_from_slice(&len.to_be_bytes());
        assert!(last_block(counted).is_ok_and(|it| it == right), "{name}");
    }
}

#[test]
fn tile_parts_that_are_announced_or_repeated_in_vain_are_no_loss() {
    for name in ["layout-rpcl.j2k", "tiles-128x128-333.j2k"] {
        let bytes = std::fs::read(made().join(name)).expect(name);
        let parts = tile_parts(&bytes);
        let last = parts.last().cloned().expect("a tile-part");
        let right = last_block(bytes.clone()).expect("pixels");
        let tile = |part: &Range<usize>| bytes[part.start + 4..part.start + 6].to_vec();
        let own = parts.iter().filter(|part| tile(part) == tile(&last));
        let own: Vec<_> = own.collect();
        let mut announced = bytes.clone();
        own.iter()
            .for_each(|part| announced[part.start + 11] = own.len() as u8 + 1);
        assert!(
            last_block(announced.clone()).is_ok_and(|it| it == right),
            "{name}"
        );
        let again = [&bytes[..last.end], &bytes[last.start..]].concat();
        assert!(last_block(again).is_ok_and(|it| it == right), "{name}");
        // Where packets are missing, it is one.
        announced.drain(last.clone());
        let error = last_block(announced)
            .map(drop)
            .expect_err("a lost tile-part");
        assert_eq!(error.kind(), Kind::Corrupt, "{error}");
    }
}
