//! One byte budget for decoded tiles, shared by every operator and every thread.
//!
//! `index` looks tiles up, `hit_counts` counts those that are found and `counts` what becomes of others. `store` accounts for what is resident and
//! decides what is evicted, in the order that `eviction_order` keeps by the moments of `stamp`, and for declared passes
//! in that of their `plan`. `invalidation` decides whether what was loaded is still true, by the `moment` at which its
//! request began, and `lineage` knows which images change with which. `in_flight_cap` and `claims` limit what loads have
//! in flight, `tier` asks other tiers. [`Namespace`] is what a provider uses of all that.

mod census;
mod claims;
mod counts;
mod decoding;
mod dependence;
mod eviction_order;
mod forms;
mod gather;
mod hit_counts;
mod in_flight_cap;
mod index;
mod invalidation;
mod key;
mod key_record;
mod lineage;
mod loading;
mod moment;
mod namespace;
mod observe;
mod pass;
mod picked;
mod plan;
mod puts;
mod room;
mod source_blocks;
mod stamp;
mod store;
mod tier;
mod weak;

pub use census::{Census, Decoding, EntryCensus, KeyCensus, KeyImage, SourceCensus};
pub use claims::{Claims, Permits};
pub use dependence::{Dependent, links_stand_still};
pub use invalidation::{Followed, invalidate};
pub use key::{
    COMPUTE, chain_key, compute_key, compute_key_of_many, digest, name_or_number, title,
};
pub use lineage::lineages_stand_still;
pub use loading::{Loading, Scratch};
pub use moment::{Moment, now};
pub use namespace::Namespace;
pub use observe::{
    Leaf, Node as ObservedNode, Observed, ObservedTile, Part, Siblings as ObservedSiblings,
    WINDOWS, note_request,
};
pub use pass::Pass;
pub use plan::{PassId, Step};
pub use room::HeldRoom;
pub use source_blocks::SourceBlocks;
pub use stamp::{Stamp, used as use_from_now};
pub use store::Class;
pub use tier::{
    ALWAYS, AskedOfTiers, Asking, Decode, Generation, IsCurrent, Landing, Lease, Link,
    PIXEL_VERSION, Parcel, Reply, Ticket, Tier, TierBlock, TierCounters, TierHealth, TierOptions,
    identify, identify_while, purge,
};
pub use weak::WeakNamespace;

use crate::error::{Error, Result};
use crate::geometry::Area;
use crate::image::{Bands, Block, Image};
use crate::layout::Layout;
use crate::load::Load;
use crate::log::{Event, Level, Log};
use crate::memory::{Canvas, Home, HomeRef, Memory};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::tile::{Pixels, Tile};
use crate::workers::Workers;
use counts::Counts;
use gather::{gather, union};
use in_flight_cap::Gate;
use index::{Cell, Found, Index, Look, Neighbour};
use key::KeyId;
use observe::Observer;
use std::sync::{Arc, OnceLock, Weak};
use store::{CHUNKS_PER_CALL, Interrupted, Room, Store};
use tier::{Beneath, TierSource};

/// What a cache can be told beside its budget; zeros mean the defaults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The most that tiles made ahead of their first use may take of the budget, in percent; 0 is
    /// 75.
    pub unread_percent: u32,
    /// The largest library buffer that a smaller tile may keep alive as a view of it, in bytes; 0 is
    /// the larger of two tiles and an eighth of the budget.
    pub view_limit: u64,
    /// The most bytes that loads may have in flight at once before others have to wait; 0 is the
    /// larger of a quarter of the budget and 64 MiB.
    pub max_in_flight: u64,
    /// The most threads that serve requests; 0 is one for each processor.
    pub threads: usize,
    /// Used tiles that were stitched from resident blocks go before all others that were used.
    pub cheap_first: bool,
    /// What was used at one time only goes before what is used again and again.
    pub frequency: bool,
    /// What is asked for is noted, for advice on other budgets.
    pub observe: bool,
}

