//! The file formats: which there are, what each can do, and how its files are opened.

use super::Decoder;
use super::beside::{self, Beside, Rules};
use super::jfif::JpegDecoder;
use super::jp2::Jp2File;
use super::missing;
use super::nitf::rsets::{self, Reduction};
use super::nitf::{NitfFile, Version};
use super::png::PngDecoder;
use super::rgb::Stored;
use super::tiff::{TiffDecoder, TiffFile};
use crate::bytes::Bytes;
use crate::error::{Error, Kind, Result};
use crate::image::Image;
use std::ffi::CStr;
use std::sync::Arc;

/// What is read of a format. The numbers are those of the header.
pub mod can {
    /// Files may hold several images.
    pub const IMAGES: u32 = 1;
    /// Resolution levels.
    pub const LEVELS: u32 = 2;
    /// Parts of a block for less than the block.
    pub const WINDOWS: u32 = 4;
    /// Several threads decode at once.
    pub const CONCURRENT: u32 = 8;
    /// Some of the bands for less than all.
    pub const BANDS: u32 = 16;
    /// Absent blocks.
    pub const SPARSE: u32 = 32;
    /// Masks beside the pixels.
    pub const MASKS: u32 = 64;
    /// What places the image on the ground.
    pub const GEOREFERENCE: u32 = 128;
    /// Bytes of a caller.
    pub const BYTES: u32 = 256;
}

/// Opens the images of a file.
type Open = fn(Arc<dyn Bytes>) -> Result<Box<dyn Images>>;

/// Opens the files beside one that hold its reduced resolutions, the largest first.
type Reductions = fn(&dyn Beside) -> Result<Vec<Reduction>>;

/// One file format. The texts end like those of C, to which they are handed.
pub struct Format {
    /// The name.
    pub name: &'static CStr,
    /// The name in full.
    pub long_name: &'static CStr,
    /// Usual endings of file names, without dot, separated by spaces.
    pub extensions: &'static CStr,
    /// Media types, separated by spaces.
    pub media_types: &'static CStr,
    /// What it can do where the file allows it: constants of [`can`].
    pub can: u32,
    /// What is read.
    pub reads: &'static CStr,
    /// What is refused or left out.
    pub lacks: &'static CStr,
    /// Whether a file that begins with these bytes is of it. They are as many as tell every format,
    /// or all that a shorter file has.
    pub(super) recognises: fn(&[u8]) -> bool,
    /// Opens the images of a file.
    pub(super) open: Open,
    /// The reduced resolutions that only files of it have beside them.
    pub(super) beside: Reductions,
    /// What wins where those beside a file have what it has itself.
    pub(super) rules: Rules,
    /// Whether a world file beside a file says where it lies.
    pub(super) has_world_files: bool,
}

impl Format {
    /// The name as text.
    pub fn text(&self) -> &'static str {
        // All names are ASCII.
        self.name.to_str().unwrap_or_default()
    }

    /// What the names of its files mostly end with.
    pub(super) fn usual_extension(&self) -> Option<&'static str> {
        self.extensions.to_str().ok()?.split(' ').next()
    }
}

/// What is read of TIFF, with the codecs that are built in.
const TIFF_READS: &[u8] = &joined::<{ length(TIFF_PARTS) + 1 }>(TIFF_PARTS);

const TIFF_PARTS: &[&str] = &[
    "Strips and tiles, both byte orders, bands interleaved or apart, sparse files, pages, internal overviews ",
    "(of powers of two as levels, others as images) and masks, nodata, GeoKeys and GDAL's items as metadata, the georeference of GeoTIFF and of world files. Uncompressed, LZW, Deflate, ",
    "Zstd, PackBits, ",
    if cfg!(feature = "lzma") { "LZMA, " } else { "" },
    "CCITT RLE, group 3 and group 4, JPEG of 8 and 12 bits and lossless of up to 16, old-style JPEG, JPEG 2000 \
     (of Aperio too; the first quality layers alone by option), SGI LogLuv",
    if cfg!(feature = "jxl") {
        ", JPEG XL"
    } else {
        ""
    },
    if cfg!(feature = "webp") { ", WebP" } else { "" },
    if cfg!(feature = "lerc") {
        ", LERC (packed with Deflate or Zstd too)"
    } else {
        ""
    },
    "; predictors 2 and 3. YCbCr of 8 bits as RGB, subsampled too; CMYK and CIELab as stored, or of 8 bits as RGB by option (TC_OPEN_RGB). Integers of 1 to 64 bits, floats of 16, 24, 32 and 64, complex integers of 2 x 16 ",
    "and 2 x 32, complex floats of 2 x 32 and 2 x 64; bands of different types in the smallest type that has all ",
    "their values.",
];

