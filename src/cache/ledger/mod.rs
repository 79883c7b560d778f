//! The cache's books: what is resident, who holds it, what it weighs and what goes next.
//!
//! A plain state machine: it takes no lock, runs no caller's code and frees no pixels. Buffers that
//! nobody needs any more are handed out through [`Ledger::take_garbage`], to be dropped outside.

mod entries;
mod room;

use super::key::{KeyId, KeyRecord};
use super::lineage::Lineage;
use super::recency::{Place, Recency, Slot, Stamp};
use super::{Counters, Options, Statistics};
use crate::image::{Bands, Block};
use crate::memory::{Buffer, Home, Memory};
use crate::tile::Tile;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use slab::Slab;
use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

/// What one entry is charged for its bookkeeping.
pub const ENTRY_BYTES: u64 = 256;

/// The share of the budget, as a divisor, that memory kept for reuse may take.
const REUSABLE_DIVISOR: u64 = 16;

/// How many outdated unread tiles one call makes ordinary at most.
const DEMOTIONS_PER_CALL: usize = 64;

type EntryId = u32;

const NONE: u32 = u32::MAX;

/// A place in the cache: a block of the image known by a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Cell {
    row: u64,
    col: u64,
    key: KeyId,
    level: u32,
}

/// What a cell holds for one band selection: a view of a buffer.
struct Entry {
    cell: Cell,
    /// The shape and the bands, as a number of the key's.
    form: u32,
    offset: usize,
    slot: Slot,
    next_in_cell: EntryId,
    next_in_buffer: EntryId,
    next_in_key: EntryId,
    previous_in_key: EntryId,
}

/// What the keys of one image have in common.
#[derive(Default)]
struct ImageRecord {
    /// Bytes that were ever admitted under them.
    admitted: u64,
    keys: Vec<KeyId>,
}

/// How a buffer counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Inside the budget.
    Resident(Place),
    /// Held, findable, outside the budget.
    Overhang,
    /// Held, not findable.
    Detached,
}

/// A buffer that the cache counts.
struct Record {
    buffer: Arc<Buffer>,
    charge: u64,
    stamp: Stamp,
    standing: Standing,
    first_entry: EntryId,
    key: KeyId,
    /// Position in [`Ledger::watched`], or `NONE`.
    watch: u32,
}

/// Whether a tile was asked for, or was made because its block was at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Asked for: the newest use.
    Asked,
    /// A sibling: takes from the unread share only.
    Unread,
}

