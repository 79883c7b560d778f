//! Encoding: from the rows of a cell to the bytes of a tile.

use super::lzw;
use super::options::{Compression, Predictor};
use crate::dtype::DType;
use crate::error::{Error, Kind, Result};
use crate::simd::vectorised;
use crate::source::jpeg;
use crate::source::samples::turn;
use crate::tile::Pixels;
use libdeflater::{CompressionLvl, Compressor};
use zstd::zstd_safe::{CCtx, compress_bound, get_error_name};

/// How the tiles of an image are coded.
#[derive(Clone, Debug)]
pub struct Coding {
    /// Columns and rows of a tile.
    pub tile: (usize, usize),
    /// The bands, and the type of their samples.
    pub bands: usize,
    /// The type of a sample.
    pub dtype: DType,
    /// Each band has tiles of its own.
    pub is_planar: bool,
    /// How they are compressed.
    pub compression: Compression,
    /// How hard.
    pub effort: u32,
    /// What stands for samples.
    pub predictor: Predictor,
    /// How pictures are, if they are JPEG.
    pub jpeg: Option<jpeg::Picture>,
}

impl Coding {
    /// Tiles of the same place.
    pub fn planes(&self) -> usize {
        if self.is_planar { self.bands } else { 1 }
    }
}

/// What a thread keeps from tile to tile.
#[derive(Default)]
pub struct Encoder {
    deflate: Option<Compressor>,
    zstd: Option<CCtx<'static>>,
    /// The samples of a tile as they are stored.
    plain: Vec<u8>,
    row: Vec<u8>,
    sorted: Vec<u8>,
}

impl Encoder {
    /// The tiles of a cell, one for each plane. Beyond the image its last column and row are repeated.
    pub fn tiles(&mut self, coding: &Coding, pixels: &Pixels) -> Result<Vec<Vec<u8>>> {
        let bands: Vec<usize> = (0..coding.bands).collect();
        let planes = match coding.is_planar {
            true => bands.chunks(1),
            false => bands.chunks(coding.bands),
        };
        let tile = |bands: &[usize]| {
            self.lay_out(coding, pixels, bands);
            let plain = std::mem::take(&mut self.plain);
            let packed = self.compress(coding, &plain);
            self.plain = plain;
            packed
        };
        planes.map(tile).collect()
    }

    /// The tile of a mask, a bit for each pixel, the highest first.
    pub fn mask(&mut self, coding: &Coding, mask: &Pixels) -> Result<Vec<u8>> {
        let (width, height) = coding.tile;
        let mut plain = vec![0; width.div_ceil(8) * height];
        let rows = plain.chunks_exact_mut(width.div_ceil(8));
        for (y, out) in rows.take(mask.shape().height).enumerate() {
            for (bits, out) in mask.row(0, y).chunks(8).zip(out) {
                let bit = |(at, pixel): (usize, &u8)| u8::from(*pixel == 255) << (7 - at);
                *out = bits
                    .iter()
                    .enumerate()
                    .map(bit)
                    .fold(0, |all, bit| all | bit);
            }
        }
        self.compress(coding, &plain)
    }

    /// Lays the samples of some bands out as they are stored, in `plain`.
    fn lay_out(&mut self, coding: &Coding, pixels: &Pixels, bands: &[usize]) {
        let (width, height) = coding.tile;
        let (shape, size) = (pixels.shape(), coding.dtype.size());
        let row_bytes = width * bands.len() * size;
        self.plain.resize(row_bytes * height, 0);
        self.row.resize(row_bytes, 0);
        for (y, out) in self.plain.chunks_exact_mut(row_bytes).enumerate() {
            if y >= shape.height {
                break;
            }
            let samples = match coding.predictor {
                Predictor::None => &mut *out,
                _ => &mut self.row[..],
            };
            let rows: Vec<&[u8]> = bands.iter().map(|band| pixels.row(*band, y)).collect();
            let (inside, beyond) = samples.split_at_mut(shape.width * bands.len() * size);
            interleave(&rows, size, inside);
            if !beyond.is_empty() {
                let last = &inside[inside.len() - bands.len() * size..];
                let beyond = beyond.chunks_exact_mut(last.len());
                beyond.for_each(|pixel| pixel.copy_from_slice(last));
            }
            match coding.predictor {
                Predictor::None => (),
                Predictor::Horizontal => subtract(&self.row, out, size, bands.len()),
                Predictor::Float => {
                    sort_bytes(&self.row, &mut self.sorted, size);
                    subtract(&self.sorted, out, 1, bands.len());
                }
            }
            if cfg!(target_endian = "big") && coding.predictor != Predictor::Float {
                turn(out, coding.dtype.part().size());
            }
        }
        let inside = shape.height.min(height) * row_bytes;
        let (rows, beyond) = self.plain.split_at_mut(inside);
        let last = &rows[inside - row_bytes..];
        let beyond = beyond.chunks_exact_mut(row_bytes);
        beyond.for_each(|row| row.copy_from_slice(last));
    }

