//! Building files with the levels of an image.

use super::args::{self, SizeLed, natural};
use super::cache::tc_cache;
use super::guard::guard;
use super::handle;
use super::levels::filter_of;
use super::progress::{self, tc_progress_fn};
use super::provider::tc_provider;
use super::status::{tc_error, tc_status};
use crate::build::{self, Compression, Layout, Options, Predictor};
use crate::error::{Error, Result};
use std::ffi::{c_char, c_void};

/// How levels lie in files: tc_build_options.layout.
#[repr(C)]
pub enum tc_build_layout {
    /// A tiled GeoTIFF with its overviews, the full image first.
    TC_BUILD_TILED = 1,
    /// The same as a cloud-optimised GeoTIFF, as GDAL's driver COG lays it out: directories before tiles, the tiles of
    /// the smallest level first, each in a frame of its length and its last bytes, followed by that of its mask.
    TC_BUILD_COG = 2,
    /// The overviews alone, and their masks. Beside a file its readers look for them under its name with `.ovr` behind it.
    /// Of a mask that lies in a file of its own (`.msk`) GDAL takes overviews beside that (`.msk.ovr`): those of
    /// provider_mask with TC_FILTER_MAX.
    TC_BUILD_OVERVIEWS = 3,
}

/// How tiles are compressed: tc_build_options.compression.
#[repr(C)]
pub enum tc_build_compression {
    /// Zlib streams.
    TC_BUILD_DEFLATE = 1,
    /// Not at all.
    TC_BUILD_PLAIN = 2,
    /// Zstandard frames.
    TC_BUILD_ZSTD = 3,
    /// LZW.
    TC_BUILD_LZW = 4,
    /// JPEG, of bands of u8 without a palette: 1 to 4 in one picture, more each in its own, so that a COG, which has all in
    /// one, has 4 at most. Red, green and blue alone are stored as luma and chroma, with half
    /// the columns and rows of the latter (4:2:0). Levels are made of the pixels of the source, not of what JPEG leaves of them.
    TC_BUILD_JPEG = 5,
}

/// What is stored instead of samples, so that they compress better: tc_build_options.predictor.
#[repr(C)]
pub enum tc_build_predictor {
    /// The samples themselves.
    TC_BUILD_SAMPLES = 1,
    /// Differences to the pixel on the left. Of real types.
    TC_BUILD_DIFFERENCES = 2,
    /// Differences of the bytes of floats, sorted by significance. Of f32 and f64.
    TC_BUILD_FLOATS = 3,
}

/// The bits of tc_build_options.flags.
#[repr(C)]
pub enum tc_build_flags {
    /// Levels that the source has are computed too, from its level 0.
    TC_BUILD_NO_NATIVE = 1,
    /// BigTIFF, whose offsets have 64 bits.
    TC_BUILD_BIG = 2,
    /// Offsets of 32 bits; a file that outgrows them fails with TC_E_LIMIT.
    TC_BUILD_SMALL = 4,
    /// The call does not wait until the file is on the disk. It is whole all the same after a process was killed, but not if
    /// the machine fails before the system has written it.
    TC_BUILD_NO_SYNC = 8,
}

