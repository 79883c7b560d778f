//! What two passes, and others beside a pass, get of one cache.

use crate::model::decodes_at_best;
use crate::setup::{BLOCK_CHARGE, Random, Setup, budget, get};
use tilecache::cache::{Cache, Options};
use tilecache::image::Block;
use tilecache::operator::Order;

/// Blocks that a client uses again and again, one of them for each tile of a pass.
const HOT: u64 = 20;

#[test]
fn a_client_keeps_what_it_uses_as_beside_a_reader_without_a_plan() {
    let decodes_of_client = |is_declared: bool, order: &Order| {
        let cache = Cache::new(64 * BLOCK_CHARGE + 4096, Options::default()).unwrap();
        let (client, passing) = (Setup::blocks_in(&cache, 8), Setup::blocks_in(&cache, 16));
        let reader = match is_declared {
            true => passing.pass(order.clone()),
            false => passing.view.clone(),
        };
        for (nth, at) in (0..).zip(passing.tiles(order)) {
            get(&client.view, Block::new(0, 0, nth % HOT % 8));
            get(&client.view, Block::new(0, 1 + nth % HOT / 8, nth % 8));
            get(&reader, at);
        }
        (client.behaviour.total(), passing.behaviour.total())
    };
    let mut random = Random(3);
    let drawn = (0..1000).map(|_| Block::new(0, random.below(10), random.below(10)));
    let drawn = Order::Tiles(drawn.collect());
    for order in [Order::Columns, drawn] {
        let (with_plan, pass) = decodes_of_client(true, &order);
        let (without, reader) = decodes_of_client(false, &order);
        println!(
            "client: {with_plan} beside a pass, {without} beside a reader; {pass} and {reader}"
        );
        assert!(
            with_plan <= without,
            "{with_plan} beside a pass, {without} beside a reader"
        );
        assert!(pass <= reader, "a pass decodes {pass}, a reader {reader}");
    }
}

#[test]
fn what_others_use_is_not_given_up_by_a_pass_that_brought_it() {
    let cache = Cache::new(10 * BLOCK_CHARGE + 2048, Options::default()).unwrap();
    let setup = Setup::blocks_in(&cache, 8);
    // Of all that the pass uses again it uses the first block last, and others use it again and again.
    let first = Block::new(0, 0, 0);
    let others = (0..60).map(|nth| Block::new(0, 1 + nth % 20 / 8, nth % 20 % 8));
    let tiles: Vec<_> = std::iter::once(first)
        .chain(others)
        .chain([first])
        .collect();
    let pass = setup.pass(Order::Tiles(tiles.clone()));
    for at in &tiles {
        get(&pass, *at);
        get(&setup.view, first);
    }
    assert_eq!(setup.behaviour.decodes.lock().unwrap()[&first], 1);
}

#[test]
fn two_passes_get_what_each_would_get_of_half() {
    let uses: Vec<u64> = (0..600).map(|at| at * at % 50).collect();
    let order = Order::Tiles(
        uses.iter()
            .map(|it| Block::new(0, it / 8, it % 8))
            .collect(),
    );
    let cache = Cache::new(32 * BLOCK_CHARGE + 4096, Options::default()).unwrap();
    let both = [(); 2].map(|()| Setup::blocks_in(&cache, 8));
    let passes = [0, 1].map(|nth: usize| both[nth].pass(order.clone()));
    for at in both[0].tiles(&order) {
        passes.iter().for_each(|pass| drop(get(pass, at)));
    }
    let best = decodes_at_best(&uses, 16);
    for setup in &both {
        let decodes = setup.behaviour.total();
        println!("{decodes} decodes beside another pass, {best} at best in half of the cache");
        assert!(
            decodes as f64 <= 1.1 * best as f64,
            "{decodes}, {best} at best in half"
        );
    }
}

#[test]
fn two_passes_over_strips_share_what_is_made_ahead() {
    for with_blocks in [false, true] {
        let cache = Cache::new(budget(512), Options::default()).unwrap();
        let both = [(); 2].map(|()| Setup::strips_in(&cache, with_blocks));
        let passes = [0, 1].map(|nth: usize| both[nth].pass(Order::Columns));
        // The second one begins when the first has taken all that it can use.
        let tiles = both[0].tiles(&Order::Columns);
        let mut second = tiles.iter();
        for (nth, at) in tiles.iter().enumerate() {
            get(&passes[0], *at);
            if nth >= 40 {
                second
                    .next()
                    .into_iter()
                    .for_each(|at| drop(get(&passes[1], *at)));
            }
        }
        second.for_each(|at| drop(get(&passes[1], *at)));
        let alone = Setup::strips(budget(256), with_blocks).declared(&Order::Columns);
        let decodes = [0, 1].map(|nth: usize| both[nth].behaviour.total());
        println!("{decodes:?} decodes, {alone} alone in half, strips cached: {with_blocks}");
        assert!(
            decodes.iter().sum::<u64>() as f64 <= 2.4 * alone as f64,
            "{decodes:?} decodes, {alone} alone in half, strips cached: {with_blocks}"
        );
    }
}

#[test]
fn guarantees_hold_beside_a_pass() {
    let cache = Cache::new(40 * BLOCK_CHARGE + 4096, Options::default()).unwrap();
    let (client, passing) = (Setup::blocks_in(&cache, 8), Setup::blocks_in(&cache, 16));
    cache
        .set_share(client.view.key(), 0, 10 * BLOCK_CHARGE)
        .unwrap();
    for col in 0..8 {
        get(&client.view, Block::new(0, 0, col));
    }
    passing.declared(&Order::Columns);
    client.undeclared(&Order::Tiles(
        (0..8).map(|col| Block::new(0, 0, col)).collect(),
    ));
    assert_eq!(client.behaviour.total(), 8);
}
