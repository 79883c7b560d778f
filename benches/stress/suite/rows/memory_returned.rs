//! Row 17: memory goes back to the system when the budget shrinks, with the C library's allocator.

use crate::suite::Run;
use crate::suite::child::{Child, tell};
use crate::suite::orders::Random;
use crate::suite::report::{Bytes, Report};
use crate::suite::setup::{KIB, MIB, cache, column, in_threads};
use crate::suite::source::Synthetic;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tilecache::image::Block;
use tilecache::operator::cached;

const BUDGET: u64 = 2048 * MIB;
const SHRUNK: u64 = 16 * MIB;
const THREADS: u64 = 32;
/// Bytes of the tiles, mixed.
const SIZES: [u64; 8] = [
    64 * KIB,
    128 * KIB,
    200 * KIB,
    256 * KIB,
    500 * KIB,
    1024 * KIB,
    3072 * KIB,
    8192 * KIB,
];
const ROUNDS: usize = 5;

pub const TASK: &str = "memory-returned";

pub fn run(run: &Run, report: &mut Report) {
    let mut child = Child::start(run, TASK, &[]);
    child.hear();
    let start = child.resident().now;
    report.note("memory of the process at the start", Bytes(start));
    let mut shrunk = Vec::new();
    for round in 1..=ROUNDS {
        child.go_on();
        let numbers = child.hear_numbers();
        let full = child.resident().now;
        child.go_on();
        child.hear();
        // The allocator may take its time, but not more than this.
        std::thread::sleep(Duration::from_secs(5).mul_f64(run.scale.min(1.0)));
        let now = child.resident().now;
        report.exactly(
            format!("round {round}: tiles with a wrong byte, of {}", numbers[0]),
            numbers[1],
            0,
        );
        report.note(
            format!("round {round}: memory with {}", Bytes(run.count(BUDGET))),
            Bytes(full),
        );
        report.at_most(
            format!("round {round}: memory with {}", Bytes(SHRUNK)),
            Bytes(now),
            Bytes(start + 64 * MIB),
        );
        shrunk.push(now);
    }
    let upward = shrunk.windows(2).all(|two| two[1] > two[0] + MIB);
    report.exactly("it rises from round to round", upward, false);
}

/// In the child: fills the cache, then shrinks it, as often as it is told.
pub fn task(run: &Run, _: &[u64]) {
    let width = 4096;
    let sources: Vec<_> = (0u64..)
        .zip(SIZES)
        .map(|(number, bytes)| {
            let tiles = run.count(2 * BUDGET / bytes / SIZES.len() as u64);
            Synthetic::new(column(tiles, (width, bytes / width)), run.seed + number)
        })
        .collect();
    let cache = cache(SHRUNK);
    let views: Vec<_> = sources
        .iter()
        .map(|source| cached(source.provider(None), &cache).expect("a cached layer"))
        .collect();
    tell(&[]);
    for round in 0..ROUNDS as u64 {
        cache.set_budget(run.count(BUDGET));
        // A smaller budget is filled in less time, too.
        let until = Instant::now() + run.time(300).mul_f64(run.scale);
        in_threads(THREADS, |thread| {
            let mut random = Random::new(run.seed ^ thread << 8 ^ round);
            let mut held = VecDeque::new();
            let mut reads = 0;
            while Instant::now() < until || reads < 32 {
                // Small tiles more often, so that as many bytes of each size are read.
                let size = (random.fraction() * random.fraction() * SIZES.len() as f64) as usize;
                let blocks = views[size].image().grid(0).rows();
                let at = Block::new(0, random.below(blocks), 0);
                held.push_back(sources[size].read(&*views[size], at));
                if held.len() > 4 {
                    held.pop_front();
                }
                reads += 1;
            }
        });
        let verdicts = sources.iter().map(|source| source.verdicts());
        let (checked, wrong) = verdicts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        tell(&[checked, wrong]);
        cache.set_budget(SHRUNK);
        tell(&[]);
    }
}
