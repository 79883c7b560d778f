//! Levels: images made smaller, and the levels that an image does not have.

use super::args::{self, SizeLed, natural};
use super::cache::tc_cache;
use super::guard::guard;
use super::handle;
use super::provider::{deliver, source_of, tc_provider};
use super::status::{tc_error, tc_status};
use crate::error::{Error, Result};
use crate::operator::{self, LevelOptions, Size};
use crate::resample::Filter;

/// How several pixels become one: tc_level_options.filter.
///
/// Weights are for a half; for other ratios the kernels are as wide as the ratio is large, and average and rms take parts
/// of pixels. Taps beyond the image are left out and the rest is normalised. A pixel that is not data counts for
/// nothing, and alpha multiplies the weights of the other bands, for it is taken as straight. provider_downsample says
/// what data is.
#[repr(C)]
pub enum tc_filter {
    /// The first pixel of those that one stands for: of a half (2x, 2y).
    TC_FILTER_NEAREST = 1,
    /// The mean. 1 1.
    TC_FILTER_AVERAGE = 2,
    /// A triangle. 1 3 3 1.
    TC_FILTER_BILINEAR = 3,
    /// The cubic convolution of Keys, a = -0.5. -3 -9 29 111 111 29 -9 -3.
    TC_FILTER_CUBIC = 4,
    /// Lanczos of three lobes, 12 taps.
    TC_FILTER_LANCZOS = 5,
    /// A bell. 1 5 10 10 5 1.
    TC_FILTER_GAUSS = 6,
    /// The most frequent value; of several the one that is there so often first, row by row.
    TC_FILTER_MODE = 7,
    /// The least value.
    TC_FILTER_MIN = 8,
    /// The greatest value.
    TC_FILTER_MAX = 9,
    /// The middle value, of two the lower one.
    TC_FILTER_MEDIAN = 10,
    /// The root of the mean square.
    TC_FILTER_RMS = 11,
    /// The pyramid of SIPS (NGA.STND.0014, 2.2): 7 x 7 taps, then 4 x 4, each stage rounded to even and clamped to the
    /// significant bits, the image mirrored at its edges. Makes halves only.
    TC_FILTER_SIPS = 12,
}

/// The bits of tc_level_options.flags.
#[repr(C)]
pub enum tc_level_flags {
    /// Levels that the source has are computed too, from its level 0.
    TC_LEVEL_NO_NATIVE = 1,
}

/// Options of provider_downsample and provider_pyramid. Size-led; 0 is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct tc_level_options {
    /// sizeof(tc_level_options), set by you.
    pub struct_size: u32,
    /// One of tc_filter. 0: TC_FILTER_AVERAGE; TC_FILTER_NEAREST for indices of a palette.
    pub filter: u32,
    /// Bits of tc_level_flags.
    pub flags: u32,
    /// How many levels the output has, 1 to 32. 0: of provider_downsample as many as the source has from there on, at
    /// least 1; of provider_pyramid as many as the source has, and then up to the first that fits one tile.
    pub levels: i32,
    /// provider_downsample: pixels of the source along a side for one of the output, a power of two up to 2^31. 0: 2
    /// without a size. provider_pyramid: 0.
    pub factor: i64,
    /// provider_downsample, instead of a factor: columns of the output, at most those of the source; with `height`.
    /// 0: none given. provider_pyramid: 0.
    pub width: i64,
    /// Rows, likewise.
    pub height: i64,
    /// Columns of a tile of a computed level. 0 is 1024.
    pub tile_width: i64,
    /// Rows of a tile, likewise.
    pub tile_height: i64,
}

const _: () = assert!(size_of::<tc_level_options>() == 56);

// SAFETY: plain numbers behind a size.
unsafe impl SizeLed for tc_level_options {
    const NAME: &'static str = "tc_level_options";
}

