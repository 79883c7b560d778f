//! The SIZ marker segment: the reference grid, its tiles, and the components on it.

use super::reader::Fields;
use crate::error::{Error, Result};
use std::ops::Range;

/// The most components that a codestream may have.
const MAX_COMPONENTS: usize = 16_384;

/// The most bits of a sample that are read: planes are of 32 bits, signed.
const MAX_BITS: u32 = 31;

/// The capability that makes others extensions of Part 2.
const PART_2: u16 = 0x8000;

/// The extensions of Part 2.
const EXTENSIONS: u16 = 0x0fff;

/// One component: its samples and how far they lie apart on the reference grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// Bits of a sample.
    pub bits: u32,
    /// Whether samples are signed.
    pub signed: bool,
    /// Columns and rows of the reference grid from one sample to the next.
    pub step: (u64, u64),
}

/// One axis of the reference grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Where the image begins.
    pub start: u64,
    /// Where the image ends.
    pub end: u64,
    /// Where the first tile begins, at or before the image.
    pub tile_start: u64,
    /// The size of a tile.
    pub tile: u64,
}

impl Axis {
    /// How many tiles there are.
    pub fn tiles(&self) -> u64 {
        (self.end - self.tile_start).div_ceil(self.tile)
    }

    /// The part of the image in a tile.
    pub fn tile_range(&self, index: u64) -> Range<u64> {
        let start = self.tile_start + index * self.tile;
        start.max(self.start)..(start + self.tile).min(self.end)
    }

    /// The tile over a place in the image.
    pub fn tile_at(&self, place: u64) -> u64 {
        (place - self.tile_start) / self.tile
    }

    /// The samples, `step` apart, that lie in the image.
    pub fn samples(&self, step: u64) -> Range<u64> {
        self.start.div_ceil(step)..self.end.div_ceil(step)
    }
}

/// What SIZ says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// The capabilities that a decoder needs.
    pub capabilities: u16,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The components.
    pub components: Vec<Component>,
}

impl Size {
    /// Reads the segment behind its length.
    pub fn parse(segment: &[u8]) -> Result<Self> {
        let mut fields = Fields(segment);
        let capabilities = fields.u16()?;
        if capabilities & PART_2 != 0 && capabilities & EXTENSIONS != 0 {
            return Err(Error::unsupported(format!(
                "capabilities {capabilities:04x}: extensions of JPEG 2000 Part 2"
            )));
        }
        let mut number = || fields.u32().map(u64::from);
        let (x1, y1, x0, y0) = (number()?, number()?, number()?, number()?);
        let (tile_x, tile_y, tile_x0, tile_y0) = (number()?, number()?, number()?, number()?);
        let axis = |start, end, tile_start, tile| {
            let axis = Axis {
                start,
                end,
                tile_start,
                tile,
            };
            let first_reaches = tile_start + tile > start;
            if start >= end || tile == 0 || tile_start > start || !first_reaches {
                return Err(Error::corrupt(format!(
                    "an image from {start} to {end} in tiles of {tile} from {tile_start} on"
                )));
            }
            if end > i32::MAX as u64 {
                return Err(Error::limit(format!(
                    "an image that ends at {end}, beyond {}",
                    i32::MAX
                )));
            }
            Ok(axis)
        };
        let x = axis(x0, x1, tile_x0, tile_x)?;
        let y = axis(y0, y1, tile_y0, tile_y)?;
        if x.tiles() * y.tiles() > 65_535 {
            return Err(Error::corrupt(format!(
                "{} x {} tiles; there may be at most 65535",
                x.tiles(),
                y.tiles()
            )));
        }
        let count = usize::from(fields.u16()?);
        if count == 0 || count > MAX_COMPONENTS || fields.0.len() != 3 * count {
            return Err(Error::corrupt(format!(
                "{count} components described in {} bytes",
                fields.0.len()
            )));
        }
        let components = fields.0.chunks_exact(3).enumerate();
        let components = components
            .map(|(i, said)| component(said, &x, &y).map_err(|e| e.at(format!("component {i}"))));
        Ok(Self {
            capabilities,
            x,
            y,
            components: components.collect::<Result<_>>()?,
        })
    }

    /// The segment, marker and all, of a codestream that has one tile of this one and nothing else.
    ///
    /// Every coordinate stays what it was, because the phase of the wavelets, the precincts and the
    /// code-blocks are anchored to them.
    pub fn alone(&self, col: u64, row: u64) -> Vec<u8> {
        let (x, y) = (self.x.tile_range(col), self.y.tile_range(row));
        let mut segment = vec![0xff, 0x51];
        segment.extend((38 + 3 * self.components.len() as u16).to_be_bytes());
        segment.extend(self.capabilities.to_be_bytes());
        let (width, height) = (x.end - x.start, y.end - y.start);
        for number in [
            x.end, y.end, x.start, y.start, width, height, x.start, y.start,
        ] {
            // All of these were 32-bit numbers, or are differences of such.
            segment.extend((number as u32).to_be_bytes());
        }
        segment.extend((self.components.len() as u16).to_be_bytes());
        for Component { bits, signed, step } in &self.components {
            let depth = (*bits - 1) as u8 | if *signed { 0x80 } else { 0 };
            segment.extend([depth, step.0 as u8, step.1 as u8]);
        }
        segment
    }
}

fn component(said: &[u8], x: &Axis, y: &Axis) -> Result<Component> {
    let bits = u32::from(said[0] & 0x7f) + 1;
    let step = (u64::from(said[1]), u64::from(said[2]));
    if step.0 == 0 || step.1 == 0 {
        return Err(Error::corrupt("samples 0 columns or rows apart"));
    }
    if bits > MAX_BITS {
        return Err(Error::unsupported(format!(
            "samples of {bits} bits; at most {MAX_BITS} are read"
        )));
    }
    if x.samples(step.0).is_empty() || y.samples(step.1).is_empty() {
        return Err(Error::corrupt("no samples in the image"));
    }
    Ok(Component {
        bits,
        signed: said[0] & 0x80 != 0,
        step,
    })
}
