//! A part of a mosaic that is open: what of it is data, and how it is read.

use super::places::Place;
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Bands, Block, Colour, Image};
use crate::load::nesting;
use crate::nodata::mark_data;
use crate::operator::plane;
use crate::provider::{Provider, Request};
use crate::tile::{Pixels, Tile};
use crate::window::{for_parts, has_any, read_tile};
use smallvec::SmallVec;
use std::sync::Arc;

/// What a mosaic shows of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Their pixels.
    Pixels,
    /// Where any band of any of them is data, as 255.
    Data,
}

/// A provider that is a part of a mosaic.
pub struct OpenPart {
    pub provider: Arc<dyn Provider>,
    /// Where its pixels are data, beside it.
    mask: Option<Arc<dyn Provider>>,
    /// The band of its opacity.
    alpha: Option<u32>,
    /// How many providers a request of the mosaic does not know of, since it was opened later.
    unforeseen: u32,
}

/// What is read of a part, to show some bands.
pub struct Reading {
    /// What is read; `None` where it only matters what is stored.
    bands: Option<Bands>,
    /// Where opacity stands among that.
    alpha: Option<usize>,
    /// The nodata values of the bands that are shown, in their order.
    nodata: SmallVec<[Option<Sample>; 4]>,
    dtype: DType,
    shows: Shows,
}

/// Pixels of a part, as they were read.
pub struct Piece<'a> {
    reading: &'a Reading,
    pixels: Option<&'a Pixels>,
    mask: Option<Tile>,
}

impl OpenPart {
    /// A part of a mosaic that is described by `image`; `is_late` if it was opened after that.
    pub fn new(
        provider: Arc<dyn Provider>,
        size: (u64, u64),
        image: &Image,
        is_late: bool,
    ) -> Result<Self> {
        let own = provider.image();
        if (own.dtype, own.band_count()) != (image.dtype, image.band_count()) {
            return Err(Error::argument(format!(
                "{} bands of {} in a mosaic of {} bands of {}",
                own.band_count(),
                own.dtype.name(),
                image.band_count(),
                image.dtype.name()
            )));
        }
        if own.levels[0] != size {
            return Err(Error::argument(format!(
                "{} x {} pixels where {} x {} were said",
                own.width(),
                own.height(),
                size.0,
                size.1
            )));
        }
        check_levels(own, image, "the part")?;
        let mask = provider.mask();
        if let Some(mask) = &mask {
            check_levels(mask.image(), image, "the mask of the part")?;
        }
        let alpha = own
            .bands
            .iter()
            .position(|band| band.colour == Colour::Alpha);
        Ok(Self {
            mask,
            alpha: alpha.map(|band| band as u32),
            unforeseen: if is_late { provider.height() } else { 0 },
            provider,
        })
    }

    /// Whether nothing beneath it is seen.
    pub fn is_opaque(&self) -> bool {
        let image = self.provider.image();
        let has_nodata = image.bands.iter().any(|band| band.nodata.is_some());
        !image.sparse && self.mask.is_none() && self.alpha.is_none() && !has_nodata
    }

    /// Does something with the provider, on a stack that has room for it.
    fn enter<R>(&self, work: impl FnOnce() -> Result<R>) -> Result<R> {
        match self.unforeseen {
            0 => work(),
            height => nesting::enter(height, work),
        }
    }

    /// What it has of a rectangle of the mosaic, in its own columns and rows of a level that lies in `place`.
    pub fn own(&self, level: u32, place: &Place, rect: &Rect) -> Option<Rect> {
        let (width, height) = self.provider.image().levels[level as usize];
        let own = place
            .own(rect)
            .intersection(&Rect::new(0, 0, width, height));
        (!own.is_empty()).then_some(own)
    }

    /// Whether any block over a rectangle is stored.
    pub fn has_any(&self, level: u32, rect: &Rect) -> Result<bool> {
        if !self.provider.image().sparse {
            return Ok(true);
        }
        let (provider, level) = plane(&self.provider, level);
        self.enter(|| has_any(&*provider, level, rect))
    }

