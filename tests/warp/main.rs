//! Warped images: the same bits as the rules give over the whole image, however they are read.

mod flags;
mod heights;
mod maps;
mod passes;
#[allow(dead_code)]
#[path = "../levels/picture.rs"]
mod picture;
#[path = "../levels/random.rs"]
mod random;
#[path = "../levels/reading.rs"]
mod reading;
mod reference;
#[path = "../support/gdal.rs"]
mod support_gdal;
mod threads;
mod transforms;
#[allow(dead_code)]
#[path = "../levels/ways.rs"]
mod ways;

use maps::Function;
use picture::Picture;
use random::{Random, Validity};
use reading::read;
use reference::View;
use std::sync::Arc;
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::operator::{WarpOptions, pyramid, warped};
use tilecache::provider::Provider;
use tilecache::resample::Filter;

const FILTERS: [Filter; 9] = [
    Filter::Nearest,
    Filter::Average,
    Filter::Bilinear,
    Filter::Cubic,
    Filter::Lanczos,
    Filter::Mode,
    Filter::Min,
    Filter::Max,
    Filter::Median,
];

/// The first of these types that a filter knows.
fn fitting(filter: Filter, mut dtypes: impl Iterator<Item = DType>) -> DType {
    let has_order = |dtype: &DType| !filter.chooses() || !dtype.is_complex();
    dtypes.find(has_order).expect("a type with an order")
}

/// Names the first sample that is not as it should be.
fn compare(made: &[u8], right: &Picture, what: &str) {
    let bytes = right.bytes();
    assert_eq!(made.len(), bytes.len(), "{what}");
    let size = right.dtype.size();
    let pairs = made.chunks_exact(size).zip(bytes.chunks_exact(size));
    for (pixel, (made, wanted)) in pairs.enumerate() {
        let (width, height) = (right.width as usize, right.height as usize);
        let (x, y) = (pixel % width, pixel / width % height);
        let band = pixel / width / height;
        assert!(
            made == wanted,
            "{what}: {made:?} instead of {wanted:?} at column {x}, row {y} of band {band}"
        );
    }
}

/// The levels of a source as one provider, with their masks.
fn source(levels: &[Picture], block: (u64, u64)) -> Arc<dyn Provider> {
    let images: Vec<_> = levels.iter().map(|level| level.provider(block).0).collect();
    let masks: Option<Vec<_>> = images.iter().map(|image| image.mask()).collect();
    let mask = masks.map(|masks| pyramid(masks, None).unwrap());
    pyramid(images, mask).unwrap()
}

/// A picture with levels of its own above it, which have nothing to do with it, so that none can pass for another.
fn levels(
    dtype: DType,
    size: (i64, i64),
    bands: usize,
    count: u32,
    validity: Validity,
    random: &mut Random,
) -> Vec<Picture> {
    let first = random::picture(dtype, size, bands, validity, random);
    let mut all = vec![first];
    for level in 1..count {
        let half = |n: i64| (n + (1 << level) - 1) >> level;
        let mut of = random::picture(dtype, (half(size.0), half(size.1)), bands, validity, random);
        (of.nodata, of.alpha, of.pad) = (all[0].nodata.clone(), all[0].alpha, all[0].pad);
        all.push(of);
    }
    all
}

/// A warp and the reference of it.
struct Case<'a> {
    levels: &'a [Picture],
    map: &'a Function,
    options: WarpOptions,
}

