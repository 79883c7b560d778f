//! Retiling against a naive reading pixel by pixel, over random images and grids.

#[path = "support/scale.rs"]
mod scale;
mod support;

use proptest::prelude::*;
use scale::scaled;
use std::sync::Arc;
use support::{Behaviour, sample, source};
use tilecache::cache::{Cache, Options};
use tilecache::dtype::{DType, Sample};
use tilecache::image::{Bands, Block, Image};
use tilecache::operator::{RetileOptions, cached, level, retiled};
use tilecache::provider::{Provider, get_block, has_block};
use tilecache::tile::Tile;

#[derive(Clone, Debug)]
struct Case {
    size: (u64, u64),
    block: (u64, u64),
    tile: (u64, u64),
    levels: u32,
    floor_levels: bool,
    bands: u32,
    dtype: DType,
    pad_edges: bool,
    together: bool,
    absent: Vec<(u64, u64)>,
    budget: Option<u64>,
    cached: bool,
    selection: Vec<u32>,
    order: Vec<u64>,
}

fn cases() -> impl Strategy<Value = Case> {
    let side = || 1..70u64;
    let shape = ((side(), side()), (side(), side()), (side(), side()));
    let image = (1..4u32, any::<bool>(), 1..5u32, 0..DType::ALL.len());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let absent = prop::collection::vec((0..8u64, 0..8u64), 0..6);
    let cache = prop::option::of(prop::sample::select(vec![0u64, 2_000, 40_000, 1 << 20]));
    let selection = prop::collection::vec(0..4u32, 0..4);
    let order = prop::collection::vec(any::<u64>(), 1..40);
    (shape, image, flags, absent, cache, selection, order).prop_map(
        |(shape, image, flags, absent, budget, selection, order)| Case {
            size: shape.0,
            block: shape.1,
            tile: shape.2,
            levels: image.0,
            floor_levels: image.1,
            bands: image.2,
            dtype: DType::ALL[image.3],
            pad_edges: flags.0,
            together: flags.1,
            cached: flags.2,
            absent,
            budget,
            selection: selection
                .into_iter()
                .filter(|band| *band < image.2)
                .collect(),
            order,
        },
    )
}

fn describe(case: &Case) -> Image {
    let mut image = Image::new(case.size.0, case.size.1, case.bands, case.dtype);
    image.block = case.block;
    image.levels = (0..case.levels)
        .map(|level| {
            let halve = |n: u64| match case.floor_levels {
                true => (n >> level).max(1),
                false => n.div_ceil(1 << level),
            };
            (halve(case.size.0), halve(case.size.1))
        })
        .collect();
    image.pad = Sample::from_f64(case.dtype, 111.0);
    image.sparse = !case.absent.is_empty();
    image.bands_together = case.together;
    image
}

/// The pixel that the tile must have there: the source's, or pad where there is none.
fn expected(case: &Case, image: &Image, at: (u32, u64, u64, u32)) -> Sample {
    let (level, x, y, band) = at;
    let (width, height) = image.levels[level as usize];
    if x >= width || y >= height {
        return image.pad;
    }
    let (rows, cols) = image
        .grid(level)
        .blocks_over(&tilecache::geometry::Rect::new(x, y, 1, 1));
    match case.absent.contains(&(rows.start, cols.start)) {
        true => image.pad,
        false => sample(image.dtype, level, x, y, band),
    }
}

