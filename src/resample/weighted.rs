//! Weighted: filters whose output is a weighted mean, rows first and then columns.

use super::sample::{Sample, Sum};
use super::stage::{Columns, Held, Stage, Writer, halves};
use super::{Filter, Format, Step};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::ops::Range;

/// A weighted mean, added up as `A`.
pub struct Weighted<T, A> {
    held: Held<T>,
    kernel: Kernel<A>,
    /// The sums along the rows that are held, of each part of each band; none where means are made at once.
    sums: VecDeque<(u64, Vec<Vec<A>>)>,
    /// Each pixel is the mean of two by two, so that sums need not be kept.
    is_mean: bool,
}

/// The weights along a row.
struct Kernel<A> {
    /// For each column of the output where its pixels begin, and which weights they have.
    places: Vec<(usize, usize)>,
    weights: Vec<Vec<A>>,
    /// The sum of the weights for each column.
    all: Vec<A>,
}

impl<A: Sum> Kernel<A> {
    fn new(step: &Step, columns: &Columns) -> Self {
        let (mut places, mut weights, mut all) = (Vec::new(), Vec::new(), Vec::new());
        let mut latest = None;
        for x in columns.made.clone() {
            let taps = step.x.taps(step.filter, x);
            if latest.as_ref() != Some(&taps.weights) {
                let own = taps.weights.iter().map(|weight| A::weight(*weight));
                weights.push(own.collect::<Vec<A>>());
                latest = Some(taps.weights);
            }
            let which = weights.len() - 1;
            places.push(((taps.first - columns.read.start) as usize, which));
            all.push(weights[which].iter().fold(A::ZERO, |sum, w| sum.plus(*w)));
        }
        Self {
            places,
            weights,
            all,
        }
    }

    /// The sums for all columns of the output.
    fn along<T: Sample>(&self, row: &[T]) -> Vec<A> {
        let sum = |(first, which): &(usize, usize)| {
            let weights = &self.weights[*which];
            let pixels = row[*first..].iter().zip(weights);
            pixels.fold(A::ZERO, |sum, (pixel, weight)| {
                sum.plus(weight.times(A::of(*pixel)))
            })
        };
        self.places.iter().map(sum).collect()
    }
}

impl<T: Sample, A: Sum> Weighted<T, A> {
    pub fn new(step: Step, format: &Format, columns: Columns) -> Self {
        Self {
            kernel: Kernel::new(&step, &columns),
            held: Held::new(step, format, columns),
            sums: VecDeque::new(),
            is_mean: step.filter == Filter::Average
                && halves(&step)
                && format.dtype.parts() == 1
                && T::means(&[&[]], &mut []),
        }
    }

    /// Whether alpha is one and the same over some rows, so that exact sums do without it.
    fn is_even(&self, rows: &Range<u64>, alpha: Option<usize>) -> bool {
        let Some(alpha) = alpha else { return true };
        let only = |y| self.held.line(y, alpha).only();
        let first = only(rows.start);
        A::IS_EXACT && first.is_some() && rows.clone().all(|y| only(y) == first)
    }

    /// All pixels of a row as if all were data.
    fn plain(&self, y: u64, band: usize, writer: &Writer<T>, row: &mut [u8]) {
        if self.is_mean {
            let rows = self.held.rows(y);
            let rows: SmallVec<[&[T]; 2]> = rows.map(|y| self.held.line(y, band).part(0)).collect();
            T::means(&rows, row);
            writer.make_way(row);
            return;
        }
        let taps = self.held.step.y.taps(self.held.step.filter, y);
        let first = self.sums.front().map_or(0, |(y, _)| *y);
        let parts = self.held.format.dtype.parts();
        let weights: Vec<A> = taps.weights.iter().map(|w| A::weight(*w)).collect();
        let down = |part: usize| {
            let rows = self.sums.range((taps.first - first) as usize..);
            let rows = rows.map(|(_, sums)| &sums[band * parts + part]);
            add_up(rows.zip(&weights), self.kernel.all.len())
        };
        let same = std::iter::repeat(&self.kernel.all);
        let all = add_up(same.zip(&weights), self.kernel.all.len());
        let (sums, second) = (down(0), (parts > 1).then(|| down(1)));
        for (x, (sum, all)) in sums.iter().zip(&all).enumerate() {
            let other = second.as_ref().map_or(*sum, |second| second[x]);
            writer.write(row, x, Some([sum.over(*all), other.over(*all)]));
        }
    }

