//! Resolving: what a source and its statistics tell, as numbers in the text of the chain.

use super::Chain;
use super::flow::Flow;
use super::limits::{Path, Statistics, limits};
use super::palette::Palette;
use super::program::{Build, Node, Samples, wrong};
use super::step::{Step, Stretch};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::image::Image;

/// Why a step cannot be resolved.
type Resolved<T> = std::result::Result<T, String>;

impl Chain {
    /// The chain with all that `image` and the statistics of its samples tell put in: that of all sources alike.
    /// Without statistics a step that needs them is an error.
    pub fn resolve(&self, image: &Image, statistics: Option<&dyn Statistics>) -> Result<Chain> {
        if let Some(known) = statistics
            && known.bands() != image.bands.len()
        {
            return Err(Error::argument(format!(
                "the statistics are of {} bands, and the source has {}",
                known.bands(),
                image.bands.len()
            )));
        }
        let samples = Samples::of(image);
        let mut build = Build::new(&samples);
        let mut flow = Flow::new();
        let mut steps = Vec::new();
        for (at, step) in self.0.steps.iter().enumerate() {
            let of_step = |reason: String| wrong(at, step, reason);
            let resolved = match step.is_open() {
                true => {
                    // What cannot be there at all is said first.
                    build.pass_open(step, &flow).map_err(of_step)?;
                    close(step, &build, image, statistics).map_err(of_step)?
                }
                false => step.clone(),
            };
            build.go_on(&resolved, &mut flow).map_err(of_step)?;
            steps.push(resolved);
        }
        Chain::of_steps(steps)
    }
}

/// An open step with what it lacks.
fn close(
    step: &Step,
    build: &Build<'_>,
    image: &Image,
    statistics: Option<&dyn Statistics>,
) -> Resolved<Step> {
    Ok(match step {
        Step::Unscale(None) => Step::Unscale(Some(scales(build, image)?)),
        Step::Palette(None) => {
            let band = source_band(build, build.bands()[0])?;
            let palette = Palette::of(image, band);
            Step::Palette(Some(
                palette.ok_or("the source has no palette that is known")?,
            ))
        }
        Step::Stretch(Stretch::Full) => Step::Stretch(Stretch::Limits(vec![full(image)?])),
        Step::Stretch(Stretch::Of(rule, is_common)) => {
            let known = statistics.ok_or("it needs statistics, and none are given")?;
            let mut all = Vec::new();
            for node in build.bands() {
                let path = Path::to(build, *node)?;
                let found = match known.minimum(path.band).is_nan() {
                    true => full(image).unwrap_or((0.0, 1.0)),
                    false => limits(*rule, &path, image.dtype, known)?,
                };
                all.push(found);
            }
            if *is_common {
                let least = all
                    .iter()
                    .map(|limits| limits.0)
                    .fold(f64::INFINITY, f64::min);
                let greatest = all
                    .iter()
                    .map(|limits| limits.1)
                    .fold(f64::NEG_INFINITY, f64::max);
                all = vec![(least, greatest)];
            }
            if let Some((low, high)) = all.iter().find(|(low, high)| !(high - low).is_finite()) {
                return Err(format!("limits of {low} and {high} are too wide"));
            }
            Step::Stretch(Stretch::Limits(all))
        }
        other => other.clone(),
    })
}

/// The band of the source whose samples a node has as they are.
fn source_band(build: &Build<'_>, node: usize) -> Resolved<u32> {
    match build.node(node) {
        Node::Source(band) => Ok(*band as u32),
        _ => Err("it needs samples of the source as they are".into()),
    }
}

/// Scale and offset of each band, as the source tells them; 1 and 0 where it does not.
fn scales(build: &Build<'_>, image: &Image) -> Resolved<Vec<(f64, f64)>> {
    let told = |band: u32, name: &str, otherwise: f64| {
        let Some(text) = image.metadata.get(&(Some(band), name.to_owned())) else {
            return Ok(otherwise);
        };
        let number = text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| format!("{name} of band {band} is {text:?}"))
    };
    let mut scales = Vec::new();
    for node in build.bands() {
        let band = source_band(build, *node)?;
        let (scale, offset) = (told(band, "SCALE", 1.0)?, told(band, "OFFSET", 0.0)?);
        if scale == 0.0 {
            return Err(format!("SCALE of band {band} is 0"));
        }
        scales.push((scale, offset + 0.0));
    }
    if scales.iter().all(|of| *of == scales[0]) {
        scales.truncate(1);
    }
    Ok(scales)
}

/// The least and the greatest value of the significant bits.
fn full(image: &Image) -> Resolved<(f64, f64)> {
    let all = match image.dtype {
        DType::U8 => 8,
        DType::U16 => 16,
        DType::U32 => 32,
        DType::U64 => 64,
        other => {
            let name = other.name();
            return Err(format!(
                "samples of {name} have no full range: give limits or percents"
            ));
        }
    };
    let bits = image.bits.min(all);
    let most = u64::MAX >> (64 - bits.max(1));
    // They are the high ones, as they are stored, where the file says so.
    let is_high = image
        .metadata
        .get(&(None, "NITF_PJUST".into()))
        .is_some_and(|text| text.trim() == "L");
    let most = if is_high { most << (all - bits) } else { most };
    Ok((0.0, most as f64))
}
