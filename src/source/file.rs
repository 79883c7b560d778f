//! Files: opened by content, whatever their name.

use super::Source;
use super::tiff::{TiffDecoder, TiffFile};
use crate::bytes::{Bytes, FileBytes};
use crate::cache::source_name;
use crate::error::{Error, Result};
use crate::operator::pyramid;
use crate::provider::Provider;
use std::path::Path;
use std::sync::Arc;

/// Bytes at the start of a file that tell its format.
const SIGNATURE: usize = 8;

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
    let file = open_tiff(bytes)?;
    let image = file.image(index as usize)?;
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
    pyramid(levels, mask)
}

/// How many images the file has.
pub fn image_count(path: &Path) -> Result<u32> {
    let bytes = Arc::new(FileBytes::open(path)?);
    image_count_of_bytes(bytes).map_err(|error| error.at(path.display()))
}

/// How many images the file given as bytes has.
pub fn image_count_of_bytes(bytes: Arc<dyn Bytes>) -> Result<u32> {
    open_tiff(bytes).map(|file| file.image_count() as u32)
}

fn open_tiff(bytes: Arc<dyn Bytes>) -> Result<TiffFile> {
    let mut first = [0; SIGNATURE];
    let known = (bytes.len() as usize).min(SIGNATURE);
    bytes.read_at(0, &mut first[..known])?;
    if known < SIGNATURE || !TiffFile::is_tiff(&first) {
        return Err(Error::unsupported(format!(
            "not a TIFF file: it has {} bytes and begins with {:02x?}",
            bytes.len(),
            &first[..known]
        )));
    }
    TiffFile::open(bytes)
}

fn sources(
    decoders: Vec<TiffDecoder>,
    key: impl Fn(usize) -> String,
) -> Result<Vec<Arc<dyn Provider>>> {
    let providers = decoders.into_iter().enumerate().map(|(level, decoder)| {
        let image = decoder.image().clone();
        Source::with_key(key(level), image, Box::new(decoder))
    });
    providers.collect()
}
