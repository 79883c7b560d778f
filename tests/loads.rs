//! Loads: circles, cancellation, the in-flight cap and readers, with sources that stop where the test
//! wants them to.

mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use support::value;
use tilecache::cache::{Cache, Options};
use tilecache::error::{Error, Kind, Result};
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block, Image};
use tilecache::in_flight;
use tilecache::load::Sessions;
use tilecache::load::{Cancel, Load};
use tilecache::memory::PixelsMut;
use tilecache::operator::{
    Map, MapOptions, ReaderOptions, RetileOptions, cached, level, mapped, reader, retiled,
};
use tilecache::provider::{
    Provider, Request, Retention, get_block, has_block, peek_block, tile_bytes,
};
use tilecache::source::{Decoder, Source};
use tilecache::tile::{Pixels, Tile};

/// What takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something that happens once.
#[derive(Clone, Default)]
struct Event(Arc<(Mutex<bool>, Condvar)>);

impl Event {
    fn happen(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn has_happened(&self) -> bool {
        *self.0.0.lock().unwrap()
    }

    fn wait(&self) {
        let happened = self.0.0.lock().unwrap();
        let outcome = self.0.1.wait_timeout_while(happened, PATIENCE, |it| !*it);
        assert!(!outcome.unwrap().1.timed_out(), "it never happens");
    }
}

/// Waits until something is seen to be so.
fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never happens");
        thread::sleep(Duration::from_millis(1));
    }
}

fn ended<T>(thread: JoinHandle<T>) -> T {
    until(|| thread.is_finished());
    thread.join().expect("the thread does not panic")
}

type Read = dyn Fn(Block) -> Result<()> + Send + Sync;

/// The pixels of `support`, after a step that the test gives.
struct Scripted {
    image: Image,
    read: Box<Read>,
    turns: Option<Sessions<()>>,
}

impl Scripted {
    fn in_turn(&self, at: Block) -> Result<()> {
        match &self.turns {
            Some(turns) => turns.with(|| Ok(()), |()| (self.read)(at)),
            None => (self.read)(at),
        }
    }
}

impl Decoder for Scripted {
    fn has_block(&self, at: Block) -> Result<bool> {
        if self.image.sparse {
            self.in_turn(at)?;
        }
        Ok(true)
    }

    fn read_window(
        &self,
        level: u32,
        _rect: Rect,
        _bands: &[u32],
        _into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.in_turn(Block::new(level, 0, 0))
    }

    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.in_turn(at)?;
        let rect = at.rect(&self.image);
        for (to, band) in bands.iter().enumerate() {
            for y in 0..rect.height {
                for (x, out) in into.row_mut(to, y as usize).iter_mut().enumerate() {
                    *out = value(at.level, rect.x + x as u64, rect.y + y, *band) as u8;
                }
            }
        }
        Ok(())
    }
}

/// 128 x 128 pixels in 4 x 4 blocks.
fn image() -> Image {
    support::image((128, 128), (32, 32), 1)
}

fn source_of(
    image: Image,
    turns: Option<usize>,
    read: impl Fn(Block) -> Result<()> + Send + Sync + 'static,
) -> Arc<dyn Provider> {
    let decoder = Scripted {
        image: image.clone(),
        read: Box::new(read),
        turns: turns.map(Sessions::new),
    };
    Source::provider(None, image, Box::new(decoder)).unwrap()
}

fn source(read: impl Fn(Block) -> Result<()> + Send + Sync + 'static) -> Arc<dyn Provider> {
    source_of(image(), None, read)
}

/// Tiles of 64 x 64, each over four blocks.
fn tiles(source: Arc<dyn Provider>, cache: Option<&Cache>) -> Arc<dyn Provider> {
    let options = RetileOptions {
        tile: (64, 64),
        pad_edges: false,
    };
    retiled(source, &options, cache).unwrap()
}

fn cache(budget: u64) -> Cache {
    Cache::new(budget, Options::default()).unwrap()
}

const AMPLE: u64 = 1 << 24;

fn at(row: u64, col: u64) -> Block {
    Block::new(0, row, col)
}

fn get(provider: &Arc<dyn Provider>, block: Block) -> Result<Tile> {
    let tile = get_block(&**provider, block, &Bands::ALL)?;
    let rect = block.rect(provider.image());
    for y in 0..rect.height {
        for (x, sample) in tile.row(0, y as usize).iter().enumerate() {
            let expected = value(0, rect.x + x as u64, rect.y + y, 0);
            assert_eq!(f64::from(*sample), expected, "{block:?}");
        }
    }
    Ok(tile)
}

fn kind(outcome: Result<Tile>) -> Option<Kind> {
    outcome.err().map(|error| error.kind())
}

/// Gets a block on a thread of its own.
fn getting(provider: &Arc<dyn Provider>, block: Block) -> JoinHandle<Result<Tile>> {
    let provider = provider.clone();
    thread::spawn(move || get(&provider, block))
}

fn reading(
    provider: &Arc<dyn Provider>,
    options: ReaderOptions,
) -> (Arc<dyn Provider>, Arc<Cancel>) {
    let cancel = Arc::<Cancel>::default();
    (reader(provider.clone(), options, cancel.clone()), cancel)
}

fn reader_of(provider: &Arc<dyn Provider>) -> (Arc<dyn Provider>, Arc<Cancel>) {
    reading(provider, ReaderOptions::default())
}

fn assert_quiet(cache: &Cache) {
    let now = cache.statistics();
    assert_eq!(
        (now.in_flight, now.over_budget, now.held),
        (0, 0, 0),
        "{now:?}"
    );
}

/// A provider that a source reads, although it is built on it.
#[derive(Clone, Default)]
struct Later(Arc<Mutex<Option<Weak<dyn Provider>>>>);

impl Later {
    fn set(&self, provider: &Arc<dyn Provider>) {
        *self.0.lock().unwrap() = Some(Arc::downgrade(provider));
    }

    fn provider(&self) -> Arc<dyn Provider> {
        let provider = self.0.lock().unwrap().clone();
        provider.and_then(|it| it.upgrade()).expect("it is set")
    }
}

struct Same;

