//! Cached: the same image, with its blocks kept in a cache.

use crate::cache::{Cache, Claims, Counters, Shelf, Usage};
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::provider::{Provider, Request, tile_bytes};
use crate::tile::Tile;
use crate::window::{claim_rect, read_tile};
use std::sync::Arc;

/// A transparent provider: key and properties are the source's.
struct Cached {
    source: Arc<dyn Provider>,
    shelf: Shelf,
    /// Levels with a grid of their own, cached in their own blocks.
    levels: Vec<Option<Arc<dyn Provider>>>,
}

/// `source` with its blocks in `cache`; itself where they are kept there already, because a load that
/// looked for its own block under its own key would wait for itself. Refused if the cache knows the
/// key for another image.
pub fn cached(source: Arc<dyn Provider>, cache: &Cache) -> Result<Arc<dyn Provider>> {
    if source.is_kept_in(cache) {
        return Ok(source);
    }
    let levels = (0..source.image().levels.len() as u32)
        .map(|level| match (level, source.level_image(level)) {
            (1.., Some(image)) => cached(image, cache).map(Some),
            _ => Ok(None),
        })
        .collect::<Result<_>>()?;
    Ok(Arc::new(Cached {
        shelf: Shelf::new(Some(cache), source.key(), source.image())?,
        source,
        levels,
    }))
}

impl Provider for Cached {
    fn key(&self) -> &str {
        self.source.key()
    }

    fn image(&self) -> &Image {
        self.source.image()
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        self.source.has_block(at)
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        if let Some(level) = &self.levels[at.level as usize] {
            return read_tile(level, 0, at.rect(self.image()), bands, request);
        }
        self.shelf.get_or_load(
            at,
            bands,
            request,
            |claims| self.source.claim(at, bands, claims),
            |bands, request| self.source.get_block(at, bands, request),
        )
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        if let Some(level) = &self.levels[at.level as usize] {
            claims.add(tile_bytes(self.image(), at, bands));
            return claim_rect(level, 0, at.rect(self.image()), bands, claims);
        }
        self.shelf.claim(at, bands, claims, |claims| {
            self.source.claim(at, bands, claims);
        });
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        self.shelf.peek(at, bands)
    }

    fn get_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        self.source.get_window(level, rect, bands, request)
    }

    fn get_view(&self, level: u32, rect: Rect, bands: &Bands) -> Option<Tile> {
        self.source.get_view(level, rect, bands)
    }

    fn level_image(&self, level: u32) -> Option<Arc<dyn Provider>> {
        self.levels.get(level as usize)?.clone()
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        self.source.mask()
    }

    fn cache(&self) -> Option<&Cache> {
        self.shelf.cache()
    }

    fn is_kept_in(&self, cache: &Cache) -> bool {
        self.shelf.cache().is_some_and(|own| own.is(cache)) || self.source.is_kept_in(cache)
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands) {
        let mut absent = blocks.filter(|at| !self.shelf.contains(*at, bands));
        self.source.announce(&mut absent, bands);
    }

    fn is_loading(&self, at: Block, bands: &Bands) -> bool {
        self.shelf.is_loading(at, bands)
    }

    fn was_decoded(&self, at: Block) -> bool {
        self.source.was_decoded(at)
    }

    fn counters(&self) -> Counters {
        self.source.counters().under(self.shelf.counters())
    }

    fn usage(&self) -> Usage {
        self.shelf.usage()
    }
}
