//! Data: which pixels of a part are no data, by its mask, its alpha, or the nodata value of a band.

use crate::dtype::Sample;
use crate::image::{Band, Colour, Image};
use crate::nodata::mark_data;
use crate::tile::Pixels;

/// What of an image says where it has data.
pub struct Data {
    alpha: Option<usize>,
    bands: Vec<Band>,
}

impl Data {
    /// What the bands of an image say.
    pub fn of(image: &Image) -> Self {
        let is_alpha = |band: &Band| band.colour == Colour::Alpha;
        Self {
            alpha: image.bands.iter().position(is_alpha),
            bands: image.bands.clone(),
        }
    }

    /// Where the pixels of a part are data in all bands but alpha, by its mask and its alpha: 255 there, row by row.
    /// `None` where neither says anything.
    pub fn shared(&self, pixels: &Pixels, mask: Option<&Pixels>) -> Option<Vec<u8>> {
        if self.alpha.is_none() && mask.is_none() {
            return None;
        }
        let (width, height) = (pixels.shape().width, pixels.shape().height);
        let mut shared = vec![0; width * height];
        for (y, row) in shared.chunks_exact_mut(width).enumerate() {
            match self.alpha {
                Some(alpha) => {
                    let samples = pixels.row(alpha, y);
                    mark_data(row, pixels.dtype(), samples, &Sample::default());
                }
                None => row.fill(255),
            }
            if let Some(mask) = mask {
                keep_data(row, mask.row(0, y));
            }
        }
        Some(shared)
    }

    /// Where a row of a band is data, given what is shared with the other bands and what the mask says; `None` where
    /// all of it is. Written to `own` where it is neither of them.
    pub fn of_row<'a>(
        &self,
        pixels: &Pixels,
        (band, y): (usize, usize),
        shared: Option<&'a [u8]>,
        mask: Option<&'a Pixels>,
        own: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let width = pixels.shape().width;
        // Alpha itself has a value everywhere that the mask leaves.
        let shared = match self.alpha == Some(band) {
            true => mask.map(|mask| mask.row(0, y)),
            false => shared.map(|shared| &shared[y * width..][..width]),
        };
        let Some(nodata) = &self.bands[band].nodata else {
            return shared;
        };
        own.clear();
        own.resize(width, 0);
        mark_data(own, pixels.dtype(), pixels.row(band, y), nodata);
        if let Some(shared) = shared {
            keep_data(own, shared);
        }
        Some(own)
    }
}

/// Leaves data where another row says so, too.
fn keep_data(row: &mut [u8], other: &[u8]) {
    for (data, other) in row.iter_mut().zip(other) {
        if *other != 255 {
            *data = 0;
        }
    }
}
