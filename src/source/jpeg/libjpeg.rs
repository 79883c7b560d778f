//! The face of `libjpeg.c`, which calls libjpeg-turbo. No callback leads back from there, so that
//! nothing unwinds through C, and its jumps stay within C.

use super::{Colours, Frame};
use crate::error::{Error, Kind, Result};
use std::ffi::{CStr, c_char};
// Brings libjpeg-turbo into the link.
use turbojpeg_sys as _;

/// libjpeg's `JMSG_LENGTH_MAX`.
const MESSAGE: usize = 200;

/// `struct tilecache_jpeg_job`.
#[repr(C)]
struct Job {
    tables: *const u8,
    tables_len: usize,
    stream: *const u8,
    stream_len: usize,
    out: *mut u8,
    width: u32,
    rows: u32,
    most_rows: u32,
    components: u32,
    sample_bytes: u32,
    colours: i32,
    most_scans: i32,
    most_memory: i64,
}

/// `struct tilecache_jpeg_outcome`.
#[repr(C)]
struct Outcome {
    width: u32,
    rows: u32,
    components: u32,
    bits: u32,
    message: [c_char; MESSAGE],
}

/// `struct tilecache_jpeg_picture`.
#[repr(C)]
struct RawPicture {
    pixels: *const u8,
    out: *mut u8,
    out_len: usize,
    width: u32,
    rows: u32,
    components: u32,
    quality: i32,
    is_rgb: i32,
}

unsafe extern "C" {
    fn tilecache_jpeg_encode(picture: *const RawPicture, written: *mut usize) -> i32;
    fn tilecache_jpeg_decode(job: *const Job, outcome: *mut Outcome) -> i32;
}

/// Decodes a stream into rows without gaps; `out` has room for as many as the frame may have, and begins where
/// a sample may.
pub fn decode(tables: &[u8], stream: &[u8], frame: &Frame, out: &mut [u8]) -> Result<()> {
    let fits = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let room = frame.width * frame.most_rows * frame.bands * frame.sample_bytes;
    let is_aligned = out.as_ptr().addr().is_multiple_of(frame.sample_bytes);
    assert!(
        out.len() >= room && is_aligned,
        "{} bytes for {room}",
        out.len()
    );
    let job = Job {
        tables: tables.as_ptr(),
        tables_len: tables.len(),
        stream: stream.as_ptr(),
        stream_len: stream.len(),
        out: out.as_mut_ptr(),
        width: fits(frame.width),
        rows: fits(frame.rows),
        most_rows: fits(frame.most_rows),
        components: fits(frame.bands),
        sample_bytes: fits(frame.sample_bytes),
        colours: match frame.colours {
            Colours::AsStored => 0,
            Colours::FromYCbCr => 1,
            Colours::AsMarked => 2,
            Colours::AsStoredRepeated => 3,
        },
        most_scans: super::MOST_SCANS,
        most_memory: super::MOST_MEMORY,
    };
    let mut outcome = Outcome {
        width: 0,
        rows: 0,
        components: 0,
        bits: 0,
        message: [0; MESSAGE],
    };
    // SAFETY: the structs are those of libjpeg.c; the input is alive and as long as it says, and so is
    // `out`, of which no more than `most_rows` rows are written, and those only where the stream has the
    // width, the components and the depth that the room was computed for.
    let status = unsafe { tilecache_jpeg_decode(&job, &mut outcome) };
    // SAFETY: the message ends with a zero, for it was written by snprintf into its length or never.
    let text = unsafe { CStr::from_ptr(outcome.message.as_ptr()) }.to_string_lossy();
    match status {
        0 => Ok(()),
        2 => Err(Error::new(Kind::NoMemory, format!("JPEG stream: {text}"))),
        3 => Err(Error::limit(format!("JPEG stream: {text}"))),
        4 => Err(Error::unsupported(format!("JPEG stream: {text}"))),
        5 => Err(Error::corrupt(format!(
            "a JPEG stream of {} x {} pixels of {} samples in a block of {} x {} of {}",
            outcome.width, outcome.rows, outcome.components, frame.width, frame.rows, frame.bands
        ))),
        6 => Err(Error::corrupt(format!(
            "a JPEG stream of {} bits in samples of {} bytes",
            outcome.bits, frame.sample_bytes
        ))),
        _ => Err(Error::corrupt(format!(
            "the JPEG stream is damaged: {text}"
        ))),
    }
}

/// How pictures are encoded.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// Columns and rows.
    pub size: (u32, u32),
    /// Bytes of a pixel, 1 to 4.
    pub components: u32,
    /// 1 to 100.
    pub quality: u32,
    /// They are red, green and blue, and stored as luma and chroma with half the columns and rows of the latter.
    pub is_rgb: bool,
}

/// The stream of a picture, without its tables; of none, the tables alone.
pub fn encode(picture: &Picture, pixels: Option<&[u8]>) -> Result<Vec<u8>> {
    let (width, rows) = picture.size;
    let needed = width as usize * rows as usize * picture.components as usize;
    if let Some(pixels) = pixels {
        assert!(
            pixels.len() >= needed,
            "{} bytes for {needed}",
            pixels.len()
        );
    }
    // Noise of the highest quality may be longer than its pixels.
    let mut room = (4 << 10) + pixels.map_or(0, |_| needed);
    loop {
        let mut out = vec![0; room];
        let raw = RawPicture {
            pixels: pixels.map_or(std::ptr::null(), <[u8]>::as_ptr),
            out: out.as_mut_ptr(),
            out_len: out.len(),
            width,
            rows,
            components: picture.components,
            quality: picture.quality as i32,
            is_rgb: picture.is_rgb.into(),
        };
        let mut written = 0;
        // SAFETY: the struct is that of libjpeg.c; the pixels are as many as it says, and no more than `out_len` bytes
        // are written to `out`.
        match unsafe { tilecache_jpeg_encode(&raw, &mut written) } {
            0 => {
                out.truncate(written);
                return Ok(out);
            }
            2 => return Err(Error::new(Kind::NoMemory, "no memory to encode JPEG")),
            3 if room < needed.saturating_mul(16) + (64 << 10) => room *= 4,
            status => return Err(Error::internal(format!("JPEG: status {status} of libjpeg"))),
        }
    }
}
