//! The C face as safe Rust: what these tests call of it.

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};
use std::sync::mpsc::channel;
use tilecache::capi::*;

/// A call that failed.
pub struct Failure {
    status: tc_status,
    message: String,
}

impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}: {}", self.status, self.message)
    }
}

impl Failure {
    pub fn is(&self, code: tc_status_code) -> bool {
        self.status == code as tc_status
    }
}

pub type Outcome<T> = Result<T, Failure>;

/// A cell of a grid: level, row, column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    pub level: i32,
    pub row: i64,
    pub col: i64,
}

/// A rectangle of pixels of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    pub x: i64,
    pub y: i64,
    pub width: i64,
    pub height: i64,
}

/// Pixels as they were read, band by band and row by row, each sample widened to u32.
pub struct Samples {
    pub width: i64,
    pub height: i64,
    pub bands: usize,
    /// Columns and rows inside the image.
    pub valid: (i64, i64),
    pub is_absent: bool,
    pub values: Vec<u32>,
}

fn failure(status: tc_status, err: &tc_error) -> Failure {
    // SAFETY: the library ends every message with NUL.
    let message = unsafe { CStr::from_ptr(err.message.as_ptr()) };
    Failure {
        status,
        message: message.to_string_lossy().into_owned(),
    }
}

fn told(call: impl FnOnce(*mut tc_error) -> tc_status) -> Outcome<()> {
    let mut err = tc_error {
        code: 0,
        source_code: 0,
        message: [0; 504],
    };
    match call(&mut err) {
        0 => Ok(()),
        status => Err(failure(status, &err)),
    }
}

/// The handle that a call gives.
pub(super) fn made<T>(
    make: impl FnOnce(*mut *mut T, *mut tc_error) -> tc_status,
) -> Outcome<*mut T> {
    let mut handle = null_mut();
    told(|err| make(&mut handle, err))?;
    Ok(handle)
}

macro_rules! handles {
    ($($name:ident, $of:ty, $release:ident;)*) => {$(
        pub struct $name(pub(super) *mut $of);

        // SAFETY: every function of the library may be called from any thread.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the one reference that this owns.
                unsafe { $release(self.0) };
            }
        }
    )*};
}

handles! {
    Provider, tc_provider, provider_release;
    Cache, tc_cache, tc_release;
    Tile, tc_tile, tc_tile_release;
}

/// A list of bands as C takes it: none stands for all.
pub(super) fn list(bands: &[i32]) -> (*const i32, usize) {
    match bands {
        [] => (null(), 0),
        some => (some.as_ptr(), some.len()),
    }
}

impl Cache {
    pub fn new(budget: u64, options: &tc_cache_options) -> Self {
        // SAFETY: all pointers are valid during the call.
        made(|cache, err| unsafe { tc_create(budget, options, cache, err) })
            .map(Self)
            .expect("a cache")
    }

    pub fn clear(&self) {
        // SAFETY: the handle is alive.
        told(|err| unsafe { tc_clear(self.0, err) }).expect("cleared");
    }

    pub fn set_budget(&self, budget: u64) {
        // SAFETY: the handle is alive.
        told(|err| unsafe { tc_set_budget(self.0, budget, err) }).expect("another budget");
    }

    pub fn statistics(&self) -> tc_cache_stats {
        // SAFETY: numbers, for which zero is valid.
        let mut stats: tc_cache_stats = unsafe { std::mem::zeroed() };
        stats.struct_size = size_of::<tc_cache_stats>() as u32;
        // SAFETY: all pointers are valid during the call.
        told(|err| unsafe { tc_statistics(self.0, &mut stats, err) }).expect("statistics");
        stats
    }

    /// The tile under a key, as a use or not.
    pub fn find(&self, key: &CStr, at: Cell, bands: &[i32], is_use: bool) -> Option<Tile> {
        let ((bands, count), key) = (list(bands), key.as_ptr());
        let found = made(|tile, err| {
            // SAFETY: all pointers are valid during the call.
            unsafe {
                match is_use {
                    true => tc_get(
                        self.0, key, at.row, at.col, at.level, bands, count, tile, err,
                    ),
                    false => tc_peek(
                        self.0, key, at.row, at.col, at.level, bands, count, tile, err,
                    ),
                }
            }
        });
        resident(found)
    }

