//! What a request needs: the cells that its tile is made from, of all caches, and the blocks that sources decode.

use super::{ANY, Demand, Leaf, Node, Observed, Observer, Part, Siblings};

use crate::cache::index::Cell;
use crate::cache::store::ENTRY_BYTES;
use crate::cache::{Asking, Cache, Namespace};
use crate::image::{Bands, Block};
use crate::provider::{Provider, Request, Retention};
use crate::sync::atomic::Ordering;
use std::sync::Arc;

/// So many cells and blocks are looked at for one request.
const MOST_LOOKED_AT: usize = 1 << 14;

/// What one request needs.
#[derive(Default)]
pub struct Needs {
    needed: Vec<Needed>,
    /// What the next ones are parts of.
    within: Option<usize>,
    is_too_much: bool,
}

struct Needed {
    what: What,
    key: Arc<str>,
    at: Block,
    within: Option<usize>,
}

enum What {
    Leaf {
        weight: f32,
        bytes: u64,
    },
    Cell {
        cache: Cache,
        cell: Cell,
        bytes: u64,
        /// What its cache knows of it already.
        known: Option<u32>,
        siblings: Option<Siblings>,
        is_kept: bool,
        is_view: bool,
        /// It is there, so that what is beneath is not asked for.
        is_resident: bool,
    },
}

/// How a cache makes a tile, where that is not by itself.
#[derive(Clone, Copy, Debug)]
pub enum ObservedTile {
    /// Others are made along with it.
    With(Siblings),
    /// It is a view of what the cache has anyway.
    View,
    /// It is a block that is kept beside tiles until the last of them is made.
    Kept,
}

/// Notes a request from outside for a block of a provider in the caches that are observed.
#[inline]
pub fn note_request(provider: &dyn Provider, at: Block, bands: &Bands, request: &Request<'_>) {
    if ANY.load(Ordering::Acquire) {
        note(provider, at, bands, request);
    }
}

#[cold]
fn note(provider: &dyn Provider, at: Block, bands: &Bands, request: &Request<'_>) {
    let is_kept = match request.retention() {
        Retention::Ahead(_) => return,
        Retention::Bypassed => false,
        Retention::Kept | Retention::Streamed | Retention::Planned(_) => true,
    };
    let mut needs = Needs::default();
    Asking::observe(provider, at, bands, &mut needs);
    needs.tell(is_kept);
}

impl Needs {
    /// Looks at a cell; what is looked at until [`Needs::leave`] is a part of it. Returns what it is a part of itself,
    /// or `None` where it need not be looked at further.
    pub fn enter(
        &mut self,
        namespace: &Namespace,
        (at, bands): (Block, &Bands),
        bytes: u64,
    ) -> Option<Option<usize>> {
        let outer = self.within;
        if self.is_full() {
            return None;
        }
        let Some((cache, cell)) = namespace.place_of(at) else {
            return Some(outer);
        };
        let is_root = !self.is_within(cache);
        let is_resident = is_root && namespace.contains(at, bands);
        let known = cache.observer().and_then(|observer| {
            let observed = observer.0.lock();
            let number = observed.find(namespace.key(), at)?;
            Some((number, observed.nodes[number as usize].has_others))
        });
        self.needed.push(Needed {
            what: What::Cell {
                cache: cache.clone(),
                cell,
                bytes: bytes + ENTRY_BYTES,
                known: known.map(|(number, _)| number),
                siblings: None,
                is_kept: false,
                is_view: false,
                is_resident,
            },
            key: namespace.shared_key().clone(),
            at,
            within: outer,
        });
        let is_over = match known {
            // What is resident is not made, and what is beneath has been looked at.
            Some((_, has_others)) => is_resident || !has_others,
            None => is_resident && cache.observer().is_none(),
        };
        if is_over {
            return None;
        }
        self.within = Some(self.needed.len() - 1);
        Some(outer)
    }

    /// Ends what [`Needs::enter`] began.
    pub fn leave(&mut self, outer: Option<usize>) {
        self.within = outer;
    }

    /// A block that a source decodes, or such a part of one.
    pub fn decode(&mut self, key: &str, at: Block, weight: f64, bytes: u64) {
        if !self.is_full() {
            self.needed.push(Needed {
                what: What::Leaf {
                    weight: weight as f32,
                    bytes: bytes + ENTRY_BYTES,
                },
                key: key.into(),
                at,
                within: self.within,
            });
        }
    }

    /// How the cell that is being looked at is made.
    pub fn is_made(&mut self, tile: ObservedTile) {
        if let Some(within) = self.within
            && let What::Cell {
                siblings,
                bytes,
                is_kept,
                is_view,
                ..
            } = &mut self.needed[within].what
        {
            match tile {
                ObservedTile::With(others) => *siblings = Some(others),
                ObservedTile::View => (*is_view, *bytes) = (true, ENTRY_BYTES),
                ObservedTile::Kept => *is_kept = true,
            }
        }
    }

