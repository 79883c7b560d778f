//! Threads of the library's own, for requests that must not keep one of the caller's waiting.

use crate::cache::AskedOfTiers;
use crate::error::{Error, Kind, Result};
use crate::image::{Bands, Block};
use crate::load::nesting;
use crate::provider::{Provider, Request, check_cancelled, get_block_asked};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{ProcessGuard, ProcessMutex, Still, thread};
use crate::tile::Tile;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, LazyLock};

/// Something to do with a provider.
pub type Work = dyn FnOnce(&dyn Provider) + Send;

/// Gets the tile of a request; called once, inside what tells of it.
pub type Get<'a> = dyn FnMut() -> Result<Tile> + 'a;

/// What a thread is to do.
pub struct Job {
    /// What the work is done with; kept alive until it is done.
    pub provider: Arc<dyn Provider>,
    /// The work; it ends at once where the provider was cancelled.
    pub work: Box<Work>,
    /// Whether it is done only when no other waits.
    pub is_ahead: bool,
}

impl Job {
    fn is_cancelled(&self) -> bool {
        self.provider.is_cancelled()
    }
}

/// A queue of jobs, and threads that exist only while there are any.
pub struct Workers {
    max: usize,
    state: ProcessMutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// Those that are done when the queue is empty.
    ahead: VecDeque<Job>,
    /// Jobs that go on when other tiers have answered, by a number.
    suspended: BTreeMap<u64, Job>,
    numbers: u64,
    threads: usize,
}

impl Workers {
    /// At most `max` threads; 0 is one for each processor.
    pub fn new(max: usize) -> Arc<Self> {
        let max = match max {
            0 => std::thread::available_parallelism().map_or(1, |count| count.get()),
            max => max,
        };
        Arc::new(Self {
            max,
            state: ProcessMutex::default(),
        })
    }

