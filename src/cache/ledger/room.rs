//! Room in the budget: who goes when it is short, and memory on its way from one tile to the next.

use super::{
    CORRECTIONS_PER_CALL, Class, DEMOTIONS_PER_CALL, ENTRY_BYTES, Ledger, REUSABLE_DIVISOR,
    RecycledMemory, Room, Standing,
};
use crate::cache::key::KeyId;
use crate::cache::recency::{Place, Slot};
use crate::cache::stamp::{self, Stamp};
use crate::memory::{Buffer, Memory};
use std::sync::Arc;

/// So many stamps were out of date that the books had better be given to somebody else before the
/// search for a victim goes on from where it is.
#[derive(Debug)]
pub struct Interrupted;

/// How many stamps a search for victims may correct.
pub(super) struct Patience(usize);

impl Patience {
    fn endless() -> Self {
        Patience(usize::MAX)
    }

    fn spend(&mut self) -> Result<(), Interrupted> {
        self.0 = self.0.checked_sub(1).ok_or(Interrupted)?;
        Ok(())
    }
}

impl Ledger {
    /// Keeps room for a tile of `bytes` before it is made, and a victim's memory if one was of just
    /// that size. `None`, with nothing evicted, if what is held or guaranteed leaves no room.
    pub fn reserve(&mut self, bytes: usize, class: Class) -> Result<Option<Room>, Interrupted> {
        let charge = bytes as u64 + ENTRY_BYTES;
        if self.taken() + charge > self.budget || class.is_unread() {
            self.demote_outdated();
        }
        if class.is_unread() && self.unread + self.reserved_unread + charge > self.unread_share() {
            return Ok(None);
        }
        let mut patience = Patience(CORRECTIONS_PER_CALL);
        let Some(recycled) = self.try_make_room(charge, class, bytes, &mut patience)? else {
            return Ok(None);
        };
        self.reserved += charge;
        if class.is_unread() {
            self.reserved_unread += charge;
        }
        Ok(Some(Room {
            bytes: charge,
            class,
            recycled: recycled.map(RecycledMemory),
        }))
    }

