//! The file: where directories and tiles lie in it, and how it is put together at the end.

use super::aside::{self, Aside};
use super::directory::{Directory, Width};
use super::encode::Coding;
use super::options::Layout;
use super::stream::Places;
use super::tags;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileExt;

/// What the tiles of a level are in the file.
#[derive(Clone, Debug)]
pub struct Part {
    /// The directory of the image, without its tables.
    pub image: Directory,
    /// That of its mask.
    pub mask: Option<Directory>,
    /// Tiles of one plane.
    pub tiles: u64,
    /// Planes.
    pub planes: usize,
    /// What the samples of all tiles take.
    pub plain_bytes: u64,
}

impl Part {
    /// The level of a size, whose tiles are coded so.
    pub fn new(
        (image, mask): (Directory, Option<Directory>),
        size: (u64, u64),
        coding: &Coding,
    ) -> Self {
        let (width, height) = (coding.tile.0 as u64, coding.tile.1 as u64);
        let tiles = size.0.div_ceil(width) * size.1.div_ceil(height);
        let bits = 8 * (coding.bands * coding.dtype.size()) as u64 + u64::from(mask.is_some());
        Self {
            planes: coding.planes(),
            plain_bytes: (tiles * width * height).saturating_mul(bits) / 8,
            image,
            mask,
            tiles,
        }
    }
}

/// The tables and the length of a level's tiles, and the file in which they are if that is another one.
pub struct Tiles<'a> {
    /// Those of the image.
    pub image: Places,
    /// Those of its mask.
    pub mask: Places,
    /// Bytes of the stream.
    pub len: u64,
    /// Where it was written aside.
    pub aside: Option<&'a File>,
}

/// What a file is to be.
pub struct Frame {
    layout: Layout,
    width: Width,
    parts: Vec<Part>,
    ghost: Vec<u8>,
}

/// What a reader may rely on in a cloud-optimised file, which lies between the header and the first directory.
fn ghost(has_mask: bool) -> Vec<u8> {
    let interleaved = match has_mask {
        true => "MASK_INTERLEAVED_WITH_IMAGERY=YES\n",
        false => "",
    };
    let text = format!(
        "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n\
         BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n {interleaved}"
    );
    let head = format!("GDAL_STRUCTURAL_METADATA_SIZE={:06} bytes\n", text.len());
    [head, text].concat().into_bytes()
}

impl Frame {
    /// A file of these levels, the finest first. Offsets have 64 bits if so said, else where tiles that do not compress
    /// would need it.
    pub fn new(layout: Layout, parts: Vec<Part>, big: Option<bool>, growth: u64) -> Self {
        let has_mask = parts.iter().any(|part| part.mask.is_some());
        let ghost = match layout {
            Layout::Cog => ghost(has_mask),
            _ => Vec::new(),
        };
        let mut frame = Self {
            layout,
            width: Width { is_big: true },
            parts,
            ghost,
        };
        let tiles = frame.parts.iter().map(|part| {
            let each = part.planes as u64 + u64::from(part.mask.is_some());
            // The frame of a tile, and what a codec adds to what it cannot compress.
            part.plain_bytes.saturating_add(part.tiles * each * 64)
        });
        let plain = tiles.fold(0, u64::saturating_add);
        let worst = plain.saturating_add(plain / 64 * growth) + frame.data_start();
        frame.width.is_big = big.unwrap_or(worst > u64::from(u32::MAX));
        frame
    }

    /// The place of the first tile.
    pub fn data_start(&self) -> u64 {
        let directories: u64 = self
            .with_tables(None)
            .iter()
            .map(|it| it.len(self.width))
            .sum();
        self.first_directory() + directories
    }

    fn first_directory(&self) -> u64 {
        (self.width.header() + self.ghost.len() as u64).next_multiple_of(2)
    }

    /// Whether tiles stand in frames.
    pub fn is_framed(&self) -> bool {
        self.layout == Layout::Cog
    }

    /// Whether the tiles of the finest level come first.
    pub fn is_finest_first(&self) -> bool {
        self.layout != Layout::Cog
    }

    /// The directories in their order, with tables of places or of zeros.
    fn with_tables(&self, places: Option<&[(Places, Places)]>) -> Vec<Directory> {
        let mut directories = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            let zeros = |count: u64| vec![0; count as usize];
            let mut add = |directory: &Directory, of: Option<&Places>, count: u64| {
                let mut directory = directory.clone();
                let zeros = zeros(count);
                let (offsets, counts) = match of {
                    Some(places) => (&places.offsets, &places.counts),
                    None => (&zeros, &zeros),
                };
                tags::set_tiles(&mut directory, offsets, counts, self.width.kind());
                directories.push(directory);
            };
            let places = places.map(|places| &places[at]);
            let count = part.tiles * part.planes as u64;
            add(&part.image, places.map(|(image, _)| image), count);
            if let Some(mask) = &part.mask {
                add(mask, places.map(|(_, mask)| mask), part.tiles);
            }
        }
        directories
    }

    /// Puts the file together: tiles that were written aside behind those that are in it, and all directories.
    pub fn write(
        &self,
        aside: &Aside,
        path: &std::path::Path,
        tiles: Vec<Tiles<'_>>,
        mut told: impl FnMut(f64) -> Result<()>,
    ) -> Result<()> {
        let failed = |error: std::io::Error| aside::failed(path, "tiles", &error);
        let mut places = vec![(Places::default(), Places::default()); tiles.len()];
        let count = tiles.len();
        let mut order: Vec<usize> = (0..count).collect();
        if !self.is_finest_first() {
            order.reverse();
        }
        let mut end = self.data_start();
        let total: u64 = tiles.iter().map(|of| of.len).sum();
        let mut tiles: Vec<Option<Tiles<'_>>> = tiles.into_iter().map(Some).collect();
        let start = end;
        for at in order {
            let Some(mut of) = tiles[at].take() else {
                continue;
            };
            for offset in of.image.offsets.iter_mut().chain(&mut of.mask.offsets) {
                *offset += end;
            }
            if let Some(mut from) = of.aside {
                let mut to = aside.file();
                from.seek(SeekFrom::Start(0)).map_err(failed)?;
                to.seek(SeekFrom::Start(end)).map_err(failed)?;
                std::io::copy(&mut from, &mut to).map_err(failed)?;
            }
            end += of.len;
            places[at] = (of.image, of.mask);
            told((end - start) as f64 / total.max(1) as f64)?;
        }
        if !self.width.is_big && end > u64::from(u32::MAX) {
            return Err(Error::limit(format!(
                "a file of {end} bytes, which needs offsets of 64 bits"
            )));
        }
        let mut head = self.width.write_header(self.first_directory());
        head.extend_from_slice(&self.ghost);
        head.resize(self.first_directory() as usize, 0);
        let directories = self.with_tables(Some(&places));
        for (at, directory) in directories.iter().enumerate() {
            let start = head.len() as u64;
            let next = match at + 1 == directories.len() {
                true => 0,
                false => start + directory.len(self.width),
            };
            head.extend_from_slice(&directory.write(self.width, start, next));
        }
        aside.file().write_all_at(&head, 0).map_err(failed)
    }
}
