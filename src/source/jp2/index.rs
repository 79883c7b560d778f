//! Where the tile-parts of each tile lie.

use super::header::{EOC, Header, SOT};
use super::reader::{Fields, Reader};
use crate::bytes::Bytes;
use crate::error::{Error, Result};

/// The most tile-parts that are kept track of.
const MAX_PARTS: usize = 1 << 22;

/// Bytes of SOT with its segment.
pub const SOT_BYTES: u64 = 12;

/// One tile-part in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The tile that it belongs to.
    pub tile: u16,
    /// Its place among all tile-parts of the codestream.
    pub number: u32,
    /// Where its SOT lies.
    pub offset: u64,
    /// Its bytes, from SOT on.
    pub len: u64,
    /// Whether the file ends before the tile-part does.
    pub cut_short: bool,
}

/// All tile-parts.
pub struct Index {
    /// Sorted by tile, those of a tile in the order of the file.
    parts: Vec<Part>,
    /// Why the search ended early.
    broken: Option<Error>,
    /// Whether this is a list out of the header, which nobody has checked.
    pub listed: bool,
}

/// What SOT says: the tile and the bytes of the tile-part, 0 if it is the last.
pub fn parse_sot(sot: &[u8]) -> Result<(u16, u32)> {
    let mut fields = Fields(sot);
    let marker = fields.u16()?;
    if marker != SOT || fields.u16()? != 10 {
        return Err(Error::corrupt(format!(
            "{marker:04x} where a tile-part should begin"
        )));
    }
    Ok((fields.u16()?, fields.u32()?))
}

impl Index {
    /// The list in the header, if there is one and its lengths add up to those of the file.
    pub fn from_list(header: &Header) -> Option<Self> {
        let mut segments: Vec<_> = header.listed.iter().collect();
        segments.sort_by_key(|(index, _)| *index);
        let mut offset = header.first_part;
        let mut parts = Vec::new();
        for (tile, len) in segments.into_iter().flat_map(|(_, parts)| parts) {
            parts.push(Part {
                number: parts.len() as u32,
                // Where tiles have no numbers, each has one tile-part, in order.
                tile: tile.map_or_else(|| u16::try_from(parts.len()).ok(), Some)?,
                offset,
                len: u64::from(*len),
                cut_short: false,
            });
            offset += u64::from(*len);
        }
        let all = header.end.saturating_sub(offset) <= 2 && offset <= header.end;
        (all && !parts.is_empty() && parts.len() <= MAX_PARTS).then(|| Self::new(parts, None, true))
    }

    /// Goes from tile-part to tile-part.
    ///
    /// Where the chain breaks the search ends, so that tiles before the damage can still be read.
    pub fn search(bytes: &dyn Bytes, header: &Header) -> Result<Self> {
        let mut parts = Vec::new();
        let broken = match walk(bytes, header, &mut parts) {
            Err(error) if error.kind() != crate::error::Kind::Corrupt => return Err(error),
            result => result.err(),
        };
        Ok(Self::new(parts, broken, false))
    }

    fn new(mut parts: Vec<Part>, broken: Option<Error>, listed: bool) -> Self {
        parts.sort_by_key(|part| (part.tile, part.offset));
        Self {
            parts,
            broken,
            listed,
        }
    }

    /// The parts of a tile; an error if there are none.
    pub fn parts(&self, tile: u64) -> Result<&[Part]> {
        let from = self
            .parts
            .partition_point(|part| u64::from(part.tile) < tile);
        let to = self
            .parts
            .partition_point(|part| u64::from(part.tile) <= tile);
        match &self.parts[from..to] {
            [] => Err(match &self.broken {
                Some(error) => error.clone(),
                None => Error::corrupt("is not in the codestream"),
            }),
            parts if parts.len() > 255 => Err(Error::corrupt(format!(
                "is in {} parts; there may be at most 255",
                parts.len()
            ))),
            parts => Ok(parts),
        }
    }
}

fn walk(bytes: &dyn Bytes, header: &Header, parts: &mut Vec<Part>) -> Result<()> {
    let tiles = header.size.x.tiles() * header.size.y.tiles();
    let mut reader = Reader::new(bytes, header.first_part, header.end);
    loop {
        let offset = reader.position();
        let place = |error: Error| error.at(format!("tile-part at offset {offset}"));
        if reader.left() < SOT_BYTES {
            // A missing end is no loss where every tile is complete.
            return Ok(());
        }
        let sot: [u8; SOT_BYTES as usize] = reader.array()?;
        if sot[..2] == EOC.to_be_bytes() {
            return Ok(());
        }
        let (tile, len) = parse_sot(&sot).map_err(place)?;
        let left = header.end - offset;
        let len = match len {
            0 => left - 2 * u64::from(ends_with_eoc(bytes, header)?),
            len => u64::from(len),
        };
        if u64::from(tile) >= tiles || len < SOT_BYTES + 2 {
            return Err(place(Error::corrupt(format!(
                "{len} bytes of tile {tile} of {tiles}"
            ))));
        }
        if parts.len() == MAX_PARTS {
            return Err(place(Error::corrupt(format!(
                "more than {MAX_PARTS} tile-parts"
            ))));
        }
        parts.push(Part {
            tile,
            number: parts.len() as u32,
            offset,
            len: len.min(left),
            cut_short: len > left,
        });
        reader.seek(offset + len.min(left));
    }
}

fn ends_with_eoc(bytes: &dyn Bytes, header: &Header) -> Result<bool> {
    let mut last = [0; 2];
    bytes.read_at(header.end - 2, &mut last)?;
    Ok(last == EOC.to_be_bytes())
}
