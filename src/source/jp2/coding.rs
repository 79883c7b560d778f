//! The COD and COC marker segments: how tiles are coded, and what it costs to decode them.

use super::reader::Fields;
use super::size::Size;
use crate::error::{Error, Result};
use std::ops::Range;

/// COD.
pub const COD: u16 = 0xff52;

/// COC.
pub const COC: u16 = 0xff53;

/// The bit of a code-block style that says that passes of the lower bit planes are plain bits.
const BYPASS: u8 = 1;

/// The bit of a code-block style that says Part 15.
const HIGH_THROUGHPUT: u8 = 0x40;

/// The bit that says that others may stand beside them.
const MIXED: u8 = 0x80;

/// What one code-block takes of a decoder's memory before any of it is decoded: its description,
/// room for ten segments, and its share of the tag trees.
const CODE_BLOCK_BYTES: u64 = 1100;

/// What a precinct takes.
const PRECINCT_BYTES: u64 = 600;

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
    pub passes: u8,
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
}

/// What decoding a tile costs beside its pixels.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Bytes of memory.
    pub bytes: u64,
    /// Packets, each of which takes at least a byte of the file.
    pub packets: u64,
}

impl Coding {
    /// Before any segment was read.
    pub fn new(components: usize) -> Self {
        let style = Style {
            levels: 0,
            block: (6, 6),
            precincts: [(15, 15); 33],
            passes: 0,
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

    /// Whether a component may have code-blocks of Part 15 beside others.
    pub fn is_mixed(&self) -> bool {
        self.styles.iter().any(|style| style.passes & MIXED != 0)
    }

    /// Whether lower bit planes of a component bypass the arithmetic decoder.
    pub fn bypasses(&self) -> bool {
        self.styles
            .iter()
            .any(|style| !style.is_high_throughput() && style.passes & BYPASS != 0)
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

    /// What a tile over these columns and rows of the reference grid costs.
    pub fn cost(&self, size: &Size, x: &Range<u64>, y: &Range<u64>) -> Cost {
        let (mut blocks, mut precincts, mut most) = (0u64, 0u64, 0);
        for (style, component) in self.styles.iter().zip(&size.components) {
            for resolution in 0..=style.levels {
                let along = |range: &Range<u64>, step: u64, precinct: u8, block: u8| {
                    let range = style.scaled(range, step, resolution);
                    // The bands of the lowest resolution are as large as it; others half.
                    let half = u8::from(resolution > 0);
                    let block = block.min(precinct.saturating_sub(half));
                    let band = range.start >> half..range.end.div_ceil(1 << half);
                    (cells(&range, precinct), cells(&band, block))
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
            }
        }
        let layers = u64::from(self.layers);
        let resolutions = self
            .styles
            .iter()
            .map(|style| u64::from(style.levels) + 1)
            .max()
            .unwrap_or(1);
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
        }
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
        self.passes & HIGH_THROUGHPUT != 0
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
            passes,
            is_reversible: wavelet == 1,
            rank,
        })
    }
}
