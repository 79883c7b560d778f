//! Windows of blocks that are stored as they are, what is read of the file for them, and when a block is read as a whole.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use tilecache::bytes::Bytes;
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::error::{Error, Result};
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::layout::Shape;
use tilecache::memory::Target;
use tilecache::operator::{RetileOptions, cached, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::Source;
use tilecache::source::tiff::TiffFile;
use tilecache::window::read_window;

const BANDS: u64 = 3;

/// Strips as `gdal_translate` writes them with `BLOCKYSIZE=16`.
const STRIPS: Stored = Stored {
    size: (8192, 256),
    block: (8192, 16),
};

/// An interleaved image of bytes, in strips or tiles that follow each other.
#[derive(Clone, Copy)]
struct Stored {
    size: (u64, u64),
    block: (u64, u64),
}

impl Stored {
    fn cols(&self) -> u64 {
        self.size.0.div_ceil(self.block.0)
    }

    fn blocks(&self) -> u64 {
        self.cols() * self.size.1.div_ceil(self.block.1)
    }

    fn block_bytes(&self) -> u64 {
        self.block.0 * self.block.1 * BANDS
    }

    /// The directory of the file with what it links to, after which the blocks come.
    fn head(&self) -> Vec<u8> {
        const TAGS: u32 = 10;
        let bits_at = 8 + 2 + 12 * TAGS + 4;
        let count = self.blocks() as u32;
        let (offsets_at, lengths_at) = (bits_at + 8, bits_at + 8 + 4 * count);
        let pixels_at = u64::from(lengths_at + 4 * count);
        let offsets = (0..self.blocks()).map(|block| pixels_at + block * self.block_bytes());
        let offsets: Vec<u32> = offsets.map(|at| u32::try_from(at).unwrap()).collect();
        let lengths = vec![self.block_bytes() as u32; count as usize];
        let link = |numbers: &[u32], at: u32| match numbers {
            [only] => *only,
            _ => at,
        };
        let (offset, length) = (link(&offsets, offsets_at), link(&lengths, lengths_at));
        let (width, height) = (self.size.0 as u32, self.size.1 as u32);
        let (columns, rows) = (self.block.0 as u32, self.block.1 as u32);
        let mut tags = vec![
            (256, 1, width),
            (257, 1, height),
            (258, BANDS as u32, bits_at),
            (259, 1, 1),
            (262, 1, 2),
            (277, 1, BANDS as u32),
        ];
        match columns == width {
            true => tags.extend([
                (273, count, offset),
                (278, 1, rows),
                (279, count, length),
                (284, 1, 1),
            ]),
            false => tags.extend([
                (322, 1, columns),
                (323, 1, rows),
                (324, count, offset),
                (325, count, length),
            ]),
        }
        tags.sort_unstable();
        assert_eq!(tags.len(), TAGS as usize);
        let mut head = b"II\x2a\0\x08\0\0\0".to_vec();
        head.extend((tags.len() as u16).to_le_bytes());
        for (tag, count, value) in tags {
            let kind: u16 = if tag == 258 { 3 } else { 4 };
            head.extend(u16::to_le_bytes(tag));
            head.extend(kind.to_le_bytes());
            head.extend(u32::to_le_bytes(count));
            head.extend(u32::to_le_bytes(value));
        }
        head.extend([0; 4]);
        head.extend([8, 0, 8, 0, 8, 0, 0, 0]);
        let numbers = offsets.iter().chain(&lengths);
        head.extend(numbers.flat_map(|number| number.to_le_bytes()));
        assert_eq!(head.len() as u64, pixels_at);
        head
    }

    /// Where a sample lies among the blocks.
    fn place(&self, x: u64, y: u64, band: u64) -> u64 {
        let (col, row) = (x / self.block.0, y / self.block.1);
        let block = (row * self.cols() + col) * self.block_bytes();
        block + ((y % self.block.1 * self.block.0 + x % self.block.0) * BANDS) + band
    }
}

/// What a sample is at a place among the blocks.
fn sample(place: u64) -> u8 {
    (place % 251) as u8
}

/// The file, which exists as far as it is read.
struct Laid {
    head: Vec<u8>,
    len: u64,
    read: Arc<AtomicU64>,
    gate: Arc<AtomicU64>,
}

/// A gate before the pixels of a file: open, shut for the next read, with a read that waits at it, open after one that
/// fails.
const OPEN: u64 = 0;
const SHUT: u64 = 1;
const WAITED_AT: u64 = 2;
const FAILS: u64 = 3;

impl Bytes for Laid {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.read.fetch_add(into.len() as u64, Ordering::Relaxed);
        let pixels = self.head.len() as u64;
        if offset >= pixels {
            let gate = &self.gate;
            let (to, from) = (Ordering::AcqRel, Ordering::Acquire);
            if gate.compare_exchange(SHUT, WAITED_AT, to, from).is_ok() {
                while gate.load(Ordering::Acquire) == WAITED_AT {
                    std::thread::yield_now();
                }
            }
            if gate.compare_exchange(FAILS, OPEN, to, from).is_ok() {
                return Err(Error::corrupt("a disk with a scratch"));
            }
        }
        for (to, at) in into.iter_mut().zip(offset..) {
            *to = match self.head.get(at as usize) {
                Some(byte) => *byte,
                None => sample(at - pixels),
            };
        }
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        None
    }
}

