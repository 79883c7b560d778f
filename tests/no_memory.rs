//! Memory that is not there: every large allocation of a load fails once, one at a time, whoever makes
//! it, the library or a decoder in C. The load must fail with a lack of memory and nothing else, the
//! books of the cache must balance, and the next load must work.
//!
//! The allocator's functions and `mmap` of this program are its own. What the C library does itself
//! is not seen, and small allocations do not fail: for them the machine is lost anyway.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

#[path = "support/gdal.rs"]
mod gdal;

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Arc;
use tilecache::cache::{Cache, Options};
use tilecache::error::{Kind, Result};
use tilecache::image::{Bands, Block};
use tilecache::operator::{RetileOptions, retiled};
use tilecache::provider::{Provider, get_block};
use tilecache::source::file;

/// What counts as large. Blocks have several times as much.
const LARGE: usize = 64 << 10;

thread_local! {
    /// Large allocations until the one that fails; negative where none will.
    static LEFT: Cell<i64> = const { Cell::new(-1) };
}

/// Whether an allocation is the one that fails.
fn fails(size: usize) -> bool {
    size >= LARGE
        && LEFT
            .try_with(|left| {
                let now = left.get();
                left.set((now - 1).max(-1));
                now == 0
            })
            .unwrap_or(false)
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(at: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
    fn __errno_location() -> *mut c_int;
}

fn refused() -> *mut c_void {
    // SAFETY: every thread has a place for its error.
    unsafe { *__errno_location() = libc::ENOMEM };
    null_mut()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: passed on as it is.
    if fails(size) {
        refused()
    } else {
        unsafe { __libc_malloc(size) }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let fails = fails(count.saturating_mul(size));
    // SAFETY: passed on as it is.
    if fails {
        refused()
    } else {
        unsafe { __libc_calloc(count, size) }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(at: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: passed on as it is.
    if fails(size) {
        refused()
    } else {
        unsafe { __libc_realloc(at, size) }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(to: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    if fails(size) {
        return libc::ENOMEM;
    }
    // SAFETY: passed on as it is.
    unsafe {
        let got = __libc_memalign(alignment, size);
        if got.is_null() {
            return libc::ENOMEM;
        }
        *to = got;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    at: *mut c_void,
    size: usize,
    protection: c_int,
    flags: c_int,
    file: c_int,
    offset: i64,
) -> *mut c_void {
    if fails(size) {
        refused();
        return libc::MAP_FAILED;
    }
    // SAFETY: passed on as it is.
    unsafe {
        libc::syscall(libc::SYS_mmap, at, size, protection, flags, file, offset) as *mut c_void
    }
}

/// Does something on a thread of its own, which keeps no memory from before, with the large allocation
/// of this number failing; tells whether there were so many.
fn with_failure<R: Send>(number: i64, work: impl FnOnce() -> R + Send) -> (R, bool) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            LEFT.set(number);
            let result = work();
            let failed = LEFT.replace(-1) < 0;
            (result, failed)
        });
        thread.join().expect("no panic")
    })
}

fn bytes(provider: &Arc<dyn Provider>) -> Result<Vec<u8>> {
    let tile = get_block(&**provider, Block::new(0, 0, 0), &Bands::ALL)?;
    let shape = tile.pixels().shape();
    let rows = (0..shape.bands).flat_map(|band| (0..shape.height).map(move |y| (band, y)));
    Ok(rows
        .flat_map(|(band, y)| tile.pixels().row(band, y).to_vec())
        .collect())
}

/// One tile over the block of the file, made in a cache.
fn tiles(path: &Path) -> (Cache, Arc<dyn Provider>) {
    let cache = Cache::new(64 << 20, Options::default()).expect("a cache");
    let source = file::open(path, 0, None).expect("the file");
    let options = RetileOptions {
        tile: (390, 390),
        pad_edges: false,
    };
    let tiles = retiled(source, &options, Some(&cache)).expect("tiles");
    (cache, tiles)
}

/// Lets each large allocation of a load fail; gives how many there are.
fn exhaust(path: &Path) -> i64 {
    let (_, good) = tiles(path);
    let good = bytes(&good).expect("the pixels");
    for number in 0.. {
        let (cache, tiles) = tiles(path);
        let get = || get_block(&*tiles, Block::new(0, 0, 0), &Bands::ALL).map(drop);
        let (outcome, failed) = with_failure(number, get);
        let place = || format!("{}, allocation {number}", path.display());
        let now = cache.statistics();
        assert_eq!(
            (now.in_flight, now.held, now.over_budget),
            (0, 0, 0),
            "{}",
            place()
        );
        assert!(now.idle + now.reusable <= now.budget, "{}", place());
        match outcome {
            Err(error) => {
                assert!(failed, "{}: {error}", place());
                assert_eq!(error.kind(), Kind::NoMemory, "{}: {error}", place());
                assert_eq!((now.idle, now.entries), (0, 0), "{}", place());
            }
            Ok(()) if failed => (),
            Ok(()) => return number,
        }
        let next = bytes(&tiles).expect("the next load");
        assert!(next == good, "{}: other pixels", place());
        drop(tiles);
        cache.set_budget(0);
        let now = cache.statistics();
        assert_eq!((now.idle, now.held, now.entries), (0, 0, 0), "{}", place());
    }
    unreachable!("a load without end")
}

#[test]
fn a_load_survives_the_lack_of_memory_at_every_large_allocation() {
    let files = gdal::make("tests/no_memory.py");
    let mut all = 0;
    let mut failed = 0;
    for entry in std::fs::read_dir(files).expect("the files") {
        let path = entry.expect("a file").path();
        match std::panic::catch_unwind(|| exhaust(&path)) {
            Ok(count) => {
                println!("{}: {count} large allocations", path.display());
                // The tile itself is one.
                assert!(count >= 1, "{}", path.display());
                all += count;
            }
            Err(_) => failed += 1,
        }
    }
    assert_eq!(failed, 0, "files whose loads did not survive");
    assert!(all >= 30, "{all} large allocations in all");
}
