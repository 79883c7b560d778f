//! Decompression of one block into memory of the size that the block must have.

use super::encoding::Compression;
#[cfg(feature = "lerc")]
use super::encoding::Packing;
use super::{lzw, packbits};
use crate::error::{Error, Kind, Result};
use crate::source::scratch::sized;
use libdeflater::{DecompressionError, Decompressor as Inflater};
use weezl::decode::Configuration;
use weezl::{BitOrder, LzwStatus};
use zstd::zstd_safe::{DCtx, get_error_name};

/// What zstd returns where the output does not fit: its stable error 70, negated.
const ZSTD_TOO_SMALL: usize = 0usize.wrapping_sub(70);

/// The states that the codecs keep from block to block, made when first needed.
#[derive(Default)]
pub struct Codecs {
    inflater: Option<Inflater>,
    lzw: Option<lzw::Decoder>,
    unzstd: Option<DCtx<'static>>,
}

/// The most bytes that one compressed byte can stand for. A block that would have to be larger is
/// refused before memory is taken for it.
pub fn most_expansion(compression: Compression) -> u64 {
    match compression {
        Compression::None => 1,
        // A byte pair gives at most 128.
        Compression::PackBits => 64,
        // 258 bytes for two bits.
        Compression::Deflate => 1032,
        // A full table gives at most 3838 bytes for twelve bits; JPEG 64 samples for a bit, and up
        // to sixteen times as many where it is subsampled.
        Compression::Lzw | Compression::Jpeg | Compression::OldJpeg => 4096,
        // A pair gives 129 bytes, and four bytes a pixel of six.
        Compression::LogLuv(_) => 128,
        // A block of one repeated byte: 128 KiB for four bytes.
        Compression::Zstd => 32768,
        // A match of 273 bytes may take a small part of a bit.
        #[cfg(feature = "lzma")]
        Compression::Lzma => 32768,
        // A bit can stand for a row of any length, and a header alone for pixels that are all the same.
        _ => u64::MAX,
    }
}

impl Codecs {
    /// Fills `out` with the decompressed bytes of `input`, as far as these go.
    ///
    /// A stream that ends before `needed` bytes is an error. One may be longer than `out` by up to `slack`
    /// bytes, as where a writer fills up the last strip; these are dropped. Memory is taken for them where
    /// there are any.
    pub fn decode(
        &mut self,
        compression: Compression,
        input: &[u8],
        out: &mut [u8],
        needed: usize,
        slack: usize,
    ) -> Result<()> {
        let written = match compression {
            Compression::Deflate => with_slack(out, slack, |out| self.inflate(input, out))?,
            Compression::Zstd => with_slack(out, slack, |out| self.unzstd(input, out))?,
            Compression::Lzw => self.lzw(input, out)?,
            Compression::PackBits => packbits::decode(input, out),
            Compression::None => {
                let count = input.len().min(out.len());
                out[..count].copy_from_slice(&input[..count]);
                count
            }
            #[cfg(feature = "lzma")]
            Compression::Lzma => unxz(input, out)?,
            _ => return Err(Error::internal("not a stream of bytes")),
        };
        if written < needed {
            return Err(Error::corrupt(format!(
                "the compressed data end after {written} of {needed} bytes"
            )));
        }
        Ok(())
    }

    /// Decompresses a blob of at most the length of `out`; gives its length.
    #[cfg(feature = "lerc")]
    pub fn unpack(&mut self, packing: Packing, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let written = match packing {
            Packing::None => return Err(Error::internal("nothing to unpack")),
            Packing::Deflate => self.inflate(input, out)?,
            Packing::Zstd => self.unzstd(input, out)?,
        };
        written.ok_or_else(|| {
            Error::corrupt(format!(
                "the compressed data exceed the {} bytes that a LERC blob may have here",
                out.len()
            ))
        })
    }

    fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<Option<usize>> {
        let inflater = self.inflater.get_or_insert_with(Inflater::new);
        match inflater.zlib_decompress(input, out) {
            Ok(written) => Ok(Some(written)),
            Err(DecompressionError::InsufficientSpace) => Ok(None),
            Err(DecompressionError::BadData) => Err(Error::corrupt("the deflate data are damaged")),
        }
    }

    fn unzstd(&mut self, input: &[u8], out: &mut [u8]) -> Result<Option<usize>> {
        let context = match &mut self.unzstd {
            Some(context) => context,
            none => none.insert(DCtx::try_create().ok_or_else(no_codec)?),
        };
        match context.decompress(out, input) {
            Ok(written) => Ok(Some(written)),
            Err(ZSTD_TOO_SMALL) => Ok(None),
            Err(code) => Err(Error::corrupt(format!(
                "the zstd data are damaged: {}",
                get_error_name(code)
            ))),
        }
    }

