//! Histograms: valid pixels in bins of equal width.

use super::tally::Tally;
use crate::decimal::Decimal;
use crate::error::{Error, Result};

/// The most bins.
pub const MAX_BINS: usize = 65_536;

/// Valid pixels in bins of equal width.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Where the first bin begins.
    pub low: f64,
    /// Where the last one ends.
    pub high: f64,
    /// Pixels of each bin, which has its lower end, and the last one both.
    pub counts: Vec<u64>,
    /// Whether pixels were counted together that belong to different bins, and were put into one of them.
    pub is_approximate: bool,
}

/// So many bins from `low` to `high`; what is beyond is in none.
pub fn histogram(tally: &Tally, low: f64, high: f64, bins: usize) -> Result<Histogram> {
    if !(1..=MAX_BINS).contains(&bins) {
        return Err(Error::range(format!(
            "a histogram of {bins} bins; there may be 1 to {MAX_BINS}"
        )));
    }
    if !(low.is_finite() && high.is_finite() && low <= high) {
        let [low, high] = [low, high].map(Decimal);
        return Err(Error::range(format!("a histogram from {low} to {high}")));
    }
    // So that no difference and no product overflows.
    let unit = match low.abs().max(high.abs()) > 1e290 {
        true => f64::powi(2.0, -64),
        false => 1.0,
    };
    let width = high * unit - low * unit;
    let place = |value: f64| match value {
        value if value < low || value > high => None,
        _ if width == 0.0 => Some(0),
        value => {
            let along = (value * unit - low * unit) * bins as f64 / width;
            Some((along as usize).min(bins - 1))
        }
    };
    let mut made = Histogram {
        low,
        high,
        counts: vec![0; bins],
        is_approximate: false,
    };
    let (kind, ends) = (tally.kind(), tally.ends().unwrap_or((0, 0)));
    for bin in tally.bins() {
        let (first, last) = (bin.keys.0.max(ends.0), bin.keys.1.min(ends.1));
        let at = |key| place(kind.value(key));
        made.is_approximate |= at(first) != at(last);
        if let Some(nth) = at(first + (last - first) / 2) {
            made.counts[nth] += bin.count;
        }
    }
    Ok(made)
}
