//! Images whose data is one JPEG 2000 codestream, of which a mask may leave out blocks.

use super::data::Data;
use super::mask::Mask;
use super::plan::Plan;
use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::geometry::{Grid, Rect};
use crate::image::Image;
use crate::memory::PixelsMut;
use crate::source::Decoder;
use crate::source::hidden::Hidden;
use crate::source::jp2::{Jp2Decoder, Jp2File};
use std::sync::Arc;

/// The codestream of a segment.
pub struct Codestream {
    decoder: Jp2Decoder,
}

impl Codestream {
    /// Opens the codestream that begins at `at` of the data.
    pub fn open(data: &Data, at: u64, plan: &Plan) -> Result<Self> {
        let bytes: Arc<dyn Bytes> = Arc::new(data.from(at)?);
        let mut decoder = Jp2File::open(bytes.clone())?.into_decoder();
        if u64::from(decoder.image().band_count()) != plan.bands {
            // A table of the subheader makes colours of the components, and the palette of a JP2 file is one too many.
            decoder = Jp2File::open_components(bytes)?.into_decoder();
        }
        let said = decoder.image();
        if said.levels[0] != plan.size || u64::from(said.band_count()) != plan.bands {
            return Err(Error::corrupt(format!(
                "a codestream of {} x {} pixels of {} bands in an image of {} x {} of {}",
                said.width(),
                said.height(),
                said.band_count(),
                plan.size.0,
                plan.size.1,
                plan.bands
            )));
        }
        Ok(Self { decoder })
    }

    /// What the codestream says of the image.
    pub fn image(&self) -> &Image {
        self.decoder.image()
    }

    /// The blocks of the segment at a level; those of the codestream may be others.
    fn grid(&self, plan: &Plan, level: u32) -> Grid {
        let levels = &self.image().levels;
        Grid::new(levels[0], plan.block, level, levels[level as usize])
    }

    /// Whether a rectangle of a level has a block that is stored.
    pub fn has(&self, plan: &Plan, mask: &Mask, level: u32, rect: &Rect) -> bool {
        let (rows, cols) = self.grid(plan, level).blocks_over(rect);
        let mut entries = rows.flat_map(|row| {
            let first = row * plan.stored.0;
            cols.clone().map(move |col| first + col)
        });
        entries.any(|entry| mask.start(entry, 0).is_some())
    }

    /// Hears of rectangles of levels that are about to be read.
    pub fn announce(&self, rects: &mut dyn Iterator<Item = (u32, Rect)>) {
        self.decoder.expect(rects);
    }

    /// Hears how many threads may be at work beside those that call.
    pub fn allow_threads(&mut self, count: u32) {
        self.decoder.allow_threads(count);
    }

    /// Hears how many quality layers are wanted.
    pub fn take_layers(&mut self, count: u32) -> bool {
        self.decoder.take_layers(count)
    }

    /// Drops what is known of other bytes.
    pub fn forget(&self) {
        self.decoder.forget();
    }

    /// What windows are made of; see [`Decoder::hidden`].
    pub fn hidden(&self) -> Option<Image> {
        self.decoder.hidden()
    }

    /// Writes a rectangle of a level, and pad where blocks are not stored.
    pub fn read(
        &self,
        plan: &Plan,
        mask: &Mask,
        (level, rect): (u32, Rect),
        (bands, hidden): (&[u32], Option<&Hidden<'_>>),
        into: &mut PixelsMut<'_>,
        pad: impl Fn(&mut PixelsMut<'_>),
    ) -> Result<()> {
        let read = |part: Rect, into: &mut PixelsMut<'_>| match hidden {
            Some(hidden) => (self.decoder).read_window_by(hidden, level, part, bands, into),
            None => self.decoder.read_window(level, part, bands, into),
        };
        if !mask.sparse {
            return read(rect, into);
        }
        let grid = self.grid(plan, level);
        let (rows, cols) = grid.blocks_over(&rect);
        for row in rows {
            for col in cols.clone() {
                let part = grid.rect(row, col).intersection(&rect);
                let mut into = into.window_mut(
                    (part.x - rect.x) as usize,
                    (part.y - rect.y) as usize,
                    part.width as usize,
                    part.height as usize,
                );
                match mask.start(row * plan.stored.0 + col, 0) {
                    Some(_) => read(part, &mut into)?,
                    None => pad(&mut into),
                }
            }
        }
        Ok(())
    }
}
