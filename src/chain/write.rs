//! Writing: the text of a chain in its one canonical form.

use super::base64::encode;
use super::step::{Percent, Rule, Step, Stretch, Tables};
use crate::decimal::Decimal;
use std::fmt::{self, Display, Formatter};

impl Display for Percent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

/// Items with commas between.
fn list<T>(
    f: &mut Formatter<'_>,
    name: &str,
    items: &[T],
    write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str(name)?;
    for (at, item) in items.iter().enumerate() {
        f.write_str(if at == 0 { "=" } else { "," })?;
        write(f, item)?;
    }
    Ok(())
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Step::Bands(bands) => list(f, "bands", bands, |f, band| write!(f, "{band}")),
            Step::Unscale(None) => f.write_str("unscale"),
            Step::Unscale(Some(scales)) => list(f, "unscale", scales, |f, (scale, offset)| {
                write!(f, "{}:{}", Decimal(*scale), Decimal(*offset))
            }),
            Step::Detect(detect) => f.write_str(detect.name()),
            Step::Stretch(stretch) => write!(f, "{stretch}"),
            Step::Gamma(gammas) => list(f, "gamma", gammas, |f, gamma| {
                write!(f, "{}", Decimal(*gamma))
            }),
            Step::Invert => f.write_str("invert"),
            Step::Table(tables) => write!(f, "{tables}"),
            Step::Palette(None) => f.write_str("palette"),
            Step::Palette(Some(palette)) => {
                let parts = if palette.has_opacity() { 4 } else { 3 };
                let colours = palette.colours().iter();
                let bytes: Vec<u8> = colours
                    .flat_map(|colour| &colour[..parts])
                    .copied()
                    .collect();
                write!(f, "palette={}:{}", &"rgba"[..parts], encode(&bytes))
            }
            Step::Ramp(ramp) => write!(f, "ramp={}", ramp.name()),
            Step::YCbCr => f.write_str("ycbcr"),
            Step::Rgb => f.write_str("rgb"),
            Step::Alpha => f.write_str("alpha"),
            Step::Type(of) => f.write_str(of.dtype().name()),
        }
    }
}

impl Display for Stretch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (rule, is_common) = match self {
            Stretch::Limits(limits) => {
                return list(f, "stretch", limits, |f, (low, high)| {
                    write!(f, "{}..{}", Decimal(*low), Decimal(*high))
                });
            }
            Stretch::Full => return f.write_str("stretch=full"),
            Stretch::Of(rule, is_common) => (rule, *is_common),
        };
        let (text, sign) = match rule {
            Rule::MinMax => ("minmax".to_owned(), '='),
            Rule::Dra => ("dra".to_owned(), '='),
            Rule::Percent(low, high) => (format!("stretch={low}..{high}%"), ','),
            Rule::Deviations(times) => (format!("sd={}", Decimal(*times)), ','),
        };
        f.write_str(&text)?;
        match is_common {
            true => write!(f, "{sign}common"),
            false => Ok(()),
        }
    }
}

impl Display for Tables {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "table={}:", self.dtype.name())?;
        for (at, bytes) in self.bytes.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}", encode(bytes))?;
        }
        Ok(())
    }
}

/// A step as messages name it: without what may be very long.
pub struct Brief<'a>(pub &'a Step);

impl Display for Brief<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        /// Longer texts are cut.
        const MOST: usize = 40;
        let text = self.0.to_string();
        match text.get(..MOST) {
            Some(start) if text.len() > MOST => write!(f, "{start}..."),
            _ => f.write_str(&text),
        }
    }
}
