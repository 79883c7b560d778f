//! Where the tile-parts of each tile lie.

use super::header::{EOC, Header, SOT};
use super::reader::{Fields, Reader};
use crate::bytes::Bytes;
use crate::error::{Error, Result};

/// The most tile-parts that are kept track of.
const MAX_PARTS: usize = 1 << 22;

/// Bytes of EOC.
pub const EOC_BYTES: u64 = 2;

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
    /// What says where it ends.
    pub end: End,
}

/// What says where a tile-part ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its length.
    Length,
    /// Its length, which takes in the end of the codestream.
    LengthOverEoc,
    /// The end of the codestream.
    Eoc,
    /// The end of the file.
    File,
}

/// Why packets of a tile may be missing although nothing contradicts the list of its tile-parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// So many tile-parts were announced, more than there are.
    Fewer(u8),
    /// The last one has no length.
    Ends(End),
}

impl Part {
    /// An error where its SOT says something else than the list of tile-parts, or the file ends within it.
    pub fn check(&self, said: &Sot) -> Result<()> {
        let len = said.len;
        if said.tile != self.tile || (len != 0 && u64::from(len) != self.len && !self.cut_short) {
            return Err(Error::corrupt(format!(
                "{len} bytes of tile {} instead of {} of tile {}",
                said.tile, self.len, self.tile
            )));
        }
        if self.cut_short {
            return Err(Error::corrupt(format!(
                "the file ends after {} of {len} bytes",
                self.len
            )));
        }
        Ok(())
    }
}

impl Doubt {
    /// That about a tile with these parts, if there is any.
    pub fn about(parts: &[Part]) -> Option<Self> {
        let announced = announced(parts);
        if parts.len() < usize::from(announced) {
            return Some(Self::Fewer(announced));
        }
        let ends = parts.iter().map(|part| part.end);
        let mut others = ends.filter(|end| *end != End::Length);
        others.next().map(Self::Ends)
    }
}

/// How many parts a tile should have as they say themselves; 0 where none says it.
fn announced(parts: &[Part]) -> u8 {
    parts.iter().map(|part| part.of).max().unwrap_or(0)
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
                end: End::Length,
            });
            offset += u64::from(*len);
        }
        // Where EOC is missing, the lengths may take it in.
        let all = offset.checked_add(EOC_BYTES) == Some(header.end);
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

    /// The parts of a tile; an error if there are none, or some are known to be missing; see also [`Doubt`].
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
            parts => self.complete(parts),
        }
    }

    /// The parts of a tile out of those that say that they belong to it. Some writers announce one too few. What follows all
    /// that were announced and stands there once more is passed over, as OpenJPEG does.
    fn complete<'p>(&self, parts: &'p [Part]) -> Result<&'p [Part]> {
        let announced = usize::from(announced(parts));
        if let Some((error, suspect)) = &self.broken {
            let is_suspect = parts.iter().any(|part| Some(part.tile) == *suspect);
            if announced == 0 || parts.len() < announced || is_suspect {
                return Err(error.clone());
            }
        }
        let in_order = parts.iter().enumerate();
        let in_order = in_order.take_while(|(place, part)| usize::from(part.place) == *place);
        let count = in_order.count();
        match parts.get(count) {
            Some(part)
                if announced == 0 || count < announced || usize::from(part.place) > count =>
            {
                Err(Error::corrupt(format!(
                    "tile-part {} at offset {} where tile-part {count} should be",
                    part.place, part.offset
                )))
            }
            _ => Ok(&parts[..count]),
        }
    }
}

fn walk(bytes: &dyn Bytes, header: &Header, parts: &mut Vec<Part>) -> Result<()> {
    let tiles = header.size.x.tiles() * header.size.y.tiles();
    let mut reader = Reader::new(bytes, header.first_part, header.end);
    loop {
        let offset = reader.position();
        let place = |error: Error| error.at(format!("tile-part at offset {offset}"));
        // A missing end is no loss where every tile is complete, and it alone is not worth a read.
        if reader.left() <= EOC_BYTES {
            return Ok(());
        }
        let sot = reader.take(SOT_BYTES.min(reader.left()) as usize)?;
        if sot.starts_with(&EOC.to_be_bytes()) {
            return Ok(());
        }
        let said = parse_sot(sot).map_err(place)?;
        let tile = said.tile;
        let left = header.end - offset;
        let (len, end) = match u64::from(said.len) {
            0 if ends_with_eoc(bytes, header)? => (left - EOC_BYTES, End::Eoc),
            0 => (left, End::File),
            len if len == left && ends_with_eoc(bytes, header)? => (len, End::LengthOverEoc),
            len => (len, End::Length),
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
            end,
        });
        reader.seek(offset + len.min(left));
    }
}

fn ends_with_eoc(bytes: &dyn Bytes, header: &Header) -> Result<bool> {
    let mut last = [0; EOC_BYTES as usize];
    bytes.read_at(header.end - EOC_BYTES, &mut last)?;
    Ok(last == EOC.to_be_bytes())
}
