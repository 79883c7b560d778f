//! A caller's array as an image: every block and every window is a view of it.

use super::source_key;
use crate::cache::{Asking, Cache, Claims, Counters, Usage};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::in_flight::BlockId;
use crate::memory::Beside;
use crate::provider::{Provider, Request, tile_bytes};
use crate::tile::{Pixels, Tile};
use std::sync::Arc;

/// An image of one level in memory whose layout tiles can have.
pub struct MemorySource {
    key: String,
    image: Image,
    pixels: Pixels,
}

impl MemorySource {
    /// A provider of `pixels`, which must be what `image` says.
    pub fn provider(name: Option<&str>, image: Image, pixels: Pixels) -> Result<Arc<dyn Provider>> {
        image.check()?;
        let shape = pixels.shape();
        let fits = image.levels.len() == 1
            && (image.width(), image.height()) == (shape.width as u64, shape.height as u64)
            && image.bands.len() == shape.bands
            && image.dtype == pixels.dtype();
        if !fits {
            return Err(Error::argument(format!(
                "{} x {} pixels of {} bands of {} for an image of {} x {} pixels, {} bands of {} and {} levels",
                shape.width,
                shape.height,
                shape.bands,
                pixels.dtype().name(),
                image.width(),
                image.height(),
                image.bands.len(),
                image.dtype.name(),
                image.levels.len()
            )));
        }
        Ok(Arc::new(Self {
            key: source_key(name)?,
            image,
            pixels,
        }))
    }
}

impl Provider for MemorySource {
    fn key(&self) -> &str {
        &self.key
    }

    fn image(&self) -> &Image {
        &self.image
    }

    fn hit(&self, _at: &Block) -> Option<Tile> {
        None
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        self.view(at.rect(&self.image))
            .select(&bands.to_vec(self.image.band_count()), |layout| {
                request.canvas(layout)
            })
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        let bands = bands.to_vec(self.image.band_count());
        let view = self.view(at.rect(&self.image)).bands(&bands)?;
        Some(Tile::hold(view))
    }

    fn try_block(&self, at: Block, bands: &Bands, _request: &Request<'_>) -> Option<Tile> {
        self.peek_block(at, bands)
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

    fn get_view(&self, _level: u32, rect: Rect, bands: &Bands) -> Option<Tile> {
        let bands = bands.to_vec(self.image.band_count());
        self.view(rect).bands(&bands).map(Tile::hold)
    }

    fn has_block(&self, _at: Block) -> Result<bool> {
        Ok(true)
    }

    fn get_window(
        &self,
        _level: u32,
        _rect: Rect,
        _bands: &Bands,
        _request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        Ok(None)
    }

    fn level_image(&self, _level: u32) -> Option<Arc<dyn Provider>> {
        None
    }

    fn origin(&self, _level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        None
    }

    fn beneath_part(&self, _: Block, _: &Rect, _: &Bands) -> Option<(Arc<dyn Provider>, u32)> {
        None
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        None
    }

    fn cache(&self) -> Option<&Cache> {
        None
    }

    fn is_kept_in(&self, _cache: &Cache) -> bool {
        false
    }

    fn announce(&self, _blocks: &mut dyn Iterator<Item = Block>, _bands: &Bands) {}

    fn ask(&self, _at: Block, _bands: &Bands, _asking: &mut Asking<'_>) {
        // What is kept of it is kept by others.
    }

    fn block_id(&self, _at: Block) -> Option<BlockId> {
        None
    }

    fn was_made(&self, _at: Block) -> bool {
        false
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        claims.add(tile_bytes(&self.image, at, bands));
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn height(&self) -> u32 {
        1
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

impl MemorySource {
    fn view(&self, rect: Rect) -> Tile {
        // The rectangle lies inside the image, whose sides are those of an array in memory.
        Tile::hold(self.pixels.window(
            rect.x as usize,
            rect.y as usize,
            rect.width as usize,
            rect.height as usize,
        ))
    }
}