impl Map for Same {
    fn map(&self, _at: Block, input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()> {
        input.copy_to(output);
        Ok(())
    }
}

fn same(source: Arc<dyn Provider>, cache: Option<&Cache>) -> Arc<dyn Provider> {
    mapped(source, &MapOptions::default(), Arc::new(Same), cache).unwrap()
}

// ---- circles ----

#[test]
fn a_request_that_waits_for_itself_is_refused_through_any_chain() {
    let (one, two) = (cache(AMPLE), cache(AMPLE));
    type Build = fn(Arc<dyn Provider>, &Cache, &Cache) -> Arc<dyn Provider>;
    let builds: [Build; 7] = [
        |source, _, _| source,
        |source, one, _| cached(source, one).unwrap(),
        |source, one, _| same(source, Some(one)),
        |source, _, _| tiles(source, None),
        |source, one, _| tiles(source, Some(one)),
        |source, one, two| tiles(same(cached(source, one).unwrap(), Some(two)), Some(two)),
        |source, one, two| cached(tiles(cached(source, one).unwrap(), None), two).unwrap(),
    ];
    for build in builds {
        for turns in [None, Some(1), Some(2)] {
            let (later, decodes) = (Later::default(), Arc::new(AtomicUsize::new(0)));
            let (from, count) = (later.clone(), decodes.clone());
            let source = source_of(image(), turns, move |_| {
                count.fetch_add(1, Ordering::SeqCst);
                match get_block(&*from.provider(), at(0, 0), &Bands::ALL) {
                    Err(error) if error.kind() == Kind::Reentrant => Err(error),
                    other => panic!("{:?}", other.map(|_| ())),
                }
            });
            let top = build(source, &one, &two);
            later.set(&top);
            for round in 1..=2 {
                assert_eq!(kind(ended(getting(&top, at(0, 0)))), Some(Kind::Reentrant));
                // Not one after the other until none is left.
                assert_eq!(decodes.load(Ordering::SeqCst), round);
            }
            assert_quiet(&one);
            assert_quiet(&two);
        }
    }
}

/// Two threads, each of whose block needs that of the other.
fn cross(
    build: impl Fn(Arc<dyn Provider>) -> Arc<dyn Provider>,
    turns: Option<usize>,
) -> (Option<Kind>, Option<Kind>) {
    let laters = [Later::default(), Later::default()];
    let inside = [Event::default(), Event::default()];
    let open = Arc::new(AtomicBool::new(true));
    let made: Vec<_> = (0..2)
        .map(|own| {
            let (other, open) = (laters[1 - own].clone(), open.clone());
            let inside = inside.clone();
            build(source_of(image(), turns, move |_| {
                if open.load(Ordering::SeqCst) {
                    inside[own].happen();
                    inside[1 - own].wait();
                    get_block(&*other.provider(), at(0, 0), &Bands::ALL)?;
                }
                Ok(())
            }))
        })
        .collect();
    laters[0].set(&made[0]);
    laters[1].set(&made[1]);
    let threads = [getting(&made[0], at(0, 0)), getting(&made[1], at(0, 0))];
    let [a, b] = threads.map(|thread| kind(ended(thread)));
    open.store(false, Ordering::SeqCst);
    for provider in &made {
        assert_eq!(kind(get(provider, at(0, 0))), None, "it works later");
    }
    (a, b)
}

#[test]
fn two_threads_that_wait_for_each_other_do_not_hang() {
    let (one, two) = (cache(AMPLE), cache(AMPLE));
    let refused = |outcome: (Option<Kind>, Option<Kind>)| {
        let outcomes = [outcome.0, outcome.1];
        assert!(outcomes.contains(&Some(Kind::Reentrant)), "{outcomes:?}");
    };
    for turns in [None, Some(1), Some(2)] {
        refused(cross(|source| source, turns));
        refused(cross(|source| cached(source, &one).unwrap(), turns));
        refused(cross(|source| tiles(source, None), turns));
        refused(cross(
            |source| tiles(same(cached(source, &one).unwrap(), Some(&two)), Some(&one)),
            turns,
        ));
        assert_quiet(&one);
        assert_quiet(&two);
    }
}

#[test]
fn all_sessions_held_by_loads_that_wait_for_us_are_a_circle() {
    // The two sessions of `below` are taken by loads whose blocks need that of `above`, and that one
    // needs a session.
    let (later, inside, go) = (Later::default(), Event::default(), Event::default());
    let (from, count) = (later.clone(), Arc::new(AtomicUsize::new(0)));
    let (in_session, other) = (count.clone(), inside.clone());
    let below = source_of(image(), Some(2), move |block| {
        if block.row == 0 {
            in_session.fetch_add(1, Ordering::SeqCst);
            other.wait();
            get_block(&*from.provider(), at(0, 0), &Bands::ALL)?;
        }
        Ok(())
    });
    let (needs, started, gone) = (below.clone(), inside.clone(), go.clone());
    let above = cached(
        source(move |_| {
            started.happen();
            gone.wait();
            get_block(&*needs, at(1, 1), &Bands::ALL)?;
            Ok(())
        }),
        &cache(AMPLE),
    )
    .unwrap();
    later.set(&above);
    let users = [getting(&below, at(0, 0)), getting(&below, at(0, 1))];
    until(|| count.load(Ordering::SeqCst) == 2);
    let top = getting(&above, at(0, 0));
    until(|| above.counters().waits == 2);
    go.happen();
    assert_eq!(kind(ended(top)), Some(Kind::Reentrant));
    for user in users {
        assert_eq!(kind(ended(user)), Some(Kind::Reentrant));
    }
}

#[test]
fn a_circle_over_a_thread_of_the_callers_is_seen_through_the_load() {
    let later = Later::default();
    let from = later.clone();
    let source = source(move |_| {
        let options = ReaderOptions {
            load: Load::current(),
            ..ReaderOptions::default()
        };
        let (helper, _) = reading(&from.provider(), options);
        let outcome = ended(thread::spawn(move || {
            get_block(&*helper, at(0, 0), &Bands::ALL).map(|_| ())
        }));
        assert_eq!(outcome.unwrap_err().kind(), Kind::Reentrant);
        Ok(())
    });
    for top in [
        cached(source.clone(), &cache(AMPLE)).unwrap(),
        tiles(source, None),
    ] {
        later.set(&top);
        ended(getting(&top, at(0, 0))).unwrap();
    }
}

#[test]
fn what_is_no_circle_is_never_refused() {
    const THREADS: u64 = 8;
    for turns in [None, Some(1), Some(2)] {
        for budget in [0, 6 * 1500, AMPLE] {
            let (one, two) = (cache(budget), cache(budget));
            let mut layers = vec![source_of(image(), turns, |_| Ok(()))];
            for layer in 0..6 {
                let below = layers.clone();
                let derived = source_of(image(), turns.filter(|_| layer % 2 == 0), move |block| {
                    for step in 1..=2 {
                        let pick = (block.row * 7 + block.col * 3 + step * 5) as usize;
                        let from = &below[pick % below.len()];
                        let grid = from.image().grid(0);
                        let (row, col) = (block.col % grid.rows(), block.row % grid.cols());
                        get_block(&**from, at(row, col), &Bands::ALL)?;
                    }
                    Ok(())
                });
                layers.push(match layer % 4 {
                    0 => cached(derived, &one).unwrap(),
                    1 => tiles(derived, Some(&two)),
                    2 => same(cached(derived, &two).unwrap(), None),
                    _ => tiles(cached(derived, &one).unwrap(), Some(&one)),
                });
            }
            let threads = (0..THREADS).map(|index| {
                let layers = layers.clone();
                thread::spawn(move || {
                    let mut state = index + 1;
                    for _ in 0..60 {
                        state = state.wrapping_mul(6364136223846793005).wrapping_add(99);
                        let pick = (state >> 33) as usize;
                        let layer = &layers[layers.len() - 1 - pick % 3];
                        let grid = layer.image().grid(0);
                        let block = at(pick as u64 % grid.rows(), pick as u64 / 7 % grid.cols());
                        get(layer, block).unwrap();
                    }
                })
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().for_each(ended);
            assert_quiet(&one);
            assert_quiet(&two);
        }
    }
}

#[test]
fn what_is_cached_twice_does_not_wait_for_itself() {
    for over in OVER {
        let cache = cache(0);
        let once = over(source(|_| Ok(())), &cache);
        let twice = cached(cached(once, &cache).unwrap(), &cache).unwrap();
        get(&twice, at(0, 0)).unwrap();
        assert_quiet(&cache);
    }
}

// ---- one load beside another ----

#[test]
fn who_wants_another_band_does_not_wait_for_the_wrong_one() {
    let cache = cache(AMPLE);
    let (inside, go) = (Event::default(), Event::default());
    let decodes = Arc::new(AtomicUsize::new(0));
    let (entered, may_go, count) = (inside.clone(), go.clone(), decodes.clone());
    let of_two = support::image((32, 32), (32, 32), 2);
    let source = source_of(of_two, None, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        entered.happen();
        may_go.wait();
        Ok(())
    });
    let top = cached(source, &cache).unwrap();
    let band = |band: u32| {
        let top = top.clone();
        thread::spawn(move || get_block(&*top, at(0, 0), &Bands::of(&[band], 2)))
    };
    let first = band(0);
    inside.wait();
    let second = band(1);
    until(|| decodes.load(Ordering::SeqCst) == 2 || top.counters().waits == 1);
    go.happen();
    for (tile, band) in [(first, 0), (second, 1)] {
        let tile = ended(tile).unwrap();
        assert_eq!(f64::from(tile.row(0, 3)[5]), value(0, 5, 3, band));
    }
    assert_eq!(decodes.load(Ordering::SeqCst), 2);
}

#[test]
fn a_block_that_fails_does_not_fail_tiles_that_do_not_need_it() {
    let cache = cache(AMPLE);
    let (inside, go) = (Event::default(), Event::default());
    let (entered, may_go) = (inside.clone(), go.clone());
    let source = source(move |block| match (block.row, block.col) {
        (0, 0) => {
            entered.wait();
            Err(Error::from_source(5, "on purpose"))
        }
        (0, 2) => {
            entered.happen();
            may_go.wait();
            Ok(())
        }
        _ => Ok(()),
    });
    let top = tiles(source, Some(&cache));
    let (first, second) = (getting(&top, at(0, 0)), getting(&top, at(0, 1)));
    inside.wait();
    assert!(ended(first).is_err());
    go.happen();
    ended(second).unwrap();
    assert_quiet(&cache);
}

/// Stops where it reads its first block, and where it is asked for the second one by who prepares siblings.
#[derive(Clone, Default)]
struct Sparse {
    inside: Event,
    go: Event,
    prepares: Event,
    prepared: Event,
    asked: Arc<AtomicUsize>,
}

impl Decoder for Sparse {
    fn has_block(&self, at: Block) -> Result<bool> {
        // First for the tile itself.
        if at.col == 1 && self.asked.fetch_add(1, Ordering::SeqCst) == 2 {
            self.prepares.happen();
            self.prepared.wait();
        }
        Ok(true)
    }

    fn read_block(&self, at: Block, _: &[u32], _: &mut PixelsMut<'_>) -> Result<()> {
        if at.col == 0 {
            self.inside.happen();
            self.go.wait();
        }
        Ok(())
    }
}

/// The block of a tile that is about to be prepared as a sibling comes and goes meanwhile.
#[test]
fn a_sibling_whose_block_is_gone_is_not_made() {
    let (cache, sparse) = (cache(AMPLE), Sparse::default());
    let mut image = support::image((192, 128), (96, 128), 1);
    image.sparse = true;
    let source = Source::provider(None, image, Box::new(sparse.clone())).unwrap();
    let top = tiles(source, Some(&cache));
    let options = ReaderOptions {
        retention: Retention::Bypassed,
        ..ReaderOptions::default()
    };
    // Without siblings of its own.
    let (alone, _) = reading(&top, options);
    let first = thread::spawn(move || get_block(&*alone, at(0, 0), &Bands::ALL));
    sparse.inside.wait();
    let over_both = top.clone();
    let second = thread::spawn(move || get_block(&*over_both, at(0, 1), &Bands::ALL));
    sparse.prepares.wait();
    sparse.go.happen();
    ended(first).unwrap();
    sparse.prepared.happen();
    ended(second).unwrap();
    assert_quiet(&cache);
    let is_there = |tile| top.peek_block(tile, &Bands::ALL).is_some();
    assert!(is_there(at(0, 2)) && is_there(at(1, 2)));
    assert!(!is_there(at(1, 0)) && !is_there(at(1, 1)));
}

// ---- cancellation ----

/// A source that stops in its first decode until it may go on or is cancelled.
struct Stopping {
    source: Arc<dyn Provider>,
    /// The first decode has begun.
    inside: Event,
    go: Event,
    /// It was told that nobody wants it.
    told: Event,
    /// Once it was told, it waits for `go` all the same.
    lingers: Arc<AtomicBool>,
    decodes: Arc<AtomicUsize>,
}

fn stopping_of(image: Image, turns: Option<usize>) -> Stopping {
    let (inside, go, told) = (Event::default(), Event::default(), Event::default());
    let decodes = Arc::new(AtomicUsize::new(0));
    let lingers = Arc::<AtomicBool>::default();
    let (count, entered, may_go, was_told, stays) = (
        decodes.clone(),
        inside.clone(),
        go.clone(),
        told.clone(),
        lingers.clone(),
    );
    let source = source_of(image, turns, move |_| {
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        let load = Load::current().expect("a callback works for a load");
        entered.happen();
        until(|| may_go.has_happened() || load.is_cancelled());
        if load.is_cancelled() {
            was_told.happen();
            if stays.load(Ordering::SeqCst) {
                may_go.wait();
            }
            return Err(Error::from_source(5, "given up"));
        }
        Ok(())
    });
    Stopping {
        source,
        inside,
        go,
        told,
        lingers,
        decodes,
    }
}

fn stopping() -> Stopping {
    stopping_of(image(), None)
}

type Over = fn(Arc<dyn Provider>, &Cache) -> Arc<dyn Provider>;

/// What may stand over a source.
const OVER: [Over; 5] = [
    |source, _| source,
    |source, cache| cached(source, cache).unwrap(),
    |source, cache| same(cached(source, cache).unwrap(), Some(cache)),
    |source, cache| tiles(source, Some(cache)),
    |source, cache| tiles(cached(source, cache).unwrap(), Some(cache)),
];

#[test]
fn a_load_goes_on_while_another_wants_it() {
    for over in OVER {
        let (stop, cache) = (stopping(), cache(AMPLE));
        let top = over(stop.source.clone(), &cache);
        let (mine, cancel) = reader_of(&top);
        let first = getting(&mine, at(0, 0));
        stop.inside.wait();
        let second = getting(&top, at(0, 0));
        until(|| top.counters().waits == 1);
        cancel.cancel();
        thread::sleep(Duration::from_millis(20));
        assert!(!stop.told.has_happened());
        stop.go.happen();
        ended(second).unwrap();
        // Who decoded for the other one has either left or its tile too.
        assert!(matches!(kind(ended(first)), None | Some(Kind::Cancelled)));
        assert_quiet(&cache);
    }
}

/// A tile beside the cancelled one needs the block that is being decoded for it.
#[test]
fn a_block_goes_on_while_another_tile_wants_it() {
    let cache = cache(AMPLE);
    let stop = stopping_of(support::image((128, 64), (128, 64), 1), None);
    let top = tiles(cached(stop.source.clone(), &cache).unwrap(), None);
    let (mine, cancel) = reader_of(&top);
    let first = getting(&mine, at(0, 0));
    stop.inside.wait();
    let second = getting(&top, at(0, 1));
    let block = top.block_id(at(0, 1)).expect("a block in flight");
    until(|| in_flight::contains(block, &Bands::ALL, 1));
    thread::sleep(Duration::from_millis(20));
    cancel.cancel();
    thread::sleep(Duration::from_millis(20));
    assert!(!stop.told.has_happened());
    stop.go.happen();
    ended(second).unwrap();
    assert!(matches!(kind(ended(first)), None | Some(Kind::Cancelled)));
    assert_eq!(stop.decodes.load(Ordering::SeqCst), 1);
}

#[test]
fn a_load_that_nobody_wants_is_told_and_who_comes_later_begins_afresh() {
    for over in OVER {
        let (stop, cache) = (stopping(), cache(AMPLE));
        stop.lingers.store(true, Ordering::SeqCst);
        let top = over(stop.source.clone(), &cache);
        let (mine, cancel) = reader_of(&top);
        let first = getting(&mine, at(0, 0));
        stop.inside.wait();
        cancel.cancel();
        stop.told.wait();
        let second = getting(&top, at(0, 0));
        // The parts of a tile are the same for both; else the second load overtakes the first.
        until(|| second.is_finished() || top.counters().waits == 1);
        stop.go.happen();
        assert_eq!(kind(ended(first)), Some(Kind::Cancelled));
        ended(second).unwrap();
        assert_quiet(&cache);
    }
}

/// The one who joined has left before the first is cancelled, and after.
#[test]
fn the_last_to_leave_cancels_the_load() {
    for over in OVER {
        for first_leaves_first in [true, false] {
            let (stop, cache) = (stopping(), cache(AMPLE));
            let top = over(stop.source.clone(), &cache);
            let (mine, cancel_mine) = reader_of(&top);
            let (other, cancel_other) = reader_of(&top);
            let first = getting(&mine, at(0, 0));
            stop.inside.wait();
            let second = getting(&other, at(0, 0));
            until(|| top.counters().waits == 1);
            let cancels = [cancel_mine, cancel_other];
            cancels[usize::from(!first_leaves_first)].cancel();
            cancels[usize::from(first_leaves_first)].cancel();
            stop.told.wait();
            for thread in [first, second] {
                assert_eq!(kind(ended(thread)), Some(Kind::Cancelled));
            }
            get(&top, at(0, 0)).unwrap();
            assert_quiet(&cache);
        }
    }
}

/// The load waits, deep inside, for what another thread loads, when the last who wants it leaves.
#[test]
fn who_waits_inside_a_load_leaves_with_the_last_who_wants_it() {
    let over: [Over; 2] = [
        |source, cache| cached(source, cache).unwrap(),
        |source, cache| tiles(source, Some(cache)),
    ];
    over.into_iter().for_each(who_waits_leaves_with_the_last);
}

fn who_waits_leaves_with_the_last(over: Over) {
    let (stop, cache) = (stopping(), cache(AMPLE));
    let below = stop.source.clone();
    let derived = source(move |block| {
        get_block(&*below, block, &Bands::ALL)?;
        Ok(())
    });
    let top = over(derived, &cache);
    let holder = getting(&stop.source, at(0, 0));
    stop.inside.wait();
    let (mine, cancel_mine) = reader_of(&top);
    let (other, cancel_other) = reader_of(&top);
    let first = getting(&mine, at(0, 0));
    until(|| stop.source.counters().waits == 1);
    let second = getting(&other, at(0, 0));
    until(|| top.counters().waits == 1);
    cancel_mine.cancel();
    thread::sleep(Duration::from_millis(20));
    assert!(!first.is_finished(), "the other one wants the load");
    cancel_other.cancel();
    for thread in [second, first] {
        assert_eq!(kind(ended(thread)), Some(Kind::Cancelled));
    }
    stop.go.happen();
    ended(holder).unwrap();
}

#[test]
fn a_waiter_of_any_kind_leaves_at_once_and_disturbs_nobody() {
    let small = Options {
        max_in_flight: 1,
        ..Options::default()
    };
    let mut sparse = image();
    sparse.sparse = true;
    let plain = |source, cache: &Cache| cached(source, cache).unwrap();
    type Case<'a> = (&'a str, Image, Option<usize>, Options, Over, Block);
    let cases: [Case; 5] = [
        (
            "a flight",
            image(),
            None,
            Options::default(),
            plain,
            at(0, 0),
        ),
        (
            "an assembly",
            support::image((128, 64), (128, 64), 1),
            None,
            Options::default(),
            |source, cache| tiles(source, Some(cache)),
            at(0, 0),
        ),
        (
            "a session",
            image(),
            Some(1),
            Options::default(),
            |source, _| source,
            at(1, 1),
        ),
        (
            "a session of has_block",
            sparse,
            Some(1),
            Options::default(),
            |source, _| source,
            at(1, 1),
        ),
        ("the gate", image(), None, small, plain, at(1, 1)),
    ];
    for (name, image, turns, options, over, block) in cases {
        let (stop, cache) = (
            stopping_of(image, turns),
            Cache::new(AMPLE, options).unwrap(),
        );
        let top = over(stop.source.clone(), &cache);
        let holder = getting(&top, at(0, 0));
        stop.inside.wait();
        // One reader, one that reads through it, and one through a level of it.
        let (mine, cancel) = reader_of(&top);
        let (over_mine, _) = reader_of(&mine);
        let waiters = [getting(&mine, block), getting(&over_mine, block)];
        match name {
            "the gate" => until(|| cache.statistics().queued == 2),
            "a flight" | "an assembly" => until(|| top.counters().waits == 2),
            _ => thread::sleep(Duration::from_millis(30)),
        }
        // Of a load that waits for a session, whoever joined it would keep it going.
        let joins = !name.starts_with("a session");
        let other = getting(&top, if joins { block } else { at(0, 1) });
        cancel.cancel();
        for waiter in waiters {
            assert_eq!(kind(ended(waiter)), Some(Kind::Cancelled), "{name}");
        }
        assert!(!holder.is_finished() && !stop.go.has_happened(), "{name}");
        stop.go.happen();
        ended(holder).unwrap();
        ended(other).unwrap();
        assert_quiet(&cache);
    }
}

#[test]
fn a_reader_inside_a_callback_is_cancelled_alone() {
    let (stop, cache) = (stopping(), cache(AMPLE));
    let (inner, cancel) = reader_of(&stop.source);
    let derived = source(move |block| match get_block(&*inner, block, &Bands::ALL) {
        Err(error) if error.kind() == Kind::Cancelled => Ok(()),
        other => panic!("{:?}", other.map(|_| ())),
    });
    let top = cached(derived, &cache).unwrap();
    let holder = getting(&stop.source, at(0, 0));
    stop.inside.wait();
    let outer = getting(&top, at(0, 0));
    until(|| stop.source.counters().waits == 1);
    cancel.cancel();
    ended(outer).unwrap();
    stop.go.happen();
    ended(holder).unwrap();
}

/// Operators with one key share their work, whatever lies beneath each.
#[test]
fn a_cancelled_reader_beneath_one_operator_does_not_fail_another() {
    let over: [Over; 3] = [
        |source, cache| cached(source, cache).unwrap(),
        |source, cache| tiles(source, Some(cache)),
        |source, cache| tiles(cached(source, cache).unwrap(), Some(cache)),
    ];
    for over in over {
        let (stop, cache) = (stopping(), cache(AMPLE));
        let (beneath, cancel) = reader_of(&stop.source);
        let (one, two) = (over(beneath, &cache), over(stop.source.clone(), &cache));
        let first = getting(&one, at(0, 0));
        stop.inside.wait();
        let second = getting(&two, at(0, 0));
        until(|| two.counters().waits == 1);
        cancel.cancel();
        stop.told.wait();
        ended(second).unwrap();
        let _either = ended(first);
        assert_quiet(&cache);
    }
}

/// The one who goes on with a block makes all bands that were begun, not only its own.
#[test]
fn who_takes_a_load_over_makes_the_bands_that_others_joined_it_for() {
    let stop = stopping_of(support::image((128, 128), (32, 32), 3), None);
    let cache = cache(AMPLE);
    let (beneath, cancel) = reader_of(&stop.source);
    let over = |source| cached(source, &cache).unwrap();
    let (one, two) = (over(beneath), over(stop.source.clone()));
    let getting = |provider: &Arc<dyn Provider>, list: &'static [u32]| {
        let provider = provider.clone();
        thread::spawn(move || -> Result<()> {
            let tile = get_block(&*provider, at(0, 0), &Bands::of(list, 3))?;
            for (position, band) in list.iter().enumerate() {
                let sample = f64::from(tile.row(position, 5)[7]);
                assert_eq!(sample, value(0, 7, 5, *band), "band {band}");
            }
            Ok(())
        })
    };
    let first = getting(&one, &[0, 2]);
    stop.inside.wait();
    let others = [&[2], &[0]].map(|list| getting(&two, list));
    until(|| two.counters().waits == 2);
    cancel.cancel();
    let _either = ended(first);
    for other in others {
        ended(other).unwrap();
    }
    assert_eq!(stop.decodes.load(Ordering::SeqCst), 2);
    assert_quiet(&cache);
}

