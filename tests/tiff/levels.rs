//! Overviews as levels: those of a file that leaves some out, and those of other sizes than the image halved.

use super::support::*;
use std::sync::Arc;
use tilecache::cache::Cache;
use tilecache::error::Kind;
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, cached, level, retiled};
use tilecache::provider::{self, Provider};
use tilecache::source::file;
use tilecache::source::tiff::TiffImage;

/// A file, and what can be made of it: the file itself, cached, and in other tiles.
fn providers(name: &str) -> (TiffImage, [Arc<dyn Provider>; 3]) {
    let path = made().join(name);
    let stored = open(&path).and_then(|file| file.image(0)).expect(name);
    let file = file::open(&path, 0, None).expect(name);
    let cache = Cache::new(64 << 20, Default::default()).expect("a cache");
    let cached = cached(file.clone(), &cache).expect("a cached provider");
    let options = RetileOptions {
        tile: (50, 30),
        ..RetileOptions::default()
    };
    let tiles = retiled(file.clone(), &options, Some(&cache)).expect("tiles");
    (stored, [file, cached, tiles])
}

/// All pixels of a level, block by block, band by band.
fn pixels_of(provider: &dyn Provider, level: u32) -> Vec<u8> {
    let image = provider.image();
    let (width, height) = image.levels[level as usize];
    let bands = image.band_count() as usize;
    let mut all = vec![0; (width * height) as usize * bands];
    let grid = image.grid(level);
    for (row, col) in grid.cells_over(&Rect::new(0, 0, width, height)) {
        let rect = grid.rect(row, col);
        let tile = provider::get_block(provider, Block::new(level, row, col), &Bands::ALL);
        let tile = tile.expect("a block");
        for (band, y) in (0..bands).flat_map(|band| (0..rect.height).map(move |y| (band, y))) {
            let row = &tile.pixels().row(band, y as usize)[..rect.width as usize];
            let start = (band as u64 * height + rect.y + y) * width + rect.x;
            all[start as usize..][..row.len()].copy_from_slice(row);
        }
    }
    all
}

#[test]
fn levels_that_a_file_leaves_out_are_not_found_and_the_others_are_levels() {
    let (stored, providers) = providers("gap.tif");
    assert_eq!(stored.level_numbers, [0, 2, 4]);
    for provider in providers {
        let sizes = [(331, 203), (166, 102), (83, 51), (42, 26), (21, 13)];
        assert_eq!(provider.image().levels, sizes);
        for number in [1, 3] {
            let image = level(provider.clone(), number).expect("an image");
            for (of, number) in [(&provider, number), (&image, 0)] {
                let at = Block::new(number, 0, 0);
                let has = provider::has_block(&**of, at).expect("an answer");
                assert!(!has, "{} at level {number}", of.key());
                let error = provider::get_block(&**of, at, &Bands::ALL).err();
                let error = error.expect("an error");
                assert_eq!(error.kind(), Kind::NotFound, "{error}");
                assert!(error.message().contains("is not there"), "{error}");
            }
        }
        for (number, decoder) in stored.level_numbers.iter().zip(&stored.levels) {
            let expected = read_all(decoder, &[0, 1, 2]).expect("pixels");
            assert!(pixels_of(&*provider, *number) == expected, "level {number}");
            let image = level(provider.clone(), *number).expect("an image");
            assert!(pixels_of(&*image, 0) == expected, "level {number} alone");
            let at = Block::new(*number, 0, 0);
            assert!(provider::has_block(&*provider, at).expect("an answer"));
        }
    }
}

#[test]
fn levels_of_other_sizes_are_read_to_their_ends() {
    let longer = [(400, 200), (201, 103)];
    let shorter = [(400, 200), (199, 98), (97, 52)];
    for (name, sizes) in [("longer.tif", &longer[..]), ("shorter.tif", &shorter)] {
        let (stored, providers) = providers(name);
        for provider in providers {
            assert_eq!(provider.image().levels, sizes, "{name}");
            for (number, decoder) in (0..).zip(&stored.levels) {
                let expected = read_all(decoder, &[0]).expect("pixels");
                let key = provider.key();
                assert!(
                    pixels_of(&*provider, number) == expected,
                    "{key} at level {number}"
                );
                let image = level(provider.clone(), number).expect("an image");
                assert!(
                    pixels_of(&*image, 0) == expected,
                    "{key} level {number} alone"
                );
            }
        }
    }
}
