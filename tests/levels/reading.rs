//! Levels as the tests read them.

use super::random::Random;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tilecache::image::{Bands, Block};
use tilecache::provider::{Provider, get_block};
use tilecache::tile::Tile;

/// All blocks of a level, in an order of their own, read by some threads, as bytes band by band.
pub fn read(
    provider: &Arc<dyn Provider>,
    level: u32,
    threads: usize,
    random: &mut Random,
) -> Vec<u8> {
    let image = provider.image();
    let (width, height) = image.levels[level as usize];
    let grid = image.grid(level);
    let cells = (0..grid.rows()).flat_map(|row| (0..grid.cols()).map(move |col| (row, col)));
    let mut blocks: Vec<Block> = cells
        .map(|(row, col)| Block::new(level, row, col))
        .filter(|at| !at.rect(image).is_empty())
        .collect();
    random.shuffle(&mut blocks);
    let next = AtomicUsize::new(0);
    let work = || {
        let taken = std::iter::from_fn(|| blocks.get(next.fetch_add(1, Ordering::Relaxed)));
        let read = taken.map(|at| (*at, get_block(&**provider, *at, &Bands::ALL).unwrap()));
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
    let mut all = vec![0; (width * height) as usize * image.bands.len() * size];
    for (at, tile) in tiles {
        let rect = at.rect(image);
        assert_eq!(tile.shape().width as u64, rect.width);
        for band in 0..image.bands.len() {
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
