//! What the numbers of the tags mean: compressions, predictors, formats and bits of samples.

use super::directory::Directory;
use super::{logluv, tags};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::source::fax;
use std::sync::Arc;

/// How the bytes of a block are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// LZW, in either bit order.
    Lzw,
    /// JPEG with tables in the directory.
    Jpeg,
    /// JPEG as it was in TIFF before that.
    OldJpeg,
    /// Zlib streams, by both numbers.
    Deflate,
    /// Runs of bytes.
    PackBits,
    /// Zstandard frames.
    Zstd,
    /// As facsimiles are.
    Fax(fax::Coding),
    /// JPEG 2000 codestreams, of luma and chroma whatever else is said of them.
    Jp2 { has_chroma: bool },
    /// JPEG XL images.
    #[cfg(feature = "jxl")]
    JpegXl,
    /// Logarithms of luminance, with chroma or without.
    LogLuv(logluv::Coding),
    /// XZ files.
    #[cfg(feature = "lzma")]
    Lzma,
    /// WebP pictures.
    #[cfg(feature = "webp")]
    WebP,
    /// LERC blobs, which may be compressed once more.
    #[cfg(feature = "lerc")]
    Lerc(Packing),
}

/// How blobs are compressed once more.
#[cfg(feature = "lerc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    None,
    /// Zlib streams.
    Deflate,
    /// Zstandard frames.
    Zstd,
}

/// What is undone after the decompression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predictor {
    /// Nothing.
    None,
    /// Differences to the pixel on the left.
    Horizontal,
    /// Differences of the bytes of floats, sorted by significance.
    Float,
}

/// What the bits of a sample mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A whole number from 0.
    Unsigned,
    /// A whole number in two's complement.
    Signed,
    /// A floating-point number.
    Float,
    /// Two whole numbers.
    ComplexInteger,
    /// Two floating-point numbers.
    ComplexFloat,
}

impl Compression {
    /// Whether what comes out of it are samples as they lie in memory, not as the file has them.
    pub fn gives_samples(self) -> bool {
        match self {
            Self::Jpeg | Self::Jp2 { .. } | Self::LogLuv(_) => true,
            #[cfg(feature = "jxl")]
            Self::JpegXl => true,
            _ => false,
        }
    }

    /// Whether writers of it use a predictor; others ignore the tag.
    pub fn has_predictor(self) -> bool {
        match self {
            Self::Deflate | Self::Lzw | Self::Zstd => true,
            #[cfg(feature = "lzma")]
            Self::Lzma => true,
            _ => false,
        }
    }
}

/// The compression by its number.
pub fn compression(directory: &Directory, tag: u64) -> Result<Compression> {
    use fax::Coding;
    let name = match tag {
        1 => return Ok(Compression::None),
        2 => return Ok(Compression::Fax(Coding::Runs)),
        3 => {
            let options = directory.unsigned(tags::T4_OPTIONS)?.unwrap_or(0);
            let both = options & 1 == 1;
            return Ok(Compression::Fax(Coding::Group3 { both }));
        }
        4 => return Ok(Compression::Fax(Coding::Group4)),
        5 => return Ok(Compression::Lzw),
        6 => return Ok(Compression::OldJpeg),
        7 => return Ok(Compression::Jpeg),
        8 | 32946 => return Ok(Compression::Deflate),
        32773 => return Ok(Compression::PackBits),
        33003 => return Ok(Compression::Jp2 { has_chroma: true }),
        33004 | 33005 | 34712 => return Ok(Compression::Jp2 { has_chroma: false }),
        34676 | 34677 => return Ok(Compression::LogLuv(logluv::coding(directory, tag)?)),
        50000 => return Ok(Compression::Zstd),
        #[cfg(feature = "lerc")]
        34887 => return Ok(Compression::Lerc(packing(directory)?)),
        #[cfg(feature = "lzma")]
        34925 => return Ok(Compression::Lzma),
        #[cfg(feature = "webp")]
        50001 => return Ok(Compression::WebP),
        // By the numbers of GDAL and of DNG 1.7.
        #[cfg(feature = "jxl")]
        50002 | 52546 => return Ok(Compression::JpegXl),
        32771 => "CCITT RLE of words",
        32809 => "ThunderScan",
        #[cfg(not(feature = "lerc"))]
        34887 => "LERC, which this build is without",
        #[cfg(not(feature = "lzma"))]
        34925 => "LZMA, which this build is without",
        #[cfg(not(feature = "webp"))]
        50001 => "WebP, which this build is without",
        #[cfg(not(feature = "jxl"))]
        50002 | 52546 => "JPEG XL, which this build is without",
        _ => "unknown",
    };
    Err(Error::unsupported(format!("compression {tag} ({name})")))
}

