//! Streamed: operators whose block is made from so many pixels that they go by row after row.

use super::input::Inputs;
use crate::cache::{Claims, Scratch};
use crate::error::Result;
use crate::image::Block;
use crate::memory::PixelsMut;
use crate::provider::Request;

/// What a streamed operator computes; called from any number of threads.
///
/// It reads its sources itself, no more of them at once than it claims.
pub(super) trait Streamed: Send + Sync {
    /// What the block `at` follows from, which need not be what it reads.
    fn inputs(&self, at: Block) -> Inputs;

    /// How many positions are computed to say so.
    fn positions(&self, at: Block) -> u64;

    /// How many providers a read goes through at most.
    fn height(&self) -> u32;

    /// Whether anything that the block is made from is stored.
    fn is_stored(&self, at: Block) -> Result<bool>;

    /// Claims what is in flight while the block is made, beside itself.
    fn claim(&self, at: Block, claims: &mut Claims);

    /// Writes all bands of the block, with memory for what goes by from `request`, which takes it from `scratch`.
    fn make(
        &self,
        at: Block,
        request: &Request<'_>,
        scratch: &Scratch<'_>,
        output: &mut PixelsMut<'_>,
    ) -> Result<()>;
}
