//! Where a provider's tiles are looked up, waited for and kept.

use super::census::{Decoding, SourceCensus};
use super::claims::{Claims, Permits};
use super::counts::{Counts, LoadCounts};
use super::gather::gather;
use super::index::{Cell, Found, Look};
use super::key::{KEPT_LEVELS, kept_level};
use super::lineage::Lineage;
use super::moment::Moment;
use super::picked::Picked;
use super::plan::{NEVER, PassId};
use super::tier::TierSource;
use super::{Cache, Class, Counters, Loading, LookUp, Registration, SourceBlocks, Usage};
use crate::error::Result;
use crate::geometry::Grid;
use crate::image::{Bands, Block, Image};
use crate::in_flight::{self, BlockId, ImageId, Maker, Start, Want, Way};
use crate::layout::Layout;
use crate::load::Load;
use crate::memory::{Canvas, Memory};
use crate::provider::{Request, Retention};
use crate::tile::Tile;
use std::any::Any;
use std::fmt::Display;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// A provider's namespace: in a cache, or without one, where only loads in progress are shared.
pub struct Namespace {
    /// What hits need to know of the place, where it is in a cache: a copy, for the way to that of the registration is longer.
    look_up: Option<LookUp>,
    place: Place,
    /// What tells its blocks in flight from those of all other images.
    image: Arc<ImageId>,
    key: Arc<str>,
    lineage: Arc<Lineage>,
    bands: u32,
    bands_together: bool,
    /// Of an image of many bands that can be picked.
    picked: Option<Arc<Picked>>,
    /// What happens here is no caller's business, and not counted.
    is_hidden: bool,
}

enum Place {
    Cached(Arc<Registration>),
    Alone(Box<Counts>),
}

impl Place {
    fn look_up(&self) -> Option<LookUp> {
        match self {
            Place::Cached(registration) => Some(registration.look_up.clone()),
            Place::Alone(_) => None,
        }
    }

    fn companion<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        match self {
            Place::Cached(registration) => {
                registration.with(|store, key| store.key_record_mut(key).companion())
            }
            Place::Alone(_) => Arc::default(),
        }
    }
}

impl Namespace {
    /// A namespace for the image with this key; in `cache` if there is one.
    pub fn new(cache: Option<&Cache>, key: &str, image: &Image) -> Result<Self> {
        let place = match cache {
            Some(cache) => Place::Cached(Arc::new(cache.register(key, image)?)),
            None => Place::Alone(Box::default()),
        };
        let has_tier = cache.is_some_and(Cache::has_tier);
        // Another tier has whole blocks.
        let picked = (Picked::are_of(image) && !has_tier).then(|| place.companion());
        Ok(Self {
            look_up: place.look_up(),
            image: place.companion(),
            picked,
            place,
            key: key.into(),
            lineage: Lineage::of(key),
            bands: image.band_count(),
            bands_together: image.bands_together,
            is_hidden: false,
        })
    }

    /// The same namespace, for tiles that no caller asks for: neither their gets nor their loads are counted.
    pub fn hidden(self) -> Self {
        Self {
            is_hidden: true,
            ..self
        }
    }

    /// The same namespace, where it is in a cache.
    pub fn in_cache(&self) -> Option<Self> {
        let Place::Cached(registration) = &self.place else {
            return None;
        };
        Some(Self {
            look_up: self.look_up.clone(),
            place: Place::Cached(registration.clone()),
            image: self.image.clone(),
            key: self.key.clone(),
            lineage: self.lineage.clone(),
            picked: self.picked.clone(),
            ..*self
        })
    }

    /// The key of the image.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key, to be shared.
    pub(super) fn shared_key(&self) -> &Arc<str> {
        &self.key
    }

    /// What decodes the blocks of the image, for those who look at caches as a whole.
    pub fn is_decoded_by(&self, source: Weak<dyn Decoding>) {
        self.lineage.note_decoding(source);
    }