const fn length(parts: &[&str]) -> usize {
    let (mut sum, mut part) = (0, 0);
    while part < parts.len() {
        sum += parts[part].len();
        part += 1;
    }
    sum
}

/// All parts in a row, and a zero.
const fn joined<const LEN: usize>(parts: &[&str]) -> [u8; LEN] {
    let mut all = [0; LEN];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let (bytes, mut i) = (parts[part].as_bytes(), 0);
        while i < bytes.len() {
            all[at] = bytes[i];
            (at, i) = (at + 1, i + 1);
        }
        part += 1;
    }
    all
}

const fn text(bytes: &[u8]) -> &CStr {
    match CStr::from_bytes_with_nul(bytes) {
        Ok(text) => text,
        Err(_) => panic!("a zero within the text"),
    }
}

/// All formats; the first that recognises a file is its.
pub const FORMATS: &[Format] = &[
    Format {
        name: c"TIFF",
        long_name: c"TIFF, BigTIFF and Cloud Optimized GeoTIFF",
        extensions: c"tif tiff gtif gtiff btf tf8",
        media_types: c"image/tiff image/geotiff",
        can: can::IMAGES
            | can::LEVELS
            | can::WINDOWS
            | can::CONCURRENT
            | can::BANDS
            | can::SPARSE
            | can::MASKS
            | can::GEOREFERENCE
            | can::BYTES,
        reads: text(TIFF_READS),
        lacks: c"LogLuv of other samples than 16 bits; JPEG XL of floats of 16 bits or of both signs.",
        recognises: |first| first.len() >= 8 && TiffFile::is_tiff(first),
        open: |bytes| Ok(Box::new(TiffFile::open(bytes)?)),
        beside: |_| Ok(Vec::new()),
        rules: beside::OF_TIFF,
        has_world_files: true,
    },
    Format {
        name: c"JPEG 2000",
        long_name: c"JPEG 2000, as JP2 file or raw codestream",
        extensions: c"jp2 j2k j2c jpc jpx jpf",
        media_types: c"image/jp2 image/jpx image/j2c",
        can: can::LEVELS
            | can::WINDOWS
            | can::CONCURRENT
            | can::BANDS
            | can::GEOREFERENCE
            | can::BYTES,
        reads: c"JP2 and raw codestreams: their tiles as blocks, windows inside large tiles by \
            code-blocks, each decoded once while the cache keeps it, resolution levels by fewer wavelet levels, \
            the first quality layers alone by option, 1 to 31 bits, \
            subsampled components, palettes, offsets of image and tiles, the georeference of GeoJP2, GMLJP2 and of world \
            files. HTJ2K in the same way. One decode takes at most 2 GiB beside its pixels.",
        lacks: c"Part 2; code-blocks of Part 15 (HTJ2K) side by side with others, of several cleanup passes, or of more than 30 bit planes; further codestreams of a JPX file.",
        recognises: Jp2File::is_jp2,
        open: |bytes| {
            let decoder = Jp2File::open(bytes)?.into_decoder();
            Ok(Only::boxed(c"JPEG 2000", decoder.image().clone(), decoder))
        },
        beside: |_| Ok(Vec::new()),
        rules: beside::OF_OTHERS,
        has_world_files: true,
    },
    Format {
        name: c"NITF",
        long_name: c"NITF 2.0, NITF 2.1 and NSIF 1.0",
        extensions: c"ntf nitf nsf nsif",
        media_types: c"image/nitf application/vnd.nitf",
        can: can::IMAGES
            | can::LEVELS
            | can::WINDOWS
            | can::CONCURRENT
            | can::BANDS
            | can::SPARSE
            | can::GEOREFERENCE
            | can::BYTES,
        reads: c"NITF 2.0 and 2.1. Several images; uncompressed (IMODE B, P, R and S, 1 to 64 bits), bi-level (C1 of one \
            block, M1), JPEG (C3, M3, I1 of full size, C5, M5) of 8 to 16 bits and JPEG 2000 (C8, M8, CD, MD); masks and pad \
            pixels; two bands that are parts of complex numbers (SICD) as one; header fields and TREs as \
            metadata; corners (IGEOLO, BLOCKA) and RPC00A or B as georeference; R-sets beside the file as levels.",
        lacks: c"Vector quantization (C4) and other compressions; corners in MGRS (U) or geocentric (C).",
        recognises: NitfFile::is_nitf,
        open: |bytes| Ok(Box::new(NitfFile::open(bytes)?)),
        beside: rsets::beside,
        rules: beside::OF_NITF,
        has_world_files: false,
    },
    Format {
        name: c"PNG",
        long_name: c"Portable Network Graphics",
        extensions: c"png",
        media_types: c"image/png",
        can: can::CONCURRENT | can::GEOREFERENCE | can::BYTES,
        reads: c"All of the standard, interlaced too: 1 to 16 bits, palettes as indices with their \
            colours as metadata, a transparent colour as nodata, alpha; texts, gamma, resolution and \
            Exif as metadata. One block.",
        lacks: c"Texts behind the pixels; the frames of an animation.",
        recognises: PngDecoder::is_png,
        open: |bytes| {
            let decoder = PngDecoder::open(bytes)?;
            Ok(Only::boxed(c"PNG", decoder.image().clone(), decoder))
        },
        beside: |_| Ok(Vec::new()),
        rules: beside::OF_PNG,
        has_world_files: true,
    },
    Format {
        name: c"JPEG",
        long_name: c"JPEG, as JFIF, Exif or bare",
        extensions: c"jpg jpeg jpe jfif",
        media_types: c"image/jpeg",
        can: can::CONCURRENT | can::GEOREFERENCE | can::BYTES,
        reads: c"Baseline, extended and progressive, of 8 and 12 bits, and lossless of 2 to 16: grey, RGB, YCbCr, \
            CMYK and YCCK, the coloured ones as RGB, with the samples of libjpeg-turbo and GDAL; comments, \
            Exif and XMP as metadata. One block. What is damaged in its midst is read as GDAL reads it; \
            pixels that end too early are an error.",
        lacks: c"Arithmetic and hierarchical coding; lossless luma and chroma.",
        recognises: JpegDecoder::is_jpeg,
        open: |bytes| {
            let decoder = JpegDecoder::open(bytes)?;
            Ok(Only::boxed(c"JPEG", decoder.image().clone(), decoder))
        },
        beside: |_| Ok(Vec::new()),
        rules: beside::OF_OTHERS,
        has_world_files: true,
    },
];

