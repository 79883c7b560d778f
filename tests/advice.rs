//! Advice that is followed comes true: what is said of how often blocks are decoded, now and within other budgets, is
//! what is counted, within a tenth; and the budget is not larger than it must be by much.

mod support;

use std::sync::Arc;
use support::{Behaviour, image, source};
use tilecache::cache::{Cache, Options};
use tilecache::georef::Affine;
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, WarpOptions, cached, retiled, warped};
use tilecache::provider::{Provider, get_block};
use tilecache::report::{Advice, advice};
use tilecache::resample::Filter;
use tilecache::transform::affine;

/// What is said may be so far from what is counted.
const TENTH: f64 = 0.1;

const TILE: u64 = 64;

/// How tiles are made of an image, and what is read of them.
struct Trace {
    name: &'static str,
    size: (u64, u64),
    block: (u64, u64),
    /// The blocks are kept in the same cache.
    with_blocks: bool,
    warps: bool,
    reads: fn(&dyn Provider),
}

fn observed(budget: u64) -> Cache {
    let options = Options {
        observe: true,
        ..Options::default()
    };
    Cache::new(budget, options).expect("a cache")
}

/// How often a block was decoded, of those that were.
fn each(behaviour: &Behaviour) -> f64 {
    let distinct = behaviour.decodes.lock().unwrap().len();
    behaviour.total() as f64 / distinct as f64
}

impl Trace {
    /// Reads within a budget: how often a block was decoded, and what is advised.
    fn run(&self, budget: u64, with_blocks: bool) -> (f64, Advice) {
        let behaviour = Arc::new(Behaviour::default());
        let cache = observed(budget);
        let mut below = source(image(self.size, self.block, 3), behaviour.clone());
        if with_blocks {
            below = cached(below, &cache).unwrap();
        }
        let view = match self.warps {
            true => {
                let turned = affine(Affine([40.0, 0.8, 0.3, 20.0, -0.3, 0.8])).unwrap();
                let options = WarpOptions {
                    size: self.size,
                    filter: Some(Filter::Nearest),
                    tile: (TILE, TILE),
                    ..WarpOptions::default()
                };
                warped(below, turned, &options, Some(&cache)).unwrap()
            }
            false => {
                let options = RetileOptions {
                    tile: (TILE, TILE),
                    pad_edges: false,
                };
                retiled(below, &options, Some(&cache)).unwrap()
            }
        };
        (self.reads)(&*view);
        (each(&behaviour), advice(&cache).expect("it is observed"))
    }

    /// The advice on a budget in which blocks are decoded again is followed.
    fn check(&self, budget: u64) {
        let Self { name, .. } = self;
        let (counted, advice) = self.run(budget, self.with_blocks);
        let [of_source] = &advice.sources[..] else {
            panic!("{name}: {} sources", advice.sources.len());
        };
        println!(
            "{name}: {counted:.2} counted, {:.2} said; {:?} {:?}",
            of_source.each, of_source.budget, of_source.with_blocks
        );
        assert!(counted > 1.5, "{name}: nothing is decoded again");
        near(name, "now", of_source.each, counted);
        let (advised, then, with_blocks) = match (of_source.budget, of_source.with_blocks) {
            (Some((advised, then)), None) => (advised, then, self.with_blocks),
            (None, Some((advised, then))) => (advised, then, true),
            both => panic!("{name}: {both:?}"),
        };
        let (counted, _) = self.run(advised, with_blocks);
        println!("{name}: {counted:.2} counted within {advised}, {then:.2} said");
        near(name, "as advised", then, counted);
        let (counted, _) = self.run(advised * 7 / 10, with_blocks);
        println!("{name}: {counted:.2} counted within seven tenths of it");
        assert!(
            counted > 1.1,
            "{name}: seven tenths of what is advised would do: {counted}"
        );
    }
}

fn near(name: &str, what: &str, said: f64, counted: f64) {
    let off = (said - counted).abs() / counted;
    assert!(
        off <= TENTH,
        "{name}, {what}: {said} is said and {counted} counted"
    );
}

fn read(view: &dyn Provider, row: u64, col: u64) {
    get_block(view, Block::new(0, row, col), &Bands::ALL).expect("a tile");
}

