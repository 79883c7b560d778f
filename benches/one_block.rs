//! What tiles of a JPEG 2000 image cost that is one codestream tile: one tile alone, and all of them,
//! each against one whole decode in the same run. Needs OpenJPEG's `opj_compress`.
//!
//!     cargo bench --bench one_block

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file;

const SIDE: u64 = 8192;
const TILE: u64 = 1024;
const TILES: u64 = SIDE / TILE;

/// Hills with noise, so that the codec has work everywhere.
fn scene() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let pixel = |i: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
        let hills = (x / 97.0).sin() * 50.0 + (y / 131.0).cos() * 50.0;
        let noise = (state >> 40 & 15) as f32;
        (hills + ((x + y) / 11.0).sin() * 12.0 + noise + 120.0) as u8
    };
    (0..SIDE * SIDE).map(pixel).collect()
}

fn encode(raw: &Path, name: &str, options: &[&str]) -> PathBuf {
    let path = raw.with_file_name(name);
    let form = format!("{SIDE},{SIDE},1,8,u");
    let mut program = Command::new("opj_compress");
    program.arg("-i").arg(raw).arg("-o").arg(&path);
    let done = program.args(["-F", &form]).args(options).output();
    let done = done.expect("the Debian package libopenjp2-tools is installed");
    assert!(done.status.success(), "{done:?}");
    path
}

fn open(path: &Path) -> Arc<dyn Provider> {
    file::open(path, 0, None).expect("the file")
}

/// The seconds that getting these tiles takes, with nothing cached before.
fn tiles(path: &Path, places: impl Iterator<Item = (u64, u64)>) -> f64 {
    let cache = Cache::new(1 << 30, Options::default()).expect("a cache");
    let options = RetileOptions {
        tile: (TILE, TILE),
        pad_edges: false,
    };
    let view = retiled(open(path), &options, Some(&cache)).expect("tiles");
    let begin = Instant::now();
    for (row, col) in places {
        get_block(&*view, Block::new(0, row, col), &Bands::ALL).expect("a tile");
    }
    begin.elapsed().as_secs_f64()
}

fn whole(path: &Path) -> f64 {
    let source = open(path);
    let begin = Instant::now();
    get_block(&*source, Block::new(0, 0, 0), &Bands::ALL).expect("the block");
    begin.elapsed().as_secs_f64()
}

fn main() {
    let raw = Path::new(env!("CARGO_TARGET_TMPDIR")).join("one_block.rawl");
    std::fs::write(&raw, scene()).expect("room for the scene");
    println!("{SIDE} x {SIDE} in one block, tiles of {TILE}; the best of three rounds");
    for (name, options) in [("lossless", &[][..]), ("lossy", &["-I", "-r", "10"][..])] {
        let path = encode(&raw, &format!("{name}.j2k"), options);
        let [mut block, mut one, mut all] = [f64::MAX; 3];
        for _ in 0..3 {
            block = block.min(whole(&path));
            one = one.min(tiles(&path, std::iter::once((3, 4))));
            let places = (0..TILES).flat_map(|row| (0..TILES).map(move |col| (row, col)));
            all = all.min(tiles(&path, places));
        }
        let share = one / block * (TILES * TILES) as f64;
        println!(
            "{name}: whole {block:.2} s; one tile {:.3} of it, {share:.1} times its share; all tiles {:.2}",
            one / block,
            all / block
        );
    }
}
