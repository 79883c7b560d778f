//! The codestreams of ISO/IEC 15444-4, where TILECACHE_CONFORMANCE names a folder of them and of their reference images.

use super::compare::complaint;
use super::support::*;
use std::path::{Path, PathBuf};
use tilecache::dtype::DType;

/// A difference that is allowed in a component: the largest, and the mean of all squares.
type Allowed = (i64, f64);
const NONE: Allowed = (0, 0.0);

/// What class 0 allows in the first component, by codestream, what is added to the name of its reference image, and level
/// (Tables C.1 and C.4). Class 0 is of decoders that leave component transformations out and write eight bits; these are
/// the references to which that makes no difference.
const CLASS_0: [(&str, &str, u32, Allowed); 11] = [
    ("p0_01", "", 0, NONE),
    ("p0_02", "", 0, NONE),
    ("p0_03", "r1", 1, NONE),
    ("p0_05", "", 3, (54, 68.0)),
    ("p0_09", "", 2, (4, 1.47)),
    ("p0_11", "", 0, NONE),
    ("p0_12", "", 0, NONE),
    ("p0_15", "r1", 1, NONE),
    ("p0_16", "", 0, NONE),
    ("p1_01", "", 0, NONE),
    ("p1_03", "", 3, (28, 18.8)),
];

/// What class 1 allows in each component (Tables C.6 and C.7).
const CLASS_1: [(&str, &[Allowed]); 23] = [
    ("p0_01", &[NONE]),
    ("p0_02", &[NONE]),
    ("p0_03", &[NONE]),
    ("p0_04", &[(5, 0.776), (4, 0.626), (6, 1.070)]),
    ("p0_05", &[(2, 0.302), (2, 0.307), (2, 0.269), NONE]),
    (
        "p0_06",
        &[(635, 11287.0), (403, 6124.0), (378, 3968.0), NONE],
    ),
    ("p0_07", &[NONE; 3]),
    ("p0_08", &[NONE; 3]),
    ("p0_09", &[NONE]),
    ("p0_10", &[NONE; 3]),
    ("p0_11", &[NONE]),
    ("p0_12", &[NONE]),
    ("p0_13", &[NONE; 4]),
    ("p0_14", &[NONE; 3]),
    ("p0_15", &[NONE]),
    ("p0_16", &[NONE]),
    ("p1_01", &[NONE]),
    ("p1_02", &[(5, 0.765), (4, 0.616), (6, 1.051)]),
    ("p1_03", &[(2, 0.3), (2, 0.21), (1, 0.2), NONE]),
    ("p1_04", &[(624, 3080.0)]),
    ("p1_05", &[(40, 8.458), (40, 9.816), (40, 10.154)]),
    ("p1_06", &[(2, 0.6), (2, 0.6), (2, 0.6)]),
    ("p1_07", &[NONE; 2]),
];