impl Options {
    fn in_flight_cap(&self, budget: u64) -> u64 {
        match self.max_in_flight {
            0 => (budget / 4).max(64 << 20),
            cap => cap,
        }
    }
}

/// What a log calls the cache as a whole.
const WHOLE: &str = "cache";

/// The unread share where none is given, in percent.
const UNREAD_PERCENT: u32 = 75;

/// What happened so far; every number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Gets that found their tile.
    pub hits: u64,
    /// Gets that did not.
    pub misses: u64,
    /// Misses that waited for a load begun by another thread.
    pub waits: u64,
    /// Loads begun.
    pub loads: u64,
    /// Loads that failed.
    pub load_errors: u64,
    /// Buffers evicted.
    pub evictions: u64,
    /// Tiles for which the budget had no room.
    pub rejected: u64,
    /// Siblings: tiles made because their blocks were at hand.
    pub siblings: u64,
    /// Time spent in loads, nested ones included, in nanoseconds.
    pub load_nanoseconds: u64,
    /// Blocks decoded by the source.
    pub decodes: u64,
    /// What the source decoded in parts of blocks or beneath them, in millionths of a block.
    pub decoded_millionths: u64,
    /// Distinct blocks among all those; an estimate for images of very many blocks.
    pub distinct_decodes: u64,
}

impl Counters {
    /// The counters of an operator over a source with these: its own, with the source's decodes.
    pub fn under(self, operator: Counters) -> Counters {
        Counters {
            decodes: self.decodes,
            decoded_millionths: self.decoded_millionths,
            distinct_decodes: self.distinct_decodes,
            ..operator
        }
    }

    /// The sum of both.
    pub fn plus(self, other: Counters) -> Counters {
        Counters {
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            waits: self.waits + other.waits,
            loads: self.loads + other.loads,
            load_errors: self.load_errors + other.load_errors,
            evictions: self.evictions + other.evictions,
            rejected: self.rejected + other.rejected,
            siblings: self.siblings + other.siblings,
            load_nanoseconds: self.load_nanoseconds + other.load_nanoseconds,
            decodes: self.decodes + other.decodes,
            decoded_millionths: self.decoded_millionths + other.decoded_millionths,
            distinct_decodes: self.distinct_decodes + other.distinct_decodes,
        }
    }

    /// What sources decoded, in blocks, a part as its share of the block.
    pub fn blocks_decoded(&self) -> f64 {
        self.decodes as f64 + self.decoded_millionths as f64 / 1e6
    }

    /// Source blocks decoded for each distinct one, a part as its share of the block; 0 before the first.
    pub fn amplification(&self) -> f64 {
        if self.distinct_decodes == 0 {
            return 0.0;
        }
        self.blocks_decoded() / self.distinct_decodes as f64
    }
}

/// The state of a cache at one instant, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The bound on `idle + held + reusable`.
    pub budget: u64,
    /// Resident and not held; what eviction can free.
    pub idle: u64,
    /// Resident and held by a caller.
    pub held: u64,
    /// Freed memory kept for the next tile.
    pub reusable: u64,
    /// Held by a caller but outside the budget.
    pub over_budget: u64,
    /// The part of `over_budget` that cannot be found any more.
    pub orphaned: u64,
    /// Being decoded or assembled.
    pub in_flight: u64,
    /// What loads from outside may have in flight together.
    pub in_flight_cap: u64,
    /// Loads that waited because of the cap.
    pub queued: u64,
    /// Loads that went on beyond the cap, because no load had ended for a second.
    pub overdue: u64,
    /// The most that all of these ever were together.
    pub peak: u64,
    /// Of callers' memory that is kept from being released.
    pub lent: u64,
    /// The part of `lent` that takes room in the budget, or outside it as `over_budget`.
    pub lent_counted: u64,
    /// Of what is noted of requests, beside the budget.
    pub observation: u64,
    /// Entries that can be found.
    pub entries: u64,
    /// What happened so far.
    pub counters: Counters,
}

