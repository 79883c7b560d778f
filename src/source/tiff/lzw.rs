//! LZW as TIFF has it since 1992: the highest bits first, codes lengthened one code early.
//!
//! A string is kept as its first eight bytes and as the place in the output where it was last seen whole. So
//! most strings are written at once, whatever their length, and no chain is followed.

use crate::error::{Error, Result};
use crate::source::scratch::reserve;

const CLEAR: usize = 256;
const END: usize = 257;
/// The first code of a string.
const FIRST: usize = 258;
const CODES: usize = 4096;
const FIRST_BITS: u32 = 9;
const MOST_BITS: u32 = 12;

/// Bytes that an entry holds itself.
const HELD: usize = 8;
/// Bytes that are copied at once where a string is longer.
const COPIED: usize = 16;

/// What a code stands for.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// The first bytes, the first one lowest; 0 behind the end of a shorter string.
    bytes: u64,
    /// Where it begins in the output, unless it is one byte.
    start: u32,
    /// Its length; 0 where a code is none of a string.
    len: u32,
}

impl Entry {
    /// Whether all bytes of the string are here.
    #[inline(always)]
    fn is_held(&self) -> bool {
        self.len.wrapping_sub(1) < HELD as u32
    }

    /// This string, which begins at `start` in the output, and one more byte.
    #[inline(always)]
    fn and(self, byte: u8, start: usize) -> Self {
        let place = (self.len as usize).min(HELD) as u32 * 8;
        Self {
            // A ninth byte is shifted out.
            bytes: self.bytes | u64::from(byte).checked_shl(place).unwrap_or(0),
            start: start as u32,
            len: self.len + 1,
        }
    }
}

/// The codes of a stream, one after the other.
struct Codes<'a> {
    input: &'a [u8],
    /// In bits.
    at: usize,
    end: usize,
}

impl Codes<'_> {
    /// The code at the place, which has `bits` bits; `None` if the stream ends within it.
    #[inline(always)]
    fn next(&mut self, bits: u32) -> Option<usize> {
        let (byte, skip) = (self.at / 8, (self.at % 8) as u32);
        let word = match self.input.get(byte..).and_then(<[u8]>::first_chunk::<8>) {
            Some(window) => u64::from_be_bytes(*window),
            None => self.last_word(byte, bits)?,
        };
        self.at += bits as usize;
        Some((word << skip >> (64 - bits)) as usize)
    }

    /// Fewer than eight bytes are left.
    #[cold]
    fn last_word(&self, byte: usize, bits: u32) -> Option<u64> {
        if self.at + bits as usize > self.end {
            return None;
        }
        let mut window = [0; 8];
        let rest = &self.input[byte..];
        window[..rest.len()].copy_from_slice(rest);
        Some(u64::from_be_bytes(window))
    }
}

/// The strings of the codes.
pub struct Decoder {
    table: Box<[Entry; CODES]>,
}

impl Decoder {
    pub fn new() -> Result<Self> {
        let mut entries = Vec::new();
        reserve(&mut entries, CODES)?;
        entries.resize(CODES, Entry::default());
        let table = entries.into_boxed_slice().try_into();
        let mut table: Box<[Entry; CODES]> = table.unwrap_or_else(|_| unreachable!("as many"));
        for (byte, entry) in table[..CLEAR].iter_mut().enumerate() {
            *entry = Entry {
                bytes: byte as u64,
                start: 0,
                len: 1,
            };
        }
        Ok(Self { table })
    }

    /// Fills `out` from a stream as far as that goes; gives the bytes written.
    pub fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        if u32::try_from(out.len()).is_err() {
            return Err(Error::limit(format!(
                "{} bytes of one LZW stream",
                out.len()
            )));
        }
        let mut codes = Codes {
            input,
            at: 0,
            end: input.len() * 8,
        };
        let mut written = 0;
        // A stream need not begin with a clear code.
        while written < out.len() {
            match codes.next(FIRST_BITS) {
                Some(CLEAR) => (),
                Some(END) | None => break,
                Some(code) if code < CLEAR => {
                    out[written] = code as u8;
                    written += 1;
                    if !self.strings(&mut codes, code, out, &mut written)? {
                        break;
                    }
                }
                Some(code) => return Err(unknown(code)),
            }
        }
        Ok(written)
    }

    /// Decodes from the byte behind a clear code, which is written, to the next clear code; gives whether there
    /// is one.
    fn strings(
        &mut self,
        codes: &mut Codes<'_>,
        byte: usize,
        out: &mut [u8],
        written: &mut usize,
    ) -> Result<bool> {
        let table = &mut *self.table;
        let mut at = *written;
        let mut last = table[byte];
        let mut last_start = at - 1;
        let mut next = FIRST;
        let mut bits = FIRST_BITS;
        let goes_on = loop {
            if at >= out.len() {
                break false;
            }
            let Some(code) = codes.next(bits) else {
                break false;
            };
            let entry = if code < next {
                table[code % CODES]
            } else if code == next && next < CODES {
                // The string that this very code defines: the last one and its own first byte.
                last.and(last.bytes as u8, last_start)
            } else {
                return Err(unknown(code));
            };
            if entry.is_held() && at + HELD <= out.len() {
                out[at..at + HELD].copy_from_slice(&entry.bytes.to_le_bytes());
            } else if entry.len == 0 {
                break code == CLEAR;
            } else {
                write_string(&entry, out, at);
            }
            if next < CODES {
                table[next] = last.and(entry.bytes as u8, last_start);
                next += 1;
                // One code early.
                if next + 1 >= 1 << bits && bits < MOST_BITS {
                    bits += 1;
                }
            }
            last_start = at;
            at += entry.len as usize;
            last = entry;
        };
        *written = at.min(out.len());
        Ok(goes_on)
    }
}

