//! Cascade: steps one upon another, each with no more rows of the finer image than it needs for one of its own.

use super::filter::Filter;
use super::format::Format;
use super::stage::{Columns, Stage, stage};
use super::{Step, stage::span};
use crate::dtype::DType;
use crate::error::Result;
use crate::image::Image;
use smallvec::SmallVec;
use std::ops::Range;

/// One row of all bands.
pub type Rows<'a> = SmallVec<[&'a [u8]; 8]>;

/// Gives rows of the finest image, from top to bottom.
pub trait Feed {
    /// A row of all bands, of the columns that the first step reads, and of the mask if there is one.
    fn row(&mut self, y: u64) -> Result<(Rows<'_>, Option<&[u8]>)>;
}

/// A step, with what it makes for the next one.
struct Tier {
    pixels: Box<dyn Stage>,
    /// Makes the mask for the next step.
    mask: Option<Box<dyn Stage>>,
    /// The next row of the finer image.
    next: u64,
    /// A row of the finer image, of each band, where a step makes it.
    rows: Vec<Vec<u8>>,
    of_mask: Option<Vec<u8>>,
}

/// Steps from a fine image to a coarse one.
pub struct Cascade {
    tiers: Vec<Tier>,
}

/// How the mask of an image becomes that of a smaller one: a pixel is data where one of those that it stands for is,
/// or the one that it is taken from.
pub fn of_mask(step: &Step) -> Step {
    let filter = match step.filter {
        Filter::Nearest => Filter::Nearest,
        _ => Filter::Max,
    };
    Step { filter, ..*step }
}

/// The columns that each step makes, and the rows, for a part of what the last one makes.
pub fn spans(steps: &[Step], made: (Range<u64>, Range<u64>)) -> Vec<(Columns, Range<u64>)> {
    let (mut x, mut y) = made;
    let of_step = |step: &Step| {
        let columns = Columns::of(step, x.clone());
        let rows = y.clone();
        x = columns.read.clone();
        y = span(rows.clone(), |at| step.y.reach(step.filter, at));
        (columns, rows)
    };
    let mut spans: Vec<_> = steps.iter().rev().map(of_step).collect();
    spans.reverse();
    spans
}

impl Cascade {
    /// The steps, finest first, of which each makes what [`spans`] says.
    pub fn new(
        steps: &[Step],
        format: &Format,
        has_mask: bool,
        spans: &[(Columns, Range<u64>)],
    ) -> Self {
        let mask = Format::of(&Image::new(1, 1, 1, DType::U8));
        let tier = |(at, (step, (columns, _))): (usize, (&Step, &(Columns, Range<u64>)))| {
            let is_last = at + 1 == steps.len();
            let read = (columns.read.end - columns.read.start) as usize;
            let is_first = at == 0;
            let row = vec![0; read * format.dtype.size()];
            Tier {
                pixels: stage(*step, format, columns.clone()),
                mask: (has_mask && !is_last).then(|| stage(of_mask(step), &mask, columns.clone())),
                next: 0,
                rows: match is_first {
                    true => Vec::new(),
                    false => vec![row; format.nodata.len()],
                },
                of_mask: (has_mask && !is_first).then(|| vec![0; read]),
            }
        };
        Self {
            tiers: steps.iter().zip(spans).enumerate().map(tier).collect(),
        }
    }

    /// Writes a row of the output; later ones come later.
    pub fn make(&mut self, feed: &mut dyn Feed, y: u64, out: &mut [&mut [u8]]) -> Result<()> {
        make(&mut self.tiers, feed, y, out, None)
    }
}

fn make(
    tiers: &mut [Tier],
    feed: &mut dyn Feed,
    y: u64,
    out: &mut [&mut [u8]],
    mask: Option<&mut [u8]>,
) -> Result<()> {
    let Some((tier, finer)) = tiers.split_last_mut() else {
        return Ok(());
    };
    let wanted = tier.pixels.rows(y);
    tier.next = tier.next.max(wanted.start);
    while tier.next < wanted.end {
        if finer.is_empty() {
            let (rows, mask) = feed.row(tier.next)?;
            tier.pixels.add(tier.next, &rows, mask);
            if let (Some(stage), Some(mask)) = (&mut tier.mask, mask) {
                stage.add(tier.next, &[mask], None);
            }
        } else {
            {
                let mut rows: SmallVec<[&mut [u8]; 8]> =
                    tier.rows.iter_mut().map(Vec::as_mut_slice).collect();
                let mask = tier.of_mask.as_deref_mut();
                make(finer, feed, tier.next, &mut rows, mask)?;
            }
            let rows: Rows<'_> = tier.rows.iter().map(Vec::as_slice).collect();
            tier.pixels.add(tier.next, &rows, tier.of_mask.as_deref());
            if let (Some(stage), Some(mask)) = (&mut tier.mask, &tier.of_mask) {
                stage.add(tier.next, &[mask], None);
            }
        }
        tier.next += 1;
    }
    tier.pixels.make(y, out);
    if let (Some(stage), Some(mask)) = (&mut tier.mask, mask) {
        stage.make(y, &mut [mask]);
    }
    Ok(())
}
