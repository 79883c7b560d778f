//! The concurrent core under a model checker: Shuttle runs small programs of a few threads under many
//! schedules, chosen at random, by priorities that change a few times, or all that there are.
//!
//! `cargo test --features model --test model`; `MODEL_SCHEDULES` multiplies the schedules. A failure
//! prints the schedule, which `shuttle::replay` repeats. Nothing here times out: a thread that nobody
//! wakes is a deadlock, which is a failure.

use shuttle::sync::mpsc;
use shuttle::thread;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tilecache::cache::{
    Cache, Lease, Options, Parcel, Reply, Statistics, Ticket, Tier, TierBlock, TierOptions,
    identify, invalidate,
};
use tilecache::dtype::DType;
use tilecache::error::{Error, Kind, Result};
use tilecache::image::{Bands, Block, Image};
use tilecache::load::Cancel;
use tilecache::memory::PixelsMut;
use tilecache::operator::{
    Map, MapOptions, ReaderOptions, RetileOptions, cached, mapped, pyramid, reader, retiled,
};
use tilecache::provider::{Provider, Request, Retention, get_block};
use tilecache::source::{Decoder, Source};
use tilecache::tile::{Pixels, Tile};

/// Schedules of each kind for one program.
const SCHEDULES: usize = 1000;

/// How often a schedule by priorities changes them.
const CHANGES: usize = 3;

/// Runs a program under many schedules.
fn check(program: impl Fn(Crew) + Send + Sync + Copy + 'static) {
    // What is known of the whole process belongs to one execution at a time.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let times = std::env::var("MODEL_SCHEDULES").ok();
    let times = times.map_or(1, |times| times.parse().expect("a number"));
    let program = move || program(Crew::new());
    shuttle::check_random(program, SCHEDULES * times);
    shuttle::check_pct(program, SCHEDULES * times, CHANGES);
    shuttle::check_dfs(program, Some(SCHEDULES * times));
}

/// An image whose samples say which version of it they are from, and how it is read.
#[derive(Default)]
struct Story {
    version: AtomicU32,
    decodes: AtomicU32,
    /// So many decodes fail before one succeeds.
    failures: AtomicU32,
}

struct Told(Arc<Story>);

impl Decoder for Told {
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let Told(story) = self;
        let version = story.version.load(Ordering::SeqCst) as u8;
        story.decodes.fetch_add(1, Ordering::SeqCst);
        // Others may do anything while a block is decoded.
        thread::yield_now();
        let left = story.failures.load(Ordering::SeqCst);
        if left > 0 {
            story.failures.store(left - 1, Ordering::SeqCst);
            return Err(Error::from_source(7, "told to fail"));
        }
        for band in 0..bands.len() {
            for y in 0..into.layout().shape.height {
                let value = sample(version, at.row, at.col);
                into.row_mut(band, y).fill(value);
            }
        }
        Ok(())
    }
}

/// The samples of a block: those of two versions differ, and those of two blocks.
fn sample(version: u8, row: u64, col: u64) -> u8 {
    version * 16 + row as u8 * 4 + col as u8
}

fn version_of(tile: &Tile) -> u32 {
    u32::from(tile.pixels().bytes()[0] / 16)
}

/// 64 x 64 pixels in blocks of 32 x 32, or in strips.
fn image(block: (u64, u64)) -> Image {
    let mut image = Image::new(64, 64, 1, DType::U8);
    image.block = block;
    image
}

fn told(story: &Arc<Story>, block: (u64, u64)) -> Arc<dyn Provider> {
    let decoder = Box::new(Told(story.clone()));
    Source::provider(None, image(block), decoder).expect("a source")
}

fn cache(budget: u64) -> Cache {
    Cache::new(budget, Options::default()).expect("a cache")
}

const LARGE: u64 = 1 << 20;

/// Bytes of a block of 32 x 32 with what is charged for it and its key, but not of two.
const ONE_BLOCK: u64 = 3600;

fn blocks(cache: &Cache) -> (Arc<Story>, Arc<dyn Provider>) {
    let story = Arc::new(Story::default());
    let provider = cached(told(&story, (32, 32)), cache).expect("a cached source");
    (story, provider)
}

fn get(provider: &Arc<dyn Provider>, row: u64, col: u64) -> Result<Tile> {
    get_block(&**provider, Block::new(0, row, col), &Bands::ALL)
}