    /// What decodes the blocks of the image ends, and was and did this in the end.
    pub fn was_decoded_by(&self, source: *const (), last: SourceCensus) {
        self.lineage.note_closed(source, last);
    }

    /// The cache, if there is one.
    pub fn cache(&self) -> Option<&Cache> {
        match &self.place {
            Place::Cached(registration) => Some(&registration.cache),
            Place::Alone(_) => None,
        }
    }

    /// The source as another tier of the cache knows it, if it does.
    pub(super) fn tier_source(&self) -> Option<&Arc<TierSource>> {
        match &self.place {
            Place::Cached(registration) => registration.tier_source.as_ref(),
            Place::Alone(_) => None,
        }
    }

    /// What all keys of the image share.
    pub(super) fn lineage(&self) -> &Arc<Lineage> {
        &self.lineage
    }

    /// Tells the cache what the tiles are stitched from, level by level, if that matters to it.
    pub fn stitched_from(&self, source_blocks: impl FnOnce() -> Vec<Option<SourceBlocks>>) {
        if let Place::Cached(registration) = &self.place
            && registration.cache.0.options.cheap_first
        {
            let source_blocks = source_blocks();
            registration.with(|store, key| store.set_source_blocks(key, source_blocks));
        }
    }

    /// Tells the cache of the blocks that may be kept beside the tiles: by the level of the tiles those of
    /// each image that they can be put together from.
    pub fn keeps_blocks(&self, grids: Vec<Vec<Grid>>) {
        if let Place::Cached(registration) = &self.place {
            let grids = grids.into_iter().map(Vec::into_boxed_slice).collect();
            registration.with(|store, key| store.set_kept_blocks(key, grids));
        }
    }

    /// The cell that keeps a block of the `nth` image beneath the tiles of a level.
    pub fn kept_cell(tiles: u32, nth: u32, block: Block) -> Block {
        Block::new(kept_level(tiles, nth), block.row, block.col)
    }

    /// A number that changes when the pixels of the image do.
    pub fn generation(&self) -> Moment {
        self.lineage.generation_of(&self.key)
    }

    /// What happened here so far.
    pub fn counters(&self) -> Counters {
        match &self.place {
            Place::Cached(registration) => {
                let shared = &registration.cache.0;
                shared.with(|store| store.key_counters(registration.key()))
            }
            Place::Alone(counts) => counts.counters(),
        }
    }

    /// What is here now; nothing without a cache.
    pub fn usage(&self) -> Usage {
        match &self.place {
            Place::Cached(registration) => {
                let shared = &registration.cache.0;
                shared.with_held(|store| store.usage(registration.key()))
            }
            Place::Alone(_) => Usage::default(),
        }
    }

    /// Counts what becomes of a request, under the key and among all.
    fn count(&self, count: impl Fn(&LoadCounts)) {
        match &self.place {
            _ if self.is_hidden => (),
            Place::Cached(registration) => {
                let LookUp { index, counts, .. } = &registration.look_up;
                count(&counts.loads);
                count(&index.counts.loads);
            }
            Place::Alone(counts) => count(&counts.loads),
        }
    }

    /// The resident tile with all bands, as a use and a hit, where that takes a few instructions that
    /// cannot fail.
    #[inline(always)]
    pub fn hit(&self, at: &Block) -> Option<Tile> {
        match &self.look_up {
            // Beyond the levels of images are blocks that are kept for tiles.
            Some(look_up) if at.level < KEPT_LEVELS => look_up.hit(at),
            _ => None,
        }
    }

