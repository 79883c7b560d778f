//! Whether a thread goes along a row of tiles, alone or by turns with another one, and so will ask for the next ones.

use crate::image::Block;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::thread::{SEATS, Seat};

/// Rows are told apart by their number modulo this.
const ROWS: usize = 64;

/// From so many tiles on that a thread has asked for it goes along the row. Of threads that take tiles by turns one comes to
/// a few, where another is held up.
const LONG: u64 = 16;

/// Who asked last for what of the tiles of an image.
pub struct Runs {
    /// In each row, which two threads: the numbers of their seats, from 1 on, the last one in the low half.
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

/// The tile that a thread asked for last, and how many it has asked for along the row until then.
#[derive(Clone, Copy)]
struct Run {
    row: u64,
    col: u64,
    /// One after the other.
    alone: u64,
    /// With at most one other thread between them.
    by_turns: u64,
}

impl Run {
    const COL: u64 = (1 << 32) - 1;
    const ROW: u64 = (1 << 16) - 1;
    const LEN: u64 = (1 << 8) - 1;

    fn of(word: u64) -> Self {
        Self {
            row: word >> 32 & Self::ROW,
            col: word & Self::COL,
            alone: word >> 48 & Self::LEN,
            by_turns: word >> 56,
        }
    }

    fn word(self) -> u64 {
        self.by_turns.min(LONG) << 56
            | self.alone.min(LONG) << 48
            | (self.row & Self::ROW) << 32
            | self.col & Self::COL
    }

    /// Whether a tile lies ahead of the last one in its row, by so many at most.
    fn goes_on(&self, at: Block, most: u64) -> bool {
        let ahead = (at.col & Self::COL).wrapping_sub(self.col);
        (at.row & Self::ROW) == self.row && (1..=most).contains(&ahead)
    }

    /// Whether a tile is one of the `first` of a row, and the last one was among the last `step` of one.
    fn turns(&self, at: Block, first: u64, step: u64, cols: u64) -> bool {
        at.col < first && self.col + step >= cols
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
        let run = Run::of(self.threads[seat].load(Ordering::Relaxed));
        let own = seat as u64 + 1;
        let both = self.row(at.row).load(Ordering::Relaxed);
        let (last, before) = (both & u64::from(u32::MAX), both >> 32);
        if last != own {
            self.row(at.row).store(last << 32 | own, Ordering::Relaxed);
        }
        let is_of_two = last == own || before == own;
        let is_alone = run.turns(at, 1, step, cols) || last == own && run.goes_on(at, step);
        let is_by_turns = run.turns(at, step, step, cols) || is_of_two && run.goes_on(at, 2 * step);
        let run = Run {
            row: at.row,
            col: at.col,
            alone: if is_alone { run.alone + 1 } else { 1 },
            by_turns: if is_by_turns { run.by_turns + 1 } else { 1 },
        };
        self.threads[seat].store(run.word(), Ordering::Relaxed);
    }

    /// Among how many threads the calling one, which has just noted a tile, goes along the row, at most two; `None` if it does
    /// not.
    pub fn threads_along(&self, at: Block) -> Option<u64> {
        let run = Run::of(self.threads[Self::seat()?].load(Ordering::Relaxed));
        let is_latest = (run.row, run.col) == (at.row & Run::ROW, at.col & Run::COL);
        match (run.alone, run.by_turns) {
            _ if !is_latest => None,
            (LONG, _) => Some(1),
            (_, LONG) => Some(2),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Among how many threads the last of some columns is found to be in a long run.
    fn along(runs: &Runs, row: u64, cols: &[u64]) -> Option<u64> {
        let tiles = cols.iter().map(|col| Block::new(0, row, *col));
        tiles.fold(None, |_, at| {
            runs.note(at, 4, 20);
            runs.threads_along(at)
        })
    }

    /// The same on another thread, which stays there.
    fn elsewhere(runs: &Arc<Runs>) -> impl Fn(u64, Vec<u64>) -> Option<u64> + use<> {
        type Asked = (u64, Vec<u64>);
        let (runs, (ask, asked)) = (runs.clone(), std::sync::mpsc::channel::<Asked>());
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            asked
                .iter()
                .try_for_each(|(row, cols)| tell.send(along(&runs, row, &cols)))
        });
        move |row, cols| {
            ask.send((row, cols)).expect("the other thread");
            told.recv().expect("an answer")
        }
    }

    #[test]
    fn tiles_that_follow_each_other_are_a_run() {
        let runs = Runs::default();
        let cols: Vec<u64> = (0..15).collect();
        assert_eq!(along(&runs, 0, &cols), None);
        let with_others = along(&runs, 0, &[15]).and(along(&runs, 0, &[19]));
        assert_eq!(with_others, Some(1), "with tiles made along");
        assert_eq!(along(&runs, 1, &[0]), Some(1), "on along another row");
        assert_eq!(along(&runs, 1, &[9]), None, "some passed over");
        let back: Vec<u64> = (0..40).rev().collect();
        assert_eq!(along(&runs, 2, &back), None, "backwards");
        assert_eq!(along(&runs, 5, &cols[1..]).or(along(&runs, 7, &[1])), None);
        assert_eq!(
            runs.threads_along(Block::new(0, 5, 3)),
            None,
            "not the latest"
        );
        for col in 0..20 {
            let down = |row| along(&runs, row, &[col]).is_some();
            assert!(!(0..40).any(down), "down a column");
        }
    }

    #[test]
    fn two_threads_by_turns_have_a_run_and_three_have_none() {
        let runs = Arc::new(Runs::default());
        let (second, third) = (elsewhere(&runs), elsewhere(&runs));
        for turn in 0..20 {
            let both = (along(&runs, 0, &[2 * turn]), second(0, vec![2 * turn + 1]));
            let expected = (turn >= 15).then_some(2);
            assert_eq!(both, (expected, expected), "turn {turn}");
        }
        assert_eq!(along(&runs, 0, &[44]), Some(2), "with tiles made along");
        for turn in 20..60 {
            let all = [
                along(&runs, 0, &[3 * turn]),
                second(0, vec![3 * turn + 1]),
                third(0, vec![3 * turn + 2]),
            ];
            assert!(turn == 20 || all == [None; 3], "turn {turn}: {all:?}");
        }
        assert_eq!(third(9, (0..16).collect()), Some(1), "in a row of its own");
        assert_eq!(along(&runs, 8, &(0..16).collect::<Vec<_>>()), Some(1));
    }
}
