//! Georeference: what is known of where the pixels of an image lie on the ground.

use super::args::{self, SizeLed, natural};
use super::georef_given::located;
use super::guard::guard;
use super::handle;
use super::provider::{source_of, tc_provider};
use super::status::{tc_error, tc_status};
use crate::error::{Error, Kind, Result};
use crate::georef::Affine;
use crate::operator;
use std::ffi::c_char;
use std::ptr::null_mut;

/// The bits of tc_georef.flags.
#[repr(C)]
pub enum tc_georef_flags {
    /// `transform` is set.
    TC_GEOREF_HAS_TRANSFORM = 1,
    /// A pixel is a measurement at its centre (AREA_OR_POINT=Point) rather than one of its area. `transform` and
    /// `gcps` count from the corners of pixels all the same.
    TC_GEOREF_PIXEL_IS_POINT = 2,
    /// Output: the source has codes alone, and `wkt` is what the register of the library has under them. Input: `wkt` is
    /// not looked at if there is a code, so that what was told may be given.
    TC_GEOREF_WKT_OF_CODES = 4,
}

/// A point of which pixel and coordinates are known. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_gcp {
    /// The column of the image, where whole numbers are the edges of pixels: the centre of the first is 0.5.
    pub pixel: f64,
    /// The row, likewise.
    pub line: f64,
    /// The first coordinate: easting or longitude.
    pub x: f64,
    /// The second one: northing or latitude.
    pub y: f64,
    /// The height.
    pub z: f64,
    /// Its name, UTF-8. Output: never NULL. Input: NULL is empty.
    pub id: *const c_char,
    /// What else is said of it, likewise.
    pub info: *const c_char,
}

/// Rational polynomials that tell where a point of the ground (WGS 84) appears in the image, as RPC00B of NITF (STDI-0002,
/// appendix E) and tag 50844 of TIFF have them. Frozen.
///
/// With each quantity less its offset, divided by its scale, the line is line_num(P, L, H) / line_den(P, L, H), and the
/// sample likewise; the 20 terms are those of RPC00B. Line 0 and sample 0 are the centre of the first pixel, half
/// a pixel from where tc_gcp counts.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_rpc {
    /// The error of all points together in metres; -1 if it is not known.
    pub err_bias: f64,
    /// The error of single points in metres; -1 if it is not known.
    pub err_rand: f64,
    /// The offset of lines.
    pub line_off: f64,
    /// Of samples.
    pub samp_off: f64,
    /// Of the latitude in degrees.
    pub lat_off: f64,
    /// Of the longitude in degrees.
    pub long_off: f64,
    /// Of the height above the ellipsoid in metres.
    pub height_off: f64,
    /// The scale of lines. No scale is 0.
    pub line_scale: f64,
    /// Of samples.
    pub samp_scale: f64,
    /// Of the latitude.
    pub lat_scale: f64,
    /// Of the longitude.
    pub long_scale: f64,
    /// Of the height.
    pub height_scale: f64,
    /// The numerator of the line.
    pub line_num: [f64; 20],
    /// Its denominator.
    pub line_den: [f64; 20],
    /// The numerator of the sample.
    pub samp_num: [f64; 20],
    /// Its denominator.
    pub samp_den: [f64; 20],
}

