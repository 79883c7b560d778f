//! Directories: the chain of tag lists of which a TIFF file consists.
//!
//! Nothing is believed before it is checked: every array lies inside the file before memory is
//! taken for it, and a chain that returns to itself or goes on for ever is cut.

use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::source::index::Index;
use crate::source::scratch::{reserve, zeroed};
use std::collections::{BTreeMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

/// More directories than this are taken for an attack.
const MAX_DIRECTORIES: usize = 65_536;

/// So are more tags than this in all directories together.
const MAX_TAGS: usize = 1 << 22;

/// The most sub-directories that one directory names which are looked at.
const MAX_CHILDREN: u64 = 256;

/// Sub-directories of sub-directories are looked at down to so many.
const MAX_DEPTH: u32 = 8;

/// The bytes of a file and how numbers are written in it.
#[derive(Clone)]
pub struct Reader {
    /// The file.
    pub bytes: Arc<dyn Bytes>,
    /// What is kept of its index.
    pub index: Arc<Index>,
    /// Numbers begin with their highest byte.
    pub big_endian: bool,
    /// Offsets have 64 bits.
    pub big_tiff: bool,
}

/// One tag: the type of its values, how many there are, and where they are.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    kind: u16,
    count: u64,
    values: Values,
}

/// Where the values of a tag are.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// In the list itself, as the file has them.
    Inside([u8; 8]),
    /// At an offset of the file.
    At(u64),
}

/// One tag list, without the file.
pub struct Listing {
    /// Position in the order of discovery, by which messages name the directory.
    pub index: usize,
    /// Its offset in the file.
    pub at: u64,
    /// Another directory links to it as its sub-directory.
    pub is_child: bool,
    /// All tags by number; of repeated ones the first.
    pub entries: BTreeMap<u16, Entry>,
}

/// One tag list of a file.
#[derive(Clone)]
pub struct Directory {
    /// The list.
    pub listing: Arc<Listing>,
    /// The file.
    pub reader: Reader,
}

impl Deref for Directory {
    type Target = Listing;

    fn deref(&self) -> &Listing {
        &self.listing
    }
}

/// A walk through the directories of a file.
struct Walk<'a> {
    /// Takes each directory, followed by its sub-directories; an error ends the walk.
    found: &'a mut dyn FnMut(&Directory) -> Result<()>,
    count: usize,
    seen: HashSet<u64>,
    tags: usize,
    most_tags: usize,
}

impl Reader {
    /// Reads the header; gives the offset of the first directory too.
    pub fn open(bytes: Arc<dyn Bytes>) -> Result<(Self, u64)> {
        let mut head = [0; 16];
        let have = bytes.len().min(16) as usize;
        bytes.read_at(0, &mut head[..have])?;
        if !is_tiff(&head[..have]) {
            return Err(Error::corrupt("the file does not begin like a TIFF file"));
        }
        let big_endian = head[0] == b'M';
        let mut reader = Self {
            index: Arc::new(Index::of(&*bytes)),
            bytes,
            big_endian,
            big_tiff: false,
        };
        reader.big_tiff = reader.number(&head[2..4]) == 43;
        if !reader.big_tiff {
            return Ok((reader.clone(), reader.number(&head[4..8])));
        }
        let (size, zero) = (reader.number(&head[4..6]), reader.number(&head[6..8]));
        if have < 16 || size != 8 || zero != 0 {
            return Err(Error::corrupt(format!(
                "a BigTIFF header with offsets of {size} bytes"
            )));
        }
        Ok((reader.clone(), reader.number(&head[8..16])))
    }

    /// An unsigned number of at most 8 bytes in the file's order.
    pub fn number(&self, bytes: &[u8]) -> u64 {
        let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if self.big_endian {
            bytes.iter().fold(0, push)
        } else {
            bytes.iter().rev().fold(0, push)
        }
    }

    /// A number that may have a sign and may not be below 0.
    pub fn unsigned(&self, bytes: &[u8], signed: bool) -> Result<u64> {
        let number = self.number(bytes);
        let unused = 64 - 8 * bytes.len() as u32;
        let value = (number << unused) as i64 >> unused;
        if signed && value < 0 {
            return Err(Error::corrupt(format!(
                "the value {value} where whole numbers from 0 on belong"
            )));
        }
        Ok(number)
    }

    /// Refuses bytes that do not lie inside the file.
    pub fn check_inside(&self, at: u64, len: u64) -> Result<()> {
        let end = at.checked_add(len);
        if end.is_none_or(|end| end > self.bytes.len()) {
            return Err(Error::corrupt(format!(
                "{len} bytes at offset {at} reach beyond the end of the file at {}",
                self.bytes.len()
            )));
        }
        Ok(())
    }

