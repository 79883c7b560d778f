//! One process at a time: a lock that the system gives back when a process ends, however it does.

use crate::directory::open;
use crate::failures::writing;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tilecache_fleet::Failure;
use tilecache_fleet::failure::Result;

const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

/// A locked file.
pub(crate) struct Lock {
    pub(crate) file: File,
}

impl Lock {
    /// Waits for the lock at most so long.
    pub(crate) fn take(path: &Path, limit: Duration) -> Result<Self> {
        let end = Instant::now() + limit;
        let mut pause = FIRST_PAUSE;
        loop {
            let mut options = OpenOptions::new();
            let file = open(
                path,
                options.read(true).write(true).create(true).truncate(false),
            );
            let file = file.map_err(|error| writing(path, &error))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    let lock = Self { file };
                    let known = lock
                        .file
                        .metadata()
                        .map_err(|error| writing(path, &error))?;
                    if known.nlink() > 0 {
                        return Ok(lock);
                    }
                    // Somebody has removed the directory: others lock another file of this name.
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(error) => return Err(writing(path, &error.into())),
            }
            if Instant::now() + pause > end {
                return Err(Failure::Late);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Not by closing it alone: a child that was forked meanwhile has it open, too.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}
