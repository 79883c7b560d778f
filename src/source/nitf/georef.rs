//! Georeference: the corners that a subheader tells (field IGEOLO) or, more precisely, a tagged extension (BLOCKA), and
//! the polynomials of RPC00A and RPC00B (STDI-0002, appendix E).

use super::fields::text;
use super::subheader::ImageHeader;
use crate::georef::{Affine, Gcp, Georef, Rpc};
use crate::log::{self, Event};
use crate::source::number::finite as number;

/// The names that GDAL has for the corners, in the order of the field.
const CORNERS: [&str; 4] = ["UpperLeft", "UpperRight", "LowerRight", "LowerLeft"];

/// Corners may lie so many pixels from where a transform has them.
const TOLERANCE: f64 = 0.25;

/// The longitudes and latitudes of WGS 84, and what a zone of UTM is added to, north and south.
const WGS84: u32 = 4326;
const UTM_NORTH: u32 = 32_600;
const UTM_SOUTH: u32 = 32_700;

/// What BLOCKA has bytes.
const BLOCKA_LEN: usize = 123;

/// The lengths of the fields of RPC00B behind the first: two errors, offsets and scales in the order of [`Rpc`], and of
/// each coefficient.
const RPC_FIELDS: [usize; 12] = [7, 7, 6, 5, 8, 9, 5, 6, 5, 8, 9, 5];
const RPC_COEFFICIENT: usize = 12;

/// Which term of RPC00A is each of RPC00B.
const OLD_TERMS: [usize; 20] = [
    0, 1, 2, 3, 4, 5, 6, 10, 7, 8, 9, 11, 14, 17, 12, 15, 18, 13, 16, 19,
];

/// A place: the easting or longitude, and the northing or latitude.
type Place = (f64, f64);

/// What a subheader and its tagged extensions say. What cannot be read is left out: it must not cost the pixels.
pub fn read(header: &ImageHeader, tagged: &[(String, Vec<u8>)]) -> Option<Georef> {
    let mut georef = Georef::default();
    let find = |name: &str| tagged.iter().find(|(found, _)| found == name);
    let blocka = find("BLOCKA");
    let precise = blocka.and_then(|(_, data)| precise_corners(header, data));
    if blocka.is_some() && precise.is_none() {
        left_out("BLOCKA");
    }
    let placed = precise.or_else(|| corners(header));
    if placed.is_none() && header.corners.is_some() {
        left_out("IGEOLO");
    }
    if let Some((epsg, corners)) = placed {
        let size = (header.ncols as f64, header.nrows as f64);
        georef.transform = fitted(size, &corners);
        if georef.transform.is_none() && corners.iter().any(|(x, _)| *x != 0.0) {
            georef.gcps = gcps(size, &corners);
        }
        let is_placed = georef.transform.is_some() || !georef.gcps.is_empty();
        georef.epsg = is_placed.then_some(epsg);
    }
    // The polynomials are those of the whole image, of which ICHIPB says that this one is a part.
    if find("ICHIPB").is_none() {
        let [old, new] = ["RPC00A", "RPC00B"].map(find);
        let said = old.or(new);
        georef.rpc = said.and_then(|(_, data)| rpc(data, old.is_some()));
        if let Some((name, _)) = said.filter(|_| georef.rpc.is_none()) {
            left_out(name);
        }
    }
    (!georef.is_empty()).then_some(georef)
}

/// Something that the file says of its place cannot be read, or not by this library.
fn left_out(name: &str) {
    log::note(Event::Georeference, || {
        format!("{name} is left out: it is damaged, of another image or of a kind that is not read")
    });
}

/// The centres of the pixels in the corners as BLOCKA has them, if it is about the whole image and tells all of them.
fn precise_corners(header: &ImageHeader, data: &[u8]) -> Option<(u32, [Place; 4])> {
    if data.len() != BLOCKA_LEN {
        return None;
    }
    let field = |from: usize, len: usize| text(&data[from..from + len]);
    let lines: u64 = field(7, 5).trim().parse().ok()?;
    (lines == header.nrows).then_some(())?;
    let corner = |number: usize| {
        let place = field(34 + 21 * number, 21);
        let (latitude, longitude) = place.split_at_checked(10)?;
        Some((fine_angle(longitude, 3)?, fine_angle(latitude, 2)?))
    };
    let [ur, lr, ll, ul] = [corner(0)?, corner(1)?, corner(2)?, corner(3)?];
    Some((WGS84, [ul, ur, lr, ll]))
}

