//! Retiled views against what GDAL reads from the same files.

#[path = "support/gdal.rs"]
mod gdal;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tilecache::cache::{Cache, Options};
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, cached, level, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file;

/// The sides of virtual tiles.
const TILES: [u64; 2] = [256, 1000];

/// The cache of a view, if it has one: its budget, and whether it also keeps the blocks of the file.
const CACHES: [Option<(u64, bool)>; 5] = [
    None,
    Some((100 << 10, false)),
    Some((100 << 10, true)),
    Some((1 << 30, false)),
    Some((1 << 30, true)),
];

/// A file, and all samples of each level as GDAL reads them, band by band.
struct File {
    name: String,
    source: Arc<dyn Provider>,
    levels: Vec<Vec<u8>>,
}

/// What is read of a file, and how.
#[derive(Clone, Copy, Debug)]
struct Case {
    tile: u64,
    pad_edges: bool,
    cache: Option<(u64, bool)>,
    by_column: bool,
    /// Shows this level as an image of its own, with those above it.
    from: u32,
}

/// Every combination.
fn cases(levels: u32) -> Vec<Case> {
    let mut cases = Vec::new();
    for from in 0..levels {
        for tile in TILES {
            for pad_edges in [false, true] {
                for by_column in [false, true] {
                    for cache in CACHES {
                        cases.push(Case {
                            tile,
                            pad_edges,
                            cache,
                            by_column,
                            from,
                        });
                    }
                }
            }
        }
    }
    cases
}

fn check(file: &File, case: Case) {
    let what = format!("{}, {case:?}", file.name);
    let cache = case
        .cache
        .map(|(budget, _)| Cache::new(budget, Options::default()).expect("a cache"));
    let mut below = level(file.source.clone(), case.from).expect("the level");
    if let (Some(cache), Some((_, true))) = (&cache, case.cache) {
        below = cached(below, cache).expect("a cached layer");
    }
    let options = RetileOptions {
        tile: (case.tile, case.tile),
        pad_edges: case.pad_edges,
    };
    let view = retiled(below, &options, cache.as_ref()).expect("a view");
    let image = view.image();
    assert_eq!(
        image.levels,
        file.source.image().levels[case.from as usize..],
        "{what}"
    );
    for (at_level, expected) in (0..).zip(&file.levels[case.from as usize..]) {
        let grid = image.grid(at_level);
        let (rows, cols) = (grid.rows(), grid.cols());
        let mut seen = 0;
        for number in 0..rows * cols {
            let at = match case.by_column {
                false => Block::new(at_level, number / cols, number % cols),
                true => Block::new(at_level, number % rows, number / rows),
            };
            let rect = at.rect(image);
            seen += rect.width * rect.height;
            if rect.is_empty() {
                assert!(
                    get_block(&*view, at, &Bands::ALL).is_err(),
                    "{what}, {at:?}"
                );
                continue;
            }
            check_tile(&what, &*view, at, expected);
        }
        let (width, height) = image.levels[at_level as usize];
        assert_eq!(seen, width * height, "{what}, level {at_level}");
        if let Some(cache) = &cache {
            let now = cache.statistics();
            let inside = now.idle + now.held + now.reusable;
            assert!(inside <= now.budget, "{what}: {now:?}");
            assert_eq!(
                (now.held, now.over_budget, now.in_flight),
                (0, 0, 0),
                "{what}"
            );
        }
    }
}

fn check_tile(what: &str, view: &dyn Provider, at: Block, expected: &[u8]) {
    let image = view.image();
    let size = image.dtype.size();
    let (width, height) = image.levels[at.level as usize];
    let rect = at.rect(image);
    let (columns, rows) = image.block_size(at);
    let tile = get_block(view, at, &Bands::ALL).unwrap_or_else(|e| panic!("{what}, {at:?}: {e}"));
    let shape = tile.shape();
    assert_eq!(
        (shape.width as u64, shape.height as u64, shape.bands as u32),
        (columns, rows, image.band_count()),
        "{what}, {at:?}"
    );
    let pad = image.pad.bytes(image.dtype).repeat(columns as usize);
    for band in 0..u64::from(image.band_count()) {
        for y in 0..rows {
            let got = tile.row(band as usize, y as usize);
            let (inside, outside) = match y < rect.height {
                true => got.split_at(rect.width as usize * size),
                false => got.split_at(0),
            };
            assert!(
                outside == &pad[..outside.len()],
                "{what}, {at:?}, pad of row {y}"
            );
            let start = ((band * height + rect.y + y) * width + rect.x) as usize * size;
            let expected = expected.get(start..start + inside.len()).unwrap_or(&[]);
            // Rows that are only pad have no place in the file.
            assert!(
                inside.is_empty() || inside == expected,
                "{what}, {at:?}, band {band}, row {y}"
            );
        }
    }
}

/// Checks files on all processors, the `n`th in the cases that `choose` takes for it.
fn check_all(files: &[File], choose: impl Fn(usize, Vec<Case>) -> Vec<Case> + Sync) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = files.get(number) else {
                        break;
                    };
                    let levels = file.levels.len() as u32;
                    for case in choose(number, cases(levels)) {
                        check(file, case);
                    }
                }
            });
        }
    });
}

fn open(path: &Path) -> Arc<dyn Provider> {
    file::open(path, 0, None).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn views_have_the_pixels_of_their_files() {
    let dir = gdal::make("tests/views.py");
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    for line in gdal::manifest(&dir) {
        let [name, raw] = [&line[0], &line[9]];
        let file = files.entry(name.clone()).or_insert_with(|| File {
            name: name.clone(),
            source: open(&dir.join(name)),
            levels: Vec::new(),
        });
        assert_eq!(line[3], file.levels.len().to_string(), "{name}");
        let raw = dir.join(raw);
        file.levels
            .push(std::fs::read(&raw).expect("the expected samples"));
        // All of them are a gigabyte.
        std::fs::remove_file(&raw).expect("a file that was read");
    }
    let files: Vec<File> = files.into_values().collect();
    assert!(files.len() >= 85 && files.iter().all(|file| file.levels.len() == 4));
    // One in nine of the combinations for a file, others for the next; all of them occur.
    check_all(&files, |number, cases| {
        let taken = |index: &usize| (index + number).is_multiple_of(9);
        let indexed = cases.into_iter().enumerate();
        indexed
            .filter(|(index, _)| taken(index))
            .map(|(_, case)| case)
            .collect()
    });
}

/// Files that others wrote, where they lie beside the checkout.
#[test]
fn views_have_the_pixels_of_real_files() {
    let files: Vec<File> = gdal::real_files(&["tif"])
        .into_iter()
        .map(|path| {
            let source = open(&path);
            let levels = 0..source.image().levels.len() as u32;
            File {
                name: path.display().to_string(),
                levels: levels.map(|level| gdal::pixels(&path, level)).collect(),
                source,
            }
        })
        .collect();
    check_all(&files, |_, cases| cases);
}
