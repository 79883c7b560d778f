//! Tables: what a chain makes of each sample of 8 or 16 bits, looked up or, where that gives the same for all of
//! them, computed by a line.

use crate::dtype::DType;
use crate::simd::vectorised;

/// The output for each sample.
#[derive(Debug)]
pub struct Table {
    /// Bytes of a sample of the input.
    input: usize,
    /// Bytes of a sample of the output.
    output: usize,
    entries: Vec<u8>,
    quick: Option<Quick>,
}

/// What gives the same as the entries in less time.
#[derive(Debug)]
enum Quick {
    /// The samples themselves.
    Copy,
    /// A line.
    Line(Line),
}

/// Rows of samples, all of them in the order of their bits.
pub fn all_samples(dtype: DType) -> Vec<u8> {
    match dtype.size() {
        1 => (0..=u8::MAX).collect(),
        _ => (0..=u16::MAX).flat_map(u16::to_ne_bytes).collect(),
    }
}

impl Table {
    /// A table of `entries`, one for each of [`all_samples`]. `limits` are those of a stretch that is all there is.
    pub fn new(input: DType, output: DType, entries: Vec<u8>, limits: Option<(f64, f64)>) -> Self {
        let quick = match (input, output) {
            (of, to) if of == to && entries == all_samples(of) => Some(Quick::Copy),
            (DType::U16 | DType::I16, DType::U8) => limits
                .and_then(|limits| Line::fitting(input, limits, &entries))
                .map(Quick::Line),
            _ => None,
        };
        Self {
            input: input.size(),
            output: output.size(),
            entries,
            quick,
        }
    }

    /// Whether every sample gives this one.
    pub fn is_all(&self, sample: &[u8]) -> bool {
        self.entries
            .chunks_exact(self.output)
            .all(|entry| entry == sample)
    }

    /// Writes the output for a row of samples.
    pub fn run(&self, row: &[u8], out: &mut [u8]) {
        match (&self.quick, self.input, self.output) {
            (Some(Quick::Copy), ..) => out.copy_from_slice(row),
            (Some(Quick::Line(line)), ..) => line.run(row, out),
            (None, 1, 1) => self.look_up::<1, 1>(row, out),
            (None, 1, 2) => self.look_up::<1, 2>(row, out),
            (None, 1, 4) => self.look_up::<1, 4>(row, out),
            (None, 1, _) => self.look_up::<1, 8>(row, out),
            (None, _, 1) => self.look_up::<2, 1>(row, out),
            (None, _, 2) => self.look_up::<2, 2>(row, out),
            (None, _, 4) => self.look_up::<2, 4>(row, out),
            (None, ..) => self.look_up::<2, 8>(row, out),
        }
    }

    fn look_up<const IN: usize, const OUT: usize>(&self, row: &[u8], out: &mut [u8]) {
        let entries = self.entries.as_chunks::<OUT>().0;
        let (row, out) = (row.as_chunks::<IN>().0, out.as_chunks_mut::<OUT>().0);
        // The length says that no index lies beyond.
        match (
            entries.first_chunk::<{ 1 << 16 }>(),
            entries.first_chunk::<{ 1 << 8 }>(),
        ) {
            (Some(entries), _) => {
                for (sample, out) in row.iter().zip(out) {
                    *out = entries[usize::from(u16::from_ne_bytes([sample[0], sample[IN - 1]]))];
                }
            }
            (None, Some(entries)) => {
                for (sample, out) in row.iter().zip(out) {
                    *out = entries[usize::from(sample[0])];
                }
            }
            (None, None) => (),
        }
    }
}

/// A line from samples of 16 bits to codes of 8, in single precision: round(min(x - base, span) slope + start).
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Makes the bits of the least sample 0.
    flip: u16,
    base: u16,
    span: u16,
    slope: f32,
    start: f32,
}

impl Line {
    /// The line that gives just these entries, if one does.
    fn fitting(dtype: DType, (low, high): (f64, f64), entries: &[u8]) -> Option<Self> {
        let flip = if dtype == DType::I16 { 1 << 15 } else { 0 };
        let least = -f64::from(flip);
        let base = (low.floor() - least).clamp(0.0, 65535.0);
        let slope = 255.0 / (high - low);
        let span = (high.ceil() - (base + least)).clamp(0.0, 65535.0);
        let start = (base + least - low) * slope;
        if !(slope.is_finite() && start.is_finite()) {
            return None;
        }
        let slope = slope as f32;
        // Halves are rounded up, which single precision may just miss: so a little more is tried.
        let more = [
            0.0, 4e-6, 8e-6, 1.6e-5, 3.2e-5, 6.4e-5, 1.28e-4, -4e-6, -1.6e-5,
        ];
        let slopes = [slope, slope.next_up(), slope.next_down()];
        let lines = more.iter().flat_map(|more| {
            slopes.map(|slope| Line {
                flip,
                base: base as u16,
                span: span as u16,
                slope,
                start: (start + more) as f32,
            })
        });
        let samples = all_samples(dtype);
        let mut out = vec![0; entries.len()];
        lines.into_iter().find(|line| {
            line.run(&samples, &mut out);
            out == entries
        })
    }

    fn run(&self, row: &[u8], out: &mut [u8]) {
        vectorised(|| {
            let line = *self;
            for (sample, out) in row.as_chunks::<2>().0.iter().zip(out) {
                let above = (u16::from_ne_bytes(*sample) ^ line.flip).saturating_sub(line.base);
                let code = f32::from(above.min(line.span)) * line.slope + line.start;
                let code = if code > 0.0 { code } else { 0.0 };
                let code = if code < 255.0 { code } else { 255.0 };
                // Added to 2^23, a number has no place left for a fraction.
                *out = (code + 8_388_608.0).to_bits() as u8;
            }
        });
    }
}
