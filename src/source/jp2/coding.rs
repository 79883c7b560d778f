//! The COD and COC marker segments: how tiles are coded, and what it costs to decode them.

use super::reader::Fields;
use super::size::Size;
use super::style;
use crate::error::{Error, Result};
use std::ops::Range;

/// COD.
pub const COD: u16 = 0xff52;

/// COC.
pub const COC: u16 = 0xff53;

/// What one code-block takes of a decoder's memory before any of it is decoded: its description,
/// room for ten segments, and its share of the tag trees.
const CODE_BLOCK_BYTES: u64 = 1100;

/// A packet takes at least a byte. Writers have been seen to leave out the last ones, so a file is refused only where it is
/// too short by far.
const WORK_PER_BYTE: u64 = 64;

/// What may be done for packets whatever their bytes.
const LEAST_WORK: u64 = 1 << 16;

/// Quality layers of which each may look at each code-block, whatever their bytes.
const LAYERS: u64 = 256;

/// The most orders of packets that the codec takes of a tile.
const MOST_ORDERS: u64 = 32;

/// How often a tile may change what holds for a component, summed over the components: each time all of them are gone over.
const MOST_CHANGES: usize = 1 << 20;

/// What a precinct takes.
const PRECINCT_BYTES: u64 = 600;

/// The most packets that so many bytes may have, and looks of packet headers at code-blocks.
pub fn work_of_bytes(bytes: u64) -> u64 {
    bytes
        .saturating_mul(WORK_PER_BYTE)
        .saturating_add(LEAST_WORK)
}

/// The looks at so many code-blocks that may come beside [`work_of_bytes`].
pub fn work_of_code_blocks(count: u64) -> u64 {
    count.saturating_mul(LAYERS)
}

/// How one component is coded.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Wavelet decompositions.
    pub levels: u8,
    /// Exponents of the sides of a code-block.
    pub block: (u8, u8),
    /// Exponents of the sides of a precinct, of each resolution from the lowest on.
    pub precincts: [(u8, u8); 33],
    /// The bits that say how code-blocks are coded.
    pub passes: style::Style,
    /// The wavelet is the one of whole numbers.
    pub is_reversible: bool,
    /// Which segment said so: those of a tile hold before those of the header, those of a component
    /// before those of all.
    rank: u8,
}

/// How tiles are coded.
#[derive(Clone, Debug)]
pub struct Coding {
    layers: u16,
    transformed: bool,
    progression: u8,
    marks_packets: bool,
    ends_headers: bool,
    styles: Vec<Style>,
    /// How often what holds for a component was changed.
    changes: usize,
}

/// What decoding a tile costs beside its pixels.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Bytes of memory.
    pub bytes: u64,
    /// Packets, each of which takes at least a byte of the file.
    pub packets: u64,
    /// Code-blocks, of a precinct at most and of all.
    pub code_blocks: (u64, u64),
    /// Places at which the codec looks for packets, most of which may have none.
    pub places: u64,
}

impl Coding {
    /// Before any segment was read.
    pub fn new(components: usize) -> Self {
        let style = Style {
            levels: 0,
            block: (6, 6),
            precincts: [(15, 15); 33],
            passes: style::Style(0),
            is_reversible: false,
            rank: 0,
        };
        Self {
            layers: 0,
            transformed: false,
            progression: 0,
            marks_packets: false,
            ends_headers: false,
            styles: vec![style; components],
            changes: 0,
        }
    }

    /// Whether a segment that says how all is coded has been read.
    pub fn is_complete(&self) -> bool {
        self.layers > 0
    }

    /// Whether the first three components are stored as mixtures of each other.
    pub fn is_transformed(&self) -> bool {
        self.transformed
    }

    /// Whether a component has code-blocks of Part 15 (HTJ2K), of which OpenJPEG decodes right only
    /// tiles as a whole.
    pub fn is_high_throughput(&self) -> bool {
        self.styles.iter().any(Style::is_high_throughput)
    }

    /// Whether lower bit planes of a component bypass the arithmetic decoder.
    pub fn bypasses(&self) -> bool {
        self.styles
            .iter()
            .any(|style| !style.is_high_throughput() && style.passes.bypasses())
    }

    /// How each component is coded.
    pub fn styles(&self) -> &[Style] {
        &self.styles
    }

    /// Quality layers.
    pub fn layers(&self) -> u16 {
        self.layers
    }

    /// The order of packets, by its number in the standard.
    pub fn progression(&self) -> u8 {
        self.progression
    }

    /// Whether a marker may stand before every packet.
    pub fn may_mark_packets(&self) -> bool {
        self.marks_packets
    }

