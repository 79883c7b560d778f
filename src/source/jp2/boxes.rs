//! The boxes of a JP2 file: where the codestream lies, what its components show, and texts.

use super::gml;
use super::reader::{Fields, Reader};
use crate::bytes::{Bytes, MemoryBytes};
use crate::error::{Error, Result};
use crate::georef::Georef;
use crate::image::Metadata;
use crate::log::{self, Event};
use crate::source::scratch::zeroed;
use crate::source::tiff::TiffFile;
use std::ops::Range;
use std::sync::Arc;

/// The signature box, with which every file begins.
pub const SIGNATURE: [u8; 12] = *b"\0\0\0\x0cjP  \r\n\x87\n";

/// Longer texts are data and no metadata.
const MAX_TEXT: u64 = 16 << 20;

/// Texts are taken up to this sum.
const MAX_TEXTS: u64 = 64 << 20;

/// The most boxes that are looked at.
const MAX_BOXES: usize = 1 << 16;

/// How deep boxes may lie in each other.
const MAX_DEPTH: usize = 8;

/// The boxes that are about pixels are short; longer ones are refused.
const MAX_BOX: u64 = 4 << 20;

const GEOTIFF: [u8; 16] = *b"\xb1\x4b\xf8\xbd\x08\x3d\x4b\x43\xa5\xae\x8c\xd7\xd5\xa6\xce\x03";
const XMP: [u8; 16] = *b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";

/// A colour space, as far as bands can say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// One colour.
    Gray,
    /// Red, green and blue.
    Rgb,
    /// Luma and two differences.
    Ycc,
    /// Four inks.
    Cmyk,
    /// Any other.
    Other,
}

/// One column of a palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Bits of a value.
    pub bits: u32,
    /// Whether values are signed.
    pub signed: bool,
    /// The values, by index.
    pub values: Arc<[i32]>,
}

/// How a channel comes out of a component: through a column of the palette, or as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The component.
    pub component: u16,
    /// The column.
    pub column: Option<u8>,
}

/// What a channel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The channel.
    pub channel: u16,
    /// 0 colour, 1 and 2 opacity.
    pub kind: u16,
    /// The colour that it belongs to, from 1 on; 0 is all of them.
    pub colour: u16,
}

/// What was found.
#[derive(Default)]
pub struct Boxes {
    /// Where the codestream lies.
    pub codestream: Option<Range<u64>>,
    /// The colour space.
    pub space: Option<Space>,
    /// The palette.
    pub palette: Vec<Column>,
    /// How channels come out of components, if not one for one.
    pub mappings: Vec<Mapping>,
    /// What channels are for, if not in the order of the colours.
    pub definitions: Vec<Definition>,
    /// Texts.
    pub metadata: Metadata,
    /// Where the pixels lie, as the box that is a GeoTIFF file has it.
    pub georef: Option<Georef>,
    /// The same, as GML has it.
    pub gml: Option<Georef>,
    texts: u64,
    seen: usize,
    xmls: usize,
}

impl Boxes {
    /// Reads all boxes.
    pub fn read(bytes: &dyn Bytes) -> Result<Self> {
        let mut boxes = Self::default();
        let all = 0..bytes.len();
        match boxes.walk(bytes, all, 0) {
            // Damage behind the codestream costs no pixels.
            Err(error) if boxes.codestream.is_none() => Err(error),
            _ => Ok(boxes),
        }
    }

    fn walk(&mut self, bytes: &dyn Bytes, range: Range<u64>, depth: usize) -> Result<()> {
        let mut label = String::new();
        let mut reader = Reader::new(bytes, range.start, range.end);
        while reader.left() >= 8 {
            let start = reader.position();
            self.seen += 1;
            if self.seen > MAX_BOXES || depth > MAX_DEPTH {
                return Err(Error::limit(format!(
                    "more than {MAX_BOXES} boxes, or more than {MAX_DEPTH} in each other"
                )));
            }
            let short = u32::from_be_bytes(reader.array()?);
            let kind: [u8; 4] = reader.array()?;
            let name = kind.escape_ascii().to_string();
            let place = |error: Error| error.at(format!("box {name} at offset {start}"));
            let len = match short {
                0 => reader.end() - start,
                1 => u64::from_be_bytes(reader.array().map_err(place)?),
                short => u64::from(short),
            };
            let from = reader.position();
            let end = start.checked_add(len).filter(|end| *end >= from);
            let Some(end) = end else {
                return Err(place(Error::corrupt(format!("{len} bytes"))));
            };
            // A codestream that is cut short still has whole tiles.
            if end > reader.end() && kind != *b"jp2c" {
                return Err(place(Error::corrupt(format!(
                    "{len} bytes reach beyond the end at {}",
                    reader.end()
                ))));
            }
            let end = end.min(reader.end());
            self.take(bytes, kind, from..end, depth, &mut label)
                .map_err(place)?;
            reader.seek(end);
        }
        Ok(())
    }

    fn take(
        &mut self,
        bytes: &dyn Bytes,
        kind: [u8; 4],
        content: Range<u64>,
        depth: usize,
        label: &mut String,
    ) -> Result<()> {
        let len = content.end - content.start;
        let read = |most: u64| -> Result<Vec<u8>> {
            if len > most {
                return Err(Error::limit(format!("{len} bytes, more than {most}")));
            }
            let mut buffer = zeroed(len)?;
            bytes.read_at(content.start, &mut buffer)?;
            Ok(buffer)
        };
        match &kind {
            b"jp2h" | b"asoc" => return self.walk(bytes, content, depth + 1),
            b"jp2c" if self.codestream.is_none() => self.codestream = Some(content),
            b"ihdr" => check_header(&read(MAX_BOX)?)?,
            b"colr" if self.space.is_none() => self.space = colour_space(&read(MAX_TEXT)?)?,
            b"pclr" if self.palette.is_empty() => self.palette = palette(&read(MAX_BOX)?)?,
            b"cmap" if self.mappings.is_empty() => self.mappings = mappings(&read(MAX_BOX)?)?,
            b"cdef" if self.definitions.is_empty() => {
                self.definitions = definitions(&read(MAX_BOX)?)?;
            }
            b"lbl " | b"xml " | b"uuid" if len <= MAX_TEXT && self.texts + len <= MAX_TEXTS => {
                self.texts += len;
                self.text(kind, read(MAX_TEXT)?, depth, label);
            }
            _ => (),
        }
        Ok(())
    }

