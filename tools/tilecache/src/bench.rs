//! `tilecache bench`: how a file behaves under a cache.
//!
//! Decoding is measured on some blocks. How often a block is decoded depends on the sizes alone, so that is counted by
//! the library over an image of the same grid whose blocks cost nothing, of one byte a pixel, and with budgets that are
//! as much smaller. Of a large image a part is taken that behaves alike, and where that is large still, all lengths are
//! halved.

use std::ffi::c_void;
use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::{Cache, Provider, sized};
use crate::arguments::Bench;
use crate::failure::Outcome;
use crate::progress::{Progress, go_on};
use crate::raw::*;
use crate::{output, words};

/// The most pixels that are gone through at a time.
const PIXELS: i64 = 1 << 25;
/// The layout that the file is compared with: that of `tilecache pyramid`.
const SQUARE: i64 = 512;

pub fn run(asked: &Bench, quiet: bool) -> Outcome {
    let file = asked.source.file.display().to_string();
    let source = Provider::open(&asked.source.file, asked.source.image)?;
    let info = source.info()?;
    let progress = Progress::new("bench", quiet || asked.json);
    let decode = Decode::measured(&source, &info)?;
    let pixel = words::dtype(info.dtype).1 * info.bands as u64;
    let own = Grid::of(&info, asked.size, info.block_width, info.block_height);
    let square = Grid::of(
        &info,
        asked.size,
        SQUARE.min(info.width),
        SQUARE.min(info.height),
    );

    let mut found = Vec::new();
    for (step, order) in ORDERS.iter().enumerate() {
        let alike = own.alike(order, PIXELS);
        let at_budget = alike.amplification(order, asked.budget / pixel, false)?;
        let ends_at = alike.enough(order)? * pixel;
        let steps = 2 * ORDERS.len();
        progress.set((2 * step + 1) as f64 / steps as f64);
        let in_squares = square.alike(order, PIXELS).enough(order)? * pixel;
        progress.set((2 * step + 2) as f64 / steps as f64);
        found.push(Found {
            order,
            at_budget,
            ends_at,
            in_squares,
        });
    }
    drop(progress);

    let least = found.iter().map(|found| found.ends_at).max().unwrap_or(0);
    let least_in_squares = found
        .iter()
        .map(|found| found.in_squares)
        .max()
        .unwrap_or(0);
    let mut advice = advice(&file, &found, asked, least, least_in_squares, &decode);
    advice.extend(advice_on_the_first_tile(&file, &info));
    if asked.json {
        let orders = found.iter().map(|found| {
            json!({
                "order": found.order.name,
                "decodes_of_a_block": words::number(found.at_budget),
                "bytes_that_end_repeated_decodes": found.ends_at,
                "the_same_in_blocks_of_512": found.in_squares,
            })
        });
        return output::json(&json!({
            "file": file,
            "block": words::pair(info.block_width, info.block_height),
            "blocks": info.grid_cols * info.grid_rows,
            "block_bytes": decode.bytes,
            "milliseconds_to_decode_a_block": words::number(decode.seconds() * 1e3),
            "blocks_measured": decode.blocks,
            "tile": asked.size,
            "budget": asked.budget,
            "orders": orders.collect::<Vec<_>>(),
            "advice": advice,
        }));
    }
    let mut text = String::new();
    let blocks = words::counted(info.grid_cols * info.grid_rows, "block", "blocks");
    let _ = write!(
        text,
        "{file}: {blocks} of {} x {} pixels",
        info.block_width, info.block_height
    );
    match decode.blocks {
        0 => text.push_str(", none stored\n"),
        many => {
            let size = words::bytes(decode.bytes);
            let each = if decode.all > 1 { " each" } else { "" };
            let measured = words::counted(many, "block", "blocks");
            let _ = writeln!(
                text,
                ", {size}{each}, decoded in {} ms by the clock, as measured on {measured}",
                words::measured(decode.seconds() * 1e3)
            );
        }
    }
    let _ = writeln!(
        text,
        "\nIn tiles of {0} x {0}, through a cache of {1}, a block is decoded",
        asked.size,
        words::bytes(asked.budget)
    );
    for found in &found {
        let _ = writeln!(
            text,
            "  {:<18} {:>6.2} times; once from {} on",
            found.order.name,
            found.at_budget,
            words::bytes(found.ends_at)
        );
    }
    text.push('\n');
    for line in advice {
        let _ = writeln!(text, "{line}");
    }
    output::text(&text)
}

struct Found {
    order: &'static Order,
    /// Decodes of a block under the budget that was asked for.
    at_budget: f64,
    /// The budget from which on no block is decoded twice.
    ends_at: u64,
    /// The same if the file had square blocks.
    in_squares: u64,
}