    /// Whether a marker follows every packet header.
    pub fn ends_headers(&self) -> bool {
        self.ends_headers
    }

    /// Wavelet decompositions, where all components have the same.
    pub fn same_levels(&self) -> Option<u8> {
        let first = self.styles.first()?.levels;
        let same = self.styles.iter().all(|style| style.levels == first);
        same.then_some(first)
    }

    /// Precincts of a resolution over all components of a tile.
    pub fn precincts(&self, size: &Size, x: &Range<u64>, y: &Range<u64>, resolution: u8) -> u64 {
        let styles = self.styles.iter().zip(&size.components);
        let precincts = styles.map(|(style, component)| {
            let (px, py) = style.precincts[usize::from(resolution)];
            let across = style.scaled(x, component.step.0, resolution);
            let down = style.scaled(y, component.step.1, resolution);
            cells(&across, px).saturating_mul(cells(&down, py))
        });
        precincts.fold(0, u64::saturating_add)
    }

    /// Wavelet decompositions that every component has.
    pub fn levels(&self) -> u32 {
        self.styles
            .iter()
            .map(|style| u32::from(style.levels))
            .min()
            .unwrap_or(0)
    }

    /// Takes over what a COD segment says, behind its length.
    pub fn cod(&mut self, segment: &[u8], in_tile: bool) -> Result<()> {
        self.count_change()?;
        let mut fields = Fields(segment);
        let flags = fields.u8()?;
        let progression = fields.u8()?;
        let layers = fields.u16()?;
        let transformed = fields.u8()?;
        if layers == 0 || transformed > 1 {
            return Err(Error::corrupt(format!(
                "{layers} layers and component transformation {transformed}"
            )));
        }
        if transformed == 1 && self.styles.len() < 3 {
            return Err(Error::corrupt(format!(
                "{} components that are mixtures of three",
                self.styles.len()
            )));
        }
        let rank = 1 + 2 * u8::from(in_tile);
        let style = Style::parse(&mut fields, flags & 1 != 0, rank)?;
        (self.layers, self.transformed) = (layers, transformed == 1);
        (self.progression, self.marks_packets) = (progression, flags & 2 != 0);
        self.ends_headers = flags & 4 != 0;
        for each in self.styles.iter_mut().filter(|each| each.rank <= rank) {
            *each = style;
        }
        Ok(())
    }

    /// Notes that a segment speaks of all components; an error where too many did.
    pub fn count_change(&mut self) -> Result<()> {
        self.changes += self.styles.len();
        match self.changes <= MOST_CHANGES {
            true => Ok(()),
            false => Err(Error::limit(format!(
                "the coding of {} components is told anew more than {} times",
                self.styles.len(),
                MOST_CHANGES / self.styles.len()
            ))),
        }
    }

    /// Takes over what a COC segment says, behind its length.
    pub fn coc(&mut self, segment: &[u8], in_tile: bool) -> Result<()> {
        let mut fields = Fields(segment);
        let component = match self.styles.len() {
            0..=256 => usize::from(fields.u8()?),
            _ => usize::from(fields.u16()?),
        };
        let flags = fields.u8()?;
        let style = Style::parse(&mut fields, flags & 1 != 0, 2 + 2 * u8::from(in_tile))?;
        let count = self.styles.len();
        let Some(known) = self.styles.get_mut(component) else {
            return Err(Error::corrupt(format!("component {component} of {count}")));
        };
        *known = style;
        Ok(())
    }

    /// What a tile over these columns and rows of the reference grid costs; `reordered` where packets may come in other
    /// orders than this tells.
    pub fn cost(&self, size: &Size, (x, y): (&Range<u64>, &Range<u64>), reordered: bool) -> Cost {
        let (mut blocks, mut precincts, mut most) = (0u64, 0u64, 0);
        let mut most_blocks = 0;
        for (style, component) in self.styles.iter().zip(&size.components) {
            for resolution in 0..=style.levels {
                let along = |range: &Range<u64>, step: u64, precinct: u8, block: u8| {
                    let range = style.scaled(range, step, resolution);
                    // The bands of the lowest resolution are as large as it; others half.
                    let half = u8::from(resolution > 0);
                    let block = block.min(precinct.saturating_sub(half));
                    let band = range.start >> half..range.end.div_ceil(1 << half);
                    let all = cells(&band, block);
                    // The code-blocks along a side of a precinct are a power of two.
                    let side = precinct.saturating_sub(half) - block;
                    (cells(&range, precinct), all, all.min(1 << side))
                };
                let (px, py) = style.precincts[usize::from(resolution)];
                let across = along(x, component.step.0, px, style.block.0);
                let down = along(y, component.step.1, py, style.block.1);
                let bands = if resolution == 0 { 1 } else { 3 };
                let here = across.0.saturating_mul(down.0);
                blocks =
                    blocks.saturating_add(across.1.saturating_mul(down.1).saturating_mul(bands));
                precincts = precincts.saturating_add(here);
                most = most.max(here);
                most_blocks = most_blocks.max(bands * across.2 * down.2);
            }
        }
        let layers = u64::from(self.layers);
        let resolutions = self.most_resolutions();
        // The codec notes for every packet that there could be whether it has been seen.
        let seen = most
            .saturating_mul(self.styles.len() as u64)
            .saturating_mul(2 * resolutions * layers);
        Cost {
            bytes: blocks
                .saturating_mul(CODE_BLOCK_BYTES)
                .saturating_add(precincts.saturating_mul(PRECINCT_BYTES))
                .saturating_add(seen),
            packets: precincts.saturating_mul(layers),
            code_blocks: (most_blocks, blocks),
            places: self.places(size, (x, y), reordered),
        }
    }

