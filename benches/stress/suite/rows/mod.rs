//! The rows, each in a file of its own.

mod all_pinned;
mod big_tiles;
mod block_row_cliff;
mod changes;
mod decode_under_lock;
mod double_caching;
mod duplicates;
mod eviction_stall;
mod failures;
mod foreign_threads;
mod held_forked;
mod herd;
mod hits;
mod in_flight_cap;
mod memory_returned;
mod one_block;
mod one_pass;
mod oversized;
mod reentrant;
mod same_row;
mod scan;
mod size_mix;
mod strip_thrash;
mod teardown;
mod tiny_budget;

use super::report::Report;
use super::{Row, Run};

const fn row(number: u32, name: &'static str, run: fn(&Run, &mut Report)) -> Row {
    Row { number, name, run }
}

/// All rows.
pub const ROWS: &[Row] = &[
    row(1, "strips in several orders", strip_thrash::run),
    row(2, "many threads on one row of tiles", same_row::run),
    row(3, "one huge block", one_block::run),
    row(4, "a held tile is found again", held_forked::run),
    row(5, "everything held", all_pinned::run),
    row(6, "threads that only hit", hits::run),
    row(7, "decodes run at once", decode_under_lock::run),
    row(8, "a finished tile wakes its own waiters", herd::run),
    row(9, "small tiles, then large ones", size_mix::run),
    row(10, "bytes in flight have a cap", in_flight_cap::run),
    row(11, "eviction under put and invalidate", eviction_stall::run),
    row(12, "big tiles have the whole budget", big_tiles::run),
    row(13, "a tile larger than the budget", oversized::run),
    row(14, "a row of blocks, line by line", block_row_cliff::run),
    row(15, "a scan beside a hot set", scan::run),
    row(16, "one pass costs what it must", one_pass::run),
    row(17, "memory goes back", memory_returned::run),
    row(18, "pixels that change", changes::run),
    row(19, "failures are not kept", failures::run),
    row(20, "sources that read sources", reentrant::run),
    row(21, "a budget of two tiles", tiny_budget::run),
    row(22, "closing much", teardown::run),
    row(23, "one image opened many times", duplicates::run),
    row(24, "GDAL keeps no second copy", double_caching::run),
    row(
        25,
        "handles that other threads release",
        foreign_threads::run,
    ),
];

/// What a child does, by name; see [`super::child`].
pub fn task(name: &str) -> fn(&Run, &[u64]) {
    match name {
        in_flight_cap::TASK => in_flight_cap::task,
        one_pass::TASK => one_pass::task,
        memory_returned::TASK => memory_returned::task,
        _ => panic!("no task is called {name}"),
    }
}
