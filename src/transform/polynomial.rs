//! Polynomial: the one of order 1 to 3 that comes nearest to given pairs of points.

use super::solve::solve;
use super::{Pair, Point, Scaling, Transform, check_finite, middle, numbers_key, numbers_of};
use crate::error::{Error, Result};
use crate::provider::Request;
use std::sync::Arc;

/// 1, x, y, and their products up to the third.
const TERMS: usize = 10;

struct Polynomial {
    scaling: Scaling,
    /// Of each term one factor for columns and one for rows.
    factors: Vec<[f64; 2]>,
    /// About which the source's positions were taken.
    middle: Point,
    key: String,
}

fn count(order: u32) -> usize {
    (order as usize + 1) * (order as usize + 2) / 2
}

fn terms(Point { x, y }: Point) -> [f64; TERMS] {
    let (xx, xy, yy) = (x * x, x * y, y * y);
    [1.0, x, y, xx, xy, yy, xx * x, xx * y, x * yy, yy * y]
}

/// The polynomial of an order for which the sum of squared distances from the pairs is least.
pub fn polynomial(pairs: &[Pair], order: u32) -> Result<Arc<dyn Transform>> {
    if !(1..=3).contains(&order) {
        return Err(Error::range(format!("order is {order}; it must be 1 to 3")));
    }
    let count = count(order);
    if pairs.len() < count {
        return Err(Error::range(format!(
            "{} points for a polynomial of order {order}; it takes at least {count}",
            pairs.len()
        )));
    }
    check_finite(pairs)?;
    let scaling = Scaling::of(pairs);
    let middle = middle(pairs.iter().map(|pair| pair.source));
    let mut basis = Orthogonal::new(count);
    let points: Vec<Point> = pairs
        .iter()
        .map(|pair| scaling.scaled(pair.output))
        .collect();
    let sources = pairs
        .iter()
        .map(|pair| [pair.source.x - middle.x, pair.source.y - middle.y]);
    let factors = basis
        .fit(&points, &sources.collect::<Vec<_>>())
        .ok_or_else(|| {
            Error::argument(format!(
                "the {} points lie so that no polynomial of order {order} follows from them",
                pairs.len()
            ))
        })?;
    let numbers: Vec<f64> = numbers_of(pairs).collect();
    Ok(Arc::new(Polynomial {
        scaling,
        factors,
        middle,
        key: format!("polynomial:{order}:{}", numbers_key(&numbers)),
    }))
}

/// Columns of terms that are made orthogonal one after the other, twice, which loses less than normal equations do.
struct Orthogonal {
    count: usize,
    columns: Vec<Vec<f64>>,
    /// The triangle that makes the terms of the columns, row by row.
    triangle: Vec<f64>,
}

/// A column of which less than this is left by those before it says nothing of its own.
const LEAST: f64 = 1e-10;

impl Orthogonal {
    fn new(count: usize) -> Self {
        Self {
            count,
            columns: Vec::new(),
            triangle: vec![0.0; count * count],
        }
    }

    fn fit(&mut self, points: &[Point], sources: &[[f64; 2]]) -> Option<Vec<[f64; 2]>> {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for term in 0..self.count {
            let mut column: Vec<f64> = points.iter().map(|point| terms(*point)[term]).collect();
            let length = dot(&column, &column).sqrt();
            for _ in 0..2 {
                for (before, other) in self.columns.iter().enumerate() {
                    let share = dot(other, &column);
                    self.triangle[before * self.count + term] += share;
                    column
                        .iter_mut()
                        .zip(other)
                        .for_each(|(own, other)| *own -= share * other);
                }
            }
            let left = dot(&column, &column).sqrt();
            let is_new = left > LEAST * length;
            if !is_new {
                return None;
            }
            column.iter_mut().for_each(|value| *value /= left);
            self.triangle[term * self.count + term] = left;
            self.columns.push(column);
        }
        let shares = self.columns.iter().map(|column| {
            [0, 1].map(|side| {
                let pairs = column.iter().zip(sources);
                pairs.map(|(own, source)| own * source[side]).sum::<f64>()
            })
        });
        solve(self.triangle.clone(), shares.collect())
    }
}

impl Transform for Polynomial {
    fn key(&self) -> &str {
        &self.key
    }

    fn to_source(&self, points: &mut [Point], _: &Request<'_>) -> Result<()> {
        for point in points {
            let terms = terms(self.scaling.scaled(*point));
            let mut sums = [0.0; 2];
            for (factor, term) in self.factors.iter().zip(terms) {
                sums = [sums[0] + factor[0] * term, sums[1] + factor[1] * term];
            }
            *point = Point::new(sums[0] + self.middle.x, sums[1] + self.middle.y);
        }
        Ok(())
    }
}
