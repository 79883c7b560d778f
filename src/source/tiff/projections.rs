//! Projections of GeoTIFF (OGC 19-008r4, annex C) and what ISO 19162 and EPSG call them and their parameters.

/// A projection.
pub struct Projection {
    /// Its name, and its EPSG code as a method, if it has one.
    pub name: &'static str,
    pub code: Option<u32>,
    pub parameters: &'static [Parameter],
    /// Where eastings and northings grow.
    pub axes: (&'static str, &'static str),
}

/// A parameter of a projection: its name and EPSG code, and the keys that may have it, the first of them there counting.
pub struct Parameter {
    pub name: &'static str,
    pub code: u32,
    pub kind: Kind,
    pub keys: &'static [u64],
}

/// What a parameter is, which says its unit and what it is where no key has it.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Angle,
    Length,
    /// 1 where nothing is said.
    Scale,
}

const fn angle(name: &'static str, code: u32, keys: &'static [u64]) -> Parameter {
    Parameter {
        name,
        code,
        kind: Kind::Angle,
        keys,
    }
}

const fn length(name: &'static str, code: u32, keys: &'static [u64]) -> Parameter {
    Parameter {
        name,
        code,
        kind: Kind::Length,
        keys,
    }
}

const fn scale(name: &'static str, code: u32) -> Parameter {
    Parameter {
        name,
        code,
        kind: Kind::Scale,
        keys: &[3092, 3093],
    }
}

const LATITUDE: Parameter = angle("Latitude of natural origin", 8801, &[3081, 3085, 3089]);
const LONGITUDE: Parameter = angle("Longitude of natural origin", 8802, &[3080, 3084, 3088]);
const SCALE: Parameter = scale("Scale factor at natural origin", 8805);
const EASTING: Parameter = length("False easting", 8806, &[3082, 3090, 3086]);
const NORTHING: Parameter = length("False northing", 8807, &[3083, 3091, 3087]);
const FIRST: Parameter = angle("Latitude of 1st standard parallel", 8823, &[3078]);
const SECOND: Parameter = angle("Latitude of 2nd standard parallel", 8824, &[3079]);
const FALSE_LATITUDE: Parameter = angle("Latitude of false origin", 8821, &[3085, 3081, 3089]);
const FALSE_LONGITUDE: Parameter = angle("Longitude of false origin", 8822, &[3084, 3080, 3088]);
const FALSE_ORIGIN_EASTING: Parameter = length("Easting at false origin", 8826, &[3086, 3082]);
const FALSE_ORIGIN_NORTHING: Parameter = length("Northing at false origin", 8827, &[3087, 3083]);
const CENTRE_LATITUDE: Parameter = angle("Latitude of projection centre", 8811, &[3089, 3081]);
const CENTRE_LONGITUDE: Parameter = angle("Longitude of projection centre", 8812, &[3088, 3080]);
const AZIMUTH: Parameter = angle("Azimuth of initial line", 8813, &[3094]);
const RECTIFIED: Parameter = angle("Angle from Rectified to Skew Grid", 8814, &[3096, 3094]);
const SCALE_ON_LINE: Parameter = scale("Scale factor on initial line", 8815);

const POLE_LONGITUDE: Parameter = angle("Longitude of natural origin", 8802, &[3095, 3080]);
const POLAR_PARALLEL: Parameter = angle("Latitude of standard parallel", 8832, &[3081]);
const CENTRE_EASTING: Parameter = length("Easting at projection centre", 8816, &[3090, 3082]);
const CENTRE_NORTHING: Parameter = length("Northing at projection centre", 8817, &[3091, 3083]);
const POLAR_LONGITUDE: Parameter = angle("Longitude of origin", 8833, &[3095, 3080]);

