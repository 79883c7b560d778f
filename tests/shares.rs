//! Shares of keys against a model: maximum, guarantee, and the order over all keys.

#[path = "support/scale.rs"]
mod scale;

use proptest::prelude::*;
use scale::scaled;
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::image::{Bands, Block};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory};
use tilecache::tile::Tile;

const BYTES: usize = 4096;
const CHARGE: u64 = BYTES as u64 + 256;
/// Tiles that the budget holds beside what the keys cost.
const ROOM: u64 = 10;
const KEYS: [&str; 3] = ["a", "b", "c"];
const CELLS: u64 = 12;

#[derive(Clone, Debug)]
enum Op {
    Put {
        key: usize,
        cell: u64,
        hold: bool,
    },
    Get {
        key: usize,
        cell: u64,
    },
    Release {
        which: usize,
    },
    Share {
        key: usize,
        maximum: u64,
        guarantee: u64,
    },
    Clear,
}

fn ops() -> impl Strategy<Value = Op> {
    let place = || (0..KEYS.len(), 0..CELLS);
    prop_oneof![
        8 => (place(), prop::bool::weighted(0.15))
            .prop_map(|((key, cell), hold)| Op::Put { key, cell, hold }),
        5 => place().prop_map(|(key, cell)| Op::Get { key, cell }),
        3 => any::<usize>().prop_map(|which| Op::Release { which }),
        2 => (0..KEYS.len(), 0..7u64, 0..7u64)
            .prop_map(|(key, maximum, guarantee)| Op::Share { key, maximum, guarantee }),
        1 => Just(Op::Clear),
    ]
}

#[derive(Clone, Debug)]
struct Entry {
    key: usize,
    cell: u64,
    used: u64,
    held: bool,
}

/// Everything in tiles.
#[derive(Default)]
struct Model {
    entries: Vec<Entry>,
    /// Maximum and guarantee of every key, 0 for none.
    shares: [(u64, u64); KEYS.len()],
    clock: u64,
}

impl Model {
    fn at(&mut self, key: usize, cell: u64) -> Option<&mut Entry> {
        let same = |entry: &&mut Entry| (entry.key, entry.cell) == (key, cell);
        self.entries.iter_mut().find(same)
    }

    fn count(&self, key: usize) -> u64 {
        self.entries.iter().filter(|entry| entry.key == key).count() as u64
    }

    /// The victim for a tile of `key`: one of its own, or of those that others can spare.
    fn victim(&self, key: usize, own: bool) -> Option<usize> {
        (0..self.entries.len())
            .filter(|at| {
                let entry = &self.entries[*at];
                let spare = || self.count(entry.key) > self.shares[entry.key].1;
                !entry.held && (entry.key == key || !own && spare())
            })
            .min_by_key(|at| self.entries[*at].used)
    }

    /// Makes room for one more tile of a key; says whether there is.
    fn admit(&mut self, key: usize) -> bool {
        let maximum = self.shares[key].0;
        if maximum > 0 && self.count(key) >= maximum {
            // More than the maximum are there where they were held when it was set.
            let own = |entry: &&Entry| entry.key == key && !entry.held;
            let excess = self.count(key) + 1 - maximum;
            return self.entries.iter().filter(own).count() as u64 >= excess
                && (0..excess).all(|_| self.remove(self.victim(key, true)));
        }
        (self.entries.len() as u64) < ROOM || self.remove(self.victim(key, false))
    }

    fn remove(&mut self, victim: Option<usize>) -> bool {
        victim.map(|at| self.entries.remove(at)).is_some()
    }
}

fn tile() -> Tile {
    let shape = Shape {
        width: BYTES,
        height: 1,
        bands: 1,
    };
    let layout = Layout::packed(shape, DType::U8).unwrap();
    Tile::from_canvas(Canvas::new(Memory::zeroed(BYTES).unwrap(), layout))
}

fn put(cache: &Cache, key: usize, cell: u64) -> Tile {
    let tile = tile();
    let at = Block::new(0, cell, 0);
    cache
        .put(KEYS[key], at, &Bands::ALL, tile.pixels().clone())
        .unwrap();
    tile
}

