//! The frame header of a stream (marker SOF), as far as it is needed before the stream is decoded.

use crate::error::{Error, Result};

/// What a frame header says.
pub struct Sof {
    /// The last byte of the marker, c0 to cf, which tells how pixels are coded.
    pub coding: u8,
    /// Bits of a sample.
    pub bits: u8,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub rows: usize,
}

impl Sof {
    /// The first frame header of a stream, if one stands before its pixels. Bytes between segments are skipped,
    /// as by libjpeg.
    pub fn find(stream: &[u8]) -> Option<Self> {
        let mut rest = stream.strip_prefix(&[0xff, 0xd8])?;
        loop {
            let (head, tail) = rest.split_first_chunk::<2>()?;
            rest = match head {
                [0xff, 0xff] => &rest[1..],
                [0xff, 0x00 | 0x01 | 0xd0..=0xd7] => tail,
                [0xff, 0xd9 | 0xda] => return None,
                [0xff, marker] => {
                    let len = usize::from(u16::from_be_bytes(*tail.first_chunk()?));
                    let body = tail.get(2..len)?;
                    if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
                        let [bits, a, b, c, d, ..] = body else {
                            return None;
                        };
                        return Some(Self {
                            coding: *marker,
                            bits: *bits,
                            width: usize::from(u16::from_be_bytes([*c, *d])),
                            rows: usize::from(u16::from_be_bytes([*a, *b])),
                        });
                    }
                    &tail[len..]
                }
                _ => &rest[1..],
            };
        }
    }
}

/// Refuses what is not read: all but Huffman-coded transforms of 8 or 12 bits, and Huffman-coded predictions of
/// 2 to 16.
pub fn check_coding(coding: u8, bits: u8) -> Result<()> {
    if !matches!(coding, 0xc0..=0xc3) {
        let coder = if coding & 8 != 0 {
            "arithmetic"
        } else {
            "Huffman"
        };
        return Err(Error::unsupported(match coding & 7 {
            3 => format!("lossless JPEG of {coder} coding"),
            5..=7 => format!("hierarchical JPEG of {coder} coding"),
            _ => format!("JPEG of {coder} coding"),
        }));
    }
    let fits = match coding {
        0xc3 => matches!(bits, 2..=16),
        _ => matches!(bits, 8 | 12),
    };
    if !fits {
        return Err(Error::unsupported(format!("JPEG of {bits} bits")));
    }
    Ok(())
}
