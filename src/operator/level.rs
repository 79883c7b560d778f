//! Level as image: one resolution level, with the levels above it, as an image of its own.

use super::inherit::drop_statistics;
use crate::cache::{Asking, Cache, Claims, Counters, Usage};
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::in_flight::BlockId;
use crate::load::nesting;
use crate::memory::Beside;
use crate::provider::{Provider, Request, tile_bytes};
use crate::tile::Tile;
use crate::window::{ask_rect, claim_rect, has_any, read_tile};
use std::sync::Arc;

/// A level whose blocks are those of level 0, halved, on a uniform grid.
struct Level {
    source: Arc<dyn Provider>,
    level: u32,
    key: String,
    image: Image,
    height: u32,
}

/// Level `level` of `source` as an image: with the overview's own grid where it has one, else on a
/// uniform grid of blocks halved as often.
pub fn level(source: Arc<dyn Provider>, level: u32) -> Result<Arc<dyn Provider>> {
    source.image().check_level(level)?;
    if level == 0 {
        return Ok(source);
    }
    if let Some(image) = source.level_image(level) {
        return Ok(image);
    }
    let mut image = source.image().clone();
    drop_statistics(&mut image.metadata);
    image.levels = source.image().levels_from(level);
    let located = image.georef.as_ref();
    image.georef = located.and_then(|all| all.from_level(level, image.levels.len()));
    image.block = (
        image.block.0.div_ceil(1 << level),
        image.block.1.div_ceil(1 << level),
    );
    image.padded = false;
    Ok(Arc::new(Level {
        key: format!("{}:level:{level}", source.key()),
        height: nesting::above(source.height())?,
        source,
        level,
        image,
    }))
}

impl Level {
    /// The source's own block, where it covers the same pixels.
    fn source_block(&self, at: Block) -> Option<Block> {
        let source = self.source.image();
        let same = Block::new(self.level + at.level, at.row, at.col);
        let grid = source.grid(same.level);
        (!source.padded
            && at.row < grid.rows()
            && at.col < grid.cols()
            && grid.rect(at.row, at.col) == at.rect(&self.image))
        .then_some(same)
    }
}

impl Level {
    /// Whether all blocks are the source's own.
    fn has_blocks_of_source(&self) -> bool {
        let (width, height) = self.source.image().block;
        let side = 1 << self.level;
        !self.source.image().padded && width % side == 0 && height % side == 0
    }
}

impl Provider for Level {
    fn key(&self) -> &str {
        &self.key
    }

    fn image(&self) -> &Image {
        &self.image
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        match self.source_block(at) {
            Some(block) => self.source.has_block(block),
            None => {
                let rect = at.rect(&self.image);
                has_any(&*self.source, self.level + at.level, &rect)
            }
        }
    }

    fn hit(&self, at: &Block) -> Option<Tile> {
        match self.has_blocks_of_source() {
            true => {
                let level = self.level + at.level;
                self.source.hit(&Block::new(level, at.row, at.col))
            }
            false => None,
        }
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        match self.source_block(at) {
            Some(block) => self.source.get_block(block, bands, request),
            None => {
                let rect = at.rect(&self.image);
                read_tile(&self.source, self.level + at.level, rect, bands, request)
            }
        }
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        match self.source_block(at) {
            Some(block) => self.source.claim(block, bands, claims),
            None => {
                claims.add(tile_bytes(&self.image, at, bands));
                let rect = at.rect(&self.image);
                claim_rect(&self.source, self.level + at.level, rect, bands, claims);
            }
        }
    }

    fn get_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        let level = self.level + level;
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
        let level = self.level + level;
        self.source.write_beside(level, rect, bands, into, request)
    }

    fn get_view(&self, level: u32, rect: Rect, bands: &Bands) -> Option<Tile> {
        self.source.get_view(self.level + level, rect, bands)
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        self.source.peek_block(self.source_block(at)?, bands)
    }

    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        self.source
            .try_block(self.source_block(at)?, bands, request)
    }

    fn level_image(&self, level: u32) -> Option<Arc<dyn Provider>> {
        self.source.level_image(self.level + level)
    }

    fn cache(&self) -> Option<&Cache> {
        self.source.cache().filter(|_| self.has_blocks_of_source())
    }

    fn is_kept_in(&self, cache: &Cache) -> bool {
        self.has_blocks_of_source() && self.source.is_kept_in(cache)
    }

    fn was_made(&self, at: Block) -> bool {
        self.source_block(at)
            .is_some_and(|block| self.source.was_made(block))
    }

    fn is_cancelled(&self) -> bool {
        self.source.is_cancelled()
    }

    fn origin(&self, level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        Some((self.source.clone(), self.level + level))
    }

    fn beneath_part(
        &self,
        at: Block,
        part: &Rect,
        bands: &Bands,
    ) -> Option<(Arc<dyn Provider>, u32)> {
        let block = self.source_block(at)?;
        self.source.beneath_part(block, part, bands)
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        level(self.source.mask()?, self.level).ok()
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands) {
        let mut own = blocks.filter_map(|at| self.source_block(at));
        self.source.announce(&mut own, bands);
    }

    fn ask(&self, at: Block, bands: &Bands, asking: &mut Asking<'_>) {
        match self.source_block(at) {
            Some(block) => self.source.ask(block, bands, asking),
            None => {
                let rect = at.rect(&self.image);
                ask_rect(&self.source, self.level + at.level, &rect, bands, asking);
            }
        }
    }

    fn block_id(&self, at: Block) -> Option<BlockId> {
        self.source.block_id(self.source_block(at)?)
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
