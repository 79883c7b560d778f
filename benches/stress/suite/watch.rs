//! Looks at a cache each millisecond while something else goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
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
    pub overhang: u64,
}

impl Samples {
    pub fn add(&mut self, now: &Statistics) {
        self.count += 1;
        self.violations += u64::from(now.idle + now.held + now.reusable > now.budget);
        self.in_flight = self.in_flight.max(now.in_flight);
        self.overhang = self.overhang.max(now.overhang);
    }
}

/// Ends the sampling also when the work panics, which would otherwise never be seen.
pub struct Ended<'a>(pub &'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Does some work while a thread of its own takes samples.
pub fn watched<R>(cache: &Cache, work: impl FnOnce() -> R) -> (R, Samples) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut samples = Samples::default();
            while !ended.load(Ordering::SeqCst) {
                samples.add(&cache.statistics());
                std::thread::sleep(Duration::from_millis(1));
            }
            samples
        });
        let result = {
            let _ended = Ended(&ended);
            work()
        };
        (result, watcher.join().expect("the watcher"))
    })
}
