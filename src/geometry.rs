//! Rectangles and block grids at every resolution level, in exact integer arithmetic.

use std::ops::Range;

/// A rectangle of pixels, half-open in both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge.
    pub x: u64,
    /// Top edge.
    pub y: u64,
    /// Columns.
    pub width: u64,
    /// Rows.
    pub height: u64,
}

impl std::fmt::Display for Rect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (width, height, x, y) = (self.width, self.height, self.x, self.y);
        write!(f, "{width} x {height} pixels from ({x}, {y}) on")
    }
}

impl Rect {
    /// A rectangle by its corner and size.
    pub const fn new(x: u64, y: u64, width: u64, height: u64) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// The first column to the right.
    pub const fn right(&self) -> u64 {
        self.x + self.width
    }

    /// The first row below.
    pub const fn bottom(&self) -> u64 {
        self.y + self.height
    }

    /// The pixels inside.
    pub const fn area(&self) -> u64 {
        self.width.saturating_mul(self.height)
    }

    /// Whether no pixel is inside.
    pub const fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Whether every pixel of `other` is inside.
    pub const fn contains(&self, other: &Rect) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    /// The pixels in both.
    pub fn intersection(&self, other: &Rect) -> Rect {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        Rect {
            x,
            y,
            width: self.right().min(other.right()).saturating_sub(x),
            height: self.bottom().min(other.bottom()).saturating_sub(y),
        }
    }
}

/// One axis of a grid at one level: block `i` covers `ceil(i b / 2^L) .. min(ceil((i+1) b / 2^L), n)`, and
/// the last all that is left, for a level may be longer than the image halved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Axis {
    /// Pixels along the axis at this level.
    length: u64,
    /// Block size at level 0.
    block: u64,
    /// Blocks.
    count: u64,
    level: u32,
}

impl Axis {
    fn start(&self, index: u64) -> u64 {
        if index >= self.count {
            return self.length;
        }
        let round_up = (1u128 << self.level) - 1;
        let scaled = (u128::from(index) * u128::from(self.block) + round_up) >> self.level;
        scaled.min(u128::from(self.length)) as u64
    }

    fn range(&self, index: u64) -> Range<u64> {
        self.start(index)..self.start(index + 1)
    }

    /// The block that holds a pixel. `ceil(i b / 2^L) <= p` is `i b / 2^L <= p` for whole `p`.
    fn block_at(&self, pixel: u64) -> u64 {
        let scaled = u128::from(pixel) << self.level;
        let index = match u64::try_from(scaled) {
            // Dividing 64 bits is many times faster.
            Ok(scaled) => scaled / self.block,
            Err(_) => (scaled / u128::from(self.block)) as u64,
        };
        index.min(self.count - 1)
    }

    /// Whether each block of another axis over the same pixels is surely inside one of this.
    fn holds_all_of(&self, other: &Axis) -> bool {
        let step = |axis: &Axis| {
            let step = axis.block >> axis.level;
            (step > 0 && step << axis.level == axis.block).then_some(step)
        };
        let is_even = match (step(self), step(other)) {
            (Some(own), Some(other)) => own.is_multiple_of(other),
            _ => false,
        };
        // The last ones may be longer than the others.
        is_even && self.start(self.count - 1) <= other.start(other.count - 1)
    }

    fn blocks_over(&self, pixels: Range<u64>) -> Range<u64> {
        if pixels.is_empty() {
            return 0..0;
        }
        self.block_at(pixels.start)..self.block_at(pixels.end - 1) + 1
    }
}

/// An area of an image: a rectangle of a level.
pub struct Area {
    /// Columns and rows of the level, by which it is known in whatever is built on the image.
    pub level: (u64, u64),
    /// Pixels of that level.
    pub rect: Rect,
}

/// The blocks of an image at one resolution level.
///
/// The grid is laid out at level 0 and every level halves it, so that block (row, column) shows the
/// same area at every level: no gap and no overlap at any size, and neighbours differ by at most one
/// pixel, but for the last, which has what a level is longer or shorter than the image halved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    x: Axis,
    y: Axis,
}

impl Grid {
    /// The grid of `size` pixels at level 0 in blocks of `block`, seen at `level`, where the image
    /// has `level_size` pixels. All sizes are width, height and at least 1.
    pub fn new(size: (u64, u64), block: (u64, u64), level: u32, level_size: (u64, u64)) -> Self {
        let axis = |size: u64, block, length| Axis {
            length,
            block,
            count: size.div_ceil(block),
            level,
        };
        Self {
            x: axis(size.0, block.0, level_size.0),
            y: axis(size.1, block.1, level_size.1),
        }
    }

    /// Rows of blocks, the same at every level.
    pub fn rows(&self) -> u64 {
        self.y.count
    }

    /// Columns of blocks, the same at every level.
    pub fn cols(&self) -> u64 {
        self.x.count
    }

