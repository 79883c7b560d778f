//! A synthetic source whose every pixel follows from its place, and which counts its decodes.

#![allow(dead_code)]

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tilecache::dtype::{DType, Sample};
use tilecache::error::{Error, Result};
use tilecache::image::{Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::provider::Provider;
use tilecache::source::{Decoder, Source};

/// The value of a pixel: small enough for every type, different for neighbours in each direction.
pub fn value(level: u32, x: u64, y: u64, band: u32) -> f64 {
    ((x * 7 + y * 13 + u64::from(band) * 29 + u64::from(level) * 3) % 101 + 1) as f64
}

/// The bytes of that pixel.
pub fn sample(dtype: DType, level: u32, x: u64, y: u64, band: u32) -> Sample {
    Sample::from_f64(dtype, value(level, x, y, band))
}

/// What a synthetic source does beside its pixels.
#[derive(Default)]
pub struct Behaviour {
    /// Blocks that are not stored.
    pub absent: HashSet<Block>,
    /// Decodes of each block.
    pub decodes: Mutex<HashMap<Block, u64>>,
    /// Bands of all decodes together.
    pub bands: AtomicU64,
    /// How long a decode takes.
    pub delay: Duration,
    /// Every decode fails while this is set.
    pub fails: AtomicBool,
}

impl Behaviour {
    pub fn total(&self) -> u64 {
        self.decodes.lock().unwrap().values().sum()
    }

    pub fn most(&self) -> u64 {
        self.decodes
            .lock()
            .unwrap()
            .values()
            .copied()
            .max()
            .unwrap_or(0)
    }
}

struct Synthetic {
    image: Image,
    behaviour: Arc<Behaviour>,
}

impl Decoder for Synthetic {
    fn has_block(&self, at: Block) -> Result<bool> {
        Ok(!self
            .behaviour
            .absent
            .contains(&Block::new(0, at.row, at.col)))
    }

    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        *self
            .behaviour
            .decodes
            .lock()
            .unwrap()
            .entry(at)
            .or_default() += 1;
        let count = bands.len() as u64;
        self.behaviour.bands.fetch_add(count, Ordering::SeqCst);
        std::thread::sleep(self.behaviour.delay);
        if self.behaviour.fails.load(Ordering::SeqCst) {
            return Err(Error::from_source(7, "told to fail"));
        }
        let rect = at.rect(&self.image);
        let size = self.image.dtype.size();
        for (to, band) in bands.iter().enumerate() {
            for y in 0..rect.height {
                let row = into.row_mut(to, y as usize);
                if self.image.dtype == DType::U8 {
                    for (x, out) in row.iter_mut().enumerate() {
                        *out = value(at.level, rect.x + x as u64, rect.y + y, *band) as u8;
                    }
                    continue;
                }
                for (x, out) in row.chunks_exact_mut(size).enumerate() {
                    let pixel = sample(
                        self.image.dtype,
                        at.level,
                        rect.x + x as u64,
                        rect.y + y,
                        *band,
                    );
                    out.copy_from_slice(pixel.bytes(self.image.dtype));
                }
            }
        }
        Ok(())
    }
}

/// A provider of synthetic pixels.
pub fn source(image: Image, behaviour: Arc<Behaviour>) -> Arc<dyn Provider> {
    named(None, image, behaviour)
}

/// [`source`] with a key.
pub fn named(name: Option<&str>, image: Image, behaviour: Arc<Behaviour>) -> Arc<dyn Provider> {
    let decoder = Synthetic {
        image: image.clone(),
        behaviour,
    };
    Source::provider(name, image, Box::new(decoder)).expect("a valid image")
}

/// An image of u8 in blocks.
pub fn image(size: (u64, u64), block: (u64, u64), bands: u32) -> Image {
    let mut image = Image::new(size.0, size.1, bands, DType::U8);
    image.block = block;
    image
}
