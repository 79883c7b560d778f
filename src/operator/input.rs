//! Inputs: what a kernel needs of its sources for a block, and how it is read.

use crate::cache::Claims;
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::{Bands, Block, shape};
use crate::layout::Layout;
use crate::memory::{Memory, PixelsMut};
use crate::provider::{Provider, Request};
use crate::tile::{Pixels, Tile};
use crate::window::{claim_rect, has_any, read_tile};
use smallvec::SmallVec;
use std::sync::Arc;

/// What a block of an operator is made from.
pub type Inputs = SmallVec<[Input; 2]>;

/// Pixels that a kernel needs for one block.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The place of the source among the operator's.
    pub source: usize,
    /// The bands of the source.
    pub bands: Bands,
    /// Which pixels.
    pub pixels: Needed,
}

/// Which pixels of a source are needed.
#[derive(Clone, Debug, PartialEq)]
pub enum Needed {
    /// Those of the block with the place of the output's, as the source has it; for sources on the grid of
    /// the output.
    SameBlock,
    /// A rectangle of a level.
    Area(Area),
}

/// A rectangle of a level, which may reach beyond the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// The level.
    pub level: u32,
    /// The first column.
    pub x: i64,
    /// The first row.
    pub y: i64,
    /// Columns.
    pub width: u64,
    /// Rows.
    pub height: u64,
    /// What lies beyond the image.
    pub border: Border,
}

/// What the pixels beyond an image are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Border {
    /// The image's pad.
    Pad,
    /// The nearest pixel of the image.
    Nearest,
    /// The image again, mirrored at its edge, whose pixels come twice.
    Mirrored,
}

impl Border {
    /// The pixel of `0..length` that stands at `at`; `None` for pad.
    fn index(self, at: i64, length: u64) -> Option<u64> {
        if (0..length as i64).contains(&at) {
            return Some(at as u64);
        }
        let last = length as i64 - 1;
        match self {
            Border::Pad => None,
            Border::Nearest => Some(at.clamp(0, last) as u64),
            Border::Mirrored => {
                let turn = i128::from(at).rem_euclid(2 * i128::from(length)) as u64;
                Some(turn.min(2 * length - 1 - turn))
            }
        }
    }
}

/// Where the pixels along one side of an area come from.
struct Side {
    start: i64,
    length: u64,
    border: Border,
    /// The pixels of the image among them, from the first to the last.
    first: u64,
    count: u64,
}

impl Side {
    fn new(start: i64, count: u64, length: u64, border: Border) -> Self {
        let end = start.saturating_add(count as i64);
        let (from, to) = match border {
            // Those inside alone.
            Border::Pad => (start.clamp(0, length as i64), end.clamp(0, length as i64)),
            _ if count == 0 => (0, 0),
            Border::Nearest => {
                let last = length as i64 - 1;
                (
                    start.clamp(0, last),
                    end.saturating_sub(1).clamp(0, last) + 1,
                )
            }
            Border::Mirrored => mirrored(start, end, length as i64),
        };
        Self {
            start,
            length,
            border,
            first: from as u64,
            count: (to - from).max(0) as u64,
        }
    }

    /// The pixel that stands at an offset in the area; `None` for pad.
    fn at(&self, offset: usize) -> Option<u64> {
        let at = self.start.saturating_add(offset as i64);
        self.border.index(at, self.length)
    }
}

/// The first pixel that a mirrored range meets, and the one after the last.
fn mirrored(start: i64, end: i64, length: i64) -> (i64, i64) {
    let index = |at: i64| Border::Mirrored.index(at, length as u64).unwrap_or(0) as i64;
    let ends = [index(start), index(end - 1)];
    // The range turns at each edge that it meets; one without a turn lies between its ends.
    let [from, count, period] = [start, end - start, 2 * length].map(i128::from);
    let meets = |at: i64| (i128::from(at) - from).rem_euclid(period) < count;
    let first = match meets(-1) || meets(0) {
        true => 0,
        false => ends[0].min(ends[1]),
    };
    let last = match meets(length - 1) || meets(length) {
        true => length - 1,
        false => ends[0].max(ends[1]),
    };
    (first, last + 1)
}

impl Area {
    /// The sides of the area in an image, and the rectangle inside the image that has all its pixels.
    fn inside(&self, source: &dyn Provider) -> (Side, Side, Rect) {
        let (width, height) = source.image().levels[self.level as usize];
        let columns = Side::new(self.x, self.width, width, self.border);
        let rows = Side::new(self.y, self.height, height, self.border);
        let rect = Rect::new(columns.first, rows.first, columns.count, rows.count);
        (columns, rows, rect)
    }

    fn is_inside(&self, rect: &Rect) -> bool {
        (self.x, self.y) == (rect.x as i64, rect.y as i64)
            && (self.width, self.height) == (rect.width, rect.height)
    }

