//! Statistics of pixels, against sorted values and sums in wide whole numbers.

mod passes;
#[path = "../support/picture.rs"]
mod picture;
mod reference;

use picture::{Picture, Random, number};
use tilecache::dtype::{DType, Sample};
use tilecache::error::Kind;
use tilecache::stats::{Options, PixelStats};

fn of(picture: &Picture, options: &Options) -> PixelStats {
    let provider = picture.provider((16, 11)).0;
    PixelStats::of(provider, options).unwrap()
}

fn exact() -> Options {
    Options {
        is_exact: true,
        is_power: true,
        ..Options::default()
    }
}

const SIZES: [(u64, u64); 4] = [(1, 1), (1, 3), (7, 5), (61, 43)];

#[test]
fn every_type_is_counted_right_at_odd_sizes() {
    for dtype in DType::ALL {
        for (seed, size) in (0..).zip(SIZES) {
            let picture = Picture::random(*dtype, size, 3, seed);
            picture.check(&of(&picture, &exact()), true);
            let power = Options {
                is_power: true,
                ..Options::default()
            };
            picture.check(&of(&picture, &power), false);
        }
    }
}

#[test]
fn nodata_masks_and_alpha_are_left_out_of_each_band_by_itself() {
    for dtype in DType::ALL {
        for case in 0..8 {
            let mut picture = Picture::random(*dtype, (37, 23), 3, case);
            let mut random = Random(case);
            if case & 1 != 0 {
                // Of two bands, each with its own value, which is there often.
                for band in [0, 2] {
                    let nodata = picture.sample(band, 5).to_vec();
                    let places = (0..picture.pixels()).filter(|_| random.below(3) == 0);
                    let places: Vec<usize> = places.collect();
                    places.iter().for_each(|at| picture.set(band, *at, &nodata));
                    let mut sample = Sample::default();
                    sample.0[..nodata.len()].copy_from_slice(&nodata);
                    // Complex values of one power are not all nodata.
                    picture.nodata[band] = (!dtype.is_complex()).then_some(sample);
                }
            }
            if case & 2 != 0 {
                let mask = (0..picture.pixels()).map(|_| [0, 255][random.below(2) as usize]);
                picture.mask = Some(mask.collect());
            }
            if case & 4 != 0 {
                picture.alpha = Some(1);
                for at in 0..picture.pixels() {
                    if random.below(4) == 0 {
                        picture.set(1, at, &vec![0; dtype.size()]);
                    }
                }
            }
            picture.check(&of(&picture, &exact()), true);
        }
    }
}

#[test]
fn complex_nodata_is_the_value_of_both_parts() {
    let mut picture = Picture::of(
        DType::CF32,
        4,
        &[[3f32, 4.0], [4.0, 3.0], [5.0, 0.0], [3.0, 4.0]],
    );
    let nodata = picture.sample(0, 0).to_vec();
    let mut sample = Sample::default();
    sample.0[..8].copy_from_slice(&nodata);
    picture.nodata[0] = Some(sample);
    let stats = of(&picture, &Options::default());
    let band = stats.band(0).unwrap();
    assert_eq!((band.count, band.valid), (4, 2));
    assert_eq!((band.minimum, band.maximum, band.mean), (5.0, 5.0, 5.0));
}

#[test]
fn what_is_not_finite_is_counted_apart_and_nan_as_nodata_is_every_nan() {
    let nan = [f64::NAN, -f64::NAN, f64::from_bits(0x7ff0_0000_0000_0001)];
    let values = [
        1.5,
        nan[0],
        f64::INFINITY,
        -0.0,
        nan[1],
        f64::NEG_INFINITY,
        0.0,
        -2.25,
        nan[2],
    ];
    let singles = values.map(|value| value as f32);
    let mut pictures = [
        Picture::of(DType::F64, 3, &values),
        Picture::of(DType::F32, 9, &singles),
    ];
    for picture in &mut pictures {
        picture.check(&of(picture, &exact()), true);
        let found = *of(picture, &exact()).band(0).unwrap();
        assert_eq!((found.valid, found.nan, found.infinite), (4, 3, 2));
        for nodata in [f64::NAN, 0.0, -2.25, f64::INFINITY] {
            picture.nodata[0] = Some(Sample::from_f64(picture.dtype, nodata));
            picture.check(&of(picture, &exact()), true);
        }
        picture.nodata[0] = Some(Sample::from_f64(picture.dtype, f64::NAN));
        assert_eq!(of(picture, &exact()).band(0).unwrap().nan, 0);
    }
}

#[test]
fn images_without_data_have_no_numbers_and_constant_ones_have() {
    for dtype in [DType::U8, DType::I32, DType::F32] {
        let mut picture = Picture::random(dtype, (5, 4), 1, 1);
        let first = picture.sample(0, 0).to_vec();
        (0..20).for_each(|at| picture.set(0, at, &first));
        picture.check(&of(&picture, &exact()), true);
        let found = *of(&picture, &exact()).band(0).unwrap();
        assert_eq!(
            (found.minimum, found.mean, found.deviation),
            (found.maximum, found.maximum, 0.0)
        );
        let mut sample = Sample::default();
        sample.0[..first.len()].copy_from_slice(&first);
        picture.nodata[0] = Some(sample);
        picture.check(&of(&picture, &exact()), true);
        assert_eq!(of(&picture, &exact()).band(0).unwrap().valid, 0);
    }
}