/// Options of tc_build_pyramid. Size-led; 0 is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_build_options {
    /// sizeof(tc_build_options), set by you.
    pub struct_size: u32,
    /// Bits of tc_build_flags. Without TC_BUILD_BIG and TC_BUILD_SMALL it is BigTIFF where tiles that do not compress
    /// would need it.
    pub flags: u32,
    /// One of tc_build_layout. 0: TC_BUILD_TILED.
    pub layout: u32,
    /// One of tc_build_compression. 0: TC_BUILD_DEFLATE.
    pub compression: u32,
    /// One of tc_build_predictor. 0 under deflate, zstd and LZW: TC_BUILD_DIFFERENCES for whole numbers,
    /// TC_BUILD_FLOATS for floats, TC_BUILD_SAMPLES for complex samples and palettes; else TC_BUILD_SAMPLES.
    pub predictor: u32,
    /// How hard deflate (1 to 12) or zstd (1 to 22) tries. 0: 6 and 9.
    pub effort: u32,
    /// The quality of JPEG, 1 to 100. 0: 75.
    pub quality: u32,
    /// One of tc_filter, with which missing levels are made. 0: TC_FILTER_AVERAGE; TC_FILTER_NEAREST for indices of a
    /// palette.
    pub filter: u32,
    /// How many levels there are with the full image, 1 (TC_BUILD_OVERVIEWS: 2) to 32. 0: as many as the source has,
    /// and then up to the first that fits one tile.
    pub levels: i32,
    /// Threads that work at once, the calling one among them, at most 1,024. 0: that alone. The others exist only
    /// during the call.
    pub threads: u32,
    /// Columns of a tile, a multiple of 16 up to 32,768. 0: 512.
    pub tile_width: i64,
    /// Rows of a tile, likewise.
    pub tile_height: i64,
    /// Hears how far the call has come. NULL: nobody.
    pub progress: tc_progress_fn,
    /// Passed to `progress`.
    pub progress_user: *mut c_void,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<tc_build_options>() == 72);

// SAFETY: numbers, a pointer and an optional function behind a size; zero is NULL.
unsafe impl SizeLed for tc_build_options {
    const NAME: &'static str = "tc_build_options";
}

/// Writes an image with all its levels to a file: those that it has, and above them those that it does not have, the same
/// to the last bit as provider_pyramid makes them.
///
/// Each block of the source is decoded once, whatever its shape, also where provider_retile shows it in tiles: of those the
/// cache of the provider has, the resident ones are taken. Where `source` is computed from tiles, or is a pyramid over them,
/// it is read in its own blocks, and what is beneath is decoded again where no cache there has room for it. It reads as TC_READ_STREAMING does. All levels that are not the
/// source's are made in the same pass. What a level holds of it is about a row of tiles; that is taken from the budget of
/// `cache`, from which tiles go as for a new one. Levels for which it has no room wait in a file aside and are read back
/// from there. Beside the budget each thread has a block and a few tiles in hand.
///
/// The bytes of the file are the same whatever the threads, the blocks of the source and the budget. They have neither the
/// time nor the name of the machine in them.
///
/// With the pixels go: the mask (as mask directories of 1 bit), alpha as an extra sample, colours, a palette without its opacity, nodata,
/// significant bits (the item NBITS of the domain IMAGE_STRUCTURE, which GDAL does not read from there), where the image lies (transform or ground control points without their names, RPC, the keys of GeoTIFF
/// as they were, or the codes of the system, or its text), and the texts that
/// provider_metadata has of image and bands, statistics and the names of categories too (the item CATEGORYNAMES of a band,
/// for GDAL a text), but for those that speak of the file itself. Up to 4 bands are
/// interleaved, more have tiles of their own, in a COG all are interleaved. As in provider_pyramid, floats that are no data
/// come out as NaN, colours under an alpha of 0 among them, unless there is a nodata value.
///
/// A system is written by its text where no code says it, or one that the register in the library does not have. The text
/// is in the form in which GDAL takes it from keys, up to some 2,380 bytes, of a longer one without the lines and spaces
/// between its elements. What is longer even so is written whole, but GDAL finds no system in it.
///
/// The file is written aside in the folder of `path`, and takes the place of whatever has that name when it is complete
/// and on the disk. Whatever ends the call or the process before that leaves nothing: where the file system knows files
/// without a name, that is what it is until then. Where it does not, it is `path` with `.building` behind it, which the
/// next call for the same `path` takes over.
///
/// - source: required. A call that waits in it ends with it if it is a reader that is cancelled.
/// - path: required; the system's own bytes, copied. A link is followed; a folder, a device or a pipe is refused. The file
///   has the permissions of the one that it replaces.
/// - options: NULL is all defaults.
/// - cache: gives its budget, which need not be that of the source; NULL: up to 256 MiB are taken beside all budgets.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for numbers, and for an image of one tile with TC_BUILD_OVERVIEWS; TC_E_ARGUMENT, also if `path` is a
/// file that pixels or levels of the source come from, such as overviews beside it; TC_E_UNSUPPORTED for a compression, a predictor or a filter that these samples do not have, and for what a TIFF
/// has no place for unless overviews alone are built: bands with different nodata values, of which it has one for all (a
/// map of the source can make them the same), ground control points beside a transform, and a system without a text whose
/// code is not in 1,024 to 32,766 (provider_with_georef says them otherwise); TC_E_NOT_FOUND if there is no such folder; TC_E_IO if it cannot
/// be written to, or the disk is full; TC_E_LIMIT for sides above 32 bits and bands above 16; TC_E_CANCELLED if `progress`
/// returned 0; what decoding fails with. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_build_pyramid(
    source: *mut tc_provider,
    path: *const c_char,
    options: *const tc_build_options,
    cache: *mut tc_cache,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let source = handle::borrow(source, "source")?.provider.clone();
            let path = args::path(path)?;
            let given: tc_build_options = args::read_options(options)?;
            let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
            let mut tell = |done| progress::tell(given.progress, given.progress_user, done);
            build::build_pyramid(source, path, &build_options(&given)?, cache, &mut tell)
        })
    }
}