    fn read(
        &self,
        source: &Arc<dyn Provider>,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Tile> {
        let (columns, rows, rect) = self.inside(&**source);
        if self.is_inside(&rect) {
            return read_tile(source, self.level, rect, bands, request);
        }
        let image = source.image();
        let shape = shape(self.width, self.height, bands.count(image.band_count()))?;
        let mut canvas = request.canvas(Layout::packed(shape, image.dtype)?)?;
        let mut out = canvas.pixels_mut();
        out.fill(&image.pad);
        if !rect.is_empty() {
            let inside = read_tile(source, self.level, rect, bands, request)?;
            spread(&inside, &columns, &rows, &mut out);
        }
        Ok(Tile::from_canvas(canvas))
    }
}

/// Writes the pixels of a rectangle wherever they stand in an area.
fn spread(inside: &Pixels, columns: &Side, rows: &Side, out: &mut PixelsMut<'_>) {
    let size = inside.dtype().size();
    let shape = out.layout().shape;
    let from_columns: Vec<Option<u64>> = (0..shape.width).map(|x| columns.at(x)).collect();
    for band in 0..inside.shape().bands {
        for y in 0..shape.height {
            let Some(row) = rows.at(y) else { continue };
            let from = inside.row(band, (row - rows.first) as usize);
            let into = out.row_mut(band, y).chunks_exact_mut(size);
            for (sample, column) in into.zip(&from_columns) {
                if let Some(column) = column {
                    let at = (column - columns.first) as usize * size;
                    sample.copy_from_slice(&from[at..at + size]);
                }
            }
        }
    }
}

impl Input {
    /// The same block of a source.
    pub fn same_block(source: usize, bands: Bands) -> Self {
        Self {
            source,
            bands,
            pixels: Needed::SameBlock,
        }
    }

    /// An area of a source.
    pub fn area(source: usize, bands: Bands, area: Area) -> Self {
        Self {
            source,
            bands,
            pixels: Needed::Area(area),
        }
    }

    /// Whether any of it is stored.
    pub(super) fn is_stored(&self, source: &dyn Provider, at: Block) -> Result<bool> {
        match self.pixels {
            Needed::SameBlock => source.has_block(at),
            Needed::Area(area) => {
                let (.., rect) = area.inside(source);
                Ok(!rect.is_empty() && has_any(source, area.level, &rect)?)
            }
        }
    }

    /// Its pixels, in memory from `request` where they are not there already.
    pub(super) fn read(
        &self,
        source: &Arc<dyn Provider>,
        at: Block,
        request: &Request<'_>,
    ) -> Result<Tile> {
        match self.pixels {
            Needed::SameBlock => source.get_block(at, &self.bands, request),
            Needed::Area(area) => area.read(source, &self.bands, request),
        }
    }

    /// Claims what is in flight while it is read and afterwards, until the block is made.
    pub(super) fn claim(&self, source: &Arc<dyn Provider>, at: Block, claims: &mut Claims) {
        let Needed::Area(area) = self.pixels else {
            return source.claim(at, &self.bands, claims);
        };
        let image = source.image();
        let (.., rect) = area.inside(&**source);
        let sample = image.dtype.size() as u64;
        let of_pixel = sample.saturating_mul(self.bands.count(image.band_count()) as u64);
        let bytes = |pixels: u64| {
            let bytes = pixels.saturating_mul(of_pixel).min(isize::MAX as u64);
            Memory::allocated_size(bytes as usize) as u64
        };
        claims.add(bytes(area.width.saturating_mul(area.height)));
        if !area.is_inside(&rect) {
            claims.add(bytes(rect.area()));
        }
        if !rect.is_empty() {
            claim_rect(source, area.level, rect, &self.bands, claims);
        }
    }

    /// The rectangle of its level that has its pixels, if it is an area with any.
    pub(super) fn rect(&self, source: &dyn Provider) -> Option<Rect> {
        let Needed::Area(area) = self.pixels else {
            return None;
        };
        let (.., rect) = area.inside(source);
        Some(rect).filter(|rect| !rect.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_side_needs_of_its_image_follows_from_its_ends() {
        for border in [Border::Pad, Border::Nearest, Border::Mirrored] {
            for length in 1..6u64 {
                for start in -17..17i64 {
                    for count in 0..17u64 {
                        let side = Side::new(start, count, length, border);
                        let met: Vec<u64> =
                            (0..count as usize).filter_map(|at| side.at(at)).collect();
                        let first = met.iter().min().copied();
                        let last = met.iter().max().copied();
                        let expected = first
                            .zip(last)
                            .map(|(first, last)| (first, last + 1 - first));
                        let needed = (side.count > 0).then_some((side.first, side.count));
                        assert_eq!(needed, expected, "{border:?} {start} {count} of {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_border_repeats_mirrors_or_is_pad() {
        let along = |border: Border| -> Vec<_> {
            (-5..8)
                .map(|at| border.index(at, 3).map_or(-1, |index| index as i64))
                .collect()
        };
        assert_eq!(
            along(Border::Mirrored),
            [1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]
        );
        assert_eq!(
            along(Border::Nearest),
            [0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2]
        );
        let pad = [-1; 5];
        assert_eq!(along(Border::Pad), [&pad[..], &[0, 1, 2], &pad].concat());
        assert_eq!(Border::Mirrored.index(i64::MIN, 1), Some(0));
    }
}
