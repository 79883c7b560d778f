//! NITF files written by GDAL and by an independent writer, compared with the pixels that were
//! written and with what GDAL reads, damaged in many ways, and read under difficulties.

#[path = "../support/blocks.rs"]
mod blocks;
mod compare;
mod complex;
mod damage;
#[path = "../support/damage.rs"]
mod damaged;
#[path = "../support/gdal.rs"]
mod gdal;
mod support;

use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use support::*;
use tilecache::bytes::{Bytes, FileBytes};
use tilecache::error::{Kind, Result};
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::provider::{Request, get_block};
use tilecache::source::Decoder;
use tilecache::source::file;
use tilecache::source::nitf::NitfFile;

/// A file that notes what is read of it.
struct Noting(FileBytes, Mutex<Vec<(u64, usize)>>);

impl Bytes for Noting {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.1.lock().push((offset, into.len()));
        self.0.read_at(offset, into)
    }

    fn identity(&self) -> Option<String> {
        None
    }
}

/// The reads that delivering a rectangle takes, and their bytes.
fn reads(name: &str, rect: Rect, bands: &[u32], block: bool) -> (usize, usize) {
    let bytes = FileBytes::open(made().join(name)).expect(name);
    let noting = Arc::new(Noting(bytes, Mutex::default()));
    let file = NitfFile::open(noting.clone()).expect(name);
    let decoder = file.image(0).expect(name);
    noting.1.lock().clear();
    let dtype = decoder.image().dtype;
    pixels(shape(&rect, bands.len()), dtype, |into| match block {
        true => decoder.read_block(Block::new(0, 0, 0), bands, into),
        false => decoder.read_window(0, rect, bands, into),
    })
    .expect(name);
    let reads = noting.1.lock();
    (reads.len(), reads.iter().map(|(_, len)| len).sum())
}

#[test]
fn reads_are_few_and_bring_what_is_needed() {
    let block = Rect::new(0, 0, 23, 18);
    for mode in ["P", "R"] {
        let once = (1, 23 * 18 * 3);
        assert_eq!(
            reads(&format!("INT8-{mode}-NC.ntf"), block, &[0, 1, 2], true),
            once
        );
    }
    let name = "INT8-B-NC.ntf";
    assert_eq!(reads(name, block, &[0, 1, 2], true), (1, 23 * 18 * 3));
    assert_eq!(reads(name, block, &[1], true), (1, 23 * 18));
    assert_eq!(reads(name, block, &[2, 0], true), (2, 2 * 23 * 18));
    // A window of a wide block brings its rows alone, and of long rows their part.
    let rows = Rect::new(0, 1, 9001, 2);
    assert_eq!(reads("wide.ntf", rows, &[0], false), (1, 2 * 9001));
    let part = Rect::new(5000, 0, 10, 3);
    assert_eq!(reads("long-B.ntf", part, &[3], false), (3, 3 * 10 * 2));
    assert_eq!(
        reads("long-P.ntf", part, &[1, 2], false),
        (3, 3 * (9 * 6 + 2) * 2)
    );
    assert_eq!(reads("long-R.ntf", part, &[5], false), (3, 3 * 10 * 2));
}

#[test]
fn resolutions_beside_a_file_are_its_levels() {
    let path = made().join("rset.ntf");
    let image = file::open(&path, 0, None).expect("the file");
    assert_eq!(image.image().levels, [(77, 101), (38, 51), (19, 26)]);
    for (level, name) in ["rset.ntf", "rset.ntf.r1", "rset.ntf.r2"]
        .iter()
        .enumerate()
    {
        let decoder = support::image(name, "0").expect(name);
        let all = read_all(&decoder, &[0, 1]).expect(name);
        let reduced = image.level_image(level as u32).expect("a level");
        let at = Block::new(0, 0, 0);
        let tile = reduced
            .get_block(at, &Bands::ALL, &Request::new())
            .expect("a tile");
        let rect = at.rect(decoder.image());
        let mut got = Vec::new();
        for band in 0..2 {
            for y in 0..rect.height as usize {
                got.extend_from_slice(tile.row(band, y));
            }
        }
        assert_eq!(got, cut(&all, &decoder, &rect, &[0, 1]), "{name}");
    }
    // The key tells what belongs to the image, so that a new resolution is another image.
    assert_eq!(image.key().matches("file-").count(), 3, "{}", image.key());
    let named = file::open(&path, 0, Some("mine")).expect("the file");
    assert_eq!(named.key(), "mine:image:0");
    let bytes = Arc::new(FileBytes::open(&path).expect("the file"));
    let alone = file::open_bytes(bytes, &file::Choice::default()).expect("the file");
    assert_eq!(alone.image().levels.len(), 1);
    let reduced = file::open(&made().join("rset.ntf.r1"), 0, None).expect("the file");
    assert_eq!(reduced.image().levels.len(), 1);
}