/// Room in the budget kept for a tile that is being made.
#[derive(Debug)]
pub struct Room {
    bytes: u64,
    class: Class,
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
pub struct Ledger {
    budget: u64,
    options: Options,
    home: Weak<dyn Home>,
    keys: Slab<KeyRecord>,
    keys_by_text: HashMap<Arc<str>, KeyId>,
    /// The first entry of every cell; the cell itself stands in the entry.
    index: HashTable<EntryId>,
    hasher: DefaultHashBuilder,
    entries: Slab<Entry>,
    records: Slab<Record>,
    recency: Recency,
    /// Buffers handed out since they were last seen free; the held ones are among them.
    watched: Vec<Slot>,
    clock: Stamp,
    resident: u64,
    parked: u64,
    unread: u64,
    reserved: u64,
    reserved_unread: u64,
    overhang: u64,
    detached: u64,
    in_flight: u64,
    reusable: u64,
    /// What the keys with resident buffers are charged.
    bookkeeping: u64,
    pool: Vec<Memory>,
    /// The keys that have unread tiles.
    unread_keys: BTreeSet<KeyId>,
    peak: u64,
    admitted: u64,
    images: Slab<ImageRecord>,
    images_by_name: HashMap<Box<str>, u32>,
    counters: Counters,
    garbage: Garbage,
}

/// What must be dropped outside the lock.
#[derive(Default)]
pub struct Garbage {
    buffers: Vec<Arc<Buffer>>,
    memory: Vec<Memory>,
}

impl Ledger {
    pub fn new(budget: u64, options: Options, home: Weak<dyn Home>) -> Self {
        Self {
            budget,
            options,
            home,
            keys: Slab::new(),
            keys_by_text: HashMap::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            entries: Slab::new(),
            records: Slab::new(),
            recency: Recency::default(),
            watched: Vec::new(),
            clock: 0,
            resident: 0,
            parked: 0,
            unread: 0,
            reserved: 0,
            reserved_unread: 0,
            overhang: 0,
            detached: 0,
            in_flight: 0,
            reusable: 0,
            bookkeeping: 0,
            pool: Vec::new(),
            unread_keys: BTreeSet::new(),
            peak: 0,
            admitted: 0,
            images: Slab::new(),
            images_by_name: HashMap::new(),
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

    /// The key with this text; made if it is new.
    pub fn key(&mut self, text: &str) -> KeyId {
        if let Some(id) = self.keys_by_text.get(text) {
            return *id;
        }
        let text: Arc<str> = text.into();
        let lineage = Lineage::of(&text);
        lineage.settle(&self.home);
        let image = self.image(lineage.image());
        let id = self
            .keys
            .insert(KeyRecord::new(text.clone(), image, lineage)) as KeyId;
        self.images[image as usize].keys.push(id);
        self.keys_by_text.insert(text, id);
        id
    }

    /// The number of an image; made if it is new.
    fn image(&mut self, name: &str) -> u32 {
        if let Some(image) = self.images_by_name.get(name) {
            return *image;
        }
        let image = self.images.insert(ImageRecord::default()) as u32;
        self.images_by_name.insert(name.into(), image);
        image
    }

    /// The key with this text, if it is known.
    pub fn find_key(&self, text: &str) -> Option<KeyId> {
        self.keys_by_text.get(text).copied()
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
        let record = &mut self.keys[key as usize];
        record.providers -= 1;
        if record.providers > 0 {
            return;
        }
        for slot in record.take_unread() {
            self.demote(slot, key);
        }
        if !self.keys[key as usize].is_named() {
            self.remove_entries_of(key);
        }
        self.trim_pool(0);
        self.forget_unused_key(key);
    }

    /// Forgets a key that nothing uses; it may be gone already with what used it last.
    fn forget_unused_key(&mut self, key: KeyId) {
        let unused = |record: &KeyRecord| record.is_unused();
        if self.keys.get(key as usize).is_some_and(unused) {
            let record = self.keys.remove(key as usize);
            self.keys_by_text.remove(record.text());
            let image = &mut self.images[record.image as usize];
            image.keys.retain(|other| *other != key);
            if image.keys.is_empty() {
                self.images.remove(record.image as usize);
                self.images_by_name.remove(record.lineage.image());
            }
            self.unread_keys.remove(&key);
        }
    }

    /// The tile of a cell for a band selection, and the bands that it has: the very ones, or more.
    pub fn find(
        &mut self,
        key: KeyId,
        at: Block,
        bands: &Bands,
        used: bool,
    ) -> Option<(Tile, Bands)> {
        let entry = self.find_entry(key, at, bands)?;
        let (tile, slot, found) = {
            let entry = &self.entries[entry as usize];
            let record = &self.records[entry.slot as usize];
            let form = self.keys[key as usize].form(entry.form);
            let pixels = form.pixels(record.buffer.clone(), entry.offset);
            (Tile::hold(pixels), entry.slot, form.bands.clone())
        };
        self.watch(slot);
        if used {
            self.touch(slot);
        }
        Some((tile, found))
    }

    /// Whether a cell has these very bands or more of them.
    pub fn contains(&self, key: KeyId, at: Block, bands: &Bands) -> bool {
        self.find_entry(key, at, bands).is_some()
    }

    fn find_entry(&self, key: KeyId, at: Block, bands: &Bands) -> Option<EntryId> {
        let record = &self.keys[key as usize];
        let cell = Cell::new(key, at);
        let mut superset = None;
        for id in self.entries_of(&cell) {
            let found = &record.form(self.entries[id as usize].form).bands;
            if found == bands {
                return Some(id);
            }
            if superset.is_none() && record.serves(found, bands) {
                superset = Some(id);
            }
        }
        superset
    }

    fn first_entry_of(&self, cell: &Cell) -> Option<EntryId> {
        let hash = self.hasher.hash_one(cell);
        self.index
            .find(hash, |id| self.entries[*id as usize].cell == *cell)
            .copied()
    }

    fn entries_of(&self, cell: &Cell) -> impl Iterator<Item = EntryId> + '_ {
        let mut next = self.first_entry_of(cell).unwrap_or(NONE);
        std::iter::from_fn(move || {
            let id = next;
            (id != NONE).then(|| {
                next = self.entries[id as usize].next_in_cell;
                id
            })
        })
    }

    /// Makes now the last use of a buffer.
    fn touch(&mut self, slot: Slot) {
        self.clock += 1;
        let stamp = self.clock;
        let record = &mut self.records[slot as usize];
        if let Standing::Resident(place) = record.standing {
            if place == Place::Listed {
                self.recency.refresh(slot);
            } else {
                self.recency.remove(slot, record.stamp, place);
                self.recency.add(slot, stamp, Place::Listed);
                record.standing = Standing::Resident(Place::Listed);
                if place == Place::Unread {
                    self.unread -= record.charge;
                }
                if place == Place::Parked {
                    self.parked -= record.charge;
                    record.buffer.stop_listening();
                }
            }
        }
        record.stamp = stamp;
    }

    fn watch(&mut self, slot: Slot) {
        let record = &mut self.records[slot as usize];
        if record.watch == NONE {
            record.watch = self.watched.len() as u32;
            if self.watched.len() == self.watched.capacity() {
                self.watched.reserve_exact((self.watched.len() / 8).max(16));
            }
            self.watched.push(slot);
        }
    }

    fn unwatch(&mut self, slot: Slot) {
        let at = std::mem::replace(&mut self.records[slot as usize].watch, NONE);
        if at == NONE {
            return;
        }
        self.watched.swap_remove(at as usize);
        if let Some(moved) = self.watched.get(at as usize) {
            self.records[*moved as usize].watch = at;
        }
    }

    /// Counts something for the cache and for a key.
    pub fn count(&mut self, key: KeyId, change: impl Fn(&mut Counters)) {
        change(&mut self.counters);
        change(&mut self.keys[key as usize].counters);
    }

    pub fn statistics(&mut self) -> Statistics {
        let mut held = 0;
        let mut at = 0;
        while let Some(slot) = self.watched.get(at).copied() {
            let record = &self.records[slot as usize];
            if record.buffer.is_pinned() {
                if matches!(record.standing, Standing::Resident(_)) {
                    held += record.charge;
                }
                at += 1;
            } else {
                self.unwatch(slot);
            }
        }
        Statistics {
            budget: self.budget,
            idle: self.resident + self.bookkeeping - held,
            held,
            reusable: self.reusable,
            overhang: self.overhang,
            detached: self.detached,
            in_flight: self.in_flight,
            peak: self.peak,
            entries: self.entries.len() as u64,
            counters: self.counters,
            ..Statistics::default()
        }
    }
}

impl Cell {
    fn new(key: KeyId, at: Block) -> Self {
        Self {
            row: at.row,
            col: at.col,
            key,
            level: at.level,
        }
    }
}
