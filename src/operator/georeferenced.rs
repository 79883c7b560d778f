//! Georeferenced: the same image, said to lie elsewhere on the ground.

use crate::cache::{Asking, Cache, Claims, Counters, Usage};
use crate::error::Result;
use crate::geometry::Rect;
use crate::georef::Located;
use crate::image::{Bands, Block, Image};
use crate::in_flight::BlockId;
use crate::load::nesting;
use crate::memory::Beside;
use crate::provider::{Provider, Request};
use crate::tile::Tile;
use std::sync::Arc;

/// A transparent provider: all but the place is the source's.
struct Georeferenced {
    source: Arc<dyn Provider>,
    image: Image,
    height: u32,
}

/// `source`, of which `georef` and nothing else says where it lies. It has the source's key, and shares its tiles.
pub fn georeferenced(
    source: Arc<dyn Provider>,
    georef: Option<Located>,
) -> Result<Arc<dyn Provider>> {
    let image = Image {
        georef,
        ..source.image().clone()
    };
    Ok(Arc::new(Georeferenced {
        height: nesting::above(source.height())?,
        source,
        image,
    }))
}

impl Provider for Georeferenced {
    fn key(&self) -> &str {
        self.source.key()
    }

    fn image(&self) -> &Image {
        &self.image
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        self.source.has_block(at)
    }

    fn hit(&self, at: &Block) -> Option<Tile> {
        self.source.hit(at)
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        self.source.get_block(at, bands, request)
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        self.source.peek_block(at, bands)
    }

    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        self.source.try_block(at, bands, request)
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

    fn write_beside(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        into: &mut [Beside<'_>],
        request: &Request<'_>,
    ) -> Result<()> {
        self.source.write_beside(level, rect, bands, into, request)
    }

    fn get_view(&self, level: u32, rect: Rect, bands: &Bands) -> Option<Tile> {
        self.source.get_view(level, rect, bands)
    }

    fn level_image(&self, level: u32) -> Option<Arc<dyn Provider>> {
        let of_level = self.source.level_image(level)?;
        let count = of_level.image().levels.len();
        let georef = self.image.georef.as_ref();
        let located = georef.and_then(|all| all.from_level(level, count));
        georeferenced(of_level, located).ok()
    }

    fn origin(&self, level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        self.source.origin(level)
    }

    fn beneath_part(
        &self,
        at: Block,
        part: &Rect,
        bands: &Bands,
    ) -> Option<(Arc<dyn Provider>, u32)> {
        self.source.beneath_part(at, part, bands)
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        self.source.mask()
    }

    fn cache(&self) -> Option<&Cache> {
        self.source.cache()
    }

    fn is_kept_in(&self, cache: &Cache) -> bool {
        self.source.is_kept_in(cache)
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands) {
        self.source.announce(blocks, bands);
    }

    fn ask(&self, at: Block, bands: &Bands, asking: &mut Asking<'_>) {
        self.source.ask(at, bands, asking);
    }

    fn block_id(&self, at: Block) -> Option<BlockId> {
        self.source.block_id(at)
    }

    fn was_made(&self, at: Block) -> bool {
        self.source.was_made(at)
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        self.source.claim(at, bands, claims);
    }

    fn is_cancelled(&self) -> bool {
        self.source.is_cancelled()
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn counters(&self) -> Counters {
        self.source.counters()
    }

    fn usage(&self) -> Usage {
        self.source.usage()
    }
}
