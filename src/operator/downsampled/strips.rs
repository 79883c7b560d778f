//! Strips: the rows of a level, read some at a time.

use super::ladder::Rung;
use crate::cache::Scratch;
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::{Bands, Block};
use crate::provider::{Provider, Request, tile_bytes};
use crate::resample::{Feed, Rows};
use crate::tile::Tile;
use crate::window::read_tile;
use std::ops::Range;
use std::sync::Arc;

/// What is read of a level.
#[derive(Clone, Debug)]
pub struct Plan {
    pub columns: Range<u64>,
    pub rows: Range<u64>,
    /// How many rows may be there at once, where fewer do not cost more.
    pub most: u64,
}

impl Plan {
    fn rect(&self, rows: &Range<u64>) -> Rect {
        let width = self.columns.end - self.columns.start;
        Rect::new(self.columns.start, rows.start, width, rows.end - rows.start)
    }

    /// The strip that begins with a row: whole rows of blocks as far as they may be there, else as much of one as its
    /// blocks allow.
    pub fn strip(&self, image: &dyn Provider, from: u64) -> Rect {
        let grid = image.image().grid(0);
        let block_rows = |row: u64| {
            let (rows, cols) = grid.blocks_over(&self.rect(&(row..row + 1)));
            let rect = grid.rect(rows.start, cols.start);
            rect.y..rect.bottom()
        };
        let end = from.saturating_add(self.most.max(1)).min(self.rows.end);
        let first = block_rows(from).end.min(self.rows.end);
        let end = match first <= end {
            true if end == self.rows.end => end,
            true => {
                let last = block_rows(end - 1);
                let whole = if last.end <= end {
                    last.end
                } else {
                    last.start
                };
                whole.max(first)
            }
            false => (from + self.part(image, from)).clamp(end, first),
        };
        self.rect(&(from..end))
    }

    /// How many rows to read at once, where a row of blocks is higher than the rows that may be there.
    ///
    /// Few, if the blocks stay in a cache until the last of their rows is read. Without that all of them, for each part
    /// would decode the blocks again; but where a cache could keep each block and not the row, no more than it could.
    fn part(&self, image: &dyn Provider, from: u64) -> u64 {
        let Some(cache) = image.cache() else {
            return u64::MAX >> 1;
        };
        let described = image.image();
        let row = self.rect(&(from..from + 1));
        let cells = described.grid(0).cells_over(&row);
        let blocks =
            cells.map(|(row, col)| tile_bytes(described, Block::new(0, row, col), &Bands::ALL));
        let (largest, all) = blocks.fold((0, 0u64), |(largest, all), bytes| {
            (bytes.max(largest), all.saturating_add(bytes))
        });
        let room = cache.unread_share();
        let pixel = (described.dtype.size() * described.bands.len()) as u64;
        match room {
            room if all <= room => self.most,
            room if largest <= room => room / 2 / pixel.saturating_mul(row.width).max(1),
            _ => u64::MAX >> 1,
        }
    }
}

/// The rows of a level and of its mask.
pub struct Strips<'a> {
    rung: &'a Rung,
    plan: Plan,
    memory: Memory<'a>,
    pixels: Strip,
    mask: Strip,
}

/// Where pixels that go by have their memory.
#[derive(Clone, Copy)]
struct Memory<'a> {
    request: &'a Request<'a>,
    scratch: &'a Scratch<'a>,
}

/// What was read last.
#[derive(Default)]
struct Strip(Option<(Range<u64>, Tile)>);

impl Strip {
    /// The tile with a row, and the row's place in it.
    fn at(
        &mut self,
        y: u64,
        image: &Arc<dyn Provider>,
        plan: &Plan,
        memory: Memory<'_>,
    ) -> Result<(&Tile, usize)> {
        let strip = match self.0.take() {
            Some(strip) if strip.0.contains(&y) => strip,
            before => {
                self.0 = before;
                self.end(memory);
                memory.request.check_cancelled()?;
                let rect = plan.strip(&**image, y);
                let tile = read_tile(image, 0, rect, &Bands::ALL, memory.request)?;
                (rect.y..rect.bottom(), tile)
            }
        };
        let (rows, tile) = self.0.insert(strip);
        Ok((tile, (y - rows.start) as usize))
    }

    /// Gives its memory back.
    fn end(&mut self, memory: Memory<'_>) {
        if let Some((_, tile)) = self.0.take() {
            memory.scratch.reclaim(tile);
        }
    }
}

impl<'a> Strips<'a> {
    /// The rows that `plan` names.
    pub fn new(
        rung: &'a Rung,
        plan: Plan,
        request: &'a Request<'a>,
        scratch: &'a Scratch<'a>,
    ) -> Self {
        Self {
            rung,
            plan,
            memory: Memory { request, scratch },
            pixels: Strip::default(),
            mask: Strip::default(),
        }
    }

    /// Gives all memory back.
    pub fn end(mut self) {
        self.pixels.end(self.memory);
        self.mask.end(self.memory);
    }
}

impl Feed for Strips<'_> {
    fn row(&mut self, y: u64) -> Result<(Rows<'_>, Option<&[u8]>)> {
        let (plan, memory) = (&self.plan, self.memory);
        let (tile, row) = self.pixels.at(y, &self.rung.image, plan, memory)?;
        let rows = (0..tile.shape().bands).map(|band| tile.row(band, row));
        let mask = match &self.rung.mask {
            Some(mask) => {
                let (tile, row) = self.mask.at(y, mask, plan, memory)?;
                Some(tile.row(0, row))
            }
            None => None,
        };
        Ok((rows.collect(), mask))
    }
}
