//! Maps of the tests: smooth ones, folds, jumps, poles, and points that come from nowhere.

use tilecache::error::Result;
use tilecache::provider::Request;
use tilecache::transform::{Point, Transform};

type Way = dyn Fn(f64, f64) -> Option<(f64, f64)> + Send + Sync;

/// A function as a transformation.
pub struct Function {
    pub name: &'static str,
    pub way: Box<Way>,
}

impl Transform for Function {
    fn key(&self) -> &str {
        self.name
    }

    fn to_source(&self, points: &mut [Point], _: &Request<'_>) -> Result<()> {
        for point in points {
            let there = (self.way)(point.x, point.y);
            *point = there.map_or(Point::NONE, |(x, y)| Point::new(x, y));
        }
        Ok(())
    }
}

/// The maps, over a source of some 90 x 70 pixels.
pub fn all() -> Vec<Function> {
    let function = |name, way: Box<Way>| Function { name, way };
    vec![
        function("same", Box::new(|x, y| Some((x, y)))),
        function(
            "turned",
            Box::new(|x, y| Some((20.0 + 0.8 * x - 0.6 * y, -10.0 + 0.6 * x + 0.8 * y))),
        ),
        function(
            "small",
            Box::new(|x, y| Some((x * 3.3 - 40.0, y * 2.7 - 30.5))),
        ),
        function(
            "large",
            Box::new(|x, y| Some((x * 0.21 + 30.0, 40.0 - y * 0.17))),
        ),
        function(
            "waves",
            Box::new(|x, y| {
                Some((
                    x + 6.0 * libm::sin(y / 9.0),
                    y * 1.3 + 5.0 * libm::sin(x / 7.0),
                ))
            }),
        ),
        // A pole in the middle.
        function(
            "pole",
            Box::new(|x, y| {
                let (x, y) = (x - 61.0, y - 43.0);
                let angle = libm::atan2(y, x) / std::f64::consts::PI;
                Some(((angle + 1.0) * 45.0, libm::sqrt(x * x + y * y)))
            }),
        ),
        // What lies beyond the horizon comes from nowhere.
        function(
            "horizon",
            Box::new(|x, y| {
                let (x, y) = ((x - 60.0) / 52.0, (y - 50.0) / 52.0);
                let left = 1.0 - x * x - y * y;
                (left > 0.0).then(|| {
                    let z = libm::sqrt(left);
                    (45.0 + 44.0 * libm::atan2(x, z), 35.0 + 30.0 * y / (0.3 + z))
                })
            }),
        ),
        // Both sides come from the same place.
        function(
            "fold",
            Box::new(|x, y| {
                let far = x - 57.3;
                Some((far * far / 40.0, y + far.abs() / 5.0))
            }),
        ),
        // Longitudes that begin again.
        function(
            "jump",
            Box::new(|x, y| Some(((x * 1.1 + 37.0).rem_euclid(90.0), y * 0.9))),
        ),
        function("nowhere", Box::new(|_, _| None)),
        function("one place", Box::new(|_, _| Some((33.25, 21.75)))),
        function(
            "infinite",
            Box::new(|x, y| Some((1.0 / (x - 40.5) * 100.0, 1e300 * (y - 30.0).max(0.0) + y))),
        ),
    ]
}
