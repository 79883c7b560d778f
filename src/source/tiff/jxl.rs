//! Blocks that are JPEG XL images (ISO/IEC 18181), with the samples that GDAL's libtiff has for them: colours, then
//! all other channels, as many bits as the directory says.

use crate::error::{Error, Result};
use jxl_bitstream::Bitstream;
use jxl_oxide::image::BitDepth;
use jxl_oxide::{AllocTracker, ImageHeader, InitializeResult, JxlImage, JxlThreadPool};
use jxl_oxide_common::Bundle;
use std::borrow::Cow;
use std::fmt::Display;

/// What the decoder may take for a sample of a block, in bytes: planes of coefficients, of colours and of filters.
const BYTES_A_SAMPLE: u64 = 32;

/// And for any block, in bytes: tables of codes and distances.
const BYTES_A_BLOCK: u64 = 32 << 20;

/// All frames, and all patches of one, may be so many times as large as the block.
const LAYERS: u64 = 4;

/// Pixels that these may have beside that, which are many for a small block alone.
const SMALL: u64 = 1 << 16;

/// What an image must contain.
pub struct Frame {
    /// Columns.
    pub width: u64,
    /// Rows.
    pub rows: u64,
    /// Samples per pixel.
    pub bands: usize,
    /// Bits of a sample.
    pub bits: u32,
    /// Samples are floating-point numbers.
    pub is_float: bool,
    /// Bytes of a sample as it is delivered.
    pub sample_bytes: usize,
}

/// Decodes an image into `out`: interleaved rows without gaps.
pub fn decode(file: &[u8], frame: &Frame, out: &mut [u8]) -> Result<()> {
    let stream = codestream(file)?;
    // Before anything else is read, for a profile of colours may be any number of times as long as the file.
    let said = ImageHeader::parse(&mut Bitstream::new(&stream), ()).map_err(damaged)?;
    frame.check(&said)?;
    let image = open(&stream, frame)?;
    check_work(&image, frame)?;
    let planes = image
        .render_frame(0)
        .map_err(|error| frame.failed(error))?
        .image_planar();
    for (band, plane) in planes.iter().enumerate() {
        let samples = plane.buf().iter();
        let places = out.chunks_exact_mut(frame.sample_bytes).skip(band);
        let places = places.step_by(frame.bands).zip(samples);
        if frame.is_float {
            places.for_each(|(to, sample)| to.copy_from_slice(&sample.to_ne_bytes()));
            continue;
        }
        let most = ((1u32 << frame.bits) - 1) as f32;
        // What lossy coding put beyond the ends comes back to them.
        let number = |sample: &f32| (sample * most + 0.5).clamp(0.0, most);
        match frame.sample_bytes {
            1 => places.for_each(|(to, sample)| to[0] = number(sample) as u8),
            _ => places.for_each(|(to, sample)| {
                to.copy_from_slice(&(number(sample) as u16).to_ne_bytes());
            }),
        }
    }
    Ok(())
}

impl Frame {
    /// Refuses an image that is not of the block.
    fn check(&self, said: &ImageHeader) -> Result<()> {
        let about = &said.metadata;
        let size = (u64::from(said.size.width), u64::from(said.size.height));
        let colours = if about.grayscale() { 1 } else { 3 };
        let bands = colours + about.ec_info.len();
        if size != (self.width, self.rows) || bands != self.bands {
            return Err(Error::corrupt(format!(
                "a JPEG XL image of {} x {} pixels of {bands} samples in a block of {} x {} of {}",
                size.0, size.1, self.width, self.rows, self.bands
            )));
        }
        let own = match self.is_float {
            true => BitDepth::FloatSample {
                bits_per_sample: self.bits,
                exp_bits: 8,
            },
            false => BitDepth::IntegerSample {
                bits_per_sample: self.bits,
            },
        };
        let mut others = about.ec_info.iter().map(|channel| channel.bit_depth);
        let other = Some(about.bit_depth).filter(|bits| *bits != own);
        if let Some(other) = other.or_else(|| others.find(|bits| *bits != own)) {
            return Err(Error::corrupt(format!(
                "JPEG XL samples that are {other:?} in a block whose are {own:?}"
            )));
        }
        let lacks = match about {
            _ if about.colour_encoding.want_icc() => "with a colour profile",
            _ if about.animation.is_some() => "animation",
            _ if about.orientation != 1 => "that is turned",
            _ => return Ok(()),
        };
        Err(Error::unsupported(format!("a JPEG XL image {lacks}")))
    }