    fn compress(&mut self, coding: &Coding, plain: &[u8]) -> Result<Vec<u8>> {
        let effort = coding.effort;
        if let Some(picture) = &coding.jpeg {
            return jpeg::encode(picture, Some(plain));
        }
        match coding.compression {
            Compression::None | Compression::Jpeg => Ok(plain.to_vec()),
            Compression::Deflate => {
                let compressor = match &mut self.deflate {
                    Some(compressor) => compressor,
                    none => none.insert(deflate(effort)?),
                };
                let mut out = vec![0; compressor.zlib_compress_bound(plain.len())];
                let len = compressor.zlib_compress(plain, &mut out);
                let len = len.map_err(|error| Error::internal(format!("deflate: {error}")))?;
                out.truncate(len);
                Ok(out)
            }
            Compression::Zstd => {
                let context = match &mut self.zstd {
                    Some(context) => context,
                    none => none.insert(CCtx::try_create().ok_or_else(no_codec)?),
                };
                let mut out = Vec::with_capacity(compress_bound(plain.len()));
                let done = context.compress(&mut out, plain, effort as i32);
                done.map_err(|code| Error::internal(format!("zstd: {}", get_error_name(code))))?;
                Ok(out)
            }
            Compression::Lzw => Ok(lzw::pack(plain)),
        }
    }
}

fn deflate(effort: u32) -> Result<Compressor> {
    let level = CompressionLvl::new(effort as i32);
    let level = level.map_err(|_| Error::internal(format!("a deflate level of {effort}")))?;
    Ok(Compressor::new(level))
}

fn no_codec() -> Error {
    Error::new(Kind::NoMemory, "no memory for a codec")
}

/// Puts rows of samples together, pixel by pixel.
fn interleave(rows: &[&[u8]], size: usize, out: &mut [u8]) {
    match (rows, size) {
        ([row], _) => out.copy_from_slice(row),
        (_, 1) => interleave_samples::<1>(rows, out),
        (_, 2) => interleave_samples::<2>(rows, out),
        (_, 4) => interleave_samples::<4>(rows, out),
        (_, 8) => interleave_samples::<8>(rows, out),
        _ => interleave_samples::<16>(rows, out),
    }
}

fn interleave_samples<const N: usize>(rows: &[&[u8]], out: &mut [u8]) {
    match rows {
        [a, b] => vectorised(|| interleave_all::<N, 2>([a, b], out)),
        [a, b, c] => vectorised(|| interleave_all::<N, 3>([a, b, c], out)),
        [a, b, c, d] => vectorised(|| interleave_all::<N, 4>([a, b, c, d], out)),
        rows => {
            let (samples, _) = out.as_chunks_mut::<N>();
            for (band, row) in rows.iter().enumerate() {
                let places = samples[band..].iter_mut().step_by(rows.len());
                for (to, from) in places.zip(row.as_chunks::<N>().0) {
                    *to = *from;
                }
            }
        }
    }
}

/// Inlined, so that it is compiled for the vectors of its caller.
#[inline(always)]
fn interleave_all<const N: usize, const BANDS: usize>(rows: [&[u8]; BANDS], out: &mut [u8]) {
    let rows = rows.map(|row| row.as_chunks::<N>().0);
    let count = rows[0].len();
    let rows = rows.map(|row| &row[..count]);
    let (pixels, _) = out.as_chunks_mut::<N>().0.as_chunks_mut::<BANDS>();
    for (at, pixel) in pixels[..count].iter_mut().enumerate() {
        *pixel = rows.map(|row| row[at]);
    }
}

/// Differences of words of `word` bytes in native order, each to the one `stride` words before it.
fn subtract(row: &[u8], out: &mut [u8], word: usize, stride: usize) {
    fn differences<T: bytemuck::Pod>(
        row: &[u8],
        out: &mut [u8],
        stride: usize,
        minus: impl Fn(T, T) -> T,
    ) {
        let size = size_of::<T>();
        let first = (stride * size).min(row.len());
        out[..first].copy_from_slice(&row[..first]);
        let (now, before) = (&row[first..], &row[..row.len() - first]);
        let pairs = now.chunks_exact(size).zip(before.chunks_exact(size));
        for (to, (now, before)) in out[first..].chunks_exact_mut(size).zip(pairs) {
            let [now, before] = [now, before].map(bytemuck::pod_read_unaligned::<T>);
            to.copy_from_slice(bytemuck::bytes_of(&minus(now, before)));
        }
    }
    vectorised(|| match word {
        1 => differences(row, out, stride, u8::wrapping_sub),
        2 => differences(row, out, stride, u16::wrapping_sub),
        4 => differences(row, out, stride, u32::wrapping_sub),
        _ => differences(row, out, stride, u64::wrapping_sub),
    });
}

/// The bytes of floats sorted by significance: all highest bytes of the row first.
fn sort_bytes(row: &[u8], sorted: &mut Vec<u8>, size: usize) {
    sorted.resize(row.len(), 0);
    let count = row.len() / size;
    for (rank, out) in sorted.chunks_exact_mut(count.max(1)).enumerate() {
        let place = match cfg!(target_endian = "little") {
            true => size - 1 - rank,
            false => rank,
        };
        for (to, float) in out.iter_mut().zip(row.chunks_exact(size)) {
            *to = float[place];
        }
    }
}
