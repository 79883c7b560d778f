//! A cache with a tier, as a process of a fleet has one: tiles over a scene whose decodes are counted.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tilecache_table::raw::*;

/// The scene in blocks.
pub const ROWS: i64 = 25;
pub const COLS: i64 = 40;
/// Columns and rows of a block.
pub const SIDE: i64 = 64;

const LIMIT: Duration = Duration::from_secs(30);

/// What the decoder makes, and how often it did.
#[derive(Default)]
struct Scene {
    decodes: AtomicU64,
    /// The pixels change with it.
    version: AtomicI64,
    /// Where processes have one scene: what its version is.
    seen: Option<Version>,
    milliseconds: u64,
}

/// Says which version the pixels of a scene are of.
pub type Version = Box<dyn Fn() -> i64 + Send + Sync>;

impl Scene {
    fn version(&self) -> i64 {
        match &self.seen {
            Some(version) => version(),
            None => self.version.load(Ordering::SeqCst),
        }
    }
}

/// What the decoder makes at a place.
pub fn pixel(x: i64, y: i64, version: i64) -> u16 {
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
                let pixels = into.data.cast::<u8>().offset(at as isize);
                pixels.cast::<u16>().write_unaligned(value);
            }
        }
    }
    TC_OK
}

/// A struct with its size, zeros otherwise.
///
/// # Safety
///
/// `T` is a size-led struct of the C API.
pub unsafe fn sized<T>() -> T {
    // SAFETY: they are valid as zeros, and begin with an u32.
    unsafe {
        let mut made: T = std::mem::zeroed();
        (&raw mut made).cast::<u32>().write(size_of::<T>() as u32);
        made
    }
}

/// What a function of C answers.
pub fn called(call: impl FnOnce(*mut tc_error) -> tc_status) -> Result<(), (tc_status, String)> {
    // SAFETY: it is valid as zeros.
    let mut error: tc_error = unsafe { std::mem::zeroed() };
    match call(&mut error) {
        TC_OK => Ok(()),
        status => {
            // SAFETY: a message ends with NUL.
            let message = unsafe { CStr::from_ptr(error.message.as_ptr()) };
            Err((status, message.to_string_lossy().into_owned()))
        }
    }
}

/// As libraries of tiers have them.
pub type ReportFn =
    unsafe extern "C" fn(*const tc_tier, tc_write_fn, *mut c_void, *mut tc_error) -> tc_status;

/// What a process of a fleet has.
pub struct Member {
    pub cache: *mut tc_cache,
    source: *mut tc_provider,
    tiles: *mut tc_provider,
    pub tier: tc_tier,
    report: ReportFn,
    scene: Box<Scene>,
    side: i64,
}

// SAFETY: all that it has is safe on any thread.
unsafe impl Sync for Member {}
// SAFETY: as above.
unsafe impl Send for Member {}

impl Member {
    /// A cache with this tier, and tiles of this side over blocks of [`SIDE`] whose decode takes so long.
    pub fn new(tier: tc_tier, report: ReportFn, side: i64, milliseconds: u64) -> Self {
        let scene = Scene {
            milliseconds,
            ..Scene::default()
        };
        Self::over(tier, report, side, scene)
    }

    /// One of several processes that have one scene.
    pub fn seeing(tier: tc_tier, report: ReportFn, version: Version) -> Self {
        let scene = Scene {
            seen: Some(version),
            ..Scene::default()
        };
        Self::over(tier, report, SIDE, scene)
    }

    fn over(tier: tc_tier, report: ReportFn, side: i64, scene: Scene) -> Self {
        let scene = Box::new(scene);
        let mut member = Self {
            cache: ptr::null_mut(),
            source: ptr::null_mut(),
            tiles: ptr::null_mut(),
            tier,
            report,
            scene,
            side,
        };
        // Caches of one process share the fate of a key, which those of other processes do not.
        static MADE: AtomicU64 = AtomicU64::new(0);
        let key = CString::new(format!("scene-{}", MADE.fetch_add(1, Ordering::SeqCst))).unwrap();
        // SAFETY: as the headers say.
        unsafe {
            let mut image: tc_image_info = sized();
            image.dtype = TC_U16;
            (image.width, image.height) = (COLS * SIDE, ROWS * SIDE);
            (image.block_width, image.block_height) = (SIDE, SIDE);
            let mut source: tc_source = sized();
            source.image = &image;
            source.threading = TC_CONCURRENT;
            source.key = key.as_ptr();
            source.fleet_id = c"scene".as_ptr();
            source.user = ptr::from_ref(&*member.scene).cast_mut().cast();
            source.read_block = Some(read_block);
            let mut grid: tc_retile_options = sized();
            (grid.tile_width, grid.tile_height) = (side, side);
            called(|err| tc_create(64 << 20, ptr::null(), &mut member.cache, err)).unwrap();
            called(|err| tc_set_tier(member.cache, &member.tier, err)).unwrap();
            called(|err| provider_from_source(&source, &mut member.source, err)).unwrap();
            let tiles = &mut member.tiles;
            called(|err| provider_retile(member.source, &grid, member.cache, tiles, err)).unwrap();
        }
        member
    }

