//! Texts: what is said of an image beside its pixels, as tags and as GDAL's XML.

use super::directory::{Directory, Entry};
use super::tags::Photometric;
use crate::dtype::DType;
use crate::image::{Colour, Image, Metadata};
use crate::source::tiff::tags;
use std::fmt::Write;

/// Texts that have tags of their own.
const TAGS: [(&str, u16); 10] = [
    ("TIFFTAG_DOCUMENTNAME", 269),
    ("TIFFTAG_IMAGEDESCRIPTION", 270),
    ("TIFFTAG_MAKE", 271),
    ("TIFFTAG_MODEL", 272),
    ("TIFFTAG_PAGENAME", 285),
    ("TIFFTAG_SOFTWARE", 305),
    ("TIFFTAG_DATETIME", 306),
    ("TIFFTAG_ARTIST", 315),
    ("TIFFTAG_HOSTCOMPUTER", 316),
    ("TIFFTAG_COPYRIGHT", 33432),
];

/// What the names of texts begin with that are said by other tags, or are true of another file only.
const ELSEWHERE: [&str; 16] = [
    "TIFFTAG_",
    "TC:",
    "IMAGE_STRUCTURE:",
    "DERIVED_SUBDATASETS:",
    "INTERNAL_MASK_FLAGS_",
    "HISTOGRAM_",
    "xml:",
    "RPC:",
    "Model",
    "AREA_OR_POINT",
    "GDAL_METADATA",
    "MINISWHITE",
    "COLORINTERP",
    "COLORTABLE",
    "PNG_PLTE",
    "NITF_LUT",
];

/// Whether a text goes with the pixels into another file.
fn goes_with_pixels(name: &str) -> bool {
    !name.contains("GeoKey") && !ELSEWHERE.iter().any(|start| name.starts_with(start))
}

/// Adds what is said of an image to the directory of a level: all of it to the full one, to the others what their own
/// samples mean.
pub fn add(directory: &mut Directory, image: &Image, is_reduced: bool) {
    let mut items = String::new();
    if !is_reduced {
        for (name, tag) in TAGS {
            if let Some(text) = image.metadata.get(&(None, name.to_owned())) {
                directory.set(Entry::text(tag, text));
            }
        }
        add_texts(&mut items, image);
    }
    add_meanings(&mut items, image);
    if !items.is_empty() {
        let xml = format!("<GDALMetadata>\n{items}</GDALMetadata>\n");
        directory.set(Entry::text(tags::GDAL_METADATA, &xml));
    }
}

/// The texts that came with an image.
fn add_texts(items: &mut String, image: &Image) {
    for ((band, name), text) in &image.metadata {
        if goes_with_pixels(name) {
            // A name that is one of a domain of its own is preceded by that.
            let (domain, name) = match name.split_once(':') {
                Some((domain, name)) if !name.is_empty() => (domain, name),
                _ => ("", &name[..]),
            };
            item(items, *band, (domain, name), text);
        }
    }
}

/// Colours and significant bits that no tag says.
fn add_meanings(items: &mut String, image: &Image) {
    let photometric = Photometric::of(image);
    for (band, of) in image.bands.iter().enumerate() {
        let seen = photometric.colour(&image.bands, band);
        if of.colour != seen {
            let name_of = ("", "COLORINTERP");
            item(items, Some(band as u32), name_of, name(of.colour));
        }
    }
    // In the domain where GDAL has it; GDAL itself reads it only of samples that are stored in so many bits.
    if is_whole(image.dtype) && image.bits < image.dtype.size() as u32 * 8 {
        for band in 0..image.bands.len() as u32 {
            let name = ("IMAGE_STRUCTURE", "NBITS");
            item(items, Some(band), name, &image.bits.to_string());
        }
    }
}

fn is_whole(dtype: DType) -> bool {
    !dtype.is_complex() && !matches!(dtype, DType::F32 | DType::F64)
}

/// What GDAL calls a colour.
fn name(colour: Colour) -> &'static str {
    match colour {
        Colour::Undefined => "Undefined",
        Colour::Gray => "Gray",
        Colour::Palette => "Palette",
        Colour::Red => "Red",
        Colour::Green => "Green",
        Colour::Blue => "Blue",
        Colour::Alpha => "Alpha",
        Colour::Cyan => "Cyan",
        Colour::Magenta => "Magenta",
        Colour::Yellow => "Yellow",
        Colour::Black => "Black",
        Colour::Luma => "YCbCr_Y",
        Colour::Cb => "YCbCr_Cb",
        Colour::Cr => "YCbCr_Cr",
    }
}

/// By its role GDAL knows an item for more than a text.
fn role(name: &str) -> Option<&'static str> {
    Some(match name {
        "SCALE" => "scale",
        "OFFSET" => "offset",
        "UNITTYPE" => "unittype",
        "DESCRIPTION" => "description",
        "COLORINTERP" => "colorinterp",
        _ => return None,
    })
}

fn item(out: &mut String, band: Option<u32>, (domain, name): (&str, &str), text: &str) {
    // Writing into a string cannot fail.
    let _ = write!(out, "  <Item name=\"{}\"", escape(name));
    if let Some(band) = band {
        let _ = write!(out, " sample=\"{band}\"");
        if let Some(role) = role(name) {
            let _ = write!(out, " role=\"{role}\"");
        }
    }
    if !domain.is_empty() {
        let _ = write!(out, " domain=\"{}\"", escape(domain));
    }
    // Readers undo it twice, for GDAL does it twice.
    let _ = writeln!(out, ">{}</Item>", escape(&escape(text)));
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no other characters below a space, and a text of TIFF ends at a zero.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => (),
            other => out.push(other),
        }
    }
    out
}

/// Whether whiteness is what a sample says.
pub fn is_white_zero(metadata: &Metadata) -> bool {
    let text = metadata.get(&(None, "MINISWHITE".to_owned()));
    text.is_some_and(|text| text == "YES")
}
