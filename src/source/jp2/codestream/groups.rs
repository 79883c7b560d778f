//! Groups of code-blocks: what is kept of a tile, as blocks of a hidden image.
//!
//! A group has the code-blocks of a square of a subband. A column of the hidden image is a group of a tile, a row is a
//! tile.

use super::code_block::{Coder, Segment};
use super::grid::{Area, ComponentGrid};
use super::ht_block::{self, Cleanup};
use super::tile::{Stored, Tile};
use super::window::{Access, Row};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::image::{Block, Image};
use crate::memory::PixelsMut;
use crate::source::hidden::Hidden;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering;
use crate::tile::Pixels;

/// Where the groups of a tile are kept.
pub struct Kept<'a> {
    hidden: &'a Hidden<'a>,
    tile: u64,
    /// The number of the first group of each component.
    first: Vec<u64>,
}

/// Exponents of the sides of a group, and the type of its coefficients: those that suit tiles coded like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Exponents of width and height.
    pub sides: (u8, u8),
    /// The type.
    pub dtype: DType,
}

/// A part of a subband that is wanted.
pub struct Part {
    /// The resolution.
    pub resolution: usize,
    /// The subband, among those of the resolution.
    pub band: usize,
    /// What is wanted of it.
    pub area: Area,
}

/// Takes a row of coefficients: of which part, the column and row in it where they begin, and they.
pub type RowOf<'a> = dyn FnMut(usize, usize, usize, Row<'_>) + Send + 'a;

/// What one thread does at a time.
enum Piece {
    /// A block of the hidden image, and what it has of the subband.
    Group(Block, Area),
    /// A code-block, where nothing is kept.
    CodeBlock(Stored),
}

/// A thread that helps should have so many coefficients to decode: four code-blocks of ordinary size.
const SHARE: u64 = 1 << 14;

/// Exponents of the sides of a group at least.
const SIDE: u8 = 6;

/// Bits of a short coefficient beside its sign.
const SHORT: u32 = 15;

impl Shape {
    /// That of the groups of these components.
    pub fn of(grids: &[ComponentGrid]) -> Self {
        let mut sides = (SIDE, SIDE);
        let mut is_short = true;
        for grid in grids {
            let half = u32::from(!grid.is_reversible);
            for band in grid.resolutions.iter().flat_map(|it| &it.bands) {
                sides = (sides.0.max(band.block.0), sides.1.max(band.block.1));
                is_short &= band.planes + half <= SHORT;
            }
        }
        Self {
            sides,
            dtype: match is_short {
                true => DType::I16,
                false => DType::I32,
            },
        }
    }

    /// That of the blocks of a hidden image.
    pub fn of_image(hidden: &Image) -> Self {
        let (width, height) = hidden.block;
        Self {
            sides: (width.ilog2() as u8, height.ilog2() as u8),
            dtype: hidden.dtype,
        }
    }

    /// Whether groups of another shape fit into this one.
    pub fn holds(&self, other: &Shape) -> bool {
        self.sides.0 >= other.sides.0
            && self.sides.1 >= other.sides.1
            && (self.dtype == DType::I32 || other.dtype == DType::I16)
    }
}

/// The groups of a component of a tile.
pub struct Groups<'a> {
    tile: &'a Tile,
    component: usize,
    access: &'a Access<'a>,
}

impl<'a> Kept<'a> {
    /// The groups of a tile, of this number, in a hidden image.
    pub fn new(hidden: &'a Hidden<'a>, tile: &Tile, number: u64) -> Self {
        let sides = Shape::of_image(hidden.image()).sides;
        Self {
            hidden,
            tile: number,
            first: tile.first_groups(sides),
        }
    }

    fn shape(&self) -> Shape {
        Shape::of_image(self.hidden.image())
    }
}

impl<'a> Groups<'a> {
    /// Those of this component.
    pub fn new(tile: &'a Tile, component: usize, access: &'a Access<'a>) -> Self {
        Self {
            tile,
            component,
            access,
        }
    }