/// How LERC blobs are compressed once more: the second of two numbers, behind the version.
#[cfg(feature = "lerc")]
fn packing(directory: &Directory) -> Result<Packing> {
    let parameters = directory.unsigneds(tags::LERC_PARAMETERS, 2)?;
    match parameters.and_then(|list| list.get(1).copied()) {
        None | Some(0) => Ok(Packing::None),
        Some(1) => Ok(Packing::Deflate),
        Some(2) => Ok(Packing::Zstd),
        Some(other) => Err(Error::unsupported(format!(
            "LERC with a second compression {other}"
        ))),
    }
}

/// What the bits of the samples mean, band by band, without repetitions of the last.
pub fn formats(directory: &Directory, bands: u64) -> Result<Vec<Format>> {
    let said = directory.unsigneds(tags::SAMPLE_FORMAT, bands)?;
    let said = said.filter(|list| !list.is_empty()).unwrap_or(vec![1]);
    let format = |said: u64| match said {
        // 4 is "undefined", which all readers take for a whole number.
        1 | 4 => Ok(Format::Unsigned),
        2 => Ok(Format::Signed),
        3 => Ok(Format::Float),
        5 => Ok(Format::ComplexInteger),
        6 => Ok(Format::ComplexFloat),
        other => Err(Error::corrupt(format!("sample format {other}"))),
    };
    let formats: Result<Vec<Format>> = said.into_iter().map(format).collect();
    Ok(without_repetitions(formats?))
}

fn without_repetitions<T: PartialEq>(mut list: Vec<T>) -> Vec<T> {
    while let [.., last, end] = &list[..]
        && last == end
    {
        list.pop();
    }
    list
}

/// The bits of each band, without repetitions of the last.
pub fn bits(directory: &Directory, bands: usize) -> Result<Arc<[u32]>> {
    let given = directory.unsigneds(tags::BITS_PER_SAMPLE, bands as u64)?;
    let given = given.filter(|list| !list.is_empty()).unwrap_or(vec![1]);
    if let Some(bits) = given.iter().find(|bits| !(1..=128).contains(*bits)) {
        return Err(Error::unsupported(format!("samples of {bits} bits")));
    }
    let given = without_repetitions(given);
    Ok(given.iter().map(|bits| *bits as u32).collect())
}

/// The type that the samples of all bands are delivered in; with the type of each band, without repetitions of
/// the last, where these differ.
pub fn types(bits: &[u32], formats: &[Format]) -> Result<(DType, Option<Arc<[DType]>>)> {
    let alike = dtype(bits, formats[0]);
    if formats.len() == 1 && (alike.is_ok() || bits.len() == 1) {
        return Ok((alike?, None));
    }
    let refused = || {
        let bands = format!("bands of {bits:?} bits that are {formats:?}");
        Error::unsupported(bands)
    };
    let of_band = |band: usize| {
        let bits = bits[band.min(bits.len() - 1)];
        let own = dtype_of(bits, formats[band.min(formats.len() - 1)])?;
        // Only words of whole bytes can stand beside others.
        let is_whole = own.size() * 8 == bits as usize;
        if is_whole { Ok(own) } else { Err(refused()) }
    };
    let types: Result<Vec<DType>> = (0..bits.len().max(formats.len())).map(of_band).collect();
    let types = without_repetitions(types?);
    let union = |all: Option<DType>, own: &DType| all?.union(*own);
    let all = types.iter().fold(Some(types[0]), union);
    Ok((all.ok_or_else(refused)?, Some(types.into())))
}

/// The type that samples of so many bits, band by band, are delivered in where their formats are the same.
fn dtype(bits: &[u32], format: Format) -> Result<DType> {
    let first = dtype_of(bits[0], format)?;
    let mixed = bits.iter().any(|other| *other != bits[0]);
    for other in bits {
        // Words of whole bytes follow the byte order of the file and odd ones do not, so that a
        // mixture of both above one byte has no agreed meaning.
        let packed = *other <= 8 || other % 8 != 0;
        if dtype_of(*other, format)? != first || mixed && !packed {
            return Err(Error::unsupported(format!("bands of {bits:?} bits")));
        }
    }
    Ok(first)
}

fn dtype_of(bits: u32, format: Format) -> Result<DType> {
    Ok(match (format, bits) {
        (Format::Unsigned, 1..=8) => DType::U8,
        (Format::Unsigned, 9..=16) => DType::U16,
        (Format::Unsigned, 17..=32) => DType::U32,
        (Format::Unsigned, 33..=64) => DType::U64,
        (Format::Signed, 1..=8) => DType::I8,
        (Format::Signed, 9..=16) => DType::I16,
        (Format::Signed, 17..=32) => DType::I32,
        (Format::Signed, 33..=64) => DType::I64,
        (Format::Float, 16 | 24 | 32) => DType::F32,
        (Format::Float, 64) => DType::F64,
        (Format::ComplexInteger, 32) => DType::CI16,
        (Format::ComplexInteger, 64) => DType::CI32,
        (Format::ComplexFloat, 64) => DType::CF32,
        (Format::ComplexFloat, 128) => DType::CF64,
        _ => {
            return Err(Error::unsupported(format!(
                "{format:?} samples of {bits} bits"
            )));
        }
    })
}
