//! Files: opened by content, whatever their name.

use super::jfif::JpegDecoder;
use super::jp2::Jp2File;
use super::nitf::{NitfFile, rsets};
use super::png::PngDecoder;
use super::tiff::{TiffDecoder, TiffFile};
use super::{Decoder, Source};
use crate::bytes::{Bytes, FileBytes};
use crate::cache::name_or_number;
use crate::error::{Error, Kind, Result};
use crate::image::{Image, is_level};
use crate::operator::pyramid;
use crate::provider::Provider;
use std::path::{Path, PathBuf};
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
    /// The files that hold reduced resolutions of a file, the largest first.
    beside: fn(&Path) -> Vec<PathBuf>,
}

/// All formats; the first that recognises a file reads it.
const FORMATS: &[Format] = &[
    Format {
        name: "TIFF",
        recognises: |first| first.len() >= 8 && TiffFile::is_tiff(first),
        open: |bytes| Ok(Box::new(TiffFile::open(bytes)?)),
        beside: |_| Vec::new(),
    },
    Format {
        name: "JPEG 2000",
        recognises: Jp2File::is_jp2,
        open: |bytes| {
            let decoder = Jp2File::open(bytes)?.into_decoder();
            Ok(Only::boxed(decoder.image().clone(), decoder))
        },
        beside: |_| Vec::new(),
    },
    Format {
        name: "NITF",
        recognises: NitfFile::is_nitf,
        open: |bytes| Ok(Box::new(NitfFile::open(bytes)?)),
        beside: rsets::beside,
    },
    Format {
        name: "PNG",
        recognises: PngDecoder::is_png,
        open: |bytes| {
            let decoder = PngDecoder::open(bytes)?;
            Ok(Only::boxed(decoder.image().clone(), decoder))
        },
        beside: |_| Vec::new(),
    },
    Format {
        name: "JPEG",
        recognises: JpegDecoder::is_jpeg,
        open: |bytes| {
            let decoder = JpegDecoder::open(bytes)?;
            Ok(Only::boxed(decoder.image().clone(), decoder))
        },
        beside: |_| Vec::new(),
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

/// The image of a file that can have no other.
struct Only(Part);

impl Only {
    fn boxed(image: Image, decoder: impl Decoder + 'static) -> Box<dyn Images> {
        Box::new(Only((image, Box::new(decoder))))
    }
}

impl Images for Only {
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
            levels: vec![self.0],
            masks: Vec::new(),
        })
    }
}

impl Images for NitfFile {
    fn count(&self) -> usize {
        self.image_count()
    }

    fn image(self: Box<Self>, index: usize) -> Result<Parts> {
        let decoder = NitfFile::image(&self, index)?;
        Ok(Parts {
            levels: vec![(decoder.image().clone(), Box::new(decoder))],
            masks: Vec::new(),
        })
    }
}

/// Opens image `index` of a file. Its key begins with `name`, or with the file's identity.
pub fn open(path: &Path, index: u32, name: Option<&str>) -> Result<Arc<dyn Provider>> {
    let bytes = Arc::new(FileBytes::open(path)?);
    open_image(bytes, index, name, Some(path)).map_err(|error| error.at(path.display()))
}

/// Opens image `index` of a file given as bytes. Its key begins with `name`, else with the identity
/// of the bytes, else with a number that is never used again.
pub fn open_bytes(
    bytes: Arc<dyn Bytes>,
    index: u32,
    name: Option<&str>,
) -> Result<Arc<dyn Provider>> {
    open_image(bytes, index, name, None)
}

/// Opens an image, with the reduced resolutions that lie beside `path`.
fn open_image(
    bytes: Arc<dyn Bytes>,
    index: u32,
    name: Option<&str>,
    path: Option<&Path>,
) -> Result<Arc<dyn Provider>> {
    if name == Some("") {
        return Err(Error::argument("the key is empty"));
    }
    let mut identity = bytes.identity();
    let format = recognise(&bytes)?;
    let mut image = (format.open)(bytes)?.image(index as usize)?;
    // An image that has levels itself needs no others.
    let alone = matches!(&image.levels[..], [(full, _)] if full.levels.len() == 1);
    let beside = path.filter(|_| alone).map(format.beside);
    for file in beside.unwrap_or_default() {
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
        name_or_number(name.or(identity.as_deref()))
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

/// The image of a file that is the next level of another, and the file's identity.
fn reduced(file: &Path, index: u32, above: &[Part]) -> Option<(Part, Option<String>)> {
    let bytes: Arc<dyn Bytes> = Arc::new(FileBytes::open(file).ok()?);
    let identity = bytes.identity();
    let format = recognise(&bytes).ok()?;
    let image = (format.open)(bytes).ok()?.image(index as usize).ok()?;
    let part = image.levels.into_iter().next()?;
    let (full, next) = (&above.first()?.0, &part.0);
    let fits = is_level(full.levels[0], above.len() as u32, next.levels[0])
        && next.dtype == full.dtype
        && next.bands.len() == full.bands.len();
    fits.then_some((part, identity))
}

/// How many images the file has.
pub fn image_count(path: &Path) -> Result<u32> {
    let bytes = Arc::new(FileBytes::open(path)?);
    image_count_of_bytes(bytes).map_err(|error| error.at(path.display()))
}

/// How many images the file given as bytes has.
pub fn image_count_of_bytes(bytes: Arc<dyn Bytes>) -> Result<u32> {
    let format = recognise(&bytes)?;
    Ok((format.open)(bytes)?.count() as u32)
}

/// The format of a file.
fn recognise(bytes: &Arc<dyn Bytes>) -> Result<&'static Format> {
    let mut first = [0; SIGNATURE];
    let known = (bytes.len() as usize).min(SIGNATURE);
    bytes.read_at(0, &mut first[..known])?;
    let first = &first[..known];
    let found = FORMATS.iter().find(|format| (format.recognises)(first));
    found.ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        Error::unsupported(format!(
            "neither of {}: it has {} bytes and begins with {first:02x?}",
            names.join(", "),
            bytes.len()
        ))
    })
}

fn sources(parts: Vec<Part>, key: impl Fn(usize) -> String) -> Result<Vec<Arc<dyn Provider>>> {
    let providers = parts.into_iter().enumerate();
    providers
        .map(|(level, (image, decoder))| Source::with_key(key(level), image, decoder))
        .collect()
}