    /// A pixel, some of whose taps may be no data.
    fn careful(&self, x: u64, y: u64, band: usize, is_sound: bool) -> Option<[T; 2]> {
        let held = &self.held;
        let filter = held.step.filter;
        if !held.has_data(x, y, band) {
            return None;
        }
        // Without all of its taps a kernel with negative weights is none.
        match filter.has_negative_weights() {
            true => is_sound
                .then(|| weigh::<T, A>(held, filter, (x, y), band))
                .flatten()
                .or_else(|| weigh::<T, A>(held, Filter::Bilinear, (x, y), band)),
            false => weigh::<T, A>(held, filter, (x, y), band),
        }
    }
}

/// The weighted sums of rows, column by column.
fn add_up<'a, A: Sum + 'a>(
    rows: impl Iterator<Item = (&'a Vec<A>, &'a A)>,
    width: usize,
) -> Vec<A> {
    let mut all = vec![A::ZERO; width];
    for (row, weight) in rows {
        for (sum, of_row) in all.iter_mut().zip(row) {
            *sum = sum.plus(weight.times(*of_row));
        }
    }
    all
}

/// The mean of a kernel over what is finite data, if its weights are above zero in all.
pub fn weigh<T: Sample, A: Sum>(
    held: &Held<T>,
    filter: Filter,
    (x, y): (u64, u64),
    band: usize,
) -> Option<[T; 2]> {
    let (rows, columns) = (held.step.y.taps(filter, y), held.step.x.taps(filter, x));
    let alpha = held.format.alpha_of(band);
    let last = held.format.dtype.parts() - 1;
    let (mut sums, mut all) = ([A::ZERO; 2], A::ZERO);
    for (y, of_row) in (rows.first..).zip(&rows.weights) {
        let line = held.line(y, band);
        let alpha = alpha.map(|band| held.line(y, band).part(0));
        let parts = [line.part(0), line.part(last)];
        let first = (columns.first - held.columns.read.start) as usize;
        let (mut along, mut weights) = ([A::ZERO; 2], A::ZERO);
        for (x, weight) in (first..).zip(&columns.weights) {
            if !line.is_finite(x) {
                continue;
            }
            let weight = A::weight(*weight);
            let (mut values, mut count) = (parts.map(|part| A::of(part[x])), weight);
            if let Some(alpha) = alpha {
                let alpha = A::of(alpha[x]);
                values = values.map(|value| alpha.times(value));
                count = weight.times(alpha);
            }
            along = [0, 1].map(|part| along[part].plus(weight.times(values[part])));
            weights = weights.plus(count);
        }
        let of_row = A::weight(*of_row);
        sums = [0, 1].map(|part| sums[part].plus(of_row.times(along[part])));
        all = all.plus(of_row.times(weights));
    }
    all.is_positive().then(|| sums.map(|sum| sum.over(all)))
}

impl<T: Sample, A: Sum> Stage for Weighted<T, A> {
    fn rows(&self, y: u64) -> Range<u64> {
        self.held.rows(y)
    }

    fn add(&mut self, y: u64, rows: &[&[u8]], mask: Option<&[u8]>) {
        self.held.add(y, rows, mask);
        if self.is_mean {
            return;
        }
        let parts = 0..self.held.format.dtype.parts();
        let all = (0..rows.len()).flat_map(|band| parts.clone().map(move |part| (band, part)));
        let sums = all.map(|(band, part)| self.kernel.along(self.held.line(y, band).part(part)));
        self.sums.push_back((y, sums.collect()));
    }

    fn make(&mut self, y: u64, out: &mut [&mut [u8]]) {
        let rows = self.rows(y);
        self.held.forget(rows.start);
        while self.sums.front().is_some_and(|(y, _)| *y < rows.start) {
            self.sums.pop_front();
        }
        for (band, row) in out.iter_mut().enumerate() {
            let writer = Writer::new(&self.held.format, band);
            let is_plain = self.is_even(&rows, self.held.format.alpha_of(band));
            if is_plain {
                self.plain(y, band, &writer, row);
            }
            let is_row_sound = rows.clone().all(|y| self.held.line(y, band).is_sound());
            if is_plain && is_row_sound {
                continue;
            }
            for (at, x) in self.held.columns.made.clone().enumerate() {
                let (first, which) = self.kernel.places[at];
                let columns = first..first + self.kernel.weights[which].len();
                let mut lines = rows.clone().map(|y| self.held.line(y, band));
                let is_sound = lines.all(|line| line.are_sound(&columns));
                if !is_plain || !is_sound {
                    writer.write(row, at, self.careful(x, y, band, is_sound));
                }
            }
        }
    }
}
