//! Any bytes as a file of any format: opened, described, and read by blocks, levels and windows. What
//! cannot be read is an error, within bounds of memory that follow from the length of the file and
//! from what is asked for; what can be read is the same each time.

use super::allocations::peak_of;
use std::sync::Arc;
use tilecache::bytes::{Bytes, MemoryBytes};
use tilecache::error::{Error, Kind, Result};
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block, MAX_BANDS};
use tilecache::provider::{self, Provider, Request};
use tilecache::source::file::{self, Choice};
use tilecache::tile::Tile;

/// What a short file may make the library take when it is opened: bands and levels are described
/// one by one, and a few bytes can claim all that there may be.
pub(super) const OPENING: usize = 48 << 20;

/// A byte of a file may stand for a directory's tag, a text or a table, each with its own overhead.
pub(super) const OPENING_PER_BYTE: usize = 64;

/// What decoding takes beside the pixels: scratch memory that a thread keeps, states of codecs.
const DECODING: usize = 128 << 20;

/// The most bytes of pixels that are asked for at once.
const MOST_PIXELS: u64 = 1 << 20;

/// A file has no end of images and blocks; so many of each are looked at.
const MOST: u64 = 6;

pub fn run(data: &[u8]) {
    let bytes: Arc<dyn Bytes> = Arc::new(MemoryBytes::new(data));
    let allowed = OPENING + OPENING_PER_BYTE * data.len();
    let (count, peak) = peak_of(|| file::image_count_of_bytes(bytes.clone()));
    assert!(peak <= allowed, "{peak} bytes taken to count the images");
    let Some(count) = judged(count) else {
        return;
    };
    if count == 0 {
        return;
    }
    for index in picked(u64::from(count)) {
        // What is made red, green and blue is another image; the rest is the same again.
        for rgb in [false, true] {
            let choice = Choice {
                rgb,
                ..Choice::new(index as u32, Some("fuzzed"))
            };
            let (image, peak) = peak_of(|| file::open_bytes(bytes.clone(), &choice));
            assert!(peak <= allowed, "{peak} bytes taken to open image {index}");
            let Some(image) = judged(image) else {
                continue;
            };
            if rgb && !image.key().contains(":rgb:") {
                continue;
            }
            look_at(&image, data.len());
            if let Some(mask) = image.mask() {
                look_at(&mask, data.len());
            }
            for level in 1..image.image().levels.len() as u32 {
                if let Some(level) = image.level_image(level) {
                    look_at(&level, data.len());
                }
            }
        }
    }
    let beyond = file::open_bytes(bytes, &Choice::new(count, None));
    assert!(beyond.is_err(), "image {count} of {count}");
}

/// A result, where it is one. No error is a defect, and all say something.
pub(super) fn judged<T>(result: Result<T>) -> Option<T> {
    result.inspect_err(sensible).ok()
}

fn sensible(error: &Error) {
    assert_ne!(error.kind(), Kind::Internal, "{error}");
    assert!(!error.message().is_empty());
}

/// The first numbers below an end, one in the middle, and the last.
fn picked(end: u64) -> Vec<u64> {
    let mut picked: Vec<u64> = (0..end.min(MOST)).collect();
    picked.extend([end / 2, end - 1]);
    picked.sort_unstable();
    picked.dedup();
    picked
}

pub(super) fn look_at(provider: &Arc<dyn Provider>, file_len: usize) {
    let image = provider.image();
    image.check().expect("an image that can be");
    assert!(image.bits >= 1 && image.bits as usize <= image.dtype.part().size() * 8);
    for (band, name) in image.metadata.keys() {
        assert!(!name.is_empty());
        assert!(band.is_none_or(|band| band < MAX_BANDS));
    }
    let last = image.band_count() - 1;
    let selections = [Bands::ALL, Bands::of(&[last, 0], image.band_count())];
    for level in picked(image.levels.len() as u64) {
        let level = level as u32;
        let grid = image.grid(level);
        for row in picked(grid.rows()).into_iter().take(3) {
            for col in picked(grid.cols()).into_iter().take(3) {
                let at = Block::new(level, row, col);
                judged(provider::has_block(&**provider, at));
                for bands in &selections {
                    block(provider, at, bands, file_len);
                }
            }
        }
        window(provider, level, file_len);
    }
}

/// What reading so many bytes of pixels may take from the allocator.
pub(super) fn check_peak(peak: usize, pixels: u64, file_len: usize) {
    let allowed = DECODING + 16 * pixels as usize + 8 * file_len;
    assert!(peak <= allowed, "{peak} bytes taken for {pixels} of pixels");
}

fn block(provider: &Arc<dyn Provider>, at: Block, bands: &Bands, file_len: usize) {
    let image = provider.image();
    // A source may have to decode all bands to give some.
    let (width, height) = image.block_size(at);
    let size = (image.dtype.size() * image.bands.len()) as u64;
    let pixels = width.saturating_mul(height).saturating_mul(size);
    if pixels > MOST_PIXELS {
        return;
    }
    let get = || provider::get_block(&**provider, at, bands);
    let (first, peak) = peak_of(get);
    check_peak(peak, pixels, file_len);
    let first = judged(first);
    let again = judged(get());
    assert!(
        same(first.as_ref(), again.as_ref()),
        "block {at:?} reads differently"
    );
    if let Some(tile) = first {
        let shape = tile.pixels().shape();
        assert_eq!(
            (shape.width as u64, shape.height as u64),
            (width, height),
            "block {at:?}"
        );
        assert_eq!(shape.bands, bands.count(image.band_count()));
        assert_eq!(tile.pixels().dtype(), image.dtype);
    }
}

/// A window in the middle of a level, where the source reads windows.
fn window(provider: &Arc<dyn Provider>, level: u32, file_len: usize) {
    let image = provider.image();
    let (width, height) = image.levels[level as usize];
    let rect = Rect::new(width / 3, height / 3, (width - width / 3).min(40), 1)
        .intersection(&Rect::new(0, 0, width, height));
    let pixels = rect.width * (image.dtype.size() * image.bands.len()) as u64;
    if !image.windowed || rect.is_empty() || pixels > MOST_PIXELS {
        return;
    }
    let get = || {
        let request = Request::new();
        provider.get_window(level, rect, &Bands::ALL, &request)
    };
    let (first, peak) = peak_of(get);
    check_peak(peak, pixels, file_len);
    let (first, again) = (judged(first).flatten(), judged(get()).flatten());
    assert!(
        same(first.as_ref(), again.as_ref()),
        "a window at level {level} reads differently"
    );
}

fn same(a: Option<&Tile>, b: Option<&Tile>) -> bool {
    let rows = |tile: &Tile| -> Vec<u8> {
        let shape = tile.pixels().shape();
        let rows = (0..shape.bands).flat_map(|band| (0..shape.height).map(move |y| (band, y)));
        rows.flat_map(|(band, y)| tile.pixels().row(band, y).to_vec())
            .collect()
    };
    a.map(rows) == b.map(rows)
}
