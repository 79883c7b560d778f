//! Who uses the caches: each on a thread of its own, until the end.

use super::super::orders::{Random, hilbert, row_major};
use super::super::setup::window;
use super::super::watch::give_way;
use super::world::{Scene, TILE, World};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tilecache::cache::invalidate;
use tilecache::error::Kind;
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::load::Cancel;
use tilecache::operator::{ReaderOptions, reader};
use tilecache::provider::{Provider, Retention, get_block};
use tilecache::tile::Tile;

type Actor = fn(&World, &mut Random);

const CAST: [(&str, u64, Actor); 12] = [
    ("viewers", 4, viewer),
    ("scans", 1, scan),
    ("streaming scans", 1, streaming_scan),
    ("readers of the huge block", 1, at_random),
    ("the maker of a pyramid", 1, pyramid),
    ("readers of all levels", 3, zoomer),
    ("readers of changing pixels", 3, reader_of_changes),
    ("the writer of changing pixels", 1, writer),
    ("readers of failing blocks", 2, reader_of_failures),
    ("the impatient reader", 1, impatient),
    ("the hoarder", 1, hoarder),
    ("the administrator", 1, administrator),
];

/// Lets everybody act; how many rounds the actors of each kind made together.
pub fn act(world: &World) -> Vec<(&'static str, u64)> {
    std::thread::scope(|scope| {
        let mut number = 0;
        let troupes: Vec<_> = CAST
            .iter()
            .map(|(name, count, actor)| {
                let members: Vec<_> = (0..*count)
                    .map(|_| {
                        number += 1;
                        let mut random = Random::new(world.seed ^ number << 32);
                        scope.spawn(move || {
                            give_way();
                            let mut rounds = 0u64;
                            while world.goes_on() {
                                actor(world, &mut random);
                                rounds += 1;
                            }
                            rounds
                        })
                    })
                    .collect();
                (*name, members)
            })
            .collect();
        let join = |(name, members): (_, Vec<std::thread::ScopedJoinHandle<'_, u64>>)| {
            let rounds = members
                .into_iter()
                .map(|member| member.join().expect("an actor"));
            (name, rounds.sum())
        };
        troupes.into_iter().map(join).collect()
    })
}

/// Pans and zooms; what is on the screen is held until the next picture.
fn viewer(world: &World, random: &mut Random) {
    let mut screen: Vec<Tile> = Vec::new();
    let (mut level, mut x, mut y) = (random.below(5), 0.5, 0.5);
    for _ in 0..64 {
        if !world.goes_on() {
            return;
        }
        match random.below(8) {
            0 => level = (level + 1).min(4),
            1 => level = level.saturating_sub(1),
            _ => (),
        }
        let view = &world.levels[level as usize];
        let grid = view.image().grid(0);
        let drift = 2.0 / grid.cols() as f64;
        x = (x + drift * (random.fraction() - 0.5)).clamp(0.0, 1.0);
        y = (y + drift * (random.fraction() - 0.5)).clamp(0.0, 1.0);
        let (rows, cols) = (grid.rows().min(4), grid.cols().min(6));
        let top = (y * (grid.rows() - rows) as f64) as u64;
        let left = (x * (grid.cols() - cols) as f64) as u64;
        let picture = row_major(rows, cols).into_iter().map(|(row, col)| {
            let at = Block::new(0, top + row, left + col);
            let tile = get_block(&**view, at, &Bands::ALL).expect("a tile");
            let source = &world.pyramid.source;
            source.check(&tile, level as u32, &at.rect(view.image()));
            tile
        });
        screen = picture.collect();
        std::thread::sleep(Duration::from_millis(8));
    }
    drop(screen);
}

/// All tiles of an image in an order, with a pause after each.
fn pass(world: &World, scene: &Scene, view: &dyn Provider, order: Vec<(u64, u64)>, pause: u64) {
    for (row, col) in order {
        if !world.goes_on() {
            return;
        }
        scene.source.read(view, Block::new(0, row, col));
        std::thread::sleep(Duration::from_micros(pause));
    }
}

fn in_rows(view: &dyn Provider) -> Vec<(u64, u64)> {
    let grid = view.image().grid(0);
    row_major(grid.rows(), grid.cols())
}

fn scan(world: &World, _: &mut Random) {
    for scene in [&world.strips, &world.file, &world.memory] {
        pass(world, scene, &*scene.view, in_rows(&*scene.view), 500);
    }
}

/// Reads what nobody reads again, and says so.
fn streaming_scan(world: &World, random: &mut Random) {
    let options = ReaderOptions {
        retention: match random.below(2) {
            0 => Retention::Streamed,
            _ => Retention::Bypassed,
        },
        ..ReaderOptions::default()
    };
    for scene in [&world.file, &world.strips] {
        let view = reader(
            scene.view.clone(),
            options.clone(),
            Arc::<Cancel>::default(),
        );
        pass(world, scene, &*view, in_rows(&*view), 500);
    }
}

