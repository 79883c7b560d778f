//! Buffers that somebody else is to get when they go, and the part of the budget that is theirs on the way.

use super::{ASIDE_DIVISOR, ENTRY_BYTES, STEPS_PER_TURN, Store};
use crate::cache::eviction_order::Slot;
use crate::memory::Buffer;
use crate::tile::{Pixels, Tile};

/// What it takes to know who gets a buffer, in parts of [`ENTRY_BYTES`].
pub(super) fn bequest_of(buffer: &Buffer) -> u8 {
    let parts = buffer.bequest_bytes().div_ceil(ENTRY_BYTES as usize);
    u8::try_from(parts).unwrap_or(u8::MAX)
}

impl Store {
    /// Sets so many bytes of the budget aside, at most a quarter of it; to be called before there are tiles.
    pub fn set_aside(&mut self, bytes: u64) {
        self.aside_wanted = bytes;
        self.aside = self.aside_of(self.budget);
    }

    /// What is set aside now.
    pub fn aside(&self) -> u64 {
        self.aside
    }

    pub(super) fn aside_of(&self, budget: u64) -> u64 {
        self.aside_wanted.min(budget / ASIDE_DIVISOR)
    }

    /// Holds those of the next buffers that have an heir, and says where to go on.
    pub fn hold_bequeathed(&self, from: Slot) -> (Vec<Tile>, Option<Slot>) {
        let all = self.records.capacity();
        let end = all.min(from as usize + STEPS_PER_TURN);
        let held = (from as usize..end).filter_map(|slot| {
            let buffer = &self.records.get(slot)?.buffer;
            let layout = buffer.bequeathed()?;
            Some(Tile::hold(Pixels::new(buffer.clone(), layout)))
        });
        (held.collect(), (end < all).then_some(end as Slot))
    }
}
