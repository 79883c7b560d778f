//! Undoing predictors: the sums that give samples back from differences.

use crate::simd::running_sums;
use bytemuck::Pod;

/// Sums of words of `word` bytes in native order, each with the one `stride` words before it.
pub fn sum_words(row: &mut [u8], word: usize, stride: usize) {
    if running_sums(row, word, word * stride) {
        return;
    }
    match word {
        1 => sum(row, stride, u8::wrapping_add),
        2 => sum(row, stride, u16::wrapping_add),
        4 => sum(row, stride, u32::wrapping_add),
        _ => sum(row, stride, u64::wrapping_add),
    }
}

/// Keeps the running sums of the usual strides in registers; memory would be a round trip each.
fn sum<T: Pod + Default>(row: &mut [u8], stride: usize, add: impl Fn(T, T) -> T) {
    match stride {
        1 => sum_pixels::<T, 1>(row, add),
        2 => sum_pixels::<T, 2>(row, add),
        3 => sum_pixels::<T, 3>(row, add),
        4 => sum_pixels::<T, 4>(row, add),
        _ => sum_long_pixels(row, stride * size_of::<T>(), add),
    }
}

/// Adds pixels of so many bytes to the next ones, several samples at a time.
fn sum_long_pixels<T: Pod>(row: &mut [u8], pixel: usize, add: impl Fn(T, T) -> T) {
    let size = size_of::<T>();
    let (mut last, mut rest) = row.split_at_mut(pixel.min(row.len()));
    while !rest.is_empty() {
        let (next, behind) = rest.split_at_mut(pixel.min(rest.len()));
        for (raw, last) in next.chunks_exact_mut(size).zip(last.chunks_exact(size)) {
            let sum: T = add(
                bytemuck::pod_read_unaligned(last),
                bytemuck::pod_read_unaligned(raw),
            );
            raw.copy_from_slice(bytemuck::bytes_of(&sum));
        }
        (last, rest) = (next, behind);
    }
}

#[inline(always)]
fn sum_pixels<T: Pod + Default, const N: usize>(row: &mut [u8], add: impl Fn(T, T) -> T) {
    let mut last = [T::default(); N];
    for pixel in row.chunks_exact_mut(size_of::<T>() * N) {
        for (last, raw) in last.iter_mut().zip(pixel.chunks_exact_mut(size_of::<T>())) {
            *last = add(*last, bytemuck::pod_read_unaligned(raw));
            raw.copy_from_slice(bytemuck::bytes_of(last));
        }
    }
}

/// Gives back floats of `size` bytes in native order from the differences of their bytes, which lie
/// sorted by significance: all highest bytes of the row first.
pub fn join_floats(row: &mut [u8], size: usize, stride: usize, spare: &mut Vec<u8>) {
    let count = row.len() / size;
    let row = &mut row[..count * size];
    sum_words(row, 1, stride);
    spare.clear();
    spare.extend_from_slice(row);
    match size {
        2 => join::<2>(spare, row),
        3 => join::<3>(spare, row),
        4 => join::<4>(spare, row),
        _ => join::<8>(spare, row),
    }
}

fn join<const N: usize>(sorted: &[u8], row: &mut [u8]) {
    let (floats, _) = row.as_chunks_mut::<N>();
    let count = floats.len();
    for (rank, bytes) in sorted.chunks_exact(count.max(1)).enumerate() {
        let place = if cfg!(target_endian = "little") {
            N - 1 - rank
        } else {
            rank
        };
        for (float, byte) in floats.iter_mut().zip(bytes) {
            float[place] = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_wrap_and_keep_channels_apart() {
        for stride in 1..20 {
            let mut row: Vec<u8> = (0..84).map(|i| (i * 37) as u8).collect();
            let mut expected = row.clone();
            for i in stride..row.len() {
                expected[i] = expected[i].wrapping_add(expected[i - stride]);
            }
            sum_words(&mut row, 1, stride);
            assert_eq!(row, expected, "stride {stride}");
        }
        for stride in 1..20 {
            // The last pixel is not all there.
            let mut words: Vec<u16> = (0..103u16).map(|i| i.wrapping_mul(7919)).collect();
            let mut row: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            for i in stride..words.len() {
                words[i] = words[i].wrapping_add(words[i - stride]);
            }
            sum_words(&mut row, 2, stride);
            let expected: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            assert!(row == expected, "stride {stride}");
        }
        let mut row: Vec<u8> = [65535u16, 2, 3]
            .iter()
            .flat_map(|v| v.to_ne_bytes())
            .collect();
        sum_words(&mut row, 2, 1);
        let expected: Vec<u8> = [65535u16, 1, 4]
            .iter()
            .flat_map(|v| v.to_ne_bytes())
            .collect();
        assert_eq!(row, expected);
    }
}
