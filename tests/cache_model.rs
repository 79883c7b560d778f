//! The cache against a small model of exact LRU with held tiles, under random operations.

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

/// What the cache charges for an entry beside its memory.
const ENTRY: u64 = 256;

#[derive(Clone, Debug)]
enum Op {
    Put { cell: u64, size: usize, hold: bool },
    Get { cell: u64, hold: bool },
    Peek { cell: u64 },
    Release { which: usize },
    Remove { cell: u64 },
    Clear,
    SetBudget { budget: u64 },
    Trim { bytes: u64 },
}

fn ops() -> impl Strategy<Value = Op> {
    let cell = || 0..12u64;
    let size = || prop::sample::select(vec![64usize, 640, 1024, 3000, 9000]);
    prop_oneof![
        6 => (cell(), size(), any::<bool>())
            .prop_map(|(cell, size, hold)| Op::Put { cell, size, hold }),
        6 => (cell(), any::<bool>()).prop_map(|(cell, hold)| Op::Get { cell, hold }),
        2 => cell().prop_map(|cell| Op::Peek { cell }),
        5 => any::<usize>().prop_map(|which| Op::Release { which }),
        1 => cell().prop_map(|cell| Op::Remove { cell }),
        1 => Just(Op::Clear),
        1 => (0..30_000u64).prop_map(|budget| Op::SetBudget { budget }),
        1 => (0..12_000u64).prop_map(|bytes| Op::Trim { bytes }),
    ]
}

/// A buffer as the model sees it.
#[derive(Clone, Debug)]
struct Buffer {
    cell: Option<u64>,
    charge: u64,
    /// Number of the last use.
    used: u64,
    handles: usize,
    resident: bool,
}

#[derive(Default)]
struct Model {
    budget: u64,
    /// What a key costs as long as it has anything resident.
    key: u64,
    clock: u64,
    buffers: Vec<Buffer>,
}

impl Model {
    fn sum(&self, of: impl Fn(&Buffer) -> bool) -> u64 {
        self.buffers
            .iter()
            .filter(|buffer| of(buffer))
            .map(|buffer| buffer.charge)
            .sum()
    }

    fn taken(&self) -> u64 {
        let any = self.buffers.iter().any(|buffer| buffer.resident);
        self.sum(|buffer| buffer.resident) + if any { self.key } else { 0 }
    }

    fn oldest(&self, held: bool) -> Option<usize> {
        (0..self.buffers.len())
            .filter(|at| self.buffers[*at].resident && (self.buffers[*at].handles > 0) == held)
            .min_by_key(|at| self.buffers[*at].used)
    }

    fn at(&self, cell: u64) -> Option<usize> {
        self.buffers
            .iter()
            .position(|buffer| buffer.cell == Some(cell))
    }

    fn forget(&mut self, cell: u64) {
        if let Some(at) = self.at(cell) {
            self.buffers[at].cell = None;
            self.buffers[at].charge -= ENTRY;
            self.buffers[at].resident = false;
        }
        self.sweep();
    }

    /// What is neither resident nor held is gone.
    fn sweep(&mut self) {
        self.buffers
            .retain(|buffer| buffer.resident || buffer.handles > 0);
    }

    fn put(&mut self, cell: u64, charge: u64) {
        self.forget(cell);
        self.clock += 1;
        let idle = self.sum(|buffer| buffer.resident && buffer.handles == 0);
        let missing = (self.taken() + charge).saturating_sub(self.budget);
        let fits = missing <= idle;
        let mut freed = 0;
        while fits && freed < missing {
            let victim = self.oldest(false).expect("idle bytes");
            freed += self.buffers.remove(victim).charge;
        }
        self.buffers.push(Buffer {
            cell: Some(cell),
            charge,
            used: self.clock,
            handles: 1,
            resident: fits,
        });
        self.enforce();
    }

    /// Evicts until so many bytes are free that were not, or nothing is idle.
    fn trim(&mut self, bytes: u64) {
        let before = self.taken();
        while before - self.taken() < bytes
            && let Some(victim) = self.oldest(false)
        {
            self.buffers.remove(victim);
        }
    }

    fn enforce(&mut self) {
        while self.taken() > self.budget {
            if let Some(victim) = self.oldest(false) {
                self.buffers.remove(victim);
            } else if let Some(held) = self.oldest(true) {
                self.buffers[held].resident = false;
            } else {
                break;
            }
        }
    }
}

fn tile(size: usize) -> Tile {
    let shape = Shape {
        width: size,
        height: 1,
        bands: 1,
    };
    let layout = Layout::packed(shape, DType::U8).unwrap();
    Tile::from_canvas(Canvas::new(Memory::zeroed(size).unwrap(), layout))
}

/// What one key costs, read off a cache with one entry.
fn cost_of_key() -> u64 {
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    cache
        .put(
            "k",
            Block::new(0, 0, 0),
            &Bands::ALL,
            tile(64).pixels().clone(),
        )
        .unwrap();
    cache.statistics().idle - 64 - ENTRY
}

