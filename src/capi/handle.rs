//! Handles: reference-counted objects behind opaque pointers.

use super::cache::tc_cache;
use super::fork;
use super::guard::guard_value;
use super::provider::tc_provider;
use super::reader::tc_load;
use crate::error::{Error, Result};
use std::sync::Arc;

/// What handles stand for.
pub trait Object: Send + Sync {}

impl Object for tc_cache {}
impl Object for tc_load {}
impl Object for tc_provider {}

/// What a handle points at: the object, which comes first.
#[repr(C)]
struct Owned<T> {
    object: T,
    /// In which process of a line of forks it was made.
    generation: u32,
}

/// A new handle, owned by the caller.
pub fn new<T: Object>(object: T) -> *mut T {
    fork::expect();
    let generation = fork::generation();
    Arc::into_raw(Arc::new(Owned { object, generation }))
        .cast_mut()
        .cast()
}

/// Whether a handle was made in this process, and not before it was forked.
///
/// # Safety
/// `handle` must be a live handle.
unsafe fn is_ours<T: Object>(handle: *const T) -> bool {
    // SAFETY: promised by the caller.
    unsafe { (*handle.cast::<Owned<T>>()).generation == fork::generation() }
}

/// What the argument `name` points at.
///
/// # Safety
/// `pointer` must be NULL or point at a value that stays as it is for as long as the reference is used.
pub unsafe fn given<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: promised by the caller.
    unsafe { pointer.as_ref() }.ok_or_else(|| Error::argument(format!("{name} is NULL")))
}

/// The object behind the argument `name`.
///
/// # Safety
/// `handle` must be NULL or a handle that stays alive for as long as the reference is used.
pub unsafe fn borrow<'a, T: Object>(handle: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: promised by the caller.
    let object = unsafe { given(handle, name) }?;
    // SAFETY: promised by the caller.
    if unsafe { !is_ours(handle) } {
        return Err(Error::argument(format!(
            "{name} was made before fork, which the child must not use"
        )));
    }
    Ok(object)
}

/// The object behind the argument `name`, which may be NULL.
///
/// # Safety
/// As for [`borrow`].
pub unsafe fn borrow_optional<'a, T: Object>(
    handle: *const T,
    name: &str,
) -> Result<Option<&'a T>> {
    if handle.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    unsafe { borrow(handle, name) }.map(Some)
}

/// One more reference; NULL gives NULL. What was made before a fork stays as it is.
///
/// # Safety
/// `handle` must be NULL or a live handle.
pub unsafe fn retain<T: Object>(handle: *mut T) -> *mut T {
    // SAFETY: the handle came from an `Arc` of this type and is alive.
    if !handle.is_null() && unsafe { is_ours(handle) } {
        // SAFETY: as before.
        unsafe { Arc::increment_strong_count(handle.cast::<Owned<T>>()) };
    }
    handle
}

/// One reference less; NULL does nothing, and neither does what was made before a fork.
///
/// # Safety
/// `handle` must be NULL or a live handle, of which the caller owns a reference.
pub unsafe fn release<T: Object>(handle: *mut T) {
    // SAFETY: the handle came from an `Arc` of this type and is alive.
    if !handle.is_null() && unsafe { is_ours(handle) } {
        // SAFETY: as before, and the caller gives a reference up.
        guard_value((), || {
            drop(unsafe { Arc::from_raw(handle.cast::<Owned<T>>()) })
        });
    }
}
