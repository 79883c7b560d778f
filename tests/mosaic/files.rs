//! Mosaics of files against those that NumPy makes of the same pixels.

use crate::gdal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tilecache::cache::{Cache, Options};
use tilecache::dtype::{DType, Sample};
use tilecache::error::Result;
use tilecache::image::{Colour, Image};
use tilecache::layout::Shape;
use tilecache::memory::Target;
use tilecache::operator::{Mosaic, Opening, Part, RetileOptions, Source, mask, mosaic, retiled};
use tilecache::provider::Provider;
use tilecache::source::file;
use tilecache::window::read_window;

/// Where no part shows anything.
const PAD: f64 = 9.0;

struct Files(Vec<PathBuf>);

impl Opening for Files {
    fn open(&self, part: usize) -> Result<Arc<dyn Provider>> {
        file::open(&self.0[part], 0, None)
    }
}

/// All samples of level 0, band by band.
fn whole(provider: &Arc<dyn Provider>) -> Vec<u8> {
    let image = provider.image();
    let (width, height) = image.levels[0];
    let bands = image.band_count();
    let shape = Shape {
        width: width as usize,
        height: height as usize,
        bands: bands as usize,
    };
    let sample = image.dtype.size();
    let (row, band) = (sample * shape.width, sample * shape.width * shape.height);
    let mut all = vec![0; band * shape.bands];
    let strides = [sample, row, band].map(|stride| stride as isize);
    // SAFETY: the vector is as large as shape and strides say.
    let target = unsafe { Target::new(all.as_mut_ptr(), strides, shape, image.dtype) };
    let bands: Vec<_> = (0..bands).map(Some).collect();
    read_window(provider, 0, 0, 0, &bands, target).expect("pixels");
    all
}

fn check(dir: &Path, scene: &str, lines: &[Vec<String>]) {
    let number = |text: &String| text.parse::<i64>().expect("a number");
    let (mut parts, mut paths) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().filter(|line| line[1] == "part").enumerate() {
        let path = dir.join(&line[2]);
        let source = match at % 2 {
            0 => Source::Given(file::open(&path, 0, None).expect("a file")),
            _ => Source::Later {
                key: format!("{scene} {at}:image:0"),
            },
        };
        paths.push(path);
        parts.push(Part {
            place: (number(&line[3]), number(&line[4])),
            size: (number(&line[5]) as u64, number(&line[6]) as u64),
            source,
        });
    }
    let line = lines.last().expect("the whole");
    let (width, height) = (number(&line[3]) as u64, number(&line[4]) as u64);
    let bands = number(&line[5]) as u32;
    let mut types = DType::ALL.iter();
    let dtype = *types.find(|dtype| dtype.name() == line[6]).expect("a type");
    let mut image = Image::new(width, height, bands, dtype);
    image.block = (48, 56);
    image.pad = Sample::from_f64(dtype, PAD);
    if scene == "alpha" {
        image.bands[3].colour = Colour::Alpha;
    }
    let made = Mosaic {
        image,
        parts,
        opening: Some(Arc::new(Files(paths))),
        max_open: 4,
    };
    let cache = Cache::new(1 << 20, Options::default()).expect("a cache");
    let made = mosaic(made, Some(&cache)).expect("a mosaic");
    let tiles = RetileOptions {
        tile: (100, 70),
        ..RetileOptions::default()
    };
    let tiles = retiled(made.clone(), &tiles, Some(&cache)).expect("tiles");
    let expected = std::fs::read(dir.join(&line[2])).expect("pixels");
    for provider in [&tiles, &made] {
        assert!(whole(provider) == expected, "{}", provider.key());
    }
    // Where nothing is seen the band of opacity is pad too.
    if scene == "alpha" {
        return;
    }
    let mask = mask(made).expect("a mask");
    let expected = std::fs::read(dir.join(format!("{scene}.mask"))).expect("a mask");
    assert!(whole(&mask) == expected, "the mask of {scene}");
}

#[test]
fn mosaics_of_files_are_those_that_numpy_makes() {
    let dir = gdal::make("tests/mosaic/make.py");
    let manifest = gdal::manifest(&dir);
    let scenes: Vec<_> = manifest.chunk_by(|one, other| one[0] == other[0]).collect();
    assert_eq!(scenes.len(), 4);
    for lines in scenes {
        check(&dir, &lines[0][0], lines);
    }
}
