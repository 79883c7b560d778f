//! Georeferences that callers give, checked.

use super::args::{self, natural};
use super::georef::{tc_gcp, tc_georef, tc_georef_flags, tc_rpc};
use crate::error::{Error, Result};
use crate::georef::{Affine, Gcp, Georef, Located, Normal, Rpc};
use crate::image::Image;
use std::ffi::c_char;
use std::ptr::null;

/// The most ground control points that are taken.
const MAX_GCPS: usize = 1 << 20;

/// The georeference that a caller gives for an image, if any.
///
/// # Safety
/// `georef` must be NULL or readable for its size, with pointers as the header says.
pub unsafe fn located(georef: *const tc_georef, image: &Image) -> Result<Option<Located>> {
    if georef.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    let georef = unsafe { given(&args::read_sized(georef, "georef")?) };
    let georef = georef.map_err(|error| error.at("georef"))?;
    Ok((!georef.is_empty()).then(|| Located::new(georef, &image.levels)))
}

/// What a caller says.
///
/// # Safety
/// The pointers in `georef` must be as the header says.
unsafe fn given(georef: &tc_georef) -> Result<Georef> {
    use tc_georef_flags::*;
    let flags = georef.flags;
    if flags & !7 != 0 {
        return Err(Error::argument(format!(
            "flags is {flags:#x}; no such flag of a georeference"
        )));
    }
    let code = |code: i32, name: &str| {
        let code = natural(code, name)? as u32;
        Ok((code != 0).then_some(code))
    };
    let has_code = georef.epsg != 0 || georef.vertical_epsg != 0;
    let wkt = match has_code && flags & TC_GEOREF_WKT_OF_CODES as u32 != 0 {
        true => null(),
        false => georef.wkt,
    };
    // SAFETY: promised by the caller.
    let (wkt, vertical_unit, gcps, rpc) = unsafe {
        (
            args::optional_text(wkt, "wkt")?,
            args::optional_text(georef.vertical_unit, "vertical_unit")?,
            gcps(georef.gcps, georef.n_gcps)?,
            georef.rpc.as_ref().map(rpc).transpose()?,
        )
    };
    Ok(Georef {
        transform: transform(georef, flags & TC_GEOREF_HAS_TRANSFORM as u32 != 0)?,
        wkt: wkt.map(Into::into),
        epsg: code(georef.epsg, "epsg")?,
        vertical_epsg: code(georef.vertical_epsg, "vertical_epsg")?,
        vertical_unit: vertical_unit.map(Into::into),
        gcps,
        rpc,
        pixel_is_point: flags & TC_GEOREF_PIXEL_IS_POINT as u32 != 0,
    })
}

fn transform(georef: &tc_georef, is_set: bool) -> Result<Option<Affine>> {
    let numbers = georef.transform;
    if !is_set {
        return match numbers == [0.0; 6] {
            true => Ok(None),
            false => Err(Error::argument(
                "transform is set, but TC_GEOREF_HAS_TRANSFORM is not",
            )),
        };
    }
    for (at, number) in numbers.iter().enumerate() {
        finite(*number, || format!("transform[{at}]"))?;
    }
    match Affine(numbers).inverse() {
        Some(_) => Ok(Some(Affine(numbers))),
        None => Err(Error::argument(format!(
            "transform {numbers:?} has no inverse"
        ))),
    }
}

fn finite(number: f64, name: impl Fn() -> String) -> Result<()> {
    match number.is_finite() {
        true => Ok(()),
        false => Err(Error::range(format!("{} is {number}", name()))),
    }
}

/// The points that a caller gives.
///
/// # Safety
/// `gcps` must be NULL or point to `n` structs, with pointers as the header says.
unsafe fn gcps(gcps: *const tc_gcp, n: usize) -> Result<Vec<Gcp>> {
    if gcps.is_null() != (n == 0) {
        return Err(Error::argument(format!(
            "gcps is {}NULL, but n_gcps is {n}",
            if gcps.is_null() { "" } else { "not " },
        )));
    }
    if n > MAX_GCPS {
        return Err(Error::range(format!("n_gcps is {n}; at most {MAX_GCPS}")));
    }
    let text = |text: *const c_char, name: String| match text.is_null() {
        true => Ok(String::new()),
        // SAFETY: promised by the caller.
        false => unsafe { args::any_text(text, &name) }.map(Into::into),
    };
    let mut all = Vec::with_capacity(n);
    for at in 0..n {
        // SAFETY: promised by the caller.
        let gcp = unsafe { *gcps.add(at) };
        for (number, name) in [
            (gcp.pixel, "pixel"),
            (gcp.line, "line"),
            (gcp.x, "x"),
            (gcp.y, "y"),
            (gcp.z, "z"),
        ] {
            finite(number, || format!("{name} of gcps[{at}]"))?;
        }
        all.push(Gcp {
            id: text(gcp.id, format!("id of gcps[{at}]"))?,
            info: text(gcp.info, format!("info of gcps[{at}]"))?,
            pixel: (gcp.pixel, gcp.line),
            place: [gcp.x, gcp.y, gcp.z],
        });
    }
    Ok(all)
}

/// The rational polynomials that a caller gives.
pub fn rpc(given: &tc_rpc) -> Result<Rpc> {
    let normal = |offset: f64, scale: f64, name: &str| {
        finite(offset, || format!("{name}_off of rpc"))?;
        finite(scale, || format!("{name}_scale of rpc"))?;
        match scale == 0.0 {
            true => Err(Error::range(format!("{name}_scale of rpc is 0"))),
            false => Ok(Normal { offset, scale }),
        }
    };
    let polynomial = |factors: [f64; 20], name: &str| {
        for (at, factor) in factors.iter().enumerate() {
            finite(*factor, || format!("{name}[{at}] of rpc"))?;
        }
        Ok(factors)
    };
    let error = |error: f64, name: &str| {
        finite(error, || format!("{name} of rpc"))?;
        Ok(error)
    };
    Ok(Rpc {
        err_bias: error(given.err_bias, "err_bias")?,
        err_rand: error(given.err_rand, "err_rand")?,
        line: normal(given.line_off, given.line_scale, "line")?,
        samp: normal(given.samp_off, given.samp_scale, "samp")?,
        lat: normal(given.lat_off, given.lat_scale, "lat")?,
        long: normal(given.long_off, given.long_scale, "long")?,
        height: normal(given.height_off, given.height_scale, "height")?,
        line_num: polynomial(given.line_num, "line_num")?,
        line_den: polynomial(given.line_den, "line_den")?,
        samp_num: polynomial(given.samp_num, "samp_num")?,
        samp_den: polynomial(given.samp_den, "samp_den")?,
    })
}
