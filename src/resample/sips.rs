//! SIPS: the two stages by which NGA.STND.0014 (2.2) halves an image, each rounded to the type of the samples.
//!
//! The first smooths every pixel with 7 x 7 taps, the second makes the value between four pixels each way of 4 x 4. The
//! standard prints the taps of the first as decimals; they are products of twelfths.

use super::axis::Axis;
use super::sample::{Sample, Sum};
use super::stage::{Columns, Held, Stage, Writer, halves, span};
use super::weighted::weigh;
use super::{Filter, Format, Step};
use std::collections::VecDeque;
use std::ops::Range;

/// Twelfths for the pixels from three before one to three after it.
const FIRST: [f64; 7] = [-1., 0., 4., 6., 4., 0., -1.];

/// Sixteenths for the pixels from one before the first of a pair to one after the second.
const SECOND: [f64; 4] = [-1., 9., 9., -1.];

/// Rows by their number, each with a vector for each part of each band.
type Rows<V> = VecDeque<(u64, Vec<Vec<V>>)>;

/// Both stages, added up as `A`.
pub struct Sips<T, A> {
    held: Held<T>,
    limits: (i128, i128),
    /// The columns of the first stage.
    columns: Range<u64>,
    /// Of each row that is held, the sums of the first stage along it.
    sums: Rows<A>,
    /// Rows of the first stage.
    first: Rows<T>,
}

/// What the second stage reads of the first for one pixel.
fn pair(axis: &Axis, at: u64) -> [u64; 4] {
    std::array::from_fn(|tap| axis.mirrored(2 * at as i64 + tap as i64 - 1))
}

/// All of that, from the first to the last.
fn pair_span(axis: &Axis, at: u64) -> Range<u64> {
    let pair = pair(axis, at);
    let least = pair.iter().fold(u64::MAX, |least, at| least.min(*at));
    least..pair.iter().fold(0, |most, at| most.max(*at)) + 1
}

fn dot<A: Sum>(weights: &[f64], of: impl Fn(usize) -> A) -> A {
    let products = weights.iter().enumerate();
    products.fold(A::ZERO, |sum, (tap, weight)| {
        sum.plus(A::weight(*weight).times(of(tap)))
    })
}

/// A row among some that follow each other.
fn row<V>(rows: &Rows<V>, y: u64) -> &Vec<Vec<V>> {
    let first = rows.front().map_or(0, |(y, _)| *y);
    &rows[(y - first) as usize].1
}

fn forget<V>(rows: &mut Rows<V>, before: u64) {
    while rows.front().is_some_and(|(y, _)| *y < before) {
        rows.pop_front();
    }
}

impl<T: Sample, A: Sum> Sips<T, A> {
    pub fn new(step: Step, format: &Format, columns: Columns) -> Self {
        debug_assert!(halves(&step), "SIPS does nothing but halve");
        let of_first = span(columns.made.clone(), |at| pair_span(&step.x, at));
        Self {
            limits: format.limits(),
            columns: of_first,
            held: Held::new(step, format, columns),
            sums: VecDeque::new(),
            first: VecDeque::new(),
        }
    }

    /// The sums of the first stage along a row.
    fn along(&self, samples: &[T]) -> Vec<A> {
        let (axis, start) = (&self.held.step.x, self.held.columns.read.start);
        let sum = |x: u64| {
            dot(&FIRST, |tap| {
                let at = axis.mirrored(x as i64 + tap as i64 - 3);
                A::of(samples[(at - start) as usize])
            })
        };
        self.columns.clone().map(sum).collect()
    }

    /// A row of the first stage.
    fn first_row(&self, y: u64) -> Vec<Vec<T>> {
        let axis = &self.held.step.y;
        let rows: [_; 7] = std::array::from_fn(|tap| {
            let at = axis.mirrored(y as i64 + tap as i64 - 3);
            row(&self.sums, at)
        });
        let by = A::weight(144.0);
        let of = |part: usize| {
            let columns = 0..rows[0][part].len();
            let sum = |x: usize| dot(&FIRST, |tap| rows[tap][part][x]);
            columns.map(|x| sum(x).over_even(by, self.limits)).collect()
        };
        (0..rows[0].len()).map(of).collect()
    }

    /// A pixel of the second stage.
    fn second(&self, rows: &[&Vec<Vec<T>>; 4], columns: &[usize; 4], part: usize) -> T {
        let along = |of_row: usize| {
            let samples = &rows[of_row][part];
            dot(&SECOND, |tap| A::of(samples[columns[tap]]))
        };
        dot::<A>(&SECOND, along).over_even(A::weight(256.0), self.limits)
    }

    /// Whether all that both stages read for a pixel is finite data, under one and the same alpha.
    fn is_sound(&self, x: u64, rows: &Range<u64>, band: usize) -> bool {
        let held = &self.held;
        let columns = held.place(&held.step.x.reach(Filter::Sips, x));
        let mut lines = rows.clone().map(|y| held.line(y, band));
        if !lines.all(|line| line.are_sound(&columns)) {
            return false;
        }
        let Some(alpha) = held.format.alpha_of(band) else {
            return true;
        };
        let mut samples = rows
            .clone()
            .flat_map(|y| &held.line(y, alpha).part(0)[columns.clone()]);
        let first = samples.next();
        samples.all(|sample| Some(sample) == first)
    }
}

impl<T: Sample, A: Sum> Stage for Sips<T, A> {
    fn rows(&self, y: u64) -> Range<u64> {
        self.held.step.y.reach(Filter::Sips, y)
    }

    fn add(&mut self, y: u64, rows: &[&[u8]], mask: Option<&[u8]>) {
        self.held.add(y, rows, mask);
        let parts = 0..self.held.format.dtype.parts();
        let all = (0..rows.len()).flat_map(|band| parts.clone().map(move |part| (band, part)));
        let sums = all.map(|(band, part)| self.along(self.held.line(y, band).part(part)));
        let sums = sums.collect();
        self.sums.push_back((y, sums));
    }

    fn make(&mut self, y: u64, out: &mut [&mut [u8]]) {
        let rows = self.rows(y);
        self.held.forget(rows.start);
        forget(&mut self.sums, rows.start);
        let axis = self.held.step.y;
        let of_first = pair_span(&axis, y);
        forget(&mut self.first, of_first.start);
        let next = self.first.back().map_or(0, |(y, _)| y + 1);
        for y in next.max(of_first.start)..of_first.end {
            let made = self.first_row(y);
            self.first.push_back((y, made));
        }
        let parts = self.held.format.dtype.parts();
        let of_second = pair(&axis, y).map(|y| row(&self.first, y));
        for (band, out) in out.iter_mut().enumerate() {
            let writer = Writer::new(&self.held.format, band);
            for (at, x) in self.held.columns.made.clone().enumerate() {
                let sample = if self.is_sound(x, &rows, band) {
                    let columns = pair(&self.held.step.x, x);
                    let columns = columns.map(|x| (x - self.columns.start) as usize);
                    let part = |part: usize| self.second(&of_second, &columns, band * parts + part);
                    Some([0, parts - 1].map(part))
                } else if self.held.has_data(x, y, band) {
                    weigh::<T, A>(&self.held, Filter::Bilinear, (x, y), band)
                } else {
                    None
                };
                writer.write(out, at, sample);
            }
        }
    }
}
