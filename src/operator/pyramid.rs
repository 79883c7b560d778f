//! Pyramid: an image and its overviews, each with a grid of its own, as one image with levels.

use super::downsampled::completed_mask;
use super::own_block;
use crate::cache::{Asking, Cache, Claims, Counters, Usage, compute_key};
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::georef::Located;
use crate::image::{Bands, Block, Image};
use crate::in_flight::BlockId;
use crate::load::nesting;
use crate::memory::Beside;
use crate::provider::{Provider, Request, tile_bytes};
use crate::tile::Tile;
use crate::window::{ask_rect, claim_rect, has_any, read_tile};
use std::sync::Arc;

struct Pyramid {
    images: Vec<Arc<dyn Provider>>,
    /// The images from here on are computed from those before.
    computed_from: usize,
    /// What the images are called together, and their key, where that is not the one of the first.
    name: Option<String>,
    key: String,
    mask: Option<Arc<dyn Provider>>,
    image: Image,
    height: u32,
}

/// One image with the levels `images`, the full one first, and with `mask` beside it. Refused if an
/// image is not the full one halved as often as its place says, or has other bands or samples.
pub fn pyramid(
    images: Vec<Arc<dyn Provider>>,
    mask: Option<Arc<dyn Provider>>,
) -> Result<Arc<dyn Provider>> {
    let all = images.len();
    build(images, all, None, mask, None)
}

/// [`pyramid`] of images of which those from the place `computed_from` on are computed from the ones before; `name`
/// says how, and `text` is one more that the whole has.
pub(super) fn named_pyramid(
    images: Vec<Arc<dyn Provider>>,
    computed_from: usize,
    name: String,
    mask: Option<Arc<dyn Provider>>,
    text: Option<(String, String)>,
) -> Result<Arc<dyn Provider>> {
    build(images, computed_from, Some(name), mask, text)
}

fn build(
    images: Vec<Arc<dyn Provider>>,
    computed_from: usize,
    name: Option<String>,
    mask: Option<Arc<dyn Provider>>,
    text: Option<(String, String)>,
) -> Result<Arc<dyn Provider>> {
    let Some(first) = images.first() else {
        return Err(Error::argument("a pyramid needs at least one image"));
    };
    let mut image = first.image().clone();
    image.levels = images.iter().map(|image| image.image().levels[0]).collect();
    image.check()?;
    for other in &images {
        let other = other.image();
        if other.dtype != image.dtype || other.bands.len() != image.bands.len() {
            return Err(Error::argument(format!(
                "an overview of {} bands of {} for an image of {} bands of {}",
                other.bands.len(),
                other.dtype.name(),
                image.bands.len(),
                image.dtype.name()
            )));
        }
    }
    let mask = mask.map(|mask| completed_mask(mask, &image.levels));
    image.georef = Located::joined(images.iter().map(|image| image.image().georef.as_ref()));
    image.sparse = images.iter().any(|image| image.image().sparse);
    image
        .metadata
        .extend(text.map(|(name, text)| ((None, name), text)));
    let highest = images.iter().map(|image| image.height()).max();
    let key = match &name {
        Some(name) => compute_key(name, [images[0].key()])?,
        None => images[0].key().to_owned(),
    };
    Ok(Arc::new(Pyramid {
        computed_from,
        name,
        key,
        height: nesting::above(highest.unwrap_or(0))?,
        images,
        mask: mask.transpose()?,
        image,
    }))
}

impl Provider for Pyramid {
    fn key(&self) -> &str {
        &self.key
    }

    fn image(&self) -> &Image {
        &self.image
    }

    fn has_block(&self, at: Block) -> Result<bool> {
        if at.level == 0 {
            return self.images[0].has_block(at);
        }
        let level = &self.images[at.level as usize];
        has_any(&**level, 0, &at.rect(&self.image))
    }

    fn hit(&self, at: &Block) -> Option<Tile> {
        match at.level {
            0 => self.images[0].hit(at),
            _ => None,
        }
    }

    fn get_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Result<Tile> {
        match at.level {
            0 => self.images[0].get_block(at, bands, request),
            level => {
                let image = &self.images[level as usize];
                read_tile(image, 0, at.rect(&self.image), bands, request)
            }
        }
    }

    fn claim(&self, at: Block, bands: &Bands, claims: &mut Claims) {
        match at.level {
            0 => self.images[0].claim(at, bands, claims),
            level => {
                claims.add(tile_bytes(&self.image, at, bands));
                let image = &self.images[level as usize];
                claim_rect(image, 0, at.rect(&self.image), bands, claims);
            }
        }
    }

    fn get_window(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        request: &Request<'_>,
    ) -> Result<Option<Tile>> {
        self.images[level as usize].get_window(0, rect, bands, request)
    }

