//! Declared passes: what goes where the order of uses to come is known.
//!
//! After LRU-SP (Cao, Felten and Li, "Application-controlled file caching", OSDI 1994): the moments of use say who gives
//! room, as without passes, and where that is a pass, its plan says what it gives. The buffer whose turn it is stays if
//! a pass will use it, and takes the place in line of the one that goes instead: of those that the pass brought the one
//! whose next use is farthest away for what it weighs. So nobody else loses more than by a reader without a plan.

use super::evict::{Interrupted, Patience, Victim, Whose};
use super::{Class, Standing, Store};
use crate::cache::eviction_order::{Group, Place, Slot};
use crate::cache::index::Cell;
use crate::cache::plan::{Distance, Listed, NEVER, PassId, Plan, Step};
use crate::cache::stamp;

impl Store {
    /// From now on a pass has a plan here.
    pub fn begin_pass(&mut self, id: PassId) {
        self.plans.push(Plan::new(id));
    }

    /// A pass is over: what it brought and nobody used since is as any other.
    pub fn end_pass(&mut self, id: PassId) {
        let Some(nth) = self.nth_plan(id) else { return };
        let plan = self.plans.swap_remove(nth);
        for slot in plan.own() {
            if let Standing::Resident(Place::Unread) = self.records[slot as usize].standing
                && let Some(stamp) = self.order.stamp(self.group(slot), Place::Unread, slot)
            {
                self.demote(slot, stamp);
            }
        }
    }

    fn nth_plan(&self, id: PassId) -> Option<usize> {
        self.plans.iter().position(|plan| plan.id == id)
    }

