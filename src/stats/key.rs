//! Keys: how the values of a type are ordered, and in which bin of which page each is counted.
//!
//! Values of 8 and 16 bits have a bin each. Others are counted by sign, exponent and 11 bits of mantissa, which keeps
//! their order and leaves bins 2^-11 wide relative to the value; whole numbers below 4,096 have a bin each too.

use crate::dtype::DType;

/// The bins of a page.
pub const BINS: usize = 1 << 11;

/// How values are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers from this one on, one bin for each.
    Narrow(i64),
    /// u32 and u64.
    Unsigned,
    /// i32 and i64.
    Signed,
    /// f32, as f64.
    Single,
    /// f64, and what complex samples come to.
    Double,
}

/// A value that is not 0, as it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Binned {
    /// The page: its exponent.
    pub page: usize,
    /// The bin in the page.
    pub bin: usize,
    /// The magnitude as a multiple of the power of two that [`Kind::scale`] says.
    pub magnitude: u64,
}

impl Kind {
    /// How samples of a type are counted.
    pub fn of(dtype: DType) -> Self {
        match dtype {
            DType::U8 | DType::U16 => Kind::Narrow(0),
            DType::I8 => Kind::Narrow(i8::MIN.into()),
            DType::I16 => Kind::Narrow(i16::MIN.into()),
            DType::U32 | DType::U64 => Kind::Unsigned,
            DType::I32 | DType::I64 => Kind::Signed,
            DType::F32 => Kind::Single,
            _ => Kind::Double,
        }
    }

    /// Whether every value has a bin of its own.
    pub fn is_narrow(self) -> bool {
        matches!(self, Kind::Narrow(_))
    }

    /// Pages of each sign.
    pub fn pages(self) -> usize {
        match self {
            Kind::Narrow(_) => 32,
            Kind::Unsigned | Kind::Signed => 64,
            Kind::Single | Kind::Double => 2047,
        }
    }

    /// The exponent of the unit of all magnitudes.
    pub fn lowest_scale(self) -> i32 {
        match self {
            Kind::Narrow(_) | Kind::Unsigned | Kind::Signed => 0,
            Kind::Single | Kind::Double => -1074,
        }
    }

    /// The exponent of the unit of the magnitudes of a page.
    pub fn scale(self, page: usize) -> i32 {
        match self {
            Kind::Narrow(_) | Kind::Unsigned | Kind::Signed => 0,
            Kind::Single | Kind::Double => page.max(1) as i32 - 1075,
        }
    }

    /// The value of a key.
    pub fn value(self, key: u64) -> f64 {
        match self {
            Kind::Unsigned => key as f64,
            Kind::Narrow(_) | Kind::Signed => ((key ^ SIGN) as i64) as f64,
            Kind::Single | Kind::Double => f64::from_bits(match key & SIGN {
                0 => !key,
                _ => key ^ SIGN,
            }),
        }
    }

    /// The keys of the first and the last value that a bin counts.
    pub fn keys(self, is_negative: bool, page: usize, bin: usize) -> (u64, u64) {
        let (low, high) = match self {
            Kind::Narrow(first) => {
                let value = first + (page * BINS + bin) as i64;
                return (signed_key(value), signed_key(value));
            }
            Kind::Unsigned | Kind::Signed => {
                let place = |nth: usize| ((nth as u128) << page) >> 11;
                let low = place(BINS + bin);
                (low as u64, (place(BINS + bin + 1) - 1).max(low) as u64)
            }
            Kind::Single | Kind::Double => {
                let low = (page as u64) << 52 | (bin as u64) << 41;
                // An f32 has 29 bits less.
                let unused = if self == Kind::Single { 29 } else { 0 };
                (low, low | ((1 << 41) - 1) >> unused << unused)
            }
        };
        match (self, is_negative) {
            (Kind::Unsigned, _) => (low, high),
            (Kind::Signed, false) => (low ^ SIGN, high ^ SIGN),
            // The smallest i64 is the last value of its bin.
            (Kind::Signed, true) => (
                high.min(SIGN).wrapping_neg() ^ SIGN,
                low.wrapping_neg() ^ SIGN,
            ),
            (_, false) => (low | SIGN, high | SIGN),
            (_, true) => (!(high | SIGN), !(low | SIGN)),
        }
    }

    /// The key of 0.
    pub fn zero(self) -> u64 {
        match self {
            Kind::Unsigned => 0,
            _ => SIGN,
        }
    }
}

const SIGN: u64 = 1 << 63;

fn signed_key(value: i64) -> u64 {
    value as u64 ^ SIGN
}

