//! The segments before the pixels.

use crate::bytes::stream::{ByteStream, failure};
use crate::error::{Error, Result};
use crate::image::Metadata;
use crate::source::jpeg::check_coding;
use crate::source::warnings::warn;
use std::io::{Read, Seek, SeekFrom};

/// The most bytes of comments that are kept.
const MAX_COMMENTS: usize = 1 << 20;

/// The most bytes between segments that are skipped.
const MAX_JUNK: u64 = 1 << 20;

/// The colours that samples are stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Brightness alone.
    Gray,
    /// Red, green and blue.
    Rgb,
    /// Luma and chroma.
    YCbCr,
    /// Inks.
    Cmyk,
    /// Inks, with cyan, magenta and yellow as luma and chroma.
    Ycck,
}

/// What stands before the pixels.
pub struct Header {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Samples of a pixel as stored.
    pub components: u8,
    /// Bits of a sample.
    pub bits: u8,
    /// The pixels are refined scan by scan.
    pub progressive: bool,
    /// What the components mean.
    pub space: Space,
    /// Where the first scan begins.
    pub end: u64,
    /// A TIFF directory about the picture.
    pub exif: Option<Vec<u8>>,
    /// Comments and other texts.
    pub metadata: Metadata,
}

/// The frame as its segment says.
struct Frame {
    width: u16,
    height: u16,
    bits: u8,
    progressive: bool,
    lossless: bool,
    ids: Vec<u8>,
}

/// Collects what the segments say.
#[derive(Default)]
struct Segments {
    frame: Option<Frame>,
    jfif: bool,
    adobe: Option<u8>,
    exif: Option<Vec<u8>>,
    xmp: Option<String>,
    comments: String,
    profile: usize,
    /// Bytes between segments that belong to none.
    junk: u64,
}

impl Header {
    /// Reads up to the first scan.
    pub fn read(stream: &mut ByteStream<'_>) -> Result<Self> {
        let mut segments = Segments::default();
        stream
            .seek(SeekFrom::Start(2))
            .map_err(|error| failure(error).at("first marker"))?;
        loop {
            let at = stream.position();
            let place = |error: Error| error.at(format!("segment at byte {at}"));
            let kind = marker(stream, &mut segments.junk).map_err(place)?;
            match kind {
                0x01 | 0xd0..=0xd8 => continue,
                0xd9 => return Err(place(Error::corrupt("the image ends before its pixels"))),
                _ => (),
            }
            let body = body(stream).map_err(place)?;
            if kind == 0xda {
                return segments.finish(at).map_err(place);
            }
            segments
                .take(kind, body)
                .map_err(|error| place(error.at(format!("marker ff{kind:02x}"))))?;
        }
    }

    /// Bytes of a decoded sample.
    pub fn sample_bytes(&self) -> u8 {
        if self.bits > 8 { 2 } else { 1 }
    }

    /// Samples as stored.
    pub fn samples(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.components)
    }
}

/// The next marker; it may have fill bytes before it, and `junk`, which is counted.
fn marker(stream: &mut ByteStream<'_>, junk: &mut u64) -> Result<u8> {
    let mut byte = [0];
    let mut next = || -> Result<u8> {
        stream.read_exact(&mut byte).map_err(failure)?;
        Ok(byte[0])
    };
    let (mut before, mut byte) = (0, next()?);
    loop {
        match (before, byte) {
            (0xff, 1..=0xfe) => return Ok(byte),
            (0xff, 0) => *junk += 2,
            (_, 0xff) => (),
            _ => *junk += 1,
        }
        if *junk > MAX_JUNK {
            return Err(Error::corrupt(format!(
                "more than {MAX_JUNK} bytes between segments belong to none"
            )));
        }
        (before, byte) = (byte, next()?);
    }
}

/// The content of a segment.
fn body(stream: &mut ByteStream<'_>) -> Result<Vec<u8>> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).map_err(failure)?;
    let Some(len) = u16::from_be_bytes(len).checked_sub(2) else {
        return Err(Error::corrupt("a length below 2"));
    };
    let mut body = vec![0; usize::from(len)];
    stream.read_exact(&mut body).map_err(failure)?;
    Ok(body)
}

