//! A second tier that answers late, from a thread of its own.

use super::{Behaviour, Box3, HEIGHT, WIDTH, image, mirrored, read, support};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use std::time::Instant;
use tilecache::cache::{Cache, Options, Ticket, Tier, TierBlock, TierOptions, identify};
use tilecache::error::Kind;
use tilecache::error::Result;
use tilecache::image::{Bands, Block};
use tilecache::memory::PixelsMut;
use tilecache::operator::{ReaderOptions, RetileOptions, cached, computed, reader, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::workers::Get;

/// Blocks, by the identity of their image, row by row.
type Blocks = HashMap<(String, Block), Vec<u8>>;

/// Knows nothing of every third block that it is asked for.
struct LateTier {
    kept: Blocks,
    questions: Mutex<mpsc::Sender<(Option<Vec<u8>>, Ticket)>>,
    asked: AtomicU64,
}

impl LateTier {
    fn new(kept: Blocks) -> Arc<Self> {
        let (questions, tickets) = mpsc::channel::<(Option<Vec<u8>>, Ticket)>();
        std::thread::spawn(move || {
            while let Ok(first) = tickets.recv() {
                std::thread::sleep(Duration::from_millis(1));
                let mut answers: Vec<_> =
                    std::iter::once(first).chain(tickets.try_iter()).collect();
                answers.reverse();
                for (pixels, ticket) in answers {
                    if let Some(pixels) = pixels {
                        ticket.answer(writer(&pixels)).unwrap();
                    }
                }
            }
        });
        Arc::new(Self {
            kept,
            questions: Mutex::new(questions),
            asked: AtomicU64::new(0),
        })
    }
}

impl Tier for LateTier {
    fn get(&self, block: &TierBlock, _: Instant, ticket: Ticket) {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let known = self
            .kept
            .get(&(block.source.to_string(), block.at))
            .cloned();
        let pixels = known.filter(|_| !asked.is_multiple_of(3));
        let questions = self.questions.lock().unwrap();
        questions.send((pixels, ticket)).unwrap();
    }
}

/// Writes rows of pixels.
fn writer(pixels: &[u8]) -> impl FnOnce(&mut PixelsMut<'_>) -> Result<()> {
    move |into| {
        let rows = pixels.chunks(into.layout().shape.width).enumerate();
        rows.for_each(|(y, row)| into.row_mut(0, y).copy_from_slice(row));
        Ok(())
    }
}

/// The identity of a source that is called by its key on all machines.
fn identity(source: &Arc<dyn Provider>) -> String {
    identify(source.key(), "id", source.key()).unwrap();
    format!("id:{}", source.key())
}

/// A tier that is waited for as long as these tests may take on a busy machine.
fn set(cache: &Cache, tier: Arc<dyn Tier>) -> Result<()> {
    let get = Duration::from_secs(20);
    let options = TierOptions {
        get,
        ..TierOptions::default()
    };
    cache.set_tier(tier, options).map(|_| ())
}

/// All blocks of a source.
fn blocks_of(source: &Arc<dyn Provider>) -> Blocks {
    let grid = source.image().grid(0);
    let cells = (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col)));
    let pixels = |at: Block| {
        let tile = get_block(&**source, at, &Bands::ALL).unwrap();
        let shape = tile.shape();
        let row = |y: usize| tile.row(0, y)[..shape.width].to_vec();
        (0..shape.height).flat_map(row).collect()
    };
    cells
        .map(|(row, col)| Block::new(0, row, col))
        .map(|at| ((identity(source), at), pixels(at)))
        .collect()
}

#[test]
fn a_second_tier_that_answers_late_gives_the_same_pixels() {
    let boxed = |x: i64, y: i64| {
        let around = (-1..2).flat_map(|dy| (-1..2).map(move |dx| mirrored(0, x + dx, y + dy)));
        (around.sum::<u32>() / 9) as u8
    };
    let places = (0..HEIGHT as i64).flat_map(|y| (0..WIDTH as i64).map(move |x| (x, y)));
    let expected: Vec<u8> = places.map(|(x, y)| boxed(x, y)).collect();
    for block in [(64, 64), (50, 7), (203, 1)] {
        for (budget, tile) in [(3000, 40), (1 << 20, 33), (1 << 20, 64)] {
            let behaviour = Arc::<Behaviour>::default();
            let source = support::source(image(WIDTH, HEIGHT, block), behaviour.clone());
            let tier = LateTier::new(blocks_of(&source));
            behaviour.decodes.lock().unwrap().clear();
            let cache = Cache::new(budget, Options::default()).unwrap();
            set(&cache, tier.clone()).unwrap();
            let blocks = cached(source.clone(), &cache).unwrap();
            let output = image(WIDTH, HEIGHT, (64, 64));
            let kernel = Arc::new(Box3);
            let filter = computed(vec![blocks], output, Some("box"), kernel, Some(&cache)).unwrap();
            let options = RetileOptions {
                tile: (tile, tile),
                pad_edges: false,
            };
            let tiles = retiled(filter, &options, Some(&cache)).unwrap();
            for threads in [1, 4] {
                assert!(
                    read(&tiles, 0, threads) == expected,
                    "{block:?} {budget} {tile}"
                );
            }
            assert!(tier.asked.load(Ordering::Relaxed) > 0);
            let now = cache.statistics();
            assert_eq!((now.in_flight, now.overdue), (0, 0));
            if budget > 1 << 16 {
                // What the tier had was not decoded: of the tiles and the filter it has nothing.
                let grid = source.image().grid(0);
                let blocks = grid.rows() * grid.cols();
                assert!(
                    behaviour.total() < blocks,
                    "{} of {blocks}",
                    behaviour.total()
                );
            }
        }
    }
}

