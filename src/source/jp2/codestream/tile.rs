//! What is known of a codestream tile: its grids, and where the bytes of each of its code-blocks lie in the file.

use super::code_block::{MAX_PLANES, Segment, close};
use super::grid::{Area, Band, ComponentGrid, Resolution};
use super::groups::Shape;
use super::order::Run;
use super::search::{Chunk, Ended, Entry, Needed, PartData, Search};
use crate::bytes::Bytes;
use crate::error::{Error, Kind, Result};
use crate::source::jp2::coding::Coding;
use crate::source::jp2::header::{Header, POC, PPT, QCC, QCD, RGN};
use crate::source::jp2::index::{Part, SOT_BYTES, parse_sot};
use crate::source::jp2::quantization::{self, Steps};
use crate::source::jp2::reader::{Fields, Reader};
use crate::source::scratch;
use std::ops::Range;

/// The most resolutions that the components of a tile may have together.
const MOST_RESOLUTIONS: usize = 1 << 16;

/// A tile whose packets have been found.
pub struct Tile {
    /// Its components.
    pub grids: Vec<ComponentGrid>,
    /// The first three components are stored as mixtures of each other.
    pub is_transformed: bool,
    /// The code-blocks of each component, resolution and subband that were looked for.
    blocks: Vec<Vec<Vec<Vec<Entry>>>>,
    /// The levels that it serves: this one and those above it.
    pub level: u32,
    /// It has code-blocks of Part 15.
    pub is_high_throughput: bool,
    /// Some of them have passes without bytes.
    pub has_empty_passes: bool,
    chunks: Vec<Chunk>,
}

/// What a look at all packets of a tile found.
pub enum Look {
    /// Packets up to an end.
    Read(Ended),
    /// A packet without a marker that those before have, or with that of a later one.
    LostMarker(Error),
    /// Something else that is no packet.
    Unreadable(Error),
}

/// What the headers of a tile's parts say, with the main header.
struct Headers {
    coding: Coding,
    grids: Vec<ComponentGrid>,
    runs: Vec<Run>,
    parts: Vec<PartData>,
    /// The headers of packets that lie apart.
    packed: Vec<u8>,
    /// Columns and rows of the reference grid.
    area: (Range<u64>, Range<u64>),
}

/// One code-block as it is stored.
pub struct Stored {
    /// Its coefficients in the subband.
    pub area: Area,
    /// Bit planes from the first that is not zero on.
    pub planes: u32,
    chunks: Range<usize>,
}

impl Tile {
    /// Reads the packet headers of the tile in a column and row of the codestream, which lies in `parts`, as far as
    /// they are needed. `most` bytes may be kept of it.
    pub fn read(
        bytes: &dyn Bytes,
        header: &Header,
        at: (u64, u64),
        parts: &[Part],
        needed: Needed,
        most: u64,
    ) -> Result<Self> {
        let headers = Headers::read(bytes, header, at, parts)?;
        let level = needed.level;
        if headers.grids.iter().any(|grid| grid.levels() < level) {
            return Err(Error::unsupported(format!("a tile without level {level}")));
        }
        let mut search = Search::new(&headers.grids, needed, headers.layers(), most)?;
        let ended = headers.search(bytes, &mut search)?;
        if ended.at_eoc {
            // No packet begins like this, but the codec reads one.
            return Err(Error::corrupt(format!(
                "EOC stands where {} packets are missing",
                ended.missing
            )));
        }
        let has_empty_passes = search.has_empty_passes;
        let (blocks, chunks) = search.finish()?;
        Ok(Self {
            is_transformed: headers.coding.is_transformed(),
            is_high_throughput: headers.coding.is_high_throughput(),
            has_empty_passes,
            blocks,
            level,
            chunks,
            grids: headers.grids,
        })
    }

    /// Whether all packets of a tile are where they should be. The search may take `most` bytes.
    pub fn look(
        bytes: &dyn Bytes,
        header: &Header,
        at: (u64, u64),
        parts: &[Part],
        most: u64,
    ) -> Result<Look> {
        let mut headers = Headers::read(bytes, header, at, parts)?;
        // What the codec makes of packets does not follow from their lengths.
        headers
            .parts
            .iter_mut()
            .for_each(|part| part.lengths = None);
        let all = Needed {
            level: 0,
            layers: u32::MAX,
        };
        let mut search = Search::new(&headers.grids, all, headers.layers(), most)?;
        let ended = headers.search(bytes, &mut search);
        Ok(match ended {
            Ok(ended) => Look::Read(ended),
            Err(error) if search.lost_marker => Look::LostMarker(error),
            Err(error) if error.kind() == Kind::Corrupt => Look::Unreadable(error),
            Err(error) => return Err(error),
        })
    }

