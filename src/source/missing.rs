//! Levels that a source leaves out below others that it has.

use super::Decoder;
use super::formats::Part;
use crate::error::{Error, Kind, Result};
use crate::image::{Block, Image};
use crate::memory::PixelsMut;

/// The place of a level that the source has not.
struct Missing {
    level: u32,
}

/// The images of levels with their numbers, in order, as one for each level: those that are missing have no
/// block, and reading them fails with [`Kind::NotFound`].
pub fn filled(levels: Vec<(u32, Part)>) -> Vec<Part> {
    let mut all: Vec<Part> = Vec::new();
    for (level, part) in levels {
        while (all.len() as u32) < level {
            all.push(self::level(&all[0].image, all.len() as u32));
        }
        all.push(part);
    }
    all
}

/// The level of an image of which nothing is known but its place.
pub fn level(full: &Image, level: u32) -> Part {
    Part::new(image(full, level), Missing { level })
}

fn image(full: &Image, level: u32) -> Image {
    let (width, height) = full.levels[0];
    let mut image = full.clone();
    let size = (width.div_ceil(1 << level), height.div_ceil(1 << level));
    let located = full.georef.as_ref();
    image.georef = located.and_then(|all| all.overview(full.levels[0], level, size));
    image.levels = vec![size];
    image.sparse = true;
    image.windowed = false;
    image.in_place = false;
    image.plain = false;
    image.metadata.clear();
    image
}

impl Missing {
    fn error(&self) -> Error {
        let Self { level } = self;
        Error::new(
            Kind::NotFound,
            format!("level {level} is not there, only a higher one"),
        )
    }
}

impl Decoder for Missing {
    fn has_block(&self, _at: Block) -> Result<bool> {
        Err(self.error())
    }

    fn read_block(&self, _at: Block, _bands: &[u32], _into: &mut PixelsMut<'_>) -> Result<()> {
        Err(self.error())
    }
}
