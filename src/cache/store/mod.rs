//! What a cache has: what is resident, what is held, what it weighs and what is evicted next.
//!
//! A plain state machine: it takes no lock, runs no caller's code and frees no pixels. Buffers that
//! nobody needs any more are handed out through [`Store::take_garbage`], to be dropped outside.

mod bequests;
mod census;
mod cheap_first;
mod entries;
mod evict;
mod flight;
mod frequency;
mod names;
mod planned;
mod pool;
mod shares;
mod trim;

pub use evict::Interrupted;
#[cfg(test)]
pub use evict::tests::{STEPS, note_steps};

use super::eviction_order::{EvictionOrder, Group, Place, Slot, reserve_gently};
use super::forms::Forms;
use super::index::{Cell, EntryId, Found, Index};
use super::key::{KeyId, is_named};
use super::key_record::KeyRecord;
use super::lineage::Lineage;
use super::plan::{PassId, Plan};
use super::stamp::Stamp;
use super::{Counters, Options, Statistics, Usage};
use crate::memory::{Buffer, HomeRef, Memory};
use crate::slab::NONE;
use frequency::Evicted;
use hashbrown::HashSet;
use names::Names;
use pool::Pool;
use shares::Shares;
use slab::Slab;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What one entry is charged for its bookkeeping.
pub const ENTRY_BYTES: u64 = 256;

/// How many outdated unread tiles one call makes ordinary at most.
const DEMOTIONS_PER_CALL: usize = 64;

/// How many keys it looks at for that, beside its own.
const KEYS_PER_CALL: usize = 8;

/// The share of the budget, as a divisor, that may be set aside for what is not tiles.
const ASIDE_DIVISOR: u64 = 4;

/// How many buffers one call evicts or sets aside at most while others wait for the books.
const STEPS_PER_TURN: usize = 256;

/// How many later uses one call learns of at most, if it finds as many victims as it needs among them.
const LOOKS_PER_CALL: usize = 1024;

/// How many it may learn of for each victim all the same.
const LOOKS_PER_VICTIM: usize = 2;

/// In how many chunks of entries one call looks for held ones while others wait for the books.
pub const CHUNKS_PER_CALL: usize = 4;

/// What the keys of one image have in common.
struct ImageRecord {
    lineage: Arc<Lineage>,
    /// Bytes that ever entered under them.
    entered_bytes: u64,
    keys: SmallVec<[KeyId; 4]>,
}

/// What the record of an image takes.
pub const IMAGE_BYTES: usize = size_of::<ImageRecord>();

pub use names::NAME_BYTES;

/// Bytes of buffers by their states, with what their entries are charged.
#[derive(Clone, Copy, Default)]
pub struct Weights {
    /// Inside the budget.
    resident: u64,
    /// Held outside it.
    over_budget: u64,
    /// The part of `over_budget` that is not findable.
    orphaned: u64,
    /// Being made.
    in_flight: u64,
    /// Of callers' memory, in whatever state.
    lent: u64,
    /// The part of `lent` that is in the others too.
    lent_counted: u64,
}

impl Weights {
    fn sum(&self) -> u64 {
        self.resident + self.over_budget + self.in_flight
    }
}

/// How a buffer counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Inside the budget.
    Resident(Place),
    /// Held, findable, outside the budget.
    OverBudget,
    /// Held, not findable.
    Detached,
}

/// A buffer that the cache counts.
struct Record {
    buffer: Arc<Buffer>,
    first_entry: EntryId,
    entries: u32,
    key: KeyId,
    standing: Standing,
    /// Used at times that lie apart, where that matters.
    is_again: bool,
    /// What it took when it came to know who else gets the buffer, in parts of [`ENTRY_BYTES`].
    bequest: u8,
}

/// What the books know of an entry.
#[derive(Clone, Copy)]
struct Link {
    slot: Slot,
    next_in_buffer: EntryId,
    next_in_key: EntryId,
    previous_in_key: EntryId,
}

impl Record {
    /// What it takes of the budget, or beside it.
    fn charge(&self) -> u64 {
        let bookkeeping = u64::from(self.entries) + u64::from(self.bequest);
        self.buffer.size() as u64 + bookkeeping * ENTRY_BYTES
    }

    /// Bytes of a caller's memory, and those of them that count.
    fn lent(&self) -> (u64, u64) {
        match self.buffer.lent() {
            0 => (0, 0),
            lent => (lent as u64, self.buffer.size() as u64),
        }
    }

