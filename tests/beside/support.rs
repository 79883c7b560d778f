//! The files that the tests read, and the ways to read them.

use super::gdal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tilecache::cache::{Cache, Options};
use tilecache::error::{Kind, Result};
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, cached, level, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file::{self, Choice};

/// The files, made once by the script beside this test.
pub fn made() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| gdal::make("tests/beside/make.py"))
}

pub fn manifest() -> Vec<Vec<String>> {
    gdal::manifest(made())
}

pub fn expected(raw: &str) -> Vec<u8> {
    std::fs::read(made().join(raw)).expect("the expected samples")
}

pub fn open(name: &str) -> Arc<dyn Provider> {
    file::open(&made().join(name), 0, None).unwrap_or_else(|error| panic!("{error}"))
}

pub fn open_alone(name: &str) -> Arc<dyn Provider> {
    open_path_alone(&made().join(name))
}

pub fn open_path_alone(path: &Path) -> Arc<dyn Provider> {
    let alone = Choice {
        alone: true,
        ..Choice::default()
    };
    file::open_choice(path, &alone).unwrap_or_else(|error| panic!("{error}"))
}

/// A new folder of this name.
pub fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("beside-{name}"));
    let _absent = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a folder");
    dir
}

/// All pixels of a level, band by band without gaps.
pub fn try_read(provider: &dyn Provider, level: u32) -> Result<Vec<u8>> {
    let image = provider.image();
    let (width, height) = image.levels[level as usize];
    let (bands, size) = (image.band_count() as usize, image.dtype.size());
    let mut all = vec![0; (width * height) as usize * bands * size];
    let grid = image.grid(level);
    for (row, col) in grid.cells_over(&Rect::new(0, 0, width, height)) {
        let rect = grid.rect(row, col);
        let tile = get_block(provider, Block::new(level, row, col), &Bands::ALL)?;
        for (band, y) in (0..bands).flat_map(|band| (0..rect.height).map(move |y| (band, y))) {
            let row = &tile.pixels().row(band, y as usize)[..rect.width as usize * size];
            let start = (band as u64 * height + rect.y + y) * width + rect.x;
            all[start as usize * size..][..row.len()].copy_from_slice(row);
        }
    }
    Ok(all)
}

pub fn read(provider: &dyn Provider, level: u32) -> Vec<u8> {
    try_read(provider, level).unwrap_or_else(|error| panic!("{}: {error}", provider.key()))
}

/// Compares a level with samples: as it is, as an image of its own, cached, and in other tiles.
pub fn check_level(provider: &Arc<dyn Provider>, number: u32, expected: &[u8], what: &str) {
    assert!(read(&**provider, number) == expected, "{what}");
    let of_level = level(provider.clone(), number).expect("a level");
    assert!(read(&*of_level, 0) == expected, "{what} alone");
    let cache = Cache::new(16 << 20, Options::default()).expect("a cache");
    let kept = cached(provider.clone(), &cache).expect("a cached image");
    for pass in 0..2 {
        assert!(
            read(&*kept, number) == expected,
            "{what} cached, pass {pass}"
        );
    }
    let options = RetileOptions {
        tile: (41, 23),
        ..RetileOptions::default()
    };
    let tiles = retiled(kept, &options, Some(&cache)).expect("tiles");
    assert!(read(&*tiles, number) == expected, "{what} in tiles");
}

/// Whether a level has no block anywhere.
pub fn is_missing(provider: &dyn Provider, level: u32) -> bool {
    try_read(provider, level).is_err_and(|error| error.kind() == Kind::NotFound)
}

/// The warnings of an image.
pub fn warnings(provider: &dyn Provider) -> Vec<String> {
    let texts = provider.image().metadata.iter();
    let warnings = texts.filter(|((_, name), _)| name.starts_with("TC:WARNING:"));
    warnings.map(|(_, text)| text.clone()).collect()
}
