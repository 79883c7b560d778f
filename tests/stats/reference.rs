//! Statistics of arrays of every type against those that Python computes by exact fractions and NumPy.

#[path = "../support/gdal.rs"]
mod gdal;

use crate::picture::Picture;
use tilecache::dtype::DType;
use tilecache::stats::{Options, PixelStats};

/// The percentiles of make.py.
const PERCENTS: [f64; 9] = [0.0, 0.1, 2.0, 7.0, 25.0, 50.0, 98.0, 99.9, 100.0];

#[test]
fn arrays_have_the_statistics_that_python_computes() {
    let dir = gdal::make("tests/stats/make.py");
    let lines = gdal::manifest(&dir);
    assert!(lines.len() >= 42);
    for line in lines {
        let [name, dtype, rest @ ..] = &line[..] else {
            panic!("a line of the manifest");
        };
        let dtype = DType::ALL.iter().find(|of| of.name() == dtype).unwrap();
        let bytes = std::fs::read(dir.join(name)).unwrap();
        let count = (bytes.len() / dtype.size()) as u64;
        let picture = Picture {
            dtype: *dtype,
            width: 41,
            height: count / 41,
            bands: vec![bytes],
            nodata: vec![None],
            mask: None,
            alpha: None,
        };
        let options = Options {
            is_exact: true,
            percents: PERCENTS.to_vec(),
            threads: 2,
            ..Options::default()
        };
        let stats = PixelStats::of(picture.provider((10, 7)).0, &options).unwrap();
        let found = *stats.band(0).unwrap();
        let whole: Vec<u64> = rest.iter().map(|field| field.parse().unwrap()).collect();
        assert_eq!(found.count, count, "{name}");
        assert_eq!(
            [found.valid, found.nan, found.infinite],
            whole[..3],
            "{name}"
        );
        let right: Vec<f64> = whole[3..]
            .iter()
            .map(|bits| f64::from_bits(*bits))
            .collect();
        let ends = [found.minimum, found.maximum, found.mean];
        assert_eq!(ends, right[..3], "{name}");
        let next = (found.deviation.to_bits() as i64 - right[3].to_bits() as i64).abs();
        assert!(next <= 1, "{name}: {} is not {}", found.deviation, right[3]);
        for (percent, right) in PERCENTS.iter().zip(&right[4..]) {
            let answer = stats.percentile(0, *percent).unwrap();
            let all = [answer.value, answer.low, answer.high];
            assert_eq!(all, [*right; 3], "{name} {percent}");
        }
    }
}
