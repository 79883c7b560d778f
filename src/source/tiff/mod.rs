//! TIFF, BigTIFF and COG.
//!
//! A file is a chain of directories, each the image of one resolution or a mask. Here they are
//! sorted into images; everything about pixels is the matter of [`TiffDecoder`].

// What only a codec needs that is left out.
#![cfg_attr(
    not(all(feature = "jxl", feature = "lerc", feature = "lzma", feature = "webp")),
    allow(dead_code, unused_variables)
)]

mod blocks;
mod codec;
mod decoder;
mod describe;
mod directory;
mod encoding;
mod gdal_xml;
pub(crate) mod geokeys;
mod georef;
mod group;
mod jp2;
#[cfg(feature = "jxl")]
mod jxl;
mod keys_written;
mod layout;
#[cfg(feature = "lerc")]
mod lerc;
mod logluv;
mod lzw;
mod metadata;
mod old_jpeg;
mod own_geographic;
mod own_system;
mod packbits;
mod plan;
mod predictor;
mod projections;
mod raw;
mod samples;
mod side_by_side;
mod table;
pub(crate) mod tags;
mod vertical;
#[cfg(feature = "webp")]
mod webp;
mod ycbcr;

pub(super) use codec::Codecs;
pub use decoder::TiffDecoder;

use crate::bytes::Bytes;
use crate::error::{Error, Kind, Result};
use crate::georef::Georef;
use crate::image::{Image, Metadata};
use crate::source::rgb::Stored;
use directory::Reader;
use group::{Group, is_reduced};
use layout::{Layout, Part};
use plan::Plan;
use std::sync::Arc;

/// An image whose tables of blocks are longer is not asked for blocks that are left out when it is opened.
const SHORT_TABLES: u64 = 64 << 10;

/// An open file: its directories, sorted into images.
pub struct TiffFile {
    reader: Reader,
    layout: Arc<Layout>,
}

/// Which directories are overviews of an image of another file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Overviews {
    /// Those of its bands and samples as they are stored.
    AsStored,
    /// Those of them, and none where all are of the colours that GDAL makes of what it shows of the image.
    Otherwise,
    /// Those that are, or can be shown as, red, green and blue, as its samples are shown.
    MadeRgb,
    /// Those of its bands and samples, as masks.
    Masks,
}

/// One image of a file.
#[derive(Default)]
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

impl TiffImage {
    /// Leaves out a level, and its mask.
    fn remove(&mut self, level: u32) {
        let decoders = [
            (&mut self.levels, &mut self.level_numbers),
            (&mut self.masks, &mut self.mask_numbers),
        ];
        for (decoders, numbers) in decoders {
            if let Some(at) = numbers.iter().position(|number| *number == level) {
                decoders.remove(at);
                numbers.remove(at);
            }
        }
    }
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

    /// Where the first directory says that its pixels lie, which need not be readable.
    pub fn georef(&self) -> Option<Georef> {
        georef::read(&self.layout.parts[0].directory(&self.reader))
    }

    /// An image by its place in the file; fails if this one is damaged or cannot be read.
    pub fn image(&self, index: usize) -> Result<TiffImage> {
        self.without_empty_levels(self.decoders(self.group(index)?, false)?)
    }

    /// The same, with the overviews that it has where it is shown as red, green and blue.
    pub fn image_as_shown(&self, index: usize) -> Result<TiffImage> {
        let Group {
            levels,
            masks,
            shown,
        } = self.group(index)?;
        let mut levels = [&levels[..], shown].concat();
        levels.sort_unstable();
        let group = Group {
            levels,
            masks: masks.clone(),
            shown: Vec::new(),
        };
        self.without_empty_levels(self.decoders(&group, false)?)
    }

    fn group(&self, index: usize) -> Result<&Group> {
        let Layout { groups, broken, .. } = &*self.layout;
        groups.get(index).ok_or_else(|| match broken {
            Some(error) if index == groups.len() => error.clone(),
            _ => Error::new(
                Kind::NotFound,
                format!("image {index} of a file with {}", self.image_count()),
            ),
        })
    }