/// The options that concern the core.
fn build_options(given: &tc_build_options) -> Result<Options> {
    use tc_build_compression::*;
    use tc_build_flags::*;
    use tc_build_layout::*;
    use tc_build_predictor::*;
    let refused =
        |name: &str, value: u32| Err(Error::argument(format!("{name} of options is {value}")));
    if given.flags & !15 != 0 {
        let flags = given.flags;
        return Err(Error::argument(format!(
            "flags of options is {flags:#x}; no such flag of a file that is built"
        )));
    }
    let has = |flag: tc_build_flags| given.flags & flag as u32 != 0;
    let layout = match given.layout {
        0 => Layout::Tiled,
        code if code == TC_BUILD_TILED as u32 => Layout::Tiled,
        code if code == TC_BUILD_COG as u32 => Layout::Cog,
        code if code == TC_BUILD_OVERVIEWS as u32 => Layout::Overviews,
        code => return refused("layout", code),
    };
    let compression = match given.compression {
        0 => Compression::Deflate,
        code if code == TC_BUILD_DEFLATE as u32 => Compression::Deflate,
        code if code == TC_BUILD_PLAIN as u32 => Compression::None,
        code if code == TC_BUILD_ZSTD as u32 => Compression::Zstd,
        code if code == TC_BUILD_LZW as u32 => Compression::Lzw,
        code if code == TC_BUILD_JPEG as u32 => Compression::Jpeg,
        code => return refused("compression", code),
    };
    let predictor = match given.predictor {
        0 => None,
        code if code == TC_BUILD_SAMPLES as u32 => Some(Predictor::None),
        code if code == TC_BUILD_DIFFERENCES as u32 => Some(Predictor::Horizontal),
        code if code == TC_BUILD_FLOATS as u32 => Some(Predictor::Float),
        code => return refused("predictor", code),
    };
    let levels = natural(given.levels, "levels")? as u32;
    Ok(Options {
        layout,
        compression,
        predictor,
        effort: given.effort,
        quality: given.quality,
        tile: (
            natural(given.tile_width, "tile_width")?,
            natural(given.tile_height, "tile_height")?,
        ),
        filter: filter_of(given.filter)?,
        levels: (levels != 0).then_some(levels),
        recomputes: has(TC_BUILD_NO_NATIVE),
        threads: given.threads,
        is_unsynced: has(TC_BUILD_NO_SYNC),
        big: match (has(TC_BUILD_BIG), has(TC_BUILD_SMALL)) {
            (false, false) => None,
            (true, false) => Some(true),
            (false, true) => Some(false),
            (true, true) => {
                return Err(Error::argument(
                    "flags of options has both TC_BUILD_BIG and TC_BUILD_SMALL",
                ));
            }
        },
    })
}
