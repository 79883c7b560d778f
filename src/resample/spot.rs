//! Spot: what an image is at a place between its pixels, over as many of them as one pixel of an output stands for.

use super::axis::weight;
use super::patch::Lines;
use super::sample::Sample;
use super::stage::Writer;
use super::tally::Tally;
use super::{Filter, Format, Patch};
use crate::dtype::DType;
use crate::memory::PixelsMut;
use smallvec::SmallVec;
use std::ops::Range;

/// How the pixels about a place become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kernel {
    /// One that warps know.
    pub filter: Filter,
    /// How many pixels along columns and rows one of the output stands for, at least 1; not what an average takes, or a choice, which is all that it covers.
    pub scale: (f64, f64),
}

/// A pixel of an output and the place that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Spot {
    /// Column and row in the output.
    pub to: (usize, usize),
    /// Where it is in the image; of an average or a choice the corner at the top left of what it covers.
    pub from: (f64, f64),
    /// The same, or the corner at the bottom right.
    pub until: (f64, f64),
    /// The columns that may count.
    pub columns: Range<i64>,
    /// The rows.
    pub rows: Range<i64>,
}

impl Kernel {
    /// The pixels along a side that count at a place.
    pub fn range(&self, at: f64, until: f64, scale: f64) -> Range<i64> {
        match self.filter {
            Filter::Nearest => {
                let pixel = at.floor() as i64;
                pixel..pixel + 1
            }
            filter if !filter.is_at_place() => {
                let first = at.floor() as i64;
                first..(until.ceil() as i64).max(first + 1)
            }
            filter => kernel_range(filter, at, scale),
        }
    }

    /// Columns and rows that count at a place.
    pub fn ranges(&self, from: (f64, f64), until: (f64, f64)) -> (Range<i64>, Range<i64>) {
        (
            self.range(from.0, until.0, self.scale.0),
            self.range(from.1, until.1, self.scale.1),
        )
    }
}

/// Where a kernel is not 0.
fn kernel_range(filter: Filter, at: f64, scale: f64) -> Range<i64> {
    let kernel = Kernel {
        filter,
        scale: (scale, scale),
    };
    let wide = kernel.wide(scale);
    let counts = |pixel: i64| (pixel as f64 + 0.5 - at).abs() < wide;
    let first = kernel.first(at, scale) as i64;
    let mut end = first + kernel.most(scale) as i64;
    while end > first && !counts(end - 1) {
        end -= 1;
    }
    first..end
}

/// The weights of the pixels of a range.
type Weights = SmallVec<[f64; 16]>;

/// Those of a kernel.
fn kernel_weights(filter: Filter, at: f64, scale: f64, range: &Range<i64>) -> Weights {
    let distance = |pixel: i64| (pixel as f64 + 0.5 - at) / scale;
    range
        .clone()
        .map(|pixel| weight(filter, distance(pixel)))
        .collect()
}

/// The share of each pixel that is covered.
fn shares(from: f64, until: f64, range: &Range<i64>) -> Weights {
    let share = |pixel: i64| {
        let (left, right) = (pixel as f64, (pixel + 1) as f64);
        until.min(right) - from.max(left)
    };
    match until > from {
        true => range.clone().map(share).collect(),
        // A place without an extent lies in one pixel.
        false => range.clone().map(|_| 1.0).collect(),
    }
}

/// The columns and rows that count, with their weights.
pub struct Taps {
    pub columns: Range<i64>,
    pub rows: Range<i64>,
    of_columns: Weights,
    of_rows: Weights,
}

impl Taps {
    /// Those of a filter among the pixels that may count.
    pub fn new(kernel: &Kernel, filter: Filter, spot: &Spot) -> Self {
        let side = |may: &Range<i64>, from, until, scale| {
            if !filter.is_at_place() {
                return (may.clone(), shares(from, until, may));
            }
            let range = kernel_range(filter, from, scale);
            let range = range.start.max(may.start)..range.end.min(may.end);
            let weights = kernel_weights(filter, from, scale, &range);
            (range, weights)
        };
        let (columns, of_columns) = side(&spot.columns, spot.from.0, spot.until.0, kernel.scale.0);
        let (rows, of_rows) = side(&spot.rows, spot.from.1, spot.until.1, kernel.scale.1);
        Self {
            columns,
            rows,
            of_columns,
            of_rows,
        }
    }
}

/// Sums on their way down the rows.
#[derive(Clone, Copy, Default)]
pub struct Sums {
    values: [f64; 2],
    weights: f64,
}

