//! Images whose decodes are counted, and ways to read them.

use crate::support::{Behaviour, image, source, value};
use std::sync::Arc;
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block};
use tilecache::operator::{Order, PassOptions, RetileOptions, cached, pass, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::tile::Tile;

/// Sizes are those of 16384 x 16384 pixels in tiles of 1024 and strips of 16 rows, divided by this.
pub const SCALE: u64 = 16;
pub const SIDE: u64 = 16384 / SCALE;
pub const TILE: u64 = 1024 / SCALE;
pub const STRIP: u64 = 16 / SCALE;
pub const STRIPS: u64 = SIDE / STRIP;

/// So many MiB of the full size, scaled like its area, with room for the books.
pub fn budget(mib: u64) -> u64 {
    (mib << 20) / (SCALE * SCALE) * 103 / 100
}

/// A view over blocks, and what it makes decode.
pub struct Setup {
    pub behaviour: Arc<Behaviour>,
    pub cache: Cache,
    pub view: Arc<dyn Provider>,
}

impl Setup {
    /// Strips as tiles, the strips cached too or not.
    pub fn strips(budget: u64, with_blocks: bool) -> Self {
        Self::strips_in(
            &Cache::new(budget, Options::default()).unwrap(),
            with_blocks,
        )
    }

    /// The same in a cache that others use too.
    pub fn strips_in(cache: &Cache, with_blocks: bool) -> Self {
        let image = image((SIDE, SIDE), (SIDE, STRIP), 3);
        let behaviour = Arc::new(Behaviour::default());
        let strips = source(image, behaviour.clone());
        let below = match with_blocks {
            true => cached(strips, cache).unwrap(),
            false => strips,
        };
        let options = RetileOptions {
            tile: (TILE, TILE),
            pad_edges: false,
        };
        Setup {
            behaviour,
            view: retiled(below, &options, Some(cache)).unwrap(),
            cache: cache.clone(),
        }
    }

    /// `side` x `side` blocks of 64 x 64 pixels in a cache that holds so many of them.
    pub fn blocks(side: u64, held: u64) -> Self {
        // With what a block and a key are charged.
        let cache = Cache::new(held * BLOCK_CHARGE + 2048, Options::default()).unwrap();
        Self::blocks_in(&cache, side)
    }

    /// The same in a cache that others use too.
    pub fn blocks_in(cache: &Cache, side: u64) -> Self {
        let image = image((side * 64, side * 64), (64, 64), 1);
        let behaviour = Arc::new(Behaviour::default());
        let blocks = source(image, behaviour.clone());
        Setup {
            behaviour,
            view: cached(blocks, cache).unwrap(),
            cache: cache.clone(),
        }
    }

    pub fn pass(&self, order: Order) -> Arc<dyn Provider> {
        let options = PassOptions::default();
        pass(self.view.clone(), order, &options, Arc::default()).unwrap()
    }

    /// The tiles of an order.
    pub fn tiles(&self, order: &Order) -> Vec<Block> {
        order.clone().tiles(self.view.image(), 0).collect()
    }

    /// Reads in an order through a provider, and returns how many blocks were decoded for it.
    pub fn read(&self, provider: &Arc<dyn Provider>, order: &Order) -> u64 {
        let before = self.behaviour.total();
        for at in self.tiles(order) {
            get(provider, at);
            let now = self.cache.statistics();
            assert!(now.idle + now.held + now.reusable <= now.budget, "{now:?}");
        }
        self.behaviour.total() - before
    }

    /// Reads in an order that was declared.
    pub fn declared(&self, order: &Order) -> u64 {
        let pass = self.pass(order.clone());
        self.read(&pass, order)
    }

    /// Reads in an order that was not.
    pub fn undeclared(&self, order: &Order) -> u64 {
        self.read(&self.view, order)
    }
}

/// What a block of [`Setup::blocks`] takes of a budget.
pub const BLOCK_CHARGE: u64 = 64 * 64 + 256;

/// A tile of which pixels of every row are looked at.
pub fn get(provider: &Arc<dyn Provider>, at: Block) -> Tile {
    let tile = get_block(&**provider, at, &Bands::ALL).unwrap();
    let rect = at.rect(provider.image());
    for band in 0..provider.image().band_count() {
        for y in 0..rect.height {
            let row = tile.row(band as usize, y as usize);
            for x in [0, rect.width / 2, rect.width - 1] {
                let expected = value(at.level, rect.x + x, rect.y + y, band);
                assert_eq!(
                    f64::from(row[x as usize]),
                    expected,
                    "{at}: {x}, {y}, {band}"
                );
            }
        }
    }
    tile
}

/// Numbers that follow from a seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }

    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}