    /// Takes a text; what cannot be understood is left out, because it must not cost the pixels.
    fn text(&mut self, kind: [u8; 4], content: Vec<u8>, depth: usize, label: &mut String) {
        let text = |content: &[u8]| {
            let text = String::from_utf8_lossy(content);
            text.trim_end_matches('\0').to_owned()
        };
        match &kind {
            b"lbl " => *label = text(&content),
            b"xml " => {
                // A text that stands beside a label is known by it.
                let name = match label.is_empty() || depth == 0 {
                    true => {
                        self.xmls += 1;
                        format!("xml:BOX_{}", self.xmls - 1)
                    }
                    false => format!("xml:{label}"),
                };
                let text = text(&content);
                if name == "xml:gml.root-instance" && self.gml.is_none() {
                    self.gml = gml::georef(&text);
                    if self.gml.is_none() {
                        let told =
                            "a text of GML is left out: it tells no grid that can be understood";
                        log::note(Event::Georeference, || told.into());
                    }
                }
                self.metadata.insert((None, name), text);
            }
            _ => {
                let Some((id, content)) = content.split_at_checked(16) else {
                    return;
                };
                if id == XMP {
                    self.metadata
                        .insert((None, "xml:XMP".into()), text(content));
                } else if id == GEOTIFF
                    && let Ok(file) = TiffFile::open(Arc::new(MemoryBytes::new(content)))
                    && let Ok(metadata) = file.metadata()
                {
                    // The box is a TIFF file of one pixel, whose own tags mean nothing.
                    let own = |name: &str| name.starts_with("TIFFTAG_");
                    self.metadata
                        .extend(metadata.into_iter().filter(|((_, name), _)| !own(name)));
                    self.georef = self.georef.take().or_else(|| file.georef());
                }
            }
        }
    }
}

fn check_header(content: &[u8]) -> Result<()> {
    let mut fields = Fields(content);
    fields.take(11)?;
    match fields.u8()? {
        7 => Ok(()),
        other => Err(Error::unsupported(format!("compression {other}"))),
    }
}

fn colour_space(content: &[u8]) -> Result<Option<Space>> {
    let mut fields = Fields(content);
    let method = fields.u8()?;
    fields.take(2)?;
    Ok(match method {
        1 => Some(match fields.u32()? {
            16 => Space::Rgb,
            17 => Space::Gray,
            18 => Space::Ycc,
            12 => Space::Cmyk,
            _ => Space::Other,
        }),
        // An ICC profile names its colour space at the same place in every version.
        2 | 3 => Some(match fields.0.get(16..20) {
            Some(b"GRAY") => Space::Gray,
            Some(b"RGB ") => Space::Rgb,
            Some(b"YCbr") => Space::Ycc,
            Some(b"CMYK") => Space::Cmyk,
            _ => Space::Other,
        }),
        _ => None,
    })
}

fn palette(content: &[u8]) -> Result<Vec<Column>> {
    let mut fields = Fields(content);
    let (entries, columns) = (usize::from(fields.u16()?), usize::from(fields.u8()?));
    if entries == 0 || entries > 1024 || columns == 0 {
        return Err(Error::corrupt(format!(
            "{entries} entries of {columns} columns"
        )));
    }
    let depths = fields.take(columns)?;
    let mut values = vec![Vec::with_capacity(entries); columns];
    for _ in 0..entries {
        for (depth, values) in depths.iter().zip(&mut values) {
            let bits = u32::from(depth & 0x7f) + 1;
            if bits > 31 {
                return Err(Error::unsupported(format!("values of {bits} bits")));
            }
            let stored = fields.take(bits.div_ceil(8) as usize)?;
            let value = stored
                .iter()
                .fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            let value = value & ((1 << bits) - 1);
            let sign = depth & 0x80 != 0 && value >> (bits - 1) != 0;
            values.push(value as i32 - if sign { 1 << bits } else { 0 });
        }
    }
    let column = |(depth, values): (&u8, Vec<i32>)| Column {
        bits: u32::from(depth & 0x7f) + 1,
        signed: depth & 0x80 != 0,
        values: values.into(),
    };
    Ok(depths.iter().zip(values).map(column).collect())
}

fn mappings(content: &[u8]) -> Result<Vec<Mapping>> {
    let mapping = |entry: &[u8; 4]| Mapping {
        component: u16::from_be_bytes([entry[0], entry[1]]),
        column: (entry[2] == 1).then_some(entry[3]),
    };
    let (entries, rest) = content.as_chunks::<4>();
    if entries.is_empty() || !rest.is_empty() {
        return Err(Error::corrupt(format!("{} bytes", content.len())));
    }
    Ok(entries.iter().map(mapping).collect())
}

fn definitions(content: &[u8]) -> Result<Vec<Definition>> {
    let mut fields = Fields(content);
    let count = fields.u16()?;
    let mut definition = || {
        Ok(Definition {
            channel: fields.u16()?,
            kind: fields.u16()?,
            colour: fields.u16()?,
        })
    };
    (0..count).map(|_| definition()).collect()
}
