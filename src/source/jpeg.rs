//! Blocks that are JPEG streams, abbreviated ones whose tables stand in the directory included.

use super::scratch::sized;
use crate::error::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

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
    /// The three or four samples are to be returned as red, green and blue.
    pub to_rgb: bool,
}

const START: [u8; 2] = [0xff, 0xd8];
const END: [u8; 2] = [0xff, 0xd9];

/// Decodes a stream into `out`, interleaved rows of `frame.width` pixels without gaps.
pub fn decode(tables: &[u8], stream: &[u8], frame: &Frame, out: &mut Vec<u8>) -> Result<()> {
    let whole;
    let stream = if tables.is_empty() {
        stream
    } else {
        whole = with_tables(tables, stream)?;
        &whole
    };
    let space = match frame.bands {
        1 => ColorSpace::Luma,
        2 => ColorSpace::LumaA,
        3 | 4 if frame.to_rgb => ColorSpace::RGB,
        _ => ColorSpace::YCbCr,
    };
    let options = DecoderOptions::default()
        .set_max_width(frame.width)
        .set_max_height(frame.most_rows)
        // Damage must be an error and not gray pixels. Two components are no standard colour space,
        // which the decoder forgives only when it is not strict.
        .set_strict_mode(frame.bands != 2)
        .jpeg_set_out_colorspace(space);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    decoder.decode_headers().map_err(failed)?;
    let info = decoder
        .info()
        .ok_or_else(|| Error::corrupt("the JPEG stream has no header"))?;
    let (width, rows) = (usize::from(info.width), usize::from(info.height));
    if width != frame.width
        || !(frame.rows..=frame.most_rows).contains(&rows)
        || usize::from(info.components) != frame.bands
    {
        return Err(Error::corrupt(format!(
            "a JPEG stream of {width} x {rows} pixels of {} samples in a block of {} x {} of {}",
            info.components, frame.width, frame.rows, frame.bands
        )));
    }
    if space == ColorSpace::YCbCr {
        // Asking for what is there leaves the samples as they are. Of three samples the decoder takes
        // Adobe's number for inks first, and for red, green and blue when it decodes.
        let stored = match decoder.input_colorspace() {
            Some(ColorSpace::CMYK) if frame.bands == 3 => ColorSpace::RGB,
            stored => stored.unwrap_or(space),
        };
        decoder.set_options(options.jpeg_set_out_colorspace(stored));
    }
    let bands = if frame.to_rgb { 3 } else { frame.bands };
    let out = sized(out, (width * rows * bands) as u64)?;
    // The decoder is found to answer damage with errors. Should it panic all the same, this block
    // is lost and nothing else; the decoder is not used again.
    catch_unwind(AssertUnwindSafe(|| decoder.decode_into(out)))
        .map_err(|_| Error::corrupt("the JPEG stream is damaged beyond what the decoder expects"))?
        .map_err(failed)
}

/// One stream out of the shared tables and a block's own part.
fn with_tables(tables: &[u8], stream: &[u8]) -> Result<Vec<u8>> {
    let body = tables
        .strip_prefix(&START)
        .ok_or_else(|| Error::corrupt("the JPEG tables do not begin like a JPEG stream"))?;
    let body = body.strip_suffix(&END).unwrap_or(body);
    let rest = stream
        .strip_prefix(&START)
        .ok_or_else(|| Error::corrupt("the block does not begin like a JPEG stream"))?;
    Ok([&START, body, rest].concat())
}

fn failed(error: DecodeErrors) -> Error {
    // The decoder puts some of its texts in quotes and ends others with a new line.
    let text = format!("{error:?}");
    let text = text.trim().trim_matches('"');
    match error {
        DecodeErrors::Unsupported(_) => Error::unsupported(format!("JPEG stream: {text}")),
        _ => Error::corrupt(format!("the JPEG stream is damaged: {text}")),
    }
}