/// An image made smaller.
///
/// The output is the same to the last bit whatever its tiles, the blocks of the source, the cache, its budget and the
/// threads. Pixel i of a half stands for the pixels 2i and 2i + 1 of the source, so it has ceil(n / 2) of n. A factor of
/// 2^k is k halves, each rounded to the type of the samples: level k of provider_pyramid. Any other size is made by
/// halves as long as they leave no less, and then one step that covers the last half evenly, which may reach beyond the image by less than a pixel of it. Levels that the source has
/// are used unless the flags say otherwise, whatever filter made them.
///
/// A sample is data if it is not NaN and not the nodata value of its own band, where the mask beside the image
/// (provider_mask) is 255 and, but for alpha itself, alpha is above 0. A pixel of the output is data if one of those
/// that it stands for is, with TC_FILTER_NEAREST if the one that it shows is, as long as alpha does not come out as 0: the
/// filter makes it smaller as any band, so that of MIN it is the least. Where it is none it is nodata, without that
/// NaN, and for whole numbers the pad value. The weighted filters leave out infinities too. Cubic, Lanczos and SIPS,
/// which have negative weights, make way for the triangle over what is data where one of their taps is not. A mean
/// that would pass for nodata becomes the next value up, at the end of the type down. Alpha and mask become smaller with
/// the image; the mask is then 0 or 255.
///
/// Sums of whole numbers are exact and rounded once, halves away from zero (SIPS: to even); Lanczos, other sizes than
/// halves, 64 bits under alpha and the roots of TC_FILTER_RMS are computed in f64. Complex samples are filtered by
/// parts.
///
/// A tile is made from rows of the finest level that is needed, or of tiles that are there already. Of the rows in
/// between only those are held that the filter needs, so a tile takes little more memory than four tiles of the next
/// finer level. Blocks of the source are kept in the cache, and none is decoded twice for a tile while the budget holds
/// a row of them; without a cache a whole row of blocks is held.
///
/// Bands, texts, pad and significant bits are those of the source, and what provider_georef says goes with the pixels.
///
/// - source: required; kept alive by the result.
/// - options: NULL is all defaults.
/// - cache: keeps the tiles and the blocks of the source, and is kept alive by the result; NULL keeps nothing.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for sizes, TC_E_UNSUPPORTED for a filter that these samples do not have (of complex ones mode, min,
/// max, median and rms, of a palette all but nearest and mode), and for other sizes than halves with TC_FILTER_SIPS;
/// TC_E_ARGUMENT; TC_E_LIMIT for a stack that is too high. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_downsample(
    source: *mut tc_provider,
    options: *const tc_level_options,
    cache: *mut tc_cache,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let options: tc_level_options = args::read_options(options)?;
                let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
                let (size, options) = (size(&options)?, level_options(&options)?);
                operator::downsampled(source_of(source)?, size, &options, cache)
            })
        })
    }
}

/// An image with all its levels: those that it has, and above them those that it does not have, each made from the next
/// finer one as provider_downsample says, when it is asked for.
///
/// Of any source, a file, memory, a callback or an operator, so that every zoom of it is there. provider_level gives a
/// level as an image with full tiles of its own. The text `TC:NATIVE_LEVELS` (provider_metadata) says how many levels
/// are the source's. If the levels of a file are such that halves of them are none of the image, only its first ones
/// are used.
///
/// - source: required; kept alive by the result.
/// - options: NULL is all defaults. factor, width and height must be 0.
/// - cache: keeps the tiles of all levels and the blocks of the source, and is kept alive by the result; NULL keeps
///   nothing.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: as provider_downsample. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_pyramid(
    source: *mut tc_provider,
    options: *const tc_level_options,
    cache: *mut tc_cache,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let options: tc_level_options = args::read_options(options)?;
                let given = [
                    ("factor", options.factor),
                    ("width", options.width),
                    ("height", options.height),
                ];
                if let Some((name, value)) = given.iter().find(|(_, value)| *value != 0) {
                    return Err(Error::argument(format!(
                        "{name} of options is {value}; a pyramid has all sizes"
                    )));
                }
                let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
                operator::full_pyramid(source_of(source)?, &level_options(&options)?, cache)
            })
        })
    }
}

/// How large the output is to be.
fn size(options: &tc_level_options) -> Result<Size> {
    let factor = natural(options.factor, "factor")?;
    let width = natural(options.width, "width")?;
    let height = natural(options.height, "height")?;
    match (factor, width, height) {
        (0, 0, 0) => Ok(Size::Halved(1)),
        (factor, 0, 0) if factor.is_power_of_two() => Ok(Size::Halved(factor.ilog2())),
        (factor, 0, 0) => Err(Error::range(format!(
            "factor is {factor}; it must be a power of two"
        ))),
        (0, 1.., 1..) => Ok(Size::Pixels(width, height)),
        _ => Err(Error::argument(format!(
            "factor is {factor}, width {width} and height {height}; either a factor or both of the others"
        ))),
    }
}

/// A filter by its number; `None` is the default.
pub fn filter_of(code: u32) -> Result<Option<Filter>> {
    let mut all = Filter::ALL.into_iter();
    match (code, all.find(|filter| *filter as u32 == code)) {
        (0, _) => Ok(None),
        (_, Some(filter)) => Ok(Some(filter)),
        _ => Err(Error::argument(format!("filter of options is {code}"))),
    }
}

fn level_options(options: &tc_level_options) -> Result<LevelOptions> {
    const NO_NATIVE: u32 = tc_level_flags::TC_LEVEL_NO_NATIVE as u32;
    if options.flags & !NO_NATIVE != 0 {
        let flags = options.flags;
        return Err(Error::argument(format!(
            "flags of options is {flags:#x}; no such flag of levels"
        )));
    }
    let levels = natural(options.levels, "levels")? as u32;
    Ok(LevelOptions {
        filter: filter_of(options.filter)?,
        tile: (
            natural(options.tile_width, "tile_width")?,
            natural(options.tile_height, "tile_height")?,
        ),
        levels: (levels != 0).then_some(levels),
        recomputes: options.flags & NO_NATIVE != 0,
    })
}