#[test]
fn a_codestream_in_a_segment_is_the_codestream_alone() {
    for bits in [8, 11] {
        let alone =
            file::open(&made().join(format!("whole-{bits}.j2k")), 0, None).expect("a codestream");
        let whole = file::open(&made().join(format!("C8-{bits}.ntf")), 0, None).expect("a segment");
        let masked =
            file::open(&made().join(format!("M8-{bits}.ntf")), 0, None).expect("a segment");
        assert!(
            whole.image().levels.len() >= 3,
            "{:?}",
            whole.image().levels
        );
        assert_eq!(whole.image().levels, alone.image().levels);
        for level in 0..whole.image().levels.len() as u32 {
            let grid = whole.image().grid(level);
            for (row, col) in
                (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col)))
            {
                let at = Block::new(level, row, col);
                let [a, b, c] = [&alone, &whole, &masked]
                    .map(|image| get_block(&**image, at, &Bands::ALL).expect("a tile"));
                let there = tilecache::provider::has_block(&*masked, at).expect("an answer");
                for y in 0..grid.rect(row, col).height as usize {
                    assert!(a.row(1, y) == b.row(1, y), "level {level} ({row}, {col})");
                    assert_eq!(
                        a.row(1, y) == c.row(1, y),
                        there,
                        "level {level} ({row}, {col})"
                    );
                }
            }
        }
    }
}

#[test]
fn a_file_is_opened_by_its_content_and_its_absent_blocks_are_pad() {
    let path = made().join("INT8-S-NM.ntf");
    let image = file::open(&path, 0, None).expect("the file");
    assert!(!tilecache::provider::has_block(&*image, Block::new(0, 1, 1)).expect("an answer"));
    let tile = get_block(&*image, Block::new(0, 1, 1), &Bands::ALL).expect("a tile");
    assert!(
        tile.row(2, 5)
            .iter()
            .all(|v| f64::from(*v) == image.image().pad.to_f64(image.image().dtype))
    );
    for (row, col, band) in [(3, 0, 0), (0, 3, 0), (0, 0, 3)] {
        let bands = Bands::of(&[band], 3);
        let error = get_block(&*image, Block::new(0, row, col), &bands).map(drop);
        assert_eq!(error.expect_err("an error").kind(), Kind::Range);
    }
    let level = get_block(&*image, Block::new(1, 1, 1), &Bands::ALL).map(drop);
    assert_eq!(level.expect_err("an error").kind(), Kind::Range);
    assert_eq!(
        file::image_count(&made().join("described.ntf")).expect("a count"),
        5
    );
}

#[test]
fn a_file_says_what_it_is() {
    for (name, format) in [
        ("INT8-S-NM.ntf", c"NITF 2.1"),
        ("described.ntf", c"NSIF 1.0"),
    ] {
        let image = file::open(&made().join(name), 0, None).expect(name);
        assert_eq!(image.image().format, Some(format));
    }
}

#[test]
fn a_change_under_a_reader_is_seen() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("changing.ntf");
    std::fs::copy(made().join("INT16-P-NC.ntf"), &path).expect("a copy");
    let file = NitfFile::open(Arc::new(FileBytes::open(&path).expect("the file")));
    let decoder = file.and_then(|file| file.image(0)).expect("an image");
    read_all(&decoder, &[0]).expect("pixels");
    let other = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("a writer");
    other.set_len(1500).expect("a truncation");
    let error = read_all(&decoder, &[0]).expect_err("an error");
    assert_eq!(error.kind(), Kind::Changed, "{error}");
}

#[test]
fn many_threads_read_one_decoder() {
    for name in ["INT11-P-NM.ntf", "jpeg-B-3-C3.ntf"] {
        let decoder = support::image(name, "0").expect(name);
        let expected = read_all(&support::image(name, "0").expect(name), &[0, 1, 2]).expect(name);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert!(read_packed(&decoder, &[0, 1, 2]).expect(name) == expected));
            }
        });
    }
}
