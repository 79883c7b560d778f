//! The description of the image: bands, colours, transparency and metadata.

use super::Storage;
use crate::dtype::{DType, Sample};
use crate::image::{Band, Colour, Image, Metadata};
use png::{ColorType, Info, Unit};
use std::fmt::Write;

/// Describes the image.
pub fn image(info: &Info<'_>, storage: &Storage) -> Image {
    let bits = storage.bits();
    let dtype = if bits > 8 { DType::U16 } else { DType::U8 };
    let (width, height) = (u64::from(info.width), u64::from(info.height));
    let mut image = Image::new(width, height, storage.channels() as u32, dtype);
    image.bits = bits;
    image.bands_together = storage.channels() > 1;
    let colours: &[Colour] = match storage.colour {
        ColorType::Grayscale => &[Colour::Gray],
        ColorType::Rgb => &[Colour::Red, Colour::Green, Colour::Blue],
        ColorType::Indexed => &[Colour::Palette],
        ColorType::GrayscaleAlpha => &[Colour::Gray, Colour::Alpha],
        ColorType::Rgba => &[Colour::Red, Colour::Green, Colour::Blue, Colour::Alpha],
    };
    let nodata = nodata(info, dtype);
    image.bands = colours
        .iter()
        .enumerate()
        .map(|(band, colour)| Band {
            nodata: nodata.get(band).copied(),
            colour: *colour,
        })
        .collect();
    image.metadata = metadata(info);
    image
}

/// The transparent colour, a sample for each band; none where transparency is no single colour.
fn nodata(info: &Info<'_>, dtype: DType) -> Vec<Sample> {
    let Some(transparent) = info.trns.as_deref() else {
        return Vec::new();
    };
    let sample = |value: u16| Sample::from_f64(dtype, f64::from(value));
    match info.color_type {
        ColorType::Grayscale | ColorType::Rgb if dtype == DType::U16 => {
            let (values, _) = transparent.as_chunks::<2>();
            values
                .iter()
                .map(|value| sample(u16::from_be_bytes(*value)))
                .collect()
        }
        ColorType::Grayscale | ColorType::Rgb => {
            let values = transparent.iter();
            values.map(|value| sample(u16::from(*value))).collect()
        }
        ColorType::Indexed => {
            // Colours that one can see through in part are no reason to hide a pixel.
            let mut clear = (0..).zip(transparent).filter(|(_, alpha)| **alpha == 0);
            match (clear.next(), clear.next()) {
                (Some((index, _)), None) => vec![sample(index)],
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// The most bytes that compressed texts may have together; a chunk of two KiB can hold two MiB.
const MAX_TEXTS: usize = 16 << 20;

/// What the chunks before the pixels say.
///
/// A text that cannot be read is left out: it must not cost the pixels.
fn metadata(info: &Info<'_>) -> Metadata {
    let mut metadata = Metadata::new();
    let mut note = |name: &str, text: String| {
        metadata.insert((None, name.to_owned()), text);
    };
    for chunk in &info.uncompressed_latin1_text {
        note(&text_name(&chunk.keyword), chunk.text.clone());
    }
    let mut left = MAX_TEXTS;
    for chunk in &info.compressed_latin1_text {
        let mut chunk = chunk.clone();
        if chunk.decompress_text_with_limit(left).is_ok()
            && let Ok(text) = chunk.get_text()
        {
            left = left.saturating_sub(text.len());
            note(&text_name(&chunk.keyword), text);
        }
    }
    for chunk in &info.utf8_text {
        let mut chunk = chunk.clone();
        if chunk.decompress_text_with_limit(left).is_ok()
            && let Ok(text) = chunk.get_text()
        {
            left = left.saturating_sub(text.len());
            note(&text_name(&chunk.keyword), text);
        }
    }
    if let Some(palette) = info.palette.as_deref() {
        note("PNG_PLTE", colours(palette, info.trns.as_deref()));
    }
    if let Some(gamma) = info.gama_chunk {
        let value = f64::from(gamma.into_scaled()) / 1e5;
        note("PNG_gAMA", value.to_string());
    }
    if let Some(intent) = info.srgb {
        note("PNG_sRGB", (intent as u8).to_string());
    }
    if let Some(dims) = info.pixel_dims {
        let unit = match dims.unit {
            Unit::Meter => "pixels/m",
            Unit::Unspecified => "unitless",
        };
        note("PNG_pHYs", format!("{},{} ({unit})", dims.xppu, dims.yppu));
    }
    if let Some(profile) = &info.icc_profile {
        note("PNG_iCCP", format!("{} bytes", profile.len()));
    }
    if let Some(exif) = info.exif_metadata.as_deref() {
        crate::source::exif::read(exif, &mut metadata);
    }
    metadata
}

/// The name under which a text is told: as GDAL has it.
fn text_name(keyword: &str) -> String {
    match keyword {
        "XML:com.adobe.xmp" => "xml:XMP".into(),
        other => other.replace(' ', "_"),
    }
}

/// One line of red, green and blue for every index, and opacity where the file has it.
fn colours(palette: &[u8], transparent: Option<&[u8]>) -> String {
    let mut text = String::new();
    for (index, [red, green, blue]) in palette.as_chunks::<3>().0.iter().enumerate() {
        // Writing into a string cannot fail.
        let _written = write!(text, "{red},{green},{blue}");
        if let Some(transparent) = transparent {
            let alpha = transparent.get(index).unwrap_or(&255);
            let _written = write!(text, ",{alpha}");
        }
        text.push('\n');
    }
    text
}
