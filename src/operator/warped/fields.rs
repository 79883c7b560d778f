//! Fields: the pixels of a leaf as places in the source that are found and made together.

use super::Warp;
use super::spots::{Group, MOST_BYTES, Pixels, Places, is_together};
use crate::geometry::Rect;
use crate::resample::{At, Field, Kernel};
use crate::simd::vectorised;
use crate::transform::Point;
use std::cell::OnceCell;
use std::ops::Range;

/// Where the pixels of a part of a leaf come from, row by row, in pixels of a level of the source.
pub struct Positions {
    pub xs: Vec<f64>,
    pub ys: Vec<f64>,
}

impl Positions {
    /// Those between the corners of a leaf, the same as [`super::cells::between`] gives one by one.
    pub fn between(corners: &[Point; 4], leaf: &Rect, part: &Rect, factor: (f64, f64)) -> Self {
        let along = |start: u64, length: u64, from: u64, count: u64| -> Vec<f64> {
            let at = |at: u64| ((at - start) as f64 + 0.5) / length as f64;
            (from..from + count).map(at).collect()
        };
        let ss = along(leaf.x, leaf.width, part.x, part.width);
        let ts = along(leaf.y, leaf.height, part.y, part.height);
        let of = |of: fn(&Point) -> f64, factor: f64| {
            let corners = [0, 1, 2, 3].map(|at| of(&corners[at]));
            vectorised(
                #[inline(always)]
                || side_between(corners, &ss, &ts, factor),
            )
        };
        Self {
            xs: of(|point| point.x, factor.0),
            ys: of(|point| point.y, factor.1),
        }
    }

    /// Those of points that were evaluated.
    pub fn of(points: &[Point], factor: (f64, f64)) -> Self {
        let some = points.iter().map(|point| match point.is_some() {
            true => *point,
            false => Point::NONE,
        });
        Self {
            xs: some.clone().map(|point| point.x / factor.0).collect(),
            ys: some.map(|point| point.y / factor.1).collect(),
        }
    }
}

/// One coordinate at parts of the sides between corners, divided by a factor.
#[inline(always)]
fn side_between([a, b, c, d]: [f64; 4], ss: &[f64], ts: &[f64], factor: f64) -> Vec<f64> {
    let (mut above, mut below) = (ss.to_vec(), ss.to_vec());
    for (at, s) in ss.iter().enumerate() {
        (above[at], below[at]) = ((1.0 - s) * a + s * b, (1.0 - s) * c + s * d);
    }
    let mut all = vec![0.0; ss.len() * ts.len()];
    for (row, t) in all.chunks_exact_mut(ss.len()).zip(ts) {
        let (above, below) = (&above[..row.len()], &below[..row.len()]);
        for at in 0..row.len() {
            row[at] = ((1.0 - t) * above[at] + t * below[at]) / factor;
        }
    }
    all
}

/// The pixels of a part of a leaf at a place in the tile, as one group beside those that lie beyond the source; `None`
/// where they are not easily told apart.
pub fn field(
    warp: &Warp,
    rung: usize,
    kernel: Kernel,
    (to, width): ((usize, usize), usize),
    positions: Positions,
) -> Option<Places> {
    let Positions { xs, ys } = positions;
    let extent = &warp.rungs[rung].extent;
    let size = (extent.size.0 as f64, extent.size.1 as f64);
    let rows = || xs.chunks_exact(width).zip(ys.chunks_exact(width));
    let runs: Option<Vec<Range<usize>>> = rows().map(|(xs, ys)| run(xs, ys, size)).collect();
    let field = Field {
        to,
        width,
        runs: runs?,
        xs,
        ys,
    };
    let count: usize = field.runs.iter().map(|run| run.len()).sum();
    // What a source that goes round has beyond its sides is told one by one.
    let is_all = count == field.xs.len();
    if warp.period.is_some() && !is_all {
        return None;
    }
    let mut none = Vec::new();
    if !is_all {
        for (row, run) in field.runs.iter().enumerate() {
            let outside = (0..run.start).chain(run.end..width);
            none.extend(outside.map(|at| field.place((at, row))));
        }
    }
    if count == 0 {
        return Some(Places {
            groups: Vec::new(),
            none,
        });
    }
    let most = (kernel.most(kernel.scale.0), kernel.most(kernel.scale.1));
    let side = |places: &[f64], scale: f64, most: usize, length: u64| {
        let (least, last) = ends(&field, places);
        let first = kernel.first(least, scale) as i64;
        let end = kernel.first(last, scale) as i64 + most as i64;
        let is_inside = first >= 0 && end <= length as i64;
        (first.max(0)..end.min(length as i64), is_inside)
    };
    let (columns, is_inside) = side(&field.xs, kernel.scale.0, most.0, extent.size.0);
    let (rows, _) = side(&field.ys, kernel.scale.1, most.1, extent.size.1);
    if warp.period.is_some() && !is_inside {
        return None;
    }
    let length = |range: &Range<i64>| (range.end - range.start) as u64;
    let needed = (count * most.0) as u64 * most.1 as u64;
    let all = length(&columns) * length(&rows);
    // Sums take numbers that are larger than samples.
    let bytes = all.saturating_mul((size_of::<f64>() * warp.format.nodata.len()) as u64);
    if !is_together(warp, needed, all) || bytes > MOST_BYTES {
        return None;
    }
    let pixels = Pixels::Field(field);
    let group = Group {
        rung,
        kernel,
        pixels,
        columns,
        rows,
        blocks: OnceCell::new(),
    };
    Some(Places {
        groups: vec![group],
        none,
    })
}

/// The pixels of a row whose places lie in an image, if they are side by side.
fn run(xs: &[f64], ys: &[f64], (width, height): (f64, f64)) -> Option<Range<usize>> {
    let is_inside = |(x, y): (&f64, &f64)| (*x >= 0.0) & (*x < width) & (*y >= 0.0) & (*y < height);
    let inside = || xs.iter().zip(ys).map(is_inside);
    let count = vectorised(
        #[inline(always)]
        || inside().fold(0, |count, is| count + usize::from(is)),
    );
    if count == xs.len() {
        return Some(0..count);
    }
    let start = inside().position(|is| is).unwrap_or(0);
    let is_run = inside().skip(start).take(count).all(|is| is);
    is_run.then_some(start..start + count)
}

/// The least and the greatest place of the pixels of a field, none of which is below zero.
fn ends(field: &Field, places: &[f64]) -> (f64, f64) {
    let (mut least, mut most) = (i64::MAX, 0);
    for row in 0..field.runs.len() {
        let places = &places[field.run(row)];
        vectorised(
            #[inline(always)]
            || {
                for at in places {
                    // Their bits are in the order of such numbers, and are sooner compared; there is no sign of zero.
                    let bits = (at + 0.0).to_bits() as i64;
                    (least, most) = (least.min(bits), most.max(bits));
                }
            },
        );
    }
    (f64::from_bits(least as u64), f64::from_bits(most as u64))
}

/// The pixels of a field that reach furthest to all sides, and some more of them.
pub fn some_of(field: &Field) -> impl Iterator<Item = At> {
    let last = field.runs.len().saturating_sub(1);
    let rows = field.runs.iter().cloned().enumerate();
    rows.flat_map(move |(row, run)| {
        let step = if row == 0 || row == last { 1 } else { 8 };
        let end = run.clone().next_back();
        run.step_by(step).chain(end).map(move |at| (at, row))
    })
}
