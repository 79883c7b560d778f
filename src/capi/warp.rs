//! Warps: images seen through transformations.

use super::args::{self, SizeLed, natural};
use super::cache::tc_cache;
use super::guard::guard;
use super::handle;
use super::levels::filter_of;
use super::provider::{deliver, source_of, tc_provider};
use super::status::{tc_error, tc_status};
use super::transform::tc_transform;
use crate::error::{Error, Result};
use crate::operator::{self, WarpOptions};

/// The bits of tc_warp_options.flags.
#[repr(C)]
pub enum tc_warp_flags {
    /// Every pixel is transformed, and none interpolated between the corners of its cell.
    TC_WARP_EXACT = 1,
    /// source_level is read for all pixels, also if it is 0.
    TC_WARP_FIXED_LEVEL = 2,
}

/// Options of provider_warp. Size-led; 0 is the default everywhere but for the size.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct tc_warp_options {
    /// sizeof(tc_warp_options), set by you.
    pub struct_size: u32,
    /// One of tc_filter: nearest, average, bilinear, cubic, Lanczos, mode, min, max or median. 0: TC_FILTER_BILINEAR;
    /// TC_FILTER_NEAREST for indices of a palette, which may also have TC_FILTER_MODE.
    pub filter: u32,
    /// Bits of tc_warp_flags.
    pub flags: u32,
    /// How many levels the output has, 1 to 32. 0: those up to the first that fits one tile.
    pub levels: i32,
    /// With TC_WARP_FIXED_LEVEL the level of the source that is read; else 0.
    pub source_level: i32,
    /// 0.
    pub reserved: u32,
    /// How far the position of a pixel in the source may be from where the transformation says, in pixels of the level
    /// that is read, at the points where that is checked. 0 is 0.125.
    pub max_error: f64,
    /// How many columns of the level that is read one pixel of the output stands for, at least 1, for all pixels. 0: what it
    /// is in each cell.
    pub scale_x: f64,
    /// Rows, likewise.
    pub scale_y: f64,
    /// Columns of the output, required.
    pub width: i64,
    /// Rows of the output, required.
    pub height: i64,
    /// Columns of a tile. 0 is 1024.
    pub tile_width: i64,
    /// Rows of a tile, likewise.
    pub tile_height: i64,
    /// After so many columns of level 0 the source begins again, as an image of the whole world does after 360 degrees;
    /// then nothing ends at its left and right. 0: it does not.
    pub period: i64,
}

const _: () = assert!(size_of::<tc_warp_options>() == 88);

// SAFETY: plain numbers behind a size.
unsafe impl SizeLed for tc_warp_options {
    const NAME: &'static str = "tc_warp_options";
}

