//! Loads: what is being made now, on whose behalf, and what it waits for.

mod cancel;
pub mod nesting;
mod sessions;
mod wait_graph;

pub use cancel::{Cancel, Cancels};
pub use sessions::Sessions;
pub use wait_graph::{Awaited, Ends, Waiting, cancelled, loads_stand_still};

use crate::sync::{Mutex, thread_local};
use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;
use wait_graph::Sleeper;

thread_local! {
    /// The innermost load that this thread works for.
    static CURRENT: RefCell<Option<Arc<Load>>> = const { RefCell::new(None) };
}

/// A tile or a block that is being made. Loads that a callback begins are the children of the one
/// that it works for, on whatever thread.
pub struct Load {
    parent: Option<Arc<Load>>,
    /// What cancels the request that began it, but for what one of its parents was begun under: that
    /// is the parent's to judge, which others may want.
    cancels: Cancels,
    interest: Box<dyn Interest>,
    /// What the load and those inside it wait for. Changed under the lock of `waits` too.
    waits: Mutex<Vec<Arc<Sleeper>>>,
}

/// Who else wants what a load makes.
pub trait Interest: Send + Sync {
    /// Whether anybody waits for the load beside the request that began it. Where nobody does, nobody
    /// joins it from now on.
    fn is_shared(&self) -> bool;

    /// The task that the load makes, if it makes one.
    fn made(&self) -> Option<Arc<dyn Any + Send + Sync>>;
}

/// The interest in work that only the request that began it wants.
pub struct Unshared;

impl Interest for Unshared {
    fn is_shared(&self) -> bool {
        false
    }

    fn made(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
}

impl Load {
    /// A load inside the one that the calling thread works for, begun by a request that `cancels`
    /// cancel.
    pub fn begin(cancels: Cancels, interest: impl Interest + 'static) -> Arc<Self> {
        Self::begin_inside(Self::current(), cancels, interest)
    }

    /// A load inside another one.
    pub fn begin_inside(
        parent: Option<Arc<Load>>,
        cancels: Cancels,
        interest: impl Interest + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            parent,
            cancels,
            interest: Box::new(interest),
            waits: Mutex::default(),
        })
    }

    /// The innermost load that the calling thread works for.
    pub fn current() -> Option<Arc<Load>> {
        // A thread that is ending has no thread-local values any more.
        CURRENT.try_with(|load| load.borrow().clone()).ok()?
    }

    /// Whether the calling thread works for a load.
    pub fn is_nested() -> bool {
        CURRENT
            .try_with(|load| load.borrow().is_some())
            .unwrap_or(false)
    }

    /// Does a part of the load's work on the calling thread.
    pub fn run<R>(self: &Arc<Self>, work: impl FnOnce() -> R) -> R {
        let outer = CURRENT.try_with(|load| load.replace(Some(self.clone())));
        let _entered = outer.ok().map(Entered);
        work()
    }

    /// The task that it makes, or that the innermost load around it makes that makes one.
    pub fn made(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.chain().find_map(|load| load.interest.made())
    }

    /// Whether nobody wants the load any more.
    pub fn is_cancelled(&self) -> bool {
        let unwanted = self.cancels.iter().any(|own| own.is_cancelled())
            || self.parent.as_ref().is_some_and(|load| load.is_cancelled());
        unwanted && !self.interest.is_shared()
    }

    /// Whether the load, or one that it is inside of, was begun by a request that `cancel` cancels.
    pub fn is_under(&self, cancel: &Arc<Cancel>) -> bool {
        let mut known = self.chain().flat_map(|load| &load.cancels);
        known.any(|known| Arc::ptr_eq(known, cancel))
    }

    /// Has all that sleep inside the load look again whether anybody wants it.
    pub fn disturb(&self) {
        let sleepers = self.waits.lock().clone();
        sleepers.iter().for_each(|sleeper| sleeper.disturb());
    }

    /// The load and all that it is inside of.
    fn chain(&self) -> impl Iterator<Item = &Load> {
        std::iter::successors(Some(self), |load| load.parent.as_deref())
    }
}

/// The work of a load on this thread; afterwards the thread goes on with what it did before.
struct Entered(Option<Arc<Load>>);

impl Drop for Entered {
    fn drop(&mut self) {
        drop(CURRENT.try_with(|load| load.replace(self.0.take())));
    }
}
