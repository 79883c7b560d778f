//! Files: opened by content, whatever their name.

use super::jp2::Jp2File;
use super::tiff::{TiffDecoder, TiffFile};
use super::{Decoder, Source};
use crate::bytes::{Bytes, FileBytes};
use crate::cache::source_name;
use crate::error::{Error, Kind, Result};
use crate::image::Image;
use crate::operator::pyramid;
use crate::provider::Provider;
use std::path::Path;
use std::sync::Arc;

/// Bytes at the start of a file that tell its format.
const SIGNATURE: usize = 12;

/// Opens the images of a file.
type Open = fn(Arc<dyn Bytes>) -> Result<Box<dyn Images>>;

/// One file format.
struct Format {
    name: &'static str,
    /// Whether a file that begins with these bytes is of it. They are as many as tell every format,
    /// or all that a shorter file has.
    recognises: fn(&[u8]) -> bool,
    open: Open,
}

/// All formats; the first that recognises a file reads it.
const FORMATS: &[Format] = &[
    Format {
        name: "TIFF",
        recognises: |first| first.len() >= 8 && TiffFile::is_tiff(first),
        open: |bytes| Ok(Box::new(TiffFile::open(bytes)?)),
    },
    Format {
        name: "JPEG 2000",
        recognises: Jp2File::is_jp2,
        open: |bytes| Ok(Box::new(Jp2File::open(bytes)?)),
    },
];

/// The images of an open file.
trait Images {
    fn count(&self) -> usize;

    fn image(self: Box<Self>, index: usize) -> Result<Parts>;
}

/// An image and what decodes it.
type Part = (Image, Box<dyn Decoder>);

/// What one image of a file is made of.
struct Parts {
    /// The image, and its overviews as far as they are images of their own.
    levels: Vec<Part>,
    /// The mask of each level that has one, from the full one on.
    masks: Vec<Part>,
}

impl Images for TiffFile {
    fn count(&self) -> usize {
        self.image_count()
    }

    fn image(self: Box<Self>, index: usize) -> Result<Parts> {
        let image = TiffFile::image(&self, index)?;
        let part = |decoder: TiffDecoder| -> Part { (decoder.image().clone(), Box::new(decoder)) };
        Ok(Parts {
            levels: image.levels.into_iter().map(part).collect(),
            masks: image.masks.into_iter().map(part).collect(),
        })
    }
}

impl Images for Jp2File {
    fn count(&self) -> usize {
        1
    }

    fn image(self: Box<Self>, index: usize) -> Result<Parts> {
        if index > 0 {
            return Err(Error::new(
                Kind::NotFound,
                format!("image {index} of a file with 1"),
            ));
        }
        Ok(Parts {
            levels: vec![(Jp2File::image(&self).clone(), Box::new(self.into_decoder()))],
            masks: Vec::new(),
        })
    }
}

/// Opens image `index` of a file. Its key begins with `name`, or with the file's identity.
pub fn open(path: &Path, index: u32, name: Option<&str>) -> Result<Arc<dyn Provider>> {
    let bytes = Arc::new(FileBytes::open(path)?);
    open_bytes(bytes, index, name).map_err(|error| error.at(path.display()))
}

/// Opens image `index` of a file given as bytes. Its key begins with `name`, else with the identity
/// of the bytes, else with a number that is never used again.
pub fn open_bytes(
    bytes: Arc<dyn Bytes>,
    index: u32,
    name: Option<&str>,
) -> Result<Arc<dyn Provider>> {
    if name == Some("") {
        return Err(Error::argument("the key is empty"));
    }
    let identity = bytes.identity();
    let image = open_format(bytes)?.image(index as usize)?;
    let key = format!(
        "{}:image:{index}",
        source_name(name.or(identity.as_deref()))
    );
    let levels = sources(image.levels, |level| match level {
        0 => key.clone(),
        level => format!("{key}:overview:{level}"),
    })?;
    let mask = match image.masks.is_empty() {
        true => None,
        false => {
            let masks = sources(image.masks, |level| match level {
                0 => format!("{key}:mask"),
                level => format!("{key}:overview:{level}:mask"),
            })?;
            Some(pyramid(masks, None)?)
        }
    };
    match (&levels[..], mask) {
        // An image that has its levels itself needs no pyramid.
        ([image], None) => Ok(image.clone()),
        (_, mask) => pyramid(levels, mask),
    }
}

/// How many images the file has.
pub fn image_count(path: &Path) -> Result<u32> {
    let bytes = Arc::new(FileBytes::open(path)?);
    image_count_of_bytes(bytes).map_err(|error| error.at(path.display()))
}

/// How many images the file given as bytes has.
pub fn image_count_of_bytes(bytes: Arc<dyn Bytes>) -> Result<u32> {
    open_format(bytes).map(|file| file.count() as u32)
}

fn open_format(bytes: Arc<dyn Bytes>) -> Result<Box<dyn Images>> {
    let mut first = [0; SIGNATURE];
    let known = (bytes.len() as usize).min(SIGNATURE);
    bytes.read_at(0, &mut first[..known])?;
    let first = &first[..known];
    match FORMATS.iter().find(|format| (format.recognises)(first)) {
        Some(format) => (format.open)(bytes),
        None => {
            let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
            Err(Error::unsupported(format!(
                "neither of {}: it has {} bytes and begins with {first:02x?}",
                names.join(", "),
                bytes.len()
            )))
        }
    }
}

fn sources(parts: Vec<Part>, key: impl Fn(usize) -> String) -> Result<Vec<Arc<dyn Provider>>> {
    let providers = parts.into_iter().enumerate();
    providers
        .map(|(level, (image, decoder))| Source::with_key(key(level), image, decoder))
        .collect()
}
