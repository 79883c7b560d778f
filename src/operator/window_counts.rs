//! When a block has been asked for windows often enough to be decoded as a whole.
//!
//! Windows of a compressed block share work: code-blocks on their edges are decoded for each of
//! them, and packet headers are read again. One is far cheaper than the block, all of them cost twice
//! as much. Nobody says beforehand how many will be wanted, so the first few are read as windows, and
//! when they exceed a small part of the block it is decoded and all its tiles are made.
//!
//! Windows of a block without compression share its rows: each reads more of them than it needs, or takes a read for each.
//! Of a low strip the second that lies beside another or is of another band costs more than to have the strip.

use crate::geometry::Rect;
use crate::image::{Block, Image, SharedWork};
use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// Windows that share work are read until they exceed this part of their block. Measured on one block of
/// 8192 x 8192, a window of 1024 x 1024 costs two to three times its share, so all tiles cost at most
/// 1 + 3/20 decodes. Others are read until they have cost what the block costs.
const PART: u64 = 20;

/// Blocks that are told apart; others share a count, which then decides too early.
const MAX_BLOCKS: u64 = 1 << 12;

/// What was asked for of each block in windows, in pixels.
#[derive(Default)]
pub struct Windows(OnceLock<Box<[AtomicU64]>>);

impl Windows {
    fn index(image: &Image, at: Block, of: u64) -> usize {
        let grid = image.grid(0);
        let row = u64::from(at.level)
            .wrapping_mul(grid.rows())
            .wrapping_add(at.row);
        (row.wrapping_mul(grid.cols()).wrapping_add(at.col) % of) as usize
    }

    /// Notes that so many pixels of a block were read as a window.
    pub fn note(&self, image: &Image, at: Block, pixels: u64) {
        let counts = self.0.get_or_init(|| {
            let grid = image.grid(0);
            let blocks = grid.rows().saturating_mul(grid.cols());
            let all = blocks.saturating_mul(image.levels.len() as u64);
            (0..all.min(MAX_BLOCKS))
                .map(|_| AtomicU64::new(0))
                .collect()
        });
        let index = Self::index(image, at, counts.len() as u64);
        counts[index].fetch_add(pixels, Ordering::Relaxed);
    }

    /// Counts the windows of a block anew.
    pub fn forget(&self, image: &Image, at: Block) {
        if let Some(counts) = self.0.get() {
            counts[Self::index(image, at, counts.len() as u64)].store(0, Ordering::Relaxed);
        }
    }

    /// Whether so many pixels more make too many.
    pub fn are_enough(&self, image: &Image, at: Block, pixels: u64) -> bool {
        let block = at.rect(image);
        let before = self.0.get().map_or(0, |counts| {
            counts[Self::index(image, at, counts.len() as u64)].load(Ordering::Relaxed)
        });
        let asked = u128::from(before) + u128::from(pixels);
        let part = match image.shared_work {
            SharedWork::Repeated => PART,
            SharedWork::None | SharedWork::Rows { .. } | SharedWork::Kept { .. } => 1,
        };
        asked * u128::from(part) > u128::from(block.width) * u128::from(block.height)
    }
}

/// How a window counts in its block, in pixels of it: while it is asked for, and afterwards.
pub struct Count {
    pub now: u64,
    pub later: u64,
}

impl Count {
    /// Of a part that is kept: its pixels, for which nobody asks again.
    pub fn of_kept(part: &Rect) -> Self {
        let pixels = part.area();
        Self {
            now: pixels,
            later: pixels,
        }
    }

    /// Of a part of which nothing is kept: what is read for it. What of that are not its own pixels is read for nothing, and
    /// once more for the window beside it or the next band, so afterwards it counts twice.
    pub fn of_passing(image: &Image, at: Block, part: &Rect) -> Self {
        let SharedWork::Rows { read } = image.shared_work else {
            return Self::of_kept(part);
        };
        let bands = match image.bands_together {
            true => image.bands.len(),
            false => 1,
        };
        let pixel_bytes = (bands * image.dtype.size()) as u64;
        let row = part.width.saturating_add(read / pixel_bytes.max(1));
        let row = row.min(at.rect(image).width);
        let all = row.saturating_mul(part.height);
        let in_vain = all.saturating_sub(part.area());
        Self {
            now: all,
            later: all.saturating_add(in_vain),
        }
    }
}
