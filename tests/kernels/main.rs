//! Operators as kernels: a few lines each, and equal to the whole-image result bit by bit at every tile
//! size, level, number of threads and budget.

mod fold;
#[path = "../support/mod.rs"]
mod support;
mod tier;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use support::{Behaviour, value};
use tilecache::cache::{Cache, Options, invalidate};
use tilecache::dtype::DType;
use tilecache::error::Result;
use tilecache::image::{Bands, Block, Image};
use tilecache::memory::PixelsMut;
use tilecache::operator::{
    Area, Border, Input, Inputs, Kernel, RetileOptions, computed, level, retiled,
};
use tilecache::provider::{Provider, get_block};
use tilecache::source::{Decoder, Source};
use tilecache::tile::Tile;

const WIDTH: u64 = 203;
const HEIGHT: u64 = 151;

/// An image of one band of u8 with two levels.
fn image(width: u64, height: u64, block: (u64, u64)) -> Image {
    let mut image = Image::new(width, height, 1, DType::U8);
    image.levels = vec![(width, height), (width.div_ceil(2), height.div_ceil(2))];
    image.block = block;
    image
}

/// Reads all blocks of a level, from several threads, and returns the pixels of the level.
fn read(provider: &Arc<dyn Provider>, level: u32, threads: u64) -> Vec<u8> {
    let (width, height) = provider.image().levels[level as usize];
    let grid = provider.image().grid(level);
    let blocks: Vec<Block> = (0..grid.rows())
        .flat_map(|row| (0..grid.cols()).map(move |col| Block::new(level, row, col)))
        .filter(|at| !at.rect(provider.image()).is_empty())
        .collect();
    let mut all = vec![0; (width * height) as usize];
    let next = AtomicU64::new(0);
    let take = || next.fetch_add(1, Ordering::Relaxed) as usize;
    let work = || {
        let taken = std::iter::from_fn(|| blocks.get(take()));
        taken
            .map(|at| (*at, get_block(&**provider, *at, &Bands::ALL).unwrap()))
            .collect::<Vec<(Block, Tile)>>()
    };
    let tiles = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let all = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        all.collect::<Vec<_>>()
    });
    for (at, tile) in tiles {
        let rect = at.rect(provider.image());
        for y in 0..rect.height {
            let from = &tile.row(0, y as usize)[..rect.width as usize];
            let start = ((rect.y + y) * width + rect.x) as usize;
            all[start..start + from.len()].copy_from_slice(from);
        }
    }
    all
}

/// Compares an operator with a formula for its pixels, in all ways to read it.
fn check(
    operator: impl Fn((u64, u64), Option<&Cache>) -> Arc<dyn Provider>,
    formula: impl Fn(u32, i64, i64) -> u8,
) {
    for block in [(64, 64), (1, 300), (50, 7)] {
        for (budget, tile) in [(None, 40), (Some(3000), 40), (Some(1 << 20), 33)] {
            let cache = budget.map(|budget| Cache::new(budget, Options::default()).unwrap());
            let made = operator(block, cache.as_ref());
            let options = RetileOptions {
                tile: (tile, tile),
                pad_edges: false,
            };
            let tiles = retiled(made.clone(), &options, cache.as_ref()).unwrap();
            for of in 0..made.image().levels.len() as u32 {
                let (width, height) = made.image().levels[of as usize];
                let places =
                    (0..height as i64).flat_map(|y| (0..width as i64).map(move |x| (x, y)));
                let expected: Vec<u8> = places.map(|(x, y)| formula(of, x, y)).collect();
                let alone = level(made.clone(), of).unwrap();
                for (provider, of) in [(&made, of), (&tiles, of), (&alone, 0)] {
                    for threads in [1, 4] {
                        let pixels = read(provider, of, threads);
                        assert!(pixels == expected, "{block:?} {budget:?} {of} {threads}");
                    }
                }
            }
        }
    }
}

/// A box filter of 3 x 3.
struct Box3;

impl Kernel for Box3 {
    fn inputs(&self, at: Block) -> Inputs {
        let rect = at.rect(&image(WIDTH, HEIGHT, (64, 64)));
        let area = Area {
            level: at.level,
            x: rect.x as i64 - 1,
            y: rect.y as i64 - 1,
            width: rect.width + 2,
            height: rect.height + 2,
            border: Border::Mirrored,
        };
        [Input::area(0, Bands::ALL, area)].into_iter().collect()
    }

