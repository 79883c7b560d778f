//! Mapped: every block passed through a function.

use super::inherit::{bands_of, texts_of};
use super::input::{Input, Inputs};
use super::kernel::{Computed, Kernel, Work};
use super::mask::known_mask;
use super::pad_pixel::pad_through;
use crate::cache::{Cache, name_or_number};
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::image::{Band, Bands, Block, Image, Metadata};
use crate::load::nesting;
use crate::memory::PixelsMut;
use crate::provider::Provider;
use crate::tile::{Pixels, Tile};
use smallvec::smallvec;
use std::collections::VecDeque;
use std::sync::Arc;

/// A function from the pixels of a block to as many pixels, called from any number of threads.
pub trait Map: Send + Sync {
    /// Writes the output for `input`, the block `at` of the image that the map was made over; of a level
    /// with a grid of its own the block of that grid, whatever is asked for.
    fn map(&self, at: Block, input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()>;
}

/// What a map makes of its source.
#[derive(Clone, Debug, Default)]
pub struct MapOptions {
    /// The function's name in the key; without one it is told apart from all others.
    pub name: Option<String>,
    /// The sample type of the output; as the source if not given.
    pub dtype: Option<DType>,
    /// The bands of the output; as many as the function gets if not given.
    pub bands: Option<u32>,
    /// The source's bands that the function gets, all if not given.
    pub source_bands: Option<Vec<u32>>,
    /// Significant bits of the output; all of its type if not given.
    pub bits: Option<u32>,
    /// The pad value of the output. If it is not given, the function is asked for it where blocks of the
    /// source may be absent, and elsewhere it is the source's, clamped to the type of the output.
    pub pad: Option<Sample>,
    /// What the output does not have of its source.
    pub drops: Drops,
    /// What the bands of the output are; if not given, those that the function gets, where they are as many and of
    /// the same type.
    pub band_infos: Option<Vec<Band>>,
    /// Texts of the output, beside those of the source.
    pub texts: Metadata,
}

/// What a map can leave behind of what is known of its source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drops {
    /// Colours and nodata values.
    pub bands: bool,
    /// Texts.
    pub texts: bool,
    /// Where pixels are data.
    pub mask: bool,
    /// Where they lie on the ground.
    pub georef: bool,
}

/// Which mask the output of a function has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Masked {
    /// None.
    Not,
    /// The one that lies beside the source.
    Beside,
    /// All that is known of where the source is data.
    Known,
}

/// A function over the blocks of an image, and what becomes of the image.
pub(super) struct Operation {
    /// The bands that the function gets.
    pub source_bands: Bands,
    pub map: Arc<dyn Map>,
    /// What the key of the output has more than that of the source.
    pub suffix: String,
    /// Describes the output, but for its levels, its grid and its place on the ground, which are the source's.
    pub image: Image,
    pub mask: Masked,
    /// Whether it lies where the source lies.
    pub is_located: bool,
}

