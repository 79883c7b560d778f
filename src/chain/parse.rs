//! Parsing: the steps that a text says, or where it is wrong and why.

use super::base64::decode;
use super::flow::Flow;
use super::palette::Palette;
use super::ramp::Ramp;
use super::step::{Detect, Percent, Rule, Step, Stretch, Tables, Type};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::image::MAX_BANDS;

/// The longest text, in bytes.
const MAX_TEXT: usize = 8 << 20;

/// The most steps.
const MAX_STEPS: usize = 256;

/// A mistake in a text.
struct Wrong {
    /// The byte where it begins, from 0.
    at: usize,
    reason: String,
}

type Parsed<T> = std::result::Result<T, Wrong>;

/// A part of the text, and where it begins.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Part<'a> {
    fn wrong(&self, reason: impl Into<String>) -> Wrong {
        Wrong {
            at: self.at,
            reason: reason.into(),
        }
    }

    /// The parts between separators; at least one.
    fn split(self, separator: char) -> impl Iterator<Item = Part<'a>> {
        let start = self.text.as_ptr().addr();
        let parts = self.text.split(separator);
        parts.map(move |text| Part {
            text,
            at: self.at + (text.as_ptr().addr() - start),
        })
    }

    /// What stands before and behind the first separator.
    fn cut(self, separator: &str) -> Option<(Part<'a>, Part<'a>)> {
        let (before, behind) = self.text.split_once(separator)?;
        let behind_at = self.at + before.len() + separator.len();
        let part = |text, at| Part { text, at };
        Some((part(before, self.at), part(behind, behind_at)))
    }

    /// What is shown of it in a message.
    fn shown(&self) -> String {
        const MOST: usize = 24;
        let mut shown: String = self.text.chars().take(MOST).collect();
        if shown.len() < self.text.len() {
            shown.push_str("...");
        }
        shown
    }
}

/// The steps of a text.
pub fn parse(text: &str) -> Result<Vec<Step>> {
    if text.len() > MAX_TEXT {
        return Err(Error::limit(format!(
            "the text of a chain has {} bytes; at most {MAX_TEXT}",
            text.len()
        )));
    }
    steps(Part { text, at: 0 }).map_err(|wrong| {
        let Wrong { at, reason } = wrong;
        Error::argument(format!(
            "the text of the chain is wrong at byte {at}: {reason}"
        ))
    })
}

fn steps(text: Part<'_>) -> Parsed<Vec<Step>> {
    if let Some(at) = text.text.bytes().position(|byte| !byte.is_ascii_graphic()) {
        let found = text.text.as_bytes()[at];
        return Err(Wrong {
            at,
            reason: format!("the byte {found:#04x} is no visible ASCII character"),
        });
    }
    if text.text.is_empty() {
        return Err(text.wrong("it is empty"));
    }
    let mut flow = Flow::new();
    let mut steps = Vec::new();
    for part in text.split('|') {
        if steps.len() == MAX_STEPS {
            return Err(part.wrong(format!("there are more than {MAX_STEPS} steps")));
        }
        let step = step(part)?;
        let name = part.cut("=").map_or(part.text, |(name, _)| name.text);
        flow.pass(&step)
            .map_err(|reason| part.wrong(format!("{name}: {reason}")))?;
        steps.push(step);
    }
    Ok(steps)
}

fn step(part: Part<'_>) -> Parsed<Step> {
    let (name, said) = match part.cut("=") {
        Some((name, said)) => (name, Some(said)),
        None => (part, None),
    };
    let needed = || said.ok_or_else(|| part.wrong(format!("{} needs a value", name.text)));
    let step = match name.text {
        "bands" => Step::Bands(bands(needed()?)?),
        "unscale" => Step::Unscale(said.map(scales).transpose()?),
        "stretch" => Step::Stretch(stretch(needed()?)?),
        "minmax" => Step::Stretch(Stretch::Of(Rule::MinMax, common(said)?)),
        "dra" => Step::Stretch(Stretch::Of(Rule::Dra, common(said)?)),
        "sd" => {
            let (times, is_common) = with_common(needed()?);
            Step::Stretch(Stretch::Of(Rule::Deviations(above_zero(times)?), is_common))
        }
        "gamma" => {
            let gammas = needed()?.split(',').map(above_zero);
            Step::Gamma(gammas.collect::<Parsed<_>>()?)
        }
        "table" => Step::Table(tables(needed()?)?),
        "palette" => Step::Palette(said.map(palette).transpose()?),
        "ramp" => Step::Ramp(ramp(needed()?)?),
        other => {
            let step = plain(other).ok_or_else(|| {
                name.wrong(format!("there is no step of the name {:?}", name.shown()))
            })?;
            if let Some(said) = said {
                return Err(said.wrong(format!("{other} takes no value")));
            }
            step
        }
    };
    Ok(step)
}

