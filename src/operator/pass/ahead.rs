//! Reading ahead: the next tiles of a pass, made on the threads of their cache while others are looked at.

use super::Schedule;
use crate::cache::{Cache, Step};
use crate::error::{Error, Result};
use crate::image::Block;
use crate::prefetch::{Made, make_admitted};
use crate::provider::{Provider, Request, has_block, peek_block, tile_bytes};
use crate::sync::Mutex;
use crate::workers::{Job, Workers};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

/// As many tiles are made ahead for each thread: one is ready when the next one is begun.
const TILES_OF_THREAD: u64 = 2;

/// What makes tiles ahead.
pub struct Ahead {
    /// A reader without the schedule: a tile that is made ahead is no step of the pass.
    provider: Arc<dyn Provider>,
    cache: Cache,
    workers: Arc<Workers>,
    threads: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The first step whose tile nobody has taken to make it ahead.
    next: Step,
    /// Jobs that have not ended.
    hands: usize,
}

/// A step, and the tile that it is to make.
type Task = (Step, Block);

impl Ahead {
    /// By at most so many threads of the provider's cache. Refused without a cache.
    pub fn new(provider: Arc<dyn Provider>, threads: usize) -> Result<Self> {
        let Some(cache) = provider.cache().cloned() else {
            return Err(Error::argument(format!(
                "{} is in no cache that could keep what is read ahead",
                provider.key()
            )));
        };
        let workers = cache.workers().clone();
        Ok(Self {
            threads: threads.min(workers.max()),
            provider,
            cache,
            workers,
            state: Mutex::default(),
        })
    }

    /// Sees to it that a thread is at work if there is something to make.
    pub fn go_on(&self, schedule: &Arc<Schedule>) {
        {
            let mut state = self.state.lock();
            if state.hands >= self.threads || self.look(&state, schedule).is_none() {
                return;
            }
            state.hands += 1;
        }
        // Where no thread can be started nothing is read ahead.
        if self.workers.add(self.job(schedule, None)).is_err() {
            self.state.lock().hands -= 1;
        }
    }

    fn job(&self, schedule: &Arc<Schedule>, first: Option<Task>) -> Job {
        let schedule = Arc::downgrade(schedule);
        Job {
            provider: self.provider.clone(),
            work: Box::new(move |_| work(&schedule, first)),
            is_ahead: true,
        }
    }

    /// The next tile to make, not too far ahead.
    fn look(&self, state: &State, schedule: &Schedule) -> Option<Task> {
        let (begun, most) = (schedule.begun(), TILES_OF_THREAD * self.threads as u64);
        let step = state.next.max(begun);
        let tile = schedule.tile_of(step).filter(|_| step < begun + most);
        tile.map(|at| (step, at))
    }

    fn take(&self, schedule: &Schedule) -> Option<Task> {
        let mut state = self.state.lock();
        let task = self.look(&state, schedule);
        match task {
            Some((step, _)) => state.next = step + 1,
            None => state.hands -= 1,
        }
        task
    }

    /// A thread ends before all is made, and comes back to a step.
    fn put_off(&self, step: Step) {
        let mut state = self.state.lock();
        state.hands -= 1;
        state.next = state.next.min(step);
    }

    fn make(&self, schedule: &Schedule, (step, at): Task) -> Result<Option<Made>> {
        let (provider, bands) = (&*self.provider, &schedule.bands);
        let image = provider.image();
        let is_there = peek_block(provider, at, bands)?.is_some();
        if is_there || image.sparse && !has_block(provider, at)? {
            return Ok(None);
        }
        let bytes = tile_bytes(image, at, bands);
        if !schedule.pass.has_room(&self.cache, step, bytes) {
            return Ok(Some(Made::Full));
        }
        let request = Request::new();
        make_admitted(provider, &self.cache, &self.workers, at, bands, &request).map(Some)
    }
}

/// Makes tiles until none is to be made ahead, or the pass is over.
fn work(schedule: &Weak<Schedule>, mut first: Option<Task>) {
    loop {
        let Some(schedule) = schedule.upgrade() else {
            return;
        };
        let Some(ahead) = &schedule.ahead else { return };
        let Some(task) = first.take().or_else(|| ahead.take(&schedule)) else {
            return;
        };
        let making = catch_unwind(AssertUnwindSafe(|| ahead.make(&schedule, task)));
        match making {
            Ok(Ok(Some(Made::Later(pause)))) => {
                return pause.suspend(ahead.job(&schedule, Some(task)));
            }
            Ok(Ok(Some(Made::Full))) => return ahead.put_off(task.0),
            // What failed is told to the one who asks for the tile.
            _ => (),
        }
        if ahead.workers.is_wanted() {
            return ahead.workers.put_back(ahead.job(&schedule, None));
        }
    }
}
