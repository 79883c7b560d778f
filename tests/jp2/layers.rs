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

/// Pixels of a side of them.
const SIDE: u32 = 2048;

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

/// A TIFF of one band whose square tiles are these codestreams, two at least, one below the other.
pub fn tiff(side: u32, streams: &[Vec<u8>]) -> Vec<u8> {
    let count = streams.len() as u32;
    let head = 8 + 2 + 10 * 12 + 4;
    let (lists, data) = (head, head + 8 * count);
    // Width, height, bits, compression, photometric interpretation, samples, tile size, offsets, byte counts.
    let tags: [(u16, u32, u32); 10] = [
        (256, 1, side),
        (257, 1, side * count),
        (258, 1, 8),
        (259, 1, 34712),
        (262, 1, 1),
        (277, 1, 1),
        (322, 1, side),
        (323, 1, side),
        (324, count, lists),
        (325, count, lists + 4 * count),
    ];
    let mut file = b"II*\0\x08\0\0\0\x0a\0".to_vec();
    for (tag, count, value) in tags {
        file.extend(tag.to_le_bytes());
        file.extend(4u16.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    let mut at = data;
    for stream in streams {
        file.extend(at.to_le_bytes());
        at += stream.len() as u32;
    }
    file.extend(
        streams
            .iter()
            .flat_map(|stream| (stream.len() as u32).to_le_bytes()),
    );
    file.extend(streams.concat());
    file
}

#[test]
fn codestreams_within_tiff_have_them_too() {
    let paths = [FILES[0], FILES[1]].map(|(name, options)| make(name, 1, options));
    let alls = paths.each_ref().map(|path| decompressed(path, 0, 0));
    let streams = paths
        .each_ref()
        .map(|path| std::fs::read(path).expect("a file"));
    let path = format!("{}.tif", paths[0]);
    std::fs::write(&path, tiff(SIDE, &streams)).expect("a file");
    for layers in [0, 1, 2] {
        let choice = Choice {
            layers,
            ..Choice::new(0, Some("layered"))
        };
        let source = open_choice(Path::new(&path), &choice).expect("an image");
        let key = match layers {
            0 => "layered:image:0".to_owned(),
            _ => format!("layered:image:0:layers:{layers}"),
        };
        assert_eq!(source.key(), key);
        for (row, (path, all)) in paths.iter().zip(&alls).enumerate() {
            let expected = decompressed(path, layers, 0);
            let block = get_block(&*source, Block::new(0, row as u64, 0), &Bands::ALL);
            let block = block.expect("a block");
            let rows = (0..SIDE as usize).map(|y| block.row(0, y));
            assert!(rows.flatten().eq(&expected), "{layers} layers of {path}");
            assert!((expected == *all) == (layers == 0), "{path}");
        }
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
