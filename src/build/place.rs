//! Place: where the pixels lie on the ground, as tags of GeoTIFF (OGC 19-008r4) that GDAL understands.

use super::directory::{Directory, Entry};
use crate::georef::{Affine, Georef, Rpc, register, wkt};
use crate::image::Metadata;
use crate::source::tiff::{geokeys, tags};

/// What stands before WKT in a text on the system.
const WKT_MARK: &str = "ESRI PE String = ";

/// The bytes that GDAL reads of such a text, with the zero at its end.
const MAX_MARKED: usize = 2400;

/// Adds what is said of the place of level 0.
pub fn add(directory: &mut Directory, georef: &Georef, metadata: &Metadata) {
    match &georef.transform {
        Some(transform) => add_transform(directory, transform, georef.pixel_is_point),
        None => add_points(directory, georef),
    }
    let mut keys = match geokeys::Keys::of_texts(metadata) {
        // As it was said, where that is what is meant.
        Some(keys) if keys.say(georef) => keys,
        _ => system(georef),
    };
    let is_placed = georef.transform.is_some() || !georef.gcps.is_empty();
    if let Some(rpc) = &georef.rpc {
        directory.set(Entry::doubles(tags::RPC_COEFFICIENTS, &numbers(rpc)));
    }
    if keys.is_empty() && !is_placed {
        return;
    }
    keys.set_short(
        geokeys::RASTER_TYPE,
        if georef.pixel_is_point { 2 } else { 1 },
    );
    let written = keys.write();
    directory.set(Entry::shorts(tags::GEO_KEY_DIRECTORY, &written.directory));
    if !written.doubles.is_empty() {
        directory.set(Entry::doubles(tags::GEO_DOUBLE_PARAMS, &written.doubles));
    }
    if !written.ascii.is_empty() {
        directory.set(Entry::text(tags::GEO_ASCII_PARAMS, &written.ascii));
    }
}

fn add_transform(directory: &mut Directory, transform: &Affine, is_point: bool) {
    // What ties a point ties the centre of a pixel.
    let tied = match is_point {
        true => transform.after(&Affine([0.5, 1.0, 0.0, 0.5, 0.0, 1.0])),
        false => *transform,
    };
    let [x, a, b, y, c, d] = tied.0;
    if b == 0.0 && c == 0.0 && a > 0.0 && d < 0.0 {
        directory.set(Entry::doubles(tags::MODEL_PIXEL_SCALE, &[a, -d, 0.0]));
        let tie = [0.0, 0.0, 0.0, x, y, 0.0];
        directory.set(Entry::doubles(tags::MODEL_TIEPOINT, &tie));
        return;
    }
    let matrix = [
        [a, b, 0.0, x],
        [c, d, 0.0, y],
        [0.0; 4],
        [0.0, 0.0, 0.0, 1.0],
    ];
    directory.set(Entry::doubles(
        tags::MODEL_TRANSFORMATION,
        matrix.as_flattened(),
    ));
}

fn add_points(directory: &mut Directory, georef: &Georef) {
    let shift = if georef.pixel_is_point { 0.5 } else { 0.0 };
    let point = |gcp: &crate::georef::Gcp| {
        let (column, row) = gcp.pixel;
        let [x, y, z] = gcp.place;
        [column - shift, row - shift, 0.0, x, y, z]
    };
    let points: Vec<f64> = georef.gcps.iter().flat_map(point).collect();
    if !points.is_empty() {
        directory.set(Entry::doubles(tags::MODEL_TIEPOINT, &points));
    }
}

/// Whether the text on a system begins like one of longitudes and latitudes.
fn is_geographic(text: &str) -> bool {
    let of_compound = |text: &str| text.split_once(',').map(|(_, rest)| rest.trim().to_owned());
    let text = text.trim();
    let inner = match text.starts_with("COMPD_CS") || text.starts_with("COMPOUNDCRS") {
        true => of_compound(text).unwrap_or_default(),
        false => text.to_owned(),
    };
    let starts = [
        "GEOGCS",
        "GEOGCRS",
        "GEODCRS",
        "GEODETICCRS",
        "GEOGRAPHICCRS",
    ];
    starts.iter().any(|start| inner.starts_with(start))
}

/// Keys for a system by its codes, else by its text.
fn system(georef: &Georef) -> geokeys::Keys {
    let mut keys = geokeys::Keys::default();
    let of_text = georef.wkt.as_deref().map(wkt::codes).unwrap_or_default();
    let epsg = georef.epsg.or(of_text.0);
    let code = |code: Option<u32>| code.and_then(|code| u16::try_from(code).ok());
    let model = |is_geographic: bool| match is_geographic {
        true => geokeys::GEOGRAPHIC_MODEL,
        false => geokeys::PROJECTED_MODEL,
    };
    match (code(epsg), &georef.wkt) {
        (Some(code), _) => {
            let known = register::wkt(Some(code.into()), None);
            let is_geographic = match known.as_ref().or(georef.wkt.as_ref()) {
                Some(text) => is_geographic(text),
                None => (4001..5000).contains(&code),
            };
            keys.set_short(geokeys::MODEL_TYPE, model(is_geographic) as u16);
            let key = match is_geographic {
                true => geokeys::GEOGRAPHIC,
                false => geokeys::PROJECTED,
            };
            keys.set_short(key, code);
        }
        // In this form GDAL takes the text itself, of whatever kind and edition it is.
        (None, Some(text)) if WKT_MARK.len() + text.len() < MAX_MARKED => {
            keys.set_short(geokeys::MODEL_TYPE, geokeys::USER_DEFINED as u16);
            keys.set_text(geokeys::PROJECTED_CITATION, format!("{WKT_MARK}{text}"));
        }
        (None, Some(text)) => {
            let is_geographic = is_geographic(text);
            keys.set_short(geokeys::MODEL_TYPE, model(is_geographic) as u16);
            let (key, citation) = match is_geographic {
                true => (geokeys::GEOGRAPHIC, geokeys::GEOGRAPHIC_CITATION),
                false => (geokeys::PROJECTED, geokeys::PROJECTED_CITATION),
            };
            keys.set_short(key, geokeys::USER_DEFINED as u16);
            keys.set_text(citation, format!("{WKT_MARK}{text}"));
        }
        (None, None) => (),
    }
    if let Some(code) = code(georef.vertical_epsg.or(of_text.1)) {
        keys.set_short(geokeys::VERTICAL, code);
    }
    keys
}

/// The coefficients in the order of the tag.
fn numbers(rpc: &Rpc) -> Vec<f64> {
    let normals = [&rpc.line, &rpc.samp, &rpc.lat, &rpc.long, &rpc.height];
    let errors = [rpc.err_bias, rpc.err_rand];
    let offsets = normals.map(|normal| normal.offset);
    let scales = normals.map(|normal| normal.scale);
    let polynomials = [&rpc.line_num, &rpc.line_den, &rpc.samp_num, &rpc.samp_den];
    let numbers = errors.iter().chain(&offsets).chain(&scales);
    numbers
        .chain(polynomials.into_iter().flatten())
        .copied()
        .collect()
}