/// Such a file, opened, and what is read of it.
struct File {
    stored: Stored,
    source: Arc<dyn Provider>,
    blocks: Arc<dyn Provider>,
    cache: Cache,
    read: Arc<AtomicU64>,
    gate: Arc<AtomicU64>,
}

impl File {
    /// With its blocks in a cache of this budget.
    fn open(stored: Stored, budget: u64) -> Self {
        let head = stored.head();
        let (read, gate) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(OPEN)));
        let bytes = Laid {
            len: head.len() as u64 + stored.blocks() * stored.block_bytes(),
            head,
            read: read.clone(),
            gate: gate.clone(),
        };
        let file = TiffFile::open(Arc::new(bytes)).expect("a TIFF file");
        let decoder = file.image(0).expect("an image").levels.remove(0);
        let image = decoder.image().clone();
        assert_eq!(image.block, stored.block);
        let source = Source::provider(None, image, Box::new(decoder)).expect("a source");
        let cache = Cache::new(budget, Options::default()).expect("a cache");
        let blocks = cached(source.clone(), &cache).expect("blocks");
        // What comes with the first read of all is no pixels.
        let opened = Self {
            stored,
            source,
            blocks,
            cache,
            read,
            gate,
        };
        opened.read.store(0, Ordering::Relaxed);
        opened
    }

    /// Reads a window of one band and looks at every pixel.
    fn read(&self, rect: Rect, band: u32) {
        let shape = Shape {
            width: rect.width as usize,
            height: rect.height as usize,
            bands: 1,
        };
        let mut pixels = vec![0u8; shape.width * shape.height];
        let strides = [1, shape.width as isize, pixels.len() as isize];
        // SAFETY: the memory has just these rows, and outlives the call.
        let target = unsafe { Target::new(pixels.as_mut_ptr(), strides, shape, DType::U8) };
        let (x, y) = (rect.x as i64, rect.y as i64);
        read_window(&self.blocks, x, y, 0, &[Some(band)], target).expect("a window");
        for (row, y) in pixels.chunks_exact(shape.width).zip(rect.y..) {
            let place = |x| self.stored.place(x, y, u64::from(band));
            let wrong = row
                .iter()
                .zip(rect.x..)
                .find(|(got, x)| **got != sample(place(*x)));
            assert!(wrong.is_none(), "row {y} of band {band}: {wrong:?}");
        }
    }

    /// All windows of a size, row by row, of each the bands one by one: as GDAL reads for overviews.
    fn read_all(&self, width: u64, height: u64) {
        let (columns, rows) = self.stored.size;
        for y in (0..rows).step_by(height as usize) {
            for x in (0..columns).step_by(width as usize) {
                let rect = Rect::new(x, y, width.min(columns - x), height.min(rows - y));
                (0..BANDS as u32).for_each(|band| self.read(rect, band));
            }
        }
    }

    fn tiles(&self, tile: u64, below: &Arc<dyn Provider>) -> Arc<dyn Provider> {
        let options = RetileOptions {
            tile: (tile, tile),
            pad_edges: false,
        };
        retiled(below.clone(), &options, Some(&self.cache)).expect("tiles")
    }

    /// Gets a tile and looks at every pixel.
    fn get(&self, tiles: &dyn Provider, at: Block) {
        let rect = at.rect(tiles.image());
        let tile = get_block(tiles, at, &Bands::ALL).expect("a tile");
        for band in 0..BANDS {
            for y in rect.y..rect.bottom() {
                let row = tile.row(band as usize, (y - rect.y) as usize);
                let mut pixels = row.iter().zip(rect.x..);
                let wrong = pixels.find(|(got, x)| **got != sample(self.stored.place(*x, y, band)));
                assert!(wrong.is_none(), "{at}, row {y} of band {band}: {wrong:?}");
            }
        }
    }

    /// How often the image was decoded, parts of blocks added up, of that in whole blocks, and how often it was read.
    fn taken(&self) -> (f64, f64, f64) {
        let counters = self.source.counters();
        let (blocks, all) = (self.stored.blocks() as f64, self.stored.blocks());
        let whole = counters.decodes as f64;
        let decoded = whole + counters.decoded_millionths as f64 / 1e6;
        let read = self.read.load(Ordering::Relaxed) as f64;
        // Tables of the file are read too.
        let tables = self.stored.head().len() as f64 * 2.0;
        let bytes = (all * self.stored.block_bytes()) as f64;
        let read = (read - tables).max(0.0) / bytes;
        (decoded / blocks, whole / blocks, (read * 1e3).round() / 1e3)
    }
}