/// What the providers with one key have in a cache at one instant, in bytes. A buffer counts with the
/// key that brought it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident and not held, with what the key itself is charged.
    pub idle: u64,
    /// Resident and held by a caller.
    pub held: u64,
    /// Held by a caller but outside the budget.
    pub over_budget: u64,
    /// The part of `over_budget` that cannot be found any more.
    pub orphaned: u64,
    /// Of tiles of its own that are being made.
    pub in_flight: u64,
    /// The most that these ever were together, without what the key is charged.
    pub peak: u64,
    /// Of callers' memory that is kept from being released.
    pub lent: u64,
    /// The part of `lent` that is counted above.
    pub lent_counted: u64,
    /// Entries that can be found.
    pub entries: u64,
}

impl Usage {
    /// The sum of both; of the peaks too, which may have been at different times.
    pub fn plus(self, other: Usage) -> Usage {
        Usage {
            idle: self.idle + other.idle,
            held: self.held + other.held,
            over_budget: self.over_budget + other.over_budget,
            orphaned: self.orphaned + other.orphaned,
            in_flight: self.in_flight + other.in_flight,
            peak: self.peak + other.peak,
            lent: self.lent + other.lent,
            lent_counted: self.lent_counted + other.lent_counted,
            entries: self.entries + other.entries,
        }
    }
}

/// The default budget: the smaller of 5 GiB and half of what the process may use.
pub fn default_budget() -> u64 {
    (5 << 30).min(crate::system::memory_limit() / 2)
}

/// A cache; clones are the same one.
#[derive(Clone)]
pub struct Cache(Arc<Shared>);

struct Shared {
    index: Arc<Index>,
    /// The cache as buffers know it.
    home: HomeRef,
    store: Mutex<Store>,
    gate: Arc<Gate>,
    workers: Arc<Workers>,
    tier: OnceLock<Arc<Link>>,
    options: Options,
    log: Log,
    observer: Option<Observer>,
}

impl Drop for Shared {
    /// While the tier is there still: it gets what leaves the memory now, as far as there is room in its queue.
    fn drop(&mut self) {
        if self.tier.get().is_some_and(|link| link.puts_evicted) {
            let store = self.store.get_mut();
            store.clear();
            drop(store.take_garbage());
        }
    }
}

impl Home for Shared {
    fn released(&self, slot: u32) {
        self.with(|store| store.released(slot));
    }

    fn invalidated(&self, image: &str) {
        self.with(|store| store.invalidate(image));
    }

    fn outdated(&self, key: &str, area: &Area) {
        self.with(|store| store.outdate(key, area));
    }

    fn shared(&self, slot: u32) {
        self.with(|store| store.close(slot));
    }

    fn returned(&self, memory: Memory) {
        self.with(|store| store.recycle(memory));
    }
}

impl Shared {
    /// Does work under the lock of the store. What falls out of it is dropped after the lock, for a drop may
    /// run a caller's release callback.
    fn with<R>(&self, work: impl FnOnce(&mut Store) -> R) -> R {
        let mut store = self.store.lock();
        #[cfg(test)]
        store::STEPS.set(0);
        let result = work(&mut store);
        #[cfg(test)]
        store::note_steps();
        let garbage = store.take_garbage();
        drop(store);
        drop(garbage);
        result
    }

    /// [`Shared::with`], again and again, until the work comes to its end: others get their turn in
    /// between.
    fn until_done<R, F>(&self, mut work: F) -> R
    where
        F: FnMut(&mut Store) -> std::result::Result<R, Interrupted>,
    {
        loop {
            if let Ok(done) = self.with(&mut work) {
                return done;
            }
        }
    }

