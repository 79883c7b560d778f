//! Progress of long calls, told to their caller.

use std::ffi::{c_char, c_int, c_void};

/// Hears how far a long call has come; GDAL's GDALProgressFunc.
///
/// - done: how much of the work is done, from 0 to 1; never less than before.
/// - text: empty, never NULL; valid during the call.
/// - user: as given with the function.
///
/// Returns 0 to end the work, which then fails with TC_E_CANCELLED; anything else to go on. Called on the thread that
/// made the long call, inside of it, with no lock held. It must not throw, unwind or longjmp.
pub type tc_progress_fn =
    Option<unsafe extern "C" fn(done: f64, text: *const c_char, user: *mut c_void) -> c_int>;

/// Tells a caller of progress; says whether the work is to go on.
///
/// # Safety
/// `progress` must be callable with `user` as the header says.
pub unsafe fn tell(progress: tc_progress_fn, user: *mut c_void, done: f64) -> bool {
    match progress {
        // SAFETY: promised by the caller.
        Some(progress) => unsafe { progress(done, c"".as_ptr(), user) != 0 },
        None => true,
    }
}
