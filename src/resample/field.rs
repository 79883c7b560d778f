//! Field: pixels of an output that lie side by side, made together row by row where all that counts for them is data.

use super::axis::{reach, weight};
use super::patch::Patch;
use super::poor::Poor;
use super::sample::Sample;
use super::spot::{by_part, writers};
use super::stage::Writer;
use super::{Filter, Format, Kernel};
use crate::dtype::DType;
use crate::memory::PixelsMut;
use crate::simd::vectorised;
use std::ops::Range;

/// Pixels of an output, row by row, with the places that they come from; all of those lie in the image.
pub struct Field {
    /// Column and row in the output of the first pixel.
    pub to: (usize, usize),
    /// Pixels of a row.
    pub width: usize,
    /// The pixels of each row that it is about.
    pub runs: Vec<Range<usize>>,
    /// Where each pixel is in the image, along its columns.
    pub xs: Vec<f64>,
    /// Along its rows.
    pub ys: Vec<f64>,
}

/// A pixel of a field: place in its row, and row.
pub type At = (usize, usize);

impl Field {
    /// All pixels that it is about.
    pub fn pixels(&self) -> impl Iterator<Item = At> {
        let rows = self.runs.iter().enumerate();
        rows.flat_map(|(row, run)| run.clone().map(move |at| (at, row)))
    }

    /// Column and row of a pixel in the output.
    pub fn place(&self, (at, row): At) -> (usize, usize) {
        (self.to.0 + at, self.to.1 + row)
    }

    /// Where a pixel comes from.
    pub fn from(&self, (at, row): At) -> (f64, f64) {
        let place = row * self.width + at;
        (self.xs[place], self.ys[place])
    }

    /// The pixels of a row that it is about, as places in the lists.
    pub fn run(&self, row: usize) -> Range<usize> {
        let (start, run) = (row * self.width, &self.runs[row]);
        start + run.start..start + run.end
    }
}

impl Kernel {
    /// How far it reaches to each side, in pixels of the image.
    pub(super) fn wide(&self, scale: f64) -> f64 {
        reach(self.filter) as f64 / 2.0 * scale
    }

    /// The most pixels along a side that count at a place.
    pub fn most(&self, scale: f64) -> usize {
        match self.filter {
            Filter::Nearest => 1,
            _ => (2.0 * self.wide(scale)).ceil() as usize,
        }
    }

    /// The first pixel along a side that counts at a place. With those behind it, [`Kernel::most`] in all, are all that
    /// count; some may count for nothing.
    pub fn first(&self, at: f64, scale: f64) -> f64 {
        match self.filter {
            Filter::Nearest => at.floor(),
            _ => first(at, self.wide(scale)),
        }
    }
}

/// The first pixel whose distance from a place is less than a width.
#[inline(always)]
fn first(at: f64, wide: f64) -> f64 {
    let counts = |pixel: f64| (pixel + 0.5 - at).abs() < wide;
    // Sums are off by one pixel where its distance is all but the width.
    let near = (at - wide + 0.5).floor();
    let behind = if counts(near) { near } else { near + 1.0 };
    if counts(near - 1.0) {
        near - 1.0
    } else {
        behind
    }
}

/// Writes all bands of the pixels of a field that follow from finite data alone and whose kernels lie in the patch.
/// Returns the others, which are still to be written.
pub fn write_field(
    kernel: &Kernel,
    format: &Format,
    patch: &Patch,
    field: &Field,
    out: &mut PixelsMut<'_>,
) -> Vec<At> {
    fn of_type<T: Sample>(
        kernel: &Kernel,
        format: &Format,
        patch: &Patch,
        field: &Field,
        out: &mut PixelsMut<'_>,
    ) -> Vec<At> {
        let poor = Poor::new::<T>(patch, format, kernel.filter);
        let mut making = Making::new(kernel, patch, field, poor);
        match kernel.filter {
            _ if !making.has_room() => return field.pixels().collect(),
            Filter::Nearest => pick::<T>(&mut making, patch, out),
            _ => mean::<T>(&mut making, format, patch, out),
        }
        making.left
    }
    if format.dtype.is_complex() {
        return field.pixels().collect();
    }
    by_part!(format.dtype, of_type(kernel, format, patch, field, out))
}

