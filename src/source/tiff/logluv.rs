//! SGI LogLuv: the logarithm of a luminance, alone or with the chroma of CIE 1976, as 16 bits of each.
//!
//! See G. Ward Larson, "LogLuv Encoding for Full-Gamut, High-Dynamic Range Images", Journal of Graphics Tools 3(1),
//! 1998. What comes out are the 16-bit samples of libtiff, which GDAL shows too: the logarithm, and u' and v' in parts
//! of 32768.

use super::directory::Directory;
use super::tags;
use crate::error::{Error, Result};

/// How the pixels of a row are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Luminance alone, in runs of high and then of low bytes.
    Luminance,
    /// Luminance of 16 bits and twice 8 bits of chroma, in four rows of runs of bytes.
    Runs,
    /// Luminance of 10 bits and a cell of the chroma that can be seen, in three bytes.
    Cells,
}

/// Photometric interpretations.
const LUMINANCE: u64 = 32844;
const LUV: u64 = 32845;

impl Coding {
    /// How such samples are to be seen.
    pub fn photometric(self) -> u64 {
        match self {
            Self::Luminance => LUMINANCE,
            _ => LUV,
        }
    }

    /// Samples of a pixel.
    pub fn samples(self) -> usize {
        match self {
            Self::Luminance => 1,
            _ => 3,
        }
    }
}

/// The coding by the number of the compression and what is said of the samples.
pub fn coding(directory: &Directory, compression: u64) -> Result<Coding> {
    let photometric = directory.unsigned(tags::PHOTOMETRIC)?;
    match (compression, photometric) {
        (34676, Some(LUMINANCE)) => Ok(Coding::Luminance),
        (34676, Some(LUV)) => Ok(Coding::Runs),
        (34677, Some(LUV)) => Ok(Coding::Cells),
        _ => Err(Error::unsupported(format!(
            "compression {compression} (SGI LogLuv) of photometric interpretation {}",
            photometric.map_or("that is missing".into(), |number| number.to_string())
        ))),
    }
}

/// Decodes whole rows of `width` pixels into `out`.
pub fn decode(coding: Coding, input: &[u8], width: usize, out: &mut [u8]) -> Result<()> {
    let mut rest = input;
    for out in out.chunks_exact_mut(width * coding.samples() * 2) {
        match coding {
            Coding::Luminance => {
                rest = place_runs::<2, 2>(rest, out)?;
                for sample in out.as_chunks_mut::<2>().0 {
                    *sample = u16::from_be_bytes(*sample).to_ne_bytes();
                }
            }
            Coding::Runs => {
                rest = place_runs::<4, 6>(rest, out)?;
                for pixel in out.as_chunks_mut::<6>().0 {
                    let [a, b, c, d, ..] = *pixel;
                    store(pixel, of_runs(u32::from_be_bytes([a, b, c, d])));
                }
            }
            Coding::Cells => {
                let (stored, behind) = rest.split_at_checked(width * 3).ok_or_else(too_short)?;
                rest = behind;
                let pixels = out.as_chunks_mut::<6>().0;
                for (pixel, [a, b, c]) in pixels.iter_mut().zip(stored.as_chunks::<3>().0) {
                    store(pixel, of_cell(u32::from_be_bytes([0, *a, *b, *c])));
                }
            }
        }
    }
    Ok(())
}

fn too_short() -> Error {
    Error::corrupt("the LogLuv data end before the block")
}

fn store(pixel: &mut [u8; 6], samples: [i16; 3]) {
    for (to, sample) in pixel.as_chunks_mut::<2>().0.iter_mut().zip(samples) {
        *to = sample.to_ne_bytes();
    }
}

/// Puts the `BYTES` bytes of the pixels of a row, of which the first of all pixels come first, at the front of `SIZE`
/// bytes for each; gives what lies behind them.
///
/// A byte from 128 on repeats the next one, so often less 126; others say how many bytes follow.
fn place_runs<'i, const BYTES: usize, const SIZE: usize>(
    input: &'i [u8],
    row: &mut [u8],
) -> Result<&'i [u8]> {
    let pixels = row.as_chunks_mut::<SIZE>().0;
    let mut rest = input;
    for byte in 0..BYTES {
        let mut x = 0;
        while x < pixels.len() {
            let (count, behind) = rest.split_first().ok_or_else(too_short)?;
            let (count, is_run) = match *count {
                count @ 128.. => (usize::from(count) - 126, true),
                count => (usize::from(count), false),
            };
            let stored = if is_run { 1 } else { count };
            let (values, behind) = behind.split_at_checked(stored).ok_or_else(too_short)?;
            rest = behind;
            let end = pixels.len().min(x + count);
            for (i, pixel) in pixels[x..end].iter_mut().enumerate() {
                pixel[byte] = values[if is_run { 0 } else { i }];
            }
            x = end;
        }
    }
    Ok(rest)
}

/// Parts of u' or v' in a sample.
const PARTS: f64 = 32768.0;

fn of_runs(pixel: u32) -> [i16; 3] {
    let chroma = |byte: u32| ((f64::from(byte & 0xff) + 0.5) / 410.0 * PARTS) as i16;
    [(pixel >> 16) as i16, chroma(pixel >> 8), chroma(pixel)]
}

