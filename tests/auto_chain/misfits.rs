//! Images that have nothing to stretch: a defined picture, and the reason.

use crate::picture::Picture;
use crate::{automatic, seen, seen_with};
use tilecache::chain::{Chain, sample};
use tilecache::dtype::{DType, Sample};
use tilecache::error::Kind;
use tilecache::stats::Options;

#[test]
fn a_constant_band_is_grey_and_the_reason_says_so() {
    for dtype in [DType::U16, DType::I16, DType::F32, DType::F64] {
        let mut picture = Picture::random(dtype, (20, 20), 3, 1);
        for at in 0..400 {
            picture.set(1, at, Sample::from_f64(dtype, -5.0).bytes(dtype));
        }
        let value = Sample::from_f64(dtype, -5.0).to_f64(dtype);
        let seen = seen(&picture, |_| ());
        assert!(
            seen.bands[1].iter().all(|value| *value == 127),
            "{}",
            seen.text()
        );
        let line = format!("band 1 has the value {value} alone, shown as 127");
        assert!(seen.why().contains(&line), "{}", seen.why());
    }
}

#[test]
fn an_image_without_data_is_transparent_and_the_reason_says_so() {
    for dtype in [DType::I16, DType::F32] {
        let mut picture = Picture::random(dtype, (20, 20), 1, 1);
        let nothing = match dtype {
            DType::F32 => f64::NAN,
            _ => -999.0,
        };
        for at in 0..400 {
            picture.set(0, at, Sample::from_f64(dtype, nothing).bytes(dtype));
        }
        if dtype == DType::I16 {
            picture.nodata[0] = Some(Sample::from_f64(dtype, nothing));
        }
        let seen = seen(&picture, |_| ());
        assert!(
            seen.why().contains("band 0 has no valid pixel"),
            "{}",
            seen.why()
        );
        assert_eq!(seen.bands, [vec![0; 400], vec![0; 400]]);
    }
}

/// Where one value is nearly all there is, the reference shows a negative.
#[test]
fn a_spike_does_not_turn_the_picture() {
    for others in [1, 3, 30] {
        let mut values = vec![500u16; 4000];
        for (at, value) in values.iter_mut().take(others * 4).enumerate() {
            *value = if at % 2 == 0 { 100 } else { 900 };
        }
        let picture = Picture::of(DType::U16, 100, &values);
        let seen = seen(&picture, |_| ());
        let of = |wanted: u16| {
            let at = values.iter().position(|value| *value == wanted).unwrap();
            seen.bands[0][at]
        };
        assert!(of(100) <= of(500) && of(500) <= of(900), "{}", seen.text());
        assert!(of(100) < of(900), "{}", seen.text());
    }
}

#[test]
fn statistics_of_the_file_are_taken_if_asked_for_and_give_no_flat_grey() {
    let picture = Picture::random(DType::U16, (50, 50), 1, 4);
    let describe = |image: &mut tilecache::image::Image| {
        for (name, text) in [
            ("MINIMUM", "0"),
            ("MAXIMUM", "65000"),
            ("MEAN", "2500"),
            ("STDDEV", "700"),
        ] {
            let name = format!("STATISTICS_{name}");
            image.metadata.insert((Some(0), name), text.into());
        }
    };
    let options = Options {
        takes_stored: true,
        ..sample()
    };
    let stored = seen_with(&picture, describe, &options);
    assert_eq!(stored.text(), "stretch=1100..3900|u8");
    assert!(
        stored.why().contains("stand in the file"),
        "{}",
        stored.why()
    );
    assert!(stored.decodes.lock().unwrap().is_empty());
    let own = seen(&picture, describe);
    assert_ne!(own.text(), stored.text());
}

#[test]
fn what_ends_or_fails_is_told() {
    let picture = Picture::random(DType::U16, (50, 50), 1, 4);
    let (provider, _) = picture.provider((10, 10));
    let ended = Chain::automatic(&provider, &sample(), &mut |_| false);
    assert_eq!(ended.unwrap_err().kind(), Kind::Cancelled);
    let level = Options {
        level: 4,
        ..sample()
    };
    let refused = Chain::automatic(&provider, &level, &mut |_| true).unwrap_err();
    assert!(refused.message().contains("level 4"), "{refused}");
    // No other chain has reasons.
    let chain = automatic(&provider, &sample());
    assert!(!chain.why().is_empty());
    assert!(Chain::parse(chain.text()).unwrap().why().is_empty());
}
