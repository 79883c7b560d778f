//! A file's bytes one after the other, for codecs that read streams.

use super::Bytes;
use crate::error::{Error, Result};
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// A place in a file that moves on as it is read, with a buffer ahead of it.
pub struct ByteStream<'a> {
    bytes: &'a dyn Bytes,
    at: u64,
    /// The bytes from `buffer_at` on.
    buffer: Vec<u8>,
    buffer_at: u64,
    /// Bytes that are read at once.
    ahead: usize,
}

impl<'a> ByteStream<'a> {
    /// The start of a file, of which `ahead` bytes are read at once.
    pub fn new(bytes: &'a dyn Bytes, ahead: usize) -> Self {
        Self {
            bytes,
            at: 0,
            buffer: Vec::new(),
            buffer_at: 0,
            ahead,
        }
    }

    /// How far it has been read.
    pub fn position(&self) -> u64 {
        self.at
    }

    fn fill(&mut self) -> Result<&[u8]> {
        let rest = self.bytes.len().saturating_sub(self.at);
        if rest == 0 {
            return Ok(&[]);
        }
        let within = (self.at.checked_sub(self.buffer_at))
            .is_some_and(|skipped| skipped < self.buffer.len() as u64);
        if !within {
            self.buffer.resize(rest.min(self.ahead as u64) as usize, 0);
            self.buffer_at = self.at;
            let read = self.bytes.read_at(self.at, &mut self.buffer);
            // What a failed read left must not be taken for the file's.
            if read.is_err() {
                self.buffer.clear();
            }
            read?;
        }
        Ok(&self.buffer[(self.at - self.buffer_at) as usize..])
    }
}

impl BufRead for ByteStream<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill().map_err(io::Error::other)
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount as u64;
    }
}

impl Read for ByteStream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let len = ready.len().min(into.len());
        into[..len].copy_from_slice(&ready[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl Seek for ByteStream<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.bytes.len().checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// What went wrong with a stream: the error of the bytes below, or that they end too early.
pub fn failure(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::corrupt("ends too early");
    }
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(other) => Error::corrupt(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::MemoryBytes;

    #[test]
    fn every_place_reads_what_the_file_has_there() {
        let all: Vec<u8> = (0..100).collect();
        let bytes = MemoryBytes::new(all.clone());
        for ahead in [1, 7, 100, 1000] {
            let mut stream = ByteStream::new(&bytes, ahead);
            let mut first = [0; 33];
            stream.read_exact(&mut first).expect("bytes");
            assert_eq!(first, all[..33]);
            for at in [50, 3, 99] {
                stream.seek(SeekFrom::Start(at)).expect("a place");
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).expect("the rest");
                assert_eq!(rest, all[at as usize..]);
                assert_eq!(stream.position(), 100);
            }
            stream.seek(SeekFrom::Current(17)).expect("a place");
            assert_eq!(stream.read(&mut first).expect("the end"), 0);
            let short = stream.read_exact(&mut first).expect_err("no bytes");
            assert_eq!(failure(short).message(), "ends too early");
        }
    }
}
