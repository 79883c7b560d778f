//! Blocks that wait to be put: how many bytes of them there may be at once, and who waits until there are fewer.

use super::Link;
use crate::cache::HeldRoom;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::tile::Tile;
use std::sync::Arc;
use std::time::Instant;

/// The bytes of the blocks that wait to be put.
pub(super) struct Queue {
    bytes: AtomicU64,
    most: AtomicU64,
    /// Held while what waits grows less, by those who look for that.
    lock: Mutex<()>,
    left: Condvar,
}

impl Queue {
    pub(super) fn new(most: u64) -> Self {
        Self {
            bytes: AtomicU64::new(0),
            most: AtomicU64::new(most),
            lock: Mutex::default(),
            left: Condvar::default(),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    fn most(&self) -> u64 {
        self.most.load(Ordering::SeqCst)
    }

    /// What is in it stays, also beyond that.
    pub(super) fn set_most(&self, most: u64) {
        self.most.store(most, Ordering::SeqCst);
    }

    /// Whether there is room for so many bytes more, which are in it from then on.
    pub(super) fn enter(&self, bytes: u64) -> bool {
        let fits = |now: u64| now.checked_add(bytes).filter(|sum| *sum <= self.most());
        let entered = (self.bytes).fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits);
        entered.is_ok()
    }

    pub(super) fn leave(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        drop(self.lock.lock());
        self.left.notify_all();
    }

    /// [`Queue::enter`] as soon as there is room. Not what never has any.
    pub(super) fn enter_in_time(&self, bytes: u64, end: Instant) -> Entered {
        if bytes > self.most() {
            return Entered::Never;
        }
        match self.wait(end, || self.enter(bytes)) {
            true => Entered::Yes,
            false => Entered::Late,
        }
    }

    /// Waits until nothing is in it; says whether that is so.
    pub(super) fn is_empty_in_time(&self, end: Instant) -> bool {
        self.wait(end, || self.bytes() == 0)
    }

    fn wait(&self, end: Instant, is_done: impl Fn() -> bool) -> bool {
        let mut waiting = self.lock.lock();
        while !is_done() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.left.wait_for(&mut waiting, left);
        }
        true
    }
}

/// Whether there was room in a queue.
pub(super) enum Entered {
    Yes,
    Late,
    Never,
}

/// A block that waits to be put, from when it has room in the queue until it is dropped.
pub struct Parcel {
    tile: Tile,
    bytes: u64,
    link: Arc<Link>,
    /// What it takes of the budget, where nothing is set aside for that.
    _room: Option<HeldRoom>,
}

impl Parcel {
    pub(super) fn new(tile: Tile, link: Arc<Link>, room: Option<HeldRoom>) -> Self {
        Self {
            bytes: tile.buffer().size() as u64,
            tile,
            link,
            _room: room,
        }
    }

    /// The pixels, which never change.
    pub fn tile(&self) -> &Tile {
        &self.tile
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.link.queue.leave(self.bytes);
    }
}
