//! Images of many bands that are read together: which of them are loaded where some are asked for, and how often.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use support::{Behaviour, image, source, value};
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block, Image};
use tilecache::operator::{RetileOptions, cached, retiled};
use tilecache::provider::{Provider, get_block};

const SIDE: u64 = 256;
const BLOCK: u64 = 32;
/// In each direction.
const BLOCKS: u64 = SIDE / BLOCK;
const BANDS: u32 = 64;

/// Bytes of all pixels of a band.
const PLANE: u64 = SIDE * SIDE;

fn many(bands: u32) -> Image {
    let mut image = image((SIDE, SIDE), (BLOCK, BLOCK), bands);
    (image.bands_together, image.picks_bands) = (true, true);
    image
}

struct Setup {
    behaviour: Arc<Behaviour>,
    cache: Cache,
    view: Arc<dyn Provider>,
    tile: u64,
}

/// The image in a cache of so many bytes, as its own blocks or in tiles of another size.
fn setup(bands: u32, budget: u64, tile: u64) -> Setup {
    let behaviour = Arc::new(Behaviour::default());
    let cache = Cache::new(budget, Options::default()).unwrap();
    let source = source(many(bands), behaviour.clone());
    let options = RetileOptions {
        tile: (tile, tile),
        ..RetileOptions::default()
    };
    let view = match tile {
        BLOCK => cached(source, &cache),
        _ => retiled(source, &options, Some(&cache)),
    };
    Setup {
        behaviour,
        cache,
        view: view.unwrap(),
        tile,
    }
}

impl Setup {
    fn tiles(&self) -> impl Iterator<Item = Block> + use<> {
        let count = SIDE / self.tile;
        (0..count).flat_map(move |row| (0..count).map(move |col| Block::new(0, row, col)))
    }

    /// Gets some bands of a tile, and looks at a pixel of each.
    fn get(&self, at: Block, list: &[u32]) {
        let count = self.view.image().bands.len() as u32;
        let tile = get_block(&*self.view, at, &Bands::of(list, count)).unwrap();
        assert_eq!(tile.shape().bands, list.len());
        let (x, y) = (at.col * self.tile + 5, at.row * self.tile + 9);
        for (index, band) in list.iter().enumerate() {
            let sample = f64::from(tile.row(index, 9)[5]);
            assert_eq!(sample, value(0, x, y, *band), "band {band} of {at:?}");
        }
    }

    fn get_all(&self, list: &[u32]) {
        self.tiles().for_each(|at| self.get(at, list));
    }

    /// Blocks that were decoded, and the bands of all of them.
    fn decoded(&self) -> (u64, u64) {
        let bands = self.behaviour.bands.load(Ordering::SeqCst);
        (self.behaviour.total(), bands)
    }

    fn resident(&self) -> u64 {
        let now = self.cache.statistics();
        now.idle + now.held
    }
}

const ALL_BLOCKS: u64 = BLOCKS * BLOCKS;

#[test]
fn the_bands_asked_for_are_loaded_alone_and_once() {
    for tile in [BLOCK, 2 * BLOCK] {
        for list in [&[40u32][..], &[50, 7, 20]] {
            let setup = setup(BANDS, 64 << 20, tile);
            for _ in 0..3 {
                setup.get_all(list);
            }
            let count = list.len() as u64;
            assert_eq!(setup.decoded(), (ALL_BLOCKS, count * ALL_BLOCKS));
            let resident = setup.resident();
            assert!(
                resident < count * PLANE * 3 / 2,
                "{resident} bytes for {count} bands"
            );
        }
    }
}

#[test]
fn bands_that_are_asked_for_one_after_the_other_come_together_from_the_second_on() {
    for tile in [BLOCK, 2 * BLOCK] {
        let setup = setup(BANDS, 64 << 20, tile);
        for at in setup.tiles() {
            (0..BANDS).for_each(|band| setup.get(at, &[band]));
        }
        // All but those of the first tile are decoded once.
        let first = (tile / BLOCK) * (tile / BLOCK);
        let all = u64::from(BANDS) * ALL_BLOCKS;
        assert_eq!(setup.decoded(), (ALL_BLOCKS + first, all + first));
    }
}

#[test]
fn band_after_band_of_an_image_that_fits_decodes_each_block_twice_at_most() {
    let setup = setup(BANDS, 64 << 20, BLOCK);
    for band in 0..BANDS {
        setup.get_all(&[band]);
    }
    let all = u64::from(BANDS) * ALL_BLOCKS;
    assert_eq!(setup.decoded(), (2 * ALL_BLOCKS, all + ALL_BLOCKS));
}

#[test]
fn band_after_band_of_an_image_that_does_not_fit_never_loads_all() {
    // An eighth of the image.
    let setup = setup(BANDS, u64::from(BANDS) * PLANE / 8, BLOCK);
    for band in 0..BANDS {
        setup.get_all(&[band]);
    }
    let each = u64::from(BANDS) * ALL_BLOCKS;
    assert_eq!(setup.decoded(), (each, each));
}

#[test]
fn few_bands_and_all_of_many_come_together() {
    let setup = setup(8, 64 << 20, BLOCK);
    setup.get_all(&[3]);
    assert_eq!(setup.decoded(), (ALL_BLOCKS, 8 * ALL_BLOCKS));
    let most: Vec<u32> = (0..BANDS / 8 + 1).collect();
    let setup = self::setup(BANDS, 64 << 20, BLOCK);
    setup.get_all(&most);
    setup.get_all(&[60]);
    assert_eq!(setup.decoded(), (ALL_BLOCKS, u64::from(BANDS) * ALL_BLOCKS));
}

#[test]
fn without_a_cache_nobody_keeps_the_other_bands() {
    let behaviour = Arc::new(Behaviour::default());
    let below = source(many(BANDS), behaviour.clone());
    for band in [5, 6, 5] {
        let tile = get_block(&*below, Block::new(0, 0, 0), &Bands::of(&[band], BANDS)).unwrap();
        assert_eq!(f64::from(tile.row(0, 0)[0]), value(0, 0, 0, band));
    }
    assert_eq!(behaviour.bands.load(Ordering::SeqCst), 3);
}
