//! The file header: which segments there are, and where.

use super::fields::{Fields, extensions, security, text};
use super::version::{DOWNGRADED_BY_EVENT, Version};
use crate::bytes::Bytes;
use crate::error::{Error, Kind, Result};
use crate::source::scratch::zeroed;
use std::ops::Range;
use std::sync::Arc;

/// The header up to the field with its own length.
const FIXED: u64 = 360;

/// A length that was not known when the header was written (field FL): digits that are all 9.
const STREAMING: [u8; 12] = [b'9'; 12];

/// Where FSDWNG of NITF 2.0 stands. If it says so, there is a field more, and all that follow stand as far behind.
const DOWNGRADING: Range<usize> = 280..286;
const EVENT: u64 = 40;

/// The longest header.
const MAX_HEADER: u64 = 999_999;

/// What stands before and behind a header at the end of the file (fields SFH_DELIM1 and SFH_DELIM2).
const BEFORE_STREAMED: [u8; 4] = [0x0a, 0x6e, 0x1d, 0x97];
const BEHIND_STREAMED: [u8; 4] = [0x0e, 0xca, 0x14, 0xbf];

/// More overflowed extensions than this are data and no metadata.
const MAX_OVERFLOW: u64 = 16 << 20;

/// Longer texts are data and no metadata.
const MAX_TEXT: u64 = 16 << 20;

/// Where a segment lies.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Offset of the subheader.
    pub subheader: u64,
    /// Length of the subheader.
    pub subheader_len: u64,
    /// Length of the data behind it.
    pub data_len: u64,
}

impl Segment {
    /// Offset of the data.
    pub fn data(&self) -> u64 {
        self.subheader + self.subheader_len
    }

    fn end(&self) -> u64 {
        self.data() + self.data_len
    }
}

/// What the file header says.
#[derive(Debug)]
pub struct FileHeader {
    /// What the file says to be.
    pub version: Version,
    /// The image segments.
    pub images: Vec<Segment>,
    extensions: Vec<Segment>,
    /// Names and texts of the fields.
    pub texts: Vec<(String, String)>,
    /// The tagged extensions.
    pub tagged: Vec<(String, Vec<u8>)>,
}

impl FileHeader {
    /// Reads and checks the header.
    pub fn read(bytes: &Arc<dyn Bytes>) -> Result<Self> {
        let mut fixed = piece(bytes, 0, FIXED)?;
        if Version::of(&text(&fixed[..9])) == Some(Version::Nitf20)
            && text(&fixed[DOWNGRADING]) == DOWNGRADED_BY_EVENT
        {
            fixed = piece(bytes, EVENT, FIXED)?;
        }
        if fixed[342..354] == STREAMING {
            return Self::parse(&streamed(bytes)?, bytes);
        }
        let length = text(&fixed[354..]).trim().parse::<u64>().unwrap_or(0);
        // A length that is nonsense is told below, by its name.
        let header = piece(bytes, 0, length.clamp(FIXED, MAX_HEADER))?;
        Self::parse(&header, bytes)
    }

    fn parse(header: &[u8], bytes: &Arc<dyn Bytes>) -> Result<Self> {
        let mut fields = Fields::new(header);
        let name = fields.text("FHDR", 9)?;
        let version = Version::of(&name);
        let version = version.ok_or_else(|| Error::unsupported(format!("version {name}")))?;
        fields.text("CLEVEL", 2)?;
        fields.text("STYPE", 4)?;
        fields.text("OSTAID", 10)?;
        fields.text("FDT", 14)?;
        fields.text("FTITLE", 80)?;
        security(&mut fields, "FS", version)?;
        fields.text("FSCOP", 5)?;
        fields.text("FSCPYS", 5)?;
        if fields.text("ENCRYP", 1)? == "1" {
            return Err(Error::unsupported("the file is encrypted (field ENCRYP)"));
        }
        if version == Version::Nitf20 {
            fields.text("ONAME", 27)?;
        } else {
            let colour = fields.bytes("FBKGC", 3)?;
            fields.note(
                "FBKGC",
                &format!("{},{},{}", colour[0], colour[1], colour[2]),
            );
            fields.text("ONAME", 24)?;
        }
        fields.text("OPHONE", 18)?;
        fields.count("FL", 12)?;
        let length = fields.count("HL", 6)?;
        if length != header.len() as u64 {
            return Err(Error::corrupt(format!(
                "field HL says {length} bytes, the file has {}",
                bytes.len()
            )));
        }
        let mut next = length;
        let images = segments(&mut fields, &mut next, ["NUMI", "LISH", "LI"], 6, 10)?;
        segments(&mut fields, &mut next, ["NUMS", "LSSH", "LS"], 4, 6)?;
        if version == Version::Nitf20 {
            segments(&mut fields, &mut next, ["NUML", "LLSH", "LL"], 4, 3)?;
        } else {
            fields.count("NUMX", 3)?;
        }
        segments(&mut fields, &mut next, ["NUMT", "LTSH", "LT"], 4, 5)?;
        let behind = segments(&mut fields, &mut next, ["NUMDES", "LDSH", "LD"], 4, 9)?;
        segments(&mut fields, &mut next, ["NUMRES", "LRESH", "LRE"], 4, 7)?;
        let user = area(&mut fields, ["UDHDL", "UDHOFL", "UDHD"])?;
        let other = area(&mut fields, ["XHDL", "XHDLOFL", "XHD"])?;
        let mut found = Self {
            version,
            images,
            extensions: behind,
            texts: fields.into_texts(),
            tagged: Vec::new(),
        };
        found.tagged = [user, other]
            .iter()
            .flat_map(|area| found.tagged(bytes, area))
            .collect();
        Ok(found)
    }