    /// The threads that serve all providers without a cache.
    pub fn of_process() -> &'static Arc<Self> {
        static WORKERS: LazyLock<Arc<Workers>> = LazyLock::new(|| Workers::new(0));
        &WORKERS
    }

    /// Keeps the threads of the process from taking and getting jobs.
    pub fn stand_still() -> Box<dyn Still> {
        Box::new(Self::of_process().state.lock())
    }

    /// Has a job done, after those before it. On failure it will not be done.
    pub fn add(self: &Arc<Self>, job: Job) -> Result<()> {
        let provider = job.provider.clone();
        self.enqueue(job)?;
        if provider.is_cancelled() {
            // Whoever cancelled it may have looked at the queue before.
            self.end_cancelled();
        }
        Ok(())
    }

    fn enqueue(self: &Arc<Self>, job: Job) -> Result<()> {
        let mut state = self.state.lock();
        if state.threads < self.max {
            match self.start() {
                Ok(()) => state.threads += 1,
                Err(error) if state.threads == 0 => return Err(error),
                // Those that there are will come to it.
                Err(_) => (),
            }
        }
        state.push(job);
        Ok(())
    }

    /// Has a block made, and `done` called, which gets it. It takes no thread while other tiers are asked.
    pub fn request(
        self: &Arc<Self>,
        provider: Arc<dyn Provider>,
        at: Block,
        bands: Bands,
        done: impl FnOnce(&mut Get<'_>) + Send + 'static,
    ) -> Result<()> {
        self.add(self.job(provider, at, bands, AskedOfTiers::default(), done))
    }

    fn job(
        self: &Arc<Self>,
        provider: Arc<dyn Provider>,
        at: Block,
        bands: Bands,
        mut asked: AskedOfTiers,
        done: impl FnOnce(&mut Get<'_>) + Send + 'static,
    ) -> Job {
        let (workers, own) = (self.clone(), provider.clone());
        let work = move |provider: &dyn Provider| {
            let request = Request::new();
            // What was suspended goes on when all answers are there, or when it is cancelled.
            let mut is_complete = || {
                check_cancelled(provider)?;
                asked.wait(&request)?;
                Ok(asked.look(provider, &mut std::iter::once(at), &bands, &request))
            };
            match is_complete() {
                Ok(false) => (),
                Ok(true) => {
                    let mut get = || get_block_asked(provider, at, &bands, &request);
                    return done(&mut get);
                }
                Err(error) => {
                    // What is told of it finds no interest in the answers any more.
                    drop(asked);
                    return done(&mut || Err(Error::clone(&error)));
                }
            }
            let pause = workers.pause(asked.coming().count());
            for answer in asked.coming() {
                answer.then(pause.end_one());
            }
            pause.suspend(workers.job(own, at, bands, asked, done));
        };
        Job {
            provider,
            work: Box::new(work),
            is_ahead: false,
        }
    }

    /// A pause that a job can make until so many things have happened.
    pub fn pause(self: &Arc<Self>, things: usize) -> Pause {
        Pause {
            workers: self.clone(),
            number: self.number(),
            left: Arc::new(AtomicUsize::new(1 + things)),
        }
    }

    /// The most threads.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Whether a job waits that goes before those that are done ahead.
    pub fn is_wanted(&self) -> bool {
        !self.state.lock().queue.is_empty()
    }

    /// Gives the calling thread, which does a job, back to the others, with what is left of the job.
    pub fn put_back(self: &Arc<Self>, job: Job) {
        let provider = job.provider.clone();
        self.give(job, State::push);
        if provider.is_cancelled() {
            self.end_cancelled();
        }
    }

    fn number(&self) -> u64 {
        let mut state = self.state.lock();
        state.numbers += 1;
        state.numbers
    }

    fn suspend(self: &Arc<Self>, number: u64, job: Job) {
        let provider = job.provider.clone();
        self.state.lock().suspended.insert(number, job);
        if provider.is_cancelled() {
            self.end_cancelled();
        }
    }

    /// Lets a suspended job go on before all others, which came after it.
    fn resume(self: &Arc<Self>, number: u64) {
        let job = self.state.lock().suspended.remove(&number);
        if let Some(job) = job {
            self.give(job, State::push_first);
        }
    }

    /// Has a job done that was begun: without a thread of its own it is done here.
    fn give(self: &Arc<Self>, job: Job, push: impl FnOnce(&mut State, Job)) {
        let mut state = self.state.lock();
        if state.threads < self.max && self.start().is_ok() {
            state.threads += 1;
        }
        if state.threads > 0 {
            return push(&mut state, job);
        }
        drop(state);
        (job.work)(&*job.provider);
    }

    /// Has the jobs that wait and were cancelled done before all others, by one thread of their own: all
    /// the usual ones may be at work on what takes long.
    pub fn end_cancelled(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let (mut cancelled, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut state.queue)
            .into_iter()
            .partition(Job::is_cancelled);
        let (ended, ahead): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut state.ahead)
            .into_iter()
            .partition(Job::is_cancelled);
        state.ahead = ahead;
        cancelled.extend(ended);
        let (ended, suspended): (BTreeMap<_, _>, _) = std::mem::take(&mut state.suspended)
            .into_iter()
            .partition(|(_, job)| job.is_cancelled());
        state.suspended = suspended;
        cancelled.extend(ended.into_values());
        let any = !cancelled.is_empty();
        state.queue = cancelled;
        state.queue.extend(others);
        if any && state.threads <= self.max && self.start().is_ok() {
            state.threads += 1;
        }
    }

    fn start(self: &Arc<Self>) -> Result<()> {
        let workers = self.clone();
        let started = thread::Builder::new()
            .name("tilecache".into())
            .stack_size(nesting::STACK_BYTES)
            .spawn(move || workers.work());
        match started {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::new(
                Kind::NoMemory,
                format!("cannot start a thread for requests: {error}"),
            )),
        }
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            (job.work)(&*job.provider);
        }
    }

    /// The next job; without one the calling thread is to end.
    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        // There is one thread more than usual where something was cancelled.
        let is_extra = state.threads > self.max;
        let may = |job: &Job| !is_extra || job.is_cancelled();
        let job = match (state.queue.front(), state.ahead.front()) {
            (Some(job), _) if may(job) => state.queue.pop_front(),
            (None, Some(job)) if may(job) => state.ahead.pop_front(),
            _ => None,
        };
        if job.is_none() {
            state.threads -= 1;
        }
        job
    }
}

impl State {
    fn push(&mut self, job: Job) {
        match job.is_ahead {
            true => self.ahead.push_back(job),
            false => self.queue.push_back(job),
        }
    }

    /// Before all others of its kind, which came after it.
    fn push_first(&mut self, job: Job) {
        match job.is_ahead {
            true => self.ahead.push_front(job),
            false => self.queue.push_front(job),
        }
    }
}

/// The pause of a job, which takes no thread meanwhile.
pub struct Pause {
    workers: Arc<Workers>,
    number: u64,
    /// What is still to happen, with the suspension itself.
    left: Arc<AtomicUsize>,
}

impl Pause {
    /// What is to be called when one of the things has happened.
    pub fn end_one(&self) -> Box<dyn FnOnce() + Send> {
        let (workers, left, number) = (self.workers.clone(), self.left.clone(), self.number);
        Box::new(move || {
            if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                workers.resume(number);
            }
        })
    }

    /// Suspends what is left of the job until all has happened.
    pub fn suspend(self, job: Job) {
        self.workers.suspend(self.number, job);
        self.end_one()();
    }
}

impl Still for ProcessGuard<'static, State> {
    fn in_child(&mut self) {
        // The jobs are the parent's, and so are the threads. Providers go with the jobs, whose locks may be
        // held for ever here.
        std::mem::forget(std::mem::take(&mut **self));
    }
}
