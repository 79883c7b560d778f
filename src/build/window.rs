//! Windows: columns of a level that become a column of cells of the next one.

use super::cells::{Cells, Filled};
use crate::error::Result;
use crate::geometry::Rect;
use crate::resample::Rows;
use std::ops::Range;

/// Some columns of a level, row by row from top to bottom.
pub struct Window<'a> {
    cells: &'a Cells,
    columns: Range<u64>,
    held: Option<Held>,
    /// A row of each band, where it is put together.
    rows: Vec<Vec<u8>>,
    mask: Vec<u8>,
}

/// A row of cells, as far as it lies over the columns.
struct Held {
    row: u64,
    cells: Vec<(Rect, Filled)>,
}

impl<'a> Window<'a> {
    /// Columns of a level.
    pub fn new(cells: &'a Cells, columns: Range<u64>) -> Self {
        let form = cells.form();
        let width = (columns.end - columns.start) as usize;
        Self {
            cells,
            rows: vec![vec![0; width * form.dtype.size()]; form.bands],
            mask: vec![0; if form.has_mask { width } else { 0 }],
            columns,
            held: None,
        }
    }

    /// Calls `each` with a row of all bands, and of the mask.
    pub fn with_row(&mut self, y: u64, each: impl FnOnce(&Rows<'_>, Option<&[u8]>)) -> Result<()> {
        let form = self.cells.form();
        let row = y / form.cell.1;
        if self.held.as_ref().is_none_or(|held| held.row != row) {
            self.let_go();
            let (first, last) = (self.columns.start, self.columns.end - 1);
            let cols = first / form.cell.0..last / form.cell.0 + 1;
            let cells = cols.map(|col| {
                let rect = self.cells.grid().rect(row, col);
                Ok((rect, self.cells.get(row, col)?))
            });
            let cells = cells.collect::<Result<_>>()?;
            self.held = Some(Held { row, cells });
        }
        let held = self.held.as_ref().map_or(&[][..], |held| &held.cells);
        let size = form.dtype.size();
        let line = (y - row * form.cell.1) as usize;
        // What lies in one cell is not copied.
        if let [(rect, Filled { pixels, mask })] = held {
            let start = (self.columns.start - rect.x) as usize;
            let end = (self.columns.end - rect.x) as usize;
            let rows = (0..form.bands)
                .map(|band| &pixels.row(band, line)[start * size..end * size])
                .collect();
            let mask = mask.as_ref().map(|mask| &mask.row(0, line)[start..end]);
            each(&rows, mask);
            return Ok(());
        }
        for (rect, Filled { pixels, mask }) in held {
            let (start, end) = (
                self.columns.start.max(rect.x),
                self.columns.end.min(rect.right()),
            );
            let from = (start - rect.x) as usize..(end - rect.x) as usize;
            let to = (start - self.columns.start) as usize..(end - self.columns.start) as usize;
            for (band, row) in self.rows.iter_mut().enumerate() {
                let samples = &pixels.row(band, line)[from.start * size..from.end * size];
                row[to.start * size..to.end * size].copy_from_slice(samples);
            }
            if let Some(mask) = mask {
                self.mask[to].copy_from_slice(&mask.row(0, line)[from]);
            }
        }
        let rows = self.rows.iter().map(Vec::as_slice).collect();
        each(&rows, form.has_mask.then_some(&self.mask[..]));
        Ok(())
    }

    /// Gives memory back that was taken to read cells.
    fn let_go(&mut self) {
        let Some(held) = self.held.take() else {
            return;
        };
        for (_, Filled { pixels, mask }) in held.cells {
            self.cells.reclaim(pixels);
            mask.into_iter().for_each(|mask| self.cells.reclaim(mask));
        }
    }

    /// Gives all memory back.
    pub fn end(mut self) {
        self.let_go();
    }
}