/// A whole number below this, added to it, stands in the low bits.
const MAGIC: f64 = (1u64 << 52) as f64;

/// As many pixels of a row are made at once.
const LANES: usize = 4;

/// What counts along one side for the pixels of a row, and for as many more as make the lanes full.
#[derive(Default)]
struct Side {
    /// How many pixels of the image for each.
    taps: usize,
    /// Pixels of the image for one of the output.
    scale: f64,
    /// How far the kernel reaches.
    wide: f64,
    /// The first pixel of the patch, and how many it has.
    start: f64,
    length: usize,
    /// The first that counts for each, in the patch.
    first: Vec<u32>,
    /// Whether all that count lie in the patch.
    is_inside: Vec<bool>,
    /// The weights of the first of each, then those of the second of each, and so on.
    weights: Vec<f64>,
    /// The sums of the weights of each.
    sums: Vec<f64>,
}

impl Side {
    fn new(kernel: &Kernel, scale: f64, patch: &Range<i64>) -> Self {
        Self {
            taps: kernel.most(scale),
            scale,
            wide: kernel.wide(scale),
            start: patch.start as f64,
            length: (patch.end - patch.start) as usize,
            ..Self::default()
        }
    }

    /// Looks for the pixels that count.
    #[inline(always)]
    fn find(&mut self, places: &[f64], first: impl Fn(f64) -> f64) {
        let (count, lanes) = (places.len(), places.len().next_multiple_of(LANES));
        self.first.clear();
        self.first.resize(lanes, 0);
        self.is_inside.resize(count, false);
        let (start, last) = (self.start, self.length as f64 - self.taps as f64);
        let (firsts, is_inside) = (&mut self.first[..count], &mut self.is_inside[..count]);
        for at in 0..count {
            let place = first(places[at]) - start;
            is_inside[at] = (place >= 0.0) & (place <= last);
            let place = if place > 0.0 { place } else { 0.0 };
            let place = if place < last { place } else { last };
            firsts[at] = (place + MAGIC).to_bits() as u32;
        }
    }

    /// Weighs them.
    #[inline(always)]
    fn weigh(&mut self, places: &[f64], weight: impl Fn(f64) -> f64) {
        let (count, lanes) = (places.len(), self.first.len());
        self.weights.resize(lanes * self.taps, 0.0);
        self.sums.clear();
        self.sums.resize(count, 0.0);
        let (firsts, sums) = (&self.first[..count], &mut self.sums[..count]);
        for (tap, weights) in self.weights.chunks_exact_mut(lanes).enumerate() {
            let (weights, before) = (&mut weights[..count], self.start + tap as f64);
            for at in 0..count {
                let distance = before + f64::from(firsts[at]) + 0.5 - places[at];
                let own = weight(distance);
                let own = if distance.abs() < self.wide { own } else { 0.0 };
                weights[at] = own;
                sums[at] += own;
            }
        }
    }

    /// Weighs them as a kernel of one pixel does, or a wider one.
    #[inline(always)]
    fn weigh_scaled(&mut self, places: &[f64], weight: impl Fn(f64) -> f64) {
        let scale = self.scale;
        match scale == 1.0 {
            true => self.weigh(places, weight),
            false => self.weigh(places, |distance| weight(distance / scale)),
        }
    }

    #[inline(always)]
    fn weigh_by(&mut self, filter: Filter, places: &[f64]) {
        match filter {
            Filter::Cubic => self.weigh_scaled(places, |x| weight(Filter::Cubic, x)),
            Filter::Lanczos => self.weigh_scaled(places, |x| weight(Filter::Lanczos, x)),
            _ => self.weigh_scaled(places, |x| weight(Filter::Bilinear, x)),
        }
    }
}

