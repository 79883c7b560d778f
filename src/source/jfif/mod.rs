//! JPEG files, as JFIF, Exif and Adobe have them.
//!
//! A file is one image in one block. Colours are delivered as red, green and blue, by the rules that
//! libjpeg and GDAL follow. The segments before the pixels are read here; the streams themselves are
//! the matter of `jpeg.rs`.
//!
//! A decode takes the bytes of the file and of the samples beside the pixels that it delivers, and where
//! there are several scans three times those of the samples; what would take more than 4 GiB is refused with
//! [`crate::error::Kind::Limit`] before memory is taken.

mod header;

use super::jpeg::{self, Colours, Frame};
use super::samples::split;
use super::scratch::{Scratch, sized, with_scratch};
use super::{Decoder, exif};
use crate::bytes::Bytes;
use crate::bytes::stream::ByteStream;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::image::{Block, Colour, Image};
use crate::memory::PixelsMut;
use header::{Header, Space};
use std::sync::Arc;

/// Bytes that are read at once while the segments before the pixels are looked at.
const HEAD: usize = 16 << 10;

/// The most memory that a decode takes for samples beside the pixels that it delivers.
const MAX_BYTES: u64 = 4 << 30;

/// What may stand before the pixels beside what the pixels take themselves.
const MAX_HEAD: u64 = 64 << 20;

/// The most samples that a byte stands for: 64 for a bit at most, and up to eight times as many where
/// colours are subsampled.
const MOST_PER_BYTE: u64 = 4096;

/// The image of a file.
pub struct JpegDecoder {
    bytes: Arc<dyn Bytes>,
    header: Header,
    image: Image,
}

/// Refuses sizes that memory cannot hold, or that a file of `len` bytes cannot.
fn check(header: &Header, len: u64) -> Result<()> {
    let samples = header.samples();
    let (width, height, count) = (header.width, header.height, header.components);
    if samples / MOST_PER_BYTE > len {
        return Err(Error::corrupt(format!(
            "a file of {len} bytes cannot hold {width} x {height} pixels of {count} components"
        )));
    }
    // Coefficients of two bytes are kept until the last scan.
    let coefficients = if header.progressive { 2 } else { 0 };
    let taken = samples * (u64::from(header.sample_bytes()) + coefficients);
    if taken > MAX_BYTES {
        return Err(Error::limit(format!(
            "{width} x {height} pixels of {count} components take {taken} bytes to decode, more than {MAX_BYTES}"
        )));
    }
    Ok(())
}

/// Turns pixels of four inks, stored as brightness as nearly all writers do, into red, green and blue
/// at the beginning of the row, as GDAL does. `most` is the largest sample.
fn inks_to_rgb<T: Copy + Into<u32> + TryFrom<u32> + Default>(row: &mut [T], most: u32) {
    for pixel in 0..row.len() / 4 {
        let black: u32 = row[pixel * 4 + 3].into();
        for ink in 0..3 {
            let of_ink: u32 = row[pixel * 4 + ink].into();
            row[pixel * 3 + ink] = T::try_from(of_ink * black / most).unwrap_or_default();
        }
    }
}

fn describe(header: &Header) -> Image {
    let colours: &[Colour] = match header.space {
        Space::Gray => &[Colour::Gray],
        _ => &[Colour::Red, Colour::Green, Colour::Blue],
    };
    let (width, height) = (u64::from(header.width), u64::from(header.height));
    let dtype = match header.sample_bytes() {
        1 => DType::U8,
        _ => DType::U16,
    };
    let mut image = Image::new(width, height, colours.len() as u32, dtype);
    image.bits = header.bits.into();
    for (band, colour) in image.bands.iter_mut().zip(colours) {
        band.colour = *colour;
    }
    image.bands_together = colours.len() > 1;
    image.metadata = header.metadata.clone();
    if let Some(exif) = &header.exif {
        exif::read(exif, &mut image.metadata);
    }
    image
}

impl JpegDecoder {
    /// Whether a file that begins with these bytes is JPEG.
    pub fn is_jpeg(first_bytes: &[u8]) -> bool {
        first_bytes.starts_with(&[0xff, 0xd8, 0xff])
    }

    /// Opens a file: reads the segments before the pixels.
    pub fn open(bytes: Arc<dyn Bytes>) -> Result<Self> {
        let header = Header::read(&mut ByteStream::new(&*bytes, HEAD));
        bytes.check_unchanged()?;
        let header = header?;
        check(&header, bytes.len()).map_err(|error| error.at("segment SOF"))?;
        let image = describe(&header);
        image.check()?;
        Ok(Self {
            bytes,
            header,
            image,
        })
    }

    /// The description of the image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    fn decode(&self, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let header = &self.header;
        let frame = Frame {
            width: usize::from(header.width),
            rows: usize::from(header.height),
            most_rows: usize::from(header.height),
            bands: usize::from(header.components),
            sample_bytes: usize::from(header.sample_bytes()),
            colours: Colours::AsMarked,
        };
        let picks: Vec<usize> = bands.iter().map(|band| *band as usize).collect();
        let channels = self.image.bands.len();
        // No stream is much longer than its samples; what lies behind belongs to nothing.
        let samples = header.samples() * u64::from(header.sample_bytes());
        let len = (self.bytes.len()).min(samples.saturating_mul(2) + MAX_HEAD);
        with_scratch(|scratch| {
            let Scratch { input, output, .. } = scratch;
            let input = sized(input, len)?;
            self.bytes.read_at(0, input)?;
            jpeg::decode(&[], input, &frame, output)?;
            let size = frame.sample_bytes;
            let most = (1 << header.bits) - 1;
            let rows = output.chunks_exact_mut(frame.width * frame.bands * size);
            for (y, row) in rows.take(frame.rows).enumerate() {
                match (frame.bands, size) {
                    (4, 1) => inks_to_rgb(row, most),
                    (4, _) => inks_to_rgb::<u16>(bytemuck::cast_slice_mut(row), most),
                    _ => (),
                }
                let row = &row[..frame.width * channels * size];
                split(row, size, channels, &picks, &mut into.rows_mut(y));
            }
            Ok(())
        })
    }
}

impl Decoder for JpegDecoder {
    fn read_block(&self, _at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let result = self.decode(bands, into);
        self.bytes.check_unchanged()?;
        let from = self.header.end;
        result.map_err(|error| error.at(format!("pixels from byte {from} on")))
    }
}
