//! Somebody looks at an image, and the process begins anew: what was decoded before comes from the store.

#[expect(dead_code)]
#[path = "../../../benches/walk/mod.rs"]
mod walk;

mod support;

use std::collections::HashSet;
use support::member::member_at;
use support::server::Server;
use tilecache_tier_testing::{COLS, Member, ROWS, SIDE};

const STEPS: usize = 60;
/// Tiles are smaller than a viewer's by so much, and with them the views.
const SCALE: u64 = 4;
/// Memory has room for a view and a bit, and not for the image.
const BUDGET: u64 = 400 << 10;

/// The tiles of a walk over the image, view by view.
fn cells() -> Vec<(i64, i64)> {
    let size = (COLS * SIDE, ROWS * SIDE);
    let (width, height) = (size.0 as u64 * SCALE, size.1 as u64 * SCALE);
    let side = SIDE as u64 * SCALE;
    let mut cells = Vec::new();
    for view in walk::views(&[(width, height)], STEPS) {
        for row in view.y / side..(view.y + view.height).div_ceil(side) {
            for col in view.x / side..(view.x + view.width).div_ceil(side) {
                cells.push((row as i64, col as i64));
            }
        }
    }
    cells
}

/// What one process did for the tiles of the walk that it had not in memory.
#[derive(Debug)]
struct Walked {
    decodes: u64,
    fetched: u64,
}

fn walk_with(member: &Member, cells: &[(i64, i64)]) -> Walked {
    for &(row, col) in cells {
        assert_eq!(member.tile(row, col), 0);
    }
    member.settle();
    Walked {
        decodes: member.decodes(),
        fetched: member.statistics().hits,
    }
}

#[test]
fn a_viewer_that_is_started_anew_decodes_nothing() {
    let cells = cells();
    let distinct = cells.iter().collect::<HashSet<_>>().len() as u64;
    let server = Server::start(&[]);
    let start = || {
        let member = member_at(&server.url(), SIDE, 0, |_| ());
        member.set_budget(BUDGET);
        member
    };
    let first = walk_with(&start(), &cells);
    println!("{distinct} tiles, {} gets: {first:?}", cells.len());
    // Some had gone when they were asked for again, and came from the store then.
    let missed = first.decodes + first.fetched;
    assert!(first.decodes >= distinct && missed > distinct, "{first:?}");
    assert!(cells.len() as u64 > 2 * missed, "it is no walk");
    let member = start();
    let again = walk_with(&member, &cells);
    // Memory has as many of the tiles as before, or some more, for nothing waits there to be stored; all others come from
    // the store.
    assert_eq!(again.decodes, 0, "{}", member.report());
    assert!((distinct..=missed).contains(&again.fetched), "{again:?}");
    // The client's buffer, from there by decompression, and then into the tile, where bytes become samples again.
    let raw = again.fetched * (SIDE * SIDE) as u64 * 2;
    assert_eq!(member.count("bytes_unpacked"), 2 * raw);
    let (received, header) = (member.count("bytes_received"), 256);
    let most = raw + again.fetched * header;
    assert!(received <= most, "{received} of {raw} bytes");
}