fn rows(view: &dyn Provider) {
    let grid = view.image().grid(0);
    (0..grid.rows()).for_each(|row| (0..grid.cols()).for_each(|col| read(view, row, col)));
}

fn rows_thrice(view: &dyn Provider) {
    (0..3).for_each(|_| rows(view));
}

fn columns(view: &dyn Provider) {
    let grid = view.image().grid(0);
    (0..grid.cols()).for_each(|col| (0..grid.rows()).for_each(|row| read(view, row, col)));
}

/// Somebody looks around: a window of four by three tiles wanders, now and then to where it was before.
fn viewer(view: &dyn Provider) {
    let grid = view.image().grid(0);
    let mut random = 7u64;
    let mut below = |limit: u64| {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (random >> 33) % limit
    };
    let places: Vec<(u64, u64)> = (0..6)
        .map(|_| (below(grid.rows() - 3), below(grid.cols() - 4)))
        .collect();
    let (mut row, mut col) = places[0];
    for step in 0..400 {
        if step % 25 == 24 {
            (row, col) = places[below(6) as usize];
        }
        row = (row + below(3)).saturating_sub(1).min(grid.rows() - 3);
        col = (col + below(3)).saturating_sub(1).min(grid.cols() - 4);
        for down in 0..3 {
            (0..4).for_each(|right| read(view, row + down, col + right));
        }
    }
}

const KIB: u64 = 1 << 10;

#[test]
fn strips_in_row_order() {
    for with_blocks in [false, true] {
        let trace = Trace {
            name: if with_blocks {
                "rows over kept strips"
            } else {
                "rows"
            },
            size: (1024, 1024),
            block: (1024, 4),
            with_blocks,
            warps: false,
            reads: rows,
        };
        trace.check(60 * KIB);
    }
}

#[test]
fn strips_in_column_order() {
    for with_blocks in [false, true] {
        let trace = Trace {
            name: if with_blocks {
                "columns over kept strips"
            } else {
                "columns"
            },
            size: (1024, 1024),
            block: (1024, 4),
            with_blocks,
            warps: false,
            reads: columns,
        };
        trace.check(400 * KIB);
    }
}

#[test]
fn several_passes_over_an_image() {
    let trace = Trace {
        name: "three passes",
        size: (1024, 1024),
        block: (128, 128),
        with_blocks: true,
        warps: false,
        reads: rows_thrice,
    };
    trace.check(1024 * KIB);
}

/// Somebody looks around in steps of half a block of 512 pixels, and returns now and then.
fn far_viewer(view: &dyn Provider) {
    let mut random = 3u64;
    let mut below = |limit: u64| {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (random >> 33) % limit
    };
    let (mut row, mut col, mut seen) = (40u64, 40u64, Vec::new());
    for step in 0..300 {
        if step % 5 == 0 {
            seen.push((row, col));
        }
        if below(8) == 0 {
            (row, col) = seen[below(seen.len() as u64) as usize];
        }
        row = (row + 4 * below(3)).saturating_sub(4).min(120);
        col = (col + 4 * below(3)).saturating_sub(4).min(120);
        for tile in 0..48 {
            read(view, row + tile / 8, col + tile % 8);
        }
    }
}

#[test]
fn a_viewer_over_tiles() {
    for with_blocks in [false, true] {
        let trace = Trace {
            name: if with_blocks {
                "viewer over kept blocks"
            } else {
                "viewer"
            },
            size: (2048, 2048),
            block: (128, 128),
            with_blocks,
            warps: false,
            reads: viewer,
        };
        trace.check(700 * KIB);
    }
}

#[test]
fn a_warp() {
    for with_blocks in [false, true] {
        let trace = Trace {
            name: if with_blocks {
                "warp over kept blocks"
            } else {
                "warp"
            },
            size: (1024, 1024),
            block: (128, 128),
            with_blocks,
            warps: true,
            reads: rows,
        };
        trace.check(150 * KIB);
    }
}