    /// The resident tile, as a use unless the request only passes by; counted as a hit if there is
    /// one.
    pub fn get(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Option<Tile>> {
        let Place::Cached(registration) = &self.place else {
            return Ok(None);
        };
        match registration.find(at, bands, self.bands, look_of(request)) {
            Some(found) if found.is_exact => Ok(Some(found.tile)),
            Some(Found { tile, .. }) => {
                let has = tile.form().bands.clone();
                self.select(at, tile, &has, bands, request).map(Some)
            }
            None => Ok(None),
        }
    }

    /// [`Namespace::get`] for what may not wait: some bands of a tile that cannot be seen as a view are copied and
    /// not kept. Counts a miss too.
    pub fn try_get(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        let found = self.look(at, bands, look_of(request));
        if found.is_none() {
            self.count_miss(request);
        }
        found
    }

    /// Counts that a request did not find its tile, unless it makes tiles ahead.
    pub fn count_miss(&self, request: &Request<'_>) {
        if !request.is_ahead() {
            self.count(LoadCounts::count_miss);
        }
    }

    /// The resident tile with just these bands or more, as a use that is not counted.
    pub fn find(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        let look = match request.is_ahead() {
            true => Look::Peek,
            false => Look::Touch,
        };
        self.look(at, bands, look)
    }

    /// Counts a tile that was just made by another thread as used by the request, if it is resident.
    pub fn touch(&self, at: Block, bands: &Bands, request: &Request<'_>) {
        if let Place::Cached(registration) = &self.place
            && !request.is_ahead()
        {
            drop(registration.find(at, bands, self.bands, Look::Touch));
        }
    }

    /// No tile is expected to need one that was made ahead any more: it is among the next to go.
    pub fn give_up(&self, tile: &Tile) {
        if let Place::Cached(registration) = &self.place {
            registration.with(|store, _| store.give_up(tile.buffer()));
        }
    }

    /// What all providers with this key in this cache share beside the tiles; made on first use.
    pub fn companion<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        self.place.companion()
    }

    /// The resident tile; not a use, not counted.
    pub fn peek(&self, at: Block, bands: &Bands) -> Option<Tile> {
        self.look(at, bands, Look::Peek)
    }

    fn look(&self, at: Block, bands: &Bands, look: Look) -> Option<Tile> {
        let Place::Cached(registration) = &self.place else {
            return None;
        };
        let found = registration.find(at, bands, self.bands, look)?;
        let Some(has) = found.has() else {
            return Some(found.tile);
        };
        let positions = bands.positions_in(has, self.bands)?;
        let request = Request::new();
        let tile = &found.tile;
        tile.select(&positions, |layout| request.canvas(layout))
            .ok()
    }

    /// Whether a tile is resident.
    pub fn contains(&self, at: Block, bands: &Bands) -> bool {
        match &self.place {
            Place::Cached(registration) => registration.contains(at, bands, self.bands),
            Place::Alone(_) => false,
        }
    }

    /// The same under a lock, without looking whether another tier still lets it be believed: who gets it looks.
    pub fn seems_to_contain(&self, at: Block, bands: &Bands) -> bool {
        match &self.place {
            Place::Cached(registration) => registration.seems_to_contain(at, bands, self.bands),
            Place::Alone(_) => false,
        }
    }

    /// Whether a caller put pixels of some of these bands into a cell, and they are resident.
    pub fn has_put(&self, at: Block, bands: &Bands) -> bool {
        match &self.place {
            Place::Cached(registration) => !registration.puts(at, bands).is_empty(),
            Place::Alone(_) => false,
        }
    }

    /// Whether a cell has, or will soon have, pixels that go before those of the source: resident ones,
    /// those being loaded, or some of these bands that a caller put.
    pub fn bears_on(&self, at: Block, bands: &Bands) -> bool {
        self.contains(at, bands) || self.has_put(at, bands) || self.is_loading(at, bands)
    }

    /// A tile as it was loaded, with what callers had put of its bands when the request began.
    pub fn with_puts(
        &self,
        at: Block,
        bands: &Bands,
        tile: Tile,
        request: &Request<'_>,
    ) -> Result<Tile> {
        self.with_puts_since(at, bands, tile, request.begun(), |layout| {
            request.canvas(layout)
        })
    }

