//! Poor: where in a patch are samples that no sum may take in.

use super::format;
use super::patch::Patch;
use super::sample::Sample;
use super::{Filter, Format};
use crate::dtype::DType;
use crate::simd::vectorised;
use std::ops::Range;

/// A sample beyond this may make a sum infinite.
const LARGEST: f64 = 1e300;

/// How many pixels of a patch above and left of each place are poor: no data in any band, or not finite.
pub struct Poor {
    /// Empty where none are.
    sums: Vec<u32>,
    /// Sums of a row.
    width: usize,
}

impl Poor {
    /// Those of a patch, for a filter that takes one pixel or many.
    pub fn new<T: Sample>(patch: &Patch, format: &Format, filter: Filter) -> Self {
        let (width, height) = patch.size();
        let none = Self {
            sums: Vec::new(),
            width: width + 1,
        };
        let is_whole = !matches!(format.dtype.part(), DType::F32 | DType::F64);
        let mut poor: Vec<bool> = Vec::new();
        let mut note = |plane: &mut dyn Iterator<Item = bool>| {
            poor.resize(width * height, false);
            poor.iter_mut().zip(plane).for_each(|(all, is)| *all |= is);
        };
        // What is not data is nodata, and a whole number of it stands for itself; but where alpha is none it is 0.
        let stays =
            |band: usize| filter == Filter::Nearest && is_whole && format.alpha != Some(band);
        let planes = patch.samples::<T>().chunks_exact(width * height);
        for (band, plane) in planes.enumerate() {
            let nodata = format.nodata[band].filter(|_| !stays(band));
            let nodata = nodata.map(|nodata| format::parts::<T>(&nodata, 1)[0]);
            let is_none = move |sample: &T| nodata == Some(*sample);
            let is_infinite = |sample: &T| {
                let is_sound = sample.is_finite() && sample.to_f64().abs() <= LARGEST;
                !is_sound
            };
            let is_clear = |sample: &T| !sample.is_positive();
            if nodata.is_some() && any(plane, is_none) {
                note(&mut plane.iter().map(is_none));
            }
            if !is_whole && any(plane, is_infinite) {
                note(&mut plane.iter().map(is_infinite));
            }
            if format.alpha == Some(band) && any(plane, is_clear) {
                note(&mut plane.iter().map(is_clear));
            }
        }
        if let Some(mask) = &patch.mask {
            let is_masked = |data: &u8| *data != 255;
            if any(mask, is_masked) {
                note(&mut mask.iter().map(is_masked));
            }
        }
        match poor.is_empty() {
            true => none,
            false => none.add_up(&poor),
        }
    }

    fn add_up(mut self, poor: &[bool]) -> Self {
        self.sums = vec![0; self.width];
        for row in poor.chunks_exact(self.width - 1) {
            let above = self.sums.len() - self.width;
            let mut along = 0;
            self.sums.push(0);
            for (at, is_poor) in row.iter().enumerate() {
                along += u32::from(*is_poor);
                self.sums.push(self.sums[above + 1 + at] + along);
            }
        }
        self
    }

    /// Whether there are any at all.
    pub fn is_any(&self) -> bool {
        !self.sums.is_empty()
    }

    /// Whether there are any in a rectangle.
    pub fn is_in(&self, columns: Range<usize>, rows: Range<usize>) -> bool {
        let at = |x: usize, y: usize| self.sums[y * self.width + x];
        let below = at(columns.end, rows.end) - at(columns.start, rows.end);
        below != at(columns.end, rows.start) - at(columns.start, rows.start)
    }
}

/// Whether any sample is like that. Looks at all of them, many at once.
fn any<T: Copy>(samples: &[T], is: impl Fn(&T) -> bool) -> bool {
    vectorised(
        #[inline(always)]
        || samples.iter().fold(false, |any, sample| any | is(sample)),
    )
}
