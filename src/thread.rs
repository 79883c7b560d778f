//! What a thread knows of itself in a hit: where it counts, and when it has hit last.

use crate::sync::{thread_local, thread_number, thread_place};
use std::cell::Cell;

/// Threads whose seats have the same number modulo this share what pins and uses are noted in.
pub const STRIPES: usize = 4;

/// So many threads at once have a seat of their own.
pub const SEATS: usize = 64;

/// Where a thread counts its hits, and in which stripe it pins: a seat that it has alone until it ends, or one
/// that it shares where there are none left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat(usize);

impl Seat {
    const NONE: Seat = Seat(usize::MAX);

    /// That of the calling thread.
    #[inline(always)]
    pub fn current() -> Self {
        OWN.with(Own::seat)
    }

    fn own(number: usize) -> Self {
        Seat(number % SEATS)
    }

    fn shared(number: usize) -> Self {
        Seat(number % SEATS + SEATS)
    }

    /// Its number, less than [`SEATS`].
    #[inline(always)]
    pub fn number(self) -> usize {
        self.0 % SEATS
    }

    /// Whether no other thread has it: then what it counts needs no instruction that others wait for.
    #[inline(always)]
    pub fn is_own(self) -> bool {
        self.0 < SEATS
    }

    /// The stripe of the thread.
    #[inline(always)]
    pub fn stripe(self) -> Stripe {
        Stripe::of(self.0)
    }
}

/// What the calling thread knows of itself.
struct Own {
    /// [`Seat::NONE`] before the first hit.
    seat: Cell<Seat>,
    latest: Cell<u64>,
}

thread_local! {
    static OWN: Own = const {
        Own {
            seat: Cell::new(Seat::NONE),
            latest: Cell::new(0),
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

/// The seat of the calling thread, and the number of its latest hit after `next` made one of the one
/// before.
#[inline(always)]
pub fn hit(next: impl FnOnce(u64) -> u64) -> (Seat, u64) {
    OWN.with(|own| {
        let number = next(own.latest.get());
        own.latest.set(number);
        (own.seat(), number)
    })
}
