//! Declared passes: readers that are given their whole order at once.

use super::args::{self, SizeLed};
use super::guard::guard;
use super::handle;
use super::provider::{source_of, tc_provider};
use super::status::{tc_error, tc_status};
use crate::error::{Error, Result};
use crate::image::Block;
use crate::load::Cancel;
use crate::operator::{Order, PassOptions, pass};
use std::ptr::null_mut;
use std::sync::Arc;

/// The order of a pass: tc_pass_options.order.
#[repr(C)]
pub enum tc_pass_order {
    /// All tiles of the level row by row, from left to right.
    TC_PASS_ROWS = 1,
    /// All tiles of the level column by column, from the top down.
    TC_PASS_COLUMNS = 2,
    /// All tiles of the level along Hilbert's curve through the smallest square of a power of two that holds its rows and
    /// columns. The curve goes from (0, 0) to the right first and ends in column 0 of the square's last row; what is
    /// outside the image is passed over.
    TC_PASS_HILBERT = 3,
    /// The tiles in `tiles`.
    TC_PASS_LIST = 4,
}

/// A tile of tc_pass_options.tiles. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_pass_tile {
    /// Its row.
    pub row: i64,
    /// Its column.
    pub col: i64,
}

const _: () = assert!(size_of::<tc_pass_tile>() == 16);

/// Options of provider_pass. Size-led; 0 is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_pass_options {
    /// sizeof(tc_pass_options), set by you.
    pub struct_size: u32,
    /// One of tc_pass_order. 0: TC_PASS_ROWS, or TC_PASS_LIST where there are `tiles`.
    pub order: u32,
    /// The level of the tiles.
    pub level: i32,
    /// The most threads of the cache that make tiles ahead while others are looked at; no more than the cache may have,
    /// see tc_cache_options. 0: none, tiles are made when they are asked for.
    pub threads: u32,
    /// The bands of the tiles, in the order in which they will be asked for; copied. NULL and 0: all.
    pub bands: *const i32,
    /// How many.
    pub n_bands: usize,
    /// With TC_PASS_LIST: the tiles in the order in which they will be asked for, the same one as often as it will be;
    /// copied. Else NULL.
    pub tiles: *const tc_pass_tile,
    /// How many; 0 without a list.
    pub n_tiles: usize,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<tc_pass_options>() == 48);

// SAFETY: numbers and pointers behind a size; zero is NULL.
unsafe impl SizeLed for tc_pass_options {
    const NAME: &'static str = "tc_pass_options";
}

