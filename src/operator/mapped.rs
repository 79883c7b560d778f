//! Mapped: every block passed through a function.

use crate::cache::{Cache, Claims, Counters, Scratch, Shelf, Usage, name_or_number};
use crate::dtype::{DType, Sample};
use crate::error::Result;
use crate::image::{Band, Bands, Block, Image};
use crate::layout::{Layout, Shape};
use crate::memory::PixelsMut;
use crate::pad::Pads;
use crate::provider::{Provider, Request, tile_bytes};
use crate::tile::{Pixels, Tile};
use std::sync::Arc;

/// A function from the pixels of a block to as many pixels, called from any number of threads.
pub trait Map: Send + Sync {
    /// Writes the output for `input`, the block `at`.
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
}

struct Mapped {
    source: Arc<dyn Provider>,
    source_bands: Bands,
    map: Arc<dyn Map>,
    key: String,
    image: Image,
    shelf: Shelf,
    pads: Pads,
    /// Levels with a grid of their own, mapped in their own blocks.
    levels: Vec<Option<Arc<dyn Provider>>>,
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
    if dtype != image.dtype {
        image.bits = (dtype.part().size() * 8) as u32;
        image.pad = Sample::from_f64(dtype, image.pad.to_f64(image.dtype));
        image.dtype = dtype;
    }
    build(
        source,
        source_bands,
        map,
        &format!("mapped:{name}"),
        image,
        cache,
    )
}

/// A mapped provider whose output is described by `image`, but for its levels and grid, which are
/// the source's.
pub(super) fn build(
    source: Arc<dyn Provider>,
    source_bands: Bands,
    map: Arc<dyn Map>,
    suffix: &str,
    image: Image,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    let mut image = image;
    image.levels.clone_from(&source.image().levels);
    image.block = source.image().block;
    image.windowed = false;
    image.bands_together = image.bands.len() > 1;
    image.check()?;
    let levels = (0..image.levels.len() as u32)
        .map(|level| match (level, source.level_image(level)) {
            (1.., Some(of_level)) => build(
                of_level,
                source_bands.clone(),
                map.clone(),
                suffix,
                image.clone(),
                cache,
            )
            .map(Some),
            _ => Ok(None),
        })
        .collect::<Result<_>>()?;
    let key = format!("{}:{suffix}", source.key());
    Ok(Arc::new(Mapped {
        shelf: Shelf::new(cache, &key, &image)?,
        pads: Pads::new(&image),
        source,
        source_bands,
        map,
        key,
        image,
        levels,
    }))
}

impl Mapped {
    fn claim_load(&self, at: Block, claims: &mut Claims) {
        claims.add(tile_bytes(&self.image, at, &Bands::ALL));
        self.source.claim(at, &self.source_bands, claims);
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
        self.source.has_block(at)
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        if self.image.sparse && !request.run(|| self.source.has_block(at))? {
            let count = bands.count(self.image.band_count());
            return self.pads.tile(self.image.block_shape(at, count)?);
        }
        // The function writes all bands of its output, whatever is asked for.
        let claim = |claims: &mut Claims| self.claim_load(at, claims);
        let whole = self
            .shelf
            .get_or_load(at, &Bands::ALL, request, claim, |_, request| {
                let scratch = Scratch::new(request.cache());
                let inner = request.with_memory(&scratch);
                let input = self.source.get_block(at, &self.source_bands, &inner)?;
                let shape = Shape {
                    bands: self.image.bands.len(),
                    ..input.shape()
                };
                let mut canvas = request.canvas(Layout::packed(shape, self.image.dtype)?)?;
                self.map
                    .map(at, &input, &mut canvas.pixels_mut())
                    .map_err(|error| error.at(&self.key))?;
                let (width, height) = input.valid();
                scratch.reclaim(input);
                let tile = Tile::from_canvas(canvas);
                Ok(tile.map(|pixels| pixels.clone().with_valid(width, height)))
            })?;
        self.shelf.select(at, whole, &Bands::ALL, bands, request)
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        self.shelf.peek(at, bands)
    }

    fn level_image(&self, level: u32) -> Option<Arc<dyn Provider>> {
        self.levels.get(level as usize)?.clone()
    }

    fn cache(&self) -> Option<&Cache> {
        self.shelf.cache()
    }

    fn claim(&self, at: Block, _bands: &Bands, claims: &mut Claims) {
        self.shelf.claim(at, &Bands::ALL, claims, |claims| {
            self.claim_load(at, claims);
        });
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, _bands: &Bands) {
        let mut absent = blocks.filter(|at| !self.shelf.contains(*at, &Bands::ALL));
        self.source.announce(&mut absent, &self.source_bands);
    }

    fn is_loading(&self, at: Block, _bands: &Bands) -> bool {
        self.shelf.is_loading(at, &Bands::ALL)
    }

    fn counters(&self) -> Counters {
        self.source.counters().under(self.shelf.counters())
    }

    fn usage(&self) -> Usage {
        self.shelf.usage()
    }
}
