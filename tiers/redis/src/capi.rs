//! The C API. `include/tilecache_redis.h` is its manual.

use crate::address::Address;
use crate::store::{Redis, Settings};
use std::ffi::{CStr, c_char, c_void};
use std::time::Duration;
use tilecache_fleet::Options;
use tilecache_table::c::text;
use tilecache_table::raw::*;
use tilecache_table::table::{LogFn, Refused, made, report};
use tilecache_table::{Making, chosen};

/// See the header.
pub const TC_TIER_REDIS_ALWAYS: u32 = 1;
/// See the header.
pub const TC_TIER_REDIS_STRICT: u32 = 2;
/// See the header.
pub const TC_TIER_REDIS_PUT_EVICTED: u32 = 8;

const LONGEST_PREFIX: usize = 64;

/// See the header.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs)]
pub struct tc_tier_redis_options {
    pub struct_size: u32,
    pub flags: u32,
    pub prefix: *const c_char,
    pub secret: *const c_void,
    pub secret_bytes: usize,
    pub validity_ms: u32,
    pub get_ms: u32,
    pub put_ms: u32,
    pub purge_ms: u32,
    pub wait_ms: u32,
    pub replicas: u32,
    pub compression: u32,
    pub keep_s: u32,
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
pub unsafe extern "C" fn tc_tier_redis(
    url: *const c_char,
    options: *const tc_tier_redis_options,
    tier: *mut tc_tier,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: as the header says; the struct is one of numbers and pointers.
    unsafe {
        made(("url", url), options, tier, err, |url, given| {
            making(url, given).map_err(Refused::from)
        })
    }
}

/// # Safety
///
/// As the header says of the options.
unsafe fn making(url: &CStr, given: &tc_tier_redis_options) -> Result<Making<Redis>, String> {
    let url = url.to_str().map_err(|_| "url is not UTF-8")?;
    // SAFETY: as the header says.
    let options = unsafe { chosen!(given).over(Options::default())? };
    let mut settings = Settings::default();
    if !given.prefix.is_null() {
        // SAFETY: as the header says.
        let prefix = unsafe { text(given.prefix) }.ok_or("options.prefix is not UTF-8")?;
        if prefix.len() > LONGEST_PREFIX {
            return Err(format!(
                "options.prefix has {} bytes, of at most {LONGEST_PREFIX}",
                prefix.len()
            ));
        }
        prefix.clone_into(&mut settings.prefix);
    }
    settings.replicas = given.replicas;
    settings.keep = match given.keep_s {
        0 => settings.keep,
        u32::MAX => None,
        seconds => Some(Duration::from_secs(seconds.into())),
    };
    let address = Address::parse(url)?;
    if settings.replicas > 0 && address.is_cluster() {
        return Err(format!(
            "options.replicas is {}, but {address} is a cluster",
            settings.replicas
        ));
    }
    Ok(Making {
        name: "tilecache-redis",
        beyond: settings.opening,
        store: Redis::new(&address, settings)?,
        options,
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
pub unsafe extern "C" fn tc_tier_redis_report(
    tier: *const tc_tier,
    write: tc_write_fn,
    user: *mut c_void,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: as the header says.
    unsafe { report(tier, write, user, err, |_: &Redis| Vec::new()) }
}
