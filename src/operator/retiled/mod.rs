//! Retiled: the same image on a uniform grid of any size.

mod copy_resident;
mod plane;
mod service;
mod stitching;

use super::runs::Runs;
use super::siblings::{Served, Tiles, siblings};
use super::window_counts::Windows;
use crate::cache::{
    Asking, Cache, Claims, Class, Counters, Landing, Namespace, ObservedSiblings, ObservedTile,
    Usage, WINDOWS,
};
use crate::error::{Error, Result};
use crate::geometry::{Grid, Rect};
use crate::image::{Bands, Block, Image, MAX_LEVELS, SharedWork};
use crate::in_flight::BlockId;
use crate::load::nesting;
use crate::memory::Beside;
use crate::pad::Pads;
use crate::provider::{Provider, Request, Retention, tile_bytes};
use crate::tile::Tile;
use plane::{Plane, Planes};
use service::Service;
use std::sync::{Arc, Weak};
use stitching::MAX_PASSED_OVER;

/// The tile size where none is given.
const DEFAULT_TILE: u64 = 1024;

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
    /// Level by level.
    planes: Vec<Planes>,
    image: Image,
    tiles: Tiles,
    key: String,
    namespace: Namespace,
    shared: Arc<Shared>,
    pads: Pads,
    height: u32,
}

/// What providers with one key in one cache share.
#[derive(Default)]
struct Shared {
    served: Served,
    /// By the level of the tiles: each may stand on blocks of its own.
    windows: [Windows; MAX_LEVELS],
    /// How much of tiles was read without them.
    parts: Windows,
    /// Which threads go along rows of tiles.
    runs: Runs,
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
    image.in_place = false;
    image.plain = false;
    image.check()?;
    let pad = if options.pad_edges { ":pad" } else { "" };
    let key = format!("{}:retiled:{}x{}{pad}", source.key(), tile.0, tile.1);
    let height = nesting::above(source.height())?;
    let namespace = Namespace::new(cache, &key, &image)?;
    let planes = (0..image.levels.len() as u32)
        .map(|level| Planes::new(&source, level, tile, cache))
        .collect::<Result<Vec<_>>>()?;
    let blocks = |planes: &Planes| planes.iter().map(Plane::grid).collect();
    namespace.keeps_blocks(planes.iter().map(blocks).collect());
    namespace.stitched_from(|| {
        let tiles = (0..).map(|level| image.grid(level));
        let source_blocks = |(planes, tiles): (&Planes, _)| planes.own.source_blocks(tiles);
        planes.iter().zip(tiles).map(source_blocks).collect()
    });
    let share_blocks = |(planes, tiles): (&Planes, Grid)| {
        let mut planes = planes.iter();
        planes.any(|plane| !tiles.holds_all_of(&plane.grid()))
    };
    let grids = (0..).map(|level| image.grid(level));
    let tiles = Tiles {
        grid: (image.grid(0).rows(), image.grid(0).cols()),
        share_blocks: planes.iter().zip(grids).map(share_blocks).collect(),
    };
    Ok(Arc::new_cyclic(|own| Retiled {
        own: own.clone(),
        shared: namespace.companion(),
        pads: Pads::new(&image),
        height,
        source,
        planes,
        tiles,
        image,
        key,
        namespace,
    }))
}

impl Retiled {
    /// How much of the blocks under tiles of a level was read in windows.
    fn windows(&self, at: Block) -> &Windows {
        &self.shared.windows[at.level as usize]
    }