    fn compute(&self, _at: Block, inputs: &[Tile], output: &mut PixelsMut<'_>) -> Result<()> {
        for y in 0..output.layout().shape.height {
            let rows = [0, 1, 2].map(|dy| inputs[0].row(0, y + dy));
            for (x, out) in output.row_mut(0, y).iter_mut().enumerate() {
                let sums = rows
                    .iter()
                    .map(|row| row[x..x + 3].iter().map(|v| u32::from(*v)).sum::<u32>());
                *out = (sums.sum::<u32>() / 9) as u8;
            }
        }
        Ok(())
    }
}

fn box3(block: (u64, u64), cache: Option<&Cache>) -> Arc<dyn Provider> {
    let source = support::source(image(WIDTH, HEIGHT, block), Arc::default());
    let output = image(WIDTH, HEIGHT, (64, 64));
    computed(vec![source], output, Some("box"), Arc::new(Box3), cache).unwrap()
}

/// A pixel of the source, mirrored beyond its edges.
fn mirrored(level: u32, x: i64, y: i64) -> u32 {
    let within = |at: i64, side: u64| {
        let length = side.div_ceil(1 << level) as i64;
        if at < 0 {
            -1 - at
        } else if at >= length {
            2 * length - 1 - at
        } else {
            at
        }
    };
    value(level, within(x, WIDTH) as u64, within(y, HEIGHT) as u64, 0) as u32
}

#[test]
fn a_box_filter_is_a_kernel_with_a_mirrored_border() {
    check(box3, |level, x, y| {
        let around = (-1..2).flat_map(|dy| (-1..2).map(move |dx| mirrored(level, x + dx, y + dy)));
        (around.sum::<u32>() / 9) as u8
    });
}

/// An image whose pixels all have one value, which changes.
struct Plain(Arc<AtomicU64>);

impl Decoder for Plain {
    fn read_block(&self, _at: Block, _bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let value = self.0.load(Ordering::SeqCst) as u8;
        for y in 0..into.layout().shape.height {
            into.row_mut(0, y).fill(value);
        }
        Ok(())
    }
}

/// The first source minus half the second, which has half its size and only one level.
struct Difference;

impl Kernel for Difference {
    fn inputs(&self, at: Block) -> Inputs {
        let rect = at.rect(&image(WIDTH, HEIGHT, (32, 32)));
        let of_first = Area {
            level: at.level,
            x: rect.x as i64,
            y: rect.y as i64,
            width: rect.width,
            height: rect.height,
            border: Border::Pad,
        };
        let shift = 1 - at.level;
        let of_second = Area {
            level: 0,
            x: rect.x as i64 >> shift,
            y: rect.y as i64 >> shift,
            width: (rect.width >> shift) + 1,
            height: (rect.height >> shift) + 1,
            border: Border::Nearest,
        };
        let areas = [of_first, of_second].into_iter().enumerate();
        areas
            .map(|(source, area)| Input::area(source, Bands::ALL, area))
            .collect()
    }

    fn compute(&self, at: Block, inputs: &[Tile], output: &mut PixelsMut<'_>) -> Result<()> {
        let rect = at.rect(&image(WIDTH, HEIGHT, (32, 32)));
        let shift = 1 - at.level;
        let place =
            |start: u64, offset: usize| ((start + offset as u64) >> shift) - (start >> shift);
        for y in 0..output.layout().shape.height {
            let second = inputs[1].row(0, place(rect.y, y) as usize);
            for (x, out) in output.row_mut(0, y).iter_mut().enumerate() {
                *out = inputs[0].row(0, y)[x].wrapping_sub(second[place(rect.x, x) as usize] / 2);
            }
        }
        Ok(())
    }
}

fn difference(
    second: &Arc<AtomicU64>,
    block: (u64, u64),
    cache: Option<&Cache>,
) -> (Arc<dyn Provider>, String) {
    let first = support::source(image(WIDTH, HEIGHT, block), Arc::default());
    let mut half = image(WIDTH.div_ceil(2), HEIGHT.div_ceil(2), (block.1, block.0));
    half.levels.truncate(1);
    let second = Source::provider(None, half, Box::new(Plain(second.clone()))).unwrap();
    let key = second.key().to_owned();
    let output = image(WIDTH, HEIGHT, (32, 32));
    let sources = vec![first, second];
    let made = computed(
        sources,
        output,
        Some("difference"),
        Arc::new(Difference),
        cache,
    );
    (made.unwrap(), key)
}

