//! Format: what samples are, and which of them are data.

use super::filter::Filter;
use super::sample::Sample as Part;
use crate::dtype::{DType, Sample};
use crate::image::{Colour, Image};

/// What a step must know of the samples of an image.
#[derive(Clone, Debug)]
pub struct Format {
    /// The type of a sample.
    pub dtype: DType,
    /// The nodata value of each band.
    pub nodata: Vec<Option<Sample>>,
    /// The band that says how much the others count.
    pub alpha: Option<usize>,
    /// What stands where nothing is data, if nothing else says so.
    pub pad: Sample,
    /// Significant bits of a sample.
    pub bits: u32,
}

impl Format {
    /// What an image says of its samples.
    pub fn of(image: &Image) -> Self {
        let is_alpha = |band: &crate::image::Band| band.colour == Colour::Alpha;
        let alpha = image.bands.iter().position(is_alpha);
        Self {
            dtype: image.dtype,
            nodata: image.bands.iter().map(|band| band.nodata).collect(),
            alpha: alpha.filter(|_| !image.dtype.is_complex()),
            pad: image.pad,
            bits: image.bits,
        }
    }

    /// The alpha band that counts for a band.
    pub fn alpha_of(&self, band: usize) -> Option<usize> {
        self.alpha.filter(|alpha| *alpha != band)
    }

    /// The sample of a band where nothing is data: nodata, else NaN, else pad.
    pub fn none(&self, band: usize) -> Sample {
        match (self.nodata[band], self.dtype) {
            (Some(nodata), _) => nodata,
            (None, DType::F32 | DType::F64 | DType::CF32 | DType::CF64) => {
                let mut none = Sample::default();
                let nan32 = f32::NAN.to_ne_bytes().repeat(4);
                let nan64 = f64::NAN.to_ne_bytes().repeat(2);
                let is_single = self.dtype.part() == DType::F32;
                let nan = if is_single { nan32 } else { nan64 };
                none.0[..self.dtype.size()].copy_from_slice(&nan[..self.dtype.size()]);
                none
            }
            (None, _) => self.pad,
        }
    }

    /// Whether pixels that are all pad become pad, bit by bit, at every place of every output.
    pub fn keeps_pad(&self, filter: Filter, has_mask: bool) -> bool {
        let is_whole = !matches!(self.dtype.part(), DType::F32 | DType::F64);
        let is_exact = is_whole && self.dtype.part().size() < 8;
        let stays = is_exact || filter.selects() || self.pad == Sample::default();
        let may_be_none = has_mask || self.alpha.is_some();
        (0..self.nodata.len()).all(|band| {
            let is_nodata = |nodata| crate::nodata::is_nodata(self.dtype, &self.pad, nodata);
            let nodata = self.nodata[band].as_ref();
            // A NaN is no data even without a nodata value.
            let is_none = nodata.is_some_and(is_nodata) || self.pad_is_nan();
            let none_is_pad = self.none(band) == self.pad;
            match is_none {
                true => none_is_pad,
                false => stays && (!may_be_none || none_is_pad),
            }
        })
    }

    fn pad_is_nan(&self) -> bool {
        let count = self.dtype.parts();
        match self.dtype.part() {
            DType::F32 => parts::<f32>(&self.pad, count)
                .iter()
                .any(|part| part.is_nan()),
            DType::F64 => parts::<f64>(&self.pad, count)
                .iter()
                .any(|part| part.is_nan()),
            _ => false,
        }
    }

    /// The limits of whole numbers of the significant bits.
    pub fn limits(&self) -> (i128, i128) {
        let is_signed = matches!(
            self.dtype.part(),
            DType::I8 | DType::I16 | DType::I32 | DType::I64
        );
        let all = self.dtype.part().size() as u32 * 8;
        let bits = self.bits.clamp(1, all);
        match is_signed {
            true => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            false => (0, (1 << bits) - 1),
        }
    }
}

/// The parts of a sample.
pub fn parts<T: Part>(sample: &Sample, parts: usize) -> [T; 2] {
    let part = |at: usize| {
        let start = at.min(parts - 1) * size_of::<T>();
        bytemuck::pod_read_unaligned(&sample.0[start..start + size_of::<T>()])
    };
    [part(0), part(1)]
}
