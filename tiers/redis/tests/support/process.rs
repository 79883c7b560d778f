//! A process of a fleet that asks for blocks as a cache does: for the block, for its lease, and then it decodes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tilecache_fleet::clock::BootClock;
use tilecache_fleet::value::{Doubt, Form, Pixels, PixelsMut};
use tilecache_fleet::{
    Answer, Ask, Digest, Fleet, Generation, Link, Options, Parcel, Sample, Statistics, key,
};
use tilecache_redis::{Address, Redis, Settings};

pub const SOURCE: &str = "id:scene";
pub const SIDE: u32 = 64;
const PATIENCE: Duration = Duration::from_secs(2);
/// No request takes longer, whatever the store does.
pub const BOUND: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub enum Outcome {
    Pixels(Vec<u8>),
    Answer(Answer),
}

#[derive(Default)]
struct Told {
    open: HashMap<u64, Sender<Outcome>>,
    generation: Option<Generation>,
    changes: u64,
    log: Vec<String>,
}

#[derive(Clone, Default)]
pub struct Cache(Arc<std::sync::Mutex<Told>>);

impl Cache {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap()
    }

    fn end(&self, ticket: u64, outcome: Outcome) {
        if let Some(waiting) = self.told().open.remove(&ticket) {
            let _ = waiting.send(outcome);
        }
    }
}

impl Link for Cache {
    fn deliver(
        &self,
        ticket: u64,
        write: &mut dyn FnMut(&mut PixelsMut<'_>) -> Result<(), Doubt>,
    ) -> Result<(), Doubt> {
        let mut pixels = vec![0; (SIDE * SIDE * 2) as usize];
        write(&mut PixelsMut {
            data: &mut pixels,
            row_stride: SIDE as usize * 2,
            band_stride: (SIDE * SIDE * 2) as usize,
        })?;
        self.end(ticket, Outcome::Pixels(pixels));
        Ok(())
    }

    fn answer(&self, ticket: u64, answer: Answer) {
        self.end(ticket, Outcome::Answer(answer));
    }

    fn is_wanted(&self, ticket: u64) -> bool {
        self.told().open.contains_key(&ticket)
    }

    fn changed(&self, _: &str, generation: Option<Generation>) {
        let mut told = self.told();
        told.generation = generation;
        told.changes += 1;
    }

    fn log(&self, text: &str) {
        self.told().log.push(text.to_owned());
    }
}

struct Block(Vec<u8>);

impl Parcel for Block {
    fn pixels(&self) -> Pixels<'_> {
        Pixels {
            data: &self.0,
            row_stride: SIDE as usize * 2,
            band_stride: self.0.len(),
        }
    }
}

/// The thread of the tier is one of this process, too.
pub struct Process {
    pub fleet: Arc<Fleet<Redis, Cache>>,
    cache: Cache,
    thread: Option<JoinHandle<()>>,
    tickets: AtomicU64,
    pub decodes: AtomicU64,
    /// How long a decode takes.
    pub decode: Duration,
    /// What the decoder makes now: pixels of the source may change.
    pub version: AtomicU64,
}

impl Process {
    pub fn new(url: &str) -> Self {
        Self::with(url, Settings::default(), |_| ())
    }

    pub fn with(url: &str, settings: Settings, change: impl FnOnce(&mut Options)) -> Self {
        let settings = Settings {
            opening: PATIENCE,
            ..settings
        };
        let store = Redis::new(&Address::parse(url).unwrap(), settings).unwrap();
        // Whatever else the machine does, nothing is late by that.
        let mut options = Options {
            ask_always: true,
            get: PATIENCE,
            validity: 3 * PATIENCE,
            put: PATIENCE,
            ..Options::default()
        };
        change(&mut options);
        let cache = Cache::default();
        let fleet = Arc::new(Fleet::new(
            store,
            cache.clone(),
            options,
            Box::new(BootClock),
            Box::new(|| fastrand::u64(..)),
        ));
        fleet.watch(SOURCE, true);
        let of_thread = Arc::clone(&fleet);
        Self {
            fleet,
            cache,
            thread: Some(std::thread::spawn(move || of_thread.run())),
            tickets: AtomicU64::new(1),
            decodes: AtomicU64::new(0),
            decode: Duration::from_millis(5),
            version: AtomicU64::new(0),
        }
    }

