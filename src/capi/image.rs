//! Descriptions of images, from C and to C.

use super::args::{self, SizeLed, natural};
use super::georef_given::located;
use super::handle;
use super::source::{tc_source, tc_source_flags, tc_text};
use super::types::{
    tc_band_flags, tc_band_info, tc_dtype, tc_image_flags, tc_image_info, tc_target,
};
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::image::{Colour, Image, MAX_BANDS, MAX_LEVELS};
use crate::nodata::is_nodata;
use crate::provider::Provider;
use std::sync::Arc;

// SAFETY: plain numbers behind a size.
unsafe impl SizeLed for tc_image_info {
    const NAME: &'static str = "tc_image_info";
}

// SAFETY: plain numbers behind a size.
unsafe impl SizeLed for tc_band_info {
    const NAME: &'static str = "tc_band_info";
}

/// What an image is, as C reads it.
pub fn describe(image: &Image, has_mask: bool) -> tc_image_info {
    use tc_image_flags::*;
    let grid = image.grid(0);
    let nodata = image.bands[0].nodata.filter(|first| {
        let mut bands = image.bands.iter().map(|band| band.nodata);
        bands.all(|nodata| nodata.is_some_and(|nodata| is_nodata(image.dtype, &nodata, first)))
    });
    let flags = [
        (nodata.is_some(), TC_IMAGE_HAS_NODATA as u32),
        (image.bands_together, TC_IMAGE_BANDS_TOGETHER as u32),
        (image.sparse, TC_IMAGE_SPARSE as u32),
        (image.windowed, TC_IMAGE_WINDOWED as u32),
        (has_mask, TC_IMAGE_HAS_MASK as u32),
        (image.padded, TC_IMAGE_PADDED as u32),
    ];
    tc_image_info {
        struct_size: 0,
        dtype: image.dtype as i32,
        width: image.width() as i64,
        height: image.height() as i64,
        block_width: image.block.0 as i64,
        block_height: image.block.1 as i64,
        grid_cols: grid.cols() as i64,
        grid_rows: grid.rows() as i64,
        bands: image.band_count() as i32,
        levels: image.levels.len() as i32,
        bits: image.bits as i32,
        flags: flags
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, bit)| bit)
            .sum(),
        pad: image.pad.0,
        nodata: nodata.unwrap_or_default().0,
    }
}

/// The image that a caller describes, checked.
fn core_image(info: &tc_image_info) -> Result<Image> {
    let dtype = DType::from_code(info.dtype)?;
    let (width, height) = (
        natural(info.width, "width")?,
        natural(info.height, "height")?,
    );
    let or = |value: i64, default: u64, name: &str| match natural(value, name)? {
        0 => Ok(default),
        value => Ok(value),
    };
    let bands = or(info.bands.into(), 1, "bands")?;
    if bands > MAX_BANDS.into() {
        return Err(Error::range(format!(
            "bands is {bands}; at most {MAX_BANDS}"
        )));
    }
    let levels = or(info.levels.into(), 1, "levels")?;
    if levels > MAX_LEVELS as u64 {
        return Err(Error::range(format!(
            "levels is {levels}; at most {MAX_LEVELS}"
        )));
    }
    let mut image = Image::new(width, height, bands as u32, dtype);
    image.levels = (0..levels)
        .map(|level| (width.div_ceil(1 << level), height.div_ceil(1 << level)))
        .collect();
    image.block = (
        or(info.block_width, width, "block_width")?,
        or(info.block_height, height, "block_height")?,
    );
    let all_bits = image.bits;
    image.bits = or(info.bits.into(), all_bits.into(), "bits")? as u32;
    if image.bits > all_bits {
        let bits = image.bits;
        return Err(Error::range(format!("bits is {bits} of {all_bits}")));
    }
    image.pad = sample(info.pad, dtype);
    if flags(info.flags)? & tc_image_flags::TC_IMAGE_HAS_NODATA as u32 != 0 {
        let nodata = Some(sample(info.nodata, dtype));
        image.bands.iter_mut().for_each(|band| band.nodata = nodata);
    }
    image.check()?;
    check_grid(info, &image)?;
    Ok(image)
}

/// One sample, without what lies behind it.
pub fn sample(bytes: [u8; 16], dtype: DType) -> Sample {
    let mut sample = Sample::default();
    sample.0[..dtype.size()].copy_from_slice(&bytes[..dtype.size()]);
    sample
}

fn flags(flags: u32) -> Result<u32> {
    use tc_image_flags::*;
    let known = TC_IMAGE_HAS_NODATA as u32
        | TC_IMAGE_BANDS_TOGETHER as u32
        | TC_IMAGE_SPARSE as u32
        | TC_IMAGE_WINDOWED as u32
        | TC_IMAGE_HAS_MASK as u32
        | TC_IMAGE_PADDED as u32;
    if flags & !known == 0 {
        return Ok(flags);
    }
    Err(Error::argument(format!(
        "flags is {flags:#x}; no such image flag"
    )))
}

