//! Exact sums: natural numbers of any length, and the mean and deviation that follow from them, each rounded once.

use std::cmp::Ordering;

/// A natural number in limbs of 64 bits, the lowest first.
#[derive(Clone, Debug, Default)]
struct Natural(Vec<u64>);

impl Natural {
    /// Adds `value * 2^shift`.
    fn add(&mut self, value: u128, shift: u32) {
        let (limb, bits) = ((shift / 64) as usize, shift % 64);
        let low = value << bits;
        let high = if bits == 0 { 0 } else { value >> (128 - bits) };
        self.add_at(limb, &[low as u64, (low >> 64) as u64, high as u64]);
    }

    fn add_at(&mut self, limb: usize, value: &[u64]) {
        let mut carry = false;
        let digits = value.iter().copied().chain(std::iter::repeat(0));
        for (at, digit) in (limb..).zip(digits) {
            if at >= limb + value.len() && !carry {
                break;
            }
            if at >= self.0.len() {
                self.0.resize(at + 1, 0);
            }
            let (sum, first) = self.0[at].overflowing_add(digit);
            let (sum, second) = sum.overflowing_add(carry.into());
            self.0[at] = sum;
            carry = first || second;
        }
    }

    fn times(&self, other: &Natural) -> Natural {
        let mut product = Natural::default();
        for (at, limb) in self.0.iter().enumerate() {
            for (to, digit) in other.0.iter().enumerate() {
                let part = u128::from(*limb) * u128::from(*digit);
                product.add_at(at + to, &[part as u64, (part >> 64) as u64]);
            }
        }
        product
    }

    /// The difference, and whether `other` is the larger.
    fn minus(&self, other: &Natural) -> (Natural, bool) {
        let is_less = self.compare(other) == Ordering::Less;
        let (large, small) = if is_less {
            (other, self)
        } else {
            (self, other)
        };
        let mut rest = large.clone();
        let mut borrow = false;
        for (at, digit) in rest.0.iter_mut().enumerate() {
            let (difference, first) = digit.overflowing_sub(small.limb(at));
            let (difference, second) = difference.overflowing_sub(borrow.into());
            *digit = difference;
            borrow = first || second;
        }
        (rest, is_less)
    }

    fn compare(&self, other: &Natural) -> Ordering {
        let limbs = self.0.len().max(other.0.len());
        let pairs = (0..limbs)
            .rev()
            .map(|at| self.limb(at).cmp(&other.limb(at)));
        pairs.fold(Ordering::Equal, Ordering::then)
    }

    fn limb(&self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// The position after the highest bit that is set.
    fn bits(&self) -> u64 {
        let highest = self.0.iter().rposition(|limb| *limb != 0);
        highest.map_or(0, |at| {
            at as u64 * 64 + 64 - u64::from(self.0[at].leading_zeros())
        })
    }

    fn bit(&self, at: u64) -> bool {
        self.limb((at / 64) as usize) >> (at % 64) & 1 == 1
    }

    /// `self * 2^GUARD / divisor`, rounded down, and whether anything was left over. The divisor is below 2^127.
    fn divide(&self, divisor: u128) -> (Natural, bool) {
        let bits = self.bits() + GUARD;
        let mut quotient = Natural(vec![0; bits.div_ceil(64) as usize]);
        let mut rest = 0u128;
        for at in (0..bits).rev() {
            let bit = at.checked_sub(GUARD).is_some_and(|at| self.bit(at));
            rest = rest << 1 | u128::from(bit);
            if rest >= divisor {
                rest -= divisor;
                quotient.0[(at / 64) as usize] |= 1 << (at % 64);
            }
        }
        (quotient, rest != 0)
    }

    /// The number without its lowest bits, rounded to nearest, halves to even; it must then fit. `sticky` says
    /// that it is a little larger than it is.
    fn round(&self, drop: u64, sticky: bool) -> u64 {
        let mut kept = 0u64;
        for at in (drop..self.bits()).rev() {
            kept = kept << 1 | u64::from(self.bit(at));
        }
        let half = drop > 0 && self.bit(drop - 1);
        let below = sticky || (0..drop.saturating_sub(1)).any(|at| self.bit(at));
        kept + u64::from(half && (below || kept & 1 == 1))
    }
}

/// The bits of a quotient beyond those of its dividend: more than a divisor has, so that what rounding to 53 bits
/// needs is always there.
const GUARD: u64 = 192;

/// The smallest exponent of an f64.
const MIN_EXPONENT: i64 = -1074;

/// The exact sums over the values of a band.
#[derive(Clone, Debug)]
pub struct Sums {
    positive: Natural,
    negative: Natural,
    squares: Natural,
    /// Values are multiples of 2^scale.
    scale: i32,
    count: u64,
}

impl Sums {
    /// Sums of no values, all of which will be multiples of `2^scale`.
    pub fn new(scale: i32) -> Self {
        Self {
            positive: Natural::default(),
            negative: Natural::default(),
            squares: Natural::default(),
            scale,
            count: 0,
        }
    }

