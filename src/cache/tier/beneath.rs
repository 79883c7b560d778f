//! The sources that an image of a cache is built on, as far as the cache's other tier tells when they change.

use super::Link;
use super::source::{ALWAYS, TierSource};
use crate::cache::lineage::Lineage;
use crate::cache::moment;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// See the module. What it has found out is true until any image changes, or comes to be built on others.
pub struct Beneath {
    link: Arc<Link>,
    image: Arc<Lineage>,
    sources: Mutex<Arc<[Arc<TierSource>]>>,
    /// The number of changes of all images for which that is true.
    as_of: AtomicU64,
    /// Until when memory of all of them may be used, at least, where requests look at the clock.
    until: AtomicU64,
}

impl Beneath {
    /// Those beneath an image that have a name on all machines are watched from now on.
    pub(in crate::cache) fn new(link: &Arc<Link>, image: Arc<Lineage>) -> Self {
        let beneath = Self {
            link: link.clone(),
            image,
            sources: Mutex::new(Arc::new([])),
            as_of: AtomicU64::new(0),
            until: AtomicU64::new(0),
        };
        beneath.watch();
        beneath
    }

    /// The source whose image this is, if it has a name on all machines. Waits until the tier has said something of a new
    /// one, as long as a request would wait for a block.
    pub(in crate::cache) fn own(&self) -> Option<Arc<TierSource>> {
        let own = self.link.source_of(&self.image)?;
        self.link.await_told(&own);
        Some(own)
    }

    /// Sees to it that the tier tells when any of the sources changes: what it was not asked for before is not kept until it
    /// has said something.
    pub(in crate::cache) fn watch(&self) {
        if self.as_of.load(Ordering::SeqCst) != moment::changes() {
            self.sources();
        }
    }

    /// Where requests look at the clock: forgets what is built on sources that may be believed no longer.
    pub(in crate::cache) fn believe(&self) {
        if !self.link.is_strict() {
            return;
        }
        let now = self.link.tier.now();
        let is_known = self.as_of.load(Ordering::SeqCst) == moment::changes();
        if is_known && now < self.until.load(Ordering::SeqCst) {
            return;
        }
        let sources = self.sources();
        let until = sources.iter().map(|source| source.believed(now)).min();
        let known = self.sources.lock();
        // Of others it is found out by whoever looks next.
        if Arc::ptr_eq(&known, &sources) {
            self.until.store(until.unwrap_or(ALWAYS), Ordering::SeqCst);
        }
    }

    fn sources(&self) -> Arc<[Arc<TierSource>]> {
        // Read first: what changes meanwhile lets all be looked at again.
        let as_of = moment::changes();
        {
            let known = self.sources.lock();
            if self.as_of.load(Ordering::SeqCst) == as_of {
                return known.clone();
            }
        }
        // Without the lock, for the tier hears of those that are new.
        let images = self.image.with_all_beneath();
        let sources = images.iter().filter_map(|image| self.link.source_of(image));
        let sources: Arc<[_]> = sources.collect();
        let before = {
            let mut known = self.sources.lock();
            self.until.store(0, Ordering::SeqCst);
            self.as_of.store(as_of, Ordering::SeqCst);
            std::mem::replace(&mut *known, sources.clone())
        };
        drop(before);
        sources
    }
}
