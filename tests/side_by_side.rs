//! Windows over blocks without compression that lie beside each other: of every kind of such a file each pixel is looked at.

use std::sync::Arc;
use tilecache::geometry::Rect;
use tilecache::image::Bands;
use tilecache::provider::{Provider, Request};
use tilecache::source::file::open;

/// How a file is stored.
#[derive(Clone, Copy, Debug)]
struct Kind {
    bits: u64,
    bands: u64,
    is_planar: bool,
    big_endian: bool,
    /// FillOrder 2: the lowest bit of a byte is the first.
    low_bits_first: bool,
    tile: u64,
}

const PLAIN: Kind = Kind {
    bits: 8,
    bands: 3,
    is_planar: false,
    big_endian: false,
    low_bits_first: false,
    tile: 256,
};

const SIZE: (u64, u64) = (2300, 1400);

impl Kind {
    fn sample(&self, x: u64, y: u64, band: u64) -> u64 {
        let place = (y * SIZE.0 + x) * self.bands + band;
        place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - self.bits)
    }

    /// The bytes of a tile, with all samples of a pixel or with one.
    fn tile(&self, col: u64, row: u64, bands: std::ops::Range<u64>) -> Vec<u8> {
        let row_bits = self.tile * (bands.end - bands.start) * self.bits;
        let row_bytes = row_bits.div_ceil(8) as usize;
        let mut all = vec![0u8; row_bytes * self.tile as usize];
        for (y, line) in all.chunks_exact_mut(row_bytes).enumerate() {
            let (mut at, y) = (0, row * self.tile + y as u64);
            for x in col * self.tile..(col + 1) * self.tile {
                for band in bands.clone() {
                    let value = self.sample(x, y, band);
                    match self.bits {
                        1 => line[at / 8] |= (value as u8) << (7 - at % 8),
                        8 => line[at / 8] = value as u8,
                        _ => line[at / 8..][..2].copy_from_slice(&match self.big_endian {
                            true => (value as u16).to_be_bytes(),
                            false => (value as u16).to_le_bytes(),
                        }),
                    }
                    at += self.bits as usize;
                }
            }
            if self.low_bits_first {
                line.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
            }
        }
        all
    }

    /// The file.
    fn file(&self) -> Vec<u8> {
        let word = |value: u64, bytes: usize| match self.big_endian {
            true => value.to_be_bytes()[8 - bytes..].to_vec(),
            false => value.to_le_bytes()[..bytes].to_vec(),
        };
        let (cols, rows) = (SIZE.0.div_ceil(self.tile), SIZE.1.div_ceil(self.tile));
        let planes = if self.is_planar { self.bands } else { 1 };
        let mut file = if self.big_endian {
            b"MM".to_vec()
        } else {
            b"II".to_vec()
        };
        file.extend(word(42, 2));
        file.extend([0; 4]);
        let (mut offsets, mut counts) = (Vec::new(), Vec::new());
        for (plane, row, col) in (0..planes).flat_map(|plane| {
            (0..rows).flat_map(move |row| (0..cols).map(move |col| (plane, row, col)))
        }) {
            let bands = if self.is_planar {
                plane..plane + 1
            } else {
                0..self.bands
            };
            let tile = self.tile(col, row, bands);
            offsets.push(file.len() as u64);
            counts.push(tile.len() as u64);
            file.extend(tile);
        }
        let mut array = |values: &[u64], bytes: usize| {
            let at = file.len() as u64;
            values
                .iter()
                .for_each(|value| file.extend(word(*value, bytes)));
            at
        };
        let several = |values: u64, at: u64, one: u64| if values > 1 { at } else { one };
        let bits = vec![self.bits; self.bands as usize];
        let bits_at = array(&bits, 2);
        let (offsets_at, counts_at) = (array(&offsets, 4), array(&counts, 4));
        let tags = [
            (256, 4, 1, SIZE.0),
            (257, 4, 1, SIZE.1),
            (258, 3, self.bands, several(self.bands, bits_at, self.bits)),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (266, 3, 1, if self.low_bits_first { 2 } else { 1 }),
            (277, 3, 1, self.bands),
            (284, 3, 1, if self.is_planar { 2 } else { 1 }),
            (322, 4, 1, self.tile),
            (323, 4, 1, self.tile),
            (324, 4, offsets.len() as u64, offsets_at),
            (325, 4, counts.len() as u64, counts_at),
        ];
        let directory = file.len() as u64;
        file[4..8].copy_from_slice(&word(directory, 4));
        file.extend(word(tags.len() as u64, 2));
        for (tag, kind, count, value) in tags {
            file.extend(word(tag, 2));
            file.extend(word(kind, 2));
            file.extend(word(count, 4));
            // Two short numbers are in the list itself.
            match (kind, count) {
                (3, 1) => file.extend([word(value, 2), vec![0; 2]].concat()),
                (3, 2) => file.extend([word(self.bits, 2), word(self.bits, 2)].concat()),
                _ => file.extend(word(value, 4)),
            }
        }
        file.extend([0; 4]);
        file
    }

    /// Looks at every pixel of some bands in windows of a size.
    fn check(&self, source: &Arc<dyn Provider>, (width, height): (u64, u64), bands: &[u32]) {
        let chosen = Bands::of(bands, self.bands as u32);
        let starts = |size: u64, step: u64| (0..size).step_by(step as usize);
        for (x, y) in
            starts(SIZE.1, height).flat_map(|y| starts(SIZE.0, width).map(move |x| (x, y)))
        {
            let rect = Rect::new(x, y, width.min(SIZE.0 - x), height.min(SIZE.1 - y));
            let got = source.get_window(0, rect, &chosen, &Request::new());
            let got = got.expect("a window").expect("one that is read by itself");
            for (i, band) in bands.iter().enumerate() {
                for y in rect.y..rect.bottom() {
                    let line = got.row(i, (y - rect.y) as usize);
                    for x in rect.x..rect.right() {
                        let at = (x - rect.x) as usize;
                        let value = match self.bits {
                            16 => u64::from(u16::from_ne_bytes([line[2 * at], line[2 * at + 1]])),
                            _ => u64::from(line[at]),
                        };
                        let wanted = self.sample(x, y, u64::from(*band));
                        assert_eq!(value, wanted, "{self:?}, {rect:?}: {x} {y} {band}");
                    }
                }
            }
        }
    }
}

