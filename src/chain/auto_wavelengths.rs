//! Wavelengths: what the texts of an image say of those of its bands.

use crate::image::Image;

/// Names of texts of bands that tell the middle wavelength, without regard to case and domain.
const NAMES: [&str; 4] = [
    "central_wavelength_um",
    "nitf_cwave",
    "wavelength",
    "center_wavelength",
];

/// Names of texts that tell the unit.
const UNITS: [&str; 2] = ["wavelength_units", "wavelength_unit"];

/// The middle wavelength of each band in nanometres, as far as it is told.
pub fn wavelengths(image: &Image) -> Vec<Option<f64>> {
    let bands = 0..image.band_count();
    bands.map(|band| wavelength(image, band)).collect()
}

fn wavelength(image: &Image, band: u32) -> Option<f64> {
    let first = |names: &[&str], of: Option<u32>| {
        let mut found = names.iter().filter_map(|name| text(image, of, name));
        found.next()
    };
    let value: f64 = first(&NAMES, Some(band))?.trim().parse().ok()?;
    let unit = first(&UNITS, Some(band)).or_else(|| first(&UNITS, None));
    let unit = unit.unwrap_or_default().trim().to_lowercase();
    let nanometres = match &unit[..] {
        "nanometers" | "nanometres" | "nanometer" | "nm" => value,
        "micrometers" | "micrometres" | "micrometer" | "microns" | "um" | "μm" => value * 1000.0,
        // No band of an image is of less than 100 nanometres or of more than 100 micrometres.
        _ if value < 100.0 => value * 1000.0,
        _ => value,
    };
    (nanometres.is_finite() && nanometres > 0.0).then_some(nanometres)
}

/// A text by its name without domain and case.
pub fn text<'a>(image: &'a Image, band: Option<u32>, name: &str) -> Option<&'a str> {
    let is_named = |of: &str| {
        let of = of.rsplit(':').next().unwrap_or(of);
        of.eq_ignore_ascii_case(name)
    };
    let from = (band, String::new());
    let mut of_band = image
        .metadata
        .range(from..)
        .take_while(|((of, _), _)| *of == band);
    of_band
        .find(|((_, of), _)| is_named(of))
        .map(|(_, text)| &text[..])
}

/// The bands nearest to red, green and blue, if each is another one and shows that colour.
pub fn natural(wavelengths: &[Option<f64>]) -> Option<[u32; 3]> {
    /// Middle and width of the colours, in nanometres.
    const COLOURS: [(f64, f64); 3] = [(660.0, 100.0), (532.5, 80.0), (472.5, 80.0)];
    let nearest = |(middle, width): (f64, f64)| {
        let known = (0..)
            .zip(wavelengths)
            .filter_map(|(band, of)| Some((band, (*of)?)));
        let distances = known.map(|(band, of)| (band, (of - middle).abs()));
        let nearest = distances.min_by(|a, b| a.1.total_cmp(&b.1));
        nearest
            .filter(|(_, distance)| *distance <= width)
            .map(|(band, _)| band)
    };
    let [red, green, blue] = COLOURS.map(nearest);
    let found = [red?, green?, blue?];
    let [red, green, blue] = found;
    (red != green && green != blue && red != blue).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;

    #[test]
    fn wavelengths_are_read_in_every_unit_and_under_every_name() {
        let mut image = Image::new(1, 1, 6, DType::U8);
        for (band, name, text) in [
            (0, "IMAGERY:CENTRAL_WAVELENGTH_UM", "0.665"),
            (1, "wavelength", "559"),
            (2, "Wavelength", "0.49"),
            (2, "wavelength_units", "Micrometers"),
            (3, "WAVELENGTH", "842"),
            (3, "WAVELENGTH_UNITS", "Nanometers"),
            (4, "WAVELENGTH", "none"),
            (5, "COLOUR", "4"),
        ] {
            image
                .metadata
                .insert((Some(band), name.into()), text.into());
        }
        let found = wavelengths(&image);
        assert_eq!(
            found,
            [
                Some(665.0),
                Some(559.0),
                Some(490.0),
                Some(842.0),
                None,
                None
            ]
        );
        assert_eq!(natural(&found), Some([0, 1, 2]));
        // The infrared is no red, and one band is not two colours.
        assert_eq!(natural(&found[1..]), None);
        assert_eq!(natural(&[Some(660.0), Some(500.0), None]), None);
        assert_eq!(natural(&[]), None);
    }
}
