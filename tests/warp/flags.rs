//! The options of warps, what they refuse, and transformations that fail.

use crate::maps;
use crate::random::{Random, Validity};
use crate::{Case, FILTERS, fitting, levels, options, source};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::error::{Error, Kind, Result};
use tilecache::georef::Affine;
use tilecache::image::{Bands, Block, Colour};
use tilecache::operator::{WarpOptions, warped};
use tilecache::provider::{Request, get_block};
use tilecache::resample::Filter;
use tilecache::transform::{Point, Transform, affine};

/// Sets some of the options.
type Change = fn(&mut WarpOptions);

#[test]
fn options_change_what_the_rules_say_that_they_change() {
    let mut random = Random::new(20);
    let changes: [(&str, Change); 8] = [
        ("exact", |options| options.exact = true),
        ("error", |options| options.max_error = 4.0),
        ("level", |options| options.source_level = Some(1)),
        ("scale", |options| options.scale = (2.5, 1.0)),
        ("round", |options| options.period = 91),
        ("shared", |options| options.period = 80),
        ("gap", |options| options.period = 100),
        ("all", |options| {
            options.exact = true;
            options.source_level = Some(2);
            options.scale = (1.5, 3.25);
            options.period = 90;
        }),
    ];
    for (name, change) in changes {
        for filter in FILTERS {
            let map = match name {
                "exact" | "error" => "waves",
                "level" | "scale" => "turned",
                _ => random.one_of(&["jump", "small", "pole"]),
            };
            let map = maps::all()
                .into_iter()
                .find(|other| other.name == map)
                .unwrap();
            let validity = random.one_of(&Validity::ALL);
            let dtype = fitting(filter, std::iter::repeat_with(|| random.one_of(DType::ALL)));
            let levels = levels(dtype, (91, 67), 2, 3, validity, &mut random);
            let mut options = options(filter, &mut random);
            change(&mut options);
            let case = Case {
                levels: &levels,
                map: &map,
                options,
            };
            case.check(&[0, 1], (32, 16), None, 1, &mut random);
        }
    }
}

