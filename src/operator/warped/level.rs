//! A level of a warped image: its tiles, cell by cell.

use super::Warp;
use super::blocks::{Blocks, touched};
use super::cells::{Leaf, SIDE};
use super::rungs::Rung;
use super::spots::{Group, MOST_BYTES, Places, places};
use crate::cache::{Claims, Scratch};
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::memory::PixelsMut;
use crate::operator::input::{Area, Border, Input, Inputs};
use crate::operator::streamed::Streamed;
use crate::provider::{Provider, Request, tile_bytes};
use crate::resample::{FarSpot, Filter, Patch, Spot, write_none, write_spots};
use crate::window::claim_rect;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes of blocks that are held in any case, for tiles that are small.
const LEAST_ROOM: u64 = 16 << 20;

/// What of the source is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Its pixels.
    Pixels,
    /// Where they are data, but for what they say themselves.
    Data,
}

/// A level of the output.
pub struct WarpedLevel {
    pub warp: Arc<Warp>,
    pub level: u32,
    pub image: Image,
    pub shows: Shows,
}

impl WarpedLevel {
    /// The cells over a tile, divided.
    fn leaves(&self, rect: &Rect) -> Result<Vec<Arc<Vec<Leaf>>>> {
        let side = |from: u64, until: u64| from / SIDE..until.div_ceil(SIDE);
        let rows = side(rect.y, rect.bottom());
        let cols = side(rect.x, rect.right());
        let cells: Vec<_> = rows
            .flat_map(|row| cols.clone().map(move |col| (row, col)))
            .collect();
        self.warp.leaves(self.level, self.image.levels[0], &cells)
    }

    fn places(&self, leaves: &[Leaf], rect: &Rect) -> Result<Places> {
        let inside = leaves
            .iter()
            .filter(|leaf| !leaf.rect.intersection(rect).is_empty());
        let inside: Vec<Leaf> = inside.cloned().collect();
        places(&self.warp, self.level, &inside, rect)
    }

    /// The blocks of each rung that groups touch.
    fn touched(&self, groups: &[Group]) -> BTreeMap<usize, BTreeSet<(u64, u64)>> {
        let mut all: BTreeMap<usize, BTreeSet<(u64, u64)>> = BTreeMap::new();
        for group in groups {
            let rung = &self.warp.rungs[group.rung];
            let blocks = touched(&*rung.image, &rung.extent, &group.spots, &group.columns);
            all.entry(group.rung).or_default().extend(blocks);
        }
        all
    }

    /// Bytes of blocks that are held while a tile is made: few blocks, or as much as the tile.
    fn room(&self, at: Block) -> u64 {
        let images = self.warp.rungs.iter().map(|rung| &rung.image);
        let block =
            |image: &Arc<dyn Provider>| tile_bytes(image.image(), Block::new(0, 0, 0), &Bands::ALL);
        let largest = images.map(block).max().unwrap_or(0);
        let tile = tile_bytes(&self.image, at, &Bands::ALL);
        largest.saturating_mul(4).max(tile).max(LEAST_ROOM)
    }

    fn write(&self, group: &Group, blocks: &mut Blocks<'_>, out: &mut PixelsMut<'_>) -> Result<()> {
        if self.shows == Shows::Data {
            return self.write_data(group, blocks, out);
        }
        let Group {
            rung,
            kernel,
            spots,
            columns,
            rows,
        } = group;
        let format = &self.warp.format;
        let width = (columns.end - columns.start) as u64;
        let row = width.saturating_mul(self.warp.pixel_bytes());
        let most = (MOST_BYTES / row.max(1)).max(1) as i64;
        if let [spot] = &spots[..]
            && rows.end - rows.start > most
        {
            let mut far = FarSpot::new(kernel, format, spot);
            for start in rows.clone().step_by(most as usize) {
                let part = start..rows.end.min(start + most);
                let needed = Spot {
                    rows: part.clone(),
                    ..spot.clone()
                };
                far.add(&blocks.patch(*rung, columns, &part, &[needed])?);
            }
            far.write(out);
            return Ok(());
        }
        let patch = blocks.patch(*rung, columns, rows, spots)?;
        write_spots(kernel, format, &patch, spots, out);
        Ok(())
    }

