//! Cells: a level of the output in squares, within which positions in the source are interpolated where that is
//! good enough.
//!
//! They are anchored at the first pixel of the level, so that no tile can tell. A cell that is not good enough becomes
//! four, and those of the smallest size are evaluated pixel by pixel.

use crate::error::Result;
use crate::geometry::Rect;
use crate::provider::Request;
use crate::transform::{Point, Transform};

/// The side of the largest cells.
pub const SIDE: u64 = 64;

/// The side of the smallest.
const LEAST: u64 = 4;

/// A cell that is not divided.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Its pixels.
    pub rect: Rect,
    /// Where its corners come from, row by row, if its pixels lie between them.
    pub corners: Option<[Point; 4]>,
    /// The place in the list of those of the source of the level that it is made from.
    pub rung: usize,
    /// Pixels of that level for one of the output, along columns and rows.
    pub scale: (f64, f64),
}

/// A level of the source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// How often it was halved.
    pub number: u32,
    /// Pixels of level 0 along the sides of one of it.
    pub factor: (f64, f64),
}

/// What cells are judged by.
pub struct Rules<'a> {
    /// From level 0 of the output to that of the source.
    pub transform: &'a dyn Transform,
    /// Pixels of level 0 of the output along a side of one of this level.
    pub step: f64,
    /// How far a position may be from where it should be, in pixels of the level that is read.
    pub max_error: f64,
    /// The levels of the source, the finest first.
    pub levels: &'a [Level],
    /// The level that is read in any case.
    pub fixed: Option<usize>,
    /// How many pixels of that level one stands for in any case; 0 where that is not said.
    pub scale: (f64, f64),
    /// After so many columns the source begins again.
    pub period: Option<f64>,
}

/// A cell that is to be judged.
struct Open {
    /// Of which of the cells that were asked for it is a part.
    of: usize,
    side: u64,
    rect: Rect,
    /// Pixels of level 0 of the source for one, along columns and rows, where the cell itself cannot say.
    stretch: (f64, f64),
}

/// Where the points are looked at: corners, middles of sides and the centre, row by row.
const NINE: usize = 9;

/// Those, and the points half a pixel to the right of the centre and below it.
const ELEVEN: usize = NINE + 2;

/// Where the points of a cell come from.
struct Seen {
    nine: [Point; NINE],
    /// The last two, of a source that goes round: they tell how far a pixel goes, where the others may be turns apart.
    beside: Option<[Point; 2]>,
}

/// The part of the side of a cell of this number that lies inside a level.
fn along(start: u64, side: u64, length: u64) -> u64 {
    side.min(length - start)
}

/// The leaves of cells of the largest size, given by row and column, in a level of `size`.
pub fn divide(
    rules: &Rules<'_>,
    size: (u64, u64),
    cells: &[(u64, u64)],
    request: &Request<'_>,
) -> Result<Vec<Vec<Leaf>>> {
    let mut leaves: Vec<Vec<Leaf>> = cells.iter().map(|_| Vec::new()).collect();
    let first = |(of, (row, col)): (usize, &(u64, u64))| {
        let (x, y) = (col * SIDE, row * SIDE);
        Open {
            of,
            side: SIDE,
            rect: Rect::new(x, y, along(x, SIDE, size.0), along(y, SIDE, size.1)),
            stretch: (rules.step, rules.step),
        }
    };
    let mut open: Vec<Open> = cells.iter().enumerate().map(first).collect();
    while !open.is_empty() {
        let count = rules.points();
        let of_cell = |open: &Open| rules.eleven(&open.rect).into_iter().take(count);
        let mut points: Vec<Point> = open.iter().flat_map(of_cell).collect();
        rules.transform.to_source(&mut points, request)?;
        let mut next = Vec::new();
        for (open, points) in open.iter().zip(points.chunks_exact(count)) {
            let seen = rules.near_each_other(points);
            let (leaf, stretch) = rules.judge(open, &seen);
            match leaf.corners.is_some() || open.side <= LEAST {
                true => leaves[open.of].push(leaf),
                false => next.extend(open.quarters(stretch)),
            }
        }
        open = next;
    }
    Ok(leaves)
}

