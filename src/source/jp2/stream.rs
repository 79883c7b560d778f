//! A codestream of one tile alone, put together for the codec.
//!
//! A codec that is given the whole file prepares for all its tiles and looks for the wanted one from
//! the beginning. Given this one it does what the tile takes and nothing else, whatever the file
//! says of others, and the reads are ours: one for a tile of ordinary size.

use super::coding::Coding;
use super::header::{EOC, Header, PartHeader, SOT};
use super::index::{Part, SOT_BYTES, parse_sot};
use super::openjpeg::Input;
use super::packets::Packets;
use super::reader::Reader;
use crate::bytes::{Bytes, MemoryBytes};
use crate::error::{Error, Kind, Result};
use crate::source::scratch::zeroed;
use std::ops::Range;
use std::sync::Arc;

/// Tile-parts that lie one behind the other are read at once up to this many bytes; longer ones go
/// straight to the codec.
const AT_ONCE: u64 = 8 << 20;

/// Tiles that are longer are read packet by packet where a level needs a part of them.
pub const SELECTED: u64 = 256 << 10;

/// Bytes, in memory or still in the file.
enum Piece {
    Memory(Arc<Vec<u8>>, Range<usize>),
    File(Range<u64>),
}

/// The codestream of one tile.
pub struct TileStream<'a> {
    bytes: &'a dyn Bytes,
    pieces: Vec<Piece>,
    /// How the tile is coded, where it says so itself.
    pub coding: Option<Coding>,
    /// Packets may come in other orders than the coding tells.
    pub reordered: bool,
    /// Coefficients of a region of interest may be raised above others.
    pub has_region: bool,
    /// Compressed bytes of the tile.
    pub data: u64,
    /// It has not all packets, but those that a level needs, as the lengths of all tell.
    pub is_selected: bool,
    /// PPT segments that were made so far.
    packed: u32,
    /// What of the file was read into memory, and where it lies there.
    loaded: Vec<(u64, Arc<Vec<u8>>)>,
    piece: usize,
    at: u64,
}

impl Piece {
    fn made(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self::Memory(bytes.into(), range)
    }

    fn len(&self) -> u64 {
        match self {
            Self::Memory(_, range) => range.len() as u64,
            Self::File(range) => range.end - range.start,
        }
    }
}

impl<'a> TileStream<'a> {
    /// The tile in this column and row, which lies in `parts`, as far as a level needs it.
    pub fn new(
        bytes: &'a dyn Bytes,
        header: &Header,
        at: (u64, u64),
        parts: &[Part],
        level: u32,
    ) -> Result<Self> {
        if level > 0 && is_selected(parts) {
            match Self::selected(bytes, header, at, parts, level) {
                Ok(None) => (),
                // What is wrong with it is told by who reads all of it.
                Err(error) if error.kind() == Kind::Corrupt => (),
                Ok(Some(stream)) => return Ok(stream),
                Err(error) => return Err(error),
            }
        }
        let mut stream = Self::begin(bytes, header, at);
        let mut done = 0;
        while done < parts.len() {
            let run = run_length(&parts[done..]);
            stream.add(header, &parts[done..done + run], done, parts.len())?;
            done += run;
        }
        stream.pieces.push(Piece::made(EOC.to_be_bytes().into()));
        Ok(stream)
    }

    /// The beginning of a codestream of one tile.
    fn begin(bytes: &'a dyn Bytes, header: &Header, (col, row): (u64, u64)) -> Self {
        let mut start = vec![0xff, 0x4f];
        start.extend(header.size.alone(col, row));
        start.extend(&header.segments);
        Self {
            bytes,
            pieces: vec![Piece::made(start)],
            coding: None,
            reordered: header.reordered,
            has_region: header.has_region,
            data: 0,
            is_selected: false,
            packed: 0,
            loaded: Vec::new(),
            piece: 0,
            at: 0,
        }
    }

