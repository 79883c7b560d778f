//! Two bands that are the parts of complex numbers, as SICD stores them, as one band.

use super::NitfDecoder;
use super::plan::{Compression, Plan};
use super::subheader::ImageHeader;
use crate::convert::convert_row;
use crate::dtype::{DType, Sample};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::{Band, Block, Image, shape};
use crate::layout::Layout;
use crate::memory::{Canvas, Memory, PixelsMut};
use crate::source::Decoder;
use std::f64::consts::TAU;

/// The parts are put together in pieces of so many bytes, or of one row.
const PIECE: u64 = 1 << 20;

/// What the two bands are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Real and imaginary part.
    Cartesian,
    /// Amplitude and phase, of 8 bits each, as SICD defines them.
    Polar,
}

impl Form {
    /// What the subcategories of the bands say, if the bands are parts of complex numbers.
    pub fn of(header: &ImageHeader, plan: &Plan) -> Option<Self> {
        let [first, second] = &header.bands[..] else {
            return None;
        };
        if plan.compression != Compression::None {
            return None;
        }
        let cartesian =
            matches!(plan.dtype, DType::F32 | DType::F64) || plan.signed && plan.dtype.size() <= 4;
        match (&first.isubcat[..], &second.isubcat[..]) {
            ("I", "Q") if cartesian => Some(Self::Cartesian),
            ("M", "P") if plan.dtype == DType::U8 && plan.bits == 8 => Some(Self::Polar),
            _ => None,
        }
    }
}

/// The amplitudes that the samples of the first band stand for, by the AmpTable of a SICD text: one
/// for each of them, or the samples themselves where there is no table.
pub fn amplitudes(sicd: &str) -> Result<Vec<f64>> {
    let Some((_, table)) = sicd.split_once("AmpTable") else {
        return Ok((0..256).map(f64::from).collect());
    };
    let table = table.split("AmpTable").next().unwrap_or_default();
    let mut amplitudes = vec![None; 256];
    // An entry reads <Amplitude index="7">0.25</Amplitude>.
    for entry in table.split("index=").skip(1) {
        let fields = entry.split(['"', '\'', '<', '>']).map(str::trim);
        let mut fields = fields.filter(|field| !field.is_empty());
        let (index, value) = (fields.next(), fields.next());
        let index = index.and_then(|index| index.parse::<usize>().ok());
        let value = value.and_then(|value| value.parse::<f64>().ok());
        if let Some(known) = index.and_then(|index| amplitudes.get_mut(index)) {
            *known = value;
        }
    }
    let known = amplitudes.iter().flatten().count();
    let all: Option<Vec<f64>> = amplitudes.into_iter().collect();
    all.ok_or_else(|| Error::corrupt(format!("AmpTable of SICD has {known} of 256 amplitudes")))
}

/// How a pair of samples becomes a complex one.
enum Rule {
    Cartesian,
    /// The amplitudes, and cosine and sine of the phases, by sample.
    Polar(Vec<f64>, Vec<(f64, f64)>),
}

/// The image of a segment with its two bands as one.
pub struct ComplexDecoder {
    parts: NitfDecoder,
    rule: Rule,
    image: Image,
}

impl ComplexDecoder {
    /// The image of a segment whose bands are real and imaginary part.
    pub fn cartesian(parts: NitfDecoder) -> Self {
        Self::new(parts, Rule::Cartesian)
    }

    /// The image of a segment whose bands are amplitude and phase.
    pub fn polar(parts: NitfDecoder, amplitudes: Vec<f64>) -> Self {
        let turn = |phase: u32| (f64::from(phase) * TAU / 256.0).sin_cos();
        let phases = (0..256).map(turn).map(|(sin, cos)| (cos, sin)).collect();
        Self::new(parts, Rule::Polar(amplitudes, phases))
    }

    fn new(parts: NitfDecoder, rule: Rule) -> Self {
        let mut image = parts.image().clone();
        image.dtype = match (&rule, image.dtype) {
            (Rule::Polar(..), _) | (_, DType::F32) => DType::CF32,
            (_, DType::F64) => DType::CF64,
            (_, DType::I32) => DType::CI32,
            _ => DType::CI16,
        };
        if let Rule::Polar(..) = rule {
            image.bits = 32;
        }
        image.bands_together = false;
        let of_parts = parts.image();
        let types = (of_parts.dtype, image.dtype);
        image.pad = sample(&rule, types, of_parts.pad);
        let nodata = of_parts.bands[0].nodata;
        image.bands = vec![Band {
            nodata: nodata.map(|part| sample(&rule, types, part)),
            ..Band::default()
        }];
        // What is said of the second band stands behind what is said of the first.
        let second = image.metadata.split_off(&(Some(1), String::new()));
        for ((_, name), text) in second {
            let first = image.metadata.entry((Some(0), name)).or_default();
            first.push(',');
            first.push_str(&text);
        }
        Self { parts, rule, image }
    }