impl Segments {
    fn take(&mut self, kind: u8, body: Vec<u8>) -> Result<()> {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.trim_end_matches('\0').to_owned()
        };
        match kind {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                if self.frame.is_some() {
                    return Err(Error::corrupt("a second frame"));
                }
                self.frame = Some(frame(kind, &body)?);
            }
            0xe0 if body.starts_with(b"JFIF\0") => self.jfif = true,
            0xe1 if self.exif.is_none() && body.starts_with(b"Exif\0\0") => {
                self.exif = Some(body[6..].to_vec());
            }
            0xe1 => {
                if let Some(xmp) = body.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
                    self.xmp.get_or_insert_with(|| text(xmp));
                }
            }
            // Behind the name follow the number of the piece and how many there are.
            0xe2 if body.starts_with(b"ICC_PROFILE\0") => {
                self.profile += body.len().saturating_sub(14);
            }
            0xee if body.starts_with(b"Adobe") && body.len() >= 12 => {
                self.adobe = Some(body[11]);
            }
            0xfe if self.comments.len() + body.len() <= MAX_COMMENTS => {
                if !self.comments.is_empty() {
                    self.comments.push('\n');
                }
                self.comments.push_str(&text(&body));
            }
            _ => (),
        }
        Ok(())
    }

    fn finish(self, end: u64) -> Result<Header> {
        let Some(frame) = self.frame else {
            return Err(Error::corrupt("pixels before their frame (segment SOF)"));
        };
        let space = match (&frame.ids[..], self.adobe) {
            ([_], _) => Space::Gray,
            (_, _) if frame.ids.len() == 3 && self.jfif => Space::YCbCr,
            ([_, _, _], Some(0)) => Space::Rgb,
            ([b'R', b'G', b'B'], None) => Space::Rgb,
            ([_, _, _], None) if frame.lossless => Space::Rgb,
            ([_, _, _], _) => Space::YCbCr,
            ([_, _, _, _], None | Some(0)) => Space::Cmyk,
            ([_, _, _, _], _) => Space::Ycck,
            (ids, _) => {
                return Err(Error::unsupported(format!(
                    "JPEG of {} components",
                    ids.len()
                )));
            }
        };
        let mut metadata = Metadata::new();
        let mut note = |name: &str, text: String| {
            metadata.insert((None, name.to_owned()), text);
        };
        let name = match space {
            Space::Gray => "Gray",
            Space::Rgb => "RGB",
            Space::YCbCr => "YCbCr",
            Space::Cmyk => "CMYK",
            Space::Ycck => "YCCK",
        };
        note("SOURCE_COLOR_SPACE", name.into());
        if !self.comments.is_empty() {
            note("COMMENT", self.comments);
        }
        if let Some(xmp) = self.xmp {
            note("xml:XMP", xmp);
        }
        if self.profile > 0 {
            note("JPEG_ICC", format!("{} bytes", self.profile));
        }
        if self.junk > 0 {
            let Self { junk, .. } = self;
            let text =
                format!("{junk} bytes between the segments before the pixels belong to none");
            warn(&mut metadata, text);
        }
        Ok(Header {
            width: frame.width,
            height: frame.height,
            components: frame.ids.len() as u8,
            bits: frame.bits,
            progressive: frame.progressive,
            space,
            end,
            exif: self.exif,
            metadata,
        })
    }
}

fn frame(kind: u8, body: &[u8]) -> Result<Frame> {
    let [bits, a, b, c, d, count, rest @ ..] = body else {
        return Err(Error::corrupt(format!("a frame of {} bytes", body.len())));
    };
    check_coding(kind, *bits)?;
    let (height, width) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
    let (components, _) = rest.as_chunks::<3>();
    if components.len() != usize::from(*count) || width == 0 {
        return Err(Error::corrupt(format!(
            "{width} x {height} pixels of {count} components in {} bytes",
            body.len()
        )));
    }
    if height == 0 {
        return Err(Error::unsupported(
            "a height that follows behind the pixels",
        ));
    }
    Ok(Frame {
        width,
        height,
        bits: *bits,
        progressive: kind == 0xc2,
        lossless: kind == 0xc3,
        ids: components.iter().map(|component| component[0]).collect(),
    })
}