/// `source` passed through `map` block by block; the output is kept in `cache`, if there is one.
pub fn mapped(
    source: Arc<dyn Provider>,
    options: &MapOptions,
    map: Arc<dyn Map>,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    let all = source.image().band_count();
    let source_bands = options
        .source_bands
        .as_ref()
        .map_or(Bands::ALL, |list| Bands::of(list, all));
    source.image().check_bands(&source_bands)?;
    let mut name = name_or_number(options.name.as_deref());
    if let Some(list) = source_bands.list() {
        let list: Vec<_> = list.iter().map(u32::to_string).collect();
        name = format!("{name}:bands:{}", list.join("+"));
    }
    let dtype = options.dtype.unwrap_or(source.image().dtype);
    let bands = options.bands.unwrap_or(source_bands.count(all) as u32);
    if dtype != source.image().dtype {
        name = format!("{name}:{}", dtype.name());
    }
    if bands as usize != source_bands.count(all) {
        name = format!("{name}:into:{bands}");
    }
    let mut image = source.image().clone();
    let known = bands_of(source.image(), &source_bands);
    image.bands = match &options.band_infos {
        Some(told) => told.clone(),
        None if !options.drops.bands && dtype == image.dtype && known.len() == bands as usize => {
            known
        }
        None => vec![Band::default(); bands as usize],
    };
    image.metadata = match options.drops.texts {
        true => Metadata::new(),
        false => texts_of(source.image(), &source_bands, bands),
    };
    image.metadata.extend(options.texts.clone());
    image.dtype = dtype;
    let all_bits = (dtype.part().size() * 8) as u32;
    image.bits = options.bits.unwrap_or(all_bits);
    if !(1..=all_bits).contains(&image.bits) {
        return Err(Error::range(format!(
            "bits is {} of {all_bits}",
            image.bits
        )));
    }
    match options.pad {
        Some(pad) => {
            let bytes = pad.bytes(dtype).iter();
            let digits: String = bytes.map(|byte| format!("{byte:02x}")).collect();
            name = format!("{name}:pad:{digits}");
            image.pad = pad;
        }
        None => {
            let (from, pad) = (source.image().dtype, image.pad);
            if dtype != from {
                image.pad = Sample::from_f64(dtype, pad.to_f64(from));
            }
            if image.sparse {
                let bands = source_bands.count(source.image().band_count());
                let mapped = pad_through(source.image(), bands, &image, |pad, made| {
                    let pad = pad.map(|pixels| pixels.clone().as_absent());
                    let write = || map.map(Block::new(0, 0, 0), &pad, made);
                    nesting::enter(1, write).is_ok()
                })?;
                // Where the bands differ, or the function fails, no pad value stands for an absent block.
                image.sparse = mapped.is_some();
                image.pad = mapped.unwrap_or(image.pad);
            }
        }
    }
    let operation = Operation {
        source_bands,
        map,
        suffix: format!("mapped:{name}"),
        image,
        mask: match options.drops.mask {
            true => Masked::Not,
            false => Masked::Known,
        },
        is_located: !options.drops.georef,
    };
    build(source, operation, cache)
}

/// `source` passed through an operation, all levels included.
pub(super) fn build(
    source: Arc<dyn Provider>,
    operation: Operation,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    let operation = Arc::new(operation);
    // From the top down, so that the image of a level has those of the levels above it.
    let mut above = VecDeque::new();
    for level in (1..source.image().levels.len() as u32).rev() {
        let own = source.level_image(level).map(|of_level| {
            let above = above.iter().cloned().collect();
            Operation::over(&operation, of_level, level, above)?.build(cache)
        });
        above.push_front(own.transpose()?);
    }
    Operation::over(&operation, source, 0, above.into())?.build(cache)
}

impl Operation {
    /// The operation over a level of the image that it was made over.
    fn over(
        self: &Arc<Self>,
        source: Arc<dyn Provider>,
        level: u32,
        above: Vec<Option<Arc<dyn Provider>>>,
    ) -> Result<Computed> {
        let mut image = self.image.clone();
        image.levels.clone_from(&source.image().levels);
        image.block = source.image().block;
        let located = source.image().georef.clone();
        image.georef = located.filter(|_| self.is_located);
        // The function may make use of the level that it is told, so a level of the output is another
        // image than the output of the level.
        let key = match level {
            0 => format!("{}:{}", source.key(), self.suffix),
            level => format!("{}:{}:of_level:{level}", source.key(), self.suffix),
        };
        let mask = match self.mask {
            Masked::Not => None,
            Masked::Beside => source.mask(),
            Masked::Known => known_mask(&source)?,
        };
        Ok(Computed {
            mask,
            sources: vec![source],
            work: Work::Kernel(self.clone()),
            level,
            key,
            image,
            above,
        })
    }
}

impl Kernel for Operation {
    fn inputs(&self, _at: Block) -> Inputs {
        smallvec![Input::same_block(0, self.source_bands.clone())]
    }

    fn compute(&self, at: Block, inputs: &[Tile], output: &mut PixelsMut<'_>) -> Result<()> {
        inputs
            .iter()
            .try_for_each(|input| self.map.map(at, input, output))
    }
}
