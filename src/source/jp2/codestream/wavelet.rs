//! The inverse wavelets (Annex F) of a part of a resolution.
//!
//! Both are lifted: every other sample changes by a sum of its neighbours, then those between them do. At the ends
//! samples are mirrored. A part is computed with a margin around it, as wide as what is wrong at ends that are none
//! reaches; so what comes out does not depend on the part, and that bit by bit.

use super::grid::Area;
use crate::simd::vectorised;
use std::ops::Range;

/// A wavelet.
pub trait Wavelet {
    /// A coefficient, and a sample.
    type Sample: Copy + Default + Send + 'static;

    /// Samples beyond a part that it depends on.
    const MARGIN: u64;

    /// How often samples are lifted: first those of even places, last those of odd ones.
    const STEPS: usize;

    /// A low coefficient before it is lifted.
    fn low(sample: Self::Sample) -> Self::Sample;

    /// A high one.
    fn high(sample: Self::Sample) -> Self::Sample;

    /// A sample lifted by its two neighbours, in a step counted from 0.
    fn lift(
        step: usize,
        sample: Self::Sample,
        one: Self::Sample,
        other: Self::Sample,
    ) -> Self::Sample;

    /// The only sample of a line, at an odd place.
    fn alone(sample: Self::Sample) -> Self::Sample;
}

/// The wavelet of whole numbers, 5-3.
pub struct Reversible;

impl Wavelet for Reversible {
    type Sample = i32;
    const MARGIN: u64 = 2;
    const STEPS: usize = 2;

    #[inline(always)]
    fn low(sample: i32) -> i32 {
        sample
    }

    #[inline(always)]
    fn high(sample: i32) -> i32 {
        sample
    }

    #[inline(always)]
    fn lift(step: usize, sample: i32, one: i32, other: i32) -> i32 {
        let sum = one.wrapping_add(other);
        match step {
            0 => sample.wrapping_sub(sum.wrapping_add(2) >> 2),
            _ => sample.wrapping_add(sum >> 1),
        }
    }

    fn alone(sample: i32) -> i32 {
        sample / 2
    }
}

/// The wavelet of fractions, 9-7. Its high coefficients are half as large as the standard has them, and so are the
/// steps of those subbands.
pub struct Irreversible;

impl Irreversible {
    const ALPHA: f32 = -1.586_134_342_f64 as f32;
    const BETA: f32 = -0.052_980_118_f64 as f32;
    const GAMMA: f32 = 0.882_911_075_f64 as f32;
    const DELTA: f32 = 0.443_506_852_f64 as f32;
    const K: f32 = 1.230_174_105_f64 as f32;
    const TWO_BY_K: f32 = 1.625_732_422_f64 as f32;
}

impl Wavelet for Irreversible {
    type Sample = f32;
    const MARGIN: u64 = 4;
    const STEPS: usize = 4;

    #[inline(always)]
    fn low(sample: f32) -> f32 {
        sample * Self::K
    }

    #[inline(always)]
    fn high(sample: f32) -> f32 {
        sample * Self::TWO_BY_K
    }

    #[inline(always)]
    fn lift(step: usize, sample: f32, one: f32, other: f32) -> f32 {
        let factor = match step {
            0 => Self::DELTA,
            1 => Self::GAMMA,
            2 => Self::BETA,
            _ => Self::ALPHA,
        };
        sample - (one + other) * factor
    }

    fn alone(sample: f32) -> f32 {
        sample
    }
}

/// The part of a resolution that has to be computed for a part of it that is wanted.
pub fn with_margin(part: &Area, all: &Area, margin: u64) -> Area {
    let along = |part: &Range<u64>, all: &Range<u64>| {
        part.start.saturating_sub(margin).max(all.start)..(part.end + margin).min(all.end)
    };
    Area {
        x: along(&part.x, &all.x),
        y: along(&part.y, &all.y),
    }
}

/// The coefficients of a subband under a part of a resolution; `high` says whether it is the high one along each axis.
pub fn under(part: &Area, high: (bool, bool)) -> Area {
    let along = |range: &Range<u64>, high: bool| match high {
        false => range.start.div_ceil(2)..range.end.div_ceil(2),
        true => range.start / 2..range.end / 2,
    };
    Area {
        x: along(&part.x, high.0),
        y: along(&part.y, high.1),
    }
}

