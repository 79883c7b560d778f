//! The cache.

use super::args::{self, SizeLed};
use super::array::{Array, Owner};
use super::guard::guard;
use super::handle;
use super::log::{given_log, tc_log};
use super::status::{tc_error, tc_status};
use super::tile::tc_tile;
use super::types::{tc_pixels, tc_pixels_flags, tc_release_fn};
use crate::cache::{Cache, Counters, Options};
use crate::error::{Error, Kind, Result};
use crate::image::{Bands, Block};
use crate::tile::Tile;
use std::ffi::{c_char, c_void};
use std::ptr::null_mut;

/// A store of tiles under one budget of bytes, for any number of providers, files and threads.
///
/// What it counts is the memory of pixel buffers, each once at its allocated size, however many tiles
/// are views of it, 256 bytes of bookkeeping for each tile, and for each key that has tiles twice its text
/// and about a thousand bytes. At every instant idle, held and
/// reusable bytes together are within the budget. The idle tile whose last use is oldest goes first,
/// unless tc_cache_flags say otherwise.
/// Tiles in the hands of callers are never evicted.
///
/// Uses are: a get that returns a tile, a put, a window read and the gets of operators. Not uses are:
/// peek, release and has_block. With several threads, uses before a miss are older than those after
/// it; between two misses the uses of different threads are in no order, at most 256 of each. A miss learns
/// of at most 1,024 tiles that were used since the misses before, or of two for each tile that goes; where more
/// were, one of the oldest of them goes. So the time of a miss is bounded, however many hits there were.
///
/// Reference-counted: tc_retain, tc_release. Providers made with a cache keep it alive.
pub struct tc_cache {
    /// The cache itself.
    pub cache: Cache,
}

/// The bits of tc_cache_options.flags.
#[repr(C)]
pub enum tc_cache_flags {
    /// Evict first what a copy can restore. Without this flag the least recently used tile goes, whatever
    /// it took to make it. With it, a tile of provider_retile goes before all other used tiles as long as
    /// every block that it was stitched from is in this cache too, for it can be stitched again without a
    /// decode. Among themselves these tiles go in the order of their last uses, and so do all others. For a
    /// cache that keeps the blocks of a file and the tiles made of them (provider_cached under
    /// provider_retile).
    TC_CACHE_CHEAP_FIRST = 1,
    /// Tiles that were used at one time only go before those that are used again and again, as long as they
    /// take more than a tenth of the budget, and after those otherwise, each kind in the order of its
    /// uses. For servers and programs in which somebody reads much once beside what all ask for: a sweep
    /// over any number of tiles then leaves the others where they are. Two uses count as one where fewer misses
    /// lie between them, of all caches together, than a twentieth of the number of the cache's tiles. A tile that
    /// is asked for again soon after it was evicted counts as used again. The cache learns of uses when
    /// the turn of a tile to go comes, so a hit costs what it does without. Held, unread and guaranteed
    /// tiles, shares and readers that pass by are treated as they are without it. After S3-FIFO (Yang and
    /// others, "FIFO queues are all you need for cache eviction", SOSP 2023).
    TC_CACHE_FREQUENCY = 2,
    /// What is asked of the cache is noted, so that tc_report and tc_statistics_json can advise: which budget would end
    /// that blocks are decoded again and again, or would do as well. What a tile is made from is noted when it is first
    /// asked for; of many images a sample of blocks. That takes at most about 16 MiB beside the budget, see
    /// `observation` of tc_cache_stats, and hits of tiles that are noted take a lock and go the way of a miss; without
    /// the flag a hit costs what it costs.
    TC_CACHE_OBSERVE = 4,
}

