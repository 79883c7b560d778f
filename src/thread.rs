//! What a thread knows of itself in a hit: where it counts, in which stripe it pins, and the number of its latest use.

use crate::sync::{thread_local, thread_number, thread_place};
use std::cell::Cell;

/// Into so many parts is divided where pins and uses are noted, lest threads wait for each other there.
pub const STRIPES: usize = 4;

/// So many threads at once have a seat of their own.
pub const SEATS: usize = 64;

/// Where a thread counts its hits: a seat that it has alone until it ends, or one that it shares where there are
/// none left. In the bits above it stands in which stripe the thread pins now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat(usize);

/// The bit that says that a seat is shared.
const SHARED: usize = SEATS;

/// Above it stands the stripe.
const STRIPE: u32 = usize::BITS - STRIPES.trailing_zeros();

impl Seat {
    const NONE: Seat = Seat(usize::MAX);

    /// That of the calling thread.
    #[inline(always)]
    pub fn current() -> Self {
        OWN.with(Own::seat)
    }

    fn own(number: usize) -> Self {
        Seat(number % SEATS).pinning_in(Stripe::of(number))
    }

    fn shared(number: usize) -> Self {
        Seat((number % SEATS) | SHARED).pinning_in(Stripe::of(number))
    }

    fn pinning_in(self, stripe: Stripe) -> Self {
        Seat((self.0 % (2 * SEATS)) | (stripe.number() << STRIPE))
    }

    /// Its number, less than [`SEATS`].
    #[inline(always)]
    pub fn number(self) -> usize {
        self.0 % SEATS
    }

    /// Whether no other thread has it: then what it counts needs no instruction that others wait for.
    #[inline(always)]
    pub fn is_own(self) -> bool {
        self.0 & SHARED == 0
    }

    /// In which stripe the thread pins.
    #[inline(always)]
    pub fn stripe(self) -> Stripe {
        Stripe(self.0 >> STRIPE)
    }
}

/// What the calling thread knows of itself.
struct Own {
    /// [`Seat::NONE`] until it is asked for.
    seat: Cell<Seat>,
    latest_use: Cell<u64>,
}

thread_local! {
    static OWN: Own = const {
        Own {
            seat: Cell::new(Seat::NONE),
            latest_use: Cell::new(0),
        }
    };
}

impl Own {
    #[inline(always)]
    fn seat(&self) -> Seat {
        match self.seat.get() {
            Seat::NONE => self.begin(),
            seat => seat,
        }
    }

    #[cold]
    #[inline(never)]
    fn begin(&self) -> Seat {
        let own = thread_place(SEATS, leave).map(Seat::own);
        self.seat
            .set(own.unwrap_or_else(|| Seat::shared(thread_number())));
        self.seat.get()
    }
}

/// The calling thread met another one in a stripe: where that is its own it takes another. Threads that run at
/// once so come to pin in stripes of their own, as long as there are enough.
#[cold]
#[inline(never)]
pub fn met_in(stripe: Stripe) {
    OWN.with(|own| {
        let seat = own.seat();
        if seat.stripe() == stripe {
            // By steps that differ, lest both go on to the same one.
            let step = 1 + seat.number() % (STRIPES - 1);
            own.seat
                .set(seat.pinning_in(Stripe::of(stripe.number() + step)));
        }
    });
}

/// The thread ends: what it still hits after this it counts in a shared seat, for its own becomes that of another.
fn leave() {
    OWN.with(|own| own.seat.set(Seat::shared(own.seat.get().number())));
}

/// One of the stripes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stripe(usize);

impl Stripe {
    /// That of the calling thread.
    #[inline(always)]
    pub fn own() -> Self {
        Seat::current().stripe()
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

/// The seat of the calling thread, and the number of its latest use after `next` made one of the one
/// before.
#[inline(always)]
pub fn next_use(next: impl FnOnce(u64) -> u64) -> (Seat, u64) {
    OWN.with(|own| {
        let number = next(own.latest_use.get());
        own.latest_use.set(number);
        (own.seat(), number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_meets_another_one_takes_another_stripe() {
        let seat = Seat::current();
        for _ in 0..3 * STRIPES {
            let stripe = Stripe::own();
            met_in(Stripe::of(stripe.number() + 1));
            assert_eq!(Stripe::own(), stripe);
            met_in(stripe);
            assert_ne!(Stripe::own(), stripe);
            let now = Seat::current();
            assert_eq!((now.number(), now.is_own()), (seat.number(), seat.is_own()));
        }
    }
}
