//! The tags that describe the image of a level.

use super::directory::{Directory, Entry, Kind};
use super::encode::Coding;
use super::options::{Compression, Predictor};
use super::{place, texts};
use crate::chain::Palette;
use crate::decimal::Decimal;
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::image::{Band, Colour, Image};
use crate::source::jpeg;
use crate::source::tiff::tags;

/// The bit of a directory that is a smaller image.
const REDUCED: u32 = 1;

/// That of a mask.
const MASK: u32 = 4;

/// What the first bands of a pixel are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Photometric {
    /// Brightness, of however many bands.
    Gray,
    /// Red, green and blue.
    Rgb,
    /// Indices.
    Palette,
}

impl Photometric {
    /// What the bands of an image are.
    pub fn of(image: &Image) -> Self {
        let colours: Vec<Colour> = image.bands.iter().map(|band| band.colour).collect();
        let is_indexed = matches!(image.dtype, DType::U8 | DType::U16);
        match &colours[..] {
            [Colour::Red, Colour::Green, Colour::Blue, ..] => Self::Rgb,
            [Colour::Palette, ..] if is_indexed && Palette::of(image, 0).is_some() => Self::Palette,
            _ => Self::Gray,
        }
    }

    fn number(self, image: &Image) -> u16 {
        match self {
            Self::Gray if texts::is_white_zero(&image.metadata) => 0,
            Self::Gray => 1,
            Self::Rgb => 2,
            Self::Palette => 3,
        }
    }

    /// The bands that it is about.
    fn bands(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Gray | Self::Palette => 1,
        }
    }

    /// What a reader takes a band for by the tags alone.
    pub fn colour(self, bands: &[Band], band: usize) -> Colour {
        match (self, band) {
            (Self::Rgb, 0) => Colour::Red,
            (Self::Rgb, 1) => Colour::Green,
            (Self::Rgb, 2) => Colour::Blue,
            (Self::Palette, 0) => Colour::Palette,
            (Self::Gray, 0) => Colour::Gray,
            _ if bands[band].colour == Colour::Alpha => Colour::Alpha,
            _ => Colour::Undefined,
        }
    }
}

fn format(dtype: DType) -> u16 {
    use DType::*;
    match dtype {
        U8 | U16 | U32 | U64 => 1,
        I8 | I16 | I32 | I64 => 2,
        F32 | F64 => 3,
        CI16 | CI32 => 5,
        CF32 | CF64 => 6,
    }
}

fn compression(of: Compression) -> u16 {
    match of {
        Compression::None => 1,
        Compression::Lzw => 5,
        Compression::Deflate => 8,
        Compression::Zstd => 50000,
        Compression::Jpeg => 7,
    }
}

/// What goes for images and masks.
fn common(size: (u64, u64), coding: &Coding, kind: u32) -> Result<Directory> {
    let side = |side: u64| {
        u32::try_from(side)
            .map_err(|_| Error::limit(format!("a side of {side} pixels; TIFF has 32 bits for it")))
    };
    let mut directory = Directory::default();
    if kind != 0 {
        directory.set(Entry::long(tags::NEW_SUBFILE_TYPE, kind));
    }
    directory.set(Entry::long(tags::IMAGE_WIDTH, side(size.0)?));
    directory.set(Entry::long(tags::IMAGE_LENGTH, side(size.1)?));
    let number = compression(coding.compression);
    directory.set(Entry::shorts(tags::COMPRESSION, &[number]));
    directory.set(Entry::long(tags::TILE_WIDTH, coding.tile.0 as u32));
    directory.set(Entry::long(tags::TILE_LENGTH, coding.tile.1 as u32));
    Ok(directory)
}