impl Open {
    fn quarters(&self, stretch: (f64, f64)) -> impl Iterator<Item = Open> {
        let side = self.side / 2;
        let rect = self.rect;
        let places = [(0, 0), (side, 0), (0, side), (side, side)].into_iter();
        let inside = places.filter(move |(x, y)| *x < rect.width && *y < rect.height);
        let of = self.of;
        inside.map(move |(x, y)| Open {
            of,
            side,
            rect: Rect::new(
                rect.x + x,
                rect.y + y,
                side.min(rect.width - x),
                side.min(rect.height - y),
            ),
            stretch,
        })
    }
}

impl Rules<'_> {
    /// How many points of a cell are looked at.
    fn points(&self) -> usize {
        if self.period.is_some() { ELEVEN } else { NINE }
    }

    fn eleven(&self, rect: &Rect) -> [Point; ELEVEN] {
        std::array::from_fn(|at| {
            let along = |start: u64, length: u64, of: usize, behind: f64| {
                (start as f64 + length as f64 * (of as f64 / 2.0) + behind) * self.step
            };
            let (of, right, below) = match at {
                ..NINE => (at, 0.0, 0.0),
                NINE => (4, 0.5, 0.0),
                _ => (4, 0.0, 0.5),
            };
            Point::new(
                along(rect.x, rect.width, of % 3, right),
                along(rect.y, rect.height, of / 3, below),
            )
        })
    }

    /// Points of a source that goes round, in the turn of the one in the middle.
    fn near_each_other(&self, points: &[Point]) -> Seen {
        let middle = points[4].x;
        let near = |point: Point| Point::new(in_turn_of(middle, point.x, self.period), point.y);
        Seen {
            nine: std::array::from_fn(|at| near(points[at])),
            beside: match points {
                [.., right, below] if points.len() == ELEVEN => Some([near(*right), near(*below)]),
                _ => None,
            },
        }
    }

    /// What becomes of a cell as a leaf, with corners if it is good enough; and how far the source is stretched there.
    fn judge(&self, open: &Open, seen: &Seen) -> (Leaf, (f64, f64)) {
        let nine = &seen.nine;
        let steps = (open.rect.width as f64, open.rect.height as f64);
        let whole = stretch(nine, steps, central);
        let known = |stretch: (f64, f64)| {
            (
                if stretch.0.is_finite() {
                    stretch.0
                } else {
                    open.stretch.0
                },
                if stretch.1.is_finite() {
                    stretch.1
                } else {
                    open.stretch.1
                },
            )
        };
        let leaf = |stretch: (f64, f64), corners| {
            let rung = self.rung(stretch);
            let (x, y) = self.levels[rung].factor;
            let wide = |fixed: f64, own: f64| if fixed > 0.0 { fixed } else { own.max(1.0) };
            Leaf {
                rect: open.rect,
                corners,
                rung,
                scale: (
                    wide(self.scale.0, stretch.0 / x),
                    wide(self.scale.1, stretch.1 / y),
                ),
            }
        };
        let good = leaf(known(whole), Some([nine[0], nine[2], nine[6], nine[8]]));
        let is_good = self.is_good(nine, self.levels[good.rung].factor);
        if is_good && self.is_in_one_turn(seen, steps) {
            return (good, known(whole));
        }
        // There may be a jump in it, which is no stretch.
        let stretch = match &seen.beside {
            Some([right, below]) => known(stretch_of_pixel(&nine[4], right, below)),
            None => known(stretch(nine, steps, lesser)),
        };
        (leaf(stretch, None), stretch)
    }

    /// Whether what lies between the corners goes as far from pixel to pixel as the source does: corners that are put
    /// in the turn of the middle may be a turn or more from where they belong.
    fn is_in_one_turn(&self, seen: &Seen, steps: (f64, f64)) -> bool {
        let (Some(period), Some([right, below])) = (self.period, &seen.beside) else {
            return true;
        };
        let nine = &seen.nine;
        let corners = [nine[0], nine[2], nine[6], nine[8]];
        let is_near = |s: f64, t: f64, point: &Point, steps: f64| {
            // A turn at a corner is so much here. What cannot be told is no turn.
            let turned = period / steps;
            let apart = (between(&corners, s, t).x - point.x).abs();
            apart.is_nan() || apart <= turned / 4.0
        };
        is_near(0.5 + 0.5 / steps.0, 0.5, right, steps.0)
            && is_near(0.5, 0.5 + 0.5 / steps.1, below, steps.1)
    }

    /// Whether what lies between the corners is where it should be.
    fn is_good(&self, nine: &[Point; NINE], factor: (f64, f64)) -> bool {
        if !nine.iter().all(Point::is_some) {
            return false;
        }
        let corners = [nine[0], nine[2], nine[6], nine[8]];
        [1, 3, 4, 5, 7].into_iter().all(|at| {
            let between = between(&corners, (at % 3) as f64 / 2.0, (at / 3) as f64 / 2.0);
            let x = (between.x - nine[at].x) / factor.0;
            let y = (between.y - nine[at].y) / factor.1;
            (x * x + y * y).sqrt() <= self.max_error / 2.0
        })
    }

    /// The level that is read where one pixel stands for so many of level 0.
    fn rung(&self, stretch: (f64, f64)) -> usize {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let least = stretch.0.min(stretch.1);
        let fits = |level: &Level| (1u64 << level.number) as f64 <= least;
        self.levels.iter().rposition(fits).unwrap_or(0)
    }
}

