//! Regions of interest in code-blocks that bypass the arithmetic decoder: the samples that were written, which OpenJPEG does
//! not give back.

use super::by_parts::{make_of, read_all, tiles};
use super::layers::tiff;
use super::support::*;
use std::path::Path;
use tilecache::cache::{Cache, Options};
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::provider::get_block;
use tilecache::source::file;

/// Coefficients of the first component are raised; passes bypass the arithmetic decoder.
const RAISED: [&str; 4] = ["-ROI", "c=0,U=11", "-M", "1"];

/// Files without loss: how their name begins, their side, bands, and how they are written beside that. Windows of the first
/// are read by its code-blocks.
const FILES: [(&str, usize, usize, &[&str]); 4] = [
    ("interest-large", 2048, 1, &["-r", "30,1"]),
    (
        "interest-tiles",
        400,
        1,
        &["-t", "150,170", "-r", "40,10,1"],
    ),
    ("interest-styles", 300, 1, &["-b", "32,128"]),
    ("interest-rgb", 300, 3, &["-t", "170,190"]),
];

/// Makes a file with the region and one without it, which have the same coefficients; their paths, and the samples.
fn pair((name, side, bands, options): (&str, usize, usize, &[&str])) -> (String, String, Vec<u8>) {
    let mut raised = [options, &RAISED].concat();
    if name.ends_with("styles") {
        // Contexts anew, segments of one pass, columns that know nothing of the stripe below, symbols.
        raised.extend(["-M", "47"]);
    }
    let path = make_of(side, name, bands, &raised);
    let plain = make_of(side, &format!("{name}-plain"), bands, options);
    let samples = std::fs::read(path.replace(".j2k", ".rawl")).expect("the samples");
    (path, plain, samples)
}

#[test]
fn blocks_and_windows_of_every_level_have_what_was_written() {
    for file in FILES {
        let (path, plain, written) = pair(file);
        let (name, _, bands, _) = file;
        let decoder = open(Path::new(&path)).expect("an image");
        let codec = open(Path::new(&plain)).expect("an image");
        let (image, all) = (decoder.image(), Vec::from_iter(0..bands as u32));
        for level in 0..3 {
            let right = read_level(&codec, level, &all).expect("pixels");
            assert!(level > 0 || right == written, "{name}: what was written");
            let got = read_blocks(&decoder, level, &all).expect("pixels");
            assert!(got == right, "{name}: blocks of level {level}");
            let got = read_level(&decoder, level, &all).expect("pixels");
            assert!(got == right, "{name}: all of level {level}");
            for band in 0..bands as u32 {
                let rect = Rect::new(31, 17, 40, 50);
                let got = window(&decoder, level, rect, &[band]).expect("a window");
                let right = cut(&right, image, level, &rect, &[band]);
                assert!(got == right, "{name}: band {band} of level {level}");
            }
            let source = file::open(path.as_ref(), 0, None).expect("the file");
            let cache = Cache::new(64 << 20, Options::default()).expect("a cache");
            read_all(&tiles(&source, 130, Some(&cache)), level, &right, 2);
        }
    }
}

#[test]
fn blocks_of_tiff_have_what_was_written() {
    let [first, second] = [1, 2].map(|number| {
        let (name, _, _, options) = FILES[number];
        pair((name, 256, 1, options))
    });
    let streams = [&first.0, &second.0].map(|path| std::fs::read(path).expect("a file"));
    let path = format!("{}.tif", first.0);
    std::fs::write(&path, tiff(256, &streams)).expect("a file");
    let source = file::open(path.as_ref(), 0, None).expect("an image");
    for (row, written) in [first.2, second.2].iter().enumerate() {
        let block = get_block(&*source, Block::new(0, row as u64, 0), &Bands::ALL);
        let block = block.expect("a block");
        assert!((0..256).flat_map(|y| block.row(0, y)).eq(written), "{row}");
    }
}
