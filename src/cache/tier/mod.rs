//! Other tiers: where blocks of sources may be that memory does not have, asked before a source decodes.
//!
//! `asking` looks at what a request needs, and `asked` goes through the questions of one request: whether the tier has a
//! block, and where it does not, who decodes it. `ticket` is one such question in the hands of the tier. `source` is what
//! is known of a source there, `beneath` the sources that an image is built on, and `identity` what they and their blocks
//! are called on all machines. `decode` puts what was decoded, or has `owed` put it when it leaves the memory, through the
//! `queue`.

mod asked;
mod asking;
mod beneath;
mod block;
mod counts;
mod decode;
mod identity;
mod owed;
mod queue;
mod source;
mod ticket;

pub use asked::AskedOfTiers;
pub use asking::{Asking, Landing};
pub use beneath::Beneath;
pub use block::TierBlock;
pub use counts::TierCounters;
pub use decode::Decode;
pub use identity::{Identity, IsCurrent, PIXEL_VERSION, identify, identify_while};
pub use queue::Parcel;
pub use source::{ALWAYS, TierSource};
pub use ticket::{Reply, Ticket};

use super::Cache;
use super::lineage::Lineage;
use super::store::Store;
use crate::error::{Error, Kind, Result};
use crate::load::Load;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};
use counts::{Counts, Level};
use queue::Queue;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whether any cache has another tier: without one nothing is asked, and nothing is paid.
static ANY: AtomicBool = AtomicBool::new(false);

/// Whether the calling thread may ask any: inside a load it would keep a permit waiting.
fn may_ask() -> bool {
    ANY.load(Ordering::Acquire) && !Load::is_nested()
}

/// Which pixels of a source a tier means: another one where they have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generation {
    /// Rises with each change.
    pub counter: u64,
    /// Tells apart what has the same counter.
    pub random: u64,
}

/// The right to decode a block that others wait for, by the number that the tier gave it.
pub type Lease = NonZeroU64;

/// A store of blocks of sources that may answer late, from any thread.
///
/// No lock is held while its functions are called, and they are called on any thread. But for `purge` all return at
/// once.
pub trait Tier: Send + Sync {
    /// Asks for a block. The ticket takes the answer, now or later; one that is dropped is a miss. No permit is held and
    /// no session meanwhile, and no thread but those of the callers that wait for the block.
    fn get(&self, block: &TierBlock, deadline: Instant, ticket: Ticket);

    /// A thread that has asked for all that it needs now begins to wait.
    fn flush(&self) {}

    /// Whether blocks are put.
    fn takes_puts(&self) -> bool {
        false
    }

    /// Whether blocks are put only when they leave the memory. Then nobody is to wait for one: no leases are asked for.
    fn puts_evicted(&self) -> bool {
        false
    }

    /// Takes a block that was decoded, and the lease that this ends.
    fn put(&self, _block: &TierBlock, _lease: Option<Lease>, _parcel: Parcel) {}

    /// Waits until what was put is stored or dropped, at most until then; says whether it is.
    fn settle(&self, _deadline: Instant) -> bool {
        true
    }

    /// Whether there are leases.
    fn has_leases(&self) -> bool {
        false
    }

    /// Asks for the lease of a block that the tier does not have; with `waits`, of one that another process has the
    /// lease of, until it is put or the lease is free.
    fn lease(&self, _block: &TierBlock, _waits: bool, _deadline: Instant, _ticket: Ticket) {}

    /// Ends a lease without a put.
    fn unlease(&self, _block: &TierBlock, _lease: Lease) {}

    /// Whether it tells when sources change. Until it first says a generation of one, no memory of that is used.
    fn has_generations(&self) -> bool {
        false
    }

    /// Whether requests look at the clock, so that memory of a source is not used after the moment until which its
    /// generation was confirmed, whenever the tier says so.
    fn is_strict(&self) -> bool {
        false
    }

    /// The present moment on the clock of confirmations.
    fn now(&self) -> u64 {
        0
    }

    /// The generation of a source is to be told from now on, or not any more.
    fn watch(&self, _source: &str, _is_watched: bool) {}

    /// Whether [`Tier::purge`] does anything.
    fn can_purge(&self) -> bool {
        false
    }

    /// The pixels of a source have changed: gives it a new generation everywhere. Returns when no process uses memory of
    /// the old one any more.
    fn purge(&self, _source: &str) -> Result<()> {
        Ok(())
    }

