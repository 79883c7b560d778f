//! Files beside a file, in which others keep what they made of its image or know of it: reduced resolutions, a mask,
//! nodata values, a place and texts. Where they and the file say different things, the one wins that wins in GDAL.
//!
//! They are a courtesy: one that is damaged, that belongs to another image or that is not read costs a warning
//! among the texts of the image, and not the image.

mod pam;
mod place;
mod sources;

pub use sources::{Beside, Folder, Gathering};

use super::formats::{Format, Images, Part, Parts, Shown};
use super::nitf::rsets::Reduction;
use super::tiff::{Overviews, TiffDecoder, TiffFile, TiffImage};
use super::warnings::warn;
use super::{file, missing};
use crate::bytes::Bytes;
use crate::error::{Error, Kind, Result};
use crate::georef::Located;
use crate::image::{Image, is_level};
use crate::log::{self, Event};
use pam::Pam;
use std::sync::Arc;

/// What wins where a file and those beside it have the same, by format, as in GDAL.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Overviews in the file, before those beside it.
    pub own_overviews: bool,
    /// Nodata values and colours in the file, before those beside it.
    pub own_values: bool,
    /// The place that the file says, before that beside it.
    pub own_place: bool,
    /// The place in a world file, before any other.
    pub world_file: bool,
}

/// What GDAL's reader of TIFF does.
pub const OF_TIFF: Rules = Rules {
    own_overviews: true,
    own_values: false,
    own_place: false,
    world_file: false,
};

/// What that of NITF does.
pub const OF_NITF: Rules = Rules {
    own_place: true,
    ..OF_OTHERS
};

/// What that of PNG does.
pub const OF_PNG: Rules = Rules {
    world_file: true,
    ..OF_OTHERS
};

/// What its other readers do.
pub const OF_OTHERS: Rules = Rules {
    own_overviews: false,
    own_values: true,
    own_place: false,
    world_file: false,
};

/// Image `index` of a file with what lies beside it.
struct Finds<'a> {
    beside: &'a dyn Beside,
    parts: &'a mut Parts,
    /// The identities of the files that change what is read, `None` for one without.
    identities: Vec<Option<String>>,
}

/// Adds what lies beside a file to its image `index`, and gives the identities of the files that change pixels, levels
/// or nodata, with `None` for one that has none.
///
/// Only R-sets are known for images behind the first.
pub(super) fn add(
    format: &Format,
    beside: &dyn Beside,
    index: u32,
    parts: &mut Parts,
) -> Result<Vec<Option<String>>> {
    let mut finds = Finds {
        beside,
        parts,
        identities: Vec::new(),
    };
    finds.add_reductions(format, index)?;
    if index == 0 {
        if finds.parts.beside.is_empty() && (!format.rules.own_overviews || finds.has_one_level()) {
            finds.look(".ovr", Finds::add_overviews)?;
        }
        if finds.parts.masks.is_empty() {
            finds.look(".msk", Finds::add_mask)?;
        }
        let rules = format.rules;
        finds.look(".aux.xml", |finds, bytes| finds.add_values(&rules, bytes))?;
    }
    Ok(finds.identities)
}

/// Whether an error says that what lies beside a file is of no use, and not that this could not be found out.
pub(super) fn is_useless(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Corrupt | Kind::Unsupported | Kind::Limit | Kind::NotFound
    )
}

