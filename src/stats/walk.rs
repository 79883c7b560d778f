//! The walk over the blocks of an extent, by the calling thread and others beside it.

use super::extent::{Blocks, Extent};
use super::reading::Reading;
use crate::cache::Scratch;
use crate::error::{Error, Kind, Result};
use crate::geometry::Rect;
use crate::load::{Cancel, Load};
use crate::scoped;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::tile::Pixels;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Hears how much of the work is done, from 0 to 1, on the thread that waits for it; false ends it.
pub type Progress<'a> = dyn FnMut(f64) -> bool + 'a;

/// How long a thread that has nothing to do waits before it tells of progress again.
const PATIENCE: Duration = Duration::from_millis(50);

/// What a caller gets who ended the work.
pub fn ended() -> Error {
    Error::new(
        Kind::Cancelled,
        "the statistics were cancelled by the function that hears of their progress",
    )
}

/// What looks at pixels; each thread has its own.
pub trait Look: Send {
    /// Looks at all bands of the pixels over a rectangle, in any order of these. Where there is a mask, it is that of
    /// the same rectangle.
    fn look(&mut self, rect: &Rect, pixels: &Pixels, mask: Option<&Pixels>) -> Result<()>;
}

/// A walk through an extent.
pub struct Walk<'a> {
    /// Reads the blocks.
    pub reading: &'a Reading,
    /// Which pixels are looked at.
    pub extent: &'a Extent,
    /// Ends the reading on all threads.
    pub cancel: &'a Arc<Cancel>,
}

struct State {
    blocks: Blocks,
    count: u64,
    next: AtomicU64,
    done: AtomicU64,
    /// Threads beside the caller's that have not ended, and the first error.
    others: Mutex<(usize, Result<()>)>,
    ended: Condvar,
}

impl Walk<'_> {
    /// Has the pixels of the extent looked at, each once, by as many threads as there are lookers, of which the first
    /// is the caller's.
    pub fn run<L: Look>(&self, mut lookers: Vec<L>, progress: &mut Progress<'_>) -> Result<Vec<L>> {
        let blocks = self.extent.blocks(&self.reading.grid());
        let count = blocks.count();
        let others = lookers.len().saturating_sub(1);
        let state = State {
            blocks,
            count,
            next: AtomicU64::new(0),
            done: AtomicU64::new(0),
            others: Mutex::new((0, Ok(()))),
            ended: Condvar::new(),
        };
        let state = &state;
        if !progress(0.0) {
            return Err(ended());
        }
        let load = Load::current();
        let load = load.as_ref();
        let (first, rest) = lookers
            .split_first_mut()
            .ok_or_else(|| Error::internal("no looker"))?;
        let own = std::thread::scope(|scope| {
            for looker in rest.iter_mut().take(others) {
                let work = move || self.work_beside(state, looker, load);
                state.others.lock().0 += 1;
                if !scoped::spawn(scope, work) {
                    // Those that there are do its work.
                    state.others.lock().0 -= 1;
                    break;
                }
            }
            // A panic of a callback must not leave the others at work.
            let work = || self.work_and_wait(state, first, progress);
            let own = catch_unwind(AssertUnwindSafe(work));
            if !matches!(own, Ok(Ok(()))) {
                self.stop(state);
            }
            own
        });
        let own = own.unwrap_or_else(|panic| resume_unwind(panic));
        let others = std::mem::replace(&mut state.others.lock().1, Ok(()));
        scoped::outcome(own, others)?;
        Ok(lookers)
    }

    fn stop(&self, state: &State) {
        state.next.fetch_max(state.count, Ordering::Relaxed);
        self.cancel.cancel();
    }

    fn work_beside(&self, state: &State, looker: &mut impl Look, load: Option<&Arc<Load>>) {
        let mut all = || {
            let scratch = Scratch::new(None);
            while self.one(state, looker, &scratch)? {}
            Ok(())
        };
        let work = || match load {
            Some(load) => load.run(&mut all),
            None => all(),
        };
        let outcome = catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Error::internal("a thread that looked at pixels panicked")));
        let mut others = state.others.lock();
        others.0 -= 1;
        if let Err(error) = outcome {
            // The first one stopped the others.
            let is_first = others.1.is_ok();
            if is_first {
                others.1 = Err(error);
            }
            drop(others);
            self.stop(state);
        }
        state.ended.notify_all();
    }

    fn work_and_wait(
        &self,
        state: &State,
        looker: &mut impl Look,
        progress: &mut Progress<'_>,
    ) -> Result<()> {
        let scratch = Scratch::new(None);
        let mut told = Some(0);
        let mut tell = || {
            let done = state.done.load(Ordering::Relaxed);
            if told.replace(done) == Some(done) {
                return Ok(());
            }
            match progress(done as f64 / state.count.max(1) as f64) {
                true => Ok(()),
                false => Err(ended()),
            }
        };
        while self.one(state, looker, &scratch)? {
            tell()?;
        }
        loop {
            let mut others = state.others.lock();
            if others.0 == 0 {
                break;
            }
            let is_late = state.ended.wait_for(&mut others, PATIENCE).timed_out();
            drop(others);
            if is_late {
                tell()?;
            }
        }
        tell()
    }

    /// Looks at the next block, if there is one.
    fn one(&self, state: &State, looker: &mut impl Look, scratch: &Scratch<'_>) -> Result<bool> {
        let nth = state.next.fetch_add(1, Ordering::Relaxed);
        let Some(at) = state.blocks.nth(nth).filter(|_| nth < state.count) else {
            return Ok(false);
        };
        let row = state.blocks.row_from(nth);
        if !row.is_empty() {
            self.reading
                .announce(row.filter_map(|nth| state.blocks.nth(nth)));
        }
        let rect = self.reading.grid().rect(at.0, at.1);
        let parts = self.extent.parts(&rect);
        if !parts.is_empty() {
            self.reading
                .block(at, &parts, scratch, &mut |rect, pixels| {
                    let mask = self.reading.mask(rect)?;
                    looker.look(rect, pixels, mask.as_ref().map(|mask| mask.pixels()))
                })?;
        }
        state.done.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }
}
