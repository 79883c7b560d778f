//! Samples and sums: the types that pixels have, and those in which they are added.

use crate::simd::vectorised;
use bytemuck::Pod;
use std::cmp::Ordering;

/// One part of a sample.
pub trait Sample: Pod + PartialEq + Send + Sync {
    /// Whether it is a number.
    fn is_number(self) -> bool;
    /// Whether it is a number that sums stand.
    fn is_finite(self) -> bool;
    /// Whether it is above zero.
    fn is_positive(self) -> bool;
    /// The nearest f64.
    fn to_f64(self) -> f64;
    /// The value of a whole number.
    fn to_i128(self) -> i128;
    /// The nearest sample, halves away from zero, clamped to the type.
    fn from_f64(value: f64) -> Self;
    /// The sample of a whole number, clamped to the type.
    fn from_i128(value: i128) -> Self;
    /// The next one up, and of the greatest the next one down.
    fn neighbour(self) -> Self;
    /// The order of values; of zeros the negative one comes first.
    fn order(self, other: Self) -> Ordering;
    /// Writes the means of two by two samples of two rows, or of two of one row; of the last ones of an odd row it takes
    /// what there is. They are what sums of this type would give. Says whether the type has that.
    fn means(rows: &[&[Self]], out: &mut [u8]) -> bool;
}

macro_rules! whole {
    ($($t:ident $means:expr;)*) => {$(
        impl Sample for $t {
            #[inline(always)]
            fn is_number(self) -> bool {
                true
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                true
            }
            #[inline(always)]
            fn is_positive(self) -> bool {
                self > 0
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn to_i128(self) -> i128 {
                self as i128
            }
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value.round() as $t
            }
            fn from_i128(value: i128) -> Self {
                value.clamp($t::MIN as i128, $t::MAX as i128) as $t
            }
            fn neighbour(self) -> Self {
                if self < $t::MAX { self + 1 } else { self - 1 }
            }
            fn order(self, other: Self) -> Ordering {
                self.cmp(&other)
            }
            fn means(rows: &[&[Self]], out: &mut [u8]) -> bool {
                $means(rows, out)
            }
        }
    )*};
}

/// Means of whole numbers by sums in a wider type. A row or a column that is missing is that beside it.
macro_rules! means {
    ($t:ident, $wide:ident, $quarter:expr) => {
        |rows: &[&[$t]], out: &mut [u8]| {
            let (first, second) = (rows[0], rows[rows.len() - 1]);
            vectorised(|| {
                let mean = |of: [$t; 4]| {
                    let [a, b, c, d] = of.map($wide::from);
                    ($quarter(a + b + c + d) as $t).to_ne_bytes()
                };
                let (pairs, last) = first.as_chunks::<2>();
                let (others, other) = second.as_chunks::<2>();
                let out = out.as_chunks_mut::<{ size_of::<$t>() }>().0;
                for ((a, b), out) in pairs.iter().zip(others).zip(out.iter_mut()) {
                    *out = mean([a[0], a[1], b[0], b[1]]);
                }
                if let ([a], [b], Some(out)) = (last, other, out.get_mut(pairs.len())) {
                    *out = mean([*a, *a, *b, *b]);
                }
            });
            true
        }
    };
}

whole! {
    u8 means!(u8, u16, |sum: u16| (sum + 2) >> 2);
    i8 means!(i8, i16, |sum: i16| ((sum.abs() + 2) >> 2) * sum.signum());
    u16 means!(u16, u32, |sum: u32| (sum + 2) >> 2);
    i16 means!(i16, i32, |sum: i32| ((sum.abs() + 2) >> 2) * sum.signum());
    u32 means!(u32, u64, |sum: u64| (sum + 2) >> 2);
    i32 means!(i32, i64, |sum: i64| ((sum.abs() + 2) >> 2) * sum.signum());
    u64 |_: &[&[u64]], _: &mut [u8]| false;
    i64 |_: &[&[i64]], _: &mut [u8]| false;
}

