//! Cells: the rows of a level that are there at a time, in pieces of the size of a tile of the file.

use super::aside::Spool;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Grid, Rect};
use crate::image::shape;
use crate::layout::Layout;
use crate::memory::{Buffer, Canvas, Memory};
use crate::sync::Mutex;
use crate::tile::{Pixels, Tile};
use std::collections::VecDeque;
use std::sync::Arc;

/// What the pixels of a level are.
#[derive(Clone, Debug)]
pub struct Form {
    /// Columns and rows.
    pub size: (u64, u64),
    /// Those of a cell.
    pub cell: (u64, u64),
    /// How many bands there are.
    pub bands: usize,
    /// The type of their samples.
    pub dtype: DType,
    /// Whether a mask goes with them.
    pub has_mask: bool,
}

impl Form {
    /// The grid of cells.
    pub fn grid(&self) -> Grid {
        Grid::new(self.size, self.cell, 0, self.size)
    }

    /// How many rows of cells there are.
    pub fn rows(&self) -> u64 {
        self.grid().rows()
    }

    /// The bytes of a row of cells.
    pub fn row_bytes(&self) -> u64 {
        let pixel = (self.bands * self.dtype.size()) as u64 + u64::from(self.has_mask);
        let height = self.cell.1.min(self.size.1);
        // Each buffer is a whole number of pages.
        let beside = self.grid().cols() * 2 * 4096;
        (self.size.0 * height).saturating_mul(pixel) + beside
    }
}

/// The pixels of a cell, and its mask.
pub struct Filled {
    /// All bands.
    pub pixels: Tile,
    /// 255 where they are data.
    pub mask: Option<Tile>,
}

enum Cell {
    /// Nothing was written yet.
    Empty,
    /// Some of it may be written.
    Open(Canvas, Option<Canvas>),
    /// All of it was.
    Full(Tile, Option<Tile>),
}

/// Where rows of cells are.
enum Place {
    Memory,
    /// In a file without a name, in as many slots as there may be cells.
    Aside(Spool),
}

/// The cells of a level.
pub struct Cells {
    form: Form,
    grid: Grid,
    place: Place,
    rows: Mutex<Rows>,
    /// Memory of cells that are gone.
    spare: Mutex<Vec<Memory>>,
}

struct Rows {
    first: u64,
    rows: VecDeque<Arc<Vec<Mutex<Cell>>>>,
}

impl Cells {
    /// A level of which so many rows of cells may be there at once, in memory or else in a file beside `spool`.
    pub fn new(form: Form, rows: u64, spool: Option<&std::path::Path>) -> Result<Self> {
        let grid = form.grid();
        let place = match spool {
            None => Place::Memory,
            Some(beside) => {
                let (width, height) = form.cell;
                let pixel = form.bands * form.dtype.size() + usize::from(form.has_mask);
                let bytes = (width * height).saturating_mul(pixel as u64);
                Place::Aside(Spool::new(beside, bytes, rows * grid.cols())?)
            }
        };
        Ok(Self {
            grid,
            place,
            form,
            rows: Mutex::new(Rows {
                first: 0,
                rows: VecDeque::new(),
            }),
            spare: Mutex::default(),
        })
    }

