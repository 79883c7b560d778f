//! Cached: the same image, with its blocks kept in a cache.

use super::window_counts::{Count, Windows};
use crate::cache::{Asking, Cache, Claims, Counters, Landing, Namespace, Scratch, Usage};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::in_flight::BlockId;
use crate::load::nesting;
use crate::memory::Beside;
use crate::provider::{Provider, Request, Retention, tile_bytes, window_bytes};
use crate::tile::Tile;
use crate::window::{ask_rect, claim_rect, cut, read_tile};
use smallvec::SmallVec;
use std::sync::Arc;

/// A transparent provider: key and properties are the source's.
struct Cached {
    source: Arc<dyn Provider>,
    namespace: Namespace,
    /// How much of each block was read in windows, of all providers that share the key in the cache.
    windows: Arc<Windows>,
    /// The levels before the first with a grid of its own.
    own_levels: u32,
    height: u32,
    /// Levels with a grid of their own, cached in their own blocks.
    levels: Vec<Option<Arc<dyn Provider>>>,
}

/// `source` with its blocks in `cache`; itself where they are kept there already, because a load that
/// looked for its own block under its own key would wait for itself. Refused if the cache knows the
/// key for another image.
pub fn cached(source: Arc<dyn Provider>, cache: &Cache) -> Result<Arc<dyn Provider>> {
    if source.is_kept_in(cache) {
        return Ok(source);
    }
    let levels = (0..source.image().levels.len() as u32)
        .map(|level| match (level, source.level_image(level)) {
            (1.., Some(image)) => cached(image, cache).map(Some),
            _ => Ok(None),
        })
        .collect::<Result<_>>()?;
    let kept = kept_image(&*source);
    let namespace = Namespace::new(Some(cache), source.key(), &kept)?;
    Ok(Arc::new(Cached {
        windows: namespace.companion(),
        own_levels: kept.levels.len() as u32,
        namespace,
        height: nesting::above(source.height())?,
        source,
        levels,
    }))
}

/// What a cache keeps of an image under its key.
pub(super) fn kept_image(source: &dyn Provider) -> Image {
    kept_levels(source.image(), |level| source.level_image(level).is_some())
}

/// An image without its levels from the first on that has a grid of its own: those are kept under keys of
/// their own.
pub(super) fn kept_levels(image: &Image, is_apart: impl Fn(u32) -> bool) -> Image {
    let mut image = image.clone();
    let apart = (1..image.levels.len()).find(|level| is_apart(*level as u32));
    image.levels.truncate(apart.unwrap_or(usize::MAX));
    image
}

impl Cached {
    /// The blocks over a rectangle.
    fn blocks(&self, level: u32, rect: &Rect) -> SmallVec<[Block; 4]> {
        let cells = self.image().grid(level).cells_over(rect);
        cells
            .map(|(row, col)| Block::new(level, row, col))
            .collect()
    }

    /// How a window counts in a block. What comes into memory of a cache is part of a tile that is kept.
    fn count(&self, at: Block, rect: &Rect, request: &Request<'_>) -> Count {
        let image = self.image();
        let part = at.rect(image).intersection(rect);
        match request.cache() {
            Some(_) => Count::of_kept(&part),
            None => Count::of_passing(image, at, &part),
        }
    }

    /// Whether so much of some block was read in windows that it had better be decoded, and the cache
    /// can keep all of them, but not what is decoded for windows of them.
    fn is_worth_decoding(
        &self,
        blocks: &[Block],
        rect: &Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> bool {
        let image = self.image();
        let bytes: u64 = blocks.iter().map(|at| tile_bytes(image, *at, bands)).sum();
        let samples = bytes / image.dtype.size() as u64;
        let share = self.namespace.unread_share();
        let of_windows = image.shared_work.kept_of(samples);
        if of_windows.is_some_and(|bytes| bytes <= share) {
            return false;
        }
        let is_kept = bytes <= share;
        let now = |at: &Block| self.count(*at, rect, request).now;
        let mut blocks = blocks.iter();
        blocks.any(|at| self.windows.are_enough(image, *at, now(at))) && is_kept
    }

    /// A window of the source. Where the request comes without memory of a cache, what is decoded for it and others
    /// can use is kept in this one.
    fn read_beneath(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        let read = |request: &Request<'_>| {
            self.namespace.timed(&rect, || {
                self.source.get_window(level, rect, bands, request)
            })
        };
        if request.cache().is_some() {
            return read(request);
        }
        let bytes = window_bytes(self.image(), (rect.width, rect.height), bands);
        let _permits = self.namespace.admit(request, |claims| claims.add(bytes))?;
        let scratch = Scratch::new(self.namespace.cache());
        read(&request.with_memory(&scratch))
    }
}

