//! What a column has for a node, in one word, so that a pin and a close of the node meet there.

use crate::sync::atomic::{AtomicU64, Ordering};

/// Above, the moment of the last use. Below, pins less unpins plus [`NO_PINS`], or that the node is closed.
///
/// No word is ever the same for two occupations of a node: moments in it never decrease, and the one with
/// which an occupation begins is later than all before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Word(u64);

/// The bits below the moment.
const PINS: u64 = 0xff;
const NO_PINS: u64 = 64;
const MOST_PINS: u64 = 127;
const CLOSED: u64 = 128;
const STAMP: u32 = PINS.count_ones();

impl Word {
    /// A closed node that was occupied at a moment, or before the column was there.
    pub const fn closed(stamp: u64) -> Self {
        Self((stamp << STAMP) | CLOSED)
    }

    /// The moment of the last use.
    pub fn stamp(self) -> u64 {
        self.0 >> STAMP
    }

    /// Pins less unpins; none of a closed node.
    pub fn pins(self) -> i64 {
        match self.0 & PINS {
            CLOSED => 0,
            pins => pins as i64 - NO_PINS as i64,
        }
    }

    /// Whether the node is open and one more pin can be counted.
    #[inline(always)]
    pub fn can_pin(self) -> bool {
        (self.0 as u8) < MOST_PINS as u8
    }

    /// With one more pin, as a use with this stamp.
    #[inline(always)]
    pub fn pinned(self, stamp: u64) -> Self {
        Self(self.used(stamp).0 + 1)
    }

    /// With one pin less, if the node is open and it can be counted.
    #[inline(always)]
    pub fn unpinned(self) -> Option<Self> {
        // Above 0 as signed bytes are those less than CLOSED.
        (self.0 as i8 > 0).then(|| Self(self.0 - 1))
    }

    /// After a use with this stamp.
    #[inline(always)]
    pub fn used(self, stamp: u64) -> Self {
        Self(self.0.max((stamp << STAMP) | (self.0 & PINS)))
    }

    /// Without pins, open.
    pub fn open(self) -> Self {
        Self(self.0 & !PINS | NO_PINS)
    }

    /// Without pins, closed.
    pub fn close(self) -> Self {
        Self::closed(self.stamp())
    }

    /// The same without pins, if the node is open and no more pins, or no more unpins, can be counted.
    pub fn even(self) -> Option<Self> {
        let is_full = matches!(self.0 & PINS, 0 | MOST_PINS);
        is_full.then(|| self.open())
    }
}

/// A [`Word`] that threads share.
pub struct AtomicWord(AtomicU64);

impl AtomicWord {
    pub const fn new(word: Word) -> Self {
        Self(AtomicU64::new(word.0))
    }

    #[inline(always)]
    pub fn load(&self, order: Ordering) -> Word {
        Word(self.0.load(order))
    }

    pub fn store(&self, word: Word) {
        self.0.store(word.0, Ordering::SeqCst);
    }

    /// Puts another word in place of what was seen, unless that has changed: then it is returned as it is.
    #[inline(always)]
    pub fn replace(&self, seen: Word, by: Word) -> Result<(), Word> {
        let (done, failed) = (Ordering::SeqCst, Ordering::Relaxed);
        let replaced = self.0.compare_exchange(seen.0, by.0, done, failed);
        replaced.map(|_| ()).map_err(Word)
    }

    /// Changes the word, if it can be changed, and returns what it was.
    pub fn change(&self, change: impl Fn(Word) -> Option<Word>) -> Option<Word> {
        let change = |word| change(Word(word)).map(|word| word.0);
        let changed = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, change);
        changed.ok().map(Word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_counted_below_the_latest_use() {
        let mut word = Word::closed(3).open();
        for pin in 1..=63 {
            assert!(word.can_pin() && word.even().is_none());
            word = word.pinned(pin);
            assert_eq!((word.pins(), word.stamp()), (pin as i64, pin.max(3)));
        }
        assert!(!word.can_pin());
        word = word.even().expect("a full word").used(1);
        assert_eq!((word.pins(), word.stamp()), (0, 63));
        for unpin in 1..=64 {
            word = word.unpinned().expect("an open word");
            assert_eq!((word.pins(), word.stamp()), (-unpin, 63));
        }
        assert!(word.unpinned().is_none() && word.even().is_some());
        word = word.close();
        assert!(!word.can_pin() && word.unpinned().is_none() && word.even().is_none());
        assert_eq!((word.pins(), word.used(70).stamp()), (0, 70));
    }
}