    /// The groups over an area of a subband: their blocks of the hidden image, and what they have of the subband.
    fn cells(
        &self,
        (component, resolution, band): (usize, usize, usize),
        under: &Area,
        kept: &Kept<'_>,
    ) -> impl Iterator<Item = (Block, Area)> + use<> {
        let sides = kept.shape().sides;
        let about = &self.tile.grids[component].resolutions[resolution].bands[band];
        let (first, all) = (
            kept.first[component]
                + self
                    .tile
                    .groups_before((component, resolution, band), sides),
            about.area.clone(),
        );
        let cells = about.area.cells(sides);
        let width = cells.x.end - cells.x.start;
        let here = about.area.shared(under).cells(sides);
        let tile = kept.tile;
        let here = here
            .y
            .flat_map(move |row| here.x.clone().map(move |column| (column, row)));
        here.map(move |(column, row)| {
            let place = (row - cells.y.start) * width + column - cells.x.start;
            let area = Area::cell((column, row), sides).shared(&all);
            (Block::new(0, tile, first + place), area)
        })
    }

    /// Calls `row` with the coefficients of parts of subbands that are not all zero: which part, where in it they begin,
    /// and they. They come in no order, from the threads that help to decode them, one at a time.
    pub fn read(&self, parts: &[Part], row: &mut RowOf<'_>) -> Result<()> {
        let Access { kept, helpers, .. } = self.access;
        let mut pieces = Vec::new();
        let mut samples = 0;
        for (number, part) in parts.iter().enumerate() {
            let place = (self.component, part.resolution, part.band);
            let Some(kept) = kept else {
                for block in self.tile.stored(place, &part.area) {
                    samples += block.area.count();
                    pieces.push((number, Piece::CodeBlock(block)));
                }
                continue;
            };
            for (at, area) in self.cells(place, &part.area, kept) {
                if self.tile.stored(place, &area).next().is_none() {
                    continue;
                }
                if helpers.are_allowed() && !kept.hidden.contains(at) {
                    samples += area.count();
                }
                pieces.push((number, Piece::Group(at, area)));
            }
        }
        let row = Mutex::new(row);
        let read = |decoding: &mut Decoding, index: usize| {
            let (number, piece) = &pieces[index];
            self.read_piece(*number, &parts[*number], piece, decoding, &row)
        };
        helpers.take(samples, SHARE).share(pieces.len(), read)
    }

    fn read_piece(
        &self,
        number: usize,
        part: &Part,
        piece: &Piece,
        decoding: &mut Decoding,
        row: &Mutex<&mut RowOf<'_>>,
    ) -> Result<()> {
        let place = (self.component, part.resolution, part.band);
        let under = &part.area;
        match (piece, &self.access.kept) {
            (Piece::Group(at, area), Some(kept)) => {
                let group = kept
                    .hidden
                    .block(*at, &|into| self.make(place, area, into))?;
                let sides = kept.shape().sides;
                // No handle is dropped under the lock.
                let mut row = row.lock();
                copy(&group, area, sides, under, &mut |x, y, values| {
                    row(number, x, y, values);
                });
                drop(row);
            }
            (Piece::CodeBlock(block), _) => {
                self.decode(place, block, decoding)?;
                let shared = block.area.shared(under);
                let (left, top) = (
                    shared.x.start - block.area.x.start,
                    shared.y.start - block.area.y.start,
                );
                let (to_x, to_y) = (
                    (shared.x.start - under.x.start) as usize,
                    (shared.y.start - under.y.start) as usize,
                );
                let mut line = Vec::new();
                let mut row = row.lock();
                for y in 0..shared.height() {
                    line.clear();
                    let values = self.values(&decoding.coder, y + top as usize);
                    line.extend(values.skip(left as usize).take(shared.width()));
                    row(number, to_x, to_y + y, Row::Long(&line));
                }
            }
            (Piece::Group(..), None) => {
                return Err(Error::internal("a group that is kept nowhere"));
            }
        }
        Ok(())
    }

