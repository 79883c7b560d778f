//! Locks that a process has but once, and that its children go on with after a fork.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that knows nothing of its waiters. Those of a parent are not in its child, where a lock with a
/// queue would wake them in place of threads that are there.
pub struct ProcessMutex<T>(Mutex<T>);

/// Access to what a [`ProcessMutex`] guards.
pub type ProcessGuard<'a, T> = MutexGuard<'a, T>;

impl<T> ProcessMutex<T> {
    /// A lock that nobody holds.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Waits for the lock.
    pub fn lock(&self) -> ProcessGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default> Default for ProcessMutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}
