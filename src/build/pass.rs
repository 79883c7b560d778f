//! The pass: blocks are read, levels made of levels, and cells encoded, by the calling thread and others beside it.

use super::cells::Cells;
use super::encode::{Coding, Encoder};
use super::schedule::{Schedule, Task, rows_made};
use super::stream::Stream;
use super::window::Window;
use crate::cache::{Cache, Scratch};
use crate::error::{Error, Kind, Result};
use crate::geometry::Rect;
use crate::image::Image;
use crate::load::{Cancel, Load};
use crate::resample::{Columns, Format, Step, of_mask, stage};
use crate::scoped;
use crate::stats::reading::Reading;
use crate::sync::{Condvar, Mutex};
use crate::tile::Tile;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Hears how much of the work is done, from 0 to 1, on the thread that waits for it; false ends it.
pub type Progress<'a> = dyn FnMut(f64) -> bool + 'a;

/// How long a thread that has nothing to do waits before it tells of progress again.
const PATIENCE: Duration = Duration::from_millis(50);

/// A thread encodes so many cells at most before the next one that is written, for each thread there is.
const AHEAD: u64 = 4;

/// What a caller gets who ended the work.
pub fn ended() -> Error {
    Error::new(
        Kind::Cancelled,
        "the file was not built, for the function that hears of the progress ended it",
    )
}

/// A level of a pass.
pub struct Level<'a> {
    /// Its pixels.
    pub cells: Cells,
    /// How they become tiles, and where these go; nothing for a level that is not written.
    pub output: Option<(&'a Coding, &'a Coding, Stream<'a>)>,
    /// What makes the next level.
    pub step: Option<Step>,
}

/// A level that is read, and those that are made of it.
pub struct Pass<'a> {
    /// Reads the blocks of the first one.
    pub reading: &'a Reading,
    /// The levels, from the finest on.
    pub levels: Vec<Level<'a>>,
    /// What the samples are.
    pub format: Format,
    /// Counts blocks while they are read.
    pub cache: Option<&'a Cache>,
    /// Ends the reading on all threads.
    pub cancel: &'a Arc<Cancel>,
    /// How many threads there are.
    pub threads: u32,
}

struct State {
    schedule: Schedule,
    /// Threads beside the caller's that have not ended.
    others: usize,
    /// The first error of a thread beside the caller's.
    outcome: Result<()>,
    is_ended: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Pass<'_> {
    /// Does all that is scheduled.
    pub fn run(&self, schedule: Schedule, progress: &mut Progress<'_>) -> Result<()> {
        let shared = &Shared {
            state: Mutex::new(State {
                schedule,
                others: 0,
                outcome: Ok(()),
                is_ended: false,
            }),
            changed: Condvar::new(),
        };
        let load = Load::current();
        let load = load.as_ref();
        let own = std::thread::scope(|scope| {
            for _ in 1..self.threads {
                shared.state.lock().others += 1;
                if !scoped::spawn(scope, move || self.work_beside(shared, load)) {
                    // Those that there are do its work.
                    shared.state.lock().others -= 1;
                    break;
                }
            }
            // A panic of a callback must not leave the others at work.
            let own = catch_unwind(AssertUnwindSafe(|| self.work(shared, Some(progress))));
            self.stop(shared);
            own
        });
        let own = own.unwrap_or_else(|panic| resume_unwind(panic));
        let others = std::mem::replace(&mut shared.state.lock().outcome, Ok(()));
        scoped::outcome(own, others)
    }

    fn stop(&self, shared: &Shared) {
        let is_done = {
            let mut state = shared.state.lock();
            state.is_ended = true;
            state.schedule.is_done()
        };
        if !is_done {
            self.cancel.cancel();
        }
        shared.changed.notify_all();
    }

    fn work_beside(&self, shared: &Shared, load: Option<&Arc<Load>>) {
        let all = || self.work(shared, None);
        let work = || match load {
            Some(load) => load.run(all),
            None => all(),
        };
        let outcome = catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Error::internal("a thread that built levels panicked")));
        let has_failed = outcome.is_err();
        {
            let mut state = shared.state.lock();
            state.others -= 1;
            // The first one stopped the others.
            if has_failed && state.outcome.is_ok() {
                state.outcome = outcome;
            }
        }
        if has_failed {
            self.stop(shared);
        }
        shared.changed.notify_all();
    }

    /// Does what is to be done until there is nothing more; tells of progress on the way.
    fn work(&self, shared: &Shared, mut progress: Option<&mut Progress<'_>>) -> Result<()> {
        let mut worker = Worker {
            pass: self,
            encoder: Encoder::default(),
            scratch: Scratch::new(self.cache),
        };
        let total = {
            let grid = self.reading.grid();
            (grid.rows() * grid.cols()).max(1) as f64
        };
        let mut told = None;
        loop {
            let (task, done) = {
                let mut state = shared.state.lock();
                let task = loop {
                    if state.is_ended || state.schedule.is_done() {
                        break None;
                    }
                    let next = state
                        .schedule
                        .next(|level, nth| self.may_encode(level, nth));
                    if next.is_some() {
                        break next;
                    }
                    let late = shared.changed.wait_for(&mut state, PATIENCE).timed_out();
                    if late && progress.is_some() {
                        break None;
                    }
                };
                (task, state.schedule.blocks_done())
            };
            if let Some(tell) = &mut progress
                && told.replace(done) != Some(done)
                && !tell(done as f64 / total)
            {
                return Err(ended());
            }
            let Some(task) = task else {
                let state = shared.state.lock();
                if state.is_ended || state.schedule.is_done() {
                    return Ok(());
                }
                continue;
            };
            worker.run(task)?;
            {
                let mut state = shared.state.lock();
                for (level, first) in state.schedule.done(task) {
                    self.levels[level].cells.forget(first);
                }
            }
            shared.changed.notify_all();
        }
    }

    fn may_encode(&self, level: usize, nth: u64) -> bool {
        let Some((_, _, stream)) = &self.levels[level].output else {
            return false;
        };
        nth < stream.next() + AHEAD * u64::from(self.threads.max(1))
    }
}

