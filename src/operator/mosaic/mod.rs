//! Mosaic: one image made of many, each at its place, later ones over earlier ones.
//!
//! `places` finds the parts over a block, `parts` knows them, `opening` opens those that were not given and closes
//! what is not used. `location` tells where all of it lies on the ground. `part` tells what of an open part is data, `painting` puts a block together, and `level` is the
//! provider.

mod level;
mod location;
mod opening;
mod painting;
mod part;
mod parts;
mod places;

use super::data_key::data_key;
use super::{cached, pyramid};
use crate::cache::{Cache, compute_key_of_many};
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::georef::Located;
use crate::image::{Colour, Image};
use crate::provider::Provider;
use level::Level;
use part::Shows;
use parts::Parts;
use std::sync::Arc;

/// How many parts stay open where nothing is said.
pub const MAX_OPEN: usize = 64;

/// A mosaic to be made.
pub struct Mosaic {
    /// What it is. Where no part shows anything it is pad.
    pub image: Image,
    /// Its parts; later ones lie over earlier ones.
    pub parts: Vec<Part>,
    /// What opens the parts that are not given.
    pub opening: Option<Arc<dyn Opening>>,
    /// How many of those stay open while they are not in use, at least 1.
    pub max_open: usize,
}

/// A part of a mosaic.
pub struct Part {
    /// The column and row of its first pixel, at level 0; it may lie outside the mosaic.
    pub place: (i64, i64),
    /// Its columns and rows.
    pub size: (u64, u64),
    /// Where it comes from.
    pub source: Source,
}

/// Where a part comes from.
pub enum Source {
    /// A provider.
    Given(Arc<dyn Provider>),
    /// A provider that is opened when it is first touched.
    Later {
        /// The key of its image.
        key: String,
    },
}

/// Opens parts; called from any number of threads, for each part by one at a time.
pub trait Opening: Send + Sync {
    /// The part with this number.
    fn open(&self, part: usize) -> Result<Arc<dyn Provider>>;
}

impl Source {
    fn key(&self) -> &str {
        match self {
            Source::Given(provider) => provider.key(),
            Source::Later { key } => key,
        }
    }
}

/// A mosaic whose blocks are kept in `cache`, if there is one. Its levels are put together from those of its parts,
/// each in blocks of full size.
///
/// A pixel of a part is shown where it is data: where its block is stored, its mask and its opacity are not 0, and its
/// sample is not the nodata value of its own band. Elsewhere what lies beneath is seen.
///
/// It lies on the ground where `image` says, or else where those of its parts do that are given, if they agree.
pub fn mosaic(mut mosaic: Mosaic, cache: Option<&Cache>) -> Result<Arc<dyn Provider>> {
    mosaic.image.check()?;
    if mosaic.parts.is_empty() || u32::try_from(mosaic.parts.len()).is_err() {
        return Err(Error::range(format!(
            "{} parts; there must be 1 to {}",
            mosaic.parts.len(),
            u32::MAX
        )));
    }
    let key = mosaic.key()?;
    if mosaic.image.georef.is_none() {
        let levels = &mosaic.image.levels;
        let found = location::of_parts(&mosaic.parts);
        mosaic.image.georef = found.map(|georef| Located::new(georef, levels));
    }
    let parts = Arc::new(Parts::new(mosaic, &key)?);
    // What says itself where it is data needs no mask.
    let bands = &parts.image().bands;
    let has_alpha = bands.iter().any(|band| band.colour == Colour::Alpha);
    let has_nodata = bands.iter().all(|band| band.nodata.is_some());
    let mask = match has_alpha || has_nodata {
        true => None,
        false => Some(levels(
            &parts,
            Shows::Data,
            &format!("{key}:data"),
            None,
            None,
        )?),
    };
    levels(&parts, Shows::Pixels, &key, mask, cache)
}

/// All levels as one image.
fn levels(
    parts: &Arc<Parts>,
    shows: Shows,
    key: &str,
    mask: Option<Arc<dyn Provider>>,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    let count = parts.image().levels.len() as u32;
    // The mask of a pyramid is that of all its levels.
    let own_mask = mask.clone().filter(|_| count == 1);
    let level = |level: u32| {
        let made = Level::provider(parts.clone(), level, shows, key, own_mask.clone())?;
        match cache {
            Some(cache) => cached(made, cache),
            None => Ok(made),
        }
    };
    match count {
        1 => level(0),
        _ => pyramid((0..count).map(level).collect::<Result<_>>()?, mask),
    }
}

impl Mosaic {
    /// The key, which names all that changes pixels or where they are data.
    fn key(&self) -> Result<String> {
        let image = &self.image;
        let ((width, height), (columns, rows)) = (image.levels[0], image.block);
        let (bands, dtype) = (image.band_count(), image.dtype.name());
        let name = format!("mosaic:{width}x{height}:{bands}x{dtype}:{columns}x{rows}");
        let mut more = String::new();
        if image.levels.len() > 1 {
            more.push_str(&format!(":levels:{}", image.levels.len()));
        }
        if image.pad != Sample::default() {
            more.push_str(&format!(":pad:{}", digits(&image.pad, image.dtype)));
        }
        for (number, band) in image.bands.iter().enumerate() {
            if let Some(nodata) = &band.nodata {
                let nodata = digits(nodata, image.dtype);
                more.push_str(&format!(":nodata:{number}:{nodata}"));
            }
            if band.colour == Colour::Alpha {
                more.push_str(&format!(":alpha:{number}"));
            }
        }
        let part = |part: &Part| {
            let data = match &part.source {
                Source::Given(provider) => data_key(&**provider),
                Source::Later { .. } => String::new(),
            };
            let (x, y) = part.place;
            format!("{}[at:{x}+{y}{data}]", part.source.key())
        };
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        compute_key_of_many(&name, &more, &parts)
    }
}

fn digits(sample: &Sample, dtype: DType) -> String {
    let bytes = sample.bytes(dtype).iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
