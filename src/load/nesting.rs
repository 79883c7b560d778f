//! How many providers may stand one upon another on one thread, so that no stack overflows.
//!
//! A request goes through one provider after the other, and each takes some of the thread's stack. A
//! callback may ask for a block on its part, on the same thread, and then both ways down count
//! together.

use crate::error::{Error, Result};
use crate::sync::thread_local;
use std::cell::Cell;

/// The most providers that a request goes through on one thread, those that callbacks ask for included.
pub const MAX_PROVIDERS: u32 = 128;

/// The stack of a thread of the library. What [`MAX_PROVIDERS`] take of it without optimisation leaves
/// half to callbacks.
pub const STACK_BYTES: usize = 8 << 20;

thread_local! {
    /// The providers that requests of this thread are going through.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// The height of a provider over one of the height `below`; refused if it stands too high.
pub fn above(below: u32) -> Result<u32> {
    let height = below + 1;
    if height > MAX_PROVIDERS {
        return Err(Error::limit(format!(
            "{height} providers one upon another; there may be at most {MAX_PROVIDERS}"
        )));
    }
    Ok(height)
}

/// Lets a thread go through so many providers while work is done, unless that would be too many with those
/// that it is going through already.
pub fn enter<R>(height: u32, work: impl FnOnce() -> Result<R>) -> Result<R> {
    // A thread that is ending has no thread-local values any more.
    let before = INSIDE.try_with(Cell::get).unwrap_or(0);
    let inside = before.saturating_add(height);
    if inside > MAX_PROVIDERS {
        return Err(Error::limit(format!(
            "{inside} providers one upon another on one thread, of which {before} stand over the callback \
             that asks; there may be at most {MAX_PROVIDERS}"
        )));
    }
    let _ = INSIDE.try_with(|all| all.set(inside));
    let _restore = Restore(before);
    work()
}

/// Leaves when dropped, after a panic too.
struct Restore(u32);

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.set(self.0));
    }
}
