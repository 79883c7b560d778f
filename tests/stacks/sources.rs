//! Images as providers: callbacks of every kind, arrays in memory, files.

use super::face::{Area, Cell, Provider};
use super::random::mix;
use super::raster::{NODATA, Origin, Raster, Size};
use super::tiff;
use std::ffi::c_void;
use std::path::Path;
use std::ptr::null;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::time::Duration;
use tilecache::capi::*;

impl Raster {
    fn info(&self) -> tc_image_info {
        // SAFETY: numbers, for which zero is valid.
        let mut info: tc_image_info = unsafe { std::mem::zeroed() };
        let Size { pixels, block } = self.plan.levels[0];
        info.struct_size = size_of::<tc_image_info>() as u32;
        info.dtype = tc_dtype_code::TC_U32 as i32;
        (info.width, info.height) = pixels;
        (info.block_width, info.block_height) = block;
        info.bands = self.plan.bands as i32;
        info.levels = self.plan.levels.len() as i32;
        info.pad[..4].copy_from_slice(&self.pad().to_ne_bytes());
        if self.plan.has_nodata {
            info.flags = tc_image_flags::TC_IMAGE_HAS_NODATA as u32;
            info.nodata[..4].copy_from_slice(&NODATA.to_ne_bytes());
        }
        info
    }

    /// The image as a provider; each time another one of the same key.
    pub fn open(self: &Arc<Self>) -> Provider {
        match self.plan.origin {
            Origin::Callbacks { threading, windows } => self.open_callbacks(threading, windows),
            Origin::Memory { step } => {
                let Size { pixels, .. } = self.plan.levels[0];
                let area = Area {
                    x: 0,
                    y: 0,
                    width: pixels.0,
                    height: pixels.1,
                };
                let packed = self.pixels(0, area, &self.all_bands(), 0);
                let spread = packed.iter().flat_map(|value| {
                    let gap = std::iter::repeat_n(0, step as usize - 1);
                    std::iter::once(*value).chain(gap)
                });
                let spread = spread.collect();
                Provider::from_memory(&self.key, &self.info(), pixels.0 * step, spread, step)
            }
            Origin::File => {
                let path = self.file.get_or_init(|| {
                    let name = format!("{}.tif", self.key.to_str().expect("UTF-8"));
                    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
                    std::fs::write(&path, tiff::file(self)).expect("a file");
                    path
                });
                Provider::open(path, &self.key)
            }
        }
    }

    fn open_callbacks(self: &Arc<Self>, threading: i32, windows: bool) -> Provider {
        let info = self.info();
        let levels = self.plan.levels.iter().map(|level| tc_level {
            width: level.pixels.0,
            height: level.pixels.1,
            block_width: level.block.0,
            block_height: level.block.1,
        });
        let levels: Vec<_> = levels.collect();
        // SAFETY: numbers, pointers and optional functions, for which zero is valid.
        let mut source: tc_source = unsafe { std::mem::zeroed() };
        source.struct_size = size_of::<tc_source>() as u32;
        source.threading = threading as u32;
        let opened = Opened {
            raster: self.clone(),
            inside: AtomicI32::new(0),
        };
        source.user = Box::into_raw(Box::new(opened)).cast();
        source.image = &info;
        source.key = self.key.as_ptr();
        source.read_block = Some(read_block);
        source.release = Some(release);
        if threading == tc_threading::TC_SESSIONS as i32 {
            source.max_sessions = 3;
            source.open_session = Some(open_session);
            source.close_session = Some(close_session);
        }
        if self.plan.picks_bands {
            source.flags = tc_source_flags::TC_SOURCE_BANDS as u32;
        }
        if self.plan.is_sparse {
            source.has_block = Some(has_block);
        }
        if windows {
            source.read_window = Some(read_window);
        }
        source.levels = match self.plan.own_grids {
            true => levels.as_ptr(),
            false => null(),
        };
        // SAFETY: the callbacks do what the header says of them.
        unsafe { Provider::from_source(&source) }
    }
}

/// An image as a source of its own.
struct Opened {
    raster: Arc<Raster>,
    /// Callbacks inside now.
    inside: AtomicI32,
}

impl Opened {
    fn complain(&self, text: String) {
        self.raster
            .complaints
            .lock()
            .expect("complaints")
            .push(text);
    }

