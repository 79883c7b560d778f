//! Reduced: a level made of finer ones, row by row through all steps between.

use super::super::data_key::data_key;
use super::super::inherit::drop_statistics;
use super::ladder::Rung;
use super::strips::{Plan, Strips};
use crate::cache::{Cache, Claims, Scratch, compute_key};
use crate::error::Result;
use crate::geometry::Rect;
use crate::georef::Affine;
use crate::image::{Bands, Block, Image, SharedWork};
use crate::memory::PixelsMut;
use crate::operator::input::{Area, Border, Input, Inputs};
use crate::operator::kernel::{Computed, Work};
use crate::operator::streamed::Streamed;
use crate::provider::{Provider, Request};
use crate::resample::{Cascade, Columns, Format, Step, spans};
use crate::window::{claim_rect, has_any};
use std::ops::Range;
use std::sync::Arc;

/// So many steps are made in one go whatever memory that takes, lest tiles of the levels between are made for every
/// tile that reads some of them.
const LEAST_STEPS: usize = 4;

/// Bytes of rows that may wait for others in any case, for tiles that are small.
const LEAST_ROOM: u64 = 1 << 20;

/// In so many levels beneath it is looked for tiles that are there already.
const SEARCHED: usize = 3;

/// A level and what it is made of.
pub struct Reduced {
    /// The levels beneath, from the last native one to the next finer one.
    below: Vec<Rung>,
    /// What each of them becomes.
    steps: Vec<Step>,
    image: Image,
    format: Format,
}

/// A part of a level, as it is made.
struct Job {
    /// The level beneath that is read.
    from: usize,
    /// What each step makes, from there on.
    spans: Vec<(Columns, Range<u64>)>,
    plan: Plan,
    /// Bytes of rows that wait for others.
    held: u64,
}

impl Reduced {
    /// A level that `steps` make of the last levels `below`, in tiles.
    pub fn new(below: Vec<Rung>, steps: Vec<Step>, tile: (u64, u64)) -> Self {
        let finer = &below[below.len() - 1];
        let step = &steps[steps.len() - 1];
        let mut image = finer.image.image().clone();
        drop_statistics(&mut image.metadata);
        let format = Format::of(&image);
        image.levels = vec![(step.x.to, step.y.to)];
        image.block = tile;
        image.padded = false;
        image.shared_work = SharedWork::None;
        let scale = Affine::scale(step.x.scale(), step.y.scale());
        let located = image.georef.take();
        image.georef = located.and_then(|finer| finer.over([(0, scale)]));
        // An absent block must be what its pixels would be made of pad.
        image.sparse &= format.keeps_pad(step.filter, finer.mask.is_some());
        Self {
            below,
            steps,
            image,
            format,
        }
    }

    fn finer(&self) -> &Rung {
        &self.below[self.below.len() - 1]
    }

    /// What the steps from a level on make for a rectangle.
    fn spans(&self, from: usize, rect: &Rect) -> Vec<(Columns, Range<u64>)> {
        let made = (rect.x..rect.right(), rect.y..rect.bottom());
        spans(&self.steps[from..], made)
    }

    /// What is read of a level for a rectangle.
    fn read(&self, from: usize, spans: &[(Columns, Range<u64>)]) -> Rect {
        let (columns, rows) = &spans[0];
        let step = &self.steps[from];
        let rows = crate::resample::span(rows.clone(), |at| step.y.reach(step.filter, at));
        let width = columns.read.end - columns.read.start;
        Rect::new(columns.read.start, rows.start, width, rows.end - rows.start)
    }

    /// Whether all tiles over a rectangle of a level are there.
    fn is_resident(&self, level: usize, rect: &Rect) -> bool {
        let image = &self.below[level].image;
        let mut cells = image.image().grid(0).cells_over(rect);
        cells.all(|(row, col)| {
            image
                .peek_block(Block::new(0, row, col), &Bands::ALL)
                .is_some()
        })
    }

    /// Bytes of a pixel, and of the sums of one.
    fn pixel(&self) -> (u64, u64) {
        let bands = self.image.bands.len() as u64;
        let parts = bands * self.image.dtype.parts() as u64;
        (bands * self.image.dtype.size() as u64, 8 * parts)
    }

