//! The search for code-blocks: it goes from packet to packet and reads headers alone.

use super::code_block::MAX_PLANES;
use super::grid::ComponentGrid;
use super::order::{self, Run};
use super::packet::{Piece, Precinct};
use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::source::jp2::coding::{Coding, work_of_bytes, work_of_code_blocks};
use crate::source::jp2::header::EOC;
use crate::source::jp2::index::EOC_BYTES;
use crate::source::scratch;
use std::collections::HashMap;
use std::ops::Range;

/// Packet headers are read in pieces of so many bytes.
const CHUNK: u64 = 16 << 10;

/// The marker that may stand before a packet.
const SOP: [u8; 2] = [0xff, 0x91];

/// It, with its segment.
const SOP_BYTES: u64 = 6;

/// The marker that may stand behind a packet header.
const EPH: [u8; 2] = [0xff, 0x92];

/// The most precincts that orders of packets may go over, each for itself, beside [`work_of_bytes`].
const MAX_VISITS: u64 = 1 << 20;

/// No chunk.
const NONE: u32 = u32::MAX;

/// The packets of a tile-part, and how long each is, where the codestream tells.
pub struct PartData {
    /// Where they lie in the file.
    pub data: Range<u64>,
    /// Their lengths.
    pub lengths: Option<Vec<u64>>,
}

/// Bytes of a code-block that lie together.
#[derive(Clone, Copy)]
pub struct Chunk {
    /// Where in the file.
    pub offset: u64,
    /// How many.
    pub len: u32,
    /// The passes that end in them.
    pub passes: u8,
    /// A segment begins.
    pub begins: bool,
}

/// A code-block: its chunks, and the bit planes that it has.
#[derive(Clone, Copy, Default)]
pub struct Entry {
    /// The first chunk.
    pub first: u32,
    /// How many there are.
    pub chunks: u16,
    /// Bit planes from the first that is not zero on.
    pub planes: u8,
}

/// A code-block while its chunks are looked for, which lie among those of others.
#[derive(Clone, Copy)]
struct Chain {
    first: u32,
    last: u32,
    planes: u8,
}

struct Link {
    chunk: Chunk,
    next: u32,
}

/// What is known of a precinct.
struct Known {
    /// The layer that comes next.
    layer: u32,
    /// What its packets have told, as long as there are more.
    told: Option<Precinct>,
}

/// What is looked for in a tile.
#[derive(Clone, Copy)]
pub struct Needed {
    /// What this level needs.
    pub level: u32,
    /// The quality layers, from the first on.
    pub layers: u32,
}

/// What was found so far.
pub struct Search<'a> {
    grids: &'a [ComponentGrid],
    needed: Needed,
    layers: u32,
    chains: Vec<Vec<Vec<Vec<Chain>>>>,
    links: Vec<Link>,
    most_links: usize,
    /// Code-blocks of all resolutions.
    code_blocks: u64,
    work: Work,
    known: HashMap<order::Precinct, Known>,
    /// Packets that are needed, and those of them that have not come.
    all: u64,
    missing: u64,
    /// Some code-blocks of Part 15 have passes without bytes.
    pub has_empty_passes: bool,
    /// It ended at a packet without a marker that those before have, or with that of a later one.
    pub lost_marker: bool,
}

/// How a search ended that found no fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Packets that are needed.
    pub packets: u64,
    /// Those of them that have not come.
    pub missing: u64,
    /// Bytes of the tile-parts behind the last packet.
    pub left: u64,
    /// EOC stands where the next packet would begin.
    pub at_eoc: bool,
}

/// The code-blocks of each component, resolution and subband, row by row, and their chunks.
pub type Found = (Vec<Vec<Vec<Vec<Entry>>>>, Vec<Chunk>);

