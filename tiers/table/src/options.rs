//! What a caller in C chose.

use std::ffi::c_void;
use std::time::Duration;
use tilecache_fleet::value::Compression;
use tilecache_fleet::{Options, Secret};

const LEAST_VALIDITY: u32 = 30;
const LEAST_SECRET: usize = 16;

/// The options of a size-led struct of which the caller may know a later version; zeros where it is NULL.
///
/// # Safety
///
/// `T` begins with its size as an u32 and is valid as zeros and with any bytes; `given` is NULL, or options whose size is
/// true.
pub unsafe fn sized<T>(given: *const T) -> Result<T, String> {
    let known = size_of::<T>();
    // SAFETY: valid as zeros.
    let mut options: T = unsafe { std::mem::zeroed() };
    if given.is_null() {
        return Ok(options);
    }
    // SAFETY: the size is there, and true.
    let size = unsafe { given.cast::<u32>().read() } as usize;
    if size < known {
        return Err(format!(
            "options.struct_size is {size}, but the first version has {known} bytes"
        ));
    }
    // SAFETY: so many bytes are there.
    let given = unsafe { std::slice::from_raw_parts(given.cast::<u8>(), size) };
    if given.iter().skip(known).any(|&byte| byte != 0) {
        return Err(format!(
            "options has members beyond the {known} bytes that are known, and they are not 0"
        ));
    }
    // SAFETY: the struct has so many bytes, and any are valid for its members.
    unsafe {
        let to = (&raw mut options).cast::<u8>();
        std::ptr::copy_nonoverlapping(given.as_ptr(), to, known);
    }
    Ok(options)
}

/// The members that all tiers have; 0 is the default of the tier.
pub struct Chosen {
    /// Bits of [`ALWAYS`], [`STRICT`] and [`PUT_EVICTED`].
    pub flags: u32,
    /// What the processes know and the store does not.
    pub secret: *const c_void,
    /// How many bytes.
    pub secret_bytes: usize,
    /// [`Options::validity`].
    pub validity_ms: u32,
    /// [`Options::get`].
    pub get_ms: u32,
    /// [`Options::put`].
    pub put_ms: u32,
    /// [`Options::purge`].
    pub purge_ms: u32,
    /// [`Options::wait`].
    pub wait_ms: u32,
    /// 1 LZ4, 2 zstd, 3 none.
    pub compression: u32,
    /// [`Options::max_bytes`].
    pub value_bytes: u64,
}

/// The members that all tiers have, of a tier's own options.
#[macro_export]
macro_rules! chosen {
    ($given:expr) => {
        $crate::chosen!($given; flags, secret, secret_bytes, validity_ms, get_ms, put_ms, purge_ms, wait_ms, compression,
            value_bytes)
    };
    ($given:expr; $($member:ident),*) => {{
        let given = $given;
        $crate::options::Chosen { $($member: given.$member),* }
    }};
}

/// The bit of `flags` for [`Options::ask_always`].
pub const ALWAYS: u32 = 1;
/// That for [`Options::strict`].
pub const STRICT: u32 = 2;
/// That for [`Options::put_evicted`]; 4 is a tier's own.
pub const PUT_EVICTED: u32 = 8;

impl Chosen {
    /// What a fleet is told, or what is wrong with which member.
    ///
    /// # Safety
    ///
    /// The secret is NULL, or has so many bytes.
    pub unsafe fn over(&self, mut options: Options) -> Result<Options, String> {
        let ms = |time: u32, default: Duration| match time {
            0 => default,
            time => Duration::from_millis(time.into()),
        };
        let unknown = self.flags & !(ALWAYS | STRICT | PUT_EVICTED);
        if unknown != 0 {
            return Err(format!(
                "options.flags has bits that are not known: {unknown:#x}"
            ));
        }
        if self.validity_ms != 0 && self.validity_ms < LEAST_VALIDITY {
            let told = self.validity_ms;
            return Err(format!(
                "options.validity_ms is {told}, but the least is {LEAST_VALIDITY}"
            ));
        }
        options.validity = ms(self.validity_ms, options.validity);
        options.get = ms(self.get_ms, options.get);
        options.put = ms(self.put_ms, options.put);
        options.purge = ms(self.purge_ms, options.purge);
        options.wait = (self.wait_ms != 0).then(|| Duration::from_millis(self.wait_ms.into()));
        options.ask_always = self.flags & ALWAYS != 0;
        options.strict = self.flags & STRICT != 0;
        options.put_evicted = self.flags & PUT_EVICTED != 0;
        options.compression = match self.compression {
            0 => options.compression,
            1 => Compression::Lz4,
            2 => Compression::Zstd,
            3 => Compression::None,
            other => return Err(format!("options.compression is {other}")),
        };
        if self.value_bytes != 0 {
            options.max_bytes = usize::try_from(self.value_bytes).unwrap_or(usize::MAX);
        }
        // SAFETY: as promised.
        options.secret = unsafe { self.secret()? };
        Ok(options)
    }

    /// # Safety
    ///
    /// As above.
    unsafe fn secret(&self) -> Result<Option<Secret>, String> {
        let told = self.secret_bytes;
        if self.secret.is_null() {
            return match told {
                0 => Ok(None),
                bytes => Err(format!(
                    "options.secret is NULL, but options.secret_bytes is {bytes}"
                )),
            };
        }
        if told < LEAST_SECRET {
            return Err(format!(
                "options.secret_bytes is {told}, but a secret has {LEAST_SECRET} at least"
            ));
        }
        // SAFETY: there are so many bytes.
        let bytes = unsafe { std::slice::from_raw_parts(self.secret.cast::<u8>(), told) };
        Ok(Some(Secret::new(bytes)))
    }
}
