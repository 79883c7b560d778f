//! Files read through a caller's callbacks: how often and how much is read, and that it is right.

mod caller;
mod client;
#[path = "../support/gdal.rs"]
mod gdal;
mod http;
#[path = "../support/long_tiff.rs"]
mod long_tiff;
mod server;

use caller::{Image, Source, open_io, open_io_image};
use long_tiff::Laid;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

const FILES: [&str; 17] = [
    "tiles.tif",
    "planar.tif",
    "strips.tif",
    "raw.tif",
    "big.tif",
    "cog.tif",
    "B.ntf",
    "P.ntf",
    "R.ntf",
    "S.ntf",
    "M.ntf",
    "C3.ntf",
    "tiles.j2k",
    "list.j2k",
    "parts.j2k",
    "whole.jp2",
    "huge.j2k",
];

/// The files, made once by the script beside this test.
fn made() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| gdal::make("tests/bytes/make.py"))
}

/// A file in memory, which may be changed, and what was read of it.
struct Noting {
    bytes: Mutex<Vec<u8>>,
    reads: Mutex<Vec<(u64, usize)>>,
}

impl Source for Noting {
    fn size(&self) -> u64 {
        self.bytes.lock().unwrap().len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        self.reads.lock().unwrap().push((offset, into.len()));
        let from = offset as usize;
        into.copy_from_slice(&self.bytes.lock().unwrap()[from..from + into.len()]);
        Ok(())
    }
}

fn noting(name: &str) -> (Arc<Noting>, Image) {
    let bytes = std::fs::read(made().join(name)).expect(name);
    let source = Arc::new(Noting {
        bytes: Mutex::new(bytes),
        reads: Mutex::default(),
    });
    let image = open_io(source.clone()).expect(name);
    (source, image)
}

fn taken(source: &Noting) -> (usize, usize) {
    let reads = std::mem::take(&mut *source.reads.lock().unwrap());
    (reads.len(), reads.iter().map(|(_, len)| len).sum())
}