/// Keeps the tickets of one image, and does not have the others.
#[derive(Default)]
struct Silent(Mutex<Vec<(Block, Ticket)>>);

impl Tier for Silent {
    fn get(&self, block: &TierBlock, _: Instant, ticket: Ticket) {
        if block.source.starts_with("id:late") {
            self.0.lock().unwrap().push((block.at, ticket));
        }
    }
}

#[test]
fn what_waits_for_a_second_tier_has_no_thread_and_no_permit() {
    let options = Options {
        max_in_flight: 1,
        threads: 1,
        ..Options::default()
    };
    let cache = Cache::new(1 << 20, options).unwrap();
    let tier = Arc::new(Silent::default());
    set(&cache, tier.clone()).unwrap();
    let named = |name| {
        let source = support::named(Some(name), image(WIDTH, HEIGHT, (64, 64)), Arc::default());
        identity(&source);
        source
    };
    let kept = blocks_of(&named("late"));
    let late = cached(named("late"), &cache).unwrap();
    let other = cached(named("other"), &cache).unwrap();
    let cancel = Arc::default();
    let reading = reader(late.clone(), ReaderOptions::default(), Arc::clone(&cancel));
    let workers = cache.workers();
    let (told, tiles) = mpsc::channel();
    let request = |name: &'static str, provider: &Arc<dyn Provider>, col: u64| {
        let (told, at) = (told.clone(), Block::new(0, 0, col));
        let done = move |get: &mut Get<'_>| told.send((name, get())).unwrap();
        workers
            .request(provider.clone(), at, Bands::ALL, done)
            .unwrap();
    };
    let next = || tiles.recv_timeout(Duration::from_secs(20)).unwrap();
    // Two wait for the tier, one of them through a reader; the only thread makes the third.
    request("late", &late, 0);
    request("reader", &reading, 1);
    request("other", &other, 0);
    let (name, tile) = next();
    assert_eq!(name, "other");
    tile.unwrap();
    assert_eq!(cache.statistics().in_flight, 0);
    // A cancelled one ends at once, whatever the tier does.
    cancel.cancel();
    workers.end_cancelled();
    let (name, outcome) = next();
    let error = outcome.err().map(|error| error.kind());
    assert_eq!((name, error), ("reader", Some(Kind::Cancelled)));
    let tickets = std::mem::take(&mut *tier.0.lock().unwrap());
    assert_eq!(tickets.len(), 2);
    for (at, ticket) in tickets {
        assert_eq!(ticket.is_wanted(), at.col == 0);
        let pixels = &kept[&(identity(&late), at)];
        // What nobody waits for was taken back.
        assert_eq!(ticket.answer(writer(pixels)).is_ok(), at.col == 0);
    }
    let (name, tile) = next();
    assert_eq!(name, "late");
    let tile = tile.unwrap();
    let expected = &kept[&(identity(&late), Block::new(0, 0, 0))];
    assert!((0..64).all(|y| tile.row(0, y) == &expected[64 * y..64 * y + 64]));
    assert_eq!(late.counters().decodes, 0);
}

#[test]
fn a_ticket_that_is_dropped_or_fails_is_a_miss() {
    struct Failing(AtomicU64);
    impl Tier for Failing {
        fn get(&self, _: &TierBlock, _: Instant, ticket: Ticket) {
            if self.0.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                let torn = |_: &mut PixelsMut<'_>| {
                    Err(tilecache::error::Error::internal("the value is torn"))
                };
                assert!(ticket.answer(torn).is_err());
            }
        }
    }
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let tier = Arc::new(Failing(AtomicU64::new(0)));
    set(&cache, tier.clone()).unwrap();
    assert!(set(&cache, tier.clone()).is_err());
    let behaviour = Arc::<Behaviour>::default();
    let source = support::source(image(WIDTH, HEIGHT, (64, 64)), behaviour.clone());
    identity(&source);
    let blocks = cached(source.clone(), &cache).unwrap();
    let expected = read(&source, 0, 1);
    behaviour.decodes.lock().unwrap().clear();
    assert!(read(&blocks, 0, 4) == expected);
    let asked = tier.0.load(Ordering::Relaxed);
    assert_eq!((asked, behaviour.total()), (12, 12));
    assert!(read(&blocks, 0, 4) == expected);
    assert_eq!(tier.0.load(Ordering::Relaxed), 12);
    assert_eq!(cache.statistics().in_flight, 0);
}