fn advice(
    file: &str,
    found: &[Found],
    asked: &Bench,
    least: u64,
    least_in_squares: u64,
    decode: &Decode,
) -> Vec<String> {
    let mut lines = Vec::new();
    let worst = found
        .iter()
        .max_by(|a, b| a.at_budget.total_cmp(&b.at_budget))
        .expect("there are orders");
    if worst.at_budget <= 1.0 {
        lines.push("No block is decoded twice in any of these orders.".into());
    } else {
        let again = (worst.at_budget - 1.0) * decode.seconds() * decode.all as f64;
        lines.push(format!(
            "A cache of {} would end repeated decodes in all of them. At {}, reading {} decodes each block {:.1} times, which costs some {:.1} s for the whole image.",
            words::bytes(least), words::bytes(asked.budget), worst.order.name, worst.at_budget, again
        ));
    }
    if worst.at_budget <= 1.0 {
        return lines;
    }
    if least_in_squares * 2 <= least {
        lines.push(format!(
            "In blocks of {SQUARE} x {SQUARE} a cache of {} would be enough for that: tilecache pyramid {file} OUTPUT.tif",
            words::bytes(least_in_squares)
        ));
    } else {
        lines.push("Against repeated decodes another layout would help little.".into());
    }
    lines
}

/// What makes the first tile late, whatever the cache.
fn advice_on_the_first_tile(file: &str, info: &tc_image_info) -> Vec<String> {
    let mut causes = Vec::new();
    let (width, height) = (
        info.block_width.min(info.width),
        info.block_height.min(info.height),
    );
    if width.saturating_mul(height) > 4 * SQUARE * SQUARE {
        causes.push(format!(
            "The first tile waits until a block of {width} x {height} pixels is decoded"
        ));
    }
    if info.levels == 1 && info.width.max(info.height) > 2 * SQUARE {
        causes.push(
            "The first view of the whole image decodes all of it, for there are no smaller levels"
                .into(),
        );
    }
    let without = |cause| {
        format!(
            "{cause}; with blocks of {SQUARE} x {SQUARE} and all levels it would not: tilecache pyramid {file} OUTPUT.tif"
        )
    };
    causes.into_iter().map(without).collect()
}

/// What decoding takes.
struct Decode {
    blocks: i64,
    time: Duration,
    bytes: u64,
    all: i64,
}

impl Decode {
    /// Of at most 16 blocks, spread over the image, for at most two seconds or one block.
    fn measured(source: &Provider, info: &tc_image_info) -> Outcome<Decode> {
        let all = info.grid_cols * info.grid_rows;
        let mut decode = Decode {
            blocks: 0,
            time: Duration::ZERO,
            bytes: 0,
            all,
        };
        let wanted = all.min(16);
        for number in 0..wanted {
            go_on()?;
            let block = number * all / wanted;
            let (row, col) = (block / info.grid_cols, block % info.grid_cols);
            if !source.has_block(row, col, 0)? {
                continue;
            }
            let begin = Instant::now();
            let pixels = source.tile(row, col, 0)?.pixels();
            decode.time += begin.elapsed();
            decode.blocks += 1;
            let bytes = pixels.width as u64
                * pixels.height as u64
                * pixels.bands as u64
                * words::dtype(pixels.dtype).1;
            decode.bytes = decode.bytes.max(bytes);
            if decode.time > Duration::from_secs(2) {
                break;
            }
        }
        Ok(decode)
    }

    fn seconds(&self) -> f64 {
        self.time.as_secs_f64() / self.blocks.max(1) as f64
    }
}

/// An order in which an image is read.
struct Order {
    name: &'static str,
    /// Whether the columns and the rows of the image have to be there as a whole.
    whole: (bool, bool),
    tiles: fn(i64, i64) -> Vec<(i64, i64)>,
}

static ORDERS: [Order; 3] = [
    Order {
        name: "row by row",
        whole: (true, false),
        tiles: by_rows,
    },
    Order {
        name: "column by column",
        whole: (false, true),
        tiles: by_columns,
    },
    Order {
        name: "as maps are seen",
        whole: (false, false),
        tiles: by_neighbours,
    },
];

fn by_rows(rows: i64, cols: i64) -> Vec<(i64, i64)> {
    (0..rows)
        .flat_map(|row| (0..cols).map(move |col| (row, col)))
        .collect()
}

fn by_columns(rows: i64, cols: i64) -> Vec<(i64, i64)> {
    (0..cols)
        .flat_map(|col| (0..rows).map(move |row| (row, col)))
        .collect()
}

