//! `tilecache warp`: puts north up, by what the file says of its place, in its own reference system or, by GDAL, in another.

use crate::api::{Cache, Provider, Transform, sized};
use crate::arguments::Warp;
use crate::failure::{Failure, Outcome};
use crate::raw::*;
use crate::{pyramid, words};

pub fn run(asked: &Warp, quiet: bool) -> Outcome {
    if let Some(resolution) = asked.resolution {
        is_one(resolution)?;
    }
    let cache = pyramid::cache(&asked.written.work)?;
    let source = Provider::open(&asked.source.file, asked.source.image)?;
    let placed = match &asked.to {
        Some(system) => reprojected(&source, system, asked, &cache)?,
        None => straightened(&source, asked, &cache)?,
    };
    let options = tc_build_options {
        layout: TC_BUILD_COG,
        ..pyramid::options(&asked.written)
    };
    pyramid::write(&placed, &asked.output, options, &cache, "warp", quiet)
}

fn straightened(source: &Provider, asked: &Warp, cache: &Cache) -> Outcome<Provider> {
    let (info, georef) = (source.info()?, source.georef()?);
    let known = Known::of(&georef, asked)?;
    let map = Map::around(&known, &info, asked.resolution)?;
    let size = (map.width, map.height);
    warped(source, &known.transform(&map)?, size, asked, cache)?
        .with_georef(&known.place(&map, &georef))
}

fn warped(
    source: &Provider,
    transform: &Transform,
    (width, height): (i64, i64),
    asked: &Warp,
    cache: &Cache,
) -> Outcome<Provider> {
    let options = tc_warp_options {
        filter: pyramid::filter(asked.filter),
        width,
        height,
        tile_width: asked.written.tile_size,
        tile_height: asked.written.tile_size,
        ..sized()
    };
    // With levels beneath, the coarse levels of the output read few pixels.
    source.pyramid(cache)?.warp(transform, options, cache)
}

#[cfg(feature = "gdal")]
fn reprojected(source: &Provider, system: &str, asked: &Warp, cache: &Cache) -> Outcome<Provider> {
    let (info, georef) = (source.info()?, source.georef()?);
    if georef.flags & TC_GEOREF_HAS_TRANSFORM == 0 && georef.n_gcps == 0 && georef.rpc.is_null() {
        return Err(nothing_known());
    }
    // SAFETY: lent by the provider.
    let offset = unsafe { georef.rpc.as_ref() }.map_or(0.0, |rpc| rpc.height_off);
    let map = crate::gdal::Map::find(&crate::gdal::Asked {
        georef: &georef,
        width: info.width,
        height: info.height,
        system,
        order: asked.order,
        rpc_height: asked.height.unwrap_or(offset),
        resolution: asked.resolution,
    })?;
    let wkt = std::ffi::CString::new(map.wkt.as_str()).expect("a text of C");
    let place = tc_georef {
        flags: TC_GEOREF_HAS_TRANSFORM,
        transform: map.transform,
        epsg: map.epsg,
        wkt: wkt.as_ptr(),
        ..sized()
    };
    warped(source, &map.from_map, (map.width, map.height), asked, cache)?.with_georef(&place)
}

#[cfg(not(feature = "gdal"))]
fn reprojected(_: &Provider, system: &str, _: &Warp, _: &Cache) -> Outcome<Provider> {
    Err(Failure::Other(format!(
        "--to {system}: this program knows no other reference systems than that of the image; one that was built with \
         --features gdal does"
    )))
}

fn nothing_known() -> Failure {
    Failure::Other("nothing is known of where this image lies: it has no transform, control points or rational polynomials".into())
}

/// Refuses a resolution that is none.
fn is_one(resolution: f64) -> Outcome {
    match resolution.is_finite() && resolution > 0.0 {
        true => Ok(()),
        false => Err(Failure::Other(format!(
            "a resolution of {} is none",
            words::short(resolution)
        ))),
    }
}

/// What is known of the place of the source.
enum Known {
    Turned([f64; 6]),
    Points(Vec<tc_gcp>, Option<i32>),
    Polynomials(Box<tc_rpc>, f64),
}