    /// [`Namespace::with_puts`] of a request that began then, in memory from `canvas`.
    pub fn with_puts_since(
        &self,
        at: Block,
        bands: &Bands,
        tile: Tile,
        begun: Moment,
        canvas: impl Fn(Layout) -> Result<Canvas>,
    ) -> Result<Tile> {
        let Place::Cached(registration) = &self.place else {
            return Ok(tile);
        };
        let mut tiles = registration.puts(at, bands);
        if tiles.is_empty() || registration.was_put_since(at, begun) {
            return Ok(tile);
        }
        tiles.push((tile, bands.clone()));
        gather(bands, &tiles, canvas)
    }

    /// Those of some blocks that a declared pass will use, the next first.
    pub fn by_next_use(&self, pass: PassId, blocks: Vec<Block>) -> Vec<Block> {
        let Place::Cached(registration) = &self.place else {
            return Vec::new();
        };
        let cells: Vec<_> = blocks.iter().map(|at| registration.cell(*at)).collect();
        let steps = registration.with(|store, _| store.next_uses(pass, &cells));
        let mut wanted: Vec<_> = steps.into_iter().zip(blocks).collect();
        wanted.retain(|(step, _)| *step != NEVER);
        wanted.sort_by_key(|(step, _)| *step);
        wanted.into_iter().map(|(_, at)| at).collect()
    }

    /// The cache, and what stands there for a block.
    pub(super) fn place_of(&self, at: Block) -> Option<(&Cache, Cell)> {
        match &self.place {
            Place::Cached(registration) => Some((&registration.cache, registration.cell(at))),
            Place::Alone(_) => None,
        }
    }

    /// The most that tiles made ahead of their first use may take; nothing without a cache.
    pub fn unread_share(&self) -> u64 {
        self.cache().map_or(0, Cache::unread_share)
    }

    /// Whether a tile is being made.
    pub fn is_loading(&self, at: Block, bands: &Bands) -> bool {
        in_flight::contains(self.block_id(at), bands, self.bands)
    }

    /// Whether a tile is being put together.
    pub fn is_stitched(&self, at: Block, bands: &Bands) -> bool {
        in_flight::is_stitched(&self.want(at, bands.clone()))
    }

    /// What stands for a block while it is being made.
    pub fn block_id(&self, at: Block) -> BlockId {
        self.image.block_id(at)
    }

    /// A block with these bands, made from the present pixels.
    pub fn want(&self, at: Block, bands: Bands) -> Want {
        if let Place::Cached(registration) = &self.place {
            registration.believe();
        }
        Want {
            block: self.block_id(at),
            bands,
            all: self.bands,
            oldest: self.generation(),
        }
    }

    /// The bands to load where `bands` are asked for of a block that is not there: all, where a part would cost as much
    /// or others are likely to be asked for.
    pub fn bands_to_load(&self, at: Block, bands: &Bands) -> Bands {
        if self.bands_together && !self.picks(at, bands) {
            Bands::ALL
        } else {
            bands.clone()
        }
    }

    /// [`Namespace::bands_to_load`] of what nobody keeps.
    pub fn bands_to_read(&self, bands: &Bands) -> Bands {
        self.bands_to_load(Block::new(0, 0, 0), bands)
    }

    /// Whether some of many bands of a block are loaded without the others.
    fn picks(&self, at: Block, bands: &Bands) -> bool {
        let count = bands.count(self.bands) as u64;
        let all = u64::from(self.bands);
        match (&self.picked, &self.place) {
            (Some(picked), _) if !picked.are_few(count, all) => false,
            (Some(_), Place::Alone(_)) => true,
            (Some(picked), Place::Cached(registration)) => picked.stay_alone(|| {
                registration.has_others(at, bands)
                    && registration.with(|store, key| store.has_room_for_all(key, count, all))
            }),
            (None, _) => false,
        }
    }

    /// Memory for a tile that will be entered; `None` without a cache.
    pub fn loading(&self, at: Block, request: &Request<'_>) -> Option<Loading> {
        match &self.place {
            Place::Cached(registration) => Some(Loading::new(registration.clone(), at, request)),
            Place::Alone(_) => None,
        }
    }

