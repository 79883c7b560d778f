//! World files: six numbers in a text beside an image that say where it lies, and the system beside those.

use super::beside::{self, Beside};
use super::number::finite;
use crate::error::Result;
use crate::georef::{Affine, Georef};
use crate::log::{self, Event};

/// Longer files are none.
const MAX_TEXT: u64 = 64 << 10;

/// Adds what the files beside one of this extension say to what its image says of its own place, where it does not have
/// that, or anyhow if `goes_before`.
pub fn complete(
    georef: Option<Georef>,
    beside: &dyn Beside,
    extension: Option<&str>,
    goes_before: bool,
) -> Result<Option<Georef>> {
    let mut georef = georef.unwrap_or_default();
    if georef.transform.is_none() || goes_before {
        for suffix in candidates(extension) {
            let text_of_file = text(beside, &suffix)?;
            let transform = text_of_file.as_deref().and_then(transform);
            if text_of_file.is_some() && transform.is_none() {
                log::note(Event::Georeference, || {
                    format!(
                        "{suffix} beside the file is left out: it does not begin with six numbers"
                    )
                });
            }
            if transform.is_some() {
                georef.transform = transform;
                // Points are for images that nothing better is said of.
                georef.gcps.clear();
                if georef.epsg.is_none() && georef.wkt.is_none() {
                    let system = text(beside, "*.prj")?;
                    let is_told = system.is_some();
                    georef.wkt = system.filter(|text| looks_like_wkt(text));
                    if is_told && georef.wkt.is_none() {
                        log::note(Event::Georeference, || {
                            "*.prj beside the file is left out: it is no text of WKT".into()
                        });
                    }
                }
                break;
            }
        }
    }
    Ok((!georef.is_empty()).then_some(georef))
}

/// The world files that an image may have, in the order in which GDAL looks for them: of `a.tif` they are `a.tfw`,
/// `a.tifw` and `a.wld`.
fn candidates(extension: Option<&str>) -> Vec<String> {
    let mut suffixes = Vec::new();
    if let Some(extension) = extension {
        let mut letters = extension.chars();
        if let (Some(first), Some(last)) = (letters.next(), letters.next_back()) {
            suffixes.push(format!("*.{first}{last}w").to_lowercase());
        }
        suffixes.push(format!("*.{extension}w").to_lowercase());
    }
    suffixes.push("*.wld".into());
    suffixes
}

/// The text of a file, if there is one that is short enough. One that cannot be read is none, unless that may change.
fn text(beside: &dyn Beside, suffix: &str) -> Result<Option<String>> {
    let read = || -> Result<Option<String>> {
        let Some(file) = beside.open(suffix)? else {
            return Ok(None);
        };
        if file.len() > MAX_TEXT {
            log::note(Event::Georeference, || {
                format!(
                    "{suffix} beside the file is left out: it has {} bytes",
                    file.len()
                )
            });
            return Ok(None);
        }
        let mut bytes = vec![0; file.len() as usize];
        file.read_at(0, &mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
    };
    match read() {
        Err(error) if beside::is_useless(&error) => {
            let what = format!("{suffix} beside the file");
            Ok(log::note_unread(Event::Georeference, what, Err(error)))
        }
        read => read.map_err(|error| error.at(format!("{suffix} beside the file"))),
    }
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
    finite(&word)
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
        assert_eq!(candidates(Some("JPEG")), ["*.jgw", "*.jpegw", "*.wld"]);
        assert_eq!(candidates(None), ["*.wld"]);
    }

    #[test]
    fn a_system_looks_like_one() {
        assert!(looks_like_wkt("GEOGCS[\"WGS 84\"]"));
        for text in ["", "Projection    UTM", "[]", "+proj=utm]"] {
            assert!(!looks_like_wkt(text), "{text:?}");
        }
    }
}
