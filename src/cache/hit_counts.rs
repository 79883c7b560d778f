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

/// Counts a hit of the thread whose seat it is, in each of two numbers.
#[inline(always)]
pub fn count([one, other]: [&Hits; 2], seat: Seat) {
    let lines = [one.line(seat), other.line(seat)];
    match seat.is_own() {
        true => lines.iter().for_each(|line| line.count_own()),
        false => lines.iter().for_each(|line| line.count_shared()),
    }
}

impl Hits {
    /// Where the threads of a seat count.
    #[inline(always)]
    fn line(&self, seat: Seat) -> &Line {
        let group = seat.number() / GROUP;
        let lines = self.groups[group].get();
        &lines.unwrap_or_else(|| self.make(group))[seat.number() % GROUP]
    }

    #[cold]
    #[inline(never)]
    fn make(&self, group: usize) -> &[Line; GROUP] {
        self.groups[group].get_or_make(Default::default)
    }

    /// How many there were.
    pub fn sum(&self) -> u64 {
        let groups = self.groups.iter().filter_map(Late::get);
        groups.flatten().map(Line::sum).sum()
    }
}

impl Line {
    /// Nobody else writes the number, so that nothing is lost between the two.
    #[inline(always)]
    fn count_own(&self) {
        let hits = self.own.load(Ordering::Relaxed);
        self.own.store(hits + 1, Ordering::Relaxed);
    }

    #[inline(always)]
    fn count_shared(&self) {
        self.shared.fetch_add(1, Ordering::Relaxed);
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
    fn count_of(both: [&Hits; 2], threads: usize, times: u64) -> Vec<Seat> {
        let all_there = Barrier::new(threads);
        std::thread::scope(|scope| {
            let work = || {
                let seat = Seat::current();
                all_there.wait();
                (0..times).for_each(|_| count(both, seat));
                all_there.wait();
                seat
            };
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let seats = threads.into_iter().map(|thread| thread.join());
            seats.map(|seat| seat.expect("a seat")).collect()
        })
    }

    // One test, for all threads of the process share the seats.
    #[test]
    fn hits_of_all_threads_are_counted_whether_they_have_seats_of_their_own_or_not() {
        let (hits, other) = (Hits::default(), Hits::default());
        let both = [&hits, &other];
        // More threads than there are seats, one after the other.
        for _ in 0..2 * SEATS {
            count_of(both, 1, 3);
        }
        let seats = count_of(both, 7, 1000);
        assert!(seats.iter().all(|seat| seat.is_own()), "{seats:?}");
        let sum = 2 * SEATS as u64 * 3 + 7000;
        assert_eq!(both.map(Hits::sum), [sum; 2]);
        let seats = count_of(both, SEATS + 8, 2000);
        let shared = seats.iter().filter(|seat| !seat.is_own());
        assert!(shared.count() >= 8, "{seats:?}");
        assert_eq!(both.map(Hits::sum), [sum + (SEATS + 8) as u64 * 2000; 2]);
    }
}
