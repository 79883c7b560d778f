//! The C API with owned handles. This is all that is unsafe in the program, but for the callbacks.

use std::ffi::{CStr, CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::raw::*;

/// A struct with its size, zeros otherwise.
pub fn sized<T: Copy>() -> T {
    // SAFETY: structs of the C API are valid as zeros, and the size-led ones begin with an u32.
    unsafe {
        let mut made: T = std::mem::zeroed();
        (&raw mut made).cast::<u32>().write(size_of::<T>() as u32);
        made
    }
}

/// Calls a function that ends with a tc_error.
pub fn call(function: impl FnOnce(*mut tc_error) -> tc_status) -> Outcome {
    let mut error = tc_error {
        code: 0,
        source_code: 0,
        message: [0; 504],
    };
    match function(&mut error) {
        TC_OK => Ok(()),
        // SAFETY: the message of a failure ends with NUL.
        status => Err(Failure::Library(status, unsafe {
            text(error.message.as_ptr())
        })),
    }
}

/// A text of the library.
///
/// # Safety
///
/// It ends with NUL, or is NULL, which gives an empty one.
pub unsafe fn text(pointer: *const c_char) -> String {
    match pointer.is_null() {
        true => String::new(),
        // SAFETY: as above.
        false => unsafe { CStr::from_ptr(pointer) }
            .to_string_lossy()
            .into_owned(),
    }
}

fn path(path: &Path) -> Outcome<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Failure::Other(format!("{path:?} has a NUL character")))
}

macro_rules! handle {
    ($name:ident, $raw:ident, $release:ident) => {
        pub struct $name(*mut $raw);

        impl $name {
            /// The handle that a call puts into its out-parameter.
            pub fn made(
                make: impl FnOnce(*mut *mut $raw, *mut tc_error) -> tc_status,
            ) -> Outcome<$name> {
                let mut made = ptr::null_mut();
                call(|error| make(&mut made, error))?;
                Ok($name(made))
            }

            #[allow(dead_code)] // Not every handle goes into another call.
            pub fn raw(&self) -> *mut $raw {
                self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the reference is ours.
                unsafe { $release(self.0) }
            }
        }
    };
}

handle!(Cache, tc_cache, tc_release);
handle!(Provider, tc_provider, provider_release);
handle!(Tile, tc_tile, tc_tile_release);
handle!(Chain, tc_chain, tc_chain_release);
handle!(Stats, tc_pixel_stats, tc_pixel_stats_release);
handle!(Transform, tc_transform, tc_transform_release);

impl Cache {
    pub fn new(bytes: u64) -> Outcome<Cache> {
        // SAFETY: NULL is all defaults.
        Cache::made(|made, error| unsafe { tc_create(bytes, ptr::null(), made, error) })
    }
}

/// What a text is about: the whole image, or a band.
pub const WHOLE: i32 = -1;

impl Provider {
    pub fn open(file: &Path, image: i32) -> Outcome<Provider> {
        let name = path(file)?;
        let options = tc_open_options { image, ..sized() };
        // SAFETY: the name ends with NUL and the options have their size.
        Provider::made(|made, error| unsafe { provider_open(name.as_ptr(), &options, made, error) })
    }

    pub fn image_count(file: &Path) -> Outcome<i32> {
        let (name, mut count) = (path(file)?, 0);
        // SAFETY: the name ends with NUL.
        call(|error| unsafe { provider_image_count(name.as_ptr(), &mut count, error) })?;
        Ok(count)
    }

    pub fn info(&self) -> Outcome<tc_image_info> {
        let mut info = sized();
        // SAFETY: the struct has its size.
        call(|error| unsafe { provider_info(self.0, &mut info, error) })?;
        Ok(info)
    }

    pub fn band_info(&self, band: i32) -> Outcome<tc_band_info> {
        let mut info = sized();
        // SAFETY: the struct has its size.
        call(|error| unsafe { provider_band_info(self.0, band, &mut info, error) })?;
        Ok(info)
    }