#[test]
fn windows_side_by_side_in_strips_have_them_decoded_at_the_second() {
    for width in [256, 1000, 1024, 2048] {
        let file = File::open(STRIPS, 16 << 20);
        file.read_all(width, STRIPS.size.1);
        let (decoded, whole, read) = file.taken();
        let first = width as f64 / STRIPS.size.0 as f64;
        println!("windows of {width}: {decoded} decodes, {read} reads of the file");
        assert_eq!(whole, 1.0, "{width}");
        assert!(decoded <= 1.0 + first + 1e-4, "{width}: {decoded}");
        assert!(read <= 1.0 + first + 1e-2, "{width}: {read}");
    }
}

#[test]
fn windows_of_tiles_read_them_once_and_a_half_at_most() {
    let stored = Stored {
        size: (2048, 2048),
        block: (1024, 1024),
    };
    let file = File::open(stored, 64 << 20);
    file.read_all(256, 256);
    let (decoded, whole, read) = file.taken();
    println!("{decoded} decodes, {read} reads of the file");
    assert_eq!(whole, 1.0);
    assert!(decoded <= 1.125 + 1e-4, "{decoded}");
    assert!(read <= 1.5 + 1e-2, "{read}");
}

#[test]
fn rows_that_windows_do_not_share_are_read_once() {
    let stored = Stored {
        size: (4096, 256),
        block: (4096, 64),
    };
    let file = File::open(stored, 16 << 20);
    // All of the rows, a quarter of a strip at a time, of one band.
    for y in (0..256).step_by(16) {
        file.read(Rect::new(0, y, 4096, 16), 1);
    }
    let (decoded, whole, read) = file.taken();
    assert_eq!(whole, 0.0);
    assert!(decoded <= 1.0 + 1e-4, "{decoded}");
    assert!(read <= 1.0 + 1e-2, "{read}");
}

#[test]
fn some_windows_of_a_huge_block_read_nothing_else_of_it() {
    let strip = Stored {
        size: (65536, 5461),
        block: (65536, 5461),
    };
    let tile = Stored {
        size: (16384, 8192),
        block: (8192, 8192),
    };
    for stored in [strip, tile] {
        // There is room for it.
        let file = File::open(stored, 2 << 30);
        for i in 0..12 {
            file.read(Rect::new(1000 + 512 * i, 700, 512, 512), 0);
        }
        let (decoded, whole, read) = file.taken();
        let all = (stored.size.0 * stored.size.1) as f64;
        let asked = (12 * 512 * 512) as f64 / all;
        assert_eq!(whole, 0.0);
        assert!(decoded <= asked + 1e-4, "{decoded}");
        assert!(read <= asked + 1e-2, "{read}");
    }
}

