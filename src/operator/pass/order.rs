//! Orders in which the tiles of a level are read.

use crate::image::{Block, Image};

/// The order of a declared pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Row by row, from left to right.
    #[default]
    Rows,
    /// Column by column, from the top down.
    Columns,
    /// Along Hilbert's curve through the smallest square of a power of two that holds all rows and columns, from the
    /// first tile on; what is outside is passed over.
    Hilbert,
    /// As listed; a tile may be listed several times.
    Tiles(Vec<Block>),
}

impl Order {
    /// The tiles of a level in this order, without those that have no pixels.
    pub fn tiles(self, image: &Image, level: u32) -> Box<dyn Iterator<Item = Block> + Send> {
        let grid = image.grid(level);
        let (rows, cols) = (grid.rows(), grid.cols());
        let at = move |(row, col)| Block::new(level, row, col);
        let tiles: Box<dyn Iterator<Item = Block> + Send> = match self {
            Order::Rows => {
                let places = (0..rows).flat_map(move |row| (0..cols).map(move |col| (row, col)));
                Box::new(places.map(at))
            }
            Order::Columns => {
                let places = (0..cols).flat_map(move |col| (0..rows).map(move |row| (row, col)));
                Box::new(places.map(at))
            }
            Order::Hilbert => Box::new(Hilbert::new(rows, cols).map(at)),
            Order::Tiles(tiles) => Box::new(tiles.into_iter()),
        };
        Box::new(tiles.filter(move |at| !grid.rect(at.row, at.col).is_empty()))
    }
}

/// A square of the curve that is still to come: its first row and column, its side, and how the curve lies in it.
#[derive(Clone, Copy)]
struct Square {
    row: u64,
    col: u64,
    side: u64,
    /// The curve begins in the last row and column, not in the first.
    is_turned: bool,
    /// It goes down first, not to the right.
    is_transposed: bool,
}

/// The places of a grid along Hilbert's curve; squares outside are passed over at once.
struct Hilbert {
    rows: u64,
    cols: u64,
    /// The next one last.
    squares: Vec<Square>,
}

impl Hilbert {
    fn new(rows: u64, cols: u64) -> Self {
        Self {
            rows,
            cols,
            squares: vec![Square {
                row: 0,
                col: 0,
                side: rows.max(cols).max(1).next_power_of_two(),
                is_turned: false,
                is_transposed: false,
            }],
        }
    }
}

impl Iterator for Hilbert {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        while let Some(square) = self.squares.pop() {
            if square.row >= self.rows || square.col >= self.cols {
                continue;
            }
            if square.side == 1 {
                return Some((square.row, square.col));
            }
            let side = square.side / 2;
            // Of the curve that goes to the right first: in and out at the top, transposed and turned at its ends.
            let quarters = [
                (0, 0, false, true),
                (0, 1, false, false),
                (1, 1, false, false),
                (1, 0, true, true),
            ];
            for (down, right, turns, transposes) in quarters.into_iter().rev() {
                let flip = |place: u64| if square.is_turned { 1 - place } else { place };
                let (down, right) = (flip(down), flip(right));
                let (down, right) = match square.is_transposed {
                    true => (right, down),
                    false => (down, right),
                };
                self.squares.push(Square {
                    row: square.row + down * side,
                    col: square.col + right * side,
                    side,
                    is_turned: square.is_turned != turns,
                    is_transposed: square.is_transposed != transposes,
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_curve_goes_from_neighbour_to_neighbour_through_all_places() {
        for power in 0..6 {
            let side = 1u64 << power;
            let places: Vec<_> = Hilbert::new(side, side).collect();
            assert_eq!(places.len() as u64, side * side);
            assert_eq!(places[0], (0, 0));
            let distinct: HashSet<_> = places.iter().collect();
            assert_eq!(distinct.len(), places.len());
            for pair in places.windows(2) {
                let apart = pair[0].0.abs_diff(pair[1].0) + pair[0].1.abs_diff(pair[1].1);
                assert_eq!(apart, 1, "{pair:?} of {side}");
            }
        }
    }

    #[test]
    fn places_outside_are_passed_over() {
        for (rows, cols) in [(1u64, 1u64), (3, 5), (1, 1 << 40), (7, 2)] {
            let square = rows.max(cols).next_power_of_two().min(64);
            let within: Vec<_> = Hilbert::new(rows, cols).take(1000).collect();
            let all = Hilbert::new(square, square);
            let inside = all.filter(|(row, col)| *row < rows && *col < cols);
            let inside: Vec<_> = inside.take(within.len()).collect();
            match cols {
                0..64 => assert_eq!(within, inside),
                _ => assert_eq!(within.len(), 1000),
            }
        }
    }
}