#[test]
fn a_kernel_over_two_grids_sees_one_of_them_change() {
    for first in [100, 40] {
        let second = Arc::new(AtomicU64::new(first));
        check(
            |block, cache| difference(&second, block, cache).0,
            |level, x, y| (value(level, x as u64, y as u64, 0) as u8).wrapping_sub(first as u8 / 2),
        );
    }
    let second = Arc::new(AtomicU64::new(0));
    let cache = Cache::new(1 << 20, Options::default()).unwrap();
    let (made, key) = difference(&second, (64, 64), Some(&cache));
    let options = RetileOptions {
        tile: (50, 50),
        pad_edges: false,
    };
    let tiles = retiled(made.clone(), &options, Some(&cache)).unwrap();
    let before = read(&tiles, 0, 2);
    second.store(20, Ordering::SeqCst);
    assert!(read(&tiles, 0, 2) == before, "kept until it is told");
    invalidate(&key);
    let after = read(&tiles, 0, 2);
    let expected: Vec<u8> = before.iter().map(|value| value.wrapping_sub(10)).collect();
    assert!(after == expected && read(&made, 0, 1) == expected);
}

#[test]
fn a_computed_block_is_absent_where_all_that_it_needs_is() {
    let behaviour = Behaviour {
        absent: (0..3)
            .flat_map(|row| [0, 1, 2].map(|col| Block::new(0, row, col)))
            .collect(),
        ..Behaviour::default()
    };
    let mut from = image(WIDTH, HEIGHT, (40, 40));
    from.sparse = true;
    let source = support::source(from, Arc::new(behaviour));
    let mut output = image(WIDTH, HEIGHT, (64, 64));
    output.sparse = true;
    let made = computed(vec![source], output, None, Arc::new(Box3), None).unwrap();
    assert!(!made.has_block(Block::new(0, 0, 0)).unwrap());
    assert!(made.has_block(Block::new(0, 1, 1)).unwrap());
    let tile = get_block(&*made, Block::new(0, 0, 0), &Bands::ALL).unwrap();
    assert!(tile.is_absent());
    assert_eq!(made.counters().decodes, 0);
}

/// Box filters over box filters.
fn stack(depth: usize, cache: &Cache) -> Arc<dyn Provider> {
    (0..depth).fold(box3((64, 64), Some(cache)), |below, step| {
        let output = image(WIDTH, HEIGHT, (64, 64));
        let name = format!("box{step}");
        computed(
            vec![below],
            output,
            Some(&name),
            Arc::new(Box3),
            Some(cache),
        )
        .unwrap()
    })
}

#[test]
fn kernels_over_kernels_end_within_the_cap() {
    let ample = Cache::new(1 << 24, Options::default()).unwrap();
    let expected = read(&stack(3, &ample), 0, 1);
    let options = Options {
        max_in_flight: 16 * 5000,
        ..Options::default()
    };
    let tight = Cache::new(16 * 5000, options).unwrap();
    let top = stack(3, &tight);
    assert!(read(&top, 0, 8) == expected);
    let now = tight.statistics();
    assert_eq!((now.in_flight, now.overdue), (0, 0));
    assert!(
        now.peak <= now.budget + now.in_flight_cap + 8 * 5000,
        "{now:?}"
    );
}

/// The mean of 2 x 2 pixels of an image, which makes the next level.
struct Halve(Image);

impl Kernel for Halve {
    fn inputs(&self, at: Block) -> Inputs {
        let rect = at.rect(&self.0);
        let area = Area {
            level: 0,
            x: 2 * rect.x as i64,
            y: 2 * rect.y as i64,
            width: 2 * rect.width,
            height: 2 * rect.height,
            border: Border::Nearest,
        };
        [Input::area(0, Bands::ALL, area)].into_iter().collect()
    }

    fn compute(&self, _at: Block, inputs: &[Tile], output: &mut PixelsMut<'_>) -> Result<()> {
        for y in 0..output.layout().shape.height {
            let rows = [0, 1].map(|dy| inputs[0].row(0, 2 * y + dy));
            for (x, out) in output.row_mut(0, y).iter_mut().enumerate() {
                let pairs = rows.map(|row| u32::from(row[2 * x]) + u32::from(row[2 * x + 1]));
                *out = (pairs.iter().sum::<u32>() / 4) as u8;
            }
        }
        Ok(())
    }
}

/// Each pixel from at most three pixels away.
struct Warp(Image);

