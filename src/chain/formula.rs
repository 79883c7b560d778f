//! The formulas of the steps, of one value each. NaN is no data, and stays so through all of them.

use super::step::Detect;
use std::f64::consts::PI;

/// What a value becomes that is both limits of a stretch: 127 of 255.
const CONSTANT: f64 = 127.0 / 255.0;

/// 0 to 1 between two limits; where they are the same, 0 below, 1 above, and 127 of 255 there.
#[inline]
pub fn stretch(value: f64, low: f64, high: f64) -> f64 {
    if low < high {
        return ((value - low) / (high - low)).clamp(0.0, 1.0);
    }
    match value.partial_cmp(&low) {
        None => f64::NAN,
        Some(std::cmp::Ordering::Less) => 0.0,
        Some(std::cmp::Ordering::Equal) => CONSTANT,
        Some(std::cmp::Ordering::Greater) => 1.0,
    }
}

/// `t` raised to one over gamma.
pub fn gamma(t: f64, gamma: f64) -> f64 {
    libm::pow(t, 1.0 / gamma)
}

/// What is made of a complex sample.
pub fn detect(re: f64, im: f64, detect: Detect) -> f64 {
    if re.is_nan() || im.is_nan() {
        return f64::NAN;
    }
    match detect {
        Detect::Phase => ((libm::atan2(im, re) + PI) / (2.0 * PI)).clamp(0.0, 1.0),
        other => of_power(re * re + im * im, other),
    }
}

/// What is made of a real sample.
pub fn detect_real(value: f64, detect: Detect) -> f64 {
    match detect {
        Detect::Magnitude => value.abs(),
        Detect::Log => decibel(value.abs()),
        other => of_power(value * value, other),
    }
}

fn of_power(power: f64, detect: Detect) -> f64 {
    match detect {
        Detect::Power => power,
        Detect::QuarterPower => power.sqrt().sqrt(),
        Detect::Log => decibel(power.sqrt()),
        _ => power.sqrt(),
    }
}

/// 20 log10 of a magnitude; 0 is no data.
fn decibel(magnitude: f64) -> f64 {
    match magnitude == 0.0 {
        true => f64::NAN,
        false => 20.0 * libm::log10(magnitude),
    }
}

/// A whole number from 0 to `most` for 0 to 1, halves away from 0.
#[inline]
pub fn quantise(t: f64, most: f64) -> f64 {
    (t * most).round()
}

/// The entry of a table for an index; beyond its ends the last one there.
pub fn entry(table: &[f64], index: f64) -> f64 {
    match index.is_nan() {
        true => f64::NAN,
        // A number below 0 becomes 0, and one above all the greatest.
        false => table[(index as usize).min(table.len() - 1)],
    }
}

/// The colour of an index; what no palette has is no data.
pub fn colour(table: &[f64], index: f64) -> f64 {
    match index >= 0.0 {
        true => table.get(index as usize).copied().unwrap_or(f64::NAN),
        false => f64::NAN,
    }
}

/// Red, green or blue, 0 to 1, of luma and differences in codes of 8 bits: ITU-R BT.601, full range.
pub fn ycbcr(y: f64, cb: f64, cr: f64, part: usize) -> f64 {
    let (cb, cr) = (cb - 128.0, cr - 128.0);
    let code = match part {
        // All three are data, or none.
        0 => y + 1.402 * cr + 0.0 * cb,
        1 => y - 0.344136 * cb - 0.714136 * cr,
        _ => y + 1.772 * cb + 0.0 * cr,
    };
    (code / 255.0).clamp(0.0, 1.0)
}
