//! Extents: the pixels of a level that statistics look at, and the blocks that hold them.

use crate::geometry::{Grid, Rect};
use std::ops::Range;

/// Windows of a sample along each axis.
const LATTICE: u64 = 8;

/// Columns and rows of a window.
const WINDOW: u64 = 256;

/// The pixels to look at: those in some columns and some rows, each as ranges in ascending order that do not touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    cols: Vec<Range<u64>>,
    rows: Vec<Range<u64>>,
}

impl Extent {
    /// All pixels of a level.
    pub fn whole((width, height): (u64, u64)) -> Self {
        let all = |length| std::iter::once(0..length).collect();
        Self {
            cols: all(width),
            rows: all(height),
        }
    }

    /// Windows of 256 x 256 pixels in the middle of each of 8 x 8 parts of a level, or the parts where they are
    /// smaller.
    pub fn sample((width, height): (u64, u64)) -> Self {
        Self {
            cols: windows(width),
            rows: windows(height),
        }
    }

    /// How many pixels there are.
    #[cfg(test)]
    fn area(&self) -> u64 {
        let length =
            |ranges: &[Range<u64>]| ranges.iter().map(|range| range.end - range.start).sum();
        let (cols, rows): (u64, u64) = (length(&self.cols), length(&self.rows));
        cols.saturating_mul(rows)
    }

    /// The pixels of a rectangle that belong to it.
    pub fn parts(&self, rect: &Rect) -> Vec<Rect> {
        let inside = |ranges: &[Range<u64>], from: u64, to: u64| -> Vec<Range<u64>> {
            let cut = |range: &Range<u64>| range.start.max(from)..range.end.min(to);
            ranges
                .iter()
                .map(cut)
                .filter(|range| !range.is_empty())
                .collect()
        };
        let cols = inside(&self.cols, rect.x, rect.right());
        let rows = inside(&self.rows, rect.y, rect.bottom());
        let part = |rows: &Range<u64>, cols: &Range<u64>| {
            let (width, height) = (cols.end - cols.start, rows.end - rows.start);
            Rect::new(cols.start, rows.start, width, height)
        };
        let parts = rows
            .iter()
            .flat_map(|rows| cols.iter().map(move |cols| part(rows, cols)));
        parts.collect()
    }

    /// The blocks of a grid that hold any of its pixels.
    pub fn blocks(&self, grid: &Grid) -> Blocks {
        let over = |cols: &Range<u64>, rows: &Range<u64>| {
            let (width, height) = (cols.end - cols.start, rows.end - rows.start);
            grid.blocks_over(&Rect::new(cols.start, rows.start, width, height))
        };
        let joined = |ranges: Vec<Range<u64>>| {
            let mut all: Vec<Range<u64>> = Vec::new();
            for range in ranges {
                match all.last_mut() {
                    Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                    _ => all.push(range),
                }
            }
            all
        };
        let (first_col, first_row) = (&self.cols[0], &self.rows[0]);
        Blocks {
            cols: joined(
                self.cols
                    .iter()
                    .map(|cols| over(cols, first_row).1)
                    .collect(),
            ),
            rows: joined(
                self.rows
                    .iter()
                    .map(|rows| over(first_col, rows).0)
                    .collect(),
            ),
        }
    }
}

fn windows(length: u64) -> Vec<Range<u64>> {
    let edge = |nth: u64| (u128::from(nth) * u128::from(length) / u128::from(LATTICE)) as u64;
    let window = |nth: u64| {
        let (from, to) = (edge(nth), edge(nth + 1));
        let start = from + (to - from).saturating_sub(WINDOW) / 2;
        start..to.min(start + WINDOW)
    };
    (0..LATTICE)
        .map(window)
        .filter(|range| !range.is_empty())
        .collect()
}

/// Blocks of a grid: those in some columns and some rows.
pub struct Blocks {
    cols: Vec<Range<u64>>,
    rows: Vec<Range<u64>>,
}

impl Blocks {
    /// How many there are.
    pub fn count(&self) -> u64 {
        length(&self.cols).saturating_mul(length(&self.rows))
    }

    /// The row and the column of one of them, in row order.
    pub fn nth(&self, nth: u64) -> Option<(u64, u64)> {
        let cols = length(&self.cols);
        Some((
            place(&self.rows, nth / cols)?,
            place(&self.cols, nth % cols)?,
        ))
    }

    /// The places of those in the same row as the `nth`, if that is the first of them.
    pub fn row_from(&self, nth: u64) -> Range<u64> {
        let cols = length(&self.cols);
        match nth % cols {
            0 => nth..(nth + cols).min(self.count()),
            _ => nth..nth,
        }
    }
}

fn length(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

fn place(ranges: &[Range<u64>], nth: u64) -> Option<u64> {
    let mut left = nth;
    for range in ranges {
        let here = range.end - range.start;
        if left < here {
            return Some(range.start + left);
        }
        left -= here;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_lie_in_the_middle_of_eight_parts_and_small_images_are_seen_whole() {
        assert_eq!(Extent::sample((2048, 100)).area(), 2048 * 100);
        assert_eq!(Extent::sample((3, 1)).area(), 3);
        let wide = Extent::sample((16_000, 2051));
        assert_eq!(wide.cols[0], 872..1128);
        assert_eq!(wide.cols[7], 14_872..15_128);
        assert_eq!(wide.area(), (8 * 256) * (8 * 256));
    }

    #[test]
    fn blocks_are_those_that_hold_pixels_each_once() {
        for (width, height, block) in [
            (16_000, 5000, (512, 300)),
            (5000, 2500, (7, 4096)),
            (9, 9, (2, 2)),
        ] {
            let grid = Grid::new((width, height), block, 0, (width, height));
            for extent in [
                Extent::sample((width, height)),
                Extent::whole((width, height)),
            ] {
                let blocks = extent.blocks(&grid);
                let mut area = 0;
                let mut last = None;
                for nth in 0..blocks.count() {
                    let at = blocks.nth(nth).unwrap();
                    assert!(last < Some(at));
                    last = Some(at);
                    let parts = extent.parts(&grid.rect(at.0, at.1));
                    assert!(!parts.is_empty());
                    area += parts.iter().map(Rect::area).sum::<u64>();
                }
                assert_eq!(area, extent.area());
                assert_eq!(blocks.nth(blocks.count()), None);
            }
        }
    }
}
