//! Loads: what is being made now, on whose behalf, and what it waits for.

mod cancel;
mod waits;

pub use cancel::Cancel;
pub use waits::{Awaited, Ends, Waiting, cancelled};

use crate::sync::Mutex;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    /// The innermost load that this thread works for.
    static CURRENT: RefCell<Option<Arc<Load>>> = const { RefCell::new(None) };
}

/// A tile or a block that is being made. Loads that a callback begins are the children of the one
/// that it works for, on whatever thread.
pub struct Load {
    parent: Option<Arc<Load>>,
    cancel: Option<Arc<Cancel>>,
    interest: Box<dyn Interest>,
    /// What the load and those inside it wait for. Guarded by the lock of `waits` too.
    waits: Mutex<Vec<Arc<dyn Awaited>>>,
}

/// Who else wants what a load makes.
pub trait Interest: Send + Sync {
    /// Whether anybody waits for the load beside the request that began it. Where nobody does, nobody
    /// joins it from now on.
    fn is_shared(&self) -> bool;
}

/// The interest in work that only the request that began it wants.
pub struct Unshared;

impl Interest for Unshared {
    fn is_shared(&self) -> bool {
        false
    }
}

impl Load {
    /// A load inside the one that the calling thread works for, begun by a request that `cancel`
    /// cancels.
    pub fn begin(cancel: Option<Arc<Cancel>>, interest: impl Interest + 'static) -> Arc<Self> {
        Arc::new(Self {
            parent: Self::current(),
            cancel,
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
        let _entered = Entered(CURRENT.replace(Some(self.clone())));
        work()
    }

    /// Whether nobody wants the load any more.
    pub fn is_cancelled(&self) -> bool {
        let unwanted = self.cancel.as_ref().is_some_and(|own| own.is_cancelled())
            || self.parent.as_ref().is_some_and(|load| load.is_cancelled());
        unwanted && !self.interest.is_shared()
    }

    /// What cancels the request that began the load.
    pub fn cancel(&self) -> Option<&Arc<Cancel>> {
        self.cancel.as_ref()
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
        drop(CURRENT.replace(self.0.take()));
    }
}
