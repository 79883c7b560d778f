//! World files: six numbers in a text beside an image that say where it lies, and the system beside those.

use crate::bytes::{Bytes, FileBytes};
use crate::georef::{Affine, Georef};
use std::path::{Path, PathBuf};

/// Longer files are none.
const MAX_TEXT: u64 = 64 << 10;

/// Adds what the files beside `path` say to what an image says of its own place, where it does not have that.
pub fn complete(georef: Option<Georef>, path: &Path) -> Option<Georef> {
    let mut georef = georef.unwrap_or_default();
    if georef.transform.is_none()
        && let Some(transform) = candidates(path)
            .iter()
            .find_map(|path| transform(&text(path)?))
    {
        georef.transform = Some(transform);
        // Points are for images that nothing better is said of.
        georef.gcps.clear();
        if georef.epsg.is_none() && georef.wkt.is_none() {
            let system = cased("prj")
                .iter()
                .find_map(|end| text(&path.with_extension(end)));
            georef.wkt = system.filter(|text| looks_like_wkt(text));
        }
    }
    (!georef.is_empty()).then_some(georef)
}

/// The world files that an image may have, in the order in which GDAL looks for them: of `a.tif` they are `a.tfw`,
/// `a.tifw` and `a.wld`.
fn candidates(path: &Path) -> Vec<PathBuf> {
    let mut ends = Vec::new();
    if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
        let mut letters = extension.chars();
        if let (Some(first), Some(last)) = (letters.next(), letters.next_back()) {
            ends.extend(cased(&format!("{first}{last}w")));
        }
        ends.extend(cased(&format!("{extension}w")));
    }
    ends.extend(cased("wld"));
    ends.iter().map(|end| path.with_extension(end)).collect()
}

/// Letters of both cases.
fn cased(end: &str) -> [String; 2] {
    [end.to_lowercase(), end.to_uppercase()]
}

/// The text of a file, if there is one.
fn text(path: &Path) -> Option<String> {
    let file = FileBytes::open(path).ok()?;
    let mut bytes = vec![0; usize::try_from(file.len().min(MAX_TEXT + 1)).ok()?];
    file.read_at(0, &mut bytes).ok()?;
    (bytes.len() as u64 <= MAX_TEXT).then(|| String::from_utf8_lossy(&bytes).trim().to_owned())
}

fn looks_like_wkt(text: &str) -> bool {
    let name = text.split('[').next().unwrap_or_default();
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    text.ends_with(']') && !name.is_empty() && is_name(name)
}

/// The numbers are those of the centre of the first pixel, in the order of the columns of the matrix.
fn transform(text: &str) -> Option<Affine> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let numbers: Vec<f64> = lines.take(6).map(number).collect::<Option<_>>()?;
    let [a, c, b, d, x, y] = numbers[..] else {
        return None;
    };
    let has_area = (a != 0.0 || b != 0.0) && (d != 0.0 || c != 0.0);
    let centre = Affine([x, a, b, y, c, d]);
    has_area.then(|| centre.after(&Affine([-0.5, 1.0, 0.0, -0.5, 0.0, 1.0])))
}

/// A finite number, with a comma for a point if need be, and whatever stands behind it.
fn number(line: &str) -> Option<f64> {
    let word = line.split_whitespace().next()?.replace(',', ".");
    word.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_first_centre() {
        let text = "2.0\n0\n\n 0,0 \n-4e0\r\n100 easting\n+50\n";
        assert_eq!(
            transform(text),
            Some(Affine([99.0, 2.0, 0.0, 52.0, 0.0, -4.0]))
        );
        for text in [
            "",
            "1\n0\n0\n-1\n100",
            "1\n0\n0\nx\n100\n50",
            "1\n0\n0\nNaN\n100\n50",
            "0\n0\n0\n0\n100\n50",
            "1\n0\n0\n0\n100\n50",
        ] {
            assert_eq!(transform(text), None, "{text:?}");
        }
    }

    #[test]
    fn names_follow_from_that_of_the_image() {
        let names = |path: &str| {
            let names = candidates(Path::new(path));
            let text = names.iter().map(|name| name.display().to_string());
            text.collect::<Vec<_>>()
        };
        assert_eq!(
            names("x/a.jpeg"),
            [
                "x/a.jgw",
                "x/a.JGW",
                "x/a.jpegw",
                "x/a.JPEGW",
                "x/a.wld",
                "x/a.WLD"
            ]
        );
        assert_eq!(names("b"), ["b.wld", "b.WLD"]);
    }

    #[test]
    fn a_system_looks_like_one() {
        assert!(looks_like_wkt("GEOGCS[\"WGS 84\"]"));
        for text in ["", "Projection    UTM", "[]", "+proj=utm]"] {
            assert!(!looks_like_wkt(text), "{text:?}");
        }
    }
}