    /// The tile with the packets alone that a level needs; `None` where the codestream does not say
    /// which these are.
    fn selected(
        bytes: &'a dyn Bytes,
        header: &Header,
        (col, row): (u64, u64),
        parts: &[Part],
        level: u32,
    ) -> Result<Option<Self>> {
        let mut stream = Self::begin(bytes, header, (col, row));
        stream.is_selected = true;
        let (x, y) = (header.size.x.tile_range(col), header.size.y.tile_range(row));
        let mut packets: Option<Packets> = None;
        // The headers of tile-parts and what is left of their packets.
        let mut kept: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for part in parts {
            if packets.as_ref().is_some_and(Packets::are_enough) {
                break;
            }
            let end = part.offset + part.len;
            let mut reader = Reader::new(bytes, part.offset, end);
            let sot: [u8; SOT_BYTES as usize] = reader.array()?;
            part.check(&parse_sot(&sot)?)?;
            let said = header.read_part(&mut reader, &mut stream.coding)?;
            stream.has_region |= said.has_region;
            let Some(lengths) = said.lengths.read(end - said.data) else {
                return Ok(None);
            };
            let coding = stream.coding.as_ref().unwrap_or(&header.coding);
            if packets.is_none() {
                packets = Packets::new(coding, &header.size, (&x, &y), level);
            }
            let Some(packets) = packets.as_mut().filter(|_| !said.reordered) else {
                return Ok(None);
            };
            let (mut data, mut at, mut from) = (Vec::new(), said.data, said.data);
            for len in lengths {
                let Some(needed) = packets.next() else {
                    return Ok(None);
                };
                at += len;
                if !needed {
                    read_on(&mut reader, from..at - len, &mut data)?;
                    data.extend(packets.empty());
                    from = at;
                }
            }
            read_on(&mut reader, from..at, &mut data)?;
            kept.push((said.segments, data));
        }
        let (Some(mut packets), Some((_, last))) = (packets, kept.last_mut()) else {
            return Ok(None);
        };
        while packets.next().is_some() {
            last.extend(packets.empty());
        }
        let of = kept.len();
        for (number, (segments, data)) in kept.into_iter().enumerate() {
            let len = data.len() as u64;
            let first = part_header(&segments, len, number, of)?;
            stream.data += len;
            stream
                .pieces
                .extend([Piece::made(first), Piece::made(data)]);
        }
        stream.pieces.push(Piece::made(EOC.to_be_bytes().into()));
        Ok(Some(stream))
    }

    /// Bytes of headers, packed packet headers among them.
    pub fn headers(&self) -> u64 {
        Input::len(self) - self.data
    }

    /// The file, of which nothing is read again that the stream has in memory.
    pub fn again(&self) -> impl Bytes {
        Again {
            bytes: self.bytes,
            loaded: &self.loaded,
        }
    }

    /// Adds tile-parts that lie one behind the other.
    fn add(&mut self, header: &Header, parts: &[Part], number: usize, of: usize) -> Result<()> {
        let (first, last) = (parts[0], parts[parts.len() - 1]);
        let len = last.offset + last.len - first.offset;
        let memory = match len <= AT_ONCE {
            true => {
                let mut buffer = zeroed(len)?;
                self.bytes.read_at(first.offset, &mut buffer)?;
                let buffer = Arc::new(buffer);
                self.loaded.push((first.offset, buffer.clone()));
                Some(buffer)
            }
            false => None,
        };
        for (i, part) in parts.iter().enumerate() {
            let added = match &memory {
                Some(memory) => {
                    let source = MemoryBytes::shared(memory.clone());
                    self.add_part(header, part, &source, first.offset, number + i, of)
                }
                None => self.add_part(header, part, self.bytes, 0, number + i, of),
            };
            let data =
                added.map_err(|error| error.at(format!("tile-part at offset {}", part.offset)))?;
            self.data += data.end - data.start;
            self.pieces.push(match &memory {
                Some(memory) => {
                    let from = (data.start - first.offset) as usize;
                    Piece::Memory(
                        memory.clone(),
                        from..from + (data.end - data.start) as usize,
                    )
                }
                None => Piece::File(data),
            });
        }
        Ok(())
    }

