//! The ways to read an image, each compared with the whole of it byte by byte.

use super::random::Random;
use std::sync::Arc;
use tilecache::cache::{Cache, Options};
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block, Image};
use tilecache::layout::Shape;
use tilecache::memory::Target;
use tilecache::operator::{RetileOptions, cached, level, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::window::read_window;

/// Sides of tiles, none of which fits the blocks of all files.
const TILES: [(u64, u64); 4] = [(37, 53), (64, 64), (256, 100), (1000, 1000)];

/// Of a larger image fewer blocks and windows are read.
const LARGE: u64 = 1 << 20;

/// All pixels of an image.
pub struct Whole {
    name: String,
    size: usize,
    levels: Vec<((u64, u64), Vec<u8>)>,
}

impl Whole {
    /// The pixels of each level, band by band without gaps.
    pub fn new(name: &str, image: &Image, pixels: Vec<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            size: image.dtype.size(),
            levels: image.levels.iter().copied().zip(pixels).collect(),
        }
    }

    fn row(&self, level: u32, band: u32, rect: &Rect, y: u64) -> &[u8] {
        let ((width, height), pixels) = &self.levels[level as usize];
        let start = (u64::from(band) * height + rect.y + y) * width + rect.x;
        &pixels[start as usize * self.size..][..rect.width as usize * self.size]
    }

    fn bytes(&self) -> u64 {
        self.levels[0].1.len() as u64
    }

    fn is_large(&self) -> bool {
        let (width, height) = self.levels[0].0;
        width * height > LARGE
    }
}

/// A view of an image, and how it came about.
struct View<'a> {
    what: String,
    provider: Arc<dyn Provider>,
    whole: &'a Whole,
    /// The level of the image that is level 0 of the view.
    from: u32,
}

/// Some bands of a window, band by band without gaps.
pub fn window(provider: &Arc<dyn Provider>, level: u32, rect: Rect, bands: &[u32]) -> Vec<u8> {
    let dtype = provider.image().dtype;
    let size = dtype.size();
    let (width, height) = (rect.width as usize, rect.height as usize);
    let shape = Shape {
        width,
        height,
        bands: bands.len(),
    };
    let mut pixels = vec![0xa5; width * height * bands.len() * size];
    let strides = [size, width * size, width * height * size].map(|stride| stride as isize);
    // SAFETY: the strides pack the shape into the memory, which lives on and is nobody else's.
    let target = unsafe { Target::new(pixels.as_mut_ptr(), strides, shape, dtype) };
    let chosen: Vec<Option<u32>> = bands.iter().copied().map(Some).collect();
    let (x, y) = (rect.x as i64, rect.y as i64);
    let read = read_window(provider, x, y, level, &chosen, target);
    read.unwrap_or_else(|error| panic!("{} {rect:?} of level {level}: {error}", provider.key()));
    pixels
}

