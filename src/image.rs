//! What a provider says of its image: size, grid, bands, samples, levels and metadata.

use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::geometry::{Grid, Rect};
use crate::georef::Located;
use crate::layout::Shape;
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashSet};
use std::ffi::CStr;

/// The most bands an image may have.
pub const MAX_BANDS: u32 = 65_536;

/// The most columns or rows an image may have, so that sums of coordinates never overflow.
pub const MAX_SIDE: u64 = 1 << 48;

/// The most resolution levels an image may have.
pub const MAX_LEVELS: usize = 32;

/// What a band shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(i32)]
pub enum Colour {
    /// Unknown.
    #[default]
    Undefined = 0,
    /// Brightness.
    Gray = 1,
    /// Indices into a palette.
    Palette = 2,
    /// Red.
    Red = 3,
    /// Green.
    Green = 4,
    /// Blue.
    Blue = 5,
    /// Opacity.
    Alpha = 6,
    /// Cyan.
    Cyan = 7,
    /// Magenta.
    Magenta = 8,
    /// Yellow.
    Yellow = 9,
    /// Black.
    Black = 10,
    /// Luma of YCbCr.
    Luma = 11,
    /// Blue difference.
    Cb = 12,
    /// Red difference.
    Cr = 13,
}

impl Colour {
    /// The colour with this number.
    pub fn from_code(code: i32) -> Option<Self> {
        use Colour::*;
        const ALL: [Colour; 14] = [
            Undefined, Gray, Palette, Red, Green, Blue, Alpha, Cyan, Magenta, Yellow, Black, Luma,
            Cb, Cr,
        ];
        usize::try_from(code)
            .ok()
            .and_then(|code| ALL.get(code).copied())
    }

    /// The colour that GDAL calls so.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Undefined" => Colour::Undefined,
            "Gray" => Colour::Gray,
            "Palette" => Colour::Palette,
            "Red" => Colour::Red,
            "Green" => Colour::Green,
            "Blue" => Colour::Blue,
            "Alpha" => Colour::Alpha,
            "Cyan" => Colour::Cyan,
            "Magenta" => Colour::Magenta,
            "Yellow" => Colour::Yellow,
            "Black" => Colour::Black,
            "YCbCr_Y" => Colour::Luma,
            "YCbCr_Cb" => Colour::Cb,
            "YCbCr_Cr" => Colour::Cr,
            _ => return None,
        })
    }
}

/// What is known of one band.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Band {
    /// Pixels equal to this sample are not data.
    pub nodata: Option<Sample>,
    /// What the band shows.
    pub colour: Colour,
}

/// Names and texts that came with the image, for the whole of it (`None`) or for one band.
pub type Metadata = BTreeMap<(Option<u32>, String), String>;

/// The description of an image, the same for the whole life of its provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// The sample type of every band.
    pub dtype: DType,
    /// Columns and rows of each resolution level, the full image first.
    pub levels: Vec<(u64, u64)>,
    /// Columns and rows of a block at level 0.
    pub block: (u64, u64),
    /// The bands.
    pub bands: Vec<Band>,
    /// Significant bits of a sample.
    pub bits: u32,
    /// Fills what is absent.
    pub pad: Sample,
    /// A subset of the bands costs as much as all of them.
    pub bands_together: bool,
    /// Some of the bands take less time and memory than all of them, though `bands_together`: all are read, and those alone
    /// are brought into the form of tiles.
    pub picks_bands: bool,
    /// Blocks may be absent.
    pub sparse: bool,
    /// Part of a block is cheaper than the block.
    pub windowed: bool,
    /// A window takes no more than its own pixels, so that no block needs to be read for a part of it: the file is in
    /// memory. Goes with `windowed`.
    pub in_place: bool,
    /// Pixels are stored as they are where reads cost little, so that any number of whole rows costs little more than they
    /// have pixels. Goes with `windowed`.
    pub plain: bool,
    /// Rows of blocks can be written into several places beside each other, and are read once for them. Goes with `plain`.
    pub spread: bool,
    /// What windows inside one block do again.
    pub shared_work: SharedWork,
    /// A padded pixel beyond the edge is part of an edge block, so that all blocks are of full size.
    pub padded: bool,
    /// Names and texts.
    pub metadata: Metadata,
    /// What the file is that the pixels come from.
    pub format: Option<&'static CStr>,
    /// Where the pixels of each level lie on the ground.
    pub georef: Option<Located>,
}

