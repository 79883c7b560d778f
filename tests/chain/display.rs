//! Images seen through chains: the same as the whole image at once, whatever the tiles.

use super::support::{Behaviour, named, source, value};
use super::{chain, samples};
use std::sync::{Arc, Mutex};
use tilecache::cache::{Cache, Options};
use tilecache::chain::Chain;
use tilecache::dtype::{DType, Sample};
use tilecache::error::Result;
use tilecache::image::{Bands, Block, Colour, Image};
use tilecache::layout::Shape;
use tilecache::memory::{PixelsMut, Target};
use tilecache::operator::{RetileOptions, cached, display, level, mask, pyramid, retiled};
use tilecache::provider::{Provider, get_block, has_block};
use tilecache::source::{Decoder, Source};
use tilecache::stats::PixelStats;
use tilecache::window::read_window;

pub const SIZE: (u64, u64) = (173, 131);

pub fn image(dtype: DType, bands: u32, block: (u64, u64)) -> Image {
    let mut image = Image::new(SIZE.0, SIZE.1, bands, dtype);
    image.block = block;
    image.levels = vec![SIZE, (SIZE.0.div_ceil(2), SIZE.1.div_ceil(2))];
    image
}

/// A level of an image, all bands, as bytes.
pub fn whole(provider: &Arc<dyn Provider>, level: u32) -> Vec<u8> {
    let image = provider.image();
    let (width, height) = image.levels[level as usize];
    let shape = Shape {
        width: width as usize,
        height: height as usize,
        bands: image.bands.len(),
    };
    let size = image.dtype.size();
    let row = shape.width * size;
    let mut pixels = vec![0xa5; row * shape.height * shape.bands];
    // SAFETY: the memory has just these rows, and outlives the call.
    let target = unsafe {
        let strides = [size, row, row * shape.height].map(|stride| stride as isize);
        Target::new(pixels.as_mut_ptr(), strides, shape, image.dtype)
    };
    let bands: Vec<Option<u32>> = (0..image.band_count()).map(Some).collect();
    read_window(provider, 0, 0, level, &bands, target).unwrap();
    pixels
}

/// The chain over a whole level at once, without a provider.
fn applied(chain: &Chain, dtype: DType, bands: u32, level: u32) -> Vec<u8> {
    let (width, height) = image(dtype, bands, (1, 1)).levels[level as usize];
    let plane = |band: u32| {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| value(level, x, y, band)));
        samples(dtype, &pixels.collect::<Vec<_>>())
    };
    let planes: Vec<Vec<u8>> = (0..bands).map(plane).collect();
    super::apply(chain, dtype, &planes, None).unwrap().concat()
}

fn tiles(source: Arc<dyn Provider>, side: u64, cache: Option<&Cache>) -> Arc<dyn Provider> {
    let options = RetileOptions {
        tile: (side, side),
        pad_edges: false,
    };
    retiled(source, &options, cache).unwrap()
}

#[test]
fn tile_by_tile_it_is_the_whole_image_bit_for_bit() {
    let texts = [
        "bands=2,0,1|stretch=3..77.5|gamma=1.4|u8",
        "stretch=0..101|alpha|u16",
        "bands=1|log|stretch=0..40|ramp=magma|u8",
        "bands=3|stretch=0..100|f32",
        "bands=0,1,2|stretch=0..101|ycbcr|u8",
        "bands=3,3",
    ];
    for (at, text) in texts.iter().enumerate() {
        let chain = chain(text);
        for dtype in [DType::U8, DType::U16, DType::I16, DType::F32, DType::F64] {
            let right = [0, 1].map(|level| applied(&chain, dtype, 4, level));
            for (block, tile, budget) in [
                ((64, 64), 50, 1 << 20),
                ((173, 3), 33, 20_000),
                ((40, 131), 128, 1),
            ] {
                let cache = Cache::new(budget, Options::default()).unwrap();
                let from = source(image(dtype, 4, block), Arc::default());
                let shown = match at % 3 {
                    0 => display(cached(from, &cache).unwrap(), &chain, Some(&cache)),
                    1 => display(tiles(from, tile, Some(&cache)), &chain, None),
                    _ => display(from, &chain, Some(&cache))
                        .map(|made| tiles(made, tile, Some(&cache))),
                };
                let shown = shown.unwrap();
                for level in [0, 1] {
                    assert!(
                        whole(&shown, level) == right[level as usize],
                        "{text} {dtype:?} {block:?}"
                    );
                }
            }
        }
    }
}

