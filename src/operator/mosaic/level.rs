//! One level of a mosaic, as an image of its own.

use super::painting::{Painting, open_layout};
use super::part::{OpenPart, Shows};
use super::parts::{Over, Parts};
use crate::cache::{Asking, Cache, Claims, Counters, Namespace, Scratch, Usage};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::in_flight::BlockId;
use crate::load::nesting;
use crate::memory::{Beside, Memory};
use crate::operator::siblings::Served;
use crate::pad::Pads;
use crate::provider::{Provider, Request, tile_bytes};
use crate::tile::Tile;
use crate::window::{ask_rect, claim_rect};
use std::sync::Arc;

/// A level of a mosaic, which keeps nothing.
pub struct Level {
    parts: Arc<Parts>,
    level: u32,
    shows: Shows,
    key: String,
    image: Image,
    mask: Option<Arc<dyn Provider>>,
    namespace: Namespace,
    pads: Pads,
    made: Arc<Served>,
    /// Rows and columns of blocks.
    grid: (u64, u64),
    height: u32,
}

impl Level {
    /// A level of a mosaic with this key.
    pub fn provider(
        parts: Arc<Parts>,
        level: u32,
        shows: Shows,
        key: &str,
        mask: Option<Arc<dyn Provider>>,
    ) -> Result<Arc<dyn Provider>> {
        let whole = parts.image();
        let mut image = match shows {
            Shows::Pixels => whole.clone(),
            Shows::Data => Image::new(1, 1, 1, DType::U8),
        };
        image.levels = vec![whole.levels[level as usize]];
        let located = whole.georef.as_ref();
        image.georef = located.and_then(|all| all.from_level(level, 1));
        image.block = whole.block;
        // Whatever covers it may be sparse.
        image.sparse = true;
        image.check()?;
        let key = match level {
            0 => key.to_owned(),
            level => format!("{key}:overview:{level}"),
        };
        let namespace = Namespace::new(None, &key, &image)?;
        let grid = image.grid(0);
        Ok(Arc::new(Self {
            height: nesting::above(parts.height())?,
            made: namespace.companion(),
            namespace,
            pads: Pads::new(&image),
            grid: (grid.rows(), grid.cols()),
            parts,
            level,
            shows,
            key,
            image,
            mask,
        }))
    }

    fn over(&self, at: Block) -> impl Iterator<Item = Over> + use<'_> {
        self.parts.over(self.level, &at.rect(&self.image))
    }

    /// A block as the parts over it have it; `None` if nothing of it is stored.
    fn make(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Option<Tile>> {
        let rect = at.rect(&self.image);
        let scratch = Scratch::new(request.cache());
        let beside = request.with_memory(&scratch);
        let mut painting: Option<Painting> = None;
        for over in self.over(at) {
            // What is hidden is not even opened.
            let visible = match &mut painting {
                Some(painting) => painting.open_within(&over.rect),
                None => Some(over.rect),
            };
            let Some(visible) = visible else { continue };
            let part = self.parts.open(over.number)?;
            let Some(own) = part.own(self.level, &over.place, &visible) else {
                continue;
            };
            let failed = |error| self.parts.failed(over.number, error);
            let is_all = painting.is_none() && (own.width, own.height) == (rect.width, rect.height);
            if is_all && part.is_opaque() && self.shows == Shows::Pixels {
                let tile = part.read(self.level, own, bands, request);
                return tile.map(Some).map_err(failed);
            }
            let painting = match &mut painting {
                Some(painting) => painting,
                none => {
                    let count = bands.count(self.image.band_count());
                    let dtype = self.image.dtype;
                    none.insert(Painting::new(rect, count, dtype, request, &beside)?)
                }
            };
            let reading = part.reading(self.shows, bands);
            let painted = part.for_pieces(self.level, &own, &reading, &beside, |piece, pixels| {
                let place = Rect {
                    x: visible.x + (piece.x - own.x),
                    y: visible.y + (piece.y - own.y),
                    ..piece
                };
                painting.paint(&place, pixels);
                Ok(())
            });
            painted.map_err(failed)?;
            if painting.is_complete() {
                break;
            }
        }
        self.made.note(self.grid, at);
        Ok(painting.and_then(|painting| painting.finish(&self.image.pad)))
    }

    /// Whether anything is stored of a part over a block.
    fn has(&self, part: &OpenPart, over: &Over) -> Result<bool> {
        let Some(own) = part.own(self.level, &over.place, &over.rect) else {
            return Ok(false);
        };
        let has = part.has_any(self.level, &own);
        has.map_err(|error| self.parts.failed(over.number, error))
    }

    /// The bands of the parts that some bands of this are made from.
    fn bands_of_parts(&self, bands: &Bands) -> Bands {
        match self.shows {
            Shows::Pixels => bands.clone(),
            Shows::Data => Bands::ALL,
        }
    }

    /// What stands for a block over which nothing is stored.
    fn pad(&self, at: Block, bands: &Bands) -> Result<Tile> {
        let count = bands.count(self.image.band_count());
        self.pads.tile(self.image.block_shape(at, count)?)
    }
}

