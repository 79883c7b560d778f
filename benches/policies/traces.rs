//! Which tiles are asked for, one after the other.

use super::walk;

/// The tiles of the image, or of the map.
pub const TILES: u32 = 100_000;

/// Requests of a tile server.
const REQUESTS: usize = 1_000_000;

/// Views of a walk, of 35 to 48 tiles each.
const VIEWS: usize = 20_000;

const TILE: u64 = 256;

/// Requests, of which some count.
pub struct Trace {
    pub name: String,
    pub requests: Vec<u32>,
    /// Those before warm the cache.
    counted: std::ops::Range<usize>,
    /// Whether tiles of a sweep do not.
    only_others: bool,
}

impl Trace {
    /// Whether a request counts.
    pub fn counts(&self, at: usize) -> bool {
        self.counted.contains(&at) && !(self.only_others && self.requests[at] >= TILES)
    }
}

/// A tile server: the tile of rank r is asked for in proportion to r^-exponent.
pub fn server(exponent: f64) -> Trace {
    Trace {
        name: format!("tile server, Zipf {exponent}"),
        requests: zipf(exponent, REQUESTS),
        counted: REQUESTS / 4..REQUESTS,
        only_others: false,
    }
}

/// A tile server in which somebody reads other tiles once, four times what the cache holds. Then as many requests
/// count as the cache holds twice.
pub fn server_and_sweep(exponent: f64, cached: usize) -> Trace {
    let mut requests = zipf(exponent, REQUESTS / 2 + 2 * cached);
    let after = requests.split_off(REQUESTS / 2);
    requests.extend((TILES..).take(4 * cached));
    let start = requests.len();
    requests.extend(after);
    Trace {
        name: format!("after a sweep, Zipf {exponent}"),
        counted: start..requests.len(),
        requests,
        only_others: false,
    }
}

/// A tile server in which somebody reads other tiles once meanwhile, as often as all others ask together. Only
/// requests of the others count.
pub fn server_beside_sweep(exponent: f64) -> Trace {
    let others = zipf(exponent, REQUESTS);
    let mut requests = others[..REQUESTS / 4].to_vec();
    for (new, request) in (TILES..).zip(&others[REQUESTS / 4..]) {
        requests.extend([*request, new]);
    }
    Trace {
        name: format!("beside a sweep, Zipf {exponent}"),
        counted: REQUESTS / 4..requests.len(),
        requests,
        only_others: true,
    }
}

/// Somebody who looks at an image of so many tiles with levels.
pub fn viewer() -> Trace {
    let side = u64::from(TILES.isqrt()) * TILE;
    let levels: Vec<_> = (0..8).map(|level| (side >> level, side >> level)).collect();
    let mut requests = Vec::new();
    let mut first = 0;
    let firsts: Vec<u32> = levels
        .iter()
        .map(|(width, _)| {
            let tiles = width.div_ceil(TILE) as u32;
            first += tiles * tiles;
            first - tiles * tiles
        })
        .collect();
    for view in walk::views(&levels, VIEWS) {
        let level = view.level as usize;
        let columns = levels[level].0.div_ceil(TILE);
        for row in view.y / TILE..(view.y + view.height).div_ceil(TILE) {
            for col in view.x / TILE..(view.x + view.width).div_ceil(TILE) {
                requests.push(firsts[level] + (row * columns + col) as u32);
            }
        }
    }
    Trace {
        name: "a viewer".to_owned(),
        counted: requests.len() / 4..requests.len(),
        requests,
        only_others: false,
    }
}

/// The same numbers in every run.
fn zipf(exponent: f64, count: usize) -> Vec<u32> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=TILES)
        .map(|rank| {
            sum += f64::from(rank).powf(-exponent);
            sum
        })
        .collect();
    let mut state = 7u64;
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let uniform = (state >> 11) as f64 / (1u64 << 53) as f64;
        sums.partition_point(|below| *below <= uniform * sum) as u32
    };
    (0..count).map(|_| draw()).collect()
}
