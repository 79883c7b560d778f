//! Memory for tiles that are being made, counted from the first byte on.

use super::index::Cell;
use super::moment::Moment;
use super::store::{Class, Room};
use super::{Cache, Registration};
use crate::error::Result;
use crate::image::{Bands, Block};
use crate::layout::Layout;
use crate::log::{Event, Level};
use crate::memory::{Buffer, Canvas, Memory};
use crate::provider::{Allocate, Request, Retention};
use crate::sync::Mutex;
use crate::tile::Tile;
use std::sync::Arc;

/// The memory of one load whose tile will enter a cache. Room is made when the memory is asked for,
/// before the decode, so that the pages of an evicted tile serve the new one.
pub struct Loading {
    registration: Arc<Registration>,
    /// What is loaded.
    cell: Cell,
    /// When the request began.
    begun: Moment,
    retention: Retention,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    room: Option<Room>,
    in_flight: usize,
}

impl Loading {
    pub(super) fn new(registration: Arc<Registration>, at: Block, request: &Request<'_>) -> Self {
        if let Some(beneath) = &registration.beneath {
            beneath.watch();
        }
        Self {
            cell: Cell::new(registration.key(), at),
            registration,
            begun: request.begun(),
            retention: request.retention(),
            state: Mutex::default(),
        }
    }

    fn cache(&self) -> &Cache {
        &self.registration.cache
    }

    /// A request for the tile has joined: where it was to be made ahead, it is kept as what was asked for.
    pub fn raise(&mut self) {
        if let Retention::Ahead(_) = self.retention {
            self.retention = Retention::Kept;
        }
    }

    /// When the request began.
    pub fn begun(&self) -> Moment {
        self.begun
    }

    /// A canvas for a tile nobody has asked for, or `None` if the unread share has no room for it.
    pub fn sibling(&self, layout: Layout) -> Result<Option<Canvas>> {
        if !self.reserve_unread(Memory::allocated_size(layout.span())) {
            return Ok(None);
        }
        self.take(layout).map(Some)
    }

    /// Keeps room in the unread share for a tile of `size` bytes whose memory exists already; says
    /// whether there was any.
    pub fn reserve_unread(&self, size: usize) -> bool {
        self.reserve(size, Class::Unread)
    }

    /// What a tile is to the order in which tiles go.
    fn class(&self, class: Class) -> Class {
        match (self.retention, class) {
            (Retention::Streamed, Class::Asked) => Class::Passing,
            (Retention::Streamed, Class::Unread) => Class::PassingUnread,
            (Retention::Ahead(since), _) => Class::Ahead(since),
            (Retention::Planned(pass), Class::Asked) => Class::Scheduled(pass),
            (Retention::Planned(pass), Class::Unread) if pass.streams => Class::PassingUnread,
            (Retention::Planned(pass), Class::Unread) => Class::Planned(pass, self.cell),
            (_, class) => class,
        }
    }

    /// Keeps room for a tile of `size` bytes; says whether there was any.
    fn reserve(&self, size: usize, class: Class) -> bool {
        if self.retention == Retention::Bypassed {
            return false;
        }
        let room = self
            .cache()
            .0
            .reserve(self.registration.key(), size, self.class(class));
        let reserved = room.is_some();
        self.state.lock().room = room;
        reserved
    }

    /// Memory for `layout`: a victim's, or kept for reuse, or fresh.
    fn take(&self, layout: Layout) -> Result<Canvas> {
        let key = self.registration.key();
        let size = Memory::allocated_size(layout.span());
        let mut state = self.state.lock();
        state.in_flight += size;
        let State { room, .. } = &mut *state;
        let memory = self
            .cache()
            .0
            .with(|store| store.start_flight_in(room.as_mut(), key, size));
        canvas(memory, layout)
    }

    /// Enters a finished tile that no thread has asked for.
    pub fn enter_sibling(self, at: Block, bands: &Bands, tile: &Tile) {
        self.registration
            .with(|store, key| store.count(key, |counters| counters.siblings += 1));
        self.enter(at, bands, tile, Class::Unread);
    }

