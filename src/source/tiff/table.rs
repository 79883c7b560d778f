//! Tables: the numbers of a tag that has one for each block, of which there may be millions. They are read in
//! pieces, as they are asked for.

use super::directory::{Directory, Reader, Values};
use crate::error::{Error, Result};

/// Numbers that are looked at together where all are.
const TOGETHER: u64 = 4096;

/// The numbers of one tag.
pub struct Table {
    values: Values,
    /// Bytes of a number.
    size: u64,
    /// They may be below 0, which is an error.
    signed: bool,
    len: u64,
}

impl Table {
    /// The numbers of a tag, at most `limit` of them; they lie inside the file.
    pub fn of(directory: &Directory, tag: u16, limit: u64) -> Result<Option<Self>> {
        let Some(entry) = directory.entries.get(&tag) else {
            return Ok(None);
        };
        let place = |error: Error| error.at(format!("tag {tag}"));
        let table = Self {
            values: entry.values(),
            size: entry.whole_size().map_err(place)?,
            signed: entry.is_signed(),
            len: entry.count().min(limit),
        };
        if let Values::At(at) = table.values {
            let len = table.len.saturating_mul(table.size);
            directory.reader.check_inside(at, len).map_err(place)?;
        }
        Ok(Some(table))
    }

    /// How many numbers there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Bytes that the numbers take outside of their directory.
    pub fn bytes(&self) -> u64 {
        match self.values {
            Values::Inside(_) => 0,
            Values::At(_) => self.len * self.size,
        }
    }

    /// A number by its place.
    pub fn get(&self, index: u64, reader: &Reader) -> Result<Option<u64>> {
        if index >= self.len {
            return Ok(None);
        }
        let mut number = [0; 8];
        let number = &mut number[..self.size as usize];
        self.read(index, number, reader)?;
        reader.unsigned(number, self.signed).map(Some)
    }

    /// Whether there is such a number.
    pub fn any(&self, reader: &Reader, fits: impl Fn(u64) -> bool) -> Result<bool> {
        let mut bytes = vec![0; (self.len.min(TOGETHER) * self.size) as usize];
        let mut index = 0;
        while index < self.len {
            let count = TOGETHER.min(self.len - index);
            let bytes = &mut bytes[..(count * self.size) as usize];
            self.read(index, bytes, reader)?;
            let mut numbers = bytes.chunks_exact(self.size as usize);
            if numbers.any(|number| fits(reader.number(number))) {
                return Ok(true);
            }
            index += count;
        }
        Ok(false)
    }

    /// The bytes of the numbers from `index` on.
    fn read(&self, index: u64, into: &mut [u8], reader: &Reader) -> Result<()> {
        let from = index * self.size;
        match &self.values {
            Values::Inside(bytes) => {
                into.copy_from_slice(&bytes[from as usize..from as usize + into.len()]);
                Ok(())
            }
            Values::At(at) => {
                let table = *at..at + self.bytes();
                (reader.index).read(&*reader.bytes, &table, at + from, into)
            }
        }
    }
}
