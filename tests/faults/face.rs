//! The C face as safe Rust: what these tests call of it.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use tilecache::capi::*;
use tilecache::provider::Provider as Core;

/// A call that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    pub status: tc_status,
    pub source_code: i32,
    pub message: String,
}

/// What a call gave.
pub type Outcome<T> = Result<T, Failure>;

/// Where pixels lie in an image: left, top, width, height.
pub type Area = [i64; 4];

/// Pixels of one band of u8, and where they lie.
#[derive(Debug, PartialEq)]
pub struct Pixels {
    pub area: Area,
    pub samples: Vec<u8>,
}

/// An error that says nothing.
pub fn empty() -> tc_error {
    tc_error {
        code: 0,
        source_code: 0,
        message: [0; 504],
    }
}

/// What an error says.
fn failure(status: tc_status, err: &tc_error) -> Failure {
    // SAFETY: the library ends every message with NUL.
    let message = unsafe { CStr::from_ptr(err.message.as_ptr()) };
    Failure {
        status,
        source_code: err.source_code,
        message: message.to_str().expect("UTF-8").to_owned(),
    }
}

/// Writes a message as a callback does.
pub fn say(err: &mut tc_error, text: &str) {
    let end = err.message.len() - 1;
    for (to, byte) in err.message[..end].iter_mut().zip(text.bytes()) {
        *to = byte as c_char;
    }
}

fn told(call: impl FnOnce(*mut tc_error) -> tc_status) -> Outcome<()> {
    let mut err = empty();
    match call(&mut err) {
        0 => Ok(()),
        status => Err(failure(status, &err)),
    }
}

/// The handle that a call gives.
fn made<T>(make: impl FnOnce(*mut *mut T, *mut tc_error) -> tc_status) -> Outcome<*mut T> {
    let mut handle = null_mut();
    told(|err| make(&mut handle, err))?;
    Ok(handle)
}

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident, $of:ty, $retain:ident, $release:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name(*mut $of);

        // SAFETY: every function of the library may be called from any thread.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}

        impl Clone for $name {
            fn clone(&self) -> Self {
                // SAFETY: the handle is alive as long as this is.
                Self(unsafe { $retain(self.0) })
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the one reference that this owns.
                unsafe { $release(self.0) };
            }
        }
    )*};
}

handles! {
    /// A provider.
    Provider, tc_provider, provider_retain, provider_release;
    /// A cache.
    Cache, tc_cache, tc_retain, tc_release;
    /// A load.
    LoadHandle, tc_load, tc_load_retain, tc_load_release;
}

impl LoadHandle {
    /// What the calling thread works for.
    pub fn current() -> Option<Self> {
        let load = tc_load_current();
        (!load.is_null()).then(|| Self(load))
    }

    pub fn is_cancelled(&self) -> bool {
        // SAFETY: the handle is alive.
        unsafe { tc_load_is_cancelled(self.0) != 0 }
    }
}

impl Cache {
    pub fn new(budget: u64) -> Self {
        // SAFETY: all pointers are valid during the call.
        made(|cache, err| unsafe { tc_create(budget, null(), cache, err) })
            .map(Self)
            .expect("a cache")
    }

    pub fn clear(&self) {
        // SAFETY: the handle is alive.
        told(|err| unsafe { tc_clear(self.0, err) }).expect("cleared");
    }

    pub fn statistics(&self) -> tc_cache_stats {
        let mut stats = no_statistics();
        // SAFETY: all pointers are valid during the call.
        told(|err| unsafe { tc_statistics(self.0, &mut stats, err) }).expect("statistics");
        stats
    }
}

fn no_statistics() -> tc_cache_stats {
    // SAFETY: numbers, for which zero is valid.
    let mut stats: tc_cache_stats = unsafe { std::mem::zeroed() };
    stats.struct_size = size_of::<tc_cache_stats>() as u32;
    stats
}

fn handle_or_null(cache: Option<&Cache>) -> *mut tc_cache {
    cache.map_or(null_mut(), |cache| cache.0)
}

impl Provider {
    /// A provider of the core, which is how Rust makes one.
    pub fn of(core: Arc<dyn Core>) -> Self {
        Self(tc_provider::handle(core))
    }

