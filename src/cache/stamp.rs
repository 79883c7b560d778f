//! Moments of use, without a clock.
//!
//! Time passes in epochs of the whole process: with each miss, and when a thread has used [`EPOCH`] tiles
//! in one. A use is numbered by the epoch and by how many its thread has made in it. So the uses of one
//! thread are in their order, uses before a miss are older than those after it, and in between the uses
//! of different threads are in no order.

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::thread::{self, Seat};

/// When something was last used, or made: 0 is never.
pub type Stamp = u64;

/// Set in the stamps of uses: what nobody has used is older than everything used.
const USE: Stamp = 1 << 63;

/// The numbers of an epoch. The first is that of what was missed.
const EPOCH: u64 = 256;

/// The first number of the present epoch.
static NOW: AtomicU64 = AtomicU64::new(EPOCH);

/// Whether it is the stamp of a use.
pub fn is_use(stamp: Stamp) -> bool {
    stamp & USE != 0
}

/// The stamp of a use at the moment of another stamp.
pub fn as_use(stamp: Stamp) -> Stamp {
    stamp | USE
}

/// Whether what was made at a moment was made before a use.
pub fn is_before(made: Stamp, used: Stamp) -> bool {
    made < used & !USE
}

/// The numbers of a miss, which enters a buffer and an entry over it.
const MISS: u64 = 2 * EPOCH;

/// About how many misses of the whole process lie between two uses; where there are many hits for a miss, fewer do.
pub fn misses_between(earlier: Stamp, later: Stamp) -> u64 {
    (later & !USE).saturating_sub(earlier & !USE) / MISS
}

/// The stamp of a use that [`next_use`] has numbered; 0 if the number is the first of an epoch, or 0, for then
/// there was none.
pub fn of_use(number: u64) -> Stamp {
    match number % EPOCH {
        0 => 0,
        _ => number | USE,
    }
}

/// The number of a use now, which writes nothing that other threads write, but for the first of an epoch;
/// and the seat of the thread.
#[inline(always)]
pub fn next_use() -> (Seat, u64) {
    let now = NOW.load(Ordering::SeqCst);
    thread::next_use(|latest| match latest.max(now) + 1 {
        next if next < now + EPOCH => next,
        _ => begin_epoch(now),
    })
}

/// The number of a use after the last one of the epoch that began at `now`.
#[cold]
#[inline(never)]
fn begin_epoch(now: u64) -> u64 {
    NOW.fetch_max(now + EPOCH, Ordering::SeqCst);
    now + EPOCH + 1
}

/// The stamp of something that is made now and not used yet: with it an epoch begins.
pub fn unused() -> Stamp {
    NOW.fetch_add(EPOCH, Ordering::SeqCst) + EPOCH
}

/// The stamp of something that was missed and is used now: with it an epoch begins.
pub fn used() -> Stamp {
    unused() | USE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_of_a_thread_ascend_and_those_after_a_miss_are_later_than_all_before() {
        let mut last = 0;
        for use_ in 0..5000 {
            let next = match use_ % 700 {
                0 => used(),
                _ => of_use(next_use().1),
            };
            assert!(is_use(next) && next > last);
            last = next;
        }
        // However much a thread has used, another one that begins to is at most an epoch behind.
        let other = std::thread::spawn(|| of_use(next_use().1))
            .join()
            .expect("a stamp");
        assert!(other + EPOCH > last);
        assert!(std::thread::spawn(used).join().expect("a stamp") > last.max(other));
        assert!(!is_use(unused()) && of_use(0) == 0 && of_use(unused()) == 0);
    }
}
