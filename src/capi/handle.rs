//! Handles: reference-counted objects behind opaque pointers.

use super::cache::tc_cache;
use super::guard::guard_value;
use super::provider::tc_provider;
use super::reader::tc_load;
use super::tile::tc_tile;
use crate::error::{Error, Result};
use std::sync::Arc;

/// A new handle, owned by the caller.
pub fn new<T>(object: T) -> *mut T {
    Arc::into_raw(Arc::new(object)).cast_mut()
}

/// The object behind the argument `name`.
///
/// # Safety
/// `handle` must be NULL or a handle that stays alive for as long as the reference is used.
pub unsafe fn borrow<'a, T>(handle: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: promised by the caller.
    unsafe { handle.as_ref() }.ok_or_else(|| Error::argument(format!("{name} is NULL")))
}

/// One more reference; NULL gives NULL.
///
/// # Safety
/// `handle` must be NULL or a live handle.
pub unsafe fn retain<T>(handle: *mut T) -> *mut T {
    if !handle.is_null() {
        // SAFETY: the handle came from an `Arc` of this type and is alive.
        unsafe { Arc::increment_strong_count(handle) };
    }
    handle
}

/// One reference less; NULL does nothing.
///
/// # Safety
/// `handle` must be NULL or a live handle, of which the caller owns a reference.
pub unsafe fn release<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: the handle came from an `Arc` of this type, and the caller gives a reference up.
        guard_value((), || drop(unsafe { Arc::from_raw(handle) }));
    }
}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<tc_cache>();
    shared::<tc_load>();
    shared::<tc_provider>();
    shared::<tc_tile>();
};