    pub fn open(path: &Path) -> Outcome<Self> {
        let path = CString::new(path.to_str().expect("UTF-8")).expect("a path");
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe { provider_open(path.as_ptr(), null(), provider, err) })
            .map(Self)
    }

    /// # Safety
    /// The callbacks must do what the header says of them.
    pub unsafe fn from_source(source: &tc_source) -> Outcome<Self> {
        // SAFETY: all pointers are valid during the call, and the rest is promised by the caller.
        made(|provider, err| unsafe { provider_from_source(source, provider, err) }).map(Self)
    }

    /// # Safety
    /// The callbacks must do what the header says of them.
    pub unsafe fn open_io(io: &tc_io) -> Outcome<Self> {
        // SAFETY: all pointers are valid during the call, and the rest is promised by the caller.
        made(|provider, err| unsafe { provider_open_io(io, null(), provider, err) }).map(Self)
    }

    /// # Safety
    /// The callbacks must do what the header says of them.
    pub unsafe fn mapped(&self, options: &tc_map_options) -> Outcome<Self> {
        // SAFETY: all pointers are valid during the call, and the rest is promised by the caller.
        made(|provider, err| unsafe { provider_map(self.0, options, null_mut(), provider, err) })
            .map(Self)
    }

    pub fn cached(&self, cache: &Cache) -> Self {
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe { provider_cached(self.0, cache.0, provider, err) })
            .map(Self)
            .expect("a cached provider")
    }

    pub fn retiled(&self, side: i64, cache: Option<&Cache>) -> Self {
        let options = tc_retile_options {
            struct_size: size_of::<tc_retile_options>() as u32,
            pad_edges: 0,
            tile_width: side,
            tile_height: side,
        };
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe {
            provider_retile(self.0, &options, handle_or_null(cache), provider, err)
        })
        .map(Self)
        .expect("tiles")
    }

    pub fn reader(&self) -> Self {
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe { provider_reader(self.0, null(), provider, err) })
            .map(Self)
            .expect("a reader")
    }

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

    pub fn info(&self) -> tc_image_info {
        // SAFETY: numbers, for which zero is valid.
        let mut info: tc_image_info = unsafe { std::mem::zeroed() };
        info.struct_size = size_of::<tc_image_info>() as u32;
        // SAFETY: all pointers are valid during the call.
        told(|err| unsafe { provider_info(self.0, &mut info, err) }).expect("a description");
        info
    }

    /// Gets that waited for the load of another thread.
    pub fn waits(&self) -> u64 {
        let mut stats = no_statistics();
        // SAFETY: all pointers are valid during the call.
        told(|err| unsafe { provider_counters(self.0, &mut stats, null_mut(), err) })
            .expect("counters");
        stats.waits
    }

    /// The block that holds a pixel, and the pixels that it should have.
    fn block(&self, (x, y): (i64, i64)) -> (i64, i64, Area) {
        let info = self.info();
        let (row, col) = (y / info.block_height, x / info.block_width);
        let (left, top) = (col * info.block_width, row * info.block_height);
        let width = info.block_width.min(info.width - left);
        let height = info.block_height.min(info.height - top);
        (row, col, [left, top, width, height])
    }

    /// The block that holds a pixel.
    pub fn get(&self, at: (i64, i64)) -> Outcome<Pixels> {
        let (row, col, area) = self.block(at);
        let mut tile = null_mut();
        // SAFETY: all pointers are valid during the call.
        told(|err| unsafe { provider_get_block(self.0, row, col, 0, null(), 0, &mut tile, err) })?;
        Ok(taken(tile, area))
    }

    /// A rectangle of the image.
    pub fn window(&self, area: Area) -> Outcome<Pixels> {
        let [x, y, width, height] = area;
        let mut samples = vec![0; (width * height) as usize];
        let into = tc_target {
            data: samples.as_mut_ptr().cast(),
            pixel_stride: 0,
            row_stride: 0,
            band_stride: 0,
            width,
            height,
            bands: 1,
            dtype: 0,
        };
        // SAFETY: all pointers are valid during the call, and the memory is as large as it says.
        told(|err| unsafe { provider_read_window(self.0, x, y, 0, null(), 0, &into, err) })?;
        Ok(Pixels { area, samples })
    }

    /// The block that holds a pixel, from a thread of the library. More than one answer is an error of
    /// the library.
    pub fn request(&self, at: (i64, i64)) -> Receiver<Outcome<Pixels>> {
        let (row, col, area) = self.block(at);
        let (sender, receiver) = channel();
        let user = Box::into_raw(Box::new(Answer { sender, area })).cast();
        // SAFETY: all pointers are valid during the call, and `user` until `done` frees it.
        told(|err| unsafe {
            provider_request_block(self.0, row, col, 0, null(), 0, Some(done), user, err)
        })
        .expect("a request");
        receiver
    }
}

/// Whom a request answers.
struct Answer {
    sender: Sender<Outcome<Pixels>>,
    area: Area,
}

unsafe extern "C" fn done(
    user: *mut c_void,
    status: tc_status,
    tile: *mut tc_tile,
    err: *const tc_error,
) {
    // SAFETY: `request` made it, and the library calls once.
    let answer = unsafe { Box::from_raw(user.cast::<Answer>()) };
    let outcome = match status {
        0 => Ok(taken(tile, answer.area)),
        // SAFETY: never NULL, and valid during the call.
        status => Err(failure(status, unsafe { &*err })),
    };
    // Whoever asked may have failed already.
    let _gone = answer.sender.send(outcome);
}

/// The pixels of a tile, which is released.
fn taken(tile: *mut tc_tile, area: Area) -> Pixels {
    // SAFETY: numbers, for which zero is valid, and NULL.
    let mut pixels: tc_pixels = unsafe { std::mem::zeroed() };
    // SAFETY: the tile is alive.
    unsafe { tc_tile_pixels(tile, &mut pixels) };
    assert_eq!([pixels.width, pixels.height], area[2..], "the tile's size");
    let rows = (0..pixels.height).flat_map(|y| {
        let start = pixels.data.cast::<u8>();
        // SAFETY: the row lies inside the pixels of a live tile.
        unsafe {
            let row = start.offset((y * pixels.row_stride) as isize);
            std::slice::from_raw_parts(row, pixels.width as usize)
        }
    });
    let samples = rows.copied().collect();
    // SAFETY: the one reference that the library gave.
    unsafe { tc_tile_release(tile) };
    Pixels { area, samples }
}
