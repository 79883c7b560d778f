//! What a declared pass will use of a cache, and in which order.
//!
//! A pass is a number of steps, each of which makes one tile. A step uses cells of the cache: that of the tile, and
//! those of the blocks beneath it, each within the one that is made from it. A cell is not needed where what it would
//! be made into is there. So the next use of a cell is the first step that is still to come in which nothing above
//! it is there.
//!
//! Of blocks of one size, each of which saves one decode, that is all that counts (Belady, 1966). Tiles are of another
//! size than blocks, and one saves the decodes of all blocks beneath it. So the distance of a use is weighed: what takes
//! twice the bytes for each decode that it saves goes like what is used twice as far ahead.

use super::eviction_order::{COMMON, EvictionOrder, Group, Place, Slot};
use super::index::Cell;
use super::key::KeyId;
use crate::slab::NONE;
use crate::sync::Hashing;
use crate::sync::atomic::{AtomicU64, Ordering};
use hashbrown::HashMap;
use slab::Slab;
use std::collections::{BTreeMap, VecDeque};

/// The number of a pass in the process, and whether what it brings takes no room of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassId {
    number: u64,
    /// Whether what it brings is the next to go, before what others use.
    pub streams: bool,
}

impl PassId {
    /// A number that no other pass ever has.
    pub fn next(streams: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { number, streams }
    }
}

/// The number of a step of a pass.
pub type Step = u64;

/// The number of a cell within a plan.
pub type CellId = u32;

/// A cell that a step uses, and the place in the step of the cell that is made from it.
pub type Listed = (Cell, Option<u32>);

/// A use that is still to come or is going on.
struct Use {
    step: Step,
    within: CellId,
    /// From how many cells it is made in the step.
    beneath: u32,
}

/// A cell that some step uses, or that is there.
struct Planned {
    cell: Cell,
    /// By their steps.
    uses: VecDeque<Use>,
    /// The buffer that is there.
    slot: Slot,
    /// Whether what is there is a view of a buffer that stands for another cell.
    is_view: bool,
    /// Tiles that are made for the cell ahead of their use.
    coming: u32,
    /// Steps before this one had what they need when the buffer came.
    served: Step,
    /// Whether the pass brought the buffer: only such are its own to give up.
    is_own: bool,
    /// What that takes, if it was made ahead and is not used yet.
    ahead: u64,
    /// Where it stands among those, if it does.
    stands: Option<(Weight, Group, Place)>,
}

impl Planned {
    /// Whether what is beneath is not needed for it: a view needs its buffer.
    fn is_there(&self) -> bool {
        self.slot != NONE && !self.is_view || self.coming > 0
    }

    /// The uses that are still to come or are going on.
    fn to_come(&self) -> impl Iterator<Item = &Use> {
        let from = self.uses.partition_point(|use_| use_.step < self.served);
        self.uses.range(from..)
    }
}

/// The steps of a pass, as far as they are known, and what is there of what they use.
pub struct Plan {
    pub id: PassId,
    cells: Slab<Planned>,
    by_cell: HashMap<Cell, CellId, Hashing>,
    steps: VecDeque<Box<[CellId]>>,
    /// The number of the first of them.
    first: Step,
    /// The step after the latest one that has begun.
    begun: Step,
    /// Whether no steps are to follow.
    is_complete: bool,
    /// The pass's own buffers by what they weigh, the one first whose next use is farthest, in the groups of their shares.
    farthest: BTreeMap<Weight, EvictionOrder>,
    /// What the largest buffer took of each key and level.
    sizes: HashMap<(KeyId, u32), u64, Hashing>,
    /// What those take that were made ahead and are not used yet.
    ahead: u64,
}

/// A step so far away that it stands for none that is known.
pub const NEVER: Step = Step::MAX;

/// The bytes that a buffer takes for each decode that it saves, as four times their binary logarithm: so coarse that
/// there are few of them.
type Weight = u8;

/// The steps to the next use of a cell, as often as it weighs; [`NEVER`] if none is known.
pub type Distance = u64;

impl Plan {
    pub fn new(id: PassId) -> Self {
        Self {
            id,
            cells: Slab::new(),
            by_cell: HashMap::default(),
            steps: VecDeque::new(),
            first: 0,
            begun: 0,
            is_complete: false,
            farthest: BTreeMap::new(),
            sizes: HashMap::default(),
            ahead: 0,
        }
    }

