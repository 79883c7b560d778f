//! Other tiers: a caller's store of blocks behind the memory of a cache.

use super::args::{self, SizeLed};
use super::array::Array;
use super::cache::tc_cache;
use super::callback::target_of;
use super::guard::{guard, guard_value};
use super::handle::{self, Object};
use super::provider::tc_provider;
use super::status::{tc_error, tc_status};
use super::tier_table::{Open, Table};
use super::types::{tc_dtype, tc_pixels, tc_target};
use crate::cache::{ALWAYS, Generation, Lease, Link, Reply, TierCounters, TierHealth, TierOptions};
use crate::dtype::DType;
use crate::error::{Error, Kind, Result};
use crate::layout::Shape;
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A cache as its tier knows it.
///
/// Reference-counted: tc_set_tier gives one reference to `attach`, tc_tier_link_release gives it up. It may be used on
/// any thread until then, also when the cache is gone: then nothing is open any more.
pub struct tc_tier_link {
    pub(super) open: Arc<Open>,
}

impl Object for tc_tier_link {}

/// Which pixels of a source a tier means. Frozen. All 0 where the tier does not tell when sources change.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_generation {
    /// Rises with each change.
    pub counter: u64,
    /// Random bits, which tell apart what has the same counter.
    pub random: u64,
}

/// A block of a source, with all its bands. Size-led, filled in by the library; valid during the call that it is given to,
/// with all that it points to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_tier_block {
    /// sizeof(tc_tier_block) of the library.
    pub struct_size: u32,
    /// The sample type.
    pub dtype: tc_dtype,
    /// What the source is called on all machines: `id:` and the text of tc_open_options.fleet_id or tc_source.fleet_id, or
    /// `sum:` and what TC_OPEN_FLEET_DIGEST computes. UTF-8.
    pub source: *const c_char,
    /// Bytes that tell the block from all others on all machines, but for the generation: the identity, which image, level
    /// and mask of it, bands, type, sizes, place, and a number that rises when the library makes other pixels of the same
    /// file. A digest of these and the generation is the key of the block in a store.
    pub material: *const c_void,
    /// How many.
    pub material_bytes: usize,
    /// tc_generation.counter of the block: for `put` that with which its decode began.
    pub generation_counter: u64,
    /// tc_generation.random of the block.
    pub generation_random: u64,
    /// Columns of the pixels. All together they have width * height * bands * sample_bytes bytes, row by row and band by
    /// band, in the byte order of the machine.
    pub width: i64,
    /// Rows.
    pub height: i64,
    /// Bands.
    pub bands: i32,
    /// Bytes of a sample.
    pub sample_bytes: u32,
    /// The level of the source, for logs.
    pub level: i64,
    /// The row in its grid.
    pub row: i64,
    /// The column.
    pub col: i64,
    /// How long a block of the source takes to decode, as of late, in nanoseconds; 0: not known yet. Where the store takes
    /// longer, TC_TIER_MISS is the better answer.
    pub decode_ns: u64,
}

/// What tc_tier_answer says.
#[repr(C)]
pub enum tc_tier_outcome {
    /// Nothing is there, or it is doubtful: the block is decoded.
    TC_TIER_MISS = 0,
    /// The pixels are those of the answer, or in the memory of tc_tier_room.
    TC_TIER_PIXELS = 1,
    /// Of `lease` only: this process has the lease, and decodes the block.
    TC_TIER_LEASED = 2,
    /// Of `lease` with `wait` 0 only: another process has the lease. The library asks again with `wait` 1 when it has
    /// made all blocks whose leases it has.
    TC_TIER_BUSY = 3,
}

/// How a tier is, as tc_tier_account.state says.
#[repr(C)]
pub enum tc_tier_state {
    /// It works.
    TC_TIER_CLOSED = 0,
    /// It is not asked, for it failed.
    TC_TIER_OPEN = 1,
    /// It is tried whether it works again.
    TC_TIER_HALF_OPEN = 2,
    /// It has no room for more.
    TC_TIER_FULL = 3,
    /// It refuses us, as for a wrong password.
    TC_TIER_DENIED = 4,
}

