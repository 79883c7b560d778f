//! Sources: what decodes pixels in the first place, and the provider over any of them.

pub mod beneath;
pub mod beside;
mod decoded;
mod exif;
mod fax;
pub mod file;
pub mod formats;
pub mod hidden;
mod in_place;
pub mod index;
pub mod jfif;
pub mod jp2;
pub(crate) mod jpeg;
pub mod memory;
pub mod missing;
pub mod nitf;
mod nodata_text;
mod number;
mod numbered;
mod parts;
pub mod png;
mod rgb;
pub(crate) mod samples;
mod scratch;
pub mod tiff;
mod uncompressed;
mod warnings;
mod world;
mod xml;

use crate::cache::{
    Asking, Cache, Claims, Counters, Decode, Decoding, Namespace, SourceCensus, Usage,
    name_or_number, title,
};
use crate::dtype::Sample;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image, SharedWork, shape};
use crate::in_flight::BlockId;
use crate::layout::Layout;
use crate::log::Log;
use crate::memory::{Beside, PixelsMut};
use crate::pad::Pads;
use crate::provider::{Provider, Request, tile_bytes};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::tile::Tile;
use decoded::Decoded;
use hidden::{Hidden, HiddenImage};
use std::mem;
use std::sync::Arc;

/// Decodes blocks of one image into given memory, from any number of threads at once.
///
/// This is all that a new file format has to implement. Arguments have been checked: the block, the
/// level and the bands exist, and `into` has the type and the size of what is asked for.
pub trait Decoder: Send + Sync {
    /// Whether the block is stored. An error of the kind [`NotFound`](crate::error::Kind::NotFound) says that
    /// the whole level is missing.
    fn has_block(&self, _at: Block) -> Result<bool> {
        Ok(true)
    }

    /// Writes the pixels of a stored block: band `bands[i]` of the image to band `i` of `into`.
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()>;

    /// Writes a rectangle of a level; only asked of images that say they are windowed.
    fn read_window(
        &self,
        _level: u32,
        _rect: Rect,
        _bands: &[u32],
        _into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        Err(Error::unsupported("this source has no windows"))
    }

    /// Writes a rectangle that lies in one column of blocks into places beside each other, and reads it once; only asked of
    /// images that say that they can be [spread](Image::spread).
    fn read_beside(&self, _rect: Rect, _bands: &[u32], _into: &mut [Beside<'_>]) -> Result<()> {
        Err(Error::unsupported("this source writes into one place"))
    }

    /// What is made on the way to windows and is worth keeping for others, as an image of blocks of one size.
    fn hidden(&self) -> Option<Image> {
        None
    }

    /// [`Self::read_window`] by way of blocks of the hidden image.
    fn read_window_by(
        &self,
        _hidden: &Hidden<'_>,
        level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.read_window(level, rect, bands, into)
    }

    /// A rectangle of a level where it lies in memory, as it stays: the pixels of a mapped file. `None` where they do
    /// not lie so that a tile can be a view of them, or are not all stored.
    fn view(&self, _level: u32, _rect: Rect, _bands: &[u32]) -> Option<Tile> {
        None
    }

    /// Whether there may be views.
    fn has_views(&self) -> bool {
        false
    }

    /// Hears of blocks that are about to be read; see [`Bytes::expect`](crate::bytes::Bytes::expect).
    fn announce(&self, _blocks: &mut dyn Iterator<Item = Block>, _bands: &[u32]) {}

    /// Hears that the pixels are others now, whatever was read before.
    fn forget(&self) {}

    /// Hears before the first read that it may have so many threads at work beside those that call, for all reads
    /// together.
    fn allow_threads(&mut self, _count: u32) {}

    /// Hears, before anything is read, that only the first so many quality layers are wanted. Says whether it may have
    /// others.
    fn take_layers(&mut self, _count: u32) -> bool {
        false
    }

    /// Hears before the first read that this fills what is absent, whatever the file itself says.
    fn set_pad(&mut self, _pad: Sample) {}
}

/// A decoder as a provider: threads that want the same block share one decode, absent blocks read
/// as pad, and decodes are counted.
pub struct Source {
    key: String,
    /// What messages call it.
    title: String,
    image: Image,
    decoder: Box<dyn Decoder>,
    /// In a box, for few have one, and the place of a source outlives it where its keys do.
    hidden: Option<Box<HiddenImage>>,
    namespace: Namespace,
    pads: Pads,
    decoded: Decoded,
    /// The generation of the pixels that the decoder knows of.
    generation: AtomicU64,
    /// Where the opening that made it wants to hear of slow and failed reads.
    log: Log,
}

impl Source {
    /// A provider of the image that `decoder` decodes. Its key begins with `name`, or with a number
    /// that is never used again.
    pub fn provider(
        name: Option<&str>,
        image: Image,
        decoder: Box<dyn Decoder>,
    ) -> Result<Arc<dyn Provider>> {
        Self::with_key(source_key(name)?, image, decoder)
    }

