//! Reports: statistics as JSON, and a cache as a page of HTML.

use super::args;
use super::cache::tc_cache;
use super::guard::guard;
use super::handle;
use super::provider::tc_provider;
use super::status::{callback, tc_error, tc_status};
use crate::error::{Error, Result};
use crate::report;
use std::ffi::{c_char, c_void};

/// Takes a part of a text that is too long for a buffer of the caller's.
///
/// - user: as given with the function.
/// - text, bytes: the next part, of so many bytes; all parts together are UTF-8, without a NUL; valid during the call.
/// - err: may tell more of a failure; never NULL.
///
/// Returns TC_OK, or another number, which ends the call that writes: see CALLBACKS at the top. Called on the thread that
/// made that call, inside of it, with no lock held. It must not throw, unwind or longjmp.
pub type tc_write_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        text: *const c_char,
        bytes: usize,
        err: *mut tc_error,
    ) -> tc_status,
>;

/// ======== REPORTS ========
///
/// What a cache has and has done, of the cache, each key in it and each source beneath, as JSON (RFC 8259) for programs.
///
/// An object of `form` (1; it rises where a member changes its meaning or goes, not where one is added); `cache`, with
/// the members of tc_cache_stats; `tier`, if the cache has one, with those of tc_tier_stats; `providers`, an array with one object for each key that has tiles or providers, those
/// with most bytes first: its `key`, the `size`, `block`, `levels`, `bands` and `type` of the image where a provider says
/// them, what provider_counters tells, and the keys of its `sources`; `sources`, an array with one object for each source
/// of those: its `key`, its `title` in messages, how many `blocks` it has, whether it is `closed` (1 or 0; what was made
/// from it is kept), `loads`, `load_errors`, `load_nanoseconds`,
/// `blocks_decoded`, `distinct_blocks_decoded` and `amplification`; and with TC_CACHE_OBSERVE `advice`: the `budget`, from how
/// many `requests` it is made and how many are `left_out`, of how many blocks one is noted (`one_block_of`), a smaller
/// budget that would do as well (`would_do`, if there is one and there were 500 requests to say so from), and an array `sources` of objects with `key`,
/// `of_another_cache` (1 if another cache is asked for the blocks, else 0), how often a block is decoded in the model
/// (`decodes_of_a_block`), the least budget that ends that (`ending_budget`, or `ending_budget_with_blocks_cached` if it
/// takes provider_cached over the source too; neither if no budget does), `decodes_then`, and the `curve` of other budgets.
/// Sizes are in bytes. Members come in no order to rely on.
///
/// - cache: required.
/// - into, room: memory of yours for so many bytes. NULL and 0 ask for the size alone.
/// - bytes: required; receives the bytes that the text takes with the NUL at its end; 0 on failure but TC_E_LIMIT. The next
///   call may need more.
/// - err: may be NULL.
///
/// The cache is looked at key by key; others get their turn in between, so the parts may be of moments shortly after
/// each other. With TC_CACHE_OBSERVE it takes up to some seconds of computing, without a lock. Errors: TC_E_LIMIT if there is
/// not room enough, with nothing written but a NUL; TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_statistics_json(
    cache: *const tc_cache,
    into: *mut c_char,
    room: usize,
    bytes: *mut usize,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let text = || {
                let cache = &handle::borrow(cache, "cache")?.cache;
                Ok(report::of_cache(cache))
            };
            deliver_text(into, room, bytes, text)
        })
    }
}

/// What a provider has done, and what it has in the cache that keeps its tiles: provider_counters as JSON.
///
/// An object of `form`, as for tc_statistics_json, the `key`, the members of tc_cache_stats that are not of a cache as a
/// whole, `blocks_decoded`, `distinct_blocks_decoded` and `amplification`.
///
/// - provider: required.
/// - into, room, bytes, err: as for tc_statistics_json.
///
/// Errors: TC_E_LIMIT if there is not room enough, with nothing written but a NUL; TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_counters_json(
    provider: *const tc_provider,
    into: *mut c_char,
    room: usize,
    bytes: *mut usize,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let text = || {
                let provider = &handle::borrow(provider, "provider")?.provider;
                Ok(report::of_provider(&**provider))
            };
            deliver_text(into, room, bytes, text)
        })
    }
}

/// A picture of a cache as a page of HTML, in one file without scripts and without anything from elsewhere: how the
/// budget is taken, what each provider and layer has, where in its image and how recently used, what is decoded how
/// often, where the time goes, and with TC_CACHE_OBSERVE advice in words and numbers. docs/reports.md says how it is read.
/// Texts from users and files are escaped.
///
/// - cache: required.
/// - write: takes the page, part by part; required.
/// - user: passed to `write`.
/// - err: may be NULL.
///
/// As tc_statistics_json, it looks at the cache key by key and computes without a lock; it is no use of any tile. It takes
/// memory in proportion to the tiles. Errors: what `write` returned, as TC_E_SOURCE; TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_report(
    cache: *const tc_cache,
    write: tc_write_fn,
    user: *mut c_void,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let cache = &handle::borrow(cache, "cache")?.cache;
            let write = write.ok_or_else(|| Error::argument("write is NULL"))?;
            for part in report::page(cache).as_bytes().chunks(PART) {
                callback("write", |err| {
                    write(user, part.as_ptr().cast(), part.len(), err)
                })?;
            }
            Ok(())
        })
    }
}

/// So many bytes of a page are written at a time.
const PART: usize = 1 << 16;

/// Writes a text to memory of the caller's, or says how much it takes.
///
/// # Safety
/// `into` must be NULL, or writable for `room` bytes; `bytes` NULL or writable.
unsafe fn deliver_text(
    into: *mut c_char,
    room: usize,
    bytes: *mut usize,
    text: impl FnOnce() -> Result<String>,
) -> Result<()> {
    // SAFETY: promised by the caller.
    let size = unsafe { args::output(bytes, 0, "bytes")? };
    if into.is_null() != (room == 0) {
        return Err(Error::argument(match room {
            0 => "into is not NULL, but room is 0".to_owned(),
            room => format!("into is NULL, but room is {room}"),
        }));
    }
    if !into.is_null() {
        // SAFETY: promised by the caller.
        unsafe { into.write(0) };
    }
    let text = text()?;
    let needed = text.len() + 1;
    size.set(needed);
    if into.is_null() {
        return Ok(());
    }
    if room < needed {
        return Err(Error::limit(format!(
            "room is {room}, of {needed} bytes that the text takes"
        )));
    }
    // SAFETY: promised by the caller; there is room for the text and a NUL, and the text is ours.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), into, text.len());
        into.add(text.len()).write(0);
    }
    Ok(())
}
