//! Operators: providers over providers.

use super::args::{self, SizeLed, natural};
use super::array::Owner;
use super::cache::tc_cache;
use super::callback::target_of;
use super::guard::guard;
use super::handle;
use super::image::{add_texts, describe_bands, sample};
use super::provider::{deliver, source_of, tc_provider};
use super::source::tc_text;
use super::status::{callback, tc_error, tc_status};
use super::tile::view;
use super::types::{tc_band_info, tc_dtype, tc_pixels, tc_release_fn, tc_target};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::image::{Block, Image, MAX_BANDS};
use crate::memory::PixelsMut;
use crate::operator::{self, Drops, Map, MapOptions, RetileOptions};
use crate::tile::Pixels;
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;
use std::sync::Arc;

/// Options of provider_retile. Size-led; 0 is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_retile_options {
    /// sizeof(tc_retile_options), set by you.
    pub struct_size: u32,
    /// 1: tiles at the right and bottom edge are filled up with pad to full size. 0: they are cut.
    pub pad_edges: u32,
    /// Columns of a tile. 0 is 1024.
    pub tile_width: i64,
    /// Rows of a tile. 0 is 1024.
    pub tile_height: i64,
}

/// Makes a block of output from the same block of input: `in` and `out` have the same size, and the
/// types and bands that tc_map_options names. Both are valid during the call; all samples of `out` must
/// be written. Returns TC_OK, or another number and may then tell more in `err`, which is never NULL;
/// see tc_source. Called from several threads at once, only inside calls of the library.
///
/// row, col and level are those of the block in the image that provider_map was given, whatever call
/// reads the output: a block, a window, a level as an image, or an operator over it. A level with a block
/// grid of its own (provider_level shows it) is mapped in the blocks of that grid, and row and col count
/// those; other levels have the grid that tc_image_info describes.
pub type tc_map_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        row: i64,
        col: i64,
        level: i32,
        r#in: *const tc_pixels,
        out: *const tc_target,
        err: *mut tc_error,
    ) -> tc_status,
>;

/// The bits of tc_map_options.flags.
#[repr(C)]
pub enum tc_map_flags {
    /// `pad` is the pad value of the output.
    TC_MAP_HAS_PAD = 1,
    /// The output does not have the colours and nodata values of the source.
    TC_MAP_DROP_BANDS = 2,
    /// It does not have its texts.
    TC_MAP_DROP_TEXTS = 4,
    /// Nor what provider_mask says of it: the mask of the output is what its own bands say.
    TC_MAP_DROP_MASK = 8,
    /// Nor where it lies on the ground.
    TC_MAP_DROP_GEOREF = 16,
}

/// Options of provider_map. Size-led; copied by the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_map_options {
    /// sizeof(tc_map_options), set by you.
    pub struct_size: u32,
    /// The sample type of the output. 0: as the input.
    pub dtype: tc_dtype,
    /// The bands of the output. 0: as many as the input has.
    pub bands: i32,
    /// Bits of tc_map_flags.
    pub flags: u32,
    /// The bands of the source that make the input, in any order; with n_source_bands. NULL and 0: all.
    pub source_bands: *const i32,
    /// The length of source_bands.
    pub n_source_bands: usize,
    /// The name of the function in the key of the output, UTF-8. Maps of the same name over the same
    /// source with the same options must give the same pixels. NULL: one that is never used again.
    pub name: *const c_char,
    /// The function. Required.
    pub map: tc_map_fn,
    /// Passed to `map`.
    pub user: *mut c_void,
    /// Called once with `user` after the last `map` has returned. NULL: nothing to release.
    pub release: tc_release_fn,
    /// Significant bits of a sample of the output (of one part of a complex one), as provider_info
    /// reports them. 0: all bits of its type.
    pub bits: i32,
    /// 0.
    pub reserved: u32,
    /// With TC_MAP_HAS_PAD: one sample of the output's type, which fills absent blocks and everything
    /// outside the image. Else ignored; provider_map says what the pad value is then.
    pub pad: [u8; 16],
    /// What the bands of the output are, as in tc_source. NULL: what the bands are that the function gets, with their
    /// colours and nodata values, where the output has as many of the same type; else nothing is known of them.
    pub band_infos: *const tc_band_info,
    /// Texts of the output, beside those of the source; with n_texts. NULL and 0: none.
    pub texts: *const tc_text,
    /// The length of `texts`.
    pub n_texts: usize,
}

