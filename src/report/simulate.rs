//! What another budget would have done: the requests that a cache has noted, served once more by a cache of figures.
//!
//! It evicts as the cache does: by last use over all that it has, tiles and the blocks beneath them; what is made along
//! with a tile takes no more than the unread share, and goes after what was used. With one block in so many sampled, all
//! sizes and the budget are smaller by as much (Waldspurger and others, "Cache modeling and optimization using miniature
//! simulations", ATC 2017).

use crate::cache::{Leaf, Observed, ObservedNode as Node, Part};
use crate::image::Block;
use hashbrown::{HashMap, HashSet};

/// So many tiles are made along with one at most.
const MOST_SIBLINGS: usize = 4096;

/// No cell.
const NONE: u32 = u32::MAX;

/// What was decoded of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Decoded {
    /// In blocks.
    pub blocks: f64,
    /// Of distinct blocks.
    pub distinct: f64,
}

impl Decoded {
    /// How often a block was decoded; 0 if none was.
    pub fn each(&self) -> f64 {
        match self.distinct > 0.0 {
            true => self.blocks / self.distinct,
            false => 0.0,
        }
    }
}

/// The requests of a cache, ready to be served by caches of any budget.
pub struct Trace<'a> {
    observed: &'a Observed,
    unread_percent: u32,
    /// The cells that are made along with a cell, itself among them, by rows and columns.
    groups: Vec<Vec<u32>>,
    group_of: Vec<u32>,
    /// How many cells there are, with those that nobody asked for.
    cells: usize,
    /// Of such a cell the one whose size it has.
    like: Vec<u32>,
    /// The cells that need a kept block.
    above: HashMap<u32, Vec<u32>>,
    /// The sources whose blocks are kept beneath what is made of them, as by provider_cached.
    kept_blocks: HashSet<u32>,
}

impl<'a> Trace<'a> {
    /// The requests that a cache has noted, of which unread tiles may take so much.
    pub fn new(observed: &'a Observed, unread_percent: u32) -> Self {
        let nodes = &observed.nodes;
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut group_of = vec![NONE; nodes.len()];
        let mut by_parts: HashMap<(u32, u32, &[Part]), u32> = HashMap::new();
        let mut like = Vec::new();
        let mut above: HashMap<u32, Vec<u32>> = HashMap::new();
        for (number, node) in (0..).zip(nodes) {
            for part in &node.parts {
                if let Part::Cell(cell) = *part
                    && nodes[cell as usize].is_kept
                {
                    above.entry(cell).or_default().push(number);
                }
            }
            if node.siblings.is_none() {
                continue;
            }
            let (key, at) = node.name;
            let next = groups.len() as u32;
            let group = *by_parts
                .entry((key, at.level, &node.parts[..]))
                .or_insert(next);
            if group == next {
                groups.push(Vec::new());
            }
            groups[group as usize].push(number);
            group_of[number as usize] = group;
        }
        let mut cells = nodes.len();
        for group in &mut groups {
            group.sort_by_key(|cell| place(&nodes[*cell as usize]));
            let first = group[0];
            let all = nodes[first as usize]
                .siblings
                .map_or(0, |all| all.count as usize + 1);
            // Those that nobody asked for are made too, and take room.
            for _ in group.len()..all.min(MOST_SIBLINGS) {
                group.push(cells as u32);
                like.push(first);
                cells += 1;
            }
        }
        Self {
            observed,
            unread_percent,
            groups,
            group_of,
            cells,
            like,
            above,
            kept_blocks: HashSet::new(),
        }
    }

    /// The same requests, where the cache keeps the blocks of a source beneath what is made of them.
    pub fn keeping_blocks(mut self, source: u32) -> Self {
        self.kept_blocks.insert(source);
        self
    }

    /// What would be decoded of each source, by the number of its key, within a budget.
    pub fn decoded(&self, budget: u64) -> HashMap<u32, Decoded> {
        let mut cache = Simulated::new(self, budget);
        for demand in &self.observed.demands {
            cache.get(demand.node, demand.is_kept);
        }
        cache.decoded
    }

