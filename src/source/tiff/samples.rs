//! From the stored rows of a plane to rows of native samples, band by band.

use super::plan::{Format, Plan, Predictor};
use super::predictor;
use crate::system::vectorised;
use smallvec::SmallVec;

/// What a row of samples looks like once predictor and byte order are undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// The native samples themselves.
    Plain,
    /// Native words of 16 or 24 bits that are floats.
    SmallFloat,
    /// Native words of whole bytes that are widened.
    Words { signed: bool },
    /// Bits without regard to bytes, the highest first.
    Packed { signed: bool },
}

/// How the rows of one plane are read.
#[derive(Clone, Debug)]
pub struct RowReader {
    encoding: Encoding,
    predictor: Predictor,
    /// Bytes of a word whose order is turned round; 1 where nothing is.
    turned: usize,
    /// Bits of each channel of a pixel.
    bits: SmallVec<[u32; 4]>,
    pixel_bits: usize,
    /// Bytes of a decoded sample.
    size: usize,
}

impl RowReader {
    /// The reader of a plane's rows.
    pub fn new(plan: &Plan, plane: usize, big_endian: bool) -> Self {
        let bands = plan.plane_bands(plane);
        let bits: SmallVec<[u32; 4]> = bands.map(|band| plan.band_bits(band)).collect();
        let first = bits[0];
        let uniform = bits.iter().all(|other| *other == first);
        let signed = plan.format == Format::Signed;
        let encoding = match first {
            16 | 24 if plan.format == Format::Float => Encoding::SmallFloat,
            _ if !uniform || !first.is_multiple_of(8) => Encoding::Packed { signed },
            _ if first as usize == plan.dtype.size() * 8 => Encoding::Plain,
            _ => Encoding::Words { signed },
        };
        let word = match (encoding, plan.predictor) {
            (Encoding::Packed { .. }, _) | (_, Predictor::Float) => 1,
            // The writers of this predictor take a complex sample for one long word.
            (_, Predictor::Horizontal) => first as usize / 8,
            _ => first as usize / 8 / plan.dtype.parts(),
        };
        let mut foreign = big_endian != cfg!(target_endian = "big");
        if first == 24 && matches!(encoding, Encoding::Words { .. }) {
            // GDAL, which alone writes whole numbers of 24 bits, puts their bytes into the order
            // that the file does not have, and reads them so.
            foreign = !foreign;
        }
        Self {
            encoding,
            predictor: plan.predictor,
            turned: if foreign { word } else { 1 },
            pixel_bits: bits.iter().sum::<u32>() as usize,
            bits,
            size: plan.dtype.size(),
        }
    }

    /// Whether a row of the file is, but for predictor and byte order, a row of one band.
    pub fn is_one_band(&self) -> bool {
        self.encoding == Encoding::Plain && self.bits.len() == 1
    }

    /// Undoes predictor and byte order of a whole row in place.
    pub fn restore(&self, row: &mut [u8], spare: &mut Vec<u8>) {
        match self.turned {
            2 => turn::<2>(row),
            3 => turn::<3>(row),
            4 => turn::<4>(row),
            8 => turn::<8>(row),
            1 => (),
            word => row.chunks_exact_mut(word).for_each(<[u8]>::reverse),
        }
        let bytes = self.bits[0] as usize / 8;
        match self.predictor {
            Predictor::None => (),
            Predictor::Horizontal => predictor::sum_words(row, bytes, self.bits.len()),
            Predictor::Float => predictor::join_floats(row, bytes, self.bits.len(), spare),
        }
    }