    /// Bytes that lie inside the file, checked before memory is taken for them.
    pub fn read(&self, at: u64, len: u64) -> Result<Vec<u8>> {
        self.check_inside(at, len)?;
        let mut bytes = zeroed(len)?;
        self.bytes.read_at(at, &mut bytes)?;
        Ok(bytes)
    }

    /// The tags of the directory at an offset, and the offset of the next one.
    fn directory(&self, at: u64) -> Result<(BTreeMap<u16, Entry>, u64)> {
        let (count_size, entry_size, word) = if self.big_tiff {
            (8, 20, 8)
        } else {
            (2, 12, 4)
        };
        let count = self.number(&self.read(at, count_size)?);
        let start = at.saturating_add(count_size);
        let size = count
            .checked_mul(entry_size)
            .ok_or_else(|| Error::corrupt(format!("{count} tags")))?;
        let list = self.read(start, size)?;
        let mut entries = BTreeMap::new();
        for raw in list.chunks_exact(entry_size as usize) {
            let kind = self.number(&raw[2..4]) as u16;
            let count = self.number(&raw[4..4 + word]);
            let fits = value_size(kind)
                .and_then(|size| count.checked_mul(size))
                .is_some_and(|size| size <= word as u64);
            let values = if fits {
                let mut inside = [0; 8];
                inside[..word].copy_from_slice(&raw[4 + word..]);
                Values::Inside(inside)
            } else {
                Values::At(self.number(&raw[4 + word..]))
            };
            let tag = self.number(&raw[..2]) as u16;
            entries.entry(tag).or_insert(Entry {
                kind,
                count,
                values,
            });
        }
        // Some writers leave out the last link; that ends the chain like a zero.
        let next = self
            .read(start + size, word as u64)
            .map_or(0, |raw| self.number(&raw));
        Ok((entries, next))
    }

    /// Tells `found` of all directories from `first` on, each followed by its sub-directories; gives why
    /// the chain ended before its end if it did.
    pub fn walk(
        &self,
        first: u64,
        found: &mut dyn FnMut(&Directory) -> Result<()>,
    ) -> Option<Error> {
        /// Bytes of a tag, which is longer in BigTIFF.
        const TAG: u64 = 12;
        let mut walk = Walk {
            found,
            count: 0,
            seen: HashSet::new(),
            tags: 0,
            // There is no room for more, unless directories overlap.
            most_tags: MAX_TAGS.min((self.bytes.len() / TAG) as usize),
        };
        if first == 0 {
            return Some(Error::corrupt("the file has no directory"));
        }
        let mut next = first;
        while next != 0 {
            let index = walk.count;
            match self.visit(next, false, &mut walk) {
                Ok((directory, link)) => {
                    next = link;
                    self.visit_children(&directory, link, &mut walk);
                }
                Err(error) => return Some(error.at(format!("directory {index}"))),
            }
        }
        None
    }

    /// Visits the directory at an offset; gives the offset of the next one too.
    fn visit(&self, at: u64, is_child: bool, walk: &mut Walk<'_>) -> Result<(Directory, u64)> {
        let Walk { most_tags, .. } = walk;
        if walk.count == MAX_DIRECTORIES || walk.tags > *most_tags {
            return Err(Error::limit(format!(
                "more than {MAX_DIRECTORIES} directories or {most_tags} tags"
            )));
        }
        if !walk.seen.insert(at) {
            return Err(Error::corrupt(format!(
                "the chain of directories returns to offset {at}"
            )));
        }
        let (entries, next) = self.directory(at)?;
        walk.tags += entries.len();
        let listing = Listing {
            index: walk.count,
            at,
            is_child,
            entries,
        };
        walk.count += 1;
        let directory = Directory {
            listing: Arc::new(listing),
            reader: self.clone(),
        };
        (walk.found)(&directory)?;
        Ok((directory, next))
    }

    /// Visits the sub-directories of a directory that is followed by the one at `next`: those that it names, those
    /// that follow them in a chain, as the first of them may stand for all, and theirs.
    ///
    /// They are a courtesy: one that cannot be read costs those behind it, not the file.
    fn visit_children(&self, directory: &Directory, next: u64, walk: &mut Walk<'_>) {
        let children = |directory: &Directory, depth: u32| {
            let named = directory.unsigneds(super::tags::SUB_IFDS, MAX_CHILDREN);
            let named = named.ok().flatten().unwrap_or_default();
            named.into_iter().rev().map(move |at| (at, depth))
        };
        let mut ahead: Vec<(u64, u32)> = children(directory, 1).collect();
        while let Some((at, depth)) = ahead.pop() {
            let Ok((child, link)) = self.visit(at, true, walk) else {
                return;
            };
            // Some writers link the last one to what they linked the directory to, and each to the one that is named
            // behind it.
            let is_known = |at: u64| ahead.iter().any(|(other, _)| *other == at);
            if link != 0 && link != next && !is_known(link) {
                ahead.push((link, depth));
            }
            if depth < MAX_DEPTH {
                ahead.extend(children(&child, depth + 1));
            }
        }
    }
}

