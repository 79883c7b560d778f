//! Blocks: what is read of a source while a tile is made: the blocks that positions touch, and no others.

use super::extent::Extent;
use super::rungs::Rung;
use super::spots::Group;
use crate::cache::Scratch;
use crate::error::Result;
use crate::image::{Bands, Block};
use crate::provider::{Provider, Request, tile_bytes};
use crate::resample::{Patch, Samples, Spot};
use crate::tile::Tile;
use hashlink::LruCache;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// Columns that stand side by side in a patch and in the image.
struct Run {
    at: i64,
    source: u64,
    length: u64,
}

/// The runs of columns, some of which may be none of the image.
fn runs(extent: &Extent, columns: &Range<i64>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for at in columns.clone() {
        let Some(source) = extent.column(at) else {
            continue;
        };
        match runs.last_mut() {
            Some(run) if run.at + run.length as i64 == at && run.source + run.length == source => {
                run.length += 1;
            }
            _ => runs.push(Run {
                at,
                source,
                length: 1,
            }),
        }
    }
    runs
}

/// The blocks of a plane of a source, by row and column, that pixels of a group lie in.
pub fn touched<'a>(rung: &Rung, plane: Plane, group: &'a Group) -> Cow<'a, BTreeSet<(u64, u64)>> {
    match plane {
        Plane::Pixels => {
            let touched = || touched_of(&*rung.image, rung, group);
            Cow::Borrowed(group.blocks.get_or_init(touched))
        }
        Plane::Mask => {
            let mask = rung.mask.iter();
            let touched = mask.flat_map(|mask| touched_of(&**mask, rung, group));
            Cow::Owned(touched.collect())
        }
    }
}

/// Those of an image of the size of the source.
fn touched_of(image: &dyn Provider, rung: &Rung, group: &Group) -> BTreeSet<(u64, u64)> {
    let (width, height) = image.image().block;
    let runs = runs(&rung.extent, &group.columns);
    let over = |start: u64, end: u64, side: u64| start / side..end.div_ceil(side);
    let cells = |cols: Range<u64>, rows: Range<u64>| {
        rows.flat_map(move |row| cols.clone().map(move |col| (row, col)))
    };
    let rows_over = |rows: &Range<i64>| over(rows.start as u64, rows.end as u64, height);
    // What lies beneath the whole rectangle; when all of that was found, there is no more.
    let rows = rows_over(&group.rows);
    let hull = runs.iter().flat_map(|run| {
        let end = run.source + run.length;
        cells(over(run.source, end, width), rows.clone())
    });
    let hull: BTreeSet<(u64, u64)> = hull.collect();
    if hull.len() == 1 {
        return hull;
    }
    let mut blocks = BTreeSet::new();
    let mut latest = None;
    let add = |spot: &Spot| {
        let rows = rows_over(&spot.rows);
        for run in &runs {
            let start = spot.columns.start.max(run.at);
            let end = spot.columns.end.min(run.at + run.length as i64);
            if start >= end {
                continue;
            }
            let source = |at: i64| run.source + (at - run.at) as u64;
            let cols = over(source(start), source(end), width);
            let over = Some((cols, rows.clone()));
            if latest != over {
                latest = over.clone();
                blocks.extend(over.into_iter().flat_map(|(cols, rows)| cells(cols, rows)));
            }
        }
        match blocks.len() == hull.len() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    // All were found, or all spots were asked.
    let _ = group.ask(rung, add);
    blocks
}

/// An image of a rung: the pixels, or the mask; in the order of the sources of a warp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plane {
    Pixels,
    Mask,
}

impl Rung {
    /// One of its images.
    pub fn plane(&self, plane: Plane) -> Option<&Arc<dyn Provider>> {
        match plane {
            Plane::Pixels => Some(&self.image),
            Plane::Mask => self.mask.as_ref(),
        }
    }
}

/// The blocks that were read last.
pub struct Blocks<'a> {
    rungs: &'a [Rung],
    request: &'a Request<'a>,
    scratch: &'a Scratch<'a>,
    held: LruCache<(usize, Plane, u64, u64), Tile>,
    bytes: u64,
    /// How many bytes of them are held.
    room: u64,
}

impl<'a> Blocks<'a> {
    pub fn new(
        rungs: &'a [Rung],
        room: u64,
        request: &'a Request<'a>,
        scratch: &'a Scratch<'a>,
    ) -> Self {
        Self {
            rungs,
            request,
            scratch,
            held: LruCache::new_unbounded(),
            bytes: 0,
            room,
        }
    }

