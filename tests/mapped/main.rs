//! Files that are mapped because their user says that they do not change: the same pixels as read, without a copy where
//! a tile can have them so, and in memory until the last tile of them has gone.

#[path = "../support/gdal.rs"]
mod gdal;
#[path = "../one_image/random.rs"]
mod random;
#[path = "../one_image/ways.rs"]
mod ways;

use random::Random;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tilecache::cache::{Cache, Options};
use tilecache::chain::Chain;
use tilecache::error::Kind;
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, cached, display, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file::{self, Choice};
use tilecache::tile::Tile;
use ways::{Whole, window};

/// The files, made once by the script beside this test; removed by the next run.
fn made() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| gdal::make("tests/mapped/make.py"))
}

/// How the pixels of a file can be reached in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Rows,
    Block,
    No,
}

/// Each file, and how its pixels can be reached.
fn files() -> Vec<(String, Reach)> {
    let text = std::fs::read_to_string(made().join("views")).expect("the list");
    let of_line = |line: &str| {
        let (name, how) = line.split_once('\t').expect("two words");
        let reach = match how {
            "rows" => Reach::Rows,
            "block" => Reach::Block,
            "no" => Reach::No,
            other => panic!("{other}"),
        };
        (name.to_owned(), reach)
    };
    text.lines().map(of_line).collect()
}

fn mapped_choice() -> Choice<'static> {
    Choice {
        mapped: true,
        ..Choice::default()
    }
}