macro_rules! float {
    ($($t:ident)*) => {$(
        impl Sample for $t {
            fn is_number(self) -> bool {
                !self.is_nan()
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
            #[inline(always)]
            fn is_positive(self) -> bool {
                self > 0.0
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn to_i128(self) -> i128 {
                self as i128
            }
            #[allow(clippy::unnecessary_cast)]
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value.clamp($t::MIN as f64, $t::MAX as f64) as $t
            }
            fn from_i128(value: i128) -> Self {
                value as $t
            }
            fn neighbour(self) -> Self {
                match self < $t::MAX {
                    true => self.next_up(),
                    false => self.next_down(),
                }
            }
            fn order(self, other: Self) -> Ordering {
                self.total_cmp(&other)
            }
            fn means(rows: &[&[Self]], out: &mut [u8]) -> bool {
                vectorised(|| {
                    let out = out.as_chunks_mut::<{ size_of::<$t>() }>().0;
                    for (at, out) in out.iter_mut().enumerate() {
                        let (mut sum, mut count) = (0.0, 0.0);
                        for row in rows {
                            let end = (2 * at + 2).min(row.len());
                            let pair = &row[2 * at..end];
                            sum += pair.iter().fold(0.0, |sum, sample| sum + f64::from(*sample));
                            count += pair.len() as f64;
                        }
                        *out = $t::from_f64(sum / count).to_ne_bytes();
                    }
                });
                true
            }
        }
    )*};
}

float!(f32 f64);

/// What samples are added up in.
pub trait Sum: Copy + Send + Sync {
    /// Nothing.
    const ZERO: Self;
    /// Whether sums are exact.
    const IS_EXACT: bool;
    /// A sample.
    fn of<T: Sample>(sample: T) -> Self;
    /// A weight.
    fn weight(weight: f64) -> Self;
    /// The sum of both.
    fn plus(self, other: Self) -> Self;
    /// The product of both.
    fn times(self, other: Self) -> Self;
    /// Whether it is above zero.
    fn is_positive(self) -> bool;
    /// The nearest f64.
    fn to_f64(self) -> f64;
    /// The sample nearest to the quotient by a positive sum, halves away from zero.
    fn over<T: Sample>(self, by: Self) -> T;
    /// The whole number nearest to the quotient by a positive sum, halves to even, within two limits; what is not
    /// whole is not rounded.
    fn over_even<T: Sample>(self, by: Self, limits: (i128, i128)) -> T;
}

macro_rules! exact {
    ($($t:ident)*) => {$(
        impl Sum for $t {
            const ZERO: Self = 0;
            const IS_EXACT: bool = true;
            #[inline(always)]
            fn of<T: Sample>(sample: T) -> Self {
                sample.to_i128() as $t
            }
            #[inline(always)]
            fn weight(weight: f64) -> Self {
                weight as $t
            }
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self + other
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self * other
            }
            #[inline(always)]
            fn is_positive(self) -> bool {
                self > 0
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn over<T: Sample>(self, by: Self) -> T {
                let twice = 2 * self.abs() + by;
                // Most sums of weights are powers of two, and a shift is many times faster.
                let quotient = match by & (by - 1) {
                    0 => twice >> (by.trailing_zeros() + 1),
                    _ => twice / (2 * by),
                };
                T::from_i128((quotient * self.signum()).into())
            }
            fn over_even<T: Sample>(self, by: Self, limits: (i128, i128)) -> T {
                let (floor, rest) = (self.div_euclid(by), self.rem_euclid(by));
                let up = 2 * rest > by || 2 * rest == by && floor % 2 != 0;
                let value = i128::from(floor + $t::from(up));
                T::from_i128(value.clamp(limits.0, limits.1))
            }
        }
    )*};
}

exact!(i64 i128);

impl Sum for f64 {
    const ZERO: Self = 0.0;
    const IS_EXACT: bool = false;
    #[inline(always)]
    fn of<T: Sample>(sample: T) -> Self {
        sample.to_f64()
    }
    #[inline(always)]
    fn weight(weight: f64) -> Self {
        weight
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self + other
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self * other
    }
    fn is_positive(self) -> bool {
        self > 0.0
    }
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn over<T: Sample>(self, by: Self) -> T {
        T::from_f64(self / by)
    }
    fn over_even<T: Sample>(self, by: Self, _limits: (i128, i128)) -> T {
        T::from_f64(self / by)
    }
}
