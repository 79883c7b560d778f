//! Which blocks a source has decoded, to tell repeated decodes from first ones.

use crate::image::{Block, Image};
use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// The most bits that are kept; an image with more blocks folds them, and its count of distinct
/// blocks becomes an estimate from below.
const MAX_BITS: u64 = 1 << 23;

/// Counts decodes and remembers the blocks in a bounded bitmap.
pub struct Decoded {
    rows: u64,
    cols: u64,
    levels: u64,
    bits: OnceLock<Box<[AtomicU64]>>,
    decodes: AtomicU64,
    distinct: AtomicU64,
}

impl Decoded {
    pub fn new(image: &Image) -> Self {
        let grid = image.grid(0);
        Self {
            rows: grid.rows(),
            cols: grid.cols(),
            levels: image.levels.len() as u64,
            bits: OnceLock::new(),
            decodes: AtomicU64::new(0),
            distinct: AtomicU64::new(0),
        }
    }

    fn words(&self) -> u64 {
        let blocks = self
            .rows
            .saturating_mul(self.cols)
            .saturating_mul(self.levels);
        blocks.min(MAX_BITS).div_ceil(64)
    }

    /// The word and the bit in it that stand for a block.
    fn bit(&self, at: Block) -> (usize, u64) {
        let index = u128::from(at.level) * u128::from(self.rows) * u128::from(self.cols)
            + u128::from(at.row) * u128::from(self.cols)
            + u128::from(at.col);
        let bit = (index % u128::from(self.words() * 64)) as u64;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    /// Counts one decode.
    pub fn note(&self, at: Block) {
        let bits = self
            .bits
            .get_or_init(|| (0..self.words()).map(|_| AtomicU64::new(0)).collect());
        let (word, bit) = self.bit(at);
        self.decodes.fetch_add(1, Ordering::Relaxed);
        if bits[word].fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            self.distinct.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the block was decoded before.
    pub fn contains(&self, at: Block) -> bool {
        let (word, bit) = self.bit(at);
        self.bits
            .get()
            .is_some_and(|bits| bits[word].load(Ordering::Relaxed) & bit != 0)
    }

    /// All decodes, and the distinct blocks among them.
    pub fn counts(&self) -> (u64, u64) {
        (
            self.decodes.load(Ordering::Relaxed),
            self.distinct.load(Ordering::Relaxed),
        )
    }
}