/// All samples of a tile are those of the block in some version.
fn check_block(tile: &Tile, row: u64, col: u64) {
    let first = tile.pixels().bytes()[0];
    assert_eq!(first % 16, sample(0, row, col));
    for y in 0..tile.pixels().shape().height {
        let row = tile.pixels().row(0, y);
        assert!(row.iter().all(|byte| *byte == first), "pixels of two loads");
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// The threads of an execution. They exist before anything that outlives an execution is touched,
/// because Shuttle notes there how many there were.
struct Crew(Vec<(mpsc::Sender<Work>, thread::JoinHandle<()>)>);

const THREADS: usize = 3;

impl Crew {
    fn new() -> Self {
        let start = |_| {
            let (sender, receiver) = mpsc::channel::<Work>();
            let work = move || receiver.recv().into_iter().for_each(|work| work());
            (sender, thread::spawn(work))
        };
        Self((0..THREADS).map(start).collect())
    }

    /// Has each thread do something, to its end.
    fn work(self, all: Vec<Work>) {
        assert!(all.len() <= THREADS);
        let mut all = all.into_iter();
        let threads: Vec<_> = self
            .0
            .into_iter()
            .map(|(sender, thread)| {
                let work = all.next().unwrap_or_else(|| Box::new(|| ()));
                sender.send(work).expect("a thread");
                thread
            })
            .collect();
        for thread in threads {
            thread.join().expect("a thread that does not panic");
        }
    }
}

fn check_budget(cache: &Cache) -> Statistics {
    let now = cache.statistics();
    let resident = now.idle + now.held + now.reusable;
    assert!(resident <= now.budget, "{resident} of {}", now.budget);
    now
}

/// What holds when no call runs and nobody holds a tile.
fn check_quiet(cache: &Cache) -> Statistics {
    let now = check_budget(cache);
    assert_eq!(now.in_flight, 0, "no call is running");
    assert_eq!((now.held, now.over_budget), (0, 0), "nobody holds a tile");
    now
}

#[test]
fn threads_that_want_one_block_share_its_decode() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, provider) = blocks(&cache);
        let reader = || -> Work {
            let provider = provider.clone();
            Box::new(move || check_block(&get(&provider, 0, 1).expect("a block"), 0, 1))
        };
        crew.work(vec![reader(), reader(), reader()]);
        assert_eq!(story.decodes.load(Ordering::SeqCst), 1);
        let now = check_quiet(&cache);
        assert_eq!(now.entries, 1);
        assert_eq!(now.counters.hits + now.counters.misses, 3);
    });
}

#[test]
fn a_failed_load_fails_those_who_shared_it_and_nobody_later() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, provider) = blocks(&cache);
        story.failures.store(1, Ordering::SeqCst);
        let reader = || -> Work {
            let provider = provider.clone();
            Box::new(move || match get(&provider, 0, 0) {
                Ok(tile) => check_block(&tile, 0, 0),
                Err(error) => assert_eq!(error.source_code(), 7, "{error}"),
            })
        };
        crew.work(vec![reader(), reader(), reader()]);
        check_quiet(&cache);
        check_block(&get(&provider, 0, 0).expect("the next load"), 0, 0);
        let decodes = story.decodes.load(Ordering::SeqCst);
        assert_eq!(decodes, 2, "one that failed and one for all");
    });
}

#[test]
fn the_budget_holds_while_blocks_take_each_others_place() {
    check(|crew| {
        let cache = cache(ONE_BLOCK);
        let (_, provider) = blocks(&cache);
        let reader = |cells: [(u64, u64); 2]| -> Work {
            let (provider, cache) = (provider.clone(), cache.clone());
            Box::new(move || {
                for (row, col) in cells {
                    let tile = get(&provider, row, col).expect("a block");
                    check_budget(&cache);
                    check_block(&tile, row, col);
                }
            })
        };
        crew.work(vec![reader([(0, 0), (0, 1)]), reader([(0, 1), (1, 0)])]);
        let now = check_quiet(&cache);
        assert_eq!(now.entries, 1, "room for one block");
    });
}

#[test]
fn held_tiles_stay_as_they_are_and_are_counted_until_the_last_release() {
    check(|crew| {
        let cache = cache(ONE_BLOCK);
        let (_, provider) = blocks(&cache);
        let tile = get(&provider, 0, 0).expect("a block");
        let other = tile.clone();
        let (evicts, changes) = ((provider.clone(), cache.clone()), cache.clone());
        crew.work(vec![
            Box::new(move || {
                check_block(&other, 0, 0);
                drop(other);
            }),
            Box::new(move || {
                let (provider, cache) = evicts;
                check_block(&get(&provider, 1, 1).expect("a block"), 1, 1);
                check_budget(&cache);
            }),
            Box::new(move || {
                changes.clear();
                check_budget(&changes);
            }),
        ]);
        check_block(&tile, 0, 0);
        let now = check_budget(&cache);
        assert_eq!(now.in_flight, 0);
        assert!(now.held + now.over_budget > 0, "a tile is held");
        drop(tile);
        check_quiet(&cache);
    });
}

