//! Samples: rows of real numbers, of complex samples their magnitude or power.

use crate::convert::convert_row;
use crate::dtype::DType;

/// Rows of samples as real numbers.
pub struct Reals {
    dtype: DType,
    is_power: bool,
    /// Both parts of complex samples, and what comes of them.
    parts: Vec<u8>,
    reals: Vec<u8>,
}

impl Reals {
    /// Of samples of a type; complex ones by power, else by magnitude.
    pub fn new(dtype: DType, is_power: bool) -> Self {
        Self {
            dtype,
            is_power,
            parts: Vec::new(),
            reals: Vec::new(),
        }
    }

    /// The type of the real numbers.
    pub fn dtype(&self) -> DType {
        match self.dtype.is_complex() {
            true => DType::F64,
            false => self.dtype,
        }
    }

    /// A row as real numbers.
    pub fn row<'a>(&'a mut self, row: &'a [u8]) -> &'a [u8] {
        if !self.dtype.is_complex() {
            return row;
        }
        let count = row.len() / self.dtype.size();
        self.parts.resize(2 * 8 * count, 0);
        convert_row(self.dtype.part(), row, DType::F64, &mut self.parts);
        self.reals.resize(8 * count, 0);
        let parts = self.parts.chunks_exact(16);
        for (real, parts) in self.reals.chunks_exact_mut(8).zip(parts) {
            let [re, im]: [f64; 2] = bytemuck::pod_read_unaligned(parts);
            let power = re * re + im * im;
            let value = if self.is_power { power } else { power.sqrt() };
            real.copy_from_slice(&value.to_ne_bytes());
        }
        &self.reals
    }
}
