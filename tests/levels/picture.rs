//! A whole image in memory, as plain numbers, and as a provider of blocks.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as Atomic};
use tilecache::dtype::{DType, Sample};
use tilecache::error::Result;
use tilecache::image::{Block, Colour, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::pyramid;
use tilecache::provider::Provider;
use tilecache::source::{Decoder, Source};

/// A number.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    I(i128),
    F(f64),
}

impl Value {
    pub fn float(self) -> f64 {
        match self {
            Value::I(value) => value as f64,
            Value::F(value) => value,
        }
    }

    pub fn plus(self, other: Value) -> Value {
        match (self, other) {
            (Value::I(a), Value::I(b)) => Value::I(a + b),
            (a, b) => Value::F(a.float() + b.float()),
        }
    }

    pub fn times(self, other: Value) -> Value {
        match (self, other) {
            (Value::I(a), Value::I(b)) => Value::I(a * b),
            (a, b) => Value::F(a.float() * b.float()),
        }
    }

    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::I(a), Value::I(b)) => a == b,
            (a, b) => a.float() == b.float(),
        }
    }

    pub fn order(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::I(a), Value::I(b)) => a.cmp(b),
            (a, b) => a.float().total_cmp(&b.float()),
        }
    }
}

/// A whole image.
#[derive(Clone, Debug)]
pub struct Picture {
    pub dtype: DType,
    pub width: i64,
    pub height: i64,
    /// Of each band all pixels, row by row, each of two parts.
    pub bands: Vec<Vec<[Value; 2]>>,
    pub nodata: Vec<Option<[Value; 2]>>,
    pub alpha: Option<usize>,
    pub mask: Option<Vec<bool>>,
    pub pad: [Value; 2],
    pub bits: u32,
}

impl Picture {
    /// A picture of zeros.
    pub fn new(dtype: DType, width: i64, height: i64, bands: usize) -> Self {
        let mut picture = Picture {
            dtype,
            width,
            height,
            bands: Vec::new(),
            nodata: vec![None; bands],
            alpha: None,
            mask: None,
            pad: [Value::I(0); 2],
            bits: dtype.part().size() as u32 * 8,
        };
        let zero = picture.zero();
        picture.pad = [zero; 2];
        picture.bands = vec![vec![[zero; 2]; (width * height) as usize]; bands];
        picture
    }

    /// A picture of another size that is alike but for its pixels.
    pub fn like(&self, width: i64, height: i64) -> Self {
        let size = (width * height) as usize;
        Picture {
            width,
            height,
            bands: vec![vec![self.pad; size]; self.bands.len()],
            mask: self.mask.as_ref().map(|_| vec![false; size]),
            nodata: self.nodata.clone(),
            ..*self
        }
    }

    pub fn get(&self, band: usize, x: i64, y: i64) -> [Value; 2] {
        self.bands[band][(y * self.width + x) as usize]
    }

    pub fn set(&mut self, band: usize, x: i64, y: i64, value: [Value; 2]) {
        self.bands[band][(y * self.width + x) as usize] = value;
    }

    pub fn is_float(&self) -> bool {
        matches!(self.dtype.part(), DType::F32 | DType::F64)
    }

    pub fn zero(&self) -> Value {
        self.whole(0)
    }

    pub fn whole(&self, value: i64) -> Value {
        match self.is_float() {
            true => Value::F(value as f64),
            false => Value::I(value.into()),
        }
    }

    fn parts(&self) -> usize {
        self.dtype.parts()
    }

    /// Whether two samples are equal; every NaN is like every other.
    pub fn equals(&self, nodata: [Value; 2], value: [Value; 2]) -> bool {
        let count = self.parts();
        let is_nan = |of: &[Value; 2]| of[..count].iter().any(|part| part.float().is_nan());
        match is_nan(&nodata) {
            true => is_nan(&value),
            false => (0..count).all(|part| nodata[part].same(&value[part])),
        }
    }