    /// What the pixels are.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// The grid of cells.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    fn layout(&self, rect: &Rect, is_mask: bool) -> Result<Layout> {
        match is_mask {
            false => {
                let shape = shape(rect.width, rect.height, self.form.bands)?;
                Layout::packed(shape, self.form.dtype)
            }
            true => Layout::packed(shape(rect.width, rect.height, 1)?, DType::U8),
        }
    }

    /// Memory for pixels or for a mask, that of a cell that is gone if there is one as large.
    pub fn canvas(&self, rect: &Rect, is_mask: bool) -> Result<Canvas> {
        let layout = self.layout(rect, is_mask)?;
        let size = Memory::allocated_size(layout.span());
        let spare = {
            let mut spare = self.spare.lock();
            let place = spare.iter().position(|memory| memory.size() == size);
            place.map(|at| spare.swap_remove(at))
        };
        let memory = match spare {
            Some(memory) => memory,
            None => Memory::zeroed(layout.span())?,
        };
        Ok(Canvas::new(memory, layout))
    }

    /// Takes the memory of pixels back that nobody else has.
    pub fn reclaim(&self, tile: Tile) {
        let buffer = tile.buffer().clone();
        drop(tile);
        if let Ok(memory) = Buffer::into_memory(buffer) {
            let mut spare = self.spare.lock();
            // What has no use soon is given back to the system.
            if spare.len() < self.grid.cols().min(64) as usize * 2 {
                spare.push(memory);
            }
        }
    }

    fn row(&self, row: u64) -> Result<Arc<Vec<Mutex<Cell>>>> {
        let cols = self.grid.cols();
        let mut rows = self.rows.lock();
        let at = row
            .checked_sub(rows.first)
            .ok_or_else(|| Error::internal("a row of cells that is gone"))?;
        while rows.rows.len() as u64 <= at {
            let cells = (0..cols).map(|_| Mutex::new(Cell::Empty)).collect();
            rows.rows.push_back(Arc::new(cells));
        }
        Ok(rows.rows[at as usize].clone())
    }

    /// Writes the pixels of a rectangle, and its mask.
    pub fn write(&self, rect: &Rect, pixels: &Pixels, mask: Option<&Pixels>) -> Result<()> {
        let (rows, cols) = self.grid.blocks_over(rect);
        for row in rows {
            let cells = self.row(row)?;
            for col in cols.clone() {
                let cell = self.grid.rect(row, col);
                let part = cell.intersection(rect);
                let from = |pixels: &Pixels| crate::window::cut(pixels, rect, &part);
                match &self.place {
                    Place::Aside(spool) => {
                        let slot = row * self.grid.cols() + col;
                        let at = |base| Placed {
                            cell: &cell,
                            part: &part,
                            base,
                        };
                        at(0).write(spool, slot, &from(pixels))?;
                        if let Some(mask) = mask {
                            at(self.layout(&cell, false)?.span()).write(
                                spool,
                                slot,
                                &from(mask),
                            )?;
                        }
                    }
                    Place::Memory => {
                        let mut to = cells[col as usize].lock();
                        self.fill(&mut to, &cell, &part, &from(pixels), mask.map(from))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn fill(
        &self,
        to: &mut Cell,
        cell: &Rect,
        part: &Rect,
        pixels: &Pixels,
        mask: Option<Pixels>,
    ) -> Result<()> {
        if let Cell::Empty = to {
            let mask = self.form.has_mask.then(|| self.canvas(cell, true));
            *to = Cell::Open(self.canvas(cell, false)?, mask.transpose()?);
        }
        let Cell::Open(canvas, of_mask) = to else {
            return Err(Error::internal("a cell that was full already"));
        };
        let copy = |from: &Pixels, into: &mut Canvas| {
            let (x, y) = ((part.x - cell.x) as usize, (part.y - cell.y) as usize);
            let (width, height) = (part.width as usize, part.height as usize);
            from.copy_to(&mut into.pixels_mut().window_mut(x, y, width, height));
        };
        copy(pixels, canvas);
        if let (Some(mask), Some(canvas)) = (mask, of_mask) {
            copy(&mask, canvas);
        }
        Ok(())
    }

    /// A cell of which all was written.
    pub fn get(&self, row: u64, col: u64) -> Result<Filled> {
        let rect = self.grid.rect(row, col);
        if let Place::Aside(spool) = &self.place {
            let slot = row * self.grid.cols() + col;
            let span = self.layout(&rect, false)?.span();
            let read = |is_mask: bool, base: usize| {
                let mut canvas = self.canvas(&rect, is_mask)?;
                let bytes = canvas.pixels_mut();
                spool.read(slot, base, bytes)?;
                Ok(Tile::from_canvas(canvas))
            };
            let mask = self.form.has_mask.then(|| read(true, span));
            return Ok(Filled {
                pixels: read(false, 0)?,
                mask: mask.transpose()?,
            });
        }
        let cells = self.row(row)?;
        let mut cell = cells[col as usize].lock();
        if let Cell::Open(..) = *cell
            && let Cell::Open(pixels, mask) = std::mem::replace(&mut *cell, Cell::Empty)
        {
            *cell = Cell::Full(Tile::from_canvas(pixels), mask.map(Tile::from_canvas));
        }
        match &*cell {
            Cell::Full(pixels, mask) => Ok(Filled {
                pixels: pixels.clone(),
                mask: mask.clone(),
            }),
            _ => Err(Error::internal("a cell of which nothing was written")),
        }
    }

    /// Forgets the rows of cells before one.
    pub fn forget(&self, before: u64) {
        let gone: Vec<_> = {
            let mut rows = self.rows.lock();
            let count = before
                .saturating_sub(rows.first)
                .min(rows.rows.len() as u64);
            rows.first = before.max(rows.first);
            rows.rows.drain(..count as usize).collect()
        };
        for row in gone {
            let Some(cells) = Arc::into_inner(row) else {
                continue;
            };
            for cell in cells {
                if let Cell::Full(pixels, mask) = cell.into_inner() {
                    self.reclaim(pixels);
                    mask.into_iter().for_each(|mask| self.reclaim(mask));
                }
            }
        }
    }
}

/// A part of a cell in a file.
struct Placed<'a> {
    cell: &'a Rect,
    part: &'a Rect,
    /// Where the pixels begin in the slot.
    base: usize,
}

impl Placed<'_> {
    fn write(&self, spool: &Spool, slot: u64, pixels: &Pixels) -> Result<()> {
        let layout = pixels.layout();
        let size = layout.dtype.size() as u64;
        let Rect { width, height, .. } = *self.cell;
        let is_whole = self.part.width == width && layout.row_stride == layout.row_bytes();
        for band in 0..layout.shape.bands {
            let place = |y: u64| {
                let row = band as u64 * height + self.part.y - self.cell.y + y;
                self.base as u64 + (row * width + self.part.x - self.cell.x) * size
            };
            if is_whole {
                let start = layout.offset(band, 0);
                let bytes = layout.row_bytes() * layout.shape.height;
                spool.write(slot, place(0), &pixels.bytes()[start..start + bytes])?;
                continue;
            }
            for y in 0..layout.shape.height {
                spool.write(slot, place(y as u64), pixels.row(band, y))?;
            }
        }
        Ok(())
    }
}