    /// [`Shared::until_done`], and how many buffers went meanwhile.
    fn until_done_counting<R, F>(&self, mut work: F) -> (R, u64)
    where
        F: FnMut(&mut Store) -> std::result::Result<R, Interrupted>,
    {
        let mut gone = 0;
        let done = self.until_done(|store| {
            let before = store.evictions();
            let done = work(store);
            gone += store.evictions() - before;
            done
        });
        (done, gone)
    }

    /// Tells what went for a reason that is not the next tile.
    fn tell_evicted(&self, subject: &str, gone: u64, why: impl FnOnce() -> String) {
        if gone > 0 {
            self.log.tell(Level::Info, Event::Evicted, subject, || {
                format!("{gone} buffers went: {}", why())
            });
        }
    }

    /// [`Shared::with`], for what asks how much is held. What many hits have left to look at for that is looked
    /// at before, in turns.
    fn with_held<R>(&self, work: impl FnOnce(&mut Store) -> R) -> R {
        for _ in 0..self.index.chunks_held() / CHUNKS_PER_CALL {
            self.with(Store::look_at_held);
        }
        self.with(work)
    }

    /// A tile was entered that other caches may count too: they have to hear of its handles from now on.
    fn share(&self, tile: &Tile) {
        if tile.buffer().is_shared() {
            tile.buffer().tell_others(&self.home);
        }
    }

    /// The text of a key that somebody keeps.
    fn key_text(&self, key: KeyId) -> String {
        self.with(|store| store.key_record(key).text().to_owned())
    }

    /// Keeps room for a tile of a key of `size` bytes, if there is any.
    fn reserve(&self, key: KeyId, size: usize, class: Class) -> Option<Room> {
        let (room, gone) = self.until_done_counting(|store| store.reserve(key, size, class));
        self.tell_room_made(key, size, gone);
        room
    }

    /// [`Shared::reserve`] for a tile that is about to be made: it is in flight from now on, in the memory that is
    /// returned, if there is some of its size.
    fn reserve_in_flight(
        &self,
        key: KeyId,
        size: usize,
        class: Class,
    ) -> (Option<Room>, Option<Memory>) {
        let (started, gone) = self.until_done_counting(|store| {
            let mut room = store.reserve(key, size, class)?;
            let memory = store.start_flight_in(room.as_mut(), key, size);
            Ok((room, memory))
        });
        self.tell_room_made(key, size, gone);
        started
    }

    fn tell_room_made(&self, key: KeyId, size: usize, gone: u64) {
        if gone > 0 && self.log.hears(Level::Debug) {
            let text = self.key_text(key);
            self.log.tell(Level::Debug, Event::Evicted, &text, || {
                format!("{gone} buffers went to make room for a tile of {size} bytes")
            });
        }
    }

    /// Keeps room for a tile that exists, which may take several turns. Of what the cache counts already,
    /// only the bookkeeping needs some.
    fn reserve_for(&self, key: KeyId, tile: &Tile, class: Class) -> Option<Room> {
        let buffer = tile.buffer();
        let size = match buffer.slot_in(&self.home) {
            Some(_) => 0,
            None => buffer.size(),
        };
        self.reserve(key, size, class)
    }
}

impl Cache {
    /// A cache that keeps at most `budget` bytes; 0 keeps nothing.
    pub fn new(budget: u64, options: Options) -> Result<Self> {
        Self::with_log(budget, options, Log::default())
    }

    /// [`Cache::new`], with a log in which it tells what happens.
    pub fn with_log(budget: u64, options: Options, log: Log) -> Result<Self> {
        let options = match options.unread_percent {
            0 => Options {
                unread_percent: UNREAD_PERCENT,
                ..options
            },
            1..=100 => options,
            percent => {
                return Err(Error::range(format!(
                    "an unread share of {percent} percent; it must be at most 100"
                )));
            }
        };
        let index = Arc::new(Index::new(options.observe));
        Ok(Cache(Arc::new_cyclic(|shared: &Weak<Shared>| {
            let home: HomeRef = Arc::new(shared.clone() as Weak<dyn Home>);
            Shared {
                index: index.clone(),
                store: Mutex::new(Store::new(budget, options, home.clone(), index)),
                home,
                gate: Arc::new(Gate::new(options.in_flight_cap(budget), log.clone())),
                workers: Workers::new(options.threads),
                tier: OnceLock::new(),
                options,
                log,
                observer: options.observe.then(Observer::new),
            }
        })))
    }

