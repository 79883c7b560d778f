//! The levels that the mask of an image lacks, made of those that it has.

use super::ladder::Rung;
use super::reduced::{Reduced, reduced};
use crate::error::Result;
use crate::operator::level;
use crate::operator::pyramid::named_pyramid;
use crate::provider::Provider;
use crate::resample::{Axis, Filter, Step};
use std::sync::Arc;

/// A mask with a level for each of these sizes, of which it has the first ones: a pixel is data if any is that it
/// stands for.
pub fn completed_mask(mask: Arc<dyn Provider>, sizes: &[(u64, u64)]) -> Result<Arc<dyn Provider>> {
    let own = mask.image().levels.len();
    let Some((width, height)) = sizes.get(own..).and_then(|missing| missing.last()) else {
        return Ok(mask);
    };
    let tile = mask.image().block;
    let levels = 0..own as u32;
    let levels: Result<Vec<_>> = levels.map(|at| level(mask.clone(), at)).collect();
    let mut levels = levels?;
    for to in &sizes[own..] {
        let finer = levels[levels.len() - 1].clone();
        let from = finer.image().levels[0];
        let step = Step {
            x: Axis::new(from.0, to.0),
            y: Axis::new(from.1, to.1),
            filter: Filter::Max,
        };
        let finer = Rung {
            image: finer,
            mask: None,
        };
        let made = Reduced::new(vec![finer], vec![step], tile);
        levels.push(reduced(made, None, None)?);
    }
    let name = format!("mask:{own}:to:{}:{width}x{height}", sizes.len());
    named_pyramid(levels, own, name, None, None)
}
