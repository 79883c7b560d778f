//! Each kind of image.

use crate::picture::{Picture, Random, Value};
use crate::{automatic, seen, seen_with};
use tilecache::chain::sample;
use tilecache::dtype::{DType, Sample};
use tilecache::image::{Colour, Image};
use tilecache::operator::{RetileOptions, retiled};
use tilecache::stats::Options;

const SIZE: (u64, u64) = (64, 40);

fn coloured(colours: &'static [Colour]) -> impl Fn(&mut Image) {
    move |image| {
        for (band, colour) in image.bands.iter_mut().zip(colours) {
            band.colour = *colour;
        }
    }
}

fn tell(image: &mut Image, band: Option<u32>, name: &str, text: &str) {
    image.metadata.insert((band, name.into()), text.into());
}

use Colour::{Alpha, Blue, Gray, Green, Red};

#[test]
fn eight_bits_are_shown_as_they_are_and_no_pixel_is_looked_at() {
    let rows: [(&'static [Colour], &str); 5] = [
        (&[Gray], "u8"),
        (&[Red, Green, Blue], "u8"),
        (&[Blue, Green, Red], "bands=2,1,0|u8"),
        (&[Red, Green, Blue, Alpha], "u8"),
        (&[Gray, Alpha], "u8"),
    ];
    for (colours, text) in rows {
        let picture = Picture::random(DType::U8, SIZE, colours.len(), 1);
        let seen = seen(&picture, coloured(colours));
        assert_eq!(seen.text(), text);
        assert!(seen.why().contains("8 bits"), "{}", seen.why());
        assert!(seen.decodes.lock().unwrap().is_empty());
        let order: Vec<usize> = match colours[0] {
            Blue => vec![2, 1, 0],
            _ => (0..colours.len()).collect(),
        };
        let alpha = colours.iter().position(|colour| *colour == Alpha);
        for (to, from) in order.into_iter().enumerate() {
            for at in 0..picture.pixels() {
                let is_clear = alpha.is_some_and(|alpha| picture.bands[alpha][at] == 0);
                let right = if is_clear { 0 } else { picture.bands[from][at] };
                assert_eq!(seen.bands[to][at], right, "{colours:?} {from} {at}");
            }
        }
    }
}

#[test]
fn nodata_of_eight_bits_becomes_opacity() {
    let mut picture = Picture::random(DType::U8, SIZE, 1, 2);
    picture.nodata[0] = Some(Sample::from_f64(DType::U8, 7.0));
    let seen = seen(&picture, |_| ());
    assert_eq!(seen.text(), "u8|alpha");
    assert!(
        seen.why().contains("alpha: bands 0 have nodata"),
        "{}",
        seen.why()
    );
    for (at, sample) in picture.bands[0].iter().enumerate() {
        let right = if *sample == 7 { [0, 0] } else { [*sample, 255] };
        assert_eq!([seen.bands[0][at], seen.bands[1][at]], right);
    }
}

/// Where something else says too what is data, opacity is what both leave.
#[test]
fn opacity_beside_nodata_is_there_or_not() {
    let mut picture = Picture::random(DType::U8, SIZE, 2, 2);
    picture.nodata[0] = Some(Sample::from_f64(DType::U8, 7.0));
    picture.alpha = Some(1);
    let mut random = Random(5);
    for opacity in &mut picture.bands[1] {
        *opacity = [0, 60, 255][random.below(3) as usize];
    }
    let seen = seen(&picture, coloured(&[Gray, Alpha]));
    assert_eq!(seen.text(), "bands=0|u8|alpha");
    let mut transparent = 0;
    for (at, sample) in picture.bands[0].iter().enumerate() {
        let is_data = *sample != 7 && picture.bands[1][at] != 0;
        let right = if is_data { [*sample, 255] } else { [0, 0] };
        assert_eq!([seen.bands[0][at], seen.bands[1][at]], right);
        transparent += u32::from(*sample == 7 && picture.bands[1][at] != 0);
    }
    assert!(transparent > 0, "alpha alone says it all");
}

#[test]
fn palettes_become_their_colours() {
    let mut picture = Picture::random(DType::U8, SIZE, 1, 3);
    picture.bands[0].iter_mut().for_each(|index| *index %= 3);
    let seen = seen(&picture, |image| {
        image.bands[0].colour = Colour::Palette;
        tell(
            image,
            Some(0),
            "COLORTABLE",
            "10,20,30,255\n1,2,3,255\n200,100,0,255\n",
        );
    });
    assert!(seen.text().starts_with("palette=rgb:"), "{}", seen.text());
    let colours = [[10, 20, 30], [1, 2, 3], [200, 100, 0]];
    for (at, index) in picture.bands[0].iter().enumerate() {
        let found = [0, 1, 2].map(|part| seen.bands[part][at]);
        assert_eq!(found, colours[*index as usize]);
    }
    // Without one that can be read it is grey.
    let seen = crate::seen(&picture, |image| image.bands[0].colour = Colour::Palette);
    assert!(seen.why().contains("no palette"), "{}", seen.why());
    assert_eq!(seen.bands.len(), 1);
}

#[test]
fn luma_and_differences_become_colours_and_inks_light() {
    let samples: [[u8; 3]; 3] = [[128, 128, 128], [76, 85, 255], [0, 128, 128]];
    let mut picture = Picture::random(DType::U8, (3, 1), 3, 1);
    for (at, sample) in samples.iter().enumerate() {
        (0..3).for_each(|band| picture.bands[band][at] = sample[band]);
    }
    let found = seen(&picture, coloured(&[Colour::Luma, Colour::Cb, Colour::Cr]));
    assert_eq!(found.text(), "ycbcr|u8");
    assert_eq!([0, 1, 2].map(|part| found.bands[part][0]), [128; 3]);
    // Red, as near as the bytes come.
    assert!(found.bands[0][1] >= 253 && found.bands[1][1] <= 2 && found.bands[2][1] <= 2);
    let found = seen(
        &picture,
        coloured(&[Colour::Cyan, Colour::Magenta, Colour::Yellow]),
    );
    assert_eq!(found.text(), "stretch=0..255|invert|u8");
    assert_eq!([0, 1, 2].map(|part| found.bands[part][1]), [179, 170, 0]);
}

#[test]
fn where_the_least_is_white_the_picture_is_turned() {
    for bits in [8, 1, 4] {
        let mut picture = Picture::random(DType::U8, SIZE, 1, 4);
        let most = (1u32 << bits) - 1;
        picture.bands[0]
            .iter_mut()
            .for_each(|value| *value &= most as u8);
        let seen = seen(&picture, |image| {
            image.bands[0].colour = Gray;
            image.bits = bits;
            tell(image, None, "MINISWHITE", "YES");
        });
        assert_eq!(seen.text(), format!("stretch=0..{most}|invert|u8"));
        for (value, found) in picture.bands[0].iter().zip(&seen.bands[0]) {
            let right = (1.0 - f64::from(*value) / f64::from(most)) * 255.0;
            assert_eq!(*found, right.round() as u8);
        }
    }
}

/// The limits of a band by the rule for wide ranges, from sorted values.
fn dra(picture: &Picture, band: usize) -> (f64, f64) {
    let values = (0..picture.pixels()).filter_map(|at| match picture.value(band, at) {
        Value::Whole(value) => Some(value as f64 / crate::picture::unit(picture.dtype)),
        _ => None,
    });
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let count = values.len();
    let low = values[(count * 2).div_ceil(100).max(1) - 1];
    let first = values[count * 98 / 100];
    let is_float = matches!(picture.dtype, DType::F32 | DType::F64);
    let high = (if is_float { first } else { first - 1.0 }).max(low);
    let width = high - low;
    (
        values[0].max(low - 0.2 * width),
        values[count - 1].min(high + 0.4 * width),
    )
}

fn stretched(value: f64, (low, high): (f64, f64)) -> u8 {
    (((value - low) / (high - low)).clamp(0.0, 1.0) * 255.0).round() as u8
}

#[test]
fn eleven_bits_signed_and_wide_ones_are_stretched_by_what_is_there() {
    for (dtype, bits) in [
        (DType::U16, 11),
        (DType::I16, 16),
        (DType::I32, 32),
        (DType::U32, 32),
    ] {
        let mut random = Random(5);
        let mut picture = Picture::random(dtype, SIZE, 1, 5);
        let is_signed = matches!(dtype, DType::I16 | DType::I32);
        for at in 0..picture.pixels() {
            let value = (random.below(1000) + random.below(900)) as f64;
            let value = if is_signed {
                value - 900.0
            } else {
                value + 40.0
            };
            let sample = Sample::from_f64(dtype, value);
            picture.set(0, at, sample.bytes(dtype));
        }
        let seen = seen(&picture, |image| image.bits = bits);
        let limits = dra(&picture, 0);
        assert_eq!(
            seen.text(),
            format!("stretch={}..{}|u8", limits.0, limits.1)
        );
        assert!(
            seen.why().contains(&format!("{bits} significant bits")),
            "{}",
            seen.why()
        );
        assert!(
            seen.why().contains("2560 pixels of level 0"),
            "{}",
            seen.why()
        );
        for at in 0..picture.pixels() {
            let Value::Whole(value) = picture.value(0, at) else {
                unreachable!("all is data");
            };
            assert_eq!(seen.bands[0][at], stretched(value as f64, limits));
        }
    }
}

/// Eight bands of 16 bits.
fn multispectral() -> Picture {
    Picture::random(DType::U16, SIZE, 8, 6)
}

#[test]
fn natural_colours_are_those_that_the_file_tells() {
    let of = |describe: &dyn Fn(&mut Image)| {
        let found = seen(&multispectral(), describe);
        assert_eq!(found.bands.len(), 3);
        let text = found.text().split('|').next().unwrap().to_owned();
        (text, found.why().to_owned())
    };
    let (text, why) = of(&|image| {
        let middles = [
            "0.425", "0.48", "0.545", "0.605", "0.66", "0.725", "0.8325", "0.95",
        ];
        for (band, middle) in (0..).zip(middles) {
            tell(image, Some(band), "IMAGERY:CENTRAL_WAVELENGTH_UM", middle);
        }
    });
    assert_eq!(text, "bands=4,2,1");
    assert!(why.contains("at 660,545,480 nm"), "{why}");
    let (text, _) = of(&|image| {
        for (band, name) in [(6, "r"), (3, "G"), (0, "B")] {
            tell(image, Some(band), "NITF_ISUBCAT", name);
        }
    });
    assert_eq!(text, "bands=6,3,0");
    let (text, _) = of(&|image| {
        for (band, name) in [(2, "Red"), (1, "green"), (5, "BLUE")] {
            tell(image, Some(band), "DESCRIPTION", name);
        }
    });
    assert_eq!(text, "bands=2,1,5");
    let (text, why) = of(&|image| {
        for (band, colour) in [(5, Red), (6, Green), (7, Blue)] {
            image.bands[band].colour = colour;
        }
    });
    assert_eq!(text, "bands=5,6,7");
    assert!(why.contains("colour interpretation"), "{why}");
    let (text, why) = of(&|_| ());
    assert_eq!(text, "bands=0,1,2");
    assert!(why.contains("nothing tells"), "{why}");
    let alone = seen(&multispectral(), |image| {
        tell(image, Some(3), "NITF_IREPBAND", "M")
    });
    assert!(alone.text().starts_with("bands=3|"), "{}", alone.text());
}

/// Nobody knows what is opaque in 16 bits: some files have 255 there.
#[test]
fn opacity_of_sixteen_bits_is_there_or_not() {
    let mut picture = Picture::random(DType::U16, SIZE, 4, 7);
    let mut random = Random(4);
    for at in 0..picture.pixels() {
        let opacity = [0u16, 255][random.below(2) as usize];
        picture.set(3, at, &opacity.to_ne_bytes());
    }
    picture.alpha = Some(3);
    let seen = seen(&picture, coloured(&[Red, Green, Blue, Alpha]));
    let limits = [0, 1, 2].map(|band| dra(&picture, band));
    for at in 0..picture.pixels() {
        let of = |band| match picture.value(band, at) {
            Value::Whole(value) => stretched(value as f64, limits[band]),
            _ => 0,
        };
        let is_data = picture.value(0, at) != Value::None;
        let right = [of(0), of(1), of(2), if is_data { 255 } else { 0 }];
        assert_eq!([0, 1, 2, 3].map(|band| seen.bands[band][at]), right);
    }
    assert!(seen.text().ends_with("|u8|alpha"), "{}", seen.text());
}

#[test]
fn floats_with_nodata_and_nan_have_opacity_where_they_are_data() {
    for dtype in [DType::F32, DType::F64] {
        let mut picture = Picture::random(dtype, SIZE, 1, 8);
        for at in (0..picture.pixels()).step_by(7) {
            picture.set(0, at, Sample::from_f64(dtype, f64::NAN).bytes(dtype));
        }
        let plain = seen(&picture, |_| ());
        assert!(plain.why().contains("NaN"), "{}", plain.why());
        for at in (1..picture.pixels()).step_by(5) {
            picture.set(0, at, Sample::from_f64(dtype, -9999.0).bytes(dtype));
        }
        picture.nodata[0] = Some(Sample::from_f64(dtype, -9999.0));
        let found = seen(&picture, |_| ());
        let limits = dra(&picture, 0);
        assert_eq!(
            found.text(),
            format!("stretch={}..{}|u8|alpha", limits.0, limits.1)
        );
        for at in 0..picture.pixels() {
            let right = match picture.value(0, at) {
                Value::Whole(value) => {
                    let value = value as f64 / crate::picture::unit(dtype);
                    [stretched(value, limits), 255]
                }
                _ => [0, 0],
            };
            assert_eq!([found.bands[0][at], found.bands[1][at]], right);
        }
    }
}

#[test]
fn complex_samples_are_seen_by_the_fourth_root_of_their_power() {
    for dtype in [DType::CI16, DType::CF32] {
        let mut picture = Picture::random(dtype, SIZE, 1, 9);
        let mut random = Random(2);
        for at in 0..picture.pixels() {
            let part = |random: &mut Random| {
                let value = random.below(2000) as f64 - 1000.0;
                Sample::from_f64(dtype.part(), value)
                    .bytes(dtype.part())
                    .to_vec()
            };
            let both = [part(&mut random), part(&mut random)].concat();
            picture.set(0, at, &both);
        }
        for is_power in [false, true] {
            let options = Options {
                is_power,
                is_exact: true,
                ..sample()
            };
            let seen = seen_with(&picture, |_| (), &options);
            assert!(
                seen.text().starts_with("quarter|stretch="),
                "{}",
                seen.text()
            );
            assert!(seen.text().ends_with("|u8"));
            assert!(seen.why().contains("complex samples"), "{}", seen.why());
            // Brighter is brighter, and both ends are there.
            let power = |at| match picture.value(0, at) {
                Value::Whole(power) => power,
                _ => unreachable!("all is data"),
            };
            let mut places: Vec<usize> = (0..picture.pixels()).collect();
            places.sort_by_key(|at| power(*at));
            let values: Vec<u8> = places.iter().map(|at| seen.bands[0][*at]).collect();
            assert!(values.is_sorted() && values[0] == 0 && values[values.len() - 1] > 200);
        }
    }
}

#[test]
fn one_image_has_one_chain_whatever_its_tiles_and_threads() {
    let picture = Picture::random(DType::F32, (300, 170), 2, 10);
    let right = automatic(&picture.provider((300, 170)).0, &sample());
    for (block, side, threads) in [((300, 1), 64, 3), ((17, 90), 33, 1), ((64, 64), 300, 2)] {
        let (provider, _) = picture.provider(block);
        let tiles = RetileOptions {
            tile: (side, side),
            pad_edges: true,
        };
        let options = Options {
            threads,
            ..sample()
        };
        for provider in [retiled(provider.clone(), &tiles, None).unwrap(), provider] {
            let chain = automatic(&provider, &options);
            assert_eq!((chain.text(), chain.why()), (right.text(), right.why()));
        }
    }
}

#[test]
fn of_a_large_image_windows_are_looked_at_and_no_more() {
    let values: Vec<u16> = (0..4000u64 * 3000).map(|at| (at % 4099) as u16).collect();
    let picture = Picture::of(DType::U16, 4000, &values);
    let (provider, decodes) = picture.provider((125, 100));
    let chain = automatic(&provider, &sample());
    let why = chain.why().to_str().unwrap();
    assert!(why.contains("4194304 pixels"), "{why}");
    let decodes = decodes.lock().unwrap();
    assert!(decodes.values().all(|times| *times == 1));
    // Each window touches at most four columns and four rows of blocks.
    assert!(decodes.len() <= 64 * 16);
}
