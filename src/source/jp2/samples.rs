//! From 32-bit planes to samples of the image's type.

use crate::dtype::DType;

/// Writes samples as `dtype`, through a table of a palette if there is one.
///
/// An index beyond the table takes its last entry, as in other readers.
pub fn store(samples: &[i32], table: Option<&[i32]>, dtype: DType, row: &mut [u8]) {
    match table {
        None => write(samples.iter().copied(), dtype, row),
        Some(table) => {
            let last = table.len() - 1;
            let look_up = |sample: &i32| table[(*sample).clamp(0, last as i32) as usize];
            write(samples.iter().map(look_up), dtype, row);
        }
    }
}

fn write(samples: impl Iterator<Item = i32>, dtype: DType, row: &mut [u8]) {
    // The type was chosen to hold every sample, so these casts keep the value.
    match dtype.size() {
        1 => row
            .iter_mut()
            .zip(samples)
            .for_each(|(to, sample)| *to = sample as u8),
        2 => {
            let row = row.as_chunks_mut::<2>().0.iter_mut();
            row.zip(samples)
                .for_each(|(to, sample)| *to = (sample as u16).to_ne_bytes());
        }
        _ => {
            let row = row.as_chunks_mut::<4>().0.iter_mut();
            row.zip(samples)
                .for_each(|(to, sample)| *to = sample.to_ne_bytes());
        }
    }
}
