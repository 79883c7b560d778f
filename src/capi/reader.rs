//! Readers: ways of reading, cancellation, and requests that call back.

use super::args::{self, SizeLed};
use super::guard::{guard, guard_value};
use super::handle;
use super::image::sample;
use super::provider::{source_of, tc_provider};
use super::status::{tc_error, tc_status};
use super::tile::tc_tile;
use crate::dtype::Sample;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::load::{Cancel, Load, nesting};
use crate::operator::{ReaderOptions, reader};
use crate::provider::{Retention, check_cancelled};
use crate::source::beneath;
use crate::tile::Tile;
use crate::workers::{Get, Workers};
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Arc;

/// A load that a callback works for: a block that is being decoded, a tile that is being made.
///
/// Reference-counted: tc_load_retain, tc_load_release.
pub struct tc_load {
    load: Arc<Load>,
}

/// The bits of tc_reader_options.flags.
#[repr(C)]
pub enum tc_reader_flags {
    /// For reading once through an image without pushing out of the cache what others use. What this reader
    /// loads, tiles and the blocks beneath them, is kept, but is the first to be evicted; what it finds
    /// in the cache is handed out without counting as a use, so that it goes no later for it. At any
    /// time the reader has made at most one tile of others give way.
    TC_READ_STREAMING = 1,
    /// What is loaded is not kept at all; what is found is used. For a pass over what fits no cache.
    TC_READ_BYPASS = 2,
    /// `fill` is set.
    TC_READ_FILL = 4,
}

/// Options of provider_reader. Size-led; 0 is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_reader_options {
    /// sizeof(tc_reader_options), set by you.
    pub struct_size: u32,
    /// Bits of tc_reader_flags, of which only one of TC_READ_STREAMING and TC_READ_BYPASS may be set.
    pub flags: u32,
    /// For callbacks that read other providers on threads of their own: the load that the callback works
    /// for, from tc_load_current; kept alive. NULL: none. On the thread that called it, a callback needs
    /// nothing: the library knows there for which load it reads. On other threads it is to read through a
    /// reader with this member, and only until it returns. The library then knows that these reads are a
    /// part of that load: they do not wait for max_in_flight of tc_cache_options, of which the load has its share; they
    /// end with TC_E_CANCELLED when nobody wants the load any more; and one that needs the very block that
    /// the load is making fails with TC_E_REENTRANT, where it would wait for ever.
    pub load: *const tc_load,
    /// With TC_READ_FILL: a sample of the image's type, which provider_read_window through this reader, its
    /// levels and readers over it writes outside the image instead of pad. Else 0. Tiles at the edge, absent
    /// ones and operators over the reader have pad as ever, for other readers share them.
    pub fill: [u8; 16],
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<tc_reader_options>() == 32);

// SAFETY: numbers and a pointer behind a size; zero is NULL.
unsafe impl SizeLed for tc_reader_options {
    const NAME: &'static str = "tc_reader_options";
}

/// Receives the outcome of a request, once, on a thread of the library.
///
/// - user: as given with the request.
/// - status: TC_OK, or what went wrong.
/// - tile: a reference that is now yours, to be released with tc_tile_release; NULL unless TC_OK.
/// - err: the details, never NULL; valid during the call.
///
/// It may call the library, also for further requests; it should be short, for the next request waits
/// for its thread, and it must not wait for another request. It must not throw, unwind or longjmp.
pub type tc_done_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        status: tc_status,
        tile: *mut tc_tile,
        err: *const tc_error,
    ),
>;

/// ======== READERS ========
///
/// The same image, read in a way of its own: a provider with the key and the tiles of `source`. Any
/// number of readers may read one provider; each can be cancelled by itself.
///
/// - source: required; kept alive. If it is a reader itself, the new one ends with it too, and reads in
///   its way unless its own flags say otherwise.
/// - options: NULL is all defaults: a reader that only differs by being cancelled apart.
/// - reader: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT, TC_E_LIMIT for a stack that is too high. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_reader(
    source: *mut tc_provider,
    options: *const tc_reader_options,
    reader: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(reader, null_mut(), "reader")?;
            let inherited = handle::borrow(source, "source")?.fill;
            let source = source_of(source)?;
            let options: tc_reader_options = args::read_options(options)?;
            let fill = fill(&options, source.image())?.or(inherited);
            let options = ReaderOptions {
                retention: retention(options.flags)?,
                load: options.load.as_ref().map(|load| load.load.clone()),
            };
            let cancel = Arc::<Cancel>::default();
            nesting::above(source.height())?;
            let made = self::reader(source, options, cancel.clone());
            to.set(tc_provider::reader(made, cancel, fill));
            Ok(())
        })
    }
}

/// What a reader's windows have outside the image, if its options say so.
fn fill(options: &tc_reader_options, image: &Image) -> Result<Option<Sample>> {
    if options.flags & tc_reader_flags::TC_READ_FILL as u32 != 0 {
        return Ok(Some(sample(options.fill, image.dtype)));
    }
    match options.fill == [0; 16] {
        true => Ok(None),
        false => Err(Error::argument(
            "fill of options is set, but TC_READ_FILL is not",
        )),
    }
}

fn retention(flags: u32) -> Result<Retention> {
    const STREAMING: u32 = tc_reader_flags::TC_READ_STREAMING as u32;
    const BYPASS: u32 = tc_reader_flags::TC_READ_BYPASS as u32;
    match flags & !(tc_reader_flags::TC_READ_FILL as u32) {
        0 => Ok(Retention::Kept),
        STREAMING => Ok(Retention::Streamed),
        BYPASS => Ok(Retention::Bypassed),
        _ => Err(Error::argument(format!(
            "flags of options is {flags:#x}; it must be one of TC_READ_STREAMING and TC_READ_BYPASS, and \
             may have TC_READ_FILL"
        ))),
    }
}

