//! The main header of a codestream, and the headers of its tile-parts.

use super::coding::{self, Coding};
use super::packed::Packed;
use super::packets::Lengths;
use super::reader::{Fields, Reader};
use super::segments::Segments;
use super::size::Size;
use crate::bytes::Bytes;
use crate::error::{Error, Result};
use std::ops::Range;

/// Start of a tile-part.
pub const SOT: u16 = 0xff90;

/// End of the codestream.
pub const EOC: u16 = 0xffd9;

const SOC: u16 = 0xff4f;
const CAP: u16 = 0xff50;
const SIZ: u16 = 0xff51;
const TLM: u16 = 0xff55;
const PLT: u16 = 0xff58;
const PPM: u16 = 0xff60;
const SOD: u16 = 0xff93;

/// How coefficients are quantised.
pub const QCD: u16 = 0xff5c;

/// The same for one component.
pub const QCC: u16 = 0xff5d;

/// A region of interest.
pub const RGN: u16 = 0xff5e;

/// Another order of packets.
pub const POC: u16 = 0xff5f;

/// Packet headers of a tile.
pub const PPT: u16 = 0xff61;

/// The first bytes of a codestream.
pub const FIRST: [u8; 4] = [0xff, 0x4f, 0xff, 0x51];

/// A tile-part as TLM lists it: its tile, where said, and its length.
pub type Listed = (Option<u16>, u32);

/// What holds for all tiles.
pub struct Header {
    /// The reference grid and the components.
    pub size: Size,
    /// How tiles are coded if they do not say otherwise.
    pub coding: Coding,
    /// The segments that a decoder needs beside SIZ, as in the file.
    pub segments: Vec<u8>,
    /// Where the first tile-part begins.
    pub first_part: u64,
    /// Where the codestream ends at the latest.
    pub end: u64,
    /// The tile-parts as TLM lists them, by the index of the segment.
    pub listed: Vec<(u8, Vec<Listed>)>,
    /// Packet headers, where they do not lie with their packets.
    pub packed: Packed,
    /// Packets do not come in the order that the coding tells.
    pub reordered: bool,
    /// Coefficients of a region of interest may be raised above others.
    pub has_region: bool,
    /// The codestream says that it needs Part 15, which may be in the header of a tile alone.
    needs_part_15: bool,
}

/// The header of a tile-part.
pub struct PartHeader {
    /// The segments that a decoder needs, as in the file.
    pub segments: Vec<u8>,
    /// Where the data begin, behind SOD.
    pub data: u64,
    /// The lengths of the packets.
    pub lengths: Lengths,
    /// Packets do not come with their headers, or in another order than the coding tells.
    pub reordered: bool,
    /// The same as of the main header, of this tile-part or of all.
    pub has_region: bool,
}

impl Header {
    /// Reads the main header of the codestream in `range`.
    pub fn read(bytes: &dyn Bytes, range: Range<u64>) -> Result<Self> {
        let mut reader = Reader::new(bytes, range.start, range.end);
        if reader.u16()? != SOC || reader.u16()? != SIZ {
            return Err(Error::corrupt("does not begin with SOC and SIZ"));
        }
        let size = Size::parse(segment(&mut reader)?).map_err(|error| error.at("SIZ"))?;
        let mut segments = Segments::default();
        let mut header = Self {
            coding: Coding::new(size.components.len()),
            size,
            segments: Vec::new(),
            first_part: 0,
            end: reader.end(),
            listed: Vec::new(),
            packed: Packed::default(),
            reordered: false,
            has_region: false,
            needs_part_15: false,
        };
        loop {
            let at = reader.position();
            let marker = reader.u16()?;
            if marker == SOT {
                header.first_part = at;
                break;
            }
            header
                .take(marker, &mut reader, &mut segments)
                .map_err(|error| at_marker(error, marker, at))?;
        }
        take_coding(&mut header.coding, &segments, false)?;
        header.segments = segments.bytes();
        if !header.coding.is_complete() {
            return Err(Error::corrupt("has no COD"));
        }
        header.packed.finish().map_err(|error| error.at("PPM"))?;
        Ok(header)
    }

    /// Whether tiles may have code-blocks of Part 15 (HTJ2K).
    pub fn is_high_throughput(&self) -> bool {
        self.needs_part_15 || self.coding.is_high_throughput()
    }

