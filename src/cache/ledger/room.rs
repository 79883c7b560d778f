//! Room in the budget: who goes when it is short, and memory on its way from one tile to the next.

use super::{
    Class, DEMOTIONS_PER_CALL, ENTRY_BYTES, Ledger, REUSABLE_DIVISOR, Record, RecycledMemory, Room,
    Standing,
};
use crate::cache::key::KeyId;
use crate::cache::recency::{Place, Slot};
use crate::memory::{Buffer, Memory};
use std::sync::Arc;

impl Ledger {
    /// Keeps room for a tile of `bytes` before it is made, and a victim's memory if one was of just
    /// that size. `None`, with nothing evicted, if what is held or guaranteed leaves no room.
    pub fn reserve(&mut self, bytes: usize, class: Class) -> Option<Room> {
        self.demote_outdated();
        let charge = bytes as u64 + ENTRY_BYTES;
        if class == Class::Unread
            && self.unread + self.reserved_unread + charge > self.unread_share()
        {
            return None;
        }
        let recycled = self.make_room(charge, class, bytes)?;
        self.reserved += charge;
        if class == Class::Unread {
            self.reserved_unread += charge;
        }
        Some(Room {
            bytes: charge,
            class,
            recycled: recycled.map(RecycledMemory),
        })
    }

    /// Gives unused room back.
    pub fn cancel(&mut self, room: Room) {
        self.reserved -= room.bytes;
        if room.class == Class::Unread {
            self.reserved_unread -= room.bytes;
        }
        if let Some(RecycledMemory(memory)) = room.recycled {
            self.keep_for_reuse(memory);
        }
    }

    /// The most that unread tiles may take.
    pub fn unread_share(&self) -> u64 {
        (u128::from(self.budget) * u128::from(self.options.unread_percent) / 100) as u64
    }

    pub(super) fn taken(&self) -> u64 {
        self.resident + self.bookkeeping + self.reserved + self.reusable
    }

    /// Brings what is inside the budget down until `bytes` more fit. Takes the used buffers that
    /// are idle in the order of their last use and, for tiles that were asked for, unread ones when
    /// no other is left. The outer `None`: no room, and nothing evicted.
    pub(super) fn make_room(
        &mut self,
        bytes: u64,
        class: Class,
        wanted: usize,
    ) -> Option<Option<Memory>> {
        let mut recycled = self.take_from_pool(wanted);
        if self.taken() + bytes <= self.budget {
            return Some(recycled);
        }
        self.trim_pool(0);
        let missing = (self.taken() + bytes).saturating_sub(self.budget);
        let spared = match class {
            Class::Asked => 0,
            Class::Unread => self.unread,
        };
        if missing > self.resident - self.parked - spared {
            self.give_back(recycled);
            return None;
        }
        let mut victims = Vec::new();
        let mut freed = 0;
        while freed < missing {
            let Some(slot) = self.next_victim(class) else {
                victims.iter().for_each(|slot| self.unchoose(*slot));
                self.give_back(recycled);
                return None;
            };
            freed += self.records[slot as usize].charge;
            victims.push(slot);
        }
        for slot in victims {
            let buffer = self.evict(slot);
            match Buffer::into_memory(buffer) {
                Ok(memory) if recycled.is_none() && memory.size() == wanted => {
                    recycled = Some(memory);
                }
                Ok(memory) => self.keep_for_reuse(memory),
                Err(shared) => self.garbage.buffers.push(shared),
            }
        }
        // What was kept for reuse on the way goes before it may cost room.
        let others = self.taken() - self.reusable;
        self.trim_pool(self.budget.saturating_sub(others + bytes));
        Some(recycled)
    }

    pub(super) fn give_back(&mut self, memory: Option<Memory>) {
        if let Some(memory) = memory {
            self.keep_for_reuse(memory);
        }
    }