fn of_cell(pixel: u32) -> [i16; 3] {
    // The same logarithm with fewer bits, from a higher one on.
    let luminance = (pixel >> 12 & 0xffd) + 13314;
    let (u, v) = chroma_of_cell(pixel & 0x3fff);
    [luminance as i16, (u * PARTS) as i16, (v * PARTS) as i16]
}

/// The side of a cell, and where the first row of cells begins.
const CELL: f64 = 0.0035;
const FIRST: f64 = 0.01694;

/// The chroma of equal energy, for cells that there are not.
const NEUTRAL: (f64, f64) = (4.0 / 19.0, 9.0 / 19.0);

/// u' and v' of the middle of a cell; cells are counted row by row.
fn chroma_of_cell(cell: u32) -> (f64, f64) {
    let mut before = 0;
    for (row, (from, count)) in ROWS.into_iter().enumerate() {
        let count = u32::from(count);
        if cell < before + count {
            let u = f64::from(from) / 1e6 + (f64::from(cell - before) + 0.5) * CELL;
            return (u, FIRST + (row as f64 + 0.5) * CELL);
        }
        before += count;
    }
    NEUTRAL
}

/// Where each row of cells begins, in millionths of u', and how many there are: the colours that can be seen.
const ROWS: [(u32, u8); 163] = [
    (247663, 4),
    (243777, 6),
    (241681, 7),
    (237873, 9),
    (235906, 10),
    (232153, 12),
    (228352, 14),
    (226259, 15),
    (222371, 17),
    (220409, 18),
    (214710, 21),
    (212714, 22),
    (210722, 23),
    (204976, 26),
    (202985, 27),
    (199245, 29),
    (195525, 31),
    (193559, 32),
    (189878, 34),
    (186216, 36),
    (186216, 36),
    (182592, 38),
    (179002, 40),
    (175466, 42),
    (172000, 44),
    (172000, 44),
    (168612, 46),
    (168612, 46),
    (163576, 49),
    (158641, 52),
    (158641, 52),
    (158641, 52),
    (153815, 55),
    (153815, 55),
    (149097, 58),
    (149097, 58),
    (142745, 62),
    (142745, 62),
    (142745, 62),
    (138270, 65),
    (138270, 65),
    (138270, 65),
    (132165, 69),
    (132165, 69),
    (126204, 73),
    (126204, 73),
    (126204, 73),
    (120381, 77),
    (120381, 77),
    (120381, 77),
    (120381, 77),
    (112962, 82),
    (112962, 82),
    (112962, 82),
    (107450, 86),
    (107450, 86),
    (107450, 86),
    (107450, 86),
    (100343, 91),
    (100343, 91),
    (100343, 91),
    (95126, 95),
    (95126, 95),
    (95126, 95),
    (95126, 95),
    (88276, 100),
    (88276, 100),
    (88276, 100),
    (88276, 100),
    (81523, 105),
    (81523, 105),
    (81523, 105),
    (81523, 105),
    (74861, 110),
    (74861, 110),
    (74861, 110),
    (74861, 110),
    (68290, 115),
    (68290, 115),
    (68290, 115),
    (68290, 115),
    (63573, 119),
    (63573, 119),
    (63573, 119),
    (63573, 119),
    (57219, 124),
    (57219, 124),
    (57219, 124),
    (57219, 124),
    (50985, 129),
    (50985, 129),
    (50985, 129),
    (50985, 129),
    (50985, 129),
    (44859, 134),
    (44859, 134),
    (44859, 134),
    (44859, 134),
    (40571, 138),
    (40571, 138),
    (40571, 138),
    (40571, 138),
    (36339, 142),
    (36339, 142),
    (36339, 142),
    (36339, 142),
    (32139, 146),
    (32139, 146),
    (32139, 146),
    (32139, 146),
    (27947, 150),
    (27947, 150),
    (27947, 150),
    (23739, 154),
    (23739, 154),
    (23739, 154),
    (23739, 154),
    (19504, 158),
    (19504, 158),
    (19504, 158),
    (16976, 161),
    (16976, 161),
    (16976, 161),
    (16976, 161),
    (12639, 165),
    (12639, 165),
    (12639, 165),
    (9991, 168),
    (9991, 168),
    (9991, 168),
    (9016, 170),
    (9016, 170),
    (9016, 170),
    (6217, 173),
    (6217, 173),
    (5097, 175),
    (5097, 175),
    (5097, 175),
    (3909, 177),
    (3909, 177),
    (2340, 177),
    (2389, 170),
    (1068, 164),
    (1653, 157),
    (717, 150),
    (1614, 143),
    (270, 136),
    (484, 129),
    (1103, 123),
    (1242, 115),
    (1188, 109),
    (1011, 103),
    (709, 97),
    (301, 89),
    (2416, 82),
    (3251, 76),
    (3246, 69),
    (4141, 62),
    (5963, 55),
    (8838, 47),
    (10490, 40),
    (16994, 31),
    (23659, 21),
];
