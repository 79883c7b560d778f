//! Eviction: room in the budget, and which tile goes when it is short.

use super::{
    Class, DEMOTIONS_PER_CALL, ENTRY_BYTES, KEYS_PER_CALL, LOOKS_PER_CALL, LOOKS_PER_VICTIM,
    RecycledMemory, Room, STEPS_PER_TURN, Standing, Store,
};
use crate::cache::eviction_order::{COMMON, Group, Place, Slot};
use crate::cache::key::KeyId;
use crate::cache::stamp::{self, Stamp};
use crate::image::Block;
use crate::memory::{Buffer, Memory};
use smallvec::SmallVec;
use std::ops::Bound;
use std::sync::Arc;

/// So many buffers were evicted, or held, that the books had better be given to another thread before the search
/// for a victim goes on from where it is.
#[derive(Debug)]
pub struct Interrupted;

/// Whose buffers may go.
#[derive(Clone, Copy)]
pub(super) enum Whose {
    /// Those of a group.
    Own(Group),
    /// Those of a group, and what others have beyond their guarantees.
    Any(Group),
    /// All, even guaranteed ones.
    Even,
}

/// A buffer that may go, or was taken out of its order to go.
pub(super) struct Victim {
    pub(super) slot: Slot,
    pub(super) group: Group,
    pub(super) place: Place,
    pub(super) stamp: Stamp,
    /// Lower goes first, whatever the stamps.
    rank: u8,
}

impl Victim {
    /// A buffer that goes before its turn.
    pub(super) fn given(slot: Slot, group: Group, place: Place, stamp: Stamp) -> Self {
        Self {
            slot,
            group,
            place,
            stamp,
            rank: 0,
        }
    }

    /// The lowest goes first.
    fn turn(&self) -> (u8, Stamp) {
        (self.rank, self.stamp)
    }
}

/// How much a search for victims may do.
pub(super) struct Patience {
    /// How many buffers it may evict or set aside.
    steps: usize,
    /// How many later uses it may learn of, beside [`LOOKS_PER_VICTIM`].
    looks: usize,
}

impl Patience {
    /// For one turn, after which others get the books.
    pub(super) fn of_turn() -> Self {
        Patience {
            steps: STEPS_PER_TURN,
            looks: LOOKS_PER_CALL,
        }
    }

    fn endless() -> Self {
        Patience {
            steps: usize::MAX,
            ..Self::of_turn()
        }
    }

    pub(super) fn spend(&mut self) -> Result<(), Interrupted> {
        count_step();
        self.steps = self.steps.checked_sub(1).ok_or(Interrupted)?;
        Ok(())
    }

    fn spend_look(&mut self) {
        count_step();
        self.looks = self.looks.saturating_sub(1);
    }
}

/// Has the tests know of something that was done under the lock.
fn count_step() {
    #[cfg(test)]
    tests::STEPS.set(tests::STEPS.get() + 1);
}

impl Store {
    /// Keeps room for a tile of `bytes` before it is made, and a victim's memory if one was of just
    /// that size. `None`, with nothing evicted, if what is held or guaranteed leaves no room.
    pub fn reserve(
        &mut self,
        key: KeyId,
        bytes: usize,
        class: Class,
    ) -> Result<Option<Room>, Interrupted> {
        let group = self.keys[key as usize].group;
        let charge = bytes as u64 + ENTRY_BYTES;
        if self.taken() + charge > self.budget || class.is_unread() {
            self.demote_outdated(key);
        }
        let mut patience = Patience::of_turn();
        if class.is_unread() && !self.make_unread_room(class, group, charge, &mut patience)? {
            return Ok(None);
        }
        // With its first buffer a key itself is charged, which no share counts.
        let of_key = &self.keys[key as usize];
        let for_key = if of_key.resident == 0 {
            of_key.bytes()
        } else {
            0
        };
        let charges = (charge, for_key);
        let room = self.try_make_room(group, charges, class, bytes, &mut patience)?;
        let Some(recycled) = room else {
            return Ok(None);
        };
        self.reserved += charge;
        self.shares.reserve(group, charge);
        if class.is_unread() {
            self.reserved_unread += charge;
        }
        self.expect(class);
        Ok(Some(Room {
            bytes: charge,
            class,
            group,
            recycled: recycled.map(RecycledMemory),
        }))
    }

