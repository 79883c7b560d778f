//! Images seen through chains, and the colours of palettes.

use super::args::{self, SizeLed, natural};
use super::cache::tc_cache;
use super::chain::{optional_stats, tc_chain};
use super::guard::guard;
use super::handle;
use super::pixel_stats::tc_pixel_stats;
use super::provider::{deliver, source_of, tc_provider};
use super::status::{tc_error, tc_status};
use super::types::tc_dtype;
use crate::chain::{self, Chain, Conversion, Palette};
use crate::dtype::DType;
use crate::error::{Error, Kind, Result};
use crate::operator;

/// A colour of a palette. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_rgba {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
    /// Opacity; 255 is opaque.
    pub alpha: u8,
}

/// The bits of tc_convert_options.flags.
#[repr(C)]
pub enum tc_convert_flags {
    /// Percentiles give the same limits for all bands: the least low and the greatest high.
    TC_CONVERT_COMMON = 1,
    /// The lowest values become the highest ones of the output.
    TC_CONVERT_INVERT = 2,
    /// One more band says where the image is data, as the step `alpha` of a chain does.
    TC_CONVERT_ALPHA = 4,
}

/// Options of provider_convert. Size-led; 0 is the default that each member names. Copied by the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_convert_options {
    /// sizeof(tc_convert_options), set by you.
    pub struct_size: u32,
    /// The sample type of the output: TC_U8, TC_U16, TC_F32 or TC_F64. 0: TC_U8.
    pub dtype: tc_dtype,
    /// Bits of tc_convert_flags.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// The sample that becomes the least value of the output: 0, as what is below.
    pub low: f64,
    /// The sample that becomes the greatest: all of an integer type, 1 in floats; as what is above. `low` and `high`
    /// both 0: not given.
    pub high: f64,
    /// The percentile that does instead of `low`, by `stats`.
    pub low_percent: f64,
    /// The percentile that does instead of `high`. Both 0: not given. If limits are not given either, all values of the
    /// significant bits of the source, whose type must be unsigned; in floats, samples as they are.
    pub high_percent: f64,
    /// Values between are raised to 1 / gamma: above 1 brightens. 0: 1.
    pub gamma: f64,
    /// The bands, in any order; with n_bands. NULL and 0: all.
    pub bands: *const i32,
    /// The length of `bands`.
    pub n_bands: usize,
    /// The statistics of the source, for percentiles; used during the call. NULL: none.
    pub stats: *const tc_pixel_stats,
}

const _: () = assert!(size_of::<tc_rgba>() == 4);

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<tc_convert_options>() == 80 && offset_of!(tc_convert_options, low) == 16);
};

// SAFETY: numbers and pointers behind a size; zero is NULL.
unsafe impl SizeLed for tc_convert_options {
    const NAME: &'static str = "tc_convert_options";
}

/// An image seen through a chain, tile by tile on the grid of the source: the picture of the whole image, cut.
///
/// Only the bands that the chain needs are read. What is no data (nodata of a band, NaN, what the mask or alpha of the
/// source says) is 0, and NaN in floats; a band of opacity says where, if the chain has one, else provider_mask does. Tiles
/// are band-sequential; tc_tile_copy interleaves them. Levels, grid and place are those of the source, texts those of the
/// whole image and the chain as TC:CHAIN. Blocks that the source does not have are not there either where the chain makes
/// the same of pad in all bands. The key reads `<source>:mapped:<text>:chain`, with the text escaped, of one over 200 bytes
/// 128 bits of its SHA-256 as `digest:<digits>`; where a mask, alpha or nodata say what is data, `:data:<digits>` follows.
///
/// - source: required; kept alive by the result.
/// - chain: resolved; kept alive by the result. NULL: the automatic one, of samples: pixels of windows at fixed places are
///   read for it where bands must be stretched, and nothing else. It is in the text TC:CHAIN.
/// - cache: keeps the tiles, and is kept alive by the result; NULL keeps nothing.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT, naming the step, if the chain is not resolved or does not fit the bands or the type of the
/// source, also if the cache knows the key with another size, block size, type or number of bands; TC_E_LIMIT for a
/// stack that is too high; TC_E_NO_MEMORY; for the automatic chain what decoding fails with. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_display(
    source: *mut tc_provider,
    chain: *const tc_chain,
    cache: *mut tc_cache,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let source = source_of(source)?;
                let chain = match chain.is_null() {
                    true => Chain::automatic(&source, &chain::sample(), &mut |_| true)?,
                    false => handle::borrow(chain, "chain")?.chain().clone(),
                };
                let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
                operator::display(source, &chain, cache)
            })
        })
    }
}

