//! A synthetic source behind callbacks, and its tiles, through the functions that C calls.

use super::source::Synthetic;
use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tilecache::capi::{
    provider_cached, provider_from_source, provider_get_block, provider_release, tc_cache,
    tc_create, tc_dtype_code, tc_error, tc_get, tc_image_info, tc_pixels, tc_pixels_flags,
    tc_provider, tc_put, tc_release, tc_run_releases, tc_source, tc_status, tc_target,
    tc_threading, tc_tile, tc_tile_pixels, tc_tile_release,
};
use tilecache::image::Block;

/// A status as C sees it: 0 is success.
pub const OK: tc_status = 0;

/// A cache.
pub struct Cache(pub *mut tc_cache);

// SAFETY: every function of the library may be called from any thread.
unsafe impl Send for Cache {}
// SAFETY: as above.
unsafe impl Sync for Cache {}

impl Cache {
    pub fn new(budget: u64) -> Self {
        let mut cache = null_mut();
        // SAFETY: the output is valid, and what may be NULL is.
        let status = unsafe { tc_create(budget, null(), &mut cache, null_mut()) };
        assert_eq!(status, OK);
        Self(cache)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        // SAFETY: our own reference.
        unsafe { tc_release(self.0) };
    }
}

/// A provider.
pub struct Provider(pub *mut tc_provider);

// SAFETY: as for the cache.
unsafe impl Send for Provider {}
// SAFETY: as for the cache.
unsafe impl Sync for Provider {}

impl Provider {
    /// The source, cached.
    pub fn new(source: &Arc<Synthetic>, cache: &Cache) -> Self {
        let image = source.image();
        // SAFETY: zero is the default of every member.
        let mut info: tc_image_info = unsafe { std::mem::zeroed() };
        info.struct_size = size_of::<tc_image_info>() as u32;
        info.dtype = tc_dtype_code::TC_U8 as i32;
        (info.width, info.height) = (image.width() as i64, image.height() as i64);
        (info.block_width, info.block_height) = (image.block.0 as i64, image.block.1 as i64);
        // SAFETY: as above.
        let mut callbacks: tc_source = unsafe { std::mem::zeroed() };
        callbacks.struct_size = size_of::<tc_source>() as u32;
        callbacks.threading = tc_threading::TC_CONCURRENT as u32;
        callbacks.user = Arc::into_raw(source.clone()).cast_mut().cast();
        callbacks.image = &info;
        callbacks.read_block = Some(read_block);
        callbacks.release = Some(release);
        let (mut below, mut view) = (null_mut(), null_mut());
        // SAFETY: the structs are valid during the calls, and the callbacks keep their rules.
        unsafe {
            assert_eq!(provider_from_source(&callbacks, &mut below, null_mut()), OK);
            assert_eq!(provider_cached(below, cache.0, &mut view, null_mut()), OK);
            provider_release(below);
        }
        Self(view)
    }