/// The bits of tc_tier.flags.
#[repr(C)]
pub enum tc_tier_flags {
    /// Each request for a block or tile that is built on sources of which the tier tells the generations looks at the clock,
    /// and uses no memory of a source after the moment that tc_tier_confirmed named: whatever became of the tier's own
    /// thread meanwhile, also where the process was stopped and goes on. Without it no hit looks at a clock, and memory is
    /// used until the tier says otherwise. A hit takes several times as long, and a lock that all threads share. Needs
    /// `generation`.
    TC_TIER_STRICT = 1,
    /// `put` gets a decoded block not after its decode, but when it leaves the memory: when it is evicted or cleared, when
    /// tiles were made of it and nothing keeps it beside them, and when the cache goes; or by tc_flush_tier before that.
    /// What stays is not put, nor is what has changed since or came from the tier. `queue_bytes` of the budget, at most a
    /// quarter, are set aside for what is on its way; what leaves faster than the tier takes it is dropped and counted.
    /// What is in memory when the process ends is lost. As a block is not put at once, nobody should wait for it: `lease`
    /// is never called, and processes that want the same block at once all decode it. Needs `put`, which is also called
    /// inside tc_tier_answer and tc_tier_room then, where a tile that comes in lets others go.
    TC_TIER_PUT_EVICTED = 2,
}

/// What a tier counts of itself, for statistics. Size-led; the library sets struct_size, and 0 in all else.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct tc_tier_account {
    /// sizeof(tc_tier_account) of the library: write no more than that.
    pub struct_size: u32,
    /// One of tc_tier_state.
    pub state: u32,
    /// Failures to reach the store.
    pub unreachable: u64,
    /// Answers of the store that were late.
    pub late: u64,
    /// Values that were torn, cut, of another version, or flipped.
    pub garbage: u64,
    /// Values that nobody with the secret wrote.
    pub forged: u64,
    /// Puts that the store had no room for.
    pub full: u64,
    /// What was refused: a password, a value that is too large.
    pub refused: u64,
    /// Round trips to the store.
    pub round_trips: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Blocks for which the store was not asked, for it was open, or a decode was cheaper.
    pub skipped: u64,
}

