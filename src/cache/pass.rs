//! A declared pass as caches know it: the cells that its steps use, listed before they begin.

use super::index::Cell;
use super::plan::{Listed, PassId, Step};
use super::store::Store;
use super::tier::Asking;
use super::{Cache, Namespace};
use crate::image::{Bands, Block};
use crate::provider::Provider;
use crate::sync::Mutex;

/// The most cells of one step that are listed: what a tile over very many blocks needs beyond that is not known ahead.
const MOST_LISTED: usize = 4096;

/// Positions of pixels that cost as much to compute as a cell costs to list, or more.
const POSITIONS_OF_CELL: u64 = 1024;

/// What one step uses, of all caches.
#[derive(Default)]
pub(super) struct Listing {
    cells: Vec<(Cache, Cell, Option<u32>)>,
    /// How many positions were computed for it.
    positions: u64,
    /// The place of what is made from the next ones.
    within: Option<u32>,
}

impl Listing {
    /// Lists a cell; what is listed until [`Listing::leave`] is beneath it. Returns what is around it, or `None` where
    /// there is enough.
    pub(super) fn enter(&mut self, namespace: &Namespace, at: Block) -> Option<Option<u32>> {
        if self.cells.len() >= MOST_LISTED {
            return None;
        }
        let outer = self.within;
        if let Some((cache, cell)) = namespace.place_of(at) {
            self.within = Some(self.cells.len() as u32);
            self.cells.push((cache.clone(), cell, outer));
        }
        Some(outer)
    }

    pub(super) fn note_positions(&mut self, positions: u64) {
        self.positions = self.positions.saturating_add(positions);
    }

    pub(super) fn leave(&mut self, outer: Option<u32>) {
        self.within = outer;
    }

    /// Those of one cache. What is made in another one is not known to be there.
    fn of(&self, cache: &Cache) -> Vec<Listed> {
        let mut places = vec![None; self.cells.len()];
        let mut listed: Vec<Listed> = Vec::new();
        for (place, (of, cell, within)) in self.cells.iter().enumerate() {
            if of.is(cache) {
                places[place] = Some(listed.len() as u32);
                listed.push((*cell, within.and_then(|within| places[within as usize])));
            }
        }
        listed
    }
}

/// A pass in all caches that its tiles and what is beneath them are kept in. It ends when this is dropped.
pub struct Pass {
    id: PassId,
    caches: Mutex<Vec<Cache>>,
}

impl Pass {
    /// A pass that begins. If it streams, what it brings is the next to go, before all that others use: the latter gives
    /// no room beyond what the first tiles take.
    pub fn new(streams: bool) -> Self {
        Self {
            id: PassId::next(streams),
            caches: Mutex::default(),
        }
    }

    /// Its number.
    pub fn id(&self) -> PassId {
        self.id
    }

    /// Plans the next step, which makes a tile of a provider; returns how many cells it uses, and what it cost to know
    /// that, in cells.
    pub fn plan(
        &self,
        step: Step,
        provider: &dyn Provider,
        at: Block,
        bands: &Bands,
    ) -> (usize, usize) {
        let mut listing = Listing::default();
        Asking::list(provider, at, bands, &mut listing);
        let known: Vec<Cache> = {
            let mut caches = self.caches.lock();
            for (cache, ..) in &listing.cells {
                if !caches.iter().any(|known| known.is(cache)) {
                    cache.0.with(|store| store.begin_pass(self.id));
                    caches.push(cache.clone());
                }
            }
            caches.clone()
        };
        for cache in known {
            let listed = listing.of(&cache);
            cache.0.with(|store| store.add_step(self.id, step, &listed));
        }
        let cells = listing.cells.len();
        (
            cells,
            cells + (listing.positions / POSITIONS_OF_CELL) as usize,
        )
    }

    /// All steps are planned.
    pub fn complete(&self) {
        self.each(|cache| cache.0.with(|store| store.complete_pass(self.id)));
    }

    /// Makes room for the tile of a step that is to be made ahead, of what is used later; says whether there is room.
    pub fn has_room(&self, cache: &Cache, step: Step, bytes: u64) -> bool {
        let make_room = |store: &mut Store| store.make_room_for_step(self.id, step, bytes as usize);
        cache.0.until_done(make_room)
    }

    /// A step begins.
    pub fn begin(&self, step: Step) {
        self.each(|cache| cache.0.with(|store| store.begin_step(self.id, step)));
    }

    /// A step is over, and those before `left_behind` will not be made.
    pub fn end(&self, step: Step, left_behind: Step) {
        self.each(|cache| {
            cache
                .0
                .with(|store| store.end_step(self.id, step, left_behind));
        });
    }

    fn each(&self, work: impl Fn(&Cache)) {
        let caches = self.caches.lock().clone();
        caches.iter().for_each(work);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        for cache in self.caches.get_mut() {
            cache.0.with(|store| store.end_pass(self.id));
        }
    }
}
