//! What happens under a key, or in a whole cache, and is counted without a lock.

use super::Counters;
use super::hit_counts::Hits;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Hits, and what becomes of other requests.
#[derive(Default)]
pub struct Counts {
    pub hits: Hits,
    pub loads: LoadCounts,
}

/// Misses, and the loads that they lead to: a line of the processor's caches.
#[repr(align(64))]
#[derive(Default)]
pub struct LoadCounts {
    misses: AtomicU64,
    waits: AtomicU64,
    loads: AtomicU64,
    errors: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Counts {
    /// All that was counted.
    pub fn counters(&self) -> Counters {
        let all = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            hits: self.hits.sum(),
            misses: all(&self.loads.misses),
            waits: all(&self.loads.waits),
            loads: all(&self.loads.loads),
            load_errors: all(&self.loads.errors),
            load_nanoseconds: all(&self.loads.nanoseconds),
            ..Counters::default()
        }
    }
}

impl LoadCounts {
    /// A get that did not find its tile.
    pub fn count_miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// A miss that waits for a load begun by another thread.
    pub fn count_wait(&self) {
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// A load that took so long, and has failed or not.
    pub fn count_load(&self, took: Duration, has_failed: bool) {
        self.loads.fetch_add(1, Ordering::Relaxed);
        if has_failed {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds
            .fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }
}