/// A store of blocks behind the memory of a cache: files, a store on the network. Size-led; copied by tc_set_tier.
///
/// What goes there are blocks of sources as they were decoded, with all bands, of sources that have an identity on all
/// machines (tc_open_options.fleet_id, tc_source.fleet_id). A request asks for all blocks that it needs and that are
/// neither in memory nor being made, before any of them is decoded: `get`, and for those that are not there `lease`. No
/// lock, no place among the loads of tc_cache_options.max_in_flight and no session is held meanwhile, and
/// provider_request_block keeps no thread. A caller that waits goes on when an answer is late, and when it is cancelled.
/// Blocks with absent pixels are never asked for.
///
/// The functions are called on any thread, several at once, with no lock held; but for `purge` all should return at once.
/// They may call tc_tier_answer and the other tc_tier_ functions, and must not throw, unwind or longjmp.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_tier {
    /// sizeof(tc_tier), set by you.
    pub struct_size: u32,
    /// Bits of tc_tier_flags.
    pub flags: u32,
    /// Passed to all functions.
    pub user: *mut c_void,
    /// The longest that a request waits for an answer to `get` or to `lease` with `wait` 0, in nanoseconds. 0 is 100 ms.
    pub get_ns: u64,
    /// The longest that it waits for an answer to `lease` with `wait` 1. 0 is a minute.
    pub lease_ns: u64,
    /// The most bytes of blocks that wait to be put, which take room of the budget meanwhile; more are dropped and
    /// counted. 0 is a sixteenth of the budget.
    pub queue_bytes: u64,
    /// Called once, inside tc_set_tier, with a reference that is yours. Required.
    pub attach: Option<unsafe extern "C" fn(user: *mut c_void, link: *mut tc_tier_link)>,
    /// Asks for a block: tc_tier_answer with `ticket`, once, inside the call or later from any thread, until `deadline_ns`
    /// of CLOCK_MONOTONIC; what comes later comes to nothing. A ticket that is never answered keeps the cache alive as long
    /// as somebody waits for it. Required.
    pub get: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            block: *const tc_tier_block,
            deadline_ns: u64,
            ticket: u64,
        ),
    >,
    /// Takes a block that was decoded, or with TC_TIER_PUT_EVICTED one that leaves the memory. It does not write it here, but enqueues it for a thread of yours. `pixels` may be
    /// read until tc_tier_taken with `parcel`, which must come once. lease: what tc_tier_answer said with TC_TIER_LEASED,
    /// which ends when the block is put or dropped; else 0. NULL: nothing is put.
    pub put: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            block: *const tc_tier_block,
            lease: u64,
            pixels: *const tc_pixels,
            parcel: u64,
        ),
    >,
    /// Asks for the right to decode a block that `get` did not find, so that other processes wait for it. With `wait` 0 the
    /// answer is TC_TIER_LEASED, TC_TIER_BUSY, TC_TIER_MISS: decode it without, or TC_TIER_PIXELS: the block was put since
    /// `get` (a tier should look once more when it has got a lease, and then give it back itself). With `wait` 1, after TC_TIER_BUSY, it is
    /// the first of TC_TIER_PIXELS, TC_TIER_LEASED when the lease was free again without a block, and TC_TIER_MISS when the
    /// tier gives up. A lease lasts until `put` or `unlease`, one of which always comes; a tier whose leases end by
    /// themselves, lest a process that died keep one, renews them until then. NULL: there are none.
    pub lease: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            block: *const tc_tier_block,
            wait: i32,
            deadline_ns: u64,
            ticket: u64,
        ),
    >,
    /// Ends a lease without a put: the decode failed, or nobody wants it any more. Required with `lease`, else NULL.
    pub unlease:
        Option<unsafe extern "C" fn(user: *mut c_void, block: *const tc_tier_block, lease: u64)>,
    /// watched 1: from now on the tier is to tell the generation of a source by tc_tier_changed, at once and whenever it
    /// changes. Until it does so for the first time the source is suspect. 0: it need not any more. NULL: sources never
    /// change, but by provider_invalidate, after which nothing of them is asked.
    pub generation:
        Option<unsafe extern "C" fn(user: *mut c_void, source: *const c_char, watched: i32)>,
    /// The pixels of a source have changed: makes a new generation in the store, tells it by tc_tier_changed, and returns
    /// when no process uses memory of the one before. TC_OK only if the store took it; else TC_E_UNREACHABLE or another
    /// status, with a message. It may take its time. NULL: provider_invalidate_fleet is TC_E_UNSUPPORTED.
    pub purge: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            source: *const c_char,
            err: *mut tc_error,
        ) -> tc_status,
    >,
    /// Fills in what the tier counts, for statistics. NULL: nothing.
    pub health: Option<unsafe extern "C" fn(user: *mut c_void, health: *mut tc_tier_account)>,
    /// Called once, when the cache is gone and no ticket and no parcel is open: no other call comes after it. On whatever
    /// thread gives up the last reference, also on one of yours inside tc_tier_answer or tc_tier_taken. Required.
    pub release: Option<unsafe extern "C" fn(user: *mut c_void)>,
    /// Called on a thread that has called `get` or `lease` for all blocks that it needs now, before it waits for them: a
    /// tier may ask its store for all at once. NULL: nothing to do.
    pub flush: Option<unsafe extern "C" fn(user: *mut c_void)>,
    /// Called by tc_flush_tier when all parcels were taken: returns 1 when what was put is stored or dropped, or 0 after
    /// `timeout_ns` nanoseconds. It may take its time until then. NULL: what was taken is stored.
    pub settle: Option<unsafe extern "C" fn(user: *mut c_void, timeout_ns: u64) -> i32>,
}

