//! How pixels that are stored as they are, in strips of any height, come into tiles: by slices of the processor's
//! measure, in one read each. And a window over many tiles of one block, which is decoded at once.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use support::value;
use tilecache::cache::{Cache, Options};
use tilecache::dtype::{DType, Sample};
use tilecache::error::Result;
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block, Image, SharedWork};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Canvas, PixelsMut, Target};
use tilecache::operator::{RetileOptions, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::report::advice;
use tilecache::source::{Decoder, Source};
use tilecache::tile::Tile;
use tilecache::window::read_window;

const SIZE: (u64, u64) = (2048, 256);
const BANDS: u32 = 3;
/// A row of the image: so many are a slice of at most 512 KiB that divides tiles of 128 rows.
const SLICE_ROWS: u64 = 64;

/// How often a source was asked.
#[derive(Default)]
struct Counts {
    blocks: AtomicU64,
    windows: AtomicU64,
}

impl Counts {
    fn taken(&self) -> (u64, u64) {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        (take(&self.blocks), take(&self.windows))
    }
}

/// Pixels that follow from their place; every block of a row in `absent` is not stored.
struct Rows {
    image: Image,
    counts: Arc<Counts>,
    absent: Option<u64>,
}

impl Rows {
    fn draw(rect: Rect, bands: &[u32], into: &mut PixelsMut<'_>) {
        for (to, band) in bands.iter().enumerate() {
            for y in 0..rect.height {
                let row = into.row_mut(to, y as usize);
                let pixels = row.iter_mut().zip(rect.x..);
                pixels.for_each(|(to, x)| *to = value(0, x, rect.y + y, *band) as u8);
            }
        }
    }
}

impl Decoder for Rows {
    fn has_block(&self, at: Block) -> Result<bool> {
        Ok(self.absent != Some(at.row))
    }

    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.counts.blocks.fetch_add(1, Ordering::Relaxed);
        Self::draw(at.rect(&self.image), bands, into);
        Ok(())
    }

    fn read_window(
        &self,
        _level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.counts.windows.fetch_add(1, Ordering::Relaxed);
        Self::draw(rect, bands, into);
        Ok(())
    }
}

/// An image in blocks of full rows, `rows` of them, stored as they are.
fn strips(rows: u64) -> Image {
    let mut image = Image::new(SIZE.0, SIZE.1, BANDS, DType::U8);
    image.block = (SIZE.0, rows);
    (image.windowed, image.plain) = (true, true);
    image
}

struct View {
    counts: Arc<Counts>,
    cache: Cache,
    source: Arc<dyn Provider>,
    tiles: Arc<dyn Provider>,
}

fn view(image: Image, tile: (u64, u64), absent: Option<u64>) -> View {
    let cache = Cache::new(64 << 20, Options::default()).expect("a cache");
    view_in(cache, image, tile, absent)
}

fn view_in(cache: Cache, image: Image, tile: (u64, u64), absent: Option<u64>) -> View {
    let counts = Arc::new(Counts::default());
    let decoder = Rows {
        image: image.clone(),
        counts: counts.clone(),
        absent,
    };
    let source = Source::provider(None, image, Box::new(decoder)).expect("a source");
    let options = RetileOptions {
        tile,
        pad_edges: false,
    };
    View {
        counts,
        tiles: retiled(source.clone(), &options, Some(&cache)).expect("tiles"),
        cache,
        source,
    }
}

impl View {
    /// Compares each sample of all tiles with what `expected` says of it.
    fn check(&self, expected: impl Fn(u64, u64, u32) -> u8) {
        let image = self.tiles.image();
        let grid = image.grid(0);
        for (row, col) in
            (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col)))
        {
            let at = Block::new(0, row, col);
            let rect = at.rect(image);
            let tile = get_block(&*self.tiles, at, &Bands::ALL).expect("a tile");
            for band in 0..BANDS {
                for y in 0..rect.height {
                    let got = tile.row(band as usize, y as usize).iter().zip(rect.x..);
                    let y = rect.y + y;
                    let wrong = got.clone().find(|(got, x)| **got != expected(*x, y, band));
                    assert!(wrong.is_none(), "row {y} of band {band}: {wrong:?}");
                }
            }
        }
    }
}

fn stored(x: u64, y: u64, band: u32) -> u8 {
    value(0, x, y, band) as u8
}

#[test]
fn strips_of_any_height_are_read_in_slices() {
    for rows in [1, 7, 32, 100] {
        let view = view(strips(rows), (512, 128), None);
        view.check(stored);
        assert_eq!(
            view.counts.taken(),
            (0, SIZE.1 / SLICE_ROWS),
            "strips of {rows}"
        );
        view.check(stored);
        assert_eq!(view.counts.taken(), (0, 0), "tiles that are there");
    }
}

