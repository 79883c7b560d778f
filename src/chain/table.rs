//! Tables: what a chain makes of each sample of 8 or 16 bits, looked up or, where that gives the same for all of
//! them, computed by a line.

use crate::dtype::DType;
use crate::simd::Line;

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
    /// A line, tried on all samples.
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
                .and_then(|limits| fitting(input, limits, &entries))
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
            (Some(Quick::Line(line)), ..) if line.run(row, out) => (),
            (_, 1, 1) => self.look_up_bytes(row, out),
            (_, 1, 2) => self.look_up::<1, 2>(row, out),
            (_, 1, 4) => self.look_up::<1, 4>(row, out),
            (_, 1, _) => self.look_up::<1, 8>(row, out),
            (_, _, 1) => self.look_up_codes(row, out),
            (_, _, 2) => self.look_up::<2, 2>(row, out),
            (_, _, 4) => self.look_up::<2, 4>(row, out),
            _ => self.look_up::<2, 8>(row, out),
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

impl Table {
    /// Codes of 8 bits for samples of 16, eight of them in one store.
    fn look_up_codes(&self, row: &[u8], out: &mut [u8]) {
        let Some(entries) = self.entries.first_chunk::<{ 1 << 16 }>() else {
            return;
        };
        // The first sample is the lowest one, or the highest where the first byte is.
        let place = |at: u32| {
            if cfg!(target_endian = "little") {
                at
            } else {
                3 - at
            }
        };
        let code =
            |samples: u64, at: u32| entries[usize::from((samples >> (16 * place(at))) as u16)];
        let (rows, rest) = row.as_chunks::<16>();
        let (outs, out_rest) = out.as_chunks_mut::<8>();
        for (samples, out) in rows.iter().zip(outs) {
            let [a, b]: [u64; 2] = bytemuck::cast(*samples);
            *out = [
                code(a, 0),
                code(a, 1),
                code(a, 2),
                code(a, 3),
                code(b, 0),
                code(b, 1),
                code(b, 2),
                code(b, 3),
            ];
        }
        self.look_up::<2, 1>(rest, out_rest);
    }

    /// Codes of 8 bits for as many, likewise.
    fn look_up_bytes(&self, row: &[u8], out: &mut [u8]) {
        let Some(entries) = self.entries.first_chunk::<{ 1 << 8 }>() else {
            return;
        };
        let (rows, rest) = row.as_chunks::<8>();
        let (outs, out_rest) = out.as_chunks_mut::<8>();
        for (samples, out) in rows.iter().zip(outs) {
            let samples = u64::from_le_bytes(*samples);
            *out = std::array::from_fn(|at| entries[usize::from((samples >> (8 * at)) as u8)]);
        }
        self.look_up::<1, 1>(rest, out_rest);
    }
}

/// The line that gives just these entries for all samples of a type, if one does.
fn fitting(dtype: DType, (low, high): (f64, f64), entries: &[u8]) -> Option<Line> {
    let flip = if dtype == DType::I16 { 1 << 15 } else { 0 };
    let least = -f64::from(flip);
    let of = |sample: f64| (sample - least).clamp(0.0, 65535.0);
    let (base, most) = (of(low.floor()), of(high.ceil()));
    let slope = 255.0 / (high - low);
    let start = (base + least - low) * slope;
    if !(slope.is_finite() && start.is_finite()) {
        return None;
    }
    // Halves are rounded up, which single precision may just miss: so a little more is tried, of the slope first.
    let slope = slope as f32;
    let slopes = [
        slope.next_up(),
        slope,
        slope.next_up().next_up(),
        slope.next_down(),
    ];
    let more = [0.0, 4e-6, 8e-6, 1.6e-5, 3.2e-5, 6.4e-5, -4e-6, -1.6e-5];
    let lines = more.iter().flat_map(|more| {
        slopes.map(|slope| Line {
            flip,
            most: most as u16,
            base: base as u16,
            slope,
            start: (start + more) as f32,
        })
    });
    let samples = all_samples(dtype);
    let mut out = vec![0; entries.len()];
    lines
        .into_iter()
        .find(|line| line.run(&samples, &mut out) && out == entries)
}
