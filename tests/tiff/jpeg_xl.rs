//! Blocks that are JPEG XL: files of libjxl's encoder (`jxl/make.py`) with the samples of its decoder, and such as nobody
//! means well with.

use super::damage::{crafted, exhaust};
use super::damaged::{damage, peak_memory};
use super::gdal::worst_difference;
use super::support::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tilecache::bytes::MemoryBytes;
use tilecache::dtype::DType;
use tilecache::error::{Error, Kind};
use tilecache::geometry::Rect;
use tilecache::source::Decoder;
use tilecache::source::tiff::TiffFile;

/// A file of floats of both signs, which is not read.
const SIGNS: &str = "signs-f32.tif";

/// The other committed files, by their names.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiff/jxl");
    let entries = std::fs::read_dir(folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "tif"))
        .filter(|path| !path.ends_with(SIGNS))
        .collect();
    files.sort();
    files
}

/// The samples that lie beside a file.
fn samples(path: &Path, len: usize) -> Vec<u8> {
    let packed = std::fs::read(path.with_extension("raw.z")).expect("the samples");
    let mut raw = vec![0; len];
    let written = libdeflater::Decompressor::new().zlib_decompress(&packed, &mut raw);
    assert_eq!(written.expect("zlib"), len, "{}", path.display());
    raw
}

#[test]
fn every_file_has_the_samples_of_libjxl() {
    let files = files();
    assert!(files.len() >= 20, "only {} files", files.len());
    for path in files {
        let name = path.file_name().expect("a name").to_string_lossy();
        let image = open(&path).and_then(|file| file.image(0)).expect(&name);
        let decoder = &image.levels[0];
        let said = decoder.image();
        let all: Vec<u32> = (0..said.band_count()).collect();
        let got = read_all(decoder, &all).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Lossy pixels are rounded by both.
        let most = match said.dtype {
            _ if !name.contains("lossy") && name != "letters.tif" => 0.0,
            DType::U8 => 1.0,
            DType::U16 => 3.0,
            _ => 1e-4,
        };
        let difference = worst_difference(said.dtype, &got, &samples(&path, got.len()));
        assert!(difference <= most, "{name} differs by {difference}");
        assert!(read_packed(decoder, &all).expect(&name) == got, "{name}");
        let inner = Rect::new(5, 3, said.width() / 2, said.height() / 2);
        let last = &all[all.len() - 1..];
        let window = pixels(shape(&inner, 1), said.dtype, |into| {
            decoder.read_window(0, inner, last, into)
        });
        assert!(
            window.expect(&name) == cut(&got, decoder, &inner, last),
            "{name}"
        );
    }
}

#[test]
fn damaged_images_give_errors_and_nothing_worse() {
    let (mut good, mut bad) = (0, 0);
    for path in files() {
        let whole = std::fs::read(&path).expect("the file");
        let (all, none) = exhaust(whole.clone());
        assert!(all > 0 && none == 0, "{} before the damage", path.display());
        let (read, failed) = damage(&whole, 20, 60, &[0..600, 0..whole.len()], exhaust);
        (good, bad) = (good + read, bad + failed);
    }
    assert!(good > 500 && bad > 500, "{good} blocks read, {bad} refused");
    let peak = peak_memory();
    assert!(peak < 1 << 30, "{peak} bytes of memory at the peak");
}

/// An animation of two frames of 8 x 8 pixels of grey, as libjxl encodes it.
const MOVING: [u8; 45] = [
    0xff, 0x0a, 0x41, 0x04, 0x4d, 0x00, 0x20, 0x28, 0x6e, 0x09, 0x08, 0x04, 0x01, 0x00, 0x18, 0x00,
    0x4b, 0x18, 0x8b, 0x15, 0x82, 0x01, 0x08, 0x04, 0x05, 0x00, 0x44, 0x00, 0x4b, 0x18, 0x8b, 0x15,
    0x42, 0xb9, 0xf0, 0x49, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
];

/// Fields of so many bits, the lowest first.
fn bits(fields: &[(u64, usize)]) -> Vec<u8> {
    let all = fields
        .iter()
        .flat_map(|(value, len)| (0..*len).map(move |bit| value >> bit & 1));
    let all: Vec<u8> = all.map(|bit| bit as u8).collect();
    let byte = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    all.chunks(8).map(byte).collect()
}

