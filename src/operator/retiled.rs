//! Retiled: the same image on a uniform grid of any size.

use super::cached::kept_image;
use super::plane;
use super::siblings::{Served, siblings};
use super::windows::Windows;
use crate::cache::{
    Cache, Claims, Class, Counters, Foundation, Loading, Permits, Scratch, Shelf, Usage,
};
use crate::error::{Error, Result};
use crate::geometry::{Grid, Rect};
use crate::image::{Bands, Block, Image, MAX_LEVELS};
use crate::in_flight::{self, Cell, Draft, Input, Maker, Start, Stitch, Want, Wanted};
use crate::layout::Layout;
use crate::load::nesting;
use crate::memory::Canvas;
use crate::pad::Pads;
use crate::provider::{Provider, Request, Retention, tile_bytes};
use crate::tile::Tile;
use crate::window::{cut, prefers_window, read_tile};
use std::sync::{Arc, Weak};

/// The tile size where none is given.
const DEFAULT_TILE: u64 = 1024;

/// The search for siblings ends after so many tiles that need not be made.
const MAX_PASSED_OVER: usize = 4096;

/// How an image is retiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct RetileOptions {
    /// Columns and rows of a tile; 0 is 1024.
    pub tile: (u64, u64),
    /// Fills edge tiles up to full size with pad.
    pub pad_edges: bool,
}

/// The provider over the blocks of a source; one per provider, however many share its tiles.
struct Retiled {
    /// Itself, for the threads that make its tiles.
    own: Weak<Retiled>,
    source: Arc<dyn Provider>,
    planes: Vec<Plane>,
    image: Image,
    /// Rows and columns of tiles.
    grid: (u64, u64),
    key: String,
    shelf: Shelf,
    shared: Arc<Shared>,
    pads: Pads,
    height: u32,
}

/// The image whose own blocks hold the pixels of one level.
struct Plane {
    provider: Arc<dyn Provider>,
    level: u32,
    /// Whether blocks come out of the cache that keeps the tiles.
    is_cached: bool,
    /// The key of the blocks in the cache that keeps the tiles, where they are not looked up through it anyway.
    /// What it has goes before the source's pixels: a caller may have put it.
    resident: Option<Shelf>,
    /// The level of the tiles.
    tiles: u32,
}

/// What providers with one key in one cache share.
#[derive(Default)]
struct Shared {
    served: Served,
    /// By the level of the tiles: each may stand on blocks of its own.
    windows: [Windows; MAX_LEVELS],
}

/// `source` on a uniform grid; the tiles are kept in `cache`, if there is one.
pub fn retiled(
    source: Arc<dyn Provider>,
    options: &RetileOptions,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    let or_default = |n: u64| if n == 0 { DEFAULT_TILE } else { n };
    let tile = (or_default(options.tile.0), or_default(options.tile.1));
    let mut image = source.image().clone();
    image.block = tile;
    image.padded = options.pad_edges;
    image.windowed = false;
    image.check()?;
    let pad = if options.pad_edges { ":pad" } else { "" };
    let key = format!("{}:retiled:{}x{}{pad}", source.key(), tile.0, tile.1);
    let height = nesting::above(source.height())?;
    let shelf = Shelf::new(cache, &key, &image)?;
    let planes = (0..image.levels.len() as u32)
        .map(|level| Plane::new(&source, level, cache))
        .collect::<Result<Vec<_>>>()?;
    let blocks = |plane: &Plane| plane.provider.image().grid(plane.level);
    shelf.keeps_blocks(planes.iter().map(blocks).collect());
    shelf.stitched_from(|| {
        let tiles = (0..).map(|level| image.grid(level));
        let foundation = |(plane, tiles): (&Plane, _)| plane.foundation(tiles);
        planes.iter().zip(tiles).map(foundation).collect()
    });
    Ok(Arc::new_cyclic(|own| Retiled {
        own: own.clone(),
        shared: shelf.companion(),
        pads: Pads::new(&image),
        height,
        source,
        planes,
        grid: (image.grid(0).rows(), image.grid(0).cols()),
        image,
        key,
        shelf,
    }))
}

