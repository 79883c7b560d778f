//! The data of one image segment within the file.

use crate::bytes::Bytes;
use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

/// A range of the file, beyond which nothing is read.
#[derive(Clone)]
pub struct Data {
    /// The file.
    pub bytes: Arc<dyn Bytes>,
    start: u64,
    len: u64,
}

impl Data {
    /// The data of a segment, less what the file does not have any more.
    pub fn new(bytes: Arc<dyn Bytes>, start: u64, len: u64) -> Self {
        let rest = bytes.len().saturating_sub(start);
        Self {
            bytes,
            start,
            len: len.min(rest),
        }
    }

    /// The data from `at` on.
    pub fn from(&self, at: u64) -> Result<Self> {
        self.check(at, 0)?;
        Ok(Self {
            bytes: self.bytes.clone(),
            start: self.start + at,
            len: self.len - at,
        })
    }

    /// Bytes that there are.
    pub fn size(&self) -> u64 {
        self.len
    }

    /// Refuses a range that the segment does not have, before memory is taken for it.
    pub fn check(&self, at: u64, len: u64) -> Result<()> {
        if self.len.checked_sub(at).is_some_and(|rest| len <= rest) {
            return Ok(());
        }
        Err(Error::corrupt(format!(
            "{len} bytes at offset {at} of image data of {}",
            self.len
        )))
    }

    /// Bytes of the data where they lie in memory, if the file does and is what it was.
    pub fn in_memory(&self, at: u64, len: u64) -> Option<&[u8]> {
        let mapping = self.bytes.mapping()?;
        self.check(at, len).ok()?;
        self.bytes.check_unchanged().ok()?;
        let start = self.place(at) as usize;
        mapping.bytes().get(start..start + len as usize)
    }

    /// Where a byte of the data lies in the file.
    pub fn place(&self, at: u64) -> u64 {
        self.start + at
    }

    /// Fills `into` with the bytes from `at` on, counted from the beginning of the data.
    pub fn read(&self, at: u64, into: &mut [u8]) -> Result<()> {
        self.check(at, into.len() as u64)?;
        self.bytes.read_at(self.start + at, into)
    }
}

/// As a file of its own, for the reader of what the segment contains.
impl Bytes for Data {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.read(offset, into)
    }

    fn identity(&self) -> Option<String> {
        None
    }

    fn check_unchanged(&self) -> Result<()> {
        self.bytes.check_unchanged()
    }

    fn read_cost(&self) -> u64 {
        self.bytes.read_cost()
    }

    fn expect(&self, ranges: &mut dyn Iterator<Item = Range<u64>>) {
        let inside = ranges.filter(|range| range.start <= range.end && range.end <= self.len);
        let mut shifted = inside.map(|range| self.start + range.start..self.start + range.end);
        self.bytes.expect(&mut shifted);
    }

    fn forget(&self) {
        self.bytes.forget();
    }
}
