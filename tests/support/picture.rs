//! Pictures whose samples are all known, and what must be found out about them: from sorted values and sums in wide
//! whole numbers.

#![allow(dead_code)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tilecache::dtype::{DType, Sample};
use tilecache::error::Result;
use tilecache::image::{Block, Colour, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::pyramid;
use tilecache::provider::Provider;
use tilecache::source::{Decoder, Source};
use tilecache::stats::PixelStats;

/// Random numbers, the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }

    pub fn bits(&mut self) -> u64 {
        self.below(1 << 31) << 33 ^ self.below(1 << 31) << 11 ^ self.below(1 << 31)
    }
}

/// A picture: the samples of each band, row by row.
#[derive(Clone)]
pub struct Picture {
    pub dtype: DType,
    pub width: u64,
    pub height: u64,
    pub bands: Vec<Vec<u8>>,
    pub nodata: Vec<Option<Sample>>,
    pub mask: Option<Vec<u8>>,
    pub alpha: Option<usize>,
}

pub type Decodes = Arc<Mutex<HashMap<Block, u64>>>;

struct Blocks {
    image: Image,
    bands: Vec<Vec<u8>>,
    decodes: Decodes,
}

impl Decoder for Blocks {
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        *self.decodes.lock().unwrap().entry(at).or_default() += 1;
        let rect = at.rect(&self.image);
        let size = self.image.dtype.size();
        for (to, band) in bands.iter().enumerate() {
            for y in 0..rect.height {
                let from = ((rect.y + y) * self.image.width() + rect.x) as usize * size;
                let row = &self.bands[*band as usize][from..][..rect.width as usize * size];
                into.row_mut(to, y as usize).copy_from_slice(row);
            }
        }
        Ok(())
    }
}

impl Picture {
    /// Values of the type from its whole range and many small ones; floats are multiples of 2^-20.
    pub fn random(dtype: DType, (width, height): (u64, u64), bands: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let count = (width * height) as usize * dtype.parts();
        let mut value = |dtype: DType| {
            let bits = random.bits();
            let small = random.below(3) > 0;
            let whole = if small { bits % 5000 } else { bits };
            match dtype {
                DType::F32 => {
                    let part = (bits % (1 << 24)) as f32 / (1 << 20) as f32;
                    (if small { part - 4.0 } else { -part * 256.0 })
                        .to_ne_bytes()
                        .to_vec()
                }
                DType::F64 => {
                    let part = (bits % (1 << 46)) as i64 - (1 << 45);
                    let part = if small { part % 77_777 } else { part };
                    (part as f64 / f64::from(1 << 20)).to_ne_bytes().to_vec()
                }
                _ => whole.to_le_bytes()[..dtype.part().size()].to_vec(),
            }
        };
        let part = match dtype {
            // Powers that are exact in f64.
            DType::CI16 | DType::CI32 | DType::CF32 | DType::CF64 => DType::I8,
            dtype => dtype,
        };
        let mut band = || {
            let samples = (0..count).flat_map(|_| match dtype.is_complex() {
                true => {
                    let small = value(part)[0] as i8;
                    let part = Sample::from_f64(dtype.part(), small.into());
                    part.bytes(dtype.part()).to_vec()
                }
                false => value(part),
            });
            samples.collect()
        };
        Self {
            dtype,
            width,
            height,
            bands: (0..bands).map(|_| band()).collect(),
            nodata: vec![None; bands],
            mask: None,
            alpha: None,
        }
    }

    /// Of given samples of one band.
    pub fn of<T: bytemuck::Pod>(dtype: DType, width: u64, values: &[T]) -> Self {
        Self {
            dtype,
            width,
            height: values.len() as u64 / width,
            bands: vec![bytemuck::cast_slice(values).to_vec()],
            nodata: vec![None],
            mask: None,
            alpha: None,
        }
    }

    pub fn pixels(&self) -> usize {
        (self.width * self.height) as usize
    }

    pub fn sample(&self, band: usize, at: usize) -> &[u8] {
        &self.bands[band][at * self.dtype.size()..][..self.dtype.size()]
    }

    pub fn set(&mut self, band: usize, at: usize, sample: &[u8]) {
        let size = self.dtype.size();
        self.bands[band][at * size..][..size].copy_from_slice(sample);
    }

    pub fn image(&self, block: (u64, u64)) -> Image {
        let mut image = Image::new(self.width, self.height, self.bands.len() as u32, self.dtype);
        image.block = block;
        for (band, nodata) in image.bands.iter_mut().zip(&self.nodata) {
            band.nodata = *nodata;
        }
        if let Some(alpha) = self.alpha {
            image.bands[alpha].colour = Colour::Alpha;
        }
        image
    }