    /// Puts packed pixels of these bands into a cell; lends them, or has them copied.
    pub fn put(
        &self,
        key: &CStr,
        at: Cell,
        (width, height): (i64, i64),
        bands: &[i32],
        values: Vec<u32>,
        lend: bool,
    ) {
        let lent = Box::new(values);
        let pixels = tc_pixels {
            data: lent.as_ptr().cast(),
            width,
            height,
            row_stride: width * 4,
            band_stride: width * height * 4,
            valid_width: width,
            valid_height: height,
            bands: bands.len() as i32,
            dtype: tc_dtype_code::TC_U32 as i32,
            flags: 0,
            reserved: 0,
        };
        let (user, (bands, count)) = (Box::into_raw(lent), list(bands));
        let release: tc_release_fn = if lend { Some(give_back) } else { None };
        // SAFETY: all pointers are valid during the call, and what is lent until `give_back` is called.
        told(|err| unsafe {
            tc_put(
                self.0,
                key.as_ptr(),
                at.row,
                at.col,
                at.level,
                bands,
                count,
                &pixels,
                release,
                user.cast(),
                err,
            )
        })
        .expect("a tile that fits");
        if !lend {
            // SAFETY: the library has copied the pixels.
            drop(unsafe { Box::from_raw(user) });
        }
    }
}

pub(super) unsafe extern "C" fn give_back(user: *mut c_void) {
    // SAFETY: `put` or `from_memory` gave it away, and the library calls once.
    drop(unsafe { Box::from_raw(user.cast::<Vec<u32>>()) });
}

/// A tile that need not be there.
fn resident(found: Outcome<*mut tc_tile>) -> Option<Tile> {
    match found {
        Ok(tile) => Some(Tile(tile)),
        Err(failure) if failure.is(tc_status_code::TC_E_NOT_RESIDENT) => None,
        Err(failure) if failure.is(tc_status_code::TC_E_CANCELLED) => None,
        Err(failure) => panic!("{failure:?}"),
    }
}

impl Provider {
    /// Ends a reader.
    pub fn cancel(&self) {
        // SAFETY: the handle is alive.
        told(|err| unsafe { provider_cancel(self.0, err) }).expect("cancelled");
    }

    /// Says that the pixels are others now.
    pub fn invalidate(&self) {
        // SAFETY: the handle is alive.
        told(|err| unsafe { provider_invalidate(self.0, err) }).expect("invalidated");
    }

    pub fn key(&self) -> &CStr {
        // SAFETY: the text lives as long as the handle.
        unsafe { CStr::from_ptr(provider_key(self.0)) }
    }

    pub fn info(&self) -> tc_image_info {
        // SAFETY: numbers, for which zero is valid.
        let mut info: tc_image_info = unsafe { std::mem::zeroed() };
        info.struct_size = size_of::<tc_image_info>() as u32;
        // SAFETY: all pointers are valid during the call.
        told(|err| unsafe { provider_info(self.0, &mut info, err) }).expect("a description");
        info
    }

    pub fn has(&self, at: Cell) -> Outcome<bool> {
        let mut has = 0;
        // SAFETY: all pointers are valid during the call.
        told(|err| unsafe { provider_has_block(self.0, at.row, at.col, at.level, &mut has, err) })?;
        Ok(has != 0)
    }

    pub fn get(&self, at: Cell, bands: &[i32]) -> Outcome<Tile> {
        let (bands, count) = list(bands);
        made(|tile, err| {
            // SAFETY: all pointers are valid during the call.
            unsafe { provider_get_block(self.0, at.row, at.col, at.level, bands, count, tile, err) }
        })
        .map(Tile)
    }

    /// The same from a thread of the library.
    pub fn request(&self, at: Cell, bands: &[i32]) -> Outcome<Tile> {
        let (sender, receiver) = channel::<Outcome<Tile>>();
        let answer: Box<dyn FnOnce(Outcome<Tile>) + Send> =
            Box::new(move |outcome| sender.send(outcome).expect("a thread that waits"));
        let (user, (bands, count)) = (Box::into_raw(Box::new(answer)).cast(), list(bands));
        // SAFETY: all pointers are valid during the call, and `user` until `done` is called.
        told(|err| unsafe {
            provider_request_block(
                self.0,
                at.row,
                at.col,
                at.level,
                bands,
                count,
                Some(done),
                user,
                err,
            )
        })?;
        receiver.recv().expect("an answer")
    }