    /// What the file has as overviews of the image of another one: directories that are levels of it by their size,
    /// bands and samples, and the masks of these. Tells too what is wrong with other directories.
    pub fn overviews_of(
        &self,
        full: &Image,
        kind: Overviews,
    ) -> Result<(TiffImage, Option<Error>)> {
        let Layout { parts, broken, .. } = &*self.layout;
        let size = full.levels[0];
        let has_samples = |plan: &Plan| plan.bands == full.bands.len() && plan.dtype == full.dtype;
        let is_rgb = |plan: &Plan| plan.rgb == Some(Stored::Rgb);
        let fits = |plan: &Plan| match kind {
            Overviews::MadeRgb => plan.rgb.is_some(),
            Overviews::Otherwise => has_samples(plan) && !is_rgb(plan),
            Overviews::AsStored | Overviews::Masks => has_samples(plan),
        };
        let group = group::overviews(parts, size, fits);
        // Those that GDAL makes of what it shows are no damage, but those of another image.
        let is_of_shown = |part: &Part| {
            let plan = part.plan.as_ref().ok().filter(|plan| plan.rgb.is_some());
            kind == Overviews::Otherwise && plan.is_some_and(|plan| is_reduced(size, plan.size))
        };
        if group.levels.is_empty() && parts.iter().any(is_of_shown) {
            return Ok((TiffImage::default(), None));
        }
        let damage = parts.iter().find_map(|part| part.plan.as_ref().err());
        let damage = damage.or(broken.as_ref()).cloned();
        let members = || group.levels.iter().chain(&group.masks);
        let is_member = |part: &usize| members().any(|(_, member)| member == part);
        let other = (0..parts.len()).find(|part| !is_member(part));
        let damage = damage.or_else(|| {
            other.map(|part| {
                Error::unsupported(format!(
                    "directory {part} is no level of the image, or a second one of a level"
                ))
            })
        });
        if group.levels.is_empty() {
            let (width, height) = size;
            return Err(Error::corrupt(format!(
                "no directory is an overview of {width} x {height} pixels of {} bands of {} in its colours",
                full.bands.len(),
                full.dtype.name()
            )));
        }
        Ok((self.decoders(&group, kind == Overviews::Masks)?, damage))
    }

    /// The mask that the file is of an image of another one, with its own overviews: one band of the same size, of
    /// which a text of GDAL's says that it is a mask of all bands.
    pub fn mask_of(&self, full: &Image) -> Result<TiffImage> {
        /// The bit that says that the mask is one for all bands.
        const OF_ALL_BANDS: u32 = 2;
        let Layout { parts, groups, .. } = &*self.layout;
        let part = &parts[groups[0].levels[0].1];
        let plan = part.plan.as_ref().map_err(Error::clone)?;
        let name = (None, "INTERNAL_MASK_FLAGS_1".to_owned());
        let said = self.metadata()?.remove(&name);
        let flags = said
            .as_ref()
            .and_then(|text| text.trim().parse::<u32>().ok());
        let Some(flags) = flags else {
            return Err(Error::unsupported(format!(
                "says no number in INTERNAL_MASK_FLAGS_1, but {:?}",
                said.unwrap_or_default()
            )));
        };
        if flags & OF_ALL_BANDS == 0 && full.bands.len() > 1 || !group::is_mask(part) {
            return Err(Error::unsupported(format!(
                "masks of {} bands with INTERNAL_MASK_FLAGS_1 {flags}; one for all bands is read",
                plan.bands
            )));
        }
        if plan.size != full.levels[0] {
            return Err(Error::corrupt(format!(
                "a mask of {} x {} pixels of an image of {} x {}",
                plan.size.0,
                plan.size.1,
                full.width(),
                full.height()
            )));
        }
        self.decoders(&groups[0], true)
    }

    /// Without the overviews that GDAL has put into a file whose colours it converts: these have their size, and no block,
    /// for it cannot write what it shows.
    fn without_empty_levels(&self, mut image: TiffImage) -> Result<TiffImage> {
        if !image.levels[0].plan.is_converted() {
            return Ok(image);
        }
        let mut empty = Vec::new();
        for (number, decoder) in image.level_numbers.iter().zip(&image.levels).skip(1) {
            if decoder.has_no_block()? {
                empty.push((*number, decoder.plan.size));
            }
        }
        for (number, (width, height)) in empty {
            image.remove(number);
            image.levels[0].warn(format!(
                "an overview of {width} x {height} pixels has no block, and is left out"
            ));
        }
        Ok(image)
    }

    /// What decodes the directories of an image, all of them as masks if it is one.
    fn decoders(&self, group: &Group, is_mask: bool) -> Result<TiffImage> {
        let decoders = |members: &[(u32, usize)], mask| -> Result<Vec<TiffDecoder>> {
            let decoder = |(_, part): &(u32, usize)| {
                let part = &self.layout.parts[*part];
                TiffDecoder::new(&part.directory(&self.reader), part.plan.clone()?, mask)
            };
            members.iter().map(decoder).collect()
        };
        let numbers = |members: &[(u32, usize)]| members.iter().map(|(level, _)| *level).collect();
        let mut image = TiffImage {
            levels: decoders(&group.levels, is_mask)?,
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