    fn is_full(&mut self) -> bool {
        self.is_too_much |= self.needed.len() >= MOST_LOOKED_AT;
        self.is_too_much
    }

    /// Whether what is looked at is beneath a cell of a cache.
    fn is_within(&self, cache: &Cache) -> bool {
        let mut around = self
            .within
            .into_iter()
            .flat_map(|at| [at].into_iter().chain(self.around(at)));
        around.any(|at| self.is_of(at, cache))
    }

    /// What something is a part of, from within outwards.
    fn around(&self, at: usize) -> impl Iterator<Item = usize> {
        let within = |at: &usize| self.needed[*at].within;
        std::iter::successors(within(&at), within)
    }

    fn is_of(&self, at: usize, of: &Cache) -> bool {
        matches!(&self.needed[at].what, What::Cell { cache, .. } if cache.is(of))
    }

    /// Tells the caches what was asked of them.
    fn tell(self, is_kept: bool) {
        let mut parts = vec![Vec::new(); self.needed.len()];
        for (at, needed) in self.needed.iter().enumerate() {
            if let Some(within) = needed.within {
                parts[within].push(at);
            }
        }
        for at in 0..self.needed.len() {
            let What::Cell { cache, cell, .. } = &self.needed[at].what else {
                continue;
            };
            let Some(observer) = cache.observer() else {
                continue;
            };
            // What is beneath others of the cache is a part of them, and what is there needs nothing beneath.
            let is_resident = |at: usize| matches!(&self.needed[at].what, What::Cell { is_resident, .. } if *is_resident);
            let mut around = self.around(at);
            if around.any(|at| self.is_of(at, cache) || is_resident(at)) {
                continue;
            }
            let is_noted = self.tell_root(observer, cache, at, &parts, is_kept);
            if !is_noted {
                cache.0.index.observe_no_more(cell);
            }
        }
    }

    /// Tells a cache of a request; says whether anything of it is sampled.
    fn tell_root(
        &self,
        observer: &Observer,
        cache: &Cache,
        at: usize,
        parts: &[Vec<usize>],
        is_kept: bool,
    ) -> bool {
        let mut observed = observer.0.lock();
        if self.is_too_much {
            observed.left_out += 1;
            return true;
        }
        let Some(Part::Cell(node)) = self.add(&mut observed, cache, at, parts).0 else {
            return false;
        };
        observed.note(Demand { node, is_kept });
        observed.bound();
        true
    }

    /// Adds what was looked at to what a cache knows: the part, if anything of it is sampled; how many leaves it has, and
    /// whether cells of other caches are beneath.
    fn add(
        &self,
        observed: &mut Observed,
        of: &Cache,
        at: usize,
        parts: &[Vec<usize>],
    ) -> (Option<Part>, f64, bool) {
        let Needed {
            what,
            key,
            at: block,
            ..
        } = &self.needed[at];
        let (bytes, siblings, is_kept, is_view) = match what {
            What::Leaf { weight, bytes } => {
                let leaf = of_block(*block, *weight, *bytes, false);
                return (observed.leaf(key, leaf).map(Part::Leaf), 1.0, false);
            }
            What::Cell { cache, bytes, .. } if !cache.is(of) => {
                let leaf = of_block(*block, 1.0, *bytes, true);
                return (observed.leaf(key, leaf).map(Part::Leaf), 1.0, true);
            }
            What::Cell {
                known: Some(node), ..
            } if observed.nodes.get(*node as usize).is_some_and(|known| {
                known.name.1 == *block && *observed.keys[known.name.0 as usize] == **key
            }) =>
            {
                let known = &observed.nodes[*node as usize];
                return (Some(Part::Cell(*node)), known.leaves.0, known.has_others);
            }
            What::Cell {
                bytes,
                siblings,
                is_kept,
                is_view,
                ..
            } => (*bytes, *siblings, *is_kept, *is_view),
        };
        if let Some(node) = observed.find(key, *block) {
            let known = &observed.nodes[node as usize];
            return (Some(Part::Cell(node)), known.leaves.0, known.has_others);
        }
        let (mut own, mut leaves, mut has_others) = (Vec::new(), 0.0, false);
        for beneath in &parts[at] {
            let (part, of_part, others) = self.add(observed, of, *beneath, parts);
            own.extend(part);
            leaves += of_part;
            has_others |= others;
        }
        let sampled = own.iter().map(|part| observed.leaves_of(*part).1).sum();
        let is_cell = |part: &Part| matches!(part, Part::Cell(_));
        let name = (observed.key_number(key), *block);
        let node = observed.add(Node {
            name,
            bytes,
            leaves: (leaves, sampled),
            siblings,
            is_kept,
            is_view: is_view && own.iter().all(is_cell),
            parts: own.into(),
            has_others,
        });
        (node.map(Part::Cell), leaves, has_others)
    }
}

/// A leaf whose key has no number yet.
fn of_block(at: Block, weight: f32, bytes: u64, is_elsewhere: bool) -> Leaf {
    Leaf {
        name: (0, at),
        weight,
        bytes,
        is_elsewhere,
    }
}
