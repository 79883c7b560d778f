//! RPC: from a map of longitudes and latitudes to an image that rational polynomials describe.

use super::{Point, Transform, numbers_key};
use crate::cache::digest;
use crate::error::{Error, Result};
use crate::georef::{Affine, Rpc};
use std::sync::Arc;

struct Rational {
    rpc: Rpc,
    ground: Affine,
    height: f64,
    key: String,
}

/// Pixels of an output lie on the ground as `ground` says, in degrees of longitude and latitude, at one height above
/// the ellipsoid in metres; from there they are seen in the image that `rpc` describes.
pub fn rpc(rpc: Rpc, ground: Affine, height: f64) -> Result<Arc<dyn Transform>> {
    let mut numbers = ground.0.iter().chain([&height]);
    if let Some(number) = numbers.find(|number| !number.is_finite()) {
        return Err(Error::range(format!(
            "a number of the ground or the height is {number}; it must be finite"
        )));
    }
    let key = format!(
        "rpc:{}:ground:{}:height:{}",
        digest(&format!("{rpc:?}")),
        numbers_key(&ground.0),
        numbers_key(&[height])
    );
    Ok(Arc::new(Rational {
        rpc,
        ground,
        height,
        key,
    }))
}

impl Transform for Rational {
    fn key(&self) -> &str {
        &self.key
    }

    fn to_source(&self, points: &mut [Point]) -> Result<()> {
        for point in points {
            let (long, lat) = self.ground.apply(point.x, point.y);
            (point.x, point.y) = self.rpc.appears(long, lat, self.height);
        }
        Ok(())
    }
}
