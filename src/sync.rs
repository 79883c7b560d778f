//! Locks, atomics and threads: all that the concurrent core takes from outside comes through here,
//! so that a model checker can take its place.

pub use parking_lot::{Condvar, Mutex, MutexGuard};
pub use std::sync::atomic;
pub use std::thread;
