//! Hit ratios of eviction policies on traces of requests: those of the cache, and others as their papers have them.
//!
//!     cargo bench --bench policies
//!
//! All tiles are of one size, and the traces are the same in every run. Takes a minute or two.

mod textbook;
mod traces;
#[path = "../walk/mod.rs"]
mod walk;

use textbook::{Lru, Policy, S3Fifo, Sieve};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::image::{Bands, Block};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory};
use tilecache::tile::Tile;
use traces::{TILES, Trace};

/// What the cache may hold, in percent of the tiles.
const BUDGETS: [u32; 3] = [1, 5, 20];

fn main() {
    println!(
        "| requests | budget | LRU | SIEVE | S3-FIFO | ours, default | ours, `TC_CACHE_FREQUENCY` |"
    );
    println!("|---|---|---|---|---|---|---|");
    let server = [0.7, 0.9, 1.1].map(traces::server);
    let (beside, viewer) = (traces::server_beside_sweep(0.9), traces::viewer());
    for trace in server.iter().chain([&beside, &viewer]) {
        BUDGETS.iter().for_each(|percent| show(trace, *percent));
    }
    for percent in BUDGETS {
        show(&traces::server_and_sweep(0.9, cached(percent)), percent);
    }
}

/// How many tiles a budget holds.
fn cached(percent: u32) -> usize {
    (TILES * percent / 100) as usize
}

fn show(trace: &Trace, percent: u32) {
    let tiles = cached(percent);
    let ours = |frequency| Box::new(Ours::new(tiles, frequency)) as Box<dyn Policy>;
    let policies = [
        Box::new(Lru::new(tiles)) as Box<dyn Policy>,
        Box::new(Sieve::new(tiles)),
        Box::new(S3Fifo::new(tiles)),
        ours(false),
        ours(true),
    ];
    let ratios = policies.map(|mut policy| format!("{:.1} %", ratio(&mut *policy, trace)));
    println!("| {} | {percent} % | {} |", trace.name, ratios.join(" | "));
}

/// Hits among the requests of a trace that count, in percent.
fn ratio(policy: &mut dyn Policy, trace: &Trace) -> f64 {
    let (mut hits, mut all) = (0u32, 0u32);
    for (at, tile) in trace.requests.iter().enumerate() {
        let hit = policy.get(*tile);
        if trace.counts(at) {
            all += 1;
            hits += u32::from(hit);
        }
    }
    100.0 * f64::from(hits) / f64::from(all)
}

/// The cache of this library.
struct Ours {
    cache: Cache,
}

/// The bytes of a tile.
const BYTES: usize = 64;

/// What an entry is charged beside them.
const ENTRY: u64 = 256;

impl Ours {
    fn new(tiles: usize, frequency: bool) -> Self {
        let options = Options {
            frequency,
            ..Options::default()
        };
        let cache = Cache::new(1 << 20, options).expect("a cache");
        let mut ours = Self { cache };
        ours.get(0);
        let key = ours.cache.statistics().idle - (BYTES as u64 + ENTRY);
        ours.cache.clear();
        let budget = key + tiles as u64 * (BYTES as u64 + ENTRY);
        ours.cache.set_budget(budget);
        ours
    }
}

impl Policy for Ours {
    fn get(&mut self, tile: u32) -> bool {
        let at = Block::new(0, u64::from(tile), 0);
        let found = self.cache.get("tiles", at, &Bands::ALL);
        if found.expect("a cell").is_some() {
            return true;
        }
        let shape = Shape {
            width: BYTES,
            height: 1,
            bands: 1,
        };
        let layout = Layout::packed(shape, DType::U8).expect("a layout");
        let memory = Memory::zeroed(BYTES).expect("memory");
        let made = Tile::from_canvas(Canvas::new(memory, layout));
        let put = self
            .cache
            .put("tiles", at, &Bands::ALL, made.pixels().clone());
        put.expect("room");
        false
    }
}
