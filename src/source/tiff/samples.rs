//! From the stored rows of a plane to rows of native samples, band by band.

use super::encoding::{Format, Predictor};
use super::plan::Plan;
use super::predictor;
use crate::convert::convert_row;
use crate::dtype::DType;
use crate::source::samples::{bit_field, extend, split, turn, widen};
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
    /// Native samples of each channel's own type.
    Typed,
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
    /// The type of each channel, where they are of different types.
    types: SmallVec<[DType; 4]>,
    /// Bytes of the samples of a pixel that are turned round one by one; none where all have one length.
    turned_apart: SmallVec<[usize; 4]>,
    /// The type of a decoded sample.
    dtype: DType,
}

impl RowReader {
    /// The reader of a plane's rows.
    pub fn new(plan: &Plan, plane: usize, big_endian: bool) -> Self {
        let bands = plan.plane_bands(plane);
        let bits: SmallVec<[u32; 4]> = bands.map(|band| plan.band_bits(band)).collect();
        let first = bits[0];
        let uniform = bits.iter().all(|other| *other == first);
        let signed = plan.format == Format::Signed;
        let types: SmallVec<[DType; 4]> = (plan.plane_bands(plane))
            .filter_map(|band| plan.band_type(band))
            .collect();
        let encoding = match first {
            _ if !types.is_empty() => Encoding::Typed,
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
        let mut foreign =
            !plan.compression.gives_samples() && big_endian != cfg!(target_endian = "big");
        if first == 24 && matches!(encoding, Encoding::Words { .. }) {
            // GDAL, which alone writes whole numbers of 24 bits, puts their bytes into the order
            // that the file does not have, and reads them so.
            foreign = !foreign;
        }
        let apart = foreign && encoding == Encoding::Typed && !uniform;
        let lengths = bits.iter().map(|bits| *bits as usize / 8);
        Self {
            encoding,
            predictor: plan.predictor,
            turned: if foreign && !apart { word } else { 1 },
            turned_apart: lengths.filter(|_| apart).collect(),
            types,
            pixel_bits: bits.iter().sum::<u32>() as usize,
            bits,
            dtype: plan.dtype,
        }
    }

    /// Whether a row of the file is, but for predictor and byte order, a row of one band.
    pub fn is_one_band(&self) -> bool {
        self.encoding == Encoding::Plain && self.bits.len() == 1
    }

    /// Whether a row of the file is just the samples that are delivered, of all bands of the plane.
    pub fn is_native(&self) -> bool {
        self.encoding == Encoding::Plain
            && self.predictor == Predictor::None
            && self.turned == 1
            && self.turned_apart.is_empty()
    }

    /// Undoes predictor and byte order of a whole row in place.
    pub fn restore(&self, row: &mut [u8], spare: &mut Vec<u8>) {
        turn(row, self.turned);
        if !self.turned_apart.is_empty() {
            for pixel in row.chunks_exact_mut(self.pixel_bits / 8) {
                let mut rest = pixel;
                for len in &self.turned_apart {
                    let (sample, behind) = rest.split_at_mut(*len);
                    sample.reverse();
                    rest = behind;
                }
            }
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
        let size = self.dtype.size();
        if self.encoding == Encoding::Plain {
            let row = &row[first * self.pixel_bits / 8..];
            return split(row, size, self.bits.len(), picks, rows);
        }
        for (channel, out) in picks.iter().zip(rows) {
            let before: u32 = self.bits[..*channel].iter().sum();
            let bits = self.bits[*channel];
            let start = first * self.pixel_bits + before as usize;
            let places = (start..).step_by(self.pixel_bits);
            match self.encoding {
                Encoding::Packed { signed } => {
                    let field = |at| extend(bit_field(row, at, bits), bits, signed);
                    widen(places.map(field), size, out);
                }
                Encoding::Typed => {
                    let own = self.types[*channel];
                    let sample = |at: usize| &row[at / 8..at / 8 + own.size()];
                    for (at, to) in places.zip(out.chunks_exact_mut(size)) {
                        convert_row(own, sample(at), self.dtype, to);
                    }
                }
                Encoding::Words { signed } => {
                    let field = |at| extend(word(row, at / 8, bits / 8), bits, signed);
                    widen(places.map(field), size, out);
                }
                Encoding::SmallFloat | Encoding::Plain => {
                    let float = |at| small_float(word(row, at / 8, bits / 8) as u32, bits);
                    widen(places.map(float), size, out);
                }
            }
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
}