    /// Tells a source of the blocks of a rung that are about to be read.
    pub fn announce(&self, rung: usize, blocks: &BTreeSet<(u64, u64)>) {
        let is_missing = |(row, col): &&(u64, u64)| {
            let key = (rung, Plane::Pixels, *row, *col);
            !self.held.contains_key(&key)
        };
        let missing = blocks.iter().filter(is_missing);
        let mut blocks = missing.map(|(row, col)| Block::new(0, *row, *col));
        let image = &self.rungs[rung].image;
        Request::new().run(|| image.announce(&mut blocks, &Bands::ALL));
    }

    fn release(&mut self, tile: Tile) {
        self.bytes -= tile.buffer().size() as u64;
        self.scratch.reclaim(tile);
    }

    fn block(&mut self, rung: usize, plane: Plane, at: (u64, u64)) -> Result<Option<&Tile>> {
        let key = (rung, plane, at.0, at.1);
        if !self.held.contains_key(&key) {
            let Some(image) = self.rungs[rung].plane(plane) else {
                return Ok(None);
            };
            let block = Block::new(0, at.0, at.1);
            // Room is made before, so that no more is held than was claimed.
            let coming = tile_bytes(image.image(), block, &Bands::ALL);
            while self.bytes + coming > self.room
                && let Some((_, oldest)) = self.held.remove_lru()
            {
                self.release(oldest);
            }
            self.request.check_cancelled()?;
            let tile = image.get_block(block, &Bands::ALL, self.request)?;
            self.bytes += tile.buffer().size() as u64;
            self.held.insert(key, tile);
        }
        Ok(self.held.get(&key))
    }

    /// All samples of a plane over the rectangle of a group, as far as they lie in blocks that its pixels touch; the
    /// others are 0.
    fn samples(&mut self, plane: Plane, group: &Group) -> Result<Option<Samples>> {
        let (rungs, rung) = (self.rungs, group.rung);
        let (columns, rows) = (&group.columns, &group.rows);
        let Some(image) = rungs[rung].plane(plane) else {
            return Ok(None);
        };
        let described = image.image();
        let (size, bands) = (described.dtype.size(), described.bands.len());
        let width = (columns.end - columns.start) as usize;
        let height = (rows.end - rows.start) as usize;
        let extent = &rungs[rung].extent;
        let runs = runs(extent, columns);
        let mut all = Samples::zeros(bands * height * width * size);
        let samples = all.bytes_mut();
        let grid = described.grid(0);
        for at in &*touched(&rungs[rung], plane, group) {
            let rect = grid.rect(at.0, at.1);
            let Some(tile) = self.block(rung, plane, *at)? else {
                continue;
            };
            let from = rect.y.max(rows.start as u64);
            let until = rect.bottom().min(rows.end as u64);
            for run in &runs {
                let start = rect.x.max(run.source);
                let end = rect.right().min(run.source + run.length);
                if start >= end {
                    continue;
                }
                let place = (run.at - columns.start) as usize + (start - run.source) as usize;
                let count = (end - start) as usize * size;
                let offset = (start - rect.x) as usize * size;
                for band in 0..bands {
                    for y in from..until {
                        let row = band * height + (y - rows.start as u64) as usize;
                        let to = (row * width + place) * size;
                        let samples = &mut samples[to..to + count];
                        let row = tile.row(band, (y - rect.y) as usize);
                        samples.copy_from_slice(&row[offset..offset + count]);
                    }
                }
            }
        }
        Ok(Some(all))
    }

    /// Which pixels of the rectangle of a group are data, as the mask says and as far as they are pixels of the image;
    /// `None` where all are.
    pub fn mask(&mut self, group: &Group) -> Result<Option<Vec<u8>>> {
        let extent = &self.rungs[group.rung].extent;
        let Group { columns, rows, .. } = group;
        let gaps: Vec<i64> = columns
            .clone()
            .filter(|at| extent.column(*at).is_none())
            .collect();
        let width = (columns.end - columns.start) as usize;
        let height = (rows.end - rows.start) as usize;
        let mask = self.samples(Plane::Mask, group)?;
        if mask.is_none() && gaps.is_empty() {
            return Ok(None);
        }
        let mask = mask.map(|mask| mask.bytes().to_vec());
        let mut mask = mask.unwrap_or_else(|| vec![255; width * height]);
        for row in mask.chunks_exact_mut(width) {
            gaps.iter()
                .for_each(|at| row[(at - columns.start) as usize] = 0);
        }
        Ok(Some(mask))
    }

    /// The pixels of the rectangle of a group, as far as it needs them.
    pub fn patch(&mut self, group: &Group) -> Result<Patch> {
        let samples = self.samples(Plane::Pixels, group)?;
        Ok(Patch {
            columns: group.columns.clone(),
            rows: group.rows.clone(),
            samples: samples.unwrap_or_default(),
            mask: self.mask(group)?,
        })
    }

    /// Gives all memory back.
    pub fn end(mut self) {
        while let Some((_, tile)) = self.held.remove_lru() {
            self.release(tile);
        }
    }
}
