//! Locks that a process has but once, and that its children go on with after a fork.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A lock that knows nothing of its waiters. Those of a parent are not in its child, where a lock with a
/// queue would wake them in place of threads that are there.
pub struct ProcessMutex<T>(Mutex<T>);

/// Access to what a [`ProcessMutex`] guards.
pub struct ProcessGuard<'a, T>(Option<MutexGuard<'a, T>>);

/// Where threads sleep without such a lock until they are called.
#[derive(Default)]
pub struct ProcessCondvar(Condvar);

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
        let held = guard.0.take().map(|held| self.0.wait(held));
        guard.0 = held.map(|held| held.unwrap_or_else(PoisonError::into_inner));
    }

    /// [`ProcessCondvar::wait`], for so long at most.
    pub fn wait_for<T>(
        &self,
        guard: &mut ProcessGuard<'_, T>,
        at_most: Duration,
    ) -> WaitTimeoutResult {
        let held = guard.0.take().expect(HELD);
        let woken = self.0.wait_timeout(held, at_most);
        let (held, result) = woken.unwrap_or_else(PoisonError::into_inner);
        guard.0 = Some(held);
        WaitTimeoutResult(result.timed_out())
    }

    /// Calls all who sleep.
    pub fn notify_all(&self) {
        self.0.notify_all();
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
