//! Decoding the blocks of one image segment.

use super::bilevel;
use super::codestream::Codestream;
use super::data::Data;
use super::jpeg::{self, Streams};
use super::mask::Mask;
use super::plan::{Compression, Mode, Plan};
use super::raw;
use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Block, Image};
use crate::memory::PixelsMut;
use crate::source::Decoder;
use crate::source::hidden::Hidden;
use crate::source::in_place::{self, Run};
use crate::source::parts::for_each_part;
use crate::source::samples::split;
use crate::source::scratch::{Scratch, with_scratch};
use crate::tile::Tile;
use smallvec::SmallVec;
use std::ops::Range;

/// The image of one segment on the grid of its blocks.
pub struct NitfDecoder {
    segment: usize,
    data: Data,
    plan: Plan,
    mask: Mask,
    streams: Streams,
    codestream: Option<Codestream>,
    image: Image,
    /// Of each band, where blocks follow each other.
    runs: Vec<Run>,
}

impl NitfDecoder {
    /// The image that the parts describe.
    pub(super) fn new(
        segment: usize,
        data: Data,
        plan: Plan,
        mask: Mask,
        codestream: Option<Codestream>,
        image: Image,
    ) -> Self {
        Self {
            codestream,
            segment,
            data,
            streams: match plan.compression {
                Compression::Jpeg | Compression::Bilevel { .. } => Streams::new(&mask),
                _ => Streams::default(),
            },
            runs: (0..plan.bands).map(|_| Run::default()).collect(),
            plan,
            mask,
            image,
        }
    }

    /// The description of the image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    fn place(&self, at: Block) -> String {
        let Self { segment, .. } = self;
        format!("image segment {segment}, block ({}, {})", at.row, at.col)
    }

    /// The place of a block, or of one band of it where bands have their own, in the mask table.
    fn entry(&self, at: Block, band: u64) -> u64 {
        let block = at.row * self.plan.stored.0 + at.col;
        match self.plan.mode {
            Mode::Sequential => band * self.plan.block_count() + block,
            _ => block,
        }
    }

    /// Delivers part of a block.
    fn read_part(
        &self,
        at: Block,
        part: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let picks: Vec<usize> = bands.iter().map(|band| *band as usize).collect();
        if matches!(self.plan.mode, Mode::Pixel | Mode::Row) {
            return self.read_bands(at, part, 0, &picks, into);
        }
        if self.read_whole(at, part, bands, into)? {
            return Ok(());
        }
        for (i, band) in bands.iter().enumerate() {
            self.read_bands(at, part, u64::from(*band), &[0], &mut into.band_mut(i))
                .map_err(|error| error.at(format!("band {band}")))?;
        }
        Ok(())
    }

    /// Delivers a whole block by one read, if file and memory hold its bands alike.
    fn read_whole(
        &self,
        at: Block,
        part: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<bool> {
        let Plan { block, bits, .. } = self.plan;
        let alike = self.plan.mode == Mode::Block
            && self.plan.compression == Compression::None
            && bits as usize == self.plan.dtype.size() * 8
            && (part.width, part.height) == block
            && bands.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        let (true, Some(first), Some(start)) = (alike, bands.first(), self.start(at, 0)) else {
            return Ok(false);
        };
        let Some(pixels) = into.bytes_mut() else {
            return Ok(false);
        };
        let start = start + u64::from(*first) * self.plan.plane_bytes();
        raw::read_whole(&self.data, &self.plan, start, pixels)?;
        Ok(true)
    }

    /// Where a block, or one band of it where bands have their own, begins in the data.
    fn start(&self, at: Block, band: u64) -> Option<u64> {
        self.mask
            .start(self.entry(at, band), self.plan.block_bytes())
    }

    /// Where the rows of a band lie in the file, if they lie as those of a tile may.
    fn rows_in_place(&self, rect: &Rect, band: u32) -> Option<in_place::Rows> {
        let (plan, data) = (&self.plan, &self.data);
        let size = plan.dtype.size() as u64;
        let stride = plan.block.0 * size;
        let within = match plan.mode {
            Mode::Block => u64::from(band) * plan.plane_bytes(),
            _ => 0,
        };
        let run = &self.runs[band as usize];
        in_place::rows(&plan.grid(), rect, (stride, size), run, |at, rows| {
            let start = self.start(at, u64::from(band))? + within;
            data.check(start, rows * stride).ok()?;
            Some(data.place(start))
        })
    }

    /// Delivers bands that are stored together: `picks` of the channels of `band`.
    fn read_bands(
        &self,
        at: Block,
        part: Rect,
        band: u64,
        picks: &[usize],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let Some(start) = self.start(at, band) else {
            into.fill(&self.image.pad);
            return Ok(());
        };
        let (data, plan) = (&self.data, &self.plan);
        with_scratch(|scratch| {
            let Scratch { input, output, .. } = scratch;
            if plan.compression == Compression::None {
                let within = match plan.mode {
                    Mode::Block => band * plan.plane_bytes(),
                    _ => 0,
                };
                return raw::read(data, plan, start + within, &part, picks, input, into);
            }
            let entry = self.entry(at, band);
            match plan.compression {
                Compression::Bilevel { both } => {
                    let stream = match plan.masked {
                        true => self.streams.get(data, plan, &self.mask, entry, 0)?,
                        false => 0..data.size(),
                    };
                    bilevel::read(data, plan.block, both, stream, input, output)?;
                }
                _ => {
                    let stream = self.streams.get(data, plan, &self.mask, entry, band)?;
                    jpeg::decode(data, plan, stream, input, output)?;
                }
            }
            let channels = plan.channels() as usize;
            let size = plan.dtype.size();
            let rows = output.chunks_exact(plan.block.0 as usize * channels * size);
            for (y, row) in rows
                .skip(part.y as usize)
                .take(part.height as usize)
                .enumerate()
            {
                let row = &row[part.x as usize * channels * size..];
                split(row, size, channels, picks, &mut into.rows_mut(y));
            }
            Ok(())
        })
    }

    /// The bytes of a block that hold some bands, as far as they can be told.
    fn stored(&self, at: Block, bands: &[u32]) -> Vec<Range<u64>> {
        let Self { plan, data, .. } = self;
        let own_blocks = plan.mode == Mode::Sequential;
        let of_band = |band: u64| {
            let entry = self.entry(at, band);
            if plan.compression == Compression::Jpeg {
                // What fails here fails again, and is told, when the block is read.
                return self.streams.of_entry(data, plan, &self.mask, entry).ok();
            }
            let start = self.start(at, band)?;
            Some(match plan.mode {
                Mode::Block => {
                    let start = start + band * plan.plane_bytes();
                    start..start + plan.plane_bytes()
                }
                _ => start..start + plan.block_bytes(),
            })
        };
        let jpeg = plan.compression == Compression::Jpeg;
        let apart = own_blocks || plan.mode == Mode::Block && !jpeg;
        match apart {
            true => bands
                .iter()
                .filter_map(|band| of_band(u64::from(*band)))
                .collect(),
            false => of_band(0).into_iter().collect(),
        }
    }

    fn read_codestream(
        &self,
        (level, rect): (u32, Rect),
        bands: &[u32],
        hidden: Option<&Hidden<'_>>,
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let Some(codestream) = &self.codestream else {
            return Err(Error::internal("an image without a codestream"));
        };
        let pad = |into: &mut PixelsMut<'_>| into.fill(&self.image.pad);
        let (plan, mask) = (&self.plan, &self.mask);
        codestream.read(plan, mask, (level, rect), (bands, hidden), into, pad)
    }

    /// [`Self::read_codestream`] of a window, in a file that did not change.
    fn read_codestream_window(
        &self,
        at: (u32, Rect),
        bands: &[u32],
        hidden: Option<&Hidden<'_>>,
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let result = self.read_codestream(at, bands, hidden, into);
        let segment = self.segment;
        self.unless_changed(result.map_err(|error| error.at(format!("image segment {segment}"))))
    }

    /// The result of a read, unless the file changed under it: then nothing that was read, not even
    /// a failure, says anything about the file.
    fn unless_changed(&self, result: Result<()>) -> Result<()> {
        self.data
            .bytes
            .check_unchanged()
            .map_err(|error| error.at(format!("image segment {}", self.segment)))?;
        result
    }
}