#[test]
fn windows_over_blocks_side_by_side_have_their_pixels_whatever_the_file() {
    let kinds = [
        PLAIN,
        Kind {
            tile: 1024,
            ..PLAIN
        },
        Kind {
            is_planar: true,
            ..PLAIN
        },
        Kind {
            bits: 16,
            big_endian: true,
            bands: 4,
            ..PLAIN
        },
        Kind {
            bits: 16,
            tile: 512,
            bands: 2,
            ..PLAIN
        },
        Kind {
            bits: 1,
            bands: 1,
            low_bits_first: true,
            ..PLAIN
        },
        Kind {
            bits: 1,
            bands: 1,
            tile: 1024,
            ..PLAIN
        },
        Kind {
            bits: 8,
            bands: 1,
            low_bits_first: true,
            tile: 64,
            ..PLAIN
        },
        Kind {
            bands: 20,
            tile: 16,
            ..PLAIN
        },
    ];
    for (number, kind) in kinds.iter().enumerate() {
        let name = format!("side-by-side-{}-{number}.tif", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, kind.file()).expect("a file");
        let source = open(&path, 0, None).expect("an image");
        let all: Vec<u32> = (0..kind.bands as u32).collect();
        for tile in [(1000, 1000), (700, 37), (1200, 1400)] {
            kind.check(&source, tile, &all);
        }
        let some: Vec<u32> = all.iter().rev().step_by(2).copied().collect();
        kind.check(&source, (1100, 900), &some);
        std::fs::remove_file(&path).expect("the file goes");
    }
}