/// A number of a type that is counted by its exponent.
pub trait Wide: Copy {
    /// Orders values as they are ordered, in 64 bits; both zeros of floats are one.
    fn key(self) -> u64;

    /// Whether it is below 0.
    fn is_negative(self) -> bool;

    /// Where it is counted; `None` for 0.
    fn binned(self) -> Option<Binned>;

    /// Whether it is neither NaN nor infinite.
    fn is_finite(self) -> bool;

    /// Whether it is NaN.
    fn is_nan(self) -> bool;
}

fn bin_whole(magnitude: u64) -> Option<Binned> {
    if magnitude == 0 {
        return None;
    }
    let zeros = magnitude.leading_zeros();
    Some(Binned {
        page: 63 - zeros as usize,
        bin: ((magnitude << zeros) >> 52) as usize & (BINS - 1),
        magnitude,
    })
}

macro_rules! whole {
    ($($t:ident: $key:expr, $is_negative:expr, $magnitude:expr;)*) => {$(
        impl Wide for $t {
            #[inline(always)]
            fn key(self) -> u64 {
                $key(self)
            }

            #[inline(always)]
            fn is_negative(self) -> bool {
                $is_negative(self)
            }

            #[inline(always)]
            fn binned(self) -> Option<Binned> {
                bin_whole($magnitude(self))
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                true
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }
        }
    )*};
}

whole! {
    u32: |v| v as u64, |_| false, |v| v as u64;
    u64: |v| v, |_| false, |v| v;
    i32: |v: i32| signed_key(v.into()), |v| v < 0, |v: i32| u64::from(v.unsigned_abs());
    i64: signed_key, |v| v < 0, |v: i64| v.unsigned_abs();
}

impl Wide for f64 {
    #[inline(always)]
    fn key(self) -> u64 {
        // The sum of both zeros is the positive one.
        let bits = (self + 0.0).to_bits();
        let flip = ((bits as i64) >> 63) as u64 | SIGN;
        bits ^ flip
    }

    #[inline(always)]
    fn is_negative(self) -> bool {
        self < 0.0
    }

    #[inline(always)]
    fn binned(self) -> Option<Binned> {
        let bits = self.to_bits() & !SIGN;
        if bits == 0 {
            return None;
        }
        let (page, fraction) = ((bits >> 52) as usize, bits & ((1 << 52) - 1));
        Some(Binned {
            page,
            bin: (fraction >> 41) as usize,
            magnitude: fraction | u64::from(page > 0) << 52,
        })
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Wide + std::fmt::Debug>(kind: Kind, values: &[T]) {
        for pair in values.windows(2) {
            assert!(pair[0].key() < pair[1].key(), "{pair:?}");
        }
        for value in values {
            let Some(binned) = value.binned() else {
                assert_eq!(value.key(), kind.zero());
                continue;
            };
            let (low, high) = kind.keys(value.is_negative(), binned.page, binned.bin);
            assert!(
                low <= value.key() && value.key() <= high,
                "{value:?} {binned:?}"
            );
            let (low, high) = (kind.value(low), kind.value(high));
            let width = (high - low) / kind.value(value.key()).abs();
            assert!(
                binned.page == 0 || width <= 1.0 / 2048.0,
                "{value:?} {width}"
            );
        }
    }

    #[test]
    fn bins_hold_their_values_in_order_and_are_narrow() {
        check(
            Kind::Unsigned,
            &[0, 1, 2, 4095, 4096, 4097, 1 << 31, u32::MAX],
        );
        check(Kind::Unsigned, &[0, 1, 5000, u64::MAX / 2, u64::MAX]);
        check(
            Kind::Signed,
            &[i32::MIN, -5001, -5000, -1, 0, 1, 77_777, i32::MAX],
        );
        check(Kind::Signed, &[i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX]);
        let tiny = f64::from_bits(1);
        let floats = [
            f64::MIN,
            -1e9,
            -1.5,
            -tiny,
            0.0,
            tiny,
            1e-300,
            1.0,
            1.0001,
            f64::MAX,
        ];
        check(Kind::Double, &floats);
        check(
            Kind::Single,
            &[-1e30f32 as f64, -0.1f32 as f64, 0.0, f32::MAX as f64],
        );
        assert_eq!((-0.0f64).key(), 0.0f64.key());
        for value in 0..4096u32 {
            let binned = value.binned();
            let keys = binned.map(|binned| Kind::Unsigned.keys(false, binned.page, binned.bin));
            assert_eq!(keys.unwrap_or((0, 0)), (value.into(), value.into()));
        }
        assert_eq!(
            Kind::Narrow(-128).keys(false, 0, 5),
            (signed_key(-123), signed_key(-123))
        );
    }
}
