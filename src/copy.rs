//! Rows of pixels, copied from one memory into another.

use crate::simd::prefetch;

/// The processor does not see by itself where rows of so few bytes go that are copied into wider ones.
const SHORT_ROW: usize = 1024;

/// So many of them are on their way at a time.
const ROWS_AHEAD: isize = 8;

/// Tells the processor of the row that will be written a little after the one at `to`, where it does not see that by itself.
#[inline(always)]
pub fn expect_row(to: *const u8, stride: isize, row: usize) {
    if row as isize != stride {
        expect(to, stride, row);
    }
}

/// Tells the processor of the short row that will be written a little after the one at `to`. There may be none.
#[inline(always)]
pub fn expect(to: *const u8, stride: isize, row: usize) {
    if row <= SHORT_ROW {
        prefetch(to.wrapping_offset(ROWS_AHEAD * stride), row);
    }
}

/// Rows of a band, each `stride` bytes after the one before.
pub struct Rows<'a> {
    bytes: &'a [u8],
    stride: usize,
}

impl<'a> Rows<'a> {
    /// The rows that begin with `bytes`.
    pub fn new(bytes: &'a [u8], stride: usize) -> Self {
        Self { bytes, stride }
    }

    /// Copies so many rows of so many bytes to where `stride` bytes lie from one row to the next.
    ///
    /// # Panics
    /// If there are not so many.
    ///
    /// # Safety
    /// Each of the rows must be writable there.
    pub unsafe fn copy_to(&self, to: *mut u8, stride: isize, row: usize, rows: usize) {
        let Some(last) = rows.checked_sub(1) else {
            return;
        };
        assert!(row <= self.stride, "rows that overlap");
        let from = &self.bytes[..last * self.stride + row];
        if row == self.stride && row as isize == stride {
            // SAFETY: promised by the caller, for rows that follow each other directly.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
            return;
        }
        for (line, from) in from.chunks(self.stride).enumerate() {
            let to = to.wrapping_offset(line as isize * stride);
            expect_row(to, stride, row);
            // SAFETY: as above; `from` is one of the rows, and has so many bytes.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, row) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_where_they_belong_and_nothing_else_is_written() {
        let from: Vec<u8> = (1..=200).collect();
        let strides = [5, 7, 20].map(|from| [5, 9, -9].map(|to| (from, to)));
        for (from_stride, to_stride) in strides.into_iter().flatten() {
            for rows in 0..5 {
                let (mut to, mut wanted) = ([0; 80], [0; 80]);
                for y in 0..rows {
                    let at = (40 + y as isize * to_stride) as usize;
                    wanted[at..at + 5].copy_from_slice(&from[y * from_stride..][..5]);
                }
                let rows_of = Rows::new(&from, from_stride);
                let first = to.as_mut_ptr().wrapping_add(40);
                // SAFETY: at most four rows of 5 bytes, at most 9 apart, before or behind the 40th of 80.
                unsafe { rows_of.copy_to(first, to_stride, 5, rows) };
                assert_eq!(to, wanted, "{from_stride} {to_stride} {rows}");
            }
        }
    }

    #[test]
    #[should_panic]
    fn there_must_be_so_many_rows() {
        let mut to = [0; 10];
        // SAFETY: two rows of 5 bytes.
        unsafe { Rows::new(&[0; 9], 5).copy_to(to.as_mut_ptr(), 5, 5, 2) };
    }
}