fn check(case: &Case, image: &Image, view: &Image, at: Block, bands: &[u32], tile: &Tile) {
    let rect = at.rect(view);
    let (width, height) = view.block_size(at);
    assert_eq!(
        (tile.shape().width, tile.shape().height),
        (width as usize, height as usize)
    );
    assert_eq!(tile.valid(), (rect.width as usize, rect.height as usize));
    assert_eq!(tile.shape().bands, bands.len());
    let layout = tile.layout();
    assert_eq!(layout.row_stride % case.dtype.size(), 0);
    assert_eq!(layout.band_stride % layout.row_stride, 0);
    for (index, band) in bands.iter().enumerate() {
        for y in 0..height {
            let row = tile.row(index, y as usize);
            for x in 0..width {
                let size = case.dtype.size();
                let got = &row[x as usize * size..][..size];
                let inside = x < rect.width && y < rect.height;
                let want = match inside {
                    true => expected(case, image, (at.level, rect.x + x, rect.y + y, *band)),
                    false => image.pad,
                };
                assert_eq!(
                    got,
                    want.bytes(case.dtype),
                    "{at:?} x {x} y {y} band {band}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: scaled(300), failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_tile_has_the_pixels_of_the_source(case in cases()) {
        let image = describe(&case);
        let behaviour = Arc::new(Behaviour {
            absent: case.absent.iter().map(|(row, col)| Block::new(0, *row, *col)).collect(),
            ..Behaviour::default()
        });
        let cache = case.budget.map(|budget| Cache::new(budget, Options::default()).unwrap());
        let mut below: Arc<dyn Provider> = source(image.clone(), behaviour);
        if let (Some(cache), true) = (&cache, case.cached) {
            below = cached(below, cache).unwrap();
        }
        let options = RetileOptions { tile: case.tile, pad_edges: case.pad_edges };
        let view = retiled(below, &options, cache.as_ref()).unwrap();
        let grid = view.image().grid(0);
        let all: Vec<u32> = (0..case.bands).collect();
        let mut held = Vec::new();
        for (step, number) in case.order.iter().enumerate() {
            let level = (number % u64::from(case.levels)) as u32;
            let at = Block::new(level, number / 7 % grid.rows(), number / 131 % grid.cols());
            let list = match step % 3 == 0 && !case.selection.is_empty() {
                true => &case.selection,
                false => &all,
            };
            let bands = Bands::of(list, case.bands);
            if at.rect(view.image()).is_empty() {
                prop_assert!(get_block(&*view, at, &bands).is_err());
                continue;
            }
            let tile = get_block(&*view, at, &bands).unwrap();
            check(&case, &image, view.image(), at, list, &tile);
            prop_assert_eq!(tile.is_absent(), !has_block(&*view, at).unwrap());
            if step % 4 == 0 {
                held.push((at, list.clone(), tile));
            }
            if let Some(cache) = &cache {
                let now = cache.statistics();
                prop_assert!(now.idle + now.held + now.reusable <= now.budget, "{:?}", now);
                prop_assert_eq!(now.in_flight, 0);
            }
        }
        for (at, list, tile) in &held {
            check(&case, &image, view.image(), *at, list, tile);
        }
        drop(held);
        if let Some(cache) = &cache {
            let now = cache.statistics();
            prop_assert_eq!((now.held, now.over_budget, now.in_flight), (0, 0, 0));
        }
    }

    #[test]
    fn a_level_is_an_image_of_its_own(case in cases()) {
        let image = describe(&case);
        let behaviour = Arc::new(Behaviour {
            absent: case.absent.iter().map(|(row, col)| Block::new(0, *row, *col)).collect(),
            ..Behaviour::default()
        });
        let top = case.levels - 1;
        let of_level = level(source(image.clone(), behaviour), top).unwrap();
        let options = RetileOptions { tile: case.tile, pad_edges: false };
        let view = retiled(of_level, &options, None).unwrap();
        prop_assert_eq!(view.image().levels[0], image.levels[top as usize]);
        prop_assert_eq!(view.image().block, case.tile);
        let grid = view.image().grid(0);
        let all: Vec<u32> = (0..case.bands).collect();
        for row in 0..grid.rows() {
            for col in 0..grid.cols() {
                let tile = get_block(&*view, Block::new(0, row, col), &Bands::ALL).unwrap();
                let rect = grid.rect(row, col);
                for (index, band) in all.iter().enumerate() {
                    for y in 0..rect.height {
                        for x in 0..rect.width {
                            let size = case.dtype.size();
                            let got = &tile.row(index, y as usize)[x as usize * size..][..size];
                            let want = expected(&case, &image, (top, rect.x + x, rect.y + y, *band));
                            prop_assert_eq!(got, want.bytes(case.dtype));
                        }
                    }
                }
            }
        }
    }
}
