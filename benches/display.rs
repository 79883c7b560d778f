//! What a displayed tile costs: 1024 x 1024 pixels of three bands out of resident samples, on one thread, against
//! memcpy of the samples in the same run.
//!
//!     cargo bench --bench display

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use tilecache::cache::{Cache, Options};
use tilecache::chain::Chain;
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Bands, Block, Image};
use tilecache::layout::Shape;
use tilecache::memory::{PixelsMut, Target};
use tilecache::operator::{cached, display};
use tilecache::provider::{Provider, get_block};
use tilecache::source::{Decoder, Source};

const SIDE: u64 = 1024;
const BANDS: u32 = 3;
const ROUNDS: usize = 40;

/// Noise of 11 bits about a slope, in any type.
struct Scene(DType);

impl Decoder for Scene {
    fn read_block(&self, _: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let mut state = 0x2545_f491_4f6c_dd1du64;
        for band in 0..bands.len() {
            for y in 0..SIDE as usize {
                let row = into.row_mut(band, y);
                for (x, out) in row.chunks_exact_mut(self.0.size()).enumerate() {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    let value = 300 + (x + y) / 2 + (state >> 40 & 511) as usize;
                    let sample = tilecache::dtype::Sample::from_f64(self.0, value as f64);
                    out.copy_from_slice(sample.bytes(self.0));
                }
            }
        }
        Ok(())
    }
}

/// The least seconds that some work takes.
fn least(mut work: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        work();
        best = best.min(begin.elapsed().as_secs_f64());
    }
    best
}

fn main() {
    println!("{SIDE} x {SIDE} x {BANDS}, the best of {ROUNDS} rounds; memcpy is over the samples");
    for (dtype, text) in [
        (DType::U16, "stretch=300..1711|u8"),
        (
            DType::U16,
            "stretch=301.7..1711.3,299.9..1655.1,311.2..1698.8|u8",
        ),
        (DType::I16, "stretch=-300..1711|u8"),
        (DType::U16, "stretch=300..1711|gamma=1.2|u8"),
        (DType::U16, "stretch=300..1711|u16"),
        (DType::U16, "stretch=0..65535|gamma=2.2|u8"),
        (DType::U16, "log|stretch=40..70|u8"),
        (DType::U16, "bands=0|stretch=300..1711|ramp=viridis|u8"),
        (DType::U16, "stretch=300..1711|alpha|u8"),
        (DType::U8, "stretch=0..255|u8"),
        (DType::U8, "stretch=10..200|gamma=1.2|u8"),
        (DType::U8, "ycbcr|u8"),
        (DType::F32, "stretch=300..1711|u8"),
        (DType::F32, "stretch=300..1711|gamma=1.2|u8"),
    ] {
        one(dtype, text);
    }
    interleaved();
}

fn source(dtype: DType, cache: &Cache) -> Arc<dyn Provider> {
    let image = Image::new(SIDE, SIDE, BANDS, dtype);
    let source = Source::provider(None, image, Box::new(Scene(dtype))).expect("a source");
    cached(source, cache).expect("a cached source")
}

fn one(dtype: DType, text: &str) {
    let cache = Cache::new(1 << 30, Options::default()).expect("a cache");
    let from = source(dtype, &cache);
    let at = Block::new(0, 0, 0);
    let samples = get_block(&*from, at, &Bands::ALL).expect("the samples");
    let chain: Chain = text.parse().expect("a chain");
    let begin = Instant::now();
    let shown = display(from, &chain, Some(&cache)).expect("a display");
    let prepared = begin.elapsed().as_secs_f64();
    let tile = least(|| {
        black_box(get_block(&*shown, at, &Bands::ALL).expect("a tile"));
        assert!(cache.remove(shown.key(), at, &Bands::ALL), "what was there");
    });
    let mut copy = vec![0u8; samples.bytes().len()];
    let memcpy = least(|| black_box(&mut copy).copy_from_slice(black_box(samples.bytes())));
    println!(
        "{:>4} {text:<70} {:6.2} ms, memcpy {:5.2} ms: {:4.2} of its speed; prepared in {:5.2} ms",
        dtype.name(),
        tile * 1e3,
        memcpy * 1e3,
        memcpy / tile,
        prepared * 1e3
    );
}

/// A displayed tile as rows of RGBA.
fn interleaved() {
    let cache = Cache::new(1 << 30, Options::default()).expect("a cache");
    let chain: Chain = "stretch=300..1711|u8".parse().expect("a chain");
    let shown = display(source(DType::U16, &cache), &chain, None).expect("a display");
    let tile = get_block(&*shown, Block::new(0, 0, 0), &Bands::ALL).expect("a tile");
    let side = SIDE as usize;
    let mut rows = vec![0u8; side * side * 4];
    for bands in [3, 4] {
        let shape = Shape {
            width: side,
            height: side,
            bands,
        };
        let list = [Some(0), Some(1), Some(2), None];
        let copied = least(|| {
            // SAFETY: the memory has just these rows, and outlives the call.
            let into = unsafe {
                let strides = [bands, bands * side, 1].map(|stride| stride as isize);
                Target::new(black_box(&mut rows).as_mut_ptr(), strides, shape, DType::U8)
            };
            tile.copy(0, 0, &list[..bands], into).expect("a copy");
        });
        let mut copy = vec![0u8; tile.bytes().len()];
        let memcpy = least(|| black_box(&mut copy).copy_from_slice(black_box(tile.bytes())));
        println!(
            "interleaved into {bands} bands: {:.2} ms, memcpy of the tile {:.2} ms",
            copied * 1e3,
            memcpy * 1e3
        );
    }
}