    /// Adds the header of a tile-part, whose bytes begin at `base` of the file, and says where in
    /// the file its data lie.
    fn add_part(
        &mut self,
        header: &Header,
        part: &Part,
        source: &dyn Bytes,
        base: u64,
        number: usize,
        of: usize,
    ) -> Result<Range<u64>> {
        let start = part.offset - base;
        let mut reader = Reader::new(source, start, start + part.len);
        let sot: [u8; SOT_BYTES as usize] = reader.array()?;
        part.check(&parse_sot(&sot)?)?;
        let PartHeader {
            mut segments,
            data,
            reordered,
            has_region,
            ..
        } = header.read_part(&mut reader, &mut self.coding)?;
        self.reordered |= reordered;
        self.has_region |= has_region;
        header
            .packed
            .append(part.number, &mut self.packed, &mut segments)?;
        let data = data + base..part.offset + part.len;
        let made = part_header(&segments, data.end - data.start, number, of)?;
        self.pieces.push(Piece::made(made));
        Ok(data)
    }
}

/// A file of which some is in memory, from these offsets on.
struct Again<'a> {
    bytes: &'a dyn Bytes,
    loaded: &'a [(u64, Arc<Vec<u8>>)],
}

impl Bytes for Again<'_> {
    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        let end = offset.saturating_add(into.len() as u64);
        let holds = |(start, memory): &&(u64, Arc<Vec<u8>>)| {
            *start <= offset && end <= start + memory.len() as u64
        };
        match self.loaded.iter().find(holds) {
            Some((start, memory)) => {
                let from = (offset - start) as usize;
                into.copy_from_slice(&memory[from..from + into.len()]);
                Ok(())
            }
            None => self.bytes.read_at(offset, into),
        }
    }

    fn identity(&self) -> Option<String> {
        self.bytes.identity()
    }

    fn check_unchanged(&self) -> Result<()> {
        self.bytes.check_unchanged()
    }

    fn read_cost(&self) -> u64 {
        self.bytes.read_cost()
    }
}

/// Whether it pays to select packets of a tile.
pub fn is_selected(parts: &[Part]) -> bool {
    parts.iter().map(|part| part.len).sum::<u64>() > SELECTED
}

/// The header of a tile-part of the only tile, before so many bytes of packets.
fn part_header(segments: &[u8], data: u64, number: usize, of: usize) -> Result<Vec<u8>> {
    let len = SOT_BYTES + segments.len() as u64 + 2 + data;
    let Ok(len) = u32::try_from(len) else {
        return Err(Error::limit(format!("{len} bytes")));
    };
    let mut made = Vec::with_capacity(segments.len() + 14);
    made.extend(SOT.to_be_bytes());
    made.extend([0, 10, 0, 0]);
    made.extend(len.to_be_bytes());
    made.extend([number as u8, of as u8]);
    made.extend(segments);
    made.extend([0xff, 0x93]);
    Ok(made)
}

/// Appends a range of the file.
fn read_on(reader: &mut Reader<'_>, range: Range<u64>, to: &mut Vec<u8>) -> Result<()> {
    if range.is_empty() {
        return Ok(());
    }
    reader.seek(range.start);
    to.extend_from_slice(reader.take((range.end - range.start) as usize)?);
    Ok(())
}

/// How many of the parts lie one behind the other and are short enough to be read at once.
fn run_length(parts: &[Part]) -> usize {
    let start = parts[0].offset;
    let mut run = 1;
    while let Some(next) = parts.get(run) {
        let before = &parts[run - 1];
        if next.offset != before.offset + before.len || next.offset + next.len - start > AT_ONCE {
            break;
        }
        run += 1;
    }
    run
}

impl Input for TileStream<'_> {
    fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            let Some(piece) = self.pieces.get(self.piece) else {
                break;
            };
            let left = piece.len() - self.at;
            let count = left.min((into.len() - filled) as u64) as usize;
            let to = &mut into[filled..filled + count];
            match piece {
                Piece::Memory(memory, range) => {
                    let from = range.start + self.at as usize;
                    to.copy_from_slice(&memory[from..from + count]);
                }
                Piece::File(range) => self.bytes.read_at(range.start + self.at, to)?,
            }
            filled += count;
            self.skip(count as u64);
        }
        Ok(filled)
    }

    fn skip(&mut self, mut count: u64) {
        while let Some(piece) = self.pieces.get(self.piece) {
            let left = piece.len() - self.at;
            if count < left {
                self.at += count;
                break;
            }
            count -= left;
            self.at = 0;
            self.piece += 1;
        }
    }
}