/// The images of an open file.
pub(super) trait Images {
    /// What the file is, as exactly as it is worth telling.
    fn format(&self) -> &'static CStr;

    fn count(&self) -> Result<usize>;

    /// One of the images; with `as_rgb`, what GDAL shows as red, green and blue is so, where the format tells of such
    /// samples.
    fn image(self: Box<Self>, index: usize, as_rgb: bool) -> Result<Parts>;
}

/// An image and what decodes it.
pub struct Part {
    /// The image.
    pub image: Image,
    /// What decodes it.
    pub decoder: Box<dyn Decoder>,
    /// Where it lies beside the file that was opened, for messages.
    pub beside: Option<String>,
}

impl Part {
    /// An image of the file itself.
    pub fn new(image: Image, decoder: impl Decoder + 'static) -> Self {
        Self {
            image,
            decoder: Box::new(decoder),
            beside: None,
        }
    }
}

/// What one image of a file is made of.
pub(super) struct Parts {
    /// The image, and its overviews as far as they are images of their own.
    pub levels: Vec<Part>,
    /// The mask of each level that has one, from the full one on.
    pub masks: Vec<Part>,
    /// Levels that other files have, which take the places of those that the image has itself.
    pub beside: Vec<(u32, Part)>,
    pub shown: Shown,
}

