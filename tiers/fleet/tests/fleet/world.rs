//! A store in memory, a clock that a test sets, and caches that note what they are told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tilecache_fleet::clock::{Clock, Moment};
use tilecache_fleet::failure::Result;
use tilecache_fleet::value::{Doubt, Form, Pixels, PixelsMut};
use tilecache_fleet::{
    Answer, Ask, Digest, Failure, Fleet, Generation, Lease, Link, Options, Parcel, Sample, Store,
    key,
};

pub const SOURCE: &str = "id:scene";
pub const FORM: (u32, u32) = (16, 8);

pub fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// All that the processes share.
#[derive(Default)]
pub struct World {
    now: AtomicU64,
    pub kept: Mutex<Kept>,
}

#[derive(Default)]
pub struct Kept {
    pub values: HashMap<Digest, Vec<u8>>,
    pub leases: HashMap<Digest, (String, Moment)>,
    pub generations: HashMap<Digest, Generation>,
    /// What every call answers instead.
    pub failure: Option<Failure>,
    /// What is answered for each value that is put and each generation, by a store that is reached.
    pub refusal: Option<Failure>,
    pub is_full: bool,
    /// How long every call takes.
    pub delay: Duration,
    stop: Duration,
    pub calls: u64,
}

impl World {
    pub fn now(&self) -> Moment {
        Moment(self.now.load(Ordering::SeqCst))
    }

    pub fn pass(&self, time: Duration) {
        self.now.fetch_add(time.as_nanos() as u64, Ordering::SeqCst);
    }

    /// Whoever asks next is stopped for so long after the store has answered.
    pub fn stops_in_the_next_answer(&self, time: Duration) {
        self.kept.lock().unwrap().stop = time;
    }

    pub fn fails_with(&self, failure: impl Into<Option<Failure>>) {
        self.kept.lock().unwrap().failure = failure.into();
    }
}

pub struct WorldClock(pub Arc<World>);

impl Clock for WorldClock {
    fn now(&self) -> Moment {
        self.0.now()
    }

    fn sleep(&self, time: Duration) {
        self.0.pass(time);
    }
}

pub struct Shared(pub Arc<World>);

impl Shared {
    fn with<T>(&self, limit: Duration, answer: impl FnOnce(&mut Kept, Moment) -> T) -> Result<T> {
        let mut kept = self.0.kept.lock().unwrap();
        kept.calls += 1;
        self.0.pass(kept.delay.min(limit));
        if kept.delay > limit {
            return Err(Failure::Late);
        }
        if let Some(failure) = &kept.failure {
            return Err(failure.clone());
        }
        let now = self.0.now();
        kept.leases.retain(|_, (_, end)| now < *end);
        let answer = answer(&mut kept, now);
        self.0.pass(std::mem::take(&mut kept.stop));
        Ok(answer)
    }
}

impl Kept {
    fn refused(&self) -> Result<()> {
        self.refusal.clone().map_or(Ok(()), Err)
    }
}

fn oom() -> Failure {
    Failure::Full("OOM command not allowed".to_owned())
}

impl Store for Shared {
    fn values(&self, keys: &[(Digest, usize)], limit: Duration) -> Result<Vec<Option<Vec<u8>>>> {
        self.with(limit, |kept, _| {
            let value = |(key, longest): &(Digest, usize)| {
                let value = kept.values.get(key)?;
                Some(value[..value.len().min(longest + 1)].to_vec())
            };
            keys.iter().map(value).collect()
        })
    }

    fn put(&self, values: &[(Digest, Vec<u8>)], limit: Duration) -> Result<Vec<Result<()>>> {
        self.with(limit, |kept, _| {
            let put = |(key, value): &(Digest, Vec<u8>)| {
                if kept.is_full {
                    return Err(oom());
                }
                kept.refused()?;
                kept.values.insert(*key, value.clone());
                Ok(())
            };
            values.iter().map(put).collect()
        })
    }

    fn lease(&self, leases: &[Lease], limit: Duration) -> Result<Vec<bool>> {
        self.with(limit, |kept, now| {
            if kept.is_full {
                return Err(oom());
            }
            let take = |lease: &Lease| {
                let free = !kept.leases.contains_key(&lease.key);
                if free {
                    let held = (lease.token.clone(), now.after(lease.term));
                    kept.leases.insert(lease.key, held);
                }
                free
            };
            Ok(leases.iter().map(take).collect())
        })?
    }

