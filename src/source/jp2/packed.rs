//! Packet headers that are packed into the main header (PPM).
//!
//! They lie there in the order of the tile-parts. A tile that is decoded alone takes its own along, as
//! segments of its tile-parts (PPT).

use super::reader::Fields;
use crate::error::{Error, Result};
use std::ops::Range;

/// Bytes that one PPT segment holds beside its length and its index.
const SEGMENT: usize = 65_532;

/// The packet headers of every tile-part.
#[derive(Default)]
pub struct Packed {
    segments: Vec<(u8, Vec<u8>)>,
    bytes: Vec<u8>,
    parts: Vec<Range<usize>>,
}

impl Packed {
    /// Takes a PPM segment, behind its length.
    pub fn add(&mut self, segment: &[u8]) -> Result<()> {
        let mut fields = Fields(segment);
        let index = fields.u8()?;
        if self.segments.iter().any(|(other, _)| *other == index) {
            return Err(Error::corrupt(format!("a second segment {index}")));
        }
        self.segments.push((index, fields.0.to_vec()));
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Sorts out what belongs to which tile-part, after the last segment; one may begin in the middle
    /// of what belongs to a tile-part, or of its length.
    pub fn finish(&mut self) -> Result<()> {
        self.segments.sort_by_key(|(index, _)| *index);
        for (_, segment) in self.segments.drain(..) {
            self.bytes.extend(segment);
        }
        let mut fields = Fields(&self.bytes);
        while !fields.0.is_empty() {
            let len = fields.u32()? as usize;
            let from = self.bytes.len() - fields.0.len();
            fields.take(len)?;
            self.parts.push(from..from + len);
        }
        Ok(())
    }

    /// The packet headers of a tile-part, by its place in the codestream; none where they lie with their packets.
    pub fn of_part(&self, number: u32) -> Result<&[u8]> {
        if self.is_empty() {
            return Ok(&[]);
        }
        match self.parts.get(number as usize) {
            Some(part) => Ok(&self.bytes[part.clone()]),
            None => Err(Error::corrupt(format!(
                "no packet headers for tile-part {number} of {}",
                self.parts.len()
            ))),
        }
    }

    /// Appends [`Self::of_part`] as PPT segments; `index` counts those of a tile.
    pub fn append(&self, number: u32, index: &mut u32, to: &mut Vec<u8>) -> Result<()> {
        for piece in self.of_part(number)?.chunks(SEGMENT) {
            let Ok(z) = u8::try_from(*index) else {
                return Err(Error::limit("more than 16 MiB of packet headers in a tile"));
            };
            to.extend([0xff, 0x61]);
            to.extend((piece.len() as u16 + 3).to_be_bytes());
            to.push(z);
            to.extend(piece);
            *index += 1;
        }
        Ok(())
    }
}
