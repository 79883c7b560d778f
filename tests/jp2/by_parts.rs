//! Windows of large tiles by their code-blocks: right, and each code-block decoded once.

use super::support::*;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tilecache::bytes::MemoryBytes;
use tilecache::cache::{Cache, Options};
use tilecache::error::Kind;
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block, Image};
use tilecache::memory::Target;
use tilecache::operator::{RetileOptions, cached, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::Decoder;
use tilecache::source::file::{self, Choice};
use tilecache::source::jp2::Jp2File;
use tilecache::window::read_window;

const SIDE: usize = 2048;

/// Images in one codestream tile each, and how they are written.
const FILES: [(&str, usize, &[&str]); 5] = [
    ("parts-plain", 1, &["-PLT"]),
    (
        "parts-lossy",
        1,
        &[
            "-I",
            "-r",
            "20,10,5",
            "-p",
            "RPCL",
            "-c",
            "[256,256],[128,128]",
            "-b",
            "32,32",
            "-SOP",
            "-EPH",
        ],
    ),
    // Every style of code-blocks that Part 1 has.
    (
        "parts-styles",
        1,
        &["-M", "63", "-b", "128,16", "-d", "5,3"],
    ),
    // Coefficients that are raised above others.
    (
        "parts-interest",
        1,
        &["-I", "-r", "12,6", "-ROI", "c=0,U=11"],
    ),
    ("parts-rgb", 3, &["-I", "-r", "8", "-n", "4", "-p", "PCRL"]),
];

pub fn make(name: &str, bands: usize, options: &[&str]) -> String {
    make_of(SIDE, name, bands, options)
}

/// Makes a file of so many columns and rows; beside it lie its samples, band by band, with the ending `rawl`.
pub fn make_of(side: usize, name: &str, bands: usize, options: &[&str]) -> String {
    // Each test makes its own.
    let test = std::thread::current()
        .name()
        .unwrap_or_default()
        .replace(':', "-");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&dir).expect("a directory");
    let dir = dir.display();
    let (raw, path) = (format!("{dir}/{name}.rawl"), format!("{dir}/{name}.j2k"));
    let noise = |i: usize| (i as u32).wrapping_mul(2_654_435_761) >> 29;
    let pixel = |i: usize| (i % side / 9 + i / side / 7 * 3) as u32 + noise(i);
    let samples: Vec<u8> = (0..bands * side * side).map(|i| pixel(i) as u8).collect();
    std::fs::write(&raw, samples).expect("samples");
    let size = format!("{side},{side},{bands},8,u");
    let done = Command::new("opj_compress")
        .args(["-i", &raw, "-o", &path, "-F", &size])
        .args(options)
        .output();
    let done = done.expect("this test needs the Debian package libopenjp2-tools");
    assert!(done.status.success(), "{done:?}");
    path
}

/// All tiles of a level in an order that has none.
fn places(image: &Image, level: u32) -> Vec<Block> {
    let mut places: Vec<Block> = blocks(image, level).map(|(at, _)| at).collect();
    let scatter = |at: &Block| (at.row * 31 + at.col * 17 + 5).wrapping_mul(0x9e37_79b9) % 1009;
    places.sort_by_key(scatter);
    places
}

/// Reads all tiles of a level on some threads; complains of the first that is wrong.
pub fn read_all(view: &Arc<dyn Provider>, level: u32, expected: &[u8], threads: usize) {
    let image = view.image();
    let (places, next) = (places(image, level), AtomicUsize::new(0));
    let all: Vec<u32> = (0..image.band_count()).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(at) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tile = get_block(&**view, *at, &Bands::ALL).expect("a tile");
                    let rect = at.rect(image);
                    let right = cut(expected, image, level, &rect, &all);
                    let rows = (0..all.len())
                        .flat_map(|band| (0..rect.height as usize).map(move |y| (band, y)));
                    let got: Vec<u8> = rows
                        .flat_map(|(band, y)| tile.row(band, y).to_vec())
                        .collect();
                    assert!(got == right, "{at} differs");
                }
            });
        }
    });
}

pub fn tiles(source: &Arc<dyn Provider>, side: u64, cache: Option<&Cache>) -> Arc<dyn Provider> {
    let options = RetileOptions {
        tile: (side, side),
        pad_edges: false,
    };
    retiled(source.clone(), &options, cache).expect("tiles")
}

