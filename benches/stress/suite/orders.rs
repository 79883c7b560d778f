//! Orders in which the tiles of a grid are read, and random numbers.

use super::source::mix;

/// Random numbers that follow from a seed.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A number from 0 to 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

pub fn row_major(rows: u64, cols: u64) -> Vec<(u64, u64)> {
    (0..rows * cols).map(|at| (at / cols, at % cols)).collect()
}

pub fn column_major(rows: u64, cols: u64) -> Vec<(u64, u64)> {
    (0..rows * cols).map(|at| (at % rows, at / rows)).collect()
}

/// Along Hilbert's curve through the smallest square of a power of two over the grid.
pub fn hilbert(rows: u64, cols: u64) -> Vec<(u64, u64)> {
    let side = rows.max(cols).next_power_of_two();
    let place = |mut step: u64| {
        let (mut x, mut y) = (0, 0);
        let mut part = 1;
        while part < side {
            let right = 1 & (step / 2);
            let down = 1 & (step ^ right);
            if down == 0 {
                if right == 1 {
                    (x, y) = (part - 1 - x, part - 1 - y);
                }
                (x, y) = (y, x);
            }
            x += part * right;
            y += part * down;
            step /= 4;
            part *= 2;
        }
        (y, x)
    };
    let places = (0..side * side).map(place);
    places
        .filter(|(row, col)| *row < rows && *col < cols)
        .collect()
}

pub fn shuffled(rows: u64, cols: u64, seed: u64) -> Vec<(u64, u64)> {
    let mut order = row_major(rows, cols);
    let mut random = Random::new(seed);
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i as u64 + 1) as usize);
    }
    order
}
