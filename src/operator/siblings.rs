//! Which tiles to make beside the one asked for, because the same blocks hold them.

use crate::geometry::Rect;
use crate::image::{Block, Image, MAX_LEVELS};
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::tile::Tile;
use std::ops::Range;
use std::sync::OnceLock;

/// The rows and columns of the blocks over a rectangle.
pub type BlockRange = (Range<u64>, Range<u64>);

fn within(inner: &BlockRange, outer: &BlockRange) -> bool {
    let inside = |a: &Range<u64>, b: &Range<u64>| b.start <= a.start && a.end <= b.end;
    inside(&inner.0, &outer.0) && inside(&inner.1, &outer.1)
}

/// The tiles that the blocks of the tile `asked` hold completely, without itself: first those after
/// it in row order, then those before it, nearest first.
pub fn siblings<'a>(
    tiles: &'a Image,
    blocks: &'a Image,
    block_level: u32,
    asked: Block,
) -> (
    impl Iterator<Item = Block> + 'a,
    impl Iterator<Item = Block> + 'a,
) {
    let grid = tiles.grid(asked.level);
    let of_blocks = blocks.grid(block_level);
    let range = move |rect: &Rect| of_blocks.blocks_over(rect);
    let own = range(&grid.rect(asked.row, asked.col));
    let first = of_blocks.rect(own.0.start, own.1.start);
    let last = of_blocks.rect(own.0.end - 1, own.1.end - 1);
    let area = Rect::new(
        first.x,
        first.y,
        last.right() - first.x,
        last.bottom() - first.y,
    );
    let (rows, cols) = grid.blocks_over(&area);
    let complete = move |row: u64, col: u64| {
        let rect = grid.rect(row, col);
        !rect.is_empty() && within(&range(&rect), &own)
    };
    let level = asked.level;
    let forward = {
        let (rows, cols, complete) = (asked.row..rows.end, cols.clone(), complete.clone());
        rows.flat_map(move |row| cols.clone().map(move |col| (row, col)))
            .filter(move |at| *at > (asked.row, asked.col))
            .filter(move |(row, col)| complete(*row, *col))
            .map(move |(row, col)| Block::new(level, row, col))
    };
    let backward = (rows.start..asked.row + 1)
        .rev()
        .flat_map(move |row| cols.clone().rev().map(move |col| (row, col)))
        .filter(move |at| *at < (asked.row, asked.col))
        .filter(move |(row, col)| complete(*row, *col))
        .map(move |(row, col)| Block::new(level, row, col));
    (forward, backward)
}

/// The tiles of a provider.
pub struct Tiles {
    /// Rows and columns.
    pub grid: (u64, u64),
    /// Level by level, whether some need the same block. Where none do, no tile is made beside another, and what was
    /// served need not be noted pass by pass.
    pub share_blocks: Box<[bool]>,
}

/// Which tiles of each level were served in the pass that is going on. A tile already served is not
/// worth making again before the others had their turn.
///
/// Only a hint: threads that note tiles at the end of a pass may find some of it forgotten.
pub struct Served {
    /// What tiles of each level that were served in this pass are marked with; never 0.
    marks: [AtomicU32; MAX_LEVELS],
    passes: [OnceLock<Pass>; MAX_LEVELS],
}

struct Pass {
    bits: Box<[AtomicU64]>,
    count: AtomicU64,
}

impl Default for Served {
    fn default() -> Self {
        Self {
            marks: std::array::from_fn(|_| AtomicU32::new(1)),
            passes: Default::default(),
        }
    }
}

/// Levels with more tiles are not tracked.
const MAX_TILES: u64 = 1 << 20;

impl Served {
    /// The word and the bit that stand for a tile of a grid with so many rows and columns, and how
    /// many tiles there are.
    fn bit((rows, cols): (u64, u64), at: Block) -> Option<(usize, u64, u64)> {
        let tiles = rows.checked_mul(cols).filter(|tiles| *tiles <= MAX_TILES)?;
        let index = at.row * cols + at.col;
        Some(((index / 64) as usize, 1 << (index % 64), tiles))
    }

    /// Notes that a tile was served; after the last of its level the next pass begins, where tiles share blocks. A
    /// tile out of a cache has a mark of it, by which most tiles of a warm cache are known at once.
    #[inline(always)]
    pub fn note_tile(&self, tiles: &Tiles, at: &Block, tile: &Tile) {
        let mark = self.marks.get(at.level as usize);
        let is_known = |mark: &AtomicU32| mark.load(Ordering::Relaxed) == u32::from(tile.mark());
        if !mark.is_some_and(is_known) {
            self.note_first(tiles, at, tile);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_first(&self, tiles: &Tiles, at: &Block, tile: &Tile) {
        let level = at.level as usize;
        if let (Some(mark), Some(share)) = (self.marks.get(level), tiles.share_blocks.get(level)) {
            tile.set_mark(mark.load(Ordering::Relaxed) as u16);
            self.note_in(tiles.grid, *at, *share);
        }
    }

    /// [`Served::note_tile`] without a mark.
    #[inline(always)]
    pub fn note(&self, grid: (u64, u64), at: Block) {
        self.note_in(grid, at, true);
    }

    /// Notes a tile of a level that has passes, or is only ever served.
    #[inline(always)]
    fn note_in(&self, grid: (u64, u64), at: Block, has_passes: bool) {
        let Some((word, bit, tiles)) = Self::bit(grid, at) else {
            return;
        };
        let level = at.level as usize;
        let pass = self.passes[level].get_or_init(|| Pass {
            bits: (0..tiles.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            count: AtomicU64::new(0),
        });
        let known = pass.bits[word].load(Ordering::Relaxed) & bit != 0;
        if known || pass.bits[word].fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return;
        }
        if has_passes && pass.count.fetch_add(1, Ordering::Relaxed) + 1 >= tiles {
            pass.count.store(0, Ordering::Relaxed);
            let words = pass.bits.iter();
            words.for_each(|word| word.store(0, Ordering::Relaxed));
            let mark = &self.marks[level];
            let next = mark.load(Ordering::Relaxed) % u32::from(u16::MAX) + 1;
            mark.store(next, Ordering::Relaxed);
        }
    }

    /// Whether a tile was served in this pass.
    pub fn contains(&self, grid: (u64, u64), at: Block) -> bool {
        Self::bit(grid, at).is_some_and(|(word, bit, _)| {
            let pass = self.passes[at.level as usize].get();
            pass.is_some_and(|pass| pass.bits[word].load(Ordering::Relaxed) & bit != 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;

    #[test]
    fn siblings_need_no_other_blocks_and_those_to_come_are_first() {
        let (mut tiles, mut blocks) = (
            Image::new(384, 128, 1, DType::U8),
            Image::new(384, 128, 1, DType::U8),
        );
        (tiles.block, blocks.block) = ((64, 64), (96, 128));
        let of = |row, col| {
            let (forward, backward) = siblings(&tiles, &blocks, 0, Block::new(0, row, col));
            let places = |at: Block| (at.row, at.col);
            let forward: Vec<_> = forward.map(places).collect();
            (forward, backward.map(places).collect::<Vec<_>>())
        };
        // A block and a half below the other: the tile in the middle needs two of them.
        assert_eq!(of(0, 0), (vec![(1, 0)], vec![]));
        assert_eq!(
            of(0, 1),
            (vec![(0, 2), (1, 0), (1, 1), (1, 2)], vec![(0, 0)])
        );
        assert_eq!(
            of(1, 1),
            (vec![(1, 2)], vec![(1, 0), (0, 2), (0, 1), (0, 0)])
        );
    }
}
