//! Spline: the thin plate through given pairs of points (Duchon 1977; Bookstein 1989).

use super::solve::solve;
use super::{Pair, Point, Scaling, Transform, check_finite, middle, numbers_key, numbers_of};
use crate::decimal::Decimal;
use crate::error::{Error, Result};
use crate::provider::Request;
use std::collections::HashMap;
use std::sync::Arc;

/// The most points of a spline, whose equations are the square of them.
pub const MAX_POINTS: usize = 4096;

struct Spline {
    scaling: Scaling,
    /// The points of the output, scaled.
    points: Vec<Point>,
    /// How much each point bends the plate, for columns and rows; then the plane.
    factors: Vec<[f64; 2]>,
    /// About which the positions in the source were taken.
    middle: Point,
    key: String,
}

/// r^2 log r of a squared distance.
fn bend(squared: f64) -> f64 {
    match squared > 0.0 {
        true => squared * libm::log(squared) / 2.0,
        false => 0.0,
    }
}

fn squared(a: Point, b: Point) -> f64 {
    let (x, y) = (a.x - b.x, a.y - b.y);
    x * x + y * y
}

/// The thin plate through the pairs.
pub fn spline(pairs: &[Pair]) -> Result<Arc<dyn Transform>> {
    let count = pairs.len();
    if !(3..=MAX_POINTS).contains(&count) {
        return Err(Error::range(format!(
            "{count} points for a spline; there must be 3 to {MAX_POINTS}"
        )));
    }
    check_finite(pairs)?;
    let scaling = Scaling::of(pairs);
    let points: Vec<Point> = pairs
        .iter()
        .map(|pair| scaling.scaled(pair.output))
        .collect();
    let mut places = HashMap::new();
    for (at, point) in points.iter().enumerate() {
        // Zeros of both signs are one place.
        let place = [point.x + 0.0, point.y + 0.0].map(f64::to_bits);
        if let Some(other) = places.insert(place, at) {
            let place = pairs[at].output;
            let [x, y] = [place.x, place.y].map(Decimal);
            return Err(Error::argument(format!(
                "points {other} and {at} of the output are one, ({x}, {y})"
            )));
        }
    }
    let size = count + 3;
    let mut matrix = vec![0.0; size * size];
    for (row, point) in points.iter().enumerate() {
        for (column, other) in points.iter().enumerate() {
            matrix[row * size + column] = bend(squared(*point, *other));
        }
        for (at, value) in [1.0, point.x, point.y].into_iter().enumerate() {
            matrix[row * size + count + at] = value;
            matrix[(count + at) * size + row] = value;
        }
    }
    let middle = middle(pairs.iter().map(|pair| pair.source));
    let sources = pairs
        .iter()
        .map(|pair| [pair.source.x - middle.x, pair.source.y - middle.y]);
    let right = sources.chain([[0.0; 2]; 3]).collect();
    let factors = solve(matrix, right).ok_or_else(|| {
        Error::argument(format!(
            "the {count} points of the output lie on a line; no plane follows from them"
        ))
    })?;
    let numbers: Vec<f64> = numbers_of(pairs).collect();
    Ok(Arc::new(Spline {
        scaling,
        points,
        factors,
        middle,
        key: format!("spline:{}", numbers_key(&numbers)),
    }))
}

impl Transform for Spline {
    fn key(&self) -> &str {
        &self.key
    }

    fn to_source(&self, points: &mut [Point], _: &Request<'_>) -> Result<()> {
        let (bends, plane) = self.factors.split_at(self.points.len());
        for point in points {
            let at = self.scaling.scaled(*point);
            let plane =
                [0, 1].map(|side| plane[0][side] + plane[1][side] * at.x + plane[2][side] * at.y);
            let [x, y] = self
                .points
                .iter()
                .zip(bends)
                .fold(plane, |sum, (other, factor)| {
                    let bend = bend(squared(at, *other));
                    [sum[0] + factor[0] * bend, sum[1] + factor[1] * bend]
                });
            *point = Point::new(x + self.middle.x, y + self.middle.y);
        }
        Ok(())
    }
}
