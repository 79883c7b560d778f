//! The register of coordinate reference systems of EPSG, which the crate `epsg-utils` has inside.

/// The system with these codes as WKT (ISO 19162); `None` where the register does not have it.
pub fn wkt(epsg: Option<u32>, vertical_epsg: Option<u32>) -> Option<String> {
    let across = epsg.and_then(of_code);
    let up = vertical_epsg.and_then(of_code);
    match (epsg, across, up) {
        (Some(_), Some(across), Some(up)) => Some(compound(across, up)),
        (Some(_), across, _) => across.map(Into::into),
        (None, _, up) => up.map(Into::into),
    }
}

/// Whether the register does not have a system; of none where it is left out.
pub fn lacks(code: u32) -> bool {
    cfg!(feature = "epsg") && of_code(code).is_none()
}

/// Whether the northing or latitude is the first coordinate of the system with this code. The codes of geographic systems
/// tell it where the register is left out.
pub fn is_northing_first(epsg: u32) -> bool {
    match of_code(epsg).and_then(|wkt| wkt.split_once(",CS[")) {
        Some((_, axes)) => {
            let first = axes.split("AXIS[\"").nth(1).unwrap_or_default();
            // Directions do not tell it: at the poles all lead north or south.
            let names = ["Northing", "Geodetic latitude", "Latitude"];
            names.iter().any(|name| first.starts_with(name))
        }
        None => (4001..5000).contains(&epsg),
    }
}

#[cfg(feature = "epsg")]
fn of_code(code: u32) -> Option<&'static str> {
    epsg_utils::epsg_to_wkt2(i32::try_from(code).ok()?).ok()
}

#[cfg(not(feature = "epsg"))]
fn of_code(_code: u32) -> Option<&'static str> {
    None
}

/// A system of two parts, by the names of both.
fn compound(across: &str, up: &str) -> String {
    let name = |wkt: &str| wkt.split('"').nth(1).unwrap_or_default().to_owned();
    let name = format!("{} + {}", name(across), name(up));
    format!("COMPOUNDCRS[\"{name}\",{across},{up}]")
}

#[cfg(all(test, feature = "epsg"))]
mod tests {
    use super::*;

    #[test]
    fn systems_are_found_by_their_codes() {
        let utm = wkt(Some(32632), None).expect("a system");
        assert!(
            utm.starts_with("PROJCRS[\"WGS 84 / UTM zone 32N\","),
            "{utm}"
        );
        let both = wkt(Some(32632), Some(5773)).expect("a system");
        let start = "COMPOUNDCRS[\"WGS 84 / UTM zone 32N + EGM96 height\",PROJCRS[";
        assert!(both.starts_with(start), "{both}");
        assert!(wkt(None, Some(5773)).is_some_and(|up| both.ends_with(&format!(",{up}]"))));
        assert_eq!(wkt(Some(32632), Some(1)), Some(utm));
        for unknown in [1, 32767, u32::MAX] {
            assert_eq!(wkt(Some(unknown), Some(5773)), None);
        }
        assert_eq!(wkt(None, None), None);
        assert!(lacks(32767) && !lacks(32632));
    }

    #[test]
    fn the_order_of_coordinates_is_known() {
        for north in [4326, 4258, 3035, 2193, 31467, 32661] {
            assert!(is_northing_first(north), "{north}");
        }
        for east in [32632, 2154, 27700, 3857, 3031, 5041, 32767] {
            assert!(!is_northing_first(east), "{east}");
        }
    }
}
