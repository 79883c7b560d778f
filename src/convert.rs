//! Conversion of rows of samples between types: rounded to nearest, clamped, NaN to 0.

use crate::dtype::DType;
use bytemuck::Pod;

/// A real sample type that converts to another one without leaving its range.
trait Convert<D> {
    fn convert(self) -> D;
}

macro_rules! to_int {
    ($from:ident => $($to:ident)*) => {$(
        impl Convert<$to> for $from {
            #[inline]
            #[allow(clippy::unnecessary_fallible_conversions, unused_comparisons)]
            fn convert(self) -> $to {
                $to::try_from(self).unwrap_or(if self < 0 { $to::MIN } else { $to::MAX })
            }
        }
    )*};
}

macro_rules! int {
    ($($from:ident)*) => {$(
        to_int!($from => u8 i8 u16 i16 u32 i32 u64 i64);
        impl Convert<f32> for $from {
            #[inline]
            fn convert(self) -> f32 { self as f32 }
        }
        impl Convert<f64> for $from {
            #[inline]
            fn convert(self) -> f64 { self as f64 }
        }
    )*};
}

macro_rules! float {
    ($from:ident => $($to:ident)*) => {$(
        impl Convert<$to> for $from {
            #[inline]
            fn convert(self) -> $to { self.round() as $to }
        }
    )*};
}

int!(u8 i8 u16 i16 u32 i32 u64 i64);
float!(f32 => u8 i8 u16 i16 u32 i32 u64 i64);
float!(f64 => u8 i8 u16 i16 u32 i32 u64 i64);

impl Convert<f32> for f32 {
    fn convert(self) -> f32 {
        self
    }
}

impl Convert<f64> for f32 {
    fn convert(self) -> f64 {
        self.into()
    }
}

impl Convert<f64> for f64 {
    fn convert(self) -> f64 {
        self
    }
}

impl Convert<f32> for f64 {
    fn convert(self) -> f32 {
        if self.is_finite() {
            self.clamp(f32::MIN.into(), f32::MAX.into()) as f32
        } else {
            self as f32
        }
    }
}

/// Converts every `parts`-th sample of `src` into every `dst_parts`-th of `dst`; the rest of `dst` is 0.
fn run<S, D>(src: &[u8], parts: usize, dst: &mut [u8], dst_parts: usize)
where
    S: Pod + Convert<D>,
    D: Pod,
{
    let shared = parts.min(dst_parts);
    let from = src.chunks_exact(size_of::<S>() * parts);
    let to = dst.chunks_exact_mut(size_of::<D>() * dst_parts);
    for (from, to) in from.zip(to) {
        for (part, out) in to.chunks_exact_mut(size_of::<D>()).enumerate() {
            let value = if part < shared {
                let at = part * size_of::<S>();
                bytemuck::pod_read_unaligned::<S>(&from[at..at + size_of::<S>()]).convert()
            } else {
                D::zeroed()
            };
            out.copy_from_slice(bytemuck::bytes_of(&value));
        }
    }
}

macro_rules! by_real_type {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype.part() {
            DType::U8 => {
                type $t = u8;
                $body
            }
            DType::I8 => {
                type $t = i8;
                $body
            }
            DType::U16 => {
                type $t = u16;
                $body
            }
            DType::I16 => {
                type $t = i16;
                $body
            }
            DType::U32 => {
                type $t = u32;
                $body
            }
            DType::I32 => {
                type $t = i32;
                $body
            }
            DType::U64 => {
                type $t = u64;
                $body
            }
            DType::I64 => {
                type $t = i64;
                $body
            }
            DType::F32 => {
                type $t = f32;
                $body
            }
            _ => {
                type $t = f64;
                $body
            }
        }
    };
}

/// Converts the samples of `src` to type `to` in `dst`, which must hold as many.
///
/// Integers are clamped, floats rounded half away from zero, NaN becomes 0. A complex sample
/// gives its real part to a real type; a real sample becomes a complex one without imaginary part.
pub fn convert_row(from: DType, src: &[u8], to: DType, dst: &mut [u8]) {
    debug_assert_eq!(src.len() / from.size(), dst.len() / to.size());
    if from == to {
        dst.copy_from_slice(src);
        return;
    }
    by_real_type!(from, S => by_real_type!(to, D => match (from.parts(), to.parts()) {
        (1, 1) => run::<S, D>(src, 1, dst, 1),
        (parts, to_parts) => run::<S, D>(src, parts, dst, to_parts),
    }))
}

/// The sample that makes a pixel opaque in an alpha band: the type's maximum, 1.0 for floats.
pub fn opaque(dtype: DType) -> crate::dtype::Sample {
    let mut sample = crate::dtype::Sample::default();
    macro_rules! maximum {
        ($t:ident) => {
            sample.0[..size_of::<$t>()].copy_from_slice(&<$t>::MAX.to_ne_bytes())
        };
    }
    match dtype.part() {
        DType::U8 => maximum!(u8),
        DType::I8 => maximum!(i8),
        DType::U16 => maximum!(u16),
        DType::I16 => maximum!(i16),
        DType::U32 => maximum!(u32),
        DType::I32 => maximum!(i32),
        DType::U64 => maximum!(u64),
        DType::I64 => maximum!(i64),
        DType::F32 => sample.0[..4].copy_from_slice(&1f32.to_ne_bytes()),
        _ => sample.0[..8].copy_from_slice(&1f64.to_ne_bytes()),
    }
    sample
}
