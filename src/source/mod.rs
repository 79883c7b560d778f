//! Sources: what decodes pixels in the first place, and the provider over any of them.

pub mod tiff;

use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::image::Block;
use crate::memory::PixelsMut;

/// Decodes blocks of one image into given memory, from any number of threads at once.
///
/// This is all that a new file format has to implement. Arguments have been checked: the block, the
/// level and the bands exist, and `into` has the type and the size of what is asked for.
pub trait Decoder: Send + Sync {
    /// Whether the block is stored.
    fn has_block(&self, _at: Block) -> Result<bool> {
        Ok(true)
    }

    /// Writes the pixels of a stored block: band `bands[i]` of the image to band `i` of `into`.
    fn read_block(&self, at: Block, bands: &[u32], into: &mut PixelsMut<'_>) -> Result<()>;

    /// Writes a rectangle of a level; only asked of images that say they are windowed.
    fn read_window(
        &self,
        _level: u32,
        _rect: Rect,
        _bands: &[u32],
        _into: &mut PixelsMut<'_>,
    ) -> Result<()> {
        Err(Error::unsupported("this source has no windows"))
    }
}