#[test]
fn every_code_block_is_decoded_once() {
    for (name, bands, options) in FILES {
        let path = make(name, bands, options);
        let decoder = open(Path::new(&path)).expect("an image");
        let all: Vec<u32> = (0..bands as u32).collect();
        let whole: Vec<Vec<u8>> = (0..3)
            .map(|level| read_blocks(&decoder, level, &all).expect("pixels"))
            .collect();
        let source = file::open(path.as_ref(), 0, None).expect("the file");
        let decoded = || source.counters().blocks_decoded();
        let cache = Cache::new(256 << 20, Options::default()).expect("a cache");
        let view = tiles(&source, 300, Some(&cache));
        read_all(&view, 0, &whole[0], 4);
        let first = decoded();
        // What no packet has anything of is not decoded.
        assert!((0.5..1.001).contains(&first), "{name}: {first}");
        assert!(name != "parts-plain" || first > 0.999, "{first}");
        // Other tiles and other levels are made of the same code-blocks.
        read_all(&tiles(&source, 128, Some(&cache)), 0, &whole[0], 1);
        for level in [1, 2] {
            read_all(
                &tiles(&source, 128, Some(&cache)),
                level,
                &whole[level as usize],
                2,
            );
        }
        assert!(
            decoded() - first < 1e-3,
            "{name}: {} after {first}",
            decoded()
        );
        let held = cache.statistics();
        assert!(
            held.idle + held.held + held.reusable <= held.budget,
            "{held:?}"
        );
        drop((view, cache));
        // Levels before what they are part of, where next to nothing is kept, and nothing.
        let small = Cache::new(1 << 20, Options::default()).expect("a cache");
        for level in [2, 1] {
            read_all(
                &tiles(&source, 300, Some(&small)),
                level,
                &whole[level as usize],
                2,
            );
        }
        let window = Rect::new(777, 1001, 300, 400);
        let got = super::support::window(&decoder, 0, window, &all).expect("a window");
        assert!(
            got == cut(&whole[0], decoder.image(), 0, &window, &all),
            "{name}"
        );
    }
}

/// Reads windows on three threads, level by level, and says how many blocks were decoded for each level.
fn decoded_for_levels(
    path: &str,
    threads: u32,
    levels: &[(u32, Vec<Rect>)],
    whole: &[Vec<u8>],
    view: View,
) -> Vec<f64> {
    let choice = Choice {
        threads,
        ..Choice::default()
    };
    let source = file::open_choice(path.as_ref(), &choice).expect("the file");
    let cache = Cache::new(96 << 20, Options::default()).expect("a cache");
    let view = view(&source, &cache);
    let decoded = levels.iter().map(|(level, rects)| {
        let (before, next) = (source.counters().blocks_decoded(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while let Some(rect) = rects.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let pixels = read_pixels(&view, *level, rect);
                        let right = cut(&whole[*level as usize], view.image(), *level, rect, &[0]);
                        assert!(pixels == right, "{threads} threads: level {level}, {rect}");
                    }
                });
            }
        });
        source.counters().blocks_decoded() - before
    });
    let decoded = decoded.collect();
    let held = cache.statistics();
    assert!(
        held.idle + held.held + held.reusable <= held.budget,
        "{held:?}"
    );
    decoded
}

#[test]
fn threads_that_help_share_the_code_blocks_and_decode_none_twice() {
    let kept: View = |source, cache| cached(source.clone(), cache).expect("a provider");
    let tiled: View = |source, cache| tiles(source, 256, Some(cache));
    for ((name, bands, options), view, order) in
        [(FILES[0], kept, [0, 1, 2]), (FILES[1], tiled, [2, 0, 1])]
    {
        let path = make(name, bands, options);
        let decoder = open(Path::new(&path)).expect("an image");
        let whole: Vec<Vec<u8>> = (0..3)
            .map(|level| read_blocks(&decoder, level, &[0]).expect("pixels"))
            .collect();
        let levels = order.map(|level| {
            let side = (SIDE >> level) as u64;
            let place = |step: u64, seed: u64| step * seed % (side - 400);
            let rects = (1..9)
                .map(|step| Rect::new(place(step, 0x9e37), place(step, 0x79b9), 400, 300 + step));
            (level, rects.collect())
        });
        let alone = decoded_for_levels(&path, 0, &levels, &whole, view);
        assert!(
            alone.iter().all(|it| (0.0..1.001).contains(it)),
            "{alone:?}"
        );
        for threads in [1, 4] {
            let helped = decoded_for_levels(&path, threads, &levels, &whole, view);
            // A code-block is a thousandth of the image.
            let differ = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-4;
            assert!(
                !alone.iter().zip(&helped).any(differ),
                "{name}, {threads} threads: {helped:?} and {alone:?}"
            );
        }
        // Where nothing is kept, too.
        for threads in [0, 2] {
            let mut decoder = open(Path::new(&path)).expect("an image");
            decoder.allow_threads(threads);
            let (level, rects) = &levels[1];
            for rect in &rects[..2] {
                let got = window(&decoder, *level, *rect, &[0]).expect("a window");
                let right = cut(&whole[*level as usize], decoder.image(), *level, rect, &[0]);
                assert!(got == right, "{name}, {threads} threads: {rect}");
            }
        }
    }
}