    /// Brings what is inside the budget down until a tile of `bytes` fits that is made ahead with others of its key;
    /// says whether it does.
    pub fn make_room_ahead(
        &mut self,
        key: &str,
        bytes: u64,
        since: Stamp,
        wants: &dyn Fn(Block) -> bool,
    ) -> Result<bool, Interrupted> {
        let id = self.find_key(key);
        if let Some(id) = id {
            self.demote_outdated(id);
        }
        let (class, charge) = (Class::Ahead(since), bytes.saturating_add(ENTRY_BYTES));
        let share = self.unread_share();
        if charge > share {
            return Ok(false);
        }
        let is_full = |store: &Self| store.unread + store.reserved_unread + charge > share;
        // What nobody came for goes first, some of it at a time.
        if (is_full(self) || self.taken() + charge > self.budget)
            && id.is_some_and(|id| self.demote_earlier(id, since, wants))
        {
            return Err(Interrupted);
        }
        if is_full(self) {
            return Ok(false);
        }
        let group = self.shares.group(key);
        let patience = &mut Patience::of_turn();
        let room = self.try_make_room(group, (charge, 0), class, 0, patience)?;
        Ok(room.map(|recycled| self.recycle(recycled)).is_some())
    }

    /// Gives unused room back.
    pub fn cancel(&mut self, room: Room) {
        self.reserved -= room.bytes;
        self.shares.cancel(room.group, room.bytes);
        if room.class.is_unread() {
            self.reserved_unread -= room.bytes;
        }
        self.expect_no_more(room.class);
        if let Some(RecycledMemory(memory)) = room.recycled {
            self.recycle(memory);
        }
    }

    /// The most that unread tiles may take.
    pub fn unread_share(&self) -> u64 {
        (u128::from(self.budget) * u128::from(self.options.unread_percent) / 100) as u64
    }

    pub(super) fn taken(&self) -> u64 {
        self.weights.resident + self.bookkeeping + self.reserved + self.aside + self.pool.bytes()
    }

    /// [`Store::try_make_room`], unless it takes long: for what is nearly always there, because it has
    /// just been kept.
    pub(super) fn make_room(&mut self, group: Group, bytes: u64, class: Class) -> Option<()> {
        let patience = &mut Patience::of_turn();
        let room = self.try_make_room(group, (bytes, 0), class, 0, patience);
        room.ok().flatten().map(|recycled| self.recycle(recycled))
    }

