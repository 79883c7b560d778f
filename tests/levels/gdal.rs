//! Levels beside the overviews that GDAL makes, at even sides, where both mean the same.

use crate::random::Random;
use crate::read;
use crate::support_gdal::{make, manifest, pixels, worst_difference};
use tilecache::dtype::DType;
use tilecache::operator::{LevelOptions, Size, downsampled};
use tilecache::resample::Filter;
use tilecache::source::file;

/// GDAL moves a mean of signed numbers that is just nodata before it rounds it, so that it is nodata again: here the
/// value above stands.
fn moved(made: &[u8], of_gdal: Vec<u8>) -> Vec<u8> {
    let pairs = made.as_chunks::<2>().0.iter().zip(of_gdal.as_chunks().0);
    let number = |bytes: &[u8; 2]| i16::from_ne_bytes(*bytes);
    let moved = pairs.map(|(made, gdal)| match (number(made), number(gdal)) {
        (8, 7) => *made,
        _ => *gdal,
    });
    moved.collect::<Vec<_>>().concat()
}

#[test]
fn levels_are_the_overviews_of_gdal_where_both_mean_the_same() {
    let dir = make("tests/levels/make.py");
    let mut random = Random::new(8);
    for line in manifest(&dir) {
        let [plain, overviews, name, dtype, levels] = &line[..] else {
            panic!("{line:?}");
        };
        let filter = Filter::ALL.into_iter().find(|it| it.name() == name);
        let filter = filter.expect("a filter");
        let dtype = DType::ALL.iter().find(|it| it.name() == dtype).unwrap();
        for level in 1..=levels.parse().unwrap() {
            let source = file::open(&dir.join(plain), 0, None).unwrap();
            let options = LevelOptions {
                filter: Some(filter),
                tile: (50, 40),
                ..LevelOptions::default()
            };
            let made = downsampled(source, Size::Halved(level), &options, None).unwrap();
            let made = read(&made, 0, 1, &mut random);
            let right = pixels(&dir.join(overviews), level);
            let right = match overviews.starts_with("i16-7-average") {
                true => moved(&made, right),
                false => right,
            };
            let worst = worst_difference(*dtype, &made, &right);
            println!("{overviews} level {level}: {worst}");
            let allowed = match (filter, dtype) {
                (Filter::Nearest | Filter::Mode, _) => 0.0,
                (Filter::Average, DType::U8 | DType::U16 | DType::I16) => 0.0,
                (Filter::Average | Filter::Rms, DType::F32) => 1e-4,
                _ => 1.0,
            };
            assert!(worst <= allowed, "{overviews} level {level}: {worst}");
        }
    }
}
