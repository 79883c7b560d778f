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
    /// Its place among those of the tile, as it says itself.
    pub place: u8,
    /// How many the tile has, as it says itself; 0 where it does not.
    pub of: u8,
    /// Whether the file ends before the tile-part does.
    pub cut_short: bool,
}

/// What SOT says.
pub struct Sot {
    /// The tile.
    pub tile: u16,
    /// Bytes of the tile-part, 0 if it is the last.
    pub len: u32,
    place: u8,
    of: u8,
}

/// All tile-parts.
pub struct Index {
    /// Sorted by tile, those of a tile in the order of the file.
    parts: Vec<Part>,
    /// Why the search ended early, and the tile of the last part before: bytes may be missing in it.
    broken: Option<(Error, Option<u16>)>,
    /// Whether this is a list out of the header, which nobody has checked.
    pub listed: bool,
}

/// Reads SOT with its segment.
pub fn parse_sot(sot: &[u8]) -> Result<Sot> {
    let mut fields = Fields(sot);
    let marker = fields.u16()?;
    if marker != SOT || fields.u16()? != 10 {
        return Err(Error::corrupt(format!(
            "{marker:04x} where a tile-part should begin"
        )));
    }
    Ok(Sot {
        tile: fields.u16()?,
        len: fields.u32()?,
        place: fields.u8()?,
        of: fields.u8()?,
    })
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
                place: 0,
                of: 0,
                cut_short: false,
            });
            offset += u64::from(*len);
        }
        let all = header.end.saturating_sub(offset) <= 2 && offset <= header.end;
        (all && !parts.is_empty() && parts.len() <= MAX_PARTS).then(|| Self::new(parts, None, true))
    }

    /// Goes from tile-part to tile-part.
    ///
    /// Where the chain breaks the search ends, so that tiles that are complete before it can still be read.
    pub fn search(bytes: &dyn Bytes, header: &Header) -> Result<Self> {
        let mut parts = Vec::new();
        let broken = match walk(bytes, header, &mut parts) {
            Err(error) if error.kind() != crate::error::Kind::Corrupt => return Err(error),
            result => result.err(),
        };
        // Behind it less than a head is where the file was cut, and nothing was lost before.
        let is_suspect = |last: &&Part| header.end - (last.offset + last.len) >= SOT_BYTES;
        let suspect = parts.last().filter(is_suspect).map(|last| last.tile);
        let broken = broken.map(|error| (error, suspect));
        Ok(Self::new(parts, broken, false))
    }

    fn new(mut parts: Vec<Part>, broken: Option<(Error, Option<u16>)>, listed: bool) -> Self {
        parts.sort_by_key(|part| (part.tile, part.offset));
        Self {
            parts,
            broken,
            listed,
        }
    }

    /// The parts of a tile; an error if there are none, or not all of them.
    pub fn parts(&self, tile: u64) -> Result<&[Part]> {
        let from = self
            .parts
            .partition_point(|part| u64::from(part.tile) < tile);
        let to = self
            .parts
            .partition_point(|part| u64::from(part.tile) <= tile);
        match &self.parts[from..to] {
            [] => Err(match &self.broken {
                Some((error, _)) => error.clone(),
                None => Error::corrupt("is not in the codestream"),
            }),
            parts if parts.len() > 255 => Err(Error::corrupt(format!(
                "is in {} parts; there may be at most 255",
                parts.len()
            ))),
            parts if self.listed => Ok(parts),
            parts => self.check_complete(parts).map(|()| parts),
        }
    }

    /// An error unless these are all parts of a tile. Some writers say one too few, none too many.
    fn check_complete(&self, parts: &[Part]) -> Result<()> {
        let known = parts.iter().map(|part| part.of).max().unwrap_or(0);
        if let Some((error, suspect)) = &self.broken {
            let is_suspect = parts.iter().any(|part| Some(part.tile) == *suspect);
            if known == 0 || parts.len() < usize::from(known) || is_suspect {
                return Err(error.clone());
            }
        }
        for (place, part) in parts.iter().enumerate() {
            if usize::from(part.place) != place {
                return Err(Error::corrupt(format!(
                    "tile-part {} at offset {} where tile-part {place} should be",
                    part.place, part.offset
                )));
            }
        }
        if parts.len() < usize::from(known) {
            return Err(Error::corrupt(format!(
                "has {} of {known} tile-parts",
                parts.len()
            )));
        }
        Ok(())
    }
}

fn walk(bytes: &dyn Bytes, header: &Header, parts: &mut Vec<Part>) -> Result<()> {
    let tiles = header.size.x.tiles() * header.size.y.tiles();
    let mut reader = Reader::new(bytes, header.first_part, header.end);
    loop {
        let offset = reader.position();
        let place = |error: Error| error.at(format!("tile-part at offset {offset}"));
        // A missing end is no loss where every tile is complete, and it alone is not worth a read.
        if reader.left() <= size_of_val(&EOC) as u64 {
            return Ok(());
        }
        let sot = reader.take(SOT_BYTES.min(reader.left()) as usize)?;
        if sot.starts_with(&EOC.to_be_bytes()) {
            return Ok(());
        }
        let said = parse_sot(sot).map_err(place)?;
        let tile = said.tile;
        let left = header.end - offset;
        let len = match said.len {
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
            place: said.place,
            of: said.of,
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
