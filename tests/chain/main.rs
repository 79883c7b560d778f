//! Display chains: their text, each step against its formula, what statistics make of them, and images seen through
//! them.

mod data;
mod display;
mod formulas;
mod resolve;
#[path = "../support/mod.rs"]
mod support;
mod text;

use tilecache::chain::{Chain, Samples};
use tilecache::dtype::{DType, Sample};
use tilecache::error::Result;
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, Target};
use tilecache::tile::Tile;

/// A small random number generator.
pub struct Random(pub u64);

impl Random {
    /// A number of 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() >> 33) as usize % end
    }
}

/// The chain of a text.
pub fn chain(text: &str) -> Chain {
    Chain::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What is wrong with a text.
pub fn refused(text: &str) -> String {
    match Chain::parse(text) {
        Ok(chain) => panic!("{text} is {chain:?}"),
        Err(error) => error.to_string(),
    }
}

/// Pixels of one row, from the bytes of each band.
pub fn row(dtype: DType, bands: &[Vec<u8>]) -> Tile {
    let shape = Shape {
        width: bands[0].len() / dtype.size(),
        height: 1,
        bands: bands.len(),
    };
    let layout = Layout::packed(shape, dtype).unwrap();
    let mut canvas = Canvas::new(Memory::zeroed(layout.span()).unwrap(), layout);
    for (at, band) in bands.iter().enumerate() {
        canvas.pixels_mut().row_mut(at, 0).copy_from_slice(band);
    }
    Tile::from_canvas(canvas)
}

/// The bytes of samples of a type.
pub fn samples(dtype: DType, values: &[f64]) -> Vec<u8> {
    let samples = values.iter().map(|value| Sample::from_f64(dtype, *value));
    let bytes = samples.flat_map(|sample| sample.bytes(dtype).to_vec());
    bytes.collect()
}

/// Applies a chain to one row, given as the bytes of each band; gives the bytes of each band.
pub fn apply(
    chain: &Chain,
    dtype: DType,
    bands: &[Vec<u8>],
    mask: Option<&[u8]>,
) -> Result<Vec<Vec<u8>>> {
    let input = row(dtype, bands);
    let mask = mask.map(|mask| row(DType::U8, &[mask.to_vec()]));
    let samples = Samples {
        dtype,
        nodata: vec![None; bands.len()],
    };
    let runner = chain.prepare(&samples)?;
    let (of, width) = (runner.dtype(), input.shape().width);
    let shape = Shape {
        width,
        height: 1,
        bands: runner.bands(),
    };
    let length = width * of.size();
    let mut bytes = vec![0xa5; length * shape.bands];
    // SAFETY: the memory has just these rows, and outlives the call.
    let target = unsafe {
        let strides = [of.size(), length, length].map(|stride| stride as isize);
        Target::new(bytes.as_mut_ptr(), strides, shape, of)
    };
    chain.apply(&input, mask.as_ref().map(|mask| mask.pixels()), target)?;
    Ok(bytes.chunks_exact(length).map(<[u8]>::to_vec).collect())
}

/// The real samples of a type as numbers.
pub fn numbers(dtype: DType, bytes: &[u8]) -> Vec<f64> {
    let sample = |bytes: &[u8]| {
        let mut sample = Sample::default();
        sample.0[..bytes.len()].copy_from_slice(bytes);
        sample.to_f64(dtype)
    };
    bytes.chunks_exact(dtype.size()).map(sample).collect()
}
