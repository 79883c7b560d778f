//! Workloads that make other systems fail, each with what must hold: shared by the driver, which runs
//! them at full size, and by the tests, which run them scaled down.

pub mod c_face;
pub mod child;
pub mod orders;
pub mod report;
pub mod rows;
pub mod setup;
pub mod soak;
pub mod source;
pub mod watch;

use report::Report;
use std::time::Duration;

/// How a row is run.
#[derive(Clone, Copy)]
pub struct Run {
    /// 1 is the full size; less keeps the ratios.
    pub scale: f64,
    /// What all random choices follow from.
    pub seed: u64,
    /// Whether times are judged, which says something only at full size on a quiet machine.
    pub timed: bool,
    /// The arguments with which this program becomes a child; see [`child`].
    pub child: &'static [&'static str],
}

/// A workload under the number that it has in the driver and in the tests.
pub struct Row {
    pub number: u32,
    pub name: &'static str,
    pub run: fn(&Run, &mut Report),
}

impl Row {
    /// What is found when the row is run.
    pub fn report(&self, run: &Run) -> Report {
        let mut report = Report::default();
        (self.run)(run, &mut report);
        report.end();
        report
    }
}

impl Run {
    /// So many of something, at this scale.
    pub fn count(&self, full: u64) -> u64 {
        ((full as f64 * self.scale).round() as u64).max(1)
    }

    /// A side of an image, whose area shrinks with the scale.
    pub fn side(&self, full: u64) -> u64 {
        ((full as f64 * self.scale.sqrt()).round() as u64).max(1)
    }

    /// A time during which something is repeated.
    pub fn time(&self, full_seconds: u64) -> Duration {
        Duration::from_secs_f64(full_seconds as f64 * self.scale)
    }

    /// A budget for as many tiles of `side` x `side` pixels as the full one has room for at full size,
    /// with room for their books where these weigh more than at full size.
    pub fn budget(&self, full: u64, full_tile: u64, bytes_per_pixel: u64) -> u64 {
        if self.scale >= 1.0 {
            return full;
        }
        let side = self.side(full_tile);
        let tiles = full / (full_tile * full_tile * bytes_per_pixel);
        tiles * setup::cost(side * side * bytes_per_pixel) + setup::KEYS
    }
}
