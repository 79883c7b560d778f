//! Planes: the images whose blocks the tiles of one level are put together from.

use super::super::cached::{cached, kept_image};
use super::super::plane;
use crate::cache::{Cache, Claims, Namespace, SourceBlocks};
use crate::error::Result;
use crate::geometry::{Grid, Rect};
use crate::image::{Bands, Block, Image};
use crate::in_flight::Input;
use crate::provider::{Provider, Request, tile_bytes};
use crate::tile::Tile;
use crate::window::{has_any, read_tile};
use std::sync::Arc;

/// What the tiles of one level can be put together from.
pub struct Planes {
    /// The source's own blocks.
    pub own: Plane,
    /// What those are put together from, if the cache of the tiles keeps them too.
    around: Option<Around>,
    /// Rows of the source in other numbers, where it has them in any number as cheaply as in blocks.
    slices: Option<Plane>,
    /// Rows of blocks that are wider than tiles: what several tiles beside each other are read by at once.
    shared_rows: Option<Plane>,
    /// Whether tiles are best read straight from the source, whatever blocks they are over.
    reads_tiles: bool,
}

/// What tiles are put together from where the cache is too small to keep the blocks beside them.
struct Around {
    plane: Plane,
    /// The blocks that it goes around, in the cache.
    passed: Namespace,
}

/// The image whose own blocks hold the pixels of one level.
pub struct Plane {
    pub provider: Arc<dyn Provider>,
    pub level: u32,
    /// Whether blocks come out of the cache that keeps the tiles.
    pub is_cached: bool,
    /// The key of the blocks in the cache that keeps the tiles, where they are not looked up through it anyway.
    /// What it has goes before the source's pixels: a caller may have put it.
    pub resident: Option<Namespace>,
    /// The same blocks, kept in the cache of the tiles under their own key: what windows are read of that need few
    /// of them.
    pub blocks_kept: Option<Arc<dyn Provider>>,
    /// The level of the tiles.
    tiles: u32,
    /// Which of the planes of that level it is.
    pub nth: u32,
    /// What the source would be if its blocks were the slices that are read of it.
    sliced: Option<Box<Image>>,
    /// Whether these are written straight into tiles: none lies across two rows of them.
    is_spread: bool,
}

/// A slice has so many bytes at most: as many as stay in the processor's inner caches on the way into tiles, and enough
/// that what a block costs beside its pixels is little.
const SLICE_BYTES: u64 = 512 << 10;

/// And where it is written straight into tiles: enough for that, and few enough for threads to share what tiles take.
const SPREAD_BYTES: u64 = 2 << 20;

/// And of rows that are read for several tiles where else each has them read by itself: as many as stay in the innermost
/// caches, and enough for threads that make the tiles side by side.
const SHARED_ROWS_BYTES: u64 = 96 << 10;

/// A tile that is read straight from the source has so many bytes at most.
const READ_AT_ONCE: u64 = 64 << 20;