    fn is_number(&self, band: usize, x: i64, y: i64) -> bool {
        let value = self.get(band, x, y);
        !value[..self.parts()]
            .iter()
            .any(|part| part.float().is_nan())
    }

    pub fn is_data(&self, band: usize, x: i64, y: i64) -> bool {
        let value = self.get(band, x, y);
        let is_nodata = self.nodata[band].is_some_and(|nodata| self.equals(nodata, value));
        let is_masked = |mask: &Vec<bool>| !mask[(y * self.width + x) as usize];
        let is_clear = |alpha: usize| {
            let alpha = self.get(alpha, x, y)[0].float();
            !(alpha > 0.0 && alpha.is_finite())
        };
        let alpha = self.alpha.filter(|alpha| *alpha != band);
        self.is_number(band, x, y)
            && !is_nodata
            && !self.mask.as_ref().is_some_and(is_masked)
            && !alpha.is_some_and(is_clear)
    }

    pub fn is_finite(&self, band: usize, x: i64, y: i64) -> bool {
        let value = self.get(band, x, y);
        let parts = &value[..self.parts()];
        self.is_data(band, x, y) && parts.iter().all(|part| part.float().is_finite())
    }

    /// How much a pixel counts.
    pub fn weight(&self, band: usize, x: i64, y: i64) -> Value {
        match self.alpha {
            Some(alpha) if alpha != band => self.get(alpha, x, y)[0],
            _ => self.whole(1),
        }
    }

    /// What stands where nothing is data.
    pub fn none(&self, band: usize) -> [Value; 2] {
        match (self.nodata[band], self.is_float()) {
            (Some(nodata), _) => nodata,
            (None, true) => [Value::F(f64::NAN); 2],
            (None, false) => self.pad,
        }
    }

    fn limits(&self, bits: u32) -> (i128, i128) {
        match self.dtype.part() {
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => (0, (1 << bits) - 1),
            _ => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        }
    }

    fn all_bits(&self) -> u32 {
        self.dtype.part().size() as u32 * 8
    }

    /// The nearest sample, halves away from zero.
    pub fn rounded(&self, value: f64) -> Value {
        match self.dtype.part() {
            DType::F32 => Value::F(value.clamp(f32::MIN.into(), f32::MAX.into()) as f32 as f64),
            DType::F64 => Value::F(value.clamp(f64::MIN, f64::MAX)),
            _ => {
                let (low, high) = self.limits(self.all_bits());
                Value::I((value.round() as i128).clamp(low, high))
            }
        }
    }

    pub fn quotient(&self, sum: Value, by: Value) -> Value {
        match (sum, by) {
            (Value::I(sum), Value::I(by)) => {
                let (low, high) = self.limits(self.all_bits());
                let (floor, twice) = (sum.abs() / by, 2 * (sum.abs() % by));
                let nearest = floor + i128::from(twice >= by);
                Value::I((nearest * sum.signum()).clamp(low, high))
            }
            (sum, by) => self.rounded(sum.float() / by.float()),
        }
    }

    /// The nearest sample of the significant bits, halves to even.
    pub fn even_quotient(&self, sum: Value, by: i128) -> Value {
        let Value::I(sum) = sum else {
            return self.rounded(sum.float() / by as f64);
        };
        let (low, high) = self.limits(self.bits);
        let floor = sum.div_euclid(by);
        let nearest = match (2 * sum.rem_euclid(by)).cmp(&by) {
            Ordering::Less => floor,
            Ordering::Greater => floor + 1,
            Ordering::Equal => floor + floor.rem_euclid(2),
        };
        Value::I(nearest.clamp(low, high))
    }

    /// The next value up, or of the last one the one below.
    pub fn next(&self, value: Value) -> Value {
        match (value, self.dtype.part()) {
            (Value::F(value), DType::F32) if value < f32::MAX.into() => {
                Value::F((value as f32).next_up().into())
            }
            (Value::F(value), DType::F32) => Value::F((value as f32).next_down().into()),
            (Value::F(value), _) if value < f64::MAX => Value::F(value.next_up()),
            (Value::F(value), _) => Value::F(value.next_down()),
            (Value::I(value), _) if value < self.limits(self.all_bits()).1 => Value::I(value + 1),
            (Value::I(value), _) => Value::I(value - 1),
        }
    }