#[test]
fn nobody_who_asks_after_an_invalidation_gets_what_was_before() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, provider) = blocks(&cache);
        let announced = Arc::new(AtomicU32::new(0));
        let reader = || -> Work {
            let (provider, announced) = (provider.clone(), announced.clone());
            Box::new(move || {
                for _ in 0..2 {
                    let oldest = announced.load(Ordering::SeqCst);
                    let tile = get(&provider, 0, 0).expect("a block");
                    check_block(&tile, 0, 0);
                    assert!(version_of(&tile) >= oldest, "old pixels");
                }
            })
        };
        let writer = {
            let (story, provider, announced) = (story.clone(), provider.clone(), announced.clone());
            move || {
                story.version.store(1, Ordering::SeqCst);
                invalidate(provider.key());
                announced.store(1, Ordering::SeqCst);
            }
        };
        crew.work(vec![reader(), reader(), Box::new(writer)]);
        check_quiet(&cache);
        let last = get(&provider, 0, 0).expect("a block");
        assert_eq!(version_of(&last), 1, "an old load was kept");
    });
}

#[test]
fn tiles_that_threads_hit_again_and_again_are_given_back() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, provider) = blocks(&cache);
        let announced = Arc::new(AtomicU32::new(0));
        drop(get(&provider, 0, 0).expect("a block"));
        let reader = || -> Work {
            let (provider, announced) = (provider.clone(), announced.clone());
            Box::new(move || {
                for _ in 0..4 {
                    let oldest = announced.load(Ordering::SeqCst);
                    let tile = get(&provider, 0, 0).expect("a block");
                    assert!(version_of(&tile) >= oldest, "old pixels");
                }
            })
        };
        let writer = {
            let (story, provider) = (story.clone(), provider.clone());
            let (cache, announced) = (cache.clone(), announced.clone());
            move || {
                story.version.store(1, Ordering::SeqCst);
                cache.remove(provider.key(), Block::new(0, 0, 0), &Bands::ALL);
                invalidate(provider.key());
                announced.store(1, Ordering::SeqCst);
                check_budget(&cache);
            }
        };
        crew.work(vec![reader(), reader(), Box::new(writer)]);
        let now = check_quiet(&cache);
        assert_eq!(now.counters.hits + now.counters.misses, 9);
        assert_eq!(provider.counters().hits, now.counters.hits);
        drop(provider);
        check_quiet(&cache);
    });
}

#[test]
fn a_budget_that_changes_among_loads_is_kept() {
    check(|crew| {
        let cache = cache(LARGE);
        let (_, provider) = blocks(&cache);
        let reader = |col: u64| -> Work {
            let (provider, cache) = (provider.clone(), cache.clone());
            Box::new(move || {
                check_block(&get(&provider, 0, col).expect("a block"), 0, col);
                check_budget(&cache);
            })
        };
        let resizes = cache.clone();
        crew.work(vec![
            reader(0),
            reader(1),
            Box::new(move || {
                for budget in [0, ONE_BLOCK] {
                    resizes.set_budget(budget);
                    check_budget(&resizes);
                }
            }),
        ]);
        let now = check_quiet(&cache);
        assert_eq!(now.budget, ONE_BLOCK);
        cache.set_budget(0);
        let now = check_quiet(&cache);
        assert_eq!((now.idle, now.entries), (0, 0));
    });
}

#[test]
fn what_is_put_and_removed_among_gets_is_found_or_not() {
    check(|crew| {
        let cache = cache(LARGE);
        let (_, provider) = blocks(&cache);
        let at = Block::new(0, 0, 0);
        let made = get(&provider, 0, 0).expect("a block");
        let (puts, removes) = (
            (cache.clone(), provider.clone()),
            (cache.clone(), provider.clone()),
        );
        let reads = (cache.clone(), provider.clone());
        let pixels = made.pixels().clone();
        crew.work(vec![
            Box::new(move || {
                let (cache, provider) = puts;
                let put = cache.put(provider.key(), at, &Bands::ALL, pixels);
                put.expect("pixels that fit");
            }),
            Box::new(move || {
                let (cache, provider) = removes;
                cache.remove(provider.key(), at, &Bands::ALL);
                check_budget(&cache);
            }),
            Box::new(move || {
                let (cache, provider) = reads;
                let found = cache.get(provider.key(), at, &Bands::ALL).expect("a key");
                found.into_iter().for_each(|tile| check_block(&tile, 0, 0));
                check_block(&get(&provider, 0, 0).expect("a block"), 0, 0);
            }),
        ]);
        drop(made);
        check_quiet(&cache);
    });
}

