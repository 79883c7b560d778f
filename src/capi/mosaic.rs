//! Mosaics: one image made of many.

use super::args::{self, SizeLed, natural};
use super::array::Owner;
use super::cache::tc_cache;
use super::guard::guard;
use super::handle;
use super::image::{add_texts, describe_bands, described};
use super::provider::{deliver, source_of, tc_provider};
use super::source::tc_text;
use super::status::{callback, tc_error, tc_status};
use super::types::{tc_band_info, tc_image_info, tc_release_fn};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::operator::{self, MAX_OPEN, Mosaic, Opening, Part, Source};
use crate::provider::Provider;
use crate::source::source_key;
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;
use std::sync::Arc;

/// The most parts of a mosaic.
const MAX_PARTS: usize = 1 << 24;

/// An image at its place in a mosaic. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_mosaic_part {
    /// The image; kept alive by the mosaic. NULL: `open` of tc_mosaic_options opens it when it is first touched.
    pub provider: *mut tc_provider,
    /// With a provider NULL. Otherwise required, UTF-8; copied: what the key of the image that `open` gives begins
    /// with, as in tc_open_options and tc_source, such as a URL and its ETag. Two mosaics share tiles if their parts
    /// have the same keys and places, so the same key must stand for the same pixels, of which the same are data;
    /// whether that image has this key is not looked at. What is invalidated under `<key>:image:0` is forgotten of the mosaic, also before it is
    /// opened; so is what is invalidated under the key that the image turns out to have.
    pub key: *const c_char,
    /// The column of the mosaic, at level 0, in which its first column lies. It may lie outside, within 2^60 of 0.
    pub x: i64,
    /// The row, likewise.
    pub y: i64,
    /// Its columns. With a provider 0 or what that has; otherwise required.
    pub width: i64,
    /// Its rows, likewise.
    pub height: i64,
}

/// Opens a part: sets *provider to a reference that the library owns from then on, also where it then fails, and
/// gives up when the part is closed. `part` is its place in the array that provider_mosaic got. Returns TC_OK, or
/// another number and may then tell more in `err`, which is never NULL; see tc_source. The image must have the size that was said, and the type,
/// bands and levels of the mosaic. Called from several threads at once, but for one part by one at a time, and only
/// inside calls of the library. A failure is not remembered, and a part that cannot be read is opened anew.
pub type tc_open_part_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        part: usize,
        provider: *mut *mut tc_provider,
        err: *mut tc_error,
    ) -> tc_status,
>;

/// The bits of tc_mosaic_options.flags.
#[repr(C)]
pub enum tc_mosaic_flags {
    /// The parts can read some of their bands for less than all of them, so that blocks are made of the bands asked
    /// for alone. Without it they are always made of all bands.
    TC_MOSAIC_BANDS = 1,
}

/// Options of provider_mosaic. Size-led; copied by the call with all it points to, except `user`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_mosaic_options {
    /// sizeof(tc_mosaic_options), set by you.
    pub struct_size: u32,
    /// Bits of tc_mosaic_flags.
    pub flags: u32,
    /// What the mosaic is: size, blocks, type, bands, levels, pad and nodata, as in tc_source. All parts must have its
    /// type and bands, and at least its levels. Required.
    pub image: *const tc_image_info,
    /// What its bands are, as in tc_source. NULL: what `image` says.
    pub band_infos: *const tc_band_info,
    /// Its texts, for provider_metadata; with n_texts. NULL and 0: none.
    pub texts: *const tc_text,
    /// The length of `texts`.
    pub n_texts: usize,
    /// Opens the parts that have no provider. NULL: all have one.
    pub open: tc_open_part_fn,
    /// Passed to `open`.
    pub user: *mut c_void,
    /// Called once with `user` after the last `open` has returned and the last part that it gave was released by the
    /// mosaic. NULL: nothing to release.
    pub release: tc_release_fn,
    /// How many of the parts that `open` gave stay open while no call reads them; those not read for the longest time
    /// go first. 0 is 64.
    pub max_open: u32,
    /// 0.
    pub reserved: u32,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<tc_mosaic_part>() == 48 && offset_of!(tc_mosaic_part, width) == 32);
    assert!(size_of::<tc_mosaic_options>() == 72 && offset_of!(tc_mosaic_options, open) == 40);
};

