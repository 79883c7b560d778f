//! Whether a thread goes along a row of tiles alone, and so will ask for the next ones by itself.

use crate::image::Block;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::thread::Seat;

/// Rows are told apart by their number modulo this.
const ROWS: usize = 64;

/// From so many tiles on that a thread has asked for one after the other it goes along the row. Of two threads that take
/// tiles by turns, one comes to so many hardly ever.
const LONG: u64 = 4;

/// What was asked for last in each row of tiles of one level: by which thread, in which column, and as which tile of those
/// that it has asked for one after the other.
pub struct Runs([AtomicU64; ROWS]);

impl Default for Runs {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Run {
    /// The number of a seat, from 1 on.
    thread: u64,
    col: u64,
    len: u64,
}

impl Run {
    const COL_BITS: u32 = 48;
    const LEN_BITS: u32 = 8;

    fn of(word: u64) -> Self {
        Self {
            thread: word >> (Self::COL_BITS + Self::LEN_BITS),
            col: word & ((1 << Self::COL_BITS) - 1),
            len: word >> Self::COL_BITS & ((1 << Self::LEN_BITS) - 1),
        }
    }

    fn word(self) -> u64 {
        let len = self.len.min((1 << Self::LEN_BITS) - 1);
        let col = self.col & ((1 << Self::COL_BITS) - 1);
        (self.thread << Self::LEN_BITS | len) << Self::COL_BITS | col
    }
}

impl Runs {
    fn row(&self, row: u64) -> &AtomicU64 {
        &self.0[(row % ROWS as u64) as usize]
    }

    /// The calling thread, if it can be told from all others.
    fn thread() -> Option<u64> {
        let seat = Seat::current();
        seat.is_own().then(|| seat.number() as u64 + 1)
    }

    /// Notes that the calling thread asks for a tile that is not there. With a tile up to `step` that follow each other may
    /// have come, which it then found.
    pub fn note(&self, at: Block, step: u64) {
        let Some(thread) = Self::thread() else {
            return self.row(at.row).store(0, Ordering::Relaxed);
        };
        let before = Run::of(self.row(at.row).load(Ordering::Relaxed));
        let above = Run::of(self.row(at.row.wrapping_sub(1)).load(Ordering::Relaxed));
        let follows = before.col < at.col && at.col - before.col <= step;
        let len = match at.col {
            // The end of the row above comes before the first tile.
            0 if above.thread == thread => above.len,
            1.. if before.thread == thread && follows => before.len + 1,
            _ => 1,
        };
        let col = at.col;
        let run = Run { thread, col, len };
        self.row(at.row).store(run.word(), Ordering::Relaxed);
    }

    /// Whether the calling thread, which has just noted a tile, goes along its row.
    pub fn has_long(&self, at: Block) -> bool {
        let run = Run::of(self.row(at.row).load(Ordering::Relaxed));
        run.len >= LONG && run.col == at.col && Some(run.thread) == Self::thread()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Whether the last of some columns is found to be in a long run.
    fn is_long(runs: &Runs, row: u64, cols: &[u64]) -> bool {
        let tiles = cols.iter().map(|col| Block::new(0, row, *col));
        tiles.fold(false, |_, at| {
            runs.note(at, 4);
            runs.has_long(at)
        })
    }

    #[test]
    fn tiles_that_follow_each_other_are_a_run() {
        let runs = Runs::default();
        assert!(!is_long(&runs, 0, &[0, 1, 2]));
        assert!(
            is_long(&runs, 0, &[3, 7]),
            "with the three tiles made with one"
        );
        assert!(is_long(&runs, 1, &[0]), "along the next row");
        assert!(!is_long(&runs, 1, &[5]), "one passed over");
        assert!(!is_long(&runs, 2, &[7, 6, 5, 4, 3]), "backwards");
        assert!(!is_long(&runs, 5, &[0, 1, 2]) && !is_long(&runs, 7, &[0]));
        assert!(!runs.has_long(Block::new(0, 0, 3)), "not the latest");
    }

    #[test]
    fn threads_by_turns_have_no_run() {
        let runs = Arc::new(Runs::default());
        let there = |cols: &'static [u64], row| {
            let runs = runs.clone();
            let asked = std::thread::spawn(move || is_long(&runs, row, cols));
            asked.join().expect("no panic")
        };
        for col in 0..8 {
            assert!(!is_long(&runs, 0, &[2 * col]));
            let runs = runs.clone();
            let other = std::thread::spawn(move || is_long(&runs, 0, &[2 * col + 1]));
            assert!(!other.join().expect("no panic"));
        }
        assert!(there(&[0, 1, 2, 3], 9), "each in a row of its own");
        assert!(is_long(&runs, 8, &[0, 1, 2, 3]));
    }
}