    /// Brings what is inside the budget down until `bytes` more of a group fit, and some beside them, and the
    /// group within its maximum. Evicts idle buffers as [`Store::candidate`] has them, and returns the memory of
    /// one if it has the size wanted. The outer `None`: no room, and nothing evicted.
    fn try_make_room(
        &mut self,
        group: Group,
        (bytes, beside): (u64, u64),
        class: Class,
        wanted: usize,
        patience: &mut Patience,
    ) -> Result<Option<Option<Memory>>, Interrupted> {
        let of_share = self.shares.excess(group, bytes);
        let bytes = bytes + beside;
        let mut recycled = self.pool.take(wanted);
        if self.taken() + bytes <= self.budget && of_share == 0 {
            return Ok(Some(recycled));
        }
        // What is kept for reuse goes before anything is evicted, but only as far as it must: the next tiles may be of its size.
        let others = self.taken() - self.pool.bytes();
        let missing = (others + bytes).saturating_sub(self.budget);
        let spared = match class {
            Class::Planned(..) => 0,
            class if class.is_unread() => self.unread,
            _ => 0,
        };
        if missing.max(of_share) > self.weights.resident - self.parked - spared {
            self.recycle(recycled);
            return Ok(None);
        }
        let (mut own, mut freed) = (0, 0);
        while own < of_share || freed < missing {
            let (own_left, left) = (of_share.saturating_sub(own), missing.saturating_sub(freed));
            let victims = match self.choose(group, own_left, left, class, patience) {
                Ok(Some(victims)) => victims,
                other => {
                    self.recycle(recycled);
                    return other.map(|_| None);
                }
            };
            for victim in victims {
                let charge = self.records[victim.slot as usize].charge();
                let is_own = victim.group == group;
                let Some(buffer) = self.evict(victim) else {
                    continue;
                };
                freed += charge;
                own += if is_own { charge } else { 0 };
                match Buffer::into_memory(buffer) {
                    Ok(memory) if recycled.is_none() && memory.size() == wanted => {
                        recycled = Some(memory);
                    }
                    Ok(memory) => self.recycle(memory),
                    Err(shared) => self.garbage.buffers.push(shared),
                }
            }
        }
        let others = self.taken() - self.pool.bytes();
        self.trim_pool(self.budget.saturating_sub(others + bytes));
        Ok(Some(recycled))
    }

    /// Chooses victims of so many bytes together, so many of them from a group itself, and takes them
    /// out of their orders; none if there are not enough.
    fn choose(
        &mut self,
        group: Group,
        own_bytes: u64,
        bytes: u64,
        class: Class,
        patience: &mut Patience,
    ) -> Result<Option<Vec<Victim>>, Interrupted> {
        let mut victims = Vec::new();
        let (mut own, mut chosen) = (0, 0);
        while own < own_bytes || chosen < bytes {
            let whose = match own < own_bytes {
                true => Whose::Own(group),
                false => Whose::Any(group),
            };
            match self.next_victim(class, whose, patience) {
                Ok(Some(victim)) => {
                    let charge = self.records[victim.slot as usize].charge();
                    chosen += charge;
                    own += if victim.group == group { charge } else { 0 };
                    victims.push(victim);
                }
                other => {
                    victims.into_iter().for_each(|victim| self.put_back(victim));
                    return other.map(|_| None);
                }
            }
        }
        Ok(Some(victims))
    }

    /// The idle buffer that goes next, taken out of the order; held ones on the way are parked.
    ///
    /// It is the one whose last use is oldest. Where hits have left so many later uses that the search would
    /// take long to learn of all, it is the oldest of those of which it has learnt.
    pub(super) fn next_victim(
        &mut self,
        class: Class,
        whose: Whose,
        patience: &mut Patience,
    ) -> Result<Option<Victim>, Interrupted> {
        let mut looks = patience.looks.max(LOOKS_PER_VICTIM);
        let mut oldest: Option<Victim> = None;
        loop {
            let victim = match oldest.take_if(|_| looks == 0) {
                Some(oldest) => {
                    looks = LOOKS_PER_VICTIM;
                    oldest
                }
                None => {
                    let first = match self.candidate(class, whose) {
                        None => self.given_ahead(class, whose),
                        first => first,
                    };
                    let Some(first) = first else {
                        return Ok(None);
                    };
                    let slot = first.slot;
                    let latest = self.last_use(slot);
                    if latest > first.stamp {
                        if looks == 0 {
                            // What is made ahead gives up only when all that is left was used since.
                            return match class {
                                Class::Ahead(_) => Err(Interrupted),
                                _ => Ok(None),
                            };
                        }
                        looks -= 1;
                        patience.spend_look();
                        let used = Some(self.learn(first, latest));
                        // It may stand elsewhere than when it was learnt of before.
                        oldest.take_if(|oldest| oldest.slot == slot);
                        let used = used.filter(|used| !class.spares(used.stamp));
                        oldest = oldest.into_iter().chain(used).min_by_key(Victim::turn);
                        continue;
                    }
                    first
                }
            };
            let victim = match self.given_instead(&victim, class) {
                Some(other) => other,
                None => victim,
            };
            let victim = match self.is_spared(&victim, class) {
                true => self.given_ahead(class, whose),
                false => Some(victim),
            };
            let Some(victim) = victim else {
                return Ok(None);
            };
            let Victim {
                place, stamp, slot, ..
            } = victim;
            // What is set aside now is no victim later.
            oldest.take_if(|oldest| oldest.slot == slot);
            if self.park_if_held(slot, stamp) {
                patience.spend()?;
            } else if place == Place::Cheap && !self.is_cheap(slot) {
                patience.spend()?;
                let is_again = self.records[slot as usize].is_again;
                self.move_to(slot, self.place_by_uses(is_again), stamp);
            } else {
                self.take_out(&victim);
                return Ok(Some(victim));
            }
        }
    }