// SAFETY: numbers, pointers and optional functions behind a size; zero is NULL.
unsafe impl SizeLed for tc_mosaic_options {
    const NAME: &'static str = "tc_mosaic_options";
}

/// One image made of many, each at its place: later parts lie over earlier ones.
///
/// A pixel of a part is shown where it is data: where its block is stored, its mask (provider_mask says which) and its
/// alpha band are not 0, and its sample is not the nodata value of its own band. Elsewhere what lies beneath is seen,
/// band by band, and where nothing does the pad value of the mosaic. Nothing is resampled, converted or blended.
///
/// A block costs what the parts over it cost; a miss also asks all parts whether they have changed, which is little up to
/// some ten thousand parts, and the most of it beyond a hundred thousand. A part is opened when it is first
/// touched, and neither opened nor read where those over it leave nothing to be seen. A block has_block has if any part
/// over it has a block there; a gap takes no memory. Which pixels are data is told by provider_mask: by the nodata
/// values of the mosaic where all its bands have one, by its alpha band, else by a mask of its own.
///
/// Each level is put together from that level of the parts, in blocks of the size of those of level 0, as
/// provider_level shows them. So all parts must have as many levels, each the one before halved, and with n levels
/// the places must be multiples of 2^(n - 1).
///
/// Two mosaics with parts of the same keys at the same places have the same key. It names the parts, or of many a
/// digest: `compute:mosaic:<size and type>(<key>[at:<x>+<y>],...)`, with `:data:<digits>` behind the place of a given part
/// of which a mask, alpha or nodata say what is data.
///
/// - parts: required, n_parts structs; copied.
/// - n_parts: 1 to 16,777,216.
/// - options: required.
/// - cache: keeps the blocks, and is kept alive by the result; NULL keeps nothing.
/// - provider: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// It lies on the ground where those of its parts do that are given and have a transform, if all of them agree: one
/// reference system, and each corner within half a pixel of where the first one of them has it. Else, and where all parts
/// are opened later, provider_with_georef gives it a place. Points and polynomials of parts are left out.
///
/// After a success the library calls options->release once, as tc_mosaic_options says; after a failure it does not call
/// it.
///
/// Errors: TC_E_ARGUMENT for a part that does not fit the mosaic, also if the cache knows the key with another size,
/// type or number of bands; TC_E_RANGE for sizes and places; TC_E_LIMIT for a stack that is too high; TC_E_NO_MEMORY.
/// The message names the part. Where a part is opened later, the same errors, and those of `open`, come from the calls
/// that touch it; TC_E_REENTRANT where a part is made from the mosaic itself. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_mosaic(
    parts: *const tc_mosaic_part,
    n_parts: usize,
    options: *const tc_mosaic_options,
    cache: *mut tc_cache,
    provider: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(provider, || {
                let options = args::read_sized(options, "options")?;
                let image = mosaic_image(&options)?;
                let parts = core_parts(parts, n_parts)?;
                let opener = Opener::new(&options);
                let owner = opener.as_ref().map(|opener| opener.owner.clone());
                let owner = owner.unwrap_or_else(|| Owner::new(options.release, options.user));
                let mosaic = Mosaic {
                    image,
                    parts,
                    opening: opener.map(|opener| Arc::new(opener) as Arc<dyn Opening>),
                    max_open: match options.max_open {
                        0 => MAX_OPEN,
                        most => most as usize,
                    },
                };
                let cache = handle::borrow_optional(cache, "cache")?.map(|cache| &cache.cache);
                let made = operator::mosaic(mosaic, cache)?;
                owner.take();
                Ok(made)
            })
        })
    }
}