impl Plane {
    /// The plane under the tiles of level `tiles`, which `cache` keeps.
    fn new(source: &Arc<dyn Provider>, tiles: u32, cache: Option<&Cache>) -> Result<Self> {
        let (mut provider, mut level) = plane(source, tiles);
        while let Some((origin, of_origin)) = provider.origin(level) {
            (provider, level) = plane(&origin, of_origin);
        }
        let is_cached = match (cache, provider.cache()) {
            (Some(ours), Some(below)) => ours.is(below),
            _ => false,
        };
        let resident = match cache {
            Some(cache) if !is_cached => {
                let image = kept_image(&*provider);
                Some(Shelf::new(Some(cache), provider.key(), &image)?)
            }
            _ => None,
        };
        Ok(Self {
            provider,
            level,
            is_cached,
            resident,
            tiles,
        })
    }

    /// The cell of the tiles' key that keeps a block as long as other tiles need it.
    fn kept(&self, block: Block) -> Block {
        Shelf::kept_cell(self.tiles, block)
    }

    /// A block as an input of tiles.
    fn input(&self, block: Block) -> Input {
        Input {
            block,
            kept: self.kept(block),
            beneath: self.provider.cell(block),
        }
    }

    /// What tiles of a grid are stitched from, where the cache that keeps them has the blocks too.
    fn foundation(&self, tiles: Grid) -> Option<Foundation> {
        self.is_cached.then(|| Foundation {
            key: self.provider.key().into(),
            level: self.level,
            blocks: self.provider.image().grid(self.level),
            tiles,
        })
    }

    fn rect(&self, block: Block) -> Rect {
        block.rect(self.provider.image())
    }

    /// The blocks over a rectangle that have pixels, row by row.
    fn blocks(&self, rect: &Rect) -> Vec<Block> {
        let cells = self.provider.image().grid(self.level).cells_over(rect);
        cells
            .map(|(row, col)| Block::new(self.level, row, col))
            .collect()
    }

    /// Claims what a thread has in flight that decodes the blocks over a rectangle.
    fn claim_blocks(&self, rect: &Rect, bands: &Bands, claims: &mut Claims) {
        match &self.blocks(rect)[..] {
            [block] => self.provider.claim(*block, bands, claims),
            blocks => {
                // One is decoded after the other, in the same memory.
                let area = |block: &&Block| {
                    let rect = self.rect(**block);
                    u128::from(rect.width) * u128::from(rect.height)
                };
                if let Some(largest) = blocks.iter().max_by_key(area) {
                    claims.of_sample(|claims| self.provider.claim(*largest, bands, claims));
                }
            }
        }
    }

    /// Whether a block is stored, or a caller put it.
    fn has_block(&self, at: Block) -> Result<bool> {
        let resident = self.resident.as_ref();
        let is_put = resident.is_some_and(|shelf| shelf.has_put(at, &Bands::ALL));
        Ok(is_put || self.provider.has_block(at)?)
    }