    /// What it says of itself.
    fn health(&self) -> TierHealth {
        TierHealth::default()
    }
}

/// What a tier says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierHealth {
    /// 0 works, 1 is not asked, 2 is tried, 3 is full, 4 refuses us.
    pub state: u32,
    /// Failures to reach the store.
    pub unreachable: u64,
    /// Late answers of the store.
    pub late: u64,
    /// Values that were damaged.
    pub garbage: u64,
    /// Values that were forged.
    pub forged: u64,
    /// Puts that found no room.
    pub full: u64,
    /// What was refused.
    pub refused: u64,
    /// Round trips to the store.
    pub round_trips: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Blocks for which the store was not asked.
    pub skipped: u64,
}

/// What a cache can be told with its tier; zeros mean the defaults.
#[derive(Clone, Copy, Debug, Default)]
pub struct TierOptions {
    /// The longest that a request waits for an answer; 0 is 100 ms.
    pub get: Duration,
    /// The longest that it waits for another process that makes a block; 0 is a minute.
    pub lease: Duration,
    /// The most bytes of blocks that wait to be put; 0 is a sixteenth of the budget.
    pub queue_bytes: u64,
}

const GET: Duration = Duration::from_millis(100);

const LEASE: Duration = Duration::from_secs(60);

/// So many sources that no provider uses any more are remembered, with what is known of their generations.
const IDLE_SOURCES: usize = 1024;

/// A tier, and all that one cache knows of it.
pub struct Link {
    pub(super) tier: Arc<dyn Tier>,
    options: TierOptions,
    is_strict: bool,
    pub(super) puts_evicted: bool,
    pub(super) counts: Counts,
    sources: Mutex<BTreeMap<Arc<str>, Arc<TierSource>>>,
    /// Bytes of blocks in memory that are put when they leave it.
    owed: Level,
    queue: Queue,
}

impl Link {
    fn new(tier: Arc<dyn Tier>, options: TierOptions, budget: u64) -> Arc<Self> {
        let or = |given: Duration, default| match given.is_zero() {
            true => default,
            false => given,
        };
        let queue_bytes = match options.queue_bytes {
            0 => budget / 16,
            bytes => bytes,
        };
        Arc::new(Self {
            is_strict: tier.is_strict(),
            puts_evicted: tier.puts_evicted(),
            tier,
            options: TierOptions {
                get: or(options.get, GET),
                lease: or(options.lease, LEASE),
                queue_bytes,
            },
            counts: Counts::default(),
            sources: Mutex::default(),
            owed: Level::default(),
            queue: Queue::new(queue_bytes),
        })
    }

    /// Whether this process may get leases.
    fn takes_leases(&self) -> bool {
        self.tier.has_leases() && !self.puts_evicted
    }

    /// Whether requests look at the clock.
    pub(super) fn is_strict(&self) -> bool {
        self.is_strict
    }

    /// What the tier knows of the source of an image, if that has an identity on all machines.
    fn source_of(self: &Arc<Self>, lineage: &Arc<Lineage>) -> Option<Arc<TierSource>> {
        let identity = lineage.identity.get()?;
        let (source, is_new, gone) = {
            let mut sources = self.sources.lock();
            match sources.get(identity.text()) {
                Some(known) => (known.clone(), false, Vec::new()),
                None => {
                    let gone = Self::take_idle(&mut sources);
                    let source = TierSource::new(identity.text().clone(), self);
                    sources.insert(identity.text().clone(), source.clone());
                    (source, true, gone)
                }
            }
        };
        source.add(lineage, identity);
        if self.tier.has_generations() {
            gone.iter()
                .for_each(|idle| self.tier.watch(idle.text(), false));
            if is_new {
                self.tier.watch(source.text(), true);
            }
        }
        Some(source)
    }

    /// Waits until the tier has said something of a source, as long as a request would wait for a block.
    fn await_told(&self, source: &TierSource) {
        if self.tier.has_generations() {
            source.await_told(self.options.get);
        }
    }

    /// Takes out the sources that nothing uses, if there are very many. Those that were invalidated here alone stay, for
    /// what the tier has of them is not true.
    fn take_idle(sources: &mut BTreeMap<Arc<str>, Arc<TierSource>>) -> Vec<Arc<TierSource>> {
        if sources.len() < IDLE_SOURCES {
            return Vec::new();
        }
        let is_idle =
            |source: &Arc<TierSource>| Arc::strong_count(source) == 1 && !source.has_left();
        let idle: Vec<_> = sources.values().filter(|it| is_idle(it)).cloned().collect();
        idle.iter()
            .for_each(|source| drop(sources.remove(source.text())));
        idle
    }