impl Provider for Cached {
    fn key(&self) -> &str {
        self.source.key()
    }

    fn image(&self) -> &Image {
        self.source.image()
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        Ok(self.namespace.has_put(at, &Bands::ALL) || self.source.has_block(at)?)
    }

    fn hit(&self, at: &Block) -> Option<Tile> {
        // Levels with a grid of their own are kept under keys of their own.
        if at.level >= self.own_levels {
            return None;
        }
        self.namespace.hit(at)
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        if let Some(level) = &self.levels[at.level as usize] {
            return read_tile(level, 0, at.rect(self.image()), bands, request);
        }
        self.namespace.get_or_load(
            at,
            bands,
            request,
            |claims| self.source.claim(at, bands, claims),
            |bands, request| {
                self.windows.forget(self.image(), at);
                self.source.get_block(at, bands, request)
            },
        )
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        if let Some(level) = &self.levels[at.level as usize] {
            claims.add(tile_bytes(self.image(), at, bands));
            return claim_rect(level, 0, at.rect(self.image()), bands, claims);
        }
        self.namespace.claim(at, bands, claims, |claims| {
            self.source.claim(at, bands, claims);
        });
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        self.namespace.peek(at, bands)
    }

    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        self.namespace.try_get(at, bands, request)
    }

    fn get_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        if let Some(image) = &self.levels[level as usize] {
            return image.get_window(0, rect, bands, request);
        }
        let image = self.image();
        if !image.windowed {
            return Ok(None);
        }
        let blocks = self.blocks(level, &rect);
        if let [at] = blocks[..]
            && let Some(tile) = self.namespace.get(at, bands, request)?
        {
            return Ok(Some(tile.map(|block| cut(block, &at.rect(image), &rect))));
        }
        let is_kept = matches!(request.retention(), Retention::Kept | Retention::Planned(_));
        if blocks.iter().any(|at| self.namespace.bears_on(*at, bands))
            || is_kept && self.is_worth_decoding(&blocks, &rect, bands, request)
        {
            return Ok(None);
        }
        for at in &blocks {
            let count = self.count(*at, &rect, request);
            self.windows.note(image, *at, count.later);
        }
        self.namespace.count_miss(request);
        self.read_beneath(level, rect, bands, request)
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

    fn get_view(&self, level: u32, rect: Rect, bands: &Bands) -> Option<Tile> {
        if let Some(image) = &self.levels[level as usize] {
            return image.get_view(0, rect, bands);
        }
        let is_put = |at: &Block| self.namespace.has_put(*at, bands);
        match self.blocks(level, &rect).iter().any(is_put) {
            true => None,
            false => self.source.get_view(level, rect, bands),
        }
    }

    fn level_image(&self, level: u32) -> Option<Arc<dyn Provider>> {
        self.levels.get(level as usize)?.clone()
    }

    fn origin(&self, _level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        None
    }

    fn beneath_part(
        &self,
        at: Block,
        part: &Rect,
        bands: &Bands,
    ) -> Option<(Arc<dyn Provider>, u32)> {
        let is_own = self.levels[at.level as usize].is_none();
        // What is there of the block goes before what is beneath.
        match is_own && !self.namespace.bears_on(at, bands) {
            true => self.source.beneath_part(at, part, bands),
            false => None,
        }
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        self.source.mask()
    }

    fn cache(&self) -> Option<&Cache> {
        self.namespace.cache()
    }

    fn is_kept_in(&self, cache: &Cache) -> bool {
        self.namespace.cache().is_some_and(|own| own.is(cache)) || self.source.is_kept_in(cache)
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands) {
        let mut absent = blocks.filter(|at| !self.namespace.contains(*at, bands));
        self.source.announce(&mut absent, bands);
    }

    fn ask(&self, at: Block, bands: &Bands, asking: &mut Asking<'_>) {
        if let Some(level) = &self.levels[at.level as usize] {
            return ask_rect(level, 0, &at.rect(self.image()), bands, asking);
        }
        let landing = Landing {
            namespace: &self.namespace,
            at,
            source: &self.source,
            of: at,
        };
        asking.landing(landing, bands, |asking| self.source.ask(at, bands, asking));
    }

    fn block_id(&self, at: Block) -> Option<BlockId> {
        match self.levels[at.level as usize] {
            Some(_) => None,
            None => Some(self.namespace.block_id(at)),
        }
    }

    fn was_made(&self, at: Block) -> bool {
        self.source.was_made(at)
    }

    fn is_cancelled(&self) -> bool {
        self.source.is_cancelled()
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
