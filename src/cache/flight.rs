//! Single flight: threads that want the same tile at the same time share one load.

use super::lineage::Moment;
use crate::error::{Error, Kind, Result};
use crate::image::{Bands, Block};
use crate::load::{Awaited, Ends, Interest, Load, Waiting};
use crate::provider::Request;
use crate::sync::{Condvar, Mutex};
use crate::tile::Tile;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::sync::{Arc, Weak};

/// What is being loaded: a block under a number that tells the providers of one table apart.
pub type FlightKey = (u32, Block);

/// One load in progress.
pub struct Flight {
    bands: Bands,
    /// When its request began.
    begun: Moment,
    load: Arc<Load>,
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Default)]
struct State {
    outcome: Option<Result<Tile>>,
    /// Threads that wait for the loader.
    waiters: usize,
    /// The loader was told that nobody wants the tile, so nobody may come to want it.
    abandoned: bool,
}

/// The loader's flight, as its load sees it.
struct Passengers(Weak<Flight>);

impl Interest for Passengers {
    fn is_shared(&self) -> bool {
        let Some(flight) = self.0.upgrade() else {
            return false;
        };
        let mut state = flight.state.lock();
        state.abandoned |= state.waiters == 0;
        !state.abandoned
    }
}

impl Awaited for Flight {
    fn ends(&self) -> Ends {
        Ends::WithAll(vec![self.load.clone()])
    }

    fn wake(&self) {
        drop(self.state.lock());
        self.landed.notify_all();
    }
}

impl Flight {
    fn board(self: &Arc<Self>) -> Option<Joined> {
        let mut state = self.state.lock();
        if state.abandoned {
            return None;
        }
        state.waiters += 1;
        Some(Joined(self.clone()))
    }
}

/// A place among those who wait for a load.
pub struct Joined(Arc<Flight>);

impl Joined {
    /// Sleeps until the load has ended. The result is the loader's, with the bands of the flight;
    /// `None` if it ended because a reader beneath was cancelled, which is not the waiter's.
    ///
    /// An error at once if the request would wait for itself, or as soon as it is cancelled.
    pub fn wait(self, request: &Request<'_>) -> Result<Option<(Tile, Bands)>> {
        let flight = &self.0;
        let waiting = Waiting::begin(flight.clone(), request.cancels())?;
        let mut state = flight.state.lock();
        loop {
            match &state.outcome {
                Some(Ok(tile)) => return Ok(Some((tile.clone(), flight.bands.clone()))),
                Some(Err(error)) if error.kind() == Kind::Cancelled => return Ok(None),
                Some(Err(error)) => return Err(error.clone()),
                None if waiting.is_disturbed() => {
                    drop(state);
                    waiting.check()?;
                    state = flight.state.lock();
                }
                None => flight.landed.wait(&mut state),
            }
        }
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.waiters -= 1;
        let may_be_unwanted = state.waiters == 0 && state.outcome.is_none();
        drop(state);
        if may_be_unwanted {
            self.0.load.disturb();
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
    Join(Joined),
}

impl Flights {
    /// Joins the load of a block with all of `bands` among its own and begun no earlier than `oldest`.
    pub fn join(&self, key: FlightKey, bands: &Bands, all: u32, oldest: Moment) -> Option<Joined> {
        let table = self.0.lock();
        join(table.get(&key)?, bands, all, oldest)
    }

    /// [`Flights::join`], or starts a load.
    pub fn join_or_start(
        &self,
        key: FlightKey,
        bands: &Bands,
        all: u32,
        request: &Request<'_>,
        oldest: Moment,
    ) -> Ticket<'_> {
        let cancels = request.cancels();
        let mut table = self.0.lock();
        let flights = table.entry(key).or_default();
        if let Some(joined) = join(flights, bands, all, oldest) {
            return Ticket::Join(joined);
        }
        let flight = Arc::new_cyclic(|flight| Flight {
            bands: bands.clone(),
            begun: request.begun(),
            load: Load::begin(cancels, Passengers(flight.clone())),
            state: Mutex::default(),
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

fn join(flights: &[Arc<Flight>], bands: &Bands, all: u32, oldest: Moment) -> Option<Joined> {
    let fits = |flight: &&Arc<Flight>| {
        flight.begun >= oldest && bands.positions_in(&flight.bands, all).is_some()
    };
    flights.iter().filter(fits).find_map(Flight::board)
}

/// The duty to end a load that was started. Dropped on the way of a panic it fails those who wait.
pub struct Departure<'a> {
    flights: &'a Flights,
    key: FlightKey,
    flight: Arc<Flight>,
}

impl Departure<'_> {
    /// The load.
    pub fn load(&self) -> &Arc<Load> {
        &self.flight.load
    }

    /// Ends the load and wakes those who wait for it, and nobody else.
    pub fn land(self, outcome: Result<Tile>) {
        self.flight.state.lock().outcome = Some(outcome);
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
            .state
            .lock()
            .outcome
            .get_or_insert_with(|| Err(Error::internal("the load of this tile panicked")));
        self.flight.landed.notify_all();
    }
}
