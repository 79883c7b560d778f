//! The in-flight cap: loads wait here, first come first served, before they own anything.
//!
//! Only requests from outside wait, each for all that its load will have in flight at once; what a
//! load asks for on its way never waits, so no thread that holds bytes waits for bytes.

use crate::error::Result;
use crate::load::{Awaited, Cancels, Ends, Waiting};
use crate::log::{Event, Level, Log};
use crate::sync::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After so long without the end of any load the first in the queue goes on all the same: what the
/// others do may depend on it in ways that cannot be seen from here.
const PATIENCE: Duration = Duration::from_secs(1);

/// Admits loads to a cache.
#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
    /// Where it is told that a load goes on beyond the cap.
    log: Log,
}

#[derive(Default)]
struct State {
    cap: u64,
    /// Bytes of the loads that were admitted and have not ended. A single one may claim any number.
    admitted: u128,
    queue: VecDeque<Arc<Turn>>,
    /// What tries again when something has ended and no load waits.
    later: Vec<Then>,
    /// When a load last ended.
    ended: Option<Instant>,
    counts: GateCounts,
}

/// What is done when it is worth trying to be admitted again.
pub type Then = Box<dyn FnOnce() + Send>;

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
    pub fn new(cap: u64, log: Log) -> Self {
        let gate = Self {
            log,
            ..Self::default()
        };
        gate.set_cap(cap);
        gate
    }

    /// Changes the cap; loads that were admitted go on.
    pub fn set_cap(&self, cap: u64) {
        let mut state = self.state.lock();
        state.cap = cap;
        state.call_next();
    }

    /// Admits `bytes` more if they stay within the cap, or nothing else is in flight, and nothing waits.
    pub fn try_admit(self: Arc<Self>, bytes: u64) -> Option<Permit> {
        let is_admitted = self.state.lock().try_admit(bytes);
        is_admitted.then(|| Permit { gate: self, bytes })
    }

    /// [`Gate::try_admit`]; where they are not admitted, `then` is called when it is worth trying again.
    pub fn admit_or(self: Arc<Self>, bytes: u64, then: &mut Option<Then>) -> Option<Permit> {
        let mut state = self.state.lock();
        if !state.try_admit(bytes) {
            // What is admitted now, or waits, will end.
            state.later.extend(then.take());
            return None;
        }
        drop(state);
        Some(Permit { gate: self, bytes })
    }

    /// Waits until `bytes` more stay within the cap, or nothing else is in flight.
    pub fn admit(self: Arc<Self>, bytes: u64, cancels: Cancels) -> Result<Permit> {
        let turn = {
            let mut state = self.state.lock();
            if state.try_admit(bytes) {
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
            let mut state = self.state.lock();
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
                let (next, is_late) = self.state.lock().run_late(turn);
                patience = next;
                if is_late {
                    self.tell_late(turn.bytes);
                }
                called = turn.called.lock();
            }
        }
        Ok(())
    }

    fn tell_late(&self, bytes: u64) {
        self.log
            .tell(Level::Warning, Event::Overdue, super::WHOLE, || {
                format!(
                    "a load of {bytes} bytes goes on beyond the cap: none has ended for a second"
                )
            });
    }

    /// The cap, and what happened so far.
    pub fn state(&self) -> (u64, GateCounts) {
        let state = self.state.lock();
        (state.cap, state.counts)
    }
}

impl State {
    fn has_room(&self, bytes: u64) -> bool {
        self.admitted == 0 || self.admitted + u128::from(bytes) <= u128::from(self.cap)
    }

    fn try_admit(&mut self, bytes: u64) -> bool {
        let may = self.queue.is_empty() && self.has_room(bytes);
        self.admitted += u128::from(if may { bytes } else { 0 });
        may
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
    /// how long to look again, and whether it goes on.
    fn run_late(&mut self, turn: &Arc<Turn>) -> (Duration, bool) {
        let is_first = self
            .queue
            .front()
            .is_some_and(|first| Arc::ptr_eq(first, turn));
        if !is_first {
            return (PATIENCE, false);
        }
        let idle = self.ended.map_or(PATIENCE, |ended| ended.elapsed());
        if idle < PATIENCE {
            let left = (PATIENCE - idle).max(Duration::from_millis(1));
            return (left, false);
        }
        self.counts.overdue += 1;
        self.ended = Some(Instant::now());
        self.call_first();
        (PATIENCE, true)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        state.admitted -= u128::from(self.bytes);
        state.ended = Some(Instant::now());
        state.call_next();
        let later = match state.queue.is_empty() {
            true => std::mem::take(&mut state.later),
            false => Vec::new(),
        };
        drop(state);
        later.into_iter().for_each(|then| then());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Cancel;
    use std::thread;

    /// Waits until so many loads have had to wait.
    fn until_queued(gate: &Gate, queued: u64) {
        let begun = Instant::now();
        while gate.state().1.queued < queued {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "it does not wait"
            );
            thread::yield_now();
        }
    }

    /// Says whether the one at the end of a queue is called, and not only let go on late. Where the machine
    /// stood still for so long that all was late, it is tried again.
    fn is_called(case: impl Fn(&Arc<Gate>)) -> bool {
        (0..5).any(|_| {
            let gate = Arc::new(Gate::new(2, Log::default()));
            case(&gate);
            gate.state().1.overdue == 0
        })
    }

    #[test]
    fn who_comes_waits_behind_those_who_wait_for_more() {
        let gate = Arc::new(Gate::new(2, Log::default()));
        let first = gate.clone().admit(1, Cancels::new()).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| gate.clone().admit(2, Cancels::new()).map(drop));
            until_queued(&gate, 1);
            let second = scope.spawn(|| gate.clone().admit(1, Cancels::new()).map(drop));
            while gate.state().1.queued < 2 {
                assert!(!second.is_finished(), "it went past the queue");
                thread::yield_now();
            }
            drop(first);
        });
    }

    #[test]
    fn who_leaves_the_queue_calls_the_next() {
        assert!(is_called(|gate| {
            let cancel = Arc::<Cancel>::default();
            let _first = gate.clone().admit(1, Cancels::new()).unwrap();
            thread::scope(|scope| {
                let more = scope.spawn(|| {
                    gate.clone()
                        .admit(2, [cancel.clone()].into_iter().collect())
                });
                until_queued(gate, 1);
                let next = scope.spawn(|| gate.clone().admit(1, Cancels::new()));
                until_queued(gate, 2);
                cancel.cancel();
                assert!(more.join().unwrap().is_err());
                assert!(next.join().unwrap().is_ok());
            });
        }));
    }

    #[test]
    fn a_larger_cap_calls_the_next() {
        assert!(is_called(|gate| {
            let _first = gate.clone().admit(2, Cancels::new()).unwrap();
            thread::scope(|scope| {
                let next = scope.spawn(|| gate.clone().admit(2, Cancels::new()));
                until_queued(gate, 1);
                gate.set_cap(4);
                assert!(next.join().unwrap().is_ok());
            });
        }));
    }

    #[test]
    fn nobody_goes_on_late_while_loads_end() {
        let turn = Arc::new(Turn {
            bytes: 1,
            called: Mutex::new(false),
            changed: Condvar::new(),
        });
        let mut state = State {
            admitted: 1,
            queue: [turn.clone()].into(),
            ended: Some(Instant::now()),
            ..State::default()
        };
        assert!(state.run_late(&turn).0 <= PATIENCE);
        assert_eq!((state.counts.overdue, state.queue.len()), (0, 1));
        state.ended = None;
        state.run_late(&turn);
        assert_eq!((state.counts.overdue, state.queue.len()), (1, 0));
    }
}