/// Notes the bands that are read.
struct Noting(Image, Arc<Mutex<Vec<u32>>>);

impl Decoder for Noting {
    fn read_block(&self, _: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.1.lock().unwrap().extend_from_slice(bands);
        into.fill(&Sample::from_f64(self.0.dtype, 9.0));
        Ok(())
    }
}

#[test]
fn only_the_bands_that_the_chain_needs_are_read() {
    for (text, right) in [
        ("bands=5,2|stretch=0..9|u8", &[2, 5][..]),
        ("unscale=2:1|bands=7|stretch=0..9|rgb|u8", &[7]),
        ("bands=4,4,4|stretch=0..9|u8", &[4]),
        ("bands=6,1,3|ycbcr|bands=0|u8", &[1, 3, 6]),
        ("bands=3,2", &[2, 3]),
    ] {
        let of = image(DType::U8, 8, (173, 131));
        let read = Arc::new(Mutex::new(Vec::new()));
        let decoder = Noting(of.clone(), read.clone());
        let from = Source::provider(None, of, Box::new(decoder)).unwrap();
        let shown = display(from, &chain(text), None).unwrap();
        get_block(&*shown, Block::new(0, 0, 0), &Bands::ALL).unwrap();
        let mut read = read.lock().unwrap().clone();
        read.sort_unstable();
        assert_eq!(read, right, "{text}");
    }
}

#[test]
fn a_block_is_decoded_once_for_all_that_is_shown_of_it() {
    let cache = Cache::new(1 << 22, Options::default()).unwrap();
    let behaviour = Arc::new(Behaviour::default());
    let mut of = image(DType::U16, 4, (64, 64));
    of.bands[3].colour = Colour::Alpha;
    let from = cached(source(of, behaviour.clone()), &cache).unwrap();
    let views = [
        "bands=0|stretch=0..9|u8",
        "bands=2,1,0|stretch=0..9|alpha|u8",
        "stretch=0..90|f32",
    ];
    let views = views.map(|text| display(from.clone(), &chain(text), Some(&cache)).unwrap());
    std::thread::scope(|scope| {
        for view in &views {
            scope.spawn(|| whole(view, 0));
        }
    });
    // Bands come apart in this source: each block with them is decoded for each set of them at most.
    assert!(behaviour.most() <= 3, "{}", behaviour.most());
    let before = behaviour.total();
    let first = get_block(&*views[1], Block::new(0, 1, 1), &Bands::ALL).unwrap();
    let second = get_block(&*views[1], Block::new(0, 1, 1), &Bands::ALL).unwrap();
    assert_eq!(first.start(), second.start());
    assert_eq!(behaviour.total(), before);
}

#[test]
fn the_key_names_source_and_chain() {
    let from = || {
        named(
            Some("scene"),
            image(DType::U16, 4, (64, 64)),
            Arc::default(),
        )
    };
    let key = |text: &str| {
        display(from(), &chain(text), None)
            .unwrap()
            .key()
            .to_owned()
    };
    assert_eq!(
        key("bands=2,0|stretch=0..9.50|u8"),
        "scene:image:0:mapped:bands=2%2C0|stretch=0..9.5|u8:chain"
    );
    let table = |last: &str| key(&format!("bands=0|table=u8:{}{last}|u8", "AAAA".repeat(80)));
    assert!(table("AAAB").starts_with("scene:image:0:mapped:digest:"));
    assert_ne!(table("AAAB"), table("AAAC"));
    assert_eq!(table("AAAB"), table("AAAB"));
    // In one cache, each chain has its own tiles.
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let show = |text: &str| whole(&display(from(), &chain(text), Some(&cache)).unwrap(), 0);
    let (one, two) = (
        show("bands=0|stretch=0..90|u8"),
        show("bands=0|stretch=0..91|u8"),
    );
    assert!(one != two && one == show("bands=0|stretch=0..90|u8"));
}