    /// Adds a step after those that are known, with the cells that it uses; `resident` tells which buffer a cell has
    /// that was not known before.
    pub fn add_step(
        &mut self,
        step: Step,
        listed: &[Listed],
        resident: impl Fn(&Cell) -> Option<Slot>,
    ) {
        if self.steps.is_empty() {
            self.first = step;
        }
        while self.first + (self.steps.len() as Step) < step {
            self.steps.push_back(Box::default());
        }
        let mut ids: Vec<CellId> = Vec::with_capacity(listed.len());
        for (cell, within) in listed {
            let id = match self.by_cell.get(cell) {
                Some(known) => *known,
                None => {
                    let slot = resident(cell).unwrap_or(NONE);
                    self.add_cell(*cell, slot)
                }
            };
            let within = within.map_or(NONE, |place| ids[place as usize]);
            ids.push(id);
            let uses = &mut self.cells[id as usize].uses;
            // What two tiles of a step are made from is used for the first of them.
            if uses.back().is_none_or(|last| last.step < step) {
                let beneath = 0;
                uses.push_back(Use {
                    step,
                    within,
                    beneath,
                });
                let above = self.cells.get_mut(within as usize);
                if let Some(above) = above.and_then(|above| above.uses.back_mut()) {
                    above.beneath += 1;
                }
            }
        }
        for id in &ids {
            self.stand_anew(*id);
        }
        self.steps.push_back(ids.into());
    }

    fn add_cell(&mut self, cell: Cell, slot: Slot) -> CellId {
        let id = self.cells.insert(Planned {
            cell,
            uses: VecDeque::new(),
            slot,
            is_view: false,
            coming: 0,
            served: 0,
            is_own: false,
            ahead: 0,
            stands: None,
        }) as CellId;
        self.by_cell.insert(cell, id);
        id
    }

    /// The cell of the tile that a step makes.
    pub fn tile(&self, step: Step) -> Option<Cell> {
        let at = step.checked_sub(self.first)?;
        let id = self.steps.get(at as usize)?.first()?;
        Some(self.cells.get(*id as usize)?.cell)
    }

    /// No steps follow those that are known.
    pub fn complete(&mut self) {
        self.is_complete = true;
    }

    /// A step begins: what is made from now on is for those after it.
    pub fn begin(&mut self, step: Step) {
        self.begun = self.begun.max(step + 1);
    }

    /// Takes a step that is over out of the plan; returns the buffers that the pass brought and that it used.
    pub fn end(&mut self, step: Step) -> Vec<Slot> {
        let mut own = Vec::new();
        let at = step.checked_sub(self.first);
        let Some(ids) = at.and_then(|at| self.steps.get_mut(at as usize)) else {
            return own;
        };
        for id in std::mem::take(ids) {
            let Some(planned) = self.cells.get_mut(id as usize) else {
                continue;
            };
            if let Ok(at) = planned.uses.binary_search_by_key(&step, |it| it.step) {
                planned.uses.remove(at);
            }
            self.ahead -= std::mem::take(&mut planned.ahead);
            if planned.is_own && planned.slot != NONE {
                own.push(planned.slot);
            }
            self.stand_anew(id);
            self.forget_unused(id);
        }
        while self.steps.front().is_some_and(|ids| ids.is_empty()) {
            self.steps.pop_front();
            self.first += 1;
        }
        own
    }

    /// The steps before the one given that did not end.
    pub fn left_behind(&self, before: Step) -> std::ops::Range<Step> {
        self.first..before.max(self.first)
    }

    /// Forgets a cell that no step uses, unless the pass brought what is there.
    fn forget_unused(&mut self, id: CellId) {
        let planned = &self.cells[id as usize];
        let is_own = planned.is_own && planned.slot != NONE;
        if planned.uses.is_empty() && planned.coming == 0 && !is_own {
            self.withdraw(id);
            let planned = self.cells.remove(id as usize);
            self.by_cell.remove(&planned.cell);
        }
    }

    pub fn cell(&self, cell: &Cell) -> Option<CellId> {
        self.by_cell.get(cell).copied()
    }

    /// The next use of a cell.
    fn next_use(&self, id: CellId) -> Option<&Use> {
        let mut to_come = self.cells.get(id as usize)?.to_come();
        to_come.find(|use_| !self.is_covered(use_))
    }

