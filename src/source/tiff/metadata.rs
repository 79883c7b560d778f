//! Names and texts of a directory: its tags, its GeoKeys, and the items of GDAL's XML.

use super::directory::Directory;
use super::geokeys::GeoKeys;
use super::{gdal_xml, tags};
use crate::error::Result;
use crate::image::Metadata;

/// Longer texts are data and no metadata.
const MAX_TEXT: u64 = 16 << 20;

/// Longer lists of numbers are left out, but for those that are metadata by nature.
const MAX_LIST: u64 = 64;

/// The most numbers taken of the lists that are metadata by nature.
const MAX_NUMBERS: u64 = 1 << 20;

/// All that is said of the image and of its bands.
///
/// A tag that cannot be read is left out: it must not cost the pixels. So are texts behind those that have as many bytes
/// as the file, which share them.
pub fn read(directory: &Directory) -> Result<Metadata> {
    let mut metadata = Metadata::new();
    let mut left = directory.reader.bytes.len();
    for (tag, entry) in &directory.entries {
        if entry.is_text() || *tag == tags::XMP {
            let len = entry.count().min(MAX_TEXT);
            if len > left {
                continue;
            }
            left -= len;
        }
        if let Some(text) = tag_text(directory, *tag) {
            let name = tags::name(*tag).map_or_else(|| tag.to_string(), str::to_owned);
            metadata.insert((None, format!("TIFFTAG_{name}")), text);
        }
    }
    let models = [
        (tags::MODEL_PIXEL_SCALE, "ModelPixelScale"),
        (tags::MODEL_TIEPOINT, "ModelTiepoint"),
        (tags::MODEL_TRANSFORMATION, "ModelTransformation"),
    ];
    for (tag, name) in models {
        if let Ok(Some(numbers)) = directory.numbers(tag, MAX_NUMBERS) {
            metadata.insert((None, name.into()), list(&numbers));
        }
    }
    for (name, text) in GeoKeys::read(directory).texts() {
        metadata.insert((None, name), text);
    }
    if let Ok(Some(numbers)) = directory.unsigneds(tags::COLOR_MAP, 3 << 16) {
        metadata.insert((None, "TIFFTAG_COLORMAP".into()), palette(&numbers));
    }
    if let Ok(Some(xml)) = directory.text(tags::GDAL_METADATA, MAX_TEXT) {
        for item in gdal_xml::items(&xml) {
            metadata.insert((item.band, item.name), item.text);
        }
        metadata.insert((None, "GDAL_METADATA".into()), xml);
    }
    if directory.unsigned(tags::PHOTOMETRIC)? == Some(0) {
        metadata.insert((None, "MINISWHITE".into()), "YES".into());
    }
    Ok(metadata)
}

/// The text of a tag that is told under its own name.
fn tag_text(directory: &Directory, tag: u16) -> Option<String> {
    let entry = directory.entries.get(&tag)?;
    let elsewhere = matches!(
        tag,
        tags::STRIP_OFFSETS
            | tags::STRIP_BYTE_COUNTS
            | tags::TILE_OFFSETS
            | tags::TILE_BYTE_COUNTS
            | tags::SUB_IFDS
            | tags::COLOR_MAP
            | tags::JPEG_TABLES
            | tags::JPEG_STREAM
            | tags::JPEG_STREAM_LENGTH
            | tags::JPEG_FACTORS
            | tags::JPEG_DC_CODES
            | tags::JPEG_AC_CODES
            | tags::ICC_PROFILE
            | tags::MODEL_PIXEL_SCALE
            | tags::MODEL_TIEPOINT
            | tags::MODEL_TRANSFORMATION
            | tags::GEO_KEY_DIRECTORY
            | tags::GEO_DOUBLE_PARAMS
            | tags::GEO_ASCII_PARAMS
            | tags::GDAL_METADATA
    );
    if elsewhere {
        return None;
    }
    if entry.is_text() || tag == tags::XMP {
        return directory.text(tag, MAX_TEXT).ok().flatten();
    }
    // A value for each band is said once where it is the same for all.
    let is_of_bands = matches!(tag, tags::BITS_PER_SAMPLE | tags::SAMPLE_FORMAT);
    if entry.count() > MAX_LIST && !is_of_bands {
        return None;
    }
    let numbers = directory.numbers(tag, MAX_NUMBERS).ok().flatten()?;
    let same = numbers.len() > 1 && numbers.iter().all(|value| *value == numbers[0]);
    match tag {
        tags::RESOLUTION_UNIT => Some(
            match numbers.first() {
                Some(2.0) => "2 (pixels/inch)",
                Some(3.0) => "3 (pixels/cm)",
                _ => "1 (unitless)",
            }
            .into(),
        ),
        _ if is_of_bands && same => Some(list(&numbers[..1])),
        _ if entry.count() <= MAX_LIST => Some(list(&numbers)),
        _ => None,
    }
}

/// Numbers as text, each as short as it can be said exactly.
pub fn list(numbers: &[f64]) -> String {
    let texts: Vec<String> = numbers.iter().map(f64::to_string).collect();
    texts.join(",")
}

/// One line of red, green and blue, of 16 bits each, for every index.
fn palette(numbers: &[u64]) -> String {
    let third = numbers.len() / 3;
    let line = |i: usize| {
        let [red, green, blue] = [0, 1, 2].map(|part| numbers[part * third + i]);
        format!("{red},{green},{blue}\n")
    };
    (0..third).map(line).collect()
}
