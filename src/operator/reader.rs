//! Reader: the same image, read in a way of one's own.

use super::pass::Schedule;
use crate::cache::{Asking, Cache, Claims, Counters, Usage};
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::in_flight::BlockId;
use crate::load::{Cancel, Load};
use crate::memory::Beside;
use crate::provider::{Provider, Request, Retention, check_cancelled};
use crate::tile::Tile;
use std::sync::Arc;

/// How a reader reads.
#[derive(Clone, Default)]
pub struct ReaderOptions {
    /// What becomes of the tiles that it has loaded.
    pub retention: Retention,
    /// The load on whose behalf it reads, if on another thread than the load's own.
    pub load: Option<Arc<Load>>,
}

struct Reader {
    source: Arc<dyn Provider>,
    options: ReaderOptions,
    cancel: Arc<Cancel>,
    height: u32,
    /// Where it is in its order, if that was declared.
    schedule: Option<Arc<Schedule>>,
}

/// `source` read as `options` say, until `cancel` ends it. It has the source's key, and shares its
/// tiles.
pub fn reader(
    source: Arc<dyn Provider>,
    options: ReaderOptions,
    cancel: Arc<Cancel>,
) -> Arc<dyn Provider> {
    Arc::new(Reader {
        height: source.height() + 1,
        source,
        options,
        cancel,
        schedule: None,
    })
}

/// [`reader`] of what is scheduled.
pub(super) fn scheduled(
    source: Arc<dyn Provider>,
    retention: Retention,
    cancel: Arc<Cancel>,
    schedule: Arc<Schedule>,
) -> Arc<dyn Provider> {
    let options = ReaderOptions {
        retention,
        load: None,
    };
    Arc::new(Reader {
        height: source.height() + 1,
        source,
        options,
        cancel,
        schedule: Some(schedule),
    })
}

impl Reader {
    fn like_this(&self, source: Arc<dyn Provider>) -> Arc<dyn Provider> {
        reader(source, self.options.clone(), self.cancel.clone())
    }

    fn read<R>(
        &self,
        request: &Request<'_>,
        read: impl FnOnce(&Request<'_>) -> Result<R>,
    ) -> Result<R> {
        check_cancelled(self)?;
        let readers = request.readers(&self.cancel);
        let request = request.by_reader(self.options.retention, &readers);
        let read = || {
            // What a callback said when it gave up is of no use to anybody.
            read(&request).or_else(|error| request.check_cancelled().and(Err(error)))
        };
        match &self.options.load {
            Some(load) => load.run(read),
            None => read(),
        }
    }
}

impl Provider for Reader {
    fn key(&self) -> &str {
        self.source.key()
    }

    fn image(&self) -> &Image {
        self.source.image()
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        self.read(&Request::new(), |request| {
            request.run(|| self.source.has_block(at))
        })
    }

    fn hit(&self, at: &Block) -> Option<Tile> {
        match self.options.retention {
            Retention::Kept if !self.is_cancelled() => self.source.hit(at),
            _ => None,
        }
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        let schedule = self.schedule.as_ref();
        let _step = schedule.and_then(|schedule| schedule.begin(at));
        self.read(request, |request| self.source.get_block(at, bands, request))
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        self.source.peek_block(at, bands)
    }

    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        let readers = request.readers(&self.cancel);
        let request = request.by_reader(self.options.retention, &readers);
        let tile = self.source.try_block(at, bands, &request)?;
        let schedule = self.schedule.as_ref();
        drop(schedule.and_then(|schedule| schedule.begin(at)));
        Some(tile)
    }

    fn get_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        self.read(request, |request| {
            self.source.get_window(level, rect, bands, request)
        })
    }

    fn write_beside(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        into: &mut [Beside<'_>],
        request: &Request<'_>,
    ) -> Result<()> {
        self.read(request, |request| {
            self.source.write_beside(level, rect, bands, into, request)
        })
    }

    fn get_view(&self, level: u32, rect: Rect, bands: &Bands) -> Option<Tile> {
        self.source.get_view(level, rect, bands)
    }

    fn level_image(&self, level: u32) -> Option<Arc<dyn Provider>> {
        Some(self.like_this(self.source.level_image(level)?))
    }

    fn origin(&self, level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        let (origin, level) = self.source.origin(level)?;
        Some((self.like_this(origin), level))
    }

    fn beneath_part(
        &self,
        at: Block,
        part: &Rect,
        bands: &Bands,
    ) -> Option<(Arc<dyn Provider>, u32)> {
        // A declared pass plans its tiles, and counts on them.
        if self.schedule.is_some() {
            return None;
        }
        let (beneath, level) = self.source.beneath_part(at, part, bands)?;
        Some((self.like_this(beneath), level))
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        Some(self.like_this(self.source.mask()?))
    }

    fn cache(&self) -> Option<&Cache> {
        self.source.cache()
    }

    fn is_kept_in(&self, cache: &Cache) -> bool {
        self.source.is_kept_in(cache)
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands) {
        let announced = self.read(&Request::new(), |request| {
            request.run(|| self.source.announce(blocks, bands));
            Ok(())
        });
        // Nobody asks a reader that was cancelled for the blocks.
        drop(announced);
    }

    fn ask(&self, at: Block, bands: &Bands, asking: &mut Asking<'_>) {
        asking.for_reader(self.options.retention, &self.cancel, |asking| {
            self.source.ask(at, bands, asking);
        });
    }

    fn block_id(&self, at: Block) -> Option<BlockId> {
        self.source.block_id(at)
    }

    fn was_made(&self, at: Block) -> bool {
        self.source.was_made(at)
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        self.source.claim(at, bands, claims);
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled() || self.source.is_cancelled()
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn counters(&self) -> Counters {
        self.source.counters()
    }

    fn usage(&self) -> Usage {
        self.source.usage()
    }
}
