//! Where the blocks of one directory lie in the file.

use super::directory::Directory;
use super::encoding::Compression;
use super::plan::Plan;
use super::tags;
use crate::error::{Error, Result};

/// Offsets and byte counts of all blocks, plane by plane and row by row.
pub struct BlockTable {
    offsets: Vec<u64>,
    /// Empty where the file does not say: a block then goes on as far as there is room.
    counts: Vec<u64>,
    /// Blocks may be left out by their byte count alone.
    tiled: bool,
    /// Where the directory lies.
    directory: u64,
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
        let mut counts = read(tags::TILE_BYTE_COUNTS, tags::STRIP_BYTE_COUNTS)?.unwrap_or_default();
        let is_plain = plan.compression == Compression::None;
        // Counts that are all 0 say nothing where blocks are stored.
        let says_nothing = counts.iter().all(|count| *count == 0);
        if says_nothing && (is_plain || offsets.len() == 1) {
            counts.clear();
        }
        if counts.is_empty() && !is_plain && offsets.len() > 1 {
            return Err(Error::corrupt("the byte counts of the blocks are missing"));
        }
        Ok(Self {
            offsets,
            counts,
            tiled: plan.tiled,
            directory: directory.at,
            file_len: directory.reader.bytes.len(),
        })
    }

    /// Whether some block is not stored.
    pub fn is_sparse(&self) -> bool {
        self.offsets.contains(&0) || self.tiled && self.counts.contains(&0)
    }

    /// A block, or `None` where it is not stored; `plain` is what it takes without compression, if it
    /// has none.
    ///
    /// A block without offset and byte count is not stored. Slide scanners leave tiles out by a byte
    /// count of 0 alone.
    pub fn get(&self, index: u64, plain: Option<u64>) -> Result<Option<Stored>> {
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
        let said = match self.counts.is_empty() {
            true => None,
            false => Some(at(&self.counts)?),
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
        let left = self.file_len.saturating_sub(offset);
        let len = match (plain, said) {
            // The size tells how long such a block is, if there is room for it.
            (Some(size), Some(len)) if len < size && self.room(index, offset) < size => {
                len.min(left)
            }
            (Some(size), _) => size.min(left),
            (None, said) => said.unwrap_or(left),
        };
        if len > left || left == 0 {
            return Err(Error::corrupt(format!(
                "{} bytes at offset {offset} reach beyond the end of the file at {}",
                said.unwrap_or(len).max(1),
                self.file_len
            )));
        }
        Ok(Some(Stored { offset, len }))
    }

    /// Bytes from the beginning of a block to what is known to come next.
    fn room(&self, index: u64, offset: u64) -> u64 {
        let next = self.offsets.get(index as usize + 1).copied();
        let known = [next, Some(self.directory), Some(self.file_len)];
        let behind = known.into_iter().flatten().filter(|next| *next > offset);
        behind.min().unwrap_or(offset) - offset
    }
}
