//! The cache's books: what is resident, who holds it, what it weighs and what goes next.
//!
//! A plain state machine: it takes no lock, runs no caller's code and frees no pixels. Buffers that
//! nobody needs any more are handed out through [`Ledger::take_garbage`], to be dropped outside.

use super::key::{KeyId, KeyRecord, image_of};
use super::recency::{Place, Recency, Slot, Stamp};
use super::{Counters, Options, Statistics};
use crate::error::{Error, Result};
use crate::image::{Bands, Block};
use crate::memory::{Buffer, Home, Memory};
use crate::tile::{Pixels, Tile};
use hashbrown::HashMap;
use slab::Slab;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// The shape, as a number of the key's.
    form: u32,
    /// The band selection, as a number of the key's.
    bands: u32,
    offset: usize,
    slot: Slot,
    next_in_cell: EntryId,
    next_in_buffer: EntryId,
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
    index: HashMap<Cell, EntryId>,
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
    admitted_by_image: HashMap<Box<str>, Weak<AtomicU64>>,
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
            index: HashMap::new(),
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
            admitted_by_image: HashMap::new(),
            counters: Counters::default(),
            garbage: Garbage::default(),
        }
    }

    /// What the last calls left to be dropped.
    pub fn take_garbage(&mut self) -> Garbage {
        std::mem::take(&mut self.garbage)
    }

    pub fn budget(&self) -> u64 {
        self.budget
    }

    // ---- keys ----

    /// The key with this text; made if it is new.
    pub fn key(&mut self, text: &str) -> KeyId {
        if let Some(id) = self.keys_by_text.get(text) {
            return *id;
        }
        let text: Arc<str> = text.into();
        let admitted = self.admitted_by_image(&text);
        let id = self.keys.insert(KeyRecord::new(text.clone(), admitted)) as KeyId;
        self.keys_by_text.insert(text, id);
        id
    }

    /// The count of admitted bytes that all keys of one image share.
    fn admitted_by_image(&mut self, key: &str) -> Arc<AtomicU64> {
        self.admitted_by_image
            .retain(|_, count| count.strong_count() > 0);
        let image = image_of(key);
        if let Some(count) = self.admitted_by_image.get(image).and_then(Weak::upgrade) {
            return count;
        }
        let count = Arc::default();
        self.admitted_by_image
            .insert(image.into(), Arc::downgrade(&count));
        count
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
            self.remove_where(|cell| cell.key == key);
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
            self.unread_keys.remove(&key);
        }
    }

    // ---- look-ups ----

    /// The tile of a cell for a band selection, and the bands that it has: the very ones, or more.
    pub fn find(
        &mut self,
        key: KeyId,
        at: Block,
        bands: &Bands,
        used: bool,
    ) -> Option<(Tile, Bands)> {
        let entry = self.find_entry(key, at, bands)?;
        let (tile, slot) = {
            let entry = &self.entries[entry as usize];
            let record = &self.records[entry.slot as usize];
            let form = self.keys[key as usize].form(entry.form);
            (
                Tile::hold(form.pixels(record.buffer.clone(), entry.offset)),
                entry.slot,
            )
        };
        let found = self.keys[key as usize]
            .bands(self.entries[entry as usize].bands)
            .clone();
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
            let found = record.bands(self.entries[id as usize].bands);
            if found == bands {
                return Some(id);
            }
            if superset.is_none() && record.serves(found, bands) {
                superset = Some(id);
            }
        }
        superset
    }

    fn entries_of(&self, cell: &Cell) -> impl Iterator<Item = EntryId> + '_ {
        let mut next = self.index.get(cell).copied().unwrap_or(NONE);
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

    // ---- room ----

    /// Keeps room for a tile of `bytes` before it is made, and a victim's memory if one was of just
    /// that size. `None`, with nothing evicted, if what is held or guaranteed leaves no room.
    pub fn reserve(&mut self, bytes: usize, class: Class) -> Option<Room> {
        self.demote_outdated();
        let charge = bytes as u64 + ENTRY_BYTES;
        if class == Class::Unread
            && self.unread + self.reserved_unread + charge > self.unread_share()
        {
            return None;
        }
        let recycled = self.make_room(charge, class, bytes)?;
        self.reserved += charge;
        if class == Class::Unread {
            self.reserved_unread += charge;
        }
        Some(Room {
            bytes: charge,
            class,
            recycled: recycled.map(RecycledMemory),
        })
    }

    /// Gives unused room back.
    pub fn cancel(&mut self, room: Room) {
        self.reserved -= room.bytes;
        if room.class == Class::Unread {
            self.reserved_unread -= room.bytes;
        }
        if let Some(RecycledMemory(memory)) = room.recycled {
            self.keep_for_reuse(memory);
        }
    }

    /// The most that unread tiles may take.
    pub fn unread_share(&self) -> u64 {
        (u128::from(self.budget) * u128::from(self.options.unread_percent) / 100) as u64
    }

    fn taken(&self) -> u64 {
        self.resident + self.bookkeeping + self.reserved + self.reusable
    }

    /// Brings what is inside the budget down until `bytes` more fit. Takes the used buffers that
    /// are idle in the order of their last use and, for tiles that were asked for, unread ones when
    /// no other is left. The outer `None`: no room, and nothing evicted.
    fn make_room(&mut self, bytes: u64, class: Class, wanted: usize) -> Option<Option<Memory>> {
        let mut recycled = self.take_from_pool(wanted);
        if self.taken() + bytes <= self.budget {
            return Some(recycled);
        }
        self.trim_pool(0);
        let missing = (self.taken() + bytes).saturating_sub(self.budget);
        let spared = match class {
            Class::Asked => 0,
            Class::Unread => self.unread,
        };
        if missing > self.resident - self.parked - spared {
            self.give_back(recycled);
            return None;
        }
        let mut victims = Vec::new();
        let mut freed = 0;
        while freed < missing {
            let Some(slot) = self.next_victim(class) else {
                victims.iter().for_each(|slot| self.unchoose(*slot));
                self.give_back(recycled);
                return None;
            };
            freed += self.records[slot as usize].charge;
            victims.push(slot);
        }
        for slot in victims {
            let buffer = self.evict(slot);
            match Buffer::into_memory(buffer) {
                Ok(memory) if recycled.is_none() && memory.size() == wanted => {
                    recycled = Some(memory);
                }
                Ok(memory) => self.keep_for_reuse(memory),
                Err(shared) => self.garbage.buffers.push(shared),
            }
        }
        // What was kept for reuse on the way goes before it may cost room.
        let others = self.taken() - self.reusable;
        self.trim_pool(self.budget.saturating_sub(others + bytes));
        Some(recycled)
    }

    fn give_back(&mut self, memory: Option<Memory>) {
        if let Some(memory) = memory {
            self.keep_for_reuse(memory);
        }
    }

    /// The idle buffer that goes next, taken out of the order; held ones on the way are parked.
    fn next_victim(&mut self, class: Class) -> Option<Slot> {
        loop {
            let (slot, place) = match (self.recency.oldest_used(), class) {
                (Some(used), _) => used,
                (None, Class::Asked) => (self.recency.oldest_unread()?, Place::Unread),
                (None, Class::Unread) => return None,
            };
            let record = &mut self.records[slot as usize];
            self.recency.remove(slot, record.stamp, place);
            if record.buffer.listen() {
                record.standing = Standing::Resident(Place::Parked);
                self.recency.add(slot, record.stamp, Place::Parked);
                self.parked += record.charge;
                if place == Place::Unread {
                    self.unread -= record.charge;
                }
            } else {
                record.buffer.stop_listening();
                return Some(slot);
            }
        }
    }

    /// Puts back a victim that need not go after all: it is still older than everything listed.
    fn unchoose(&mut self, slot: Slot) {
        let record = &mut self.records[slot as usize];
        let place = match record.standing {
            Standing::Resident(Place::Unread) => Place::Unread,
            _ => Place::Returned,
        };
        record.standing = Standing::Resident(place);
        self.recency.add(slot, record.stamp, place);
    }

    /// Removes a buffer that is in no order any more, with all entries over it.
    fn evict(&mut self, slot: Slot) -> Arc<Buffer> {
        self.counters.evictions += 1;
        let key = self.records[slot as usize].key;
        self.keys[key as usize].counters.evictions += 1;
        self.leave_budget(slot);
        self.drop_entries(slot);
        self.unwatch(slot);
        let record = self.remove_record(slot);
        record.buffer.move_out(&self.home);
        record.buffer
    }

    fn remove_record(&mut self, slot: Slot) -> Record {
        let record = self.records.remove(slot as usize);
        self.keys[record.key as usize].buffers -= 1;
        self.forget_unused_key(record.key);
        record
    }

    /// Takes a buffer's bytes in, at the place where it stands.
    fn enter_budget(&mut self, slot: Slot) {
        let record = &self.records[slot as usize];
        self.resident += record.charge;
        match record.standing {
            Standing::Resident(Place::Unread) => self.unread += record.charge,
            Standing::Resident(Place::Parked) => self.parked += record.charge,
            _ => (),
        }
        let key = &mut self.keys[record.key as usize];
        key.resident += 1;
        if key.resident == 1 {
            self.bookkeeping += key.bytes();
        }
    }

    /// Undoes [`Ledger::enter_budget`].
    fn leave_budget(&mut self, slot: Slot) {
        let record = &self.records[slot as usize];
        self.resident -= record.charge;
        match record.standing {
            Standing::Resident(Place::Unread) => self.unread -= record.charge,
            Standing::Resident(Place::Parked) => self.parked -= record.charge,
            _ => (),
        }
        let key = &mut self.keys[record.key as usize];
        key.resident -= 1;
        if key.resident == 0 {
            self.bookkeeping -= key.bytes();
        }
    }

    fn keep_for_reuse(&mut self, memory: Memory) {
        let size = memory.size() as u64;
        let fits = self.reusable + size <= self.budget / REUSABLE_DIVISOR
            && self.taken() + size <= self.budget;
        if fits {
            self.reusable += size;
            self.pool.push(memory);
        } else {
            self.garbage.memory.push(memory);
        }
    }

    fn take_from_pool(&mut self, size: usize) -> Option<Memory> {
        let at = self.pool.iter().rposition(|memory| memory.size() == size)?;
        self.reusable -= size as u64;
        Some(self.pool.swap_remove(at))
    }

    fn trim_pool(&mut self, keep: u64) {
        while self.reusable > keep {
            let Some(memory) = self.pool.pop() else { break };
            self.reusable -= memory.size() as u64;
            self.garbage.memory.push(memory);
        }
    }

    // ---- memory in flight ----

    /// Memory of just `size` bytes that was kept for reuse, counted as in flight from now on.
    pub fn start_flight(&mut self, size: usize) -> Option<Memory> {
        let memory = self.take_from_pool(size);
        self.in_flight += size as u64;
        self.note_peak();
        memory
    }

    /// `size` bytes are no longer in flight.
    pub fn end_flight(&mut self, size: usize) {
        self.in_flight -= size as u64;
    }

    /// Takes back memory that served a flight.
    pub fn recycle(&mut self, memory: Memory) {
        self.keep_for_reuse(memory);
    }

    fn note_peak(&mut self) {
        self.peak = self
            .peak
            .max(self.taken() - self.reserved + self.overhang + self.in_flight);
    }

    // ---- entries ----

    /// Enters a tile that a caller of this function holds. With `room` it takes the room that was
    /// kept; without, it stays outside the budget until its last handle is gone. What the cell
    /// already has for these bands stays.
    pub fn insert(
        &mut self,
        key: KeyId,
        at: Block,
        bands: &Bands,
        pixels: &Pixels,
        room: Option<Room>,
        class: Class,
    ) {
        let mut room = room;
        let cell = Cell::new(key, at);
        let taken = self.exact_entry(&cell, bands).is_some();
        let slot = pixels.buffer().slot_in(&self.home);
        if taken {
            room.take().into_iter().for_each(|room| self.cancel(room));
            return;
        }
        match slot {
            Some(slot) => {
                room.take().into_iter().for_each(|room| self.cancel(room));
                self.add_view(slot, cell, bands, pixels, class);
            }
            None => self.add_buffer(cell, bands, pixels, room, class),
        }
        self.note_peak();
    }

    /// Enters one more view of a buffer that is already counted.
    fn add_view(&mut self, slot: Slot, cell: Cell, bands: &Bands, pixels: &Pixels, class: Class) {
        if class == Class::Asked {
            self.touch(slot);
        }
        match self.records[slot as usize].standing {
            Standing::Detached => return,
            Standing::Overhang => self.overhang += ENTRY_BYTES,
            Standing::Resident(place) => {
                if self.make_room(ENTRY_BYTES, Class::Asked, 0).is_none() {
                    return;
                }
                // Making room may have parked this very buffer, which the caller holds.
                let place = match self.records[slot as usize].standing {
                    Standing::Resident(now) => now,
                    _ => place,
                };
                self.resident += ENTRY_BYTES;
                match place {
                    Place::Unread => self.unread += ENTRY_BYTES,
                    Place::Parked => self.parked += ENTRY_BYTES,
                    _ => (),
                }
            }
        }
        self.records[slot as usize].charge += ENTRY_BYTES;
        self.link(slot, cell, bands, pixels);
    }

    fn add_buffer(
        &mut self,
        cell: Cell,
        bands: &Bands,
        pixels: &Pixels,
        room: Option<Room>,
        class: Class,
    ) {
        let charge = pixels.buffer().size() as u64 + ENTRY_BYTES;
        let room = match room {
            Some(room) if room.bytes == charge => {
                self.cancel(room);
                true
            }
            other => {
                other.into_iter().for_each(|room| self.cancel(room));
                self.make_room(charge, class, 0).is_some()
            }
        };
        if !room {
            self.counters.rejected += 1;
            self.keys[cell.key as usize].counters.rejected += 1;
            if class == Class::Unread {
                return;
            }
        }
        self.clock += 1;
        let place = match class {
            Class::Asked => Place::Listed,
            Class::Unread => Place::Unread,
        };
        let slot = self.records.insert(Record {
            buffer: pixels.buffer().clone(),
            charge,
            stamp: self.clock,
            standing: if room {
                Standing::Resident(place)
            } else {
                Standing::Overhang
            },
            first_entry: NONE,
            key: cell.key,
            watch: NONE,
        }) as Slot;
        self.keys[cell.key as usize].buffers += 1;
        pixels.buffer().move_in(slot, self.home.clone());
        if room {
            self.recency.add(slot, self.clock, place);
            self.enter_budget(slot);
            self.admitted += charge;
            self.keys[cell.key as usize]
                .admitted
                .fetch_add(charge, Ordering::Relaxed);
            if class == Class::Unread {
                let (stamp, budget) = (self.clock, self.budget);
                let record = &mut self.keys[cell.key as usize];
                let others = self.admitted - record.admitted.load(Ordering::Relaxed);
                record.note_unread(slot, stamp, cell.level, others + budget);
                self.unread_keys.insert(cell.key);
            }
        } else {
            self.overhang += charge;
            pixels.buffer().listen();
        }
        self.watch(slot);
        self.link(slot, cell, bands, pixels);
        // A key's first buffer brings the charge for the key.
        self.enforce_budget();
    }

    fn link(&mut self, slot: Slot, cell: Cell, bands: &Bands, pixels: &Pixels) {
        let key = &mut self.keys[cell.key as usize];
        key.entries += 1;
        let entry = Entry {
            cell,
            form: key.form_number(pixels),
            bands: key.bands_number(bands),
            offset: pixels.offset(),
            slot,
            next_in_cell: self.index.get(&cell).copied().unwrap_or(NONE),
            next_in_buffer: self.records[slot as usize].first_entry,
        };
        let id = self.entries.insert(entry) as EntryId;
        self.records[slot as usize].first_entry = id;
        self.index.insert(cell, id);
    }

    fn exact_entry(&self, cell: &Cell, bands: &Bands) -> Option<EntryId> {
        let key = &self.keys[cell.key as usize];
        self.entries_of(cell)
            .find(|id| key.bands(self.entries[*id as usize].bands) == bands)
    }

    /// Puts a caller's tile in a cell, in place of what is there for these bands. Refused if the
    /// pixels do not fit the cell.
    pub fn put(&mut self, key: KeyId, at: Block, bands: &Bands, pixels: &Pixels) -> Result<()> {
        let fits = self.check_put(key, at, bands, pixels);
        if fits.is_ok() {
            // The key must outlive its old entry.
            self.keys[key as usize].providers += 1;
            if let Some(old) = self.exact_entry(&Cell::new(key, at), bands) {
                self.remove_entry(old);
            }
            self.insert(key, at, bands, pixels, None, Class::Asked);
            self.keys[key as usize].providers -= 1;
        }
        self.forget_unused_key(key);
        fits
    }

    fn check_put(&self, key: KeyId, at: Block, bands: &Bands, pixels: &Pixels) -> Result<()> {
        self.keys[key as usize].check(at, bands, pixels)?;
        let cell = Cell::new(key, at);
        if let Some(other) = self.entries_of(&cell).next() {
            let entry = &self.entries[other as usize];
            let record = &self.keys[key as usize];
            let form = record.form(entry.form);
            let (shape, new) = (form.layout.shape, pixels.shape());
            if form.layout.dtype != pixels.dtype()
                || (shape.width, shape.height) != (new.width, new.height)
            {
                return Err(Error::argument(format!(
                    "{} x {} pixels of {} put where the key has {} x {} of {}",
                    new.width,
                    new.height,
                    pixels.dtype().name(),
                    shape.width,
                    shape.height,
                    form.layout.dtype.name()
                )));
            }
        }
        Ok(())
    }

    /// Removes the entry for just these bands; says whether there was one.
    pub fn remove(&mut self, key: KeyId, at: Block, bands: &Bands) -> bool {
        let entry = self.exact_entry(&Cell::new(key, at), bands);
        if let Some(entry) = entry {
            self.remove_entry(entry);
        }
        entry.is_some()
    }

    /// Removes everything; what is held lives on, detached.
    pub fn clear(&mut self) {
        self.remove_where(|_| true);
        self.trim_pool(0);
    }

    fn remove_where(&mut self, chosen: impl Fn(&Cell) -> bool) {
        let ids: Vec<EntryId> = self
            .entries
            .iter()
            .filter(|(_, entry)| chosen(&entry.cell))
            .map(|(id, _)| id as EntryId)
            .collect();
        ids.into_iter().for_each(|id| self.remove_entry(id));
    }

    /// Removes one entry; the buffer goes with its last one.
    fn remove_entry(&mut self, id: EntryId) {
        let slot = self.entries[id as usize].slot;
        self.unlink_from_buffer(id);
        self.unlink_from_cell(id);
        let record = &mut self.records[slot as usize];
        record.charge -= ENTRY_BYTES;
        match record.standing {
            Standing::Resident(place) => {
                self.resident -= ENTRY_BYTES;
                match place {
                    Place::Unread => self.unread -= ENTRY_BYTES,
                    Place::Parked => self.parked -= ENTRY_BYTES,
                    _ => (),
                }
            }
            Standing::Overhang | Standing::Detached => self.overhang -= ENTRY_BYTES,
        }
        if record.first_entry == NONE {
            self.detach(slot);
        }
    }

    /// A buffer without entries: freed if idle, else kept on the books until it is released.
    fn detach(&mut self, slot: Slot) {
        let listens = match self.records[slot as usize].standing {
            Standing::Resident(place) => {
                self.leave_budget(slot);
                self.recency
                    .remove(slot, self.records[slot as usize].stamp, place);
                place == Place::Parked
            }
            Standing::Overhang | Standing::Detached => {
                self.overhang -= self.records[slot as usize].charge;
                true
            }
        };
        let record = &mut self.records[slot as usize];
        record.standing = Standing::Detached;
        if !listens {
            record.buffer.listen();
        }
        self.overhang += record.charge;
        self.detached += record.charge;
        if !record.buffer.is_pinned() {
            self.free(slot);
        }
    }

    /// Drops a held buffer from the books whose last handle is gone.
    fn free(&mut self, slot: Slot) {
        self.drop_entries(slot);
        self.unwatch(slot);
        let record = self.remove_record(slot);
        self.overhang -= record.charge;
        if record.standing == Standing::Detached {
            self.detached -= record.charge;
        }
        record.buffer.stop_listening();
        record.buffer.move_out(&self.home);
        match Buffer::into_memory(record.buffer) {
            Ok(memory) => self.keep_for_reuse(memory),
            Err(shared) => self.garbage.buffers.push(shared),
        }
    }

    fn drop_entries(&mut self, slot: Slot) {
        loop {
            let id = self.records[slot as usize].first_entry;
            if id == NONE {
                break;
            }
            self.records[slot as usize].first_entry = self.entries[id as usize].next_in_buffer;
            self.unlink_from_cell(id);
        }
    }

    fn unlink_from_buffer(&mut self, id: EntryId) {
        let Entry {
            slot,
            next_in_buffer,
            ..
        } = self.entries[id as usize];
        let mut at = self.records[slot as usize].first_entry;
        if at == id {
            self.records[slot as usize].first_entry = next_in_buffer;
            return;
        }
        while self.entries[at as usize].next_in_buffer != id {
            at = self.entries[at as usize].next_in_buffer;
        }
        self.entries[at as usize].next_in_buffer = next_in_buffer;
    }

    fn unlink_from_cell(&mut self, id: EntryId) {
        let entry = self.entries.remove(id as usize);
        let first = self.index[&entry.cell];
        if first != id {
            let mut at = first;
            while self.entries[at as usize].next_in_cell != id {
                at = self.entries[at as usize].next_in_cell;
            }
            self.entries[at as usize].next_in_cell = entry.next_in_cell;
        } else if entry.next_in_cell == NONE {
            self.index.remove(&entry.cell);
        } else {
            self.index.insert(entry.cell, entry.next_in_cell);
        }
        self.keys[entry.cell.key as usize].entries -= 1;
        self.forget_unused_key(entry.cell.key);
    }

    // ---- what happens to buffers ----

    /// The last handle of a buffer that was parked or outside the budget is gone.
    pub fn released(&mut self, slot: Slot) {
        let Some(record) = self.records.get_mut(slot as usize) else {
            return;
        };
        if record.buffer.is_pinned() {
            return;
        }
        match record.standing {
            Standing::Resident(Place::Parked) => {
                record.buffer.stop_listening();
                record.standing = Standing::Resident(Place::Returned);
                self.parked -= record.charge;
                self.recency.remove(slot, record.stamp, Place::Parked);
                self.recency.add(slot, record.stamp, Place::Returned);
            }
            Standing::Resident(_) => (),
            Standing::Overhang | Standing::Detached => self.free(slot),
        }
    }

    /// An unread buffer becomes ordinary; never used, it is the first to go.
    fn demote(&mut self, slot: Slot, key: KeyId) {
        let Some(record) = self.records.get_mut(slot as usize) else {
            return;
        };
        if record.key == key && record.standing == Standing::Resident(Place::Unread) {
            record.standing = Standing::Resident(Place::Returned);
            self.unread -= record.charge;
            self.recency.remove(slot, record.stamp, Place::Unread);
            self.recency.add(slot, record.stamp, Place::Returned);
        }
    }

    /// Makes unread tiles ordinary whose provider has served a whole level since, or since whose
    /// making other images have admitted a whole budget.
    fn demote_outdated(&mut self) {
        if self.unread == 0 {
            return;
        }
        let mut outdated = Vec::new();
        for id in &self.unread_keys {
            let key = &mut self.keys[*id as usize];
            let others = self.admitted - key.admitted.load(Ordering::Relaxed);
            let left = DEMOTIONS_PER_CALL - outdated.len();
            let found = key.take_outdated(others, left);
            outdated.extend(found.into_iter().map(|(slot, stamp)| (slot, stamp, *id)));
        }
        for (slot, stamp, key) in outdated {
            if self
                .records
                .get(slot as usize)
                .is_some_and(|record| record.stamp == stamp)
            {
                self.demote(slot, key);
            }
            if !self.keys[key as usize].has_unread() {
                self.unread_keys.remove(&key);
            }
        }
    }

    // ---- the whole ----

    /// Changes the budget. Shrinking evicts at once; held buffers beyond the new budget go outside.
    pub fn set_budget(&mut self, budget: u64) {
        self.budget = budget;
        self.trim_pool(0);
        self.enforce_budget();
    }

    fn enforce_budget(&mut self) {
        while self.taken() > self.budget {
            if self.reusable > 0 {
                self.trim_pool(0);
            } else if let Some(slot) = self.next_victim(Class::Asked) {
                let buffer = self.evict(slot);
                self.garbage.buffers.push(buffer);
            } else if let Some(slot) = self.recency.oldest_parked() {
                self.push_out(slot);
            } else {
                break;
            }
        }
    }

    /// A held buffer goes outside the budget, findable until its last handle is gone.
    fn push_out(&mut self, slot: Slot) {
        self.leave_budget(slot);
        let record = &mut self.records[slot as usize];
        self.recency.remove(slot, record.stamp, Place::Parked);
        record.standing = Standing::Overhang;
        self.overhang += record.charge;
        if !record.buffer.is_pinned() {
            self.free(slot);
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
