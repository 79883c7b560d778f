//! The schedule: which rows of a level are there, what can be done with them, and when they may go.

use super::cells::Form;
use crate::geometry::Grid;
use crate::resample::Step;
use std::collections::VecDeque;

/// A level, and what is made of it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The rows of a cell.
    cell: u64,
    /// Rows of the level.
    height: u64,
    /// How many cells there are.
    rows: u64,
    cols: u64,
    /// Whether its cells become tiles of the file.
    is_written: bool,
    /// What makes the next level, and the columns of cells that this has.
    step: Option<(Step, u64)>,
    /// How many rows of the next level can be made of the rows of cells up to each.
    made: Vec<u64>,
}

impl Stage {
    /// A level, with the step to the next one.
    pub fn new(form: &Form, is_written: bool, next: Option<(Step, &Form)>) -> Self {
        let (rows, height, cell) = (form.rows(), form.size.1, form.cell.1);
        let made = next.map(|(step, _)| {
            let mut made = Vec::with_capacity(rows as usize);
            let mut count = 0;
            for row in 0..rows {
                let there = ((row + 1) * cell).min(height);
                count += rows_within(&step, count, there);
                made.push(count);
            }
            made
        });
        Self {
            cell,
            height,
            rows,
            cols: form.grid().cols(),
            is_written,
            step: next.map(|(step, next)| (step, next.grid().cols())),
            made: made.unwrap_or_default(),
        }
    }

    /// The rows of the next level that become possible with a row of cells.
    pub fn unit(&self, row: u64) -> std::ops::Range<u64> {
        let made = |row: u64| self.made[row as usize];
        let start = if row == 0 { 0 } else { made(row - 1) };
        start..made(row)
    }

    /// The first row of cells that is still needed for the next level after so many units.
    fn needed(&self, units: u64) -> u64 {
        let Some((step, _)) = &self.step else {
            return units;
        };
        let next = if units == 0 {
            0
        } else {
            self.made[units as usize - 1]
        };
        match next == step.y.to {
            true => self.rows,
            false => (step.y.reach(step.filter, next).start / self.cell).min(units),
        }
    }

    /// The most rows of cells that must be there at once, if its rows come in such pieces.
    fn least_rows(&self, pieces: impl Iterator<Item = std::ops::Range<u64>>) -> u64 {
        let pieces = pieces.filter(|piece| !piece.is_empty());
        let rows = pieces.map(|piece| {
            let full = piece.start / self.cell;
            let last = (piece.end - 1) / self.cell;
            last + 1 - self.needed(full).min(full)
        });
        rows.max().unwrap_or(1).max(1)
    }
}

/// How many rows of the output need no row of the image from `there` on.
pub fn rows_made(step: &Step, there: u64) -> u64 {
    rows_within(step, 0, there)
}

