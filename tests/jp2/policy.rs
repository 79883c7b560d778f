//! Windows of a huge block, and when it is decoded once instead.

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

fn decodes_for(tiles: usize, budget: u64) -> u64 {
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
    source.counters().decodes
}

#[test]
fn a_few_tiles_are_windows_and_many_are_one_decode() {
    assert_eq!(decodes_for(12, 64 << 20), 0);
    assert_eq!(decodes_for(13, 64 << 20), 1);
    assert_eq!(decodes_for(256, 64 << 20), 1);
}

#[test]
fn where_nothing_can_be_kept_windows_go_on() {
    assert_eq!(decodes_for(40, 1 << 20), 0);
}
