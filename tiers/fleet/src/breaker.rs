//! Whether a store is asked at all: a breaker for each store and process.
//!
//! | State | get | put |
//! |---|---|---|
//! | closed | asked | tried |
//! | open: 3 failures in a row, more than 10 of 100 gets failed, or no permission | not asked | dropped |
//! | half open: after 0.5 s, doubled each time up to 30 s, and up to a half more | one asked | dropped |
//!
//! A store without room is full in any of these: of 100 puts one is tried, until one goes through.
//!
//! A value that is not there, one that is not believed, and a request that nobody waits for any more are no failures.

use crate::clock::Moment;
use crate::failure::Failure;
use std::time::Duration;

const IN_A_ROW: u32 = 3;
/// Of [`RECENT`] gets so many may fail.
const FEW: u32 = 10;
const RECENT: u32 = 100;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Of so many puts to a full store one is tried.
const PUTS: u32 = 100;

/// See the module.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    in_a_row: u32,
    recent: Recent,
    /// How often it opened since a request went well.
    openings: u32,
    is_full: bool,
    /// It opened as the store does not let us in.
    is_denied: bool,
    puts: u32,
}

/// Where a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The store is asked.
    Closed,
    /// It is not, until this moment.
    Open {
        /// When one request may try.
        until: Moment,
    },
    /// One request is trying.
    HalfOpen,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed,
            in_a_row: 0,
            recent: Recent::default(),
            openings: 0,
            is_full: false,
            is_denied: false,
            puts: 0,
        }
    }
}

impl Breaker {
    /// Where it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the store has no room.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether the store does not let us in.
    pub fn is_denied(&self) -> bool {
        self.is_denied
    }

    /// Whether something may be asked now. Whoever may has to say how it went.
    pub fn may_ask(&mut self, now: Moment) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } if now >= until => {
                self.state = State::HalfOpen;
                true
            }
            State::Open { .. } | State::HalfOpen => false,
        }
    }

    /// Whether something may be put now.
    pub fn may_put(&mut self) -> bool {
        if self.state != State::Closed {
            return false;
        }
        if self.is_full {
            self.puts += 1;
            return self.puts.is_multiple_of(PUTS);
        }
        true
    }

    /// What was asked for came, or is not there.
    pub fn went_well(&mut self) {
        match self.state {
            State::Closed => (),
            State::Open { .. } => return, // It was under way when the breaker opened.
            State::HalfOpen => self.recent = Recent::default(),
        }
        self.state = State::Closed;
        self.is_denied = false;
        self.in_a_row = 0;
        self.openings = 0;
        self.recent.push(false);
    }

    /// Something was stored.
    pub fn was_put(&mut self) {
        self.is_full = false;
        self.puts = 0;
    }

    /// The store failed; true if the breaker opened. Of the random bits a pause takes its jitter.
    pub fn failed(&mut self, failure: &Failure, now: Moment, random: u64) -> bool {
        self.is_denied = matches!(failure, Failure::Denied(_));
        match failure {
            Failure::Full(_) => {
                self.is_full = true;
                if self.state == State::HalfOpen {
                    self.state = State::Closed;
                }
                return false;
            }
            Failure::Denied(_) => return self.open(now, random),
            _ => self.in_a_row += 1,
        }
        self.recent.push(true);
        let closed = self.state == State::Closed;
        if closed && self.in_a_row < IN_A_ROW && self.recent.failed <= FEW {
            return false;
        }
        self.open(now, random)
    }

    fn open(&mut self, now: Moment, random: u64) -> bool {
        if matches!(self.state, State::Open { .. }) {
            return false; // What was under way when it opened.
        }
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.openings.min(16));
        let pause = pause.min(LONGEST_PAUSE);
        let jitter = pause.mul_f64(0.5 * (random >> 11) as f64 / (1_u64 << 53) as f64);
        let until = now.after((pause + jitter).min(LONGEST_PAUSE));
        self.state = State::Open { until };
        self.openings += 1;
        self.in_a_row = 0;
        true
    }
}

/// Which of the last requests failed, the latest in the lowest bit.
#[derive(Debug, Default)]
struct Recent {
    bits: u128,
    failed: u32,
}

impl Recent {
    fn push(&mut self, failed: bool) {
        let kept = (1_u128 << RECENT) - 1;
        self.bits = (self.bits << 1 | u128::from(failed)) & kept;
        self.failed = self.bits.count_ones();
    }
}