const _: () = assert!(size_of::<tc_retile_options>() == 24);

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<tc_map_options>() == 112 && offset_of!(tc_map_options, name) == 32);
};

// SAFETY: plain numbers behind a size.
unsafe impl SizeLed for tc_retile_options {
    const NAME: &'static str = "tc_retile_options";
}

// SAFETY: numbers, pointers and optional functions behind a size; zero is NULL.
unsafe impl SizeLed for tc_map_options {
    const NAME: &'static str = "tc_map_options";
}

/// ======== OPERATORS ========
///
/// The same image, its blocks kept in a cache: same key, same description, same pixels. The source
/// itself, retained, if its blocks are looked up in that cache already.
///
/// - source, cache: required; each kept alive by the result.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT, also if the cache knows the key with another size, block size, type or number of bands;
/// TC_E_LIMIT for a stack that is too high. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_cached(
    source: *mut tc_provider,
    cache: *mut tc_cache,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let cache = &handle::borrow(cache, "cache")?.cache;
                operator::cached(source_of(source)?, cache)
            })
        })
    }
}

/// The same image on a uniform grid of tiles of any size.
///
/// A tile inside one block of memory that stays is a view of it; otherwise each pixel is copied once.
/// One decode of a block serves all tiles that are being assembled from it and, as far as there is
/// room, those that will be asked for next.
///
/// - source: required; kept alive by the result.
/// - options: NULL is all defaults.
/// - cache: keeps the tiles, and is kept alive by the result; NULL keeps nothing.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for sizes, TC_E_ARGUMENT, TC_E_LIMIT for a stack that is too high. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_retile(
    source: *mut tc_provider,
    options: *const tc_retile_options,
    cache: *mut tc_cache,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let options: tc_retile_options = args::read_options(options)?;
                let options = RetileOptions {
                    tile: (
                        natural(options.tile_width, "tile_width")?,
                        natural(options.tile_height, "tile_height")?,
                    ),
                    pad_edges: args::boolean(options.pad_edges, "pad_edges")?,
                };
                let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
                operator::retiled(source_of(source)?, &options, cache)
            })
        })
    }
}

/// An image computed block by block by a function of yours, on the grid of the source.
///
/// Absent blocks of the source are absent in the output, too, and are the pad value there: that of the
/// options; else what `map` makes of one pixel of the source's pad. For that it is called once, by
/// provider_map, with a block of one pixel and 0 for row, col and level, and only if blocks may be absent
/// (TC_IMAGE_SPARSE). If its bands differ then, or it fails, every block of the output is there, made like
/// the others from a block of pad. If no block can be absent, the pad value is the source's,
/// rounded and clamped to the type of the output.
///
/// The output has what is known of the source unless the options say otherwise: colours and nodata values, texts
/// (those of bands where it has as many as the function gets, and no STATISTICS_..., which speak of other pixels), what
/// provider_georef says, and what provider_mask says,
/// also where that comes from nodata values or alpha that the output does not have.
///
/// - source: required; kept alive by the result.
/// - options: required.
/// - cache: keeps the blocks, and is kept alive by the result; NULL keeps nothing.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// After a success the library calls options->release once, after the last `map`; after a failure it
/// does not call it.
///
/// Errors: TC_E_RANGE for bands and bits, TC_E_ARGUMENT, TC_E_NO_MEMORY, TC_E_LIMIT for a stack that is too
/// high. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_map(
    source: *mut tc_provider,
    options: *const tc_map_options,
    cache: *mut tc_cache,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let source = source_of(source)?;
                let options = args::read_sized(options, "options")?;
                let map = CallbackMap::new(&options)?;
                let owner = map.owner.clone();
                let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
                let options = map_options(&options, source.image())?;
                let made = operator::mapped(source, &options, Arc::new(map), cache)?;
                owner.take();
                Ok(made)
            })
        })
    }
}

/// A resolution level as an image of its own, with the block grid that the level has in its file, if
/// any, and the levels above it. Retiled over it, tiles are of full size at every zoom.
///
/// - source: required; kept alive by the result.
/// - level: from 0, which gives the source itself.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE if there is no such level, TC_E_ARGUMENT, TC_E_LIMIT for a stack that is too high.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_level(
    source: *mut tc_provider,
    level: i32,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(provider, null_mut(), "provider")?;
            let fill = handle::borrow(source, "source")?.fill;
            let made = operator::level(source_of(source)?, natural(level, "level")? as u32)?;
            to.set(tc_provider::filling(made, fill));
            Ok(())
        })
    }
}

