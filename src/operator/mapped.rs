//! Mapped: every block passed through a function.

use super::own_block;
use crate::cache::{Cache, Claims, Counters, Scratch, Shelf, Usage, name_or_number};
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Band, Bands, Block, Image};
use crate::layout::{Layout, Shape};
use crate::load::nesting;
use crate::memory::{Canvas, Memory, PixelsMut};
use crate::pad::Pads;
use crate::provider::{Provider, Request, tile_bytes};
use crate::tile::{Pixels, Tile};
use crate::window::{claim_rect, read_tile};
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
}

struct Mapped {
    source: Arc<dyn Provider>,
    operation: Arc<Operation>,
    /// Where level 0 of this image stands among those of the image that the map was made over.
    level: u32,
    key: String,
    image: Image,
    shelf: Shelf,
    pads: Pads,
    height: u32,
    /// The levels above with a grid of their own, mapped in their own blocks; level 1 first.
    above: Vec<Option<Arc<dyn Provider>>>,
}

/// A function over the blocks of an image, and what becomes of the image.
pub(super) struct Operation {
    /// The bands that the function gets.
    pub source_bands: Bands,
    pub map: Arc<dyn Map>,
    /// What the key of the output has more than that of the source.
    pub suffix: String,
    /// Describes the output, but for its levels and its grid, which are the source's.
    pub image: Image,
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
        name = format!("{name}:bands:{}", list.join(","));
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
    image.bands = vec![Band::default(); bands as usize];
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
                let mapped = pad_through(&*map, source.image(), &source_bands, &image)?;
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
    };
    build(source, operation, cache)
}

/// What a function makes of one pixel of pad, if it is the same in all bands of `output`.
fn pad_through(
    map: &dyn Map,
    source: &Image,
    source_bands: &Bands,
    output: &Image,
) -> Result<Option<Sample>> {
    let canvas = |bands: usize, dtype| {
        let shape = Shape {
            width: 1,
            height: 1,
            bands,
        };
        let layout = Layout::packed(shape, dtype)?;
        Ok(Canvas::new(Memory::zeroed(layout.span())?, layout))
    };
    let mut input = canvas(source_bands.count(source.band_count()), source.dtype)?;
    input.pixels_mut().fill(&source.pad);
    let input = Tile::from_canvas(input).map(|pixels| pixels.clone().as_absent());
    let mut made = canvas(output.bands.len(), output.dtype)?;
    let at = Block::new(0, 0, 0);
    let write = || map.map(at, &input, &mut made.pixels_mut());
    if nesting::enter(1, write).is_err() {
        return Ok(None);
    }
    let made = Tile::from_canvas(made);
    let first = made.row(0, 0);
    let mut pad = Sample::default();
    pad.0[..first.len()].copy_from_slice(first);
    let is_same = (1..made.shape().bands).all(|band| made.row(band, 0) == first);
    Ok(is_same.then_some(pad))
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
            Mapped::new(of_level, operation.clone(), level, above, cache)
        });
        above.push_front(own.transpose()?);
    }
    Mapped::new(source, operation, 0, above.into(), cache)
}

impl Mapped {
    fn new(
        source: Arc<dyn Provider>,
        operation: Arc<Operation>,
        level: u32,
        above: Vec<Option<Arc<dyn Provider>>>,
        cache: Option<&Cache>,
    ) -> Result<Arc<dyn Provider>> {
        let mut image = operation.image.clone();
        image.levels.clone_from(&source.image().levels);
        image.block = source.image().block;
        image.windowed = false;
        image.bands_together = image.bands.len() > 1;
        image.check()?;
        // The function may make use of the level that it is told, so a level of the output is another
        // image than the output of the level.
        let key = match level {
            0 => format!("{}:{}", source.key(), operation.suffix),
            level => format!("{}:{}:of_level:{level}", source.key(), operation.suffix),
        };
        Ok(Arc::new(Mapped {
            shelf: Shelf::new(cache, &key, &image)?,
            pads: Pads::new(&image),
            height: nesting::above(source.height())?,
            source,
            operation,
            level,
            key,
            image,
            above,
        }))
    }