#[test]
fn blocks_that_the_cache_cannot_keep_are_not_decoded_for_windows() {
    let file = File::open(STRIPS, 400 << 10);
    file.read_all(1024, STRIPS.size.1);
    let (decoded, whole, _) = file.taken();
    assert_eq!(whole, 0.0);
    assert!((decoded - BANDS as f64).abs() < 1e-3, "{decoded}");
}

/// Of strips, all tiles of a row or, where there is no room for those, one of them.
#[test]
fn tiles_of_strips_get_their_part_of_each() {
    let stored = Stored {
        size: (4000, 300),
        block: (4000, 16),
    };
    for budget in [100 << 10, 64 << 20] {
        for tile in [200, 256, 500] {
            let file = File::open(stored, budget);
            let tiles = file.tiles(tile, &file.source);
            let grid = tiles.image().grid(0);
            let rows = (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col)));
            for (row, col) in rows {
                file.get(&*tiles, Block::new(0, row, col));
            }
            let (_, whole, read) = file.taken();
            assert_eq!(whole, 0.0, "{tile}");
            assert!(budget < 1 << 20 || read <= 1.0 + 1e-2, "{tile}: {read}");
        }
    }
}

/// By one thread or by two that take them by turns: after the first of a row all others come with one reading of its strips.
#[test]
fn small_tiles_of_strips_come_row_by_row_once_windows_cost_more() {
    let stored = Stored {
        size: (16384, 256),
        block: (16384, 16),
    };
    for threads in [1, 2] {
        let file = File::open(stored, 64 << 20);
        let tiles = file.tiles(128, &file.source);
        let turns = Barrier::new(threads);
        std::thread::scope(|scope| {
            for own in 0..threads {
                let (file, tiles, turns) = (&file, &tiles, &turns);
                scope.spawn(move || {
                    for at in 0..256 {
                        if at as usize % threads == own {
                            file.get(&**tiles, Block::new(0, at / 128, at % 128));
                        }
                        turns.wait();
                    }
                });
            }
        });
        let (decoded, whole, read) = file.taken();
        assert_eq!(whole, 0.0, "{threads}");
        assert!(
            read <= 1.1 && decoded <= 1.1,
            "{threads}: {read}, {decoded}"
        );
        assert!(tiles.counters().siblings >= 240, "{threads}");
    }

    // A few windows read nothing else, and where there is no room for a row each tile is read by itself.
    for (budget, count) in [(64 << 20, 3), (2 << 20, 128)] {
        let file = File::open(stored, budget);
        let tiles = file.tiles(128, &file.source);
        for at in (0..count).map(|col| Block::new(0, 0, col * 29 % 128)) {
            file.get(&*tiles, at);
        }
        let (_, whole, read) = file.taken();
        assert_eq!(whole, 0.0);
        assert!(
            (read - count as f64 / 256.0).abs() < 1e-2,
            "{count}: {read}"
        );
        assert_eq!(tiles.counters().siblings, 0);
    }
}

/// Its part of the strips is read for it alone. Where the reading fails, it fails for both, and nothing is left of it.
#[test]
fn a_tile_that_comes_while_strips_are_read_for_another_one_gets_its_part() {
    let stored = Stored {
        size: (4096, 256),
        block: (4096, 16),
    };
    let (first, second) = (Block::new(0, 0, 3), Block::new(0, 0, 9));
    for ends in [OPEN, FAILS] {
        let file = File::open(stored, 64 << 20);
        let tiles = file.tiles(256, &file.source);
        // Nobody makes it along with others any more.
        file.get(&*tiles, second);
        file.cache.clear();
        file.gate.store(SHUT, Ordering::Release);
        std::thread::scope(|scope| {
            let get = |at| match get_block(&*tiles, at, &Bands::ALL) {
                Ok(_) => file.get(&*tiles, at),
                Err(error) => assert!(ends == FAILS && error.to_string().contains("scratch")),
            };
            scope.spawn(move || get(first));
            while file.gate.load(Ordering::Acquire) != WAITED_AT {
                std::thread::yield_now();
            }
            scope.spawn(move || get(second));
            while tiles.counters().misses < 3 {
                std::thread::yield_now();
            }
            // Long enough for it to find the strips in flight, as it nearly always does.
            std::thread::sleep(std::time::Duration::from_millis(50));
            file.gate.store(ends, Ordering::Release);
        });
        let (_, whole, _) = file.taken();
        assert_eq!(whole, 0.0);
        assert_eq!(file.cache.statistics().in_flight, 0);
        (0..16).for_each(|col| file.get(&*tiles, Block::new(0, 0, col)));
    }
}

