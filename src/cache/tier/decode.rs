//! The decode of a source block that another tier is given afterwards.

use super::block::TierBlock;
use super::source::TierSource;
use super::{Lease, Link};
use crate::cache::{Cache, HeldRoom, Namespace};
use crate::image::{Bands, Block, Image};
use crate::provider::{Request, Retention};
use crate::sync::atomic::Ordering;
use crate::tile::Tile;
use std::sync::Arc;
use std::time::Instant;

/// A decode of a block with all its bands. Dropped without [`Decode::put`] it has failed, and others may try.
pub struct Decode {
    source: Arc<TierSource>,
    link: Arc<Link>,
    cache: Cache,
    block: TierBlock,
    begun: Instant,
    is_over: bool,
}

/// A block that waits to be put. It takes room of the budget until it is dropped.
pub struct Parcel {
    tile: Tile,
    bytes: u64,
    link: Arc<Link>,
    _room: HeldRoom,
}

impl Decode {
    /// The beginning of a decode for a request, if its cache has a tier that the block may be put into: what it has
    /// there is of the generation of now.
    pub fn begin(
        request: &Request<'_>,
        of: &Namespace,
        image: &Image,
        at: Block,
        bands: &Bands,
    ) -> Option<Self> {
        let identity = of.lineage().identity.get()?;
        let cache = request.cache()?;
        let link = cache.tier()?;
        let is_whole = bands.list().is_none() && request.retention() != Retention::Bypassed;
        if !is_whole || !link.tier.takes_puts() {
            return None;
        }
        let mut sources = identity.sources().into_iter();
        let source = sources.find(|it| it.link().is_some_and(|its| Arc::ptr_eq(&its, link)))?;
        let generation = source.usable()?;
        if !identity.is_current() {
            return None;
        }
        let block = TierBlock::new(&source, of.lineage(), of.key(), image, at, generation).ok()?;
        Some(Self {
            source,
            link: link.clone(),
            cache: cache.clone(),
            block,
            begun: Instant::now(),
            is_over: false,
        })
    }

    /// Hands the decoded block to the tier, unless the queue is full.
    pub fn put(mut self, tile: &Tile) {
        self.is_over = true;
        self.source.learn(self.begun.elapsed());
        // Of pixels that have changed since nobody asks any more.
        if !self.source.has(self.block.generation) {
            return self.source.end_lease(&self.block.material);
        }
        let Some(parcel) = self.parcel(tile) else {
            self.link.counts.puts_dropped.add(1);
            return self.source.end_lease(&self.block.material);
        };
        self.link.counts.puts.add(1);
        self.link
            .counts
            .put_bytes
            .add(self.block.layout.span() as u64);
        let lease: Option<Lease> = self.source.take_lease(&self.block.material);
        self.link.tier.put(&self.block, lease, parcel);
    }

    fn parcel(&self, tile: &Tile) -> Option<Parcel> {
        let bytes = tile.buffer().size() as u64;
        let queued = &self.link.queued;
        let most = self.link.options.queue_bytes;
        let fits = |now: u64| now.checked_add(bytes).filter(|sum| *sum <= most);
        queued
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .ok()?;
        let room = self.cache.hold_room(bytes, "tier");
        let Some(room) = room else {
            queued.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        };
        Some(Parcel {
            tile: tile.clone(),
            bytes,
            link: self.link.clone(),
            _room: room,
        })
    }
}

impl Drop for Decode {
    fn drop(&mut self) {
        if !self.is_over {
            self.source.end_lease(&self.block.material);
        }
    }
}

impl Parcel {
    /// The pixels, which never change.
    pub fn tile(&self) -> &Tile {
        &self.tile
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.link.queued.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
