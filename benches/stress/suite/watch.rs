//! Looks at a cache each millisecond while something else goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tilecache::cache::{Cache, Statistics};

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Samples {
    pub count: u64,
    /// Samples with more than the budget in it.
    pub violations: u64,
    /// The most bytes that were in flight.
    pub in_flight: u64,
    /// The most bytes that were held outside the budget.
    pub over_budget: u64,
}

impl Samples {
    pub fn add(&mut self, now: &Statistics) {
        self.count += 1;
        self.violations += u64::from(now.idle + now.held + now.reusable > now.budget);
        self.in_flight = self.in_flight.max(now.in_flight);
        self.over_budget = self.over_budget.max(now.over_budget);
    }
}

/// Ends the sampling also when the work panics, which would otherwise never be seen.
pub struct Ended<'a>(pub &'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// How many looks that came too late are made up for at most.
const BACKLOG: u32 = 10;

/// Looks on each millisecond until told to stop. A look that comes too late is followed at once by the
/// next, so that there are as many as milliseconds.
pub fn each_millisecond(mut goes_on: impl FnMut() -> bool) {
    let mut due = Instant::now();
    while goes_on() {
        due = (due + MILLISECOND).max(Instant::now() - MILLISECOND * BACKLOG);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// Lets threads that only look on go before the calling thread, and before those that it starts: with
/// more threads than processors they would else see little.
pub fn give_way() {
    // SAFETY: takes three numbers; 0 is the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) };
}

/// Does some work while a thread of its own takes samples.
pub fn watched<R>(cache: &Cache, work: impl FnOnce() -> R) -> (R, Samples) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut samples = Samples::default();
            each_millisecond(|| {
                samples.add(&cache.statistics());
                !ended.load(Ordering::SeqCst)
            });
            samples
        });
        let result = {
            let _ended = Ended(&ended);
            work()
        };
        (result, watcher.join().expect("the watcher"))
    })
}
