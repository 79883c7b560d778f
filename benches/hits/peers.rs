//! Caches of other people, as they are used: a look-up clones a handle to the memory of a tile.

use super::{COUNT, TILES, Tiled, value};
use hashlink::LruCache;
use std::hint::black_box;
use std::sync::{Arc, Mutex};

/// A key of the size of ours.
type Key = (u32, u32, u64, u64);

type Piece = Arc<[u8]>;

fn key(at: u64) -> Key {
    (0, 0, at / TILES, at % TILES)
}

fn pieces(side: u64) -> impl Iterator<Item = (Key, Piece)> {
    (0..COUNT).map(move |at| {
        let piece = vec![value(at / TILES, at % TILES); (side * side) as usize];
        (key(at), piece.into())
    })
}

fn check(piece: &Piece, at: u64) {
    let byte = at * 64 % piece.len() as u64;
    assert_eq!(
        black_box(piece)[byte as usize],
        value(at / TILES, at % TILES)
    );
}

/// `quick_cache`.
pub struct Quick(quick_cache::sync::Cache<Key, Piece>);

impl Quick {
    pub fn new(side: u64) -> Self {
        let cache = quick_cache::sync::Cache::new(2 * COUNT as usize);
        pieces(side).for_each(|(key, piece)| cache.insert(key, piece));
        Self(cache)
    }
}

impl Tiled for Quick {
    fn get(&self, at: u64) {
        check(&self.0.get(&key(at)).expect("a hit"), at);
    }
}

/// A mutex around the map of `hashlink`.
pub struct Locked(Mutex<LruCache<Key, Piece>>);

impl Locked {
    pub fn new(side: u64) -> Self {
        let mut cache = LruCache::new(COUNT as usize);
        pieces(side).for_each(|(key, piece)| drop(cache.insert(key, piece)));
        Self(Mutex::new(cache))
    }
}

impl Tiled for Locked {
    fn get(&self, at: u64) {
        let piece = self.0.lock().unwrap().get(&key(at)).cloned();
        check(&piece.expect("a hit"), at);
    }
}