#[test]
fn a_cancelled_reader_answers_nothing_any_more() {
    let cache = cache(AMPLE);
    let top = cached(source(|_| Ok(())), &cache).unwrap();
    let (mine, cancel) = reader_of(&top);
    let (over_mine, _) = reader_of(&mine);
    get(&over_mine, at(0, 0)).unwrap();
    cancel.cancel();
    for reader in [&mine, &over_mine] {
        assert_eq!(kind(get(reader, at(0, 0))), Some(Kind::Cancelled));
        let peeked = peek_block(&**reader, at(0, 0), &Bands::ALL);
        assert_eq!(
            peeked.err().map(|error| error.kind()),
            Some(Kind::Cancelled)
        );
        let has = has_block(&**reader, at(0, 0));
        assert_eq!(has.err().map(|error| error.kind()), Some(Kind::Cancelled));
        assert_eq!(reader.key(), top.key());
    }
    get(&top, at(0, 0)).unwrap();
}

/// The first reader made a sibling of the tile; the one who goes on with it completes both.
#[test]
fn siblings_survive_the_reader_for_whom_they_were_made() {
    let cache = cache(AMPLE);
    let inside = [Event::default(), Event::default()];
    let go = [Event::default(), Event::default()];
    let decodes = Arc::new(AtomicUsize::new(0));
    let (entered, may_go, count) = (inside.clone(), go.clone(), decodes.clone());
    let wide = support::image((128, 64), (128, 32), 1);
    let source = source_of(wide, None, move |block| {
        count.fetch_add(1, Ordering::SeqCst);
        entered[block.row as usize].happen();
        may_go[block.row as usize].wait();
        Ok(())
    });
    let top = tiles(source, Some(&cache));
    let (mine, cancel) = reader_of(&top);
    let first = getting(&mine, at(0, 0));
    inside[0].wait();
    let second = getting(&top, at(0, 0));
    inside[1].wait();
    cancel.cancel();
    go[0].happen();
    assert_eq!(kind(ended(first)), Some(Kind::Cancelled));
    go[1].happen();
    ended(second).unwrap();
    get(&top, at(0, 1)).unwrap();
    assert_eq!(decodes.load(Ordering::SeqCst), 2);
    assert_quiet(&cache);
}

