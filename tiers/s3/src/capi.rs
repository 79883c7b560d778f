//! The C API. `include/tilecache_s3.h` is its manual.

use crate::address::{Address, Keys};
use crate::store::{ObjectStore, Settings};
use std::ffi::{CStr, c_char, c_void};
use std::time::Duration;
use tilecache_fleet::Options;
use tilecache_table::c::text;
use tilecache_table::options::Chosen;
use tilecache_table::raw::*;
use tilecache_table::table::{LogFn, Refused, made, report};
use tilecache_table::{Making, chosen};

/// See the header.
pub const TC_TIER_S3_ALWAYS: u32 = 1;
/// See the header.
pub const TC_TIER_S3_STRICT: u32 = 2;
/// See the header.
pub const TC_TIER_S3_PUT_EVICTED: u32 = 8;
/// See the header.
pub const TC_TIER_S3_NO_LEASES: u32 = 4;

const MOST_CONNECTIONS: u32 = 64;

/// See the header.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs)]
pub struct tc_tier_s3_options {
    pub struct_size: u32,
    pub flags: u32,
    pub region: *const c_char,
    pub access_key: *const c_char,
    pub secret_key: *const c_char,
    pub session_token: *const c_char,
    pub secret: *const c_void,
    pub secret_bytes: usize,
    pub validity_ms: u32,
    pub get_ms: u32,
    pub put_ms: u32,
    pub purge_ms: u32,
    pub wait_ms: u32,
    pub compression: u32,
    pub connections: u32,
    pub reserved: u32,
    pub value_bytes: u64,
    pub queue_bytes: u64,
    pub log: Option<LogFn>,
    pub log_user: *mut c_void,
}

/// What suits a store that takes some tens of milliseconds, and is paid for each question.
fn defaults() -> Options {
    Options {
        validity: Duration::from_secs(60),
        get: Duration::from_secs(1),
        put: Duration::from_secs(10),
        purge: Duration::from_secs(10),
        ..Options::default()
    }
}

/// See the header.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_tier_s3(
    url: *const c_char,
    options: *const tc_tier_s3_options,
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
unsafe fn making(url: &CStr, given: &tc_tier_s3_options) -> Result<Making<ObjectStore>, String> {
    let url = url.to_str().map_err(|_| "url is not UTF-8")?;
    let chosen = Chosen {
        flags: given.flags & !TC_TIER_S3_NO_LEASES,
        ..chosen!(given)
    };
    if given.connections > MOST_CONNECTIONS {
        let told = given.connections;
        return Err(format!(
            "options.connections is {told}, of at most {MOST_CONNECTIONS}"
        ));
    }
    if given.reserved != 0 {
        return Err(format!("options.reserved is {}", given.reserved));
    }
    let mut settings = Settings {
        leases: given.flags & TC_TIER_S3_NO_LEASES == 0,
        ..Settings::default()
    };
    if given.connections > 0 {
        settings.connections = given.connections as usize;
    }
    // SAFETY: as the header says.
    let (options, region, keys) = unsafe {
        let given_text = |member: *const c_char, name: &str| match member.is_null() {
            true => Ok(None),
            false => text(member)
                .map(Some)
                .ok_or_else(|| format!("options.{name} is not UTF-8")),
        };
        let region = given_text(given.region, "region")?.map(str::to_owned);
        let access = given_text(given.access_key, "access_key")?;
        let secret = given_text(given.secret_key, "secret_key")?;
        let token = given_text(given.session_token, "session_token")?;
        let keys = match (access, secret) {
            (Some(access), Some(secret)) => Keys::new(access, secret, token),
            (None, None) if token.is_none() => Keys::from_environment(),
            (Some(_), None) => {
                return Err("options.access_key has no options.secret_key".to_owned());
            }
            _ => {
                return Err("options.access_key is NULL, but its secret or token is not".to_owned());
            }
        };
        (chosen.over(defaults())?, region, keys)
    };
    let of_environment = || {
        std::env::var("AWS_REGION")
            .ok()
            .filter(|region| !region.is_empty())
    };
    let region = region
        .or_else(of_environment)
        .unwrap_or_else(|| "us-east-1".to_owned());
    let address = Address::parse(url, &region)?;
    Ok(Making {
        name: "tilecache-s3",
        store: ObjectStore::new(address, keys, settings),
        options,
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
pub unsafe extern "C" fn tc_tier_s3_report(
    tier: *const tc_tier,
    write: tc_write_fn,
    user: *mut c_void,
    err: *mut tc_error,
) -> tc_status {
    let of_store = |store: &ObjectStore| {
        vec![(
            "conditions",
            store
                .keeps_conditions()
                .map_or(0, |kept| 1 + u64::from(kept)),
        )]
    };
    // SAFETY: as the header says.
    unsafe { report(tier, write, user, err, of_store) }
}
