//! Spots: the pixels of a leaf as places in the source, in groups whose places lie together.

use super::Warp;
use super::cells::{Leaf, between, in_turn_of};
use super::fields::{Positions, field, some_of};
use super::rungs::Rung;
use crate::error::Result;
use crate::geometry::Rect;
use crate::provider::Request;
use crate::resample::{At, Field, Filter, Kernel, Spot};
use crate::transform::Point;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

/// Bytes of a patch that are read at once, where a single pixel does not need more.
pub const MOST_BYTES: u64 = 4 << 20;

/// So many pixels are read for one that is needed, rather than ask for parts of them one by one.
const SPREAD: u64 = 8;

/// Pixels that may be read in any case.
const FEW: u64 = 1 << 10;

/// Spots that are made from one patch of the source.
pub struct Group {
    pub rung: usize,
    pub kernel: Kernel,
    pub pixels: Pixels,
    pub columns: Range<i64>,
    pub rows: Range<i64>,
    /// The blocks of the source that they touch, once somebody has asked.
    pub blocks: OnceCell<BTreeSet<(u64, u64)>>,
}

/// The pixels of a group.
pub enum Pixels {
    /// Each by itself.
    Spots(Vec<Spot>),
    /// Side by side.
    Field(Field),
}

impl Group {
    /// All pixels as spots.
    pub fn spots<'a>(&'a self, rung: &'a Rung) -> Cow<'a, [Spot]> {
        match &self.pixels {
            Pixels::Spots(spots) => Cow::Borrowed(spots),
            Pixels::Field(field) => {
                let spots = field.pixels().map(|at| self.spot(rung, field, at));
                Cow::Owned(spots.flatten().collect())
            }
        }
    }

    /// Calls a function with spots, of a field first with those that reach furthest, until all were given or it breaks.
    pub fn ask(
        &self,
        rung: &Rung,
        mut each: impl FnMut(&Spot) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match &self.pixels {
            Pixels::Spots(spots) => spots.iter().try_for_each(each),
            Pixels::Field(field) => {
                let mut all = some_of(field).chain(field.pixels());
                all.try_for_each(|at| match self.spot(rung, field, at) {
                    Some(spot) => each(&spot),
                    None => ControlFlow::Continue(()),
                })
            }
        }
    }

    /// The same over fewer pixels and rows.
    pub fn of(&self, spots: Vec<Spot>, rows: Range<i64>) -> Self {
        Self {
            pixels: Pixels::Spots(spots),
            columns: self.columns.clone(),
            rows,
            blocks: OnceCell::new(),
            ..*self
        }
    }

    /// A pixel of a field.
    pub fn spot(&self, rung: &Rung, field: &Field, at: At) -> Option<Spot> {
        let from = field.from(at);
        spot_in(
            rung,
            &self.kernel,
            field.place(at),
            (from, from),
            Some(from.0.floor() as i64),
        )
    }
}

/// What becomes of the pixels of a part of a level.
#[derive(Default)]
pub struct Places {
    pub groups: Vec<Group>,
    /// Columns and rows of the tile with pixels that come from nowhere.
    pub none: Vec<(usize, usize)>,
}

/// The positions of a pixel: its centre, and where a filter takes what it covers its corners.
struct Pixel {
    centre: Point,
    corners: Option<[Point; 4]>,
}

