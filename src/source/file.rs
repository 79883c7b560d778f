//! Files: opened by content, whatever their name.

use super::nitf::{NitfDecoder, NitfFile, rsets};
use super::tiff::{TiffDecoder, TiffFile};
use super::{Decoder, Source};
use crate::bytes::{Bytes, FileBytes};
use crate::cache::source_name;
use crate::error::{Error, Result};
use crate::image::{Image, is_level};
use crate::operator::pyramid;
use crate::provider::Provider;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes at the start of a file that tell its format; a shorter file is filled up with zeros.
const SIGNATURE: usize = 16;

/// A format: how its files begin, and how they are opened.
struct Format {
    name: &'static str,
    begins: fn(&[u8]) -> bool,
    open: fn(Arc<dyn Bytes>) -> Result<Box<dyn Images>>,
    /// The files that hold reduced resolutions of a file, the largest first.
    beside: fn(&Path) -> Vec<PathBuf>,
}

const FORMATS: &[Format] = &[
    Format {
        name: "TIFF",
        begins: TiffFile::is_tiff,
        open: |bytes| Ok(Box::new(TiffFile::open(bytes)?)),
        beside: |_| Vec::new(),
    },
    Format {
        name: "NITF",
        begins: NitfFile::is_nitf,
        open: |bytes| Ok(Box::new(NitfFile::open(bytes)?)),
        beside: rsets::beside,
    },
];

/// An open file of any format.
trait Images {
    fn count(&self) -> usize;

    fn image(&self, index: usize) -> Result<Parts>;
}

/// One image of a file: its resolutions, the full one first, and the masks of the first of them.
struct Parts {
    levels: Vec<Part>,
    masks: Vec<Part>,
}

/// A decoder and the description of what it decodes.
struct Part {
    image: Image,
    decoder: Box<dyn Decoder>,
}

impl Images for TiffFile {
    fn count(&self) -> usize {
        self.image_count()
    }

    fn image(&self, index: usize) -> Result<Parts> {
        let part = |decoder: TiffDecoder| Part {
            image: decoder.image().clone(),
            decoder: Box::new(decoder),
        };
        let image = self.image(index)?;
        Ok(Parts {
            levels: image.levels.into_iter().map(part).collect(),
            masks: image.masks.into_iter().map(part).collect(),
        })
    }
}

impl Images for NitfFile {
    fn count(&self) -> usize {
        self.image_count()
    }

    fn image(&self, index: usize) -> Result<Parts> {
        let decoder: NitfDecoder = self.image(index)?;
        Ok(Parts {
            levels: vec![Part {
                image: decoder.image().clone(),
                decoder: Box::new(decoder),
            }],
            masks: Vec::new(),
        })
    }
}

/// Opens image `index` of a file. Its key begins with `name`, or with the file's identity.
pub fn open(path: &Path, index: u32, name: Option<&str>) -> Result<Arc<dyn Provider>> {
    let bytes = Arc::new(FileBytes::open(path)?);
    open_beside(bytes, index, name, Some(path)).map_err(|error| error.at(path.display()))
}

/// Opens image `index` of a file given as bytes. Its key begins with `name`, else with the identity
/// of the bytes, else with a number that is never used again.
pub fn open_bytes(
    bytes: Arc<dyn Bytes>,
    index: u32,
    name: Option<&str>,
) -> Result<Arc<dyn Provider>> {
    open_beside(bytes, index, name, None)
}

/// Opens an image with the reduced resolutions that lie beside `path`.
fn open_beside(
    bytes: Arc<dyn Bytes>,
    index: u32,
    name: Option<&str>,
    path: Option<&Path>,
) -> Result<Arc<dyn Provider>> {
    if name == Some("") {
        return Err(Error::argument("the key is empty"));
    }
    let mut identity = bytes.identity();
    let format = recognised(&bytes)?;
    let mut image = (format.open)(bytes)?.image(index as usize)?;
    for file in path.map(format.beside).unwrap_or_default() {
        // One that cannot be read or belongs to another image must not cost this one.
        let Some((part, other)) = reduced(&file, index, &image.levels) else {
            break;
        };
        // What is shown depends on all the files.
        identity = identity.zip(other).map(|(all, other)| all + "+" + &other);
        image.levels.push(part);
    }
    let key = format!(
        "{}:image:{index}",
        source_name(name.or(identity.as_deref()))
    );
    let mut levels = sources(image.levels, |level| match level {
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
    match levels.len() {
        // A decoder may have all levels itself.
        1 if mask.is_none() && levels[0].image().levels.len() > 1 => Ok(levels.remove(0)),
        _ => pyramid(levels, mask),
    }
}

/// The image of a file that holds the next resolution of another, and the file's identity.
fn reduced(file: &Path, index: u32, above: &[Part]) -> Option<(Part, Option<String>)> {
    let bytes: Arc<dyn Bytes> = Arc::new(FileBytes::open(file).ok()?);
    let identity = bytes.identity();
    let format = recognised(&bytes).ok()?;
    let image = (format.open)(bytes).ok()?.image(index as usize).ok()?;
    let part = image.levels.into_iter().next()?;
    let full = &above.first()?.image;
    let fits = is_level(full.levels[0], above.len() as u32, part.image.levels[0])
        && part.image.dtype == full.dtype
        && part.image.bands.len() == full.bands.len();
    fits.then_some((part, identity))
}

/// How many images the file has.
pub fn image_count(path: &Path) -> Result<u32> {
    let bytes = Arc::new(FileBytes::open(path)?);
    image_count_of_bytes(bytes).map_err(|error| error.at(path.display()))
}

/// How many images the file given as bytes has.
pub fn image_count_of_bytes(bytes: Arc<dyn Bytes>) -> Result<u32> {
    let format = recognised(&bytes)?;
    Ok((format.open)(bytes)?.count() as u32)
}

/// The format of a file by its first bytes.
fn recognised(bytes: &Arc<dyn Bytes>) -> Result<&'static Format> {
    let mut first = [0; SIGNATURE];
    let known = bytes.len().min(SIGNATURE as u64) as usize;
    bytes.read_at(0, &mut first[..known])?;
    let format = FORMATS.iter().find(|format| (format.begins)(&first));
    format.ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        Error::unsupported(format!(
            "not a {} file: it has {} bytes and begins with {:02x?}",
            names.join(" or "),
            bytes.len(),
            &first[..known.min(8)]
        ))
    })
}

fn sources(parts: Vec<Part>, key: impl Fn(usize) -> String) -> Result<Vec<Arc<dyn Provider>>> {
    let providers = parts
        .into_iter()
        .enumerate()
        .map(|(level, part)| Source::with_key(key(level), part.image, part.decoder));
    providers.collect()
}
