//! Display chains in the hands of callers.

use super::args::{self, SizeLed};
use super::array::{Array, Owner};
use super::guard::{guard, guard_value};
use super::handle::{self, Object};
use super::pixel_stats::tc_pixel_stats;
use super::provider::{c_text, tc_provider};
use super::status::{tc_error, tc_status};
use super::types::{tc_colour, tc_dtype, tc_pixels, tc_target};
use crate::chain::{Accepts, Chain, Samples, Statistics};
use crate::error::Result;
use crate::tile::Pixels;
use std::ffi::{CString, c_char};
use std::ptr::{null, null_mut};

/// Steps from the samples of an image to a picture, told by a text: see tc_chain_parse. A chain never changes.
///
/// Reference-counted: tc_chain_retain, tc_chain_release. All functions may be called from any number of threads at once.
pub struct tc_chain {
    chain: Chain,
    text: CString,
}

impl Object for tc_chain {}

impl tc_chain {
    /// A new handle to a chain.
    pub fn handle(chain: Chain) -> *mut tc_chain {
        let text = c_text(chain.text());
        handle::new(tc_chain { chain, text })
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }
}

/// The bits of tc_chain_about.flags.
#[repr(C)]
pub enum tc_chain_flags {
    /// All constants are in the text: it can be applied, and put on a provider.
    TC_CHAIN_RESOLVED = 1,
    /// To resolve it, tc_chain_resolve needs statistics; else what the provider tells will do.
    TC_CHAIN_NEEDS_STATS = 2,
    /// The last band of the output is opacity.
    TC_CHAIN_ALPHA = 4,
}

/// What a chain takes and gives, as its text alone tells. Size-led.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_chain_about {
    /// sizeof(tc_chain_about), set by you.
    pub struct_size: u32,
    /// Bits of tc_chain_flags.
    pub flags: u32,
    /// The source must have so many bands at least.
    pub least_bands: i32,
    /// And so many at most; 0 is any number.
    pub most_bands: i32,
    /// The bands of the output. 0 where that depends on the source: as many as this has, and one more with
    /// TC_CHAIN_ALPHA; of a palette that is not resolved, three or four.
    pub bands: i32,
    /// The sample type of the output; 0 is that of the source.
    pub dtype: tc_dtype,
    /// What the first four bands of the output are, as far as the text tells.
    pub colours: [tc_colour; 4],
}

const _: () = assert!(size_of::<tc_chain_about>() == 40);

// SAFETY: plain numbers behind a size.
unsafe impl SizeLed for tc_chain_about {
    const NAME: &'static str = "tc_chain_about";
}