/// The colours of an image.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Those that are stored.
    AsStored,
    /// Those that are stored, where GDAL shows red, green and blue.
    Otherwise,
    /// Red, green and blue, made of others.
    AsRgb,
}

impl Parts {
    /// One image with all its levels.
    fn one(part: Part) -> Self {
        Self {
            levels: vec![part],
            masks: Vec::new(),
            beside: Vec::new(),
            shown: Shown::AsStored,
        }
    }
}

impl Images for TiffFile {
    fn format(&self) -> &'static CStr {
        if self.is_big() { c"BigTIFF" } else { c"TIFF" }
    }

    fn count(&self) -> Result<usize> {
        Ok(self.image_count())
    }

    fn image(self: Box<Self>, index: usize, as_rgb: bool) -> Result<Parts> {
        let image = match as_rgb {
            true => self.image_as_shown(index)?,
            false => TiffFile::image(&self, index)?,
        };
        let full = image.levels[0].stored_colours();
        let others = full.filter(|full| *full != Stored::Rgb);
        let made_of = others.filter(|_| as_rgb);
        let level = |decoder: TiffDecoder| {
            let colours = decoder.stored_colours();
            let part = Part::new(decoder.image().clone(), decoder);
            match made_of {
                Some(full) => colours.unwrap_or(full).as_rgb(part),
                None => Ok(part),
            }
        };
        let levels: Result<Vec<Part>> = image.levels.into_iter().map(level).collect();
        let mask = |decoder: TiffDecoder| Part::new(decoder.image().clone(), decoder);
        let masks = image.masks.into_iter().map(mask);
        Ok(Parts {
            levels: missing::filled(image.level_numbers.into_iter().zip(levels?).collect()),
            masks: missing::filled(image.mask_numbers.into_iter().zip(masks).collect()),
            beside: Vec::new(),
            shown: match others {
                None => Shown::AsStored,
                Some(_) if as_rgb => Shown::AsRgb,
                Some(_) => Shown::Otherwise,
            },
        })
    }
}

impl Images for NitfFile {
    fn format(&self) -> &'static CStr {
        match self.version() {
            Version::Nitf20 => c"NITF 2.0",
            Version::Nitf21 => c"NITF 2.1",
            Version::Nsif => c"NSIF 1.0",
        }
    }

    fn count(&self) -> Result<usize> {
        Ok(self.image_count() + self.complex_segments()?.len())
    }

    fn image(self: Box<Self>, index: usize, _as_rgb: bool) -> Result<Parts> {
        if let Some(decoder) = self.complex(index)? {
            return Ok(Parts::one(Part::new(decoder.image().clone(), decoder)));
        }
        let behind = index.checked_sub(self.image_count());
        let segment = match behind {
            None => index,
            Some(behind) => {
                let complex = self.complex_segments()?;
                *complex
                    .get(behind)
                    .ok_or_else(|| no_image(index, self.image_count() + complex.len()))?
            }
        };
        let decoder = NitfFile::image(&self, segment)?;
        Ok(Parts::one(Part::new(decoder.image().clone(), decoder)))
    }
}

/// The error of an index that a file with so many images does not have.
fn no_image(index: usize, count: usize) -> Error {
    Error::new(
        Kind::NotFound,
        format!("image {index} of a file with {count}"),
    )
}

/// The image of a file that can have no other.
struct Only(&'static CStr, Part);

impl Only {
    fn boxed(
        format: &'static CStr,
        image: Image,
        decoder: impl Decoder + 'static,
    ) -> Box<dyn Images> {
        Box::new(Only(format, Part::new(image, decoder)))
    }
}

impl Images for Only {
    fn format(&self) -> &'static CStr {
        self.0
    }

    fn count(&self) -> Result<usize> {
        Ok(1)
    }

    fn image(self: Box<Self>, index: usize, _as_rgb: bool) -> Result<Parts> {
        if index > 0 {
            return Err(no_image(index, 1));
        }
        Ok(Parts::one(self.1))
    }
}
