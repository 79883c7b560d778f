//! What the system counts as memory of the process beside the budget: through passes over more than fits, tiles of many
//! sizes, shrinking and the end.

#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::sync::Arc;
use support::{image, source, value};
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, cached, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::tile::Tile;

const MIB: u64 = 1 << 20;
const BUDGET: u64 = 64 * MIB;
/// What a tile takes while it is made, and the test itself.
const BESIDE: u64 = 4 * MIB;

/// The memory of this process beside files.
fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").expect("what the system tells");
    let line = text.lines().find(|line| line.starts_with("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or_else(|| panic!("no memory in {text}")) << 10
}

fn check(provider: &dyn Provider, at: Block, tile: &Tile) {
    let rect = at.rect(provider.image());
    for band in 0..provider.image().bands.len() as u32 {
        for y in (0..rect.height).step_by(8) {
            let row = tile.row(band as usize, y as usize).iter().zip(rect.x..);
            let wrong = row
                .clone()
                .find(|(got, x)| f64::from(**got) != value(0, *x, rect.y + y, band));
            assert_eq!(wrong, None, "{at}, band {band}, row {y}");
        }
    }
}

/// Reads every tile, and says the most that was resident meanwhile.
fn pass(provider: &dyn Provider) -> u64 {
    let grid = provider.image().grid(0);
    let mut most = 0;
    for at in (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col))) {
        let at = Block::new(0, at.0, at.1);
        let tile = get_block(provider, at, &Bands::ALL).expect("a tile");
        check(provider, at, &tile);
        most = most.max(resident());
    }
    most
}

#[test]
fn the_process_takes_what_the_budget_says_and_gives_it_back() {
    let before = resident();
    let cache = Cache::new(BUDGET, Options::default()).expect("a cache");
    // 96 MiB in blocks of 192 KiB.
    let blocks = source(image((4096, 8192), (256, 256), 3), Arc::default());
    let blocks = cached(blocks, &cache).expect("blocks");
    let most = pass(&*blocks) - before;
    assert!(most <= BUDGET + BESIDE, "{most}");

    // Tiles of all kinds of sizes, in turns with blocks.
    for side in [257, 700, 1000] {
        let options = RetileOptions {
            tile: (side, side / 2),
            pad_edges: false,
        };
        let tiles = retiled(blocks.clone(), &options, Some(&cache)).expect("tiles");
        let most = pass(&*tiles) - before;
        assert!(most <= BUDGET + BESIDE, "{most} with tiles of {side}");
    }

    // Small blocks, as overviews have, come and go among others.
    let small = source(image((4096, 4096), (128, 128), 3), Arc::default());
    let small = cached(small, &cache).expect("blocks");
    let (mut number, mut most) = (0u64, 0);
    for step in 0..6000 {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let place = number >> 33;
        // Now of the one kind more, now of the other.
        let (provider, of_small) = match place % 8 < step / 750 {
            true => (&*small, true),
            false => (&*blocks, false),
        };
        let cols = if of_small { 32 } else { 16 };
        let at = Block::new(0, place / 8 / cols % 32, place / 8 % cols);
        let tile = get_block(provider, at, &Bands::ALL).expect("a tile");
        check(provider, at, &tile);
        most = most.max(resident() - before);
    }
    assert!(
        most <= BUDGET + BESIDE,
        "{most} with small blocks among others"
    );
    drop(small);

    // A held tile keeps its own memory alone, and its pixels.
    let at = Block::new(0, 31, 15);
    let held = get_block(&*blocks, at, &Bands::ALL).expect("a tile");
    cache.set_budget(BUDGET / 4);
    let left = resident() - before;
    assert!(left <= BUDGET / 4 + BESIDE, "{left} after shrinking");
    cache.clear();
    let left = resident() - before;
    assert!(left <= BESIDE, "{left} after clearing");
    drop((blocks, cache));
    let left = resident() - before;
    assert!(left <= BESIDE, "{left} at the end");
    let whole = source(image((4096, 8192), (256, 256), 3), Arc::default());
    check(&*whole, at, &held);
}
