//! What every provider answers.

use super::args;
use super::array::Array;
use super::cache::{resident, tc_cache_stats};
use super::fork;
use super::georef_told::Georefs;
use super::guard::{guard, guard_value, succeed};
use super::handle;
use super::image::describe;
use super::status::{tc_error, tc_status};
use super::tile::tc_tile;
use super::types::{tc_band_flags, tc_band_info, tc_image_info, tc_target};
use crate::dtype::Sample;
use crate::error::Result;
use crate::image::{Bands, Block};
use crate::load::Cancel;
use crate::provider::{self, Provider};
use crate::tile::Tile;
use crate::window;
use std::ffi::{CStr, CString, c_char};
use std::ptr::{NonNull, null, null_mut};
use std::sync::{Arc, OnceLock};

/// An image as a grid of blocks: a file, memory, your callbacks, or an operator over another provider.
///
/// All answer the same calls. Providers may be shared among threads; calls on one run concurrently.
/// A provider keeps alive what it is made from.
///
/// Reference-counted: provider_retain, provider_release.
pub struct tc_provider {
    /// The provider itself.
    pub provider: Arc<dyn Provider>,
    /// Where that is.
    direct: NonNull<dyn Provider>,
    /// What ends it, if it is a reader.
    pub cancel: Option<Arc<Cancel>>,
    /// What its windows have outside the image, if that is not pad.
    pub fill: Option<Sample>,
    key: CString,
    metadata: OnceLock<Vec<Entry>>,
    /// Where it lies.
    pub georefs: Georefs,
}

/// One name and text of the metadata, as C reads them.
struct Entry {
    band: Option<u32>,
    name: CString,
    value: CString,
}

// SAFETY: what `direct` points to is that of `provider`, which is both.
unsafe impl Send for tc_provider {}
// SAFETY: as above.
unsafe impl Sync for tc_provider {}

impl tc_provider {
    /// The provider, without the way to it through the counts of its `Arc`.
    #[inline(always)]
    fn direct(&self) -> &dyn Provider {
        // SAFETY: `provider` keeps it alive and where it is, and is never another.
        unsafe { self.direct.as_ref() }
    }

    /// A new handle to a provider.
    pub fn handle(provider: Arc<dyn Provider>) -> *mut tc_provider {
        Self::filling(provider, None)
    }

    /// A new handle to a provider whose windows have `fill` outside the image.
    pub fn filling(provider: Arc<dyn Provider>, fill: Option<Sample>) -> *mut tc_provider {
        Self::with(provider, None, fill)
    }

    /// A new handle to a reader that `cancel` ends.
    pub fn reader(
        provider: Arc<dyn Provider>,
        cancel: Arc<Cancel>,
        fill: Option<Sample>,
    ) -> *mut tc_provider {
        Self::with(provider, Some(cancel), fill)
    }

    fn with(
        provider: Arc<dyn Provider>,
        cancel: Option<Arc<Cancel>>,
        fill: Option<Sample>,
    ) -> *mut tc_provider {
        let key = c_text(provider.key());
        handle::new(tc_provider {
            direct: NonNull::from(&*provider),
            provider,
            cancel,
            fill,
            key,
            metadata: OnceLock::new(),
            georefs: Georefs::default(),
        })
    }

    /// The entries of a band, or of the image, in the order of their names.
    fn entries(&self, band: Option<u32>) -> &[Entry] {
        let all = self.metadata.get_or_init(|| {
            let entry = |((band, name), value): (&(Option<u32>, String), &String)| Entry {
                band: *band,
                name: c_text(name),
                value: c_text(value),
            };
            let mut all: Vec<Entry> = self.provider.image().metadata.iter().map(entry).collect();
            // As C has names they may have another order.
            all.sort_by(|one, other| (one.band, &one.name).cmp(&(other.band, &other.name)));
            all
        });
        let begin = all.partition_point(|entry| entry.band < band);
        let end = all.partition_point(|entry| entry.band <= band);
        &all[begin..end]
    }
}

/// Text that ends with its only NUL. Files may hold several NUL-ended texts in one; they become lines.
pub fn c_text(text: &str) -> CString {
    let bytes = text.trim_end_matches('\0').replace('\0', "\n");
    CString::new(bytes).unwrap_or_default()
}

/// A band of the image, or the image itself for -1.
fn metadata_band(band: i32) -> Option<Option<u32>> {
    match band {
        -1 => Some(None),
        band => u32::try_from(band).ok().map(Some),
    }
}