    /// The idle buffer that goes next, taken out of the order; held ones on the way are parked.
    pub(super) fn next_victim(&mut self, class: Class) -> Option<Slot> {
        loop {
            let (slot, place) = match (self.recency.oldest_used(), class) {
                (Some(used), _) => used,
                (None, Class::Asked) => (self.recency.oldest_unread()?, Place::Unread),
                (None, Class::Unread) => return None,
            };
            let record = &mut self.records[slot as usize];
            self.recency.remove(slot, record.stamp, place);
            if record.buffer.listen() {
                record.standing = Standing::Resident(Place::Parked);
                self.recency.add(slot, record.stamp, Place::Parked);
                self.parked += record.charge;
                if place == Place::Unread {
                    self.unread -= record.charge;
                }
            } else {
                record.buffer.stop_listening();
                return Some(slot);
            }
        }
    }

    /// Puts back a victim that need not go after all: it is still older than everything listed.
    pub(super) fn unchoose(&mut self, slot: Slot) {
        let record = &mut self.records[slot as usize];
        let place = match record.standing {
            Standing::Resident(Place::Unread) => Place::Unread,
            _ => Place::Returned,
        };
        record.standing = Standing::Resident(place);
        self.recency.add(slot, record.stamp, place);
    }

    /// Removes a buffer that is in no order any more, with all entries over it.
    pub(super) fn evict(&mut self, slot: Slot) -> Arc<Buffer> {
        self.counters.evictions += 1;
        let key = self.records[slot as usize].key;
        self.keys[key as usize].counters.evictions += 1;
        self.leave_budget(slot);
        self.drop_entries(slot);
        self.unwatch(slot);
        let record = self.remove_record(slot);
        record.buffer.move_out(&self.home);
        record.buffer
    }

    pub(super) fn remove_record(&mut self, slot: Slot) -> Record {
        let record = self.records.remove(slot as usize);
        self.keys[record.key as usize].buffers -= 1;
        self.forget_unused_key(record.key);
        record
    }

    /// Takes a buffer's bytes in, at the place where it stands.
    pub(super) fn enter_budget(&mut self, slot: Slot) {
        let record = &self.records[slot as usize];
        self.resident += record.charge;
        match record.standing {
            Standing::Resident(Place::Unread) => self.unread += record.charge,
            Standing::Resident(Place::Parked) => self.parked += record.charge,
            _ => (),
        }
        let key = &mut self.keys[record.key as usize];
        key.resident += 1;
        if key.resident == 1 {
            self.bookkeeping += key.bytes();
        }
    }

    /// Undoes [`Ledger::enter_budget`].
    pub(super) fn leave_budget(&mut self, slot: Slot) {
        let record = &self.records[slot as usize];
        self.resident -= record.charge;
        match record.standing {
            Standing::Resident(Place::Unread) => self.unread -= record.charge,
            Standing::Resident(Place::Parked) => self.parked -= record.charge,
            _ => (),
        }
        let key = &mut self.keys[record.key as usize];
        key.resident -= 1;
        if key.resident == 0 {
            self.bookkeeping -= key.bytes();
        }
    }

    pub(super) fn keep_for_reuse(&mut self, memory: Memory) {
        let size = memory.size() as u64;
        let fits = self.reusable + size <= self.budget / REUSABLE_DIVISOR
            && self.taken() + size <= self.budget;
        if fits {
            self.reusable += size;
            self.pool.push(memory);
        } else {
            self.garbage.memory.push(memory);
        }
    }

    pub(super) fn take_from_pool(&mut self, size: usize) -> Option<Memory> {
        let at = self.pool.iter().rposition(|memory| memory.size() == size)?;
        self.reusable -= size as u64;
        Some(self.pool.swap_remove(at))
    }

    pub(super) fn trim_pool(&mut self, keep: u64) {
        while self.reusable > keep {
            let Some(memory) = self.pool.pop() else { break };
            self.reusable -= memory.size() as u64;
            self.garbage.memory.push(memory);
        }
    }

    /// Memory of just `size` bytes that was kept for reuse, counted as in flight from now on.
    pub fn start_flight(&mut self, size: usize) -> Option<Memory> {
        let memory = self.take_from_pool(size);
        self.begin_flight(size);
        memory
    }

