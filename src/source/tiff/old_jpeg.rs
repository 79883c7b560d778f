//! Old-style JPEG (compression 6 of TIFF 6.0): scans whose tables and frame are told by tags, or by the header of
//! a stream that a tag points to. Each block is made a stream of its own; an image that is stored as one stream
//! is one block.

use super::blocks::Stored;
use super::directory::Directory;
use super::tags;
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// The most bytes of a header that are looked at, and of tables that are kept: a file may have many directories.
const MAX_HEADER: u64 = 64 << 10;
const MAX_TABLES: usize = 4 << 10;

/// How the blocks of an image become streams.
#[derive(Clone, Debug)]
pub struct OldJpeg {
    head: Arc<Head>,
    /// One stream that is the whole image.
    pub whole: Option<Stored>,
}

/// What a stream begins with.
#[derive(Debug, Default)]
struct Head {
    /// The segments of the tables.
    tables: Vec<u8>,
    /// Of each component its number, its sampling and the place of its table of factors, as in a frame.
    frame: Vec<[u8; 3]>,
    /// Of each component its number and the places of its tables of codes, as in a scan.
    scan: Vec<[u8; 2]>,
}

/// The header of a stream, and what it says of the pixels behind it.
struct Header {
    head: Head,
    size: (u64, u64),
    len: u64,
}

impl OldJpeg {
    /// Reads what a directory says of an image of so many columns and rows and of so many bands together.
    pub fn read(directory: &Directory, size: (u64, u64), bands: usize) -> Result<Self> {
        match directory.unsigned(tags::JPEG_PROC)? {
            None | Some(1) => (),
            Some(14) => return Err(Error::unsupported("lossless old-style JPEG (tag 512)")),
            Some(other) => return Err(Error::corrupt(format!("tag 512 is {other}"))),
        }
        let stream = directory.unsigned(tags::JPEG_STREAM)?.filter(|at| *at > 0);
        let Some(at) = stream else {
            if !directory.entries.contains_key(&tags::JPEG_FACTORS) {
                // Blocks may be streams with tables of their own.
                return Ok(Self {
                    head: Arc::default(),
                    whole: None,
                });
            }
            let head = Arc::new(Head::of_tags(directory, bands)?);
            return Ok(Self { head, whole: None });
        };
        let place = |error: Error| error.at(format!("stream at offset {at} (tag 513)"));
        let left = directory.reader.bytes.len().saturating_sub(at);
        let said = directory.unsigned(tags::JPEG_STREAM_LENGTH)?;
        let len = said.filter(|len| *len > 0).unwrap_or(left).min(left);
        let bytes = directory.reader.read(at, len.min(MAX_HEADER));
        let mut bytes = bytes.map_err(place)?;
        let header = Header::of_stream(&bytes).or_else(|error| {
            // The header of the scan may stand before the first block alone.
            bytes.extend(first_scan(directory)?.ok_or(error)?);
            Header::of_stream(&bytes)
        });
        let header = header.map_err(place)?;
        // With pixels behind it, it is the image.
        let is_whole =
            header.size == size && header.head.frame.len() == bands && len > header.len + 2;
        Ok(Self {
            head: Arc::new(header.head),
            whole: is_whole.then_some(Stored { offset: at, len }),
        })
    }

    /// Bytes of the tables that are kept.
    pub fn table_bytes(&self) -> usize {
        let Head {
            tables,
            frame,
            scan,
        } = &*self.head;
        tables.len() + frame.as_flattened().len() + scan.as_flattened().len()
    }

    /// The bytes of a block as a stream of so many columns and rows.
    pub fn stream<'a>(
        &self,
        scan: &'a [u8],
        width: u64,
        rows: u64,
        components: Range<usize>,
    ) -> Result<Cow<'a, [u8]>> {
        if scan.starts_with(&[0xff, 0xd8]) {
            return Ok(scan.into());
        }
        let scan = match scan {
            [0xff, 0xda, a, b, ..] => {
                let len = 2 + usize::from(u16::from_be_bytes([*a, *b]));
                scan.get(len..).unwrap_or_default()
            }
            _ => scan,
        };
        let Head {
            tables,
            frame,
            scan: of_scan,
        } = &*self.head;
        let (Some(frame), Some(of_scan)) = (
            frame.get(components.clone()),
            of_scan.get(components.clone()),
        ) else {
            return Err(Error::corrupt(format!(
                "a scan without tables: {} components are told of, {} are needed",
                frame.len(),
                components.end
            )));
        };
        let (Ok(width), Ok(rows)) = (u16::try_from(width), u16::try_from(rows)) else {
            return Err(Error::limit(format!(
                "old-style JPEG of {width} x {rows} pixels"
            )));
        };
        let mut stream = vec![0xff, 0xd8];
        stream.extend(tables);
        let mut body = vec![8];
        body.extend(rows.to_be_bytes());
        body.extend(width.to_be_bytes());
        body.push(frame.len() as u8);
        body.extend(frame.as_flattened());
        segment(&mut stream, 0xc0, &body);
        let mut body = vec![of_scan.len() as u8];
        body.extend(of_scan.as_flattened());
        body.extend([0, 63, 0]);
        segment(&mut stream, 0xda, &body);
        stream.extend(scan);
        stream.extend([0xff, 0xd9]);
        Ok(stream.into())
    }
}

/// The header of a scan that the first block begins with, where it does.
fn first_scan(directory: &Directory) -> Result<Option<Vec<u8>>> {
    /// Three components need so many bytes, and four some more.
    const MOST: u64 = 32;
    let first = |tag: u16| directory.unsigned(tag);
    let at = match first(tags::STRIP_OFFSETS)? {
        None => first(tags::TILE_OFFSETS)?,
        at => at,
    };
    let Some(at) = at else {
        return Ok(None);
    };
    let left = directory.reader.bytes.len().saturating_sub(at);
    let bytes = directory.reader.read(at, left.min(MOST))?;
    Ok(Some(bytes).filter(|bytes| bytes.starts_with(&[0xff, 0xda])))
}