    /// 255 for the spots of a group that are data.
    fn write_data(
        &self,
        group: &Group,
        blocks: &mut Blocks<'_>,
        out: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let Group {
            rung,
            kernel,
            spots,
            columns,
            rows,
        } = group;
        // Of a kernel the pixel tells that contains the place.
        let telling = |spot: &Spot| match kernel.filter {
            Filter::Average => spot.clone(),
            _ => {
                let (x, y) = spot.pixel();
                Spot {
                    columns: x..x + 1,
                    rows: y..y + 1,
                    ..spot.clone()
                }
            }
        };
        let spots: Vec<Spot> = spots.iter().map(telling).collect();
        let mask = blocks.mask(*rung, columns, rows, &spots)?;
        let patch = mask.map(|mask| Patch {
            columns: columns.clone(),
            rows: rows.clone(),
            samples: Vec::new(),
            mask: Some(mask),
        });
        for spot in &spots {
            let is_data = match &patch {
                Some(patch) => patch.has_data(&spot.columns, &spot.rows),
                None => true,
            };
            out.row_mut(0, spot.to.1)[spot.to.0] = if is_data { 255 } else { 0 };
        }
        Ok(())
    }
}

impl Streamed for WarpedLevel {
    fn inputs(&self, at: Block) -> Inputs {
        let rect = at.rect(&self.image);
        // What cannot be transformed now fails when the tile is made.
        let Ok(cells) = self.leaves(&rect) else {
            return Inputs::new();
        };
        let mut all: BTreeMap<usize, BTreeSet<(u64, u64)>> = BTreeMap::new();
        for cell in cells {
            let places = self.places(&cell, &rect).unwrap_or_default();
            for (rung, blocks) in self.touched(&places.groups) {
                all.entry(rung).or_default().extend(blocks);
            }
        }
        let area = |rung: usize, (row, col): &(u64, u64)| {
            let rung = &self.warp.rungs[rung];
            let rect = rung.image.image().grid(0).rect(*row, *col);
            let area = Area {
                level: rung.level.number,
                x: rect.x as i64,
                y: rect.y as i64,
                width: rect.width,
                height: rect.height,
                border: Border::Pad,
            };
            Input::area(0, Bands::ALL, area)
        };
        let of_rung = |(rung, blocks): (&usize, &BTreeSet<(u64, u64)>)| {
            let rung = *rung;
            blocks
                .iter()
                .map(move |block| area(rung, block))
                .collect::<Vec<_>>()
        };
        all.iter().flat_map(of_rung).collect()
    }

    fn height(&self) -> u32 {
        let images = |rung: &Rung| {
            [
                Some(rung.image.height()),
                rung.mask.as_ref().map(|it| it.height()),
            ]
        };
        let heights = self.warp.rungs.iter().flat_map(images).flatten();
        heights.max().unwrap_or(0)
    }

    fn is_stored(&self, _at: Block) -> Result<bool> {
        // No tile of it is absent.
        Ok(true)
    }

    fn claim(&self, at: Block, claims: &mut Claims) {
        claims.add(MOST_BYTES);
        let images = self
            .warp
            .rungs
            .iter()
            .flat_map(|rung| [Some(&rung.image), rung.mask.as_ref()]);
        let bytes = |image: &&Arc<dyn Provider>| {
            tile_bytes(image.image(), Block::new(0, 0, 0), &Bands::ALL)
        };
        let Some(largest) = images.flatten().max_by_key(bytes) else {
            return;
        };
        // What a cache keeps is not in flight while it is held.
        if largest.cache().is_none() {
            claims.add(self.room(at));
        }
        let block = largest.image().grid(0).rect(0, 0);
        claim_rect(largest, 0, block, &Bands::ALL, claims);
    }

    fn make(
        &self,
        at: Block,
        request: &Request<'_>,
        scratch: &Scratch<'_>,
        output: &mut PixelsMut<'_>,
    ) -> Result<()> {
        let rect = at.rect(&self.image);
        let mut blocks = Blocks::new(&self.warp.rungs, self.room(at), request, scratch);
        for cell in self.leaves(&rect)? {
            request.check_cancelled()?;
            let places = self.places(&cell, &rect)?;
            match self.shows {
                Shows::Pixels => {
                    write_none(&self.warp.format, &places.none, output);
                    for (rung, touched) in self.touched(&places.groups) {
                        blocks.announce(rung, &touched);
                    }
                }
                Shows::Data => {
                    for (x, y) in &places.none {
                        output.row_mut(0, *y)[*x] = 0;
                    }
                }
            }
            for group in &places.groups {
                self.write(group, &mut blocks, output)?;
            }
        }
        blocks.end();
        Ok(())
    }
}
