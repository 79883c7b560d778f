//! The in-flight cap: loads wait here, first come first served, before they own anything.
//!
//! Only requests from outside wait, each for all that its load will have in flight at once; what a
//! load asks for on its way never waits, so nobody who holds bytes waits for bytes.

use crate::error::Result;
use crate::load::{Awaited, Cancels, Ends, Waiting};
use crate::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After so long without the end of any load the first in the queue goes on all the same: what the
/// others do may depend on it in ways that cannot be seen from here.
const PATIENCE: Duration = Duration::from_secs(1);

/// Admits loads to a cache.
#[derive(Default)]
pub struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    cap: u64,
    /// Bytes of the loads that were admitted and have not ended. A single one may claim any number.
    admitted: u128,
    queue: VecDeque<Arc<Turn>>,
    /// When a load last ended.
    ended: Option<Instant>,
    counts: GateCounts,
}

/// What happened at a gate so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GateCounts {
    /// Loads that had to wait.
    pub queued: u64,
    /// Loads that went on beyond the cap because nothing had ended for too long.
    pub overdue: u64,
}

/// A load's place in the queue.
struct Turn {
    bytes: u64,
    called: Mutex<bool>,
    changed: Condvar,
}

impl Turn {
    fn call(&self) {
        *self.called.lock() = true;
        self.changed.notify_one();
    }
}

impl Awaited for Turn {
    fn ends(&self) -> Ends {
        // Only requests from outside wait here, and no load waits for one of them.
        Ends::WithAny(Vec::new())
    }

    fn wake(&self) {
        drop(self.called.lock());
        self.changed.notify_one();
    }
}

/// The right to have bytes in flight, given back when dropped.
pub struct Permit {
    gate: Arc<Gate>,
    bytes: u64,
}

impl Gate {
    /// A gate that admits `cap` bytes at once.
    pub fn new(cap: u64) -> Self {
        let gate = Self::default();
        gate.set_cap(cap);
        gate
    }

    /// Changes the cap; loads that were admitted go on.
    pub fn set_cap(&self, cap: u64) {
        let mut state = self.0.lock();
        state.cap = cap;
        state.call_next();
    }

    /// Waits until `bytes` more stay within the cap, or nothing else is in flight.
    pub fn admit(self: Arc<Self>, bytes: u64, cancels: Cancels) -> Result<Permit> {
        let turn = {
            let mut state = self.0.lock();
            if state.queue.is_empty() && state.has_room(bytes) {
                state.admitted += u128::from(bytes);
                drop(state);
                return Ok(Permit { gate: self, bytes });
            }
            state.counts.queued += 1;
            let turn = Arc::new(Turn {
                bytes,
                called: Mutex::new(false),
                changed: Condvar::new(),
            });
            state.queue.push_back(turn.clone());
            turn
        };
        let outcome = self.wait(&turn, cancels);
        if outcome.is_err() {
            let mut state = self.0.lock();
            let place = state.queue.iter().position(|it| Arc::ptr_eq(it, &turn));
            if let Some(place) = place {
                state.queue.remove(place);
                state.call_next();
                drop(state);
                return outcome.map(|()| Permit { gate: self, bytes });
            }
        }
        // It was called, if only too late to be of use.
        let permit = Permit { gate: self, bytes };
        outcome.map(|()| permit)
    }

    fn wait(&self, turn: &Arc<Turn>, cancels: Cancels) -> Result<()> {
        let waiting = Waiting::begin(turn.clone(), cancels)?;
        let mut patience = PATIENCE;
        let mut called = turn.called.lock();
        while !*called {
            if waiting.is_disturbed() {
                drop(called);
                waiting.check()?;
                called = turn.called.lock();
            } else if turn.changed.wait_for(&mut called, patience).timed_out() && !*called {
                drop(called);
                patience = self.0.lock().run_late(turn);
                called = turn.called.lock();
            }
        }
        Ok(())
    }

    /// The cap, and what happened so far.
    pub fn state(&self) -> (u64, GateCounts) {
        let state = self.0.lock();
        (state.cap, state.counts)
    }
}

impl State {
    fn has_room(&self, bytes: u64) -> bool {
        self.admitted == 0 || self.admitted + u128::from(bytes) <= u128::from(self.cap)
    }

    fn call_next(&mut self) {
        while let Some(first) = self.queue.front()
            && self.has_room(first.bytes)
        {
            self.call_first();
        }
    }

    fn call_first(&mut self) {
        if let Some(first) = self.queue.pop_front() {
            self.admitted += u128::from(first.bytes);
            first.call();
        }
    }

    /// Lets the first in the queue go on if it is `turn` and its patience is at an end. Returns after
    /// how long to look again.
    fn run_late(&mut self, turn: &Arc<Turn>) -> Duration {
        let is_first = self
            .queue
            .front()
            .is_some_and(|first| Arc::ptr_eq(first, turn));
        if !is_first {
            return PATIENCE;
        }
        let idle = self.ended.map_or(PATIENCE, |ended| ended.elapsed());
        if idle < PATIENCE {
            return (PATIENCE - idle).max(Duration::from_millis(1));
        }
        self.counts.overdue += 1;
        self.ended = Some(Instant::now());
        self.call_first();
        PATIENCE
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.gate.0.lock();
        state.admitted -= u128::from(self.bytes);
        state.ended = Some(Instant::now());
        state.call_next();
    }
}