impl Provider for Level {
    fn key(&self) -> &str {
        &self.key
    }

    fn image(&self) -> &Image {
        &self.image
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        // What is open is asked first, so that no more is opened than it takes.
        let mut closed = Vec::new();
        for over in self.over(at) {
            match self.parts.find(over.number) {
                Some(part) if self.has(&part, &over)? => return Ok(true),
                Some(_) => (),
                None => closed.push(over),
            }
        }
        for over in closed {
            if self.has(&*self.parts.open(over.number)?, &over)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn hit(&self, _at: &Block) -> Option<Tile> {
        None
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        if self.over(at).next().is_none() {
            return self.pad(at, bands);
        }
        let claim = |claims: &mut Claims| self.claim(at, bands, claims);
        self.namespace
            .get_or_load(at, bands, request, claim, |bands, request| {
                match self.make(at, bands, request)? {
                    Some(tile) => Ok(tile),
                    None => self.pad(at, bands),
                }
            })
    }

    fn peek_block(&self, _at: Block, _bands: &Bands) -> Option<Tile> {
        None
    }

    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        self.namespace.try_get(at, bands, request)
    }

    fn get_window(
        &self,
        _level: u32,
        _rect: Rect,
        _bands: &Bands,
        _request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        // Whole blocks are put together.
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

    fn origin(&self, _level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        None
    }

    fn beneath_part(&self, _: Block, _: &Rect, _: &Bands) -> Option<(Arc<dyn Provider>, u32)> {
        None
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        self.mask.clone()
    }

    fn cache(&self) -> Option<&Cache> {
        None
    }

    fn is_kept_in(&self, _cache: &Cache) -> bool {
        false
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        claims.add(tile_bytes(&self.image, at, bands));
        let bands_made = bands.count(self.image.band_count());
        if let Ok(layout) = open_layout(&at.rect(&self.image), bands_made) {
            claims.add(Memory::allocated_size(layout.span()) as u64);
        }
        // One part is read after the other. What those need that are opened then is not foreseen.
        let open = |over: Over| {
            let part = self.parts.find(over.number)?;
            let own = part.own(self.level, &over.place, &over.rect)?;
            Some((part, own))
        };
        if let Some((part, own)) = self.over(at).find_map(open) {
            let bands = self.bands_of_parts(bands);
            claim_rect(&part.provider, self.level, own, &bands, claims);
        }
    }

    fn announce(&self, _blocks: &mut dyn Iterator<Item = Block>, _bands: &Bands) {
        // What is read of a part is known when those before it are.
    }

    fn ask(&self, at: Block, bands: &Bands, asking: &mut Asking<'_>) {
        let (rect, bands) = (at.rect(&self.image), self.bands_of_parts(bands));
        for over in self.over(at) {
            let Some(part) = self.parts.find(over.number) else {
                continue;
            };
            if let Some(own) = part.own(self.level, &over.place, &over.rect) {
                ask_rect(&part.provider, self.level, &own, &bands, asking);
            }
            if over.rect == rect && part.is_opaque() {
                break;
            }
        }
    }

    fn block_id(&self, at: Block) -> Option<BlockId> {
        Some(self.namespace.block_id(at))
    }

    fn was_made(&self, at: Block) -> bool {
        self.made.contains(self.grid, at)
    }

    fn is_cancelled(&self) -> bool {
        self.parts.is_cancelled()
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn counters(&self) -> Counters {
        self.parts.counters().under(self.namespace.counters())
    }

    fn usage(&self) -> Usage {
        self.namespace.usage()
    }
}
