//! Conversions: the chain of the simple case that every viewer has, made of numbers.

use super::Chain;
use super::step::{Percent, Rule, Step, Stretch, Type};
use crate::dtype::DType;
use crate::error::{Error, Result};

/// What becomes of samples.
#[derive(Clone, Debug, Default)]
pub struct Conversion {
    /// The type of the output; u8 if not given.
    pub dtype: Option<DType>,
    /// What becomes the least and the greatest value of the output.
    pub limits: Option<(f64, f64)>,
    /// The percentiles that do, which statistics must tell.
    pub percents: Option<(f64, f64)>,
    /// The same limits for all bands.
    pub is_common: bool,
    /// Above 1 brightens; 1 if not given.
    pub gamma: Option<f64>,
    /// 1 less the value.
    pub is_inverted: bool,
    /// One more band that says where anything is data.
    pub has_alpha: bool,
    /// The bands, all if not given.
    pub bands: Option<Vec<u32>>,
}

impl Conversion {
    /// The chain, over samples of a type. Without limits and percents it takes all values of the significant bits,
    /// which only unsigned types have; to floats it then leaves values as they are.
    pub fn chain(&self, from: DType) -> Result<Chain> {
        let to = self.to()?;
        let mut steps = Vec::new();
        if let Some(bands) = &self.bands {
            steps.push(Step::Bands(bands.clone()));
        }
        let shapes = self.gamma.is_some() || self.is_inverted;
        match self.stretch()? {
            Some(stretch) => steps.push(Step::Stretch(stretch)),
            None if !to.is_whole() && !shapes => (),
            None if matches!(from, DType::U8 | DType::U16 | DType::U32 | DType::U64) => {
                steps.push(Step::Stretch(Stretch::Full));
            }
            None => {
                return Err(Error::argument(format!(
                    "samples of {} have no full range: low and high, or low_percent and high_percent, must be given",
                    from.name()
                )));
            }
        }
        if let Some(gamma) = self.gamma {
            if !(gamma > 0.0 && gamma.is_finite() && (1.0 / gamma).is_finite()) {
                return Err(Error::range(format!(
                    "gamma is {gamma}; it must be above 0"
                )));
            }
            steps.push(Step::Gamma(vec![gamma]));
        }
        if self.is_inverted {
            steps.push(Step::Invert);
        }
        steps.push(Step::Type(to));
        if self.has_alpha {
            steps.push(Step::Alpha);
        }
        Chain::of_steps(steps)
    }

    fn to(&self) -> Result<Type> {
        let to = self.dtype.unwrap_or(DType::U8);
        let found = Type::ALL.into_iter().find(|of| of.dtype() == to);
        found.ok_or_else(|| {
            Error::argument(format!(
                "dtype is {}; it must be u8, u16, f32 or f64",
                to.name()
            ))
        })
    }

    fn stretch(&self) -> Result<Option<Stretch>> {
        match (self.limits, self.percents) {
            (Some(_), Some(_)) => Err(Error::argument(
                "both limits and percents are given; one of them does",
            )),
            (Some((low, high)), None) => match low <= high && (high - low).is_finite() {
                true => Ok(Some(Stretch::Limits(vec![(low + 0.0, high + 0.0)]))),
                false => Err(Error::range(format!(
                    "low is {low} and high {high}; they must be numbers, low not above high"
                ))),
            },
            (None, Some((low, high))) => {
                let rule = Rule::Percent(percent(low)?, percent(high)?);
                match low < high {
                    true => Ok(Some(Stretch::Of(rule, self.is_common))),
                    false => Err(Error::range(format!(
                        "low_percent is {low} and high_percent {high}; the first must be below"
                    ))),
                }
            }
            (None, None) => Ok(None),
        }
    }
}

fn percent(value: f64) -> Result<Percent> {
    let percent = Percent((value.clamp(0.0, 100.0) * 1e6).round() as u32);
    match percent.value() == value {
        true => Ok(percent),
        false => Err(Error::range(format!(
            "{value} percent; it must be 0 to 100, to a millionth"
        ))),
    }
}
