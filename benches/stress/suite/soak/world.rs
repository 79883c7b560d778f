//! What the actors act upon: two caches, and images of every kind over them.

use super::super::orders::Random;
use super::super::setup::{MIB, cache, image, tiles};
use super::super::source::Synthetic;
use super::{Soak, raster};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tilecache::cache::Cache;
use tilecache::dtype::DType;
use tilecache::error::Error;
use tilecache::image::Block;
use tilecache::layout::{Layout, Shape};
use tilecache::load::Cancel;
use tilecache::memory::{Canvas, Memory};
use tilecache::operator::{cached, level};
use tilecache::provider::Provider;
use tilecache::source::file;
use tilecache::source::memory::MemorySource;
use tilecache::tile::Tile;

/// The side of a tile.
pub const TILE: u64 = 256;
/// The budget of the small cache.
const OTHER: u64 = 16 * MIB;
/// A scene's side in tiles.
const SIDE: u64 = 4096;

/// An image and its tiles.
pub struct Scene {
    pub source: Arc<Synthetic>,
    pub view: Arc<dyn Provider>,
}

pub struct World {
    pub cache: Cache,
    pub other: Cache,
    pub budget: u64,
    pub seed: u64,
    pub time: Duration,
    /// Strips over the full width.
    pub strips: Scene,
    /// An image of u16 in blocks with levels, and the tiles of each of them.
    pub pyramid: Scene,
    pub levels: Vec<Arc<dyn Provider>>,
    /// Levels with grids of their own, each view with all of them.
    pub zoomed: Scene,
    pub zooms: Vec<Arc<dyn Provider>>,
    /// How many tiles of these were asked for.
    pub zoomed_to: AtomicU64,
    /// One huge block, without a cached layer.
    pub block: Scene,
    /// Pixels that change.
    pub changing: Scene,
    /// The same image through the other cache.
    pub changing_too: Arc<dyn Provider>,
    /// Slow, and failing now and then.
    pub failing: Scene,
    pub file: Scene,
    pub memory: Scene,
    /// The oldest generation that a get which begins now may see.
    pub oldest: AtomicU64,
    /// What the next cancellation ends.
    pub cancel: Mutex<Arc<Cancel>>,
    pub counts: Counts,
    ended: AtomicBool,
}

/// What the actors saw.
#[derive(Default)]
pub struct Counts {
    pub stale: AtomicU64,
    pub torn: AtomicU64,
    pub failures: AtomicU64,
    pub cancellations: AtomicU64,
}

