//! By option: what is cheap to make again goes before what is costly.

use super::Store;
use crate::cache::eviction_order::{Place, Slot};
use crate::cache::index::Cell;
use crate::cache::key::KeyId;
use crate::cache::source_blocks::SourceBlocks;
use crate::geometry::Grid;
use crate::image::Block;

impl Store {
    /// From now on the books know what the tiles of a key are stitched from, level by level; `None`
    /// where they are not, or where nothing in this cache keeps the blocks.
    pub fn set_source_blocks(&mut self, key: KeyId, source_blocks: Vec<Option<SourceBlocks>>) {
        self.keys[key as usize].source_blocks = source_blocks.into();
        self.charge_key_anew(key);
    }

    /// From now on the books know which blocks a key may keep beside its tiles.
    pub fn set_kept_blocks(&mut self, key: KeyId, grids: Box<[Box<[Grid]>]>) {
        self.keys[key as usize].kept_blocks = grids;
        self.charge_key_anew(key);
    }

    /// Where a tile of a key stands in line once it is used, or used again.
    pub(super) fn place_in_use(&self, key: KeyId, level: u32, is_again: bool) -> Place {
        match self.source_blocks(key, level) {
            Some(_) => Place::Cheap,
            None => self.place_by_uses(is_again),
        }
    }

    /// Where a buffer stands in line once it is used.
    pub(super) fn place_of_used(&self, slot: Slot) -> Place {
        let record = &self.records[slot as usize];
        let cell = self.index.cell(record.first_entry);
        self.place_in_use(cell.key, cell.level, record.is_again)
    }

    /// Whether all blocks from which a buffer's tile would be stitched again are resident now.
    pub(super) fn is_cheap(&self, slot: Slot) -> bool {
        let (cell, form) = self.index.place(self.records[slot as usize].first_entry);
        let Some(source_blocks) = self.source_blocks(cell.key, cell.level) else {
            return false;
        };
        let Some(source) = self.find_key(&source_blocks.key) else {
            return false;
        };
        let all = self.keys[source as usize].band_count();
        let is_resident = |block: Block| {
            let block = Cell::new(source, block);
            self.index.contains(&block, &form.bands, all)
        };
        source_blocks.under(cell.block()).all(is_resident)
    }

    fn source_blocks(&self, key: KeyId, level: u32) -> Option<&SourceBlocks> {
        let source_blocks = &self.keys[key as usize].source_blocks;
        source_blocks.get(level as usize)?.as_ref()
    }
}