    /// The description of the image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    fn read(&self, level: u32, rect: Rect, into: &mut PixelsMut<'_>) -> Result<()> {
        let dtype = self.parts.image().dtype;
        let row_bytes = rect.width * 2 * dtype.size() as u64;
        let at_once = (PIECE / row_bytes.max(1)).clamp(1, rect.height.max(1));
        let layout = Layout::packed(shape(rect.width, at_once, 2)?, dtype)?;
        let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout);
        let mut pixels = canvas.pixels_mut();
        let mut y = 0;
        while y < rect.height {
            let count = at_once.min(rect.height - y);
            let piece = Rect::new(rect.x, rect.y + y, rect.width, count);
            let mut both = pixels.window_mut(0, 0, rect.width as usize, count as usize);
            self.parts.read_window(level, piece, &[0, 1], &mut both)?;
            for row in 0..count as usize {
                let both = both.rows_mut(row);
                for band in 0..into.layout().shape.bands {
                    let out = into.row_mut(band, y as usize + row);
                    combine(
                        &self.rule,
                        (dtype, self.image.dtype),
                        [&*both[0], &*both[1]],
                        out,
                    );
                }
            }
            y += count;
        }
        Ok(())
    }
}

/// The complex sample both parts of which are the same, as pad and nodata have it.
fn sample(rule: &Rule, (from, to): (DType, DType), part: Sample) -> Sample {
    let mut sample = Sample::default();
    let bytes = part.bytes(from);
    combine(rule, (from, to), [bytes, bytes], &mut sample.0[..to.size()]);
    sample
}

/// Writes a row of complex samples by the rows of their parts.
fn combine(rule: &Rule, (from, to): (DType, DType), parts: [&[u8]; 2], out: &mut [u8]) {
    let size = to.part().size();
    match rule {
        Rule::Cartesian => {
            let mut row = vec![0; out.len() / 2];
            for (part, samples) in parts.into_iter().enumerate() {
                convert_row(from, samples, to.part(), &mut row);
                let places = out.chunks_exact_mut(2 * size);
                for (pair, sample) in places.zip(row.chunks_exact(size)) {
                    pair[part * size..][..size].copy_from_slice(sample);
                }
            }
        }
        Rule::Polar(amplitudes, phases) => {
            let samples = parts[0].iter().zip(parts[1]);
            for (pair, (amplitude, phase)) in out.chunks_exact_mut(8).zip(samples) {
                let amplitude = amplitudes[usize::from(*amplitude)];
                let (cos, sin) = phases[usize::from(*phase)];
                pair[..4].copy_from_slice(&((amplitude * cos) as f32).to_ne_bytes());
                pair[4..].copy_from_slice(&((amplitude * sin) as f32).to_ne_bytes());
            }
        }
    }
}

impl Decoder for ComplexDecoder {
    fn has_block(&self, at: Block) -> Result<bool> {
        self.parts.has_block(at)
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, _bands: &[u32]) {
        self.parts.announce(blocks, &[0, 1]);
    }

    fn forget(&self) {
        self.parts.forget();
    }

    fn read_block(&self, at: Block, _bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.read(at.level, at.rect(&self.image), into)
    }

    fn read_window(
        &self,
        level: u32,
        rect: Rect,
        _bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.read(level, rect, into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amplitude_table_is_whole_or_an_error() {
        let entry = |i: u32| format!("<a:Amplitude index=\"{i}\"> {} </a:Amplitude>", i * i);
        let table = |count| {
            let entries: String = (0..count).rev().map(entry).collect();
            format!(
                "<SICD><a:AmpTable size=\"256\">{entries}</a:AmpTable><x index=\"1\">9</x></SICD>"
            )
        };
        let found = amplitudes(&table(256)).expect("a whole table");
        assert!((0..256).all(|i| found[i] == (i * i) as f64));
        let error = amplitudes(&table(255)).expect_err("one is missing");
        assert!(error.message().contains("255 of 256"), "{error}");
        assert_eq!(amplitudes("<SICD/>").expect("no table")[77], 77.0);
    }
}
