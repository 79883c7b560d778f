//! Tiles that stand for absent blocks: all pad, one buffer for every shape.

use crate::dtype::{DType, Sample};
use crate::error::Result;
use crate::image::Image;
use crate::layout::{Layout, Shape};
use crate::memory::{Buffer, Canvas, Memory};
use crate::tile::{Pixels, Tile};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};

/// The pad tiles of one provider.
pub struct Pads {
    dtype: DType,
    pad: Sample,
    buffers: Mutex<Buffers>,
}

#[derive(Default)]
struct Buffers {
    known: Vec<(Shape, Weak<Buffer>)>,
    /// The latest is kept, so that one absent tile after another costs nothing.
    latest: Option<Arc<Buffer>>,
}

impl Pads {
    /// No pad tiles yet, for an image with this pad value.
    pub fn new(image: &Image) -> Self {
        Self {
            dtype: image.dtype,
            pad: image.pad,
            buffers: Mutex::default(),
        }
    }

    /// The pad tile of a shape.
    pub fn tile(&self, shape: Shape) -> Result<Tile> {
        let layout = Layout::packed(shape, self.dtype)?;
        let mut buffers = self.buffers.lock();
        buffers
            .known
            .retain(|(_, buffer)| buffer.strong_count() > 0);
        let known = buffers.known.iter().find(|(other, _)| *other == shape);
        let buffer = match known.and_then(|(_, buffer)| buffer.upgrade()) {
            Some(buffer) => buffer,
            None => {
                let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout);
                // Fresh memory is zero already, and untouched pages take no memory.
                if self.pad != Sample::default() {
                    canvas.pixels_mut().fill(&self.pad);
                }
                let buffer = Arc::new(canvas.freeze().0);
                buffers.known.push((shape, Arc::downgrade(&buffer)));
                buffer
            }
        };
        buffers.latest = Some(buffer.clone());
        Ok(Tile::hold(Pixels::new(buffer, layout).as_absent()))
    }
}
