//! Blocks that are JPEG streams, abbreviated ones whose tables stand in the directory included.
//!
//! They are decoded by libjpeg-turbo, with its default transform (the exact integer one) and its
//! default interpolation of subsampled colours, so that samples are those of GDAL and libtiff. A stream
//! that is damaged in its midst gives the pixels that these give; one whose pixels end too early is
//! an error, for what libjpeg puts in their place is gray.

mod libjpeg;
mod sof;

pub(crate) use libjpeg::{Picture, encode};
pub use sof::{Sof, check_coding};

use super::scratch::sized;
use crate::error::{Error, Result};

/// The most scans of a stream, as in GDAL: each takes the time of a whole image.
const MOST_SCANS: i32 = 100;

/// The most bytes that a stream of several scans may take for its coefficients.
const MOST_MEMORY: i64 = 4 << 30;

/// What the samples of a stream are delivered as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// What is stored, whatever it is.
    AsStored,
    /// The same, with samples of which there are fewer repeated and not interpolated.
    AsStoredRepeated,
    /// The three are luma and chroma, and become red, green and blue.
    FromYCbCr,
    /// What the stream's own markers and numbers of components say, as libjpeg reads them, decides:
    /// three become red, green and blue, four become inks.
    AsMarked,
}

/// What a stream must contain.
pub struct Frame {
    /// Columns.
    pub width: usize,
    /// Rows; a last strip may be filled up to `most_rows`.
    pub rows: usize,
    /// Rows of a full block.
    pub most_rows: usize,
    /// Samples per pixel.
    pub bands: usize,
    /// Bytes of a sample: 2 where it has more than 8 bits.
    pub sample_bytes: usize,
    /// What they become.
    pub colours: Colours,
}

/// Decodes a stream into `out`, interleaved rows of `frame.width` pixels without gaps.
pub fn decode(tables: &[u8], stream: &[u8], frame: &Frame, out: &mut Vec<u8>) -> Result<()> {
    if stream.is_empty() {
        return Err(Error::corrupt("an empty JPEG stream"));
    }
    if let Some(sof) = Sof::find(stream) {
        check_coding(sof.coding, sof.bits)?;
    }
    let samples = frame.width as u64 * frame.most_rows as u64 * frame.bands as u64;
    let bytes = samples * frame.sample_bytes as u64;
    libjpeg::decode(tables, stream, frame, sized(out, bytes)?)
}
