//! Limits: where a stretch begins and ends, by the statistics of samples and what became of these since.

use super::formula::detect_real;
use super::program::{Build, Node, Op};
use super::step::{Detect, Percent, Rule};
use crate::dtype::DType;
use crate::error::Result;
use crate::stats::{BandStats, PixelStats};

/// What is known of the valid samples of each band of a source; of complex samples of their magnitude or power.
pub trait Statistics {
    /// How many bands.
    fn bands(&self) -> usize;
    /// How many valid samples were seen; 0 also if that is not known.
    fn count(&self, band: usize) -> u64;
    /// The least; NaN if none is valid.
    fn minimum(&self, band: usize) -> f64;
    /// The greatest.
    fn maximum(&self, band: usize) -> f64;
    /// The mean.
    fn mean(&self, band: usize) -> f64;
    /// The standard deviation of all of them.
    fn deviation(&self, band: usize) -> f64;
    /// The sample of a rank, from 1 for the least to the count for the greatest.
    fn ranked(&self, band: usize, rank: u64) -> Result<f64>;
    /// Whether complex samples were taken by their power, and not by their magnitude.
    fn is_power(&self) -> bool;
}

impl Statistics for PixelStats {
    fn bands(&self) -> usize {
        self.band_count() as usize
    }

    fn count(&self, band: usize) -> u64 {
        numbers(self, band).valid
    }

    fn minimum(&self, band: usize) -> f64 {
        numbers(self, band).minimum
    }

    fn maximum(&self, band: usize) -> f64 {
        numbers(self, band).maximum
    }

    fn mean(&self, band: usize) -> f64 {
        numbers(self, band).mean
    }

    fn deviation(&self, band: usize) -> f64 {
        numbers(self, band).deviation
    }

    fn ranked(&self, band: usize, rank: u64) -> Result<f64> {
        Ok(PixelStats::ranked(self, band as u32, rank)?.value)
    }

    fn is_power(&self) -> bool {
        PixelStats::is_power(self)
    }
}

/// The numbers of a band; those of none where there is no such band.
fn numbers(of: &PixelStats, band: usize) -> BandStats {
    of.band(band as u32).copied().unwrap_or_default()
}

/// Why no limits are known.
type Known<T> = std::result::Result<T, String>;

/// How a value comes out of one sample.
pub struct Path {
    /// The band of the source.
    pub band: usize,
    is_complex: bool,
    /// From the sample on.
    steps: Vec<Made>,
}

enum Made {
    /// Of a real sample, or of a magnitude.
    Detected(Detect),
    By(Op),
}

impl Path {
    /// The path to a node; an error where its values do not follow from those of one band.
    pub fn to(build: &Build<'_>, node: usize) -> Known<Self> {
        let unknown = || Err("no statistics tell of what comes before it".to_owned());
        let mut steps = Vec::new();
        let mut at = node;
        loop {
            match build.node(at) {
                Node::Source(band) => {
                    steps.reverse();
                    return Ok(Self {
                        band: *band,
                        is_complex: false,
                        steps,
                    });
                }
                Node::Complex(_, Detect::Phase) => return unknown(),
                Node::Complex(source, detect) => {
                    steps.push(Made::Detected(*detect));
                    steps.reverse();
                    return Ok(Self {
                        band: *source,
                        is_complex: true,
                        steps,
                    });
                }
                Node::Of(_, Op::Entry(_) | Op::Colour(_)) => return unknown(),
                Node::Of(parent, Op::Detect(detect)) => {
                    steps.push(Made::Detected(*detect));
                    at = *parent;
                }
                Node::Of(parent, op) => {
                    steps.push(Made::By(op.clone()));
                    at = *parent;
                }
                Node::YCbCr(..) | Node::Any(_) => return unknown(),
            }
        }
    }

    /// What becomes of a sample.
    fn value(&self, sample: f64) -> f64 {
        self.steps.iter().fold(sample, |value, made| match made {
            Made::Detected(detect) => detect_real(value, *detect),
            Made::By(op) => op.apply(value),
        })
    }

    /// Whether greater samples have greater values, or lesser ones; an error where neither is so.
    fn rises(&self, least: f64) -> Known<bool> {
        let (mut rises, mut least) = (true, least);
        for made in &self.steps {
            match made {
                Made::Detected(detect) => {
                    if least < 0.0 || !rises {
                        let name = detect.name();
                        return Err(format!("no statistics tell of {name} of values below 0"));
                    }
                    least = 0.0;
                    if *detect == Detect::Log {
                        least = f64::NEG_INFINITY;
                    }
                }
                Made::By(op) => {
                    let falls = match op {
                        Op::Linear(scale, _) => *scale < 0.0,
                        Op::Invert => true,
                        _ => false,
                    };
                    rises ^= falls;
                    least = op.apply(least);
                }
            }
        }
        Ok(rises)
    }

    /// Scale and offset, if the value is a linear function of the sample.
    fn linear(&self, is_power: bool) -> Known<(f64, f64)> {
        let mut sum = (1.0, 0.0);
        for made in &self.steps {
            match made {
                // That is what the statistics are of.
                Made::Detected(Detect::Magnitude) if self.is_complex && !is_power => (),
                Made::Detected(Detect::Power) if self.is_complex && is_power => (),
                Made::By(Op::Linear(scale, offset)) => {
                    sum = (sum.0 * scale, sum.1 * scale + offset);
                }
                Made::By(Op::Single) => (),
                _ => return Err("no mean is known of what comes before it".to_owned()),
            }
        }
        Ok(sum)
    }
}