    /// Takes a victim out of the order.
    pub(super) fn take_out(&mut self, victim: &Victim) {
        let charge = self.records[victim.slot as usize].charge();
        self.shares.choose(victim.group, charge);
        self.order.remove(victim.group, victim.place, victim.slot);
        self.offer_no_more(victim.slot);
    }

    /// Records a later use of the first buffer of an order, and returns it as it stands then.
    fn learn(&mut self, first: Victim, latest: Stamp) -> Victim {
        let Victim {
            group,
            place,
            slot,
            stamp,
            ..
        } = first;
        self.note_use_of_others(slot);
        self.note_again(slot, stamp, latest);
        let is_again = self.records[slot as usize].is_again;
        let by_uses = self.place_by_uses(is_again);
        let stays = match place {
            // What was never used comes on probation by its first use.
            Place::Used if !stamp::is_use(stamp) => by_uses == Place::Used,
            Place::Once => by_uses == Place::Once,
            Place::Used | Place::Cheap => true,
            // Its first use is about to be reported.
            Place::Unread | Place::PassingUnread | Place::Parked => false,
        };
        let place = match stays {
            true => {
                self.order.postpone(group, place, latest);
                place
            }
            false => {
                let used = self.place_of_used(slot);
                self.move_to(slot, used, latest);
                used
            }
        };
        Victim {
            place,
            stamp: latest,
            rank: self.rank_of_used(place),
            ..first
        }
    }

    /// Undoes the choice of a victim.
    fn put_back(&mut self, victim: Victim) {
        let charge = self.records[victim.slot as usize].charge();
        self.shares.put_back(victim.group, charge);
        self.order
            .add(victim.group, victim.place, victim.slot, victim.stamp);
        self.offer_again(victim.slot);
    }

    /// Who goes next as far as the orders know: the first over the groups that may give.
    fn candidate(&self, class: Class, whose: Whose) -> Option<Victim> {
        let may_give = |victim: &Victim| {
            let charge = self.records[victim.slot as usize].charge();
            match whose {
                Whose::Own(group) => group == victim.group,
                Whose::Any(group) if group != victim.group => {
                    self.shares.can_spare(victim.group, charge)
                }
                Whose::Any(_) | Whose::Even => true,
            }
        };
        let firsts = self.order.groups().filter_map(|group| {
            // A share that gives nothing is not asked for its first.
            self.first_of(group, class).filter(may_give)
        });
        firsts.min_by_key(Victim::turn)
    }

    /// What was used and is cheap to make again goes before all else that was used.
    fn rank_of_used(&self, place: Place) -> u8 {
        match (place, self.is_probation_over()) {
            (Place::Cheap, _) => 2,
            (Place::Once, true) | (Place::Used, false) => 3,
            _ => 4,
        }
    }

