//! Windows of images that are stored in blocks: each block over a window delivers its part.

use crate::error::Result;
use crate::geometry::{Grid, Rect};
use crate::image::Block;
use crate::memory::PixelsMut;

/// Calls `read` for each block of level 0 over a rectangle, row by row, with the part of the block
/// that is wanted and the place in `into`, which is as large as the rectangle, where it goes.
pub fn for_each_part(
    grid: &Grid,
    rect: &Rect,
    into: &mut PixelsMut<'_>,
    mut read: impl FnMut(Block, Rect, &mut PixelsMut<'_>) -> Result<()>,
) -> Result<()> {
    let (rows, cols) = grid.blocks_over(rect);
    let mut blocks = rows.flat_map(|row| cols.clone().map(move |col| (row, col)));
    blocks.try_for_each(|(row, col)| {
        let block = grid.rect(row, col);
        let shared = rect.intersection(&block);
        let Rect { width, height, .. } = shared;
        let part = Rect::new(shared.x - block.x, shared.y - block.y, width, height);
        let mut into = into.window_mut(
            (shared.x - rect.x) as usize,
            (shared.y - rect.y) as usize,
            width as usize,
            height as usize,
        );
        read(Block::new(0, row, col), part, &mut into)
    })
}