fn open(path: &Path, mapped: bool) -> Arc<dyn Provider> {
    let choice = Choice {
        mapped,
        ..Choice::default()
    };
    let opened = file::open_choice(path, &choice);
    opened.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All pixels as they are read from a file that is not mapped.
fn whole(name: &str, source: &Arc<dyn Provider>) -> Whole {
    let image = source.image();
    let all: Vec<u32> = (0..image.band_count()).collect();
    let pixels = (0..).zip(&image.levels).map(|(level, (width, height))| {
        window(source, level, Rect::new(0, 0, *width, *height), &all)
    });
    Whole::new(name, image, pixels.collect())
}

fn is_view(tile: &Tile) -> bool {
    tile.buffer().is_foreign()
}

#[test]
fn every_pixel_is_as_without() {
    let files = files();
    assert!(files.len() > 35, "{} files", files.len());
    for (name, _) in files {
        let path = made().join(&name);
        let read = open(&path, false);
        let mapped = open(&path, true);
        let mut described = mapped.image().clone();
        described.in_place = false;
        // Windows of a mapped file read nothing in vain.
        described.shared_work = read.image().shared_work;
        assert!(described == *read.image(), "{name}: another description");
        ways::all(&mapped, &whole(&name, &read), &mut Random::of(&name));
        if let (Some(read), Some(mapped)) = (read.mask(), mapped.mask()) {
            let name = format!("{name}: mask");
            ways::all(&mapped, &whole(&name, &read), &mut Random::of(&name));
        }
    }
}

#[test]
fn tiles_are_views_where_they_can_be() {
    for (name, reach) in files() {
        let source = open(&made().join(&name), true);
        let cache = Cache::new(1 << 30, Options::default()).expect("a cache");
        let image = source.image().clone();
        // One tile within the first block, and one that no block has all of.
        let (wide, high) = (image.block.0.min(40), image.block.1.min(30));
        for (tile, within) in [((wide, high), true), ((100, 100), false)] {
            let options = RetileOptions {
                tile,
                pad_edges: false,
            };
            let blocks = cached(source.clone(), &cache).expect("blocks");
            for below in [source.clone(), blocks] {
                let tiles = retiled(below, &options, Some(&cache)).expect("tiles");
                let expected = match reach {
                    Reach::Rows => true,
                    Reach::Block => within && !name.contains("sparse"),
                    Reach::No => false,
                };
                let fits = name.contains("whole") && tile.0 == 100 && reach == Reach::Block;
                let at = Block::new(0, 0, 0);
                let got = get_block(&*tiles, at, &Bands::ALL).expect("a tile");
                assert_eq!(is_view(&got), expected || fits, "{name}, tiles {tile:?}");
            }
        }
    }
}

#[test]
fn views_take_nothing_of_the_budget_and_decode_nothing() {
    let source = open(&made().join("one-row-u8.tif"), true);
    let cache = Cache::new(64 << 10, Options::default()).expect("a cache");
    let options = RetileOptions {
        tile: (64, 64),
        pad_edges: false,
    };
    let tiles = retiled(source.clone(), &options, Some(&cache)).expect("tiles");
    for _ in 0..2 {
        for row in 0..3 {
            for col in 0..3 {
                let at = Block::new(0, row, col);
                assert!(is_view(
                    &get_block(&*tiles, at, &Bands::ALL).expect("a tile")
                ));
            }
        }
    }
    let now = cache.statistics();
    let counters = tiles.counters();
    assert_eq!((now.lent, source.counters().decodes), (0, 0));
    assert!(now.idle < 9 * 1024, "{} bytes for nine views", now.idle);
    assert_eq!((counters.hits, counters.misses), (9, 9));
}

#[test]
fn a_tile_keeps_the_file_in_memory_and_the_last_one_gives_it_back() {
    let path = made().join("gone.tif");
    std::fs::copy(made().join("planar.tif"), &path).expect("a copy");
    let is_mapped = || {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the maps");
        maps.contains("gone.tif")
    };
    let cache = Cache::new(1 << 20, Options::default()).expect("a cache");
    let read = open(&path, false);
    let expected = window(&read, 0, Rect::new(0, 0, 64, 64), &[0, 1, 2]);
    drop(read);
    assert!(!is_mapped());
    let options = RetileOptions {
        tile: (64, 64),
        pad_edges: false,
    };
    let tiles = retiled(open(&path, true), &options, Some(&cache)).expect("tiles");
    let tile = get_block(&*tiles, Block::new(0, 0, 0), &Bands::ALL).expect("a tile");
    let other = get_block(&*tiles, Block::new(0, 1, 1), &Bands::ALL).expect("a tile");
    std::fs::remove_file(&path).expect("removed");
    drop((tiles, cache, other));
    assert!(is_mapped() && is_view(&tile));
    let rows = (0..3).flat_map(|band| (0..64).map(move |y| (band, y)));
    let rows = rows.map(|(band, y)| tile.row(band, y));
    assert!(rows.eq(expected.chunks_exact(64)), "other pixels");
    drop(tile);
    assert!(!is_mapped(), "the file is still in memory");
}

#[test]
fn a_change_that_shows_is_an_error_and_one_that_was_renamed_over_stays() {
    let path = made().join("changing.tif");
    let source = made().join("strips.tif");
    std::fs::copy(&source, &path).expect("a copy");
    let mapped = open(&path, true);
    let at = Block::new(0, 2, 0);
    let before = get_block(&*mapped, at, &Bands::ALL).expect("a block");
    let other = made().join("other.tif");
    std::fs::copy(made().join("foreign-bytes.tif"), &other).expect("a copy");
    std::fs::rename(&other, &path).expect("renamed over");
    let after = get_block(&*mapped, at, &Bands::ALL).expect("the old block");
    assert!(is_view(&after) && after.row(0, 3) == before.row(0, 3));

    let mapped = open(&path, true);
    get_block(&*mapped, at, &Bands::ALL).expect("a block");
    let touched = std::fs::File::options().append(true).open(&path);
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
    let touched = touched.and_then(|file| file.set_modified(later));
    touched.expect("another time");
    let error = get_block(&*mapped, at, &Bands::ALL).err().expect("changed");
    assert_eq!(error.kind(), Kind::Changed, "{error}");
}

#[test]
fn a_file_that_became_shorter_is_an_error_where_nothing_was_looked_at_yet() {
    for name in [
        "strips.tif",
        "planar.tif",
        "interleaved.tif",
        "tiles.tif",
        "B.ntf",
        "rows.ntf",
    ] {
        let path = made().join(format!("shorter-{name}"));
        std::fs::copy(made().join(name), &path).expect("a copy");
        let mapped = open(&path, true);
        let options = RetileOptions {
            tile: (40, 40),
            pad_edges: false,
        };
        let small = retiled(mapped.clone(), &options, None).expect("tiles");
        let large = retiled(mapped.clone(), &RetileOptions::default(), None).expect("tiles");
        get_block(&*mapped, Block::new(0, 0, 0), &Bands::ALL).expect("a block");
        let file = std::fs::File::options().write(true).open(&path);
        file.and_then(|file| file.set_len(1000)).expect("shorter");
        let last = mapped.image().grid(0).rows() - 1;
        let low = small.image().grid(0).rows() - 1;
        for (source, row) in [(&mapped, last), (&small, low), (&large, 0)] {
            let got = get_block(&**source, Block::new(0, row, 0), &Bands::ALL);
            assert_eq!(got.err().expect(name).kind(), Kind::Changed, "{name}");
        }
    }
}

#[test]
fn openings_that_did_not_ask_for_it_never_get_a_view() {
    let key = |name: &str, mapped| open(&made().join(name), mapped).key().to_owned();
    for name in ["strips.tif", "planar.tif", "rows.ntf", "levels.tif"] {
        assert_ne!(key(name, true), key(name, false), "{name}");
    }
    for name in ["deflate.tif", "interleaved.tif", "16.ntf"] {
        assert_eq!(key(name, true), key(name, false), "{name}");
    }
    let named = Choice {
        name: Some("scene"),
        ..mapped_choice()
    };
    let named = file::open_choice(&made().join("strips.tif"), &named).expect("opened");
    assert_eq!(named.key(), "scene:in_place:image:0");
    // The same cache, one key after the other.
    let cache = Cache::new(1 << 20, Options::default()).expect("a cache");
    let at = Block::new(0, 1, 0);
    let path = made().join("strips.tif");
    let of = |mapped| cached(open(&path, mapped), &cache).expect("blocks");
    let (mapped, read) = (of(true), of(false));
    let view = get_block(&*mapped, at, &Bands::ALL).expect("a block");
    let own = get_block(&*read, at, &Bands::ALL).expect("a block");
    assert!(is_view(&view) && !is_view(&own) && view.row(0, 7) == own.row(0, 7));
}

#[test]
fn pictures_are_made_from_the_file_itself() {
    for name in ["interleaved.tif", "planar.tif", "tiles.tif", "B.ntf"] {
        let path = made().join(name);
        let chain = match name {
            "tiles.tif" => "stretch=0..65535|u8",
            _ => "bands=2,1,0|u8",
        };
        let chain = Chain::parse(chain).expect("a chain");
        let picture = |mapped| {
            let tiles = open(&path, mapped);
            let picture = display(tiles, &chain, None).expect("a picture");
            let image = picture.image();
            let all: Vec<u32> = (0..image.band_count()).collect();
            let rect = Rect::new(0, 0, image.width(), image.height());
            window(&picture, 0, rect, &all)
        };
        assert!(picture(true) == picture(false), "{name}: another picture");
    }
}
