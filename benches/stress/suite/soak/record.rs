//! What is seen of the caches and of the process while the actors act.

use super::super::child::resident;
use super::super::setup::usage;
use super::super::watch::{Ended, Samples, each_millisecond};
use super::world::World;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tilecache::cache::Statistics;

/// Points of the picture over the whole time.
const POINTS: u32 = 600;
/// After so much more time than they have, the actors hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// All that was seen.
#[derive(Default)]
pub struct Record {
    pub main: Samples,
    pub other: Samples,
    pub points: Vec<Point>,
    /// Milliseconds.
    pub longest_gap: f64,
}

/// The state of the cache at the end of a short time, and the extremes within it.
#[derive(Clone, Copy, Default)]
pub struct Point {
    pub second: f64,
    pub now: Statistics,
    pub most_in_flight: u64,
    pub most_over_budget: u64,
    /// Since the last point.
    pub hits: u64,
    pub gets: u64,
    /// What both caches count, inside their budgets and outside.
    pub counted: u64,
    /// Memory of the process.
    pub resident: u64,
}

impl Record {
    pub fn hit_rate(&self) -> f64 {
        let sum = |of: fn(&Point) -> u64| self.points.iter().map(of).sum::<u64>();
        sum(|point| point.hits) as f64 / sum(|point| point.gets).max(1) as f64
    }

    fn add(&mut self, point: Point, before: &Statistics) {
        let (now, then) = (point.now.counters, before.counters);
        let hits = now.hits - then.hits;
        self.points.push(Point {
            hits,
            gets: hits + now.misses - then.misses,
            resident: resident("self").now,
            ..point
        });
    }
}

/// Lets the actors act for `time` and looks on.
pub fn during<R>(world: &World, time: Duration, act: impl FnOnce() -> R) -> (R, Record) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(world, time, &ended));
        let result = {
            let _ended = Ended(&ended);
            act()
        };
        (result, watcher.join().expect("the watcher"))
    })
}

fn watch(world: &World, time: Duration, ended: &AtomicBool) -> Record {
    let begin = Instant::now();
    let step = time / POINTS;
    let mut record = Record::default();
    let mut point = Point::default();
    let mut before = world.cache.statistics();
    let mut last = begin;
    each_millisecond(|| {
        record.longest_gap = record.longest_gap.max(last.elapsed().as_secs_f64() * 1e3);
        last = Instant::now();
        let now = world.cache.statistics();
        record.main.add(&now);
        let other = world.other.statistics();
        record.other.add(&other);
        point.most_in_flight = point.most_in_flight.max(now.in_flight);
        point.most_over_budget = point.most_over_budget.max(now.over_budget);
        let elapsed = begin.elapsed();
        if elapsed >= step * (record.points.len() as u32 + 1) {
            point.second = elapsed.as_secs_f64();
            point.now = now;
            let bytes = |now: &Statistics| usage(now) + now.over_budget + now.in_flight;
            point.counted = bytes(&now) + bytes(&other);
            record.add(point, &before);
            (point, before) = (Point::default(), now);
        }
        if elapsed > time {
            world.stop();
        }
        if elapsed > time + PATIENCE {
            eprintln!("The actors do not end: something hangs.");
            std::process::exit(2);
        }
        !ended.load(Ordering::SeqCst)
    });
    record
}
