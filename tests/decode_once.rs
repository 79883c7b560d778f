//! How often blocks are decoded when strips, huge blocks and unaligned blocks are read as tiles.
//!
//! An image of 16 x 16 tiles of three bands in strips; sizes are those of a 16384 x 16384 image in
//! tiles of 1024, divided by `SCALE` in each direction.

mod support;

use std::sync::Arc;
use std::sync::Barrier;
use support::{Behaviour, image, source};
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, cached, level, retiled};
use tilecache::provider::{Provider, get_block};

const SCALE: u64 = 16;
const SIDE: u64 = 16384 / SCALE;
const TILE: u64 = 1024 / SCALE;
const STRIP: u64 = 16 / SCALE;

/// So many MiB of the full-size image, scaled like its area, with room for the books.
fn budget(mib: u64) -> u64 {
    (mib << 20) / (SCALE * SCALE) * 103 / 100
}

struct Setup {
    behaviour: Arc<Behaviour>,
    cache: Cache,
    view: Arc<dyn Provider>,
}

fn strips(budget: u64, with_blocks: bool) -> Setup {
    let behaviour = Arc::new(Behaviour::default());
    let image = image((SIDE, SIDE), (SIDE, STRIP), 3);
    setup(
        source(image, behaviour.clone()),
        behaviour,
        budget,
        with_blocks,
        TILE,
    )
}

fn setup(
    source: Arc<dyn Provider>,
    behaviour: Arc<Behaviour>,
    budget: u64,
    with_blocks: bool,
    tile: u64,
) -> Setup {
    let cache = Cache::new(budget, Options::default()).unwrap();
    let below = match with_blocks {
        true => cached(source, &cache).unwrap(),
        false => source,
    };
    let options = RetileOptions {
        tile: (tile, tile),
        pad_edges: false,
    };
    let view = retiled(below, &options, Some(&cache)).unwrap();
    Setup {
        behaviour,
        cache,
        view,
    }
}

impl Setup {
    fn read(&self, row: u64, col: u64) {
        let tile = get_block(&*self.view, Block::new(0, row, col), &Bands::ALL).unwrap();
        let rect = Block::new(0, row, col).rect(self.view.image());
        let last = tile.row(2, rect.height as usize - 1)[rect.width as usize - 1];
        assert_eq!(
            f64::from(last),
            support::value(0, rect.right() - 1, rect.bottom() - 1, 2)
        );
        let now = self.cache.statistics();
        assert!(now.idle + now.held + now.reusable <= now.budget, "{now:?}");
    }

    fn pass(&self, by_column: bool) -> f64 {
        let before = self.behaviour.total();
        let grid = self.view.image().grid(0);
        if by_column {
            (0..grid.cols()).for_each(|col| (0..grid.rows()).for_each(|row| self.read(row, col)));
        } else {
            (0..grid.rows()).for_each(|row| (0..grid.cols()).for_each(|col| self.read(row, col)));
        }
        let blocks = self.behaviour.decodes.lock().unwrap().len();
        let counters = self.view.counters();
        assert_eq!(counters.decodes, self.behaviour.total());
        assert_eq!(counters.distinct_decodes, blocks as u64);
        let blocks = blocks as f64;
        (self.behaviour.total() - before) as f64 / blocks
    }
}

/// With a cached layer beneath, the budget grows by one row of blocks: here one strip.
const STRIP_ROW_MIB: u64 = 1;

#[test]
fn strips_in_row_order_are_decoded_once_a_pass() {
    for with_blocks in [false, true] {
        let setup = strips(
            budget(64 + STRIP_ROW_MIB * u64::from(with_blocks)),
            with_blocks,
        );
        assert_eq!(setup.pass(false), 1.0, "cold, blocks cached: {with_blocks}");
        assert_eq!(setup.pass(false), 1.0, "warm, blocks cached: {with_blocks}");
        let peak = setup.cache.statistics().peak;
        let tile = TILE * TILE * 3 + 4096;
        let strip = SIDE * STRIP * 3 + 4096;
        let bound = setup.cache.statistics().budget + tile + strip;
        assert!(peak <= bound, "peak {peak} of at most {bound}");
    }
}

#[test]
fn strips_in_column_order_are_decoded_once_where_the_image_fits() {
    for with_blocks in [false, true] {
        let setup = strips(
            budget(1024 + STRIP_ROW_MIB * u64::from(with_blocks)),
            with_blocks,
        );
        assert_eq!(setup.pass(true), 1.0, "blocks cached: {with_blocks}");
    }
}

#[test]
fn strips_in_column_order_are_decoded_a_few_times_where_half_fits() {
    for with_blocks in [false, true] {
        let setup = strips(
            budget(512 + STRIP_ROW_MIB * u64::from(with_blocks)),
            with_blocks,
        );
        let times = setup.pass(true);
        println!("512 MiB in column order, blocks cached: {with_blocks}: {times:.2}");
        assert!(
            times <= 4.0,
            "{times} decodes a strip, blocks cached: {with_blocks}"
        );
        let warm = setup.pass(true);
        println!("  warm: {warm:.2}");
    }
}

#[test]
fn blocks_that_straddle_tiles_are_decoded_once_where_they_fit() {
    for (block, tile) in [
        ((256, 256), 1000),
        ((SIDE, 64), 1000),
        ((300, 70), 128),
        ((1000, 1000), 256),
    ] {
        for by_column in [false, true] {
            let behaviour = Arc::new(Behaviour::default());
            let image = image((SIDE, SIDE), block, 3);
            let setup = setup(
                source(image, behaviour.clone()),
                behaviour,
                64 << 20,
                false,
                tile,
            );
            assert_eq!(
                setup.pass(by_column),
                1.0,
                "blocks {block:?}, tile {tile}, {by_column}"
            );
        }
    }
}