/// An image in another sample type, the simple case of provider_display: a chain made of numbers.
///
/// - source: required; kept alive by the result.
/// - options: NULL is all defaults: all values of an unsigned type to 8 bits.
/// - cache: keeps the tiles, and is kept alive by the result; NULL keeps nothing.
/// - provider: receives a reference that you own; NULL on failure. Its text TC:CHAIN is the chain.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for limits, percents, gamma and bands; TC_E_ARGUMENT, also for signed, floating-point and complex
/// samples without limits or percents, and for percents without statistics; else as provider_display. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_convert(
    source: *mut tc_provider,
    options: *const tc_convert_options,
    cache: *mut tc_cache,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let source = source_of(source)?;
                let options: tc_convert_options = args::read_options(options)?;
                let conversion = conversion(&options, source.image().band_count())?;
                let known = optional_stats(options.stats)?;
                let image = source.image();
                let chain = conversion.chain(image.dtype)?.resolve(image, known)?;
                let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
                operator::display(source, &chain, cache)
            })
        })
    }
}

/// What the options say, for an image of so many bands.
///
/// # Safety
/// `options.bands` must be NULL or point to as many numbers.
unsafe fn conversion(options: &tc_convert_options, bands: u32) -> Result<Conversion> {
    let (flags, reserved) = (options.flags, options.reserved);
    if flags & !7 != 0 || reserved != 0 {
        return Err(Error::argument(format!(
            "flags of options is {flags:#x} and reserved {reserved}; no such flag of a conversion"
        )));
    }
    use tc_convert_flags::*;
    let has = |flag: tc_convert_flags| flags & flag as u32 != 0;
    let given = |low: f64, high: f64| (low != 0.0 || high != 0.0).then_some((low, high));
    // SAFETY: promised by the caller.
    let list = unsafe { args::bands(options.bands, options.n_bands, bands)? };
    if let Some(band) = list
        .list()
        .and_then(|list| list.iter().find(|band| **band >= bands))
    {
        return Err(Error::range(format!(
            "band {band} of an image with {bands} bands"
        )));
    }
    Ok(Conversion {
        dtype: match options.dtype {
            0 => None,
            code => Some(DType::from_code(code)?),
        },
        limits: given(options.low, options.high),
        percents: given(options.low_percent, options.high_percent),
        is_common: has(TC_CONVERT_COMMON),
        gamma: (options.gamma != 0.0).then_some(options.gamma),
        is_inverted: has(TC_CONVERT_INVERT),
        has_alpha: has(TC_CONVERT_ALPHA),
        bands: list.list().map(<[u32]>::to_vec),
    })
}

/// The palette of a band: the colours that its samples are indices of, from 0 on. Files of 16 bits a colour give the
/// nearest of 8.
///
/// - provider: required.
/// - band: from 0.
/// - colours, n_colours: room for so many, of which as many are written as there are. NULL and 0 ask for the number alone.
/// - count: required; receives the number of colours of the palette, at most 65,536, also where there was no room for all; 0 on
///   failure.
/// - err: may be NULL.
///
/// Errors: TC_E_NOT_FOUND if the band has no palette or its text is not one; TC_E_RANGE for bands, TC_E_ARGUMENT.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_palette(
    provider: *const tc_provider,
    band: i32,
    colours: *mut tc_rgba,
    n_colours: usize,
    count: *mut usize,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(count, 0, "count")?;
            let image = handle::borrow(provider, "provider")?.provider.image();
            let band = natural(band, "band")?;
            if band >= image.bands.len() as u64 {
                let bands = image.bands.len();
                return Err(Error::range(format!(
                    "band {band} of an image with {bands} bands"
                )));
            }
            if colours.is_null() != (n_colours == 0) {
                return Err(Error::argument(format!(
                    "colours is {}NULL, but n_colours is {n_colours}",
                    if colours.is_null() { "" } else { "not " },
                )));
            }
            let palette = Palette::of(image, band as u32)
                .ok_or_else(|| Error::new(Kind::NotFound, format!("band {band} has no palette")))?;
            for (at, colour) in palette.colours().iter().take(n_colours).enumerate() {
                let [red, green, blue, alpha] = *colour;
                colours.add(at).write(tc_rgba {
                    red,
                    green,
                    blue,
                    alpha,
                });
            }
            to.set(palette.colours().len());
            Ok(())
        })
    }
}
