//! Sample types: their sizes, names, and single samples such as pad and nodata values.

use crate::error::{Error, Result};

macro_rules! dtypes {
    ($($name:ident = $code:literal, $text:literal, $size:literal, $parts:literal;)*) => {
        /// The type of one sample of one band.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum DType {
            $(#[doc = $text] $name = $code,)*
        }

        impl DType {
            /// All types, in the order of their codes.
            pub const ALL: &'static [DType] = &[$(DType::$name),*];

            /// Bytes of one sample, both parts of a complex one included.
            pub const fn size(self) -> usize {
                match self { $(DType::$name => $size,)* }
            }

            /// 2 for complex types, else 1.
            pub const fn parts(self) -> usize {
                match self { $(DType::$name => $parts,)* }
            }

            /// The short name: `u8`, `f32`, `ci16`.
            pub const fn name(self) -> &'static str {
                match self { $(DType::$name => $text,)* }
            }
        }
    };
}

dtypes! {
    U8 = 1, "u8", 1, 1;
    I8 = 2, "i8", 1, 1;
    U16 = 3, "u16", 2, 1;
    I16 = 4, "i16", 2, 1;
    U32 = 5, "u32", 4, 1;
    I32 = 6, "i32", 4, 1;
    U64 = 7, "u64", 8, 1;
    I64 = 8, "i64", 8, 1;
    F32 = 10, "f32", 4, 1;
    F64 = 11, "f64", 8, 1;
    CI16 = 20, "ci16", 4, 2;
    CI32 = 21, "ci32", 8, 2;
    CF32 = 22, "cf32", 8, 2;
    CF64 = 23, "cf64", 16, 2;
}

impl DType {
    /// The type with this code, or an error that names the code.
    pub fn from_code(code: i32) -> Result<Self> {
        DType::ALL
            .iter()
            .copied()
            .find(|t| *t as i32 == code)
            .ok_or_else(|| Error::argument(format!("{code} is not a sample type")))
    }

    /// The real type of one part: itself, or half of a complex type.
    pub fn part(self) -> DType {
        match self {
            DType::CI16 => DType::I16,
            DType::CI32 => DType::I32,
            DType::CF32 => DType::F32,
            DType::CF64 => DType::F64,
            real => real,
        }
    }

    /// The smallest type that has all values of both; f64 for what no type has, and none for complex types with
    /// others.
    pub fn union(self, other: DType) -> Option<DType> {
        use DType::*;
        if self == other {
            return Some(self);
        }
        if self.is_complex() || other.is_complex() {
            return None;
        }
        let both = [self, other];
        if both.contains(&F32) || both.contains(&F64) {
            let is_small = |of: &DType| matches!(of, F32 | U8 | I8 | U16 | I16);
            return Some(if both.iter().all(is_small) { F32 } else { F64 });
        }
        let is_signed = |of: DType| matches!(of, I8 | I16 | I32 | I64);
        let signed = both.into_iter().any(is_signed);
        let bits = |of: DType| of.size() * 8 + usize::from(signed && !is_signed(of));
        Some(match (bits(self).max(bits(other)), signed) {
            (..=8, false) => U8,
            (..=8, true) => I8,
            (..=16, false) => U16,
            (..=16, true) => I16,
            (..=32, false) => U32,
            (..=32, true) => I32,
            (..=64, false) => U64,
            (..=64, true) => I64,
            _ => F64,
        })
    }

    /// Whether samples have a real and an imaginary part.
    pub fn is_complex(self) -> bool {
        self.parts() == 2
    }
}

/// One sample in its own type, in native byte order; the unused tail is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Sample(pub [u8; 16]);

impl Sample {
    /// The sample nearest to `value`, clamped to the type; the imaginary part is zero.
    pub fn from_f64(dtype: DType, value: f64) -> Self {
        let mut sample = Sample::default();
        crate::convert::convert_row(
            DType::F64,
            &value.to_ne_bytes(),
            dtype,
            &mut sample.0[..dtype.size()],
        );
        sample
    }

    /// The value as f64: the real part of a complex sample, the nearest f64 of a large integer.
    pub fn to_f64(self, dtype: DType) -> f64 {
        let mut out = [0; 8];
        crate::convert::convert_row(dtype, self.bytes(dtype), DType::F64, &mut out);
        f64::from_ne_bytes(out)
    }

    /// The bytes of the sample alone.
    pub fn bytes(&self, dtype: DType) -> &[u8] {
        &self.0[..dtype.size()]
    }
}

#[cfg(test)]
mod tests {
    use super::DType::{self, *};

    #[test]
    fn a_union_has_all_values_of_both() {
        for (a, b, both) in [
            (U8, U8, Some(U8)),
            (U8, I8, Some(I16)),
            (U8, I16, Some(I16)),
            (U16, I16, Some(I32)),
            (U32, I8, Some(I64)),
            (U64, I8, Some(F64)),
            (U32, U64, Some(U64)),
            (U16, F32, Some(F32)),
            (I32, F32, Some(F64)),
            (F32, F64, Some(F64)),
            (CI16, CI16, Some(CI16)),
            (CF32, F32, None),
        ] {
            assert_eq!((a.union(b), b.union(a)), (both, both), "{a:?} {b:?}");
        }
        // The values at both ends of a type are exact in each union, but for whole numbers of 64 bits in f64.
        let real = DType::ALL.iter().filter(|of| !of.is_complex());
        for (a, b) in real.clone().flat_map(|a| real.clone().map(|b| (*a, *b))) {
            let both = a.union(b).expect("a union");
            for end in [f64::MIN, f64::MAX] {
                let end = super::Sample::from_f64(a, end).to_f64(a);
                let kept = super::Sample::from_f64(both, end).to_f64(both);
                assert_eq!(kept, end, "{a:?} in {both:?}");
            }
        }
    }
}