/// The step of a name that takes no value.
fn plain(name: &str) -> Option<Step> {
    let detect = Detect::ALL.into_iter().find(|detect| detect.name() == name);
    let of = Type::ALL.into_iter().find(|of| of.dtype().name() == name);
    Some(match (name, detect, of) {
        (_, Some(detect), _) => Step::Detect(detect),
        (_, _, Some(of)) => Step::Type(of),
        ("invert", ..) => Step::Invert,
        ("ycbcr", ..) => Step::YCbCr,
        ("rgb", ..) => Step::Rgb,
        ("alpha", ..) => Step::Alpha,
        _ => return None,
    })
}

/// A number in decimals, with a sign and an exponent where needed.
fn number(part: Part<'_>) -> Parsed<f64> {
    let wrong = || part.wrong(format!("{:?} is no number", part.shown()));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (rest, exponent) = match part.text.split_once(['e', 'E']) {
        Some((rest, exponent)) => (rest, Some(exponent)),
        None => (part.text, None),
    };
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    let (whole, fraction) = match rest.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    let is_number = digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|of| digits(of.strip_prefix(['-', '+']).unwrap_or(of)));
    let value: f64 = match is_number {
        true => part.text.parse().map_err(|_| wrong())?,
        false => return Err(wrong()),
    };
    match value.is_finite() {
        // There is one zero only.
        true => Ok(value + 0.0),
        false => Err(part.wrong(format!("{} is too large", part.shown()))),
    }
}

fn above_zero(part: Part<'_>) -> Parsed<f64> {
    match number(part)? {
        value if value > 0.0 && (1.0 / value).is_finite() => Ok(value),
        _ => Err(part.wrong(format!("{} is not above 0", part.shown()))),
    }
}

fn bands(said: Part<'_>) -> Parsed<Vec<u32>> {
    let band = |part: Part<'_>| match part.text.parse::<u32>() {
        Ok(band) if band.to_string() != part.text => {
            Err(part.wrong(format!("{:?} is no band", part.shown())))
        }
        Ok(band) if band < MAX_BANDS => Ok(band),
        _ => Err(part.wrong(format!(
            "{:?} is no band from 0 to {}",
            part.shown(),
            MAX_BANDS - 1
        ))),
    };
    let bands: Vec<u32> = said.split(',').map(band).collect::<Parsed<_>>()?;
    match bands.len() > MAX_BANDS as usize {
        true => Err(said.wrong(format!(
            "there are {} bands; at most {MAX_BANDS}",
            bands.len()
        ))),
        false => Ok(bands),
    }
}

fn scales(said: Part<'_>) -> Parsed<Vec<(f64, f64)>> {
    let scale = |part: Part<'_>| {
        let (scale, offset) = part
            .cut(":")
            .ok_or_else(|| part.wrong("a scale and an offset have a colon between them"))?;
        let (of, offset) = (number(scale)?, number(offset)?);
        match of == 0.0 {
            true => Err(scale.wrong("a scale of 0 leaves nothing")),
            false => Ok((of, offset)),
        }
    };
    said.split(',').map(scale).collect()
}

/// Whether a step that takes nothing else is common to all bands.
fn common(said: Option<Part<'_>>) -> Parsed<bool> {
    match said {
        None => Ok(false),
        Some(said) if said.text == "common" => Ok(true),
        Some(said) => Err(said.wrong(format!("{:?} is not \"common\"", said.shown()))),
    }
}

/// What stands before `,common`, if that is there.
fn with_common(said: Part<'_>) -> (Part<'_>, bool) {
    match said.text.strip_suffix(",common") {
        Some(text) => (Part { text, ..said }, true),
        None => (said, false),
    }
}

