//! What a subheader says of the pixels, checked once so that decoding need not ask.

use super::subheader::ImageHeader;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::Grid;
use crate::image::MAX_BANDS;

/// The largest block that is decompressed; its whole must be in memory.
const MAX_DECODED: u64 = 4 << 30;

/// How the bytes of a block are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// A JPEG stream for each block, or for each band of it.
    Jpeg,
    /// A facsimile for each block, whose rows may be told by the row above.
    Bilevel {
        /// They may.
        both: bool,
    },
    /// One JPEG 2000 codestream for all blocks.
    Codestream,
}

/// How bands and blocks follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Band after band within each block.
    Block,
    /// Sample after sample of each pixel.
    Pixel,
    /// Band after band of each row of a block.
    Row,
    /// All blocks of a band before those of the next.
    Sequential,
}

/// The shape, the sample type and the storage of the image of one segment.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Columns and rows.
    pub size: (u64, u64),
    /// Columns and rows of a block.
    pub block: (u64, u64),
    /// Columns and rows of blocks as stored; there may be more than the image needs.
    pub stored: (u64, u64),
    /// Bands.
    pub bands: u64,
    /// Bits of a sample as stored.
    pub bits: u32,
    /// Negative numbers are stored in two's complement.
    pub signed: bool,
    /// The sample type of the decoded pixels.
    pub dtype: DType,
    /// Order of bands and blocks.
    pub mode: Mode,
    /// How blocks are compressed.
    pub compression: Compression,
    /// A mask table stands before the blocks.
    pub masked: bool,
    /// The image may be stored in a smaller size than it has.
    pub reduced: bool,
    /// JPEG streams hold luma and chroma that become red, green and blue.
    pub ycbcr: bool,
}

