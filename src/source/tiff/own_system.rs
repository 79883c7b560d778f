//! Coordinate reference systems that are the user's own, as WKT (ISO 19162): GeoKeys say of which parts they are made.

use super::geokeys::{self, GeoKeys};
use super::projections::{Kind, Parameter, projection};
use crate::georef::register;

/// What stands for a code where the parts follow.
const USER_DEFINED: u64 = 32767;

/// The units of angles, by EPSG code, in radians.
const DEGREE: (&str, f64) = ("degree", 0.0174532925199433);

/// The system of the keys where it has no code; `None` where there is none, or it cannot be told rightly.
pub fn wkt(keys: &GeoKeys) -> Option<String> {
    // What shifts it to another system has no place in the text.
    if keys.number(geokeys::TO_WGS84).is_some() {
        return None;
    }
    match keys.short(geokeys::MODEL_TYPE)? {
        geokeys::PROJECTED_MODEL if keys.short(geokeys::PROJECTED)? == USER_DEFINED => {
            projected(keys)
        }
        geokeys::GEOGRAPHIC_MODEL if keys.short(geokeys::GEOGRAPHIC)? == USER_DEFINED => {
            let axes = "AXIS[\"latitude\",north],AXIS[\"longitude\",east]";
            let (unit, radians) = angular_unit(keys)?;
            let system = own_geographic(keys)?;
            Some(format!(
                "GEOGCRS[{system},CS[ellipsoidal,2],{axes},ANGLEUNIT[\"{unit}\",{radians}]]"
            ))
        }
        _ => None,
    }
}

fn projected(keys: &GeoKeys) -> Option<String> {
    let base = base(keys)?;
    let projection = projection(keys.short(geokeys::PROJECTION)?, |key| keys.number(key))?;
    let (unit, metres) = linear_unit(keys)?;
    let angle = angular_unit(keys)?;
    let parameter = |parameter: &Parameter| {
        let said = parameter.keys.iter().find_map(|key| keys.number(*key));
        let (kind, default) = match parameter.kind {
            Kind::Angle => (format!("ANGLEUNIT[\"{}\",{}]", angle.0, angle.1), 0.0),
            Kind::Length => (format!("LENGTHUNIT[\"{unit}\",{metres}]"), 0.0),
            Kind::Scale => ("SCALEUNIT[\"unity\",1]".to_owned(), 1.0),
        };
        let value = said.unwrap_or(default);
        let is_told = value.is_finite();
        is_told.then(|| {
            let (name, code) = (parameter.name, parameter.code);
            format!(",PARAMETER[\"{name}\",{value},{kind},ID[\"EPSG\",{code}]]")
        })
    };
    let parameters: Option<String> = projection.parameters.iter().map(parameter).collect();
    let id = projection.code.map(|code| format!(",ID[\"EPSG\",{code}]"));
    let citations = [geokeys::PROJECTED_CITATION, geokeys::CITATION];
    let name = citations.iter().find_map(|key| keys.text(*key));
    Some(format!(
        "PROJCRS[\"{}\",{base},CONVERSION[\"{method}\",METHOD[\"{method}\"{}]{}],CS[Cartesian,2],\
         AXIS[\"easting\",{}],AXIS[\"northing\",{}],LENGTHUNIT[\"{unit}\",{metres}]]",
        plain(name.unwrap_or("unnamed")),
        id.unwrap_or_default(),
        parameters?,
        projection.axes.0,
        projection.axes.1,
        method = projection.name,
    ))
}

/// The geographic system beneath a projected one.
fn base(keys: &GeoKeys) -> Option<String> {
    match keys.short(geokeys::GEOGRAPHIC) {
        Some(USER_DEFINED) => Some(format!("BASEGEOGCRS[{}]", own_geographic(keys)?)),
        Some(code) => {
            // The same without its axes, which are not those of the projected one.
            let known = register::wkt(Some(u32::try_from(code).ok()?), None)?;
            let (parts, _) = known.strip_prefix("GEOGCRS[")?.split_once(",CS[")?;
            Some(format!("BASEGEOGCRS[{parts},ID[\"EPSG\",{code}]]"))
        }
        None => None,
    }
}

/// The name, datum and prime meridian of a geographic system that is given by its ellipsoid.
fn own_geographic(keys: &GeoKeys) -> Option<String> {
    let said = keys.text(geokeys::GEOGRAPHIC_CITATION).unwrap_or_default();
    let part = |name: &str| {
        let parts = said.split('|').filter_map(|part| part.split_once(" = "));
        parts
            .into_iter()
            .find(|part| part.0 == name)
            .map(|part| plain(part.1))
    };
    let unknown = || "unknown".to_owned();
    let name = part("GCS Name").unwrap_or_else(unknown);
    // A datum of the register has an ellipsoid, points and a name of its own, which the keys do not tell.
    if keys
        .short(geokeys::DATUM)
        .is_some_and(|datum| datum != USER_DEFINED)
    {
        return None;
    }
    let datum = part("Datum").unwrap_or_else(unknown);
    let ellipsoid = part("Ellipsoid").unwrap_or_else(unknown);
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
    let meridian = match keys.short(geokeys::PRIME_MERIDIAN) {
        None | Some(USER_DEFINED) => keys
            .number(geokeys::PRIME_MERIDIAN_LONGITUDE)
            .unwrap_or(0.0),
        Some(GREENWICH) => 0.0,
        Some(_) => return None,
    };
    let primem = match meridian == 0.0 {
        true => "Greenwich".to_owned(),
        false => part("Primem").unwrap_or_else(unknown),
    };
    let (unit, radians) = angular_unit(keys)?;
    let are_finite = [long, flattening, meridian]
        .iter()
        .all(|number| number.is_finite());
    are_finite.then(|| {
        format!(
            "\"{name}\",DATUM[\"{datum}\",ELLIPSOID[\"{ellipsoid}\",{long},{flattening},LENGTHUNIT[\"metre\",1]]],\
             PRIMEM[\"{primem}\",{meridian},ANGLEUNIT[\"{unit}\",{radians}]]"
        )
    })
}

/// The code of the meridian of Greenwich.
const GREENWICH: u64 = 8901;

fn angular_unit(keys: &GeoKeys) -> Option<(&'static str, f64)> {
    match keys.short(geokeys::ANGULAR_UNITS) {
        None | Some(9102) => Some(DEGREE),
        Some(9101) => Some(("radian", 1.0)),
        Some(9105) => Some(("grad", 0.0157079632679489)),
        Some(_) => None,
    }
}

fn linear_unit(keys: &GeoKeys) -> Option<(&'static str, f64)> {
    match keys.short(geokeys::LINEAR_UNITS) {
        None | Some(9001) => Some(("metre", 1.0)),
        Some(9002) => Some(("foot", 0.3048)),
        Some(9003) => Some(("US survey foot", 12.0 / 39.37)),
        Some(9036) => Some(("kilometre", 1000.0)),
        Some(USER_DEFINED) => {
            let size = keys.number(geokeys::LINEAR_UNIT_SIZE)?;
            (size.is_finite() && size > 0.0).then_some(("unknown", size))
        }
        Some(_) => None,
    }
}

/// A text that may stand between quotation marks.
fn plain(text: &str) -> String {
    text.split('|')
        .next()
        .unwrap_or_default()
        .replace('"', "\"\"")
}