impl Known {
    fn of(georef: &tc_georef, asked: &Warp) -> Outcome<Known> {
        if georef.flags & TC_GEOREF_HAS_TRANSFORM != 0 {
            let t = georef.transform;
            if t[2] == 0.0 && t[4] == 0.0 && t[1] > 0.0 && t[5] < 0.0 {
                return Err(Failure::Other(
                    "north is up in this image already; --to leads it to another reference system"
                        .into(),
                ));
            }
            return Ok(Known::Turned(t));
        }
        if georef.n_gcps > 0 {
            // SAFETY: lent by the provider, and copied.
            let points = unsafe { std::slice::from_raw_parts(georef.gcps, georef.n_gcps) };
            return Ok(Known::Points(points.to_vec(), asked.order));
        }
        if georef.rpc.is_null() {
            return Err(nothing_known());
        }
        // SAFETY: likewise.
        let rpc = unsafe { *georef.rpc };
        Ok(Known::Polynomials(
            Box::new(rpc),
            asked.height.unwrap_or(rpc.height_off),
        ))
    }

    /// From points of the image to those of the map.
    fn places(&self, pixels: &[(f64, f64)]) -> Outcome<Vec<(f64, f64)>> {
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = pixels.iter().copied().unzip();
        match self {
            Known::Turned(t) => Transform::affine(t)?.points(&mut x, &mut y)?,
            Known::Points(points, order) => {
                let forth = points
                    .iter()
                    .map(|p| tie((p.pixel, p.line), (p.x, p.y)))
                    .collect::<Vec<_>>();
                through(&forth, *order)?.points(&mut x, &mut y)?;
            }
            Known::Polynomials(rpc, height) => {
                let back = Transform::rpc(rpc, &[0.0, 1.0, 0.0, 0.0, 0.0, 1.0], *height)?;
                for (at, pixel) in pixels.iter().enumerate() {
                    (x[at], y[at]) = inverse(
                        &back,
                        (rpc.long_off, rpc.lat_off),
                        (rpc.long_scale, rpc.lat_scale),
                        *pixel,
                    )?;
                }
            }
        }
        Ok(x.into_iter().zip(y).collect())
    }

    /// From pixels of the map to those of the image.
    fn transform(&self, map: &Map) -> Outcome<Transform> {
        let ground = [map.left, map.resolution, 0.0, map.top, 0.0, -map.resolution];
        match self {
            Known::Turned(t) => {
                let det = t[1] * t[5] - t[2] * t[4];
                if det == 0.0 {
                    return Err(Failure::Other(
                        "the transform of this image puts many pixels in one place".into(),
                    ));
                }
                let inverse = [t[5] / det, -t[2] / det, -t[4] / det, t[1] / det];
                let (x, y) = (ground[0] - t[0], ground[3] - t[3]);
                let (across, down) = (map.resolution, -map.resolution);
                Transform::affine(&[
                    inverse[0] * x + inverse[1] * y,
                    inverse[0] * across,
                    inverse[1] * down,
                    inverse[2] * x + inverse[3] * y,
                    inverse[2] * across,
                    inverse[3] * down,
                ])
            }
            Known::Points(points, order) => {
                let on_map = |p: &tc_gcp| {
                    (
                        (p.x - map.left) / map.resolution,
                        (map.top - p.y) / map.resolution,
                    )
                };
                let back = points
                    .iter()
                    .map(|p| tie(on_map(p), (p.pixel, p.line)))
                    .collect::<Vec<_>>();
                through(&back, *order)
            }
            Known::Polynomials(rpc, height) => Transform::rpc(rpc, &ground, *height),
        }
    }

