//! Row 9: many small tiles, then many larger ones, and never more than the budget.

use crate::suite::Run;
use crate::suite::report::{Bytes, Report};
use crate::suite::setup::{MIB, cache, cost, in_threads, usage};
use crate::suite::watch::{give_way, watched};
use tilecache::cache::Cache;
use tilecache::dtype::DType;
use tilecache::image::{Bands, Block};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory};
use tilecache::tile::Tile;

const BUDGET: u64 = 16 * MIB;
const THREADS: u64 = 8;
const PHASES: [(&str, u64, u64); 2] = [("small", 65_536, 512), ("large", 4096, 16_384)];

pub fn run(run: &Run, report: &mut Report) {
    let budget = run.count(BUDGET);
    let cache = cache(budget);
    for (key, count, bytes) in PHASES {
        let count = run.count(count) / THREADS;
        let ((), samples) = watched(&cache, || {
            in_threads(THREADS, |thread| {
                give_way();
                (0..count).for_each(|row| put(&cache, key, Block::new(0, row, thread), bytes));
            });
        });
        let now = cache.statistics();
        report.budget_kept(&samples);
        report.at_least(
            format!("{key}: usage when all are put"),
            Bytes(usage(&now)),
            Bytes(budget - cost(PHASES[1].2) - budget / 16),
        );
        report.at_most(
            format!("{key}: entries of {bytes} B that stay, with their books"),
            now.entries * cost(PHASES[0].2),
            budget,
        );
        report.note(
            format!("{key}: in flight at most"),
            Bytes(samples.in_flight),
        );
        report.note(
            format!("{key}: over budget at most"),
            Bytes(samples.over_budget),
        );
    }
    report.exactly(
        "over budget in the end",
        Bytes(cache.statistics().over_budget),
        Bytes(0),
    );
}

/// Puts a tile of so many bytes.
pub fn put(cache: &Cache, key: &str, at: Block, bytes: u64) {
    let shape = Shape {
        width: bytes as usize,
        height: 1,
        bands: 1,
    };
    let layout = Layout::packed(shape, DType::U8).expect("a layout");
    let memory = Memory::zeroed(layout.span()).expect("memory");
    let tile = Tile::from_canvas(Canvas::new(memory, layout));
    let pixels = tile.pixels().clone();
    cache.put(key, at, &Bands::ALL, pixels).expect("a put");
}
