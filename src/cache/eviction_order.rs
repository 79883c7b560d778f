//! Orders of least recent use that a use does not touch.
//!
//! A use only writes its stamp where its thread notes its own. An order keeps the stamp that it saw last,
//! which is never later, and gives the buffer whose *recorded* stamp is oldest. The search for a victim
//! looks at that buffer's true stamp and, if it is later, records it and asks again: the first whose
//! stamp is true is the least recently used of all.

use super::stamp::Stamp;
use std::collections::BTreeMap;

/// The number under which the store knows a buffer.
pub type Slot = u32;

/// Where a buffer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In line to be evicted: what was used, and before that what was not, as what a reader left that passed by.
    Used,
    /// In line before or after those by another rule, for it was used at one time only.
    Once,
    /// In line before those, for it was stitched from what the cache kept.
    Cheap,
    /// Made ahead of its first use.
    Unread,
    /// Made ahead for a reader that passes by.
    PassingUnread,
    /// Found held when its turn to go came; looked at again only when the last handle is gone.
    Parked,
}

/// The number of a group of buffers that stand in line together: those of a share, or all others.
pub type Group = u32;

/// The group of the buffers that are of no share.
pub const COMMON: Group = 0;

/// One order for each place.
type Orders = [Order; 6];

/// All orders of a cache; a buffer stands in at most one.
#[derive(Default)]
pub struct EvictionOrder {
    /// Where a slot stands in its order.
    positions: Vec<u32>,
    common: Orders,
    others: BTreeMap<Group, Orders>,
}

impl EvictionOrder {
    /// Puts a buffer in a place, with the stamp that it has or had.
    pub fn add(&mut self, group: Group, place: Place, slot: Slot, stamp: Stamp) {
        let at = slot as usize;
        if self.positions.len() <= at {
            reserve_gently(&mut self.positions, at + 1);
            self.positions.resize(at + 1, 0);
        }
        let (order, positions) = self.order(group, place);
        order.push(stamp, slot, positions);
    }

    /// Takes a buffer out of the place where it is, and returns its recorded stamp.
    pub fn remove(&mut self, group: Group, place: Place, slot: Slot) -> Stamp {
        let at = self.positions[slot as usize] as usize;
        let (order, positions) = self.order(group, place);
        let stamp = order.stamps[at];
        order.remove(at, positions);
        stamp
    }

    /// The stamp recorded for a buffer.
    pub fn stamp(&self, group: Group, place: Place, slot: Slot) -> Option<Stamp> {
        let at = self.positions[slot as usize] as usize;
        self.orders(group)?[place as usize].stamps.get(at).copied()
    }

    /// The buffer of a place whose recorded stamp is oldest.
    pub fn first(&self, group: Group, place: Place) -> Option<(Stamp, Slot)> {
        self.orders(group)?[place as usize].first()
    }

    /// Records a later stamp for the first buffer of a place.
    pub fn postpone(&mut self, group: Group, place: Place, stamp: Stamp) {
        let (order, positions) = self.order(group, place);
        order.replace_first(stamp, positions);
    }

    /// All groups that there are or were since they were last forgotten.
    pub fn groups(&self) -> impl Iterator<Item = Group> {
        std::iter::once(COMMON).chain(self.others.keys().copied())
    }

    /// Forgets a group in which nothing stands any more.
    pub fn forget(&mut self, group: Group) {
        self.others.remove(&group);
    }

    fn orders(&self, group: Group) -> Option<&Orders> {
        match group {
            COMMON => Some(&self.common),
            other => self.others.get(&other),
        }
    }

    fn order(&mut self, group: Group, place: Place) -> (&mut Order, &mut [u32]) {
        let orders = match group {
            COMMON => &mut self.common,
            other => self.others.entry(other).or_default(),
        };
        (&mut orders[place as usize], &mut self.positions)
    }
}

/// Children of a position: as many stamps as a line of the processor's caches holds.
const CHILDREN: usize = 8;

/// A heap of slots by their stamps, with the smallest first; equal stamps by slot.
#[derive(Default)]
struct Order {
    stamps: Vec<Stamp>,
    slots: Vec<Slot>,
}