#[test]
fn handles_that_change_threads_are_known_when_their_tile_goes() {
    check(|crew| {
        let cache = cache(LARGE);
        let (_, provider) = blocks(&cache);
        drop(get(&provider, 0, 0));
        let tile = get(&provider, 0, 0).expect("a hit");
        let (again, shrinks) = (tile.clone(), cache.clone());
        crew.work(vec![
            Box::new(move || {
                let own = again.clone();
                drop(again);
                check_block(&own, 0, 0);
            }),
            Box::new(move || {
                check_block(&tile, 0, 0);
                drop(tile);
            }),
            Box::new(move || {
                shrinks.set_budget(0);
                check_budget(&shrinks);
                shrinks.set_budget(LARGE);
            }),
        ]);
        let now = check_quiet(&cache);
        assert_eq!((now.entries, now.idle), (0, 0), "what was held went");
    });
}

#[test]
fn a_hit_never_has_the_tile_that_took_the_node_of_its_own() {
    check(|crew| {
        let cache = cache(ONE_BLOCK);
        let (_, provider) = blocks(&cache);
        // From the second get on hits look at no lock.
        for _ in 0..2 {
            drop(get(&provider, 0, 0).expect("a block"));
        }
        let (hits, evicts) = (provider.clone(), provider.clone());
        crew.work(vec![
            // The first hit of a thread makes it known to the tile, which takes a lock.
            Box::new(move || {
                for _ in 0..2 {
                    check_block(&get(&hits, 0, 0).expect("a block"), 0, 0);
                }
            }),
            Box::new(move || check_block(&get(&evicts, 1, 1).expect("a block"), 1, 1)),
        ]);
        check_quiet(&cache);
    });
}

#[test]
fn a_hit_that_meets_an_eviction_has_the_right_pixels_for_as_long_as_it_is_held() {
    check(|crew| {
        let cache = cache(ONE_BLOCK);
        let (_, provider) = blocks(&cache);
        // From the second get on hits look at no lock.
        for _ in 0..2 {
            drop(get(&provider, 0, 0).expect("a block"));
        }
        let (hits, retains, evicts) = (provider.clone(), provider.clone(), provider.clone());
        crew.work(vec![
            Box::new(move || {
                let first = get(&hits, 0, 0).expect("a block");
                let second = get(&hits, 0, 0).expect("a block");
                check_block(&first, 0, 0);
                drop(first);
                check_block(&second, 0, 0);
            }),
            Box::new(move || {
                let tile = get(&retains, 0, 0).expect("a block");
                let own = tile.clone();
                drop(tile);
                check_block(&own, 0, 0);
            }),
            // The node of the tile that goes is that of the next.
            Box::new(move || {
                for (row, col) in [(1, 1), (0, 0), (0, 1)] {
                    check_block(&get(&evicts, row, col).expect("a block"), row, col);
                }
            }),
        ]);
        let now = check_quiet(&cache);
        assert_eq!(now.counters.hits + now.counters.misses, 8, "of eight gets");
    });
}

#[test]
fn what_a_look_up_pins_while_it_is_evicted_is_known_to_be_held() {
    check(|crew| {
        let cache = cache(ONE_BLOCK);
        let (_, provider) = blocks(&cache);
        drop(get(&provider, 0, 0).expect("a block"));
        let (finds, evicts) = (provider.clone(), provider.clone());
        let counts = cache.clone();
        crew.work(vec![
            // The first look-up of a thread counts its handle where all threads do.
            Box::new(move || {
                let tile = get(&finds, 0, 0).expect("a block");
                let now = check_budget(&counts);
                assert!(now.held + now.over_budget > 0, "a tile is held");
                check_block(&tile, 0, 0);
            }),
            Box::new(move || check_block(&get(&evicts, 1, 1).expect("a block"), 1, 1)),
        ]);
        check_quiet(&cache);
    });
}

#[test]
fn a_tile_that_was_held_when_its_turn_came_goes_after_its_release() {
    check(|crew| {
        let cache = cache(ONE_BLOCK);
        let (_, provider) = blocks(&cache);
        drop(get(&provider, 0, 0));
        let tile = get(&provider, 0, 0).expect("a hit");
        let (hits, misses) = (provider.clone(), provider.clone());
        crew.work(vec![
            Box::new(move || {
                let own = tile.clone();
                drop(tile);
                check_block(&own, 0, 0);
            }),
            Box::new(move || check_block(&get(&hits, 0, 0).expect("a block"), 0, 0)),
            Box::new(move || check_block(&get(&misses, 1, 1).expect("a block"), 1, 1)),
        ]);
        check_quiet(&cache);
        drop(get(&provider, 1, 0).expect("a block"));
        let now = check_quiet(&cache);
        assert_eq!(now.entries, 1, "the latest, in the room of what was free");
        let kept = provider.peek_block(Block::new(0, 1, 0), &Bands::ALL);
        assert!(kept.is_some(), "something free stood in its way");
    });
}

