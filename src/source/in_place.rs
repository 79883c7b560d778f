//! Pixels where they lie in a mapped file: views of it instead of copies.

use crate::bytes::Bytes;
use crate::dtype::DType;
use crate::geometry::{Grid, Rect};
use crate::image::{Block, shape};
use crate::layout::Layout;
use crate::mapping::Mapping;
use crate::memory::Buffer;
use crate::sync::Mutex;
use crate::tile::{Pixels, Tile};
use std::ops::Range;
use std::sync::Arc;

/// Pages are brought in ahead where no more than so many bytes lie between those of two rows for each of them.
const SPARSE: u64 = 64;

/// Where the rows of a rectangle lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The first sample of the first row, from the beginning of the file on.
    pub start: u64,
    /// Bytes from row to row.
    pub stride: u64,
}

/// Where the rows of a rectangle lie, if in one block or in blocks of one column that follow each other.
///
/// `block` gives where a block begins of which so many rows, each of `stride` bytes, are stored at least; pixels have
/// `pixel` bytes, and `run` is for these blocks alone.
pub fn rows(
    grid: &Grid,
    rect: &Rect,
    (stride, pixel): (u64, u64),
    run: &Run,
    block: impl Fn(Block, u64) -> Option<u64>,
) -> Option<Rows> {
    let (rows, cols) = grid.blocks_over(rect);
    let (top, left, last) = (rows.start, cols.start, rows.end - 1);
    let corner = grid.rect(top, left);
    let high = grid.rect(0, 0).height;
    let block = |row: u64, needed: u64| block(Block::new(0, row, left), needed);
    let follows = |row: u64| {
        let ends = block(row, high).map(|start| start + high * stride);
        ends.is_some() && ends == block(row + 1, 0)
    };
    if cols.end - cols.start > 1 || top < last && grid.cols() > 1 {
        return None;
    }
    // All but the last are read to their ends.
    let last_rows = rect.bottom() - grid.rect(last, left).y;
    block(last, last_rows)?;
    if top < last && !run.has(rows, follows) {
        return None;
    }
    let start = block(top, 0)?;
    let start = start + (rect.y - corner.y) * stride + (rect.x - corner.x) * pixel;
    Some(Rows { start, stride })
}

/// A view of the samples of a rectangle, of which `bands` tells where the rows of each band lie; `None` where no tile can have them so, or they may have changed.
pub fn view(bytes: &dyn Bytes, rect: &Rect, dtype: DType, bands: &[Rows]) -> Option<Tile> {
    let mapping = bytes.mapping()?;
    let first = bands.first()?;
    let shape = shape(rect.width, rect.height, bands.len()).ok()?;
    let packed = Layout::packed(shape, dtype).ok()?;
    let row_stride = usize::try_from(first.stride).ok()?;
    let band_stride = match bands {
        [_] => row_stride.checked_mul(shape.height)?,
        [_, second, ..] => usize::try_from(second.start.checked_sub(first.start)?).ok()?,
        [] => return None,
    };
    let is_even = |pair: &[Rows]| {
        pair[1].start.checked_sub(pair[0].start) == Some(band_stride as u64)
            && pair[1].stride == first.stride
    };
    let size = dtype.part().size();
    let layout = Layout {
        row_stride,
        band_stride,
        ..packed
    };
    let fits = bands.windows(2).all(is_even)
        && row_stride >= layout.row_bytes()
        && row_stride.is_multiple_of(dtype.size())
        && band_stride > 0
        && band_stride.is_multiple_of(row_stride)
        && first.start.is_multiple_of(size as u64);
    let start = usize::try_from(first.start).ok().filter(|_| fits)?;
    let last = bands.len().checked_sub(1)?.checked_mul(band_stride)?;
    let band = (shape.height - 1).checked_mul(row_stride)?;
    let span = last.checked_add(band)?.checked_add(layout.row_bytes())?;
    let range = start..start.checked_add(span)?;
    if range.end > mapping.bytes().len() || bytes.check_unchanged().is_err() {
        return None;
    }
    let (len, height) = (layout.row_bytes() as u64, rect.height);
    bands
        .iter()
        .for_each(|rows| bring(mapping, rows, len, height));
    let buffer = Buffer::mapped(mapping.clone(), range);
    Some(Tile::hold(Pixels::new(Arc::new(buffer), layout)))
}

/// Has the pages of so many rows come at once, `len` bytes of each, where they are not too far apart.
pub fn bring(mapping: &Mapping, rows: &Rows, len: u64, height: u64) {
    if rows.stride / SPARSE <= len {
        let end = rows.start + height.saturating_sub(1) * rows.stride + len;
        mapping.bring(rows.start as usize..end as usize);
    }
}

/// Which blocks of a column are known to follow each other in the file without a gap.
///
/// It remembers one run of them, which grows as it is asked for more of it: all tiles of a row look at their blocks
/// once together.
#[derive(Default)]
pub struct Run(Mutex<Range<u64>>);

impl Run {
    /// Whether each of the blocks but the last is followed by the next one, which `follows` says of one.
    pub fn has(&self, blocks: Range<u64>, follows: impl Fn(u64) -> bool) -> bool {
        let known = self.0.lock().clone();
        let touches = blocks.start < known.end && known.start < blocks.end;
        let unknown = match touches {
            true => [
                blocks.start..known.start.max(blocks.start),
                known.end - 1..blocks.end.max(known.end) - 1,
            ],
            false => [blocks.start..blocks.end.max(1) - 1, 0..0],
        };
        let all = unknown.into_iter().flatten().all(follows);
        if all {
            *self.0.lock() = match touches {
                true => known.start.min(blocks.start)..known.end.max(blocks.end),
                false => blocks,
            };
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn a_run_looks_at_each_block_once_and_knows_where_it_breaks() {
        let run = Run::default();
        let asked = RefCell::new(Vec::new());
        let follows = |block| {
            asked.borrow_mut().push(block);
            block != 19
        };
        let looked = || std::mem::take(&mut *asked.borrow_mut());
        assert!(run.has(4..8, follows));
        assert_eq!(looked(), [4, 5, 6]);
        assert!(run.has(5..8, follows) && looked().is_empty());
        assert!(run.has(7..10, follows));
        assert_eq!(looked(), [7, 8]);
        assert!(run.has(2..12, follows));
        assert_eq!(looked(), [2, 3, 9, 10]);
        assert!(run.has(2..12, follows) && looked().is_empty());
        assert!(run.has(14..20, follows));
        assert!(!run.has(18..21, follows) && !run.has(0..30, follows));
        assert!(run.has(14..20, follows) && run.has(20..21, follows));
    }
}