impl<'a> Search<'a> {
    /// Nothing found yet of what is needed of a tile with so many layers. What is found may take `most` bytes.
    pub fn new(grids: &'a [ComponentGrid], needed: Needed, layers: u32, most: u64) -> Result<Self> {
        let level = needed.level;
        let (mut cells, mut all, mut missing) = (0u64, 0u64, 0u64);
        for grid in grids {
            for (number, resolution) in grid.resolutions.iter().enumerate() {
                let is_needed = is_needed(grid, number, level);
                let (across, down) = resolution.precincts;
                if is_needed {
                    let packets = across
                        .saturating_mul(down)
                        .saturating_mul(u64::from(layers.min(needed.layers)));
                    missing = packets.saturating_add(missing);
                }
                for band in &resolution.bands {
                    let here = band.area.cells(band.block);
                    // Sides have at most 31 bits.
                    let count = here.width() as u64 * here.height() as u64;
                    all = count.saturating_add(all);
                    cells = cells.saturating_add(if is_needed { count } else { 0 });
                }
            }
        }
        let bytes = (size_of::<Entry>() + size_of::<Chunk>()) as u64;
        if cells.saturating_mul(bytes) > most || all.saturating_mul(bytes) > 2 * most {
            return Err(Error::limit(format!("{all} code-blocks in a tile")));
        }
        let empty = Chain {
            first: NONE,
            last: NONE,
            planes: 0,
        };
        let chains = grids.iter().map(|grid| {
            let resolutions = grid.resolutions.iter().enumerate();
            let resolutions = resolutions.filter(|(number, _)| is_needed(grid, *number, level));
            let of_bands = resolutions.map(|(_, resolution)| {
                let bands = resolution.bands.iter().map(|band| {
                    let cells = band.area.cells(band.block);
                    vec![empty; cells.width() * cells.height()]
                });
                bands.collect()
            });
            of_bands.collect()
        });
        Ok(Self {
            grids,
            needed,
            layers,
            chains: chains.collect(),
            links: Vec::new(),
            most_links: (most / bytes) as usize,
            code_blocks: all,
            work: Work::default(),
            known: HashMap::new(),
            all: missing,
            missing,
            has_empty_passes: false,
            lost_marker: false,
        })
    }

    /// Goes from packet to packet, until there are no more or enough. `headers` has those of packets that lie apart.
    pub fn run(
        &mut self,
        bytes: &dyn Bytes,
        coding: &Coding,
        runs: &[Run],
        at: (&Range<u64>, &Range<u64>),
        parts: &[PartData],
        headers: &[u8],
    ) -> Result<Ended> {
        let data: u64 = parts
            .iter()
            .map(|part| part.data.end - part.data.start)
            .sum();
        let held = work_of_bytes(data + headers.len() as u64);
        self.work.most = held.saturating_add(work_of_code_blocks(self.code_blocks));
        if self.missing > held {
            return Err(Error::corrupt(format!(
                "{data} bytes cannot hold {} packets",
                self.missing
            )));
        }
        let precincts = self.grids.iter().flat_map(|grid| &grid.resolutions);
        let precincts = precincts.map(|it| it.precincts.0.saturating_mul(it.precincts.1).max(1));
        let visits = precincts
            .fold(0, u64::saturating_add)
            .saturating_mul(runs.len() as u64);
        if visits > MAX_VISITS.saturating_add(held) {
            return Err(Error::limit(format!(
                "{} orders of packets go over {visits} precincts",
                runs.len()
            )));
        }
        let mut source = Source::new(bytes, parts, headers);
        let mut pieces = Vec::new();
        for run in runs {
            let goes_on = run.each(self.grids, at, &mut |precinct, layer| {
                self.packet(precinct, layer, coding, &mut source, &mut pieces)
            });
            self.lost_marker = source.marks.is_lost;
            if !goes_on? {
                break;
            }
        }
        Ok(Ended {
            packets: self.all,
            missing: self.missing,
            at_eoc: self.missing > 0 && source.is_at_eoc()?,
            left: source.left(),
        })
    }