    /// Whether it was made ahead and nobody has got it.
    fn is_unread(&self) -> bool {
        matches!(
            self.standing,
            Standing::Resident(Place::Unread | Place::PassingUnread)
        )
    }
}

/// Whether a tile was asked for, or was made because its block was at hand, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Asked for: the newest use.
    Asked,
    /// A sibling: takes from the unread share only.
    Unread,
    /// Made by a prefetch: an unread sibling that takes no room of what was used since then.
    Ahead(Stamp),
    /// Asked for by a reader that passes by: no use, and the next to go, the oldest first.
    Passing,
    /// A sibling of such a tile: takes from the unread share, and only what is free or was left behind
    /// by readers that passed by. What was asked for takes its room before that of used tiles.
    PassingUnread,
    /// Asked for by a declared pass: it goes as its next use has it.
    Scheduled(PassId),
    /// Made for a cell by such a pass ahead of its use: takes from the unread share, and room of what is used later.
    Planned(PassId, Cell),
}

impl Class {
    fn is_unread(self) -> bool {
        match self {
            Class::Unread | Class::Ahead(_) | Class::PassingUnread | Class::Planned(..) => true,
            Class::Asked | Class::Passing | Class::Scheduled(_) => false,
        }
    }

    /// Whether it is used by being there.
    fn is_use(self) -> bool {
        match self {
            Class::Asked => true,
            Class::Scheduled(id) => !id.streams,
            _ => false,
        }
    }

    /// The pass that it is of.
    fn pass(self) -> Option<PassId> {
        match self {
            Class::Scheduled(id) | Class::Planned(id, _) => Some(id),
            _ => None,
        }
    }

    /// Whether it takes no room of what was last used then.
    fn spares(self, used: Stamp) -> bool {
        match self {
            Class::Ahead(since) => used >= since,
            Class::PassingUnread => true,
            Class::Asked | Class::Unread | Class::Passing => false,
            Class::Scheduled(_) | Class::Planned(..) => false,
        }
    }
}

/// Room in the budget kept for a tile that is being made.
#[derive(Debug)]
pub struct Room {
    bytes: u64,
    class: Class,
    group: Group,
    /// A victim's memory of just the size asked for.
    pub recycled: Option<RecycledMemory>,
}

/// Memory that has changed owner inside the cache.
pub struct RecycledMemory(pub Memory);

impl std::fmt::Debug for RecycledMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.size())
    }
}

/// The books of one cache.
pub struct Store {
    budget: u64,
    options: Options,
    home: HomeRef,
    /// In boxes, for what is here grows with the most keys that there ever were.
    keys: Slab<Box<KeyRecord>>,
    keys_by_text: Names,
    /// What the entries look like.
    forms: Forms,
    index: Arc<Index>,
    entries: u64,
    /// By the numbers of entries.
    links: Vec<Link>,
    records: Slab<Record>,
    order: EvictionOrder,
    /// Of the declared passes that are going on.
    plans: Vec<Plan>,
    shares: Shares,
    weights: Weights,
    parked: u64,
    /// Used at one time only.
    once: u64,
    /// Where that goes first.
    evicted: Option<Evicted>,
    unread: u64,
    reserved: u64,
    reserved_unread: u64,
    /// What is never for tiles, and how much that would be in any budget that is large enough.
    aside: u64,
    aside_wanted: u64,
    /// What the keys with resident buffers are charged.
    bookkeeping: u64,
    pool: Pool,
    /// The keys that have unread tiles.
    unread_keys: BTreeSet<KeyId>,
    /// That of them whose tiles were looked at last, of all keys in turn.
    demoted_last: KeyId,
    peak: u64,
    entered_bytes: u64,
    images: Slab<Box<ImageRecord>>,
    images_by_name: Names,
    /// All but what the index counts.
    counters: Counters,
    garbage: Garbage,
}

/// What must be dropped outside the lock.
#[derive(Default)]
pub struct Garbage {
    buffers: Vec<Arc<Buffer>>,
    memory: Vec<Memory>,
}

