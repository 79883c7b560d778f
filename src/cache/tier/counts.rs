//! What happened between a cache and its other tier.

use crate::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that grows and gets less.
#[derive(Default)]
pub struct Level(AtomicU64);

impl Level {
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub fn take(&self, number: u64) {
        self.0.fetch_sub(number, Ordering::Relaxed);
    }

    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The counts as they grow.
        #[derive(Default)]
        pub struct Counts {
            $($(#[$doc])* pub $name: Count,)*
        }

        /// The counts at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct TierCounters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            /// What they are now.
            pub fn now(&self) -> TierCounters {
                TierCounters {
                    $($name: self.$name.get(),)*
                }
            }
        }
    };
}

counts! {
    /// Blocks that the tier was asked for.
    gets,
    /// Those that it had.
    hits,
    /// The bytes of their pixels.
    hit_bytes,
    /// The time from those questions to their answers, in nanoseconds.
    hit_nanoseconds,
    /// Answers that nothing is there.
    misses,
    /// Questions that were not answered in time: the block was decoded.
    late,
    /// Answers that were no tile of the block, and came to nothing.
    refused,
    /// Leases that this process got.
    leases_won,
    /// Blocks that another process made meanwhile, and that came from the tier then.
    leases_waited,
    /// Waits for another process that ended without the block.
    leases_given_up,
    /// Blocks handed to the tier to be put.
    puts,
    /// The bytes of their pixels.
    put_bytes,
    /// Blocks that were not, for want of room in the queue or in the budget.
    puts_dropped,
    /// Blocks of sources without an identity on all machines, for which nothing is asked.
    unnamed,
    /// Blocks of sources that have left the tier: they were invalidated here alone, a purge failed, or the file was replaced.
    left,
    /// Blocks that were decoded while it was not known whether their source had changed.
    suspect,
    /// Changes of sources that the tier told of.
    changes,
    /// Times at which it became unknown whether a source had changed.
    suspicions,
    /// Purges that succeeded.
    purges,
    /// Purges that failed.
    purges_failed,
}
