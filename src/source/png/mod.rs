//! PNG.
//!
//! A file is one image in one block, because its rows can only be decoded one after the other. Samples
//! are delivered as they are stored: indices stay indices, with the palette as metadata.
//!
//! A decode takes a row beside the pixels that it delivers, and an interlaced image once more its
//! bytes as stored; what would take more than 4 GiB is refused with [`crate::error::Kind::Limit`].

mod decoder;
mod describe;

use crate::bytes::Bytes;
use crate::bytes::stream::{self, ByteStream};
use crate::error::{Error, Result};
use crate::image::Image;
use png::{BitDepth, ColorType, DecodingError, Info, Limits};
use std::sync::Arc;

/// The first bytes of every file.
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Bytes that are read at once while the chunks before the pixels are looked at.
const HEAD: usize = 16 << 10;

/// What the codec may take for a row and for the chunks that are no pixels.
const LIMITS: Limits = Limits { bytes: 256 << 20 };

/// What it may take for the chunks before the pixels, and that for each byte of the file: a colour profile may be packed a
/// thousandfold.
const OPENING: usize = 8 << 20;
const OPENING_PER_BYTE: usize = 16;

/// The largest image, and the most bytes of an interlaced one; its whole must be in memory.
const MAX_DECODED: u128 = 4 << 30;

/// The most bytes that Deflate makes of one.
const MOST_PER_BYTE: u128 = 1032;

/// How pixels are stored, as the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Storage {
    width: u32,
    height: u32,
    colour: ColorType,
    depth: BitDepth,
    interlaced: bool,
}

impl Storage {
    fn new(info: &Info<'_>) -> Self {
        Self {
            width: info.width,
            height: info.height,
            colour: info.color_type,
            depth: info.bit_depth,
            interlaced: info.interlaced,
        }
    }

    /// Samples of a pixel.
    fn channels(&self) -> usize {
        self.colour.samples()
    }

    /// Bits of a sample.
    fn bits(&self) -> u32 {
        self.depth as u32
    }

    /// Refuses sizes that memory cannot hold, or that a file of `len` bytes cannot.
    fn check(&self, len: u64) -> Result<()> {
        let Self { width, height, .. } = *self;
        let samples = u128::from(width) * self.channels() as u128 * u128::from(height);
        let stored = samples * u128::from(self.bits()) / 8;
        if stored > MOST_PER_BYTE * u128::from(len) {
            return Err(Error::corrupt(format!(
                "a file of {len} bytes cannot hold {width} x {height} pixels of {} samples of {} bits",
                self.channels(),
                self.bits()
            )));
        }
        if samples * u128::from(self.bits().div_ceil(8)) > MAX_DECODED {
            return Err(Error::limit(format!(
                "{width} x {height} pixels of {} samples of {} bits, more than {MAX_DECODED} bytes",
                self.channels(),
                self.bits()
            )));
        }
        Ok(())
    }
}

/// Reads the chunks before the pixels, and says where they end.
fn read_info(
    bytes: &dyn Bytes,
    limits: Limits,
    without_profile: bool,
) -> (std::result::Result<Info<'static>, DecodingError>, u64) {
    let mut stream = ByteStream::new(bytes, HEAD);
    let mut decoder = png::Decoder::new_with_limits(&mut stream, limits);
    decoder.set_ignore_iccp_chunk(without_profile);
    let info = decoder.read_info().map(|reader| reader.info().clone());
    (info, stream.position())
}

/// The image of a file.
pub struct PngDecoder {
    bytes: Arc<dyn Bytes>,
    storage: Storage,
    image: Image,
}

impl PngDecoder {
    /// Whether a file that begins with these bytes is PNG.
    pub fn is_png(first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(&SIGNATURE)
    }

    /// Opens a file: reads the chunks before the pixels.
    pub fn open(bytes: Arc<dyn Bytes>) -> Result<Self> {
        let len = usize::try_from(bytes.len()).unwrap_or(usize::MAX);
        let most = OPENING.saturating_add(len.saturating_mul(OPENING_PER_BYTE));
        let few = Limits {
            bytes: most.min(LIMITS.bytes),
        };
        let (mut info, mut position) = read_info(&*bytes, few, false);
        if matches!(info, Err(DecodingError::LimitsExceeded)) {
            // A row may take more, a profile may not.
            (info, position) = read_info(&*bytes, LIMITS, true);
        }
        bytes.check_unchanged()?;
        let place = format!("chunks before byte {position}");
        let info = info.map_err(|error| failed(error).at(place))?;
        let storage = Storage::new(&info);
        storage
            .check(bytes.len())
            .map_err(|error| error.at("chunk IHDR"))?;
        if storage.colour == ColorType::Indexed && info.palette.is_none() {
            return Err(Error::corrupt("chunk PLTE is missing"));
        }
        let image = describe::image(&info, &storage);
        image.check()?;
        Ok(Self {
            bytes,
            storage,
            image,
        })
    }

    /// The description of the image.
    pub fn image(&self) -> &Image {
        &self.image
    }
}

fn failed(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(error) => stream::failure(error),
        DecodingError::Format(error) => Error::corrupt(plain(&error.to_string())),
        DecodingError::LimitsExceeded => Error::limit(format!(
            "a row or the chunks before the pixels take more than {} bytes",
            LIMITS.bytes
        )),
        DecodingError::Parameter(error) => Error::internal(error),
    }
}

/// A text of the codec, in which chunks are known by their names alone.
fn plain(text: &str) -> String {
    let chunk = text.split_once("ChunkType { type: ");
    let named = chunk.and_then(|(before, rest)| {
        let (name, rest) = rest.split_once(',')?;
        let (_, behind) = rest.split_once('}')?;
        Some(format!("{before}{name}{behind}"))
    });
    let text = named.unwrap_or_else(|| text.to_owned());
    text.trim_end_matches('.').to_owned()
}
