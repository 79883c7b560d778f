//! Geographic systems that are the user's own, or lie beneath a projected one that is, as WKT (ISO 19162).

use super::geokeys::{self, GeoKeys, USER_DEFINED};
use crate::georef::register;

/// An angle of one degree, in radians.
const DEGREE: (&str, f64) = ("degree", 0.0174532925199433);

/// The geographic system beneath a projected one.
pub fn base(keys: &GeoKeys) -> Option<String> {
    match keys.short(geokeys::GEOGRAPHIC)? {
        USER_DEFINED => Some(format!("BASEGEOGCRS[{}]", parts(keys)?)),
        code => {
            // Its axes are not those of the projected one.
            let known = known(code)?;
            let (parts, _) = known.split_once(",CS[")?;
            Some(format!("BASEGEOGCRS[{parts},ID[\"EPSG\",{code}]]"))
        }
    }
}

/// The name, datum and prime meridian of a geographic system that has no code.
pub fn parts(keys: &GeoKeys) -> Option<String> {
    let said = keys.text(geokeys::GEOGRAPHIC_CITATION).unwrap_or_default();
    let part = |name: &str| {
        let mut parts = said.split('|').filter_map(|part| part.split_once(" = "));
        let found = parts.find(|part| part.0 == name);
        found.map_or_else(|| "unknown".to_owned(), |part| plain(part.1))
    };
    let datum = match keys.short(geokeys::DATUM) {
        None | Some(USER_DEFINED) => own_datum(keys, &part("Datum"), &part("Ellipsoid"))?,
        Some(code) => datum(code)?,
    };
    let (unit, radians) = angular_unit(keys)?;
    let meridian = match keys.short(geokeys::PRIME_MERIDIAN) {
        None | Some(USER_DEFINED) => {
            let degrees = keys.number(geokeys::PRIME_MERIDIAN_LONGITUDE);
            match degrees.unwrap_or(0.0) {
                0.0 => meridian(8901)?,
                angle if angle.is_finite() => {
                    let name = part("Primem");
                    format!("PRIMEM[\"{name}\",{angle},ANGLEUNIT[\"{unit}\",{radians}]]")
                }
                _ => return None,
            }
        }
        Some(code) => meridian(code)?,
    };
    Some(format!("\"{}\",{datum},{meridian}", part("GCS Name")))
}

pub fn angular_unit(keys: &GeoKeys) -> Option<(&'static str, f64)> {
    match keys.short(geokeys::ANGULAR_UNITS) {
        None | Some(9102) => Some(DEGREE),
        Some(9101) => Some(("radian", 1.0)),
        Some(9105) => Some(("grad", 0.0157079632679489)),
        Some(_) => None,
    }
}

/// A text that may stand between quotation marks.
pub fn plain(text: &str) -> String {
    let text = text.split('|').next().unwrap_or_default();
    text.replace('"', "\"\"")
}

/// What stands in the text of a geographic system of the register.
fn known(code: u64) -> Option<String> {
    let text = register::wkt(Some(u32::try_from(code).ok()?), None)?;
    Some(text.strip_prefix("GEOGCRS[")?.strip_suffix(']')?.to_owned())
}

/// A datum by its code. Its system has a code that goes with it.
fn datum(code: u64) -> Option<String> {
    let known = known(code.checked_sub(2000)?)?;
    let (parts, _) = known.split_once(",CS[")?;
    let parts = parts.split(",PRIMEM[").next()?;
    let (_, datum) = parts.split_once(',')?;
    let is_it = datum.ends_with(&format!(",ID[\"EPSG\",{code}]]"));
    is_it.then(|| datum.to_owned())
}

fn own_datum(keys: &GeoKeys, name: &str, ellipsoid: &str) -> Option<String> {
    let long = keys
        .number(geokeys::SEMI_MAJOR_AXIS)
        .filter(|axis| *axis > 0.0)?;
    // 0 stands for a sphere.
    let flattening = match keys.number(geokeys::INVERSE_FLATTENING) {
        Some(inverse) => inverse,
        None => match keys.number(geokeys::SEMI_MINOR_AXIS)? {
            short if short == long => 0.0,
            short => long / (long - short),
        },
    };
    let are_finite = long.is_finite() && flattening.is_finite();
    are_finite.then(|| {
        format!("DATUM[\"{name}\",ELLIPSOID[\"{ellipsoid}\",{long},{flattening},LENGTHUNIT[\"metre\",1]]]")
    })
}

/// A prime meridian by its code.
fn meridian(code: u64) -> Option<String> {
    let (name, degrees) = match code {
        8901 => ("Greenwich", 0.0),
        8902 => ("Lisbon", -9.131906111),
        8903 => ("Paris", 2.33722917),
        8904 => ("Bogota", -74.080916667),
        8905 => ("Madrid", -3.687938889),
        8906 => ("Rome", 12.452333333),
        8907 => ("Bern", 7.439583333),
        8908 => ("Jakarta", 106.807719444),
        8909 => ("Ferro", -17.666666667),
        8910 => ("Brussels", 4.367975),
        8911 => ("Stockholm", 18.058277778),
        8912 => ("Athens", 23.7163375),
        8913 => ("Oslo", 10.722916667),
        _ => return None,
    };
    let (unit, radians) = DEGREE;
    Some(format!(
        "PRIMEM[\"{name}\",{degrees},ANGLEUNIT[\"{unit}\",{radians}]]"
    ))
}
