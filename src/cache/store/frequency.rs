//! By option: what was used at one time only goes before what is used again and again.
//!
//! After S3-FIFO (Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023), by moments of use
//! alone, for a hit counts nothing. A new buffer is on probation. When it is first in line there and was used again,
//! it stands among those that are; a use soon after it was made says nothing, for neighbouring tiles and views
//! ask for the same at about the same time. Probation gives as long as it takes more than a tenth of the
//! budget, and then the others do. What was evicted and is asked for again soon is not put on probation again.

use super::Store;
use crate::cache::eviction_order::{Place, Slot};
use crate::cache::index::Cell;
use crate::cache::stamp::{self, Stamp};
use crate::sync::Hashing;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::hash::BuildHasher;

/// The share of the budget, as a divisor, up to which probation gives nothing.
const PROBATION_DIVISOR: u64 = 10;

/// As many misses as this part of the tiles, as a divisor, lie between two uses that count as two.
const APART_DIVISOR: u64 = 20;

/// As many evicted tiles as this part of those that are there are remembered: those that return later are not
/// asked for more often than new ones.
const REMEMBERED_DIVISOR: usize = 4;

/// Tiles that were evicted lately.
#[derive(Default)]
pub(super) struct Evicted {
    hashing: Hashing,
    /// By hashes of cells, the number of the eviction; two cells of one hash are taken for one.
    latest: HashMap<u32, u32, Hashing>,
    /// Evictions in their order, with those of tiles that came back since.
    order: VecDeque<(u32, u32)>,
    count: u32,
}

impl Evicted {
    /// Remembers one, and at most so many.
    fn remember(&mut self, cell: &Cell, most: usize) {
        let hash = self.hash(cell);
        self.count = self.count.wrapping_add(1);
        self.latest.insert(hash, self.count);
        self.order.push_back((hash, self.count));
        while self.order.len() > most
            && let Some((hash, count)) = self.order.pop_front()
        {
            if self.latest.get(&hash) == Some(&count) {
                self.latest.remove(&hash);
            }
        }
        if self.order.capacity() > 64 + 4 * most {
            self.order.shrink_to_fit();
            self.latest.shrink_to_fit();
        }
    }

    /// Forgets one; says whether it was remembered.
    fn take(&mut self, cell: &Cell) -> bool {
        !self.latest.is_empty() && self.latest.remove(&self.hash(cell)).is_some()
    }

    fn hash(&self, cell: &Cell) -> u32 {
        self.hashing.hash_one(cell) as u32
    }
}

impl Store {
    /// Where a buffer stands in line that was used, or used again.
    pub(super) fn place_by_uses(&self, is_again: bool) -> Place {
        match self.evicted {
            Some(_) if !is_again => Place::Once,
            _ => Place::Used,
        }
    }

    /// Whether what is on probation goes before what was used again.
    pub(super) fn is_probation_over(&self) -> bool {
        self.once > self.budget / PROBATION_DIVISOR
    }

    /// Learns that a buffer whose use at `recorded` was known was used at `latest`.
    pub(super) fn note_again(&mut self, slot: Slot, recorded: Stamp, latest: Stamp) {
        let apart = self.records.len() as u64 / APART_DIVISOR;
        if self.evicted.is_some()
            && stamp::is_use(recorded)
            && latest > recorded
            && stamp::misses_between(recorded, latest) >= apart
        {
            self.records[slot as usize].is_again = true;
        }
    }

    /// Remembers a used buffer that is about to be evicted, by the cell that it was made for.
    pub(super) fn remember_evicted(&mut self, slot: Slot, place: Place, last_use: Stamp) {
        if self.evicted.is_none() || place == Place::Cheap || !stamp::is_use(last_use) {
            return;
        }
        let Some(made_for) = self.entries_of(slot).last() else {
            return;
        };
        let cell = self.index.cell(made_for);
        let most = self.records.len() / REMEMBERED_DIVISOR;
        if let Some(evicted) = &mut self.evicted {
            evicted.remember(&cell, most);
        }
    }

    /// Whether what is made for a cell was evicted a short while ago.
    pub(super) fn returns(&mut self, cell: &Cell) -> bool {
        let evicted = self.evicted.as_mut();
        evicted.is_some_and(|evicted| evicted.take(cell))
    }
}
