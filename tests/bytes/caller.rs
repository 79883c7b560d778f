//! A caller of the C face, as safe Rust: images over callbacks, and their pixels.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use tilecache::capi::*;

/// What a callback says when it fails, and the number that it returns then.
pub const FAILED: tc_status = 42;

/// Bytes of a caller.
pub trait Source: Send + Sync {
    fn size(&self) -> u64;

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), String>;
}

/// The status, the callback's own code and the message of a call that failed.
pub type Failure = (tc_status, i32, String);

/// A provider.
pub struct Image(*mut tc_provider);

// SAFETY: every function of the library may be called from any thread.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: the one reference that this owns.
        unsafe { provider_release(self.0) };
    }
}

unsafe extern "C" fn read_at(
    user: *mut c_void,
    offset: i64,
    into: *mut c_void,
    bytes: usize,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: `open_io` passes a source, and the library memory and an error of its own.
    let (source, into, err) = unsafe {
        std::ptr::write_bytes(into.cast::<u8>(), 0xcd, bytes);
        let into = std::slice::from_raw_parts_mut(into.cast::<u8>(), bytes);
        (&*user.cast::<Arc<dyn Source>>(), into, &mut *err)
    };
    match source.read_at(offset as u64, into) {
        Ok(()) => 0,
        Err(text) => {
            let end = err.message.len() - 1;
            for (to, byte) in err.message[..end].iter_mut().zip(text.bytes()) {
                *to = byte as c_char;
            }
            FAILED
        }
    }
}

unsafe extern "C" fn release(user: *mut c_void) {
    // SAFETY: `open_io` made it, and the library releases it once.
    drop(unsafe { Box::from_raw(user.cast::<Arc<dyn Source>>()) });
}

fn made(
    make: impl FnOnce(*mut *mut tc_provider, *mut tc_error) -> tc_status,
) -> Result<Image, Failure> {
    let mut provider = null_mut();
    told(|err| make(&mut provider, err))?;
    Ok(Image(provider))
}

fn told(call: impl FnOnce(*mut tc_error) -> tc_status) -> Result<(), Failure> {
    // SAFETY: numbers, for which zero is valid.
    let mut err: tc_error = unsafe { std::mem::zeroed() };
    match call(&mut err) {
        0 => Ok(()),
        status => {
            // SAFETY: the library ends every message with NUL.
            let message = unsafe { CStr::from_ptr(err.message.as_ptr()) };
            let message = message.to_str().expect("UTF-8").to_owned();
            Err((status, err.source_code, message))
        }
    }
}

/// The first image of a file.
pub fn open(path: &Path) -> Result<Image, Failure> {
    let path = CString::new(path.to_str().expect("UTF-8")).expect("a path");
    // SAFETY: all pointers are valid during the call.
    made(|provider, err| unsafe { provider_open(path.as_ptr(), null(), provider, err) })
}

/// The first image in the bytes of a source, which is released with it.
pub fn open_io(source: Arc<dyn Source>) -> Result<Image, Failure> {
    open_io_image(source, 0)
}

/// An image in the bytes of a source.
pub fn open_io_image(source: Arc<dyn Source>, image: i32) -> Result<Image, Failure> {
    let options = tc_open_options {
        struct_size: size_of::<tc_open_options>() as u32,
        image,
        key: null(),
        format: null(),
        flags: 0,
        threads: 0,
        open_beside: None,
        user: null_mut(),
        log: null(),
        fleet_id: null(),
        layers: 0,
        reserved: 0,
    };
    let io = tc_io {
        struct_size: size_of::<tc_io>() as u32,
        flags: 0,
        size: source.size() as i64,
        user: Box::into_raw(Box::new(source)).cast(),
        read_at: Some(read_at),
        release: Some(release),
    };
    // SAFETY: all pointers are valid during the call, and `user` until it is released.
    let opened = made(|provider, err| unsafe { provider_open_io(&io, &options, provider, err) });
    if opened.is_err() {
        // SAFETY: the library does not release what it did not open.
        unsafe { release(io.user) };
    }
    opened
}

impl Image {
    /// Tiles of so many rows and columns, which no cache keeps.
    pub fn tiled(&self, side: i64) -> Image {
        let options = tc_retile_options {
            struct_size: size_of::<tc_retile_options>() as u32,
            pad_edges: 0,
            tile_width: side,
            tile_height: side,
        };
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe {
            provider_retile(self.0, &options, null_mut(), provider, err)
        })
        .expect("tiles")
    }

    pub fn info(&self) -> tc_image_info {
        // SAFETY: numbers, for which zero is valid.
        let mut info: tc_image_info = unsafe { std::mem::zeroed() };
        info.struct_size = size_of::<tc_image_info>() as u32;
        // SAFETY: all pointers are valid during the call.
        told(|err| unsafe { provider_info(self.0, &mut info, err) }).expect("a description");
        info
    }

    /// The pixels of a rectangle of a level: left, top, width, height.
    pub fn read(&self, level: i32, rect: [i64; 4], bands: &[i32]) -> Result<Vec<u8>, Failure> {
        let [x, y, width, height] = rect;
        let size = if self.info().dtype <= 2 { 1 } else { 2 };
        let mut pixels = vec![0; (width * height) as usize * bands.len() * size];
        let into = tc_target {
            data: pixels.as_mut_ptr().cast(),
            pixel_stride: 0,
            row_stride: 0,
            band_stride: 0,
            width,
            height,
            bands: bands.len() as i32,
            dtype: 0,
        };
        // SAFETY: all pointers are valid during the call, and the memory is as large as it says.
        told(|err| unsafe {
            let (list, count) = (bands.as_ptr(), bands.len());
            provider_read_window(self.0, x, y, level, list, count, &into, err)
        })?;
        Ok(pixels)
    }

    /// All pixels of a level.
    pub fn read_level(&self, level: i32) -> Result<Vec<u8>, Failure> {
        let info = self.info();
        let halved = |side: i64| (side + (1 << level) - 1) >> level;
        let bands: Vec<i32> = (0..info.bands).collect();
        self.read(
            level,
            [0, 0, halved(info.width), halved(info.height)],
            &bands,
        )
    }

    /// Says that the pixels are others now.
    pub fn invalidate(&self) {
        // SAFETY: all pointers are valid during the call.
        told(|err| unsafe { provider_invalidate(self.0, err) }).expect("invalidated");
    }
}
