//! Filters: how several pixels become one.

use crate::error::{Error, Kind, Result};
use crate::image::{Colour, Image};

/// How several pixels become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Filter {
    /// The first pixel of those that one stands for.
    Nearest = 1,
    /// Their mean, by area.
    Average = 2,
    /// A triangle of two pixels of the output to each side.
    Bilinear = 3,
    /// The cubic convolution of Keys with a = -0.5.
    Cubic = 4,
    /// Lanczos of three lobes.
    Lanczos = 5,
    /// A bell of binomial weights.
    Gauss = 6,
    /// The most frequent value.
    Mode = 7,
    /// The least value.
    Min = 8,
    /// The greatest value.
    Max = 9,
    /// The middle value, of two the lower one.
    Median = 10,
    /// The root of the mean square, by area.
    Rms = 11,
    /// The two stages of the pyramids of SIPS (NGA.STND.0014, 2.2).
    Sips = 12,
}

impl Filter {
    /// All filters, in the order of their codes.
    pub const ALL: [Filter; 12] = [
        Filter::Nearest,
        Filter::Average,
        Filter::Bilinear,
        Filter::Cubic,
        Filter::Lanczos,
        Filter::Gauss,
        Filter::Mode,
        Filter::Min,
        Filter::Max,
        Filter::Median,
        Filter::Rms,
        Filter::Sips,
    ];

    /// The name in keys and messages.
    pub fn name(self) -> &'static str {
        match self {
            Filter::Nearest => "nearest",
            Filter::Average => "average",
            Filter::Bilinear => "bilinear",
            Filter::Cubic => "cubic",
            Filter::Lanczos => "lanczos",
            Filter::Gauss => "gauss",
            Filter::Mode => "mode",
            Filter::Min => "min",
            Filter::Max => "max",
            Filter::Median => "median",
            Filter::Rms => "rms",
            Filter::Sips => "sips",
        }
    }

    /// Whether a pixel of the output is one of the pixels that it stands for.
    pub fn selects(self) -> bool {
        use Filter::*;
        matches!(self, Nearest | Mode | Min | Max | Median)
    }

    /// Whether what a pixel of a warp is follows from one place, and not from what it covers.
    pub fn is_at_place(self) -> bool {
        use Filter::*;
        matches!(self, Nearest | Bilinear | Cubic | Lanczos)
    }

    /// Whether a pixel of the output is one of several pixels, chosen by their values.
    pub fn chooses(self) -> bool {
        self.selects() && self != Filter::Nearest
    }

    /// Whether some pixels count negative.
    pub fn has_negative_weights(self) -> bool {
        matches!(self, Filter::Cubic | Filter::Lanczos | Filter::Sips)
    }

    /// The filter for an image where none is named: one that makes no new indices of a palette.
    pub fn default_for(image: &Image) -> Self {
        match has_palette(image) {
            true => Filter::Nearest,
            false => Filter::Average,
        }
    }

    /// Refuses an image whose samples the filter cannot combine.
    pub fn check(self, image: &Image) -> Result<()> {
        let refused = |what: &str| {
            let name = self.name();
            Err(Error::new(
                Kind::Unsupported,
                format!("the filter {name} for {what}"),
            ))
        };
        let is_linear = !matches!(
            self,
            Filter::Mode | Filter::Min | Filter::Max | Filter::Median | Filter::Rms
        );
        if image.dtype.is_complex() && !is_linear {
            return refused(&format!("complex samples ({})", image.dtype.name()));
        }
        if has_palette(image) && !matches!(self, Filter::Nearest | Filter::Mode) {
            return refused("indices of a palette");
        }
        Ok(())
    }
}

fn has_palette(image: &Image) -> bool {
    let mut bands = image.bands.iter();
    bands.any(|band| band.colour == Colour::Palette)
}
