//! Any bytes as JPEG 2000: what windows of any place and level have by way of code-blocks is what OpenJPEG makes of whole
//! blocks, wherever both read it, and takes memory that follows from what is asked for.

use super::allocations::peak_of;
use super::files::{check_peak, judged};
use std::sync::Arc;
use tilecache::bytes::{Bytes, MemoryBytes};
use tilecache::error::Result;
use tilecache::geometry::Rect;
use tilecache::image::{Block, Image};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, Memory, PixelsMut};
use tilecache::source::Decoder;
use tilecache::source::jp2::{Jp2Decoder, Jp2File};
use tilecache::tile::Tile;

/// The most samples of a level that are compared, and the most blocks that they come from.
const MOST_SAMPLES: u64 = 1 << 18;
const MOST_BLOCKS: u64 = 64;

/// Levels and bands that are looked at.
const LEVELS: usize = 3;
const BANDS: u32 = 4;

pub fn run(data: &[u8]) {
    let bytes: Arc<dyn Bytes> = Arc::new(MemoryBytes::new(data));
    let open = || Jp2File::open_components(bytes.clone()).map(Jp2File::into_decoder);
    let (Some(codec), Some(mut parts)) = (judged(open()), judged(open())) else {
        return;
    };
    parts.read_all_by_parts();
    let image = codec.image();
    let bands: Vec<u32> = (0..image.band_count().min(BANDS)).collect();
    for level in 0..image.levels.len().min(LEVELS) as u32 {
        let (width, height) = image.levels[level as usize];
        let grid = image.grid(level);
        let samples = width.saturating_mul(height);
        let blocks = grid.rows().saturating_mul(grid.cols());
        if samples.saturating_mul(bands.len() as u64) > MOST_SAMPLES || blocks > MOST_BLOCKS {
            continue;
        }
        let of_codec: Vec<(Rect, Tile)> = (0..grid.rows())
            .flat_map(|row| (0..grid.cols()).map(move |col| Block::new(level, row, col)))
            .filter_map(|at| {
                let rect = at.rect(image);
                let read = |into: &mut PixelsMut<'_>| codec.read_block(at, &bands, into);
                Some((rect, judged(pixels(image, &rect, bands.len(), read))?))
            })
            .collect();
        for rect in windows(width, height) {
            compare(&parts, level, &rect, &bands, &of_codec, data.len());
        }
    }
}

/// Windows of a level, none of which is all of it: its middle, corners, and edges.
fn windows(width: u64, height: u64) -> Vec<Rect> {
    let (across, down) = (width.div_ceil(3), height.div_ceil(3));
    let all = [
        Rect::new(width / 3, height / 3, across, down),
        Rect::new(0, 0, across, height - height / 5),
        Rect::new(width / 2, 0, width - width / 2, 1),
        Rect::new(width - 1, height - 1, 1, 1),
    ];
    let is_part = |rect: &Rect| !rect.is_empty() && (rect.width, rect.height) != (width, height);
    all.into_iter().filter(is_part).collect()
}

fn pixels(
    image: &Image,
    rect: &Rect,
    bands: usize,
    read: impl FnOnce(&mut PixelsMut<'_>) -> Result<()>,
) -> Result<Tile> {
    let shape = Shape {
        width: rect.width as usize,
        height: rect.height as usize,
        bands,
    };
    let layout = Layout::packed(shape, image.dtype)?;
    let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout);
    read(&mut canvas.pixels_mut())?;
    Ok(Tile::from_canvas(canvas))
}

/// Reads a window by its code-blocks, and looks whether it has the samples of the blocks.
fn compare(
    parts: &Jp2Decoder,
    level: u32,
    rect: &Rect,
    bands: &[u32],
    blocks: &[(Rect, Tile)],
    file_len: usize,
) {
    let image = parts.image();
    let size = image.dtype.size();
    let read = |into: &mut PixelsMut<'_>| parts.read_window(level, *rect, bands, into);
    let (window, peak) = peak_of(|| pixels(image, rect, bands.len(), read));
    check_peak(
        peak,
        rect.width * rect.height * (size * bands.len()) as u64,
        file_len,
    );
    let Some(window) = judged(window) else {
        return;
    };
    for (block, tile) in blocks {
        let part = block.intersection(rect);
        if part.is_empty() {
            continue;
        }
        for band in 0..bands.len() {
            for y in part.y..part.bottom() {
                let row = |of: &Rect, tile: &Tile| {
                    let start = (part.x - of.x) as usize * size;
                    let len = part.width as usize * size;
                    tile.row(band, (y - of.y) as usize)[start..start + len].to_vec()
                };
                assert!(
                    row(rect, &window) == row(block, tile),
                    "level {level}, {rect}: row {y} of band {band} differs from {block}"
                );
            }
        }
    }
}