    /// A provider with a key that is known to be its own.
    pub fn with_key(
        key: String,
        image: Image,
        decoder: Box<dyn Decoder>,
    ) -> Result<Arc<dyn Provider>> {
        let title = title(&key);
        Self::with_title(key, title, image, decoder, &Log::default())
    }

    /// [`Self::with_key`], for an image that messages do not call by its key, and that tells a log of its reads.
    /// Texts without a name are left out.
    pub fn with_title(
        key: String,
        title: String,
        mut image: Image,
        decoder: Box<dyn Decoder>,
        log: &Log,
    ) -> Result<Arc<dyn Provider>> {
        image.check()?;
        let has_name = |name: &str| name.chars().any(|c| c != '\0');
        image.metadata.retain(|(_, name), _| has_name(name));
        let hidden = decoder.hidden();
        if let Some(hidden) = &hidden {
            image.shared_work = SharedWork::Kept {
                sample: hidden.dtype.size(),
            };
        }
        let source = Arc::new(Self {
            namespace: Namespace::new(None, &key, &image)?,
            hidden: hidden.map(|image| Box::new(HiddenImage::new(&key, image))),
            pads: Pads::new(&image),
            decoded: Decoded::new(&image),
            generation: AtomicU64::new(0),
            log: log.clone(),
            key,
            title,
            image,
            decoder,
        });
        let weak = Arc::downgrade(&source);
        source.namespace.is_decoded_by(weak);
        Ok(source)
    }

    /// Tells the decoder of an invalidation, before the first read that may not see older bytes.
    fn renew(&self) {
        let generation = self.namespace.generation();
        if self.generation.load(Ordering::Acquire) != generation {
            self.decoder.forget();
            self.generation.store(generation, Ordering::Release);
        }
    }

    fn is_stored(&self, at: Block) -> Result<bool> {
        let stored = self.decoder.has_block(at);
        stored.map_err(|error| error.at(self.place(at)))
    }

