//! Rows into packed bytes and back, with the bytes of numbers apart: the high bytes of neighbours are alike.

/// Rows one after the other.
pub(crate) struct Gathered(pub(crate) Vec<u8>);

impl<'a> FromIterator<&'a [u8]> for Gathered {
    fn from_iter<T: IntoIterator<Item = &'a [u8]>>(rows: T) -> Self {
        let mut all = Vec::new();
        rows.into_iter().for_each(|row| all.extend_from_slice(row));
        Self(all)
    }
}

/// All first bytes of numbers of so many bytes, then all second ones, and so on; `length` bytes in all.
pub(crate) fn shuffle<'a>(
    rows: impl Iterator<Item = &'a [u8]>,
    length: usize,
    number: usize,
) -> Vec<u8> {
    let mut shuffled = vec![0; length];
    let mut planes: Vec<_> = shuffled
        .chunks_exact_mut((length / number).max(1))
        .collect();
    let mut done = 0;
    for row in rows {
        let count = row.len() / number;
        match number {
            2 => split::<2>(row, &mut planes, done),
            4 => split::<4>(row, &mut planes, done),
            8 => split::<8>(row, &mut planes, done),
            _ => unreachable!("no number has {number} bytes"),
        }
        done += count;
    }
    shuffled
}

fn split<const N: usize>(row: &[u8], planes: &mut [&mut [u8]], from: usize) {
    let (numbers, _) = row.as_chunks::<N>();
    for (byte, plane) in planes.iter_mut().enumerate() {
        for (to, number) in plane[from..].iter_mut().zip(numbers) {
            *to = number[byte];
        }
    }
}

/// Undoes [`shuffle`], into rows of so many bytes at these places.
pub(crate) fn unshuffle(
    shuffled: &[u8],
    number: usize,
    rows: impl Iterator<Item = usize>,
    row_bytes: usize,
    into: &mut [u8],
) {
    if number == 1 {
        return scatter(shuffled, rows, row_bytes, into);
    }
    let plane = shuffled.len() / number;
    let count = row_bytes / number;
    for (done, at) in rows.enumerate() {
        let row = &mut into[at..at + row_bytes];
        let from = done * count;
        match number {
            2 => join::<2>(shuffled, plane, from, row),
            4 => join::<4>(shuffled, plane, from, row),
            8 => join::<8>(shuffled, plane, from, row),
            _ => unreachable!("no number has {number} bytes"),
        }
    }
}

fn join<const N: usize>(shuffled: &[u8], plane: usize, from: usize, row: &mut [u8]) {
    let (numbers, _) = row.as_chunks_mut::<N>();
    let count = numbers.len();
    let planes: [&[u8]; N] = std::array::from_fn(|byte| &shuffled[byte * plane + from..][..count]);
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = std::array::from_fn(|byte| planes[byte][at]);
    }
}

/// Copies packed rows to where they belong.
pub(crate) fn scatter(
    packed: &[u8],
    rows: impl Iterator<Item = usize>,
    row_bytes: usize,
    into: &mut [u8],
) {
    if row_bytes == 0 {
        return;
    }
    for (row, at) in packed.chunks_exact(row_bytes).zip(rows) {
        into[at..at + row_bytes].copy_from_slice(row);
    }
}