impl Store {
    /// The books of a cache whose entries stand in `index`.
    pub fn new(budget: u64, options: Options, home: HomeRef, index: Arc<Index>) -> Self {
        Self {
            budget,
            options,
            home,
            keys: Slab::new(),
            keys_by_text: Names::default(),
            forms: Forms::default(),
            index,
            entries: 0,
            links: Vec::new(),
            records: Slab::new(),
            order: EvictionOrder::default(),
            plans: Vec::new(),
            shares: Shares::new(budget),
            weights: Weights::default(),
            parked: 0,
            once: 0,
            evicted: options.frequency.then(Evicted::default),
            unread: 0,
            reserved: 0,
            reserved_unread: 0,
            aside: 0,
            aside_wanted: 0,
            bookkeeping: 0,
            pool: Pool::default(),
            unread_keys: BTreeSet::new(),
            demoted_last: 0,
            peak: 0,
            entered_bytes: 0,
            images: Slab::new(),
            images_by_name: Names::default(),
            counters: Counters::default(),
            garbage: Garbage::default(),
        }
    }

    /// What the last calls left to be dropped.
    pub fn take_garbage(&mut self) -> Option<Garbage> {
        let nothing = self.garbage.buffers.is_empty() && self.garbage.memory.is_empty();
        (!nothing).then(|| std::mem::take(&mut self.garbage))
    }

    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// How many buffers were evicted so far.
    pub fn evictions(&self) -> u64 {
        self.counters.evictions
    }

    /// Whether any key is known.
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The key with this text; made if it is new.
    pub fn key(&mut self, text: &str) -> KeyId {
        if let Some(id) = self.find_key(text) {
            return id;
        }
        let lineage = Lineage::of(text);
        lineage.settle(&self.home);
        let image = self.image(&lineage);
        let group = self.shares.group(text);
        let text = match **lineage.image() == *text {
            true => lineage.image().clone(),
            false => text.into(),
        };
        let record = KeyRecord::new(text.clone(), image, lineage, group);
        grow_gently(&mut self.keys);
        let id = self.keys.insert(Box::new(record)) as KeyId;
        self.images[image as usize].keys.push(id);
        let keys = &self.keys;
        self.keys_by_text
            .insert(id, &text, |key| keys[key as usize].text());
        id
    }

    /// The number of an image; made if it is new.
    fn image(&mut self, lineage: &Arc<Lineage>) -> u32 {
        if let Some(image) = self.find_image(lineage.image()) {
            return image;
        }
        grow_gently(&mut self.images);
        let image = self.images.insert(Box::new(ImageRecord {
            lineage: lineage.clone(),
            entered_bytes: 0,
            keys: SmallVec::new(),
        })) as u32;
        let images = &self.images;
        let name_of = |image: u32| &**images[image as usize].lineage.image();
        self.images_by_name.insert(image, lineage.image(), name_of);
        image
    }

    fn find_image(&self, name: &str) -> Option<u32> {
        let name_of = |image: u32| &**self.images[image as usize].lineage.image();
        self.images_by_name.find(name, name_of)
    }

    /// The key with this text, if it is known.
    pub fn find_key(&self, text: &str) -> Option<KeyId> {
        self.keys_by_text
            .find(text, |key| self.keys[key as usize].text())
    }

    /// The key with this text, made if it is new, and kept until [`Store::let_go`].
    pub fn hold_key(&mut self, text: &str) -> KeyId {
        let id = self.key(text);
        self.keys[id as usize].hold();
        id
    }

    pub fn key_record(&self, key: KeyId) -> &KeyRecord {
        &self.keys[key as usize]
    }

    pub fn key_record_mut(&mut self, key: KeyId) -> &mut KeyRecord {
        &mut self.keys[key as usize]
    }

    /// A provider with the key is gone. If it was the last: its unread tiles become ordinary, and entries that
    /// nobody can ask for again go.
    pub fn provider_released(&mut self, key: KeyId) {
        let unread = self.keys[key as usize].provider_released();
        if self.keys[key as usize].providers() > 0 {
            return;
        }
        self.trim_pool(0);
        for (slot, stamp) in unread {
            self.demote(slot, stamp);
        }
        if !is_named(self.keys[key as usize].text()) {
            self.remove_entries_of(key);
        }
        self.forget_unused_key(key);
    }

    /// Undoes one [`KeyRecord::hold`]; the key may go.
    pub fn let_go(&mut self, key: KeyId) {
        self.keys[key as usize].let_go();
        self.forget_unused_key(key);
    }