/// ======== EVERY PROVIDER ========
///
/// One more reference to a provider. Returns `provider`; NULL gives NULL.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_retain(provider: *mut tc_provider) -> *mut tc_provider {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::retain(provider) }
}

/// Gives up a reference to a provider. With the last one, and the last operator over it, the source is
/// closed: sessions, then the release function. Tiles in your hands, and in caches, stay. NULL does
/// nothing.
///
/// Cannot fail; never waits for a load. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_release(provider: *mut tc_provider) {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::release(provider) }
}

/// The key under which caches know the image: readable text that names the source first and then every
/// operation with its parameters. Same key, same pixels.
///
/// Returns text borrowed from `provider`, valid until you release it; NULL for NULL.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_key(provider: *const tc_provider) -> *const c_char {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { provider.as_ref() }.map_or(null(), |provider| provider.key.as_ptr())
}

/// The format of the file that the pixels come from: "TIFF", "BigTIFF", "JPEG 2000", "NITF 2.0", "NITF 2.1",
/// "NSIF 1.0", "PNG" or "JPEG"; more may come. Operators have the format of their source.
///
/// - provider: NULL gives NULL.
///
/// Returns static text; NULL where there is no file, as under provider_from_memory and
/// provider_from_source.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_format(provider: *const tc_provider) -> *const c_char {
    // SAFETY: the caller keeps what the header says of every pointer.
    let provider = unsafe { provider.as_ref() };
    guard_value(null(), || {
        let format = provider.and_then(|provider| provider.provider.image().format);
        format.map_or(null(), CStr::as_ptr)
    })
}

/// What the image is. It never changes.
///
/// - provider: required.
/// - info: required, with struct_size set; the other members are 0 on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_info(
    provider: *const tc_provider,
    info: *mut tc_image_info,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let info = args::output_sized(info, "info")?;
            let provider = &handle::borrow(provider, "provider")?.provider;
            info.set(describe(provider.image(), provider.mask().is_some()));
            Ok(())
        })
    }
}

/// What a band is. It never changes.
///
/// - provider: required.
/// - band: from 0.
/// - info: required, with struct_size set; the other members are 0 on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE if there is no such band, TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_band_info(
    provider: *const tc_provider,
    band: i32,
    info: *mut tc_band_info,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let info = args::output_sized(info, "info")?;
            let image = handle::borrow(provider, "provider")?.provider.image();
            let band = args::natural(band, "band")? as u32;
            image.check_bands(&Bands::of(&[band], 0))?;
            let band = &image.bands[band as usize];
            info.set(tc_band_info {
                struct_size: 0,
                colour: band.colour as i32,
                flags: band
                    .nodata
                    .map_or(0, |_| tc_band_flags::TC_BAND_HAS_NODATA as u32),
                reserved: 0,
                nodata: band.nodata.unwrap_or_default().0,
            });
            Ok(())
        })
    }
}

/// A text that came with the image: a TIFF tag, a NITF field, XML, ... by its name.
///
/// What is wrong with a file of which pixels are read all the same is told in the texts TC:WARNING:1,
/// TC:WARNING:2, ... of band -1.
///
/// - provider: NULL gives NULL.
/// - band: from 0, or -1 for what concerns the whole image.
/// - name: NULL gives NULL.
///
/// Returns UTF-8 borrowed from `provider`, valid until you release it; NULL if there is no such text.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_metadata(
    provider: *const tc_provider,
    band: i32,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: the caller keeps what the header says of every pointer.
    let (provider, name) = unsafe {
        let name = (!name.is_null()).then(|| CStr::from_ptr(name));
        (provider.as_ref(), name)
    };
    guard_value(null(), || {
        let found = provider.and_then(|provider| {
            let (band, name) = (metadata_band(band)?, name?);
            let entries = provider.entries(band);
            let at = entries.partition_point(|entry| entry.name.as_c_str() < name);
            entries
                .get(at)
                .filter(|entry| entry.name.as_c_str() == name)
        });
        found.map_or(null(), |entry| entry.value.as_ptr())
    })
}

/// How many texts came with the image.
///
/// - provider: NULL gives 0.
/// - band: from 0, or -1 for what concerns the whole image.
///
/// Cannot fail; 0 for bands that do not exist. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_metadata_count(provider: *const tc_provider, band: i32) -> usize {
    // SAFETY: the caller keeps what the header says of every pointer.
    let provider = unsafe { provider.as_ref() };
    guard_value(0, || {
        let entries = provider.and_then(|provider| Some(provider.entries(metadata_band(band)?)));
        entries.map_or(0, <[Entry]>::len)
    })
}

