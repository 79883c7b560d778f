//! The QCD, QCC and RGN marker segments: how large the steps of coefficients are, and which come first.

use super::reader::Fields;
use crate::error::{Error, Result};
use std::sync::Arc;

/// The most subbands that a component can have, of 32 decompositions.
const MAX_BANDS: usize = 3 * 32 + 1;

/// Coefficients that are raised further do not fit 32 bits.
const MAX_RAISED: u8 = 30;

/// The steps of one component.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// Bits that guard against overflow.
    guard: u32,
    /// Exponent and mantissa of each subband, or of the lowest one, of which others follow. All components have those of
    /// one segment together, for there may be thousands.
    steps: Arc<[(u32, u32)]>,
    derived: bool,
    /// Bit planes by which coefficients of a region of interest are raised above all others.
    pub region: u32,
    /// Which segment said so; see [`Style`](super::coding::Style).
    rank: u8,
}

impl Steps {
    fn parse(fields: &mut Fields<'_>, rank: u8) -> Result<Self> {
        let said = fields.u8()?;
        let mut steps = Vec::new();
        while !fields.0.is_empty() && steps.len() < MAX_BANDS {
            steps.push(match said & 31 {
                0 => (u32::from(fields.u8()? >> 3), 0),
                1 | 2 => {
                    let step = u32::from(fields.u16()?);
                    (step >> 11, step & 0x7ff)
                }
                style => return Err(Error::corrupt(format!("quantization {style}"))),
            });
        }
        Ok(Self {
            guard: u32::from(said >> 5),
            steps: steps.into(),
            derived: said & 31 == 1,
            region: 0,
            rank,
        })
    }

    /// The bit planes of a subband, counted from the lowest one on, and the size of a step without the range of the
    /// samples: 2^-exponent (1 + mantissa / 2^11).
    pub fn of_band(&self, band: usize) -> Result<(u32, f64)> {
        let step = match self.derived {
            false => self.steps.get(band).copied(),
            // One exponent less for each decomposition.
            true => self.steps.first().map(|(exponent, mantissa)| {
                let above = band.saturating_sub(1) as u32 / 3;
                (exponent.saturating_sub(above), *mantissa)
            }),
        };
        let Some((exponent, mantissa)) = step else {
            return Err(Error::corrupt(format!("no step of subband {band}")));
        };
        let size = (1.0 + f64::from(mantissa) / 2048.0) * (-f64::from(exponent)).exp2();
        Ok(((exponent + self.guard).saturating_sub(1), size))
    }
}

/// Takes over what a QCD segment says, behind its length.
pub fn qcd(all: &mut [Steps], segment: &[u8], in_tile: bool) -> Result<()> {
    let rank = 1 + 2 * u8::from(in_tile);
    let steps = Steps::parse(&mut Fields(segment), rank)?;
    for each in all.iter_mut().filter(|each| each.rank <= rank) {
        let region = each.region;
        *each = Steps {
            region,
            ..steps.clone()
        };
    }
    Ok(())
}

/// Takes over what a QCC segment says, behind its length.
pub fn qcc(all: &mut [Steps], segment: &[u8], in_tile: bool) -> Result<()> {
    let mut fields = Fields(segment);
    let component = component(&mut fields, all.len())?;
    let region = all[component].region;
    all[component] = Steps {
        region,
        ..Steps::parse(&mut fields, 2 + 2 * u8::from(in_tile))?
    };
    Ok(())
}

/// Takes over what an RGN segment says, behind its length.
pub fn rgn(all: &mut [Steps], segment: &[u8]) -> Result<()> {
    let mut fields = Fields(segment);
    let component = component(&mut fields, all.len())?;
    match (fields.u8()?, fields.u8()?) {
        (0, raised) if raised <= MAX_RAISED => all[component].region = raised.into(),
        (style, raised) => {
            return Err(Error::unsupported(format!(
                "region of interest {style} raised by {raised} bit planes"
            )));
        }
    }
    Ok(())
}

/// The number of a component of so many.
pub fn component(fields: &mut Fields<'_>, count: usize) -> Result<usize> {
    let component = match count {
        0..=256 => usize::from(fields.u8()?),
        _ => usize::from(fields.u16()?),
    };
    if component >= count {
        return Err(Error::corrupt(format!("component {component} of {count}")));
    }
    Ok(component)
}