    /// Forgets a key that nothing uses; it may be gone already with what used it last.
    pub fn forget_unused_key(&mut self, key: KeyId) {
        let record = self.keys.get(key as usize);
        if !record.is_some_and(|record| record.is_unused()) {
            return;
        }
        let keys = &self.keys;
        let text_of = |key: KeyId| keys[key as usize].text();
        self.keys_by_text.remove(key, text_of);
        let record = self.keys.remove(key as usize);
        let image = &mut self.images[record.image as usize];
        image.keys.retain(|other| *other != key);
        if image.keys.is_empty() {
            let images = &self.images;
            let name_of = |image: u32| &**images[image as usize].lineage.image();
            self.images_by_name.remove(record.image, name_of);
            self.images.remove(record.image as usize);
        }
        self.unread_keys.remove(&key);
        if self.keys.is_empty() {
            self.give_back_what_is_empty();
        }
    }

    /// Gives back what has grown and has nothing in it any more.
    fn give_back_what_is_empty(&mut self) {
        if self.keys.is_empty() {
            (self.keys, self.images) = (Slab::new(), Slab::new());
        }
        if self.entries == 0 {
            self.links = Vec::new();
        }
        if self.records.is_empty() {
            (self.records, self.order) = (Slab::new(), EvictionOrder::default());
            self.evicted = self.options.frequency.then(Evicted::default);
        }
    }

    /// What a key takes may have changed since it was charged.
    pub fn charge_key_anew(&mut self, key: KeyId) {
        self.charge_key(key);
        self.enforce_budget();
        self.note_peak();
    }

    fn charge_key(&mut self, key: KeyId) {
        let record = &mut self.keys[key as usize];
        let charged = match record.resident {
            0 => 0,
            _ => record.bytes(),
        };
        self.bookkeeping += charged;
        self.bookkeeping -= std::mem::replace(&mut record.charged, charged);
    }

    /// Takes note if a look-up was the first get of what was made ahead of it.
    pub fn note_first_get(&mut self, found: &Found) {
        // It may have been evicted since.
        if found.is_first
            && let Some(slot) = found.tile.buffer().slot_in(&self.home)
        {
            self.first_get(slot);
        }
    }

    /// A buffer made ahead was got for the first time: it is ordinary from now on.
    pub(super) fn first_get(&mut self, slot: Slot) {
        if self.records[slot as usize].is_unread() {
            self.move_to(slot, self.place_of_used(slot), self.last_use(slot));
        }
    }

    /// When a buffer was last used, or made if it was not.
    fn last_use(&self, slot: Slot) -> Stamp {
        let record = &self.records[slot as usize];
        let recorded = match record.standing {
            Standing::Resident(place) => self.order.stamp(self.group(slot), place, slot),
            Standing::OverBudget | Standing::Detached => None,
        };
        let hits = self.entries_of(slot).map(|id| self.index.last_use(id));
        hits.chain(recorded).max().unwrap_or(0)
    }

    /// The entries over a buffer.
    fn entries_of(&self, slot: Slot) -> impl Iterator<Item = EntryId> {
        let existing = |id| (id != NONE).then_some(id);
        let first = existing(self.records[slot as usize].first_entry);
        std::iter::successors(first, move |id| {
            existing(self.links[*id as usize].next_in_buffer)
        })
    }

    /// Whether somebody seems to hold a buffer; what is released or got meanwhile may be seen or not.
    fn seems_held(&self, slot: Slot) -> bool {
        let pins = self.entries_of(slot).map(|id| self.index.pins(id));
        self.records[slot as usize].buffer.pins() + pins.sum::<i64>() != 0
    }

    /// From now on a buffer itself knows of all its handles.
    pub fn close(&mut self, slot: Slot) {
        if self.records.contains(slot as usize) {
            self.entries_of(slot).for_each(|id| self.index.close(id));
        }
    }

    /// From now on its handles stand where each thread notes its own, unless other caches count it too.
    fn open(&self, slot: Slot) {
        if !self.records[slot as usize].buffer.is_shared() {
            self.entries_of(slot).for_each(|id| self.index.open(id));
        }
    }

    /// Moves a resident buffer to another place.
    fn move_to(&mut self, slot: Slot, place: Place, stamp: Stamp) {
        let group = self.group(slot);
        let record = &mut self.records[slot as usize];
        let Standing::Resident(old) = record.standing else {
            return;
        };
        record.standing = Standing::Resident(place);
        let charge = record.charge();
        self.order.remove(group, old, slot);
        self.order.add(group, place, slot, stamp);
        self.leave_place(group, old, charge);
        self.enter_place(group, place, charge);
    }

    /// Where a buffer stands in line.
    fn group(&self, slot: Slot) -> Group {
        let key = self.records[slot as usize].key;
        self.keys[key as usize].group
    }

