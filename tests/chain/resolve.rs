//! What statistics make of a chain, and what must not happen with images that other systems show wrongly.

use super::{apply, chain, samples};
use tilecache::chain::{Chain, Conversion, Statistics};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Colour, Image};

/// The statistics of some samples, each band sorted.
struct Known {
    bands: Vec<Vec<f64>>,
    is_power: bool,
}

impl Known {
    fn of(bands: &[&[f64]]) -> Self {
        let sorted = |band: &&[f64]| {
            let mut sorted = band.to_vec();
            sorted.retain(|value| value.is_finite());
            sorted.sort_by(f64::total_cmp);
            sorted
        };
        Self {
            bands: bands.iter().map(sorted).collect(),
            is_power: false,
        }
    }
}

impl Statistics for Known {
    fn bands(&self) -> usize {
        self.bands.len()
    }
    fn count(&self, band: usize) -> u64 {
        self.bands[band].len() as u64
    }
    fn minimum(&self, band: usize) -> f64 {
        self.bands[band].first().copied().unwrap_or(f64::NAN)
    }
    fn maximum(&self, band: usize) -> f64 {
        self.bands[band][self.bands[band].len() - 1]
    }
    fn mean(&self, band: usize) -> f64 {
        self.bands[band].iter().sum::<f64>() / self.bands[band].len() as f64
    }
    fn deviation(&self, band: usize) -> f64 {
        let mean = self.mean(band);
        let squares = self.bands[band]
            .iter()
            .map(|value| (value - mean) * (value - mean));
        (squares.sum::<f64>() / self.bands[band].len() as f64).sqrt()
    }
    fn ranked(&self, band: usize, rank: u64) -> Result<f64> {
        Ok(self.bands[band][rank as usize - 1])
    }
    fn is_power(&self) -> bool {
        self.is_power
    }
}

fn image(dtype: DType, bands: u32) -> Image {
    Image::new(64, 64, bands, dtype)
}

fn resolved(text: &str, dtype: DType, bands: &[&[f64]]) -> Result<Chain> {
    chain(text).resolve(&image(dtype, bands.len() as u32), Some(&Known::of(bands)))
}

fn text_of(text: &str, dtype: DType, bands: &[&[f64]]) -> String {
    resolved(text, dtype, bands)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .text()
        .to_owned()
}

fn why_not(text: &str, dtype: DType, bands: &[&[f64]]) -> String {
    match resolved(text, dtype, bands) {
        Ok(chain) => panic!("{text} is {chain:?}"),
        Err(error) => error.to_string(),
    }
}

/// What is shown of samples.
fn shown(chain: &Chain, dtype: DType, values: &[f64]) -> Vec<u8> {
    apply(chain, dtype, &[samples(dtype, values)], None)
        .unwrap()
        .remove(0)
}

fn range(from: i32, to: i32) -> Vec<f64> {
    (from..=to).map(f64::from).collect()
}

/// The values of bins with these counts.
fn counted(counts: &[usize]) -> Vec<f64> {
    let bins = counts.iter().enumerate();
    bins.flat_map(|(value, count)| vec![value as f64; *count])
        .collect()
}

#[test]
fn every_rule_gives_its_limits() {
    let one = range(1, 1000);
    let two = range(-50, 49);
    let both: [&[f64]; 2] = [&one, &two];
    let of = |text: &str| text_of(text, DType::I16, &both);
    assert_eq!(of("minmax|u8"), "stretch=1..1000,-50..49|u8");
    assert_eq!(of("minmax=common|u8"), "stretch=-50..1000|u8");
    assert_eq!(of("bands=1|minmax|u8"), "bands=1|stretch=-50..49|u8");
    assert_eq!(of("stretch=2..98%|u8"), "stretch=20..980,-49..47|u8");
    assert_eq!(of("stretch=2..98%,common|u8"), "stretch=-49..980|u8");
    // The k-th of 1,000, k = ceil(n p / 100).
    assert_eq!(
        of("bands=0|stretch=0..100%|u8"),
        "bands=0|stretch=1..1000|u8"
    );
    assert_eq!(
        of("bands=0|stretch=7..70.05%|u8"),
        "bands=0|stretch=70..701|u8"
    );
    // Of 1 to 1,000: 20 and 980, a fifth and two fifths of 960 further, within the ends.
    assert_eq!(of("bands=0|dra|u8"), "bands=0|stretch=1..1000|u8");
    // The mean is 500.5, the deviation sqrt(999999 / 12).
    let sd = (999_999f64 / 12.0).sqrt();
    let text = of("bands=0|sd=0.5|u8");
    assert_eq!(
        text,
        format!(
            "bands=0|stretch={}..{}|u8",
            500.5 - 0.5 * sd,
            500.5 + 0.5 * sd
        )
    );
    assert_eq!(of("bands=0|sd=9|u8"), "bands=0|stretch=1..1000|u8");
    assert_eq!(of("sd=9,common|u8"), "stretch=-50..1000|u8");
    // What is resolved stays as it is.
    let again = chain(&text).resolve(&image(DType::I16, 2), None).unwrap();
    assert_eq!(again.text(), text);
    assert!(again.info().is_resolved);
}

