//! Patch: some pixels of an image, out of which others are made, with which of them are data.

use super::Format;
use super::line::{Line, Told};
use super::sample::Sample;
use std::ops::Range;

/// Samples in memory that fits each type of them.
#[derive(Default)]
pub struct Samples {
    words: Vec<u64>,
    bytes: usize,
}

impl Samples {
    /// So many bytes, all of them 0.
    pub fn zeros(bytes: usize) -> Self {
        let words = vec![0; bytes.div_ceil(size_of::<u64>())];
        Self { words, bytes }
    }

    /// As bytes.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.bytes]
    }

    /// As bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.bytes]
    }
}

/// The pixels of a rectangle of an image. Its columns may lie beyond the image, where that is said to go round.
pub struct Patch {
    /// The columns, of which the first may be negative.
    pub columns: Range<i64>,
    /// The rows.
    pub rows: Range<i64>,
    /// All samples of a band, row by row, one band after the other.
    pub samples: Samples,
    /// 255 where the pixels are data, if anything says so beside them.
    pub mask: Option<Vec<u8>>,
}

impl Patch {
    /// Columns and rows.
    pub fn size(&self) -> (usize, usize) {
        // What is in memory has sides that fit usize.
        let length = |range: &Range<i64>| (range.end - range.start) as usize;
        (length(&self.columns), length(&self.rows))
    }

    /// All samples as numbers of a type.
    pub(super) fn samples<T: Sample>(&self) -> &[T] {
        bytemuck::cast_slice(self.samples.bytes())
    }

    /// Whether any pixel of a rectangle is data, as the mask says.
    pub fn has_data(&self, columns: &Range<i64>, rows: &Range<i64>) -> bool {
        let Some(mask) = &self.mask else { return true };
        let (width, _) = self.size();
        rows.clone().any(|y| {
            let row = (y - self.rows.start) as usize * width;
            let place = |x: i64| row + (x - self.columns.start) as usize;
            let data = &mask[place(columns.start)..place(columns.end)];
            data.contains(&255)
        })
    }
}

/// The same as numbers of a type.
pub struct Lines<T> {
    columns: Range<i64>,
    first: i64,
    /// Of each row all bands.
    lines: Vec<Line<T>>,
    bands: usize,
    /// Whether all samples of a band are finite data.
    sound: Vec<bool>,
}

impl<T: Sample> Lines<T> {
    /// The rows of a patch.
    pub fn new(patch: &Patch, format: &Format) -> Self {
        let (width, height) = patch.size();
        let (bands, row) = (format.nodata.len(), width * format.dtype.size());
        let mut all = Self {
            columns: patch.columns.clone(),
            first: patch.rows.start,
            lines: Vec::with_capacity(bands * height),
            bands,
            sound: vec![true; bands],
        };
        for y in 0..height {
            let mask = patch.mask.as_ref().map(|mask| &mask[y * width..][..width]);
            let samples = |band: usize| &patch.samples.bytes()[(band * height + y) * row..][..row];
            let alone = Told { mask, alpha: None };
            let alpha = format
                .alpha
                .map(|alpha| (alpha, Line::new(samples(alpha), format, alpha, &alone)));
            for band in 0..bands {
                let beside = alpha.as_ref().filter(|(alpha, _)| *alpha != band);
                let alpha = beside.map(|(_, line)| line);
                let line = Line::new(samples(band), format, band, &Told { mask, alpha });
                all.sound[band] &= line.is_sound();
                all.lines.push(line);
            }
        }
        all
    }

    /// A row of a band.
    pub fn line(&self, y: i64, band: usize) -> &Line<T> {
        &self.lines[(y - self.first) as usize * self.bands + band]
    }

    /// The place of a column in the rows.
    pub fn place(&self, x: i64) -> usize {
        (x - self.columns.start) as usize
    }

    /// Whether all samples of a band are finite data.
    pub fn is_all_sound(&self, band: usize) -> bool {
        self.sound[band]
    }

    /// Whether all samples of a band in a rectangle are finite data.
    pub fn is_sound(&self, band: usize, columns: &Range<i64>, rows: &Range<i64>) -> bool {
        let places = self.place(columns.start)..self.place(columns.end);
        self.sound[band] || rows.clone().all(|y| self.line(y, band).are_sound(&places))
    }

    /// The rows there are, of these.
    pub fn rows_of(&self, rows: &Range<i64>) -> Range<i64> {
        let end = self.first + (self.lines.len() / self.bands) as i64;
        rows.start.max(self.first)..rows.end.min(end)
    }
}