    /// Who goes first in a group, with the recorded stamp: what was never used, then what was made ahead
    /// for a reader that passes by, then what is cheap to make again, then what was used, then what is
    /// unread.
    fn first_of(&self, group: Group, class: Class) -> Option<Victim> {
        let first = |place, rank| {
            let (stamp, slot) = self.order.first(group, place)?;
            Some(Victim {
                group,
                place,
                rank,
                stamp,
                slot,
            })
        };
        let used = [Place::Cheap, Place::Used, Place::Once]
            .into_iter()
            .filter_map(|place| first(place, self.rank_of_used(place)))
            .filter(|used| !class.spares(used.stamp))
            .min_by_key(|used| used.rank);
        let cold = first(Place::Used, 0).filter(|victim| !stamp::is_use(victim.stamp));
        match class {
            _ if cold.is_some() => cold,
            Class::Unread | Class::Ahead(_) | Class::PassingUnread | Class::Planned(..) => used,
            Class::Asked | Class::Passing | Class::Scheduled(_) => first(Place::PassingUnread, 1)
                .or(used)
                .or_else(|| first(Place::Unread, 5)),
        }
    }

    /// Sets a buffer in an order aside if it is held, until its last handle is gone.
    fn park_if_held(&mut self, slot: Slot, stamp: Stamp) -> bool {
        if !self.seems_held(slot) {
            return false;
        }
        self.close(slot);
        self.park_closed(slot, stamp)
    }

    /// Sets a buffer aside that knows of all its handles, unless there are none.
    fn park_closed(&mut self, slot: Slot, stamp: Stamp) -> bool {
        let buffer = &self.records[slot as usize].buffer;
        if buffer.listen() {
            self.move_to(slot, Place::Parked, stamp);
            return true;
        }
        buffer.stop_listening();
        self.open(slot);
        false
    }

    /// Removes a victim, with all entries over it. If somebody has got it meanwhile, it goes back and
    /// `None` is returned.
    pub(super) fn evict(&mut self, victim: Victim) -> Option<Arc<Buffer>> {
        self.remember_evicted(victim.slot, victim.place, victim.stamp);
        let Some(record) = self.take_record(victim.slot) else {
            let (slot, stamp) = (victim.slot, victim.stamp);
            self.put_back(victim);
            self.park_closed(slot, stamp);
            return None;
        };
        self.shares.put_back(victim.group, record.charge());
        self.counters.evictions += 1;
        self.keys[record.key as usize].counters.evictions += 1;
        self.leave_budget(record.key, victim.place, record.charge());
        self.forget_unused_key(record.key);
        Some(record.buffer)
    }

    /// Takes a buffer's bytes in, at the place where it stands.
    pub(super) fn enter_budget(&mut self, id: KeyId, place: Place, charge: u64) {
        self.weigh(id, |bytes| bytes.resident += charge);
        self.enter_place(self.keys[id as usize].group, place, charge);
        let key = &mut self.keys[id as usize];
        key.resident += 1;
        if key.resident == 1 {
            self.charge_key(id);
        }
    }

    /// Undoes [`Store::enter_budget`].
    pub(super) fn leave_budget(&mut self, id: KeyId, place: Place, charge: u64) {
        self.weigh(id, |bytes| bytes.resident -= charge);
        self.leave_place(self.keys[id as usize].group, place, charge);
        let key = &mut self.keys[id as usize];
        key.resident -= 1;
        if key.resident == 0 {
            self.charge_key(id);
        }
    }

    /// The last handle of a buffer that was parked or outside the budget is gone.
    pub fn released(&mut self, slot: Slot) {
        let Some(record) = self.records.get(slot as usize) else {
            return;
        };
        match record.standing {
            Standing::Resident(Place::Parked) if !record.buffer.is_pinned() => {
                record.buffer.stop_listening();
                let latest = self.last_use(slot);
                let parked = self.order.stamp(self.group(slot), Place::Parked, slot);
                if parked < Some(latest) {
                    self.note_use_of_others(slot);
                }
                self.note_again(slot, parked.unwrap_or(latest), latest);
                self.move_to(slot, self.place_of_used(slot), latest);
                self.open(slot);
            }
            Standing::Resident(_) => (),
            Standing::OverBudget | Standing::Detached => drop(self.free(slot)),
        }
    }

