//! How a function of C answers.

use crate::raw::*;
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a function of C answers, which may not panic: the status, and in `err`, which may be NULL, why it is not TC_OK.
///
/// # Safety
///
/// `err` is NULL or an error that may be written.
pub(crate) unsafe fn answered(
    err: *mut tc_error,
    call: impl FnOnce() -> Result<(), (tc_status, String)>,
) -> tc_status {
    let called = catch_unwind(AssertUnwindSafe(call));
    let failure = called.unwrap_or_else(|_| Err((TC_E_INTERNAL, "the tier failed".to_owned())));
    let (status, message) = failure.err().unwrap_or_default();
    let mut told = no_error();
    told.code = status;
    let longest = message.len().min(told.message.len() - 1);
    let mut ends = (0..=longest).rev();
    let end = ends.find(|&end| message.is_char_boundary(end)).unwrap_or(0);
    for (to, byte) in told.message.iter_mut().zip(message[..end].bytes()) {
        *to = byte as c_char;
    }
    if !err.is_null() {
        // SAFETY: as promised.
        unsafe { err.write(told) };
    }
    status
}

/// Runs it so that no panic gets out.
pub fn guarded(run: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(run));
}

/// The text, unless it is NULL or not UTF-8.
///
/// # Safety
///
/// NULL, or a text that ends with NUL and lives long enough.
pub unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as promised.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}

pub(crate) fn no_error() -> tc_error {
    tc_error {
        code: TC_OK,
        source_code: 0,
        message: [0; 504],
    }
}
