//! Grids: the cells that were divided last, for tiles that are made again and for the mask beside the pixels.
//!
//! A transformation may read images. What was divided before these changed is forgotten.

use super::cells::{Leaf, Rules, divide};
use crate::cache::{Followed, Moment};
use crate::error::Result;
use crate::provider::Request;
use hashlink::LruCache;
use parking_lot::Mutex;
use std::sync::Arc;

/// Bytes of cells that are kept.
const MOST_BYTES: usize = 4 << 20;

/// A cell: level of the output, row and column.
type Place = (u32, u64, u64);

/// Cells that are divided, the latest ones of them kept.
pub struct Grids {
    kept: Mutex<Kept>,
    /// What the transformation reads.
    read: Followed,
}

struct Kept {
    cells: LruCache<Place, Arc<Vec<Leaf>>>,
    bytes: usize,
    /// Of what generation of what the transformation reads.
    generation: Option<Moment>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            cells: LruCache::new_unbounded(),
            bytes: 0,
            generation: None,
        }
    }
}

/// What a cell takes, with its place in the list.
fn bytes(leaves: &[Leaf]) -> usize {
    size_of_val(leaves) + 128
}

impl Kept {
    /// Forgets the cells of another generation.
    fn follow(&mut self, generation: Option<Moment>) {
        if self.generation != generation {
            *self = Self {
                generation,
                ..Self::default()
            };
        }
    }

    fn keep(&mut self, place: Place, leaves: Arc<Vec<Leaf>>) {
        self.bytes += bytes(&leaves);
        if let Some(before) = self.cells.insert(place, leaves) {
            self.bytes -= bytes(&before);
        }
        while self.bytes > MOST_BYTES {
            let Some((_, oldest)) = self.cells.remove_lru() else {
                break;
            };
            self.bytes -= bytes(&oldest);
        }
    }
}

impl Grids {
    /// None so far, by a transformation that reads what is followed.
    pub fn new(read: Followed) -> Self {
        Self {
            kept: Mutex::default(),
            read,
        }
    }

    /// The leaves of cells of a level of the output, which has `size`; those that are not kept are divided at once,
    /// for a transformation is asked for many points rather than often.
    pub fn leaves(
        &self,
        level: u32,
        size: (u64, u64),
        cells: &[(u64, u64)],
        rules: &Rules<'_>,
        request: &Request<'_>,
    ) -> Result<Vec<Arc<Vec<Leaf>>>> {
        // Before anything is read: what changes meanwhile is not kept.
        let generation = self.read.generation();
        let mut found: Vec<Option<Arc<Vec<Leaf>>>> = {
            let mut kept = self.kept.lock();
            kept.follow(generation);
            let find = |(row, col): &(u64, u64)| kept.cells.get(&(level, *row, *col)).cloned();
            cells.iter().map(find).collect()
        };
        let missing = cells
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none());
        let missing: Vec<(u64, u64)> = missing.map(|(cell, _)| *cell).collect();
        // No lock is held while a transformation runs.
        let mut divided = divide(rules, size, &missing, request)?
            .into_iter()
            .map(Arc::new);
        let mut made = missing.iter();
        let mut kept = self.kept.lock();
        let is_kept = generation.is_some() && kept.generation == generation;
        for place in &mut found {
            if place.is_none()
                && let (Some(leaves), Some((row, col))) = (divided.next(), made.next())
            {
                if is_kept {
                    kept.keep((level, *row, *col), leaves.clone());
                }
                *place = Some(leaves);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::georef::Affine;
    use crate::operator::warped::cells::Level;
    use crate::transform::affine;

    #[test]
    fn what_is_kept_is_bounded() {
        let transform = affine(Affine::IDENTITY).unwrap();
        let rules = Rules {
            transform: &*transform,
            step: 1.0,
            max_error: 0.125,
            levels: &[Level {
                number: 0,
                factor: (1.0, 1.0),
            }],
            fixed: None,
            scale: (0.0, 0.0),
            period: None,
        };
        let grids = Grids::new(Followed::new([""; 0]));
        let side = 1 << 20;
        for row in 0..300 {
            let cells: Vec<_> = (0..100).map(|col| (row, col)).collect();
            let leaves = grids
                .leaves(0, (side, side), &cells, &rules, &Request::new())
                .unwrap();
            assert!(leaves.iter().all(|leaves| leaves.len() == 1));
        }
        let kept = grids.kept.lock();
        let all: usize = kept.cells.iter().map(|(_, leaves)| bytes(leaves)).sum();
        assert_eq!(kept.bytes, all);
        assert!(all <= MOST_BYTES && all > MOST_BYTES - 1000, "{all}");
        assert!(kept.cells.peek(&(0, 299, 99)).is_some());
    }
}
