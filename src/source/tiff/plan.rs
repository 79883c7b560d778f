//! What the tags of one directory say of its pixels, checked once so that decoding need not ask.

use super::directory::Directory;
use super::encoding::{self, Compression, Format, Predictor};
use super::old_jpeg::OldJpeg;
use super::tags;
use super::ycbcr::Units;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::Grid;
use crate::image::{MAX_BANDS, MAX_SIDE};
use crate::source::rgb::Stored;
use std::mem::discriminant;
use std::ops::Range;
use std::sync::Arc;

/// The largest block that is decompressed; its whole must be in memory.
const MAX_DECODED: u64 = 4 << 30;

/// The shape, the sample type and the encoding of the image of one directory.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Columns and rows.
    pub size: (u64, u64),
    /// Columns and rows of a block.
    pub block: (u64, u64),
    /// Blocks are tiles, stored in full size at the edges.
    pub tiled: bool,
    /// Every band has blocks of its own.
    pub planar: bool,
    /// Bands.
    pub bands: usize,
    /// Bits of a sample as stored, band by band; the last holds for all bands behind it. So short
    /// because a file may claim many bands in many directories.
    bits: Arc<[u32]>,
    /// Bits of a sample that have a meaning, where they are fewer.
    significant: Option<u32>,
    /// What the bits mean; of the first band where the types of bands differ.
    pub format: Format,
    /// The sample type of the decoded pixels.
    pub dtype: DType,
    /// The type of each band as stored, where they differ; the last holds for all bands behind it.
    types: Option<Arc<[DType]>>,
    /// How blocks are compressed.
    pub compression: Compression,
    /// What is undone after the decompression.
    pub predictor: Predictor,
    /// The lowest bit of a byte comes first.
    pub low_bits_first: bool,
    /// How the samples are to be seen.
    pub photometric: u64,
    /// The JPEG tables that all blocks share.
    pub jpeg_tables: Arc<[u8]>,
    /// How blocks become JPEG streams that are none.
    pub old_jpeg: Option<OldJpeg>,
    /// How luma and chroma are packed that become colours without JPEG.
    pub units: Option<Units>,
    /// The last band is opacity that the colours are not multiplied by.
    pub opacity: bool,
    /// What the samples are, where they can be shown as red, green and blue.
    pub rgb: Option<Stored>,
}

impl Plan {
    /// Reads and checks the tags.
    pub fn new(directory: &Directory) -> Result<Self> {
        Self::read(directory).map_err(|error| error.at(directory.place()))
    }

