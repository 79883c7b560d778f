//! Passes that are left, read by many threads, out of order, or cancelled.

use crate::setup::{BLOCK_CHARGE, Random, STRIPS, Setup, budget, get};
use std::sync::Arc;
use std::sync::Mutex;
use tilecache::cache::{Cache, Options};
use tilecache::error::Kind;
use tilecache::image::{Bands, Block};
use tilecache::load::Cancel;
use tilecache::operator::{Order, PassOptions, cached, pass};
use tilecache::provider::{get_block, has_block};

#[test]
fn a_pass_that_strays_gets_its_pixels_and_goes_on() {
    let mut random = Random(5);
    for with_blocks in [false, true] {
        let setup = Setup::strips(budget(200), with_blocks);
        let reader = setup.pass(Order::Columns);
        for at in setup.tiles(&Order::Columns) {
            if random.below(3) == 0 {
                let other = Block::new(0, random.below(16), random.below(16));
                get(&reader, other);
            }
            if random.below(5) > 0 {
                get(&reader, at);
            }
        }
        // Once more, when the order is over.
        setup.read(&reader, &Order::Rows);
        let now = setup.cache.statistics();
        assert_eq!(
            (now.held, now.in_flight, now.over_budget),
            (0, 0, 0),
            "{now:?}"
        );
    }
}

#[test]
fn many_threads_read_a_pass_in_its_order() {
    for (with_blocks, ahead) in [(false, 0), (true, 0), (true, 2)] {
        let setup = Setup::strips(budget(512), with_blocks);
        let options = PassOptions {
            threads: ahead,
            ..PassOptions::default()
        };
        let reader = pass(setup.view.clone(), Order::Columns, &options, Arc::default()).unwrap();
        let tiles = Mutex::new(setup.tiles(&Order::Columns).into_iter());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let next = || tiles.lock().unwrap().next();
                    std::iter::from_fn(next).for_each(|at| drop(get(&reader, at)));
                });
            }
        });
        let times = setup.behaviour.total() as f64 / STRIPS as f64;
        println!("4 threads, {ahead} ahead, strips cached: {with_blocks}: {times:.2} a strip");
        assert!(
            times <= 2.3,
            "{times} decodes a strip, {ahead} threads ahead"
        );
    }
}

#[test]
fn what_a_pass_brought_goes_like_all_else_when_it_is_over() {
    let cache = Cache::new(40 * BLOCK_CHARGE + 4096, Options::default()).unwrap();
    let (passing, other) = (Setup::blocks_in(&cache, 8), Setup::blocks_in(&cache, 8));
    let twice = [passing.tiles(&Order::Rows), passing.tiles(&Order::Rows)].concat();
    let reader = passing.pass(Order::Tiles(twice));
    for at in passing.tiles(&Order::Rows).into_iter().take(40) {
        get(&reader, at);
    }
    drop(reader);
    other.undeclared(&Order::Rows);
    assert_eq!(
        other.undeclared(&Order::Tiles(other.tiles(&Order::Rows).split_off(24))),
        0
    );
    let left = passing.tiles(&Order::Rows);
    let mut left = left
        .into_iter()
        .map(|at| cache.peek(passing.view.key(), at, &Bands::ALL));
    assert!(left.all(|kept| kept.unwrap().is_none()));
}

#[test]
fn a_cancelled_pass_ends_and_gives_up_its_claims() {
    let setup = Setup::strips(budget(512), true);
    let cancel = Arc::<Cancel>::default();
    let options = PassOptions {
        threads: 1,
        ..PassOptions::default()
    };
    let reader = pass(setup.view.clone(), Order::Columns, &options, cancel.clone()).unwrap();
    get(&reader, Block::new(0, 0, 0));
    cancel.cancel();
    let refused = get_block(&*reader, Block::new(0, 1, 0), &Bands::ALL);
    let refused = refused.map(drop).unwrap_err();
    assert_eq!(refused.kind(), Kind::Cancelled);
    assert!(has_block(&*reader, Block::new(0, 1, 0)).is_err());
    drop(reader);
    setup.undeclared(&Order::Rows);
    let now = setup.cache.statistics();
    assert_eq!((now.held, now.over_budget), (0, 0), "{now:?}");
}

#[test]
fn orders_that_make_no_sense_are_refused() {
    let setup = Setup::blocks(4, 8);
    let refused = |order, level, threads, view| {
        let options = PassOptions {
            level,
            threads,
            ..PassOptions::default()
        };
        let made = pass(view, order, &options, Arc::default());
        made.map(drop).unwrap_err().to_string()
    };
    let view = || setup.view.clone();
    let beyond = Order::Tiles(vec![Block::new(0, 1, 1), Block::new(0, 4, 0)]);
    assert!(refused(beyond, 0, 0, view()).contains("tile 1 of the list"));
    assert!(refused(Order::Rows, 9, 0, view()).contains('9'));
    let uncached = crate::support::source(setup.view.image().clone(), setup.behaviour.clone());
    assert!(refused(Order::Rows, 0, 2, uncached.clone()).contains("no cache"));
    // Without a cache there is nothing to keep, and every pixel all the same.
    let reader = pass(
        uncached.clone(),
        Order::Hilbert,
        &PassOptions::default(),
        Arc::default(),
    );
    setup.read(&reader.unwrap(), &Order::Hilbert);
    let nothing = Cache::new(0, Options::default()).unwrap();
    let reader = pass(
        cached(uncached, &nothing).unwrap(),
        Order::Rows,
        &PassOptions::default(),
        Arc::default(),
    );
    setup.read(&reader.unwrap(), &Order::Rows);
}
