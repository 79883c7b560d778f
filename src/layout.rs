//! How pixels lie in memory: band-sequential rows with two positive strides.

use crate::dtype::DType;
use crate::error::{Error, Result};

/// Columns, rows and bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bands.
    pub bands: usize,
}

impl Shape {
    /// Whether there is no sample at all.
    pub fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0 || self.bands == 0
    }
}

/// The layout of a tile: sample (x, y, band) lies at
/// `band * band_stride + y * row_stride + x * dtype.size()`.
///
/// `row_stride` is a multiple of the sample size and at least a row; `band_stride` is a multiple
/// of `row_stride`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Columns, rows and bands.
    pub shape: Shape,
    /// The sample type.
    pub dtype: DType,
    /// Bytes from one row to the next.
    pub row_stride: usize,
    /// Bytes from one band to the next.
    pub band_stride: usize,
}

impl Layout {
    /// Rows and bands without gaps; an error if the size in bytes overflows.
    pub fn packed(shape: Shape, dtype: DType) -> Result<Self> {
        let row_stride = shape.width.checked_mul(dtype.size());
        let band_stride = row_stride.and_then(|row| row.checked_mul(shape.height));
        let total = band_stride.and_then(|band| band.checked_mul(shape.bands));
        match (row_stride, band_stride, total) {
            (Some(row_stride), Some(band_stride), Some(total))
                if total <= crate::memory::MAX_ALLOCATION =>
            {
                Ok(Self {
                    shape,
                    dtype,
                    row_stride,
                    band_stride,
                })
            }
            _ => Err(Error::limit(format!(
                "{} x {} pixels of {} bands of {} exceed the address space",
                shape.width,
                shape.height,
                shape.bands,
                dtype.name()
            ))),
        }
    }

    /// Bytes of one row without its gap.
    pub fn row_bytes(&self) -> usize {
        self.shape.width * self.dtype.size()
    }

    /// Bytes from the first sample to behind the last.
    pub fn span(&self) -> usize {
        if self.shape.is_empty() {
            return 0;
        }
        (self.shape.bands - 1) * self.band_stride
            + (self.shape.height - 1) * self.row_stride
            + self.row_bytes()
    }

    /// Where a row of a band begins.
    ///
    /// # Panics
    /// If the band or the row does not exist.
    pub fn offset(&self, band: usize, y: usize) -> usize {
        assert!(
            band < self.shape.bands,
            "band {band} of {}",
            self.shape.bands
        );
        assert!(y < self.shape.height, "row {y} of {}", self.shape.height);
        band * self.band_stride + y * self.row_stride
    }
}