#[test]
fn strips_that_are_slices_already_and_compressed_ones_are_read_as_blocks() {
    let slices = view(strips(SLICE_ROWS), (512, 128), None);
    slices.check(stored);
    assert_eq!(slices.counts.taken(), (SIZE.1 / SLICE_ROWS, 0));
    let mut image = strips(8);
    (image.windowed, image.plain) = (false, false);
    let compressed = view(image, (512, 128), None);
    compressed.check(stored);
    assert_eq!(compressed.counts.taken(), (SIZE.1 / 8, 0));
}

#[test]
fn a_slice_over_strips_that_are_left_out_has_pad_there() {
    let mut image = strips(4);
    image.sparse = true;
    image.pad = Sample::from_f64(DType::U8, 200.0);
    let view = view(image, (512, 128), Some(9));
    view.check(|x, y, band| match y / 4 {
        9 => 200,
        _ => stored(x, y, band),
    });
}

#[test]
fn what_is_put_into_a_strip_shows_in_tiles() {
    let view = view(strips(1), (512, 128), None);
    let shape = Shape {
        width: SIZE.0 as usize,
        height: 1,
        bands: BANDS as usize,
    };
    let layout = Layout::packed(shape, DType::U8).expect("a layout");
    let memory = tilecache::memory::Memory::zeroed(layout.span()).expect("memory");
    let put = Tile::from_canvas(Canvas::new(memory, layout));
    let at = Block::new(0, 130, 0);
    let key = view.source.key();
    view.cache
        .put(key, at, &Bands::ALL, (*put).clone())
        .expect("put");
    view.check(|x, y, band| if y == 130 { 0 } else { stored(x, y, band) });
}

#[test]
fn threads_that_want_tiles_of_a_row_read_a_slice_once() {
    let view = view(strips(1), (128, 128), None);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| view.check(stored));
        }
    });
    assert_eq!(view.counts.taken(), (0, SIZE.1 / SLICE_ROWS));
}

#[test]
fn a_window_over_many_tiles_of_a_block_decodes_it_at_once() {
    let mut image = Image::new(SIZE.0, SIZE.1, BANDS, DType::U8);
    (image.windowed, image.shared_work) = (true, SharedWork::Repeated);
    let view = view(image, (64, 64), None);
    let read = |x: i64, y: i64, width: usize, height: usize| {
        let shape = Shape {
            width,
            height,
            bands: 1,
        };
        let mut pixels = vec![0u8; width * height];
        let strides = [1, width as isize, pixels.len() as isize];
        // SAFETY: the memory has just these rows, and outlives the call.
        let target = unsafe { Target::new(pixels.as_mut_ptr(), strides, shape, DType::U8) };
        read_window(&view.tiles, x, y, 0, &[Some(1)], target).expect("a window");
        let place = |i: usize| (x as u64 + (i % width) as u64, y as u64 + (i / width) as u64);
        let is_right = |(i, got): (usize, &u8)| *got == stored(place(i).0, place(i).1, 1);
        assert!(pixels.iter().enumerate().all(is_right), "other pixels");
    };
    // One tile alone is read as a window; a part of many tiles shows that the whole block is worth it.
    read(5, 5, 40, 40);
    assert_eq!(view.counts.taken(), (0, 1));
    read(0, 0, 1024, 256);
    assert_eq!(view.counts.taken(), (1, 0));
}

#[test]
fn advice_counts_slices_as_the_blocks_that_they_are() {
    for rows in [1, 3, 7] {
        let observed = |budget| {
            let options = Options {
                observe: true,
                ..Options::default()
            };
            let view = view_in(
                Cache::new(budget, options).expect("a cache"),
                strips(rows),
                (64, 64),
                None,
            );
            for (col, row) in (0..32).flat_map(|col| (0..4).map(move |row| (col, row))) {
                get_block(&*view.tiles, Block::new(0, row, col), &Bands::ALL).expect("a tile");
            }
            let decoded = view.source.counters().decoded_millionths as f64 / 1e6;
            let said = advice(&view.cache).expect("it is observed");
            (decoded / SIZE.1.div_ceil(rows) as f64, said)
        };
        let (counted, said) = observed(600 << 10);
        let [of_source] = &said.sources[..] else {
            panic!("{} sources", said.sources.len());
        };
        println!(
            "strips of {rows}: {counted:.2} counted, {:.2} said, {:?}",
            of_source.each, of_source.budget
        );
        assert!(counted > 1.5, "{rows}: nothing is read again");
        assert!(
            (of_source.each - counted).abs() < 0.1 * counted,
            "{rows}: {}",
            of_source.each
        );
        let (budget, _) = of_source.budget.expect("a budget that ends it");
        let (counted, _) = observed(budget);
        println!("strips of {rows}: {counted:.2} counted within {budget}");
        assert!(counted < 1.1, "{rows}: {counted} as advised");
    }
}
