//! The description of the image: bands, sample type, levels and blocks.

use super::area;
use super::boxes::{Boxes, Definition, Mapping, Space};
use super::header::Header;
use super::size::{Axis, Component, Size};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::georef::Located;
use crate::image::{Colour, Image, MAX_LEVELS, SharedWork};
use std::sync::Arc;

/// Whole tiles that take more than this to decode are announced as blocks of their own.
const MAX_BLOCK: u64 = 1 << 30;

/// Tiles of at least so many pixels are worth decoding in part.
const WINDOWED: u64 = 1 << 22;

/// The largest side of a block that is a part of a tile: large enough that the code-blocks on its
/// edges, which its neighbours decode again, are few.
const PART: u64 = 4096;

/// Images of at most so many samples are one block where blocks cannot be whole tiles.
const ONE_BLOCK: u64 = 1 << 24;

/// Tiles along a side of a block where blocks cannot be whole tiles.
const SEVERAL: u64 = 4;

/// What a band is made of.
pub struct Channel {
    /// The component.
    pub component: u32,
    /// The values that its samples stand for, if they are indices.
    pub table: Option<Arc<[i32]>>,
}

/// The image, and how it comes out of the components.
pub struct Description {
    /// The image.
    pub image: Image,
    /// What each band is made of.
    pub channels: Vec<Channel>,
    /// Columns and rows of the reference grid from one pixel to the next.
    pub unit: (u64, u64),
}

impl Description {
    /// Describes the image of a codestream in its boxes.
    pub fn new(header: &Header, boxes: &mut Boxes) -> Result<Self> {
        let size = &header.size;
        let unit = size
            .components
            .iter()
            .fold((u64::MAX, u64::MAX), |unit, component| {
                (unit.0.min(component.step.0), unit.1.min(component.step.1))
            });
        let mut channels = Vec::new();
        let (mut bits, mut needed, mut signed) = (0, 0, false);
        for mapping in mappings(size, boxes)? {
            let component = size.components[usize::from(mapping.component)];
            let (band_bits, band_signed, table) = match mapping.column {
                None => (component.bits, component.signed, None),
                Some(column) => {
                    let column = &boxes.palette[usize::from(column)];
                    (column.bits, column.signed, Some(column.values.clone()))
                }
            };
            bits = bits.max(band_bits);
            // In a signed type an unsigned band needs one bit more.
            needed = needed.max(band_bits + u32::from(!band_signed));
            signed |= band_signed;
            channels.push(Channel {
                component: u32::from(mapping.component),
                table,
            });
        }
        let dtype = match (signed, if signed { needed } else { bits }) {
            (false, ..=8) => DType::U8,
            (true, ..=8) => DType::I8,
            (false, ..=16) => DType::U16,
            (true, ..=16) => DType::I16,
            (false, _) => DType::U32,
            (true, _) => DType::I32,
        };
        let levels = levels(header, unit);
        let mut image = Image::new(levels[0].0, levels[0].1, channels.len() as u32, dtype);
        image.block = block(header, unit, levels[0]);
        image.levels = levels;
        image.bits = bits;
        image.bands_together = size.components.len() == 1 || header.coding.is_transformed();
        image.windowed = image.block.0 * image.block.1 >= WINDOWED;
        if image.windowed {
            image.shared_work = SharedWork::Repeated;
        }
        let colours = colours(header, boxes, channels.len());
        for (band, colour) in image.bands.iter_mut().zip(colours) {
            band.colour = colour;
        }
        image.metadata = std::mem::take(&mut boxes.metadata);
        // GML tells less: neither points nor heights.
        let said = boxes.georef.take().or(boxes.gml.take());
        image.georef = said.map(|said| Located::new(said, &image.levels));
        Ok(Self {
            image,
            channels,
            unit,
        })
    }
}

/// How bands come out of components; every number in it exists.
fn mappings(size: &Size, boxes: &Boxes) -> Result<Vec<Mapping>> {
    if boxes.mappings.is_empty() || boxes.palette.is_empty() {
        let direct = |component| Mapping {
            component,
            column: None,
        };
        return Ok((0..size.components.len() as u16).map(direct).collect());
    }
    for Mapping { component, column } in &boxes.mappings {
        let column = column.map_or(0, usize::from);
        if usize::from(*component) >= size.components.len() || column >= boxes.palette.len() {
            return Err(Error::corrupt(format!(
                "box cmap: component {component} of {} through column {column} of {}",
                size.components.len(),
                boxes.palette.len()
            )));
        }
    }
    Ok(boxes.mappings.clone())
}

