//! TIFF, BigTIFF and COG.
//!
//! A file is a chain of directories, each the image of one resolution or a mask. Here they are
//! sorted into images; everything about pixels is the matter of [`TiffDecoder`].

// What only a codec needs that is left out.
#![cfg_attr(
    not(all(feature = "lerc", feature = "lzma", feature = "webp")),
    allow(dead_code, unused_variables)
)]

mod blocks;
mod codec;
mod decoder;
mod describe;
mod directory;
mod encoding;
mod gdal_xml;
mod geokeys;
mod group;
mod layout;
#[cfg(feature = "lerc")]
mod lerc;
mod metadata;
mod old_jpeg;
mod packbits;
mod plan;
mod predictor;
mod raw;
mod samples;
mod table;
mod tags;
#[cfg(feature = "webp")]
mod webp;
mod ycbcr;

pub(super) use codec::Codecs;
pub use decoder::TiffDecoder;

use crate::bytes::Bytes;
use crate::error::{Error, Kind, Result};
use crate::image::Metadata;
use directory::Reader;
use layout::Layout;
use std::sync::Arc;

/// An image whose tables of blocks are longer is not asked for blocks that are left out when it is opened.
const SHORT_TABLES: u64 = 64 << 10;

/// An open file: its directories, sorted into images.
pub struct TiffFile {
    reader: Reader,
    layout: Arc<Layout>,
}

/// One image of a file.
pub struct TiffImage {
    /// The image at each resolution, the full one first.
    pub levels: Vec<TiffDecoder>,
    /// Which levels these are: 0, and for each overview how often the image is halved.
    pub level_numbers: Vec<u32>,
    /// The mask of each resolution that has one, from the full one on.
    pub masks: Vec<TiffDecoder>,
    /// Which levels these belong to.
    pub mask_numbers: Vec<u32>,
}

impl TiffFile {
    /// Whether a file that begins with these bytes, at least 8, is TIFF or BigTIFF.
    pub fn is_tiff(first_bytes: &[u8]) -> bool {
        directory::is_tiff(first_bytes)
    }

    /// Reads all directories, but no table of blocks yet.
    pub fn open(bytes: Arc<dyn Bytes>) -> Result<Self> {
        let (reader, first) = Reader::open(bytes)?;
        let layout = Layout::of(&reader, first)?;
        match &layout.broken {
            Some(error) if layout.parts.is_empty() => Err(error.clone()),
            _ => Ok(Self { reader, layout }),
        }
    }

    /// Whether it is BigTIFF.
    pub fn is_big(&self) -> bool {
        self.reader.big_tiff
    }

    /// How many images there are: all but the overviews and masks of others.
    ///
    /// A chain of directories that is damaged counts as one more image behind those before the
    /// damage, so that nobody takes what is left for the whole.
    pub fn image_count(&self) -> usize {
        self.layout.groups.len() + usize::from(self.layout.broken.is_some())
    }

    /// What the first directory says beside its pixels, which need not be readable.
    pub fn metadata(&self) -> Result<Metadata> {
        metadata::read(&self.layout.parts[0].directory(&self.reader))
    }

    /// An image by its place in the file; fails if this one is damaged or cannot be read.
    pub fn image(&self, index: usize) -> Result<TiffImage> {
        let Layout {
            parts,
            groups,
            broken,
        } = &*self.layout;
        let Some(group) = groups.get(index) else {
            return Err(match broken {
                Some(error) if index == groups.len() => error.clone(),
                _ => Error::new(
                    Kind::NotFound,
                    format!("image {index} of a file with {}", self.image_count()),
                ),
            });
        };
        let decoders = |members: &[(u32, usize)], mask| -> Result<Vec<TiffDecoder>> {
            let decoder = |(_, part): &(u32, usize)| {
                let part = &parts[*part];
                TiffDecoder::new(&part.directory(&self.reader), part.plan.clone()?, mask)
            };
            members.iter().map(decoder).collect()
        };
        let numbers = |members: &[(u32, usize)]| members.iter().map(|(level, _)| *level).collect();
        let mut image = TiffImage {
            levels: decoders(&group.levels, false)?,
            level_numbers: numbers(&group.levels),
            masks: decoders(&group.masks, true)?,
            mask_numbers: numbers(&group.masks),
        };
        let all = || image.levels.iter().chain(&image.masks);
        if all().map(TiffDecoder::table_bytes).sum::<u64>() <= SHORT_TABLES {
            for decoder in image.levels.iter_mut().chain(&mut image.masks) {
                decoder.look_for_absent_blocks()?;
            }
        }
        self.reader.bytes.check_unchanged()?;
        Ok(image)
    }
}
