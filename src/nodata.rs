//! Nodata: which samples are equal to the nodata value of their band.
//!
//! Integers are equal bit by bit, floats by value: -0 is 0, and where the nodata value is NaN, every NaN
//! is. Of a complex sample both parts are compared, but where a part of the nodata value is NaN, a sample
//! with a NaN in any part is equal to it.

use crate::dtype::{DType, Sample};
use bytemuck::Pod;

/// Writes 255 to `row` where samples are data: where they differ from `nodata`.
pub fn mark_data(row: &mut [u8], dtype: DType, samples: &[u8], nodata: &Sample) {
    let none = nodata.bytes(dtype);
    match dtype {
        DType::F32 => floats::<f32, 1>(row, samples, none),
        DType::F64 => floats::<f64, 1>(row, samples, none),
        DType::CF32 => floats::<f32, 2>(row, samples, none),
        DType::CF64 => floats::<f64, 2>(row, samples, none),
        _ => mark(row, samples, none.len(), |sample| sample != none),
    }
}

/// Whether one sample is equal to `nodata`.
pub fn is_nodata(dtype: DType, sample: &Sample, nodata: &Sample) -> bool {
    let mut data = [0];
    mark_data(&mut data, dtype, sample.bytes(dtype), nodata);
    data == [0]
}

fn mark(row: &mut [u8], samples: &[u8], size: usize, is_data: impl Fn(&[u8]) -> bool) {
    for (out, sample) in row.iter_mut().zip(samples.chunks_exact(size)) {
        *out |= if is_data(sample) { 255 } else { 0 };
    }
}

/// A float that knows NaN.
trait Float: Pod + PartialEq {
    fn is_nan(self) -> bool;
}

impl Float for f32 {
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
}

impl Float for f64 {
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
}

fn floats<T: Float, const PARTS: usize>(row: &mut [u8], samples: &[u8], none: &[u8]) {
    let parts = |sample: &[u8]| -> [T; PARTS] {
        std::array::from_fn(|part| {
            let at = part * size_of::<T>();
            bytemuck::pod_read_unaligned(&sample[at..at + size_of::<T>()])
        })
    };
    let none = parts(none);
    let is_nan = |parts: &[T; PARTS]| parts.iter().any(|part| part.is_nan());
    let size = PARTS * size_of::<T>();
    match is_nan(&none) {
        true => mark(row, samples, size, |sample| !is_nan(&parts(sample))),
        false => mark(row, samples, size, |sample| parts(sample) != none),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(dtype: DType, samples: &[u8], nodata: &[u8]) -> Vec<bool> {
        let mut value = Sample::default();
        value.0[..nodata.len()].copy_from_slice(nodata);
        let mut row = vec![0; samples.len() / dtype.size()];
        mark_data(&mut row, dtype, samples, &value);
        row.iter().map(|data| *data == 0).collect()
    }

    #[test]
    fn every_nan_is_nan_and_both_zeros_are_zero() {
        let bits: [u32; 8] = [
            0x7fc0_0000,
            0xffc0_0000,
            0x7f80_0001,
            0x7fff_ffff,
            0x7f80_0000,
            0xff80_0000,
            0,
            0x8000_0000,
        ];
        let samples: Vec<u8> = bits.iter().flat_map(|bits| bits.to_ne_bytes()).collect();
        let of = |nodata: f32| found(DType::F32, &samples, &nodata.to_ne_bytes());
        let (yes, no) = (true, false);
        assert_eq!(of(f32::NAN), [yes, yes, yes, yes, no, no, no, no]);
        assert_eq!(of(-f32::NAN), [yes, yes, yes, yes, no, no, no, no]);
        assert_eq!(of(f32::INFINITY), [no, no, no, no, yes, no, no, no]);
        assert_eq!(of(0.0), [no, no, no, no, no, no, yes, yes]);
        assert_eq!(of(-0.0), [no, no, no, no, no, no, yes, yes]);
        let bits = [
            f64::NAN.to_bits(),
            f64::NAN.to_bits() ^ 1 << 63 ^ 5,
            1 << 63,
            0,
        ];
        let samples: Vec<u8> = bits.iter().flat_map(|bits| bits.to_ne_bytes()).collect();
        let of = |nodata: f64| found(DType::F64, &samples, &nodata.to_ne_bytes());
        assert_eq!(of(f64::NAN), [yes, yes, no, no]);
        assert_eq!(of(0.0), [no, no, yes, yes]);
        // The same bits are integers that differ.
        let zeros = [0u32.to_ne_bytes(), 0x8000_0000u32.to_ne_bytes()].concat();
        assert_eq!(found(DType::U32, &zeros, &[0; 4]), [yes, no]);
    }

    #[test]
    fn complex_samples_are_compared_by_both_parts() {
        let samples = [
            [1.0f32, 2.0],
            [1.0, 0.0],
            [f32::NAN, 0.0],
            [0.0, -f32::NAN],
            [-0.0, 0.0],
        ];
        let bytes: Vec<u8> = samples
            .as_flattened()
            .iter()
            .flat_map(|part| part.to_ne_bytes())
            .collect();
        let of = |re: f32, im: f32| {
            found(
                DType::CF32,
                &bytes,
                &[re.to_ne_bytes(), im.to_ne_bytes()].concat(),
            )
        };
        let (yes, no) = (true, false);
        assert_eq!(of(1.0, 2.0), [yes, no, no, no, no]);
        assert_eq!(of(0.0, -0.0), [no, no, no, no, yes]);
        assert_eq!(of(f32::NAN, 0.0), [no, no, yes, yes, no]);
        assert_eq!(of(0.0, f32::NAN), [no, no, yes, yes, no]);
        let parts: Vec<u8> = [1i16, 2, 1, 0]
            .iter()
            .flat_map(|part| part.to_ne_bytes())
            .collect();
        assert_eq!(found(DType::CI16, &parts, &parts[..4]), [yes, no]);
    }
}