/// The image that the options describe.
///
/// # Safety
/// The pointers in `options` must be as the header says.
unsafe fn mosaic_image(options: &tc_mosaic_options) -> Result<Image> {
    const BANDS: u32 = tc_mosaic_flags::TC_MOSAIC_BANDS as u32;
    if options.flags & !BANDS != 0 || options.reserved != 0 {
        return Err(Error::argument(format!(
            "flags of options is {:#x} and reserved {}; no such flag of a mosaic",
            options.flags, options.reserved
        )));
    }
    // SAFETY: promised by the caller.
    unsafe {
        let mut image = described(options.image)?;
        image.bands_together = options.flags & BANDS == 0 && image.bands.len() > 1;
        describe_bands(options.band_infos, &mut image)?;
        add_texts(options.texts, options.n_texts, &mut image)?;
        Ok(image)
    }
}

/// The parts, with references of their own.
///
/// # Safety
/// `parts` must be NULL or point to so many structs, with pointers as the header says.
unsafe fn core_parts(parts: *const tc_mosaic_part, n_parts: usize) -> Result<Vec<Part>> {
    if parts.is_null() {
        return Err(Error::argument("parts is NULL"));
    }
    if !(1..=MAX_PARTS).contains(&n_parts) {
        return Err(Error::range(format!(
            "n_parts is {n_parts}; it must be 1 to {MAX_PARTS}"
        )));
    }
    // SAFETY: promised by the caller.
    let parts = unsafe { std::slice::from_raw_parts(parts, n_parts) };
    let known = parts.iter().enumerate().map(|(number, part)| {
        // SAFETY: promised by the caller.
        let part = unsafe { core_part(part) };
        part.map_err(|error| error.at(format!("parts[{number}]")))
    });
    known.collect()
}

/// A part, with a reference of its own.
///
/// # Safety
/// The pointers in `part` must be as the header says.
unsafe fn core_part(part: &tc_mosaic_part) -> Result<Part> {
    let size = (
        natural(part.width, "width")?,
        natural(part.height, "height")?,
    );
    // SAFETY: promised by the caller.
    let key = unsafe { args::optional_text(part.key, "key")? };
    let (size, source) = match (part.provider.is_null(), key) {
        (false, None) => {
            // SAFETY: promised by the caller.
            let provider = unsafe { source_of(part.provider)? };
            let own = provider.image().levels[0];
            let or = |said: u64, own: u64| if said == 0 { own } else { said };
            (
                (or(size.0, own.0), or(size.1, own.1)),
                Source::Given(provider),
            )
        }
        (true, Some(key)) => {
            let key = source_key(Some(key))?;
            (size, Source::Later { key })
        }
        (false, Some(_)) => return Err(Error::argument("both a provider and a key")),
        (true, None) => return Err(Error::argument("neither a provider nor a key")),
    };
    Ok(Part {
        place: (part.x, part.y),
        size,
        source,
    })
}

/// A caller's function that opens parts.
struct Opener {
    open:
        unsafe extern "C" fn(*mut c_void, usize, *mut *mut tc_provider, *mut tc_error) -> tc_status,
    user: *mut c_void,
    /// Releases `user` after the last call.
    owner: Arc<Owner>,
}

// SAFETY: the header demands that `open` may be called from several threads at once.
unsafe impl Send for Opener {}
// SAFETY: as above.
unsafe impl Sync for Opener {}

impl Opener {
    fn new(options: &tc_mosaic_options) -> Option<Self> {
        Some(Self {
            open: options.open?,
            user: options.user,
            owner: Owner::new(options.release, options.user),
        })
    }
}

impl Opening for Opener {
    fn open(&self, part: usize) -> Result<Arc<dyn Provider>> {
        let mut opened: *mut tc_provider = null_mut();
        // SAFETY: the header says what the callback does with these arguments.
        let done = callback("open", |err| unsafe {
            (self.open)(self.user, part, &mut opened, err)
        });
        if opened.is_null() {
            return Err(done
                .err()
                .unwrap_or(Error::argument("open gave no provider")));
        }
        // SAFETY: the callback gave a reference away, also where it failed, which is given up here.
        unsafe {
            let provider = source_of(opened);
            handle::release(opened);
            done.and(provider)
        }
    }
}
