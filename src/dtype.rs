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
