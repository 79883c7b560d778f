//! Coordinate reference systems that are the user's own, as WKT (ISO 19162): GeoKeys say of which parts they are made.

use super::geokeys::{self, GeoKeys, USER_DEFINED};
use super::own_geographic::{self, angular_unit, plain};
use super::projections::{Kind, Parameter, projection};

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
            let system = own_geographic::parts(keys)?;
            Some(format!(
                "GEOGCRS[{system},CS[ellipsoidal,2],{axes},ANGLEUNIT[\"{unit}\",{radians}]]"
            ))
        }
        _ => None,
    }
}

fn projected(keys: &GeoKeys) -> Option<String> {
    let base = own_geographic::base(keys)?;
    let zone = keys.short(geokeys::PROJECTION).and_then(Zone::of);
    let number = |key| match &zone {
        Some(zone) => zone.number(key),
        None => keys.number(key),
    };
    let method = match zone {
        Some(_) => TRANSVERSE_MERCATOR,
        None => keys.short(geokeys::METHOD)?,
    };
    let projection = projection(method, number)?;
    let (unit, metres) = linear_unit(keys)?;
    let angle = angular_unit(keys)?;
    let parameter = |parameter: &Parameter| {
        let said = parameter.keys.iter().find_map(|key| number(*key));
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

/// The method of a zone.
const TRANSVERSE_MERCATOR: u64 = 1;

/// A zone of UTM, which is one key.
struct Zone {
    meridian: f64,
    northing: f64,
}

impl Zone {
    fn of(projection: u64) -> Option<Self> {
        let (number, northing) = match projection {
            16001..=16060 => (projection - 16000, 0.0),
            16101..=16160 => (projection - 16100, 1e7),
            _ => return None,
        };
        Some(Self {
            meridian: number as f64 * 6.0 - 183.0,
            northing,
        })
    }

    fn number(&self, key: u64) -> Option<f64> {
        match key {
            geokeys::ORIGIN_LONGITUDE => Some(self.meridian),
            geokeys::ORIGIN_SCALE => Some(0.9996),
            geokeys::FALSE_EASTING => Some(500_000.0),
            geokeys::FALSE_NORTHING => Some(self.northing),
            _ => None,
        }
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
