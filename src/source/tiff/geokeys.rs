//! GeoKeys: a directory of their own inside three tags, told as names and texts.

pub use super::keys_written::Keys;

use super::directory::Directory;
use super::georef::left_out;
use super::{metadata, tags};
use crate::log::{self, Event};

/// Whether the system is projected (1), geographic (2) or geocentric (3).
pub const MODEL_TYPE: u64 = 1024;
/// What a pixel stands for.
pub const RASTER_TYPE: u64 = 1025;
/// A text on the reference system as a whole.
pub const CITATION: u64 = 1026;
/// The geographic system.
pub const GEOGRAPHIC: u64 = 2048;
/// A text on the geographic system.
pub const GEOGRAPHIC_CITATION: u64 = 2049;
/// The projected system.
pub const PROJECTED: u64 = 3072;
/// A text on the projected system.
pub const PROJECTED_CITATION: u64 = 3073;
/// The datum of a geographic system.
pub const DATUM: u64 = 2050;
/// Its prime meridian.
pub const PRIME_MERIDIAN: u64 = 2051;
/// The unit of angles.
pub const ANGULAR_UNITS: u64 = 2054;
/// The half of the longer axis of the ellipsoid, in metres.
pub const SEMI_MAJOR_AXIS: u64 = 2057;
/// The half of the shorter one.
pub const SEMI_MINOR_AXIS: u64 = 2058;
/// How many times the difference of both is in the longer one.
pub const INVERSE_FLATTENING: u64 = 2059;
/// The longitude of the prime meridian.
pub const PRIME_MERIDIAN_LONGITUDE: u64 = 2061;
/// What leads from a datum to WGS 84.
pub const TO_WGS84: u64 = 2062;
/// The projection with its parameters, such as a zone.
pub const PROJECTION: u64 = 3074;
/// The method of the projection.
pub const METHOD: u64 = 3075;
/// The unit of a projected system.
pub const LINEAR_UNITS: u64 = 3076;
/// Its length in metres.
pub const LINEAR_UNIT_SIZE: u64 = 3077;
/// The longitude of the natural origin.
pub const ORIGIN_LONGITUDE: u64 = 3080;
/// The easting there.
pub const FALSE_EASTING: u64 = 3082;
/// The northing there.
pub const FALSE_NORTHING: u64 = 3083;
/// The scale there.
pub const ORIGIN_SCALE: u64 = 3092;
/// The vertical system.
pub const VERTICAL: u64 = 4096;
/// The unit of heights.
pub const VERTICAL_UNITS: u64 = 4099;

/// The codes of keys that are those of EPSG; others are of no register, or say that the system is the user's own.
pub const EPSG: std::ops::RangeInclusive<u64> = 1024..=32766;

/// What stands for a code where the parts of a system follow.
pub const USER_DEFINED: u64 = 32767;

/// The model of eastings and northings.
pub const PROJECTED_MODEL: u64 = 1;
/// The model of longitudes and latitudes.
pub const GEOGRAPHIC_MODEL: u64 = 2;

/// The most values that are read of each of the three tags.
const MAX_VALUES: u64 = 1 << 16;

/// The keys of a directory, in the order of the file.
pub struct GeoKeys(Vec<(u64, Value)>);

/// The value of a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Short(u64),
    Shorts(Vec<u64>),
    Doubles(Vec<f64>),
    Text(String),
}

impl GeoKeys {
    /// Keys by their numbers and values.
    pub(super) fn of(keys: Vec<(u64, Value)>) -> Self {
        Self(keys)
    }

    /// All keys that can be read.
    pub fn read(directory: &Directory) -> Self {
        let shorts = directory.unsigneds(tags::GEO_KEY_DIRECTORY, MAX_VALUES);
        let Some(Some(shorts)) = left_out(tags::GEO_KEY_DIRECTORY, shorts) else {
            return Self(Vec::new());
        };
        let doubles = directory.numbers(tags::GEO_DOUBLE_PARAMS, MAX_VALUES);
        let doubles = left_out(tags::GEO_DOUBLE_PARAMS, doubles);
        let doubles = doubles.flatten().unwrap_or_default();
        let ascii = directory.bytes(tags::GEO_ASCII_PARAMS, MAX_VALUES);
        let ascii = left_out(tags::GEO_ASCII_PARAMS, ascii);
        let ascii = ascii.flatten().unwrap_or_default();

        let mut keys = Vec::new();
        // The first four numbers are the version and the count; the length tells the latter too.
        for key in shorts.get(4..).unwrap_or_default().chunks_exact(4) {
            let [id, place, count, at] = [key[0], key[1], key[2], key[3]];
            let range = at as usize..at as usize + count as usize;
            let value = match u16::try_from(place) {
                Ok(0) => Some(Value::Short(at)),
                Ok(tags::GEO_DOUBLE_PARAMS) => {
                    doubles.get(range).map(|v| Value::Doubles(v.to_vec()))
                }
                Ok(tags::GEO_ASCII_PARAMS) => {
                    ascii.get(range).map(|bytes| Value::Text(text(bytes)))
                }
                Ok(tags::GEO_KEY_DIRECTORY) => shorts.get(range).map(|v| Value::Shorts(v.to_vec())),
                _ => None,
            };
            if value.is_none() {
                log::note(Event::Georeference, || {
                    format!(
                        "GeoKey {id} is left out: its {count} values from {at} on are not in tag {place}"
                    )
                });
            }
            keys.extend(value.map(|value| (id, value)));
        }
        Self(keys)
    }