    /// Whether all blocks over a rectangle are stored.
    fn has_all(&self, level: u32, rect: &Rect, request: &Request<'_>) -> Result<bool> {
        for (row, col) in self.image.grid(level).cells_over(rect) {
            let at = Block::new(level, row, col);
            if !request.run(|| self.is_stored(at))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Does a read, of which the log may want to hear.
    fn logged<T>(
        &self,
        what: &dyn std::fmt::Display,
        read: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let begun = self.log.begin();
        let outcome = read();
        if let Some(begun) = begun {
            self.log
                .loaded(&self.title, what, begun.elapsed(), &outcome);
        }
        outcome
    }

    /// Reads a rectangle of a level, which counts as the part that it is of each block.
    fn read_counted(
        &self,
        level: u32,
        rect: Rect,
        request: &Request<'_>,
        read: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let grid = self.image.grid(level);
        let mut blocks = 0.0;
        for (row, col) in grid.cells_over(&rect) {
            let block = grid.rect(row, col);
            let part = block.intersection(&rect).area();
            blocks += part as f64 / block.area().max(1) as f64;
            self.decoded.note_part(Block::new(level, row, col));
        }
        self.renew();
        let read = || self.logged(&rect, || request.run(read));
        let (read, said) = beneath::heard(|| self.namespace.timed(&rect, read));
        self.decoded.count(said.unwrap_or(blocks));
        read.map_err(|error| error.at(self.place(format_args!("level {level}, {rect}"))))
    }

    /// Where something failed: the image, its format if it is of a file, and the place in it.
    fn place(&self, place: impl std::fmt::Display) -> String {
        let title = &self.title;
        match self.image.format {
            Some(format) => format!("{title}: {}: {place}", format.to_string_lossy()),
            None => format!("{title}: {place}"),
        }
    }
}

impl Source {
    /// What it is and has done, under a key and a title.
    fn described(&self, key: String, title: String, is_closed: bool) -> SourceCensus {
        let levels = 0..self.image.levels.len() as u32;
        let blocks = levels.map(|level| {
            let grid = self.image.grid(level);
            grid.rows().saturating_mul(grid.cols())
        });
        SourceCensus {
            key,
            title,
            counters: self.counters(),
            blocks: blocks.fold(0, u64::saturating_add),
            is_closed,
        }
    }
}

impl Decoding for Source {
    fn about(&self) -> SourceCensus {
        self.described(self.key.clone(), self.title.clone(), false)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let (key, title) = (mem::take(&mut self.key), mem::take(&mut self.title));
        let last = self.described(key, title, true);
        let own = std::ptr::from_ref(self).cast();
        self.namespace.was_decoded_by(own, last);
    }
}

/// The key of a source's only image.
pub fn source_key(name: Option<&str>) -> Result<String> {
    if name == Some("") {
        return Err(Error::argument("the key is empty"));
    }
    Ok(format!("{}:image:0", name_or_number(name)))
}

impl Provider for Source {
    fn key(&self) -> &str {
        &self.key
    }

    fn image(&self) -> &Image {
        &self.image
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        self.is_stored(at)
    }

    fn hit(&self, _at: &Block) -> Option<Tile> {
        None
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        if !request.run(|| self.is_stored(at))? {
            let count = bands.count(self.image.band_count());
            return self.pads.tile(self.image.block_shape(at, count)?);
        }
        let claim = |claims: &mut Claims| self.claim(at, bands, claims);
        if let Some(view) = self.get_view(at.level, at.rect(&self.image), bands) {
            return Ok(view);
        }
        self.namespace
            .get_or_load(at, bands, request, claim, |bands, request| {
                let list = bands.to_vec(self.image.band_count());
                let shape = self.image.block_shape(at, list.len())?;
                let mut canvas = request.canvas(Layout::packed(shape, self.image.dtype)?)?;
                let decode = Decode::begin(request, &self.namespace, &self.image, at, bands);
                self.decoded.note(at);
                self.renew();
                self.decoder.announce(&mut std::iter::once(at), &list);
                let read = || {
                    let mut into = canvas.pixels_mut();
                    self.logged(&at, || self.decoder.read_block(at, &list, &mut into))
                };
                let (read, said) = beneath::heard(read);
                self.decoded.count(said.unwrap_or(1.0));
                read.map_err(|error| error.at(self.place(at)))?;
                let tile = Tile::from_canvas(canvas);
                if let Some(decode) = decode {
                    decode.put(&tile);
                }
                Ok(tile)
            })
    }

    fn get_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        // What is not stored is read as blocks, which are pad.
        if !self.image.windowed || self.image.sparse && !self.has_all(level, &rect, request)? {
            return Ok(None);
        }
        let wanted = self.namespace.bands_to_read(bands);
        let all = self.image.band_count();
        let list = wanted.to_vec(all);
        let shape = shape(rect.width, rect.height, list.len())?;
        let mut canvas = request.canvas(Layout::packed(shape, self.image.dtype)?)?;
        let read = || {
            let mut into = canvas.pixels_mut();
            let hidden = self.hidden.as_ref().and_then(|it| it.of(request));
            match &hidden {
                Some(hidden) => {
                    (self.decoder).read_window_by(hidden, level, rect, &list, &mut into)
                }
                None => self.decoder.read_window(level, rect, &list, &mut into),
            }
        };
        self.read_counted(level, rect, request, read)?;
        let positions = bands.positions_in(&wanted, all).unwrap_or_default();
        Tile::from_canvas(canvas)
            .select(&positions, |layout| request.canvas(layout))
            .map(Some)
    }

    fn write_beside(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        into: &mut [Beside<'_>],
        request: &Request<'_>,
    ) -> Result<()> {
        let list = bands.to_vec(self.image.band_count());
        let read = || self.decoder.read_beside(rect, &list, into);
        self.read_counted(level, rect, request, read)
    }

    fn peek_block(&self, _at: Block, _bands: &Bands) -> Option<Tile> {
        None
    }

    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        self.namespace.try_get(at, bands, request)
    }

    fn get_view(&self, level: u32, rect: Rect, bands: &Bands) -> Option<Tile> {
        if !self.image.in_place {
            return None;
        }
        self.renew();
        let list = bands.to_vec(self.image.band_count());
        self.decoder.view(level, rect, &list)
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
        None
    }

    fn cache(&self) -> Option<&Cache> {
        None
    }

    fn is_kept_in(&self, _cache: &Cache) -> bool {
        false
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        claims.add(tile_bytes(&self.image, at, bands));
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn height(&self) -> u32 {
        1
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands) {
        self.renew();
        let wanted = self.namespace.bands_to_read(bands);
        let list = wanted.to_vec(self.image.band_count());
        self.decoder.announce(blocks, &list);
    }

    fn ask(&self, at: Block, bands: &Bands, asking: &mut Asking<'_>) {
        // What is kept of it is kept by others.
        asking.decodes_block(&self.key, &self.image, at, bands, || {
            // Where that cannot be told, the request learns why.
            self.is_stored(at).unwrap_or(false)
        });
    }

    fn block_id(&self, at: Block) -> Option<BlockId> {
        Some(self.namespace.block_id(at))
    }

    fn was_made(&self, at: Block) -> bool {
        self.decoded.contains(at)
    }

    fn counters(&self) -> Counters {
        self.decoded.counters().under(self.namespace.counters())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;

    struct Empty;

    impl Decoder for Empty {
        fn read_block(&self, _: Block, _: &[u32], _: &mut PixelsMut<'_>) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn texts_without_a_name_are_left_out() {
        let mut image = Image::new(1, 1, 1, DType::U8);
        for (band, name) in [(None, ""), (Some(0), ""), (None, "\0\0"), (None, "name")] {
            image.metadata.insert((band, name.into()), "text".into());
        }
        let source = Source::provider(None, image, Box::new(Empty)).expect("a source");
        let names = source.image().metadata.keys();
        let names: Vec<_> = names.map(|(band, name)| (*band, &name[..])).collect();
        assert_eq!(names, [(None, "name")]);
    }
}
