//! Stage: one step on its way down an image, row by row.

use super::format::{self, Format};
use super::line::{Line, Told};
use super::rms::Rms;
use super::sample::Sample;
use super::select::Select;
use super::sips::Sips;
use super::weighted::Weighted;
use super::{Filter, Ratio, Step};
use crate::dtype::DType;
use std::collections::VecDeque;
use std::ops::Range;

/// A step that is given the rows of an image from top to bottom, and makes those of the smaller one.
pub trait Stage {
    /// The rows of the image that a row of the output is made from.
    fn rows(&self, y: u64) -> Range<u64>;

    /// Takes in a row of the image: of all bands, and of the mask if there is one.
    fn add(&mut self, y: u64, rows: &[&[u8]], mask: Option<&[u8]>);

    /// Writes a row of the output, all bands of it, after the rows that it is made from. Later rows come later.
    fn make(&mut self, y: u64, out: &mut [&mut [u8]]);
}

/// The columns that a stage makes, and those that it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// Of the output.
    pub made: Range<u64>,
    /// Of the image.
    pub read: Range<u64>,
}

impl Columns {
    /// What a step reads for some columns of its output.
    pub fn of(step: &Step, made: Range<u64>) -> Self {
        let read = span(made.clone(), |at| step.x.reach(step.filter, at));
        Self { made, read }
    }
}

/// All that is read for a range, where what is read moves on with what is made.
pub fn span(made: Range<u64>, reach: impl Fn(u64) -> Range<u64>) -> Range<u64> {
    match made.is_empty() {
        true => 0..0,
        false => reach(made.start).start..reach(made.end - 1).end,
    }
}

/// The stage of a step over samples of a format.
pub fn stage(step: Step, format: &Format, columns: Columns) -> Box<dyn Stage> {
    let part = format.dtype.part();
    let is_whole = step.x.is_whole(step.filter) && step.y.is_whole(step.filter);
    macro_rules! by_type {
        ($t:ident, $exact:ident) => {
            match step.filter {
                filter if filter.selects() => Box::new(Select::<$t>::new(step, format, columns)),
                Filter::Rms if is_whole && $exact::IS_EXACT && size_of::<$t>() < 8 => {
                    Box::new(Rms::<$t, i128>::new(step, format, columns))
                }
                Filter::Rms => Box::new(Rms::<$t, f64>::new(step, format, columns)),
                Filter::Sips => Box::new(Sips::<$t, $exact>::new(step, format, columns)),
                _ if is_whole => Box::new(Weighted::<$t, $exact>::new(step, format, columns)),
                _ => Box::new(Weighted::<$t, f64>::new(step, format, columns)),
            }
        };
    }
    use super::sample::Sum;
    // Weights are below 2^17 in all, and alpha multiplies them once more.
    let has_alpha = format.alpha.is_some();
    match part {
        DType::U8 => by_type!(u8, i64),
        DType::I8 => by_type!(i8, i64),
        DType::U16 => by_type!(u16, i64),
        DType::I16 => by_type!(i16, i64),
        DType::U32 if has_alpha => by_type!(u32, i128),
        DType::I32 if has_alpha => by_type!(i32, i128),
        DType::U32 => by_type!(u32, i64),
        DType::I32 => by_type!(i32, i64),
        DType::U64 if has_alpha => by_type!(u64, f64),
        DType::I64 if has_alpha => by_type!(i64, f64),
        DType::U64 => by_type!(u64, i128),
        DType::I64 => by_type!(i64, i128),
        DType::F32 => by_type!(f32, f64),
        _ => by_type!(f64, f64),
    }
}

/// Where a half is made, which is all that SIPS does.
pub fn halves(step: &Step) -> bool {
    step.x.ratio == Ratio::Half && step.y.ratio == Ratio::Half
}

/// The rows that a stage has, and what goes for all of them.
pub struct Held<T> {
    pub step: Step,
    pub format: Format,
    pub columns: Columns,
    lines: VecDeque<(u64, Vec<Line<T>>)>,
}

impl<T: Sample> Held<T> {
    pub fn new(step: Step, format: &Format, columns: Columns) -> Self {
        Self {
            step,
            format: format.clone(),
            columns,
            lines: VecDeque::new(),
        }
    }

