//! What a load will have in flight at once, by the caches that count it.

use super::Cache;
use super::in_flight_cap::{Gate, Permit, Then};
use crate::error::Result;
use crate::load::Cancels;
use crate::tile::Tile;
use smallvec::SmallVec;
use std::sync::Arc;

/// The claims of one load and of all that it needs on its way, gathered before it begins.
#[derive(Default)]
pub struct Claims {
    /// The cache that counts what the provider asked now makes.
    counted_by: Option<Arc<Gate>>,
    all: SmallVec<[(Arc<Gate>, u64); 1]>,
    /// Tiles that are there already. Held, they still are when the load comes to them.
    found: SmallVec<[Tile; 1]>,
    /// One block stands for several, of which some may not be there.
    is_sample: bool,
}

/// The right to have in flight what was claimed, until it is dropped.
pub struct Permits {
    _of_gates: SmallVec<[Permit; 1]>,
    _found: SmallVec<[Tile; 1]>,
}

impl Claims {
    /// Claims memory for something that the provider asked now makes.
    pub fn add(&mut self, bytes: u64) {
        let Some(gate) = &self.counted_by else { return };
        match self.all.iter_mut().find(|(it, _)| Arc::ptr_eq(it, gate)) {
            Some((_, claimed)) => *claimed = claimed.saturating_add(bytes),
            None => self.all.push((gate.clone(), bytes)),
        }
    }

    /// Gathers the claims of what `cache` counts; without one, whoever counts what is around it does.
    pub fn counted_by(&mut self, cache: Option<&Cache>, claim: impl FnOnce(&mut Self)) {
        match cache {
            Some(cache) => {
                let outer = self.counted_by.replace(cache.0.gate.clone());
                claim(self);
                self.counted_by = outer;
            }
            None => claim(self),
        }
    }

    /// Gathers the claims of a block that stands for others, which are loaded one after the other.
    pub fn of_sample(&mut self, claim: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.is_sample, true);
        claim(self);
        self.is_sample = outer;
    }

    /// Nothing need be claimed for a tile that is resident; says whether it is.
    pub fn finds(&mut self, resident: impl FnOnce() -> Option<Tile>) -> bool {
        if self.is_sample {
            return false;
        }
        let tile = resident();
        let is_found = tile.is_some();
        self.found.extend(tile);
        is_found
    }

    /// What was claimed, if every cache admits it at once.
    pub fn try_admit(self) -> Option<Permits> {
        let permits = self.all.into_iter();
        Some(Permits {
            _of_gates: permits
                .map(|(gate, bytes)| gate.try_admit(bytes))
                .collect::<Option<_>>()?,
            _found: self.found,
        })
    }

    /// [`Claims::try_admit`]; where a cache does not admit it, `then` is called when it is worth trying again.
    pub fn admit_or(self, then: Then) -> Option<Permits> {
        let mut then = Some(then);
        let permits = self.all.into_iter();
        Some(Permits {
            _of_gates: permits
                .map(|(gate, bytes)| gate.admit_or(bytes, &mut then))
                .collect::<Option<_>>()?,
            _found: self.found,
        })
    }

    /// Waits until every cache admits what is claimed of it.
    ///
    /// Whoever waits at one gate has been admitted only by gates before it in one order, the same for
    /// all: those who were admitted everywhere wait for nobody, and let the others on.
    pub fn admit(mut self, cancels: &Cancels) -> Result<Permits> {
        self.all.sort_unstable_by_key(|(gate, _)| Arc::as_ptr(gate));
        let permits = self.all.into_iter();
        Ok(Permits {
            _of_gates: permits
                .map(|(gate, bytes)| gate.admit(bytes, cancels.clone()))
                .collect::<Result<_>>()?,
            _found: self.found,
        })
    }
}
