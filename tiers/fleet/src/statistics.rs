//! What a fleet counts.

use crate::failure::{self, Failure};
use crate::value::Doubt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Counts since the tier began.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Statistics {
            $($(#[doc = $doc])* pub $name: u64,)*
            /// Failures of the store, by [`failure::KINDS`], whatever it was asked: a lease may find it full, too.
            pub failures: [u64; failure::KINDS.len()],
            /// Values that were not believed, each once by [`Doubt::KINDS`], though it is looked at again with the lease.
            pub doubts: [u64; Doubt::KINDS.len()],
        }

        impl Statistics {
            /// Every count with its name.
            pub fn named(&self) -> Vec<(String, u64)> {
                let mut named = vec![$((stringify!($name).to_owned(), self.$name)),*];
                let kinds = failure::KINDS.iter().zip(self.failures);
                named.extend(kinds.map(|(kind, count)| (format!("failures_{kind}"), count)));
                let kinds = Doubt::KINDS.iter().zip(self.doubts);
                named.extend(kinds.map(|(kind, count)| (format!("doubts_{kind}"), count)));
                named
            }
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Count,)*
            failures: [Count; failure::KINDS.len()],
            doubts: [Count; Doubt::KINDS.len()],
        }

        impl Counters {
            pub(crate) fn statistics(&self) -> Statistics {
                Statistics {
                    $($name: self.$name.get(),)*
                    failures: self.failures.each_ref().map(Count::get),
                    doubts: self.doubts.each_ref().map(Count::get),
                }
            }
        }
    };
}

counters! {
    /// Blocks that were asked for.
    gets,
    /// Of these, those that came.
    hits,
    /// Those that the store does not have.
    misses,
    /// Those that it was not asked for, as it failed before.
    not_asked,
    /// Those that it was not asked for, as a decode was cheaper lately.
    dearer,
    /// Nanoseconds in which the store was asked for them, and what came was unpacked.
    get_nanoseconds,
    /// Bytes of values that came.
    bytes_received,
    /// Bytes of values that were stored.
    bytes_sent,
    /// Bytes that pixels were copied through on their way in, beside the client's buffer.
    bytes_unpacked,
    /// Questions to the store, each with one wait for its answer.
    round_trips,
    /// Leases that this process took.
    leases_won,
    /// Blocks that came with the lease, for they were stored between the question for them and that.
    leases_unneeded,
    /// Leases that another process had.
    leases_busy,
    /// Of these, those that were waited for.
    waits,
    /// Waits that ended with the block.
    waits_fed,
    /// Waits that ended with the lease, for who had it ended without the block.
    waits_leased,
    /// Waits that lasted too long.
    waits_over,
    /// Waits that ended as the store failed.
    waits_failed,
    /// Waits for which nobody waited any more.
    waits_unwanted,
    /// Leases that were prolonged.
    renewals,
    /// Leases that were not this process's any more when they were to be prolonged.
    leases_lost,
    /// Blocks that were to be stored.
    puts,
    /// Of these, those that are.
    stored,
    /// Those that were dropped, as the store failed or was full.
    puts_dropped,
    /// Those of them that the store had no room for.
    puts_full,
    /// Those whose value would be too long.
    puts_too_long,
    /// Generations that were confirmed.
    confirmed,
    /// Generations that were another one than before.
    changed,
    /// Generations that were raised, as the store had lost a later one.
    raised,
    /// Sources that became suspect.
    suspect,
    /// By how much the tier's thread was later than a third of the validity to look whether sources are still to be
    /// believed, at most, in nanoseconds. Where requests look at no clock, memory was used for longer than the validity by
    /// no more than twice this and a third of the validity.
    longest_delay_nanoseconds,
    /// Sources that were purged.
    purges,
    /// Purges that the store did not take.
    purges_failed,
    /// How often the breaker opened.
    opened,
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    /// Lets it be the most of what it is given.
    pub(crate) fn at_least(&self, number: u64) {
        self.0.fetch_max(number, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn failed(&self, failure: &Failure) {
        self.failures[failure.kind()].one();
    }

    pub(crate) fn doubted(&self, doubt: Doubt) {
        self.doubts[doubt as usize].one();
    }
}

pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