    /// Writes a rectangle of a level in the present generation, as a callback does.
    ///
    /// # Safety
    /// `bands` and `into` must be what the header says of a callback's arguments.
    unsafe fn write(
        &self,
        session: *mut c_void,
        level: i32,
        area: Area,
        bands: *const i32,
        into: &tc_target,
    ) {
        if (into.width, into.height) != (area.width, area.height) || area.width * area.height == 0 {
            let target = (into.width, into.height, into.bands);
            self.complain(format!(
                "a target of {target:?} for {area:?} of level {level}"
            ));
            return;
        }
        let bands: Vec<u32> = match bands.is_null() {
            true => self.raster.all_bands(),
            // SAFETY: as many as `into` has.
            false => unsafe { std::slice::from_raw_parts(bands, into.bands as usize) }
                .iter()
                .map(|band| *band as u32)
                .collect(),
        };
        if bands.len() != into.bands as usize {
            self.complain(format!(
                "{} bands for a target of {}",
                bands.len(),
                into.bands
            ));
            return;
        }
        let inside = self.inside.fetch_add(1, SeqCst) + 1;
        if let Origin::Callbacks { threading, .. } = self.raster.plan.origin {
            if inside > 1 && threading == tc_threading::TC_ONE_AT_A_TIME as i32 {
                self.complain(format!("{inside} callbacks at once"));
            }
            let with_session = threading == tc_threading::TC_SESSIONS as i32;
            if session.is_null() == with_session {
                self.complain("a session where there should be none, or none".into());
            }
        }
        // SAFETY: a session of ours.
        if let Some(session) = unsafe { session.cast::<AtomicI32>().as_ref() }
            && session.swap(1, SeqCst) != 0
        {
            self.complain("two calls in one session".into());
        }
        let generation = self.raster.shown.load(SeqCst);
        if self.raster.plan.pause > 0 {
            let number = (area.y << 20 ^ area.x ^ i64::from(level) << 40) as u64;
            let pause = mix(number ^ u64::from(generation) << 50) % self.raster.plan.pause;
            std::thread::sleep(Duration::from_micros(pause));
        }
        let pixels = self.raster.pixels(level, area, &bands, generation);
        let mut rows = pixels.chunks_exact(area.width as usize);
        for band in 0..bands.len() as i64 {
            for y in 0..area.height {
                let row = rows.next().expect("a row");
                let start = into.data.cast::<u8>();
                // SAFETY: a row of the target, which is of u32.
                unsafe {
                    let to = start.offset((band * into.band_stride + y * into.row_stride) as isize);
                    std::ptr::copy_nonoverlapping(row.as_ptr(), to.cast::<u32>(), row.len());
                }
            }
        }
        // SAFETY: a session of ours.
        if let Some(session) = unsafe { session.cast::<AtomicI32>().as_ref() } {
            session.store(0, SeqCst);
        }
        self.inside.fetch_sub(1, SeqCst);
    }
}

/// # Safety
/// `user` must be what `open_callbacks` gave.
unsafe fn opened<'a>(user: *mut c_void) -> &'a Opened {
    // SAFETY: promised by the caller; it lives until `release` is called.
    unsafe { &*user.cast::<Opened>() }
}

unsafe extern "C" fn has_block(
    user: *mut c_void,
    row: i64,
    col: i64,
    level: i32,
    has: *mut i32,
    _err: *mut tc_error,
) -> tc_status {
    // SAFETY: the library gives what the header says.
    unsafe {
        *has = opened(user)
            .raster
            .is_stored(Cell { level, row, col })
            .into()
    };
    0
}

unsafe extern "C" fn read_block(
    user: *mut c_void,
    session: *mut c_void,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    into: *const tc_target,
    _err: *mut tc_error,
) -> tc_status {
    // SAFETY: the library gives what the header says.
    unsafe {
        let (source, at) = (opened(user), Cell { level, row, col });
        if !source.raster.is_stored(at) {
            source.complain(format!("{at:?} was read, which is not stored"));
        }
        source.write(session, level, source.raster.area(at), bands, &*into);
    }
    0
}

unsafe extern "C" fn read_window(
    user: *mut c_void,
    session: *mut c_void,
    x: i64,
    y: i64,
    level: i32,
    bands: *const i32,
    into: *const tc_target,
    _err: *mut tc_error,
) -> tc_status {
    // SAFETY: the library gives what the header says.
    unsafe {
        let (width, height) = ((*into).width, (*into).height);
        let area = Area {
            x,
            y,
            width,
            height,
        };
        opened(user).write(session, level, area, bands, &*into);
    }
    0
}

unsafe extern "C" fn open_session(
    _user: *mut c_void,
    session: *mut *mut c_void,
    _err: *mut tc_error,
) -> tc_status {
    // SAFETY: a valid output.
    unsafe { *session = Box::into_raw(Box::new(AtomicI32::new(0))).cast() };
    0
}

unsafe extern "C" fn close_session(_user: *mut c_void, session: *mut c_void) {
    // SAFETY: `open_session` made it.
    drop(unsafe { Box::from_raw(session.cast::<AtomicI32>()) });
}

unsafe extern "C" fn release(user: *mut c_void) {
    // SAFETY: `open_callbacks` gave it away, and the library calls once.
    drop(unsafe { Box::from_raw(user.cast::<Opened>()) });
}
