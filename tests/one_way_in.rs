//! Every request looks at the cache first: what a caller has put, or what is resident, is what blocks,
//! windows, levels, retiled and mapped tiles show, whatever the source can do, and it is counted.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use support::{Behaviour, value};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block, Image, SharedWork};
use tilecache::layout::{Layout, Shape};
use tilecache::memory::{Buffer, Canvas, Memory, PixelsMut, Target};
use tilecache::operator::{
    Map, MapOptions, RetileOptions, cached, level, mapped, pyramid, retiled,
};
use tilecache::provider::{Provider, get_block};
use tilecache::source::memory::MemorySource;
use tilecache::source::{Decoder, Source};
use tilecache::tile::{Pixels, Tile};
use tilecache::window::read_window;

const SIZE: (u64, u64) = (128, 96);
const BLOCK: (u64, u64) = (64, 48);
const BANDS: u32 = 3;

/// A source that can read parts of its blocks.
struct Windowed {
    image: Image,
    /// The level that it shows, for images of one level.
    level: u32,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    blocks: AtomicU64,
    windows: AtomicU64,
}

impl Windowed {
    fn draw(&self, level: u32, rect: Rect, bands: &[u32], into: &mut PixelsMut<'_>) {
        for (to, band) in bands.iter().enumerate() {
            for y in 0..rect.height {
                for (x, out) in into.row_mut(to, y as usize).iter_mut().enumerate() {
                    let (x, y) = (rect.x + x as u64, rect.y + y);
                    *out = value(self.level + level, x, y, *band) as u8;
                }
            }
        }
    }
}

impl Decoder for Windowed {
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        self.counts.blocks.fetch_add(1, Ordering::SeqCst);
        self.draw(at.level, at.rect(&self.image), bands, into);
        Ok(())
    }

    fn read_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &[u32],
        into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        self.counts.windows.fetch_add(1, Ordering::SeqCst);
        self.draw(level, rect, bands, into);
        Ok(())
    }
}

fn windowed(image: Image, counts: &Arc<Counts>) -> Arc<dyn Provider> {
    let decoder = Windowed {
        image: image.clone(),
        level: 0,
        counts: counts.clone(),
    };
    Source::provider(None, image, Box::new(decoder)).unwrap()
}

/// An image of two levels, each with a grid of its own, and keys like those of a file.
fn with_overview() -> Arc<dyn Provider> {
    let levels = [0u32, 1].map(|level| {
        let mut image = image((SIZE.0 >> level, SIZE.1 >> level));
        image.windowed = true;
        image.block = (BLOCK.0 / (1 + u64::from(level)), 16);
        let decoder = Windowed {
            image: image.clone(),
            level,
            counts: Arc::default(),
        };
        let key = ["apart:image:0", "apart:image:0:overview:1"][level as usize];
        Source::with_key(key.into(), image, Box::new(decoder)).unwrap()
    });
    pyramid(levels.into(), None).unwrap()
}

fn image(size: (u64, u64)) -> Image {
    support::image(size, BLOCK, BANDS)
}

/// An array of the same pixels.
fn memory() -> Arc<dyn Provider> {
    let shape = Shape {
        width: SIZE.0 as usize,
        height: SIZE.1 as usize,
        bands: BANDS as usize,
    };
    let pixels = draw(shape, |x, y, band| value(0, x, y, band) as u8);
    let mut image = image(SIZE);
    image.block = BLOCK;
    MemorySource::provider(None, image, pixels).unwrap()
}

fn draw(shape: Shape, value: impl Fn(u64, u64, u32) -> u8) -> Pixels {
    let layout = Layout::packed(shape, DType::U8).unwrap();
    let mut canvas = Canvas::new(Memory::zeroed(layout.span()).unwrap(), layout);
    let mut pixels = canvas.pixels_mut();
    for band in 0..shape.bands {
        for y in 0..shape.height {
            for (x, out) in pixels.row_mut(band, y).iter_mut().enumerate() {
                *out = value(x as u64, y as u64, band as u32);
            }
        }
    }
    let (buffer, layout): (Buffer, Layout) = canvas.freeze();
    Pixels::new(Arc::new(buffer), layout)
}

