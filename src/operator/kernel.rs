//! Kernels: an operator as what it needs for a block and a function of that. All else that a provider is
//! follows here, once for all of them.

use super::fold::{self, Fold, fold};
use super::input::{Input, Inputs, Needed};
use super::siblings::Served;
use super::streamed::Streamed;
use super::{own_block, plane};
use crate::cache::{
    Asking, Cache, Claims, Counters, Namespace, Scratch, Usage, compute_key, name_or_number, title,
};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::in_flight::BlockId;
use crate::layout::Layout;
use crate::load::nesting;
use crate::memory::{Beside, PixelsMut};
use crate::pad::Pads;
use crate::provider::{Provider, Request, tile_bytes};
use crate::tile::Tile;
use crate::window::{ask_rect, claim_rect, has_any, read_tile};
use std::sync::Arc;

/// Of so many blocks with several inputs a source hears at once.
const MOST_ANNOUNCED: usize = 1024;

/// What an operator computes; called from any number of threads.
///
/// The output of a block depends on its place and on the pixels of its inputs, and on nothing else.
pub trait Kernel: Send + Sync {
    /// What the block `at` of the output is made from.
    fn inputs(&self, at: Block) -> Inputs;

    /// Writes all bands of the block `at`, given the pixels of its inputs in their order.
    fn compute(&self, at: Block, inputs: &[Tile], output: &mut PixelsMut<'_>) -> Result<()>;
}

/// How the blocks of an operator come about.
pub(super) enum Work {
    /// From all pixels of their inputs at once.
    Kernel(Arc<dyn Kernel>),
    /// From one part of them after the other.
    Fold(Arc<dyn Fold>),
    /// From rows of what lies beneath their inputs.
    Streamed(Arc<dyn Streamed>),
}

/// An image that a kernel computes from others.
pub(super) struct Computed {
    pub sources: Vec<Arc<dyn Provider>>,
    pub work: Work,
    /// Where level 0 of this image stands among the levels that the kernel is told.
    pub level: u32,
    pub key: String,
    pub image: Image,
    /// Where its pixels are data, if more than nodata values tell.
    pub mask: Option<Arc<dyn Provider>>,
    /// The levels above with a grid of their own, computed in their own blocks; level 1 first.
    pub above: Vec<Option<Arc<dyn Provider>>>,
}

/// The provider over a kernel.
struct Operator {
    parts: Computed,
    namespace: Namespace,
    pads: Pads,
    /// Which blocks were made in the pass that is going on.
    made: Arc<Served>,
    /// Rows and columns of blocks.
    grid: (u64, u64),
    /// The levels before the first with a grid of its own.
    own_levels: u32,
    height: u32,
}

/// The image described by `image`, computed by `kernel` from `sources`, which its inputs name by their
/// place; the blocks are kept in `cache`, if there is one.
///
/// `name` is the kernel's in the key, and says with the sources which pixels come out; without one it is
/// told apart from all others. A block of a sparse image is absent where no input of it is stored.
pub fn computed(
    sources: Vec<Arc<dyn Provider>>,
    image: Image,
    name: Option<&str>,
    kernel: Arc<dyn Kernel>,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    Computed::new(sources, image, name, Work::Kernel(kernel))?.build(cache)
}

/// [`computed`] of a fold, which never holds its inputs: of them one block, or a part of one, is in flight at
/// a time.
pub fn folded(
    sources: Vec<Arc<dyn Provider>>,
    image: Image,
    name: Option<&str>,
    fold: Arc<dyn Fold>,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    Computed::new(sources, image, name, Work::Fold(fold))?.build(cache)
}

impl Computed {
    fn new(
        sources: Vec<Arc<dyn Provider>>,
        image: Image,
        name: Option<&str>,
        work: Work,
    ) -> Result<Self> {
        let keys = sources.iter().map(|source| source.key());
        Ok(Computed {
            key: compute_key(&name_or_number(name), keys)?,
            work,
            level: 0,
            image,
            mask: None,
            above: Vec::new(),
            sources,
        })
    }

    pub(super) fn build(mut self, cache: Option<&Cache>) -> Result<Arc<dyn Provider>> {
        self.image.windowed = false;
        self.image.in_place = false;
        self.image.plain = false;
        self.image.bands_together = self.image.bands.len() > 1;
        self.image.picks_bands = false;
        self.image.check()?;
        if self.sources.is_empty() {
            return Err(Error::argument("an operator without a source"));
        }
        // Levels with a grid of their own are kept under keys of their own.
        let mut kept = self.image.clone();
        let apart = self.above.iter().position(Option::is_some);
        kept.levels
            .truncate(apart.map_or(usize::MAX, |above| above + 1));
        let namespace = Namespace::new(cache, &self.key, &kept)?;
        let grid = self.image.grid(0);
        let read = match &self.work {
            Work::Streamed(streamed) => streamed.height(),
            Work::Kernel(_) | Work::Fold(_) => 0,
        };
        let highest = self.sources.iter().map(|source| source.height()).max();
        Ok(Arc::new(Operator {
            height: nesting::above(highest.unwrap_or(0).max(read))?,
            made: namespace.companion(),
            namespace,
            pads: Pads::new(&self.image),
            grid: (grid.rows(), grid.cols()),
            own_levels: kept.levels.len() as u32,
            parts: self,
        }))
    }
}

impl Operator {
    /// A block as the kernel is told of it.
    fn told(&self, at: Block) -> Block {
        Block::new(self.parts.level + at.level, at.row, at.col)
    }

