//! Transformations that read how high the ground is.

use super::args::{self, SizeLed, natural};
use super::cache::tc_cache;
use super::georef::tc_rpc;
use super::georef_given;
use super::guard::guard;
use super::handle;
use super::provider::tc_provider;
use super::status::{tc_error, tc_status};
use super::transform::{affine_of, deliver, tc_transform};
use crate::error::{Error, Result};
use crate::georef::Affine;
use crate::operator::{self, HeightOptions};
use crate::transform;

/// The bits of tc_heights_options.flags.
#[repr(C)]
pub enum tc_heights_flags {
    /// transform is set.
    TC_HEIGHTS_HAS_TRANSFORM = 1,
    /// missing is set.
    TC_HEIGHTS_HAS_MISSING = 2,
}

/// Options of tc_transform_rpc_heights. Size-led; 0 is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct tc_heights_options {
    /// sizeof(tc_heights_options), set by you.
    pub struct_size: u32,
    /// Bits of tc_heights_flags.
    pub flags: u32,
    /// The band with the heights, from 0.
    pub band: i32,
    /// 0.
    pub reserved: u32,
    /// With TC_HEIGHTS_HAS_TRANSFORM from pixels of the raster to longitude and latitude in degrees, in GDAL's order; else
    /// 0, and it is what provider_georef says of the raster.
    pub transform: [f64; 6],
    /// Metres of a unit of the raster. 0 is 1.
    pub scale: f64,
    /// Metres that are added, such as the height of the geoid above the ellipsoid where heights are told above the sea.
    pub offset: f64,
    /// With TC_HEIGHTS_HAS_MISSING what is taken for the raster's where it has no height, in its unit; else 0.
    pub missing: f64,
}

const _: () = assert!(size_of::<tc_heights_options>() == 88);

// SAFETY: plain numbers behind a size.
unsafe impl SizeLed for tc_heights_options {
    const NAME: &'static str = "tc_heights_options";
}

/// From a map in degrees to an image that rational polynomials describe, as tc_transform_rpc, over ground that is as high
/// as a raster says.
///
/// The height of a place is that of level 0 of the raster, linear between the centres of the four pixels about it; half a
/// pixel from the edge that of the pixels at the edge. There is none beyond the raster, nor where one of the four is no
/// data (nodata, a mask, NaN) or infinite: then `missing` stands for it, and without that the place comes from nowhere.
/// That is what GDAL does (GDALCreateRPCTransformerV2 with RPC_DEM, RPC_DEMINTERPOLATION bilinear,
/// RPC_DEM_MISSING_VALUE; scale and offset are its RPC_HEIGHT_SCALE and RPC_HEIGHT), but that it knows no masks, and that
/// GDAL 3.6 has other heights near the edge. Datums are not told apart: longitudes and latitudes of
/// the raster are those of the polynomials. A longitude may be told once more around the world, in the raster too.
///
/// Transformations lead from the output to the source alone, which needs no iteration; the other way GDAL looks for the
/// ground step by step.
///
/// What is warped by it changes with the raster, as with its source: after provider_invalidate or tc_put no later read shows
/// old heights, and the key has that of the raster. The blocks of the raster count among what lies beneath; in each call
/// at most four of them are held at once. They are read wherever positions are, so also when a declared pass (provider_pass)
/// looks ahead.
///
/// - rpc, ground: as for tc_transform_rpc.
/// - heights: required; kept alive by the transformation. A raster of real numbers, metres above the ellipsoid after scale
///   and offset.
/// - options: may be NULL.
/// - cache: keeps the blocks of the raster, and is kept alive by the transformation; NULL keeps nothing, and blocks may be
///   decoded again and again.
/// - transform: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for numbers and for a band that is not there, TC_E_UNSUPPORTED for complex samples and where
/// the raster says that it lies in a projected system, TC_E_ARGUMENT, also for a raster of which nobody says where it
/// lies and for a transform without an inverse. Points fail with what the raster fails with, and with TC_E_CANCELLED.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_transform_rpc_heights(
    rpc: *const tc_rpc,
    ground: *const f64,
    heights: *mut tc_provider,
    options: *const tc_heights_options,
    cache: *mut tc_cache,
    transform: *mut *mut tc_transform,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(transform, || {
                let rpc = georef_given::rpc(handle::given(rpc, "rpc")?)?;
                let ground = affine_of(ground, "ground")?;
                let raster = handle::borrow(heights, "heights")?.provider.clone();
                let options = height_options(&args::read_options(options)?)?;
                let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
                let heights = operator::heights(raster, &options, cache)?;
                transform::rpc_over(rpc, ground, heights)
            })
        })
    }
}

fn height_options(options: &tc_heights_options) -> Result<HeightOptions> {
    const HAS_TRANSFORM: u32 = tc_heights_flags::TC_HEIGHTS_HAS_TRANSFORM as u32;
    const HAS_MISSING: u32 = tc_heights_flags::TC_HEIGHTS_HAS_MISSING as u32;
    let (flags, reserved) = (options.flags, options.reserved);
    if flags & !(HAS_TRANSFORM | HAS_MISSING) != 0 || reserved != 0 {
        return Err(Error::argument(format!(
            "options has flags {flags:#x} and reserved {reserved:#x}; no such flag of heights"
        )));
    }
    let [has_transform, has_missing] = [HAS_TRANSFORM, HAS_MISSING].map(|flag| flags & flag != 0);
    for (name, flag, is_wrong) in [
        (
            "transform",
            "TRANSFORM",
            !has_transform && options.transform != [0.0; 6],
        ),
        ("missing", "MISSING", !has_missing && options.missing != 0.0),
    ] {
        if is_wrong {
            return Err(Error::argument(format!(
                "{name} is set, but TC_HEIGHTS_HAS_{flag} is not"
            )));
        }
    }
    Ok(HeightOptions {
        band: natural(options.band, "band")? as u32,
        place: has_transform.then_some(Affine(options.transform)),
        scale: match options.scale == 0.0 {
            true => 1.0,
            false => options.scale,
        },
        offset: options.offset,
        missing: has_missing.then_some(options.missing),
    })
}