/// Where the pixels of an image lie on the ground, as far as that is known. Size-led; 0 and NULL are not known.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_georef {
    /// sizeof(tc_georef), set by you.
    pub struct_size: u32,
    /// Bits of tc_georef_flags.
    pub flags: u32,
    /// With TC_GEOREF_HAS_TRANSFORM: column c and row r lie at x = t[0] + t[1] c + t[2] r and
    /// y = t[3] + t[4] c + t[5] r, in GDAL's order. Whole numbers are the edges of pixels: (0, 0) is the top left
    /// corner of the first pixel, and (0.5, 0.5) its centre. x is the easting or longitude and y the northing or
    /// latitude, whatever order the reference system has. Else 0.
    pub transform: [f64; 6],
    /// The coordinate reference system as WKT, UTF-8, of `transform` and `gcps`: as the file has it, or its GeoKeys
    /// describe it, or as it was given, or with TC_GEOREF_WKT_OF_CODES the text (ISO 19162, WKT 2) that the EPSG register, which is part of the
    /// library unless it was built without the feature `epsg`, has under `epsg` and `vertical_epsg`. NULL where there is
    /// none of these, or the register lacks the code; where it lacks the vertical one alone, the horizontal system.
    pub wkt: *const c_char,
    /// The EPSG code of the system, of its horizontal part if it has two.
    pub epsg: i32,
    /// The EPSG code of the vertical part.
    pub vertical_epsg: i32,
    /// The unit of heights that are samples of the image, UTF-8, such as "metre".
    pub vertical_unit: *const c_char,
    /// Ground control points; with n_gcps.
    pub gcps: *const tc_gcp,
    /// The length of `gcps`, at most 1,048,576.
    pub n_gcps: usize,
    /// Rational polynomials.
    pub rpc: *const tc_rpc,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<tc_gcp>() == 56 && size_of::<tc_rpc>() == 736);
    assert!(size_of::<tc_georef>() == 104 && offset_of!(tc_georef, wkt) == 56);
    assert!(offset_of!(tc_georef, vertical_unit) == 72 && offset_of!(tc_georef, rpc) == 96);
};

// SAFETY: numbers and pointers behind a size; zero is NULL.
unsafe impl SizeLed for tc_georef {
    const NAME: &'static str = "tc_georef";
}

/// ======== GEOREFERENCE ========
///
/// Where the pixels of a level lie on the ground, as far as the source says it. It never changes.
///
/// Of files it is read from the tags and keys of GeoTIFF (OGC 19-008r4), as GDAL understands them, also where a box of
/// JPEG 2000 has them (GeoJP2), or else from its GMLJP2 (OGC 08-085r5); from the corners of images in NITF (BLOCKA if it
/// has all of the whole image, else IGEOLO in degrees or UTM: a transform if one has them within a quarter of a pixel,
/// else four points) and their RPC00A or RPC00B, if no ICHIPB says that the image is part of another. Of an image 0 it is
/// completed from what lies beside the file (see tc_open_options.open_beside): what GDAL keeps in `.aux.xml`, which goes
/// before what the file says, but of NITF; and where there is no transform, of TIFF, JPEG 2000, PNG and JPEG, from a world
/// file (of a.tif these are a.tfw, a.tifw and a.wld, also in capitals; of PNG it goes before `.aux.xml`), with the WKT in
/// a .prj where nothing else names a system. EPSG codes are told as the file has them, deprecated ones too.
///
/// Operators have it from their source: cached, retiled and read images lie where it lies; a level, whose pixels are 2
/// to the power of the level times as long and wide (a level that is not level 0 halved so often, rounded either way,
/// covers the same ground), where it does; a mask where its image lies; a map too, unless its options say otherwise;
/// and what provider_compute makes where the pixels lie that its first input names, if its options say so. Ground
/// control points and polynomials follow in the same way.
///
/// - provider: required.
/// - level: from 0.
/// - georef: required, with struct_size set; the other members are 0 on failure, and where nothing is known. What it
///   points to is borrowed from `provider`, and valid until you release it.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE if there is no such level, TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_georef(
    provider: *const tc_provider,
    level: i32,
    georef: *mut tc_georef,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output_sized(georef, "georef")?;
            let provider = handle::borrow(provider, "provider")?;
            let level = level_of(provider, level)?;
            to.set(provider.georefs.of_level(provider.provider.image(), level));
            Ok(())
        })
    }
}

/// The coordinates of points of a level, by the transform of provider_georef.
///
/// - provider: required.
/// - level: from 0.
/// - pixels: required, n pairs of a column and a row, in or outside the image, where whole numbers are the edges of
///   pixels and (0.5, 0.5) is the centre of the first.
/// - n: how many pairs.
/// - places: required; receives n pairs of x and y on success. May be `pixels`.
/// - err: may be NULL.
///
/// Polynomials and ground control points are not used: GDAL has transformers for them.
///
/// Errors: TC_E_NOT_FOUND if no transform is known; TC_E_RANGE if there is no such level or n is absurd;
/// TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_place_of(
    provider: *const tc_provider,
    level: i32,
    pixels: *const f64,
    n: usize,
    places: *mut f64,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let transform = transform_of(provider, level)?;
            apply(&transform, (pixels, "pixels"), n, (places, "places"))
        })
    }
}

