//! Blocks that are WebP pictures.

use crate::error::{Error, Result};
use crate::source::scratch::zeroed;
use image_webp::{DecodingError, WebPDecoder};
use std::io::Cursor;

/// Decodes a picture into `out`: rows of `size.0` pixels of three or four samples without gaps. One without
/// opacity is opaque.
pub fn decode(stream: &[u8], size: (u64, u64), bands: usize, out: &mut [u8]) -> Result<()> {
    let mut decoder = WebPDecoder::new(Cursor::new(stream)).map_err(damaged)?;
    let (width, rows) = decoder.dimensions();
    let stored = if decoder.has_alpha() { 4 } else { 3 };
    // Memory is taken for the frame before its size is compared with that of the picture.
    let framed = lossy_frame(stream).unwrap_or((width, rows));
    if (u64::from(width), u64::from(rows)) != size || stored > bands || framed != (width, rows) {
        return Err(Error::corrupt(format!(
            "a WebP picture of {width} x {rows} pixels of {stored} samples, its frame of {} x {}, in a block \
             of {} x {} of {bands}",
            framed.0, framed.1, size.0, size.1
        )));
    }
    if decoder.is_animated() {
        return Err(Error::unsupported("a WebP animation in a block"));
    }
    if stored == bands {
        return decoder.read_image(out).map_err(damaged);
    }
    let mut pixels = zeroed(size.0 * size.1 * stored as u64)?;
    decoder.read_image(&mut pixels).map_err(damaged)?;
    for (to, from) in out.chunks_exact_mut(4).zip(pixels.chunks_exact(3)) {
        to.copy_from_slice(&[from[0], from[1], from[2], 255]);
    }
    Ok(())
}

/// Columns and rows of the frame of lossy pixels, if there is one.
fn lossy_frame(stream: &[u8]) -> Option<(u32, u32)> {
    let mut rest = stream.get(12..)?;
    loop {
        let (head, body) = rest.split_first_chunk::<8>()?;
        let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if head.starts_with(b"VP8 ") {
            let side = |at: usize| {
                let bytes = body.get(at..at + 2)?;
                Some(u32::from(u16::from_le_bytes([bytes[0], bytes[1]]) & 0x3fff))
            };
            return Some((side(6)?, side(8)?));
        }
        rest = body.get(len.checked_add(len % 2)?..)?;
    }
}

fn damaged(error: DecodingError) -> Error {
    match error {
        DecodingError::UnsupportedFeature(what) => Error::unsupported(format!("WebP: {what}")),
        error => Error::corrupt(format!("the WebP data are damaged: {error}")),
    }
}