    /// The output of a block, all bands of it, which is what the function writes.
    fn make(&self, at: Block, request: &Request<'_>) -> Result<Tile> {
        let Operation {
            source_bands, map, ..
        } = &*self.operation;
        let scratch = Scratch::new(request.cache());
        let inner = request.with_memory(&scratch);
        let input = self.source.get_block(at, source_bands, &inner)?;
        let shape = Shape {
            bands: self.image.bands.len(),
            ..input.shape()
        };
        let mut canvas = request.canvas(Layout::packed(shape, self.image.dtype)?)?;
        let told = Block::new(self.level + at.level, at.row, at.col);
        map.map(told, &input, &mut canvas.pixels_mut())
            .map_err(|error| error.at(&self.key))?;
        let (width, height) = input.valid();
        scratch.reclaim(input);
        let tile = Tile::from_canvas(canvas);
        Ok(tile.map(|pixels| pixels.clone().with_valid(width, height)))
    }

    fn claim_load(&self, at: Block, claims: &mut Claims) {
        claims.add(tile_bytes(&self.image, at, &Bands::ALL));
        self.source.claim(at, &self.operation.source_bands, claims);
    }
}

impl Provider for Mapped {
    fn key(&self) -> &str {
        &self.key
    }

    fn image(&self) -> &Image {
        &self.image
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        if !self.image.sparse {
            return Ok(true);
        }
        self.source.has_block(at)
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        if self.image.sparse && !request.run(|| self.source.has_block(at))? {
            let count = bands.count(self.image.band_count());
            let pad = self.pads.tile(self.image.block_shape(at, count)?)?;
            let Rect { width, height, .. } = at.rect(&self.image);
            return Ok(pad.map(|pixels| {
                let pixels = pixels.clone();
                pixels.with_valid(width as usize, height as usize)
            }));
        }
        if let Some(own) = self.level_image(at.level) {
            return match self.shelf.get(at, bands, request)? {
                Some(tile) => Ok(tile),
                None => read_tile(&own, 0, at.rect(&self.image), bands, request),
            };
        }
        let claim = |claims: &mut Claims| self.claim_load(at, claims);
        let load = |_: &Bands, request: &Request<'_>| self.make(at, request);
        let whole = self
            .shelf
            .get_or_load(at, &Bands::ALL, request, claim, load)?;
        self.shelf.select(at, whole, &Bands::ALL, bands, request)
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        let peek_own = || {
            let own = self.level_image(at.level)?;
            own.peek_block(own_block(&*own, &at.rect(&self.image))?, bands)
        };
        self.shelf.peek(at, bands).or_else(peek_own)
    }

    fn level_image(&self, level: u32) -> Option<Arc<dyn Provider>> {
        self.above.get(level.checked_sub(1)? as usize)?.clone()
    }

    fn get_window(
        &self,
        _level: u32,
        _rect: Rect,
        _bands: &Bands,
        _request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        // The function makes whole blocks.
        Ok(None)
    }

    fn get_view(&self, _level: u32, _rect: Rect, _bands: &Bands) -> Option<Tile> {
        None
    }

    fn origin(&self, _level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        None
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        self.source.mask()
    }

    fn cache(&self) -> Option<&Cache> {
        self.shelf.cache()
    }

    fn is_kept_in(&self, cache: &Cache) -> bool {
        self.cache().is_some_and(|own| own.is(cache))
    }

    fn was_made(&self, at: Block) -> bool {
        self.source.was_made(at)
    }

    fn is_cancelled(&self) -> bool {
        self.source.is_cancelled()
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        if let Some(own) = self.level_image(at.level) {
            claims.add(tile_bytes(&self.image, at, bands));
            return claim_rect(&own, 0, at.rect(&self.image), bands, claims);
        }
        self.shelf.claim(at, &Bands::ALL, claims, |claims| {
            self.claim_load(at, claims);
        });
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, _bands: &Bands) {
        let mut absent = blocks.filter(|at| !self.shelf.contains(*at, &Bands::ALL));
        self.source
            .announce(&mut absent, &self.operation.source_bands);
    }

    fn is_loading(&self, at: Block, _bands: &Bands) -> bool {
        self.shelf.is_loading(at, &Bands::ALL)
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn counters(&self) -> Counters {
        self.source.counters().under(self.shelf.counters())
    }

    fn usage(&self) -> Usage {
        self.shelf.usage()
    }
}
