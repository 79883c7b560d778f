//! Where tiles are looked up, apart from the books: a table in shards, each with a lock that hits share
//! and hold for a few instructions.
//!
//! Only who holds the ledger's lock adds and removes entries, so under it the index stands still. A
//! hit takes its handle under the lock of the shard, and a buffer leaves the index only while nobody
//! has a handle: so eviction and hits cannot pass each other by. Hits do not shut each other out: where
//! there are more threads than processors, one that has to leave its processor in the middle of a hit
//! would else stop all others.

use super::key::KeyId;
use super::recency::{Slot, reserve_gently};
use super::stamp;
use crate::image::{Bands, Block};
use crate::memory::Buffer;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::{Hashing, Mutex, RwLock, RwLockWriteGuard};
use crate::tile::{Form, Pixels, Tile};
use hashbrown::HashTable;
use slab::Slab;
use smallvec::SmallVec;
use std::hash::BuildHasher;
use std::sync::Arc;

/// A power of two, and as many as there are bits in the set of [`Index::hide_unheld`].
const SHARDS: usize = 64;
const SHARD_BITS: u32 = SHARDS.trailing_zeros();

/// The number of an entry: its shard in the low bits.
pub type EntryId = u32;

pub const NONE: u32 = u32::MAX;

/// A place in the cache: a block of the image known by a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell {
    row: u64,
    col: u64,
    pub key: KeyId,
    pub level: u32,
}

impl Cell {
    pub fn new(key: KeyId, at: Block) -> Self {
        Self {
            row: at.row,
            col: at.col,
            key,
            level: at.level,
        }
    }

    pub fn block(&self) -> Block {
        Block::new(self.level, self.row, self.col)
    }
}

/// What a cell holds for one band selection: a view of a buffer.
pub struct Entry {
    pub cell: Cell,
    pub buffer: Arc<Buffer>,
    /// The shape and the bands.
    pub form: Arc<Form>,
    pub offset: usize,
    /// The number of the buffer in the books.
    pub slot: Slot,
    pub next_in_buffer: EntryId,
    pub next_in_key: EntryId,
    pub previous_in_key: EntryId,
    /// The next of the same cell, which is of the same shard.
    next_in_cell: u32,
    /// Made ahead of its first use.
    pub is_unread: AtomicBool,
    /// Outside the budget.
    pub is_outside: bool,
    /// Put by a caller, not loaded.
    pub is_put: bool,
}

impl Entry {
    /// An entry that is not linked to others yet.
    pub fn new(
        cell: Cell,
        buffer: Arc<Buffer>,
        form: Arc<Form>,
        offset: usize,
        slot: Slot,
    ) -> Self {
        Self {
            cell,
            buffer,
            form,
            offset,
            slot,
            next_in_buffer: NONE,
            next_in_key: NONE,
            previous_in_key: NONE,
            next_in_cell: NONE,
            is_unread: AtomicBool::new(false),
            is_outside: false,
            is_put: false,
        }
    }

    /// A handle to its pixels.
    fn hold(&self) -> Tile {
        let (buffer, form) = (self.buffer.clone(), self.form.clone());
        Tile::hold(Pixels::of_form(buffer, self.offset, form))
    }
}

/// An entry of a cell beside others, as a tile with its bands.
pub struct Neighbour {
    pub id: EntryId,
    pub tile: Tile,
    pub bands: Bands,
    pub is_put: bool,
}

/// What a look-up is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A use that counts as a hit.
    Get,
    /// A hit that is no use.
    Read,
    /// A use that is not counted.
    Touch,
    /// Neither.
    Peek,
}

/// What a look-up finds.
pub struct Found {
    pub tile: Tile,
    /// The bands that the tile has, where they are more than those asked for.
    pub has: Option<Bands>,
    /// The buffer in the books, if this was the first get of what was made ahead of it.
    pub first_get: Option<Slot>,
    /// Whether it is outside the budget.
    pub is_outside: bool,
}

