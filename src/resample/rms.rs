//! Rms: the root of the mean square of the pixels that one stands for.

use super::sample::{Sample, Sum};
use super::stage::{Columns, Held, Stage};
use super::{Format, Step};
use std::marker::PhantomData;
use std::ops::Range;

/// The root of the mean square, added up as `A`.
pub struct Rms<T, A> {
    held: Held<T>,
    sums: PhantomData<A>,
}

impl<T: Sample, A: Sum> Rms<T, A> {
    pub fn new(step: Step, format: &Format, columns: Columns) -> Self {
        Self {
            held: Held::new(step, format, columns),
            sums: PhantomData,
        }
    }

    fn pixel(&self, x: u64, y: u64, band: usize) -> Option<[T; 2]> {
        let held = &self.held;
        if !held.has_data(x, y, band) {
            return None;
        }
        let (rows, columns) = (
            held.step.y.taps(held.step.filter, y),
            held.step.x.taps(held.step.filter, x),
        );
        let alpha = held.format.alpha_of(band);
        let (mut squares, mut all) = (A::ZERO, A::ZERO);
        for (y, of_row) in (rows.first..).zip(&rows.weights) {
            let line = held.line(y, band);
            let alpha = alpha.map(|band| held.line(y, band).part(0));
            let first = (columns.first - held.columns.read.start) as usize;
            for (x, weight) in (first..).zip(&columns.weights) {
                if !line.is_finite(x) {
                    continue;
                }
                let mut weight = A::weight(of_row * weight);
                if let Some(alpha) = alpha {
                    weight = weight.times(A::of(alpha[x]));
                }
                let value = A::of(line.part(0)[x]);
                squares = squares.plus(weight.times(value.times(value)));
                all = all.plus(weight);
            }
        }
        let mean = || squares.to_f64() / all.to_f64();
        all.is_positive().then(|| [T::from_f64(mean().sqrt()); 2])
    }
}

impl<T: Sample, A: Sum> Stage for Rms<T, A> {
    fn rows(&self, y: u64) -> Range<u64> {
        self.held.rows(y)
    }

    fn add(&mut self, y: u64, rows: &[&[u8]], mask: Option<&[u8]>) {
        self.held.add(y, rows, mask);
    }

    fn make(&mut self, y: u64, out: &mut [&mut [u8]]) {
        self.held.forget(self.rows(y).start);
        self.held.write(out, |x, band| self.pixel(x, y, band));
    }
}
