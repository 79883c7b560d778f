//! Sources that are callbacks: those of C in each way of being called, a map, and a decoder in Rust.

use crate::face::{Pixels, Provider};
use crate::fault::{Control, Verdict};
use crate::support::value;
use crate::{Rig, SIDE};
use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tilecache::capi::*;
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::source::{Decoder, Source};

/// Which callback has the fault, and how it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    Concurrent,
    OneAtATime,
    Sessions,
    /// One block, of which windows can be read.
    Windows,
    /// Whether a block is stored.
    HasBlock,
    /// A map over a source without fault.
    Map,
    /// A decoder in Rust.
    Decoder,
}

/// Columns and rows of a block.
const BLOCK: i64 = 64;

/// The source's own data, as its callbacks get it.
struct User {
    control: Arc<Control>,
    /// Whether reading has the fault.
    reads_badly: bool,
}

fn sample(x: i64, y: i64) -> u8 {
    value(0, x as u64, y as u64, 0) as u8
}

/// What a source of callbacks shows.
pub fn picture() -> Pixels {
    let samples = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| sample(x, y)));
    Pixels {
        area: [0, 0, SIDE, SIDE],
        samples: samples.collect(),
    }
}

/// A source of this kind.
pub fn open(callback: Callback) -> Rig {
    let control = Arc::<Control>::default();
    let source = match callback {
        Callback::Decoder => decoder(control.clone()),
        Callback::Map => {
            let below = source(Callback::Concurrent, control.clone(), false);
            map(&below, control.clone())
        }
        _ => source(callback, control.clone(), callback != Callback::HasBlock),
    };
    Rig {
        source,
        picture: picture().into(),
        releases: if callback == Callback::Map { 2 } else { 1 },
        control,
    }
}

fn source(callback: Callback, control: Arc<Control>, reads_badly: bool) -> Provider {
    let block = if callback == Callback::Windows {
        SIDE
    } else {
        BLOCK
    };
    // SAFETY: numbers, pointers and optional functions, for which zero is valid.
    let (mut image, mut source): (tc_image_info, tc_source) = unsafe { std::mem::zeroed() };
    image.struct_size = size_of::<tc_image_info>() as u32;
    image.dtype = tc_dtype_code::TC_U8 as tc_dtype;
    (image.width, image.height) = (SIDE, SIDE);
    (image.block_width, image.block_height) = (block, block);
    source.struct_size = size_of::<tc_source>() as u32;
    source.threading = match callback {
        Callback::OneAtATime => tc_threading::TC_ONE_AT_A_TIME as u32,
        Callback::Sessions => tc_threading::TC_SESSIONS as u32,
        _ => tc_threading::TC_CONCURRENT as u32,
    };
    source.image = &image;
    source.user = Box::into_raw(Box::new(User {
        control,
        reads_badly,
    }))
    .cast();
    source.read_block = Some(read_block);
    source.release = Some(release);
    if callback == Callback::Sessions {
        source.max_sessions = 32;
        source.open_session = Some(open_session);
        source.close_session = Some(close_session);
    }
    if callback == Callback::Windows {
        source.read_window = Some(read_window);
    }
    if callback == Callback::HasBlock {
        source.has_block = Some(has_block);
    }
    // SAFETY: the callbacks below do what the header says, but for their faults.
    unsafe { Provider::from_source(&source) }.expect("a source")
}

fn map(below: &Provider, control: Arc<Control>) -> Provider {
    let user = User {
        control,
        reads_badly: true,
    };
    let options = tc_map_options {
        struct_size: size_of::<tc_map_options>() as u32,
        dtype: 0,
        bands: 0,
        flags: 0,
        source_bands: null(),
        n_source_bands: 0,
        name: null(),
        map: Some(map_block),
        user: Box::into_raw(Box::new(user)).cast(),
        release: Some(release),
        bits: 0,
        reserved: 0,
        pad: [0; 16],
        band_infos: null(),
        texts: null(),
        n_texts: 0,
    };
    // SAFETY: as in `source`.
    unsafe { below.mapped(&options) }.expect("a map")
}

/// # Safety
/// `user` must be that of a live source.
unsafe fn user_of<'a>(user: *mut c_void) -> &'a User {
    // SAFETY: promised by the caller.
    unsafe { &*user.cast::<User>() }
}

