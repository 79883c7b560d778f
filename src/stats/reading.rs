//! Reading: each block of what is beneath once, and of what caches have nothing displaced.

use crate::cache::{AskedOfTiers, Cache, Options, Scratch};
use crate::error::{Error, Result};
use crate::geometry::{Grid, Rect};
use crate::image::{Bands, Block};
use crate::load::{Cancel, nesting};
use crate::operator::{Order, PassOptions, ReaderOptions, cached, pass, plane, reader};
use crate::provider::{Provider, Request, Retention, check_cancelled};
use crate::tile::{Pixels, Tile};
use crate::window::{cut, prefers_window, read_tile};
use std::sync::Arc;

/// What the blocks of a mask may take where nothing else limits it; its blocks are others than those of the image.
pub const MASK_BYTES: u64 = 64 << 20;

/// A level of an image, read block by block.
///
/// Tiles that are put together from blocks are looked for in their cache, without a use, for a caller may have put
/// them; what is not there comes from the blocks beneath, so that each of these is decoded once whatever the tiles. The
/// reader streams: what it finds is not used, and what it loads is the next to go.
pub struct Reading {
    /// Tiles over the blocks, from the top down.
    tiles: Vec<Level>,
    blocks: Level,
    mask: Option<Level>,
}

/// A level of a provider.
struct Level {
    provider: Arc<dyn Provider>,
    level: u32,
}

impl Level {
    fn grid(&self) -> Grid {
        self.provider.image().grid(self.level)
    }
}

impl Reading {
    /// A level that the image has; `cancel` ends it. Blocks of a mask take at most so many bytes.
    pub fn new(
        source: Arc<dyn Provider>,
        level: u32,
        cancel: &Arc<Cancel>,
        mask_bytes: u64,
    ) -> Result<Self> {
        let options = || ReaderOptions {
            retention: Retention::Streamed,
            load: None,
        };
        nesting::above(source.height())?;
        let mask = source.mask();
        let mask = mask
            .map(|mask| mask_level(&*source, mask, level))
            .transpose()?;
        let source = reader(source, options(), cancel.clone());
        let (mut provider, mut level) = plane(&source, level);
        let mut tiles = Vec::new();
        while let Some((origin, of_origin)) = provider.origin(level) {
            if provider.cache().is_some() {
                tiles.push(Level { provider, level });
            }
            (provider, level) = plane(&origin, of_origin);
        }
        Ok(Self {
            tiles,
            blocks: Level {
                provider: declared(provider, level, cancel),
                level,
            },
            mask: mask
                .map(|mask| mask.read_by(cancel, mask_bytes))
                .transpose()?,
        })
    }

    /// The blocks that it reads.
    pub fn grid(&self) -> Grid {
        self.blocks.grid()
    }

    /// Tells the source of blocks that are about to be read.
    pub fn announce(&self, places: impl Iterator<Item = (u64, u64)>) {
        let mut blocks = places.map(|(row, col)| Block::new(self.blocks.level, row, col));
        let provider = &self.blocks.provider;
        Request::new().run(|| provider.announce(&mut blocks, &Bands::ALL));
    }

    /// Calls `each` with the pixels of some rectangles in a block, all bands of them, and where they lie.
    pub fn block(
        &self,
        (row, col): (u64, u64),
        parts: &[Rect],
        scratch: &Scratch<'_>,
        each: &mut dyn FnMut(&Rect, &Pixels) -> Result<()>,
    ) -> Result<()> {
        let provider = &*self.blocks.provider;
        check_cancelled(provider)?;
        let at = Block::new(self.blocks.level, row, col);
        let mut one = OneBlock {
            provider,
            at,
            rect: self.grid().rect(row, col),
            scratch,
            tile: None,
        };
        for part in parts {
            self.through(&self.tiles, part, &mut one, each)?;
        }
        if let Some(tile) = one.tile {
            scratch.reclaim(tile);
        }
        Ok(())
    }