impl Sums {
    /// Adds the rows that there are: along each of them first, and then down.
    pub fn add<T: Sample>(&mut self, taps: &Taps, lines: &Lines<T>, format: &Format, band: usize) {
        let alpha = format.alpha_of(band);
        let last = format.dtype.parts() - 1;
        let rows = lines.rows_of(&taps.rows);
        let is_sound = alpha.is_none() && lines.is_sound(band, &taps.columns, &rows);
        let first = lines.place(taps.columns.start);
        if is_sound && last == 0 {
            return self.add_plain(taps, lines, rows, band);
        }
        for y in rows {
            let line = lines.line(y, band);
            let parts = [line.part(0), line.part(last)];
            let alpha = alpha.map(|band| lines.line(y, band).part(0));
            let (mut along, mut weights) = ([0.0; 2], 0.0);
            for (x, weight) in (first..).zip(&taps.of_columns) {
                if !is_sound && !line.is_finite(x) {
                    continue;
                }
                let (mut values, mut count) = (parts.map(|part| part[x].to_f64()), *weight);
                if let Some(alpha) = alpha {
                    let alpha = alpha[x].to_f64();
                    values = values.map(|value| alpha * value);
                    count *= alpha;
                }
                along = [0, 1].map(|part| along[part] + weight * values[part]);
                weights += count;
            }
            let of_row = taps.of_rows[(y - taps.rows.start) as usize];
            self.values = [0, 1].map(|part| self.values[part] + of_row * along[part]);
            self.weights += of_row * weights;
        }
    }

    /// [`Sums::add`] of real samples all of which count as much as their weights say: the same sums.
    fn add_plain<T: Sample>(
        &mut self,
        taps: &Taps,
        lines: &Lines<T>,
        rows: Range<i64>,
        band: usize,
    ) {
        let weights = taps.of_columns.iter().fold(0.0, |sum, weight| sum + weight);
        let places = lines.place(taps.columns.start)..lines.place(taps.columns.end);
        for y in rows {
            let samples = &lines.line(y, band).part(0)[places.clone()];
            let pairs = samples.iter().zip(&taps.of_columns);
            let along = pairs.fold(0.0, |sum, (sample, weight)| sum + weight * sample.to_f64());
            let of_row = taps.of_rows[(y - taps.rows.start) as usize];
            self.values = self.values.map(|sum| sum + of_row * along);
            self.weights += of_row * weights;
        }
    }

    /// Their mean, if the weights are above zero in all.
    pub fn mean<T: Sample>(&self) -> Option<[T; 2]> {
        (self.weights > 0.0).then(|| self.values.map(|sum| T::from_f64(sum / self.weights)))
    }
}

/// Whether a spot is data, as far as these rows tell: where the pixel is that contains it, or any that it covers.
pub fn has_data<T: Sample>(kernel: &Kernel, spot: &Spot, lines: &Lines<T>, band: usize) -> bool {
    let (columns, rows) = match kernel.filter.is_at_place() {
        false => (spot.columns.clone(), spot.rows.clone()),
        true => {
            let (x, y) = spot.pixel();
            (x..x + 1, y..y + 1)
        }
    };
    let mut rows = lines.rows_of(&rows);
    if lines.is_all_sound(band) {
        return !rows.is_empty();
    }
    rows.any(|y| {
        let line = lines.line(y, band);
        columns.clone().any(|x| line.is_data(lines.place(x)))
    })
}

/// Counts what is data of the pixels that a spot covers, as far as they lie in these rows.
pub fn count<T: Sample>(tally: &mut Tally, spot: &Spot, lines: &Lines<T>, band: usize) {
    let places = lines.place(spot.columns.start)..lines.place(spot.columns.end);
    for y in lines.rows_of(&spot.rows) {
        let line = lines.line(y, band);
        let data = places.clone().filter(|at| line.is_data(*at));
        data.for_each(|at| tally.add(line.part(0)[at]));
    }
}

/// The samples of one type that spots are made of.
struct Resampling<'a, T> {
    kernel: &'a Kernel,
    format: &'a Format,
    lines: Lines<T>,
}

