//! Who waits for whom: a request that would wait for itself is refused.
//!
//! A load may wait for other loads, directly or deep inside a callback, and for one of the sessions
//! that others use. Whoever is about to wait looks whether what it waits for can end without itself;
//! of requests that wait for each other the last one sees the circle, and only it is refused.

use super::{Cancel, Cancels, Load};
use crate::error::{Error, Kind, Result};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{ProcessGuard, ProcessMutex, Still};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// Taken by whoever changes or follows what loads wait for.
static GRAPH: ProcessMutex<()> = ProcessMutex::new(());

/// Keeps loads from waiting for others.
pub fn loads_stand_still() -> Box<dyn Still> {
    Box::new(GRAPH.lock())
}

impl Still for ProcessGuard<'static, ()> {}

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

/// What a thread sleeps for, and whether it is to look up.
pub struct Sleeper {
    awaited: Arc<dyn Awaited>,
    disturbed: AtomicBool,
}

impl Sleeper {
    /// Wakes the thread, which looks whether it was cancelled.
    pub fn disturb(&self) {
        self.disturbed.store(true, Ordering::SeqCst);
        self.awaited.wake();
    }
}

/// A thread that sleeps, or is about to.
pub struct Waiting {
    sleeper: Arc<Sleeper>,
    /// The load that the thread works for.
    load: Option<Arc<Load>>,
    /// What ends this wait, whoever wants the load.
    cancels: Cancels,
    /// All that may have to do with it, and the place there.
    enlisted: SmallVec<[(Arc<Cancel>, usize); 2]>,
}

impl Waiting {
    /// Refused if the calling thread would wait for a load that it works for itself. `cancels` end the
    /// wait, and so does the end of all interest in the load that the thread works for.
    pub fn begin(awaited: Arc<dyn Awaited>, cancels: Cancels) -> Result<Self> {
        let load = Load::current();
        let sleeper = Arc::new(Sleeper {
            awaited,
            disturbed: AtomicBool::new(false),
        });
        if let Some(load) = &load {
            let _graph = GRAPH.lock();
            if Search::new(load).finds(&*sleeper.awaited) {
                return Err(Error::new(
                    Kind::Reentrant,
                    "the request would wait for the load that it is a part of",
                ));
            }
            for waiting in load.chain() {
                waiting.waits.lock().push(sleeper.clone());
            }
        }
        let above = load.iter().flat_map(|load| load.chain());
        let enlisted: SmallVec<_> = cancels
            .iter()
            .chain(above.flat_map(|load| &load.cancels))
            .map(|cancel| (cancel.clone(), cancel.enlist(sleeper.clone())))
            .collect();
        if !enlisted.is_empty() {
            // It may have been cancelled before.
            sleeper.disturbed.store(true, Ordering::SeqCst);
        }
        Ok(Self {
            sleeper,
            load,
            cancels,
            enlisted,
        })
    }

    /// Whether it may have been cancelled since it was last asked; to be asked under the lock that
    /// sleeping gives up, and to be followed by [`Waiting::check`] without that lock.
    pub fn is_disturbed(&self) -> bool {
        self.sleeper.disturbed.swap(false, Ordering::SeqCst)
    }

    /// An error if the wait is to end. A load that others want too goes on.
    pub fn check(&self) -> Result<()> {
        let ended = self.cancels.iter().any(|cancel| cancel.is_cancelled())
            || self.load.as_ref().is_some_and(|load| load.is_cancelled());
        if ended { Err(cancelled()) } else { Ok(()) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        for (cancel, place) in self.enlisted.drain(..) {
            cancel.dismiss(place);
        }
        if let Some(load) = &self.load {
            let _graph = GRAPH.lock();
            for waiting in load.chain() {
                let mut waits = waiting.waits.lock();
                let ours = waits
                    .iter()
                    .position(|other| Arc::ptr_eq(other, &self.sleeper));
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
    /// How many of them are behind the chain.
    behind: usize,
}

impl<'a> Search<'a> {
    fn new(chain: &'a Load) -> Self {
        Self {
            chain,
            known: HashMap::new(),
            behind: 0,
        }
    }

    /// Whether a wait cannot end before the chain does, now that nothing changes.
    fn finds(&mut self, awaited: &dyn Awaited) -> bool {
        loop {
            let before = self.behind;
            if self.is_stuck(awaited) {
                return true;
            }
            // What waits for a load that was being looked at must be looked at again if that load
            // turned out to be behind the chain.
            if self.behind == before {
                return false;
            }
            self.known.retain(|_, (_, is_behind)| *is_behind);
        }
    }

    /// Whether a wait cannot end before the chain does, as far as is known.
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
        let stuck = waits.iter().any(|sleeper| self.is_stuck(&*sleeper.awaited));
        self.behind += usize::from(stuck);
        self.known.insert(at, (load.clone(), stuck));
        stuck
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unshared;
    use super::*;

    /// Something that comes with all of some loads, or with any of them.
    struct After {
        loads: Vec<Arc<Load>>,
        any: bool,
    }

    impl Awaited for After {
        fn ends(&self) -> Ends {
            match self.any {
                true => Ends::WithAny(self.loads.clone()),
                false => Ends::WithAll(self.loads.clone()),
            }
        }

        fn wake(&self) {}
    }

    fn after<const N: usize>(loads: [&Arc<Load>; N], any: bool) -> Arc<After> {
        let loads = loads.into_iter().cloned().collect();
        Arc::new(After { loads, any })
    }

    fn load() -> Arc<Load> {
        Load::begin(Cancels::new(), Unshared)
    }

    /// Says whether a thread that works for a load may wait.
    fn may_wait(load: &Arc<Load>, awaited: Arc<After>) -> bool {
        load.run(|| Waiting::begin(awaited, Cancels::new()).is_ok())
    }

    #[test]
    fn who_waits_for_any_of_several_waits_for_itself_only_where_all_do() {
        let (own, other) = (load(), load());
        assert!(may_wait(&own, after([&own, &other], true)));
        assert!(!may_wait(&own, after([&own, &other], false)));
        assert!(!may_wait(&own, after([&own], true)));
        assert!(may_wait(&own, after([&other], false)));
    }

    #[test]
    fn what_waits_for_a_load_found_behind_later_is_behind_too() {
        let (own, one, two) = (load(), load(), load());
        let sleep = |load: &Arc<Load>, awaited| {
            let disturbed = AtomicBool::new(false);
            let sleeper = Sleeper { awaited, disturbed };
            load.waits.lock().push(Arc::new(sleeper));
        };
        // The other is looked at first, while nothing is known of the one yet.
        sleep(&one, after([&two], false));
        sleep(&one, after([&own], false));
        sleep(&two, after([&one], false));
        assert!(!may_wait(&own, after([&one, &two], true)));
        one.waits.lock().clear();
        assert!(may_wait(&own, after([&one, &two], true)));
        two.waits.lock().clear();
    }

    #[test]
    fn who_begins_to_wait_looks_whether_it_was_cancelled_before() {
        let cancel = Arc::<Cancel>::default();
        let waits = |cancel: &Arc<Cancel>| {
            let cancels = [cancel.clone()].into_iter().collect();
            Waiting::begin(after([], true), cancels).unwrap()
        };
        let before = waits(&cancel);
        assert!(before.is_disturbed() && before.check().is_ok());
        assert!(!before.is_disturbed());
        cancel.cancel();
        for waiting in [before, waits(&cancel)] {
            assert!(waiting.is_disturbed() && waiting.check().is_err());
        }
    }
}