/// The places of all pixels of leaves that lie in a tile.
pub fn places(
    warp: &Warp,
    level: u32,
    leaves: &[Leaf],
    tile: &Rect,
    request: &Request<'_>,
) -> Result<Places> {
    let mut exact = Exact::new(warp, level, leaves, tile);
    if !exact.points.is_empty() {
        warp.transform.to_source(&mut exact.points, request)?;
    }
    let of_pixel = exact.of_pixel;
    let mut all = Places::default();
    for leaf in leaves {
        let part = leaf.rect.intersection(tile);
        let kernel = Kernel {
            filter: warp.filter,
            scale: leaf.scale,
        };
        let corners = leaf.corners.as_ref().filter(|_| !warp.exact);
        let points = match corners {
            Some(_) => &[],
            None => exact.take(&part),
        };
        let place = |x: u64, y: u64| ((x - tile.x) as usize, (y - tile.y) as usize);
        if warp.filter.is_at_place() {
            let factor = warp.rungs[leaf.rung].level.factor;
            let positions = match corners {
                Some(corners) => Positions::between(corners, &leaf.rect, &part, factor),
                None => Positions::of(points, factor),
            };
            let to = (place(part.x, part.y), part.width as usize);
            if let Some(places) = field(warp, leaf.rung, kernel, to, positions) {
                all.groups.extend(places.groups);
                all.none.extend(places.none);
                continue;
            }
        }
        let rung = &warp.rungs[leaf.rung];
        let mut spots = Vec::with_capacity(part.area() as usize);
        let mut points = points.chunks_exact(of_pixel);
        for y in part.y..part.bottom() {
            for x in part.x..part.right() {
                let pixel = match corners {
                    Some(corners) => interpolated(&leaf.rect, corners, (x, y), warp.filter),
                    None => Pixel::of(points.next().unwrap_or_default()),
                };
                match spot(warp, rung, &kernel, place(x, y), &pixel) {
                    Some(spot) => spots.push(spot),
                    None => all.none.push(place(x, y)),
                }
            }
        }
        group(warp, leaf.rung, &kernel, spots, &mut all.groups);
    }
    Ok(all)
}

impl Pixel {
    /// One whose positions were evaluated.
    fn of(points: &[Point]) -> Self {
        Self {
            centre: points.first().copied().unwrap_or(Point::NONE),
            corners: points.get(1..).and_then(|corners| corners.try_into().ok()),
        }
    }
}

/// Positions that are evaluated one by one.
struct Exact {
    points: Vec<Point>,
    taken: usize,
    /// How many there are of each pixel.
    of_pixel: usize,
}

impl Exact {
    fn new(warp: &Warp, level: u32, leaves: &[Leaf], tile: &Rect) -> Self {
        let step = (1u64 << level) as f64;
        let of_pixel = if warp.filter.is_at_place() { 1 } else { 5 };
        let mut points = Vec::new();
        for leaf in leaves
            .iter()
            .filter(|leaf| warp.exact || leaf.corners.is_none())
        {
            let part = leaf.rect.intersection(tile);
            for y in part.y..part.bottom() {
                for x in part.x..part.right() {
                    let at = |right: f64, down: f64| {
                        Point::new((x as f64 + right) * step, (y as f64 + down) * step)
                    };
                    let all = [
                        at(0.5, 0.5),
                        at(0.0, 0.0),
                        at(1.0, 0.0),
                        at(0.0, 1.0),
                        at(1.0, 1.0),
                    ];
                    points.extend(&all[..of_pixel]);
                }
            }
        }
        Self {
            points,
            taken: 0,
            of_pixel,
        }
    }

    /// Those of the next leaf.
    fn take(&mut self, part: &Rect) -> &[Point] {
        let start = self.taken;
        self.taken += part.area() as usize * self.of_pixel;
        &self.points[start..self.taken]
    }
}

/// A pixel between the corners of its leaf.
fn interpolated(leaf: &Rect, corners: &[Point; 4], (x, y): (u64, u64), filter: Filter) -> Pixel {
    let at = |right: f64, down: f64| {
        let s = ((x - leaf.x) as f64 + right) / leaf.width as f64;
        let t = ((y - leaf.y) as f64 + down) / leaf.height as f64;
        between(corners, s, t)
    };
    let corners =
        (!filter.is_at_place()).then(|| [at(0.0, 0.0), at(1.0, 0.0), at(0.0, 1.0), at(1.0, 1.0)]);
    Pixel {
        centre: at(0.5, 0.5),
        corners,
    }
}

