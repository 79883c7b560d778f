//! What a thread knows of itself in a hit: which stripe is its own, and when it has hit last.

use crate::sync::{thread_local, thread_number};
use std::cell::Cell;

/// Threads with the same number modulo this share what hits write.
pub const STRIPES: usize = 4;

/// What the calling thread knows of itself.
struct Own {
    /// Beyond the stripes before the first hit.
    stripe: Cell<usize>,
    latest: Cell<u64>,
}

thread_local! {
    static OWN: Own = const {
        Own {
            stripe: Cell::new(usize::MAX),
            latest: Cell::new(0),
        }
    };
}

impl Own {
    #[inline(always)]
    fn stripe(&self) -> Stripe {
        match self.stripe.get() {
            number if number < STRIPES => Stripe(number),
            _ => self.begin(),
        }
    }

    #[cold]
    #[inline(never)]
    fn begin(&self) -> Stripe {
        self.stripe.set(thread_number() % STRIPES);
        Stripe(self.stripe.get())
    }
}

/// One of the stripes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stripe(usize);

impl Stripe {
    /// That of the calling thread.
    #[inline(always)]
    pub fn own() -> Self {
        OWN.with(Own::stripe)
    }

    /// That with a number.
    #[inline(always)]
    pub fn of(number: usize) -> Self {
        Stripe(number % STRIPES)
    }

    /// Its number, less than [`STRIPES`].
    #[inline(always)]
    pub fn number(self) -> usize {
        self.0 % STRIPES
    }
}

/// The stripe of the calling thread, and the number of its latest hit after `next` made one of the one
/// before.
#[inline(always)]
pub fn hit(next: impl FnOnce(u64) -> u64) -> (Stripe, u64) {
    OWN.with(|own| {
        let number = next(own.latest.get());
        own.latest.set(number);
        (own.stripe(), number)
    })
}
