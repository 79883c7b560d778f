//! Hits, counted by each thread in a line of its own.

use crate::late::Late;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::thread::{SEATS, Seat};

/// Hits of the threads of a seat: a line of the processor's caches, lest one thread slow down another.
#[repr(align(64))]
#[derive(Default)]
struct Line {
    /// Written by the one thread alone that has the seat for its own.
    own: AtomicU64,
    shared: AtomicU64,
}

/// Lines that are made at once, when one of them is needed.
const GROUP: usize = 4;

/// A number of hits: those under a key, or all of a cache.
#[derive(Default)]
pub struct Hits {
    groups: [Late<[Line; GROUP]>; SEATS / GROUP],
}

impl Hits {
    /// Counts a hit of the thread whose seat it is.
    #[inline(always)]
    pub fn count(&self, seat: Seat) {
        match self.groups[seat.number() / GROUP].get() {
            Some(lines) => lines[seat.number() % GROUP].count(seat),
            None => self.count_first(seat),
        }
    }

    #[cold]
    #[inline(never)]
    fn count_first(&self, seat: Seat) {
        let lines = self.groups[seat.number() / GROUP].get_or_make(Default::default);
        lines[seat.number() % GROUP].count(seat);
    }

    /// How many there were.
    pub fn sum(&self) -> u64 {
        let groups = self.groups.iter().filter_map(Late::get);
        groups.flatten().map(Line::sum).sum()
    }
}

impl Line {
    #[inline(always)]
    fn count(&self, seat: Seat) {
        match seat.is_own() {
            // Nobody else writes it, so that nothing is lost between the two.
            true => {
                let hits = self.own.load(Ordering::Relaxed);
                self.own.store(hits + 1, Ordering::Relaxed);
            }
            false => {
                self.shared.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn sum(&self) -> u64 {
        self.own.load(Ordering::Relaxed) + self.shared.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    /// What so many threads that are there at once count, each so often, and whether each has a seat of its own.
    fn count_of(hits: &Hits, threads: usize, times: u64) -> Vec<Seat> {
        let all_there = Barrier::new(threads);
        std::thread::scope(|scope| {
            let count = || {
                let seat = Seat::current();
                all_there.wait();
                (0..times).for_each(|_| hits.count(seat));
                all_there.wait();
                seat
            };
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
            let seats = threads.into_iter().map(|thread| thread.join());
            seats.map(|seat| seat.expect("a seat")).collect()
        })
    }

    // One test, for all threads of the process share the seats.
    #[test]
    fn hits_of_all_threads_are_counted_whether_they_have_seats_of_their_own_or_not() {
        let hits = Hits::default();
        // More threads than there are seats, one after the other.
        for _ in 0..2 * SEATS {
            count_of(&hits, 1, 3);
        }
        let seats = count_of(&hits, 7, 1000);
        assert!(seats.iter().all(|seat| seat.is_own()), "{seats:?}");
        let sum = 2 * SEATS as u64 * 3 + 7000;
        assert_eq!(hits.sum(), sum);
        let seats = count_of(&hits, SEATS + 8, 2000);
        let shared = seats.iter().filter(|seat| !seat.is_own());
        assert!(shared.count() >= 8, "{seats:?}");
        assert_eq!(hits.sum(), sum + (SEATS + 8) as u64 * 2000);
    }
}
