//! A level of a warped image: its tiles, cell by cell.

use super::Warp;
use super::blocks::{Blocks, Plane, touched};
use super::cells::{Leaf, SIDE};
use super::rungs::Rung;
use super::spots::{Group, MOST_BYTES, Pixels, Places, places};
use crate::cache::{Claims, Scratch};
use crate::error::Result;
use crate::geometry::Rect;
use crate::image::{Bands, Block, Image};
use crate::memory::PixelsMut;
use crate::operator::heights::HELD;
use crate::operator::input::{Area, Border, Input, Inputs};
use crate::operator::streamed::Streamed;
use crate::provider::{Provider, Request, tile_bytes};
use crate::resample::{FarSpot, Patch, Samples, Spot, write_field, write_none, write_spots};
use crate::window::claim_rect;
use std::borrow::Cow;
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
    fn leaves(&self, rect: &Rect, request: &Request<'_>) -> Result<Vec<Arc<Vec<Leaf>>>> {
        let side = |from: u64, until: u64| from / SIDE..until.div_ceil(SIDE);
        let rows = side(rect.y, rect.bottom());
        let cols = side(rect.x, rect.right());
        let cells: Vec<_> = rows
            .flat_map(|row| cols.clone().map(move |col| (row, col)))
            .collect();
        let size = self.image.levels[0];
        self.warp.leaves(self.level, size, &cells, request)
    }

    fn places(&self, leaves: &[Leaf], rect: &Rect, request: &Request<'_>) -> Result<Places> {
        let inside = leaves
            .iter()
            .filter(|leaf| !leaf.rect.intersection(rect).is_empty());
        let inside: Vec<Leaf> = inside.cloned().collect();
        places(&self.warp, self.level, &inside, rect, request)
    }

    /// The blocks of a plane that a group touches.
    fn touched<'a>(&self, group: &'a Group, plane: Plane) -> Cow<'a, BTreeSet<(u64, u64)>> {
        touched(&self.warp.rungs[group.rung], plane, group)
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
        let (format, rung) = (&self.warp.format, &self.warp.rungs[group.rung]);
        let width = (group.columns.end - group.columns.start) as u64;
        let row = width.saturating_mul(self.warp.pixel_bytes());
        let most = (MOST_BYTES / row.max(1)).max(1) as i64;
        if let Pixels::Spots(spots) = &group.pixels
            && let [spot] = &spots[..]
            && group.rows.end - group.rows.start > most
        {
            let mut far = FarSpot::new(&group.kernel, format, spot);
            for start in group.rows.clone().step_by(most as usize) {
                let rows = start..group.rows.end.min(start + most);
                let needed = Spot {
                    rows: rows.clone(),
                    ..spot.clone()
                };
                far.add(&blocks.patch(&group.of(vec![needed], rows))?)?;
            }
            far.write(out);
            return Ok(());
        }
        let patch = blocks.patch(group)?;
        match &group.pixels {
            Pixels::Spots(spots) => write_spots(&group.kernel, format, &patch, spots, out),
            Pixels::Field(field) => {
                let left = write_field(&group.kernel, format, &patch, field, out);
                if !left.is_empty() {
                    let spots = left.into_iter().map(|at| group.spot(rung, field, at));
                    let spots: Vec<Spot> = spots.flatten().collect();
                    write_spots(&group.kernel, format, &patch, &spots, out);
                }
            }
        }
        Ok(())
    }

    /// 255 for the spots of a group that are data.
    fn write_data(
        &self,
        group: &Group,
        blocks: &mut Blocks<'_>,
        out: &mut PixelsMut<'_>,
    ) -> Result<()> {
        // Of a kernel the pixel tells that contains the place.
        let telling = |spot: &Spot| match group.kernel.filter.is_at_place() {
            false => spot.clone(),
            true => {
                let (x, y) = spot.pixel();
                Spot {
                    columns: x..x + 1,
                    rows: y..y + 1,
                    ..spot.clone()
                }
            }
        };
        let spots = group.spots(&self.warp.rungs[group.rung]);
        let spots: Vec<Spot> = spots.iter().map(telling).collect();
        let needed = group.of(spots.clone(), group.rows.clone());
        let patch = blocks.mask(&needed)?.map(|mask| Patch {
            columns: group.columns.clone(),
            rows: group.rows.clone(),
            samples: Samples::default(),
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
    fn positions(&self, at: Block) -> u64 {
        let rect = at.rect(&self.image);
        rect.width.saturating_mul(rect.height)
    }

    fn inputs(&self, at: Block) -> Inputs {
        let rect = at.rect(&self.image);
        let request = Request::new();
        // What cannot be transformed now fails when the tile is made.
        let Ok(cells) = self.leaves(&rect, &request) else {
            return Inputs::new();
        };
        // The places of both among the sources. Where data is the mask alone says.
        let planes = match self.shows {
            Shows::Pixels => [Plane::Pixels, Plane::Mask].as_slice(),
            Shows::Data => &[Plane::Mask],
        };
        let mut all: BTreeSet<(Plane, usize, u64, u64)> = BTreeSet::new();
        for cell in cells {
            let places = self.places(&cell, &rect, &request).unwrap_or_default();
            for group in &places.groups {
                for plane in planes {
                    let blocks = self.touched(group, *plane);
                    let blocks = blocks.iter().map(|(row, col)| (*row, *col));
                    all.extend(blocks.map(|(row, col)| (*plane, group.rung, row, col)));
                }
            }
        }
        let input = |(plane, rung, row, col): (Plane, usize, u64, u64)| {
            let rung = &self.warp.rungs[rung];
            let rect = rung.plane(plane)?.image().grid(0).rect(row, col);
            let area = Area {
                level: rung.level.number,
                x: rect.x as i64,
                y: rect.y as i64,
                width: rect.width,
                height: rect.height,
                border: Border::Pad,
            };
            Some(Input::area(plane as usize, Bands::ALL, area))
        };
        all.into_iter().filter_map(input).collect()
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
        let of_first = |image: &Arc<dyn Provider>, claims: &mut Claims| {
            let block = image.image().grid(0).rect(0, 0);
            claim_rect(image, 0, block, &Bands::ALL, claims);
        };
        of_first(largest, claims);
        for read in self.warp.transform.sources() {
            if read.cache().is_none() {
                claims.add(bytes(&read).saturating_mul(HELD as u64 - 1));
            }
            of_first(read, claims);
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
        let mut blocks = Blocks::new(&self.warp.rungs, self.room(at), request, scratch);
        for cell in self.leaves(&rect, request)? {
            request.check_cancelled()?;
            let places = self.places(&cell, &rect, request)?;
            match self.shows {
                Shows::Pixels => {
                    write_none(&self.warp.format, &places.none, output);
                    let mut of_rungs: BTreeMap<usize, BTreeSet<(u64, u64)>> = BTreeMap::new();
                    for group in &places.groups {
                        let touched = self.touched(group, Plane::Pixels);
                        of_rungs.entry(group.rung).or_default().extend(&*touched);
                    }
                    for (rung, touched) in of_rungs {
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