    /// Cuts the wanted bands out of a tile that has more. A copy is kept like any other tile, and waits
    /// for the in-flight cap: nobody may own a permit who asks for it from outside.
    pub fn select(
        &self,
        at: Block,
        tile: Tile,
        has: &Bands,
        wanted: &Bands,
        request: &Request<'_>,
    ) -> Result<Tile> {
        if has == wanted {
            return Ok(tile);
        }
        let positions = wanted.positions_in(has, self.bands).unwrap_or_default();
        if let Some(view) = tile.bands(&positions) {
            return Ok(Tile::hold(view));
        }
        match self.loading(at, request) {
            Some(loading) => {
                let mut permits = None;
                let copy = tile.select(&positions, |layout| {
                    let bytes = Memory::allocated_size(layout.span()) as u64;
                    permits = Some(self.admit(request, |claims| claims.add(bytes))?);
                    request.with_memory(&loading).canvas(layout)
                })?;
                loading.enter(at, wanted, &copy, Class::Asked);
                Ok(copy)
            }
            None => tile.select(&positions, |layout| request.canvas(layout)),
        }
    }

    /// Claims what the load of a tile will have in flight, as `load` tells, unless the tile is resident.
    pub fn claim(
        &self,
        at: Block,
        bands: &Bands,
        claims: &mut Claims,
        load: impl FnOnce(&mut Claims),
    ) {
        if !claims.finds(|| self.peek_whole(at, bands)) {
            claims.counted_by(self.cache(), load);
        }
    }

    /// The resident tile if it has just these bands; not a use.
    fn peek_whole(&self, at: Block, bands: &Bands) -> Option<Tile> {
        let Place::Cached(registration) = &self.place else {
            return None;
        };
        let found = registration.find(at, bands, self.bands, Look::Peek)?;
        found.is_exact.then_some(found.tile)
    }

    /// Waits until all caches beneath let a load begin that has in flight what `load` claims, if it is
    /// one from outside.
    pub fn admit(&self, request: &Request<'_>, load: impl FnOnce(&mut Claims)) -> Result<Permits> {
        self.claims(load).admit(&request.cancels())
    }

    /// [`Namespace::admit`] without waiting: `None` if some cache does not admit it now.
    pub fn try_admit(&self, load: impl FnOnce(&mut Claims)) -> Option<Permits> {
        self.claims(load).try_admit()
    }

    /// What `load` claims, if it is one from outside.
    fn claims(&self, load: impl FnOnce(&mut Claims)) -> Claims {
        let mut claims = Claims::default();
        if !Load::is_nested() {
            claims.counted_by(self.cache(), load);
        }
        claims
    }

