//! Resampling: rows of an image that become fewer, step by step, the same bits however they are cut.
//!
//! A [`Step`] makes one image of a finer one. What it makes of a pixel depends on the place of the pixel alone: taps are
//! added in ascending order of rows and columns, whole numbers exactly and others in f64, and rounded once at the end.

mod axis;
mod cascade;
mod far_spot;
mod field;
mod filter;
mod format;
mod line;
mod patch;
mod poor;
mod rms;
mod sample;
mod select;
mod sips;
mod spot;
mod stage;
mod tally;
mod weighted;

pub use axis::{Axis, Ratio};
pub use cascade::{Cascade, Feed, Rows, of_mask, spans};
pub use far_spot::FarSpot;
pub use field::{At, Field, write_field};
pub use filter::Filter;
pub use format::Format;
pub use patch::{Patch, Samples};
pub use spot::{Kernel, Spot, write_none, write_spots};
pub use stage::{Columns, Stage, span, stage};

/// How one image becomes a smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What becomes of the columns.
    pub x: Axis,
    /// What becomes of the rows.
    pub y: Axis,
    /// How pixels become one.
    pub filter: Filter,
}
