//! Entries: what the cells of a key hold, as views of buffers.

use super::bequests::bequest_of;
use super::{Class, ENTRY_BYTES, Link, Record, Room, Standing, Store, grow_gently, reserve_gently};
use crate::cache::eviction_order::{Place, Slot};
use crate::cache::index::{Cell, EntryId, Neighbour};
use crate::cache::key::{KeyId, image_of, is_built_on, kept_level};
use crate::cache::key_record::{KeyRecord, Over};
use crate::cache::moment::{Moment, tick};
use crate::cache::puts::TOLD_APART;
use crate::cache::stamp::{self, Stamp};
use crate::error::{Error, Result};
use crate::geometry::{Area, Grid, Rect};
use crate::image::{Bands, Block};
use crate::memory::Buffer;
use crate::slab::NONE;
use crate::tile::{Form, Pixels};
use smallvec::SmallVec;

impl Store {
    /// Enters a tile that a caller of this function holds. With `room` it takes the room that was
    /// kept; without, it stays outside the budget until its last handle is gone, or is not entered if it
    /// is a view of what is inside. What the cell
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
        if class.is_use() {
            self.use_now(slot);
            self.first_get(slot);
        }
        let owner = self.records[slot as usize].key;
        match self.records[slot as usize].standing {
            Standing::Detached => return,
            Standing::OverBudget => self.weigh(owner, |bytes| bytes.over_budget += ENTRY_BYTES),
            Standing::Resident(_) => {
                let group = self.group(slot);
                let room_of = match class {
                    Class::Ahead(_) => class,
                    _ => Class::Asked,
                };
                if self.make_room(group, ENTRY_BYTES, room_of).is_none() {
                    return;
                }
                self.weigh(owner, |bytes| bytes.resident += ENTRY_BYTES);
                // Making room may have parked this very buffer, which the caller holds.
                if let Standing::Resident(place) = self.records[slot as usize].standing {
                    self.enter_place(group, place, ENTRY_BYTES);
                }
            }
        }
        self.records[slot as usize].entries += 1;
        self.link(slot, cell, bands, pixels);
        self.plan_entry(cell, slot, class, true);
    }

    /// A buffer is used by a tile of it that was missed.
    fn use_now(&mut self, slot: Slot) {
        if let Standing::Resident(place) = self.records[slot as usize].standing {
            self.move_to(slot, place, stamp::used());
        }
    }

    pub(super) fn add_buffer(
        &mut self,
        cell: Cell,
        bands: &Bands,
        pixels: &Pixels,
        room: Option<Room>,
        class: Class,
    ) {
        let bequest = bequest_of(pixels.buffer());
        let charge = pixels.buffer().size() as u64 + (1 + u64::from(bequest)) * ENTRY_BYTES;
        let group = self.keys[cell.key as usize].group;
        let room = room.is_some_and(|room| {
            let suffices = room.bytes >= charge;
            self.cancel(room);
            suffices || self.make_room(group, charge, class).is_some()
        });
        if !room {
            self.counters.rejected += 1;
            self.keys[cell.key as usize].counters.rejected += 1;
            if class.is_unread() {
                return;
            }
        }
        let buffer = pixels.buffer();
        let is_again = self.returns(&cell);
        let place = match class {
            class if class.is_use() => self.place_in_use(cell.key, cell.level, is_again),
            Class::Unread | Class::Ahead(_) | Class::Planned(..) => Place::Unread,
            Class::PassingUnread => Place::PassingUnread,
            Class::Asked | Class::Scheduled(_) | Class::Passing => Place::Used,
        };
        let stamp = match class {
            class if class.is_use() => stamp::used(),
            _ => stamp::unused(),
        };
        grow_gently(&mut self.records);
        let slot = self.records.insert(Record {
            buffer: buffer.clone(),
            first_entry: NONE,
            entries: 1,
            key: cell.key,
            standing: if room {
                Standing::Resident(place)
            } else {
                Standing::OverBudget
            },
            is_again,
            bequest,
        }) as Slot;
        self.keys[cell.key as usize].buffers += 1;
        let (lent, counted) = self.records[slot as usize].lent();
        self.weigh(cell.key, |bytes| {
            bytes.lent += lent;
            bytes.lent_counted += counted;
        });
        buffer.move_in(slot, &self.home);
        if room {
            self.order.add(group, place, slot, stamp);
            self.enter_budget(cell.key, place, charge);
            self.entered_bytes += charge;
            let image = self.keys[cell.key as usize].image;
            self.images[image as usize].entered_bytes += charge;
            if class.is_unread() {
                self.note_unread(slot, stamp, cell.key, cell.level);
            }
        } else {
            self.weigh(cell.key, |bytes| bytes.over_budget += charge);
            buffer.listen();
        }
        self.link(slot, cell, bands, pixels);
        self.plan_entry(cell, slot, class, false);
        // A key's first buffer brings the charge for the key.
        self.enforce_budget();
    }

    /// Notes when an unread buffer of a key becomes ordinary.
    pub(super) fn note_unread(&mut self, slot: Slot, stamp: Stamp, key: KeyId, level: u32) {
        let image = self.keys[key as usize].image;
        let others = self.entered_bytes - self.images[image as usize].entered_bytes;
        let others = others.saturating_add(self.budget);
        let requests = self.requests(key);
        self.keys[key as usize].note_unread(slot, stamp, level, requests, others);
        self.unread_keys.insert(key);
    }

    pub(super) fn link(&mut self, slot: Slot, cell: Cell, bands: &Bands, pixels: &Pixels) {
        let key = &mut self.keys[cell.key as usize];
        key.entries += 1;
        self.entries += 1;
        let form = self.forms.of(pixels, bands);
        self.forms.forget_unused(self.entries);
        let second = key.first_entry;
        let record = &mut self.records[slot as usize];
        let is_open = match record.standing {
            Standing::Resident(place) => place != Place::Parked && !record.buffer.is_shared(),
            Standing::OverBudget | Standing::Detached => false,
        };
        let of_form = Pixels::of_form(record.buffer.clone(), pixels.offset(), form);
        let id = self
            .index
            .insert(&cell, of_form, record.is_unread(), is_open);
        let link = Link {
            slot,
            next_in_buffer: record.first_entry,
            next_in_key: second,
            previous_in_key: NONE,
        };
        let at = id as usize;
        if self.links.len() <= at {
            reserve_gently(&mut self.links, at + 1);
            self.links.resize(at + 1, link);
        }
        self.links[at] = link;
        record.first_entry = id;
        self.keys[cell.key as usize].first_entry = id;
        if second != NONE {
            self.links[second as usize].previous_in_key = id;
        }
    }

    /// What is in a cell beside a tile that is to be put there, with some of its bands; and when a tile
    /// was put there for the last time. Refused if the pixels do not fit the cell.
    pub fn beside_put(
        &self,
        key: KeyId,
        at: Block,
        bands: &Bands,
        pixels: &Pixels,
    ) -> Result<(Moment, SmallVec<[Neighbour; 1]>)> {
        self.check_put(key, at, bands, pixels)?;
        let met = self.index.meeting(&Cell::new(key, at), bands);
        Ok((self.keys[key as usize].puts().moment(at), met))
    }

    /// Begins to put a caller's tile in a cell: removes what is there with some of these bands, and
    /// returns it, to be dropped outside the lock. `None` if another was put there since `seen`.
    pub fn begin_put(
        &mut self,
        key: KeyId,
        at: Block,
        bands: &Bands,
        seen: Moment,
    ) -> Option<SmallVec<[Neighbour; 1]>> {
        if self.keys[key as usize].puts().moment(at) != seen {
            return None;
        }
        Some(self.make_way(key, at, bands))
    }

    /// Removes what a cell has with some of these bands. What was being loaded is not kept any more.
    fn make_way(&mut self, key: KeyId, at: Block, bands: &Bands) -> SmallVec<[Neighbour; 1]> {
        self.keys[key as usize].note_put(at, tick());
        let met = self.index.meeting(&Cell::new(key, at), bands);
        met.iter().for_each(|other| self.remove_entry(other.id));
        met
    }

    /// Ends what [`Store::begin_put`] began. Of two puts at the same time the later one stays.
    pub fn end_put(
        &mut self,
        key: KeyId,
        at: Block,
        bands: &Bands,
        pixels: &Pixels,
        room: Option<Room>,
    ) -> SmallVec<[Neighbour; 1]> {
        let met = self.make_way(key, at, bands);
        self.insert(key, at, bands, pixels, room, Class::Asked);
        if let Some(id) = self.index.exact(&Cell::new(key, at), bands) {
            self.index.mark_put(id);
            self.keys[key as usize].count_put_entry();
        }
        met
    }

    /// A caller has put other pixels into an area of the image that `key` names: removes what was built
    /// on them under keys that begin with it. What is being built on them is not kept.
    pub fn outdate(&mut self, key: &str, area: &Area) {
        self.for_keys(self.keys_of_image(image_of(key)), |store, derived| {
            if !is_built_on(store.keys[derived as usize].text(), key) {
                return;
            }
            match store.keys[derived as usize].over(area) {
                Over::Nothing => (),
                Over::Cells(level, grid) => {
                    store.outdate_cells(derived, level, grid, &area.rect);
                    let kept = &store.keys[derived as usize].kept_blocks;
                    let kept = kept.get(level as usize).cloned().unwrap_or_default();
                    for (nth, blocks) in (0..).zip(kept) {
                        let kept = kept_level(level, nth);
                        store.outdate_cells(derived, kept, blocks, &area.rect);
                    }
                }
                Over::Anything => {
                    store.keys[derived as usize].note_puts_everywhere(tick());
                    store.remove_entries_of(derived);
                }
            }
        });
    }

    /// The keys of an image.
    fn keys_of_image(&self, name: &str) -> Vec<KeyId> {
        let image = self.find_image(name);
        image.map_or_else(Vec::new, |image| self.images[image as usize].keys.to_vec())
    }

    /// Does something with each of these keys. None is forgotten meanwhile, though the last of its entries
    /// may go, or the last view of one of its buffers under another key.
    fn for_keys(&mut self, keys: Vec<KeyId>, mut work: impl FnMut(&mut Self, KeyId)) {
        for key in &keys {
            self.keys[*key as usize].hold();
        }
        for key in &keys {
            work(self, *key);
        }
        keys.into_iter().for_each(|key| self.let_go(key));
    }

    /// Removes what a key has over a rectangle of a level.
    fn outdate_cells(&mut self, key: KeyId, level: u32, grid: Grid, rect: &Rect) {
        let (rows, cols) = grid.blocks_over(rect);
        let moment = tick();
        let record = &mut self.keys[key as usize];
        let many =
            (rows.end - rows.start).saturating_mul(cols.end - cols.start) > TOLD_APART as u64;
        if many {
            record.note_puts_everywhere(moment);
            let meets =
                |at: Block| at.level == level && rows.contains(&at.row) && cols.contains(&at.col);
            return self.remove_entries_where(key, |_, at, _| meets(at));
        }
        for (row, col) in grid.cells_over(rect) {
            let at = Block::new(level, row, col);
            self.keys[key as usize].note_put(at, moment);
            let entries = self.index.entries_of(&Cell::new(key, at));
            entries.into_iter().for_each(|id| self.remove_entry(id));
        }
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
        if let Some(form) = self.index.any_form(&cell) {
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

    /// Removes everything; what is held lives on, orphaned.
    pub fn clear(&mut self) {
        let keys = self.keys.iter().map(|(key, _)| key as KeyId).collect();
        self.for_keys(keys, Self::remove_entries_of);
        self.trim_pool(0);
        self.give_back_what_is_empty();
    }

    /// The pixels of an image have changed: removes its tiles, of whatever key.
    pub fn invalidate(&mut self, image: &str) {
        self.for_keys(self.keys_of_image(image), Self::remove_entries_of);
    }

    /// Removes all entries of a key, in time proportional to their number. The key may go with them.
    pub(super) fn remove_entries_of(&mut self, key: KeyId) {
        self.remove_entries_where(key, |_, _, _| true);
    }

    /// A provider has just fixed what the image of a key is: removes what was put there before and
    /// does not fit.
    pub fn remove_misfits(&mut self, key: KeyId) {
        self.remove_entries_where(key, |record, at, form| {
            let Form { bands, layout, .. } = form;
            let is_normal = record.normal(bands) == *bands;
            !is_normal || record.check(at, bands, layout).is_err()
        });
    }

    /// Removes the entries of a key that `goes` names. The key may go with them.
    fn remove_entries_where(
        &mut self,
        key: KeyId,
        goes: impl Fn(&KeyRecord, Block, &Form) -> bool,
    ) {
        let mut next = self.keys[key as usize].first_entry;
        while next != NONE {
            let id = next;
            next = self.links[id as usize].next_in_key;
            let (cell, form) = self.index.place(id);
            if goes(&self.keys[key as usize], cell.block(), &form) {
                self.remove_entry(id);
            }
        }
    }

    /// Removes one entry; the buffer goes with its last one.
    pub(super) fn remove_entry(&mut self, id: EntryId) {
        let slot = self.links[id as usize].slot;
        let (group, stamp) = (self.group(slot), self.last_use(slot));
        self.unlink_from_buffer(slot, id);
        let cell = self.index.cell(id);
        self.index.remove(id);
        self.forget_entry(id, cell);
        let record = &mut self.records[slot as usize];
        record.entries -= 1;
        let key = record.key;
        if let Standing::Resident(place) = record.standing {
            self.weigh(key, |bytes| bytes.resident -= ENTRY_BYTES);
            self.leave_place(group, place, ENTRY_BYTES);
        } else {
            self.weigh(key, |bytes| bytes.over_budget -= ENTRY_BYTES);
        }
        let record = &self.records[slot as usize];
        match (record.first_entry, record.standing) {
            (NONE, _) => self.detach(slot),
            (other, standing) => {
                // Who holds the buffer may have got it by the entry that is gone, and used it so.
                self.index.hand_out(other);
                if let Standing::Resident(place) = standing {
                    self.move_to(slot, place, stamp);
                }
            }
        }
    }

    /// A buffer without entries: freed if idle, else kept on the books until it is released.
    pub(super) fn detach(&mut self, slot: Slot) {
        let record = &self.records[slot as usize];
        let (key, charge, standing) = (record.key, record.charge(), record.standing);
        let listens = match standing {
            Standing::Resident(place) => {
                self.leave_budget(key, place, charge);
                let group = self.group(slot);
                self.order.remove(group, place, slot);
                place == Place::Parked
            }
            Standing::OverBudget | Standing::Detached => {
                self.weigh(key, |bytes| bytes.over_budget -= charge);
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
            bytes.over_budget += charge;
            bytes.orphaned += charge;
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
            bytes.over_budget -= record.charge();
            if record.standing == Standing::Detached {
                bytes.orphaned -= record.charge();
            }
        });
        record.buffer.stop_listening();
        self.forget_unused_key(record.key);
        match Buffer::into_memory(record.buffer) {
            Ok(memory) => self.recycle(memory),
            Err(shared) => self.garbage.buffers.push(shared),
        }
        true
    }

    /// Takes a buffer out of the index and the records, unless somebody holds it.
    pub(super) fn take_record(&mut self, slot: Slot) -> Option<Record> {
        let entries: SmallVec<[EntryId; 1]> = self.entries_of(slot).collect();
        let cells: SmallVec<[Cell; 1]> = entries.iter().map(|id| self.index.cell(*id)).collect();
        let buffer = &self.records[slot as usize].buffer;
        if !self.index.remove_unheld(&entries, buffer) {
            return None;
        }
        for (id, cell) in entries.into_iter().zip(cells) {
            self.forget_entry(id, cell);
        }
        let record = self.records.remove(slot as usize);
        self.keys[record.key as usize].buffers -= 1;
        let (lent, counted) = record.lent();
        self.weigh(record.key, |bytes| {
            bytes.lent -= lent;
            bytes.lent_counted -= counted;
        });
        record.buffer.move_out(&self.home);
        Some(record)
    }

    /// Forgets an entry of a cell that nothing can find any more. The key may go with it.
    fn forget_entry(&mut self, id: EntryId, cell: Cell) {
        let of = cell.key;
        let Link {
            slot,
            previous_in_key: previous,
            next_in_key: next,
            ..
        } = self.links[id as usize];
        self.plan_exit(&cell, slot);
        let key = &mut self.keys[of as usize];
        key.entries -= 1;
        if self.index.is_put(id) {
            key.forget_put_entry();
        }
        self.entries -= 1;
        self.forms.forget_unused(self.entries);
        match previous {
            NONE => key.first_entry = next,
            previous => self.links[previous as usize].next_in_key = next,
        }
        if next != NONE {
            self.links[next as usize].previous_in_key = previous;
        }
        self.forget_unused_key(of);
    }

    fn unlink_from_buffer(&mut self, slot: Slot, id: EntryId) {
        let next = self.links[id as usize].next_in_buffer;
        let before = self
            .entries_of(slot)
            .find(|at| self.links[*at as usize].next_in_buffer == id);
        match before {
            Some(before) => self.links[before as usize].next_in_buffer = next,
            None => self.records[slot as usize].first_entry = next,
        }
    }
}