    /// Rows and columns of tiles.
    pub fn grid(&self) -> (i64, i64) {
        (ROWS * SIDE / self.side, COLS * SIDE / self.side)
    }

    /// A tile, each pixel of which is looked at; says of which version they are.
    pub fn tile(&self, row: i64, col: i64) -> i64 {
        let mut tile = ptr::null_mut();
        // SAFETY: as the header says.
        let pixels = unsafe {
            let tiles = self.tiles;
            called(|err| provider_get_block(tiles, row, col, 0, ptr::null(), 0, &mut tile, err))
                .unwrap();
            let mut pixels: tc_pixels = std::mem::zeroed();
            tc_tile_pixels(tile, &mut pixels);
            pixels
        };
        let at = |x: i64, y: i64| {
            let row = (y * pixels.row_stride) as isize;
            // SAFETY: the tile has this pixel.
            unsafe {
                pixels
                    .data
                    .cast::<u8>()
                    .offset(row)
                    .cast::<u16>()
                    .offset(x as isize)
                    .read()
            }
        };
        let (left, top) = (col * self.side, row * self.side);
        let version = i64::from((at(0, 0) ^ pixel(left, top, 0)) >> 8);
        for y in 0..pixels.height {
            for x in 0..pixels.width {
                let is = pixel(left + x, top + y, version);
                assert_eq!(at(x, y), is, "at {x}, {y} of {row}, {col}");
            }
        }
        // SAFETY: it is held once.
        unsafe { tc_tile_release(tile) };
        version
    }

    /// From now on the decoder makes other pixels.
    pub fn set_version(&self, version: i64) {
        self.scene.version.store(version, Ordering::SeqCst);
    }

    /// Tells all processes so.
    pub fn purge(&self) -> Result<(), (tc_status, String)> {
        // SAFETY: as the header says.
        called(|err| unsafe { provider_invalidate_fleet(self.source, err) })
    }

    /// How many blocks were decoded.
    pub fn decodes(&self) -> u64 {
        self.scene.decodes.load(Ordering::SeqCst)
    }

    /// Waits until the store has taken all that was put, or not taken it.
    pub fn settle(&self) {
        let end = Instant::now() + LIMIT;
        let is_done = || {
            let done = ["stored", "puts_dropped", "puts_too_long"].map(|name| self.count(name));
            self.statistics().queued == 0 && done.iter().sum::<u64>() == self.count("puts")
        };
        while !is_done() {
            assert!(
                Instant::now() < end,
                "the queue does not get empty: {}",
                self.report()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Has the tier store all that it is to have, within this time.
    pub fn flush(&self, time: Duration) -> Result<(), (tc_status, String)> {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // SAFETY: as the header says.
        called(|err| unsafe { tc_flush_tier(self.cache, time, err) })
    }

    /// From now on the cache has so many bytes.
    pub fn set_budget(&self, bytes: u64) {
        // SAFETY: as the header says.
        called(|err| unsafe { tc_set_budget(self.cache, bytes, err) }).unwrap();
    }

    /// Of the tier.
    pub fn statistics(&self) -> tc_tier_stats {
        // SAFETY: it is size-led.
        let mut stats: tc_tier_stats = unsafe { sized() };
        // SAFETY: as the header says.
        called(|err| unsafe { tc_tier_statistics(self.cache, &mut stats, err) }).unwrap();
        stats
    }

    /// What the library of the tier counted.
    pub fn report(&self) -> String {
        unsafe extern "C" fn write(
            user: *mut c_void,
            text: *const c_char,
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
        called(|err| unsafe { (self.report)(&self.tier, Some(write), user, err) }).unwrap();
        String::from_utf8(text).unwrap()
    }

    /// One number of the report.
    pub fn count(&self, name: &str) -> u64 {
        let report = self.report();
        let (_, rest) = report
            .split_once(&format!("\"{name}\":"))
            .unwrap_or_else(|| panic!("{report}"));
        let digits = rest
            .find(|digit: char| !digit.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..digits].parse().unwrap()
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