impl Case<'_> {
    fn view(&self) -> View<'_> {
        let options = &self.options;
        View {
            levels: self.levels,
            map: &*self.map.way,
            filter: options.filter.unwrap(),
            size: (options.size.0 as i64, options.size.1 as i64),
            exact: options.exact,
            max_error: if options.max_error > 0.0 {
                options.max_error
            } else {
                0.125
            },
            source_level: options.source_level.map(|level| level as usize),
            scale: options.scale,
            period: (options.period > 0).then_some(options.period as i64),
        }
    }

    fn transform(map: &Function) -> Arc<Function> {
        let mut all = maps::all().into_iter();
        Arc::new(all.find(|other| other.name == map.name).unwrap())
    }

    /// Compares some levels with the reference.
    fn check(
        &self,
        of: &[u32],
        block: (u64, u64),
        budget: Option<u64>,
        threads: usize,
        random: &mut Random,
    ) {
        let cache = budget.map(|budget| Cache::new(budget, Options::default()).unwrap());
        let source = source(self.levels, block);
        let made = warped(
            source,
            Self::transform(self.map),
            &self.options,
            cache.as_ref(),
        )
        .unwrap();
        for level in of {
            let (right, mask) = self.view().level(*level);
            let what = format!(
                "{} {:?} of {} {}x{} in {block:?}, level {level}, budget {budget:?}, {threads} threads, {:?}",
                self.map.name,
                self.options.filter,
                right.dtype.name(),
                self.levels[0].width,
                self.levels[0].height,
                self.options,
            );
            compare(&read(&made, *level, threads, random), &right, &what);
            if let Some(of_level) = made.mask() {
                let mask: Vec<u8> = mask.iter().map(|data| u8::from(*data) * 255).collect();
                assert!(
                    read(&of_level, *level, 1, random) == mask,
                    "the mask of {what}"
                );
            }
        }
    }
}

fn options(filter: Filter, random: &mut Random) -> WarpOptions {
    let sides = [7u64, 16, 50, 64, 100, 1024];
    WarpOptions {
        size: (100 + random.below(40), 70 + random.below(40)),
        filter: Some(filter),
        tile: (random.one_of(&sides), random.one_of(&sides)),
        levels: Some(3),
        ..WarpOptions::default()
    }
}

#[test]
fn every_pixel_is_what_the_rules_make_of_the_whole_image() {
    let mut random = Random::new(1);
    let mut dtypes = DType::ALL.iter().copied().cycle();
    let mut validities = Validity::ALL.iter().cycle().skip(1);
    for map in maps::all() {
        for filter in FILTERS {
            let dtype = fitting(filter, &mut dtypes);
            let validity = validities.next().unwrap();
            let count = 1 + random.below(4) as u32;
            let levels = levels(dtype, (91, 67), 2, count, *validity, &mut random);
            let case = Case {
                levels: &levels,
                map: &map,
                options: options(filter, &mut random),
            };
            let block = (random.one_of(&[16, 33, 91]), random.one_of(&[1, 16, 67]));
            let budget = random.one_of(&[None, Some(3000), Some(1 << 24)]);
            case.check(
                &[0, 2],
                block,
                budget,
                1 + random.below(2) as usize,
                &mut random,
            );
        }
    }
}

/// Insides of images, where a kernel lies in the image as a whole, of every type.
#[test]
fn insides_of_images_are_what_the_rules_make_of_them() {
    let mut random = Random::new(2);
    let filters = [
        Filter::Nearest,
        Filter::Bilinear,
        Filter::Cubic,
        Filter::Lanczos,
    ];
    let mut filters = filters.iter().cycle();
    let mut names = ["same", "turned", "large", "small", "waves"].iter().cycle();
    let scales = [(0.0, 0.0), (1.0, 1.0), (1.2, 1.0), (2.5, 1.75)];
    let mut scales = scales.iter().cycle();
    for validity in [Validity::All, Validity::Alpha] {
        for dtype in DType::ALL {
            let name = names.next().unwrap();
            let map = maps::all().into_iter().find(|map| map.name == *name);
            let levels = levels(*dtype, (150, 140), 2, 1, validity, &mut random);
            let case = Case {
                levels: &levels,
                map: &map.unwrap(),
                options: WarpOptions {
                    scale: *scales.next().unwrap(),
                    ..options(*filters.next().unwrap(), &mut random)
                },
            };
            case.check(&[0], (40, 30), None, 1, &mut random);
        }
    }
}