    /// Where the map lies: its system is that of the image, or of rational polynomials degrees.
    fn place(&self, map: &Map, georef: &tc_georef) -> tc_georef {
        let place = tc_georef {
            flags: TC_GEOREF_HAS_TRANSFORM | georef.flags & TC_GEOREF_WKT_OF_CODES,
            transform: [map.left, map.resolution, 0.0, map.top, 0.0, -map.resolution],
            ..sized()
        };
        match self {
            Known::Polynomials(..) => tc_georef {
                epsg: 4326,
                ..place
            },
            _ => tc_georef {
                wkt: georef.wkt,
                epsg: georef.epsg,
                ..place
            },
        }
    }
}

fn tie(from: (f64, f64), to: (f64, f64)) -> tc_tie_point {
    tc_tie_point {
        x: from.0,
        y: from.1,
        source_x: to.0,
        source_y: to.1,
    }
}

fn through(points: &[tc_tie_point], order: Option<i32>) -> Outcome<Transform> {
    match order {
        Some(order) => Transform::polynomial(points, order),
        None => Transform::spline(points),
    }
}

/// The place whose pixel is `wanted`, by Newton's method from the middle of the polynomials on.
fn inverse(
    back: &Transform,
    middle: (f64, f64),
    scale: (f64, f64),
    wanted: (f64, f64),
) -> Outcome<(f64, f64)> {
    let (mut x, mut y) = middle;
    for _ in 0..30 {
        let (dx, dy) = (scale.0 * 1e-5, scale.1 * 1e-5);
        let (mut c, mut r) = ([x, x + dx, x], [y, y, y + dy]);
        back.points(&mut c, &mut r)?;
        let (cx, cy, rx, ry) = (
            (c[1] - c[0]) / dx,
            (c[2] - c[0]) / dy,
            (r[1] - r[0]) / dx,
            (r[2] - r[0]) / dy,
        );
        let (left, det) = ((wanted.0 - c[0], wanted.1 - r[0]), cx * ry - cy * rx);
        let step = (
            (left.0 * ry - cy * left.1) / det,
            (cx * left.1 - left.0 * rx) / det,
        );
        if !step.0.is_finite() || !step.1.is_finite() {
            break;
        }
        (x, y) = (x + step.0, y + step.1);
        if left.0.abs() + left.1.abs() < 1e-3 {
            return Ok((x, y));
        }
    }
    Err(Failure::Other(
        "the rational polynomials have no inverse at the edge of the image".into(),
    ))
}

/// The output: a rectangle of the map, north up.
struct Map {
    left: f64,
    top: f64,
    resolution: f64,
    width: i64,
    height: i64,
}

impl Map {
    /// What holds the edge of the image, in pixels of about its size.
    fn around(known: &Known, info: &tc_image_info, resolution: Option<f64>) -> Outcome<Map> {
        const PARTS: i64 = 32;
        let (width, height) = (info.width as f64, info.height as f64);
        let part = |n: i64| n as f64 / PARTS as f64;
        let edge = (0..PARTS)
            .map(|n| (width * part(n), 0.0))
            .chain((0..PARTS).map(|n| (width, height * part(n))))
            .chain((0..PARTS).map(|n| (width * part(PARTS - n), height)))
            .chain((0..PARTS).map(|n| (0.0, height * part(PARTS - n))))
            .collect::<Vec<_>>();
        let places = known.places(&edge)?;
        let least =
            |of: fn(&(f64, f64)) -> f64| places.iter().map(of).fold(f64::INFINITY, f64::min);
        let greatest =
            |of: fn(&(f64, f64)) -> f64| places.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        let (left, right, bottom, top) = (
            least(|p| p.0),
            greatest(|p| p.0),
            least(|p| p.1),
            greatest(|p| p.1),
        );
        let next = places.iter().cycle().skip(1);
        let area = places
            .iter()
            .zip(next)
            .map(|(a, b)| a.0 * b.1 - b.0 * a.1)
            .sum::<f64>()
            .abs()
            / 2.0;
        let resolution = resolution.unwrap_or((area / (width * height)).sqrt());
        is_one(resolution)?;
        let pixels = |length: f64| ((length / resolution - 1e-6).ceil() as i64).max(1);
        Ok(Map {
            left,
            top,
            resolution,
            width: pixels(right - left),
            height: pixels(top - bottom),
        })
    }
}
