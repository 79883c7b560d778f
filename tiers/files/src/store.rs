//! The store of a fleet in files.

use crate::directory::Directory;
use crate::generations;
use crate::leases::Leases;
use crate::values::{self, Writer};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tilecache_fleet::failure::Result;
use tilecache_fleet::{Digest, Failure, Generation, Lease, Store};

/// The least that a directory may be bounded to.
pub const LEAST_BYTES: u64 = 16 << 20;

/// A directory that keeps values up to so many bytes.
pub struct Files {
    directory: Directory,
    bytes: u64,
    patience: Duration,
    counts: Counts,
}

/// How long a process that lives may be late to renew its leases.
const PATIENCE: Duration = Duration::from_secs(10);

/// What this process did in the directory.
#[derive(Debug, Default)]
pub struct Counts {
    /// Values that were evicted.
    pub evicted: Count,
    /// What they took.
    pub evicted_bytes: Count,
    /// How often all values were looked through, as nobody knew what they take.
    pub recounts: Count,
    /// What all values take, as this process knew it last.
    pub bytes: Count,
}

/// A number that any thread may change.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }
}

impl Files {
    /// At least [`LEAST_BYTES`].
    pub fn new(directory: Directory, bytes: u64) -> Self {
        Self {
            directory,
            bytes: bytes.max(LEAST_BYTES),
            patience: PATIENCE,
            counts: Counts::default(),
        }
    }

    /// How long it takes a process that lives for late to renew its leases, and not for one that hangs.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The longest value that it should be given: so that many fit.
    pub fn longest(&self) -> usize {
        usize::try_from(self.bytes / 8).unwrap_or(usize::MAX)
    }

    fn leases(&self, limit: Duration) -> Result<Leases> {
        Leases::open(&self.directory, self.patience, limit)
    }

    /// What this process did.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl Store for Files {
    fn values(&self, keys: &[(Digest, usize)], limit: Duration) -> Result<Vec<Option<Vec<u8>>>> {
        let end = Instant::now() + limit;
        let read = |&(key, longest): &(Digest, usize)| {
            // A read that has begun cannot be ended; but no other one begins.
            if Instant::now() >= end {
                return Err(Failure::Late);
            }
            values::read(&self.directory, &key, longest)
        };
        keys.iter().map(read).collect()
    }

    fn put(&self, values: &[(Digest, Vec<u8>)], limit: Duration) -> Result<Vec<Result<()>>> {
        Writer::open(&self.directory, self.bytes, &self.counts, limit)?.put(values)
    }

    fn lease(&self, leases: &[Lease], limit: Duration) -> Result<Vec<bool>> {
        let table = self.leases(limit)?;
        leases.iter().map(|lease| table.take(lease)).collect()
    }

    fn holders(&self, keys: &[Digest], limit: Duration) -> Result<Vec<Option<String>>> {
        let table = self.leases(limit)?;
        keys.iter().map(|key| table.holder(key)).collect()
    }

    fn renew(&self, leases: &[Lease], limit: Duration) -> Result<Vec<bool>> {
        let table = self.leases(limit)?;
        leases.iter().map(|lease| table.renew(lease)).collect()
    }

    fn unlease(&self, leases: &[Lease], limit: Duration) -> Result<()> {
        let table = self.leases(limit)?;
        leases.iter().try_for_each(|lease| table.end(lease))
    }

    fn generations(
        &self,
        sources: &[(Digest, u64)],
        limit: Duration,
    ) -> Result<Vec<Result<Option<Generation>>>> {
        let find = |(source, random): &(Digest, u64)| {
            generations::find(&self.directory, source, *random, limit)
        };
        Ok(sources.iter().map(find).collect())
    }

    fn raise(
        &self,
        source: &Digest,
        above: u64,
        random: u64,
        limit: Duration,
    ) -> Result<Option<Generation>> {
        generations::raise(&self.directory, source, above, random, limit)
    }
}
