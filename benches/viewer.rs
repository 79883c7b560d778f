//! What prefetch saves who looks at an image: how long a view takes to come after each step of a walk.
//!
//!     cargo bench --bench viewer -- IMAGE [THINKING_MS]
//!
//! IMAGE is a file that the library reads, of many views, best with levels. A walk of pans, jumps and changes of
//! level, the same in every run, looks at views of 1600 x 1000 pixels through tiles of 256 and a cache of 64 MiB,
//! and thinks for THINKING_MS (200 if not given) at each. With prefetch the surroundings of the view are made
//! meanwhile: half a view on each side, cancelled when the next step comes. Runs with and without alternate, each with
//! a cache of its own; ratios are of their medians.

#[path = "walk/mod.rs"]
mod walk;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tilecache::cache::{Cache, Options};
use tilecache::geometry::Rect;
use tilecache::image::{Bands, Block};
use tilecache::load::Cancel;
use tilecache::operator::{ReaderOptions, RetileOptions, level, reader, retiled};
use tilecache::prefetch::{Tiles, prefetch};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file;

const TILE: u64 = 256;
const BUDGET: u64 = 64 << 20;
const STEPS: usize = 60;
const ROUNDS: usize = 5;

/// What the steps of a walk took, in milliseconds: until the first tile, and until all of the view.
#[derive(Default)]
struct Took {
    first: Vec<f64>,
    all: Vec<f64>,
    decodes: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let (path, thinking) = match &arguments[..] {
        [path] => (path, Some(200)),
        [path, thinking] => (path, thinking.parse().ok()),
        _ => return usage(),
    };
    let Some(thinking) = thinking.map(Duration::from_millis) else {
        return usage();
    };
    let (mut with, mut without) = (Took::default(), Took::default());
    for _ in 0..ROUNDS {
        take_walk(Path::new(path), thinking, false, &mut without);
        take_walk(Path::new(path), thinking, true, &mut with);
    }
    println!("                       without      with     ratio");
    let rows = [
        ("first tile, median", &without.first, &with.first, 50),
        ("first tile, 90 %", &without.first, &with.first, 90),
        ("whole view, median", &without.all, &with.all, 50),
        ("whole view, 90 %", &without.all, &with.all, 90),
    ];
    for (name, without, with, percent) in rows {
        let (without, with) = (at_percent(without, percent), at_percent(with, percent));
        println!(
            "{name:20} {without:7.2} ms {with:7.2} ms {:8.2}",
            with / without
        );
    }
    println!(
        "{:20} {:10} {:10} {:8.2}",
        "decodes",
        without.decodes,
        with.decodes,
        with.decodes as f64 / without.decodes as f64
    );
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: viewer IMAGE [THINKING_MS]");
    ExitCode::FAILURE
}

fn take_walk(path: &Path, thinking: Duration, ahead: bool, took: &mut Took) {
    let cache = Cache::new(BUDGET, Options::default()).expect("a cache");
    let source = file::open(path, 0, None).expect("an image");
    let options = RetileOptions {
        tile: (TILE, TILE),
        pad_edges: false,
    };
    // Tiles of full size at every level.
    let levels: Vec<_> = (0..source.image().levels.len() as u32)
        .map(|number| {
            let image = level(source.clone(), number).expect("a level");
            retiled(image, &options, Some(&cache)).expect("tiles")
        })
        .collect();
    for view in walk::views(&source.image().levels, STEPS) {
        let tiles = &levels[view.level as usize];
        let view = Rect::new(view.x, view.y, view.width, view.height);
        let begin = Instant::now();
        let mut first = None;
        for (row, col) in tiles.image().grid(0).cells_over(&view) {
            get_block(&**tiles, Block::new(0, row, col), &Bands::ALL).expect("a tile");
            first.get_or_insert_with(|| begin.elapsed());
        }
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        took.all.push(milliseconds(begin.elapsed()));
        took.first
            .push(milliseconds(first.expect("a view of an image")));
        let cancel = Arc::new(Cancel::default());
        if ahead {
            look_ahead(tiles, &view, &cancel);
        }
        std::thread::sleep(thinking);
        cancel.cancel();
    }
    took.decodes += levels
        .iter()
        .map(|tiles| tiles.counters().decodes)
        .sum::<u64>();
}

/// Has the surroundings of a view made until `cancel` ends it.
fn look_ahead(tiles: &Arc<dyn Provider>, view: &Rect, cancel: &Arc<Cancel>) {
    let image = tiles.image();
    let (width, height) = image.levels[0];
    let widened = |at: u64, size: u64, all: u64| {
        let (begin, end) = (at.saturating_sub(size / 2), (at + size + size / 2).min(all));
        (begin, end - begin)
    };
    let (x, width) = widened(view.x, view.width, width);
    let (y, height) = widened(view.y, view.height, height);
    let (rows, cols) = image.grid(0).blocks_over(&Rect::new(x, y, width, height));
    let wanted = Tiles {
        level: 0,
        rows,
        cols,
        bands: Bands::ALL,
    };
    let reader = reader(tiles.clone(), ReaderOptions::default(), cancel.clone());
    prefetch(reader, wanted, 0, Box::new(|_, _| ())).expect("a prefetch");
}

fn at_percent(times: &[f64], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[(times.len() - 1) * percent / 100]
}