    /// Gives unused room back.
    pub fn cancel(&mut self, room: Room) {
        self.reserved -= room.bytes;
        if room.class.is_unread() {
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

    /// [`Ledger::try_make_room`], however long it takes: for what is small or has just been tried.
    pub(super) fn make_room(
        &mut self,
        bytes: u64,
        class: Class,
        wanted: usize,
    ) -> Option<Option<Memory>> {
        let patience = &mut Patience::endless();
        self.try_make_room(bytes, class, wanted, patience)
            .ok()
            .flatten()
    }

    /// Brings what is inside the budget down until `bytes` more fit. Takes the used buffers that
    /// are idle in the order of their last use and, for tiles that were asked for, unread ones when
    /// no other is left ([`Ledger::candidate`]). The outer `None`: no room, and nothing evicted.
    fn try_make_room(
        &mut self,
        bytes: u64,
        class: Class,
        wanted: usize,
        patience: &mut Patience,
    ) -> Result<Option<Option<Memory>>, Interrupted> {
        let mut recycled = self.take_from_pool(wanted);
        if self.taken() + bytes <= self.budget {
            return Ok(Some(recycled));
        }
        self.trim_pool(0);
        let missing = (self.taken() + bytes).saturating_sub(self.budget);
        let spared = match class.is_unread() {
            false => 0,
            true => self.unread,
        };
        if missing > self.resident - self.parked - spared {
            self.give_back(recycled);
            return Ok(None);
        }
        let mut freed = 0;
        while freed < missing {
            let mut victims = Vec::new();
            let mut chosen = 0;
            while freed + chosen < missing {
                let next = self.next_victim(class, patience);
                let Ok(Some((slot, place, stamp))) = next else {
                    for (slot, place, stamp) in victims {
                        self.recency.add(place, slot, stamp);
                    }
                    self.give_back(recycled);
                    return next.map(|_| None);
                };
                chosen += self.records[slot as usize].charge;
                victims.push((slot, place, stamp));
            }
            for (slot, place, stamp) in victims {
                let charge = self.records[slot as usize].charge;
                let Some(buffer) = self.evict(slot, place, stamp) else {
                    continue;
                };
                freed += charge;
                match Buffer::into_memory(buffer) {
                    Ok(memory) if recycled.is_none() && memory.size() == wanted => {
                        recycled = Some(memory);
                    }
                    Ok(memory) => self.keep_for_reuse(memory),
                    Err(shared) => self.garbage.buffers.push(shared),
                }
            }
        }
        // What was kept for reuse on the way goes before it may cost room.
        let others = self.taken() - self.reusable;
        self.trim_pool(self.budget.saturating_sub(others + bytes));
        Ok(Some(recycled))
    }

    pub(super) fn give_back(&mut self, memory: Option<Memory>) {
        if let Some(memory) = memory {
            self.keep_for_reuse(memory);
        }
    }

    /// The idle buffer that goes next, taken out of the order, with its place and its stamp there; held
    /// ones on the way are parked.
    pub(super) fn next_victim(
        &mut self,
        class: Class,
        patience: &mut Patience,
    ) -> Result<Option<(Slot, Place, Stamp)>, Interrupted> {
        loop {
            let Some((stamp, slot, place)) = self.candidate(class) else {
                return Ok(None);
            };
            let latest = self.records[slot as usize].buffer.last_use();
            if latest > stamp {
                patience.spend()?;
                match place {
                    Place::Used => self.recency.postpone(Place::Used, latest),
                    // Its first use is about to be reported.
                    _ => self.move_to(slot, Place::Used, latest),
                }
                continue;
            }
            if !self.park_if_held(slot, place, stamp) {
                self.recency.remove(place, slot);
                return Ok(Some((slot, place, stamp)));
            }
        }
    }

    /// Who goes next as far as the orders know, with the recorded stamp: first what was never used,
    /// then what was made for a reader that passes by, then what was used, then what is unread.
    fn candidate(&self, class: Class) -> Option<(Stamp, Slot, Place)> {
        let first = |place| {
            let (stamp, slot) = self.recency.first(place)?;
            Some((stamp, slot, place))
        };
        let used = first(Place::Used);
        let is_cold = used.is_some_and(|(stamp, ..)| !stamp::is_use(stamp));
        match class {
            _ if is_cold => used,
            Class::PassingUnread => None,
            Class::Unread => used,
            Class::Asked | Class::Passing => first(Place::Passing)
                .or(used)
                .or_else(|| first(Place::Unread)),
        }
    }

    /// Sets a buffer in an order aside if it is held, until its last handle is gone.
    fn park_if_held(&mut self, slot: Slot, place: Place, stamp: Stamp) -> bool {
        let buffer = &self.records[slot as usize].buffer;
        debug_assert!(place != Place::Parked);
        if !buffer.is_pinned() {
            return false;
        }
        if buffer.listen() {
            self.move_to(slot, Place::Parked, stamp);
            return true;
        }
        buffer.stop_listening();
        false
    }

    /// Removes a buffer that was taken out of its order, with all entries over it. If somebody has
    /// got it meanwhile, it goes back and `None` is returned.
    pub(super) fn evict(&mut self, slot: Slot, place: Place, stamp: Stamp) -> Option<Arc<Buffer>> {
        let Some(record) = self.take_record(slot) else {
            self.recency.add(place, slot, stamp);
            self.park_if_held(slot, place, stamp);
            return None;
        };
        self.counters.evictions += 1;
        self.keys[record.key as usize].counters.evictions += 1;
        self.leave_budget(record.key, place, record.charge);
        self.forget_unused_key(record.key);
        Some(record.buffer)
    }

    /// Takes a buffer's bytes in, at the place where it stands.
    pub(super) fn enter_budget(&mut self, key: KeyId, place: Place, charge: u64) {
        self.resident += charge;
        self.enter_place(place, charge);
        let key = &mut self.keys[key as usize];
        key.resident += 1;
        if key.resident == 1 {
            self.bookkeeping += key.bytes();
        }
    }

    /// Undoes [`Ledger::enter_budget`].
    pub(super) fn leave_budget(&mut self, key: KeyId, place: Place, charge: u64) {
        self.resident -= charge;
        self.leave_place(place, charge);
        let key = &mut self.keys[key as usize];
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
        let Some(record) = self.records.get(slot as usize) else {
            return;
        };
        if record.buffer.is_pinned() {
            return;
        }
        match record.standing {
            Standing::Resident(Place::Parked) => {
                record.buffer.stop_listening();
                let stamp = record.buffer.last_use();
                self.move_to(slot, Place::Used, stamp);
            }
            Standing::Resident(_) => (),
            Standing::Overhang | Standing::Detached => drop(self.free(slot)),
        }
    }

    /// An unread buffer becomes ordinary; never used, it is older than everything used.
    pub(super) fn demote(&mut self, slot: Slot, stamp: Stamp) {
        let Some(record) = self.records.get(slot as usize) else {
            return;
        };
        // The number may be another's by now.
        if let Standing::Resident(place) = record.standing
            && record.is_unread()
            && self.recency.stamp(place, slot) == stamp
        {
            self.move_to(slot, Place::Used, stamp);
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
            let requests = self.requests(*id);
            let key = &mut self.keys[*id as usize];
            let others = self.admitted - self.images[key.image as usize].admitted;
            let left = DEMOTIONS_PER_CALL - outdated.len();
            let found = key.take_outdated(requests, others, left);
            outdated.extend(found.into_iter().map(|(slot, stamp)| (slot, stamp, *id)));
        }
        for (slot, stamp, key) in outdated {
            self.demote(slot, stamp);
            if !self.keys[key as usize].has_unread() {
                self.unread_keys.remove(&key);
            }
        }
    }

    /// Changes the budget. Shrinking evicts at once; held buffers beyond the new budget go outside.
    /// Interrupted, the budget is on its way there: at every instant it holds.
    pub fn set_budget(&mut self, budget: u64) -> Result<(), Interrupted> {
        self.trim_pool(0);
        let done = self.shrink_to(budget, &mut Patience(CORRECTIONS_PER_CALL));
        self.budget = match done {
            Ok(()) => budget,
            Err(Interrupted) => self.taken(),
        };
        done
    }

    /// Brings what is inside the budget down to it.
    pub(super) fn enforce_budget(&mut self) {
        // Endless patience is not interrupted.
        let _ = self.shrink_to(self.budget, &mut Patience::endless());
    }

    fn shrink_to(&mut self, budget: u64, patience: &mut Patience) -> Result<(), Interrupted> {
        while self.taken() > budget {
            if self.reusable > 0 {
                self.trim_pool(0);
                continue;
            }
            patience.spend()?;
            if let Some((slot, place, stamp)) = self.next_victim(Class::Asked, patience)? {
                let buffer = self.evict(slot, place, stamp);
                self.garbage.buffers.extend(buffer);
            } else if let Some((stamp, slot)) = self.recency.first(Place::Parked) {
                let latest = self.records[slot as usize].buffer.last_use();
                if latest > stamp {
                    self.recency.postpone(Place::Parked, latest);
                } else {
                    self.push_out(slot);
                }
            } else {
                break;
            }
        }
        Ok(())
    }

    /// A held buffer goes outside the budget, findable until its last handle is gone.
    fn push_out(&mut self, slot: Slot) {
        let record = &mut self.records[slot as usize];
        record.standing = Standing::Overhang;
        let (key, charge) = (record.key, record.charge);
        self.leave_budget(key, Place::Parked, charge);
        self.recency.remove(Place::Parked, slot);
        self.overhang += charge;
        // Released meanwhile, nobody else will free it.
        self.free(slot);
    }
}
