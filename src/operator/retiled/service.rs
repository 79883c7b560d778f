//! How a tile that is not resident is served: decided once, and read by what admits it and what makes it.

use super::Retiled;
use super::plane::{Plane, Planes};
use crate::cache::Claims;
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::{Bands, Block, SharedWork};
use crate::operator::window_counts::Count;
use crate::provider::{Request, Retention, tile_bytes};
use crate::tile::Tile;
use crate::window::{cut, prefers_window, read_tile};
use hashbrown::HashMap;

/// How a tile is served.
pub enum Service<'a> {
    /// The source's own block is just the tile.
    Block(Block),
    /// The tile is memory of a caller.
    View(Tile),
    /// The source reads just this part of itself.
    Window,
    /// The tile is a part of a block that the cache keeps anyway; put together where it does not.
    Part(Block),
    /// The tile is put together from blocks.
    Assembly(&'a Plane),
}

impl Retiled {
    /// How the tile over `rect` is served, told without reading anything.
    pub fn service(
        &self,
        at: Block,
        rect: &Rect,
        bands: &Bands,
        retention: Retention,
    ) -> Service<'_> {
        let planes = &self.planes[at.level as usize];
        let own = &planes.own;
        if self.has_blocks(own, rect, bands) {
            return Service::Assembly(own);
        }
        if let Some(block) = self.same_block(own, at, rect) {
            return Service::Block(block);
        }
        if !self.is_filled_up(at, rect) {
            if let Some(view) = own.provider.get_view(own.level, *rect, bands) {
                return Service::View(view);
            }
            if planes.reads_tile(tile_bytes(&self.image, at, bands))
                || prefers_window(&*own.provider, own.level, rect)
                    && !self.is_worth_decoding(at, rect, bands)
            {
                return match self.read_for_several(planes, at, rect, bands, retention) {
                    Some(rows) => Service::Assembly(rows),
                    None => Service::Window,
                };
            }
            if let Some(block) = self.block_that_stays(own, rect, retention) {
                return Service::Part(block);
            }
        }
        Service::Assembly(planes.best(rect, bands))
    }

    /// Notes that a tile is asked for which is not there, where others may be made along with it.
    pub fn note_run(&self, at: Block) {
        if let Some(rows) = self.planes[at.level as usize].shared_rows() {
            let cols = self.image.grid(at.level).cols();
            let step = self.tiles_side_by_side(at, rows);
            self.shared.runs.note(at, step, cols);
        }
    }

    /// How many tiles of the level of one are beside each other in rows of a block.
    fn tiles_side_by_side(&self, at: Block, rows: &Plane) -> u64 {
        let tile = self.image.grid(at.level).rect(0, 0);
        rows.image().block.0.div_ceil(tile.width.max(1))
    }

    /// What a tile is read by along with those beside it, whose rows are then read once: where another thread does so already,
    /// or where that is likely to be asked for, and there is room for them.
    fn read_for_several<'a>(
        &self,
        planes: &'a Planes,
        at: Block,
        rect: &Rect,
        bands: &Bands,
        retention: Retention,
    ) -> Option<&'a Plane> {
        let (Retention::Kept, Some(cache)) = (retention, self.namespace.cache()) else {
            return None;
        };
        let (rows, is_likely) = match (planes.shared_rows(), planes.spread_strips()) {
            (Some(rows), _) => (rows, self.goes_along(rows, at, rect)),
            (None, Some(strips)) => (strips, self.have_cost_their_strips(at, rect)),
            (None, None) => return None,
        };
        let others = (self.tiles_side_by_side(at, rows) - 1) * tile_bytes(&self.image, at, bands);
        let has_room = || others <= cache.unread_share();
        (self.namespace.is_stitched(at, bands) || is_likely && has_room()).then_some(rows)
    }

    /// Whether the calling thread goes along the tiles and has come to the first of a block of those that it will ask for:
    /// where two take them by turns, that is one of the first two.
    fn goes_along(&self, rows: &Plane, at: Block, rect: &Rect) -> bool {
        let before = rect.x % rows.image().block.0;
        let threads = self.shared.runs.threads_along(at);
        threads.is_some_and(|threads| before < threads * rect.width)
    }

    /// Those of the tiles beside one that the calling thread is likely to ask for, of those that are read along with it.
    pub fn is_next_of_thread(&self, at: Block, plane: &Plane, other: Block) -> bool {
        let rows = self.planes[at.level as usize].shared_rows();
        let by_turns = rows.is_some_and(|rows| std::ptr::eq(rows, plane))
            && self.shared.runs.threads_along(at) == Some(2);
        !by_turns || other.col % 2 == at.col % 2
    }

    /// Whether windows of the strips under a tile, whoever asked for them, have cost as much as these.
    fn have_cost_their_strips(&self, at: Block, rect: &Rect) -> bool {
        let own = &self.planes[at.level as usize].own;
        let image = own.provider.image();
        own.blocks(rect).into_iter().all(|strip| {
            let part = own.rect(strip).intersection(rect);
            let now = Count::of_passing(image, strip, &part).now;
            self.windows(at).are_enough(image, strip, now)
        })
    }

    /// Counts the windows of the strips under a tile anew, which are read now.
    pub fn forget_windows(&self, at: Block, rect: &Rect) {
        let planes = &self.planes[at.level as usize];
        if planes.spread_strips().is_some() {
            let image = planes.own.provider.image();
            let strips = planes.own.blocks(rect).into_iter();
            strips.for_each(|strip| self.windows(at).forget(image, strip));
        }
    }

    /// The tile from one call to the source.
    pub fn serve(
        &self,
        service: &Service<'_>,
        at: Block,
        rect: &Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Tile> {
        let plane = &self.planes[at.level as usize].own;
        match service {
            Service::Block(block) => return plane.provider.get_block(*block, bands, request),
            Service::View(view) => return Ok(view.clone()),
            Service::Window => {
                self.note_window(at, rect);
                let window = plane
                    .provider
                    .get_window(plane.level, *rect, bands, request)?;
                if let Some(tile) = window {
                    return Ok(tile);
                }
            }
            Service::Part(_) | Service::Assembly(_) => (),
        }
        // Blocks have come into the cache since that was decided.
        read_tile(&plane.provider, plane.level, *rect, bands, request)
    }

    /// Claims what the load of a tile has in flight that is served so.
    pub fn claim_service(
        &self,
        service: &Service<'_>,
        at: Block,
        rect: &Rect,
        bands: &Bands,
        claims: &mut Claims,
    ) {
        let own = &self.planes[at.level as usize].own;
        if let Service::Block(block) = service {
            return own.provider.claim(*block, bands, claims);
        }
        claims.add(tile_bytes(&self.image, at, bands));
        match service {
            Service::Part(_) => own.claim_blocks(rect, bands, claims),
            Service::Assembly(plane) => plane.claim_blocks(rect, bands, claims),
            Service::Block(_) | Service::View(_) | Service::Window => (),
        }
    }

    /// The part of a block that the cache keeps anyway; `None` if it turns out that it does not.
    pub fn part(
        &self,
        block: Block,
        at: Block,
        rect: &Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        let plane = &self.planes[at.level as usize].own;
        let tile = plane.provider.get_block(block, bands, &request.inner())?;
        let is_kept = self
            .namespace
            .cache()
            .is_some_and(|cache| cache.counts(&tile));
        Ok(is_kept.then(|| tile.map(|pixels| cut(pixels, &plane.rect(block), rect))))
    }

    /// The source's own block, where it is just the tile.
    fn same_block(&self, plane: &Plane, at: Block, rect: &Rect) -> Option<Block> {
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

    /// The only block over a rectangle, where the cache keeps it anyway and it is not too large to be kept
    /// for a part of it.
    fn block_that_stays(&self, plane: &Plane, rect: &Rect, retention: Retention) -> Option<Block> {
        let (Some(cache), [block]) = (self.namespace.cache(), &plane.blocks(rect)[..]) else {
            return None;
        };
        let pixel_bytes = self.image.bands.len() * self.image.dtype.size();
        // A block in memory is far smaller than what saturates.
        let bytes = |rect: &Rect| {
            let area = rect.width.saturating_mul(rect.height);
            area.saturating_mul(pixel_bytes as u64)
        };
        let stays = plane.is_cached
            && retention != Retention::Bypassed
            && bytes(&plane.rect(*block)) <= cache.view_limit(bytes(rect));
        stays.then_some(*block)
    }

    /// Whether the cache of the tiles has a block over a rectangle, or pixels that a caller put, where blocks
    /// are not looked up through it anyway.
    fn has_blocks(&self, plane: &Plane, rect: &Rect, bands: &Bands) -> bool {
        let mut blocks = plane.blocks(rect).into_iter();
        blocks.any(|at| {
            let resident = plane.resident.as_ref();
            self.namespace.contains(plane.kept(at), bands)
                || resident.is_some_and(|it| it.contains(at, bands) || it.has_put(at, bands))
        })
    }

    /// Notes how much of each block over a rectangle is read in a window, or what that costs.
    fn note_window(&self, at: Block, rect: &Rect) {
        let planes = &self.planes[at.level as usize];
        let own = &planes.own;
        let image = own.provider.image();
        let count = |block, part: &Rect| match image.shared_work {
            SharedWork::Repeated => part.area(),
            _ => Count::of_passing(image, block, part).later,
        };
        if image.shared_work == SharedWork::Repeated || planes.spread_strips().is_some() {
            for block in own.blocks(rect) {
                let part = own.rect(block).intersection(rect);
                self.windows(at).note(image, block, count(block, &part));
            }
        }
    }

    /// Notes at once what will be read of each block for some tiles, where that is too much for windows.
    pub fn expect_windows(&self, plane: &Plane, tiles: &[Block]) {
        let image = plane.provider.image();
        let mut wanted = HashMap::<Block, u64>::new();
        for tile in tiles {
            let rect = tile.rect(&self.image);
            for block in plane.blocks(&rect) {
                let part = plane.rect(block).intersection(&rect);
                *wanted.entry(block).or_default() += part.area();
            }
        }
        let Some(windows) = tiles.first().map(|tile| self.windows(*tile)) else {
            return;
        };
        for (block, pixels) in wanted {
            if windows.are_enough(image, block, pixels) {
                windows.note(image, block, pixels);
            }
        }
    }

    /// Whether so many windows of the blocks over a rectangle were read that they had better be
    /// decoded now, and the cache can keep what comes of it.
    fn is_worth_decoding(&self, at: Block, rect: &Rect, bands: &Bands) -> bool {
        let plane = &self.planes[at.level as usize].own;
        let image = plane.provider.image();
        if image.shared_work != SharedWork::Repeated {
            return false;
        }
        let Some(cache) = self.namespace.cache() else {
            return false;
        };
        let sample_bytes = bands.count(image.band_count()) as u64 * image.dtype.size() as u64;
        let mut bytes = 0u64;
        let enough = plane.blocks(rect).into_iter().all(|block| {
            let all = plane.rect(block);
            let area = all.width.saturating_mul(all.height);
            bytes = bytes.saturating_add(area.saturating_mul(sample_bytes));
            let part = all.intersection(rect);
            self.windows(at).are_enough(image, block, part.area())
        });
        enough && bytes <= cache.unread_share()
    }

    /// Whether a part of a tile is better read by itself than cut out of the tile, of which nothing is there yet: as a window,
    /// where what is decoded for it stays, or because it takes at most three quarters of the blocks that the tile takes,
    /// none of them wider or higher than tiles, and the cache can keep them.
    pub fn is_better_read_in_part(
        &self,
        plane: &Plane,
        at: Block,
        part: &Rect,
        bands: &Bands,
    ) -> bool {
        let tile = at.rect(&self.image);
        let Some(cache) = self.namespace.cache() else {
            return false;
        };
        // What is there is asked for most, so this comes before all that counts blocks.
        if *part == tile || cache.has_tier() || self.namespace.bears_on(at, bands) {
            return false;
        }
        let blocks = plane.blocks(part);
        let is_kept = |block: &Block| self.namespace.contains(plane.kept(*block), bands);
        let area = |rect: &Rect| rect.width.saturating_mul(rect.height);
        let image = plane.provider.image();
        let samples = area(part).saturating_mul(bands.count(image.band_count()) as u64);
        if let Some(kept) = image.shared_work.kept_of(samples)
            && prefers_window(&*plane.provider, plane.level, part)
        {
            return area(part) <= area(&tile) / 4 * 3
                && kept <= cache.unread_share()
                && !blocks.iter().any(is_kept)
                && self.is_read_in_part_again(at, part);
        }
        let of_part: u64 = blocks.iter().map(|block| area(&plane.rect(*block))).sum();
        let of_tile = plane.blocks(&tile);
        let of_tile: u64 = of_tile.iter().map(|block| area(&plane.rect(*block))).sum();
        let bytes = blocks.iter().map(|block| tile_bytes(image, *block, bands));
        let is_small = |block: &Block| {
            let rect = plane.rect(*block);
            rect.width <= self.image.block.0 && rect.height <= self.image.block.1
        };
        of_part <= of_tile / 4 * 3
            && blocks.iter().all(is_small)
            && bytes.sum::<u64>() <= cache.unread_share()
            && !blocks.iter().any(is_kept)
    }

    /// Whether a tile is read in parts once more, which is counted: until they have as many pixels as it has. Each takes
    /// transforms, which the tile takes once.
    fn is_read_in_part_again(&self, at: Block, part: &Rect) -> bool {
        let parts = &self.shared.parts;
        let is_enough = parts.are_enough(&self.image, at, part.area());
        match is_enough {
            true => parts.forget(&self.image, at),
            false => parts.note(&self.image, at, part.area()),
        }
        !is_enough
    }
}