/// What happened between a cache and its tier. Size-led.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_tier_stats {
    /// sizeof(tc_tier_stats), set by you.
    pub struct_size: u32,
    /// One of tc_tier_state, as the tier says.
    pub state: u32,
    /// Blocks that the tier was asked for.
    pub gets: u64,
    /// Those that it had, at once or after a wait for another process.
    pub hits: u64,
    /// The bytes of their pixels.
    pub hit_bytes: u64,
    /// The time from those questions to their answers, in nanoseconds, summed.
    pub hit_nanoseconds: u64,
    /// Answers that a block is not there.
    pub misses: u64,
    /// Questions that were not answered in time.
    pub late: u64,
    /// Answers that could not be: another size or type, another outcome.
    pub refused: u64,
    /// Leases that this process got.
    pub leases_won: u64,
    /// Blocks that came from another process which had the lease.
    pub leases_waited: u64,
    /// Waits for another process that ended without the block.
    pub leases_given_up: u64,
    /// Blocks given to the tier to be put.
    pub puts: u64,
    /// The bytes of their pixels.
    pub put_bytes: u64,
    /// Blocks that were not, because the queue was full.
    pub puts_dropped: u64,
    /// Bytes of blocks that wait to be put now.
    pub queued: u64,
    /// Blocks for which nothing was asked, because their source has no identity on all machines.
    pub unnamed: u64,
    /// Or because it was invalidated here alone, its purge failed, or its file was replaced by another one.
    pub left: u64,
    /// Or because it was not known whether it has changed.
    pub suspect: u64,
    /// Changes of sources that the tier told of.
    pub changes: u64,
    /// Times at which it became unknown whether a source has changed.
    pub suspicions: u64,
    /// Purges that succeeded.
    pub purges: u64,
    /// Purges that failed.
    pub purges_failed: u64,
    /// What the tier says of itself: failures to reach the store.
    pub unreachable: u64,
    /// Answers of the store that were late.
    pub store_late: u64,
    /// Values that were torn, cut, of another version, or flipped.
    pub garbage: u64,
    /// Values that nobody with the secret wrote.
    pub forged: u64,
    /// Puts that the store had no room for.
    pub full: u64,
    /// What the store refused.
    pub denied: u64,
    /// Round trips to the store.
    pub round_trips: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Blocks for which the tier did not ask its store.
    pub skipped: u64,
    /// Bytes of blocks in memory that are put when they leave it, with TC_TIER_PUT_EVICTED.
    pub owed: u64,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<tc_tier_block>() == 104 && offset_of!(tc_tier_block, width) == 48);
    assert!(size_of::<tc_tier>() == 128 && offset_of!(tc_tier, attach) == 40);
    assert!(size_of::<tc_tier_account>() == 88 && size_of::<tc_tier_stats>() == 264);
};

impl From<&tc_generation> for Generation {
    fn from(it: &tc_generation) -> Self {
        Self {
            counter: it.counter,
            random: it.random,
        }
    }
}

// SAFETY: numbers, pointers and optional functions behind a size; zero is NULL.
unsafe impl SizeLed for tc_tier {
    const NAME: &'static str = "tc_tier";
}

// SAFETY: plain numbers behind a size.
unsafe impl SizeLed for tc_tier_stats {
    const NAME: &'static str = "tc_tier_stats";
}

impl tc_tier_stats {
    fn new(counted: &TierCounters, link: &Link, health: &tc_tier_account) -> Self {
        Self {
            struct_size: 0,
            state: health.state,
            gets: counted.gets,
            hits: counted.hits,
            hit_bytes: counted.hit_bytes,
            hit_nanoseconds: counted.hit_nanoseconds,
            misses: counted.misses,
            late: counted.late,
            refused: counted.refused,
            leases_won: counted.leases_won,
            leases_waited: counted.leases_waited,
            leases_given_up: counted.leases_given_up,
            puts: counted.puts,
            put_bytes: counted.put_bytes,
            puts_dropped: counted.puts_dropped,
            queued: link.queued(),
            unnamed: counted.unnamed,
            left: counted.left,
            suspect: counted.suspect,
            changes: counted.changes,
            suspicions: counted.suspicions,
            purges: counted.purges,
            purges_failed: counted.purges_failed,
            unreachable: health.unreachable,
            store_late: health.late,
            garbage: health.garbage,
            forged: health.forged,
            full: health.full,
            denied: health.refused,
            round_trips: health.round_trips,
            bytes_sent: health.bytes_sent,
            bytes_received: health.bytes_received,
            skipped: health.skipped,
            owed: link.owed(),
        }
    }
}

/// ======== OTHER TIERS ========
///
/// Gives a cache another tier behind its memory, before anything else is done with the cache.
///
/// - cache: required.
/// - tier: required; copied.
/// - err: may be NULL.
///
/// On success `attach` was called, and `release` will be; on failure neither. Errors: TC_E_ARGUMENT if a required function
/// is missing, if the cache has a tier already, or if providers were made with it or tiles put into it; bad options.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_set_tier(
    cache: *mut tc_cache,
    tier: *const tc_tier,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let cache = &handle::borrow(cache, "cache")?.cache;
            let tier = args::read_sized(tier, "tier")?;
            let options = TierOptions {
                get: Duration::from_nanos(tier.get_ns),
                lease: Duration::from_nanos(tier.lease_ns),
                queue_bytes: tier.queue_bytes,
            };
            let table = Table::new(&tier)?;
            let open = table.open().clone();
            let link = cache.set_tier(table.clone(), options)?;
            open.attach(&link);
            table.attach(handle::new(tc_tier_link { open }));
            Ok(())
        })
    }
}

