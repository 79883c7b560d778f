//! Extent: which pixels a level of a source has, and which of them stand beyond its edges.

use std::ops::Range;

/// A level of a source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Columns and rows.
    pub size: (u64, u64),
    /// Pixels of level 0 for one of this level, along columns and rows.
    pub factor: (f64, f64),
    /// Columns of level 0.
    pub full_width: u64,
    /// After so many columns of level 0 the image begins again.
    pub period: Option<u64>,
}

impl Extent {
    /// The column of the image that stands at a column, which may lie beyond it.
    pub fn column(&self, at: i64) -> Option<u64> {
        if (0..self.size.0 as i64).contains(&at) {
            return Some(at as u64);
        }
        let centre = (at as f64 + 0.5) * self.factor.0;
        let turned = centre.rem_euclid(self.period? as f64);
        let last = self.size.0 - 1;
        (turned < self.full_width as f64).then(|| ((turned / self.factor.0) as u64).min(last))
    }

    /// Whether a pixel is one of the image.
    pub fn contains(&self, (x, y): (i64, i64)) -> bool {
        (0..self.size.1 as i64).contains(&y) && self.column(x).is_some()
    }

    /// Those of a range of rows that the image has.
    pub fn rows(&self, of: &Range<i64>) -> Range<i64> {
        let end = self.size.1 as i64;
        let start = of.start.clamp(0, end);
        start..of.end.clamp(start, end)
    }

    /// Those of a range of columns that the image has; with a column inside given, those without a gap to it.
    pub fn columns(&self, of: &Range<i64>, inside: Option<i64>) -> Range<i64> {
        if self.period.is_none() {
            let end = self.size.0 as i64;
            let start = of.start.clamp(0, end);
            return start..of.end.clamp(start, end);
        }
        let is_here = |at: &i64| self.column(*at).is_some();
        let Some(inside) = inside else {
            let mut columns = of.clone();
            let first = columns.find(is_here);
            let last = columns.rfind(is_here).or(first);
            return first
                .zip(last)
                .map_or(0..0, |(first, last)| first..last + 1);
        };
        let before = (of.start..inside).rev().take_while(is_here).count() as i64;
        let after = (inside..of.end).take_while(is_here).count() as i64;
        inside - before..inside + after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(size: u64, factor: f64, full: u64, period: Option<u64>) -> Extent {
        Extent {
            size: (size, 5),
            factor: (factor, factor),
            full_width: full,
            period,
        }
    }

    #[test]
    fn columns_go_round_after_a_period() {
        let along = |extent: Extent| -> Vec<i64> {
            let column = |at| extent.column(at).map_or(-1, |column| column as i64);
            (-4..8).map(column).collect()
        };
        let once = [-1, -1, -1, -1, 0, 1, 2, 3, -1, -1, -1, -1];
        assert_eq!(along(extent(4, 1.0, 4, None)), once);
        let round = [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3];
        assert_eq!(along(extent(4, 1.0, 4, Some(4))), round);
        // The last column is the first one once more.
        let shared = [2, 0, 1, 2, 0, 1, 2, 3, 1, 2, 0, 1];
        assert_eq!(along(extent(4, 1.0, 4, Some(3))), shared);
        // A gap between the last column and the first.
        let gap = [1, 2, 3, -1, 0, 1, 2, 3, -1, 0, 1, 2];
        assert_eq!(along(extent(4, 1.0, 4, Some(5))), gap);
        // Half as many columns of seven, the last one of which is half empty.
        let half = [3, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3];
        let found = along(extent(4, 2.0, 7, Some(7)));
        assert_eq!(found[4..8], half[4..8]);
        assert!(found.iter().all(|column| (0..4).contains(column)));
    }

    #[test]
    fn a_range_ends_where_the_image_does() {
        let plain = extent(4, 1.0, 4, None);
        assert_eq!(plain.columns(&(-3..2), Some(0)), 0..2);
        assert_eq!(plain.columns(&(7..9), None), 4..4);
        assert_eq!(plain.rows(&(-2..9)), 0..5);
        let gap = extent(4, 1.0, 4, Some(6));
        assert_eq!(gap.columns(&(-3..6), Some(3)), 0..4);
        assert_eq!(gap.columns(&(-1..8), None), 0..8);
        assert_eq!(gap.columns(&(4..6), None), 0..0);
        let round = extent(4, 1.0, 4, Some(4));
        assert_eq!(round.columns(&(-3..6), Some(0)), -3..6);
    }
}
