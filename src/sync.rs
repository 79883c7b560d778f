//! Locks, atomics and threads: all that the concurrent core takes from outside comes through here,
//! so that a model checker can take its place: see `tests/model.rs`.

#[cfg(feature = "model")]
mod model;

#[cfg(feature = "model")]
pub use model::{Condvar, Mutex, MutexGuard, atomic, thread, thread_local};
#[cfg(not(feature = "model"))]
pub use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(not(feature = "model"))]
pub use std::{sync::atomic, thread, thread_local};