    /// What a block is made from.
    fn inputs(&self, at: Block) -> Inputs {
        match &self.parts.work {
            Work::Kernel(kernel) => kernel.inputs(self.told(at)),
            Work::Fold(fold) => fold.inputs(self.told(at)),
            Work::Streamed(streamed) => streamed.inputs(self.told(at)),
        }
    }

    /// A block, all bands of it, which is what a kernel writes.
    fn make(&self, at: Block, request: &Request<'_>) -> Result<Tile> {
        let Computed {
            sources,
            image,
            work,
            ..
        } = &self.parts;
        let scratch = Scratch::new(request.cache());
        let inner = request.with_memory(&scratch);
        let shape = image.block_shape(at, image.bands.len())?;
        let layout = Layout::packed(shape, image.dtype)?;
        let own = |error: Error| error.at(format!("{}: {at}", title(&self.parts.key)));
        let canvas = match work {
            Work::Kernel(kernel) => {
                let inputs = self.inputs(at);
                let pixels: Vec<Tile> = inputs
                    .iter()
                    .map(|input| input.read(&sources[input.source], at, &inner))
                    .collect::<Result<_>>()?;
                let mut canvas = request.canvas(layout)?;
                kernel
                    .compute(self.told(at), &pixels, &mut canvas.pixels_mut())
                    .map_err(own)?;
                pixels.into_iter().for_each(|tile| scratch.reclaim(tile));
                canvas
            }
            Work::Fold(kernel) => {
                let mut folding = kernel.begin(self.told(at)).map_err(own)?;
                fold(&mut *folding, sources, &self.inputs(at), at, &inner)?;
                let mut canvas = request.canvas(layout)?;
                folding.end(&mut canvas.pixels_mut()).map_err(own)?;
                canvas
            }
            Work::Streamed(streamed) => {
                let mut canvas = request.canvas(layout)?;
                streamed.make(self.told(at), &inner, &scratch, &mut canvas.pixels_mut())?;
                canvas
            }
        };
        self.made.note(self.grid, at);
        Ok(self.cut_to_image(at, &Tile::from_canvas(canvas)))
    }

    /// A block that says how much of it lies inside the image.
    fn cut_to_image(&self, at: Block, tile: &Tile) -> Tile {
        let rect = at.rect(&self.parts.image);
        let (width, height) = (rect.width as usize, rect.height as usize);
        tile.map(|pixels| pixels.clone().with_valid(width, height))
    }

    fn claim_load(&self, at: Block, claims: &mut Claims) {
        claims.add(tile_bytes(&self.parts.image, at, &Bands::ALL));
        if let Work::Streamed(streamed) = &self.parts.work {
            return streamed.claim(self.told(at), claims);
        }
        for input in self.inputs(at) {
            let source = &self.parts.sources[input.source];
            match self.parts.work {
                Work::Kernel(_) => input.claim(source, at, claims),
                _ => fold::claim(&input, source, at, claims),
            }
        }
    }
}

impl Operator {
    /// Tells a source that one input of several blocks is about to be read; `first` is that of the first.
    fn announce_input(&self, place: usize, first: &Input, blocks: &mut dyn Iterator<Item = Block>) {
        let source = &self.parts.sources[first.source];
        let Needed::Area(area) = first.pixels else {
            return source.announce(blocks, &first.bands);
        };
        let (provider, level) = plane(source, area.level);
        let grid = provider.image().grid(level);
        let rects = blocks.filter_map(|at| self.inputs(at).get(place)?.rect(&**source));
        let mut cells = rects.flat_map(|rect| {
            let cells = grid.cells_over(&rect).collect::<Vec<_>>();
            cells
                .into_iter()
                .map(|(row, col)| Block::new(level, row, col))
        });
        provider.announce(&mut cells, &first.bands);
    }
}

impl Provider for Operator {
    fn key(&self) -> &str {
        &self.parts.key
    }

