//! Prefetch: tiles made in the background, ahead of their first use.

use super::args::{self, SizeLed};
use super::guard::guard;
use super::handle;
use super::provider::tc_provider;
use super::status::{tc_error, tc_status};
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::Image;
use crate::prefetch::{Progress, Tiles, prefetch};
use std::ffi::c_void;

/// Options of provider_prefetch. Size-led; 0 is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_prefetch_options {
    /// sizeof(tc_prefetch_options), set by you.
    pub struct_size: u32,
    /// The most threads of the cache that work for it at once; 0: all that the cache may have, see
    /// tc_cache_options.
    pub threads: u32,
    /// The bands of the tiles, in the order in which they will be asked for; copied. NULL and 0: all.
    pub bands: *const i32,
    /// How many.
    pub n_bands: usize,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<tc_prefetch_options>() == 24);

// SAFETY: numbers and a pointer behind a size; zero is NULL.
unsafe impl SizeLed for tc_prefetch_options {
    const NAME: &'static str = "tc_prefetch_options";
}

/// How far a prefetch came.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_prefetched {
    /// Tiles that the rectangle touches.
    pub tiles: i64,
    /// Those of them that were resident, or are absent from the image, or were made and kept. Tiles are made in row
    /// order, so that all before the one where it stopped are among them, unless they failed.
    pub ready: i64,
    /// Those that could not be made.
    pub failed: i64,
    /// 1 if it stopped because there was no more room for what is made ahead; else 0.
    pub full: i64,
}

const _: () = assert!(size_of::<tc_prefetched>() == 32);

/// Hears how a prefetch ended, once, on a thread of the library.
///
/// - user: as given with the prefetch.
/// - status: TC_OK, also where there was no more room; TC_E_CANCELLED; or what was wrong with the first tile that
///   failed.
/// - how_far: how far it came, never NULL; valid during the call.
/// - err: the details, never NULL; valid during the call.
///
/// It may call the library, also for another prefetch; it should be short, for requests wait for its thread, and it
/// must not wait for a request or a prefetch. It must not throw, unwind or longjmp.
pub type tc_prefetched_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        status: tc_status,
        how_far: *const tc_prefetched,
        err: *const tc_error,
    ),
>;

/// Has the tiles over a rectangle made in the background, in row order, so that they are there when they are asked
/// for: returns at once, and `done` is called when that has ended, which may be before this returns.
///
/// What is made ahead takes at most the unread share of the budget, see tc_cache_options, with all else that
/// nobody has asked for yet, and takes no room of what was used since this call: where there is no other, it stops
/// and says how far it came. What was made ahead for the provider before this call and not asked for since gives way
/// to it, as that to which a viewer has turned its back, unless it is part of the rectangle; one that still runs does
/// not: cancel it. It makes no use of what it finds, and counts neither hits nor misses. A get of a tile
/// that is being made joins it, nothing is decoded twice, and the tile is then kept as what was asked for. A tile
/// that fails does not end it, and the next get of that tile tries again.
///
/// - provider: required, with a cache for its tiles; kept alive until `done` has returned. To cancel a prefetch, make
///   it through a reader: provider_cancel then ends it before its next tile, and the decode that is going on where
///   nobody else wants it. How the reader keeps tiles does not matter.
/// - x, y, width, height: the rectangle, in columns and rows of the level; what is outside the image is left out.
/// - level: the level.
/// - options: NULL is all defaults.
/// - done: may be NULL. Called exactly once after a success of this call, never after a failure.
/// - user: passed to `done`.
/// - err: may be NULL.
///
/// The threads are those of provider_request_block, whose requests go first: one that comes waits at most until one
/// tile is made. No thread waits where too many bytes are in flight (max_in_flight of tc_cache_options): the
/// prefetch goes on later. Sources are called on these threads.
///
/// Errors: TC_E_RANGE if there is no such level or band, or the size is negative; TC_E_ARGUMENT, also without a
/// cache; TC_E_CANCELLED if the reader was cancelled before; TC_E_NO_MEMORY if no thread can be started.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_prefetch(
    provider: *mut tc_provider,
    x: i64,
    y: i64,
    width: i64,
    height: i64,
    level: i32,
    options: *const tc_prefetch_options,
    done: tc_prefetched_fn,
    user: *mut c_void,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let provider = handle::borrow(provider, "provider")?.provider.clone();
            let image = provider.image();
            let level = args::natural(level, "level")? as u32;
            image.check_level(level)?;
            let width = args::natural(width, "width")?;
            let height = args::natural(height, "height")?;
            let rect = inside(image, level, (x, y), (width, height));
            let options: tc_prefetch_options = args::read_options(options)?;
            let bands = args::bands(options.bands, options.n_bands, image.band_count())?;
            image.check_bands(&bands)?;
            let (rows, cols) = image.grid(level).blocks_over(&rect);
            let tiles = Tiles {
                level,
                rows,
                cols,
                bands,
            };
            let listener = Listener { done, user };
            let done = move |progress: Progress, outcome| listener.hear(progress, outcome);
            prefetch(provider, tiles, options.threads as usize, Box::new(done))
        })
    }
}

/// The part of a rectangle that is inside a level.
fn inside(image: &Image, level: u32, (x, y): (i64, i64), (width, height): (u64, u64)) -> Rect {
    let (columns, rows) = image.levels[level as usize];
    let axis = |begin: i64, size: u64, all: u64| {
        let end = i128::from(begin) + i128::from(size);
        let clamped = |at: i128| at.clamp(0, i128::from(all)) as u64;
        (clamped(begin.into()), clamped(end))
    };
    let ((left, right), (top, bottom)) = (axis(x, width, columns), axis(y, height, rows));
    Rect::new(left, top, right - left, bottom - top)
}

/// Whom the end of a prefetch is told.
struct Listener {
    done: tc_prefetched_fn,
    user: *mut c_void,
}

// SAFETY: the header says that `done` is called with `user` on another thread.
unsafe impl Send for Listener {}

impl Listener {
    fn hear(self, progress: Progress, outcome: Result<()>) {
        let Some(done) = self.done else { return };
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let how_far = tc_prefetched {
            tiles: count(progress.tiles),
            ready: count(progress.ready),
            failed: count(progress.failed),
            full: progress.is_full.into(),
        };
        let mut err = tc_error::empty();
        // SAFETY: `err` is ours.
        let status = unsafe { guard(&mut err, || outcome) };
        // SAFETY: this is the one call that the header promises.
        unsafe { done(self.user, status, &how_far, &err) };
    }
}
