//! Tiles that stand for absent blocks: all pad, one buffer for all tiles of a shape in the process.

use crate::dtype::{DType, Sample};
use crate::error::Result;
use crate::image::Image;
use crate::layout::{Layout, Shape};
use crate::memory::{Buffer, Canvas, Memory};
use crate::sync::{ProcessGuard, ProcessMutex, Still};
use crate::tile::{Pixels, Tile};
use std::sync::{Arc, LazyLock, Weak};

/// The most bytes of pad that stay while no tile needs them.
const KEPT_BYTES: usize = 16 << 20;

/// How many looks of pad are remembered; tiles of others share no buffer with earlier ones.
const KNOWN: usize = 256;

/// What pad looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    shape: Shape,
    dtype: DType,
    pad: Sample,
}

/// A buffer of pad.
struct Known {
    look: Look,
    /// Alive as long as a tile needs it.
    shared: Weak<Buffer>,
    /// Keeps it alive until then.
    kept: Option<Arc<Buffer>>,
}

/// The pad of all images of the process: a thousand sparse images have no more of it than one.
static STOCK: LazyLock<ProcessMutex<Stock>> = LazyLock::new(ProcessMutex::default);

/// Forgets the pad that no tile needs.
pub fn clear() {
    let stock = std::mem::take(&mut *STOCK.lock());
    drop(stock);
}

/// Keeps pad from being made and forgotten.
pub fn stand_still() -> Box<dyn Still> {
    Box::new(STOCK.lock())
}

impl Still for ProcessGuard<'static, Stock> {}

#[derive(Default)]
struct Stock {
    /// The last used comes last. Few, and never freed: as a vector, it is memory that a checker finds.
    known: Vec<Known>,
}

impl Known {
    fn kept_bytes(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.size())
    }
}

impl Look {
    fn layout(&self) -> Result<Layout> {
        Layout::packed(self.shape, self.dtype)
    }

    /// Pad of this look out of a stock.
    fn of(self, stock: &ProcessMutex<Stock>) -> Result<Arc<Buffer>> {
        let known = stock.lock().find(&self);
        if let Some(buffer) = known {
            return Ok(buffer);
        }
        let layout = self.layout()?;
        let mut canvas = Canvas::new(Memory::zeroed(layout.span())?, layout);
        // Fresh memory is zero already, and untouched pages take no memory.
        if self.pad != Sample::default() {
            canvas.pixels_mut().fill(&self.pad);
        }
        let buffer = Arc::new(canvas.freeze().0);
        stock.lock().add(self, &buffer);
        Ok(buffer)
    }
}

impl Stock {
    fn find(&mut self, look: &Look) -> Option<Arc<Buffer>> {
        let place = self.known.iter().rposition(|known| known.look == *look)?;
        self.known[place..].rotate_left(1);
        self.known.last()?.shared.upgrade()
    }

    fn add(&mut self, look: Look, buffer: &Arc<Buffer>) {
        self.known.retain(|known| known.look != look);
        if self.known.len() == KNOWN {
            self.known.remove(0);
        }
        self.known.push(Known {
            look,
            shared: Arc::downgrade(buffer),
            kept: (buffer.size() <= KEPT_BYTES).then(|| buffer.clone()),
        });
        let mut bytes = self.kept_bytes();
        for known in &mut self.known {
            if bytes <= KEPT_BYTES {
                break;
            }
            bytes -= known.kept_bytes();
            known.kept = None;
        }
    }

    fn kept_bytes(&self) -> usize {
        self.known.iter().map(Known::kept_bytes).sum()
    }
}

/// The pad tiles of one image.
pub struct Pads {
    dtype: DType,
    pad: Sample,
}

impl Pads {
    /// The pad tiles of an image with this pad value.
    pub fn new(image: &Image) -> Self {
        Self {
            dtype: image.dtype,
            pad: image.pad,
        }
    }

    /// The pad tile of a shape.
    pub fn tile(&self, shape: Shape) -> Result<Tile> {
        let look = Look {
            shape,
            dtype: self.dtype,
            pad: self.pad,
        };
        let pixels = Pixels::new(look.of(&STOCK)?, look.layout()?);
        Ok(Tile::hold(pixels.as_absent()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pad_of_a_look_is_shared_and_little_of_it_stays() {
        let stock = ProcessMutex::default();
        let pad = |value, rows: usize| {
            let look = Look {
                shape: Shape {
                    width: 1024,
                    height: 256 * rows,
                    bands: 1,
                },
                dtype: DType::F32,
                pad: Sample::from_f64(DType::F32, value),
            };
            look.of(&stock).unwrap()
        };
        let is_shared = |value, rows: usize| Arc::ptr_eq(&pad(value, rows), &pad(value, rows));
        let first = pad(-9999.0, 1);
        assert!(is_shared(-9999.0, 1));
        assert!(!Arc::ptr_eq(&first, &pad(-1.0, 1)));
        for rows in 1..=20 {
            drop(pad(-9999.0, rows));
            let kept = stock.lock().kept_bytes();
            assert!((1 << 20..=KEPT_BYTES).contains(&kept), "{kept}");
        }
        // What does not stay is shared as long as it is held, and so is what is too large to stay.
        assert!(Arc::ptr_eq(&first, &pad(-9999.0, 1)));
        let large = pad(-9999.0, 20);
        assert!(Arc::ptr_eq(&large, &pad(-9999.0, 20)));
    }
}