/// The place of a pixel in a level of the source, if it has one there.
fn spot(
    warp: &Warp,
    rung: &Rung,
    kernel: &Kernel,
    to: (usize, usize),
    pixel: &Pixel,
) -> Option<Spot> {
    let (extent, factor) = (&rung.extent, rung.level.factor);
    let scaled = |point: Point| (point.x / factor.0, point.y / factor.1);
    let corners = pixel
        .corners
        .filter(|corners| corners.iter().all(Point::is_some));
    let (from, until, inside) = match corners {
        Some(corners) => {
            let middle = match pixel.centre.is_some() {
                true => pixel.centre.x,
                false => corners[0].x,
            };
            let period = warp.period.map(|period| period as f64);
            let mut corners = corners;
            for corner in &mut corners {
                corner.x = in_turn_of(middle, corner.x, period);
            }
            let side = |of: fn(&Point) -> f64| {
                let all = corners.iter().map(of);
                let least = all.clone().fold(f64::INFINITY, f64::min);
                (least, all.fold(f64::NEG_INFINITY, f64::max))
            };
            let (left, right) = side(|point| point.x);
            let (top, bottom) = side(|point| point.y);
            let from = scaled(Point::new(left, top));
            (from, scaled(Point::new(right, bottom)), None)
        }
        None if pixel.centre.is_some() => {
            let at = scaled(pixel.centre);
            let pixel = (at.0.floor() as i64, at.1.floor() as i64);
            if !extent.contains(pixel) {
                return None;
            }
            (at, at, Some(pixel.0))
        }
        None => return None,
    };
    spot_in(rung, kernel, to, (from, until), inside)
}

/// The place of a pixel whose position, or corners, are known in pixels of the level; of a position the column of
/// the pixel that contains it.
fn spot_in(
    rung: &Rung,
    kernel: &Kernel,
    to: (usize, usize),
    (from, until): ((f64, f64), (f64, f64)),
    inside: Option<i64>,
) -> Option<Spot> {
    let extent = &rung.extent;
    let (columns, rows) = kernel.ranges(from, until);
    let spot = Spot {
        to,
        from,
        until,
        columns: extent.columns(&columns, inside),
        rows: extent.rows(&rows),
    };
    (!spot.columns.is_empty() && !spot.rows.is_empty()).then_some(spot)
}

/// Whether so many pixels may be read at once for those that are needed of them.
pub fn is_together(warp: &Warp, needed: u64, all: u64) -> bool {
    let is_spread = all > needed.saturating_mul(SPREAD).saturating_add(FEW);
    let is_large = all.saturating_mul(warp.pixel_bytes()) > MOST_BYTES;
    !is_spread && !is_large
}

/// Spots in groups whose patches are not much larger than what is needed of them.
fn group(warp: &Warp, rung: usize, kernel: &Kernel, spots: Vec<Spot>, groups: &mut Vec<Group>) {
    let Some(first) = spots.first() else { return };
    let length = |range: &Range<i64>| (range.end - range.start) as u64;
    let area =
        |columns: &Range<i64>, rows: &Range<i64>| length(columns).saturating_mul(length(rows));
    let hull = |of: fn(&Spot) -> &Range<i64>| {
        spots.iter().fold(of(first).clone(), |hull, spot| {
            hull.start.min(of(spot).start)..hull.end.max(of(spot).end)
        })
    };
    let (columns, rows) = (hull(|spot| &spot.columns), hull(|spot| &spot.rows));
    let needed = spots
        .iter()
        .map(|spot| area(&spot.columns, &spot.rows))
        .fold(0, u64::saturating_add);
    let all = area(&columns, &rows);
    if spots.len() > 1 && !is_together(warp, needed, all) {
        let mut before = spots;
        let after = before.split_off(before.len() / 2);
        group(warp, rung, kernel, before, groups);
        group(warp, rung, kernel, after, groups);
        return;
    }
    groups.push(Group {
        rung,
        kernel: *kernel,
        pixels: Pixels::Spots(spots),
        columns,
        rows,
        blocks: OnceCell::new(),
    });
}