impl Finds<'_> {
    fn has_one_level(&self) -> bool {
        matches!(&self.parts.levels[..], [full] if full.image.levels.len() == 1)
    }

    fn full(&self) -> &Image {
        &self.parts.levels[0].image
    }

    /// What a file beside is called in messages.
    fn name(&self, suffix: &str) -> Option<String> {
        let name = self.beside.name(suffix);
        name.or_else(|| Some(format!("{suffix} beside the file")))
    }

    fn warn(&mut self, suffix: &str, error: &Error) {
        let text = format!("{suffix} beside the file: {error}");
        warn(&mut self.parts.levels[0].image.metadata, text);
    }

    /// Opens a file beside, if it is there, and does something with it. What is wrong with it is a warning.
    fn look(
        &mut self,
        suffix: &str,
        add: impl FnOnce(&mut Self, Arc<dyn Bytes>) -> Result<()>,
    ) -> Result<()> {
        let bytes = self.beside.open(suffix);
        let done = bytes.and_then(|bytes| bytes.map_or(Ok(()), |bytes| add(self, bytes)));
        match done {
            Err(error) if is_useless(&error) => self.warn(suffix, &error),
            Err(error) => return Err(error.at(format!("{suffix} beside the file"))),
            Ok(()) => (),
        }
        Ok(())
    }

    /// Files that hold one reduced resolution each.
    fn add_reductions(&mut self, format: &Format, index: u32) -> Result<()> {
        // An image that has levels itself needs no others.
        if !self.has_one_level() {
            return Ok(());
        }
        let found = (format.beside)(self.beside).and_then(|files| {
            let mut files = (1..).zip(files);
            files.try_for_each(|(level, file)| self.add_reduction(level, file, index))
        });
        match found {
            // One that cannot be read or belongs to another image ends the row, and does not cost the image.
            Err(error) if is_useless(&error) => self.warn("a reduced resolution", &error),
            found => return found,
        }
        Ok(())
    }

    fn add_reduction(&mut self, level: u32, file: Reduction, index: u32) -> Result<()> {
        let Reduction { suffix, bytes } = file;
        let identity = bytes.identity();
        let format = file::recognise(&bytes, None)?;
        let parts = file::parts(format, bytes, index, false)?;
        let part = parts.levels.into_iter().next();
        let mut part = part.ok_or_else(|| Error::internal("an image without levels"))?;
        part.beside = self.name(&suffix);
        let (full, next) = (self.full(), &part.image);
        let fits = is_level(full.levels[0], level, next.levels[0])
            && next.dtype == full.dtype
            && next.bands.len() == full.bands.len();
        if !fits {
            return Err(Error::corrupt(format!(
                "{} x {} pixels of {} bands of {} as level {level} of {} x {} of {} of {}",
                next.width(),
                next.height(),
                next.bands.len(),
                next.dtype.name(),
                full.width(),
                full.height(),
                full.bands.len(),
                full.dtype.name()
            )));
        }
        self.parts.beside.push((level, part));
        self.identities.push(identity);
        Ok(())
    }

    /// A TIFF of overviews, and of their masks where the image has its mask itself.
    fn add_overviews(&mut self, bytes: Arc<dyn Bytes>) -> Result<()> {
        let identity = bytes.identity();
        let file = TiffFile::open(tiff(bytes)?)?;
        let shown = self.parts.shown;
        let kind = match shown {
            Shown::AsRgb => Overviews::MadeRgb,
            Shown::Otherwise => Overviews::Otherwise,
            Shown::AsStored => Overviews::AsStored,
        };
        let (image, damage) = file.overviews_of(self.full(), kind)?;
        if image.levels.is_empty() {
            return Ok(());
        }
        let TiffImage { levels, masks, .. } = image;
        for (level, decoder) in image.level_numbers.into_iter().zip(levels) {
            let colours = decoder.stored_colours().filter(|_| shown == Shown::AsRgb);
            let mut part = Part::new(decoder.image().clone(), decoder);
            if let Some(colours) = colours {
                part = colours.as_rgb(part)?;
            }
            // What is data and what is colour is that of the image, of which this is another level.
            let said = &mut part.image;
            said.bands = self.full().bands.clone();
            said.pad = self.full().pad;
            said.format = Some(file.format());
            part.decoder.set_pad(said.pad);
            part.beside = self.name(".ovr");
            self.parts.beside.push((level, part));
        }
        let own = self.parts.masks.len() as u32;
        if own > 0 {
            let next = image.mask_numbers.into_iter().zip(masks);
            let masks = next.filter(|(level, _)| *level >= own);
            self.add_masks(".ovr", masks.collect());
        }
        self.identities.push(identity);
        if let Some(error) = damage {
            self.warn(".ovr", &error);
        }
        Ok(())
    }

    /// A TIFF that is a mask, with overviews in it or beside it.
    fn add_mask(&mut self, bytes: Arc<dyn Bytes>) -> Result<()> {
        let identity = bytes.identity();
        let file = TiffFile::open(tiff(bytes)?)?;
        let TiffImage {
            levels,
            level_numbers,
            ..
        } = file.mask_of(self.full())?;
        self.identities.push(identity);
        let of_mask = levels[0].image().clone();
        let alone = levels.len() == 1;
        self.add_masks(".msk", level_numbers.into_iter().zip(levels).collect());
        if alone {
            self.look(".msk.ovr", |finds, bytes| {
                let identity = bytes.identity();
                let file = TiffFile::open(tiff(bytes)?)?;
                let (image, damage) = file.overviews_of(&of_mask, Overviews::Masks)?;
                let levels = image.level_numbers.into_iter().zip(image.levels);
                finds.add_masks(".msk.ovr", levels.collect());
                finds.identities.push(identity);
                damage.map_or(Ok(()), Err)
            })?;
        }
        Ok(())
    }

    /// Masks of levels, out of a file beside, as far as each level of the image below them has one of its size.
    fn add_masks(&mut self, suffix: &str, masks: Vec<(u32, TiffDecoder)>) {
        let all = self.full().levels.clone();
        let size = |parts: &Parts, level: u32| {
            let beside = parts.beside.iter().find(|(number, _)| *number == level);
            let own = parts.levels.get(level as usize);
            match (beside, own) {
                (Some((_, part)), _) | (None, Some(part)) => Some(part.image.levels[0]),
                (None, None) => all.get(level as usize).copied(),
            }
        };
        for (level, decoder) in masks {
            let own = self.parts.masks.len() as u32;
            let is_there = |level: &u32| size(self.parts, *level).is_some();
            // Where a level of the image is missing, so is its mask.
            if (own..level).any(|level| is_there(&level))
                || size(self.parts, level) != Some(decoder.image().levels[0])
            {
                let (width, height) = decoder.image().levels[0];
                log::note(Event::Damage, || {
                    format!(
                        "a mask of {width} x {height} pixels is left out with those above it: level {level} has none of its size"
                    )
                });
                break;
            }
            let full = self.parts.masks.first().map(|part| part.image.clone());
            if let Some(full) = full {
                let missing = (own..level).map(|level| missing::level(&full, level));
                self.parts.masks.extend(missing);
            }
            let mut said = decoder.image().clone();
            said.format = Some(c"TIFF");
            self.parts.masks.push(Part {
                beside: self.name(suffix),
                ..Part::new(said, decoder)
            });
        }
    }

    /// Nodata values, colours and texts of GDAL's.
    fn add_values(&mut self, rules: &Rules, bytes: Arc<dyn Bytes>) -> Result<()> {
        let identity = bytes.identity();
        let pam = Pam::read(&*bytes, self.full())?;
        let Parts { levels, beside, .. } = &mut *self.parts;
        let mut changes = false;
        let beside = beside.iter_mut().map(|(_, part)| part);
        for part in levels.iter_mut().chain(beside) {
            if pam.describe(&mut part.image, rules) {
                part.decoder.set_pad(part.image.pad);
                changes = true;
            }
        }
        let full = &mut levels[0].image;
        let own = full.georef.take().and_then(|located| located.level(0));
        let place = pam.place.complete(own, rules.own_place);
        full.georef = place.map(|georef| Located::new(georef, &full.levels));
        // A warning of ours stays, whatever others call so.
        let texts = &mut levels[0].image.metadata;
        for (name, text) in pam.texts {
            if !name.1.starts_with("TC:") {
                texts.insert(name, text);
            }
        }
        if changes {
            self.identities.push(identity);
        }
        Ok(())
    }
}

/// The bytes of a file beside another, if it is TIFF.
fn tiff(bytes: Arc<dyn Bytes>) -> Result<Arc<dyn Bytes>> {
    file::recognise(&bytes, Some("TIFF"))?;
    Ok(bytes)
}