/// Two rows of two tiles, each row over two strips; each strip stops in its decode.
struct Strips {
    top: Arc<dyn Provider>,
    cache: Cache,
    inside: [Event; 4],
    go: [Event; 4],
    decodes: Arc<AtomicUsize>,
}

fn strips() -> Strips {
    let cache = cache(AMPLE);
    let (inside, go): ([Event; 4], [Event; 4]) = Default::default();
    let decodes = Arc::new(AtomicUsize::new(0));
    let (entered, may_go, count) = (inside.clone(), go.clone(), decodes.clone());
    let wide = support::image((128, 128), (128, 32), 1);
    let source = source_of(wide, None, move |block| {
        count.fetch_add(1, Ordering::SeqCst);
        entered[block.row as usize].happen();
        may_go[block.row as usize].wait();
        Ok(())
    });
    Strips {
        top: tiles(source, Some(&cache)),
        cache,
        inside,
        go,
        decodes,
    }
}

/// Whoever decodes the second strip wants the sibling, which the first reader's request began.
#[test]
fn a_sibling_that_another_wants_survives_the_reader_for_whom_it_was_made() {
    let it = strips();
    let (mine, cancel) = reader_of(&it.top);
    let first = getting(&mine, at(0, 0));
    it.inside[0].wait();
    let second = getting(&it.top, at(0, 1));
    it.inside[1].wait();
    cancel.cancel();
    it.go[0].happen();
    assert_eq!(kind(ended(first)), Some(Kind::Cancelled));
    it.go[1].happen();
    ended(second).unwrap();
    assert_eq!(it.decodes.load(Ordering::SeqCst), 2);
    assert_quiet(&it.cache);
}

