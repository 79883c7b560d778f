//! Cancellation: one flag for all that a reader asks for.

use super::Awaited;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use slab::Slab;
use std::sync::Arc;

/// What a reader's requests ask whether they should end. It is never taken back.
#[derive(Default)]
pub struct Cancel {
    cancelled: AtomicBool,
    sleepers: Mutex<Slab<Arc<dyn Awaited>>>,
}

impl Cancel {
    /// From now on requests end as soon as they can; those that sleep are woken.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        let sleepers: Vec<_> = {
            let sleepers = self.sleepers.lock();
            sleepers
                .iter()
                .map(|(_, awaited)| awaited.clone())
                .collect()
        };
        sleepers.iter().for_each(|awaited| awaited.wake());
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Somebody is about to look whether it was cancelled and then to sleep for this.
    pub(super) fn enlist(&self, awaited: Arc<dyn Awaited>) -> usize {
        self.sleepers.lock().insert(awaited)
    }

    /// Undoes [`Cancel::enlist`].
    pub(super) fn dismiss(&self, sleeper: usize) {
        let awaited = self.sleepers.lock().remove(sleeper);
        drop(awaited);
    }
}