impl Planes {
    /// The planes under the tiles of level `tiles`, which `cache` keeps; those of the full image have the size of `tile`.
    pub fn new(
        source: &Arc<dyn Provider>,
        tiles: u32,
        tile: (u64, u64),
        cache: Option<&Cache>,
    ) -> Result<Self> {
        let own = Plane::new(plane(source, tiles), (tiles, 0), cache)?;
        // Where a side cannot be halved so often, tiles of the level are not all as wide or as high.
        let is_even = [tile.0, tile.1].map(|side| side.trailing_zeros() >= tiles);
        let tile = (tile.0 >> tiles, tile.1 >> tiles);
        let origin = own.provider.origin(own.level).filter(|_| own.is_cached);
        let around = match (origin, cache) {
            (Some((origin, level)), Some(_)) => Some(Around {
                plane: Plane::new(plane(&origin, level), (tiles, 1), cache)?,
                passed: Namespace::new(cache, own.provider.key(), &kept_image(&*own.provider))?,
            }),
            _ => None,
        };
        // Another tier has blocks.
        let has_tier = cache.is_some_and(|cache| cache.tier().is_some());
        let can_be_spread = own.can_be_spread() && is_even[1];
        let slices = own.sliced(tile.1, can_be_spread).filter(|_| !has_tier);
        let shared_rows = own.shared_rows(tile, can_be_spread);
        let shared_rows = shared_rows.filter(|_| !has_tier && is_even == [true; 2]);
        let reads_tiles = own.reads_tiles() && !has_tier;
        Ok(Self {
            own,
            around,
            slices,
            shared_rows,
            reads_tiles,
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Plane> {
        let around = self.around.iter().map(|around| &around.plane);
        let slices = self.slices.iter().chain(&self.shared_rows);
        std::iter::once(&self.own).chain(around).chain(slices)
    }

    /// What several tiles beside each other are read by at once.
    pub fn shared_rows(&self) -> Option<&Plane> {
        self.shared_rows.as_ref()
    }

    /// Strips in slices that are written straight into tiles.
    pub fn spread_strips(&self) -> Option<&Plane> {
        self.slices.as_ref().filter(|slices| slices.is_spread())
    }

    /// Whether a tile of so many bytes is best read straight from the source. No other thread can take part in that, and
    /// nothing interrupts it, so it is not for huge ones.
    pub fn reads_tile(&self, bytes: u64) -> bool {
        self.reads_tiles && bytes <= READ_AT_ONCE
    }

    /// What a tile over a rectangle is best put together from.
    pub fn best(&self, rect: &Rect, bands: &Bands) -> &Plane {
        match &self.around {
            Some(around) if !self.keeps_own(rect, bands, &around.passed) => &around.plane,
            Some(_) => &self.own,
            None => self.slices.as_ref().unwrap_or(&self.own),
        }
    }

    /// Whether the source's own blocks over a rectangle are in the cache, or would stay in it beside tiles.
    fn keeps_own(&self, rect: &Rect, bands: &Bands, own: &Namespace) -> bool {
        let blocks = self.own.blocks(rect);
        let image = self.own.provider.image();
        let bytes = blocks.iter().map(|at| tile_bytes(image, *at, bands));
        bytes.sum::<u64>() <= own.unread_share()
            || blocks.iter().all(|at| own.contains(*at, bands))
            || blocks.iter().any(|at| own.has_put(*at, bands))
    }

    /// One of the planes.
    pub fn nth(&self, nth: u32) -> &Plane {
        self.iter().nth(nth as usize).unwrap_or(&self.own)
    }

    /// The plane that a kept block is of.
    pub fn of_kept(&self, kept: Block) -> &Plane {
        let mut planes = self.iter();
        let found = planes.find(|plane| plane.kept(kept).level == kept.level);
        found.unwrap_or(&self.own)
    }
}

impl Plane {
    fn new(
        (mut provider, mut level): (Arc<dyn Provider>, u32),
        (tiles, nth): (u32, u32),
        cache: Option<&Cache>,
    ) -> Result<Self> {
        while provider.cache().is_none()
            && let Some((origin, of_origin)) = provider.origin(level)
        {
            (provider, level) = plane(&origin, of_origin);
        }
        let is_cached = match (cache, provider.cache()) {
            (Some(ours), Some(below)) => ours.is(below),
            _ => false,
        };
        let resident = match cache {
            Some(cache) if !is_cached => {
                let image = kept_image(&*provider);
                Some(Namespace::new(Some(cache), provider.key(), &image)?)
            }
            _ => None,
        };
        let blocks_kept = match cache {
            _ if is_cached => Some(provider.clone()),
            Some(cache) if provider.cache().is_none() => Some(cached(provider.clone(), cache)?),
            _ => None,
        };
        Ok(Self {
            provider,
            level,
            is_cached,
            resident,
            blocks_kept,
            tiles,
            nth,
            sliced: None,
            is_spread: false,
        })
    }

    /// The same plane in slices that as many as possible make up a tile of, if its blocks are whole rows of pixels that
    /// are stored as they are, and others are better.
    fn sliced(&self, tile_rows: u64, is_spread: bool) -> Option<Self> {
        let image = self.provider.image();
        if !self.is_stored_plainly() || image.grid(0).cols() > 1 {
            return None;
        }
        let bytes = if is_spread { SPREAD_BYTES } else { SLICE_BYTES };
        let rows = self.slice_rows(image.width(), bytes, tile_rows)?;
        let is_better = is_spread || rows != image.block.1;
        (is_better && rows > 1).then(|| self.in_slices((image.width(), rows), is_spread))
    }

    /// The same plane in rows of blocks that are wider than tiles, if these are stored as they are, tiles end where blocks
    /// do, and those under one tile are too many to be in the innermost caches by themselves.
    fn shared_rows(&self, tile: (u64, u64), is_spread: bool) -> Option<Self> {
        let image = self.provider.image();
        let (width, height) = image.block;
        let fits = width > tile.0 && width.is_multiple_of(tile.0) && height.is_multiple_of(tile.1);
        if !fits || !self.is_stored_plainly() || image.grid(0).cols() == 1 {
            return None;
        }
        let rows = self.slice_rows(width, SHARED_ROWS_BYTES, tile.1)?;
        (rows < tile.1).then(|| self.in_slices((width, rows), is_spread))
    }

    /// Whether slices of it can be written straight into tiles.
    fn can_be_spread(&self) -> bool {
        self.provider.image().spread && self.provider.cache().is_none()
    }

    /// Whether its pixels are stored as they are, and nothing is kept of them but what comes of them.
    fn is_stored_plainly(&self) -> bool {
        self.provider.image().plain && !self.is_cached && self.level == 0
    }

    /// Whether any rectangle of it is as cheap as the blocks over it: of these more are beside each other than one, so that
    /// what is read beside the rectangle is little. None is absent, and none is in any cache.
    fn reads_tiles(&self) -> bool {
        let image = self.provider.image();
        let is_cached = self.provider.cache().is_some();
        self.is_stored_plainly() && !is_cached && !image.sparse && image.grid(0).cols() > 1
    }

    /// As many rows as a tile is a multiple of and the image has, of so many bytes at most.
    fn slice_rows(&self, width: u64, bytes: u64, tile_rows: u64) -> Option<u64> {
        let image = self.provider.image();
        let row = image.bands.len() as u64 * image.dtype.size() as u64 * width;
        let most = (bytes / row.max(1)).min(tile_rows).min(image.height());
        (1..=most)
            .rev()
            .find(|rows| tile_rows.is_multiple_of(*rows))
    }

    fn in_slices(&self, block: (u64, u64), is_spread: bool) -> Self {
        let image = self.provider.image();
        let mut sliced = Image::new(
            image.width(),
            image.height(),
            image.band_count(),
            image.dtype,
        );
        sliced.block = block;
        Self {
            provider: self.provider.clone(),
            level: self.level,
            is_cached: false,
            // Where a block is resident, tiles are put together from blocks.
            resident: None,
            blocks_kept: None,
            tiles: self.tiles,
            nth: 1,
            sliced: Some(Box::new(sliced)),
            is_spread,
        }
    }

    /// Whether it is in slices that are written straight into tiles.
    pub fn is_spread(&self) -> bool {
        self.is_spread
    }

    /// Whether it is in slices, which are no blocks of the source.
    pub fn is_sliced(&self) -> bool {
        self.sliced.is_some()
    }

    /// The image that the blocks of the plane are of.
    pub fn image(&self) -> &Image {
        self.sliced.as_deref().unwrap_or(self.provider.image())
    }

    /// A block of the plane from the source.
    pub fn read(&self, block: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        if self.is_sliced() {
            let rect = self.rect(block);
            let window = self.provider.get_window(self.level, rect, bands, request)?;
            return match window {
                Some(tile) => Ok(tile),
                None => read_tile(&self.provider, self.level, rect, bands, request),
            };
        }
        self.provider.get_block(block, bands, request)
    }

    /// Tells the source of blocks that are about to be read.
    pub fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands) {
        if !self.is_sliced() {
            return self.provider.announce(blocks, bands);
        }
        let grid = self.provider.image().grid(self.level);
        let rects = blocks.map(|block| self.rect(block));
        let mut stored = rects.flat_map(|rect| {
            let cells = grid.cells_over(&rect);
            cells
                .map(|(row, col)| Block::new(self.level, row, col))
                .collect::<Vec<_>>()
        });
        self.provider.announce(&mut stored, bands);
    }

    fn claim(&self, block: Block, bands: &Bands, claims: &mut Claims) {
        match self.is_sliced() {
            true => claims.add(tile_bytes(self.image(), block, bands)),
            false => self.provider.claim(block, bands, claims),
        }
    }

    /// The blocks of the plane.
    pub fn grid(&self) -> Grid {
        self.image().grid(self.level)
    }

    /// The cell of the tiles' key that keeps a block as long as other tiles need it.
    pub fn kept(&self, block: Block) -> Block {
        Namespace::kept_cell(self.tiles, self.nth, block)
    }

    /// The block that such a cell keeps.
    pub fn of_kept(&self, kept: Block) -> Block {
        Block::new(self.level, kept.row, kept.col)
    }

    /// A block as an input of tiles.
    pub fn input(&self, block: Block) -> Input {
        Input {
            kept: self.kept(block),
            beneath: match self.is_sliced() {
                true => None,
                false => self.provider.block_id(block),
            },
        }
    }

    /// What tiles of a grid are stitched from, where the cache that keeps them has the blocks too.
    pub fn source_blocks(&self, tiles: Grid) -> Option<SourceBlocks> {
        self.is_cached.then(|| SourceBlocks {
            key: self.provider.key().into(),
            level: self.level,
            blocks: self.grid(),
            tiles,
        })
    }

    pub fn rect(&self, block: Block) -> Rect {
        block.rect(self.image())
    }

    /// How many blocks of the source a rectangle is, parts of them added up.
    pub fn blocks_of_source(&self, rect: &Rect) -> f64 {
        let grid = self.provider.image().grid(self.level);
        let part = |(row, col)| {
            let block = grid.rect(row, col);
            block.intersection(rect).area() as f64 / block.area().max(1) as f64
        };
        grid.cells_over(rect).map(part).sum()
    }

    /// The blocks over a rectangle that have pixels, row by row.
    pub fn blocks(&self, rect: &Rect) -> Vec<Block> {
        let cells = self.grid().cells_over(rect);
        cells
            .map(|(row, col)| Block::new(self.level, row, col))
            .collect()
    }

    /// Claims what a thread has in flight that decodes the blocks over a rectangle.
    pub fn claim_blocks(&self, rect: &Rect, bands: &Bands, claims: &mut Claims) {
        match &self.blocks(rect)[..] {
            [block] => self.claim(*block, bands, claims),
            blocks => {
                // One is decoded after the other, in the same memory.
                let area = |block: &&Block| {
                    let rect = self.rect(**block);
                    u128::from(rect.width) * u128::from(rect.height)
                };
                if let Some(largest) = blocks.iter().max_by_key(area) {
                    claims.of_sample(|claims| self.claim(*largest, bands, claims));
                }
            }
        }
    }

    /// Whether a block is stored, or a caller put it.
    pub fn has_block(&self, at: Block) -> Result<bool> {
        if self.is_sliced() {
            return has_any(&*self.provider, self.level, &self.rect(at));
        }
        let resident = self.resident.as_ref();
        let is_put = resident.is_some_and(|namespace| namespace.has_put(at, &Bands::ALL));
        Ok(is_put || self.provider.has_block(at)?)
    }

    pub fn has_any(&self, rect: &Rect) -> Result<bool> {
        for block in self.blocks(rect) {
            if self.has_block(block)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