/// Refuses a grid that does not follow from the sizes.
fn check_grid(info: &tc_image_info, image: &Image) -> Result<()> {
    let grid = image.grid(0);
    let given = [
        (info.grid_cols, grid.cols(), "grid_cols"),
        (info.grid_rows, grid.rows(), "grid_rows"),
    ];
    for (value, right, name) in given {
        let value = natural(value, name)?;
        if value != 0 && value != right {
            return Err(Error::argument(format!(
                "{name} is {value} where {right} follow"
            )));
        }
    }
    Ok(())
}

/// The image that a caller describes.
///
/// # Safety
/// `info` must be readable for its size.
pub unsafe fn described(info: *const tc_image_info) -> Result<Image> {
    // SAFETY: promised by the caller.
    let info = unsafe { args::read_sized(info, "image")? };
    core_image(&info).map_err(|error| error.at("image"))
}

/// The image of a callback source, with what follows from its callbacks.
///
/// # Safety
/// What `source` points to must be as the header says.
pub unsafe fn source_image(source: &tc_source) -> Result<Image> {
    // SAFETY: promised by the caller.
    let image = unsafe { described(source.image)? };
    let bands = tc_source_flags::TC_SOURCE_BANDS as u32;
    if source.flags & !bands != 0 {
        let flags = source.flags;
        return Err(Error::argument(format!(
            "flags is {flags:#x}; no such source flag"
        )));
    }
    let mut image = Image {
        bands_together: source.flags & bands == 0,
        sparse: source.has_block.is_some(),
        windowed: source.read_window.is_some(),
        ..image
    };
    // SAFETY: promised by the caller.
    unsafe {
        describe_bands(source.band_infos, &mut image)?;
        add_texts(source.texts, source.n_texts, &mut image)?;
        image.georef = located(source.georef, &image)?;
    }
    Ok(image)
}

/// Notes what a caller says of each band.
///
/// # Safety
/// `infos` must be NULL or point to as many structs as there are bands.
pub unsafe fn describe_bands(infos: *const tc_band_info, image: &mut Image) -> Result<()> {
    if infos.is_null() {
        return Ok(());
    }
    let (first, dtype) = (infos.cast::<u8>(), image.dtype);
    // SAFETY: promised by the caller; a size-led struct begins with its size.
    let step = unsafe { infos.cast::<u32>().read() };
    for (at, band) in image.bands.iter_mut().enumerate() {
        let name = format!("band_infos[{at}]");
        // SAFETY: promised by the caller.
        let info = unsafe {
            let from = first.add(at * step as usize).cast::<tc_band_info>();
            args::read_sized(from, &name)?
        };
        if info.struct_size != step {
            return Err(Error::argument(format!(
                "struct_size of {name} is {}, of the first one {step}",
                info.struct_size
            )));
        }
        if info.flags & !(tc_band_flags::TC_BAND_HAS_NODATA as u32) != 0 || info.reserved != 0 {
            return Err(Error::argument(format!(
                "flags of {name} is {:#x} and reserved {}; no such band flag",
                info.flags, info.reserved
            )));
        }
        band.colour = Colour::from_code(info.colour)
            .ok_or_else(|| Error::argument(format!("colour of {name} is {}", info.colour)))?;
        band.nodata = (info.flags != 0).then(|| sample(info.nodata, dtype));
    }
    Ok(())
}

/// Notes the texts that a caller gives.
///
/// # Safety
/// `texts` must be NULL or point to `n_texts` structs.
pub unsafe fn add_texts(texts: *const tc_text, n_texts: usize, image: &mut Image) -> Result<()> {
    if texts.is_null() != (n_texts == 0) {
        return Err(Error::argument(format!(
            "texts is {}NULL, but n_texts is {n_texts}",
            if texts.is_null() { "" } else { "not " },
        )));
    }
    for at in 0..n_texts {
        // SAFETY: promised by the caller.
        let given = unsafe { *texts.add(at) };
        if given.reserved != 0 {
            return Err(Error::argument(format!(
                "reserved of texts[{at}] is {}; it must be 0",
                given.reserved
            )));
        }
        // SAFETY: promised by the caller.
        let (name, text) = unsafe {
            (
                args::text(given.name, &format!("name of texts[{at}]"))?,
                args::any_text(given.text, &format!("text of texts[{at}]"))?,
            )
        };
        let band = match given.band {
            -1 => None,
            band if (0..image.band_count() as i32).contains(&band) => Some(band as u32),
            band => {
                return Err(Error::range(format!("band of texts[{at}] is {band}")));
            }
        };
        image.metadata.insert((band, name.into()), text.into());
    }
    Ok(())
}