/// `+dd.dddddd`, or `Nddmmss.ss` and the like; `digits` are those of the degrees.
fn fine_angle(angle: &str, digits: usize) -> Option<f64> {
    let sign = match angle.get(..1)? {
        "+" | "-" => return number(angle),
        "N" | "E" => 1.0,
        "S" | "W" => -1.0,
        _ => return None,
    };
    let part = |from: usize, to: usize| number(angle.get(1 + from..1 + to)?);
    let (degrees, minutes) = (part(0, digits)?, part(digits, digits + 2)?);
    let seconds = part(digits + 2, angle.len() - 1)?;
    Some(sign * (degrees + minutes / 60.0 + seconds / 3600.0))
}

/// The centres of the pixels in the corners, and their system. Corners in the grid of the military (U) and geocentric
/// ones (C) are not read.
fn corners(header: &ImageHeader) -> Option<(u32, [Place; 4])> {
    let (kind, field) = header.corners.as_ref()?;
    let corner = |at: usize| field.get(15 * at..15 * at + 15);
    let all = |place: fn(&str) -> Option<Place>| -> Option<[Place; 4]> {
        let mut places = [(0.0, 0.0); 4];
        for (at, found) in places.iter_mut().enumerate() {
            *found = place(corner(at)?)?;
        }
        Some(places)
    };
    let (epsg, places) = match &kind[..] {
        "G" => (WGS84, all(sexagesimal)?),
        "D" => (WGS84, all(decimal)?),
        "N" | "S" => {
            // GDAL has that of the last corner count.
            let zone: u32 = corner(3)?.get(..2)?.trim().parse().ok()?;
            let base = if kind == "N" { UTM_NORTH } else { UTM_SOUTH };
            (1..=60).contains(&zone).then_some(())?;
            (base + zone, all(utm)?)
        }
        _ => return None,
    };
    Some((epsg, around(places)))
}

/// The corners as they follow each other around the image: some writers have the last two the other way round.
fn around(corners: [Place; 4]) -> [Place; 4] {
    let side = |a: Place, b: Place, c: Place| (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0);
    // Whether the diagonals do.
    let cross = |[a, b, c, d]: [Place; 4]| {
        side(a, c, b) * side(a, c, d) < 0.0 && side(b, d, a) * side(b, d, c) < 0.0
    };
    let [ul, ur, lr, ll] = corners;
    let swapped = [ul, ur, ll, lr];
    if !cross(corners) && cross(swapped) {
        swapped
    } else {
        corners
    }
}

/// `ddmmssXdddmmssY`
fn sexagesimal(corner: &str) -> Option<Place> {
    let angle = |text: &str, degrees: usize, minus: &str| {
        let (digits, side) = text.split_at_checked(degrees + 4)?;
        let part = |from: usize, len: usize| number(digits.get(from..from + len)?);
        let sum = part(0, degrees)? + part(degrees, 2)? / 60.0 + part(degrees + 2, 2)? / 3600.0;
        Some(if side.eq_ignore_ascii_case(minus) {
            -sum
        } else {
            sum
        })
    };
    let (latitude, longitude) = corner.split_at_checked(7)?;
    Some((angle(longitude, 3, "W")?, angle(latitude, 2, "S")?))
}

/// `+dd.ddd+ddd.ddd`
fn decimal(corner: &str) -> Option<Place> {
    let (latitude, longitude) = corner.split_at_checked(7)?;
    Some((number(longitude)?, number(latitude)?))
}

/// `zzeeeeeennnnnnn`
fn utm(corner: &str) -> Option<Place> {
    Some((number(corner.get(2..8)?)?, number(corner.get(8..)?)?))
}

