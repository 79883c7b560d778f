//! Places that threads have alone until they end.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread_local;

/// One bit for each place that a thread has. In the child of a fork those of the other threads stay taken.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// What the calling thread has.
struct Place {
    number: Cell<Option<u32>>,
    leave: Cell<fn()>,
}

thread_local! {
    static PLACE: Place = const {
        Place {
            number: Cell::new(None),
            leave: Cell::new(|| ()),
        }
    };
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            self.leave.get()();
            // What the thread did in its place comes before what the next one does there.
            TAKEN.fetch_and(!(1 << number), Ordering::Release);
        }
    }
}

/// The first of so many places, at most 64, that no thread has, for the calling one; `None` where all are taken, or
/// the thread ends. When it ends, `leave` is called, and only then may another have the place.
pub fn thread_place(places: usize, leave: fn()) -> Option<usize> {
    let first = |taken: u64| {
        let number = taken.trailing_ones();
        ((number as usize) < places).then_some(number)
    };
    let take = |place: &Place| {
        let with_first = |taken| first(taken).map(|number| taken | 1 << number);
        let before = TAKEN.fetch_update(Ordering::Acquire, Ordering::Relaxed, with_first);
        let number = before.ok().and_then(first)?;
        place.leave.set(leave);
        place.number.set(Some(number));
        Some(number as usize)
    };
    PLACE.try_with(take).ok().flatten()
}
