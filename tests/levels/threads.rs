//! What users of other systems suffer with overviews, thread by thread: none of it happens here. (gdal: OSGeo/gdal.)

use crate::options;
use crate::picture::{Picture, Value};
use crate::random::{self, Random, Validity};
use crate::read;
use crate::ways::Way;
use std::collections::HashSet;
use std::sync::Arc;
use tilecache::dtype::DType;
use tilecache::operator::{Size, downsampled};
use tilecache::provider::Provider;
use tilecache::resample::Filter;

/// Bytes as a picture of bands of one row after the other.
fn bytes(width: i64, bands: &[&[i128]]) -> Picture {
    let height = bands[0].len() as i64 / width;
    let mut picture = Picture::new(DType::U8, width, height, bands.len());
    for (band, values) in bands.iter().enumerate() {
        for (at, value) in (0..).zip(*values) {
            picture.set(band, at % width, at / width, [Value::I(*value); 2]);
        }
    }
    picture
}

fn half(picture: &Picture, filter: Filter, times: u32) -> Arc<dyn Provider> {
    let mut random = Random::new(1);
    let options = options(&Way::any(&mut random), filter);
    let (source, _) = picture.provider((16, 16));
    downsampled(source, Size::Halved(times), &options, None).unwrap()
}

fn pixels(provider: &Arc<dyn Provider>) -> Vec<u8> {
    read(provider, 0, 1, &mut Random::new(1))
}

/// gdal#3913, #8187: a band is told from its own nodata value alone, a mean that is one by chance is moved, and what was
/// nodata stays the same.
#[test]
fn each_band_has_its_own_nodata() {
    let mut picture = bytes(4, &[&[7, 7, 0, 0, 9, 9, 0, 0], &[0, 0, 7, 7, 4, 4, 10, 4]]);
    picture.nodata = vec![Some([Value::I(0); 2]), Some([Value::I(7); 2])];
    // Of 10 and 4 the mean is nodata, and goes up.
    let right = [8, 0, 2, 8];
    assert_eq!(pixels(&half(&picture, Filter::Average, 1)), right);
    picture.nodata[0] = None;
    assert_eq!(pixels(&half(&picture, Filter::Average, 1))[..2], [8, 0]);
}

/// gdal#14353: where nodata is NaN every NaN is, whatever its bits, and the others count in full.
#[test]
fn nan_as_nodata_is_left_out() {
    let mut picture = Picture::new(DType::F32, 4, 1, 1);
    let odd = f64::from(-f32::NAN);
    let values = [odd, 3.0, f64::NAN, odd];
    for (x, value) in (0..).zip(values) {
        picture.set(0, x, 0, [Value::F(value); 2]);
    }
    picture.nodata = vec![Some([Value::F(f64::NAN); 2])];
    for filter in [Filter::Average, Filter::Cubic, Filter::Max] {
        let found = pixels(&half(&picture, filter, 1));
        let found = found.as_chunks().0.iter().map(|it| f32::from_ne_bytes(*it));
        let found: Vec<f32> = found.collect();
        assert!(found[0] == 3.0 && found[1].is_nan(), "{found:?}");
    }
}

/// gdal#14728: kernels with negative weights make no stray pixels of bytes, and the root mean square is one.
#[test]
fn kernels_make_no_stray_pixels() {
    for filter in Filter::ALL {
        for value in [0, 1, 254, 255] {
            let flat = bytes(37, &[&vec![value; 37 * 23]]);
            for times in 1..4 {
                let found = pixels(&half(&flat, filter, times));
                assert!(
                    found.iter().all(|it| i128::from(*it) == value),
                    "{filter:?}"
                );
            }
        }
        // An edge of black and white may ring, but not turn round.
        let edge: Vec<i128> = (0..64).map(|x| if x < 32 { 0 } else { 255 }).collect();
        let found = pixels(&half(&bytes(64, &[&edge.repeat(4)]), filter, 1));
        for row in found.chunks_exact(32) {
            assert!(row[..16].iter().all(|it| *it <= 64), "{filter:?} {row:?}");
            assert!(row[16..].iter().all(|it| *it >= 191), "{filter:?} {row:?}");
        }
    }
    let found = pixels(&half(&bytes(2, &[&[1, 7, 1, 7]]), Filter::Rms, 1));
    assert_eq!(found, [5]);
}

/// xarray-spatial#2105, libvips#659: the last row and column of odd sizes are there, and count as what they are.
#[test]
fn odd_sizes_keep_their_last_row_and_column() {
    let picture = bytes(3, &[&[10, 10, 90, 10, 10, 90, 50, 50, 200]]);
    let made = half(&picture, Filter::Average, 1);
    assert_eq!(made.image().levels[0], (2, 2));
    assert_eq!(pixels(&made), [10, 90, 50, 200]);
}

/// gdal#1455, #754, #792, #13703, rasterio#1721: the level of a mask is 0 or 255, and 255 where anything is; alpha is a
/// mean beside it, and decides beside nodata too.
#[test]
fn masks_are_black_and_white_and_alpha_is_grey() {
    let mut picture = bytes(4, &[&[20, 40, 60, 80], &[255, 0, 128, 0]]);
    picture.mask = Some(vec![false, false, true, false]);
    let made = half(&picture, Filter::Average, 1);
    assert_eq!(pixels(&made.mask().expect("a mask")), [0, 255]);
    picture.mask = None;
    picture.alpha = Some(1);
    let made = half(&picture, Filter::Average, 1);
    assert!(made.mask().is_none());
    assert_eq!(pixels(&made), [20, 60, 128, 64]);
    (0..4).for_each(|x| picture.set(1, x, 0, [Value::I(255); 2]));
    picture.nodata[0] = Some([Value::I(20); 2]);
    let made = half(&picture, Filter::Average, 1);
    assert_eq!(pixels(&made), [40, 70, 255, 255]);
}

/// gdal#1923: nearest takes pixels of the image itself, at every level; so do mode, least, greatest and median.
#[test]
fn what_chooses_invents_no_values() {
    let mut random = Random::new(14);
    let picture = random::picture(DType::I16, (61, 46), 1, Validity::All, &mut random);
    let numbers =
        |bytes: Vec<u8>| -> HashSet<[u8; 2]> { bytes.as_chunks().0.iter().copied().collect() };
    let known = numbers(picture.bytes());
    for filter in [
        Filter::Nearest,
        Filter::Mode,
        Filter::Min,
        Filter::Max,
        Filter::Median,
    ] {
        for times in 1..5 {
            let found = numbers(pixels(&half(&picture, filter, times)));
            assert!(found.is_subset(&known), "{filter:?} {times}");
        }
    }
}