    fn holders(&self, keys: &[Digest], limit: Duration) -> Result<Vec<Option<String>>> {
        self.with(limit, |kept, _| {
            let token = |key| kept.leases.get(key).map(|(token, _)| token.clone());
            keys.iter().map(token).collect()
        })
    }

    fn renew(&self, leases: &[Lease], limit: Duration) -> Result<Vec<bool>> {
        self.with(limit, |kept, now| {
            let renew = |lease: &Lease| match kept.leases.get_mut(&lease.key) {
                Some((token, end)) if *token == lease.token => {
                    *end = now.after(lease.term);
                    true
                }
                _ => false,
            };
            leases.iter().map(renew).collect()
        })
    }

    fn unlease(&self, leases: &[Lease], limit: Duration) -> Result<()> {
        self.with(limit, |kept, _| {
            for lease in leases {
                if kept
                    .leases
                    .get(&lease.key)
                    .is_some_and(|(token, _)| *token == lease.token)
                {
                    kept.leases.remove(&lease.key);
                }
            }
        })
    }

    fn generations(
        &self,
        sources: &[(Digest, u64)],
        limit: Duration,
    ) -> Result<Vec<Result<Option<Generation>>>> {
        self.with(limit, |kept, now| {
            let find = |&(key, random): &(Digest, u64)| {
                kept.refused()?;
                if let Some(known) = kept.generations.get(&key) {
                    return Ok(Some(*known));
                }
                if kept.is_full {
                    return Err(oom());
                }
                let made = Generation {
                    counter: now.0 / 1000,
                    random,
                };
                kept.generations.insert(key, made);
                Ok(Some(made))
            };
            sources.iter().map(find).collect()
        })
    }

