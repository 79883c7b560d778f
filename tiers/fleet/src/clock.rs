//! Time as the parts of a fleet count it.

use std::time::Duration;

/// A moment: nanoseconds since the machine was started, while it slept too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// No clock gets there.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment so much later.
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(time)))
    }

    /// How long after an earlier one this is; nothing if that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Where the moment comes from: the system's clock, or that of a test.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Moment;

    /// Returns when so much time has gone by.
    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// CLOCK_BOOTTIME: it goes on while the machine sleeps, and nobody sets it.
pub struct BootClock;

impl Clock for BootClock {
    fn now(&self) -> Moment {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Moment(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }
}