/// Whether a file that begins so is TIFF or BigTIFF.
pub fn is_tiff(first_bytes: &[u8]) -> bool {
    first_bytes.len() >= 8
        && matches!(
            &first_bytes[..4],
            b"II\x2a\0" | b"MM\0\x2a" | b"II\x2b\0" | b"MM\0\x2b"
        )
}

/// Bytes of one value of a field type.
fn value_size(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 | 17 | 18 => Some(8),
        _ => None,
    }
}

impl Entry {
    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Where they are.
    pub fn values(&self) -> Values {
        self.values
    }

    /// Whether they may be below 0.
    pub fn is_signed(&self) -> bool {
        matches!(self.kind, 6 | 8 | 9 | 17)
    }

    /// The bytes of one, if they are whole numbers.
    pub fn whole_size(&self) -> Result<u64> {
        let Self { kind, .. } = self;
        match kind {
            1 | 3 | 4 | 6 | 8 | 9 | 13 | 16..=18 => Ok(value_size(*kind).unwrap_or(1)),
            _ => Err(Error::corrupt(format!(
                "values of type {kind} where whole numbers belong"
            ))),
        }
    }

    /// Whether the values are text.
    pub fn is_text(&self) -> bool {
        self.kind == 2
    }
}

impl Directory {
    /// The name of the directory in messages.
    pub fn place(&self) -> String {
        format!("directory {}", self.index)
    }

    /// The raw values of a tag, at most `limit` of them, and the size of one.
    fn raw(&self, tag: u16, limit: u64) -> Result<Option<(Entry, u64, Vec<u8>)>> {
        let Some(entry) = self.entries.get(&tag) else {
            return Ok(None);
        };
        let place = || format!("tag {tag}");
        let size = value_size(entry.kind)
            .ok_or_else(|| Error::corrupt(format!("values of type {}", entry.kind)).at(place()))?;
        let len = entry.count.min(limit).saturating_mul(size);
        let bytes = match entry.values {
            Values::Inside(bytes) => bytes[..len as usize].to_vec(),
            Values::At(at) => self
                .reader
                .read(at, len)
                .map_err(|error| error.at(place()))?,
        };
        Ok(Some((*entry, size, bytes)))
    }

    /// The values of a tag as unsigned numbers, at most `limit` of them.
    pub fn unsigneds(&self, tag: u16, limit: u64) -> Result<Option<Vec<u64>>> {
        let Some((entry, size, bytes)) = self.raw(tag, limit)? else {
            return Ok(None);
        };
        let place = |error: Error| error.at(format!("tag {tag}"));
        entry.whole_size().map_err(place)?;
        let values = bytes.chunks_exact(size as usize);
        let mut numbers = Vec::new();
        reserve(&mut numbers, values.len())?;
        for value in values {
            let number = self.reader.unsigned(value, entry.is_signed());
            numbers.push(number.map_err(place)?);
        }
        Ok(Some(numbers))
    }

    /// The first value of a tag as an unsigned number.
    pub fn unsigned(&self, tag: u16) -> Result<Option<u64>> {
        Ok(self
            .unsigneds(tag, 1)?
            .and_then(|values| values.first().copied()))
    }

    /// The values of a tag of any numeric type, at most `limit` of them.
    pub fn numbers(&self, tag: u16, limit: u64) -> Result<Option<Vec<f64>>> {
        let Some((entry, size, bytes)) = self.raw(tag, limit)? else {
            return Ok(None);
        };
        let number = |value: &[u8]| self.reader.number(value);
        let value = |value: &[u8]| match entry.kind {
            5 => number(&value[..4]) as f64 / number(&value[4..]) as f64,
            6 => f64::from(value[0] as i8),
            8 => f64::from(number(value) as i16),
            9 => f64::from(number(value) as i32),
            10 => f64::from(number(&value[..4]) as i32) / f64::from(number(&value[4..]) as i32),
            11 => f64::from(f32::from_bits(number(value) as u32)),
            12 => f64::from_bits(number(value)),
            17 => number(value) as i64 as f64,
            _ => number(value) as f64,
        };
        Ok(Some(bytes.chunks_exact(size as usize).map(value).collect()))
    }

    /// The bytes of a tag, at most `limit` values.
    pub fn bytes(&self, tag: u16, limit: u64) -> Result<Option<Vec<u8>>> {
        Ok(self.raw(tag, limit)?.map(|(_, _, bytes)| bytes))
    }

    /// The text of a tag up to its closing NUL, at most `limit` bytes.
    pub fn text(&self, tag: u16, limit: u64) -> Result<Option<String>> {
        let Some(mut bytes) = self.bytes(tag, limit)? else {
            return Ok(None);
        };
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}