impl Order {
    fn first(&self) -> Option<(Stamp, Slot)> {
        Some((*self.stamps.first()?, *self.slots.first()?))
    }

    fn push(&mut self, stamp: Stamp, slot: Slot, positions: &mut [u32]) {
        let at = self.stamps.len();
        reserve_gently(&mut self.stamps, at + 1);
        reserve_gently(&mut self.slots, at + 1);
        self.stamps.push(stamp);
        self.slots.push(slot);
        self.rise(at, (stamp, slot), positions);
    }

    fn remove(&mut self, at: usize, positions: &mut [u32]) {
        let last = (self.stamps.pop(), self.slots.pop());
        let (Some(stamp), Some(slot)) = last else {
            return;
        };
        if at == self.stamps.len() {
            return;
        }
        if at > 0 && (stamp, slot) < self.at((at - 1) / CHILDREN) {
            self.rise(at, (stamp, slot), positions);
        } else {
            self.sink(at, (stamp, slot), positions);
        }
    }

    fn replace_first(&mut self, stamp: Stamp, positions: &mut [u32]) {
        self.sink(0, (stamp, self.slots[0]), positions);
    }

    fn at(&self, at: usize) -> (Stamp, Slot) {
        (self.stamps[at], self.slots[at])
    }

    fn set(&mut self, at: usize, (stamp, slot): (Stamp, Slot), positions: &mut [u32]) {
        self.stamps[at] = stamp;
        self.slots[at] = slot;
        positions[slot as usize] = at as u32;
    }

    /// Puts an element at a free position or nearer to the front.
    fn rise(&mut self, mut at: usize, element: (Stamp, Slot), positions: &mut [u32]) {
        while at > 0 {
            let parent = (at - 1) / CHILDREN;
            if self.at(parent) <= element {
                break;
            }
            self.set(at, self.at(parent), positions);
            at = parent;
        }
        self.set(at, element, positions);
    }

    /// Puts an element at a free position or farther from the front.
    fn sink(&mut self, mut at: usize, element: (Stamp, Slot), positions: &mut [u32]) {
        loop {
            let children = at * CHILDREN + 1;
            let end = (children + CHILDREN).min(self.stamps.len());
            let Some(least) = (children..end).min_by_key(|child| self.at(*child)) else {
                break;
            };
            if element <= self.at(least) {
                break;
            }
            self.set(at, self.at(least), positions);
            at = least;
        }
        self.set(at, element, positions);
    }
}

/// Makes room for `len` elements by an eighth at a time, not by doubling: what an entry costs is
/// bounded.
pub fn reserve_gently<T>(vec: &mut Vec<T>, len: usize) {
    if vec.capacity() < len {
        vec.reserve_exact(len + len / 8 + 16 - vec.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn the_first_is_the_one_with_the_oldest_stamp(
            script in prop::collection::vec((0..4u8, 0..60u32, 0..1000u64), 0..400),
        ) {
            let mut order = EvictionOrder::default();
            let mut model = BTreeSet::new();
            let place = Place::Used;
            for (op, slot, stamp) in script {
                let known = model.iter().find(|(_, other)| *other == slot).copied();
                match (op, known) {
                    (0 | 1, None) => {
                        order.add(COMMON, place, slot, stamp);
                        model.insert((stamp, slot));
                    }
                    (2, Some(known)) => {
                        prop_assert_eq!(order.stamp(COMMON, place, slot), Some(known.0));
                        order.remove(COMMON, place, slot);
                        model.remove(&known);
                    }
                    (3, _) if !model.is_empty() => {
                        let (old, slot) = model.pop_first().unwrap();
                        order.postpone(COMMON, place, old + stamp);
                        model.insert((old + stamp, slot));
                    }
                    _ => (),
                }
                prop_assert_eq!(order.first(COMMON, place), model.first().copied());
            }
            while let Some((_, slot)) = order.first(COMMON, place) {
                prop_assert_eq!(order.first(COMMON, place), model.pop_first());
                order.remove(COMMON, place, slot);
            }
            prop_assert!(model.is_empty());
        }
    }
}
