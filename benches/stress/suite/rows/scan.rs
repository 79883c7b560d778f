//! Row 15: a scan of another image does not flush a hot set, whatever their speeds.

use crate::suite::Run;
use crate::suite::orders::Random;
use crate::suite::report::{Ratio, Report};
use crate::suite::setup::{KEYS, KIB, MIB, cache, column, cost, in_threads};
use crate::suite::source::Synthetic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use tilecache::image::Block;
use tilecache::load::Cancel;
use tilecache::operator::{ReaderOptions, cached, reader};
use tilecache::provider::{Provider, Retention};

const TILE: u64 = 256 * KIB;
const SIDE: u64 = 512;
const BUDGET: u64 = 64 * MIB;
const HOT: u64 = 48 * MIB / TILE;
const SCAN: u64 = 4096 * MIB / TILE;
const THREADS: u64 = 4;
/// Gets of the hot set for each hundred tiles of the scan.
const SPEEDS: [u64; 4] = [1, 10, 100, 1000];

/// What protects the hot set.
#[derive(PartialEq)]
enum Protection {
    None,
    /// The scan says that it only passes by.
    Streaming,
    /// The image of the hot set has a guarantee.
    Guarantee,
}

pub fn run(run: &Run, report: &mut Report) {
    for speed in SPEEDS {
        let case = format!("{speed} hot gets for 100 tiles of the scan");
        let (rate, wrong) = pass(run, Protection::Streaming, speed);
        report.at_least(format!("{case}, streaming: hits"), rate, Ratio(0.9));
        report.exactly("  tiles with a wrong byte", wrong, 0);
        let (rate, wrong) = pass(run, Protection::Guarantee, speed);
        report.at_least(format!("{case}, guaranteed: hits"), rate, Ratio(0.9));
        report.exactly("  tiles with a wrong byte", wrong, 0);
        let (rate, wrong) = pass(run, Protection::None, speed);
        report.note(format!("{case}, unmarked: hits"), rate);
        report.exactly("  tiles with a wrong byte", wrong, 0);
    }
}

/// The part of the gets of the hot set that hit while the scan goes on.
fn pass(run: &Run, protection: Protection, speed: u64) -> (Ratio, u64) {
    let (hot_tiles, scanned) = (run.count(HOT), run.count(SCAN));
    let hot = Synthetic::new(column(hot_tiles, (SIDE, SIDE)), run.seed);
    let scan = Synthetic::new(column(scanned, (SIDE, SIDE)), run.seed + 1);
    let cache = cache(run.count(BUDGET));
    let of_hot = cached(hot.provider(None), &cache).expect("a cached layer");
    let of_scan = cached(scan.provider(None), &cache).expect("a cached layer");
    if protection == Protection::Guarantee {
        let bytes = hot_tiles * cost(TILE) + KEYS;
        cache
            .set_share(of_hot.key(), 0, bytes)
            .expect("a guarantee");
    }
    let options = ReaderOptions {
        retention: match protection {
            Protection::Streaming => Retention::Streamed,
            Protection::None | Protection::Guarantee => Retention::Kept,
        },
        ..ReaderOptions::default()
    };
    let of_scan: Arc<dyn Provider> = reader(of_scan, options, Arc::<Cancel>::default());
    (0..hot_tiles).for_each(|row| drop(hot.read(&*of_hot, Block::new(0, row, 0))));
    let warm = hot.decodes();
    // Who is ahead waits for the other, so that the ratio of their speeds is kept.
    let (position, gets) = (AtomicU64::new(0), AtomicU64::new(0));
    in_threads(1 + THREADS, |thread| {
        if thread == 0 {
            for row in 0..scanned {
                scan.read(&*of_scan, Block::new(0, row, 0));
                position.store(row + 1, SeqCst);
                // After the last tile nobody is left to wait for.
                while row + 1 < scanned && gets.load(SeqCst) + 100 < (row + 1) * speed / 100 {
                    std::thread::yield_now();
                }
            }
            return;
        }
        let mut random = Random::new(run.seed ^ thread);
        while position.load(SeqCst) < scanned {
            if gets.load(SeqCst) > position.load(SeqCst) * speed / 100 {
                std::thread::yield_now();
                continue;
            }
            hot.read(&*of_hot, Block::new(0, random.below(hot_tiles), 0));
            gets.fetch_add(1, SeqCst);
        }
    });
    let gets = gets.load(SeqCst);
    let missed = hot.decodes() - warm;
    let wrong = hot.verdicts().1 + scan.verdicts().1;
    (
        Ratio((gets - missed.min(gets)) as f64 / gets.max(1) as f64),
        wrong,
    )
}