    /// The bytes of all cells together, and of the blocks of sources where those are kept: with more, nothing goes.
    pub fn all_bytes(&self) -> u64 {
        let mut sum: f64 = (0..self.cells as u32).map(|cell| self.size(cell)).sum();
        for leaf in &self.observed.leaves {
            sum += self.block_bytes(leaf).unwrap_or(0) as f64;
        }
        let unread = f64::from(self.unread_percent.max(1)) / 100.0;
        (sum * f64::from(1 << self.observed.shift) / unread).ceil() as u64
    }

    fn node(&self, cell: u32) -> &'a Node {
        let nodes = &self.observed.nodes;
        let own = (cell as usize).checked_sub(nodes.len());
        let known = own.map_or(cell, |at| self.like[at]);
        &nodes[known as usize]
    }

    /// What a cell takes, as far as what it is made from is sampled.
    fn size(&self, cell: u32) -> f64 {
        let node = self.node(cell);
        let (all, sampled) = node.leaves;
        node.bytes as f64 * sampled / all.max(1.0)
    }

    fn block_bytes(&self, leaf: &Leaf) -> Option<u64> {
        self.kept_blocks
            .contains(&leaf.name.0)
            .then_some(leaf.bytes)
    }
}

/// Where a cell is, in row order.
fn place(node: &Node) -> (u32, u64, u64) {
    let Block { level, row, col } = node.name.1;
    (level, row, col)
}

/// What a cell of a simulated cache is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    /// Being made.
    Making,
    Used,
    Unread,
}

/// A cache of figures. Cells come first, then the blocks of sources.
struct Simulated<'a> {
    trace: &'a Trace<'a>,
    budget: f64,
    share: f64,
    states: Vec<State>,
    sizes: Vec<f64>,
    used: List,
    unread: List,
    links: Vec<(u32, u32)>,
    taken: f64,
    taken_unread: f64,
    decoded: HashMap<u32, Decoded>,
    was_decoded: Vec<bool>,
    /// Cells that were made before.
    was_made: Vec<bool>,
    /// How often a key was asked for a tile, and how often it was when each unread tile was made.
    requests: HashMap<u32, u64>,
    made_at: Vec<u64>,
    served: HashMap<(u32, u32), HashSet<u32>>,
}

/// The ends of a list of cells: the first goes first.
#[derive(Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

const EMPTY: List = List {
    first: NONE,
    last: NONE,
};

impl<'a> Simulated<'a> {
    fn new(trace: &'a Trace<'a>, budget: u64) -> Self {
        let leaves = trace.observed.leaves.iter();
        let blocks = leaves.map(|leaf| trace.block_bytes(leaf).unwrap_or(0) as f64);
        let sizes: Vec<f64> = (0..trace.cells as u32)
            .map(|cell| trace.size(cell))
            .chain(blocks)
            .collect();
        let budget = budget as f64 / f64::from(1 << trace.observed.shift);
        Self {
            budget,
            share: budget * f64::from(trace.unread_percent) / 100.0,
            states: vec![State::Absent; sizes.len()],
            links: vec![(NONE, NONE); sizes.len()],
            sizes,
            used: EMPTY,
            unread: EMPTY,
            taken: 0.0,
            taken_unread: 0.0,
            decoded: HashMap::new(),
            was_decoded: vec![false; trace.observed.leaves.len()],
            was_made: vec![false; trace.cells],
            requests: HashMap::new(),
            made_at: vec![0; trace.cells],
            served: HashMap::new(),
            trace,
        }
    }

    fn list(&mut self, state: State) -> &mut List {
        match state {
            State::Unread => &mut self.unread,
            _ => &mut self.used,
        }
    }

    fn push(&mut self, cell: u32, state: State) {
        let last = self.list(state).last;
        self.links[cell as usize] = (last, NONE);
        match last {
            NONE => self.list(state).first = cell,
            last => self.links[last as usize].1 = cell,
        }
        self.list(state).last = cell;
        self.states[cell as usize] = state;
        if state == State::Unread {
            self.taken_unread += self.sizes[cell as usize];
        }
    }

