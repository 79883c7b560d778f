//! Single flight: threads that want the same tile at the same time share one load.

use super::lineage::Moment;
use crate::error::{Error, Kind, Result};
use crate::image::{Bands, Block};
use crate::sync::thread::{self, ThreadId};
use crate::sync::{Condvar, Mutex};
use crate::tile::Tile;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// What is being loaded: a block under a number that tells the providers of one table apart.
pub type FlightKey = (u32, Block);

/// One load in progress.
pub struct Flight {
    bands: Bands,
    /// When its request began.
    begun: Moment,
    loader: ThreadId,
    outcome: Mutex<Option<Result<Tile>>>,
    landed: Condvar,
}

impl Flight {
    /// Sleeps until the load has ended. The result is the loader's, with the bands of the flight.
    ///
    /// An error at once on the loader's own thread, which would wait for itself.
    pub fn wait(&self) -> Result<(Tile, Bands)> {
        if self.loader == thread::current().id() {
            return Err(Error::new(
                Kind::Reentrant,
                "the tile is being loaded by the thread that asks for it",
            ));
        }
        let mut outcome = self.outcome.lock();
        loop {
            match &*outcome {
                Some(Ok(tile)) => return Ok((tile.clone(), self.bands.clone())),
                Some(Err(error)) => return Err(error.clone()),
                None => self.landed.wait(&mut outcome),
            }
        }
    }
}

/// The loads in progress.
#[derive(Default)]
pub struct Flights(Mutex<HashMap<FlightKey, SmallVec<[Arc<Flight>; 1]>>>);

/// What a thread that wants a tile has to do.
pub enum Ticket<'a> {
    /// Load it.
    Load(Departure<'a>),
    /// Wait for who does.
    Join(Arc<Flight>),
}

impl Flights {
    /// Joins the load of a block with all of `bands` among its own and begun no earlier than
    /// `oldest`, or starts one.
    pub fn join_or_start(
        &self,
        key: FlightKey,
        bands: &Bands,
        all: u32,
        begun: Moment,
        oldest: Moment,
    ) -> Ticket<'_> {
        let mut table = self.0.lock();
        let flights = table.entry(key).or_default();
        if let Some(flight) = flights.iter().find(|flight| {
            flight.begun >= oldest && bands.positions_in(&flight.bands, all).is_some()
        }) {
            return Ticket::Join(flight.clone());
        }
        let flight = Arc::new(Flight {
            bands: bands.clone(),
            begun,
            loader: thread::current().id(),
            outcome: Mutex::new(None),
            landed: Condvar::new(),
        });
        flights.push(flight.clone());
        Ticket::Load(Departure {
            flights: self,
            key,
            flight,
        })
    }

    /// Whether a block with these bands is being loaded.
    pub fn contains(&self, key: FlightKey, bands: &Bands, all: u32) -> bool {
        self.0.lock().get(&key).is_some_and(|flights| {
            flights
                .iter()
                .any(|flight| bands.positions_in(&flight.bands, all).is_some())
        })
    }
}

/// The duty to end a load that was started. Dropped on the way of a panic it fails those who wait.
pub struct Departure<'a> {
    flights: &'a Flights,
    key: FlightKey,
    flight: Arc<Flight>,
}

impl Departure<'_> {
    /// Ends the load and wakes those who wait for it, and nobody else.
    pub fn land(self, outcome: Result<Tile>) {
        *self.flight.outcome.lock() = Some(outcome);
    }
}

impl Drop for Departure<'_> {
    fn drop(&mut self) {
        {
            let mut table = self.flights.0.lock();
            if let Some(flights) = table.get_mut(&self.key) {
                flights.retain(|flight| !Arc::ptr_eq(flight, &self.flight));
                if flights.is_empty() {
                    table.remove(&self.key);
                }
            }
        }
        self.flight
            .outcome
            .lock()
            .get_or_insert_with(|| Err(Error::internal("the load of this tile panicked")));
        self.flight.landed.notify_all();
    }
}
