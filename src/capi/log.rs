//! Logs: what a cache or an opening tells beside results.

use super::args::{self, SizeLed};
use super::array::Owner;
use super::types::tc_release_fn;
use crate::error::{Error, Result};
use crate::log::{Event, Level, Log, Sink};
use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

/// How much a message of a log matters; the values of tc_log.level and of the level that a tc_log_fn is given.
#[repr(C)]
pub enum tc_log_level {
    /// A call fails because of it, as a strict opening because of each thing that is wrong with the file.
    TC_LOG_ERROR = 1,
    /// Something is not as it should be and is put up with: damage that is read over, slow loads, files that changed.
    TC_LOG_WARNING = 2,
    /// What explains something that one may wonder about: failed loads, tiles that found no room, what went because
    /// a budget, a share or tc_trim asked for it.
    TC_LOG_INFO = 3,
    /// What happens all the time: what went to make room for the next tile.
    TC_LOG_DEBUG = 4,
}

/// What a message of a log is about; a number that you do not know is of a later version.
#[repr(C)]
pub enum tc_log_event {
    /// A file is damaged, or one beside it is or does not fit, and it is read all the same; with TC_OPEN_STRICT it is
    /// not. What provider_metadata tells as TC:WARNING:1 and so on is among it.
    TC_LOG_DAMAGE = 1,
    /// A part of what a file, or one beside it, says of its place cannot be understood and is left out.
    TC_LOG_GEOREFERENCE = 2,
    /// A load took longer than tc_log.slow_ms; what it waited for counts.
    TC_LOG_SLOW = 3,
    /// A load failed; the text is that of the error.
    TC_LOG_FAILED = 4,
    /// A load failed because the file changed; the text is that of the error.
    TC_LOG_CHANGED = 5,
    /// Tiles went, and why.
    TC_LOG_EVICTED = 6,
    /// A tile found no room in the budget: what is held or guaranteed leaves none.
    TC_LOG_REJECTED = 7,
    /// A load went on beyond tc_cache_options.max_in_flight because none had ended for a second.
    TC_LOG_OVERDUE = 8,
}

/// Hears of something that happens.
///
/// - user: as given with the function.
/// - level: one of tc_log_level.
/// - event: one of tc_log_event.
/// - subject: what it is about: the key of a provider, the path of a file, or "cache"; UTF-8, valid during the call.
/// - text: a sentence for a person, whose words may change; UTF-8, valid during the call.
///
/// Called inside a call of the library, on its thread or one of the library's own, and on several threads at once; no
/// lock of the library is held. It may call the library as any callback may, see CALLBACKS at the top; what that would
/// tell on the same thread before it returns is not told. It delays what it is told of. It must not throw, unwind or
/// longjmp: the process may end at once.
pub type tc_log_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        level: i32,
        event: i32,
        subject: *const c_char,
        text: *const c_char,
    ),
>;

/// Where a cache or an opening tells what happens. Size-led; copied by the call.
///
/// A cache tells of loads of the providers that keep their tiles in it, and of what goes; an opening of what is wrong
/// with the file, and as long as the provider or one made from it lives, of its slow and failed reads. Without a log
/// nothing is looked at and no clock is read that would not be without it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_log {
    /// sizeof(tc_log), set by you.
    pub struct_size: u32,
    /// One of tc_log_level: what matters less is not told. 0 is TC_LOG_WARNING.
    pub level: u32,
    /// Loads that take so many milliseconds or more are told of. 0 is 1,000.
    pub slow_ms: u32,
    /// 0.
    pub reserved: u32,
    /// Hears of it. Required.
    pub write: tc_log_fn,
    /// Passed to `write`.
    pub user: *mut c_void,
    /// Called once with `user` after the last call of `write` has returned: when the cache, or the provider with all that
    /// was made from it, is gone, or when the opening has failed. NULL: nothing to release. Where tc_create or
    /// provider_open refuse their arguments it is not called.
    pub release: tc_release_fn,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<tc_log>() == 40 && offset_of!(tc_log, write) == 16);
};

// SAFETY: numbers, pointers and optional functions behind a size; zero is NULL.
unsafe impl SizeLed for tc_log {
    const NAME: &'static str = "tc_log";
}

/// A caller's function that hears of what happens.
struct Callback {
    write: unsafe extern "C" fn(*mut c_void, i32, i32, *const c_char, *const c_char),
    user: *mut c_void,
    _owner: Arc<Owner>,
}

// SAFETY: the header demands that `write` may be called from several threads at once.
unsafe impl Send for Callback {}
// SAFETY: as above.
unsafe impl Sync for Callback {}

impl Sink for Callback {
    fn write(&self, level: Level, event: Event, subject: &str, text: &str) {
        let (subject, text) = (c_text(subject), c_text(text));
        // SAFETY: the header says what the function does with these arguments.
        unsafe {
            (self.write)(
                self.user,
                level as i32,
                event as i32,
                subject.as_ptr(),
                text.as_ptr(),
            );
        }
    }
}

/// A text for C, which ends where a zero is: zeros within become spaces.
fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}

/// A log that a caller gave, and what releases it when it is taken.
pub struct GivenLog {
    /// The log.
    pub log: Log,
    owner: Option<Arc<Owner>>,
}

impl GivenLog {
    /// From now on it is ours to release.
    pub fn take(&self) {
        if let Some(owner) = &self.owner {
            owner.take();
        }
    }
}

/// The log behind a pointer in options; NULL is none.
///
/// # Safety
/// `log` must be NULL, or readable for the size that it says.
pub unsafe fn given_log(log: *const tc_log) -> Result<GivenLog> {
    if log.is_null() {
        let log = Log::default();
        return Ok(GivenLog { log, owner: None });
    }
    // SAFETY: promised by the caller.
    let given = unsafe { args::read_sized(log, "log")? };
    let level = match given.level {
        0 | 2 => Level::Warning,
        1 => Level::Error,
        3 => Level::Info,
        4 => Level::Debug,
        level => {
            return Err(Error::argument(format!(
                "log.level is {level}; no such level of a log"
            )));
        }
    };
    if given.reserved != 0 {
        let reserved = given.reserved;
        return Err(Error::argument(format!(
            "log.reserved is {reserved}; it must be 0"
        )));
    }
    let Some(write) = given.write else {
        return Err(Error::argument("log.write is NULL"));
    };
    let slow = match given.slow_ms {
        0 => 1000,
        slow => slow,
    };
    let owner = Owner::new(given.release, given.user);
    let callback = Callback {
        write,
        user: given.user,
        _owner: owner.clone(),
    };
    Ok(GivenLog {
        log: Log::new(
            Box::new(callback),
            level,
            Duration::from_millis(slow.into()),
        ),
        owner: Some(owner),
    })
}