/// Options of tc_create. Size-led; 0 is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_cache_options {
    /// sizeof(tc_cache_options), set by you.
    pub struct_size: u32,
    /// The most that may be taken by tiles which were made along with others from a decoded block and
    /// which nobody has read yet, in percent of the budget, at most 100. 0 is 75.
    pub unread_percent: u32,
    /// The largest block, in bytes, of which a retiled tile is a view instead of a copy. 0 is the
    /// larger of two tiles and an eighth of the budget.
    pub view_limit: u64,
    /// The most bytes of pixels that loads may have at work at one time. A load is the making of a tile
    /// that is not in the cache; it counts from its beginning to its end, with all blocks that it decodes
    /// on the way. A load that would exceed the limit waits before it begins, first come, first served.
    /// One that is larger than the limit runs when no other does, so that none is refused; and when none
    /// has ended for a second, the first in the queue begins all the same. A load that needs blocks from
    /// several caches waits so in each. Two things come on top: what callbacks ask for, which is not
    /// known beforehand, and tiles that are made along with the one wanted, for which there is room in
    /// the budget. 0 is the larger of a quarter of the budget and 64 MiB.
    pub max_in_flight: u64,
    /// The most threads of the library's own that serve provider_request_block at once for the
    /// providers of this cache; one more may tell cancelled requests so. 0 is one for each processor.
    pub threads: u32,
    /// Bits of tc_cache_flags.
    pub flags: u32,
    /// Where the cache tells what happens; copied. NULL: nowhere.
    pub log: *const tc_log,
}

/// The state of a cache, or what one provider has done. Size-led. Sizes in bytes.
///
/// Sizes are exact at all times, counters are exact when no call is running and never go back.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_cache_stats {
    /// sizeof(tc_cache_stats), set by you.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The budget.
    pub budget: u64,
    /// idle + held + reusable; never more than the budget.
    pub resident: u64,
    /// Of tiles that nobody holds.
    pub idle: u64,
    /// Of tiles that callers hold, inside the budget.
    pub held: u64,
    /// Kept for the next tile.
    pub reusable: u64,
    /// Of tiles that callers hold, outside the budget: there was no room for them, or they are orphaned.
    pub over_budget: u64,
    /// The part of `over_budget` that the cache does not find any more: removed, replaced or cleared.
    pub orphaned: u64,
    /// Of tiles that are being decoded or assembled now.
    pub in_flight: u64,
    /// The largest sum of `resident`, `over_budget` and `in_flight` at any moment since the cache was made.
    pub peak: u64,
    /// Tiles that the cache finds.
    pub entries: u64,
    /// Gets that found their tile.
    pub hits: u64,
    /// Gets that did not, those of keys that the cache does not know among them.
    pub misses: u64,
    /// Gets that joined a load begun by another thread.
    pub waits: u64,
    /// Blocks decoded or mapped and tiles assembled, those that failed included; a tile and the cached
    /// blocks that it was assembled from count each.
    pub loads: u64,
    /// Loads that failed.
    pub load_errors: u64,
    /// Buffers that went to make room, each with all tiles that were views of it.
    pub evictions: u64,
    /// Tiles that found no room.
    pub rejected: u64,
    /// Tiles made along with others from a decoded block.
    pub siblings: u64,
    /// Time spent in loads, those inside others too, summed over threads.
    pub load_nanoseconds: u64,
    /// What loads may have in flight together; see tc_cache_options.
    pub max_in_flight: u64,
    /// Loads that waited for their turn.
    pub queued: u64,
    /// Loads that went on beyond the cap because no load had ended for a second.
    pub overdue: u64,
    /// Of the indexes of files, which the whole process keeps beside all budgets; see tc_set_index_bytes.
    pub index: u64,
    /// Of memory that callers have lent, by tc_put or as the array of a source, and that tiles of this cache
    /// keep from being released, each as a whole and once for each time that it was lent.
    pub lent: u64,
    /// The part of `lent` that was lent with TC_PIXELS_COUNTED: it is in `resident` or `over_budget`. The rest
    /// is in neither, and comes on top of the budget.
    pub lent_counted: u64,
    /// Of what TC_CACHE_OBSERVE has noted, beside the budget.
    pub observation: u64,
}

