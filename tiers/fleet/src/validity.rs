//! How long a process may believe its memory of a source.
//!
//! While the generation was confirmed no longer ago than the *validity*, counted from before the question was sent. So
//! who changes a source, has a new generation made and then waits as long has waited for every process, also for those
//! that no message reaches.

use crate::clock::Moment;
use crate::generation::Generation;
use std::time::Duration;

/// Of one source.
#[derive(Debug, Default)]
pub struct Validity {
    confirmed: Option<(Generation, Moment)>,
    /// The last one that was seen, however long ago.
    seen: Option<Generation>,
    /// The highest counter that was seen.
    highest: u64,
}

/// What an answer of the store says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// As before.
    Same,
    /// The first that is known of the source.
    First,
    /// Another one: what is in memory may be old.
    Changed,
    /// Another one with a counter not above that of an earlier one: the store has lost what it had. It is to be raised.
    Lost,
}

impl Validity {
    /// The store answered a question that was sent at this moment.
    pub fn answered(&mut self, asked: Moment, generation: Generation) -> Seen {
        if let Some((_, at)) = self.confirmed
            && at > asked
        {
            return Seen::Same; // An answer to a later question has come before: this tells nothing newer.
        }
        let seen = match self.seen {
            None => Seen::First,
            Some(known) if known == generation => Seen::Same,
            Some(_) if generation.counter <= self.highest => {
                self.confirmed = None;
                return Seen::Lost;
            }
            Some(_) => Seen::Changed,
        };
        self.highest = self.highest.max(generation.counter);
        self.seen = Some(generation);
        self.confirmed = Some((generation, asked));
        seen
    }

    /// The generation of the source while it may be believed, and until when.
    pub fn valid(&self, now: Moment, validity: Duration) -> Option<(Generation, Moment)> {
        let (generation, at) = self.confirmed?;
        let until = at.after(validity);
        (now < until).then_some((generation, until))
    }

    /// The highest counter that was seen.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// It is to be believed no longer, whatever was confirmed.
    pub fn end(&mut self) {
        self.confirmed = None;
    }
}
