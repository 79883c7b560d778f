//! Files: opened by content, whatever their name.

use super::beside::{self, Beside, Folder, Gathering, Rules};
use super::formats::{FORMATS, Format, Part, Parts, Shown};
use super::warnings::all_warnings;
use super::world;
use super::{Source, missing};
use crate::bytes::{Bytes, FileBytes, GDAL, Gathered, MappedBytes, is_of_file};
use crate::cache::{IsCurrent, identify_while, name_or_number, title};
use crate::error::{Error, Result};
use crate::georef::Located;
use crate::log::{self, Event, Log};
use crate::operator::{level, pyramid};
use crate::provider::Provider;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
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
    /// Where files beside it are found; else in the folder of its path.
    pub beside: Option<&'a dyn Beside>,
    /// Nothing beside it is looked for.
    pub alone: bool,
    /// What is only warned of is refused.
    pub strict: bool,
    /// The file stays as it is, so that its pixels may be looked at where they lie.
    pub mapped: bool,
    /// Samples of other colours are read as red, green and blue where GDAL shows them so.
    pub rgb: bool,
    /// How many threads may decode beside those that call.
    pub threads: u32,
    /// How many quality layers are read, the first ones; 0 for all.
    pub layers: u32,
    /// What it is called on all machines.
    pub fleet: Fleet<'a>,
    /// Where it is told what is found, and later of slow and failed reads.
    pub log: Option<&'a Log>,
}

/// What a file is called on all machines.
#[derive(Clone, Copy, Default)]
pub enum Fleet<'a> {
    /// Nothing.
    #[default]
    Unknown,
    /// What the caller says.
    Named(&'a str),
    /// What is computed of its size, its beginning and its end.
    Digest,
}

impl<'a> Choice<'a> {
    /// An image, by any format.
    pub fn new(image: u32, name: Option<&'a str>) -> Self {
        Self {
            image,
            name,
            ..Self::default()
        }
    }

    fn log(&self) -> Log {
        self.log.cloned().unwrap_or_default()
    }
}

/// Opens image `index` of a file. Its key begins with `name`, or with the file's identity.
pub fn open(path: &Path, index: u32, name: Option<&str>) -> Result<Arc<dyn Provider>> {
    open_choice(path, &Choice::new(index, name))
}

/// Opens an image of a file.
pub fn open_choice(path: &Path, choice: &Choice<'_>) -> Result<Arc<dyn Provider>> {
    let file = FileBytes::open(path)?;
    let bytes: Arc<dyn Bytes> = match choice.mapped {
        true => MappedBytes::of(file),
        false => Arc::new(file),
    };
    let given = choice.beside.map(Gathering::new);
    let folder = Folder(path);
    let beside: &dyn Beside = match &given {
        Some(given) => given,
        None => &folder,
    };
    let open = || open_image(bytes, choice, Some(path), Some(beside));
    let opened = choice.log().of_opening(&path.to_string_lossy(), open);
    given.inspect(Gathering::settle);
    opened.map_err(|error| error.at(path.display()))
}

/// Opens an image of a file given as bytes.
pub fn open_bytes(bytes: Arc<dyn Bytes>, choice: &Choice<'_>) -> Result<Arc<dyn Provider>> {
    let bytes = Arc::new(Gathered::new(bytes));
    let given = choice.beside.map(Gathering::new);
    let beside = given.as_ref().map(|given| given as &dyn Beside);
    let subject = choice.name.unwrap_or("bytes");
    let open = || open_image(bytes.clone(), choice, None, beside);
    let opened = choice.log().of_opening(subject, open);
    bytes.settle();
    given.inspect(Gathering::settle);
    opened
}

