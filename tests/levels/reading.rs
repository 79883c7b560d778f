//! Levels as the tests read them.

use super::random::Random;
use super::ways::{Asked, Way};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tilecache::image::{Bands, Block};
use tilecache::operator::{Order, PassOptions, pass};
use tilecache::provider::{Provider, get_block};
use tilecache::tile::Tile;

/// All blocks of a level, in an order of their own, read by some threads, as bytes band by band.
pub fn read(
    provider: &Arc<dyn Provider>,
    level: u32,
    threads: usize,
    random: &mut Random,
) -> Vec<u8> {
    let mut blocks: Vec<Block> = Order::Rows.tiles(provider.image(), level).collect();
    random.shuffle(&mut blocks);
    gather(provider, level, &blocks, &Bands::ALL, threads)
}

/// Some bands of a level, read in a way.
pub fn read_in(
    provider: &Arc<dyn Provider>,
    level: u32,
    way: &Way,
    bands: &Bands,
    random: &mut Random,
) -> Vec<u8> {
    let order = way.asked.order();
    let mut blocks: Vec<Block> = order.clone().tiles(provider.image(), level).collect();
    let reader = match way.asked {
        Asked::Declared => {
            let options = PassOptions {
                level,
                bands: bands.clone(),
                ..PassOptions::default()
            };
            pass(provider.clone(), order, &options, Arc::default()).unwrap()
        }
        Asked::Shuffled => {
            random.shuffle(&mut blocks);
            provider.clone()
        }
        Asked::Rows | Asked::Columns => provider.clone(),
    };
    gather(&reader, level, &blocks, bands, way.threads)
}

fn gather(
    provider: &Arc<dyn Provider>,
    level: u32,
    blocks: &[Block],
    bands: &Bands,
    threads: usize,
) -> Vec<u8> {
    let image = provider.image();
    let (width, height) = image.levels[level as usize];
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = std::iter::from_fn(|| blocks.get(next.fetch_add(1, Ordering::Relaxed)));
        let read = taken.map(|at| (*at, get_block(&**provider, *at, bands).unwrap()));
        read.collect::<Vec<(Block, Tile)>>()
    };
    let tiles: Vec<(Block, Tile)> = match threads {
        1 => work(),
        _ => std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let tiles = threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap());
            tiles.collect()
        }),
    };
    let size = image.dtype.size();
    let count = bands.count(image.band_count()) as usize;
    let mut all = vec![0; (width * height) as usize * count * size];
    for (at, tile) in tiles {
        let rect = at.rect(image);
        assert_eq!(tile.shape().width as u64, rect.width);
        for band in 0..count {
            for y in 0..rect.height {
                let from = tile.row(band, y as usize);
                let row = band as u64 * height + rect.y + y;
                let start = (row * width + rect.x) as usize * size;
                all[start..start + from.len()].copy_from_slice(from);
            }
        }
    }
    all
}
