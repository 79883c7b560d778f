//! Operators: providers over other providers.

mod cached;
mod data_key;
mod display;
mod downsampled;
mod fold;
mod georeferenced;
mod heights;
mod inherit;
mod input;
mod kernel;
mod level;
mod mapped;
mod mask;
mod mosaic;
mod pad_pixel;
mod parts;
mod pass;
mod placed;
mod pyramid;
mod reader;
mod retiled;
mod runs;
mod siblings;
mod streamed;
mod warped;
mod window_counts;

pub use cached::cached;
pub use display::display;
pub use downsampled::{LevelOptions, Size, downsampled, full_pyramid, native_levels};
pub use fold::{Fold, Folding};
pub use georeferenced::georeferenced;
pub use heights::{HeightOptions, heights};
pub use inherit::{bands_of, image_of, located_of, texts_of};
pub use input::{Area, Border, Input, Inputs, Needed};
pub use kernel::{Kernel, computed, folded};
pub use level::level;
pub use mapped::{Drops, Map, MapOptions, mapped};
pub use mask::mask;
pub use mosaic::{MAX_OPEN, Mosaic, Opening, Part, Source, mosaic};
pub use pass::{Order, PassOptions, pass};
pub use placed::{Function, Placement, Rule, Scale, placed};
pub use pyramid::pyramid;
pub use reader::{ReaderOptions, reader};
pub use retiled::{RetileOptions, retiled};
pub use warped::{MAX_ERROR, WarpOptions, warped};

use crate::geometry::Rect;
use crate::image::Block;
use crate::provider::Provider;
use std::sync::Arc;

/// The image whose own blocks hold the pixels of a level: the level's own image and its level 0,
/// where it has one, else the source itself.
pub(crate) fn plane(source: &Arc<dyn Provider>, level: u32) -> (Arc<dyn Provider>, u32) {
    match (level, source.level_image(level)) {
        (1.., Some(image)) => (image, 0),
        _ => (source.clone(), level),
    }
}

/// The block of an image's level 0 that is just a rectangle.
fn own_block(image: &dyn Provider, rect: &Rect) -> Option<Block> {
    let grid = image.image().grid(0);
    let (rows, cols) = grid.blocks_over(rect);
    let block = grid.rect(rows.start, cols.start);
    (block == *rect).then(|| Block::new(0, rows.start, cols.start))
}