#[test]
fn dra_is_the_reference_s_where_that_is_right() {
    let of = |counts: &[usize]| text_of("dra|u8", DType::U8, &[&counted(counts)]);
    assert_eq!(of(&[0, 0, 10, 10, 10, 10, 0, 0]), "stretch=2..4.8|u8");
    // A gap: the last index with at most 98 % is the one before the next value.
    let mut gap = vec![0; 40];
    (gap[10], gap[11], gap[30]) = (50, 49, 3);
    assert_eq!(of(&gap), "stretch=10..30|u8");
    // Outliers: 1 of 1000 at 200.
    let mut counts = vec![0; 256];
    counts[50..=149].fill(10);
    counts[200] = 1;
    // emin 52, emax 147.
    assert_eq!(
        of(&counts),
        format!("stretch=50..{}|u8", 147.0 + 0.4 * 95.0)
    );
}

#[test]
fn one_value_in_96_percent_of_the_pixels_does_not_turn_the_picture() {
    let mut values = vec![500.0; 970];
    values.extend(range(100, 114));
    values.extend(range(900, 914));
    let made = resolved("dra|u8", DType::U16, &[&values]).unwrap();
    assert_eq!(made.text(), "stretch=500..500|u8");
    assert_eq!(
        shown(&made, DType::U16, &[499.0, 500.0, 501.0]),
        [0, 127, 255]
    );
    // Below that, the picture is whatever the rule says, and never turned.
    for share in [900, 950, 959, 961, 979, 981, 999, 1000] {
        let mut values = vec![500.0; share];
        values.extend((share..1000).map(|at| (at % 7) as f64 * 140.0 + 3.0));
        let made = resolved("dra|u8", DType::U16, &[&values]).unwrap();
        let codes = shown(&made, DType::U16, &range(0, 1000));
        assert!(codes.is_sorted(), "{share}: {made:?}");
    }
}

#[test]
fn a_constant_band_shows_127() {
    for dtype in [DType::U8, DType::U16, DType::I16, DType::F32, DType::F64] {
        for rule in ["minmax", "stretch=2..98%", "dra", "sd=2"] {
            let made = resolved(&format!("{rule}|u8"), dtype, &[&[77.0; 500]]).unwrap();
            assert_eq!(made.text(), "stretch=77..77|u8");
            assert_eq!(shown(&made, dtype, &[76.0, 77.0, 78.0]), [0, 127, 255]);
        }
    }
}

#[test]
fn where_nothing_is_data_nothing_is_shown() {
    for (dtype, text) in [
        (DType::U8, "stretch=0..255|alpha|u8"),
        (DType::I16, "stretch=0..1|alpha|u8"),
        (DType::F32, "stretch=0..1|alpha|u8"),
    ] {
        for rule in ["minmax", "stretch=2..98%", "dra", "sd=2"] {
            assert_eq!(
                text_of(&format!("{rule}|alpha|u8"), dtype, &[&[f64::NAN; 9]]),
                text
            );
        }
    }
    let made = resolved("minmax|alpha|u8", DType::F32, &[&[f64::NAN; 9]]).unwrap();
    let nan = samples(DType::F32, &[f64::NAN; 2]);
    assert_eq!(
        apply(&made, DType::F32, &[nan], None).unwrap(),
        [[0, 0], [0, 0]]
    );
}

/// Defect 39 of the reference: tables of signed samples were indexed by their bits.
#[test]
fn signed_samples_are_shown_in_their_order() {
    for dtype in [DType::I8, DType::I16, DType::I32] {
        let values = range(-100, 100);
        for rule in ["dra", "minmax", "stretch=2..98%"] {
            let made = resolved(&format!("{rule}|u8"), dtype, &[&values]).unwrap();
            let codes = shown(&made, dtype, &values);
            assert!(
                codes.is_sorted() && codes[0] == 0 && codes[200] == 255,
                "{codes:?}"
            );
            assert!(
                (126..=129).contains(&codes[100]),
                "0 is in the middle: {}",
                codes[100]
            );
        }
    }
}