/// What happened between a cache and its tier so far, and what the tier says of itself.
///
/// - cache: required.
/// - stats: required; stats->struct_size must be set.
/// - err: may be NULL.
///
/// Counters are exact when nothing is going on, and never go back. Errors: TC_E_NOT_FOUND if the cache has no tier;
/// TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_statistics(
    cache: *const tc_cache,
    stats: *mut tc_tier_stats,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let cache = &handle::borrow(cache, "cache")?.cache;
            let stats = args::output_sized(stats, "stats")?;
            let link = cache.tier().ok_or_else(no_tier)?;
            let health = link.health();
            let health = tc_tier_account::of(&health);
            stats.set(tc_tier_stats::new(&link.counters(), link, &health));
            Ok(())
        })
    }
}

fn no_tier() -> Error {
    Error::new(Kind::NotFound, "the cache has no other tier")
}

/// Puts what is to be put of the blocks in memory, where that waits for them to leave (TC_TIER_PUT_EVICTED), and waits until the
/// tier has stored or dropped all that was put: so that another process, or the next one, finds it. To be called before a
/// process ends, for what waits then is lost.
///
/// - cache: required.
/// - timeout_ns: how long that may take, in nanoseconds; 0: what needs no waiting. UINT64_MAX: no limit.
/// - err: may be NULL.
///
/// Blocks stay in memory. What the tier dropped, because its store is not reached or full, is no error here: it is counted,
/// see tc_tier_statistics. What other threads put meanwhile is waited for, too. Errors: TC_E_UNREACHABLE if the tier did
/// not take all in time: the rest stays to be put; TC_E_NOT_FOUND if the cache has no tier; TC_E_ARGUMENT. Calls `put` and
/// `settle`. Not to be called inside functions of the tier. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_flush_tier(
    cache: *mut tc_cache,
    timeout_ns: u64,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let cache = &handle::borrow(cache, "cache")?.cache;
            let timeout = Duration::from_nanos(timeout_ns);
            cache.flush_tier(Instant::now() + timeout)
        })
    }
}

impl tc_tier_account {
    fn of(health: &TierHealth) -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            state: health.state,
            unreachable: health.unreachable,
            late: health.late,
            garbage: health.garbage,
            forged: health.forged,
            full: health.full,
            refused: health.refused,
            round_trips: health.round_trips,
            bytes_sent: health.bytes_sent,
            bytes_received: health.bytes_received,
            skipped: health.skipped,
        }
    }
}

/// The memory of the tile that a ticket asks for, to be written before tc_tier_answer with TC_TIER_PIXELS and NULL: so the
/// pixels are not copied once more. All of it must be written, for memory is used again.
///
/// - link: required.
/// - ticket: as given to `get` or `lease`.
/// - into: required; receives where it is, packed. It stays valid until the ticket is answered, also where nobody waits
///   for it any more; a ticket whose memory was asked for must be answered.
/// - err: may be NULL.
///
/// Errors: TC_E_NOT_FOUND if the ticket is not open: answered, late or cancelled; TC_E_NO_MEMORY; TC_E_ARGUMENT.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_room(
    link: *mut tc_tier_link,
    ticket: u64,
    into: *mut tc_target,
    err: *mut tc_error,
) -> tc_status {
    const NOWHERE: tc_target = tc_target {
        data: std::ptr::null_mut(),
        pixel_stride: 0,
        row_stride: 0,
        band_stride: 0,
        width: 0,
        height: 0,
        bands: 0,
        dtype: 0,
    };
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let into = args::output(into, NOWHERE, "into")?;
            let ticket = handle::borrow(link, "link")?.open.ticket(ticket)?;
            into.set(ticket.with_room(target_of)?);
            Ok(())
        })
    }
}