const _: () = {
    use std::mem::offset_of;
    assert!(
        offset_of!(tc_cache_options, view_limit) == 8 && offset_of!(tc_cache_options, log) == 32
    );
    assert!(size_of::<tc_cache_stats>() == 216 && offset_of!(tc_cache_stats, hits) == 88);
};

// SAFETY: numbers and a pointer behind a size; zero is NULL.
unsafe impl SizeLed for tc_cache_options {
    const NAME: &'static str = "tc_cache_options";
}

// SAFETY: plain numbers behind a size.
unsafe impl SizeLed for tc_cache_stats {
    const NAME: &'static str = "tc_cache_stats";
}

impl tc_cache_stats {
    /// What was counted, without sizes.
    pub fn of(counters: &Counters) -> Self {
        Self {
            struct_size: 0,
            reserved: 0,
            budget: 0,
            resident: 0,
            idle: 0,
            held: 0,
            reusable: 0,
            over_budget: 0,
            orphaned: 0,
            in_flight: 0,
            peak: 0,
            entries: 0,
            hits: counters.hits,
            misses: counters.misses,
            waits: counters.waits,
            loads: counters.loads,
            load_errors: counters.load_errors,
            evictions: counters.evictions,
            rejected: counters.rejected,
            siblings: counters.siblings,
            load_nanoseconds: counters.load_nanoseconds,
            max_in_flight: 0,
            queued: 0,
            overdue: 0,
            index: 0,
            lent: 0,
            lent_counted: 0,
            observation: 0,
        }
    }
}

/// ======== CACHE ========
///
/// Makes a cache of at most `max_bytes`. 0 keeps nothing, but threads still share what they load at
/// the same time. Any number of caches may exist.
///
/// - options: NULL is all defaults.
/// - cache: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT for a NULL `cache` or bad options, TC_E_RANGE for a share above 100.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_create(
    max_bytes: u64,
    options: *const tc_cache_options,
    cache: *mut *mut tc_cache,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let cache = args::output(cache, null_mut(), "cache")?;
            let options = args::read_options(options)?;
            let log = given_log(options.log)?;
            let made = Cache::with_log(max_bytes, core_options(&options)?, log.log.clone())?;
            log.take();
            cache.set(handle::new(tc_cache { cache: made }));
            Ok(())
        })
    }
}

fn core_options(options: &tc_cache_options) -> Result<Options> {
    if options.unread_percent > 100 {
        let share = options.unread_percent;
        return Err(Error::range(format!(
            "unread_percent is {share}; at most 100"
        )));
    }
    const CHEAP_FIRST: u32 = tc_cache_flags::TC_CACHE_CHEAP_FIRST as u32;
    const FREQUENCY: u32 = tc_cache_flags::TC_CACHE_FREQUENCY as u32;
    const OBSERVE: u32 = tc_cache_flags::TC_CACHE_OBSERVE as u32;
    const KNOWN: u32 = CHEAP_FIRST | FREQUENCY | OBSERVE;
    if options.flags & !KNOWN != 0 {
        let flags = options.flags;
        return Err(Error::argument(format!(
            "flags of options is {flags:#x}; only the bits of {KNOWN:#x} are known"
        )));
    }
    Ok(Options {
        unread_percent: options.unread_percent,
        view_limit: options.view_limit,
        max_in_flight: options.max_in_flight,
        threads: options.threads as usize,
        cheap_first: options.flags & CHEAP_FIRST != 0,
        frequency: options.flags & FREQUENCY != 0,
        observe: options.flags & OBSERVE != 0,
    })
}

/// One more reference to a cache. Returns `cache`; NULL gives NULL.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_retain(cache: *mut tc_cache) -> *mut tc_cache {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::retain(cache) }
}

/// Gives up a reference to a cache; with the last one, and the last provider made with it, the cache
/// goes. Tiles in your hands stay valid. NULL does nothing.
///
/// Cannot fail; never waits for a load. May run release functions of your memory. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_release(cache: *mut tc_cache) {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::release(cache) }
}

