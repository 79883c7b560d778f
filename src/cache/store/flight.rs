//! The memory that tiles are made in: in flight while they are made, and kept for the next ones when they have gone.

use super::{RecycledMemory, Room, Store};
use crate::cache::key::KeyId;
use crate::memory::Memory;

/// The share of the budget, as a divisor, that memory kept for reuse may take.
const REUSABLE_DIVISOR: u64 = 16;

impl Store {
    /// Keeps memory that nobody has any more, if there is any, for the next tiles, as far as the budget has room for it.
    pub fn recycle(&mut self, memory: impl Into<Option<Memory>>) {
        let Some(memory) = memory.into() else {
            return;
        };
        let size = memory.size() as u64;
        let others = self.taken() - self.pool.bytes();
        let most = (self.budget / REUSABLE_DIVISOR).min(self.budget.saturating_sub(others));
        if size > most {
            self.garbage.memory.push(memory);
            return;
        }
        self.trim_pool(most - size);
        let gone = self.pool.put(memory);
        self.garbage.memory.extend(gone);
    }

    /// Gives memory that is kept for reuse away, but for so many bytes.
    pub(super) fn trim_pool(&mut self, keep: u64) {
        while self.pool.bytes() > keep
            && let Some(memory) = self.pool.shed()
        {
            self.garbage.memory.push(memory);
        }
    }

    /// Memory of just `size` bytes that was kept for reuse, counted as in flight from now on.
    pub fn start_flight(&mut self, key: Option<KeyId>, size: usize) -> Option<Memory> {
        let memory = self.reuse(size);
        self.begin_flight(key, size);
        memory
    }

    /// The same for a tile of a key, in what a victim left for it, if there is a room with such.
    pub fn start_flight_in(
        &mut self,
        room: Option<&mut Room>,
        key: KeyId,
        size: usize,
    ) -> Option<Memory> {
        match room.and_then(|room| room.recycled.take()) {
            Some(RecycledMemory(memory)) => {
                self.begin_flight(Some(key), size);
                Some(memory)
            }
            None => self.start_flight(Some(key), size),
        }
    }

    /// Memory of just `size` bytes that was kept for reuse, not counted any more.
    pub fn reuse(&mut self, size: usize) -> Option<Memory> {
        self.pool.take(size)
    }

    /// `size` bytes are in flight from now on, for a tile of a key or on the way to one.
    pub fn begin_flight(&mut self, key: Option<KeyId>, size: usize) {
        self.fly(key, |in_flight| *in_flight += size as u64);
        self.note_peak();
    }

    /// Undoes [`Store::begin_flight`].
    pub fn end_flight(&mut self, key: Option<KeyId>, size: usize) {
        self.fly(key, |in_flight| *in_flight -= size as u64);
    }

    fn fly(&mut self, key: Option<KeyId>, change: impl Fn(&mut u64)) {
        match key {
            Some(key) => self.weigh(key, |bytes| change(&mut bytes.in_flight)),
            None => change(&mut self.weights.in_flight),
        }
    }

    pub(super) fn note_peak(&mut self) {
        self.peak = self.peak.max(
            self.taken() - self.reserved - self.aside
                + self.weights.over_budget
                + self.weights.in_flight,
        );
    }
}