/// Answers a ticket.
///
/// - link: required.
/// - ticket: as given to `get` or `lease`; it is not open any more afterwards, whatever this returns.
/// - outcome: one of tc_tier_outcome.
/// - lease: with TC_TIER_LEASED a number of yours that is not 0; else 0.
/// - pixels: with TC_TIER_PIXELS the block, with the size, bands and type that were asked for, copied inside the call; NULL
///   if it was written to the memory of tc_tier_room. Else NULL.
/// - err: may be NULL.
///
/// What is no answer to the question counts as a miss, and is TC_E_ARGUMENT. A lease is taken only with TC_OK: after any
/// error you end it yourself. Errors: TC_E_NOT_FOUND if the ticket is not
/// open: answered before, late, or cancelled; TC_E_NO_MEMORY. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_answer(
    link: *mut tc_tier_link,
    ticket: u64,
    outcome: i32,
    lease: u64,
    pixels: *const tc_pixels,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let ticket = handle::borrow(link, "link")?.open.take_ticket(ticket)?;
            let refuse = |error: Error| {
                ticket.refuse()?;
                Err(error)
            };
            match answer_of(outcome, lease, pixels.as_ref()) {
                Ok(Answer::Reply(reply)) => ticket.reply(reply),
                Ok(Answer::Room) => ticket.answer_with_room(),
                Ok(Answer::Pixels(array)) => {
                    let wanted = ticket.layout()?;
                    if (array.shape, array.dtype) != (wanted.shape, wanted.dtype) {
                        return refuse(Error::argument(format!(
                            "pixels of {}, and {} were asked for",
                            told(array.shape, array.dtype),
                            told(wanted.shape, wanted.dtype)
                        )));
                    }
                    ticket.answer(|into| {
                        for band in 0..wanted.shape.bands {
                            array.copy_band(band, (0, 0), into, band);
                        }
                        Ok(())
                    })
                }
                Err(error) => refuse(error),
            }
        })
    }
}

fn told(shape: Shape, dtype: DType) -> String {
    let (width, height, bands) = (shape.width, shape.height, shape.bands);
    format!("{width} x {height}, {bands} bands of {}", dtype.name())
}

/// What an answer says.
enum Answer {
    Reply(Reply),
    /// The pixels are in the memory that was asked for.
    Room,
    Pixels(Array),
}

/// What the arguments of an answer say.
///
/// # Safety
/// `pixels` must be readable as it says.
unsafe fn answer_of(outcome: i32, lease: u64, pixels: Option<&tc_pixels>) -> Result<Answer> {
    use tc_tier_outcome::*;
    const MISS: i32 = TC_TIER_MISS as i32;
    const PIXELS: i32 = TC_TIER_PIXELS as i32;
    const LEASED: i32 = TC_TIER_LEASED as i32;
    const BUSY: i32 = TC_TIER_BUSY as i32;
    if lease != 0 && outcome != LEASED {
        return Err(Error::argument(format!(
            "lease is {lease} with outcome {outcome}; only TC_TIER_LEASED has one"
        )));
    }
    if pixels.is_some() && outcome != PIXELS {
        return Err(Error::argument(format!(
            "pixels is not NULL with outcome {outcome}; only TC_TIER_PIXELS has them"
        )));
    }
    match (outcome, pixels) {
        (MISS, _) => Ok(Answer::Reply(Reply::Miss)),
        (BUSY, _) => Ok(Answer::Reply(Reply::Busy)),
        (PIXELS, None) => Ok(Answer::Room),
        (PIXELS, Some(pixels)) => Ok(Answer::Pixels(Array::of_pixels(pixels)?.0)),
        (LEASED, _) => match Lease::new(lease) {
            Some(lease) => Ok(Answer::Reply(Reply::Leased(lease))),
            None => Err(Error::argument("lease is 0 with TC_TIER_LEASED")),
        },
        _ => Err(Error::argument(format!(
            "outcome is {outcome}; it must be one of tc_tier_outcome"
        ))),
    }
}

/// Whether anybody waits for a ticket: 1 or 0. Where nobody does, it need not be answered, unless its memory was asked for.
///
/// - link: NULL gives 0.
/// - ticket: as given to `get` or `lease`; any other number gives 0.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_is_wanted(link: *mut tc_tier_link, ticket: u64) -> i32 {
    guard_value(0, || {
        // SAFETY: the caller keeps what the header says of every pointer.
        let link = unsafe { handle::borrow(link, "link") };
        let ticket = link.and_then(|link| link.open.ticket(ticket));
        ticket.is_ok_and(|ticket| ticket.is_wanted()).into()
    })
}