/// The name of a text that came with the image, to be used with provider_metadata.
///
/// - provider: NULL gives NULL.
/// - band: from 0, or -1 for what concerns the whole image.
/// - index: from 0 to below provider_metadata_count.
///
/// Returns UTF-8 borrowed from `provider`, valid until you release it; NULL if there is none.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_metadata_name(
    provider: *const tc_provider,
    band: i32,
    index: usize,
) -> *const c_char {
    // SAFETY: the caller keeps what the header says of every pointer.
    let provider = unsafe { provider.as_ref() };
    guard_value(null(), || {
        let found = provider.and_then(|provider| provider.entries(metadata_band(band)?).get(index));
        found.map_or(null(), |entry| entry.name.as_ptr())
    })
}

/// Whether a block is stored. Absent blocks read as pad without being decoded. Their tiles share one
/// buffer for each size, type and pad value in the process, outside all budgets; at most 16 MiB of such
/// buffers stay while nobody holds them, until tc_clear.
///
/// - provider: required.
/// - row, col, level: of the grid; outside it, no block is stored, nor at a level that the file leaves out
///   below others.
/// - has: receives 1 or 0; 0 on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for negative numbers, TC_E_ARGUMENT, TC_E_CANCELLED, and what the source reports.
/// Not a use.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_has_block(
    provider: *mut tc_provider,
    row: i64,
    col: i64,
    level: i32,
    has: *mut i32,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let has = args::output(has, 0, "has")?;
            let provider = &handle::borrow(provider, "provider")?.provider;
            let stored = provider::has_block(&**provider, args::block(row, col, level)?)?;
            has.set(stored.into());
            Ok(())
        })
    }
}

/// A block as a tile: from the cache, from a load that another thread has begun, or decoded now.
///
/// - provider: required.
/// - row, col, level: of the grid.
/// - bands, n_bands: which bands in which order, repeats allowed; NULL and 0 for all.
/// - tile: receives a reference that you own and release with tc_tile_release; NULL on failure.
/// - err: may be NULL.
///
/// The tile has the size of the block at that level: cut at the right and bottom edge, unless the
/// provider pads. A block that is not stored gives a tile of pad with TC_PIXELS_ABSENT.
///
/// Errors: TC_E_RANGE if there is no such block, level or band; TC_E_NOT_FOUND at a level that the file
/// leaves out below others; TC_E_ARGUMENT; TC_E_SOURCE if a callback failed; TC_E_IO, TC_E_CORRUPT, TC_E_UNSUPPORTED, TC_E_CHANGED for files; TC_E_REENTRANT
/// if the call would wait for itself; TC_E_CANCELLED by provider_cancel; TC_E_NO_MEMORY; TC_E_LIMIT. A
/// failure is not remembered: the next call tries again. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_get_block(
    provider: *mut tc_provider,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    n_bands: usize,
    tile: *mut *mut tc_tile,
    err: *mut tc_error,
) -> tc_status {
    let is_plain = bands.is_null() && n_bands == 0 && (row | col | i64::from(level)) >= 0;
    if !is_plain || fork::is_child() || provider.is_null() || tile.is_null() {
        // SAFETY: the caller keeps what the header says of every pointer.
        return unsafe { get_any_block(provider, row, col, level, bands, n_bands, tile, err) };
    }
    // What nearly every call is needs no guard, for it can neither fail nor call anything of a user's. No handle
    // is from before a fork, and no account is kept of tiles.
    let at = Block::new(level as u32, row as u64, col as u64);
    // SAFETY: as above.
    match unsafe { &*provider }.direct().hit(&at) {
        // SAFETY: as above.
        Some(found) => unsafe {
            tile.write(tc_tile::handle_of_no_child(found));
            succeed(err)
        },
        // SAFETY: as above.
        None => unsafe { get_missed_block(&*provider, at, tile, err) },
    }
}

/// [`provider_get_block`], whatever its arguments are.
///
/// # Safety
/// As for [`provider_get_block`].
#[cold]
#[inline(never)]
unsafe fn get_any_block(
    provider: *mut tc_provider,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    n_bands: usize,
    tile: *mut *mut tc_tile,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: promised by the caller.
    unsafe {
        guard(err, || {
            let tile = args::output(tile, null_mut(), "tile")?;
            let provider = &handle::borrow(provider, "provider")?.provider;
            let at = args::block(row, col, level)?;
            let bands = args::bands(bands, n_bands, provider.image().band_count())?;
            let found = provider::get_block(&**provider, at, &bands)?;
            tile.set(tc_tile::handle(found));
            Ok(())
        })
    }
}

