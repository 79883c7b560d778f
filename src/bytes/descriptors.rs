//! Descriptors of files: the process has a bounded number of them open, so a file that was not read for
//! a while gives its own back, and opens it again when it is read.

use crate::error::{self, Kind};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use crate::sync::{Mutex, ProcessGuard, ProcessMutex, Still};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};

/// How many descriptors are open at most where the system sets no limit.
const UNLIMITED: u64 = 1 << 16;

/// The bound that was set; 0 is half of what the system allows.
static BOUND: AtomicU64 = AtomicU64::new(0);

/// What is open.
static OPEN: LazyLock<ProcessMutex<Open>> = LazyLock::new(ProcessMutex::default);

/// Keeps files from being opened and closed.
pub fn stand_still() -> Box<dyn Still> {
    Box::new(OPEN.lock())
}

impl Still for ProcessGuard<'static, Open> {}

/// Sets how many descriptors stay open; 0 is half of what the system allows.
pub fn set_bound(bound: u64) {
    BOUND.store(bound, Relaxed);
    make_room(self::bound());
}

/// How many descriptors stay open. The system's limit is asked anew each time, for programs change it.
fn bound() -> u64 {
    match BOUND.load(Relaxed) {
        0 => crate::system::descriptor_limit().map_or(UNLIMITED, |limit| (limit / 2).max(1)),
        bound => bound,
    }
}

/// A file that can be opened again by its path.
#[derive(Debug)]
pub struct Reopened(Arc<Slot>);

#[derive(Debug)]
struct Slot {
    path: PathBuf,
    /// Its place among those that are open.
    number: u64,
    /// Whether it was read since it was last looked at for a descriptor to close.
    read: AtomicBool,
    file: Mutex<Option<Arc<File>>>,
}

/// The files with a descriptor, in the order of a clock: one read since the hand came by is passed over.
#[derive(Default)]
struct Open {
    slots: BTreeMap<u64, Weak<Slot>>,
    next: u64,
    hand: u64,
}

impl Reopened {
    /// Opens a file for reading.
    pub fn open(path: &Path) -> Result<(Self, Arc<File>)> {
        // The current directory may be another one when the file is opened again.
        let path = std::path::absolute(path)?;
        let file = Arc::new(open(&path)?);
        let mut all = OPEN.lock();
        let number = all.next;
        all.next += 1;
        let slot = Arc::new(Slot {
            path,
            number,
            read: AtomicBool::new(true),
            file: Mutex::new(Some(file.clone())),
        });
        all.slots.insert(number, Arc::downgrade(&slot));
        Ok((Self(slot), file))
    }

    /// The open file. One that gave its descriptor back is opened again and must pass `check`.
    ///
    /// The descriptor stays open as long as the result is held.
    pub fn file(&self, check: impl FnOnce(&File) -> error::Result<()>) -> error::Result<Arc<File>> {
        let slot = &self.0;
        slot.read.store(true, Relaxed);
        let mut held = slot.file.lock();
        if let Some(file) = &*held {
            return Ok(file.clone());
        }
        let file = open(&slot.path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => error::Error::new(Kind::Changed, "the file is gone"),
            _ => error::Error::new(Kind::Io, error),
        })?;
        check(&file)?;
        let file = Arc::new(file);
        *held = Some(file.clone());
        drop(held);
        OPEN.lock().slots.insert(slot.number, Arc::downgrade(slot));
        Ok(file)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        OPEN.lock().slots.remove(&self.number);
    }
}

/// Opens a file where there is room for one more descriptor.
fn open(path: &Path) -> Result<File> {
    make_room(bound().saturating_sub(1));
    // A named pipe without a writer would otherwise block the open for ever.
    let open = || {
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
    };
    let is_full = |error: &Error| matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    open().or_else(|error| {
        let half = OPEN.lock().slots.len() as u64 / 2;
        // The rest of the program has more descriptors open than half of what it may.
        if is_full(&error) && make_room(half) {
            return open();
        }
        Err(error)
    })
}

/// Closes descriptors until only so many are left, and says whether it closed any.
fn make_room(left: u64) -> bool {
    let seen = OPEN.lock().close(left);
    seen.iter().any(|(_, closed)| closed.is_some())
}

impl Open {
    /// Takes the descriptors of files that were not read lately, until only so many are left. The result
    /// is all files that were looked at: what goes with it goes outside of the lock.
    fn close(&mut self, left: u64) -> Vec<(Arc<Slot>, Option<Arc<File>>)> {
        let mut seen = Vec::new();
        // Twice round: the first time a file may be passed over because it was read.
        for _ in 0..2 * self.slots.len() {
            if self.slots.len() as u64 <= left {
                break;
            }
            let mut behind = self.slots.range(self.hand + 1..);
            let next = behind.next().or_else(|| self.slots.first_key_value());
            let Some((number, slot)) = next.map(|(number, slot)| (*number, slot.upgrade())) else {
                break;
            };
            self.hand = number;
            // One that just goes has its entry removed by itself.
            let Some(slot) = slot else { continue };
            let passed = slot.read.swap(false, Relaxed);
            // A file that is being opened is in use.
            let file = match passed {
                true => None,
                false => slot.file.try_lock().and_then(|mut file| file.take()),
            };
            if file.is_some() {
                self.slots.remove(&number);
            }
            seen.push((slot, file));
        }
        seen
    }
}