    /// The tile of a block: resident, or loaded by another thread right now, or loaded by `load`,
    /// which gets the bands to load and has in flight what `claim` claims.
    pub fn get_or_load(
        &self,
        at: Block,
        bands: &Bands,
        request: &Request<'_>,
        claim: impl Fn(&mut Claims),
        load: impl Fn(&Bands, &Request<'_>) -> Result<Tile>,
    ) -> Result<Tile> {
        match self.get(at, bands, request)? {
            Some(tile) => Ok(tile),
            None => self.load_shared(at, bands, request, claim, load),
        }
    }

    /// The tile of a block that is not resident: loaded by another thread right now, or by `load`,
    /// which gets the bands to load and has in flight what `claim` claims.
    pub fn load_shared(
        &self,
        at: Block,
        bands: &Bands,
        request: &Request<'_>,
        claim: impl Fn(&mut Claims),
        load: impl Fn(&Bands, &Request<'_>) -> Result<Tile>,
    ) -> Result<Tile> {
        self.count_miss(request);
        let to_load = self.bands_to_load(at, bands);
        let loader = Loader {
            namespace: self,
            claim,
            load,
        };
        let want = || self.want(at, to_load.clone());
        let wanted = loop {
            let permits = match self.try_admit(&loader.claim) {
                Some(permits) => permits,
                // Who joins what another thread makes needs no room for it.
                None => match in_flight::join(&want(), Way::Call, request) {
                    Some(joined) => break self.count_wait(joined),
                    None => self.admit(request, &loader.claim)?,
                },
            };
            let is_resident = || self.seems_to_contain(at, &to_load);
            match in_flight::begin(&want(), None, request, permits, is_resident) {
                Some(Start::Begun(begun)) => break begun.alone(),
                Some(Start::Joined(joined)) => break self.count_wait(joined),
                // Made by another thread since the look-up; if it is gone again, once more.
                None => match self.peek(at, bands) {
                    Some(tile) => return Ok(tile),
                    None => continue,
                },
            }
        };
        let was_ahead = wanted.was_ahead();
        let (tile, has) = wanted.make(&loader, request)?;
        if was_ahead {
            self.touch(at, bands, request);
        }
        self.select(at, tile, &has, bands, request)
    }

    /// Counts that a thread waits for what another has begun.
    pub fn count_wait<T>(&self, joined: T) -> T {
        self.count(LoadCounts::count_wait);
        joined
    }

    fn load(
        &self,
        at: Block,
        bands: &Bands,
        request: &Request<'_>,
        load: impl Fn(&Bands, &Request<'_>) -> Result<Tile>,
    ) -> Result<Tile> {
        self.timed(&at, || match self.loading(at, request) {
            Some(mut loading) => {
                let tile = load(bands, &request.with_memory(&loading))?;
                let tile = self.with_puts(at, bands, tile, request)?;
                if request.is_ahead() && in_flight::is_asked_for() {
                    loading.raise();
                }
                if !tile.is_absent() {
                    loading.enter(at, bands, &tile, Class::Asked);
                }
                Ok(tile)
            }
            None => load(bands, request),
        })
    }

    /// Counts a load of what is named, its time and its failure.
    pub fn timed<T>(&self, what: &dyn Display, load: impl FnOnce() -> Result<T>) -> Result<T> {
        let begin = Instant::now();
        let outcome = load();
        let took = begin.elapsed();
        self.count(|counts| counts.count_load(took, outcome.is_err()));
        if let Some(cache) = self.cache() {
            cache.0.log.loaded(&self.key, what, took, &outcome);
        }
        outcome
    }
}

/// What a get is to the order in which tiles go.
fn look_of(request: &Request<'_>) -> Look {
    match request.retention() {
        Retention::Streamed | Retention::Planned(_) => Look::Read,
        Retention::Kept | Retention::Bypassed => Look::Get,
        Retention::Ahead(_) => Look::Peek,
    }
}

/// Loads the blocks of a namespace by a call to its source.
struct Loader<'a, C, L> {
    namespace: &'a Namespace,
    claim: C,
    load: L,
}

impl<C, L> Maker for Loader<'_, C, L>
where
    C: Fn(&mut Claims),
    L: Fn(&Bands, &Request<'_>) -> Result<Tile>,
{
    fn make(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        self.namespace.load(at, bands, request, &self.load)
    }

    fn admit(&self, request: &Request<'_>) -> Result<Permits> {
        self.namespace.admit(request, &self.claim)
    }

    fn try_help(&self) -> Option<Permits> {
        self.namespace.try_admit(&self.claim)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::*;
    use crate::dtype::DType;
    use crate::sync::Mutex;

    #[test]
    fn each_kind_of_provider_with_one_key_shares_its_own_things() {
        let cache = Cache::new(1 << 20, Options::default()).unwrap();
        let image = Image::new(1, 1, 1, DType::U8);
        let namespaces = [0; 2].map(|_| Namespace::new(Some(&cache), "k:image:0", &image).unwrap());
        let one: Arc<Mutex<u8>> = namespaces[0].companion();
        let _other: Arc<Mutex<u16>> = namespaces[0].companion();
        let again: Arc<Mutex<u8>> = namespaces[1].companion();
        assert!(Arc::ptr_eq(&one, &again));
    }
}
