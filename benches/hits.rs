//! What a hit costs, and whether hits of several threads get in each other's way.
//!
//!     cargo bench --bench hits -- [PATTERN [THREADS [SECONDS [SIDE]]]]
//!
//! 4,096 resident tiles, got through the C face: get, read one byte, release. PATTERN is `uniform`,
//! `zipf` (exponent 1), `one` (all threads the same tile) or `all`; THREADS the most threads, doubled
//! from 1 on, 64 if not given; SECONDS for each measurement, 2 if not given; SIDE the side of a tile,
//! 512 if not given. Prints millions of hits a second, what they are of those of one thread, and the
//! processor time of a hit, which other programs disturb less. Ends with an error if more threads get less done: from 2 threads on where tiles are uniformly chosen,
//! from 1 on otherwise, a tenth being left to the noise of the machine.

use std::ffi::c_void;
use std::mem::zeroed;
use std::process::ExitCode;
use std::ptr::{null, null_mut};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tilecache::capi::*;

/// Tiles in each direction.
const TILES: u64 = 64;
const COUNT: u64 = TILES * TILES;
/// Hits between two looks at whether the time is over.
const BATCH: u64 = 256;
/// What more threads may lose to the noise of the machine.
const NOISE: f64 = 0.9;

/// A retiled provider whose tiles are all resident, in use by several threads.
struct Tiles {
    cache: *mut tc_cache,
    provider: *mut tc_provider,
    side: u64,
}

// SAFETY: the header allows every call from any thread.
unsafe impl Sync for Tiles {}

#[derive(Clone, Copy, PartialEq)]
enum Pattern {
    Uniform,
    Zipf,
    One,
}

impl Pattern {
    const ALL: [(Pattern, &str); 3] = [
        (Pattern::Uniform, "uniform"),
        (Pattern::Zipf, "zipf"),
        (Pattern::One, "one"),
    ];

    /// A table whose entries, chosen uniformly, are tiles as the pattern has them.
    fn table(self) -> Vec<u16> {
        const LEN: usize = 1 << 16;
        match self {
            Pattern::Uniform => (0..LEN).map(|i| (i as u64 % COUNT) as u16).collect(),
            Pattern::One => vec![(COUNT / 2) as u16; LEN],
            Pattern::Zipf => {
                let total: f64 = (1..=COUNT).map(|rank| 1.0 / rank as f64).sum();
                let mut table = Vec::with_capacity(LEN);
                let mut sum = 0.0;
                for rank in 1..=COUNT {
                    sum += 1.0 / rank as f64;
                    let upto = (sum / total * LEN as f64).round() as usize;
                    // Neighbours in rank are no neighbours in the image.
                    table.resize(upto.min(LEN), (rank * 2654435761 % COUNT) as u16);
                }
                table.resize(LEN, 0);
                table
            }
        }
    }
}

fn value(row: u64, col: u64) -> u8 {
    (row * 7 + col * 13) as u8
}

unsafe extern "C" fn read_block(
    _user: *mut c_void,
    _session: *mut c_void,
    row: i64,
    col: i64,
    _level: i32,
    _bands: *const i32,
    into: *const tc_target,
    _err: *mut tc_error,
) -> tc_status {
    // SAFETY: the library gives a writable block.
    unsafe {
        let into = &*into;
        for y in 0..into.height {
            let row_at = into
                .data
                .cast::<u8>()
                .offset((y * into.row_stride) as isize);
            row_at.write_bytes(value(row as u64, col as u64), into.width as usize);
        }
    }
    0
}

impl Tiles {
    fn new(side: u64) -> Self {
        // SAFETY: structs of plain numbers and NULL pointers.
        let (mut image, mut source, mut options) = unsafe {
            (
                zeroed::<tc_image_info>(),
                zeroed::<tc_source>(),
                zeroed::<tc_retile_options>(),
            )
        };
        image.struct_size = size_of::<tc_image_info>() as u32;
        image.width = (TILES * side) as i64;
        image.height = image.width;
        image.block_width = side as i64;
        image.block_height = side as i64;
        image.bands = 1;
        image.dtype = tc_dtype_code::TC_U8 as i32;
        source.struct_size = size_of::<tc_source>() as u32;
        source.threading = tc_threading::TC_CONCURRENT as u32;
        source.image = &image;
        source.read_block = Some(read_block);
        options.struct_size = size_of::<tc_retile_options>() as u32;
        options.tile_width = side as i64;
        options.tile_height = side as i64;
        let mut cache = null_mut();
        let mut below = null_mut();
        let mut provider = null_mut();
        let budget = COUNT * (side * side).next_multiple_of(4096) + COUNT * 256 + (1 << 20);
        // SAFETY: everything lent to the calls lives until they return.
        unsafe {
            assert_eq!(tc_create(budget, null(), &mut cache, null_mut()), 0);
            assert_eq!(provider_from_source(&source, &mut below, null_mut()), 0);
            let made = provider_retile(below, &options, cache, &mut provider, null_mut());
            assert_eq!(made, 0);
            provider_release(below);
        }
        let tiles = Tiles {
            cache,
            provider,
            side,
        };
        (0..COUNT).for_each(|at| tiles.get(at));
        assert_eq!(tiles.statistics().entries, COUNT);
        tiles
    }

