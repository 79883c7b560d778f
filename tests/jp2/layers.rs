//! Fewer quality layers than there are.

use super::by_parts::{make, read_all, tiles};
use super::support::*;
use std::path::Path;
use std::process::Command;
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block};
use tilecache::provider::get_block;
use tilecache::source::file::{Choice, open_choice};

/// Images of three layers, and how they are written.
const FILES: [(&str, &[&str]); 3] = [
    ("layers-lossy", &["-I", "-r", "60,30,8"]),
    ("layers-lengths", &["-r", "30,10,1", "-p", "RLCP", "-PLT"]),
    ("layers-tiles", &["-r", "30,10,1", "-t", "512,512"]),
];

/// What opj_decompress makes of a level of the first layers.
fn decompressed(path: &str, layers: u32, level: u32) -> Vec<u8> {
    let out = format!("{path}-{layers}-{level}.rawl");
    let (layers, level) = (layers.to_string(), level.to_string());
    let done = Command::new("opj_decompress")
        .args(["-i", path, "-o", &out, "-l", &layers, "-r", &level])
        .output();
    let done = done.expect("this test needs the Debian package libopenjp2-tools");
    assert!(done.status.success(), "{done:?}");
    std::fs::read(out).expect("samples")
}

#[test]
fn fewer_layers_have_the_samples_of_opj_decompress() {
    for (name, options) in FILES {
        let path = make(name, 1, options);
        let opened = |layers: u32| {
            let choice = Choice {
                layers,
                ..Choice::new(0, Some("layered"))
            };
            open_choice(Path::new(&path), &choice).expect("an image")
        };
        let all = decompressed(&path, 0, 0);
        assert_eq!(opened(0).key(), "layered:image:0");
        for layers in [1, 2, 65_000] {
            let source = opened(layers);
            assert_eq!(source.key(), format!("layered:image:0:layers:{layers}"));
            let cache = Cache::new(64 << 20, Options::default()).expect("a cache");
            for level in [0, 1] {
                let expected = decompressed(&path, layers, level);
                assert!(level > 0 || (expected == all) == (layers > 2), "{name}");
                // Blocks by the codec, tiles by code-blocks where a block is large.
                for (at, rect) in blocks(source.image(), level) {
                    let block = get_block(&*source, at, &Bands::ALL).expect("a block");
                    let right = cut(&expected, source.image(), level, &rect, &[0]);
                    let rows = (0..rect.height as usize).map(|y| block.row(0, y));
                    assert!(rows.flatten().eq(&right), "{name} of {layers}: {at}");
                }
                read_all(&tiles(&source, 300, Some(&cache)), level, &expected, 2);
            }
        }
        let few = get_block(&*opened(1), Block::new(0, 0, 0), &Bands::ALL).expect("a block");
        let more = get_block(&*opened(0), Block::new(0, 0, 0), &Bands::ALL).expect("a block");
        assert!(few.row(0, 9) != more.row(0, 9) || few.row(0, 100) != more.row(0, 100));
    }
}

#[test]
fn other_formats_have_no_layers() {
    let choice = Choice {
        layers: 1,
        ..Choice::new(0, Some("plain"))
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bindings/tour/scene.tif");
    let source = open_choice(&path, &choice).expect("an image");
    assert_eq!(source.key(), "plain:image:0");
}