/// Eight blocks of 1024 beside each other, and all tiles of 256 over them, row by row.
fn large_blocks() -> (Stored, Vec<Block>) {
    let stored = Stored {
        size: (8192, 1024),
        block: (1024, 1024),
    };
    let all = (0..4).flat_map(|row| (0..32).map(move |col| Block::new(0, row, col)));
    (stored, all.collect())
}

#[test]
fn small_tiles_of_large_ones_are_read_by_themselves() {
    let (stored, mut order) = large_blocks();
    // In no order.
    order.sort_by_key(|at| (at.row * 32 + at.col).wrapping_mul(29) % 128);
    for is_cached in [false, true] {
        let file = File::open(stored, 64 << 20);
        let below = match is_cached {
            true => &file.blocks,
            false => &file.source,
        };
        let tiles = file.tiles(256, below);
        order.iter().for_each(|at| file.get(&*tiles, *at));
        let (decoded, whole, read) = file.taken();
        assert_eq!(whole, 0.0, "cached: {is_cached}");
        assert!(decoded <= 1.0 + 1e-4, "cached: {is_cached}: {decoded}");
        // Each reads whole rows.
        assert!((read - 4.0).abs() < 1e-2, "cached: {is_cached}: {read}");
    }
}

/// Whatever blocks they are over: each reads the rows of these that it needs, and keeps nothing beside itself.
#[test]
fn tiles_are_read_without_blocks_between() {
    let stored = Stored {
        size: (2048, 1024),
        block: (256, 256),
    };
    for (tile, budget) in [100, 200, 300, 1000, 1024]
        .into_iter()
        .flat_map(|tile| [600 << 10, 64 << 20].map(|budget| (tile, budget)))
    {
        let file = File::open(stored, budget);
        let tiles = file.tiles(tile, &file.source);
        let grid = tiles.image().grid(0);
        let all = (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col)));
        let mut order: Vec<Block> = all.map(|(row, col)| Block::new(0, row, col)).collect();
        order.sort_by_key(|at| (at.row * 31 + at.col).wrapping_mul(29) % 128);
        std::thread::scope(|scope| {
            for own in 0..3 {
                let (file, tiles, order) = (&file, &tiles, &order);
                let own = order.iter().skip(own).step_by(3);
                scope.spawn(move || own.for_each(|at| file.get(&**tiles, *at)));
            }
        });
        let (decoded, whole, read) = file.taken();
        assert_eq!(whole, 0.0, "{tile}");
        assert!((decoded - 1.0).abs() < 1e-3, "{tile}: {decoded}");
        let rows = order.iter().map(|at| {
            let rect = at.rect(tiles.image());
            let over = rect.right().div_ceil(256) - rect.x / 256;
            over * 256 * rect.height
        });
        let wanted = rows.sum::<u64>() as f64 / (stored.size.0 * stored.size.1) as f64;
        assert!((read - wanted).abs() < 1e-2, "{tile}: {read}, {wanted}");
        let counters = tiles.counters();
        assert_eq!(counters.loads, order.len() as u64, "{tile}");
        assert_eq!(counters.siblings, 0, "{tile}");
        let kept = file.cache.statistics().entries;
        assert!(kept <= order.len() as u64, "{tile}: {kept}");
    }
}

/// Threads share the work of such a tile.
#[test]
fn huge_tiles_are_put_together_from_blocks() {
    let stored = Stored {
        size: (5120, 5120),
        block: (1024, 1024),
    };
    let file = File::open(stored, 256 << 20);
    let tiles = file.tiles(5120, &file.source);
    file.get(&*tiles, Block::new(0, 0, 0));
    let (decoded, whole, _) = file.taken();
    assert_eq!((decoded, whole), (1.0, 1.0));
}

