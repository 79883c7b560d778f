//! Exact least-recently-used order over buffers, with those that callers hold set aside.

use super::list::List;
use std::collections::BTreeSet;

/// When a buffer was last used: a number that grows with every use.
pub type Stamp = u64;

/// The number under which the ledger knows a buffer.
pub type Slot = u32;

/// Where a buffer stands in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the list of used buffers, in order of use.
    Listed,
    /// Older than everything listed: it was held when its turn to go came, or was never used.
    Returned,
    /// Made ahead of its first use.
    Unread,
    /// Found held when its turn to go came; looked at again only when the last handle is gone.
    Parked,
}

/// The order in which buffers go.
///
/// A buffer found held is parked with the stamp of its last use. At that moment nothing listed is
/// older, and nothing listed later can be, so the parked ones that return are all older than the
/// list and only need an order among themselves: exact LRU at O(log n) a return, with one look at a
/// held buffer per hold.
#[derive(Default)]
pub struct Recency {
    listed: List,
    returned: BTreeSet<(Stamp, Slot)>,
    unread: BTreeSet<(Stamp, Slot)>,
    parked: BTreeSet<(Stamp, Slot)>,
}

impl Recency {
    /// Puts a buffer in a place where it is not yet.
    pub fn add(&mut self, slot: Slot, stamp: Stamp, place: Place) {
        match self.sorted(place) {
            Some(sorted) => drop(sorted.insert((stamp, slot))),
            None => self.listed.push(slot),
        }
    }

    /// Takes a buffer out of the place where it is.
    pub fn remove(&mut self, slot: Slot, stamp: Stamp, place: Place) {
        match self.sorted(place) {
            Some(sorted) => drop(sorted.remove(&(stamp, slot))),
            None => self.listed.remove(slot),
        }
    }

    /// The buffers of a place that is sorted by stamps; the list is in order by itself.
    fn sorted(&mut self, place: Place) -> Option<&mut BTreeSet<(Stamp, Slot)>> {
        match place {
            Place::Listed => None,
            Place::Returned => Some(&mut self.returned),
            Place::Unread => Some(&mut self.unread),
            Place::Parked => Some(&mut self.parked),
        }
    }

    /// Moves a listed buffer to the end of the list, as its latest use.
    pub fn refresh(&mut self, slot: Slot) {
        self.listed.move_to_end(slot);
    }

    /// The used buffer whose last use is oldest, and where it stands.
    pub fn oldest_used(&self) -> Option<(Slot, Place)> {
        match first(&self.returned) {
            Some(slot) => Some((slot, Place::Returned)),
            None => self.listed.first().map(|slot| (slot, Place::Listed)),
        }
    }

    /// The unread buffer made first.
    pub fn oldest_unread(&self) -> Option<Slot> {
        first(&self.unread)
    }

    /// The parked buffer whose last use is oldest.
    pub fn oldest_parked(&self) -> Option<Slot> {
        first(&self.parked)
    }
}

fn first(sorted: &BTreeSet<(Stamp, Slot)>) -> Option<Slot> {
    sorted.first().map(|(_, slot)| *slot)
}
