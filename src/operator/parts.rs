//! Parts: images as operators read them that jump about in them.

use super::{RetileOptions, cached, retiled};
use crate::cache::Cache;
use crate::error::Result;
use crate::provider::Provider;
use std::sync::Arc;

/// Blocks of more pixels than this are read in parts where that can be.
const LARGE: u64 = 1 << 20;

/// The side of those parts.
const PART: u64 = 512;

/// An image whose blocks stay in the cache where there is one, so that none is decoded for each tile over it.
pub fn kept(image: Arc<dyn Provider>, cache: Option<&Cache>) -> Result<Arc<dyn Provider>> {
    match cache {
        Some(cache) => cached(image, cache),
        None => Ok(image),
    }
}

/// An image of which parts are read rather than large blocks, where it can read parts.
pub fn in_parts(image: Arc<dyn Provider>, cache: Option<&Cache>) -> Result<Arc<dyn Provider>> {
    let described = image.image();
    let (width, height) = described.block;
    if !described.windowed || width.saturating_mul(height) <= LARGE {
        return Ok(image);
    }
    let options = RetileOptions {
        tile: (PART, PART),
        pad_edges: false,
    };
    retiled(image, &options, cache)
}