    /// An unread buffer that no get is expected to want becomes ordinary.
    pub fn give_up(&mut self, buffer: &Buffer) {
        if let Some(slot) = buffer.slot_in(&self.home)
            && let Standing::Resident(place) = self.records[slot as usize].standing
            && let Some(stamp) = self.order.stamp(self.group(slot), place, slot)
        {
            self.demote(slot, stamp);
        }
    }

    /// An unread buffer becomes ordinary; never used, it is older than everything used. That of a pass that will use it
    /// is as if used when it was made.
    pub(super) fn demote(&mut self, slot: Slot, stamp: Stamp) {
        if self.is_unread(slot, stamp) {
            let stamp = match self.is_awaited(slot) {
                true => stamp::as_use(stamp),
                false => stamp,
            };
            self.move_to(slot, Place::Used, stamp);
        }
    }

    /// Whether a buffer is the unread one of that stamp: the number may be another's by now.
    fn is_unread(&self, slot: Slot, stamp: Stamp) -> bool {
        let Some(record) = self.records.get(slot as usize) else {
            return false;
        };
        let Standing::Resident(place) = record.standing else {
            return false;
        };
        record.is_unread() && self.order.stamp(self.group(slot), place, slot) == Some(stamp)
    }

    /// Makes unread tiles ordinary whose provider has served a whole level since, or since whose
    /// making other images have taken a whole budget in: those of a key that needs room, and of some
    /// others, which have their turn one after the other.
    pub(super) fn demote_outdated(&mut self, of: KeyId) {
        let later = (Bound::Excluded(self.demoted_last), Bound::Unbounded);
        let others = self.unread_keys.range(later).chain(&self.unread_keys);
        let keys: SmallVec<[KeyId; KEYS_PER_CALL + 1]> = others
            .take(KEYS_PER_CALL)
            .chain(self.unread_keys.get(&of))
            .copied()
            .collect();
        let mut left = DEMOTIONS_PER_CALL;
        for id in &keys {
            let requests = self.requests(*id);
            let key = &mut self.keys[*id as usize];
            let others = self.entered_bytes - self.images[key.image as usize].entered_bytes;
            let outdated = key.take_outdated(requests, others, left);
            if !key.has_unread() {
                self.unread_keys.remove(id);
            }
            left -= outdated.len();
            for (slot, stamp) in outdated {
                self.demote(slot, stamp);
            }
        }
        self.demoted_last = keys.get(KEYS_PER_CALL - 1).copied().unwrap_or(0);
    }

    /// Makes some unread tiles of a key ordinary that were made before a use, and those that are still wanted as if they
    /// were made now; says whether there were any.
    fn demote_earlier(&mut self, id: KeyId, than: Stamp, wants: &dyn Fn(Block) -> bool) -> bool {
        let earlier = self.keys[id as usize].take_earlier(than, DEMOTIONS_PER_CALL);
        for (slot, stamp) in &earlier {
            if !self.is_unread(*slot, *stamp) {
                continue;
            }
            let at = self
                .index
                .cell(self.records[*slot as usize].first_entry)
                .block();
            match wants(at) {
                true => self.renew(*slot, id, at.level),
                false => self.demote(*slot, *stamp),
            }
        }
        if !self.keys[id as usize].has_unread() {
            self.unread_keys.remove(&id);
        }
        !earlier.is_empty()
    }

    /// An unread buffer stays one as if it were made now.
    fn renew(&mut self, slot: Slot, id: KeyId, level: u32) {
        let stamp = stamp::unused();
        self.move_to(slot, Place::Unread, stamp);
        self.note_unread(slot, stamp, id, level);
    }

