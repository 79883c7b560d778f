//! Mask: where the pixels of an image are data, as one u8 band, 0 or 255.

use super::data_key::data_key;
use super::inherit::bands_of;
use super::mapped::{Map, Masked, Operation, build};
use super::{RetileOptions, georeferenced, retiled};
use crate::dtype::{DType, Sample};
use crate::error::Result;
use crate::image::{Band, Bands, Block, Colour, Image};
use crate::memory::PixelsMut;
use crate::nodata::{is_nodata, mark_data};
use crate::provider::Provider;
use crate::tile::Pixels;
use std::sync::Arc;

/// The mask of `source` on its grid: from a mask image beside it, else from an alpha band, else from
/// nodata values, else 255 everywhere.
///
/// Under nodata values a pixel is data if any band has data there, and a band without a nodata
/// value always has.
pub fn mask(source: Arc<dyn Provider>) -> Result<Arc<dyn Provider>> {
    match known_mask(&source)? {
        Some(mask) => located(mask, source.image()),
        None => {
            let first = Bands::of(&[0], source.image().band_count());
            by_rule(source, first, Rule::All)
        }
    }
}

/// A mask that says nothing of its place lies where its image does.
fn located(mask: Arc<dyn Provider>, image: &Image) -> Result<Arc<dyn Provider>> {
    let levels = mask.image().levels.len();
    let located = image.georef.as_ref();
    match located.and_then(|all| all.from_level(0, levels)) {
        Some(located) if mask.image().georef.is_none() => georeferenced(mask, Some(located)),
        _ => Ok(mask),
    }
}

/// [`mask`], if anything says that a pixel may not be data.
pub(super) fn known_mask(source: &Arc<dyn Provider>) -> Result<Option<Arc<dyn Provider>>> {
    known_mask_of(source, &Bands::ALL)
}

/// The mask image beside a source, in its blocks.
pub(super) fn mask_beside(source: &Arc<dyn Provider>) -> Result<Option<Arc<dyn Provider>>> {
    let mask = source.mask();
    mask.map(|mask| on_grid_of(mask, source.image()))
        .transpose()
}

/// [`known_mask`] where of nodata values only those of some bands count.
pub(super) fn known_mask_of(
    source: &Arc<dyn Provider>,
    of: &Bands,
) -> Result<Option<Arc<dyn Provider>>> {
    let image = source.image();
    if let Some(mask) = mask_beside(source)? {
        return Ok(Some(mask));
    }
    let is_alpha = |band: &Band| band.colour == Colour::Alpha;
    let known = bands_of(image, of).into_iter().map(|band| band.nodata);
    let nodata: Option<Vec<Sample>> = known.collect();
    let (bands, rule) = match (image.bands.iter().position(is_alpha), nodata) {
        (Some(alpha), _) => {
            let bands = Bands::of(&[alpha as u32], image.band_count());
            (bands, Rule::Alpha)
        }
        (None, Some(nodata)) => (of.clone(), Rule::Nodata(nodata)),
        (None, None) => return Ok(None),
    };
    by_rule(source.clone(), bands, rule).map(Some)
}

/// The mask that a rule makes of some bands.
fn by_rule(source: Arc<dyn Provider>, bands: Bands, rule: Rule) -> Result<Arc<dyn Provider>> {
    let image = source.image();
    let absent_is_data = match &rule {
        Rule::Alpha => image.pad != Sample::default(),
        Rule::Nodata(nodata) => {
            let pad_is = |nodata| is_nodata(image.dtype, &image.pad, nodata);
            !nodata.iter().all(pad_is)
        }
        Rule::All => true,
    };
    let mut of_mask = Image::new(1, 1, 1, DType::U8);
    of_mask.bands = vec![Band::default()];
    // Beyond the image nothing is data, so the pad of a mask is 0, and no block of it is absent where
    // the pad of the image is data.
    of_mask.sparse = image.sparse && !absent_is_data;
    of_mask.padded = image.padded;
    of_mask.format = image.format;
    // What only some bands say is another mask; of alpha there is one.
    let of_bands = match (bands.list(), &rule) {
        (Some(list), Rule::Nodata(_)) => {
            let list: Vec<_> = list.iter().map(u32::to_string).collect();
            format!(":bands:{}", list.join("+"))
        }
        _ => String::new(),
    };
    let suffix = format!("mask{of_bands}{}", data_key(&*source));
    let operation = Operation {
        source_bands: bands,
        map: Arc::new(rule),
        suffix,
        image: of_mask,
        mask: Masked::Beside,
        is_located: true,
    };
    build(source, operation, None)
}

/// A mask image in the blocks of the image that it belongs to, padded where those are.
fn on_grid_of(mask: Arc<dyn Provider>, image: &Image) -> Result<Arc<dyn Provider>> {
    let own = mask.image();
    if own.block == image.block && own.padded == image.padded {
        return Ok(mask);
    }
    let options = RetileOptions {
        tile: image.block,
        pad_edges: image.padded,
    };
    retiled(mask, &options, None)
}

/// What makes a pixel data.
enum Rule {
    All,
    /// The alpha band is not 0.
    Alpha,
    /// Some band differs from its nodata value.
    Nodata(Vec<Sample>),
}

impl Map for Rule {
    fn map(&self, _at: Block, input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()> {
        let dtype = input.dtype();
        let (width, height) = input.valid();
        for y in 0..input.shape().height {
            let (row, beyond) = output.row_mut(0, y).split_at_mut(width);
            beyond.fill(0);
            row.fill(0);
            if y >= height {
                continue;
            }
            match self {
                Rule::All => row.fill(255),
                Rule::Alpha => mark_data(row, dtype, input.row(0, y), &Sample::default()),
                Rule::Nodata(nodata) => {
                    for (band, nodata) in nodata.iter().enumerate() {
                        mark_data(row, dtype, input.row(band, y), nodata);
                    }
                }
            }
        }
        Ok(())
    }
}