/// Every kind of source: with two levels where it can have some, on one grid or on grids of their own.
fn sources() -> Vec<(&'static str, Arc<dyn Provider>)> {
    let two_levels = |mut image: Image| {
        image.levels.push((SIZE.0 / 2, SIZE.1 / 2));
        image
    };
    let can_read_parts = |shared: SharedWork| {
        let mut image = two_levels(image(SIZE));
        (image.windowed, image.shared_work) = (true, shared);
        windowed(image, &Arc::default())
    };
    let mut sparse = two_levels(image(SIZE));
    sparse.sparse = true;
    let absent = Behaviour {
        absent: [Block::new(0, 0, 1)].into(),
        ..Behaviour::default()
    };
    vec![
        (
            "blocks",
            support::source(two_levels(image(SIZE)), Arc::default()),
        ),
        ("sparse", support::source(sparse, Arc::new(absent))),
        ("windows", can_read_parts(SharedWork::None)),
        (
            "windows that share work",
            can_read_parts(SharedWork::Repeated),
        ),
        ("memory", memory()),
        ("levels apart", with_overview()),
    ]
}

struct Identity;

impl Map for Identity {
    fn map(&self, _: Block, input: &Pixels, output: &mut PixelsMut<'_>) -> Result<()> {
        input.copy_to(output);
        Ok(())
    }
}

/// Everything that can be built over a source in a cache; without `blocks` it is not cached itself.
fn stacks(
    source: &Arc<dyn Provider>,
    cache: &Cache,
    blocks: bool,
) -> Vec<(String, u32, Arc<dyn Provider>)> {
    let below = match blocks {
        true => cached(source.clone(), cache).unwrap(),
        false => source.clone(),
    };
    let mut all: Vec<(String, u32, Arc<dyn Provider>)> = Vec::new();
    let tile = |from: &Arc<dyn Provider>, side: (u64, u64), pad_edges: bool| {
        let options = RetileOptions {
            tile: side,
            pad_edges,
        };
        retiled(from.clone(), &options, Some(cache)).unwrap()
    };
    for side in [(16, 16), (64, 48), (40, 40), (128, 96)] {
        all.push((format!("tiles of {side:?}"), 0, tile(&below, side, false)));
    }
    if blocks {
        let name = |name: &str| MapOptions {
            name: Some(name.into()),
            ..MapOptions::default()
        };
        let kept = mapped(
            below.clone(),
            &name("kept"),
            Arc::new(Identity),
            Some(cache),
        )
        .unwrap();
        let bare = mapped(below.clone(), &name("bare"), Arc::new(Identity), None).unwrap();
        all.push(("tiles over a map".into(), 0, tile(&bare, (40, 40), false)));
        all.push(("map, kept".into(), 0, kept));
        all.push(("map".into(), 0, bare));
        if source.image().levels.len() > 1 {
            let first = level(below.clone(), 1).unwrap();
            all.push(("tiles of a level".into(), 1, tile(&first, (24, 24), false)));
            all.push(("level".into(), 1, first));
        }
        let padded = tile(&below, (40, 40), true);
        all.push((
            "tiles over padded tiles".into(),
            0,
            tile(&padded, (24, 24), false),
        ));
        all.push(("cached".into(), 0, below));
    }
    all
}

/// A rectangle at its level, and the bands with their values.
type Put = (u32, Rect, Vec<(u32, u8)>);

/// What a pixel must be: what was put where something was, else what the source has.
struct Expected<'a> {
    source: &'a Arc<dyn Provider>,
    put: Option<Put>,
}

impl Expected<'_> {
    fn at(&self, level: u32, x: u64, y: u64, band: u32) -> u8 {
        if let Some((of_level, rect, bands)) = &self.put
            && *of_level == level
            && rect.contains(&Rect::new(x, y, 1, 1))
            && let Some((_, value)) = bands.iter().find(|(other, _)| *other == band)
        {
            return *value;
        }
        let image = self.source.image();
        let (row, col) = (y / (BLOCK.1 >> level), x / (BLOCK.0 >> level));
        let stored = !image.sparse || self.source.has_block(Block::new(0, row, col)).unwrap();
        match stored {
            true => value(level, x, y, band) as u8,
            false => 0,
        }
    }
}

