//! What a fleet asks of a store.

use crate::failure::Result;
use crate::generation::Generation;
use crate::key::Digest;
use std::time::Duration;

/// A lease of one process: the store keeps its token under the key of the block.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Of the block.
    pub key: Digest,
    /// Tells who holds it.
    pub token: String,
    /// How long from now.
    pub term: Duration,
}

/// A store that processes share. Called from many threads at once. Each call may take about as long as its limit, and
/// fails as a whole where the store does not answer; lists are answered in their order.
pub trait Store: Send + Sync {
    /// Whether it has leases, as far as it knows. Where it has none nobody waits, and nobody asks for one.
    fn has_leases(&self) -> bool {
        true
    }

    /// The values under these keys, where there are any; of those that are longer than this no more than one byte beyond.
    fn values(&self, keys: &[(Digest, usize)], limit: Duration) -> Result<Vec<Option<Vec<u8>>>>;

    /// Keeps values for as long as values are kept, each or not.
    fn put(&self, values: &[(Digest, Vec<u8>)], limit: Duration) -> Result<Vec<Result<()>>>;

    /// Takes leases that nobody has, and says which.
    fn lease(&self, leases: &[Lease], limit: Duration) -> Result<Vec<bool>>;

    /// The tokens of those that anybody has.
    fn holders(&self, keys: &[Digest], limit: Duration) -> Result<Vec<Option<String>>>;

    /// Prolongs those leases that still have these tokens, and says which.
    fn renew(&self, leases: &[Lease], limit: Duration) -> Result<Vec<bool>>;

    /// Ends those leases that still have these tokens.
    fn unlease(&self, leases: &[Lease], limit: Duration) -> Result<()>;

    /// The generations of sources; where one has none it is made with these random bits. Nothing for one that cannot
    /// be read. From where it is written, not from a copy.
    fn generations(
        &self,
        sources: &[(Digest, u64)],
        limit: Duration,
    ) -> Result<Vec<Result<Option<Generation>>>>;

    /// Makes a new generation with a counter above the present one, above this number, and not below the store's clock
    /// in microseconds. Nothing where the store has no room: then it has none of this source any more.
    fn raise(
        &self,
        source: &Digest,
        above: u64,
        random: u64,
        limit: Duration,
    ) -> Result<Option<Generation>>;
}