/// ======== DISPLAY CHAINS ========
///
/// A chain out of its text: steps with `|` between, such as `bands=3,1,0|stretch=2..98%|gamma=1.2|u8`. ASCII, without
/// spaces, numbers with a point whatever the locale.
///
/// A step makes of all bands:
/// - `bands=3,1,0`: these, from 0, in this order; repeats allowed. Only what is needed is read of a provider.
/// - `unscale=0.1:-5`: samples times 0.1 less 5, for all bands; `unscale=0.1:-5,1:0` for each; `unscale`: SCALE and
///   OFFSET that the provider tells, see provider_metadata.
/// - `magnitude`, `power`, `quarter`, `log`: of complex samples sqrt(re^2 + im^2), its square, its square root, and 20
///   log10 of it, where 0 is no data. Of real samples the magnitude is the absolute value. `phase`: the angle of complex
///   samples, -pi to pi as 0 to 1.
/// - `stretch=100..900`: (sample - 100) / (900 - 100) in double, clamped to 0 to 1; `stretch=0..9,1..7` for each band. The
///   first limit is not above the second: `invert` turns a picture.
///   Where both limits are the same, what is below is 0, above 1, and equal 127/255. Limits from the provider:
///   `stretch=full`, all values of the significant bits of an unsigned type. Limits from statistics: `minmax`;
///   `stretch=2..98%`, percentiles, to a millionth; `sd=2`, so many standard deviations about the mean, and `dra`,
///   from a fifth of the distance of percentiles 2 and 98 below the one to two fifths above the other, both within minimum
///   and maximum. Limits for all bands together, the least low and the greatest high: `minmax=common`, `dra=common`,
///   `sd=2,common`, `stretch=2..98%,common`.
/// - `gamma=1.2`: 0 to 1 raised to 1/1.2, for all bands; `gamma=1.2,1,1` for each. `invert`: 1 less it.
/// - `table=u8:BASE64`: whole samples, or 0 to 1 as 0 to the last entry, looked up; beyond an end is that entry. Entries
///   of u8 and u16 become 0 to 1; those of f32 and f64 (little-endian, as u16) are values, such as the amplitudes of
///   NITF's AMP8I_PHS8I. More tables behind commas: one for each band.
/// - `palette`: one band as indices of the palette that the provider tells, see provider_palette; `palette=rgb:BASE64`,
///   `palette=rgba:BASE64`: of these colours, 3 or 4 bytes each. Three bands, four if any colour is not opaque. Indices
///   that it does not have are no data.
/// - `ramp=viridis`: 0 to 1 of one band as one of 256 colours of cividis, inferno, magma, plasma, turbo or viridis.
/// - `ycbcr`: three bands of 8 bits (or 0 to 1) as red, green and blue by ITU-R BT.601, full range. `rgb`: one band three
///   times.
/// - `alpha`: one more band, opaque where any of the bands is data, by nodata values, NaN, a mask and alpha of the provider;
///   where it is 0 the others are 0. Last, but for a type. With a palette that is not opaque, the opacity of its colours.
/// - `u8`, `u16`: 0 to 1 as round(255 t), round(65535 t), halves away from 0; no data is 0. `f32`, `f64`: values as they are;
///   no data is NaN. Samples that were not stretched to 0 to 1 cannot become whole ones of another type. Without such a
///   step the output is f32; of `bands` and `rgb` alone, samples as they are, no data too.
///
/// Every step is what its formula says, in double, one rounding at the end; logarithms, powers and angles are the same on
/// every system. So each tile, process and machine shows the same.
///
/// - text: required; at most 8 MiB and 256 steps.
/// - chain: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT with the byte of the text, from 0, where it is wrong, and why; TC_E_LIMIT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_chain_parse(
    text: *const c_char,
    chain: *mut *mut tc_chain,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(chain, null_mut(), "chain")?;
            to.set(tc_chain::handle(Chain::parse(args::any_text(
                text, "text",
            )?)?));
            Ok(())
        })
    }
}

/// The chain with all constants put in that a provider and statistics of its samples tell. What has them keeps them, so a
/// resolved chain is given back as it is. No pixel is read.
///
/// Limits follow from the statistics through all that comes before: scales, detections, stretches, gammas, inversions;
/// through tables and colours they do not. A band without valid pixels gets the full range of an unsigned type, else 0..1.
///
/// - chain, source: required.
/// - stats: those of `source`, all bands of it, see provider_pixel_stats. NULL will do for a chain without
///   TC_CHAIN_NEEDS_STATS.
/// - resolved: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT, naming the step, if it does not fit the bands or the type of `source`, or neither this nor `stats`
/// tells what it needs. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_chain_resolve(
    chain: *const tc_chain,
    source: *const tc_provider,
    stats: *const tc_pixel_stats,
    resolved: *mut *mut tc_chain,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(resolved, null_mut(), "resolved")?;
            let chain = handle::borrow(chain, "chain")?;
            let source = handle::borrow(source, "source")?;
            let known = optional_stats(stats)?;
            let made = chain.chain.resolve(source.provider.image(), known)?;
            to.set(tc_chain::handle(made));
            Ok(())
        })
    }
}

/// Statistics that may be missing.
///
/// # Safety
/// `stats` must be NULL or a live handle, which stays alive while the reference is used.
pub unsafe fn optional_stats<'a>(
    stats: *const tc_pixel_stats,
) -> Result<Option<&'a dyn Statistics>> {
    if stats.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    let stats = unsafe { handle::borrow(stats, "stats")? };
    Ok(Some(stats.stats()))
}

/// One chain, then another over its output.
///
/// - first, then: required.
/// - chain: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT, naming the step of `then` that cannot stand behind `first`. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_chain_compose(
    first: *const tc_chain,
    then: *const tc_chain,
    chain: *mut *mut tc_chain,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(chain, null_mut(), "chain")?;
            let first = handle::borrow(first, "first")?;
            let then = handle::borrow(then, "then")?;
            to.set(tc_chain::handle(first.chain.compose(&then.chain)?));
            Ok(())
        })
    }
}