fn check(name: &str, first: u32, provider: &Arc<dyn Provider>, expected: &Expected<'_>) {
    let image = provider.image();
    let selections = [
        Bands::ALL,
        Bands::of(&[1], BANDS),
        Bands::of(&[2, 0], BANDS),
    ];
    for at_level in 0..image.levels.len() as u32 {
        let grid = image.grid(at_level);
        let whole = Rect::new(
            0,
            0,
            image.levels[at_level as usize].0,
            image.levels[at_level as usize].1,
        );
        for (row, col) in grid.cells_over(&whole) {
            let rect = grid.rect(row, col);
            for bands in &selections {
                let tile: Tile =
                    get_block(&**provider, Block::new(at_level, row, col), bands).unwrap();
                for (to, band) in bands.to_vec(BANDS).iter().enumerate() {
                    for y in 0..rect.height {
                        for x in 0..rect.width {
                            assert_eq!(
                                tile.row(to, y as usize)[x as usize],
                                expected.at(first + at_level, rect.x + x, rect.y + y, *band),
                                "{name}, {bands:?}: block ({row}, {col}) of level {at_level}, \
                                 band {band} at ({x}, {y})"
                            );
                        }
                    }
                }
            }
        }
        for (x, y, width, height) in [(0, 0, 8, 8), (60, 44, 8, 8), (70, 3, 9, 7), (5, 5, 40, 30)] {
            let bands = [Some(2), Some(1)];
            let mut window = vec![0; (width * height * 2) as usize];
            let strides = [1, width as isize, (width * height) as isize];
            let shape = Shape {
                width: width as usize,
                height: height as usize,
                bands: 2,
            };
            // SAFETY: the memory of the window outlives the call, and has its size.
            let target = unsafe { Target::new(window.as_mut_ptr(), strides, shape, DType::U8) };
            read_window(provider, x, y, at_level, &bands, target).unwrap();
            for (index, got) in window.iter().enumerate() {
                let index = index as i64;
                let (column, line) = (x + index % width, y + index / width % height);
                let band = bands[(index / (width * height)) as usize].unwrap();
                let (column, line) = (column as u64, line as u64);
                let inside = whole.contains(&Rect::new(column, line, 1, 1));
                let right = match inside {
                    true => expected.at(first + at_level, column, line, band),
                    false => 0,
                };
                assert_eq!(
                    *got, right,
                    "{name}: window of level {at_level}, band {band} at ({column}, {line})"
                );
            }
        }
    }
}

fn cache() -> Cache {
    Cache::new(4 << 20, Options::default()).unwrap()
}

/// Puts a tile of one value for each band into a cell of a key.
fn put(cache: &Cache, key: &str, at: Block, rect: &Rect, bands: &[(u32, u8)]) -> Result<()> {
    let shape = Shape {
        width: rect.width as usize,
        height: rect.height as usize,
        bands: bands.len(),
    };
    let pixels = draw(shape, |_, _, band| bands[band as usize].1);
    let list: Vec<u32> = bands.iter().map(|(band, _)| *band).collect();
    cache.put(key, at, &Bands::of(&list, BANDS), pixels)
}

#[test]
fn what_was_put_is_what_everything_shows() {
    let all = [(0, 200), (1, 201), (2, 202)];
    for (name, source) in sources() {
        for (blocks, warm, bands) in [
            (true, false, &all[..]),
            (true, true, &all[..]),
            (true, true, &all[1..2]),
            (true, false, &all[1..]),
            (false, false, &all[..]),
            (false, true, &all[..]),
            (false, false, &all[1..2]),
        ] {
            let cache = cache();
            let old = stacks(&source, &cache, blocks);
            let mut expected = Expected {
                source: &source,
                put: None,
            };
            if warm {
                for (stack, first, provider) in &old {
                    check(
                        &format!("{name}, {stack}, before"),
                        *first,
                        provider,
                        &expected,
                    );
                }
            }
            let at = Block::new(0, 0, 1);
            let rect = at.rect(source.image());
            put(&cache, source.key(), at, &rect, bands).unwrap();
            expected.put = Some((0, rect, bands.to_vec()));
            for (stack, first, provider) in old.iter().chain(&stacks(&source, &cache, blocks)) {
                let what = format!("{name}, {stack}, {bands:?} put, blocks {blocks}, warm {warm}");
                check(&what, *first, provider, &expected);
            }
        }
    }
}

#[test]
fn what_was_put_into_a_level_is_what_everything_shows() {
    let bands = [(0, 200), (1, 201), (2, 202)];
    for (name, source) in sources() {
        if source.image().levels.len() == 1 {
            continue;
        }
        let cache = cache();
        let stacks = stacks(&source, &cache, true);
        let nothing_put = Expected {
            source: &source,
            put: None,
        };
        for (stack, first, provider) in &stacks {
            check(
                &format!("{name}, {stack}, before"),
                *first,
                provider,
                &nothing_put,
            );
        }
        // A level with a grid of its own is kept under a key of its own.
        let of_level = source.level_image(1);
        let (key, at, image) = match &of_level {
            Some(level) => (level.key(), Block::new(0, 1, 1), level.image()),
            None => (source.key(), Block::new(1, 0, 1), source.image()),
        };
        let rect = at.rect(image);
        put(&cache, key, at, &rect, &bands).unwrap();
        if of_level.is_some() {
            let at = Block::new(1, 0, 1);
            let rect = at.rect(source.image());
            let kept = stacks.iter().find(|(stack, ..)| stack == "map, kept");
            for key in [source.key(), kept.unwrap().2.key()] {
                let refused = put(&cache, key, at, &rect, &bands).unwrap_err();
                assert!(refused.to_string().contains("key of its own"), "{refused}");
            }
        }
        let expected = Expected {
            source: &source,
            put: Some((1, rect, bands.to_vec())),
        };
        for (stack, first, provider) in &stacks {
            check(
                &format!("{name}, {stack}, level put"),
                *first,
                provider,
                &expected,
            );
        }
    }
}