    fn take(
        &mut self,
        marker: u16,
        reader: &mut Reader<'_>,
        segments: &mut Segments,
    ) -> Result<()> {
        let at = reader.position() - 2;
        if !has_segment(marker)? {
            return Ok(());
        }
        let segment = segment(reader)?;
        match marker {
            coding::COD | coding::COC | QCD | QCC | RGN | POC => (),
            // A decoder that must know Part n finds bit 32 - n set.
            CAP => self.needs_part_15 = Fields(segment).u32()? & 1 << (32 - 15) != 0,
            TLM => {
                // A list of tile-parts only saves reading; without it they are found one by one.
                if let Ok(listed) = listed(segment) {
                    self.listed.push(listed);
                }
                return Ok(());
            }
            PPM => {
                self.packed.add(segment)?;
                return Ok(());
            }
            0xff70..=0xff79 => return Err(Error::unsupported("an extension of JPEG 2000 Part 2")),
            _ => return Ok(()),
        }
        self.reordered |= marker == POC;
        self.has_region |= marker == RGN;
        segments.keep(marker, at, segment, self.size.components.len())
    }

    /// Reads the header of a tile-part from behind SOT on; what it says of the coding goes into
    /// `coding`, which begins as that of the main header.
    pub fn read_part(
        &self,
        reader: &mut Reader<'_>,
        coding: &mut Option<Coding>,
    ) -> Result<PartHeader> {
        let (mut segments, mut lengths) = (Segments::default(), Lengths::default());
        let mut reordered = self.reordered || !self.packed.is_empty();
        let mut has_region = self.has_region;
        loop {
            let at = reader.position();
            let marker = reader.u16()?;
            if marker == SOD {
                if segments.change_coding() {
                    let coding = coding.get_or_insert_with(|| self.coding.clone());
                    take_coding(coding, &segments, true)?;
                }
                return Ok(PartHeader {
                    data: reader.position(),
                    segments: segments.bytes(),
                    lengths,
                    reordered,
                    has_region,
                });
            }
            let mut take = || -> Result<()> {
                if !has_segment(marker)? {
                    return Ok(());
                }
                let segment = segment(reader)?;
                match marker {
                    coding::COD | coding::COC | QCD | QCC | RGN | POC | PPT => (),
                    PLT => {
                        lengths.add(segment);
                        return Ok(());
                    }
                    _ => return Ok(()),
                }
                reordered |= matches!(marker, POC | PPT);
                has_region |= marker == RGN;
                segments.keep(marker, at, segment, self.size.components.len())
            };
            take().map_err(|error| at_marker(error, marker, at))?;
        }
    }
}

/// Whether a length follows the marker; an error where no marker can stand.
fn has_segment(marker: u16) -> Result<bool> {
    match marker {
        0xff30..=0xff3f => Ok(false),
        SOC | SIZ | SOT | SOD | EOC | 0..0xff00 => Err(Error::corrupt("has no place here")),
        _ => Ok(true),
    }
}

fn segment<'r>(reader: &'r mut Reader<'_>) -> Result<&'r [u8]> {
    let length = usize::from(reader.u16()?);
    if length < 2 {
        return Err(Error::corrupt(format!("a segment of {length} bytes")));
    }
    reader.take(length - 2)
}

/// Takes over what the segments of a header say of the coding.
fn take_coding(coding: &mut Coding, segments: &Segments, in_tile: bool) -> Result<()> {
    for (marker, at, segment) in segments.of_coding() {
        let taken = match marker {
            coding::COD => coding.cod(segment, in_tile),
            coding::COC => coding.coc(segment, in_tile),
            _ => coding.count_change(),
        };
        taken.map_err(|error| at_marker(error, marker, at))?;
    }
    Ok(())
}

/// The error of the segment of a marker.
fn at_marker(error: Error, marker: u16, at: u64) -> Error {
    error.at(format!("marker {marker:04x} at offset {at}"))
}

fn listed(segment: &[u8]) -> Result<(u8, Vec<Listed>)> {
    let mut fields = Fields(segment);
    let index = fields.u8()?;
    let sizes = fields.u8()?;
    let mut parts = Vec::new();
    while !fields.0.is_empty() {
        let tile = match sizes >> 4 & 3 {
            0 => None,
            1 => Some(u16::from(fields.u8()?)),
            2 => Some(fields.u16()?),
            _ => return Err(Error::corrupt("tile numbers of 3 bytes")),
        };
        let length = match sizes >> 6 & 1 {
            0 => u32::from(fields.u16()?),
            _ => fields.u32()?,
        };
        parts.push((tile, length));
    }
    Ok((index, parts))
}
