//! JPEG 2000: JP2 files and raw codestreams.
//!
//! The boxes of a file and the headers of its codestream are read here, strictly and within bounds;
//! OpenJPEG decodes one codestream tile at a time, or a part of it, out of a codestream that holds
//! this tile alone. Coordinates stay those of the file, on which the wavelets depend. Windows of large tiles, and tiles that
//! OpenJPEG misreads, are decoded here by their code-blocks (`codestream`).
//!
//! A decode takes at most 2 GiB beside the pixels that it delivers; what would take more is refused
//! with [`crate::error::Kind::Limit`] before memory is taken.

mod area;
mod boxes;
mod by_parts;
mod codestream;
mod coding;
mod decoder;
mod describe;
mod gml;
mod header;
mod helpers;
mod index;
mod openjpeg;
mod packed;
mod packets;
mod quantization;
mod reader;
mod samples;
mod segments;
mod size;
mod stream;
mod style;
mod whole;

pub use decoder::Jp2Decoder;

use crate::bytes::Bytes;
use crate::error::{Error, Result};
use boxes::Boxes;
use describe::Description;
use header::Header;
use std::ops::Range;
use std::sync::Arc;

/// An open file, or a part of one.
pub struct Jp2File {
    decoder: Jp2Decoder,
}

impl Jp2File {
    /// Whether a file that begins with these bytes is a JP2 file or a codestream.
    pub fn is_jp2(first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(&boxes::SIGNATURE) || first_bytes.starts_with(&header::FIRST)
    }

    /// Reads the boxes and the main header.
    pub fn open(bytes: Arc<dyn Bytes>) -> Result<Self> {
        let mut first = [0; boxes::SIGNATURE.len()];
        let known = first.len().min(bytes.len() as usize);
        bytes.read_at(0, &mut first[..known])?;
        if !first.starts_with(&boxes::SIGNATURE) {
            let all = 0..bytes.len();
            return Self::with(bytes, all, Boxes::default());
        }
        let boxes = Boxes::read(&*bytes)?;
        match boxes.codestream.clone() {
            Some(range) => Self::with(bytes, range, boxes),
            None => Err(Error::corrupt("has no box jp2c")),
        }
    }

    /// Reads the main header of the codestream alone: the image of its components, whatever a palette makes of them.
    pub fn open_components(bytes: Arc<dyn Bytes>) -> Result<Self> {
        let range = match Boxes::read(&*bytes) {
            Ok(Boxes {
                codestream: Some(range),
                ..
            }) => range,
            _ => 0..bytes.len(),
        };
        Self::with(bytes, range, Boxes::default())
    }

    fn with(bytes: Arc<dyn Bytes>, range: Range<u64>, mut boxes: Boxes) -> Result<Self> {
        let place = |error: Error| error.at("main header");
        let header = Header::read(&*bytes, range).map_err(place)?;
        let description = Description::new(&header, &mut boxes)?;
        description.image.check()?;
        bytes.check_unchanged()?;
        Ok(Self {
            decoder: Jp2Decoder::new(bytes, header, description),
        })
    }

    /// What decodes the image.
    pub fn into_decoder(self) -> Jp2Decoder {
        self.decoder
    }
}
