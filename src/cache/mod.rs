//! The cache.

/// Handle.
pub struct Cache;

/// Counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters;
