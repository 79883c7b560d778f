//! Axis: which pixels along a side of an image stand for one of the smaller image, and with which weights.

use super::filter::Filter;
use smallvec::SmallVec;
use std::f64::consts::PI;
use std::ops::Range;

/// How a side becomes shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ratio {
    /// Not at all.
    Kept,
    /// Pixel i of the output covers 2i and 2i + 1.
    Half,
    /// The output covers the whole side evenly.
    Even,
}

/// One side of an image and of the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Pixels of the image.
    pub from: u64,
    /// Pixels of the smaller one.
    pub to: u64,
    /// How they go together.
    pub ratio: Ratio,
}

/// Pixels side by side, each with its weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    /// The first pixel.
    pub first: u64,
    /// The weights, whole numbers unless [`Axis::is_whole`] says otherwise.
    pub weights: SmallVec<[f64; 12]>,
}

/// The sine of pi x over pi x.
fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    libm::sin(PI * x) / (PI * x)
}

/// The weight of a kernel at a distance in pixels of the output.
#[inline(always)]
pub fn weight(filter: Filter, x: f64) -> f64 {
    let x = x.abs();
    match filter {
        Filter::Cubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        Filter::Cubic => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        Filter::Lanczos => sinc(x) * sinc(x / 3.0),
        // The variance of the binomial weights of a half, 5/16.
        Filter::Gauss => libm::exp(-1.6 * x * x),
        _ => 1.0 - x,
    }
}

/// How far a kernel reaches to each side, in halves of a pixel of the output.
pub fn reach(filter: Filter) -> i128 {
    match filter {
        Filter::Cubic => 4,
        Filter::Lanczos => 6,
        Filter::Gauss => 3,
        _ => 2,
    }
}

impl Axis {
    /// A side halved, rounded up.
    pub fn half(from: u64) -> Self {
        Self {
            from,
            to: from.div_ceil(2),
            ratio: Ratio::Half,
        }
    }

    /// A side of `from` pixels that becomes `to`, which are no more.
    pub fn new(from: u64, to: u64) -> Self {
        let ratio = match to {
            to if to == from => Ratio::Kept,
            to if to == from.div_ceil(2) => Ratio::Half,
            _ => Ratio::Even,
        };
        Self { from, to, ratio }
    }

    /// Pixels of the image for one of the output.
    pub fn scale(&self) -> f64 {
        match self.ratio {
            Ratio::Kept => 1.0,
            Ratio::Half => 2.0,
            Ratio::Even => self.from as f64 / self.to as f64,
        }
    }

    /// Whether all weights of a filter are small whole numbers.
    pub fn is_whole(&self, filter: Filter) -> bool {
        match self.ratio {
            Ratio::Kept => true,
            Ratio::Half => filter != Filter::Lanczos,
            Ratio::Even => false,
        }
    }

    /// The pixels that one of the output stands for: those of which it covers some part.
    pub fn cell(&self, at: u64) -> Range<u64> {
        match self.ratio {
            Ratio::Kept => at..at + 1,
            Ratio::Half => 2 * at..(2 * at + 2).min(self.from),
            Ratio::Even => {
                let edge = |at: u64| u128::from(at) * u128::from(self.from);
                let to = u128::from(self.to);
                (edge(at) / to) as u64..edge(at + 1).div_ceil(to) as u64
            }
        }
    }

    /// The pixels that a filter reads for one of the output.
    pub fn reach(&self, filter: Filter, at: u64) -> Range<u64> {
        match filter {
            Filter::Nearest => {
                let first = self.cell(at).start;
                first..first + 1
            }
            Filter::Sips if self.ratio == Ratio::Half => self.reach_of_sips(at),
            Filter::Mode | Filter::Min | Filter::Max | Filter::Median | Filter::Rms => {
                self.cell(at)
            }
            _ => {
                let taps = self.taps(filter, at);
                taps.first..taps.first + taps.weights.len() as u64
            }
        }
    }

    /// What the second stage reads of the first, and that of the image.
    fn reach_of_sips(&self, at: u64) -> Range<u64> {
        let around = |centre: i64, before: i64, after: i64| {
            (centre - before..=centre + after).map(|at| self.mirrored(at))
        };
        let first = around(2 * at as i64, 1, 2);
        let all = first.flat_map(|at| around(at as i64, 3, 3));
        let (least, most) = all.fold((u64::MAX, 0), |(least, most), at| {
            (least.min(at), most.max(at))
        });
        least..most + 1
    }

    /// The pixel at a place that may lie beyond the side, mirrored without repeating its ends.
    pub fn mirrored(&self, at: i64) -> u64 {
        let last = self.from as i64 - 1;
        if (0..=last).contains(&at) {
            return at as u64;
        }
        if last == 0 {
            return 0;
        }
        let turn = at.rem_euclid(2 * last);
        turn.min(2 * last - turn) as u64
    }

