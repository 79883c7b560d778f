//! By option blocks are put not when they were decoded, but when they leave the memory: until then their buffers know who
//! is to get them.

use super::block::TierBlock;
use super::queue::{Entered, Parcel};
use super::source::TierSource;
use super::{Lease, Link};
use crate::cache::Cache;
use crate::error::{Error, Kind, Result};
use crate::layout::Layout;
use crate::memory::{Buffer, Heir};
use crate::tile::{Pixels, Tile};
use std::sync::Arc;
use std::time::Instant;

/// A block in memory that the tier of its cache is to get.
pub(super) struct Owed {
    source: Arc<TierSource>,
    block: TierBlock,
    bytes: u64,
}

impl Owed {
    /// From now on the tier gets a block that was decoded, when that leaves the memory.
    pub(super) fn note(source: &Arc<TierSource>, link: &Link, block: &TierBlock, tile: &Tile) {
        let bytes = tile.buffer().size() as u64;
        link.owed.add(bytes);
        tile.buffer().bequeath(Box::new(Self {
            source: source.clone(),
            block: block.clone(),
            bytes,
        }));
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(link) = self.source.link() {
            link.owed.take(self.bytes);
        }
    }
}

impl Heir for Owed {
    fn layout(&self) -> Layout {
        self.block.layout
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.block.material.capacity()
    }

    fn inherit(self: Box<Self>, buffer: Arc<Buffer>, is_expected: bool) {
        // With the cache its tier is gone.
        let Some(link) = self.source.link() else {
            return;
        };
        let is_wanted = self.source.has(self.block.generation);
        let has_room = is_expected || is_wanted && link.queue.enter(self.bytes);
        match (is_wanted, has_room) {
            (true, true) => {
                let (width, height) = self.block.valid;
                let pixels = Pixels::new(buffer, self.block.layout).with_valid(width, height);
                let parcel = Parcel::new(Tile::hold(pixels), link.clone(), None);
                link.put(&self.block, None, parcel);
            }
            (true, false) => link.counts.puts_dropped.add(1),
            // Of pixels that have changed since nobody asks any more.
            (false, true) => link.queue.leave(self.bytes),
            (false, false) => (),
        }
    }
}

impl Link {
    /// Hands a block to the tier.
    pub(super) fn put(&self, block: &TierBlock, lease: Option<Lease>, parcel: Parcel) {
        self.counts.puts.add(1);
        self.counts.put_bytes.add(block.layout.span() as u64);
        self.tier.put(block, lease, parcel);
    }

    /// Hands over a block that is in memory still, when there is room for it; says whether that was in time.
    fn put_now(&self, tile: &Tile, end: Instant) -> bool {
        let (buffer, bytes) = (tile.buffer(), tile.buffer().size() as u64);
        match self.queue.enter_in_time(bytes, end) {
            Entered::Yes => match buffer.take_heir() {
                Some(heir) => heir.inherit(buffer.clone(), true),
                None => self.queue.leave(bytes),
            },
            Entered::Never => {
                let dropped = buffer.take_heir().is_some();
                self.counts.puts_dropped.add(dropped.into());
            }
            Entered::Late => return false,
        }
        true
    }
}

impl Cache {
    /// Gives the tier all that it is still to get, and waits until it has done with it, at most until then.
    pub fn flush_tier(&self, end: Instant) -> Result<()> {
        let link = self.tier().ok_or_else(|| {
            let text = "the cache has no other tier";
            Error::new(Kind::NotFound, text)
        })?;
        let late = || {
            let (owed, queued) = (link.owed(), link.queued());
            let text = format!(
                "the tier did not take all in time: {owed} bytes in memory are still to be put, and {queued} wait for it"
            );
            Err(Error::new(Kind::Unreachable, text))
        };
        let mut next = Some(0);
        while let Some(from) = next.take() {
            let (held, rest) = self.0.with(|store| store.hold_bequeathed(from));
            if !held.iter().all(|tile| link.put_now(tile, end)) {
                return late();
            }
            next = rest;
        }
        match link.queue.is_empty_in_time(end) && link.tier.settle(end) {
            true => Ok(()),
            false => late(),
        }
    }
}