/// How many rows of the output from `first` on need none from `there` on.
fn rows_within(step: &Step, first: u64, there: u64) -> u64 {
    let (mut low, mut high) = (first, step.y.to);
    while low < high {
        let middle = low + (high - low) / 2;
        match step.y.reach(step.filter, middle).end <= there {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low - first
}

/// How many rows of cells each level must have room for, from the finest on, which comes in rows of these blocks.
pub fn least_rows(stages: &[Stage], blocks: &Grid) -> Vec<u64> {
    let of = |level: usize| match level {
        0 => {
            let rows = (0..blocks.rows()).map(|row| {
                let rect = blocks.rect(row, 0);
                rect.y..rect.bottom()
            });
            stages[0].least_rows(rows)
        }
        level => {
            let finer = &stages[level - 1];
            stages[level].least_rows((0..finer.rows).map(|row| finer.unit(row)))
        }
    };
    (0..stages.len()).map(of).collect()
}

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Read a block, by its number.
    Block(u64),
    /// Make a column of cells of the next level, of the rows that a row of cells allows.
    Reduce { level: usize, row: u64, col: u64 },
    /// Encode a cell.
    Encode { level: usize, row: u64, col: u64 },
}

/// What has become of a level so far.
#[derive(Debug, Default)]
struct Progress {
    /// Rows of cells that are complete.
    full: u64,
    /// The next cell to be encoded, row by row.
    encode: u64,
    /// Of rows of cells from `encoded` on, how many cells are not encoded.
    encodes_left: VecDeque<u64>,
    encoded: u64,
    /// The next column of the next level to be made.
    unit: (u64, u64),
    /// Of units from `units` on, how many columns are not made.
    units_left: VecDeque<u64>,
    units: u64,
    /// Rows of cells before this one are gone.
    first: u64,
}

/// All levels on their way.
pub struct Schedule {
    stages: Vec<Stage>,
    /// The most rows of cells of each that may be there at once.
    quotas: Vec<u64>,
    levels: Vec<Progress>,
    blocks: Grid,
    next_block: u64,
    /// Of rows of blocks from `rows_read` on, how many blocks are not read.
    blocks_left: VecDeque<u64>,
    rows_read: u64,
    done: u64,
}

impl Schedule {
    /// Levels from the finest on, which comes in these blocks.
    pub fn new(stages: Vec<Stage>, quotas: Vec<u64>, blocks: Grid) -> Self {
        Self {
            levels: stages.iter().map(|_| Progress::default()).collect(),
            stages,
            quotas,
            blocks,
            next_block: 0,
            blocks_left: VecDeque::new(),
            rows_read: 0,
            done: 0,
        }
    }

    /// How many blocks were read.
    pub fn blocks_done(&self) -> u64 {
        self.done
    }

    /// Whether all is done.
    pub fn is_done(&self) -> bool {
        let is_done = |(stage, level): (&Stage, &Progress)| {
            let units = stage.step.is_none() || level.units == stage.rows;
            units && (!stage.is_written || level.encoded == stage.rows)
        };
        self.rows_read == self.blocks.rows() && self.stages.iter().zip(&self.levels).all(is_done)
    }

    /// What may be done next: at the coarsest level where there is something, so that rows may go. `may_encode` says
    /// whether a cell is not too far before those that are written.
    pub fn next(&mut self, may_encode: impl Fn(usize, u64) -> bool) -> Option<Task> {
        for level in (0..self.stages.len()).rev() {
            if let Some(task) = self.next_of(level, &may_encode) {
                return Some(task);
            }
        }
        let cols = self.blocks.cols();
        let nth = self.next_block;
        if nth == self.blocks.rows() * cols {
            return None;
        }
        let rect = self.blocks.rect(nth / cols, nth % cols);
        if !self.has_room(0, rect.bottom()) {
            return None;
        }
        if nth.is_multiple_of(cols) {
            self.blocks_left.push_back(cols);
        }
        self.next_block += 1;
        Some(Task::Block(nth))
    }

    fn next_of(&mut self, level: usize, may_encode: &impl Fn(usize, u64) -> bool) -> Option<Task> {
        let stage = &self.stages[level];
        let (row, col) = self.levels[level].unit;
        if let Some((_, cols)) = stage.step
            && row < self.levels[level].full
            && (col > 0 || self.has_room(level + 1, stage.unit(row).end))
        {
            let progress = &mut self.levels[level];
            if col == 0 {
                progress.units_left.push_back(cols);
            }
            progress.unit = match col + 1 == cols {
                true => (row + 1, 0),
                false => (row, col + 1),
            };
            return Some(Task::Reduce { level, row, col });
        }
        let progress = &mut self.levels[level];
        let (row, col) = (progress.encode / stage.cols, progress.encode % stage.cols);
        if stage.is_written && row < progress.full && may_encode(level, progress.encode) {
            if col == 0 {
                progress.encodes_left.push_back(stage.cols);
            }
            progress.encode += 1;
            return Some(Task::Encode { level, row, col });
        }
        None
    }

    /// Whether rows of a level before `end` may be written.
    fn has_room(&self, level: usize, end: u64) -> bool {
        end == 0
            || (end - 1) / self.stages[level].cell < self.levels[level].first + self.quotas[level]
    }

    /// Something was done. Gives levels with the rows of cells that are complete since, and those before which all may
    /// be forgotten.
    pub fn done(&mut self, task: Task) -> Vec<(usize, u64)> {
        let before: Vec<u64> = self.levels.iter().map(|level| level.first).collect();
        match task {
            Task::Block(nth) => {
                self.done += 1;
                let at = (nth / self.blocks.cols() - self.rows_read) as usize;
                self.blocks_left[at] -= 1;
                self.rows_read += drain(&mut self.blocks_left);
                let there = match self.rows_read {
                    0 => 0,
                    rows => self.blocks.rect(rows - 1, 0).bottom(),
                };
                self.fill(0, there);
            }
            Task::Reduce { level, row, .. } => {
                let progress = &mut self.levels[level];
                progress.units_left[(row - progress.units) as usize] -= 1;
                progress.units += drain(&mut progress.units_left);
                let there = match progress.units {
                    0 => 0,
                    units => self.stages[level].unit(units - 1).end,
                };
                self.fill(level + 1, there);
            }
            Task::Encode { level, row, .. } => {
                let progress = &mut self.levels[level];
                progress.encodes_left[(row - progress.encoded) as usize] -= 1;
                progress.encoded += drain(&mut progress.encodes_left);
            }
        }
        let mut gone = Vec::new();
        for (level, before) in before.into_iter().enumerate() {
            let (stage, progress) = (&self.stages[level], &mut self.levels[level]);
            let mut first = progress.full;
            if stage.is_written {
                first = first.min(progress.encoded);
            }
            if stage.step.is_some() {
                first = first.min(stage.needed(progress.units));
            }
            progress.first = first.max(before);
            if progress.first > before {
                gone.push((level, progress.first));
            }
        }
        gone
    }

    /// The rows of a level before `there` are written.
    fn fill(&mut self, level: usize, there: u64) {
        let stage = &self.stages[level];
        self.levels[level].full = match there == stage.height {
            true => stage.rows,
            false => there / stage.cell,
        };
    }
}

/// Takes away what is 0 in front, and counts it.
fn drain(left: &mut VecDeque<u64>) -> u64 {
    let mut count = 0;
    while left.front() == Some(&0) {
        left.pop_front();
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::resample::{Axis, Filter};

    /// Goes through all that is to be done, some of it at a time, and says how many rows of cells were there at most.
    fn run(size: (u64, u64), cell: (u64, u64), block: (u64, u64), filter: Filter, levels: usize) {
        let form = |size| Form {
            size,
            cell,
            bands: 1,
            dtype: DType::U8,
            has_mask: false,
        };
        let halved = |(width, height): (u64, u64)| (width.div_ceil(2), height.div_ceil(2));
        let sizes = std::iter::successors(Some(size), |size| Some(halved(*size)));
        let forms: Vec<Form> = sizes.take(levels).map(form).collect();
        let stage = |at: usize| {
            let of = forms[at].size;
            let step = Step {
                x: Axis::half(of.0),
                y: Axis::half(of.1),
                filter,
            };
            let next = forms.get(at + 1).map(|next| (step, next));
            Stage::new(&forms[at], at > 0 || levels == 1, next)
        };
        let stages: Vec<Stage> = (0..levels).map(stage).collect();
        let blocks = Grid::new(size, block, 0, size);
        let quotas = least_rows(&stages, &blocks);
        for at_once in [1, 2, 7] {
            let mut schedule = Schedule::new(stages.clone(), quotas.clone(), blocks);
            let (mut running, mut seen) = (VecDeque::new(), 0u64);
            while !schedule.is_done() {
                while running.len() < at_once
                    && let Some(task) = schedule.next(|_, _| true)
                {
                    running.push_back(task);
                }
                // The latest and the first in turn.
                seen += 1;
                let task = match seen % 2 {
                    0 => running.pop_back(),
                    _ => running.pop_front(),
                };
                let task = task.unwrap_or_else(|| panic!("{size:?} {cell:?} {block:?} {filter:?}"));
                schedule.done(task);
            }
            let tiles: u64 = forms.iter().map(|form| form.grid().rows()).sum();
            assert!(seen >= tiles);
        }
    }

    #[test]
    fn all_is_done_with_the_least_room() {
        for filter in [
            Filter::Average,
            Filter::Nearest,
            Filter::Lanczos,
            Filter::Sips,
        ] {
            for size in [(1, 1), (5, 300), (300, 7), (131, 257), (64, 64)] {
                for cell in [(16, 16), (32, 48), (64, 16)] {
                    for block in [(1000, 1), (7, 5), (16, 16), (300, 90), (1000, 1000)] {
                        for levels in 1..5 {
                            run(size, cell, block, filter, levels);
                        }
                    }
                }
            }
        }
    }
}
