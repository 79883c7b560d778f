//! Where the resolutions, subbands, precincts and code-blocks of a component of a tile lie (Annex B).

use super::code_block::Style;
use super::contexts::Orientation;
use crate::error::Result;
use crate::source::jp2::coding;
use crate::source::jp2::quantization::Steps;
use crate::source::jp2::size::Component;
use std::ops::Range;

/// A rectangle of a resolution or of a subband.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Columns.
    pub x: Range<u64>,
    /// Rows.
    pub y: Range<u64>,
}

/// A component of a tile.
#[derive(Clone, Debug)]
pub struct ComponentGrid {
    /// Columns and rows of the reference grid from one sample to the next.
    pub step: (u64, u64),
    /// Bits of a sample.
    pub bits: u32,
    /// Whether samples are signed.
    pub signed: bool,
    /// Whether the wavelet is the one of whole numbers.
    pub is_reversible: bool,
    /// How code-blocks are coded.
    pub style: Style,
    /// Bit planes by which coefficients of a region of interest are raised.
    pub region: u32,
    /// The resolutions, the lowest first.
    pub resolutions: Vec<Resolution>,
}

/// A resolution of a component.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// Its samples.
    pub area: Area,
    /// Exponents of the sides of a precinct.
    pub precinct: (u8, u8),
    /// Columns and rows of precincts.
    pub precincts: (u64, u64),
    /// What it has beside the resolution below it.
    pub bands: Vec<Band>,
}

/// A subband.
#[derive(Clone, Debug)]
pub struct Band {
    /// Its coefficients.
    pub area: Area,
    /// What is high in it.
    pub orientation: Orientation,
    /// Bit planes.
    pub planes: u32,
    /// The size of a step.
    pub step: f32,
    /// Exponents of the sides of a code-block.
    pub block: (u8, u8),
    /// Those of a precinct.
    pub precinct: (u8, u8),
}

impl Area {
    /// What lies in both.
    pub fn shared(&self, other: &Area) -> Area {
        let shared = |a: &Range<u64>, b: &Range<u64>| {
            let start = a.start.max(b.start);
            start..a.end.min(b.end).max(start)
        };
        Area {
            x: shared(&self.x, &other.x),
            y: shared(&self.y, &other.y),
        }
    }

    /// The cells with sides of powers of two that have any of it.
    pub fn cells(&self, (x, y): (u8, u8)) -> Area {
        let along = |range: &Range<u64>, exponent: u8| {
            let start = range.start >> exponent;
            match range.is_empty() {
                true => start..start,
                false => start..range.end.div_ceil(1 << exponent),
            }
        };
        Area {
            x: along(&self.x, x),
            y: along(&self.y, y),
        }
    }

    /// A cell with sides of powers of two.
    pub fn cell((column, row): (u64, u64), (x, y): (u8, u8)) -> Area {
        Area {
            x: column << x..(column + 1) << x,
            y: row << y..(row + 1) << y,
        }
    }

    /// Columns times rows; sides have at most 31 bits.
    pub fn count(&self) -> u64 {
        self.width() as u64 * self.height() as u64
    }

    /// Columns.
    pub fn width(&self) -> usize {
        (self.x.end - self.x.start) as usize
    }

    /// Rows.
    pub fn height(&self) -> usize {
        (self.y.end - self.y.start) as usize
    }
}

impl ComponentGrid {
    /// The component of a tile over these columns and rows of the reference grid.
    pub fn new(
        component: &Component,
        style: &coding::Style,
        steps: &Steps,
        (x, y): (&Range<u64>, &Range<u64>),
    ) -> Result<Self> {
        let resolutions = (0..=style.levels).map(|number| {
            let precinct = style.precincts[usize::from(number)];
            let area = Area {
                x: style.scaled(x, component.step.0, number),
                y: style.scaled(y, component.step.1, number),
            };
            let within = area.cells(precinct);
            let kinds = match number {
                0 => &[Orientation::LL][..],
                _ => &[Orientation::HL, Orientation::LH, Orientation::HH],
            };
            // Those of the lowest resolution lie in it as they are, others in every other place.
            let half = u8::from(number > 0);
            let levels = style.levels - number + half;
            let bands = kinds.iter().enumerate().map(|(kind, orientation)| {
                let (right, down) = match orientation {
                    Orientation::LL => (0, 0),
                    Orientation::HL => (1, 0),
                    Orientation::LH => (0, 1),
                    Orientation::HH => (1, 1),
                };
                let place = |range: &Range<u64>, step: u64, high: u64| {
                    let offset = (high << levels) >> 1;
                    let scaled = |n: u64| {
                        n.div_ceil(step)
                            .saturating_sub(offset)
                            .div_ceil(1 << levels)
                    };
                    scaled(range.start)..scaled(range.end)
                };
                let area = Area {
                    x: place(x, component.step.0, right),
                    y: place(y, component.step.1, down),
                };
                let index = 3 * usize::from(number).saturating_sub(1) + kind + usize::from(half);
                let (planes, step) = steps.of_band(index)?;
                let precinct = (
                    precinct.0 - half.min(precinct.0),
                    precinct.1 - half.min(precinct.1),
                );
                Ok(Band {
                    area,
                    orientation: *orientation,
                    planes: planes + steps.region,
                    step: (step * f64::from(component.bits).exp2()) as f32,
                    block: (style.block.0.min(precinct.0), style.block.1.min(precinct.1)),
                    precinct,
                })
            });
            Ok(Resolution {
                bands: bands.collect::<Result<_>>()?,
                precincts: (within.x.end - within.x.start, within.y.end - within.y.start),
                precinct,
                area,
            })
        });
        Ok(Self {
            step: component.step,
            bits: component.bits,
            signed: component.signed,
            is_reversible: style.is_reversible,
            style: style.passes,
            region: steps.region,
            resolutions: resolutions.collect::<Result<_>>()?,
        })
    }

    /// Wavelet decompositions.
    pub fn levels(&self) -> u32 {
        self.resolutions.len() as u32 - 1
    }
}

impl Resolution {
    /// The coefficients of a band in a precinct, which is the `number`th, row by row.
    pub fn in_precinct(&self, band: &Band, number: u64) -> Area {
        let first = self.area.cells(self.precinct);
        let at = (
            first.x.start + number % self.precincts.0,
            first.y.start + number / self.precincts.0,
        );
        Area::cell(at, band.precinct).shared(&band.area)
    }
}
