//! Room: a part of a budget that somebody has for memory of their own.

use super::Cache;
use super::store::{Class, Room};

/// A part of the budget of a cache, taken from its tiles until this is dropped.
pub struct HeldRoom {
    cache: Cache,
    key: super::KeyId,
    room: Option<Room>,
}

impl Cache {
    /// The budget.
    pub fn budget(&self) -> u64 {
        self.0.store.lock().budget()
    }

    /// Takes so many bytes of the budget, for which tiles go as for a new one. `None`, with nothing evicted, if what
    /// is held leaves no room. `name` stands for whoever takes them.
    pub fn hold_room(&self, bytes: u64, name: &str) -> Option<HeldRoom> {
        let bytes = usize::try_from(bytes).ok()?;
        let key = self.0.with(|store| store.hold_key(name));
        let mut held = HeldRoom {
            cache: self.clone(),
            key,
            room: None,
        };
        held.room = Some(self.0.reserve(key, bytes, Class::Asked)?);
        // What a victim left would be kept beside what the room is for.
        if let Some(room) = &mut held.room {
            drop(room.recycled.take());
        }
        Some(held)
    }
}

impl Drop for HeldRoom {
    fn drop(&mut self) {
        let room = self.room.take();
        self.cache.0.with(|store| {
            room.into_iter().for_each(|room| store.cancel(room));
            store.let_go(self.key);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::*;
    use crate::dtype::DType;
    use crate::image::{Bands, Block};
    use crate::layout::{Layout, Shape};
    use crate::memory::{Canvas, Memory};
    use crate::tile::{Pixels, Tile};

    #[test]
    fn room_is_taken_from_tiles_and_given_back() {
        let cache = Cache::new(1 << 20, Options::default()).unwrap();
        let shape = Shape {
            width: 64 << 10,
            height: 1,
            bands: 1,
        };
        let layout = Layout::packed(shape, DType::U8).unwrap();
        let pixels = || -> Pixels {
            let memory = Memory::zeroed(layout.span()).unwrap();
            Tile::from_canvas(Canvas::new(memory, layout))
                .pixels()
                .clone()
        };
        let put = |row| {
            let at = Block::new(0, row, 0);
            cache.put("tiles", at, &Bands::ALL, pixels()).unwrap();
        };
        (0..15).for_each(put);
        let full = cache.statistics().entries;
        let room = cache.hold_room(512 << 10, "room").unwrap();
        assert!(cache.statistics().entries <= full / 2);
        (15..30).for_each(put);
        assert!(cache.statistics().entries <= full / 2);
        assert!(cache.hold_room(1 << 20, "more").is_none());
        drop(room);
        (30..45).for_each(put);
        assert_eq!(cache.statistics().entries, full);
    }
}