    /// Whether something is there that is made from what a use is of.
    fn is_covered(&self, use_: &Use) -> bool {
        let mut within = use_.within;
        while let Some(above) = self.cells.get(within as usize) {
            if above.is_there() {
                return true;
            }
            let at = above.uses.binary_search_by_key(&use_.step, |it| it.step);
            within = at.map_or(NONE, |at| above.uses[at].within);
        }
        false
    }

    /// A buffer of a cell takes so many bytes.
    pub fn weigh(&mut self, cell: &Cell, bytes: u64) {
        let size = self.sizes.entry((cell.key, cell.level)).or_default();
        *size = bytes.max(*size);
    }

    /// The next use of a cell, and what its buffer weighs for it.
    fn weighed(&self, id: CellId) -> (Step, Weight) {
        let next = self.next_use(id);
        let cell = &self.cells[id as usize].cell;
        let size = self.sizes.get(&(cell.key, cell.level));
        let saves = next.map_or(1, |next| next.beneath.max(1));
        let bytes = *size.unwrap_or(&1) as f64 / f64::from(saves);
        let step = next.map_or(NEVER, |next| next.step);
        (step, (4.0 * bytes.log2()).round() as Weight)
    }

    fn distance(&self, step: Step, weight: Weight) -> Distance {
        if step == NEVER {
            return NEVER;
        }
        let steps = (step + 1).saturating_sub(self.begun).max(1);
        (steps as f64 * (f64::from(weight) / 4.0).exp2()) as Distance
    }

    /// Has one of the pass's own buffers stand where its next use wants it.
    fn stand_anew(&mut self, id: CellId) {
        let Some(standing) = self.cells.get(id as usize).and_then(|it| it.stands) else {
            return;
        };
        let slot = self.cells[id as usize].slot;
        let (step, weight) = self.weighed(id);
        let (old, group, place) = standing;
        let stamp = |order: &EvictionOrder| order.stamp(group, place, slot);
        // The least is the first to be given up.
        let nearness = NEVER - step;
        if old == weight && self.farthest.get(&old).and_then(stamp) == Some(nearness) {
            return;
        }
        self.withdraw(id);
        self.cells[id as usize].stands = Some((weight, group, place));
        let order = self.farthest.entry(weight).or_default();
        order.add(group, place, slot, nearness);
    }

    /// What is above some cells has come or gone: their next uses are others.
    fn uncover(&mut self, id: CellId) {
        let planned = self.cells.get(id as usize);
        // Each step that uses the cell uses the same beneath it.
        let Some(step) = planned.and_then(|planned| planned.uses.front()) else {
            return;
        };
        let Some(at) = step.step.checked_sub(self.first) else {
            return;
        };
        let ids = self.steps.get(at as usize).map_or(0, |ids| ids.len());
        for place in 0..ids {
            let other = self.steps[at as usize][place];
            if other != id {
                self.stand_anew(other);
            }
        }
    }

    /// A tile is being made for a cell ahead of its use.
    pub fn expect(&mut self, cell: &Cell) {
        if let Some(id) = self.cell(cell) {
            self.cells[id as usize].coming += 1;
            self.uncover(id);
        }
    }

    /// Undoes [`Plan::expect`].
    pub fn expect_no_more(&mut self, cell: &Cell) {
        let Some(id) = self.cell(cell) else { return };
        let planned = &mut self.cells[id as usize];
        planned.coming = planned.coming.saturating_sub(1);
        self.uncover(id);
        self.forget_unused(id);
    }

    /// A buffer has come into a cell, or a view of one that is there. If the pass brought it, it takes so many bytes
    /// of what is made ahead.
    pub fn enter(&mut self, cell: &Cell, slot: Slot, own: Option<u64>, is_view: bool) {
        let id = match self.cell(cell) {
            Some(id) => id,
            None if own.is_some() => self.add_cell(*cell, NONE),
            None => return,
        };
        self.give_up(id);
        let planned = &mut self.cells[id as usize];
        (planned.slot, planned.is_view) = (slot, is_view);
        (planned.is_own, planned.ahead) = (own.is_some(), own.unwrap_or(0));
        self.ahead += planned.ahead;
        let planned = &mut self.cells[id as usize];
        planned.served = self.begun;
        self.uncover(id);
    }

