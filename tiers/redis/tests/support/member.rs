//! A process of a fleet as a program has it: a cache of the library, and this library as its tier, through the C API.

use super::versions::Versions;
use std::ffi::{CStr, CString, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tilecache_redis::capi::{
    TC_TIER_REDIS_ALWAYS, tc_tier_redis, tc_tier_redis_options, tc_tier_redis_report,
};
use tilecache_redis::raw::*;

pub const ROWS: i64 = 25;
pub const COLS: i64 = 40;
pub const SIDE: i64 = 64;

/// What the decoder makes, and how often it did.
#[derive(Default)]
pub struct Scene {
    decodes: AtomicU64,
    /// The pixels change with it.
    pub version: AtomicI64,
    /// Where processes have one scene: what its version is.
    versions: Option<Versions>,
    milliseconds: u64,
}

impl Scene {
    fn version(&self) -> i64 {
        match &self.versions {
            Some(versions) => versions.now(),
            None => self.version.load(Ordering::SeqCst),
        }
    }
}

fn pixel(x: i64, y: i64, version: i64) -> u16 {
    ((x * 7 + y * 13) as u16) ^ (version as u16) << 8
}

unsafe extern "C" fn read_block(
    user: *mut c_void,
    _: *mut c_void,
    row: i64,
    col: i64,
    _: i32,
    _: *const i32,
    into: *const tc_target,
    _: *mut tc_error,
) -> tc_status {
    // SAFETY: the scene lives as long as its provider, and the target is as the header says.
    unsafe {
        let scene = &*user.cast::<Scene>();
        let into = &*into;
        scene.decodes.fetch_add(1, Ordering::SeqCst);
        let version = scene.version();
        std::thread::sleep(Duration::from_millis(scene.milliseconds));
        for y in 0..into.height {
            for x in 0..into.width {
                let at = y * into.row_stride + x * into.pixel_stride;
                let value = pixel(col * SIDE + x, row * SIDE + y, version);
                into.data
                    .cast::<u8>()
                    .offset(at as isize)
                    .cast::<u16>()
                    .write_unaligned(value);
            }
        }
    }
    TC_OK
}

/// A struct with its size, zeros otherwise.
pub fn sized<T>() -> T {
    // SAFETY: structs of the C API are valid as zeros, and the size-led ones begin with an u32.
    unsafe {
        let mut made: T = std::mem::zeroed();
        (&raw mut made).cast::<u32>().write(size_of::<T>() as u32);
        made
    }
}

pub fn called(call: impl FnOnce(*mut tc_error) -> tc_status) -> Result<(), (tc_status, String)> {
    // SAFETY: as above.
    let mut error: tc_error = unsafe { std::mem::zeroed() };
    match call(&mut error) {
        TC_OK => Ok(()),
        // SAFETY: a message ends with NUL.
        status => Err((
            status,
            unsafe { CStr::from_ptr(error.message.as_ptr()) }
                .to_string_lossy()
                .into_owned(),
        )),
    }
}

/// What a process of a fleet has.
pub struct Member {
    pub cache: *mut tc_cache,
    pub source: *mut tc_provider,
    tiles: *mut tc_provider,
    pub tier: tc_tier,
    pub scene: Box<Scene>,
    side: i64,
}

// SAFETY: all that it has is safe on any thread.
unsafe impl Sync for Member {}

impl Member {
    /// Tiles of this side over blocks of 64: the same, or others that straddle them.
    pub fn new(
        url: &str,
        side: i64,
        milliseconds: u64,
        change: impl FnOnce(&mut tc_tier_redis_options),
    ) -> Self {
        let scene = Scene {
            milliseconds,
            ..Scene::default()
        };
        Self::over(Self::tier(url, change), side, scene)
    }

    /// One of several processes that have one scene.
    pub fn of(
        url: &str,
        versions: Versions,
        change: impl FnOnce(&mut tc_tier_redis_options),
    ) -> Self {
        let scene = Scene {
            versions: Some(versions),
            ..Scene::default()
        };
        Self::over(Self::tier(url, change), SIDE, scene)
    }

    fn tier(url: &str, change: impl FnOnce(&mut tc_tier_redis_options)) -> tc_tier {
        let mut options: tc_tier_redis_options = sized();
        // Whatever else the machine does, nothing is late by that.
        options.flags = TC_TIER_REDIS_ALWAYS;
        options.get_ms = 5000;
        options.put_ms = 5000;
        options.validity_ms = 15_000;
        options.wait_ms = 30_000;
        change(&mut options);
        let url = CString::new(url).unwrap();
        // SAFETY: a table of nothing, which is filled in.
        unsafe {
            let mut tier: tc_tier = std::mem::zeroed();
            called(|err| tc_tier_redis(url.as_ptr(), &options, &mut tier, err)).unwrap();
            tier
        }
    }

    pub fn over(tier: tc_tier, side: i64, scene: Scene) -> Self {
        let scene = Box::new(scene);
        let mut member = Self {
            cache: ptr::null_mut(),
            source: ptr::null_mut(),
            tiles: ptr::null_mut(),
            tier,
            scene,
            side,
        };
        let mut image: tc_image_info = sized();
        image.dtype = TC_U16;
        (image.width, image.height) = (COLS * SIDE, ROWS * SIDE);
        (image.block_width, image.block_height) = (SIDE, SIDE);
        let mut source: tc_source = sized();
        source.image = &image;
        source.threading = TC_CONCURRENT;
        // Caches of one process share the fate of a key, which those of other processes do not.
        static MADE: AtomicU64 = AtomicU64::new(0);
        let key = CString::new(format!("scene-{}", MADE.fetch_add(1, Ordering::SeqCst))).unwrap();
        source.key = key.as_ptr();
        source.fleet_id = c"scene".as_ptr();
        source.user = ptr::from_ref(&*member.scene).cast_mut().cast();
        source.read_block = Some(read_block);
        let mut grid: tc_retile_options = sized();
        (grid.tile_width, grid.tile_height) = (side, side);
        // SAFETY: as the headers say.
        unsafe {
            called(|err| tc_create(64 << 20, ptr::null(), &mut member.cache, err)).unwrap();
            called(|err| tc_set_tier(member.cache, &member.tier, err)).unwrap();
            called(|err| provider_from_source(&source, &mut member.source, err)).unwrap();
            called(|err| {
                provider_retile(member.source, &grid, member.cache, &mut member.tiles, err)
            })
            .unwrap();
        }
        member
    }

    pub fn grid(&self) -> (i64, i64) {
        (ROWS * SIDE / self.side, COLS * SIDE / self.side)
    }

    /// A tile, each pixel of which is looked at; says of which version they are.
    pub fn tile(&self, row: i64, col: i64) -> i64 {
        let mut tile = ptr::null_mut();
        // SAFETY: as the header says.
        let pixels = unsafe {
            called(|err| {
                provider_get_block(self.tiles, row, col, 0, ptr::null(), 0, &mut tile, err)
            })
            .unwrap();
            let mut pixels: tc_pixels = std::mem::zeroed();
            tc_tile_pixels(tile, &mut pixels);
            pixels
        };
        let at = |x: i64, y: i64| {
            // SAFETY: the tile has this pixel.
            unsafe {
                pixels
                    .data
                    .cast::<u8>()
                    .offset((y * pixels.row_stride) as isize)
                    .cast::<u16>()
                    .offset(x as isize)
                    .read()
            }
        };
        let (left, top) = (col * self.side, row * self.side);
        let version = i64::from((at(0, 0) ^ pixel(left, top, 0)) >> 8);
        for y in 0..pixels.height {
            for x in 0..pixels.width {
                assert_eq!(
                    at(x, y),
                    pixel(left + x, top + y, version),
                    "at {x}, {y} of {row}, {col}"
                );
            }
        }
        // SAFETY: it is held once.
        unsafe { tc_tile_release(tile) };
        version
    }

    pub fn decodes(&self) -> u64 {
        self.scene.decodes.load(Ordering::SeqCst)
    }

    /// Waits until the store has taken all that was put.
    pub fn settle(&self) {
        let limit = Instant::now() + Duration::from_secs(30);
        while self.statistics().queued > 0 {
            assert!(Instant::now() < limit, "the queue does not get empty");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The pixels of the scene have changed: tells all processes.
    pub fn purge(&self) -> Result<(), (tc_status, String)> {
        // SAFETY: as the header says.
        called(|err| unsafe { provider_invalidate_fleet(self.source, err) })
    }

    pub fn statistics(&self) -> tc_tier_stats {
        let mut stats: tc_tier_stats = sized();
        // SAFETY: as the header says.
        called(|err| unsafe { tc_tier_statistics(self.cache, &mut stats, err) }).unwrap();
        stats
    }

    /// One of the numbers of the report.
    pub fn counted(&self, name: &str) -> u64 {
        let report = self.report();
        let begin = format!("\"{name}\":");
        let at = report.find(&begin).expect("the name of a count") + begin.len();
        let digits = report[at..].find(|it: char| !it.is_ascii_digit());
        report[at..at + digits.expect("an end")].parse().unwrap()
    }

    pub fn report(&self) -> String {
        unsafe extern "C" fn write(
            user: *mut c_void,
            text: *const std::ffi::c_char,
            bytes: usize,
            _: *mut tc_error,
        ) -> tc_status {
            // SAFETY: the user is the text of below.
            unsafe {
                let piece = std::slice::from_raw_parts(text.cast::<u8>(), bytes);
                (*user.cast::<Vec<u8>>()).extend_from_slice(piece);
            }
            TC_OK
        }
        let mut text = Vec::<u8>::new();
        let user = (&raw mut text).cast();
        // SAFETY: as the header says.
        called(|err| unsafe { tc_tier_redis_report(&self.tier, Some(write), user, err) }).unwrap();
        String::from_utf8(text).unwrap()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // SAFETY: each is held once.
        unsafe {
            provider_release(self.tiles);
            provider_release(self.source);
            tc_release(self.cache);
        }
    }
}
