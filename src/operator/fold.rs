//! Folds: operators whose block depends on so many pixels that they are never there at once.

use super::input::{Input, Inputs, Needed};
use crate::cache::Claims;
use crate::error::Result;
use crate::image::Block;
use crate::memory::PixelsMut;
use crate::provider::{Provider, Request};
use crate::tile::Pixels;
use crate::window::{claim_rect, for_parts};
use std::sync::Arc;

/// What a fold computes; called from any number of threads.
///
/// The output of a block depends on its place and on the pixels of its inputs, and not on how they are cut
/// into parts: sums are of integers, or exact.
pub trait Fold: Send + Sync {
    /// What the block `at` of the output is made from. Nothing comes of an area beyond its source.
    fn inputs(&self, at: Block) -> Inputs;

    /// Begins the block `at`.
    fn begin(&self, at: Block) -> Result<Box<dyn Folding>>;
}

/// A block of a fold on its way.
pub trait Folding {
    /// Takes in a part of one of the inputs, whose first pixel stands in this column and row of it. Each pixel
    /// comes once, in any order of the parts.
    fn add(&mut self, input: usize, place: (u64, u64), pixels: &Pixels) -> Result<()>;

    /// Writes all bands of the block.
    fn end(self: Box<Self>, output: &mut PixelsMut<'_>) -> Result<()>;
}

/// Feeds the inputs of a block to a fold, part by part in the same memory.
pub(super) fn fold(
    folding: &mut dyn Folding,
    sources: &[Arc<dyn Provider>],
    inputs: &Inputs,
    at: Block,
    request: &Request<'_>,
) -> Result<()> {
    for (place, input) in inputs.iter().enumerate() {
        let source = &sources[input.source];
        match input.pixels {
            Needed::SameBlock => {
                let tile = source.get_block(at, &input.bands, request)?;
                folding.add(place, (0, 0), &tile)?;
            }
            Needed::Area(area) => {
                let Some(rect) = input.rect(&**source) else {
                    continue;
                };
                for_parts(
                    source,
                    area.level,
                    &rect,
                    &input.bands,
                    request,
                    |part, pixels| {
                        // The part lies inside the area.
                        let along = |at: u64, from: i64| (at as i64 - from) as u64;
                        let corner = (along(part.x, area.x), along(part.y, area.y));
                        folding.add(place, corner, pixels)
                    },
                )?;
            }
        }
    }
    Ok(())
}

/// Claims what is in flight while an input goes by.
pub(super) fn claim(input: &Input, source: &Arc<dyn Provider>, at: Block, claims: &mut Claims) {
    match input.pixels {
        Needed::SameBlock => source.claim(at, &input.bands, claims),
        Needed::Area(area) => {
            if let Some(rect) = input.rect(&**source) {
                claim_rect(source, area.level, rect, &input.bands, claims);
            }
        }
    }
}
