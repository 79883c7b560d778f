//! Any text as a display chain: it is refused with a message, or its canonical text says the same again, and what comes
//! out of samples follows from each alone, whatever their type.

use super::input::Input;
use tilecache::chain::{Chain, Samples};
use tilecache::dtype::DType;
use tilecache::error::Kind;
use tilecache::image::{Colour, Image};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, Target};
use tilecache::tile::Tile;

/// Columns of pixels.
const WIDTH: usize = 9;

/// The most bands of an output that is looked at.
const MOST_BANDS: usize = 64;

/// The text that an input begins with: up to a NUL.
fn text(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == 0);
    let end = end.unwrap_or(data.len());
    (&data[..end], data.get(end + 1..).unwrap_or_default())
}

fn row(dtype: DType, bands: usize, input: &mut Input<'_>) -> Tile {
    let shape = Shape {
        width: WIDTH,
        height: 1,
        bands,
    };
    let layout = Layout::packed(shape, dtype).expect("a layout");
    let mut canvas = Canvas::new(Memory::zeroed(layout.span()).expect("memory"), layout);
    for band in 0..bands {
        let mut pixels = canvas.pixels_mut();
        pixels.row_mut(band, 0).fill_with(|| input.byte());
    }
    Tile::from_canvas(canvas)
}

/// The output for pixels, band after band.
fn applied(chain: &Chain, input: &Tile) -> Option<Vec<u8>> {
    let samples = Samples {
        dtype: input.dtype(),
        nodata: vec![None; input.shape().bands],
    };
    let runner = match chain.prepare(&samples) {
        Ok(runner) => runner,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Argument, "{error}");
            assert!(error.message().starts_with("step "), "{error}");
            return None;
        }
    };
    if runner.bands() > MOST_BANDS {
        return None;
    }
    let shape = Shape {
        bands: runner.bands(),
        ..input.shape()
    };
    let row = shape.width * runner.dtype().size();
    let mut bytes = vec![0xa5; row * shape.bands];
    // SAFETY: the memory has just these rows, and outlives the call.
    let target = unsafe {
        let strides = [runner.dtype().size(), row, row].map(|stride| stride as isize);
        Target::new(bytes.as_mut_ptr(), strides, shape, runner.dtype())
    };
    chain.apply(input, None, target).expect("what was prepared");
    Some(bytes)
}

pub fn run(data: &[u8]) {
    let (text, rest) = text(data);
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let chain = match Chain::parse(text) {
        Ok(chain) => chain,
        Err(error) => {
            assert!(
                matches!(error.kind(), Kind::Argument | Kind::Limit),
                "{error}"
            );
            assert!(error.message().len() < 400, "{error}");
            return;
        }
    };
    let again = Chain::parse(chain.text()).expect("the canonical text");
    assert_eq!(again.text(), chain.text());
    assert_eq!(again.info(), chain.info());
    let mut input = Input::new(rest);
    let dtype = input.pick(DType::ALL);
    let bands = 1 + input.below(4);
    let mut image = Image::new(WIDTH as u64, 1, bands as u32, dtype);
    image.bands[0].colour = Colour::Palette;
    image
        .metadata
        .insert((None, "PNG_PLTE".into()), "1,2,3\n4,5,6\n".into());
    let resolved = match chain.resolve(&image, None) {
        Ok(resolved) => resolved,
        Err(error) => {
            assert!(error.message().starts_with("step "), "{error}");
            return;
        }
    };
    assert!(resolved.info().is_resolved);
    assert_eq!(
        resolved.resolve(&image, None).expect("resolved").text(),
        resolved.text()
    );
    let pixels = row(dtype, bands, &mut input);
    let Some(whole) = applied(&resolved, &pixels) else {
        return;
    };
    // A pixel alone gives what it gives among others.
    for x in 0..WIDTH {
        let pixel = pixels.map(|pixels| pixels.window(x, 0, 1, 1));
        let alone = applied(&resolved, &pixel).expect("as before");
        let bands = resolved.prepare(&Samples::of(&Image {
            bands: vec![Default::default(); bands],
            ..image.clone()
        }));
        let (bands, size) = bands
            .map(|runner| (runner.bands(), runner.dtype().size()))
            .expect("as before");
        for band in 0..bands {
            let there = &whole[(band * WIDTH + x) * size..][..size];
            assert_eq!(
                &alone[band * size..][..size],
                there,
                "pixel {x} of {}",
                resolved.text()
            );
        }
    }
}
