//! TIFF files of many tiles and of many pages, which exist as far as they are read, and the reads of them.

#![allow(dead_code)]

use std::sync::{Mutex, PoisonError};
use tilecache::bytes::Bytes;
use tilecache::error::Result;

/// Columns and rows of a tile, of bytes.
pub const TILE: u64 = 16;

/// Different tiles that there are.
pub const KINDS: u64 = 251;

/// A file that is zero but for some parts.
pub struct Laid {
    size: u64,
    parts: Vec<(u64, Vec<u8>)>,
    identity: Option<String>,
    reads: Mutex<Vec<(u64, usize)>>,
}

impl Laid {
    fn new(size: u64, parts: Vec<(u64, Vec<u8>)>) -> Self {
        Self {
            size,
            parts,
            identity: None,
            reads: Mutex::default(),
        }
    }

    /// The same file with an identity.
    pub fn named(self, identity: &str) -> Self {
        let identity = Some(identity.to_owned());
        Self { identity, ..self }
    }

    /// Writes over bytes of the file.
    pub fn overlay(mut self, at: u64, bytes: Vec<u8>) -> Self {
        self.parts.push((at, bytes));
        self
    }

    pub fn copy(&self, offset: u64, into: &mut [u8]) {
        let reads = self.reads.lock();
        reads
            .unwrap_or_else(PoisonError::into_inner)
            .push((offset, into.len()));
        into.fill(0);
        let end = offset + into.len() as u64;
        for (at, part) in &self.parts {
            let from = offset.max(*at);
            let to = end.min(at + part.len() as u64);
            if from < to {
                into[(from - offset) as usize..(to - offset) as usize]
                    .copy_from_slice(&part[(from - at) as usize..(to - at) as usize]);
            }
        }
    }

    /// How many reads there were since somebody asked, and of how many bytes.
    pub fn taken(&self) -> (usize, usize) {
        let reads = std::mem::take(&mut *self.reads.lock().unwrap());
        (reads.len(), reads.iter().map(|(_, len)| len).sum())
    }

    pub fn size(&self) -> u64 {
        self.size
    }
}

impl Bytes for Laid {
    fn len(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.copy(offset, into);
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        self.identity.clone()
    }
}

/// The value of all pixels of a tile.
pub fn value(index: u64) -> u8 {
    (index % KINDS) as u8
}

/// Where the tables of the first level of [`tiles`] begin: offsets, byte counts.
pub fn tables(sides: &[u64]) -> (u64, u64) {
    let offsets = 16 + sides.len() as u64 * directory_bytes();
    (offsets, offsets + 8 * sides[0] * sides[0])
}

const TAGS: u64 = 11;

fn directory_bytes() -> u64 {
    8 + 20 * TAGS + 8
}

/// A BigTIFF of levels with so many tiles in each row and column, in the order of a COG: directories, tables,
/// pixels.
pub fn tiles(sides: &[u64]) -> Laid {
    let (mut table, _) = tables(sides);
    let all: u64 = sides.iter().map(|side| side * side).sum();
    let pixels = table + 12 * all;
    let mut head = b"II\x2b\0\x08\0\0\0".to_vec();
    head.extend(16u64.to_le_bytes());
    let mut numbers = Vec::new();
    for (level, side) in sides.iter().enumerate() {
        let count = side * side;
        let tags = [
            (254, 4, 1, u64::from(level > 0)),
            (256, 4, 1, side * TILE),
            (257, 4, 1, side * TILE),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (277, 3, 1, 1),
            (322, 4, 1, TILE),
            (323, 4, 1, TILE),
            (324, 16, count, table),
            (325, 4, count, table + 8 * count),
        ];
        head.extend(TAGS.to_le_bytes());
        for (tag, kind, count, value) in tags {
            head.extend(u16::to_le_bytes(tag));
            head.extend(u16::to_le_bytes(kind));
            head.extend(u64::to_le_bytes(count));
            head.extend(u64::to_le_bytes(value));
        }
        let last = level + 1 == sides.len();
        let next = head.len() as u64 + 8;
        head.extend(if last { 0 } else { next }.to_le_bytes());
        let place = |index: u64| pixels + u64::from(value(index)) * TILE * TILE;
        numbers.extend((0..count).flat_map(|index| place(index).to_le_bytes()));
        numbers.extend((0..count).flat_map(|_| ((TILE * TILE) as u32).to_le_bytes()));
        table += 12 * count;
    }
    let values = (0..KINDS).flat_map(|kind| [kind as u8; (TILE * TILE) as usize]);
    let at = head.len() as u64;
    let parts = vec![(0, head), (at, numbers), (pixels, values.collect())];
    Laid::new(pixels + KINDS * TILE * TILE, parts)
}

/// A TIFF of so many pages of 512 x 512 bytes, each before its directory; those of page i are all i % 251.
pub fn pages(count: u64) -> Laid {
    const SIDE: u64 = 512;
    let page = SIDE * SIDE + 2 + 12 * 9 + 4;
    let mut parts = Vec::new();
    let mut head = b"II\x2a\0".to_vec();
    head.extend((8 + SIDE * SIDE).to_le_bytes()[..4].to_vec());
    parts.push((0, head));
    for index in 0..count {
        let at = 8 + index * page;
        let mut directory = 9u16.to_le_bytes().to_vec();
        for (tag, value) in [
            (256, SIDE),
            (257, SIDE),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, at),
            (277, 1),
            (278, SIDE),
            (279, SIDE * SIDE),
        ] {
            directory.extend(u16::to_le_bytes(tag));
            directory.extend(4u16.to_le_bytes());
            directory.extend(1u32.to_le_bytes());
            directory.extend((value as u32).to_le_bytes());
        }
        let next = at + page + SIDE * SIDE;
        let next = if index + 1 == count { 0 } else { next as u32 };
        directory.extend(next.to_le_bytes());
        parts.push((at, vec![value(index); 64]));
        parts.push((at + SIDE * SIDE, directory));
    }
    Laid::new(8 + count * page, parts)
}