    fn level_image(&self, level: u32) -> Option<Arc<dyn Provider>> {
        let count = self.image.levels_from(level).len();
        let images = self.images.get(level as usize..)?.get(..count)?;
        let mask = self.mask.as_ref().and_then(|mask| mask.level_image(level));
        let computed_from = self.computed_from.saturating_sub(level as usize);
        build(
            images.to_vec(),
            computed_from,
            self.name.clone(),
            mask,
            None,
        )
        .ok()
    }

    fn origin(&self, _level: u32) -> Option<(Arc<dyn Provider>, u32)> {
        None
    }

    fn beneath_part(
        &self,
        at: Block,
        part: &Rect,
        bands: &Bands,
    ) -> Option<(Arc<dyn Provider>, u32)> {
        match at.level {
            0 => self.images[0].beneath_part(at, part, bands),
            _ => None,
        }
    }

    fn mask(&self) -> Option<Arc<dyn Provider>> {
        self.mask.clone()
    }

    fn peek_block(&self, at: Block, bands: &Bands) -> Option<Tile> {
        let image = self.images.get(at.level as usize)?;
        let block = own_block(&**image, &at.rect(&self.image))?;
        image.peek_block(block, bands)
    }

    fn try_block(&self, at: Block, bands: &Bands, request: &Request<'_>) -> Option<Tile> {
        let image = self.images.get(at.level as usize)?;
        let block = own_block(&**image, &at.rect(&self.image))?;
        image.try_block(block, bands, request)
    }

    fn write_beside(
        &self,
        level: u32,
        rect: Rect,
        bands: &Bands,
        into: &mut [Beside<'_>],
        request: &Request<'_>,
    ) -> Result<()> {
        self.images[level as usize].write_beside(0, rect, bands, into, request)
    }

    fn get_view(&self, level: u32, rect: Rect, bands: &Bands) -> Option<Tile> {
        self.images[level as usize].get_view(0, rect, bands)
    }

    fn cache(&self) -> Option<&Cache> {
        self.images[0].cache()
    }

    fn is_kept_in(&self, cache: &Cache) -> bool {
        self.images.iter().all(|image| image.is_kept_in(cache))
    }

    fn is_cancelled(&self) -> bool {
        self.images.iter().any(|image| image.is_cancelled())
    }

    fn announce(&self, blocks: &mut dyn Iterator<Item = Block>, bands: &Bands) {
        self.images[0].announce(&mut blocks.filter(|at| at.level == 0), bands);
    }

    fn ask(&self, at: Block, bands: &Bands, asking: &mut Asking<'_>) {
        match at.level {
            0 => self.images[0].ask(at, bands, asking),
            level => {
                let image = &self.images[level as usize];
                ask_rect(image, 0, &at.rect(&self.image), bands, asking);
            }
        }
    }

    fn block_id(&self, at: Block) -> Option<BlockId> {
        match at.level {
            0 => self.images[0].block_id(at),
            _ => None,
        }
    }

    fn was_made(&self, at: Block) -> bool {
        at.level == 0 && self.images[0].was_made(at)
    }

    fn height(&self) -> u32 {
        self.height
    }

    fn counters(&self) -> Counters {
        let sum = |images: &[Arc<dyn Provider>]| {
            let counters = images.iter().map(|image| image.counters());
            counters.reduce(Counters::plus).unwrap_or_default()
        };
        // What is computed from others counts their decodes too, and some of these may be no image of this one.
        match self.computed_from {
            0 => self.images[0].counters().under(sum(&self.images)),
            from => sum(&self.images[..from]).under(sum(&self.images)),
        }
    }

    fn usage(&self) -> Usage {
        let images = self.images.iter().map(|image| image.usage());
        images.reduce(Usage::plus).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::memory::PixelsMut;
    use crate::source::{Decoder, Source};

    struct Nothing;

    impl Decoder for Nothing {
        fn read_block(&self, _: Block, _: &[u32], _: &mut PixelsMut<'_>) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_level_as_image_has_its_own_blocks_and_the_levels_that_are_halves_of_it() {
        // 222 halved twice is 55 or 56, three times 27 or 28, and 27 is no half of 56.
        let images = [222, 111, 56, 27].map(|side| {
            let mut image = Image::new(side, side, 1, DType::U8);
            image.block = (16, 16);
            Source::provider(None, image, Box::new(Nothing)).unwrap()
        });
        let all = pyramid(images.into(), None).unwrap();
        let levels = |level| {
            let image = all.level_image(level).expect("an image");
            assert_eq!(image.image().block, (16, 16));
            let levels = image.image().levels.iter();
            levels.map(|(width, _)| *width).collect::<Vec<_>>()
        };
        assert_eq!(levels(1), [111, 56, 27]);
        assert_eq!(levels(2), [56]);
        assert_eq!(levels(3), [27]);
        assert!(all.level_image(4).is_none());
    }
}
