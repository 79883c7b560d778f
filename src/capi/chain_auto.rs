//! The chain that shows an image without being told how.

use super::args;
use super::chain::tc_chain;
use super::guard::{guard, guard_value};
use super::handle;
use super::pixel_stats::{sample_options, tc_sample_options};
use super::progress;
use super::provider::tc_provider;
use super::status::{tc_error, tc_status};
use crate::chain::{Chain, sample};
use std::ffi::c_char;
use std::ptr::{null, null_mut};

/// The chain that shows an image, resolved, made from what is known of it and from statistics. tc_chain_why tells each
/// decision.
///
/// - What is seen: indices of a palette that provider_palette has, in its colours; luma and colour differences as RGB; cyan,
///   magenta and yellow as RGB, without black; of complex samples the fourth root of the power of the first band. Else
///   red, green and blue by colour interpretation; by wavelength (texts of bands: CENTRAL_WAVELENGTH_UM, WAVELENGTH with
///   WAVELENGTH_UNITS, NITF_CWAVE), the bands nearest to 660, 532.5 and 472.5 nm, if those are three and near; by
///   NITF_ISUBCAT; by descriptions; else the band that NITF_IREPBAND says is to be shown alone; else the first three bands, of
///   two the first or the magnitude by NITF_ISUBCAT.
/// - Stretch: samples of TC_U8 are shown as they are, over their significant bits if these are fewer, and no pixel is looked
///   at; other types by `dra` of each band, see tc_chain_parse. Statistics that stand in the file, if asked for, by two
///   standard deviations. MINISWHITE is turned.
/// - Opacity: if the image has a mask, alpha, nodata in a band that is seen, or NaN there. Alpha of grey or RGB of 8 bits
///   keeps its degrees.
///
/// A band of one value is shown as 127; one without a valid pixel is transparent.
///
/// - provider: required.
/// - options: as for provider_pixel_stats, whose statistics are taken where limits depend on them. NULL is
///   TC_SAMPLE_WINDOWS and no more: 64 windows at fixed places, so that no call hides a pass over the image.
/// - chain: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// The same image gives the same chain, whatever its tiles, threads and caches. Errors: those of provider_pixel_stats;
/// TC_E_ARGUMENT, naming the step, where values are too wide for a stretch. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_chain_auto(
    provider: *mut tc_provider,
    options: *const tc_sample_options,
    chain: *mut *mut tc_chain,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(chain, null_mut(), "chain")?;
            let provider = &handle::borrow(provider, "provider")?.provider;
            let given: tc_sample_options = args::read_options(options)?;
            let core = match options.is_null() {
                true => sample(),
                false => sample_options(&given)?,
            };
            let mut tell = |done| progress::tell(given.progress, given.progress_user, done);
            to.set(tc_chain::handle(Chain::automatic(
                provider, &core, &mut tell,
            )?));
            Ok(())
        })
    }
}

/// Why a chain of tc_chain_auto is as it is: a line for each decision, what it is about, a colon and the reason, such as
/// `bands: 4,2,1 are nearest to 660, 532.5 and 472.5 nm, at 660,545,480 nm`. For people: the words may change.
///
/// - chain: NULL gives NULL.
///
/// Returns UTF-8 borrowed from `chain`, valid until you release it; empty for a chain that was made otherwise, also out of
/// this one.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_chain_why(chain: *const tc_chain) -> *const c_char {
    // SAFETY: the caller keeps what the header says of every pointer.
    let chain = unsafe { chain.as_ref() };
    guard_value(null(), || {
        chain.map_or(null(), |chain| chain.chain().why().as_ptr())
    })
}