/// What a tile of one band takes with its entry.
fn bytes(side: u64) -> u64 {
    tilecache::memory::Memory::allocated_size((side * side) as usize) as u64 + 256
}

#[test]
fn blocks_that_straddle_tiles_are_decoded_once_in_room_for_a_row_of_tiles_and_one_of_blocks() {
    const BLOCK: u64 = 128;
    const SIDE: u64 = 4000;
    let row = SIDE.div_ceil(BLOCK);
    for tile in [120, 112, 100, 180, 90] {
        let behaviour = Arc::new(Behaviour::default());
        let image = image((SIDE, SIDE), (BLOCK, BLOCK), 1);
        let share = (SIDE.div_ceil(tile) - 1) * bytes(tile) + row * bytes(BLOCK);
        let budget = share * 100 / 75 + 1;
        let cache = Cache::new(budget, Options::default()).unwrap();
        let below = source(image, behaviour.clone());
        let options = RetileOptions {
            tile: (tile, tile),
            pad_edges: false,
        };
        let view = retiled(below, &options, Some(&cache)).unwrap();
        let grid = view.image().grid(0);
        for (row, col) in
            (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col)))
        {
            get_block(&*view, Block::new(0, row, col), &Bands::ALL).unwrap();
        }
        assert_eq!(behaviour.total(), row * row, "tile {tile}");
        // What is kept of blocks is the tiles' own.
        let (all, own) = (cache.statistics(), view.usage());
        assert_eq!((all.idle, all.entries), (own.idle, own.entries));
    }
}

#[test]
fn all_tiles_of_a_block_are_made_from_one_decode_however_many_there_are() {
    let behaviour = Arc::new(Behaviour::default());
    let image = image((3 * 4096, 4), (3 * 4096, 2), 1);
    let setup = setup(
        source(image, behaviour.clone()),
        behaviour,
        64 << 20,
        false,
        2,
    );
    assert_eq!(setup.behaviour.total(), 0);
    for col in 0..3 * 2048 {
        get_block(&*setup.view, Block::new(0, 0, col), &Bands::ALL).unwrap();
    }
    assert_eq!(setup.behaviour.total(), 1);
}

#[test]
fn a_tile_that_was_served_is_not_made_again_before_the_others() {
    let setup = strips(budget(1024), false);
    let is_there = |col| {
        let tile = Block::new(0, 0, col);
        setup.view.peek_block(tile, &Bands::ALL).is_some()
    };
    setup.read(0, 0);
    assert!(is_there(0) && is_there(1) && is_there(5));
    assert_eq!(setup.view.counters().siblings, SIDE / TILE - 1);
    setup.cache.clear();
    setup.read(0, 3);
    assert!(!is_there(0) && is_there(1) && is_there(5));
}

#[test]
fn eight_threads_on_one_tile_decode_each_block_once() {
    let setup = strips(budget(64), false);
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                setup.read(3, 5);
            });
        }
    });
    assert_eq!(setup.behaviour.total(), TILE / STRIP);
    assert_eq!(setup.behaviour.most(), 1);
}

#[test]
fn a_viewer_far_out_gets_full_tiles() {
    let mut image = image((SIDE, SIDE), (256, 256), 1);
    image.levels = (0..6).map(|level| (SIDE >> level, SIDE >> level)).collect();
    let far = level(source(image, Arc::default()), 5).unwrap();
    let options = RetileOptions {
        tile: (16, 16),
        pad_edges: false,
    };
    let view = retiled(far, &options, None).unwrap();
    let tile = get_block(&*view, Block::new(0, 1, 1), &Bands::ALL).unwrap();
    assert_eq!((tile.shape().width, tile.shape().height), (16, 16));
    assert_eq!(f64::from(tile.row(0, 0)[0]), support::value(5, 16, 16, 0));
}

#[test]
fn threads_that_all_read_all_tiles_decode_each_block_once() {
    let cases = [
        ((128, 128), 100),
        ((128, 128), 64),
        ((300, 16), 96),
        ((SIDE, SIDE), 100),
    ];
    for (round, (block, tile)) in cases.iter().cycle().take(40).enumerate() {
        let behaviour = Arc::new(Behaviour::default());
        let image = image((1000, 900), *block, 3);
        let setup = setup(
            source(image, behaviour.clone()),
            behaviour,
            64 << 20,
            false,
            *tile,
        );
        let grid = setup.view.image().grid(0);
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (setup, barrier) = (&setup, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let tiles = grid.rows() * grid.cols();
                    for step in 0..tiles {
                        // Half of the threads in row order, half from other places on.
                        let index = (step + thread % 2 * thread * 17) % tiles;
                        setup.read(index / grid.cols(), index % grid.cols());
                    }
                });
            }
        });
        assert_eq!(
            setup.behaviour.most(),
            1,
            "round {round}: {block:?} as {tile}"
        );
        assert_eq!(setup.cache.statistics().in_flight, 0);
    }
}

#[test]
fn two_threads_on_neighbouring_tiles_decode_each_strip_once() {
    let setup = strips(budget(72), false);
    let next = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let tile = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if tile >= 256 {
                        break;
                    }
                    setup.read(tile / 16, tile % 16);
                }
            });
        }
    });
    assert_eq!(setup.behaviour.total(), SIDE / STRIP);
}
