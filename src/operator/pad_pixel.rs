//! What an operator makes of pad.

use crate::dtype::Sample;
use crate::error::Result;
use crate::image::Image;
use crate::layout::{Layout, Shape};
use crate::memory::{Canvas, Memory, PixelsMut};
use crate::tile::Tile;

/// What becomes of one pixel of pad in so many bands of `source`, if it is the same in all bands of `output`; `None` too
/// if `make`, which computes it, says that it failed.
pub fn pad_through(
    source: &Image,
    bands: usize,
    output: &Image,
    make: impl FnOnce(Tile, &mut PixelsMut<'_>) -> bool,
) -> Result<Option<Sample>> {
    let canvas = |bands: usize, dtype| {
        let shape = Shape {
            width: 1,
            height: 1,
            bands,
        };
        let layout = Layout::packed(shape, dtype)?;
        Ok(Canvas::new(Memory::zeroed(layout.span())?, layout))
    };
    let mut input = canvas(bands, source.dtype)?;
    input.pixels_mut().fill(&source.pad);
    let mut made = canvas(output.bands.len(), output.dtype)?;
    if !make(Tile::from_canvas(input), &mut made.pixels_mut()) {
        return Ok(None);
    }
    let made = Tile::from_canvas(made);
    let first = made.row(0, 0);
    let mut pad = Sample::default();
    pad.0[..first.len()].copy_from_slice(first);
    let is_same = (1..made.shape().bands).all(|band| made.row(band, 0) == first);
    Ok(is_same.then_some(pad))
}
