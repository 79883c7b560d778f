//! Another tier under random stacks: images, levels, grids that straddle blocks, budgets and threads at random, and a store
//! that answers at random. Every pixel is checked, and what is decoded is counted.

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use support::{Behaviour, named, value};
use tilecache::cache::{
    Cache, Lease, Link, Options, Parcel, Reply, Ticket, Tier, TierBlock, TierOptions, identify,
    invalidate,
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
    settled: AtomicU64,
}

/// A process's side of a store.
struct Side {
    store: Arc<Store>,
    random: Random,
    /// One answer of so many is none, torn or too late; 0 for no such one.
    bad: u64,
    /// Blocks are put when they leave the memory.
    puts_evicted: bool,
    /// Blocks that are put wait until they are let go.
    keeps: AtomicBool,
    kept: Mutex<Vec<Parcel>>,
    later: Mutex<mpsc::Sender<(Ticket, Vec<u8>)>>,
}

impl Side {
    fn new(store: &Arc<Store>, seed: u64, bad: u64) -> Arc<Self> {
        Self::that_puts(store, seed, bad, false)
    }

    /// One that is given blocks when they leave the memory.
    fn of_evicted(store: &Arc<Store>) -> Arc<Self> {
        Self::that_puts(store, 1, 0, true)
    }

