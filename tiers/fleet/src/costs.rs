//! What fetches of a source took lately, so that the store is asked only where that is cheaper than a decode.

use std::time::Duration;

/// Of so many blocks one is fetched though it was dearer lately, for that may change.
const TRIED: u32 = 32;
/// A new time counts for an eighth.
const WEIGHT: u32 = 8;

/// What fetches of one source took.
#[derive(Debug, Default)]
pub struct Costs {
    fetch: Lately,
    passed: u32,
}

impl Costs {
    /// A block was fetched.
    pub fn fetched(&mut self, time: Duration) {
        self.fetch.note(time);
    }

    /// What a fetch takes, once one is known.
    pub fn fetch(&self) -> Option<Duration> {
        self.fetch.0
    }

    /// Whether a block is to be asked for that takes so long to decode, as far as that is known.
    pub fn pays(&mut self, decode: Option<Duration>) -> bool {
        if !self.is_dearer(decode) {
            return true;
        }
        self.passed += 1;
        self.passed.is_multiple_of(TRIED)
    }

    /// Whether fetches were dearer lately than a decode that takes so long, as far as that is known.
    pub fn is_dearer(&self, decode: Option<Duration>) -> bool {
        matches!((decode, self.fetch.0), (Some(decode), Some(fetch)) if fetch > decode)
    }
}

/// A mean in which later times count more.
#[derive(Debug, Default)]
struct Lately(Option<Duration>);

impl Lately {
    fn note(&mut self, time: Duration) {
        self.0 = Some(match self.0 {
            None => time,
            Some(mean) => (mean * (WEIGHT - 1) + time) / WEIGHT,
        });
    }
}