    /// The shape of the groups of code-blocks of tiles as the main header has them, and how many a tile has at most.
    pub fn groups(header: &Header) -> Result<(Shape, u64)> {
        let mut steps = vec![Steps::default(); header.size.components.len()];
        let mut orders = Vec::new();
        for segment in Segments(&header.segments) {
            take(segment, &mut steps, &mut orders, false)?;
        }
        let (x, y) = (header.size.x.tile_range(0), header.size.y.tile_range(0));
        let grids = grids(header, &header.coding, &steps, (&x, &y))?;
        let shape = Shape::of(&grids);
        // Tiles begin at other places, so they touch one more along each axis.
        let along = |tile: u64, step: u64, halved: usize, side: u8| {
            (tile.div_ceil(step).div_ceil(1 << halved) >> side) + 2
        };
        let count = grids.iter().flat_map(|grid| {
            let resolutions = grid.resolutions.iter().rev().enumerate();
            resolutions.map(|(halved, resolution)| {
                let across = along(header.size.x.tile, grid.step.0, halved, shape.sides.0);
                let down = along(header.size.y.tile, grid.step.1, halved, shape.sides.1);
                across
                    .saturating_mul(down)
                    .saturating_mul(resolution.bands.len() as u64)
            })
        });
        Ok((shape, count.fold(0, u64::saturating_add)))
    }

    /// The shape of its groups.
    pub fn shape(&self) -> Shape {
        Shape::of(&self.grids)
    }

    /// The number of the first group of each component among all groups of the tile.
    pub fn first_groups(&self, sides: (u8, u8)) -> Vec<u64> {
        let mut next = 0;
        let firsts = self.grids.iter().map(|grid| {
            let first = next;
            next += groups_of_resolutions(&grid.resolutions, sides);
            first
        });
        firsts.collect()
    }

    /// How many groups of the component come before those of a subband.
    pub fn groups_before(
        &self,
        (component, resolution, band): (usize, usize, usize),
        sides: (u8, u8),
    ) -> u64 {
        let resolutions = &self.grids[component].resolutions;
        let bands = &resolutions[resolution].bands[..band];
        groups_of_resolutions(&resolutions[..resolution], sides) + groups_of_bands(bands, sides)
    }

    /// The bytes that it takes.
    pub fn bytes(&self) -> u64 {
        let bands = self.blocks.iter().flatten().flatten();
        let blocks: usize = bands.map(|blocks| blocks.len()).sum();
        let grids: usize = self.grids.iter().map(|grid| grid.resolutions.len()).sum();
        (blocks * size_of::<Entry>()
            + self.chunks.len() * size_of::<Chunk>()
            + grids * 4 * size_of::<Band>()) as u64
    }

    /// The code-blocks in an area of a subband that are not zero.
    pub fn stored(
        &self,
        (component, resolution, band): (usize, usize, usize),
        area: &Area,
    ) -> impl Iterator<Item = Stored> + use<'_> {
        let about = &self.grids[component].resolutions[resolution].bands[band];
        let all = about.area.cells(about.block);
        let blocks = &self.blocks[component][resolution][band];
        let cells = about.area.shared(area).cells(about.block);
        let width = all.width() as u64;
        let cells = cells
            .y
            .flat_map(move |row| cells.x.clone().map(move |column| (column, row)));
        cells.filter_map(move |(column, row)| {
            let place = (row - all.y.start) * width + column - all.x.start;
            let entry = &blocks[place as usize];
            (entry.chunks > 0).then(|| Stored {
                area: Area::cell((column, row), about.block).shared(&about.area),
                planes: entry.planes.into(),
                chunks: entry.first as usize..entry.first as usize + usize::from(entry.chunks),
            })
        })
    }

    /// Reads the segments of a code-block into `into`.
    pub fn segments(
        &self,
        block: &Stored,
        bytes: &dyn Bytes,
        into: &mut Vec<u8>,
        segments: &mut Vec<Segment>,
    ) -> Result<()> {
        into.clear();
        segments.clear();
        let (mut begin, mut passes) = (0, 0);
        for chunk in &self.chunks[block.chunks.clone()] {
            if chunk.begins && passes > 0 {
                let bytes = close(into, begin);
                begin = bytes.end;
                segments.push(Segment { passes, bytes });
                passes = 0;
            }
            passes += u32::from(chunk.passes);
            let at = into.len();
            scratch::reserve(into, chunk.len as usize + 2)?;
            into.resize(at + chunk.len as usize, 0);
            if chunk.len > 0 {
                bytes.read_at(chunk.offset, &mut into[at..])?;
            }
        }
        let bytes = close(into, begin);
        segments.push(Segment { passes, bytes });
        Ok(())
    }
}