impl<T: Sample> Resampling<'_, T> {
    fn mean(&self, taps: &Taps, band: usize) -> Option<[T; 2]> {
        let mut sums = Sums::default();
        sums.add(taps, &self.lines, self.format, band);
        sums.mean()
    }

    fn nearest(&self, spot: &Spot, band: usize) -> Option<[T; 2]> {
        let (x, y) = spot.pixel();
        let line = self.lines.line(y, band);
        let at = self.lines.place(x);
        let last = self.format.dtype.parts() - 1;
        Some([0, last].map(|part| line.part(part)[at]))
    }

    /// The one that is chosen of the pixels that a spot covers.
    fn choose(&self, spot: &Spot, band: usize) -> Option<[T; 2]> {
        let mut tally = Tally::new(self.kernel.filter);
        count(&mut tally, spot, &self.lines, band);
        tally.chosen().map(|sample| [sample; 2])
    }

    /// All bands of a spot.
    fn write(&self, spot: &Spot, writers: &[Writer<T>], out: &mut PixelsMut<'_>) {
        let filter = self.kernel.filter;
        let own = (!filter.selects()).then(|| Taps::new(self.kernel, filter, spot));
        let mut triangle = None;
        for (band, writer) in writers.iter().enumerate() {
            let is_data = has_data(self.kernel, spot, &self.lines, band);
            let pixel = match &own {
                _ if !is_data => None,
                None if filter.chooses() => self.choose(spot, band),
                None => self.nearest(spot, band),
                // Without all of its pixels a kernel with negative weights is none.
                Some(own) if filter.has_negative_weights() => {
                    let is_sound = self.lines.is_sound(band, &own.columns, &own.rows);
                    let pixel = is_sound.then(|| self.mean(own, band)).flatten();
                    pixel.or_else(|| {
                        let new = || Taps::new(self.kernel, Filter::Bilinear, spot);
                        self.mean(triangle.get_or_insert_with(new), band)
                    })
                }
                Some(own) => self.mean(own, band),
            };
            writer.write(out.row_mut(band, spot.to.1), spot.to.0, pixel);
        }
    }
}

impl Spot {
    /// The pixel that contains the place.
    pub fn pixel(&self) -> (i64, i64) {
        (self.from.0.floor() as i64, self.from.1.floor() as i64)
    }
}

/// What writes the bands of a format; opacity is 0 where nothing is data.
pub fn writers<T: Sample>(format: &Format) -> Vec<Writer<T>> {
    let writer = |band| match format.alpha == Some(band) {
        true => Writer::clear(format, band),
        false => Writer::new(format, band),
    };
    (0..format.nodata.len()).map(writer).collect()
}

/// Calls a generic function with the type of one part of a sample.
macro_rules! by_part {
    ($dtype:expr, $function:ident($($argument:expr),*)) => {
        match $dtype.part() {
            DType::U8 => $function::<u8>($($argument),*),
            DType::I8 => $function::<i8>($($argument),*),
            DType::U16 => $function::<u16>($($argument),*),
            DType::I16 => $function::<i16>($($argument),*),
            DType::U32 => $function::<u32>($($argument),*),
            DType::I32 => $function::<i32>($($argument),*),
            DType::U64 => $function::<u64>($($argument),*),
            DType::I64 => $function::<i64>($($argument),*),
            DType::F32 => $function::<f32>($($argument),*),
            _ => $function::<f64>($($argument),*),
        }
    };
}
pub(super) use by_part;

/// Writes all bands of spots whose pixels are all in a patch.
pub fn write_spots(
    kernel: &Kernel,
    format: &Format,
    patch: &Patch,
    spots: &[Spot],
    out: &mut PixelsMut<'_>,
) {
    fn of_type<T: Sample>(
        kernel: &Kernel,
        format: &Format,
        patch: &Patch,
        spots: &[Spot],
        out: &mut PixelsMut<'_>,
    ) {
        let lines = Lines::<T>::new(patch, format);
        let writers = writers(format);
        let resampling = Resampling {
            kernel,
            format,
            lines,
        };
        for spot in spots {
            resampling.write(spot, &writers, out);
        }
    }
    by_part!(format.dtype, of_type(kernel, format, patch, spots, out))
}

/// Writes what stands where nothing is data to all bands of a pixel.
pub fn write_none(format: &Format, to: &[(usize, usize)], out: &mut PixelsMut<'_>) {
    fn of_type<T: Sample>(format: &Format, to: &[(usize, usize)], out: &mut PixelsMut<'_>) {
        for (band, writer) in writers::<T>(format).iter().enumerate() {
            for (x, y) in to {
                writer.write(out.row_mut(band, *y), *x, None);
            }
        }
    }
    by_part!(format.dtype, of_type(format, to, out))
}
