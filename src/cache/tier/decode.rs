//! The decode of a source block that another tier is given afterwards.

use super::Link;
use super::block::TierBlock;
use super::owed::Owed;
use super::queue::Parcel;
use super::source::TierSource;
use crate::cache::{Cache, Namespace};
use crate::image::{Bands, Block, Image};
use crate::provider::{Request, Retention};
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

    /// Hands the decoded block to the tier, unless the queue is full; or notes that it is to have it.
    pub fn put(mut self, tile: &Tile) {
        self.is_over = true;
        self.source.learn(self.begun.elapsed());
        // Of pixels that have changed since nobody asks any more.
        if !self.source.has(self.block.generation) {
            return self.source.end_lease(&self.block.material);
        }
        if self.link.puts_evicted {
            return Owed::note(&self.source, &self.link, &self.block, tile);
        }
        let Some(parcel) = self.parcel(tile) else {
            self.link.counts.puts_dropped.add(1);
            return self.source.end_lease(&self.block.material);
        };
        let lease = self.source.take_lease(&self.block.material);
        self.link.put(&self.block, lease, parcel);
    }

    fn parcel(&self, tile: &Tile) -> Option<Parcel> {
        let bytes = tile.buffer().size() as u64;
        if !self.link.queue.enter(bytes) {
            return None;
        }
        let Some(room) = self.cache.hold_room(bytes, "tier") else {
            self.link.queue.leave(bytes);
            return None;
        };
        Some(Parcel::new(tile.clone(), self.link.clone(), Some(room)))
    }
}

impl Drop for Decode {
    fn drop(&mut self) {
        if !self.is_over {
            self.source.end_lease(&self.block.material);
        }
    }
}
