//! Limits: where a stretch begins and ends, by the statistics of samples and what became of these since.

use super::formula::detect_real;
use super::program::{Build, Node, Op};
use super::step::{Detect, Percent, Rule};
use crate::dtype::DType;

/// What is known of the valid samples of each band of a source; of complex samples of their magnitude or power.
pub trait Statistics {
    /// How many bands.
    fn bands(&self) -> usize;
    /// How many valid samples were seen.
    fn count(&self, band: usize) -> u64;
    /// The least.
    fn minimum(&self, band: usize) -> f64;
    /// The greatest.
    fn maximum(&self, band: usize) -> f64;
    /// The mean.
    fn mean(&self, band: usize) -> f64;
    /// The standard deviation of all of them.
    fn deviation(&self, band: usize) -> f64;
    /// The sample that so many are not greater than, for a count of `rank` from 1 on.
    fn ranked(&self, band: usize, rank: u64) -> f64;
    /// Whether complex samples were taken by their power, and not by their magnitude.
    fn is_power(&self) -> bool;
}

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
    pub fn to(build: &Build<'_>, node: usize) -> Result<Self, String> {
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
    fn rises(&self, least: f64) -> Result<bool, String> {
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
    fn linear(&self, is_power: bool) -> Result<(f64, f64), String> {
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
    fn new(known: &'a dyn Statistics, path: &'a Path) -> Result<Self, String> {
        let all = known.count(path.band);
        let mut ordered = Self {
            known,
            path,
            rises: path.rises(known.minimum(path.band))?,
            skipped: 0,
            count: all,
        };
        // The greatest rank that has no value.
        let (mut none, mut some) = (0, all + 1);
        while some - none > 1 {
            let rank = none + (some - none) / 2;
            match ordered.of(known.ranked(path.band, rank)).is_nan() {
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

    /// The sample of a rank, from 1 on, among those that have a value, in the order of these.
    fn sample(&self, rank: u64) -> f64 {
        let rank = match self.rises {
            true => rank,
            false => self.count + 1 - rank,
        };
        self.known.ranked(self.path.band, self.skipped + rank)
    }

    fn value(&self, rank: u64) -> f64 {
        self.of(self.sample(rank))
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

    fn percentile(&self, percent: Percent) -> f64 {
        self.value(self.part(percent, true).max(1))
    }
}

/// The limits of a band that has valid samples.
pub fn limits(
    rule: Rule,
    path: &Path,
    dtype: DType,
    known: &dyn Statistics,
) -> Result<(f64, f64), String> {
    if let Rule::Deviations(times) = rule {
        return deviations(times, path, known);
    }
    let ordered = Ordered::new(known, path)?;
    if ordered.count == 0 {
        return Ok((0.0, 1.0));
    }
    let (least, greatest) = (ordered.value(1), ordered.value(ordered.count));
    Ok(match rule {
        Rule::MinMax => (least, greatest),
        Rule::Percent(low, high) => (ordered.percentile(low), ordered.percentile(high)),
        _ => dra(&ordered, dtype, least, greatest),
    })
}

/// The reference's rule in sample values, with the upper percentile never below the lower one: where one value is
/// nearly all there is, the picture would be turned.
fn dra(ordered: &Ordered<'_>, dtype: DType, least: f64, greatest: f64) -> (f64, f64) {
    const LOW: Percent = Percent(2_000_000);
    const HIGH: Percent = Percent(98_000_000);
    let low = ordered.percentile(LOW);
    // The last value up to which there are 98 percent at most: for whole numbers, the one before the first that has
    // more up to it.
    let first = ordered.sample(ordered.part(HIGH, false) + 1);
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
    (
        least.max(low - 0.2 * width),
        greatest.min(high + 0.4 * width),
    )
}

fn deviations(times: f64, path: &Path, known: &dyn Statistics) -> Result<(f64, f64), String> {
    let (scale, offset) = path.linear(known.is_power())?;
    let of = |sample: f64| sample * scale + offset;
    let ends = [known.minimum(path.band), known.maximum(path.band)].map(of);
    let (least, greatest) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    let mean = of(known.mean(path.band));
    let width = times * known.deviation(path.band) * scale.abs();
    Ok((least.max(mean - width), greatest.min(mean + width)))
}