/// The transform that has the corners nearest, if it has all of them near enough.
fn fitted((width, height): (f64, f64), corners: &[Place; 4]) -> Option<Affine> {
    let fit = |of: fn(&Place) -> f64| {
        let [ul, ur, lr, ll] = corners.each_ref().map(of);
        let upright = ul == ll && ur == lr || ul == ur && ll == lr;
        let along = match upright {
            true => ur - ul,
            false => (ur + lr - ul - ll) / 2.0,
        };
        let down = match upright {
            true => ll - ul,
            false => (ll + lr - ul - ur) / 2.0,
        };
        let (a, b) = (along / (width - 1.0), down / (height - 1.0));
        let origin = match upright {
            true => ul - 0.5 * a - 0.5 * b,
            false => (ul + ur + lr + ll) / 4.0 - width / 2.0 * a - height / 2.0 * b,
        };
        // All corners lie as far from the plane as each other.
        ([origin, a, b], (ul + lr - ur - ll).abs() / 4.0)
    };
    let ([x, a, b], x_off) = fit(|place| place.0);
    let ([y, c, d], y_off) = fit(|place| place.1);
    let pixel = (a.abs() + b.abs() + c.abs() + d.abs()) / 2.0;
    let transform = Affine([x, a, b, y, c, d]);
    let is_near = x_off.max(y_off) <= TOLERANCE * pixel;
    (is_near && transform.inverse().is_some()).then_some(transform)
}

fn gcps((width, height): (f64, f64), corners: &[Place; 4]) -> Vec<Gcp> {
    let (right, bottom) = (width - 0.5, height - 0.5);
    let pixels = [(0.5, 0.5), (right, 0.5), (right, bottom), (0.5, bottom)];
    let gcp = |((name, pixel), (x, y)): ((&str, (f64, f64)), &Place)| Gcp {
        id: name.into(),
        info: String::new(),
        pixel,
        place: [*x, *y, 0.0],
    };
    CORNERS
        .into_iter()
        .zip(pixels)
        .zip(corners)
        .map(gcp)
        .collect()
}

/// The polynomials, if the extension says that they could be made.
fn rpc(data: &[u8], is_old: bool) -> Option<Rpc> {
    let mut rest = data.strip_prefix(b"1")?;
    let mut numbers = [0.0; Rpc::NUMBERS];
    for (at, to) in numbers.iter_mut().enumerate() {
        let len = RPC_FIELDS.get(at).copied().unwrap_or(RPC_COEFFICIENT);
        let (field, behind) = rest.split_at_checked(len)?;
        *to = number(&text(field))?;
        rest = behind;
    }
    if is_old {
        for polynomial in numbers[RPC_FIELDS.len()..].chunks_exact_mut(OLD_TERMS.len()) {
            let terms = OLD_TERMS.map(|term| polynomial[term]);
            polynomial.copy_from_slice(&terms);
        }
    }
    Rpc::from_numbers(&numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_are_read_in_each_form() {
        assert_eq!(
            sexagesimal("003000S0101530W"),
            Some((-(10.0 + 15.0 / 60.0 + 30.0 / 3600.0), -0.5))
        );
        assert_eq!(sexagesimal("473000n0110000e"), Some((11.0, 47.5)));
        assert_eq!(decimal("-47.500+011.250"), Some((11.25, -47.5)));
        assert_eq!(utm("32500000 520000"), Some((500_000.0, 520_000.0)));
        for text in ["", "4730", "ddmmssNdddmmssE", "47300\u{e9}0110000E"] {
            assert_eq!(sexagesimal(text), None, "{text}");
        }
    }

    #[test]
    fn corners_that_no_transform_has_are_points() {
        let size = (11.0, 21.0);
        let even = [(0.0, 20.0), (10.0, 20.0), (10.0, 0.0), (0.0, 0.0)];
        let expected = Affine([-0.5, 1.0, 0.0, 20.5, 0.0, -1.0]);
        assert_eq!(fitted(size, &even), Some(expected));
        for (off, fits) in [(0.5, true), (3.0, false)] {
            let mut bent = even;
            bent[2].0 += off;
            assert_eq!(fitted(size, &bent).is_some(), fits, "{off}");
        }
        assert_eq!(fitted(size, &[(0.0, 0.0); 4]), None);
        assert_eq!(fitted((1.0, 1.0), &even), None);
        assert_eq!(gcps(size, &even)[2].pixel, (10.5, 20.5));
    }
}