#[test]
fn a_later_put_of_some_bands_leaves_the_others_as_they_were_put() {
    let (_, source) = sources().remove(0);
    let cache = cache();
    let below = cached(source.clone(), &cache).unwrap();
    let at = Block::new(0, 0, 0);
    let rect = at.rect(source.image());
    put(&cache, source.key(), at, &rect, &[(0, 200), (1, 201)]).unwrap();
    put(&cache, source.key(), at, &rect, &[(1, 211), (2, 212)]).unwrap();
    let expected = Expected {
        source: &source,
        put: Some((0, rect, vec![(0, 200), (1, 211), (2, 212)])),
    };
    check("two puts", 0, &below, &expected);
}

/// A window of one value for each band.
fn read(provider: &Arc<dyn Provider>, x: i64, y: i64, side: usize) {
    let mut window = vec![0u8; side * side];
    let shape = Shape {
        width: side,
        height: side,
        bands: 1,
    };
    let strides = [1, side as isize, (side * side) as isize];
    // SAFETY: the memory of the window outlives the call, and has its size.
    let target = unsafe { Target::new(window.as_mut_ptr(), strides, shape, DType::U8) };
    read_window(provider, x, y, 0, &[Some(0)], target).unwrap();
    assert_eq!(f64::from(window[0]), value(0, x as u64, y as u64, 0));
}

#[test]
fn a_window_of_opaque_alpha_alone_reads_nothing() {
    let counts = Arc::new(Counts::default());
    let source = windowed(image(SIZE), &counts);
    for provider in [cached(source.clone(), &cache()).unwrap(), source] {
        let mut window = [0u8; 16];
        let shape = Shape {
            width: 4,
            height: 4,
            bands: 1,
        };
        // SAFETY: the memory of the window outlives the call, and has its size.
        let target = unsafe { Target::new(window.as_mut_ptr(), [1, 4, 16], shape, DType::U8) };
        read_window(&provider, 8, 8, 0, &[None], target).unwrap();
        assert_eq!(window, [255; 16]);
    }
    assert_eq!(counts.blocks.load(Ordering::SeqCst), 0);
}

