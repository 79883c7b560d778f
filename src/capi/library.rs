//! What concerns the library as a whole.

use super::array;
use super::guard::guard_value;
use super::status::{self, tc_status};
use std::ffi::c_char;

/// Version of this header, major part.
pub const TC_LIBRARY_VERSION_MAJOR: u32 = 0;
/// Version of this header, minor part.
pub const TC_LIBRARY_VERSION_MINOR: u32 = 1;
/// Version of this header, patch part.
pub const TC_LIBRARY_VERSION_PATCH: u32 = 0;
/// Version of this header as one number, to be compared with tc_library_version().
pub const TC_LIBRARY_VERSION: u32 =
    (TC_LIBRARY_VERSION_MAJOR << 16) | (TC_LIBRARY_VERSION_MINOR << 8) | TC_LIBRARY_VERSION_PATCH;

const _: () = {
    const fn number(text: &str) -> u32 {
        match u32::from_str_radix(text, 10) {
            Ok(number) => number,
            Err(_) => panic!("a version part is a number"),
        }
    }
    assert!(TC_LIBRARY_VERSION_MAJOR == number(env!("CARGO_PKG_VERSION_MAJOR")));
    assert!(TC_LIBRARY_VERSION_MINOR == number(env!("CARGO_PKG_VERSION_MINOR")));
    assert!(TC_LIBRARY_VERSION_PATCH == number(env!("CARGO_PKG_VERSION_PATCH")));
};

/// ======== LIBRARY ========
///
/// The version of the library that runs: major << 16 | minor << 8 | patch. It should have the same
/// major part as TC_LIBRARY_VERSION (below 1.0 also the same minor part).
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn tc_library_version() -> u32 {
    TC_LIBRARY_VERSION
}

/// The name of a status, such as "TC_E_RANGE"; "unknown status" for other numbers. Never NULL; the
/// text is static.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn tc_status_name(status: tc_status) -> *const c_char {
    status::name(status).as_ptr()
}

/// The bytes of memory that this process may use: the smallest of what the machine has, what its
/// control groups allow and the limit of its address space. A cache of a fixed share of it suits
/// laptops and containers alike.
///
/// Cannot fail; UINT64_MAX where nothing is known. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn tc_memory_limit() -> u64 {
    guard_value(u64::MAX, crate::system::memory_limit)
}

/// A budget in bytes that suits most programs: the smaller of 5 GiB and half of tc_memory_limit().
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn tc_default_budget() -> u64 {
    guard_value(0, crate::cache::default_budget)
}

/// How many files of provider_open the library keeps open at most, in the whole process; at first half
/// of the descriptors that the system allows the process. A file that was not read lately gives its
/// descriptor back to another, and is opened again by its path when it is read. It must be the same then:
/// one that was replaced, modified or deleted meanwhile fails with TC_E_CHANGED. Threads that read at this
/// moment may have one more open each.
///
/// - most: at least 1; 0 is half of what the system allows at each opening (RLIMIT_NOFILE). With a
///   smaller number than before, descriptors are closed in this call.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn tc_set_open_files(most: u64) {
    guard_value((), || crate::bytes::descriptors::set_bound(most));
}

/// How many bytes of the indexes of files the library keeps at most, in the whole process: parts of 64 KiB of
/// the tables that tell where the blocks of a TIFF lie, read when a block is asked for, and what its
/// directories were found to say. They are kept once for all openings of a file (of bytes of yours, for one
/// provider), and beside the budgets of caches; what was not used lately goes, and is read again when it is
/// needed. `index` of tc_cache_stats tells how many bytes are kept.
///
/// - most: 32 MiB at first; 0 keeps nothing. With a smaller number than before, memory is given back in
///   this call.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn tc_set_index_bytes(most: u64) {
    guard_value((), || crate::source::index::set_bound(most));
}

/// Calls the release functions that were put off, by TC_PIXELS_DEFER_RELEASE or TC_IMAGE_DEFER_RELEASE,
/// on the calling thread. For languages whose collector releases tiles where no code of theirs may run.
///
/// Returns how many. Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn tc_run_releases() -> usize {
    guard_value(0, array::run_deferred)
}
