//! Files: opened by content, whatever their name.

use super::Source;
use super::formats::{FORMATS, Format, Part, Parts};
use super::world;
use crate::bytes::{Bytes, FileBytes, GDAL, Gathered};
use crate::cache::{name_or_number, title};
use crate::error::{Error, Result};
use crate::georef::Located;
use crate::image::is_level;
use crate::operator::pyramid;
use crate::provider::Provider;
use std::path::Path;
use std::sync::Arc;

/// Bytes at the start of a file that tell its format.
const SIGNATURE: usize = 12;

/// What to open of a file.
#[derive(Clone, Copy, Default)]
pub struct Choice<'a> {
    /// Which of its images.
    pub image: u32,
    /// What its key begins with; else the identity of the file, or a number that is never used again.
    pub name: Option<&'a str>,
    /// The name of the only format that may open it.
    pub format: Option<&'a str>,
}

impl<'a> Choice<'a> {
    /// An image, by any format.
    pub fn new(image: u32, name: Option<&'a str>) -> Self {
        let format = None;
        Self {
            image,
            name,
            format,
        }
    }
}

/// Opens image `index` of a file. Its key begins with `name`, or with the file's identity.
pub fn open(path: &Path, index: u32, name: Option<&str>) -> Result<Arc<dyn Provider>> {
    open_choice(path, &Choice::new(index, name))
}

/// Opens an image of a file.
pub fn open_choice(path: &Path, choice: &Choice<'_>) -> Result<Arc<dyn Provider>> {
    let bytes = Arc::new(FileBytes::open(path)?);
    open_image(bytes, choice, Some(path)).map_err(|error| error.at(path.display()))
}

/// Opens an image of a file given as bytes.
pub fn open_bytes(bytes: Arc<dyn Bytes>, choice: &Choice<'_>) -> Result<Arc<dyn Provider>> {
    let bytes = Arc::new(Gathered::new(bytes));
    let opened = open_image(bytes.clone(), choice, None);
    bytes.settle();
    opened
}

/// Opens an image, with the reduced resolutions that lie beside `path`.
fn open_image(
    bytes: Arc<dyn Bytes>,
    choice: &Choice<'_>,
    path: Option<&Path>,
) -> Result<Arc<dyn Provider>> {
    let Choice { image, name, .. } = *choice;
    let index = image;
    if name == Some("") {
        return Err(Error::argument("the key is empty"));
    }
    let mut identity = bytes.identity();
    let format = recognise(&bytes, choice.format)?;
    let mut image = parts(format, bytes, index).map_err(|error| error.at(format.text()))?;
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
    let is_described = format.has_world_files && index == 0;
    locate(&mut image, path.filter(|_| is_described));
    let key = format!(
        "{}:image:{index}",
        name_or_number(name.or(identity.as_deref()))
    );
    let title = match (path, index) {
        (Some(path), 0) => path.display().to_string(),
        (Some(path), index) => format!("{}: image {index}", path.display()),
        (None, _) => title(&key),
    };
    let names = |part: &str, level| match level {
        0 => (format!("{key}{part}"), title.clone()),
        level => (
            format!("{key}:overview:{level}{part}"),
            format!("{title}: overview {level}"),
        ),
    };
    let levels = sources(image.levels, |level| names("", level))?;
    let mask = match image.masks.is_empty() {
        true => None,
        false => {
            let masks = sources(image.masks, |level| {
                let (key, title) = names(":mask", level);
                (key, title + ": mask")
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

/// What an image is made of, each part with the format of the file.
fn parts(format: &Format, bytes: Arc<dyn Bytes>, index: u32) -> Result<Parts> {
    let file = (format.open)(bytes)?;
    let format = file.format();
    let mut parts = file.image(index as usize)?;
    for (image, _) in parts.levels.iter_mut().chain(&mut parts.masks) {
        image.format = Some(format);
    }
    Ok(parts)
}

/// Lets all levels and masks lie where the full image does, of which files beside `path` may say it.
fn locate(image: &mut Parts, path: Option<&Path>) {
    let Some((full, _)) = image.levels.first_mut() else {
        return;
    };
    if let Some(path) = path {
        let said = full.georef.take().and_then(|located| located.level(0));
        let completed = world::complete(said, path);
        full.georef = completed.map(|georef| Located::new(georef, &full.levels));
    }
    let (size, located) = (full.levels[0], full.georef.clone());
    let of_level = |(level, (part, _)): (u32, &mut Part)| {
        let located = located.as_ref();
        part.georef = located.and_then(|all| all.overview(size, level, part.levels[0]));
    };
    (0..).zip(&mut image.levels).skip(1).for_each(of_level);
    (0..).zip(&mut image.masks).for_each(of_level);
}

/// The image of a file that is the next level of another, and the file's identity.
fn reduced(file: &Path, index: u32, above: &[Part]) -> Option<(Part, Option<String>)> {
    let bytes: Arc<dyn Bytes> = Arc::new(FileBytes::open(file).ok()?);
    let identity = bytes.identity();
    let format = recognise(&bytes, None).ok()?;
    let image = parts(format, bytes, index).ok()?;
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
    let bytes: Arc<dyn Bytes> = Arc::new(Gathered::new(bytes));
    let format = recognise(&bytes, None)?;
    let file = (format.open)(bytes).map_err(|error| error.at(format.text()))?;
    let count = file.count().map_err(|error| error.at(format.text()))?;
    Ok(count as u32)
}

/// The format of a file, which must be the one of that name if one is given.
fn recognise(bytes: &Arc<dyn Bytes>, only: Option<&str>) -> Result<&'static Format> {
    let all = || -> Vec<&str> { FORMATS.iter().map(Format::text).collect() };
    let among: Vec<&Format> = FORMATS
        .iter()
        .filter(|format| only.is_none_or(|only| only.eq_ignore_ascii_case(format.text())))
        .collect();
    if let (Some(only), []) = (only, &among[..]) {
        return Err(Error::argument(format!(
            "format is {only:?}; it must be one of {}",
            all().join(", ")
        )));
    }
    let mut first = [0; SIGNATURE];
    let known = (bytes.len() as usize).min(SIGNATURE);
    bytes.read_at(0, &mut first[..known])?;
    let first = &first[..known];
    let found = among.iter().find(|format| (format.recognises)(first));
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = among.iter().map(|format| format.text()).collect();
        Error::unsupported(format!(
            "is not {}: it has {} bytes and begins with {first:02x?}; {GDAL}",
            names.join(", nor "),
            bytes.len()
        ))
    })
}

/// The providers of the parts, whose keys and titles `names` gives.
fn sources(
    parts: Vec<Part>,
    names: impl Fn(usize) -> (String, String),
) -> Result<Vec<Arc<dyn Provider>>> {
    let provider = |(level, (image, decoder))| {
        let (key, title) = names(level);
        Source::with_title(key, title, image, decoder)
    };
    parts.into_iter().enumerate().map(provider).collect()
}
