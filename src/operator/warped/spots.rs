//! Spots: the pixels of a leaf as places in the source, in groups whose places lie together.

use super::Warp;
use super::cells::{Leaf, between, in_turn_of};
use super::rungs::Rung;
use crate::error::Result;
use crate::geometry::Rect;
use crate::resample::{Filter, Kernel, Spot};
use crate::transform::Point;
use std::ops::Range;

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
    pub spots: Vec<Spot>,
    pub columns: Range<i64>,
    pub rows: Range<i64>,
}

/// What becomes of the pixels of a part of a level.
#[derive(Default)]
pub struct Places {
    pub groups: Vec<Group>,
    /// Columns and rows of the tile with pixels that come from nowhere.
    pub none: Vec<(usize, usize)>,
}

/// The positions of a pixel: its centre, and for an average its corners.
struct Pixel {
    centre: Point,
    corners: Option<[Point; 4]>,
}

/// The places of all pixels of leaves that lie in a tile.
pub fn places(warp: &Warp, level: u32, leaves: &[Leaf], tile: &Rect) -> Result<Places> {
    let mut exact = Exact::new(warp, level, leaves, tile);
    if !exact.points.is_empty() {
        warp.transform.to_source(&mut exact.points)?;
    }
    let mut all = Places::default();
    for leaf in leaves {
        let part = leaf.rect.intersection(tile);
        let rung = &warp.rungs[leaf.rung];
        let kernel = Kernel {
            filter: warp.filter,
            scale: leaf.scale,
        };
        let mut spots = Vec::with_capacity(part.area() as usize);
        for y in part.y..part.bottom() {
            for x in part.x..part.right() {
                let pixel = match &leaf.corners {
                    Some(corners) if !warp.exact => {
                        interpolated(&leaf.rect, corners, (x, y), warp.filter)
                    }
                    _ => exact.next(),
                };
                let to = ((x - tile.x) as usize, (y - tile.y) as usize);
                match spot(warp, rung, &kernel, to, &pixel) {
                    Some(spot) => spots.push(spot),
                    None => all.none.push(to),
                }
            }
        }
        group(warp, leaf.rung, &kernel, spots, &mut all.groups);
    }
    Ok(all)
}

/// Positions that are evaluated one by one.
struct Exact {
    points: Vec<Point>,
    taken: usize,
    with_corners: bool,
}

impl Exact {
    fn new(warp: &Warp, level: u32, leaves: &[Leaf], tile: &Rect) -> Self {
        let with_corners = warp.filter == Filter::Average;
        let step = (1u64 << level) as f64;
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
                    points.push(at(0.5, 0.5));
                    if with_corners {
                        points.extend([at(0.0, 0.0), at(1.0, 0.0), at(0.0, 1.0), at(1.0, 1.0)]);
                    }
                }
            }
        }
        Self {
            points,
            taken: 0,
            with_corners,
        }
    }

    fn next(&mut self) -> Pixel {
        let mut take = || {
            self.taken += 1;
            self.points[self.taken - 1]
        };
        let centre = take();
        let corners = self.with_corners.then(|| [take(), take(), take(), take()]);
        Pixel { centre, corners }
    }
}

/// A pixel between the corners of its leaf.
fn interpolated(leaf: &Rect, corners: &[Point; 4], (x, y): (u64, u64), filter: Filter) -> Pixel {
    let at = |right: f64, down: f64| {
        let s = ((x - leaf.x) as f64 + right) / leaf.width as f64;
        let t = ((y - leaf.y) as f64 + down) / leaf.height as f64;
        between(corners, s, t)
    };
    let corners = (filter == Filter::Average)
        .then(|| [at(0.0, 0.0), at(1.0, 0.0), at(0.0, 1.0), at(1.0, 1.0)]);
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
    let is_spread = all > needed.saturating_mul(SPREAD).saturating_add(FEW);
    let is_large = all.saturating_mul(warp.pixel_bytes()) > MOST_BYTES;
    if spots.len() > 1 && (is_spread || is_large) {
        let mut before = spots;
        let after = before.split_off(before.len() / 2);
        group(warp, rung, kernel, before, groups);
        group(warp, rung, kernel, after, groups);
        return;
    }
    groups.push(Group {
        rung,
        kernel: *kernel,
        spots,
        columns,
        rows,
    });
}
