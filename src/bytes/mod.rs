//! Where a file's bytes come from: a path, memory, or a caller's own reader.

pub mod descriptors;
mod file;
mod gathered;
mod mapped;
mod memory;
pub mod stream;

pub use file::{FileBytes, is_of_file};
pub use gathered::Gathered;
pub use mapped::MappedBytes;
pub use memory::MemoryBytes;

use crate::error::Result;
use crate::mapping::Mapping;
use std::ops::Range;
use std::sync::Arc;

/// Where to go with what the library does not open.
pub const GDAL: &str = "what GDAL opens is read by tc_gdal_open of tilecache_gdal.h";

/// What a read of a file costs beside its bytes, in bytes.
const CHEAP: u64 = 8 << 10;

/// Random access to the bytes of one file, from many threads at once.
///
/// Every file reader of the library works over this trait and nothing else.
pub trait Bytes: Send + Sync {
    /// The length in bytes.
    fn len(&self) -> u64;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `into` with the bytes from `offset` on: all of them, or an error.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<()>;

    /// [`Self::read_at`] of bytes whose neighbours will be wanted too, such as parts of tables: where a read
    /// is a journey, it brings some of these along.
    fn read_near(&self, offset: u64, into: &mut [u8]) -> Result<()> {
        self.read_at(offset, into)
    }

    /// All of the bytes in memory, where whoever opened the file said that they stay what they are.
    fn mapping(&self) -> Option<&Arc<Mapping>> {
        None
    }

    /// Text that two handles share exactly when they read the same, unchanged file; the file's
    /// identity in cache keys. `None` where that cannot be known.
    fn identity(&self) -> Option<String>;

    /// An error if the bytes may have changed since they were opened, so that nothing read before
    /// this call can be trusted. Readers ask after every block.
    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }

    /// So many bytes cost as much as one more read: to read them in vain is better than to skip them.
    fn read_cost(&self) -> u64 {
        CHEAP
    }

    /// Whether a read costs little beside its bytes.
    fn reads_are_cheap(&self) -> bool {
        self.read_cost() <= CHEAP
    }

    /// Hears of ranges that will be read soon, so that what lies together may be read at once. Where
    /// every read costs little, nobody asks the iterator anything.
    fn expect(&self, _ranges: &mut dyn Iterator<Item = Range<u64>>) {}

    /// Drops what was read ahead: the caller says that the bytes are others now.
    fn forget(&self) {}
}
