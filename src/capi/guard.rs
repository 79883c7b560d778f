//! Nothing unwinds into C: every exported function runs inside one of these.

use super::status::{tc_error, tc_status, tc_status_code};
use crate::error::{Error, Result};
use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// How many exported functions this thread is inside of.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// Runs a call, and hands back what it panicked with. Nothing is printed: the host's terminal is not
/// ours, and the text reaches the caller as an error.
fn catch<R>(call: impl FnOnce() -> R) -> std::thread::Result<R> {
    static QUIET: Once = Once::new();
    // A thread that is panicking may not change the hook.
    if !std::thread::panicking() {
        QUIET.call_once(silence);
    }
    INSIDE.set(INSIDE.get() + 1);
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    INSIDE.set(INSIDE.get() - 1);
    outcome
}

/// Keeps panics inside exported functions from being printed.
fn silence() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if INSIDE.get() == 0 {
            others(info);
        }
    }));
}

/// Runs a call that can fail, argument checks included, and tells how it ended.
///
/// # Safety
/// `err` must be NULL or writable.
pub unsafe fn guard(err: *mut tc_error, call: impl FnOnce() -> Result<()>) -> tc_status {
    match catch(call) {
        // SAFETY: promised by the caller.
        Ok(Ok(())) => unsafe { succeed(err) },
        // SAFETY: promised by the caller.
        Ok(Err(error)) => unsafe { tell(err, &error) },
        // SAFETY: promised by the caller.
        Err(panic) => unsafe { tell(err, &describe(panic)) },
    }
}

/// Tells that nothing went wrong.
///
/// # Safety
/// `err` must be NULL or writable.
#[inline]
pub unsafe fn succeed(err: *mut tc_error) -> tc_status {
    if !err.is_null() {
        // SAFETY: promised by the caller. The struct may be uninitialised, so it is only written.
        unsafe {
            (&raw mut (*err).code).write(tc_status_code::TC_OK as tc_status);
            (&raw mut (*err).message).cast::<u8>().write(0);
        }
    }
    tc_status_code::TC_OK as tc_status
}

/// Writes what went wrong to the caller's struct; apart, so that success does not pay for it.
///
/// # Safety
/// `err` must be NULL or writable.
#[cold]
#[inline(never)]
unsafe fn tell(err: *mut tc_error, error: &Error) -> tc_status {
    let told = tc_error::of(error);
    let status = told.code;
    if !err.is_null() {
        // SAFETY: promised by the caller.
        unsafe { err.write(told) };
    }
    status
}

/// Runs a call that cannot fail; after a defect it gives `otherwise`.
pub fn guard_value<T>(otherwise: T, call: impl FnOnce() -> T) -> T {
    catch(call).unwrap_or_else(|panic| {
        describe(panic);
        otherwise
    })
}

/// What a panic said, as an error.
fn describe(panic: Box<dyn Any + Send>) -> Error {
    let text = match panic.downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(panic) => match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => {
                // It may panic again when it is dropped.
                std::mem::forget(panic);
                "of an unknown kind".to_owned()
            }
        },
    };
    Error::internal(format!("a defect of the library: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status_with_its_text() {
        let mut err = tc_error::empty();
        // SAFETY: `err` is ours.
        let status = unsafe { guard(&mut err, || panic!("lost {}", "count")) };
        assert_eq!(status, tc_status_code::TC_E_INTERNAL as i32);
        assert_eq!(err.code, status);
        assert_eq!(guard_value(3, || panic!("again")), 3);
    }

    #[test]
    fn success_touches_two_members_only() {
        let mut err = tc_error::empty();
        err.code = 9;
        err.source_code = 8;
        err.message = [7; 504];
        // SAFETY: `err` is ours.
        assert_eq!(unsafe { guard(&mut err, || Ok(())) }, 0);
        assert_eq!((err.code, err.source_code), (0, 8));
        assert_eq!((err.message[0], err.message[1]), (0, 7));
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { guard(std::ptr::null_mut(), || Ok(())) }, 0);
    }
}