/// What windows inside one block have in common of the work of decoding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedWork {
    /// Nothing: each costs what its pixels do.
    None,
    /// They do it again, so that those which cover a block cost more together than the block.
    Repeated,
    /// Reading: of each row that they cross they read their part by itself, or all of it where that costs less.
    Rows {
        /// So many bytes cost as much as one more read.
        read: u64,
    },
    /// It is kept, so that windows which overlap decode nothing twice.
    Kept {
        /// Bytes for each sample.
        sample: usize,
    },
}

impl SharedWork {
    /// Bytes kept for so many samples of windows, where they are.
    pub fn kept_of(self, samples: u64) -> Option<u64> {
        match self {
            Self::Kept { sample } => Some(samples.saturating_mul(sample as u64)),
            Self::None | Self::Repeated | Self::Rows { .. } => None,
        }
    }
}

impl Image {
    /// An image of one level and of undescribed bands, in one block.
    pub fn new(width: u64, height: u64, bands: u32, dtype: DType) -> Self {
        Self {
            dtype,
            levels: vec![(width, height)],
            block: (width, height),
            bands: vec![Band::default(); bands as usize],
            bits: (dtype.part().size() * 8) as u32,
            pad: Sample::default(),
            bands_together: false,
            picks_bands: false,
            sparse: false,
            windowed: false,
            in_place: false,
            plain: false,
            spread: false,
            shared_work: SharedWork::None,
            padded: false,
            metadata: Metadata::new(),
            format: None,
            georef: None,
        }
    }

    /// Columns at level 0.
    pub fn width(&self) -> u64 {
        self.levels[0].0
    }

    /// Rows at level 0.
    pub fn height(&self) -> u64 {
        self.levels[0].1
    }

    /// The number of bands.
    pub fn band_count(&self) -> u32 {
        self.bands.len() as u32
    }

    /// The grid at a level that exists.
    pub fn grid(&self, level: u32) -> Grid {
        Grid::new(
            self.levels[0],
            self.block,
            level,
            self.levels[level as usize],
        )
    }

    /// The levels of one level as an image of its own: those from it on, up to the first that is not the
    /// one halved as often, because it was rounded another way.
    pub fn levels_from(&self, level: u32) -> Vec<(u64, u64)> {
        let from = self.levels.get(level as usize..).unwrap_or_default();
        let levels = (0..).zip(from.iter().copied());
        levels
            .take_while(|(times, size)| is_halved(from[0], *times, *size))
            .map(|(_, size)| size)
            .collect()
    }

    /// The size in pixels of a block as it is delivered: padded up where edge blocks are padded.
    pub fn block_size(&self, at: Block) -> (u64, u64) {
        let grid = self.grid(at.level);
        if self.padded {
            grid.full_size(at.row, at.col)
        } else {
            let rect = grid.rect(at.row, at.col);
            (rect.width, rect.height)
        }
    }

    /// The shape of a block as it is delivered, for so many bands; an error if it exceeds memory.
    pub fn block_shape(&self, at: Block, bands: usize) -> Result<Shape> {
        let (width, height) = self.block_size(at);
        shape(width, height, bands)
    }

    /// Refuses a description that no image can have; every provider is checked once, when made.
    pub fn check(&self) -> Result<()> {
        let (width, height) = self.levels[0];
        let bad_side = |n: u64| n == 0 || n > MAX_SIDE;
        if bad_side(width) || bad_side(height) {
            return Err(Error::range(format!(
                "an image of {width} x {height} pixels; each side must be 1 to {MAX_SIDE}"
            )));
        }
        if bad_side(self.block.0) || bad_side(self.block.1) {
            return Err(Error::range(format!(
                "blocks of {} x {} pixels; each side must be 1 to {MAX_SIDE}",
                self.block.0, self.block.1
            )));
        }
        if self.bands.is_empty() || self.bands.len() > MAX_BANDS as usize {
            return Err(Error::range(format!(
                "{} bands; there must be 1 to {MAX_BANDS}",
                self.bands.len()
            )));
        }
        if self.levels.len() > MAX_LEVELS {
            return Err(Error::range(format!(
                "{} levels; there may be at most {MAX_LEVELS}",
                self.levels.len()
            )));
        }
        for (level, size) in self.levels.iter().enumerate() {
            if !is_level(self.levels[0], level as u32, *size) {
                return Err(Error::range(format!(
                    "level {level} of {} x {} pixels is not nearly a {width} x {height} image halved {level} times",
                    size.0, size.1
                )));
            }
        }
        Ok(())
    }

