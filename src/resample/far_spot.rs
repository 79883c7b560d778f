//! Far spot: one that stands for so many pixels that they go by row after row.

use super::patch::Lines;
use super::sample::Sample;
use super::spot::{Sums, Taps, by_part, count, has_data, writers};
use super::tally::Tally;
use super::{Filter, Format, Kernel, Patch, Spot};
use crate::dtype::DType;
use crate::error::{Error, Kind, Result};
use crate::memory::PixelsMut;

/// As many values are told apart at most; of each band they take 24 MiB.
const MOST_VALUES: usize = 1 << 20;

/// A spot that is given all its rows from top to bottom.
pub struct FarSpot<'a> {
    kernel: &'a Kernel,
    format: &'a Format,
    spot: &'a Spot,
    own: Taps,
    /// Those of the triangle, for a kernel with negative weights.
    soft: Option<Taps>,
    bands: Vec<Gathered>,
}

/// What one band is of the rows so far.
#[derive(Clone)]
struct Gathered {
    own: Sums,
    soft: Sums,
    is_sound: bool,
    is_data: bool,
    /// Of a filter that chooses.
    tally: Tally,
}

impl<'a> FarSpot<'a> {
    /// A spot of which no row was given yet.
    pub fn new(kernel: &'a Kernel, format: &'a Format, spot: &'a Spot) -> Self {
        let has_negative = kernel.filter.has_negative_weights();
        let none = Gathered {
            own: Sums::default(),
            soft: Sums::default(),
            is_sound: true,
            is_data: false,
            tally: Tally::new(kernel.filter),
        };
        Self {
            kernel,
            format,
            spot,
            own: Taps::new(kernel, kernel.filter, spot),
            soft: has_negative.then(|| Taps::new(kernel, Filter::Bilinear, spot)),
            bands: vec![none; format.nodata.len()],
        }
    }

    /// Takes in the rows of a patch. Fails where there is no end of values to choose from.
    pub fn add(&mut self, patch: &Patch) -> Result<()> {
        fn of_type<T: Sample>(far: &mut FarSpot<'_>, patch: &Patch) {
            far.add_lines(&Lines::<T>::new(patch, far.format));
        }
        by_part!(self.format.dtype, of_type(self, patch));
        match self.bands.iter().any(|band| band.tally.len() > MOST_VALUES) {
            true => Err(Error::new(
                Kind::Limit,
                format!(
                    "the filter {} for one pixel that stands for more than {MOST_VALUES} values",
                    self.kernel.filter.name()
                ),
            )),
            false => Ok(()),
        }
    }

    fn add_lines<T: Sample>(&mut self, lines: &Lines<T>) {
        let rows = lines.rows_of(&self.own.rows);
        for (band, gathered) in self.bands.iter_mut().enumerate() {
            gathered.is_data |= has_data(self.kernel, self.spot, lines, band);
            if self.kernel.filter.chooses() {
                count(&mut gathered.tally, self.spot, lines, band);
                continue;
            }
            gathered.is_sound &= lines.is_sound(band, &self.own.columns, &rows);
            gathered.own.add(&self.own, lines, self.format, band);
            if let Some(soft) = &self.soft {
                gathered.soft.add(soft, lines, self.format, band);
            }
        }
    }

    /// Writes all bands.
    pub fn write(&self, out: &mut PixelsMut<'_>) {
        fn of_type<T: Sample>(far: &FarSpot<'_>, out: &mut PixelsMut<'_>) {
            for (band, writer) in writers::<T>(far.format).iter().enumerate() {
                let gathered = &far.bands[band];
                let pixel = match (gathered.is_data, &far.soft) {
                    (false, _) => None,
                    _ if far.kernel.filter.chooses() => {
                        gathered.tally.chosen().map(|sample| [sample; 2])
                    }
                    (true, None) => gathered.own.mean(),
                    (true, Some(_)) => {
                        let own = gathered.is_sound.then(|| gathered.own.mean()).flatten();
                        own.or_else(|| gathered.soft.mean())
                    }
                };
                writer.write(out.row_mut(band, far.spot.to.1), far.spot.to.0, pixel);
            }
        }
        by_part!(self.format.dtype, of_type(self, out))
    }
}
