//! Shares: what a key may take of the budget at most, and what others leave to it.

use super::evict::{Interrupted, Patience, Whose};
use super::{Class, Standing, Store};
use crate::cache::eviction_order::{COMMON, Group};
use crate::error::{Error, Result};
use hashbrown::HashMap;
use std::collections::BTreeMap;

#[derive(Default)]
struct Share {
    /// `u64::MAX` for none.
    maximum: u64,
    guarantee: u64,
    resident: u64,
    reserved: u64,
    /// The part of `resident` that was chosen to go.
    chosen: u64,
}

impl Share {
    fn taken(&self) -> u64 {
        self.resident + self.reserved - self.chosen
    }
}

/// The shares of a cache. They outlive the keys that they are given to.
#[derive(Default)]
pub(super) struct Shares {
    /// The budget, or the one that it is on its way to.
    pub(super) budget: u64,
    groups: HashMap<String, Group>,
    all: BTreeMap<Group, Share>,
    /// The group made last; no number is used twice.
    latest: Group,
    guaranteed: u64,
}

impl Shares {
    /// No shares, in a cache of this budget.
    pub(super) fn new(budget: u64) -> Self {
        Self {
            budget,
            ..Self::default()
        }
    }

    /// Where the buffers of a key stand in line.
    pub(super) fn group(&self, key: &str) -> Group {
        self.groups.get(key).copied().unwrap_or(COMMON)
    }

    /// What a group has to give up before it may take `bytes` more.
    pub(super) fn excess(&self, group: Group, bytes: u64) -> u64 {
        self.all.get(&group).map_or(0, |share| {
            (share.taken() + bytes).saturating_sub(share.maximum)
        })
    }

    /// Whether a group may lose `bytes` to another one. In a budget that was shrunk below the sum of the
    /// guarantees, all of them shrink in proportion.
    pub(super) fn can_spare(&self, group: Group, bytes: u64) -> bool {
        self.all.get(&group).is_none_or(|share| {
            let mut guarantee = share.guarantee;
            if self.guaranteed > self.budget {
                let scaled = u128::from(guarantee) * u128::from(self.budget);
                guarantee = (scaled / u128::from(self.guaranteed)) as u64;
            }
            share.resident - share.chosen >= guarantee.saturating_add(bytes)
        })
    }

    pub(super) fn enter(&mut self, group: Group, bytes: u64) {
        self.change(group, |share| share.resident += bytes);
    }

    pub(super) fn leave(&mut self, group: Group, bytes: u64) {
        self.change(group, |share| share.resident -= bytes);
    }

    pub(super) fn reserve(&mut self, group: Group, bytes: u64) {
        self.change(group, |share| share.reserved += bytes);
    }

    pub(super) fn cancel(&mut self, group: Group, bytes: u64) {
        self.change(group, |share| share.reserved -= bytes);
    }

    pub(super) fn choose(&mut self, group: Group, bytes: u64) {
        self.change(group, |share| share.chosen += bytes);
    }

    pub(super) fn put_back(&mut self, group: Group, bytes: u64) {
        self.change(group, |share| share.chosen -= bytes);
    }

    fn change(&mut self, group: Group, change: impl FnOnce(&mut Share)) {
        if let Some(share) = self.all.get_mut(&group) {
            change(share);
        }
    }

    /// Sets or removes the share of a key; says in which group the key's buffers are from now on.
    fn set(&mut self, key: &str, maximum: u64, guarantee: u64) -> Result<Group> {
        if maximum != 0 && guarantee > maximum {
            return Err(Error::argument(format!(
                "a guarantee of {guarantee} bytes above the maximum of {maximum}"
            )));
        }
        let old = self.groups.get(key).and_then(|group| self.all.get(group));
        let others = self.guaranteed - old.map_or(0, |share| share.guarantee);
        let budget = self.budget;
        if guarantee > 0 && others.saturating_add(guarantee) > budget {
            return Err(Error::argument(format!(
                "a guarantee of {guarantee} bytes beside {others} guaranteed to other keys, \
                 in a budget of {budget}"
            )));
        }
        self.guaranteed = others + guarantee;
        if (maximum, guarantee) == (0, 0) {
            self.groups.remove(key);
            return Ok(COMMON);
        }
        let group = *self.groups.entry_ref(key).or_insert_with(|| {
            self.latest += 1;
            self.latest
        });
        let share = self.all.entry(group).or_default();
        share.maximum = if maximum == 0 { u64::MAX } else { maximum };
        share.guarantee = guarantee;
        Ok(group)
    }
}

impl Store {
    /// Gives a key a maximum and a guarantee in bytes, 0 for none; time in proportion to what is
    /// resident. Returns where its buffers stand in line now.
    pub fn set_share(&mut self, text: &str, maximum: u64, guarantee: u64) -> Result<Group> {
        let old = self.shares.group(text);
        let new = self.shares.set(text, maximum, guarantee)?;
        if old == new {
            return Ok(new);
        }
        if let Some(key) = self.find_key(text) {
            self.keys[key as usize].group = new;
            for (slot, record) in &self.records {
                if let Standing::Resident(place) = record.standing
                    && record.key == key
                {
                    let stamp = self.order.remove(old, place, slot as u32);
                    self.order.add(new, place, slot as u32, stamp);
                    self.shares.leave(old, record.charge());
                    self.shares.enter(new, record.charge());
                }
            }
        }
        if old != COMMON {
            self.shares.all.remove(&old);
            self.order.forget(old);
        }
        Ok(new)
    }

    /// Evicts what a group has beyond its maximum, as far as it is idle.
    pub fn shrink_share(&mut self, group: Group) -> std::result::Result<(), Interrupted> {
        let mut patience = Patience::of_turn();
        while self.shares.excess(group, 0) > 0 {
            patience.spend()?;
            let own = Whose::Own(group);
            let Some(victim) = self.next_victim(Class::Asked, own, &mut patience)? else {
                break;
            };
            let buffer = self.evict(victim);
            self.garbage.buffers.extend(buffer);
        }
        Ok(())
    }
}