/// A thread of a pass.
struct Worker<'a> {
    pass: &'a Pass<'a>,
    encoder: Encoder,
    scratch: Scratch<'a>,
}

impl Worker<'_> {
    fn run(&mut self, task: Task) -> Result<()> {
        match task {
            Task::Block(nth) => self.read(nth),
            Task::Reduce { level, row, col } => self.reduce(level, row, col),
            Task::Encode { level, row, col } => self.encode(level, row, col),
        }
    }

    fn read(&self, nth: u64) -> Result<()> {
        let (reading, cells) = (self.pass.reading, &self.pass.levels[0].cells);
        let grid = reading.grid();
        let (row, col) = (nth / grid.cols(), nth % grid.cols());
        if col == 0 {
            reading.announce((0..grid.cols()).map(|col| (row, col)));
        }
        let rect = grid.rect(row, col);
        // At a high level a block between others may have no pixels.
        if rect.is_empty() {
            return Ok(());
        }
        reading.block((row, col), &[rect], &self.scratch, &mut |rect, pixels| {
            let mask = reading.mask(rect)?;
            cells.write(rect, pixels, mask.as_ref().map(|mask| mask.pixels()))
        })
    }

    fn reduce(&self, level: usize, row: u64, col: u64) -> Result<()> {
        let pass = self.pass;
        let (finer, coarser) = (&pass.levels[level], &pass.levels[level + 1]);
        let Some(step) = finer.step else {
            return Err(Error::internal("no step to the next level"));
        };
        let rows = {
            let there = |row: u64| {
                let form = finer.cells.form();
                let there = ((row + 1) * form.cell.1).min(form.size.1);
                rows_made(&step, there)
            };
            let start = if row == 0 { 0 } else { there(row - 1) };
            start..there(row)
        };
        let cell = coarser.cells.grid().rect(0, col);
        if rows.is_empty() || cell.is_empty() {
            return Ok(());
        }
        let rect = Rect::new(cell.x, rows.start, cell.width, rows.end - rows.start);
        let columns = Columns::of(&step, rect.x..rect.right());
        let has_mask = finer.cells.form().has_mask;
        let mut pixels = stage(step, &pass.format, columns.clone());
        let mask_format = Format::of(&Image::new(1, 1, 1, crate::dtype::DType::U8));
        let mut mask = has_mask.then(|| stage(of_mask(&step), &mask_format, columns.clone()));
        let mut source = Window::new(&finer.cells, columns.read);
        let mut made = coarser.cells.canvas(&rect, false)?;
        let mut made_mask = match has_mask {
            true => Some(coarser.cells.canvas(&rect, true)?),
            false => None,
        };
        let mut next = 0;
        for y in rows.clone() {
            let wanted = pixels.rows(y);
            next = wanted.start.max(next);
            while next < wanted.end {
                source.with_row(next, |rows, of_mask| {
                    pixels.add(next, rows, of_mask);
                    if let (Some(stage), Some(row)) = (&mut mask, of_mask) {
                        stage.add(next, &[row], None);
                    }
                })?;
                next += 1;
            }
            let place = (y - rows.start) as usize;
            pixels.make(y, &mut made.pixels_mut().rows_mut(place));
            if let (Some(stage), Some(made)) = (&mut mask, &mut made_mask) {
                stage.make(y, &mut made.pixels_mut().rows_mut(place));
            }
        }
        source.end();
        let made = Tile::from_canvas(made);
        let made_mask = made_mask.map(Tile::from_canvas);
        let of_mask = made_mask.as_ref().map(|mask| mask.pixels());
        coarser.cells.write(&rect, &made, of_mask)?;
        coarser.cells.reclaim(made);
        made_mask
            .into_iter()
            .for_each(|mask| coarser.cells.reclaim(mask));
        Ok(())
    }

    fn encode(&mut self, level: usize, row: u64, col: u64) -> Result<()> {
        let level = &self.pass.levels[level];
        let Some((coding, of_mask, stream)) = &level.output else {
            return Err(Error::internal("a level that is not written"));
        };
        let filled = level.cells.get(row, col)?;
        let mut tiles = self.encoder.tiles(coding, &filled.pixels)?;
        if let Some(mask) = &filled.mask {
            tiles.push(self.encoder.mask(of_mask, mask)?);
        }
        stream.push(row * level.cells.grid().cols() + col, tiles)
    }
}
