//! How a tile is put together: the blocks that its parts come from, the siblings that they complete, and what
//! is kept of them.

use super::Retiled;
use super::plane::Plane;
use super::service::Service;
use crate::cache::{Cache, Claims, Class, Loading, Namespace, Permits, Scratch};
use crate::error::{Error, Result};
use crate::image::{Bands, Block};
use crate::in_flight::{self, Draft, Maker, Start, Stitch, Want, Wanted, Way};
use crate::layout::Layout;
use crate::memory::{Beside, Canvas};
use crate::operator::siblings::siblings;
use crate::provider::{Provider, Request, Retention};
use crate::tile::Tile;
use std::sync::Arc;

/// The search for siblings ends after so many tiles that need not be made.
pub const MAX_PASSED_OVER: usize = 4096;

impl Retiled {
    /// What makes the inputs of a tile, which are blocks of a plane.
    pub fn stitching(
        &self,
        at: Block,
        plane: &Plane,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Stitching> {
        let view = self.own.upgrade();
        Ok(Stitching {
            view: view.ok_or_else(|| Error::internal("a provider that is going"))?,
            at,
            nth: plane.nth,
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
        let plane = stitch.plane();
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

    /// Puts the tile together from the blocks over it. The task of another thread may give more bands.
    pub fn assemble(
        &self,
        at: Block,
        plane: &Plane,
        bands: Bands,
        request: &Request<'_>,
    ) -> Result<(Tile, Bands)> {
        let want = || self.namespace.want(at, bands.clone());
        if let Some(joined) = in_flight::join(&want(), Way::Stitch, request) {
            return self.join(joined, at, &bands, request);
        }
        let stitch = self.stitching(at, plane, &bands, request)?;
        let permits = stitch.admit(request)?;
        let loading = self.namespace.loading(at, request);
        let canvas = |loading: &Option<Loading>, layout| match loading {
            Some(loading) => request.with_memory(loading).canvas(layout).map(Some),
            None => request.canvas(layout).map(Some),
        };
        // It asks a sparse source for blocks, and was admitted already.
        let draft = request.run(|| self.draft(stitch, loading, canvas))?;
        let is_resident = || self.namespace.seems_to_contain(at, &bands);
        let begun = match in_flight::begin(&want(), draft, request, permits, is_resident) {
            Some(Start::Begun(begun)) => begun,
            Some(Start::Joined(joined)) => return self.join(joined, at, &bands, request),
            // Completed by another thread since the look-up; if it is gone again, once more.
            None => {
                return match self.namespace.find(at, &bands, request) {
                    Some(tile) => Ok((tile, bands)),
                    None => self.assemble(at, plane, bands, request),
                };
            }
        };
        self.namespace.timed(&at, || {
            let wanted = begun.with_siblings(|bands| self.siblings(at, plane, bands, request));
            request.run(|| self.announce_inputs(plane, &mut std::iter::once(at), wanted.bands()));
            let stitch = self.stitching(at, plane, wanted.bands(), request)?;
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
        let planes = &self.planes[at.level as usize];
        let plane = joined
            .first_input()
            .map_or(&planes.own, |kept| planes.of_kept(kept));
        let stitch = self.stitching(at, plane, joined.bands(), request)?;
        let made = self.namespace.count_wait(joined).stitch(&stitch, request)?;
        self.namespace.touch(at, bands, request);
        Ok(made)
    }

    /// The siblings of a tile that there is room for, ready to be put together.
    fn siblings(
        &self,
        at: Block,
        plane: &Plane,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Vec<(Want, Draft)> {
        let bypasses = request.retention() == Retention::Bypassed;
        if bypasses || self.namespace.cache().is_none() {
            return Vec::new();
        }
        let (forward, backward) = siblings(&self.image, plane.image(), plane.level, at);
        let nearest = forward.chain(backward);
        if let Retention::Planned(pass) = request.retention() {
            let wanted = self.namespace.by_next_use(pass, nearest.collect());
            return self.sibling_drafts(wanted.into_iter(), plane, bands, request);
        }
        if !self.makes_siblings(at, plane, bands) {
            return Vec::new();
        }
        let unserved = |tile: &Block| !self.shared.served.contains(self.tiles.grid, *tile);
        let next = |tile: &Block| unserved(tile) && self.is_next_of_thread(at, plane, *tile);
        self.sibling_drafts(nearest.filter(next), plane, bands, request)
    }

    /// The first of some tiles that are not there, as many as there is room for.
    fn sibling_drafts(
        &self,
        tiles: impl Iterator<Item = Block>,
        plane: &Plane,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Vec<(Want, Draft)> {
        let mut drafts = Vec::new();
        let mut passed_over = 0;
        for at in tiles {
            let known = self.namespace.contains(at, bands) || self.namespace.is_loading(at, bands);
            if known || !self.has_block(at).unwrap_or(false) {
                passed_over += 1;
                if passed_over == MAX_PASSED_OVER {
                    break;
                }
                continue;
            }
            // Nobody has asked for siblings, so what stands in their way is no error.
            let loading = self.namespace.loading(at, request);
            let canvas = |loading: &Option<Loading>, layout| match loading {
                Some(loading) => loading.sibling(layout),
                None => Ok(None),
            };
            let stitch = self.stitching(at, plane, bands, request);
            match stitch.and_then(|stitch| self.draft(stitch, loading, canvas)) {
                Ok(Some(draft)) => drafts.push((self.namespace.want(at, bands.clone()), draft)),
                _ => break,
            }
        }
        drafts
    }

    /// Whether siblings save decodes: always where blocks are not cached with the tiles, else where
    /// a block did not stay in the cache the last time.
    fn makes_siblings(&self, at: Block, plane: &Plane, bands: &Bands) -> bool {
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

    /// Whether some tile needs the block and blocks beyond those of tile `at`.
    pub fn lies_across(&self, at: Block, plane: &Plane, block: Block) -> bool {
        let (blocks, tiles) = (plane.grid(), self.image.grid(at.level));
        let own = blocks.blocks_over(&tiles.rect(at.row, at.col));
        let (rows, cols) = tiles.blocks_over(&plane.rect(block));
        let corners = [(rows.start, cols.start), (rows.end - 1, cols.end - 1)];
        let mut corners = corners.iter();
        corners.any(|(row, col)| blocks.blocks_over(&tiles.rect(*row, *col)) != own)
    }

    /// Whether a tile that is not there yet needs the block and blocks beyond those of tile `at`.
    fn straddles(&self, at: Block, plane: &Plane, block: Block, bands: &Bands) -> bool {
        let blocks = plane.grid();
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
                    && !self.shared.served.contains(self.tiles.grid, tile)
                    && !self.namespace.contains(tile, bands)
            })
    }
}

/// Makes the inputs of a tile.
pub struct Stitching {
    view: Arc<Retiled>,
    at: Block,
    /// Which plane of the level the inputs are blocks of.
    nth: u32,
    bands: Bands,
    retention: Retention,
}

impl Stitching {
    fn plane(&self) -> &Plane {
        self.view.planes[self.at.level as usize].nth(self.nth)
    }
}

impl Maker for Stitching {
    fn make(&self, kept: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        let view = &self.view;
        let plane = self.plane();
        let block = plane.of_kept(kept);
        let resident = plane.resident.as_ref();
        if let Some(tile) = resident.and_then(|it| it.find(block, bands, request)) {
            return Ok(tile);
        }
        // Not a use: a kept block waits for the last tile that needs it, and not for its turn to go.
        let tile = match view.namespace.peek(kept, bands) {
            Some(kept) => kept,
            None => plane.read(block, bands, request)?,
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
        let service = Service::Assembly(self.plane());
        let claim = |claims: &mut Claims| view.claim_service(&service, *at, &rect, bands, claims);
        view.namespace.admit(request, claim)
    }

    fn try_help(&self) -> Option<Permits> {
        let Self {
            view, at, bands, ..
        } = self;
        let rect = at.rect(&view.image);
        let claim = |claims: &mut Claims| self.plane().claim_blocks(&rect, bands, claims);
        view.namespace.try_admit(claim)
    }
}

impl Stitch for Stitching {
    fn cache(&self) -> Option<&Cache> {
        self.view.namespace.cache()
    }

    fn retention(&self) -> Retention {
        self.retention
    }

    fn height(&self) -> u32 {
        self.view.height
    }

    fn is_spread(&self) -> bool {
        self.plane().is_spread()
    }

    fn write(
        &self,
        kept: Block,
        bands: &Bands,
        into: &mut [Beside<'_>],
        request: &Request<'_>,
    ) -> Result<()> {
        let plane = self.plane();
        let rect = plane.rect(plane.of_kept(kept));
        plane
            .provider
            .write_beside(plane.level, rect, bands, into, request)
    }

    fn keep(&self, kept: Block, tile: &Tile, request: &Request<'_>, scratch: &Scratch<'_>) {
        let Self {
            view, at, bands, ..
        } = self;
        let plane = self.plane();
        let block = plane.of_kept(kept);
        if view.namespace.contains(kept, bands) {
            if !view.straddles(*at, plane, block, bands) {
                view.namespace.give_up(tile);
            }
            return;
        }
        let caches = [view.namespace.cache(), plane.provider.cache()];
        let is_there = caches.iter().flatten().any(|cache| cache.counts(tile));
        let has_put = |namespace: &Namespace| namespace.has_put(block, bands);
        let is_mixed = plane.resident.as_ref().is_some_and(has_put);
        if !plane.is_cached
            && !is_there
            && !is_mixed
            && !tile.buffer().is_foreign()
            && view.straddles(*at, plane, block, bands)
            && let Some(loading) = view.namespace.loading(kept, request)
            && loading.reserve_unread(tile.buffer().size())
        {
            scratch.hand_over(tile);
            loading.enter(kept, bands, tile, Class::Unread);
        }
    }
}