#[test]
fn blocks_in_a_cache_of_their_own() {
    let run = |budget: u64| {
        let behaviour = Arc::new(Behaviour::default());
        let (tiles, blocks) = (observed(100 * KIB), observed(budget));
        let below = source(image((1024, 1024), (1024, 4), 3), behaviour.clone());
        let below = cached(below, &blocks).unwrap();
        let options = RetileOptions {
            tile: (TILE, TILE),
            pad_edges: false,
        };
        let view = retiled(below, &options, Some(&tiles)).unwrap();
        columns(&*view);
        rows(&*view);
        (
            each(&behaviour),
            advice(&blocks).unwrap(),
            advice(&tiles).unwrap(),
        )
    };
    let (counted, of_blocks, of_tiles) = run(300 * KIB);
    let said = &of_blocks.sources[0];
    println!(
        "{counted:.2} counted, {:.2} said, {:?}",
        said.each, said.budget
    );
    assert!(counted > 1.5);
    near("two caches", "now", said.each, counted);
    // The cache of the tiles asks for blocks, and decodes none.
    assert!(of_tiles.sources[0].key.contains("image:0"));
    let (advised, then) = said.budget.expect("a budget ends it");
    let (counted, ..) = run(advised);
    println!("{counted:.2} counted within {advised}, {then:.2} said");
    near("two caches", "as advised", then, counted);
    let (counted, ..) = run(advised * 7 / 10);
    assert!(counted > 1.1, "seven tenths would do");
}

#[test]
fn a_budget_that_is_too_large_is_said_to_be() {
    let trace = Trace {
        name: "too much",
        size: (1024, 1024),
        block: (128, 128),
        with_blocks: false,
        warps: false,
        reads: rows_thrice,
    };
    let (counted, advice) = trace.run(64 * KIB * KIB, false);
    let would_do = advice.would_do.expect("less would do");
    let (then, _) = trace.run(would_do, false);
    println!("{counted:.2} counted, {then:.2} within {would_do}");
    assert!(would_do < 8 * KIB * KIB);
    near("too much", "less", then, counted);
    let once = Trace {
        reads: rows,
        ..trace
    };
    let (_, advice) = once.run(64 * KIB * KIB, false);
    assert_eq!((advice.requests, advice.would_do), (256, None));
}

#[test]
fn tiles_that_are_views_of_kept_blocks_go_with_them() {
    let trace = Trace {
        name: "views",
        size: (8192, 8192),
        block: (512, 512),
        with_blocks: true,
        warps: false,
        reads: far_viewer,
    };
    trace.check(9 * 1024 * KIB);
}

#[test]
fn no_budget_that_keeps_no_tile_is_advised() {
    let trace = Trace {
        name: "each once",
        size: (64 * 24, 64 * 24),
        block: (64, 64),
        with_blocks: false,
        warps: false,
        reads: rows,
    };
    let (counted, advice) = trace.run(64 * KIB * KIB, false);
    near("each once", "now", advice.sources[0].each, counted);
    let would_do = advice.would_do.expect("less would do");
    assert!(
        (TILE * TILE * 3..64 * KIB).contains(&would_do),
        "{would_do}"
    );
}

#[test]
fn what_is_noted_is_bounded_and_a_sample_says_as_much() {
    let trace = Trace {
        name: "many small blocks",
        size: (8192, 8192),
        block: (32, 32),
        with_blocks: true,
        warps: false,
        reads: rows_thrice,
    };
    let behaviour = Arc::new(Behaviour::default());
    let cache = observed(16 * KIB * KIB);
    let below = source(image(trace.size, trace.block, 1), behaviour.clone());
    let below = cached(below, &cache).unwrap();
    let options = RetileOptions {
        tile: (TILE, TILE),
        pad_edges: false,
    };
    let view = retiled(below, &options, Some(&cache)).unwrap();
    (trace.reads)(&*view);
    let (counted, advice) = (each(&behaviour), advice(&cache).unwrap());
    let of_source = &advice.sources[0];
    println!(
        "{counted:.2} counted, {:.2} said of one in {}",
        of_source.each, advice.one_of
    );
    assert!(advice.one_of > 1, "all of it is noted");
    near("many small blocks", "now", of_source.each, counted);
    let bytes = cache.statistics().observation;
    println!("{bytes} bytes are noted");
    assert!((1..16 << 20).contains(&bytes));
    let none = Cache::new(1 << 20, Options::default()).unwrap();
    assert_eq!(none.statistics().observation, 0);
    assert!(tilecache::report::advice(&none).is_none());
}
