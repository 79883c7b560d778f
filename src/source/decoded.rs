//! Which blocks a source has decoded, to tell repeated decodes from first ones.

use crate::cache::Counters;
use crate::image::{Block, Image};
use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// The most bits that are kept; an image with more blocks folds them, and its count of distinct
/// blocks becomes an estimate from below.
const MAX_BITS: u64 = 1 << 23;

/// Counts decodes and remembers the blocks in bounded bitmaps.
pub struct Decoded {
    rows: u64,
    cols: u64,
    levels: u64,
    /// The blocks that were decoded as a whole.
    whole: OnceLock<Box<[AtomicU64]>>,
    /// Those of which any part was decoded.
    touched: OnceLock<Box<[AtomicU64]>>,
    /// The blocks that were decoded as a whole and once.
    decodes: AtomicU64,
    /// What was decoded beside them, in millionths of a block.
    millionths: AtomicU64,
    distinct: AtomicU64,
}

impl Decoded {
    pub fn new(image: &Image) -> Self {
        let grid = image.grid(0);
        Self {
            rows: grid.rows(),
            cols: grid.cols(),
            levels: image.levels.len() as u64,
            whole: OnceLock::new(),
            touched: OnceLock::new(),
            decodes: AtomicU64::new(0),
            millionths: AtomicU64::new(0),
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

    /// Sets the bit of a block; says whether it was set before.
    fn set(&self, bits: &OnceLock<Box<[AtomicU64]>>, at: Block) -> bool {
        let bits = bits.get_or_init(|| (0..self.words()).map(|_| AtomicU64::new(0)).collect());
        let (word, bit) = self.bit(at);
        bits[word].fetch_or(bit, Ordering::Relaxed) & bit != 0
    }

    fn touch(&self, at: Block) {
        if !self.set(&self.touched, at) {
            self.distinct.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes that a block is being decoded.
    pub fn note(&self, at: Block) {
        self.set(&self.whole, at);
        self.touch(at);
    }

    /// Notes that a part of a block is being decoded.
    pub fn note_part(&self, at: Block) {
        self.touch(at);
    }

    /// Counts what was decoded, in blocks.
    pub fn count(&self, blocks: f64) {
        let millionths = (blocks * 1e6).round() as u64;
        match millionths {
            1_000_000 => self.decodes.fetch_add(1, Ordering::Relaxed),
            _ => self.millionths.fetch_add(millionths, Ordering::Relaxed),
        };
    }

    /// Whether the block was decoded before, all of it at once.
    pub fn contains(&self, at: Block) -> bool {
        let (word, bit) = self.bit(at);
        self.whole
            .get()
            .is_some_and(|bits| bits[word].load(Ordering::Relaxed) & bit != 0)
    }

    /// What was decoded so far.
    pub fn counters(&self) -> Counters {
        Counters {
            decodes: self.decodes.load(Ordering::Relaxed),
            decoded_millionths: self.millionths.load(Ordering::Relaxed),
            distinct_decodes: self.distinct.load(Ordering::Relaxed),
            ..Counters::default()
        }
    }
}