/// Where the pixels of an image are data: one band of TC_U8 on the same grid, 255 where they are and 0
/// where they are not, from the source's own mask, else from its alpha band, else from its nodata
/// values; 255 everywhere if it has none of them. With nodata values a pixel is data if any band is. It has the
/// levels of the image; where a mask of a file or of yours lacks some, a pixel of them is data if any is that it stands
/// for.
///
/// - source: required; kept alive by the result.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT, TC_E_LIMIT for a stack that is too high. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_mask(
    source: *mut tc_provider,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || operator::mask(source_of(source)?))
        })
    }
}

/// The options that concern the core, for an input of some type.
///
/// # Safety
/// The pointers in `options` must be as the header says.
unsafe fn map_options(options: &tc_map_options, source: &Image) -> Result<MapOptions> {
    let bands = natural(options.bands, "bands")? as u32;
    if bands > MAX_BANDS {
        return Err(Error::range(format!(
            "bands is {bands}; at most {MAX_BANDS}"
        )));
    }
    if options.reserved != 0 {
        let reserved = options.reserved;
        return Err(Error::argument(format!(
            "reserved of options is {reserved}; it must be 0"
        )));
    }
    use tc_map_flags::*;
    if options.flags & !31 != 0 {
        let flags = options.flags;
        return Err(Error::argument(format!(
            "flags of options is {flags:#x}; no such flag of a map"
        )));
    }
    let has = |flag: tc_map_flags| options.flags & flag as u32 != 0;
    let dtype = match options.dtype {
        0 => None,
        code => Some(DType::from_code(code)?),
    };
    let bits = natural(options.bits, "bits")? as u32;
    let of_output = dtype.unwrap_or(source.dtype);
    let pad = has(TC_MAP_HAS_PAD).then(|| sample(options.pad, of_output));
    // SAFETY: promised by the caller.
    unsafe {
        let source_bands = args::band_list(options.source_bands, options.n_source_bands)?;
        let count = match (bands, &source_bands) {
            (0, Some(list)) => list.len() as u32,
            (0, None) => source.band_count(),
            (bands, _) => bands,
        };
        let mut told = Image::new(1, 1, count, of_output);
        describe_bands(options.band_infos, &mut told)?;
        add_texts(options.texts, options.n_texts, &mut told)?;
        Ok(MapOptions {
            name: args::optional_text(options.name, "name")?.map(str::to_owned),
            dtype,
            bands: (bands != 0).then_some(bands),
            source_bands: source_bands.map(|list| list.to_vec()),
            bits: (bits != 0).then_some(bits),
            pad,
            drops: Drops {
                bands: has(TC_MAP_DROP_BANDS),
                texts: has(TC_MAP_DROP_TEXTS),
                mask: has(TC_MAP_DROP_MASK),
                georef: has(TC_MAP_DROP_GEOREF),
            },
            band_infos: (!options.band_infos.is_null()).then_some(told.bands),
            texts: told.metadata,
        })
    }
}

/// A caller's function over blocks.
struct CallbackMap {
    map: unsafe extern "C" fn(
        *mut c_void,
        i64,
        i64,
        i32,
        *const tc_pixels,
        *const tc_target,
        *mut tc_error,
    ) -> tc_status,
    user: *mut c_void,
    /// Releases `user` after the last call.
    owner: Arc<Owner>,
}

// SAFETY: the header demands that `map` may be called from several threads at once.
unsafe impl Send for CallbackMap {}
// SAFETY: as above.
unsafe impl Sync for CallbackMap {}

impl CallbackMap {
    fn new(options: &tc_map_options) -> Result<Self> {
        let map = options.map;
        Ok(Self {
            map: map.ok_or_else(|| Error::argument("map of options is NULL"))?,
            user: options.user,
            owner: Owner::new(options.release, options.user),
        })
    }
}

impl Map for CallbackMap {
    fn map(&self, at: Block, input: &Pixels, out: &mut PixelsMut<'_>) -> Result<()> {
        let (input, out) = (view(input), target_of(out));
        let (row, col, level) = (at.row as i64, at.col as i64, at.level as i32);
        // SAFETY: the header says what the callback does with these arguments.
        callback("map", |err| unsafe {
            (self.map)(self.user, row, col, level, &input, &out, err)
        })
    }
}