impl Found {
    /// A tile of just the bands asked for that was found before.
    pub fn leased(tile: Tile) -> Self {
        Self {
            tile,
            has: None,
            first_get: None,
            is_outside: false,
        }
    }

    /// Whether it may be held for longer than callers hold it: neither what would live outside the
    /// budget for it, nor a caller's memory, nor what another cache would count as held.
    pub fn may_be_leased(&self) -> bool {
        let buffer = self.tile.buffer();
        self.has.is_none() && !self.is_outside && !buffer.is_foreign() && !buffer.is_shared()
    }
}

/// How many keys have their hits counted beside the lock, in the same line of the processor's caches.
const NEAR_KEYS: usize = 6;

/// The entries of some cells. What a hit writes lies beside the lock: a line of the processor's caches
/// that is on its way from one core to another anyway.
#[repr(C)]
#[derive(Default)]
struct Table {
    /// Hits of the first keys.
    near_hits: [AtomicU64; NEAR_KEYS],
    /// Hits of all others that ever were, so that the sum over all keys costs the same however many there
    /// are.
    all_far_hits: AtomicU64,
    /// Those of the others, without the multiples of 2^32; there is one for each key that has an entry
    /// here.
    far_hits: Vec<AtomicU32>,
    /// A key for each time that its hits among those have reached 2^32. Behind the lock for whoever wants
    /// the sum, so that none is on its way.
    laps: Mutex<Vec<KeyId>>,
    /// Those of first keys that are no more.
    past_near_hits: u64,
    /// The first entry of every cell; the cell itself stands in the entry.
    first: HashTable<u32>,
    entries: Slab<Entry>,
    /// One bit for each entry: handed out since it was last seen free. The held ones are among them.
    handed: Vec<AtomicU64>,
    /// One bit for each word of those that may not be 0.
    handed_words: Vec<AtomicU64>,
}

/// Shards lie apart, so that the lock of one does not slow down its neighbours.
#[repr(align(128))]
#[derive(Default)]
struct Shard(RwLock<Table>);

/// All entries of a cache.
pub struct Index {
    shards: Box<[Shard]>,
    hasher: Hashing,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: Hashing::default(),
        }
    }
}

impl Index {
    /// What the index itself takes for each key.
    pub const KEY_BYTES: usize = SHARDS * size_of::<u32>();

    /// The tile of a cell with these bands, of an image with `all` bands, or with more of them.
    pub fn find(&self, cell: &Cell, bands: &Bands, all: Option<u32>, look: Look) -> Option<Found> {
        let hash = self.hasher.hash_one(cell);
        let stamp = match look {
            Look::Get | Look::Touch => Some(stamp::used()),
            Look::Read | Look::Peek => None,
        };
        let table = self.shard(hash).read();
        let (id, is_exact) = table.find(hash, cell, bands, all)?;
        table.hand_out(id);
        if matches!(look, Look::Get | Look::Read) {
            table.count_hits(cell.key, 1);
        }
        let entry = &table.entries[id as usize];
        if let Some(stamp) = stamp.filter(|stamp| entry.buffer.last_use() < *stamp) {
            entry.buffer.raise_last_use(stamp);
        }
        // Read in passing, it is no longer unread, but is not used either.
        let is_first = look != Look::Peek
            && entry.is_unread.load(Ordering::Relaxed)
            && entry.is_unread.swap(false, Ordering::Relaxed);
        Some(Found {
            tile: entry.hold(),
            has: (!is_exact).then(|| entry.form.bands.clone()),
            first_get: is_first.then_some(entry.slot),
            is_outside: entry.is_outside,
        })
    }

    /// Whether a cell has these very bands or more of them.
    pub fn contains(&self, cell: &Cell, bands: &Bands, all: Option<u32>) -> bool {
        let hash = self.hasher.hash_one(cell);
        let table = self.shard(hash).read();
        table.find(hash, cell, bands, all).is_some()
    }