    fn enter_place(&mut self, group: Group, place: Place, bytes: u64) {
        self.shares.enter(group, bytes);
        match place {
            Place::Used | Place::Cheap => (),
            Place::Unread | Place::PassingUnread => self.unread += bytes,
            Place::Once => self.once += bytes,
            Place::Parked => self.parked += bytes,
        }
    }

    fn leave_place(&mut self, group: Group, place: Place, bytes: u64) {
        self.shares.leave(group, bytes);
        match place {
            Place::Used | Place::Cheap => (),
            Place::Unread | Place::PassingUnread => self.unread -= bytes,
            Place::Once => self.once -= bytes,
            Place::Parked => self.parked -= bytes,
        }
    }

    /// Counts something for the cache and for a key.
    pub fn count(&mut self, key: KeyId, change: impl Fn(&mut Counters)) {
        change(&mut self.counters);
        change(&mut self.keys[key as usize].counters);
    }

    /// Counts a get of a key that the cache does not know.
    pub fn count_miss_of_unknown_key(&mut self) {
        self.counters.misses += 1;
    }

    /// What happened under a key.
    pub fn key_counters(&self, key: KeyId) -> Counters {
        self.keys[key as usize].counters()
    }

    /// How often a key was asked for a tile.
    fn requests(&self, key: KeyId) -> u64 {
        let counters = self.key_counters(key);
        counters.hits + counters.misses
    }

    pub fn statistics(&mut self) -> Statistics {
        let held = self.held(usize::MAX, |_| true);
        let Weights {
            resident,
            over_budget,
            orphaned,
            in_flight,
            lent,
            lent_counted,
        } = self.weights;
        Statistics {
            budget: self.budget,
            idle: resident + self.bookkeeping - held,
            held,
            reusable: self.pool.bytes(),
            over_budget,
            orphaned,
            in_flight,
            peak: self.peak,
            lent,
            lent_counted,
            entries: self.entries,
            counters: self.counters.plus(self.index.counts.counters()),
            ..Statistics::default()
        }
    }

    /// Whether all bands of what is resident of a key would fit, of which `count` of `all` are there.
    pub fn has_room_for_all(&self, key: KeyId, count: u64, all: u64) -> bool {
        let resident = self.keys[key as usize].weights.resident;
        (resident / count.max(1)).saturating_mul(all) <= self.budget
    }

    /// What a key has here: buffers count with the key that brought them.
    pub fn usage(&mut self, key: KeyId) -> Usage {
        let held = self.held(usize::MAX, |record| record.key == key);
        let record = &self.keys[key as usize];
        let Weights {
            resident,
            over_budget,
            orphaned,
            in_flight,
            lent,
            lent_counted,
        } = record.weights;
        Usage {
            idle: resident + record.charged - held,
            held,
            over_budget,
            orphaned,
            in_flight,
            peak: record.peak,
            lent,
            lent_counted,
            entries: record.entries as u64,
        }
    }

    /// Looks at some of the entries that were got since they were seen free: those that are free now need not
    /// be looked at again.
    pub fn look_at_held(&mut self) {
        self.held(CHUNKS_PER_CALL, |_| false);
    }

    /// The bytes of resident buffers that callers hold now, of those that are looked for, in at most so many
    /// chunks of entries.
    fn held(&mut self, most: usize, is_one: impl Fn(&Record) -> bool) -> u64 {
        let mut held = 0;
        let mut seen = HashSet::new();
        self.index.for_each_held(most, |entry| {
            #[cfg(test)]
            STEPS.set(STEPS.get() + 1);
            let slot = self.links[entry as usize].slot;
            let record = &self.records[slot as usize];
            let is_held = self.seems_held(slot);
            let is_resident = matches!(record.standing, Standing::Resident(_));
            let counts = is_held && is_resident && is_one(record);
            if counts && (record.entries == 1 || seen.insert(slot)) {
                held += record.charge();
            }
            is_held
        });
        held
    }

    /// Changes what is counted of a key, and so of all.
    fn weigh(&mut self, key: KeyId, change: impl Fn(&mut Weights)) {
        change(&mut self.weights);
        let record = &mut self.keys[key as usize];
        change(&mut record.weights);
        record.peak = record.peak.max(record.weights.sum());
    }
}

/// Makes room for one more by an eighth, not by doubling: what an entry costs is bounded.
fn grow_gently<T>(slab: &mut Slab<T>) {
    if slab.len() == slab.capacity() {
        slab.reserve_exact((slab.len() / 8).max(16));
    }
}
