//! The C API. `include/tilecache_files.h` is its manual.

use crate::directory::{Directory, Refused};
use crate::store::{Files, LEAST_BYTES};
use std::ffi::{CStr, OsStr, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use tilecache_fleet::Options;
use tilecache_table::c::answered;
use tilecache_table::options::{Chosen, sized};
use tilecache_table::raw::*;
use tilecache_table::table::{LogFn, report};
use tilecache_table::{Making, table};

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
    let argument = |message: String| (TC_E_ARGUMENT, message);
    let make = || {
        // SAFETY: as the header says; the struct is one of numbers and pointers.
        let given = unsafe { sized(options) }.map_err(argument)?;
        if path.is_null() {
            return Err(argument("path is NULL".to_owned()));
        }
        if tier.is_null() {
            return Err(argument("tier is NULL".to_owned()));
        }
        // SAFETY: it is not NULL, and ends with NUL.
        let path = OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes());
        if path.is_empty() {
            return Err(argument("path is empty".to_owned()));
        }
        let bytes = match given.bytes {
            0 => BYTES,
            few @ ..LEAST_BYTES => {
                let text = format!("options.bytes is {few}, but the least is {LEAST_BYTES}");
                return Err(argument(text));
            }
            bytes => bytes,
        };
        // SAFETY: as the header says.
        let options = unsafe { chosen(&given).over(Options::default()) }.map_err(argument)?;
        let directory = Directory::open(path.as_ref()).map_err(|refused| match refused {
            Refused::Foreign(text) => (TC_E_ARGUMENT, text),
            Refused::Failed(text) => (TC_E_IO, text),
        })?;
        let store = Files::new(directory, bytes);
        let making = Making {
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
        };
        // SAFETY: it is not NULL.
        unsafe { tier.write(table(making)) };
        Ok(())
    };
    // SAFETY: as the header says.
    unsafe { answered(err, make) }
}

fn chosen(given: &tc_tier_files_options) -> Chosen {
    Chosen {
        flags: given.flags,
        secret: given.secret,
        secret_bytes: given.secret_bytes,
        validity_ms: given.validity_ms,
        get_ms: given.get_ms,
        put_ms: given.put_ms,
        purge_ms: given.purge_ms,
        wait_ms: given.wait_ms,
        compression: given.compression,
        value_bytes: given.value_bytes,
    }
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