proptest! {
    #![proptest_config(ProptestConfig { cases: scaled(1000), failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_cache_does_what_the_model_does(
        budget in 0..30_000u64,
        script in prop::collection::vec(ops(), 1..120),
    ) {
        let cache = Cache::new(budget, Options::default()).unwrap();
        let mut model = Model { budget, key: cost_of_key(), ..Model::default() };
        let mut handles: Vec<(Tile, *const u8)> = Vec::new();
        for op in script {
            match op {
                Op::Put { cell, size, hold } => {
                    let made = tile(size);
                    let start = made.bytes().as_ptr();
                    // One size a cell: a put of another shape is refused, as its own test shows.
                    cache.remove("k", Block::new(0, cell, 0), &Bands::ALL);
                    model.forget(cell);
                    cache.put("k", Block::new(0, cell, 0), &Bands::ALL, made.pixels().clone()).unwrap();
                    model.put(cell, Memory::allocated_size(size) as u64 + ENTRY);
                    if hold {
                        handles.push((made, start));
                    } else {
                        drop(made);
                        let at = model.buffers.len() - 1;
                        model.buffers[at].handles = 0;
                        model.sweep();
                    }
                }
                Op::Get { cell, hold } => {
                    let got = cache.get("k", Block::new(0, cell, 0), &Bands::ALL).unwrap();
                    let at = model.at(cell);
                    prop_assert_eq!(got.is_some(), at.is_some());
                    if let (Some(got), Some(at)) = (got, at) {
                        model.clock += 1;
                        model.buffers[at].used = model.clock;
                        if hold {
                            model.buffers[at].handles += 1;
                            let start = got.bytes().as_ptr();
                            handles.push((got, start));
                        }
                    }
                }
                Op::Peek { cell } => {
                    let got = cache.peek("k", Block::new(0, cell, 0), &Bands::ALL).unwrap();
                    prop_assert_eq!(got.is_some(), model.at(cell).is_some());
                }
                Op::Release { which } => {
                    if handles.is_empty() {
                        continue;
                    }
                    let (handle, start) = handles.swap_remove(which % handles.len());
                    // Detached buffers of the model are told apart by how many handles they have.
                    let count = 1 + handles.iter().filter(|(_, other)| *other == start).count();
                    let attached = (0..12).find(|cell| {
                        cache
                            .peek("k", Block::new(0, *cell, 0), &Bands::ALL)
                            .unwrap()
                            .is_some_and(|tile| tile.bytes().as_ptr() == start)
                    });
                    let size = Memory::allocated_size(handle.bytes().len()) as u64;
                    drop(handle);
                    let at = match attached {
                        Some(cell) => model.at(cell),
                        None => model.buffers.iter().position(|buffer| {
                            buffer.cell.is_none() && buffer.handles == count && buffer.charge == size
                        }),
                    };
                    let at = at.expect("a held buffer of the model");
                    prop_assert_eq!(model.buffers[at].handles, count);
                    model.buffers[at].handles -= 1;
                    model.sweep();
                }
                Op::Remove { cell } => {
                    let removed = cache.remove("k", Block::new(0, cell, 0), &Bands::ALL);
                    prop_assert_eq!(removed, model.at(cell).is_some());
                    model.forget(cell);
                }
                Op::Clear => {
                    cache.clear();
                    (0..12).for_each(|cell| model.forget(cell));
                }
                Op::SetBudget { budget } => {
                    cache.set_budget(budget);
                    model.budget = budget;
                    model.enforce();
                }
                Op::Trim { bytes } => {
                    let before = cache.statistics();
                    let freed = cache.trim(bytes);
                    // What is kept for reuse goes first.
                    model.trim(bytes.saturating_sub(before.reusable));
                    let now = cache.statistics();
                    let left = now.idle + now.held + now.reusable;
                    prop_assert_eq!(freed, before.idle + before.held + before.reusable - left, "freed");
                    prop_assert_eq!(now.budget, before.budget);
                }
            }
            let now = cache.statistics();
            let held = model.sum(|buffer| buffer.resident && buffer.handles > 0);
            prop_assert!(now.idle + now.held + now.reusable <= now.budget, "{:?}", now);
            prop_assert_eq!(now.held, held, "held");
            prop_assert_eq!(now.idle + now.held, model.taken(), "resident");
            prop_assert_eq!(now.over_budget, model.sum(|buffer| !buffer.resident), "over_budget");
            prop_assert_eq!(
                now.orphaned,
                model.sum(|buffer| !buffer.resident && buffer.cell.is_none()),
                "orphaned"
            );
            for cell in 0..12 {
                let found = cache.peek("k", Block::new(0, cell, 0), &Bands::ALL).unwrap();
                prop_assert_eq!(found.is_some(), model.at(cell).is_some(), "cell {}", cell);
            }
        }
        drop(handles);
        let now = cache.statistics();
        prop_assert_eq!((now.held, now.over_budget), (0, 0));
    }
}