#[test]
fn what_is_shown_is_described() {
    let mut of = image(DType::U16, 5, (64, 64));
    of.bits = 11;
    of.bands[4].colour = Colour::Alpha;
    of.metadata.insert((None, "TITLE".into()), "a scene".into());
    of.metadata
        .insert((Some(0), "STATISTICS_MAXIMUM".into()), "2000".into());
    of.metadata
        .insert((Some(0), "DESCRIPTION".into()), "blue".into());
    let from = source(of, Arc::default());
    let shown = display(
        from.clone(),
        &chain("bands=2,1,0|stretch=0..2047|alpha|u8"),
        None,
    )
    .unwrap();
    let image = shown.image();
    assert_eq!(
        (image.dtype, image.bits, image.levels.len()),
        (DType::U8, 8, 2)
    );
    let colours: Vec<Colour> = image.bands.iter().map(|band| band.colour).collect();
    assert_eq!(
        colours,
        [Colour::Red, Colour::Green, Colour::Blue, Colour::Alpha]
    );
    let texts: Vec<_> = image
        .metadata
        .iter()
        .map(|((band, name), text)| (*band, &name[..], &text[..]))
        .collect();
    assert_eq!(
        texts,
        [
            (None, "TC:CHAIN", "bands=2,1,0|stretch=0..2047|alpha|u8"),
            (None, "TITLE", "a scene")
        ]
    );
    let grey = display(from.clone(), &chain("bands=2|stretch=0..2047|u8"), None).unwrap();
    assert_eq!(grey.image().bands[0].colour, Colour::Gray);
    // A selection is what it was.
    let some = display(from, &chain("bands=4,0"), None).unwrap();
    assert_eq!((some.image().dtype, some.image().bits), (DType::U16, 11));
    assert_eq!(some.image().bands[0].colour, Colour::Alpha);
    assert_eq!(
        some.image().metadata[&(Some(1), "DESCRIPTION".into())],
        "blue"
    );
}

/// Where band 0 or 1 of a pixel has this value, it is no data.
const NODATA: f64 = 5.0;

#[test]
fn nodata_is_that_of_each_band() {
    for dtype in [DType::U8, DType::U16, DType::I32, DType::F32] {
        let mut of = image(dtype, 3, (64, 64));
        of.bands[0].nodata = Some(Sample::from_f64(dtype, NODATA));
        of.bands[1].nodata = Some(Sample::from_f64(dtype, NODATA));
        let from = source(of, Arc::default());
        let shown = display(
            from.clone(),
            &chain("bands=0,1|stretch=0..101|alpha|u8"),
            None,
        )
        .unwrap();
        let pixels = whole(&shown, 0);
        let plane = (SIZE.0 * SIZE.1) as usize;
        let mut transparent = 0;
        for at in 0..plane {
            let (x, y) = (at as u64 % SIZE.0, at as u64 / SIZE.0);
            let [one, two] = [0, 1].map(|band| value(0, x, y, band));
            let code = |v: f64| {
                if v == NODATA {
                    0
                } else {
                    (v / 101.0 * 255.0).round() as u8
                }
            };
            let alpha = if one == NODATA && two == NODATA {
                0
            } else {
                255
            };
            let right = [code(one), code(two), alpha];
            assert_eq!(
                [0, 1, 2].map(|band| pixels[band * plane + at]),
                right,
                "{one} {two}"
            );
            transparent += u64::from(one == NODATA);
        }
        assert!(transparent > 0);
        // The mask of what is shown is that of the bands that are shown.
        let masked = |text: &str| {
            let shown = display(from.clone(), &chain(text), None).unwrap();
            whole(&mask(shown).unwrap(), 0)
        };
        let of_first = masked("bands=0|stretch=0..101|u8");
        let right = (0..plane).map(|at| {
            let found = value(0, at as u64 % SIZE.0, at as u64 / SIZE.0, 0);
            if found == NODATA { 0 } else { 255 }
        });
        assert!(of_first.iter().copied().eq(right));
        assert!(
            masked("bands=0,2|stretch=0..101|u8")
                .iter()
                .all(|data| *data == 255)
        );
    }
}