/// Draws so many samples, row by row, from a place of the image on.
///
/// # Safety
/// `into` must be as the header says.
unsafe fn draw(into: &tc_target, (x, y): (i64, i64), count: usize) {
    for at in 0..count as i64 {
        let (column, row) = (at % into.width, at / into.width);
        // SAFETY: inside what the caller promised.
        unsafe {
            let start = into
                .data
                .cast::<u8>()
                .offset((row * into.row_stride) as isize);
            start
                .offset(column as isize)
                .write(sample(x + column, y + row));
        }
    }
}

/// Reads a rectangle, with the fault if there is one.
///
/// # Safety
/// All must be as the header says.
unsafe fn read(
    user: *mut c_void,
    at: (i64, i64),
    into: *const tc_target,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: promised by the caller.
    let (user, into) = unsafe { (user_of(user), &*into) };
    let verdict = match user.reads_badly {
        true => user.control.verdict_at(at),
        false => Verdict::Works,
    };
    let wanted = (into.width * into.height) as usize;
    // SAFETY: promised by the caller.
    verdict.end(wanted, err, |count| unsafe { draw(into, at, count) })
}

unsafe extern "C" fn read_block(
    user: *mut c_void,
    _session: *mut c_void,
    row: i64,
    col: i64,
    _level: i32,
    _bands: *const i32,
    into: *const tc_target,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the library calls as the header says.
    unsafe { read(user, (col * BLOCK, row * BLOCK), into, err) }
}

unsafe extern "C" fn read_window(
    user: *mut c_void,
    _session: *mut c_void,
    x: i64,
    y: i64,
    _level: i32,
    _bands: *const i32,
    into: *const tc_target,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the library calls as the header says.
    unsafe { read(user, (x, y), into, err) }
}

unsafe extern "C" fn has_block(
    user: *mut c_void,
    row: i64,
    col: i64,
    _level: i32,
    has: *mut i32,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the library calls as the header says.
    let control = unsafe { &user_of(user).control };
    // SAFETY: as above.
    control
        .verdict_at((col * BLOCK, row * BLOCK))
        .end(1, err, |count| unsafe { *has = count as i32 })
}

unsafe extern "C" fn open_session(
    user: *mut c_void,
    session: *mut *mut c_void,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the library calls as the header says.
    let control = unsafe { &user_of(user).control };
    control.verdict(true).end(1, err, |_| {
        control.sessions.fetch_add(1, Ordering::SeqCst);
        // SAFETY: as above.
        unsafe { *session = null_mut() };
    })
}

unsafe extern "C" fn close_session(user: *mut c_void, _session: *mut c_void) {
    // SAFETY: the library calls as the header says.
    let control = unsafe { &user_of(user).control };
    control.sessions.fetch_sub(1, Ordering::SeqCst);
}

unsafe extern "C" fn map_block(
    user: *mut c_void,
    row: i64,
    col: i64,
    _level: i32,
    _in: *const tc_pixels,
    out: *const tc_target,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the library calls as the header says.
    unsafe { read(user, (col * BLOCK, row * BLOCK), out, err) }
}

unsafe extern "C" fn release(user: *mut c_void) {
    // SAFETY: made by `source` or `map`, and released once.
    let user = unsafe { Box::from_raw(user.cast::<User>()) };
    user.control.released.fetch_add(1, Ordering::SeqCst);
}

/// The same pixels from a decoder in Rust.
struct Drawn {
    image: Image,
    control: Arc<Control>,
}

fn decoder(control: Arc<Control>) -> Provider {
    let mut image = Image::new(SIDE as u64, SIDE as u64, 1, DType::U8);
    image.block = (BLOCK as u64, BLOCK as u64);
    let decoder = Drawn {
        image: image.clone(),
        control,
    };
    let core = Source::provider(None, image, Box::new(decoder));
    Provider::of(core.expect("a source"))
}

impl Decoder for Drawn {
    fn read_block(&self, at: Block, _bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let rect = at.rect(&self.image);
        let verdict = self.control.verdict_at((rect.x as i64, rect.y as i64));
        verdict.result()?;
        for y in 0..rect.height {
            for (x, out) in into.row_mut(0, y as usize).iter_mut().enumerate() {
                *out = sample(rect.x as i64 + x as i64, (rect.y + y) as i64);
            }
        }
        Ok(())
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.control.released.fetch_add(1, Ordering::SeqCst);
    }
}