    fn read(directory: &Directory) -> Result<Self> {
        let get = |tag| directory.unsigned(tag);
        let or = |tag, default| Ok(get(tag)?.unwrap_or(default));
        let need = |tag: u16| {
            get(tag)?.ok_or_else(|| {
                let name = tags::name(tag).unwrap_or_default();
                Error::corrupt(format!("tag {tag} ({name}) is missing"))
            })
        };
        let compression = encoding::compression(directory, or(tags::COMPRESSION, 1)?)?;
        let size = (need(tags::IMAGE_WIDTH)?, need(tags::IMAGE_LENGTH)?);
        let tiled = directory.entries.contains_key(&tags::TILE_WIDTH);
        let block = if tiled {
            (need(tags::TILE_WIDTH)?, need(tags::TILE_LENGTH)?)
        } else {
            (size.0, or(tags::ROWS_PER_STRIP, u64::MAX)?.min(size.1))
        };
        for (what, (width, height)) in [("an image", size), ("blocks", block)] {
            if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
                return Err(Error::corrupt(format!(
                    "{what} of {width} x {height} pixels"
                )));
            }
        }
        let bands = or(tags::SAMPLES_PER_PIXEL, 1)?;
        if !(1..=u64::from(MAX_BANDS)).contains(&bands) {
            return Err(Error::corrupt(format!("{bands} samples per pixel")));
        }
        let planar = match or(tags::PLANAR_CONFIG, 1)? {
            1 => false,
            2 => bands > 1,
            other => return Err(Error::corrupt(format!("planar configuration {other}"))),
        };
        let formats = encoding::formats(directory, bands)?;
        let bits = encoding::bits(directory, bands as usize)?;
        let (dtype, types) = encoding::types(&bits, &formats)?;
        let extra = directory
            .unsigneds(tags::EXTRA_SAMPLES, bands)?
            .unwrap_or_default();
        let plan = Self {
            size,
            block,
            tiled,
            planar,
            bands: bands as usize,
            dtype,
            types,
            bits,
            significant: None,
            format: formats[0],
            compression,
            predictor: Predictor::None,
            low_bits_first: match or(tags::FILL_ORDER, 1)? {
                1 => false,
                2 => true,
                other => return Err(Error::corrupt(format!("fill order {other}"))),
            },
            photometric: or(tags::PHOTOMETRIC, 1)?,
            jpeg_tables: Arc::default(),
            old_jpeg: None,
            units: None,
            opacity: extra.last() == Some(&2),
            rgb: None,
        };
        let predictor = plan.predictor(or(tags::PREDICTOR, 1)?)?;
        let plan = Self { predictor, ..plan }.with_jpeg(directory)?;
        plan.check_size()?;
        plan.check_samples()?;
        let plan = plan.with_units(directory)?;
        let rgb = plan.stored_colours(directory, extra.len())?;
        Ok(Self { rgb, ..plan })
    }

    /// The colours that libtiff makes red, green and blue of, and GDAL with it: other samples it shows as they are stored.
    fn stored_colours(&self, directory: &Directory, extra: usize) -> Result<Option<Stored>> {
        /// The set of inks that is cyan, magenta, yellow and black.
        const CMYK: u64 = 1;
        /// CIE's D50 by its X, Y and Z, which Adobe's notes on TIFF name.
        const D50: [f32; 3] = [96.425, 100.0, 82.468];
        if self.dtype != DType::U8 || self.uniform_bits() != Some(8) {
            return Ok(None);
        }
        Ok(match (self.photometric, self.bands) {
            (2, 3..) => Some(Stored::Rgb),
            (5, 4..) => {
                let inks = directory.unsigned(tags::INK_SET)?;
                inks.is_none_or(|set| set == CMYK).then_some(Stored::Cmyk)
            }
            (8, 3) if extra == 0 => {
                let said = directory.numbers(tags::WHITE_POINT, 2)?;
                let white = match said.as_deref() {
                    Some([x, y]) => [*x as f32, *y as f32],
                    _ => {
                        let [x, y, z] = D50;
                        [x / (x + y + z), y / (x + y + z)]
                    }
                };
                Some(Stored::Lab(white))
            }
            _ => None,
        })
    }

    /// Only these codecs use a predictor; others ignore the tag.
    fn predictor(&self, tag: u64) -> Result<Predictor> {
        if !self.compression.has_predictor() {
            return Ok(Predictor::None);
        }
        let bits = self.uniform_bits();
        match (tag, bits, self.format) {
            (1, ..) => Ok(Predictor::None),
            (2, Some(8 | 16 | 32 | 64), _) => Ok(Predictor::Horizontal),
            (3, Some(16 | 24 | 32 | 64), Format::Float) if self.types.is_none() => {
                Ok(Predictor::Float)
            }
            (2 | 3, ..) => Err(Error::unsupported(format!(
                "predictor {tag} on {:?} samples of {} bits",
                self.format, self.bits[0]
            ))),
            _ => Err(Error::corrupt(format!("predictor {tag}"))),
        }
    }

    fn check_size(&self) -> Result<()> {
        let (cols, rows) = (
            self.size.0.div_ceil(self.block.0),
            self.size.1.div_ceil(self.block.1),
        );
        let blocks = cols
            .checked_mul(rows)
            .and_then(|n| n.checked_mul(self.planes() as u64));
        let row = self.block.0.checked_mul(self.pixel_bits(0));
        let bytes = row.and_then(|bits| bits.div_ceil(8).checked_mul(self.block.1));
        let (Some(_), Some(bytes)) = (blocks, bytes) else {
            return Err(Error::limit(format!(
                "{} x {} pixels of {} bands in blocks of {} x {}",
                self.size.0, self.size.1, self.bands, self.block.0, self.block.1
            )));
        };
        if bytes > MAX_DECODED && self.compression != Compression::None || bytes > i64::MAX as u64 {
            return Err(Error::limit(format!("blocks of {bytes} bytes")));
        }
        Ok(())
    }

    /// Luma and chroma of 8 bits that stand together become colours, by JPEG or here.
    fn with_units(self, directory: &Directory) -> Result<Self> {
        let has_chroma = match self.compression {
            Compression::Jpeg => false,
            Compression::Jp2 { has_chroma } => has_chroma || self.photometric == 6,
            _ => self.photometric == 6,
        };
        if !has_chroma {
            return Ok(self);
        }
        let said = directory.unsigneds(tags::YCBCR_SUBSAMPLING, 2)?;
        let subsampling = match said.as_deref() {
            Some([across, down]) => [*across, *down],
            _ => [2, 2],
        };
        let is_stream = self.compression == Compression::None
            || self.compression == Compression::PackBits
            || self.compression.has_predictor();
        let usual = self.uniform_bits() == Some(8) && self.dtype == DType::U8 && self.bands == 3;
        // No two readers agree on differences between units of several samples.
        let is_plain = self.predictor == Predictor::None || subsampling == [1, 1];
        let is_picture = matches!(
            self.compression,
            Compression::OldJpeg | Compression::Jp2 { .. }
        );
        if usual && !self.planar && is_picture {
            // Chroma is repeated before it becomes colours, as by libtiff.
            let units = Some(Units::new(directory, [1, 1])?);
            return Ok(Self { units, ..self });
        }
        if usual && !self.planar && is_stream && is_plain {
            let units = Some(Units::new(directory, subsampling)?);
            return Ok(Self { units, ..self });
        }
        if subsampling == [1, 1] {
            return Ok(self);
        }
        Err(Error::unsupported(format!(
            "YCbCr samples subsampled by {subsampling:?} in {} bands of {:?} bits, {:?} with predictor {:?}",
            self.bands, self.bits, self.compression, self.predictor
        )))
    }

    /// Some codecs are for samples of certain kinds.
    fn check_samples(&self) -> Result<()> {
        let together = self.plane_bands(0).len();
        let whole =
            self.types.is_none() && self.uniform_bits() == Some(self.dtype.size() as u32 * 8);
        let (name, fits) = match self.compression {
            Compression::Fax(_) => {
                let bits = self.bits.as_ref() == [1] && self.format == Format::Unsigned;
                ("CCITT", bits && together == 1)
            }
            Compression::Jp2 { .. } => {
                let integers = matches!(self.format, Format::Unsigned | Format::Signed);
                ("JPEG 2000", whole && integers && self.dtype.size() <= 4)
            }
            Compression::LogLuv(coding) => {
                let samples = (self.photometric, together, self.dtype, whole);
                (
                    "SGI LogLuv",
                    samples == (coding.photometric(), coding.samples(), DType::I16, true),
                )
            }
            #[cfg(feature = "jxl")]
            Compression::JpegXl => {
                let words = matches!(self.dtype, DType::U8 | DType::U16);
                // Floats of fewer bits come out of no decoder at hand as they were.
                let floats = self.dtype == DType::F32 && self.significant.is_none();
                ("JPEG XL", whole && (words || floats))
            }
            #[cfg(feature = "webp")]
            Compression::WebP => {
                let bytes = whole && self.dtype == DType::U8;
                ("WebP", bytes && !self.planar && matches!(together, 3 | 4))
            }
            #[cfg(feature = "lerc")]
            Compression::Lerc(_) => (
                "LERC",
                whole && super::lerc::data_type(self.dtype).is_some(),
            ),
            _ => return Ok(()),
        };
        if !fits {
            return Err(Error::unsupported(format!(
                "{name} compression of {together} bands together, {:?} samples of {:?} bits",
                self.format, self.bits
            )));
        }
        if u32::try_from(self.block.0).is_err() {
            let (width, _) = self.block;
            return Err(Error::limit(format!(
                "{name} compression of rows of {width} pixels"
            )));
        }
        Ok(())
    }

    fn with_old_jpeg(self, directory: &Directory) -> Result<Self> {
        if self.uniform_bits() != Some(8) || self.dtype != DType::U8 {
            return Err(Error::unsupported(format!(
                "old-style JPEG compression of {:?} samples of {:?} bits",
                self.format, self.bits
            )));
        }
        let old = OldJpeg::read(directory, self.size, self.bands)?;
        let (block, tiled) = match old.whole {
            Some(_) => (self.size, false),
            None => (self.block, self.tiled),
        };
        Ok(Self {
            block,
            tiled,
            old_jpeg: Some(old),
            ..self
        })
    }

    fn with_jpeg(self, directory: &Directory) -> Result<Self> {
        if self.compression == Compression::OldJpeg {
            return self.with_old_jpeg(directory);
        }
        let in_bytes = match self.compression {
            Compression::Jp2 { .. } => true,
            #[cfg(feature = "jxl")]
            Compression::JpegXl => true,
            _ => false,
        };
        if in_bytes {
            return Ok(self.with_whole_bytes());
        }
        if self.compression != Compression::Jpeg {
            return Ok(self);
        }
        let said = self.uniform_bits().unwrap_or_default();
        if !matches!((self.dtype, said), (DType::U8, 8) | (DType::U16, 9..=16)) {
            return Err(Error::unsupported(format!(
                "JPEG compression of {:?} samples of {:?} bits",
                self.format, self.bits
            )));
        }
        // Quantisation and Huffman tables take a few KiB; 64 KiB is the most one marker can hold.
        let tables = directory.bytes(tags::JPEG_TABLES, 64 << 10)?;
        Ok(Self {
            jpeg_tables: tables.unwrap_or_default().into(),
            ..self.with_whole_bytes()
        })
    }

    /// Samples come out of a stream in whole bytes, whatever their bits.
    fn with_whole_bytes(self) -> Self {
        let whole = self.dtype.size() as u32 * 8;
        match self.uniform_bits() {
            Some(bits) if bits != whole => Self {
                bits: [whole].into(),
                significant: Some(bits),
                ..self
            },
            _ => self,
        }
    }

    /// Whether the samples are others than the red, green and blue that they can be shown as.
    pub fn is_converted(&self) -> bool {
        self.rgb.is_some_and(|stored| stored != Stored::Rgb)
    }

    /// Whether the same samples of another image would have to be seen otherwise.
    pub fn has_other_colours(&self, other: &Self) -> bool {
        let kind = |plan: &Self| {
            plan.rgb
                .filter(|_| plan.is_converted())
                .map(|stored| discriminant(&stored))
        };
        kind(self) != kind(other)
    }

    /// Bytes of the lists and tables that it keeps of the file.
    pub fn list_bytes(&self) -> u64 {
        let types = self.types.as_ref().map_or(0, |types| size_of_val(&**types));
        let old = self.old_jpeg.as_ref().map_or(0, OldJpeg::table_bytes);
        let units = self.units.as_ref().map_or(0, Units::table_bytes);
        (self.jpeg_tables.len() + size_of_val(&*self.bits) + types + old + units) as u64
    }

    /// The bits of a sample where all bands have the same.
    pub fn uniform_bits(&self) -> Option<u32> {
        let first = self.bits[0];
        self.bits.iter().all(|bits| *bits == first).then_some(first)
    }

    /// The significant bits of a sample of the band that has most.
    pub fn most_bits(&self) -> u32 {
        if let Some(bits) = self.significant {
            return bits;
        }
        if self.types.is_some() {
            return self.dtype.size() as u32 * 8;
        }
        self.bits.iter().copied().fold(1, u32::max)
    }

    /// Whether luma and chroma are delivered as red, green and blue.
    pub fn gives_colours(&self) -> bool {
        let by_jpeg = self.compression == Compression::Jpeg && !self.planar && self.bands == 3;
        self.units.is_some() || self.photometric == 6 && by_jpeg
    }

    /// Sets of blocks: one for each band where bands are stored apart.
    pub fn planes(&self) -> usize {
        if self.planar { self.bands } else { 1 }
    }

    /// The bands that are stored together in a plane.
    pub fn plane_bands(&self, plane: usize) -> Range<usize> {
        if self.planar {
            plane..plane + 1
        } else {
            0..self.bands
        }
    }

    /// The type of a band as stored, where the bands have different ones.
    pub fn band_type(&self, band: usize) -> Option<DType> {
        let types = self.types.as_ref()?;
        Some(types[band.min(types.len() - 1)])
    }

    /// The bits of a sample of a band.
    pub fn band_bits(&self, band: usize) -> u32 {
        self.bits[band.min(self.bits.len() - 1)]
    }

    fn pixel_bits(&self, plane: usize) -> u64 {
        if self.planar {
            return u64::from(self.band_bits(plane));
        }
        let repeated = (self.bands - self.bits.len()) as u64;
        let given: u64 = self.bits.iter().map(|bits| u64::from(*bits)).sum();
        given + repeated * u64::from(self.bits[self.bits.len() - 1])
    }

    /// Bytes of one row of a block as stored.
    pub fn row_bytes(&self, plane: usize) -> u64 {
        (self.block.0 * self.pixel_bits(plane)).div_ceil(8)
    }

    /// Bytes of so many rows of a block as stored.
    pub fn stored_bytes(&self, plane: usize, rows: u64) -> u64 {
        match &self.units {
            Some(units) => units.row_bytes(self.block.0) * units.rows(rows),
            None => self.row_bytes(plane) * rows,
        }
    }

    /// Bytes of one pixel as stored, where it is made of whole bytes.
    pub fn pixel_bytes(&self, plane: usize) -> Option<u64> {
        let whole = self.bits.iter().all(|bits| bits % 8 == 0);
        whole.then(|| self.pixel_bits(plane) / 8)
    }

    /// The grid of blocks.
    pub fn grid(&self) -> Grid {
        Grid::new(self.size, self.block, 0, self.size)
    }

    /// Rows that a block in this row of the grid stores: all in a tile, fewer in a last strip.
    pub fn stored_rows(&self, row: u64) -> u64 {
        if self.tiled {
            self.block.1
        } else {
            self.image_rows(row)
        }
    }

    /// Rows of the image that a block in this row of the grid has.
    pub fn image_rows(&self, row: u64) -> u64 {
        self.block.1.min(self.size.1 - row * self.block.1)
    }

    /// All blocks of all planes.
    pub fn block_count(&self) -> u64 {
        let grid = self.grid();
        grid.rows() * grid.cols() * self.planes() as u64
    }
}