#[test]
fn a_tile_outlives_its_cache_in_whatever_thread() {
    check(|crew| {
        let cache = cache(LARGE);
        let (_, provider) = blocks(&cache);
        drop(get(&provider, 0, 0));
        let tile = get(&provider, 0, 0).expect("a hit");
        let again = tile.clone();
        crew.work(vec![
            Box::new(move || check_block(&tile, 0, 0)),
            Box::new(move || check_block(&again.clone(), 0, 0)),
            Box::new(move || drop((cache, provider))),
        ]);
    });
}

/// Four strips of 64 x 16, and tiles of 32 x 32 over two of them each.
fn tiles(cache: &Cache) -> (Arc<Story>, Arc<dyn Provider>) {
    let story = Arc::new(Story::default());
    let options = RetileOptions {
        tile: (32, 32),
        pad_edges: false,
    };
    let source = told(&story, (64, 16));
    let tiles = retiled(source, &options, Some(cache)).expect("tiles");
    (story, tiles)
}

fn check_assembled(tile: &Tile, row: u64) {
    for y in 0..32 {
        let strip = row * 2 + y as u64 / 16;
        let expected = sample(0, strip, 0);
        let row = tile.pixels().row(0, y);
        assert!(row.iter().all(|byte| byte % 16 == expected % 16));
    }
}

#[test]
fn threads_that_want_tiles_of_one_strip_decode_it_once() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, provider) = tiles(&cache);
        let reader = |col: u64| -> Work {
            let provider = provider.clone();
            Box::new(move || check_assembled(&get(&provider, 0, col).expect("a tile"), 0))
        };
        crew.work(vec![reader(0), reader(1), reader(0)]);
        assert_eq!(story.decodes.load(Ordering::SeqCst), 2, "two strips");
        assert_eq!(check_quiet(&cache).entries, 2);
    });
}

#[test]
fn a_strip_that_fails_fails_its_tiles_once() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, provider) = tiles(&cache);
        story.failures.store(1, Ordering::SeqCst);
        let reader = |col: u64| -> Work {
            let provider = provider.clone();
            Box::new(move || match get(&provider, 0, col) {
                Ok(tile) => check_assembled(&tile, 0),
                Err(error) => assert_eq!(error.source_code(), 7, "{error}"),
            })
        };
        crew.work(vec![reader(0), reader(1)]);
        check_quiet(&cache);
        for col in 0..2 {
            check_assembled(&get(&provider, 0, col).expect("the next load"), 0);
        }
        check_quiet(&cache);
    });
}

#[test]
fn tiles_without_room_are_made_all_the_same() {
    check(|crew| {
        let cache = cache(0);
        let (_, provider) = tiles(&cache);
        let reader = |col: u64| -> Work {
            let provider = provider.clone();
            Box::new(move || check_assembled(&get(&provider, 0, col).expect("a tile"), 0))
        };
        crew.work(vec![reader(0), reader(1)]);
        assert_eq!(check_quiet(&cache).entries, 0);
    });
}

#[test]
fn tiles_of_an_image_that_changes_are_never_older_than_the_request() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, provider) = tiles(&cache);
        let reader = |col: u64| -> Work {
            let provider = provider.clone();
            Box::new(move || check_assembled(&get(&provider, 0, col).expect("a tile"), 0))
        };
        let writer = {
            let (story, provider) = (story.clone(), provider.clone());
            move || {
                story.version.store(1, Ordering::SeqCst);
                invalidate(provider.key());
                let tile = get(&provider, 0, 0).expect("a tile");
                assert_eq!(version_of(&tile), 1, "an old tile");
            }
        };
        crew.work(vec![reader(0), reader(1), Box::new(writer)]);
        check_quiet(&cache);
        for col in 0..2 {
            let tile = get(&provider, 0, col).expect("a tile");
            assert_eq!(version_of(&tile), 1, "an old tile was kept");
        }
    });
}

#[test]
fn a_reader_that_is_cancelled_costs_the_others_nothing() {
    check(|crew| {
        let cache = cache(LARGE);
        let (_, provider) = blocks(&cache);
        let cancel = Arc::new(Cancel::default());
        let (cancelled, other, stops) = (provider.clone(), provider.clone(), cancel.clone());
        crew.work(vec![
            Box::new(move || {
                let request = Request::new();
                let readers = request.readers(&cancel);
                let request = request.by_reader(Retention::Kept, &readers);
                match cancelled.get_block(Block::new(0, 0, 0), &Bands::ALL, &request) {
                    Ok(tile) => check_block(&tile, 0, 0),
                    Err(error) => assert_eq!(error.kind(), Kind::Cancelled, "{error}"),
                }
            }),
            Box::new(move || check_block(&get(&other, 0, 0).expect("a block"), 0, 0)),
            Box::new(move || stops.cancel()),
        ]);
        check_quiet(&cache);
        check_block(&get(&provider, 0, 0).expect("a block"), 0, 0);
    });
}

