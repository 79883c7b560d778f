//! When it is told that the store is not asked: once for each reason, not at each opening of the breaker.

use crate::clock::Moment;
use crate::failure::Failure;
use std::time::Duration;

/// A store that failed less than so long ago is not yet called well: it may answer some questions and not others.
const WELL: Duration = Duration::from_secs(30);

/// What was told last, until it is over.
#[derive(Debug, Default)]
pub struct Complaint(Option<Told>);

#[derive(Debug)]
struct Told {
    /// By its place in the kinds of failures.
    kind: usize,
    /// When the breaker opened last.
    opened: Moment,
}

impl Complaint {
    /// The breaker opened: true if that is to be told.
    pub fn opened(&mut self, failure: &Failure, now: Moment) -> bool {
        let kind = failure.kind();
        let before = self.0.replace(Told { kind, opened: now });
        before.is_none_or(|before| before.kind != kind)
    }

    /// The breaker is closed, and a question went well: true if it is to be told that it is over.
    pub fn went_well(&mut self, now: Moment) -> bool {
        let over = |told: &mut Told| now.since(told.opened) >= WELL;
        self.0.take_if(over).is_some()
    }
}
