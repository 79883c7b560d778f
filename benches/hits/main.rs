//! What a hit costs, and whether hits of several threads get in each other's way; beside two caches of
//! other people in the same run: `quick_cache`, and a mutex around the map of `hashlink`.
//!
//!     cargo bench --bench hits -- [PATTERN [THREADS [SECONDS [SIDE]]]]
//!
//! 1,024 resident tiles, got through the C face: get, read one byte, release. The peers have as many
//! pieces of memory behind keys of the same size, and clone a handle to one. PATTERN is `uniform`, `zipf`
//! (exponent 1), `one` (all threads the same tile) or `all`; THREADS the most threads, doubled from 1 on, 64
//! if not given; SECONDS for each measurement, 2 if not given, in turns of a tenth with those of the
//! peers; SIDE the side of a tile, 64 if not given.
//!
//! Prints the processor time of a hit, summed over threads, which other programs disturb less; how many
//! times as many hits that is in a second of it as the peers make; and millions of hits in a second of wall time. Ends with an
//! error if uniform hits are, in processor time, less than 0.9 times those of quick_cache on one thread
//! or less than 1.5 times on two or four, or if more threads get less done in the median of all turns:
//! from 2 threads on where tiles are uniformly chosen, from 1 on otherwise, a tenth being left to the
//! noise of the machine.

mod peers;

use peers::{Locked, Quick};
use std::ffi::c_void;
use std::mem::zeroed;
use std::process::ExitCode;
use std::ptr::{null, null_mut};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tilecache::capi::*;

/// Tiles in each direction.
const TILES: u64 = 32;
const COUNT: u64 = TILES * TILES;
/// Hits between two looks at whether the time is over.
const BATCH: u64 = 256;
/// What more threads may lose to the noise of the machine.
const NOISE: f64 = 0.9;

/// Turns of a measurement.
const TURNS: u32 = 10;

/// Something that hits are measured of.
trait Tiled: Sync {
    /// Gets a tile, checks one byte of it and gives it back. The byte lies elsewhere in each tile, lest
    /// all compete for the same few lines of the processor's caches.
    fn get(&self, at: u64);
}

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

    fn statistics(&self) -> tc_cache_stats {
        // SAFETY: a struct of plain numbers, and a live cache.
        unsafe {
            let mut stats = zeroed::<tc_cache_stats>();
            stats.struct_size = size_of::<tc_cache_stats>() as u32;
            assert_eq!(tc_statistics(self.cache, &mut stats, null_mut()), 0);
            stats
        }
    }
}

impl Tiled for Tiles {
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
}

/// How often, in how much time.
#[derive(Clone, Copy)]
struct Turn {
    /// Millions of hits in a second.
    rate: f64,
    /// Nanoseconds of processor time for each.
    busy: f64,
}

fn turn(tiles: &impl Tiled, table: &[u16], threads: u64, time: Duration) -> (u64, Turn) {
    let barrier = Barrier::new(threads as usize + 1);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
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
                            tiles.get(u64::from(table[(random >> 48) as usize]));
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
        let turn = Turn {
            rate: hits as f64 / begin.elapsed().as_secs_f64() / 1e6,
            busy: (processor_time() - busy) / hits as f64 * 1e9,
        };
        (hits, turn)
    })
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// What some threads did.
struct Measured {
    rate: f64,
    busy: f64,
    /// Hits in a second of processor time, as multiples of those of the peers.
    of_quick: f64,
    of_locked: f64,
}

fn measure(
    (tiles, quick, locked): &(Tiles, Quick, Locked),
    table: &[u16],
    threads: u64,
    time: Duration,
) -> Measured {
    let (mut ours, mut of_quick, mut of_locked) = (Vec::new(), Vec::new(), Vec::new());
    let (before, mut hits) = (tiles.statistics(), 0);
    for _ in 0..TURNS {
        let (more, own) = turn(tiles, table, threads, time / TURNS);
        hits += more;
        ours.push(own);
        of_quick.push(turn(quick, table, threads, time / TURNS).1.busy / own.busy);
        of_locked.push(turn(locked, table, threads, time / TURNS).1.busy / own.busy);
    }
    let after = tiles.statistics();
    assert_eq!(after.hits - before.hits, hits, "every get is a hit");
    assert_eq!(after.held, 0);
    Measured {
        rate: median(ours.iter().map(|own| own.rate).collect()),
        busy: median(ours.iter().map(|own| own.busy).collect()),
        of_quick: median(of_quick),
        of_locked: median(of_locked),
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
    let (most, seconds, side) = (number(1, 64), number(2, 2), number(3, 64));
    let all = (Tiles::new(side), Quick::new(side), Locked::new(side));
    let mut fell = false;
    for (pattern, name) in Pattern::ALL {
        if wanted != "all" && wanted != name {
            continue;
        }
        let table = pattern.table();
        let mut best = 0.0f64;
        for threads in (0..).map(|n| 1 << n).take_while(|threads| *threads <= most) {
            let now = measure(&all, &table, threads, Duration::from_secs(seconds));
            let falls = threads > 1 && now.rate < best * NOISE;
            let least = match (pattern, threads) {
                (Pattern::Uniform, 1) => 0.9,
                (Pattern::Uniform, 2 | 4) => 1.5,
                _ => 0.0,
            };
            let slow = now.of_quick < least;
            println!(
                "{name:8} {threads:3} threads {:6.1} ns of processor, {:5.2} times quick_cache, {:6.2} times a mutex, {:8.2} M/s{}{}",
                now.busy,
                now.of_quick,
                now.of_locked,
                now.rate,
                if falls { ", FELL" } else { "" },
                if slow { ", SLOW" } else { "" }
            );
            fell |= falls || slow;
            if threads > 1 || pattern != Pattern::Uniform {
                best = best.max(now.rate);
            }
        }
    }
    ExitCode::from(u8::from(fell))
}
