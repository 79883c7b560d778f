//! LZW, in both forms that TIFF files have.
//!
//! Every string of the table has been written to the output before, so that an entry is a place and
//! a length there. Its first bytes stand in the entry too: most strings are short, and writing them
//! then neither reads the output nor asks how long they are.

use crate::error::{Error, Result};

const CLEAR: usize = 256;
const END: usize = 257;
const FIRST: usize = 258;
const MOST: usize = 4096;

/// Bytes of a string that its entry holds itself.
const HEAD: usize = 8;

/// The string of a code.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// The first bytes, the very first lowest.
    head: u64,
    /// Where the output has the string; blocks are not larger than 4 GiB.
    start: u32,
    len: u32,
}

impl Entry {
    /// The string that was written at `start`, and the byte behind it.
    fn and(self, byte: u64, start: usize) -> Self {
        Self {
            head: self.head | byte.checked_shl(self.len * 8).unwrap_or(0),
            start: start as u32,
            len: self.len + 1,
        }
    }

    fn first(self) -> u64 {
        self.head & 0xff
    }
}

/// The table of strings, kept to spare its allocation; single bytes are always in it.
pub struct Lzw(Box<[Entry; MOST]>);

impl Default for Lzw {
    fn default() -> Self {
        let mut table = Box::new([Entry::default(); MOST]);
        for (byte, entry) in table[..CLEAR].iter_mut().enumerate() {
            entry.head = byte as u64;
            entry.len = 1;
        }
        Self(table)
    }
}

impl Lzw {
    /// Decodes until `out` is full or the stream ends; gives the number of bytes written.
    pub fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        // Until 1992 writers put the low bits first and lengthened the codes one code later. All
        // streams begin with a clear code, whose place in the first two bytes tells which it is.
        if matches!(input, [0, second, ..] if second & 1 == 1) {
            self.run::<true>(input, out)
        } else {
            self.run::<false>(input, out)
        }
    }

    fn run<const OLD: bool>(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let mut codes = Codes::<OLD>::new(input);
        let (mut width, mut next, mut written) = (9, FIRST, 0);
        // The last string and where it was written; empty behind a clear code.
        let (mut last, mut last_at) = (Entry::default(), 0);
        while written < out.len() {
            let Some(code) = codes.next(width) else { break };
            if code == CLEAR {
                (width, next, last) = (9, FIRST, Entry::default());
                continue;
            }
            if code == END {
                break;
            }
            let current = if code < next {
                self.0[code % MOST]
            } else if code == next && last.len > 0 {
                // The string that this very code completes.
                last.and(last.first(), last_at)
            } else {
                return Err(Error::corrupt(format!("LZW code {code} of {next}")));
            };
            if last.len > 0 && next < MOST {
                self.0[next] = last.and(current.first(), last_at);
                next += 1;
                if next + usize::from(!OLD) == 1 << width && width < 12 {
                    width += 1;
                }
            }
            (last, last_at) = (current, written);
            written += write(out, current, written);
        }
        Ok(written)
    }
}

/// Writes a string, as far as there is room; gives its length.
#[inline(always)]
fn write(out: &mut [u8], string: Entry, at: usize) -> usize {
    let len = string.len as usize;
    let head = string.head.to_le_bytes();
    let Some(to) = out[at..].first_chunk_mut() else {
        let len = len.min(out.len() - at);
        // Near the end of the output; strings that are short are in the head, long ones behind.
        for i in 0..len {
            out[at + i] = match head.get(i) {
                Some(byte) => *byte,
                None => out[string.start as usize + i],
            };
        }
        return len;
    };
    // What is written too much is written over next.
    *to = head;
    if len > HEAD {
        return write_tail(out, string, at);
    }
    len
}

/// Writes what the head of an entry does not hold.
fn write_tail(out: &mut [u8], string: Entry, at: usize) -> usize {
    let len = (string.len as usize).min(out.len() - at);
    let (from, to) = (string.start as usize + HEAD, at + HEAD);
    let rest = len - HEAD;
    if from + rest <= to {
        out.copy_within(from..from + rest, to);
    } else {
        for i in 0..rest {
            out[to + i] = out[from + i];
        }
    }
    len
}

/// Codes of growing width out of a stream of bytes; the low bits first in old ones.
struct Codes<'a, const OLD: bool> {
    input: &'a [u8],
    /// Bits that have been read and not used, at the top, in old streams at the bottom.
    bits: u64,
    count: u32,
}

impl<'a, const OLD: bool> Codes<'a, OLD> {
    fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            bits: 0,
            count: 0,
        }
    }

    #[inline(always)]
    fn next(&mut self, width: u32) -> Option<usize> {
        if self.count < width {
            self.refill();
            if self.count < width {
                return None;
            }
        }
        self.count -= width;
        let code;
        if OLD {
            code = self.bits & ((1 << width) - 1);
            self.bits >>= width;
        } else {
            code = self.bits >> (64 - width);
            self.bits <<= width;
        }
        Some(code as usize)
    }

    #[inline(always)]
    fn refill(&mut self) {
        if let Some(word) = self.input.first_chunk() {
            // Bits beyond the counted ones are read again next time, to the same place.
            self.bits |= if OLD {
                u64::from_le_bytes(*word) << self.count
            } else {
                u64::from_be_bytes(*word) >> self.count
            };
            let whole = (63 - self.count) / 8;
            self.count += whole * 8;
            self.input = &self.input[whole as usize..];
            return;
        }
        while self.count <= 56
            && let [byte, rest @ ..] = self.input
        {
            let shift = if OLD { self.count } else { 56 - self.count };
            self.bits |= u64::from(*byte) << shift;
            self.count += 8;
            self.input = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weezl::BitOrder;
    use weezl::encode::Encoder;

    fn texts() -> [Vec<u8>; 4] {
        [
            vec![7; 100_000],
            (0..200_000u32)
                .map(|i| (i.wrapping_mul(i) >> 5) as u8)
                .collect(),
            (0..200_000u32).map(|i| (i % 251 / 7) as u8).collect(),
            b"a".to_vec(),
        ]
    }

    #[test]
    fn both_kinds_are_told_apart_and_read() {
        for text in texts() {
            let new = Encoder::with_tiff_size_switch(BitOrder::Msb, 8).encode(&text);
            let old = Encoder::new(BitOrder::Lsb, 8).encode(&text);
            for stream in [new, old] {
                let stream = stream.expect("encode");
                let mut out = vec![0; text.len()];
                let written = Lzw::default().decode(&stream, &mut out).expect("decode");
                assert_eq!(written, text.len());
                assert!(out == text);
                let half = text.len() / 2;
                let written = Lzw::default().decode(&stream, &mut out[..half]);
                assert_eq!(written.expect("decode"), half);
                assert!(out[..half] == text[..half]);
                let cut = Lzw::default().decode(&stream[..stream.len() / 2], &mut out);
                assert!(cut.expect("decode") < text.len().max(2));
            }
        }
    }

    #[test]
    fn a_code_from_nowhere_is_an_error() {
        // A clear code and 300, nine bits each.
        let stream = [0x80, 0x4b, 0, 0];
        assert!(Lzw::default().decode(&stream, &mut [0; 9]).is_err());
    }
}