    fn that_puts(store: &Arc<Store>, seed: u64, bad: u64, puts_evicted: bool) -> Arc<Self> {
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
            puts_evicted,
            keeps: AtomicBool::new(false),
            kept: Mutex::default(),
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

    fn puts_evicted(&self) -> bool {
        self.puts_evicted
    }

    fn settle(&self, _: Instant) -> bool {
        self.store.settled.fetch_add(1, Ordering::SeqCst);
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
            // While a block that was evicted is on its way it may be decoded again.
            let is_new = before.is_none() || self.puts_evicted;
            assert!(is_new, "{:?} was put twice", block.at);
            assert_eq!(
                lease.is_none(),
                self.puts_evicted,
                "{:?}: only where others can wait for a block is it leased",
                block.at
            );
        }
        if let Some(lease) = lease {
            self.unlease(block, lease);
        }
        if self.keeps.load(Ordering::SeqCst) {
            self.kept.lock().unwrap().push(parcel);
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

/// Blocks of a row, each of so many bytes of memory.
const ROW: u64 = 32;
const BLOCK_BYTES: u64 = 64 * 64;

/// Blocks of an image in a row, as they are decoded.
fn row_of(name: &str, behaviour: &Arc<Behaviour>, cache: &Cache) -> Arc<dyn Provider> {
    let mut image = Image::new(64 * ROW, 64, 1, DType::U8);
    image.block = (64, 64);
    let source = named(None, image, behaviour.clone());
    identify(source.key(), "id", name).expect("an identity");
    cached(source, cache).expect("blocks")
}

/// Gets blocks of a row, and looks at a pixel of each.
fn read(blocks: &Arc<dyn Provider>, cols: std::ops::Range<u64>) {
    for col in cols {
        let tile = get_block(&**blocks, Block::new(0, 0, col), &Bands::ALL).expect("a block");
        assert_eq!(tile.row(0, 5)[3], value(0, 64 * col + 3, 5, 0) as u8);
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn a_budget_that_holds_all_puts_nothing_before_it_is_told_to_or_closed() {
    for is_flushed in [true, false] {
        let (store, behaviour) = (Arc::<Store>::default(), Arc::<Behaviour>::default());
        let (cache, link) = process(&Side::of_evicted(&store), 1 << 20);
        let blocks = row_of("all", &behaviour, &cache);
        read(&blocks, 0..ROW);
        let puts = || link.counters().puts;
        assert_eq!((puts(), link.owed()), (0, ROW * BLOCK_BYTES));
        if is_flushed {
            cache.flush_tier(soon()).expect("a flush");
            assert_eq!((puts(), link.owed(), link.queued()), (ROW, 0, 0));
            assert_eq!(store.settled.load(Ordering::SeqCst), 1);
            // They are in memory still, and nothing of them is put once more.
            read(&blocks, 0..ROW);
            cache.flush_tier(soon()).expect("nothing to flush");
        }
        drop((blocks, cache));
        assert_eq!((puts(), link.owed(), link.queued()), (ROW, 0, 0));
        assert_eq!(link.counters().leases_won, 0);
        let (cache, link) = process(&Side::of_evicted(&store), 1 << 20);
        let blocks = row_of("all", &behaviour, &cache);
        read(&blocks, 0..ROW);
        assert_eq!(behaviour.total(), ROW);
        assert_eq!((link.counters().hits, link.owed()), (ROW, 0));
        drop((blocks, cache));
        // What came from the tier is there.
        assert_eq!(link.counters().puts, 0);
    }
}

#[test]
fn a_small_budget_puts_what_it_evicts_and_no_more() {
    let (store, behaviour) = (Arc::<Store>::default(), Arc::<Behaviour>::default());
    let side = Side::of_evicted(&store);
    let (cache, link) = process(&side, 64 << 10);
    let blocks = row_of("small", &behaviour, &cache);
    read(&blocks, 0..ROW);
    let evicted = cache.statistics().counters.evictions;
    assert!(evicted > ROW / 2 && evicted < ROW, "{evicted}");
    assert_eq!(link.counters().puts, evicted);
    assert_eq!(link.owed(), (ROW - evicted) * BLOCK_BYTES);
    // What was used last is in memory, all else comes from the tier.
    read(&blocks, 0..ROW);
    assert_eq!(behaviour.total(), ROW);
    assert_eq!(link.counters().puts_dropped, 0);
    cache.trim(u64::MAX);
    assert_eq!((link.counters().puts, link.owed()), (ROW, 0));
    assert_eq!(behaviour.most(), 1);
}

#[test]
fn what_leaves_faster_than_it_is_taken_is_dropped_and_the_budget_holds() {
    let (store, behaviour) = (Arc::<Store>::default(), Arc::<Behaviour>::default());
    let side = Side::of_evicted(&store);
    let budget = 64 << 10;
    let (cache, link) = process(&side, budget);
    let blocks = row_of("slow", &behaviour, &cache);
    side.keeps.store(true, Ordering::SeqCst);
    for col in 0..ROW {
        read(&blocks, col..col + 1);
        let now = cache.statistics();
        assert!(link.queued() <= budget / 4);
        assert!(now.idle + now.held + now.reusable + link.queued() <= budget);
    }
    let counters = link.counters();
    assert_eq!((counters.puts, link.queued()), (4, 4 * BLOCK_BYTES));
    let evicted = cache.statistics().counters.evictions;
    assert_eq!(counters.puts_dropped, evicted - 4);
    let late = cache.flush_tier(Instant::now() + Duration::from_millis(20));
    let text = late.expect_err("a tier that takes nothing").to_string();
    assert!(text.contains("16384 wait"), "{text}");
    assert_eq!(link.owed(), (ROW - evicted) * BLOCK_BYTES);
    // A smaller budget has less for what waits.
    side.kept.lock().unwrap().clear();
    cache.set_budget(budget / 4);
    assert_eq!(link.queued(), BLOCK_BYTES);
    let now = cache.statistics();
    assert!(now.idle + now.held + now.reusable + link.queued() <= budget / 4);
    side.keeps.store(false, Ordering::SeqCst);
    side.kept.lock().unwrap().clear();
    cache.flush_tier(soon()).expect("a flush");
    assert_eq!((link.owed(), link.queued()), (0, 0));
    let counters = link.counters();
    assert_eq!(counters.puts + counters.puts_dropped, ROW);
}

#[test]
fn what_is_not_true_any_more_is_not_put() {
    let (store, behaviour) = (Arc::<Store>::default(), Arc::<Behaviour>::default());
    let (cache, link) = process(&Side::of_evicted(&store), 1 << 20);
    let blocks = row_of("changed", &behaviour, &cache);
    let held = get_block(&*blocks, Block::new(0, 0, 0), &Bands::ALL).expect("a block");
    read(&blocks, 0..ROW);
    invalidate(blocks.key());
    assert_eq!(link.owed(), held.buffer().size() as u64);
    drop(held);
    read(&blocks, 0..ROW);
    cache.flush_tier(soon()).expect("a flush");
    drop((blocks, cache));
    assert_eq!(
        (link.counters().puts, link.owed(), link.queued()),
        (0, 0, 0)
    );
}

#[test]
fn a_block_that_tiles_were_made_of_is_put_when_it_is_in_all_of_them() {
    let (store, behaviour) = (Arc::<Store>::default(), Arc::<Behaviour>::default());
    let (cache, link) = process(&Side::of_evicted(&store), 1 << 20);
    let mut image = Image::new(64 * ROW, 64, 1, DType::U8);
    image.block = (64, 64);
    let source = named(None, image, behaviour.clone());
    identify(source.key(), "id", "stitched").expect("an identity");
    let options = RetileOptions {
        tile: (128, 64),
        pad_edges: false,
    };
    let tiles = retiled(source, &options, Some(&cache)).expect("tiles");
    for col in 0..ROW / 2 {
        get_block(&*tiles, Block::new(0, 0, col), &Bands::ALL).expect("a tile");
    }
    assert_eq!((link.counters().puts, link.owed()), (ROW, 0));
    assert_eq!(cache.statistics().in_flight, 0);
}

#[test]
fn under_random_stacks_a_second_process_decodes_nothing_that_the_first_one_put() {
    for seed in 200..208 {
        let random = Random(Mutex::new(seed));
        let stacks: Vec<_> = (0..2).map(|n| Stack::random(&random, n)).collect();
        let store = Arc::<Store>::default();
        let behaviour = Arc::<Behaviour>::default();
        for budget in [8_000 + random.below(30_000), 1 << 22, 1 << 22] {
            let before = behaviour.total();
            let (cache, link) = process(&Side::of_evicted(&store), budget);
            let pairs: Vec<_> = stacks
                .iter()
                .map(|stack| (stack, stack.open(&behaviour, &cache)))
                .collect();
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        let views = pairs.iter();
                        views.for_each(|(stack, tiles)| stack.check(tiles, &random));
                    });
                }
            });
            let decodes = behaviour.total() - before;
            assert_eq!(cache.statistics().in_flight, 0, "seed {seed}");
            cache.flush_tier(soon()).expect("a flush");
            drop((pairs, cache));
            let counters = link.counters();
            assert_eq!((link.owed(), link.queued()), (0, 0), "seed {seed}");
            let done = counters.puts + counters.puts_dropped;
            assert_eq!(done, decodes, "seed {seed}, budget {budget}");
        }
        let blocks: u64 = stacks.iter().map(Stack::blocks).sum();
        let put = store.blocks.lock().unwrap().len() as u64;
        assert_eq!(put, blocks, "seed {seed}");
    }
}