/// Writes a string that is too long for an entry, or whose end may lie behind that of the output.
#[inline(never)]
fn write_string(entry: &Entry, out: &mut [u8], at: usize) {
    let len = entry.len as usize;
    if len <= HELD {
        let len = len.min(out.len() - at);
        out[at..at + len].copy_from_slice(&entry.bytes.to_le_bytes()[..len]);
        return;
    }
    let start = entry.start as usize;
    let end = (at + len).min(out.len());
    if len <= 2 * COPIED && at + 2 * COPIED <= out.len() && start + 2 * COPIED <= at {
        for place in [0, COPIED] {
            let from = &out[start + place..start + place + COPIED];
            let chunk: [u8; COPIED] = from.try_into().unwrap_or_default();
            out[at + place..at + place + COPIED].copy_from_slice(&chunk);
        }
        return;
    }
    // A string that its own code defines goes on where it begins.
    let apart = (at - start).min(end - at);
    out.copy_within(start..start + apart, at);
    if at + apart < end {
        out[at + apart] = out[at];
    }
}

#[cold]
fn unknown(code: usize) -> Error {
    Error::corrupt(format!(
        "the LZW data are damaged: code {code} stands for nothing"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weezl::decode::Configuration;
    use weezl::encode::Encoder;
    use weezl::{BitOrder, LzwStatus};

    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 16) as usize % limit
        }
    }

    fn encoded(text: &[u8]) -> Vec<u8> {
        let mut encoder = Encoder::with_tiff_size_switch(BitOrder::Msb, 8);
        encoder.encode(text).expect("encode")
    }

    /// What another decoder makes of a stream.
    fn expected(input: &[u8], len: usize) -> Option<Vec<u8>> {
        let mut decoder = Configuration::with_tiff_size_switch(BitOrder::Msb, 8)
            .with_yield_on_full_buffer(true)
            .build();
        let mut out = vec![0; len];
        let (mut read, mut written) = (0, 0);
        while written < len {
            let step = decoder.decode_bytes(&input[read..], &mut out[written..]);
            read += step.consumed_in;
            written += step.consumed_out;
            match step.status {
                Ok(LzwStatus::Ok) => (),
                Ok(_) => break,
                Err(_) => return None,
            }
        }
        out.truncate(written);
        Some(out)
    }

    /// Texts of few strings and of many, of short ones and of long ones.
    fn text(random: &mut Random, most: usize) -> Vec<u8> {
        let len = 1 + random.below(most);
        let kind = random.below(6);
        let byte = |at: usize| match kind {
            0 => random.below(256) as u8,
            1 => random.below(4) as u8,
            2 => 5,
            3 => (at / 40) as u8,
            4 => (at % 7) as u8,
            _ => u8::from(random.below(8) == 0),
        };
        (0..len).map(byte).collect()
    }

    #[test]
    fn streams_are_decoded_as_by_another_decoder_damaged_ones_too() {
        let mut random = Random(88_172_645_463_325_252);
        let mut decoder = Decoder::new().unwrap();
        let (mut whole, mut refused) = (0, 0);
        let rounds = if cfg!(miri) { 10 } else { 500 };
        for round in 0..rounds {
            let text = text(&mut random, [3000, 30_000][round % 2]);
            let mut stream = encoded(&text);
            for _ in 0..random.below(4) {
                let at = random.below(stream.len());
                stream[at] ^= 1 << random.below(8);
            }
            if random.below(4) == 0 {
                stream.truncate(random.below(stream.len()));
            }
            let len = [text.len(), random.below(text.len() + 1), text.len() + 20][random.below(3)];
            let mut out = vec![0; len];
            let decoded = decoder.decode(&stream, &mut out);
            let decoded = decoded.ok().map(|written| &out[..written]);
            assert!(
                decoded == expected(&stream, len).as_deref(),
                "round {round}: {len} bytes out of {}",
                stream.len()
            );
            whole += usize::from(decoded.is_some_and(|decoded| text.starts_with(decoded)));
            refused += usize::from(decoded.is_none());
        }
        assert!(whole > rounds / 8 && (refused > rounds / 8 || cfg!(miri)));
    }

    #[test]
    fn a_table_that_is_full_stays_as_it_is_until_it_is_cleared() {
        // Codes of a stream whose writer does not clear: each byte alone, far beyond 4096 codes.
        let (mut bits, mut count, mut stream) = (0u64, 0, Vec::new());
        let mut next = FIRST - 1;
        let mut width = FIRST_BITS;
        let text: Vec<u8> = (0..9000u32).map(|i| (i * 37 % 251) as u8).collect();
        let mut put = |code: u64, width: u32| {
            bits = bits << width | code;
            count += width;
            while count >= 8 {
                count -= 8;
                stream.push((bits >> count) as u8);
            }
        };
        put(CLEAR as u64, width);
        for byte in &text {
            put(u64::from(*byte), width);
            next += 1;
            if next + 1 >= 1 << width && width < MOST_BITS {
                width += 1;
            }
        }
        put(END as u64, width);
        put(0, 7);
        let mut out = vec![0; text.len() + 1];
        let written = Decoder::new().unwrap().decode(&stream, &mut out);
        assert_eq!(written.expect("a stream"), text.len());
        assert!(out[..text.len()] == text);
    }
}