    /// Refuses a block or a band that the image does not have, naming the value.
    #[inline]
    pub fn check_block(&self, at: Block, bands: &Bands) -> Result<()> {
        // What nearly every request is: found right without a division.
        let is_inside = |index: u64, block: u64, length: u64| {
            index.checked_mul(block).is_some_and(|start| start < length)
        };
        if at.level == 0
            && is_inside(at.row, self.block.1, self.height())
            && is_inside(at.col, self.block.0, self.width())
            && bands.list().is_none()
        {
            return Ok(());
        }
        self.check_any_block(at, bands)
    }

    #[inline(never)]
    fn check_any_block(&self, at: Block, bands: &Bands) -> Result<()> {
        self.check_level(at.level)?;
        let grid = self.grid(at.level);
        if at.row >= grid.rows() || at.col >= grid.cols() {
            return Err(Error::range(format!(
                "block ({}, {}) of a grid of {} rows and {} columns",
                at.row,
                at.col,
                grid.rows(),
                grid.cols()
            )));
        }
        // At level 0 every block of the grid has pixels.
        if at.level > 0 && grid.rect(at.row, at.col).is_empty() {
            return Err(Error::range(format!(
                "block ({}, {}) has no pixels at level {}",
                at.row, at.col, at.level
            )));
        }
        self.check_bands(bands)
    }

    /// Refuses a level that the image does not have.
    pub fn check_level(&self, level: u32) -> Result<()> {
        if (level as usize) < self.levels.len() {
            return Ok(());
        }
        Err(Error::range(format!(
            "level {level} of an image with {} levels",
            self.levels.len()
        )))
    }

    /// Refuses a band that the image does not have.
    pub fn check_bands(&self, bands: &Bands) -> Result<()> {
        let count = self.band_count();
        match bands
            .list()
            .and_then(|list| list.iter().find(|band| **band >= count))
        {
            Some(band) => Err(Error::range(format!(
                "band {band} of an image with {count} bands"
            ))),
            None => Ok(()),
        }
    }
}

/// Whether `size` is a `full` image halved `level` times, each axis rounded either way.
pub(crate) fn is_halved(full: (u64, u64), level: u32, size: (u64, u64)) -> bool {
    let fits = |full: u64, n: u64| {
        let floor = (full >> level).max(1);
        let ceil = full.div_ceil(1 << level);
        n == floor || n == ceil
    };
    fits(full.0, size.0) && fits(full.1, size.1)
}

/// Whether `size` is level `level` of a `full` image: that halved so many times, or what is nearer to it
/// than to any other whole part of it.
pub fn is_level(full: (u64, u64), level: u32, size: (u64, u64)) -> bool {
    let nearest = |full: u64, n: u64| n > 0 && (full.saturating_mul(2) + n) / (2 * n) == 1 << level;
    let fits = |full: u64, n: u64| is_halved((full, 1), level, (n, 1)) || nearest(full, n);
    fits(full.0, size.0) && fits(full.1, size.1)
}

/// A shape by 64-bit sizes; an error if one does not fit this machine.
pub fn shape(width: u64, height: u64, bands: usize) -> Result<Shape> {
    match (usize::try_from(width), usize::try_from(height)) {
        (Ok(width), Ok(height)) => Ok(Shape {
            width,
            height,
            bands,
        }),
        _ => Err(Error::limit(format!(
            "a block of {width} x {height} pixels exceeds the address space"
        ))),
    }
}

/// A cell of a grid at a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block {
    /// Resolution level, 0 the full image.
    pub level: u32,
    /// Row of the grid.
    pub row: u64,
    /// Column of the grid.
    pub col: u64,
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (row, col, level) = (self.row, self.col, self.level);
        write!(f, "block (row {row}, column {col}) of level {level}")
    }
}

impl Block {
    /// A cell by level, row and column.
    pub const fn new(level: u32, row: u64, col: u64) -> Self {
        Self { level, row, col }
    }