    fn has_any(&self, rect: &Rect) -> Result<bool> {
        for block in self.blocks(rect) {
            if self.has_block(block)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Retiled {
    fn plane(&self, at: Block) -> &Plane {
        &self.planes[at.level as usize]
    }

    /// How much of the blocks under tiles of a level was read in windows.
    fn windows(&self, at: Block) -> &Windows {
        &self.shared.windows[at.level as usize]
    }

    /// Whether a tile is larger than the part of the image in it.
    fn is_filled_up(&self, at: Block, rect: &Rect) -> bool {
        self.image.block_size(at) != (rect.width, rect.height)
    }

    /// The source's own block, where it is just the tile.
    fn same_block(&self, at: Block, rect: &Rect) -> Option<Block> {
        let plane = self.plane(at);
        match plane.blocks(rect)[..] {
            [block]
                if plane.rect(block) == *rect
                    && !plane.provider.image().padded
                    && !self.is_filled_up(at, rect) =>
            {
                Some(block)
            }
            _ => None,
        }
    }

    /// The tile as a view of a block that the cache keeps anyway, where the block is not too large
    /// to be kept for a part of it.
    fn view_of_block(
        &self,
        at: Block,
        rect: &Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        let plane = self.plane(at);
        let (Some(cache), [block]) = (self.shelf.cache(), &plane.blocks(rect)[..]) else {
            return Ok(None);
        };
        let stays = plane.is_cached && request.retention() != Retention::Bypassed;
        if !stays || self.is_filled_up(at, rect) {
            return Ok(None);
        }
        let block_rect = plane.rect(*block);
        let pixel_bytes = self.image.bands.len() * self.image.dtype.size();
        // A block in memory is far smaller than what saturates.
        let bytes = |rect: &Rect| {
            let area = rect.width.saturating_mul(rect.height);
            area.saturating_mul(pixel_bytes as u64)
        };
        if bytes(&block_rect) > cache.view_limit(bytes(rect)) {
            return Ok(None);
        }
        let tile = plane.provider.get_block(*block, bands, &request.inner())?;
        if !cache.counts(&tile) {
            return Ok(None);
        }
        Ok(Some(tile.map(|pixels| cut(pixels, &block_rect, rect))))
    }

    /// The tile from one call to the source, where no assembly is needed.
    fn direct(
        &self,
        at: Block,
        rect: &Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        let plane = self.plane(at);
        if let Some(block) = self.same_block(at, rect) {
            return plane.provider.get_block(block, bands, request).map(Some);
        }
        if self.is_filled_up(at, rect) {
            return Ok(None);
        }
        if let Some(view) = plane.provider.get_view(plane.level, *rect, bands) {
            return Ok(Some(view));
        }
        if prefers_window(&*plane.provider, plane.level, rect) {
            if plane.provider.image().windows_overlap {
                for block in plane.blocks(rect) {
                    let part = plane.rect(block).intersection(rect);
                    let image = plane.provider.image();
                    self.windows(at).note(image, block, &part);
                }
            }
            return plane
                .provider
                .get_window(plane.level, *rect, bands, request);
        }
        self.view_of_block(at, rect, bands, request)
    }

    /// Whether [`Retiled::direct`] will serve the tile, told without reading anything.
    fn is_direct(&self, at: Block, rect: &Rect, bands: &Bands) -> bool {
        let plane = self.plane(at);
        if self.has_blocks(plane, rect, bands) {
            return false;
        }
        if self.same_block(at, rect).is_some() {
            return true;
        }
        !self.is_filled_up(at, rect)
            && (plane.provider.get_view(plane.level, *rect, bands).is_some()
                || prefers_window(&*plane.provider, plane.level, rect)
                    && !self.is_worth_decoding(at, rect, bands))
    }

    /// Whether the cache of the tiles has a block over a rectangle, or pixels that a caller put, where blocks
    /// are not looked up through it anyway.
    fn has_blocks(&self, plane: &Plane, rect: &Rect, bands: &Bands) -> bool {
        let has_any = |shelf: &Shelf, at| shelf.contains(at, bands) || shelf.has_put(at, bands);
        let mut blocks = plane.blocks(rect).into_iter();
        blocks.any(|at| {
            let resident = plane.resident.as_ref();
            self.shelf.contains(plane.kept(at), bands) || resident.is_some_and(|it| has_any(it, at))
        })
    }

    /// Whether so many windows of the blocks over a rectangle were read that they had better be
    /// decoded now, and the cache can keep what comes of it.
    fn is_worth_decoding(&self, at: Block, rect: &Rect, bands: &Bands) -> bool {
        let plane = self.plane(at);
        let image = plane.provider.image();
        let Some(cache) = self.shelf.cache().filter(|_| image.windows_overlap) else {
            return false;
        };
        let sample_bytes = bands.count(image.band_count()) as u64 * image.dtype.size() as u64;
        let mut bytes = 0u64;
        let enough = plane.blocks(rect).into_iter().all(|block| {
            let all = plane.rect(block);
            let area = all.width.saturating_mul(all.height);
            bytes = bytes.saturating_add(area.saturating_mul(sample_bytes));
            let part = all.intersection(rect);
            self.windows(at).are_enough(image, block, &part)
        });
        enough && bytes <= cache.unread_share()
    }

    /// Claims what [`Retiled::make`] has in flight.
    fn claim_load(&self, at: Block, rect: &Rect, bands: &Bands, claims: &mut Claims) {
        let plane = self.plane(at);
        if let Some(block) = self.same_block(at, rect) {
            return plane.provider.claim(block, bands, claims);
        }
        claims.add(tile_bytes(&self.image, at, bands));
        if !self.is_direct(at, rect, bands) {
            plane.claim_blocks(rect, bands, claims);
        }
    }

    /// A tile that is not resident.
    fn make(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        let rect = at.rect(&self.image);
        if self.image.sparse && !request.run(|| self.has_block(at))? {
            let shape = self
                .image
                .block_shape(at, bands.count(self.image.band_count()))?;
            let pad = self.pads.tile(shape)?;
            let (width, height) = (rect.width as usize, rect.height as usize);
            return Ok(pad.map(|pixels| pixels.clone().with_valid(width, height)));
        }
        let claim = |claims: &mut Claims| self.claim_load(at, &rect, bands, claims);
        if self.is_direct(at, &rect, bands) {
            return self
                .shelf
                .load_shared(at, bands, request, claim, |bands, request| {
                    if let Some(tile) = self.direct(at, &rect, bands, request)? {
                        return Ok(tile);
                    }
                    // The cache has had blocks of its own to look at since.
                    let plane = self.plane(at);
                    read_tile(&plane.provider, plane.level, rect, bands, request)
                });
        }
        self.shelf.count(|counters| counters.misses += 1);
        let wanted = self.shelf.bands_to_load(bands);
        let (made, has) = match self.view_of_block(at, &rect, &wanted, request)? {
            Some(view) => {
                if let Some(loading) = self.shelf.loading(request) {
                    loading.enter(at, &wanted, &view, Class::Asked);
                }
                (view, wanted)
            }
            None => self.assemble(at, wanted, request)?,
        };
        self.shelf.select(at, made, &has, bands, request)
    }

    /// What makes the inputs of a tile.
    fn stitching(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Stitching> {
        let view = self.own.upgrade();
        Ok(Stitching {
            view: view.ok_or_else(|| Error::internal("a provider that is going"))?,
            at,
            bands: bands.clone(),
            retention: request.retention(),
        })
    }

    /// Prepares a tile in the memory that `canvas` gives.
    fn draft(
        &self,
        stitch: Stitching,
        loading: Option<Loading>,
        canvas: impl FnOnce(&Option<Loading>, Layout) -> Result<Option<Canvas>>,
    ) -> Result<Option<Draft>> {
        let at = stitch.at;
        let rect = at.rect(&self.image);
        let plane = self.plane(at);
        let count = stitch.bands.count(self.image.band_count());
        let shape = self.image.block_shape(at, count)?;
        let layout = Layout::packed(shape, self.image.dtype)?;
        let Some(mut canvas) = canvas(&loading, layout)? else {
            return Ok(None);
        };
        if self.is_filled_up(at, &rect) {
            canvas.pixels_mut().fill(&self.image.pad);
        }
        let blocks = plane.blocks(&rect);
        let mut columns = vec![0];
        let mut rows = vec![0];
        let mut pending = Vec::with_capacity(blocks.len());
        for block in &blocks {
            let part = plane.rect(*block).intersection(&rect);
            let (left, top) = ((part.x - rect.x) as usize, (part.y - rect.y) as usize);
            let (right, bottom) = (
                (part.right() - rect.x) as usize,
                (part.bottom() - rect.y) as usize,
            );
            if block.row == blocks[0].row {
                columns.push(right);
            }
            if block.col == blocks[0].col {
                rows.push(bottom);
            }
            let stored = !self.image.sparse || plane.has_block(*block)?;
            if !stored {
                let mut pixels = canvas.pixels_mut();
                pixels
                    .window_mut(left, top, right - left, bottom - top)
                    .fill(&self.image.pad);
            }
            pending.push(stored.then(|| plane.input(*block)));
        }
        let corners = blocks
            .iter()
            .map(|block| {
                let block = plane.rect(*block);
                let part = block.intersection(&rect);
                ((part.x - block.x) as usize, (part.y - block.y) as usize)
            })
            .collect();
        Ok(Some(Draft {
            canvas,
            columns,
            rows,
            inputs: pending,
            corners,
            valid: (rect.width as usize, rect.height as usize),
            loading,
            stitch: Arc::new(stitch),
        }))
    }

    /// Puts the tile together from the blocks over it, with these bands or, where another thread is
    /// about it, with more.
    fn assemble(&self, at: Block, bands: Bands, request: &Request<'_>) -> Result<(Tile, Bands)> {
        let want = || self.shelf.want(at, bands.clone());
        if let Some(joined) = in_flight::join(&want(), true, request) {
            return self.join(joined, at, &bands, request);
        }
        let stitch = self.stitching(at, &bands, request)?;
        let permits = stitch.admit(request)?;
        let loading = self.shelf.loading(request);
        let canvas = |loading: &Option<Loading>, layout| match loading {
            Some(loading) => request.with_memory(loading).canvas(layout).map(Some),
            None => request.canvas(layout).map(Some),
        };
        // It asks a sparse source for blocks, and was admitted already.
        let draft = request.run(|| self.draft(stitch, loading, canvas))?;
        let is_resident = || self.shelf.contains(at, &bands);
        let begun = match in_flight::begin(&want(), draft, request, permits, is_resident) {
            Some(Start::Begun(begun)) => begun,
            Some(Start::Joined(joined)) => return self.join(joined, at, &bands, request),
            // Completed by another thread since the look-up; if it is gone again, once more.
            None => {
                return match self.shelf.find(at, &bands) {
                    Some(tile) => Ok((tile, bands)),
                    None => self.assemble(at, bands, request),
                };
            }
        };
        self.shelf.timed(|| {
            let wanted = begun.with_siblings(|bands| self.siblings(at, bands, request));
            request.run(|| self.announce(&mut std::iter::once(at), wanted.bands()));
            let stitch = self.stitching(at, wanted.bands(), request)?;
            wanted.stitch(&stitch, request)
        })
    }

    /// A tile that another thread has begun, and its bands.
    fn join(
        &self,
        joined: Wanted,
        at: Block,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<(Tile, Bands)> {
        // Beneath the provider that began it there may be a reader that is cancelled.
        let stitch = self.stitching(at, joined.bands(), request)?;
        let made = self.shelf.count_wait(joined).stitch(&stitch, request)?;
        self.shelf.touch(at, bands);
        Ok(made)
    }

    /// The siblings of a tile that there is room for, ready to be put together.
    fn siblings(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Vec<(Want, Draft)> {
        let bypasses = request.retention() == Retention::Bypassed;
        if bypasses || self.shelf.cache().is_none() || !self.makes_siblings(at, bands) {
            return Vec::new();
        }
        let plane = self.plane(at);
        let (forward, backward) = siblings(&self.image, plane.provider.image(), plane.level, at);
        let unserved = |tile: &Block| !self.shared.served.contains(self.grid, *tile);
        let mut drafts = Vec::new();
        let mut passed_over = 0;
        for at in forward.chain(backward).filter(unserved) {
            let known = self.shelf.contains(at, bands) || self.shelf.is_loading(at, bands);
            if known || !self.has_block(at).unwrap_or(false) {
                passed_over += 1;
                if passed_over == MAX_PASSED_OVER {
                    break;
                }
                continue;
            }
            // Nobody has asked for siblings, so what stands in their way is no error.
            let loading = self.shelf.loading(request);
            let canvas = |loading: &Option<Loading>, layout| match loading {
                Some(loading) => loading.sibling(layout),
                None => Ok(None),
            };
            let stitch = self.stitching(at, bands, request);
            match stitch.and_then(|stitch| self.draft(stitch, loading, canvas)) {
                Ok(Some(draft)) => drafts.push((self.shelf.want(at, bands.clone()), draft)),
                _ => break,
            }
        }
        drafts
    }

    /// Whether siblings save decodes: always where blocks are not cached with the tiles, else where
    /// a block did not stay in the cache the last time.
    fn makes_siblings(&self, at: Block, bands: &Bands) -> bool {
        let plane = self.plane(at);
        if !plane.is_cached {
            return true;
        }
        plane
            .blocks(&at.rect(&self.image))
            .into_iter()
            .any(|block| {
                plane.provider.was_made(block) && plane.provider.peek_block(block, bands).is_none()
            })
    }

    /// Whether a tile that is not there yet needs the block and blocks beyond those of tile `at`.
    fn straddles(&self, at: Block, block: Block, bands: &Bands) -> bool {
        let plane = self.plane(at);
        let blocks = plane.provider.image().grid(plane.level);
        let tiles = self.image.grid(at.level);
        let (own_rows, own_cols) = blocks.blocks_over(&tiles.rect(at.row, at.col));
        let (rows, cols) = tiles.blocks_over(&plane.rect(block));
        rows.flat_map(|row| cols.clone().map(move |col| (row, col)))
            .any(|(row, col)| {
                let (rows, cols) = blocks.blocks_over(&tiles.rect(row, col));
                let beyond = rows.start < own_rows.start
                    || rows.end > own_rows.end
                    || cols.start < own_cols.start
                    || cols.end > own_cols.end;
                let tile = Block::new(at.level, row, col);
                beyond
                    && !self.shared.served.contains(self.grid, tile)
                    && !self.shelf.contains(tile, bands)
            })
    }
}

/// Makes the inputs of a tile.
struct Stitching {
    view: Arc<Retiled>,
    at: Block,
    bands: Bands,
    retention: Retention,
}

impl Maker for Stitching {
    fn make(&self, block: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        let view = &self.view;
        let plane = view.plane(self.at);
        if let Some(tile) = plane.resident.as_ref().and_then(|it| it.find(block, bands)) {
            return Ok(tile);
        }
        // Not a use: a kept block waits for the last tile that needs it, and not for its turn to go.
        let tile = match view.shelf.peek(plane.kept(block), bands) {
            Some(kept) => kept,
            None => plane.provider.get_block(block, bands, request)?,
        };
        match &plane.resident {
            Some(resident) => resident.with_puts(block, bands, tile, request),
            None => Ok(tile),
        }
    }

    fn admit(&self, request: &Request<'_>) -> Result<Permits> {
        let Self {
            view, at, bands, ..
        } = self;
        let rect = at.rect(&view.image);
        let claim = |claims: &mut Claims| view.claim_load(*at, &rect, bands, claims);
        view.shelf.admit(request, claim)
    }

    fn try_help(&self) -> Option<Permits> {
        let Self {
            view, at, bands, ..
        } = self;
        let rect = at.rect(&view.image);
        let claim = |claims: &mut Claims| view.plane(*at).claim_blocks(&rect, bands, claims);
        view.shelf.try_admit(claim)
    }
}

impl Stitch for Stitching {
    fn cache(&self) -> Option<&Cache> {
        self.view.shelf.cache()
    }

    fn retention(&self) -> Retention {
        self.retention
    }

    fn height(&self) -> u32 {
        self.view.height
    }

    fn keep(&self, block: Block, tile: &Tile, request: &Request<'_>, scratch: &Scratch<'_>) {
        let Self {
            view, at, bands, ..
        } = self;
        let plane = view.plane(*at);
        let cell = plane.kept(block);
        if view.shelf.contains(cell, bands) {
            if !view.straddles(*at, block, bands) {
                view.shelf.give_up(tile);
            }
            return;
        }
        let caches = [view.shelf.cache(), plane.provider.cache()];
        let is_there = caches.iter().flatten().any(|cache| cache.counts(tile));
        let has_put = |shelf: &Shelf| shelf.has_put(block, bands);
        let is_mixed = plane.resident.as_ref().is_some_and(has_put);
        if !plane.is_cached
            && !is_there
            && !is_mixed
            && !tile.buffer().is_foreign()
            && view.straddles(*at, block, bands)
            && let Some(loading) = view.shelf.loading(request)
            && loading.reserve_unread(tile.buffer().size())
        {
            scratch.hand_over(tile);
            loading.enter(cell, bands, tile, Class::Unread);
        }
    }
}

impl Provider for Retiled {
    fn key(&self) -> &str {
        &self.key
    }

    fn image(&self) -> &Image {
        &self.image
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        if !self.image.sparse {
            return Ok(true);
        }
        self.plane(at).has_any(&at.rect(&self.image))
    }

    fn hit(&self, at: &Block) -> Option<Tile> {
        let tile = self.shelf.hit(at)?;
        self.shared.served.note_tile(&self.grid, at, &tile);
        Some(tile)
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        let tile = match self.shelf.get(at, bands, request)? {
            Some(tile) => tile,
            None => self.make(at, bands, request)?,
        };
        self.shared.served.note_tile(&self.grid, &at, &tile);
        Ok(tile)
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        self.shelf.peek(at, bands)
    }

    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        let tile = self.shelf.try_get(at, bands, request)?;
        self.shared.served.note_tile(&self.grid, &at, &tile);
        Some(tile)
    }

    fn get_window(
        &self,
        _level: u32,
        _rect: Rect,
        _bands: &Bands,
        _request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        // Windows are cut out of tiles, which stay.
        Ok(None)
    }

    fn get_view(&self, _level: u32, _rect: Rect, _bands: &Bands) -> Option<Tile> {
        None
    }

    fn level_image(&self, _level: u32) -> Option<Arc<dyn Provider>> {
        None
    }

    fn origin(&self, level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        let plane = &self.planes[level as usize];
        let is_kept = self.shelf.cache().is_some();
        (!is_kept).then(|| (plane.provider.clone(), plane.level))
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        self.source.mask()
    }

    fn cache(&self) -> Option<&Cache> {
        self.shelf.cache()
    }

    fn is_kept_in(&self, cache: &Cache) -> bool {
        self.cache().is_some_and(|own| own.is(cache))
    }

    fn was_made(&self, at: Block) -> bool {
        self.shared.served.contains(self.grid, at)
    }

    fn is_cancelled(&self) -> bool {
        self.source.is_cancelled()
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        let rect = at.rect(&self.image);
        self.shelf.claim(at, bands, claims, |claims| {
            self.claim_load(at, &rect, bands, claims);
        });
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands) {
        let mut tiles = blocks
            .filter(|at| !self.shelf.contains(*at, bands))
            .peekable();
        let Some(plane) = tiles.peek().map(|at| self.plane(*at)) else {
            return;
        };
        let is_kept = |block: &Block| self.shelf.contains(plane.kept(*block), bands);
        let mut wanted = tiles
            .flat_map(|at| plane.blocks(&at.rect(&self.image)))
            .filter(|block| !is_kept(block));
        plane.provider.announce(&mut wanted, bands);
    }

    fn cell(&self, at: Block) -> Option<Cell> {
        Some(self.shelf.cell(at))
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn counters(&self) -> Counters {
        self.source.counters().under(self.shelf.counters())
    }

    fn usage(&self) -> Usage {
        self.shelf.usage()
    }
}