    /// How a rectangle is made: from the nearest level whose tiles are all there, else in so many steps at once as
    /// memory allows, which is as much as the next finer level takes.
    fn job(&self, rect: &Rect) -> Job {
        let last = self.steps.len() - 1;
        let (pixel, sums) = self.pixel();
        let nearest = self.read(last, &self.spans(last, rect));
        let room = nearest.area().saturating_mul(pixel);
        let resident = (1..=last)
            .rev()
            .take(SEARCHED)
            .find(|from| self.is_resident(*from, &self.read(*from, &self.spans(*from, rect))));
        let held = |from: usize| {
            let tiers = self.spans(from, rect);
            let steps = self.steps[from..].iter().zip(&tiers);
            let bytes = steps.map(|(step, (columns, rows))| {
                let reach = step
                    .y
                    .reach(step.filter, rows.start + (rows.end - rows.start) / 2);
                let height = reach.end - reach.start + 2;
                let read = columns.read.end - columns.read.start;
                let made = columns.made.end - columns.made.start;
                (read * pixel + made * sums).saturating_mul(height)
            });
            bytes.fold(0, u64::saturating_add)
        };
        let from = resident.unwrap_or_else(|| {
            let is_possible = |from: &usize| {
                self.steps.len() - from <= LEAST_STEPS || held(*from) <= room.max(LEAST_ROOM)
            };
            match (0..=last).find(is_possible).unwrap_or(last) {
                0 => 0,
                // Tiles that are made on the way are to be large beside the blocks of the source.
                first => first.max(self.steps.len() / 2),
            }
        });
        let spans = self.spans(from, rect);
        let read = self.read(from, &spans);
        let plan = Plan {
            columns: read.x..read.right(),
            rows: read.y..read.bottom(),
            most: room / (read.width * pixel).max(1),
        };
        Job {
            held: held(from),
            from,
            spans,
            plan,
        }
    }
}

impl Streamed for Reduced {
    fn positions(&self, _: Block) -> u64 {
        0
    }

    fn inputs(&self, at: Block) -> Inputs {
        let last = self.steps.len() - 1;
        let rect = self.read(last, &self.spans(last, &at.rect(&self.image)));
        let area = Area {
            level: 0,
            x: rect.x as i64,
            y: rect.y as i64,
            width: rect.width,
            height: rect.height,
            border: Border::Pad,
        };
        let count = 1 + usize::from(self.finer().mask.is_some());
        (0..count)
            .map(|source| Input::area(source, Bands::ALL, area))
            .collect()
    }

    fn height(&self) -> u32 {
        let images = |rung: &Rung| {
            [
                Some(rung.image.height()),
                rung.mask.as_ref().map(|it| it.height()),
            ]
        };
        let heights = self.below.iter().flat_map(images).flatten();
        heights.max().unwrap_or(0)
    }

    fn is_stored(&self, at: Block) -> Result<bool> {
        let spans = self.spans(0, &at.rect(&self.image));
        has_any(&*self.below[0].image, 0, &self.read(0, &spans))
    }

    fn claim(&self, at: Block, claims: &mut Claims) {
        let job = self.job(&at.rect(&self.image));
        let rung = &self.below[job.from];
        claims.add(job.held);
        let images = [Some(&rung.image), rung.mask.as_ref()];
        for image in images.into_iter().flatten() {
            let strip = job.plan.strip(&**image, job.plan.rows.start);
            let sample = image.image().dtype.size() * image.image().bands.len();
            claims.add(strip.area().saturating_mul(sample as u64));
            claim_rect(image, 0, strip, &Bands::ALL, claims);
        }
    }

    fn make(
        &self,
        at: Block,
        request: &Request<'_>,
        scratch: &Scratch<'_>,
        output: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let rect = at.rect(&self.image);
        let job = self.job(&rect);
        let rung = &self.below[job.from];
        let steps = &self.steps[job.from..];
        let mut cascade = Cascade::new(steps, &self.format, rung.mask.is_some(), &job.spans);
        let mut strips = Strips::new(rung, job.plan, request, scratch);
        for (place, y) in (rect.y..rect.bottom()).enumerate() {
            cascade.make(&mut strips, y, &mut output.rows_mut(place))?;
        }
        strips.end();
        Ok(())
    }
}

/// A level as an image, its tiles kept in `cache`, if there is one.
pub fn reduced(
    level: Reduced,
    mask: Option<Arc<dyn Provider>>,
    cache: Option<&Cache>,
) -> Result<Arc<dyn Provider>> {
    let finer = level.finer();
    let sources: Vec<_> = [Some(&finer.image), finer.mask.as_ref()]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let step = &level.steps[level.steps.len() - 1];
    let (tile, (width, height)) = (level.image.block, level.image.levels[0]);
    let name = format!(
        "downsampled:{}:{width}x{height}:tile:{}x{}{}",
        step.filter.name(),
        tile.0,
        tile.1,
        data_key(&*finer.image)
    );
    let parts = Computed {
        key: compute_key(&name, sources.iter().map(|source| source.key()))?,
        sources,
        level: 0,
        image: level.image.clone(),
        work: Work::Streamed(Arc::new(level)),
        mask,
        above: Vec::new(),
    };
    parts.build(cache)
}
