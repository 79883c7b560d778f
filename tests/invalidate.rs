//! Pixels that change: no get that begins after invalidate sees the old ones.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tilecache::cache::{Cache, Options, invalidate};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::georef::Affine;
use tilecache::image::{Bands, Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::{
    LevelOptions, Mosaic, Part, RetileOptions, Size, WarpOptions, cached, downsampled,
    full_pyramid, level, mosaic, retiled, warped,
};
use tilecache::provider::{Provider, get_block};
use tilecache::source::{Decoder, Source};
use tilecache::transform::affine;

/// A source whose every pixel is the number of its generation.
struct Changing {
    generation: Arc<AtomicU64>,
    /// Where a decode says that it has begun, and then waits to be let go on.
    gate: Option<Arc<Gate>>,
}

#[derive(Default)]
struct Gate {
    begun: AtomicBool,
    open: AtomicBool,
}

impl Gate {
    fn pass(&self) {
        self.begun.store(true, Ordering::SeqCst);
        wait_for(&self.open);
    }
}

fn wait_for(flag: &AtomicBool) {
    while !flag.swap(false, Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Decoder for Changing {
    fn read_block(&self, _: Block, _: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let generation = self.generation.load(Ordering::SeqCst);
        self.gate.iter().for_each(|gate| gate.pass());
        for y in 0..into.layout().shape.height {
            into.row_mut(0, y).fill(generation as u8);
        }
        Ok(())
    }
}

fn changing(generation: &Arc<AtomicU64>) -> Arc<dyn Provider> {
    gated(generation, None)
}

fn gated(generation: &Arc<AtomicU64>, gate: Option<Arc<Gate>>) -> Arc<dyn Provider> {
    let mut image = Image::new(256, 256, 1, DType::U8);
    image.block = (256, 16);
    let decoder = Changing {
        generation: generation.clone(),
        gate,
    };
    Source::provider(None, image, Box::new(decoder)).unwrap()
}

fn view(source: Arc<dyn Provider>, cache: &Cache, with_blocks: bool) -> Arc<dyn Provider> {
    let below = match with_blocks {
        true => cached(source, cache).unwrap(),
        false => source,
    };
    let options = RetileOptions {
        tile: (64, 64),
        pad_edges: false,
    };
    retiled(below, &options, Some(cache)).unwrap()
}

#[test]
fn handles_keep_their_pixels_and_every_cache_forgets() {
    let generation = Arc::new(AtomicU64::new(1));
    let source = changing(&generation);
    let caches = [1 << 20, 1 << 20].map(|budget| Cache::new(budget, Options::default()).unwrap());
    let views = caches
        .each_ref()
        .map(|cache| view(source.clone(), cache, true));
    let at = Block::new(0, 1, 1);
    let old = views
        .each_ref()
        .map(|view| get_block(&**view, at, &Bands::ALL).unwrap());
    generation.store(2, Ordering::SeqCst);
    invalidate(source.key());
    for (cache, view) in caches.iter().zip(&views) {
        assert!(cache.peek(view.key(), at, &Bands::ALL).unwrap().is_none());
        assert_eq!(cache.statistics().entries, 0);
        assert_eq!(get_block(&**view, at, &Bands::ALL).unwrap().row(0, 0)[0], 2);
    }
    assert!(old.iter().all(|tile| tile.row(0, 63)[63] == 1));
}

/// An operator over a provider.
type Over = fn(Arc<dyn Provider>, &Cache) -> Result<Arc<dyn Provider>>;

/// What is forgotten is what lies at the bottom, whichever provider over it is named.
#[test]
fn an_operator_stands_for_its_sources() {
    let pyramid: Over = |source, cache| {
        let options = LevelOptions {
            tile: (32, 32),
            ..LevelOptions::default()
        };
        full_pyramid(source, &options, Some(cache))
    };
    let half: Over = |source, cache| {
        downsampled(
            source,
            Size::Halved(1),
            &LevelOptions::default(),
            Some(cache),
        )
    };
    let warp: Over = |source, cache| {
        let options = WarpOptions {
            size: (256, 256),
            tile: (64, 64),
            ..WarpOptions::default()
        };
        let same = affine(Affine([0.0, 1.0, 0.0, 0.0, 0.0, 1.0]))?;
        warped(source, same, &options, Some(cache))
    };
    let mosaic: Over = |source, cache| {
        let part = |at: i64| Part {
            place: (at * 256, 0),
            size: (256, 256),
            source: tilecache::operator::Source::Given(source.clone()),
        };
        // With so many parts the key does not name them.
        let parts: Vec<Part> = (0..100).map(part).collect();
        let mut image = Image::new(25600, 256, 1, DType::U8);
        image.block = (64, 64);
        let all = Mosaic {
            image,
            parts,
            opening: None,
            max_open: 1,
        };
        mosaic(all, Some(cache))
    };
    let stacks: [(&str, &[Over]); 6] = [
        ("pyramid", &[pyramid]),
        ("half", &[half]),
        ("warp", &[warp]),
        ("mosaic", &[mosaic]),
        ("level", &[pyramid, |source, _| level(source, 1)]),
        ("warp of mosaics", &[mosaic, pyramid, warp]),
    ];
    for (name, stack) in stacks {
        let generation = Arc::new(AtomicU64::new(1));
        let cache = Cache::new(4 << 20, Options::default()).unwrap();
        let tiles = view(changing(&generation), &cache, true);
        let over = |source, over: &Over| over(source, &cache).unwrap();
        let made = stack.iter().fold(tiles.clone(), over);
        let at = Block::new(0, 0, 0);
        let seen =
            || [&made, &tiles].map(|it| get_block(&**it, at, &Bands::ALL).unwrap().row(0, 5)[5]);
        assert_eq!(seen(), [1; 2], "{name}");
        generation.store(2, Ordering::SeqCst);
        invalidate(made.key());
        assert_eq!(seen(), [2; 2], "{name}");
    }
}

#[test]
fn another_image_is_not_forgotten() {
    let generation = Arc::new(AtomicU64::new(1));
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let views = [0, 1].map(|_| view(changing(&generation), &cache, true));
    let at = Block::new(0, 0, 0);
    views
        .iter()
        .for_each(|view| drop(get_block(&**view, at, &Bands::ALL).unwrap()));
    invalidate(views[0].key());
    assert!(
        cache
            .peek(views[0].key(), at, &Bands::ALL)
            .unwrap()
            .is_none()
    );
    assert!(
        cache
            .peek(views[1].key(), at, &Bands::ALL)
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_later_put_wins_over_a_load_begun_before() {
    let gate = Arc::new(Gate::default());
    let source = gated(&Arc::new(AtomicU64::new(1)), Some(gate.clone()));
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let below = cached(source, &cache).unwrap();
    let nine = changing(&Arc::new(AtomicU64::new(9)));
    // The second time the put tile is gone again when the load ends.
    for (at, gone) in [(Block::new(0, 3, 0), false), (Block::new(0, 5, 0), true)] {
        let nine = get_block(&*nine, at, &Bands::ALL).unwrap();
        std::thread::scope(|scope| {
            let load = scope.spawn(|| get_block(&*below, at, &Bands::ALL).unwrap());
            wait_for(&gate.begun);
            cache
                .put(below.key(), at, &Bands::ALL, nine.pixels().clone())
                .unwrap();
            if gone {
                cache.remove(below.key(), at, &Bands::ALL);
            }
            gate.open.store(true, Ordering::SeqCst);
            // Whoever had asked for the load gets its tile.
            assert_eq!(load.join().unwrap().row(0, 0)[0], 1);
        });
        let kept = cache.peek(below.key(), at, &Bands::ALL).unwrap();
        assert_eq!(kept.map(|tile| tile.row(0, 0)[0]), (!gone).then_some(9));
    }
}

#[test]
fn a_put_elsewhere_does_not_keep_a_load_from_being_kept() {
    let gate = Arc::new(Gate::default());
    let source = gated(&Arc::new(AtomicU64::new(1)), Some(gate.clone()));
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let below = cached(source, &cache).unwrap();
    let (at, elsewhere) = (Block::new(0, 3, 0), Block::new(0, 4, 0));
    let nine = changing(&Arc::new(AtomicU64::new(9)));
    let nine = get_block(&*nine, elsewhere, &Bands::ALL).unwrap();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| get_block(&*below, at, &Bands::ALL).unwrap());
        wait_for(&gate.begun);
        let pixels = nine.pixels().clone();
        cache
            .put(below.key(), elsewhere, &Bands::ALL, pixels)
            .unwrap();
        gate.open.store(true, Ordering::SeqCst);
        load.join().unwrap();
    });
    for (at, version) in [(at, 1), (elsewhere, 9)] {
        let kept = cache.peek(below.key(), at, &Bands::ALL).unwrap();
        assert_eq!(kept.map(|tile| tile.row(0, 0)[0]), Some(version));
    }
}