    /// A sample in bytes.
    pub fn sample(&self, value: [Value; 2]) -> Sample {
        let mut sample = Sample::default();
        let part = self.dtype.part();
        let size = part.size();
        for (at, value) in value.iter().enumerate().take(self.parts()) {
            let bytes = match (value, part) {
                (Value::F(value), DType::F32) => (*value as f32).to_ne_bytes().to_vec(),
                (Value::F(value), _) => value.to_ne_bytes().to_vec(),
                // The low bytes come first here.
                (Value::I(value), _) => value.to_le_bytes()[..size].to_vec(),
            };
            sample.0[at * size..][..size].copy_from_slice(&bytes);
        }
        sample
    }

    /// All pixels in bytes, band by band.
    pub fn bytes(&self) -> Vec<u8> {
        let pixels = self.bands.iter().flatten();
        let size = self.dtype.size();
        let bytes = pixels.flat_map(|value| self.sample(*value).0.into_iter().take(size));
        bytes.collect()
    }

    /// What a provider says of it.
    pub fn image(&self, block: (u64, u64)) -> Image {
        let size = (self.width as u64, self.height as u64);
        let mut image = Image::new(size.0, size.1, self.bands.len() as u32, self.dtype);
        image.block = block;
        image.pad = self.sample(self.pad);
        image.bits = self.bits;
        for (band, nodata) in image.bands.iter_mut().zip(&self.nodata) {
            band.nodata = nodata.map(|nodata| self.sample(nodata));
        }
        if let Some(alpha) = self.alpha {
            image.bands[alpha].colour = Colour::Alpha;
        }
        image
    }

    /// The mask as a picture.
    fn mask_picture(&self) -> Option<Picture> {
        let mask = self.mask.as_ref()?;
        let mut picture = Picture::new(DType::U8, self.width, self.height, 1);
        let value = |is_data: &bool| [Value::I(if *is_data { 255 } else { 0 }); 2];
        picture.bands[0] = mask.iter().map(value).collect();
        Some(picture)
    }

    /// A provider of its blocks, with its mask beside it, and how many blocks of it were decoded.
    pub fn provider(&self, block: (u64, u64)) -> (Arc<dyn Provider>, Arc<AtomicU64>) {
        let decodes = Arc::new(AtomicU64::new(0));
        let source = |picture: &Picture, decodes: &Arc<AtomicU64>| {
            let image = picture.image(block);
            let decoder = Stored {
                image: image.clone(),
                bytes: picture.bytes(),
                decodes: decodes.clone(),
            };
            Source::provider(None, image, Box::new(decoder)).unwrap()
        };
        let image = source(self, &decodes);
        let mask = self
            .mask_picture()
            .map(|mask| source(&mask, &Arc::default()));
        let image = match mask {
            Some(mask) => pyramid(vec![image], Some(mask)).unwrap(),
            None => image,
        };
        (image, decodes)
    }
}

/// Pixels in memory.
struct Stored {
    image: Image,
    bytes: Vec<u8>,
    decodes: Arc<AtomicU64>,
}

impl Decoder for Stored {
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.decodes.fetch_add(1, Atomic::Relaxed);
        let rect = at.rect(&self.image);
        let size = self.image.dtype.size();
        for (to, band) in bands.iter().enumerate() {
            for y in 0..rect.height {
                let row = u64::from(*band) * self.image.height() + rect.y + y;
                let start = (row * self.image.width() + rect.x) as usize * size;
                let row = into.row_mut(to, y as usize);
                row.copy_from_slice(&self.bytes[start..start + row.len()]);
            }
        }
        Ok(())
    }
}
