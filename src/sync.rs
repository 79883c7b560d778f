//! Locks, atomics, threads and chance: all that the concurrent core takes from outside comes through here,
//! so that a model checker can take its place: see `tests/model.rs`.

#[cfg(feature = "model")]
mod model;
#[cfg(not(feature = "model"))]
mod places;
#[cfg(not(any(feature = "model", race_detector)))]
mod process;

#[cfg(not(feature = "model"))]
pub use hashbrown::DefaultHashBuilder as Hashing;
#[cfg(feature = "model")]
pub use model::{
    Condvar, Condvar as ProcessCondvar, Hashing, Mutex, Mutex as ProcessMutex,
    MutexGuard as ProcessGuard, atomic, thread, thread_local, thread_number, thread_place,
};
#[cfg(not(feature = "model"))]
pub use parking_lot::{Condvar, Mutex};
#[cfg(not(feature = "model"))]
pub use places::thread_place;
#[cfg(not(any(feature = "model", race_detector)))]
pub use process::{ProcessCondvar, ProcessGuard, ProcessMutex};
// A race detector does not see how a thread that slept for a lock of the standard library gets it.
#[cfg(all(not(feature = "model"), race_detector))]
pub use parking_lot::{
    Condvar as ProcessCondvar, Mutex as ProcessMutex, MutexGuard as ProcessGuard,
};
#[cfg(not(feature = "model"))]
pub use std::{sync::atomic, thread, thread_local};

/// Something of the process that stands still as long as this is held, while it is forked: a child has only
/// the thread that forked, and a lock that another thread held would never be given back there.
pub trait Still {
    /// Puts right what is otherwise in the child.
    fn in_child(&mut self) {}
}

/// The number of a thread that asks for it for the first time, from 0 on.
#[cfg(not(feature = "model"))]
pub fn thread_number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    THREADS.fetch_add(1, Ordering::Relaxed)
}
