//! Values: what was packed comes back, and whatever else is there is doubted.

use proptest::prelude::*;
use tilecache_fleet::value::{
    Checked, Compression, Doubt, Form, HEADER, Packer, Pixels, PixelsMut, Refused,
};
use tilecache_fleet::{Digest, Generation, Sample, Secret, key};

const GENERATION: Generation = Generation {
    counter: 5,
    random: 7,
};

fn packer(compression: Compression, secret: Option<&Secret>) -> Packer {
    Packer {
        compression,
        secret: secret.cloned(),
        max_bytes: 1 << 20,
    }
}

fn digest(material: &[u8]) -> Digest {
    key::block(material, GENERATION, None)
}

fn form(code: i32, width: u32, height: u32, bands: u32) -> Form {
    Form {
        sample: Sample::from_code(code).unwrap(),
        width,
        height,
        bands,
    }
}

/// Samples that compress: a slope with a little noise.
fn slope(bytes: usize, number: usize, noise: u8) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let noise = |at: usize, random: &mut fastrand::Rng| {
        if at.is_multiple_of(number) {
            random.u8(..=noise)
        } else {
            (at / 700) as u8
        }
    };
    (0..bytes).map(|at| noise(at, &mut random)).collect()
}

fn unpacked(
    value: &[u8],
    key: &Digest,
    form: &Form,
    secret: Option<&Secret>,
) -> Result<Vec<u8>, Doubt> {
    let mut pixels = vec![0x5a; form.bytes().unwrap()];
    let mut into = PixelsMut {
        data: &mut pixels,
        row_stride: form.row_bytes(),
        band_stride: form.row_bytes() * form.height as usize,
    };
    Checked::new(value, key, form, secret)?.unpack(&mut into)?;
    Ok(pixels)
}

fn packed<'a>(form: &Form, pixels: &'a [u8]) -> Pixels<'a> {
    Pixels {
        data: pixels,
        row_stride: form.row_bytes(),
        band_stride: form.row_bytes() * form.height as usize,
    }
}

fn compressions() -> impl Strategy<Value = Compression> {
    prop::sample::select(vec![Compression::None, Compression::Lz4, Compression::Zstd])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_packed_comes_back(
        (code, compression, keyed) in (prop::sample::select(Sample::all().collect::<Vec<_>>()), compressions(), any::<bool>()),
        (width, height, bands) in (0_u32..40, 0_u32..20, 0_u32..4),
        (gap, rows_gap) in (0_usize..9, 0_usize..3),
        noise in any::<u8>(),
    ) {
        let form = Form { sample: code, width, height, bands };
        let row_stride = form.row_bytes() + gap * code.bytes();
        let band_stride = row_stride * (height as usize + rows_gap);
        let span = match form.bytes().unwrap() {
            0 => 0,
            _ => (bands as usize - 1) * band_stride + (height as usize - 1) * row_stride + form.row_bytes(),
        };
        let data = slope(span, code.number_bytes(), noise);
        let secret = keyed.then(|| Secret::new(b"of the fleet"));
        let key = digest(b"a block");
        let pixels = Pixels { data: &data, row_stride, band_stride };
        let value = packer(compression, secret.as_ref()).pack(&key, &form, pixels).unwrap();

        // Into memory with gaps, which stay as they are.
        let mut read = vec![0x5a; span];
        let mut into = PixelsMut { data: &mut read, row_stride, band_stride };
        let checked = Checked::new(&value, &key, &form, secret.as_ref()).unwrap();
        checked.unpack(&mut into).unwrap();
        let mut expected = vec![0x5a; span];
        for row in 0..(height * bands) as usize {
            if span > 0 {
                let at = row / height as usize * band_stride + row % height as usize * row_stride;
                let row = at..at + form.row_bytes();
                expected[row.clone()].copy_from_slice(&data[row]);
            }
        }
        prop_assert!(read == expected, "other pixels came back");
    }

    #[test]
    fn bytes_of_any_kind_are_doubted(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let form = form(3, 4, 4, 1);
        prop_assert!(unpacked(&bytes, &digest(b"a block"), &form, None).is_err());
    }

    /// Behind a true header with a true tag: whoever knows no secret can make those. It must be an error, or pixels,
    /// and neither a panic nor more memory than the block has.
    #[test]
    fn bodies_of_any_kind_are_survived(
        body in prop::collection::vec(any::<u8>(), 0..300),
        code in prop::sample::select(vec![0_u8, 1, 2]),
        shuffle in prop::sample::select(vec![1_u8, 2]),
    ) {
        let form = form(3, 9, 5, 2);
        let key = digest(b"a block");
        let value = forged(&form, &key, code, shuffle, form.bytes().unwrap() as u64, &body);
        let _ = unpacked(&value, &key, &form, None);
    }
}