    /// Puts a cell before all that were used.
    fn push_first(&mut self, cell: u32) {
        let next = std::mem::replace(&mut self.used.first, cell);
        self.links[cell as usize] = (NONE, next);
        match next {
            NONE => self.used.last = cell,
            next => self.links[next as usize].0 = cell,
        }
        self.states[cell as usize] = State::Used;
    }

    fn unlink(&mut self, cell: u32) {
        let state = self.states[cell as usize];
        let (before, after) = self.links[cell as usize];
        match before {
            NONE => self.list(state).first = after,
            before => self.links[before as usize].1 = after,
        }
        match after {
            NONE => self.list(state).last = before,
            after => self.links[after as usize].0 = before,
        }
        if state == State::Unread {
            self.taken_unread -= self.sizes[cell as usize];
        }
        self.states[cell as usize] = State::Absent;
    }

    fn remove(&mut self, cell: u32) {
        self.unlink(cell);
        self.taken -= self.sizes[cell as usize];
    }

    /// Takes room for a cell: what was used goes, and then what is unread, if that may go. Says whether there is room.
    fn reserve(&mut self, cell: u32, spares_unread: bool) -> bool {
        let size = self.sizes[cell as usize];
        if size > self.budget {
            return false;
        }
        if self.taken + size > self.budget {
            self.demote_outdated();
        }
        while self.taken + size > self.budget {
            match (self.used.first, self.unread.first) {
                (NONE, NONE) => return false,
                (NONE, _) if spares_unread => return false,
                (NONE, unread) => self.remove(unread),
                (used, _) => self.remove(used),
            }
        }
        self.taken += size;
        true
    }

    /// Uses a cell, and makes it if it is not there.
    fn get(&mut self, cell: u32, is_kept: bool) {
        self.note_served(cell);
        let node = self.trace.node(cell);
        if node.is_view {
            // To use it is to use what it is a view of.
            return self.get_parts(node, is_kept);
        }
        match self.states[cell as usize] {
            State::Making => return,
            State::Absent => (),
            State::Unread if node.is_kept => return,
            State::Used | State::Unread => {
                self.unlink(cell);
                return self.push(cell, State::Used);
            }
        }
        let stays_unread = node.is_kept;
        let has_room = is_kept
            && match stays_unread {
                true => {
                    self.taken_unread + self.sizes[cell as usize] <= self.share
                        && self.reserve(cell, true)
                }
                false => self.reserve(cell, false),
            };
        self.states[cell as usize] = State::Making;
        self.was_made[cell as usize] = true;
        let along = match is_kept && self.is_worth_siblings(node) {
            true => self.begin_siblings(cell),
            false => Vec::new(),
        };
        self.get_parts(node, is_kept);
        along.into_iter().for_each(|other| self.end_sibling(other));
        self.states[cell as usize] = State::Absent;
        match (has_room, stays_unread) {
            (true, true) => self.push(cell, State::Unread),
            (true, false) => self.push(cell, State::Used),
            (false, _) => (),
        }
        for part in &node.parts {
            if let Part::Cell(beneath) = *part {
                self.give_up(beneath);
            }
        }
    }

    /// Uses what a cell is made from.
    fn get_parts(&mut self, node: &Node, is_kept: bool) {
        for part in &node.parts {
            match *part {
                Part::Cell(beneath) => self.get(beneath, is_kept),
                Part::Leaf(leaf) => self.decode(leaf, is_kept),
            }
        }
    }

    /// Whether others are made along with a cell: always where what is beneath is not kept, else where it did not stay.
    fn is_worth_siblings(&self, node: &Node) -> bool {
        let is_lost = |part: &Part| match *part {
            Part::Cell(beneath) => {
                let beneath = beneath as usize;
                self.was_made[beneath] && self.states[beneath] == State::Absent
            }
            Part::Leaf(_) => false,
        };
        let siblings = node.siblings.as_ref();
        siblings.is_some_and(|it| !it.only_of_lost || node.parts.iter().any(is_lost))
    }

