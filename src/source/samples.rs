//! Samples in rows: their byte order, fields of bits, and the separation of interleaved bands.

use crate::simd::vectorised;

/// Turns round the bytes of every word of a row.
pub fn turn(row: &mut [u8], word: usize) {
    match word {
        1 => (),
        2 => turn_words::<2>(row),
        3 => turn_words::<3>(row),
        4 => turn_words::<4>(row),
        8 => turn_words::<8>(row),
        word => row.chunks_exact_mut(word).for_each(<[u8]>::reverse),
    }
}

fn turn_words<const N: usize>(row: &mut [u8]) {
    let (words, _) = row.as_chunks_mut::<N>();
    words.iter_mut().for_each(|word| word.reverse());
}

/// Writes channel `picks[i]` of the pixels of a row to `rows[i]`; samples have `size` bytes.
///
/// # Panics
/// If the row is too short for that.
pub fn split(row: &[u8], size: usize, channels: usize, picks: &[usize], rows: &mut [&mut [u8]]) {
    match size {
        1 => split_samples::<1>(row, channels, picks, rows),
        2 => split_samples::<2>(row, channels, picks, rows),
        4 => split_samples::<4>(row, channels, picks, rows),
        8 => split_samples::<8>(row, channels, picks, rows),
        _ => split_samples::<16>(row, channels, picks, rows),
    }
}

/// Separates samples of `N` bytes.
fn split_samples<const N: usize>(
    row: &[u8],
    channels: usize,
    picks: &[usize],
    rows: &mut [&mut [u8]],
) {
    match (channels, picks, rows) {
        (1, _, rows) => {
            for out in rows {
                let len = out.len();
                out.copy_from_slice(&row[..len]);
            }
        }
        (2, [0, 1], [a, b]) => vectorised(|| split_all::<N, 2>(row, [a, b])),
        (3, [0, 1, 2], [a, b, c]) => vectorised(|| split_all::<N, 3>(row, [a, b, c])),
        (4, [0, 1, 2, 3], [a, b, c, d]) => vectorised(|| split_all::<N, 4>(row, [a, b, c, d])),
        (_, picks, rows) => {
            let (samples, _) = row.as_chunks::<N>();
            for (channel, out) in picks.iter().zip(rows) {
                let (out, _) = out.as_chunks_mut::<N>();
                assert!((out.len().max(1) - 1) * channels + channel < samples.len());
                let picked = samples[*channel..].iter().step_by(channels);
                out.iter_mut()
                    .zip(picked)
                    .for_each(|(to, from)| *to = *from);
            }
        }
    }
}

/// The common case in a form that the compiler turns into shuffles: fixed numbers throughout.
#[inline(always)]
fn split_all<const N: usize, const C: usize>(row: &[u8], rows: [&mut [u8]; C]) {
    let (samples, _) = row.as_chunks::<N>();
    let (pixels, _) = samples.as_chunks::<C>();
    let count = rows[0].len() / N;
    let pixels = &pixels[..count];
    let mut rows = rows.map(|row| &mut row.as_chunks_mut::<N>().0[..count]);
    for (i, pixel) in pixels.iter().enumerate() {
        for (row, sample) in rows.iter_mut().zip(pixel) {
            row[i] = *sample;
        }
    }
}

/// The `bits` bits from bit `at` on, counted from the highest bit of the first byte.
pub fn bit_field(row: &[u8], at: usize, bits: u32) -> u64 {
    let (byte, skip) = (at / 8, (at % 8) as u32);
    // Eight bytes at once serve every field up to 57 bits, wherever it begins.
    if let Some(window) = row.get(byte..).and_then(<[u8]>::first_chunk::<8>)
        && bits <= 57
    {
        return u64::from_be_bytes(*window) << skip >> (64 - bits);
    }
    let last = (at + bits as usize).div_ceil(8);
    let value = row[byte..last]
        .iter()
        .fold(0u128, |value, byte| value << 8 | u128::from(*byte));
    let behind = (last * 8 - at) as u32 - bits;
    (value >> behind) as u64 & (u64::MAX >> (64 - bits))
}

/// A number of so many bits as one of 64.
pub fn extend(value: u64, bits: u32, signed: bool) -> u64 {
    if signed {
        ((value << (64 - bits)) as i64 >> (64 - bits)) as u64
    } else {
        value
    }
}

/// Writes the low `size` bytes of each value.
pub fn widen(values: impl Iterator<Item = u64>, size: usize, out: &mut [u8]) {
    match size {
        1 => out.iter_mut().zip(values).for_each(|(to, v)| *to = v as u8),
        2 => (out.as_chunks_mut::<2>().0.iter_mut().zip(values))
            .for_each(|(to, v)| *to = (v as u16).to_ne_bytes()),
        4 => (out.as_chunks_mut::<4>().0.iter_mut().zip(values))
            .for_each(|(to, v)| *to = (v as u32).to_ne_bytes()),
        _ => (out.as_chunks_mut::<8>().0.iter_mut().zip(values))
            .for_each(|(to, v)| *to = v.to_ne_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_fields_of_every_width_and_place() {
        let row: Vec<u8> = (0..40u32).map(|i| (i * 89 + 13) as u8).collect();
        let bit = |at: usize| u64::from(row[at / 8] >> (7 - at % 8) & 1);
        for bits in 1..=64u32 {
            for at in 0..row.len() * 8 - bits as usize {
                let slow = (at..at + bits as usize).fold(0, |value, at| value << 1 | bit(at));
                assert_eq!(bit_field(&row, at, bits), slow, "{bits} bits at {at}");
            }
        }
        assert_eq!(extend(0b101, 3, true) as i64, -3);
        assert_eq!(extend(0b101, 3, false), 5);
    }

    #[test]
    fn channels_are_separated_alike_by_every_path() {
        for channels in 1..6 {
            let row: Vec<u8> = (0..channels * 10 * 2).map(|i| i as u8).collect();
            for picks in [
                (0..channels).collect::<Vec<_>>(),
                (0..channels).rev().collect(),
            ] {
                let mut bands = vec![vec![0; 20]; channels];
                let mut rows: Vec<&mut [u8]> = bands.iter_mut().map(Vec::as_mut_slice).collect();
                split(&row, 2, channels, &picks, &mut rows);
                for (band, channel) in bands.iter().zip(&picks) {
                    for x in 0..10 {
                        let at = (x * channels + channel) * 2;
                        assert_eq!(band[x * 2..x * 2 + 2], row[at..at + 2]);
                    }
                }
            }
        }
    }
}
