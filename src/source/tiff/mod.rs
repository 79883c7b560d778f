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
#[cfg(feature = "lerc")]
mod lerc;
mod metadata;
mod nodata;
mod packbits;
mod plan;
mod predictor;
mod raw;
mod samples;
mod tags;
#[cfg(feature = "webp")]
mod webp;
mod ycbcr;

pub(super) use codec::Codecs;
pub use decoder::TiffDecoder;

use crate::bytes::Bytes;
use crate::error::{Error, Kind, Result};
use crate::image::Metadata;
use directory::{Directory, Reader};
use group::Group;
use plan::Plan;
use std::sync::Arc;

/// An open file: its directories, sorted into images.
pub struct TiffFile {
    parts: Vec<Part>,
    groups: Vec<Group>,
    /// Why the chain of directories ended early; told as a last image that cannot be opened.
    broken: Option<Error>,
}

/// A directory and what could be made of it.
struct Part {
    directory: Directory,
    plan: Result<Plan>,
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
        let (reader, first) = Reader::open(bytes.clone())?;
        let chain = reader.chain(first);
        bytes.check_unchanged()?;
        if let (Some(error), true) = (&chain.broken, chain.directories.is_empty()) {
            return Err(error.clone());
        }
        let part = |directory: Directory| Part {
            plan: Plan::new(&directory),
            directory,
        };
        let parts: Vec<Part> = chain.directories.into_iter().map(part).collect();
        Ok(Self {
            groups: group::sort(&parts),
            parts,
            broken: chain.broken,
        })
    }

    /// Whether it is BigTIFF.
    pub fn is_big(&self) -> bool {
        let first = self.parts.first();
        first.is_some_and(|part| part.directory.reader.big_tiff)
    }

    /// How many images there are: all but the overviews and masks of others.
    ///
    /// A chain of directories that is damaged counts as one more image behind those before the
    /// damage, so that nobody takes what is left for the whole.
    pub fn image_count(&self) -> usize {
        self.groups.len() + usize::from(self.broken.is_some())
    }

    /// What the first directory says beside its pixels, which need not be readable.
    pub fn metadata(&self) -> Result<Metadata> {
        metadata::read(&self.parts[0].directory)
    }

    /// An image by its place in the file; fails if this one is damaged or cannot be read.
    pub fn image(&self, index: usize) -> Result<TiffImage> {
        let Some(group) = self.groups.get(index) else {
            return Err(match &self.broken {
                Some(error) if index == self.groups.len() => error.clone(),
                _ => Error::new(
                    Kind::NotFound,
                    format!("image {index} of a file with {}", self.image_count()),
                ),
            });
        };
        let decoders = |parts: &[(u32, usize)], mask| -> Result<Vec<TiffDecoder>> {
            let decoder = |(_, part): &(u32, usize)| {
                let Part { directory, plan } = &self.parts[*part];
                TiffDecoder::new(directory, plan.clone()?, mask)
            };
            parts.iter().map(decoder).collect()
        };
        let numbers = |parts: &[(u32, usize)]| parts.iter().map(|(level, _)| *level).collect();
        let image = TiffImage {
            levels: decoders(&group.levels, false)?,
            level_numbers: numbers(&group.levels),
            masks: decoders(&group.masks, true)?,
            mask_numbers: numbers(&group.masks),
        };
        for level in &image.levels {
            level.reader.bytes.check_unchanged()?;
        }
        Ok(image)
    }
}