    /// Changes the budget. Shrinking evicts at once; held buffers beyond the new budget go outside.
    /// Interrupted, the budget is on its way there: at every instant it holds.
    pub fn set_budget(&mut self, budget: u64) -> Result<(), Interrupted> {
        self.trim_pool(0);
        self.shares.budget = budget;
        self.aside = self.aside_of(budget);
        let done = self.shrink_to(budget, &mut Patience::of_turn());
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
            if self.pool.bytes() > 0 {
                self.trim_pool(0);
                continue;
            }
            if self.evict_next(patience)? {
                continue;
            }
            let parked = |group| {
                let (stamp, slot) = self.order.first(group, Place::Parked)?;
                Some((stamp, slot, group))
            };
            let Some((stamp, slot, group)) = self.order.groups().filter_map(parked).min() else {
                break;
            };
            let latest = self.last_use(slot);
            if latest > stamp {
                self.order.postpone(group, Place::Parked, latest);
            } else {
                self.push_out(slot);
            }
        }
        Ok(())
    }

    /// Evicts the idle buffer that goes next, guaranteed ones when there are no others; false if none is idle.
    pub(super) fn evict_next(&mut self, patience: &mut Patience) -> Result<bool, Interrupted> {
        patience.spend()?;
        let mut victim = None;
        // Guarantees shrink with the budget; what rounding leaves of them does not count.
        for whose in [Whose::Any(COMMON), Whose::Even] {
            victim = match victim {
                None => self.next_victim(Class::Asked, whose, patience)?,
                found => found,
            };
        }
        let Some(victim) = victim else {
            return Ok(false);
        };
        let buffer = self.evict(victim);
        self.garbage.buffers.extend(buffer);
        Ok(true)
    }

    /// A held buffer goes outside the budget, findable until its last handle is gone.
    fn push_out(&mut self, slot: Slot) {
        let record = &mut self.records[slot as usize];
        record.standing = Standing::OverBudget;
        let (key, charge) = (record.key, record.charge());
        self.leave_budget(key, Place::Parked, charge);
        self.order.remove(self.group(slot), Place::Parked, slot);
        self.weigh(key, |bytes| bytes.over_budget += charge);
        // Released meanwhile, nobody else will free it.
        self.free(slot);
    }
}

#[cfg(test)]
pub(in crate::cache) mod tests {
    use crate::cache::{Cache, Options};
    use crate::dtype::DType;
    use crate::image::{Bands, Block};
    use crate::layout::{Layout, Shape};
    use crate::memory::{Canvas, Memory};
    use crate::tile::Tile;
    use std::cell::Cell;

    thread_local! {
        /// Later uses that this thread has learnt of, and buffers that it has evicted or set aside, since it
        /// took the books.
        pub static STEPS: Cell<usize> = const { Cell::new(0) };
        /// The most that it did while others waited.
        pub static MOST_STEPS: Cell<usize> = const { Cell::new(0) };
        /// All that it did.
        pub static ALL_STEPS: Cell<usize> = const { Cell::new(0) };
    }

    /// The books are given back.
    pub fn note_steps() {
        MOST_STEPS.set(MOST_STEPS.get().max(STEPS.get()));
        ALL_STEPS.set(ALL_STEPS.get() + STEPS.get());
    }

    fn tile() -> Tile {
        let shape = Shape {
            width: 64,
            height: 2,
            bands: 1,
        };
        let layout = Layout::packed(shape, DType::U8).unwrap();
        Tile::from_canvas(Canvas::new(Memory::zeroed(128).unwrap(), layout))
    }

    const TILES: u64 = 3000;

    fn at(row: u64) -> Block {
        Block::new(0, row, 0)
    }

    fn put(cache: &Cache, row: u64) {
        let pixels = tile().pixels().clone();
        cache.put("full", at(row), &Bands::ALL, pixels).unwrap();
    }

    fn is_there(cache: &Cache, row: u64) -> bool {
        let kept = cache.peek("full", at(row), &Bands::ALL);
        kept.unwrap().is_some()
    }

    /// A cache that is full of tiles, all used again but for the last.
    fn full() -> Cache {
        let cache = Cache::new(1 << 30, Options::default()).unwrap();
        (0..TILES).for_each(|row| put(&cache, row));
        cache.set_budget(cache.statistics().idle);
        sweep(&cache);
        cache
    }