#[test]
fn loads_beyond_the_cap_wait_for_their_turn_and_all_get_it() {
    check(|crew| {
        let options = Options {
            max_in_flight: 1,
            ..Options::default()
        };
        let cache = Cache::new(LARGE, options).expect("a cache");
        let (_, provider) = blocks(&cache);
        let reader = |col: u64| -> Work {
            let (provider, cache) = (provider.clone(), cache.clone());
            Box::new(move || {
                check_block(&get(&provider, 1, col).expect("a block"), 1, col);
                let now = cache.statistics();
                assert!(now.in_flight <= 2 * 1024, "{} in flight", now.in_flight);
            })
        };
        crew.work(vec![reader(0), reader(1), reader(0)]);
        check_quiet(&cache);
    });
}

// ---- levels and stacks ----

fn retile(source: Arc<dyn Provider>, side: u64, cache: &Cache) -> Arc<dyn Provider> {
    let options = RetileOptions {
        tile: (side, side),
        pad_edges: false,
    };
    retiled(source, &options, Some(cache)).expect("tiles")
}

fn decodes(story: &Story) -> u32 {
    story.decodes.load(Ordering::SeqCst)
}

/// Level 0 in version 0 and level 1 in version 2, both in strips with the same numbers.
#[test]
fn levels_that_are_read_at_once_keep_their_own_pixels() {
    check(|crew| {
        let cache = cache(LARGE);
        let stories = [0, 2].map(|version| {
            let story = Story::default();
            story.version.store(version, Ordering::SeqCst);
            Arc::new(story)
        });
        let levels = [(0, 64), (1, 32)].map(|(level, side): (usize, u64)| {
            let mut image = Image::new(side, side, 1, DType::U8);
            image.block = (side, 16);
            let decoder = Box::new(Told(stories[level].clone()));
            Source::provider(None, image, decoder).expect("a source")
        });
        let source = pyramid(levels.into(), None).expect("a pyramid");
        let tiles = retile(source, 64, &cache);
        let reader = |level: u32| -> Work {
            let tiles = tiles.clone();
            Box::new(move || {
                let at = Block::new(level, 0, 0);
                let tile = get_block(&*tiles, at, &Bands::ALL).expect("a tile");
                assert_eq!(version_of(&tile), level * 2, "pixels of another level");
                check_assembled(&tile, 0);
            })
        };
        crew.work(vec![reader(0), reader(1), reader(0)]);
        assert_eq!(stories.map(|story| decodes(&story)), [4, 2]);
        check_quiet(&cache);
    });
}

/// Tiles of two sizes over the cached strips of one source, and the strips themselves.
#[test]
fn operators_over_one_source_share_its_decodes() {
    check(|crew| {
        let cache = cache(LARGE);
        let story = Arc::new(Story::default());
        let strips = cached(told(&story, (64, 16)), &cache).expect("a cached source");
        let small = retile(strips.clone(), 32, &cache);
        let large = retile(strips.clone(), 64, &cache);
        crew.work(vec![
            Box::new(move || check_assembled(&get(&small, 0, 1).expect("a tile"), 0)),
            Box::new(move || check_assembled(&get(&large, 0, 0).expect("a tile"), 0)),
            Box::new(move || check_block(&get(&strips, 1, 0).expect("a strip"), 1, 0)),
        ]);
        assert_eq!(decodes(&story), 4, "four strips");
        check_quiet(&cache);
    });
}

struct Same;

impl Map for Same {
    fn map(&self, _at: Block, input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()> {
        input.copy_to(output);
        Ok(())
    }
}

/// A tile over two mapped tiles, which are put together from two strips each.
fn stack(cache: &Cache) -> (Arc<Story>, [Arc<dyn Provider>; 3]) {
    let (story, bottom) = tiles(cache);
    let map = mapped(
        bottom.clone(),
        &MapOptions::default(),
        Arc::new(Same),
        Some(cache),
    );
    let map = map.expect("a map");
    let top = retile(map.clone(), 64, cache);
    (story, [bottom, map, top])
}

#[test]
fn a_stack_that_is_read_at_all_heights_at_once_decodes_once() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, [bottom, map, top]) = stack(&cache);
        crew.work(vec![
            Box::new(move || check_assembled(&get(&top, 0, 0).expect("a tile"), 0)),
            Box::new(move || check_assembled(&get(&map, 0, 1).expect("a block"), 0)),
            Box::new(move || check_assembled(&get(&bottom, 0, 0).expect("a tile"), 0)),
        ]);
        assert_eq!(decodes(&story), 4, "four strips");
        check_quiet(&cache);
    });
}

