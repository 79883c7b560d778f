//! Other tiers keep pixels under a number that rises when the library makes other pixels of the same bytes: a digest of the
//! pixels of files of all kinds, beside that number, in `tests/pixel_version.txt`.
//!
//!     UPDATE_PIXELS=1 cargo test --test pixel_version    after the number was raised

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tilecache::cache::PIXEL_VERSION;
use tilecache::image::{Bands, Block};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file;

fn in_checkout(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The digest of all blocks of all levels; of those that cannot be decoded, the kind of error.
fn digest(source: &dyn Provider) -> String {
    let (image, mut all) = (source.image(), Sha256::new());
    for level in 0..image.levels.len() as u32 {
        let grid = image.grid(level);
        let (cols, rows) = (grid.cols(), grid.rows());
        for (row, col) in (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col))) {
            match get_block(source, Block::new(level, row, col), &Bands::ALL) {
                Ok(tile) => {
                    let (width, height) = tile.valid();
                    let bytes = width * tile.dtype().size();
                    for band in 0..tile.shape().bands {
                        (0..height).for_each(|y| all.update(&tile.row(band, y)[..bytes]));
                    }
                }
                Err(error) => all.update(format!("{:?}", error.kind())),
            }
        }
    }
    let start = &all.finalize()[..8];
    start.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line for each file, and the number before them.
fn told() -> String {
    let files = std::fs::read_dir(in_checkout("fuzz/seeds/files")).expect("files");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let mut lines = format!("{PIXEL_VERSION}\n");
    for path in &paths {
        let name = path.file_name().expect("a name").to_string_lossy();
        match file::open(path, 0, None) {
            Ok(source) => writeln!(lines, "{} {name}", digest(&*source)),
            Err(error) => writeln!(lines, "{:?} {name}", error.kind()),
        }
        .expect("a line");
    }
    lines
}

#[test]
fn other_pixels_of_the_same_bytes_have_another_number() {
    let (path, told) = (in_checkout("tests/pixel_version.txt"), told());
    if std::env::var_os("UPDATE_PIXELS").is_some() {
        std::fs::write(&path, &told).expect("the list");
    }
    let kept = std::fs::read_to_string(&path).expect("the list");
    let differs = told
        .lines()
        .filter(|line| !kept.lines().any(|kept| kept == *line));
    let differs: Vec<_> = differs.collect();
    assert!(
        differs.is_empty() && told.lines().count() == kept.lines().count(),
        "not in tests/pixel_version.txt: {differs:?}; where pixels changed, PIXEL_VERSION has to rise"
    );
}