/// Changes the budget. A smaller one evicts at once, the oldest uses first, and gives the memory back
/// to the system; tiles that callers hold stay valid, outside the budget if need be.
///
/// - cache: required.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_set_budget(
    cache: *mut tc_cache,
    max_bytes: u64,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            handle::borrow(cache, "cache")?.cache.set_budget(max_bytes);
            Ok(())
        })
    }
}

/// Gives memory back now, for programs that hear that memory is short. The budget stays: what is asked for
/// afterwards takes room again.
///
/// First goes what is kept for the next tile, then tiles that nobody holds, the oldest uses first, as when room is
/// made; those below the guarantee of tc_set_share only when there are no others. It ends as soon as at least
/// `bytes` are given back, so the last tile may be more than was needed, or when nothing is left that may go. Tiles
/// that callers hold, and loads in progress, are unaffected. Other calls get their turn in between, and what they
/// bring in meanwhile is not given back. Memory that another cache counts too, or that you lent, goes when its last
/// user does. Small buffers come from the allocator, which gives back what it can.
///
/// - cache: required.
/// - bytes: at least so many; UINT64_MAX is all that nobody holds. 0 does nothing.
/// - given_back: receives by how much `resident` of tc_cache_stats has become less, bookkeeping included; 0 on
///   failure. NULL: not wanted.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT. May run release functions of memory that you lent. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_trim(
    cache: *mut tc_cache,
    bytes: u64,
    given_back: *mut u64,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let mut unwanted = 0;
            let into = match given_back.is_null() {
                true => &raw mut unwanted,
                false => given_back,
            };
            let given_back = args::output(into, 0, "given_back")?;
            let cache = &handle::borrow(cache, "cache")?.cache;
            given_back.set(cache.trim(bytes));
            Ok(())
        })
    }
}

/// Gives the tiles of one key a share of the cache of their own.
///
/// - cache: required.
/// - key: required, what provider_key says, or a key of tc_put; the cache need not know it yet.
/// - maximum: bytes; where its tiles would take more, the oldest of them go first, even if the cache has
///   room. Tiles that callers hold do not go; if they leave no room below the maximum, a new tile lives
///   outside the budget. 0 for none.
/// - guarantee: bytes; tiles of other keys take no room from this key's as long as less than that would
///   stay. Not kept free: others may use it until this key needs it. 0 for none.
/// - err: may be NULL.
///
/// Counted are the tiles that were entered under this key, 256 bytes of bookkeeping each, and room for
/// those being loaded. Providers made from it, such as a retiled one, have keys and shares of their own.
/// Otherwise the order is that of the whole cache: the tile whose last use is oldest goes, of all those
/// that may go.
///
/// A share lasts as long as the cache, whatever becomes of providers, or until both numbers are set to
/// 0. If the budget is shrunk below the sum of the guarantees, each counts in proportion, until the
/// budget grows again. Setting a share takes time in proportion to the tiles in the cache, and looking
/// for the tile that goes takes time in proportion to the number of shares.
///
/// Errors: TC_E_ARGUMENT also if the guarantee is above the maximum, or all guarantees together are
/// above the budget. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_set_share(
    cache: *mut tc_cache,
    key: *const c_char,
    maximum: u64,
    guarantee: u64,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let cache = &handle::borrow(cache, "cache")?.cache;
            cache.set_share(args::text(key, "key")?, maximum, guarantee)
        })
    }
}

/// Forgets all tiles and gives their memory back. Loads in progress are unaffected, and tiles that
/// callers hold stay valid. Counters are not reset.
///
/// - cache: required.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_clear(cache: *mut tc_cache, err: *mut tc_error) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            handle::borrow(cache, "cache")?.cache.clear();
            Ok(())
        })
    }
}