proptest! {
    #![proptest_config(ProptestConfig { cases: scaled(1500), failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_cache_does_what_the_model_does(script in prop::collection::vec(ops(), 1..150)) {
        // The keys themselves cost less than a tile together.
        let cache = Cache::new(ROOM * CHARGE + 3500, Options::default()).unwrap();
        let mut model = Model::default();
        let mut held: Vec<(usize, u64, Tile)> = Vec::new();
        for op in script {
            model.clock += 1;
            let used = model.clock;
            match op {
                Op::Put { key, cell, hold } => {
                    if model.at(key, cell).is_some()
                        || held.iter().any(|(a, b, _)| (*a, *b) == (key, cell))
                    {
                        continue;
                    }
                    let tile = put(&cache, key, cell);
                    let admitted = model.admit(key);
                    prop_assert_eq!(cache.statistics().over_budget == 0, admitted);
                    if admitted {
                        model.entries.push(Entry { key, cell, used, held: hold });
                        if hold {
                            held.push((key, cell, tile));
                        }
                    }
                }
                Op::Get { key, cell } => {
                    let at = Block::new(0, cell, 0);
                    let got = cache.get(KEYS[key], at, &Bands::ALL).unwrap();
                    let entry = model.at(key, cell);
                    prop_assert_eq!(got.is_some(), entry.is_some());
                    entry.into_iter().for_each(|entry| entry.used = used);
                }
                Op::Release { which } => {
                    if !held.is_empty() {
                        let (key, cell, tile) = held.swap_remove(which % held.len());
                        drop(tile);
                        model.at(key, cell).unwrap().held = false;
                    }
                }
                Op::Share { key, maximum, guarantee } => {
                    let others: u64 = (0..KEYS.len())
                        .filter(|other| *other != key)
                        .map(|other| model.shares[other].1)
                        .sum();
                    let possible = (maximum == 0 || guarantee <= maximum) && others + guarantee <= ROOM;
                    let set = cache.set_share(KEYS[key], maximum * CHARGE, guarantee * CHARGE);
                    prop_assert_eq!(set.is_ok(), possible);
                    if possible {
                        model.shares[key] = (maximum, guarantee);
                        while maximum > 0 && model.count(key) > maximum {
                            if !model.remove(model.victim(key, true)) {
                                break;
                            }
                        }
                    }
                }
                Op::Clear => {
                    if held.is_empty() {
                        cache.clear();
                        model.entries.clear();
                    }
                }
            }
            let now = cache.statistics();
            prop_assert!(now.idle + now.held + now.reusable <= now.budget, "{:?}", now);
            for (key, text) in KEYS.into_iter().enumerate() {
                for cell in 0..CELLS {
                    let at = Block::new(0, cell, 0);
                    let found = cache.peek(text, at, &Bands::ALL).unwrap();
                    let expected = model.at(key, cell).is_some();
                    prop_assert_eq!(found.is_some(), expected, "{} {}", text, cell);
                }
            }
        }
    }
}

#[test]
fn a_share_above_what_there_is_is_refused_by_its_numbers() {
    let cache = Cache::new(1000, Options::default()).unwrap();
    cache.set_share("a", 0, 600).unwrap();
    let beside = cache.set_share("b", 0, 500).unwrap_err().to_string();
    assert!(beside.contains("500") && beside.contains("600") && beside.contains("1000"));
    let above = cache.set_share("b", 300, 400).unwrap_err().to_string();
    assert!(above.contains("300") && above.contains("400"));
    cache.set_share("a", 0, 0).unwrap();
    cache.set_share("b", 0, 500).unwrap();
}

#[test]
fn guarantees_shrink_with_the_budget_and_outlive_what_was_there() {
    let cache = Cache::new(ROOM * CHARGE + 3500, Options::default()).unwrap();
    cache.set_share("a", 0, 4 * CHARGE).unwrap();
    cache.set_share("b", 0, 4 * CHARGE).unwrap();
    let count = |key: usize| {
        (0..100)
            .filter(|cell| {
                let at = Block::new(0, *cell, 0);
                cache.peek(KEYS[key], at, &Bands::ALL).unwrap().is_some()
            })
            .count()
    };
    (0..5).for_each(|cell| drop(put(&cache, 0, cell)));
    (0..5).for_each(|cell| drop(put(&cache, 1, cell)));
    (0..50).for_each(|cell| drop(put(&cache, 2, cell)));
    assert_eq!((count(0), count(1)), (4, 4));
    cache.set_budget(4 * CHARGE + 3500);
    assert_eq!((count(0) + count(1), count(2)), (4, 0));
    cache.set_budget(0);
    assert_eq!(cache.statistics().entries, 0);
    cache.set_budget(ROOM * CHARGE + 3500);
    (0..4).for_each(|cell| drop(put(&cache, 0, cell)));
    (0..50).for_each(|cell| drop(put(&cache, 2, cell)));
    assert_eq!(count(0), 4);
}

#[test]
fn in_a_smaller_budget_every_guarantee_keeps_its_part() {
    let cache = Cache::new(100 * CHARGE, Options::default()).unwrap();
    cache.set_share("a", 0, 40 * CHARGE).unwrap();
    cache.set_share("b", 0, 40 * CHARGE).unwrap();
    (0..40).for_each(|cell| drop(put(&cache, 0, cell)));
    (0..40).for_each(|cell| drop(put(&cache, 1, cell)));
    cache.set_budget(40 * CHARGE);
    let count = |key: usize| {
        let at = |cell| Block::new(0, cell, 0);
        let is_there = |cell: &u64| {
            cache
                .peek(KEYS[key], at(*cell), &Bands::ALL)
                .unwrap()
                .is_some()
        };
        (0..40).filter(is_there).count()
    };
    // What the keys and the rounding take is at the cost of the older ones.
    assert!((17..=20).contains(&count(0)), "{}", count(0));
    assert!((20..=21).contains(&count(1)), "{}", count(1));
}
