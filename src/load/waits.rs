//! Who waits for whom: a request that would wait for itself is refused.
//!
//! A load may wait for other loads, directly or deep inside a callback, and for one of the sessions
//! that others use. Whoever is about to wait looks whether what it waits for can end without itself;
//! of requests that wait for each other the last one sees the circle, and only it is refused.

use super::{Cancel, Load};
use crate::error::{Error, Kind, Result};
use crate::sync::Mutex;
use hashbrown::HashMap;
use std::sync::Arc;

/// Taken by whoever changes or follows what loads wait for.
static GRAPH: Mutex<()> = Mutex::new(());

/// Something that a thread can sleep for.
pub trait Awaited: Send + Sync {
    /// The loads whose end it waits for. Called while no lock of the awaited thing is held.
    fn ends(&self) -> Ends;

    /// Wakes all who sleep for it, so that they look whether they were cancelled.
    fn wake(&self);
}

/// When a wait ends.
pub enum Ends {
    /// When every one of these has ended.
    WithAll(Vec<Arc<Load>>),
    /// When any one of these has ended; none at all stands for something else that will.
    WithAny(Vec<Arc<Load>>),
}

/// A thread that sleeps, or is about to.
pub struct Waiting {
    awaited: Arc<dyn Awaited>,
    load: Option<Arc<Load>>,
    cancel: Option<Arc<Cancel>>,
    sleeper: usize,
    heeds_cancel: bool,
}

impl Waiting {
    /// Refused if the calling thread would wait for a load that it works for itself. `cancel` ends the
    /// wait.
    pub fn begin(awaited: Arc<dyn Awaited>, cancel: Option<Arc<Cancel>>) -> Result<Self> {
        let load = Load::current();
        if let Some(load) = &load {
            let _graph = GRAPH.lock();
            if Search::new(load).is_stuck(&*awaited) {
                return Err(Error::new(
                    Kind::Reentrant,
                    "the request would wait for the load that it is a part of",
                ));
            }
            for waiting in load.chain() {
                waiting.waits.lock().push(awaited.clone());
            }
        }
        let sleeper = cancel
            .as_ref()
            .map_or(0, |cancel| cancel.enlist(awaited.clone()));
        Ok(Self {
            awaited,
            load,
            heeds_cancel: cancel.is_some(),
            cancel,
            sleeper,
        })
    }

    /// Whether it may have been cancelled; to be asked under the lock that sleeping gives up.
    pub fn is_disturbed(&self) -> bool {
        self.heeds_cancel
            && self
                .cancel
                .as_ref()
                .is_some_and(|cancel| cancel.is_cancelled())
    }

    /// An error if the wait is to end; to be asked without any lock where [`Waiting::is_disturbed`].
    /// Work that others wait for too goes on, and is not disturbed again.
    pub fn check(&mut self) -> Result<()> {
        if self.load.as_ref().is_none_or(|load| load.is_cancelled()) {
            return Err(cancelled());
        }
        self.heeds_cancel = false;
        Ok(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(cancel) = &self.cancel {
            cancel.dismiss(self.sleeper);
        }
        if let Some(load) = &self.load {
            let _graph = GRAPH.lock();
            for waiting in load.chain() {
                let mut waits = waiting.waits.lock();
                let ours = waits
                    .iter()
                    .position(|other| Arc::ptr_eq(other, &self.awaited));
                ours.map(|at| waits.swap_remove(at));
            }
        }
    }
}

/// What a cancelled request ends with.
pub fn cancelled() -> Error {
    Error::new(Kind::Cancelled, "the reader was cancelled")
}

/// A search for loads that cannot end before those of one chain.
struct Search<'a> {
    chain: &'a Load,
    /// What was found of each load; kept alive, so that no other takes its place meanwhile.
    known: HashMap<*const Load, (Arc<Load>, bool)>,
}

impl<'a> Search<'a> {
    fn new(chain: &'a Load) -> Self {
        Self {
            chain,
            known: HashMap::new(),
        }
    }

    /// Whether a wait cannot end before the chain does.
    fn is_stuck(&mut self, awaited: &dyn Awaited) -> bool {
        match awaited.ends() {
            Ends::WithAll(loads) => loads.iter().any(|load| self.is_behind(load)),
            Ends::WithAny(loads) => {
                !loads.is_empty() && loads.iter().all(|load| self.is_behind(load))
            }
        }
    }

    fn is_behind(&mut self, load: &Arc<Load>) -> bool {
        if self.chain.chain().any(|own| std::ptr::eq(own, &**load)) {
            return true;
        }
        let at = Arc::as_ptr(load);
        if let Some((_, known)) = self.known.get(&at) {
            return *known;
        }
        self.known.insert(at, (load.clone(), false));
        let waits = load.waits.lock().clone();
        let stuck = waits.iter().any(|awaited| self.is_stuck(&**awaited));
        self.known.insert(at, (load.clone(), stuck));
        stuck
    }
}