    /// The picture in blocks, and how often each is decoded.
    pub fn provider(&self, block: (u64, u64)) -> (Arc<dyn Provider>, Decodes) {
        self.described(self.image(block))
    }

    pub fn described(&self, image: Image) -> (Arc<dyn Provider>, Decodes) {
        let block = image.block;
        let decodes = Decodes::default();
        let of = |image: Image, bands: Vec<Vec<u8>>, decodes: Decodes| {
            let decoder = Blocks {
                image: image.clone(),
                bands,
                decodes,
            };
            Source::provider(None, image, Box::new(decoder)).unwrap()
        };
        let own = of(image, self.bands.clone(), decodes.clone());
        let Some(mask) = &self.mask else {
            return (own, decodes);
        };
        let mut image = Image::new(self.width, self.height, 1, DType::U8);
        image.block = (block.0 / 2 + 1, block.1 * 2);
        let mask = of(image, vec![mask.clone()], Decodes::default());
        (pyramid(vec![own], Some(mask)).unwrap(), decodes)
    }
}

/// A value of a band in whole units of 2^-20, or of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Whole(i128),
    Nan,
    Infinite,
    None,
}

pub fn unit(dtype: DType) -> f64 {
    match dtype {
        DType::F32 | DType::F64 => f64::from(1 << 20),
        _ => 1.0,
    }
}

fn float(value: f64) -> Value {
    match value {
        value if value.is_nan() => Value::Nan,
        value if value.is_infinite() => Value::Infinite,
        value => {
            let whole = value * unit(DType::F64);
            assert_eq!(whole, whole.trunc(), "a multiple of the unit");
            Value::Whole(whole as i128)
        }
    }
}

fn whole<const N: usize>(sample: &[u8]) -> [u8; N] {
    sample.try_into().unwrap()
}

/// A sample as a number; a complex one by its power.
pub fn number(dtype: DType, sample: &[u8]) -> Value {
    let of = |value: i128| Value::Whole(value);
    match dtype {
        DType::U8 => of(sample[0].into()),
        DType::I8 => of((sample[0] as i8).into()),
        DType::U16 => of(u16::from_ne_bytes(whole(sample)).into()),
        DType::I16 => of(i16::from_ne_bytes(whole(sample)).into()),
        DType::U32 => of(u32::from_ne_bytes(whole(sample)).into()),
        DType::I32 => of(i32::from_ne_bytes(whole(sample)).into()),
        DType::U64 => of(u64::from_ne_bytes(whole(sample)).into()),
        DType::I64 => of(i64::from_ne_bytes(whole(sample)).into()),
        DType::F32 => float(f32::from_ne_bytes(whole(sample)).into()),
        DType::F64 => float(f64::from_ne_bytes(whole(sample))),
        complex => {
            let part = complex.part();
            let (re, im) = sample.split_at(part.size());
            let of = |bytes: &[u8]| {
                let mut sample = Sample::default();
                sample.0[..bytes.len()].copy_from_slice(bytes);
                sample.to_f64(part) as i128
            };
            Value::Whole(of(re).pow(2) + of(im).pow(2))
        }
    }
}

impl Picture {
    /// What a pixel of a band counts as.
    pub fn value(&self, band: usize, at: usize) -> Value {
        let is_masked = self.mask.as_ref().is_some_and(|mask| mask[at] != 255);
        let is_clear = self.alpha.is_some_and(|alpha| {
            alpha != band && self.sample(alpha, at).iter().all(|byte| *byte == 0)
        });
        let sample = self.sample(band, at);
        let value = number(self.dtype, sample);
        let is_nodata = self.nodata[band].is_some_and(|nodata| match value {
            Value::Infinite => nodata.bytes(self.dtype) == sample,
            // NaN is equal to any NaN, and so are both zeros.
            value => number(self.dtype, nodata.bytes(self.dtype)) == value,
        });
        match is_masked || is_clear || is_nodata {
            true => Value::None,
            false => value,
        }
    }

    /// Compares the statistics of all pixels with what they must be.
    pub fn check(&self, stats: &PixelStats, is_exact: bool) {
        assert_eq!(stats.band_count() as usize, self.bands.len());
        for band in 0..self.bands.len() {
            let values: Vec<Value> = (0..self.pixels()).map(|at| self.value(band, at)).collect();
            check_band(self.dtype, &values, stats, band as u32, is_exact);
        }
    }
}

