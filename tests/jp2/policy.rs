//! Windows of a huge block: how much of it is decoded for them.

use super::support::made;
use std::process::Command;
use std::sync::OnceLock;
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, retiled};
use tilecache::provider::get_block;
use tilecache::source::file;

/// An image of 2048 x 2048 in one codestream tile.
fn one_block() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let dir = made().display();
        let (raw, path) = (format!("{dir}/huge.rawl"), format!("{dir}/huge.j2k"));
        let pixel = |i: u32| (i % 2048 / 9 + i / 2048 / 7 * 3 + i % 3) as u8;
        std::fs::write(&raw, (0..1 << 22).map(pixel).collect::<Vec<u8>>()).expect("pixels");
        let done = Command::new("opj_compress")
            .args(["-i", &raw, "-o", &path, "-F", "2048,2048,1,8,u"])
            .output();
        let done = done.expect("this test needs the Debian package libopenjp2-tools");
        assert!(done.status.success(), "{done:?}");
        path
    })
}

/// How much of the block is decoded for so many tiles.
fn decoded_for(tiles: usize, budget: u64) -> f64 {
    let source = file::open(one_block().as_ref(), 0, None).expect("the file");
    assert!(source.image().windowed);
    let cache = Cache::new(budget, Options::default()).expect("a cache");
    let options = RetileOptions {
        tile: (128, 128),
        pad_edges: false,
    };
    let view = retiled(source.clone(), &options, Some(&cache)).expect("tiles");
    let places = (0..16).flat_map(|row| (0..16).map(move |col| Block::new(0, row, col)));
    for at in places.take(tiles) {
        get_block(&*view, at, &Bands::ALL).expect("a tile");
    }
    source.counters().blocks_decoded()
}

#[test]
fn tiles_take_their_code_blocks_and_all_tiles_one_decode() {
    let some = decoded_for(13, 64 << 20);
    assert!((0.04..0.15).contains(&some), "{some}");
    let all = decoded_for(256, 64 << 20);
    assert!((0.999..1.001).contains(&all), "{all}");
}

#[test]
fn where_little_can_be_kept_windows_go_on() {
    let decoded = decoded_for(40, 1 << 20);
    assert!((0.1..2.0).contains(&decoded), "{decoded}");
}
