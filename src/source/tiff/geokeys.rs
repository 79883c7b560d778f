//! GeoKeys: a directory of their own inside three tags, told as names and texts.

use super::directory::Directory;
use super::{metadata, tags};

/// The most values that are read of each of the three tags.
const MAX_VALUES: u64 = 1 << 16;

/// All keys that can be read, and `AREA_OR_POINT` as it follows from them.
pub fn read(directory: &Directory) -> Vec<(String, String)> {
    let shorts = directory.unsigneds(tags::GEO_KEY_DIRECTORY, MAX_VALUES);
    let Ok(Some(shorts)) = shorts else {
        return Vec::new();
    };
    let doubles = directory.numbers(tags::GEO_DOUBLE_PARAMS, MAX_VALUES);
    let doubles = doubles.ok().flatten().unwrap_or_default();
    let ascii = directory.bytes(tags::GEO_ASCII_PARAMS, MAX_VALUES);
    let ascii = ascii.ok().flatten().unwrap_or_default();

    let mut keys = Vec::new();
    // The first four numbers are the version and the count; the length tells the latter too.
    for key in shorts.get(4..).unwrap_or_default().chunks_exact(4) {
        let [id, place, count, at] = [key[0], key[1], key[2], key[3]];
        let range = at as usize..at as usize + count as usize;
        let text = match u16::try_from(place) {
            Ok(0) => Some(at.to_string()),
            Ok(tags::GEO_DOUBLE_PARAMS) => doubles.get(range).map(metadata::list),
            Ok(tags::GEO_ASCII_PARAMS) => ascii.get(range).map(text),
            Ok(tags::GEO_KEY_DIRECTORY) => shorts.get(range).map(|values| {
                let values: Vec<f64> = values.iter().map(|value| *value as f64).collect();
                metadata::list(&values)
            }),
            _ => None,
        };
        let Some(text) = text else { continue };
        if id == 1025 {
            let point = if text == "2" { "Point" } else { "Area" };
            keys.push(("AREA_OR_POINT".into(), point.into()));
        }
        let name = name(id).map_or_else(|| format!("GeoKey{id}"), str::to_owned);
        keys.push((name, text));
    }
    keys
}

/// Text without the bar that stands for its end.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"|").unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

fn name(id: u64) -> Option<&'static str> {
    Some(match id {
        1024 => "GTModelTypeGeoKey",
        1025 => "GTRasterTypeGeoKey",
        1026 => "GTCitationGeoKey",
        2048 => "GeographicTypeGeoKey",
        2049 => "GeogCitationGeoKey",
        2050 => "GeogGeodeticDatumGeoKey",
        2051 => "GeogPrimeMeridianGeoKey",
        2052 => "GeogLinearUnitsGeoKey",
        2053 => "GeogLinearUnitSizeGeoKey",
        2054 => "GeogAngularUnitsGeoKey",
        2055 => "GeogAngularUnitSizeGeoKey",
        2056 => "GeogEllipsoidGeoKey",
        2057 => "GeogSemiMajorAxisGeoKey",
        2058 => "GeogSemiMinorAxisGeoKey",
        2059 => "GeogInvFlatteningGeoKey",
        2060 => "GeogAzimuthUnitsGeoKey",
        2061 => "GeogPrimeMeridianLongGeoKey",
        2062 => "GeogTOWGS84GeoKey",
        3072 => "ProjectedCSTypeGeoKey",
        3073 => "PCSCitationGeoKey",
        3074 => "ProjectionGeoKey",
        3075 => "ProjCoordTransGeoKey",
        3076 => "ProjLinearUnitsGeoKey",
        3077 => "ProjLinearUnitSizeGeoKey",
        3078 => "ProjStdParallel1GeoKey",
        3079 => "ProjStdParallel2GeoKey",
        3080 => "ProjNatOriginLongGeoKey",
        3081 => "ProjNatOriginLatGeoKey",
        3082 => "ProjFalseEastingGeoKey",
        3083 => "ProjFalseNorthingGeoKey",
        3084 => "ProjFalseOriginLongGeoKey",
        3085 => "ProjFalseOriginLatGeoKey",
        3086 => "ProjFalseOriginEastingGeoKey",
        3087 => "ProjFalseOriginNorthingGeoKey",
        3088 => "ProjCenterLongGeoKey",
        3089 => "ProjCenterLatGeoKey",
        3090 => "ProjCenterEastingGeoKey",
        3091 => "ProjCenterNorthingGeoKey",
        3092 => "ProjScaleAtNatOriginGeoKey",
        3093 => "ProjScaleAtCenterGeoKey",
        3094 => "ProjAzimuthAngleGeoKey",
        3095 => "ProjStraightVertPoleLongGeoKey",
        3096 => "ProjRectifiedGridAngleGeoKey",
        4096 => "VerticalCSTypeGeoKey",
        4097 => "VerticalCitationGeoKey",
        4098 => "VerticalDatumGeoKey",
        4099 => "VerticalUnitsGeoKey",
        5120 => "CoordinateEpochGeoKey",
        _ => return None,
    })
}