fn segment(stream: &mut Vec<u8>, marker: u8, body: &[u8]) {
    stream.extend([0xff, marker]);
    stream.extend((body.len() as u16 + 2).to_be_bytes());
    stream.extend(body);
}

impl Head {
    fn check(&self) -> Result<()> {
        match self.tables.len() {
            ..=MAX_TABLES => Ok(()),
            len => Err(Error::limit(format!("tables of {len} bytes"))),
        }
    }

    /// The tables that tags point to, one for each component.
    fn of_tags(directory: &Directory, bands: usize) -> Result<Self> {
        let mut head = Self::default();
        let missing = |tag: u16| {
            Error::corrupt(format!(
                "tag {tag}: a table for each of {bands} bands is missing"
            ))
        };
        let of_bands = |tag: u16| -> Result<Vec<u64>> {
            let places = directory.unsigneds(tag, bands as u64)?;
            places
                .filter(|places| places.len() == bands && bands <= 4)
                .ok_or_else(|| missing(tag))
        };
        let read = |tag: u16, at: u64, len: u64| {
            let bytes = directory.reader.read(at, len);
            bytes.map_err(|error| error.at(format!("tag {tag}")))
        };
        for (band, at) in of_bands(tags::JPEG_FACTORS)?.into_iter().enumerate() {
            let mut body = vec![band as u8];
            body.extend(read(tags::JPEG_FACTORS, at, 64)?);
            segment(&mut head.tables, 0xdb, &body);
        }
        for (tag, class) in [(tags::JPEG_DC_CODES, 0), (tags::JPEG_AC_CODES, 0x10)] {
            for (band, at) in of_bands(tag)?.into_iter().enumerate() {
                let counts = read(tag, at, 16)?;
                let values: u64 = counts.iter().map(|count| u64::from(*count)).sum();
                let mut body = vec![class | band as u8];
                body.extend(&counts);
                body.extend(read(tag, at.saturating_add(16), values.min(256))?);
                segment(&mut head.tables, 0xc4, &body);
            }
        }
        head.check()?;
        let first = sampling(directory, bands)?;
        for band in 0..bands as u8 {
            let sampling = if band == 0 { first } else { 0x11 };
            head.frame.push([band + 1, sampling, band]);
            head.scan.push([band + 1, band << 4 | band]);
        }
        Ok(head)
    }
}

/// How luma is sampled where chroma is sampled once.
fn sampling(directory: &Directory, bands: usize) -> Result<u8> {
    if bands != 3 || directory.unsigned(tags::PHOTOMETRIC)? != Some(6) {
        return Ok(0x11);
    }
    let said = directory.unsigneds(tags::YCBCR_SUBSAMPLING, 2)?;
    match said.as_deref() {
        None => Ok(0x22),
        Some([across @ (1 | 2 | 4), down @ (1 | 2 | 4)]) => Ok((*across << 4 | *down) as u8),
        Some(other) => Err(Error::corrupt(format!("YCbCr subsampled by {other:?}"))),
    }
}

impl Header {
    /// Reads the segments up to the first scan.
    fn of_stream(stream: &[u8]) -> Result<Self> {
        let mut head = Head::default();
        let mut size = (0, 0);
        let cut = || Error::corrupt("the header ends too early");
        let mut at = 2;
        if !stream.starts_with(&[0xff, 0xd8]) {
            return Err(Error::corrupt("does not begin like JPEG"));
        }
        loop {
            let marker = match stream.get(at..at + 2).ok_or_else(cut)? {
                [0xff, 0xff] => {
                    at += 1;
                    continue;
                }
                [0xff, 0x01 | 0xd0..=0xd8] => {
                    at += 2;
                    continue;
                }
                [0xff, marker] => *marker,
                [byte, _] => {
                    return Err(Error::corrupt(format!(
                        "{byte:02x} at byte {at}, not a marker"
                    )));
                }
                _ => return Err(cut()),
            };
            let len = stream
                .get(at + 2..)
                .and_then(|rest| rest.first_chunk::<2>());
            let len = usize::from(u16::from_be_bytes(*len.ok_or_else(cut)?));
            let whole = stream
                .get(at..at + 2 + len)
                .filter(|_| len >= 2)
                .ok_or_else(cut)?;
            let body = &whole[4..];
            at += 2 + len;
            match marker {
                0xdb | 0xc4 | 0xdd => head.tables.extend(whole),
                0xc0 | 0xc1 => {
                    let [8, a, b, c, d, _, components @ ..] = body else {
                        return Err(Error::unsupported(
                            "old-style JPEG whose samples have not 8 bits",
                        ));
                    };
                    size = (
                        u16::from_be_bytes([*c, *d]).into(),
                        u16::from_be_bytes([*a, *b]).into(),
                    );
                    head.frame = components.as_chunks::<3>().0.to_vec();
                }
                0xc2..=0xcf if marker != 0xc8 && marker != 0xcc => {
                    return Err(Error::unsupported(format!(
                        "old-style JPEG with a frame of kind {marker:02x}"
                    )));
                }
                0xda => {
                    head.scan = body
                        .get(1..)
                        .unwrap_or_default()
                        .as_chunks::<2>()
                        .0
                        .to_vec();
                    head.scan
                        .truncate(usize::from(body.first().copied().unwrap_or_default()));
                    head.check()?;
                    let len = at as u64;
                    return Ok(Self { head, size, len });
                }
                0xd9 => return Err(cut()),
                _ => (),
            }
        }
    }
}