/// A reader joins a sibling and leaves it; whoever made it goes on, and so do those elsewhere.
#[test]
fn a_reader_that_leaves_takes_no_sibling_of_others_away() {
    let it = strips();
    let makers = [0, 1].map(|row| {
        let maker = getting(&it.top, at(row, 0));
        it.inside[2 * row as usize].wait();
        maker
    });
    let (mine, cancel) = reader_of(&it.top);
    let joined = getting(&mine, at(0, 1));
    it.inside[1].wait();
    cancel.cancel();
    it.go[1].happen();
    assert_eq!(kind(ended(joined)), Some(Kind::Cancelled));
    it.go.iter().for_each(Event::happen);
    for maker in makers {
        ended(maker).unwrap();
    }
    assert_eq!(it.cache.statistics().counters.siblings, 2);
    for row in [0, 1] {
        get(&it.top, at(row, 1)).unwrap();
    }
    assert_eq!(it.decodes.load(Ordering::SeqCst), 4);
    assert_quiet(&it.cache);
}

#[test]
fn every_call_into_a_source_works_for_a_load() {
    let mut image = image();
    (image.sparse, image.windowed) = (true, true);
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let source = source_of(image, None, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        assert!(Load::current().is_some());
        Ok(())
    });
    has_block(&*source, at(0, 0)).unwrap();
    get(&source, at(0, 0)).unwrap();
    let rect = Rect::new(1, 1, 8, 8);
    let window = source.get_window(0, rect, &Bands::ALL, &Request::new());
    assert!(window.unwrap().is_some());
    // Of the window it is asked first whether all of it is there.
    assert_eq!(calls.load(Ordering::SeqCst), 5);
    assert!(Load::current().is_none());
}

#[test]
fn a_load_that_is_kept_keeps_no_tile() {
    let loads = Arc::new(Mutex::new(Vec::new()));
    let keep = loads.clone();
    let cache = cache(AMPLE);
    let top = tiles(
        source(move |_| {
            keep.lock().unwrap().extend(Load::current());
            Ok(())
        }),
        Some(&cache),
    );
    drop(get(&top, at(0, 0)).unwrap());
    assert_eq!(loads.lock().unwrap().len(), 4);
    assert_quiet(&cache);
    cache.clear();
    assert_eq!(cache.statistics().idle, 0);
}

// ---- the in-flight cap ----

fn capped(loads: u64) -> (Cache, u64) {
    let bytes = tile_bytes(&image(), at(0, 0), &Bands::ALL);
    let options = Options {
        max_in_flight: loads * bytes,
        ..Options::default()
    };
    (
        Cache::new(16 * (bytes + 256) + 2048, options).unwrap(),
        loads * bytes,
    )
}

/// 64 threads miss tiles of which 16 fit the budget, and four the cap.
#[test]
fn bytes_in_flight_stay_within_the_cap() {
    let (cache, cap) = capped(4);
    assert_eq!(cache.statistics().in_flight_cap, cap);
    let big = support::image((512, 512), (32, 32), 1);
    let inside = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let now = inside.clone();
    let top = cached(
        source_of(big, None, move |_| {
            let users = now.0.fetch_add(1, Ordering::SeqCst) + 1;
            now.1.fetch_max(users, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(1));
            now.0.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }),
        &cache,
    )
    .unwrap();
    let begin = Event::default();
    let threads: Vec<_> = (0..64)
        .map(|index| {
            let (top, cache, begin) = (top.clone(), cache.clone(), begin.clone());
            thread::spawn(move || {
                begin.wait();
                for step in 0..16 {
                    let held = get(&top, at((index + step) % 16, (index * 5 + step * 3) % 16));
                    let now = cache.statistics();
                    assert!(now.in_flight <= now.in_flight_cap, "{now:?}");
                    assert!(now.idle + now.held + now.reusable <= now.budget, "{now:?}");
                    drop(held.unwrap());
                }
            })
        })
        .collect();
    begin.happen();
    let mut over_budget = 0;
    while threads.iter().any(|thread| !thread.is_finished()) {
        let now = cache.statistics();
        assert!(now.in_flight <= cap, "{now:?}");
        over_budget = over_budget.max(now.over_budget);
    }
    threads.into_iter().for_each(ended);
    let after = cache.statistics();
    assert!(inside.1.load(Ordering::SeqCst) <= 4);
    assert!(after.queued > 0);
    assert_eq!(after.overdue, 0);
    let most_over_budget = 64 * (cap / 4 + 256);
    assert!(
        after.peak <= after.budget + most_over_budget + cap,
        "{after:?}"
    );
    assert!(over_budget <= most_over_budget);
    assert_quiet(&cache);
}

