//! What tiles are stitched from: by this the books know which of them cost little to make again.

use crate::geometry::Grid;
use crate::image::Block;
use std::sync::Arc;

/// The blocks under the tiles of one level of a key.
#[derive(Clone, Debug)]
pub struct SourceBlocks {
    /// The key of the blocks.
    pub key: Arc<str>,
    /// The level of the key's image that has them.
    pub level: u32,
    /// The grid of that level.
    pub blocks: Grid,
    /// The grid of the tiles.
    pub tiles: Grid,
}

impl SourceBlocks {
    /// The blocks under a tile.
    pub fn under(&self, tile: Block) -> impl Iterator<Item = Block> {
        let level = self.level;
        let cells = self.blocks.cells_over(&self.tiles.rect(tile.row, tile.col));
        cells.map(move |(row, col)| Block::new(level, row, col))
    }
}