/// A value with a true tag, as another program could write it.
fn forged(form: &Form, key: &Digest, codec: u8, shuffle: u8, raw: u64, body: &[u8]) -> Vec<u8> {
    let mut value = b"TCFV\x01\x00\x01".to_vec();
    value.extend_from_slice(&[form.sample.code(), codec, shuffle, 0, 0]);
    for side in [form.width, form.height, form.bands] {
        value.extend_from_slice(&side.to_le_bytes());
    }
    value.extend_from_slice(&raw.to_le_bytes());
    value.extend_from_slice(&(body.len() as u64).to_le_bytes());
    value.extend_from_slice(&key.0[..8]);
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(b"tilecache 2026 tier: value\0")
        .update(&value)
        .update(&key.0)
        .update(body);
    let tag = hasher.finalize();
    value.extend_from_slice(&tag.as_bytes()[..16]);
    assert_eq!(value.len(), HEADER);
    value.extend_from_slice(body);
    value
}

#[test]
fn the_format_is_the_one_that_is_described() {
    let form = form(3, 3, 2, 1);
    let key = digest(b"a block");
    let pixels = slope(form.bytes().unwrap(), 2, 255);
    let value = packer(Compression::None, None)
        .pack(&key, &form, packed(&form, &pixels))
        .unwrap();
    assert!(value == forged(&form, &key, 0, 1, 12, &pixels));
}

#[test]
fn every_flipped_bit_and_every_cut_is_doubted() {
    for (compression, secret) in [
        (Compression::None, None),
        (Compression::Lz4, None),
        (Compression::Lz4, Some(Secret::new(b"of the fleet"))),
        (Compression::Zstd, None),
    ] {
        let form = form(3, 17, 5, 2);
        let key = digest(b"a block");
        let pixels = slope(form.bytes().unwrap(), 2, 3);
        let packer = packer(compression, secret.as_ref());
        let value = packer.pack(&key, &form, packed(&form, &pixels)).unwrap();
        let read = |value: &[u8]| unpacked(value, &key, &form, secret.as_ref());
        assert!(read(&value) == Ok(pixels), "{compression:?}");
        for at in 0..value.len() {
            for bit in 0..8 {
                let mut flipped = value.clone();
                flipped[at] ^= 1 << bit;
                assert!(read(&flipped).is_err(), "bit {bit} of byte {at}");
            }
            assert_eq!(
                read(&value[..at]).unwrap_err(),
                Doubt::Length,
                "cut at {at}"
            );
        }
        let mut longer = value.clone();
        longer.push(0);
        assert_eq!(read(&longer), Err(Doubt::Length));
    }
}

#[test]
fn each_doubt_has_its_kind() {
    let form = form(3, 17, 5, 2);
    let key = digest(b"a block");
    let pixels = slope(form.bytes().unwrap(), 2, 3);
    let value = packer(Compression::Lz4, None)
        .pack(&key, &form, packed(&form, &pixels))
        .unwrap();
    let with = |at: usize, byte: u8| {
        let mut changed = value.clone();
        changed[at] = byte;
        unpacked(&changed, &key, &form, None).unwrap_err()
    };
    assert_eq!(with(0, b'X'), Doubt::Magic);
    assert_eq!(with(4, 2), Doubt::Format);
    assert_eq!(with(6, 2), Doubt::ByteOrder);
    assert_eq!(with(7, 99), Doubt::Form);
    assert_eq!(with(8, 9), Doubt::Codec);
    assert_eq!(with(9, 4), Doubt::Format);
    assert_eq!(with(10, 1), Doubt::Format);
    assert_eq!(with(12, 18), Doubt::Form);
    assert_eq!(with(24, 0xff), Doubt::Length);
    assert_eq!(with(40, value[40] ^ 1), Doubt::Key);
    assert_eq!(with(48, value[48] ^ 1), Doubt::Tag);
    assert_eq!(with(HEADER, value[HEADER] ^ 1), Doubt::Tag);
    let forged = forged(
        &form,
        &key,
        1,
        2,
        form.bytes().unwrap() as u64,
        b"no block of LZ4",
    );
    assert_eq!(unpacked(&forged, &key, &form, None), Err(Doubt::Body));
}

