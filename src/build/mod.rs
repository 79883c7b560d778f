//! Building: the levels of an image as a GeoTIFF, in one pass over its pixels.
//!
//! Blocks of the source are read once, by several threads, into the cells of its level. Rows of cells that are complete
//! become rows of the next level and tiles of the file, and go: see `schedule.rs`. Tiles come into the file in their own
//! order, so that its bytes are the same whatever the threads and the memory.

mod aside;
mod cells;
mod directory;
mod encode;
mod file;
mod job;
mod lzw;
mod memory;
mod options;
mod pass;
mod place;
mod schedule;
mod stream;
mod tags;
mod texts;
mod window;

pub use options::{Compression, Layout, MAX_THREADS, Options, Predictor};
pub use pass::Progress;

use crate::cache::Cache;
use crate::error::Result;
use crate::provider::{Provider, check_cancelled};
use job::Job;
use std::path::Path;
use std::sync::Arc;

/// Writes the levels of an image, native ones as they are and the others computed, as [`full_pyramid`](crate::operator::full_pyramid) has them.
///
/// What levels take while they wait is taken from the budget of the cache; what it has no room for waits in a file
/// aside. The file appears under its path when it is complete.
pub fn build_pyramid(
    source: Arc<dyn Provider>,
    path: &Path,
    options: &Options,
    cache: Option<&Cache>,
    progress: &mut Progress<'_>,
) -> Result<()> {
    options.check(source.image())?;
    check_cancelled(&*source)?;
    let job = Job::new(source, path, options, cache)?;
    job.run(progress)
}