/// An image of bytes that are all the same, with a mask of every third pixel.
fn masked(alpha: bool) -> Arc<dyn Provider> {
    struct Thirds(Image, bool);
    impl Decoder for Thirds {
        fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
            let rect = at.rect(&self.0);
            for (to, band) in bands.iter().enumerate() {
                for y in 0..rect.height {
                    for (x, out) in into.row_mut(to, y as usize).iter_mut().enumerate() {
                        let is_data = !(rect.x + x as u64 + rect.y + y).is_multiple_of(3);
                        *out = match self.1 || *band == 1 {
                            true => u8::from(is_data) * 255,
                            false => 100,
                        };
                    }
                }
            }
            Ok(())
        }
    }
    let mut of = image(DType::U8, if alpha { 2 } else { 1 }, (64, 64));
    if alpha {
        of.bands[1].colour = Colour::Alpha;
        return Source::provider(None, of.clone(), Box::new(Thirds(of, false))).unwrap();
    }
    let mask = image(DType::U8, 1, (50, 70));
    let mask = Source::provider(None, mask.clone(), Box::new(Thirds(mask, true))).unwrap();
    let from = Source::provider(None, of.clone(), Box::new(Thirds(of, false))).unwrap();
    pyramid(vec![level(from, 0).unwrap()], Some(mask)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn masks_and_alpha_say_what_is_data() {
    for alpha in [false, true] {
        let from = masked(alpha);
        let cache = Cache::new(1 << 20, Options::default()).unwrap();
        for text in [
            "bands=0|stretch=0..200|alpha|u8",
            "bands=0|stretch=0..200|u8",
        ] {
            let shown = display(
                tiles(from.clone(), 40, Some(&cache)),
                &chain(text),
                Some(&cache),
            )
            .unwrap();
            let plane = (SIZE.0 * SIZE.1) as usize;
            let pixels = whole(&shown, 0);
            let marks = whole(&mask(shown).unwrap(), 0);
            for at in 0..plane {
                let (x, y) = (at as u64 % SIZE.0, at as u64 / SIZE.0);
                let is_data = !(x + y).is_multiple_of(3);
                assert_eq!(
                    pixels[at],
                    if is_data { 128 } else { 0 },
                    "alpha {alpha}, ({x}, {y})"
                );
                assert_eq!(marks[at], if is_data { 255 } else { 0 });
                if pixels.len() > plane {
                    assert_eq!(pixels[plane + at], if is_data { 255 } else { 0 });
                }
            }
        }
    }
}

#[test]
fn absent_blocks_are_the_pad_that_went_through_the_chain() {
    let behaviour = Arc::new(Behaviour {
        absent: [Block::new(0, 0, 1), Block::new(0, 2, 2)].into(),
        ..Behaviour::default()
    });
    let mut of = image(DType::U8, 2, (64, 64));
    (of.sparse, of.pad) = (true, Sample::from_f64(DType::U8, 50.0));
    let from = source(of, behaviour.clone());
    for (text, pad) in [
        ("stretch=0..100|u8", Some(128)),
        ("bands=0|stretch=0..200|invert|u8", Some(191)),
        // The bands differ, so that no pad value stands for them.
        ("stretch=0..100|alpha|u8", None),
    ] {
        let shown = display(from.clone(), &chain(text), None).unwrap();
        let at = Block::new(0, 0, 1);
        assert_eq!(has_block(&*shown, at).unwrap(), pad.is_none());
        assert!(has_block(&*shown, Block::new(0, 0, 0)).unwrap());
        let tile = get_block(&*shown, at, &Bands::ALL).unwrap();
        assert_eq!(tile.is_absent(), pad.is_some());
        assert_eq!(tile.row(0, 7)[3], pad.unwrap_or(128));
        assert_eq!(whole(&shown, 0)[64 + 3], pad.unwrap_or(128), "{text}");
    }
    assert!(
        behaviour
            .decodes
            .lock()
            .unwrap()
            .keys()
            .all(|at| !behaviour.absent.contains(at))
    );
}

#[test]
fn padded_blocks_are_pad_beyond_the_image() {
    let mut of = image(DType::U8, 3, (64, 64));
    of.pad = Sample::from_f64(DType::U8, 100.0);
    let options = RetileOptions {
        tile: (64, 64),
        pad_edges: true,
    };
    let from = retiled(source(of, Arc::default()), &options, None).unwrap();
    let shown = display(from, &chain("stretch=0..100|u8"), None).unwrap();
    let tile = get_block(&*shown, Block::new(0, 2, 2), &Bands::ALL).unwrap();
    assert_eq!((tile.shape().width, tile.valid()), (64, (45, 3)));
    for band in 0..3 {
        assert!(tile.row(band, 1)[45..].iter().all(|code| *code == 255));
        assert!(tile.row(band, 40).iter().all(|code| *code == 255));
        assert_eq!(
            tile.row(band, 2)[44],
            (value(0, 172, 130, band as u32).min(100.0) * 2.55).round() as u8
        );
    }
}

#[test]
fn a_chain_that_does_not_fit_makes_no_provider() {
    let from = source(image(DType::U16, 3, (64, 64)), Arc::default());
    for (text, reason) in [
        (
            "bands=3|stretch=0..1|u8",
            "step 1 of the chain, bands=3: the source must have at least 4 bands",
        ),
        ("bands=0|u8", "step 2 of the chain, u8: samples of u16"),
        (
            "bands=0|stretch=2..98%|u8",
            "step 2 of the chain, stretch=2..98%: it needs statistics",
        ),
        (
            "palette|u8",
            "step 1 of the chain, palette: it needs what the source tells",
        ),
    ] {
        let error = display(from.clone(), &chain(text), None)
            .err()
            .unwrap()
            .to_string();
        assert!(error.starts_with(reason), "{error}");
    }
}

#[test]
fn statistics_of_the_image_resolve_a_chain_for_all_its_tiles() {
    for dtype in [
        DType::U8,
        DType::U16,
        DType::I16,
        DType::I32,
        DType::F32,
        DType::F64,
    ] {
        let from = source(image(dtype, 4, (64, 64)), Arc::default());
        let options = tilecache::stats::Options {
            is_exact: true,
            ..Default::default()
        };
        let known = PixelStats::of(from.clone(), &options).unwrap();
        let text = "bands=2,0|stretch=2..98%|u8";
        let made = chain(text).resolve(from.image(), Some(&known)).unwrap();
        // By sorting.
        let limits = [2, 0].map(|band| {
            let pixel = |at: u64| value(0, at % SIZE.0, at / SIZE.0, band);
            let mut all: Vec<f64> = (0..SIZE.0 * SIZE.1).map(pixel).collect();
            all.sort_by(f64::total_cmp);
            let rank = |percent: usize| (all.len() * percent).div_ceil(100);
            format!("{}..{}", all[rank(2) - 1], all[rank(98) - 1])
        });
        assert_eq!(
            made.text(),
            format!("bands=2,0|stretch={}|u8", limits.join(",")),
            "{dtype:?}"
        );
        let shown = display(tiles(from.clone(), 50, None), &made, None).unwrap();
        assert!(whole(&shown, 0) == applied(&made, dtype, 4, 0));
        for rule in ["minmax", "dra", "sd=2", "dra=common"] {
            let made = chain(&format!("bands=1,3|{rule}|u8")).resolve(from.image(), Some(&known));
            assert!(made.unwrap().info().is_resolved);
        }
    }
}

/// Statistics that stand in a file have no percentiles, but both ends.
#[test]
fn statistics_of_the_file_have_what_they_have() {
    let mut of = image(DType::U16, 1, (64, 64));
    for (name, text) in [
        ("MINIMUM", "7"),
        ("MAXIMUM", "90"),
        ("MEAN", "50"),
        ("STDDEV", "10"),
    ] {
        of.metadata
            .insert((Some(0), format!("STATISTICS_{name}")), text.into());
    }
    let from = source(of, Arc::default());
    let options = tilecache::stats::Options {
        takes_stored: true,
        ..Default::default()
    };
    let known = PixelStats::of(from.clone(), &options).unwrap();
    assert!(known.is_stored());
    let of = |text: &str| chain(text).resolve(from.image(), Some(&known));
    assert_eq!(of("minmax|u8").unwrap().text(), "stretch=7..90|u8");
    assert_eq!(of("sd=2|u8").unwrap().text(), "stretch=30..70|u8");
    let error = of("dra|u8").unwrap_err().to_string();
    assert!(
        error.starts_with("step 1 of the chain, dra: the statistics have no percentiles"),
        "{error}"
    );
}