    /// A rectangle as it is.
    pub fn read(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Tile> {
        self.enter(|| read_tile(&self.provider, level, rect, bands, request))
    }

    /// What is read of it, to show some bands.
    pub fn reading(&self, shows: Shows, wanted: &Bands) -> Reading {
        let image = self.provider.image();
        let all = image.band_count();
        let mut list = match shows {
            Shows::Pixels => wanted.to_vec(all),
            Shows::Data => (0..all).collect(),
        };
        let nodata_of = |band: &u32| image.bands[*band as usize].nodata;
        let nodata: SmallVec<_> = list.iter().map(nodata_of).collect();
        // A band without a nodata value is data wherever the others are or are not.
        if shows == Shows::Data && nodata.contains(&None) {
            list.clear();
        }
        let alpha = self.alpha.map(|alpha| {
            let place = list.iter().position(|band| *band == alpha);
            place.unwrap_or_else(|| {
                list.push(alpha);
                list.len() - 1
            })
        });
        Reading {
            bands: (!list.is_empty()).then(|| Bands::of(&list, all)),
            alpha,
            nodata,
            dtype: image.dtype,
            shows,
        }
    }

    /// Calls `each` with what is stored of a rectangle, piece by piece in the same memory.
    pub fn for_pieces(
        &self,
        level: u32,
        rect: &Rect,
        reading: &Reading,
        request: &Request<'_>,
        mut each: impl FnMut(Rect, &Piece<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut show = |part: Rect, pixels: Option<&Pixels>| {
            let of_mask = |mask| read_tile(mask, level, part, &Bands::ALL, request);
            let mask = self.mask.as_ref().map(of_mask).transpose()?;
            each(
                part,
                &Piece {
                    reading,
                    pixels,
                    mask,
                },
            )
        };
        let (provider, plane_level) = plane(&self.provider, level);
        self.enter(|| {
            for part in stored(&*provider, plane_level, rect, reading.bands.as_ref())? {
                match &reading.bands {
                    None => show(part, None)?,
                    Some(bands) => {
                        for_parts(
                            &provider,
                            plane_level,
                            &part,
                            bands,
                            request,
                            |part, pixels| show(part, Some(pixels)),
                        )?;
                    }
                }
            }
            Ok(())
        })
    }
}

/// What is stored of a rectangle: all of it, or what each block has of it. The provider hears of the blocks that are
/// read next.
fn stored(
    provider: &dyn Provider,
    level: u32,
    rect: &Rect,
    read: Option<&Bands>,
) -> Result<Vec<Rect>> {
    if !provider.image().sparse {
        return Ok(vec![*rect]);
    }
    let grid = provider.image().grid(level);
    let mut blocks = Vec::new();
    for (row, col) in grid.cells_over(rect) {
        let at = Block::new(level, row, col);
        if provider.has_block(at)? {
            blocks.push(at);
        }
    }
    if let Some(bands) = read {
        provider.announce(&mut blocks.iter().copied(), bands);
    }
    let parts = blocks
        .iter()
        .map(|at| grid.rect(at.row, at.col).intersection(rect));
    Ok(parts.collect())
}

/// Refuses a part whose levels are not where those of the mosaic are.
fn check_levels(own: &Image, image: &Image, what: &str) -> Result<()> {
    let (has, needs) = (own.levels_from(0).len(), image.levels.len());
    if has >= needs {
        return Ok(());
    }
    Err(Error::argument(match own.levels.get(has) {
        None => format!("{what} has {has} levels, the mosaic {needs}"),
        Some((width, height)) => format!(
            "level {has} of {what} has {width} x {height} pixels, which is not {} x {} halved",
            own.width(),
            own.height()
        ),
    }))
}

impl Piece<'_> {
    /// The samples that one plane shows of a row; none where it shows what is data.
    pub fn samples(&self, plane: usize, y: usize) -> Option<&[u8]> {
        match self.reading.shows {
            Shows::Pixels => self.pixels.map(|pixels| pixels.row(plane, y)),
            Shows::Data => None,
        }
    }

    /// Leaves those bytes of a row that are not 0 where one plane shows data. `data` is room for a row.
    pub fn keep_data(&self, plane: usize, y: usize, keep: &mut [u8], data: &mut [u8]) {
        if let Some(mask) = &self.mask {
            and(keep, mask.row(0, y));
        }
        let Some(pixels) = self.pixels else { return };
        let dtype = self.reading.dtype;
        if let Some(alpha) = self.reading.alpha {
            data.fill(0);
            mark_data(data, dtype, pixels.row(alpha, y), &Sample::default());
            and(keep, data);
        }
        let nodata = match self.reading.shows {
            Shows::Pixels => &self.reading.nodata[plane..=plane],
            Shows::Data => &self.reading.nodata[..],
        };
        if nodata.contains(&None) {
            return;
        }
        data.fill(0);
        for (at, nodata) in (plane..).zip(nodata.iter().flatten()) {
            mark_data(data, dtype, pixels.row(at, y), nodata);
        }
        and(keep, data);
    }
}

/// Clears those bytes of a row where another one has 0.
fn and(keep: &mut [u8], other: &[u8]) {
    for (keep, other) in keep.iter_mut().zip(other) {
        *keep = if *other == 0 { 0 } else { *keep };
    }
}