    /// A rectangle of a block as the uppermost of some tiles show it.
    fn through(
        &self,
        tiles: &[Level],
        part: &Rect,
        block: &mut OneBlock<'_>,
        each: &mut dyn FnMut(&Rect, &Pixels) -> Result<()>,
    ) -> Result<()> {
        let Some((top, beneath)) = tiles.split_first() else {
            return block.read(part, each);
        };
        let provider = &*top.provider;
        for (row, col) in top.grid().cells_over(part) {
            let rect = top.grid().rect(row, col);
            let inside = rect.intersection(part);
            match provider.peek_block(Block::new(top.level, row, col), &Bands::ALL) {
                Some(tile) => each(&inside, &cut(&tile, &rect, &inside))?,
                None => self.through(beneath, &inside, block, each)?,
            }
        }
        Ok(())
    }

    /// The mask over a rectangle, if there is one.
    pub fn mask(&self, rect: &Rect) -> Result<Option<Tile>> {
        let Some(Level { provider, level }) = &self.mask else {
            return Ok(None);
        };
        let read = || read_tile(provider, *level, *rect, &Bands::ALL, &Request::new());
        nesting::enter(provider.height(), read).map(Some)
    }
}

impl Level {
    /// A mask, read until `cancel` ends it. Its blocks may be larger than those of the image, so some are kept.
    fn read_by(self, cancel: &Arc<Cancel>, bytes: u64) -> Result<Level> {
        let own = Cache::new(bytes, Options::default())?;
        let options = ReaderOptions {
            retention: Retention::Streamed,
            load: None,
        };
        let mask = cached(self.provider, &own)?;
        Ok(Level {
            provider: reader(mask, options, cancel.clone()),
            level: self.level,
        })
    }
}

/// The blocks of a level in row order: what they are computed from is kept for the next ones, and takes no room of
/// others. A stack that is too high for that is read as it is.
fn declared(provider: Arc<dyn Provider>, level: u32, cancel: &Arc<Cancel>) -> Arc<dyn Provider> {
    let options = PassOptions {
        level,
        streams: true,
        ..PassOptions::default()
    };
    let declared = pass(provider.clone(), Order::Rows, &options, cancel.clone());
    declared.unwrap_or(provider)
}

/// The level of a mask that goes with a level of its image.
fn mask_level(source: &dyn Provider, mask: Arc<dyn Provider>, level: u32) -> Result<Level> {
    let size = source.image().levels[level as usize];
    match mask.image().levels.get(level as usize) {
        Some(own) if *own == size => Ok(Level {
            provider: mask,
            level,
        }),
        _ => Err(Error::unsupported(format!(
            "the mask has no level {level} of {} x {} pixels",
            size.0, size.1
        ))),
    }
}

/// A block with all bands.
fn get(provider: &dyn Provider, at: Block, scratch: &Scratch<'_>) -> Result<Tile> {
    nesting::enter(provider.height(), || {
        let request = Request::new();
        let _asked = AskedOfTiers::all(provider, || vec![at], &Bands::ALL, &request)?;
        provider.get_block(at, &Bands::ALL, &request.with_memory(scratch))
    })
}

/// A block of which parts are read.
struct OneBlock<'a> {
    provider: &'a dyn Provider,
    at: Block,
    rect: Rect,
    scratch: &'a Scratch<'a>,
    /// The block, once it was needed.
    tile: Option<Tile>,
}

impl OneBlock<'_> {
    /// A part: read by itself where that is better, else cut out of the block.
    fn read(
        &mut self,
        part: &Rect,
        each: &mut dyn FnMut(&Rect, &Pixels) -> Result<()>,
    ) -> Result<()> {
        let (provider, level) = (self.provider, self.at.level);
        if self.tile.is_none() && prefers_window(provider, level, part) {
            let request = Request::new();
            let read = || provider.get_window(level, *part, &Bands::ALL, &request);
            if let Some(tile) = nesting::enter(provider.height(), read)? {
                return each(part, &tile);
            }
        }
        if self.tile.is_none() {
            self.tile = Some(get(provider, self.at, self.scratch)?);
        }
        match &self.tile {
            Some(tile) => each(part, &cut(tile, &self.rect, part)),
            None => Ok(()),
        }
    }
}