    fn plan(&self, id: PassId) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.id == id)
    }

    fn plan_mut(&mut self, id: PassId) -> Option<&mut Plan> {
        self.plans.iter_mut().find(|plan| plan.id == id)
    }

    /// Adds a step to a pass.
    pub fn add_step(&mut self, id: PassId, step: Step, listed: &[Listed]) {
        let (index, links) = (&self.index, &self.links);
        let resident = |cell: &Cell| {
            let entry = index.entries_of(cell).last().copied()?;
            Some(links[entry as usize].slot)
        };
        let plan = self.plans.iter_mut().find(|plan| plan.id == id);
        if let Some(plan) = plan {
            plan.add_step(step, listed, resident);
        }
    }

    /// All steps of a pass are known.
    pub fn complete_pass(&mut self, id: PassId) {
        if let Some(plan) = self.plan_mut(id) {
            plan.complete();
        }
    }

    /// A step of a pass begins.
    pub fn begin_step(&mut self, id: PassId, step: Step) {
        if let Some(plan) = self.plan_mut(id) {
            plan.begin(step);
        }
    }

    /// A step of a pass is over, and so are those before the second one given.
    pub fn end_step(&mut self, id: PassId, step: Step, left_behind: Step) {
        let Some(nth) = self.nth_plan(id) else { return };
        let behind = self.plans[nth].left_behind(left_behind);
        for step in behind.chain([step]) {
            for slot in self.plans[nth].end(step) {
                self.settle(nth, slot, false);
            }
        }
    }

    /// Makes room for the tile of a step as for one that the pass makes ahead; says whether there is room.
    pub fn make_room_for_step(
        &mut self,
        id: PassId,
        step: Step,
        bytes: usize,
    ) -> Result<bool, Interrupted> {
        let Some(cell) = self.plan(id).and_then(|plan| plan.tile(step)) else {
            return Ok(false);
        };
        let room = self.reserve(cell.key, bytes, Class::Planned(id, cell))?;
        Ok(room.map(|room| self.cancel(room)).is_some())
    }

    /// When a pass uses some cells next.
    pub fn next_uses(&self, id: PassId, cells: &[Cell]) -> Vec<Step> {
        let plan = self.plan(id);
        let when = |cell| plan.map_or(NEVER, |plan| plan.when(cell));
        cells.iter().map(when).collect()
    }

    /// The cell that a buffer was made for.
    fn made_for(&self, slot: Slot) -> Option<Cell> {
        let entry = self.entries_of(slot).last()?;
        Some(self.index.cell(entry))
    }

    /// Tells the plans what has come into a cell.
    pub(super) fn plan_entry(&mut self, cell: Cell, slot: Slot, class: Class, is_view: bool) {
        let record = &self.records[slot as usize];
        let is_resident = matches!(record.standing, Standing::Resident(_));
        let ahead = match class {
            Class::Planned(..) => record.charge(),
            _ => 0,
        };
        let by = class.pass().filter(|_| is_resident && !is_view);
        let mut own = None;
        let bytes = record.charge();
        for (nth, plan) in self.plans.iter_mut().enumerate() {
            if !is_view {
                plan.weigh(&cell, bytes);
            }
            let is_own = by == Some(plan.id);
            plan.enter(&cell, slot, is_own.then_some(ahead), is_view);
            own = own.or(is_own.then_some(nth));
        }
        if let Some(nth) = own {
            self.settle(nth, slot, true);
        }
    }

    /// Tells the plans that the buffer of a cell has gone.
    pub(super) fn plan_exit(&mut self, cell: &Cell, slot: Slot) {
        for plan in &mut self.plans {
            plan.leave(cell, slot);
        }
    }

    /// A buffer that a pass brought is used, or has just come: it stands where its next use wants it, or is the next to
    /// go if there is none.
    fn settle(&mut self, nth: usize, slot: Slot, is_new: bool) {
        let Some(cell) = self.made_for(slot) else {
            return;
        };
        let group = self.group(slot);
        let Standing::Resident(place) = self.records[slot as usize].standing else {
            return;
        };
        if !is_new && self.is_used_by_others(slot, group, place) {
            return self.plans[nth].disown(&cell);
        }
        if self.plans[nth].is_done_with(&cell) {
            self.plans[nth].disown(&cell);
            let to = if place == Place::Parked {
                place
            } else {
                Place::Used
            };
            return self.move_to(slot, to, stamp::unused());
        }
        if !is_new && place != Place::Unread {
            let stamp = match self.plans[nth].id.streams {
                true => stamp::unused(),
                false => stamp::used(),
            };
            self.move_to(slot, place, stamp);
        }
        if place != Place::Parked {
            self.plans[nth].offer(&cell, group, place == Place::Unread);
        }
    }

    /// Whether others than passes have used a buffer since its place in line was told.
    fn is_used_by_others(&self, slot: Slot, group: Group, place: Place) -> bool {
        self.order.stamp(group, place, slot) < Some(self.last_use(slot))
    }

    /// A tile of its own is being made for a pass ahead of its use.
    pub(super) fn expect(&mut self, class: Class) {
        if let Class::Planned(id, cell) = class
            && let Some(plan) = self.plan_mut(id)
        {
            plan.expect(&cell);
        }
    }

    /// Undoes [`Store::expect`].
    pub(super) fn expect_no_more(&mut self, class: Class) {
        if let Class::Planned(id, cell) = class
            && let Some(plan) = self.plan_mut(id)
        {
            plan.expect_no_more(&cell);
        }
    }

    /// The buffer that goes in place of one whose turn it is: the pass that will use that one gives another.
    pub(super) fn given_instead(&mut self, first: &Victim, class: Class) -> Option<Victim> {
        if self.plans.is_empty() || matches!(class, Class::Ahead(_) | Class::PassingUnread) {
            return None;
        }
        let cell = self.made_for(first.slot)?;
        let will_use = |plan: &Plan| plan.when(&cell) != NEVER;
        let nth = self.plans.iter().position(will_use)?;
        let victim = self.farther(nth, first.group, self.plans[nth].how_far(&cell), false)?;
        if let Place::Used | Place::Cheap | Place::Once = first.place {
            let stamp = match self.plans[nth].id.streams {
                true => victim.stamp,
                false => stamp::as_use(victim.stamp),
            };
            let later = first.stamp.max(stamp);
            self.order.remove(first.group, first.place, first.slot);
            self.order.add(first.group, first.place, first.slot, later);
        }
        Some(victim)
    }

    /// Of the buffers that a pass brought the one whose next use is farthest, if it is farther than another.
    fn farther(
        &mut self,
        nth: usize,
        group: Group,
        than: Distance,
        only_unread: bool,
    ) -> Option<Victim> {
        loop {
            let (slot, distance) = self.plans[nth].farthest(group, only_unread)?;
            if distance <= than {
                return None;
            }
            let cell = self.made_for(slot)?;
            let place = match self.records[slot as usize].standing {
                Standing::Resident(place) if place != Place::Parked => place,
                _ => {
                    self.plans[nth].keep(&cell);
                    continue;
                }
            };
            if self.is_used_by_others(slot, group, place) {
                self.plans[nth].disown(&cell);
            } else if self.seems_held(slot) {
                self.plans[nth].keep(&cell);
            } else if only_unread && place != Place::Unread {
                self.plans[nth].offer(&cell, group, false);
            } else {
                let stamp = self.order.stamp(group, place, slot)?;
                return Some(Victim::given(slot, group, place, stamp));
            }
        }
    }

    /// What a pass gives up for a tile that it makes ahead, where nothing else may go.
    pub(super) fn given_ahead(&mut self, class: Class, whose: Whose) -> Option<Victim> {
        let (Class::Planned(id, cell), Whose::Own(group) | Whose::Any(group)) = (class, whose)
        else {
            return None;
        };
        let nth = self.nth_plan(id)?;
        self.farther(nth, group, self.plans[nth].how_far(&cell), false)
    }

    /// Whether a buffer takes no room from a pass that makes a tile ahead: it will use that before, or another pass has
    /// made it ahead.
    pub(super) fn is_spared(&self, victim: &Victim, class: Class) -> bool {
        let Class::Planned(id, cell) = class else {
            return false;
        };
        let (Some(plan), Some(other)) = (self.plan(id), self.made_for(victim.slot)) else {
            return false;
        };
        plan.how_far(&other) <= plan.how_far(&cell)
            || victim.place == Place::Unread && !plan.is_own(&other)
    }

    /// Says whether the unread share has room for a tile that is made ahead. For one of a pass, brings what is made ahead
    /// down until it has: a pass gives what it uses farther away than that; and what it has beyond an even part, to a pass that has less.
    pub(super) fn make_unread_room(
        &mut self,
        class: Class,
        group: Group,
        charge: u64,
        patience: &mut Patience,
    ) -> Result<bool, Interrupted> {
        let share = self.unread_share();
        let of_pass = match class {
            Class::Planned(id, cell) => self.nth_plan(id).map(|nth| (nth, cell)),
            _ => None,
        };
        let Some((nth, cell)) = of_pass else {
            return Ok(self.unread + self.reserved_unread + charge <= share);
        };
        let distance = self.plans[nth].how_far(&cell);
        if distance == NEVER {
            return Ok(false);
        }
        let even = share / self.plans.len() as u64;
        while self.unread + self.reserved_unread + charge > share {
            patience.spend()?;
            let victim = match self.farther(nth, group, distance, true) {
                None if self.plans[nth].ahead() + charge <= even => {
                    let most = (0..self.plans.len()).max_by_key(|nth| self.plans[*nth].ahead());
                    let most = most.filter(|most| self.plans[*most].ahead() > even);
                    most.and_then(|most| self.farther(most, group, 0, true))
                }
                own => own,
            };
            let Some(victim) = victim else {
                return Ok(false);
            };
            self.take_out(&victim);
            let buffer = self.evict(victim);
            self.garbage.buffers.extend(buffer);
        }
        Ok(true)
    }

    /// Whether a pass brought a buffer and will use it.
    pub(super) fn is_awaited(&self, slot: Slot) -> bool {
        let mut plans = self.plans.iter();
        let awaits = |cell: &Cell| plans.any(|plan| plan.is_own(cell) && plan.when(cell) != NEVER);
        !self.plans.is_empty() && self.made_for(slot).as_ref().is_some_and(awaits)
    }

    /// A later use of a buffer was learnt of, which is none of a pass: it is not a pass's own any more.
    pub(super) fn note_use_of_others(&mut self, slot: Slot) {
        if self.plans.is_empty() {
            return;
        }
        if let Some(cell) = self.made_for(slot) {
            self.plans.iter_mut().for_each(|plan| plan.disown(&cell));
        }
    }

    /// A buffer is chosen to go: no pass may offer it meanwhile.
    pub(super) fn offer_no_more(&mut self, slot: Slot) {
        if self.plans.is_empty() {
            return;
        }
        if let Some(cell) = self.made_for(slot) {
            self.plans.iter_mut().for_each(|plan| plan.keep(&cell));
        }
    }

    /// A buffer that was chosen stays.
    pub(super) fn offer_again(&mut self, slot: Slot) {
        if self.plans.is_empty() {
            return;
        }
        let group = self.group(slot);
        let is_unread = self.records[slot as usize].is_unread();
        if let Some(cell) = self.made_for(slot) {
            let own = self.plans.iter_mut().filter(|plan| plan.is_own(&cell));
            own.for_each(|plan| plan.offer(&cell, group, is_unread));
        }
    }
}