    /// The entry of a cell for just these bands.
    pub fn exact(&self, cell: &Cell, bands: &Bands) -> Option<EntryId> {
        let hash = self.hasher.hash_one(cell);
        let table = self.shard(hash).read();
        let (id, is_exact) = table.find(hash, cell, bands, None)?;
        is_exact.then_some(id << SHARD_BITS | shard_of(hash) as u32)
    }

    /// The entries of a cell that have some of these bands; not a use.
    pub fn meeting(&self, cell: &Cell, bands: &Bands) -> SmallVec<[Neighbour; 1]> {
        let hash = self.hasher.hash_one(cell);
        let table = self.shard(hash).read();
        let mut met = SmallVec::new();
        let mut next = table.first_of(hash, cell).unwrap_or(NONE);
        while next != NONE {
            let entry = &table.entries[next as usize];
            if entry.form.bands.meet(bands) {
                table.hand_out(next);
                met.push(Neighbour {
                    id: next << SHARD_BITS | shard_of(hash) as u32,
                    tile: entry.hold(),
                    bands: entry.form.bands.clone(),
                    is_put: entry.is_put,
                });
            }
            next = entry.next_in_cell;
        }
        met
    }

    /// The entries of a cell.
    pub fn entries_of(&self, cell: &Cell) -> SmallVec<[EntryId; 1]> {
        let hash = self.hasher.hash_one(cell);
        let table = self.shard(hash).read();
        let first = table.first_of(hash, cell);
        let after = |id: &u32| table.entries[*id as usize].next_in_cell;
        std::iter::successors(first, |id| Some(after(id)).filter(|next| *next != NONE))
            .map(|id| id << SHARD_BITS | shard_of(hash) as u32)
            .collect()
    }

    /// What some entry of a cell looks like.
    pub fn form(&self, cell: &Cell) -> Option<Arc<Form>> {
        let hash = self.hasher.hash_one(cell);
        let table = self.shard(hash).read();
        let first = table.first_of(hash, cell)?;
        Some(table.entries[first as usize].form.clone())
    }

    /// Works on one entry. `work` takes no lock.
    pub fn edit<R>(&self, id: EntryId, work: impl FnOnce(&mut Entry) -> R) -> R {
        let mut table = self.shards[id as usize % SHARDS].0.write();
        work(&mut table.entries[(id >> SHARD_BITS) as usize])
    }

    /// Adds an entry whose buffer somebody holds.
    pub fn insert(&self, entry: Entry) -> EntryId {
        let hash = self.hasher.hash_one(entry.cell);
        let id = self.shard(hash).write().insert(&self.hasher, hash, entry);
        id << SHARD_BITS | shard_of(hash) as u32
    }

    /// Lets nobody find an entry any more.
    pub fn hide(&self, id: EntryId) {
        let mut table = self.shards[id as usize % SHARDS].0.write();
        table.hide(&self.hasher, id >> SHARD_BITS);
    }