    /// `size` bytes are in flight from now on.
    pub fn begin_flight(&mut self, size: usize) {
        self.in_flight += size as u64;
        self.note_peak();
    }

    /// `size` bytes are no longer in flight.
    pub fn end_flight(&mut self, size: usize) {
        self.in_flight -= size as u64;
    }

    /// Takes back memory that served a flight.
    pub fn recycle(&mut self, memory: Memory) {
        self.keep_for_reuse(memory);
    }

    pub(super) fn note_peak(&mut self) {
        self.peak = self
            .peak
            .max(self.taken() - self.reserved + self.overhang + self.in_flight);
    }

    /// The last handle of a buffer that was parked or outside the budget is gone.
    pub fn released(&mut self, slot: Slot) {
        let Some(record) = self.records.get_mut(slot as usize) else {
            return;
        };
        if record.buffer.is_pinned() {
            return;
        }
        match record.standing {
            Standing::Resident(Place::Parked) => {
                record.buffer.stop_listening();
                record.standing = Standing::Resident(Place::Returned);
                self.parked -= record.charge;
                self.recency.remove(slot, record.stamp, Place::Parked);
                self.recency.add(slot, record.stamp, Place::Returned);
            }
            Standing::Resident(_) => (),
            Standing::Overhang | Standing::Detached => self.free(slot),
        }
    }

    /// An unread buffer becomes ordinary; never used, it is the first to go.
    pub(super) fn demote(&mut self, slot: Slot, key: KeyId) {
        let Some(record) = self.records.get_mut(slot as usize) else {
            return;
        };
        if record.key == key && record.standing == Standing::Resident(Place::Unread) {
            record.standing = Standing::Resident(Place::Returned);
            self.unread -= record.charge;
            self.recency.remove(slot, record.stamp, Place::Unread);
            self.recency.add(slot, record.stamp, Place::Returned);
        }
    }

    /// Makes unread tiles ordinary whose provider has served a whole level since, or since whose
    /// making other images have admitted a whole budget.
    pub(super) fn demote_outdated(&mut self) {
        if self.unread == 0 {
            return;
        }
        let mut outdated = Vec::new();
        for id in &self.unread_keys {
            let key = &mut self.keys[*id as usize];
            let others = self.admitted - self.images[key.image as usize].admitted;
            let left = DEMOTIONS_PER_CALL - outdated.len();
            let found = key.take_outdated(others, left);
            outdated.extend(found.into_iter().map(|(slot, stamp)| (slot, stamp, *id)));
        }
        for (slot, stamp, key) in outdated {
            if self
                .records
                .get(slot as usize)
                .is_some_and(|record| record.stamp == stamp)
            {
                self.demote(slot, key);
            }
            if !self.keys[key as usize].has_unread() {
                self.unread_keys.remove(&key);
            }
        }
    }

    /// Changes the budget. Shrinking evicts at once; held buffers beyond the new budget go outside.
    pub fn set_budget(&mut self, budget: u64) {
        self.budget = budget;
        self.trim_pool(0);
        self.enforce_budget();
    }

    pub(super) fn enforce_budget(&mut self) {
        while self.taken() > self.budget {
            if self.reusable > 0 {
                self.trim_pool(0);
            } else if let Some(slot) = self.next_victim(Class::Asked) {
                let buffer = self.evict(slot);
                self.garbage.buffers.push(buffer);
            } else if let Some(slot) = self.recency.oldest_parked() {
                self.push_out(slot);
            } else {
                break;
            }
        }
    }

    /// A held buffer goes outside the budget, findable until its last handle is gone.
    pub(super) fn push_out(&mut self, slot: Slot) {
        self.leave_budget(slot);
        let record = &mut self.records[slot as usize];
        self.recency.remove(slot, record.stamp, Place::Parked);
        record.standing = Standing::Overhang;
        self.overhang += record.charge;
        if !record.buffer.is_pinned() {
            self.free(slot);
        }
    }
}