/// Along Hilbert's curve, which stays near where it was.
fn by_neighbours(rows: i64, cols: i64) -> Vec<(i64, i64)> {
    let side = (rows.max(cols) as u64).next_power_of_two() as i64;
    let mut tiles = Vec::new();
    for at in 0..side * side {
        let (mut x, mut y, mut left, mut s) = (0, 0, at, 1);
        while s < side {
            let (right, down) = (1 & (left / 2), 1 & (left ^ (left / 2)));
            if down == 0 {
                if right == 1 {
                    (x, y) = (s - 1 - x, s - 1 - y);
                }
                (x, y) = (y, x);
            }
            (x, y) = (x + s * right, y + s * down);
            left /= 4;
            s *= 2;
        }
        if y < rows && x < cols {
            tiles.push((y, x));
        }
    }
    tiles
}

/// The sizes of an image, its blocks and the tiles that are asked for.
#[derive(Clone, Copy)]
struct Grid {
    width: i64,
    height: i64,
    block_width: i64,
    block_height: i64,
    tile_width: i64,
    tile_height: i64,
    /// How many pixels of the image one of these stands for.
    pixels: u64,
}

/// Smaller tiles and blocks would be mostly bookkeeping.
const LEAST: i64 = 8192;

impl Grid {
    fn of(info: &tc_image_info, tile: i64, block_width: i64, block_height: i64) -> Grid {
        Grid {
            width: info.width,
            height: info.height,
            block_width,
            block_height,
            tile_width: tile,
            tile_height: tile,
            pixels: 1,
        }
    }

    /// What behaves alike in an order and has about so many pixels at most: of what need not be whole a part from the
    /// first pixel on, with at least three tiles and three blocks, and of that with lengths halved.
    fn alike(&self, order: &Order, most: i64) -> Grid {
        let cut = |length: i64, block: i64, tile: i64, whole: bool, most: i64| match whole {
            true => length,
            false => length.min((3 * tile.max(block)).max(most / tile * tile)),
        };
        let (most_width, most_height) = match order.whole {
            (true, false) => (0, most / self.width),
            (false, true) => (most / self.height, 0),
            _ => (most.isqrt(), most.isqrt()),
        };
        let mut grid = Grid {
            width: cut(
                self.width,
                self.block_width,
                self.tile_width,
                order.whole.0,
                most_width,
            ),
            height: cut(
                self.height,
                self.block_height,
                self.tile_height,
                order.whole.1,
                most_height,
            ),
            ..*self
        };
        let half = |length: i64| (length + 1) / 2;
        while grid.width * grid.height > most {
            let small = grid.tile_width * grid.tile_height < 2 * LEAST
                || grid.block_width * grid.block_height < 2 * LEAST;
            if small {
                break;
            }
            grid.pixels *= 2;
            if grid.block_width.min(grid.tile_width) >= grid.block_height.min(grid.tile_height) {
                grid.width = half(grid.width);
                grid.block_width = half(grid.block_width);
                grid.tile_width = half(grid.tile_width);
            } else {
                grid.height = half(grid.height);
                grid.block_height = half(grid.block_height);
                grid.tile_height = half(grid.tile_height);
            }
        }
        grid
    }

    /// How often a block is decoded under a budget, in pixels of the image; or, if that is all that is wanted, anything
    /// above 1 as soon as one is decoded twice.
    fn amplification(&self, order: &Order, budget: u64, only_whether: bool) -> Outcome<f64> {
        let image = tc_image_info {
            dtype: TC_U8,
            width: self.width,
            height: self.height,
            block_width: self.block_width.min(self.width),
            block_height: self.block_height.min(self.height),
            bands: 1,
            levels: 1,
            ..sized()
        };
        let source = tc_source {
            threading: TC_CONCURRENT,
            image: &image,
            read_block: Some(nothing),
            ..sized()
        };
        let cache = Cache::new(budget / self.pixels)?;
        // SAFETY: all that the struct points to lives as long as the call.
        let blocks =
            Provider::made(|made, error| unsafe { provider_from_source(&source, made, error) })?;
        let tiles = blocks
            .cached(&cache)?
            .retile(self.tile_width, self.tile_height, &cache)?;
        let info = tiles.info()?;
        for (at, (row, col)) in (order.tiles)(info.grid_rows, info.grid_cols)
            .into_iter()
            .enumerate()
        {
            go_on()?;
            tiles.tile(row, col, 0)?;
            if only_whether && at % 64 == 63 {
                let decodes = tiles.counters()?.1;
                if decodes > 1.0 {
                    return Ok(decodes);
                }
            }
        }
        Ok(tiles.counters()?.1)
    }

