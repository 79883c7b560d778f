//! What is in flight: every block of every image that some thread makes now, in one table.
//!
//! A task makes one block. A thread that wants a block joins its task or begins one. It then makes inputs that
//! no other thread has started, at any depth beneath the task. It sleeps when all of them are being made, and is
//! woken when its task is complete or has failed, or when there is something to start. A task is given up when
//! the last thread that wants it has left.

mod ask;
mod begin;
mod run;
mod sleep;
mod table;
mod task;
mod work;

pub use ask::{Answer, Asker, Miss, Outcome, Question, ask};
pub use begin::{Start, begin, join};
pub use table::stands_still;
pub use work::Wanted;

use crate::cache::{Cache, Loading, Moment, Permits, Scratch};
use crate::error::Result;
use crate::image::{Bands, Block};
use crate::memory::{Beside, Canvas};
use crate::provider::{Request, Retention};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::tile::Tile;
use std::sync::Arc;
use table::TABLE;
use task::Task;

/// The identity of an image in flight: a number that no other image ever has.
#[derive(Debug)]
pub struct ImageId(u64);

impl Default for ImageId {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl ImageId {
    /// A block of the image.
    pub fn block_id(&self, at: Block) -> BlockId {
        BlockId { image: self.0, at }
    }
}

/// The identity of a block in flight: of which image it is, and which block of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockId {
    image: u64,
    at: Block,
}

/// What a thread wants.
pub struct Want {
    /// The block.
    pub block: BlockId,
    /// At least these bands of it.
    pub bands: Bands,
    /// How many bands the image has.
    pub all: u32,
    /// Tasks that began before are too old.
    pub oldest: Moment,
}

/// How a task gets its pixels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By one call.
    Call,
    /// Out of inputs.
    Stitch,
    /// From another tier.
    Tier,
}

/// Makes the blocks that a task needs.
pub trait Maker {
    /// The pixels of a task, just these bands.
    fn make(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile>;

    /// Waits until the task may be in flight with all that it needs.
    fn admit(&self, request: &Request<'_>) -> Result<Permits>;

    /// A permit for one more block of a task for which another thread was admitted; `None` if the cap is reached.
    fn try_help(&self) -> Option<Permits>;
}

/// Makes the inputs of tiles, on any thread that waits for such a tile.
pub trait Stitch: Maker + Send + Sync {
    /// The cache that counts the memory of inputs on their way, if there is one.
    fn cache(&self) -> Option<&Cache>;

    /// What becomes of what is made.
    fn retention(&self) -> Retention;

    /// How many providers a call goes through to make an input.
    fn height(&self) -> u32;

    /// Whether inputs are written straight into the tiles that wait for them, and are no tiles themselves.
    fn is_spread(&self) -> bool;

    /// Writes an input into its part of each of these tiles. All parts are as high as it is.
    fn write(
        &self,
        kept: Block,
        bands: &Bands,
        into: &mut [Beside<'_>],
        request: &Request<'_>,
    ) -> Result<()>;

    /// Keeps an input that tiles beyond these still need.
    fn keep(&self, kept: Block, tile: &Tile, request: &Request<'_>, scratch: &Scratch<'_>);
}

/// A block that tiles are put together from.
#[derive(Clone, Copy)]
pub struct Input {
    /// The cell under the key of the tiles that keeps it.
    pub kept: Block,
    /// What stands for it while the source makes it, if anything does.
    pub beneath: Option<BlockId>,
}

impl Input {
    /// What stands for it among the blocks of the image that is wanted.
    fn block_id(&self, want: &Want) -> BlockId {
        BlockId {
            at: self.kept,
            ..want.block
        }
    }
}

/// A tile that is ready to be put together: its memory, and the input that each part of it waits for.
pub struct Draft {
    /// The memory of the tile.
    pub canvas: Canvas,
    /// Where the parts begin and end in the canvas, from left to right.
    pub columns: Vec<usize>,
    /// And from top to bottom.
    pub rows: Vec<usize>,
    /// The inputs of the parts, row by row; `None` where the part is filled already.
    pub inputs: Vec<Option<Input>>,
    /// The column and row of its input where each part begins.
    pub corners: Vec<(usize, usize)>,
    /// Columns and rows inside the image.
    pub valid: (usize, usize),
    /// Enters the finished tile into the cache.
    pub loading: Option<Loading>,
    /// Makes the inputs.
    pub stitch: Arc<dyn Stitch>,
}

/// Whether a request wants the block that the calling thread makes, and not only what makes it ahead.
pub fn is_asked_for() -> bool {
    Task::current().is_some_and(|task| {
        let _table = TABLE.lock();
        task.is_asked_for()
    })
}

/// Whether what is wanted is being put together.
pub fn is_stitched(want: &Want) -> bool {
    TABLE.lock().find(want, Way::Stitch).is_some()
}

/// Whether a block with these bands, of so many, is being made, or about to be.
pub fn contains(block: BlockId, bands: &Bands, all: u32) -> bool {
    TABLE.lock().contains(block, bands, all)
}
