//! Pixels and descriptions as OpenJPEG's and GDAL's own programs give them.

use super::gdal::{self, worst_difference};
use super::support::*;
use std::path::Path;
use std::process::Command;
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::geometry::Rect;
use tilecache::image::Image;
use tilecache::source::jp2::Jp2Decoder;

/// Complains of what differs from `expected`, or of windows and bands that differ from the whole.
pub fn complaint(
    decoder: &Jp2Decoder,
    level: u32,
    expected: &[u8],
    tolerance: f64,
) -> Result<String> {
    let image = decoder.image();
    let all: Vec<u32> = (0..image.band_count()).collect();
    let got = read_level(decoder, level, &all)?;
    if got.len() != expected.len() {
        return Ok(format!("has {} bytes of {}", got.len(), expected.len()));
    }
    let difference = worst_difference(image.dtype, &got, expected);
    if difference > tolerance {
        return Ok(format!("differs by {difference}"));
    }
    if read_blocks(decoder, level, &all)? != got {
        return Ok("differs when read block by block".into());
    }
    let some: Vec<u32> = all.iter().rev().step_by(2).copied().collect();
    let last = &all[all.len() - 1..];
    let Rect { width, height, .. } = whole(image, level);
    let (odd_x, odd_y) = (width / 3, height / 5);
    for rect in [
        Rect::new(odd_x, odd_y, width.div_ceil(2), height.div_ceil(2)),
        Rect::new(odd_x | 1, odd_y | 1, 1, 1).intersection(&whole(image, level)),
        Rect::new(0, height - 1, width, 1),
        Rect::new(width - width.div_ceil(4), 0, width.div_ceil(4), height),
    ] {
        if rect.is_empty() {
            continue;
        }
        for bands in [&all[..], &some, last] {
            let window = window(decoder, level, rect, bands)?;
            if window != cut(&got, image, level, &rect, bands) {
                return Ok(format!("differs in {rect:?} of bands {bands:?}"));
            }
        }
    }
    Ok(String::new())
}

#[test]
fn every_file_reads_as_others_read_it() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in manifest() {
        if line.len() == 3 {
            continue;
        }
        let [
            file,
            level,
            width,
            height,
            bands,
            kind,
            colours,
            tolerance,
            raw,
        ] = &line[..]
        else {
            panic!("{line:?}");
        };
        let level: u32 = level.parse().expect("a level");
        let result = (|| -> Result<String> {
            let decoder = open(&made().join(file))?;
            let image = decoder.image();
            let Some(size) = image.levels.get(level as usize) else {
                return Ok(format!("has only {} levels", image.levels.len()));
            };
            let name = image.dtype.name();
            let is = format!("{} {} {} {name}", size.0, size.1, image.band_count());
            if is != format!("{width} {height} {bands} {kind}") {
                return Ok(format!("is {is}"));
            }
            let said: Vec<_> = image
                .bands
                .iter()
                .map(|band| format!("{:?}", band.colour))
                .collect();
            if !colours.is_empty() && said.join(",") != *colours {
                return Ok(format!("shows {said:?}"));
            }
            let expected = std::fs::read(made().join(raw)).expect("the expected samples");
            complaint(
                &decoder,
                level,
                &expected,
                tolerance.parse().expect("a number"),
            )
        })();
        compared += 1;
        let complaint = result.unwrap_or_else(|error| error.message().to_owned());
        if !complaint.is_empty() {
            wrong.push(format!("{file} level {level} {complaint}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {compared}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(compared > 400, "{compared} levels compared");
}

#[test]
fn texts_are_those_of_the_boxes() {
    let lines = manifest();
    let texts: Vec<_> = lines.iter().filter(|line| line.len() == 3).collect();
    assert!(texts.len() >= 5, "{texts:?}");
    for line in texts {
        let decoder = open(&made().join(&line[0])).unwrap_or_else(|error| panic!("{error}"));
        let metadata = &decoder.image().metadata;
        let found = metadata.get(&(None, line[1].clone()));
        assert_eq!(found, Some(&line[2]), "{line:?} of {metadata:?}");
    }
}

/// All samples of a level as OpenJPEG's program gives them, in the type that `image` says.
fn decompressed(path: &Path, image: &Image, level: u32) -> Vec<u8> {
    let raw = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real.rawl");
    let level = level.to_string();
    let mut program = Command::new("opj_decompress");
    let of_file = program.arg("-quiet").arg("-i").arg(path);
    let done = of_file.args(["-r", &level, "-o"]).arg(&raw).output();
    let done = done.expect("this test needs the Debian package libopenjp2-tools");
    assert!(done.status.success(), "{}: {done:?}", path.display());
    let mut samples = std::fs::read(&raw).expect("the expected samples");
    if image.dtype == DType::I16 {
        // The program cuts the sign off.
        let spare = 16 - image.bits;
        for sample in samples.as_chunks_mut::<2>().0 {
            *sample = (i16::from_le_bytes(*sample) << spare >> spare).to_ne_bytes();
        }
    }
    samples
}

/// Files that others wrote.
#[test]
fn real_files_read_as_openjpeg_reads_them() {
    for path in gdal::real_files(&["jp2", "j2k"]) {
        let decoder = open(&path).unwrap_or_else(|error| panic!("{error}"));
        let image = decoder.image();
        let all: Vec<u32> = (0..image.band_count()).collect();
        for level in 0..image.levels.len() as u32 {
            let expected = decompressed(&path, image, level);
            let got = read_level(&decoder, level, &all).unwrap_or_else(|error| panic!("{error}"));
            assert!(got == expected, "{} level {level}", path.display());
            let blocks = read_blocks(&decoder, level, &all).expect("pixels");
            assert!(blocks == expected, "{} level {level}", path.display());
        }
    }
}
