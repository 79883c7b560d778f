//! The one model that every source and every operator implements.

use crate::cache::{Cache, Counters, Moment, now};
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::layout::Layout;
use crate::memory::{Canvas, Memory};
use crate::tile::Tile;
use std::sync::Arc;

/// An image as a grid of blocks: a file, memory, callbacks, or an operator over another provider.
///
/// Consumers call [`get_block`], [`has_block`], [`peek_block`] and [`read_window`](crate::window),
/// which check their arguments once; the methods may rely on blocks, levels and bands that exist.
pub trait Provider: Send + Sync {
    /// The key under which caches know the image.
    fn key(&self) -> &str;

    /// What the image is; never changes.
    fn image(&self) -> &Image;

    /// Whether the block is stored; an absent one reads as pad.
    fn has_block(&self, _at: Block) -> Result<bool> {
        Ok(true)
    }

    /// The pixels of a block, all of them inside the image unless [`Image::padded`] says otherwise.
    ///
    /// New pixels go into memory from `request`; a tile that already exists is returned as it is.
    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile>;

    /// The block if it can be had without decoding or waiting; not a use for the eviction order.
    fn peek_block(&self, _at: Block, _bands: &Bands) -> Option<Tile> {
        None
    }

    /// A rectangle inside the image at a level, where that is possible without decoding all blocks
    /// it touches; `None` where it is not.
    fn get_window(
        &self,
        _level: u32,
        _rect: Rect,
        _bands: &Bands,
        _request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        Ok(None)
    }

    /// A rectangle of the image as a view of a caller's memory, without a copy, where that is possible.
    fn get_view(&self, _level: u32, _rect: Rect, _bands: &Bands) -> Option<Tile> {
        None
    }

    /// A level as an image of its own with the levels above it, where the level has a grid of its
    /// own; `None` where its blocks are those of level 0, halved.
    fn level_image(&self, _level: u32) -> Option<Arc<dyn Provider>> {
        None
    }

    /// Where the pixels are data, as an image of one u8 band, 0 or 255, on the same grid; `None`
    /// where the source says nothing beyond nodata values.
    fn mask(&self) -> Option<Arc<dyn Provider>> {
        None
    }

    /// The cache through which blocks are looked up.
    fn cache(&self) -> Option<&Cache> {
        None
    }

    /// Whether another thread is decoding this very block now, so that asking for it would wait.
    fn is_loading(&self, _at: Block, _bands: &Bands) -> bool {
        false
    }

    /// Whether the source has decoded this block before.
    fn was_decoded(&self, _at: Block) -> bool {
        false
    }

    /// What this provider has done so far.
    fn counters(&self) -> Counters {
        Counters::default()
    }
}

/// What a call passes down through all providers that serve it.
pub struct Request<'a> {
    memory: &'a dyn Allocate,
    begun: Moment,
}

/// Gives memory for new pixels.
pub trait Allocate: Sync {
    /// Zeroed or recycled memory of at least `len` bytes, in a canvas of `layout`.
    fn canvas(&self, layout: Layout) -> Result<Canvas>;

    /// The cache that counts the memory, if one does.
    fn cache(&self) -> Option<&Cache> {
        None
    }
}

/// Memory straight from the system, counted by no cache.
struct Uncounted;

impl Allocate for Uncounted {
    fn canvas(&self, layout: Layout) -> Result<Canvas> {
        Ok(Canvas::new(Memory::zeroed(layout.span())?, layout))
    }
}

impl<'a> Request<'a> {
    /// A request from outside: new pixels are counted by no cache.
    pub fn new() -> Request<'static> {
        Request {
            memory: &Uncounted,
            begun: now(),
        }
    }

    /// The same request, with new pixels in memory from `memory`.
    pub fn with_memory<'b>(&self, memory: &'b dyn Allocate) -> Request<'b> {
        Request { memory, ..*self }
    }

    /// When the request began: it gets the pixels of then or later ones.
    pub fn begun(&self) -> Moment {
        self.begun
    }

    /// A canvas for new pixels.
    pub fn canvas(&self, layout: Layout) -> Result<Canvas> {
        self.memory.canvas(layout)
    }

    /// The cache that counts the memory of new pixels, if one does.
    pub fn cache(&self) -> Option<&Cache> {
        self.memory.cache()
    }
}

impl Default for Request<'static> {
    fn default() -> Self {
        Self::new()
    }
}

/// [`Provider::get_block`] with its arguments checked.
pub fn get_block(provider: &dyn Provider, at: Block, bands: &Bands) -> Result<Tile> {
    provider.image().check_block(at, bands)?;
    provider.get_block(at, bands, &Request::new())
}

/// [`Provider::peek_block`] with its arguments checked.
pub fn peek_block(provider: &dyn Provider, at: Block, bands: &Bands) -> Result<Option<Tile>> {
    provider.image().check_block(at, bands)?;
    Ok(provider.peek_block(at, bands))
}

/// [`Provider::has_block`]: false outside the grid and for levels that do not exist.
pub fn has_block(provider: &dyn Provider, at: Block) -> Result<bool> {
    match provider.image().check_block(at, &Bands::ALL) {
        Ok(()) => provider.has_block(at),
        Err(_) => Ok(false),
    }
}
