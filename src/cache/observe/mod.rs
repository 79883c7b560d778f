//! What is asked of a cache, by sampling, so that it can be told afterwards what another budget would have done.
//!
//! An observed cache notes each tile that is asked for from outside, and what that is made from: other cells of the
//! cache, and in the end blocks that a source decodes. Those blocks are sampled by a hash of their places, as in SHARDS
//! (Waldspurger and others, "Efficient MRC construction with SHARDS", FAST 2015): of what is not over a sampled block
//! nothing is kept. Where what is kept outgrows its bounds, half of the blocks are sampled from then on.
//!
//! A hit costs nothing more where a cache is not observed. Where it is, entries are marked so that their hits go the long
//! way, until it turns out that they are over no sampled block ([`Index::hit`](super::index::Index)).

mod needs;

pub use needs::{Needs, ObservedTile, note_request};

use crate::image::Block;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// Whether any cache is observed: without one nothing is looked at.
static ANY: AtomicBool = AtomicBool::new(false);

/// So many requests are kept at most, the latest ones.
const MAX_DEMANDS: usize = 1 << 16;

/// So many cells, blocks of sources, and links between them.
const MAX_NODES: usize = 1 << 15;
const MAX_LEAVES: usize = 1 << 15;
const MAX_PARTS: usize = 1 << 17;

/// With fewer blocks the sample is not halved: the oldest requests go instead.
const FEW_LEAVES: usize = 1 << 12;

/// Added to the level of what is read in windows by itself: such a leaf is no block, but a tile.
pub const WINDOWS: u32 = 1 << 16;

/// A cell: the number of its key, and its block.
pub type Name = (u32, Block);

/// What a cell is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Another cell of the cache, by its number.
    Cell(u32),
    /// Something that the cache does not keep, by its number.
    Leaf(u32),
}

/// A block that a source decodes, or a cell of another cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leaf {
    /// The number of the key, and the block.
    pub name: Name,
    /// How much of a block it is.
    pub weight: f32,
    /// What it would take of the budget.
    pub bytes: u64,
    /// Whether another cache keeps it.
    pub is_elsewhere: bool,
}

/// Tiles that are made along with one, because the same blocks hold them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Siblings {
    /// How many there are beside it.
    pub count: u32,
    /// How many tiles the level has.
    pub of_level: u64,
    /// They are made only where blocks beneath did not stay in the cache.
    pub only_of_lost: bool,
}

/// A cell that was asked for, or is beneath one that was.
#[derive(Clone, Debug)]
pub struct Node {
    /// Which cell it is.
    pub name: Name,
    /// What it takes of the budget.
    pub bytes: u64,
    /// What it is made from, as far as that is sampled.
    pub parts: Box<[Part]>,
    /// How many leaves are beneath it, and how many of them are sampled.
    pub leaves: (f64, f64),
    /// Set where the cache makes others along with it.
    pub siblings: Option<Siblings>,
    /// A block that is kept beside tiles until the last of them is made.
    pub is_kept: bool,
    /// It is a view of cells beneath it, and goes with them.
    pub is_view: bool,
    /// Cells of other caches are beneath it.
    has_others: bool,
}

/// A request from outside for a cell.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// The number of the cell.
    pub node: u32,
    /// Whether what is loaded for it is kept.
    pub is_kept: bool,
}

/// What is known of a cache that is observed.
#[derive(Clone, Default)]
pub struct Observed {
    /// The texts of keys, by number.
    pub keys: Vec<Arc<str>>,
    key_numbers: HashMap<Arc<str>, u32>,
    /// Cells, by number; what one is made from has lower numbers.
    pub nodes: Vec<Node>,
    known: HashMap<Name, u32>,
    /// Leaves, by number.
    pub leaves: Vec<Leaf>,
    known_leaves: HashMap<(Name, bool), u32>,
    parts: usize,
    /// The requests, the oldest first.
    pub demands: VecDeque<Demand>,
    /// One of so many blocks is sampled, as a power of two.
    pub shift: u32,
    /// Requests that are not among the demands any more.
    pub forgotten: u64,
    /// Requests for what is made from too much to be looked at.
    pub left_out: u64,
}

/// Observes a cache.
#[derive(Default)]
pub struct Observer(Mutex<Observed>);

impl Observer {
    /// An observer of a cache.
    pub fn new() -> Self {
        ANY.store(true, Ordering::Release);
        Self::default()
    }

    /// What is known so far.
    pub fn observed(&self) -> Observed {
        self.0.lock().clone()
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> u64 {
        self.0.lock().bytes() as u64
    }
}

/// Whether a block is in a sample of one in so many, as a power of two.
fn is_sampled(key: &str, at: Block, shift: u32) -> bool {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |word: u64| {
        hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    };
    key.bytes().for_each(|byte| add(byte.into()));
    [at.level.into(), at.row, at.col]
        .into_iter()
        .for_each(&mut add);
    add(1);
    hash.trailing_zeros() >= shift
}

impl Observed {
    fn bytes(&self) -> usize {
        let texts = self.keys.iter().map(|key| key.len() + 16);
        texts.sum::<usize>()
            + self.keys.capacity() * size_of::<Arc<str>>()
            + self.key_numbers.allocation_size()
            + self.nodes.capacity() * size_of::<Node>()
            + self.known.allocation_size()
            + self.leaves.capacity() * size_of::<Leaf>()
            + self.known_leaves.allocation_size()
            + self.parts * size_of::<Part>()
            + self.demands.capacity() * size_of::<Demand>()
    }