    pub fn peek(&self, at: Cell, bands: &[i32]) -> Option<Tile> {
        let (bands, count) = list(bands);
        resident(made(|tile, err| {
            // SAFETY: all pointers are valid during the call.
            unsafe {
                provider_peek_block(self.0, at.row, at.col, at.level, bands, count, tile, err)
            }
        }))
    }

    /// A rectangle of a level, of samples of `dtype`, which is u8 or u32, in so many bands.
    pub fn window(
        &self,
        level: i32,
        area: Area,
        bands: &[i32],
        count: usize,
        dtype: i32,
    ) -> Outcome<Samples> {
        let size = sample_size(dtype);
        let mut bytes = vec![0xEEu8; area.width as usize * area.height as usize * count * size];
        let into = tc_target {
            data: bytes.as_mut_ptr().cast(),
            pixel_stride: 0,
            row_stride: 0,
            band_stride: 0,
            width: area.width,
            height: area.height,
            bands: count as i32,
            dtype: 0,
        };
        let (bands, n_bands) = list(bands);
        // SAFETY: all pointers are valid during the call, and the memory is as large as it says.
        told(|err| unsafe {
            provider_read_window(self.0, area.x, area.y, level, bands, n_bands, &into, err)
        })?;
        let mut values = Vec::with_capacity(bytes.len() / size);
        widen(&bytes, size, &mut values);
        Ok(Samples {
            width: area.width,
            height: area.height,
            bands: count,
            valid: (area.width, area.height),
            is_absent: false,
            values,
        })
    }
}

fn sample_size(dtype: i32) -> usize {
    match dtype {
        1 => 1,
        5 => 4,
        _ => panic!("samples of type {dtype}"),
    }
}

fn widen(bytes: &[u8], size: usize, into: &mut Vec<u32>) {
    match size {
        1 => into.extend(bytes.iter().map(|byte| u32::from(*byte))),
        _ => {
            let (samples, _) = bytes.as_chunks::<4>();
            into.extend(samples.iter().map(|sample| u32::from_ne_bytes(*sample)));
        }
    }
}

unsafe extern "C" fn done(
    user: *mut c_void,
    status: tc_status,
    tile: *mut tc_tile,
    err: *const tc_error,
) {
    // SAFETY: `request` made it, and the library calls once.
    let answer = unsafe { Box::from_raw(user.cast::<Box<dyn FnOnce(Outcome<Tile>) + Send>>()) };
    answer(match status {
        0 => Ok(Tile(tile)),
        // SAFETY: never NULL, and valid during the call.
        status => Err(failure(status, unsafe { &*err })),
    });
}

impl Tile {
    /// What the tile shows.
    pub fn samples(&self) -> Samples {
        // SAFETY: numbers, for which zero is valid, and NULL.
        let mut pixels: tc_pixels = unsafe { std::mem::zeroed() };
        // SAFETY: the tile is alive.
        unsafe { tc_tile_pixels(self.0, &mut pixels) };
        let size = sample_size(pixels.dtype);
        let mut values = Vec::new();
        for band in 0..i64::from(pixels.bands) {
            for y in 0..pixels.height {
                let start = pixels.data.cast::<u8>();
                // SAFETY: the row lies inside the pixels of a live tile.
                let row = unsafe {
                    let at = band * pixels.band_stride + y * pixels.row_stride;
                    std::slice::from_raw_parts(
                        start.offset(at as isize),
                        pixels.width as usize * size,
                    )
                };
                widen(row, size, &mut values);
            }
        }
        Samples {
            width: pixels.width,
            height: pixels.height,
            bands: pixels.bands as usize,
            valid: (pixels.valid_width, pixels.valid_height),
            is_absent: pixels.flags & tc_pixels_flags::TC_PIXELS_ABSENT as u32 != 0,
            values,
        }
    }
}