/// An image seen through a transformation: each pixel of the output is what the source is where the transformation says
/// that the pixel comes from.
///
/// The output is the same to the last bit whatever its tiles, the blocks of the source, the cache, its budget and the
/// threads, and equal to that of the whole image at once. Level L of the output has pixels of 2^L by 2^L of those of level
/// 0, ceil(n / 2^L) along a side, and is computed from the transformation and not from the levels beneath: its centres
/// are at (i + 0.5) 2^L.
///
/// Positions. A level of the output lies in cells of 64 x 64 pixels, which begin at its first pixel. Within a cell
/// positions are interpolated between its corners, if all nine of its corners, middles of sides and centre come from
/// somewhere, and the five that are no corners from within half of max_error of where the interpolation says. A cell
/// that is not like that becomes four, down to 4 x 4, whose pixels are then transformed one by one. So no hole and no edge
/// depends on tiles. A transformation that swings between the nine points deceives this; TC_WARP_EXACT is for those.
///
/// Levels of the source. A cell whose pixels stand for so many of the source reads the level with the highest number L
/// that there is and for which 2^L is no more than the lesser of the number of columns and of rows; what is left makes
/// the kernels wider, each side by itself. Filters that choose a pixel (nearest, mode, min, max and median) read level 0.
/// Neighbour cells may so read two levels, which a picture
/// with ringing or noise can show; fix them by options where that matters. Levels that the source does not have are not
/// made: put provider_pyramid beneath, else coarse levels read many pixels for one. To compare with gdalwarp fix level and
/// scales here, and there -et 0, -ovr NONE, XSCALE, YSCALE (1 / scale) and UNIFIED_SRC_NODATA=NO, in one chunk.
///
/// Kernels. Nearest is the pixel that contains the position. Bilinear is the triangle, cubic that of Keys with a =
/// -0.5, Lanczos has three lobes; where pixels stand for more than one of the source they are as many times as wide. Average
/// is the mean by area over the bounding box of where the four corners of the pixel come from; of a pixel whose corners
/// do not all come from somewhere it is the pixel about its centre. Mode, min, max and median choose among all pixels of
/// which that box covers a part, each of which counts once: the most frequent value, of several the one that is there so
/// often first, by rows; the least; the greatest; the middle one, of two the lower. Pixels beyond the edges of the source are left out
/// and the rest is normalised. All sums are in f64, rows first, rounded once at the end, halves away from zero.
///
/// Data. What is data is told at provider_downsample, band by band. A pixel of the output is data if the pixel of the
/// source is that contains the position, of an average and of what is chosen from several if any of those is. What comes from nowhere, or from beyond the
/// source, is none. Where none is it is nodata, without that NaN, and for whole numbers the pad value; alpha is then 0.
/// Cubic and Lanczos make way for the triangle over what is data where one of their pixels is not. A mean that would pass
/// for nodata becomes the next value up, at the end of the type down. Alpha multiplies weights, for it is taken as
/// straight. The output has a mask (provider_mask), unless alpha or nodata values of all bands tell the same.
///
/// What is read. Blocks of the source that a position or its kernel touches, and no others, so an output across the
/// antimeridian does not read what lies between; in each call few blocks are held at once, as many as the output tile takes
/// or four. With a cache they are kept in it; without one they may be decoded more than once for a tile. Cells that were
/// divided are kept, the latest 4 MiB of them for each warp, beside the cache.
///
/// Bands, texts, pad and significant bits are those of the source. Its place is not: say where the output lies by
/// provider_with_georef.
///
/// - source: required; kept alive by the result.
/// - transform: required; kept alive by the result. From pixels of level 0 of the output to those of level 0 of the source.
/// - options: required, for the size of the output.
/// - cache: keeps the tiles and the blocks of the source, and is kept alive by the result; NULL keeps nothing.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for sizes and numbers, TC_E_UNSUPPORTED for another filter and for one that a palette does not
/// have, TC_E_NOT_FOUND for a source_level that is left out beneath others, TC_E_ARGUMENT; TC_E_LIMIT for a stack that is
/// too high. Reads fail with what the transformation fails with, and with TC_E_LIMIT where mode or median are to choose
/// from more than 1,048,576 different values of pixels that together exceed 4 MiB. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_warp(
    source: *mut tc_provider,
    transform: *const tc_transform,
    options: *const tc_warp_options,
    cache: *mut tc_cache,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let options = args::read_sized(options, "options")?;
                let transform = handle::borrow(transform, "transform")?.transform();
                let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
                operator::warped(
                    source_of(source)?,
                    transform.clone(),
                    &warp_options(&options)?,
                    cache,
                )
            })
        })
    }
}

fn warp_options(options: &tc_warp_options) -> Result<WarpOptions> {
    const EXACT: u32 = tc_warp_flags::TC_WARP_EXACT as u32;
    const FIXED_LEVEL: u32 = tc_warp_flags::TC_WARP_FIXED_LEVEL as u32;
    if options.flags & !(EXACT | FIXED_LEVEL) != 0 || options.reserved != 0 {
        let (flags, reserved) = (options.flags, options.reserved);
        return Err(Error::argument(format!(
            "options has flags {flags:#x} and reserved {reserved:#x}; no such flag of warps"
        )));
    }
    let is_fixed = options.flags & FIXED_LEVEL != 0;
    let source_level = natural(options.source_level, "source_level")? as u32;
    if source_level != 0 && !is_fixed {
        return Err(Error::argument(format!(
            "source_level is {source_level}, but TC_WARP_FIXED_LEVEL is not set"
        )));
    }
    let levels = natural(options.levels, "levels")? as u32;
    Ok(WarpOptions {
        size: (
            natural(options.width, "width")?,
            natural(options.height, "height")?,
        ),
        filter: filter_of(options.filter)?,
        tile: (
            natural(options.tile_width, "tile_width")?,
            natural(options.tile_height, "tile_height")?,
        ),
        levels: (levels != 0).then_some(levels),
        exact: options.flags & EXACT != 0,
        max_error: options.max_error,
        source_level: is_fixed.then_some(source_level),
        scale: (options.scale_x, options.scale_y),
        period: natural(options.period, "period")?,
    })
}