#[test]
fn threads_that_want_one_tile_of_a_stack_share_all_beneath_it() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, [.., top]) = stack(&cache);
        let reader = || -> Work {
            let top = top.clone();
            Box::new(move || check_assembled(&get(&top, 0, 0).expect("a tile"), 0))
        };
        crew.work(vec![reader(), reader()]);
        assert_eq!(decodes(&story), 4, "four strips");
        check_quiet(&cache);
    });
}

#[test]
fn a_strip_that_fails_beneath_a_stack_fails_once() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, [_, map, top]) = stack(&cache);
        story.failures.store(1, Ordering::SeqCst);
        let reader = |provider: &Arc<dyn Provider>| -> Work {
            let provider = provider.clone();
            Box::new(move || match get(&provider, 0, 0) {
                Ok(tile) => check_assembled(&tile, 0),
                Err(error) => assert_eq!(error.source_code(), 7, "{error}"),
            })
        };
        crew.work(vec![reader(&top), reader(&map), reader(&top)]);
        check_quiet(&cache);
        check_assembled(&get(&top, 0, 0).expect("the next load"), 0);
        check_quiet(&cache);
    });
}

#[test]
fn a_stack_of_an_image_that_changes_is_never_older_than_the_request() {
    check(|crew| {
        let cache = cache(LARGE);
        let (story, [bottom, map, top]) = stack(&cache);
        let reader = |provider: &Arc<dyn Provider>| -> Work {
            let provider = provider.clone();
            Box::new(move || check_assembled(&get(&provider, 0, 0).expect("a tile"), 0))
        };
        let writer = {
            let (story, top) = (story.clone(), top.clone());
            move || {
                story.version.store(1, Ordering::SeqCst);
                invalidate(bottom.key());
                let tile = get(&top, 0, 0).expect("a tile");
                let bytes = tile.pixels().bytes();
                assert!(bytes.iter().all(|byte| byte / 16 == 1), "an old tile");
            }
        };
        crew.work(vec![reader(&top), reader(&map), Box::new(writer)]);
        check_quiet(&cache);
        let tile = get(&top, 0, 0).expect("a tile");
        assert_eq!(version_of(&tile), 1, "an old tile was kept");
    });
}

#[test]
fn a_reader_of_a_stack_that_is_cancelled_costs_the_others_nothing() {
    check(|crew| {
        let cache = cache(LARGE);
        let (_, [.., top]) = stack(&cache);
        let cancel = Arc::new(Cancel::default());
        let (cancelled, other, stops) = (top.clone(), top.clone(), cancel.clone());
        crew.work(vec![
            Box::new(move || {
                let request = Request::new();
                let readers = request.readers(&cancel);
                let request = request.by_reader(Retention::Kept, &readers);
                match cancelled.get_block(Block::new(0, 0, 0), &Bands::ALL, &request) {
                    Ok(tile) => check_assembled(&tile, 0),
                    Err(error) => assert_eq!(error.kind(), Kind::Cancelled, "{error}"),
                }
            }),
            Box::new(move || check_assembled(&get(&other, 0, 0).expect("a tile"), 0)),
            Box::new(move || stops.cancel()),
        ]);
        check_quiet(&cache);
        check_assembled(&get(&top, 0, 0).expect("a tile"), 0);
    });
}

/// A second tier whose tickets another thread answers, until nothing more is asked.
struct Posted {
    post: Mutex<mpsc::Sender<Option<Ticket>>>,
    ended: AtomicBool,
}

impl Tier for Posted {
    fn get(&self, _: &TierBlock, _: Instant, ticket: Ticket) {
        if !self.ended.load(Ordering::SeqCst) {
            self.send(Some(ticket));
        }
    }
}

impl Posted {
    fn send(&self, ticket: Option<Ticket>) {
        let post = self.post.lock().unwrap_or_else(PoisonError::into_inner);
        post.send(ticket).expect("a thread that answers");
    }

    /// Nothing more is asked.
    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.send(None);
    }
}

/// Blocks in a cache with a second tier, and what answers its tickets.
fn tiered() -> (
    Cache,
    Arc<Story>,
    Arc<dyn Provider>,
    Arc<Posted>,
    mpsc::Receiver<Option<Ticket>>,
) {
    let cache = cache(LARGE);
    let (post, tickets) = mpsc::channel();
    let tier = Arc::new(Posted {
        post: Mutex::new(post),
        ended: AtomicBool::new(false),
    });
    cache
        .set_tier(tier.clone(), TierOptions::default())
        .expect("a cache without a tier");
    let story = Arc::new(Story::default());
    let source = told(&story, (32, 32));
    identify(source.key(), "id", "told").expect("an identity");
    let provider = cached(source, &cache).expect("a cached source");
    (cache, story, provider, tier, tickets)
}

