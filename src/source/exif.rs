//! Exif in pictures: a TIFF directory without an image.

use super::tiff::TiffFile;
use crate::bytes::MemoryBytes;
use crate::image::Metadata;
use std::sync::Arc;

/// Adds the tags of the first directory as `EXIF_` texts.
///
/// What cannot be read is left out: it must not cost the pixels.
pub fn read(exif: &[u8], metadata: &mut Metadata) {
    let file = TiffFile::open(Arc::new(MemoryBytes::new(exif)));
    let Ok(tags) = file.and_then(|file| file.metadata()) else {
        return;
    };
    for ((_, name), text) in tags {
        // Tags without a name tell where others are.
        if let Some(name) = name.strip_prefix("TIFFTAG_")
            && !name.starts_with(|first: char| first.is_ascii_digit())
        {
            metadata.insert((None, format!("EXIF_{name}")), text);
        }
    }
}