    /// Reads one packet; says whether others are to follow.
    fn packet(
        &mut self,
        precinct: order::Precinct,
        layer: u32,
        coding: &Coding,
        source: &mut Source<'_>,
        pieces: &mut Vec<Piece>,
    ) -> Result<bool> {
        self.work.add(1)?;
        let order::Precinct {
            component,
            resolution,
            number,
        } = precinct;
        let known = self.known.entry(precinct).or_insert(Known {
            layer: 0,
            told: None,
        });
        if layer < known.layer {
            // A run that went before had it.
            return Ok(true);
        }
        if layer > known.layer {
            return Err(Error::unsupported(format!(
                "layer {layer} of a precinct that comes before layer {}",
                known.layer
            )));
        }
        if !source.begin()? {
            return Ok(false);
        }
        known.layer += 1;
        let grid = &self.grids[component];
        let is_needed =
            is_needed(grid, resolution, self.needed.level) && layer < self.needed.layers;
        if !is_needed && source.pass_over()? {
            return Ok(true);
        }
        let about = &grid.resolutions[resolution];
        if coding.may_mark_packets() {
            source.pass_mark()?;
        }
        let told = known
            .told
            .get_or_insert_with(|| Precinct::new(about, number));
        pieces.clear();
        let looks = told.read(
            layer,
            &about.bands,
            grid.style,
            &mut || source.header_byte(),
            pieces,
        )?;
        self.work.add(looks)?;
        self.has_empty_passes |= told.has_empty_passes;
        if coding.ends_headers() {
            source.pass_end_of_header()?;
        }
        if known.layer == self.layers {
            known.told = None;
        }
        for piece in pieces.iter() {
            let offset = source.body(u64::from(piece.len))?;
            if is_needed {
                let planes = about.bands[piece.band].planes;
                let chain =
                    &mut self.chains[component][resolution][piece.band][piece.place as usize];
                if let Some(zero) = piece.zero_planes {
                    let planes = planes - zero;
                    if planes > MAX_PLANES {
                        return Err(Error::unsupported(format!("{planes} bit planes")));
                    }
                    chain.planes = planes as u8;
                }
                let chunk = Chunk {
                    offset,
                    len: piece.len,
                    passes: piece.passes as u8,
                    begins: piece.begins,
                };
                if self.links.len() == self.most_links {
                    return Err(Error::limit("too many parts of code-blocks"));
                }
                let place = self.links.len() as u32;
                self.links.push(Link { chunk, next: NONE });
                match chain.last {
                    NONE => chain.first = place,
                    last => self.links[last as usize].next = place,
                }
                chain.last = place;
            }
        }
        source.end_packet()?;
        self.missing -= u64::from(is_needed);
        Ok(self.missing > 0)
    }

    /// What was found, the chunks of each code-block one behind the other.
    pub fn finish(self) -> Result<Found> {
        let mut chunks = Vec::new();
        scratch::reserve(&mut chunks, self.links.len())?;
        let links = &self.links;
        let mut entry = |chain: &Chain| -> Result<Entry> {
            let first = chunks.len();
            let mut at = chain.first;
            while at != NONE {
                let link = &links[at as usize];
                chunks.push(link.chunk);
                at = link.next;
            }
            let count = chunks.len() - first;
            let Ok(count) = u16::try_from(count) else {
                return Err(Error::limit(format!("{count} parts of a code-block")));
            };
            Ok(Entry {
                first: first as u32,
                chunks: count,
                planes: chain.planes,
            })
        };
        let mut found = Vec::new();
        for component in &self.chains {
            let mut resolutions = Vec::new();
            for resolution in component {
                let mut bands = Vec::new();
                for band in resolution {
                    bands.push(band.iter().map(&mut entry).collect::<Result<Vec<_>>>()?);
                }
                resolutions.push(bands);
            }
            found.push(resolutions);
        }
        Ok((found, chunks))
    }
}

/// What a search does, in packets that it comes to and code-blocks that their headers look at.
#[derive(Default)]
struct Work {
    done: u64,
    most: u64,
}

