//! What of an image is data, as a part of keys. The key of an image names its samples; what an operator makes of them
//! follows from nodata values, opacity and a mask too, which another image over the same samples may not have.

use crate::cache::digest;
use crate::image::{Colour, Image};
use crate::provider::Provider;
use std::fmt::Write;

/// The part of the key, a colon before it; empty where all of the image is data.
pub fn data_key(source: &dyn Provider) -> String {
    let mut said = values(source.image());
    if let Some(mask) = source.mask() {
        // Writing into a string cannot fail.
        let _written = write!(said, ":mask:{}", mask.key());
    }
    match said.is_empty() {
        true => said,
        false => format!(":data:{}", digest(&said)),
    }
}

/// The nodata values, and which band is opacity.
fn values(image: &Image) -> String {
    let mut said = String::new();
    for (number, band) in image.bands.iter().enumerate() {
        if let Some(nodata) = &band.nodata {
            let bytes = nodata.bytes(image.dtype);
            let _written = write!(said, ":{number}:{bytes:02x?}");
        }
        if band.colour == Colour::Alpha {
            let _written = write!(said, ":{number}:alpha");
        }
    }
    said
}