    /// The text that describes a complex image of a radar (SICD), if the file has one.
    pub fn sicd(&self, bytes: &Arc<dyn Bytes>) -> Result<Option<String>> {
        for segment in &self.extensions {
            match sicd(bytes, segment) {
                Ok(None) => (),
                // A damaged extension costs none of the others.
                Err(error) if error.kind() == Kind::Corrupt => (),
                found => return found,
            }
        }
        Ok(None)
    }

    /// The tagged extensions of an area, with those for which it had no room.
    pub fn tagged(&self, bytes: &Arc<dyn Bytes>, area: &Area) -> Vec<(String, Vec<u8>)> {
        let mut found = extensions(&area.data);
        let overflow = (area.overflow as usize).checked_sub(1);
        if let Some(segment) = overflow.and_then(|index| self.extensions.get(index)) {
            // They are metadata: that they cannot be read must not cost the pixels.
            found.extend(overflowed(bytes, segment).unwrap_or_default());
        }
        found
    }
}

/// Tagged extensions in a header, and the data extension segment that holds more of them, or 0.
#[derive(Debug)]
pub struct Area {
    overflow: u64,
    data: Vec<u8>,
}

/// Reads an area by the names of its length, its overflow and itself.
pub fn area(fields: &mut Fields<'_>, names: [&str; 3]) -> Result<Area> {
    let len = fields.count(names[0], 5)?;
    if len == 0 {
        return Ok(Area {
            overflow: 0,
            data: Vec::new(),
        });
    }
    let overflow = fields.count(names[1], 3)?;
    let Some(len) = len.checked_sub(3) else {
        return Err(Error::corrupt(format!("field {} is {len}", names[0])));
    };
    let data = fields.bytes(names[2], len as usize)?.to_vec();
    Ok(Area { overflow, data })
}

/// The segments of one kind, which follow those before them; `names` are those of the count and of
/// the lengths of subheader and data.
fn segments(
    fields: &mut Fields<'_>,
    next: &mut u64,
    names: [&str; 3],
    subheader: usize,
    data: usize,
) -> Result<Vec<Segment>> {
    let count = fields.count(names[0], 3)?;
    let mut found = Vec::new();
    for number in 1..=count {
        let name = |name: &str| format!("{name}{number:03}");
        let segment = Segment {
            subheader: *next,
            subheader_len: fields.count(&name(names[1]), subheader)?,
            data_len: fields.count(&name(names[2]), data)?,
        };
        *next = segment.end();
        found.push(segment);
    }
    Ok(found)
}

fn overflowed(bytes: &Arc<dyn Bytes>, segment: &Segment) -> Result<Vec<(String, Vec<u8>)>> {
    let subheader = piece(bytes, segment.subheader, segment.subheader_len)?;
    let mut fields = Fields::new(&subheader);
    fields.bytes("DE", 2)?;
    if fields.text("DESID", 25)? != "TRE_OVERFLOW" || segment.data_len > MAX_OVERFLOW {
        return Ok(Vec::new());
    }
    Ok(extensions(&piece(bytes, segment.data(), segment.data_len)?))
}

/// The text of an extension segment if it is a SICD description.
fn sicd(bytes: &Arc<dyn Bytes>, segment: &Segment) -> Result<Option<String>> {
    let subheader = piece(bytes, segment.subheader, segment.subheader_len)?;
    let mut fields = Fields::new(&subheader);
    fields.bytes("DE", 2)?;
    if fields.text("DESID", 25)? != "XML_DATA_CONTENT" || segment.data_len > MAX_TEXT {
        return Ok(None);
    }
    let data = piece(bytes, segment.data(), segment.data_len)?;
    let text = String::from_utf8_lossy(&data);
    Ok(text.contains("<SICD").then(|| text.into_owned()))
}

/// The header with all lengths, where these were not known at the beginning of the file: it is the last data
/// extension segment (STREAMING_FILE_HEADER), and takes the place of the one at the beginning.
fn streamed(bytes: &Arc<dyn Bytes>) -> Result<Vec<u8>> {
    // The second delimiter, and the length of the header once more.
    const END: u64 = 4 + 7;
    let end = bytes.len().saturating_sub(END);
    let last = piece(bytes, end, END)?;
    let length = text(&last[4..]).parse::<u64>().unwrap_or(0);
    let before = end.checked_sub(length + 4);
    let is_length = last.starts_with(&BEHIND_STREAMED) && (FIXED..=MAX_HEADER).contains(&length);
    if let Some(before) = before.filter(|_| is_length) {
        let header = piece(bytes, before, length + 4)?;
        if let Some(header) = header.strip_prefix(&BEFORE_STREAMED) {
            return Ok(header.to_vec());
        }
    }
    Err(Error::corrupt(
        "the lengths are not known (field FL), and the file does not end with them (field SFH_DELIM2)",
    ))
}

/// Bytes of the file, if it has them.
pub fn piece(bytes: &Arc<dyn Bytes>, at: u64, len: u64) -> Result<Vec<u8>> {
    if bytes.len().checked_sub(at).is_none_or(|rest| rest < len) {
        return Err(Error::corrupt(format!(
            "a header of {len} bytes at offset {at} of a file of {}",
            bytes.len()
        )));
    }
    let mut piece = zeroed(len)?;
    bytes.read_at(at, &mut piece)?;
    Ok(piece)
}