/// What the cache holds and has done.
///
/// - cache: required.
/// - stats: required, with struct_size set; the other members are 0 on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_statistics(
    cache: *const tc_cache,
    stats: *mut tc_cache_stats,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let stats = args::output_sized(stats, "stats")?;
            let now = handle::borrow(cache, "cache")?.cache.statistics();
            stats.set(tc_cache_stats {
                budget: now.budget,
                resident: now.idle + now.held + now.reusable,
                idle: now.idle,
                held: now.held,
                reusable: now.reusable,
                over_budget: now.over_budget,
                orphaned: now.orphaned,
                in_flight: now.in_flight,
                peak: now.peak,
                entries: now.entries,
                max_in_flight: now.in_flight_cap,
                queued: now.queued,
                overdue: now.overdue,
                index: crate::source::index::kept_bytes(),
                lent: now.lent,
                lent_counted: now.lent_counted,
                observation: now.observation,
                ..tc_cache_stats::of(&now.counters)
            });
            Ok(())
        })
    }
}

/// A tile by the key of its image, if the cache has it; a use. Never decodes.
///
/// - key: required, what provider_key says, or the key under which tc_put put it.
/// - row, col, level: of the grid of that image.
/// - bands, n_bands: NULL and 0 for all. A tile that has more bands serves some of them. What was put as a
///   list of bands under a key that no provider has is not known to be all of them.
/// - tile: receives a reference that you own and release with tc_tile_release; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_NOT_RESIDENT if the cache does not have it, TC_E_ARGUMENT, TC_E_RANGE for negative
/// numbers, TC_E_NO_MEMORY if bands have to be gathered. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_get(
    cache: *mut tc_cache,
    key: *const c_char,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    n_bands: usize,
    tile: *mut *mut tc_tile,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            resident_tile(
                cache,
                key,
                row,
                col,
                level,
                bands,
                n_bands,
                tile,
                Cache::get,
            )
        })
    }
}

/// tc_get without being a use: the tile keeps its place in the order of eviction. Never waits.
///
/// Arguments and errors as for tc_get. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_peek(
    cache: *mut tc_cache,
    key: *const c_char,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    n_bands: usize,
    tile: *mut *mut tc_tile,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            resident_tile(
                cache,
                key,
                row,
                col,
                level,
                bands,
                n_bands,
                tile,
                Cache::peek,
            )
        })
    }
}

/// Gives out a tile that `look` finds under a key.
///
/// # Safety
/// The pointers must be as the header says.
unsafe fn resident_tile(
    cache: *mut tc_cache,
    key: *const c_char,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    n_bands: usize,
    tile: *mut *mut tc_tile,
    look: fn(&Cache, &str, Block, &Bands) -> Result<Option<Tile>>,
) -> Result<()> {
    // SAFETY: promised by the caller.
    unsafe {
        let tile = args::output(tile, null_mut(), "tile")?;
        let cache = &handle::borrow(cache, "cache")?.cache;
        let (key, at) = (args::text(key, "key")?, args::block(row, col, level)?);
        let found = look(cache, key, at, &key_bands(bands, n_bands)?)?;
        tile.set(tc_tile::handle(resident(found)?));
        Ok(())
    }
}