    /// A block that is kept beside tiles goes when the last of them was made.
    fn give_up(&mut self, cell: u32) {
        let is_kept = self.trace.node(cell).is_kept && self.states[cell as usize] == State::Unread;
        let Some(above) = self.trace.above.get(&cell).filter(|_| is_kept) else {
            return;
        };
        let is_made =
            |above: &u32| self.states[*above as usize] != State::Absent || self.was_served(*above);
        if above.iter().all(is_made) {
            self.remove(cell);
        }
    }

    /// A source decodes a block, unless the block is kept.
    fn decode(&mut self, leaf: u32, is_kept: bool) {
        let of = self.trace.observed.leaves[leaf as usize];
        let cell = (self.trace.cells + leaf as usize) as u32;
        let stays = self.trace.block_bytes(&of).is_some();
        if stays && self.states[cell as usize] == State::Used {
            self.unlink(cell);
            return self.push(cell, State::Used);
        }
        let decoded = self.decoded.entry(of.name.0).or_default();
        decoded.blocks += f64::from(of.weight);
        if !std::mem::replace(&mut self.was_decoded[leaf as usize], true) {
            decoded.distinct += f64::from(of.weight);
        }
        if stays && is_kept && self.reserve(cell, false) {
            self.push(cell, State::Used);
        }
    }

    /// Unread tiles are like those that were used, and go before them, when as many tiles were asked for since as the
    /// level has.
    fn demote_outdated(&mut self) {
        while self.unread.first != NONE {
            let first = self.unread.first;
            let node = self.trace.node(first);
            let Some(siblings) = node.siblings else {
                return;
            };
            let requests = self.requests.get(&node.name.0).copied().unwrap_or(0);
            if requests - self.made_at[first as usize] < siblings.of_level {
                return;
            }
            self.unlink(first);
            self.push_first(first);
        }
    }

    /// Begins the tiles that the blocks of one hold too, the nearest after it first, as far as there is room for them.
    /// Nothing takes it from them while they are made.
    fn begin_siblings(&mut self, cell: u32) -> Vec<u32> {
        let trace = self.trace;
        let mut begun = Vec::new();
        let Some(group) = trace.groups.get(trace.group_of[cell as usize] as usize) else {
            return begun;
        };
        self.demote_outdated();
        let own = group.iter().position(|other| *other == cell).unwrap_or(0);
        let (before, after) = group.split_at(own);
        let nearest = after.iter().skip(1).chain(before.iter().rev());
        for other in nearest.copied() {
            let is_there = self.states[other as usize] != State::Absent;
            if is_there || self.was_served(other) {
                continue;
            }
            let fits = self.taken_unread + self.sizes[other as usize] <= self.share;
            if !fits || !self.reserve(other, true) {
                break;
            }
            self.states[other as usize] = State::Making;
            self.taken_unread += self.sizes[other as usize];
            begun.push(other);
        }
        begun
    }

    /// A tile that was begun along with another is there, and unread.
    fn end_sibling(&mut self, cell: u32) {
        self.taken_unread -= self.sizes[cell as usize];
        let key = self.trace.node(cell).name.0;
        self.made_at[cell as usize] = self.requests.get(&key).copied().unwrap_or(0);
        self.push(cell, State::Unread);
    }

    /// A tile that was served is not made ahead until the others of its level had their turn.
    fn note_served(&mut self, cell: u32) {
        let node = self.trace.node(cell);
        let Some(siblings) = node.siblings else {
            return;
        };
        let (key, at) = node.name;
        *self.requests.entry(key).or_default() += 1;
        let served = self.served.entry((key, at.level)).or_default();
        served.insert(cell);
        if served.len() as u64 >= siblings.of_level {
            served.clear();
        }
    }

    fn was_served(&self, cell: u32) -> bool {
        let node = self.trace.node(cell);
        let (key, at) = node.name;
        let served = self.served.get(&(key, at.level));
        served.is_some_and(|served| served.contains(&cell))
    }
}
