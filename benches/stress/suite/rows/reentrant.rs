//! Row 20: sources that read other sources through the same cache, however small, and one that asks
//! for the tile it is making.

use crate::suite::Run;
use crate::suite::report::{Bytes, Report};
use crate::suite::setup::{KEYS, cache, column, cost, in_threads};
use crate::suite::source::Synthetic;
use std::sync::{Arc, OnceLock, Weak};
use tilecache::cache::Cache;
use tilecache::error::{Kind, Result};
use tilecache::image::{Bands, Block};
use tilecache::memory::PixelsMut;
use tilecache::operator::cached;
use tilecache::provider::{Provider, get_block};
use tilecache::source::{Decoder, Source};
use tilecache::tile::Tile;

const TILES: u64 = 48;
const SIDE: u64 = 64;
const THREADS: u64 = 16;

/// Every byte plus one of the same tile of another provider.
struct Above(Arc<dyn Provider>);

impl Decoder for Above {
    fn read_block(&self, at: Block, _: &[u32], into: &mut PixelsMut<'_>) -> Result<()> {
        let below = get_block(&*self.0, at, &Bands::ALL)?;
        // Its neighbours too, as a filter would.
        let rows = self.0.image().grid(0).rows();
        for row in [at.row.saturating_sub(1), (at.row + 1).min(rows - 1)] {
            get_block(&*self.0, Block::new(0, row, 0), &Bands::ALL)?;
        }
        for y in 0..below.shape().height {
            let to = into.row_mut(0, y).iter_mut();
            to.zip(below.row(0, y))
                .for_each(|(to, from)| *to = from.wrapping_add(1));
        }
        Ok(())
    }
}

/// The provider over `below`, cached.
pub fn above(below: Arc<dyn Provider>, cache: &Cache) -> Arc<dyn Provider> {
    let image = below.image().clone();
    let source = Source::provider(None, image, Box::new(Above(below))).expect("a valid image");
    cached(source, cache).expect("a cached layer")
}

pub fn run(run: &Run, report: &mut Report) {
    for tiles in [4, 2, 1] {
        let a = Synthetic::new(column(TILES, (SIDE, SIDE)), run.seed);
        let cache = cache(tiles * cost(SIDE * SIDE) + KEYS);
        let b = above(
            cached(a.provider(None), &cache).expect("a cached layer"),
            &cache,
        );
        let c = above(b.clone(), &cache);
        let right: u64 = in_threads(THREADS, |thread| {
            let rounds = run.count(20);
            let gets = (0..rounds * TILES).map(|step| {
                let at = Block::new(0, (step * 7 + thread * 5) % TILES, 0);
                let (view, plus) = if step % 2 == 0 { (&c, 2) } else { (&b, 1) };
                let tile = get_block(&**view, at, &Bands::ALL).expect("a tile");
                u64::from(is_raised(&a, &tile, at, plus))
            });
            gets.sum::<u64>()
        })
        .into_iter()
        .sum();
        report.exactly(
            format!("budget of {tiles} tiles: gets with the right pixels"),
            right,
            run.count(20) * TILES * THREADS,
        );
        let now = cache.statistics();
        report.exactly(
            format!("budget of {tiles} tiles: held and in flight in the end"),
            Bytes(now.held + now.over_budget + now.in_flight),
            Bytes(0),
        );
    }
    asks_for_itself(report);
}

/// Whether a tile is that of the source with so much added to every byte.
pub fn is_raised(source: &Synthetic, tile: &Tile, at: Block, plus: u8) -> bool {
    let rect = at.rect(source.image());
    (0..tile.shape().height).all(|y| {
        let row: Vec<u8> = tile
            .row(0, y)
            .iter()
            .map(|byte| byte.wrapping_sub(plus))
            .collect();
        source.shows_row(&row, 0, (rect.x, rect.y + y as u64), 0, 0)
    })
}

/// A source that asks its own provider for the tile it is making.
#[derive(Default)]
struct Itself(OnceLock<Weak<dyn Provider>>);

struct Asking(Arc<Itself>);

impl Decoder for Asking {
    fn read_block(&self, at: Block, _: &[u32], _: &mut PixelsMut<'_>) -> Result<()> {
        let own = self
            .0
            .0
            .get()
            .and_then(Weak::upgrade)
            .expect("the provider");
        get_block(&*own, at, &Bands::ALL).map(drop)
    }
}

fn asks_for_itself(report: &mut Report) {
    let cache = cache(1 << 20);
    let itself = Arc::new(Itself::default());
    let image = column(4, (SIDE, SIDE));
    let source = Source::provider(None, image, Box::new(Asking(itself.clone())));
    let view = cached(source.expect("a valid image"), &cache).expect("a cached layer");
    itself.0.set(Arc::downgrade(&view)).ok();
    let outcomes = in_threads(THREADS, |thread| {
        let at = Block::new(0, thread % 4, 0);
        get_block(&*view, at, &Bands::ALL)
            .err()
            .map(|error| error.kind())
    });
    let reentrant = outcomes
        .iter()
        .filter(|kind| **kind == Some(Kind::Reentrant));
    report.exactly(
        "a tile that needs itself: errors",
        reentrant.count() as u64,
        THREADS,
    );
}