    /// Enters the finished tile into the cache, unless its pixels may be out of date by now.
    pub fn enter(self, at: Block, bands: &Bands, tile: &Tile, class: Class) {
        // Taken out first: what the store drops may run a caller's release callback.
        let State { room, in_flight } = std::mem::take(&mut *self.state.lock());
        let (key, class) = (self.registration.key(), self.class(class));
        let room = match (room, self.retention) {
            (None, Retention::Bypassed) => None,
            (None, _) => self.cache().0.reserve_for(key, tile, class),
            (room, _) => room,
        };
        let is_rejected = room.is_none() && self.retention != Retention::Bypassed;
        self.cache().0.with(|store| {
            store.end_flight(Some(key), in_flight);
            let record = store.key_record(key);
            let is_true =
                record.lineage.is_current(self.begun) && !record.puts().are_later(at, self.begun);
            if is_true && self.retention != Retention::Bypassed {
                store.insert(key, at, bands, tile, room, class);
            } else {
                room.into_iter().for_each(|room| store.cancel(room));
            }
        });
        self.cache().0.share(tile);
        if self.retention == Retention::Bypassed {
            self.cache().take_back(tile);
        }
        if is_rejected {
            self.tell_rejected(at, tile);
        }
    }

    fn tell_rejected(&self, at: Block, tile: &Tile) {
        let shared = &self.cache().0;
        if shared.log.hears(Level::Info) {
            let (key, size) = (
                shared.key_text(self.registration.key()),
                tile.buffer().size(),
            );
            let budget = shared.with(|store| store.budget());
            shared.log.tell(Level::Info, Event::Rejected, &key, || {
                format!("{at}: {size} bytes find no room in the budget of {budget} beside what is held or guaranteed")
            });
        }
    }
}

impl Allocate for Loading {
    fn canvas(&self, layout: Layout) -> Result<Canvas> {
        let has_room = self.state.lock().room.is_some();
        if has_room || self.retention == Retention::Bypassed {
            return self.take(layout);
        }
        let size = Memory::allocated_size(layout.span());
        let (key, class) = (self.registration.key(), self.class(Class::Asked));
        let (room, memory) = self.cache().0.reserve_in_flight(key, size, class);
        {
            let mut state = self.state.lock();
            state.room = room;
            state.in_flight += size;
        }
        canvas(memory, layout)
    }

    fn cache(&self) -> Option<&Cache> {
        Some(&self.registration.cache)
    }
}

/// A canvas in memory that there is, or else in fresh memory.
fn canvas(memory: Option<Memory>, layout: Layout) -> Result<Canvas> {
    let memory = match memory {
        Some(memory) => memory,
        None => Memory::zeroed(layout.span())?,
    };
    Ok(Canvas::new(memory, layout))
}

impl Drop for Loading {
    fn drop(&mut self) {
        let State { room, in_flight } = std::mem::take(self.state.get_mut());
        if room.is_some() || in_flight > 0 {
            let key = Some(self.registration.key());
            self.cache().0.with(|store| {
                store.end_flight(key, in_flight);
                room.into_iter().for_each(|room| store.cancel(room));
            });
        }
    }
}

impl Cache {
    /// Memory for a tile that goes to whoever asked for it, without being counted: what is kept for reuse, or
    /// fresh.
    pub fn lend_canvas(&self, layout: Layout) -> Result<Canvas> {
        let size = Memory::allocated_size(layout.span());
        canvas(self.0.with(|store| store.reuse(size)), layout)
    }

    /// The memory of a tile that is not counted comes back when nobody has it any more.
    pub fn take_back(&self, tile: &Tile) {
        tile.buffer().return_to(&self.0.home);
    }
}

/// Memory for blocks that are only passed through: in flight while it lives, and used again from
/// block to block.
pub struct Scratch<'a> {
    cache: Option<&'a Cache>,
    state: Mutex<Passed>,
}

