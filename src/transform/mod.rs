//! Transformations: where a pixel of an output comes from in its source.
//!
//! Positions are in pixels with edges at whole numbers: the centre of the first pixel is (0.5, 0.5).

mod affine;
mod polynomial;
mod rpc;
mod solve;
mod spline;

pub use affine::affine;
pub use polynomial::polynomial;
pub use rpc::{Heights, rpc, rpc_over};
pub use spline::{MAX_POINTS, spline};

use crate::cache::digest;
use crate::decimal::Decimal;
use crate::error::{Error, Result};
use crate::provider::{Provider, Request};
use std::sync::Arc;

/// A position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Along columns.
    pub x: f64,
    /// Along rows.
    pub y: f64,
}

impl Point {
    /// Nowhere.
    pub const NONE: Point = Point {
        x: f64::NAN,
        y: f64::NAN,
    };

    /// A position.
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// Whether it is a position at all, one that sums of coordinates stand.
    pub fn is_some(&self) -> bool {
        self.x.abs() <= FURTHEST && self.y.abs() <= FURTHEST
    }
}

/// The furthest position from the first pixel: further than any pixel of any image.
const FURTHEST: f64 = (1u64 << 50) as f64;

/// A position in an output and the one that it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// In the output.
    pub output: Point,
    /// In the source.
    pub source: Point,
}

/// From an output to its source; called from any number of threads.
///
/// What becomes of a point follows from the point alone, not from those that come with it.
pub trait Transform: Send + Sync {
    /// What it is called in keys: all that changes where a point comes from.
    fn key(&self) -> &str;

    /// Replaces points of the output by where they come from; [`Point::NONE`] where that is nowhere. What is read for
    /// that is read on behalf of the request.
    fn to_source(&self, points: &mut [Point], request: &Request<'_>) -> Result<()>;

    /// The images that it reads: where points come from changes with them. None for most.
    fn sources(&self) -> &[Arc<dyn Provider>] {
        &[]
    }
}

/// Numbers as a part of a key: as they are if they are few, else a digest of them.
pub(crate) fn numbers_key(numbers: &[f64]) -> String {
    let text: Vec<String> = numbers.iter().map(f64::to_string).collect();
    let text = text.join("/");
    match numbers.len() <= 6 {
        true => text,
        false => digest(&text),
    }
}

/// The numbers of pairs, one after the other.
fn numbers_of(pairs: &[Pair]) -> impl Iterator<Item = f64> {
    let each = |pair: &Pair| [pair.output.x, pair.output.y, pair.source.x, pair.source.y];
    pairs.iter().flat_map(each)
}

/// The middle of some points, about which sums lose less.
fn middle(points: impl Iterator<Item = Point>) -> Point {
    let (mut x, mut y, mut count) = (0.0, 0.0, 0.0);
    for point in points {
        (x, y, count) = (x + point.x, y + point.y, count + 1.0);
    }
    Point::new(x / count, y / count)
}

/// Refuses numbers that are none, naming the first.
fn check_finite(pairs: &[Pair]) -> Result<()> {
    for (at, pair) in pairs.iter().enumerate() {
        for (name, point) in [("output", pair.output), ("source", pair.source)] {
            if !point.x.is_finite() || !point.y.is_finite() {
                let [x, y] = [point.x, point.y].map(Decimal);
                return Err(Error::range(format!(
                    "point {at} of the {name} is ({x}, {y}); it must be finite"
                )));
            }
        }
    }
    Ok(())
}

/// Numbers about a middle, divided by how far they reach from it, so that powers of them stay small.
#[derive(Clone, Copy, Debug)]
struct Scaling {
    middle: Point,
    reach: f64,
}

impl Scaling {
    /// That of the points of the output.
    fn of(pairs: &[Pair]) -> Self {
        let middle = middle(pairs.iter().map(|pair| pair.output));
        let far = |pair: &Pair| {
            let (x, y) = (pair.output.x - middle.x, pair.output.y - middle.y);
            x.abs().max(y.abs())
        };
        let reach = pairs.iter().map(far).fold(0.0, f64::max);
        Self {
            middle,
            reach: if reach > 0.0 { reach } else { 1.0 },
        }
    }

    fn scaled(&self, point: Point) -> Point {
        Point::new(
            (point.x - self.middle.x) / self.reach,
            (point.y - self.middle.y) / self.reach,
        )
    }
}
