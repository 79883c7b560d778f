//! Blocks: what is read of a source while a tile is made: the blocks that positions touch, and no others.

use super::extent::Extent;
use super::rungs::Rung;
use crate::cache::Scratch;
use crate::error::Result;
use crate::image::{Bands, Block};
use crate::provider::{Provider, Request, tile_bytes};
use crate::resample::{Patch, Spot};
use crate::tile::Tile;
use hashlink::LruCache;
use std::collections::BTreeSet;
use std::ops::Range;
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

/// The blocks of an image, by row and column, that pixels of spots lie in.
pub fn touched(
    image: &dyn Provider,
    extent: &Extent,
    spots: &[Spot],
    columns: &Range<i64>,
) -> BTreeSet<(u64, u64)> {
    let runs = runs(extent, columns);
    let (width, height) = image.image().block;
    let mut blocks = BTreeSet::new();
    if let [run] = &runs[..] {
        // Most patches lie in one block.
        let (top, bottom) = spots.iter().fold((i64::MAX, 0), |(top, bottom), spot| {
            (top.min(spot.rows.start), bottom.max(spot.rows.end))
        });
        let first = (top as u64 / height, run.source / width);
        let last = (bottom - 1) as u64 / height;
        if first == (last, (run.source + run.length - 1) / width) {
            blocks.insert(first);
            return blocks;
        }
    }
    let mut latest = None;
    for spot in spots {
        let rows = spot.rows.start as u64 / height..(spot.rows.end - 1) as u64 / height + 1;
        for run in &runs {
            let start = spot.columns.start.max(run.at);
            let end = spot.columns.end.min(run.at + run.length as i64);
            if start >= end {
                continue;
            }
            let column = |at: i64| (run.source + (at - run.at) as u64) / width;
            let over = (rows.clone(), column(start)..column(end - 1) + 1);
            if latest.as_ref() != Some(&over) {
                let all = over
                    .0
                    .clone()
                    .flat_map(|row| over.1.clone().map(move |col| (row, col)));
                blocks.extend(all);
                latest = Some(over);
            }
        }
    }
    blocks
}

/// An image of a rung: the pixels, or the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// All samples of a plane over a rectangle, as far as they lie in blocks that spots touch; the others are 0.
    fn samples(
        &mut self,
        rung: usize,
        plane: Plane,
        (columns, rows): (&Range<i64>, &Range<i64>),
        spots: &[Spot],
    ) -> Result<Option<Vec<u8>>> {
        let rungs = self.rungs;
        let Some(image) = rungs[rung].plane(plane) else {
            return Ok(None);
        };
        let described = image.image();
        let (size, bands) = (described.dtype.size(), described.bands.len());
        let width = (columns.end - columns.start) as usize;
        let height = (rows.end - rows.start) as usize;
        let extent = &rungs[rung].extent;
        let runs = runs(extent, columns);
        let mut samples = vec![0; bands * height * width * size];
        let grid = described.grid(0);
        for at in &touched(&**image, extent, spots, columns) {
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
        Ok(Some(samples))
    }

    /// Which pixels of a rectangle are data, as the mask says and as far as they are pixels of the image; `None` where
    /// all are.
    pub fn mask(
        &mut self,
        rung: usize,
        columns: &Range<i64>,
        rows: &Range<i64>,
        spots: &[Spot],
    ) -> Result<Option<Vec<u8>>> {
        let extent = &self.rungs[rung].extent;
        let gaps: Vec<i64> = columns
            .clone()
            .filter(|at| extent.column(*at).is_none())
            .collect();
        let width = (columns.end - columns.start) as usize;
        let height = (rows.end - rows.start) as usize;
        let mask = self.samples(rung, Plane::Mask, (columns, rows), spots)?;
        if mask.is_none() && gaps.is_empty() {
            return Ok(None);
        }
        let mut mask = mask.unwrap_or_else(|| vec![255; width * height]);
        for row in mask.chunks_exact_mut(width) {
            gaps.iter()
                .for_each(|at| row[(at - columns.start) as usize] = 0);
        }
        Ok(Some(mask))
    }

    /// The pixels of a rectangle, as far as spots need them.
    pub fn patch(
        &mut self,
        rung: usize,
        columns: &Range<i64>,
        rows: &Range<i64>,
        spots: &[Spot],
    ) -> Result<Patch> {
        let samples = self.samples(rung, Plane::Pixels, (columns, rows), spots)?;
        Ok(Patch {
            columns: columns.clone(),
            rows: rows.clone(),
            samples: samples.unwrap_or_default(),
            mask: self.mask(rung, columns, rows, spots)?,
        })
    }

    /// Gives all memory back.
    pub fn end(mut self) {
        while let Some((_, tile)) = self.held.remove_lru() {
            self.release(tile);
        }
    }
}
