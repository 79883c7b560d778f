//! Which bands an automatic chain shows, and what they are.

use super::auto_wavelengths::{natural, text, wavelengths};
use super::palette::Palette;
use super::why::{Why, listed};
use crate::dtype::DType;
use crate::image::{Colour, Image};

/// What is to be seen of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A band of indices, whose palette is known.
    Palette(u32),
    /// Luma and two differences.
    YCbCr([u32; 3]),
    /// Cyan, magenta and yellow.
    Inks([u32; 3]),
    /// A band of complex samples.
    Complex(u32),
    /// One band as grey.
    Grey(u32),
    /// Red, green and blue.
    Colours([u32; 3]),
}

impl Shown {
    /// The bands that it is made of.
    pub fn bands(&self) -> &[u32] {
        match self {
            Shown::Palette(band) | Shown::Complex(band) | Shown::Grey(band) => {
                std::slice::from_ref(band)
            }
            Shown::YCbCr(bands) | Shown::Inks(bands) | Shown::Colours(bands) => bands,
        }
    }
}

/// The first band of a colour.
pub fn band_of(image: &Image, colour: Colour) -> Option<u32> {
    let found = image.bands.iter().position(|band| band.colour == colour);
    found.map(|band| band as u32)
}

/// What to show of an image, and the reason.
pub fn choose(image: &Image, why: &mut Why) -> Shown {
    let all = |colours: [Colour; 3]| -> Option<[u32; 3]> {
        let [first, second, third] = colours.map(|colour| band_of(image, colour));
        Some([first?, second?, third?])
    };
    let is_whole = !image.dtype.is_complex() && !matches!(image.dtype, DType::F32 | DType::F64);
    if let Some(band) = band_of(image, Colour::Palette).filter(|_| is_whole) {
        if Palette::of(image, band).is_some() {
            why.note(
                "palette",
                format!("band {band} has indices of the image's palette"),
            );
            return Shown::Palette(band);
        }
        let reason = format!("band {band} has indices, but no palette that can be read");
        why.note("palette", reason);
    }
    if image.dtype.is_complex() {
        return complex(image, why);
    }
    if let Some(bands) = all([Colour::Luma, Colour::Cb, Colour::Cr]) {
        let reason = format!(
            "bands {} are luma and two colour differences",
            listed(bands)
        );
        why.note("ycbcr", reason);
        return Shown::YCbCr(bands);
    }
    if let Some(bands) = all([Colour::Red, Colour::Green, Colour::Blue]) {
        let reason = format!(
            "{} are red, green and blue by colour interpretation",
            listed(bands)
        );
        why.note("bands", reason);
        return Shown::Colours(bands);
    }
    if let Some(bands) = all([Colour::Cyan, Colour::Magenta, Colour::Yellow]) {
        let reason = format!(
            "{} are cyan, magenta and yellow; black is left out",
            listed(bands)
        );
        why.note("bands", reason);
        return Shown::Inks(bands);
    }
    real(image, why)
}

fn complex(image: &Image, why: &mut Why) -> Shown {
    let name = image.dtype.name();
    let reason = match image.band_count() {
        1 => format!("complex samples, {name}"),
        bands => format!("complex samples, {name}; the first of {bands} bands is shown"),
    };
    why.note("samples", reason);
    Shown::Complex(0)
}

/// Of bands that are no known colours.
fn real(image: &Image, why: &mut Why) -> Shown {
    let alpha = band_of(image, Colour::Alpha);
    let bands: Vec<u32> = (0..image.band_count())
        .filter(|band| alpha != Some(*band))
        .collect();
    let said = |band: u32, name: &str| text(image, Some(band), name).unwrap_or_default().trim();
    let is = |band: u32, name: &str, value: &str| said(band, name).eq_ignore_ascii_case(value);
    let find = |name: &str, value: &str| bands.iter().copied().find(|band| is(*band, name, value));
    let three = |name: &str, values: [&str; 3]| -> Option<[u32; 3]> {
        let [red, green, blue] = values.map(|value| find(name, value));
        Some([red?, green?, blue?])
    };
    let [first, second, third] = match bands[..] {
        // An image of alpha alone.
        [] => return grey(0, "the only band", why),
        [band] => return grey(band, "the only band of data", why),
        [first, second, third, ..] => [first, second, third],
        _ => {
            if let Some(band) = find("NITF_ISUBCAT", "M") {
                return grey(band, "the magnitude by NITF_ISUBCAT", why);
            }
            return grey(bands[0], "the first of two bands of data", why);
        }
    };
    let colours = |bands: [u32; 3], reason: String, why: &mut Why| {
        why.note("bands", format!("{} {reason}", listed(bands)));
        Shown::Colours(bands)
    };
    let known = wavelengths(image);
    if let Some(bands) = natural(&known) {
        let of = bands.map(|band| known[band as usize].unwrap_or_default());
        let reason = format!(
            "are nearest to 660, 532.5 and 472.5 nm, at {} nm",
            listed(of)
        );
        return colours(bands, reason, why);
    }
    if let Some(bands) = three("NITF_ISUBCAT", ["R", "G", "B"]) {
        return colours(bands, "are R, G and B by NITF_ISUBCAT".into(), why);
    }
    if let Some(bands) = three("DESCRIPTION", ["red", "green", "blue"]) {
        return colours(
            bands,
            "are red, green and blue by their descriptions".into(),
            why,
        );
    }
    if let Some(band) = find("NITF_IREPBAND", "M") {
        return grey(band, "the one to be shown alone by NITF_IREPBAND", why);
    }
    let reason = "are the first three: nothing tells which bands are red, green and blue";
    colours([first, second, third], reason.into(), why)
}

fn grey(band: u32, reason: &str, why: &mut Why) -> Shown {
    why.note("bands", format!("{band} is {reason}"));
    Shown::Grey(band)
}
