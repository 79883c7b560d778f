//! The soak: everything at once for a while, with every pixel checked, the budget looked at each
//! millisecond, and a picture of it all at the end.

mod actors;
mod picture;
mod raster;
mod record;
mod world;

use super::report::{Bytes, Ratio, Report};
use super::setup::usage;
use record::Record;
use std::path::Path;
use std::time::Duration;
use world::World;

/// How long, how large, and where the picture goes.
pub struct Soak<'a> {
    pub time: Duration,
    pub budget: u64,
    pub seed: u64,
    pub picture: &'a Path,
}

impl Soak<'_> {
    /// Does everything at once, and says what was found.
    pub fn run(&self) -> Report {
        let mut report = Report::default();
        let world = World::new(self);
        let directory = self.picture.parent().expect("a directory for the picture");
        std::fs::create_dir_all(directory).expect("the directory of the picture");
        let (rounds, record) = record::during(&world, self.time, || actors::act(&world));
        for (actor, rounds) in &rounds {
            report.at_least(format!("rounds of {actor}"), *rounds, 1);
        }
        self.judge(&world, &record, &mut report);
        let summary = Summary::of(&world, &record);
        std::fs::write(self.picture, picture::draw(&record, &summary)).expect("the picture");
        report.end();
        report
    }

    fn judge(&self, world: &World, record: &Record, report: &mut Report) {
        report.budget_kept(&record.main);
        report.budget_kept(&record.other);
        report.note(
            "longest time between two samples",
            format!("{:.1} ms", record.longest_gap),
        );
        for scene in world.scenes() {
            report.pixels(&scene.source);
        }
        report.exactly("old pixels after an invalidation", world.stale(), 0);
        report.exactly("held tiles whose pixels changed", world.torn(), 0);
        report.at_least("gets that failed as they were told to", world.failures(), 1);
        report.at_least("gets that were cancelled", world.cancellations(), 1);
        for (name, cache) in [
            ("the cache", &world.cache),
            ("the other cache", &world.other),
        ] {
            let now = cache.statistics();
            report.at_most(
                format!("{name} in the end: usage"),
                Bytes(usage(&now)),
                Bytes(now.budget),
            );
            report.exactly(
                format!("{name} in the end: held, over budget and in flight"),
                Bytes(now.held + now.over_budget + now.in_flight),
                Bytes(0),
            );
        }
        report.note("most in flight", Bytes(record.main.in_flight));
        report.note("most over budget", Bytes(record.main.over_budget));
        report.note("hit rate", Ratio(record.hit_rate()));
    }
}

/// The key figures over the picture.
struct Summary {
    seconds: u64,
    samples: u64,
    violations: u64,
    tiles: u64,
    wrong: u64,
    decodes: u64,
    hit_rate: f64,
}

impl Summary {
    fn of(world: &World, record: &Record) -> Self {
        let verdicts = world.scenes().map(|scene| scene.source.verdicts());
        let (tiles, wrong) = verdicts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Self {
            seconds: record
                .points
                .last()
                .map_or(0, |point| point.second.round() as u64),
            samples: record.main.count + record.other.count,
            violations: record.main.violations + record.other.violations,
            tiles,
            wrong: wrong + world.torn(),
            decodes: world.scenes().map(|scene| scene.source.decodes()).sum(),
            hit_rate: record.hit_rate(),
        }
    }
}