impl World {
    pub fn new(soak: &Soak<'_>) -> Self {
        let main = cache(soak.budget);
        let other = cache(OTHER);
        let seed = soak.seed * 16;
        let beneath =
            |source: &Arc<Synthetic>| cached(source.provider(None), &main).expect("a cached layer");

        let source = Synthetic::new(image(SIDE, SIDE, (SIDE, 16)), seed);
        let strips = Scene {
            view: tiles(source.provider(None), TILE, &main),
            source,
        };

        let mut in_levels = image(SIDE, SIDE, (300, 200));
        in_levels.dtype = DType::U16;
        in_levels.bits = 16;
        in_levels.levels = (0..5).map(|level| (SIDE >> level, SIDE >> level)).collect();
        let source = Synthetic::new(in_levels, seed + 1);
        let below = beneath(&source);
        let of_level = |number| {
            let image = level(below.clone(), number).expect("a level");
            tiles(image, TILE, &main)
        };
        let levels: Vec<_> = (0..5).map(of_level).collect();
        let pyramid = Scene {
            view: levels[0].clone(),
            source,
        };

        let mut in_own_grids = image(SIDE / 2, SIDE / 2, (300, 200));
        in_own_grids.levels = (1..5).map(|level| (SIDE >> level, SIDE >> level)).collect();
        let pause = Duration::from_millis(1);
        let source = Synthetic::with_hook(in_own_grids, seed + 7, move |_| {
            std::thread::sleep(pause);
            Ok(())
        });
        let grids = source.in_own_grids();
        let elsewhere = cached(grids.clone(), &other).expect("a cached layer");
        let zooms = vec![
            tiles(grids.clone(), TILE, &main),
            tiles(tiles(grids, 500, &other), TILE, &main),
            tiles(elsewhere, 200, &main),
        ];
        let zoomed = Scene {
            view: zooms[0].clone(),
            source,
        };

        let source = Synthetic::new(image(SIDE / 2, SIDE / 2, (SIDE / 2, SIDE / 2)), seed + 2);
        let block = Scene {
            view: tiles(source.provider(None), TILE, &main),
            source,
        };

        let pause = Duration::from_millis(2);
        let source = Synthetic::with_hook(
            image(SIDE / 4, SIDE / 4, (SIDE / 4, 64)),
            seed + 3,
            move |_| {
                std::thread::sleep(pause);
                Ok(())
            },
        );
        let name = format!("changing-{seed}");
        let changing_too = tiles(source.provider(Some(&name)), TILE, &other);
        let changing = Scene {
            view: tiles(
                cached(source.provider(Some(&name)), &main).expect("a cached layer"),
                TILE,
                &main,
            ),
            source,
        };

        let random = Mutex::new(Random::new(seed));
        let source =
            Synthetic::with_hook(image(SIDE / 2, SIDE / 2, (200, 200)), seed + 4, move |_| {
                let chance = random.lock().expect("a number").below(100);
                std::thread::sleep(Duration::from_micros(100 * chance));
                match chance {
                    0..10 => Err(Error::from_source(7, "told to fail")),
                    10..12 => std::panic::resume_unwind(Box::new("told to panic")),
                    _ => Ok(()),
                }
            });
        let failing = Scene {
            view: tiles(beneath(&source), TILE, &main),
            source,
        };

        let source = Synthetic::new(image(SIDE / 2, SIDE / 2, (SIDE / 2, 64)), seed + 5);
        let path = soak.picture.with_extension("tif");
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("the directory");
        raster::write(&source, &path).expect("a file");
        let opened = file::open(&path, 0, None).expect("the file");
        let file = Scene {
            view: tiles(cached(opened, &main).expect("a cached layer"), TILE, &main),
            source,
        };

        let source = Synthetic::new(image(SIDE / 4, SIDE / 4, (SIDE / 4, 100)), seed + 6);
        let memory = Scene {
            view: tiles(in_memory(&source), TILE, &main),
            source,
        };

        Self {
            cache: main,
            other,
            budget: soak.budget,
            seed,
            time: soak.time,
            strips,
            pyramid,
            levels,
            zoomed,
            zooms,
            zoomed_to: AtomicU64::new(0),
            block,
            changing,
            changing_too,
            failing,
            file,
            memory,
            oldest: AtomicU64::new(0),
            cancel: Mutex::default(),
            counts: Counts::default(),
            ended: AtomicBool::new(false),
        }
    }

    /// All images.
    pub fn scenes(&self) -> impl Iterator<Item = &Scene> {
        [
            &self.strips,
            &self.pyramid,
            &self.zoomed,
            &self.block,
            &self.changing,
            &self.failing,
            &self.file,
            &self.memory,
        ]
        .into_iter()
    }

    /// The actors end what they are doing.
    pub fn stop(&self) {
        self.ended.store(true, SeqCst);
    }

    pub fn goes_on(&self) -> bool {
        !self.ended.load(SeqCst)
    }

    /// Sleeps for so much of the whole time, or until the end.
    pub fn rest(&self, part: f64) {
        let until = std::time::Instant::now() + self.time.mul_f64(part);
        while self.goes_on() && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn stale(&self) -> u64 {
        self.counts.stale.load(SeqCst)
    }

    pub fn torn(&self) -> u64 {
        self.counts.torn.load(SeqCst)
    }

    pub fn failures(&self) -> u64 {
        self.counts.failures.load(SeqCst)
    }

    pub fn cancellations(&self) -> u64 {
        self.counts.cancellations.load(SeqCst)
    }
}

/// The same pixels in memory.
fn in_memory(source: &Synthetic) -> Arc<dyn Provider> {
    let image = source.image().clone();
    let shape = Shape {
        width: image.width() as usize,
        height: image.height() as usize,
        bands: 1,
    };
    let layout = Layout::packed(shape, image.dtype).expect("a layout");
    let memory = Memory::zeroed(layout.span()).expect("memory");
    let mut canvas = Canvas::new(memory, layout);
    let mut pixels = canvas.pixels_mut();
    for row in 0..image.grid(0).rows() {
        let first = row * image.block.1;
        let write = |y: u64, from: &[u8]| {
            pixels
                .row_mut(0, (first + y) as usize)
                .copy_from_slice(from)
        };
        source
            .decode_rows(Block::new(0, row, 0), write)
            .expect("pixels");
    }
    let tile = Tile::from_canvas(canvas);
    MemorySource::provider(None, image, tile.pixels().clone()).expect("an image in memory")
}
