//! The providers that the callbacks of a source read, as the handles that the callbacks have.

use super::args;
use super::handle;
use super::provider::{source_of, tc_provider};
use crate::cache::{compute_key, name_or_number};
use crate::error::{Error, Result};
use crate::source::source_key;
use crate::sync::thread_local;
use std::cell::RefCell;
use std::ffi::c_char;

/// The most images that a source or an operator reads.
pub const MAX_INPUTS: usize = 1024;

/// A reference to a handle.
struct Kept(*mut tc_provider);

// SAFETY: handles may be used and released on any thread.
unsafe impl Send for Kept {}
// SAFETY: as above.
unsafe impl Sync for Kept {}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: it is a reference of its own.
        unsafe { handle::release(self.0) }
    }
}

thread_local! {
    /// What is still to be dropped on this thread, while something is.
    static FALLING: RefCell<Option<Vec<Kept>>> = const { RefCell::new(None) };
}

/// Handles that are kept alive. However long a chain of sources that read each other is, dropping it goes no
/// deeper than from one of them to the next.
#[derive(Default)]
pub struct Inputs(Vec<Kept>);

impl Inputs {
    /// References to `n` handles.
    ///
    /// # Safety
    /// `from` must be NULL or point to so many handles, each NULL or alive.
    pub unsafe fn new(from: *const *mut tc_provider, n: usize) -> Result<Self> {
        if from.is_null() != (n == 0) || n > MAX_INPUTS {
            return Err(Error::argument(format!(
                "inputs of source is {}NULL, and n_inputs {n}; it must be 1 to {MAX_INPUTS}, or NULL and 0",
                if from.is_null() { "" } else { "not " },
            )));
        }
        let mut inputs = Self::default();
        for at in 0..n {
            // SAFETY: promised by the caller.
            let input = unsafe {
                let input = *from.add(at);
                source_of(input).map(|_| Kept(handle::retain(input)))
            };
            let input = input.map_err(|error| error.at(format!("inputs[{at}]")));
            inputs.0.push(input?);
        }
        Ok(inputs)
    }

    /// The key of a source that reads these: it names theirs, so that it changes with them.
    ///
    /// # Safety
    /// `name` must be NULL or NUL-ended.
    pub unsafe fn key(&self, name: *const c_char) -> Result<String> {
        // SAFETY: promised by the caller.
        let name = unsafe { args::optional_text(name, "key")? };
        if self.0.is_empty() {
            return source_key(name);
        }
        // SAFETY: the handles are kept alive.
        let keys = self
            .0
            .iter()
            .map(|input| unsafe { &*input.0 }.provider.key());
        compute_key(&name_or_number(name), keys)
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        let mut own = std::mem::take(&mut self.0);
        let is_first = FALLING.try_with(|falling| match &mut *falling.borrow_mut() {
            Some(others) => {
                others.append(&mut own);
                false
            }
            none => {
                *none = Some(Vec::new());
                true
            }
        });
        // A thread that is ending has no thread-local values any more.
        if !is_first.unwrap_or(false) {
            return drop(own);
        }
        while let Some(input) = own.pop() {
            drop(input);
            FALLING.with(|more| own.extend(more.borrow_mut().iter_mut().flat_map(std::mem::take)));
        }
        FALLING.with(|more| more.replace(None));
    }
}