fn at_random(world: &World, random: &mut Random) {
    let grid = world.block.view.image().grid(0);
    for _ in 0..16 {
        let at = Block::new(0, random.below(grid.rows()), random.below(grid.cols()));
        world.block.source.read(&*world.block.view, at);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// For each tile of the next level the four below it, as a window.
fn pyramid(world: &World, _: &mut Random) {
    let image = world.pyramid.view.image();
    let side = image.width() / (2 * TILE);
    for (row, col) in hilbert(side, side) {
        if !world.goes_on() {
            return;
        }
        let rect = Rect::new(col * 2 * TILE, row * 2 * TILE, 2 * TILE, 2 * TILE);
        let pixels = window(&world.pyramid.view, 0, &rect);
        let source = &world.pyramid.source;
        let bytes = rect.width as usize * image.dtype.size();
        let rows = (rect.y..).zip(pixels.chunks_exact(bytes));
        let mut right = rows.map(|(y, row)| source.shows_row(row, 0, (rect.x, y), 0, 0));
        source.count_verdict(right.all(|right| right));
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Tiles of all levels under the same numbers, at the same time as others of its kind.
fn zoomer(world: &World, random: &mut Random) {
    let view = &world.zooms[random.below(world.zooms.len() as u64) as usize];
    let image = view.image();
    for _ in 0..16 {
        let grid = image.grid(0);
        let near = world.zoomed_to.fetch_add(1, SeqCst) / 24 + random.below(2);
        let level = random.below(image.levels.len() as u64) as u32;
        let at = Block::new(level, near / grid.cols() % grid.rows(), near % grid.cols());
        world.zoomed.source.read(&**view, at);
    }
    std::thread::sleep(Duration::from_millis(2));
}

/// No tile may be older than the last change before the get; what is held may not change.
fn reader_of_changes(world: &World, random: &mut Random) {
    let source = &world.changing.source;
    let view = match random.below(2) {
        0 => &world.changing.view,
        _ => &world.changing_too,
    };
    let grid = view.image().grid(0);
    let mut held: Option<(Tile, Vec<u8>)> = None;
    for _ in 0..8 {
        let at = Block::new(0, random.below(grid.rows()), random.below(grid.cols()));
        let least = world.oldest.load(SeqCst);
        let tile = get_block(&**view, at, &Bands::ALL).expect("a tile");
        let fresh = source.shows_since(&tile, &at.rect(view.image()), least);
        source.count_verdict(fresh);
        world.counts.stale.fetch_add(u64::from(!fresh), SeqCst);
        if let Some((tile, bytes)) = held {
            world
                .counts
                .torn
                .fetch_add(u64::from(tile.bytes() != bytes), SeqCst);
        }
        let bytes = tile.bytes().to_vec();
        held = Some((tile, bytes));
    }
}

fn writer(world: &World, random: &mut Random) {
    std::thread::sleep(Duration::from_millis(10 + random.below(60)));
    let now = world.changing.source.change();
    invalidate(world.changing.view.key());
    world.oldest.store(now, SeqCst);
}

/// Asks again until the tile comes.
fn reader_of_failures(world: &World, random: &mut Random) {
    let Scene { source, view } = &world.failing;
    let grid = view.image().grid(0);
    let at = Block::new(0, random.below(grid.rows()), random.below(grid.cols()));
    while world.goes_on() {
        // A panic of the source goes through whoever decodes for it.
        match catch_unwind(AssertUnwindSafe(|| get_block(&**view, at, &Bands::ALL))) {
            Ok(Ok(tile)) => {
                source.check(&tile, 0, &at.rect(view.image()));
                return;
            }
            _ => drop(world.counts.failures.fetch_add(1, SeqCst)),
        }
    }
}

/// Reads slow blocks until somebody has enough of it.
fn impatient(world: &World, random: &mut Random) {
    let cancel = Arc::<Cancel>::default();
    *world.cancel.lock().expect("the flag") = cancel.clone();
    let Scene { source, view } = &world.failing;
    let view = reader(view.clone(), ReaderOptions::default(), cancel);
    let grid = view.image().grid(0);
    while world.goes_on() {
        let at = Block::new(0, random.below(grid.rows()), random.below(grid.cols()));
        match catch_unwind(AssertUnwindSafe(|| get_block(&*view, at, &Bands::ALL))) {
            Ok(Ok(tile)) => drop(source.check(&tile, 0, &at.rect(view.image()))),
            Ok(Err(error)) if error.kind() == Kind::Cancelled => {
                world.counts.cancellations.fetch_add(1, SeqCst);
                return;
            }
            _ => (),
        }
    }
}

/// Holds more and more, beyond the budget, and lets go of it all at once.
fn hoarder(world: &World, random: &mut Random) {
    let grid = world.strips.view.image().grid(0);
    let mut hoard = Vec::new();
    let order = hilbert(grid.rows(), grid.cols());
    let start = random.below(order.len() as u64) as usize;
    let count = (world.budget * 5 / 4 / (TILE * TILE)) as usize;
    for (row, col) in order.into_iter().cycle().skip(start).take(count) {
        if !world.goes_on() {
            return;
        }
        hoard.push(
            world
                .strips
                .source
                .read(&*world.strips.view, Block::new(0, row, col)),
        );
        world.rest(0.1 / count as f64);
    }
    world.rest(0.02);
    drop(hoard);
    world.rest(0.06);
}

/// Changes the budget, clears the cache, cancels who waits.
fn administrator(world: &World, _: &mut Random) {
    for part in [1.0, 0.5, 0.75, 0.25, 1.0, 0.125] {
        world.cache.set_budget((world.budget as f64 * part) as u64);
        for _ in 0..10 {
            world.rest(0.005);
            world.cancel.lock().expect("the flag").cancel();
        }
    }
    world.cache.clear();
}