    pub fn format(&self) -> Option<String> {
        // SAFETY: static text, or NULL.
        Some(unsafe { text(provider_format(self.0)) }).filter(|name| !name.is_empty())
    }

    pub fn level(&self, level: i32) -> Outcome<Provider> {
        // SAFETY: all pointers are valid.
        Provider::made(|made, error| unsafe { provider_level(self.0, level, made, error) })
    }

    /// The texts of the image, or of a band of it.
    pub fn texts(&self, band: i32) -> Vec<(String, String)> {
        // SAFETY: what is borrowed from the provider is copied at once.
        unsafe {
            (0..provider_metadata_count(self.0, band))
                .map(|index| {
                    let name = provider_metadata_name(self.0, band, index);
                    (text(name), text(provider_metadata(self.0, band, name)))
                })
                .collect()
        }
    }

    pub fn text(&self, band: i32, name: &CStr) -> Option<String> {
        // SAFETY: what is borrowed from the provider is copied at once.
        unsafe {
            let found = provider_metadata(self.0, band, name.as_ptr());
            (!found.is_null()).then(|| text(found))
        }
    }

    /// What it points to is valid as long as the provider.
    pub fn georef(&self) -> Outcome<tc_georef> {
        let mut georef = sized();
        // SAFETY: the struct has its size.
        call(|error| unsafe { provider_georef(self.0, 0, &mut georef, error) })?;
        Ok(georef)
    }

    pub fn with_georef(&self, georef: &tc_georef) -> Outcome<Provider> {
        // SAFETY: what the struct points to is valid, which is up to the caller that filled it.
        Provider::made(|made, error| unsafe { provider_with_georef(self.0, georef, made, error) })
    }

    pub fn colours_of_palette(&self, band: i32) -> usize {
        let mut count = 0;
        // SAFETY: NULL and 0 ask for the number alone.
        match call(|error| unsafe {
            provider_palette(self.0, band, ptr::null_mut(), 0, &mut count, error)
        }) {
            Ok(()) => count,
            Err(_) => 0,
        }
    }

    pub fn cached(&self, cache: &Cache) -> Outcome<Provider> {
        // SAFETY: all pointers are valid.
        Provider::made(|made, error| unsafe { provider_cached(self.0, cache.raw(), made, error) })
    }

    pub fn retile(&self, width: i64, height: i64, cache: &Cache) -> Outcome<Provider> {
        let options = tc_retile_options {
            tile_width: width,
            tile_height: height,
            ..sized()
        };
        // SAFETY: the options have their size.
        Provider::made(|made, error| unsafe {
            provider_retile(self.0, &options, cache.raw(), made, error)
        })
    }

    /// The part of the image from a corner on, which lies where it lies in the image.
    pub fn part(
        &self,
        x: i64,
        y: i64,
        width: i64,
        height: i64,
        cache: &Cache,
    ) -> Outcome<Provider> {
        let info = self.info()?;
        let bands = (0..info.bands)
            .map(|band| self.band_info(band))
            .collect::<Outcome<Vec<_>>>()?;
        let image = tc_image_info {
            dtype: info.dtype,
            width,
            height,
            block_width: width,
            block_height: height,
            bands: info.bands,
            levels: 1,
            bits: info.bits,
            flags: info.flags & TC_IMAGE_HAS_NODATA,
            pad: info.pad,
            nodata: info.nodata,
            ..sized()
        };
        let part = tc_mosaic_part {
            provider: self.0,
            key: ptr::null(),
            x: -x,
            y: -y,
            width: 0,
            height: 0,
        };
        let options = tc_mosaic_options {
            image: &image,
            band_infos: bands.as_ptr(),
            ..sized()
        };
        // SAFETY: all that the structs point to lives as long as the call.
        Provider::made(|made, error| unsafe {
            provider_mosaic(&part, 1, &options, cache.raw(), made, error)
        })
    }

    pub fn tile(&self, row: i64, col: i64, level: i32) -> Outcome<Tile> {
        // SAFETY: NULL and 0 are all bands.
        Tile::made(|made, error| unsafe {
            provider_get_block(self.0, row, col, level, ptr::null(), 0, made, error)
        })
    }