    /// Whether a tile is larger than the part of the image in it.
    fn is_filled_up(&self, at: Block, rect: &Rect) -> bool {
        self.image.block_size(at) != (rect.width, rect.height)
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
        let wanted = self.namespace.bands_to_load(at, bands);
        self.note_run(at);
        let service = self.service(at, &rect, &wanted, request.retention());
        let (made, has) = match service {
            Service::Block(_) | Service::View(_) | Service::Window => {
                let claim = |claims: &mut Claims| {
                    self.claim_service(&service, at, &rect, bands, claims);
                };
                let serve = |bands: &Bands, request: &Request<'_>| {
                    self.serve(&service, at, &rect, bands, request)
                };
                return self.namespace.load_shared(at, bands, request, claim, serve);
            }
            Service::Part(block) => {
                self.namespace.count_miss(request);
                match self.part(block, at, &rect, &wanted, request)? {
                    Some(view) => {
                        if let Some(loading) = self.namespace.loading(at, request) {
                            loading.enter(at, &wanted, &view, Class::Asked);
                        }
                        (view, wanted)
                    }
                    None => {
                        let own = &self.planes[at.level as usize].own;
                        self.assemble(at, own, wanted, request)?
                    }
                }
            }
            Service::Assembly(plane) => {
                self.forget_windows(at, &rect);
                self.namespace.count_miss(request);
                match self.copy_resident(at, plane, &wanted, request)? {
                    Some(tile) => (tile, wanted),
                    None => self.assemble(at, plane, wanted, request)?,
                }
            }
        };
        self.namespace.select(at, made, &has, bands, request)
    }

    /// Looks what a block needs that tiles are made from, and asks other tiers.
    fn ask_block(&self, plane: &Plane, block: Block, bands: &Bands, asking: &mut Asking<'_>) {
        match &plane.resident {
            // What callers may have put there is no matter of what is decoded.
            Some(resident) if !asking.looks_at_all() => {
                self.ask_landing(plane, (resident, block), block, bands, asking);
            }
            _ => plane.provider.ask(block, bands, asking),
        }
    }

    /// Looks at a block that is kept as it is.
    fn ask_landing(
        &self,
        plane: &Plane,
        (namespace, at): (&Namespace, Block),
        of: Block,
        bands: &Bands,
        asking: &mut Asking<'_>,
    ) {
        let landing = Landing {
            namespace,
            at,
            source: &plane.provider,
            of,
        };
        asking.landing(landing, bands, |asking| {
            plane.provider.ask(of, bands, asking);
        });
    }

    /// [`Retiled::ask_block`] of a block of which others than the tile may be made from what is kept.
    fn ask_kept(
        &self,
        at: Block,
        plane: &Plane,
        block: Block,
        bands: &Bands,
        asking: &mut Asking<'_>,
    ) {
        let kept = plane.kept(block);
        let beneath = |asking: &mut Asking<'_>| self.ask_block(plane, block, bands, asking);
        if !plane.is_cached && self.lies_across(at, plane, block) {
            let bytes = tile_bytes(plane.image(), block, bands);
            asking.where_not_kept(&self.namespace, (kept, bands), bytes, beneath);
        } else if asking.looks_at_all() || !self.namespace.contains(kept, bands) {
            beneath(asking);
        }
    }

    /// Looks at the part of the source that is read for a tile by itself.
    fn ask_window(&self, plane: &Plane, at: Block, rect: &Rect, asking: &mut Asking<'_>) {
        if !asking.looks_at_all() {
            return;
        }
        let parts = plane.blocks_of_source(rect);
        let tile = Block::new(at.level + WINDOWS, at.row, at.col);
        asking.decodes(plane.provider.key(), tile, parts, || {
            tile_bytes(&self.image, at, &Bands::ALL)
        });
    }

    /// Looks at the slices that are read for a tile, each so many blocks of the source.
    fn ask_slices(
        &self,
        at: Block,
        plane: &Plane,
        rect: &Rect,
        bands: &Bands,
        asking: &mut Asking<'_>,
    ) {
        if !asking.looks_at_all() {
            return;
        }
        for slice in plane.blocks(rect) {
            let bytes = tile_bytes(plane.image(), slice, bands);
            let read = |asking: &mut Asking<'_>| {
                let cell = Block::new(slice.level + WINDOWS, slice.row, slice.col);
                let key = plane.provider.key();
                let parts = plane.blocks_of_source(&plane.rect(slice));
                asking.decodes(key, cell, parts, || bytes);
            };
            if self.lies_across(at, plane, slice) {
                asking.where_not_kept(&self.namespace, (plane.kept(slice), bands), bytes, read);
            } else {
                read(asking);
            }
        }
    }

    /// Looks at how many tiles are made along with one.
    fn ask_siblings(&self, at: Block, plane: &Plane, asking: &mut Asking<'_>) {
        if self.namespace.cache().is_none() || !asking.looks_at_all() {
            return;
        }
        let (forward, backward) = siblings(&self.image, plane.image(), plane.level, at);
        let count = forward.chain(backward).take(MAX_PASSED_OVER).count();
        let grid = self.image.grid(at.level);
        asking.is_made(ObservedTile::With(ObservedSiblings {
            count: count as u32,
            of_level: grid.rows().saturating_mul(grid.cols()),
            only_of_lost: plane.is_cached,
        }));
    }

    /// Tells the source of tiles which of its blocks are about to be read.
    fn announce_inputs(
        &self,
        plane: &Plane,
        tiles: &mut dyn Iterator<Item = Block>,
        bands: &Bands,
    ) {
        let is_kept = |block: &Block| self.namespace.contains(plane.kept(*block), bands);
        let mut wanted = tiles
            .flat_map(|at| plane.blocks(&at.rect(&self.image)))
            .filter(|block| !is_kept(block));
        plane.announce(&mut wanted, bands);
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
        let own = &self.planes[at.level as usize].own;
        own.has_any(&at.rect(&self.image))
    }

    fn hit(&self, at: &Block) -> Option<Tile> {
        let tile = self.namespace.hit(at)?;
        self.shared.served.note_tile(&self.tiles, at, &tile);
        Some(tile)
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        let tile = match self.namespace.get(at, bands, request)? {
            Some(tile) => tile,
            None => self.make(at, bands, request)?,
        };
        if !request.is_ahead() {
            self.shared.served.note_tile(&self.tiles, &at, &tile);
        }
        Ok(tile)
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        self.namespace.peek(at, bands)
    }

    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        let tile = self.namespace.try_get(at, bands, request)?;
        self.shared.served.note_tile(&self.tiles, &at, &tile);
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

    fn write_beside(
        &self,
        _level: u32,
        _rect: Rect,
        _bands: &Bands,
        _into: &mut [Beside<'_>],
        _request: &Request<'_>,
    ) -> Result<()> {
        Err(Error::internal("pixels that come in blocks alone"))
    }

    fn get_view(&self, _level: u32, _rect: Rect, _bands: &Bands) -> Option<Tile> {
        None
    }

    fn level_image(&self, _level: u32) -> Option<Arc<dyn Provider>> {
        None
    }

    fn origin(&self, level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        let own = &self.planes[level as usize].own;
        Some((own.provider.clone(), own.level))
    }

    fn beneath_part(
        &self,
        at: Block,
        part: &Rect,
        bands: &Bands,
    ) -> Option<(Arc<dyn Provider>, u32)> {
        let plane = &self.planes[at.level as usize].own;
        let blocks_kept = plane.blocks_kept.as_ref()?;
        self.is_better_read_in_part(plane, at, part, bands)
            .then(|| (blocks_kept.clone(), plane.level))
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        self.source.mask()
    }

    fn cache(&self) -> Option<&Cache> {
        self.namespace.cache()
    }

    fn is_kept_in(&self, cache: &Cache) -> bool {
        self.cache().is_some_and(|own| own.is(cache))
    }

    fn was_made(&self, at: Block) -> bool {
        self.shared.served.contains(self.tiles.grid, at)
    }

    fn is_cancelled(&self) -> bool {
        self.source.is_cancelled()
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        let rect = at.rect(&self.image);
        self.namespace.claim(at, bands, claims, |claims| {
            let service = self.service(at, &rect, bands, Retention::Kept);
            self.claim_service(&service, at, &rect, bands, claims);
        });
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands) {
        let mut tiles = blocks
            .filter(|at| !self.namespace.contains(*at, bands))
            .peekable();
        let Some(first) = tiles.peek() else {
            return;
        };
        let planes = &self.planes[first.level as usize];
        if planes.own.provider.image().shared_work == SharedWork::Repeated {
            let tiles: Vec<Block> = tiles.collect();
            self.expect_windows(&planes.own, &tiles);
            return self.announce_inputs(&planes.own, &mut tiles.into_iter(), bands);
        }
        let plane = planes.best(&first.rect(&self.image), bands);
        self.announce_inputs(plane, &mut tiles, bands);
    }

    fn ask(&self, at: Block, bands: &Bands, asking: &mut Asking<'_>) {
        asking.where_missing(&self.namespace, &self.image, at, bands, |asking| {
            let rect = at.rect(&self.image);
            let bands = self.namespace.bands_to_load(at, bands);
            let own = &self.planes[at.level as usize].own;
            match self.service(at, &rect, &bands, Retention::Kept) {
                Service::View(_) => (),
                Service::Window => self.ask_window(own, at, &rect, asking),
                Service::Block(block) if !own.is_cached && asking.asks_tiers() => {
                    self.ask_landing(own, (&self.namespace, at), block, &bands, asking);
                }
                Service::Block(block) | Service::Part(block) => {
                    if own.is_cached {
                        asking.is_made(ObservedTile::View);
                    }
                    self.ask_block(own, block, &bands, asking);
                }
                Service::Assembly(plane) => {
                    self.ask_siblings(at, plane, asking);
                    if plane.is_sliced() {
                        return self.ask_slices(at, plane, &rect, &bands, asking);
                    }
                    let blocks = plane.blocks(&rect).into_iter();
                    blocks.for_each(|block| self.ask_kept(at, plane, block, &bands, asking));
                }
            }
        });
    }

    fn block_id(&self, at: Block) -> Option<BlockId> {
        Some(self.namespace.block_id(at))
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn counters(&self) -> Counters {
        self.source.counters().under(self.namespace.counters())
    }

    fn usage(&self) -> Usage {
        self.namespace.usage()
    }
}