    /// Changes the budget at once; memory beyond it is given back to the system.
    pub fn set_budget(&self, budget: u64) {
        let shrinks = self.0.with(|store| budget < store.budget());
        let ((), gone) = self.0.until_done_counting(|store| {
            // Under the lock, so that of two changes at once the same one is the last for both.
            self.0.gate.set_cap(self.0.options.in_flight_cap(budget));
            let done = store.set_budget(budget);
            // Before what went gets there.
            self.fit_queue(store);
            done
        });
        let why = || format!("the budget is {budget} bytes now");
        self.0.tell_evicted(WHOLE, gone, why);
        if shrinks {
            crate::memory::trim_allocator();
        }
    }

    /// Gives at least so many bytes back to the system now, as far as nobody holds them: memory kept for reuse, then
    /// tiles in the order in which they go. The budget stays. Returns how much less of it is taken.
    pub fn trim(&self, bytes: u64) -> u64 {
        let mut trim = self.0.with(|store| store.begin_trim(bytes));
        let ((), gone) = self.0.until_done_counting(|store| store.trim(&mut trim));
        let why = || format!("{bytes} bytes were to be given back");
        self.0.tell_evicted(WHOLE, gone, why);
        if bytes > 0 {
            crate::pad::clear();
            crate::memory::trim_allocator();
        }
        trim.freed
    }

    /// Gives a key a maximum, at which it evicts its own oldest tiles, and a guarantee, below which
    /// others do not evict its tiles; in bytes, 0 for none. The key need not be known yet.
    pub fn set_share(&self, key: &str, maximum: u64, guarantee: u64) -> Result<()> {
        let group = self
            .0
            .with(|store| store.set_share(key, maximum, guarantee))?;
        let ((), gone) = self
            .0
            .until_done_counting(|store| store.shrink_share(group));
        let why = || format!("the maximum of the key is {maximum} bytes now");
        self.0.tell_evicted(key, gone, why);
        Ok(())
    }

    /// Forgets all tiles. Held ones stay valid; loads in progress are not affected.
    pub fn clear(&self) {
        self.0.with(Store::clear);
        crate::pad::clear();
        crate::memory::trim_allocator();
    }

    /// What the cache holds and did.
    pub fn statistics(&self) -> Statistics {
        let (cap, counts) = self.0.gate.state();
        Statistics {
            in_flight_cap: cap,
            queued: counts.queued,
            overdue: counts.overdue,
            observation: self.observer().map_or(0, Observer::bytes),
            ..self.0.with_held(Store::statistics)
        }
    }

    fn observer(&self) -> Option<&Observer> {
        self.0.observer.as_ref()
    }

    /// What was asked of the cache, if it is observed, and how much of the budget unread tiles may take, in percent.
    pub fn observed(&self) -> Option<(Observed, u32)> {
        let observed = self.observer()?.observed();
        Some((observed, self.0.options.unread_percent))
    }

    /// The tile of a key's cell if it is resident, as a use.
    pub fn get(&self, key: &str, at: Block, bands: &Bands) -> Result<Option<Tile>> {
        self.look_up(key, at, bands, Look::Get)
    }

    /// The tile of a key's cell if it is resident; not a use.
    pub fn peek(&self, key: &str, at: Block, bands: &Bands) -> Result<Option<Tile>> {
        self.look_up(key, at, bands, Look::Peek)
    }

