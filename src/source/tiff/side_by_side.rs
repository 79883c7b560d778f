//! Blocks without compression that lie beside each other under a window: their bytes are read first, so that its rows are
//! written from end to end.

use super::decoder::{TiffDecoder, Wanted};
use super::raw;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::Block;
use crate::memory::PixelsMut;
use crate::source::scratch::{Scratch, sized, with_scratch};
use smallvec::SmallVec;

/// So many bytes are read at most before they are converted: of a file, what is still in the processor's caches then.
const AT_ONCE: u64 = 1 << 20;

/// And so many rows of them at least.
const LEAST_ROWS: u64 = 32;

/// Blocks side by side, and the part of each that is wanted.
type Parts = SmallVec<[(Block, Rect); 8]>;

impl TiffDecoder {
    /// Whether a rectangle is best read so.
    pub(super) fn reads_side_by_side(&self, rect: &Rect) -> bool {
        let bytes = &*self.reader.bytes;
        let cols = self.plan.grid().blocks_over(rect).1;
        let row_bytes = self.plan.row_bytes(0);
        let all = row_bytes.saturating_mul(cols.clone().count() as u64);
        self.is_raw()
            && !self.image().sparse
            && cols.count() > 1
            && bytes.reads_are_cheap()
            && bytes.mapping().is_none()
            // Of longer rows what is not wanted is left out.
            && row_bytes <= bytes.read_cost()
            && all.saturating_mul(LEAST_ROWS) <= AT_ONCE
    }

    /// Delivers a rectangle, one row of blocks after the other.
    pub(super) fn read_side_by_side(
        &self,
        rect: &Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let grid = self.plan.grid();
        let (rows, cols) = grid.blocks_over(rect);
        let picks: SmallVec<[usize; 4]> = bands.iter().map(|band| *band as usize).collect();
        for row in rows {
            let parts = cols.clone().map(|col| {
                let block = grid.rect(row, col);
                let Rect {
                    x,
                    y,
                    width,
                    height,
                } = rect.intersection(&block);
                let part = Rect::new(x - block.x, y - block.y, width, height);
                (Block::new(0, row, col), part)
            });
            let parts: Parts = parts.collect();
            let (_, first) = parts[0];
            let above = grid.rect(row, cols.start).y + first.y - rect.y;
            let (width, height) = (rect.width as usize, first.height as usize);
            let mut into = into.window_mut(0, above as usize, width, height);
            if !self.plan.planar {
                self.read_parts(&parts, 0, &picks, &mut into)?;
                continue;
            }
            for (i, plane) in picks.iter().enumerate() {
                self.read_parts(&parts, *plane, &[0], &mut into.band_mut(i))?;
            }
        }
        Ok(())
    }

    /// Delivers parts of blocks side by side of one plane, all of the same rows.
    fn read_parts(
        &self,
        parts: &Parts,
        plane: usize,
        picks: &[usize],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let mut blocks: SmallVec<[Wanted<'_>; 8]> = SmallVec::new();
        for (at, part) in parts {
            let wanted = self.wanted(*at, *part, plane, picks).and_then(|wanted| {
                wanted.ok_or_else(|| Error::internal("an absent block of an image without such"))
            });
            blocks.push(wanted.map_err(|error| self.of_block(error, *at, plane))?);
        }
        with_scratch(|scratch| self.read_blocks(parts, &blocks, scratch, into))
    }

    /// An error, with the block that it is about.
    fn of_block(&self, error: Error, at: Block, plane: usize) -> Error {
        let error = match self.plan.planar {
            true => error.at(format!("band {plane}")),
            false => error,
        };
        error.at(self.place(at))
    }

    fn read_blocks(
        &self,
        parts: &Parts,
        blocks: &[Wanted<'_>],
        scratch: &mut Scratch,
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let Scratch {
            input, row: spare, ..
        } = scratch;
        let plane = blocks[0].plane;
        let row_bytes = self.plan.row_bytes(plane);
        let height = blocks[0].part.height;
        let at_once = (AT_ONCE / (row_bytes * blocks.len() as u64)).clamp(1, height);
        let sample = into.layout().dtype.size();
        let mut done = 0;
        while done < height {
            let count = at_once.min(height - done);
            let len = (count * row_bytes) as usize;
            let chunk = sized(input, count * row_bytes * blocks.len() as u64)?;
            for ((block, bytes), (at, _)) in
                blocks.iter().zip(chunk.chunks_exact_mut(len)).zip(parts)
            {
                let read = raw::start(self, block).and_then(|start| {
                    let start = start + done * row_bytes;
                    self.reader.bytes.read_at(start, bytes)
                });
                read.map_err(|error| self.of_block(error, *at, plane))?;
                self.turn_bits(bytes);
                let rows = bytes.chunks_exact_mut(row_bytes as usize);
                rows.for_each(|row| block.rows.restore(row, spare));
            }
            for y in 0..count {
                let mut whole = into.rows_mut((done + y) as usize);
                let mut from = 0;
                for (block, bytes) in blocks.iter().zip(chunk.chunks_exact(len)) {
                    let row = &bytes[(y * row_bytes) as usize..][..row_bytes as usize];
                    let to = from + block.part.width as usize * sample;
                    let pieces = whole.iter_mut().map(|whole| &mut whole[from..to]);
                    let mut pieces: SmallVec<[&mut [u8]; 8]> = pieces.collect();
                    let first = block.part.x as usize;
                    block.rows.store(row, first, block.picks, &mut pieces);
                    from = to;
                }
            }
            done += count;
        }
        Ok(())
    }
}