/// The directory of an image of a size, without its tables of tiles.
pub fn of_image(
    image: &Image,
    size: (u64, u64),
    coding: &Coding,
    is_reduced: bool,
) -> Result<Directory> {
    let bands = u16::try_from(coding.bands)
        .map_err(|_| Error::limit(format!("{} bands; TIFF has 16 bits for it", coding.bands)))?;
    let kind = if is_reduced { REDUCED } else { 0 };
    let mut directory = common(size, coding, kind)?;
    let photometric = Photometric::of(image);
    if let Some(picture) = &coding.jpeg {
        let tables = jpeg::encode(picture, None)?;
        directory.set(Entry::bytes(tags::JPEG_TABLES, &tables));
    }
    let is_ycbcr = coding.jpeg.is_some_and(|picture| picture.is_rgb);
    if is_ycbcr {
        directory.set(Entry::shorts(tags::YCBCR_SUBSAMPLING, &[2, 2]));
        let full = [(0, 1), (255, 1), (128, 1), (255, 1), (128, 1), (255, 1)];
        directory.set(Entry::rationals(tags::REFERENCE_BLACK_WHITE, &full));
    }
    let bits = (coding.dtype.size() * 8) as u16;
    directory.set(Entry::shorts(
        tags::BITS_PER_SAMPLE,
        &vec![bits; coding.bands],
    ));
    directory.set(Entry::shorts(
        tags::PHOTOMETRIC,
        &[match is_ycbcr {
            true => 6,
            false => photometric.number(image),
        }],
    ));
    directory.set(Entry::shorts(tags::SAMPLES_PER_PIXEL, &[bands]));
    let planar = if coding.is_planar { 2 } else { 1 };
    directory.set(Entry::shorts(tags::PLANAR_CONFIG, &[planar]));
    directory.set(Entry::shorts(
        tags::SAMPLE_FORMAT,
        &vec![format(coding.dtype); coding.bands],
    ));
    match coding.predictor {
        Predictor::None => (),
        Predictor::Horizontal => directory.set(Entry::shorts(tags::PREDICTOR, &[2])),
        Predictor::Float => directory.set(Entry::shorts(tags::PREDICTOR, &[3])),
    }
    let extra = image.bands.iter().skip(photometric.bands());
    // Straight opacity, or nothing in particular.
    let extra: Vec<u16> = extra
        .map(|band| if band.colour == Colour::Alpha { 2 } else { 0 })
        .collect();
    if !extra.is_empty() {
        directory.set(Entry::shorts(tags::EXTRA_SAMPLES, &extra));
    }
    if photometric == Photometric::Palette
        && let Some(palette) = Palette::of(image, 0)
    {
        let colours = colour_map(&palette, image.dtype);
        directory.set(Entry::shorts(tags::COLOR_MAP, &colours));
    }
    if let Some(text) = nodata(image, is_reduced)? {
        directory.set(Entry::text(tags::GDAL_NODATA, &text));
    }
    texts::add(&mut directory, image, is_reduced);
    if !is_reduced {
        let georef = image.georef.as_ref().and_then(|located| located.level(0));
        if let Some(georef) = georef {
            place::add(&mut directory, &georef, &image.metadata)?;
        }
    }
    Ok(directory)
}

/// The directory of a mask.
pub fn of_mask(size: (u64, u64), coding: &Coding, is_reduced: bool) -> Result<Directory> {
    let reduced = if is_reduced { REDUCED } else { 0 };
    let mut directory = common(size, coding, MASK | reduced)?;
    directory.set(Entry::shorts(tags::BITS_PER_SAMPLE, &[1]));
    // A mask of transparency.
    directory.set(Entry::shorts(tags::PHOTOMETRIC, &[4]));
    directory.set(Entry::shorts(tags::SAMPLES_PER_PIXEL, &[1]));
    directory.set(Entry::shorts(tags::PLANAR_CONFIG, &[1]));
    directory.set(Entry::shorts(tags::SAMPLE_FORMAT, &[1]));
    Ok(directory)
}

/// The places and lengths of tiles.
pub fn set_tiles(directory: &mut Directory, offsets: &[u64], counts: &[u64], kind: Kind) {
    directory.set(Entry::numbers(tags::TILE_OFFSETS, kind, offsets));
    directory.set(Entry::numbers(tags::TILE_BYTE_COUNTS, Kind::Long, counts));
}

/// All reds, then all greens, then all blues, of 16 bits, for every index that there may be.
fn colour_map(palette: &Palette, dtype: DType) -> Vec<u16> {
    let count = 1 << (dtype.size() * 8);
    let colours = palette.colours();
    let of = |index: usize, part: usize| {
        let colour = colours.get(index);
        colour.map_or(0, |colour| u16::from(colour[part]) * 257)
    };
    let part = |part: usize| (0..count).map(move |index| of(index, part));
    (0..3).flat_map(part).collect()
}

/// The text of the nodata value, of which TIFF has one for all bands. Where they have different ones, overviews have none:
/// what holds for them is what the image says.
fn nodata(image: &Image, is_reduced: bool) -> Result<Option<String>> {
    let is_counted = |(_, band): &(usize, &Band)| band.colour != Colour::Alpha;
    let mut bands = image.bands.iter().enumerate().filter(is_counted);
    let Some((nth, first)) = bands.next() else {
        return Ok(None);
    };
    let text = |band: &Band| band.nodata.as_ref().map(|value| sample(image.dtype, value));
    if let Some((other, with)) = bands.find(|(_, band)| band.nodata != first.nodata) {
        if is_reduced {
            return Ok(None);
        }
        let said = |band: &Band| match &band.nodata {
            Some(value) => Decimal(value.to_f64(image.dtype)).to_string(),
            None => "none".into(),
        };
        let (first, with) = (said(first), said(with));
        return Err(Error::unsupported(format!(
            "bands {nth} and {other} with different nodata values, {first} and {with}; a TIFF file has one for all"
        )));
    }
    Ok(text(first))
}

/// A sample as text, for readers of files.
fn sample(dtype: DType, value: &Sample) -> String {
    let bytes = value.bytes(dtype);
    match dtype {
        DType::U64 => u64::from_ne_bytes(bytes.try_into().unwrap_or_default()).to_string(),
        DType::I64 => i64::from_ne_bytes(bytes.try_into().unwrap_or_default()).to_string(),
        _ => number(value.to_f64(dtype)),
    }
}

/// A number as short as it can be said exactly.
pub fn number(value: f64) -> String {
    match value {
        _ if value.is_nan() => "nan".into(),
        _ if value == f64::INFINITY => "inf".into(),
        _ if value == f64::NEG_INFINITY => "-inf".into(),
        _ if value == value.trunc() && value.abs() < 1e15 => format!("{value:.0}"),
        _ => format!("{value:?}"),
    }
}