/// Puts a part of a resolution together out of the four subbands under it: LL, HL, LH, HH, row by row.
pub fn inverse<W: Wavelet>(part: &Area, bands: [&[W::Sample]; 4], out: &mut [W::Sample]) {
    let (width, height) = (part.width(), part.height());
    let widths = [false, true].map(|high| under(part, (high, false)).width());
    let mut line = Line::<W>::new(part.x.start, widths);
    let first = (part.y.start % 2) as usize;
    // The row of each step that goes on when a row has come.
    for at in 0..height + W::STEPS {
        if at < height {
            // Whether it is a high row, and its place among those.
            let (high, row) = ((at + first) % 2, at / 2);
            let low_part = &bands[2 * high][row * widths[0]..][..widths[0]];
            let high_part = &bands[2 * high + 1][row * widths[1]..][..widths[1]];
            let to = &mut out[at * width..][..width];
            vectorised(|| {
                line.inverse(low_part, high_part, to);
                if height > 1 {
                    match high {
                        0 => to.iter_mut().for_each(|sample| *sample = W::low(*sample)),
                        _ => to.iter_mut().for_each(|sample| *sample = W::high(*sample)),
                    }
                } else if high == 1 {
                    to.iter_mut().for_each(|sample| *sample = W::alone(*sample));
                }
            });
        }
        for step in 0..W::STEPS {
            let Some(row) = at.checked_sub(step + 1) else {
                continue;
            };
            if row >= height || height == 1 || (row + first) % 2 != step % 2 {
                continue;
            }
            lift_row::<W>(step, row, (width, height), out);
        }
    }
}

/// Lifts a row by those above and below it.
fn lift_row<W: Wavelet>(
    step: usize,
    row: usize,
    (width, height): (usize, usize),
    out: &mut [W::Sample],
) {
    let (above, rest) = out.split_at_mut(row * width);
    let (own, below) = rest.split_at_mut(width);
    let (up, down) = (row > 0, row + 1 < height);
    let above = if up {
        &above[(row - 1) * width..]
    } else {
        &below[..width]
    };
    let below = if down { &below[..width] } else { above };
    vectorised(|| match step {
        0 => lift_each::<W, 0>(own, above, below),
        1 => lift_each::<W, 1>(own, above, below),
        2 => lift_each::<W, 2>(own, above, below),
        _ => lift_each::<W, 3>(own, above, below),
    });
}

#[inline(always)]
fn lift_each<W: Wavelet, const STEP: usize>(
    own: &mut [W::Sample],
    one: &[W::Sample],
    other: &[W::Sample],
) {
    for ((sample, one), other) in own.iter_mut().zip(one).zip(other) {
        *sample = W::lift(STEP, *sample, *one, *other);
    }
}

/// The memory in which a row is put together: its low and its high coefficients, with one more at both ends.
struct Line<W: Wavelet> {
    /// The row begins with a high coefficient.
    begins_high: bool,
    low: Vec<W::Sample>,
    high: Vec<W::Sample>,
}

impl<W: Wavelet> Line<W> {
    fn new(start: u64, widths: [usize; 2]) -> Self {
        let empty = |width: usize| vec![W::Sample::default(); width + 2];
        Self {
            begins_high: start % 2 == 1,
            low: empty(widths[0]),
            high: empty(widths[1]),
        }
    }

    #[inline(always)]
    fn inverse(&mut self, low: &[W::Sample], high: &[W::Sample], to: &mut [W::Sample]) {
        match (low, high) {
            ([only], []) => return to[0] = *only,
            ([], [only]) => return to[0] = W::alone(*only),
            _ => (),
        }
        for (to, sample) in self.low[1..].iter_mut().zip(low) {
            *to = W::low(*sample);
        }
        for (to, sample) in self.high[1..].iter_mut().zip(high) {
            *to = W::high(*sample);
        }
        let (lows, highs) = (low.len(), high.len());
        let begins_high = usize::from(self.begins_high);
        for step in 0..W::STEPS {
            // The neighbours of the nth: that place and the one behind it, counted with the one more at the front.
            let (own, count, others, other_count, from) = match step % 2 {
                0 => (&mut self.low, lows, &mut self.high, highs, begins_high),
                _ => (&mut self.high, highs, &mut self.low, lows, 1 - begins_high),
            };
            others[0] = others[1];
            others[other_count + 1] = others[other_count];
            let one = &others[from..from + count];
            let other = &others[from + 1..from + 1 + count];
            let own = &mut own[1..=count];
            match step {
                0 => lift_each::<W, 0>(own, one, other),
                1 => lift_each::<W, 1>(own, one, other),
                2 => lift_each::<W, 2>(own, one, other),
                _ => lift_each::<W, 3>(own, one, other),
            }
        }
        let (first, second) = match self.begins_high {
            false => (&self.low[1..], &self.high[1..]),
            true => (&self.high[1..], &self.low[1..]),
        };
        let (pairs, last) = to.as_chunks_mut::<2>();
        for ((pair, first), second) in pairs.iter_mut().zip(first).zip(second) {
            *pair = [*first, *second];
        }
        if let [last] = last {
            *last = first[pairs.len()];
        }
    }
}
