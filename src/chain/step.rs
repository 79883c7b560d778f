//! The steps that a chain is made of.

use super::palette::Palette;
use super::ramp::Ramp;
use crate::dtype::DType;

/// One step from samples to a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// These bands in this order; repeats allowed.
    Bands(Vec<u32>),
    /// Samples times a scale plus an offset, the same for all bands or for each; `None`: those of the source.
    Unscale(Option<Vec<(f64, f64)>>),
    /// Samples, complex ones above all, as one real value.
    Detect(Detect),
    /// Values between two limits become 0 to 1.
    Stretch(Stretch),
    /// 0 to 1 raised to one over this, the same for all bands or for each.
    Gamma(Vec<f64>),
    /// 1 less the value.
    Invert,
    /// Values looked up, in one table for all bands or in one for each.
    Table(Tables),
    /// Indices become colours; `None`: those of the source.
    Palette(Option<Palette>),
    /// 0 to 1 becomes one of 256 colours.
    Ramp(Ramp),
    /// Luma and two differences become red, green and blue.
    YCbCr,
    /// One band three times.
    Rgb,
    /// One more band that says where anything is data.
    Alpha,
    /// Values as samples of a type.
    Type(Type),
}

/// What is made of a complex sample; of a real one its absolute value is the magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detect {
    /// sqrt(re^2 + im^2).
    Magnitude,
    /// re^2 + im^2.
    Power,
    /// The fourth root of the power.
    QuarterPower,
    /// 20 log10 of the magnitude; 0 is no data.
    Log,
    /// The angle, -pi to pi as 0 to 1.
    Phase,
}

impl Detect {
    /// All of them.
    pub const ALL: [Detect; 5] = [
        Detect::Magnitude,
        Detect::Power,
        Detect::QuarterPower,
        Detect::Log,
        Detect::Phase,
    ];

    /// The name of the step.
    pub fn name(self) -> &'static str {
        match self {
            Detect::Magnitude => "magnitude",
            Detect::Power => "power",
            Detect::QuarterPower => "quarter",
            Detect::Log => "log",
            Detect::Phase => "phase",
        }
    }
}

/// Where a stretch has its limits from.
#[derive(Clone, Debug, PartialEq)]
pub enum Stretch {
    /// Told: low and high, the same for all bands or for each.
    Limits(Vec<(f64, f64)>),
    /// All values that the significant bits of the source can have.
    Full,
    /// Of statistics; `common`: the least low and the greatest high for all bands.
    Of(Rule, bool),
}

/// How limits come out of statistics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The least and the greatest value.
    MinMax,
    /// Two percentiles.
    Percent(Percent, Percent),
    /// Percentiles 2 and 98, widened by a fifth of their distance below and two fifths above, within the least and
    /// the greatest value.
    Dra,
    /// So many standard deviations about the mean, within the least and the greatest value.
    Deviations(f64),
}

/// A percentage, in millionths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u32);

impl Percent {
    /// All.
    pub const WHOLE: Percent = Percent(100_000_000);

    /// The percentage as a number.
    pub fn value(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

/// Lookup tables of one type of entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Tables {
    /// The type of the entries: u8, u16, f32 or f64.
    pub dtype: DType,
    /// The entries of each table, little-endian.
    pub bytes: Vec<Vec<u8>>,
}

impl Tables {
    /// The most entries of a table: one for each sample of 16 bits.
    pub const MOST: usize = 1 << 16;

    /// Whether entries stand for 0 to 1: those of integers, of which the greatest is 1.
    pub fn is_unit(&self) -> bool {
        matches!(self.dtype, DType::U8 | DType::U16)
    }

    /// The values of a table; where there is one only, that.
    pub fn values(&self, band: usize) -> Vec<f64> {
        let bytes = &self.bytes[band.min(self.bytes.len() - 1)];
        match self.dtype {
            DType::U8 => bytes.iter().map(|code| f64::from(*code) / 255.0).collect(),
            DType::U16 => {
                let codes = bytes.as_chunks().0.iter();
                codes
                    .map(|code| f64::from(u16::from_le_bytes(*code)) / 65535.0)
                    .collect()
            }
            DType::F32 => {
                let values = bytes.as_chunks().0.iter();
                values
                    .map(|value| f32::from_le_bytes(*value).into())
                    .collect()
            }
            _ => {
                let values = bytes.as_chunks().0.iter();
                values.map(|value| f64::from_le_bytes(*value)).collect()
            }
        }
    }
}

/// The type of samples that a chain makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// 0 to 1 as 0 to 255.
    U8,
    /// 0 to 1 as 0 to 65535.
    U16,
    /// Values as they are, in single precision.
    F32,
    /// Values as they are.
    F64,
}

impl Type {
    /// All of them.
    pub const ALL: [Type; 4] = [Type::U8, Type::U16, Type::F32, Type::F64];

    /// The type of the samples.
    pub fn dtype(self) -> DType {
        match self {
            Type::U8 => DType::U8,
            Type::U16 => DType::U16,
            Type::F32 => DType::F32,
            Type::F64 => DType::F64,
        }
    }

    /// What stands for 1.
    pub fn most(self) -> f64 {
        match self {
            Type::U8 => 255.0,
            Type::U16 => 65535.0,
            Type::F32 | Type::F64 => 1.0,
        }
    }

    /// Whether values are rounded to whole numbers.
    pub fn is_whole(self) -> bool {
        matches!(self, Type::U8 | Type::U16)
    }
}

impl Step {
    /// Whether the step lacks what the source or its statistics must tell.
    pub fn is_open(&self) -> bool {
        match self {
            Step::Unscale(None) | Step::Palette(None) => true,
            Step::Stretch(stretch) => !matches!(stretch, Stretch::Limits(_)),
            _ => false,
        }
    }

    /// Whether the step lacks statistics.
    pub fn needs_statistics(&self) -> bool {
        matches!(self, Step::Stretch(Stretch::Of(..)))
    }
}
