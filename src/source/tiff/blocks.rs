//! Where the blocks of one directory lie in the file.

use super::directory::{Directory, Reader};
use super::encoding::Compression;
use super::plan::Plan;
use super::table::Table;
use super::tags;
use crate::error::{Error, Result};
use std::sync::OnceLock;

/// Offsets and byte counts of all blocks, plane by plane and row by row.
pub struct BlockTable {
    offsets: Table,
    /// Not there where the file does not say: a block then goes on as far as there is room.
    counts: Option<Table>,
    /// Byte counts that are all 0 say nothing.
    may_say_nothing: bool,
    /// Whether they do, once that was asked.
    says_nothing: OnceLock<bool>,
    /// Blocks of the image, of which tables may have fewer.
    blocks: u64,
    /// Blocks may be left out by their byte count alone.
    tiled: bool,
    /// Where the directory lies.
    directory: u64,
    reader: Reader,
}

/// A stored block: bytes that lie inside the file.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// Where the block begins.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
}

impl BlockTable {
    /// Finds the tables, which are bounded by the number of blocks and by the file.
    pub fn new(directory: &Directory, plan: &Plan) -> Result<Self> {
        let find = |tiles, strips| -> Result<Option<Table>> {
            let (first, second) = if plan.tiled {
                (tiles, strips)
            } else {
                (strips, tiles)
            };
            let limit = plan.block_count();
            Ok(match Table::of(directory, first, limit)? {
                // Some writers of tiles use the tags of strips.
                None => Table::of(directory, second, limit)?,
                table => table,
            })
        };
        let offsets = find(tags::TILE_OFFSETS, tags::STRIP_OFFSETS)?
            .filter(|offsets| offsets.len() > 0)
            .ok_or_else(|| Error::corrupt("the offsets of the blocks are missing"))?;
        let counts = find(tags::TILE_BYTE_COUNTS, tags::STRIP_BYTE_COUNTS)?;
        let counts = counts.filter(|counts| counts.len() > 0);
        let may_say_nothing = plan.compression == Compression::None || offsets.len() == 1;
        if counts.is_none() && !may_say_nothing {
            return Err(Error::corrupt("the byte counts of the blocks are missing"));
        }
        Ok(Self {
            offsets,
            counts,
            may_say_nothing,
            says_nothing: OnceLock::new(),
            blocks: plan.block_count(),
            tiled: plan.tiled,
            directory: directory.at,
            reader: directory.reader.clone(),
        })
    }

    /// Bytes of the tables that lie outside of the directory.
    pub fn bytes(&self) -> u64 {
        self.offsets.bytes() + self.counts.as_ref().map_or(0, Table::bytes)
    }

    /// What a user should know of tables that are too short.
    pub fn warning(&self) -> Option<String> {
        let Self { blocks, .. } = self;
        let is_short = |table: &&Table| table.len() < *blocks;
        if let Some(offsets) = Some(&self.offsets).filter(is_short) {
            let len = offsets.len();
            return Some(format!("only {len} of {blocks} blocks have an offset"));
        }
        let counts = self.counts.as_ref().filter(is_short)?;
        let len = counts.len();
        Some(format!("only {len} of {blocks} blocks have a byte count"))
    }

    /// Whether some block is not stored. Reads all of the tables.
    pub fn is_sparse(&self) -> Result<bool> {
        let is_zero = |number| number == 0;
        Ok(self.offsets.len() < self.blocks
            || self.offsets.any(&self.reader, is_zero)?
            || self.tiled
                && match &self.counts {
                    Some(counts) => counts.any(&self.reader, is_zero)? && !self.says_nothing()?,
                    None => false,
                })
    }

    /// Whether all offsets are 0, as far as there are any.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(!self.offsets.any(&self.reader, |offset| offset != 0)?)
    }

    /// Whether the byte counts, of which some are 0, say nothing where blocks are stored.
    fn says_nothing(&self) -> Result<bool> {
        let Some(counts) = self.counts.as_ref().filter(|_| self.may_say_nothing) else {
            return Ok(false);
        };
        if let Some(known) = self.says_nothing.get() {
            return Ok(*known);
        }
        let said = counts.any(&self.reader, |count| count != 0)?;
        Ok(*self.says_nothing.get_or_init(|| !said))
    }

    /// A block, or `None` where it is not stored; `plain` is what it takes without compression, if it
    /// has none.
    ///
    /// A block without offset and byte count is not stored, nor is one behind the end of the offsets. One behind
    /// the end of the byte counts goes on as far as there is room. Slide scanners leave tiles out by a byte
    /// count of 0 alone.
    pub fn get(&self, index: u64, plain: Option<u64>) -> Result<Option<Stored>> {
        let Some(offset) = self.offsets.get(index, &self.reader)? else {
            return Ok(None);
        };
        let said = match &self.counts {
            Some(counts) => match counts.get(index, &self.reader)? {
                Some(0) if self.says_nothing()? => None,
                said => said,
            },
            None => None,
        };
        match (offset, said) {
            (0, None | Some(0)) => return Ok(None),
            (_, Some(0)) if self.tiled => return Ok(None),
            (0, Some(len)) | (_, Some(len @ 0)) => {
                return Err(Error::corrupt(format!(
                    "a block of {len} bytes at offset {offset}"
                )));
            }
            _ => (),
        }
        let file_len = self.reader.bytes.len();
        let left = file_len.saturating_sub(offset);
        let len = match (plain, said) {
            // The size tells how long such a block is, if there is room for it.
            (Some(size), Some(len)) if len < size && self.room(index, offset)? < size => {
                len.min(left)
            }
            (Some(size), _) => size.min(left),
            (None, Some(len)) => len,
            (None, None) => self.room(index, offset)?,
        };
        if len > left || left == 0 {
            return Err(Error::corrupt(format!(
                "{} bytes at offset {offset} reach beyond the end of the file at {file_len}",
                said.unwrap_or(len).max(1)
            )));
        }
        Ok(Some(Stored { offset, len }))
    }

    /// Bytes from the beginning of a block to what is known to come next.
    fn room(&self, index: u64, offset: u64) -> Result<u64> {
        let next = self.offsets.get(index + 1, &self.reader)?;
        let known = [next, Some(self.directory), Some(self.reader.bytes.len())];
        let behind = known.into_iter().flatten().filter(|next| *next > offset);
        Ok(behind.min().unwrap_or(offset) - offset)
    }
}
