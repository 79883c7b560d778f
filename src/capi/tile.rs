//! Tiles in the hands of callers.

use super::args;
use super::array::Array;
use super::fork;
use super::guard::{guard, guard_value};
use super::handle;
use super::status::{tc_error, tc_status};
use super::types::{tc_pixels, tc_pixels_flags, tc_target};
use crate::error::Error;
use crate::slab::Handle;
use crate::tile::{Pixels, Tile};
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null, null_mut};

/// Decoded pixels that never change.
///
/// They stay valid until the last reference to the tile is released, whatever happens in between:
/// evicted, cleared, removed, budget shrunk, provider and cache released, in any order. A tile keeps
/// its pixels alive and nothing else. Tiles may be shared among threads.
///
/// Reference-counted: tc_tile_retain, tc_tile_release.
pub struct tc_tile {
    _handle: (),
}

impl tc_tile {
    /// A reference to a tile, owned by the caller. What a tile has anyway serves as the handle, so that
    /// giving it away allocates nothing.
    pub fn handle(tile: Tile) -> *mut tc_tile {
        let handle = Self::handle_of_no_child(tile);
        fork::give_tile(handle);
        handle
    }

    /// [`tc_tile::handle`] where `fork::is_child` says no.
    #[inline(always)]
    pub fn handle_of_no_child(tile: Tile) -> *mut tc_tile {
        tile.into_handle().into_raw().cast().as_ptr()
    }

    /// The tile behind a reference that the caller keeps; `None` for NULL.
    ///
    /// # Safety
    /// `tile` must be NULL, or come from [`tc_tile::handle`] and be alive while this is used.
    unsafe fn borrow(tile: *const tc_tile) -> Option<ManuallyDrop<Tile>> {
        // SAFETY: promised by the caller.
        unsafe { Self::take(tile) }.map(ManuallyDrop::new)
    }

    /// The tile behind a reference that the caller gives up; `None` for NULL.
    ///
    /// # Safety
    /// `tile` must be NULL, or come from [`tc_tile::handle`] and be alive.
    unsafe fn take(tile: *const tc_tile) -> Option<Tile> {
        let raw = NonNull::new(tile.cast_mut())?.cast();
        // SAFETY: promised by the caller.
        Some(Tile::from_handle(unsafe { Handle::from_raw(raw) }))
    }
}

/// Pixels as C sees them, for as long as they are borrowed.
pub fn view(pixels: &Pixels) -> tc_pixels {
    let layout = pixels.layout();
    tc_pixels {
        data: pixels.start().cast(),
        width: layout.shape.width as i64,
        height: layout.shape.height as i64,
        row_stride: layout.row_stride as i64,
        band_stride: layout.band_stride as i64,
        valid_width: pixels.valid().0 as i64,
        valid_height: pixels.valid().1 as i64,
        bands: layout.shape.bands as i32,
        dtype: layout.dtype as i32,
        flags: if pixels.is_absent() {
            tc_pixels_flags::TC_PIXELS_ABSENT as u32
        } else {
            0
        },
        reserved: 0,
    }
}

/// Pixels that are none.
const NONE: tc_pixels = tc_pixels {
    data: null(),
    width: 0,
    height: 0,
    row_stride: 0,
    band_stride: 0,
    valid_width: 0,
    valid_height: 0,
    bands: 0,
    dtype: 0,
    flags: 0,
    reserved: 0,
};

/// ======== TILES ========
///
/// Where the pixels of a tile are.
///
/// - tile: NULL sets all members of `pixels` to 0.
/// - pixels: NULL does nothing; pixels->data is borrowed and stays valid and unchanged until the last
///   reference to the tile is released.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tile_pixels(tile: *const tc_tile, pixels: *mut tc_pixels) {
    // SAFETY: the caller keeps what the header says of every pointer.
    let tile = unsafe { tc_tile::borrow(tile) };
    let seen = tile.map_or(NONE, |tile| view(&tile));
    if !pixels.is_null() {
        // SAFETY: as above.
        unsafe { pixels.write(seen) };
    }
}

/// Copies part of a tile into memory of yours.
///
/// - tile: required.
/// - x, y: the column and row of the tile where the part begins; its size is that of `into`.
/// - bands, n_bands: which band of the tile goes into each band of `into`, in any order, repeats
///   allowed; TC_BAND_OPAQUE writes opaque alpha; NULL and 0 for all in order. Bands are counted in the
///   tile, which has the bands that were asked for.
/// - into: required; into->bands is the number of bands copied. With another type, samples are rounded
///   to nearest (halves away from zero) and clamped, NaN becomes 0 in integers, and real types take the
///   real part.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE if the part leaves the tile or a band does not exist, TC_E_ARGUMENT. Nothing is
/// written on failure. Thread-safe, as long as nobody else uses the memory of `into`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tile_copy(
    tile: *const tc_tile,
    x: i64,
    y: i64,
    bands: *const i32,
    n_bands: usize,
    into: *const tc_target,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let tile = tc_tile::borrow(tile).ok_or_else(|| Error::argument("tile is NULL"))?;
            let (x, y) = (args::natural(x, "x")?, args::natural(y, "y")?);
            let bands = args::copied_bands(bands, n_bands, tile.shape().bands as u32)?;
            let into = Array::of_target(handle::given(into, "into")?, "into", tile.dtype())?;
            tile.copy(x, y, &bands, into.target())
        })
    }
}

/// One more reference to a tile. Returns `tile`; NULL gives NULL.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tile_retain(tile: *mut tc_tile) -> *mut tc_tile {
    if !fork::has_tile(tile) {
        return tile;
    }
    // SAFETY: the caller keeps what the header says of every pointer.
    let held = unsafe { tc_tile::borrow(tile) };
    guard_value(null_mut(), || {
        held.map_or(null_mut(), |held| tc_tile::handle(Tile::clone(&held)))
    })
}

/// Gives up a reference to a tile. With the last one its pixels may not be touched any more. NULL does
/// nothing.
///
/// Cannot fail; never waits for a load. If the pixels are memory that you lent, this may call its
/// release function. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tile_release(tile: *mut tc_tile) {
    match fork::is_child() {
        // SAFETY: `tc_tile::handle` gave the pointer away, and the caller gives its reference up.
        false => unsafe { release(tile) },
        // SAFETY: as above.
        true => unsafe { release_in_child(tile) },
    }
}

/// Gives up a reference that was made in this process.
///
/// # Safety
/// `tile` must be NULL, or come from [`tc_tile::handle`] and be alive.
#[inline(always)]
unsafe fn release(tile: *mut tc_tile) {
    // SAFETY: promised by the caller.
    let tile = unsafe { tc_tile::take(tile) };
    if let Some(tile) = tile.and_then(Tile::release_quickly) {
        release_slowly(tile);
    }
}

/// [`tc_tile_release`] where a reference may be from before a fork.
///
/// # Safety
/// As for [`release`].
#[cold]
#[inline(never)]
unsafe fn release_in_child(tile: *mut tc_tile) {
    if fork::take_tile(tile) {
        // SAFETY: promised by the caller.
        unsafe { release(tile) };
    }
}

/// Drops what may be the last reference, and so may run any code.
#[cold]
#[inline(never)]
fn release_slowly(tile: Tile) {
    guard_value((), || drop(tile));
}