    /// The number that a key has in the directory itself.
    pub fn short(&self, id: u64) -> Option<u64> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Short(number) if *key == id => Some(*number),
            _ => None,
        })
    }

    /// The number of a key that has it among the doubles.
    pub fn number(&self, id: u64) -> Option<f64> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Doubles(numbers) if *key == id => numbers.first().copied(),
            _ => None,
        })
    }

    /// The text of a key.
    pub fn text(&self, id: u64) -> Option<&str> {
        self.0.iter().find_map(|(key, value)| match value {
            Value::Text(text) if *key == id => Some(&text[..]),
            _ => None,
        })
    }

    /// All as names and texts, and `AREA_OR_POINT` as it follows from them.
    pub fn texts(&self) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        for (id, value) in &self.0 {
            let text = match value {
                Value::Short(number) => number.to_string(),
                Value::Doubles(numbers) => metadata::list(numbers),
                Value::Text(text) => text.clone(),
                Value::Shorts(numbers) => {
                    let numbers: Vec<f64> = numbers.iter().map(|value| *value as f64).collect();
                    metadata::list(&numbers)
                }
            };
            if *id == RASTER_TYPE {
                let point = if text == "2" { "Point" } else { "Area" };
                texts.push(("AREA_OR_POINT".into(), point.into()));
            }
            let name = name(*id).map_or_else(|| format!("GeoKey{id}"), str::to_owned);
            texts.push((name, text));
        }
        texts
    }
}

/// Text without the bar that stands for its end.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"|").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

/// The number of a key by its name.
pub(super) fn number(name: &str) -> Option<u64> {
    match NAMES.iter().find(|(_, other)| *other == name) {
        Some((id, _)) => Some(*id),
        None => name.strip_prefix("GeoKey")?.parse().ok(),
    }
}

/// The names of keys.
const NAMES: &[(u64, &str)] = &[
    (1024, "GTModelTypeGeoKey"),
    (1025, "GTRasterTypeGeoKey"),
    (1026, "GTCitationGeoKey"),
    (2048, "GeographicTypeGeoKey"),
    (2049, "GeogCitationGeoKey"),
    (2050, "GeogGeodeticDatumGeoKey"),
    (2051, "GeogPrimeMeridianGeoKey"),
    (2052, "GeogLinearUnitsGeoKey"),
    (2053, "GeogLinearUnitSizeGeoKey"),
    (2054, "GeogAngularUnitsGeoKey"),
    (2055, "GeogAngularUnitSizeGeoKey"),
    (2056, "GeogEllipsoidGeoKey"),
    (2057, "GeogSemiMajorAxisGeoKey"),
    (2058, "GeogSemiMinorAxisGeoKey"),
    (2059, "GeogInvFlatteningGeoKey"),
    (2060, "GeogAzimuthUnitsGeoKey"),
    (2061, "GeogPrimeMeridianLongGeoKey"),
    (2062, "GeogTOWGS84GeoKey"),
    (3072, "ProjectedCSTypeGeoKey"),
    (3073, "PCSCitationGeoKey"),
    (3074, "ProjectionGeoKey"),
    (3075, "ProjCoordTransGeoKey"),
    (3076, "ProjLinearUnitsGeoKey"),
    (3077, "ProjLinearUnitSizeGeoKey"),
    (3078, "ProjStdParallel1GeoKey"),
    (3079, "ProjStdParallel2GeoKey"),
    (3080, "ProjNatOriginLongGeoKey"),
    (3081, "ProjNatOriginLatGeoKey"),
    (3082, "ProjFalseEastingGeoKey"),
    (3083, "ProjFalseNorthingGeoKey"),
    (3084, "ProjFalseOriginLongGeoKey"),
    (3085, "ProjFalseOriginLatGeoKey"),
    (3086, "ProjFalseOriginEastingGeoKey"),
    (3087, "ProjFalseOriginNorthingGeoKey"),
    (3088, "ProjCenterLongGeoKey"),
    (3089, "ProjCenterLatGeoKey"),
    (3090, "ProjCenterEastingGeoKey"),
    (3091, "ProjCenterNorthingGeoKey"),
    (3092, "ProjScaleAtNatOriginGeoKey"),
    (3093, "ProjScaleAtCenterGeoKey"),
    (3094, "ProjAzimuthAngleGeoKey"),
    (3095, "ProjStraightVertPoleLongGeoKey"),
    (3096, "ProjRectifiedGridAngleGeoKey"),
    (4096, "VerticalCSTypeGeoKey"),
    (4097, "VerticalCitationGeoKey"),
    (4098, "VerticalDatumGeoKey"),
    (4099, "VerticalUnitsGeoKey"),
    (5120, "CoordinateEpochGeoKey"),
];

fn name(id: u64) -> Option<&'static str> {
    NAMES
        .iter()
        .find(|(key, _)| *key == id)
        .map(|(_, name)| *name)
}
