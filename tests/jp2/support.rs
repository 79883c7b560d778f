//! The files that the tests read, and the ways to read them.

use super::gdal;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tilecache::bytes::FileBytes;
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::geometry::Rect;
use tilecache::image::{Block, Image};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, PixelsMut};
use tilecache::source::Decoder;
use tilecache::source::jp2::{Jp2Decoder, Jp2File};

/// The files, made once by the script beside this test; removed by the next run.
pub fn made() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| gdal::make("tests/jp2/make.py"))
}

pub fn manifest() -> Vec<Vec<String>> {
    gdal::manifest(made())
}

pub fn open(path: &Path) -> Result<Jp2Decoder> {
    Ok(Jp2File::open(Arc::new(FileBytes::open(path)?))?.into_decoder())
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

pub fn blocks(image: &Image, level: u32) -> impl Iterator<Item = (Block, Rect)> + use<> {
    let grid = image.grid(level);
    let cells = (0..grid.rows()).flat_map(move |row| (0..grid.cols()).map(move |col| (row, col)));
    cells
        .map(move |(row, col)| (Block::new(level, row, col), grid.rect(row, col)))
        .filter(|(_, rect)| !rect.is_empty())
}

pub fn shape(rect: &Rect, bands: usize) -> Shape {
    Shape {
        width: rect.width as usize,
        height: rect.height as usize,
        bands,
    }
}

pub fn whole(image: &Image, level: u32) -> Rect {
    let (width, height) = image.levels[level as usize];
    Rect::new(0, 0, width, height)
}

/// A window as it is asked for.
pub fn window(decoder: &Jp2Decoder, level: u32, rect: Rect, bands: &[u32]) -> Result<Vec<u8>> {
    pixels(shape(&rect, bands.len()), decoder.image().dtype, |into| {
        decoder.read_window(level, rect, bands, into)
    })
}

/// All pixels of some bands at once.
pub fn read_level(decoder: &Jp2Decoder, level: u32, bands: &[u32]) -> Result<Vec<u8>> {
    window(decoder, level, whole(decoder.image(), level), bands)
}

/// The same block by block into one canvas, so that rows have gaps between them.
pub fn read_blocks(decoder: &Jp2Decoder, level: u32, bands: &[u32]) -> Result<Vec<u8>> {
    let image = decoder.image();
    let all = shape(&whole(image, level), bands.len());
    pixels(all, image.dtype, |all| {
        for (at, rect) in blocks(image, level) {
            let (x, y) = (rect.x as usize, rect.y as usize);
            let mut part = all.window_mut(x, y, rect.width as usize, rect.height as usize);
            decoder.read_block(at, bands, &mut part)?;
        }
        Ok(())
    })
}

/// Some bands of a window cut out of all pixels of a level.
pub fn cut(all: &[u8], image: &Image, level: u32, rect: &Rect, bands: &[u32]) -> Vec<u8> {
    let size = image.dtype.size();
    let (width, height) = image.levels[level as usize];
    let mut out = Vec::new();
    for band in bands {
        for y in rect.y..rect.bottom() {
            let start = ((u64::from(*band) * height + y) * width + rect.x) as usize * size;
            out.extend_from_slice(&all[start..start + rect.width as usize * size]);
        }
    }
    out
}

/// Where the tile-parts of a whole codestream lie.
pub fn tile_parts(bytes: &[u8]) -> Vec<Range<usize>> {
    let number = |at: usize, len: usize| {
        let bytes = bytes[at..at + len].iter();
        bytes.fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let mut at = 2;
    while number(at, 2) != 0xff90 {
        at += 2 + number(at + 2, 2);
    }
    let mut parts = Vec::new();
    while number(at, 2) == 0xff90 {
        parts.push(at..at + number(at + 6, 4));
        at += number(at + 6, 4);
    }
    parts
}