/// Puts a tile under a key; a use. It replaces one that is there; handles of the old tile keep their pixels.
///
/// As long as the tile is in the cache, every request that begins after this call shows it: blocks,
/// windows and selections of bands, and all that is built on the key, as levels, retiled and mapped tiles
/// are. What was built on the old pixels is forgotten in every cache. If the cell has tiles with some of
/// these bands and with others too, they become one tile with the new pixels.
///
/// A put made within a read_block, read_window or map callback hands over pixels that its source has
/// beside those asked for: it forgets nothing that was built.
///
/// - key: required; a key of your own, or that of a provider made with this cache, whose tile
///   (row, col) at `level` must have the size, type and bands of `pixels`. A level with a grid of its own
///   has a key of its own: that of the provider which provider_level gives. Under a key that no provider
///   has, a tile need only have the size and type of the one that it replaces.
/// - bands, n_bands: which bands of the image the pixels are, each of them once and in any order: the
///   pixels have just as many; NULL and 0 for all.
/// - pixels: required. Strides of both 0 are packed, valid_width and valid_height of 0 are all.
/// - release: NULL copies the pixels before the call returns. Otherwise, if the strides are as
///   tc_pixels asks and `data` is aligned to its type, the cache lends your memory out without a copy:
///   it must stay readable and unchanged until release(user) is called, once, when the cache and all
///   tiles have given it up, possibly before this call returns; with TC_PIXELS_DEFER_RELEASE by
///   tc_run_releases. With other strides the pixels are
///   copied and release(user) is called before the call returns. On failure release is not called.
/// - user: passed to `release`.
/// - err: may be NULL.
///
/// Memory that you lend takes nothing from the budget, whatever its size, but the bookkeeping of its tile: a
/// cache of 10 MiB keeps 100 MiB of it, unless TC_PIXELS_COUNTED says that it counts like memory of the
/// library. Then it is evicted like that too, and `release` called, on the thread of the call that needs the
/// room and without a lock of the library, but never while somebody holds the tile. `lent` of tc_cache_stats
/// tells how much there is. A tile that finds no room is not an error: it counts as rejected, and what was lent
/// for it and counts is released before the call returns.
///
/// Errors: TC_E_ARGUMENT also if the tile does not fit its key or its bands, or a band is named twice;
/// TC_E_RANGE also for a band that the image does not have, or from 65536 on; TC_E_LIMIT, TC_E_NO_MEMORY.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_put(
    cache: *mut tc_cache,
    key: *const c_char,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    n_bands: usize,
    pixels: *const tc_pixels,
    release: tc_release_fn,
    user: *mut c_void,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let cache = &handle::borrow(cache, "cache")?.cache;
            let (key, at) = (args::text(key, "key")?, args::block(row, col, level)?);
            let bands = key_bands(bands, n_bands)?;
            let (array, valid, flags) = Array::of_pixels(handle::given(pixels, "pixels")?)?;
            let deferred = flags & tc_pixels_flags::TC_PIXELS_DEFER_RELEASE as u32 != 0;
            let owner = Owner::of_memory(release, user, deferred);
            let is_counted = flags & tc_pixels_flags::TC_PIXELS_COUNTED as u32 != 0;
            let lent = match release {
                Some(_) => array.lend(&owner, is_counted)?,
                None => None,
            };
            let pixels = lent.map_or_else(|| array.copy(), Ok)?;
            let pixels = pixels.with_valid(valid.0, valid.1);
            let absent = flags & tc_pixels_flags::TC_PIXELS_ABSENT as u32 != 0;
            cache.put(
                key,
                at,
                &bands,
                if absent { pixels.as_absent() } else { pixels },
            )?;
            owner.take();
            Ok(())
        })
    }
}

/// Forgets a tile. Whoever holds it keeps it, and a load in progress is unaffected.
///
/// Arguments as for tc_get, but only the tile of just these bands goes; one that has more stays.
///
/// Errors: TC_E_NOT_RESIDENT if the cache does not have it, TC_E_ARGUMENT, TC_E_RANGE. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_remove(
    cache: *mut tc_cache,
    key: *const c_char,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    n_bands: usize,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let cache = &handle::borrow(cache, "cache")?.cache;
            let (key, at) = (args::text(key, "key")?, args::block(row, col, level)?);
            match cache.remove(key, at, &key_bands(bands, n_bands)?) {
                true => Ok(()),
                false => Err(not_resident()),
            }
        })
    }
}

/// A band list for a key whose number of bands only the cache knows.
///
/// # Safety
/// As for [`args::band_list`].
unsafe fn key_bands(bands: *const i32, n_bands: usize) -> Result<Bands> {
    // SAFETY: promised by the caller.
    unsafe { args::bands(bands, n_bands, 0) }
}

/// The answer of calls that only look.
fn not_resident() -> Error {
    Error::new(Kind::NotResident, "the tile is not in the cache")
}

/// A tile that was looked for and must be there.
pub fn resident(found: Option<Tile>) -> Result<Tile> {
    found.ok_or_else(not_resident)
}
