//! The description of a directory's image: bands, colours, nodata and pad.

use super::directory::Directory;
use super::encoding::Compression;
use super::georef;
use super::metadata;
use super::plan::Plan;
use super::tags;
use crate::error::Result;
use crate::georef::Located;
use crate::image::{Band, Colour, Image, Metadata};
use crate::source::nodata_text::nodata;
use crate::source::uncompressed;

/// Describes the image, as a mask if it is used as one.
pub fn image(directory: &Directory, plan: &Plan, mask: bool) -> Result<Image> {
    let metadata = metadata::read(directory)?;
    let mut image = Image::new(plan.size.0, plan.size.1, plan.bands as u32, plan.dtype);
    image.block = plan.block;
    image.bits = plan.most_bits() / plan.dtype.parts() as u32;
    image.bands_together = plan.bands > 1 && !plan.planar;
    image.picks_bands = image.bands_together && !plan.compression.gives_samples();
    let stored = plan.compression == Compression::None && plan.units.is_none();
    uncompressed::describe(&mut image, stored, &*directory.reader.bytes);
    image.spread = image.plain && !mask;
    if mask {
        image.bits = 8;
    } else {
        image.bands = bands(directory, plan, &metadata)?;
        image.bits =
            said_bits(&metadata, image.bands.len()).map_or(image.bits, |bits| bits.min(image.bits));
        if let Some(text) = metadata.get(&(None, "TIFFTAG_GDAL_NODATA".into())) {
            let (nodata, pad) = nodata(plan.dtype, text);
            image.bands.iter_mut().for_each(|band| band.nodata = nodata);
            image.pad = pad;
        }
    }
    image.georef = georef::read(directory).map(|said| Located::new(said, &image.levels));
    image.metadata = metadata;
    Ok(image)
}

/// The significant bits of the band that has most, where a text says them of each: of samples that are stored in more.
fn said_bits(metadata: &Metadata, bands: usize) -> Option<u32> {
    let of_band = |band: usize| {
        let name = (Some(band as u32), "IMAGE_STRUCTURE:NBITS".to_owned());
        let bits = metadata.get(&name)?.trim().parse().ok()?;
        (bits > 0).then_some(bits)
    };
    let bits: Option<Vec<u32>> = (0..bands).map(of_band).collect();
    bits?.into_iter().max()
}

fn bands(directory: &Directory, plan: &Plan, metadata: &Metadata) -> Result<Vec<Band>> {
    let photometric: &[Colour] = match plan.photometric {
        0 | 1 => &[Colour::Gray],
        2 => &[Colour::Red, Colour::Green, Colour::Blue],
        3 => &[Colour::Palette],
        5 => &[Colour::Cyan, Colour::Magenta, Colour::Yellow, Colour::Black],
        6 if plan.gives_colours() => &[Colour::Red, Colour::Green, Colour::Blue],
        6 => &[Colour::Luma, Colour::Cb, Colour::Cr],
        _ => &[],
    };
    let extra = directory.unsigneds(tags::EXTRA_SAMPLES, plan.bands as u64)?;
    let extra = extra.unwrap_or_default();
    let first_extra = plan.bands - extra.len().min(plan.bands);
    let band = |band: usize| {
        let colour = match extra.get(band.wrapping_sub(first_extra)) {
            Some(1 | 2) => Colour::Alpha,
            Some(_) => Colour::Undefined,
            None => photometric.get(band).copied().unwrap_or_default(),
        };
        let said = metadata.get(&(Some(band as u32), "COLORINTERP".into()));
        Band {
            nodata: None,
            colour: said.and_then(|name| Colour::named(name)).unwrap_or(colour),
        }
    };
    Ok((0..plan.bands).map(band).collect())
}
