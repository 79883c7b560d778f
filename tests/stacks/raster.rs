//! Images whose every sample tells which image, level, band, place and generation it is of.

use super::face::{Area, Cell};
use super::random::mix;
use std::collections::HashMap;
use std::ffi::CString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

/// The sample of what is absent, but in files.
const PAD: u32 = 0xA5A5_A5A5;

/// The sample that is no data.
pub const NODATA: u32 = 0xC3C3_C3C3;

/// In the two highest bits of samples that show something, and of no others.
const SHOWN: u32 = 0x4000_0000;

/// What tells samples apart, beside the generation in the lowest byte.
pub const TAG: u32 = 0x3FFF_FF00;

/// Whether a sample shows something.
pub fn shows(sample: u32) -> bool {
    sample & !(TAG | 0xFF) == SHOWN
}

/// So many generations the lowest byte of a sample can tell apart.
const GENERATIONS: u32 = 256;

/// How an image comes to the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Callbacks {
        threading: i32,
        windows: bool,
    },
    /// An array; the samples of a row so many apart.
    Memory {
        step: i64,
    },
    /// An uncompressed TIFF file.
    File,
}

/// The pixels and the blocks of a level.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub pixels: (i64, i64),
    pub block: (i64, i64),
}

/// What an image is.
#[derive(Debug)]
pub struct Plan {
    pub id: u64,
    pub origin: Origin,
    pub bands: u32,
    /// The levels, each with the blocks that it has where `own_grids` says so.
    pub levels: Vec<Size>,
    pub own_grids: bool,
    pub is_sparse: bool,
    pub has_nodata: bool,
    /// The callbacks can read some of the bands.
    pub picks_bands: bool,
    /// The longest that a decode takes, in microseconds.
    pub pause: u64,
    /// Its pixels change.
    pub changes: bool,
    /// Tiles are put into its blocks.
    pub takes_puts: bool,
}

/// Where pixels of one band can be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub cache: usize,
    /// A block in the grid in which the source is read.
    pub block: Cell,
    pub band: u32,
}

/// Where a generation was put, if it is not of the source.
pub type Put = Option<(usize, Cell)>;

/// An image and its history.
pub struct Raster {
    pub plan: Plan,
    pub key: CString,
    /// The file that it is in, once it was opened as one.
    pub file: OnceLock<PathBuf>,
    /// The generation that the source shows.
    pub shown: AtomicU32,
    /// The latest generation that every request which begins now must see.
    pub floor: AtomicU32,
    /// The cache and the block into which each generation was put; `None` for those of the source.
    history: Mutex<Vec<Put>>,
    /// The generation that was put last into each place. Requests hold it for reading, so that nothing is
    /// put while they are on their way.
    pub puts: RwLock<HashMap<Place, u32>>,
    /// What callbacks were asked for and should not have been.
    pub complaints: Mutex<Vec<String>>,
}

/// What a sample should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Just this.
    Fixed(u32),
    /// This but for its lowest byte, which is the generation.
    Of(u32),
}

