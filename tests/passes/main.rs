//! Declared passes: every pixel, and how often blocks are decoded, against the best that an order and a budget allow.

mod model;
mod others;
mod overlapping;
mod setup;
mod small;
mod stray;
#[path = "../support/mod.rs"]
mod support;

use model::{decodes_at_best, decodes_of_lru};
use setup::{Random, SCALE, SIDE, STRIPS, Setup, TILE, budget};
use tilecache::image::Block;
use tilecache::operator::Order;

#[test]
fn strips_in_column_order_are_decoded_twice_where_two_thirds_fit() {
    for with_blocks in [false, true] {
        let setup = || Setup::strips(budget(512), with_blocks);
        let (declared, undeclared) = (
            setup().declared(&Order::Columns) as f64 / STRIPS as f64,
            setup().undeclared(&Order::Columns) as f64 / STRIPS as f64,
        );
        println!("strips cached: {with_blocks}: {declared:.2}, undeclared {undeclared:.2}");
        assert!(
            declared <= 2.0,
            "{declared} decodes a strip, strips cached: {with_blocks}"
        );
    }
}

/// The tiles over slabs of so many rows of pixels, one slab after the other.
fn slabs(rows: u64) -> Order {
    let tiles = (0..SIDE.div_ceil(rows)).flat_map(|slab| {
        let last = ((slab + 1) * rows).min(SIDE) - 1;
        let of_row = |row| (0..SIDE / TILE).map(move |col| Block::new(0, row, col));
        (slab * rows / TILE..=last / TILE).flat_map(of_row)
    });
    Order::Tiles(tiles.collect())
}

#[test]
fn thin_slabs_decode_what_thick_ones_do() {
    for with_blocks in [false, true] {
        let of = |rows| Setup::strips(budget(64), with_blocks).declared(&slabs(rows)) as f64;
        let (thin, thick) = (of(6), of(256 / SCALE));
        println!("strips cached: {with_blocks}: {thin} in thin slabs, {thick} in thick ones");
        assert!(
            thin <= 1.1 * thick,
            "{thin} in thin slabs, {thick} in thick ones"
        );
    }
}

#[test]
fn curves_and_lists_are_never_worse_than_the_order_of_last_use() {
    let mut random = Random(7);
    let mut shuffled = Setup::strips(0, false).tiles(&Order::Rows);
    random.shuffle(&mut shuffled);
    let drawn = (0..100).map(|_| shuffled[random.below(256) as usize]);
    let drawn = Order::Tiles(drawn.collect());
    let shuffled = Order::Tiles(shuffled);
    for (name, order, mib, with_blocks) in [
        ("rows", &Order::Rows, 48, true),
        ("curve", &Order::Hilbert, 64, true),
        ("curve", &Order::Hilbert, 200, false),
        ("shuffled", &shuffled, 400, false),
        ("drawn", &drawn, 64, false),
        ("drawn", &drawn, 200, true),
    ] {
        let setup = || Setup::strips(budget(mib), with_blocks);
        let (declared, undeclared) = (setup().declared(order), setup().undeclared(order));
        println!("{name} in {mib} MiB: {declared}, undeclared {undeclared}");
        assert!(
            declared <= undeclared,
            "{name} in {mib} MiB: {declared}, undeclared {undeclared}"
        );
    }
}

#[test]
fn blocks_are_decoded_as_often_as_at_best() {
    let mut random = Random(1);
    let side = 8;
    let place = |it: &u64| Block::new(0, it / side, it % side);
    for held in [4, 13, 40] {
        let uniform: Vec<u64> = (0..600).map(|_| random.below(64)).collect();
        let skewed = (0..600)
            .map(|_| random.below(64) * random.below(64) / 64)
            .collect();
        let cyclic = (0..600).map(|at| at % 50).collect();
        for uses in [uniform, skewed, cyclic] {
            let (best, lru) = (decodes_at_best(&uses, held), decodes_of_lru(&uses, held));
            let order = Order::Tiles(uses.iter().map(place).collect());
            let decodes = Setup::blocks(side, held as u64).declared(&order);
            println!("{held} of 64 held: {decodes}, at best {best}, by last use {lru}");
            assert!(
                decodes as f64 <= best as f64 * 1.02,
                "{decodes} decodes, {best} at best"
            );
        }
    }
}
