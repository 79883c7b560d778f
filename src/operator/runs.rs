//! Whether a thread goes along a row of tiles alone, and so will ask for the next ones by itself.

use crate::image::Block;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::thread::{SEATS, Seat};

/// Rows are told apart by their number modulo this.
const ROWS: usize = 64;

/// From so many tiles on that a thread has asked for one after the other it goes along the row. Of threads that take tiles
/// by turns one comes to a few, where another is held up.
const LONG: u64 = 16;

/// Who asked last for what of the tiles of an image.
pub struct Runs {
    /// In each row, which thread: the number of its seat, from 1 on.
    rows: [AtomicU64; ROWS],
    /// By seat, the run of a thread.
    threads: [AtomicU64; SEATS],
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            rows: std::array::from_fn(|_| AtomicU64::new(0)),
            threads: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

/// The tile that a thread asked for last, and how many it has asked for one after the other.
#[derive(Clone, Copy)]
struct Run {
    row: u64,
    col: u64,
    len: u64,
}

impl Run {
    const COL: u64 = (1 << 40) - 1;
    const ROW: u64 = (1 << 16) - 1;

    fn of(word: u64) -> Self {
        Self {
            row: word >> 40 & Self::ROW,
            col: word & Self::COL,
            len: word >> 56,
        }
    }

    fn word(self) -> u64 {
        self.len.min(LONG) << 56 | (self.row & Self::ROW) << 40 | self.col & Self::COL
    }
}

impl Runs {
    fn row(&self, row: u64) -> &AtomicU64 {
        &self.rows[(row % ROWS as u64) as usize]
    }

    /// The seat of the calling thread, if it can be told from all others.
    fn seat() -> Option<usize> {
        let seat = Seat::current();
        seat.is_own().then(|| seat.number())
    }

    /// Notes that the calling thread asks for a tile that is not there, of rows of `cols`. With a tile up to `step` that follow
    /// each other may have come, which it then found.
    pub fn note(&self, at: Block, step: u64, cols: u64) {
        let Some(seat) = Self::seat() else {
            return self.row(at.row).store(0, Ordering::Relaxed);
        };
        let last = Run::of(self.threads[seat].load(Ordering::Relaxed));
        let own = seat as u64 + 1;
        let is_alone = self.row(at.row).swap(own, Ordering::Relaxed) == own;
        let follows = match at.col {
            0 => last.col + step >= cols,
            col => {
                is_alone
                    && last.row == at.row & Run::ROW
                    && (1..=step).contains(&col.wrapping_sub(last.col))
            }
        };
        let run = Run {
            row: at.row,
            col: at.col,
            len: if follows { last.len + 1 } else { 1 },
        };
        self.threads[seat].store(run.word(), Ordering::Relaxed);
    }

    /// Whether the calling thread, which has just noted a tile, goes along its row.
    pub fn has_long(&self, at: Block) -> bool {
        let run = Run {
            row: at.row,
            col: at.col,
            len: LONG,
        };
        Self::seat().is_some_and(|seat| self.threads[seat].load(Ordering::Relaxed) == run.word())
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
            runs.note(at, 4, 20);
            runs.has_long(at)
        })
    }

    #[test]
    fn tiles_that_follow_each_other_are_a_run() {
        let runs = Runs::default();
        let cols: Vec<u64> = (0..15).collect();
        assert!(!is_long(&runs, 0, &cols));
        assert!(
            is_long(&runs, 0, &[15]) && is_long(&runs, 0, &[19]),
            "with tiles made along"
        );
        assert!(is_long(&runs, 1, &[0]), "on along another row");
        assert!(!is_long(&runs, 1, &[5]), "one passed over");
        let back: Vec<u64> = (0..40).rev().collect();
        assert!(!is_long(&runs, 2, &back), "backwards");
        assert!(!is_long(&runs, 5, &cols[1..]) && !is_long(&runs, 7, &[1]));
        assert!(!runs.has_long(Block::new(0, 5, 3)), "not the latest");
        for col in 0..20 {
            let down = |row| is_long(&runs, row, &[col]);
            assert!(!(0..40).any(down), "down a column");
        }
    }

    #[test]
    fn threads_by_turns_have_no_run() {
        let runs = Arc::new(Runs::default());
        let there = |row, cols: Vec<u64>| {
            let runs = runs.clone();
            let asked = std::thread::spawn(move || is_long(&runs, row, &cols));
            asked.join().expect("no panic")
        };
        for col in 0..40 {
            assert!(!is_long(&runs, 0, &[2 * col]));
            assert!(!there(0, vec![2 * col + 1]));
        }
        assert!(there(9, (0..16).collect()), "each in a row of its own");
        assert!(is_long(&runs, 8, &(0..16).collect::<Vec<_>>()));
    }
}
