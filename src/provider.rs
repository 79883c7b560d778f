//! The one model that every source and every operator implements.

use crate::cache::{
    AskedOfTiers, Asking, Cache, Claims, Counters, Moment, PassId, Stamp, Usage, note_request, now,
};
use crate::error::{Kind, Result};
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::in_flight::BlockId;
use crate::layout::Layout;
use crate::load::{Cancel, Cancels, Load, Unshared, cancelled, nesting};
use crate::memory::{Beside, Canvas, Memory};
use crate::tile::Tile;
use std::sync::Arc;

/// An image as a grid of blocks: a file, memory, callbacks, or an operator over another provider.
///
/// Consumers call [`get_block`], [`has_block`], [`peek_block`] and [`read_window`](crate::window),
/// which check their arguments once; the methods may rely on blocks, levels and bands that exist.
///
/// No method has a default: what an operator does not say of itself, the compiler asks for.
pub trait Provider: Send + Sync {
    /// The key under which caches know the image.
    fn key(&self) -> &str;

    /// What the image is; never changes.
    fn image(&self) -> &Image;

    /// Whether the block is stored; an absent one reads as pad. An error of the kind
    /// [`Kind::NotFound`] where it belongs to a level that is missing.
    fn has_block(&self, at: Block) -> Result<bool>;

    /// A resident block with all bands, as a use and a hit, where that takes a few instructions that cannot
    /// fail: [`Namespace::hit`](crate::cache::Namespace::hit). It may be no block of the image, which is then not
    /// resident. Where it says nothing, [`Provider::get_block`] has the answer.
    fn hit(&self, at: &Block) -> Option<Tile>;

    /// The pixels of a block, all of them inside the image unless [`Image::padded`] says otherwise.
    ///
    /// New pixels go into memory from `request`; a tile that already exists is returned as it is.
    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile>;

    /// The block if it can be had without decoding or waiting; not a use for the eviction order.
    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile>;

    /// The block if it can be had without decoding or waiting, as a use and a hit; else a miss.
    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile>;

    /// A rectangle inside the image at a level, where that is possible without decoding all blocks
    /// it touches; `None` where it is not.
    fn get_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>>;

    /// Writes a rectangle of a level that lies in one column of blocks into places beside each other; only asked of images
    /// that say that they can be [spread](Image::spread), past all caches.
    fn write_beside(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        into: &mut [Beside<'_>],
        request: &Request<'_>,
    ) -> Result<()>;

    /// A rectangle of the image as a view of a caller's memory, without a copy, where that is possible.
    fn get_view(&self, level: u32, rect: Rect, bands: &Bands) -> Option<Tile>;

    /// A level as an image of its own with the levels above it, where the level has a grid of its
    /// own; `None` where its blocks are those of level 0, halved.
    fn level_image(&self, level: u32) -> Option<Arc<dyn Provider>>;

    /// The image, and its level, whose blocks those of a level are put together from, pixel by pixel; `None`
    /// where they are made otherwise.
    fn origin(&self, level: u32) -> Option<(Arc<dyn Provider>, u32)>;

    /// The image, and its level, that part of a block is better read of where that is not the whole of what is
    /// wanted: the block is not there, and all that it is put together from would take much more.
    fn beneath_part(
        &self,
        at: Block,
        part: &Rect,
        bands: &Bands,
    ) -> Option<(Arc<dyn Provider>, u32)>;

    /// Where the pixels are data, as an image of one u8 band, 0 or 255, on the same grid; `None`
    /// where the source says nothing beyond nodata values.
    fn mask(&self) -> Option<Arc<dyn Provider>>;

    /// The cache through which blocks are looked up first.
    fn cache(&self) -> Option<&Cache>;

    /// Whether blocks are looked up in `cache`, first of all or where another cache does not have them.
    fn is_kept_in(&self, cache: &Cache) -> bool;

    /// Hears of blocks that are about to be asked for, so that what lies together in a file may be read
    /// at once.
    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands);

    /// Tells what a block is made from where it is not resident, so that other tiers may be asked for it or for that;
    /// declared passes learn so what they will use.
    fn ask(&self, at: Block, bands: &Bands, asking: &mut Asking<'_>);

    /// What stands for a block while it is being made, so that asking for it would wait; `None` where it is
    /// cut out of others or put together from them each time.
    fn block_id(&self, at: Block) -> Option<BlockId>;

    /// Whether the block was made before: one that is not resident all the same did not stay.
    fn was_made(&self, at: Block) -> bool;

    /// Claims the most bytes in flight at once while a block is loaded, those of all loads beneath
    /// included.
    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims);

