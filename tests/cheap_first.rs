//! The option that what is cheap to make again goes first: tiles stitched from resident blocks.

mod support;

use std::sync::Arc;
use support::{Behaviour, image, source};
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, cached, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::tile::Tile;

const BLOCK: u64 = 64;
/// Blocks in each direction.
const BLOCKS: u64 = 8;
/// No tile of this side is a part of one block.
const TILE: u64 = 96;
/// Whole tiles in each direction; they lie over all blocks.
const TILES: u64 = 5;

const BLOCK_CHARGE: u64 = BLOCK * BLOCK + 256;
const TILE_CHARGE: u64 = TILE * TILE + 256;
/// Enough for what the two keys cost, and too little for a block.
const KEYS: u64 = 3000;

struct Setup {
    behaviour: Arc<Behaviour>,
    cache: Cache,
    blocks: Arc<dyn Provider>,
    tiles: Arc<dyn Provider>,
}

fn setup(blocks: u64, tiles: u64, cheap_first: bool) -> Setup {
    let options = Options {
        cheap_first,
        ..Options::default()
    };
    let budget = blocks * BLOCK_CHARGE + tiles * TILE_CHARGE + KEYS;
    let cache = Cache::new(budget, options).unwrap();
    let behaviour = Arc::new(Behaviour::default());
    let size = BLOCK * BLOCKS;
    let source = source(image((size, size), (BLOCK, BLOCK), 1), behaviour.clone());
    let blocks = cached(source, &cache).unwrap();
    let options = RetileOptions {
        tile: (TILE, TILE),
        pad_edges: false,
    };
    let tiles = retiled(blocks.clone(), &options, Some(&cache)).unwrap();
    Setup {
        behaviour,
        cache,
        blocks,
        tiles,
    }
}

impl Setup {
    fn get(&self, row: u64, col: u64) -> Tile {
        let at = Block::new(0, row, col);
        let tile = get_block(&*self.tiles, at, &Bands::ALL).unwrap();
        let rect = at.rect(self.tiles.image());
        for y in 0..rect.height {
            for (x, got) in tile.row(0, y as usize).iter().enumerate() {
                let expected = support::value(0, rect.x + x as u64, rect.y + y, 0);
                assert_eq!(f64::from(*got), expected, "{at:?}");
            }
        }
        let now = self.cache.statistics();
        assert!(now.idle + now.held + now.reusable <= now.budget, "{now:?}");
        tile
    }

    fn has_tile(&self, row: u64, col: u64) -> bool {
        let at = Block::new(0, row, col);
        self.tiles.peek_block(at, &Bands::ALL).is_some()
    }

    fn has_block(&self, row: u64, col: u64) -> bool {
        let at = Block::new(0, row, col);
        self.blocks.peek_block(at, &Bands::ALL).is_some()
    }

    /// Gets all whole tiles, row by row.
    fn pass(&self) {
        (0..TILES * TILES).for_each(|at| drop(self.get(at / TILES, at % TILES)));
    }
}

#[test]
fn blocks_stay_where_they_and_few_tiles_fit() {
    let decodes = |cheap_first| {
        let it = setup(BLOCKS * BLOCKS, 2, cheap_first);
        (0..4).for_each(|_| it.pass());
        it.behaviour.total()
    };
    assert_eq!(decodes(true), BLOCKS * BLOCKS);
    assert!(decodes(false) > 2 * BLOCKS * BLOCKS);
}

#[test]
fn cheap_tiles_go_in_the_order_of_their_uses() {
    let it = setup(BLOCKS * BLOCKS, 3, true);
    let held = it.get(0, 0);
    it.get(0, 1);
    it.get(0, 2);
    drop(held);
    it.get(0, 1);
    // Brings all other blocks, and tiles that go one after the other.
    it.pass();
    let last = |n| (TILES - 1, TILES - n);
    for n in 1..=3 {
        assert!(it.has_tile(last(n).0, last(n).1), "{n}");
    }
    it.get(last(3).0, last(3).1);
    it.get(0, 0);
    assert!(it.has_tile(last(3).0, last(3).1));
    assert!(!it.has_tile(last(2).0, last(2).1));
    assert!(it.has_tile(last(1).0, last(1).1));
}

#[test]
fn a_tile_whose_block_is_gone_is_as_costly_as_a_block() {
    // Three blocks of the tile, and those of the others.
    let it = setup(3 + 7 * 5, 3, true);
    it.get(0, 0);
    assert!(
        it.cache
            .remove(it.blocks.key(), Block::new(0, 1, 1), &Bands::ALL)
    );
    // Tiles over other blocks only.
    for at in TILES..TILES * TILES {
        if at % TILES > 1 {
            it.get(at / TILES, at % TILES);
        }
    }
    assert!(it.has_tile(0, 0), "it was the oldest, but not cheap");
    let before = it.behaviour.total();
    it.get(0, 0);
    assert_eq!(it.behaviour.total(), before);
}

#[test]
fn without_cheap_tiles_left_the_oldest_block_goes() {
    let it = setup(6, 1, true);
    it.get(0, 0);
    for (row, col) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        assert!(it.has_block(row, col));
    }
    it.get(3, 3);
    assert!(!it.has_tile(0, 0));
    assert!(!it.has_block(0, 0) && !it.has_block(0, 1));
    assert!(it.has_block(1, 0) && it.has_block(1, 1));
    assert!(it.has_tile(3, 3));
}

#[test]
fn cheap_tiles_in_hands_are_spared_and_take_their_place_again() {
    let it = setup(BLOCKS * BLOCKS, 2, true);
    let held = it.get(0, 0);
    it.pass();
    assert!(it.has_tile(0, 0));
    drop(held);
    it.get(TILES - 1, TILES - 1);
    it.pass();
    assert!(!it.has_tile(0, 0), "it is cheap again");
    assert_eq!(it.behaviour.total(), BLOCKS * BLOCKS);
}
