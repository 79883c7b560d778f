//! Stacks of operators under random load: several images with levels of every kind, one or two caches,
//! many threads, tight budgets, changes and cancellations, and every pixel compared with what the
//! definition of each operator says.
//!
//! A failure prints the seed of its world and what the world was made of. `TILECACHE_STACKS_SEED`
//! repeats a world, as far as threads allow, until it fails or 200 times; `TILECACHE_STACKS_SECONDS` looks
//! at new worlds for so long.

mod acts;
mod face;
mod makers;
mod random;
mod raster;
#[path = "../support/scale.rs"]
mod scale;
mod sources;
mod tiff;
mod view;
mod world;

use acts::Actor;
use scale::scaled;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant, SystemTime};
use world::{Laws, World};

/// Worlds of each kind.
const WORLDS: u32 = 12;

/// Steps of all threads of a world together.
const STEPS: u64 = 320;

/// A world that takes so long hangs.
const PATIENCE: Duration = Duration::from_secs(100);

/// Tries a number of worlds, or as many as there is time for.
fn explore(laws: Laws) {
    let variable = |name: &str| {
        let value = std::env::var(name).ok();
        value.map(|value| value.parse::<u64>().expect("a number"))
    };
    if let Some(seed) = variable("TILECACHE_STACKS_SEED") {
        (0..200).for_each(|_| live(World::new(seed, laws)));
        return;
    }
    match variable("TILECACHE_STACKS_SECONDS") {
        None => (0..scaled(WORLDS)).for_each(|seed| live(World::new(seed.into(), laws))),
        Some(seconds) => {
            let since_1970 = SystemTime::UNIX_EPOCH.elapsed().expect("the time");
            let (begin, first) = (Instant::now(), since_1970.as_nanos() as u64);
            let seeds = (0..).map(|number| random::mix(first + number));
            seeds
                .take_while(|_| begin.elapsed() < Duration::from_secs(seconds))
                .for_each(|seed| live(World::new(seed, laws)));
        }
    }
}

/// Lets all threads of a world act, and looks at what is left of it.
fn live(world: World) {
    let (ended, impatient) = (AtomicBool::new(false), Mutex::new(None));
    let start = Barrier::new(world.threads as usize);
    let errors: Vec<String> = std::thread::scope(|scope| {
        // The sender goes with the last thread.
        let (alive, watched) = channel::<()>();
        scope.spawn(|| watch(&world, watched));
        let threads: Vec<_> = (0..world.threads)
            .map(|thread| {
                let (world, ended, impatient, start) = (&world, &ended, &impatient, &start);
                let alive = alive.clone();
                scope.spawn(move || {
                    let _alive = alive;
                    let mut actor = Actor::new(world, thread, impatient);
                    start.wait();
                    for _ in 0..STEPS / world.threads {
                        if ended.load(SeqCst) {
                            break;
                        }
                        let done = actor.act();
                        ended.fetch_or(done.is_err(), SeqCst);
                        done?;
                    }
                    actor.let_go()
                })
            })
            .collect();
        drop(alive);
        let ends = threads.into_iter().map(|thread| match thread.join() {
            Ok(end) => end,
            Err(_) => Err("a thread panicked".into()),
        });
        ends.filter_map(Result::err).collect()
    });
    drop(impatient);
    let complaints = world.rasters.iter().flat_map(|raster| {
        let complaints = raster.complaints.lock().expect("complaints");
        complaints.clone()
    });
    let mut errors: Vec<_> = errors.into_iter().chain(complaints).collect();
    for (number, cache) in world.caches.iter().enumerate() {
        let now = cache.statistics();
        if now.held + now.over_budget + now.in_flight > 0 || now.resident > now.budget {
            let [held, over_budget, in_flight] = [now.held, now.over_budget, now.in_flight];
            errors.push(format!(
                "cache {number} in the end: held {held}, over_budget {over_budget}, in flight {in_flight}, \
                 resident {} of {}",
                now.resident, now.budget
            ));
        }
    }
    let seed = world.seed;
    let world = world.describe();
    assert!(
        errors.is_empty(),
        "seed {seed}, {world}{}",
        errors.join("\n")
    );
}

/// Ends everything if the threads of a world do not end.
fn watch(world: &World, threads: Receiver<()>) {
    if threads.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        eprintln!("seed {} hangs, {}", world.seed, world.describe());
        std::process::abort();
    }
}

#[test]
fn pixels_of_images_levels_bands_and_generations_never_mix() {
    explore(Laws::default());
}

#[test]
fn every_read_sees_what_was_put() {
    explore(Laws {
        puts: true,
        wide: true,
    });
}

#[test]
fn what_was_put_into_a_tight_cache_is_seen_or_gone() {
    explore(Laws {
        puts: true,
        wide: false,
    });
}
