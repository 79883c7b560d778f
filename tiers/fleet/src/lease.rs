//! Who decodes while the others wait.
//!
//! A lease saves work, and correctness never needs it: two that decode put the same bytes.

use crate::clock::Moment;
use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(2);
/// How long a decode may take of which nothing is known.
const UNKNOWN: Duration = Duration::from_secs(12);
/// How long a block may wait to be stored until its lease is of no use any more.
const STORING: Duration = Duration::from_secs(60);
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// For how long a lease is asked for and renewed: three times the decode, within half a second and two.
pub fn term(decode: Option<Duration>) -> Duration {
    decode.map_or(LONGEST, |decode| (decode * 3).clamp(SHORTEST, LONGEST))
}

/// A lease that this process holds.
#[derive(Debug)]
pub struct Holding {
    term: Duration,
    /// When it is to be renewed.
    renewal: Moment,
    /// It is not renewed after this: whoever holds it hangs.
    end: Moment,
}

impl Holding {
    /// Of a lease that was asked for at this moment.
    pub fn new(asked: Moment, decode: Option<Duration>) -> Self {
        let term = term(decode);
        Self {
            term,
            renewal: asked.after(term / 3),
            end: asked.after((decode.unwrap_or(UNKNOWN) * 10).max(LONGEST)),
        }
    }

    /// For how long it is asked for.
    pub fn term(&self) -> Duration {
        self.term
    }

    /// When it is to be renewed next, unless that is over.
    pub fn renewal(&self) -> Option<Moment> {
        (self.renewal < self.end).then_some(self.renewal)
    }

    /// The block is decoded, and waits to be stored: whoever holds it does not hang.
    pub fn decoded(&mut self, now: Moment) {
        self.end = self.end.max(now.after(STORING));
    }

    /// It was renewed at this moment.
    pub fn renewed(&mut self, asked: Moment) {
        self.renewal = asked.after(self.term / 3);
    }
}

/// A wait for a block that another process decodes.
#[derive(Debug)]
pub struct Wait {
    look: Moment,
    pause: Duration,
    /// For one holder.
    time: Duration,
    end: Moment,
    /// Whoever the holder is then.
    last: Moment,
    holder: Option<String>,
}

impl Wait {
    /// From now on, for at most the longer one of a lease and four decodes, and no longer than `longest` in all.
    pub fn new(
        now: Moment,
        decode: Option<Duration>,
        longest: Option<Duration>,
        random: u64,
    ) -> Self {
        let time = term(decode).max(decode.unwrap_or_default() * 4);
        let last = now.after(longest.unwrap_or(Duration::MAX));
        let mut wait = Self {
            look: now,
            pause: FIRST_LOOK,
            time,
            end: now
                .after(if longest.is_some() {
                    Duration::MAX
                } else {
                    time
                })
                .min(last),
            last,
            holder: None,
        };
        wait.later(now, random);
        wait
    }

    /// When to look next, which is not after the end.
    pub fn look(&self) -> Moment {
        self.look.min(self.end)
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Moment) -> bool {
        now >= self.end
    }

    /// The lease was held with this token; the next look is later, by up to a half of the pause at random. Where the
    /// holder is another one than before, that one gets as much time.
    pub fn looked(&mut self, now: Moment, holder: &str, random: u64) {
        let before = self.holder.replace(holder.to_owned());
        if before.is_some_and(|before| before != holder) {
            self.end = self.end.max(now.after(self.time)).min(self.last);
        }
        self.later(now, random);
    }

    fn later(&mut self, now: Moment, random: u64) {
        let jitter = self
            .pause
            .mul_f64(0.5 * (random >> 11) as f64 / (1_u64 << 53) as f64);
        self.look = now.after(self.pause / 2 + self.pause / 4 + jitter);
        self.pause = (self.pause * 2).min(LAST_LOOK);
    }
}