/// [`provider_get_block`] with all bands, where the block is not had at once.
///
/// # Safety
/// As for [`provider_get_block`].
#[cold]
#[inline(never)]
unsafe fn get_missed_block(
    provider: &tc_provider,
    at: Block,
    tile: *mut *mut tc_tile,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: promised by the caller.
    unsafe {
        guard(err, || {
            let tile = args::output(tile, null_mut(), "tile")?;
            let found = provider::get_block(&*provider.provider, at, &Bands::ALL)?;
            tile.set(tc_tile::handle(found));
            Ok(())
        })
    }
}

/// A block if it can be had at once: never decodes, never waits, and is not a use.
///
/// Arguments as for provider_get_block.
///
/// Errors: TC_E_NOT_RESIDENT if it would have to be decoded, mapped or put together from other blocks;
/// TC_E_RANGE if there is no such block, level or band; TC_E_ARGUMENT; TC_E_CANCELLED. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_peek_block(
    provider: *mut tc_provider,
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
            resident_block(
                provider,
                row,
                col,
                level,
                bands,
                n_bands,
                tile,
                provider::peek_block,
            )
        })
    }
}

/// A block if it can be had at once, as provider_get_block has it from the cache: never decodes and never
/// waits, for threads that must not, as those of an event loop. To have it made, ask with
/// provider_request_block.
///
/// - provider: required.
/// - row, col, level, bands, n_bands: as for provider_get_block.
/// - tile: receives a reference that you own and release with tc_tile_release; NULL on failure.
/// - err: may be NULL.
///
/// A tile that is had is a hit and a use. One that a cache does not have is a miss. Some bands of a tile that
/// cannot be seen in place are copied, and the copy is not kept.
///
/// Errors: TC_E_NOT_RESIDENT if the block would have to be decoded, mapped or put together from other blocks,
/// or is being made; TC_E_RANGE if there is no such block, level or band; TC_E_ARGUMENT; TC_E_CANCELLED.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_try_block(
    provider: *mut tc_provider,
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
            resident_block(
                provider,
                row,
                col,
                level,
                bands,
                n_bands,
                tile,
                provider::try_block,
            )
        })
    }
}

/// Gives out a block that `look` finds without making it.
///
/// # Safety
/// The pointers must be as the header says.
unsafe fn resident_block(
    provider: *mut tc_provider,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    n_bands: usize,
    tile: *mut *mut tc_tile,
    look: fn(&dyn Provider, Block, &Bands) -> Result<Option<Tile>>,
) -> Result<()> {
    // SAFETY: promised by the caller.
    unsafe {
        let tile = args::output(tile, null_mut(), "tile")?;
        let provider = &handle::borrow(provider, "provider")?.provider;
        let at = args::block(row, col, level)?;
        let bands = args::bands(bands, n_bands, provider.image().band_count())?;
        let found = look(&**provider, at, &bands)?;
        tile.set(tc_tile::handle(resident(found)?));
        Ok(())
    }
}

/// Copies any rectangle of a level into memory of yours. What lies outside the image is pad, or what the
/// reader fills it with: see tc_reader_options.
///
/// - provider: required.
/// - x, y: the column and row of the level where the rectangle begins, negative allowed; its size is
///   that of `into`.
/// - bands, n_bands: which band of the image goes into each band of `into`, in any order, repeats
///   allowed; TC_BAND_OPAQUE writes opaque alpha; NULL and 0 for all in order.
/// - into: required; conversion as in tc_tile_copy.
/// - err: may be NULL.
///
/// Every block that the rectangle touches is used, in row order, and counted. Through a provider that is
/// cached, what is resident is copied. Of a tile (provider_retile) that is not resident and of which the
/// rectangle touches at most three quarters of the blocks, none wider or higher than a tile, no tile is made: these
/// blocks are used, and kept in the cache of the tiles under the key of the source. Nor is one made where what is decoded
/// for windows is kept (large tiles of JPEG 2000) and the rectangle has at most three quarters of its pixels, until as many
/// pixels as it has were read in this way. Where a source can read parts of
/// blocks (TC_IMAGE_WINDOWED), a small part of a block that is not resident is read by itself and not kept, until so much
/// of the block was read in this way that it is decoded as a whole, if the cache has room to keep it.
///
/// Errors: as provider_get_block; after a failure the memory of `into` may be partly written.
/// Thread-safe, as long as nobody else uses the memory of `into`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_read_window(
    provider: *mut tc_provider,
    x: i64,
    y: i64,
    level: i32,
    bands: *const i32,
    n_bands: usize,
    into: *const tc_target,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let handle = handle::borrow(provider, "provider")?;
            let provider = &handle.provider;
            let image = provider.image();
            let level = args::natural(level, "level")? as u32;
            let bands = args::copied_bands(bands, n_bands, image.band_count())?;
            let into = Array::of_target(handle::given(into, "into")?, "into", image.dtype)?;
            into.check_bands(bands.len())?;
            let fill = handle.fill.unwrap_or(image.pad);
            window::read_filled(provider, x, y, level, &bands, into.target(), &fill)
        })
    }
}