/// The text of a chain in its canonical form: parsed, it gives the same chain and the same text. It is in the key of what
/// is displayed, and its text TC:CHAIN.
///
/// - chain: NULL gives NULL.
///
/// Returns ASCII borrowed from `chain`, valid until you release it.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_chain_text(chain: *const tc_chain) -> *const c_char {
    // SAFETY: the caller keeps what the header says of every pointer.
    let chain = unsafe { chain.as_ref() };
    guard_value(null(), || chain.map_or(null(), |chain| chain.text.as_ptr()))
}

/// What a chain takes and gives.
///
/// - chain: required.
/// - about: required, with its size set.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_chain_info(
    chain: *const tc_chain,
    about: *mut tc_chain_about,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output_sized(about, "about")?;
            let info = handle::borrow(chain, "chain")?.chain.info();
            use tc_chain_flags::*;
            let flags = [
                (info.is_resolved, TC_CHAIN_RESOLVED),
                (info.needs_statistics, TC_CHAIN_NEEDS_STATS),
                (info.has_opacity, TC_CHAIN_ALPHA),
            ];
            let set = flags.into_iter().filter(|(is_set, _)| *is_set);
            let (least, most) = match info.accepts {
                Accepts::AtLeast(least) => (least, 0),
                Accepts::Exactly(count) => (count, count),
            };
            to.set(tc_chain_about {
                struct_size: 0,
                flags: set.fold(0, |all, (_, flag)| all | flag as u32),
                least_bands: least as i32,
                most_bands: most as i32,
                bands: info.bands.unwrap_or(0) as i32,
                dtype: info.dtype.map_or(0, |dtype| dtype as i32),
                colours: info.colours.map(|colour| colour as i32),
            });
            Ok(())
        })
    }
}

/// Applies a chain to pixels, without a provider. What comes out of a pixel depends on that pixel alone, so that parts of
/// an image give the parts of its picture.
///
/// - chain: required; resolved.
/// - input: required; rows of samples, as tc_put takes them. Of what is told there, only `flags` with TC_PIXELS_ABSENT
///   and valid_width and valid_height do not count.
/// - mask: NULL, or pixels of one band of TC_U8 of the size of `input`: where they are 0, nothing is data.
/// - out: required; as many columns and rows as `input`, the bands and the type that the chain gives; 0 is that type. It
///   must not overlap the others.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT, naming the step, if the chain is not resolved or does not fit the bands or the type of `input`, and
/// if `mask` or `out` are not as above; TC_E_RANGE, TC_E_LIMIT, TC_E_NO_MEMORY. Nothing is written on failure.
/// Thread-safe, as long as nobody else uses the memory of `out`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_chain_apply(
    chain: *const tc_chain,
    input: *const tc_pixels,
    mask: *const tc_pixels,
    out: *const tc_target,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let chain = &handle::borrow(chain, "chain")?.chain;
            let input = pixels_of(handle::given(input, "input")?).map_err(|e| e.at("input"))?;
            let mask = mask.as_ref().map(|mask| pixels_of(mask));
            let mask = mask.transpose().map_err(|error| error.at("mask"))?;
            let samples = Samples {
                dtype: input.dtype(),
                nodata: vec![None; input.shape().bands],
            };
            let dtype = chain.prepare(&samples)?.dtype();
            let out = Array::of_target(handle::given(out, "out")?, "out", dtype)?;
            chain.apply(&input, mask.as_ref(), out.target())
        })
    }
}

/// Pixels of the caller's for the time of a call: as they lie, or a copy where no tile lies so.
///
/// # Safety
/// The pixels must be readable and unchanged while the result is used.
unsafe fn pixels_of(pixels: &tc_pixels) -> Result<Pixels> {
    let (array, ..) = Array::of_pixels(pixels)?;
    // Nothing is to be released.
    let owner = Owner::new(None, null_mut());
    // SAFETY: promised by the caller.
    let lent = unsafe { array.lend(&owner, false)? };
    // SAFETY: as above.
    lent.map_or_else(|| unsafe { array.copy() }, Ok)
}

/// One more reference to a chain. Returns `chain`; NULL gives NULL.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_chain_retain(chain: *mut tc_chain) -> *mut tc_chain {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::retain(chain) }
}

/// Gives up a reference to a chain. What is displayed through it stays. NULL does nothing.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_chain_release(chain: *mut tc_chain) {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::release(chain) }
}
