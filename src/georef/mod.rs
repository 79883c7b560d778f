//! Georeference: where the pixels of an image lie on the ground, and how that follows an image that is scaled or
//! turned.
//!
//! What was said of an image is kept as it was said. What is made from the image has beside it where its own pixels
//! stand in that image, so that however an operator came about, its place is computed once, from what was said.

mod affine;
mod located;
pub mod register;
mod rpc;
pub mod wkt;

pub use affine::Affine;
pub use located::Located;
pub use rpc::{Normal, Rpc};

/// What is said of the place of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Georef {
    /// From pixels, whose corners are whole numbers, to coordinates.
    pub transform: Option<Affine>,
    /// The coordinate reference system as WKT, where the source itself has its text.
    pub wkt: Option<String>,
    /// Its EPSG code, of the horizontal part.
    pub epsg: Option<u32>,
    /// The EPSG code of its vertical part.
    pub vertical_epsg: Option<u32>,
    /// The unit of heights that are pixels.
    pub vertical_unit: Option<String>,
    /// Points of which pixel and coordinates are known.
    pub gcps: Vec<Gcp>,
    /// Rational polynomials.
    pub rpc: Option<Rpc>,
    /// A pixel is a measurement at its centre rather than one of its area.
    pub pixel_is_point: bool,
}

/// A ground control point.
#[derive(Clone, Debug, PartialEq)]
pub struct Gcp {
    /// Its name.
    pub id: String,
    /// What else is said of it.
    pub info: String,
    /// The column and the row, whose corners are whole numbers.
    pub pixel: (f64, f64),
    /// The coordinates.
    pub place: [f64; 3],
}

impl Georef {
    /// Whether nothing is said at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same of an image whose pixels stand in this one's as `there` says.
    pub fn through(&self, there: &Affine) -> Self {
        let gcps = there.inverse().map(|back| {
            let moved = |gcp: &Gcp| Gcp {
                pixel: back.apply(gcp.pixel.0, gcp.pixel.1),
                ..gcp.clone()
            };
            self.gcps.iter().map(moved).collect()
        });
        Self {
            transform: self.transform.map(|transform| transform.after(there)),
            wkt: self.wkt.clone(),
            epsg: self.epsg,
            vertical_epsg: self.vertical_epsg,
            vertical_unit: self.vertical_unit.clone(),
            gcps: gcps.unwrap_or_default(),
            rpc: self.rpc.as_ref().and_then(|rpc| rpc.through(there)),
            pixel_is_point: self.pixel_is_point,
        }
    }
}