    /// Gets a tile, checks one byte of it and releases it. The byte lies elsewhere in each tile, lest
    /// all compete for the same few lines of the processor's caches.
    fn get(&self, at: u64) {
        let (row, col) = (at / TILES, at % TILES);
        let mut tile = null_mut();
        // SAFETY: the provider is alive, and the tile until it is released.
        unsafe {
            let status = provider_get_block(
                self.provider,
                row as i64,
                col as i64,
                0,
                null(),
                0,
                &mut tile,
                null_mut(),
            );
            assert_eq!(status, 0);
            let mut pixels = zeroed::<tc_pixels>();
            tc_tile_pixels(tile, &mut pixels);
            let byte = at * 64 % (self.side * self.side);
            let byte = pixels.data.cast::<u8>().add(byte as usize);
            assert_eq!(*byte, value(row, col));
            tc_tile_release(tile);
        }
    }

    fn statistics(&self) -> tc_cache_stats {
        // SAFETY: a struct of plain numbers, and a live cache.
        unsafe {
            let mut stats = zeroed::<tc_cache_stats>();
            stats.struct_size = size_of::<tc_cache_stats>() as u32;
            assert_eq!(tc_statistics(self.cache, &mut stats, null_mut()), 0);
            stats
        }
    }

    /// Millions of hits a second, and nanoseconds of processor time for each.
    fn measure(&self, table: &[u16], threads: u64, time: Duration) -> (f64, f64) {
        let barrier = Barrier::new(threads as usize + 1);
        let over = AtomicBool::new(false);
        let before = self.statistics();
        let (hits, seconds, busy) = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|thread| {
                    let (barrier, over) = (&barrier, &over);
                    scope.spawn(move || {
                        let mut random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(thread + 1);
                        let mut hits = 0;
                        barrier.wait();
                        while !over.load(Ordering::Relaxed) {
                            for _ in 0..BATCH {
                                random ^= random << 13;
                                random ^= random >> 7;
                                random ^= random << 17;
                                self.get(u64::from(table[(random >> 48) as usize]));
                            }
                            hits += BATCH;
                        }
                        hits
                    })
                })
                .collect();
            barrier.wait();
            let (begin, busy) = (Instant::now(), processor_time());
            std::thread::sleep(time);
            over.store(true, Ordering::Relaxed);
            let hits: u64 = workers.into_iter().map(|w| w.join().unwrap()).sum();
            let busy = (processor_time() - busy) / hits as f64 * 1e9;
            (hits, begin.elapsed().as_secs_f64(), busy)
        });
        let after = self.statistics();
        assert_eq!(after.hits - before.hits, hits, "every get is a hit");
        assert_eq!(after.held, 0);
        (hits as f64 / seconds / 1e6, busy)
    }
}

/// What all threads of the process have used so far, in seconds.
fn processor_time() -> f64 {
    // SAFETY: the call only writes the struct.
    unsafe {
        let mut time = zeroed::<libc::timespec>();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: both handles are ours.
        unsafe {
            provider_release(self.provider);
            tc_release(self.cache);
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let number = |at: usize, default: u64| {
        arguments
            .get(at)
            .map_or(default, |text| text.parse().expect("a number"))
    };
    let wanted = arguments.first().map_or("all", String::as_str);
    let (most, seconds, side) = (number(1, 64), number(2, 2), number(3, 512));
    let tiles = Tiles::new(side);
    let mut fell = false;
    for (pattern, name) in Pattern::ALL {
        if wanted != "all" && wanted != name {
            continue;
        }
        let table = pattern.table();
        let (mut first, mut best) = (0.0, 0.0f64);
        for threads in (0..).map(|n| 1 << n).take_while(|threads| *threads <= most) {
            let (rate, busy) = tiles.measure(&table, threads, Duration::from_secs(seconds));
            if threads == 1 {
                first = rate;
            }
            let falls = threads > 1 && rate < best * NOISE;
            println!(
                "{name:8} {threads:3} threads {rate:8.2} M/s {:6.2} times one thread, {busy:6.1} ns of processor{}",
                rate / first,
                if falls { ", FELL" } else { "" }
            );
            fell |= falls;
            if threads > 1 || pattern != Pattern::Uniform {
                best = best.max(rate);
            }
        }
    }
    ExitCode::from(u8::from(fell))
}
