//! What is data, and that keys tell it.

use super::chain;
use super::display::{SIZE, image, whole};
use super::support::named;
use std::sync::Arc;
use tilecache::cache::{Cache, Options};
use tilecache::dtype::{DType, Sample};
use tilecache::error::Result;
use tilecache::image::{Block, Colour, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::{
    LevelOptions, Mosaic, Part, Size, Source as PartSource, display, downsampled, mask, mosaic,
    pyramid,
};
use tilecache::provider::Provider;
use tilecache::source::{Decoder, Source};

type Operator = fn(Arc<dyn Provider>, Option<&Cache>) -> Result<Arc<dyn Provider>>;

const OPERATORS: [(&str, Operator); 5] = [
    ("display", |from, cache| {
        display(from, &chain("bands=0|stretch=0..100|alpha|u8"), cache)
    }),
    ("downsampled", |from, cache| {
        downsampled(from, Size::Halved(1), &LevelOptions::default(), cache)
    }),
    ("mask", |from, cache| {
        display(mask(from)?, &chain("u8"), cache)
    }),
    ("mosaic", |from, cache| {
        let mut whole = from.image().clone();
        for band in &mut whole.bands {
            (band.nodata, band.colour) = (None, Colour::Undefined);
        }
        whole.pad = Sample::from_f64(DType::U8, 200.0);
        let of_mosaic = Mosaic {
            parts: vec![Part {
                place: (3, 5),
                size: whole.levels[0],
                source: PartSource::Given(from),
            }],
            image: whole,
            opening: None,
            max_open: 1,
        };
        mosaic(of_mosaic, cache)
    }),
    ("display of another band", |from, cache| {
        display(from, &chain("bands=1|stretch=0..99|alpha|u8"), cache)
    }),
];

/// Images of the same samples, of which others are data.
fn variants() -> Vec<Image> {
    let mut plain = image(DType::U8, 2, (64, 64));
    plain.levels.truncate(1);
    let mut all = vec![plain.clone()];
    for nodata in [30.0, 31.0] {
        let mut with = plain.clone();
        for band in &mut with.bands {
            band.nodata = Some(Sample::from_f64(DType::U8, nodata));
        }
        all.push(with);
    }
    let mut with = plain.clone();
    with.bands[0].nodata = Some(Sample::from_f64(DType::U8, 30.0));
    all.push(with);
    let mut with = plain;
    with.bands[1].colour = Colour::Alpha;
    all.push(with);
    all
}

/// Its last band is 255 where the sum of column and row is no multiple, and else 0; all others are 100.
struct Nth(Image, u64);

impl Decoder for Nth {
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let rect = at.rect(&self.0);
        for (to, band) in bands.iter().enumerate() {
            for y in 0..rect.height {
                for (x, out) in into.row_mut(to, y as usize).iter_mut().enumerate() {
                    let is_data = !(rect.x + x as u64 + rect.y + y).is_multiple_of(self.1);
                    *out = match *band + 1 == self.0.band_count() {
                        true => u8::from(is_data) * 255,
                        false => 100,
                    };
                }
            }
        }
        Ok(())
    }
}

/// Grey, transparent in every nth pixel.
fn grey_and_alpha(nth: u64) -> Arc<dyn Provider> {
    let mut of = image(DType::U8, 2, (64, 64));
    of.levels.truncate(1);
    of.bands[1].colour = Colour::Alpha;
    Source::provider(None, of.clone(), Box::new(Nth(of, nth))).unwrap()
}

fn mask_of(of: &Image, nth: u64) -> Arc<dyn Provider> {
    let mut mask = Image::new(of.width(), of.height(), 1, DType::U8);
    mask.block = (50, 70);
    let name = format!("every {nth}");
    Source::provider(Some(&name), mask.clone(), Box::new(Nth(mask, nth))).unwrap()
}

#[test]
fn the_same_samples_with_other_data_have_tiles_of_their_own() {
    let same = |image: Image| named(Some("the same samples"), image, Arc::default());
    let mut sources: Vec<_> = variants().into_iter().map(same).collect();
    for nth in [3, 4] {
        let of = variants().swap_remove(0);
        let mask = mask_of(&of, nth);
        sources.push(pyramid(vec![same(of)], Some(mask)).unwrap());
    }
    for (name, operator) in OPERATORS {
        let cache = Cache::new(16 << 20, Options::default()).unwrap();
        let mut seen = Vec::new();
        for (at, from) in sources.iter().enumerate() {
            let kept = whole(&operator(from.clone(), Some(&cache)).unwrap(), 0);
            let alone = whole(&operator(from.clone(), None).unwrap(), 0);
            assert!(kept == alone, "{name} of variant {at}");
            seen.push(alone);
        }
        // No pixel is nodata in both bands.
        let is_told = seen[1] != seen[2] || name == "mask";
        assert!(is_told, "{name}: nodata makes no difference");
        assert!(seen[5] != seen[6], "{name}: the mask makes no difference");
    }
}

#[test]
fn what_mask_or_alpha_say_is_no_data_is_none() {
    let bare = grey_and_alpha(5);
    let of = bare.image().clone();
    let from = pyramid(vec![bare], Some(mask_of(&of, 3))).unwrap();
    let shown = display(from, &chain("bands=0|u8|alpha"), None).unwrap();
    let shown = whole(&shown, 0);
    let (width, height) = of.levels[0];
    let (grey, opacity) = shown.split_at((width * height) as usize);
    for (at, (grey, opacity)) in grey.iter().zip(opacity).enumerate() {
        let sum = at as u64 % width + at as u64 / width;
        let is_data = !sum.is_multiple_of(3) && !sum.is_multiple_of(5);
        let expected = if is_data { (100, 255) } else { (0, 0) };
        assert_eq!((*grey, *opacity), expected, "{at}");
    }
}

#[test]
fn opacity_is_0_and_never_nan_where_nothing_is_data() {
    let from = grey_and_alpha(5);
    for text in [
        "f32",
        "stretch=0..200,0..255",
        "bands=1,0|f64",
        "bands=0|stretch=0..200|alpha|f32",
    ] {
        let shown = display(from.clone(), &chain(text), None).unwrap();
        let bands = &shown.image().bands;
        let alpha = bands.iter().position(|band| band.colour == Colour::Alpha);
        let (dtype, count) = (shown.image().dtype, (SIZE.0 * SIZE.1) as usize);
        let plane = alpha.expect("opacity") * count * dtype.size();
        let opacity = &whole(&shown, 0)[plane..plane + count * dtype.size()];
        let marks = whole(&mask(shown.clone()).unwrap(), 0);
        for (at, sample) in opacity.chunks_exact(dtype.size()).enumerate() {
            let mut bytes = Sample::default();
            bytes.0[..sample.len()].copy_from_slice(sample);
            let is_data = !(at as u64 % SIZE.0 + at as u64 / SIZE.0).is_multiple_of(5);
            assert_eq!(bytes.to_f64(dtype) > 0.0, is_data, "{text}: {at}");
            assert!(!bytes.to_f64(dtype).is_nan(), "{text}: {at}");
            assert_eq!(marks[at] != 0, is_data, "{text}: {at}");
        }
    }
}
