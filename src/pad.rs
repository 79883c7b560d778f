//! Tiles that stand for absent blocks: all pad, one buffer for every shape.

use crate::dtype::{DType, Sample};
use crate::error::Result;
use crate::image::Image;
use crate::layout::{Layout, Shape};
use crate::memory::{Buffer, Canvas, Memory};
use crate::sync::Mutex;
use crate::tile::{Pixels, Tile};
use hashlink::LruCache;
use std::sync::Arc;

/// How many shapes of pad are kept: those of the inside, of two edges and of the corner.
const KEPT: usize = 4;

/// The pad tiles of one provider.
pub struct Pads {
    dtype: DType,
    pad: Sample,
    buffers: Mutex<LruCache<Shape, Arc<Buffer>>>,
}

impl Pads {
    /// No pad tiles yet, for an image with this pad value.
    pub fn new(image: &Image) -> Self {
        Self {
            dtype: image.dtype,
            pad: image.pad,
            buffers: Mutex::new(LruCache::new(KEPT)),
        }
    }

    /// The pad tile of a shape.
    pub fn tile(&self, shape: Shape) -> Result<Tile> {
        let layout = Layout::packed(shape, self.dtype)?;
        let mut buffers = self.buffers.lock();
        let buffer = match buffers.get(&shape) {
            Some(buffer) => buffer.clone(),
            None => {
                let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout);
                // Fresh memory is zero already, and untouched pages take no memory.
                if self.pad != Sample::default() {
                    canvas.pixels_mut().fill(&self.pad);
                }
                let buffer = Arc::new(canvas.freeze().0);
                buffers.insert(shape, buffer.clone());
                buffer
            }
        };
        Ok(Tile::hold(Pixels::new(buffer, layout).as_absent()))
    }
}