    /// The pixels of the cell in `image`.
    pub fn rect(&self, image: &Image) -> Rect {
        image.grid(self.level).rect(self.row, self.col)
    }
}

/// Which bands, in which order; all of them in their own order, or a list.
///
/// The empty list stands for all, so that a comparison reads only what was written: of an `Option` compilers read
/// ahead what is not there, which memory checkers report.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Bands(SmallVec<[u32; 4]>);

impl Bands {
    /// All bands in their own order.
    pub const ALL: Bands = Bands(SmallVec::new_const());

    /// These bands of `count`, at least one; the list of all in order is the same as [`Bands::ALL`].
    pub fn of(list: &[u32], count: u32) -> Self {
        if list.len() == count as usize && list.iter().copied().eq(0..count) {
            Bands::ALL
        } else {
            Bands(list.into())
        }
    }

    /// The list, or `None` for all.
    pub fn list(&self) -> Option<&[u32]> {
        (!self.0.is_empty()).then_some(&self.0)
    }

    /// How many bands of an image with `all`.
    pub fn count(&self, all: u32) -> usize {
        self.list().map_or(all as usize, |list| list.len())
    }

    /// The list written out for an image with `all` bands.
    pub fn to_vec(&self, all: u32) -> SmallVec<[u32; 4]> {
        match self.list() {
            Some(_) => self.0.clone(),
            None => (0..all).collect(),
        }
    }

    /// Whether a tile with these bands, of an image with `all` bands where that is known, has all of
    /// `wanted`.
    pub fn serve(&self, wanted: &Bands, all: Option<u32>) -> bool {
        let are_lists = self.list().is_some() && wanted.list().is_some();
        (are_lists || all.is_some()) && wanted.positions_in(self, all.unwrap_or(0)).is_some()
    }

    /// Whether both have a band in common.
    pub fn meet(&self, other: &Bands) -> bool {
        let (Some(list), Some(other)) = (self.list(), other.list()) else {
            return true;
        };
        let other: HashSet<u32> = other.iter().copied().collect();
        list.iter().any(|band| other.contains(band))
    }

    /// Where each band of `self` stands in `superset`, of an image with `all` bands, which only count
    /// where one of both is no list; `None` if one is missing there.
    pub fn positions_in(&self, superset: &Bands, all: u32) -> Option<SmallVec<[u32; 4]>> {
        let wanted = self.to_vec(all);
        match superset.list() {
            None => wanted.iter().all(|band| *band < all).then_some(wanted),
            Some(outer) => positions(&wanted, outer),
        }
    }
}

/// Where each of some numbers stands first in a list; `None` if one is missing there.
fn positions(wanted: &[u32], outer: &[u32]) -> Option<SmallVec<[u32; 4]>> {
    /// Longer lists are not searched anew for each number.
    const SHORT: usize = 16;
    if outer.len() <= SHORT {
        let position = |wanted: &u32| Some(outer.iter().position(|band| band == wanted)? as u32);
        return wanted.iter().map(position).collect();
    }
    let mut places = HashMap::with_capacity(outer.len());
    for (at, band) in (0..).zip(outer) {
        places.entry(*band).or_insert(at);
    }
    wanted
        .iter()
        .map(|band| places.get(band).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_found_at_their_first_places_in_lists_of_any_length() {
        for count in [1u32, 4, 16, 17, 300] {
            let all = 3 * count;
            let reversed: Vec<u32> = (0..count).rev().chain(0..count).collect();
            let superset = Bands::of(&reversed, all);
            let wanted: Vec<u32> = (0..count).step_by(3).chain([0, count - 1]).collect();
            let right: Vec<u32> = wanted.iter().map(|band| count - 1 - band).collect();
            let found = Bands::of(&wanted, all).positions_in(&superset, all);
            assert_eq!(found.unwrap().as_slice(), right);
            let missing = Bands::of(&[0, count], all);
            assert!(missing.positions_in(&superset, all).is_none());
            assert!(superset.serve(&Bands::of(&wanted, all), None));
            assert!(!superset.serve(&missing, None) && !superset.serve(&missing, Some(all)));
            assert!(!superset.serve(&Bands::ALL, None) && !Bands::ALL.serve(&missing, None));
            assert!(Bands::ALL.serve(&missing, Some(count + 1)));
            assert!(!Bands::ALL.serve(&missing, Some(count)));
        }
    }
}