/// ======== DECLARED PASSES ========
///
/// A reader whose order is known ahead: the same image, with the key and the tiles of `source`, and with caches that
/// keep what it will use next instead of what was used last. Column by column over strips, or tile by tile over slabs,
/// a block is then decoded as seldom as the budget allows in that order.
///
/// What the pass brought into a cache, tiles and the blocks beneath them, goes by its next use: first what the pass
/// will not use again, then what it will use last (Belady's rule, over the order that was declared). What takes twice the
/// bytes for each decode that it saves, a tile those of all blocks beneath it, goes like what is used twice as far ahead. Tiles that come
/// for nothing with a block that is decoded are kept as far as they are used before what would have to go for them.
/// The order is known about 32,000 uses of tiles and blocks ahead, which take memory beside the budget as long as the
/// pass lives.
///
/// A pass may decode more than a reader without a declared order. The rule is the best one where blocks are of one size
/// and a decode gives one of them; where a tile needs several blocks and a block gives several tiles it is a good one.
/// In budgets of a few tiles up to most of the image, over strips, columns and blocks, one order in twenty took more
/// decodes: at most a fifth more, but twice as many (10 for 5) where blocks are kept with the tiles and hardly one
/// fits. All together took a quarter less. Where it matters, count the decodes of both.
///
/// Others in the same cache keep their rights. Whose turn it is to give room is told by the last use, as ever; where
/// that is a pass, it gives the tile that it needs last in place of the one whose turn it is. So tiles that others use
/// stay as long as beside a reader without a declared order, and what a pass gets does not count as their use. Of two
/// passes each gives its own, and of what they make ahead each has at least half. Shares and guarantees
/// (tc_set_share) hold.
///
/// The pass begins with the first tile that is asked for. Several threads may read it, each taking the next tile of the
/// order: a tile that was left out by 64 others is not expected any more. Who asks for a tile out of turn gets the same
/// pixels: the order goes on behind it if the tile is still to come, and else stays as it is. With TC_PASS_LIST a tile
/// is expected as often as it is listed. Windows (provider_read_window) are reads of the tiles beneath them, in row
/// order. The pass ends with its last reference, or with the last tile of its order; then its tiles are like any others.
///
/// - source: required; kept alive.
/// - options: NULL is all defaults: level 0 in row order, nothing made ahead.
/// - reader: receives a reference that you own, which provider_cancel ends, as from provider_reader; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE if there is no such level, band or tile; TC_E_ARGUMENT, also for `threads` without a cache that
/// keeps the tiles; TC_E_LIMIT for a stack that is too high. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_pass(
    source: *mut tc_provider,
    options: *const tc_pass_options,
    reader: *mut *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let to = args::output(reader, null_mut(), "reader")?;
            let fill = handle::borrow(source, "source")?.fill;
            let source = source_of(source)?;
            let options: tc_pass_options = args::read_options(options)?;
            let image = source.image();
            let level = args::natural(options.level, "level")? as u32;
            let bands = args::bands(options.bands, options.n_bands, image.band_count())?;
            let order = order(&options, level)?;
            let options = PassOptions {
                level,
                bands,
                threads: options.threads as usize,
                streams: false,
            };
            let cancel = Arc::<Cancel>::default();
            let made = pass(source, order, &options, cancel.clone())?;
            to.set(tc_provider::reader(made, cancel, fill));
            Ok(())
        })
    }
}

/// The order that options tell.
///
/// # Safety
/// `tiles` of the options must be NULL or point to `n_tiles` places.
unsafe fn order(options: &tc_pass_options, level: u32) -> Result<Order> {
    const ROWS: u32 = tc_pass_order::TC_PASS_ROWS as u32;
    const COLUMNS: u32 = tc_pass_order::TC_PASS_COLUMNS as u32;
    const HILBERT: u32 = tc_pass_order::TC_PASS_HILBERT as u32;
    const LIST: u32 = tc_pass_order::TC_PASS_LIST as u32;
    let (tiles, n_tiles) = (options.tiles, options.n_tiles);
    if tiles.is_null() && n_tiles > 0 {
        return Err(Error::argument(format!(
            "tiles is NULL, n_tiles is {n_tiles}"
        )));
    }
    let whole = match options.order {
        LIST => None,
        0 if !tiles.is_null() => None,
        0 | ROWS => Some(Order::Rows),
        COLUMNS => Some(Order::Columns),
        HILBERT => Some(Order::Hilbert),
        other => {
            return Err(Error::argument(format!(
                "order of options is {other}; it must be one of tc_pass_order"
            )));
        }
    };
    if let Some(whole) = whole {
        return match n_tiles {
            0 => Ok(whole),
            _ => Err(Error::argument(format!(
                "{n_tiles} tiles are listed, but order of options is {}",
                options.order
            ))),
        };
    }
    if tiles.is_null() {
        return Ok(Order::Tiles(Vec::new()));
    }
    // SAFETY: promised by the caller.
    let places = unsafe { std::slice::from_raw_parts(tiles, n_tiles) };
    let listed = places.iter().enumerate().map(|(nth, place)| {
        let at = args::block(place.row, place.col, level as i32);
        at.map_err(|error| error.at(format!("tile {nth} of the list")))
    });
    listed.collect::<Result<Vec<Block>>>().map(Order::Tiles)
}
