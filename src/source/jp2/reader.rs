//! Reading a part of a file from front to back, some way ahead.

use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::source::scratch::sized;

/// Reads go on to a multiple of so many bytes, beyond what is asked for.
const AHEAD: u64 = 64 << 10;

/// A position in a part of a file.
pub struct Reader<'a> {
    bytes: &'a dyn Bytes,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    buffer_at: u64,
    /// What comes next is too far away to be read ahead.
    far: bool,
}

impl<'a> Reader<'a> {
    /// The bytes from `start` to `end`, or to the end of the file if that comes first.
    pub fn new(bytes: &'a dyn Bytes, start: u64, end: u64) -> Self {
        Self {
            bytes,
            at: start,
            end: end.min(bytes.len()),
            buffer: Vec::new(),
            buffer_at: 0,
            far: false,
        }
    }

    /// Where in the file the next byte lies.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// The end of the part.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        self.end.saturating_sub(self.at)
    }

    /// Goes on at `at`.
    pub fn seek(&mut self, at: u64) {
        self.far = at.saturating_sub(self.at) > self.bytes.read_cost();
        self.at = at;
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&[u8]> {
        if self.left() < len as u64 {
            return Err(Error::corrupt(format!(
                "{len} bytes at offset {} reach beyond the end at {}",
                self.at, self.end
            )));
        }
        let buffered = self.buffer_at..self.buffer_at + self.buffer.len() as u64;
        if !buffered.contains(&self.at) || self.at + len as u64 > buffered.end {
            let ahead = match self.at % AHEAD {
                _ if self.far => 0,
                before if before > AHEAD / 2 => 2 * AHEAD - before,
                before => AHEAD - before,
            };
            let wanted = (len as u64).max(ahead).min(self.left());
            self.buffer.clear();
            sized(&mut self.buffer, wanted)?;
            self.buffer_at = self.at;
            if let Err(error) = self.bytes.read_at(self.at, &mut self.buffer) {
                self.buffer.clear();
                return Err(error);
            }
        }
        let from = (self.at - self.buffer_at) as usize;
        self.at += len as u64;
        Ok(&self.buffer[from..from + len])
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// The next 16 bits.
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }
}

/// Numbers out of bytes that are in memory already; an error where there are too few.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let Some((head, tail)) = self.0.split_at_checked(len) else {
            return Err(Error::corrupt(format!(
                "ends {} bytes early",
                len - self.0.len()
            )));
        };
        self.0 = tail;
        Ok(head)
    }

    fn number(&mut self, len: usize) -> Result<u32> {
        let bytes = self.take(len)?;
        Ok(bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    /// The next 8 bits.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.number(1)? as u8)
    }

    /// The next 16 bits.
    pub fn u16(&mut self) -> Result<u16> {
        Ok(self.number(2)? as u16)
    }

    /// The next 32 bits.
    pub fn u32(&mut self) -> Result<u32> {
        self.number(4)
    }
}
