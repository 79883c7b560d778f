//! Entries: what the cells of a key hold, as views of buffers.

use super::{Cell, Class, ENTRY_BYTES, Entry, EntryId, Ledger, NONE, Record, Room, Standing};
use crate::cache::key::KeyId;
use crate::cache::lineage::tick;
use crate::cache::recency::{Place, Slot};
use crate::error::{Error, Result};
use crate::image::{Bands, Block};
use crate::memory::Buffer;
use crate::tile::Pixels;
use slab::Slab;
use std::hash::BuildHasher;

impl Ledger {
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
    pub(super) fn add_view(
        &mut self,
        slot: Slot,
        cell: Cell,
        bands: &Bands,
        pixels: &Pixels,
        class: Class,
    ) {
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

    pub(super) fn add_buffer(
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
        grow_gently(&mut self.records);
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
            let image = self.keys[cell.key as usize].image;
            self.images[image as usize].admitted += charge;
            if class == Class::Unread {
                let (stamp, budget) = (self.clock, self.budget);
                let record = &mut self.keys[cell.key as usize];
                let others = self.admitted - self.images[image as usize].admitted;
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

    pub(super) fn link(&mut self, slot: Slot, cell: Cell, bands: &Bands, pixels: &Pixels) {
        let key = &mut self.keys[cell.key as usize];
        key.entries += 1;
        let entry = Entry {
            cell,
            form: key.form_number(pixels, bands),
            offset: pixels.offset(),
            slot,
            next_in_cell: NONE,
            next_in_buffer: self.records[slot as usize].first_entry,
            next_in_key: key.first_entry,
            previous_in_key: NONE,
        };
        grow_gently(&mut self.entries);
        let id = self.entries.insert(entry) as EntryId;
        self.records[slot as usize].first_entry = id;
        self.put_first_in_key(cell.key, id);
        let hash = self.hasher.hash_one(cell);
        match self
            .index
            .find_mut(hash, |id| self.entries[*id as usize].cell == cell)
        {
            Some(first) => {
                self.entries[id as usize].next_in_cell = std::mem::replace(first, id);
            }
            None => {
                let rehash = |id: &EntryId| self.hasher.hash_one(self.entries[*id as usize].cell);
                self.index.insert_unique(hash, id, rehash);
            }
        }
    }

    pub(super) fn exact_entry(&self, cell: &Cell, bands: &Bands) -> Option<EntryId> {
        let key = &self.keys[cell.key as usize];
        self.entries_of(cell)
            .find(|id| key.form(self.entries[*id as usize].form).bands == *bands)
    }

    /// Puts a caller's tile in a cell, in place of what is there for these bands. Refused if the
    /// pixels do not fit the cell.
    pub fn put(&mut self, key: KeyId, at: Block, bands: &Bands, pixels: &Pixels) -> Result<()> {
        let fits = self.check_put(key, at, bands, pixels);
        if fits.is_ok() {
            // The key must outlive its old entry.
            self.keys[key as usize].providers += 1;
            self.keys[key as usize].last_put = tick();
            if let Some(old) = self.exact_entry(&Cell::new(key, at), bands) {
                self.remove_entry(old);
            }
            self.insert(key, at, bands, pixels, None, Class::Asked);
            self.keys[key as usize].providers -= 1;
        }
        self.forget_unused_key(key);
        fits
    }

    pub(super) fn check_put(
        &self,
        key: KeyId,
        at: Block,
        bands: &Bands,
        pixels: &Pixels,
    ) -> Result<()> {
        self.keys[key as usize].check(at, bands, &pixels.layout())?;
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
        let keys: Vec<KeyId> = self.keys.iter().map(|(key, _)| key as KeyId).collect();
        keys.into_iter().for_each(|key| self.remove_entries_of(key));
        self.trim_pool(0);
    }

    /// The pixels of an image have changed: removes its tiles, of whatever key.
    pub fn invalidate(&mut self, image: &str) {
        let Some(image) = self.images_by_name.get(image) else {
            return;
        };
        let keys = self.images[*image as usize].keys.clone();
        keys.into_iter().for_each(|key| self.remove_entries_of(key));
    }

    /// Removes all entries of a key, in time proportional to their number. The key may go with them.
    pub(super) fn remove_entries_of(&mut self, key: KeyId) {
        let mut next = self.keys[key as usize].first_entry;
        while next != NONE {
            let id = next;
            next = self.entries[id as usize].next_in_key;
            self.remove_entry(id);
        }
    }

    /// A provider has just fixed what the image of a key is: removes what was put there before and
    /// does not fit.
    pub fn remove_misfits(&mut self, key: KeyId) {
        let mut next = self.keys[key as usize].first_entry;
        while next != NONE {
            let id = next;
            let entry = &self.entries[id as usize];
            next = entry.next_in_key;
            let record = &self.keys[key as usize];
            let form = record.form(entry.form);
            let at = Block::new(entry.cell.level, entry.cell.row, entry.cell.col);
            let is_normal = record.normal(&form.bands) == form.bands;
            if !is_normal || record.check(at, &form.bands, &form.layout).is_err() {
                self.remove_entry(id);
            }
        }
    }

    /// Removes one entry; the buffer goes with its last one.
    pub(super) fn remove_entry(&mut self, id: EntryId) {
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
    pub(super) fn detach(&mut self, slot: Slot) {
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
    pub(super) fn free(&mut self, slot: Slot) {
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

    pub(super) fn drop_entries(&mut self, slot: Slot) {
        loop {
            let id = self.records[slot as usize].first_entry;
            if id == NONE {
                break;
            }
            self.records[slot as usize].first_entry = self.entries[id as usize].next_in_buffer;
            self.unlink_from_cell(id);
        }
    }

    fn put_first_in_key(&mut self, key: KeyId, id: EntryId) {
        let second = std::mem::replace(&mut self.keys[key as usize].first_entry, id);
        if second != NONE {
            self.entries[second as usize].previous_in_key = id;
        }
    }

    fn unlink_from_key(&mut self, id: EntryId) {
        let entry = &self.entries[id as usize];
        let (key, previous, next) = (entry.cell.key, entry.previous_in_key, entry.next_in_key);
        match previous {
            NONE => self.keys[key as usize].first_entry = next,
            previous => self.entries[previous as usize].next_in_key = next,
        }
        if next != NONE {
            self.entries[next as usize].previous_in_key = previous;
        }
    }

    pub(super) fn unlink_from_buffer(&mut self, id: EntryId) {
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

    pub(super) fn unlink_from_cell(&mut self, id: EntryId) {
        let Entry {
            cell, next_in_cell, ..
        } = self.entries[id as usize];
        let hash = self.hasher.hash_one(cell);
        let first = self
            .index
            .find_entry(hash, |id| self.entries[*id as usize].cell == cell);
        if let Ok(mut first) = first {
            match (*first.get() == id, next_in_cell) {
                (true, NONE) => drop(first.remove()),
                (true, next) => *first.get_mut() = next,
                (false, next) => {
                    let mut at = *first.get();
                    while self.entries[at as usize].next_in_cell != id {
                        at = self.entries[at as usize].next_in_cell;
                    }
                    self.entries[at as usize].next_in_cell = next;
                }
            }
        }
        self.unlink_from_key(id);
        let entry = self.entries.remove(id as usize);
        self.keys[entry.cell.key as usize].entries -= 1;
        self.forget_unused_key(entry.cell.key);
    }
}

/// Makes room for one more by an eighth, not by doubling: what an entry costs is bounded.
fn grow_gently<T>(slab: &mut Slab<T>) {
    if slab.len() == slab.capacity() {
        slab.reserve_exact((slab.len() / 8).max(16));
    }
}