#[test]
fn the_window_beside_another_takes_what_is_new_in_it() {
    let path = make(FILES[0].0, FILES[0].1, FILES[0].2);
    let source = file::open(path.as_ref(), 0, None).expect("the file");
    let cache = Cache::new(64 << 20, Options::default()).expect("a cache");
    let view = tiles(&source, 256, Some(&cache));
    let decoded_for = |col: u64| {
        let before = source.counters().blocks_decoded();
        get_block(&*view, Block::new(0, 3, col), &Bands::ALL).expect("a tile");
        source.counters().blocks_decoded() - before
    };
    let (first, second) = (decoded_for(2), decoded_for(3));
    assert!(second < first * 0.9, "{first} and {second}");
}

/// Makes what callers read of a source.
type View = fn(&Arc<dyn Provider>, &Cache) -> Arc<dyn Provider>;

/// Reads a window as callers do, and says how much was decoded for it.
pub fn decoded_for_window(
    view: &Arc<dyn Provider>,
    source: &Arc<dyn Provider>,
    rect: &Rect,
    whole: &[u8],
) -> f64 {
    let before = source.counters().blocks_decoded();
    let pixels = read_pixels(view, 0, rect);
    assert!(pixels == cut(whole, view.image(), 0, rect, &[0]), "{rect}");
    source.counters().blocks_decoded() - before
}

/// The first band of a window, as callers read it.
fn read_pixels(view: &Arc<dyn Provider>, level: u32, rect: &Rect) -> Vec<u8> {
    let shape = shape(rect, 1);
    let mut pixels = vec![0; shape.width * shape.height];
    let strides = [1, shape.width as isize, 0];
    // SAFETY: the pixels have this shape, one byte each, and live as long as the target.
    let target = unsafe { Target::new(pixels.as_mut_ptr(), strides, shape, view.image().dtype) };
    let (x, y) = (rect.x as i64, rect.y as i64);
    read_window(view, x, y, level, &[Some(0)], target).expect("a window");
    pixels
}

#[test]
fn windows_decode_what_is_new_in_them_without_tiles() {
    let path = make(FILES[0].0, FILES[0].1, FILES[0].2);
    let whole = read_blocks(&open(Path::new(&path)).expect("an image"), 0, &[0]).expect("pixels");
    let kept: View = |source, cache| cached(source.clone(), cache).expect("a provider");
    let tiled: View = |source, cache| tiles(source, 256, Some(cache));
    let tiled_kept: View = |source, cache| {
        let kept = cached(source.clone(), cache).expect("a provider");
        tiles(&kept, 256, Some(cache))
    };
    for (name, view) in [
        ("cached", kept),
        ("tiles", tiled),
        ("tiles over cached", tiled_kept),
    ] {
        let source = file::open(path.as_ref(), 0, None).expect("the file");
        let cache = Cache::new(64 << 20, Options::default()).expect("a cache");
        let view = view(&source, &cache);
        let read = |x: u64, y: u64| {
            let rect = Rect::new(x, y, 700, 600);
            decoded_for_window(&view, &source, &rect, &whole)
        };
        let first = read(100, 200);
        assert!(first > 0.0, "{name}");
        let again = read(100, 200);
        assert_eq!(again, 0.0, "{name}");
        let beside = read(275, 200);
        assert!(beside < first / 2.0, "{name}: {first} and {beside}");
        // However long someone pans, nothing is decoded twice.
        let all: f64 = (0..40)
            .map(|step| read(100 + step * 15, 200 + step * 7))
            .sum();
        assert!(first + beside + all < 0.6, "{name}: {first} {beside} {all}");
        let held = cache.statistics();
        assert!(held.in_flight == 0 && held.idle + held.reusable <= held.budget);
    }
}

#[test]
fn windows_over_large_tiles_decode_what_they_cover_until_the_tiles_are_worth_it() {
    let path = make(FILES[0].0, FILES[0].1, FILES[0].2);
    let decoder = open(Path::new(&path)).expect("an image");
    let whole = read_blocks(&decoder, 0, &[0]).expect("pixels");
    let source = file::open(path.as_ref(), 0, None).expect("the file");
    let cache = Cache::new(64 << 20, Options::default()).expect("a cache");
    let view = tiles(&source, 1024, Some(&cache));
    let read = |x: u64, y: u64, side: u64| {
        let rect = Rect::new(x, y, side, side);
        decoded_for_window(&view, &source, &rect, &whole)
    };
    let is_there = |row, col| {
        view.peek_block(Block::new(0, row, col), &Bands::ALL)
            .is_some()
    };
    // Over the corner of four tiles, which together are most of the image.
    let first = read(900, 900, 200);
    assert!(first < 0.1, "{first}");
    for _ in 0..50 {
        assert_eq!(read(900, 900, 200), 0.0);
    }
    assert!(!is_there(0, 0));
    // Most of a tile is the tile; a part of what is there is cut out of it.
    read(0, 0, 1000);
    assert!(is_there(0, 0));
    let served = cache.statistics().counters.hits;
    assert_eq!(read(10, 10, 300), 0.0);
    assert!(cache.statistics().counters.hits > served);
    // Windows of more pixels than a tile has are worth making it: 51 of 76 x 76 before, and four of 500 x 500.
    for step in 0..3 {
        read(1030 + 16 * step, 1030, 500);
    }
    assert!(!is_there(1, 1));
    read(1030, 1046, 500);
    assert!(is_there(1, 1));
}