/// Defect 40: samples of 11 bits in 16 were counted in 64 bins.
#[test]
fn samples_of_11_bits_have_all_their_steps() {
    let mut image = image(DType::U16, 1);
    image.bits = 11;
    let full = chain("stretch=full|u8").resolve(&image, None).unwrap();
    assert_eq!(full.text(), "stretch=0..2047|u8");
    let values = range(400, 655);
    let made = chain("minmax|u8")
        .resolve(&image, Some(&Known::of(&[&values])))
        .unwrap();
    let codes = shown(&made, DType::U16, &values);
    assert_eq!(codes, (0..=255).collect::<Vec<u8>>());
    // The significant bits may be the high ones.
    image
        .metadata
        .insert((None, "NITF_PJUST".into()), "L".into());
    let full = chain("stretch=full|u8").resolve(&image, None).unwrap();
    assert_eq!(full.text(), "stretch=0..65504|u8");
}

/// Defects 41, 42 and 43: statistics without a histogram made a flat grey, floats made no picture at all or lost what
/// the first block did not have, NaN poisoned everything, and an edge of just 0 was another number.
#[test]
fn floats_with_nan_and_decibels_are_stretched_by_all_their_values() {
    let mut values: Vec<f64> = (0..1000).map(|at| -25.0 + f64::from(at) / 40.0).collect();
    values.push(0.0);
    values.extend([f64::NAN; 300]);
    for dtype in [DType::F32, DType::F64] {
        let made = resolved("minmax|u8", dtype, &[&values]).unwrap();
        assert_eq!(made.text(), "stretch=-25..0|u8");
        let codes = shown(&made, dtype, &values);
        assert_eq!(
            (codes[0], codes[500], codes[1000], codes[1001]),
            (0, 128, 255, 0)
        );
    }
    let error = chain("minmax|u8")
        .resolve(&image(DType::F32, 1), None)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "step 1 of the chain, minmax: it needs statistics, and none are given"
    );
}

/// Defect 44: bytes with a sign were taken for a picture, and a palette for three bands.
#[test]
fn signed_bytes_are_stretched_and_palettes_give_three_bands() {
    let error = apply(&chain("u8"), DType::I8, &[vec![0]], None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("step 1 of the chain, u8: samples of i8"),
        "{error}"
    );
    let error = chain("stretch=full")
        .resolve(&image(DType::I8, 1), None)
        .unwrap_err();
    assert!(error.to_string().contains("have no full range"), "{error}");
    let mut image = image(DType::U8, 1);
    image.bands[0].colour = Colour::Palette;
    image.metadata.insert(
        (None, "TIFFTAG_COLORMAP".into()),
        "257,514,771\n51400,25700,12850\n".into(),
    );
    let made = chain("palette|u8").resolve(&image, None).unwrap();
    assert_eq!(made.text(), "palette=rgb:AQIDyGQy|u8");
    assert_eq!(made.info().bands, Some(3));
    let none = chain("palette|u8").resolve(&super::support::image((9, 9), (9, 9), 1), None);
    assert!(none.unwrap_err().to_string().contains("no palette"));
}