    /// Whether it is a reader that was cancelled, or one that reads through such a reader.
    fn is_cancelled(&self) -> bool;

    /// How many providers a request goes through at most, this one included.
    fn height(&self) -> u32;

    /// What this provider has done so far.
    fn counters(&self) -> Counters;

    /// What it has in the cache that keeps its own tiles.
    fn usage(&self) -> Usage;
}

/// The memory that a block with these bands takes, or with all of them where they come together.
pub fn tile_bytes(image: &Image, at: Block, bands: &Bands) -> u64 {
    window_bytes(image, image.block_size(at), bands)
}

/// [`tile_bytes`] of a rectangle of so many columns and rows.
pub fn window_bytes(image: &Image, (width, height): (u64, u64), bands: &Bands) -> u64 {
    let all = image.band_count();
    let count = if image.bands_together {
        all as usize
    } else {
        bands.count(all)
    };
    let samples = width.saturating_mul(height).saturating_mul(count as u64);
    let bytes = samples.saturating_mul(image.dtype.size() as u64);
    // No block larger than the address space is ever loaded.
    Memory::allocated_size(bytes.min(isize::MAX as u64) as usize) as u64
}

/// What a call passes down through all providers that serve it.
#[derive(Clone)]
pub struct Request<'a> {
    memory: &'a dyn Allocate,
    begun: Moment,
    retention: Retention,
    readers: Option<&'a Readers<'a>>,
}

/// The readers that a request came through, the latest first.
pub struct Readers<'a> {
    cancel: &'a Arc<Cancel>,
    before: Option<&'a Readers<'a>>,
}

/// What becomes of the tiles that a request loads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// They are kept as the latest ones used.
    #[default]
    Kept,
    /// They are the next to go, and what is found is not used by it: a pass that nobody repeats.
    Streamed,
    /// They are not kept.
    Bypassed,
    /// They are made ahead of their first use, and take no room of what was used since then; what is found is
    /// not used.
    Ahead(Stamp),
    /// They are kept for as long as the plan of a declared pass has it, and what is found is used by it alone.
    Planned(PassId),
}

/// Gives memory for new pixels.
pub trait Allocate: Sync {
    /// Zeroed or recycled memory of at least `len` bytes, in a canvas of `layout`.
    fn canvas(&self, layout: Layout) -> Result<Canvas>;

    /// The cache that counts the memory, if one does.
    fn cache(&self) -> Option<&Cache> {
        None
    }
}

/// Memory straight from the system, counted by no cache.
struct Uncounted;

impl Allocate for Uncounted {
    fn canvas(&self, layout: Layout) -> Result<Canvas> {
        Ok(Canvas::new(Memory::zeroed(layout.span())?, layout))
    }
}