impl View<'_> {
    /// All bands, or some in any order.
    fn bands(&self, random: &mut Random) -> Vec<u32> {
        let mut bands: Vec<u32> = (0..self.provider.image().band_count()).collect();
        if random.below(2) == 0 {
            random.shuffle(&mut bands);
            bands.truncate(1 + random.below(bands.len() as u64) as usize);
        }
        bands
    }

    /// Reads blocks of all levels in random order, some of them twice.
    fn blocks(&self, random: &mut Random) {
        let image = self.provider.image();
        let levels = 0..image.levels.len() as u32;
        let mut cells: Vec<(Block, Rect)> = levels
            .flat_map(|level| {
                let grid = image.grid(level);
                let (rows, cols) = (grid.rows(), grid.cols());
                let cells = (0..rows).flat_map(move |row| (0..cols).map(move |col| (row, col)));
                cells.map(move |(row, col)| (Block::new(level, row, col), grid.rect(row, col)))
            })
            .filter(|(_, rect)| !rect.is_empty())
            .collect();
        random.shuffle(&mut cells);
        cells.truncate(if self.whole.is_large() { 12 } else { 120 });
        let again = cells.len() / 4;
        cells.extend_from_within(..again);
        let count = image.band_count();
        for (at, rect) in cells {
            let list = self.bands(random);
            let tile = get_block(&*self.provider, at, &Bands::of(&list, count));
            let tile = tile.unwrap_or_else(|error| panic!("{}, {at:?}: {error}", self.what));
            for (band, of_image) in list.iter().enumerate() {
                for y in 0..rect.height {
                    let expected = self.whole.row(self.from + at.level, *of_image, &rect, y);
                    let got = &tile.row(band, y as usize)[..expected.len()];
                    assert!(
                        got == expected,
                        "{}: {at:?}, bands {list:?}, row {y}",
                        self.what
                    );
                }
            }
        }
    }

    /// Reads random windows of all levels.
    fn windows(&self, random: &mut Random) {
        let levels = self.provider.image().levels.clone();
        for _ in 0..if self.whole.is_large() { 3 } else { 16 } {
            let level = random.below(levels.len() as u64) as u32;
            let (width, height) = levels[level as usize];
            let most = |side: u64| {
                if self.whole.is_large() {
                    side.min(300)
                } else {
                    side
                }
            };
            let (x, y) = (random.below(width), random.below(height));
            let across = 1 + random.below(most(width - x));
            let down = 1 + random.below(most(height - y));
            let rect = Rect::new(x, y, across, down);
            let list = self.bands(random);
            let got = window(&self.provider, level, rect, &list);
            let mut rows = got.chunks_exact(across as usize * self.whole.size);
            for band in &list {
                for y in 0..down {
                    let expected = self.whole.row(self.from + level, *band, &rect, y);
                    assert!(
                        rows.next() == Some(expected),
                        "{}: {rect:?} of level {level}, bands {list:?}, row {y}",
                        self.what
                    );
                }
            }
        }
    }
}

/// Reads an image in every way.
pub fn all(source: &Arc<dyn Provider>, whole: &Whole, random: &mut Random) {
    for from in 0..whole.levels.len() as u32 {
        let image = level(source.clone(), from).expect("a level");
        let view = |how: &str, provider: Arc<dyn Provider>| View {
            what: format!("{}, from level {from}, {how}", whole.name),
            provider,
            whole,
            from,
        };
        let plain = view("as it is", image.clone());
        plain.windows(random);
        plain.blocks(random);
        let tight = whole.bytes() / 5 + (20 << 10);
        let budgets = [Some(tight), None, Some(1 << 30)];
        for budget in &budgets[..if whole.is_large() { 1 } else { 3 }] {
            let cache = budget.map(|bytes| Cache::new(bytes, Options::default()).expect("a cache"));
            let keeps = random.below(2) == 0;
            let below = match &cache {
                Some(cache) if keeps => cached(image.clone(), cache).expect("a cached layer"),
                _ => image.clone(),
            };
            let options = RetileOptions {
                tile: random.of_all(&TILES),
                pad_edges: random.below(2) == 0,
            };
            let tiles = retiled(below, &options, cache.as_ref()).expect("tiles");
            let blocks = if keeps { "cached" } else { "not cached" };
            let how = format!(
                "tiles {:?}, budget {budget:?}, blocks {blocks}",
                options.tile
            );
            let retiled = view(&how, tiles);
            if random.below(2) == 0 {
                retiled.windows(random);
            }
            retiled.blocks(random);
            retiled.windows(random);
            if cache.is_some() && from == 0 && !whole.is_large() {
                std::thread::scope(|scope| {
                    for thread in 0..3 {
                        let retiled = &retiled;
                        let mut random = Random::of(&format!("{how} {thread}"));
                        scope.spawn(move || {
                            retiled.windows(&mut random);
                            retiled.blocks(&mut random);
                        });
                    }
                });
            }
        }
    }
}