#[test]
fn limits_follow_what_became_of_the_samples() {
    let values = range(1, 100);
    let of = |text: &str| text_of(text, DType::U16, &[&values]);
    assert_eq!(
        of("unscale=0.5:10|minmax|u8"),
        "unscale=0.5:10|stretch=10.5..60|u8"
    );
    // Turned by a negative scale: the second least is now the second greatest.
    assert_eq!(
        of("unscale=-1:0|stretch=2..97%|u8"),
        "unscale=-1:0|stretch=-99..-4|u8"
    );
    assert_eq!(
        of("unscale=-1:0|dra|u8"),
        "unscale=-1:0|stretch=-100..-1|u8"
    );
    assert_eq!(
        of("unscale=-2:1|sd=9|u8"),
        "unscale=-2:1|stretch=-199..-1|u8"
    );
    assert_eq!(
        of("stretch=0..50|minmax|u8"),
        "stretch=0..50|stretch=0.02..1|u8"
    );
    assert_eq!(
        of("stretch=0..200|invert|minmax|u8"),
        "stretch=0..200|invert|stretch=0.5..0.995|u8"
    );
    assert_eq!(of("power|minmax|u8"), "power|stretch=1..10000|u8");
    let log = of("log|stretch=0..100%|u8");
    assert_eq!(log, "log|stretch=0..40|u8");
    // Zeros have no logarithm: percentiles are of the others.
    let mut zeros = vec![0.0; 900];
    zeros.extend(&values);
    assert_eq!(
        text_of("log|minmax|u8", DType::U16, &[&zeros]),
        "log|stretch=0..40|u8"
    );
    let of_zeros = text_of("log|stretch=50..100%|u8", DType::U16, &[&zeros]);
    assert_eq!(
        of_zeros,
        format!("log|stretch={}..40|u8", 20.0 * libm::log10(50.0))
    );
    assert_eq!(
        text_of("log|dra|u8", DType::U8, &[&[0.0; 9]]),
        "log|stretch=0..1|u8"
    );

    for (text, reason) in [
        (
            "table=u8:AAEC|minmax|u8",
            "step 2 of the chain, minmax: no statistics tell of what comes before it",
        ),
        (
            "log|sd=2|u8",
            "step 2 of the chain, sd=2: no mean is known of what comes before it",
        ),
        (
            "bands=0,0,0|u16|stretch=0..9|ycbcr|minmax|u8",
            "step 5 of the chain, minmax: no statistics",
        ),
    ] {
        let error = why_not(text, DType::U16, &[&values]);
        assert!(error.contains(reason), "{error}");
    }
    let error = why_not("magnitude|minmax|u8", DType::I16, &[&range(-5, 5)]);
    assert!(
        error.contains("no statistics tell of magnitude of values below 0"),
        "{error}"
    );
    assert_eq!(
        text_of("magnitude|minmax|u8", DType::I16, &[&range(0, 5)]),
        "magnitude|stretch=0..5|u8"
    );
}

#[test]
fn complex_samples_are_stretched_by_their_magnitude_or_power() {
    let image = image(DType::CF32, 1);
    let mut known = Known::of(&[&range(1, 100)]);
    let of = |text: &str, known: &Known| {
        chain(text)
            .resolve(&image, Some(known))
            .unwrap()
            .text()
            .to_owned()
    };
    assert_eq!(
        of("magnitude|stretch=2..98%|u8", &known),
        "magnitude|stretch=2..98|u8"
    );
    assert_eq!(of("power|minmax|u8", &known), "power|stretch=1..10000|u8");
    assert_eq!(of("log|minmax|u8", &known), "log|stretch=0..40|u8");
    assert_eq!(
        of("magnitude|sd=9|u8", &known),
        "magnitude|stretch=1..100|u8"
    );
    let error = chain("power|sd=2|u8")
        .resolve(&image, Some(&known))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no mean is known"), "{error}");
    known.is_power = true;
    assert_eq!(
        of("magnitude|minmax|u8", &known),
        "magnitude|stretch=1..10|u8"
    );
    assert_eq!(of("power|sd=9|u8", &known), "power|stretch=1..100|u8");
    let error = chain("phase|minmax|u8")
        .resolve(&image, Some(&known))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("step 2 of the chain, minmax: no statistics"),
        "{error}"
    );
}

#[test]
fn what_the_source_tells_is_put_in() {
    let mut image = image(DType::I16, 3);
    for (band, name, text) in [
        (1, "SCALE", "0.01"),
        (1, "OFFSET", " -5 "),
        (2, "SCALE", "0.01"),
    ] {
        image
            .metadata
            .insert((Some(band), name.into()), text.into());
    }
    let of = |text: &str, image: &Image| {
        chain(text)
            .resolve(image, None)
            .map(|chain| chain.text().to_owned())
    };
    assert_eq!(of("unscale", &image).unwrap(), "unscale=1:0,0.01:-5,0.01:0");
    assert_eq!(
        of("bands=1,1|unscale", &image).unwrap(),
        "bands=1,1|unscale=0.01:-5"
    );
    image
        .metadata
        .insert((Some(0), "SCALE".into()), "much".into());
    let error = of("unscale|f32", &image).unwrap_err().to_string();
    assert_eq!(
        error,
        "step 1 of the chain, unscale: SCALE of band 0 is \"much\""
    );
}