    /// Writes channel `picks[i]` of the pixels from `first` on to `rows[i]`.
    ///
    /// # Panics
    /// If the restored row is too short for that.
    pub fn store(&self, row: &[u8], first: usize, picks: &[usize], rows: &mut [&mut [u8]]) {
        if self.encoding == Encoding::Plain {
            let row = &row[first * self.pixel_bits / 8..];
            return match self.size {
                1 => split::<1>(row, self.bits.len(), picks, rows),
                2 => split::<2>(row, self.bits.len(), picks, rows),
                4 => split::<4>(row, self.bits.len(), picks, rows),
                8 => split::<8>(row, self.bits.len(), picks, rows),
                _ => split::<16>(row, self.bits.len(), picks, rows),
            };
        }
        for (channel, out) in picks.iter().zip(rows) {
            let before: u32 = self.bits[..*channel].iter().sum();
            let bits = self.bits[*channel];
            let start = first * self.pixel_bits + before as usize;
            let places = (start..).step_by(self.pixel_bits);
            match self.encoding {
                Encoding::Packed { signed } => {
                    let field = |at| extend(bit_field(row, at, bits), bits, signed);
                    widen(places.map(field), self.size, out);
                }
                Encoding::Words { signed } => {
                    let field = |at| extend(word(row, at / 8, bits / 8), bits, signed);
                    widen(places.map(field), self.size, out);
                }
                Encoding::SmallFloat | Encoding::Plain => {
                    let float = |at| small_float(word(row, at / 8, bits / 8) as u32, bits);
                    widen(places.map(float), self.size, out);
                }
            }
        }
    }
}

fn turn<const N: usize>(row: &mut [u8]) {
    let (words, _) = row.as_chunks_mut::<N>();
    words.iter_mut().for_each(|word| word.reverse());
}

/// Separates samples of `N` bytes.
fn split<const N: usize>(row: &[u8], channels: usize, picks: &[usize], rows: &mut [&mut [u8]]) {
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

/// A native word of whole bytes.
fn word(row: &[u8], at: usize, size: u32) -> u64 {
    let bytes = &row[at..at + size as usize];
    let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    if cfg!(target_endian = "big") {
        bytes.iter().fold(0, push)
    } else {
        bytes.iter().rev().fold(0, push)
    }
}

/// The `bits` bits from bit `at` on, counted from the highest bit of the first byte.
fn bit_field(row: &[u8], at: usize, bits: u32) -> u64 {
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
fn extend(value: u64, bits: u32, signed: bool) -> u64 {
    if signed {
        ((value << (64 - bits)) as i64 >> (64 - bits)) as u64
    } else {
        value
    }
}

/// Writes the low `size` bytes of each value.
fn widen(values: impl Iterator<Item = u64>, size: usize, out: &mut [u8]) {
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

/// The bits of the f32 with the value of a float of 16 or 24 bits; every such value has one.
fn small_float(bits: u32, width: u32) -> u64 {
    let (exponent_bits, fraction_bits) = if width == 16 { (5, 10) } else { (7, 16) };
    let sign = bits >> (width - 1) << 31;
    let most = (1 << exponent_bits) - 1;
    let bias = most / 2;
    let exponent = bits >> fraction_bits & most;
    let fraction = bits & ((1 << fraction_bits) - 1);
    let raised = fraction << (23 - fraction_bits);
    let magnitude = if exponent == most {
        0x7f80_0000 | raised
    } else if exponent > 0 {
        (exponent + 127 - bias) << 23 | raised
    } else {
        let unit = f32::from_bits((127 + 1 - bias - fraction_bits) << 23);
        (fraction as f32 * unit).to_bits()
    };
    u64::from(sign | magnitude)
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
    fn small_floats_have_their_values() {
        let half = |bits| f32::from_bits(small_float(bits, 16) as u32);
        assert_eq!(half(0x3c00), 1.0);
        assert_eq!(half(0xc000), -2.0);
        assert_eq!(half(0x7bff), 65504.0);
        assert_eq!(half(0x0001), 2f32.powi(-24));
        assert_eq!(half(0x03ff), 1023.0 * 2f32.powi(-24));
        assert_eq!(half(0xfc00), f32::NEG_INFINITY);
        assert!(half(0x7e00).is_nan());
        assert_eq!(half(0x8000).to_bits(), (-0f32).to_bits());
        let three = |bits| f32::from_bits(small_float(bits, 24) as u32);
        assert_eq!(three(0x3f_0000), 1.0);
        assert_eq!(three(0x00_0001), 2f32.powi(-78));
        assert_eq!(three(0xbf_8000), -1.5);
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
                split::<2>(&row, channels, &picks, &mut rows);
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