#[test]
fn a_packet_without_its_marker_is_an_error_in_windows_too() {
    const EPH: [u8; 2] = [0xff, 0x92];
    let path = make(FILES[1].0, FILES[1].1, FILES[1].2);
    let mut bytes = std::fs::read(path).expect("the file");
    let all = bytes.windows(2).enumerate().filter(|(_, two)| *two == EPH);
    let all: Vec<usize> = all.map(|(at, _)| at).collect();
    bytes[all[all.len() / 3]] = 0;
    let opened = Jp2File::open(Arc::new(MemoryBytes::new(bytes)));
    let decoder = opened.map(Jp2File::into_decoder).expect("an image");
    assert!(decoder.hidden().is_some());
    assert!(read_blocks(&decoder, 0, &[0]).is_err());
    for at in 0..30u64 {
        let rect = Rect::new(at % 6 * 390, at / 6 * 390, 64, 64);
        assert!(window(&decoder, 0, rect, &[0]).is_err(), "{rect:?}");
    }
}

#[test]
fn a_tile_without_all_of_its_parts_is_an_error() {
    let path = make("parts-of-parts", 1, &["-I", "-r", "20,10", "-TP", "R"]);
    let whole = std::fs::read(path).expect("the file");
    let parts = tile_parts(&whole);
    let ends = whole.len() - 2;
    assert!(parts.len() > 4 && parts[parts.len() - 1].end == ends);
    let read = |lost: Range<usize>| {
        let mut bytes = whole.clone();
        drop(bytes.drain(lost));
        let opened = Jp2File::open(Arc::new(MemoryBytes::new(bytes)));
        let decoder = opened.map(Jp2File::into_decoder).expect("an image");
        assert!(decoder.hidden().is_some());
        let rect = Rect::new(700, 900, 64, 64);
        let window = window(&decoder, 0, rect, &[0]);
        let block = read_blocks(&decoder, 0, &[0]);
        let block = block.map(|all| cut(&all, decoder.image(), 0, &rect, &[0]));
        (window, block)
    };
    let (Ok(window), Ok(block)) = read(0..0) else {
        panic!("the whole file is damaged");
    };
    assert!(window == block);
    // An end that is missing is no loss.
    assert!(read(ends..ends + 2).0.is_ok_and(|it| it == window));
    let last = parts[parts.len() - 1].clone();
    let inside = |part: usize, len: usize| parts[part].start + 30..parts[part].start + 30 + len;
    for lost in [
        inside(1, 9),
        inside(parts.len() - 1, 9),
        parts[2].clone(),
        last.clone(),
        last.start..whole.len(),
        last.start + 5..whole.len(),
        last.start + 200..whole.len(),
    ] {
        let (window, block) = read(lost.clone());
        for read in [window, block] {
            let error = read.map(drop).expect_err("pixels that nobody knows");
            assert_eq!(error.kind(), Kind::Corrupt, "{lost:?}: {error}");
        }
    }
}

#[test]
fn damaged_packets_are_an_error_or_pixels() {
    let path = make(FILES[1].0, FILES[1].1, FILES[1].2);
    let bytes = std::fs::read(path).expect("the file");
    let mut outcomes = [0, 0];
    for case in 0..60usize {
        let mut damaged = bytes.clone();
        let at = 200 + case * 7919 % 4000.min(damaged.len() - 300);
        match case % 3 {
            0 => damaged[at] ^= 1 << (case % 8),
            1 => damaged[at..at + 9].fill(0xff),
            _ => damaged.truncate(damaged.len() / 60 * case.max(1)),
        }
        let opened = Jp2File::open(Arc::new(MemoryBytes::new(damaged)));
        let Ok(decoder) = opened.map(Jp2File::into_decoder) else {
            continue;
        };
        assert!(decoder.hidden().is_some());
        let read = window(&decoder, case as u32 % 2, Rect::new(64, 900, 96, 64), &[0]);
        outcomes[usize::from(read.is_ok())] += 1;
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "{outcomes:?}");
}
