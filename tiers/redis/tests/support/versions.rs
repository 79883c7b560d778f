//! What pixels processes should see, in a file that all of them read.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tilecache_fleet::clock::{BootClock, Clock, Moment};

/// So many versions are told apart.
pub const MOST: i64 = 256;

/// Numbers of 8 bytes: the version of the pixels now, the last of which a purge has returned, and whether readers
/// are to end; from [`AT`] on when the purge of each version had returned.
pub struct Versions {
    file: File,
    path: PathBuf,
    is_own: bool,
}

const NOW: u64 = 0;
const PURGED: u64 = 1;
const ENDED: u64 = 2;
const AT: u64 = 8;

impl Versions {
    /// Version 0, in a new file that goes with this.
    pub fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("tilecache-versions-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&path).unwrap();
        file.set_len((AT + MOST as u64) * 8).unwrap();
        Self {
            file,
            path,
            is_own: true,
        }
    }

    /// Those of another process.
    pub fn open(path: &Path) -> Self {
        let file = File::options().read(true).write(true).open(path);
        Self {
            file: file.unwrap(),
            path: path.to_owned(),
            is_own: false,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn get(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at * 8).unwrap();
        u64::from_le_bytes(bytes)
    }

    fn set(&self, at: u64, number: u64) {
        let bytes = number.to_le_bytes();
        self.file.write_all_at(&bytes, at * 8).unwrap();
    }

    pub fn now(&self) -> i64 {
        self.get(NOW) as i64
    }

    /// The pixels change, and everybody is told by `purge`.
    pub fn change(&self, purge: impl FnOnce()) {
        let next = self.now() + 1;
        assert!(next < MOST);
        self.set(NOW, next as u64);
        purge();
        self.set(AT + next as u64, BootClock.now().0);
        self.set(PURGED, next as u64);
    }

    /// The version that requests which begin now have to see at least.
    pub fn purged(&self) -> i64 {
        self.get(PURGED) as i64
    }

    /// When the first purge after a version had returned.
    pub fn left(&self, version: i64) -> Moment {
        Moment(self.get(AT + 1 + version as u64))
    }

    pub fn end(&self) {
        self.set(ENDED, 1);
    }

    pub fn is_ended(&self) -> bool {
        self.get(ENDED) == 1
    }
}

impl Drop for Versions {
    fn drop(&mut self) {
        if self.is_own {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