impl Decoder for NitfDecoder {
    fn has_block(&self, at: Block) -> Result<bool> {
        if let Some(codestream) = &self.codestream {
            let rect = at.rect(&self.image);
            return Ok(codestream.has(&self.plan, &self.mask, at.level, &rect));
        }
        let bands = match self.plan.mode {
            Mode::Sequential => self.plan.bands,
            _ => 1,
        };
        Ok((0..bands).any(|band| self.start(at, band).is_some()))
    }

    fn has_views(&self) -> bool {
        let stand_apart = matches!(self.plan.mode, Mode::Block | Mode::Sequential);
        self.image.in_place && stand_apart && raw::is_native(&self.plan)
    }

    fn view(&self, _level: u32, rect: Rect, bands: &[u32]) -> Option<Tile> {
        if !self.has_views() {
            return None;
        }
        let rows = bands.iter().map(|band| self.rows_in_place(&rect, *band));
        let rows: Option<SmallVec<[in_place::Rows; 4]>> = rows.collect();
        in_place::view(&*self.data.bytes, &rect, self.plan.dtype, &rows?)
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &[u32]) {
        match &self.codestream {
            Some(codestream) => {
                codestream.announce(&mut blocks.map(|at| (at.level, at.rect(&self.image))));
            }
            None => {
                let mut ranges = blocks.flat_map(|at| self.stored(at, bands));
                self.data.expect(&mut ranges);
            }
        }
    }

    fn allow_threads(&mut self, count: u32) {
        if let Some(codestream) = &mut self.codestream {
            codestream.allow_threads(count);
        }
    }

    fn take_layers(&mut self, count: u32) -> bool {
        let codestream = self.codestream.as_mut();
        codestream.is_some_and(|codestream| codestream.take_layers(count))
    }

    fn forget(&self) {
        if let Some(codestream) = &self.codestream {
            codestream.forget();
        }
        self.data.forget();
    }

    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        if self.codestream.is_some() {
            let place = (at.level, at.rect(&self.image));
            let result = self.read_codestream(place, bands, None, into);
            return self.unless_changed(result.map_err(|error| error.at(self.place(at))));
        }
        let rect = self.plan.grid().rect(at.row, at.col);
        let whole = Rect::new(0, 0, rect.width, rect.height);
        let result = self.read_part(at, whole, bands, into);
        self.unless_changed(result.map_err(|error| error.at(self.place(at))))
    }

    fn hidden(&self) -> Option<Image> {
        self.codestream.as_ref()?.hidden()
    }

    fn read_window_by(
        &self,
        hidden: &Hidden<'_>,
        level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.read_codestream_window((level, rect), bands, Some(hidden), into)
    }

    fn read_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        if self.codestream.is_some() {
            return self.read_codestream_window((level, rect), bands, None, into);
        }
        let result = for_each_part(&self.plan.grid(), &rect, into, |at, part, into| {
            self.read_part(at, part, bands, into)
                .map_err(|error| error.at(self.place(at)))
        });
        self.unless_changed(result)
    }
}