/// What this provider has done, and what it has in the cache that keeps its tiles. Providers with one
/// key in one cache count together.
///
/// Of the members of `stats`, budget, reusable, max_in_flight, queued, overdue, index and observation belong to a cache or
/// the process as a whole and are 0. A buffer counts with the provider that brought it, also where tiles of others are
/// views of it; in_flight is that of tiles of its own, not of blocks that pass through on the way to
/// them, and peak leaves out what the key is charged. Without a cache of its own, all sizes are 0.
///
/// - provider: required.
/// - stats: required, with struct_size set; the other members are 0 on failure.
/// - amplification: receives the blocks that the source under this provider has decoded, for all who
///   asked it, divided by the distinct ones among them: 1 if none was decoded twice, 0 if none was
///   decoded; a part of a block counts as its share of the block's pixels, and what a source had to decode
///   beneath its blocks as it says by tc_decoded_beneath; an estimate where an image has more than 8388608
///   blocks; may be NULL.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_counters(
    provider: *const tc_provider,
    stats: *mut tc_cache_stats,
    amplification: *mut f64,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let ratio = args::output(amplification, 0.0, "amplification").ok();
            let stats = args::output_sized(stats, "stats")?;
            let provider = &handle::borrow(provider, "provider")?.provider;
            let (counters, usage) = (provider.counters(), provider.usage());
            stats.set(tc_cache_stats {
                resident: usage.idle + usage.held,
                idle: usage.idle,
                held: usage.held,
                over_budget: usage.over_budget,
                orphaned: usage.orphaned,
                in_flight: usage.in_flight,
                peak: usage.peak,
                entries: usage.entries,
                lent: usage.lent,
                lent_counted: usage.lent_counted,
                ..tc_cache_stats::of(&counters)
            });
            if let Some(ratio) = ratio {
                ratio.set(counters.amplification());
            }
            Ok(())
        })
    }
}

/// The pixels of the source have changed: forgets them and everything built on them, for every
/// provider of the same image and in every cache of the process.
///
/// A get that begins after this has returned never yields the old pixels, never joins a load that
/// began before, and no such load is kept. Tiles in the hands of callers keep the pixels that they
/// have. Costs time in proportion to what is forgotten. Files that change under a reader are noticed
/// without it, but for a rewrite of equal size within the step of the file system's clock.
///
/// - provider: required; the source itself or any operator over it, which stands for all sources that it is computed
///   from. A tc_source that reads other providers is a source, and stands for itself alone.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_invalidate(
    provider: *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            crate::cache::invalidate(handle::borrow(provider, "provider")?.provider.key());
            Ok(())
        })
    }
}

/// Takes what a constructor of providers made to the place where the caller wants it.
///
/// # Safety
/// `to` must be NULL or writable.
pub unsafe fn deliver(
    to: *mut *mut tc_provider,
    make: impl FnOnce() -> Result<Arc<dyn Provider>>,
) -> Result<()> {
    // SAFETY: promised by the caller.
    let to = unsafe { args::output(to, null_mut(), "provider")? };
    to.set(tc_provider::handle(make()?));
    Ok(())
}

/// The providers that a caller may lend as `source`.
///
/// # Safety
/// `source` must be NULL or a live handle.
pub unsafe fn source_of(source: *mut tc_provider) -> Result<Arc<dyn Provider>> {
    // SAFETY: promised by the caller.
    let source = unsafe { handle::borrow(source, "source") }?;
    Ok(source.provider.clone())
}