/// Opens an image, with what lies beside it.
fn open_image(
    bytes: Arc<dyn Bytes>,
    choice: &Choice<'_>,
    path: Option<&Path>,
    beside: Option<&dyn Beside>,
) -> Result<Arc<dyn Provider>> {
    let Choice { image, name, .. } = *choice;
    let index = image;
    if name == Some("") {
        return Err(Error::argument("the key is empty"));
    }
    let mut identity = bytes.identity();
    let of_file = identity.clone();
    let format = recognise(&bytes, choice.format)?;
    let mut fleet = match choice.fleet {
        Fleet::Unknown => None,
        Fleet::Named(text) => Some(("id", text.to_owned())),
        Fleet::Digest => Some(("sum", sum(&*bytes)?)),
    };
    let mut image =
        parts(format, bytes, index, choice.rgb).map_err(|error| error.at(format.text()))?;
    let beside = beside.filter(|_| !choice.alone);
    if let Some(beside) = beside {
        // What is shown depends on all the files.
        for other in beside::add(format, beside, index, &mut image)? {
            identity = identity.zip(other).map(|(all, other)| all + "+" + &other);
            // The sum is of the file alone.
            fleet = fleet.filter(|(kind, _)| *kind == "id");
        }
    }
    if let Some(beside) = beside.filter(|_| format.has_world_files && index == 0) {
        let extension = match path {
            Some(path) => path.extension().and_then(|extension| extension.to_str()),
            None => format.usual_extension(),
        };
        complete_place(&mut image, beside, extension, &format.rules)?;
    }
    let warnings = warnings(&image);
    for text in &warnings {
        log::note(Event::Damage, || format!("{}: {text}", format.text()));
    }
    if let Some(first) = warnings.first().filter(|_| choice.strict) {
        let error = Error::corrupt(format!("{first} (the opening is strict)"));
        return Err(error.at(format.text()));
    }
    locate(&mut image);
    let mut has_layers = false;
    let beside = image.beside.iter_mut().map(|(_, part)| part);
    for part in image
        .levels
        .iter_mut()
        .chain(&mut image.masks)
        .chain(beside)
    {
        part.decoder.allow_threads(choice.threads);
        has_layers |= choice.layers > 0 && part.decoder.take_layers(choice.layers);
    }
    let parts = image.levels.iter().chain(&image.masks);
    // Tiles that are views are for those alone who said that the file stays as it is.
    let in_place = match parts.into_iter().any(|part| part.decoder.has_views()) {
        true => ":in_place",
        false => "",
    };
    let name = name_or_number(name.or(identity.as_deref()));
    let rgb = match image.shown {
        Shown::AsRgb => ":rgb",
        Shown::AsStored | Shown::Otherwise => "",
    };
    let layers = match has_layers {
        true => format!(":layers:{}", choice.layers),
        false => String::new(),
    };
    let key = format!("{name}{in_place}{rgb}:image:{index}{layers}");
    let title = match (path, index) {
        (Some(path), 0) => path.display().to_string(),
        (Some(path), index) => format!("{}: image {index}", path.display()),
        (None, _) => title(&key),
    };
    let names = |kind: &str, level, beside: &Option<String>| {
        // What is wrong with a file beside is no fault of the file.
        let title = match beside {
            Some(name) if path.is_some() => name.clone(),
            Some(name) => format!("{title}: {name}"),
            None => title.clone(),
        };
        match level {
            0 => (format!("{key}{kind}"), title),
            level => (
                format!("{key}:overview:{level}{kind}"),
                format!("{title}: overview {level}"),
            ),
        }
    };
    let log = choice.log();
    let source = |level, part: Part| {
        let (key, title) = names("", level, &part.beside);
        Source::with_title(key, title, part.image, part.decoder, &log)
    };
    let has_mask = !image.masks.is_empty();
    let levels = levels(image.levels, image.beside, has_mask, source)?;
    let mask = match has_mask {
        false => None,
        true => {
            let mask = |(level, part): (usize, Part)| {
                let (key, title) = names(":mask", level, &part.beside);
                Source::with_title(key, title + ": mask", part.image, part.decoder, &log)
            };
            let masks: Result<Vec<_>> = image.masks.into_iter().enumerate().map(mask).collect();
            Some(pyramid(masks?, None)?)
        }
    };
    if let Some((kind, text)) = fleet {
        // While its sources are there, which keep it known.
        let is_current = path.zip(of_file).map(|(path, identity)| {
            let path = path.to_owned();
            let is_current = move || {
                let now = std::fs::metadata(&path);
                now.is_ok_and(|now| is_of_file(&identity, &now))
            };
            Box::new(is_current) as IsCurrent
        });
        identify_while(&key, kind, &text, is_current)?;
    }
    match (&levels[..], mask) {
        // An image that has its levels itself needs no pyramid.
        ([image], None) => Ok(image.clone()),
        (_, mask) => pyramid(levels, mask),
    }
}

/// Bytes at both ends of a file that tell it from others.
const ENDS: u64 = 64 << 10;