    fn raise(
        &self,
        source: &Digest,
        above: u64,
        random: u64,
        limit: Duration,
    ) -> Result<Option<Generation>> {
        self.with(limit, |kept, now| {
            let old = kept.generations.remove(source).map_or(0, |old| old.counter);
            if kept.is_full {
                return None;
            }
            let counter = (now.0 / 1000).max(old + 1).max(above + 1);
            let made = Generation { counter, random };
            kept.generations.insert(*source, made);
            Some(made)
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Pixels(Vec<u8>),
    Miss,
    Leased(u64),
    Busy,
}

/// A cache that notes what it is told.
#[derive(Default)]
pub struct Told {
    pub outcomes: HashMap<u64, Outcome>,
    pub generations: Vec<Option<Generation>>,
    /// Until when the last one is to be believed.
    pub until: Option<Moment>,
    pub unwanted: Vec<u64>,
    pub logged: Vec<String>,
    pub parcels: usize,
}

#[derive(Clone, Default)]
pub struct Cache(pub Arc<Mutex<Told>>);

impl Cache {
    fn end(&self, ticket: u64, outcome: Outcome) {
        let before = self.0.lock().unwrap().outcomes.insert(ticket, outcome);
        assert_eq!(before, None, "ticket {ticket} was answered twice");
    }
}

impl Link for Cache {
    fn deliver(
        &self,
        ticket: u64,
        write: &mut dyn FnMut(&mut PixelsMut<'_>) -> std::result::Result<(), Doubt>,
    ) -> std::result::Result<(), Doubt> {
        let mut pixels = vec![0; (FORM.0 * FORM.1 * 2) as usize];
        write(&mut PixelsMut {
            data: &mut pixels,
            row_stride: FORM.0 as usize * 2,
            band_stride: (FORM.0 * FORM.1 * 2) as usize,
        })?;
        self.end(ticket, Outcome::Pixels(pixels));
        Ok(())
    }

    fn answer(&self, ticket: u64, answer: Answer) {
        let outcome = match answer {
            Answer::Miss => Outcome::Miss,
            Answer::Leased(lease) => Outcome::Leased(lease),
            Answer::Busy => Outcome::Busy,
        };
        self.end(ticket, outcome);
    }

    fn is_wanted(&self, ticket: u64) -> bool {
        !self.0.lock().unwrap().unwanted.contains(&ticket)
    }

    fn changed(&self, source: &str, generation: Option<Generation>) {
        assert_eq!(source, SOURCE);
        self.0.lock().unwrap().generations.push(generation);
    }

    fn confirmed(&self, source: &str, generation: Generation, until: Moment) {
        self.changed(source, Some(generation));
        self.0.lock().unwrap().until = Some(until);
    }

    fn log(&self, text: &str) {
        self.0.lock().unwrap().logged.push(text.to_owned());
    }
}

struct Block {
    pixels: Vec<u8>,
    cache: Cache,
}

impl Parcel for Block {
    fn pixels(&self) -> Pixels<'_> {
        Pixels {
            data: &self.pixels,
            row_stride: FORM.0 as usize * 2,
            band_stride: self.pixels.len(),
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.cache.0.lock().unwrap().parcels -= 1;
    }
}

/// A process: its cache, and its part of the fleet. Its thread is whoever calls `turn`.
pub struct Process {
    pub fleet: Fleet<Shared, Cache>,
    pub cache: Cache,
    pub decode: Option<Duration>,
    tickets: AtomicU64,
}

impl Process {
    pub fn new(world: &Arc<World>, seed: u64) -> Self {
        Self::with(world, seed, |_| ())
    }

    pub fn with(world: &Arc<World>, seed: u64, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        change(&mut options);
        let mut random = fastrand::Rng::with_seed(seed);
        let cache = Cache::default();
        let fleet = Fleet::new(
            Shared(Arc::clone(world)),
            cache.clone(),
            options,
            Box::new(WorldClock(Arc::clone(world))),
            Box::new(move || random.u64(..)),
        );
        fleet.watch(SOURCE, true);
        let process = Self {
            fleet,
            cache,
            decode: Some(ms(20)),
            tickets: AtomicU64::new(1),
        };
        process.fleet.turn();
        process
    }

    /// What the thread of the tier does.
    pub fn turn(&self) {
        self.fleet.turn();
    }

    /// The last generation that the cache was told, unless it is suspect.
    pub fn generation(&self) -> Option<Generation> {
        self.cache
            .0
            .lock()
            .unwrap()
            .generations
            .last()
            .copied()
            .flatten()
    }

    pub fn ask(&self, cell: u64) -> Ask {
        Ask {
            source: SOURCE.to_owned(),
            key: self.key(cell),
            form: form(),
            decode: self.decode,
            ticket: self.tickets.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub fn key(&self, cell: u64) -> Digest {
        let generation = self.generation().unwrap_or(Generation {
            counter: 0,
            random: 0,
        });
        key::block(
            &cell.to_le_bytes(),
            generation,
            self.fleet.options().secret.as_ref(),
        )
    }

    pub fn outcome(&self, ticket: u64) -> Option<Outcome> {
        self.cache.0.lock().unwrap().outcomes.get(&ticket).cloned()
    }

    pub fn get(&self, cell: u64) -> Outcome {
        let ask = self.ask(cell);
        let ticket = ask.ticket;
        self.fleet.get(vec![ask]);
        self.outcome(ticket).expect("an answer in the call")
    }

    pub fn lease(&self, cell: u64) -> Outcome {
        let ask = self.ask(cell);
        let ticket = ask.ticket;
        self.fleet.lease(vec![ask]);
        self.outcome(ticket).expect("an answer in the call")
    }

    /// The ticket of a wait.
    pub fn wait(&self, cell: u64) -> u64 {
        let ask = self.ask(cell);
        let ticket = ask.ticket;
        self.fleet.wait(ask);
        ticket
    }

    pub fn put(&self, cell: u64, lease: u64, pixels: Vec<u8>) {
        self.cache.0.lock().unwrap().parcels += 1;
        let cache = self.cache.clone();
        self.fleet.put(
            self.key(cell),
            form(),
            lease,
            Box::new(Block { pixels, cache }),
        );
    }
}

pub fn form() -> Form {
    Form {
        sample: Sample::from_code(3).unwrap(),
        width: FORM.0,
        height: FORM.1,
        bands: 1,
    }
}

/// What a decode of a cell gives.
pub fn pixels(cell: u64) -> Vec<u8> {
    (0..FORM.0 * FORM.1)
        .flat_map(|at| (at as u16 + 100 * cell as u16).to_le_bytes())
        .collect()
}