/// The levels of a callback source as images of their own, without those that it leaves out; `None` where
/// they share one grid.
///
/// # Safety
/// `source.levels` must be NULL or point to as many structs as the image has levels.
pub unsafe fn source_levels(
    source: &tc_source,
    image: &Image,
) -> Result<Option<Vec<Option<Image>>>> {
    if source.levels.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    let levels = unsafe { std::slice::from_raw_parts(source.levels, image.levels.len()) };
    let place = |level: u32, size: (u64, u64)| {
        let all = image.georef.as_ref()?;
        all.overview(image.levels[0], level, size)
    };
    let images = levels.iter().enumerate().map(|(at, level)| {
        let side = |value: i64, name: &str| natural(value, &format!("{name} of levels[{at}]"));
        let or = |value: u64, default: u64| if value == 0 { default } else { value };
        let size = (side(level.width, "width")?, side(level.height, "height")?);
        if size == (0, 0) && (1..levels.len() - 1).contains(&at) {
            return Ok(None);
        }
        let block = (
            or(side(level.block_width, "block_width")?, size.0),
            or(side(level.block_height, "block_height")?, size.1),
        );
        if at == 0 && (size, block) != (image.levels[0], image.block) {
            return Err(Error::argument(format!(
                "levels[0] has {} x {} pixels in blocks of {} x {}, the image {} x {} in {} x {}",
                size.0,
                size.1,
                block.0,
                block.1,
                image.width(),
                image.height(),
                image.block.0,
                image.block.1
            )));
        }
        Ok(Some(Image {
            levels: vec![size],
            block,
            georef: place(at as u32, size),
            ..image.clone()
        }))
    });
    images.collect::<Result<_>>().map(Some)
}

/// The mask that a caller gives with a source.
///
/// # Safety
/// `source.mask` must be NULL or a live handle.
pub unsafe fn source_mask(source: &tc_source, image: &Image) -> Result<Option<Arc<dyn Provider>>> {
    if source.mask.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    let mask = unsafe { handle::borrow(source.mask, "mask of source") }?;
    if source.levels.is_null() && image.levels.len() > 1 {
        return Err(Error::argument(
            "source has a mask and several levels, but levels is NULL",
        ));
    }
    let given = mask.provider.image();
    if given.levels[0] != image.levels[0] || given.dtype != DType::U8 || given.bands.len() != 1 {
        return Err(Error::argument(format!(
            "the mask has {} x {} pixels of {} in {} bands; it must have {} x {} of u8 in one",
            given.width(),
            given.height(),
            given.dtype.name(),
            given.bands.len(),
            image.width(),
            image.height()
        )));
    }
    Ok(Some(mask.provider.clone()))
}

/// The image of an array: described by the array alone, or by `info`, which must agree; and whether its
/// release is put off.
///
/// # Safety
/// `info` must be NULL or readable for its size.
pub unsafe fn memory_image(array: &tc_target, info: *const tc_image_info) -> Result<(Image, bool)> {
    if info.is_null() {
        return core_image(&tc_image_info {
            width: array.width,
            height: array.height,
            bands: array.bands,
            ..no_image(array.dtype)
        })
        .map(|image| (image, false))
        .map_err(|error| error.at("array"));
    }
    // SAFETY: promised by the caller.
    let mut info = unsafe { args::read_sized(info, "image")? };
    let deferred = info.flags & tc_image_flags::TC_IMAGE_DEFER_RELEASE as u32;
    info.flags &= !deferred;
    let image = core_image(&info).map_err(|error| error.at("image"))?;
    let same = [
        (array.width, image.width() as i64, "width"),
        (array.height, image.height() as i64, "height"),
        (array.bands.into(), image.band_count().into(), "bands"),
        (1, image.levels.len() as i64, "levels"),
    ];
    for (have, want, name) in same {
        if have != want {
            return Err(Error::argument(format!(
                "{name} of the array is {have}, of the image {want}"
            )));
        }
    }
    if array.dtype != 0 && array.dtype != image.dtype as i32 {
        return Err(Error::argument(format!(
            "the array is of type {}, the image of type {}",
            array.dtype, image.dtype as i32
        )));
    }
    Ok((image, deferred != 0))
}

/// A description that says nothing but the type.
fn no_image(dtype: tc_dtype) -> tc_image_info {
    tc_image_info {
        struct_size: 0,
        dtype,
        width: 0,
        height: 0,
        block_width: 0,
        block_height: 0,
        grid_cols: 0,
        grid_rows: 0,
        bands: 0,
        levels: 0,
        bits: 0,
        flags: 0,
        pad: [0; 16],
        nodata: [0; 16],
    }
}