    /// Whether each block of another grid over the same pixels is surely inside one of this.
    pub fn holds_all_of(&self, other: &Grid) -> bool {
        self.x.holds_all_of(&other.x) && self.y.holds_all_of(&other.y)
    }

    /// The pixels of a block, cut at the image's edge; empty where the level is too small for it.
    pub fn rect(&self, row: u64, col: u64) -> Rect {
        let (x, y) = (self.x.range(col), self.y.range(row));
        Rect::new(x.start, y.start, x.end - x.start, y.end - y.start)
    }

    /// The size of a block where the image goes on for ever: what a padded edge block is filled up to.
    pub fn full_size(&self, row: u64, col: u64) -> (u64, u64) {
        let endless = |axis: &Axis, index| {
            let endless = Axis {
                length: u64::MAX,
                count: u64::MAX,
                ..*axis
            };
            let (full, cut) = (endless.range(index), axis.range(index));
            (full.end - full.start).max(cut.end - cut.start)
        };
        (endless(&self.x, col), endless(&self.y, row))
    }

    /// The rows and columns of the blocks that a rectangle inside the image touches.
    pub fn blocks_over(&self, rect: &Rect) -> (Range<u64>, Range<u64>) {
        if rect.is_empty() {
            return (0..0, 0..0);
        }
        (
            self.y.blocks_over(rect.y..rect.bottom()),
            self.x.blocks_over(rect.x..rect.right()),
        )
    }

    /// The rows and columns of those blocks one by one, row by row, but for those that have no pixels at
    /// a high level.
    pub fn cells_over(self, rect: &Rect) -> impl Iterator<Item = (u64, u64)> + use<> {
        let (rows, cols) = self.blocks_over(rect);
        rows.flat_map(move |row| cols.clone().map(move |col| (row, col)))
            .filter(move |(row, col)| !self.rect(*row, *col).is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_that_holds_all_blocks_of_another_has_each_in_one_of_its_own() {
        let mut held = 0;
        let sizes = [(400, 201, 1), (400, 199, 1), (401, 401, 0), (201, 201, 0)];
        let blocks = [10, 25, 50, 60, 100, 200, 1000];
        let all = sizes
            .iter()
            .flat_map(|size| blocks.map(|block| (*size, block)));
        let grid = |((size, length, level), block)| {
            Grid::new((size, size), (block, block), level, (length, length))
        };
        for (one, other) in all
            .clone()
            .flat_map(|one| all.clone().map(move |two| (one, two)))
        {
            let (one, other) = (grid(one), grid(other));
            if one.x.length != other.x.length || !one.holds_all_of(&other) {
                continue;
            }
            held += 1;
            for at in 0..other.cols() {
                let rect = other.rect(at, at);
                let (rows, cols) = one.blocks_over(&rect);
                assert!(
                    rows.end - rows.start <= 1 && cols.end - cols.start <= 1,
                    "{one:?} {other:?}"
                );
            }
        }
        assert!(held > 20, "{held} pairs of grids");
        // The last block of the one has the last two tiles.
        let (tiles, blocks) = (grid(((201, 201, 0), 50)), grid(((400, 201, 1), 100)));
        assert!(!tiles.holds_all_of(&blocks) && tiles.holds_all_of(&tiles));
    }

    #[test]
    fn a_level_that_is_longer_than_the_image_halved_has_its_end_in_the_last_block() {
        let grid = Grid::new((400, 400), (100, 100), 1, (201, 199));
        assert_eq!((grid.rows(), grid.cols()), (4, 4));
        assert_eq!(grid.rect(3, 3), Rect::new(150, 150, 51, 49));
        assert_eq!(grid.full_size(3, 3), (51, 50));
        let end = Rect::new(200, 198, 1, 1);
        assert_eq!(grid.blocks_over(&end), (3..4, 3..4));
    }

    #[test]
    fn levels_tile_the_image_without_gap_or_overlap() {
        for (n, b) in [
            (1u64, 1u64),
            (7, 3),
            (200, 75),
            (257, 100),
            (300, 128),
            (1000, 1000),
        ] {
            for level in 0..9 {
                let length = n.div_ceil(1 << level);
                let grid = Grid::new((n, n), (b, b), level, (length, length));
                let mut next = 0;
                for col in 0..grid.cols() {
                    let rect = grid.rect(0, col);
                    assert_eq!(rect.x, next);
                    next = rect.right();
                    for x in rect.x..rect.right() {
                        assert_eq!(grid.blocks_over(&Rect::new(x, 0, 1, 1)).1, col..col + 1);
                    }
                }
                assert_eq!(next, length, "n {n} b {b} level {level}");
            }
        }
    }

    #[test]
    fn huge_sizes_do_not_overflow() {
        let n = u64::MAX / 2;
        let grid = Grid::new((n, n), (n - 1, 1), 0, (n, n));
        assert_eq!(grid.cols(), 2);
        assert_eq!(grid.rect(n - 1, 1), Rect::new(n - 1, n - 1, 1, 1));
    }
}