#[test]
fn only_who_knows_the_secret_is_believed() {
    let (ours, theirs) = (Secret::new(b"of the fleet"), Secret::new(b"of others"));
    let form = form(1, 8, 8, 1);
    let pixels = slope(64, 1, 9);
    let key = key::block(b"a block", GENERATION, Some(&ours));
    for forger in [None, Some(&theirs)] {
        let value = packer(Compression::Lz4, forger).pack(&key, &form, packed(&form, &pixels));
        assert_eq!(
            unpacked(&value.unwrap(), &key, &form, Some(&ours)),
            Err(Doubt::Tag)
        );
    }
    // A true value of another block, put in the place of this one, with the same first bytes of its key.
    let mut other = key;
    other.0[31] ^= 1;
    let value = packer(Compression::Lz4, Some(&ours)).pack(&other, &form, packed(&form, &pixels));
    assert_eq!(
        unpacked(&value.unwrap(), &key, &form, Some(&ours)),
        Err(Doubt::Tag)
    );
}

#[test]
fn sizes_are_checked_before_memory_is_taken() {
    let expected = form(3, 16, 16, 1);
    let key = digest(b"a block");
    for raw in [0, 511, 513, 1 << 40, u64::MAX] {
        let value = forged(&expected, &key, 1, 2, raw, b"short");
        assert_eq!(
            unpacked(&value, &key, &expected, None),
            Err(Doubt::Length),
            "{raw}"
        );
    }
    let huge = form(23, u32::MAX, u32::MAX, u32::MAX);
    assert_eq!(huge.bytes(), None);
    let value = forged(&huge, &key, 1, 8, u64::MAX, b"short");
    assert_eq!(
        Checked::new(&value, &key, &huge, None).unwrap_err(),
        Doubt::Length
    );
    assert_eq!(unpacked(&value, &key, &expected, None), Err(Doubt::Form));
}

#[test]
fn what_is_too_long_or_not_all_there_is_refused() {
    let form = form(3, 64, 64, 1);
    let key = digest(b"a block");
    let mut packer = packer(Compression::Lz4, None);
    packer.max_bytes = HEADER + 8191;
    let mut noise = vec![0; 8192];
    fastrand::Rng::with_seed(1).fill(&mut noise);
    assert_eq!(
        packer.pack(&key, &form, packed(&form, &noise)),
        Err(Refused::TooLong)
    );
    assert!(
        packer
            .pack(&key, &form, packed(&form, &slope(8192, 2, 1)))
            .is_ok()
    );
    packer.max_bytes = HEADER + 8192;
    let value = packer.pack(&key, &form, packed(&form, &noise)).unwrap();
    assert_eq!(
        value.len(),
        HEADER + 8192,
        "what does not compress is stored as it is"
    );
    assert_eq!(
        packer.pack(&key, &form, packed(&form, &noise[1..])),
        Err(Refused::Outside)
    );
    let overlapping = Pixels {
        data: &noise,
        row_stride: 127,
        band_stride: 8192,
    };
    assert_eq!(packer.pack(&key, &form, overlapping), Err(Refused::Outside));
}

#[test]
fn keys_tell_apart_what_differs() {
    let secret = Secret::new(b"of the fleet");
    let mut keys = vec![
        key::block(b"ab", GENERATION, None),
        key::block(b"abc", GENERATION, None),
        key::block(b"", GENERATION, None),
        key::block(
            b"ab",
            Generation {
                counter: 6,
                ..GENERATION
            },
            None,
        ),
        key::block(
            b"ab",
            Generation {
                random: 6,
                ..GENERATION
            },
            None,
        ),
        key::block(b"ab", GENERATION, Some(&secret)),
        key::source("ab", None),
        key::source("ab", Some(&secret)),
    ];
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 8);
    assert_eq!(
        key::block(b"ab", GENERATION, None),
        key::block(b"ab", GENERATION, None)
    );
}

#[test]
fn generations_are_read_as_they_are_written() {
    for generation in [
        Generation {
            counter: 0,
            random: 0,
        },
        Generation {
            counter: 1_796_000_000_000_000,
            random: u64::MAX,
        },
    ] {
        assert_eq!(
            Generation::parse(generation.to_text().as_bytes()),
            Some(generation)
        );
    }
    for text in [
        "",
        "-",
        "1",
        "1-",
        "-0123456789abcdef",
        "01-0123456789abcdef",
        "1-0123456789ABCDEF",
        "1-0123456789abcde",
        "1-0123456789abcdef0",
        "+1-0123456789abcdef",
        "1-0123456789abcdeg",
        "99999999999999999999-0123456789abcdef",
        "9007199254740993-0123456789abcdef",
        "\u{ff}",
    ] {
        assert_eq!(Generation::parse(text.as_bytes()), None, "{text:?}");
    }
}