    fn key_number(&mut self, key: &Arc<str>) -> u32 {
        if let Some(number) = self.key_numbers.get(key) {
            return *number;
        }
        let number = self.keys.len() as u32;
        self.keys.push(key.clone());
        self.key_numbers.insert(key.clone(), number);
        number
    }

    /// The number of a cell that is known.
    fn find(&self, key: &str, at: Block) -> Option<u32> {
        let number = self.key_numbers.get(key)?;
        self.known.get(&(*number, at)).copied()
    }

    /// A leaf of a key, if it is sampled; its number is another then.
    fn leaf(&mut self, key: &Arc<str>, leaf: Leaf) -> Option<u32> {
        let (_, at) = leaf.name;
        if !is_sampled(key, at, self.shift) {
            return None;
        }
        let name = (self.key_number(key), at);
        let leaves = &mut self.leaves;
        let number = self.known_leaves.entry((name, leaf.is_elsewhere));
        Some(*number.or_insert_with(|| {
            leaves.push(Leaf { name, ..leaf });
            leaves.len() as u32 - 1
        }))
    }

    /// How many leaves are beneath a part, and how many of them are sampled.
    fn leaves_of(&self, part: Part) -> (f64, f64) {
        match part {
            Part::Cell(node) => self.nodes[node as usize].leaves,
            Part::Leaf(_) => (1.0, 1.0),
        }
    }

    /// Adds a cell, unless nothing beneath it is sampled.
    fn add(&mut self, node: Node) -> Option<u32> {
        if node.leaves.1 == 0.0 {
            return None;
        }
        let number = self.nodes.len() as u32;
        self.parts += node.parts.len();
        self.known.insert(node.name, number);
        self.nodes.push(node);
        Some(number)
    }

    /// Notes a request for a cell.
    fn note(&mut self, demand: Demand) {
        self.demands.push_back(demand);
    }

    /// Keeps what is known within its bounds.
    fn bound(&mut self) {
        let is_over = |observed: &Self| {
            observed.demands.len() > MAX_DEMANDS
                || observed.nodes.len() > MAX_NODES
                || observed.leaves.len() > MAX_LEAVES
                || observed.parts > MAX_PARTS
        };
        while is_over(self) {
            let before = self.demands.len();
            if self.leaves.len() < FEW_LEAVES {
                self.demands.drain(..before.div_ceil(2));
            } else {
                self.shift += 1;
            }
            self.rebuild();
            self.forgotten += (before - self.demands.len()) as u64;
        }
    }

    /// Forgets what no request needs, and what is not in the sample.
    fn rebuild(&mut self) {
        let mut is_needed = vec![false; self.nodes.len()];
        self.demands
            .iter()
            .for_each(|demand| is_needed[demand.node as usize] = true);
        for at in (0..self.nodes.len())
            .rev()
            .filter(|at| is_needed[*at])
            .collect::<Vec<_>>()
        {
            mark(&self.nodes, at, &mut is_needed);
        }
        let old = std::mem::take(self);
        (self.shift, self.forgotten, self.left_out) = (old.shift, old.forgotten, old.left_out);
        let mut moved = vec![None; old.nodes.len()];
        for (at, node) in old
            .nodes
            .iter()
            .enumerate()
            .filter(|(at, _)| is_needed[*at])
        {
            let mut parts = Vec::with_capacity(node.parts.len());
            for part in &node.parts {
                match *part {
                    Part::Cell(cell) => parts.extend(moved[cell as usize].map(Part::Cell)),
                    Part::Leaf(leaf) => {
                        let leaf = old.leaves[leaf as usize];
                        let key = &old.keys[leaf.name.0 as usize];
                        parts.extend(self.leaf(key, leaf).map(Part::Leaf));
                    }
                }
            }
            let sampled = parts.iter().map(|part| self.leaves_of(*part).1).sum();
            let (key, block) = node.name;
            let name = (self.key_number(&old.keys[key as usize]), block);
            moved[at] = self.add(Node {
                name,
                parts: parts.into(),
                leaves: (node.leaves.0, sampled),
                ..node.clone()
            });
        }
        let demands = old.demands.into_iter();
        self.demands = demands
            .filter_map(|demand| {
                let node = moved[demand.node as usize]?;
                Some(Demand { node, ..demand })
            })
            .collect();
    }
}

/// Marks what a cell is made from.
fn mark(nodes: &[Node], at: usize, is_needed: &mut [bool]) {
    for part in &nodes[at].parts {
        if let Part::Cell(cell) = *part
            && !std::mem::replace(&mut is_needed[cell as usize], true)
        {
            mark(nodes, cell as usize, is_needed);
        }
    }
}