    /// The pixels that count for one of the output, with their weights in a kernel. What lies beyond the side is left
    /// out.
    pub fn taps(&self, filter: Filter, at: u64) -> Taps {
        match (self.ratio, filter) {
            (Ratio::Kept, _) => Taps {
                first: at,
                weights: SmallVec::from_slice(&[1.0]),
            },
            (_, Filter::Average | Filter::Rms) => self.shares(at),
            (Ratio::Half, Filter::Cubic) => {
                self.cut(at, &[-3., -9., 29., 111., 111., 29., -9., -3.])
            }
            (Ratio::Half, Filter::Gauss) => self.cut(at, &[1., 5., 10., 10., 5., 1.]),
            (Ratio::Half, Filter::Lanczos) => {
                let place = |tap: i32| weight(filter, f64::from(2 * tap - 11) / 4.0);
                self.cut(
                    at,
                    &std::array::from_fn::<f64, 12, _>(|tap| place(tap as i32)),
                )
            }
            (Ratio::Half, _) => self.cut(at, &[1., 3., 3., 1.]),
            (Ratio::Even, _) => self.even(filter, at),
        }
    }

    /// Weights about the middle of the pair of a half.
    fn cut(&self, at: u64, weights: &[f64]) -> Taps {
        let start = 2 * at as i64 + 1 - weights.len() as i64 / 2;
        let before = (-start).max(0) as usize;
        let first = start.max(0) as u64;
        let after = (self.from - first).min((weights.len() - before) as u64) as usize;
        Taps {
            first,
            weights: SmallVec::from_slice(&weights[before..before + after]),
        }
    }

    /// The share of each pixel that is covered, in parts of a pixel.
    fn shares(&self, at: u64) -> Taps {
        let cell = self.cell(at);
        let share = |pixel: u64| match self.ratio {
            Ratio::Even => {
                let edge = |at: u64, by: u64| u128::from(at) * u128::from(by);
                let start = edge(pixel, self.to).max(edge(at, self.from));
                let end = edge(pixel + 1, self.to).min(edge(at + 1, self.from));
                (end - start) as f64
            }
            _ => 1.0,
        };
        Taps {
            first: cell.start,
            weights: cell.map(share).collect(),
        }
    }

    /// A kernel as wide as the scale is large, about the middle of an output pixel.
    fn even(&self, filter: Filter, at: u64) -> Taps {
        let (from, to, at) = (i128::from(self.from), i128::from(self.to), i128::from(at));
        // Distances in parts of 2 * from of an output pixel.
        let distance = |pixel: i128| (2 * pixel + 1) * to - (2 * at + 1) * from;
        let limit = reach(filter) * from;
        // The first pixel whose distance is above -limit.
        let above = ((2 * at + 1) * from - limit - to).div_euclid(2 * to) + 1;
        let inside = (above.max(0)..from).take_while(|pixel| distance(*pixel) < limit);
        let weight = |pixel| weight(filter, distance(pixel) as f64 / (2 * from) as f64);
        Taps {
            first: above.max(0) as u64,
            weights: inside.map(weight).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_moves_on_with_the_output() {
        for filter in Filter::ALL {
            for from in 1..40u64 {
                for to in 1..=from {
                    let axis = Axis::new(from, to);
                    if filter == Filter::Sips && axis.ratio == Ratio::Even {
                        continue;
                    }
                    let reach = (0..to).map(|at| axis.reach(filter, at));
                    let reach: Vec<_> = reach.collect();
                    for (at, read) in reach.iter().enumerate() {
                        assert!(!read.is_empty() && read.end <= from, "{axis:?} {at}");
                        let cell = axis.cell(at as u64);
                        let whole = filter == Filter::Nearest
                            || read.start <= cell.start && read.end >= cell.end;
                        assert!(whole, "{filter:?} {axis:?} {at}");
                    }
                    for pair in reach.windows(2) {
                        let moves = pair[0].start <= pair[1].start && pair[0].end <= pair[1].end;
                        assert!(moves, "{filter:?} {axis:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn kernels_of_a_half_are_those_of_any_ratio() {
        let half = Axis::half(64);
        let even = Axis {
            ratio: Ratio::Even,
            ..half
        };
        for filter in [
            Filter::Average,
            Filter::Bilinear,
            Filter::Cubic,
            Filter::Lanczos,
        ] {
            for at in 0..32 {
                let (half, even) = (half.taps(filter, at), even.taps(filter, at));
                assert_eq!(half.first, even.first, "{filter:?} {at}");
                let ratio = half.weights[0] / even.weights[0];
                for (a, b) in half.weights.iter().zip(&even.weights) {
                    assert!((a - b * ratio).abs() < 1e-9, "{filter:?} {at}");
                }
            }
        }
        // The bell has the variance of the binomial weights.
        let sum = |axis: Axis, of: fn(f64) -> f64| -> f64 {
            let taps = axis.taps(Filter::Gauss, 16);
            let places = taps.weights.iter().enumerate();
            let all: f64 = taps.weights.iter().sum();
            places
                .map(|(at, weight)| of((taps.first + at as u64) as f64 - 32.5) * weight / all)
                .sum()
        };
        assert!((sum(half, |x| x * x) - sum(even, |x| x * x)).abs() < 0.1);
    }
}
