//! Hits, counted key by key in stripes of threads.

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::thread::{STRIPES, Stripe};
use std::sync::Arc;

/// Hits of the threads of a stripe: a line of the processor's caches, lest one thread slow down another.
#[repr(align(64))]
#[derive(Default)]
struct Line {
    hits: AtomicU64,
    /// Those that are in the sum over all keys.
    summed: AtomicU64,
    /// Whether there may be others, so that the key is among [`AllHits::noted`].
    is_noted: AtomicBool,
}

/// The hits under a key.
#[derive(Default)]
pub struct Hits {
    lines: [Line; STRIPES],
}

impl Hits {
    /// How many there were.
    pub fn sum(&self) -> u64 {
        let counts = self.lines.iter();
        counts.map(|line| line.hits.load(Ordering::SeqCst)).sum()
    }
}

/// The hits under all keys that ever were.
#[derive(Default)]
pub struct AllHits {
    noted: Mutex<Noted>,
    sum: AtomicU64,
}

/// Keys that were hit since their hits were summed up last.
#[derive(Default)]
struct Noted {
    keys: Vec<Arc<Hits>>,
    /// When there are so many, those that are hit no more are summed up.
    limit: usize,
}

/// So many are never looked through for those.
const FEW: usize = 64;

impl AllHits {
    /// Counts a hit under a key, of a thread of the stripe.
    #[inline(always)]
    pub fn count(&self, hits: &Arc<Hits>, stripe: Stripe) {
        let line = &hits.lines[stripe.number()];
        line.hits.fetch_add(1, Ordering::SeqCst);
        // Only now, for what sums up looks at the two in the other order.
        if !line.is_noted.load(Ordering::SeqCst) {
            self.note(hits, stripe);
        }
    }

    #[cold]
    #[inline(never)]
    fn note(&self, hits: &Arc<Hits>, stripe: Stripe) {
        let line = &hits.lines[stripe.number()];
        if !line.is_noted.swap(true, Ordering::SeqCst) {
            let mut noted = self.noted.lock();
            if noted.keys.len() >= noted.limit.max(FEW) {
                // What has no other owner cannot be hit any more.
                noted.keys.retain(|hits| {
                    let is_used = Arc::strong_count(hits) > 1;
                    if !is_used {
                        self.add(hits);
                    }
                    is_used
                });
                noted.keys.shrink_to_fit();
                noted.limit = 2 * noted.keys.len();
            }
            noted.keys.push(hits.clone());
        }
    }

    /// Adds what is not in the sum yet of a key's hits.
    fn add(&self, hits: &Hits) {
        for line in &hits.lines {
            line.is_noted.store(false, Ordering::SeqCst);
            let hits = line.hits.load(Ordering::SeqCst);
            let more = hits - line.summed.swap(hits, Ordering::Relaxed);
            self.sum.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// How many there were, in time in proportion to the keys that were hit since this was asked last.
    pub fn sum(&self) -> u64 {
        let mut noted = self.noted.lock();
        std::mem::take(&mut *noted)
            .keys
            .iter()
            .for_each(|hits| self.add(hits));
        self.sum.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_of_all_threads_are_counted_under_their_key_and_in_the_sum() {
        let (all, keys) = (AllHits::default(), [(); 3].map(|()| Arc::<Hits>::default()));
        std::thread::scope(|scope| {
            for _ in 0..7 {
                scope.spawn(|| {
                    for at in 0..3000 {
                        all.count(&keys[at % 2], Stripe::own());
                        if at % 500 == 0 {
                            all.sum();
                        }
                    }
                });
            }
        });
        assert_eq!([0, 1, 2].map(|key| keys[key].sum()), [10_500, 10_500, 0]);
        assert_eq!(all.sum(), 21_000);
        drop(keys);
        assert_eq!(all.sum(), 21_000, "keys that are no more");
        let kept = Arc::<Hits>::default();
        for _ in 0..5 * FEW {
            all.count(&kept, Stripe::own());
            all.count(&Arc::default(), Stripe::own());
            assert!(all.noted.lock().keys.len() <= FEW, "keys that are no more");
        }
        assert_eq!((kept.sum(), all.sum()), (5 * 64, 21_000 + 10 * 64));
    }
}