impl Headers {
    fn read(
        bytes: &dyn Bytes,
        header: &Header,
        (col, row): (u64, u64),
        parts: &[Part],
    ) -> Result<Self> {
        let mut own = None;
        let mut found = Vec::new();
        let mut packed: Vec<(u8, Vec<u8>)> = Vec::new();
        let mut headers = Vec::new();
        let count = header.size.components.len();
        let mut steps = vec![Steps::default(); count];
        let mut orders = Vec::new();
        for segment in Segments(&header.segments) {
            take(segment, &mut steps, &mut orders, false)?;
        }
        let mut own_orders = Vec::new();
        for part in parts {
            let end = part.offset + part.len;
            let mut reader = Reader::new(bytes, part.offset, end);
            part.check(&parse_sot(&reader.array::<{ SOT_BYTES as usize }>()?)?)?;
            let said = header.read_part(&mut reader, &mut own)?;
            for (marker, segment) in Segments(&said.segments) {
                match marker {
                    PPT => {
                        let mut fields = Fields(segment);
                        packed.push((fields.u8()?, fields.0.to_vec()));
                    }
                    _ => take((marker, segment), &mut steps, &mut own_orders, true)?,
                }
            }
            headers.extend_from_slice(header.packed.of_part(part.number)?);
            found.push(PartData {
                lengths: said.lengths.read(end - said.data),
                data: said.data..end,
            });
        }
        packed.sort_by_key(|(index, _)| *index);
        packed.iter().for_each(|(_, bytes)| headers.extend(bytes));
        let coding = own.unwrap_or_else(|| header.coding.clone());
        let (x, y) = (header.size.x.tile_range(col), header.size.y.tile_range(row));
        let grids = grids(header, &coding, &steps, (&x, &y))?;
        let layers = u32::from(coding.layers());
        if !own_orders.is_empty() {
            orders = own_orders;
        }
        let mut runs = Vec::new();
        for order in orders {
            runs.extend(Run::listed(&order, count, layers)?);
        }
        if runs.is_empty() {
            runs.push(Run::all(&grids, layers, coding.progression()));
        }
        Ok(Self {
            coding,
            grids,
            runs,
            parts: found,
            packed: headers,
            area: (x, y),
        })
    }

    fn layers(&self) -> u32 {
        self.coding.layers().into()
    }

    fn search(&self, bytes: &dyn Bytes, search: &mut Search<'_>) -> Result<Ended> {
        let (x, y) = &self.area;
        let Self {
            coding,
            runs,
            parts,
            packed,
            ..
        } = self;
        search.run(bytes, coding, runs, (x, y), parts, packed)
    }
}

fn groups_of_resolutions(resolutions: &[Resolution], sides: (u8, u8)) -> u64 {
    let bands = resolutions
        .iter()
        .map(|it| groups_of_bands(&it.bands, sides));
    bands.sum()
}

fn groups_of_bands(bands: &[Band], sides: (u8, u8)) -> u64 {
    let cells = bands.iter().map(|band| band.area.cells(sides).count());
    cells.sum()
}

/// The components of a tile.
fn grids(
    header: &Header,
    coding: &Coding,
    steps: &[Steps],
    at: (&Range<u64>, &Range<u64>),
) -> Result<Vec<ComponentGrid>> {
    let resolutions = coding.styles().iter();
    let resolutions = resolutions.map(|style| usize::from(style.levels) + 1);
    let resolutions: usize = resolutions.sum();
    if resolutions > MOST_RESOLUTIONS {
        return Err(Error::limit(format!("{resolutions} resolutions in a tile")));
    }
    let components = header.size.components.iter().zip(coding.styles());
    let grids = components
        .zip(steps)
        .map(|((component, style), steps)| ComponentGrid::new(component, style, steps, at));
    let grids = grids.collect::<Result<Vec<_>>>()?;
    for grid in &grids {
        let mut bands = grid.resolutions.iter().flat_map(|it| &it.bands);
        if grid.style.is_mixed() {
            return Err(Error::unsupported("code-blocks of Part 1 and of Part 15"));
        }
        if grid.style.is_high_throughput() && bands.any(|band| band.planes > MAX_PLANES) {
            return Err(Error::unsupported(format!(
                "more than {MAX_PLANES} bit planes"
            )));
        }
    }
    let alike = |grid: &ComponentGrid| (grid.step, grid.levels(), grid.is_reversible);
    let mut mixed = grids
        .iter()
        .take(if coding.is_transformed() { 3 } else { 0 })
        .map(alike);
    if let Some(first) = mixed.next()
        && mixed.any(|other| other != first)
    {
        return Err(Error::unsupported("mixed components that are not alike"));
    }
    Ok(grids)
}

/// The marker segments that were kept of a header.
struct Segments<'a>(&'a [u8]);

impl<'a> Iterator for Segments<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut fields = Fields(self.0);
        let marker = fields.u16().ok()?;
        let len = usize::from(fields.u16().ok()?);
        let segment = fields.take(len.checked_sub(2)?).ok()?;
        self.0 = fields.0;
        Some((marker, segment))
    }
}

/// Takes over what a segment says of steps and of the order of packets.
fn take(
    (marker, segment): (u16, &[u8]),
    steps: &mut [Steps],
    orders: &mut Vec<Vec<u8>>,
    in_tile: bool,
) -> Result<()> {
    match marker {
        QCD => quantization::qcd(steps, segment, in_tile),
        QCC => quantization::qcc(steps, segment, in_tile),
        RGN => quantization::rgn(steps, segment),
        POC => {
            orders.push(segment.to_vec());
            Ok(())
        }
        _ => Ok(()),
    }
}
