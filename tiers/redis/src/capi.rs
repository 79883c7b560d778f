//! The C API. `include/tilecache_redis.h` is its manual.

use crate::address::Address;
use crate::raw::*;
use crate::store::Settings;
use crate::table::{self, Attached, Tier};
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Duration;
use tilecache_fleet::value::Compression;
use tilecache_fleet::{Options, Secret};

/// Where what happens is told.
pub type LogFn = unsafe extern "C" fn(*mut c_void, *const c_char);

/// See the header.
pub const TC_TIER_REDIS_ALWAYS: u32 = 1;
/// See the header.
pub const TC_TIER_REDIS_STRICT: u32 = 2;

const LEAST_VALIDITY: u32 = 30;
const LEAST_SECRET: usize = 16;
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
    let mut status = fails(err, TC_E_INTERNAL, "making the tier failed");
    guarded(|| {
        // SAFETY: as the header says.
        let made = unsafe {
            options_of(options).and_then(|options| {
                let url = text(url).ok_or("url is NULL, or not UTF-8")?;
                if tier.is_null() {
                    return Err("tier is NULL".to_owned());
                }
                table_of(url, &options)
            })
        };
        status = match made {
            Ok(table) => {
                // SAFETY: it is not NULL.
                unsafe { tier.write(table) };
                succeeds(err)
            }
            Err(message) => fails(err, TC_E_ARGUMENT, &message),
        };
    });
    status
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
    let mut status = fails(err, TC_E_INTERNAL, "the report failed");
    guarded(|| {
        // SAFETY: as the header says.
        let table = unsafe { tier.as_ref() };
        let (table, write) = match (table, write) {
            (None, _) => {
                status = fails(err, TC_E_ARGUMENT, "tier is NULL");
                return;
            }
            (_, None) => {
                status = fails(err, TC_E_ARGUMENT, "write is NULL");
                return;
            }
            (Some(table), _) if !table::is_ours(table) => {
                status = fails(err, TC_E_ARGUMENT, "tier is not one of tc_tier_redis");
                return;
            }
            (Some(table), Some(write)) => (table, write),
        };
        // SAFETY: it is one of ours, and its cache is there.
        let running = unsafe { (*table.user.cast::<Tier>()).running.get() };
        let counts = running.map(table::Running::statistics).unwrap_or_default();
        let named = counts.named();
        let fields: Vec<_> = named
            .iter()
            .map(|(name, count)| format!("\"{name}\":{count}"))
            .collect();
        let text = format!("{{{}}}", fields.join(","));
        let mut told = no_error();
        // SAFETY: as the header says.
        status = match unsafe { write(user, text.as_ptr().cast(), text.len(), &mut told) } {
            TC_OK => succeeds(err),
            code => fails(err, code, "write ended the report"),
        };
    });
    status
}

/// # Safety
///
/// NULL, or options whose size is true.
unsafe fn options_of(given: *const tc_tier_redis_options) -> Result<tc_tier_redis_options, String> {
    const KNOWN: usize = size_of::<tc_tier_redis_options>();
    // SAFETY: a struct of numbers and pointers, all of which may be 0.
    let mut options: tc_tier_redis_options = unsafe { std::mem::zeroed() };
    if given.is_null() {
        return Ok(options);
    }
    // SAFETY: the size is there, and true.
    let size = unsafe { (*given).struct_size } as usize;
    if size < 8 {
        return Err(format!("options.struct_size is {size}"));
    }
    // SAFETY: so many bytes are there.
    let given = unsafe { std::slice::from_raw_parts(given.cast::<u8>(), size) };
    if given.iter().skip(KNOWN).any(|&byte| byte != 0) {
        return Err(format!(
            "options has members beyond the {KNOWN} bytes that are known, and they are not 0"
        ));
    }
    let known = size.min(KNOWN);
    // SAFETY: the struct has so many bytes, and any are valid for its members.
    unsafe {
        let to = (&raw mut options).cast::<u8>();
        std::ptr::copy_nonoverlapping(given.as_ptr(), to, known);
    }
    Ok(options)
}