/// How a file is read: by so many reads it is opened, and by so many each of two tiles of 512 x 512
/// comes; of bytes so many times those of the pixels' share of the file at most.
struct Cost(&'static str, usize, [usize; 2], f64);

#[test]
fn reads_are_few() {
    for Cost(name, opening, tiles, surplus) in [
        // Four rows of blocks, with others between them.
        Cost("tiles.tif", 1, [4, 4], 1.1),
        Cost("P.ntf", 1, [4, 4], 1.1),
        Cost("R.ntf", 1, [4, 4], 1.1),
        Cost("B.ntf", 1, [4, 4], 1.1),
        Cost("M.ntf", 1, [4, 4], 1.1),
        Cost("list.j2k", 1, [4, 4], 1.1),
        // Bands apart; what lies between rows of blocks is shorter than a read is worth.
        Cost("planar.tif", 1, [3, 3], 2.1),
        Cost("S.ntf", 1, [12, 12], 1.1),
        Cost("big.tif", 1, [1, 1], 2.1),
        // 128 strips, and two of half a megabyte.
        Cost("strips.tif", 1, [1, 1], 2.4),
        Cost("raw.tif", 1, [2, 2], 2.9),
        // The overviews come first in the file, and their tables with the first read.
        Cost("cog.tif", 1, [4, 4], 1.1),
        // Streams without a list of their places are looked for once.
        Cost("C3.ntf", 1, [2, 1], 6.0),
        Cost("tiles.j2k", 1, [32, 4], 4.3),
        Cost("parts.j2k", 1, [33, 2], 3.7),
        // One stream for all.
        Cost("whole.jp2", 1, [1, 1], 4.0),
        Cost("huge.j2k", 1, [2, 2], 47.0),
    ] {
        let (source, image) = noting(name);
        let (reads, bytes) = taken(&source);
        assert!(
            reads <= opening && bytes <= 64 << 10,
            "{name}: {reads} reads of {bytes} to open it"
        );
        let info = image.info();
        let all: Vec<i32> = (0..info.bands).collect();
        let view = image.tiled(512);
        let share = (512.0 * 512.0) / (info.width * info.height) as f64;
        for (i, most) in tiles.into_iter().enumerate() {
            let rect = [512 * i as i64, 0, 512, 512];
            view.read(0, rect, &all).expect(name);
            let (reads, bytes) = taken(&source);
            let times = bytes as f64 / (source.size() as f64 * share);
            println!(
                "{name}: tile {i} by {reads} reads of {bytes} bytes, {times:.2} times its share"
            );
            assert!(
                reads <= most && times <= surplus,
                "{name}: {reads} reads, {times} times"
            );
        }
    }
}

impl Source for Laid {
    fn size(&self) -> u64 {
        Laid::size(self)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String> {
        self.copy(offset, into);
        Ok(())
    }
}

#[test]
fn of_a_million_tiles_no_more_is_read_than_leads_to_those_that_are_asked_for() {
    const PAGE: usize = 64 << 10;
    let source = Arc::new(long_tiff::tiles(&[1000, 500, 250, 125, 63]));
    let image = open_io(source.clone()).expect("a COG");
    let (reads, read) = source.taken();
    assert!(
        reads == 1 && read == PAGE,
        "opened by {reads} reads of {read}"
    );
    let tile = |level: u32, row: i64, col: i64| {
        let side = [1000, 500, 250, 125, 63][level as usize];
        let pixels = image.read(level as i32, [col * 16, row * 16, 16, 16], &[0]);
        let value = long_tiff::value((row * side + col) as u64);
        assert_eq!(pixels.expect("a tile"), [value; 256]);
        source.taken()
    };
    // The beginning of the first table came with the header; its other numbers come in a piece.
    let (reads, read) = tile(0, 0, 0);
    assert!(reads == 2 && read <= PAGE + 256, "{reads} reads of {read}");
    let (reads, read) = tile(0, 700, 300);
    assert!(
        reads == 3 && read <= 2 * PAGE + 256,
        "{reads} reads of {read}"
    );
    assert_eq!(tile(0, 701, 301), (1, 256));
    let (reads, read) = tile(3, 100, 100);
    assert!(
        reads <= 3 && read <= 2 * PAGE + 256,
        "{reads} reads of {read}"
    );
    // Tables that lie together come together: these with the end of those before.
    assert_eq!(tile(4, 30, 30), (1, 256));
}

#[test]
fn a_page_of_many_is_opened_by_one_read_for_each() {
    let source = Arc::new(long_tiff::pages(400));
    for page in [0, 399] {
        let image = open_io_image(source.clone(), page).expect("a page");
        let (reads, _) = source.taken();
        assert!(reads <= 401, "page {page}: {reads} reads");
        let pixels = image.read(0, [0, 0, 1, 1], &[0]).expect("a pixel");
        assert_eq!(pixels, [long_tiff::value(page as u64)]);
        source.taken();
    }
}

#[test]
fn one_band_of_many_is_read_alone() {
    for (name, least, most) in [("planar.tif", 1, 4), ("S.ntf", 4, 4)] {
        let (source, image) = noting(name);
        taken(&source);
        image
            .tiled(512)
            .read(0, [0, 0, 512, 512], &[1])
            .expect(name);
        let (reads, bytes) = taken(&source);
        assert!((least..=most).contains(&reads), "{name}: {reads}");
        assert!(bytes < source.size() as usize / 3, "{name}: {bytes}");
    }
}

#[test]
fn an_overview_is_read_by_its_own_blocks() {
    let (source, image) = noting("cog.tif");
    taken(&source);
    image
        .tiled(512)
        .read(2, [0, 0, 200, 200], &[0, 1, 2])
        .expect("an overview");
    let (reads, bytes) = taken(&source);
    assert!(
        reads <= 2 && bytes < source.size() as usize / 10,
        "{reads} reads of {bytes}"
    );
}

#[test]
fn a_level_of_one_long_tile_is_read_in_part_where_packets_are_told() {
    for (name, level, most) in [
        ("huge.j2k", 1, 0.3),
        ("huge.j2k", 3, 0.03),
        ("layers.j2k", 2, 0.2),
        // No lengths of packets there.
        ("whole.jp2", 2, 1.04),
    ] {
        let (source, image) = noting(name);
        taken(&source);
        image.read_level(level).expect(name);
        let (reads, bytes) = taken(&source);
        let share = bytes as f64 / source.size() as f64;
        println!("{name}, level {level}: {reads} reads of {share:.4} of the file");
        assert!(
            reads <= 4 && share <= most,
            "{name}, level {level}: {reads} reads of {share}"
        );
    }
}

#[test]
fn bytes_that_were_read_ahead_are_dropped_when_the_pixels_change() {
    let (source, image) = noting("tiles.tif");
    taken(&source);
    let read = || image.tiled(512).read(0, [0, 0, 512, 512], &[0, 1, 2]);
    let expected = read().expect("pixels");
    let (at, len) = source.reads.lock().unwrap()[0];
    let spoil = |eighth: usize| {
        let from = at as usize + len * eighth / 8;
        source.bytes.lock().unwrap()[from..from + 100]
            .iter_mut()
            .for_each(|byte| *byte ^= 0xff);
    };
    // Of the four blocks that one read brings the second fails, and the fourth stays behind.
    [3, 7].into_iter().for_each(spoil);
    image.invalidate();
    read().expect_err("damage");
    [3, 7].into_iter().for_each(spoil);
    image.invalidate();
    assert!(read().expect("pixels") == expected);
}
