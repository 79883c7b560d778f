//! The threads that may help to decode one image.

use crate::sync::atomic::{AtomicU32, Ordering};

/// A decode of fewer samples is over before a thread has begun.
const WORTH: u64 = 1 << 18;

/// A thread that helps should have so many samples of its own.
const SHARE: u64 = 1 << 16;

/// How many threads may still be started beside those that call.
#[derive(Default)]
pub struct Helpers {
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
            free: AtomicU32::new(count),
        }
    }

    /// Those that are free, as far as a decode of so many samples has work for them.
    pub fn take(&self, samples: u64) -> Helped<'_> {
        let most = match samples {
            0..WORTH => 0,
            _ => (samples / SHARE).min(u64::from(u32::MAX)) as u32,
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
}

impl Drop for Helped<'_> {
    fn drop(&mut self) {
        self.of.free.fetch_add(self.count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_at_one_time_share_the_threads() {
        let helpers = Helpers::new(3);
        assert_eq!(helpers.take(WORTH - 1).threads(), 0);
        let first = helpers.take(2 * SHARE + WORTH);
        assert_eq!(first.threads(), 4);
        assert_eq!(helpers.take(u64::MAX).threads(), 0);
        drop(first);
        assert_eq!(helpers.take(u64::MAX).threads(), 4);
        assert_eq!(Helpers::default().take(u64::MAX).threads(), 0);
    }
}