/// The size of a file, and the SHA-256 of its beginning and end, where headers and indexes are.
fn sum(bytes: &dyn Bytes) -> Result<String> {
    let size = bytes.len();
    let mut ends = vec![0; size.min(2 * ENDS) as usize];
    let (begin, end) = ends.split_at_mut((size - size / 2).min(ENDS) as usize);
    bytes.read_at(0, begin)?;
    bytes.read_at(size - end.len() as u64, end)?;
    let digest = Sha256::digest(&ends);
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{size}-{digits}"))
}

/// What an image is made of, each part with the format of the file.
pub(super) fn parts(
    format: &Format,
    bytes: Arc<dyn Bytes>,
    index: u32,
    as_rgb: bool,
) -> Result<Parts> {
    let file = (format.open)(bytes)?;
    let format = file.format();
    let mut parts = file.image(index as usize, as_rgb)?;
    for part in parts.levels.iter_mut().chain(&mut parts.masks) {
        part.image.format = Some(format);
    }
    Ok(parts)
}

/// All warnings about an image.
fn warnings(image: &Parts) -> Vec<String> {
    let beside = image.beside.iter().map(|(_, part)| part);
    let parts = image.levels.iter().chain(&image.masks).chain(beside);
    parts
        .flat_map(|part| all_warnings(&part.image.metadata))
        .map(str::to_owned)
        .collect()
}

/// Adds what a world file beside the file says of where the full image lies.
fn complete_place(
    image: &mut Parts,
    beside: &dyn Beside,
    extension: Option<&str>,
    rules: &Rules,
) -> Result<()> {
    let full = &mut image.levels[0].image;
    let said = full.georef.take().and_then(|located| located.level(0));
    let completed = world::complete(said, beside, extension, rules.world_file)?;
    full.georef = completed.map(|georef| Located::new(georef, &full.levels));
    Ok(())
}

/// Lets all levels and masks lie where the full image does.
fn locate(image: &mut Parts) {
    let Some(Part { image: full, .. }) = image.levels.first() else {
        return;
    };
    let (size, located) = (full.levels[0], full.georef.clone());
    let of_level = |(level, part): (u32, &mut Part)| {
        let (located, image) = (located.as_ref(), &mut part.image);
        image.georef = located.and_then(|all| all.overview(size, level, image.levels[0]));
    };
    (0..).zip(&mut image.levels).skip(1).for_each(of_level);
    (0..).zip(&mut image.masks).for_each(of_level);
    let beside = image.beside.iter_mut().map(|(level, part)| (*level, part));
    beside.for_each(of_level);
}

/// The providers of the levels of an image, its own and those that lie beside it; each of them one if `apart` or if
/// any lie beside it.
fn levels(
    own: Vec<Part>,
    beside: Vec<(u32, Part)>,
    apart: bool,
    source: impl Fn(usize, Part) -> Result<Arc<dyn Provider>>,
) -> Result<Vec<Arc<dyn Provider>>> {
    let full = own[0].image.clone();
    let in_one = full.levels.len();
    if in_one == 1 || beside.is_empty() && !apart {
        let all = (0..).zip(own).chain(beside).collect();
        let all = missing::filled(all).into_iter().enumerate();
        return all.map(|(level, part)| source(level, part)).collect();
    }
    // One decoder has all levels, of which those stay that nothing takes the place of.
    let mut beside: BTreeMap<u32, Part> = beside.into_iter().collect();
    let count = beside.keys().map(|level| *level as usize + 1).max();
    let image = own.into_iter().map(|part| source(0, part)).next();
    let image = image.ok_or_else(|| Error::internal("an image without levels"))??;
    (0..count.unwrap_or(0).max(in_one))
        .map(|number| match beside.remove(&(number as u32)) {
            Some(part) => source(number, part),
            None if number < in_one => level(image.clone(), number as u32),
            None => source(number, missing::level(&full, number as u32)),
        })
        .collect()
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
pub(super) fn recognise(bytes: &Arc<dyn Bytes>, only: Option<&str>) -> Result<&'static Format> {
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
        let begins: String = first.iter().map(|byte| format!(" {byte:02x}")).collect();
        Error::unsupported(format!(
            "is not {}: it has {} bytes and begins with{begins} in hexadecimal; {GDAL}",
            names.join(", nor "),
            bytes.len()
        ))
    })
}