#[test]
fn what_cannot_be_is_refused_with_the_value() {
    let mut random = Random::new(21);
    let levels = levels(DType::CF32, (9, 7), 2, 2, Validity::All, &mut random);
    let source = source(&levels, (4, 4));
    let same = affine(Affine::IDENTITY).unwrap();
    let refused = |change: Change| {
        let mut options = WarpOptions {
            size: (10, 10),
            ..WarpOptions::default()
        };
        change(&mut options);
        let made = warped(source.clone(), same.clone(), &options, None);
        let error = made.err().expect("an error");
        (error.kind(), error.message().to_owned())
    };
    let range = |text: &str| (Kind::Range, text.to_owned());
    let cases: [(Change, (Kind, String)); 7] = [
        (
            |options| options.levels = Some(33),
            range("levels is 33; it must be 1 to 32"),
        ),
        (
            |options| options.scale.1 = 0.5,
            range("scale_y is 0.5; it must be 0 or 1 to 1048576"),
        ),
        (
            |options| options.source_level = Some(2),
            range("level 2 of an image with 2 levels"),
        ),
        (
            |options| options.period = u64::MAX,
            range("a period of 18446744073709551615 columns for an image of 9"),
        ),
        (
            |options| options.filter = Some(Filter::Rms),
            (
                Kind::Unsupported,
                "the filter rms for a warped image".to_owned(),
            ),
        ),
        (
            |options| options.filter = Some(Filter::Median),
            (
                Kind::Unsupported,
                "the filter median for complex samples (cf32)".to_owned(),
            ),
        ),
        (
            |options| options.size.0 = 0,
            range("an image of 0 x 10 pixels; each side must be 1 to 281474976710656"),
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(refused(change), expected);
    }
    let (kind, message) = refused(|options| options.max_error = f64::NAN);
    assert_eq!(kind, Kind::Range);
    assert!(message.starts_with("max_error is NaN"), "{message}");
}

#[test]
fn a_warped_palette_has_its_own_indices_and_another_place() {
    let mut random = Random::new(22);
    let levels = levels(DType::U8, (9, 7), 1, 1, Validity::All, &mut random);
    let mut image = levels[0].image((4, 4));
    image.bands[0].colour = Colour::Palette;
    struct Zeros;
    impl tilecache::source::Decoder for Zeros {
        fn read_block(
            &self,
            _: Block,
            _: &[u32],
            into: &mut tilecache::memory::PixelsMut<'_>,
        ) -> Result<()> {
            into.fill(&Default::default());
            Ok(())
        }
    }
    let source = tilecache::source::Source::provider(None, image, Box::new(Zeros)).unwrap();
    let same = affine(Affine::IDENTITY).unwrap();
    let options = WarpOptions {
        size: (5, 5),
        ..WarpOptions::default()
    };
    let made = warped(source.clone(), same.clone(), &options, None).unwrap();
    assert!(made.key().contains("warped:nearest:5x5"), "{}", made.key());
    assert!(made.image().georef.is_none());
    assert_eq!(made.image().bands[0].colour, Colour::Palette);
    let options = WarpOptions {
        filter: Some(Filter::Bilinear),
        ..options
    };
    let refused = warped(source, same, &options, None).err().unwrap();
    assert_eq!(
        refused.message(),
        "the filter bilinear for indices of a palette"
    );
}

/// Fails until it was called so often.
struct Failing {
    calls: AtomicUsize,
    until: usize,
}

impl Transform for Failing {
    fn key(&self) -> &str {
        "failing"
    }

    fn to_source(&self, _points: &mut [Point], _: &Request<'_>) -> Result<()> {
        match self.calls.fetch_add(1, Ordering::Relaxed) < self.until {
            true => Err(Error::from_source(17, "the projection is not there")),
            false => Ok(()),
        }
    }
}

#[test]
fn a_transformation_that_fails_fails_its_tile_and_no_other_call() {
    let mut random = Random::new(23);
    let levels = levels(DType::U8, (90, 70), 1, 1, Validity::All, &mut random);
    let failing = Arc::new(Failing {
        calls: AtomicUsize::new(0),
        until: 1,
    });
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let options = WarpOptions {
        size: (90, 70),
        tile: (32, 32),
        filter: Some(Filter::Nearest),
        ..WarpOptions::default()
    };
    let made = warped(source(&levels, (16, 16)), failing, &options, Some(&cache)).unwrap();
    let read = || get_block(&*made, Block::new(0, 1, 1), &Bands::ALL);
    let error = read().err().expect("an error");
    assert_eq!(error.source_code(), 17);
    assert!(
        error.message().contains("the projection is not there"),
        "{error}"
    );
    let tile = read().unwrap();
    let right = levels[0].bytes();
    for y in 0..32 {
        let start = (32 + y) * 90 + 32;
        assert!(tile.row(0, y) == &right[start..start + 32]);
    }
}

#[test]
fn cells_are_kept_for_tiles_that_are_made_again_and_for_the_mask() {
    let mut random = Random::new(24);
    let levels = levels(DType::U8, (90, 70), 1, 1, Validity::All, &mut random);
    let counted = Arc::new(Failing {
        calls: AtomicUsize::new(0),
        until: 0,
    });
    let options = WarpOptions {
        size: (90, 70),
        ..WarpOptions::default()
    };
    let made = warped(source(&levels, (16, 16)), counted.clone(), &options, None).unwrap();
    let calls = |provider: &dyn tilecache::provider::Provider| {
        let before = counted.calls.load(Ordering::Relaxed);
        get_block(provider, Block::new(0, 0, 0), &Bands::ALL).unwrap();
        counted.calls.load(Ordering::Relaxed) - before
    };
    assert!(calls(&*made) > 0);
    assert_eq!(calls(&*made), 0);
    assert_eq!(calls(&*made.mask().unwrap()), 0);
}

/// A level of which only the place is known.
struct Missing;

impl tilecache::source::Decoder for Missing {
    fn has_block(&self, _: Block) -> Result<bool> {
        Err(Error::new(Kind::NotFound, "only a higher one is there"))
    }

    fn read_block(
        &self,
        _: Block,
        _: &[u32],
        _: &mut tilecache::memory::PixelsMut<'_>,
    ) -> Result<()> {
        Err(Error::new(Kind::NotFound, "only a higher one is there"))
    }
}

#[test]
fn levels_that_a_source_leaves_out_are_not_read() {
    let mut random = Random::new(25);
    let levels = levels(DType::U8, (80, 60), 1, 3, Validity::All, &mut random);
    let mut images: Vec<_> = levels.iter().map(|of| of.provider((16, 16)).0).collect();
    let mut image = levels[1].image((16, 16));
    image.sparse = true;
    images[1] = tilecache::source::Source::provider(None, image, Box::new(Missing)).unwrap();
    let source = tilecache::operator::pyramid(images, None).unwrap();
    let mut options = WarpOptions {
        size: (80, 60),
        levels: Some(3),
        filter: Some(Filter::Average),
        ..WarpOptions::default()
    };
    let same = affine(Affine::IDENTITY).unwrap();
    let made = warped(source.clone(), same.clone(), &options, None).unwrap();
    let tile = |level: u32| {
        let of_level = made.level_image(level).unwrap();
        get_block(&*of_level, Block::new(0, 0, 0), &Bands::ALL).unwrap()
    };
    // Level 2 is there, and level 1 is the mean of four.
    assert!(tile(2).row(0, 3) == &levels[2].bytes()[60..80]);
    let full = levels[0].bytes();
    let four = [0, 1, 80, 81].map(|at| f64::from(full[2 * 80 + 6 + at]));
    let mean = (four.iter().sum::<f64>() / 4.0).round();
    assert_eq!(f64::from(tile(1).row(0, 1)[3]), mean);
    options.source_level = Some(1);
    let refused = warped(source, same, &options, None).err().unwrap();
    assert_eq!(refused.kind(), Kind::NotFound);
    assert!(
        refused.message().starts_with("level 1 of the source"),
        "{refused}"
    );
}
