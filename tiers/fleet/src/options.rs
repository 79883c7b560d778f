//! What a fleet may choose.

use crate::key::Secret;
use crate::value::Compression;
use std::time::Duration;

/// See each; the default is what suits a store in the same data centre.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a process may believe its memory of a source after its generation was confirmed. It is asked for three
    /// times as often, and nothing that the tier's thread asks of the store may take longer than a third of this.
    pub validity: Duration,
    /// How long a value is waited for at most; less where a decode is faster.
    pub get: Duration,
    /// How long a value may take to be stored; at most a third of the validity.
    pub put: Duration,
    /// How long a purge waits for the store.
    pub purge: Duration,
    /// How long another process is waited for that decodes a block; nothing: the longer one of its lease and of four
    /// decodes.
    pub wait: Option<Duration>,
    /// How values are compressed.
    pub compression: Compression,
    /// How long a value may be.
    pub max_bytes: usize,
    /// What the processes of the fleet know and the store does not.
    pub secret: Option<Secret>,
    /// Whether the cache's requests look at the clock themselves: then it is told that a source is not to be believed any
    /// more when that is so, and not as early as the tier's thread may next look.
    pub strict: bool,
    /// Whether the store is asked also where that took longer than a decode lately, and waited for as long as `get`
    /// says however fast that is.
    pub ask_always: bool,
    /// Whether the cache puts blocks when they leave its memory, and not when they were decoded. Then it asks for no leases.
    pub put_evicted: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            validity: Duration::from_secs(1),
            get: Duration::from_millis(100),
            put: Duration::from_secs(1),
            purge: Duration::from_secs(2),
            wait: None,
            compression: Compression::Lz4,
            max_bytes: 64 << 20,
            secret: None,
            strict: false,
            ask_always: false,
            put_evicted: false,
        }
    }
}

impl Options {
    /// How long the tier's thread may wait for one answer of the store.
    pub(crate) fn turn(&self) -> Duration {
        self.validity / 3
    }
}