/// Those of Part 15: the name of the codestream, that of which it has the reference images, and the tolerances that other
/// decoders of them keep to.
#[allow(clippy::approx_constant, reason = "a tolerance is near 1 / pi")]
#[rustfmt::skip]
const HIGH_THROUGHPUT: [(&str, &str, &[Allowed]); 35] = [
    ("ds0_ht_01_b11", "p0_01", &[NONE]),
    ("ds0_ht_02_b11", "p0_02", &[(1, 0.001)]),
    ("ds0_ht_03_b11", "p0_03", &[(17, 0.15)]),
    ("ds0_ht_03_b14", "p0_03", &[NONE]),
    ("ds0_ht_04_b11", "p0_04", &[(7, 0.876), (6, 0.726), (8, 1.17)]),
    ("ds0_ht_04_b12", "p0_04", &[(5, 0.776), (4, 0.626), (6, 1.07)]),
    ("ds0_ht_05_b11", "p0_05", &[(2, 0.319), (3, 0.324), (3, 0.318), (2, 0.001)]),
    ("ds0_ht_05_b12", "p0_05", &[(2, 0.319), (2, 0.323), (2, 0.317), NONE]),
    ("ds0_ht_06_b11", "p0_06", &[(3135, 86287.0), (403, 6124.0), (378, 3968.0), (200, 2000.0)]),
    ("ds0_ht_06_b15", "p0_06", &[(635, 11287.0), (403, 6124.0), (378, 3968.0), (12, 10.0)]),
    ("ds0_ht_06_b18", "p0_06", &[(635, 11287.0), (403, 6124.0), (378, 3968.0), NONE]),
    ("ds0_ht_07_b11", "p0_07", &[(40, 25.0), (40, 25.0), (50, 25.0)]),
    ("ds0_ht_07_b15", "p0_07", &[(2, 0.075), (2, 0.05), (2, 0.075)]),
    ("ds0_ht_07_b16", "p0_07", &[NONE, NONE, NONE]),
    ("ds0_ht_08_b11", "p0_08", &[(40, 45.0), (40, 30.0), (40, 45.0)]),
    ("ds0_ht_08_b15", "p0_08", &[NONE, (1, 0.001), NONE]),
    ("ds0_ht_08_b16", "p0_08", &[NONE, NONE, NONE]),
    ("ds0_ht_09_b11", "p0_09", &[NONE]),
    ("ds0_ht_10_b11", "p0_10", &[NONE, NONE, NONE]),
    ("ds0_ht_11_b10", "p0_11", &[NONE]),
    ("ds0_ht_12_b11", "p0_12", &[NONE]),
    ("ds0_ht_14_b11", "p0_14", &[NONE, NONE, NONE]),
    ("ds0_ht_15_b11", "p0_15", &[(17, 0.15)]),
    ("ds0_ht_15_b14", "p0_15", &[NONE]),
    ("ds0_ht_16_b11", "p0_16", &[NONE]),
    ("ds1_ht_01_b11", "p1_01", &[(1, 0.001)]),
    ("ds1_ht_01_b12", "p1_01", &[NONE]),
    ("ds1_ht_02_b11", "p1_02", &[(7, 0.865), (6, 0.716), (8, 1.151)]),
    ("ds1_ht_02_b12", "p1_02", &[(5, 0.765), (4, 0.616), (6, 1.051)]),
    ("ds1_ht_03_b11", "p1_03", &[(2, 0.311), (3, 0.31), (3, 0.317), (2, 0.001)]),
    ("ds1_ht_03_b12", "p1_03", &[(2, 0.311), (2, 0.28), (1, 0.267), NONE]),
    ("ds1_ht_04_b9", "p1_04", &[(624, 3080.0)]),
    ("ds1_ht_05_b11", "p1_05", &[(40, 8.458), (40, 9.716), (40, 10.154)]),
    ("ds1_ht_06_b11", "p1_06", &[(2, 0.6), (2, 0.6), (2, 0.6)]),
    ("ds1_ht_07_b11", "p1_07", &[NONE, NONE]),
];

/// Those with code-blocks of both parts, which are refused.
const MIXED: [&str; 3] = ["ds0_hm_06_b11", "ds0_hm_06_b18", "ds0_hm_15_b8"];

/// Width, height and samples of a component.
type Component = (usize, usize, Vec<i64>);

/// A reference image (PGX).
fn reference(bytes: &[u8]) -> Component {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a line");
    let line = String::from_utf8_lossy(&bytes[..end]).replace(['+', '-'], " ");
    let is_signed = bytes[..end].contains(&b'-');
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, order, numbers @ ..] = &words[..] else {
        panic!("{line}");
    };
    let number = |i: usize| numbers[i].parse::<usize>().expect("a number");
    let (bits, width, height) = (number(0), number(1), number(2));
    let size = bits.div_ceil(8).next_power_of_two();
    let sample = |bytes: &[u8]| {
        let fold = |value: i64, byte: &u8| value << 8 | i64::from(*byte);
        let value = match *order {
            "ML" => bytes.iter().fold(0, fold),
            _ => bytes.iter().rev().fold(0, fold),
        };
        let above = 64 - 8 * size;
        if is_signed {
            value << above >> above
        } else {
            value
        }
    };
    let samples = bytes[end + 1..].chunks_exact(size).map(sample);
    (width, height, samples.collect())
}

fn samples(dtype: DType, bytes: &[u8]) -> Vec<i64> {
    let size = dtype.size();
    let above = 64 - 8 * size as u32;
    let signed = matches!(dtype, DType::I8 | DType::I16 | DType::I32);
    let sample = |bytes: &[u8]| {
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(bytes);
        let value = i64::from_le_bytes(wide);
        if signed {
            value << above >> above
        } else {
            value
        }
    };
    bytes.chunks_exact(size).map(sample).collect()
}

/// The samples of a component on the grid that SIZ gives it, out of those of the image, which is on the finest grid of all
/// components, and where each stands for all pixels that it covers.
fn component(siz: &[u8], number: usize, width: usize, band: &[i64]) -> Component {
    let at = |offset: usize| {
        let four = siz[offset..offset + 4].try_into().expect("four bytes");
        u32::from_be_bytes(four) as usize
    };
    let count = usize::from(u16::from_be_bytes([siz[40], siz[41]]));
    let places = |end: usize, begin: usize, axis: usize| {
        let step = |component: usize| usize::from(siz[42 + 3 * component + 1 + axis]);
        let finest = (0..count).map(step).min().expect("a component");
        let step = step(number);
        (begin.div_ceil(step)..end.div_ceil(step))
            .map(move |i| i * step / finest - begin.div_ceil(finest))
            .collect::<Vec<_>>()
    };
    let (columns, rows) = (places(at(8), at(16), 0), places(at(12), at(20), 1));
    let row = |y: &usize| {
        columns
            .iter()
            .map(|x| band[y * width + x])
            .collect::<Vec<_>>()
    };
    let samples = rows.iter().flat_map(row).collect();
    (columns.len(), rows.len(), samples)
}