/// The sizes at which every component has samples, the full one first.
fn levels(header: &Header, unit: (u64, u64)) -> Vec<(u64, u64)> {
    let Header { size, coding, .. } = header;
    let exists = |level: &u32| {
        size.components.iter().all(|component| {
            !area::pixels(&size.x, component.step.0, *level).is_empty()
                && !area::pixels(&size.y, component.step.1, *level).is_empty()
        })
    };
    let sides = |level| {
        let x = area::pixels(&size.x, unit.0, level);
        let y = area::pixels(&size.y, unit.1, level);
        (x.end - x.start, y.end - y.start)
    };
    let most = coding.levels().min(MAX_LEVELS as u32 - 1);
    let all = (0..=most).take_while(|level| *level == 0 || exists(level));
    all.map(sides).collect()
}

/// The columns and rows of a block.
///
/// It is a tile where tiles lie on a grid that begins where the image does and one can be decoded at
/// once, else a part as good. Of a high-throughput tile the codec decodes no part, and so a block
/// is whole tiles however large. Where no grid of blocks falls together with the tiles, a small image
/// is one block. A larger one has blocks of several tiles, so that few tiles are decoded again for
/// the neighbours of a block, and one block need not stand for all of the image.
fn block(header: &Header, unit: (u64, u64), full: (u64, u64)) -> (u64, u64) {
    let Header { size, .. } = header;
    let components = size.components.len() as u64;
    let in_parts = !header.is_high_throughput();
    let is_small = full.0 * full.1 <= ONE_BLOCK / components;
    let side = |axis: &Axis, unit: u64, full: u64, step: fn(&Component) -> u64| {
        let is_even = |step| axis.tile.is_multiple_of(step) && axis.start.is_multiple_of(step);
        // Where samples lie across the edge of a tile, the pixels on both sides show them.
        let mut steps = size.components.iter().map(step);
        let is_closed = is_even(unit) && (in_parts || steps.all(is_even));
        match axis.tiles() {
            1 => full,
            _ if axis.start == axis.tile_start && is_closed => axis.tile / unit,
            _ if in_parts => axis.tile.div_ceil(unit).min(full),
            _ if is_small => full,
            _ => (SEVERAL * axis.tile.div_ceil(unit)).min(full),
        }
    };
    let mut block = (
        side(&size.x, unit.0, full.0, |component| component.step.0),
        side(&size.y, unit.1, full.1, |component| component.step.1),
    );
    let too_large = |block: (u64, u64)| block.0 * block.1 > MAX_BLOCK / (4 * components);
    let mut part = PART;
    while in_parts && too_large(block) && part >= 256 {
        block = (block.0.min(part), block.1.min(part));
        part /= 2;
    }
    block
}

fn colours(header: &Header, boxes: &Boxes, bands: usize) -> Vec<Colour> {
    let space = boxes.space.unwrap_or(match header.size.components.len() {
        1 | 2 => Space::Gray,
        _ if header.coding.is_transformed() => Space::Rgb,
        _ => Space::Other,
    });
    let names: &[Colour] = match space {
        Space::Gray => &[Colour::Gray],
        Space::Rgb => &[Colour::Red, Colour::Green, Colour::Blue],
        Space::Ycc => &[Colour::Luma, Colour::Cb, Colour::Cr],
        Space::Cmyk => &[Colour::Cyan, Colour::Magenta, Colour::Yellow, Colour::Black],
        Space::Other => &[],
    };
    let named = |index: usize| names.get(index).copied().unwrap_or_default();
    let mut colours: Vec<Colour> = (0..bands).map(named).collect();
    for Definition {
        channel,
        kind,
        colour,
    } in &boxes.definitions
    {
        if let Some(known) = colours.get_mut(usize::from(*channel)) {
            *known = match (kind, usize::from(*colour).checked_sub(1)) {
                (0, Some(index)) => named(index),
                (1 | 2, _) => Colour::Alpha,
                _ => Colour::Undefined,
            };
        }
    }
    colours
}