/// Gets each of the first 16 blocks of all providers, each on a thread of its own and again and again,
/// while the caches are looked at.
fn crowd(providers: &[Arc<dyn Provider>], caches: &[&Cache]) {
    let begin = Event::default();
    let threads: Vec<_> = (0..16)
        .flat_map(|place| providers.iter().map(move |provider| (place, provider)))
        .map(|(place, provider)| {
            let (provider, begin) = (provider.clone(), begin.clone());
            thread::spawn(move || {
                begin.wait();
                let side = provider.image().grid(0).cols();
                for step in 0..8 {
                    let place = (place + 5 * step) % (side * side);
                    get(&provider, at(place / side, place % side)).unwrap();
                }
            })
        })
        .collect();
    begin.happen();
    while threads.iter().any(|thread| !thread.is_finished()) {
        for cache in caches {
            let now = cache.statistics();
            assert!(now.in_flight <= now.in_flight_cap, "{now:?}");
            assert!(now.idle + now.held + now.reusable <= now.budget, "{now:?}");
        }
    }
    threads.into_iter().for_each(ended);
    for cache in caches {
        assert_eq!(cache.statistics().overdue, 0);
        assert_quiet(cache);
    }
}

fn slow(_: Block) -> Result<()> {
    thread::sleep(Duration::from_millis(1));
    Ok(())
}

/// The load from outside is that of the upper provider, which is in no cache or in another one.
#[test]
fn a_provider_over_a_cache_keeps_within_its_cap() {
    let above: [Over; 5] = [
        |below, _| tiles(below, None),
        |below, _| same(below, None),
        |below, _| same(tiles(reader_of(&below).0, None), None),
        |below, other| tiles(below, Some(other)),
        |below, other| same(tiles(below, None), Some(other)),
    ];
    for above in above {
        let (lower, _) = capped(2);
        let (upper, _) = capped(64);
        let below = cached(source(slow), &lower).unwrap();
        crowd(&[above(below, &upper)], &[&lower, &upper]);
        assert!(lower.statistics().queued > 0);
    }
}

/// It is not counted once it is made, so that nothing of it is in flight before.
#[test]
fn a_tile_in_no_cache_over_resident_blocks_is_never_in_flight() {
    let (lower, cap) = capped(2);
    let below = cached(source(|_| Ok(())), &lower).unwrap();
    let top = tiles(below, None);
    (0..4).for_each(|tile| drop(get(&top, at(tile / 2, tile % 2)).unwrap()));
    let before = lower.statistics();
    // It would be seen, if it were counted for a moment.
    assert!(before.entries == 16 && before.idle + 2 * cap > before.peak);
    let held = get(&top, at(0, 0)).unwrap();
    let after = lower.statistics();
    assert_eq!((after.peak, after.in_flight), (before.peak, 0));
    drop(held);
    assert_quiet(&lower);
}

/// Each cache is above the other one, and each admits one load at a time.
#[test]
fn loads_through_two_caches_do_not_hold_each_other_up() {
    let tight = || {
        let options = Options {
            max_in_flight: 1,
            ..Options::default()
        };
        Cache::new(1 << 14, options).unwrap()
    };
    for _ in 0..4 {
        let (one, two) = (tight(), tight());
        let through = |below, above| tiles(cached(source(slow), below).unwrap(), Some(above));
        let providers = [through(&one, &two), through(&two, &one)];
        let begin = Event::default();
        let threads: Vec<_> = (0..16)
            .map(|index| {
                let (provider, begin) = (providers[index % 2].clone(), begin.clone());
                thread::spawn(move || {
                    begin.wait();
                    for step in 0..8 {
                        let place = (index as u64 + step) % 4;
                        get(&provider, at(place / 2, place % 2)).unwrap();
                    }
                })
            })
            .collect();
        begin.happen();
        threads.into_iter().for_each(ended);
        for cache in [&one, &two] {
            assert_eq!(cache.statistics().overdue, 0);
            assert_quiet(cache);
        }
    }
}

/// Loads of the cache need tiles of the provider above it, whose own loads wait for the cache.
#[test]
fn what_waits_for_the_cap_is_waited_for_by_nobody() {
    let (cache, _) = capped(1);
    let top = tiles(cached(source(slow), &cache).unwrap(), None);
    let from = top.clone();
    let derived = source(move |block| {
        get_block(&*from, at(block.row / 2, block.col / 2), &Bands::ALL)?;
        Ok(())
    });
    let providers = [top, cached(derived, &cache).unwrap()];
    let threads: Vec<_> = (0..32)
        .map(|place| {
            let provider = &providers[(place % 2) as usize];
            let side = provider.image().grid(0).cols();
            getting(provider, at(place / 2 % side, place / 8 % side))
        })
        .collect();
    for thread in threads {
        ended(thread).unwrap();
    }
    assert_eq!(cache.statistics().overdue, 0);
    assert_quiet(&cache);
}

#[test]
fn who_finds_all_that_it_needs_does_not_wait() {
    let (cache, _) = capped(1);
    let (inside, go) = (Event::default(), Event::default());
    let (entered, may_go) = (inside.clone(), go.clone());
    let below = cached(
        source(move |block| {
            if block == at(3, 3) {
                entered.happen();
                may_go.wait();
            }
            Ok(())
        }),
        &cache,
    )
    .unwrap();
    let alike = RetileOptions {
        tile: (32, 32),
        pad_edges: false,
    };
    let above = [
        same(below.clone(), None),
        retiled(below.clone(), &alike, None).unwrap(),
    ];
    get(&below, at(0, 0)).unwrap();
    let stuck = getting(&below, at(3, 3));
    inside.wait();
    for provider in above {
        get(&provider, at(0, 0)).unwrap();
    }
    assert_eq!(cache.statistics().queued, 0);
    go.happen();
    ended(stuck).unwrap();
    assert_quiet(&cache);
}

/// Two bands in another order are a copy of a tile that has three, whoever has decoded that.
#[test]
fn copies_of_bands_wait_for_the_cap_but_not_for_their_own_load() {
    for over in OVER.into_iter().skip(1) {
        let options = Options {
            max_in_flight: 1,
            ..Options::default()
        };
        let cache = Cache::new(AMPLE, options).unwrap();
        let (inside, go) = (Event::default(), Event::default());
        let (entered, may_go) = (inside.clone(), go.clone());
        let mut image = support::image((128, 128), (32, 32), 3);
        image.bands_together = true;
        let source = source_of(image, None, move |block| {
            if block == at(3, 3) {
                entered.happen();
                may_go.wait();
            }
            slow(block)
        });
        let top = over(source, &cache);
        let last = top.image().grid(0).rows() - 1;
        let swapped = |list: [u32; 2]| {
            let top = top.clone();
            thread::spawn(move || {
                let tile = get_block(&*top, at(0, 0), &Bands::of(&list, 3)).unwrap();
                for (place, band) in list.into_iter().enumerate() {
                    assert_eq!(f64::from(tile.row(place, 1)[2]), value(0, 2, 1, band));
                }
            })
        };
        let together = [[2, 0], [1, 0], [2, 1]].map(swapped);
        together.into_iter().for_each(ended);
        assert_eq!(cache.statistics().overdue, 0);
        let stuck = getting(&top, at(last, last));
        inside.wait();
        let before = cache.statistics().queued;
        let copy = swapped([1, 1]);
        until(|| cache.statistics().queued == before + 1);
        go.happen();
        ended(copy);
        ended(stuck).unwrap();
        assert_quiet(&cache);
    }
}

/// What a map or a level is made from is in flight with it.
#[test]
fn blocks_on_the_way_are_counted() {
    let cache = cache(AMPLE);
    let most = Arc::new(AtomicUsize::new(0));
    let (seen, counted) = (most.clone(), cache.clone());
    let mut halved = support::image((132, 132), (33, 33), 1);
    halved.levels.push((66, 66));
    let source = source_of(halved, None, move |_| {
        let now = counted.statistics();
        seen.fetch_max(now.in_flight as usize, Ordering::SeqCst);
        Ok(())
    });
    let bytes = |at| tile_bytes(source.image(), at, &Bands::ALL) as usize;
    // A map is given its memory after the block; a level is put together in its own, from blocks of
    // up to 17 x 17.
    let cases = [
        (same(source.clone(), None), bytes(at(1, 1))),
        (
            level(source.clone(), 1).unwrap(),
            2 * bytes(Block::new(1, 0, 0)),
        ),
    ];
    for (provider, expected) in cases {
        most.store(0, Ordering::SeqCst);
        let top = cached(provider, &cache).unwrap();
        get_block(&*top, at(1, 1), &Bands::ALL).unwrap();
        assert_eq!(most.load(Ordering::SeqCst), expected, "{}", top.key());
        assert_quiet(&cache);
    }
}

