//! A block of a mosaic on its way: painted from the last part to the first, each only where those after it let
//! something through.

use super::part::Piece;
use crate::dtype::{DType, Sample};
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::shape;
use crate::layout::{Layout, Shape};
use crate::memory::{Canvas, PixelsMut};
use crate::provider::Request;
use crate::tile::Tile;
use std::ops::Range;

/// What stands for a pixel that no part has shown yet.
const OPEN: u8 = 255;

/// Pixels of a rectangle, some of which are still open.
pub struct Painting {
    rect: Rect,
    canvas: Canvas,
    /// For each sample [`OPEN`] or 0.
    open: Canvas,
    /// How many samples are open in each plane.
    left: Vec<u64>,
    /// Whether anything stored was met.
    is_stored: bool,
    rows: Rows,
}

/// Room for rows.
struct Rows {
    take: Vec<u8>,
    data: Vec<u8>,
    /// All open.
    open: Vec<u8>,
}

/// The layout of what tells which samples are open.
pub fn open_layout(rect: &Rect, bands: usize) -> Result<Layout> {
    Layout::packed(shape(rect.width, rect.height, bands)?, DType::U8)
}

impl Painting {
    /// All of a rectangle is open. The pixels are in memory of `request`, and what is needed beside them of `beside`.
    pub fn new(
        rect: Rect,
        bands: usize,
        dtype: DType,
        request: &Request<'_>,
        beside: &Request<'_>,
    ) -> Result<Self> {
        let layout = open_layout(&rect, bands)?;
        let canvas = request.canvas(Layout::packed(layout.shape, dtype)?)?;
        let mut open = beside.canvas(layout)?;
        let mut all_open = Sample::default();
        all_open.0[0] = OPEN;
        open.pixels_mut().fill(&all_open);
        let width = layout.shape.width;
        Ok(Self {
            rect,
            canvas,
            open,
            left: vec![rect.area(); bands],
            is_stored: false,
            rows: Rows {
                take: vec![0; width],
                data: vec![0; width],
                open: vec![OPEN; width],
            },
        })
    }

    /// The smallest rectangle that has all that is open of a rectangle.
    pub fn open_within(&mut self, rect: &Rect) -> Option<Rect> {
        let mut found: Option<[u64; 4]> = None;
        let mut all = self.open.pixels_mut();
        let mut open = part(&mut all, &self.rect, rect);
        let height = open.layout().shape.height;
        let planes = self.left.iter().enumerate();
        for (plane, _) in planes.filter(|(_, left)| **left > 0) {
            for y in 0..height {
                let row = open.row_mut(plane, y);
                let Some(first) = row.iter().position(|open| *open != 0) else {
                    continue;
                };
                let last = row.iter().rposition(|open| *open != 0).unwrap_or(first);
                let [left, top, right, bottom] = [first, y, last + 1, y + 1].map(|at| at as u64);
                found = Some(match found {
                    None => [left, top, right, bottom],
                    Some([l, t, r, b]) => [l.min(left), t.min(top), r.max(right), b.max(bottom)],
                });
            }
        }
        found.map(|[left, top, right, bottom]| Rect {
            x: rect.x + left,
            y: rect.y + top,
            width: right - left,
            height: bottom - top,
        })
    }

    /// Paints a piece of a part where its rectangle is open.
    pub fn paint(&mut self, at: &Rect, piece: &Piece<'_>) {
        self.is_stored = true;
        let (mut all_open, mut all) = (self.open.pixels_mut(), self.canvas.pixels_mut());
        let mut open = part(&mut all_open, &self.rect, at);
        let mut into = part(&mut all, &self.rect, at);
        let size = into.layout().dtype.size();
        let Shape { width, height, .. } = into.layout().shape;
        let take = &mut self.rows.take[..width];
        let data = &mut self.rows.data[..width];
        let whole = &self.rows.open[..width];
        for (plane, left) in self.left.iter_mut().enumerate() {
            for y in 0..height {
                if *left == 0 {
                    break;
                }
                let (open, into) = (open.row_mut(plane, y), into.row_mut(plane, y));
                take.copy_from_slice(open);
                piece.keep_data(plane, y, take, data);
                let samples = piece.samples(plane, y);
                let mut show = |range: Range<usize>| {
                    *left -= range.len() as u64;
                    open[range.clone()].fill(0);
                    let bytes = range.start * size..range.end * size;
                    match samples {
                        Some(samples) => into[bytes.clone()].copy_from_slice(&samples[bytes]),
                        None => into[bytes].fill(255),
                    }
                };
                match *take == *whole {
                    true => show(0..width),
                    false => runs(take).for_each(show),
                }
            }
        }
    }

    /// Whether nothing is open any more.
    pub fn is_complete(&self) -> bool {
        self.left.iter().all(|left| *left == 0)
    }

    /// The pixels, with pad where nothing was shown; `None` if nothing is stored here.
    pub fn finish(mut self, pad: &Sample) -> Option<Tile> {
        if !self.is_stored {
            return None;
        }
        let (mut open, mut into) = (self.open.pixels_mut(), self.canvas.pixels_mut());
        let sample = pad.bytes(into.layout().dtype);
        let height = into.layout().shape.height;
        let planes = self.left.iter().enumerate();
        for (plane, _) in planes.filter(|(_, left)| **left > 0) {
            for y in 0..height {
                let into = into.row_mut(plane, y);
                for range in runs(open.row_mut(plane, y)) {
                    let gap = &mut into[range.start * sample.len()..range.end * sample.len()];
                    let samples = gap.chunks_exact_mut(sample.len());
                    samples.for_each(|to| to.copy_from_slice(sample));
                }
            }
        }
        Some(Tile::from_canvas(self.canvas))
    }
}

/// The part of pixels that covers a rectangle inside `of`.
fn part<'a>(pixels: &'a mut PixelsMut<'_>, of: &Rect, rect: &Rect) -> PixelsMut<'a> {
    // What is in memory has sides that fit usize.
    pixels.window_mut(
        (rect.x - of.x) as usize,
        (rect.y - of.y) as usize,
        rect.width as usize,
        rect.height as usize,
    )
}

/// Where bytes of a row are not 0, in one run after the other.
fn runs(row: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + row.get(from..)?.iter().position(|byte| *byte != 0)?;
        let length = row[start..].iter().position(|byte| *byte == 0);
        from = length.map_or(row.len(), |length| start + length);
        Some(start..from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_what_is_not_zero() {
        let all = |row: &[u8]| runs(row).collect::<Vec<_>>();
        assert_eq!(all(&[]), []);
        assert_eq!(all(&[0, 0]), []);
        assert_eq!(all(&[1, 2, 0, 3]), [0..2, 3..4]);
        assert_eq!(all(&[0, 1, 0, 0, 1, 1]), [1..2, 4..6]);
    }
}