    /// Adds `count` values whose magnitudes add up to `sum * 2^scale`, `scale` being at least that of the sums.
    pub fn add(&mut self, is_negative: bool, count: u64, sum: u128, scale: i32) {
        self.count += count;
        let side = match is_negative {
            true => &mut self.negative,
            false => &mut self.positive,
        };
        side.add(sum, (scale - self.scale) as u32);
    }

    /// Adds squares that add up to `(high * 2^128 + low) * 2^(2 * scale)`.
    pub fn add_squares(&mut self, (low, high): (u128, u64), scale: i32) {
        let shift = 2 * (scale - self.scale) as u32;
        self.squares.add(low, shift);
        self.squares.add(high.into(), shift + 128);
    }

    /// The mean, rounded once; NaN of no values.
    pub fn mean(&self) -> f64 {
        if self.count == 0 {
            return f64::NAN;
        }
        let (sum, is_negative) = self.positive.minus(&self.negative);
        let (quotient, sticky) = sum.divide(self.count.into());
        let scale = i64::from(self.scale) - GUARD as i64;
        let lowest = (quotient.bits() as i64 - 53 + scale).max(MIN_EXPONENT);
        let drop = (lowest - scale).max(0);
        let mean = power_of_two(quotient.round(drop as u64, sticky) as f64, scale + drop);
        if is_negative { -mean } else { mean }
    }

    /// The population standard deviation: the square root of the variance, which is rounded once; NaN of no values.
    pub fn deviation(&self) -> f64 {
        if self.count == 0 {
            return f64::NAN;
        }
        let mut count = Natural::default();
        count.add(self.count.into(), 0);
        let (sum, _) = self.positive.minus(&self.negative);
        let (spread, _) = self.squares.times(&count).minus(&sum.times(&sum));
        let (variance, sticky) = spread.divide(u128::from(self.count) * u128::from(self.count));
        let scale = 2 * i64::from(self.scale) - GUARD as i64;
        let drop = variance.bits().saturating_sub(53);
        let mut variance = variance.round(drop, sticky) as f64;
        // The exponent may be beyond that of any f64, and that of the root is half of it.
        let mut exponent = scale + drop as i64;
        if exponent % 2 != 0 {
            variance *= 2.0;
            exponent -= 1;
        }
        power_of_two(variance.sqrt(), exponent / 2)
    }
}

/// `value * 2^exponent`.
fn power_of_two(value: f64, exponent: i64) -> f64 {
    let mut value = value;
    let mut left = exponent;
    while left != 0 && value != 0.0 && value.is_finite() {
        let step = left.clamp(-1000, 1000);
        value *= f64::from_bits(((step + 1023) as u64) << 52);
        left -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[(i64, i32)], scale: i32) -> Sums {
        let mut sums = Sums::new(scale);
        for (value, exponent) in values {
            let magnitude = u128::from(value.unsigned_abs());
            sums.add(*value < 0, 1, magnitude, *exponent);
            sums.add_squares((magnitude * magnitude, 0), *exponent);
        }
        sums
    }

    #[test]
    fn sums_of_whole_numbers_are_those_of_wide_arithmetic() {
        let values = [1_000_000_001, 1_000_000_002, -7, 12345, 0];
        let sums = of(&values.map(|value| (value, 0)), 0);
        let mean = values.iter().sum::<i64>() as f64 / 5.0;
        assert_eq!(sums.mean(), mean);
        let square = |value: &i64| i128::from(*value).pow(2);
        let spread = 5 * values.iter().map(square).sum::<i128>()
            - i128::from(values.iter().sum::<i64>()).pow(2);
        assert_eq!(sums.deviation(), (spread as f64 / 25.0).sqrt());
    }

    #[test]
    fn no_exponent_overflows_and_no_small_part_is_lost() {
        // The largest and the smallest f64, and what cancels the first.
        let (top, one) = ((1i64 << 53) - 1, 1i64);
        let sums = of(&[(top, 971), (one, -1074), (-top, 971)], -1074);
        assert_eq!(sums.mean(), 0.0);
        let sums = of(&[(top, 971), (3 * one, -1074), (-top, 971)], -1074);
        assert_eq!(sums.mean(), f64::from_bits(1));
        assert!(sums.deviation() > 1e308 && sums.deviation() < f64::MAX);
        let sums = of(&[(one, -1074), (3 * one, -1074)], -1074);
        assert_eq!(
            (sums.mean(), sums.deviation()),
            (f64::from_bits(2), f64::from_bits(1))
        );
        let sums = of(&[(top, 971); 3], -1074);
        assert_eq!((sums.mean(), sums.deviation()), (f64::MAX, 0.0));
    }

    #[test]
    fn nothing_has_no_mean() {
        assert!(Sums::new(0).mean().is_nan() && Sums::new(0).deviation().is_nan());
    }
}
