//! Blocks that are LERC blobs, with the meaning that libtiff gives to masks.
//!
//! A mask stands for a band of opacity that is 0 or 255 throughout, or for floats that are no numbers.

use crate::dtype::DType;
use crate::error::{Error, Result};
use lerc::bitmask::BitMask;
use lerc::{DataType, SampleData};

/// What a blob must contain.
pub struct Frame {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub rows: usize,
    /// Samples per pixel.
    pub bands: usize,
    /// Their type.
    pub dtype: DType,
    /// The last band is opacity, which a mask may stand for.
    pub opacity: bool,
}

/// Where the samples of a pixel stand in a blob.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Side by side.
    Together,
    /// Side by side but for the last, which the mask stands for.
    Masked,
    /// Band behind band, each with a mask of its own.
    Apart,
}

/// The type of samples in a blob, where they can be in one.
pub fn data_type(dtype: DType) -> Option<DataType> {
    Some(match dtype {
        DType::I8 => DataType::Char,
        DType::U8 => DataType::Byte,
        DType::I16 => DataType::Short,
        DType::U16 => DataType::UShort,
        DType::I32 => DataType::Int,
        DType::U32 => DataType::UInt,
        DType::F32 => DataType::Float,
        DType::F64 => DataType::Double,
        _ => return None,
    })
}

/// Decodes a blob into `out`: interleaved rows without gaps.
pub fn decode(blob: &[u8], frame: &Frame, out: &mut [u8]) -> Result<()> {
    let damaged = |error| Error::corrupt(format!("the LERC data are damaged: {error}"));
    let said = lerc::decode_info(blob).map_err(damaged)?;
    let (depth, bands) = (said.depth as usize, said.bands as usize);
    let is_float = matches!(frame.dtype, DType::F32 | DType::F64);
    let order = match (depth, bands) {
        (depth, 1) if depth == frame.bands => Some(Order::Together),
        (depth, 1) if depth + 1 == frame.bands && frame.opacity => Some(Order::Masked),
        (1, bands) if bands == frame.bands && is_float => Some(Order::Apart),
        _ => None,
    };
    let size = (said.width as usize, said.height as usize);
    let fits = size == (frame.width, frame.rows) && Some(said.data_type) == data_type(frame.dtype);
    let (Some(order), true) = (order, fits) else {
        return Err(Error::corrupt(format!(
            "a LERC blob of {} x {} pixels of {bands} x {depth} samples of type {:?} in a block of {} x {} of {} of {}",
            size.0,
            size.1,
            said.data_type,
            frame.width,
            frame.rows,
            frame.bands,
            frame.dtype.name()
        )));
    };
    let image = lerc::decode(blob).map_err(damaged)?;
    arrange(bytes(&image.data), order, frame, &image.valid_masks, out);
    if is_float {
        for (band, mask) in image.valid_masks.iter().enumerate() {
            let bands = match order {
                Order::Apart => band..band + 1,
                _ => 0..frame.bands,
            };
            blank(mask, bands, frame, out);
        }
    }
    Ok(())
}

fn bytes(samples: &SampleData) -> &[u8] {
    use bytemuck::cast_slice;
    match samples {
        SampleData::I8(samples) => cast_slice(samples),
        SampleData::U8(samples) => samples,
        SampleData::I16(samples) => cast_slice(samples),
        SampleData::U16(samples) => cast_slice(samples),
        SampleData::I32(samples) => cast_slice(samples),
        SampleData::U32(samples) => cast_slice(samples),
        SampleData::F32(samples) => cast_slice(samples),
        SampleData::F64(samples) => cast_slice(samples),
    }
}

/// Puts the samples of each pixel side by side.
fn arrange(samples: &[u8], order: Order, frame: &Frame, masks: &[BitMask], out: &mut [u8]) {
    let size = frame.dtype.size();
    let stored = match order {
        Order::Together => return out.copy_from_slice(samples),
        Order::Masked => frame.bands - 1,
        Order::Apart => 1,
    };
    let count = frame.width * frame.rows;
    let plane = match order {
        Order::Apart => count * size,
        _ => size,
    };
    for (i, pixel) in out.chunks_exact_mut(frame.bands * size).enumerate() {
        for (band, to) in pixel.chunks_exact_mut(size).enumerate() {
            let at = i * stored * size + band * plane;
            match (order, masks.first()) {
                (Order::Masked, mask) if band == stored => {
                    to.fill(if mask.is_none_or(|mask| mask.is_valid(i)) {
                        255
                    } else {
                        0
                    });
                }
                _ => to.copy_from_slice(&samples[at..at + size]),
            }
        }
    }
}

/// Makes some bands of masked pixels no numbers.
fn blank(mask: &BitMask, bands: std::ops::Range<usize>, frame: &Frame, out: &mut [u8]) {
    if mask.is_all_valid() {
        return;
    }
    let size = frame.dtype.size();
    let (single, double) = (f32::NAN.to_ne_bytes(), f64::NAN.to_ne_bytes());
    let none: &[u8] = if size == 4 { &single } else { &double };
    for (i, pixel) in out.chunks_exact_mut(frame.bands * size).enumerate() {
        if !mask.is_valid(i) {
            let part = &mut pixel[bands.start * size..bands.end * size];
            part.chunks_exact_mut(size)
                .for_each(|sample| sample.copy_from_slice(none));
        }
    }
}