/// # Safety
///
/// As the header says of the options.
unsafe fn table_of(url: &str, given: &tc_tier_redis_options) -> Result<tc_tier, String> {
    let ms = |time: u32, default: Duration| match time {
        0 => default,
        time => Duration::from_millis(time.into()),
    };
    let unknown = given.flags & !(TC_TIER_REDIS_ALWAYS | TC_TIER_REDIS_STRICT);
    if unknown != 0 {
        return Err(format!(
            "options.flags has bits that are not known: {unknown:#x}"
        ));
    }
    if given.validity_ms != 0 && given.validity_ms < LEAST_VALIDITY {
        let told = given.validity_ms;
        return Err(format!(
            "options.validity_ms is {told}, but the least is {LEAST_VALIDITY}"
        ));
    }
    let mut options = Options::default();
    options.validity = ms(given.validity_ms, options.validity);
    options.get = ms(given.get_ms, options.get);
    options.put = ms(given.put_ms, options.put);
    options.purge = ms(given.purge_ms, options.purge);
    options.wait = (given.wait_ms != 0).then(|| Duration::from_millis(given.wait_ms.into()));
    options.ask_always = given.flags & TC_TIER_REDIS_ALWAYS != 0;
    options.strict = given.flags & TC_TIER_REDIS_STRICT != 0;
    options.compression = match given.compression {
        0 | 1 => Compression::Lz4,
        2 => Compression::Zstd,
        3 => Compression::None,
        other => return Err(format!("options.compression is {other}")),
    };
    if given.value_bytes != 0 {
        options.max_bytes = usize::try_from(given.value_bytes).unwrap_or(usize::MAX);
    }
    // SAFETY: as the header says.
    options.secret = unsafe { secret_of(given)? };
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
    // SAFETY: a struct of numbers, pointers and functions, all of which may be 0.
    let mut table: tc_tier = unsafe { std::mem::zeroed() };
    table.struct_size = size_of::<tc_tier>() as u32;
    if options.strict {
        table.flags = TC_TIER_STRICT;
    }
    // Answered inside the call: the library's own limit only ends what this library would end, too.
    table.get_ns = nanoseconds(options.get * 3 + settings.opening);
    table.lease_ns = options
        .wait
        .map_or(0, |wait| nanoseconds(wait + options.get * 3));
    table.queue_bytes = given.queue_bytes;
    table::fill(&mut table);
    let tier = Tier {
        address,
        settings,
        options,
        log: given.log,
        log_user: given.log_user,
        running: OnceLock::new(),
        attached: Attached::default(),
    };
    table.user = Box::into_raw(Box::new(tier)).cast();
    Ok(table)
}

/// # Safety
///
/// As the header says of the options.
unsafe fn secret_of(given: &tc_tier_redis_options) -> Result<Option<Secret>, String> {
    if given.secret.is_null() {
        return match given.secret_bytes {
            0 => Ok(None),
            bytes => Err(format!(
                "options.secret is NULL, but options.secret_bytes is {bytes}"
            )),
        };
    }
    if given.secret_bytes < LEAST_SECRET {
        let told = given.secret_bytes;
        return Err(format!(
            "options.secret_bytes is {told}, but a secret has {LEAST_SECRET} at least"
        ));
    }
    // SAFETY: there are so many bytes.
    let bytes =
        unsafe { std::slice::from_raw_parts(given.secret.cast::<u8>(), given.secret_bytes) };
    Ok(Some(Secret::new(bytes)))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Runs it so that no panic gets out.
pub(crate) fn guarded(run: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(run));
}

/// # Safety
///
/// NULL, or a text that ends with NUL and lives long enough.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as promised.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}

fn no_error() -> tc_error {
    tc_error {
        code: TC_OK,
        source_code: 0,
        message: [0; 504],
    }
}

fn succeeds(err: *mut tc_error) -> tc_status {
    if !err.is_null() {
        // SAFETY: it is NULL or an error of the caller.
        unsafe {
            (*err).code = TC_OK;
            (*err).message[0] = 0;
        }
    }
    TC_OK
}

pub(crate) fn fails(err: *mut tc_error, status: tc_status, message: &str) -> tc_status {
    if !err.is_null() {
        let mut told = no_error();
        told.code = status;
        let longest = message.len().min(told.message.len() - 1);
        let end = (0..=longest)
            .rev()
            .find(|&end| message.is_char_boundary(end))
            .unwrap_or(0);
        for (to, byte) in told.message.iter_mut().zip(message[..end].bytes()) {
            *to = byte as c_char;
        }
        // SAFETY: it is NULL or an error of the caller.
        unsafe { err.write(told) };
    }
    status
}