    pub fn has_block(&self, row: i64, col: i64, level: i32) -> Outcome<bool> {
        let mut has = 0;
        // SAFETY: all pointers are valid.
        call(|error| unsafe { provider_has_block(self.0, row, col, level, &mut has, error) })?;
        Ok(has != 0)
    }

    /// All of the image as bytes, pixel by pixel; its samples must be bytes.
    pub fn interleaved(&self) -> Outcome<Vec<u8>> {
        let info = self.info()?;
        let (width, bands) = (info.width, i64::from(info.bands));
        let mut pixels = vec![0u8; (width * info.height * bands) as usize];
        let into = tc_target {
            data: pixels.as_mut_ptr().cast(),
            pixel_stride: bands,
            row_stride: bands * width,
            band_stride: 1,
            width,
            height: info.height,
            bands: info.bands,
            dtype: TC_U8,
        };
        // SAFETY: the target is as large as the memory.
        call(|error| unsafe {
            provider_read_window(self.0, 0, 0, 0, ptr::null(), 0, &into, error)
        })?;
        Ok(pixels)
    }

    /// What it has done, and the blocks decoded for each distinct one.
    pub fn counters(&self) -> Outcome<(tc_cache_stats, f64)> {
        let (mut stats, mut amplification) = (sized(), 0.0);
        // SAFETY: the struct has its size.
        call(|error| unsafe { provider_counters(self.0, &mut stats, &mut amplification, error) })?;
        Ok((stats, amplification))
    }

    pub fn stats(&self, options: tc_sample_options, progress: &Progress) -> Outcome<Stats> {
        let options = tc_sample_options {
            progress: Some(Progress::hear),
            progress_user: progress.user(),
            ..options
        };
        // SAFETY: the options have their size, and the progress outlives the call.
        Stats::made(|made, error| unsafe { provider_pixel_stats(self.0, &options, made, error) })
    }

    pub fn display(&self, chain: &Chain, cache: &Cache) -> Outcome<Provider> {
        // SAFETY: all pointers are valid.
        Provider::made(|made, error| unsafe {
            provider_display(self.0, chain.raw(), cache.raw(), made, error)
        })
    }

    pub fn downsample(&self, options: tc_level_options, cache: &Cache) -> Outcome<Provider> {
        // SAFETY: the options have their size.
        Provider::made(|made, error| unsafe {
            provider_downsample(self.0, &options, cache.raw(), made, error)
        })
    }

    pub fn pyramid(&self, cache: &Cache) -> Outcome<Provider> {
        // SAFETY: NULL is all defaults.
        Provider::made(|made, error| unsafe {
            provider_pyramid(self.0, ptr::null(), cache.raw(), made, error)
        })
    }

    pub fn warp(
        &self,
        transform: &Transform,
        options: tc_warp_options,
        cache: &Cache,
    ) -> Outcome<Provider> {
        // SAFETY: the options have their size.
        Provider::made(|made, error| unsafe {
            provider_warp(self.0, transform.raw(), &options, cache.raw(), made, error)
        })
    }

    /// Writes the image and its levels to a file, which appears when it is complete.
    pub fn build(
        &self,
        file: &Path,
        options: tc_build_options,
        cache: &Cache,
        progress: &Progress,
    ) -> Outcome {
        let name = path(file)?;
        let options = tc_build_options {
            progress: Some(Progress::hear),
            progress_user: progress.user(),
            ..options
        };
        // SAFETY: the options have their size, and the progress outlives the call.
        call(|error| unsafe {
            tc_build_pyramid(self.0, name.as_ptr(), &options, cache.raw(), error)
        })
    }
}

impl Tile {
    pub fn pixels(&self) -> tc_pixels {
        // SAFETY: a tc_pixels is valid as zeros.
        let mut pixels = unsafe { std::mem::zeroed() };
        // SAFETY: both are valid.
        unsafe { tc_tile_pixels(self.0, &mut pixels) };
        pixels
    }
}

