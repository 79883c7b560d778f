//! The C API. `include/tilecache_files.h` is its manual.

use crate::directory::{self, Directory};
use crate::store::{Files, LEAST_BYTES};
use std::ffi::{CStr, OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use tilecache_fleet::Options;
use tilecache_table::raw::*;
use tilecache_table::table::{LogFn, Refused, made, report};
use tilecache_table::{Making, chosen};

/// See the header.
pub const TC_TIER_FILES_ALWAYS: u32 = 1;
/// See the header.
pub const TC_TIER_FILES_STRICT: u32 = 2;
/// See the header.
pub const TC_TIER_FILES_PUT_EVICTED: u32 = 8;

const BYTES: u64 = 1 << 30;

/// See the header.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs)]
pub struct tc_tier_files_options {
    pub struct_size: u32,
    pub flags: u32,
    pub bytes: u64,
    pub secret: *const c_void,
    pub secret_bytes: usize,
    pub validity_ms: u32,
    pub get_ms: u32,
    pub put_ms: u32,
    pub purge_ms: u32,
    pub wait_ms: u32,
    pub compression: u32,
    pub value_bytes: u64,
    pub queue_bytes: u64,
    pub log: Option<LogFn>,
    pub log_user: *mut c_void,
}

/// See the header.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_files(
    path: *const c_char,
    options: *const tc_tier_files_options,
    tier: *mut tc_tier,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: as the header says; the struct is one of numbers and pointers.
    unsafe {
        made(("path", path), options, tier, err, |path, given| {
            making(path, given)
        })
    }
}

/// # Safety
///
/// As the header says of the options.
unsafe fn making(path: &CStr, given: &tc_tier_files_options) -> Result<Making<Files>, Refused> {
    if path.is_empty() {
        return Err("path is empty".to_owned().into());
    }
    let bytes = match given.bytes {
        0 => BYTES,
        few @ ..LEAST_BYTES => {
            let text = format!("options.bytes is {few}, but the least is {LEAST_BYTES}");
            return Err(text.into());
        }
        bytes => bytes,
    };
    // SAFETY: as the header says.
    let options = unsafe { chosen!(given).over(Options::default())? };
    let path = OsStr::from_bytes(path.to_bytes());
    let directory = Directory::open(path.as_ref()).map_err(|refused| match refused {
        directory::Refused::Foreign(text) => text.into(),
        directory::Refused::Failed(message) => Refused {
            status: TC_E_IO,
            message,
        },
    })?;
    let store = Files::new(directory, bytes);
    Ok(Making {
        name: "tilecache-files",
        options: Options {
            max_bytes: options.max_bytes.min(store.longest()),
            ..options
        },
        store,
        beyond: Duration::ZERO,
        queue_bytes: given.queue_bytes,
        log: given.log,
        log_user: given.log_user,
    })
}

/// See the header.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_files_report(
    tier: *const tc_tier,
    write: tc_write_fn,
    user: *mut c_void,
    err: *mut tc_error,
) -> tc_status {
    let of_store = |files: &Files| {
        let counts = files.counts();
        vec![
            ("evicted", counts.evicted.get()),
            ("evicted_bytes", counts.evicted_bytes.get()),
            ("recounts", counts.recounts.get()),
            ("bytes", counts.bytes.get()),
        ]
    };
    // SAFETY: as the header says.
    unsafe { report(tier, write, user, err, of_store) }
}
