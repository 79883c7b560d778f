//! What callers have put lately, and when: what began to load before is older.

use super::key::is_built_on;
use super::moment::Moment;
use crate::image::Block;

/// So many places are told apart; what was put before them counts for all.
pub const TOLD_APART: usize = 16;

/// The latest puts, by where: into the cells of a key, or under the keys of an image.
pub struct Puts<Where> {
    /// The latest last.
    latest: Vec<(Moment, Where)>,
    /// The last put that is not among them.
    before: Moment,
}

impl<Where> Default for Puts<Where> {
    fn default() -> Self {
        Self {
            latest: Vec::new(),
            before: 0,
        }
    }
}

impl<Where: PartialEq> Puts<Where> {
    /// Something was put there; moments only grow.
    pub fn note(&mut self, at: Where, moment: Moment) {
        self.latest.retain(|(_, other)| *other != at);
        if self.latest.len() == TOLD_APART {
            (self.before, _) = self.latest.remove(0);
        }
        self.latest.push((moment, at));
    }
}

impl Puts<Block> {
    /// Something was put that may count for any cell.
    pub fn note_all(&mut self, moment: Moment) {
        self.latest = Vec::new();
        self.before = moment;
    }

    /// What was put into single cells counts for all from now on.
    pub fn forget_cells(&mut self) {
        if let Some((latest, _)) = self.latest.last() {
            self.note_all(*latest);
        }
    }

    /// When a tile was put into a cell for the last time, or something that counts for it.
    pub fn moment(&self, at: Block) -> Moment {
        let own = self.latest.iter().find(|(_, other)| *other == at);
        own.map_or(self.before, |(moment, _)| *moment)
    }

    /// Whether a tile may have been put into a cell since a load of it began.
    pub fn are_later(&self, at: Block, begun: Moment) -> bool {
        self.before > begun || self.has_later(at, begun)
    }

    /// Whether a tile is known to have been put into a cell since a load of it began.
    pub fn has_later(&self, at: Block, begun: Moment) -> bool {
        let mut since = self.latest.iter().filter(|(moment, _)| *moment > begun);
        since.any(|(_, other)| *other == at)
    }
}

impl Puts<Box<str>> {
    /// The last put under a key that `key` is built on.
    pub fn beneath(&self, key: &str) -> Moment {
        let beneath = |(_, other): &&(Moment, Box<str>)| is_built_on(key, other);
        let latest = self.latest.iter().rev().find(beneath);
        latest.map_or(self.before, |(moment, _)| *moment)
    }

    /// The last put that shows under `key`: under itself, or under a key that it is built on.
    pub fn shown_under(&self, key: &str) -> Moment {
        let own = self.latest.iter().find(|(_, other)| **other == *key);
        own.map_or(0, |(moment, _)| *moment).max(self.beneath(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_put_since_is_later_and_what_is_forgotten_counts_for_all() {
        let at = |col: u64| Block::new(0, 0, col);
        let mut puts = Puts::default();
        assert!(!puts.are_later(at(0), 0));
        for col in 0..TOLD_APART as u64 {
            puts.note(at(col), 10 + col);
        }
        assert!(puts.are_later(at(3), 12) && !puts.are_later(at(3), 13));
        assert!(!puts.are_later(at(99), 0));
        puts.note(at(3), 40);
        assert!(puts.are_later(at(3), 39) && !puts.are_later(at(99), 0));
        puts.note(at(99), 41);
        assert!(puts.are_later(at(50), 9) && !puts.are_later(at(50), 10));
        puts.forget_cells();
        assert!(puts.are_later(at(50), 40) && !puts.are_later(at(99), 41));
        assert_eq!((puts.moment(at(3)), puts.latest.capacity()), (41, 0));
    }
}
