//! How many bytes this process has by `malloc`, of Rust and of C, and the most that it had.

use std::ffi::{c_int, c_void};
use std::sync::Mutex;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

static NOW: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

/// One measurement at a time.
static TURN: Mutex<()> = Mutex::new(());

// What the C library has the functions below do unless a program has its own.
unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(at: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    fn __libc_free(at: *mut c_void);
    fn malloc_usable_size(at: *mut c_void) -> usize;
}

fn count(change: isize) {
    let now = NOW.fetch_add(change, Relaxed) + change;
    PEAK.fetch_max(now, Relaxed);
}

/// The bytes of a block, and 0 of none.
fn size_of_block(at: *mut c_void) -> isize {
    // SAFETY: NULL or a block of the allocator, which its callers promise.
    unsafe { malloc_usable_size(at) as isize }
}

fn counted(at: *mut c_void) -> *mut c_void {
    count(size_of_block(at));
    at
}

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    counted(unsafe { __libc_malloc(size) })
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: as above.
    counted(unsafe { __libc_calloc(count, size) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(at: *mut c_void, size: usize) -> *mut c_void {
    let before = size_of_block(at);
    // SAFETY: promised by the caller.
    let moved = unsafe { __libc_realloc(at, size) };
    if !moved.is_null() || size == 0 {
        // Old and new exist together while one is copied to the other.
        count(size_of_block(moved));
        count(-before);
    }
    moved
}

#[unsafe(no_mangle)]
extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    // SAFETY: as above.
    counted(unsafe { __libc_memalign(align, size) })
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    memalign(align, size)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(into: *mut *mut c_void, align: usize, size: usize) -> c_int {
    const ENOMEM: c_int = 12;
    let at = memalign(align, size);
    if at.is_null() {
        return ENOMEM;
    }
    // SAFETY: promised by the caller.
    unsafe { into.write(at) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(at: *mut c_void) {
    count(-size_of_block(at));
    // SAFETY: promised by the caller.
    unsafe { __libc_free(at) }
}

/// What `work` gives on a thread of its own, which has no memory left over from others, and how many bytes more than before
/// this process had at its worst.
pub fn peak_of<R: Send>(work: impl FnOnce() -> R + Send) -> (R, usize) {
    let _turn = TURN.lock();
    std::thread::scope(|scope| {
        let measured = scope.spawn(|| {
            let before = NOW.load(Relaxed);
            PEAK.store(before, Relaxed);
            let result = work();
            (result, (PEAK.load(Relaxed) - before).max(0) as usize)
        });
        measured.join().expect("no panic")
    })
}
