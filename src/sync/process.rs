//! Locks that a process has but once, and that its children go on with after a fork.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A lock that knows nothing of its waiters. Those of a parent are not in its child, where a lock with a
/// queue would wake them in place of threads that are there.
pub struct ProcessMutex<T>(Mutex<T>);

/// Access to what a [`ProcessMutex`] guards.
pub struct ProcessGuard<'a, T>(Option<MutexGuard<'a, T>>);

/// Where threads sleep without such a lock until they are called: all of them without the same lock.
#[derive(Default)]
pub struct ProcessCondvar {
    calls: Condvar,
    /// How many sleep, for a call is one of the system even where nobody hears it. It changes under the lock.
    sleepers: AtomicUsize,
}

/// How a wait ended.
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether its time was over.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl<T> ProcessMutex<T> {
    /// A lock that nobody holds.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Waits for the lock.
    pub fn lock(&self) -> ProcessGuard<'_, T> {
        ProcessGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl<T: Default> Default for ProcessMutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl ProcessCondvar {
    /// Sleeps without the lock until called, or for no reason.
    pub fn wait<T>(&self, guard: &mut ProcessGuard<'_, T>) {
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        let held = guard.0.take().map(|held| self.calls.wait(held));
        guard.0 = held.map(|held| held.unwrap_or_else(PoisonError::into_inner));
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    /// [`ProcessCondvar::wait`], for so long at most.
    pub fn wait_for<T>(
        &self,
        guard: &mut ProcessGuard<'_, T>,
        at_most: Duration,
    ) -> WaitTimeoutResult {
        let held = guard.0.take().expect(HELD);
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        let woken = self.calls.wait_timeout(held, at_most);
        let (held, result) = woken.unwrap_or_else(PoisonError::into_inner);
        guard.0 = Some(held);
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
        WaitTimeoutResult(result.timed_out())
    }

    /// Calls all who sleep. To be called under the lock, or after it was held since what they wait for has changed: then
    /// who is not counted yet sees the change.
    pub fn notify_all(&self) {
        if self.sleepers.load(Ordering::Relaxed) > 0 {
            self.calls.notify_all();
        }
    }
}

const HELD: &str = "a lock that only a sleeper is without";

impl<T> Deref for ProcessGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect(HELD)
    }
}

impl<T> DerefMut for ProcessGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(HELD)
    }
}
