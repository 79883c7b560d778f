//! Tiles of Part 15 (HTJ2K): blocks are whole tiles, windows of large ones are read by code-blocks, each of which is decoded
//! once; and what Part 2 adds, which is refused.

use super::by_parts::{decoded_for_window, read_all, tiles};
use super::compare::complaint;
use super::support::*;
use std::path::PathBuf;
use std::sync::Arc;
use tilecache::bytes::{Bytes, MemoryBytes};
use tilecache::cache::{Cache, Options};
use tilecache::error::{Kind, Result};
use tilecache::geometry::Rect;
use tilecache::image::SharedWork;
use tilecache::operator::cached;
use tilecache::source::Decoder;
use tilecache::source::file::{self, Choice};
use tilecache::source::jp2::Jp2File;

#[test]
fn blocks_are_whole_tiles_and_large_ones_have_windows() {
    for (name, block) in [
        ("whole", (333, 517)),
        ("large", (2201, 2003)),
        ("tiles", (128, 100)),
        ("aligned", (90, 70)),
        ("quarters-even", (64, 48)),
        // Along an axis whose tiles do not begin where the image does, or whose samples lie across
        // their edges: one block.
        ("within", (301, 207)),
        ("small", (301, 33)),
        ("quarters-odd", (352, 288)),
        // The same where one block were too large: several tiles.
        ("several", (2400, 2000)),
    ] {
        let decoder = open(&made().join(format!("ht-{name}.j2c"))).expect(name);
        let image = decoder.image();
        assert_eq!(image.block, block, "{name}");
        let is_large = block.0 * block.1 >= 1 << 22;
        let shared = match is_large {
            true => SharedWork::Repeated,
            false => SharedWork::None,
        };
        assert_eq!(
            (image.windowed, image.shared_work),
            (is_large, shared),
            "{name}"
        );
    }
    let decoder = open(&made().join("offset-within.j2k")).expect("an image");
    assert_eq!(decoder.image().block, (90, 70));
}

/// Bytes of which each read is a journey.
struct Far(MemoryBytes);

impl Bytes for Far {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.0.read_at(offset, into)
    }

    fn identity(&self) -> Option<String> {
        self.0.identity()
    }

    fn check_unchanged(&self) -> Result<()> {
        self.0.check_unchanged()
    }

    fn read_cost(&self) -> u64 {
        1 << 20
    }
}

#[test]
fn tiles_from_afar_have_no_windows_for_they_are_decoded_as_a_whole() {
    let bytes = std::fs::read(made().join("ht-large.j2c")).expect("the file");
    let opened = Jp2File::open(Arc::new(Far(MemoryBytes::new(bytes))));
    let decoder = opened.expect("an image").into_decoder();
    let image = decoder.image();
    assert!(!image.windowed && decoder.hidden().is_none());
    assert_eq!(image.shared_work, SharedWork::None);
    let rect = Rect::new(700, 800, 64, 64);
    let got = window(&decoder, 0, rect, &[0]).expect("a window");
    assert!(got == cut(&large(0).1, image, 0, &rect, &[0]));
}

/// Makes a stream one of Part 2.
type Change<'a> = &'a dyn Fn(&mut Vec<u8>);

#[test]
fn part_2_is_unsupported() {
    let plain = std::fs::read(made().join("ht-whole.j2c")).expect("the file");
    let marker = |marker: u8| {
        let at = plain.windows(2).position(|pair| pair == [0xff, marker]);
        at.expect("the marker")
    };
    let with = |change: Change<'_>| {
        let mut bytes = plain.clone();
        change(&mut bytes);
        Jp2File::open(Arc::new(MemoryBytes::new(bytes))).err()
    };
    assert!(with(&|_| ()).is_none());
    let (size, style) = (marker(0x51), marker(0x52));
    let changes: [(&str, Change<'_>); 4] = [
        ("capabilities c0a0", &|bytes| {
            bytes[size + 4..size + 6].copy_from_slice(&[0xc0, 0xa0])
        }),
        ("marker ff79", &|bytes| {
            bytes.splice(style..style, [0xff, 0x79, 0, 4, 0, 0]);
        }),
        ("wavelet 2", &|bytes| bytes[style + 13] = 2),
        ("decomposition 130", &|bytes| bytes[style + 9] = 130),
    ];
    for (named, change) in changes {
        let error = with(change).expect(named);
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        assert!(error.message().contains(named), "{error}");
    }
}

/// Every file of the script beside this test that has code-blocks of Part 15, its levels, and their samples.
fn all_levels() -> impl Iterator<Item = (PathBuf, u32, f64, Vec<u8>)> {
    let lines = manifest().into_iter();
    let lines = lines.filter(|line| line.len() > 3 && line[0].starts_with("ht-"));
    lines.map(|line| {
        let path = made().join(&line[0]);
        let samples = std::fs::read(made().join(&line[8])).expect("the samples");
        let (level, tolerance) = (line[1].parse(), line[7].parse());
        (
            path,
            level.expect("a level"),
            tolerance.expect("a number"),
            samples,
        )
    })
}

