//! When a block has been asked for windows often enough to be decoded as a whole.
//!
//! Windows of a compressed block share work: code-blocks on their edges are decoded for each of
//! them, and packet headers are read again. One is far cheaper than the block, all of them cost twice
//! as much. Nobody says beforehand how many will be wanted, so the first few are read as windows, and
//! when they exceed a small part of the block it is decoded and all its tiles are made.

use crate::geometry::Rect;
use crate::image::{Block, Image, SharedWork};
use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// Windows that share work are read until they exceed this part of their block. Measured on one block of
/// 8192 x 8192, a window of 1024 x 1024 costs two to three times its share, so all tiles cost at most
/// 1 + 3/20 decodes. Windows that share nothing are read until they have cost what the block costs.
const PART: u64 = 20;

/// Blocks that are told apart; others share a count, which then decides too early.
const MAX_BLOCKS: u64 = 1 << 12;

/// The pixels of each block that were asked for in windows.
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

    /// Notes that a part of a block was read as a window.
    pub fn note(&self, image: &Image, at: Block, part: &Rect) {
        let counts = self.0.get_or_init(|| {
            let grid = image.grid(0);
            let blocks = grid.rows().saturating_mul(grid.cols());
            let all = blocks.saturating_mul(image.levels.len() as u64);
            (0..all.min(MAX_BLOCKS))
                .map(|_| AtomicU64::new(0))
                .collect()
        });
        let index = Self::index(image, at, counts.len() as u64);
        counts[index].fetch_add(part.width * part.height, Ordering::Relaxed);
    }

    /// Counts the windows of a block anew.
    pub fn forget(&self, image: &Image, at: Block) {
        if let Some(counts) = self.0.get() {
            counts[Self::index(image, at, counts.len() as u64)].store(0, Ordering::Relaxed);
        }
    }

    /// Whether one more window makes too many.
    pub fn are_enough(&self, image: &Image, at: Block, part: &Rect) -> bool {
        let block = at.rect(image);
        let before = self.0.get().map_or(0, |counts| {
            counts[Self::index(image, at, counts.len() as u64)].load(Ordering::Relaxed)
        });
        let asked = u128::from(before) + u128::from(part.width) * u128::from(part.height);
        let part = match image.shared_work {
            SharedWork::Repeated => PART,
            SharedWork::None | SharedWork::Kept { .. } => 1,
        };
        asked * u128::from(part) > u128::from(block.width) * u128::from(block.height)
    }
}
