//! Row 6: threads that only hit do not stand in each other's way.

use crate::suite::Run;
use crate::suite::orders::Random;
use crate::suite::report::{Ratio, Report};
use crate::suite::setup::{KEYS, cache, column, cost, in_threads};
use crate::suite::source::Synthetic;
use std::time::Instant;
use tilecache::image::{Bands, Block};
use tilecache::operator::cached;
use tilecache::provider::get_block;

const TILES: u64 = 4096;
const SIDE: u64 = 64;
const THREADS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];
/// How much less a throughput may be before it counts as a fall: what two runs of one thing differ by.
const NOISE: f64 = 0.9;

/// Every number of threads has its turn so often, for what the machine itself can do comes and goes:
/// only what was measured close together is compared.
const ROUNDS: u32 = 20;

/// Hits in a second, for each number of threads and each round.
#[derive(Default)]
struct Rates([Vec<f64>; THREADS.len()]);

impl Rates {
    /// What one number of threads does, as a multiple of what another does in the same round.
    fn of(&self, one: usize, other: usize) -> f64 {
        let pairs = self.0[one].iter().zip(&self.0[other]);
        median(pairs.map(|(one, other)| one / other))
    }

    /// The least multiple of what those do that a number of threads is compared with.
    fn least<I: Iterator<Item = usize>>(&self, others: impl Fn(usize) -> I) -> f64 {
        (1..THREADS.len())
            .flat_map(|many| others(many).map(move |few| self.of(many, few)))
            .fold(f64::INFINITY, f64::min)
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = numbers.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Which tile is read next.
type Pick = Box<dyn Fn(&mut Random) -> u64 + Sync>;

pub fn run(run: &Run, report: &mut Report) {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let source = Synthetic::new(column(TILES, (SIDE, SIDE)), run.seed);
    let cache = cache(TILES * cost(SIDE * SIDE) + KEYS);
    let view = cached(source.provider(None), &cache).expect("a cached layer");
    (0..TILES).for_each(|row| drop(source.read(&*view, Block::new(0, row, 0))));
    let picks: [(&str, Pick); 3] = [
        ("uniform", Box::new(|random| random.below(TILES))),
        ("Zipf 1.0", Box::new(zipf)),
        ("one tile", Box::new(|_| 7)),
    ];
    let mut gets = 0;
    for (name, pick) in picks {
        let mut rates = Rates::default();
        for round in 0..ROUNDS {
            for (all, threads) in rates.0.iter_mut().zip(THREADS) {
                let begin = Instant::now();
                let until = begin + run.time(10) / ROUNDS;
                let counts = in_threads(threads, |thread| {
                    let seed = run.seed ^ thread << 32 ^ threads << 16 ^ u64::from(round);
                    let mut random = Random::new(seed);
                    let (mut count, mut sum) = (0u64, 0u64);
                    while count % 64 != 0 || Instant::now() < until {
                        let at = Block::new(0, pick(&mut random), 0);
                        let tile = get_block(&*view, at, &Bands::ALL).expect("a resident tile");
                        sum += u64::from(tile.row(0, 0)[0]);
                        count += 1;
                    }
                    std::hint::black_box(sum);
                    count
                });
                let count: u64 = counts.iter().sum();
                gets += count;
                all.push(count as f64 / begin.elapsed().as_secs_f64() / 1e6);
            }
        }
        for (all, threads) in rates.0.iter().zip(THREADS) {
            report.note(
                format!("{name}, threads: {threads}: million hits a second"),
                Ratio(median(all.iter().copied())),
            );
        }
        let is_uniform = name == "uniform";
        let (what, least) = match is_uniform {
            true => ("to 2 threads", rates.least(|_| 1..2)),
            false => ("to any with fewer threads", rates.least(|many| 0..many)),
        };
        report.timed_at_least(
            run,
            format!("{name}: least from 2 to 64 threads, {what}"),
            Ratio(least),
            Ratio(NOISE),
        );
        let at_cores = THREADS.iter().rposition(|threads| *threads <= cores);
        report.timed_at_least(
            run,
            format!("{name}: {cores} threads to 1 thread"),
            Ratio(rates.of(at_cores.unwrap_or(0), 0)),
            Ratio(if is_uniform {
                0.75 * cores as f64
            } else {
                NOISE
            }),
        );
    }
    report.exactly("decodes", source.decodes(), TILES);
    report.exactly(
        "hits counted, of as many gets",
        cache.statistics().counters.hits,
        gets,
    );
    report.pixels(&source);
}

/// A tile by Zipf's law: the n-th is read in proportion to 1/n, as nearly as an inverse gives it.
fn zipf(random: &mut Random) -> u64 {
    let rank = (TILES as f64).powf(random.fraction());
    (rank as u64 - 1).min(TILES - 1)
}
