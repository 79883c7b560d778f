//! Truncated, corrupt and hostile files.

use super::damaged::{damage, peak_memory};
use super::support::*;
use std::sync::Arc;
use tilecache::bytes::MemoryBytes;
use tilecache::error::Kind;
use tilecache::geometry::Rect;
use tilecache::source::Decoder;
use tilecache::source::tiff::TiffFile;

/// Reads everything that a file claims to have; what fails must fail as an error.
pub fn exhaust(bytes: Vec<u8>) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    let Ok(file) = TiffFile::open(Arc::new(MemoryBytes::new(bytes))) else {
        return (0, 1);
    };
    for index in 0..file.image_count().min(8) {
        let Ok(image) = file.image(index) else {
            bad += 1;
            continue;
        };
        for decoder in image.levels.iter().chain(&image.masks) {
            let said = decoder.image();
            let bands: Vec<u32> = (0..said.band_count().min(4)).collect();
            // A caller bounds what it asks for; the decoder must bound everything else.
            for (at, rect) in blocks(decoder).take(64) {
                if rect.width.saturating_mul(rect.height) > 1 << 22 {
                    continue;
                }
                let read = pixels(shape(&rect, bands.len()), said.dtype, |into| {
                    decoder.has_block(at)?;
                    decoder.read_block(at, &bands, into)
                });
                match read {
                    Ok(_) => good += 1,
                    Err(error) => {
                        assert_ne!(error.kind(), Kind::Internal, "{error}");
                        assert!(error.message().starts_with("directory "), "{error}");
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
        "u8-NONE-1-LITTLE-PIXEL.tif",
        "u16-NONE-1-BIG-BAND.tif",
        "u16-LZW-2-BIG-PIXEL.tif",
        "f32-DEFLATE-3-LITTLE-PIXEL.tif",
        "i16-PACKBITS-1-LITTLE-BAND.tif",
        "u8-ZSTD-2-LITTLE-PIXEL.tif",
        "cf64-ZSTD-1-BIG-BAND.tif",
        "nbits11-BIG-PIXEL.tif",
        "jpeg-YCBCR-3-BLOCKYSIZE16-1.tif",
        "jpeg-MINISBLACK-4-BLOCKYSIZE48-0.tif",
        "old-jpeg-tables-3-2x2.tif",
        "old-jpeg-head-1-1x1.tif",
        "old-jpeg-whole-3-2x1.tif",
        "jpeg-lossless-12-3-False-True.tif",
        "jpeg-12-1-True.tif",
        "half-BIG-3.tif",
        "types-u8-f64-u16-1-1-1.tif",
        "CCITTRLE-mixed-BLOCKYSIZE16.tif",
        "mixed-g3-2d-fill-lsb2msb.tif",
        "CCITTFAX4-mixed-MINISBLACK.tif",
        "lerc-u8-PIXEL-0.tif",
        "lerc_DEFLATE-f32-BAND-3.tif",
        "lerc_ZSTD-i16-PIXEL-3.tif",
        "lerc-none-f64-apart.tif",
        "lerc-opacity-mask-PIXEL.tif",
        "webp-3-False-BLOCKYSIZE16.tif",
        "webp-4-True-TILEDYES-BLOCKXSIZE16-BLOCKYSIZE16.tif",
        "lzma-u16-2-PIXEL.tif",
        "codestreams-u16-12-3-True-False.tif",
        "codestreams-aperio.tif",
        "logarithms-34676-1-b.tif",
        "logarithms-34676-3-l.tif",
        "logarithms-34677-3-l.tif",
        "units-42-other-8-None.tif",
        "units-22-usual-16-16.tif",
        "cut-tile-predicted.tif",
        "offsets-short.tif",
        "pages.tif",
        "mask-strips.tif",
        "sparse-band.tif",
        "described.tif",
    ];
    let (mut good, mut bad) = (0, 0);
    for name in names {
        let whole = std::fs::read(made().join(name)).expect(name);
        let (all, none) = exhaust(whole.clone());
        assert!(all > 0 && none == 0, "{name} before the damage");
        let (read, failed) = damage(&whole, 60, 300, &[0..600, 0..whole.len()], exhaust);
        (good, bad) = (good + read, bad + failed);
    }
    assert!(
        good > 1000 && bad > 1000,
        "{good} blocks read, {bad} refused"
    );
    let peak = peak_memory();
    assert!(peak < 2 << 30, "{peak} bytes of memory at the peak");
}

/// A small file with chosen tags, for what only an attacker writes.
pub fn crafted(tags: &[(u16, u16, u32, u32)], tail: &[u8]) -> Vec<u8> {
    let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
    file.extend((tags.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in tags {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.extend(tail);
    file
}

/// A WebP picture whose lossy frame says another size than the picture.
fn webp_frame(picture: (u32, u32), frame: (u16, u16)) -> Vec<u8> {
    let mut file = b"RIFF\x28\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
    for side in [picture.0, picture.1] {
        file.extend(&(side - 1).to_le_bytes()[..3]);
    }
    file.extend(b"VP8 \x0a\0\0\0\x10\0\0\x9d\x01\x2a");
    file.extend(frame.0.to_le_bytes());
    file.extend(frame.1.to_le_bytes());
    file
}

/// A LERC blob of bytes that are all 7, of an old version, which has no check sum.
fn constant_lerc(side: i32) -> Vec<u8> {
    let mut blob = b"Lerc2 ".to_vec();
    for number in [2, side, side, side * side, 8, 62, 1] {
        blob.extend(i32::to_le_bytes(number));
    }
    for number in [0.5, 7.0, 7.0] {
        blob.extend(f64::to_le_bytes(number));
    }
    blob.extend([0; 4]);
    blob
}

#[test]
fn hostile_files_are_refused_by_kind_and_place() {
    let failure = |bytes: Vec<u8>| -> (Kind, String) {
        let result = TiffFile::open(Arc::new(MemoryBytes::new(bytes))).and_then(|file| {
            let image = file.image(file.image_count() - 1)?;
            let decoder = &image.levels[0];
            let (at, rect) = blocks(decoder).next().expect("a block");
            pixels(
                shape(&Rect::new(0, 0, rect.width.min(1 << 20), 1), 1),
                decoder.image().dtype,
                |into| decoder.read_block(at, &[0], into),
            )
        });
        let error = result.expect_err("an error");
        (error.kind(), error.message().to_owned())
    };
    let base = [
        (256, 4, 1, 100),
        (257, 4, 1, 100),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
    ];
    let with = |more: &[(u16, u16, u32, u32)], tail: &[u8]| {
        let mut tags: Vec<_> = base
            .into_iter()
            .filter(|tag| more.iter().all(|m| m.0 != tag.0))
            .collect();
        tags.extend(more);
        crafted(&tags, tail)
    };
    for (what, bytes, kind, says) in [
        ("nothing", vec![], Kind::Corrupt, "begin"),
        (
            "text",
            b"hello, world, this is text".to_vec(),
            Kind::Corrupt,
            "begin",
        ),
        (
            "a directory outside",
            b"II\x2a\0\xff\xff\0\0".to_vec(),
            Kind::Corrupt,
            "directory 0",
        ),
        (
            "no directory",
            b"II\x2a\0\0\0\0\0".to_vec(),
            Kind::Corrupt,
            "no directory",
        ),
        ("no offsets", with(&[], &[]), Kind::Corrupt, "offsets"),
        (
            "no width",
            with(&[(256, 3, 1, 0)], &[]),
            Kind::Corrupt,
            "0 x 100",
        ),
        (
            "a block outside",
            with(&[(273, 4, 1, 1 << 30), (279, 4, 1, 10_000)], &[]),
            Kind::Corrupt,
            "directory 0, block (0, 0)",
        ),
        (
            "a short block",
            with(&[(273, 4, 1, 8), (279, 4, 1, 50)], &[]),
            Kind::Corrupt,
            "50 bytes",
        ),
        (
            "an array of 16 GiB",
            with(&[(273, 4, u32::MAX, 8), (278, 3, 1, 1)], &[]),
            Kind::Corrupt,
            "beyond the end",
        ),
        (
            "huge sides",
            with(
                &[
                    (256, 4, 1, u32::MAX),
                    (257, 4, 1, u32::MAX),
                    (259, 3, 1, 5),
                    (273, 4, 1, 8),
                    (279, 4, 1, 50),
                ],
                &[],
            ),
            Kind::Limit,
            "bytes",
        ),
        (
            "a bomb",
            with(
                &[
                    (256, 4, 1, 60_000),
                    (257, 4, 1, 60_000),
                    (259, 3, 1, 8),
                    (273, 4, 1, 8),
                    (279, 4, 1, 50),
                ],
                &[],
            ),
            Kind::Corrupt,
            "cannot hold",
        ),
        (
            "a facsimile of samples of 8 bits",
            with(&[(259, 3, 1, 4)], &[]),
            Kind::Unsupported,
            "CCITT",
        ),
        (
            "a facsimile in a block of 512 MiB",
            with(
                &[
                    (256, 4, 1, 1 << 26),
                    (257, 4, 1, 64),
                    (258, 3, 1, 1),
                    (259, 3, 1, 4),
                    (273, 4, 1, 8),
                    (279, 4, 1, 50),
                ],
                &[],
            ),
            Kind::Corrupt,
            "row 0: ",
        ),
        (
            "a WebP frame that is larger than its picture",
            with(
                &[
                    (256, 4, 1, 10),
                    (257, 4, 1, 10),
                    (259, 3, 1, 50001),
                    (277, 3, 1, 3),
                    (273, 4, 1, 110),
                    (279, 4, 1, 48),
                ],
                &webp_frame((10, 10), (16383, 16383)),
            ),
            Kind::Corrupt,
            "frame of 16383 x 16383",
        ),
        (
            "a LERC blob of 1 GiB in a tile",
            with(
                &[
                    (256, 4, 1, 10),
                    (257, 4, 1, 10),
                    (259, 3, 1, 34887),
                    (322, 4, 1, 32768),
                    (323, 4, 1, 32768),
                    (324, 4, 1, 122),
                    (325, 4, 1, 62),
                ],
                &constant_lerc(32768),
            ),
            Kind::Limit,
            "of which the image has 10 x 10",
        ),
        (
            "a LERC blob of another size",
            with(
                &[(259, 3, 1, 34887), (273, 4, 1, 98), (279, 4, 1, 62)],
                &constant_lerc(99),
            ),
            Kind::Corrupt,
            "of 99 x 99 pixels",
        ),
        (
            "chroma of three columns",
            with(
                &[
                    (258, 3, 1, 8),
                    (262, 3, 1, 6),
                    (277, 3, 1, 3),
                    (530, 3, 2, 3 | 1 << 16),
                ],
                &[],
            ),
            Kind::Corrupt,
            "subsampled by [3, 1]",
        ),
        (
            "units in a predictor",
            with(
                &[
                    (259, 3, 1, 8),
                    (262, 3, 1, 6),
                    (277, 3, 1, 3),
                    (317, 3, 1, 2),
                ],
                &[],
            ),
            Kind::Unsupported,
            "subsampled by [2, 2]",
        ),
        (
            "no such compression",
            with(&[(259, 3, 1, 77)], &[]),
            Kind::Unsupported,
            "compression 77",
        ),
        (
            "0 bits",
            with(&[(258, 3, 1, 0)], &[]),
            Kind::Unsupported,
            "0 bits",
        ),
    ] {
        let (got, message) = failure(bytes);
        assert_eq!(got, kind, "{what}: {message}");
        assert!(message.contains(says), "{what}: {message}");
    }
    // A chain that returns to its beginning: one good image, and one that tells of the damage.
    let mut ring = with(&[(273, 4, 1, 8), (279, 4, 1, 50)], &[]);
    let link = ring.len() - 4;
    ring[link] = 8;
    let (kind, message) = failure(ring);
    assert_eq!(kind, Kind::Corrupt);
    assert!(
        message.contains("directory 1") && message.contains("returns"),
        "{message}"
    );
}

#[test]
fn a_truncated_file_still_gives_its_whole_blocks() {
    let path = made().join("u8-NONE-1-LITTLE-PIXEL.tif");
    let mut bytes = std::fs::read(path).expect("the file");
    bytes.truncate(bytes.len() - 100);
    let (good, bad) = exhaust(bytes);
    assert!(good > 0 && bad == 1, "{good} blocks read, {bad} refused");
}

#[test]
fn a_block_behind_the_end_is_an_error_that_names_the_file() {
    let side = |tag| (tag, 4, 1, 8);
    let tags = [
        side(256),
        side(257),
        (258, 4, 1, 8),
        (262, 4, 1, 1),
        (273, 4, 1, 5000),
        (278, 4, 1, 8),
        (279, 4, 1, 64),
    ];
    let path = std::env::temp_dir().join(format!("behind-{}.tif", std::process::id()));
    std::fs::write(&path, crafted(&tags, &[])).expect("a file");
    let image = tilecache::source::file::open(&path, 0, None).expect("an image");
    let block = tilecache::image::Block::new(0, 0, 0);
    let all = tilecache::image::Bands::ALL;
    let read = image.get_block(block, &all, &tilecache::provider::Request::new());
    let said = read.err().expect("an error").message().to_owned();
    std::fs::remove_file(&path).expect("the file");
    let place = format!(
        "{}: TIFF: block (row 0, column 0) of level 0: ",
        path.display()
    );
    assert!(said.starts_with(&place), "{said}");
}

/// Lists and texts that many directories and tags point to are not kept once for each of them.
#[test]
fn what_is_shared_in_a_file_is_not_kept_many_times() {
    let bands = 60_000;
    let directories = 2_000;
    let tags = |list: u32| {
        [
            (256u16, 4u16, 1u32, 1u32),
            (257, 4, 1, 1),
            // Bits by turns, so that none is a repetition.
            (258, 3, bands, list),
            (262, 3, 1, 1),
            (273, 4, 1, 8),
            (277, 4, 1, bands),
            (279, 4, 1, bands),
        ]
    };
    let size = 2 + 7 * 12 + 4;
    let mut file = b"II\x2a\0\x08\0\0\0".to_vec();
    for directory in 1..=directories {
        file.extend(7u16.to_le_bytes());
        for (tag, kind, count, value) in tags(8 + directories * size) {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        let next = if directory == directories {
            0
        } else {
            8 + directory * size
        };
        file.extend(next.to_le_bytes());
    }
    file.extend((0..bands).flat_map(|band| (5 + band as u16 % 2).to_le_bytes()));
    let file = TiffFile::open(Arc::new(MemoryBytes::new(file))).expect("a TIFF file");
    let count = file.image_count();
    assert!((2..200).contains(&count), "{count} images");
    let error = file.image(count - 1).err().expect("an error");
    assert_eq!(error.kind(), Kind::Limit, "{error}");
    assert!(error.message().contains("lists for samples"), "{error}");

    let text = vec![b'a'; 100_000];
    let mut tags: Vec<(u16, u16, u32, u32)> = [256, 257].map(|tag| (tag, 4, 1, 1)).to_vec();
    tags.extend([
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (279, 4, 1, 1),
    ]);
    let at = 8 + 2 + 2_006 * 12 + 4;
    tags.extend((40_000..42_000).map(|tag| (tag, 2, text.len() as u32, at)));
    let file = crafted(&tags, &text);
    let len = file.len();
    let image = TiffFile::open(Arc::new(MemoryBytes::new(file))).and_then(|file| file.image(0));
    let image = image.expect("an image");
    let metadata = &image.levels[0].image().metadata;
    let told: usize = metadata.values().map(String::len).sum();
    assert!((text.len()..=len).contains(&told), "{told} bytes of {len}");
}