#[test]
fn windows_by_code_blocks_are_what_the_codec_makes_of_whole_tiles() {
    let mut compared = 0;
    for (path, level, tolerance, samples) in all_levels() {
        let mut decoder = open(&path).expect("an image");
        decoder.read_all_by_parts();
        assert!(decoder.hidden().is_some(), "{}", path.display());
        let complaint = complaint(&decoder, level, &samples, tolerance);
        let complaint = complaint.unwrap_or_else(|error| error.message().to_owned());
        assert!(
            complaint.is_empty(),
            "{}, level {level}: {complaint}",
            path.display()
        );
        compared += 1;
    }
    assert!(compared > 80, "{compared} levels compared");
}

/// The file of one tile that is large enough to be read by its code-blocks, its size, and its samples at a level.
fn large(level: u32) -> (PathBuf, Vec<u8>) {
    let mut all = all_levels();
    let found = all.find(|(path, of, ..)| path.ends_with("ht-large.j2c") && *of == level);
    let (path, _, _, samples) = found.expect("the file");
    (path, samples)
}

#[test]
fn every_code_block_is_decoded_once() {
    let whole: Vec<Vec<u8>> = (0..3).map(|level| large(level).1).collect();
    let path = large(0).0;
    // Of what level 2 is part of, which has 16 times its samples, a sixteenth is there.
    for (threads, order, all) in [(0, [0, 1, 2], 1.0), (2, [2, 0, 1], 1.0 + 15.0 / 16.0)] {
        let choice = Choice {
            threads,
            ..Choice::default()
        };
        let source = file::open_choice(&path, &choice).expect("the file");
        let cache = Cache::new(64 << 20, Options::default()).expect("a cache");
        for level in order {
            let view = tiles(&source, 300, Some(&cache));
            read_all(&view, level, &whole[level as usize], 3);
        }
        let first = source.counters().blocks_decoded();
        assert!((first - all).abs() < 0.01, "{first} with {threads} threads");
        read_all(&tiles(&source, 128, Some(&cache)), 0, &whole[0], 1);
        let again = source.counters().blocks_decoded() - first;
        assert!(again < 1e-3, "{again} once more");
        let held = cache.statistics();
        assert!(
            held.idle + held.held + held.reusable <= held.budget,
            "{held:?}"
        );
    }
}

#[test]
fn the_window_beside_another_decodes_what_is_new_in_it() {
    let (path, whole) = large(0);
    let source = file::open(&path, 0, None).expect("the file");
    let cache = Cache::new(64 << 20, Options::default()).expect("a cache");
    let view = cached(source.clone(), &cache).expect("a provider");
    let read = |x: u64, y: u64| {
        let rect = Rect::new(x, y, 1024, 1024);
        decoded_for_window(&view, &source, &rect, &whole)
    };
    let first = read(64, 64);
    assert!((0.2..0.5).contains(&first), "{first}");
    assert_eq!(read(64, 64), 0.0);
    let beside = read(64 + 256, 64);
    assert!(
        beside > 0.0 && beside < first * 0.3,
        "{beside} after {first}"
    );
}

#[test]
fn spoilt_code_blocks_are_an_error_or_what_the_codec_reads() {
    let mut outcomes = [0, 0];
    for name in ["whole", "lossy", "deep"] {
        let bytes = std::fs::read(made().join(format!("ht-{name}.j2c"))).expect("the file");
        let first = tile_parts(&bytes)[0].start + 20;
        for case in 0..45usize {
            let mut spoilt = bytes.clone();
            let at = first + case * 7919 % (bytes.len() - first - 20);
            match case % 3 {
                0 => spoilt[at] ^= 1 << (case % 8),
                1 => spoilt[at..at + 9].fill(0xff),
                _ => spoilt[at..at + 9].fill(0),
            }
            let open = || {
                let opened = Jp2File::open(Arc::new(MemoryBytes::new(spoilt.clone())));
                opened.map(Jp2File::into_decoder).expect("an image")
            };
            let (codec, mut parts) = (open(), open());
            parts.read_all_by_parts();
            let rect = Rect::new(40, 60, 130, 99);
            let block = read_level(&codec, 0, &[0]);
            match window(&parts, 0, rect, &[0]) {
                Ok(got) => {
                    // A tile is spoilt to the codec where any of its code-blocks is.
                    if let Ok(all) = block {
                        let right = cut(&all, codec.image(), 0, &rect, &[0]);
                        assert!(got == right, "{name}, {case}");
                    }
                    outcomes[0] += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Corrupt, "{name}, {case}: {error}");
                    outcomes[1] += 1;
                }
            }
        }
    }
    assert!(outcomes[0] > 20 && outcomes[1] > 5, "{outcomes:?}");
}