#[test]
fn who_goes_along_small_tiles_reads_the_rows_of_large_ones_once() {
    let (stored, order) = large_blocks();
    let file = File::open(stored, 64 << 20);
    let tiles = file.tiles(256, &file.source);
    order.iter().for_each(|at| file.get(&*tiles, *at));
    let (decoded, whole, read) = file.taken();
    assert_eq!(whole, 0.0);
    assert!(decoded <= 1.0 + 1e-4, "{decoded}");
    // Of the first 16 nobody knows yet that more will follow: their rows are read four times.
    assert!(read <= (4.0 * 4.0 + 28.0) / 32.0 + 1e-2, "{read}");

    // Where the tiles beside one would not stay, each is read by itself.
    let file = File::open(stored, 600 << 10);
    let tiles = file.tiles(256, &file.source);
    order.iter().for_each(|at| file.get(&*tiles, *at));
    let (_, _, read) = file.taken();
    assert!((read - 4.0).abs() < 1e-2, "{read}");
}

/// What came along with the first tile of a block would be gone when its column is asked for.
#[test]
fn who_goes_down_columns_of_small_tiles_has_none_made_beside_them() {
    let stored = Stored {
        size: (2048, 8192),
        block: (1024, 1024),
    };
    let file = File::open(stored, 2 << 20);
    let tiles = file.tiles(256, &file.source);
    for (col, row) in (0..8).flat_map(|col| (0..32).map(move |row| (col, row))) {
        file.get(&*tiles, Block::new(0, row, col));
    }
    let (_, _, read) = file.taken();
    assert!((read - 4.0).abs() < 1e-2, "{read}");
    assert_eq!(tiles.counters().siblings, 0);
}

#[test]
fn two_threads_that_take_small_tiles_by_turns_read_rows_of_large_ones_once_each() {
    let (stored, order) = large_blocks();
    let file = File::open(stored, 64 << 20);
    let tiles = file.tiles(256, &file.source);
    let turns = Barrier::new(2);
    std::thread::scope(|scope| {
        for own in 0..2 {
            let (file, tiles, turns, order) = (&file, &tiles, &turns, &order);
            scope.spawn(move || {
                for (turn, at) in order.iter().enumerate() {
                    if turn % 2 == own {
                        file.get(&**tiles, *at);
                    }
                    turns.wait();
                }
            });
        }
    });
    let (_, _, read) = file.taken();
    // The first 16 of each have their rows read four times.
    assert!(read <= (8.0 * 4.0 + 24.0 * 2.0) / 32.0 + 1e-2, "{read}");
    assert!(tiles.counters().siblings > 0);
}

/// Each thread has rows of tiles of its own, or all take the next tile: what they get is right, and little of it is read
/// more often than it would be alone.
#[test]
fn threads_side_by_side_get_the_pixels_of_small_tiles() {
    let (stored, order) = large_blocks();
    // The first 16 of each thread are asked for before anybody knows that more will follow. Where there is little room,
    // tiles that came along with others may go before they are asked for.
    let cases = [
        (4, true, 64 << 20, (16.0 * 4.0 + 16.0) / 32.0),
        (4, false, 64 << 20, 4.0),
        (4, false, 2 << 20, 5.0),
        (3, false, 8 << 20, 4.0),
        (2, false, 64 << 20, 4.0),
        (2, false, 2 << 20, 5.0),
    ];
    for (threads, has_rows, budget, most) in cases {
        let file = File::open(stored, budget);
        let tiles = file.tiles(256, &file.source);
        let next = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for own in 0..threads {
                let (file, tiles, order, next) = (&file, &tiles, &order, &next);
                scope.spawn(move || {
                    if has_rows {
                        let rows = order.iter().filter(|at| at.row % threads == own);
                        return rows.for_each(|at| file.get(&**tiles, *at));
                    }
                    let taken = || next.fetch_add(1, Ordering::Relaxed) as usize;
                    std::iter::from_fn(|| order.get(taken()))
                        .for_each(|at| file.get(&**tiles, *at));
                });
            }
        });
        let (_, whole, read) = file.taken();
        assert_eq!(whole, 0.0);
        assert!(read <= most + 1e-2, "{read}");
    }
}