#[test]
fn loads_are_admitted_in_the_order_in_which_they_came() {
    let (cache, _) = capped(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let (inside, go) = (Event::default(), Event::default());
    let (seen, entered, may_go) = (order.clone(), inside.clone(), go.clone());
    let top = cached(
        source(move |block| {
            seen.lock().unwrap().push(block.row * 4 + block.col);
            entered.happen();
            may_go.wait();
            Ok(())
        }),
        &cache,
    )
    .unwrap();
    let first = getting(&top, at(0, 0));
    inside.wait();
    let (mine, cancel) = reader_of(&top);
    let mut queue = Vec::new();
    let mut cancelled = Vec::new();
    for place in 1..16 {
        // Every fifth gives up while it waits.
        let block = at(place / 4, place % 4);
        match place % 5 {
            0 => cancelled.push(getting(&mine, block)),
            _ => queue.push(getting(&top, block)),
        }
        until(|| cache.statistics().queued == place);
    }
    cancel.cancel();
    for thread in cancelled {
        assert_eq!(kind(ended(thread)), Some(Kind::Cancelled));
    }
    go.happen();
    ended(first).unwrap();
    queue
        .into_iter()
        .for_each(|thread| drop(ended(thread).unwrap()));
    let expected: Vec<_> = (0..16)
        .filter(|place| *place == 0 || place % 5 != 0)
        .collect();
    assert_eq!(*order.lock().unwrap(), expected);
    let before = cache.statistics().queued;
    get(&top, at(3, 3)).unwrap();
    assert_eq!(
        cache.statistics().queued,
        before,
        "nothing is left admitted"
    );
    assert_quiet(&cache);
}

#[test]
fn a_load_larger_than_the_cap_goes_alone_and_what_it_needs_does_not_wait() {
    let options = Options {
        max_in_flight: 1,
        ..Options::default()
    };
    let cache = Cache::new(AMPLE, options).unwrap();
    let below = cached(source(|_| Ok(())), &cache).unwrap();
    let from = below.clone();
    let alone = Arc::new(AtomicUsize::new(0));
    let users = alone.clone();
    let derived = source(move |block| {
        assert_eq!(users.fetch_add(1, Ordering::SeqCst), 0);
        get_block(&*from, block, &Bands::ALL)?;
        users.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    });
    let top = cached(derived, &cache).unwrap();
    let threads: Vec<_> = (0..16).map(|i| getting(&top, at(i / 4, i % 4))).collect();
    threads
        .into_iter()
        .for_each(|thread| drop(ended(thread).unwrap()));
    assert_eq!(cache.statistics().overdue, 0);
    assert_quiet(&cache);
}

/// A callback that asks a source for blocks while a tile is prepared owns bytes already.
#[test]
fn has_block_of_a_load_does_not_wait() {
    let options = Options {
        max_in_flight: 1,
        ..Options::default()
    };
    let cache = Cache::new(AMPLE, options).unwrap();
    let below = cached(source(|_| Ok(())), &cache).unwrap();
    let mut sparse = image();
    sparse.sparse = true;
    let asked = AtomicUsize::new(0);
    let from = below.clone();
    let derived = source_of(sparse, None, move |_| {
        let next = asked.fetch_add(1, Ordering::SeqCst) as u64;
        get_block(&*from, at(next / 4 % 4, next % 4), &Bands::ALL).map(|_| ())
    });
    let top = tiles(derived, Some(&cache));
    get(&top, at(0, 0)).unwrap();
    assert_eq!(cache.statistics().queued, 0);
    assert_quiet(&cache);
}

#[test]
fn the_first_in_the_queue_goes_on_when_nothing_ends() {
    let (cache, _) = capped(1);
    let (first_inside, second_inside) = (Event::default(), Event::default());
    let (one, two) = (first_inside.clone(), second_inside.clone());
    let top = cached(
        source(move |block| {
            match block.col {
                0 => {
                    one.happen();
                    two.wait();
                }
                _ => two.happen(),
            }
            Ok(())
        }),
        &cache,
    )
    .unwrap();
    let first = getting(&top, at(0, 0));
    first_inside.wait();
    ended(getting(&top, at(0, 1))).unwrap();
    ended(first).unwrap();
    let after = cache.statistics();
    assert_eq!((after.queued, after.overdue), (1, 1));
    assert_quiet(&cache);
}

#[test]
fn the_cap_follows_the_budget() {
    let cache = cache(0);
    for (budget, cap) in [(0, 64 << 20), (1 << 30, 256 << 20), (1 << 20, 64 << 20)] {
        cache.set_budget(budget);
        assert_eq!(cache.statistics().in_flight_cap, cap);
    }
}

#[test]
fn a_panic_gives_everything_back() {
    let over: [Over; 3] = [
        |source, cache| cached(source, cache).unwrap(),
        |source, cache| tiles(source, Some(cache)),
        |source, cache| tiles(cached(source, cache).unwrap(), Some(cache)),
    ];
    for over in over {
        let options = Options {
            max_in_flight: 1,
            ..Options::default()
        };
        let cache = Cache::new(AMPLE, options).unwrap();
        let fuse = Arc::new(AtomicBool::new(true));
        let burning = fuse.clone();
        let wide = support::image((128, 64), (128, 32), 1);
        let top = over(
            source_of(wide, None, move |_| {
                assert!(!burning.load(Ordering::SeqCst), "on purpose");
                Ok(())
            }),
            &cache,
        );
        let provider = top.clone();
        let outcome = thread::spawn(move || get(&provider, at(0, 0)).map(|_| ())).join();
        assert!(outcome.is_err());
        assert_quiet(&cache);
        fuse.store(false, Ordering::SeqCst);
        ended(getting(&top, at(0, 0))).unwrap();
        assert_eq!(cache.statistics().queued, 0);
    }
}

// ---- helping ----

/// A source whose first decode ends when the second has begun, with the most decodes at once.
fn in_pairs() -> (Arc<dyn Provider>, Arc<AtomicUsize>) {
    let (begun, second) = (AtomicUsize::new(0), Event::default());
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let source = source(move |_| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        match begun.fetch_add(1, Ordering::SeqCst) {
            0 => second.wait(),
            1 => second.happen(),
            _ => (),
        }
        now.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    });
    (source, most)
}

#[test]
fn who_waits_for_one_block_makes_what_another_thread_needs_beneath_it() {
    let over: [Over; 4] = [
        |tiles, cache| same(tiles, Some(cache)),
        |tiles, _| same(same(tiles, None), None),
        |tiles, cache| same(cached(same(tiles, None), cache).unwrap(), Some(cache)),
        |tiles, cache| {
            let wide = RetileOptions {
                tile: (64, 128),
                pad_edges: false,
            };
            retiled(same(tiles, Some(cache)), &wide, Some(cache)).unwrap()
        },
    ];
    for over in over {
        let cache = cache(AMPLE);
        let (source, most) = in_pairs();
        let top = over(tiles(source, Some(&cache)), &cache);
        let both = [(); 2].map(|()| getting(&top, at(0, 0)));
        both.into_iter()
            .for_each(|thread| drop(ended(thread).unwrap()));
        assert_eq!(most.load(Ordering::SeqCst), 2);
        assert_eq!(top.counters().decodes, top.counters().distinct_decodes);
        assert_quiet(&cache);
    }
}

