//! The georeference of a mosaic: that of its parts, where they agree.

use super::{Part, Source};
use crate::georef::{Affine, Georef, wkt};

/// How far apart, in pixels, two parts may have a point: to the nearest pixel they are in their places.
const TOLERANCE: f64 = 0.5;

/// What the providers among the parts say, of the whole mosaic: that of the first one, if no other contradicts it.
/// What is told of the ground by points or polynomials holds for one part and is left out.
pub fn of_parts(parts: &[Part]) -> Option<Georef> {
    let mut located = parts.iter().filter_map(located);
    let (_, whole) = located.next()?;
    let agrees = |(part, other): (&Part, Georef)| {
        is_same_system(&whole, &other) && is_near(&whole, &other, part)
    };
    located.all(agrees).then_some(whole)
}

/// A part whose transform is known, and what that says of the mosaic.
fn located(part: &Part) -> Option<(&Part, Georef)> {
    let Source::Given(provider) = &part.source else {
        return None;
    };
    let own = provider.image().georef.as_ref()?.level(0)?;
    let (left, top) = part.place;
    let there = Affine([-left as f64, 1.0, 0.0, -top as f64, 0.0, 1.0]);
    let georef = Georef {
        transform: Some(own.transform?.after(&there)),
        gcps: Vec::new(),
        rpc: None,
        ..own
    };
    Some((part, georef))
}

fn is_same_system(one: &Georef, other: &Georef) -> bool {
    let is_same = match (codes(one), codes(other)) {
        ((Some(one), up), (Some(other), also_up)) => (one, up) == (other, also_up),
        _ => (one.epsg, &one.wkt) == (other.epsg, &other.wkt),
    };
    is_same && one.vertical_unit == other.vertical_unit
}

/// The codes of a system, which may be in its text alone.
fn codes(georef: &Georef) -> (Option<u32>, Option<u32>) {
    let in_text = georef.wkt.as_deref().map(wkt::codes).unwrap_or_default();
    (
        georef.epsg.or(in_text.0),
        georef.vertical_epsg.or(in_text.1),
    )
}

/// Whether the corners of a part lie where the mosaic has them.
fn is_near(whole: &Georef, other: &Georef, part: &Part) -> bool {
    let (Some(whole), Some(other)) = (&whole.transform, &other.transform) else {
        return false;
    };
    let Some(back) = whole.inverse() else {
        return whole == other;
    };
    let (left, top) = (part.place.0 as f64, part.place.1 as f64);
    let (right, bottom) = (left + part.size.0 as f64, top + part.size.1 as f64);
    let corners = [(left, top), (right, top), (left, bottom), (right, bottom)];
    corners.iter().all(|(x, y)| {
        let (east, north) = other.apply(*x, *y);
        let (column, row) = back.apply(east, north);
        (column - x).abs() <= TOLERANCE && (row - y).abs() <= TOLERANCE
    })
}
