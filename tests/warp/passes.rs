//! Passes over warps: what is beneath them is planned too.

use crate::picture::Picture;
use crate::random::{Random, Validity};
use crate::threads::function;
use crate::{levels, source};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::georef::Affine;
use tilecache::image::{Bands, Block};
use tilecache::load::Cancel;
use tilecache::operator::{Order, PassOptions, WarpOptions, pass, warped};
use tilecache::provider::{Provider, get_block};
use tilecache::resample::Filter;
use tilecache::transform::affine;

const SIDE: u64 = 256;
const TILE: u64 = 64;
const STRIP: u64 = 8;

/// The pictures in strips beneath a warp that moves them by parts of a pixel.
fn warp(levels: &[Picture], cache: &Cache) -> Arc<dyn Provider> {
    let options = WarpOptions {
        size: (SIDE, SIDE),
        tile: (TILE, TILE),
        filter: Some(Filter::Cubic),
        levels: Some(1),
        ..WarpOptions::default()
    };
    let moved = affine(Affine([0.25, 1.0, 0.0, -0.25, 0.0, 1.0])).unwrap();
    warped(source(levels, (SIDE, STRIP)), moved, &options, Some(cache)).unwrap()
}

/// Decodes for one strip of all images beneath, and the tiles one after the other.
fn read(made: Arc<dyn Provider>, order: &[Block]) -> (f64, Vec<u8>) {
    let mut all = Vec::new();
    for at in order {
        let tile = get_block(&*made, *at, &Bands::ALL).unwrap();
        for y in 0..tile.layout().shape.height {
            all.extend_from_slice(tile.row(0, y));
        }
    }
    let strips = (SIDE / STRIP) as f64;
    (made.counters().decodes as f64 / strips, all)
}

#[test]
fn a_pass_over_a_warp_keeps_the_blocks_beneath_that_it_needs_next() {
    let tiles = SIDE / TILE;
    let order: Vec<Block> = (0..tiles)
        .flat_map(|col| (0..tiles).map(move |row| Block::new(0, row, col)))
        .collect();
    for of_mask in [false, true] {
        let validity = if of_mask {
            Validity::Mask
        } else {
            Validity::All
        };
        let levels = levels(
            DType::U8,
            (SIDE as i64, SIDE as i64),
            1,
            1,
            validity,
            &mut Random::new(40),
        );
        // Two thirds of the strips, beside the tiles that are made of them.
        let budget = SIDE * SIDE * 2 / 3 + 2 * TILE * TILE;
        let view = || {
            let cache = Cache::new(budget, Options::default()).unwrap();
            let made = warp(&levels, &cache);
            match of_mask {
                true => made.mask().unwrap(),
                false => made,
            }
        };
        let (undeclared, right) = read(view(), &order);
        let cancel = Arc::new(Cancel::default());
        let planned = pass(view(), Order::Columns, &PassOptions::default(), cancel).unwrap();
        let (declared, made) = read(planned, &order);
        println!("mask: {of_mask}: {declared} decodes a strip, {undeclared} undeclared");
        assert!(made == right, "mask: {of_mask}");
        assert!(
            declared <= 0.7 * undeclared,
            "mask: {of_mask}: {declared} decodes a strip, {undeclared} undeclared"
        );
    }
}

/// A progress that is told after the first tile, and a call that is ended then, do not wait for all positions.
#[test]
fn a_pass_over_a_large_warp_begins_before_all_of_its_positions_are_known() {
    let side = 1 << 15;
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    let map = function("counted", move |x, y| {
        count.fetch_add(1, Ordering::Relaxed);
        Some((x / 256.0, y / 256.0))
    });
    let options = WarpOptions {
        size: (side, side),
        tile: (1024, 1024),
        filter: Some(Filter::Nearest),
        levels: Some(1),
        ..WarpOptions::default()
    };
    let levels = levels(
        DType::U8,
        (128, 128),
        1,
        1,
        Validity::All,
        &mut Random::new(41),
    );
    let cache = Cache::new(1 << 24, Options::default()).unwrap();
    let made = warped(source(&levels, (128, 8)), map, &options, Some(&cache)).unwrap();
    let before = asked.load(Ordering::Relaxed);
    get_block(&*made, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    let of_tile = asked.load(Ordering::Relaxed) - before;
    let cancel = Arc::new(Cancel::default());
    let planned = pass(made, Order::Rows, &PassOptions::default(), cancel).unwrap();
    get_block(&*planned, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    let ahead = asked.load(Ordering::Relaxed) - before - of_tile;
    assert!(
        ahead > 0 && ahead < 64 * of_tile,
        "{ahead} of {of_tile} for a tile"
    );
}