#[test]
fn who_sleeps_is_woken_to_make_what_a_callback_asks_for() {
    let cache = cache(AMPLE);
    let (beneath, most) = in_pairs();
    let beneath = tiles(beneath, Some(&cache));
    let (go, inside) = (Event::default(), Event::default());
    let (told, began) = (go.clone(), inside.clone());
    let top = source(move |_| {
        began.happen();
        told.wait();
        get(&beneath, at(0, 0)).map(|_| ())
    });
    let first = getting(&top, at(0, 0));
    inside.wait();
    let second = getting(&top, at(0, 0));
    until(|| top.counters().waits == 1);
    thread::sleep(Duration::from_millis(20));
    go.happen();
    ended(first).unwrap();
    ended(second).unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 2);
    assert_quiet(&cache);
}

#[test]
fn who_helps_beneath_keeps_within_the_cap() {
    let options = Options {
        max_in_flight: 1,
        ..Options::default()
    };
    let cache = Cache::new(AMPLE, options).unwrap();
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let source = source(move |_| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(5));
        now.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    });
    let top = same(tiles(source, Some(&cache)), Some(&cache));
    let all = [(); 4].map(|()| getting(&top, at(0, 0)));
    all.into_iter()
        .for_each(|thread| drop(ended(thread).unwrap()));
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_quiet(&cache);
}

// ---- ways of reading ----

#[test]
fn every_way_of_reading_shows_the_same_and_a_bypass_keeps_nothing() {
    for over in OVER.into_iter().skip(1) {
        for retention in [Retention::Kept, Retention::Streamed, Retention::Bypassed] {
            let cache = cache(AMPLE);
            let wide = support::image((128, 128), (128, 16), 1);
            let decodes = Arc::new(Mutex::new(Vec::new()));
            let seen = decodes.clone();
            let source = source_of(wide, None, move |block| {
                seen.lock().unwrap().push(block);
                Ok(())
            });
            let top = over(source, &cache);
            let options = ReaderOptions {
                retention,
                ..ReaderOptions::default()
            };
            let (mine, _) = reading(&top, options);
            let grid = top.image().grid(0);
            for row in 0..grid.rows() {
                get(&mine, at(row, 0)).unwrap();
            }
            let blocks = decodes.lock().unwrap();
            let distinct: HashSet<_> = blocks.iter().collect();
            assert_eq!(blocks.len(), distinct.len(), "{retention:?}");
            let after = cache.statistics();
            if retention == Retention::Bypassed {
                assert_eq!((after.entries, after.counters.siblings), (0, 0));
            } else {
                assert!(after.entries > 0);
            }
            assert_quiet(&cache);
        }
    }
}

/// Where a block would be kept and its tiles be views of it, a bypass decodes it once for each tile.
#[test]
fn a_bypass_decodes_a_block_once_for_a_tile() {
    let cache = cache(AMPLE);
    let decodes = Arc::new(AtomicUsize::new(0));
    let count = decodes.clone();
    let source = source_of(support::image((128, 128), (128, 128), 1), None, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let top = tiles(cached(source, &cache).unwrap(), Some(&cache));
    let options = ReaderOptions {
        retention: Retention::Bypassed,
        ..ReaderOptions::default()
    };
    let (mine, _) = reading(&top, options);
    get(&mine, at(0, 0)).unwrap();
    assert_eq!(decodes.load(Ordering::SeqCst), 1);
    assert_eq!(cache.statistics().entries, 0);
    // What is there is used.
    get(&top, at(0, 1)).unwrap();
    get(&mine, at(0, 1)).unwrap();
    assert_eq!(decodes.load(Ordering::SeqCst), 2);
}

/// A reader that keeps nothing, over tiles of resident blocks, and how often those were decoded. The tiles have the same
/// cache as their own, or none.
fn bypass_of_resident(
    (tile, pad_edges): ((u64, u64), bool),
    own: bool,
    cache: &Cache,
) -> (Arc<dyn Provider>, Arc<AtomicUsize>) {
    let decodes = Arc::new(AtomicUsize::new(0));
    let count = decodes.clone();
    let source = source_of(support::image((256, 192), (128, 64), 1), None, move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let blocks = cached(source, cache).unwrap();
    let grid = blocks.image().grid(0);
    for (row, col) in (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col))) {
        get(&blocks, at(row, col)).unwrap();
    }
    let options = RetileOptions { tile, pad_edges };
    let top = retiled(blocks, &options, own.then_some(cache)).unwrap();
    let bypassing = ReaderOptions {
        retention: Retention::Bypassed,
        ..ReaderOptions::default()
    };
    (reading(&top, bypassing).0, decodes)
}

#[test]
fn a_bypass_copies_resident_blocks_and_leaves_them_as_they_are() {
    let shapes = [((64, 32), false), ((100, 90), false), ((100, 90), true)];
    for (shape, own) in shapes.into_iter().flat_map(|it| [(it, true), (it, false)]) {
        let cache = cache(AMPLE);
        let (mine, decodes) = bypass_of_resident(shape, own, &cache);
        let before = cache.statistics();
        let grid = mine.image().grid(0);
        for (row, col) in (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |c| (row, c))) {
            let made = get_block(&*mine, at(row, col), &Bands::ALL).unwrap();
            let rect = at(row, col).rect(mine.image());
            assert_eq!(made.valid(), (rect.width as usize, rect.height as usize));
            for y in 0..made.shape().height {
                for (x, sample) in made.row(0, y).iter().enumerate() {
                    let is_inside = (x as u64) < rect.width && (y as u64) < rect.height;
                    let expected = match is_inside {
                        true => value(0, rect.x + x as u64, rect.y + y as u64, 0),
                        false => 0.0,
                    };
                    assert_eq!(f64::from(*sample), expected, "{x}, {y} of {row}, {col}");
                }
            }
        }
        let (after, tiles) = (cache.statistics(), grid.rows() * grid.cols());
        assert_eq!(after.entries, before.entries);
        assert_eq!(mine.counters().loads, tiles);
        assert_eq!(decodes.load(Ordering::SeqCst), 6);
        assert_quiet(&cache);
    }
}

/// As long as the budget has room for it meanwhile.
#[test]
fn the_memory_of_a_tile_that_was_not_kept_is_used_again() {
    for own in [true, false] {
        let cache = cache(AMPLE);
        let (mine, _) = bypass_of_resident(((128, 32), false), own, &cache);
        let bytes = tile_bytes(mine.image(), at(0, 0), &Bands::ALL);
        let reusable = || cache.statistics().reusable;
        let first = get(&mine, at(0, 0)).unwrap();
        let another = first.clone();
        let place = first.bytes().as_ptr();
        drop(first);
        assert_eq!(reusable(), 0);
        drop(another);
        assert_eq!(reusable(), bytes);
        let second = get(&mine, at(0, 1)).unwrap();
        assert_eq!(second.bytes().as_ptr(), place);
        assert_eq!(reusable(), 0);
        let full = cache.statistics();
        cache.set_budget(full.idle + full.held);
        drop(second);
        assert_eq!(reusable(), 0);
        // Nor does it need the cache.
        cache.set_budget(AMPLE);
        let third = get(&mine, at(0, 0)).unwrap();
        drop((mine, cache));
        assert_eq!(third.bytes().len() as u64, bytes);
    }
}

#[test]
fn what_a_stream_finds_is_not_used() {
    let bytes = tile_bytes(&image(), at(0, 0), &Bands::ALL) + 256;
    let cache = cache(2 * bytes + 1024);
    let top = cached(source(|_| Ok(())), &cache).unwrap();
    let options = ReaderOptions {
        retention: Retention::Streamed,
        ..ReaderOptions::default()
    };
    let (stream, _) = reading(&top, options);
    get(&top, at(0, 0)).unwrap();
    get(&top, at(0, 1)).unwrap();
    get(&stream, at(0, 0)).unwrap();
    get(&top, at(0, 2)).unwrap();
    let is_there = |block| peek_block(&*top, block, &Bands::ALL).unwrap().is_some();
    assert_eq!(
        [0, 1, 2].map(|col| is_there(at(0, col))),
        [false, true, true]
    );
}