/// What a [`Scratch`] has in flight.
#[derive(Default)]
struct Passed {
    /// Memory that the next block of its size gets.
    spare: Option<Memory>,
    /// Bytes given to blocks, without those of the spare memory.
    given: usize,
}

impl<'a> Scratch<'a> {
    /// Scratch memory counted by `cache`, if there is one.
    pub fn new(cache: Option<&'a Cache>) -> Self {
        Self {
            cache,
            state: Mutex::default(),
        }
    }

    /// Takes a block's memory back if nobody else needs the block.
    pub fn reclaim(&self, block: Tile) {
        let buffer = block.buffer().clone();
        drop(block);
        let memory = match Buffer::into_memory(buffer) {
            Ok(memory) => memory,
            Err(buffer) => {
                // Nobody else needs it, but it has an heir.
                if Arc::strong_count(&buffer) == 1 && buffer.bequeathed().is_some() {
                    self.count_elsewhere(buffer.size());
                }
                return;
            }
        };
        let before = {
            let mut state = self.state.lock();
            // Only what is counted as in flight here may be kept as such.
            let Some(left) = state.given.checked_sub(memory.size()) else {
                return;
            };
            state.given = left;
            state.spare.replace(memory)
        };
        self.give_back(before);
    }

    /// The memory of a block is counted elsewhere from now on.
    pub fn hand_over(&self, block: &Tile) {
        self.count_elsewhere(block.buffer().size());
    }

    fn count_elsewhere(&self, size: usize) {
        let counted = {
            let mut state = self.state.lock();
            let counted = size.min(state.given);
            state.given -= counted;
            counted
        };
        if let Some(cache) = self.cache {
            cache.0.with(|store| store.end_flight(None, counted));
        }
    }

    /// Memory that was spare is no longer in flight.
    fn give_back(&self, spare: Option<Memory>) {
        if let (Some(cache), Some(memory)) = (self.cache, spare) {
            cache.0.with(|store| {
                store.end_flight(None, memory.size());
                store.recycle(memory);
            });
        }
    }
}

impl Allocate for Scratch<'_> {
    fn canvas(&self, layout: Layout) -> Result<Canvas> {
        let size = Memory::allocated_size(layout.span());
        let spare = {
            let mut state = self.state.lock();
            state.given += size;
            state.spare.take()
        };
        match spare {
            Some(memory) if memory.size() == size => return Ok(Canvas::new(memory, layout)),
            spare => self.give_back(spare),
        }
        let kept = self
            .cache
            .and_then(|cache| cache.0.with(|store| store.start_flight(None, size)));
        canvas(kept, layout)
    }

    fn cache(&self) -> Option<&Cache> {
        self.cache
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        let Passed { spare, given } = std::mem::take(self.state.get_mut());
        if let Some(cache) = self.cache {
            cache.0.with(|store| store.end_flight(None, given));
        }
        self.give_back(spare);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::*;
    use crate::dtype::DType;
    use crate::layout::Shape;

    #[test]
    fn memory_of_others_does_not_upset_what_a_scratch_counts() {
        let cache = Cache::new(1 << 20, Options::default()).unwrap();
        let scratch = Scratch::new(Some(&cache));
        let layout = |width: usize| {
            let shape = Shape {
                width,
                height: 64,
                bands: 1,
            };
            Layout::packed(shape, DType::U8).unwrap()
        };
        let made = |width| Tile::from_canvas(scratch.canvas(layout(width)).unwrap());
        let in_flight = || cache.statistics().in_flight;
        let own = made(64);
        let bytes = in_flight();
        // A block that nobody has any more, such as one that was evicted while it was copied.
        let memory = Memory::zeroed(layout(64).span()).unwrap();
        scratch.reclaim(Tile::from_canvas(Canvas::new(memory, layout(64))));
        scratch.hand_over(&own);
        assert_eq!(in_flight(), bytes);
        drop(made(128));
        assert_eq!(in_flight(), 2 * bytes);
        drop(scratch);
        assert_eq!(in_flight(), 0);
    }
}