    /// The tile in a row of the only column; or the code of the source with which it failed.
    pub fn tile(&self, row: u64) -> Result<Tile, i32> {
        let mut tile = null_mut();
        let mut err = tc_error::empty();
        // SAFETY: a provider of ours and valid outputs.
        let status =
            unsafe { provider_get_block(self.0, row as i64, 0, 0, null(), 0, &mut tile, &mut err) };
        if status == OK {
            Ok(Tile(tile))
        } else {
            Err(err.source_code)
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // SAFETY: our own reference.
        unsafe { provider_release(self.0) };
    }
}

/// A handle to a tile.
#[derive(Debug)]
pub struct Tile(pub *mut tc_tile);

// SAFETY: as for the cache.
unsafe impl Send for Tile {}

impl Tile {
    /// Whether its first row is that of the tile in a row of the only column.
    pub fn shows(&self, source: &Synthetic, row: u64) -> bool {
        // SAFETY: zero is a value of every member.
        let mut pixels: tc_pixels = unsafe { std::mem::zeroed() };
        // SAFETY: a tile of ours and a valid output.
        unsafe { tc_tile_pixels(self.0, &mut pixels) };
        let rect = Block::new(0, row, 0).rect(source.image());
        (0..rect.height).all(|y| {
            let start = pixels
                .data
                .cast::<u8>()
                .wrapping_add((y as i64 * pixels.row_stride) as usize);
            // SAFETY: a row of a tile that we hold.
            let bytes = unsafe { std::slice::from_raw_parts(start, rect.width as usize) };
            source.shows_row(bytes, 0, (rect.x, rect.y + y), 0, 0)
        })
    }
}

impl Drop for Tile {
    fn drop(&mut self) {
        // SAFETY: our own reference.
        unsafe { tc_tile_release(self.0) };
    }
}

/// Memory that is lent to a cache, and where its return is counted.
struct Lent {
    bytes: Vec<u8>,
    returned: Arc<AtomicU64>,
}

/// Lends the rows of a tile to the cache; whether its return is put off until [`run_releases`].
pub fn lend(
    cache: &Cache,
    source: &Synthetic,
    row: u64,
    is_deferred: bool,
    returned: &Arc<AtomicU64>,
) {
    let at = Block::new(0, row, 0);
    let rect = at.rect(source.image());
    let mut bytes = Vec::new();
    let append = |_: u64, row: &[u8]| bytes.extend_from_slice(row);
    source.decode_rows(at, append).expect("pixels");
    let lent = Box::new(Lent {
        bytes,
        returned: returned.clone(),
    });
    let pixels = tc_pixels {
        data: lent.bytes.as_ptr().cast(),
        width: rect.width as i64,
        height: rect.height as i64,
        row_stride: rect.width as i64,
        band_stride: (rect.width * rect.height) as i64,
        valid_width: rect.width as i64,
        valid_height: rect.height as i64,
        bands: 1,
        dtype: tc_dtype_code::TC_U8 as i32,
        flags: match is_deferred {
            true => tc_pixels_flags::TC_PIXELS_DEFER_RELEASE as u32,
            false => 0,
        },
        reserved: 0,
    };
    let user = Box::into_raw(lent).cast();
    let (row, key) = (row as i64, LENT.as_ptr());
    // SAFETY: the pixels stay until `give_back` is called.
    let status = unsafe {
        tc_put(
            cache.0,
            key,
            row,
            0,
            0,
            null(),
            0,
            &pixels,
            Some(give_back),
            user,
            null_mut(),
        )
    };
    assert_eq!(status, OK);
}

/// The key of what was lent.
const LENT: &CStr = c"lent";

/// The tile that was lent, if the cache still has it.
pub fn find_lent(cache: &Cache, row: u64) -> Option<Tile> {
    let mut tile = null_mut();
    let (row, key) = (row as i64, LENT.as_ptr());
    // SAFETY: a valid key and output, and what may be NULL is.
    let status = unsafe { tc_get(cache.0, key, row, 0, 0, null(), 0, &mut tile, null_mut()) };
    (status == OK).then_some(Tile(tile))
}

/// Runs the release functions that were put off.
pub fn run_releases() -> u64 {
    tc_run_releases() as u64
}

unsafe extern "C" fn give_back(user: *mut c_void) {
    // SAFETY: the box that `lend` gave away.
    let lent = unsafe { Box::from_raw(user.cast::<Lent>()) };
    lent.returned.fetch_add(1, Ordering::SeqCst);
}

/// A code of the source's own, with which its callback fails.
pub const TOLD_TO_FAIL: i32 = 7;

unsafe extern "C" fn read_block(
    user: *mut c_void,
    _session: *mut c_void,
    row: i64,
    col: i64,
    level: i32,
    _bands: *const i32,
    into: *const tc_target,
    _err: *mut tc_error,
) -> tc_status {
    // SAFETY: `user` is the source that lives until `release`, and `into` is valid during the call.
    let (source, into) = unsafe { (&*user.cast::<Synthetic>(), &*into) };
    let at = Block::new(level as u32, row as u64, col as u64);
    let write = |y: u64, row: &[u8]| {
        let start = into
            .data
            .cast::<u8>()
            .wrapping_add((y as i64 * into.row_stride) as usize);
        // SAFETY: a row of the target.
        unsafe { std::slice::from_raw_parts_mut(start, row.len()) }.copy_from_slice(row);
    };
    match source.decode_rows(at, write) {
        Ok(()) => OK,
        Err(_) => TOLD_TO_FAIL,
    }
}

unsafe extern "C" fn release(user: *mut c_void) {
    // SAFETY: the reference that `Provider::new` gave away.
    drop(unsafe { Arc::from_raw(user.cast::<Synthetic>()) });
}
