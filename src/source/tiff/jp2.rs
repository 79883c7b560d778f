//! Blocks that are JPEG 2000 codestreams, or JP2 files, of which no more is decoded than is wanted.

use super::ycbcr::Units;
use crate::bytes::MemoryBytes;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::layout::{Layout, Shape};
use crate::memory::{Canvas, Memory, PixelsMut};
use crate::source::Decoder;
use crate::source::jp2::{Jp2Decoder, Jp2File};
use std::sync::Arc;

/// What a codestream must contain.
pub struct Frame {
    /// Columns.
    pub width: u64,
    /// Rows, and the fewest that will do.
    pub rows: (u64, u64),
    /// Samples per pixel.
    pub bands: usize,
    /// Their type.
    pub dtype: DType,
}

/// Opens the codestream of a block.
pub fn open(stream: &[u8], frame: &Frame) -> Result<Jp2Decoder> {
    let decoder = Jp2File::open(Arc::new(MemoryBytes::new(stream)))?.into_decoder();
    let said = decoder.image();
    let (most, least) = frame.rows;
    let bands = said.band_count() as usize;
    let is_size = said.width() == frame.width && [most, least].contains(&said.height());
    if !is_size || bands != frame.bands || said.dtype != frame.dtype {
        return Err(Error::corrupt(format!(
            "a codestream of {} x {} pixels of {bands} bands of {} in a block of {} x {most} of {} of {}",
            said.width(),
            said.height(),
            said.dtype.name(),
            frame.width,
            frame.bands,
            frame.dtype.name()
        )));
    }
    Ok(decoder)
}

/// Writes part of a block of luma and chroma as the colours `picks`.
pub fn read_colours(
    decoder: &Jp2Decoder,
    units: &Units,
    part: Rect,
    picks: &[usize],
    into: &mut PixelsMut<'_>,
) -> Result<()> {
    let shape = Shape {
        width: part.width as usize,
        height: part.height as usize,
        bands: 3,
    };
    let layout = Layout::packed(shape, DType::U8)?;
    let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout);
    let mut stored = canvas.pixels_mut();
    decoder.read_window(0, part, &[0, 1, 2], &mut stored)?;
    for y in 0..shape.height {
        let rows = stored.rows_mut(y);
        units.colour(
            [&*rows[0], &*rows[1], &*rows[2]],
            picks,
            &mut into.rows_mut(y),
        );
    }
    Ok(())
}