#[test]
fn windows_of_a_resident_block_are_cut_out_of_it_and_counted() {
    let counts = Arc::new(Counts::default());
    let mut image = image(SIZE);
    image.windowed = true;
    let cache = cache();
    let below = cached(windowed(image, &counts), &cache).unwrap();
    let tiles = RetileOptions {
        tile: (16, 16),
        pad_edges: false,
    };
    let tiles = retiled(below.clone(), &tiles, Some(&cache)).unwrap();
    get_block(&*below, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    let before = below.counters();
    for i in 0..20 {
        read(&below, i % 48, i % 32, 16);
    }
    get_block(&*tiles, Block::new(0, 1, 1), &Bands::ALL).unwrap();
    let now = below.counters();
    assert_eq!((now.hits, now.misses), (before.hits + 21, before.misses));
    assert_eq!(counts.windows.load(Ordering::SeqCst), 0);
    assert_eq!(counts.blocks.load(Ordering::SeqCst), 1);
    // Part in the resident block, part in the one beside it: only that part is read.
    read(&below, 56, 8, 16);
    assert_eq!(counts.windows.load(Ordering::SeqCst), 1);
    assert_eq!(counts.blocks.load(Ordering::SeqCst), 1);
}

#[test]
fn windows_count_as_their_share_until_the_block_is_worth_keeping() {
    // Windows that share work are given up at a twentieth of their block, others at the whole of it.
    for (shared, side, most) in [(SharedWork::None, 16, 12), (SharedWork::Repeated, 4, 9)] {
        let counts = Arc::new(Counts::default());
        let mut image = image(SIZE);
        (image.windowed, image.shared_work) = (true, shared);
        let cache = cache();
        let below = cached(windowed(image, &counts), &cache).unwrap();
        for i in 0..most {
            read(&below, 0, 0, side);
            let now = below.counters();
            assert_eq!((now.misses, now.loads, now.hits), (i + 1, i + 1, 0));
        }
        assert_eq!(counts.windows.load(Ordering::SeqCst), most);
        let share = (side * side) as f64 / (BLOCK.0 * BLOCK.1) as f64;
        let ratio = below.counters().amplification();
        assert!((ratio - share * most as f64).abs() < 1e-4, "{ratio}");
        for _ in 0..20 {
            read(&below, 0, 0, side);
        }
        assert_eq!(counts.windows.load(Ordering::SeqCst), most);
        assert_eq!(counts.blocks.load(Ordering::SeqCst), 1);
        assert_eq!(below.counters().hits, 19);
    }
}

#[test]
fn what_a_load_puts_beside_its_block_outdates_nothing() {
    /// A source that hands over the block beside the one that it was asked for.
    struct Generous(Image, Cache, std::sync::Mutex<String>);
    impl Decoder for Generous {
        fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
            let beside = Block::new(0, at.row, at.col ^ 1);
            let values: Vec<_> = (0..BANDS).map(|band| (band, 7)).collect();
            let key = self.2.lock().unwrap().clone();
            put(&self.1, &key, beside, &beside.rect(&self.0), &values)?;
            for band in 0..bands.len() {
                for y in 0..into.layout().shape.height {
                    into.row_mut(band, y).fill(7);
                }
            }
            Ok(())
        }
    }
    let cache = cache();
    let decoder = Arc::new(Generous(image(SIZE), cache.clone(), Default::default()));
    struct Shared(Arc<Generous>);
    impl Decoder for Shared {
        fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
            self.0.read_block(at, bands, into)
        }
    }
    let source = Source::provider(None, image(SIZE), Box::new(Shared(decoder.clone()))).unwrap();
    *decoder.2.lock().unwrap() = source.key().into();
    let options = RetileOptions {
        tile: (128, 96),
        pad_edges: false,
    };
    let tiles = retiled(source, &options, Some(&cache)).unwrap();
    for _ in 0..3 {
        get_block(&*tiles, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    }
    assert_eq!(tiles.counters().hits, 2);
}

#[test]
fn a_put_outdates_what_gone_providers_have_left() {
    let counts = Arc::default();
    let mut image = Image::new(SIZE.0, SIZE.1, 1, DType::U8);
    image.block = BLOCK;
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let decoder = Windowed {
        image: image.clone(),
        level: 0,
        counts,
    };
    let source = Source::provider(Some("left"), image, Box::new(decoder)).unwrap();
    let below = cached(source, &cache).unwrap();
    let options = RetileOptions {
        tile: (40, 40),
        pad_edges: false,
    };
    let tiles = retiled(below.clone(), &options, Some(&cache)).unwrap();
    // The one entry of its key, over the first of several cells that the put outdates.
    get_block(&*tiles, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    drop(tiles);
    let at = Block::new(0, 0, 0);
    let old = get_block(&*below, at, &Bands::ALL).unwrap();
    let pixels = old.pixels().clone();
    cache.put(below.key(), at, &Bands::ALL, pixels).unwrap();
    let key = format!("{}:retiled:40x40", below.key());
    assert!(cache.peek(&key, at, &Bands::ALL).unwrap().is_none());
}

#[test]
fn windows_of_one_level_do_not_count_for_blocks_of_another() {
    let counts: Vec<Arc<Counts>> = (0..2).map(|_| Arc::default()).collect();
    let of_level = |level: u32| {
        let side = 256 >> level;
        let mut image = Image::new(side, side, 1, DType::U8);
        (image.windowed, image.shared_work) = (true, SharedWork::Repeated);
        let decoder = Windowed {
            image: image.clone(),
            level,
            counts: counts[level as usize].clone(),
        };
        Source::provider(None, image, Box::new(decoder)).unwrap()
    };
    let both = pyramid(vec![of_level(0), of_level(1)], None).unwrap();
    let options = RetileOptions {
        tile: (16, 16),
        pad_edges: false,
    };
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let tiles = retiled(both, &options, Some(&cache)).unwrap();
    // Not enough of the block of level 0, but more than enough of that of level 1.
    for col in 0..12 {
        get_block(&*tiles, Block::new(0, 0, col), &Bands::ALL).unwrap();
    }
    get_block(&*tiles, Block::new(1, 0, 0), &Bands::ALL).unwrap();
    let read =
        |counts: &Counts| [&counts.windows, &counts.blocks].map(|n| n.load(Ordering::SeqCst));
    assert_eq!(
        counts.iter().map(|counts| read(counts)).collect::<Vec<_>>(),
        [[12, 0], [1, 0]]
    );
}