impl Work {
    fn add(&mut self, more: u64) -> Result<()> {
        self.done += more;
        match self.done <= self.most {
            true => Ok(()),
            false => Err(Error::limit(format!(
                "packets look at code-blocks more than {} times",
                self.most
            ))),
        }
    }
}

/// Whether a level needs a resolution of a component.
fn is_needed(grid: &ComponentGrid, resolution: usize, level: u32) -> bool {
    resolution as u32 + level <= grid.levels()
}

/// The bytes of a tile's packets, from front to back.
struct Source<'a> {
    bytes: &'a dyn Bytes,
    parts: std::slice::Iter<'a, PartData>,
    lengths: std::slice::Iter<'a, u64>,
    tells_lengths: bool,
    /// All tile-parts tell lengths: headers of packets that are not needed are not for those of others.
    all_tell: bool,
    /// Where the packet ends, where that is known.
    ends: Option<u64>,
    at: u64,
    end: u64,
    /// Packet headers that lie apart, if any do.
    headers: Option<std::slice::Iter<'a, u8>>,
    buffer: Vec<u8>,
    buffer_at: u64,
    marks: Marks,
}

/// What the markers of packets have told so far.
#[derive(Default)]
struct Marks {
    /// Packets that have begun.
    packets: u64,
    /// Some packet had SOP, EPH.
    sop: bool,
    eph: bool,
    /// Some SOP had another number than its packet.
    are_numbered_otherwise: bool,
    is_lost: bool,
}

impl<'a> Source<'a> {
    fn new(bytes: &'a dyn Bytes, parts: &'a [PartData], headers: &'a [u8]) -> Self {
        Self {
            bytes,
            parts: parts.iter(),
            lengths: [].iter(),
            tells_lengths: false,
            all_tell: parts.iter().all(|part| part.lengths.is_some()),
            ends: None,
            at: 0,
            end: 0,
            headers: (!headers.is_empty()).then(|| headers.iter()),
            buffer: Vec::new(),
            buffer_at: 0,
            marks: Marks::default(),
        }
    }

    /// Goes to the next tile-part that has any bytes, where this one is at its end; says whether there are any.
    fn reach_bytes(&mut self) -> bool {
        while self.at == self.end {
            let Some(part) = self.parts.next() else {
                return false;
            };
            (self.at, self.end) = (part.data.start, part.data.end);
            self.lengths = part.lengths.as_deref().unwrap_or_default().iter();
            self.tells_lengths = part.lengths.is_some() && self.headers.is_none();
        }
        true
    }

    /// Begins a packet; says whether there is one.
    fn begin(&mut self) -> Result<bool> {
        let is_there = match &self.headers {
            Some(headers) => !headers.as_slice().is_empty(),
            None => self.reach_bytes(),
        };
        self.ends = match self.tells_lengths {
            true => Some(self.at + self.lengths.next().copied().unwrap_or(0)),
            false => None,
        };
        let goes_on = is_there && (self.ends.is_some() || !self.is_at_eoc()?);
        self.marks.packets += u64::from(goes_on);
        Ok(goes_on)
    }

    /// Whether EOC is what comes next in the tile-part, which no packet begins with.
    fn is_at_eoc(&mut self) -> Result<bool> {
        Ok(self.headers.is_none()
            && self.end - self.at >= EOC_BYTES
            && [self.stored_byte(self.at)?, self.stored_byte(self.at + 1)?] == EOC.to_be_bytes())
    }

    /// Bytes that have not been read.
    fn left(&self) -> u64 {
        let others = self.parts.as_slice().iter();
        let others = others.map(|part| part.data.end - part.data.start);
        self.end - self.at + others.sum::<u64>()
    }

    /// Passes over the packet, where it is known where it ends.
    fn pass_over(&mut self) -> Result<bool> {
        let Some(ends) = self
            .ends
            .filter(|ends| self.all_tell && *ends > self.at && *ends <= self.end)
        else {
            return Ok(false);
        };
        self.at = ends;
        Ok(true)
    }