/// Whether a number is as near to a quotient of whole numbers as any f64, or the next to it.
fn is_near(value: f64, sum: i128, count: i128, unit: f64) -> bool {
    let right = sum as f64 / unit / count as f64;
    (value - right).abs() <= right.abs() * f64::EPSILON
}

fn check_band(dtype: DType, values: &[Value], stats: &PixelStats, band: u32, is_exact: bool) {
    let unit = unit(dtype);
    let found = *stats.band(band).unwrap();
    let count_of = |of: Value| values.iter().filter(|value| **value == of).count() as u64;
    let mut valid: Vec<i128> = values
        .iter()
        .filter_map(|value| match value {
            Value::Whole(value) => Some(*value),
            _ => None,
        })
        .collect();
    valid.sort_unstable();
    assert_eq!(found.count, values.len() as u64);
    assert_eq!(found.valid, valid.len() as u64);
    assert_eq!(found.nan, count_of(Value::Nan));
    assert_eq!(found.infinite, count_of(Value::Infinite));
    let (Some(first), Some(last)) = (valid.first(), valid.last()) else {
        assert!(found.minimum.is_nan() && found.maximum.is_nan());
        assert!(found.mean.is_nan() && found.deviation.is_nan());
        assert!(stats.percentile(band, 50.0).unwrap().value.is_nan());
        assert_eq!(stats.histogram(band, 4).unwrap().counts, [0; 4]);
        return;
    };
    let value = |whole: i128| whole as f64 / unit;
    assert_eq!(
        (found.minimum, found.maximum),
        (value(*first), value(*last))
    );
    let count = valid.len() as i128;
    let sum: i128 = valid.iter().sum();
    assert!(
        is_near(found.mean, sum, count, unit),
        "{found:?} {sum} {count}"
    );
    // Far from 0 the squares of 64 bits leave i128, the distances from the first value do not.
    let squares = valid
        .iter()
        .map(|value| u128::from((value - first) as u64).pow(2));
    let squares = squares.fold((0u128, 0u128), |(low, high), square| {
        let (low, carry) = low.overflowing_add(square);
        (low, high + u128::from(carry))
    });
    if squares.1 == 0 && squares.0 < 1 << 110 {
        let shifted: u128 = valid.iter().map(|value| (value - first) as u128).sum();
        let spread = squares.0 * count as u128 - shifted * shifted;
        let right = (spread as f64).sqrt() / count as f64 / unit;
        let error = (found.deviation - right).abs();
        assert!(error <= 1e-15 * right, "{found:?} {right}");
    }
    for percent in [
        0.0f64, 0.1, 2.0, 7.0, 25.0, 50.0, 50.000001, 98.0, 99.9, 100.0,
    ] {
        let millionths = (percent * 1e6).round() as i128;
        let rank = ((count * millionths + 99_999_999) / 100_000_000).max(1);
        let right = value(valid[rank as usize - 1]);
        let answer = stats.percentile(band, percent).unwrap();
        let inside = answer.low <= right && right <= answer.high;
        assert!(inside, "{dtype:?} {percent}: {answer:?} for {right}");
        assert!(answer.low <= answer.value && answer.value <= answer.high);
        let is_narrow = matches!(dtype, DType::U8 | DType::I8 | DType::U16 | DType::I16);
        let is_known = is_exact && tilecache::stats::PERCENTS.contains(&percent);
        let is_small = right.abs() < 4096.0 && !matches!(dtype, DType::F32 | DType::F64);
        if is_narrow || is_known || is_small && !dtype.is_complex() {
            assert_eq!(
                (answer.value, answer.low, answer.high),
                (right, right, right)
            );
        }
        let width = answer.high - answer.low;
        assert!(
            width <= answer.low.abs().max(answer.high.abs()) / 2048.0,
            "{answer:?}"
        );
    }
    for bins in [1, 7, 256] {
        let histogram = stats.histogram(band, bins).unwrap();
        assert_eq!(
            (histogram.low, histogram.high),
            (value(*first), value(*last))
        );
        assert_eq!(histogram.counts.iter().sum::<u64>(), valid.len() as u64);
        if !histogram.is_approximate {
            let width = last - first;
            let mut right = vec![0u64; bins];
            for value in &valid {
                let nth = match width {
                    0 => 0,
                    width => ((value - first) * bins as i128 / width) as usize,
                };
                right[nth.min(bins - 1)] += 1;
            }
            assert_eq!(histogram.counts, right, "{dtype:?} {bins}");
        }
    }
}