impl Plan {
    /// Checks the fields.
    pub fn new(header: &ImageHeader) -> Result<Self> {
        let (compression, masked) = compression(&header.ic, &header.comrat)?;
        let mode = match &header.imode[..] {
            "B" => Mode::Block,
            "P" => Mode::Pixel,
            "R" => Mode::Row,
            "S" => Mode::Sequential,
            other => return Err(Error::corrupt(format!("field IMODE is {other:?}"))),
        };
        let bands = header.bands.len() as u64;
        if !(1..=u64::from(MAX_BANDS)).contains(&bands) {
            return Err(Error::limit(format!(
                "{bands} bands; there must be 1 to {MAX_BANDS}"
            )));
        }
        let plan = Self {
            size: (header.ncols, header.nrows),
            block: (
                side(header.ncols, header.nbpr, header.nppbh, ["NPPBH", "NBPR"])?,
                side(header.nrows, header.nbpc, header.nppbv, ["NPPBV", "NBPC"])?,
            ),
            stored: (header.nbpr, header.nbpc),
            bands,
            bits: header.nbpp as u32,
            signed: header.pvtype == "SI",
            dtype: dtype(&header.pvtype, header.nbpp)?,
            // One band is the same in every order, and these need the least care.
            mode: if bands == 1 { Mode::Block } else { mode },
            compression,
            masked,
            reduced: header.ic == "I1",
            ycbcr: header.irep == "YCbCr601" && bands == 3 && mode == Mode::Pixel,
        };
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<()> {
        let (width, height) = self.block;
        let bits = u128::from(width) * u128::from(height) * u128::from(self.bits);
        let all = bits * u128::from(self.bands) * u128::from(self.stored.0 * self.stored.1);
        // Positions are counted in bits.
        if all > 1 << 63 {
            return Err(Error::limit(format!(
                "{} x {} blocks of {width} x {height} pixels of {} bands",
                self.stored.0, self.stored.1, self.bands
            )));
        }
        if self.compression == Compression::Codestream {
            return self.check_codestream();
        }
        if self.compression == Compression::None {
            return Ok(());
        }
        if width * height * self.channels() * self.dtype.size() as u64 > MAX_DECODED {
            return Err(Error::limit(format!(
                "compressed blocks of {width} x {height} pixels"
            )));
        }
        if let Compression::Bilevel { .. } = self.compression {
            return self.check_bilevel();
        }
        if !matches!((self.dtype, self.bits), (DType::U8, 8) | (DType::U16, _)) {
            return Err(Error::unsupported(format!(
                "JPEG compression of {} samples of {} bits (fields PVTYPE and NBPP)",
                self.dtype.name(),
                self.bits
            )));
        }
        if self.mode == Mode::Row {
            return Err(Error::unsupported(
                "JPEG compression of interleaved rows (field IMODE is R)",
            ));
        }
        Ok(())
    }

    fn check_bilevel(&self) -> Result<()> {
        if self.bits != 1 || self.bands != 1 {
            return Err(Error::corrupt(format!(
                "bi-level compression of {} bands of {} bits (fields NBANDS and NBPP)",
                self.bands, self.bits
            )));
        }
        if self.block_count() > 1 && !self.masked {
            return Err(Error::unsupported(
                "bi-level compression of several blocks without a mask table (field IC is C1)",
            ));
        }
        Ok(())
    }

    fn check_codestream(&self) -> Result<()> {
        if matches!(self.dtype, DType::F32 | DType::F64 | DType::CF32) {
            return Err(Error::unsupported(format!(
                "JPEG 2000 compression of {} samples (field PVTYPE)",
                self.dtype.name()
            )));
        }
        match self.mode {
            Mode::Block => Ok(()),
            other => Err(Error::corrupt(format!(
                "JPEG 2000 compression in the order {other:?} (field IMODE)"
            ))),
        }
    }

    /// Bands whose samples are interleaved pixel by pixel.
    pub fn channels(&self) -> u64 {
        if self.mode == Mode::Pixel {
            self.bands
        } else {
            1
        }
    }

    /// The grid of blocks that the image needs.
    pub fn grid(&self) -> Grid {
        Grid::new(self.size, self.block, 0, self.size)
    }

    /// Blocks as stored, those of one band where bands have their own.
    pub fn block_count(&self) -> u64 {
        self.stored.0 * self.stored.1
    }

    /// Entries of a mask table.
    pub fn mask_count(&self) -> u64 {
        match self.mode {
            Mode::Sequential => self.block_count() * self.bands,
            _ => self.block_count(),
        }
    }

    /// Bytes of one band of an uncompressed block.
    pub fn plane_bytes(&self) -> u64 {
        self.bytes_of(1)
    }

    /// Bytes of an uncompressed block, or of one band where bands have their own blocks.
    pub fn block_bytes(&self) -> u64 {
        match self.mode {
            // The bits of each band are filled up to whole bytes.
            Mode::Block => self.plane_bytes() * self.bands,
            Mode::Pixel | Mode::Row => self.bytes_of(self.bands),
            Mode::Sequential => self.plane_bytes(),
        }
    }

    fn bytes_of(&self, bands: u64) -> u64 {
        let samples = u128::from(self.block.0) * u128::from(self.block.1) * u128::from(bands);
        (samples * u128::from(self.bits)).div_ceil(8) as u64
    }
}

/// One side of a block, by the image's side, the number of blocks and the field.
fn side(image: u64, blocks: u64, pixels: u64, names: [&str; 2]) -> Result<u64> {
    let side = match pixels {
        0 if blocks == 1 => image,
        0 => {
            return Err(Error::corrupt(format!(
                "field {} is 0 where {} is {blocks}",
                names[0], names[1]
            )));
        }
        pixels => pixels,
    };
    if image == 0 || blocks * side < image {
        return Err(Error::corrupt(format!(
            "{blocks} blocks of {side} pixels for {image} (fields {} and {})",
            names[1], names[0]
        )));
    }
    Ok(side)
}

fn compression(ic: &str, comrat: &str) -> Result<(Compression, bool)> {
    let name = match ic {
        "C1" | "M1" => {
            let both = match comrat {
                "1D" => false,
                "2DS" | "2DH" => true,
                other => return Err(Error::corrupt(format!("field COMRAT is {other:?}"))),
            };
            return Ok((Compression::Bilevel { both }, ic == "M1"));
        }
        "NC" => return Ok((Compression::None, false)),
        "NM" => return Ok((Compression::None, true)),
        "C3" | "C5" | "I1" => return Ok((Compression::Jpeg, false)),
        "M3" | "M5" => return Ok((Compression::Jpeg, true)),
        "C8" | "CD" => return Ok((Compression::Codestream, false)),
        "M8" | "MD" => return Ok((Compression::Codestream, true)),
        "C4" | "M4" => "vector quantization",
        "C6" | "C7" | "M6" | "M7" => "reserved",
        "C9" | "M9" => "H.264",
        "CA" | "MA" => "H.265",
        "CB" | "MB" => "JPEG-LS",
        "CC" | "MC" => "JPEG XR",
        other => return Err(Error::corrupt(format!("field IC is {other:?}"))),
    };
    Err(Error::unsupported(format!("compression {ic} ({name})")))
}

fn dtype(pvtype: &str, bits: u64) -> Result<DType> {
    Ok(match (pvtype, bits) {
        ("B", 1) | ("INT", 1..=8) => DType::U8,
        ("INT", 9..=16) => DType::U16,
        ("INT", 17..=32) => DType::U32,
        ("INT", 33..=64) => DType::U64,
        ("SI", 1..=8) => DType::I8,
        ("SI", 9..=16) => DType::I16,
        ("SI", 17..=32) => DType::I32,
        ("SI", 33..=64) => DType::I64,
        ("R", 32) => DType::F32,
        ("R", 64) => DType::F64,
        ("C", 64) => DType::CF32,
        ("INT" | "SI" | "R" | "C" | "B", _) => {
            return Err(Error::unsupported(format!(
                "samples of type {pvtype} of {bits} bits (fields PVTYPE and NBPP)"
            )));
        }
        _ => return Err(Error::corrupt(format!("field PVTYPE is {pvtype:?}"))),
    })
}