    /// The tier says that a source has this generation, and until when memory of it may be used; or that it does not know
    /// which.
    pub fn tell(&self, source: &str, confirmed: Option<(Generation, u64)>) {
        let known = self.sources.lock().get(source).cloned();
        // One that was asked for no longer may be told of once more.
        if let Some(known) = known {
            match confirmed {
                Some((generation, until)) => known.confirm(generation, until),
                None => known.suspect(),
            }
        }
    }

    /// The tier says that it does not know the generation of any source.
    pub fn suspect_all(&self) {
        let all: Vec<_> = self.sources.lock().values().cloned().collect();
        all.iter().for_each(|source| source.suspect());
    }

    /// What the tier says of itself.
    pub fn health(&self) -> TierHealth {
        self.tier.health()
    }

    /// What happened so far.
    pub fn counters(&self) -> TierCounters {
        self.counts.now()
    }

    /// Bytes of blocks that wait to be put.
    pub fn queued(&self) -> u64 {
        self.queue.bytes()
    }

    /// Bytes of blocks in memory that are put when they leave it.
    pub fn owed(&self) -> u64 {
        self.owed.now()
    }
}

impl Cache {
    /// Gives the cache another tier, once and before it is used.
    pub fn set_tier(&self, tier: Arc<dyn Tier>, options: TierOptions) -> Result<Arc<Link>> {
        let is_used = self.0.with(|store| store.has_keys());
        if is_used {
            return Err(Error::argument(
                "the cache was used before: providers were made with it, or tiles put into it",
            ));
        }
        let link = Link::new(tier, options, self.budget());
        if link.is_strict() {
            self.0.index.believe_nothing();
        }
        ANY.store(true, Ordering::Release);
        if self.0.tier.set(link.clone()).is_err() {
            return Err(Error::argument("the cache has another tier already"));
        }
        if link.puts_evicted {
            // What leaves takes no room of tiles on its way, or more would have to leave for it.
            self.0.with(|store| {
                store.set_aside(link.options.queue_bytes);
                self.fit_queue(store);
            });
        }
        Ok(link)
    }

    /// What waits to be put may take what is set aside for it.
    pub(super) fn fit_queue(&self, store: &Store) {
        if let Some(link) = self.tier().filter(|link| link.puts_evicted) {
            link.queue.set_most(store.aside());
        }
    }

    /// Whether tiles may come from elsewhere.
    pub fn has_tier(&self) -> bool {
        self.tier().is_some()
    }

    /// The other tier.
    pub fn tier(&self) -> Option<&Arc<Link>> {
        self.0.tier.get()
    }
}

/// The pixels behind a key have changed, on all machines: [`invalidate`](super::invalidate) here, and then everywhere by
/// the tiers that know its sources. Where a tier fails, its cache asks it for nothing of that source until this succeeds.
pub fn purge(key: &str) -> Result<()> {
    let image = Lineage::of(key);
    super::invalidate(key);
    let mut purged = 0;
    let mut failed = None;
    for image in image.origins().iter().chain([&image]) {
        let Some(identity) = image.identity.get() else {
            continue;
        };
        let mut all_know = true;
        for source in identity.sources() {
            let Some(link) = source.link() else {
                continue;
            };
            purged += 1;
            match purge_one(&link, &source) {
                Ok(()) => link.counts.purges.add(1),
                Err(error) => {
                    link.counts.purges_failed.add(1);
                    all_know = false;
                    failed = failed.or(Some(error.at(source.text())));
                }
            }
        }
        identity.has_left.store(!all_know, Ordering::SeqCst);
    }
    match failed {
        Some(error) => Err(error),
        None if purged == 0 => Err(Error::new(
            Kind::Unsupported,
            format!("{key}: no cache with another tier knows its sources by a fleet identity"),
        )),
        None => Ok(()),
    }
}

fn purge_one(link: &Link, source: &TierSource) -> Result<()> {
    if !link.tier.can_purge() {
        return Err(Error::unsupported("the tier cannot purge"));
    }
    link.tier.purge(source.text())?;
    source.come_back();
    Ok(())
}