/// Answers all tickets with the pixels of the version that there is then.
fn answer(story: &Story, tickets: &mpsc::Receiver<Option<Ticket>>) {
    while let Ok(Some(ticket)) = tickets.recv() {
        let value = sample(story.version.load(Ordering::SeqCst) as u8, 0, 0);
        thread::yield_now();
        let write = |into: &mut PixelsMut<'_>| {
            (0..into.layout().shape.height).for_each(|y| into.row_mut(0, y).fill(value));
            Ok(())
        };
        match ticket.answer(write) {
            Ok(()) => (),
            // Nobody waits for it any more.
            Err(error) => assert_eq!(error.kind(), Kind::NotFound, "{error}"),
        }
    }
}

#[test]
fn a_second_tier_that_answers_among_cancels_leaves_nobody_waiting() {
    check(|crew| {
        let (cache, story, provider, tier, tickets) = tiered();
        let cancel = Arc::new(Cancel::default());
        let (cancelled, stops, told) = (provider.clone(), cancel.clone(), story.clone());
        crew.work(vec![
            Box::new(move || {
                let source = reader(cancelled, ReaderOptions::default(), cancel);
                match get(&source, 0, 0) {
                    Ok(tile) => check_block(&tile, 0, 0),
                    Err(error) => assert_eq!(error.kind(), Kind::Cancelled, "{error}"),
                }
                tier.end();
            }),
            Box::new(move || answer(&told, &tickets)),
            Box::new(move || stops.cancel()),
        ]);
        check_quiet(&cache);
        check_block(&get(&provider, 0, 0).expect("a block"), 0, 0);
        assert!(decodes(&story) <= 1);
    });
}

/// A second tier that is given what leaves the memory, and has taken it at once.
#[derive(Default)]
struct Given(AtomicU32);

impl Tier for Given {
    fn get(&self, _: &TierBlock, _: Instant, ticket: Ticket) {
        let _ = ticket.reply(Reply::Miss);
    }

    fn takes_puts(&self) -> bool {
        true
    }

    fn puts_evicted(&self) -> bool {
        true
    }

    fn put(&self, _: &TierBlock, _: Option<Lease>, parcel: Parcel) {
        check_block(parcel.tile(), 0, 0);
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_block_that_leaves_the_memory_is_put_once_for_each_decode() {
    check(|crew| {
        let cache = cache(LARGE);
        let tier = Arc::new(Given::default());
        let link = cache.set_tier(tier.clone(), TierOptions::default());
        let link = link.expect("a cache without a tier");
        let story = Arc::new(Story::default());
        let source = told(&story, (32, 32));
        identify(source.key(), "id", "told").expect("an identity");
        let provider = cached(source, &cache).expect("a cached source");
        let (asks, flushed, trimmed) = (provider.clone(), cache.clone(), cache.clone());
        crew.work(vec![
            Box::new(move || {
                (0..2).for_each(|_| check_block(&get(&asks, 0, 0).expect("a block"), 0, 0));
            }),
            Box::new(move || {
                let end = Instant::now() + Duration::from_secs(60);
                flushed.flush_tier(end).expect("a flush");
            }),
            Box::new(move || {
                trimmed.trim(u64::MAX);
            }),
        ]);
        check_quiet(&cache);
        cache.trim(u64::MAX);
        let puts = tier.0.load(Ordering::SeqCst);
        assert_eq!((puts, link.counters().puts_dropped), (decodes(&story), 0));
        assert_eq!((link.owed(), link.queued()), (0, 0));
    });
}

#[test]
fn what_a_second_tier_answers_after_a_change_is_not_kept() {
    check(|crew| {
        let (cache, story, provider, tier, tickets) = tiered();
        let (asks, changes) = (provider.clone(), provider.clone());
        let (told, changed) = (story.clone(), story.clone());
        crew.work(vec![
            Box::new(move || {
                check_block(&get(&asks, 0, 0).expect("a block"), 0, 0);
                tier.end();
            }),
            Box::new(move || answer(&told, &tickets)),
            Box::new(move || {
                changed.version.store(1, Ordering::SeqCst);
                invalidate(changes.key());
            }),
        ]);
        check_quiet(&cache);
        let tile = get(&provider, 0, 0).expect("a block");
        assert_eq!(version_of(&tile), 1, "an old block was kept");
    });
}
