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
        let mut rates = Vec::new();
        for threads in THREADS {
            let until = Instant::now() + run.time(10);
            let begin = Instant::now();
            let counts = in_threads(threads, |thread| {
                let mut random = Random::new(run.seed ^ thread << 32 ^ threads);
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
            let rate = count as f64 / begin.elapsed().as_secs_f64() / 1e6;
            report.note(
                format!("{name}, threads: {threads}: million hits a second"),
                Ratio(rate),
            );
            rates.push(rate);
        }
        let (one, two) = (rates[0], rates[1]);
        let many = rates[1..].iter().copied().fold(f64::INFINITY, f64::min);
        report.timed_at_least(
            run,
            format!("{name}: least from 2 to 64 threads, to 2 threads"),
            Ratio(many / two),
            Ratio(NOISE),
        );
        let at_cores = THREADS.iter().rposition(|threads| *threads <= cores);
        let at_cores = rates[at_cores.unwrap_or(0)];
        let least = match name {
            "uniform" => 0.75 * cores as f64,
            _ => NOISE,
        };
        report.timed_at_least(
            run,
            format!("{name}: {cores} threads to 1 thread"),
            Ratio(at_cores / one),
            Ratio(least),
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
