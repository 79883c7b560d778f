//! The threads that may help to decode one image.

use crate::error::Result;
use crate::load::Load;
use crate::scoped;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// A decode of fewer shares is over before a thread has begun.
const LEAST_SHARES: u64 = 4;

/// How many threads may still be started beside those that call.
#[derive(Default)]
pub struct Helpers {
    all: u32,
    free: AtomicU32,
}

/// Some of them, for one decode.
pub struct Helped<'a> {
    of: &'a Helpers,
    count: u32,
}

impl Helpers {
    /// So many at most, for all decodes that run at one time.
    pub fn new(count: u32) -> Self {
        Self {
            all: count,
            free: AtomicU32::new(count),
        }
    }

    /// Whether there are any at all, free or not.
    pub fn are_allowed(&self) -> bool {
        self.all > 0
    }

    /// Those that are free, as far as a decode of so many samples has work for them, each of which should have a share of
    /// its own.
    pub fn take(&self, samples: u64, share: u64) -> Helped<'_> {
        let most = match samples / share {
            0..LEAST_SHARES => 0,
            shares => shares.min(u64::from(u32::MAX)) as u32,
        };
        let taken = self
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                Some(free - free.min(most))
            });
        let (Ok(free) | Err(free)) = taken;
        Helped {
            of: self,
            count: free.min(most),
        }
    }
}

impl Helped<'_> {
    /// How many threads are to decode while the calling one waits: one in its place, too.
    pub fn threads(&self) -> u32 {
        match self.count {
            0 => 0,
            count => count.saturating_add(1),
        }
    }

    /// Does so many pieces of work, each once, on the calling thread and on those that help, each of which has some state
    /// of its own. An error ends it on all of them.
    pub fn share<S: Default>(
        &self,
        count: usize,
        one: impl Fn(&mut S, usize) -> Result<()> + Sync,
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut state = S::default();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return Ok(());
                }
                one(&mut state, index).inspect_err(|_| next.store(count, Ordering::Relaxed))?;
            }
        };
        let others = (self.count as usize).min(count.saturating_sub(1));
        if others == 0 {
            return work();
        }
        let load = Load::current();
        let beside = Mutex::new(Ok(()));
        let own = std::thread::scope(|scope| {
            for _ in 0..others {
                let begun = scoped::spawn(scope, || {
                    let outcome = match &load {
                        Some(load) => load.run(work),
                        None => work(),
                    };
                    let mut first = beside.lock();
                    if first.is_ok() {
                        *first = outcome;
                    }
                });
                if !begun {
                    // Those that there are do its work.
                    break;
                }
            }
            work()
        });
        scoped::outcome(own, beside.into_inner())
    }
}

impl Drop for Helped<'_> {
    fn drop(&mut self) {
        self.of.free.fetch_add(self.count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn decodes_at_one_time_share_the_threads() {
        let helpers = Helpers::new(5);
        assert_eq!(helpers.take(LEAST_SHARES * 10 - 1, 10).threads(), 0);
        let first = helpers.take(LEAST_SHARES * 10, 10);
        assert_eq!(first.threads(), 5);
        assert_eq!(helpers.take(u64::MAX, 10).threads(), 2);
        drop(first);
        assert_eq!(helpers.take(u64::MAX, 10).threads(), 6);
        assert_eq!(Helpers::default().take(u64::MAX, 10).threads(), 0);
    }

    #[test]
    fn every_piece_is_done_once_by_all_threads_together() {
        use std::collections::BTreeSet;
        for allowed in [0, 1, 3] {
            let helpers = Helpers::new(allowed);
            let helped = helpers.take(u64::MAX, 1);
            let threads = 1 + allowed as usize;
            // Each thread has a piece before any has its second.
            let all_here = std::sync::Barrier::new(threads);
            let done = Mutex::new(Vec::new());
            let seen = Mutex::new(BTreeSet::new());
            let one = |own: &mut usize, index: usize| {
                if *own == 0 {
                    all_here.wait();
                    let id = format!("{:?}", std::thread::current().id());
                    seen.lock().insert(id);
                }
                *own += 1;
                done.lock().push(index);
                Ok(())
            };
            helped.share(50, one).expect("no error");
            let mut done = done.into_inner();
            done.sort_unstable();
            assert!(done.into_iter().eq(0..50));
            assert_eq!(seen.into_inner().len(), threads);
        }
    }

    #[test]
    fn an_error_ends_the_work_of_all() {
        let helpers = Helpers::new(2);
        let done = AtomicUsize::new(0);
        let one = |_: &mut (), index: usize| match index {
            7 => Err(Error::corrupt("the seventh")),
            _ => {
                done.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(std::time::Duration::from_millis(1));
                Ok(())
            }
        };
        let error = helpers.take(u64::MAX, 1).share(10_000, one);
        assert_eq!(error.expect_err("an error").message(), "the seventh");
        assert!(done.into_inner() < 1_000);
    }
}
