//! The description of a segment's image: bands, colours, significant bits, pad and metadata.

use super::bandsb;
use super::header::FileHeader;
use super::mask::Mask;
use super::plan::{Compression, Plan};
use super::subheader::{BandHeader, ImageHeader};
use crate::bytes::Bytes;
use crate::dtype::{DType, Sample};
use crate::image::{Band, Colour, Image, Metadata};
use crate::source::numbered::first_free;
use crate::source::samples::extend;
use crate::source::uncompressed;
use std::fmt::Write;
use std::sync::Arc;

/// Describes the image.
pub fn image(
    file: &FileHeader,
    header: &ImageHeader,
    plan: &Plan,
    mask: &Mask,
    bytes: &Arc<dyn Bytes>,
) -> Image {
    let (width, height) = plan.size;
    let mut image = Image::new(width, height, plan.bands as u32, plan.dtype);
    image.block = plan.block;
    image.bits = bits(header, plan);
    image.bands_together = plan.bands > 1 && interleaved(header);
    let stored = plan.compression == Compression::None;
    uncompressed::describe(&mut image, stored, &**bytes);
    image.sparse = mask.sparse;
    let pad = mask
        .pad
        .and_then(|(code, bits)| pad(plan, code, bits.min(64)));
    image.pad = pad.unwrap_or_default();
    let colours = header.bands.iter().enumerate();
    image.bands = colours
        .map(|(band, said)| Band {
            nodata: pad,
            colour: colour(header, plan, said, band),
        })
        .collect();
    image.metadata = metadata(file, header, mask, bytes);
    image
}

/// What a codestream says better than the subheader: its levels and blocks, and how it is decoded.
pub fn with_codestream(image: &mut Image, codestream: &Image, header: &ImageHeader) {
    image.levels.clone_from(&codestream.levels);
    image.block = codestream.block;
    image.bits = image.bits.min(codestream.bits);
    image.bands_together = codestream.bands_together;
    image.windowed = codestream.windowed;
    image.plain = false;
    image.in_place = false;
    if header.irep == "YCbCr601" {
        // The decoder has undone it where the codestream says so.
        for (band, decoded) in image.bands.iter_mut().zip(&codestream.bands) {
            band.colour = decoded.colour;
        }
    }
    for (name, text) in &codestream.metadata {
        let added = image.metadata.entry(name.clone());
        added.or_insert_with(|| text.clone());
    }
}

fn interleaved(header: &ImageHeader) -> bool {
    matches!(&header.imode[..], "P" | "R")
}

/// Significant bits: the low ones of a sample, or the high ones (field PJUST), as they are stored.
fn bits(header: &ImageHeader, plan: &Plan) -> u32 {
    let stored = plan.bits / plan.dtype.parts() as u32;
    match &header.pvtype[..] {
        "INT" | "SI" if header.abpp > 0 => stored.min(header.abpp as u32),
        _ => stored,
    }
}

/// The pad value as a sample, if it is one.
fn pad(plan: &Plan, code: u64, bits: u32) -> Option<Sample> {
    let mut sample = Sample::default();
    match plan.dtype {
        DType::F32 if bits == 32 => sample.0[..4].copy_from_slice(&(code as u32).to_ne_bytes()),
        DType::F64 if bits == 64 => sample.0[..8].copy_from_slice(&code.to_ne_bytes()),
        DType::CF32 if bits == 64 => {
            sample.0[..4].copy_from_slice(&((code >> 32) as u32).to_ne_bytes());
            sample.0[4..8].copy_from_slice(&(code as u32).to_ne_bytes());
        }
        DType::F32 | DType::F64 | DType::CF32 => return None,
        dtype => {
            if plan.bits < 64 && code >> plan.bits != 0 {
                return None;
            }
            let value = extend(code, bits.min(plan.bits), plan.signed);
            match dtype.size() {
                1 => sample.0[0] = value as u8,
                2 => sample.0[..2].copy_from_slice(&(value as u16).to_ne_bytes()),
                4 => sample.0[..4].copy_from_slice(&(value as u32).to_ne_bytes()),
                _ => sample.0[..8].copy_from_slice(&value.to_ne_bytes()),
            }
        }
    }
    Some(sample)
}

fn colour(header: &ImageHeader, plan: &Plan, said: &BandHeader, band: usize) -> Colour {
    if plan.compression == Compression::Jpeg && plan.ycbcr {
        return [Colour::Red, Colour::Green, Colour::Blue][band];
    }
    match &said.irepband[..] {
        "R" => Colour::Red,
        "G" => Colour::Green,
        "B" => Colour::Blue,
        "M" => Colour::Gray,
        "LU" => Colour::Palette,
        "Y" => Colour::Luma,
        "Cb" => Colour::Cb,
        "Cr" => Colour::Cr,
        _ => {
            let all: &[Colour] = match &header.irep[..] {
                "MONO" => &[Colour::Gray],
                "RGB" => &[Colour::Red, Colour::Green, Colour::Blue],
                "RGB/LUT" => &[Colour::Palette],
                "YCbCr601" => &[Colour::Luma, Colour::Cb, Colour::Cr],
                _ => &[],
            };
            all.get(band).copied().unwrap_or_default()
        }
    }
}

/// The fields of both headers, the tagged extensions, and the lookup tables.
fn metadata(
    file: &FileHeader,
    header: &ImageHeader,
    mask: &Mask,
    bytes: &Arc<dyn Bytes>,
) -> Metadata {
    let mut metadata = Metadata::new();
    for (name, text) in file.texts.iter().chain(&header.texts) {
        metadata.insert((None, name.clone()), text.clone());
    }
    if let Some((code, _)) = mask.pad {
        metadata.insert((None, "NITF_TPXCD".into()), code.to_string());
    }
    let own = header
        .areas
        .iter()
        .flat_map(|area| file.tagged(bytes, area));
    for (name, data) in file.tagged.iter().cloned().chain(own) {
        if name == "BANDSB" {
            let bands = bandsb::wavelengths(&data, header.bands.len());
            for (band, middle) in (0..).zip(bands) {
                let told = middle.map(|middle| ((Some(band), "NITF_CWAVE".into()), middle));
                metadata.extend(told);
            }
        }
        // Others are no text.
        if data.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            let text = super::fields::text(&data);
            insert_new(&mut metadata, format!("NITF_TRE_{name}"), text);
        }
    }
    for (band, said) in (0..).zip(&header.bands) {
        let mut note = |name: &str, text: String| {
            metadata.insert((Some(band), format!("NITF_{name}")), text);
        };
        note("IREPBAND", said.irepband.clone());
        note("ISUBCAT", said.isubcat.clone());
        if !said.luts.is_empty() {
            note("LUT", palette(&said.luts));
        }
    }
    metadata
}

/// Adds a text under its name, or under one with a number where there are several.
fn insert_new(metadata: &mut Metadata, name: String, text: String) {
    // The number of the first is not said.
    let key = |number: u32| match number {
        1 => (None, name.clone()),
        number => (None, format!("{name}_{number}")),
    };
    let number = first_free(1, |number| metadata.contains_key(&key(number)));
    metadata.insert(key(number), text);
}

/// One line for every index, with a number from each table.
fn palette(luts: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for index in 0..luts[0].len() {
        for (table, lut) in luts.iter().enumerate() {
            let comma = if table > 0 { "," } else { "" };
            // Writing into a string cannot fail.
            let _written = write!(text, "{comma}{}", lut[index]);
        }
        text.push('\n');
    }
    text
}