    /// The buffer of a cell has gone.
    pub fn leave(&mut self, cell: &Cell, slot: Slot) {
        let Some(id) = self.cell(cell) else { return };
        if self.cells[id as usize].slot != slot {
            return;
        }
        self.give_up(id);
        self.cells[id as usize].slot = NONE;
        self.uncover(id);
        self.forget_unused(id);
    }

    /// Counts a buffer among those that the pass gives up when it is its turn: as one that it has made ahead and not
    /// used, or not.
    pub fn offer(&mut self, cell: &Cell, group: Group, is_unread: bool) {
        let Some(id) = self.cell(cell) else { return };
        self.withdraw(id);
        let place = if is_unread {
            Place::Unread
        } else {
            Place::Used
        };
        let (step, weight) = self.weighed(id);
        let planned = &mut self.cells[id as usize];
        planned.stands = Some((weight, group, place));
        let order = self.farthest.entry(weight).or_default();
        order.add(group, place, planned.slot, NEVER - step);
    }

    /// Undoes [`Plan::offer`].
    fn withdraw(&mut self, id: CellId) {
        let planned = &mut self.cells[id as usize];
        let slot = planned.slot;
        let Some((weight, group, place)) = planned.stands.take() else {
            return;
        };
        if let Some(order) = self.farthest.get_mut(&weight) {
            order.remove(group, place, slot);
            let left = [Place::Used, Place::Unread];
            let is_empty = |place: &Place| order.first(group, *place).is_none();
            if group != COMMON && left.iter().all(is_empty) {
                order.forget(group);
            }
        }
    }

    /// The buffer of a cell is no longer one that the pass may give up.
    pub fn keep(&mut self, cell: &Cell) {
        if let Some(id) = self.cell(cell) {
            self.withdraw(id);
        }
    }

    /// Others use the buffer of a cell: it is not the pass's own any more.
    pub fn disown(&mut self, cell: &Cell) {
        if let Some(id) = self.cell(cell) {
            self.give_up(id);
            self.forget_unused(id);
        }
    }

    fn give_up(&mut self, id: CellId) {
        self.withdraw(id);
        let planned = &mut self.cells[id as usize];
        planned.is_own = false;
        self.ahead -= std::mem::take(&mut planned.ahead);
    }

    /// Whether the pass brought the buffer of a cell, and nobody else used it.
    pub fn is_own(&self, cell: &Cell) -> bool {
        let id = self.cell(cell);
        id.is_some_and(|id| self.cells[id as usize].is_own)
    }

    /// What the buffers take that the pass has made ahead and not used yet.
    pub fn ahead(&self) -> u64 {
        self.ahead
    }

    /// The buffer of a group that the pass gives up first, and how far away its use is; of those alone that it has made
    /// ahead, if that is all that helps.
    pub fn farthest(&self, group: Group, only_unread: bool) -> Option<(Slot, Distance)> {
        let firsts = self.farthest.iter().filter_map(|(weight, order)| {
            let used = order.first(group, Place::Used);
            let used = used.filter(|_| !only_unread);
            let unread = order.first(group, Place::Unread);
            let (nearness, slot) = used.into_iter().chain(unread).min()?;
            Some((slot, self.distance(NEVER - nearness, *weight)))
        });
        firsts.max_by_key(|(_, distance)| *distance)
    }

    /// When a cell is used next; [`NEVER`] where nothing is known of it.
    pub fn when(&self, cell: &Cell) -> Step {
        let next = self.cell(cell).and_then(|id| self.next_use(id));
        next.map_or(NEVER, |next| next.step)
    }

    /// How far away the next use of a cell is.
    pub fn how_far(&self, cell: &Cell) -> Distance {
        self.cell(cell).map_or(NEVER, |id| {
            let (step, weight) = self.weighed(id);
            self.distance(step, weight)
        })
    }

    /// Whether no step will use a cell.
    pub fn is_done_with(&self, cell: &Cell) -> bool {
        self.is_complete && self.when(cell) == NEVER
    }

    /// The buffers that the pass brought.
    pub fn own(&self) -> Vec<Slot> {
        let own = self.cells.iter().map(|(_, planned)| planned);
        let own = own.filter(|planned| planned.is_own && planned.slot != NONE);
        own.map(|planned| planned.slot).collect()
    }
}
