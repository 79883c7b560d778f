//! Affine: turned, scaled, sheared and moved.

use super::{Point, Transform, numbers_key};
use crate::error::{Error, Result};
use crate::georef::Affine;
use crate::provider::Request;
use std::sync::Arc;

struct Plain {
    map: Affine,
    key: String,
}

/// The affine transformation with these numbers, in GDAL's order.
pub fn affine(map: Affine) -> Result<Arc<dyn Transform>> {
    if let Some(number) = map.0.iter().find(|number| !number.is_finite()) {
        return Err(Error::range(format!(
            "a number of the affine transformation is {number}; it must be finite"
        )));
    }
    let key = format!("affine:{}", numbers_key(&map.0));
    Ok(Arc::new(Plain { map, key }))
}

impl Transform for Plain {
    fn key(&self) -> &str {
        &self.key
    }

    fn to_source(&self, points: &mut [Point], _: &Request<'_>) -> Result<()> {
        for point in points {
            (point.x, point.y) = self.map.apply(point.x, point.y);
        }
        Ok(())
    }
}
