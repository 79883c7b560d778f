//! Line: a row of samples of one band, with which of them are data.

use super::format::Format;
use super::sample::Sample;
use crate::nodata::mark_data;
use std::ops::Range;

/// A sample is data.
const DATA: u8 = 1;

/// It is data that sums stand.
const FINITE: u8 = 2;

/// A row of one band.
pub struct Line<T> {
    width: usize,
    /// One part after the other.
    samples: Vec<T>,
    /// What each sample is; empty where all are finite data.
    states: Vec<u8>,
    /// How many samples before each place are not [`FINITE`]; empty where all are.
    poor: Vec<u32>,
}

/// What tells of a row which samples are data, beside themselves.
pub struct Told<'a, T> {
    /// 255 where pixels are data.
    pub mask: Option<&'a [u8]>,
    /// The alpha band.
    pub alpha: Option<&'a Line<T>>,
}

impl<T: Sample> Line<T> {
    /// The row of a band.
    pub fn new(bytes: &[u8], format: &Format, band: usize, told: &Told<'_, T>) -> Self {
        let parts = format.dtype.parts();
        let width = bytes.len() / format.dtype.size();
        let samples = bytes
            .chunks_exact(size_of::<T>())
            .map(bytemuck::pod_read_unaligned::<T>);
        let samples: Vec<T> = match parts {
            1 => samples.collect(),
            _ => {
                let pairs: Vec<T> = samples.collect();
                let part = |part: usize| pairs.iter().skip(part).step_by(2).copied();
                part(0).chain(part(1)).collect()
            }
        };
        let mut line = Self {
            width,
            samples,
            states: Vec::new(),
            poor: Vec::new(),
        };
        line.look(bytes, format, band, told);
        line
    }

    /// Finds out which samples are data.
    fn look(&mut self, bytes: &[u8], format: &Format, band: usize, told: &Told<'_, T>) {
        let all_finite = self.samples.iter().all(|sample| sample.is_finite());
        let nodata = format.nodata[band].as_ref();
        if all_finite && nodata.is_none() && told.mask.is_none() && told.alpha.is_none() {
            return;
        }
        let mut data = vec![if nodata.is_some() { 0 } else { 255 }; self.width];
        if let Some(nodata) = nodata {
            mark_data(&mut data, format.dtype, bytes, nodata);
        }
        if let Some(mask) = told.mask {
            let pairs = data.iter_mut().zip(mask);
            pairs.for_each(|(data, mask)| *data = if *mask == 255 { *data } else { 0 });
        }
        if let Some(alpha) = told.alpha {
            for (data, alpha) in data.iter_mut().zip(&alpha.samples) {
                let counts = alpha.is_positive() && alpha.is_finite();
                *data = if counts { *data } else { 0 };
            }
        }
        let parts = self.samples.len() / self.width.max(1);
        let each = |at: usize, is: fn(T) -> bool| {
            (0..parts).all(|part| is(self.samples[part * self.width + at]))
        };
        let mut poor = Vec::with_capacity(self.width + 1);
        poor.push(0);
        for (at, state) in data.iter_mut().enumerate() {
            let is_data = *state != 0 && each(at, T::is_number);
            let is_finite = is_data && each(at, T::is_finite);
            *state = if is_data { DATA } else { 0 } | if is_finite { FINITE } else { 0 };
            poor.push(poor[at] + u32::from(!is_finite));
        }
        if poor[self.width] > 0 {
            (self.states, self.poor) = (data, poor);
        }
    }

    /// The samples of a part.
    pub fn part(&self, part: usize) -> &[T] {
        &self.samples[part * self.width..][..self.width]
    }

    /// Whether a sample is data.
    pub fn is_data(&self, at: usize) -> bool {
        self.states.is_empty() || self.states[at] & DATA != 0
    }

    /// Whether it is finite data.
    pub fn is_finite(&self, at: usize) -> bool {
        self.states.is_empty() || self.states[at] & FINITE != 0
    }

    /// Whether all samples are finite data.
    pub fn is_sound(&self) -> bool {
        self.poor.is_empty()
    }

    /// Whether those in a range are.
    pub fn are_sound(&self, range: &Range<usize>) -> bool {
        self.poor.is_empty() || self.poor[range.start] == self.poor[range.end]
    }

    /// The sample that all are, if they are one and the same.
    pub fn only(&self) -> Option<T> {
        let first = *self.samples.first()?;
        self.samples.iter().all(|it| *it == first).then_some(first)
    }
}
