//! The source that CONTRIBUTING.md adds, as part of the library: retiled and pixel by pixel.

#[allow(dead_code)]
#[path = "../examples/add_a_source.rs"]
mod example;

use std::sync::Arc;
use tilecache::bytes::MemoryBytes;
use tilecache::cache::{Cache, Options};
use tilecache::error::Kind;
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, retiled};
use tilecache::provider::get_block;

fn value(x: u64, y: u64, band: u64) -> u8 {
    (x * 3 + y * 5 + band * 7) as u8
}

fn ppm(width: u64, height: u64) -> Vec<u8> {
    let mut file = format!("P6\n# a comment\n{width} {height}\n# another\n255\n").into_bytes();
    for y in 0..height {
        for x in 0..width {
            file.extend((0..3).map(|band| value(x, y, band)));
        }
    }
    file
}

#[test]
fn its_tiles_show_the_pixels_of_the_file() {
    let (width, height) = (150, 131);
    let image = example::open(Arc::new(MemoryBytes::new(ppm(width, height)))).unwrap();
    assert_eq!(
        (image.image().width(), image.image().height()),
        (width, height)
    );
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let options = RetileOptions {
        tile: (50, 50),
        ..RetileOptions::default()
    };
    let tiles = retiled(image, &options, Some(&cache)).unwrap();
    for (row, col) in [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 1),
        (1, 2),
        (2, 0),
        (2, 1),
        (2, 2),
    ] {
        let bands = Bands::of(&[2, 0], 3);
        let tile = get_block(&*tiles, Block::new(0, row, col), &bands).unwrap();
        for y in 0..tile.shape().height {
            for x in 0..tile.shape().width {
                let (at_x, at_y) = (col * 50 + x as u64, row * 50 + y as u64);
                assert_eq!(tile.row(0, y)[x], value(at_x, at_y, 2));
                assert_eq!(tile.row(1, y)[x], value(at_x, at_y, 0));
            }
        }
    }
    assert_eq!(tiles.counters().amplification(), 1.0);
}

#[test]
fn what_it_cannot_read_it_refuses() {
    let kind = |file: &[u8]| {
        example::open(Arc::new(MemoryBytes::new(file)))
            .err()
            .unwrap()
            .kind()
    };
    assert_eq!(kind(b""), Kind::Unsupported);
    assert_eq!(kind(b"P3 1 1 255 0 0 0"), Kind::Unsupported);
    assert_eq!(kind(b"P5 1 1 65535 00"), Kind::Unsupported);
    assert_eq!(kind(b"P5 2 -2 255 0000"), Kind::Corrupt);
    assert_eq!(kind(b"P5 0 2 255 "), Kind::Range);
    assert_eq!(kind(b"P5 2 2 255 123"), Kind::Corrupt);
    assert_eq!(kind(b"P6 4294967295 4294967295 255 "), Kind::Corrupt);
    assert_eq!(kind(b"P5 2 2 # no end"), Kind::Corrupt);
}
