//! What a caller says of the file that is to be built.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::image::{Image, MAX_LEVELS};
use crate::resample::Filter;

/// The most threads that take part.
pub const MAX_THREADS: u32 = 1024;

/// Columns and rows of a tile where nothing is said.
const TILE: u64 = 512;

/// The quality of JPEG where nothing is said.
const QUALITY: u32 = 75;

/// More bands have tiles of their own, where the layout lets them: one band of many is to cost no other.
const MOST_TOGETHER: usize = 4;

/// The longest side of a tile.
const MAX_TILE: u64 = 1 << 15;

/// How the levels lie in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// A tiled GeoTIFF with its overviews.
    #[default]
    Tiled,
    /// The same as a cloud-optimised GeoTIFF.
    Cog,
    /// A file of overviews alone, to lie beside that of the image.
    Overviews,
}

/// How tiles are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Zlib streams.
    #[default]
    Deflate,
    /// Not at all.
    None,
    /// Zstandard frames.
    Zstd,
    /// LZW.
    Lzw,
    /// JPEG, of bands of bytes.
    Jpeg,
}

/// What is stored instead of samples, so that they compress better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predictor {
    /// The samples themselves.
    None,
    /// Differences to the pixel on the left.
    Horizontal,
    /// Differences of the bytes of floats, sorted by significance.
    Float,
}

impl Predictor {
    /// What messages call it.
    fn name(self) -> &'static str {
        match self {
            Self::None => "of samples",
            Self::Horizontal => "of differences",
            Self::Float => "of floats",
        }
    }
}

impl Compression {
    /// What messages call it.
    fn name(self) -> &'static str {
        match self {
            Self::Deflate => "deflate",
            Self::None => "none",
            Self::Zstd => "zstd",
            Self::Lzw => "LZW",
            Self::Jpeg => "JPEG",
        }
    }

    /// What compressed data may be larger than what they stand for, in 64ths of it.
    pub fn worst_growth(self) -> u64 {
        match self {
            // A code of 12 bits for each byte.
            Self::Lzw => 36,
            // Noise of the highest quality.
            Self::Jpeg => 64,
            _ => 1,
        }
    }

    fn has_predictor(self) -> bool {
        !matches!(self, Self::None | Self::Jpeg)
    }

    /// The levels of effort that there are, and the one that is taken if none is named.
    fn efforts(self) -> Option<(u32, u32)> {
        match self {
            Self::Deflate => Some((12, 6)),
            Self::Zstd => Some((22, 9)),
            Self::None | Self::Lzw | Self::Jpeg => None,
        }
    }
}

/// How a file is built.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How the levels lie in files.
    pub layout: Layout,
    /// How tiles are compressed.
    pub compression: Compression,
    /// What is stored instead of samples; if not given, differences where they help.
    pub predictor: Option<Predictor>,
    /// How hard a compression tries, from 1 on; 0 is 6 for deflate and 9 for zstd.
    pub effort: u32,
    /// The quality of JPEG, 1 to 100; 0 is 75.
    pub quality: u32,
    /// Columns and rows of a tile, multiples of 16; 0 is 512.
    pub tile: (u64, u64),
    /// How pixels become one; [`Filter::default_for`] the image if not given.
    pub filter: Option<Filter>,
    /// How many levels there are with the full image; if not given, up to the first that is one tile.
    pub levels: Option<u32>,
    /// All levels are computed from level 0, also those that the source has.
    pub recomputes: bool,
    /// Threads; 0 and 1 are the caller's alone.
    pub threads: u32,
    /// Does not wait until the file is on the disk.
    pub is_unsynced: bool,
    /// Whether offsets have 64 bits; if not given, where the file may need it.
    pub big: Option<bool>,
}

impl Options {
    /// Columns and rows of a tile.
    pub fn tile(&self) -> (u64, u64) {
        let or_default = |side: u64| if side == 0 { TILE } else { side };
        (or_default(self.tile.0), or_default(self.tile.1))
    }

    /// What is stored instead of the samples of an image.
    pub fn predictor_for(&self, image: &Image) -> Predictor {
        match self.predictor {
            Some(predictor) => predictor,
            None if !self.compression.has_predictor() || image.dtype.is_complex() => {
                Predictor::None
            }
            None if has_palette(image) => Predictor::None,
            None if is_float(image.dtype) => Predictor::Float,
            None => Predictor::Horizontal,
        }
    }