impl Chain {
    pub fn parse(steps: &str) -> Outcome<Chain> {
        let steps = CString::new(steps)
            .map_err(|_| Failure::Other("the chain has a NUL character".into()))?;
        // SAFETY: the text ends with NUL.
        Chain::made(|made, error| unsafe { tc_chain_parse(steps.as_ptr(), made, error) })
    }

    pub fn auto(source: &Provider, progress: &Progress) -> Outcome<Chain> {
        let options = tc_sample_options {
            flags: TC_SAMPLE_WINDOWS,
            progress: Some(Progress::hear),
            progress_user: progress.user(),
            ..sized()
        };
        // SAFETY: the options have their size, and the progress outlives the call.
        Chain::made(|made, error| unsafe { tc_chain_auto(source.raw(), &options, made, error) })
    }

    pub fn resolve(&self, source: &Provider, stats: Option<&Stats>) -> Outcome<Chain> {
        let stats = stats.map_or(ptr::null_mut(), Stats::raw);
        // SAFETY: all pointers are valid; NULL is no statistics.
        Chain::made(|made, error| unsafe {
            tc_chain_resolve(self.0, source.raw(), stats, made, error)
        })
    }

    pub fn flags(&self) -> Outcome<u32> {
        let mut about: tc_chain_about = sized();
        // SAFETY: the struct has its size.
        call(|error| unsafe { tc_chain_info(self.0, &mut about, error) })?;
        Ok(about.flags)
    }

    pub fn steps(&self) -> String {
        // SAFETY: borrowed from the chain, and copied.
        unsafe { text(tc_chain_text(self.0)) }
    }

    pub fn why(&self) -> String {
        // SAFETY: borrowed from the chain, and copied.
        unsafe { text(tc_chain_why(self.0)) }
    }
}

impl Stats {
    pub fn band(&self, band: i32) -> Outcome<tc_band_stats> {
        // SAFETY: a tc_band_stats is valid as zeros.
        let mut numbers = unsafe { std::mem::zeroed() };
        // SAFETY: all pointers are valid.
        call(|error| unsafe { tc_pixel_stats_band(self.0, band, &mut numbers, error) })?;
        Ok(numbers)
    }

    pub fn percentile(&self, band: i32, percent: f64) -> Outcome<f64> {
        let mut value = 0.0;
        let (low, high) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: NULL where the ends are not wanted.
        call(|error| unsafe {
            tc_pixel_stats_percentile(self.0, band, percent, &mut value, low, high, error)
        })?;
        Ok(value)
    }
}

impl Transform {
    pub fn affine(m: &[f64; 6]) -> Outcome<Transform> {
        // SAFETY: six numbers.
        Transform::made(|made, error| unsafe { tc_transform_affine(m.as_ptr(), made, error) })
    }

    pub fn polynomial(points: &[tc_tie_point], order: i32) -> Outcome<Transform> {
        // SAFETY: a pointer and its length.
        Transform::made(|made, error| unsafe {
            tc_transform_polynomial(points.as_ptr(), points.len(), order, made, error)
        })
    }

    pub fn spline(points: &[tc_tie_point]) -> Outcome<Transform> {
        // SAFETY: a pointer and its length.
        Transform::made(|made, error| unsafe {
            tc_transform_spline(points.as_ptr(), points.len(), made, error)
        })
    }

    pub fn rpc(rpc: &tc_rpc, ground: &[f64; 6], height: f64) -> Outcome<Transform> {
        // SAFETY: six numbers.
        Transform::made(|made, error| unsafe {
            tc_transform_rpc(rpc, ground.as_ptr(), height, made, error)
        })
    }

    /// Where points come from.
    pub fn points(&self, x: &mut [f64], y: &mut [f64]) -> Outcome {
        assert_eq!(x.len(), y.len());
        // SAFETY: both have as many numbers.
        call(|error| unsafe {
            tc_transform_points(self.0, x.as_mut_ptr(), y.as_mut_ptr(), x.len(), error)
        })
    }
}
