//! Another tier under random stacks: images, levels, grids that straddle blocks, budgets and threads at random, and a store
//! that answers at random. Every pixel is checked, and what is decoded is counted.

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use support::{Behaviour, named, value};
use tilecache::cache::{
    Cache, Lease, Link, Options, Parcel, Reply, Ticket, Tier, TierBlock, TierOptions, identify,
};
use tilecache::dtype::DType;
use tilecache::error::{Error, Result};
use tilecache::image::{Bands, Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::{RetileOptions, cached, level, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file;

/// Numbers that only seem to be random.
struct Random(Mutex<u64>);

impl Random {
    fn below(&self, limit: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % limit
    }
}

/// What processes share: blocks, and who decodes which.
#[derive(Default)]
struct Store {
    blocks: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
    leases: Mutex<HashMap<Vec<u8>, u64>>,
    numbers: AtomicU64,
}

/// A process's side of a store.
struct Side {
    store: Arc<Store>,
    random: Random,
    /// One answer of so many is none, torn or too late; 0 for no such one.
    bad: u64,
    later: Mutex<mpsc::Sender<(Ticket, Vec<u8>)>>,
}

impl Side {
    fn new(store: &Arc<Store>, seed: u64, bad: u64) -> Arc<Self> {
        let (later, questions) = mpsc::channel::<(Ticket, Vec<u8>)>();
        let kept = store.clone();
        std::thread::spawn(move || {
            while let Ok((ticket, material)) = questions.recv() {
                let _ = answer(&kept, &material, &ticket);
            }
        });
        Arc::new(Self {
            store: store.clone(),
            random: Random(Mutex::new(seed)),
            bad,
            later: Mutex::new(later),
        })
    }

    fn later(&self, ticket: Ticket, block: &TierBlock) {
        let later = self.later.lock().unwrap();
        later
            .send((ticket, block.material.clone()))
            .expect("a thread");
    }
}

/// Answers with what the store has of a block.
fn answer(store: &Store, material: &[u8], ticket: &Ticket) -> Result<()> {
    let known = store.blocks.lock().unwrap().get(material).cloned();
    match known {
        Some(bytes) => ticket.answer(|into| write(&bytes, into)),
        None => ticket.reply(Reply::Miss),
    }
}

fn write(bytes: &[u8], into: &mut PixelsMut<'_>) -> Result<()> {
    let shape = into.layout().shape;
    for (at, row) in bytes.chunks_exact(shape.width).enumerate() {
        into.row_mut(at / shape.height, at % shape.height)
            .copy_from_slice(row);
    }
    Ok(())
}

impl Tier for Side {
    fn get(&self, block: &TierBlock, _: Instant, ticket: Ticket) {
        if self.bad > 0 && self.random.below(self.bad) == 0 {
            let _ = match self.random.below(3) {
                0 => ticket.reply(Reply::Miss),
                1 => ticket.answer(|_| Err(Error::corrupt("the value is torn"))),
                // Dropped without an answer.
                _ => Ok(()),
            };
            return;
        }
        match self.random.below(2) {
            0 => self.later(ticket, block),
            _ => answer(&self.store, &block.material, &ticket).expect("an answer in time"),
        }
    }

    fn takes_puts(&self) -> bool {
        true
    }

    fn put(&self, block: &TierBlock, lease: Option<Lease>, parcel: Parcel) {
        let tile = parcel.tile();
        let shape = tile.shape();
        let rows = (0..shape.bands).flat_map(|band| (0..shape.height).map(move |y| (band, y)));
        let bytes = rows.flat_map(|(band, y)| tile.row(band, y)[..shape.width].to_vec());
        let bytes: Vec<u8> = bytes.collect();
        assert_eq!(bytes.len(), block.layout.span());
        let before = self
            .store
            .blocks
            .lock()
            .unwrap()
            .insert(block.material.clone(), bytes);
        if self.bad == 0 {
            assert!(before.is_none(), "{:?} was put twice", block.at);
            assert!(
                lease.is_some(),
                "{:?} was decoded without a lease",
                block.at
            );
        }
        if let Some(lease) = lease {
            self.unlease(block, lease);
        }
    }

    fn has_leases(&self) -> bool {
        true
    }

    fn lease(&self, block: &TierBlock, waits: bool, deadline: Instant, ticket: Ticket) {
        loop {
            if self
                .store
                .blocks
                .lock()
                .unwrap()
                .contains_key(&block.material)
            {
                return self.later(ticket, block);
            }
            let number = 1 + self.store.numbers.fetch_add(1, Ordering::Relaxed);
            let is_new = {
                let mut leases = self.store.leases.lock().unwrap();
                // Put since: it is looked for once more.
                let is_put = self
                    .store
                    .blocks
                    .lock()
                    .unwrap()
                    .contains_key(&block.material);
                let is_free = !is_put && !leases.contains_key(&block.material);
                is_free
                    .then(|| leases.insert(block.material.clone(), number))
                    .is_some()
            };
            let reply = match (is_new, waits) {
                (true, _) => Reply::Leased(Lease::new(number).expect("a number")),
                (false, false) => Reply::Busy,
                (false, true) if Instant::now() > deadline || !ticket.is_wanted() => Reply::Miss,
                (false, true) => {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
            };
            let _ = ticket.reply(reply);
            return;
        }
    }

    fn unlease(&self, block: &TierBlock, lease: Lease) {
        let ended = self.store.leases.lock().unwrap().remove(&block.material);
        assert_eq!(ended, Some(lease.get()));
    }
}

/// An image, and the stack that one process sees it through.
#[derive(Clone)]
struct Stack {
    name: String,
    image: Image,
    is_cached: bool,
    tile: (u64, u64),
    level: u32,
}

impl Stack {
    fn random(random: &Random, number: u64) -> Self {
        let side = || 20 + random.below(80);
        let block = || (4 + random.below(40), 4 + random.below(40));
        let (width, height) = (side(), side());
        let mut image = Image::new(width, height, 1 + random.below(3) as u32, DType::U8);
        image.block = block();
        let levels = 1 + random.below(3) as u32;
        image.levels = (0..levels)
            .map(|level| (width.div_ceil(1 << level), height.div_ceil(1 << level)))
            .collect();
        Self {
            name: format!("image{number}"),
            image,
            is_cached: random.below(2) == 0,
            tile: block(),
            level: random.below(levels.into()) as u32,
        }
    }

    /// The source, by its own number in each process, and what shows it.
    fn open(&self, behaviour: &Arc<Behaviour>, cache: &Cache) -> Arc<dyn Provider> {
        let source = named(None, self.image.clone(), behaviour.clone());
        identify(source.key(), "id", &self.name).expect("an identity");
        let blocks = match self.is_cached {
            true => cached(source, cache).expect("a cached source"),
            false => source,
        };
        let shown = level(blocks, self.level).expect("a level");
        let options = RetileOptions {
            tile: self.tile,
            pad_edges: false,
        };
        retiled(shown, &options, Some(cache)).expect("tiles")
    }

    /// Reads all tiles of a level of what is shown, in some order.
    fn check(&self, tiles: &Arc<dyn Provider>, random: &Random) {
        for shown in 0..tiles.image().levels.len() as u32 {
            let grid = tiles.image().grid(shown);
            let cells = grid.rows() * grid.cols();
            let begin = random.below(cells.max(1));
            for n in 0..cells {
                let n = (n + begin) % cells;
                let at = Block::new(shown, n / grid.cols(), n % grid.cols());
                if at.rect(tiles.image()).area() == 0 {
                    continue;
                }
                let tile = get_block(&**tiles, at, &Bands::ALL).expect("a tile");
                let rect = at.rect(tiles.image());
                let of = self.level + shown;
                for band in 0..self.image.bands.len() {
                    for y in 0..rect.height {
                        let row = tile.row(band, y as usize);
                        let expected = (0..rect.width)
                            .map(|x| value(of, rect.x + x, rect.y + y, band as u32) as u8);
                        assert!(row.iter().copied().eq(expected), "{} {at}", self.name);
                    }
                }
            }
        }
    }

    /// Blocks with pixels, of all levels that are shown.
    fn blocks(&self) -> u64 {
        let levels = self.level..self.image.levels.len() as u32;
        let blocks = |level| {
            let grid = self.image.grid(level);
            let all = (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col)));
            all.filter(|(row, col)| grid.rect(*row, *col).area() > 0)
                .count() as u64
        };
        levels.map(blocks).sum()
    }
}

fn process(side: &Arc<Side>, budget: u64) -> (Cache, Arc<Link>) {
    let cache = Cache::new(budget, Options::default()).expect("a cache");
    let options = TierOptions {
        get: Duration::from_secs(60),
        queue_bytes: budget,
        ..TierOptions::default()
    };
    let link = cache.set_tier(side.clone(), options).expect("a new cache");
    (cache, link)
}

#[test]
fn processes_at_once_decode_each_block_once_and_a_later_one_none() {
    for seed in 0..12 {
        let random = Random(Mutex::new(seed));
        let stacks: Vec<_> = (0..3).map(|n| Stack::random(&random, n)).collect();
        let store = Arc::<Store>::default();
        let behaviours: Vec<_> = stacks.iter().map(|_| Arc::<Behaviour>::default()).collect();
        let side = || Side::new(&store, random.below(1 << 30), 0);
        let sides: Vec<_> = (0..2).map(|_| side()).collect();
        let processes: Vec<_> = sides.iter().map(|side| process(side, 1 << 22)).collect();
        let views = |cache: &Cache| -> Vec<_> {
            let pairs = stacks.iter().zip(&behaviours);
            pairs
                .map(|(stack, behaviour)| stack.open(behaviour, cache))
                .collect()
        };
        let opened: Vec<_> = processes.iter().map(|(cache, _)| views(cache)).collect();
        std::thread::scope(|scope| {
            for tiles in opened.iter().chain(&opened) {
                let pairs = stacks.iter().zip(tiles);
                scope.spawn(|| pairs.for_each(|(stack, tiles)| stack.check(tiles, &random)));
            }
        });
        let decoded = || behaviours.iter().map(|it| it.total()).collect::<Vec<_>>();
        let blocks: Vec<_> = stacks.iter().map(Stack::blocks).collect();
        assert_eq!(decoded(), blocks, "seed {seed}");
        assert!(store.leases.lock().unwrap().is_empty());
        let later = side();
        let (cache, link) = process(&later, 1 << 22);
        let pairs = stacks.iter().zip(views(&cache));
        pairs.for_each(|(stack, tiles)| stack.check(&tiles, &random));
        assert_eq!(decoded(), blocks, "seed {seed}");
        assert_eq!(
            (link.counters().hits, link.queued()),
            (blocks.iter().sum(), 0)
        );
        assert_eq!(cache.statistics().in_flight, 0);
    }
}

#[test]
fn whatever_a_store_answers_the_pixels_are_right() {
    for seed in 100..116 {
        let random = Random(Mutex::new(seed));
        let stacks: Vec<_> = (0..2).map(|n| Stack::random(&random, n)).collect();
        let store = Arc::<Store>::default();
        for budget in [500 + random.below(4000), 30_000, 1 << 22] {
            let behaviour = Arc::<Behaviour>::default();
            let (cache, _link) = process(&Side::new(&store, seed, 3), budget);
            let pairs: Vec<_> = stacks
                .iter()
                .map(|stack| (stack, stack.open(&behaviour, &cache)))
                .collect();
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        let views = pairs.iter();
                        views.for_each(|(stack, tiles)| stack.check(tiles, &random));
                    });
                }
            });
            let now = cache.statistics();
            assert_eq!(
                (now.in_flight, now.overdue),
                (0, 0),
                "seed {seed}, budget {budget}"
            );
            assert!(store.leases.lock().unwrap().is_empty(), "seed {seed}");
        }
    }
}

#[test]
fn of_a_file_that_was_replaced_nothing_goes_to_the_tier() {
    let scene = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fuzz/seeds/files/DEFLATE-1.tif"
    );
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (path, new) = (folder.join("replaced.tif"), folder.join("replacing.tif"));
    std::fs::copy(scene, &path).expect("a copy");
    let choice = file::Choice {
        fleet: file::Fleet::Named("replaced"),
        ..file::Choice::default()
    };
    let open = || file::open_choice(&path, &choice).expect("a file");
    let read = |source: Arc<dyn Provider>| {
        let side = Side::new(&Arc::default(), 7, 0);
        let (cache, link) = process(&side, 1 << 22);
        let blocks = cached(source, &cache).expect("blocks");
        get_block(&*blocks, Block::new(0, 0, 0), &Bands::ALL).expect("a block");
        let counters = link.counters();
        (counters.gets, counters.puts, counters.left)
    };
    let old = open();
    assert_eq!(read(old.clone()), (1, 1, 0));
    std::fs::copy(scene, &new).expect("a copy");
    std::fs::rename(&new, &path).expect("another file");
    assert_eq!(read(old), (0, 0, 1));
    assert_eq!(read(open()), (1, 1, 0));
}