impl<'a> Request<'a> {
    /// A request from outside: new pixels are counted by no cache.
    pub fn new() -> Request<'static> {
        Request {
            memory: &Uncounted,
            begun: now(),
            retention: Retention::Kept,
            readers: None,
        }
    }

    /// The same request, with new pixels in memory from `memory`.
    pub fn with_memory<'b>(&self, memory: &'b dyn Allocate) -> Request<'b>
    where
        'a: 'b,
    {
        Request {
            memory,
            ..self.clone()
        }
    }

    /// The same request for tiles on the way to what it wants, in memory that no cache counts.
    pub fn inner(&self) -> Request<'a> {
        self.with_memory(&Uncounted)
    }

    /// The readers that it came through and, after them, the one that `cancel` cancels.
    pub fn readers<'b>(&self, cancel: &'b Arc<Cancel>) -> Readers<'b>
    where
        'a: 'b,
    {
        Readers {
            cancel,
            before: self.readers,
        }
    }

    /// The same request as the latest of `readers` makes it. Each of them cancels it, and how its
    /// tiles are kept is said by the first that says anything.
    pub fn by_reader<'b>(&self, retention: Retention, readers: &'b Readers<'b>) -> Request<'b>
    where
        'a: 'b,
    {
        Request {
            retention: match self.retention {
                Retention::Kept => retention,
                outer => outer,
            },
            readers: Some(readers),
            ..self.clone()
        }
    }

    /// The same request, as if it had begun no earlier than then.
    pub fn since(&self, begun: Moment) -> Request<'a> {
        Request {
            begun: self.begun.max(begun),
            ..self.clone()
        }
    }

    /// The same request, with another way of keeping tiles.
    pub fn kept_as(&self, retention: Retention) -> Request<'a> {
        Request {
            retention,
            ..self.clone()
        }
    }

    /// What becomes of the tiles that it loads.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// Whether it makes tiles ahead of their first use, and uses none.
    pub fn is_ahead(&self) -> bool {
        matches!(self.retention, Retention::Ahead(_))
    }

    /// What cancels it, whoever wants the load that it is a part of. A load that was begun by the same
    /// reader ends when nobody wants it, and not before.
    pub fn cancels(&self) -> Cancels {
        if self.readers.is_none() {
            return Cancels::new();
        }
        let load = Load::current();
        let is_known = |cancel: &Arc<Cancel>| load.as_ref().is_some_and(|it| it.is_under(cancel));
        std::iter::successors(self.readers, |readers| readers.before)
            .map(|readers| readers.cancel)
            .filter(|cancel| !is_known(cancel))
            .cloned()
            .collect()
    }

    /// An error if it was cancelled, or if nobody wants the load that it is a part of.
    pub fn check_cancelled(&self) -> Result<()> {
        let ended = self.cancels().iter().any(|cancel| cancel.is_cancelled())
            || Load::current().is_some_and(|load| load.is_cancelled());
        if ended { Err(cancelled()) } else { Ok(()) }
    }

    /// Does something on the way that only this request wants, and that calls the source.
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        Load::begin(self.cancels(), Unshared).run(work)
    }

    /// When the request began: it gets the pixels of then or later ones.
    pub fn begun(&self) -> Moment {
        self.begun
    }

    /// A canvas for new pixels.
    pub fn canvas(&self, layout: Layout) -> Result<Canvas> {
        self.memory.canvas(layout)
    }

    /// The cache that counts the memory of new pixels, if one does.
    pub fn cache(&self) -> Option<&Cache> {
        self.memory.cache()
    }
}

impl Default for Request<'static> {
    fn default() -> Self {
        Self::new()
    }
}

/// [`Provider::get_block`] with its arguments checked.
pub fn get_block(provider: &dyn Provider, at: Block, bands: &Bands) -> Result<Tile> {
    if bands.list().is_none()
        && let Some(tile) = provider.hit(&at)
    {
        return Ok(tile);
    }
    provider.image().check_block(at, bands)?;
    nesting::enter(provider.height(), || {
        let request = Request::new();
        let _asked = AskedOfTiers::all(provider, || vec![at], bands, &request)?;
        note_request(provider, at, bands, &request);
        provider.get_block(at, bands, &request)
    })
}

/// [`get_block`] of a block that was found in the image, after other tiers were asked.
pub fn get_block_asked(
    provider: &dyn Provider,
    at: Block,
    bands: &Bands,
    request: &Request<'_>,
) -> Result<Tile> {
    nesting::enter(provider.height(), || {
        note_request(provider, at, bands, request);
        provider.get_block(at, bands, request)
    })
}

/// [`Provider::peek_block`] with its arguments checked.
pub fn peek_block(provider: &dyn Provider, at: Block, bands: &Bands) -> Result<Option<Tile>> {
    provider.image().check_block(at, bands)?;
    check_cancelled(provider)?;
    Ok(provider.peek_block(at, bands))
}

/// [`Provider::try_block`] with its arguments checked.
pub fn try_block(provider: &dyn Provider, at: Block, bands: &Bands) -> Result<Option<Tile>> {
    if bands.list().is_none()
        && let Some(tile) = provider.hit(&at)
    {
        return Ok(Some(tile));
    }
    provider.image().check_block(at, bands)?;
    check_cancelled(provider)?;
    let request = Request::new();
    let found = provider.try_block(at, bands, &request);
    if found.is_some() {
        note_request(provider, at, bands, &request);
    }
    Ok(found)
}

/// [`Provider::has_block`]: false outside the grid, and for levels that do not exist or are missing.
pub fn has_block(provider: &dyn Provider, at: Block) -> Result<bool> {
    check_cancelled(provider)?;
    let has = match provider.image().check_block(at, &Bands::ALL) {
        Ok(()) if provider.image().sparse => nesting::enter(provider.height(), || {
            Request::new().run(|| provider.has_block(at))
        }),
        Ok(()) => provider.has_block(at),
        Err(_) => Ok(false),
    };
    match has {
        Err(error) if error.kind() == Kind::NotFound => Ok(false),
        has => has,
    }
}

/// An error if the provider is a reader that was cancelled.
pub fn check_cancelled(provider: &dyn Provider) -> Result<()> {
    if provider.is_cancelled() {
        return Err(cancelled());
    }
    Ok(())
}