/// A position of a source that goes round, in the turn of another one.
pub fn in_turn_of(middle: f64, x: f64, period: Option<f64>) -> f64 {
    match period {
        Some(period) if middle.is_finite() => x + period * ((middle - x) / period).round(),
        _ => x,
    }
}

/// The position at parts of the sides between corners.
pub fn between(corners: &[Point; 4], s: f64, t: f64) -> Point {
    let along = |of: fn(&Point) -> f64| {
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| of(&corners[at]));
        (1.0 - t) * ((1.0 - s) * a + s * b) + t * ((1.0 - s) * c + s * d)
    };
    Point::new(along(|point| point.x), along(|point| point.y))
}

/// A difference from one side to the other.
fn central(before: f64, _middle: f64, after: f64, steps: f64) -> f64 {
    (after - before) / steps
}

/// The lesser of those to both sides, or the one there is.
fn lesser(before: f64, middle: f64, after: f64, steps: f64) -> f64 {
    let sides = [
        (middle - before) * 2.0 / steps,
        (after - middle) * 2.0 / steps,
    ];
    match sides.map(f64::is_finite) {
        [true, true] if sides[0].abs() <= sides[1].abs() => sides[0],
        [_, true] => sides[1],
        _ => sides[0],
    }
}

/// How many pixels of the source lie along its columns and rows for one of the output, by the points half a pixel to
/// the right of one and below it.
fn stretch_of_pixel(middle: &Point, right: &Point, below: &Point) -> (f64, f64) {
    let of = |of: fn(&Point) -> f64| {
        let along = (of(right) - of(middle)) * 2.0;
        let down = (of(below) - of(middle)) * 2.0;
        (along * along + down * down).sqrt()
    };
    (of(|point| point.x), of(|point| point.y))
}

/// How many pixels of the source lie along its columns and rows for one of the output, at the centre of a cell of so
/// many steps to each side.
fn stretch(
    nine: &[Point; NINE],
    steps: (f64, f64),
    difference: impl Fn(f64, f64, f64, f64) -> f64,
) -> (f64, f64) {
    let of = |of: fn(&Point) -> f64| {
        let [above, left, middle, right, below] = [1, 3, 4, 5, 7].map(|at| of(&nine[at]));
        let along = difference(left, middle, right, steps.0);
        let down = difference(above, middle, below, steps.1);
        (along * along + down * down).sqrt()
    };
    (of(|point| point.x), of(|point| point.y))
}