/// The pixels of a level at some coordinates: provider_place_of the other way round.
///
/// - provider: required.
/// - level: from 0.
/// - places: required, n pairs of x and y.
/// - n: how many pairs.
/// - pixels: required; receives n pairs of a column and a row on success, which may lie outside the image; rounded
///   down they are the pixel itself. May be `places`.
/// - err: may be NULL.
///
/// Errors: TC_E_NOT_FOUND if no transform is known; TC_E_RANGE if there is no such level or n is absurd,
/// and for a transform of a file that puts many pixels in one place; TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_pixel_of(
    provider: *const tc_provider,
    level: i32,
    places: *const f64,
    n: usize,
    pixels: *mut f64,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let transform = transform_of(provider, level)?;
            let back = transform.inverse().ok_or_else(|| {
                let numbers = transform.0;
                Error::range(format!("the transform {numbers:?} has no inverse"))
            })?;
            apply(&back, (places, "places"), n, (pixels, "pixels"))
        })
    }
}

/// The same image, which lies where you say: a provider with the key and the tiles of `source`.
///
/// - source: required; kept alive by the result.
/// - georef: where level 0 lies, and with it all levels; copied with all it points to. Nothing is taken over from
///   the source. NULL: nothing is known of the result.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for numbers that are not finite, scales of 0, negative codes and too many points, TC_E_ARGUMENT,
/// also for a transform without inverse; TC_E_LIMIT for a stack that is too high. The message names the member.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_with_georef(
    source: *mut tc_provider,
    georef: *const tc_georef,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(provider, null_mut(), "provider")?;
            let fill = handle::borrow(source, "source")?.fill;
            let source = source_of(source)?;
            let located = located(georef, source.image())?;
            to.set(tc_provider::filling(
                operator::georeferenced(source, located)?,
                fill,
            ));
            Ok(())
        })
    }
}

/// A level that the image has.
fn level_of(provider: &tc_provider, level: i32) -> Result<u32> {
    let level = natural(level, "level")? as u32;
    provider.provider.image().check_level(level)?;
    Ok(level)
}

/// From pixels of a level to coordinates.
///
/// # Safety
/// `provider` must be NULL or a live handle.
unsafe fn transform_of(provider: *const tc_provider, level: i32) -> Result<Affine> {
    // SAFETY: promised by the caller.
    let provider = unsafe { handle::borrow(provider, "provider")? };
    let level = level_of(provider, level)?;
    let located = provider.provider.image().georef.as_ref();
    let transform = located.and_then(|located| located.transform(level));
    transform.ok_or_else(|| {
        let key = provider.provider.key();
        Error::new(
            Kind::NotFound,
            format!("no transform is known of {key}; see provider_georef"),
        )
    })
}

/// Maps pairs of numbers.
///
/// # Safety
/// Both pointers must be NULL or point to `n` pairs, which may be the same.
unsafe fn apply(
    affine: &Affine,
    (from, from_name): (*const f64, &str),
    n: usize,
    (to, to_name): (*mut f64, &str),
) -> Result<()> {
    for (is_null, name) in [(from.is_null(), from_name), (to.is_null(), to_name)] {
        if is_null {
            return Err(Error::argument(format!("{name} is NULL")));
        }
    }
    if n > isize::MAX as usize / size_of::<[f64; 2]>() {
        return Err(Error::range(format!(
            "n is {n}; no memory has so many pairs"
        )));
    }
    for at in 0..n {
        // SAFETY: promised by the caller. A pair is read before it is written, for both may be one.
        unsafe {
            let (x, y) = (*from.add(2 * at), *from.add(2 * at + 1));
            let (x, y) = affine.apply(x, y);
            (*to.add(2 * at), *to.add(2 * at + 1)) = (x, y);
        }
    }
    Ok(())
}
