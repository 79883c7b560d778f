//! What a block costs that comes from a store, beside the decode of it, in one run:
//!
//!     cargo run --release --example break_even -- redis://127.0.0.1:6379 FILE...
//!
//! For each file some blocks are got in turns from two caches that are emptied before each get: one decodes, and the other
//! has the store behind it, which was filled before. Ratios are medians of those of all turns, so that what else the machine
//! does is in both. The last column says how many gets with the store took no more than the decode and 10 ms.

use std::ffi::{CStr, CString};
use std::process::ExitCode;
use std::ptr;
use std::time::{Duration, Instant};
use tilecache_redis::capi::{TC_TIER_REDIS_ALWAYS, tc_tier_redis, tc_tier_redis_options};
use tilecache_redis::raw::*;

const BLOCKS: usize = 48;
const TURNS: usize = 11;
const BUDGET: u64 = 1 << 30;
const GRACE: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let Some((url, files)) = arguments
        .split_first()
        .filter(|(_, files)| !files.is_empty())
    else {
        eprintln!("usage: break_even URL FILE...");
        return ExitCode::FAILURE;
    };
    println!(
        "{:24} {:>10} {:>10} {:>10} {:>14} {:>10} {:>16}",
        "file", "KiB", "decode ms", "store ms", "store / decode", "% of bytes", "within + 10 ms"
    );
    for file in files {
        if let Err(error) = compare(url, file) {
            eprintln!("{file}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn compare(url: &str, file: &str) -> Result<(), String> {
    let (decoding, stored) = (Side::new(None, file)?, Side::new(Some(url), file)?);
    let blocks = stored.blocks();
    blocks.iter().try_for_each(|at| stored.get(*at).map(drop))?;
    stored.settle()?;
    let before = stored.statistics()?;
    let mut turns = Vec::new();
    for turn in 0..TURNS {
        for &at in &blocks {
            let [decode, fetch] = match turn % 2 {
                0 => [decoding.get(at)?, stored.get(at)?],
                _ => {
                    let fetch = stored.get(at)?;
                    [decoding.get(at)?, fetch]
                }
            };
            turns.push((decode, fetch));
        }
    }
    let now = stored.statistics()?;
    let (fetched, bytes) = (now.hits - before.hits, now.hit_bytes - before.hit_bytes);
    if fetched != turns.len() as u64 {
        return Err(format!(
            "{fetched} of {} gets came from the store",
            turns.len()
        ));
    }
    let received = now.bytes_received - before.bytes_received;
    let median = |of: fn(&(Duration, Duration)) -> f64| {
        let mut all: Vec<_> = turns.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let within = turns
        .iter()
        .filter(|(decode, fetch)| *fetch <= *decode + GRACE);
    println!(
        "{:24} {:10} {:10.3} {:10.3} {:14.2} {:10.0} {:9} of {}",
        file.rsplit('/').next().unwrap_or(file),
        bytes / fetched / 1024,
        median(|turn| turn.0.as_secs_f64() * 1e3),
        median(|turn| turn.1.as_secs_f64() * 1e3),
        median(|turn| turn.1.as_secs_f64() / turn.0.as_secs_f64()),
        100.0 * received as f64 / bytes as f64,
        within.count(),
        turns.len()
    );
    Ok(())
}

/// A file whose blocks a cache keeps.
struct Side {
    cache: *mut tc_cache,
    source: *mut tc_provider,
    blocks: *mut tc_provider,
}

impl Side {
    fn new(url: Option<&str>, file: &str) -> Result<Self, String> {
        let mut side = Self {
            cache: ptr::null_mut(),
            source: ptr::null_mut(),
            blocks: ptr::null_mut(),
        };
        let path = CString::new(file).map_err(|error| error.to_string())?;
        let mut options: tc_open_options = sized();
        options.flags = TC_OPEN_FLEET_DIGEST;
        // SAFETY: as the headers say.
        unsafe {
            called(|err| tc_create(BUDGET, ptr::null(), &mut side.cache, err))?;
            if let Some(url) = url {
                let url = CString::new(url).map_err(|error| error.to_string())?;
                let mut told: tc_tier_redis_options = sized();
                told.flags = TC_TIER_REDIS_ALWAYS;
                let mut tier: tc_tier = std::mem::zeroed();
                called(|err| tc_tier_redis(url.as_ptr(), &told, &mut tier, err))?;
                called(|err| tc_set_tier(side.cache, &tier, err))?;
            }
            called(|err| provider_open(path.as_ptr(), &options, &mut side.source, err))?;
            called(|err| provider_cached(side.source, side.cache, &mut side.blocks, err))?;
        }
        Ok(side)
    }

    /// The first ones of the file.
    fn blocks(&self) -> Vec<(i64, i64)> {
        let mut info: tc_image_info = sized();
        // SAFETY: as the header says.
        let told = called(|err| unsafe { provider_info(self.blocks, &mut info, err) });
        told.expect("what the image is");
        let cols = (info.width + info.block_width - 1) / info.block_width;
        let rows = (info.height + info.block_height - 1) / info.block_height;
        let cells = (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col)));
        cells.take(BLOCKS).collect()
    }

    /// How long a block takes that is not in memory.
    fn get(&self, (row, col): (i64, i64)) -> Result<Duration, String> {
        let mut tile = ptr::null_mut();
        // SAFETY: as the header says.
        unsafe {
            called(|err| tc_clear(self.cache, err))?;
            let begun = Instant::now();
            called(|err| {
                provider_get_block(self.blocks, row, col, 0, ptr::null(), 0, &mut tile, err)
            })?;
            let time = begun.elapsed();
            tc_tile_release(tile);
            Ok(time)
        }
    }

    fn statistics(&self) -> Result<tc_tier_stats, String> {
        let mut stats: tc_tier_stats = sized();
        // SAFETY: as the header says.
        called(|err| unsafe { tc_tier_statistics(self.cache, &mut stats, err) })?;
        Ok(stats)
    }

    fn settle(&self) -> Result<(), String> {
        while self.statistics()?.queued > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // SAFETY: each is held once, or NULL.
        unsafe {
            provider_release(self.blocks);
            provider_release(self.source);
            tc_release(self.cache);
        }
    }
}

/// A struct with its size, zeros otherwise.
fn sized<T>() -> T {
    // SAFETY: structs of the C API are valid as zeros, and the size-led ones begin with an u32.
    unsafe {
        let mut made: T = std::mem::zeroed();
        (&raw mut made).cast::<u32>().write(size_of::<T>() as u32);
        made
    }
}

fn called(call: impl FnOnce(*mut tc_error) -> tc_status) -> Result<(), String> {
    // SAFETY: an error of zeros is one.
    let mut error: tc_error = unsafe { std::mem::zeroed() };
    match call(&mut error) {
        TC_OK => Ok(()),
        // SAFETY: a message ends with NUL.
        _ => Err(unsafe { CStr::from_ptr(error.message.as_ptr()) }
            .to_string_lossy()
            .into_owned()),
    }
}