/// The largest difference, and the mean of the squares of all.
fn difference(got: &[i64], right: &[i64]) -> Allowed {
    assert_eq!(got.len(), right.len());
    let off = || got.iter().zip(right).map(|(a, b)| (a - b).abs());
    let squares: f64 = off().map(|off| (off * off) as f64).sum();
    (off().max().unwrap_or(0), squares / got.len() as f64)
}

fn is_allowed(off: Allowed, allowed: Allowed) -> bool {
    off.0 <= allowed.0 && off.1 <= allowed.1
}

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("TILECACHE_CONFORMANCE");
    if folder.is_none() {
        println!("skipped: TILECACHE_CONFORMANCE names no folder");
    }
    folder.map(PathBuf::from)
}

#[test]
fn levels_of_conformance_codestreams_are_within_the_tolerances_of_the_standard() {
    let Some(folder) = folder() else {
        return;
    };
    for (name, more, level, allowed) in CLASS_0 {
        let path = folder.join(format!("{name}.j2k"));
        let file = folder.join(format!("c0{name}{more}.pgx"));
        let right = reference(&std::fs::read(file).expect("a reference image"));
        let mut decoder = open(&path).unwrap_or_else(|error| panic!("{error}"));
        decoder.read_all_by_parts();
        let image = decoder.image();
        let band = read_level(&decoder, level, &[0]).expect("pixels");
        let off = difference(&samples(image.dtype, &band), &right.2);
        assert!(is_allowed(off, allowed), "{name}, level {level}: {off:?}");
    }
}

#[test]
fn conformance_codestreams_are_within_the_tolerances_of_the_standard() {
    let Some(folder) = folder() else {
        return;
    };
    let mut compared = 0;
    for (name, allowed) in CLASS_1 {
        compared += compare(&folder, name, name, allowed);
    }
    assert!(compared > 0, "none of them is there");
}

#[test]
fn conformance_codestreams_of_part_15_are_within_tolerances() {
    let Some(folder) = folder() else {
        return;
    };
    let mut compared = 0;
    for (name, reference, allowed) in HIGH_THROUGHPUT {
        compared += compare(&folder, name, reference, allowed);
    }
    println!("{compared} components of Part 15 compared");
    for name in MIXED {
        let path = folder.join(format!("{name}.j2k"));
        if path.exists() {
            let read = open(&path).and_then(|decoder| read_blocks(&decoder, 0, &[0]));
            assert!(read.is_err(), "{name}");
        }
    }
}

/// Compares a codestream with reference images, and its windows by code-blocks with the whole; says how many components were
/// compared.
fn compare(folder: &Path, name: &str, of: &str, allowed: &[Allowed]) -> usize {
    let path = folder.join(format!("{name}.j2k"));
    let Ok(bytes) = std::fs::read(&path) else {
        println!("{name}: is not there");
        return 0;
    };
    let mut decoder = open(&path).unwrap_or_else(|error| panic!("{error}"));
    decoder.read_all_by_parts();
    let image = decoder.image();
    let mut compared = 0;
    for (number, (most, mean)) in allowed.iter().enumerate() {
        let file = folder.join(format!("c1{of}_{number}.pgx"));
        let Ok(file) = std::fs::read(file) else {
            println!("{name}: the reference image {number} is not there");
            continue;
        };
        let right = reference(&file);
        compared += 1;
        // The reference of this one is of half its size.
        let level = u32::from(of == "p0_08");
        let band = read_level(&decoder, level, &[number as u32]);
        let band = band.unwrap_or_else(|error| panic!("{name}: {error}"));
        let band = samples(image.dtype, &band);
        let (width, height) = image.levels[level as usize];
        let got = match level {
            0 => component(&bytes, number, width as usize, &band),
            _ => (width as usize, height as usize, band),
        };
        assert_eq!((got.0, got.1), (right.0, right.1), "{name}, {number}");
        assert_eq!(got.2.len(), right.2.len(), "{name}, {number}");
        let off = difference(&got.2, &right.2);
        assert!(is_allowed(off, (*most, *mean)), "{name}, {number}: {off:?}");
    }
    // By code-blocks, in windows, what the codec makes of the whole.
    let codec = open(&path).expect("an image");
    let all: Vec<u32> = (0..image.band_count()).collect();
    for level in (0..image.levels.len() as u32).rev() {
        let expected = read_level(&codec, level, &all).expect("pixels");
        let complaint = complaint(&decoder, level, &expected, 0.0).expect("pixels");
        assert!(complaint.is_empty(), "{name}, level {level}: {complaint}");
    }
    compared
}
