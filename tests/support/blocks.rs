//! The pixels of a decoder of one image, read in several ways.

use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::geometry::Rect;
use tilecache::image::{Block, Image};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, PixelsMut};
use tilecache::source::Decoder;

/// A decoder that says what its image is.
pub trait Described: Decoder {
    fn image(&self) -> &Image;
}

/// Pixels of a shape, written by `draw`, band by band without gaps.
pub fn pixels(
    shape: Shape,
    dtype: DType,
    draw: impl FnOnce(&mut PixelsMut<'_>) -> Result<()>,
) -> Result<Vec<u8>> {
    let layout = Layout::packed(shape, dtype)?;
    let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout);
    draw(&mut canvas.pixels_mut())?;
    let (buffer, layout) = canvas.freeze();
    Ok(buffer.bytes()[..layout.span()].to_vec())
}

pub fn blocks<D: Described>(decoder: &D) -> impl Iterator<Item = (Block, Rect)> + use<D> {
    let grid = decoder.image().grid(0);
    let cells = (0..grid.rows()).flat_map(move |row| (0..grid.cols()).map(move |col| (row, col)));
    cells.map(move |(row, col)| (Block::new(0, row, col), grid.rect(row, col)))
}

pub fn shape(rect: &Rect, bands: usize) -> Shape {
    Shape {
        width: rect.width as usize,
        height: rect.height as usize,
        bands,
    }
}

/// All pixels of some bands, block by block into one canvas, so that rows have gaps between them.
/// Blocks that are said to be absent are read too: they are pad.
pub fn read_all(decoder: &impl Described, bands: &[u32]) -> Result<Vec<u8>> {
    let image = decoder.image();
    let whole = Rect::new(0, 0, image.width(), image.height());
    pixels(shape(&whole, bands.len()), image.dtype, |all| {
        for (at, rect) in blocks(decoder) {
            let (x, y) = (rect.x as usize, rect.y as usize);
            let mut part = all.window_mut(x, y, rect.width as usize, rect.height as usize);
            decoder.read_block(at, bands, &mut part)?;
        }
        Ok(())
    })
}

/// The same through blocks of their own.
pub fn read_packed(decoder: &impl Described, bands: &[u32]) -> Result<Vec<u8>> {
    let image = decoder.image();
    let size = image.dtype.size();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mut all = vec![0; width * height * bands.len() * size];
    for (at, rect) in blocks(decoder) {
        let block = pixels(shape(&rect, bands.len()), image.dtype, |into| {
            decoder.read_block(at, bands, into)
        })?;
        for (i, row) in block.chunks_exact(rect.width as usize * size).enumerate() {
            let (band, y) = (i / rect.height as usize, i % rect.height as usize);
            let start = ((band * height + rect.y as usize + y) * width + rect.x as usize) * size;
            all[start..start + row.len()].copy_from_slice(row);
        }
    }
    Ok(all)
}

/// Some bands of a window cut out of all pixels.
pub fn cut(all: &[u8], decoder: &impl Described, rect: &Rect, bands: &[u32]) -> Vec<u8> {
    let image = decoder.image();
    let size = image.dtype.size();
    let mut out = Vec::new();
    for band in bands {
        for y in rect.y..rect.bottom() {
            let row = u64::from(*band) * image.height() + y;
            let start = (row * image.width() + rect.x) as usize * size;
            out.extend_from_slice(&all[start..start + rect.width as usize * size]);
        }
    }
    out
}
