//! Select: filters whose output is one of the pixels that it stands for.

use super::line::Line;
use super::sample::Sample;
use super::stage::{Columns, Held, Stage};
use super::{Filter, Format, Step};
use smallvec::SmallVec;
use std::ops::Range;

/// Nearest, mode, least, greatest, median.
pub struct Select<T> {
    held: Held<T>,
}

impl<T: Sample> Select<T> {
    pub fn new(step: Step, format: &Format, columns: Columns) -> Self {
        let held = Held::new(step, format, columns);
        Self { held }
    }

    fn pixel(&self, x: u64, y: u64, band: usize) -> Option<[T; 2]> {
        let held = &self.held;
        let rows = held.step.y.reach(held.step.filter, y);
        let columns = held.place(&held.step.x.reach(held.step.filter, x));
        let data = rows.flat_map(|y| {
            let line = held.line(y, band);
            let data = columns.clone().filter(|x| line.is_data(*x));
            data.map(move |x| (line, x))
        });
        match held.step.filter {
            Filter::Nearest => {
                let (line, x) = { data }.next()?;
                let last = held.format.dtype.parts() - 1;
                Some([0, last].map(|part| line.part(part)[x]))
            }
            filter => {
                let mut data: SmallVec<[T; 9]> = data
                    .map(|(line, x): (&Line<T>, _)| line.part(0)[x])
                    .collect();
                choose(filter, &mut data).map(|sample| [sample; 2])
            }
        }
    }
}

/// One of some samples, which come in the order of rows and columns.
fn choose<T: Sample>(filter: Filter, data: &mut [T]) -> Option<T> {
    match filter {
        Filter::Mode => mode(data),
        Filter::Min => data.iter().copied().min_by(|a, b| a.order(*b)),
        Filter::Max => data.iter().copied().max_by(|a, b| a.order(*b)),
        _ => {
            data.sort_by(|a, b| a.order(*b));
            data.get(data.len().checked_sub(1)? / 2).copied()
        }
    }
}

/// The most frequent value; of several the one that is there so often first.
fn mode<T: Sample>(data: &[T]) -> Option<T> {
    let mut best: Option<(usize, T)> = None;
    for (at, value) in data.iter().enumerate() {
        let count = data[..=at].iter().filter(|it| *it == value).count();
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, *value));
        }
    }
    let (_, value) = best?;
    // Zeros are equal whatever their sign: the first one stands for them.
    data.iter().copied().find(|it| *it == value)
}

impl<T: Sample> Stage for Select<T> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_pixels_is_chosen() {
        let of = |filter, mut data: Vec<i32>| choose(filter, &mut data);
        assert_eq!(of(Filter::Median, vec![4, 1, 3, 2]), Some(2));
        assert_eq!(of(Filter::Median, vec![3, 1, 2]), Some(2));
        assert_eq!(of(Filter::Median, vec![]), None);
        assert_eq!(of(Filter::Mode, vec![1, 2, 2, 1]), Some(2));
        assert_eq!(of(Filter::Mode, vec![1, 2, 1, 2]), Some(1));
        assert_eq!(of(Filter::Mode, vec![3, 2, 1, 0]), Some(3));
        assert_eq!(of(Filter::Min, vec![3, -2, 1]), Some(-2));
        assert_eq!(of(Filter::Max, vec![3, -2, 1]), Some(3));
        let zeros = mode(&[1.0, -0.0, 0.0f32]).expect("a value");
        assert!(zeros == 0.0 && zeros.is_sign_negative());
    }
}