    fn lzw(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        // Before 1992 writers put the low bits first and lengthened the codes one code later; all
        // streams begin with a clear code, whose place in the first two bytes tells which it is.
        match input {
            [0, second, ..] if second & 1 == 1 => old_lzw(input, out),
            _ => match &mut self.lzw {
                Some(decoder) => decoder.decode(input, out),
                none => none.insert(lzw::Decoder::new()?).decode(input, out),
            },
        }
    }
}

/// Fills `out` from a stream of before 1992, as far as that goes.
fn old_lzw(input: &[u8], out: &mut [u8]) -> Result<usize> {
    let mut decoder = Configuration::new(BitOrder::Lsb, 8)
        .with_yield_on_full_buffer(true)
        .build();
    let (mut read, mut written) = (0, 0);
    while written < out.len() {
        let step = decoder.decode_bytes(&input[read..], &mut out[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        match step.status {
            Ok(LzwStatus::Ok) => (),
            Ok(LzwStatus::NoProgress | LzwStatus::Done) => break,
            Err(error) => {
                return Err(Error::corrupt(format!("the LZW data are damaged: {error}")));
            }
        }
    }
    Ok(written)
}

/// What an XZ stream may take beside the pixels, in KiB: the largest dictionary that a preset has, 64 MiB.
#[cfg(feature = "lzma")]
const XZ_MEMORY: u32 = 80 << 10;

/// Fills `out` from the stream, as far as that goes.
#[cfg(feature = "lzma")]
fn unxz(input: &[u8], out: &mut [u8]) -> Result<usize> {
    use std::io::{ErrorKind, Read};
    let mut reader = lzma_rust2::XzReader::new_mem_limit(input, false, XZ_MEMORY);
    let mut written = 0;
    while written < out.len() {
        match reader.read(&mut out[written..]) {
            Ok(0) => break,
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::OutOfMemory => {
                return Err(Error::limit(format!("the LZMA data: {error}")));
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                return Err(Error::unsupported(format!("the LZMA data: {error}")));
            }
            Err(error) => {
                return Err(Error::corrupt(format!(
                    "the LZMA data are damaged: {error}"
                )));
            }
        }
    }
    Ok(written)
}

fn no_codec() -> Error {
    Error::new(Kind::NoMemory, "no memory for a codec")
}

/// Decodes into `out`, or into more memory where the data are longer and may be.
fn with_slack(
    out: &mut [u8],
    slack: usize,
    mut decode: impl FnMut(&mut [u8]) -> Result<Option<usize>>,
) -> Result<usize> {
    if let Some(written) = decode(out)? {
        return Ok(written);
    }
    if slack > 0 {
        let mut longer = Vec::new();
        let longer = sized(&mut longer, (out.len() + slack) as u64)?;
        if let Some(written) = decode(longer)? {
            out.copy_from_slice(&longer[..out.len()]);
            return Ok(written);
        }
    }
    Err(Error::corrupt(format!(
        "the compressed data exceed the {} bytes of the block",
        out.len() + slack
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "decoders in C")]
    fn a_short_stream_and_a_long_one_are_errors() {
        let text = vec![7; 100];
        let mut packed = vec![0; 200];
        let level = libdeflater::CompressionLvl::default();
        let len = libdeflater::Compressor::new(level)
            .zlib_compress(&text, &mut packed)
            .expect("compress");
        let mut codecs = Codecs::default();
        let mut decode = |size, needed, slack| {
            let mut out = vec![0; size];
            codecs
                .decode(
                    Compression::Deflate,
                    &packed[..len],
                    &mut out,
                    needed,
                    slack,
                )
                .map(|()| out)
        };
        assert_eq!(decode(100, 100, 0).expect("exact"), text);
        assert_eq!(decode(60, 60, 40).expect("slack"), &text[..60]);
        assert_eq!(decode(120, 100, 0).expect("enough")[..100], text);
        assert!(decode(101, 101, 0).is_err());
        assert!(decode(60, 60, 39).is_err());
    }

    #[test]
    fn both_kinds_of_lzw_are_told_apart() {
        let text: Vec<u8> = (0..5000u32).map(|i| ((i * i) >> 5) as u8).collect();
        let new = weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8).encode(&text);
        let old = weezl::encode::Encoder::new(BitOrder::Lsb, 8).encode(&text);
        for stream in [new, old] {
            let mut out = vec![0; text.len()];
            Codecs::default()
                .decode(
                    Compression::Lzw,
                    &stream.expect("encode"),
                    &mut out,
                    text.len(),
                    0,
                )
                .expect("decode");
            assert!(out == text);
        }
    }
}