    fn look_up(&self, key: &str, at: Block, bands: &Bands, look: Look) -> Result<Option<Tile>> {
        if let Some(link) = self.0.tier.get().filter(|link| link.is_strict()) {
            Beneath::new(link, lineage::Lineage::of(key)).believe();
        }
        // The key is kept meanwhile, for its number may be another's once it is given back.
        let known = self.0.with(|store| {
            let Some(id) = store.find_key(key) else {
                if look == Look::Get {
                    store.count_miss_of_unknown_key();
                }
                return None;
            };
            let record = store.key_record_mut(id);
            record.hold();
            Some((id, record.normal(bands), record.band_count()))
        });
        let Some((id, bands, count)) = known else {
            return Ok(None);
        };
        let (index, cell) = (&self.0.index, Cell::new(id, at));
        let count = count.or_else(|| self.bands_put(&cell, &bands));
        let found = index.find(&cell, &bands, count, look, None);
        self.0.with(|store| {
            if let Some(found) = &found {
                store.note_first_get(found);
            }
            match (look, &found) {
                (Look::Get, Some(_)) => store.count(id, |counters| counters.hits += 1),
                (Look::Get, None) => store.count(id, |counters| counters.misses += 1),
                _ => (),
            }
            store.let_go(id);
        });
        let Some(found) = found else {
            return Ok(None);
        };
        let has = found.has();
        let positions = has.and_then(|has| bands.positions_in(has, count.unwrap_or(0)));
        match positions {
            Some(positions) => {
                let request = crate::provider::Request::new();
                let selected = found
                    .tile
                    .select(&positions, |layout| request.canvas(layout));
                selected.map(Some)
            }
            None => Ok(Some(found.tile)),
        }
    }

    /// How many bands the tile of a cell has that a caller put as a whole under a key which no provider has, if
    /// some of them are wanted.
    fn bands_put(&self, cell: &Cell, wanted: &Bands) -> Option<u32> {
        wanted.list()?;
        let index = &self.0.index;
        let whole = index.find(cell, &Bands::ALL, None, Look::Peek, None)?;
        Some(whole.tile.shape().bands as u32)
    }

    /// Puts a caller's tile into a key's cell, replacing what is there. A tile that is there with other
    /// bands too is merged with it, so that each band has one value.
    ///
    /// What was built on the old pixels is forgotten, unless the put is made by a load, which says what
    /// its source has and changes nothing.
    pub fn put(&self, key: &str, at: Block, bands: &Bands, pixels: Pixels) -> Result<()> {
        if key.is_empty() {
            return Err(Error::argument("the key is empty"));
        }
        // Held until it is entered, so that it counts as held like any tile being entered.
        let tile = Tile::hold(pixels);
        // The key must outlive its old entry, and stay until the new one is there.
        let held = HeldKey::new(&self.0, key);
        let id = held.id;
        let (tile, bands) = loop {
            let (bands, seen, beside) = self.0.with(|store| {
                let bands = store.key_record(id).normal(bands);
                let beside = store.beside_put(id, at, &bands, &tile);
                beside.map(|(seen, beside)| (bands, seen, beside))
            })?;
            let (tile, bands) = merged(&tile, &bands, &beside)?;
            drop(beside);
            let begun = self.0.with(|store| {
                let bands = store.key_record(id).normal(&bands);
                let old = store.begin_put(id, at, &bands, seen)?;
                Some((bands, old))
            });
            if let Some((bands, _)) = begun {
                break (tile, bands);
            }
        };
        let room = self.0.reserve_for(id, &tile, Class::Asked);
        let (old, outdated) = self.0.with(|store| {
            let record = store.key_record(id);
            let outdated = record.area(at).map(|area| (record.lineage.clone(), area));
            (store.end_put(id, at, &bands, &tile, room), outdated)
        });
        drop(old);
        self.0.share(&tile);
        if let Some((lineage, area)) = outdated.filter(|_| !Load::is_nested()) {
            lineage.put(key, &area);
        }
        Ok(())
    }

