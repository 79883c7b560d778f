//! Percentiles: the value of a rank, or the bin that it is in.

use super::key::Kind;
use super::tally::{Bin, Tally};
use crate::error::{Error, Result};

/// The value below or at which so many percent of the valid pixels are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentile {
    /// The value, or the middle of where it is.
    pub value: f64,
    /// The value is at least that.
    pub low: f64,
    /// The value is at most that. Where both are equal, it is exact.
    pub high: f64,
}

impl Percentile {
    /// That of a band without a valid pixel.
    pub const NONE: Percentile = Percentile {
        value: f64::NAN,
        low: f64::NAN,
        high: f64::NAN,
    };

    fn exact(value: f64) -> Self {
        Self {
            value,
            low: value,
            high: value,
        }
    }
}

/// The rank, from 1 on, of the percentile among so many values: the smallest with as many percent at or below it.
/// Percents count to a millionth.
pub fn rank(count: u64, percent: f64) -> Result<u64> {
    if !(0.0..=100.0).contains(&percent) {
        return Err(Error::range(format!(
            "{percent} percent; it must be from 0 to 100"
        )));
    }
    let millionths = (percent * 1e6).round() as u128;
    let rank = (u128::from(count) * millionths).div_ceil(100_000_000);
    Ok(rank.max(1) as u64)
}

/// Values whose keys are known by a further pass, by their ranks.
pub type Known = Vec<(u64, u64)>;

/// What is known of the value of a rank.
pub fn at_rank(tally: &Tally, known: &Known, rank: u64) -> Percentile {
    let kind = tally.kind();
    let Some((first, last)) = tally.ends() else {
        return Percentile::NONE;
    };
    let ends = [(1, first), (tally.valid, last)];
    if let Some((_, key)) = ends.iter().chain(known).find(|(of, _)| *of == rank) {
        return Percentile::exact(kind.value(*key));
    }
    match bin_of(tally, rank) {
        Some((bin, _)) => inside(kind, bin),
        None => Percentile::NONE,
    }
}

/// The bin that has the value of a rank, cut to the values that there are, and how many values come before it.
pub fn bin_of(tally: &Tally, rank: u64) -> Option<(Bin, u64)> {
    let (first, last) = tally.ends()?;
    let mut before = 0;
    let mut bins = tally.bins();
    let bin = bins.find(|bin| {
        let is_here = before + bin.count >= rank;
        before += if is_here { 0 } else { bin.count };
        is_here
    })?;
    let keys = (bin.keys.0.max(first), bin.keys.1.min(last));
    Some((Bin { keys, ..bin }, before))
}

fn inside(kind: Kind, bin: Bin) -> Percentile {
    let (low, high) = bin.keys;
    Percentile {
        value: kind.value(low + (high - low) / 2),
        low: kind.value(low),
        high: kind.value(high),
    }
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn ranks_are_computed_in_whole_numbers() {
        // The product of floats is a little more than 7.
        assert_eq!(rank(100, 7.0).unwrap(), 7);
        assert_eq!(rank(100, 7.000001).unwrap(), 8);
        assert_eq!((rank(5, 0.0).unwrap(), rank(5, 100.0).unwrap()), (1, 5));
        assert_eq!(rank(1 << 62, 50.0).unwrap(), 1 << 61);
        for wrong in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            assert!(rank(5, wrong).unwrap_err().message().contains("percent"));
        }
    }
}