/// By how much a warp displaces a row or a column.
fn displaced(along: u64) -> i64 {
    (along * 5 % 7) as i64 - 3
}

impl Kernel for Warp {
    fn inputs(&self, at: Block) -> Inputs {
        let rect = at.rect(&self.0);
        let area = Area {
            level: 0,
            x: rect.x as i64 - 3,
            y: rect.y as i64 - 3,
            width: rect.width + 6,
            height: rect.height + 6,
            border: Border::Nearest,
        };
        [Input::area(0, Bands::ALL, area)].into_iter().collect()
    }

    fn compute(&self, at: Block, inputs: &[Tile], output: &mut PixelsMut<'_>) -> Result<()> {
        let rect = at.rect(&self.0);
        let place = |offset: usize, by: i64| (offset as i64 + 3 + by) as usize;
        for y in 0..output.layout().shape.height {
            let across = displaced(rect.y + y as u64);
            for (x, out) in output.row_mut(0, y).iter_mut().enumerate() {
                let down = displaced(rect.x + x as u64);
                *out = inputs[0].row(0, place(y, down))[place(x, across)];
            }
        }
        Ok(())
    }
}

/// Rows of pixels.
type Picture = Vec<Vec<u8>>;

/// A picture whose pixels follow from those of another one, where the last stands for all beyond it.
fn drawn(
    (width, height): (u64, u64),
    from: &Picture,
    pixel: impl Fn(&dyn Fn(i64, i64) -> u32, u64, u64) -> u8,
) -> Picture {
    let last = (from[0].len() as i64 - 1, from.len() as i64 - 1);
    let get =
        |x: i64, y: i64| u32::from(from[y.clamp(0, last.1) as usize][x.clamp(0, last.0) as usize]);
    let row = |y| (0..width).map(|x| pixel(&get, x, y)).collect();
    (0..height).map(row).collect()
}

const WARPS: usize = 2;
const LEVELS: usize = 12;

#[test]
fn twelve_levels_over_two_warps_end_within_the_cap() {
    const TILE: u64 = 16;
    let of = |width: u64, height: u64| {
        let mut image = Image::new(width, height, 1, DType::U8);
        image.block = (TILE, TILE);
        image
    };
    // A tile with what is charged for it.
    let tile = TILE * TILE + 256;
    let options = Options {
        max_in_flight: 16 * tile,
        ..Options::default()
    };
    let cache = Cache::new(16 * tile, options).unwrap();
    let (width, height) = (301, 203);
    let mut below = support::source(of(width, height), Arc::default());
    let row = |y| (0..width).map(|x| value(0, x, y, 0) as u8).collect();
    let mut picture: Picture = (0..height).map(row).collect();
    let mut levels = Vec::new();
    for step in 0..WARPS + LEVELS {
        let size @ (width, height) = match step < WARPS {
            true => (width, height),
            false => (
                below.image().levels[0].0.div_ceil(2),
                below.image().levels[0].1.div_ceil(2),
            ),
        };
        let image = of(width, height);
        let kernel: Arc<dyn Kernel> = match step < WARPS {
            true => Arc::new(Warp(image.clone())),
            false => Arc::new(Halve(image.clone())),
        };
        picture = match step < WARPS {
            true => drawn(size, &picture, |get, x, y| {
                get(x as i64 + displaced(y), y as i64 + displaced(x)) as u8
            }),
            false => drawn(size, &picture, |get, x, y| {
                let (x, y) = (2 * x as i64, 2 * y as i64);
                ((get(x, y) + get(x + 1, y) + get(x, y + 1) + get(x + 1, y + 1)) / 4) as u8
            }),
        };
        let name = format!("step{step}");
        below = computed(vec![below], image, Some(&name), kernel, Some(&cache)).unwrap();
        levels.push((below.clone(), picture.concat()));
    }
    for place in [WARPS + LEVELS, WARPS + 5, WARPS + 2] {
        let (provider, expected) = &levels[place - 1];
        assert!(read(provider, 0, 8) == *expected, "step {place}");
    }
    // On one path each step has its block, the pixels of its input, and a block on their way.
    let path = (WARPS + LEVELS + 1) as u64 * (2 * TILE * TILE + (2 * TILE + 64) * 2 * TILE);
    let now = cache.statistics();
    assert_eq!((now.in_flight, now.overdue), (0, 0));
    assert!(now.peak <= now.budget + now.in_flight_cap + path, "{now:?}");
}