    /// Lets nobody find the entries of a buffer any more, the first of which is `first`, and returns
    /// them all; none if somebody holds the buffer.
    pub fn hide_unheld(&self, first: EntryId, buffer: &Buffer) -> Option<SmallVec<[EntryId; 1]>> {
        let mut ids = SmallVec::<[EntryId; 1]>::new();
        let mut shards = 0u64;
        let mut next = first;
        while next != NONE {
            ids.push(next);
            shards |= 1 << (next as usize % SHARDS);
            next = self.edit(next, |entry| entry.next_in_buffer);
        }
        let mut tables: SmallVec<[(usize, RwLockWriteGuard<'_, Table>); 1]> = (0..SHARDS)
            .filter(|shard| shards >> shard & 1 == 1)
            .map(|shard| (shard, self.shards[shard].0.write()))
            .collect();
        if buffer.is_pinned() {
            return None;
        }
        for id in &ids {
            let shard = *id as usize % SHARDS;
            if let Some((_, table)) = tables.iter_mut().find(|(other, _)| *other == shard) {
                table.hide(&self.hasher, id >> SHARD_BITS);
            }
        }
        Some(ids)
    }

    /// Takes out an entry that nobody can find any more.
    pub fn remove(&self, id: EntryId) -> Entry {
        let mut table = self.shards[id as usize % SHARDS].0.write();
        table.entries.remove((id >> SHARD_BITS) as usize)
    }

    /// An entry was or is handed out by other ways than [`Index::find`].
    pub fn hand_out(&self, id: EntryId) {
        let table = self.shards[id as usize % SHARDS].0.read();
        table.hand_out(id >> SHARD_BITS);
    }

    /// Looks at all entries that may be held, until they are seen free.
    pub fn for_each_held(&self, mut work: impl FnMut(&Entry)) {
        for shard in &self.shards {
            shard.0.write().for_each_held(&mut work);
        }
    }

    /// Counts hits of tiles that were got elsewhere, in a shard of the caller's choice.
    pub fn count_hits(&self, shard: usize, key: KeyId, hits: u64) {
        let shard = &self.shards[shard % SHARDS].0;
        if !shard.read().has_counter(key) {
            shard.write().make_counter(key);
        }
        shard.read().count_hits(key, hits);
    }

    /// Hits under a key.
    pub fn hits(&self, key: KeyId) -> u64 {
        self.shards
            .iter()
            .map(|shard| shard.0.write().hits_of(key))
            .sum()
    }

    /// Hits under all keys that ever were.
    pub fn all_hits(&self) -> u64 {
        self.shards
            .iter()
            .map(|shard| shard.0.write().all_hits())
            .sum()
    }

    /// Forgets the hits of a key whose number may be used again.
    pub fn forget_key(&self, key: KeyId) {
        for shard in &self.shards {
            shard.0.write().forget_hits(key);
        }
    }

    fn shard(&self, hash: u64) -> &RwLock<Table> {
        &self.shards[shard_of(hash)].0
    }
}

/// Bits of the hash that choose neither the bucket nor its tag.
fn shard_of(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}

/// Calls `is_done` with the number of each bit that is set, and clears those for which it says so.
fn clear_bits(word: &mut u64, mut is_done: impl FnMut(usize) -> bool) {
    let mut left = *word;
    while left != 0 {
        let bit = left.trailing_zeros();
        left &= left - 1;
        if is_done(bit as usize) {
            *word &= !(1 << bit);
        }
    }
}

impl Table {
    fn first_of(&self, hash: u64, cell: &Cell) -> Option<u32> {
        self.first
            .find(hash, |id| self.entries[*id as usize].cell == *cell)
            .copied()
    }

    /// The entry for these bands, or else one with more; says which.
    fn find(&self, hash: u64, cell: &Cell, bands: &Bands, all: Option<u32>) -> Option<(u32, bool)> {
        let mut next = self.first_of(hash, cell)?;
        let mut superset = None;
        while next != NONE {
            let entry = &self.entries[next as usize];
            if entry.form.bands == *bands {
                return Some((next, true));
            }
            if superset.is_none() && entry.form.bands.serve(bands, all) {
                superset = Some((next, false));
            }
            next = entry.next_in_cell;
        }
        superset
    }

    fn hand_out(&self, id: u32) {
        let (word, bit) = (&self.handed[id as usize / 64], 1 << (id % 64));
        // Most tiles of a warm cache were handed out before, and then nothing is written.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
            let at = id / 64;
            self.handed_words[at as usize / 64].fetch_or(1 << (at % 64), Ordering::Relaxed);
        }
    }

    /// Looks at the entries that may be held, in time in proportion to what was handed out.
    fn for_each_held(&mut self, work: &mut impl FnMut(&Entry)) {
        let Self {
            entries,
            handed,
            handed_words,
            ..
        } = self;
        for (at, words) in handed_words.iter_mut().enumerate() {
            clear_bits(words.get_mut(), |bit| {
                let at = at * 64 + bit;
                let word = handed[at].get_mut();
                clear_bits(word, |bit| {
                    let entry = entries.get(at * 64 + bit);
                    let held = entry.filter(|entry| entry.buffer.is_pinned());
                    held.inspect(|entry| work(entry)).is_none()
                });
                *word == 0
            });
        }
    }

    fn has_counter(&self, key: KeyId) -> bool {
        (key as usize) < NEAR_KEYS + self.far_hits.len()
    }

    fn make_counter(&mut self, key: KeyId) {
        let counters = (key as usize + 1).saturating_sub(NEAR_KEYS);
        if self.far_hits.len() < counters {
            reserve_gently(&mut self.far_hits, counters);
            self.far_hits.resize_with(counters, AtomicU32::default);
        }
    }

    fn count_hits(&self, key: KeyId, more: u64) {
        let at = key as usize;
        if let Some(hits) = self.near_hits.get(at) {
            hits.fetch_add(more, Ordering::Relaxed);
        } else if let Some(hits) = self.far_hits.get(at - NEAR_KEYS) {
            self.all_far_hits.fetch_add(more, Ordering::Relaxed);
            let before = hits.fetch_add(more as u32, Ordering::Relaxed);
            for _ in 0..(u64::from(before) + more) >> u32::BITS {
                self.laps.lock().push(key);
            }
        }
    }

    fn hits_of(&mut self, key: KeyId) -> u64 {
        let at = key as usize;
        if let Some(hits) = self.near_hits.get_mut(at) {
            return *hits.get_mut();
        }
        let laps = self
            .laps
            .get_mut()
            .iter()
            .filter(|lap| **lap == key)
            .count();
        let hits = self.far_hits.get_mut(at - NEAR_KEYS);
        ((laps as u64) << u32::BITS) + hits.map_or(0, |hits| u64::from(*hits.get_mut()))
    }

    /// Hits of all keys that ever were.
    fn all_hits(&mut self) -> u64 {
        let near = self.near_hits.iter_mut().map(|hits| *hits.get_mut());
        self.past_near_hits + near.sum::<u64>() + *self.all_far_hits.get_mut()
    }

    fn forget_hits(&mut self, key: KeyId) {
        let at = key as usize;
        if let Some(hits) = self.near_hits.get_mut(at) {
            self.past_near_hits += std::mem::take(hits.get_mut());
        } else if let Some(hits) = self.far_hits.get_mut(at - NEAR_KEYS) {
            *hits.get_mut() = 0;
            self.laps.get_mut().retain(|lap| *lap != key);
        }
    }

    fn insert(&mut self, hasher: &Hashing, hash: u64, entry: Entry) -> u32 {
        self.make_counter(entry.cell.key);
        if self.entries.len() == self.entries.capacity() {
            // Not by doubling: what an entry costs is bounded.
            let more = (self.entries.len() / 8).max(1);
            self.entries.reserve_exact(more);
        }
        let cell = entry.cell;
        let id = self.entries.insert(entry) as u32;
        if self.handed.len() <= id as usize / 64 {
            self.handed.reserve_exact(1);
            if self.handed.len().is_multiple_of(64) {
                self.handed_words.reserve_exact(1);
                self.handed_words.push(AtomicU64::new(0));
            }
            self.handed.push(AtomicU64::new(0));
        }
        self.hand_out(id);
        let entries = &mut self.entries;
        match self
            .first
            .find_mut(hash, |id| entries[*id as usize].cell == cell)
        {
            Some(first) => entries[id as usize].next_in_cell = std::mem::replace(first, id),
            None => {
                let rehash = |id: &u32| hasher.hash_one(entries[*id as usize].cell);
                self.first.insert_unique(hash, id, rehash);
            }
        }
        id
    }

    fn hide(&mut self, hasher: &Hashing, id: u32) {
        let Entry {
            cell, next_in_cell, ..
        } = self.entries[id as usize];
        let entries = &mut self.entries;
        let first = self.first.find_entry(hasher.hash_one(cell), |other| {
            entries[*other as usize].cell == cell
        });
        let Ok(mut first) = first else { return };
        match (*first.get() == id, next_in_cell) {
            (true, NONE) => drop(first.remove()),
            (true, next) => *first.get_mut() = next,
            (false, next) => {
                let mut at = *first.get() as usize;
                while entries[at].next_in_cell != id {
                    at = entries[at].next_in_cell as usize;
                }
                entries[at].next_in_cell = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::key::KeyRecord;
    use crate::cache::lineage::Lineage;
    use crate::cache::recency::COMMON;
    use crate::dtype::DType;
    use crate::layout::{Layout, Shape};
    use crate::memory::{Canvas, Memory};
    use crate::tile::Pixels;

    fn tile() -> Tile {
        let shape = Shape {
            width: 8,
            height: 8,
            bands: 1,
        };
        let layout = Layout::packed(shape, DType::U8).unwrap();
        Tile::from_canvas(Canvas::new(Memory::zeroed(64).unwrap(), layout))
    }

    #[test]
    fn of_many_entries_those_that_are_held_are_seen_until_they_are_free() {
        const ENTRIES: u64 = 9000;
        let is_kept = |row: u64| row % 1000 == 17;
        let (index, hasher) = (Index::default(), Hashing::default());
        let mut table = index.shards[0].0.write();
        let mut record = KeyRecord::new("key".into(), 0, Lineage::of("key"), COMMON);
        let mut kept = Vec::new();
        for row in 0..ENTRIES {
            let tile = tile();
            let cell = Cell::new(0, Block::new(0, row, 0));
            let form = record.forms.of(&tile, &Bands::ALL);
            let entry = Entry::new(cell, tile.buffer().clone(), form, 0, row as Slot);
            table.insert(&hasher, hasher.hash_one(cell), entry);
            kept.extend(is_kept(row).then_some(tile));
        }
        let seen = |table: &mut Table| {
            let mut rows = Vec::new();
            table.for_each_held(&mut |entry| rows.push(entry.cell.row));
            rows
        };
        let held: Vec<u64> = (0..ENTRIES).filter(|row| is_kept(*row)).collect();
        assert_eq!(seen(&mut table), held);
        let set = |words: &mut Vec<AtomicU64>| {
            let ones = words.iter_mut().map(|word| word.get_mut().count_ones());
            ones.sum::<u32>()
        };
        assert_eq!(set(&mut table.handed), 9);
        assert_eq!(set(&mut table.handed_words), 9);
        drop(kept.remove(3));
        assert_eq!(seen(&mut table), [&held[..3], &held[4..]].concat());
        kept.clear();
        assert!(seen(&mut table).is_empty());
        assert_eq!(set(&mut table.handed_words), 0);
        let again = Tile::hold(Pixels::new(
            table.entries[8017].buffer.clone(),
            record.forms.of(&tile(), &Bands::ALL).layout,
        ));
        table.hand_out(8017);
        assert_eq!(seen(&mut table), [8017]);
        drop(again);
    }

    #[test]
    fn hits_of_many_keys_are_counted_beyond_what_a_counter_holds() {
        let index = Index::default();
        let (near, far) = (0, NEAR_KEYS as KeyId + 3);
        for key in [near, far] {
            for hits in [1, u64::from(u32::MAX), 5, 3 << 32] {
                index.count_hits(7, key, hits);
                index.count_hits(9, key, 1);
            }
        }
        let each = (4 << 32) + 5 + 4;
        assert_eq!([near, far].map(|key| index.hits(key)), [each; 2]);
        assert_eq!(index.hits(far - 1), 0);
        assert_eq!(index.all_hits(), 2 * each);
        index.forget_key(far);
        index.forget_key(near);
        assert_eq!([near, far].map(|key| index.hits(key)), [0; 2]);
        assert_eq!(index.all_hits(), 2 * each);
    }
}