impl Raster {
    pub fn new(plan: Plan) -> Arc<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "stacks-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, SeqCst)
        );
        Arc::new(Self {
            key: CString::new(name).expect("a key"),
            file: OnceLock::new(),
            plan,
            shown: AtomicU32::new(0),
            floor: AtomicU32::new(0),
            history: Mutex::new(vec![None]),
            puts: RwLock::default(),
            complaints: Mutex::default(),
        })
    }

    /// The next generation, put somewhere or of the source; `None` after the last.
    pub fn next_generation(&self, put: Put) -> Option<u32> {
        let mut history = self.history.lock().expect("the history");
        let next = history.len() as u32;
        if next >= GENERATIONS {
            return None;
        }
        history.push(put);
        if put.is_none() {
            // Under the lock, so that the source never goes back.
            self.shown.store(next, SeqCst);
        }
        Some(next)
    }

    /// Where each generation so far is from.
    pub fn history(&self) -> Vec<Put> {
        self.history.lock().expect("the history").clone()
    }

    /// Rows and columns of the blocks of a level, in the grid in which the source is read.
    pub fn grid(&self, level: i32) -> (i64, i64) {
        let of = match self.plan.own_grids {
            true => self.plan.levels[level as usize],
            false => self.plan.levels[0],
        };
        let count = |pixels: i64, block: i64| (pixels + block - 1) / block;
        (
            count(of.pixels.1, of.block.1),
            count(of.pixels.0, of.block.0),
        )
    }

    /// The pixels of a block in that grid; none where the level is too small for it.
    pub fn area(&self, at: Cell) -> Area {
        let levels = &self.plan.levels;
        let pixels = levels[at.level as usize].pixels;
        match self.plan.own_grids {
            true => cell_area(at, levels[at.level as usize].block, pixels, 0),
            false => cell_area(at, levels[0].block, pixels, at.level),
        }
    }

    /// The block of that grid that has a pixel.
    pub fn block_of(&self, level: i32, x: i64, y: i64) -> Cell {
        let (block, x, y) = match self.plan.own_grids {
            true => (self.plan.levels[level as usize].block, x, y),
            false => (self.plan.levels[0].block, x << level, y << level),
        };
        let (row, col) = (y / block.1, x / block.0);
        Cell { level, row, col }
    }

    pub fn is_stored(&self, at: Cell) -> bool {
        let number = (at.row as u64) << 32 | (at.col as u64) << 8 | at.level as u64;
        !self.plan.is_sparse || !mix(self.plan.id << 56 ^ number).is_multiple_of(3)
    }

    /// What a row of a band shows, from column `x` on.
    pub fn row(&self, level: i32, band: u32, y: i64, x: i64) -> impl Iterator<Item = Sample> + '_ {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let place = |band: u64| self.plan.id << 48 | (level as u64) << 40 | band << 32 | y as u64;
        let start = |seed: u64| mix(seed).wrapping_add((x as u64).wrapping_mul(STEP));
        let (mut tag, mut data) = (start(place(u64::from(band))), start(place(255)));
        (x..).map(move |x| {
            tag = tag.wrapping_add(STEP);
            data = data.wrapping_add(STEP);
            if self.plan.is_sparse && !self.is_stored(self.block_of(level, x, y)) {
                Sample::Fixed(self.pad())
            } else if self.plan.has_nodata && data >> 62 == 0 {
                Sample::Fixed(NODATA)
            } else {
                Sample::Of(SHOWN | (tag >> 34) as u32 & TAG)
            }
        })
    }

    /// A rectangle of a level in a generation, band by band and row by row.
    pub fn pixels(&self, level: i32, area: Area, bands: &[u32], generation: u32) -> Vec<u32> {
        let mut pixels = Vec::with_capacity((area.width * area.height) as usize * bands.len());
        for band in bands {
            for y in area.y..area.y + area.height {
                let row = self.row(level, *band, y, area.x).take(area.width as usize);
                pixels.extend(row.map(|sample| match sample {
                    Sample::Fixed(value) => value,
                    Sample::Of(tag) => tag | generation,
                }));
            }
        }
        pixels
    }

    /// The sample of what is absent. A TIFF file has nodata in its stead, or 0.
    pub fn pad(&self) -> u32 {
        match (self.plan.origin, self.plan.has_nodata) {
            (Origin::File, true) => NODATA,
            (Origin::File, false) => 0,
            _ => PAD,
        }
    }

    pub fn all_bands(&self) -> Vec<u32> {
        (0..self.plan.bands).collect()
    }
}

impl Drop for Raster {
    fn drop(&mut self) {
        if let Some(path) = self.file.get() {
            std::fs::remove_file(path).expect("the file");
        }
    }
}

/// The pixels of a cell of the grid of `block`, halved `level` times, in an image of `pixels` there.
pub fn cell_area(at: Cell, block: (i64, i64), pixels: (i64, i64), level: i32) -> Area {
    let start = |index: i64, block: i64, length: i64| {
        let up = (1 << level) - 1;
        ((index * block + up) >> level).min(length)
    };
    let (x, y) = (
        start(at.col, block.0, pixels.0),
        start(at.row, block.1, pixels.1),
    );
    Area {
        x,
        y,
        width: start(at.col + 1, block.0, pixels.0) - x,
        height: start(at.row + 1, block.1, pixels.1) - y,
    }
}