/// A block that `put` was given was written or dropped: its pixels are not read any more, and its room is free.
///
/// - link: NULL does nothing.
/// - parcel: as given to `put`; any other number does nothing.
///
/// Cannot fail. May run release functions. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_taken(link: *mut tc_tier_link, parcel: u64) {
    guard_value((), || {
        // SAFETY: the caller keeps what the header says of every pointer.
        if let Ok(link) = unsafe { handle::borrow(link, "link") } {
            drop(link.open.take_parcel(parcel));
        }
    });
}

/// Tells the generation of a source: that it was confirmed, has changed, or is not known.
///
/// - link: required.
/// - source: the identity, as `generation` was given it. NULL: all sources, with `generation` NULL only.
/// - generation: the present one. Another one than before lets what is built on the old pixels be forgotten, as
///   provider_invalidate does, before this returns. NULL: it is not known any more whether the pixels have changed: from
///   now on memory of the source is not used, and it is decoded anew, until a generation is told.
/// - err: may be NULL.
///
/// Also for a tier with TC_TIER_STRICT memory is used from then on until it says otherwise: see tc_tier_confirmed.
///
/// What it is told of a source that it does not know does nothing. Not to be called inside `get`, `put`, `lease` and
/// `unlease`. Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_changed(
    link: *mut tc_tier_link,
    source: *const c_char,
    generation: *const tc_generation,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let open = &handle::borrow(link, "link")?.open;
            let source = args::optional_text(source, "source")?;
            let confirmed = generation.as_ref().map(|it| (it.into(), ALWAYS));
            let Some(link) = open.link() else {
                return Ok(());
            };
            match (source, confirmed) {
                (Some(source), confirmed) => link.tell(source, confirmed),
                (None, None) => link.suspect_all(),
                (None, Some(_)) => {
                    return Err(Error::argument(
                        "source is NULL with a generation; only one source can have it",
                    ));
                }
            }
            Ok(())
        })
    }
}

/// tc_tier_changed with a generation that is to be believed until a moment only: that from which on another process may
/// have changed the pixels, and told all who asked since. With TC_TIER_STRICT no request that begins after it uses memory
/// of the source, until it is confirmed anew; without, the tier has to call tc_tier_changed with NULL in time.
///
/// - link: required.
/// - source: required; the identity, as `generation` was given it.
/// - generation: required; the present one.
/// - until_ns: the moment, in nanoseconds of CLOCK_BOOTTIME, which goes on while the machine sleeps; of CLOCK_MONOTONIC
///   where there is no such clock. What is past is no error: memory is not used then.
/// - err: may be NULL.
///
/// As for tc_tier_changed otherwise. Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_confirmed(
    link: *mut tc_tier_link,
    source: *const c_char,
    generation: *const tc_generation,
    until_ns: u64,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let open = &handle::borrow(link, "link")?.open;
            let missing = |name| Error::argument(format!("{name} is NULL"));
            let source = args::optional_text(source, "source")?;
            let source = source.ok_or_else(|| missing("source"))?;
            let generation = generation.as_ref().ok_or_else(|| missing("generation"))?;
            if let Some(link) = open.link() {
                link.tell(source, Some((generation.into(), until_ns)));
            }
            Ok(())
        })
    }
}

/// Gives up the reference to a link. NULL does nothing.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_link_release(link: *mut tc_tier_link) {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::release(link) }
}

/// The pixels of an image have changed, on all machines: provider_invalidate here, and then the same in every process
/// whose cache has a tier that knows the image by the same identity. Change the pixels first, and then call this.
///
/// When it has returned TC_OK, no get that begins anywhere yields the old pixels, within what the tier promises. On failure
/// the memory of this process is invalidated, and its caches ask their tiers for nothing of the source until this succeeds:
/// call it again.
///
/// - provider: required; as for provider_invalidate.
/// - err: may be NULL.
///
/// Waits as long as the tier needs. Errors: TC_E_UNREACHABLE if the store of a tier cannot be reached, TC_E_UNSUPPORTED if
/// no cache with a tier has made a provider of the image, if it has no identity on all machines, or if the tier cannot
/// purge; what else the tier says; TC_E_ARGUMENT. Thread-safe; not inside a function of a tier.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn provider_invalidate_fleet(
    provider: *mut tc_provider,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            crate::cache::purge(handle::borrow(provider, "provider")?.provider.key())
        })
    }
}
