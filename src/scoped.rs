//! Threads that work beside a caller's on one task, and end before it returns.

use crate::error::{Error, Kind, Result};
use crate::load::nesting;
use std::thread::{Builder, Scope};

/// Begins some work on a thread of its own; says whether there was one to be had.
pub fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() + Send + 'scope,
) -> bool {
    Builder::new()
        .name("tilecache".into())
        .stack_size(nesting::STACK_BYTES)
        .spawn_scoped(scope, work)
        .is_ok()
}

/// What a task ended with, by the outcome of the caller's thread and of the others: what another thread failed with is
/// the reason why this one was told to end.
pub fn outcome(own: Result<()>, others: Result<()>) -> Result<()> {
    let is_told = |error: &Error| error.kind() == Kind::Cancelled;
    match (own, others) {
        (Err(error), Err(first)) if is_told(&error) && !is_told(&first) => Err(first),
        (own, others) => own.and(others),
    }
}