#[test]
fn a_chain_that_does_not_fit_is_an_error_that_names_the_step() {
    let one = range(0, 9);
    for (text, dtype, bands, reason) in [
        (
            "bands=0,4|minmax|u8",
            DType::U8,
            3,
            "step 1 of the chain, bands=0,4: the source must have at least 5 bands, and has 3",
        ),
        (
            "minmax|ycbcr|u8",
            DType::U8,
            2,
            "step 2 of the chain, ycbcr: it needs 3 bands, and there are 2",
        ),
        (
            "stretch=0..1,0..2|u8",
            DType::U8,
            3,
            "step 1 of the chain, stretch=0..1,0..2: the source must have just 2 bands, and has 3",
        ),
        (
            "bands=0|minmax|u8",
            DType::CI16,
            1,
            "step 2 of the chain, minmax: samples of ci16 are complex: put magnitude",
        ),
        (
            "palette|u8",
            DType::F32,
            1,
            "step 1 of the chain, palette: samples of f32 are no indices",
        ),
        (
            "ycbcr|u8",
            DType::U16,
            3,
            "step 1 of the chain, ycbcr: samples of u16 are not of 8 bits",
        ),
        (
            "bands=0|u8",
            DType::U16,
            1,
            "step 2 of the chain, u8: samples of u16 are not from 0 to 1",
        ),
        (
            "phase|u8",
            DType::F32,
            1,
            "step 1 of the chain, phase: samples of f32 have no phase",
        ),
    ] {
        let all: Vec<&[f64]> = (0..bands).map(|_| &one[..]).collect();
        let error = why_not(text, dtype, &all);
        assert!(error.starts_with(reason), "{error}");
    }
    let known = Known::of(&[&one, &one]);
    let error = chain("minmax")
        .resolve(&image(DType::U8, 3), Some(&known))
        .unwrap_err()
        .to_string();
    assert_eq!(error, "the statistics are of 2 bands, and the source has 3");
    let error = apply(&chain("stretch=2..98%|u8"), DType::U8, &[vec![1]], None)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "step 1 of the chain, stretch=2..98%: it needs statistics: resolve the chain first"
    );
    let error = apply(&chain("palette|alpha"), DType::U8, &[vec![1]], None)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "step 1 of the chain, palette: it needs what the source tells: resolve the chain first"
    );
}

#[test]
fn a_conversion_is_a_chain_made_of_numbers() {
    let of = |conversion: &Conversion, dtype: DType| {
        conversion.chain(dtype).map(|chain| chain.text().to_owned())
    };
    let mut conversion = Conversion::default();
    assert_eq!(of(&conversion, DType::U16).unwrap(), "stretch=full|u8");
    assert!(
        of(&conversion, DType::I16)
            .unwrap_err()
            .message()
            .contains("samples of i16 have no full range")
    );
    conversion.dtype = Some(DType::F32);
    assert_eq!(of(&conversion, DType::I16).unwrap(), "f32");
    conversion.dtype = Some(DType::I16);
    assert!(
        of(&conversion, DType::U8)
            .unwrap_err()
            .message()
            .contains("dtype is i16")
    );
    conversion = Conversion {
        dtype: Some(DType::U16),
        limits: Some((-0.0, 2000.5)),
        gamma: Some(1.5),
        is_inverted: true,
        has_alpha: true,
        bands: Some(vec![3, 1]),
        ..Conversion::default()
    };
    assert_eq!(
        of(&conversion, DType::F32).unwrap(),
        "bands=3,1|stretch=0..2000.5|gamma=1.5|invert|u16|alpha"
    );
    conversion.percents = Some((2.0, 98.0));
    assert!(
        of(&conversion, DType::F32)
            .unwrap_err()
            .message()
            .contains("both")
    );
    conversion.limits = None;
    conversion.is_common = true;
    assert!(
        of(&conversion, DType::F32)
            .unwrap()
            .contains("stretch=2..98%,common|")
    );
    for percents in [
        (98.0, 2.0),
        (2.0, 101.0),
        (-1.0, 5.0),
        (f64::NAN, 5.0),
        (0.000_000_1, 5.0),
    ] {
        conversion.percents = Some(percents);
        assert!(
            of(&conversion, DType::F32)
                .unwrap_err()
                .message()
                .contains("percent")
        );
    }
    conversion.percents = None;
    for limits in [
        (5.0, 4.0),
        (f64::NAN, 1.0),
        (0.0, f64::INFINITY),
        (-1e308, 1e308),
    ] {
        conversion.limits = Some(limits);
        assert!(
            of(&conversion, DType::F32)
                .unwrap_err()
                .message()
                .contains("low is")
        );
    }
    conversion.limits = Some((7.0, 7.0));
    for gamma in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-310] {
        conversion.gamma = Some(gamma);
        assert!(
            of(&conversion, DType::F32)
                .unwrap_err()
                .message()
                .contains("gamma is")
        );
    }
}