    /// An error where the packet does not end where it should.
    fn end_packet(&mut self) -> Result<()> {
        match self.ends {
            Some(ends) if ends != self.at => Err(Error::corrupt(format!(
                "a packet ends at offset {} instead of {ends}",
                self.at
            ))),
            _ => Ok(()),
        }
    }

    fn stored_byte(&mut self, at: u64) -> Result<u8> {
        if at >= self.end {
            return Err(Error::corrupt(format!(
                "a packet reaches beyond its tile-part at offset {}",
                self.end
            )));
        }
        let known = self.buffer_at..self.buffer_at + self.buffer.len() as u64;
        if !known.contains(&at) {
            let len = CHUNK.max(self.bytes.read_cost()).min(self.end - at);
            self.buffer.clear();
            scratch::sized(&mut self.buffer, len)?;
            self.buffer_at = at;
            if let Err(error) = self.bytes.read_at(at, &mut self.buffer) {
                self.buffer.clear();
                return Err(error);
            }
        }
        Ok(self.buffer[(at - self.buffer_at) as usize])
    }

    /// The next byte of a packet header.
    fn header_byte(&mut self) -> Result<u8> {
        match &mut self.headers {
            Some(headers) => match headers.next() {
                Some(byte) => Ok(*byte),
                None => Err(Error::corrupt("the packed packet headers end too early")),
            },
            None => {
                let byte = self.stored_byte(self.at)?;
                self.at += 1;
                Ok(byte)
            }
        }
    }

    /// Passes over the marker before a packet, if it is there: where it is missing at one packet and others have it, or tells
    /// of a later packet, something was lost.
    fn pass_mark(&mut self) -> Result<()> {
        if !self.reach_bytes() {
            return Ok(());
        }
        let at = self.at;
        let mut mark = [0; SOP_BYTES as usize];
        if self.end - at >= SOP_BYTES {
            for (place, byte) in (at..).zip(&mut mark) {
                *byte = self.stored_byte(place)?;
            }
        }
        let number = self.marks.packets - 1;
        if !mark.starts_with(&SOP) {
            self.marks.is_lost = self.marks.sop;
            return match self.marks.sop {
                true => Err(Error::corrupt(format!(
                    "no marker SOP at offset {at} before packet {number}"
                ))),
                false => Ok(()),
            };
        }
        // Numbers have 16 bits.
        let said = u16::from_be_bytes([mark[4], mark[5]]);
        let ahead = said.wrapping_sub(number as u16);
        if ahead > 0 && ahead < 1 << 15 && !self.marks.are_numbered_otherwise && self.marks.sop {
            self.marks.is_lost = true;
            return Err(Error::corrupt(format!(
                "the marker SOP of packet {said} at offset {at} before packet {number}"
            )));
        }
        self.marks.are_numbered_otherwise |= ahead != 0;
        self.marks.sop = true;
        self.at += SOP_BYTES;
        Ok(())
    }

    /// Passes over the marker behind a packet header. Without it what follows is not what the header told of.
    fn pass_end_of_header(&mut self) -> Result<()> {
        let is_there = [self.header_byte()?, self.header_byte()?] == EPH;
        if is_there {
            self.marks.eph = true;
            return Ok(());
        }
        self.marks.is_lost = self.marks.eph;
        Err(Error::corrupt(format!(
            "a packet header without its marker before offset {}",
            self.at
        )))
    }

    /// Passes over bytes of a packet's body, and says where they begin.
    fn body(&mut self, len: u64) -> Result<u64> {
        if len > 0 && self.headers.is_some() {
            self.reach_bytes();
        }
        if len > self.end - self.at {
            return Err(Error::corrupt(format!(
                "{len} bytes of a code-block at offset {} reach beyond the end of the tile-part at {}",
                self.at, self.end
            )));
        }
        let offset = self.at;
        self.at += len;
        Ok(offset)
    }
}