/// The values of one band in order.
struct Ordered<'a> {
    known: &'a dyn Statistics,
    path: &'a Path,
    rises: bool,
    /// Samples of which no value is made, such as zeros by a logarithm: they are the least.
    skipped: u64,
    count: u64,
}

impl<'a> Ordered<'a> {
    fn new(known: &'a dyn Statistics, path: &'a Path) -> Known<Self> {
        let all = known.count(path.band);
        let mut ordered = Self {
            known,
            path,
            rises: path.rises(known.minimum(path.band))?,
            skipped: 0,
            count: all,
        };
        if !ordered.of(known.minimum(path.band)).is_nan() {
            return Ok(ordered);
        }
        // The greatest rank that has no value.
        let (mut none, mut some) = (1, all + 1);
        while some - none > 1 {
            let rank = none + (some - none) / 2;
            match ordered.of(ordered.ranked(rank)?).is_nan() {
                true => none = rank,
                false => some = rank,
            }
        }
        (ordered.skipped, ordered.count) = (none, all - none);
        Ok(ordered)
    }

    fn of(&self, sample: f64) -> f64 {
        let sample = match self.path.is_complex && self.known.is_power() {
            true => sample.sqrt(),
            false => sample,
        };
        self.path.value(sample)
    }

    /// A sample by its rank among all; the ends are known without percentiles.
    fn ranked(&self, rank: u64) -> Known<f64> {
        let band = self.path.band;
        match rank {
            1 => Ok(self.known.minimum(band)),
            last if last == self.known.count(band) => Ok(self.known.maximum(band)),
            rank => {
                let found = self.known.ranked(band, rank);
                found.map_err(|error| error.message().to_owned())
            }
        }
    }

    /// The sample of a rank, from 1 on, among those that have a value, in the order of these.
    fn sample(&self, rank: u64) -> Known<f64> {
        let rank = match self.rises {
            true => rank,
            false => self.count + 1 - rank,
        };
        self.ranked(self.skipped + rank)
    }

    fn value(&self, rank: u64) -> Known<f64> {
        Ok(self.of(self.sample(rank)?))
    }

    /// So many in a count, rounded up or down.
    fn part(&self, percent: Percent, round_up: bool) -> u64 {
        let (whole, all) = (u128::from(Percent::WHOLE.0), u128::from(self.count));
        let product = all * u128::from(percent.0);
        let rounded = if round_up {
            product.div_ceil(whole)
        } else {
            product / whole
        };
        rounded as u64
    }

    fn percentile(&self, percent: Percent) -> Known<f64> {
        if self.known.count(self.path.band) == 0 {
            // Of statistics that do not tell how many values there are, only the ends are known.
            return Err("the statistics have no percentiles".to_owned());
        }
        self.value(self.part(percent, true).max(1))
    }
}

/// The limits of a band that has valid samples, and so a least one.
pub fn limits(rule: Rule, path: &Path, dtype: DType, known: &dyn Statistics) -> Known<(f64, f64)> {
    if let Rule::Deviations(times) = rule {
        return deviations(times, path, known);
    }
    let ordered = Ordered::new(known, path)?;
    if ordered.count == 0 && ordered.skipped > 0 {
        return Ok((0.0, 1.0));
    }
    let (least, greatest) = (ordered.value(1)?, ordered.value(ordered.count)?);
    Ok(match rule {
        Rule::MinMax => (least, greatest),
        Rule::Percent(low, high) => (ordered.percentile(low)?, ordered.percentile(high)?),
        _ => dra(&ordered, dtype, least, greatest)?,
    })
}

/// The reference's rule in sample values, with the upper percentile never below the lower one: where one value is
/// nearly all there is, the picture would be turned.
fn dra(ordered: &Ordered<'_>, dtype: DType, least: f64, greatest: f64) -> Known<(f64, f64)> {
    const LOW: Percent = Percent(2_000_000);
    const HIGH: Percent = Percent(98_000_000);
    let low = ordered.percentile(LOW)?;
    // The last value up to which there are 98 percent at most: for whole numbers, the one before the first that has
    // more up to it.
    let first = ordered.sample(ordered.part(HIGH, false) + 1)?;
    let is_whole = !matches!(
        dtype,
        DType::F32 | DType::F64 | DType::CI16 | DType::CI32 | DType::CF32 | DType::CF64
    );
    let before = match (is_whole, ordered.rises) {
        (false, _) => first,
        (true, true) => first - 1.0,
        (true, false) => first + 1.0,
    };
    let high = match ordered.of(before) {
        value if value > low => value,
        _ => low,
    };
    let width = high - low;
    Ok((
        least.max(low - 0.2 * width),
        greatest.min(high + 0.4 * width),
    ))
}

fn deviations(times: f64, path: &Path, known: &dyn Statistics) -> Known<(f64, f64)> {
    let (scale, offset) = path.linear(known.is_power())?;
    let of = |sample: f64| sample * scale + offset;
    let ends = [known.minimum(path.band), known.maximum(path.band)].map(of);
    let (least, greatest) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    let mean = of(known.mean(path.band));
    let width = times * known.deviation(path.band) * scale.abs();
    Ok((least.max(mean - width), greatest.min(mean + width)))
}
