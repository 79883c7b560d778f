//! A source block as another tier knows it.

use super::Generation;
use super::identity::material;
use super::source::TierSource;
use crate::cache::lineage::Lineage;
use crate::error::Result;
use crate::image::{Block, Image};
use crate::layout::Layout;
use std::sync::Arc;

/// A block of a source with all its bands: what a tier is asked for, and what it is given.
#[derive(Clone)]
pub struct TierBlock {
    /// The identity of the source on all machines.
    pub source: Arc<str>,
    /// What tells the block from all others, but for the generation.
    pub material: Vec<u8>,
    /// The generation that it is a block of.
    pub generation: Generation,
    /// Its pixels, row by row and band by band without gaps.
    pub layout: Layout,
    /// Columns and rows inside the image.
    pub valid: (usize, usize),
    /// Where it is.
    pub at: Block,
    /// What a decode takes, as of late; 0 where that is not known.
    pub decode_nanoseconds: u64,
}

impl TierBlock {
    pub(super) fn new(
        source: &TierSource,
        lineage: &Lineage,
        key: &str,
        image: &Image,
        at: Block,
        generation: Generation,
    ) -> Result<Self> {
        let shape = image.block_shape(at, image.bands.len())?;
        let rect = at.rect(image);
        Ok(Self {
            source: source.text().clone(),
            material: material(source.text(), lineage, key, image, at),
            generation,
            layout: Layout::packed(shape, image.dtype)?,
            valid: (rect.width as usize, rect.height as usize),
            at,
            decode_nanoseconds: source.decode_nanoseconds(),
        })
    }
}
