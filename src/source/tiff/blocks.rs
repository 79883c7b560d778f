//! Where the blocks of one directory lie in the file.

use super::directory::Directory;
use super::plan::{Compression, Plan};
use super::tags;
use crate::error::{Error, Result};

/// Offsets and byte counts of all blocks, plane by plane and row by row.
pub struct BlockTable {
    offsets: Vec<u64>,
    /// Empty where the file does not say: a block then goes on to the end of the file at most.
    counts: Vec<u64>,
    file_len: u64,
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
    /// Reads the tables, which are bounded by the number of blocks and by the file.
    pub fn read(directory: &Directory, plan: &Plan) -> Result<Self> {
        let read = |tiles, strips| -> Result<Option<Vec<u64>>> {
            let (first, second) = if plan.tiled {
                (tiles, strips)
            } else {
                (strips, tiles)
            };
            let limit = plan.block_count();
            Ok(match directory.unsigneds(first, limit)? {
                // Some writers of tiles use the tags of strips.
                None => directory.unsigneds(second, limit)?,
                table => table,
            })
        };
        let offsets = read(tags::TILE_OFFSETS, tags::STRIP_OFFSETS)?
            .ok_or_else(|| Error::corrupt("the offsets of the blocks are missing"))?;
        let counts = read(tags::TILE_BYTE_COUNTS, tags::STRIP_BYTE_COUNTS)?;
        if counts.is_none() && plan.compression != Compression::None && offsets.len() > 1 {
            return Err(Error::corrupt("the byte counts of the blocks are missing"));
        }
        Ok(Self {
            offsets,
            counts: counts.unwrap_or_default(),
            file_len: directory.reader.bytes.len(),
        })
    }

    /// Whether some block is not stored.
    pub fn is_sparse(&self) -> bool {
        self.offsets.contains(&0) || self.counts.contains(&0)
    }

    /// A block, or `None` where it is not stored.
    pub fn get(&self, index: u64) -> Result<Option<Stored>> {
        let at = |table: &[u64]| {
            usize::try_from(index)
                .ok()
                .and_then(|index| table.get(index).copied())
                .ok_or_else(|| {
                    Error::corrupt(format!(
                        "block {index} of a table with {} blocks",
                        table.len()
                    ))
                })
        };
        let offset = at(&self.offsets)?;
        let len = if self.counts.is_empty() {
            self.file_len.saturating_sub(offset).max(1)
        } else {
            at(&self.counts)?
        };
        if offset == 0 || len == 0 {
            return Ok(None);
        }
        let end = offset.checked_add(len);
        if end.is_none_or(|end| end > self.file_len) {
            return Err(Error::corrupt(format!(
                "{len} bytes at offset {offset} reach beyond the end of the file at {}",
                self.file_len
            )));
        }
        Ok(Some(Stored { offset, len }))
    }
}
