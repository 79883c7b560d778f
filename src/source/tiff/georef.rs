//! Georeference: what the tags of GeoTIFF (OGC 19-008r4) say of the place of the pixels, as GDAL understands it.

use super::directory::Directory;
use super::geokeys::{self, GeoKeys};
use super::{own_system, tags, vertical};
use crate::error::Result;
use crate::georef::{Affine, Gcp, Georef, Rpc, wkt};
use crate::log::{self, Event};

/// The most numbers that are read of a tag.
const MAX_NUMBERS: u64 = 1 << 20;

/// What stands before WKT in a text on the system.
const WKT_MARK: &str = "ESRI PE String = ";

/// Codes that stand for heights above the ellipsoid of WGS 84 where that of a vertical system belongs.
const ELLIPSOIDAL: [u64; 2] = [4979, 5030];

/// What a directory says. What cannot be read is left out: it must not cost the pixels.
pub fn read(directory: &Directory) -> Option<Georef> {
    let keys = GeoKeys::read(directory);
    let mut georef = Georef {
        pixel_is_point: keys.short(geokeys::RASTER_TYPE) == Some(2),
        rpc: rpc(directory),
        ..system(&keys)
    };
    let numbers = |tag| -> Vec<f64> {
        let read = directory.numbers(tag, MAX_NUMBERS);
        left_out(tag, read).flatten().unwrap_or_default()
    };
    let tiepoints = numbers(tags::MODEL_TIEPOINT);
    let scale = numbers(tags::MODEL_PIXEL_SCALE);
    let matrix = numbers(tags::MODEL_TRANSFORMATION);
    let transform = match (&scale[..], &tiepoints[..], &matrix[..]) {
        ([x, y, ..], points, _) if *x != 0.0 && *y != 0.0 => tied(*x, *y, points),
        (.., [a, b, _, x, c, d, _, y, _, _, _, _, _, _, _, _]) => {
            Some(Affine([*x, *a, *b, *y, *c, *d]))
        }
        _ => None,
    };
    let is_told = [&scale, &matrix].iter().any(|numbers| !numbers.is_empty());
    let is_finite = |found: &Affine| found.0.iter().all(|number| number.is_finite());
    let transform = transform.filter(is_finite);
    if is_told && transform.is_none() {
        log::note(Event::Georeference, || {
            format!(
                "tags {} to {}: {} numbers of a scale, {} of tiepoints and {} of a matrix are no transform of finite numbers",
                tags::MODEL_PIXEL_SCALE,
                tags::MODEL_TRANSFORMATION,
                scale.len(),
                tiepoints.len(),
                matrix.len()
            )
        });
    }
    georef.transform = transform.map(|found| match georef.pixel_is_point {
        // What ties a point ties the centre of a pixel.
        true => found.after(&Affine([-0.5, 1.0, 0.0, -0.5, 0.0, 1.0])),
        false => found,
    });
    if transform.is_none() {
        georef.gcps = gcps(&tiepoints, georef.pixel_is_point);
    }
    (!georef.is_empty()).then_some(georef)
}

/// What is read of a tag; where it cannot be read that is told, and costs nothing but the tag.
pub(super) fn left_out<T>(tag: u16, read: Result<T>) -> Option<T> {
    log::note_unread(Event::Georeference, format_args!("tag {tag}"), read)
}

/// A transform by the size of a pixel and the first tiepoint.
fn tied(x: f64, y: f64, tiepoints: &[f64]) -> Option<Affine> {
    let [column, row, _, east, north, ..] = *tiepoints else {
        return None;
    };
    // Rows go south, even where the scale is below 0 and the standard has them go north: no other reader does.
    let y = -y.abs();
    Some(Affine([east - column * x, x, 0.0, north - row * y, 0.0, y]))
}

fn gcps(tiepoints: &[f64], pixel_is_point: bool) -> Vec<Gcp> {
    let shift = if pixel_is_point { 0.5 } else { 0.0 };
    let (points, _) = tiepoints.as_chunks::<6>();
    let is_finite = |point: &&[f64; 6]| point.iter().all(|number| number.is_finite());
    let gcp = |(number, [column, row, _, x, y, z]): (usize, &[f64; 6])| Gcp {
        id: number.to_string(),
        info: String::new(),
        pixel: (column + shift, row + shift),
        place: [*x, *y, *z],
    };
    let gcps: Vec<_> = (1..)
        .zip(points.iter().filter(is_finite))
        .map(gcp)
        .collect();
    if gcps.len() < tiepoints.len().div_ceil(6) {
        log::note(Event::Georeference, || {
            format!(
                "tag {}: of {} numbers of tiepoints, {} make {} points of finite numbers",
                tags::MODEL_TIEPOINT,
                tiepoints.len(),
                6 * gcps.len(),
                gcps.len()
            )
        });
    }
    gcps
}

fn rpc(directory: &Directory) -> Option<Rpc> {
    let numbers = directory.numbers(tags::RPC_COEFFICIENTS, Rpc::NUMBERS as u64);
    let numbers = left_out(tags::RPC_COEFFICIENTS, numbers).flatten()?;
    let rpc = numbers.first_chunk().and_then(Rpc::from_numbers);
    if rpc.is_none() {
        log::note(Event::Georeference, || {
            let tag = tags::RPC_COEFFICIENTS;
            format!(
                "tag {tag}: its {} numbers are no rational polynomials",
                numbers.len()
            )
        });
    }
    rpc
}

/// The reference system. Where it is the user's own, the keys are in the metadata.
pub(super) fn system(keys: &GeoKeys) -> Georef {
    let code = |id| keys.short(id).filter(|code| geokeys::EPSG.contains(code));
    // What says of what kind it is decides which key counts, also for GDAL.
    let epsg = match keys.short(geokeys::MODEL_TYPE) {
        Some(geokeys::GEOGRAPHIC_MODEL) => code(geokeys::GEOGRAPHIC),
        _ => code(geokeys::PROJECTED),
    };
    let citations = [
        geokeys::PROJECTED_CITATION,
        geokeys::CITATION,
        geokeys::GEOGRAPHIC_CITATION,
    ];
    let wkt = citations.iter().find_map(|id| {
        let (_, wkt) = keys.text(*id)?.split_once(WKT_MARK)?;
        Some(wkt.trim().to_owned())
    });
    // A text says by itself which codes it stands for.
    let of_text = wkt.as_deref().map(wkt::codes).unwrap_or_default();
    let of_text = [of_text.0, of_text.1].map(|code| code.map(u64::from));
    let vertical = code(geokeys::VERTICAL).or(of_text[1]);
    let is_ellipsoidal = vertical.is_some_and(|code| ELLIPSOIDAL.contains(&code));
    let unit = vertical.and_then(vertical::unit_of_system);
    let own_unit = || keys.short(geokeys::VERTICAL_UNITS).and_then(vertical::unit);
    Georef {
        epsg: match (epsg.or(of_text[0]), is_ellipsoidal) {
            (Some(4326), true) => Some(4979),
            (epsg, _) => epsg.map(|code| code as u32),
        },
        wkt: wkt.or_else(|| own_system::wkt(keys)),
        vertical_epsg: vertical.filter(|_| !is_ellipsoidal).map(|code| code as u32),
        vertical_unit: unit.or_else(own_unit).map(Into::into),
        ..Georef::default()
    }
}