    fn image(&self) -> &Image {
        &self.parts.image
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        if !self.image().sparse {
            return Ok(true);
        }
        if let Some(own) = self.level_image(at.level) {
            return has_any(&*own, 0, &at.rect(self.image()));
        }
        if let Work::Streamed(streamed) = &self.parts.work {
            // What is resident need not be looked for far beneath.
            return Ok(
                self.namespace.contains(at, &Bands::ALL) || streamed.is_stored(self.told(at))?
            );
        }
        for input in self.inputs(at) {
            if input.is_stored(&*self.parts.sources[input.source], at)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn hit(&self, at: &Block) -> Option<Tile> {
        // A sparse image says first whether it has the block.
        match self.image().sparse || at.level >= self.own_levels {
            true => None,
            false => self.namespace.hit(at),
        }
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        let image = self.image();
        if image.sparse && !request.run(|| self.has_block(at))? {
            let count = bands.count(image.band_count());
            let pad = self.pads.tile(image.block_shape(at, count)?)?;
            return Ok(self.cut_to_image(at, &pad));
        }
        if let Some(own) = self.level_image(at.level) {
            return read_tile(&own, 0, at.rect(image), bands, request);
        }
        let claim = |claims: &mut Claims| self.claim_load(at, claims);
        let load = |_: &Bands, request: &Request<'_>| self.make(at, request);
        let whole = self
            .namespace
            .get_or_load(at, &Bands::ALL, request, claim, load)?;
        self.namespace
            .select(at, whole, &Bands::ALL, bands, request)
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        let Some(own) = self.level_image(at.level) else {
            return self.namespace.peek(at, bands);
        };
        own.peek_block(own_block(&*own, &at.rect(self.image()))?, bands)
    }

    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        let Some(own) = self.level_image(at.level) else {
            return self.namespace.try_get(at, bands, request);
        };
        own.try_block(own_block(&*own, &at.rect(self.image()))?, bands, request)
    }

    fn get_window(
        &self,
        _level: u32,
        _rect: Rect,
        _bands: &Bands,
        _request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        // A kernel makes whole blocks.
        Ok(None)
    }

    fn write_beside(
        &self,
        _level: u32,
        _rect: Rect,
        _bands: &Bands,
        _into: &mut [Beside<'_>],
        _request: &Request<'_>,
    ) -> Result<()> {
        Err(Error::internal("pixels that come in blocks alone"))
    }

    fn get_view(&self, _level: u32, _rect: Rect, _bands: &Bands) -> Option<Tile> {
        None
    }

    fn level_image(&self, level: u32) -> Option<Arc<dyn Provider>> {
        let above = level.checked_sub(1)? as usize;
        self.parts.above.get(above)?.clone()
    }

    fn origin(&self, _level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        None
    }

    fn beneath_part(&self, _: Block, _: &Rect, _: &Bands) -> Option<(Arc<dyn Provider>, u32)> {
        None
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        self.parts.mask.clone()
    }

    fn cache(&self) -> Option<&Cache> {
        self.namespace.cache()
    }

    fn is_kept_in(&self, cache: &Cache) -> bool {
        self.cache().is_some_and(|own| own.is(cache))
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        if let Some(own) = self.level_image(at.level) {
            claims.add(tile_bytes(self.image(), at, bands));
            return claim_rect(&own, 0, at.rect(self.image()), bands, claims);
        }
        self.namespace.claim(at, &Bands::ALL, claims, |claims| {
            self.claim_load(at, claims);
        });
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, _bands: &Bands) {
        if matches!(self.parts.work, Work::Streamed(_)) {
            // It tells of each part of its sources when it comes there.
            return;
        }
        let is_absent = |at: &Block| !self.namespace.contains(*at, &Bands::ALL);
        let mut blocks = blocks.filter(is_absent).peekable();
        let Some(inputs) = blocks.peek().map(|at| self.inputs(*at)) else {
            return;
        };
        if let [input] = &inputs[..] {
            return self.announce_input(0, input, &mut blocks);
        }
        let blocks: Vec<Block> = blocks.take(MOST_ANNOUNCED).collect();
        for (place, input) in inputs.iter().enumerate() {
            self.announce_input(place, input, &mut blocks.iter().copied());
        }
    }

    fn ask(&self, at: Block, bands: &Bands, asking: &mut Asking<'_>) {
        if let Some(own) = self.level_image(at.level) {
            return ask_rect(&own, 0, &at.rect(self.image()), bands, asking);
        }
        asking.where_missing(&self.namespace, self.image(), at, &Bands::ALL, |asking| {
            if let Work::Streamed(streamed) = &self.parts.work {
                asking.note_positions(streamed.positions(self.told(at)));
            }
            for input in self.inputs(at) {
                let source = &self.parts.sources[input.source];
                match (&input.pixels, input.rect(&**source)) {
                    (Needed::Area(area), Some(rect)) => {
                        ask_rect(source, area.level, &rect, &input.bands, asking);
                    }
                    (Needed::Area(_), None) => (),
                    (Needed::SameBlock, _) => source.ask(at, &input.bands, asking),
                }
            }
        });
    }

    fn block_id(&self, at: Block) -> Option<BlockId> {
        match self.level_image(at.level) {
            Some(_) => None,
            None => Some(self.namespace.block_id(at)),
        }
    }

    fn was_made(&self, at: Block) -> bool {
        self.made.contains(self.grid, at)
    }

    fn is_cancelled(&self) -> bool {
        let mut sources = self.parts.sources.iter();
        sources.any(|source| source.is_cancelled())
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn counters(&self) -> Counters {
        let sources = self.parts.sources.iter().map(|source| source.counters());
        let below = sources.reduce(Counters::plus).unwrap_or_default();
        below.under(self.namespace.counters())
    }

    fn usage(&self) -> Usage {
        self.namespace.usage()
    }
}