fn stretch(said: Part<'_>) -> Parsed<Stretch> {
    if said.text == "full" {
        return Ok(Stretch::Full);
    }
    let (rule, is_common) = with_common(said);
    if let Some(text) = rule.text.strip_suffix('%') {
        let (low, high) = two(Part { text, ..rule })?;
        let (low, high) = (percent(low)?, percent(high)?);
        return match low < high {
            true => Ok(Stretch::Of(Rule::Percent(low, high), is_common)),
            false => Err(rule.wrong(format!("{low} percent is not below {high}"))),
        };
    }
    if is_common {
        return Err(said.wrong("limits for all bands are one pair"));
    }
    let limits = said.split(',').map(|part| {
        let (low, high) = two(part)?;
        let (low, high) = (number(low)?, number(high)?);
        match (low <= high, (high - low).is_finite()) {
            (true, true) => Ok((low, high)),
            (false, _) => {
                Err(part.wrong(format!("{} is above; invert turns a picture", part.shown())))
            }
            _ => Err(part.wrong(format!("{} is too wide", part.shown()))),
        }
    });
    limits.collect::<Parsed<_>>().map(Stretch::Limits)
}

fn two(part: Part<'_>) -> Parsed<(Part<'_>, Part<'_>)> {
    let missing = || part.wrong(format!("{:?} has no low..high", part.shown()));
    part.cut("..").ok_or_else(missing)
}

fn percent(part: Part<'_>) -> Parsed<Percent> {
    let value = number(part)?;
    if !(0.0..=100.0).contains(&value) {
        return Err(part.wrong(format!("{} percent; it must be 0 to 100", part.shown())));
    }
    let percent = Percent((value * 1e6).round() as u32);
    match percent.value() == value {
        true => Ok(percent),
        false => Err(part.wrong(format!(
            "{} percent is finer than a millionth",
            part.shown()
        ))),
    }
}

fn bytes(part: Part<'_>) -> Parsed<Vec<u8>> {
    decode(part.text).ok_or_else(|| part.wrong(format!("{:?} is no base64", part.shown())))
}

fn tables(said: Part<'_>) -> Parsed<Tables> {
    let of = |dtype: DType| (dtype.name(), dtype);
    let types = [DType::U8, DType::U16, DType::F32, DType::F64].map(of);
    let found = said.cut(":").and_then(|(name, rest)| {
        let (_, dtype) = types.into_iter().find(|(of, _)| *of == name.text)?;
        Some((dtype, rest))
    });
    let Some((dtype, rest)) = found else {
        return Err(
            said.wrong("a table begins with the type of its entries: u8:, u16:, f32: or f64:")
        );
    };
    let table = |part: Part<'_>| {
        let bytes = bytes(part)?;
        let (entries, beyond) = (bytes.len() / dtype.size(), bytes.len() % dtype.size());
        match (1..=Tables::MOST).contains(&entries) && beyond == 0 {
            true => Ok(bytes),
            false => Err(part.wrong(format!(
                "a table of {} bytes; it must have 1 to {} entries of {}",
                bytes.len(),
                Tables::MOST,
                dtype.name()
            ))),
        }
    };
    let bytes = rest.split(',').map(table).collect::<Parsed<_>>()?;
    Ok(Tables { dtype, bytes })
}

fn palette(said: Part<'_>) -> Parsed<Palette> {
    let (parts, rest) = match said.cut(":") {
        Some((name, rest)) if name.text == "rgb" => (3, rest),
        Some((name, rest)) if name.text == "rgba" => (4, rest),
        _ => return Err(said.wrong("a palette begins with rgb: or rgba:")),
    };
    let bytes = bytes(rest)?;
    let colours = bytes.chunks_exact(parts);
    let is_whole = colours.remainder().is_empty();
    let colour = |parts: &[u8]| {
        let [red, green, blue] = [parts[0], parts[1], parts[2]];
        [red, green, blue, parts.get(3).copied().unwrap_or(255)]
    };
    let palette = Palette::new(colours.map(colour).collect()).filter(|_| is_whole);
    palette.ok_or_else(|| {
        rest.wrong(format!(
            "a palette of {} bytes; it must have 1 to {} colours of {parts}",
            bytes.len(),
            Palette::MOST
        ))
    })
}

fn ramp(said: Part<'_>) -> Parsed<Ramp> {
    Ramp::named(said.text).ok_or_else(|| {
        let names: Vec<_> = Ramp::names().collect();
        said.wrong(format!(
            "{:?} is none of the ramps {}",
            said.shown(),
            names.join(", ")
        ))
    })
}