/// The header of an image of 8 x 8 pixels of grey of 8 bits, which may be turned or have a profile, without pixels.
fn header(is_turned: bool, has_profile: bool) -> Vec<u8> {
    let (turned, profile) = (u64::from(is_turned), u64::from(has_profile));
    // Signature and size.
    let mut fields = vec![(0x0aff, 16), (1, 1), (0, 5), (1, 3)];
    fields.extend([(0, 1), (turned, 1)]);
    if is_turned {
        fields.extend([(2, 3), (0, 3)]);
    }
    // Bits, no more channels, and colours as they are.
    fields.extend([(0, 1), (0, 2), (1, 1), (0, 2), (0, 1)]);
    fields.extend([(0, 1), (profile, 1), (1, 2)]);
    if !has_profile {
        // D65, sRGB.
        fields.extend([(1, 2), (0, 1), (2, 2), (13 - 2, 4), (0, 2)]);
    }
    if is_turned {
        fields.push((1, 1));
    }
    fields.extend([(0, 2), (1, 1), (0, 64)]);
    bits(&fields)
}

#[test]
fn floats_of_both_signs_are_refused_or_right() {
    let path = files()[0].with_file_name(SIGNS);
    let image = open(&path)
        .and_then(|file| file.image(0))
        .expect("an image");
    match read_all(&image.levels[0], &[0]) {
        Ok(got) => assert!(got == samples(&path, got.len())),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Unsupported, "{error}");
            assert!(error.message().contains("of both signs"), "{error}");
        }
    }
}

#[test]
fn images_that_are_not_of_the_block_are_refused() {
    let failure = |side: u32, bits: u32, stream: &[u8]| -> Error {
        let tags = [
            (256, 4, 1, side),
            (257, 4, 1, side),
            (258, 3, 1, bits),
            (259, 3, 1, 50002),
            (262, 3, 1, 1),
            (273, 4, 1, 8 + 2 + 7 * 12 + 4),
            (279, 4, 1, stream.len() as u32),
        ];
        let file = TiffFile::open(Arc::new(MemoryBytes::new(crafted(&tags, stream))));
        let image = file.and_then(|file| file.image(0));
        image
            .and_then(|image| read_all(&image.levels[0], &[0]))
            .expect_err("an error")
    };
    let plain = header(false, false);
    for (what, side, bits, stream, kind, says) in [
        ("nothing", 8, 8, &[][..], Kind::Corrupt, "beyond the end"),
        (
            "text",
            8,
            8,
            b"no image at all",
            Kind::Corrupt,
            "the JPEG XL data are damaged",
        ),
        ("no pixels", 8, 8, &plain[..], Kind::Corrupt, "JPEG XL data"),
        (
            "another size",
            9,
            8,
            &plain[..],
            Kind::Corrupt,
            "of 8 x 8 pixels of 1 samples in a block of 9 x 9 of 1",
        ),
        (
            "another depth",
            8,
            16,
            &plain[..],
            Kind::Corrupt,
            "bits_per_sample: 8",
        ),
        (
            "signed bits",
            8,
            4,
            &plain[..],
            Kind::Corrupt,
            "bits_per_sample: 4",
        ),
        (
            "a profile",
            8,
            8,
            &header(false, true)[..],
            Kind::Unsupported,
            "with a colour profile",
        ),
        (
            "turned",
            8,
            8,
            &header(true, false)[..],
            Kind::Unsupported,
            "that is turned",
        ),
        (
            "a box",
            8,
            8,
            b"\0\0\0\x0cJXL \r\n\x87\n\0\0\x10\0jxlc1234",
            Kind::Corrupt,
            "a box of the JPEG XL data",
        ),
        (
            "no box",
            8,
            8,
            b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x08jxlp",
            Kind::Corrupt,
            "a box of the JPEG XL data",
        ),
        ("frames", 8, 8, &MOVING, Kind::Unsupported, "animation"),
    ] as [(_, _, _, &[u8], _, _); 11]
    {
        let error = failure(side, bits, stream);
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert!(error.message().contains(says), "{what}: {error}");
        assert!(
            error.message().starts_with("directory 0, block (0, 0): "),
            "{what}: {error}"
        );
    }
}