    /// Places at which the codec looks for packets, one order of them after the other: for each resolution and component
    /// wherever precincts of any could begin, or in each layer.
    fn places(&self, size: &Size, (x, y): (&Range<u64>, &Range<u64>), reordered: bool) -> u64 {
        let (mut across, mut down) = (0, 0);
        for (style, component) in self.styles.iter().zip(&size.components) {
            for resolution in 0..=style.levels {
                let (px, py) = style.precincts[usize::from(resolution)];
                let along = |range: &Range<u64>, step: u64, precinct: u8| {
                    let side = step << (precinct + style.levels - resolution);
                    range.end.div_ceil(side) - range.start / side
                };
                across = along(x, component.step.0, px).max(across);
                down = along(y, component.step.1, py).max(down);
            }
        }
        let by_layer = u64::from(self.layers);
        let by_place = across.saturating_mul(down);
        let in_order = match self.progression {
            _ if reordered => by_layer.max(by_place).saturating_mul(MOST_ORDERS),
            0 | 1 => by_layer,
            _ => by_place,
        };
        in_order
            .saturating_mul(self.most_resolutions())
            .saturating_mul(self.styles.len() as u64)
    }

    fn most_resolutions(&self) -> u64 {
        let resolutions = self.styles.iter();
        let resolutions = resolutions.map(|style| u64::from(style.levels) + 1);
        resolutions.max().unwrap_or(1)
    }
}

/// Cells with sides of `2^exponent` that a range touches.
fn cells(range: &Range<u64>, exponent: u8) -> u64 {
    if range.is_empty() {
        return 0;
    }
    range.end.div_ceil(1 << exponent) - (range.start >> exponent)
}

impl Style {
    /// Whether code-blocks are those of Part 15.
    pub fn is_high_throughput(&self) -> bool {
        self.passes.is_high_throughput()
    }

    /// A range of the reference grid in samples of a resolution.
    pub fn scaled(&self, range: &Range<u64>, step: u64, resolution: u8) -> Range<u64> {
        let scaled = |n: u64| n.div_ceil(step).div_ceil(1 << (self.levels - resolution));
        scaled(range.start)..scaled(range.end)
    }

    fn parse(fields: &mut Fields<'_>, has_precincts: bool, rank: u8) -> Result<Self> {
        let levels = fields.u8()?;
        let block = (fields.u8()? & 15, fields.u8()? & 15);
        let block = (block.0 + 2, block.1 + 2);
        let (passes, wavelet) = (fields.u8()?, fields.u8()?);
        if levels >= 128 || wavelet > 1 {
            return Err(Error::unsupported(format!(
                "decomposition {levels} and wavelet {wavelet} of JPEG 2000 Part 2"
            )));
        }
        if levels > 32 || block.0 > 10 || block.1 > 10 || block.0 + block.1 > 12 {
            return Err(Error::corrupt(format!(
                "{levels} decompositions and code-blocks of 2^{} x 2^{}",
                block.0, block.1
            )));
        }
        let mut precincts = [(15, 15); 33];
        if has_precincts {
            for (resolution, precinct) in precincts[..=usize::from(levels)].iter_mut().enumerate() {
                let exponents = fields.u8()?;
                *precinct = (exponents & 15, exponents >> 4);
                if resolution > 0 && (precinct.0 == 0 || precinct.1 == 0) {
                    return Err(Error::corrupt(format!(
                        "resolution {resolution} has precincts with sides of 1"
                    )));
                }
            }
        }
        Ok(Self {
            levels,
            block,
            precincts,
            passes: style::Style(passes),
            is_reversible: wavelet == 1,
            rank,
        })
    }
}