    /// Whether each of so many bands has tiles of its own.
    pub fn is_planar(&self, bands: usize) -> bool {
        bands > MOST_TOGETHER && self.layout != Layout::Cog
    }

    /// How hard the compression tries.
    pub fn effort(&self) -> u32 {
        match (self.effort, self.compression.efforts()) {
            (0, Some((_, usual))) => usual,
            (effort, _) => effort,
        }
    }

    /// The quality of JPEG.
    pub fn quality(&self) -> u32 {
        if self.quality == 0 {
            QUALITY
        } else {
            self.quality
        }
    }

    /// Refuses what no file can have, and what does not go together for an image.
    pub fn check(&self, image: &Image) -> Result<()> {
        let (width, height) = self.tile();
        let is_side = |side: u64| (16..=MAX_TILE).contains(&side) && side.is_multiple_of(16);
        if !is_side(width) || !is_side(height) {
            return Err(Error::range(format!(
                "tiles of {width} x {height} pixels; each side must be a multiple of 16 up to {MAX_TILE}"
            )));
        }
        if self.threads > MAX_THREADS {
            return Err(Error::range(format!(
                "{} threads; there may be at most {MAX_THREADS}",
                self.threads
            )));
        }
        if let Some(levels) = self.levels {
            let least = if self.layout == Layout::Overviews {
                2
            } else {
                1
            };
            if !(least..=MAX_LEVELS as u32).contains(&levels) {
                return Err(Error::range(format!(
                    "levels is {levels}; it must be {least} to {MAX_LEVELS}"
                )));
            }
        }
        let most = self.compression.efforts().map_or(0, |(most, _)| most);
        if self.effort > most {
            let (effort, name) = (self.effort, self.compression.name());
            let has = match most {
                0 => "none".to_owned(),
                most => format!("1 to {most}"),
            };
            return Err(Error::range(format!(
                "an effort of {effort}; {name} has {has}"
            )));
        }
        self.check_jpeg(image)?;
        self.check_predictor(image)
    }

    fn check_jpeg(&self, image: &Image) -> Result<()> {
        let is_jpeg = self.compression == Compression::Jpeg;
        if self.quality > if is_jpeg { 100 } else { 0 } {
            return Err(Error::range(format!(
                "a quality of {}; JPEG has 1 to 100, and nothing else has any",
                self.quality
            )));
        }
        let bands = image.bands.len();
        let of = image.dtype.name();
        let refused = |what: String| Err(Error::unsupported(format!("JPEG of {what}")));
        match () {
            () if !is_jpeg => (),
            () if has_palette(image) => {
                return refused(format!(
                    "indices of a palette ({of}); deflate and others have them"
                ));
            }
            () if image.dtype != DType::U8 => {
                return refused(format!(
                    "{bands} bands of {of}; it has u8 alone, deflate and others have all types"
                ));
            }
            () if bands > MOST_TOGETHER && self.layout == Layout::Cog => {
                return refused(format!(
                    "{bands} bands in a COG, which has all bands in one picture; it has 1 to {MOST_TOGETHER}, \
                     other layouts and other compressions have any number"
                ));
            }
            () => (),
        }
        Ok(())
    }

    fn check_predictor(&self, image: &Image) -> Result<()> {
        let refused = |why: &str| {
            let predictor = self.predictor.unwrap_or(Predictor::None);
            Err(Error::unsupported(format!(
                "predictor {} {why}",
                predictor.name()
            )))
        };
        match self.predictor {
            None | Some(Predictor::None) => Ok(()),
            Some(_) if !self.compression.has_predictor() => {
                refused(&format!("with compression {}", self.compression.name()))
            }
            Some(_) if image.dtype.is_complex() => refused("of complex samples"),
            Some(Predictor::Float) if !is_float(image.dtype) => {
                refused(&format!("of samples of {}", image.dtype.name()))
            }
            Some(_) => Ok(()),
        }
    }
}

fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F32 | DType::F64)
}

fn has_palette(image: &Image) -> bool {
    let mut bands = image.bands.iter();
    bands.any(|band| band.colour == crate::image::Colour::Palette)
}
