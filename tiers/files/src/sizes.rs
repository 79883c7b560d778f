//! What the values take, so that nobody has to look through all of them to know.

use crate::directory::SHARDS;
use std::fs::File;
use std::io::Result;
use std::os::unix::fs::FileExt;

const MAGIC: u64 = u64::from_le_bytes(*b"TCFSIZE1");
/// The magic number, the bytes of each shard, the hand, and the sum of all these.
const NUMBERS: usize = SHARDS + 3;
const BYTES: usize = NUMBERS * 8;

/// Written before values are, so that who is killed leaves one that says too much, and never too little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) shards: [u64; SHARDS],
    /// Where the next eviction goes on.
    pub(crate) hand: usize,
}

impl Sizes {
    pub(crate) fn none() -> Self {
        Self {
            shards: [0; SHARDS],
            hand: 0,
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.shards.iter().sum()
    }

    /// Nothing where they were never written, or are damaged.
    pub(crate) fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; BYTES];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let mut numbers = [0; NUMBERS];
        for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(8)) {
            *number = u64::from_le_bytes(bytes.try_into().ok()?);
        }
        let [told @ .., sum] = numbers;
        if told[0] != MAGIC || sum_of(&told) != sum {
            return None;
        }
        let mut sizes = Self::none();
        sizes.shards.copy_from_slice(&told[1..=SHARDS]);
        sizes.hand = usize::try_from(told[SHARDS + 1]).ok()? % SHARDS;
        // So that their sum is a number.
        (sizes.shards.iter().all(|&bytes| bytes < 1 << 54)).then_some(sizes)
    }

    pub(crate) fn write(&self, file: &File) -> Result<()> {
        let mut numbers = vec![MAGIC];
        numbers.extend(self.shards);
        numbers.push(self.hand as u64);
        numbers.push(sum_of(&numbers));
        let bytes: Vec<_> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        file.write_all_at(&bytes, 0)
    }
}

fn sum_of(numbers: &[u64]) -> u64 {
    let add = |sum: u64, number: &u64| sum.rotate_left(7).wrapping_add(*number);
    numbers.iter().fold(0, add)
}