const POLAR: &[Parameter] = &[POLAR_PARALLEL, POLAR_LONGITUDE, EASTING, NORTHING];
const POLAR_SCALED: &[Parameter] = &[LATITUDE, POLE_LONGITUDE, SCALE, EASTING, NORTHING];
const BY_ORIGIN: &[Parameter] = &[LATITUDE, LONGITUDE, EASTING, NORTHING];
const BY_MERIDIAN: &[Parameter] = &[LONGITUDE, EASTING, NORTHING];
const SCALED: &[Parameter] = &[LATITUDE, LONGITUDE, SCALE, EASTING, NORTHING];
const BY_PARALLEL: &[Parameter] = &[FIRST, LONGITUDE, EASTING, NORTHING];
const CONIC: &[Parameter] = &[
    FALSE_LATITUDE,
    FALSE_LONGITUDE,
    FIRST,
    SECOND,
    FALSE_ORIGIN_EASTING,
    FALSE_ORIGIN_NORTHING,
];

const fn oblique(easting: Parameter, northing: Parameter) -> [Parameter; 7] {
    [
        CENTRE_LATITUDE,
        CENTRE_LONGITUDE,
        AZIMUTH,
        RECTIFIED,
        SCALE_ON_LINE,
        easting,
        northing,
    ]
}

/// The projection with a code of ProjCoordTransGeoKey, where `number` tells the numbers of keys. Those that other readers
/// understand in different ways are left out.
pub fn projection(method: u64, number: impl Fn(u64) -> Option<f64>) -> Option<Projection> {
    let has_parallel = number(3078).is_some();
    let latitude = number(3081).unwrap_or(0.0);
    let is_scaled = number(3092).is_some_and(|scale| scale != 1.0);
    let (name, code, parameters) = match method {
        1 => ("Transverse Mercator", Some(9807), SCALED),
        3 => (
            "Hotine Oblique Mercator (variant A)",
            Some(9812),
            const { &oblique(EASTING, NORTHING) as &[Parameter] },
        ),
        9815 => (
            "Hotine Oblique Mercator (variant B)",
            Some(9815),
            const { &oblique(CENTRE_EASTING, CENTRE_NORTHING) as &[Parameter] },
        ),
        7 if !has_parallel => ("Mercator (variant A)", Some(9804), SCALED),
        7 => ("Mercator (variant B)", Some(9805), BY_PARALLEL),
        8 => ("Lambert Conic Conformal (2SP)", Some(9802), CONIC),
        9 => ("Lambert Conic Conformal (1SP)", Some(9801), SCALED),
        10 => ("Lambert Azimuthal Equal Area", Some(9820), BY_ORIGIN),
        11 => ("Albers Equal Area", Some(9822), CONIC),
        12 => ("Modified Azimuthal Equidistant", Some(9832), BY_ORIGIN),
        13 => (
            "Equidistant Conic",
            None,
            const { &[LATITUDE, LONGITUDE, FIRST, SECOND, EASTING, NORTHING] as &[Parameter] },
        ),
        14 => ("Stereographic", None, SCALED),
        15 if latitude.abs() == 90.0 => {
            ("Polar Stereographic (variant A)", Some(9810), POLAR_SCALED)
        }
        15 if !is_scaled => ("Polar Stereographic (variant B)", Some(9829), POLAR),
        16 => ("Oblique Stereographic", Some(9809), SCALED),
        17 => ("Equidistant Cylindrical", Some(1028), BY_PARALLEL),
        18 => ("Cassini-Soldner", Some(9806), BY_ORIGIN),
        19 => ("Gnomonic", None, BY_ORIGIN),
        20 => ("Miller Cylindrical", None, BY_MERIDIAN),
        21 => ("Orthographic", Some(9840), BY_ORIGIN),
        22 => ("American Polyconic", Some(9818), BY_ORIGIN),
        23 => ("Robinson", None, BY_MERIDIAN),
        24 => ("Sinusoidal", None, BY_MERIDIAN),
        25 => ("Van Der Grinten", None, BY_MERIDIAN),
        26 => ("New Zealand Map Grid", Some(9811), BY_ORIGIN),
        27 => ("Transverse Mercator (South Orientated)", Some(9808), SCALED),
        28 => ("Lambert Cylindrical Equal Area", Some(9835), BY_PARALLEL),
        _ => return None,
    };
    let axes = match method {
        // Away from the pole.
        15 if latitude > 0.0 => ("south", "south"),
        15 => ("north", "north"),
        27 => ("west", "south"),
        _ => ("east", "north"),
    };
    Some(Projection {
        axes,
        name,
        code,
        parameters,
    })
}