    /// The least budget, in pixels of the image, under which no block is decoded twice, to a twentieth.
    fn enough(&self, order: &Order) -> Outcome<u64> {
        let is_little = |budget| {
            Ok::<_, crate::failure::Failure>(self.amplification(order, budget, true)? > 1.0)
        };
        let mut little = 0;
        let mut enough = (self.tile_width * self.tile_height + self.block_width * self.block_height)
            as u64
            * self.pixels;
        while is_little(enough)? {
            (little, enough) = (enough, enough * 2);
        }
        while little > 0 && enough - little > enough / 20 {
            let middle = little + (enough - little) / 2;
            match is_little(middle)? {
                true => little = middle,
                false => enough = middle,
            }
        }
        Ok(enough)
    }
}

/// A block that costs nothing, whatever its pixels.
extern "C" fn nothing(
    _user: *mut c_void,
    _session: *mut c_void,
    _row: i64,
    _col: i64,
    _level: i32,
    _bands: *const i32,
    _into: *const tc_target,
    _error: *mut tc_error,
) -> tc_status {
    TC_OK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_blocks_and_missing_levels_are_told() {
        let image = |side, block, levels| tc_image_info {
            width: side,
            height: side,
            block_width: block,
            block_height: block,
            levels,
            ..sized()
        };
        let told = |info| advice_on_the_first_tile("a.tif", &info);
        assert!(told(image(600, 2048, 1)).is_empty());
        assert!(told(image(3000, 512, 3)).is_empty());
        let both = told(image(3000, 4096, 1));
        assert!(
            both[0].contains("a block of 3000 x 3000") && both[1].contains("no smaller levels")
        );
    }
    use std::path::Path;

    fn strips(width: i64, height: i64, block_height: i64, tile: i64) -> Grid {
        Grid {
            width,
            height,
            block_width: width,
            block_height,
            tile_width: tile,
            tile_height: tile,
            pixels: 1,
        }
    }

    #[test]
    fn no_block_is_decoded_twice_from_the_budget_on_that_is_told_and_some_are_below() {
        let grid = strips(2000, 1500, 8, 256);
        for order in &ORDERS {
            let enough = grid.enough(order).unwrap();
            assert_eq!(
                grid.amplification(order, enough, false).unwrap(),
                1.0,
                "{}",
                order.name
            );
            assert!(
                grid.amplification(order, enough * 8 / 10, false).unwrap() > 1.0,
                "{}",
                order.name
            );
        }
    }

    #[test]
    fn a_real_file_behaves_as_is_told() {
        let path = Path::new("../../bindings/tour/scene.tif");
        let info = Provider::open(path, 0).unwrap().info().unwrap();
        let pixel = words::dtype(info.dtype).1 * info.bands as u64;
        let grid = Grid::of(&info, 50, info.block_width, info.block_height);
        for order in &ORDERS {
            let enough = grid.enough(order).unwrap() * pixel;
            let decodes = |budget| {
                let cache = Cache::new(budget).unwrap();
                let file = Provider::open(path, 0).unwrap();
                let tiles = file.cached(&cache).unwrap().retile(50, 50, &cache).unwrap();
                let info = tiles.info().unwrap();
                for (row, col) in (order.tiles)(info.grid_rows, info.grid_cols) {
                    tiles.tile(row, col, 0).unwrap();
                }
                tiles.counters().unwrap().1
            };
            // Bookkeeping of tiles does not become larger with their samples: a tenth is for that.
            assert_eq!(decodes(enough * 11 / 10), 1.0, "{}", order.name);
            assert!(decodes(enough * 7 / 10) > 1.0, "{}", order.name);
        }
    }

    #[test]
    fn what_is_alike_behaves_like_the_whole() {
        for whole in [
            strips(1600, 6000, 16, 256),
            strips(6000, 1600, 16, 256),
            Grid {
                block_width: 300,
                block_height: 200,
                ..strips(3000, 3000, 1, 256)
            },
        ] {
            for order in &ORDERS[..2] {
                let alike = whole.alike(order, 1 << 20);
                assert!(alike.width * alike.height <= whole.width * whole.height / 2);
                let (of_part, of_whole) =
                    (alike.enough(order).unwrap(), whole.enough(order).unwrap());
                let ratio = of_part as f64 / of_whole as f64;
                assert!((0.8..1.25).contains(&ratio), "{} {ratio}", order.name);
            }
        }
    }

    #[test]
    fn every_order_has_every_tile_once() {
        for order in &ORDERS {
            let mut tiles = (order.tiles)(5, 9);
            tiles.sort();
            assert_eq!(tiles, by_rows(5, 9), "{}", order.name);
        }
        let step = |two: &[(i64, i64)]| (two[0].0 - two[1].0).abs() + (two[0].1 - two[1].1).abs();
        assert!(
            by_neighbours(8, 8).windows(2).all(|two| step(two) == 1),
            "the curve jumps"
        );
    }
}
