//! The calls of the C face that make providers.

use super::face::{Cache, Provider, give_back, list, made};
use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use tilecache::capi::*;

/// The function of a map: what it makes of a sample.
type Function = Box<dyn Fn(u32) -> u32 + Send + Sync>;

impl Provider {
    /// # Safety
    /// The callbacks must do what the header says of them.
    pub unsafe fn from_source(source: &tc_source) -> Self {
        // SAFETY: all pointers are valid during the call, and the rest is promised by the caller.
        made(|provider, err| unsafe { provider_from_source(source, provider, err) })
            .map(Self)
            .expect("a source")
    }

    /// An array of u32 in memory, `row` samples from one row to the next.
    pub fn from_memory(
        key: &CStr,
        image: &tc_image_info,
        row: i64,
        values: Vec<u32>,
        step: i64,
    ) -> Self {
        let lent = Box::new(values);
        let array = tc_target {
            data: lent.as_ptr().cast_mut().cast(),
            pixel_stride: 4 * step,
            row_stride: 4 * row,
            band_stride: 4 * row * image.height,
            width: image.width,
            height: image.height,
            bands: image.bands,
            dtype: image.dtype,
        };
        let (key, user) = (key.as_ptr(), Box::into_raw(lent).cast());
        // SAFETY: all pointers are valid during the call, and the array until `give_back` is called.
        made(|provider, err| unsafe {
            provider_from_memory(&array, image, key, Some(give_back), user, provider, err)
        })
        .map(Self)
        .expect("an image in memory")
    }

    pub fn open(path: &Path, key: &CStr) -> Self {
        let path = CString::new(path.to_str().expect("UTF-8")).expect("a path");
        let options = tc_open_options {
            struct_size: size_of::<tc_open_options>() as u32,
            image: 0,
            key: key.as_ptr(),
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
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe { provider_open(path.as_ptr(), &options, provider, err) })
            .map(Self)
            .expect("a file")
    }

    pub fn cached(&self, cache: &Cache) -> Self {
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe { provider_cached(self.0, cache.0, provider, err) })
            .map(Self)
            .expect("a cached provider")
    }

    pub fn retiled(&self, tile: (i64, i64), is_padded: bool, cache: Option<&Cache>) -> Self {
        let options = tc_retile_options {
            struct_size: size_of::<tc_retile_options>() as u32,
            pad_edges: is_padded.into(),
            tile_width: tile.0,
            tile_height: tile.1,
        };
        let cache = cache.map_or(null_mut(), |cache| cache.0);
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe { provider_retile(self.0, &options, cache, provider, err) })
            .map(Self)
            .expect("tiles")
    }

    pub fn level(&self, level: i32) -> Self {
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe { provider_level(self.0, level, provider, err) })
            .map(Self)
            .expect("a level")
    }

    pub fn mask(&self) -> Self {
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe { provider_mask(self.0, provider, err) })
            .map(Self)
            .expect("a mask")
    }

    /// These bands passed through a function, under a name.
    pub fn mapped(
        &self,
        name: Option<&CStr>,
        bands: &[i32],
        function: Function,
        cache: Option<&Cache>,
    ) -> Self {
        // SAFETY: numbers, pointers and optional functions, for which zero is valid.
        let mut options: tc_map_options = unsafe { std::mem::zeroed() };
        options.struct_size = size_of::<tc_map_options>() as u32;
        (options.source_bands, options.n_source_bands) = list(bands);
        options.name = name.map_or(null(), CStr::as_ptr);
        options.map = Some(map);
        options.user = Arc::into_raw(Arc::new(function)).cast_mut().cast();
        options.release = Some(release_function);
        let cache = cache.map_or(null_mut(), |cache| cache.0);
        // SAFETY: all pointers are valid during the call, and `user` until `release_function` is called.
        made(|provider, err| unsafe { provider_map(self.0, &options, cache, provider, err) })
            .map(Self)
            .expect("a map")
    }

    /// A reader with these bits of tc_reader_flags.
    pub fn reader(&self, flags: u32) -> Self {
        let options = tc_reader_options {
            struct_size: size_of::<tc_reader_options>() as u32,
            flags,
            load: null(),
            fill: [0; 16],
        };
        // SAFETY: all pointers are valid during the call.
        made(|provider, err| unsafe { provider_reader(self.0, &options, provider, err) })
            .map(Self)
            .expect("a reader")
    }
}

unsafe extern "C" fn map(
    user: *mut c_void,
    _row: i64,
    _col: i64,
    _level: i32,
    from: *const tc_pixels,
    to: *const tc_target,
    _err: *mut tc_error,
) -> tc_status {
    // SAFETY: `user` lives until `release_function` is called, the others during the call.
    let (function, from, to) = unsafe { (&*user.cast::<Function>(), &*from, &*to) };
    for band in 0..i64::from(to.bands) {
        for y in 0..to.height {
            let (start, into) = (from.data.cast::<u8>(), to.data.cast::<u8>());
            // SAFETY: rows of both, which are of u32 and do not overlap.
            let (row, out) = unsafe {
                let row = start.offset((band * from.band_stride + y * from.row_stride) as isize);
                let out = into.offset((band * to.band_stride + y * to.row_stride) as isize);
                let width = to.width as usize;
                (
                    std::slice::from_raw_parts(row.cast::<u32>(), width),
                    std::slice::from_raw_parts_mut(out.cast::<u32>(), width),
                )
            };
            for (sample, out) in row.iter().zip(out) {
                *out = function(*sample);
            }
        }
    }
    0
}

unsafe extern "C" fn release_function(user: *mut c_void) {
    // SAFETY: `mapped` gave it away, and the library calls once.
    drop(unsafe { Arc::from_raw(user.cast::<Function>()) });
}