/// A field whose rows are made.
struct Making<'a> {
    kernel: &'a Kernel,
    field: &'a Field,
    /// Pixels of a row of the patch.
    width: usize,
    poor: Poor,
    columns: Side,
    rows: Side,
    /// Whether each pixel of the row can be made.
    is_good: Vec<bool>,
    values: Vec<f64>,
    /// Weights of the pixels in all.
    weights: Vec<f64>,
    /// The same, multiplied by alpha.
    opaque: Vec<f64>,
    left: Vec<At>,
}

impl<'a> Making<'a> {
    fn new(kernel: &'a Kernel, patch: &'a Patch, field: &'a Field, poor: Poor) -> Self {
        Self {
            kernel,
            field,
            width: patch.size().0,
            poor,
            columns: Side::new(kernel, kernel.scale.0, &patch.columns),
            rows: Side::new(kernel, kernel.scale.1, &patch.rows),
            is_good: Vec::new(),
            values: Vec::new(),
            weights: Vec::new(),
            opaque: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Whether the patch has as many pixels as the kernel takes.
    fn has_room(&self) -> bool {
        let (columns, rows) = (&self.columns, &self.rows);
        columns.taps <= columns.length && rows.taps <= rows.length
    }

    /// Looks for the pixels that count for a row.
    #[inline(always)]
    fn find(&mut self, row: usize) {
        let run = self.field.run(row);
        let (xs, ys) = (&self.field.xs[run.clone()], &self.field.ys[run]);
        let (columns, rows) = (&mut self.columns, &mut self.rows);
        if self.kernel.filter == Filter::Nearest {
            columns.find(xs, f64::floor);
            rows.find(ys, f64::floor);
        } else {
            let wide = (columns.wide, rows.wide);
            columns.find(xs, |at| first(at, wide.0));
            rows.find(ys, |at| first(at, wide.1));
        }
        self.is_good.resize(xs.len(), true);
        for at in 0..xs.len() {
            self.is_good[at] = columns.is_inside[at] & rows.is_inside[at];
        }
        if self.poor.is_any() {
            for at in 0..xs.len() {
                let (x, y) = (columns.first[at] as usize, rows.first[at] as usize);
                let is_poor = self.poor.is_in(x..x + columns.taps, y..y + rows.taps);
                self.is_good[at] &= !is_poor;
            }
        }
    }

    /// Notes which pixels of a row are not made.
    fn leave(&mut self, row: usize) {
        if self.is_good.iter().all(|is_good| *is_good) {
            return;
        }
        let run = self.field.runs[row].clone();
        let left = run.zip(&self.is_good).filter(|(_, is_good)| !**is_good);
        self.left.extend(left.map(|(at, _)| (at, row)));
    }

    /// Finds what counts for a row, with how much.
    #[inline(always)]
    fn weigh(&mut self, row: usize) {
        self.find(row);
        let (filter, run) = (self.kernel.filter, self.field.run(row));
        self.columns.weigh_by(filter, &self.field.xs[run.clone()]);
        self.rows.weigh_by(filter, &self.field.ys[run]);
        self.add_weights();
    }

    /// Adds up the weights for each pixel of a row.
    #[inline(always)]
    fn add_weights(&mut self) {
        let (count, lanes) = (self.is_good.len(), self.rows.first.len());
        self.weights.clear();
        self.weights.resize(lanes, 0.0);
        let (sums, along) = (&mut self.weights[..count], &self.columns.sums[..count]);
        for of_row in self.rows.weights.chunks_exact(lanes) {
            let of_row = &of_row[..count];
            for at in 0..count {
                sums[at] += of_row[at] * along[at];
            }
        }
        let all = self.is_good.iter_mut().zip(sums.iter());
        all.for_each(|(is_good, sum)| *is_good &= *sum > 0.0);
    }

    /// Adds up the samples of a plane for each pixel of a row.
    fn add(&mut self, plane: &[f64]) {
        macro_rules! of_taps {
            ($($taps:literal)*) => {
                match self.columns.taps {
                    $($taps => vectorised(#[inline(always)] || self.add_by::<$taps>(plane)),)*
                    _ => vectorised(#[inline(always)] || self.add_by::<0>(plane)),
                }
            };
        }
        of_taps!(2 3 4 5 6)
    }

    /// The same with so many columns for each; 0 is as many as the kernel has.
    #[inline(always)]
    fn add_by<const TAPS: usize>(&mut self, plane: &[f64]) {
        let taps = if TAPS > 0 { TAPS } else { self.columns.taps };
        let (lanes, width) = (self.columns.first.len(), self.width);
        self.values.resize(lanes, 0.0);
        let (of_columns, of_rows) = (&self.columns.weights[..], &self.rows.weights[..]);
        let xs = self.columns.first.as_chunks::<LANES>().0;
        let ys = self.rows.first.as_chunks::<LANES>().0;
        let values = self.values.as_chunks_mut::<LANES>().0;
        for (nth, ((xs, ys), value)) in xs.iter().zip(ys).zip(values).enumerate() {
            let weights = |all: &[f64], tap: usize| -> [f64; LANES] {
                let start = tap * lanes + nth * LANES;
                let own = &all[start..start + LANES];
                std::array::from_fn(|lane| own[lane])
            };
            let mut first = [0; LANES];
            for lane in 0..LANES {
                first[lane] = ys[lane] as usize * width + xs[lane] as usize;
            }
            let mut sums = [0.0; LANES];
            for line in 0..self.rows.taps {
                let samples: [&[f64]; LANES] =
                    std::array::from_fn(|lane| &plane[first[lane] + line * width..][..taps]);
                let mut along = [0.0; LANES];
                for tap in 0..taps {
                    let weights = weights(of_columns, tap);
                    let samples = samples.map(|samples| samples[tap]);
                    for lane in 0..LANES {
                        along[lane] += weights[lane] * samples[lane];
                    }
                }
                let weights = weights(of_rows, line);
                for lane in 0..LANES {
                    sums[lane] += weights[lane] * along[lane];
                }
            }
            *value = sums;
        }
    }
}

/// Takes a pixel for each of a field.
fn pick<T: Sample>(making: &mut Making<'_>, patch: &Patch, out: &mut PixelsMut<'_>) {
    let (width, height) = patch.size();
    let field = making.field;
    let rows = field.runs.iter().enumerate();
    for (row, _) in rows.filter(|(_, run)| !run.is_empty()) {
        vectorised(
            #[inline(always)]
            || making.find(row),
        );
        making.leave(row);
        for (band, plane) in patch
            .samples::<T>()
            .chunks_exact(width * height)
            .enumerate()
        {
            let out = samples_of::<T>(field, row, band, out);
            for (at, out) in out.chunks_exact_mut(size_of::<T>()).enumerate() {
                let (x, y) = (making.columns.first[at], making.rows.first[at]);
                let sample = plane[y as usize * width + x as usize];
                out.copy_from_slice(bytemuck::bytes_of(&sample));
            }
        }
    }
}

/// The samples of all bands of a patch as sums take them: multiplied by those of alpha, but for alpha itself.
fn planes<T: Sample>(patch: &Patch, format: &Format) -> Vec<Vec<f64>> {
    let (width, height) = patch.size();
    let samples: Vec<&[T]> = patch.samples().chunks_exact(width * height).collect();
    let plane = |band: usize| {
        let alpha = format.alpha_of(band).map(|alpha| samples[alpha]);
        let own = samples[band];
        let mut plane = vec![0.0; own.len()];
        vectorised(
            #[inline(always)]
            || match alpha {
                None => {
                    for at in 0..own.len() {
                        plane[at] = own[at].to_f64();
                    }
                }
                Some(alpha) => {
                    let alpha = &alpha[..own.len()];
                    for at in 0..own.len() {
                        plane[at] = alpha[at].to_f64() * own[at].to_f64();
                    }
                }
            },
        );
        plane
    };
    (0..samples.len()).map(plane).collect()
}

/// Makes the means of a field.
fn mean<T: Sample>(
    making: &mut Making<'_>,
    format: &Format,
    patch: &Patch,
    out: &mut PixelsMut<'_>,
) {
    let planes = planes::<T>(patch, format);
    let writers: Vec<Writer<T>> = writers(format);
    let field = making.field;
    let rows = field.runs.iter().enumerate();
    for (row, _) in rows.filter(|(_, run)| !run.is_empty()) {
        vectorised(
            #[inline(always)]
            || making.weigh(row),
        );
        if let Some(alpha) = format.alpha {
            making.add(&planes[alpha]);
            std::mem::swap(&mut making.values, &mut making.opaque);
            let opaque = making.is_good.iter_mut().zip(&making.opaque);
            opaque.for_each(|(is_good, weight)| *is_good &= *weight > 0.0);
        }
        making.leave(row);
        for (band, plane) in planes.iter().enumerate() {
            making.add(plane);
            let weights = match format.alpha_of(band) {
                Some(_) => &making.opaque,
                None => &making.weights,
            };
            let out = samples_of::<T>(field, row, band, out);
            vectorised(
                #[inline(always)]
                || divide::<T>(&making.values, weights, out),
            );
            writers[band].make_way(out);
        }
    }
}

/// Writes sums over weights.
#[inline(always)]
fn divide<T: Sample>(sums: &[f64], weights: &[f64], out: &mut [u8]) {
    let weights = &weights[..sums.len()];
    for (at, out) in out.chunks_exact_mut(size_of::<T>()).enumerate() {
        let mean = T::from_f64(sums[at] / weights[at]);
        out.copy_from_slice(bytemuck::bytes_of(&mean));
    }
}

/// The bytes of a band of the pixels of a row that a field is about.
fn samples_of<'a, T>(
    field: &Field,
    row: usize,
    band: usize,
    out: &'a mut PixelsMut<'_>,
) -> &'a mut [u8] {
    let run = &field.runs[row];
    let place = |at: usize| (field.to.0 + at) * size_of::<T>();
    &mut out.row_mut(band, field.to.1 + row)[place(run.start)..place(run.end)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_that_count_are_found_at_every_place() {
        let mut seed = 1u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
            (seed >> 33) % below
        };
        for filter in [Filter::Bilinear, Filter::Cubic, Filter::Lanczos] {
            for scale in [1.0, 1.0 + f64::EPSILON, 1.5, 1.75, 2.0, 3.3, 7.25] {
                let kernel = Kernel {
                    filter,
                    scale: (scale, scale),
                };
                let wide = kernel.wide(scale);
                for _ in 0..2000 {
                    // Quarters of pixels, and all but those.
                    let near = random(400) as f64 / 4.0;
                    let at = match random(3) {
                        0 => near.next_up(),
                        1 => near.next_down().max(0.0),
                        _ => near,
                    };
                    let counts = |pixel: &i64| (*pixel as f64 + 0.5 - at).abs() < wide;
                    let all: Vec<i64> = (-30..140).filter(counts).collect();
                    let first = kernel.first(at, scale);
                    assert_eq!(first, all[0] as f64, "{filter:?} {scale} {at}");
                    assert!(all.len() <= kernel.most(scale), "{filter:?} {scale} {at}");
                    assert_eq!(
                        kernel.range(at, at, scale),
                        all[0]..all[0] + all.len() as i64
                    );
                }
            }
        }
    }
}
