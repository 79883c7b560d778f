//! Ways to read the same image, which may make no difference.

use crate::random::Random;
use tilecache::cache::{Cache, Options};
use tilecache::operator::Order;
use tilecache::resample::Filter;

/// Set, every value of a way comes with all values of the others, not each pair once: of all filters by 1, else of those
/// that it names, so that all can be gone through part by part.
const FULL: &str = "TILECACHE_FULL_PRODUCT";

pub const BLOCKS: [(u64, u64); 4] = [(64, 64), (301, 1), (300, 300), (17, 50)];
const TILES: [(u64, u64); 4] = [(24, 24), (1024, 1024), (33, 150), (128, 16)];
const BUDGETS: [Option<u64>; 4] = [None, Some(1 << 14), Some(1 << 18), Some(1 << 26)];
const THREADS: [usize; 4] = [1, 4, 2, 3];

/// In which order blocks are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    Rows,
    Columns,
    /// Along a curve, by a declared pass.
    Declared,
    /// In no order.
    Shuffled,
}

const ORDERS: [Asked; 4] = [
    Asked::Shuffled,
    Asked::Rows,
    Asked::Declared,
    Asked::Columns,
];

impl Asked {
    /// The order, if it is one.
    pub fn order(self) -> Order {
        match self {
            Asked::Rows | Asked::Shuffled => Order::Rows,
            Asked::Columns => Order::Columns,
            Asked::Declared => Order::Hilbert,
        }
    }
}

/// How a source is cut, and how what is made of it is read.
#[derive(Debug)]
pub struct Way {
    pub block: (u64, u64),
    pub tile: (u64, u64),
    pub budget: Option<u64>,
    pub threads: usize,
    pub asked: Asked,
}

impl Way {
    fn of([block, tile, budget, threads, asked]: [usize; 5]) -> Self {
        Way {
            block: BLOCKS[block],
            tile: TILES[tile],
            budget: BUDGETS[budget],
            threads: THREADS[threads],
            asked: ORDERS[asked],
        }
    }

    /// Sides and budgets beside those of [`ways`].
    pub fn any(random: &mut Random) -> Self {
        let sides = [1u64, 7, 16, 64, 300, 1024];
        Way {
            block: (random.one_of(&sides), random.one_of(&sides[1..])),
            tile: (random.one_of(&sides[1..]), random.one_of(&sides[1..])),
            budget: random.one_of(&[None, Some(3000), Some(100_000), Some(1 << 24)]),
            threads: random.one_of(&[1, 1, 4]),
            asked: Asked::Shuffled,
        }
    }

    pub fn cache(&self) -> Option<Cache> {
        let budget = self.budget?;
        Some(Cache::new(budget, Options::default()).unwrap())
    }
}

/// Whether all ways are asked for.
pub fn is_full() -> bool {
    std::env::var_os(FULL).is_some()
}

/// Whether a filter is to be gone through.
pub fn is_wanted(filter: Filter) -> bool {
    match std::env::var(FULL) {
        Ok(names) => names == "1" || names.split(',').any(|name| name == filter.name()),
        Err(_) => true,
    }
}

/// Ways of which each pair of values comes together once, or all if so asked.
fn ways() -> Vec<Way> {
    if is_full() {
        let digits = |n: usize| [n, n >> 2, n >> 4, n >> 6, n >> 8].map(|digit| digit & 3);
        return (0..1024).map(|n| Way::of(digits(n))).collect();
    }
    // Latin squares that are orthogonal to each other: sums with 1, 2 and 3 times a number in the field of four.
    let (twice, thrice) = ([0, 2, 3, 1], [0, 3, 1, 2]);
    let places = (0..16).map(|n| (n / 4, n % 4));
    places
        .map(|(i, j)| Way::of([i, j, i ^ j, twice[i] ^ j, thrice[i] ^ j]))
        .collect()
}

/// Bands of two that are read by themselves.
const SUBSETS: [&[u32]; 3] = [&[0, 1], &[1], &[1, 0]];

/// The ways, each with bands to read: all subsets in turn.
pub fn ways_and_bands() -> impl Iterator<Item = (Way, &'static [u32])> {
    ways().into_iter().zip(SUBSETS.into_iter().cycle())
}
