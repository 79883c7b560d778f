//! Cancellation: one flag for all that a reader asks for.

use super::wait_graph::Sleeper;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use slab::Slab;
use smallvec::SmallVec;
use std::sync::Arc;

/// What a reader's requests ask whether they should end. It is never taken back.
#[derive(Default)]
pub struct Cancel {
    cancelled: AtomicBool,
    sleepers: Mutex<Slab<Arc<Sleeper>>>,
}

/// All that may cancel a request or a load: a reader may read through another one.
pub type Cancels = SmallVec<[Arc<Cancel>; 1]>;

impl Cancel {
    /// From now on requests end as soon as they can; those that sleep are woken.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        let sleepers: Vec<_> = {
            let sleepers = self.sleepers.lock();
            sleepers
                .iter()
                .map(|(_, sleeper)| sleeper.clone())
                .collect()
        };
        sleepers.iter().for_each(|sleeper| sleeper.disturb());
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Somebody is about to look whether it was cancelled and then to sleep.
    pub(super) fn enlist(&self, sleeper: Arc<Sleeper>) -> usize {
        self.sleepers.lock().insert(sleeper)
    }

    /// Undoes [`Cancel::enlist`].
    pub(super) fn dismiss(&self, place: usize) {
        let sleeper = self.sleepers.lock().remove(place);
        drop(sleeper);
    }
}