    /// The rows of the image that a row of the output is made from.
    pub fn rows(&self, y: u64) -> Range<u64> {
        self.step.y.reach(self.step.filter, y)
    }

    /// Writes a row of the output, all bands of it: of each column and band a pixel, `None` where none is data.
    pub fn write(&self, out: &mut [&mut [u8]], pixel: impl Fn(u64, usize) -> Option<[T; 2]>) {
        for (band, row) in out.iter_mut().enumerate() {
            let writer = Writer::new(&self.format, band);
            for (at, x) in self.columns.made.clone().enumerate() {
                writer.write(row, at, pixel(x, band));
            }
        }
    }

    /// Takes in a row.
    pub fn add(&mut self, y: u64, rows: &[&[u8]], mask: Option<&[u8]>) {
        let alone = Told { mask, alpha: None };
        let alpha = self.format.alpha;
        let alpha = alpha.map(|alpha| (alpha, Line::new(rows[alpha], &self.format, alpha, &alone)));
        let line = |(band, row): (usize, &&[u8])| {
            let beside = alpha.as_ref().filter(|(alpha, _)| *alpha != band);
            let alpha = beside.map(|(_, line)| line);
            Line::new(row, &self.format, band, &Told { mask, alpha })
        };
        let lines = rows.iter().enumerate().map(line).collect();
        self.lines.push_back((y, lines));
    }

    /// Forgets the rows above one.
    pub fn forget(&mut self, before: u64) {
        while self.lines.front().is_some_and(|(y, _)| *y < before) {
            self.lines.pop_front();
        }
    }

    /// A row of a band, which was taken in and not forgotten.
    pub fn line(&self, y: u64, band: usize) -> &Line<T> {
        let first = self.lines.front().map_or(0, |(y, _)| *y);
        &self.lines[(y - first) as usize].1[band]
    }

    /// The columns that lie in a range, as they stand in the rows.
    pub fn place(&self, columns: &Range<u64>) -> Range<usize> {
        let place = |at: u64| (at - self.columns.read.start) as usize;
        place(columns.start)..place(columns.end)
    }

    /// Whether any pixel that one of the output stands for is data.
    pub fn has_data(&self, x: u64, y: u64, band: usize) -> bool {
        let columns = self.place(&self.step.x.cell(x));
        let mut rows = self.step.y.cell(y);
        rows.any(|y| {
            let line = self.line(y, band);
            columns.clone().any(|x| line.is_data(x))
        })
    }
}

/// Writes the samples of one band.
pub struct Writer<T> {
    parts: usize,
    none: [T; 2],
    nodata: Option<[T; 2]>,
}

impl<T: Sample> Writer<T> {
    pub fn new(format: &Format, band: usize) -> Self {
        let parts = format.dtype.parts();
        Self {
            parts,
            none: format::parts(&format.none(band), parts),
            nodata: format.nodata[band].map(|nodata| format::parts(&nodata, parts)),
        }
    }

    /// The writer of a band that is 0 where none is data.
    pub fn clear(format: &Format, band: usize) -> Self {
        Self {
            none: [T::from_f64(0.0); 2],
            ..Self::new(format, band)
        }
    }

    /// Has the samples of a row that would pass for nodata make way.
    pub fn make_way(&self, row: &mut [u8]) {
        let Some([nodata, _]) = self.nodata else {
            return;
        };
        for sample in row.chunks_exact_mut(size_of::<T>()) {
            let value: T = bytemuck::pod_read_unaligned(sample);
            if value == nodata {
                sample.copy_from_slice(bytemuck::bytes_of(&value.neighbour()));
            }
        }
    }

    /// Writes a sample, or what stands where none is data. A sample that would pass for nodata makes way.
    pub fn write(&self, row: &mut [u8], at: usize, sample: Option<[T; 2]>) {
        let sample = match sample {
            None => self.none,
            Some([first, second]) if self.nodata == Some([first, second]) => {
                [first.neighbour(), second]
            }
            Some(sample) => sample,
        };
        let size = size_of::<T>();
        for (part, value) in sample.iter().enumerate().take(self.parts) {
            let start = (at * self.parts + part) * size;
            row[start..start + size].copy_from_slice(bytemuck::bytes_of(value));
        }
    }
}