    /// What is said of pixels that could not be decoded.
    fn failed(&self, error: impl Display) -> Error {
        match self.is_float {
            // Its sums of whole numbers that stand for floats overflow between those of both signs.
            true => Error::unsupported(format!(
                "floats as JPEG XL that are damaged, or of both signs, which the decoder does not follow: {error}"
            )),
            false => damaged(error),
        }
    }

    fn pixels(&self) -> u64 {
        self.width.saturating_mul(self.rows)
    }
}

/// The image of a codestream, all of whose bytes are there.
fn open(stream: &[u8], frame: &Frame) -> Result<JxlImage> {
    let samples = frame.pixels().saturating_mul(frame.bands.max(3) as u64);
    let most = samples
        .saturating_mul(BYTES_A_SAMPLE)
        .saturating_add(BYTES_A_BLOCK);
    let mut image = JxlImage::builder()
        .pool(JxlThreadPool::none())
        // What a file says of the numbers that occur in it changes no pixel.
        .force_wide_buffers(true)
        .alloc_tracker(AllocTracker::with_limit(
            usize::try_from(most).unwrap_or(usize::MAX),
        ))
        .build_uninit();
    image.feed_bytes(stream).map_err(damaged)?;
    let opened = match image.try_init().map_err(damaged)? {
        InitializeResult::Initialized(image) => Some(image),
        InitializeResult::NeedMoreData(_) => None,
    };
    opened
        .filter(|image| image.is_loading_done() && image.num_loaded_keyframes() > 0)
        .ok_or_else(|| Error::corrupt("the JPEG XL data end within the image"))
}

/// Refuses an image that would take much longer than one of its size.
fn check_work(image: &JxlImage, frame: &Frame) -> Result<()> {
    let most = frame.pixels().saturating_mul(LAYERS).saturating_add(SMALL);
    let mut all = 0u64;
    for frame in (0..image.num_loaded_frames()).filter_map(|index| image.frame(index)) {
        let said = frame.header();
        all = all.saturating_add(u64::from(said.width) * u64::from(said.height));
        let mut patches = 0u64;
        if said.flags.patches()
            && let Some(global) = frame.try_parse_lf_global::<i32>()
        {
            let global = global.map_err(damaged)?;
            for patch in global.patches.iter().flat_map(|all| &all.patches) {
                let area = u64::from(patch.width) * u64::from(patch.height);
                let times = patch.patch_targets.len() as u64;
                patches = patches.saturating_add(area.saturating_mul(times));
            }
        }
        if all.max(patches) > most {
            return Err(Error::limit(format!(
                "JPEG XL frames of {all} pixels, with patches of {patches}, in a block of at most {most}"
            )));
        }
    }
    Ok(())
}

/// The codestream of a file, which has it as a whole or within boxes (ISO/IEC 18181-2); what else these hold is
/// left out.
fn codestream(file: &[u8]) -> Result<Cow<'_, [u8]>> {
    const BOXES: &[u8] = b"\0\0\0\x0cJXL \r\n\x87\n";
    let Some(mut rest) = file.strip_prefix(BOXES) else {
        return Ok(file.into());
    };
    let mut stream = Vec::new();
    while let Some((head, behind)) = rest.split_first_chunk::<8>() {
        let [size, kind] = [0, 4]
            .map(|at| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        let (head, size) = match size {
            0 => (8, rest.len() as u64),
            1 => match behind.first_chunk::<8>() {
                Some(long) => (16, u64::from_be_bytes(*long)),
                None => return Err(ends_early()),
            },
            size => (8, u64::from(size)),
        };
        let size = usize::try_from(size)
            .ok()
            .filter(|size| (head..=rest.len()).contains(size));
        let (whole, next) = rest.split_at(size.ok_or_else(ends_early)?);
        let body = &whole[head..];
        match &kind.to_be_bytes() {
            b"jxlc" => stream.extend_from_slice(body),
            // A number precedes a part.
            b"jxlp" => stream.extend_from_slice(body.get(4..).ok_or_else(ends_early)?),
            _ => (),
        }
        rest = next;
    }
    Ok(stream.into())
}

fn ends_early() -> Error {
    Error::corrupt("a box of the JPEG XL data that does not end in them")
}

fn damaged(error: impl Display) -> Error {
    Error::corrupt(format!("the JPEG XL data are damaged: {error}"))
}