/// Cancels a reader for good. Calls that wait through it end with TC_E_CANCELLED at once, so do its
/// queued requests and all later calls that ask for pixels or blocks; what the image is can still be
/// asked. A call that is decoding ends when it can: between two blocks, or when its callback asks
/// tc_load_is_cancelled. A load that others wait for too goes on to its end, and may still give the
/// reader its tile. Nobody else sees any of this.
///
/// - reader: required; from provider_reader.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT for a provider that is no reader. Does not wait. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_cancel(
    reader: *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let reader = handle::borrow(reader, "reader")?;
            let cancel = reader.cancel.as_ref().ok_or_else(|| {
                Error::argument("reader is a provider that provider_reader did not make")
            })?;
            cancel.cancel();
            workers_of(reader).end_cancelled();
            Ok(())
        })
    }
}

/// The threads that serve requests for a provider.
fn workers_of(provider: &tc_provider) -> &Arc<Workers> {
    match provider.provider.cache() {
        Some(cache) => cache.workers(),
        None => Workers::of_process(),
    }
}

/// provider_get_block on a thread of the library: returns at once, and `done` is called when the tile
/// is there or has failed, which may be before this returns. Requests of one cache begin in the order
/// in which they were made, and so do all for providers without a cache.
///
/// - provider: required; kept alive until `done` has returned.
/// - row, col, level, bands, n_bands: as for provider_get_block; the bands are copied.
/// - done: required. Called exactly once after a success of this call, never after a failure.
/// - user: passed to `done`.
/// - err: may be NULL.
///
/// The threads, at most as many as tc_cache_options says and one for each processor without a cache,
/// exist only while there are requests, and sources are then called on them. To cancel requests make
/// them through a reader: one more thread then calls `done` for those that are queued. A callback must
/// not wait for a request: it may keep the thread that the request needs.
///
/// Errors: TC_E_RANGE if there is no such block, level or band; TC_E_ARGUMENT; TC_E_CANCELLED if the
/// reader was cancelled before; TC_E_NO_MEMORY if no thread can be started. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_request_block(
    provider: *mut tc_provider,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    n_bands: usize,
    done: tc_done_fn,
    user: *mut c_void,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let handle = handle::borrow(provider, "provider")?;
            let done = done.ok_or_else(|| Error::argument("done is NULL"))?;
            let provider = handle.provider.clone();
            let at = args::block(row, col, level)?;
            let bands = args::bands(bands, n_bands, provider.image().band_count())?;
            provider.image().check_block(at, &bands)?;
            let receiver = Receiver { done, user };
            check_cancelled(&*provider)?;
            let done = move |get: &mut Get<'_>| receiver.receive(get);
            workers_of(handle).request(provider, at, bands, done)
        })
    }
}

/// Whom the outcome of a request is told.
struct Receiver {
    done: unsafe extern "C" fn(*mut c_void, tc_status, *mut tc_tile, *const tc_error),
    user: *mut c_void,
}

// SAFETY: the header says that `done` is called with `user` on another thread.
unsafe impl Send for Receiver {}

impl Receiver {
    fn receive(self, get: impl FnOnce() -> Result<Tile>) {
        let mut err = tc_error::empty();
        let mut tile = null_mut();
        // SAFETY: `err` is ours.
        let status = unsafe {
            guard(&mut err, || {
                tile = tc_tile::handle(get()?);
                Ok(())
            })
        };
        // SAFETY: this is the one call that the header promises.
        unsafe { (self.done)(self.user, status, tile, &err) };
    }
}

/// The load that the calling thread works for: inside a callback of a source, of bytes or of a map, the
/// block, tile or window that the callback is called for. To be passed to other threads, see
/// tc_reader_options, or asked whether it is still wanted.
///
/// Returns a reference that you own and release with tc_load_release, which keeps no pixels; NULL where
/// the thread works for none, as while a file is opened. Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn tc_load_current() -> *mut tc_load {
    guard_value(null_mut(), || {
        Load::current().map_or(null_mut(), |load| handle::new(tc_load { load }))
    })
}

/// Says inside a read_block or read_window callback what the source had to decode for it, where that is not
/// just what it was asked for, as where it reads blocks of other files that lie across its own, or finds them
/// at hand: the amplification of provider_counters then counts that.
///
/// - blocks: how much, in whole blocks of the level that the callback reads: 1 is what counts for a block if
///   nothing is said, 0 that nothing was decoded. Several calls add up. What is negative or not finite is
///   ignored.
///
/// Call it on the thread on which the callback was called; elsewhere it does nothing. Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn tc_decoded_beneath(blocks: f64) {
    guard_value((), || beneath::say(blocks));
}

/// Whether nobody wants the load any more: 1 if all who wait for it were cancelled, else 0, also for
/// NULL. A callback that learns this may return any error; nobody will see it, for whoever wants the
/// pixels from then on has them loaded anew. It may as well finish: what it returns is kept.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_load_is_cancelled(load: *const tc_load) -> i32 {
    // SAFETY: the caller keeps what the header says of every pointer.
    let load = unsafe { load.as_ref() };
    guard_value(0, || {
        load.is_some_and(|load| load.load.is_cancelled()).into()
    })
}

/// One more reference to a load. Returns `load`; NULL gives NULL.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_load_retain(load: *mut tc_load) -> *mut tc_load {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::retain(load) }
}

/// Gives up a reference to a load, which goes on. NULL does nothing.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_load_release(load: *mut tc_load) {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::release(load) }
}