/// A float of any size has all of its bits in the sums.
#[test]
fn deviations_are_right_on_large_offsets() {
    for offset in [0.0, 1e9, -1e9, 1e15] {
        let values: Vec<f64> = (0..1000).map(|nth| offset + f64::from(nth % 4)).collect();
        let picture = Picture::of(DType::F64, 100, &values);
        let band = *of(&picture, &Options::default()).band(0).unwrap();
        assert_eq!((band.mean, band.deviation), (offset + 1.5, 1.25f64.sqrt()));
    }
    let whole: Vec<i64> = (0..1000)
        .map(|nth| 9_000_000_000_000_000_000 + nth % 4)
        .collect();
    let picture = Picture::of(DType::I64, 100, &whole);
    let band = *of(&picture, &Options::default()).band(0).unwrap();
    assert_eq!(band.deviation, 1.25f64.sqrt());
}

#[test]
fn magnitude_is_the_root_of_power() {
    for dtype in [DType::CI16, DType::CI32, DType::CF32, DType::CF64] {
        let picture = Picture::random(dtype, (9, 8), 2, 3);
        let stats = of(&picture, &Options::default());
        for band in 0..2 {
            let of = |at| match number(dtype, picture.sample(band, at)) {
                picture::Value::Whole(power) => (power as f64).sqrt(),
                _ => unreachable!("no part is NaN"),
            };
            let values: Vec<f64> = (0..72).map(of).collect();
            let found = stats.band(band as u32).unwrap();
            let highest = values.iter().copied().fold(0.0, f64::max);
            let mean = values.iter().sum::<f64>() / 72.0;
            assert_eq!(found.maximum, highest);
            assert!((found.mean - mean).abs() < 1e-12 * mean);
        }
    }
}

#[test]
fn many_bands_are_counted_in_little_memory() {
    let picture = Picture::random(DType::U16, (40, 9), 224, 5);
    for threads in [1, 4] {
        let options = Options {
            threads,
            ..Options::default()
        };
        let stats = of(&picture, &options);
        picture.check(&stats, false);
        // All values of 16 bits of a band in counters of 32.
        assert!(stats.table_bytes() < 224 * (4 * 65_536 + 8192));
    }
}

#[test]
fn tables_that_would_take_too_much_are_refused() {
    let mut picture = Picture::random(DType::F64, (64, 2), 1, 9);
    let values: Vec<f64> = (0..128).map(|nth| f64::powi(2.0, 8 * nth - 500)).collect();
    picture.bands = vec![bytemuck::cast_slice(&values).to_vec(); 1200];
    picture.nodata = vec![None; 1200];
    let provider = picture.provider((64, 64)).0;
    let error = PixelStats::of(provider, &Options::default()).err().unwrap();
    assert_eq!(error.kind(), Kind::Limit);
    assert!(error.message().contains("fewer bands"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let picture = Picture::random(DType::U8, (8, 8), 2, 1);
    let provider = || picture.provider((8, 8)).0;
    let refused = |options: Options| PixelStats::of(provider(), &options).err().unwrap();
    let level = refused(Options {
        level: 3,
        ..Options::default()
    });
    assert_eq!(
        (level.kind(), level.message().contains("level 3")),
        (Kind::Range, true)
    );
    let threads = refused(Options {
        threads: 5000,
        ..Options::default()
    });
    assert!(threads.message().contains("5000 threads"), "{threads}");
    let percent = refused(Options {
        percents: vec![2.0, 101.0],
        ..Options::default()
    });
    assert!(percent.message().contains("101 percent"), "{percent}");
    let stats = PixelStats::of(provider(), &Options::default()).unwrap();
    assert!(stats.band(2).unwrap_err().message().contains("band 2"));
    assert!(stats.percentile(0, f64::NAN).is_err() && stats.histogram(0, 0).is_err());
    assert!(stats.histogram_between(0, 3.0, 2.0, 4).is_err());
    assert_eq!(provider().image().band_count(), stats.band_count());
}

#[test]
fn a_histogram_counts_between_any_two_values() {
    let values: Vec<u8> = (0..=255).collect();
    let stats = of(&Picture::of(DType::U8, 16, &values), &Options::default());
    let of_each = stats.histogram_between(0, 0.0, 256.0, 256).unwrap();
    assert_eq!(
        (of_each.counts, of_each.is_approximate),
        (vec![1; 256], false)
    );
    let inner = stats.histogram_between(0, 10.0, 20.0, 5).unwrap();
    assert_eq!(inner.counts, [2, 2, 2, 2, 3]);
    let wide = Picture::of(DType::F64, 2, &[-1e308, 1e308, 0.25, 5e307]);
    let wide = of(&wide, &Options::default()).histogram(0, 4).unwrap();
    assert_eq!(wide.counts, [1, 0, 1, 2]);
}
