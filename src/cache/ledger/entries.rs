//! Entries: what the cells of a key hold, as views of buffers.

use super::{Class, ENTRY_BYTES, Ledger, Record, Room, Standing};
use crate::cache::index::{Cell, Entry, EntryId, NONE};
use crate::cache::key::KeyId;
use crate::cache::lineage::tick;
use crate::cache::recency::{Place, Slot};
use crate::cache::stamp;
use crate::error::{Error, Result};
use crate::image::{Bands, Block};
use crate::memory::Buffer;
use crate::tile::Pixels;
use slab::Slab;

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
        let taken = self.index.exact(&cell, bands).is_some();
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
        let buffer = pixels.buffer();
        if class == Class::Asked {
            buffer.set_last_use(stamp::used());
            self.first_get(slot, buffer);
        }
        let owner = self.records[slot as usize].key;
        match self.records[slot as usize].standing {
            Standing::Detached => return,
            Standing::Overhang => self.weigh(owner, |bytes| bytes.overhang += ENTRY_BYTES),
            Standing::Resident(_) => {
                let group = self.group(slot);
                if self.make_room(group, ENTRY_BYTES, Class::Asked).is_none() {
                    return;
                }
                self.weigh(owner, |bytes| bytes.resident += ENTRY_BYTES);
                // Making room may have parked this very buffer, which the caller holds.
                if let Standing::Resident(place) = self.records[slot as usize].standing {
                    self.enter_place(group, place, ENTRY_BYTES);
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
        let group = self.keys[cell.key as usize].group;
        let room = match room {
            Some(room) if room.bytes == charge => {
                self.cancel(room);
                true
            }
            other => {
                other.into_iter().for_each(|room| self.cancel(room));
                self.make_room(group, charge, class).is_some()
            }
        };
        if !room {
            self.counters.rejected += 1;
            self.keys[cell.key as usize].counters.rejected += 1;
            if class.is_unread() {
                return;
            }
        }
        let buffer = pixels.buffer();
        let place = match class {
            Class::Asked => {
                buffer.set_last_use(stamp::used());
                self.place_in_use(cell.key, cell.level)
            }
            _ => {
                // Another cache may count it as used.
                if buffer.last_use() == 0 {
                    buffer.set_last_use(stamp::unused());
                }
                match class {
                    Class::Unread => Place::Unread,
                    Class::PassingUnread => Place::Passing,
                    _ => Place::Used,
                }
            }
        };
        let stamp = buffer.last_use();
        grow_gently(&mut self.records);
        let slot = self.records.insert(Record {
            buffer: buffer.clone(),
            charge,
            standing: if room {
                Standing::Resident(place)
            } else {
                Standing::Overhang
            },
            first_entry: NONE,
            key: cell.key,
            seen_held: self.statistics,
        }) as Slot;
        self.keys[cell.key as usize].buffers += 1;
        buffer.move_in(slot, self.home.clone());
        if room {
            self.recency.add(group, place, slot, stamp);
            self.enter_budget(cell.key, place, charge);
            self.admitted += charge;
            let image = self.keys[cell.key as usize].image;
            self.images[image as usize].admitted += charge;
            if class.is_unread() {
                let others = self.admitted - self.images[image as usize].admitted;
                let others = others.saturating_add(self.budget);
                let requests = self.requests(cell.key);
                let record = &mut self.keys[cell.key as usize];
                record.note_unread(slot, stamp, cell.level, requests, others);
                self.unread_keys.insert(cell.key);
            }
        } else {
            self.weigh(cell.key, |bytes| bytes.overhang += charge);
            buffer.listen();
        }
        self.link(slot, cell, bands, pixels);
        // A key's first buffer brings the charge for the key.
        self.enforce_budget();
    }

    pub(super) fn link(&mut self, slot: Slot, cell: Cell, bands: &Bands, pixels: &Pixels) {
        let key = &mut self.keys[cell.key as usize];
        key.entries += 1;
        self.entries += 1;
        let form = key.form(pixels, bands);
        let second = key.first_entry;
        let record = &mut self.records[slot as usize];
        let mut entry = Entry::new(cell, record.buffer.clone(), form, pixels.offset(), slot);
        entry.next_in_buffer = record.first_entry;
        entry.next_in_key = second;
        *entry.is_unread.get_mut() = record.is_unread();
        entry.is_outside = !matches!(record.standing, Standing::Resident(_));
        let id = self.index.insert(entry);
        self.records[slot as usize].first_entry = id;
        self.keys[cell.key as usize].first_entry = id;
        if second != NONE {
            self.index.edit(second, |entry| entry.previous_in_key = id);
        }
    }

    /// Begins to put a caller's tile in a cell: removes what is there for these bands. Refused if the
    /// pixels do not fit the cell.
    pub fn begin_put(
        &mut self,
        key: KeyId,
        at: Block,
        bands: &Bands,
        pixels: &Pixels,
    ) -> Result<()> {
        let fits = self.check_put(key, at, bands, pixels);
        if fits.is_ok() {
            // The key must outlive its old entry, and stay until the new one is there.
            self.keys[key as usize].providers += 1;
            self.keys[key as usize].puts.note(at, tick());
            self.remove(key, at, bands);
        }
        self.forget_unused_key(key);
        fits
    }

    /// Ends what [`Ledger::begin_put`] began. Of two puts at the same time the later one stays.
    pub fn end_put(
        &mut self,
        key: KeyId,
        at: Block,
        bands: &Bands,
        pixels: &Pixels,
        room: Option<Room>,
    ) {
        self.remove(key, at, bands);
        self.insert(key, at, bands, pixels, room, Class::Asked);
        self.keys[key as usize].providers -= 1;
        self.forget_unused_key(key);
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
        if let Some(form) = self.index.form(&cell) {
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
        let entry = self.index.exact(&Cell::new(key, at), bands);
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
            next = self.index.edit(id, |entry| entry.next_in_key);
            self.remove_entry(id);
        }
    }

    /// A provider has just fixed what the image of a key is: removes what was put there before and
    /// does not fit.
    pub fn remove_misfits(&mut self, key: KeyId) {
        let mut next = self.keys[key as usize].first_entry;
        while next != NONE {
            let id = next;
            let (cell, form);
            (next, cell, form) = self.index.edit(id, |entry| {
                (entry.next_in_key, entry.cell, entry.form.clone())
            });
            let record = &self.keys[key as usize];
            let at = cell.block();
            let is_normal = record.normal(&form.bands) == form.bands;
            if !is_normal || record.check(at, &form.bands, &form.layout).is_err() {
                self.remove_entry(id);
            }
        }
    }

    /// Removes one entry; the buffer goes with its last one.
    pub(super) fn remove_entry(&mut self, id: EntryId) {
        let slot = self.index.edit(id, |entry| entry.slot);
        self.unlink_from_buffer(slot, id);
        self.index.hide(id);
        self.forget_entry(id);
        let group = self.group(slot);
        let record = &mut self.records[slot as usize];
        record.charge -= ENTRY_BYTES;
        let key = record.key;
        if let Standing::Resident(place) = record.standing {
            self.weigh(key, |bytes| bytes.resident -= ENTRY_BYTES);
            self.leave_place(group, place, ENTRY_BYTES);
        } else {
            self.weigh(key, |bytes| bytes.overhang -= ENTRY_BYTES);
        }
        match self.records[slot as usize].first_entry {
            NONE => self.detach(slot),
            // Who holds the buffer may have got it by the entry that is gone.
            other => self.index.hand_out(other),
        }
    }

    /// A buffer without entries: freed if idle, else kept on the books until it is released.
    pub(super) fn detach(&mut self, slot: Slot) {
        let Record {
            key,
            charge,
            standing,
            ..
        } = self.records[slot as usize];
        let listens = match standing {
            Standing::Resident(place) => {
                self.leave_budget(key, place, charge);
                let group = self.group(slot);
                self.recency.remove(group, place, slot);
                place == Place::Parked
            }
            Standing::Overhang | Standing::Detached => {
                self.weigh(key, |bytes| bytes.overhang -= charge);
                true
            }
        };
        let record = &mut self.records[slot as usize];
        record.standing = Standing::Detached;
        if !listens {
            record.buffer.listen();
        }
        let is_pinned = record.buffer.is_pinned();
        self.weigh(key, |bytes| {
            bytes.overhang += charge;
            bytes.detached += charge;
        });
        if !is_pinned {
            self.free(slot);
        }
    }

    /// Drops a buffer that nobody holds and that is in no order from the books, with all entries over
    /// it; says whether nobody did.
    pub(super) fn free(&mut self, slot: Slot) -> bool {
        let Some(record) = self.take_record(slot) else {
            return false;
        };
        self.weigh(record.key, |bytes| {
            bytes.overhang -= record.charge;
            if record.standing == Standing::Detached {
                bytes.detached -= record.charge;
            }
        });
        record.buffer.stop_listening();
        self.forget_unused_key(record.key);
        match Buffer::into_memory(record.buffer) {
            Ok(memory) => self.keep_for_reuse(memory),
            Err(shared) => self.garbage.buffers.push(shared),
        }
        true
    }

    /// Takes a buffer out of the index and the records, unless somebody holds it.
    pub(super) fn take_record(&mut self, slot: Slot) -> Option<Record> {
        let record = &self.records[slot as usize];
        let hidden = self.index.hide_unheld(record.first_entry, &record.buffer)?;
        hidden.into_iter().for_each(|id| self.forget_entry(id));
        let record = self.records.remove(slot as usize);
        self.keys[record.key as usize].buffers -= 1;
        record.buffer.move_out(&self.home);
        Some(record)
    }

    /// Takes out an entry that nobody can find any more. Its key may go with it.
    fn forget_entry(&mut self, id: EntryId) {
        let entry = self.index.remove(id);
        let (previous, next) = (entry.previous_in_key, entry.next_in_key);
        let key = &mut self.keys[entry.cell.key as usize];
        key.entries -= 1;
        self.entries -= 1;
        match previous {
            NONE => key.first_entry = next,
            previous => self.index.edit(previous, |entry| entry.next_in_key = next),
        }
        if next != NONE {
            self.index
                .edit(next, |entry| entry.previous_in_key = previous);
        }
        self.forget_unused_key(entry.cell.key);
    }

    fn unlink_from_buffer(&mut self, slot: Slot, id: EntryId) {
        let after = |id| self.index.edit(id, |entry| entry.next_in_buffer);
        let record = &mut self.records[slot as usize];
        let mut at = record.first_entry;
        if at == id {
            record.first_entry = after(id);
            return;
        }
        while after(at) != id {
            at = after(at);
        }
        let next = after(id);
        self.index.edit(at, |entry| entry.next_in_buffer = next);
    }
}

/// Makes room for one more by an eighth, not by doubling: what an entry costs is bounded.
fn grow_gently<T>(slab: &mut Slab<T>) {
    if slab.len() == slab.capacity() {
        slab.reserve_exact((slab.len() / 8).max(16));
    }
}
