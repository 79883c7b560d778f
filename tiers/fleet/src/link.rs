//! What a fleet knows of the cache that it works for.

use crate::clock::Moment;
use crate::generation::Generation;
use crate::key::Digest;
use crate::value::{Doubt, Form, Pixels, PixelsMut};
use std::time::Duration;

/// A block that a cache asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The identity of its source.
    pub source: String,
    /// What it is stored under.
    pub key: Digest,
    /// What it looks like.
    pub form: Form,
    /// How long a decode of it takes, where that is known.
    pub decode: Option<Duration>,
    /// By which the cache knows the question.
    pub ticket: u64,
}

/// What a question ends with, unless with pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is to be decoded, or a lease to be asked for.
    Miss,
    /// It is to be decoded with this lease, which is to be ended.
    Leased(u64),
    /// Another process decodes it.
    Busy,
}

/// The cache. Called from any thread, without a lock that calls of the cache to a fleet take.
pub trait Link: Send + Sync {
    /// Ends a question with pixels: has them written, unless nobody waits any more. Where that fails the question is
    /// still open.
    fn deliver(
        &self,
        ticket: u64,
        write: &mut dyn FnMut(&mut PixelsMut<'_>) -> Result<(), Doubt>,
    ) -> Result<(), Doubt>;

    /// Ends a question without.
    fn answer(&self, ticket: u64, answer: Answer);

    /// Whether anybody still waits for an answer.
    fn is_wanted(&self, ticket: u64) -> bool;

    /// The generation of a source was confirmed, or is not known any more.
    fn changed(&self, source: &str, generation: Option<Generation>);

    /// The generation of a source was confirmed, and is to be believed until this moment: sooner than a cache whose
    /// requests look at no clock may use it, it is told that it is not known any more.
    fn confirmed(&self, source: &str, generation: Generation, _until: Moment) {
        self.changed(source, Some(generation));
    }

    /// Something that whoever runs the process should know, without secrets.
    fn log(&self, text: &str);
}

impl<L: Link> Link for std::sync::Arc<L> {
    fn deliver(
        &self,
        ticket: u64,
        write: &mut dyn FnMut(&mut PixelsMut<'_>) -> Result<(), Doubt>,
    ) -> Result<(), Doubt> {
        (**self).deliver(ticket, write)
    }

    fn answer(&self, ticket: u64, answer: Answer) {
        (**self).answer(ticket, answer);
    }

    fn is_wanted(&self, ticket: u64) -> bool {
        (**self).is_wanted(ticket)
    }

    fn changed(&self, source: &str, generation: Option<Generation>) {
        (**self).changed(source, generation);
    }

    fn confirmed(&self, source: &str, generation: Generation, until: Moment) {
        (**self).confirmed(source, generation, until);
    }

    fn log(&self, text: &str) {
        (**self).log(text);
    }
}

/// Pixels that are to be stored. Dropped when they are, or are not to be any more.
pub trait Parcel: Send {
    /// The pixels.
    fn pixels(&self) -> Pixels<'_>;
}