    fn sweep(cache: &Cache) {
        for row in 0..TILES - 1 {
            drop(cache.get("full", at(row), &Bands::ALL).unwrap());
        }
        MOST_STEPS.set(0);
        ALL_STEPS.set(0);
    }

    #[test]
    fn after_many_hits_a_miss_learns_of_a_few_only() {
        let check = |what: &str| {
            let all = ALL_STEPS.replace(0);
            assert!(all > 0, "{what}: there was nothing to learn");
            // Two searches at most: for the tile, and for its key or view.
            assert!(all <= 2 * super::LOOKS_PER_CALL, "{what}: {all} steps");
        };
        let cache = full();
        put(&cache, TILES);
        check("a tile");
        sweep(&cache);
        let held = cache.get("full", at(TILES / 2), &Bands::ALL);
        let view = held.unwrap().unwrap().pixels().window(0, 0, 64, 1);
        cache.put("full", at(TILES + 1), &Bands::ALL, view).unwrap();
        check("a view");
        assert!(is_there(&cache, TILES + 1));
        sweep(&cache);
        let new = tile().pixels().clone();
        cache.put("other", at(0), &Bands::ALL, new).unwrap();
        check("a key");
    }

    #[test]
    fn a_held_tile_of_which_a_search_learnt_is_set_aside_once() {
        const LOOKS: u64 = super::LOOKS_PER_CALL as u64;
        let get = |cache: &Cache, row| cache.get("full", at(row), &Bands::ALL).unwrap();
        let cache = Cache::new(1 << 30, Options::default()).unwrap();
        (0..LOOKS / 2).for_each(|row| put(&cache, row));
        drop(get(&cache, 0));
        (LOOKS / 2..TILES).for_each(|row| put(&cache, row));
        (1..TILES).for_each(|row| drop(get(&cache, row)));
        cache.set_budget(cache.statistics().idle);
        let held = cache.peek("full", at(0), &Bands::ALL).unwrap();
        // The search learns of the first half, sets the held one aside, and learns of the second half.
        put(&cache, TILES);
        let gone: Vec<_> = (0..TILES).filter(|row| !is_there(&cache, *row)).collect();
        assert_eq!(gone, [LOOKS / 2]);
        drop(held);
        cache.set_budget(0);
        assert_eq!(cache.statistics().entries, 0);
    }

    #[test]
    fn the_order_is_exact_again_after_as_many_misses_as_it_takes_to_learn_of_all_hits() {
        let cache = full();
        put(&cache, TILES);
        // Of what was learnt of it is the oldest, though the last was not used at all.
        assert!(!is_there(&cache, 0) && is_there(&cache, TILES - 1));
        let misses = TILES / super::LOOKS_PER_CALL as u64 + 1;
        (1..misses).for_each(|miss| put(&cache, TILES + miss));
        assert!(!is_there(&cache, TILES - 1));
        let mut left = (0..TILES - 1).filter(|row| is_there(&cache, *row));
        let oldest = left.next().unwrap();
        put(&cache, TILES + misses);
        assert!(!is_there(&cache, oldest));
    }

    #[test]
    fn after_many_hits_others_wait_for_a_bounded_number_of_steps() {
        const MOST: usize =
            super::LOOKS_PER_CALL + super::STEPS_PER_TURN * (1 + super::LOOKS_PER_VICTIM);
        let cache = full();
        for change in [
            |cache: &Cache| {
                cache.statistics();
            },
            |cache: &Cache| cache.set_budget(TILES * 256),
            |cache: &Cache| assert!(cache.trim(u64::MAX) > 0),
        ] {
            sweep(&cache);
            change(&cache);
            assert!(ALL_STEPS.get() > TILES as usize / 2);
            assert!(MOST_STEPS.get() <= MOST, "{} at once", MOST_STEPS.get());
        }
    }
}
