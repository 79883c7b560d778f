//! The order in which the packets of a tile come (B.12).

use super::grid::ComponentGrid;
use crate::error::{Error, Result};
use crate::source::jp2::reader::Fields;
use std::ops::Range;

/// Tiles with more precincts are not for this decoder.
const MAX_PRECINCTS: usize = 1 << 20;

/// A precinct of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Precinct {
    /// The component.
    pub component: usize,
    /// The resolution.
    pub resolution: usize,
    /// Its place among those of the resolution, row by row.
    pub number: u64,
}

/// A run of packets: what it goes over, and in which order.
#[derive(Clone, Debug)]
pub struct Run {
    resolutions: Range<usize>,
    components: Range<usize>,
    /// The layer behind the last one.
    layers: u32,
    progression: u8,
}

impl Run {
    /// All packets.
    pub fn all(grids: &[ComponentGrid], layers: u32, progression: u8) -> Self {
        Self {
            resolutions: 0..usize::MAX,
            components: 0..grids.len(),
            layers,
            progression,
        }
    }

    /// Those that a POC segment names, behind its length.
    pub fn listed(segment: &[u8], components: usize, layers: u32) -> Result<Vec<Self>> {
        let mut fields = Fields(segment);
        let mut runs = Vec::new();
        let component = |fields: &mut Fields<'_>| match components {
            0..=256 => fields.u8().map(usize::from),
            _ => fields.u16().map(usize::from),
        };
        while !fields.0.is_empty() {
            let first_resolution = usize::from(fields.u8()?);
            let first = component(&mut fields)?;
            let of_layers = u32::from(fields.u16()?);
            let resolutions = first_resolution..usize::from(fields.u8()?);
            let end = match component(&mut fields)? {
                0 => usize::MAX,
                end => end,
            };
            runs.push(Self {
                resolutions,
                components: first..end.min(components),
                layers: of_layers.min(layers),
                progression: fields.u8()?,
            });
        }
        Ok(runs)
    }

    /// Calls `packet` with the packets of the run in their order, until it says that there are enough: precinct and
    /// layer.
    pub fn each(
        &self,
        grids: &[ComponentGrid],
        (x, y): (&Range<u64>, &Range<u64>),
        packet: &mut dyn FnMut(Precinct, u32) -> Result<bool>,
    ) -> Result<bool> {
        let mut precincts = self.precincts(grids, (x.start, y.start))?;
        // Resolution, row, column, component, precinct.
        type Key = (usize, u64, u64, usize, u64);
        let sorted = |precincts: &mut Vec<(Precinct, (u64, u64))>,
                      key: fn(usize, (u64, u64), usize, u64) -> Key| {
            precincts.sort_by_key(|(it, at)| key(it.resolution, *at, it.component, it.number));
        };
        match self.progression {
            0 | 1 => sorted(&mut precincts, |r, _, c, k| (r, 0, 0, c, k)),
            2 => sorted(&mut precincts, |r, (x, y), c, k| (r, y, x, c, k)),
            3 => precincts
                .sort_by_key(|(it, (x, y))| (*y, *x, it.component, it.resolution, it.number)),
            4 => precincts
                .sort_by_key(|(it, (x, y))| (it.component, *y, *x, it.resolution, it.number)),
            other => return Err(Error::corrupt(format!("progression {other}"))),
        }
        let precincts = precincts.iter().map(|(precinct, _)| *precinct);
        match self.progression {
            0 => {
                for layer in 0..self.layers {
                    for precinct in precincts.clone() {
                        if !packet(precinct, layer)? {
                            return Ok(false);
                        }
                    }
                }
            }
            1 => {
                let all: Vec<_> = precincts.collect();
                for of_resolution in all.chunk_by(|a, b| a.resolution == b.resolution) {
                    for layer in 0..self.layers {
                        for precinct in of_resolution {
                            if !packet(*precinct, layer)? {
                                return Ok(false);
                            }
                        }
                    }
                }
            }
            _ => {
                for precinct in precincts {
                    for layer in 0..self.layers {
                        if !packet(precinct, layer)? {
                            return Ok(false);
                        }
                    }
                }
            }
        }
        Ok(true)
    }

    /// The precincts of the run, and where they begin on the reference grid.
    fn precincts(
        &self,
        grids: &[ComponentGrid],
        start: (u64, u64),
    ) -> Result<Vec<(Precinct, (u64, u64))>> {
        let mut precincts = Vec::new();
        let components = grids.iter().enumerate().take(self.components.end);
        for (component, grid) in components.skip(self.components.start) {
            let resolutions = grid.resolutions.iter().enumerate();
            let of_run = resolutions.filter(|(number, _)| self.resolutions.contains(number));
            for (number, resolution) in of_run {
                let (across, down) = resolution.precincts;
                let count = across.saturating_mul(down);
                if count > (MAX_PRECINCTS - precincts.len()) as u64 {
                    return Err(Error::limit(format!("more than {MAX_PRECINCTS} precincts")));
                }
                let halved = grid.resolutions.len() - 1 - number;
                let first = resolution.area.cells(resolution.precinct);
                let place =
                    |index: u64, begin: u64, area: u64, exponent: u8, step: u64, start: u64| {
                        let at = (begin + index) << exponent;
                        match index == 0 && at < area {
                            true => start,
                            false => (at * step) << halved,
                        }
                    };
                for row in 0..down {
                    let y = place(
                        row,
                        first.y.start,
                        resolution.area.y.start,
                        resolution.precinct.1,
                        grid.step.1,
                        start.1,
                    );
                    for column in 0..across {
                        let x = place(
                            column,
                            first.x.start,
                            resolution.area.x.start,
                            resolution.precinct.0,
                            grid.step.0,
                            start.0,
                        );
                        let precinct = Precinct {
                            component,
                            resolution: number,
                            number: row * across + column,
                        };
                        precincts.push((precinct, (x, y)));
                    }
                }
            }
        }
        Ok(precincts)
    }
}