    /// Forgets the tile of a key's cell for just these bands; says whether there was one.
    pub fn remove(&self, key: &str, at: Block, bands: &Bands) -> bool {
        self.0.with(|store| {
            let Some(id) = store.find_key(key) else {
                return false;
            };
            let bands = store.key_record(id).normal(bands);
            store.remove(id, at, &bands)
        })
    }

    /// The threads that serve requests for the providers of the cache.
    pub fn workers(&self) -> &Arc<Workers> {
        &self.0.workers
    }

    /// Whether two handles are the same cache.
    pub fn is(&self, other: &Cache) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether a buffer is counted here, so that a view of it costs nothing.
    pub fn counts(&self, pixels: &Pixels) -> bool {
        pixels.buffer().slot_in(&self.0.home).is_some()
    }

    /// The largest library buffer that a tile of `tile_bytes` may keep alive as a view.
    pub fn view_limit(&self, tile_bytes: u64) -> u64 {
        match self.0.options.view_limit {
            0 => tile_bytes
                .saturating_mul(2)
                .max(self.0.store.lock().budget() / 8),
            limit => limit,
        }
    }

    /// The most that tiles made ahead of their first use may take.
    pub fn unread_share(&self) -> u64 {
        self.0.store.lock().unread_share()
    }

    /// Makes room for a tile of a key that is about to be made ahead, unless that would take more than the unread
    /// share, or something that was used since then; says whether there is room.
    pub fn has_room_ahead(
        &self,
        key: &str,
        bytes: u64,
        since: Stamp,
        wants: impl Fn(Block) -> bool,
    ) -> bool {
        self.0
            .until_done(|store| store.make_room_ahead(key, bytes, since, &wants))
    }

    /// Registers a provider's key; refused if the key stands for another image here.
    fn register(&self, text: &str, image: &Image) -> Result<Registration> {
        let mut registration = self.0.with(|store| {
            let key = store.key(text);
            let is_first = store.key_record(key).band_count().is_none();
            let registered = store.key_record_mut(key).register(image);
            if registered.is_ok() && is_first {
                store.remove_misfits(key);
            }
            store.charge_key_anew(key);
            registered.map(|(counts, put_entries)| Registration {
                cache: self.clone(),
                look_up: LookUp {
                    index: self.0.index.clone(),
                    counts,
                    key,
                },
                tier_source: None,
                beneath: None,
                put_entries,
            })
        })?;
        // Without the lock, for the tier hears of it.
        if let Some(link) = self.0.tier.get() {
            let beneath = Beneath::new(link, lineage::Lineage::of(text));
            registration.tier_source = beneath.own();
            registration.beneath = Some(beneath);
        }
        Ok(registration)
    }
}

/// A tile that is to be put, with the bands that it lacks out of the tiles of its cell that overlap it.
fn merged(tile: &Tile, bands: &Bands, beside: &[Neighbour]) -> Result<(Tile, Bands)> {
    let lacks = |other: &&Neighbour| bands.list().is_some() && !bands.serve(&other.bands, None);
    let mut beside: Vec<_> = beside.iter().filter(lacks).collect();
    if beside.is_empty() {
        return Ok((tile.clone(), bands.clone()));
    }
    beside.sort_by_key(|other| !other.is_put);
    let all = beside
        .iter()
        .fold(bands.clone(), |all, other| union(&all, &other.bands));
    let own = (tile.clone(), bands.clone());
    let beside = beside.iter();
    let beside = beside.map(|other| (other.tile.clone(), other.bands.clone()));
    let tiles: Vec<_> = std::iter::once(own).chain(beside).collect();
    let memory = |layout: Layout| Ok(Canvas::new(Memory::zeroed(layout.span())?, layout));
    Ok((gather(&all, &tiles, memory)?, all))
}