    /// Decodes the code-blocks of a group.
    fn make(
        &self,
        place: (usize, usize, usize),
        area: &Area,
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let mut decoding = Decoding::default();
        let dtype = into.layout().dtype;
        let shape = into.layout().shape;
        let (width, height) = (shape.width as u64, shape.height as u64);
        for y in 0..shape.height {
            into.row_mut(0, y).fill(0);
        }
        for block in self.tile.stored(place, area) {
            self.decode(place, &block, &mut decoding)?;
            let left = (block.area.x.start % width) as usize;
            let top = (block.area.y.start % height) as usize;
            for y in 0..block.area.height() {
                let to = &mut into.row_mut(0, top + y)[left * dtype.size()..];
                let values = self.values(&decoding.coder, y);
                match dtype {
                    DType::I16 => (to.as_chunks_mut::<2>().0.iter_mut().zip(values))
                        .for_each(|(to, value)| *to = (value as i16).to_ne_bytes()),
                    _ => (to.as_chunks_mut::<4>().0.iter_mut().zip(values))
                        .for_each(|(to, value)| *to = value.to_ne_bytes()),
                }
            }
        }
        // What is kept must not be of two states of a file.
        self.access.bytes.check_unchanged()
    }

    fn decode(
        &self,
        (component, resolution, band): (usize, usize, usize),
        block: &Stored,
        decoding: &mut Decoding,
    ) -> Result<()> {
        let grid = &self.tile.grids[component];
        let about = &grid.resolutions[resolution].bands[band];
        let Decoding {
            coder,
            cleanup,
            bytes,
            segments,
        } = decoding;
        self.tile
            .segments(block, self.access.bytes, bytes, segments)?;
        let size = (block.area.width(), block.area.height());
        match grid.style.is_high_throughput() {
            true => {
                let block = ht_block::Block {
                    size,
                    plane: block.planes,
                    above: about.planes.saturating_sub(block.planes),
                    style: grid.style,
                    segments,
                    bytes,
                };
                cleanup.decode(coder, &block)?;
            }
            false => coder.decode(
                size,
                about.orientation,
                block.planes,
                grid.style,
                segments,
                bytes,
            ),
        }
        let decoded = &self.access.decoded;
        decoded.fetch_add(block.area.count(), Ordering::Relaxed);
        Ok(())
    }

    /// A row of the code-block that was decoded, as it is kept: of fractions twice as large.
    fn values<'c>(&self, coder: &'c Coder, row: usize) -> impl Iterator<Item = i32> + use<'c> {
        let grid = &self.tile.grids[self.component];
        let (region, divisor) = (grid.region, if grid.is_reversible { 2 } else { 1 });
        // As OpenJPEG tells them: by their doubles.
        let lowered = move |value: i32| match value.abs() {
            size if region > 0 && size >= 1 << region => value.signum() * (size >> region),
            _ => value,
        };
        coder.row(row).map(move |value| lowered(value) / divisor)
    }
}

/// What one code-block after the other is decoded with.
#[derive(Default)]
struct Decoding {
    coder: Coder,
    cleanup: Cleanup,
    bytes: Vec<u8>,
    segments: Vec<Segment>,
}

/// Calls `row` with what a group has of an area.
fn copy(
    group: &Pixels,
    area: &Area,
    sides: (u8, u8),
    under: &Area,
    row: &mut dyn FnMut(usize, usize, Row<'_>),
) {
    let part = area.shared(under);
    let left = (part.x.start & ((1 << sides.0) - 1)) as usize;
    let top = (part.y.start & ((1 << sides.1) - 1)) as usize;
    let (to_x, to_y) = (
        (part.x.start - under.x.start) as usize,
        (part.y.start - under.y.start) as usize,
    );
    let size = group.dtype().size();
    for y in 0..part.height() {
        let bytes = &group.row(0, top + y)[left * size..(left + part.width()) * size];
        match group.dtype() {
            DType::I16 => row(to_x, to_y + y, Row::Short(bytemuck::cast_slice(bytes))),
            _ => row(to_x, to_y + y, Row::Long(bytemuck::cast_slice(bytes))),
        }
    }
}
