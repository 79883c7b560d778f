//! Place: where the pixels lie on the ground, as tags of GeoTIFF (OGC 19-008r4) that GDAL understands.

use super::directory::{Directory, Entry};
use crate::error::{Error, Result};
use crate::georef::{Affine, Georef, Rpc, register, wkt};
use crate::image::Metadata;
use crate::source::tiff::{geokeys, tags};

/// What stands before WKT in a text on the system.
const WKT_MARK: &str = "ESRI PE String = ";

/// The bytes that GDAL reads of such a text, with the zero at its end.
const MAX_MARKED: usize = 2400;

/// Adds what is said of the place of level 0. Refuses what the tags cannot say: nothing of it is left out.
pub fn add(directory: &mut Directory, georef: &Georef, metadata: &Metadata) -> Result<()> {
    if georef.transform.is_some() && !georef.gcps.is_empty() {
        return Err(Error::unsupported(format!(
            "an image with a transform and {} ground control points; a TIFF file has one of both",
            georef.gcps.len()
        )));
    }
    match &georef.transform {
        Some(transform) => add_transform(directory, transform, georef.pixel_is_point),
        None => add_points(directory, georef),
    }
    let mut keys = match geokeys::Keys::of_texts(metadata) {
        // As it was said, where that is what is meant.
        Some(keys) if keys.say(georef) => keys,
        _ => system(georef)?,
    };
    let is_placed = georef.transform.is_some() || !georef.gcps.is_empty();
    if let Some(rpc) = &georef.rpc {
        directory.set(Entry::doubles(tags::RPC_COEFFICIENTS, &numbers(rpc)));
    }
    if keys.is_empty() && !is_placed {
        return Ok(());
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
    Ok(())
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
fn system(georef: &Georef) -> Result<geokeys::Keys> {
    let mut keys = geokeys::Keys::default();
    let of_text = georef.wkt.as_deref().map(wkt::codes).unwrap_or_default();
    let epsg = georef.epsg.or(of_text.0);
    let key = |code: u32| {
        let is_epsg = geokeys::EPSG.contains(&code.into());
        u16::try_from(code).ok().filter(|_| is_epsg)
    };
    let refused = |what: &str, code: u32| {
        let (least, most) = (geokeys::EPSG.start(), geokeys::EPSG.end());
        Error::unsupported(format!(
            "{what} with the code {code} and no text; a TIFF file has codes from {least} to {most}"
        ))
    };
    // A code that nobody knows says less than the text.
    let is_known = |code: &u32| georef.wkt.is_none() || !register::lacks(*code);
    match (epsg, epsg.filter(is_known).and_then(key), &georef.wkt) {
        (_, Some(code), _) => add_code(&mut keys, code, georef.wkt.as_deref()),
        (_, None, Some(text)) => {
            let text = match epsg {
                Some(code) if of_text.0 != epsg => wkt::with_code(text, code),
                _ => text.clone(),
            };
            add_text(&mut keys, text);
        }
        (Some(code), None, None) => return Err(refused("a system", code)),
        (None, None, None) => (),
    }
    if let Some(vertical) = georef.vertical_epsg.or(of_text.1) {
        match key(vertical) {
            Some(code) => keys.set_short(geokeys::VERTICAL, code),
            None if of_text.1 == Some(vertical) => (),
            None => return Err(refused("a vertical system", vertical)),
        }
    }
    Ok(keys)
}

fn model(is_geographic: bool) -> u16 {
    (match is_geographic {
        true => geokeys::GEOGRAPHIC_MODEL,
        false => geokeys::PROJECTED_MODEL,
    }) as u16
}

fn add_code(keys: &mut geokeys::Keys, code: u16, text: Option<&str>) {
    let known = register::wkt(Some(code.into()), None);
    let is_geographic = match known.as_deref().or(text) {
        Some(text) => is_geographic(text),
        None => (4001..5000).contains(&code),
    };
    keys.set_short(geokeys::MODEL_TYPE, model(is_geographic));
    let key = match is_geographic {
        true => geokeys::GEOGRAPHIC,
        false => geokeys::PROJECTED,
    };
    keys.set_short(key, code);
}

/// Adds a text on a system. Of one that is too long for GDAL what stands between its elements is left out.
fn add_text(keys: &mut geokeys::Keys, text: String) {
    let fits = |text: &String| WKT_MARK.len() + text.len() < MAX_MARKED;
    let text = match fits(&text) {
        true => text,
        false => wkt::on_one_line(&text),
    };
    let marked = format!("{WKT_MARK}{text}");
    if fits(&text) {
        // In this form GDAL takes the text itself, of whatever kind and edition it is.
        keys.set_short(geokeys::MODEL_TYPE, geokeys::USER_DEFINED as u16);
        return keys.set_text(geokeys::PROJECTED_CITATION, marked);
    }
    let is_geographic = is_geographic(&text);
    keys.set_short(geokeys::MODEL_TYPE, model(is_geographic));
    let (key, citation) = match is_geographic {
        true => (geokeys::GEOGRAPHIC, geokeys::GEOGRAPHIC_CITATION),
        false => (geokeys::PROJECTED, geokeys::PROJECTED_CITATION),
    };
    keys.set_short(key, geokeys::USER_DEFINED as u16);
    keys.set_text(citation, marked);
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
