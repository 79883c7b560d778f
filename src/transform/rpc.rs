//! RPC: from a map of longitudes and latitudes to an image that rational polynomials describe.

use super::{Point, Transform, numbers_key};
use crate::cache::digest;
use crate::error::{Error, Result};
use crate::georef::{Affine, Rpc};
use crate::provider::{Provider, Request};
use std::sync::Arc;

/// How high the ground is, in metres above the ellipsoid; called from any number of threads.
pub trait Heights: Send + Sync {
    /// What it is called in keys.
    fn key(&self) -> String;

    /// The images that it reads.
    fn sources(&self) -> &[Arc<dyn Provider>] {
        &[]
    }

    /// The heights of places, each a longitude and a latitude in degrees; NaN where none is known.
    fn of(&self, places: &[(f64, f64)], request: &Request<'_>) -> Result<Vec<f64>>;
}

/// All of the ground is at one height.
impl Heights for f64 {
    fn key(&self) -> String {
        numbers_key(&[*self])
    }

    fn of(&self, places: &[(f64, f64)], _: &Request<'_>) -> Result<Vec<f64>> {
        Ok(vec![*self; places.len()])
    }
}

struct Rational<H> {
    rpc: Rpc,
    ground: Affine,
    heights: H,
    key: String,
}

/// Pixels of an output lie on the ground as `ground` says, in degrees of longitude and latitude, all at one height;
/// from there they are seen in the image that `rpc` describes.
pub fn rpc(rpc: Rpc, ground: Affine, height: f64) -> Result<Arc<dyn Transform>> {
    match height.is_finite() {
        true => rpc_over(rpc, ground, height),
        false => Err(Error::range(format!(
            "the height is {height}; it must be finite"
        ))),
    }
}

/// [`rpc`] over ground that is as high as `heights` say.
pub fn rpc_over<H: Heights + 'static>(
    rpc: Rpc,
    ground: Affine,
    heights: H,
) -> Result<Arc<dyn Transform>> {
    if let Some(number) = ground.0.iter().find(|number| !number.is_finite()) {
        return Err(Error::range(format!(
            "a number of the ground is {number}; it must be finite"
        )));
    }
    let key = format!(
        "rpc:{}:ground:{}:height:{}",
        digest(&format!("{rpc:?}")),
        numbers_key(&ground.0),
        heights.key()
    );
    Ok(Arc::new(Rational {
        rpc,
        ground,
        heights,
        key,
    }))
}

impl<H: Heights> Transform for Rational<H> {
    fn key(&self) -> &str {
        &self.key
    }

    fn to_source(&self, points: &mut [Point], request: &Request<'_>) -> Result<()> {
        let place = |point: &Point| self.ground.apply(point.x, point.y);
        let places: Vec<(f64, f64)> = points.iter().map(place).collect();
        let heights = self.heights.of(&places, request)?;
        for (point, ((long, lat), height)) in points.iter_mut().zip(places.iter().zip(heights)) {
            (point.x, point.y) = self.rpc.appears(*long, *lat, height);
        }
        Ok(())
    }

    fn sources(&self) -> &[Arc<dyn Provider>] {
        self.heights.sources()
    }
}