    pub fn generation(&self) -> Option<Generation> {
        self.cache.told().generation
    }

    /// Waits until a generation is confirmed.
    pub fn ready(self) -> Self {
        self.becomes(|process| process.generation().is_some());
        self
    }

    pub fn becomes(&self, so: impl Fn(&Self) -> bool) {
        let limit = Instant::now() + Duration::from_secs(20);
        while !so(self) {
            assert!(
                Instant::now() < limit,
                "it does not come: {:?}",
                self.counts()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn counts(&self) -> Statistics {
        self.fleet.statistics()
    }

    pub fn log(&self) -> Vec<String> {
        self.cache.told().log.clone()
    }

    pub fn decodes(&self) -> u64 {
        self.decodes.load(Ordering::SeqCst)
    }

    fn ask(&self, cell: u64, generation: Generation) -> (Ask, Receiver<Outcome>) {
        let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
        let (sender, receiver) = channel();
        self.cache.told().open.insert(ticket, sender);
        let ask = Ask {
            source: SOURCE.to_owned(),
            key: self.key(cell, generation),
            form: form(),
            decode: Some(self.decode),
            ticket,
        };
        (ask, receiver)
    }

    pub fn key(&self, cell: u64, generation: Generation) -> Digest {
        key::block(
            &cell.to_le_bytes(),
            generation,
            self.fleet.options().secret.as_ref(),
        )
    }

    /// A block as a cache gets it that keeps nothing. Its pixels are those of the decoder, or this panics.
    pub fn block(&self, cell: u64) {
        let begun = Instant::now();
        let pixels = self.get(cell);
        let version = self.version.load(Ordering::SeqCst);
        assert!(
            pixels == decoded(cell, version),
            "other pixels of cell {cell}"
        );
        let time = begun.elapsed();
        assert!(time < BOUND, "a block took {time:?}");
    }

    fn get(&self, cell: u64) -> Vec<u8> {
        // Without a confirmed generation a cache asks no tier.
        let Some(generation) = self.generation() else {
            return self.decode(cell);
        };
        let (ask, answer) = self.ask(cell, generation);
        self.fleet.get(vec![ask]);
        if let Outcome::Pixels(pixels) = answer.recv_timeout(BOUND).unwrap() {
            return pixels;
        }
        let (ask, answer) = self.ask(cell, generation);
        self.fleet.lease(vec![ask]);
        let mut outcome = answer.recv_timeout(BOUND).unwrap();
        if matches!(outcome, Outcome::Answer(Answer::Busy)) {
            let (ask, answer) = self.ask(cell, generation);
            self.fleet.wait(ask);
            outcome = answer.recv_timeout(BOUND).unwrap();
        }
        let lease = match outcome {
            Outcome::Pixels(pixels) => return pixels,
            Outcome::Answer(Answer::Leased(lease)) => lease,
            Outcome::Answer(_) => 0,
        };
        let pixels = self.decode(cell);
        let key = self.key(cell, generation);
        self.fleet
            .put(key, form(), lease, Box::new(Block(pixels.clone())));
        pixels
    }

    fn decode(&self, cell: u64) -> Vec<u8> {
        self.decodes.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(self.decode);
        decoded(cell, self.version.load(Ordering::SeqCst))
    }

    /// Waits until all puts are done or dropped.
    pub fn settled(&self) {
        self.becomes(|process| {
            let counts = process.counts();
            counts.puts == counts.stored + counts.puts_dropped + counts.puts_too_long
        });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.fleet.end();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

pub fn form() -> Form {
    Form {
        sample: Sample::from_code(3).unwrap(),
        width: SIDE,
        height: SIDE,
        bands: 1,
    }
}

/// Half of it compresses.
pub fn decoded(cell: u64, version: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(cell << 8 | version);
    let mut pixel = || [random.u8(..), (cell % 251) as u8];
    (0..SIDE * SIDE).flat_map(|_| pixel()).collect()
}