/// A key of a cache that is kept as long as this is.
struct HeldKey<'a> {
    shared: &'a Shared,
    id: KeyId,
}

impl<'a> HeldKey<'a> {
    /// The key with this text; made if it is new.
    fn new(shared: &'a Shared, text: &str) -> Self {
        let id = shared.with(|store| store.hold_key(text));
        Self { shared, id }
    }
}

impl Drop for HeldKey<'_> {
    fn drop(&mut self) {
        self.shared.with(|store| store.let_go(self.id));
    }
}

/// A provider's claim to a key in a cache.
struct Registration {
    cache: Cache,
    look_up: LookUp,
    /// The source as another tier knows it, if it does.
    tier_source: Option<Arc<TierSource>>,
    /// What the image is built on, where there is another tier.
    beneath: Option<Beneath>,
    /// How many entries of the key callers put.
    put_entries: Arc<AtomicU64>,
}

/// What a hit needs to know of a registration, and nothing else, so that it lies close at hand.
#[derive(Clone)]
struct LookUp {
    index: Arc<Index>,
    counts: Arc<Counts>,
    key: KeyId,
}

impl LookUp {
    /// [`Index::hit`].
    #[inline(always)]
    fn hit(&self, at: &Block) -> Option<Tile> {
        self.index.hit(&Cell::new(self.key, *at), &self.counts.hits)
    }
}

impl Registration {
    fn key(&self) -> KeyId {
        self.look_up.key
    }

    fn with<R>(&self, work: impl FnOnce(&mut Store, KeyId) -> R) -> R {
        self.cache.0.with(|store| work(store, self.key()))
    }

    /// What stands for a block.
    fn cell(&self, at: Block) -> Cell {
        Cell::new(self.key(), at)
    }

    /// Before anything of the image is looked up: what another tier lets be believed no longer is not there any more then.
    fn believe(&self) {
        if let Some(beneath) = &self.beneath {
            beneath.believe();
        }
    }

    /// The tile of a cell with these bands, of an image with `all` bands, or with more of them.
    fn find(&self, at: Block, bands: &Bands, all: u32, look: Look) -> Option<Found> {
        self.believe();
        let (cell, hits) = (Cell::new(self.key(), at), Some(&self.look_up.counts.hits));
        let found = self
            .look_up
            .index
            .find(&cell, bands, Some(all), look, hits)?;
        if found.is_first {
            self.cache.0.with(|store| store.note_first_get(&found));
        }
        Some(found)
    }

    /// The tiles that callers put into a cell with some of these bands.
    fn puts(&self, at: Block, bands: &Bands) -> Vec<(Tile, Bands)> {
        if self.put_entries.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let met = self
            .look_up
            .index
            .meeting(&Cell::new(self.key(), at), bands);
        let puts = met.into_iter().filter(|other| other.is_put);
        puts.map(|other| (other.tile, other.bands)).collect()
    }

    /// Whether a caller is known to have put a tile into a cell since a moment.
    fn was_put_since(&self, at: Block, moment: Moment) -> bool {
        self.with(|store, key| store.key_record(key).puts().has_later(at, moment))
    }

    /// Whether other bands of a cell are resident.
    fn has_others(&self, at: Block, bands: &Bands) -> bool {
        let form = self.look_up.index.any_form(&Cell::new(self.key(), at));
        form.is_some_and(|form| form.bands != *bands)
    }

    fn contains(&self, at: Block, bands: &Bands, all: u32) -> bool {
        self.believe();
        self.seems_to_contain(at, bands, all)
    }

    /// The same as it was when another tier was last asked, which may call a caller's function.
    fn seems_to_contain(&self, at: Block, bands: &Bands, all: u32) -> bool {
        let cell = Cell::new(self.key(), at);
        self.look_up.index.contains(&cell, bands, Some(all))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.cache
            .0
            .with(|store| store.provider_released(self.key()));
    }
}
